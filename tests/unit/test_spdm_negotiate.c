/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SPDM's beginning: versions, capabilities, algorithms, what is in the slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/spdm_talk.h"

static const uint8_t versions[] = { 0x10, 0x11, 0x12, 0x13, 0x14 };
#define EACH_VERSION(i) for (size_t i = 0; i < sizeof(versions); i++)

static uint8_t bent_at, bent_to;
static void bend(struct talk *t) { t->r_buf[bent_at] = bent_to; }
static void bend_request(struct talk *t) { t->q_buf[bent_at] = bent_to; }
static void cut_one(struct talk *t) { t->r.len--; }
static void add_one(struct talk *t) { hf_put_le(&t->r, 0, 1); }
static void add_four(struct talk *t) { hf_put_le(&t->r, 0, 4); }

static void set_bend(struct talk *t, uint8_t at, uint8_t to)
{
	bent_at = at;
	bent_to = to;
	t->lie = bend;
}

static void every_version_negotiates(void **state)
{
	(void)state;
	EACH_VERSION(i) {
		struct talk *t = talk_new(versions[i]);
		char text[8];

		talk_identify(t);
		assert_int_equal(t->s.version, versions[i]);
		assert_int_equal(t->s.asym, 0x10);
		assert_int_equal(t->s.hash_alg, HF_ALG_SHA256);
		assert_int_equal(t->s.measurement_alg, HF_ALG_SHA256);	/* its bit is one higher */
		assert_int_equal(t->s.slots[0].cause, HF_OK);
		assert_non_null(t->s.slots[0].parsed);
		hf_spdm_version_text(t->s.version, text);
		assert_int_equal(text[2], '0' + (int)i);
		talk_end(t);
	}
}

static void get_version_speaks_1_0_whatever_comes_after(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	bent_at = 0;
	bent_to = 0x12;
	t->lie = bend_request;
	assert_int_equal(talk_version(t), HF_ERR_TRANSCRIPT_SHAPE);
	t = talk_new(0x12);
	set_bend(t, 0, 0x12);
	assert_int_equal(talk_version(t), HF_ERR_SPDM_SHAPE);
}

static void versions_that_nobody_knows_are_no_common_ground(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->lie = bend;
	set_bend(t, 7, 0x20);		/* 2.0 and */
	t->garble = NULL;
	assert_int_equal(talk_version(t), HF_OK);
	t = talk_new(0x15);
	t->r.len = 0;
	talk_begin(t, 0x84, 0, 0);
	talk_answer(t, 0, 0);
	hf_put(&t->r, (uint8_t[]){ 0, 2, 0, 0x15, 0, 0x20 }, 6);
	assert_int_equal(talk_take(t), HF_ERR_SPDM_VERSION);
}

static void a_version_that_was_not_listed_is_not_spoken(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	assert_int_equal(talk_version(t), HF_OK);
	t->version = 0x13;
	assert_int_equal(talk_capabilities(t), HF_ERR_TRANSCRIPT_SHAPE);
}

static void every_later_message_speaks_the_same_version(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	assert_int_equal(talk_version(t), HF_OK);
	set_bend(t, 0, 0x11);
	assert_int_equal(talk_capabilities(t), HF_ERR_SPDM_SHAPE);

	t = talk_new(0x12);
	talk_identify(t);
	set_bend(t, 0, 0x13);
	assert_int_equal(talk_digests(t), HF_ERR_SPDM_SHAPE);
	talk_end(t);

	t = talk_new(0x12);
	talk_identify(t);
	bent_at = 0;
	bent_to = 0x11;
	t->lie = bend_request;
	assert_int_equal(talk_digests(t), HF_ERR_TRANSCRIPT_SHAPE);
	talk_end(t);
}

static void order_is_version_capabilities_algorithms(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	assert_int_equal(talk_capabilities(t), HF_ERR_TRANSCRIPT_SHAPE);
	t = talk_new(0x12);
	assert_int_equal(talk_version(t), HF_OK);
	assert_int_equal(talk_algorithms(t), HF_ERR_TRANSCRIPT_SHAPE);
	t = talk_new(0x12);
	assert_int_equal(talk_version(t), HF_OK);
	assert_int_equal(talk_capabilities(t), HF_OK);
	assert_int_equal(talk_digests(t), HF_ERR_TRANSCRIPT_SHAPE);
	/* And none twice. */
	t = talk_new(0x12);
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_algorithms(t), HF_ERR_TRANSCRIPT_SHAPE);
	assert_int_equal(talk_version(t), HF_ERR_TRANSCRIPT_SHAPE);	/* for ever */
}

static void lengths_are_exact(void **state)
{
	static enum hf_err (*const steps[])(struct talk *) = {
		talk_version, talk_capabilities, talk_algorithms, talk_digests,
	};
	static void (*const wrong[])(struct talk *) = { cut_one, add_one, add_four };

	(void)state;
	EACH_VERSION(i)
	for (size_t step = 0; step < 4; step++)
	for (size_t k = 0; k < 3; k++) {
		struct talk *t = talk_new(versions[i]);

		for (size_t before = 0; before < step; before++)
			assert_int_equal(steps[before](t), HF_OK);
		t->garble = wrong[k];
		assert_int_equal(steps[step](t), HF_ERR_SPDM_SHAPE);
	}
}

/* Behind a mailbox: up to three bytes, which count nowhere. */
static void padding_is_three_bytes_at_most(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->padded = true;
	talk_renew(t);
	talk_identify(t);
	t->garble = add_four;
	assert_int_equal(talk_digests(t), HF_ERR_SPDM_SHAPE);
	talk_end(t);
}

static void sizes_of_1_2_have_a_floor(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	assert_int_equal(talk_version(t), HF_OK);
	t->lie = NULL;
	talk_begin(t, 0xe1, 0, 0);
	hf_put(&t->q, (uint8_t[]){ 0, 0, 0, 0, 6, 0, 0, 0, 0, 0x12, 0, 0, 0, 0x12, 0, 0 }, 16);
	talk_answer(t, 0, 0);
	hf_put(&t->r, (uint8_t[]){ 0, 0, 0, 0, 0x36, 0, 0, 0, 41, 0, 0, 0, 0, 0x12, 0, 0 }, 16);
	assert_int_equal(talk_take(t), HF_ERR_SPDM_SHAPE);

	t = talk_new(0x12);
	assert_int_equal(talk_version(t), HF_OK);
	set_bend(t, 17, 0x01);	/* a message is smaller than what is taken at once */
	assert_int_equal(talk_capabilities(t), HF_ERR_SPDM_SHAPE);
}

static void measurements_are_signed_or_not_but_not_both(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->flags = 0x3e;
	assert_int_equal(talk_version(t), HF_OK);
	assert_int_equal(talk_capabilities(t), HF_ERR_SPDM_SHAPE);
}

static void append_block(struct talk *t)
{
	t->r_buf[2] = 1;
	hf_put(&t->r, (uint8_t[]){ 1, 0, 34, 0, 1, 2 }, 6);
	hf_put(&t->r, (uint8_t[20]){ 0 }, 20);
	hf_put(&t->r, (uint8_t[]){ 0, 0, 0, 0, 2, 0x20, 8, 0 }, 8);
}

static void append_block_when_asked(struct talk *t)
{
	t->q_buf[2] = 1;
	append_block(t);
}

static void append_long_block(struct talk *t)
{
	append_block_when_asked(t);
	t->r_buf[22] = 38;
	hf_put_le(&t->r, 0, 4);
}

static void a_block_of_algorithms_comes_to_who_asked_for_it(void **state)
{
	struct talk *t = talk_new(0x13);

	(void)state;
	assert_int_equal(talk_version(t), HF_OK);
	t->lie = append_block_when_asked;
	assert_int_equal(talk_capabilities(t), HF_OK);
	assert_int_equal(talk_algorithms(t), HF_OK);
	talk_end(t);
	t = talk_new(0x13);
	assert_int_equal(talk_version(t), HF_OK);
	t->lie = append_block;
	assert_int_equal(talk_capabilities(t), HF_ERR_SPDM_SHAPE);
	t = talk_new(0x13);
	assert_int_equal(talk_version(t), HF_OK);
	t->lie = append_long_block;
	assert_int_equal(talk_capabilities(t), HF_ERR_SPDM_SHAPE);
	t = talk_new(0x12);	/* nothing of it before 1.3 */
	assert_int_equal(talk_version(t), HF_OK);
	t->lie = append_block_when_asked;
	assert_int_equal(talk_capabilities(t), HF_ERR_SPDM_SHAPE);
}

/* ---- ALGORITHMS ---- */

static enum hf_err choose(uint8_t version, uint32_t asym, uint32_t hash, uint32_t measurement_hash)
{
	struct talk *t = talk_new(version);

	t->offered_asym = 0x13a;
	t->offered_hash = 7;
	t->asym = asym;
	t->hash = hash;
	t->measurement_hash = measurement_hash;
	return talk_negotiate(t);
}

static void exactly_one_algorithm_of_those_offered_is_chosen(void **state)
{
	static const uint32_t bad_asym[] = { 0, 0x12, 0x80, 0x200, 0x40, 0x8000000 };
	static const uint32_t bad_hash[] = { 0, 3, 6, 8, 0x40, 0x80000000 };
	static const uint32_t bad_measured[] = { 0, 3, 6, 0x10, 0x80, 0x100 };

	(void)state;
	EACH_VERSION(i) {
		assert_int_equal(choose(versions[i], 0x100, 4, 1), HF_OK);
		for (size_t k = 0; k < 6; k++) {
			assert_int_equal(choose(versions[i], bad_asym[k], 1, 2), HF_ERR_SPDM_ALGORITHM);
			assert_int_equal(choose(versions[i], 0x10, bad_hash[k], 2), HF_ERR_SPDM_ALGORITHM);
			assert_int_equal(choose(versions[i], 0x10, 1, bad_measured[k]), HF_ERR_SPDM_ALGORITHM);
		}
	}
}

static void what_was_offered_and_is_not_known_here_is_refused(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->offered_asym = t->asym = 0x200;	/* SM2 */
	assert_int_equal(talk_negotiate(t), HF_ERR_SPDM_ALGORITHM);
	t = talk_new(0x12);
	t->offered_hash = t->hash = 8;		/* SHA3-256 */
	assert_int_equal(talk_negotiate(t), HF_ERR_SPDM_ALGORITHM);
}

static void a_device_without_keys_chooses_none(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->flags = 0x08;
	t->asym = t->hash = 0;
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_measure(t, 0xff, -1), HF_OK);
	assert_int_equal(t->s.block_count, 3);
	assert_false(t->s.blocks[1].is_signed || t->s.blocks[1].is_covered);
	/* And what it cannot sign it does not sign. */
	talk_measure_build(t, 0xff, 0);
	assert_int_equal(talk_take(t), HF_ERR_SPDM_SHAPE);
	talk_end(t);
}

static void specification_and_formats_are_those_offered(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->other = 1;	/* opaque format 0, and 1 was offered */
	assert_int_equal(talk_negotiate(t), HF_ERR_SPDM_ALGORITHM);
	t = talk_new(0x12);
	t->asked_other = t->other = 3;
	assert_int_equal(talk_negotiate(t), HF_ERR_SPDM_ALGORITHM);
	for (uint8_t spec = 0; spec < 4; spec += 2) {
		t = talk_new(0x12);
		assert_int_equal(talk_version(t), HF_OK);
		assert_int_equal(talk_capabilities(t), HF_OK);
		set_bend(t, 6, spec);
		assert_int_equal(talk_algorithms(t), HF_ERR_SPDM_ALGORITHM);
	}
}

static void extended_and_post_quantum_algorithms_are_not_chosen(void **state)
{
	static const struct { uint8_t version, at; enum hf_err err; } table[] = {
		{ 0x12, 32, HF_ERR_SPDM_SHAPE }, { 0x12, 33, HF_ERR_SPDM_SHAPE },
		{ 0x14, 20, HF_ERR_SPDM_ALGORITHM },
		{ 0x13, 20, HF_OK },	/* reserved then */
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct talk *t = talk_new(table[i].version);

		assert_int_equal(talk_version(t), HF_OK);
		assert_int_equal(talk_capabilities(t), HF_OK);
		set_bend(t, table[i].at, 1);
		assert_int_equal(talk_algorithms(t), table[i].err);
	}
}

static void the_length_of_algorithms_is_their_length(void **state)
{
	struct talk *t = talk_new(0x11);

	(void)state;
	assert_int_equal(talk_version(t), HF_OK);
	assert_int_equal(talk_capabilities(t), HF_OK);
	set_bend(t, 4, 40);
	assert_int_equal(talk_algorithms(t), HF_ERR_SPDM_SHAPE);
	t = talk_new(0x11);
	assert_int_equal(talk_version(t), HF_OK);
	assert_int_equal(talk_capabilities(t), HF_OK);
	set_bend(t, 2, 1);	/* a table that is not there */
	assert_int_equal(talk_algorithms(t), HF_ERR_SPDM_SHAPE);
}

static void add_table(struct talk *t)
{
	t->r_buf[2] = 1;
	t->r_buf[4] = 40;
	hf_put(&t->r, (uint8_t[]){ 2, 0x20, 8, 0 }, 4);
}

static void ask_and_add_table(struct talk *t)
{
	t->q_buf[2] = 1;
	t->q_buf[4] = 36;
	hf_put(&t->q, (uint8_t[]){ 2, 0x20, 0x1b, 0 }, 4);
	add_table(t);
}

static void a_table_of_algorithms_answers_one(void **state)
{
	(void)state;
	EACH_VERSION(i)
	for (size_t asked = 0; asked < 2; asked++) {
		struct talk *t = talk_new(versions[i]);

		assert_int_equal(talk_version(t), HF_OK);
		assert_int_equal(talk_capabilities(t), HF_OK);
		t->lie = asked ? ask_and_add_table : add_table;
		enum hf_err err = talk_algorithms(t);

		/* Before 1.1 there were none. */
		if (versions[i] == 0x10)
			assert_int_equal(err, asked ? HF_ERR_TRANSCRIPT_SHAPE : HF_ERR_SPDM_SHAPE);
		else
			assert_int_equal(err, asked ? HF_OK : HF_ERR_SPDM_SHAPE);
	}
}

/* ---- DIGESTS, CERTIFICATE ---- */

static void add_multi_key(struct talk *t)
{
	hf_put(&t->r, (uint8_t[]){ 1, 2, 1, 1, 7, 0, 7, 0 }, 8);
}

static void keys_for_several_slots_have_four_bytes_more_each(void **state)
{
	static const struct { uint32_t cap; uint8_t asked; bool more; } table[] = {
		{ 1u << 26, 0x12, true }, { 2u << 26, 0x12, true }, { 2u << 26, 2, false }, { 0, 0x12, false },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++)
	for (size_t more = 0; more < 2; more++) {
		struct talk *t = talk_new(0x13);

		t->flags |= table[i].cap;
		t->asked_other = table[i].asked;
		t->slot_mask = 3;
		assert_int_equal(talk_negotiate(t), HF_OK);
		t->lie = more ? add_multi_key : NULL;
		assert_int_equal(talk_digests(t), more == table[i].more ? HF_OK : HF_ERR_SPDM_SHAPE);
		talk_end(t);
	}
}

static void slots_that_are_filled_are_there(void **state)
{
	struct talk *t = talk_new(0x13);

	(void)state;
	assert_int_equal(talk_negotiate(t), HF_OK);
	set_bend(t, 2, 2);	/* supported: slot 1; provisioned: slot 0 */
	assert_int_equal(talk_digests(t), HF_ERR_SPDM_SHAPE);
}

static void a_chain_comes_in_portions_of_any_size(void **state)
{
	static const size_t sizes[] = { 1, 37, 256, 500, 4096 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct talk *t = talk_new(0x12);

		assert_int_equal(talk_negotiate(t), HF_OK);
		assert_int_equal(talk_digests(t), HF_OK);
		assert_int_equal(talk_portion(t, 0, 0, sizes[i]), HF_OK);
		assert_int_equal(t->s.certificate_next,
				 sizes[i] < t->chain_len[0] ? sizes[i] : t->chain_len[0]);
		assert_int_equal(t->s.certificate_next + t->s.certificate_left, t->chain_len[0]);
		if (t->s.certificate_left)
			assert_int_equal(t->s.slots[0].chain.len, 0);	/* not before it is whole */
		for (size_t at = sizes[i]; at < t->chain_len[0]; at += sizes[i])
			assert_int_equal(talk_portion(t, 0, at, sizes[i]), HF_OK);
		assert_int_equal(t->s.certificate_left, 0);
		assert_int_equal(t->s.slots[0].cause, HF_OK);
		assert_int_equal(t->s.slots[0].chain.len, t->chain_len[0]);
		assert_memory_equal(t->s.slots[0].chain.ptr, t->chain[0], t->chain_len[0]);
		assert_int_equal(talk_challenge(t, 0), HF_OK);
		talk_end(t);
	}
}

static void portions_add_up(void **state)
{
	static const struct { uint8_t at, to; } table[] = {
		{ 2, 1 },		/* of another slot */
		{ 4, 0 },		/* nothing at all: its bytes are too many */
		{ 6, 0 },		/* the end, and it is not */
	};
	struct talk *t;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		t = talk_new(0x12);
		assert_int_equal(talk_negotiate(t), HF_OK);
		assert_int_equal(talk_digests(t), HF_OK);
		assert_int_equal(talk_portion(t, 0, 0, 100), HF_OK);
		set_bend(t, table[i].at, table[i].to);
		assert_int_equal(talk_portion(t, 0, 100, 100), HF_ERR_SPDM_SHAPE);
		talk_end(t);
	}
	t = talk_new(0x12);
	assert_int_equal(talk_negotiate(t), HF_OK);
	talk_begin(t, 0x82, 0, 0);
	hf_put(&t->q, (uint8_t[]){ 0, 0, 3, 0 }, 4);
	talk_answer(t, 0, 0);
	hf_put(&t->r, (uint8_t[]){ 4, 0, 9, 0, 1, 2, 3, 4 }, 8);	/* more than was asked for */
	assert_int_equal(talk_take(t), HF_ERR_SPDM_SHAPE);
	t = talk_new(0x12);
	assert_int_equal(talk_negotiate(t), HF_OK);
	talk_begin(t, 0x82, 0, 0);
	hf_put(&t->q, (uint8_t[]){ 0, 0, 3, 0 }, 4);
	talk_answer(t, 0, 0);
	hf_put(&t->r, (uint8_t[]){ 0, 0, 9, 0 }, 4);	/* for ever nothing */
	assert_int_equal(talk_take(t), HF_ERR_SPDM_SHAPE);
}

static void a_hole_in_a_chain_is_no_conversation(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_portion(t, 0, 0, 100), HF_OK);
	assert_int_equal(talk_portion(t, 0, 101, 100), HF_ERR_TRANSCRIPT_SHAPE);
	t = talk_new(0x12);
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_portion(t, 0, 100, 100), HF_ERR_SPDM_SHAPE);
}

static void a_chain_that_is_read_again_is_the_same(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	talk_identify(t);
	assert_int_equal(talk_certificate(t, 0, 300), HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	t->chain[0][t->chain_len[0] - 1] ^= 1;
	assert_int_equal(talk_certificate(t, 0, 300), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = talk_new(0x12);
	talk_identify(t);
	t->chain[0][t->chain_len[0] - 1] ^= 1;
	assert_int_equal(talk_digests(t), HF_ERR_SPDM_SHAPE);
	talk_end(t);
}

/* A chain may be read before its digest; then the digest has to be its own. */
static void digests_may_come_after_the_chain(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_certificate(t, 0, 300), HF_OK);
	assert_int_equal(t->s.slots[0].cause, HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	talk_end(t);
	t = talk_new(0x12);
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_certificate(t, 0, 300), HF_OK);
	set_bend(t, 4, 0x5a);
	assert_int_equal(talk_digests(t), HF_ERR_SPDM_SHAPE);
	talk_end(t);
	t = talk_new(0x12);	/* or in the middle of it */
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_portion(t, 0, 0, 100), HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(talk_portion(t, 0, 100, 4096), HF_OK);
	assert_int_equal(t->s.slots[0].cause, HF_OK);
	talk_end(t);
}

static void bad_chains_are_their_slots_trouble(void **state)
{
	static const size_t bent[] = {
		0,	/* the length that the header gives */
		5,	/* the root's hash */
		60,	/* the root itself */
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct talk *t = talk_new(0x12);

		t->chain[0][bent[i]] ^= 1;	/* and the digest fits it */
		talk_identify(t);
		assert_int_equal(t->s.slots[0].cause, HF_ERR_DEVICE_CHAIN);
		assert_null(t->s.slots[0].parsed);
		assert_int_equal(talk_challenge(t, 0), HF_ERR_DEVICE_CHAIN);
		assert_int_equal(t->s.slots[0].challenge_cause, HF_ERR_DEVICE_CHAIN);
		assert_false(t->s.slots[0].challenged);
		talk_end(t);
		/* Nor does it sign measurements. */
		t = talk_new(0x12);
		t->chain[0][bent[i]] ^= 1;
		talk_identify(t);
		assert_int_equal(talk_measure(t, 0xff, 0), HF_ERR_DEVICE_CHAIN);
		assert_int_equal(t->s.block_count, 0);
		talk_end(t);
	}
}

static void a_chain_fits_its_digest(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	assert_int_equal(talk_negotiate(t), HF_OK);
	set_bend(t, 4, 0x5a);
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(talk_certificate(t, 0, 300), HF_OK);
	assert_int_equal(t->s.slots[0].cause, HF_ERR_DEVICE_CHAIN);
	talk_end(t);
}

static void a_chain_without_its_root_is_one(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->slot_mask = 3;
	talk_identify(t);
	assert_int_equal(talk_certificate(t, 1, 300), HF_OK);
	assert_int_equal(t->s.slots[1].cause, HF_OK);
	assert_int_equal(hf_device_chain_count(t->s.slots[1].parsed), 1);
	assert_int_equal(t->s.slots[1].root_hash.len, 32);
	assert_memory_equal(t->s.slots[1].root_hash.ptr, t->s.slots[0].root_hash.ptr, 32);
	assert_int_equal(talk_challenge(t, 1), HF_OK);
	assert_true(t->s.slots[1].challenged);
	assert_false(t->s.slots[0].challenged);
	talk_end(t);
}

static void refused_slots_say_so(void **state)
{
	struct talk *t = talk_new(0x12);

	(void)state;
	t->slot_mask = 3;
	talk_identify(t);
	talk_begin(t, 0x82, 1, 0);
	hf_put(&t->q, (uint8_t[]){ 0, 0, 0, 4 }, 4);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_UNSPECIFIED, 0, NULL, 0), HF_OK);
	assert_int_equal(t->s.event, HF_SPDM_SAID_ERROR);
	assert_int_equal(t->s.slots[1].cause, HF_ERR_SPDM_ERROR);
	assert_int_equal(t->s.slots[0].cause, HF_OK);
	talk_challenge_build(t, 0, 0);
	assert_int_equal(talk_error(t, HF_SPDM_ERROR_UNSUPPORTED, 0x83, NULL, 0), HF_OK);
	assert_int_equal(t->s.slots[0].challenge_cause, HF_ERR_SPDM_ERROR);
	/* Smaller portions may do. */
	assert_int_equal(talk_certificate(t, 1, 64), HF_OK);
	assert_int_equal(t->s.slots[1].cause, HF_OK);
	talk_end(t);
}

/* 1.4: offsets of 32 bits, on both sides or on neither. */
static enum hf_err large_portion(struct talk *t, uint8_t asked, uint8_t answered, size_t lengths)
{
	talk_begin(t, 0x82, asked, 0);
	hf_put_le(&t->q, 0, asked & 0x80 ? 4 : 2);
	if (asked & 0x80)
		hf_put_le(&t->q, 0, 4);
	hf_put_le(&t->q, 0x11000, asked & 0x80 ? 4 : 2);
	talk_answer(t, answered, 0);
	if (answered & 0x80)
		hf_put_le(&t->r, 0, 4);
	hf_put_le(&t->r, t->chain_len[0], lengths);
	hf_put_le(&t->r, 0, lengths);
	hf_put(&t->r, t->chain[0], t->chain_len[0]);
	talk_add(t, &t->b);
	return talk_take(t);
}

static void large_chains_have_large_offsets(void **state)
{
	struct talk *t = talk_new(0x14);

	(void)state;
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(large_portion(t, 0x80, 0x80, 4), HF_OK);
	assert_int_equal(t->s.slots[0].cause, HF_OK);
	assert_int_equal(talk_challenge(t, 0), HF_OK);
	talk_end(t);
	t = talk_new(0x14);
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(large_portion(t, 0x80, 0, 2), HF_ERR_SPDM_SHAPE);
	t = talk_new(0x13);	/* a reserved bit, no more */
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(large_portion(t, 0x80, 0x80, 4), HF_ERR_TRANSCRIPT_SHAPE);
}

static void chains_have_a_limit(void **state)
{
	struct talk *t = talk_new(0x14);

	(void)state;
	assert_int_equal(talk_negotiate(t), HF_OK);
	talk_begin(t, 0x82, 0x80, 0);
	hf_put(&t->q, (uint8_t[]){ 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 }, 12);
	talk_answer(t, 0x80, 0);
	hf_put(&t->r, (uint8_t[]){ 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0, 0, 7 }, 13);
	assert_int_equal(talk_take(t), HF_ERR_LIMIT);
	t = talk_new(0x14);	/* and no sum that wraps */
	assert_int_equal(talk_negotiate(t), HF_OK);
	talk_begin(t, 0x82, 0x80, 0);
	hf_put(&t->q, (uint8_t[]){ 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 }, 12);
	talk_answer(t, 0x80, 0);
	hf_put(&t->r, (uint8_t[]){ 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 7 }, 13);
	assert_int_equal(talk_take(t), HF_ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_negotiates),
		cmocka_unit_test(get_version_speaks_1_0_whatever_comes_after),
		cmocka_unit_test(versions_that_nobody_knows_are_no_common_ground),
		cmocka_unit_test(a_version_that_was_not_listed_is_not_spoken),
		cmocka_unit_test(every_later_message_speaks_the_same_version),
		cmocka_unit_test(order_is_version_capabilities_algorithms),
		cmocka_unit_test(lengths_are_exact),
		cmocka_unit_test(padding_is_three_bytes_at_most),
		cmocka_unit_test(sizes_of_1_2_have_a_floor),
		cmocka_unit_test(measurements_are_signed_or_not_but_not_both),
		cmocka_unit_test(a_block_of_algorithms_comes_to_who_asked_for_it),
		cmocka_unit_test(exactly_one_algorithm_of_those_offered_is_chosen),
		cmocka_unit_test(what_was_offered_and_is_not_known_here_is_refused),
		cmocka_unit_test(a_device_without_keys_chooses_none),
		cmocka_unit_test(specification_and_formats_are_those_offered),
		cmocka_unit_test(extended_and_post_quantum_algorithms_are_not_chosen),
		cmocka_unit_test(the_length_of_algorithms_is_their_length),
		cmocka_unit_test(a_table_of_algorithms_answers_one),
		cmocka_unit_test(keys_for_several_slots_have_four_bytes_more_each),
		cmocka_unit_test(slots_that_are_filled_are_there),
		cmocka_unit_test(a_chain_comes_in_portions_of_any_size),
		cmocka_unit_test(portions_add_up),
		cmocka_unit_test(a_hole_in_a_chain_is_no_conversation),
		cmocka_unit_test(a_chain_that_is_read_again_is_the_same),
		cmocka_unit_test(digests_may_come_after_the_chain),
		cmocka_unit_test(bad_chains_are_their_slots_trouble),
		cmocka_unit_test(a_chain_fits_its_digest),
		cmocka_unit_test(a_chain_without_its_root_is_one),
		cmocka_unit_test(refused_slots_say_so),
		cmocka_unit_test(large_chains_have_large_offsets),
		cmocka_unit_test(chains_have_a_limit),
	};
	int failed;

	if (hf_arena_make(4 << 20, &talk_arena))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	hf_arena_drop(&talk_arena);
	return failed;
}
