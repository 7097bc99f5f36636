/* SPDX-License-Identifier: GPL-3.0-or-later */
/* POST /v1/agent/receipt: this host closed the log that its ticket was for, with this ticket, and
 * started what it may. Nobody waits for it; with it goes the tenant's secret. */
#include <stdio.h>

#include "controller/server/capped.h"
#include "controller/server/reply.h"
#include "measure/evidence.h"

struct work {
	struct hf_request *request;
	struct hf_wire_receipt_request in;
	struct hf_host_record host;
	struct hf_verdict_record ticket;	/* with its evidence */
	struct hf_fault fault;
};

static enum hf_err find(struct work *w)
{
	struct hf_store *store = w->request->controller->store;
	struct hf_ak ak;
	enum hf_err err = hf_wire_get_receipt_request(w->request->body, &w->in);

	if (!err)
		err = hf_ak_parse(w->in.ak, &ak);
	if (!err)
		err = hf_store_host_by_ak(store, (struct hf_span){ ak.name, sizeof(ak.name) }, w->request->arena,
					  &w->host, &w->fault);
	if (!err && w->in.quote_digest.len != 32)
		err = HF_ERR_WIRE_SHAPE;
	if (!err)	/* what does not name its quote is told so before anything large is read */
		err = hf_store_last_evidence(store, w->host.inventory.id, HF_EVIDENCE_GATE, true,
					     w->in.quote_digest, w->request->arena, &w->ticket, &w->fault);
	return err;
}

static enum hf_err verify(struct work *w)
{
	struct hf_capped_facts facts;
	struct hf_evidence evidence;
	struct hf_digest ticket;
	enum hf_err err = hf_evidence_from_cmw_cbor(w->ticket.evidence, &evidence);
	struct hf_capped in = {
		.cap = w->in.cap, .attest = w->in.attest, .signature = w->in.signature, .ak = w->host.ak,
	};

	if (err)
		return err;
	in.firmware_log = evidence.firmware_log;
	in.log = evidence.log;
	err = hf_capped_verify(&in, &facts);
	if (!err)
		err = hf_digest(HF_ALG_SHA256, w->ticket.result, &ticket);
	if (err)
		return err;
	if (facts.event.held.len)
		return HF_ERR_TICKET_QUOTE;
	if (facts.quote.reset_count != w->ticket.reset_count || facts.quote.restart_count != w->ticket.restart_count)
		return HF_ERR_TICKET_BOOT;
	return hf_span_equal(facts.ticket, (struct hf_span){ ticket.bytes, 32 }) ? HF_OK : HF_ERR_TICKET_QUOTE;
}

void hf_agent_receipt(struct hf_request *request, struct hf_response *response)
{
	struct work w = { .request = request };
	char actor[HF_HOST_ID_MAX + 8] = "";
	const struct hf_by by = { actor, request->now };
	enum hf_err err = find(&w);

	if (!err)
		err = verify(&w);
	if (!err) {
		snprintf(actor, sizeof(actor), "host:%s", w.host.inventory.id);
		err = hf_store_receipt(request->controller->store, w.host.inventory.id, w.in.quote_digest,
				       request->body, &by, &w.fault);
	}
	if (err)
		hf_reply_refused(request, w.host.inventory.id ? &w.host : NULL, err, w.fault.detail, response);
	else
		hf_reply_done(request, response);
}
