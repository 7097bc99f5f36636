/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ConnectX and BlueField as NVIDIA publishes them (rim.attestation.nvidia.com, "CORIM"):
 *   500(502(18([{1, 3, 8}, {}, payload, signature])))
 *   payload: corim-map without #6.501; tags = [ bstr .cbor #6.506(comid) ]
 *   tag-id:  "15b3102115b3003300-28.39.4082": vendor, device, subsystem vendor and device,
 *            revision, then the firmware version
 *   class:   { vendor: "NVIDIA" } and nothing else
 *   mkey:    uint, the index of an SPDM measurement block; digests by Named Information ids
 * The PCI class code is nowhere said: the environment leaves it open. [pure] */
#include "manifests/adapters/adapters.h"

#include <stdio.h>

#define IDS 18		/* hexadecimal digits */
#define SPDM_INDEX_MAX 0xfe

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

/* tags = [ bstr .cbor #6.506(comid) ]: the tag lies inside. */
static enum hf_err inner_tag(struct hf_span tags, struct hf_span *ret_map)
{
	struct hf_cbor r = hf_cbor_at(tags), inner;
	struct hf_span map;

	if (hf_cbor_array(&r) != 1)
		hf_cbor_fail(&r, HF_ERR_CORIM_SHAPE);
	inner = hf_cbor_at(hf_cbor_bstr(&r));
	if (hf_cbor_end(&r))
		return HF_ERR_CORIM_SHAPE;
	if (hf_cbor_tag(&inner) != HF_TAG_COMID)
		hf_cbor_fail(&inner, HF_ERR_CORIM_SHAPE);
	map = hf_cbor_skip(&inner);
	if (hf_cbor_end(&inner))
		return HF_ERR_CORIM_SHAPE;
	*ret_map = map;
	return HF_OK;
}

static bool parse_ids(struct hf_span *text, struct hf_match *ret)
{
	struct hf_match match = { .any_class = true, .has_subsystem = true, .has_revision = true };
	uint32_t v[5];

	for (size_t i = 0; i < 5; i++)
		if (!hf_hex_take(text, i < 4 ? 4 : 2, &v[i]))
			return false;
	if (text->len < 2 || text->ptr[0] != '-')
		return false;
	*text = (struct hf_span){ text->ptr + 1, text->len - 1 };
	match.vendor = (uint16_t)v[0];
	match.device = (uint16_t)v[1];
	match.subsystem_vendor = (uint16_t)v[2];
	match.subsystem_device = (uint16_t)v[3];
	match.revision = (uint8_t)v[4];
	*ret = match;
	return true;
}

static enum hf_err read_block(struct hf_dialect *d, struct hf_environment *env,
			      const struct hf_measured *m)
{
	char mkey[16];

	if (m->mkey_type != HF_CBOR_UINT || m->mkey_number == 0 ||
	    m->mkey_number > SPDM_INDEX_MAX)
		return HF_ERR_CORIM_SHAPE;
	snprintf(mkey, sizeof(mkey), "spdm/%u", (unsigned)m->mkey_number);
	return hf_dialect_reference(d, env, mkey, m);
}

static enum hf_err read_device(struct hf_dialect *d, struct hf_comid *comid)
{
	struct hf_span version = comid->tag_id;
	struct hf_reference_triple triple;
	struct hf_environment *env;
	struct hf_measured m;
	struct hf_match match;
	char component[HF_NAME_MAX + 32], release[HF_NAME_MAX + 1];
	enum hf_err err = hf_comid_next(comid, &triple);

	if (err)
		return err;
	if (comid->reference_count != 1 || !hf_span_is(triple.vendor, "NVIDIA") || triple.other ||
	    triple.class_id.len || triple.model.len || triple.instance.len ||
	    !parse_ids(&version, &match))
		return HF_ERR_CORIM_SHAPE;
	err = hf_dialect_text(version, release, sizeof(release));
	if (err)
		return err;
	snprintf(component, sizeof(component), "%s %04x:%04x %04x:%04x %02x", d->anchor,
		 match.vendor, match.device, match.subsystem_vendor, match.subsystem_device,
		 match.revision);
	err = hf_dialect_release(d, component, release, &match, &env);
	for (size_t i = 0; i < triple.measurement_count && !err; i++) {
		err = hf_triple_next(&triple, &m);
		if (!err)
			err = read_block(d, env, &m);
	}
	return err;
}

static enum hf_err decode(struct hf_dialect *d, struct hf_span payload)
{
	struct hf_dialect_corim corim;
	struct hf_dialect_comid parts;
	struct hf_comid comid;
	struct hf_span map;
	enum hf_err err = hf_dialect_corim(payload, &corim);

	if (!err && corim.profile.len)
		err = HF_ERR_CORIM_PROFILE;
	if (!err)
		err = inner_tag(corim.tags, &map);
	if (!err)
		err = hf_dialect_comid(map, &parts);
	if (!err && (parts.endorsed.len || parts.conditional.len))
		err = HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if (!err)
		err = hf_dialect_strict(d, &corim, parts.identity, parts.references, &comid);
	return err ? err : read_device(d, &comid);
}

const struct hf_adapter hf_adapter_nvidia_nic = {
	.name = "nvidia-nic",
	.open = open_envelope,
	.headers = hf_manifest_headers,
	.decode = decode,
};
