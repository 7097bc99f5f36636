/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GET /v1/hosts/{id}/result and .../drift: what others rely on. The result is signed now and says
 * how the host stands now; it releases nothing, so nobody can give it to an agent as a ticket. */
#include "controller/server/api_json.h"
#include "controller/server/appraisal_json.h"
#include "controller/server/make_ticket.h"
#include "controller/server/result_jwt.h"

struct work {
	struct hf_request *request;
	struct hf_host_record host;
	struct hf_verdict_record verdict;
	struct hf_result result;
	struct hf_fault fault;
};

static void say(struct work *w, enum hf_ear_status status, enum hf_err cause, const char *detail)
{
	w->result.status = status;
	w->result.cause = hf_span_text(hf_err_name(cause));
	w->result.detail = hf_span_text(detail);
}

/* The verdict that put the host where it is, as it was recorded. */
static enum hf_err take_verdict(struct work *w)
{
	struct hf_verdict_record *v = &w->verdict;
	struct hf_result *r = &w->result;
	enum hf_err err;

	if (!w->host.last_verdict_id)
		return HF_ERR_HOST_NOT_RECLAIMED;
	err = hf_store_verdict_get(w->request->controller->store, w->host.last_verdict_id, w->request->arena, v,
				   &w->fault);
	if (err)
		return err;
	r->status = v->status;
	r->nonce = v->nonce;
	r->quote = v->quote;
	r->boot_key = v->boot_key;
	r->cause = hf_span_text(v->cause);
	r->place = hf_span_text(v->place);
	r->detail = hf_span_text(v->detail);
	return HF_OK;
}

/* A verdict of an earlier reclaim says nothing of this one. */
static bool is_of_now(const struct work *w)
{
	return hf_span_equal(w->verdict.reclaim, w->host.reclaim);
}

static void say_in_use(struct work *w)
{
	if (take_verdict(w) != HF_OK || !is_of_now(w) || w->verdict.release == HF_RELEASE_NOTHING) {
		say(w, HF_EAR_NONE, HF_ERR_HOST_NOT_RECLAIMED, "it is in use without a ticket");
		return;
	}
	if (w->verdict.release == HF_RELEASE_SERVICE)
		w->result.status = HF_EAR_CONTRAINDICATED;
	else if (!w->verdict.cause[0])
		w->result.detail = hf_span_text(w->verdict.receipt_at ? "released, receipt came" :
						"released, no receipt yet");
}

static void say_held(struct work *w)
{
	const char *by = w->host.held_by;

	if (strncmp(by, "host:", 5) == 0 && take_verdict(w) == HF_OK && is_of_now(w) &&
	    w->verdict.release == HF_RELEASE_NOTHING) {
		w->result.status = HF_EAR_CONTRAINDICATED;
		return;
	}
	w->result = (struct hf_result){ .time = w->result.time, .verifier = w->result.verifier,
					.host = w->result.host, .mode = w->result.mode, .kind = w->result.kind };
	say(w, HF_EAR_CONTRAINDICATED, w->host.last_verdict_id || *by ? HF_ERR_HOST_HELD :
	    HF_ERR_HOST_NOT_RECLAIMED, w->host.held_why);
}

static void say_state(struct work *w)
{
	struct hf_result *r = &w->result;

	r->host = hf_span_text(w->host.inventory.id);
	r->lease = hf_span_text(w->host.lease);
	r->reclaim = w->host.reclaim;
	r->ak_name = w->host.ak_name;
	switch (w->host.state) {
	case HF_LEASE_IN_USE:
		say_in_use(w);
		return;
	case HF_LEASE_RECLAIMED:
	case HF_LEASE_CHALLENGED:
		say(w, HF_EAR_NONE, HF_ERR_NOT_MEASURED, "reclaimed, and no verdict since");
		return;
	case HF_LEASE_HELD:
		say_held(w);
		return;
	}
}

/* As CWT, or as JWT for whoever asks for that. */
static enum hf_err sign(struct hf_request *request, const struct hf_result *result, struct hf_response *response)
{
	const struct hf_key *key = request->controller->ticket_key;
	struct hf_writer w;
	enum hf_err err;

	*response = (struct hf_response){ .status = 200, .content_type = HF_RESULT_TYPE };
	if (!request->accept || strcmp(request->accept, HF_RESULT_JWT_TYPE) != 0)
		return hf_result_sign(result, key, request->arena, &response->body);
	w = (struct hf_writer){ .buf = hf_arena_take(request->arena, HF_RESULT_JWT_MAX), .cap = HF_RESULT_JWT_MAX };
	if (!w.buf)
		return HF_ERR_LIMIT;
	err = hf_result_to_jwt(result, key, &w);
	response->content_type = HF_RESULT_JWT_TYPE;
	response->body = hf_written(&w);
	return err;
}

void hf_api_result(struct hf_request *request, struct hf_response *response)
{
	struct work w = { .request = request, .result = {
		.time = request->now, .verifier = hf_span_text(HF_VERIFIER_BUILD), .kind = HF_EVIDENCE_GATE,
		.mode = hf_span_text(hf_mode_name(HF_MODE_ENFORCE)), .status = HF_EAR_NONE } };
	enum hf_err err = hf_store_host(request->controller->store, request->host, request->arena, &w.host,
					&w.fault);

	if (!err) {
		say_state(&w);
	} else if (err == HF_ERR_HOST_UNKNOWN) {
		w.result.host = hf_span_text(request->host);
		say(&w, HF_EAR_NONE, err, "");
		err = HF_OK;
	}
	if (!err)
		err = sign(request, &w.result, response);
	if (err)
		hf_api_fault(request, err, &w.fault, response);
}

/* As it was told when the last verdict was made. */
void hf_api_drift(struct hf_request *request, struct hf_response *response)
{
	struct hf_store *store = request->controller->store;
	struct work w = { .request = request };
	const char *text = NULL;
	enum hf_err err = hf_store_host(store, request->host, request->arena, &w.host, &w.fault);

	if (!err && w.host.last_verdict_id)
		err = hf_store_verdict_get(store, w.host.last_verdict_id, request->arena, &w.verdict, &w.fault);
	if (!err)
		err = hf_drift_json(request->host, w.verdict.report, request->arena, &text);
	if (err) {
		hf_api_fault(request, err, &w.fault, response);
		return;
	}
	*response = (struct hf_response){ .status = 200, .content_type = "application/json",
					  .body = hf_span_text(text) };
}
