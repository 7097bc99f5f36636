/* SPDX-License-Identifier: GPL-3.0-or-later */
/* POST /v1/agent/held: a host that holds itself says so. Its key signed the log with its CAP, so it
 * is the host's word; whether it is of now, only a challenge tells. Answering an open one, it ends
 * it: that boot has capped its log and can earn no ticket, so the host is held here too. Without
 * one it is kept and changes nothing: anybody who has a copy can send it again. */
#include <stdio.h>

#include "controller/server/capped.h"
#include "controller/server/held_look.h"
#include "controller/server/make_ticket.h"
#include "controller/server/reply.h"
#include "measure/evidence.h"

struct work {
	struct hf_request *request;
	struct hf_evidence evidence;
	struct hf_host_record host;
	struct hf_capped_facts facts;
	struct hf_challenge_record challenge;
	struct hf_held_look look;
	struct hf_digest receipt, body;
	char actor[HF_HOST_ID_MAX + 8], cause[64];
	struct hf_fault fault;
};

static struct hf_span bytes(const struct hf_digest *d)
{
	return (struct hf_span){ d->bytes, 32 };
}

static enum hf_err find(struct work *w)
{
	struct hf_ak ak;
	enum hf_err err = hf_evidence_from_cmw_cbor(w->request->body, &w->evidence);

	if (!err)
		err = hf_ak_parse(w->evidence.ak, &ak);
	if (!err)
		err = hf_store_host_by_ak(w->request->controller->store, (struct hf_span){ ak.name, sizeof(ak.name) },
					  w->request->arena, &w->host, &w->fault);
	return err;
}

static enum hf_err verify(struct work *w)
{
	const struct hf_capped in = {
		.firmware_log = w->evidence.firmware_log, .log = w->evidence.log, .ak = w->host.ak,
		.attest = w->evidence.receipt, .signature = w->evidence.receipt_signature,
	};
	enum hf_err err = hf_capped_verify(&in, &w->facts);

	if (!err && !w->facts.event.held.len)
		err = HF_ERR_EVIDENCE_SHAPE;	/* of a host that was released */
	if (!err)
		err = hf_digest(HF_ALG_SHA256, w->evidence.receipt, &w->receipt);
	if (!err)
		err = hf_digest(HF_ALG_SHA256, w->request->body, &w->body);
	return err;
}

/* The boot that asked for the open challenge is the one whose log this is: BEGIN names its key. */
static bool answers_challenge(struct work *w)
{
	struct hf_fault fault;

	return w->evidence.nonce.len == HF_WIRE_NONCE &&
	       hf_store_challenge_get(w->request->controller->store, w->evidence.nonce, w->request->arena,
				      &w->challenge, &fault) == HF_OK &&
	       strcmp(w->challenge.host, w->host.inventory.id) == 0 && !w->challenge.used && w->challenge.open &&
	       w->challenge.until >= w->request->now && w->challenge.kind == HF_EVIDENCE_GATE &&
	       (!w->host.counted || w->facts.quote.reset_count > w->host.reset_count) &&	/* of no earlier boot */
	       hf_span_equal(w->challenge.boot_key, w->facts.boot_key);
}

static enum hf_err make(struct work *w, bool answers, struct hf_verdict_record *ret)
{
	const struct hf_request *r = w->request;
	const enum hf_err cause = hf_err_from_name(w->cause);
	struct hf_result result = {
		.time = r->now, .verifier = hf_span_text(HF_VERIFIER_BUILD), .status = HF_EAR_CONTRAINDICATED,
		.kind = HF_EVIDENCE_HELD, .host = hf_span_text(w->host.inventory.id),
		.lease = hf_span_text(w->host.lease), .ak_name = w->host.ak_name, .boot_key = w->facts.boot_key,
		.quote = bytes(&w->receipt), .mode = hf_span_text(hf_mode_name(HF_MODE_ENFORCE)),
		.cause = hf_span_text(hf_err_name(cause)), .detail = hf_span_text("the host holds itself"),
	};

	*ret = (struct hf_verdict_record){
		.host = w->host.inventory.id, .at = r->now, .kind = HF_EVIDENCE_HELD, .quote = bytes(&w->receipt),
		.boot_key = w->facts.boot_key, .evidence_digest = bytes(&w->body), .status = HF_EAR_CONTRAINDICATED,
		.cause = hf_err_name(cause), .class_name = hf_class_name(hf_err_class(cause)),
		.place = w->look.place, .detail = "the host holds itself", .model = w->look.model, .lease = w->host.lease, .counted = true,
		.reset_count = w->facts.quote.reset_count, .restart_count = w->facts.quote.restart_count,
		.firmware_version = w->facts.quote.firmware_version, .report = w->look.report,
		.evidence = r->body,
	};
	if (answers) {
		result.nonce = ret->nonce = w->evidence.nonce;
		result.reclaim = ret->reclaim = w->challenge.reclaim;
	}
	return hf_result_sign(&result, r->controller->ticket_key, r->arena, &ret->result);
}

static enum hf_err record(struct work *w)
{
	struct hf_controller *c = w->request->controller;
	const struct hf_by by = { w->actor, w->request->now };
	const struct hf_span held = w->facts.event.held;
	struct hf_verdict_record v;
	bool answers = answers_challenge(w);
	enum hf_err err;

	snprintf(w->actor, sizeof(w->actor), "host:%s", w->host.inventory.id);
	snprintf(w->cause, sizeof(w->cause), "%.*s", held.len < 63 ? (int)held.len : 63, (const char *)held.ptr);
	hf_held_look(w->request, &w->evidence, &w->host, hf_err_from_name(w->cause), &w->look);
	err = make(w, answers, &v);
	if (!err)
		err = hf_store_verdict(c->store, &v, &by, &w->fault);
	if (!err && v.id) {	/* else it was known, or is of an earlier boot */
		hf_tell_verdict(c, &v);
		hf_tell_drift(c, &v, &w->look.drift);
	}
	return err;
}

void hf_agent_held(struct hf_request *request, struct hf_response *response)
{
	struct work w = { .request = request };
	enum hf_err err = find(&w);

	if (!err)
		err = verify(&w);
	if (!err)
		err = record(&w);
	if (err)
		hf_reply_refused(request, w.host.inventory.id ? &w.host : NULL, err, w.fault.detail, response);
	else
		hf_reply_done(request, response);
}
