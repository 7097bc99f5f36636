/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reading half of result.c. hf_cbor_map has each map's keys ascend, so that none comes twice. */
#include "measure/result_keys.h"

static enum hf_ear_status status(struct hf_cbor *r)
{
	uint64_t value = hf_cbor_uint(r);

	if (value != HF_EAR_NONE && value != HF_EAR_AFFIRMING && value != HF_EAR_WARNING &&
	    value != HF_EAR_CONTRAINDICATED)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
	return (enum hf_ear_status)value;
}

#define NONCE_MAX 64	/* bytes, RFC 9711 section 4.1 */

static struct hf_span sized(struct hf_cbor *r, size_t len)
{
	struct hf_span bytes = hf_cbor_bstr(r);

	if (bytes.len != len)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
	return bytes;
}

static void read_manifests(struct hf_cbor *r, struct hf_result *out)
{
	size_t count = hf_cbor_array(r);

	if (count > HF_RESULT_MANIFESTS_MAX)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
	for (size_t i = 0; i < count && !r->err; i++)
		out->manifests[out->manifest_count++] = sized(r, 32);
}

static void read_images(struct hf_cbor *r, struct hf_result *out)
{
	size_t count = hf_cbor_array(r);

	if (count > HF_RESULT_IMAGES_MAX)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
	for (size_t i = 0; i < count && !r->err; i++) {
		struct hf_result_image *image = &out->images[out->image_count++];
		size_t items = hf_cbor_array(r);

		if (items != 4 && items != 2)
			hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
		image->name = hf_cbor_tstr(r);
		while (!r->err && image->count + 1 < items)
			image->digests[image->count++] = sized(r, 32);
	}
}

static void read_release(struct hf_cbor *r, struct hf_result *out)
{
	struct hf_span word = hf_cbor_tstr(r);

	for (enum hf_release_kind k = HF_RELEASE_NOTHING; k <= HF_RELEASE_SERVICE; k++)
		if (hf_span_equal(word, hf_span_text(hf_release_kind_name(k)))) {
			out->release = k;
			return;
		}
	hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
}

static void read_kind(struct hf_cbor *r, struct hf_result *out)
{
	struct hf_span word = hf_cbor_tstr(r);

	for (enum hf_evidence_kind k = HF_EVIDENCE_GATE; k <= HF_EVIDENCE_HELD; k++)
		if (hf_span_equal(word, hf_span_text(hf_evidence_kind_name(k)))) {
			out->kind = k;
			return;
		}
	hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
}

static void read_omitted(struct hf_cbor *r, struct hf_result *out)
{
	uint64_t count = hf_cbor_uint(r);

	if (count > UINT32_MAX)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
	out->omitted = (size_t)count;
}

static void read_own_field(struct hf_cbor *r, int64_t key, struct hf_result *out)
{
	switch (key) {
	case HF_RESULT_HOST: out->host = hf_cbor_tstr(r); return;
	case HF_RESULT_RECLAIM: out->reclaim = sized(r, HF_WIRE_ID); return;
	case HF_RESULT_AK_NAME: out->ak_name = sized(r, 34); return;
	case HF_RESULT_BOOT_KEY: out->boot_key = sized(r, 32); return;
	case HF_RESULT_QUOTE: out->quote = sized(r, 32); return;
	case HF_RESULT_AGENT_IMAGE: out->agent_image = hf_cbor_tstr(r); return;
	case HF_RESULT_MANIFESTS: read_manifests(r, out); return;
	case HF_RESULT_GENERATION: out->generation = hf_cbor_uint(r); return;
	case HF_RESULT_MODE: out->mode = hf_cbor_tstr(r); return;
	case HF_RESULT_RELEASE: read_release(r, out); return;
	case HF_RESULT_IMAGES: read_images(r, out); return;
	case HF_RESULT_SECONDS: out->seconds = hf_cbor_uint(r); return;
	case HF_RESULT_CAUSE: out->cause = hf_cbor_tstr(r); return;
	case HF_RESULT_PLACE: out->place = hf_cbor_tstr(r); return;
	case HF_RESULT_DETAIL: out->detail = hf_cbor_tstr(r); return;
	case HF_RESULT_KIND: read_kind(r, out); return;
	case HF_RESULT_LEASE: out->lease = hf_cbor_tstr(r); return;
	case HF_RESULT_OMITTED: read_omitted(r, out); return;
	case HF_RESULT_FALLBACK: out->fallback = hf_cbor_bool(r); return;
	default: hf_cbor_skip(r); return;
	}
}

static void read_own(struct hf_cbor *r, struct hf_result *out)
{
	size_t count = hf_cbor_map(r);
	unsigned have = 0;

	for (size_t i = 0; i < count && !r->err; i++) {
		int64_t key = hf_cbor_int(r);

		have |= (key == HF_RESULT_RELEASE ? 1u : 0) | (key == HF_RESULT_KIND ? 2u : 0);
		read_own_field(r, key, out);
	}
	if (have != 3)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
}

static void read_host(struct hf_cbor *r, struct hf_result *out)
{
	size_t count = hf_cbor_map(r);
	unsigned have = 0;

	for (size_t i = 0; i < count && !r->err; i++) {
		int64_t key = hf_cbor_int(r);

		if (key == EAR_STATUS) {
			out->status = status(r);
			have |= 1;
		} else if (key == EAR_OWN) {
			read_own(r, out);
			have |= 2;
		} else {
			hf_cbor_skip(r);
		}
	}
	if (have != 3)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
}

static enum hf_ear_status read_part(struct hf_cbor *r)
{
	size_t count = hf_cbor_map(r);
	enum hf_ear_status found = HF_EAR_NONE;
	bool has = false;

	for (size_t i = 0; i < count && !r->err; i++) {
		if (hf_cbor_int(r) == EAR_STATUS) {
			found = status(r);
			has = true;
		} else {
			hf_cbor_skip(r);
		}
	}
	if (!has)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
	return found;
}

static void read_submods(struct hf_cbor *r, struct hf_arena *arena, struct hf_result *out)
{
	size_t count = hf_cbor_map(r);
	struct hf_result_part *parts = r->err ? NULL : hf_arena_take(arena, (count + 1) * sizeof(*parts));
	bool host = false;

	if (!parts)
		hf_cbor_fail(r, HF_ERR_LIMIT);
	out->parts = parts;
	for (size_t i = 0; i < count && !r->err; i++) {
		struct hf_span path = hf_cbor_tstr(r);

		if (hf_result_is_host(path)) {
			read_host(r, out);
			host = true;
		} else {
			parts[out->part_count].path = path;
			parts[out->part_count++].status = read_part(r);
		}
	}
	if (!host)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
}

static void read_verifier(struct hf_cbor *r, struct hf_result *out)
{
	size_t count = hf_cbor_map(r);

	for (size_t i = 0; i < count && !r->err; i++) {
		if (hf_cbor_int(r) == VERIFIER_BUILD)
			out->verifier = hf_cbor_tstr(r);
		else
			hf_cbor_skip(r);
	}
	if (!out->verifier.len)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
}

static void read_nonce(struct hf_cbor *r, struct hf_result *out)
{
	out->nonce = hf_cbor_bstr(r);
	if (out->nonce.len == 0 || out->nonce.len > NONCE_MAX)
		hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
}

static unsigned read_claim(struct hf_cbor *r, int64_t key, struct hf_arena *arena, struct hf_result *out)
{
	switch (key) {
	case CLAIM_IAT:
		return out->time = hf_cbor_int(r), 1;
	case CLAIM_NONCE:
		return read_nonce(r, out), 0;
	case CLAIM_PROFILE:
		if (!hf_span_equal(hf_cbor_tstr(r), hf_span_text(HF_RESULT_PROFILE)))
			hf_cbor_fail(r, HF_ERR_RESULT_SHAPE);
		return 2;
	case CLAIM_SUBMODS:
		return read_submods(r, arena, out), 4;
	case CLAIM_VERIFIER:
		return read_verifier(r, out), 8;
	default:
		return hf_cbor_skip(r), 0;
	}
}

/* A ticket says for whom, for which boot and quote, and what; anything else releases nothing. */
static bool is_whole(const struct hf_result *r)
{
	if (r->release == HF_RELEASE_NOTHING)
		return !r->image_count && !r->seconds;
	return r->host.len && r->reclaim.len && r->ak_name.len && r->boot_key.len && r->quote.len &&
	       r->nonce.len && r->image_count && r->seconds && r->kind == HF_EVIDENCE_GATE &&
	       (r->release == HF_RELEASE_SERVICE || r->status == HF_EAR_AFFIRMING || r->status == HF_EAR_WARNING);
}

enum hf_err hf_result_decode(struct hf_span payload, struct hf_arena *arena, struct hf_result *ret)
{
	struct hf_cbor r = hf_cbor_at(payload);
	struct hf_result *out = hf_arena_take(arena, sizeof(*out));
	size_t count;
	unsigned have = 0;

	if (!out || payload.len > HF_RESULT_MAX)
		return HF_ERR_LIMIT;
	*out = (struct hf_result){ 0 };
	count = hf_cbor_map(&r);
	for (size_t i = 0; i < count && !r.err; i++) {
		int64_t key = hf_cbor_int(&r);

		have |= read_claim(&r, key, arena, out);
	}
	if (hf_cbor_end(&r) != HF_OK)
		return hf_cbor_end(&r);
	if (have != 15 || out->time < 0 || !is_whole(out))
		return HF_ERR_RESULT_SHAPE;
	*ret = *out;
	return HF_OK;
}
