/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layout of what a requester sends, read back from a transcript. */
#include "pcie/spdm_inside.h"

static void parse_capabilities(struct hf_cursor *c, struct hf_spdm_request *r)
{
	if (r->version == 0x10)
		return;
	hf_take(c, 4);
	r->flags = hf_u32le(c);
	if (r->version >= 0x12)
		hf_take(c, 8);
}

static void parse_algorithms(struct hf_cursor *c, struct hf_spdm_request *r)
{
	size_t len = hf_u16le(c);

	r->measurement_spec = hf_u8(c);
	r->other = hf_u8(c);
	r->asym = hf_u32le(c);
	r->hash = hf_u32le(c);
	hf_take(c, 12);
	/* Extended algorithms: a registry of strangers. */
	c->bad |= hf_u16le(c) != 0;
	hf_take(c, 2);
	for (size_t i = 0; r->version >= 0x11 && i < r->p1 && !c->bad; i++) {
		hf_u8(c);
		c->bad |= hf_u8(c) != 0x20;
		hf_take(c, 2);
	}
	c->bad |= c->pos != len;
}

static void parse_certificate(struct hf_cursor *c, struct hf_spdm_request *r)
{
	r->slot = r->p1 & 15;
	r->large = r->version >= 0x14 && (r->p1 & 0x80);
	r->offset = hf_u16le(c);
	r->length = hf_u16le(c);
	if (r->large) {
		r->offset = hf_u32le(c);
		r->length = hf_u32le(c);
	}
	/* p2 of 1.3 and later: how much room a slot has, without its chain. */
	c->bad |= r->slot >= HF_SPDM_SLOTS || (r->version >= 0x13 && (r->p2 & 1));
}

static void parse_challenge(struct hf_cursor *c, struct hf_spdm_request *r)
{
	r->slot = r->p1;
	r->nonce = hf_take_span(c, HF_SPDM_NONCE);
	if (r->version >= 0x13)
		r->context = hf_take_span(c, HF_SPDM_CONTEXT);
	c->bad |= r->slot >= HF_SPDM_SLOTS || (r->p2 != 0 && r->p2 != 1 && r->p2 != 0xff);
}

static void parse_measurements(struct hf_cursor *c, struct hf_spdm_request *r)
{
	r->is_signed = r->p1 & 1;
	if (r->is_signed) {
		r->nonce = hf_take_span(c, HF_SPDM_NONCE);
		if (r->version >= 0x11)	/* 1.0: always 0 */
			r->slot = hf_u8(c) & 15;
	}
	if (r->version >= 0x13)
		r->context = hf_take_span(c, HF_SPDM_CONTEXT);
	c->bad |= r->slot >= HF_SPDM_SLOTS;
}

static bool parse_body(struct hf_cursor *c, struct hf_spdm_request *r)
{
	switch (r->code) {
	case HF_SPDM_GET_VERSION:
		return r->version == 0x10;
	case HF_SPDM_GET_CAPABILITIES:
		parse_capabilities(c, r);
		return true;
	case HF_SPDM_NEGOTIATE_ALGORITHMS:
		parse_algorithms(c, r);
		return true;
	case HF_SPDM_GET_DIGESTS:
	case HF_SPDM_RESPOND_IF_READY:
		return true;
	case HF_SPDM_GET_CERTIFICATE:
		parse_certificate(c, r);
		return true;
	case HF_SPDM_CHALLENGE:
		parse_challenge(c, r);
		return true;
	case HF_SPDM_GET_MEASUREMENTS:
		parse_measurements(c, r);
		return true;
	case HF_SPDM_CHUNK_GET:
		r->chunk = r->version >= 0x14 ? hf_u32le(c) : hf_u16le(c);
		return r->version >= 0x12;
	}
	return false;
}

enum hf_err hf_spdm_request_parse(struct hf_span bytes, bool padded, struct hf_spdm_request *ret)
{
	struct hf_cursor c = hf_cursor_at(bytes);
	struct hf_spdm_request r = { .version = hf_u8(&c) };

	r.code = hf_u8(&c);
	r.p1 = hf_u8(&c);
	r.p2 = hf_u8(&c);
	if (c.bad || r.version < 0x10 || r.version > 0x14 || !parse_body(&c, &r) || c.bad ||
	    hf_left(&c) > (padded ? 3 : 0))
		return HF_ERR_TRANSCRIPT_SHAPE;
	r.message = hf_span_part(bytes, 0, c.pos);
	*ret = r;
	return HF_OK;
}
