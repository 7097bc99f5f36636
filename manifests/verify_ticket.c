/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/verify_ticket.h"

#include <stdio.h>

static bool is(struct hf_span text, const char *word)
{
	return hf_span_equal(text, hf_span_text(word));
}

/* ---- the ticket ---- */

static enum hf_err find_signer(const struct hf_verify_ticket *in, struct hf_span *ret_payload,
			       const char **ret_how)
{
	bool any = false;
	struct hf_cose cose;

	for (size_t i = 0; in->trust && i < in->trust->count; i++) {
		const struct hf_anchor *anchor = &in->trust->anchors[i];

		if (anchor->role != HF_ANCHOR_TICKET)
			continue;
		any = true;
		if (hf_statement_verify(anchor->key, HF_RESULT_TYPE, in->evidence->ticket, ret_payload) == HF_OK)
			return *ret_how = "by a ticket, whose signer is known here", HF_OK;
	}
	if (any)
		return *ret_how = "the ticket's signer is not known here", HF_ERR_TICKET_SIGNER;
	if (hf_cose_parse(in->evidence->ticket, &cose) != HF_OK || !is(cose.content_type, HF_RESULT_TYPE))
		return *ret_how = "ticket.cose is no result", HF_ERR_RESULT_SHAPE;
	*ret_payload = cose.payload;
	*ret_how = "by a ticket; no anchor here for its signer";
	return HF_OK;
}

static enum hf_err check_ticket(const struct hf_verify_ticket *in, struct hf_span payload)
{
	struct hf_result *result = hf_arena_take(in->arena, sizeof(*result));
	enum hf_release_kind release = HF_RELEASE_NOTHING;
	struct hf_digest quote;
	struct hf_ticket_want want = {
		.ak_name = { in->ak->name, sizeof(in->ak->name) }, .boot_key = in->begin->boot_key,
		.quote = { quote.bytes, 32 }, .reclaim = in->cap->reclaim, .nonce = in->evidence->nonce,
		.generation = in->begin->generation, .mode = hf_span_text(hf_mode_name(in->begin->mode)),
		.refused_locally = in->end->verdict == HF_STATUS_HELD && in->end->mode != HF_MODE_AUDIT,
	};
	enum hf_err err = result ? hf_digest(HF_ALG_SHA256, in->evidence->quote, &quote) : HF_ERR_LIMIT;

	if (!err)
		err = hf_result_decode(payload, in->arena, result);
	if (err)
		return err;
	*(in->cap->service ? &want.service : &want.tenant) = in->cap->image;
	err = hf_ticket_check(result, &want, &release);
	if (!err && (release == HF_RELEASE_SERVICE) != in->cap->service)
		err = HF_ERR_TICKET_IMAGE;
	return err;
}

static enum hf_err by_ticket(const struct hf_verify_ticket *in, const char **ret_how)
{
	struct hf_digest digest;
	struct hf_span payload;
	enum hf_err err = hf_digest(HF_ALG_SHA256, in->evidence->ticket, &digest);

	if (err)
		return err;
	if (!in->evidence->ticket.len || !hf_span_equal(in->cap->ticket, (struct hf_span){ digest.bytes, 32 })) {
		*ret_how = in->evidence->ticket.len ? "ticket.cose is not the ticket that CAP names" :
			   "CAP names a ticket that is not there";
		return HF_ERR_EVIDENCE_SHAPE;
	}
	err = find_signer(in, &payload, ret_how);
	if (err)
		return err;
	err = check_ticket(in, payload);
	if (err)
		*ret_how = "what the ticket says is not what the host shows";
	return err;
}

enum hf_err hf_verify_ticket(const struct hf_verify_ticket *in, const char **ret_how)
{
	const bool controller = is(in->begin->policy, "controller");

	if (in->cap->ticket.len)
		return by_ticket(in, ret_how);
	if (in->cap->service) {
		*ret_how = "a service image without a ticket";
		return HF_ERR_EVIDENCE_SHAPE;
	}
	if (controller && !in->cap->fallback.len) {
		*ret_how = "policy controller, and neither a ticket nor the owner's release";
		return HF_ERR_EVIDENCE_SHAPE;
	}
	*ret_how = controller ? "by the owner's release: no controller answered" : "by itself";
	return HF_OK;
}

/* ---- the owner's release ---- */

static const char *name_of(const struct hf_claims *claims)
{
	const struct hf_part *note = hf_claims_find_part(claims, HF_FALLBACK_NOTE);
	const struct hf_measurement *m = note ? hf_measurement_find(note->measurements, HF_FALLBACK_MKEY) : NULL;

	if (!note)
		return NULL;
	return m && m->kind == HF_VALUE_TEXT ? m->text : "?";
}

static enum hf_err holds(const struct hf_verify_options *options, const struct hf_verification *v,
			 const char **ret_why)
{
	const struct hf_bearer_input input = {
		.manifests = options->manifests, .model = v->model, .verdict = &v->verdict,
		.ak_name = { v->ak.name, sizeof(v->ak.name) }, .reset_count = v->quote.reset_count,
		.now = options->now,
	};
	const struct hf_waiver *waiver;

	if (v->checks[HF_CHECK_QUOTE].outcome != HF_OUTCOME_OK ||
	    v->checks[HF_CHECK_MODEL].outcome != HF_OUTCOME_OK)
		return HF_ERR_BEARER_REFUSED;
	return hf_bearer_find(&input, &waiver, ret_why);
}

enum hf_err hf_verify_fallback(const struct hf_verify_options *options, struct hf_verification *v,
			       char *detail, size_t cap)
{
	const struct hf_cap_event *e = &v->cap;
	const char *why = NULL;
	enum hf_err err;

	v->fallback_name = name_of(&v->claims);
	v->fallback = v->fallback_name || e->fallback.len;
	if (!v->fallback)
		return HF_OK;
	if (!v->fallback_name || e->ticket.len ||
	    (e->fallback.len && !is(e->fallback, v->fallback_name)) || (e->release.len && !e->fallback.len)) {
		snprintf(detail, cap, "FALLBACK: CAP and what was noted before END differ");
		return HF_ERR_EVIDENCE_SHAPE;
	}
	err = holds(options, v, &why);
	snprintf(detail, cap, "FALLBACK: no controller answered; the owner's release %.40s%s%s", v->fallback_name,
		 err ? " does not hold: " : "", err ? why ? why : "none is known here" : "");
	return err;
}
