/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The collection as it goes to a controller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/cbor_edit.h"

#include "measure/evidence.h"
#include "measure/log.h"

#define BYTES(...) ((struct hf_span){ (const uint8_t[]){ __VA_ARGS__ }, \
				      sizeof((const uint8_t[]){ __VA_ARGS__ }) })
#define SPANS (sizeof(struct hf_evidence) / sizeof(struct hf_span))
#define TYPE "tag:holdfast.invalid,2026:evidence"

static uint8_t bytes[256];

static struct hf_evidence full(void)
{
	struct hf_evidence evidence;
	struct hf_span *spans = (struct hf_span *)&evidence;

	for (size_t i = 0; i < SPANS; i++)
		spans[i] = (struct hf_span){ bytes + i, i + 1 };
	return evidence;
}

static struct hf_span encoded(const struct hf_evidence *evidence)
{
	struct hf_writer w = edit_buffer(65536);

	hf_evidence_to_cmw_cbor(evidence, &w);
	assert_false(w.full);
	return hf_written(&w);
}

static enum hf_err reads(struct hf_span in)
{
	struct hf_evidence evidence, before;
	enum hf_err err;

	memset(&before, 0xaa, sizeof(before));
	evidence = before;
	err = hf_evidence_from_cmw_cbor(in, &evidence);
	if (err)
		assert_memory_equal(&evidence, &before, sizeof(before));
	return err;
}

/* By hand: {"__cmwc_t": TYPE, "nonce.bin": [type, value, indicator]} */
static struct hf_span by_hand(const char *collection, const char *member, const char *type, struct hf_span value,
			      uint64_t indicator, size_t items)
{
	struct hf_writer w = edit_buffer(value.len + 512);

	hf_cbor_put_map(&w, 1 + (collection != NULL));
	if (collection) {
		hf_cbor_put_text(&w, "__cmwc_t");
		hf_cbor_put_text(&w, collection);
	}
	hf_cbor_put_text(&w, member);
	hf_cbor_put_array(&w, items);
	hf_cbor_put_text(&w, type);
	hf_put_span(&w, value);
	for (size_t i = 2; i < items; i++)
		hf_cbor_put_uint(&w, indicator);
	assert_false(w.full);
	return hf_written(&w);
}

#define OCTETS "application/octet-stream"
#define NONCE(value) by_hand(TYPE, "nonce.bin", OCTETS, value, 4, 3)

static void round_trips(void **state)
{
	struct hf_evidence evidence = full(), got;
	struct hf_span in = encoded(&evidence);
	const struct hf_span *a = (const struct hf_span *)&evidence, *b = (const struct hf_span *)&got;

	(void)state;
	assert_int_equal(hf_evidence_from_cmw_cbor(in, &got), HF_OK);
	for (size_t i = 0; i < SPANS; i++) {
		assert_true(hf_span_equal(a[i], b[i]));
		assert_true(b[i].ptr > in.ptr && b[i].ptr < in.ptr + in.len);	/* nothing is copied */
	}
	assert_true(hf_span_equal(in, encoded(&got)));
	assert_int_equal(pairs_of(in).count, SPANS + 1);
	assert_in_range(in.len, 1, SPANS * (SPANS + 1) / 2 + HF_CMW_CBOR_OVERHEAD);
}

static void every_member_alone(void **state)
{
	const struct hf_evidence all = full();
	const struct hf_span *from = (const struct hf_span *)&all;

	(void)state;
	for (size_t i = 0; i < SPANS; i++) {
		struct hf_evidence one = { 0 }, got;

		((struct hf_span *)&one)[i] = from[i];
		assert_int_equal(hf_evidence_from_cmw_cbor(encoded(&one), &got), HF_OK);
		for (size_t j = 0; j < SPANS; j++)
			assert_int_equal(((struct hf_span *)&got)[j].len, i == j ? from[j].len : 0);
	}
}

static void maps(void **state)
{
	struct hf_evidence evidence = full();
	struct hf_span in = encoded(&evidence);
	size_t count = pairs_of(in).count;
	unsigned refused = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		refused += reads(without(in, i)) == HF_ERR_EVIDENCE_SHAPE;	/* the type alone is needed */
		assert_int_equal(reads(twice(in, i)), HF_ERR_CBOR_DUPLICATE_KEY);
		assert_int_equal(reads(valued(in, i, BYTES(0xf6))), HF_ERR_CBOR_TYPE);
		if (i + 1 < count)
			assert_int_equal(reads(swapped(in, i)), HF_ERR_CBOR_NOT_CANONICAL);
	}
	assert_int_equal(refused, 1);
	for (size_t len = 0; len < in.len; len++)
		assert_int_not_equal(reads(hf_span_part(in, 0, len)), HF_OK);
	assert_int_equal(reads(longer(in, some_text(100), BYTES(0x81, 0xa1, 0x01, 0x02))), HF_OK);
	assert_int_equal(reads(longer(in, some_text(100), BYTES(0x9f, 0xff))), HF_ERR_CBOR_NOT_CANONICAL);
}

static void records(void **state)
{
	const struct hf_span one = BYTES(0x41, 7);

	(void)state;
	assert_int_equal(reads(NONCE(one)), HF_OK);
	assert_int_equal(reads(by_hand(NULL, "nonce.bin", OCTETS, one, 4, 3)), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads(by_hand("tag:other", "nonce.bin", OCTETS, one, 4, 3)), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads(by_hand(TYPE, "nonce.bin", "text/plain", one, 4, 3)), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads(by_hand(TYPE, "nonce.bin", OCTETS, one, 2, 3)), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads(by_hand(TYPE, "nonce.bin", OCTETS, one, 4, 2)), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads(by_hand(TYPE, "nonce.bin", OCTETS, one, 4, 4)), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads(by_hand(TYPE, "unknown.b", OCTETS, one, 4, 3)), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads(NONCE(BYTES(0x40))), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads(NONCE(BYTES(0x61, 'x'))), HF_ERR_CBOR_TYPE);
	assert_int_equal(reads(NONCE(some_bytes(64))), HF_OK);
	assert_int_equal(reads(NONCE(some_bytes(65))), HF_ERR_LIMIT);
	assert_int_equal(reads(BYTES(0x80)), HF_ERR_CBOR_TYPE);
	assert_int_equal(reads(BYTES(0xa0)), HF_ERR_EVIDENCE_SHAPE);
	assert_int_equal(reads((struct hf_span){ NULL, 0 }), HF_ERR_CBOR_TRUNCATED);
}

static struct hf_span crowded(size_t unknown)
{
	struct hf_writer w = edit_buffer(8192);
	struct hf_span rest;

	hf_cbor_put_map(&w, unknown + 2);
	for (size_t i = 0; i < unknown; i++) {
		char name[4] = { 'u', (char)('a' + i / 26), (char)('a' + i % 26), 0 };

		hf_cbor_put_text(&w, name);
		hf_cbor_put_uint(&w, 0);
	}
	rest = NONCE(BYTES(0x41, 7));	/* after its head, which is one byte */
	hf_put_span(&w, hf_span_part(rest, 1, rest.len - 1));
	return hf_written(&w);
}

static void limits(void **state)
{
	struct hf_evidence evidence = full();
	struct hf_writer w = edit_buffer(65536);
	static uint8_t log[HF_LOG_MAX + 1];

	(void)state;
	assert_int_equal(reads(crowded(62)), HF_OK);
	assert_int_equal(reads(crowded(63)), HF_ERR_LIMIT);
	evidence.nonce.len = 65;
	hf_evidence_to_cmw_cbor(&evidence, &w);
	assert_true(w.full);
	w = edit_buffer(HF_LOG_MAX + 8192);
	evidence = full();
	evidence.log = (struct hf_span){ log, HF_LOG_MAX };
	hf_evidence_to_cmw_cbor(&evidence, &w);
	assert_false(w.full);
	w.len = 0;
	evidence.log.len++;
	hf_evidence_to_cmw_cbor(&evidence, &w);
	assert_true(w.full);
	w = edit_buffer(100);
	evidence = full();
	hf_evidence_to_cmw_cbor(&evidence, &w);
	assert_true(w.full);
}

/* The two forms hold the same. */
static void as_in_json(void **state)
{
	struct hf_evidence evidence = full(), a, b;
	struct hf_arena arena;
	struct hf_span json;

	(void)state;
	assert_int_equal(hf_arena_make(1 << 20, &arena), HF_OK);
	assert_int_equal(hf_evidence_to_cmw(&evidence, &arena, &json), HF_OK);
	assert_int_equal(hf_evidence_from_cmw(json, &arena, &a), HF_OK);
	assert_int_equal(hf_evidence_from_cmw_cbor(encoded(&evidence), &b), HF_OK);
	for (size_t i = 0; i < SPANS; i++)
		assert_true(hf_span_equal(((struct hf_span *)&a)[i], ((struct hf_span *)&b)[i]));
	hf_arena_drop(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(round_trips, edit_drop),
		cmocka_unit_test_teardown(every_member_alone, edit_drop),
		cmocka_unit_test_teardown(maps, edit_drop),
		cmocka_unit_test_teardown(records, edit_drop),
		cmocka_unit_test_teardown(limits, edit_drop),
		cmocka_unit_test_teardown(as_in_json, edit_drop),
	};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(255 - i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
