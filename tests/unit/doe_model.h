/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/doe_model.h: registers of mailboxes, made up here: they answer as PCI Express
 * base 6.0 says, but for the one thing that they do wrong. Time is counted, not spent. */
#ifndef HF_TESTS_DOE_MODEL_H
#define HF_TESTS_DOE_MODEL_H

#include <string.h>

#include "pcie/doe.h"

#define BOX_DWORDS (1u << 18)
#define BUSY 1u
#define FAULT 4u
#define READY 0x80000000u

enum wrong {
	RIGHT,
	NEVER_READY,
	STUCK_BUSY,		/* also through an abort */
	BUSY_UNTIL_ABORT,
	BUSY_A_WHILE,		/* and answers then */
	FAULT_ON_GO,
	STUCK_FAULT,
	FAULT_AT_END,		/* when the last dword is taken */
	ABORT_NEVER_ENDS,	/* and it is never ready */
	GONE_ON_GO,
	GONE_IN_ANSWER,		/* after gone_after dwords */
	GONE_IN_ABORT,
	RESET_IN_ANSWER,	/* the same, but it comes back empty */
	READY_FOR_EVER,		/* behind the last dword too */
	READY_LATE,		/* clears some time after the last dword */
	WRITES_REFUSED,
};

struct box {
	uint32_t at;		/* 0: no mailbox */
	uint32_t status;
	uint32_t in[4096], in_len;
	uint32_t out[BOX_DWORDS + 4], out_len, out_pos;
	uint64_t ready_at, abort_at, busy_until, clear_at;	/* us; 0: not coming */
	unsigned aborts, gos, taken;
};
struct model {
	struct hf_config_access access;
	struct box box[2];
	enum wrong wrong;
	uint64_t now_us, access_us, answer_us, abort_us;
	uint64_t reads, writes, pauses;
	unsigned gone_after;
	bool gone, clock_stands;
	uint32_t version;	/* of the capability */
	/* What it answers: out and out_len of box, from in and in_len. */
	void (*answer)(struct model *m, struct box *box);
};

static inline void box_clear(struct box *b)
{
	b->status = 0;
	b->in_len = b->out_len = b->out_pos = 0;
	b->ready_at = b->abort_at = b->busy_until = b->clear_at = 0;
}

static inline struct box *box_of(struct model *m, uint32_t offset)
{
	for (size_t i = 0; i < 2; i++)
		if (m->box[i].at && offset >= m->box[i].at && offset < m->box[i].at + 0x18)
			return &m->box[i];
	return NULL;
}

static inline void box_settle(struct model *m, struct box *b)
{
	if (b->abort_at && m->now_us >= b->abort_at) {
		if (m->wrong == GONE_IN_ABORT)
			m->gone = true;
		box_clear(b);
		if (m->wrong == STUCK_BUSY)
			b->status = BUSY;
		if (m->wrong == STUCK_FAULT)
			b->status = FAULT;
	}
	if (b->busy_until && m->now_us >= b->busy_until) {
		b->busy_until = 0;
		b->status &= ~BUSY;
	}
	if (b->clear_at && m->now_us >= b->clear_at)
		box_clear(b);
	if (b->ready_at && m->now_us >= b->ready_at) {
		b->ready_at = 0;
		b->status |= READY;
	}
}

static inline enum hf_err model_read(void *self, uint32_t offset, uint32_t *ret)
{
	struct model *m = self;
	struct box *b = box_of(m, offset);

	m->reads++;
	m->now_us += m->access_us;
	if (b)
		box_settle(m, b);
	*ret = 0xffffffff;
	if (m->gone)
		return HF_OK;
	*ret = 0;
	if (!b)
		return HF_OK;
	switch (offset - b->at) {
	case 0x00:
		*ret = HF_DOE_CAPABILITY | (m->version ? m->version : 1) << 16;
		break;
	case 0x0c:
		*ret = b->status;
		break;
	case 0x14:
		*ret = b->status & READY && b->out_pos < b->out_len ? b->out[b->out_pos] : 0;
		break;
	}
	return HF_OK;
}

static inline void box_go(struct model *m, struct box *b)
{
	b->gos++;
	b->out_len = b->out_pos = 0;
	if (m->answer)
		m->answer(m, b);
	b->in_len = 0;
	if (m->wrong == FAULT_ON_GO || m->wrong == STUCK_FAULT)
		b->status |= FAULT;
	else if (m->wrong == GONE_ON_GO)
		m->gone = true;
	else if (m->wrong != NEVER_READY && m->wrong != ABORT_NEVER_ENDS && m->wrong != GONE_IN_ABORT)
		b->ready_at = m->now_us + m->answer_us + 1;
}

static inline void box_take(struct model *m, struct box *b)
{
	if (!(b->status & READY))
		return;
	b->taken++;
	b->out_pos++;
	if (m->wrong == GONE_IN_ANSWER && b->out_pos >= m->gone_after)
		m->gone = true;
	if (m->wrong == RESET_IN_ANSWER && b->out_pos >= m->gone_after) {
		box_clear(b);
		return;
	}
	if (b->out_pos < b->out_len || m->wrong == READY_FOR_EVER)
		return;
	if (m->wrong == READY_LATE)
		b->clear_at = m->now_us + 3000;
	else
		box_clear(b);
	if (m->wrong == FAULT_AT_END)
		b->status = FAULT;
}

static inline enum hf_err model_write(void *self, uint32_t offset, uint32_t value)
{
	struct model *m = self;
	struct box *b = box_of(m, offset);

	m->writes++;
	m->now_us += m->access_us;
	if (m->wrong == WRITES_REFUSED)
		return HF_ERR_DOE_REFUSED;
	if (!b || m->gone)
		return HF_OK;
	box_settle(m, b);
	switch (offset - b->at) {
	case 0x08:
		if (value & 1) {
			b->aborts++;
			b->ready_at = 0;
			b->abort_at = m->wrong == ABORT_NEVER_ENDS ? 0 : m->now_us + m->abort_us + 1;
			b->status |= BUSY;
		} else if (value & READY) {
			box_go(m, b);
		}
		break;
	case 0x10:
		if (b->in_len < 4096)
			b->in[b->in_len++] = value;
		break;
	case 0x14:
		box_take(m, b);
		break;
	}
	return HF_OK;
}

static inline void model_pause(void *self, unsigned us)
{
	struct model *m = self;

	m->pauses++;
	m->now_us += us;
}

static inline uint64_t model_now(void *self)
{
	struct model *m = self;

	return m->clock_stands ? 1 : m->now_us / 1000;
}

static inline void model_make(struct model *m)
{
	memset(m, 0, sizeof(*m));
	m->access = (struct hf_config_access){ m, model_read, model_write, model_pause, model_now };
	m->box[0].at = 0x100;
	m->now_us = 5000000;
	m->access_us = 1;
	m->answer_us = 300;
	m->abort_us = 200;
}

/* An answer of the same type whose body is these dwords. */
static inline void box_say(struct box *b, uint16_t vendor, uint8_t type, const uint32_t *body,
			   uint32_t count)
{
	b->out[0] = vendor | (uint32_t)type << 16;
	b->out[1] = (count + 2) & 0x3ffff;
	if (count)
		memcpy(b->out + 2, body, count * sizeof(*body));
	b->out_len = count + 2;
}

#endif
