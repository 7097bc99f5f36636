/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl log, as an operator calls it: what it prints and how it exits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/commands.h"
#include "measure/err.h"
#include "measure/log.h"

#define SEEDS "tests/fuzz/seeds/fuzz_log/"

static char out[1 << 16], err[1 << 14], dir[64], path[128];

static void slurp(FILE *f, char *buf, size_t cap)
{
	rewind(f);
	buf[fread(buf, 1, cap - 1, f)] = 0;
	fclose(f);
}

/* Words after "log"; ends with NULL. */
static int run(const char *first, ...)
{
	char *argv[16] = { (char *)(uintptr_t)"log" };
	int argc = 1, saved_out = dup(1), saved_err = dup(2), code;
	FILE *to = tmpfile(), *errors = tmpfile();
	va_list words;

	va_start(words, first);
	for (const char *word = first; word; word = va_arg(words, const char *))
		argv[argc++] = (char *)(uintptr_t)word;
	va_end(words);
	fflush(stdout);
	fflush(stderr);
	dup2(fileno(to), 1);
	dup2(fileno(errors), 2);
	code = hf_cmd_log(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	close(saved_out);
	close(saved_err);
	slurp(to, out, sizeof(out));
	slurp(errors, err, sizeof(err));
	return code;
}

static void assert_has(const char *text, const char *want)
{
	if (!strstr(text, want))
		print_error("no \"%s\" in:\n%s\n", want, text);
	assert_non_null(strstr(text, want));
}

static void assert_columns(const char *text)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n'),
	     line = line ? line + 1 : NULL)
		assert_true(strcspn(line, "\n") <= 80);
}

static void save(struct hf_span bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
	close(fd);
}

static void shows_ours(void **state)
{
	json_t *doc, *events, *part;

	(void)state;
	assert_int_equal(run("show", SEEDS "three-banks.bin", NULL), 0);
	assert_has(out, "crypto-agile log, sha1 sha256 sha384\n");
	assert_has(out, "  1  PCR 13  EV_EVENT_TAG  holdfast BEGIN\n");
	assert_has(out, "     path: board\n");
	assert_has(out, "  4  PCR 13  EV_EVENT_TAG  holdfast CAP\n");
	assert_has(out, "grammar: the log reads BEGIN, parts, END, CAP and nothing else\n");
	assert_columns(out);
	assert_string_equal(err, "");

	assert_int_equal(run("show", "--json", SEEDS "three-banks.bin", NULL), 0);
	doc = json_loads(out, 0, NULL);
	assert_non_null(doc);
	assert_true(json_is_null(json_object_get(doc, "error")));
	events = json_object_get(doc, "events");
	assert_int_equal(json_array_size(events), 4);
	part = json_array_get(events, 1);
	assert_string_equal(json_string_value(json_object_get(part, "tag")), "PART");
	assert_string_equal(json_string_value(json_object_get(
		json_object_get(part, "payload"), "path")), "board");
	assert_int_equal(json_object_size(json_object_get(part, "digests")), 3);
	json_decref(doc);
}

static void replays_like_the_library(void **state)
{
	json_t *doc, *bank;

	(void)state;
	assert_int_equal(run("replay", SEEDS "sha256.bin", "--alg", "sha256", NULL), 0);
	assert_true(strncmp(out, "  sha256:\n    0 : 0x000000", 25) == 0);
	assert_has(out, "    17: 0xFFFF");
	assert_has(out, "    23: 0x0000");
	assert_int_equal(run("replay", SEEDS "three-banks.bin", "--json", NULL), 0);
	doc = json_loads(out, 0, NULL);
	assert_non_null(doc);
	assert_int_equal(json_object_size(json_object_get(doc, "banks")), 3);
	bank = json_object_get(json_object_get(doc, "banks"), "sha384");
	assert_int_equal(json_integer_value(json_array_get(json_object_get(bank, "extended"), 0)), 13);
	assert_int_equal(json_array_size(json_object_get(bank, "extended")), 1);
	assert_int_equal(strlen(json_string_value(json_object_get(
		json_object_get(bank, "pcrs"), "13"))), 96);
	json_decref(doc);
	assert_int_equal(run("replay", SEEDS "sha256.bin", "--alg=sha512", NULL), 3);
	assert_has(err, "[log-algorithm]");
}

static void says_what_is_wrong(void **state)
{
	static uint8_t buf[4096];
	struct hf_log log;
	struct hf_log_entry entry;
	const struct hf_span junk = { (const uint8_t *)"\xff\x1b[2J", 5 };

	(void)state;
	assert_int_equal(hf_log_start(&log, buf, sizeof(buf), HF_ALG_MASK(HF_ALG_SHA256), 13), HF_OK);
	assert_int_equal(hf_log_reserve(&log, HF_TAG_BEGIN, junk, &entry), HF_OK);
	hf_log_commit(&log);
	save(hf_written(&log.out));
	assert_int_equal(run("show", path, NULL), 0);	/* well formed, but not whole */
	assert_has(out, "[log-grammar]");
	assert_has(out, "error: cbor-");
	assert_null(strchr(out, 0x1b));

	save(hf_span_part(hf_written(&log.out), 0, log.out.len - 1));
	assert_int_equal(run("show", path, NULL), 3);
	assert_has(err, "[log-truncated]");
	assert_int_equal(run("show", path, "--json", NULL), 3);
	assert_has(out, "\"error\": \"log-truncated\"");
	assert_int_equal(run("replay", path, NULL), 3);
	assert_has(err, "[log-truncated]");
	assert_int_equal(run("show", "/nonexistent", NULL), 2);
	assert_has(err, "[file-unreadable]");
}

static void refuses_bad_command_lines(void **state)
{
	(void)state;
	assert_int_equal(run(NULL), 2);
	assert_int_equal(run("list", NULL), 2);
	assert_int_equal(run("show", NULL), 2);
	assert_int_equal(run("show", "a", "b", NULL), 2);
	assert_has(err, "'b'");
	assert_int_equal(run("show", "a", "--verbose", NULL), 2);
	assert_int_equal(run("show", "a", "--alg", "sha1", NULL), 2);
	assert_int_equal(run("replay", "a", "--alg", "md5", NULL), 2);
	assert_has(err, "md5");
	assert_int_equal(run("replay", "a", "--alg", NULL), 2);
	assert_int_equal(run("replay", "--help", NULL), 0);
	assert_has(out, "usage: holdfastctl log show");
	assert_columns(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_ours),
		cmocka_unit_test(replays_like_the_library),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(refuses_bad_command_lines),
	};
	int failed;

	snprintf(dir, sizeof(dir), "/tmp/hf-log-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/log", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(dir);
	return failed;
}
