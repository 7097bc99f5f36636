/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Agilex as Altera (Intel) signs it (tsci.intel.com, *.rim), an early draft of CoRIM:
 *   500(502(18([{1, 3, 4, 8}, {}, payload, signature])))
 *   header 8: the signer is an array of maps, time is #6.0, text; the key id says nothing
 *   payload:  #6.501 with the profile in an array
 *   class:    an OID or a model, with layer and index; nobody's PCI id, so the anchor's scope
 *             names the device
 *   mval:     digests by Named Information ids, often with an SVN beside them that they
 *             imply; raw values with the mask in key 5
 *   version:  in an endorsed value: it names the release and decides nothing [pure] */
#include "manifests/adapters/adapters.h"

#include <stdio.h>

#define LAYER_MAX 255

static const uint8_t profile_oid[] = { 0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x4d, 0x01, 0x0f, 0x06 };

static enum hf_err open_envelope(struct hf_span in, const struct hf_key *key, struct hf_cose *ret)
{
	struct hf_cose cose;
	enum hf_err err = hf_cose_parse(hf_dialect_unwrap(in), &cose);

	(void)key;
	if (!err && (cose.hash_envelope ||
		     !hf_span_equal(cose.content_type, hf_span_text(HF_CORIM_CONTENT_TYPE))))
		err = HF_ERR_COSE_CONTENT_TYPE;
	if (!err)
		*ret = cose;
	return err;
}

static bool digits(struct hf_span text, size_t at, size_t count, int64_t *ret)
{
	int64_t value = 0;

	for (size_t i = at; i < at + count; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = 10 * value + text.ptr[i] - '0';
	}
	*ret = value;
	return true;
}

/* "2023-09-30T23:59:59Z" */
static bool parse_time(struct hf_span t, int64_t *ret)
{
	int64_t y, mon, d, h, min, s, days;

	if (t.len != 20 || t.ptr[4] != '-' || t.ptr[7] != '-' || t.ptr[10] != 'T' ||
	    t.ptr[13] != ':' || t.ptr[16] != ':' || t.ptr[19] != 'Z' ||
	    !digits(t, 0, 4, &y) || !digits(t, 5, 2, &mon) || !digits(t, 8, 2, &d) ||
	    !digits(t, 11, 2, &h) || !digits(t, 14, 2, &min) || !digits(t, 17, 2, &s))
		return false;
	if (mon < 1 || mon > 12 || d < 1 || d > 31 || h > 23 || min > 59 || s > 59)
		return false;
	y -= mon <= 2;		/* years from March: the leap day comes last */
	mon = mon > 2 ? mon - 3 : mon + 9;
	days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * mon + 2) / 5 + d - 1 - 719468;
	*ret = ((days * 24 + h) * 60 + min) * 60 + s;
	return true;
}

static int64_t read_time(struct hf_cbor *r)
{
	int64_t time = 0;

	if (hf_cbor_tag(r) != 0 || !parse_time(hf_cbor_tstr(r), &time))
		hf_cbor_fail(r, HF_ERR_COSE_META);
	return time;
}

static void read_validity(struct hf_cbor *r, struct hf_corim *validity)
{
	size_t count = hf_cbor_map(r);

	for (size_t i = 0; i < count && !r->err; i++) {
		switch (hf_cbor_int(r)) {
		case 0:
			validity->has_not_before = true;
			validity->not_before = read_time(r);
			break;
		case 1:
			validity->has_validity = true;
			validity->not_after = read_time(r);
			break;
		default:
			hf_cbor_fail(r, HF_ERR_COSE_META);
		}
	}
	if (!validity->has_validity)
		hf_cbor_fail(r, HF_ERR_COSE_META);
}

static enum hf_err headers(const struct hf_cose *cose, int64_t now)
{
	struct hf_cbor r = hf_cbor_at(cose->meta);
	struct hf_corim validity = { 0 };
	size_t count = hf_cbor_map(&r);
	bool named = false;

	for (size_t i = 0; i < count && !r.err; i++) {
		switch (hf_cbor_int(&r)) {
		case 0:
			named = hf_cbor_peek(&r) == HF_CBOR_ARRAY;
			hf_cbor_skip(&r);
			break;
		case 1:
			read_validity(&r, &validity);
			break;
		default:
			hf_cbor_fail(&r, HF_ERR_COSE_META);
		}
	}
	if (hf_cbor_end(&r) || !named || cose->cwt.len)
		return HF_ERR_COSE_META;
	return hf_corim_valid_at(&validity, now);
}

/* [ #6.111(oid) ] */
static bool is_profile(struct hf_span profile)
{
	struct hf_cbor r = hf_cbor_at(profile);
	struct hf_span oid;

	if (hf_cbor_array(&r) != 1 || hf_cbor_tag(&r) != HF_TAG_OID)
		return false;
	oid = hf_cbor_bstr(&r);
	return !hf_cbor_end(&r) &&
	       hf_span_equal(oid, (struct hf_span){ profile_oid, sizeof(profile_oid) });
}

/* The version of the first endorsed value, if it has one: [[env, [{1: {0: {0: text}}}]]] */
static struct hf_span endorsed_version(struct hf_span endorsed)
{
	struct hf_reference_triple triple;
	struct hf_measured m;
	struct hf_comid comid = { .references = { .in = endorsed, .lenient = true } };

	if (!endorsed.len || hf_cbor_array(&comid.references) == 0 ||
	    hf_comid_next(&comid, &triple) || hf_triple_next(&triple, &m))
		return (struct hf_span){ 0 };
	return m.version;
}

/* Content octets of an OID as dotted numbers. */
static enum hf_err oid_text(struct hf_span oid, char *out, size_t cap)
{
	uint64_t value = 0;
	size_t len = 0;
	bool first = true;

	for (size_t i = 0; i < oid.len; i++) {
		if (value > UINT32_MAX)
			return HF_ERR_CORIM_SHAPE;
		value = value << 7 | (oid.ptr[i] & 0x7f);
		if (oid.ptr[i] & 0x80)
			continue;
		if (first) {
			unsigned root = value < 80 ? (unsigned)value / 40 : 2;

			len += (size_t)snprintf(out, cap, "%u", root);
			value -= 40 * root;
			first = false;
		}
		len += (size_t)snprintf(out + len, cap - len, ".%llu", (unsigned long long)value);
		if (len >= cap)
			return HF_ERR_CORIM_SHAPE;
		value = 0;
	}
	return first || value ? HF_ERR_CORIM_SHAPE : HF_OK;
}

/* "tcb/OID" or "tcb/MODEL", then "/LAYER" and "/INDEX" where they are */
static enum hf_err mkey_of(const struct hf_reference_triple *t, char out[static HF_MKEY_MAX + 1])
{
	char what[48], layer[8] = "", index[16] = "";
	enum hf_err err = t->class_oid.len ? oid_text(t->class_oid, what, sizeof(what))
					   : hf_dialect_text(t->model, what, sizeof(what));
	int n;

	if (err)
		return err;
	if (t->layer > LAYER_MAX || t->index > UINT32_MAX || strchr(what, ' '))
		return HF_ERR_CORIM_SHAPE;
	if (t->has_layer)
		snprintf(layer, sizeof(layer), "/%u", (unsigned)t->layer);
	if (t->has_index)
		snprintf(index, sizeof(index), "/%u", (unsigned)t->index);
	n = snprintf(out, HF_MKEY_MAX + 1, "tcb/%s%s%s", what, layer, index);
	return n < 0 || n > HF_MKEY_MAX ? HF_ERR_CORIM_SHAPE : HF_OK;
}

static enum hf_err read_triple(struct hf_dialect *d, struct hf_reference_triple *triple,
			       struct hf_environment *env)
{
	char mkey[HF_MKEY_MAX + 1];
	struct hf_measured m;
	enum hf_err err = mkey_of(triple, mkey);

	if (!hf_span_is(triple->vendor, "intel.com") || triple->class_id.len ||
	    triple->instance.len || triple->measurement_count != 1)
		return HF_ERR_CORIM_SHAPE;
	if (!err)
		err = hf_triple_next(triple, &m);
	if (!err && m.mkey_type != HF_CBOR_NONE)
		err = HF_ERR_CORIM_SHAPE;
	return err ? err : hf_dialect_reference(d, env, mkey, &m);
}

static enum hf_err read_release(struct hf_dialect *d, struct hf_comid *comid, struct hf_span version)
{
	struct hf_match match = { .any_class = true, .vendor = d->scope->vendor,
				  .device = d->scope->device };
	char component[HF_NAME_MAX + 32], release[HF_NAME_MAX + 16], text[64] = "untitled";
	struct hf_reference_triple triple;
	struct hf_environment *env = NULL;
	enum hf_err err = HF_OK;

	if (!d->scope->has_device)	/* the file does not say which device is meant */
		return HF_ERR_SIGNER_SCOPE;
	if (d->scope->has_subsystem_vendor || comid->tag_id.len != 16)
		return d->scope->has_subsystem_vendor ? HF_ERR_SIGNER_SCOPE : HF_ERR_CORIM_SHAPE;
	if (version.len)
		err = hf_dialect_text(version, text, sizeof(text));
	/* the version is that of the device's firmware, also in a design's file: not enough */
	snprintf(release, sizeof(release), "%s %08llx", text,
		 (unsigned long long)hf_be(comid->tag_id.ptr, 4));
	for (size_t i = 0; i < comid->reference_count && !err; i++) {
		err = hf_comid_next(comid, &triple);
		if (!err && i == 0) {
			snprintf(component, sizeof(component), "%s %04x:%04x %s", d->anchor,
				 match.vendor, match.device,
				 triple.class_oid.len ? "design" : "firmware");
			err = hf_dialect_release(d, component, release, &match, &env);
		}
		if (!err)
			err = read_triple(d, &triple, env);
	}
	return err;
}

static enum hf_err decode(struct hf_dialect *d, struct hf_span payload)
{
	struct hf_cbor r = { .in = payload, .lenient = true };
	struct hf_dialect_corim corim;
	struct hf_dialect_comid parts;
	struct hf_comid comid;
	struct hf_span map;
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
	if (!err && parts.conditional.len)
		err = HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if (!err)
		err = hf_dialect_strict(d, &corim, parts.identity, parts.references, &comid);
	return err ? err : read_release(d, &comid, endorsed_version(parts.endorsed));
}

const struct hf_adapter hf_adapter_altera = {
	.name = "altera",
	.open = open_envelope,
	.headers = headers,
	.decode = decode,
};
