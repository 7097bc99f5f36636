/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/transcripts.h"

void hf_transcripts_encode(const struct hf_attachment *list, struct hf_writer *w)
{
	size_t count = 0;

	for (const struct hf_attachment *a = list; a; a = a->next)
		count++;
	w->full |= count > HF_TRANSCRIPTS_MAX;
	hf_cbor_put_array(w, count);
	for (const struct hf_attachment *a = list; a; a = a->next) {
		w->full |= a->bytes.len == 0 || a->bytes.len > HF_ATTACHMENT_MAX;
		hf_cbor_put_bstr(w, a->bytes);
	}
}

struct hf_attachment *hf_transcripts_find(struct hf_attachment *list, const struct hf_digest *sha384)
{
	while (list && !hf_digest_equal(&list->sha384, sha384))
		list = list->next;
	return list;
}

static struct hf_attachment *take_one(struct hf_cbor *r, struct hf_arena *arena,
				      struct hf_attachment *before)
{
	struct hf_span bytes = hf_cbor_bstr(r);
	struct hf_attachment *a;

	if (!r->err && bytes.len == 0)
		hf_cbor_fail(r, HF_ERR_CBOR_TYPE);
	if (!r->err && bytes.len > HF_ATTACHMENT_MAX)
		hf_cbor_fail(r, HF_ERR_LIMIT);
	if (r->err)
		return NULL;
	a = hf_arena_take(arena, sizeof(*a));
	if (!a) {
		hf_cbor_fail(r, HF_ERR_LIMIT);
		return NULL;
	}
	a->bytes = bytes;
	hf_cbor_fail(r, hf_digest(HF_ALG_SHA384, bytes, &a->sha384));
	if (!r->err && hf_transcripts_find(before, &a->sha384))
		hf_cbor_fail(r, HF_ERR_CBOR_DUPLICATE_KEY);
	return a;
}

enum hf_err hf_transcripts_decode(struct hf_span cbor, struct hf_arena *arena,
				  struct hf_attachment **ret)
{
	struct hf_cbor r = hf_cbor_at(cbor);
	struct hf_attachment *list = NULL, **end = &list;
	const size_t mark = arena->len;
	enum hf_err err;
	size_t left = cbor.len ? hf_cbor_array(&r) : 0;

	if (left > HF_TRANSCRIPTS_MAX)
		hf_cbor_fail(&r, HF_ERR_LIMIT);
	for (; left && !r.err; left--) {
		*end = take_one(&r, arena, list);
		if (*end)
			end = &(*end)->next;
	}
	err = hf_cbor_end(&r);
	if (err)
		arena->len = mark;
	else
		*ret = list;
	return err;
}
