/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/cbor_edit.h"

#include "measure/wire.h"

#define BYTES(...) ((struct hf_span){ (const uint8_t[]){ __VA_ARGS__ }, \
				      sizeof((const uint8_t[]){ __VA_ARGS__ }) })
#define NULL_VALUE BYTES(0xf6)
#define KEY_99 BYTES(0x18, 99)
#define KEY_TEXT BYTES(0x61, 'x')

static uint8_t pattern[5000];
static struct hf_span some(size_t at, size_t len) { return (struct hf_span){ pattern + at, len }; }

/* ---- one message after the other, as a whole: each is read, written again, compared ---- */

static enum hf_err challenge_request(struct hf_span in, struct hf_writer *again)
{
	struct hf_wire_challenge_request r;
	enum hf_err err;

	memset(&r, 0xaa, sizeof(r));
	err = hf_wire_get_challenge_request(in, &r);
	if (!err)
		hf_wire_put_challenge_request(again, &r);
	return err;
}

static enum hf_err enrol_request(struct hf_span in, struct hf_writer *again)
{
	struct hf_wire_enrol_request r;
	enum hf_err err;

	memset(&r, 0xaa, sizeof(r));
	err = hf_wire_get_enrol_request(in, &r);
	if (!err)
		hf_wire_put_enrol_request(again, &r);
	return err;
}

static enum hf_err activate_request(struct hf_span in, struct hf_writer *again)
{
	struct hf_wire_activate_request r;
	enum hf_err err;

	memset(&r, 0xaa, sizeof(r));
	err = hf_wire_get_activate_request(in, &r);
	if (!err)
		hf_wire_put_activate_request(again, &r);
	return err;
}

static enum hf_err receipt_request(struct hf_span in, struct hf_writer *again)
{
	struct hf_wire_receipt_request r;
	enum hf_err err;

	memset(&r, 0xaa, sizeof(r));
	err = hf_wire_get_receipt_request(in, &r);
	if (!err)
		hf_wire_put_receipt_request(again, &r);
	return err;
}

static enum hf_err reply(struct hf_span in, struct hf_writer *again)
{
	struct hf_wire_reply r;
	enum hf_err err;

	memset(&r, 0xaa, sizeof(r));
	err = hf_wire_get_reply(in, &r);
	if (!err)
		hf_wire_put_reply(again, &r);
	return err;
}

static enum hf_err the_challenge(struct hf_span in, struct hf_writer *again)
{
	struct hf_challenge c;
	enum hf_err err;

	memset(&c, 0xaa, sizeof(c));
	err = hf_wire_get_challenge(in, &c);
	if (!err)
		hf_wire_put_challenge(again, &c);
	return err;
}

typedef enum hf_err (*message)(struct hf_span in, struct hf_writer *again);

static enum hf_err read_one(message m, struct hf_span in)
{
	struct hf_writer w = edit_buffer(HF_WIRE_REPLY_MAX + 64);
	enum hf_err err = m(in, &w);

	assert_false(w.full);
	return err;
}

/* A map that is read, and each single thing that is wrong with it. optional: bits of its keys. */
static void try_map(message m, struct hf_span in, unsigned optional)
{
	struct pairs p = pairs_of(in);
	struct hf_writer w = edit_buffer(HF_WIRE_REPLY_MAX + 64);

	assert_int_equal(m(in, &w), HF_OK);
	assert_true(hf_span_equal(in, hf_written(&w)));
	for (size_t i = 0; i < p.count; i++) {
		bool may_miss = optional >> p.at[i].key & 1;

		assert_int_equal(read_one(m, without(in, i)), may_miss ? HF_OK : HF_ERR_WIRE_SHAPE);
		assert_int_equal(read_one(m, twice(in, i)), HF_ERR_CBOR_DUPLICATE_KEY);
		assert_int_equal(read_one(m, valued(in, i, NULL_VALUE)), HF_ERR_CBOR_TYPE);
		if (i + 1 < p.count)
			assert_int_equal(read_one(m, swapped(in, i)), HF_ERR_CBOR_NOT_CANONICAL);
	}
	assert_int_equal(read_one(m, longer(in, KEY_99, NULL_VALUE)), HF_OK);
	assert_int_equal(read_one(m, longer(in, KEY_TEXT, NULL_VALUE)), HF_OK);
	assert_int_equal(read_one(m, longer(in, BYTES(0x20), NULL_VALUE)), HF_OK);
	assert_int_equal(read_one(m, longer(in, KEY_99, BYTES(0x9f))), HF_ERR_CBOR_NOT_CANONICAL);
	for (size_t len = 0; len < in.len; len++)
		assert_int_not_equal(read_one(m, hf_span_part(in, 0, len)), HF_OK);
}

static void trailing(message m, struct hf_span in)
{
	struct hf_writer w = edit_buffer(in.len + 1);

	hf_put_span(&w, in);
	hf_put_be(&w, 0, 1);
	assert_int_equal(read_one(m, hf_written(&w)), HF_ERR_CBOR_TRAILING);
}

static void try_bytes(message m, struct hf_span in, int64_t key, size_t least, size_t most)
{
	size_t at = index_of(in, key);

	assert_int_equal(read_one(m, valued(in, at, some_bytes(least))), HF_OK);
	assert_int_equal(read_one(m, valued(in, at, some_bytes(most))), HF_OK);
	assert_int_equal(read_one(m, valued(in, at, some_bytes(most + 1))), HF_ERR_WIRE_SHAPE);
	if (least)
		assert_int_equal(read_one(m, valued(in, at, some_bytes(least - 1))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(m, valued(in, at, some_text(least))), HF_ERR_CBOR_TYPE);
}

static void try_text(message m, struct hf_span in, int64_t key)
{
	size_t at = index_of(in, key);

	assert_int_equal(read_one(m, valued(in, at, some_text(1))), HF_OK);
	assert_int_equal(read_one(m, valued(in, at, some_text(128))), HF_OK);
	assert_int_equal(read_one(m, valued(in, at, some_text(129))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(m, valued(in, at, some_text(0))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(m, valued(in, at, BYTES(0x61, 7))), HF_ERR_CBOR_TEXT);
}

static void try_version(message m, struct hf_span in)
{
	assert_int_equal(read_one(m, valued(in, 0, some_number(2))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(m, valued(in, 0, some_number(0))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(m, valued(in, 0, some_number(1ull << 32 | 1))), HF_ERR_WIRE_SHAPE);
	trailing(m, in);
}

/* ---- requests ---- */

static void a_challenge_request(void **state)
{
	const struct hf_wire_challenge_request r = { some(0, 90), hf_span_text("0.4.0") };
	struct hf_wire_challenge_request got;
	struct hf_writer w = edit_buffer(1024);

	(void)state;
	hf_wire_put_challenge_request(&w, &r);
	try_map(challenge_request, hf_written(&w), 0);
	try_version(challenge_request, hf_written(&w));
	try_bytes(challenge_request, hf_written(&w), 2, 1, 512);
	try_text(challenge_request, hf_written(&w), 3);
	assert_int_equal(hf_wire_get_challenge_request(hf_written(&w), &got), HF_OK);
	assert_true(hf_span_equal(got.ak, r.ak));
	assert_true(got.ak.ptr > w.buf && got.ak.ptr < w.buf + w.len);	/* nothing is copied */
	assert_true(hf_span_equal(got.agent, r.agent));
}

static struct hf_span enrol_of(size_t count, size_t area, size_t certificate, struct hf_span serial)
{
	struct hf_wire_enrol_request r = { .ak = some(0, 90), .ek_count = count, .serial = serial };
	struct hf_writer w = edit_buffer(1 << 16);

	for (size_t i = 0; i < count && i < HF_WIRE_EKS_MAX; i++)
		r.eks[i] = (struct hf_wire_ek){ some(i, area), some(i + 1, certificate) };
	hf_wire_put_enrol_request(&w, &r);
	assert_false(w.full);
	return hf_written(&w);
}

static struct hf_span ek_list(const uint8_t *head, size_t head_len, size_t pairs)
{
	struct hf_writer w = edit_buffer(256);

	hf_put(&w, head, head_len);
	for (size_t i = 0; i < pairs; i++)
		hf_put(&w, (const uint8_t[]){ 0x82, 0x41, 1, 0x40 }, 4);
	return hf_written(&w);
}

static void an_enrol_request(void **state)
{
	const struct hf_span none = { NULL, 0 }, serial = hf_span_text("SN-1");
	struct hf_span in = enrol_of(2, 300, 900, serial);
	struct hf_wire_enrol_request got;

	(void)state;
	try_map(enrol_request, in, 1u << 4);
	try_version(enrol_request, in);
	try_bytes(enrol_request, in, 2, 1, 512);
	try_text(enrol_request, in, 4);
	assert_int_equal(hf_wire_get_enrol_request(in, &got), HF_OK);
	assert_int_equal(got.ek_count, 2);
	assert_true(hf_span_equal(got.eks[1].certificate, some(2, 900)));
	assert_true(hf_span_equal(got.eks[1].public_area, some(1, 300)));
	assert_true(hf_span_equal(got.serial, serial));
	assert_int_equal(read_one(enrol_request, enrol_of(HF_WIRE_EKS_MAX, 512, 4096, none)), HF_OK);
	assert_in_range(enrol_of(HF_WIRE_EKS_MAX, 512, 4096, serial).len, HF_WIRE_REQUEST_MAX, HF_WIRE_ENROL_MAX);
	assert_int_equal(read_one(enrol_request, enrol_of(1, 1, 0, none)), HF_OK);
	assert_int_equal(read_one(enrol_request, enrol_of(1, 0, 0, none)), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(enrol_request, enrol_of(1, 513, 0, none)), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(enrol_request, enrol_of(1, 1, 4097, none)), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(enrol_request, enrol_of(0, 1, 0, none)), HF_ERR_WIRE_SHAPE);
	in = enrol_of(1, 1, 0, none);
	assert_int_equal(read_one(enrol_request, valued(in, 2, ek_list(BYTES(0x84).ptr, 1, 4))), HF_OK);
	assert_int_equal(read_one(enrol_request, valued(in, 2, ek_list(BYTES(0x85).ptr, 1, 5))),
			 HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(enrol_request, valued(in, 2, BYTES(0x81, 0x81, 0x41, 1))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(enrol_request, valued(in, 2, BYTES(0x81, 0x83, 0x41, 1, 0x40, 0x40))),
			 HF_ERR_WIRE_SHAPE);
}

static void an_activate_request(void **state)
{
	const struct hf_wire_activate_request r = { some(0, 90), some(1, 16), some(2, 32) };
	struct hf_writer w = edit_buffer(1024);

	(void)state;
	hf_wire_put_activate_request(&w, &r);
	try_map(activate_request, hf_written(&w), 0);
	try_version(activate_request, hf_written(&w));
	try_bytes(activate_request, hf_written(&w), 2, 1, 512);
	try_bytes(activate_request, hf_written(&w), 3, 16, 16);
	try_bytes(activate_request, hf_written(&w), 4, 1, 64);
}

static void a_receipt_request(void **state)
{
	const struct hf_wire_receipt_request r = { some(0, 90), some(1, 32), some(2, 200), some(3, 150),
						   some(4, 72) };
	struct hf_writer w = edit_buffer(1024);

	(void)state;
	hf_wire_put_receipt_request(&w, &r);
	try_map(receipt_request, hf_written(&w), 0);
	try_version(receipt_request, hf_written(&w));
	try_bytes(receipt_request, hf_written(&w), 2, 1, 512);
	try_bytes(receipt_request, hf_written(&w), 3, 32, 32);
	try_bytes(receipt_request, hf_written(&w), 4, 1, 4096);
	try_bytes(receipt_request, hf_written(&w), 5, 1, 1024);
	try_bytes(receipt_request, hf_written(&w), 6, 1, 1024);
}

/* ---- replies ---- */

static struct hf_span reply_of(const struct hf_wire_reply *r)
{
	struct hf_writer w = edit_buffer(HF_WIRE_REPLY_MAX);

	hf_wire_put_reply(&w, r);
	assert_false(w.full);
	return hf_written(&w);
}

static const struct hf_wire_reply replies[] = {
	[HF_WIRE_DONE] = { .kind = HF_WIRE_DONE },
	[HF_WIRE_REFUSED] = { .kind = HF_WIRE_REFUSED, .message = { pattern, 300 } },
	[HF_WIRE_CHALLENGED] = { .kind = HF_WIRE_CHALLENGED, .message = { pattern, 200 } },
	[HF_WIRE_MUST_ENROL] = { .kind = HF_WIRE_MUST_ENROL },
	[HF_WIRE_CREDENTIAL] = { .kind = HF_WIRE_CREDENTIAL, .id = { pattern, 16 }, .ek = 3,
				 .credential = { pattern, 70 }, .encrypted_secret = { pattern, 258 } },
	[HF_WIRE_TICKET] = { .kind = HF_WIRE_TICKET, .message = { pattern, 400 }, .secret = { pattern, 32 } },
};

static void every_kind_of_reply(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < sizeof(replies) / sizeof(replies[0]); kind++) {
		struct hf_span in = reply_of(&replies[kind]);
		struct hf_wire_reply got;

		try_map(reply, in, 1u << 8);
		try_version(reply, in);
		assert_int_equal(hf_wire_get_reply(in, &got), HF_OK);
		assert_int_equal(got.kind, kind);
		assert_true(hf_span_equal(got.message, replies[kind].message));
		assert_true(hf_span_equal(got.secret, replies[kind].secret));
		assert_int_equal(got.ek, replies[kind].ek);
	}
}

static void a_reply_has_what_its_kind_has_and_no_more(void **state)
{
	const struct { uint8_t key; size_t len; } fields[] = {
		{ 3, 10 }, { 4, 16 }, { 5, 0 }, { 6, 10 }, { 7, 10 }, { 8, 10 },
	};
	static const unsigned has[] = {	/* bits of keys */
		[HF_WIRE_DONE] = 0, [HF_WIRE_REFUSED] = 1 << 3, [HF_WIRE_CHALLENGED] = 1 << 3,
		[HF_WIRE_MUST_ENROL] = 0, [HF_WIRE_CREDENTIAL] = 15 << 4, [HF_WIRE_TICKET] = 1 << 3 | 1 << 8,
	};

	(void)state;
	for (size_t kind = 0; kind < 6; kind++)
		for (unsigned sets = 0; sets < 64; sets++) {	/* every set of fields, with every kind */
			struct hf_writer w = edit_buffer(256);
			unsigned keys = 0;

			for (size_t i = 0; i < 6; i++)
				keys |= sets >> i & 1 ? 1u << fields[i].key : 0;
			hf_cbor_put_map(&w, 2u + (size_t)__builtin_popcount(sets));
			hf_put(&w, (const uint8_t[]){ 1, 1, 2, (uint8_t)kind }, 4);
			for (size_t i = 0; i < 6; i++) {
				if (!(sets >> i & 1))
					continue;
				hf_cbor_put_uint(&w, fields[i].key);
				if (fields[i].key == 5)
					hf_cbor_put_uint(&w, 0);
				else
					hf_cbor_put_bstr(&w, some(0, fields[i].len));
			}
			bool good = (keys | 1u << 8) == (has[kind] | 1u << 8) &&
				    (kind == HF_WIRE_TICKET || !(keys >> 8 & 1));
			assert_int_equal(read_one(reply, hf_written(&w)), good ? HF_OK : HF_ERR_WIRE_SHAPE);
		}
}

static void sizes_in_replies(void **state)
{
	struct hf_span ticket = reply_of(&replies[HF_WIRE_TICKET]);
	struct hf_span credential = reply_of(&replies[HF_WIRE_CREDENTIAL]);

	(void)state;
	try_bytes(reply, ticket, 8, 1, HF_WIRE_SECRET_MAX);
	assert_int_equal(read_one(reply, valued(ticket, 2, some_bytes(0))), HF_ERR_WIRE_SHAPE);
	try_bytes(reply, credential, 4, 16, 16);
	try_bytes(reply, credential, 6, 3, 1024);
	try_bytes(reply, credential, 7, 3, 1024);
	assert_int_equal(read_one(reply, valued(credential, 3, some_number(3))), HF_OK);
	assert_int_equal(read_one(reply, valued(credential, 3, some_number(4))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(reply, valued(ticket, 1, some_number(6))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(reply, valued(ticket, 1, some_number(UINT64_MAX))), HF_ERR_WIRE_SHAPE);
}

/* ---- the challenge ---- */

static void a_challenge(void **state)
{
	struct hf_challenge c = { some(0, 32), 1700000000, some(1, 16), hf_span_text("host-17"), some(2, 34),
				  some(3, 32), 300 }, got;
	struct hf_writer w = edit_buffer(1024);
	struct hf_span in;

	(void)state;
	hf_wire_put_challenge(&w, &c);
	in = hf_written(&w);
	try_map(the_challenge, in, 0);
	trailing(the_challenge, in);
	try_bytes(the_challenge, in, 1, 32, 32);
	try_text(the_challenge, in, 4);
	try_bytes(the_challenge, in, 5, 34, 34);
	try_bytes(the_challenge, in, 6, 32, 32);
	assert_int_equal(read_one(the_challenge, valued(in, 2, some_bytes(16))), HF_OK);
	assert_int_equal(read_one(the_challenge, valued(in, 2, some_bytes(0))), HF_OK);	/* it is let */
	assert_int_equal(read_one(the_challenge, valued(in, 2, some_bytes(15))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(the_challenge, valued(in, 2, some_bytes(17))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(the_challenge, valued(in, 1, some_number(0))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(the_challenge, valued(in, 1, some_number(INT64_MAX))), HF_OK);
	assert_int_equal(read_one(the_challenge, valued(in, 1, some_number(1ull << 63))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(the_challenge, valued(in, 1, BYTES(0x20))), HF_ERR_CBOR_TYPE);
	assert_int_equal(read_one(the_challenge, valued(in, 6, some_number(0))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(read_one(the_challenge, valued(in, 6, some_number(1ull << 32))), HF_ERR_WIRE_SHAPE);
	assert_int_equal(hf_wire_get_challenge(in, &got), HF_OK);
	assert_int_equal(got.time, c.time);
	assert_int_equal(got.seconds, c.seconds);
	assert_true(hf_span_equal(got.host, c.host));
	assert_true(hf_span_equal(got.reclaim, c.reclaim));
}

static void failure_leaves_the_output_alone(void **state)
{
	struct hf_wire_reply r, before;

	(void)state;
	memset(&r, 0xaa, sizeof(r));
	before = r;
	assert_int_equal(hf_wire_get_reply(BYTES(0xa2, 1, 1, 2, 9), &r), HF_ERR_WIRE_SHAPE);
	assert_memory_equal(&r, &before, sizeof(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_challenge_request, edit_drop),
		cmocka_unit_test_teardown(an_enrol_request, edit_drop),
		cmocka_unit_test_teardown(an_activate_request, edit_drop),
		cmocka_unit_test_teardown(a_receipt_request, edit_drop),
		cmocka_unit_test_teardown(every_kind_of_reply, edit_drop),
		cmocka_unit_test_teardown(a_reply_has_what_its_kind_has_and_no_more, edit_drop),
		cmocka_unit_test_teardown(sizes_in_replies, edit_drop),
		cmocka_unit_test_teardown(a_challenge, edit_drop),
		cmocka_unit_test_teardown(failure_leaves_the_output_alone, edit_drop),
	};

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
