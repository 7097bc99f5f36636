/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A conversation in a file: written and read back, and what is no such file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/spdm_corpus.h"
#include "tests/unit/spdm_talk.h"

static uint8_t file_buf[1 << 18];
static struct hf_writer file;
static struct hf_spdm s;

/* Everything that is said goes into the file as well. */
static enum hf_err record(struct talk *t, enum hf_err err)
{
	assert_int_equal(err, HF_OK);
	hf_transcript_add(&file, hf_written(&t->q));
	hf_transcript_add(&file, hf_written(&t->r));
	assert_false(file.full);
	return err;
}

static struct talk *recorded(uint8_t version)
{
	struct talk *t = talk_new(version);

	file = (struct hf_writer){ .buf = file_buf, .cap = sizeof(file_buf) };
	hf_transcript_begin(&file);
	record(t, talk_version(t));
	record(t, talk_capabilities(t));
	record(t, talk_algorithms(t));
	record(t, talk_digests(t));
	for (size_t at = 0; at < t->chain_len[0]; at += 333)
		record(t, talk_portion(t, 0, at, 333));
	record(t, talk_challenge(t, 0));
	record(t, talk_measure(t, 1, -1));
	record(t, talk_measure(t, 2, 0));
	return t;
}

static enum hf_err replay(struct hf_span bytes)
{
	static uint8_t room[1 << 20];
	struct hf_arena arena = { .base = room, .cap = sizeof(room) };
	struct hf_spdm_options options = { .arena = &arena };
	enum hf_err err;

	assert_int_equal(hf_spdm_open(&options, &s), HF_OK);
	err = hf_transcript_replay(bytes, &s);
	hf_spdm_close(&s);
	return err;
}

static void what_was_recorded_shows_the_same(void **state)
{
	static const uint8_t versions[] = { 0x10, 0x11, 0x12, 0x13, 0x14 };

	(void)state;
	for (size_t i = 0; i < sizeof(versions); i++) {
		struct talk *t = recorded(versions[i]);

		assert_int_equal(replay(hf_written(&file)), HF_OK);
		assert_int_equal(s.version, t->s.version);
		assert_int_equal(s.signatures, 2);
		assert_int_equal(s.nonces, 2);
		assert_true(s.blocks[1].is_covered && s.blocks[2].is_signed && s.slots[0].challenged);
		assert_true(hf_span_equal(s.blocks[1].value, t->s.blocks[1].value));
		assert_int_equal(hf_le(file.buf, 4), 0xa1b2c3d4);
		assert_int_equal(hf_le(file.buf + 20, 4), 292);
		assert_int_equal(file.len % 4, 0);
		for (size_t k = 24; k < 32; k++)
			assert_int_equal(file.buf[k], 0);	/* no time: the same talk, the same file */
		talk_end(t);
	}
}

static void put32(uint8_t *p, uint32_t v, bool big)
{
	for (size_t i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * (big ? 3 - i : i));
}

/* Of another maker: with times, in either order, in nanoseconds. */
static void files_of_others_are_read(void **state)
{
	struct talk *t = recorded(0x12);
	size_t len = file.len;

	(void)state;
	for (int big = 0; big < 2; big++)
	for (int nano = 0; nano < 2; nano++) {
		static uint8_t other[sizeof(file_buf)];

		memcpy(other, file.buf, len);
		put32(other, nano ? 0xa1b23c4d : 0xa1b2c3d4, big);
		memcpy(other + 4, big ? "\0\2\0\4" : "\2\0\4\0", 4);
		put32(other + 20, 292, big);
		for (size_t at = 24; at < len;) {
			uint32_t size = (uint32_t)hf_le(file.buf + at + 8, 4);

			put32(other + at, 1764043489, big);
			put32(other + at + 4, 123456, big);
			put32(other + at + 8, size, big);
			put32(other + at + 12, size, big);
			at += 16 + size;
		}
		assert_int_equal(replay((struct hf_span){ other, len }), HF_OK);
		assert_int_equal(s.signatures, 2);
	}
	talk_end(t);
}

static void each_length_is_exact(void **state)
{
	struct talk *t = recorded(0x12);
	size_t at, ends = 0;

	(void)state;
	/* Cut off anywhere: no file, but at the end of a packet, where the talk just stopped. */
	for (size_t len = 0; len < file.len; len++) {
		bool whole = false;

		for (at = 24; at < len; at += 16 + hf_le(file.buf + at + 8, 4))
			;
		whole = len >= 24 && at == len;
		ends += whole;
		assert_int_equal(replay((struct hf_span){ file.buf, len }),
				 whole ? HF_OK : HF_ERR_TRANSCRIPT_SHAPE);
	}
	assert_true(ends > 10);
	static const struct { size_t at; uint8_t to; } table[] = {
		{ 0, 0 }, { 4, 3 }, { 20, 0x23 }, { 21, 0 },	/* no pcap, or of something else */
		{ 24 + 8, 8 }, { 24 + 12, 13 }, { 24 + 20, 4 }, { 24 + 20, 2 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t old = file.buf[table[i].at];

		file.buf[table[i].at] = table[i].to;
		assert_int_equal(replay(hf_written(&file)), HF_ERR_TRANSCRIPT_SHAPE);
		file.buf[table[i].at] = old;
	}
	assert_int_equal(replay(hf_written(&file)), HF_OK);
	hf_put_le(&file, 0, 1);
	assert_int_equal(replay(hf_written(&file)), HF_ERR_TRANSCRIPT_SHAPE);
	talk_end(t);
}

static void requests_and_answers_take_turns(void **state)
{
	static const uint8_t get_version[] = { 0x10, 0x84, 0, 0 }, version[] = { 0x10, 4, 0, 0, 0, 1, 0, 0x12 };
	const struct hf_span q = { get_version, 4 }, r = { version, 8 };

	(void)state;
	for (size_t kind = 0; kind < 3; kind++) {
		file = (struct hf_writer){ .buf = file_buf, .cap = sizeof(file_buf) };
		hf_transcript_begin(&file);
		if (kind == 0)
			hf_transcript_add(&file, r);
		hf_transcript_add(&file, q);
		if (kind == 1)
			hf_transcript_add(&file, q);
		hf_transcript_add(&file, r);
		if (kind == 2)
			hf_transcript_add(&file, q);	/* nothing came back any more */
		assert_int_equal(replay(hf_written(&file)), kind == 2 ? HF_OK : HF_ERR_TRANSCRIPT_SHAPE);
	}
}

static void other_objects_are_passed_over(void **state)
{
	static const uint8_t discovery[] = { 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0,
					     1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0 };
	struct talk *t = recorded(0x12);
	static uint8_t longer[sizeof(file_buf)];
	struct hf_writer w = { .buf = longer, .cap = sizeof(longer) };

	(void)state;
	hf_put(&w, file.buf, 24);
	hf_put(&w, discovery, sizeof(discovery));
	hf_put(&w, file.buf + 24, file.len - 24);
	hf_put(&w, discovery, sizeof(discovery));
	assert_int_equal(replay(hf_written(&w)), HF_OK);
	assert_int_equal(s.signatures, 2);
	longer[24 + 16] = 0x98;		/* another maker's */
	assert_int_equal(replay(hf_written(&w)), HF_OK);
	talk_end(t);
}

static void a_bad_conversation_has_its_own_name(void **state)
{
	struct talk *t = recorded(0x12);

	(void)state;
	file.buf[file.len - 1] ^= 1;	/* the last byte of the last signature, or padding */
	file.buf[file.len - 5] ^= 1;
	assert_int_equal(replay(hf_written(&file)), HF_ERR_SPDM_SIGNATURE);
	talk_end(t);
}

static void a_file_has_no_room_for_more_than_it_has(void **state)
{
	static const uint8_t big[1 << 18];
	static uint8_t room[1 << 19];
	uint8_t small[51];
	struct hf_writer w = { .buf = small, .cap = sizeof(small) };

	(void)state;
	hf_transcript_begin(&w);
	hf_transcript_add(&w, (struct hf_span){ big, 4 });
	assert_true(w.full);
	w = (struct hf_writer){ .buf = room, .cap = sizeof(room) };
	hf_transcript_begin(&w);
	hf_transcript_add(&w, (struct hf_span){ big, sizeof(big) - 8 });
	assert_false(w.full);
	hf_transcript_add(&w, (struct hf_span){ big, sizeof(big) - 7 });
	assert_true(w.full);	/* more than other tools take in one packet */
}

/* Read and written again: the bytes of the corpus' own files, but for discovery and times. */
static void files_of_the_corpus_come_out_as_they_went_in(void **state)
{
	static struct spdm_pairs pairs;
	struct hf_arena files;
	char dir[512];

	(void)state;
	if (!spdm_corpus_dir(dir, sizeof(dir))) {
		printf("SKIP no corpus: set HOLDFAST_CORPUS\n");
		skip();
	}
	assert_int_equal(hf_arena_make(SPDM_FILE_MAX, &files), HF_OK);
	struct hf_span known = spdm_corpus_read(&files, "pcap/guest_k612_v13_p384_nvme-doe.pcap");

	spdm_pairs_of(known, &pairs);
	file = (struct hf_writer){ .buf = file_buf, .cap = sizeof(file_buf) };
	hf_transcript_begin(&file);
	for (size_t i = 0; i < pairs.count; i++) {
		hf_transcript_add(&file, pairs.at[i].request);
		hf_transcript_add(&file, pairs.at[i].response);
	}
	assert_int_equal(file.len, known.len);
	assert_memory_equal(file.buf, known.ptr, 16);
	assert_memory_equal(file.buf + 20, known.ptr + 20, known.len - 20);
	hf_arena_drop(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_recorded_shows_the_same),
		cmocka_unit_test(files_of_others_are_read),
		cmocka_unit_test(each_length_is_exact),
		cmocka_unit_test(requests_and_answers_take_turns),
		cmocka_unit_test(other_objects_are_passed_over),
		cmocka_unit_test(a_bad_conversation_has_its_own_name),
		cmocka_unit_test(a_file_has_no_room_for_more_than_it_has),
		cmocka_unit_test(files_of_the_corpus_come_out_as_they_went_in),
	};
	int failed;

	if (hf_arena_make(4 << 20, &talk_arena))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	hf_arena_drop(&talk_arena);
	return failed;
}
