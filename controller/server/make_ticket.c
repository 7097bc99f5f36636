/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/make_ticket.h"

#include <stdlib.h>

#define SIGNED_MAX (HF_RESULT_MAX + 1024u)	/* bytes of payload, headers and signature */

static struct hf_span text(const char *t)
{
	return t ? hf_span_text(t) : (struct hf_span){ NULL, 0 };
}

static struct hf_span digest(const struct hf_digest *d)
{
	return (struct hf_span){ d->bytes, hf_alg_size(d->alg) };
}

static enum hf_ear_status ear_of(enum hf_status status)
{
	switch (status) {
	case HF_STATUS_ACCEPTED:
		return HF_EAR_AFFIRMING;
	case HF_STATUS_WARNED:
	case HF_STATUS_ISOLATED:
		return HF_EAR_WARNING;
	case HF_STATUS_HELD:
		return HF_EAR_CONTRAINDICATED;
	}
	return HF_EAR_CONTRAINDICATED;
}

/* Shorter paths first: the order in which they are encoded. */
static int by_path(const void *a, const void *b)
{
	const struct hf_span x = ((const struct hf_result_part *)a)->path;
	const struct hf_span y = ((const struct hf_result_part *)b)->path;

	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return memcmp(x.ptr, y.ptr, x.len);
}

/* A part that was measured again has a later entry, and one verdict. */
static enum hf_err put_parts(const struct hf_judgement *j, struct hf_arena *arena, struct hf_result *r)
{
	struct hf_result_part *parts;
	size_t count = 0;

	for (const struct hf_part_verdict *p = j->v.verdict.parts; p; p = p->next)
		count++;
	parts = hf_arena_take(arena, (count ? count : 1) * sizeof(*parts));
	if (!parts)
		return HF_ERR_LIMIT;
	r->parts = parts;
	for (const struct hf_part_verdict *p = j->v.verdict.parts; p; p = p->next)
		if (strcmp(p->place, "host") != 0)	/* it has an entry of its own */
			parts[r->part_count++] = (struct hf_result_part){ hf_span_text(p->place),
									  ear_of(p->status) };
	qsort(parts, r->part_count, sizeof(*parts), by_path);
	return HF_OK;
}

/* Files that this model and the chosen releases come from cannot be told apart from the others:
 * revocations and waivers judged, too. All of them, or as many as there is room for. */
static void put_manifests(const struct hf_manifests *manifests, struct hf_result *r)
{
	for (size_t i = 0; i < manifests->file_count && r->manifest_count < HF_RESULT_MANIFESTS_MAX; i++)
		r->manifests[r->manifest_count++] = digest(&manifests->files[i].sha256);
}

static enum hf_err put_image(const struct hf_image *image, struct hf_arena *arena, struct hf_result_image *ret)
{
	struct hf_image_digests *digests = hf_arena_take(arena, sizeof(*digests));
	enum hf_err err = digests ? hf_image_digests(image, digests) : HF_ERR_LIMIT;

	if (err)
		return err;
	ret->name = hf_span_text(image->name);
	ret->count = digests->count;
	for (size_t i = 0; i < digests->count; i++)
		ret->digests[i] = digest(digests->digest[i]);
	return HF_OK;
}

static enum hf_err put_ticket(const struct hf_judgement *j, const struct hf_config *config,
			      struct hf_arena *arena, struct hf_result *r)
{
	enum hf_err err = HF_OK;

	r->release = j->release;
	r->seconds = config->ticket_seconds;
	for (size_t i = 0; i < j->image_count && !err; i++)
		err = put_image(j->images[i], arena, &r->images[r->image_count++]);
	return err;
}

enum hf_err hf_result_make(const struct hf_judge_input *in, const struct hf_judgement *j,
			   const struct hf_config *config, struct hf_arena *arena, struct hf_result *ret)
{
	struct hf_result *r = ret;
	enum hf_err err;

	*r = (struct hf_result){
		.time = in->now, .nonce = in->evidence->nonce, .verifier = hf_span_text(HF_VERIFIER_BUILD),
		.status = j->status, .kind = j->kind, .host = text(in->host->inventory.id),
		.lease = text(in->host->lease), .reclaim = in->challenge->reclaim,
		.ak_name = in->host->ak_name, .boot_key = in->client_key, .quote = digest(&j->quote),
		.mode = hf_span_text(hf_mode_name(j->audit ? HF_MODE_AUDIT : HF_MODE_ENFORCE)),
	};
	if (j->v.verdict.agent_image)
		r->agent_image = text(j->v.verdict.agent_image->name);
	if (j->v.model)
		r->generation = j->v.model->generation;
	put_manifests(in->manifests, r);
	if (j->cause) {
		r->cause = text(hf_err_name(j->cause));
		r->place = text(j->place);
		r->detail = text(j->detail);
	}
	err = put_parts(j, arena, r);
	if (!err && j->release != HF_RELEASE_NOTHING)
		err = put_ticket(j, config, arena, r);
	return err;
}

enum hf_err hf_result_sign(const struct hf_result *result, const struct hf_key *key, struct hf_arena *arena,
			   struct hf_span *ret)
{
	struct hf_writer payload = { .buf = hf_arena_room(arena, HF_RESULT_MAX), .cap = HF_RESULT_MAX };
	struct hf_writer out = { .buf = hf_arena_room(arena, SIGNED_MAX), .cap = SIGNED_MAX };
	enum hf_err err;

	if (!payload.buf || !out.buf)
		return HF_ERR_LIMIT;
	hf_result_encode(result, &payload);
	if (payload.full)
		return HF_ERR_LIMIT;
	err = hf_statement_sign(key, HF_RESULT_TYPE, hf_written(&payload), &out);
	if (!err && (out.full || out.len > HF_RESULT_MAX))
		err = HF_ERR_LIMIT;
	if (!err)
		*ret = hf_written(&out);
	return err;
}

struct hf_verdict_record hf_verdict_of(const struct hf_judge_input *in, const struct hf_judgement *j)
{
	return (struct hf_verdict_record){
		.host = in->host->inventory.id, .at = in->now, .kind = j->kind,
		.nonce = in->evidence->nonce, .reclaim = in->challenge->reclaim,
		.quote = digest(&j->quote), .boot_key = in->client_key, .status = j->status,
		.release = j->release, .cause = j->cause ? hf_err_name(j->cause) : "",
		.class_name = j->cause ? hf_class_name(hf_err_class(j->cause)) : "",
		.place = j->place, .detail = j->detail, .model = j->v.model ? j->v.model->name : "",
		.lease = in->host->lease, .counted = j->has_counts, .reset_count = j->reset_count,
		.restart_count = j->restart_count, .firmware_version = j->firmware_version,
	};
}
