/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OCP SAFE short-form reports as CoRIM (opencomputeproject/OCP-Security-SAFE, *signed.cbor):
 *   98([h'', {}, payload, [[h'', {4: key id}, signature]]])    COSE_Sign, no algorithm: the
 *   key of the review provider says which
 *   payload: #6.501, profile #6.111 whose content is a DER OID with its header
 *   triple:  conditional endorsement: [[env, digests]] => [[env, the review]]
 *   class:   vendor and model in words; nobody's PCI id, so the anchor's scope names the device
 * The condition, a digest of the firmware that was reviewed, is the reference value; what the
 * review says of it (scope, issues) is for people and decides nothing. [pure] */
#include "manifests/adapters/adapters.h"

#include <stdio.h>

#define TAG_COSE_SIGN 98
#define REVIEW (-1)		/* measurement-values-map: the OCP profile's review */
#define REVIEW_FIRMWARE 4	/* [ + {0: {0: version}, 1: digests} ] */

static const uint8_t profile_oid[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xf4, 0x17, 0x01, 0x01 };

/* [protected, unprotected, signature]; one, and it protects nothing. */
static void read_signature(struct hf_cbor *r, struct hf_cose *cose)
{
	size_t count;

	if (hf_cbor_array(r) != 1 || hf_cbor_array(r) != 3)
		hf_cbor_fail(r, HF_ERR_COSE_SHAPE);
	if (hf_cbor_bstr(r).len)
		hf_cbor_fail(r, HF_ERR_COSE_SHAPE);
	count = hf_cbor_map(r);
	for (size_t i = 0; i < count && !r->err; i++) {
		if (hf_cbor_int(r) == 4)
			cose->kid = hf_cbor_bstr(r);
		else
			hf_cbor_fail(r, HF_ERR_COSE_SHAPE);
	}
	cose->signature = hf_cbor_bstr(r);
}

static enum hf_err open_envelope(struct hf_span in, const struct hf_key *key, struct hf_cose *ret)
{
	struct hf_cose cose = { .multi = true, .alg = hf_key_alg(key) };
	struct hf_cbor r = hf_cbor_at(in);

	if (in.len > HF_COSE_MAX)
		return HF_ERR_FILE_TOO_LARGE;
	if (hf_cbor_peek(&r) != HF_CBOR_TAG || hf_cbor_tag(&r) != TAG_COSE_SIGN ||
	    hf_cbor_array(&r) != 4)
		return HF_ERR_COSE_SHAPE;
	if (hf_cbor_bstr(&r).len || hf_cbor_map(&r))
		hf_cbor_fail(&r, HF_ERR_COSE_SHAPE);
	cose.payload = hf_cbor_bstr(&r);
	read_signature(&r, &cose);
	if (hf_cbor_end(&r))
		return HF_ERR_COSE_SHAPE;
	*ret = cose;
	return HF_OK;
}

/* There are none, and no time with them. */
static enum hf_err headers(const struct hf_cose *cose, int64_t now)
{
	(void)now;
	return cose->meta.len || cose->cwt.len ? HF_ERR_COSE_META : HF_OK;
}

static bool is_profile(struct hf_span profile)
{
	struct hf_cbor r = hf_cbor_at(profile);
	struct hf_span oid;

	if (hf_cbor_peek(&r) != HF_CBOR_TAG || hf_cbor_tag(&r) != HF_TAG_OID)
		return false;
	oid = hf_cbor_bstr(&r);
	if (hf_cbor_end(&r))
		return false;
	if (oid.len == sizeof(profile_oid) + 2 && oid.ptr[0] == 0x06 &&
	    oid.ptr[1] == sizeof(profile_oid))
		oid = (struct hf_span){ oid.ptr + 2, oid.len - 2 };
	return hf_span_equal(oid, (struct hf_span){ profile_oid, sizeof(profile_oid) });
}

/* [ [conditions, endorsements] ]: one, as one report is of one device */
static enum hf_err open_conditional(struct hf_span conditional, struct hf_span *ret_conditions,
				    struct hf_span *ret_endorsements)
{
	struct hf_cbor r = { .in = conditional, .lenient = true };
	struct hf_span conditions, endorsements;

	if (hf_cbor_array(&r) != 1 || hf_cbor_array(&r) != 2)
		hf_cbor_fail(&r, HF_ERR_CORIM_SHAPE);
	conditions = hf_cbor_skip(&r);
	endorsements = hf_cbor_skip(&r);
	if (hf_cbor_end(&r))
		return HF_ERR_CORIM_SHAPE;
	*ret_conditions = conditions;
	*ret_endorsements = endorsements;
	return HF_OK;
}

static void read_review(struct hf_cbor *r, struct hf_span *version)
{
	size_t count = hf_cbor_map(r), list, fields;

	for (size_t i = 0; i < count && !r->err; i++) {
		if (hf_cbor_int(r) != REVIEW_FIRMWARE) {
			hf_cbor_skip(r);
			continue;
		}
		list = hf_cbor_array(r);
		for (size_t k = 0; k < list && !r->err; k++) {
			fields = hf_cbor_map(r);
			for (size_t f = 0; f < fields && !r->err; f++) {
				if (hf_cbor_int(r) == 0 && version->len == 0) {
					struct hf_cbor v = hf_cbor_at(hf_cbor_skip(r));

					if (hf_cbor_map(&v) && hf_cbor_int(&v) == 0)
						*version = hf_cbor_tstr(&v);
				} else {
					hf_cbor_skip(r);
				}
			}
		}
	}
}

/* The version of the reviewed firmware: a name for the release. */
static struct hf_span reviewed_version(struct hf_span endorsements)
{
	struct hf_comid comid = { .references = { .in = endorsements, .lenient = true } };
	struct hf_span version = { 0 };
	struct hf_reference_triple triple;
	struct hf_measured m;

	if (hf_cbor_array(&comid.references) == 0 || hf_comid_next(&comid, &triple) ||
	    hf_triple_next(&triple, &m) || !m.own[-REVIEW].len)
		return version;
	struct hf_cbor review = { .in = m.own[-REVIEW], .lenient = true };

	read_review(&review, &version);
	return review.err ? (struct hf_span){ 0 } : version;
}

static enum hf_err read_condition(struct hf_dialect *d, struct hf_reference_triple *triple,
				  struct hf_environment *env)
{
	struct hf_measured m;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < triple->measurement_count && !err; i++) {
		char mkey[32] = "firmware";

		if (triple->measurement_count > 1)
			snprintf(mkey, sizeof(mkey), "firmware/%zu", i);
		err = hf_triple_next(triple, &m);
		if (!err && (m.mkey_type != HF_CBOR_NONE || m.raw.len))
			err = HF_ERR_CORIM_SHAPE;
		if (!err)
			err = hf_dialect_reference(d, env, mkey, &m);
	}
	return err;
}

static enum hf_err read_report(struct hf_dialect *d, struct hf_comid *comid, struct hf_span version)
{
	struct hf_match match = { .any_class = true, .vendor = d->scope->vendor,
				  .device = d->scope->device };
	char component[2 * HF_NAME_MAX], model[HF_NAME_MAX + 1], release[HF_NAME_MAX + 1];
	struct hf_reference_triple triple;
	struct hf_environment *env;
	enum hf_err err = hf_comid_next(comid, &triple);

	if (!d->scope->has_device || d->scope->has_subsystem_vendor)
		return HF_ERR_SIGNER_SCOPE;
	if (err)
		return err;
	if (comid->reference_count != 1 || triple.other || triple.class_id.len ||
	    triple.instance.len || !triple.vendor.len)
		return HF_ERR_CORIM_SHAPE;
	err = hf_dialect_text(triple.model, model, sizeof(model));
	if (!err)
		err = hf_dialect_text(version.len ? version : comid->tag_id, release, sizeof(release));
	if (err)
		return err;
	snprintf(component, sizeof(component), "%s %s", d->anchor, model);
	err = hf_dialect_release(d, component, release, &match, &env);
	return err ? err : read_condition(d, &triple, env);
}

static enum hf_err decode(struct hf_dialect *d, struct hf_span payload)
{
	struct hf_cbor r = { .in = payload, .lenient = true };
	struct hf_span map, conditions, endorsements;
	struct hf_dialect_corim corim;
	struct hf_dialect_comid parts;
	struct hf_comid comid;
	enum hf_err err;

	if (hf_cbor_tag(&r) != HF_TAG_CORIM)
		return HF_ERR_CORIM_SHAPE;
	err = hf_dialect_corim((struct hf_span){ payload.ptr + r.pos, payload.len - r.pos }, &corim);
	if (!err && !is_profile(corim.profile))
		err = HF_ERR_CORIM_PROFILE;
	if (!err)
		err = hf_dialect_one_tag(corim.tags, &map);
	if (!err)
		err = hf_dialect_comid(map, &parts);
	if (!err && (parts.references.len || parts.endorsed.len))
		err = HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if (!err)
		err = open_conditional(parts.conditional, &conditions, &endorsements);
	if (!err)	/* a stateful environment has the shape of a reference triple */
		err = hf_dialect_strict(d, &corim, parts.identity, conditions, &comid);
	return err ? err : read_report(d, &comid, reviewed_version(endorsements));
}

const struct hf_adapter hf_adapter_ocp_safe = {
	.name = "ocp-safe",
	.open = open_envelope,
	.headers = headers,
	.decode = decode,
};
