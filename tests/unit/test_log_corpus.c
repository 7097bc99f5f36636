/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real and quirky event logs from elsewhere: each reads whole or gives the named error
 * below, and where tpm2_eventlog's YAML lies beside it, counts and PCRs agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure/file.h"
#include "measure/log.h"

static struct hf_arena arena;
static char dir[512];

static void need_corpus(void)
{
	if (access(dir, R_OK) == 0)
		return;
	printf("SKIP no corpus: set HOLDFAST_CORPUS\n");
	skip();
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

static struct hf_span load(const char *sub, const char *name)
{
	char path[1200];
	struct hf_span bytes;

	snprintf(path, sizeof(path), "%s%s/%s", dir, sub, name);
	assert_int_equal(hf_file_read(AT_FDCWD, path, HF_FIRMWARE_LOG_MAX, &arena, &bytes, NULL),
			 HF_OK);
	return bytes;
}

static enum hf_err read_all(struct hf_span log, size_t *ret_count, bool *ret_sha1)
{
	struct hf_log_reader reader;
	struct hf_event e;
	enum hf_err err = hf_log_open(log, &reader);
	size_t end = 0;

	if (err)
		return err;
	*ret_count = reader.sha1_only ? 0 : 1;
	*ret_sha1 = reader.sha1_only;
	while (hf_log_next(&reader, &e)) {
		assert_true(e.offset >= end);	/* events advance and lie inside the log */
		end = reader.cursor.pos;
		assert_true(e.data.len <= log.len && end <= log.len);
		(*ret_count)++;
	}
	return reader.err;
}

/* Everything not named here must read whole. */
static const struct { const char *name; enum hf_err err; } refused[] = {
	{ "keylime_keylime__binary_bios_measurements-bogus", HF_ERR_LOG_TRUNCATED },
	{ "keylime_keylime__binary_bios_measurements-empty", HF_ERR_LOG_TRUNCATED },
	/* Confidential-computing logs begin in register 1: no TPM's log. */
	{ "google_go-eventlog__event_log.bin", HF_ERR_LOG_HEADER },
	{ "google_go-eventlog__cos-113-intel-tdx-dupe-separator-unpadded.bin", HF_ERR_LOG_HEADER },
	{ "google_go-eventlog__cos-113-intel-tdx.bin", HF_ERR_LOG_HEADER },
	{ "google_go-eventlog__CCEL_unpadded.data.bin", HF_ERR_LOG_HEADER },
	{ "google_go-eventlog__CCEL.bin", HF_ERR_LOG_TRUNCATED },	/* the ACPI table */
	/* Vendor information beyond the event's size: readers differ, so we refuse. */
	{ "tpm2-tools__specid-vendordata.bin", HF_ERR_LOG_HEADER },
	{ "nospec.bin", HF_ERR_LOG_TRUNCATED },
	{ "truncated.bin", HF_ERR_LOG_TRUNCATED },
	{ "spec_pcr8.bin", HF_ERR_LOG_HEADER },
};

static enum hf_err expected(const char *name)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(refused[i].name, name) == 0)
			return refused[i].err;
	return HF_OK;
}

static size_t read_folder(const char *sub)
{
	char path[600];
	struct dirent *entry;
	size_t files = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s%s", dir, sub);
	need_corpus();
	d = opendir(path);
	assert_non_null(d);
	while ((entry = readdir(d))) {
		size_t count = 0;
		bool sha1 = false;
		const char *name = entry->d_name;

		if (name[0] == '.' || entry->d_type == DT_DIR || ends_with(name, ".json") ||
		    ends_with(name, ".yaml") || ends_with(name, ".txt") || ends_with(name, ".md") ||
		    ends_with(name, ".warn") || ends_with(name, ".table.bin"))
			continue;
		arena.len = 0;
		enum hf_err err = read_all(load(sub, name), &count, &sha1);

		if (err != expected(name))
			print_error("%s: %s after %zu events\n", name, hf_err_name(err), count);
		assert_int_equal(err, expected(name));
		files++;
	}
	closedir(d);
	return files;
}

static void every_log_reads(void **state)
{
	(void)state;
	assert_true(read_folder("") > 30);
}

static void every_quirk_reads(void **state)
{
	(void)state;
	assert_true(read_folder("/synthetic-quirks") > 20);
}

/* "  4  : 0xabcd" under "  sha1:" under "pcrs:" */
static size_t compare_pcrs(const char *yaml, struct hf_span log)
{
	const char *line = strstr(yaml, "\npcrs:");
	struct hf_pcrs pcrs = { .alg = HF_ALG_SHA1 };
	size_t compared = 0;

	while (line && (line = strchr(line + 1, '\n'))) {
		char name[16], hex[2 * HF_DIGEST_MAX + 1], mine[2 * HF_DIGEST_MAX + 1];
		struct hf_digest value;
		unsigned pcr;

		if (sscanf(line, " %u : 0x%128[0-9a-f]", &pcr, hex) == 2) {
			assert_true(pcr < HF_PCR_COUNT);
			value.alg = pcrs.alg;
			memcpy(value.bytes, pcrs.value[pcr], HF_DIGEST_MAX);
			hf_digest_hex(&value, mine);
			assert_string_equal(mine, hex);
			assert_true(pcrs.extended >> pcr & 1);
			compared++;
		} else if (sscanf(line, " %15[a-z0-9]:", name) == 1) {
			enum hf_alg alg;

			assert_true(hf_alg_from_name(name, &alg));
			assert_int_equal(hf_log_replay(log, alg, &pcrs), HF_OK);
		}
	}
	return compared;
}

static void agrees_with_tpm2_eventlog(void **state)
{
	struct dirent *entry;
	size_t files = 0, pcrs = 0;
	DIR *d;

	(void)state;
	need_corpus();
	d = opendir(dir);
	assert_non_null(d);
	while ((entry = readdir(d))) {
		const char *name = entry->d_name;
		const char *stem = strstr(name, "event-raw__");
		char log_name[300];
		size_t count = 0, want = 0;
		bool sha1;

		if (!ends_with(name, ".yaml"))
			continue;
		arena.len = 0;
		snprintf(log_name, sizeof(log_name), "%.*s%.*s",
			 stem ? (int)(stem - name) : 0, name,
			 (int)(strlen(stem ? stem + 11 : name) - 5), stem ? stem + 11 : name);
		struct hf_span log = load("", log_name);
		const char *yaml = (const char *)load("", name).ptr;

		for (const char *p = yaml; (p = strstr(p, "PCRIndex:")); p++)
			want++;
		assert_int_equal(read_all(log, &count, &sha1), expected(log_name));
		if (expected(log_name))
			continue;
		if (count != want)
			print_error("%s: %zu events, not %zu\n", name, count, want);
		assert_int_equal(count, want);
		pcrs += compare_pcrs(yaml, log);
		files++;
	}
	closedir(d);
	assert_int_equal(files, 11);
	assert_true(pcrs > 100);
}

static void quote_log_replays(void **state)
{
	struct hf_pcrs pcrs;
	struct hf_span log, values;

	(void)state;
	need_corpus();
	arena.len = 0;
	log = load("/swtpm-quote", "t16.bin");
	values = load("/swtpm-quote", "q.pcrs");
	assert_int_equal(hf_log_replay(log, HF_ALG_SHA256, &pcrs), HF_OK);
	assert_int_equal(pcrs.extended, 1u << 16);
	assert_memory_equal(pcrs.value[16], values.ptr + 132 + 4 + 4 + 2, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_log_reads),
		cmocka_unit_test(every_quirk_reads),
		cmocka_unit_test(agrees_with_tpm2_eventlog),
		cmocka_unit_test(quote_log_replays),
	};
	const char *corpus = getenv("HOLDFAST_CORPUS");

	snprintf(dir, sizeof(dir), "%s/eventlogs", corpus ? corpus : "../shared/data");
	if (hf_arena_make(64 << 20, &arena))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
