/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mailboxes that do right, and each way in which one can do wrong: the cause, the abort
 * behind it, that it is usable again, and that it ends in bounded time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/doe_model.h"

static struct model model;
static struct hf_doe doe, second;
static uint8_t buf[HF_DOE_OBJECT_MAX + 8];
static size_t len;

/* The body comes back, inverted. */
static void echo(struct model *m, struct box *b)
{
	uint32_t body[64], count = b->in_len > 2 ? b->in_len - 2 : 0;

	(void)m;
	for (uint32_t i = 0; i < count && i < 64; i++)
		body[i] = ~b->in[2 + i];
	box_say(b, (uint16_t)b->in[0], (uint8_t)(b->in[0] >> 16), body, count);
}

static int begin(void **state)
{
	(void)state;
	model_make(&model);
	model.answer = echo;
	doe = (struct hf_doe){ &model.access, 0x100 };
	second = (struct hf_doe){ &model.access, 0x180 };
	memset(buf, 0xaa, sizeof(buf));
	len = 777;
	return 0;
}

static enum hf_err ask_with(unsigned patience_ms, size_t cap)
{
	static const uint8_t body[] = { 0x10, 0x84, 0x00, 0x00, 0x55 };

	return hf_doe_exchange(&doe, 1, 1, (struct hf_span){ body, sizeof(body) }, patience_ms, buf, cap,
			       &len);
}

static enum hf_err ask(void)
{
	return ask_with(1000, 4096);
}

static void works_again(void)
{
	model.wrong = RIGHT;
	model.answer = echo;
	assert_int_equal(ask(), HF_OK);
	assert_int_equal(len, 8);
	assert_int_equal(buf[0], 0xef);
	assert_int_equal(buf[3], 0xff);
	assert_int_equal(buf[4], 0xaa);	/* 0x55, and the padding that was sent is zeros */
	assert_int_equal(buf[5], 0xff);
}

static void remember(struct model *m, struct box *b)
{
	assert_int_equal(b->in_len, 4);
	assert_int_equal(b->in[0], 0x00010001);
	assert_int_equal(b->in[1], 4);
	assert_int_equal(b->in[2], 0x00008410);
	assert_int_equal(b->in[3], 0x00000055);
	echo(m, b);
}

static void exchange(void **state)
{
	(void)state;
	model.answer = remember;
	assert_int_equal(ask(), HF_OK);
	assert_int_equal(len, 8);
	assert_int_equal(model.box[0].aborts, 0);
	assert_int_equal(model.box[0].gos, 1);
	assert_int_equal(model.box[0].taken, 4);	/* each dword once, the last too */
	assert_int_equal(buf[8], 0xaa);
	works_again();
}

/* An answer that nobody took, one that is only now made, an error: none reaches us. */
static void left_behind(void **state)
{
	(void)state;
	box_say(&model.box[0], 1, 1, (const uint32_t[]){ 0xdead, 0xbeef }, 2);
	model.box[0].status = READY;
	works_again();
	assert_int_equal(model.box[0].aborts, 1);
	model.box[0].status = FAULT;
	works_again();
	assert_int_equal(model.box[0].aborts, 2);
	model.box[0].status = FAULT | READY | BUSY;
	works_again();
	assert_int_equal(model.box[0].aborts, 3);
	/* busy with somebody's, and ready with that when it is done */
	model.box[0].status = BUSY;
	model.box[0].busy_until = model.box[0].ready_at = model.now_us + 50000;
	box_say(&model.box[0], 1, 1, (const uint32_t[]){ 0xdead, 0xbeef }, 2);
	works_again();
	assert_int_equal(model.box[0].aborts, 4);
}

static void busy(void **state)
{
	uint64_t before = model.now_us;

	(void)state;
	model.box[0].status = BUSY;
	model.box[0].busy_until = model.now_us + 200000;
	works_again();			/* waited, not aborted */
	assert_int_equal(model.box[0].aborts, 0);
	model.box[0].status = BUSY;	/* for ever, but for an abort */
	before = model.now_us;
	works_again();
	assert_int_equal(model.box[0].aborts, 1);
	assert_in_range(model.now_us - before, 1000000, 1100000);
	model.wrong = STUCK_BUSY;
	model.box[0].status = BUSY;
	before = model.now_us;
	assert_int_equal(ask(), HF_ERR_DOE_BUSY);
	assert_in_range(model.now_us - before, 1000000, 2200000);
	assert_int_equal(model.box[0].gos, 2);	/* nothing was sent */
}

static void errors(void **state)
{
	(void)state;
	model.wrong = FAULT_ON_GO;
	assert_int_equal(ask(), HF_ERR_DOE_ERROR);
	assert_int_equal(model.box[0].aborts, 1);
	works_again();
	model.wrong = FAULT_AT_END;
	assert_int_equal(ask(), HF_ERR_DOE_ERROR);
	assert_int_equal(model.box[0].aborts, 2);
	works_again();
	model.wrong = STUCK_FAULT;
	assert_int_equal(ask(), HF_ERR_DOE_ERROR);
	assert_int_equal(ask(), HF_ERR_DOE_ERROR);
	assert_int_equal(model.box[0].gos, 5);	/* not sent again into an error */
}

static void never_ready(void **state)
{
	uint64_t before = model.now_us;

	(void)state;
	model.wrong = NEVER_READY;
	assert_int_equal(ask_with(700, 4096), HF_ERR_TIMED_OUT);
	assert_in_range(model.now_us - before, 700000, 720000);
	assert_int_equal(model.box[0].aborts, 1);
	assert_in_range(model.reads, 10, 2000);
	works_again();
	/* also where the clock stands still */
	model.wrong = NEVER_READY;
	model.clock_stands = true;
	assert_int_equal(ask_with(700, 4096), HF_ERR_TIMED_OUT);
	works_again();
	/* and where no time passes but by the clock's own */
	model.clock_stands = false;
	model.wrong = NEVER_READY;
	model.access_us = 100000;
	before = model.now_us;
	assert_int_equal(ask_with(700, 4096), HF_ERR_TIMED_OUT);
	assert_in_range(model.now_us - before, 700000, 3000000);
}

/* Its answer comes a moment too late: the next question does not get it. */
static void late(void **state)
{
	(void)state;
	model.answer_us = 900000;
	assert_int_equal(ask_with(500, 4096), HF_ERR_TIMED_OUT);
	model.answer_us = 300;
	works_again();
	model.answer_us = 900000;
	assert_int_equal(ask_with(1000, 4096), HF_OK);
}

static void abort_that_never_ends(void **state)
{
	uint64_t before = model.now_us;

	(void)state;
	model.wrong = ABORT_NEVER_ENDS;
	assert_int_equal(ask_with(100, 4096), HF_ERR_TIMED_OUT);	/* why it was aborted */
	assert_in_range(model.now_us - before, 1100000, 1200000);
	assert_int_equal(ask_with(100, 4096), HF_ERR_DOE_BUSY);
	assert_int_equal(model.box[0].gos, 1);
	model.wrong = RIGHT;		/* a power cycle */
	box_clear(&model.box[0]);
	works_again();
}

static uint32_t first, length;

static void raw(struct model *m, struct box *b)
{
	(void)m;
	b->out[0] = first;
	b->out[1] = length;
	b->out[2] = b->out[3] = b->out[4] = 0x11223344;
	b->out_len = (length & 0x3ffff) > 2 ? length & 0x3ffff : 2;
	if ((length & 0x3ffff) == 0)
		b->out_len = BOX_DWORDS;
}

static enum hf_err ask_raw(uint32_t what, uint32_t how_long, size_t cap)
{
	first = what;
	length = how_long;
	model.answer = raw;
	len = 777;
	memset(buf, 0xaa, 64);
	return ask_with(1000, cap);
}

static void shapes(void **state)
{
	static const struct {
		uint32_t first, length;
		enum hf_err want;
	} rows[] = {
		{ 0x00010001, 1, HF_ERR_DOE_SHAPE },		/* shorter than its header */
		{ 0x00000001, 4, HF_ERR_DOE_SHAPE },		/* another type */
		{ 0x00020001, 4, HF_ERR_DOE_SHAPE },
		{ 0x00010002, 4, HF_ERR_DOE_SHAPE },		/* another vendor */
		{ 0x00011e98, 4, HF_ERR_DOE_SHAPE },
		{ 0xffffffff, 4, HF_ERR_DOE_SHAPE },		/* all ones, and still there */
		{ 0x00000000, 4, HF_ERR_DOE_SHAPE },
		{ 0x00010001, 0, HF_ERR_LIMIT },		/* 2^18 dwords */
		{ 0x00010001, 0x3ffff, HF_ERR_LIMIT },
		{ 0x00010001, 0xffffffff, HF_ERR_LIMIT },
		{ 0x00010001, 2 + 4097 / 4 + 1, HF_ERR_LIMIT },	/* more than the caller takes */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned aborts = model.box[0].aborts;

		assert_int_equal(ask_raw(rows[i].first, rows[i].length, 4097), rows[i].want);
		assert_int_equal(model.box[0].aborts, aborts + 1);
		assert_int_equal(len, 777);
		assert_int_equal(buf[0], 0xaa);
		works_again();
	}
	/* reserved bits mean nothing; a header alone is an answer */
	assert_int_equal(ask_raw(0x5a010001, 0xfffc0000 | 3, 4), HF_OK);
	assert_int_equal(len, 4);
	assert_int_equal(buf[0], 0x44);
	assert_int_equal(buf[4], 0xaa);
	assert_int_equal(ask_raw(0x00010001, 2, 0), HF_OK);
	assert_int_equal(len, 0);
	assert_int_equal(ask_raw(0x00010001, 3, 3), HF_ERR_LIMIT);
	assert_int_equal(ask_raw(0x00010001, 2 + 1024, 4096), HF_OK);
	assert_int_equal(len, 4096);
	assert_int_equal(buf[4096], 0xaa);
	/* the most that is taken, whatever room there is */
	assert_int_equal(ask_raw(0x00010001, 2 + HF_DOE_OBJECT_MAX / 4, sizeof(buf)), HF_OK);
	assert_int_equal(len, HF_DOE_OBJECT_MAX);
	assert_int_equal(ask_raw(0x00010001, 3 + HF_DOE_OBJECT_MAX / 4, sizeof(buf)), HF_ERR_LIMIT);
}

static void gone(void **state)
{
	(void)state;
	model.wrong = GONE_ON_GO;
	assert_int_equal(ask(), HF_ERR_DEVICE_GONE);
	assert_int_equal(ask(), HF_ERR_DEVICE_GONE);
	for (unsigned after = 0; after <= 4; after++) {
		begin(NULL);
		model.wrong = GONE_IN_ANSWER;
		model.gone_after = after;
		assert_int_equal(ask(), HF_ERR_DEVICE_GONE);
		assert_int_equal(len, 777);
		assert_true(model.reads + model.writes < 100);
	}
	begin(NULL);
	model.wrong = GONE_IN_ABORT;
	assert_int_equal(ask_with(10, 4096), HF_ERR_DEVICE_GONE);
}

/* It forgets its answer half way: what is read then are zeros. */
static void reset_in_the_middle(void **state)
{
	(void)state;
	for (unsigned after = 1; after < 4; after++) {
		model.wrong = RESET_IN_ANSWER;
		model.gone_after = after;
		len = 777;
		assert_int_equal(ask(), HF_ERR_DOE_SHAPE);
		assert_int_equal(len, 777);
		works_again();
	}
}

static void behind_the_end(void **state)
{
	(void)state;
	model.wrong = READY_FOR_EVER;
	assert_int_equal(ask(), HF_ERR_DOE_SHAPE);
	works_again();
	model.wrong = READY_LATE;	/* a little slow is no fault */
	assert_int_equal(ask(), HF_OK);
	works_again();
}

static void ones(struct model *m, struct box *b)
{
	static const uint32_t body[] = { 0xffffffff, 0xffffffff, 0xffffffff };

	(void)m;
	box_say(b, 1, 1, body, 3);
}

/* All ones are also something that a device may say. */
static void says_all_ones(void **state)
{
	(void)state;
	model.answer = ones;
	assert_int_equal(ask(), HF_OK);
	assert_int_equal(len, 12);
	assert_int_equal(buf[11], 0xff);
	works_again();
}

/* Each access takes long: the object is not waited for without end. */
static void slow(void **state)
{
	uint64_t before = model.now_us;

	(void)state;
	model.access_us = 20000;
	assert_int_equal(ask_raw(0x00010001, 2 + 4096, 65536), HF_ERR_TIMED_OUT);
	assert_in_range(model.now_us - before, 10000000, 13000000);
	model.access_us = 1;
	works_again();
}

static void refused(void **state)
{
	(void)state;
	model.wrong = WRITES_REFUSED;
	assert_int_equal(ask(), HF_ERR_DOE_REFUSED);
	assert_int_equal(model.writes, 1);	/* not even an abort */
	assert_int_equal(hf_doe_exchange(&doe, 1, 1, (struct hf_span){ buf, HF_DOE_OBJECT_MAX + 1 }, 1,
					 buf, 4, &len), HF_ERR_LIMIT);
	assert_int_equal(model.writes, 1);
}

static void two_mailboxes(void **state)
{
	const uint8_t body[] = { 1, 2, 3, 4 };

	(void)state;
	model.box[1].at = 0x180;
	model.box[0].status = BUSY | FAULT;
	assert_int_equal(hf_doe_exchange(&second, 1, 2, (struct hf_span){ body, 4 }, 1000, buf, 64, &len),
			 HF_OK);
	assert_int_equal(model.box[0].aborts + model.box[0].gos, 0);
	assert_int_equal(model.box[1].gos, 1);
	assert_int_equal(buf[0], 0xfe);
}

/* ---- discovery ---- */

static struct { uint16_t vendor; uint8_t type, next; } list[256];
static uint8_t asked_version;

static void discover(struct model *m, struct box *b)
{
	uint8_t index = (uint8_t)b->in[2];
	uint32_t body = list[index].vendor | (uint32_t)list[index].type << 16 |
			(uint32_t)list[index].next << 24;

	(void)m;
	assert_int_equal(b->in[0], 1);
	assert_int_equal(b->in[1], 3);
	asked_version = (uint8_t)(b->in[2] >> 8);
	box_say(b, 1, 0, &body, 1);
}

static void row(uint8_t index, uint16_t vendor, uint8_t type, uint8_t next)
{
	list[index].vendor = vendor;
	list[index].type = type;
	list[index].next = next;
}

static void discovery(void **state)
{
	struct hf_doe_protocol out[HF_DOE_PROTOCOLS_MAX + 1];
	size_t count = 777;

	(void)state;
	model.answer = discover;
	row(0, 1, 0, 1);
	row(1, 1, 1, 2);
	row(2, 0x1e98, 2, 0);
	assert_int_equal(hf_doe_discover(&doe, out, 3, &count), HF_OK);
	assert_int_equal(count, 3);
	assert_int_equal(out[2].vendor, 0x1e98);
	assert_int_equal(out[2].type, 2);
	assert_int_equal(asked_version, 0);
	assert_int_equal(model.box[0].aborts, 1);	/* what another was killed over is not ours */
	model.version = 2;
	assert_int_equal(hf_doe_discover(&doe, out, 3, &count), HF_OK);
	assert_int_equal(asked_version, 2);
	count = 777;
	assert_int_equal(hf_doe_discover(&doe, out, 2, &count), HF_ERR_LIMIT);
	assert_int_equal(count, 777);
	/* as QEMU says it: the end is a vendor that is none */
	row(2, 1, 2, 3);
	row(3, 0xffff, 0xff, 4);
	assert_int_equal(hf_doe_discover(&doe, out, 64, &count), HF_OK);
	assert_int_equal(count, 3);
	row(0, 0xffff, 0xff, 1);
	assert_int_equal(hf_doe_discover(&doe, out, 64, &count), HF_OK);
	assert_int_equal(count, 0);
}

static void two_dwords(struct model *m, struct box *b)
{
	discover(m, b);
	b->out[1] = 4;
	b->out_len = 4;
}

static void discovery_without_end(void **state)
{
	struct hf_doe_protocol out[HF_DOE_PROTOCOLS_MAX + 1];
	size_t count = 777;

	(void)state;
	model.answer = discover;
	row(0, 1, 0, 1);
	row(1, 1, 1, 1);	/* itself */
	assert_int_equal(hf_doe_discover(&doe, out, 64, &count), HF_ERR_DOE_SHAPE);
	row(1, 1, 1, 2);
	row(2, 1, 2, 1);	/* round */
	assert_int_equal(hf_doe_discover(&doe, out, 64, &count), HF_ERR_DOE_SHAPE);
	for (unsigned i = 0; i < 256; i++)
		row((uint8_t)i, 0x1234, (uint8_t)i, (uint8_t)(i + 1));
	memset(out, 0xaa, sizeof(out));
	assert_int_equal(hf_doe_discover(&doe, out, 65, &count), HF_ERR_LIMIT);
	assert_int_equal(out[64].vendor, 0xaaaa);
	assert_int_equal(model.box[0].gos, 2 + 3 + 65);
	/* each in time, and all together not */
	model.answer_us = 900000;
	uint64_t before = model.now_us;
	assert_int_equal(hf_doe_discover(&doe, out, 64, &count), HF_ERR_TIMED_OUT);
	assert_in_range(model.now_us - before, 10000000, 12000000);
	model.answer_us = 300;
	model.answer = two_dwords;
	assert_int_equal(hf_doe_discover(&doe, out, 64, &count), HF_ERR_DOE_SHAPE);
	model.wrong = NEVER_READY;
	assert_int_equal(hf_doe_discover(&doe, out, 64, &count), HF_ERR_TIMED_OUT);
	model.wrong = WRITES_REFUSED;
	assert_int_equal(hf_doe_discover(&doe, out, 64, &count), HF_ERR_DOE_REFUSED);
	assert_int_equal(count, 777);
}

/* ---- CXL's table ---- */

static uint32_t entries, table_length;
static enum { CDAT_GOOD, CDAT_ROUND, CDAT_EMPTY, CDAT_OTHER } cdat_kind;

static void table(struct model *m, struct box *b)
{
	uint32_t handle = b->in[2] >> 16, count = handle ? 2 : 4, body[5];

	(void)m;
	assert_int_equal(b->in[0], 0x00021e98);
	assert_int_equal(b->in[2] & 0xffff, 0);
	body[0] = (handle + 1 < entries ? handle + 1 : 0xffff) << 16;
	if (cdat_kind == CDAT_ROUND)
		body[0] = 0;
	if (cdat_kind == CDAT_OTHER)
		body[0] |= 1;
	for (uint32_t i = 1; i <= count; i++)
		body[i] = handle << 8 | i;
	if (!handle)
		body[1] = table_length;
	box_say(b, 0x1e98, 2, body, cdat_kind == CDAT_EMPTY && handle ? 1 : 1 + count);
}

static void cdat(void **state)
{
	(void)state;
	model.answer = table;
	entries = 3;
	table_length = 16 + 2 * 8;
	cdat_kind = CDAT_GOOD;
	assert_int_equal(hf_doe_read_cdat(&doe, buf, sizeof(buf), &len), HF_OK);
	assert_int_equal(len, 32);
	assert_int_equal(buf[0], 32);
	assert_int_equal(buf[16], 1);
	assert_int_equal(buf[17], 1);
	assert_int_equal(buf[25], 2);
	assert_int_equal(hf_doe_read_cdat(&doe, buf, 31, &len), HF_ERR_LIMIT);
	assert_int_equal(len, 24);		/* what came */
	table_length = 40;
	assert_int_equal(hf_doe_read_cdat(&doe, buf, sizeof(buf), &len), HF_ERR_DOE_SHAPE);
	assert_int_equal(len, 32);
	table_length = 32;
	cdat_kind = CDAT_OTHER;
	assert_int_equal(hf_doe_read_cdat(&doe, buf, sizeof(buf), &len), HF_ERR_DOE_SHAPE);
	cdat_kind = CDAT_EMPTY;
	assert_int_equal(hf_doe_read_cdat(&doe, buf, sizeof(buf), &len), HF_ERR_DOE_SHAPE);
	assert_int_equal(len, 16);
	cdat_kind = CDAT_ROUND;
	assert_int_equal(hf_doe_read_cdat(&doe, buf, sizeof(buf), &len), HF_ERR_DOE_SHAPE);
	assert_true(model.box[0].gos <= HF_DOE_CDAT_ENTRIES_MAX + 20);
	/* slow in each: not without end */
	model.answer_us = 900000;
	assert_int_equal(hf_doe_read_cdat(&doe, buf, sizeof(buf), &len), HF_ERR_TIMED_OUT);
}

/* ---- the list of capabilities ---- */

static uint8_t config[4096];

static void capability(size_t at, uint16_t id, size_t next)
{
	config[at] = (uint8_t)id;
	config[at + 1] = (uint8_t)(id >> 8);
	config[at + 2] = (uint8_t)(1 | (next & 0xf) << 4);
	config[at + 3] = (uint8_t)(next >> 4);
}

static size_t find(size_t size, uint32_t at[static HF_DOE_MAILBOXES_MAX], bool *ret_loop)
{
	*ret_loop = false;
	memset(at, 0xaa, HF_DOE_MAILBOXES_MAX * sizeof(at[0]));
	return hf_doe_find((struct hf_span){ config, size }, at, ret_loop);
}

static void finds(void **state)
{
	uint32_t at[HF_DOE_MAILBOXES_MAX];
	bool loop;

	(void)state;
	memset(config, 0, sizeof(config));
	assert_int_equal(find(4096, at, &loop), 0);
	capability(0x100, 1, 0x150);
	capability(0x150, HF_DOE_CAPABILITY, 0x200);
	capability(0x200, 3, 0x168);
	capability(0x168, HF_DOE_CAPABILITY, 0);
	assert_int_equal(find(4096, at, &loop), 2);
	assert_int_equal(at[0], 0x150);
	assert_int_equal(at[1], 0x168);
	assert_int_equal(at[2], 0xaaaaaaaa);
	assert_false(loop);
	assert_int_equal(find(256, at, &loop), 0);
	assert_int_equal(find(64, at, &loop), 0);
	assert_int_equal(find(0x167, at, &loop), 0);	/* its registers are not all there */
	assert_true(loop);
	capability(0x168, HF_DOE_CAPABILITY, 0x200);	/* round */
	assert_int_equal(find(4096, at, &loop), 2);
	assert_true(loop);
	capability(0x168, HF_DOE_CAPABILITY, 0xfec);
	capability(0xfec, HF_DOE_CAPABILITY, 0);	/* reaches beyond the end */
	assert_int_equal(find(4096, at, &loop), 2);
	assert_true(loop);
	capability(0x168, HF_DOE_CAPABILITY, 0x40);	/* back into the old list */
	assert_int_equal(find(4096, at, &loop), 2);
	assert_true(loop);
	for (size_t i = 0; i < 20; i++)
		capability(0x100 + i * 0x18, HF_DOE_CAPABILITY, 0x118 + i * 0x18);
	assert_int_equal(find(4096, at, &loop), HF_DOE_MAILBOXES_MAX);
	assert_true(loop);
	memset(config, 0xff, sizeof(config));
	assert_int_equal(find(4096, at, &loop), 0);
	assert_false(loop);
}

static void transport(void **state)
{
	const uint8_t request[] = { 0x10, 0x84, 0, 0, 0x55 };
	struct hf_spdm_transport t;

	(void)state;
	hf_doe_transport(&doe, &t);
	assert_true(t.padded);
	assert_true(t.message_max >= 42 && t.message_max <= HF_SPDM_MESSAGE_MAX);
	model.answer = remember;
	assert_int_equal(t.exchange(t.self, (struct hf_span){ request, 5 }, 0, buf, 64, &len), HF_OK);
	assert_int_equal(len, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(exchange, begin),
		cmocka_unit_test_setup(left_behind, begin),
		cmocka_unit_test_setup(busy, begin),
		cmocka_unit_test_setup(errors, begin),
		cmocka_unit_test_setup(never_ready, begin),
		cmocka_unit_test_setup(late, begin),
		cmocka_unit_test_setup(abort_that_never_ends, begin),
		cmocka_unit_test_setup(shapes, begin),
		cmocka_unit_test_setup(gone, begin),
		cmocka_unit_test_setup(reset_in_the_middle, begin),
		cmocka_unit_test_setup(behind_the_end, begin),
		cmocka_unit_test_setup(says_all_ones, begin),
		cmocka_unit_test_setup(slow, begin),
		cmocka_unit_test_setup(refused, begin),
		cmocka_unit_test_setup(two_mailboxes, begin),
		cmocka_unit_test_setup(discovery, begin),
		cmocka_unit_test_setup(discovery_without_end, begin),
		cmocka_unit_test_setup(cdat, begin),
		cmocka_unit_test_setup(finds, begin),
		cmocka_unit_test_setup(transport, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
