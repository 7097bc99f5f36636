/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a ticket must say before PID 1 releases this host. */
#include "measure/result.h"

#define CAUSE_MAX 64

/* Nothing equals what is not there. */
static bool same(struct hf_span a, struct hf_span b)
{
	return a.len > 0 && hf_span_equal(a, b);
}

/* The cause in the controller's words, if this version knows it: the screen then says what to do. */
static enum hf_err refusal(const struct hf_result *r)
{
	char name[CAUSE_MAX] = "";
	enum hf_err err;

	if (r->cause.len == 0 || r->cause.len >= sizeof(name))
		return HF_ERR_CONTROLLER_REFUSED;
	memcpy(name, r->cause.ptr, r->cause.len);
	err = hf_err_from_name(name);
	return err == HF_OK || err == HF_ERR_INTERNAL ? HF_ERR_CONTROLLER_REFUSED : err;
}

static bool same_image(const struct hf_result_image *a, const struct hf_result_image *b)
{
	if (a->count == 0 || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same(a->digests[i], b->digests[i]))
			return false;
	return true;
}

/* By its digests: what it is called is for people. */
static enum hf_err check_image(const struct hf_result *r, const struct hf_result_image *loaded)
{
	for (size_t i = 0; i < r->image_count; i++)
		if (same_image(&r->images[i], loaded))
			return HF_OK;
	return HF_ERR_TICKET_IMAGE;
}

static enum hf_err check_release(const struct hf_result *r, const struct hf_ticket_want *want)
{
	if (r->release == HF_RELEASE_SERVICE)
		return want->service.count ? check_image(r, &want->service) : HF_ERR_SERVICE_MISSING;
	if (r->release != HF_RELEASE_TENANT)
		return HF_ERR_RESULT_SHAPE;
	/* The controller affirms what this host itself refuses: they do not judge by the same. */
	if (want->refused_locally)
		return HF_ERR_TICKET_POLICY;
	if (r->status != HF_EAR_AFFIRMING && r->status != HF_EAR_WARNING)
		return HF_ERR_RESULT_SHAPE;
	return check_image(r, &want->tenant);
}

enum hf_err hf_ticket_check(const struct hf_result *ticket, const struct hf_ticket_want *want,
			    enum hf_release_kind *ret_release)
{
	enum hf_err err;

	if (ticket->release == HF_RELEASE_NOTHING)
		return refusal(ticket);
	if (ticket->kind != HF_EVIDENCE_GATE)
		return HF_ERR_RESULT_SHAPE;
	if (!same(ticket->ak_name, want->ak_name))
		return HF_ERR_TICKET_KEY;
	if (!same(ticket->boot_key, want->boot_key))
		return HF_ERR_TICKET_BOOT;
	if (!same(ticket->quote, want->quote) || !same(ticket->nonce, want->nonce))
		return HF_ERR_TICKET_QUOTE;
	if (!same(ticket->reclaim, want->reclaim))
		return HF_ERR_TICKET_RECLAIM;
	if (ticket->generation != want->generation || !same(ticket->mode, want->mode))
		return HF_ERR_TICKET_POLICY;
	if (want->seconds_since_quote >= ticket->seconds)
		return HF_ERR_TICKET_EXPIRED;
	err = check_release(ticket, want);
	if (!err)
		*ret_release = ticket->release;
	return err;
}
