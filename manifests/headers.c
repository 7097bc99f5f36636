/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The headers of a signed CoRIM that say who signs, and for how long. */
#include "manifests/trust.h"

static int64_t take_time(struct hf_cbor *r, bool tagged)
{
	if (tagged && hf_cbor_tag(r) != 1)
		hf_cbor_fail(r, HF_ERR_COSE_META);
	return hf_cbor_int(r);
}

/* corim-meta-map { 0: { 0: name, ?1: uri }, ?1: { ?0: not-before, 1: not-after } } */
static enum hf_err read_meta(struct hf_span meta, struct hf_span *ret_name, struct hf_corim *ret)
{
	struct hf_cbor r = hf_cbor_at(meta);
	struct hf_corim validity = { 0 };
	struct hf_span name = { 0 };
	size_t inner, count = hf_cbor_map(&r);

	for (size_t i = 0; i < count && !r.err; i++) {
		int64_t key = hf_cbor_int(&r);

		if (key != 0 && key != 1) {
			hf_cbor_skip(&r);
			continue;
		}
		inner = hf_cbor_map(&r);
		for (size_t k = 0; k < inner && !r.err; k++) {
			int64_t field = hf_cbor_int(&r);

			if (key == 0 && field == 0) {
				name = hf_cbor_tstr(&r);
			} else if (key == 1 && field == 0) {
				validity.has_not_before = true;
				validity.not_before = take_time(&r, true);
			} else if (key == 1 && field == 1) {
				validity.has_validity = true;
				validity.not_after = take_time(&r, true);
			} else {
				hf_cbor_skip(&r);
			}
		}
	}
	if (hf_cbor_end(&r) || name.len == 0 ||
	    (validity.has_not_before && !validity.has_validity))
		return HF_ERR_COSE_META;
	*ret_name = name;
	*ret = validity;
	return HF_OK;
}

/* CWT claims beside corim-meta must name the same signer, and alone they name him (draft
 * 11, section 4.2.3); exp and nbf hold like the other validity. name empty: alone. */
static enum hf_err read_cwt(struct hf_span cwt, struct hf_span name, struct hf_corim *ret)
{
	struct hf_cbor r = hf_cbor_at(cwt);
	struct hf_corim validity = { 0 };
	size_t count = hf_cbor_map(&r);
	struct hf_span issuer = { 0 };

	for (size_t i = 0; i < count && !r.err; i++) {
		if (hf_cbor_peek(&r) == HF_CBOR_TSTR) {
			hf_cbor_skip(&r);
			hf_cbor_skip(&r);
			continue;
		}
		switch (hf_cbor_int(&r)) {
		case 1:
			issuer = hf_cbor_tstr(&r);
			break;
		case 4:
			validity.has_validity = true;
			validity.not_after = take_time(&r, false);
			break;
		case 5:
			validity.has_not_before = true;
			validity.not_before = take_time(&r, false);
			break;
		default:
			hf_cbor_skip(&r);
		}
	}
	if (hf_cbor_end(&r) || issuer.len == 0 || (name.len && !hf_span_equal(issuer, name)))
		return HF_ERR_COSE_META;
	if (validity.has_not_before && !validity.has_validity) {
		validity.has_validity = true;
		validity.not_after = INT64_MAX;
	}
	*ret = validity;
	return HF_OK;
}

enum hf_err hf_manifest_headers(const struct hf_cose *cose, int64_t now)
{
	struct hf_span name = { 0 };
	struct hf_corim validity = { 0 };
	enum hf_err err = HF_OK;

	if (cose->meta.len == 0 && cose->cwt.len == 0)	/* nobody says who signs */
		return HF_ERR_COSE_META;
	if (cose->meta.len)
		err = read_meta(cose->meta, &name, &validity);
	if (!err && cose->meta.len)
		err = hf_corim_valid_at(&validity, now);
	if (!err && cose->cwt.len)
		err = read_cwt(cose->cwt, name, &validity);
	if (!err && cose->cwt.len)
		err = hf_corim_valid_at(&validity, now);
	return err;
}

static void sooner(const struct hf_corim *validity, int64_t *until)
{
	if (validity->has_validity && validity->not_after < INT64_MAX &&
	    (*until == 0 || validity->not_after < *until))
		*until = validity->not_after;
}

int64_t hf_manifest_until(const struct hf_cose *cose, struct hf_span content)
{
	struct hf_corim validity = { 0 };
	struct hf_span name = { 0 };
	int64_t until = 0;

	if (cose->meta.len && read_meta(cose->meta, &name, &validity) == HF_OK)
		sooner(&validity, &until);
	if (cose->cwt.len && read_cwt(cose->cwt, name, &validity) == HF_OK)
		sooner(&validity, &until);
	if (hf_corim_open(content.len ? content : cose->payload, &validity) == HF_OK)
		sooner(&validity, &until);
	return until;
}
