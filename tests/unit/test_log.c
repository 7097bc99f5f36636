/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "measure/cbor.h"
#include "measure/log.h"

#define BANKS (HF_ALG_MASK(HF_ALG_SHA1) | HF_ALG_MASK(HF_ALG_SHA256) | HF_ALG_MASK(HF_ALG_SHA384))
#define SPEC_ID_BANKS 73		/* bytes of the Spec ID event with three banks */

static uint8_t log_buf[HF_LOG_MAX];
static const uint8_t map[] = { 0xa0 };
static const struct hf_span payload = { map, sizeof(map) };

static enum hf_err add(struct hf_log *log, enum hf_tag tag, struct hf_span data)
{
	struct hf_log_entry entry;
	enum hf_err err = hf_log_reserve(log, tag, data, &entry);

	if (!err)
		hf_log_commit(log);
	return err;
}

/* BEGIN, two parts, END and, if so wished, CAP. */
static struct hf_span make_log(struct hf_log *log, bool cap)
{
	uint8_t buf[256];
	struct hf_digest claims = { .alg = HF_ALG_SHA384, .bytes = { 1, 2, 3 } };
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	memset(log_buf, 0xaa, sizeof(log_buf));
	assert_int_equal(hf_log_start(log, log_buf, sizeof(log_buf), BANKS, 13), HF_OK);
	assert_int_equal(log->out.len, SPEC_ID_BANKS);
	assert_int_equal(add(log, HF_TAG_BEGIN, payload), HF_OK);
	hf_log_part_payload(&w, "0000:00/1c.0", &claims);
	assert_int_equal(add(log, HF_TAG_PART, hf_written(&w)), HF_OK);
	w.len = 0;
	hf_log_part_payload(&w, "board", &claims);
	assert_int_equal(add(log, HF_TAG_PART, hf_written(&w)), HF_OK);
	assert_int_equal(add(log, HF_TAG_END, payload), HF_OK);
	if (cap)
		assert_int_equal(add(log, HF_TAG_CAP, payload), HF_OK);
	return hf_written(&log->out);
}

struct seen {
	enum hf_tag tags[16];
	size_t count;
	enum hf_err stop_with;
};

static enum hf_err see(void *self, enum hf_tag tag, struct hf_span data, const struct hf_event *e)
{
	struct seen *seen = self;

	assert_true(e->pcr == 13 && e->type == HF_EV_EVENT_TAG && data.len + 8 == e->data.len);
	assert_true(seen->count < 16);
	seen->tags[seen->count++] = tag;
	return seen->stop_with;
}

static enum hf_err walk(struct hf_span log, bool want_cap)
{
	return hf_log_walk(log, 13, want_cap, NULL, NULL);
}

static void writes_and_walks(void **state)
{
	struct hf_log log;
	struct hf_span bytes = make_log(&log, false);
	struct seen seen = { .count = 0 };

	(void)state;
	assert_int_equal(hf_log_walk(bytes, 13, false, see, &seen), HF_OK);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.tags[0], HF_TAG_BEGIN);
	assert_int_equal(seen.tags[2], HF_TAG_PART);
	assert_int_equal(seen.tags[3], HF_TAG_END);
	assert_int_equal(walk(bytes, true), HF_ERR_LOG_GRAMMAR);

	bytes = make_log(&log, true);
	seen = (struct seen){ .count = 0 };
	assert_int_equal(hf_log_walk(bytes, 13, true, see, &seen), HF_OK);
	assert_int_equal(seen.count, 5);
	assert_int_equal(seen.tags[4], HF_TAG_CAP);
	assert_int_equal(walk(bytes, false), HF_ERR_LOG_AFTER_END);
	assert_int_equal(hf_log_walk(bytes, 12, true, NULL, NULL), HF_ERR_LOG_PCR);

	seen = (struct seen){ .stop_with = HF_ERR_CLAIMS_DIGEST };
	assert_int_equal(hf_log_walk(bytes, 13, true, see, &seen), HF_ERR_CLAIMS_DIGEST);
	assert_int_equal(seen.count, 1);
}

/* The digests to extend are those of the events, and the log replays to them. */
static void reserves_what_it_logs(void **state)
{
	struct hf_log log;
	struct hf_log_entry entry;
	struct hf_digest pcr = { .alg = HF_ALG_SHA384 };
	struct hf_pcrs pcrs;

	(void)state;
	assert_int_equal(hf_log_start(&log, log_buf, sizeof(log_buf), BANKS, 13), HF_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(hf_log_reserve(&log, i ? HF_TAG_PART : HF_TAG_BEGIN, payload,
						&entry), HF_OK);
		assert_int_equal(entry.digest_count, 3);
		assert_int_equal(entry.digests[2].alg, HF_ALG_SHA384);
		assert_int_equal(hf_digest2(HF_ALG_SHA384, (struct hf_span){ pcr.bytes, 48 },
					    (struct hf_span){ entry.digests[2].bytes, 48 },
					    &pcr), HF_OK);
		hf_log_commit(&log);
	}
	assert_int_equal(hf_log_replay(hf_written(&log.out), HF_ALG_SHA384, &pcrs), HF_OK);
	assert_memory_equal(pcrs.value[13], pcr.bytes, 48);
	assert_int_equal(pcrs.extended, 1u << 13);
	pcrs.extended = 0xaaaaaaaa;
	assert_int_equal(hf_log_replay(hf_written(&log.out), HF_ALG_SM3, &pcrs),
			 HF_ERR_LOG_ALGORITHM);
	assert_int_equal(pcrs.extended, 0xaaaaaaaa);
}

static void reservation_is_a_transaction(void **state)
{
	struct hf_log log;
	struct hf_log_entry entry, poison;
	size_t len;

	(void)state;
	memset(&poison, 0xaa, sizeof(poison));
	entry = poison;
	make_log(&log, false);
	len = log.out.len;
	assert_int_equal(hf_log_reserve(&log, HF_TAG_PART, payload, &entry), HF_ERR_LOG_GRAMMAR);
	assert_memory_equal(&entry, &poison, sizeof(entry));
	assert_int_equal(hf_log_reserve(&log, HF_TAG_CAP, payload, &entry), HF_OK);
	assert_int_equal(log.out.len, len);
	assert_int_equal(walk(hf_written(&log.out), false), HF_OK);
	assert_int_equal(hf_log_reserve(&log, HF_TAG_CAP, payload, &entry), HF_ERR_INTERNAL);
	hf_log_abandon(&log);
	assert_int_equal(walk(hf_written(&log.out), false), HF_OK);
	hf_log_commit(&log);		/* nothing is pending: nothing happens */
	assert_int_equal(log.out.len, len);
	assert_int_equal(add(&log, HF_TAG_CAP, payload), HF_OK);
	assert_int_equal(walk(hf_written(&log.out), true), HF_OK);
}

static void writes_in_order_only(void **state)
{
	static const enum hf_tag tags[] = { HF_TAG_BEGIN, HF_TAG_PART, HF_TAG_END, HF_TAG_CAP };
	static const bool allowed[4][4] = {	/* [state][tag] */
		{ true, false, false, true }, { false, true, true, true },
		{ false, false, false, true }, { false, false, false, false },
	};
	static const int path[4] = { -1, 0, 2, 3 };	/* the tag that leads to the state */

	(void)state;
	for (int at = 0; at < 4; at++) {
		for (int tag = 0; tag < 4; tag++) {
			struct hf_log log;

			assert_int_equal(hf_log_start(&log, log_buf, sizeof(log_buf), BANKS, 13),
					 HF_OK);
			for (int step = 1; step <= at; step++)
				assert_int_equal(add(&log, tags[path[step]], payload), HF_OK);
			assert_int_equal(add(&log, tags[tag], payload),
					 allowed[at][tag] ? HF_OK : HF_ERR_LOG_GRAMMAR);
		}
	}
}

static void start_refuses(void **state)
{
	struct hf_log log, poison;

	(void)state;
	memset(&poison, 0xaa, sizeof(poison));
	log = poison;
	assert_int_equal(hf_log_start(&log, log_buf, sizeof(log_buf), 0, 13), HF_ERR_LOG_ALGORITHM);
	assert_int_equal(hf_log_start(&log, log_buf, sizeof(log_buf), 0x20, 13),
			 HF_ERR_LOG_ALGORITHM);
	assert_int_equal(hf_log_start(&log, log_buf, sizeof(log_buf), BANKS, 24),
			 HF_ERR_LOG_PCR_RANGE);
	assert_int_equal(hf_log_start(&log, log_buf, 1000, BANKS, 13), HF_ERR_LOG_FULL);
	assert_memory_equal(&log, &poison, sizeof(log));
}

/* However full the log is, END with a line for each part and CAP still fit. */
static void keeps_room_for_the_end(void **state)
{
	static uint8_t end[HF_LOG_MAX];
	uint8_t buf[256], cap_payload[400] = { 0 };
	struct hf_digest claims = { .alg = HF_ALG_SHA384 };
	struct hf_log log;
	size_t parts = 0;
	enum hf_err err = HF_OK;

	(void)state;
	assert_int_equal(hf_log_start(&log, log_buf, sizeof(log_buf), 0x1f, 13), HF_OK);
	assert_int_equal(add(&log, HF_TAG_BEGIN, payload), HF_OK);
	while (!err) {
		struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
		char path[64];

		snprintf(path, sizeof(path), "0000:00/1c.%zu/00.0", parts);
		hf_log_part_payload(&w, path, &claims);
		err = add(&log, HF_TAG_PART, hf_written(&w));
		parts += !err;
	}
	assert_int_equal(err, HF_ERR_LOG_FULL);
	assert_true(parts > 100);
	/* [path, "accepted", "recheck-different"]: 19 + 2 + 10 + 19 bytes or so */
	assert_int_equal(add(&log, HF_TAG_END, (struct hf_span){ end, parts * 52 + 128 }), HF_OK);
	assert_int_equal(add(&log, HF_TAG_CAP,
			     (struct hf_span){ cap_payload, sizeof(cap_payload) }), HF_OK);
	assert_int_equal(walk(hf_written(&log.out), true), HF_OK);
	assert_true(log.out.len <= HF_LOG_MAX);

	/* A CAP fits where an END was too large. */
	assert_int_equal(hf_log_start(&log, log_buf, 4096, BANKS, 13), HF_OK);
	assert_int_equal(add(&log, HF_TAG_BEGIN, payload), HF_OK);
	assert_int_equal(add(&log, HF_TAG_END, (struct hf_span){ end, 4096 }), HF_ERR_LOG_FULL);
	assert_int_equal(add(&log, HF_TAG_PART, (struct hf_span){ end, SIZE_MAX }),
			 HF_ERR_LOG_FULL);
	assert_int_equal(add(&log, HF_TAG_CAP, payload), HF_OK);
}

/* ---- refusals: logs made by hand ---- */

struct built {
	uint8_t buf[4096];
	struct hf_writer w;
};

static void spec_id(struct built *b, unsigned n, const uint16_t (*algs)[2])
{
	static const uint8_t zero[20];

	b->w = (struct hf_writer){ .buf = b->buf, .cap = sizeof(b->buf) };
	hf_put_le(&b->w, 0, 4);
	hf_put_le(&b->w, HF_EV_NO_ACTION, 4);
	hf_put(&b->w, zero, 20);
	hf_put_le(&b->w, 16 + 12 + 4 * n + 1, 4);
	hf_put(&b->w, "Spec ID Event03\0\0\0\0\0\0\2\x69\2", 24);
	hf_put_le(&b->w, n, 4);
	for (unsigned i = 0; i < n; i++) {
		hf_put_le(&b->w, algs[i][0], 2);
		hf_put_le(&b->w, algs[i][1], 2);
	}
	hf_put_le(&b->w, 0, 1);
}

static const uint16_t sha256_only[][2] = { { 0xb, 32 } };

/* One SHA-256 event; data already holds the tag's header where there is one. */
static void event(struct built *b, uint32_t pcr, uint32_t type, struct hf_span data)
{
	struct hf_digest digest;

	assert_int_equal(hf_digest(HF_ALG_SHA256, data, &digest), HF_OK);
	hf_put_le(&b->w, pcr, 4);
	hf_put_le(&b->w, type, 4);
	hf_put_le(&b->w, 1, 4);
	hf_put_le(&b->w, 0xb, 2);
	hf_put(&b->w, digest.bytes, 32);
	hf_put_le(&b->w, data.len, 4);
	hf_put_span(&b->w, data);
}

static void tagged(struct built *b, uint32_t tag)
{
	uint8_t buf[16];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	hf_put_le(&w, tag, 4);
	hf_put_le(&w, 1, 4);
	hf_put_le(&w, 0xa0, 1);
	event(b, 13, HF_EV_EVENT_TAG, hf_written(&w));
}

#define TAGS(...) ((const uint32_t[]){ __VA_ARGS__, 0 })

static struct hf_span tags_log(struct built *b, const uint32_t *tags)
{
	spec_id(b, 1, sha256_only);
	for (; *tags; tags++)
		tagged(b, *tags);
	return hf_written(&b->w);
}

static void walk_knows_one_order(void **state)
{
	enum { B = HF_TAG_BEGIN, P = HF_TAG_PART, E = HF_TAG_END, C = HF_TAG_CAP };
	static struct built b;
	static const struct { uint32_t tags[6]; enum hf_err open, capped; } rows[] = {
		{ { B, E }, HF_OK, HF_ERR_LOG_GRAMMAR },
		{ { B, P, P, E, C }, HF_ERR_LOG_AFTER_END, HF_OK },
		{ { 0 }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { B }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { C }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { E }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { P, E }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { B, B, E }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { B, P, B, E }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { B, C, E }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { B, P, C }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
		{ { B, E, P }, HF_ERR_LOG_AFTER_END, HF_ERR_LOG_AFTER_END },
		{ { B, E, E }, HF_ERR_LOG_AFTER_END, HF_ERR_LOG_AFTER_END },
		{ { B, E, B }, HF_ERR_LOG_AFTER_END, HF_ERR_LOG_AFTER_END },
		{ { B, E, B, E }, HF_ERR_LOG_AFTER_END, HF_ERR_LOG_AFTER_END },
		{ { B, E, C, C }, HF_ERR_LOG_AFTER_END, HF_ERR_LOG_AFTER_END },
		{ { B, E, C, P }, HF_ERR_LOG_AFTER_END, HF_ERR_LOG_AFTER_END },
		{ { B, 0x48467002, E }, HF_ERR_LOG_GRAMMAR, HF_ERR_LOG_GRAMMAR },
	};

	(void)state;
	/* The builder writes what hf_log writes, so refusals below mean what they say. */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_span log = tags_log(&b, rows[i].tags);

		assert_int_equal(walk(log, false), rows[i].open);
		assert_int_equal(walk(log, true), rows[i].capped);
	}
}

static void walk_refuses_other_events(void **state)
{
	static const uint8_t good[] = { 0x01, 0x62, 0x46, 0x48, 1, 0, 0, 0, 0xa0 };
	static const uint8_t longer[] = { 0x01, 0x62, 0x46, 0x48, 2, 0, 0, 0, 0xa0 };
	static const uint8_t shorter[] = { 0x01, 0x62, 0x46, 0x48, 0, 0, 0, 0, 0xa0 };
	static const struct { uint32_t pcr, type; struct hf_span data; enum hf_err err; } rows[] = {
		{ 13, HF_EV_EVENT_TAG, { good, sizeof(good) }, HF_ERR_LOG_GRAMMAR },	/* no END */
		{ 12, HF_EV_EVENT_TAG, { good, sizeof(good) }, HF_ERR_LOG_PCR },
		{ 24, HF_EV_EVENT_TAG, { good, sizeof(good) }, HF_ERR_LOG_PCR_RANGE },
		{ 0xffffffff, HF_EV_EVENT_TAG, { good, sizeof(good) }, HF_ERR_LOG_PCR_RANGE },
		{ 13, HF_EV_NO_ACTION, { good, sizeof(good) }, HF_ERR_LOG_GRAMMAR },
		{ 13, HF_EV_SEPARATOR, { good, sizeof(good) }, HF_ERR_LOG_GRAMMAR },
		{ 13, HF_EV_EVENT_TAG, { longer, sizeof(longer) }, HF_ERR_EVENT_SHAPE },
		{ 13, HF_EV_EVENT_TAG, { shorter, sizeof(shorter) }, HF_ERR_EVENT_SHAPE },
		{ 13, HF_EV_EVENT_TAG, { good, 7 }, HF_ERR_EVENT_SHAPE },
		{ 13, HF_EV_EVENT_TAG, { good, 0 }, HF_ERR_EVENT_SHAPE },
	};
	static struct built b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		spec_id(&b, 1, sha256_only);
		event(&b, rows[i].pcr, rows[i].type, rows[i].data);
		assert_int_equal(walk(hf_written(&b.w), false), rows[i].err);
	}
}

static void walk_refuses_what_follows(void **state)
{
	static struct built b;
	static const uint8_t tails[][3] = { { 0, 0, 0 }, { 0xff, 0xff, 0xff }, { 1, 2, 3 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		tags_log(&b, TAGS(HF_TAG_BEGIN, HF_TAG_END));
		hf_put(&b.w, tails[i], 3);
		assert_int_equal(walk(hf_written(&b.w), false), HF_ERR_LOG_AFTER_END);
		tags_log(&b, TAGS(HF_TAG_BEGIN, HF_TAG_END, HF_TAG_CAP));
		hf_put(&b.w, tails[i], 3);
		assert_int_equal(walk(hf_written(&b.w), true), HF_ERR_LOG_AFTER_END);
		tags_log(&b, TAGS(HF_TAG_BEGIN));
		hf_put(&b.w, tails[i], 3);
		assert_int_equal(walk(hf_written(&b.w), false),
				 i == 2 ? HF_ERR_LOG_TRUNCATED : HF_ERR_LOG_GRAMMAR);
	}
}

static void walk_refuses_other_headers(void **state)
{
	static struct built b;
	static const uint16_t sha384_only[][2] = { { 0xc, 48 } };
	static const uint16_t backwards[][2] = { { 0xb, 32 }, { 0x4, 20 } };
	static const uint16_t unknown[][2] = { { 0xb, 32 }, { 0x27, 32 } };

	(void)state;
	spec_id(&b, 1, sha384_only);
	assert_int_equal(walk(hf_written(&b.w), false), HF_ERR_LOG_ALGORITHM);
	spec_id(&b, 2, backwards);
	assert_int_equal(walk(hf_written(&b.w), false), HF_ERR_LOG_HEADER);
	spec_id(&b, 2, unknown);
	assert_int_equal(walk(hf_written(&b.w), false), HF_ERR_LOG_HEADER);
	tags_log(&b, TAGS(HF_TAG_BEGIN, HF_TAG_END));
	b.buf[50] = 1;		/* platform class: harmless, and yet not what we write */
	assert_int_equal(walk(hf_written(&b.w), false), HF_ERR_LOG_HEADER);
	assert_int_equal(walk((struct hf_span){ b.buf + 65, b.w.len - 65 }, false),
			 HF_ERR_LOG_TRUNCATED);
	b.w.len = 0;		/* SHA-1 form */
	hf_put_le(&b.w, 13, 4);
	hf_put_le(&b.w, HF_EV_EVENT_TAG, 4);
	hf_put(&b.w, "0123456789abcdef0123", 20);
	hf_put_le(&b.w, 9, 4);
	hf_put(&b.w, "\1bFH\1\0\0\0\xa0", 9);
	assert_int_equal(walk(hf_written(&b.w), false), HF_ERR_LOG_HEADER);
	assert_int_equal(walk((struct hf_span){ NULL, 0 }, false), HF_ERR_LOG_TRUNCATED);
	assert_int_equal(walk((struct hf_span){ log_buf, HF_LOG_MAX + 1 }, false), HF_ERR_LIMIT);
}

/* One bank's digest may be right and another wrong, missing, doubled or in other order. */
static void walk_checks_every_bank(void **state)
{
	struct hf_log log;
	struct hf_span bytes = make_log(&log, false);
	uint8_t *first = log_buf + SPEC_ID_BANKS;
	uint8_t copy[22];

	(void)state;
	first[12 + 2] ^= 1;
	assert_int_equal(walk(bytes, false), HF_ERR_LOG_DIGEST);	/* SHA-1 */
	first[12 + 2] ^= 1;
	first[12 + 22 + 2] ^= 1;
	assert_int_equal(walk(bytes, false), HF_ERR_LOG_DIGEST);
	first[12 + 22 + 2] ^= 1;
	first[12 + 22 + 34 + 49] ^= 1;
	assert_int_equal(walk(bytes, false), HF_ERR_LOG_DIGEST);	/* SHA-384's last byte */
	first[12 + 22 + 34 + 49] ^= 1;
	assert_int_equal(walk(bytes, false), HF_OK);
	memcpy(copy, first + 12, 22);
	memmove(first + 12, first + 12 + 22, 34);
	memcpy(first + 12 + 34, copy, 22);
	assert_int_equal(walk(bytes, false), HF_ERR_LOG_ALGORITHM);

	make_log(&log, false);
	first[8] = 2;		/* a digest fewer: SHA-384's becomes size and data */
	memmove(first + 12 + 22 + 34, first + 12 + 22 + 34 + 50,
		bytes.len - SPEC_ID_BANKS - 118);
	assert_int_equal(walk((struct hf_span){ bytes.ptr, bytes.len - 50 }, false),
			 HF_ERR_LOG_ALGORITHM);
}

static void every_bit_counts(void **state)
{
	struct hf_log log;
	struct hf_span bytes = make_log(&log, true);

	(void)state;
	for (size_t i = 0; i < bytes.len; i++) {
		log_buf[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(walk(bytes, true), HF_OK);
		log_buf[i] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_not_equal(walk((struct hf_span){ bytes.ptr, len }, true), HF_OK);
	assert_int_equal(walk(bytes, true), HF_OK);
}

/* ---- reading any log ---- */

static enum hf_err read_all(struct hf_span log, size_t *ret_count)
{
	struct hf_log_reader reader;
	struct hf_event e;
	enum hf_err err = hf_log_open(log, &reader);
	size_t count = 0;

	if (err)
		return err;
	while (hf_log_next(&reader, &e))
		count++;
	assert_false(hf_log_next(&reader, &e));	/* the end, or the error, stays */
	assert_int_equal(count, reader.index);
	if (!reader.err)
		*ret_count = count;
	return reader.err;
}

static void reads_unknown_algorithms(void **state)
{
	static const uint16_t algs[][2] = { { 0x27, 28 }, { 0xb, 32 } };
	static const uint8_t zeros[32];
	static struct built b;
	struct hf_log_reader reader;
	struct hf_event e;
	struct hf_pcrs pcrs;

	(void)state;
	spec_id(&b, 2, algs);
	hf_put_le(&b.w, 4, 4);
	hf_put_le(&b.w, HF_EV_SEPARATOR, 4);
	hf_put_le(&b.w, 2, 4);
	hf_put_le(&b.w, 0x27, 2);
	hf_put(&b.w, zeros, 28);
	hf_put_le(&b.w, 0xb, 2);
	hf_put(&b.w, "0123456789abcdef0123456789abcdef", 32);
	hf_put_le(&b.w, 1, 4);
	hf_put_le(&b.w, 7, 1);
	assert_int_equal(hf_log_open(hf_written(&b.w), &reader), HF_OK);
	assert_int_equal(reader.alg_mask, HF_ALG_MASK(HF_ALG_SHA256));
	assert_int_equal(reader.declared_count, 2);
	assert_true(hf_log_next(&reader, &e));
	assert_int_equal(e.digest_count, 1);
	assert_int_equal(e.digests[0].alg, HF_ALG_SHA256);
	assert_memory_equal(e.digests[0].bytes, "0123456789abcdef0123456789abcdef", 32);
	assert_true(e.data.len == 1 && e.data.ptr[0] == 7);
	assert_false(hf_log_next(&reader, &e));
	assert_int_equal(reader.err, HF_OK);
	assert_int_equal(hf_log_replay(hf_written(&b.w), HF_ALG_SHA256, &pcrs), HF_OK);
	assert_int_equal(pcrs.extended, 1 << 4);
}

static void refuses_bad_spec_ids(void **state)
{
	static const uint16_t doubled[][2] = { { 0xb, 32 }, { 0xb, 32 } };
	static const uint16_t wrong_size[][2] = { { 0xb, 20 } };
	static const struct { size_t offset; uint8_t value; } rows[] = {
		{ 0, 8 }, { 8, 1 }, { 53, 1 }, { 56, 0 }, { 56, 17 }, { 56, 2 }, { 64, 1 },
		{ 59, 1 },
	};
	static struct built b;
	struct hf_log_reader reader, poison;

	(void)state;
	memset(&poison, 0xaa, sizeof(poison));
	reader = poison;
	spec_id(&b, 2, doubled);
	assert_int_equal(hf_log_open(hf_written(&b.w), &reader), HF_ERR_LOG_HEADER);
	spec_id(&b, 1, wrong_size);
	assert_int_equal(hf_log_open(hf_written(&b.w), &reader), HF_ERR_LOG_HEADER);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		spec_id(&b, 1, sha256_only);
		assert_int_equal(b.w.len, 65);
		b.buf[rows[i].offset] = rows[i].value;
		assert_int_equal(hf_log_open(hf_written(&b.w), &reader), HF_ERR_LOG_HEADER);
	}
	spec_id(&b, 1, sha256_only);
	b.buf[28] = 200;
	assert_int_equal(hf_log_open(hf_written(&b.w), &reader), HF_ERR_LOG_TRUNCATED);
	assert_memory_equal(&reader, &poison, sizeof(reader));
}

static void refuses_bad_events(void **state)
{
	static struct built b;
	size_t count = 77;

	(void)state;
	tags_log(&b, TAGS(HF_TAG_BEGIN));
	b.buf[65 + 8] = 2;
	assert_int_equal(read_all(hf_written(&b.w), &count), HF_ERR_LOG_ALGORITHM);
	b.buf[65 + 8] = 1;
	b.buf[65 + 12] = 0xc;
	assert_int_equal(read_all(hf_written(&b.w), &count), HF_ERR_LOG_ALGORITHM);
	b.buf[65 + 12] = 0xb;
	b.buf[65 + 46 + 3] = 0xff;
	assert_int_equal(read_all(hf_written(&b.w), &count), HF_ERR_LOG_TRUNCATED);
	b.buf[65 + 46 + 3] = 0;
	assert_int_equal(count, 77);
	assert_int_equal(read_all(hf_written(&b.w), &count), HF_OK);
	assert_int_equal(count, 1);
}

static void tolerates_padding(void **state)
{
	static const uint8_t ones[40] = { [0 ... 39] = 0xff }, zeros[40];
	static struct built b;
	size_t count = 0, len;

	(void)state;
	len = tags_log(&b, TAGS(HF_TAG_BEGIN, HF_TAG_END)).len;
	hf_put(&b.w, ones, 40);
	assert_int_equal(read_all(hf_written(&b.w), &count), HF_OK);
	assert_int_equal(count, 2);
	b.w.len = len;
	hf_put(&b.w, zeros, 40);
	assert_int_equal(read_all(hf_written(&b.w), &count), HF_OK);
	assert_int_equal(count, 2);
	b.buf[b.w.len - 1] = 0xff;	/* no longer padding */
	assert_int_equal(read_all(hf_written(&b.w), &count), HF_ERR_LOG_TRUNCATED);
}

static void replay_knows_localities(void **state)
{
	static const uint8_t separator[4];
	uint8_t locality[17] = "StartupLocality";
	static struct built b;
	struct hf_digest want, h;
	struct hf_pcrs pcrs;
	uint8_t start[32] = { 0 };

	(void)state;
	locality[16] = 3;
	start[31] = 3;
	spec_id(&b, 1, sha256_only);
	event(&b, 0, HF_EV_NO_ACTION, (struct hf_span){ locality, 17 });
	event(&b, 0, HF_EV_SEPARATOR, (struct hf_span){ separator, 4 });
	event(&b, 13, HF_EV_NO_ACTION, (struct hf_span){ separator, 4 });
	event(&b, 24, HF_EV_SEPARATOR, (struct hf_span){ separator, 4 });
	event(&b, 0xffffffff, HF_EV_SEPARATOR, (struct hf_span){ separator, 4 });
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ separator, 4 }, &h), HF_OK);
	assert_int_equal(hf_digest2(HF_ALG_SHA256, (struct hf_span){ start, 32 },
				    (struct hf_span){ h.bytes, 32 }, &want), HF_OK);
	assert_int_equal(hf_log_replay(hf_written(&b.w), HF_ALG_SHA256, &pcrs), HF_OK);
	assert_memory_equal(pcrs.value[0], want.bytes, 32);
	assert_int_equal(pcrs.extended, 1);
	assert_true(pcrs.value[13][0] == 0 && pcrs.value[17][0] == 0xff &&
		    pcrs.value[22][31] == 0xff && pcrs.value[23][0] == 0);

	locality[16] = 2;
	spec_id(&b, 1, sha256_only);
	event(&b, 0, HF_EV_NO_ACTION, (struct hf_span){ locality, 17 });
	assert_int_equal(hf_log_replay(hf_written(&b.w), HF_ALG_SHA256, &pcrs),
			 HF_ERR_EVENT_SHAPE);
	locality[16] = 3;	/* behind the first extend, and twice: the same start */
	spec_id(&b, 1, sha256_only);
	event(&b, 0, HF_EV_SEPARATOR, (struct hf_span){ separator, 4 });
	event(&b, 0, HF_EV_NO_ACTION, (struct hf_span){ locality, 17 });
	event(&b, 0, HF_EV_NO_ACTION, (struct hf_span){ locality, 17 });
	assert_int_equal(hf_log_replay(hf_written(&b.w), HF_ALG_SHA256, &pcrs), HF_OK);
	assert_memory_equal(pcrs.value[0], want.bytes, 32);
	locality[16] = 4;
	event(&b, 0, HF_EV_NO_ACTION, (struct hf_span){ locality, 17 });
	assert_int_equal(hf_log_replay(hf_written(&b.w), HF_ALG_SHA256, &pcrs),
			 HF_ERR_EVENT_SHAPE);
	spec_id(&b, 1, sha256_only);
	event(&b, 0, HF_EV_NO_ACTION, (struct hf_span){ locality, 16 });
	assert_int_equal(hf_log_replay(hf_written(&b.w), HF_ALG_SHA256, &pcrs),
			 HF_ERR_EVENT_SHAPE);
}

static void names_types(void **state)
{
	(void)state;
	assert_string_equal(hf_event_type_name(4), "EV_SEPARATOR");
	assert_string_equal(hf_event_type_name(0x80000004u), "EV_EFI_BOOT_SERVICES_DRIVER");
	assert_null(hf_event_type_name(0x12345));
}

static void part_payloads(void **state)
{
	uint8_t buf[256];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_digest claims = { .alg = HF_ALG_SHA384 }, got, poison;
	struct hf_span path = { NULL, 77 };
	char longest[122];

	(void)state;
	memset(&poison, 0xaa, sizeof(poison));
	memset(claims.bytes, 0x5c, 48);
	hf_log_part_payload(&w, "0000:00/1c.0", &claims);
	assert_int_equal(hf_log_part_parse(hf_written(&w), &path, &got), HF_OK);
	assert_true(hf_span_equal(path, hf_span_text("0000:00/1c.0")));
	assert_true(hf_digest_equal(&got, &claims));

	got = poison;
	path = (struct hf_span){ NULL, 77 };
	hf_put_le(&w, 0, 1);
	assert_int_equal(hf_log_part_parse(hf_written(&w), &path, &got), HF_ERR_CBOR_TRAILING);
	w.len -= 2;
	assert_int_equal(hf_log_part_parse(hf_written(&w), &path, &got), HF_ERR_CBOR_TRUNCATED);
	buf[0] = 0x81;
	assert_int_equal(hf_log_part_parse((struct hf_span){ buf, 14 }, &path, &got),
			 HF_ERR_EVENT_SHAPE);
	w.len = 0;
	hf_log_part_payload(&w, "", &claims);
	assert_int_equal(hf_log_part_parse(hf_written(&w), &path, &got), HF_ERR_EVENT_SHAPE);
	memset(longest, 'x', 121);
	longest[121] = 0;
	w.len = 0;
	hf_log_part_payload(&w, longest, &claims);
	assert_int_equal(hf_log_part_parse(hf_written(&w), &path, &got), HF_ERR_EVENT_SHAPE);
	w.len = 0;
	hf_cbor_put_array(&w, 2);
	hf_cbor_put_text(&w, "x");
	hf_cbor_put_bstr(&w, (struct hf_span){ claims.bytes, 32 });
	assert_int_equal(hf_log_part_parse(hf_written(&w), &path, &got), HF_ERR_EVENT_SHAPE);
	assert_int_equal(path.len, 77);
	assert_memory_equal(&got, &poison, sizeof(got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_walks),
		cmocka_unit_test(reserves_what_it_logs),
		cmocka_unit_test(reservation_is_a_transaction),
		cmocka_unit_test(writes_in_order_only),
		cmocka_unit_test(start_refuses),
		cmocka_unit_test(keeps_room_for_the_end),
		cmocka_unit_test(walk_knows_one_order),
		cmocka_unit_test(walk_refuses_other_events),
		cmocka_unit_test(walk_refuses_what_follows),
		cmocka_unit_test(walk_refuses_other_headers),
		cmocka_unit_test(walk_checks_every_bank),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(reads_unknown_algorithms),
		cmocka_unit_test(refuses_bad_spec_ids),
		cmocka_unit_test(refuses_bad_events),
		cmocka_unit_test(tolerates_padding),
		cmocka_unit_test(replay_knows_localities),
		cmocka_unit_test(names_types),
		cmocka_unit_test(part_payloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
