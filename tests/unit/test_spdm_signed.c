/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a device signs: which messages each signature covers, and what breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/spdm_talk.h"

static const uint8_t versions[] = { 0x10, 0x11, 0x12, 0x13, 0x14 };
#define EACH_VERSION(i) for (size_t i = 0; i < sizeof(versions); i++)

static size_t bent_at;
static uint8_t bent_to;
static void bend(struct talk *t) { t->r_buf[bent_at] = bent_to; }
static void bend_end(struct talk *t) { t->r_buf[t->r.len - bent_at] ^= bent_to; }

static void set_bend(struct talk *t, size_t at, uint8_t to)
{
	bent_at = at;
	bent_to = to;
	t->lie = bend;
}

static struct talk *identified(uint8_t version)
{
	struct talk *t = talk_new(version);

	talk_identify(t);
	return t;
}

static void every_version_signs(void **state)
{
	(void)state;
	EACH_VERSION(i) {
		struct talk *t = identified(versions[i]);

		assert_int_equal(talk_challenge(t, 0), HF_OK);
		assert_true(t->s.slots[0].challenged && t->s.negotiation_signed);
		assert_int_equal(t->s.signatures, 1);
		assert_int_equal(t->s.measured_slot, -1);
		assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
		assert_int_equal(t->s.signatures, 2);
		assert_int_equal(t->s.measured_slot, 0);
		assert_int_equal(t->s.block_count, 3);
		assert_true(t->s.blocks[0x10].is_signed);
		assert_int_equal(t->s.nonces, 2);
		talk_end(t);
	}
}

/* 1.0 and 1.1 do not say in a measurement's signature what was negotiated. */
static void measurements_cover_the_negotiation_since_1_2(void **state)
{
	(void)state;
	EACH_VERSION(i) {
		struct talk *t = identified(versions[i]);

		assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
		assert_int_equal(t->s.negotiation_signed, versions[i] >= 0x12);
		talk_end(t);
		t = identified(versions[i]);
		t->a_buf[t->a.len - 1] ^= 1;	/* the device saw something else */
		assert_int_equal(talk_measure(t, 0xff, 0),
				 versions[i] >= 0x12 ? HF_ERR_SPDM_SIGNATURE : HF_OK);
		talk_end(t);
		t = identified(versions[i]);
		t->a_buf[t->a.len - 1] ^= 1;
		assert_int_equal(talk_challenge(t, 0), HF_ERR_SPDM_SIGNATURE);
		talk_end(t);
	}
}

static void a_signature_is_for_one_purpose(void **state)
{
	(void)state;
	for (size_t i = 2; i < sizeof(versions); i++) {
		struct talk *t = identified(versions[i]);

		t->wrong_context = true;
		assert_int_equal(talk_challenge(t, 0), HF_ERR_SPDM_SIGNATURE);
		assert_int_equal(t->s.slots[0].challenge_cause, HF_ERR_SPDM_SIGNATURE);
		talk_end(t);
		t = identified(versions[i]);
		t->wrong_context = true;
		assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SIGNATURE);
		assert_int_equal(t->s.block_count, 0);	/* nothing of it is used */
		/* And nothing that comes later is. */
		assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SIGNATURE);
		assert_int_equal(talk_version(t), HF_ERR_SPDM_SIGNATURE);
		talk_end(t);
	}
}

/* ---- M1: what CHALLENGE_AUTH covers ---- */

static void m1_is_negotiation_slots_and_challenge(void **state)
{
	(void)state;
	EACH_VERSION(i) {
		struct talk *t = identified(versions[i]);

		t->b_buf[t->b.len - 1] ^= 1;
		assert_int_equal(talk_challenge(t, 0), HF_ERR_SPDM_SIGNATURE);
		talk_end(t);
	}
}

/* After a CHALLENGE both sides begin anew: only what is asked since counts. */
static void m1_begins_anew_after_each_challenge(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->slot_mask = 3;
	talk_identify(t);
	assert_int_equal(talk_certificate(t, 1, 300), HF_OK);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	assert_int_equal(talk_challenge(t, 1), HF_OK);	/* M1 = A, C */
	assert_int_equal(talk_certificate(t, 1, 300), HF_OK);
	assert_int_equal(talk_challenge(t, 0), HF_OK);	/* M1 = A, the portions, C */
	talk_end(t);
}

static void get_digests_begins_m1_anew(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(talk_certificate(t, 0, 512), HF_OK);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	talk_end(t);
}

/* Whoever measures before a CHALLENGE was answered gives up what it asked for it. */
static void measuring_first_empties_m1(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	t->b.len = 0;
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	/* Not so once one was answered. */
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	talk_end(t);
}

static void refused_requests_are_in_no_transcript(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	talk_begin(t, 0x82, 0, 0);
	hf_put(&t->q, (uint8_t[]){ 0, 0, 0, 4 }, 4);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_UNSPECIFIED, 0, NULL, 0), HF_OK);
	talk_begin(t, 0x82, 0, 0);
	hf_put(&t->q, (uint8_t[]){ 0, 0, 0, 4 }, 4);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_BUSY, 0, NULL, 0), HF_OK);
	assert_int_equal(t->s.event, HF_SPDM_SAID_BUSY);
	assert_int_equal(talk_certificate(t, 0, 512), HF_OK);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	talk_end(t);
}

static void a_challenge_answers_what_was_asked(void **state)
{
	static const struct { size_t at; uint8_t to; enum hf_err err; } table[] = {
		{ 2, 1, HF_ERR_SPDM_SHAPE },		/* by another slot */
		{ 2, 0x80, HF_ERR_SPDM_SHAPE },		/* and who are you? */
		{ 3, 2, HF_ERR_SPDM_SHAPE },		/* of slots without this one */
		{ 4, 0x5a, HF_ERR_DEVICE_CHAIN },	/* with another chain */
	};

	(void)state;
	EACH_VERSION(i)
	for (size_t k = 0; k < 4; k++) {
		struct talk *t = identified(versions[i]);

		set_bend(t, table[k].at, table[k].to);	/* and it signs that */
		if (versions[i] == 0x10 && k == 1)
			assert_int_equal(talk_challenge(t, 0), HF_OK);	/* reserved */
		else
			assert_int_equal(talk_challenge(t, 0), table[k].err);
		talk_end(t);
	}
}

static void a_challenge_goes_to_a_chain_that_was_read(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(talk_challenge(t, 0), HF_ERR_DEVICE_CHAIN);
	t = talk_new(0x12);
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(talk_portion(t, 0, 0, 100), HF_OK);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_DEVICE_CHAIN);
	talk_end(t);
}

static void the_context_comes_back(void **state)
{
	(void)state;
	for (size_t i = 3; i < sizeof(versions); i++) {
		struct talk *t = identified(versions[i]);

		bent_at = 8;
		bent_to = 1;
		t->lie = bend_end;
		assert_int_equal(talk_challenge(t, 0), HF_ERR_SPDM_SHAPE);
		talk_end(t);
		t = identified(versions[i]);
		t->lie = bend_end;
		assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SHAPE);
		talk_end(t);
		t = identified(versions[i]);
		t->lie = bend_end;
		assert_int_equal(talk_measure(t, 1, -1), HF_ERR_SPDM_SHAPE);
		talk_end(t);
	}
}

static void a_summary_is_there_when_asked_for(void **state)
{
	static uint8_t m1[1 << 17];
	struct talk *t = identified(0x12);
	struct hf_writer w = { .buf = m1, .cap = sizeof(m1) };

	(void)state;
	talk_challenge_build(t, 0, 0xff);
	hf_put_span(&w, hf_written(&t->a));
	hf_put_span(&w, hf_written(&t->b));
	talk_add(t, &w);
	talk_sign(t, "responder-challenge_auth signing", hf_written(&w));
	assert_int_equal(talk_take(t), HF_OK);
	talk_end(t);
}

/* ---- L1: what MEASUREMENTS cover ---- */

static void unsigned_answers_and_the_count_are_in_l1(void **state)
{
	(void)state;
	EACH_VERSION(i) {
		struct talk *t = identified(versions[i]);

		assert_int_equal(talk_measure(t, 0, -1), HF_OK);
		assert_int_equal(t->s.total, 3);
		assert_int_equal(talk_measure(t, 1, -1), HF_OK);
		assert_int_equal(talk_measure(t, 2, -1), HF_OK);
		assert_false(t->s.blocks[1].is_covered || t->s.blocks[1].is_signed);
		assert_int_equal(talk_measure(t, 0x10, 0), HF_OK);
		assert_true(t->s.blocks[1].is_covered && t->s.blocks[2].is_covered);
		assert_false(t->s.blocks[1].is_signed);
		assert_true(t->s.blocks[0x10].is_signed);
		assert_int_equal(t->s.block_count, 3);
		talk_end(t);
	}
}

/* Who sits in between could answer for the device how many it has. */
static void a_count_counts_when_it_is_signed(void **state)
{
	(void)state;
	EACH_VERSION(i) {
		struct talk *t = identified(versions[i]);

		assert_int_equal(talk_measure(t, 0, -1), HF_OK);
		assert_int_equal(talk_digests(t), HF_OK);
		assert_int_equal(talk_measure(t, 1, 0), HF_OK);
		assert_false(t->s.counted);	/* the digests came in between */
		assert_int_equal(talk_measure(t, 0, -1), HF_OK);
		assert_false(t->s.counted);
		assert_int_equal(talk_measure(t, 2, 0), HF_OK);
		assert_true(t->s.counted);
		talk_end(t);
		t = identified(versions[i]);
		assert_int_equal(talk_measure(t, 1, 0), HF_OK);
		assert_false(t->s.counted);
		assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
		assert_true(t->s.counted);
		talk_end(t);
	}
}

static void an_error_empties_l1(void **state)
{
	static const uint8_t codes[] = { 0x01, 0x03, 0x04, 0x05, 0x07, 0xff };

	(void)state;
	for (size_t i = 0; i < sizeof(codes); i++) {
		struct talk *t = identified(0x12);

		assert_int_equal(talk_measure(t, 1, -1), HF_OK);
		talk_measure_build(t, 3, -1);
		assert_int_equal(talk_error(t, codes[i], 0, NULL, 0), HF_OK);
		t->l.len = 0;
		assert_int_equal(talk_measure(t, 2, 0), HF_OK);
		/* What came before it no signature covers. */
		assert_false(t->s.blocks[1].is_covered || t->s.blocks[1].is_signed);
		talk_end(t);
	}
}

static void another_request_empties_l1(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(talk_measure(t, 2, 0), HF_OK);
	assert_false(t->s.blocks[1].is_covered);
	assert_int_equal(talk_measure(t, 0x10, -1), HF_OK);
	assert_false(t->s.blocks[0x10].is_covered);	/* nor one that came before */
	assert_int_equal(talk_measure(t, 1, 0), HF_OK);
	assert_true(t->s.blocks[1].is_signed && t->s.blocks[0x10].is_covered);
	talk_end(t);
}

/* Padding is the mailbox's, and nobody signs it: the unsigned answers here end unevenly. */
static void padding_is_never_signed(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->padded = true;
	talk_renew(t);
	talk_identify(t);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	assert_int_not_equal(t->l.len % 4, 0);
	assert_int_equal(talk_measure(t, 2, 0), HF_OK);
	assert_true(t->s.blocks[1].is_covered);
	talk_end(t);
}

static void busy_is_asked_again_and_counts_once(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	talk_measure_build(t, 0xff, 0);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_BUSY, 0, NULL, 0), HF_OK);
	assert_int_equal(t->s.event, HF_SPDM_SAID_BUSY);
	assert_int_equal(t->s.nonces, 1);
	t->nonce--;	/* the same bytes */
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(t->s.nonces, 1);
	talk_end(t);
}

/* ---- not ready ---- */

static const uint8_t wait_for_measurements[] = { 17, 0xe0, 0x5c, 4 };

static void respond_if_ready(struct talk *t, uint8_t code, uint8_t token)
{
	t->q.len = 0;
	hf_put(&t->q, (uint8_t[]){ t->version, 0xff, code, token }, 4);
}

static void an_answer_that_was_waited_for_counts_with_its_request(void **state)
{
	(void)state;
	EACH_VERSION(i) {
		struct talk *t = identified(versions[i]);
		uint8_t answer[1024];
		size_t len;

		assert_int_equal(talk_measure(t, 1, -1), HF_OK);
		talk_measure_build(t, 2, 0);
		talk_add(t, &t->l);
		talk_measure_sign(t);
		len = t->r.len;
		memcpy(answer, t->r_buf, len);
		assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, wait_for_measurements, 4), HF_OK);
		assert_int_equal(t->s.event, HF_SPDM_SAID_NOT_READY);
		assert_int_equal(t->s.not_ready_us, 1u << 17);
		assert_int_equal(t->s.not_ready_code, 0xe0);
		assert_int_equal(t->s.not_ready_token, 0x5c);
		respond_if_ready(t, 0xe0, 0x5c);
		assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, wait_for_measurements, 4), HF_OK);
		respond_if_ready(t, 0xe0, 0x5c);
		t->r.len = 0;
		hf_put(&t->r, answer, len);
		assert_int_equal(talk_take(t), HF_OK);
		assert_int_equal(t->s.event, HF_SPDM_ANSWERED);
		assert_true(t->s.blocks[1].is_covered && t->s.blocks[2].is_signed);
		assert_int_equal(t->s.nonces, 1);
		talk_end(t);
	}
}

static void not_ready_names_its_request(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	talk_measure_build(t, 2, -1);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, (uint8_t[]){ 1, 0x83, 1, 2 }, 4),
			 HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = identified(0x12);
	talk_measure_build(t, 2, -1);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, (uint8_t[]){ 1, 0xe0, 1 }, 3),
			 HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = identified(0x12);	/* nothing is waited for */
	respond_if_ready(t, 0xe0, 1);
	talk_answer(t, 0, 0);
	assert_int_equal(talk_take(t), HF_ERR_TRANSCRIPT_SHAPE);
	talk_end(t);
	t = identified(0x12);	/* by another token */
	talk_measure_build(t, 2, -1);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, wait_for_measurements, 4), HF_OK);
	respond_if_ready(t, 0xe0, 1);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_BUSY, 0, NULL, 0), HF_ERR_TRANSCRIPT_SHAPE);
	talk_end(t);
	t = talk_new(0x12);	/* GET_VERSION is answered at once */
	talk_begin(t, 0x84, 0, 0);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, (uint8_t[]){ 1, 0x84, 1, 2 }, 4),
			 HF_ERR_SPDM_SHAPE);
}

static void the_answer_to_respond_if_ready_is_that_of_its_request(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	talk_measure_build(t, 2, -1);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, wait_for_measurements, 4), HF_OK);
	respond_if_ready(t, 0xe0, 0x5c);
	t->r.len = 0;
	hf_put(&t->r, (uint8_t[]){ 0x12, 0x01, 0, 0 }, 4);
	assert_int_equal(talk_take(t), HF_ERR_SPDM_SHAPE);
	talk_end(t);
}

/* Busy while it gathers what it will sign: that is counted, and asked for again. */
static void busy_between_keeps_what_was_counted(void **state)
{
	struct talk *t = identified(0x12);
	uint8_t answer[1024];
	size_t len;

	(void)state;
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	talk_measure_build(t, 2, 0);
	talk_add(t, &t->l);
	talk_measure_sign(t);
	len = t->r.len;
	memcpy(answer, t->r_buf, len);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, wait_for_measurements, 4), HF_OK);
	respond_if_ready(t, 0xe0, 0x5c);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_BUSY, 0, NULL, 0), HF_OK);
	assert_int_equal(t->s.event, HF_SPDM_SAID_BUSY);
	t->r.len = 0;
	hf_put(&t->r, answer, len);
	assert_int_equal(talk_take(t), HF_OK);
	assert_true(t->s.blocks[1].is_covered);
	/* But where it gives up, nothing is. */
	assert_int_equal(talk_measure(t, 0x10, -1), HF_OK);
	talk_measure_build(t, 2, 0);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, wait_for_measurements, 4), HF_OK);
	respond_if_ready(t, 0xe0, 0x5c);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_UNSPECIFIED, 0, NULL, 0), HF_OK);
	t->l.len = 0;
	assert_int_equal(talk_measure(t, 2, 0), HF_OK);
	assert_false(t->s.blocks[0x10].is_covered);
	talk_end(t);
}

/* A wait that was given up: nobody knows whether the device counts it. */
static void an_abandoned_wait_covers_nothing(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	talk_measure_build(t, 2, -1);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_NOT_READY, 0, wait_for_measurements, 4), HF_OK);
	t->l.len = 0;
	assert_int_equal(talk_measure(t, 0x10, 0), HF_OK);
	assert_false(t->s.blocks[1].is_covered);
	respond_if_ready(t, 0xe0, 0x5c);
	talk_answer(t, 0, 0);
	assert_int_equal(talk_take(t), HF_ERR_TRANSCRIPT_SHAPE);
	talk_end(t);
}

/* ---- chunks ---- */

static uint8_t whole[1 << 17];
static size_t whole_len;

static struct talk *chunked(uint8_t version)
{
	struct talk *t = talk_new(version);

	t->flags |= HF_SPDM_CAP_CHUNK;
	t->asked_flags |= HF_SPDM_CAP_CHUNK;
	talk_identify(t);
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	talk_measure_build(t, 2, 0);
	talk_add(t, &t->l);
	talk_measure_sign(t);
	whole_len = t->r.len;
	memcpy(whole, t->r_buf, whole_len);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_LARGE_RESPONSE, 0, (uint8_t[]){ 7 }, 1), HF_OK);
	assert_int_equal(t->s.event, HF_SPDM_SAID_LARGE);
	assert_int_equal(t->s.chunk_handle, 7);
	assert_int_equal(t->s.chunk_number, 0);
	return t;
}

struct chunk {
	uint8_t handle, asked_handle;
	uint32_t number, asked_number, total;
	bool last;
	size_t from, len;
};

static enum hf_err send_chunk(struct talk *t, const struct chunk *c)
{
	size_t width = t->version >= 0x14 ? 4 : 2;

	talk_begin(t, 0x86, 0, c->asked_handle);
	hf_put_le(&t->q, c->asked_number, width);
	talk_answer(t, c->last, c->handle);
	hf_put_le(&t->r, c->number, width);
	if (t->version < 0x14)
		hf_put_le(&t->r, 0, 2);
	hf_put_le(&t->r, c->len, 4);
	if (c->number == 0)
		hf_put_le(&t->r, c->total, 4);
	hf_put(&t->r, whole + c->from, c->len);
	return talk_take(t);
}

static void a_large_answer_counts_and_its_chunks_do_not(void **state)
{
	(void)state;
	for (size_t i = 2; i < sizeof(versions); i++)
	for (size_t size = 20; size < 300; size += 47) {
		struct talk *t = chunked(versions[i]);
		size_t from = 0;

		for (uint32_t n = 0; from < whole_len; n++) {
			struct chunk c = { .handle = 7, .asked_handle = 7, .number = n, .asked_number = n,
					   .total = (uint32_t)whole_len, .from = from, .len = size };

			if (c.len >= whole_len - from)
				c = (struct chunk){ 7, 7, n, n, (uint32_t)whole_len, true, from, whole_len - from };
			assert_int_equal(send_chunk(t, &c), HF_OK);
			assert_int_equal(t->s.event, c.last ? HF_SPDM_ANSWERED : HF_SPDM_SAID_LARGE);
			if (!c.last)
				assert_int_equal(t->s.chunk_number, n + 1);
			from += c.len;
		}
		assert_true(t->s.blocks[1].is_covered && t->s.blocks[2].is_signed);
		talk_end(t);
	}
}

static void chunks_fit_together(void **state)
{
	const struct chunk table[] = {
		{ 8, 7, 0, 0, 100, false, 0, 50 },	/* of another message */
		{ 7, 7, 1, 0, 100, false, 0, 50 },	/* out of turn */
		{ 7, 7, 0, 0, 40, false, 0, 50 },	/* more than there is */
		{ 7, 7, 0, 0, 50, false, 0, 50 },	/* all, and not the last */
		{ 7, 7, 0, 0, 100, true, 0, 50 },	/* the last, and not all */
		{ 7, 7, 0, 0, 100, false, 0, 0 },	/* nothing, for ever */
		{ 7, 7, 0, 0, 3, true, 0, 3 },		/* no message */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct talk *t = chunked(0x12);

		assert_int_equal(send_chunk(t, &table[i]), HF_ERR_SPDM_SHAPE);
		talk_end(t);
	}
	struct talk *t = chunked(0x12);

	assert_int_equal(send_chunk(t, &(struct chunk){ 7, 7, 0, 0, HF_SPDM_MESSAGE_MAX + 1, false, 0, 50 }),
			 HF_ERR_LIMIT);
	talk_end(t);
	t = chunked(0x12);	/* the question was another */
	assert_int_equal(send_chunk(t, &(struct chunk){ 7, 8, 0, 0, 100, false, 0, 50 }),
			 HF_ERR_TRANSCRIPT_SHAPE);
	talk_end(t);
}

static void no_large_answer_within_a_large_answer(void **state)
{
	struct talk *t = chunked(0x12);

	(void)state;
	memcpy(whole, (uint8_t[]){ 0x12, 0x7f, 0x0f, 0, 9 }, 5);
	assert_int_equal(send_chunk(t, &(struct chunk){ 7, 7, 0, 0, 5, true, 0, 5 }), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = chunked(0x12);
	talk_begin(t, 0x86, 0, 7);
	hf_put_le(&t->q, 0, 2);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_LARGE_RESPONSE, 0, (uint8_t[]){ 7 }, 1),
			 HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = identified(0x12);	/* who cannot do chunks sends none */
	talk_measure_build(t, 2, -1);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_LARGE_RESPONSE, 0, (uint8_t[]){ 7 }, 1),
			 HF_ERR_SPDM_SHAPE);
	talk_end(t);
}

/* ---- everything is void ---- */

static void get_version_voids_everything(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(talk_version(t), HF_OK);
	assert_int_equal(t->s.version, 0);
	assert_int_equal(t->s.block_count, 0);
	assert_int_equal(t->s.signatures, 0);
	assert_int_equal(t->s.slot_mask, 0);
	assert_int_equal(t->s.measured_slot, -1);
	assert_null(t->s.slots[0].parsed);
	assert_false(t->s.slots[0].challenged || t->s.negotiation_signed || t->s.blocks[1].there);
	assert_int_equal(t->s.nonces, 2);	/* those are used up */
	assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_TRANSCRIPT_SHAPE);
	talk_end(t);
}

static void resynch_voids_everything(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	talk_measure_build(t, 0xff, 0);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_REQUEST_RESYNCH, 0, NULL, 0), HF_OK);
	assert_int_equal(t->s.event, HF_SPDM_SAID_RESYNCH);
	assert_int_equal(t->s.error_code, HF_SPDM_ERROR_REQUEST_RESYNCH);
	assert_false(t->s.slots[0].challenged);
	assert_int_equal(t->s.nonces, 2);
	talk_identify(t);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(t->s.signatures, 2);
	talk_end(t);
	t = identified(0x12);
	talk_measure_build(t, 0xff, -1);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_REQUEST_RESYNCH, 0, NULL, 0), HF_OK);
	assert_int_equal(talk_digests(t), HF_ERR_TRANSCRIPT_SHAPE);
}

static void an_error_is_no_longer_than_it_may_be(void **state)
{
	static const uint8_t extended[33];
	struct talk *t = identified(0x12);

	(void)state;
	talk_measure_build(t, 1, -1);
	assert_int_equal(talk_error(t, 0xff, 0, extended, 32), HF_OK);
	talk_measure_build(t, 1, -1);
	assert_int_equal(talk_error(t, 0xff, 0, extended, 33), HF_ERR_SPDM_SHAPE);
	talk_end(t);
}

/* ---- blocks ---- */

static void swap_block(struct talk *t)	/* the second becomes the first's twin */
{
	t->r_buf[8 + 39] = 1;
}

static void blocks_have_their_shape(void **state)
{
	static const struct { size_t at; uint8_t to; } table[] = {
		{ 8, 0 }, { 8, 0xff },		/* indices that are none */
		{ 9, 0 }, { 9, 3 },		/* not DMTF's */
		{ 10, 34 }, { 10, 36 },		/* size and value's size */
		{ 13, 31 }, { 13, 33 },
		{ 12, 0x01 },			/* (as it is) */
		{ 4, 2 }, { 4, 4 }, { 4, 0 },	/* how many */
		{ 5, 116 }, { 5, 118 },		/* and how long */
	};

	(void)state;
	EACH_VERSION(i)
	for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++)
	for (int slot = -1; slot <= 0; slot++) {
		struct talk *t = identified(versions[i]);

		set_bend(t, table[k].at, table[k].to);
		assert_int_equal(talk_measure(t, 0xff, slot), k == 8 ? HF_OK : HF_ERR_SPDM_SHAPE);
		talk_end(t);
	}
	struct talk *t = identified(0x12);

	t->lie = swap_block;
	assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SHAPE);
	talk_end(t);
}

static void a_digest_is_as_long_as_its_hash(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->measurement_hash = 4;	/* SHA-384, and 32 bytes come */
	talk_identify(t);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = talk_new(0x12);
	t->flags = 0x26 & ~0x20;	/* no measurements, and yet some come */
	t->measurement_hash = 0;
	talk_identify(t);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = talk_new(0x12);
	t->measurement_hash = 1;	/* raw only */
	talk_identify(t);
	assert_int_equal(talk_measure(t, 1, 0), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = talk_new(0x12);
	t->measurement_hash = 1;
	talk_identify(t);
	set_bend(t, 12, 0x81);
	assert_int_equal(talk_measure(t, 1, 0), HF_OK);
	assert_int_equal(t->s.blocks[1].type, 0x81);
	talk_end(t);
}

static void an_answer_is_about_the_index_that_was_asked_for(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	set_bend(t, 8, 2);
	assert_int_equal(talk_measure(t, 1, 0), HF_ERR_SPDM_SHAPE);
	talk_end(t);
}

static void totals_hold(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	set_bend(t, 2, 2);
	assert_int_equal(talk_measure(t, 0, -1), HF_OK);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SHAPE);	/* three of two */
	talk_end(t);
	t = identified(0x12);
	set_bend(t, 2, 1);
	assert_int_equal(talk_measure(t, 0, -1), HF_OK);
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	assert_int_equal(talk_measure(t, 2, -1), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = identified(0x12);
	assert_int_equal(talk_measure(t, 0xff, -1), HF_OK);
	set_bend(t, 2, 2);
	assert_int_equal(talk_measure(t, 0, -1), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	for (unsigned total = 0; total < 256; total += 255) {
		t = identified(0x12);
		set_bend(t, 2, (uint8_t)total);
		assert_int_equal(talk_measure(t, 0, -1), HF_ERR_SPDM_SHAPE);
		talk_end(t);
	}
}

static void the_slot_that_signs_is_the_one_that_was_asked(void **state)
{
	(void)state;
	for (size_t i = 1; i < sizeof(versions); i++) {
		struct talk *t = identified(versions[i]);

		set_bend(t, 3, 1);
		assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SHAPE);
		talk_end(t);
	}
}

/* A tenant may fill slots 1 to 7: what one of them signed does not go by slot 0's chain. */
static void one_slot_signs_all_measurements(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->slot_mask = 3;
	talk_identify(t);
	assert_int_equal(talk_certificate(t, 1, 300), HF_OK);
	assert_int_equal(talk_measure(t, 1, 1), HF_OK);
	assert_int_equal(t->s.measured_slot, 1);
	assert_int_equal(talk_measure(t, 2, 0), HF_ERR_TRANSCRIPT_SHAPE);
	talk_end(t);
}

static void opaque(struct talk *t, size_t len)
{
	static const uint8_t bytes[2048];
	size_t context = t->version >= 0x13 ? 8 : 0;

	t->r.len -= 2 + context;
	hf_put_le(&t->r, len, 2);
	hf_put(&t->r, bytes, len);
	if (context)
		hf_put_le(&t->r, 0x1122334455667788, 8);
}

static void opaque_1024(struct talk *t) { opaque(t, 1024); }
static void opaque_1025(struct talk *t) { opaque(t, 1025); }

static void opaque_data_has_a_limit_and_a_format(void **state)
{
	(void)state;
	EACH_VERSION(i) {
		struct talk *t = identified(versions[i]);

		t->lie = opaque_1024;
		assert_int_equal(talk_challenge(t, 0), HF_OK);
		t->lie = opaque_1024;
		assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
		t->lie = opaque_1025;
		assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_SHAPE);
		talk_end(t);
		t = talk_new(versions[i]);
		t->other = 0;	/* none was agreed on */
		talk_identify(t);
		t->lie = opaque_1024;
		assert_int_equal(talk_measure(t, 0xff, 0), versions[i] < 0x12 ? HF_OK : HF_ERR_SPDM_SHAPE);
		talk_end(t);
	}
}

/* ---- what changes ---- */

static void content_bits_say_what_the_device_saw(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	set_bend(t, 3, 0x20);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_SAME);
	assert_int_equal(talk_measure(t, 1, 0), HF_OK);		/* this one does not know */
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_UNKNOWN);
	set_bend(t, 3, 0x20);
	assert_int_equal(talk_measure(t, 1, 0), HF_OK);
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_UNKNOWN);
	set_bend(t, 3, 0x10);
	assert_int_equal(talk_measure(t, 1, 0), HF_OK);
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_CHANGED);
	set_bend(t, 3, 0x20);
	assert_int_equal(talk_measure(t, 1, 0), HF_OK);
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_CHANGED);	/* once is enough */
	set_bend(t, 3, 0x30);
	assert_int_equal(talk_measure(t, 1, 0), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = identified(0x11);	/* reserved before 1.2 */
	set_bend(t, 3, 0x10);
	assert_int_equal(talk_measure(t, 1, 0), HF_OK);
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_UNKNOWN);
	talk_end(t);
}

static void change_value(struct talk *t) { t->r_buf[8 + 7] ^= 1; }

static void change_value_and_say_so(struct talk *t)
{
	change_value(t);
	t->r_buf[3] = 0x10;
}

static void a_value_does_not_change_while_it_is_read(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	t->lie = change_value;
	assert_int_equal(talk_measure(t, 1, 0), HF_ERR_SPDM_CHANGED);
	talk_end(t);
	t = identified(0x12);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	t->lie = change_value;
	assert_int_equal(talk_measure(t, 1, -1), HF_ERR_SPDM_CHANGED);
	talk_end(t);
}

static void a_device_that_changed_is_asked_for_all_again(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	set_bend(t, 3, 0x10);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_CHANGED);
	t->lie = change_value;
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_UNKNOWN);
	assert_int_equal(t->s.blocks[1].value.ptr[0], 0);	/* the new one */
	t->lie = change_value_and_say_so;
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(t->s.content, HF_SPDM_CONTENT_CHANGED);
	talk_end(t);
}

static void an_unsigned_answer_replaces_no_signed_one(void **state)
{
	struct talk *t = identified(0x12);

	(void)state;
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	set_bend(t, 12, 0x81);	/* raw now, of the same index */
	assert_int_equal(talk_measure(t, 1, -1), HF_OK);
	assert_int_equal(t->s.blocks[1].type, 1);
	assert_true(t->s.blocks[1].is_signed);
	talk_end(t);
}

/* ---- nonces ---- */

static void nonces_follow_the_seed(void **state)
{
	static const uint8_t challenge[] = "a controller's nonce";
	struct hf_spdm_seed seed = { .challenge = { challenge, sizeof(challenge) },
				     .boot_id = { 1, 2, 3 }, .pass = HF_SPDM_PASS_RECHECK };
	struct talk *t = talk_new(0x12);

	(void)state;
	t->seed = &seed;
	talk_renew(t);
	talk_identify(t);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(t->s.nonces, 2);
	/* Lost on the way: asked again with the same. */
	talk_measure_build(t, 0xff, 0);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_BUSY, 0, NULL, 0), HF_OK);
	t->nonce--;
	assert_int_equal(talk_measure(t, 0xff, 0), HF_OK);
	assert_int_equal(t->s.nonces, 3);
	/* Everything is forgotten but how many are used up. */
	talk_identify(t);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	assert_int_equal(t->s.nonces, 4);
	/* One that was answered comes never again. */
	t->nonce--;
	assert_int_equal(talk_challenge(t, 0), HF_ERR_SPDM_NONCE);
	talk_end(t);
}

static void a_nonce_out_of_turn_is_refused(void **state)
{
	struct hf_spdm_seed seed = { .pass = HF_SPDM_PASS_MEASURE };

	(void)state;
	for (size_t kind = 0; kind < 3; kind++) {
		struct talk *t = talk_new(0x12);

		t->seed = &seed;
		talk_renew(t);
		talk_identify(t);
		if (kind == 0)
			t->nonce = 1;	/* one left out */
		if (kind == 1)
			t->seed = NULL;	/* the device's own choice, so to say */
		if (kind == 2) {
			assert_int_equal(talk_challenge(t, 0), HF_OK);
			t->nonce = 0;	/* the first again */
		}
		assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_SPDM_NONCE);
		assert_int_equal(t->s.block_count, 0);
		talk_end(t);
	}
}

static void nonces_differ_in_everything(void **state)
{
	struct hf_spdm_seed seed = { .challenge = { (const uint8_t *)"xyz", 3 }, .pass = HF_SPDM_PASS_MEASURE };
	uint8_t first[32], other[32], known[32];

	(void)state;
	assert_int_equal(hf_spdm_nonce(&seed, "p", 0, first), HF_OK);
	assert_int_equal(hf_spdm_nonce(&seed, "p", 0, known), HF_OK);
	assert_memory_equal(first, known, 32);
	assert_int_equal(hf_spdm_nonce(&seed, "p", 1, other), HF_OK);
	assert_memory_not_equal(first, other, 32);
	assert_int_equal(hf_spdm_nonce(&seed, "q", 0, other), HF_OK);
	assert_memory_not_equal(first, other, 32);
	seed.pass = HF_SPDM_PASS_RECHECK;
	assert_int_equal(hf_spdm_nonce(&seed, "p", 0, other), HF_OK);
	assert_memory_not_equal(first, other, 32);
	seed.pass = HF_SPDM_PASS_MEASURE;
	seed.boot_id[31] = 1;
	assert_int_equal(hf_spdm_nonce(&seed, "p", 0, other), HF_OK);
	assert_memory_not_equal(first, other, 32);
	seed.boot_id[31] = 0;
	seed.challenge.len = 2;
	assert_int_equal(hf_spdm_nonce(&seed, "p", 0, other), HF_OK);
	assert_memory_not_equal(first, other, 32);
	seed.challenge.len = 65;
	assert_int_equal(hf_spdm_nonce(&seed, "p", 0, other), HF_ERR_INTERNAL);
	/* As spdm.h gives it, by another implementation of SHA-256 over the joined bytes. */
	uint8_t joined[128];
	struct hf_writer w = { .buf = joined, .cap = sizeof(joined) };

	seed.challenge.len = 3;
	hf_put(&w, "holdfast-spdm\0\1\3xyz", 19);
	hf_put(&w, seed.boot_id, 32);
	hf_put(&w, "p\0\0\0\0\7", 6);
	assert_int_equal(EVP_Digest(joined, w.len, known, NULL, EVP_sha256(), NULL), 1);
	assert_int_equal(hf_spdm_nonce(&seed, "p", 7, other), HF_OK);
	assert_memory_equal(known, other, 32);
}

/* ---- limits ---- */

static void a_conversation_ends(void **state)
{
	struct talk *t = identified(0x12);
	enum hf_err err = HF_OK;
	size_t count = 0;

	(void)state;
	while (!err && count < 2 * HF_SPDM_EXCHANGES_MAX) {
		talk_measure_build(t, 1, -1);
		err = talk_error(t, HF_SPDM_ERROR_BUSY, 0, NULL, 0);
		count++;
	}
	assert_int_equal(err, HF_ERR_LIMIT);
	assert_true(count > HF_SPDM_EXCHANGES_MAX - 20);
	talk_end(t);
	t = identified(0x12);
	err = HF_OK;
	for (count = 0; !err && count < HF_SPDM_EXCHANGES_MAX; count++) {
		t->b.len = 0;
		err = talk_certificate(t, 0, 4096);
	}
	assert_int_equal(err, HF_ERR_LIMIT);
	assert_true(count > 500 && count < HF_SPDM_TRANSCRIPT_MAX / t->chain_len[0] + 2);
	talk_end(t);
}

static void a_full_arena_is_a_limit(void **state)
{
	static uint8_t room[600000];

	(void)state;
	for (size_t cap = 0; cap < sizeof(room); cap += 4999) {
		struct hf_arena small = { .base = room, .cap = cap };
		struct hf_spdm_options options = { .arena = &small };
		struct talk *t = talk_new(0x12);
		enum hf_err err = hf_spdm_open(&options, &t->s);

		if (!err)
			err = talk_negotiate(t);
		if (!err)
			err = talk_digests(t);
		if (!err)
			err = talk_certificate(t, 0, 300);
		if (!err)
			err = talk_measure(t, 0xff, 0);
		assert_true(err == HF_OK || err == HF_ERR_LIMIT);
		if (cap > 500000)
			assert_int_equal(err, HF_OK);
		if (err != HF_ERR_LIMIT || t->s.inside)
			talk_end(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_signs),
		cmocka_unit_test(measurements_cover_the_negotiation_since_1_2),
		cmocka_unit_test(a_signature_is_for_one_purpose),
		cmocka_unit_test(m1_is_negotiation_slots_and_challenge),
		cmocka_unit_test(m1_begins_anew_after_each_challenge),
		cmocka_unit_test(get_digests_begins_m1_anew),
		cmocka_unit_test(measuring_first_empties_m1),
		cmocka_unit_test(refused_requests_are_in_no_transcript),
		cmocka_unit_test(a_challenge_answers_what_was_asked),
		cmocka_unit_test(a_challenge_goes_to_a_chain_that_was_read),
		cmocka_unit_test(the_context_comes_back),
		cmocka_unit_test(a_summary_is_there_when_asked_for),
		cmocka_unit_test(unsigned_answers_and_the_count_are_in_l1),
		cmocka_unit_test(a_count_counts_when_it_is_signed),
		cmocka_unit_test(an_error_empties_l1),
		cmocka_unit_test(another_request_empties_l1),
		cmocka_unit_test(padding_is_never_signed),
		cmocka_unit_test(busy_is_asked_again_and_counts_once),
		cmocka_unit_test(an_answer_that_was_waited_for_counts_with_its_request),
		cmocka_unit_test(not_ready_names_its_request),
		cmocka_unit_test(the_answer_to_respond_if_ready_is_that_of_its_request),
		cmocka_unit_test(busy_between_keeps_what_was_counted),
		cmocka_unit_test(an_abandoned_wait_covers_nothing),
		cmocka_unit_test(a_large_answer_counts_and_its_chunks_do_not),
		cmocka_unit_test(chunks_fit_together),
		cmocka_unit_test(no_large_answer_within_a_large_answer),
		cmocka_unit_test(get_version_voids_everything),
		cmocka_unit_test(resynch_voids_everything),
		cmocka_unit_test(an_error_is_no_longer_than_it_may_be),
		cmocka_unit_test(blocks_have_their_shape),
		cmocka_unit_test(a_digest_is_as_long_as_its_hash),
		cmocka_unit_test(an_answer_is_about_the_index_that_was_asked_for),
		cmocka_unit_test(totals_hold),
		cmocka_unit_test(the_slot_that_signs_is_the_one_that_was_asked),
		cmocka_unit_test(one_slot_signs_all_measurements),
		cmocka_unit_test(opaque_data_has_a_limit_and_a_format),
		cmocka_unit_test(content_bits_say_what_the_device_saw),
		cmocka_unit_test(a_value_does_not_change_while_it_is_read),
		cmocka_unit_test(a_device_that_changed_is_asked_for_all_again),
		cmocka_unit_test(an_unsigned_answer_replaces_no_signed_one),
		cmocka_unit_test(nonces_follow_the_seed),
		cmocka_unit_test(a_nonce_out_of_turn_is_refused),
		cmocka_unit_test(nonces_differ_in_everything),
		cmocka_unit_test(a_conversation_ends),
		cmocka_unit_test(a_full_arena_is_a_limit),
	};
	int failed;

	if (hf_arena_make(8 << 20, &talk_arena))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	hf_arena_drop(&talk_arena);
	return failed;
}
