/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The requester against a device made up here, which signs nothing and is difficult: which
 * question comes next, how often, how long. Those that sign are in tests/trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pcie/spdm_ask.h"
#include "pcie/spdm_request.h"
#include "pcie/worker.h"

#define ARENA ((size_t)8 << 20)

static struct device {
	uint16_t versions[8];
	size_t version_count;
	uint8_t refuses_version;	/* VersionMismatch to capabilities in this one */
	bool refuses_flags;
	uint32_t capabilities, asym;
	uint8_t indexes[8];		/* of its blocks */
	size_t index_count;
	uint8_t total;			/* what it says; 0: the truth */
	bool refuses_all;		/* 0xff */

	/* how it is difficult, about requests of this code: so often, then no more */
	uint8_t code;
	unsigned busy, not_ready, resynch, large;
	uint8_t exponent;
	bool piecemeal;			/* answers that are due go in chunks */
	unsigned slow_ms;
	enum hf_err fails;

	uint8_t pending[512];		/* the request that waits for RESPOND_IF_READY or chunks */
	size_t pending_len;
	uint8_t whole[512];
	size_t whole_len, whole_at;

	uint8_t log[HF_SPDM_EXCHANGES_MAX + 8];	/* codes */
	uint8_t first[64], again[64];	/* the first request of code, and the last one */
	uint32_t flags[4];		/* of each GET_CAPABILITIES from 1.1 on */
	uint32_t sizes[4][2];
	size_t count, code_count, flag_count;
	unsigned patience;
} dev;

static struct hf_arena arena;
static struct hf_spdm s;
static struct hf_writer transcript;
static uint8_t file[1u << 18];
static struct hf_spdm_plan plan;
static struct hf_spdm_transport transport;

static void answer_version(struct hf_writer *w)
{
	hf_put(w, (uint8_t[]){ 0x10, 0x04, 0, 0, 0, (uint8_t)dev.version_count }, 6);
	for (size_t i = 0; i < dev.version_count; i++)
		hf_put_le(w, dev.versions[i], 2);
}

static void error(struct hf_writer *w, uint8_t version, uint8_t code)
{
	hf_put(w, (uint8_t[]){ version, 0x7f, code, 0 }, 4);
}

static void answer_capabilities(struct hf_span r, struct hf_writer *w)
{
	uint8_t version = r.ptr[0];
	uint32_t flags = version >= 0x11 ? (uint32_t)hf_le(r.ptr + 8, 4) : 0;

	if (dev.flag_count < 4) {
		dev.flags[dev.flag_count] = flags;
		dev.sizes[dev.flag_count][0] = version >= 0x12 ? (uint32_t)hf_le(r.ptr + 12, 4) : 0;
		dev.sizes[dev.flag_count][1] = version >= 0x12 ? (uint32_t)hf_le(r.ptr + 16, 4) : 0;
		dev.flag_count++;
	}
	if (version == dev.refuses_version) {
		error(w, version, HF_SPDM_ERROR_VERSION_MISMATCH);
		return;
	}
	if (dev.refuses_flags && flags) {
		error(w, version, HF_SPDM_ERROR_INVALID_REQUEST);
		return;
	}
	hf_put(w, (uint8_t[]){ version, 0x61, 0, 0, 0, 0, 0, 0 }, 8);
	hf_put_le(w, dev.capabilities, 4);
	if (version >= 0x12) {
		hf_put_le(w, 0x1000, 4);
		hf_put_le(w, 0x1000, 4);
	}
}

static void answer_algorithms(struct hf_span r, struct hf_writer *w)
{
	static const uint8_t zeros[16];

	hf_put(w, (uint8_t[]){ r.ptr[0], 0x63, 0, 0, 36, 0, 1, 0 }, 8);
	hf_put_le(w, 2, 4);		/* measures by SHA-256 */
	hf_put_le(w, dev.asym, 4);
	hf_put_le(w, dev.asym ? 1 : 0, 4);
	hf_put(w, zeros, 16);
}

static void put_block(struct hf_writer *w, uint8_t index)
{
	hf_put(w, (uint8_t[]){ index, 1, 35, 0, 1, 32, 0 }, 7);
	for (size_t i = 0; i < 32; i++)
		hf_put(w, &index, 1);
}

static bool has(uint8_t index)
{
	for (size_t i = 0; i < dev.index_count; i++)
		if (dev.indexes[i] == index)
			return true;
	return false;
}

static void answer_measurements(struct hf_span r, struct hf_writer *w)
{
	uint8_t version = r.ptr[0], asked = r.ptr[3];
	size_t count = asked == 0 ? 0 : asked == 0xff ? dev.index_count : 1;
	static const uint8_t zeros[34];

	if ((asked == 0xff && dev.refuses_all) || (asked && asked != 0xff && !has(asked))) {
		error(w, version, HF_SPDM_ERROR_INVALID_REQUEST);
		return;
	}
	hf_put(w, (uint8_t[]){ version, 0x60, 0, 0, (uint8_t)count }, 5);
	if (asked == 0)
		w->buf[w->len - 3] = dev.total ? dev.total : (uint8_t)dev.index_count;
	hf_put_le(w, count * 39, 3);
	for (size_t i = 0; asked && i < dev.index_count; i++)
		if (asked == 0xff || dev.indexes[i] == asked)
			put_block(w, dev.indexes[i]);
	hf_put(w, zeros, 34);		/* nonce, no opaque data */
	if (version >= 0x13)
		hf_put(w, zeros, 8);
}

static void answer_plainly(struct hf_span r, struct hf_writer *w)
{
	switch (r.ptr[1]) {
	case HF_SPDM_GET_VERSION:
		answer_version(w);
		return;
	case HF_SPDM_GET_CAPABILITIES:
		answer_capabilities(r, w);
		return;
	case HF_SPDM_NEGOTIATE_ALGORITHMS:
		answer_algorithms(r, w);
		return;
	case HF_SPDM_GET_MEASUREMENTS:
		answer_measurements(r, w);
		return;
	}
	fail();
}

static void not_ready(uint8_t version, struct hf_writer *w)
{
	dev.not_ready--;
	error(w, version, HF_SPDM_ERROR_NOT_READY);
	hf_put(w, (uint8_t[]){ dev.exponent, dev.pending[1], 0x5a, 1 }, 4);
}

static void answer_chunk(struct hf_span r, struct hf_writer *w)
{
	size_t left = dev.whole_len - dev.whole_at, part = left < 40 ? left : 40;
	uint16_t number = (uint16_t)hf_le(r.ptr + 4, 2);

	assert_int_equal(r.ptr[3], 9);
	assert_int_equal(number, dev.whole_at / 40);
	hf_put(w, (uint8_t[]){ r.ptr[0], 0x06, part == left, 9 }, 4);
	hf_put_le(w, number, 2);
	hf_put_le(w, 0, 2);
	hf_put_le(w, part, 4);
	if (!dev.whole_at)
		hf_put_le(w, dev.whole_len, 4);
	hf_put(w, dev.whole + dev.whole_at, part);
	dev.whole_at += part;
}

static void keep_pending(struct hf_span r)
{
	assert_true(r.len <= sizeof(dev.pending));
	memcpy(dev.pending, r.ptr, r.len);
	dev.pending_len = r.len;
}

static void in_pieces(struct hf_span r, struct hf_writer *w)
{
	struct hf_writer whole = { .buf = dev.whole, .cap = sizeof(dev.whole) };

	answer_plainly(r, &whole);
	assert_false(whole.full);
	dev.whole_len = whole.len;
	dev.whole_at = 0;
	dev.large--;
	error(w, r.ptr[0], HF_SPDM_ERROR_LARGE_RESPONSE);
	hf_put(w, (uint8_t[]){ 9 }, 1);
}

static void note(struct hf_span r)
{
	assert_true(dev.count < sizeof(dev.log));
	dev.log[dev.count++] = r.ptr[1];
	if (r.ptr[1] != dev.code)
		return;
	assert_true(r.len <= sizeof(dev.first));
	memset(dev.again, 0, sizeof(dev.again));
	memcpy(dev.again, r.ptr, r.len);
	if (!dev.code_count++)
		memcpy(dev.first, dev.again, sizeof(dev.first));
}

static void answer(struct hf_span r, struct hf_writer *w)
{
	bool difficult = r.ptr[1] == dev.code;

	if (r.ptr[1] == HF_SPDM_RESPOND_IF_READY) {
		assert_int_equal(r.ptr[2], dev.pending[1]);
		assert_int_equal(r.ptr[3], 0x5a);
		if (dev.not_ready)
			not_ready(r.ptr[0], w);
		else
			answer_plainly((struct hf_span){ dev.pending, dev.pending_len }, w);
	} else if (r.ptr[1] == HF_SPDM_CHUNK_GET) {
		answer_chunk(r, w);
	} else if (difficult && dev.busy) {
		dev.busy--;
		error(w, r.ptr[0], HF_SPDM_ERROR_BUSY);
	} else if (difficult && dev.not_ready) {
		keep_pending(r);
		not_ready(r.ptr[0], w);
	} else if (difficult && dev.resynch) {
		dev.resynch--;
		error(w, r.ptr[0], HF_SPDM_ERROR_REQUEST_RESYNCH);
	} else if (difficult && dev.large) {
		in_pieces(r, w);
	} else {
		answer_plainly(r, w);
	}
}

static enum hf_err exchange(void *self, struct hf_span request, unsigned patience_ms, uint8_t *buf,
			    size_t cap, size_t *ret_len)
{
	struct hf_writer w = { .buf = buf, .cap = cap };

	assert_ptr_equal(self, &dev);
	dev.patience = patience_ms;
	note(request);
	if (dev.fails && request.ptr[1] == dev.code)
		return dev.fails;
	if (dev.slow_ms)
		nanosleep(&(struct timespec){ 0, (long)dev.slow_ms * 1000000 }, NULL);
	answer(request, &w);
	assert_false(w.full);
	*ret_len = w.len;
	return HF_OK;
}

static int setup(void **state)
{
	const struct hf_spdm_options options = { .arena = &arena, .path = "" };

	(void)state;
	dev = (struct device){ .versions = { 0x1000, 0x1100, 0x1200 }, .version_count = 3,
			       .capabilities = HF_SPDM_CAP_MEAS_UNSIGNED, .indexes = { 1, 2, 3 },
			       .index_count = 3 };
	plan = (struct hf_spdm_plan){ .path = "", .slot = -1, .total_ms = 5000 };
	transport = (struct hf_spdm_transport){ .self = &dev, .exchange = exchange, .message_max = 1024 };
	if (hf_arena_make(ARENA, &arena) != HF_OK || hf_spdm_open(&options, &s) != HF_OK)
		return 1;
	transcript = (struct hf_writer){ .buf = file, .cap = sizeof(file) };
	hf_transcript_begin(&transcript);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hf_spdm_close(&s);
	hf_arena_drop(&arena);
	return 0;
}

static enum hf_err ask(void)
{
	return hf_spdm_ask(&transport, &plan, &s, &transcript);
}

/* The device signs nothing: that is how a conversation without a fault ends. */
static void learns(size_t blocks)
{
	assert_int_equal(ask(), HF_ERR_SPDM_CANNOT_SIGN);
	assert_int_equal(s.block_count, blocks);
}

static void unsigned_device(void **state)
{
	static const uint8_t codes[] = { 0x84, 0xe1, 0xe3, 0xe0 };

	(void)state;
	learns(3);
	assert_int_equal(dev.count, sizeof(codes));
	assert_memory_equal(dev.log, codes, sizeof(codes));
	assert_int_equal(s.version, 0x12);
	assert_int_equal(dev.flags[0], HF_SPDM_CAP_CERT | HF_SPDM_CAP_CHAL | HF_SPDM_CAP_CHUNK);
	assert_int_equal(dev.sizes[0][0], 1024);
	assert_int_equal(dev.sizes[0][1], HF_SPDM_MESSAGE_MAX);
	assert_true(dev.patience > 900 && dev.patience <= 1000);
	for (uint8_t i = 1; i <= 3; i++) {
		assert_true(s.blocks[i].there);
		assert_false(s.blocks[i].is_signed || s.blocks[i].is_covered);
	}
}

/* What was asked and answered, a verifier reads from the transcript. */
static void transcript_says_the_same(void **state)
{
	const struct hf_spdm_options options = { .arena = &arena, .padded = true, .path = "" };
	struct hf_spdm again;

	(void)state;
	learns(3);
	assert_int_equal(hf_spdm_open(&options, &again), HF_OK);
	assert_int_equal(hf_transcript_replay(hf_written(&transcript), &again), HF_OK);
	assert_int_equal(hf_spdm_outcome(&again), HF_ERR_SPDM_CANNOT_SIGN);
	assert_int_equal(again.version, s.version);
	assert_int_equal(again.block_count, s.block_count);
	hf_spdm_close(&again);
}

static void highest_common_version(void **state)
{
	static const struct {
		uint16_t versions[4];
		size_t count;
		uint8_t chosen;
	} rows[] = {
		{ { 0x1000 }, 1, 0x10 }, { { 0x1100, 0x1000 }, 2, 0x11 },
		{ { 0x1300, 0x1500, 0x2000, 0x1100 }, 4, 0x13 },
		{ { 0x1000, 0x1410, 0x1200 }, 3, 0x14 }, { { 0x0900, 0x1203 }, 2, 0x12 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(dev.versions, rows[i].versions, sizeof(rows[i].versions));
		dev.version_count = rows[i].count;
		assert_int_equal(ask(), HF_ERR_SPDM_CANNOT_SIGN);
		assert_int_equal(s.version, rows[i].chosen);
		teardown(state);
		setup(state);
	}
	dev.versions[0] = 0x1500;
	dev.version_count = 1;
	assert_int_equal(ask(), HF_ERR_SPDM_VERSION);
	assert_int_equal(dev.count, 1);
}

static void version_that_it_does_not_mean(void **state)
{
	(void)state;
	dev.refuses_version = 0x12;
	learns(3);
	assert_int_equal(s.version, 0x11);
	assert_int_equal(dev.flag_count, 2);
}

static void flags_that_it_does_not_know(void **state)
{
	(void)state;
	dev.refuses_flags = true;
	learns(3);
	assert_int_equal(s.version, 0x12);
	assert_int_equal(dev.flag_count, 2);
	assert_int_equal(dev.flags[1], 0);
	/* Without chunks both sizes are the same, else libspdm refuses it. */
	assert_int_equal(dev.sizes[1][0], 1024);
	assert_int_equal(dev.sizes[1][1], 1024);
}

static void algorithm_that_was_not_offered(void **state)
{
	(void)state;
	dev.asym = 1 << 9;	/* SM2 */
	assert_int_equal(ask(), HF_ERR_SPDM_ALGORITHM);
	assert_int_equal(dev.log[dev.count - 1], 0xe3);
}

static void busy_gets_the_same_bytes(void **state)
{
	(void)state;
	dev.code = HF_SPDM_GET_MEASUREMENTS;
	dev.busy = 3;
	learns(3);
	assert_int_equal(dev.code_count, 4);
	assert_memory_equal(dev.first, dev.again, sizeof(dev.first));
}

static void busy_for_ever(void **state)
{
	uint64_t begun = hf_now_ms();

	(void)state;
	dev.code = HF_SPDM_GET_MEASUREMENTS;
	dev.busy = 1u << 30;
	plan.total_ms = 400;
	assert_int_equal(ask(), HF_ERR_SPDM_BUSY);
	assert_true(dev.code_count > 3 && dev.code_count < 12);
	assert_true(hf_now_ms() - begun < 2000);
}

static void busy_so_often_and_no_more(void **state)
{
	(void)state;
	dev.code = HF_SPDM_GET_VERSION;
	dev.busy = 1u << 30;
	plan.total_ms = 20000;
	assert_int_equal(ask(), HF_ERR_SPDM_BUSY);
	assert_int_equal(dev.code_count, 11);
}

static void not_ready_yet(void **state)
{
	(void)state;
	dev.code = HF_SPDM_GET_MEASUREMENTS;
	dev.not_ready = 3;
	dev.exponent = 10;
	learns(3);
	assert_int_equal(dev.code_count, 1);	/* then RESPOND_IF_READY, thrice */
	assert_int_equal(dev.count, 4 + 3);
}

static void never_ready(void **state)
{
	(void)state;
	dev.code = HF_SPDM_GET_MEASUREMENTS;
	dev.not_ready = 1u << 30;
	dev.exponent = 0;
	assert_int_equal(ask(), HF_ERR_SPDM_BUSY);
	assert_true(dev.count < 4 + 20);
}

/* 2^31 us and more: nobody waits for that, not even a part of it. */
static void ready_next_year(void **state)
{
	static const uint8_t exponents[] = { 31, 32, 64, 255 };

	for (size_t i = 0; i < sizeof(exponents); i++) {
		uint64_t begun = hf_now_ms();

		dev.code = HF_SPDM_GET_MEASUREMENTS;
		dev.not_ready = 1u << 30;
		dev.exponent = exponents[i];
		assert_int_equal(ask(), HF_ERR_SPDM_BUSY);
		assert_true(hf_now_ms() - begun < 1000);
		assert_int_equal(dev.count, 4);
		teardown(state);
		setup(state);
	}
}

static void forgets_twice(void **state)
{
	(void)state;
	dev.code = HF_SPDM_GET_MEASUREMENTS;
	dev.resynch = 2;
	learns(3);
	assert_int_equal(dev.count, 12);
	assert_int_equal(dev.log[4], 0x84);
}

static void forgets_again_and_again(void **state)
{
	(void)state;
	dev.code = HF_SPDM_GET_MEASUREMENTS;
	dev.resynch = 1u << 30;
	assert_int_equal(ask(), HF_ERR_SPDM_RESET);
	assert_int_equal(dev.count, 12);
}

static void answers_in_chunks(void **state)
{
	(void)state;
	dev.code = HF_SPDM_GET_MEASUREMENTS;
	dev.capabilities |= HF_SPDM_CAP_CHUNK;
	dev.large = 1;
	learns(3);
	assert_int_equal(dev.code_count, 1);
	assert_int_equal(dev.log[dev.count - 1], HF_SPDM_CHUNK_GET);
	assert_int_equal(dev.whole_at, dev.whole_len);
}

static void chunks_that_were_never_agreed(void **state)
{
	(void)state;
	dev.code = HF_SPDM_GET_MEASUREMENTS;
	dev.large = 1;
	assert_int_equal(ask(), HF_ERR_SPDM_SHAPE);
}

static void one_by_one(void **state)
{
	(void)state;
	dev.refuses_all = true;
	learns(3);
	assert_int_equal(dev.count, 3 + 1 + 1 + 3);	/* all, the count, 1 to 3 */
}

static void one_by_one_with_gaps(void **state)
{
	(void)state;
	dev.refuses_all = true;
	memcpy(dev.indexes, (uint8_t[]){ 2, 17, HF_SPDM_INDEX_MAX }, 3);
	learns(3);
	assert_true(s.blocks[2].there && s.blocks[17].there && s.blocks[HF_SPDM_INDEX_MAX].there);
	assert_int_equal(dev.count, 3 + 1 + 1 + HF_SPDM_INDEX_MAX);
}

static void says_more_than_it_has(void **state)
{
	(void)state;
	dev.refuses_all = true;
	dev.total = 200;
	learns(3);
	assert_int_equal(dev.count, 3 + 1 + 1 + HF_SPDM_INDEX_MAX);
}

static void measures_nothing(void **state)
{
	(void)state;
	dev.capabilities = 0;
	learns(0);
	assert_int_equal(dev.count, 3);
}

static void slow_for_ever(void **state)
{
	uint64_t begun = hf_now_ms();

	(void)state;
	dev.refuses_all = true;
	dev.indexes[2] = HF_SPDM_INDEX_MAX;
	dev.slow_ms = 20;
	plan.total_ms = 300;
	assert_int_equal(ask(), HF_ERR_TIMED_OUT);
	assert_true(hf_now_ms() - begun < 2000);
	assert_true(dev.patience <= 300);
}

static void way_that_fails(void **state)
{
	static const enum hf_err ways[] = { HF_ERR_TIMED_OUT, HF_ERR_DOE_ERROR, HF_ERR_DEVICE_GONE };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		dev.code = HF_SPDM_NEGOTIATE_ALGORITHMS;
		dev.fails = ways[i];
		assert_int_equal(ask(), ways[i]);
		assert_int_equal(s.version, 0x12);	/* what was learnt stays */
		assert_int_equal(dev.count, 3);
		teardown(state);
		setup(state);
	}
}

static void transcript_without_room(void **state)
{
	(void)state;
	transcript.cap = 120;
	assert_int_equal(ask(), HF_ERR_LIMIT);
}

static void way_that_is_too_narrow(void **state)
{
	(void)state;
	transport.message_max = 41;
	assert_int_equal(ask(), HF_ERR_INTERNAL);
	assert_int_equal(dev.count, 0);
}

static size_t steps;
static void step(void *self, const char *phase, uint64_t spent_us)
{
	static const char *const phases[] = { "version", "capabilities", "algorithms", "measurements" };

	(void)spent_us;
	assert_ptr_equal(self, &steps);
	assert_string_equal(phase, phases[steps++]);
}

static void phases_are_named(void **state)
{
	(void)state;
	steps = 0;
	plan.progress = step;
	plan.self = &steps;
	learns(3);
	assert_int_equal(steps, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unsigned_device), TEST(transcript_says_the_same), TEST(highest_common_version),
		TEST(version_that_it_does_not_mean), TEST(flags_that_it_does_not_know),
		TEST(algorithm_that_was_not_offered), TEST(busy_gets_the_same_bytes),
		TEST(busy_for_ever), TEST(busy_so_often_and_no_more), TEST(not_ready_yet),
		TEST(never_ready), TEST(ready_next_year), TEST(forgets_twice),
		TEST(forgets_again_and_again), TEST(answers_in_chunks),
		TEST(chunks_that_were_never_agreed), TEST(one_by_one), TEST(one_by_one_with_gaps),
		TEST(says_more_than_it_has), TEST(measures_nothing), TEST(slow_for_ever),
		TEST(way_that_fails), TEST(transcript_without_room), TEST(way_that_is_too_narrow),
		TEST(phases_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
