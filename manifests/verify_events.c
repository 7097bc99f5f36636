/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The payloads of BEGIN, END and CAP, read back. */
#include "manifests/verify.h"

static bool is(struct hf_span key, const char *text)
{
	return hf_span_equal(key, hf_span_text(text));
}

static struct hf_span text_or_null(struct hf_cbor *r)
{
	if (hf_cbor_peek(r) != HF_CBOR_NULL)
		return hf_cbor_tstr(r);
	hf_cbor_null(r);
	return (struct hf_span){ NULL, 0 };
}

static enum hf_mode mode(struct hf_cbor *r)
{
	struct hf_span word = hf_cbor_tstr(r);

	if (is(word, "audit"))
		return HF_MODE_AUDIT;
	if (!is(word, "enforce"))
		hf_cbor_fail(r, HF_ERR_EVENT_SHAPE);
	return HF_MODE_ENFORCE;
}

static enum hf_status status(struct hf_cbor *r)
{
	struct hf_span word = hf_cbor_tstr(r);

	for (enum hf_status s = HF_STATUS_ACCEPTED; s <= HF_STATUS_HELD; s++)
		if (is(word, hf_status_name(s)))
			return s;
	hf_cbor_fail(r, HF_ERR_EVENT_SHAPE);
	return HF_STATUS_HELD;
}

/* [[name, 32 bytes]...]: the encoded list, and how many. */
static struct hf_span pairs(struct hf_cbor *r, size_t *ret_count)
{
	struct hf_span list = hf_cbor_skip(r);
	struct hf_cbor inner = hf_cbor_at(list);
	size_t count = hf_cbor_array(&inner);

	for (size_t i = 0; i < count && !inner.err; i++) {
		if (hf_cbor_array(&inner) != 2)
			hf_cbor_fail(&inner, HF_ERR_EVENT_SHAPE);
		hf_cbor_tstr(&inner);
		if (hf_cbor_bstr(&inner).len != 32)
			hf_cbor_fail(&inner, HF_ERR_EVENT_SHAPE);
	}
	if (hf_cbor_end(&inner) != HF_OK)
		hf_cbor_fail(r, HF_ERR_EVENT_SHAPE);
	*ret_count = count;
	return list;
}

static struct hf_span boot_key(struct hf_cbor *r)
{
	struct hf_span key;

	if (hf_cbor_peek(r) == HF_CBOR_NULL) {
		hf_cbor_null(r);
		return (struct hf_span){ NULL, 0 };
	}
	key = hf_cbor_bstr(r);
	if (key.len != 32)
		hf_cbor_fail(r, HF_ERR_EVENT_SHAPE);
	return key;
}

static unsigned begin_field(struct hf_cbor *r, struct hf_span key, struct hf_begin_event *e)
{
	if (is(key, "mode"))
		return e->mode = mode(r), 1u << 0;
	if (is(key, "agent"))
		return e->agent = hf_cbor_tstr(r), 1u << 1;
	if (is(key, "model"))
		return e->model = text_or_null(r), 1u << 2;
	if (is(key, "policy"))
		return e->policy = hf_cbor_tstr(r), 1u << 3;
	if (is(key, "anchors"))
		return pairs(r, &e->anchor_count), 1u << 4;
	if (is(key, "boot-key"))
		return e->boot_key = boot_key(r), 1u << 5;
	if (is(key, "manifests"))
		return e->manifests = pairs(r, &e->manifest_count), 1u << 6;
	if (is(key, "generation"))
		return e->generation = hf_cbor_uint(r), 1u << 7;
	if (is(key, "command-line"))
		return e->command_line = hf_cbor_tstr(r), 1u << 8;
	if (is(key, "manifest-error"))
		return e->manifest_error = text_or_null(r), 1u << 9;
	hf_cbor_skip(r);
	return 0;
}

static enum hf_err finish(const struct hf_cbor *r, unsigned have, unsigned want)
{
	return hf_cbor_end(r) != HF_OK || have != want ? HF_ERR_EVENT_SHAPE : HF_OK;
}

enum hf_err hf_begin_parse(struct hf_span payload, struct hf_begin_event *ret)
{
	struct hf_cbor r = hf_cbor_at(payload);
	struct hf_begin_event e = { .generation = 0 };
	size_t count = hf_cbor_map(&r);
	unsigned have = 0;

	for (size_t i = 0; i < count && !r.err; i++) {
		struct hf_span key = hf_cbor_tstr(&r);

		have |= begin_field(&r, key, &e);
	}
	if (finish(&r, have, 0x3ff))
		return HF_ERR_EVENT_SHAPE;
	*ret = e;
	return HF_OK;
}

enum hf_err hf_end_parse(struct hf_span payload, struct hf_end_event *ret)
{
	struct hf_cbor r = hf_cbor_at(payload);
	struct hf_end_event e = { .verdict = HF_STATUS_HELD };
	size_t count = hf_cbor_map(&r);
	unsigned have = 0;

	for (size_t i = 0; i < count && !r.err; i++) {
		struct hf_span key = hf_cbor_tstr(&r);

		if (is(key, "mode")) {
			e.mode = mode(&r);
			have |= 1;
		} else if (is(key, "cause")) {
			e.cause = text_or_null(&r);
			have |= 2;
		} else if (is(key, "parts")) {
			struct hf_cbor parts = hf_cbor_at(hf_cbor_skip(&r));

			e.part_count = hf_cbor_array(&parts);
			if (parts.err)
				hf_cbor_fail(&r, HF_ERR_EVENT_SHAPE);
			have |= 4;
		} else if (is(key, "verdict")) {
			e.verdict = status(&r);
			have |= 8;
		} else {
			hf_cbor_skip(&r);
		}
	}
	if (finish(&r, have, 0xf))
		return HF_ERR_EVENT_SHAPE;
	*ret = e;
	return HF_OK;
}

static void take_image(struct hf_cbor *r, bool service, struct hf_cap_event *e)
{
	size_t count = hf_cbor_array(r);

	if (r->err == HF_OK && (e->image.count || (count != 1 && count != 3)))
		r->err = HF_ERR_EVENT_SHAPE;
	for (size_t i = 0; i < count && !r->err; i++)
		e->image.digests[i] = hf_cbor_bstr(r);
	e->image.count = count;
	e->service = service;
}

enum hf_err hf_cap_parse(struct hf_span payload, struct hf_cap_event *ret)
{
	struct hf_cbor r = hf_cbor_at(payload);
	struct hf_cap_event e = { .held = { NULL, 0 } };
	size_t count = hf_cbor_map(&r);

	for (size_t i = 0; i < count && !r.err; i++) {
		struct hf_span key = hf_cbor_tstr(&r);

		if (is(key, "held"))
			e.held = hf_cbor_tstr(&r);
		else if (is(key, "release"))
			e.release = hf_cbor_tstr(&r);
		else if (is(key, "ticket"))
			e.ticket = hf_cbor_bstr(&r);
		else if (is(key, "reclaim"))
			e.reclaim = hf_cbor_bstr(&r);
		else if (is(key, "fallback"))
			e.fallback = hf_cbor_tstr(&r);
		else if (is(key, "tenant") || is(key, "service"))
			take_image(&r, is(key, "service"), &e);
		else
			hf_cbor_skip(&r);
	}
	/* exactly one of the two */
	if (hf_cbor_end(&r) != HF_OK || (e.held.len != 0) == (e.release.len != 0))
		return HF_ERR_EVENT_SHAPE;
	/* by whom it was released: a ticket or the owner, or (policy local) by neither */
	if ((e.reclaim.len && !e.ticket.len) || (e.ticket.len && e.fallback.len) ||
	    (e.held.len && (e.ticket.len || e.fallback.len)))
		return HF_ERR_EVENT_SHAPE;
	*ret = e;
	return HF_OK;
}
