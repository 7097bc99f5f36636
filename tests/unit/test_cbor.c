/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/cbor.h"
#include "measure/file.h"

#define BYTES(...) ((struct hf_span){ (const uint8_t[]){ __VA_ARGS__ }, \
				      sizeof((const uint8_t[]){ __VA_ARGS__ }) })

/* The cause with which reading exactly one item ends. */
static enum hf_err skip_err(struct hf_span in, bool lenient)
{
	struct hf_cbor r = hf_cbor_at(in);

	r.lenient = lenient;
	hf_cbor_skip(&r);
	return hf_cbor_end(&r);
}

#define STRICT(cause, ...) assert_int_equal(skip_err(BYTES(__VA_ARGS__), false), (cause))
#define LENIENT(cause, ...) assert_int_equal(skip_err(BYTES(__VA_ARGS__), true), (cause))

static void numbers(void **state)
{
	/* RFC 8949 appendix A */
	static const struct { uint64_t value; const char *bytes; size_t len; } rows[] = {
		{ 0, "\x00", 1 }, { 23, "\x17", 1 }, { 24, "\x18\x18", 2 },
		{ 255, "\x18\xff", 2 }, { 256, "\x19\x01\x00", 3 }, { 1000, "\x19\x03\xe8", 3 },
		{ 65536, "\x1a\x00\x01\x00\x00", 5 }, { 1000000, "\x1a\x00\x0f\x42\x40", 5 },
		{ 4294967296, "\x1b\x00\x00\x00\x01\x00\x00\x00\x00", 9 },
		{ UINT64_MAX, "\x1b\xff\xff\xff\xff\xff\xff\xff\xff", 9 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_cbor r = hf_cbor_at((struct hf_span){ (const uint8_t *)rows[i].bytes, rows[i].len });
		uint8_t buf[9];
		struct hf_writer w = { buf, sizeof(buf), 0, false };

		assert_int_equal(hf_cbor_peek(&r), HF_CBOR_UINT);
		assert_true(hf_cbor_uint(&r) == rows[i].value);
		assert_int_equal(hf_cbor_end(&r), HF_OK);
		hf_cbor_put_uint(&w, rows[i].value);
		assert_int_equal(w.len, rows[i].len);
		assert_memory_equal(buf, rows[i].bytes, w.len);
	}
}

static void signed_numbers(void **state)
{
	static const int64_t values[] = { 0, 1, -1, -24, -25, -256, -257, -65537, INT64_MAX, INT64_MIN };
	struct hf_cbor r;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint8_t buf[9];
		struct hf_writer w = { buf, sizeof(buf), 0, false };

		hf_cbor_put_int(&w, values[i]);
		r = hf_cbor_at(hf_written(&w));
		assert_true(hf_cbor_int(&r) == values[i]);
		assert_int_equal(hf_cbor_end(&r), HF_OK);
	}
	r = hf_cbor_at(BYTES(0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0));
	assert_true(hf_cbor_int(&r) == 0);
	assert_int_equal(r.err, HF_ERR_CBOR_LIMIT);
	r = hf_cbor_at(BYTES(0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0));
	assert_true(hf_cbor_int(&r) == 0);
	assert_int_equal(r.err, HF_ERR_CBOR_LIMIT);
}

static void every_writer_reads_back(void **state)
{
	uint8_t buf[64];
	struct hf_writer w = { buf, sizeof(buf), 0, false };
	struct hf_cbor r;

	(void)state;
	hf_cbor_put_tag(&w, 18);
	hf_cbor_put_array(&w, 6);
	hf_cbor_put_bstr(&w, BYTES(1, 2, 3));
	hf_cbor_put_text(&w, "host");
	hf_cbor_put_bool(&w, true);
	hf_cbor_put_bool(&w, false);
	hf_cbor_put_null(&w);
	hf_cbor_put_map(&w, 1);
	hf_cbor_put_int(&w, -1);
	hf_cbor_put_tstr(&w, hf_span_text("x"));
	assert_false(w.full);

	r = hf_cbor_at(hf_written(&w));
	assert_int_equal(hf_cbor_peek(&r), HF_CBOR_TAG);
	assert_int_equal(hf_cbor_tag(&r), 18);
	assert_int_equal(hf_cbor_array(&r), 6);
	assert_true(hf_span_equal(hf_cbor_bstr(&r), BYTES(1, 2, 3)));
	assert_true(hf_span_equal(hf_cbor_tstr(&r), hf_span_text("host")));
	assert_int_equal(hf_cbor_peek(&r), HF_CBOR_BOOL);
	assert_true(hf_cbor_bool(&r));
	assert_false(hf_cbor_bool(&r));
	assert_int_equal(hf_cbor_peek(&r), HF_CBOR_NULL);
	hf_cbor_null(&r);
	assert_int_equal(hf_cbor_map(&r), 1);
	assert_int_equal(hf_cbor_peek(&r), HF_CBOR_NINT);
	assert_int_equal(hf_cbor_int(&r), -1);
	assert_int_equal(hf_cbor_end(&r), HF_ERR_CBOR_TRAILING);
	assert_true(hf_span_equal(hf_cbor_tstr(&r), hf_span_text("x")));
	assert_int_equal(hf_cbor_end(&r), HF_OK);
	assert_int_equal(hf_cbor_peek(&r), HF_CBOR_NONE);
	assert_int_equal(r.err, HF_OK);
}

static void every_tag_is_read(void **state)
{
	(void)state;
	for (unsigned tag = 0; tag < 24; tag++) {
		struct hf_cbor r = hf_cbor_at(BYTES((uint8_t)(0xc0 + tag), 0xf6));

		assert_int_equal(hf_cbor_tag(&r), tag);
		hf_cbor_null(&r);
		assert_int_equal(hf_cbor_end(&r), HF_OK);
	}
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0xd8, 0x12, 0xf6);
	LENIENT(HF_OK, 0xd8, 0x12, 0xf6);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0xd2);
}

static void the_first_failure_stays(void **state)
{
	struct hf_cbor r = hf_cbor_at(BYTES(0x01, 0x41, 0x05));

	(void)state;
	assert_null(hf_cbor_tstr(&r).ptr);
	assert_int_equal(r.err, HF_ERR_CBOR_TYPE);
	hf_cbor_fail(&r, HF_ERR_CBOR_LIMIT);
	assert_int_equal(hf_cbor_uint(&r), 0);
	assert_int_equal(hf_cbor_bstr(&r).len, 0);
	assert_int_equal(hf_cbor_array(&r), 0);
	assert_int_equal(hf_cbor_map(&r), 0);
	assert_int_equal(hf_cbor_tag(&r), 0);
	assert_int_equal(hf_cbor_skip(&r).len, 0);
	assert_int_equal(hf_cbor_peek(&r), HF_CBOR_NONE);
	assert_int_equal(hf_cbor_end(&r), HF_ERR_CBOR_TYPE);
}

static void truncated_input_is_refused(void **state)
{
	(void)state;
	STRICT(HF_ERR_CBOR_TRUNCATED, 0x18);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0x1b, 0, 0, 0);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0x42, 0x01);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0x62, 0x61);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0x82, 0x01);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0xa1, 0x01);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0);
	assert_int_equal(skip_err((struct hf_span){ NULL, 0 }, false), HF_ERR_CBOR_TRUNCATED);
	STRICT(HF_ERR_CBOR_TRAILING, 0x01, 0x01);
}

static void reserved_and_indefinite_are_refused(void **state)
{
	(void)state;
	for (unsigned major = 0; major < 8; major++)
		for (unsigned low = 28; low < 31; low++)
			STRICT(HF_ERR_CBOR_TYPE, (uint8_t)(major << 5 | low), 0x01);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x5f, 0x41, 0x01, 0xff);
	LENIENT(HF_ERR_CBOR_NOT_CANONICAL, 0x5f, 0x41, 0x01, 0xff);
	LENIENT(HF_ERR_CBOR_NOT_CANONICAL, 0x7f, 0x61, 0x61, 0xff);
	LENIENT(HF_ERR_CBOR_NOT_CANONICAL, 0x9f, 0x01, 0xff);
	LENIENT(HF_ERR_CBOR_NOT_CANONICAL, 0xbf, 0x01, 0x02, 0xff);
	LENIENT(HF_ERR_CBOR_NOT_CANONICAL, 0xff);
	/* simple values: read over, never read */
	STRICT(HF_OK, 0xf7);
	STRICT(HF_OK, 0xe0);
	STRICT(HF_OK, 0xf8, 0xff);
	STRICT(HF_ERR_CBOR_TYPE, 0xf8, 0x14);
}

static void strict_demands_minimal_integers(void **state)
{
	(void)state;
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x18, 0x17);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x19, 0x00, 0xff);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x1a, 0x00, 0x00, 0xff, 0xff);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x38, 0x00);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x58, 0x01, 0xaa);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x78, 0x01, 0x61);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0x98, 0x01, 0x01);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0xb8, 0x01, 0x01, 0x01);
	STRICT(HF_ERR_CBOR_TYPE, 0xf9, 0x3c, 0x00);
	LENIENT(HF_OK, 0x18, 0x17);
	LENIENT(HF_OK, 0x58, 0x01, 0xaa);
	LENIENT(HF_OK, 0xb8, 0x01, 0x01, 0x01);
	LENIENT(HF_OK, 0xf9, 0x3c, 0x00);
	LENIENT(HF_OK, 0xfb, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void map_keys_ascend_and_are_unique(void **state)
{
	(void)state;
	STRICT(HF_OK, 0xa3, 0x01, 0, 0x20, 0, 0x61, 0x61, 0);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0xa2, 0x02, 0, 0x01, 0);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0xa2, 0x62, 0x61, 0x61, 0, 0x61, 0x62, 0);
	STRICT(HF_ERR_CBOR_NOT_CANONICAL, 0xa2, 0x61, 0x62, 0, 0x61, 0x61, 0);
	STRICT(HF_ERR_CBOR_DUPLICATE_KEY, 0xa2, 0x01, 0, 0x01, 0);
	STRICT(HF_ERR_CBOR_DUPLICATE_KEY, 0x81, 0xa2, 0x41, 0x07, 0, 0x41, 0x07, 0);
	STRICT(HF_ERR_CBOR_TYPE, 0xa1, 0x80, 0);
	LENIENT(HF_OK, 0xa3, 0x02, 0, 0x01, 0, 0x03, 0);
	LENIENT(HF_ERR_CBOR_DUPLICATE_KEY, 0xa3, 0x02, 0, 0x01, 0, 0x02, 0);
	LENIENT(HF_ERR_CBOR_DUPLICATE_KEY, 0xa3, 0x02, 0, 0x01, 0, 0x18, 0x02, 0);
	LENIENT(HF_ERR_CBOR_DUPLICATE_KEY, 0xa3, 0x61, 0x62, 0, 0x61, 0x61, 0, 0x78, 1, 0x62, 0);
	/* the same key in a map and in one inside it is fine, sorted or not */
	LENIENT(HF_OK, 0xa3, 0x02, 0xa2, 0x02, 0, 0x01, 0, 0x01, 0, 0x03, 0);
	LENIENT(HF_ERR_CBOR_DUPLICATE_KEY, 0xa3, 0x02, 0xa2, 0x02, 0, 0x01, 0, 0x01, 0, 0x02, 0);
	LENIENT(HF_ERR_CBOR_TYPE, 0xa1, 0xf5, 0);
}

/* count pairs with two-byte keys from first up or down */
static struct hf_span big_map(uint8_t *buf, size_t cap, unsigned count, bool descending)
{
	struct hf_writer w = { buf, cap, 0, false };

	hf_cbor_put_map(&w, count);
	for (unsigned i = 0; i < count; i++) {
		hf_cbor_put_uint(&w, 1000 + (descending ? count - i : i));
		hf_cbor_put_null(&w);
	}
	assert_false(w.full);
	return hf_written(&w);
}

static void large_maps(void **state)
{
	static uint8_t buf[8192];

	(void)state;
	assert_int_equal(skip_err(big_map(buf, sizeof(buf), 1000, false), false), HF_OK);
	assert_int_equal(skip_err(big_map(buf, sizeof(buf), 1000, false), true), HF_OK);
	assert_int_equal(skip_err(big_map(buf, sizeof(buf), 128, true), true), HF_OK);
	assert_int_equal(skip_err(big_map(buf, sizeof(buf), 130, true), true), HF_ERR_CBOR_LIMIT);
}

static void depth_and_count_have_limits(void **state)
{
	uint8_t buf[32];
	struct hf_cbor r;

	(void)state;
	memset(buf, 0x81, sizeof(buf));
	buf[16] = 0;
	assert_int_equal(skip_err((struct hf_span){ buf, 17 }, false), HF_OK);
	buf[16] = 0x81;
	buf[17] = 0;
	assert_int_equal(skip_err((struct hf_span){ buf, 18 }, false), HF_ERR_CBOR_DEPTH);
	r = hf_cbor_at((struct hf_span){ buf, 18 });
	assert_int_equal(hf_cbor_array(&r), 0);
	assert_int_equal(r.err, HF_ERR_CBOR_DEPTH);
	memset(buf, 0xc1, sizeof(buf));
	assert_int_equal(skip_err((struct hf_span){ buf, 32 }, false), HF_ERR_CBOR_DEPTH);
	STRICT(HF_ERR_CBOR_LIMIT, 0x9a, 0x00, 0x01, 0x00, 0x01);
	STRICT(HF_ERR_CBOR_LIMIT, 0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	STRICT(HF_ERR_CBOR_TRUNCATED, 0x9a, 0x00, 0x01, 0x00, 0x00);
}

static void containers_are_checked_when_entered(void **state)
{
	/* [1, [2, {2: 0, 1: 0}]]: the fault lies two levels down */
	struct hf_cbor r = hf_cbor_at(BYTES(0x82, 0x01, 0x82, 0x02, 0xa2, 0x02, 0, 0x01, 0));

	(void)state;
	assert_int_equal(hf_cbor_array(&r), 0);
	assert_int_equal(r.err, HF_ERR_CBOR_NOT_CANONICAL);

	r = hf_cbor_at(BYTES(0x82, 0x81, 0x05, 0x81, 0x06, 0x81, 0x18));
	assert_int_equal(hf_cbor_array(&r), 2);
	assert_int_equal(hf_cbor_array(&r), 1);
	assert_int_equal(hf_cbor_uint(&r), 5);
	assert_int_equal(hf_cbor_skip(&r).len, 2);
	assert_int_equal(r.err, HF_OK);
	/* a second item begins after what was walked: it is walked by itself */
	assert_int_equal(hf_cbor_array(&r), 0);
	assert_int_equal(r.err, HF_ERR_CBOR_TRUNCATED);
}

static void text_is_printable_utf8(void **state)
{
	static const struct { const char *text; bool good; } rows[] = {
		{ "", true }, { "Option ROM 1.2", true }, { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x92", true },
		{ "a\nb", false }, { "\x1b[2J", false }, { "\x7f", false },
		{ "\xc2\x80", false },			/* C1 control */
		{ "\xc0\xaf", false }, { "\xe0\x80\xaf", false }, { "\xf0\x80\x80\xaf", false },
		{ "\xed\xa0\x80", false },		/* surrogate */
		{ "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false },
		{ "\x80", false }, { "\xc3", false }, { "\xe2\x82", false }, { "\xc3\x28", false },
		{ "\xe2\x80\xae", false },		/* right-to-left override */
		{ "\xe2\x80\xa8", false },		/* line separator */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t buf[64];
		struct hf_writer w = { buf, sizeof(buf), 0, false };
		struct hf_cbor r;

		hf_cbor_put_text(&w, rows[i].text);
		r = hf_cbor_at(hf_written(&w));
		hf_cbor_tstr(&r);
		assert_int_equal(hf_cbor_end(&r), rows[i].good ? HF_OK : HF_ERR_CBOR_TEXT);
	}
	assert_false(hf_text_valid((struct hf_span){ (const uint8_t *)"a\0b", 3 }));
}

static void a_full_writer_stays_full(void **state)
{
	uint8_t buf[4] = { 0xaa, 0xaa, 0xaa, 0xaa };
	struct hf_writer w = { buf, 3, 0, false };

	(void)state;
	hf_cbor_put_text(&w, "abc");
	assert_true(w.full);
	hf_cbor_put_null(&w);
	assert_int_equal(w.len, 1);	/* the head went in, nothing after it */
	assert_int_equal(buf[3], 0xaa);
}

static void real_files(void **state)
{
	static const struct { const char *name; enum hf_err strict, lenient; } rows[] = {
		{ "authored-sample/good-meta.corim", HF_OK, HF_OK },
		{ "authored-sample/good-cwt.corim", HF_OK, HF_OK },
		{ "authored-sample/bad-trailing.corim", HF_ERR_CBOR_TRAILING, HF_ERR_CBOR_TRAILING },
		{ "authored-sample/bad-truncated.corim", HF_ERR_CBOR_TRUNCATED, HF_ERR_CBOR_TRUNCATED },
		{ "altera/testfiles_fw_rim_signed.rim", HF_OK, HF_OK },
		{ "altera/testfiles_design_rim_unsigned.rim", HF_OK, HF_OK },
		{ "veraison/corim_testcases_signed-good-corim.cbor", HF_OK, HF_OK },
		{ "veraison/corim_testcases_corim-roles.cbor", HF_ERR_CBOR_NOT_CANONICAL, HF_OK },
		{ "veraison/coev_tdx_testcases_ce-seam-evidence.cbor", HF_ERR_CBOR_NOT_CANONICAL, HF_OK },
	};
	const char *corpus = getenv("HOLDFAST_CORPUS") ? getenv("HOLDFAST_CORPUS") : "../shared/data";
	struct hf_arena arena;
	char path[512];

	(void)state;
	assert_int_equal(hf_arena_make(16u << 20, &arena), HF_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_span file;

		snprintf(path, sizeof(path), "%s/corim/%s", corpus, rows[i].name);
		if (hf_file_read(AT_FDCWD, path, 1u << 20, &arena, &file, NULL)) {
			print_message("SKIP real files: there is no %s\n", path);
			hf_arena_drop(&arena);
			skip();
		}
		assert_int_equal(skip_err(file, false), rows[i].strict);
		assert_int_equal(skip_err(file, true), rows[i].lenient);
	}
	hf_arena_drop(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(signed_numbers),
		cmocka_unit_test(every_writer_reads_back),
		cmocka_unit_test(every_tag_is_read),
		cmocka_unit_test(the_first_failure_stays),
		cmocka_unit_test(truncated_input_is_refused),
		cmocka_unit_test(reserved_and_indefinite_are_refused),
		cmocka_unit_test(strict_demands_minimal_integers),
		cmocka_unit_test(map_keys_ascend_and_are_unique),
		cmocka_unit_test(large_maps),
		cmocka_unit_test(depth_and_count_have_limits),
		cmocka_unit_test(containers_are_checked_when_entered),
		cmocka_unit_test(text_is_printable_utf8),
		cmocka_unit_test(a_full_writer_stays_full),
		cmocka_unit_test(real_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
