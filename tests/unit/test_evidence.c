/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure/evidence.h"
#include "measure/log.h"

#define TYPE "\"__cmwc_t\":\"tag:holdfast.invalid,2026:evidence\""
#define QUOTE "\"quote.attest\":[\"application/vnd.holdfast.tpms-attest\","

static struct hf_arena arena;
static char root[64], dir[96];

static int setup(void **state)
{
	(void)state;
	if (hf_arena_make(64u << 20, &arena))
		return -1;
	snprintf(root, sizeof(root), "/tmp/holdfast-evidence-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(dir, sizeof(dir), "%s/evidence", root);
	return 0;
}

static void empty_directory(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	rmdir(path);
}

static int teardown(void **state)
{
	(void)state;
	empty_directory(dir);
	empty_directory(root);
	hf_arena_drop(&arena);
	return 0;
}

#define SPANS (sizeof(struct hf_evidence) / sizeof(struct hf_span))

/* Every member different, of lengths that leave 0, 1 and 2 bytes over in base64. */
static struct hf_evidence full(void)
{
	static uint8_t bytes[256];
	struct hf_evidence evidence;
	struct hf_span *spans = (struct hf_span *)&evidence;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(255 - i);
	for (size_t i = 0; i < SPANS; i++)
		spans[i] = (struct hf_span){ bytes + i, i + 1 };
	return evidence;
}

static void assert_same(const struct hf_evidence *a, const struct hf_evidence *b)
{
	const struct hf_span *x = (const struct hf_span *)a, *y = (const struct hf_span *)b;

	for (size_t i = 0; i < SPANS; i++)
		assert_true(hf_span_equal(x[i], y[i]));
}

static size_t count_files(void)
{
	DIR *d = opendir(dir);
	size_t count = 0;

	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));)
		count += entry->d_name[0] != '.';
	closedir(d);
	return count;
}

static void a_directory_round_trips(void **state)
{
	struct hf_evidence evidence = full(), again;
	struct hf_fault fault = { 0 };

	(void)state;
	memset(&again, 0xaa, sizeof(again));
	assert_int_equal(hf_evidence_write(&evidence, dir, &fault), HF_OK);
	assert_int_equal(count_files(), SPANS);
	assert_int_equal(hf_evidence_read(dir, &arena, &again, &fault), HF_OK);
	assert_same(&evidence, &again);
}

static void what_is_not_present_does_not_stay_from_before(void **state)
{
	struct hf_evidence evidence = full(), again;
	struct hf_fault fault = { 0 };

	(void)state;
	assert_int_equal(hf_evidence_write(&evidence, dir, &fault), HF_OK);
	evidence.receipt = evidence.receipt_signature = (struct hf_span){ 0 };
	evidence.log = hf_span_text("another boot");
	assert_int_equal(hf_evidence_write(&evidence, dir, &fault), HF_OK);
	assert_int_equal(count_files(), SPANS - 2);
	assert_int_equal(hf_evidence_read(dir, &arena, &again, &fault), HF_OK);
	assert_same(&evidence, &again);
}

static void nothing_there_is_an_error(void **state)
{
	struct hf_evidence evidence;
	struct hf_fault fault = { 0 };

	(void)state;
	memset(&evidence, 0xaa, sizeof(evidence));
	assert_int_equal(hf_evidence_read(dir, &arena, &evidence, &fault), HF_ERR_FILE_UNREADABLE);
	assert_string_equal(fault.where, dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(hf_evidence_read(dir, &arena, &evidence, &fault), HF_ERR_FILE_UNREADABLE);
	assert_int_equal(((uint8_t *)&evidence)[0], 0xaa);
}

static void files_have_limits(void **state)
{
	struct hf_evidence evidence = full(), again;
	struct hf_fault fault = { 0 };
	uint8_t *large = hf_arena_take(&arena, HF_LOG_MAX + 1);
	char path[128];
	FILE *f;

	(void)state;
	evidence.log = (struct hf_span){ large, HF_LOG_MAX + 1 };
	assert_int_equal(hf_evidence_write(&evidence, dir, &fault), HF_ERR_LIMIT);
	assert_string_equal(fault.where, "holdfast.evlog");
	evidence.log.len = HF_LOG_MAX;
	assert_int_equal(hf_evidence_write(&evidence, dir, &fault), HF_OK);
	assert_int_equal(hf_evidence_read(dir, &arena, &again, &fault), HF_OK);
	snprintf(path, sizeof(path), "%s/holdfast.evlog", dir);
	f = fopen(path, "a");
	assert_non_null(f);
	fputc('x', f);
	fclose(f);
	memset(&again, 0xaa, sizeof(again));
	assert_int_equal(hf_evidence_read(dir, &arena, &again, &fault), HF_ERR_FILE_TOO_LARGE);
	assert_string_equal(fault.where, "holdfast.evlog");
	assert_int_equal(((uint8_t *)&again)[0], 0xaa);
}

static void an_unwritable_place_is_named(void **state)
{
	struct hf_evidence evidence = full();
	struct hf_fault fault = { 0 };

	(void)state;
	assert_int_equal(hf_evidence_write(&evidence, "/nonexistent/place/x", &fault), HF_ERR_OUTPUT_FAILED);
	assert_string_equal(fault.where, "/nonexistent/place/x");
	assert_int_equal(hf_evidence_write(&evidence, "/dev/null", &fault), HF_ERR_OUTPUT_FAILED);
	/* a directory in the place of a member */
	assert_int_equal(mkdir(dir, 0755), 0);
	char path[128];
	snprintf(path, sizeof(path), "%s/quote.attest", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(hf_evidence_write(&evidence, dir, &fault), HF_ERR_OUTPUT_FAILED);
	assert_string_equal(fault.where, "quote.attest");
	rmdir(path);
}

static void cmw_round_trips(void **state)
{
	struct hf_evidence evidence = full(), again;
	struct hf_span json;

	(void)state;
	for (size_t skip = 0; skip <= SPANS; skip++) {
		evidence = full();
		if (skip < SPANS)
			((struct hf_span *)&evidence)[skip] = (struct hf_span){ 0 };
		assert_int_equal(hf_evidence_to_cmw(&evidence, &arena, &json), HF_OK);
		assert_int_equal(json.ptr[json.len], '\0');
		assert_null(memchr(json.ptr, '\n', json.len));
		memset(&again, 0xaa, sizeof(again));
		assert_int_equal(hf_evidence_from_cmw(json, &arena, &again), HF_OK);
		assert_same(&evidence, &again);
	}
}

static void cmw_is_what_the_documentation_says(void **state)
{
	struct hf_evidence evidence = { .quote = { (const uint8_t *)"\xfb\xff\xfe\x00", 4 } };
	struct hf_span json;

	(void)state;
	assert_int_equal(hf_evidence_to_cmw(&evidence, &arena, &json), HF_OK);
	assert_string_equal((const char *)json.ptr, "{" TYPE "," QUOTE "\"-__-AA\",4]}");
}

static void assert_cmw(const char *json, enum hf_err cause)
{
	struct hf_evidence evidence;
	size_t arena_len = arena.len;

	memset(&evidence, 0xaa, sizeof(evidence));
	assert_int_equal(hf_evidence_from_cmw(hf_span_text(json), &arena, &evidence), cause);
	if (cause) {
		assert_int_equal(((uint8_t *)&evidence)[0], 0xaa);
		assert_int_equal(arena.len, arena_len);
	}
}

static void cmw_is_read_strictly(void **state)
{
	(void)state;
	assert_cmw("{" TYPE "," QUOTE "\"AA\",4]}", HF_OK);
	assert_cmw("{" TYPE "," QUOTE "\"AA\"]}", HF_OK);
	assert_cmw("{" TYPE "," QUOTE "\"AA\",4],\"unknown\":[1,2,3]}", HF_OK);
	assert_cmw("", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("[]", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "," QUOTE "\"AA\",4]", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "," QUOTE "\"AA\",4]} x", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" QUOTE "\"AA\",4]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{\"__cmwc_t\":\"tag:other\"," QUOTE "\"AA\",4]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{\"__cmwc_t\":1," QUOTE "\"AA\",4]}", HF_ERR_EVIDENCE_SHAPE);
	/* duplicates */
	assert_cmw("{" TYPE "," QUOTE "\"AA\",4]," QUOTE "\"AA\",4]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "," TYPE "," QUOTE "\"AA\",4]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "," QUOTE "\"AA\",4],\"u\":{\"a\":1,\"a\":2}}", HF_ERR_EVIDENCE_SHAPE);
	/* the record */
	assert_cmw("{" TYPE ",\"quote.attest\":\"AA\"}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE ",\"quote.attest\":null}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE ",\"quote.attest\":[\"text/plain\",\"AA\",4]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE ",\"quote.attest\":[1,\"AA\",4]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "," QUOTE "\"AA\",2]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "," QUOTE "\"AA\",\"4\"]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "," QUOTE "\"AA\",4,4]}", HF_ERR_EVIDENCE_SHAPE);
	assert_cmw("{" TYPE "," QUOTE "7,4]}", HF_ERR_EVIDENCE_SHAPE);
}

static void base64url_has_one_form(void **state)
{
	static const char *const bad[] = {
		"", "A", "AAAAA", "AA==", "AA=", "AB", "AAB", "A+", "A/", "A A", "AA\\n", "\xc3\xa9",
	};
	char json[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(json, sizeof(json), "{" TYPE "," QUOTE "\"%s\",4]}", bad[i]);
		assert_cmw(json, HF_ERR_EVIDENCE_SHAPE);
	}
	assert_cmw("{" TYPE "," QUOTE "\"AAE\",4]}", HF_OK);
}

static void cmw_has_limits(void **state)
{
	struct hf_evidence evidence = full();
	size_t n = HF_LOG_MAX / 3 * 4;
	char *json = malloc(n + 8192), *p;
	struct hf_span span;

	(void)state;
	assert_non_null(json);
	for (int over = 0; over < 2; over++) {	/* 61440 = 3 * 20480 bytes, then three more */
		p = json + sprintf(json, "{" TYPE ",\"holdfast.evlog\":[\"application/vnd.holdfast.log\",\"");
		memset(p, 'A', n + 4 * (size_t)over);
		strcpy(p + n + 4 * (size_t)over, "\",4]}");
		assert_cmw(json, over ? HF_ERR_LIMIT : HF_OK);
	}
	for (int members = 62; members < 64; members++) {
		p = json + sprintf(json, "{" TYPE "," QUOTE "\"AA\",4]");
		for (int i = 0; i < members; i++)
			p += sprintf(p, ",\"u%d\":0", i);
		strcpy(p, "}");
		assert_cmw(json, members == 62 ? HF_OK : HF_ERR_LIMIT);
	}
	free(json);
	evidence.nonce.len = 65;
	assert_int_equal(hf_evidence_to_cmw(&evidence, &arena, &span), HF_ERR_LIMIT);
	evidence.nonce.len = 64;
	arena.cap = arena.len + 64;
	assert_int_equal(hf_evidence_to_cmw(&evidence, &arena, &span), HF_ERR_LIMIT);
	arena.cap = 64u << 20;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_directory_round_trips),
		TEST(what_is_not_present_does_not_stay_from_before),
		TEST(nothing_there_is_an_error),
		TEST(files_have_limits),
		TEST(an_unwritable_place_is_named),
		TEST(cmw_round_trips),
		TEST(cmw_is_what_the_documentation_says),
		TEST(cmw_is_read_strictly),
		TEST(base64url_has_one_form),
		TEST(cmw_has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
