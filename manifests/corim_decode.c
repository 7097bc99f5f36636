/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CoRIM in the holdfast profile to manifests. Whatever is not exactly what the encoder
 * writes is refused; keys that a later version added below -255 are passed over. [pure] */
#include "manifests/corim_read.h"

#include <stdio.h>

/* The value of one profile key; the caller has checked that it is there. */
enum hf_err hf_own_uint(const struct hf_measured *m, enum hf_corim_key key, uint64_t max,
			    uint64_t *ret)
{
	struct hf_cbor r = hf_cbor_at(m->own[key]);
	uint64_t value = hf_cbor_uint(&r);

	if (hf_cbor_end(&r) || value > max)
		return HF_ERR_CORIM_SHAPE;
	*ret = value;
	return HF_OK;
}

enum hf_err hf_keep_text(struct hf_arena *arena, struct hf_span text, size_t max,
			     const char **ret)
{
	const char *copy;

	if (text.len == 0 || text.len > max)
		return HF_ERR_CORIM_SHAPE;
	copy = hf_arena_text(arena, text.ptr, text.len);
	if (!copy)
		return HF_ERR_LIMIT;
	*ret = copy;
	return HF_OK;
}

enum hf_err hf_keep_name(struct hf_arena *arena, struct hf_span text, const char **ret)
{
	const char *name = NULL;
	enum hf_err err = hf_keep_text(arena, text, HF_NAME_MAX, &name);

	if (err)
		return err;
	if (!hf_name_valid(name))
		return HF_ERR_CORIM_SHAPE;
	*ret = name;
	return HF_OK;
}

/* Absent: *ret stays NULL. */
static enum hf_err keep_encoded_text(struct hf_arena *arena, struct hf_span encoded,
				     const char **ret)
{
	struct hf_cbor r = hf_cbor_at(encoded);
	struct hf_span text;

	if (encoded.len == 0)
		return HF_OK;
	text = hf_cbor_tstr(&r);
	if (hf_cbor_end(&r))
		return HF_ERR_CORIM_SHAPE;
	return hf_keep_text(arena, text, HF_TEXT_MAX, ret);
}

enum hf_err hf_own_text(struct hf_arena *arena, const struct hf_measured *m,
			    enum hf_corim_key key, const char **ret)
{
	return keep_encoded_text(arena, m->own[key], ret);
}

enum hf_err hf_read_from(struct hf_arena *arena, const struct hf_measured *m, const char **ret)
{
	return keep_encoded_text(arena, m->from, ret);
}

enum hf_err hf_own_date(const struct hf_measured *m, enum hf_corim_key key, uint32_t *ret)
{
	struct hf_cbor r = hf_cbor_at(m->own[key]);
	bool tagged = hf_cbor_tag(&r) == HF_TAG_DATE;
	uint64_t day = hf_cbor_uint(&r);
	char text[HF_DATE_TEXT];

	if (hf_cbor_end(&r) || !tagged || day == 0 || day > UINT32_MAX)
		return HF_ERR_CORIM_SHAPE;
	hf_date_format((uint32_t)day, text);
	return hf_date_parse(text, ret) && *ret == day ? HF_OK : HF_ERR_CORIM_SHAPE;
}

enum hf_err hf_own_names(struct hf_arena *arena, const struct hf_measured *m,
			 enum hf_corim_key key, size_t max, struct hf_name_list **ret)
{
	struct hf_cbor r = hf_cbor_at(m->own[key]);
	struct hf_name_list *list = NULL, **end = &list;
	size_t count;

	if (m->own[key].len == 0)
		return HF_OK;
	count = hf_cbor_array(&r);
	if (r.err || count == 0)
		return HF_ERR_CORIM_SHAPE;
	for (size_t i = 0; i < count; i++) {
		struct hf_name_list *name = hf_arena_take(arena, sizeof(*name));
		struct hf_span text = hf_cbor_tstr(&r);
		enum hf_err err;

		if (r.err)
			return HF_ERR_CORIM_SHAPE;
		if (!name)
			return HF_ERR_LIMIT;
		err = hf_keep_text(arena, text, max, &name->name);
		if (err)
			return err;
		*end = name;
		end = &name->next;
	}
	if (hf_cbor_end(&r))
		return HF_ERR_CORIM_SHAPE;
	*ret = list;
	return HF_OK;
}

enum hf_err hf_next_measured(struct hf_decoder *d, struct hf_reference_triple *triple,
			     struct hf_measured *ret)
{
	enum hf_err err = hf_triple_next(triple, ret);
	struct hf_manifest_note *note;
	char text[80 + HF_MKEY_MAX];

	if (err || ret->passed_over == 0 || d->note_count++ >= HF_NOTES_MAX)
		return err;
	note = hf_arena_take(d->out->arena, sizeof(*note));
	snprintf(text, sizeof(text), "key %lld of %.*s is newer than this version and passed over",
		 (long long)ret->passed_over, ret->mkey.len ? (int)(ret->mkey.len > HF_MKEY_MAX
		 ? HF_MKEY_MAX : ret->mkey.len) : 9, ret->mkey.len ? (const char *)ret->mkey.ptr
							      : "the facts");
	if (note)
		note->text = hf_arena_text(d->out->arena, text, strlen(text));
	if (!note || !note->text)
		return HF_ERR_LIMIT;
	note->file = d->file;
	*d->notes = note;
	d->notes = &note->next;
	return HF_OK;
}

static uint32_t own_keys(const struct hf_measured *m)
{
	uint32_t keys = (m->has_svn ? HF_KEY_BIT(HF_KEY_SVN) : 0) |
			(m->raw.len ? HF_KEY_BIT(HF_KEY_RAW) : 0);

	for (uint32_t i = 1; i <= HF_CORIM_OWN_MAX; i++)
		if (m->own[i].len)
			keys |= HF_KEY_BIT(i);
	return keys;
}

/* What must be there, what may, and nothing else. */
enum hf_err hf_check_keys(const struct hf_measured *m, uint32_t required, uint32_t optional)
{
	uint32_t keys = own_keys(m);

	if (m->other || m->registers.len || m->critical || m->other_digests ||
	    keys & ~(optional | (HF_KEY_BIT(HF_KEY_LAST + 1) - 1)))
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if ((keys & required) != required || keys & ~(required | optional))
		return HF_ERR_CORIM_SHAPE;
	return HF_OK;
}

static enum hf_err read_tags(struct hf_decoder *d, struct hf_corim *corim,
			     struct hf_manifests_mark end)
{
	struct hf_component *last = NULL;
	struct hf_comid comid;
	struct hf_span rest;

	for (size_t i = 0; i < corim->tag_count; i++) {
		enum hf_err err = hf_corim_next(corim, &comid);

		if (err)
			return err;
		if (!comid.is_comid || comid.linked || comid.other_triples)
			return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
		if (comid.reference_count == 0)
			return HF_ERR_CORIM_SHAPE;
		if (hf_span_prefix(comid.tag_id, HF_TAG_ID_COMPONENT, &rest))
			err = hf_decode_component(d, &comid, rest, &end.components, &last);
		else if (hf_span_prefix(comid.tag_id, HF_TAG_ID_MODEL, &rest))
			err = hf_decode_model(d, &comid, rest, &end.models);
		else if (hf_span_prefix(comid.tag_id, HF_TAG_ID_AGENT, &rest))
			err = hf_decode_image(d, &comid, rest, HF_IMAGE_AGENT, &end.images);
		else if (hf_span_prefix(comid.tag_id, HF_TAG_ID_TENANT, &rest))
			err = hf_decode_image(d, &comid, rest, HF_IMAGE_TENANT, &end.images);
		else if (hf_span_prefix(comid.tag_id, HF_TAG_ID_SERVICE, &rest))
			err = hf_decode_image(d, &comid, rest, HF_IMAGE_SERVICE, &end.images);
		else if (hf_span_prefix(comid.tag_id, HF_TAG_ID_WAIVER, &rest))
			err = hf_decode_waiver(d, &comid, rest, &end.waivers);
		else if (hf_span_prefix(comid.tag_id, HF_TAG_ID_REVOCATIONS, &rest))
			err = hf_decode_revocations(d, &comid, rest, &end.revocations);
		else
			err = HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
		if (err)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_corim_decode(struct hf_span payload, size_t file, int64_t now,
			    struct hf_manifests *out)
{
	static const uint8_t oid[] = HF_PROFILE_OID;
	struct hf_manifests_mark mark = hf_manifests_mark(out);
	struct hf_decoder d = { .out = out, .file = file, .notes = mark.notes };
	struct hf_corim corim;
	enum hf_err err = hf_corim_open(payload, &corim);

	if (!err)
		err = hf_corim_valid_at(&corim, now);
	if (err)
		return err;
	if (!hf_span_equal(corim.profile, (struct hf_span){ oid, sizeof(oid) })) {
		err = hf_corim_walk(&corim, NULL, NULL);	/* a wrong shape is worth more */
		return err ? err : HF_ERR_CORIM_PROFILE;
	}
	err = read_tags(&d, &corim, mark);
	if (!err)
		err = hf_manifests_check_names(out, &mark);
	if (err)
		hf_manifests_rollback(out, &mark);
	return err;
}
