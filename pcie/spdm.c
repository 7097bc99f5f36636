/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One pair after another: whose turn it is, what an ERROR means, what waits for its answer.
 * [no I/O, no clock] */
#include "pcie/spdm_inside.h"

#define PARTS_MAX (HF_SPDM_NEGOTIATION + 2 * HF_SPDM_EXCHANGES_MAX)
#define ERROR_DATA_MAX 32

enum hf_err hf_spdm_open(const struct hf_spdm_options *options, struct hf_spdm *ret)
{
	struct hf_spdm_inside *in = hf_arena_take(options->arena, sizeof(*in));

	if (!in)
		return HF_ERR_LIMIT;
	in->options = *options;
	in->m1 = hf_arena_take(options->arena, PARTS_MAX * sizeof(*in->m1));
	in->l1 = hf_arena_take(options->arena, PARTS_MAX * sizeof(*in->l1));
	if (!in->m1 || !in->l1)
		return HF_ERR_LIMIT;
	*ret = (struct hf_spdm){ .inside = in, .measured_slot = -1 };
	return HF_OK;
}

void hf_spdm_close(struct hf_spdm *s)
{
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++) {
		hf_device_chain_free(s->slots[i].parsed);
		s->slots[i].parsed = NULL;
	}
}

enum hf_err hf_spdm_keep(struct hf_spdm *s, struct hf_span message, struct hf_span *ret)
{
	return hf_arena_copy(s->inside->options.arena, message, ret);
}

static enum hf_err add(struct hf_span *parts, size_t *count, struct hf_span request,
		       struct hf_span answer)
{
	if (*count > PARTS_MAX - 2)
		return HF_ERR_LIMIT;
	parts[(*count)++] = request;
	parts[(*count)++] = answer;
	return HF_OK;
}

enum hf_err hf_spdm_add_m1(struct hf_spdm *s, struct hf_span request, struct hf_span answer)
{
	return add(s->inside->m1, &s->inside->m1_count, request, answer);
}

enum hf_err hf_spdm_add_l1(struct hf_spdm *s, struct hf_span request, struct hf_span answer)
{
	return add(s->inside->l1, &s->inside->l1_count, request, answer);
}

enum hf_err hf_spdm_add_negotiation(struct hf_spdm *s, struct hf_span request, struct hf_span answer)
{
	struct hf_span kept[2];
	enum hf_err err = hf_spdm_keep(s, request, &kept[0]);

	if (!err)
		err = hf_spdm_keep(s, answer, &kept[1]);
	if (!err)
		err = hf_spdm_add_m1(s, kept[0], kept[1]);
	return err ? err : hf_spdm_add_l1(s, kept[0], kept[1]);
}

void hf_spdm_empty_m1(struct hf_spdm *s)
{
	if (s->inside->m1_count > HF_SPDM_NEGOTIATION)
		s->inside->m1_count = HF_SPDM_NEGOTIATION;
}

void hf_spdm_empty_l1(struct hf_spdm *s)
{
	if (s->inside->l1_count > HF_SPDM_NEGOTIATION)
		s->inside->l1_count = HF_SPDM_NEGOTIATION;
	s->inside->l1_run++;
}

/* GET_VERSION: whatever was said before is void. What stays are the limits, the failure, and
 * how many nonces were used up. */
static void start_again(struct hf_spdm *s)
{
	struct hf_spdm_inside *in = s->inside, fresh = {
		.options = in->options, .exchanges = in->exchanges, .bytes = in->bytes,
		.m1 = in->m1, .l1 = in->l1, .large = in->large,
		.has_nonce = in->has_nonce, .nonce_spent = in->nonce_spent,
	};

	memcpy(fresh.nonce, in->nonce, sizeof(fresh.nonce));
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		fresh.readings[i].buf = in->readings[i].buf;
	hf_spdm_close(s);
	*in = fresh;
	*s = (struct hf_spdm){ .inside = in, .measured_slot = -1, .nonces = s->nonces };
}

static void drop_pending(struct hf_spdm *s)
{
	struct hf_spdm_inside *in = s->inside;

	/* Whoever gives up a measurement does not know whether the device counts it. */
	if (in->pending_request.len && in->pending_request.ptr[1] == HF_SPDM_GET_MEASUREMENTS)
		hf_spdm_empty_l1(s);
	in->pending = HF_SPDM_NO_PENDING;
	in->pending_request = (struct hf_span){ 0 };
}

/* ---- is this request one for now? ---- */

static bool fits_stage(const struct hf_spdm *s, const struct hf_spdm_request *r)
{
	enum hf_spdm_stage stage = s->inside->stage;

	switch (r->code) {
	case HF_SPDM_GET_VERSION:
		return true;
	case HF_SPDM_GET_CAPABILITIES:
		if (stage != HF_SPDM_HAS_VERSIONS)
			return false;
		for (size_t i = 0; i < s->version_count; i++)
			if (s->versions[i] >> 8 == r->version)
				return true;
		return false;
	case HF_SPDM_NEGOTIATE_ALGORITHMS:
		return stage == HF_SPDM_HAS_CAPABILITIES && r->version == s->version;
	}
	return stage == HF_SPDM_NEGOTIATED && r->version == s->version;
}

/* What a request does to the transcripts before it is answered (as libspdm's requester). */
static void begin_request(struct hf_spdm *s, const struct hf_spdm_request *r)
{
	if (r->code == HF_SPDM_GET_VERSION)
		start_again(s);
	if (r->code != HF_SPDM_GET_MEASUREMENTS)
		hf_spdm_empty_l1(s);
	if (r->code == HF_SPDM_GET_DIGESTS ||
	    (r->code == HF_SPDM_GET_MEASUREMENTS && !s->inside->authenticated))
		hf_spdm_empty_m1(s);
}

/* The same nonce may come again until it is answered; another has to be the next one. */
static enum hf_err take_nonce(struct hf_spdm *s, struct hf_span nonce)
{
	struct hf_spdm_inside *in = s->inside;
	uint8_t expected[HF_SPDM_NONCE];
	bool same = in->has_nonce && memcmp(in->nonce, nonce.ptr, nonce.len) == 0;
	enum hf_err err;

	if (same && (!in->nonce_spent || !in->options.seed))
		return HF_OK;
	if (in->options.seed) {
		err = hf_spdm_nonce(in->options.seed, in->options.path, s->nonces, expected);
		if (err)
			return err;
		if (memcmp(expected, nonce.ptr, sizeof(expected)) != 0)
			return HF_ERR_SPDM_NONCE;
	}
	memcpy(in->nonce, nonce.ptr, sizeof(in->nonce));
	in->has_nonce = true;
	in->nonce_spent = false;
	s->nonces++;
	return HF_OK;
}

/* ---- ERROR ---- */

static enum hf_err not_ready(struct hf_spdm *s, const struct hf_spdm_request *r, struct hf_span data)
{
	struct hf_spdm_inside *in = s->inside;
	enum hf_err err = HF_OK;

	if (data.len < 4 || data.ptr[1] != r->code || r->code == HF_SPDM_GET_VERSION)
		return HF_ERR_SPDM_SHAPE;
	/* r->message may be what is kept already: RESPOND_IF_READY was told to wait again. */
	if (in->pending == HF_SPDM_NO_PENDING)
		err = hf_spdm_keep(s, r->message, &in->pending_request);
	if (err)
		return err;
	if (in->stage == HF_SPDM_HAS_VERSIONS)	/* RESPOND_IF_READY is in it */
		s->version = r->version;
	in->pending = HF_SPDM_PENDING_READY;
	s->not_ready_us = data.ptr[0] < 31 ? 1u << data.ptr[0] : 1u << 31;
	s->not_ready_code = data.ptr[1];
	s->not_ready_token = data.ptr[2];
	s->event = HF_SPDM_SAID_NOT_READY;
	return HF_OK;
}

static enum hf_err large_response(struct hf_spdm *s, const struct hf_spdm_request *r,
				  struct hf_span data)
{
	struct hf_spdm_inside *in = s->inside;
	enum hf_err err = HF_OK;

	if (data.len < 1 || r->version < 0x12 || r->code == HF_SPDM_GET_VERSION ||
	    (in->stage == HF_SPDM_NEGOTIATED && !(s->capabilities & HF_SPDM_CAP_CHUNK)))
		return HF_ERR_SPDM_SHAPE;
	if (!in->large)
		in->large = hf_arena_take(in->options.arena, HF_SPDM_MESSAGE_MAX);
	if (!in->large)
		return HF_ERR_LIMIT;
	if (in->pending == HF_SPDM_NO_PENDING)
		err = hf_spdm_keep(s, r->message, &in->pending_request);
	if (err)
		return err;
	if (in->stage == HF_SPDM_HAS_VERSIONS)
		s->version = r->version;
	in->pending = HF_SPDM_PENDING_CHUNK;
	in->large_total = in->large_have = 0;
	s->chunk_handle = data.ptr[0];
	s->chunk_number = 0;
	s->event = HF_SPDM_SAID_LARGE;
	return HF_OK;
}

/* A slot that the device does not speak of has that for its cause. */
static void note_refusal(struct hf_spdm *s, const struct hf_spdm_request *r)
{
	struct hf_spdm_slot *slot = &s->slots[r->slot];

	if (r->code == HF_SPDM_GET_CERTIFICATE && !slot->chain.len)
		slot->cause = HF_ERR_SPDM_ERROR;
	if (r->code == HF_SPDM_CHALLENGE && !slot->challenged)
		slot->challenge_cause = HF_ERR_SPDM_ERROR;
}

/* r: what the device was asked, not RESPOND_IF_READY or CHUNK_GET. */
static enum hf_err take_error(struct hf_spdm *s, const struct hf_spdm_request *r,
			      const struct hf_spdm_answer *a)
{
	struct hf_span data = hf_span_part(a->c.in, a->c.pos, hf_left(&a->c));

	if (data.len > ERROR_DATA_MAX + (a->padded ? 3 : 0))
		return HF_ERR_SPDM_SHAPE;
	s->error_code = a->p1;
	s->error_data = a->p2;
	if (a->p1 == HF_SPDM_ERROR_NOT_READY)
		return not_ready(s, r, data);
	if (a->p1 == HF_SPDM_ERROR_LARGE_RESPONSE)
		return large_response(s, r, data);
	/* What the device has ready already it has counted. */
	if (r->code == HF_SPDM_GET_MEASUREMENTS && s->inside->pending == HF_SPDM_NO_PENDING)
		hf_spdm_empty_l1(s);
	if (a->p1 == HF_SPDM_ERROR_BUSY) {
		s->event = HF_SPDM_SAID_BUSY;
		return HF_OK;
	}
	drop_pending(s);
	note_refusal(s, r);
	s->event = HF_SPDM_SAID_ERROR;
	if (a->p1 != HF_SPDM_ERROR_REQUEST_RESYNCH)
		return HF_OK;
	start_again(s);
	s->event = HF_SPDM_SAID_RESYNCH;
	s->error_code = HF_SPDM_ERROR_REQUEST_RESYNCH;
	return HF_OK;
}

/* ---- answers ---- */

static enum hf_err take_answer(struct hf_spdm *s, const struct hf_spdm_request *r,
			       struct hf_spdm_answer *a)
{
	if (a->version != r->version || a->code != HF_SPDM_ANSWER(r->code))
		return HF_ERR_SPDM_SHAPE;
	s->inside->nonce_spent |= r->nonce.len > 0;
	switch (r->code) {
	case HF_SPDM_GET_VERSION:
		return hf_spdm_take_version(s, r, a);
	case HF_SPDM_GET_CAPABILITIES:
		return hf_spdm_take_capabilities(s, r, a);
	case HF_SPDM_NEGOTIATE_ALGORITHMS:
		return hf_spdm_take_algorithms(s, r, a);
	case HF_SPDM_GET_DIGESTS:
		return hf_spdm_take_digests(s, r, a);
	case HF_SPDM_GET_CERTIFICATE:
		return hf_spdm_take_certificate(s, r, a);
	case HF_SPDM_CHALLENGE:
		return hf_spdm_take_challenge(s, r, a);
	case HF_SPDM_GET_MEASUREMENTS:
		return hf_spdm_take_measurements(s, r, a);
	}
	return HF_ERR_TRANSCRIPT_SHAPE;
}

static enum hf_err take_done(struct hf_spdm *s, const struct hf_spdm_request *r,
			     struct hf_spdm_answer *a)
{
	enum hf_err err = take_answer(s, r, a);

	if (err)
		return err;
	s->inside->pending = HF_SPDM_NO_PENDING;
	s->inside->pending_request = (struct hf_span){ 0 };
	s->event = HF_SPDM_ANSWERED;
	return HF_OK;
}

/* One more piece of an answer. *ret_whole: that was the last, large holds all of it. */
static enum hf_err take_chunk(struct hf_spdm *s, const struct hf_spdm_request *r,
			      struct hf_spdm_answer *a, bool *ret_whole)
{
	struct hf_spdm_inside *in = s->inside;
	struct hf_spdm_chunk chunk;
	bool first = s->chunk_number == 0;

	if (a->version != r->version || a->code != HF_SPDM_ANSWER(r->code) ||
	    !hf_spdm_chunk_parse(a, first, &chunk) || chunk.handle != s->chunk_handle ||
	    chunk.number != s->chunk_number)
		return HF_ERR_SPDM_SHAPE;
	if (first && chunk.total > HF_SPDM_MESSAGE_MAX)
		return HF_ERR_LIMIT;
	if (first)
		in->large_total = chunk.total;
	if (chunk.data.len > in->large_total - in->large_have)
		return HF_ERR_SPDM_SHAPE;
	memcpy(in->large + in->large_have, chunk.data.ptr, chunk.data.len);
	in->large_have += chunk.data.len;
	if (chunk.last != (in->large_have == in->large_total))
		return HF_ERR_SPDM_SHAPE;
	s->chunk_number++;
	s->event = HF_SPDM_SAID_LARGE;
	*ret_whole = chunk.last;
	return HF_OK;
}

static enum hf_err take_whole(struct hf_spdm *s, const struct hf_spdm_request *original)
{
	struct hf_span whole = { s->inside->large, s->inside->large_have };
	struct hf_spdm_answer a;

	if (!hf_spdm_answer_parse(whole, false, &a))
		return HF_ERR_SPDM_SHAPE;
	return take_done(s, original, &a);
}

/* RESPOND_IF_READY and CHUNK_GET: the answer belongs to the request that waits. */
static enum hf_err take_follow_up(struct hf_spdm *s, const struct hf_spdm_request *r,
				  struct hf_spdm_answer *a)
{
	struct hf_spdm_inside *in = s->inside;
	bool chunk = r->code == HF_SPDM_CHUNK_GET, whole = false;
	struct hf_spdm_request original;
	enum hf_err err;

	if (in->pending != (chunk ? HF_SPDM_PENDING_CHUNK : HF_SPDM_PENDING_READY))
		return HF_ERR_TRANSCRIPT_SHAPE;
	err = hf_spdm_request_parse(in->pending_request, false, &original);
	if (err || original.version != r->version)
		return HF_ERR_TRANSCRIPT_SHAPE;
	if (chunk && (r->p2 != s->chunk_handle || r->chunk != s->chunk_number))
		return HF_ERR_TRANSCRIPT_SHAPE;
	if (!chunk && (r->p1 != s->not_ready_code || r->p2 != s->not_ready_token))
		return HF_ERR_TRANSCRIPT_SHAPE;
	if (a->code == HF_SPDM_ERROR) {
		if (chunk && (a->p1 == HF_SPDM_ERROR_NOT_READY || a->p1 == HF_SPDM_ERROR_LARGE_RESPONSE))
			return HF_ERR_SPDM_SHAPE;
		return take_error(s, &original, a);
	}
	if (!chunk)
		return take_done(s, &original, a);
	err = take_chunk(s, r, a, &whole);
	return err || !whole ? err : take_whole(s, &original);
}

static enum hf_err take_pair(struct hf_spdm *s, struct hf_span request, struct hf_span response)
{
	struct hf_spdm_inside *in = s->inside;
	struct hf_spdm_request r;
	struct hf_spdm_answer a;
	enum hf_err err = hf_spdm_request_parse(request, in->options.padded, &r);

	if (err)
		return err;
	if (!hf_spdm_answer_parse(response, in->options.padded, &a))
		return HF_ERR_SPDM_SHAPE;
	if (r.code == HF_SPDM_RESPOND_IF_READY || r.code == HF_SPDM_CHUNK_GET)
		return take_follow_up(s, &r, &a);
	if (!fits_stage(s, &r))
		return HF_ERR_TRANSCRIPT_SHAPE;
	drop_pending(s);
	begin_request(s, &r);
	if (r.nonce.len)
		err = take_nonce(s, r.nonce);
	if (err)
		return err;
	return a.code == HF_SPDM_ERROR ? take_error(s, &r, &a) : take_done(s, &r, &a);
}

enum hf_err hf_spdm_take(struct hf_spdm *s, struct hf_span request, struct hf_span response)
{
	struct hf_spdm_inside *in = s->inside;

	if (in->failed)
		return in->failed;
	s->event = HF_SPDM_NOTHING;
	s->error_code = s->error_data = 0;
	in->exchanges++;
	in->bytes += request.len + response.len;
	if (in->exchanges > HF_SPDM_EXCHANGES_MAX || request.len > HF_SPDM_MESSAGE_MAX ||
	    response.len > HF_SPDM_MESSAGE_MAX || in->bytes > HF_SPDM_TRANSCRIPT_MAX)
		in->failed = HF_ERR_LIMIT;
	else
		in->failed = take_pair(s, request, response);
	if (in->failed)
		s->event = HF_SPDM_NOTHING;
	return in->failed;
}
