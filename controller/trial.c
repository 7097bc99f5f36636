/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/trial.h"

#include <stdio.h>

#include "manifests/fence.h"
#include "manifests/verify.h"

const char *hf_trial_outcome_name(enum hf_trial_outcome outcome)
{
	static const char *const names[] = {
		[HF_TRIAL_ADMIT] = "admitted", [HF_TRIAL_WARN] = "warned", [HF_TRIAL_FENCE] = "isolated",
		[HF_TRIAL_WOULD_HOLD] = "would-hold", [HF_TRIAL_HOLD] = "held",
	};

	return (size_t)outcome < HF_TRIAL_OUTCOMES ? names[outcome] : "held";
}

/* Cut, and made printable: it came from a host. */
static void keep(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text ? text : "");
	for (char *c = out; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static enum hf_trial_outcome outcome_of(enum hf_status status, enum hf_mode mode)
{
	switch (status) {
	case HF_STATUS_ACCEPTED:
		return HF_TRIAL_ADMIT;
	case HF_STATUS_WARNED:
		return HF_TRIAL_WARN;
	case HF_STATUS_ISOLATED:
		return mode == HF_MODE_AUDIT ? HF_TRIAL_WOULD_HOLD : HF_TRIAL_FENCE;
	case HF_STATUS_HELD:
		return mode == HF_MODE_AUDIT ? HF_TRIAL_WOULD_HOLD : HF_TRIAL_HOLD;
	}
	return HF_TRIAL_HOLD;
}

static const struct hf_finding *find(const struct hf_finding *list, enum hf_err cause)
{
	while (list && list->cause != cause)
		list = list->next;
	return list;
}

/* What the verdict's cause was found in. */
static const struct hf_finding *finding_of(const struct hf_verdict *v)
{
	const struct hf_finding *f = NULL;

	for (const struct hf_part_verdict *p = v->parts; p && !f; p = p->next)
		if (!v->cause_place || strcmp(p->place, v->cause_place) == 0)
			f = find(p->findings, v->cause);
	return f ? f : find(v->boot, v->cause);
}

static void describe(const struct hf_verdict *v, const struct hf_model *model, struct hf_trial_verdict *ret)
{
	const struct hf_finding *f = v->cause != HF_OK ? finding_of(v) : NULL;

	*ret = (struct hf_trial_verdict){ .outcome = outcome_of(v->status, model->mode), .cause = v->cause,
					  .generation = model->generation };
	keep(ret->model, sizeof(ret->model), model->name);
	keep(ret->place, sizeof(ret->place), v->cause_place);
	if (!f)
		return;
	keep(ret->mkey, sizeof(ret->mkey), f->mkey);
	keep(ret->found, sizeof(ret->found), f->found);
	keep(ret->expected, sizeof(ret->expected), f->expected);
	keep(ret->rule, sizeof(ret->rule), f->rule);
}

static void no_model(enum hf_err cause, const char *detail, struct hf_trial_verdict *ret)
{
	*ret = (struct hf_trial_verdict){ .outcome = HF_TRIAL_HOLD, .cause = cause };
	keep(ret->place, sizeof(ret->place), "host");
	keep(ret->found, sizeof(ret->found), detail);
}

/* ---- a scan ---- */

static const char *host_text(const struct hf_claims *claims, const char *mkey)
{
	const struct hf_part *host = hf_claims_find_part(claims, "host");
	const struct hf_measurement *m = host ? hf_measurement_find(host->measurements, mkey) : NULL;

	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}

static enum hf_err judge_scan(const struct hf_trial_input *in, struct hf_arena *arena,
			      struct hf_trial_verdict *ret, struct hf_fault *fault)
{
	struct hf_claims claims;
	struct hf_appraise_input input = { .claims = &claims, .manifests = in->manifests, .now = in->now };
	struct hf_verdict verdict = { .parts = NULL };
	const char *vendor, *product;
	char detail[HF_TRIAL_TEXT];
	enum hf_err err;

	hf_claims_init(&claims, arena);
	err = hf_claims_decode(&claims, in->evidence->claims);
	if (err)
		return hf_fail(fault, err, "claims", "%zu bytes", in->evidence->claims.len);
	vendor = host_text(&claims, "smbios/vendor");
	product = host_text(&claims, "smbios/product");
	err = hf_model_choose(in->manifests, vendor, product, &input.model);
	if (err) {
		snprintf(detail, sizeof(detail), "vendor \"%.60s\", product \"%.60s\"", vendor ? vendor : "",
			 product ? product : "");
		no_model(err, detail, ret);
		return HF_OK;
	}
	hf_appraise(&input, arena, &verdict);
	describe(&verdict, input.model, ret);
	return HF_OK;
}

/* ---- a boot ---- */

/* Before anything is judged: what the host shows must be what its TPM signed. What the host thought of
 * itself (END) is no part of it. */
static enum hf_err genuine(const struct hf_verification *v, struct hf_fault *fault)
{
	static const enum hf_check needed[] = { HF_CHECK_LOG, HF_CHECK_BEGIN, HF_CHECK_CLAIMS, HF_CHECK_KEY,
						HF_CHECK_QUOTE };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (v->checks[needed[i]].outcome != HF_OUTCOME_OK)
			return hf_fail(fault, v->checks[needed[i]].cause != HF_OK ? v->checks[needed[i]].cause :
				       HF_ERR_EVIDENCE_SHAPE, hf_check_name(needed[i]), "%s",
				       v->checks[needed[i]].detail);
	return HF_OK;
}

static void worst_of_checks(const struct hf_verification *v, struct hf_trial_verdict *ret)
{
	static const enum hf_check own[] = { HF_CHECK_FIRMWARE_LOG, HF_CHECK_TRANSCRIPTS, HF_CHECK_BOOT };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && ret->outcome < HF_TRIAL_WOULD_HOLD; i++) {
		const struct hf_check_result *c = &v->checks[own[i]];

		if (c->outcome != HF_OUTCOME_FAILED)
			continue;
		ret->outcome = v->model->mode == HF_MODE_AUDIT ? HF_TRIAL_WOULD_HOLD : HF_TRIAL_HOLD;
		ret->cause = c->cause;
		keep(ret->place, sizeof(ret->place), hf_check_name(own[i]));
		keep(ret->found, sizeof(ret->found), c->detail);
	}
}

/* What the host said of itself then. One that was held before its verdict said nothing. */
static void take_recorded(const struct hf_verification *v, struct hf_trial_verdict *ret)
{
	char name[64] = "";

	ret->has_recorded = v->checks[HF_CHECK_END].outcome != HF_OUTCOME_SKIPPED && v->end.part_count > 0;
	if (!ret->has_recorded)
		return;
	ret->recorded = outcome_of(v->end.verdict, v->end.mode);
	if (v->end.cause.len && v->end.cause.len < sizeof(name)) {
		memcpy(name, v->end.cause.ptr, v->end.cause.len);
		ret->recorded_cause = hf_err_from_name(name);
	}
}

static enum hf_err judge_boot(const struct hf_trial_input *in, struct hf_arena *arena,
			      struct hf_trial_verdict *ret, struct hf_fault *fault)
{
	struct hf_verification *v = hf_arena_take(arena, sizeof(*v));
	const struct hf_verify_options options = { .manifests = in->manifests, .trust = in->trust,
						   .nonce = in->evidence->nonce, .now = in->now,
						   .pcr = hf_log_pcr(in->evidence->log) };
	enum hf_err err;

	if (!v)
		return hf_fail(fault, HF_ERR_LIMIT, "evidence", "%s", "too large");
	hf_verify_evidence(in->evidence, &options, arena, v);
	err = genuine(v, fault);
	if (err)
		return err;
	if (v->model)
		describe(&v->verdict, v->model, ret);
	else
		no_model(v->checks[HF_CHECK_MODEL].cause, v->checks[HF_CHECK_MODEL].detail, ret);
	if (v->model)
		worst_of_checks(v, ret);
	take_recorded(v, ret);
	return HF_OK;
}

enum hf_err hf_trial_judge(const struct hf_trial_input *in, struct hf_arena *arena,
			   struct hf_trial_verdict *ret, struct hf_fault *fault)
{
	return in->evidence->quote.len ? judge_boot(in, arena, ret, fault) : judge_scan(in, arena, ret, fault);
}

void hf_trial_serial(const struct hf_evidence *evidence, struct hf_arena *arena, char out[static HF_TRIAL_TEXT])
{
	static const char *const keys[] = { "smbios/serial", "smbios/chassis-serial" };
	struct hf_claims claims;

	out[0] = '\0';
	hf_claims_init(&claims, arena);
	if (hf_claims_decode(&claims, evidence->claims) != HF_OK)
		return;
	for (size_t i = 0; i < 2 && !out[0]; i++)
		keep(out, HF_TRIAL_TEXT, host_text(&claims, keys[i]));
}
