/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EAR (draft-ietf-rats-ear) in CBOR: written here, read in result_read.c; result_check.c says what
 * a ticket is worth to a host. */
#include "measure/result_keys.h"

#define DEVELOPER "holdfast"
#define PART_ROOM 16u		/* bytes of a part's entry beside its path, at most */
#define FIXED_ROOM 2048u	/* bytes of keys, numbers, headers and signature, at most */

const char *hf_evidence_kind_name(enum hf_evidence_kind kind)
{
	switch (kind) {
	case HF_EVIDENCE_GATE:
		return "gate";
	case HF_EVIDENCE_TENANT:
		return "tenant";
	case HF_EVIDENCE_HELD:
		return "held";
	}
	return "gate";
}

const char *hf_release_kind_name(enum hf_release_kind kind)
{
	switch (kind) {
	case HF_RELEASE_NOTHING:
		return "nothing";
	case HF_RELEASE_TENANT:
		return "tenant";
	case HF_RELEASE_SERVICE:
		return "service";
	}
	return "nothing";
}

/* ---- parts: in the order of their encoding, each path once ---- */

static int compare(struct hf_span a, struct hf_span b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

static bool are_sorted(const struct hf_result *in)
{
	for (size_t i = 0; i < in->part_count; i++)
		if (hf_result_is_host(in->parts[i].path) ||
		    (i && compare(in->parts[i - 1].path, in->parts[i].path) >= 0))
			return false;
	return true;
}

/* The least path after last; the host has an entry of its own. Whoever gives them in that order
 * already saves the search. */
static const struct hf_result_part *part_after(const struct hf_result *in, bool sorted,
					       const struct hf_result_part *last)
{
	const struct hf_result_part *best = NULL;

	if (sorted) {
		best = last ? last + 1 : in->parts;
		return in->part_count && best < in->parts + in->part_count ? best : NULL;
	}
	for (size_t i = 0; i < in->part_count; i++) {
		const struct hf_result_part *p = &in->parts[i];

		if (hf_result_is_host(p->path) || (last && compare(p->path, last->path) <= 0))
			continue;
		if (!best || compare(p->path, best->path) < 0)
			best = p;
	}
	return best;
}

struct choice { size_t count, omitted, room; bool affirming, sorted; };

static size_t room_for_parts(const struct hf_result *in)
{
	size_t used = FIXED_ROOM + in->manifest_count * 40u + in->host.len + in->lease.len + in->cause.len +
		      in->place.len + in->detail.len + in->agent_image.len + in->verifier.len + in->mode.len;

	for (size_t i = 0; i < in->image_count; i++)
		used += in->images[i].name.len + 128;
	return used < HF_RESULT_MAX ? HF_RESULT_MAX - used : 0;
}

static bool fits(const struct choice *c, const struct hf_result_part *p, size_t used)
{
	return (c->affirming || p->status != HF_EAR_AFFIRMING) && p->path.len + PART_ROOM <= c->room - used;
}

static struct choice choose(const struct hf_result *in)
{
	struct choice c = { .room = room_for_parts(in), .affirming = true, .sorted = are_sorted(in) };
	size_t used = 0;

	for (size_t i = 0; i < in->part_count; i++)
		used += in->parts[i].path.len + PART_ROOM;
	c.affirming = used <= c.room;
	used = 0;
	for (const struct hf_result_part *p = part_after(in, c.sorted, NULL); p; p = part_after(in, c.sorted, p)) {
		if (!fits(&c, p, used)) {
			c.omitted++;
			continue;
		}
		used += p->path.len + PART_ROOM;
		c.count++;
	}
	return c;
}

/* ---- writing ---- */

static void put_tstr(struct hf_writer *w, unsigned key, struct hf_span text)
{
	if (!text.len)
		return;
	hf_cbor_put_uint(w, key);
	hf_cbor_put_tstr(w, text);
}

static void put_bstr(struct hf_writer *w, unsigned key, struct hf_span bytes)
{
	if (!bytes.len)
		return;
	hf_cbor_put_uint(w, key);
	hf_cbor_put_bstr(w, bytes);
}

static void put_uint(struct hf_writer *w, unsigned key, uint64_t value)
{
	if (!value)
		return;
	hf_cbor_put_uint(w, key);
	hf_cbor_put_uint(w, value);
}

static void put_images(struct hf_writer *w, const struct hf_result *in)
{
	if (!in->image_count)
		return;
	hf_cbor_put_uint(w, HF_RESULT_IMAGES);
	hf_cbor_put_array(w, in->image_count);
	for (size_t i = 0; i < in->image_count; i++) {
		hf_cbor_put_array(w, 1 + in->images[i].count);
		hf_cbor_put_tstr(w, in->images[i].name);
		for (size_t j = 0; j < in->images[i].count; j++)
			hf_cbor_put_bstr(w, in->images[i].digests[j]);
	}
}

static size_t count_own(const struct hf_result *in, size_t omitted)
{
	return 2u + (in->host.len != 0) + (in->reclaim.len != 0) + (in->ak_name.len != 0) +
	       (in->boot_key.len != 0) + (in->quote.len != 0) + (in->agent_image.len != 0) +
	       (in->manifest_count != 0) + (in->generation != 0) + (in->mode.len != 0) + (in->image_count != 0) +
	       (in->seconds != 0) + (in->cause.len != 0) + (in->place.len != 0) + (in->detail.len != 0) +
	       (in->lease.len != 0) + (in->part_count + in->omitted != 0) + (omitted != 0) + in->fallback;
}

static void put_own(struct hf_writer *w, const struct hf_result *in, size_t omitted)
{
	hf_cbor_put_map(w, count_own(in, omitted));
	put_tstr(w, HF_RESULT_HOST, in->host);
	put_bstr(w, HF_RESULT_RECLAIM, in->reclaim);
	put_bstr(w, HF_RESULT_AK_NAME, in->ak_name);
	put_bstr(w, HF_RESULT_BOOT_KEY, in->boot_key);
	put_bstr(w, HF_RESULT_QUOTE, in->quote);
	put_tstr(w, HF_RESULT_AGENT_IMAGE, in->agent_image);
	if (in->manifest_count) {
		hf_cbor_put_uint(w, HF_RESULT_MANIFESTS);
		hf_cbor_put_array(w, in->manifest_count);
		for (size_t i = 0; i < in->manifest_count; i++)
			hf_cbor_put_bstr(w, in->manifests[i]);
	}
	put_uint(w, HF_RESULT_GENERATION, in->generation);
	put_tstr(w, HF_RESULT_MODE, in->mode);
	put_tstr(w, HF_RESULT_RELEASE, hf_span_text(hf_release_kind_name(in->release)));
	put_images(w, in);
	put_uint(w, HF_RESULT_SECONDS, in->seconds);
	put_tstr(w, HF_RESULT_CAUSE, in->cause);
	put_tstr(w, HF_RESULT_PLACE, in->place);
	put_tstr(w, HF_RESULT_DETAIL, in->detail);
	put_tstr(w, HF_RESULT_KIND, hf_span_text(hf_evidence_kind_name(in->kind)));
	put_tstr(w, HF_RESULT_LEASE, in->lease);
	put_uint(w, HF_RESULT_PARTS, in->part_count + in->omitted);
	put_uint(w, HF_RESULT_OMITTED, omitted);
	if (in->fallback) {
		hf_cbor_put_uint(w, HF_RESULT_FALLBACK);
		hf_cbor_put_bool(w, true);
	}
}

static void put_host(struct hf_writer *w, const struct hf_result *in, size_t omitted)
{
	hf_cbor_put_text(w, "host");
	hf_cbor_put_map(w, 2);
	hf_cbor_put_uint(w, EAR_STATUS);
	hf_cbor_put_uint(w, in->status);
	hf_cbor_put_int(w, EAR_OWN);
	put_own(w, in, omitted);
}

static void put_submods(struct hf_writer *w, const struct hf_result *in)
{
	const struct hf_span host = hf_span_text("host");
	const struct choice c = choose(in);
	bool done = false;
	size_t used = 0;

	hf_cbor_put_map(w, 1 + c.count);
	for (const struct hf_result_part *p = part_after(in, c.sorted, NULL); p; p = part_after(in, c.sorted, p)) {
		if (!fits(&c, p, used))
			continue;
		used += p->path.len + PART_ROOM;
		if (!done && compare(p->path, host) > 0) {
			put_host(w, in, c.omitted + in->omitted);
			done = true;
		}
		hf_cbor_put_tstr(w, p->path);
		hf_cbor_put_map(w, 1);
		hf_cbor_put_uint(w, EAR_STATUS);
		hf_cbor_put_uint(w, p->status);
	}
	if (!done)
		put_host(w, in, c.omitted + in->omitted);
}

void hf_result_encode(const struct hf_result *in, struct hf_writer *w)
{
	hf_cbor_put_map(w, 4u + (in->nonce.len != 0));
	hf_cbor_put_uint(w, CLAIM_IAT);
	hf_cbor_put_int(w, in->time);
	put_bstr(w, CLAIM_NONCE, in->nonce);
	hf_cbor_put_uint(w, CLAIM_PROFILE);
	hf_cbor_put_text(w, HF_RESULT_PROFILE);
	hf_cbor_put_uint(w, CLAIM_SUBMODS);
	put_submods(w, in);
	hf_cbor_put_uint(w, CLAIM_VERIFIER);
	hf_cbor_put_map(w, 2);
	hf_cbor_put_uint(w, VERIFIER_DEVELOPER);
	hf_cbor_put_text(w, DEVELOPER);
	hf_cbor_put_uint(w, VERIFIER_BUILD);
	hf_cbor_put_tstr(w, in->verifier);
}

/* ---- both kinds of signed message ---- */

enum hf_err hf_statement_sign(const struct hf_key *key, const char *type, struct hf_span payload,
			      struct hf_writer *w)
{
	return hf_cose_sign(key, type, NULL, payload, w);
}

enum hf_err hf_statement_verify(const struct hf_key *key, const char *type, struct hf_span message,
				struct hf_span *ret_payload)
{
	struct hf_cose cose;
	enum hf_err err = hf_cose_parse(message, &cose);

	if (!err && cose.hash_envelope)
		err = HF_ERR_COSE_SHAPE;
	if (!err && !hf_span_equal(cose.content_type, hf_span_text(type)))
		err = HF_ERR_COSE_CONTENT_TYPE;
	if (!err)
		err = hf_cose_verify(&cose, key);
	if (!err)
		*ret_payload = cose.payload;
	return err;
}
