/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waivers of the holdfast profile, both ways: one CoMID each, whose environment's instance
 * is the host. [pure] */
#include "manifests/corim_read.h"
#include "manifests/corim_write.h"

#include <stdio.h>

/* ---- writing ---- */

static void put_environment(struct hf_writer *w, const struct hf_waiver *waiver)
{
	hf_cbor_put_map(w, 2);
	hf_cbor_put_uint(w, 0);
	hf_cbor_put_map(w, 2);
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_text(w, HF_IMAGE_VENDOR);
	hf_cbor_put_uint(w, 2);
	hf_cbor_put_text(w, HF_WAIVER_MODEL);
	hf_cbor_put_uint(w, 1);
	hf_cbor_put_tag(w, HF_TAG_BYTES);
	hf_cbor_put_bstr(w, (struct hf_span){ waiver->host, HF_AK_NAME });
}

static void put_item(struct hf_writer *w, const struct hf_waiver_item *item, size_t index)
{
	char mkey[HF_MKEY_MAX];

	snprintf(mkey, sizeof(mkey), HF_MKEY_WAIVE "%zu", index);
	hf_begin_measurement(w, mkey, 2u + (item->found != NULL) + (item->mkey != NULL));
	hf_put_key_text(w, HF_KEY_PLACE, item->place);
	hf_put_key_text(w, HF_KEY_CAUSE, hf_err_name(item->cause));
	hf_put_key_text(w, HF_KEY_FOUND, item->found);
	hf_put_key_text(w, HF_KEY_MEASUREMENT, item->mkey);
}

enum hf_err hf_put_waiver(struct hf_writer *w, const struct hf_waiver *waiver)
{
	char tag_id[HF_TAG_ID_MAX];
	size_t start, count = 0;

	if (!hf_waiver_valid(waiver))
		return HF_ERR_CORIM_SHAPE;
	for (const struct hf_waiver_item *i = waiver->items; i; i = i->next)
		count++;
	snprintf(tag_id, sizeof(tag_id), HF_TAG_ID_WAIVER "%s", waiver->name);
	start = hf_begin_comid(w, tag_id, 1);
	hf_cbor_put_array(w, 2);
	put_environment(w, waiver);
	hf_cbor_put_array(w, count + 1);
	hf_begin_measurement(w, NULL, (size_t)(waiver->note != NULL) + waiver->has_generation +
			     waiver->has_until + 2 * waiver->bearer);
	hf_put_key_text(w, HF_KEY_NOTE, waiver->note);
	if (waiver->has_generation)
		hf_put_key_uint(w, HF_KEY_GENERATION, waiver->generation);
	if (waiver->has_until)
		hf_put_key_date(w, HF_KEY_UNTIL, waiver->until_day);
	if (waiver->bearer) {
		hf_put_key_uint(w, HF_KEY_BOOTS_FROM, waiver->boots_from);
		hf_put_key_uint(w, HF_KEY_BOOTS_TO, waiver->boots_to);
	}
	count = 0;
	for (const struct hf_waiver_item *i = waiver->items; i; i = i->next)
		put_item(w, i, count++);
	hf_wrap_bstr(w, start);
	return HF_OK;
}

/* ---- reading ---- */

/* Both or none; an owner's release is nothing that is half there. */
static enum hf_err read_boots(const struct hf_measured *m, struct hf_waiver *waiver)
{
	bool from = m->own[HF_KEY_BOOTS_FROM].len != 0, to = m->own[HF_KEY_BOOTS_TO].len != 0;
	uint64_t first = 0, last = 0;
	enum hf_err err = from == to ? HF_OK : HF_ERR_CORIM_SHAPE;

	if (err || !from)
		return err;
	err = hf_own_uint(m, HF_KEY_BOOTS_FROM, UINT32_MAX, &first);
	if (!err)
		err = hf_own_uint(m, HF_KEY_BOOTS_TO, UINT32_MAX, &last);
	waiver->bearer = true;
	waiver->boots_from = (uint32_t)first;
	waiver->boots_to = (uint32_t)last;
	return err;
}

static enum hf_err read_facts(struct hf_decoder *d, const struct hf_measured *m,
			      struct hf_waiver *waiver)
{
	enum hf_err err = hf_check_keys(m, 0, HF_KEY_BIT(HF_KEY_NOTE) |
					HF_KEY_BIT(HF_KEY_GENERATION) | HF_KEY_BIT(HF_KEY_UNTIL) |
					HF_KEY_BIT(HF_KEY_BOOTS_FROM) | HF_KEY_BIT(HF_KEY_BOOTS_TO));

	if (!err && (m->mkey_type != HF_CBOR_NONE || m->digest_count || m->version.len ||
		     m->name.len))
		err = HF_ERR_CORIM_SHAPE;
	waiver->has_generation = m->own[HF_KEY_GENERATION].len != 0;
	waiver->has_until = m->own[HF_KEY_UNTIL].len != 0;
	if (!err && waiver->has_generation)
		err = hf_own_uint(m, HF_KEY_GENERATION, INT64_MAX, &waiver->generation);
	if (!err && waiver->has_until)
		err = hf_own_date(m, HF_KEY_UNTIL, &waiver->until_day);
	if (!err)
		err = read_boots(m, waiver);
	if (!err)
		err = hf_own_text(d->out->arena, m, HF_KEY_NOTE, &waiver->note);
	return err;
}

static enum hf_err read_item(struct hf_decoder *d, const struct hf_measured *m, size_t index,
			     const struct hf_waiver *waiver, struct hf_waiver_item ***end)
{
	struct hf_arena *arena = d->out->arena;
	struct hf_waiver_item *item = hf_arena_take(arena, sizeof(*item));
	const char *cause = NULL;
	char mkey[HF_MKEY_MAX];
	enum hf_err err = hf_check_keys(m, HF_KEY_BIT(HF_KEY_PLACE) | HF_KEY_BIT(HF_KEY_CAUSE),
					HF_KEY_BIT(HF_KEY_FOUND) | HF_KEY_BIT(HF_KEY_MEASUREMENT));

	snprintf(mkey, sizeof(mkey), HF_MKEY_WAIVE "%zu", index);
	if (err)
		return err;
	if (!item)
		return HF_ERR_LIMIT;
	if (!hf_span_is(m->mkey, mkey) || m->digest_count || m->version.len || m->name.len)
		return HF_ERR_CORIM_SHAPE;
	err = hf_own_text(arena, m, HF_KEY_PLACE, &item->place);
	if (!err)
		err = hf_own_text(arena, m, HF_KEY_CAUSE, &cause);
	if (!err)
		err = hf_own_text(arena, m, HF_KEY_FOUND, &item->found);
	if (!err)
		err = hf_own_text(arena, m, HF_KEY_MEASUREMENT, &item->mkey);
	if (err)
		return err;
	item->cause = hf_err_from_name(cause);
	if (strcmp(hf_err_name(item->cause), cause) != 0)
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	**end = item;
	*end = &item->next;
	if (!hf_waiver_item_possible(waiver, item))
		return HF_ERR_WAIVER_SCOPE;
	return HF_OK;
}

static enum hf_err read_triple(struct hf_decoder *d, struct hf_comid *comid,
			       struct hf_waiver *waiver)
{
	struct hf_waiver_item **items = &waiver->items;
	struct hf_reference_triple triple;
	struct hf_measured m;
	enum hf_err err;

	if (comid->reference_count != 1)
		return HF_ERR_CORIM_SHAPE;
	err = hf_comid_next(comid, &triple);
	if (err)
		return err;
	if (triple.other)
		return HF_ERR_MANIFEST_UNKNOWN_CRITICAL;
	if (triple.class_id.len || triple.instance.len != HF_AK_NAME ||
	    !hf_span_is(triple.vendor, HF_IMAGE_VENDOR) ||
	    !hf_span_is(triple.model, HF_WAIVER_MODEL) || triple.measurement_count < 2)
		return HF_ERR_CORIM_SHAPE;
	if (triple.measurement_count > HF_WAIVER_ITEMS_MAX + 1)
		return HF_ERR_LIMIT;
	memcpy(waiver->host, triple.instance.ptr, HF_AK_NAME);
	for (size_t i = 0; i < triple.measurement_count && !err; i++) {
		err = hf_next_measured(d, &triple, &m);
		if (!err)
			err = i == 0 ? read_facts(d, &m, waiver) : read_item(d, &m, i - 1, waiver, &items);
	}
	return err;
}

enum hf_err hf_decode_waiver(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
			     struct hf_waiver ***end)
{
	struct hf_waiver *waiver = hf_arena_take(d->out->arena, sizeof(*waiver));
	enum hf_err err;

	if (!waiver)
		return HF_ERR_LIMIT;
	waiver->file = d->file;
	err = hf_keep_name(d->out->arena, rest, &waiver->name);
	if (!err)
		err = read_triple(d, comid, waiver);
	if (err)
		return err;
	if (!hf_waiver_valid(waiver))
		return HF_ERR_CORIM_SHAPE;
	**end = waiver;
	*end = &waiver->next;
	return HF_OK;
}
