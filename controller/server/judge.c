/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/judge.h"

#include <stdarg.h>
#include <stdio.h>

#include "controller/server/judge_internal.h"
#include "manifests/appraise_parts.h"

void hf_judge_say(struct hf_judgement *j, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(j->detail, sizeof(j->detail), format, args);
	va_end(args);
	for (char *c = j->detail; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

void hf_judge_refuse(struct hf_judgement *j, enum hf_err cause, const char *detail)
{
	j->cause = cause;
	j->place = "";
	j->status = HF_EAR_CONTRAINDICATED;
	j->release = HF_RELEASE_NOTHING;
	j->image_count = 0;
	hf_judge_say(j, "%s", detail);
}

/* ---- who signed this ---- */

/* hf_quote_verify looks at signature, hierarchy and nonce before it looks at any PCR. */
static bool nonce_signed(enum hf_err err)
{
	return err == HF_OK || err == HF_ERR_QUOTE_SELECTION || err == HF_ERR_QUOTE_PCR_DIGEST;
}

static enum hf_err enrolled_key(const struct hf_judge_input *in, struct hf_ak *ret)
{
	enum hf_err err = hf_ak_parse(in->evidence->ak, ret);

	if (err)
		return err;
	return hf_span_equal(in->host->ak_name, (struct hf_span){ ret->name, sizeof(ret->name) }) ? HF_OK :
	       HF_ERR_AK_OTHER;
}

/* Before anything else that was sent is looked at: parsing megabytes is done for a host of ours, and
 * not for whoever asks. */
static enum hf_err who_signed(const struct hf_judge_input *in)
{
	const struct hf_evidence *e = in->evidence;
	struct hf_pcrs none = { .alg = HF_ALG_SHA256 };
	struct hf_ak ak;
	enum hf_err err = enrolled_key(in, &ak);

	if (!err)
		err = hf_quote_verify(&ak, e->quote, e->signature, e->nonce, HF_QUOTE_PCRS, &none, NULL);
	return nonce_signed(err) ? HF_OK : err;
}

static void take_counts(const struct hf_judge_input *in, struct hf_judgement *j)
{
	struct hf_quote quote;

	j->has_counts = j->authentic && hf_quote_parse(in->evidence->quote, &quote) == HF_OK;
	if (!j->has_counts)
		return;
	j->reset_count = quote.reset_count;
	j->restart_count = quote.restart_count;
	j->firmware_version = quote.firmware_version;
}

/* ---- known, old firmware and nothing else ---- */

static bool is_update(enum hf_err cause)
{
	return hf_err_class(cause) == HF_CLASS_UPDATE;
}

/* Findings beyond those that are kept count as well, and nobody knows what they are. */
static bool only_updates(const struct hf_finding *list, enum hf_action least)
{
	size_t count = 0;

	for (; list; list = list->next, count++)
		if ((list->action == least || least == HF_ACTION_WARN) && !is_update(list->cause))
			return false;
	return count < HF_FINDINGS_MAX;
}

/* What was held is not asked again by hf_verify_evidence; what is to start something is. */
static bool asked_again(const struct hf_verification *v)
{
	for (const struct hf_signer *s = v->signers; s; s = s->next)
		if (s->signatures && !s->has_again)
			return false;
	return true;
}

bool hf_judge_is_update(const struct hf_verification *v)
{
	for (enum hf_check c = 0; c < HF_CHECK_COUNT; c++) {
		const struct hf_check_result *r = &v->checks[c];

		if (r->outcome == HF_OUTCOME_OK || (r->outcome == HF_OUTCOME_SKIPPED && c == HF_CHECK_RECEIPT))
			continue;
		if (r->outcome != HF_OUTCOME_FAILED || !is_update(r->cause))
			return false;
		if (c != HF_CHECK_END && c != HF_CHECK_PARTS && c != HF_CHECK_BOOT)
			return false;
	}
	for (const struct hf_part_verdict *p = v->verdict.parts; p; p = p->next)
		if (!only_updates(p->findings, HF_ACTION_HOLD))
			return false;
	return only_updates(v->verdict.boot, HF_ACTION_WARN) && v->verdict.agent_image && asked_again(v);
}

/* ---- the decision ---- */

static enum hf_check first_failed(const struct hf_verification *v)
{
	enum hf_check c = 0;

	while (c < HF_CHECK_BOOT && v->checks[c].outcome != HF_OUTCOME_FAILED)
		c++;
	return c;
}

static void refuse_by_verification(struct hf_judgement *j)
{
	enum hf_check c = first_failed(&j->v);
	const struct hf_check_result *r = &j->v.checks[c];

	hf_judge_refuse(j, j->v.cause, "");
	if (r->outcome == HF_OUTCOME_FAILED)
		hf_judge_say(j, "%s%s%s", hf_check_name(c), r->detail[0] ? ": " : "", r->detail);
	if (c == HF_CHECK_PARTS && j->v.verdict.cause_place)
		j->place = j->v.verdict.cause_place;
}

static enum hf_ear_status affirmed(const struct hf_judgement *j)
{
	return j->audit || j->v.verdict.status != HF_STATUS_ACCEPTED ? HF_EAR_WARNING : HF_EAR_AFFIRMING;
}

/* A tenant's evidence gets an answer, and never anything else. */
static void judge_tenant(const struct hf_judge_input *in, struct hf_judgement *j)
{
	enum hf_err err = j->v.cause;

	if (!hf_judge_own_tenant(in, j))
		return;
	if (err == HF_ERR_PCR_REFUSED)	/* a diagnosis is never affirmed, and nothing else is wrong */
		err = HF_OK;
	if (err) {
		refuse_by_verification(j);
		return;
	}
	hf_judge_refuse(j, HF_ERR_HOST_IN_USE, "a tenant's evidence gets no ticket");
	j->status = HF_EAR_WARNING;
}

static void choose_images(const struct hf_judge_input *in, struct hf_judgement *j)
{
	const char *tenant = in->host->tenant;
	enum hf_err err = hf_judge_images(in->manifests, j->release, tenant, j->images, &j->image_count);

	if (!err)
		return;
	if (j->release == HF_RELEASE_SERVICE) {	/* the refusal that it would have been */
		j->release = HF_RELEASE_NOTHING;
		return;
	}
	hf_judge_refuse(j, err, "");
	hf_judge_say(j, "%s%s", tenant && *tenant ? "the lease may start only " :
		     "the controller's lists name none, or more than a ticket holds",
		     tenant && *tenant ? tenant : "");
}

static void judge_gate(const struct hf_judge_input *in, struct hf_judgement *j)
{
	bool update = j->v.cause && hf_judge_is_update(&j->v);

	if (!hf_judge_own_first(in, j))
		return;
	if (j->v.cause && !update) {
		refuse_by_verification(j);
		return;
	}
	if (!hf_judge_own(in, j))
		return;
	if (update)
		refuse_by_verification(j);
	else if (j->firmware_version < in->least_tpm_firmware)
		hf_judge_refuse(j, HF_ERR_TPM_FIRMWARE_OLD, "");
	else
		j->status = affirmed(j);
	j->release = j->cause ? HF_RELEASE_SERVICE : HF_RELEASE_TENANT;
	choose_images(in, j);
}

void hf_judge(const struct hf_judge_input *in, struct hf_arena *arena, struct hf_judgement *ret)
{
	struct hf_judgement *j = ret;
	struct hf_verify_options options = {
		.manifests = in->manifests, .trust = in->trust, .nonce = in->evidence->nonce,
		.now = in->now,
	};
	enum hf_err err;

	*j = (struct hf_judgement){ .kind = in->challenge->kind, .cause = HF_ERR_INTERNAL, .place = "",
				    .status = HF_EAR_CONTRAINDICATED };
	if (hf_digest(HF_ALG_SHA256, in->evidence->quote, &j->quote) != HF_OK)
		return;
	err = who_signed(in);
	if (err) {
		hf_judge_refuse(j, err, "");
		return;
	}
	j->authentic = options.quote_signed = true;
	options.pcr = hf_log_pcr(in->evidence->log);
	hf_verify_evidence(in->evidence, &options, arena, &j->v);
	j->audit = j->v.model && j->v.model->mode == HF_MODE_AUDIT;
	take_counts(in, j);
	j->cause = HF_OK;
	if (j->kind == HF_EVIDENCE_GATE)
		judge_gate(in, j);
	else
		judge_tenant(in, j);
}
