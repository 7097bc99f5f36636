/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/fuzz/agent_world.h: an agent's request and what the controller knows of that host before
 * it: an input of fuzz_server_agent, as tests/unit/test_server_agent.c records them. Integers are
 * little-endian:
 *   route, flags, nonce 32, boot key 32, quote 32, EK id 32, secret 32, credential 16,
 *   reset count 4, restart count 4, then each with its length in 4: AK, ticket, evidence; body */
#ifndef HF_TESTS_FUZZ_AGENT_WORLD_H
#define HF_TESTS_FUZZ_AGENT_WORLD_H

#include "measure/bytes.h"

enum agent_flag {
	AGENT_ENROLLED = 1, AGENT_RECLAIMED = 2, AGENT_CHALLENGED = 4, AGENT_TICKETED = 8,
	AGENT_CREDENTIAL = 16,	/* waits for its secret */
	AGENT_KEY = 32,		/* the client shows the boot key */
};
#define AGENT_HOST "host-17"
#define AGENT_RECLAIM { 1 }
struct agent_world {
	uint8_t route, flags;
	struct hf_span nonce, boot_key, quote, ek_id, secret, credential;
	uint32_t reset_count, restart_count;
	struct hf_span ak, ticket, evidence, body;
};

static inline struct hf_span agent_take(struct hf_cursor *c, size_t len)
{
	const uint8_t *p = hf_take(c, len);

	return (struct hf_span){ p, p ? len : 0 };
}

static inline bool agent_world_read(struct hf_span in, struct agent_world *w)
{
	struct hf_cursor c = hf_cursor_at(in);

	w->route = hf_u8(&c);
	w->flags = hf_u8(&c);
	w->nonce = agent_take(&c, 32);
	w->boot_key = agent_take(&c, 32);
	w->quote = agent_take(&c, 32);
	w->ek_id = agent_take(&c, 32);
	w->secret = agent_take(&c, 32);
	w->credential = agent_take(&c, 16);
	w->reset_count = hf_u32le(&c);
	w->restart_count = hf_u32le(&c);
	w->ak = agent_take(&c, hf_u32le(&c));
	w->ticket = agent_take(&c, hf_u32le(&c));
	w->evidence = agent_take(&c, hf_u32le(&c));
	if (c.bad)
		return false;
	w->body = agent_take(&c, in.len - c.pos);
	return !c.bad;
}

static inline void agent_put_number(struct hf_writer *w, uint32_t n)
{
	const uint8_t bytes[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24) };

	hf_put(w, bytes, 4);
}

static inline void agent_put(struct hf_writer *w, struct hf_span in)
{
	agent_put_number(w, (uint32_t)in.len);
	hf_put_span(w, in);
}

static inline void agent_put_fixed(struct hf_writer *w, struct hf_span in, size_t len)
{
	static const uint8_t zero[32];

	hf_put(w, in.len == len ? in.ptr : zero, len);
}

static inline void agent_world_write(const struct agent_world *in, struct hf_writer *w)
{
	hf_put(w, &in->route, 1);
	hf_put(w, &in->flags, 1);
	agent_put_fixed(w, in->nonce, 32);
	agent_put_fixed(w, in->boot_key, 32);
	agent_put_fixed(w, in->quote, 32);
	agent_put_fixed(w, in->ek_id, 32);
	agent_put_fixed(w, in->secret, 32);
	agent_put_fixed(w, in->credential, 16);
	agent_put_number(w, in->reset_count);
	agent_put_number(w, in->restart_count);
	agent_put(w, in->ak);
	agent_put(w, in->ticket);
	agent_put(w, in->evidence);
	hf_put_span(w, in->body);
}

#endif
