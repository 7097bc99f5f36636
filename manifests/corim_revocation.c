/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Revocations of the holdfast profile, both ways: one CoMID for a list. [pure] */
#include "manifests/corim_read.h"
#include "manifests/corim_write.h"

#include <stdio.h>

#define REVOCATIONS_MODEL "revocations"

static const char *const kinds[] = {
	[HF_REVOKED_KEY] = "key/",
	[HF_REVOKED_MANIFEST] = "manifest/",
	[HF_REVOKED_DIGEST] = "digest/",
	[HF_REVOKED_RELEASE] = "release/",
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* ---- writing ---- */

static void put_digest(struct hf_writer *w, const struct hf_digest *digest)
{
	hf_cbor_put_uint(w, 2);
	hf_cbor_put_array(w, 1);
	hf_cbor_put_array(w, 2);
	hf_cbor_put_int(w, digest->alg == HF_ALG_SHA256 ? HF_COSE_SHA256 :
			   digest->alg == HF_ALG_SHA384 ? HF_COSE_SHA384 : HF_COSE_SHA512);
	hf_cbor_put_bstr(w, (struct hf_span){ digest->bytes, hf_alg_size(digest->alg) });
}

static void put_entry(struct hf_writer *w, const struct hf_revoked *entry, size_t index)
{
	char mkey[HF_MKEY_MAX];
	bool release = entry->kind == HF_REVOKED_RELEASE;

	snprintf(mkey, sizeof(mkey), "%s%zu", kinds[entry->kind], index);
	hf_begin_measurement(w, mkey, (release ? 2u : 1u) + (entry->note != NULL));
	if (release) {
		hf_cbor_put_uint(w, 11);
		hf_cbor_put_text(w, entry->release);
	} else {
		put_digest(w, &entry->digest);
	}
	hf_put_key_text(w, HF_KEY_NOTE, entry->note);
	if (release)
		hf_put_key_text(w, HF_KEY_COMPONENT, entry->component);
}

static bool entry_valid(const struct hf_revoked *entry)
{
	enum hf_alg alg = entry->digest.alg;

	if (entry->note && (!entry->note[0] || strlen(entry->note) > HF_TEXT_MAX))
		return false;
	switch (entry->kind) {
	case HF_REVOKED_KEY:
	case HF_REVOKED_MANIFEST:
		return alg == HF_ALG_SHA256;
	case HF_REVOKED_DIGEST:
		return alg == HF_ALG_SHA256 || alg == HF_ALG_SHA384 || alg == HF_ALG_SHA512;
	case HF_REVOKED_RELEASE:
		return hf_name_valid(entry->component) && hf_name_valid(entry->release);
	}
	return false;
}

enum hf_err hf_put_revocations(struct hf_writer *w, const struct hf_revocations *list)
{
	char tag_id[HF_TAG_ID_MAX];
	size_t start, count = 0;

	if (!hf_name_valid(list->name) || !list->entries ||
	    (list->provenance && (!list->provenance[0] || strlen(list->provenance) > HF_TEXT_MAX)))
		return HF_ERR_CORIM_SHAPE;
	for (const struct hf_revoked *e = list->entries; e; e = e->next, count++)
		if (!entry_valid(e) || count >= HF_REVOKED_MAX)
			return HF_ERR_CORIM_SHAPE;
	snprintf(tag_id, sizeof(tag_id), HF_TAG_ID_REVOCATIONS "%s", list->name);
	start = hf_begin_comid(w, tag_id, 1);
	hf_cbor_put_array(w, 2);
	hf_cbor_put_map(w, 1);
	hf_cbor_put_uint(w, 0);
	hf_cbor_put_map(w, 2);
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_text(w, HF_IMAGE_VENDOR);
	hf_cbor_put_uint(w, 2);
	hf_cbor_put_text(w, REVOCATIONS_MODEL);
	hf_cbor_put_array(w, count + 1);
	hf_begin_measurement(w, NULL, 1u + (list->provenance != NULL));
	hf_put_key_text(w, HF_KEY_PROVENANCE, list->provenance);
	hf_put_key_uint(w, HF_KEY_GENERATION, list->generation);
	count = 0;
	for (const struct hf_revoked *e = list->entries; e; e = e->next)
		put_entry(w, e, count++);
	hf_wrap_bstr(w, start);
	return HF_OK;
}

/* ---- reading ---- */

static enum hf_err read_facts(struct hf_decoder *d, const struct hf_measured *m,
			      struct hf_revocations *list)
{
	enum hf_err err = hf_check_keys(m, HF_KEY_BIT(HF_KEY_GENERATION),
					HF_KEY_BIT(HF_KEY_PROVENANCE));

	if (!err && (m->mkey_type != HF_CBOR_NONE || m->digest_count || m->version.len ||
		     m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	if (!err)
		err = hf_own_uint(m, HF_KEY_GENERATION, INT64_MAX, &list->generation);
	return err ? err : hf_own_text(d->out->arena, m, HF_KEY_PROVENANCE, &list->provenance);
}

static bool kind_of(const struct hf_measured *m, size_t index, enum hf_revoked_kind *ret)
{
	char mkey[HF_MKEY_MAX];

	for (size_t k = 0; k < KIND_COUNT; k++) {
		snprintf(mkey, sizeof(mkey), "%s%zu", kinds[k], index);
		if (hf_span_is(m->mkey, mkey)) {
			*ret = (enum hf_revoked_kind)k;
			return true;
		}
	}
	return false;
}

static enum hf_err read_release(struct hf_decoder *d, const struct hf_measured *m,
				struct hf_revoked *entry)
{
	enum hf_err err = hf_own_text(d->out->arena, m, HF_KEY_COMPONENT, &entry->component);

	if (err)
		return err;
	if (!hf_name_valid(entry->component) || m->digest_count)
		return HF_ERR_CORIM_SHAPE;
	return hf_keep_name(d->out->arena, m->name, &entry->release);
}

static enum hf_err read_entry(struct hf_decoder *d, const struct hf_measured *m, size_t index,
			      struct hf_revoked ***end)
{
	struct hf_revoked *entry = hf_arena_take(d->out->arena, sizeof(*entry));
	enum hf_revoked_kind kind;
	enum hf_err err;

	if (!entry)
		return HF_ERR_LIMIT;
	/* an entry of a kind that we do not know must not be overlooked: it denies something */
	if (m->mkey_type != HF_CBOR_TSTR || !kind_of(m, index, &kind))
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	entry->kind = kind;
	err = hf_check_keys(m, kind == HF_REVOKED_RELEASE ? HF_KEY_BIT(HF_KEY_COMPONENT) : 0,
			    HF_KEY_BIT(HF_KEY_NOTE));
	if (!err && m->version.len)
		err = HF_ERR_CORIM_SHAPE;
	if (!err)
		err = hf_own_text(d->out->arena, m, HF_KEY_NOTE, &entry->note);
	if (!err && kind == HF_REVOKED_RELEASE)
		err = read_release(d, m, entry);
	else if (!err && (m->digest_count != 1 || m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	else if (!err)
		entry->digest = m->digests[0];
	if (!err && !entry_valid(entry))
		err = HF_ERR_CORIM_SHAPE;
	if (err)
		return err;
	**end = entry;
	*end = &entry->next;
	return HF_OK;
}

enum hf_err hf_decode_revocations(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
				  struct hf_revocations ***end)
{
	struct hf_revocations *list = hf_arena_take(d->out->arena, sizeof(*list));
	struct hf_revoked **entries;
	struct hf_reference_triple triple;
	struct hf_measured m;
	enum hf_err err;

	if (!list)
		return HF_ERR_LIMIT;
	if (comid->reference_count != 1)
		return HF_ERR_CORIM_SHAPE;
	list->file = d->file;
	entries = &list->entries;
	err = hf_keep_name(d->out->arena, rest, &list->name);
	if (!err)
		err = hf_comid_next(comid, &triple);
	if (err)
		return err;
	if (triple.other)
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if (triple.class_id.len || triple.instance.len || triple.measurement_count < 2 ||
	    !hf_span_is(triple.vendor, HF_IMAGE_VENDOR) ||
	    !hf_span_is(triple.model, REVOCATIONS_MODEL))
		return HF_ERR_CORIM_SHAPE;
	if (triple.measurement_count > HF_REVOKED_MAX + 1)
		return HF_ERR_LIMIT;
	for (size_t i = 0; i < triple.measurement_count && !err; i++) {
		err = hf_next_measured(d, &triple, &m);
		if (!err)
			err = i == 0 ? read_facts(d, &m, list) : read_entry(d, &m, i - 1, &entries);
	}
	if (err)
		return err;
	**end = list;
	*end = &list->next;
	return HF_OK;
}
