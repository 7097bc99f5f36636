/* SPDX-License-Identifier: GPL-3.0-or-later */
/* POST /v1/agent/evidence: the cheap questions first, then the judgement; what came of it is in the
 * store before anybody hears of it. */
#include <stdio.h>

#include "controller/server/appraisal_json.h"
#include "controller/server/make_ticket.h"
#include "controller/server/reply.h"
#include "controller/server/ring.h"
#include "controller/server/seal.h"
#include "controller/trial.h"

struct work {
	struct hf_request *request;
	struct hf_response *response;
	struct hf_evidence evidence;
	struct hf_challenge_record challenge;
	struct hf_host_record host;
	struct hf_digest quote;
	struct hf_judge_input input;
	struct hf_judgement *judgement;
	struct hf_ring_set *ring;	/* NULL: the host is in none, or what it observes cannot be had */
	char observed_why[2 * HF_TRIAL_TEXT + 80];
	const char *observed;
	char actor[HF_HOST_ID_MAX + 8];
	struct hf_fault fault;
};

static struct hf_span bytes(const struct hf_digest *d)
{
	return (struct hf_span){ d->bytes, 32 };
}

static void refuse(struct work *w, enum hf_err cause)
{
	hf_reply_refused(w->request, w->host.inventory.id ? &w->host : NULL, cause, w->fault.detail, w->response);
}

/* ---- the answer ---- */

/* Inside this TLS session, for this boot key, and for nobody else. */
static enum hf_err open_secret(struct work *w, struct hf_span *ret)
{
	struct hf_controller *c = w->request->controller;
	struct hf_writer out = { .buf = hf_arena_take(w->request->arena, HF_WIRE_SECRET_MAX),
				 .cap = HF_WIRE_SECRET_MAX };
	struct hf_span sealed;
	enum hf_err err = hf_store_secret_get(c->store, w->host.inventory.id, w->challenge.reclaim,
					      w->request->arena, &sealed, &w->fault);

	if (err || !sealed.len)
		return err;
	if (!c->seal_key || !out.buf)
		return HF_ERR_INTERNAL;
	err = hf_seal_open(c->seal_key, w->host.inventory.id, w->challenge.reclaim, sealed, &out);
	*ret = hf_written(&out);
	return err ? HF_ERR_INTERNAL : HF_OK;
}

static void answer(struct work *w, const struct hf_verdict_record *v)
{
	struct hf_wire_reply reply = { .message = v->result };
	enum hf_err err = HF_OK;

	reply.kind = v->release == HF_RELEASE_NOTHING ? HF_WIRE_REFUSED : HF_WIRE_TICKET;
	if (v->release == HF_RELEASE_TENANT)
		err = open_secret(w, &reply.secret);
	if (err)
		hf_reply_unavailable(w->request, err, "the tenant's secret cannot be opened", w->response);
	else
		hf_reply_put(w->request, &reply, w->response);
}

/* The reply was lost: the very same quote over the very same key gets the very same result. */
static void answer_again(struct work *w)
{
	struct hf_verdict_record v;
	enum hf_err err = hf_span_equal(w->challenge.quote, bytes(&w->quote)) ? HF_OK : HF_ERR_NONCE_USED;

	if (!err)
		err = hf_store_verdict_get(w->request->controller->store, w->challenge.verdict, w->request->arena,
					   &v, &w->fault);
	/* An operator has held or reclaimed the host since: its ticket is nobody's any more. */
	if (!err && v.release != HF_RELEASE_NOTHING &&
	    (w->host.state != HF_LEASE_IN_USE || !hf_span_equal(w->host.reclaim, v.reclaim)))
		err = HF_ERR_STATE_CHANGED;
	if (err)
		refuse(w, err);
	else
		answer(w, &v);
}

/* ---- the record ---- */

static void find_drift(struct work *w, struct hf_drift *ret)
{
	struct hf_verdict_record before;
	struct hf_fault fault;

	*ret = (struct hf_drift){ .total = 0 };
	if (w->judgement->kind != HF_EVIDENCE_GATE || !w->judgement->v.claims.part_count)
		return;
	if (hf_store_last_evidence(w->request->controller->store, w->host.inventory.id, HF_EVIDENCE_GATE, true,
				   (struct hf_span){ NULL, 0 }, w->request->arena, &before, &fault) != HF_OK)
		return;
	hf_drift_compare(&before, &w->judgement->v.claims, w->evidence.claims, w->request->arena, ret);
}

static enum hf_err record(struct work *w, const char *report, struct hf_verdict_record *ret)
{
	struct hf_request *r = w->request;
	const struct hf_by by = { w->actor, r->now };
	struct hf_digest body;
	struct hf_result result;
	enum hf_err err = hf_result_make(&w->input, w->judgement, &r->controller->config, r->arena, &result);

	*ret = hf_verdict_of(&w->input, w->judgement);
	if (!err)
		err = hf_result_sign(&result, r->controller->ticket_key, r->arena, &ret->result);
	if (!err)
		err = hf_digest(HF_ALG_SHA256, r->body, &body);
	if (err)
		return HF_ERR_INTERNAL;
	ret->evidence_digest = bytes(&body);
	ret->evidence = r->body;
	ret->report = report;
	ret->ring = w->host.inventory.ring;
	ret->observed = w->observed;
	ret->observed_why = w->observed_why;
	return hf_store_verdict(r->controller->store, ret, &by, &w->fault);
}

static void record_and_answer(struct work *w)
{
	struct hf_verdict_record v;
	struct hf_drift drift;
	const char *report = NULL;
	enum hf_err err;

	find_drift(w, &drift);
	err = hf_appraisal_json(w->judgement, &drift, w->request->arena, &report);
	if (!err)
		err = record(w, report, &v);
	/* Another controller recorded other evidence of this host meanwhile: this one is refused. */
	if (err == HF_ERR_RESET_COUNT && w->judgement->release != HF_RELEASE_NOTHING) {
		hf_judge_refuse(w->judgement, err, "other evidence of this boot came first");
		err = record(w, report, &v);
	}
	if (err == HF_ERR_NONCE_USED &&	/* the same evidence at two controllers at once */
	    hf_store_challenge_get(w->request->controller->store, w->evidence.nonce, w->request->arena,
				   &w->challenge, &w->fault) == HF_OK && w->challenge.used &&
	    hf_store_host(w->request->controller->store, w->challenge.host, w->request->arena, &w->host,
			  &w->fault) == HF_OK) {
		answer_again(w);
		return;
	}
	if (err) {
		refuse(w, err);
		return;
	}
	hf_tell_verdict(w->request->controller, &v);
	hf_tell_drift(w->request->controller, &v, &drift);
	answer(w, &v);
}

/* What the enrolled key did not sign over this challenge is no word of the host's, and changes
 * nothing about it. */
static void note_and_refuse(struct work *w)
{
	const struct hf_by by = { w->request->actor, w->request->now };
	char detail[128];

	snprintf(detail, sizeof(detail), "{\"cause\":\"%s\"}", hf_err_name(w->judgement->cause));
	snprintf(w->fault.detail, sizeof(w->fault.detail), "%s", w->judgement->detail);
	if (hf_store_note_often(w->request->controller->store, "evidence-refused", w->host.inventory.id, detail,
				&by, &(struct hf_fault){ .err = HF_OK }) != HF_OK)
		hf_log_event("error", "note-failed", "host", w->host.inventory.id, NULL);
	refuse(w, w->judgement->cause ? w->judgement->cause : HF_ERR_AK_OTHER);
}

/* What a ring of stage observe would say: recorded beside the verdict, which it does not change. */
static void observe(struct work *w, const struct hf_policy_set *policy)
{
	const struct hf_trial_input in = { .evidence = &w->evidence, .trust = &policy->trust, .now = w->request->now,
					   .manifests = w->ring ? w->ring->manifests : NULL };
	struct hf_trial_verdict v;
	struct hf_fault fault = { 0 };
	const size_t mark = w->request->arena->len;
	enum hf_err err;

	if (!w->ring || w->ring->stage != HF_RING_OBSERVE || w->judgement->kind != HF_EVIDENCE_GATE)
		return;
	err = hf_trial_judge(&in, w->request->arena, &v, &fault);
	w->request->arena->len = mark;	/* who only looks on takes no room from the verdict */
	w->observed = err ? "unjudged" : hf_trial_outcome_name(v.outcome);
	if (err)
		snprintf(w->observed_why, sizeof(w->observed_why), "%s: %s", hf_err_name(err), fault.detail);
	else if (v.cause != HF_OK)
		snprintf(w->observed_why, sizeof(w->observed_why), "%s%s%s%s%s", hf_err_name(v.cause),
			 v.place[0] ? " at " : "", v.place, v.found[0] ? ": " : "", v.found);
}

/* The host's ring. One that only observes and cannot be had is no reason to hold anybody. */
static enum hf_err find_ring(struct work *w, struct hf_policy_set *policy)
{
	const char *name = w->host.inventory.ring;
	struct hf_controller *c = w->request->controller;
	struct hf_ring_record ring;
	enum hf_err err;

	if (!*name)
		return HF_OK;
	err = hf_ring_take(c, policy, name, w->request->arena, &w->ring, &w->fault);
	if (!err || hf_store_ring(c->store, name, HF_RING_ALONE, w->request->arena, &ring, &(struct hf_fault){ 0 }) != HF_OK ||
	    ring.stage != HF_RING_OBSERVE)
		return err;
	hf_log_event("error", "ring-unusable", "ring", name, "cause", hf_err_name(err), "detail", w->fault.detail, NULL);
	w->observed = "unjudged";
	snprintf(w->observed_why, sizeof(w->observed_why), "%s: %s", hf_err_name(err), w->fault.detail);
	return HF_OK;
}

static void judge(struct work *w, struct hf_policy_set *policy)
{
	struct hf_request *r = w->request;
	enum hf_err err = policy ? find_ring(w, policy) : HF_OK;

	if (err) {	/* the ring is the controller's trouble, and no word about the host */
		hf_reply_unavailable(r, err, w->fault.detail, w->response);
		return;
	}

	w->judgement = hf_arena_take(r->arena, sizeof(*w->judgement));
	if (!w->judgement || !policy) {
		hf_reply_unavailable(r, HF_ERR_NO_MEMORY, "no memory or no manifests", w->response);
		return;
	}
	w->input = (struct hf_judge_input){
		.evidence = &w->evidence, .host = &w->host, .challenge = &w->challenge,
		.manifests = hf_ring_gate(w->ring, policy), .trust = &policy->trust, .client_key = bytes(&r->client_key),
		.least_tpm_firmware = r->controller->config.least_tpm_firmware, .now = r->now,
		.ring = w->ring && w->ring->stage != HF_RING_OBSERVE ? w->ring->name : NULL,
	};
	hf_judge(&w->input, r->arena, w->judgement);
	if (w->judgement->authentic)
		observe(w, policy);
	/* What is wrong with this controller is no verdict about the host. */
	if (w->judgement->cause == HF_ERR_NO_MEMORY || w->judgement->cause == HF_ERR_INTERNAL)
		refuse(w, w->judgement->cause);
	else if (w->judgement->authentic)
		record_and_answer(w);
	else
		note_and_refuse(w);
}

/* ---- the cheap questions ---- */

static enum hf_err find(struct work *w)
{
	struct hf_store *store = w->request->controller->store;
	enum hf_err err = hf_evidence_from_cmw_cbor(w->request->body, &w->evidence);

	if (!err && w->evidence.nonce.len != HF_WIRE_NONCE)
		err = HF_ERR_NONCE_UNKNOWN;
	if (!err)
		err = hf_store_challenge_get(store, w->evidence.nonce, w->request->arena, &w->challenge, &w->fault);
	if (!err && (!w->request->has_client_key ||
		     !hf_span_equal(bytes(&w->request->client_key), w->challenge.boot_key)))
		err = HF_ERR_BOOT_KEY_OTHER;
	if (!err)
		err = hf_digest(HF_ALG_SHA256, w->evidence.quote, &w->quote);
	if (!err)
		err = hf_store_host(store, w->challenge.host, w->request->arena, &w->host, &w->fault);
	return err;
}

static enum hf_err still_open(const struct work *w)
{
	if (w->challenge.until < w->request->now)
		return HF_ERR_NONCE_EXPIRED;
	return w->challenge.open ? HF_OK : HF_ERR_STATE_CHANGED;
}

void hf_agent_evidence(struct hf_request *request, struct hf_response *response)
{
	struct work w = { .request = request, .response = response };
	struct hf_policy_set *policy;
	enum hf_err err = find(&w);

	if (!err && w.challenge.used) {
		answer_again(&w);
		return;
	}
	if (!err)
		err = still_open(&w);
	if (err) {
		refuse(&w, err);
		return;
	}
	snprintf(w.actor, sizeof(w.actor), "host:%s", w.host.inventory.id);
	policy = hf_policy_take(request->controller);
	judge(&w, policy);
	hf_ring_drop(w.ring);
	if (policy)
		hf_policy_drop(policy);
}
