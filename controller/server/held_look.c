/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/held_look.h"

#include "controller/server/appraisal_json.h"
#include "controller/server/judge.h"
#include "controller/server/ring.h"

static const char *copy(struct hf_request *r, const char *text)
{
	const char *kept = text ? hf_arena_text(r->arena, text, strlen(text)) : NULL;

	return kept ? kept : "";
}

static void find_drift(struct hf_request *r, const struct hf_evidence *evidence, const char *host,
		       const struct hf_verification *v, struct hf_drift *ret)
{
	struct hf_verdict_record before;
	struct hf_fault fault;

	if (v->checks[HF_CHECK_CLAIMS].outcome == HF_OUTCOME_OK && v->claims.part_count &&
	    hf_store_last_evidence(r->controller->store, host, HF_EVIDENCE_GATE, true, (struct hf_span){ NULL, 0 },
				   r->arena, &before, &fault) == HF_OK)
		hf_drift_compare(&before, &v->claims, evidence->claims, r->arena, ret);
}

/* By the manifests that a gate of this host's ring is judged by. */
static void judge(struct hf_request *r, const struct hf_evidence *evidence, const struct hf_host_record *host,
		  const struct hf_manifests *manifests, const struct hf_policy_set *policy, enum hf_err cause,
		  struct hf_held_look *ret)
{
	struct hf_judgement *j = hf_arena_take(r->arena, sizeof(*j));
	const struct hf_verify_options options = {
		.manifests = manifests, .trust = &policy->trust, .nonce = evidence->nonce,
		.pcr = hf_log_pcr(evidence->log), .now = r->now,
	};

	if (!j)
		return;
	*j = (struct hf_judgement){ .kind = HF_EVIDENCE_HELD, .place = "" };
	hf_verify_evidence(evidence, &options, r->arena, &j->v);
	find_drift(r, evidence, host->inventory.id, &j->v, &ret->drift);
	if (hf_appraisal_json(j, &ret->drift, r->arena, &ret->report) != HF_OK)
		ret->report = "{}";
	ret->model = copy(r, j->v.model ? j->v.model->name : NULL);
	if (j->v.verdict.parts && j->v.verdict.cause == cause)
		ret->place = copy(r, j->v.verdict.cause_place);
}

void hf_held_look(struct hf_request *r, const struct hf_evidence *evidence, const struct hf_host_record *host,
		  enum hf_err cause, struct hf_held_look *ret)
{
	struct hf_policy_set *policy = hf_policy_take(r->controller);
	struct hf_ring_set *ring = NULL;
	struct hf_fault fault = { 0 };

	*ret = (struct hf_held_look){ .place = "", .model = "", .report = "{}" };
	if (!policy)
		return;
	if (!*host->inventory.ring ||
	    hf_ring_take(r->controller, policy, host->inventory.ring, r->arena, &ring, &fault) == HF_OK)
		judge(r, evidence, host, hf_ring_gate(ring, policy), policy, cause, ret);
	hf_ring_drop(ring);
	hf_policy_drop(policy);
}
