/* SPDX-License-Identifier: GPL-3.0-or-later */
/* POST /v1/agent/challenge: whoever shows a key that is enrolled is asked something. That the
 * key is his comes with the quote; that the boot key is, TLS has shown. */
#include <sys/random.h>

#include "controller/server/reply.h"
#include "measure/attest.h"

struct asked {
	struct hf_wire_challenge_request in;
	struct hf_ak ak;
	struct hf_host_record host;
	uint8_t nonce[HF_WIRE_NONCE];
	struct hf_span reclaim;
};

static struct hf_span client_key(const struct hf_request *request)
{
	return (struct hf_span){ request->client_key.bytes, 32 };
}

static enum hf_err sign(struct hf_request *request, const struct asked *a, struct hf_span *ret)
{
	const struct hf_challenge challenge = {
		.nonce = { a->nonce, sizeof(a->nonce) }, .time = request->now, .reclaim = a->reclaim,
		.host = hf_span_text(a->host.inventory.id), .ak_name = { a->ak.name, sizeof(a->ak.name) },
		.boot_key = client_key(request), .seconds = request->controller->config.challenge_seconds,
	};
	uint8_t bytes[1024];
	struct hf_writer payload = { .buf = bytes, .cap = sizeof(bytes) };
	struct hf_writer out = { .buf = hf_arena_take(request->arena, 2048), .cap = 2048 };
	enum hf_err err;

	if (!out.buf)
		return HF_ERR_NO_MEMORY;
	hf_wire_put_challenge(&payload, &challenge);
	err = payload.full ? HF_ERR_INTERNAL :
	      hf_statement_sign(request->controller->ticket_key, HF_WIRE_CHALLENGE_TYPE, hf_written(&payload), &out);
	if (!err && out.full)
		err = HF_ERR_INTERNAL;
	*ret = hf_written(&out);
	return err;
}

/* The nonce is in the store before anybody hears of it. */
static enum hf_err ask(struct hf_request *request, struct asked *a, struct hf_fault *fault)
{
	struct hf_controller *c = request->controller;
	const struct hf_by by = { request->actor, request->now };	/* that it is the host, nobody knows yet */
	enum hf_evidence_kind kind;

	if (getrandom(a->nonce, sizeof(a->nonce), 0) != (ssize_t)sizeof(a->nonce))
		return HF_ERR_INTERNAL;
	return hf_store_challenge(c->store, a->host.inventory.id, (struct hf_span){ a->nonce, sizeof(a->nonce) },
				  client_key(request), request->now + c->config.challenge_seconds, &by, &kind,
				  &a->reclaim, request->arena, fault);
}

static void answer(struct hf_request *request, struct asked *a, struct hf_response *response)
{
	struct hf_fault fault = { .detail = "" };
	struct hf_wire_reply reply = { .kind = HF_WIRE_CHALLENGED };
	enum hf_err err = ask(request, a, &fault);

	if (!err)
		err = sign(request, a, &reply.message);
	if (err)
		hf_reply_refused(request, &a->host, err, fault.detail, response);
	else
		hf_reply_put(request, &reply, response);
}

void hf_agent_challenge(struct hf_request *request, struct hf_response *response)
{
	struct hf_fault fault = { .detail = "" };
	struct asked a = { .reclaim = { NULL, 0 } };
	enum hf_err err = request->has_client_key ? HF_OK : HF_ERR_BOOT_KEY_OTHER;

	if (!err)
		err = hf_wire_get_challenge_request(request->body, &a.in);
	if (!err)
		err = hf_ak_parse(a.in.ak, &a.ak);
	if (err) {
		hf_reply_refused(request, NULL, err, request->has_client_key ? "" : "no client key", response);
		return;
	}
	err = hf_store_host_by_ak(request->controller->store, (struct hf_span){ a.ak.name, sizeof(a.ak.name) },
				  request->arena, &a.host, &fault);
	if (err == HF_ERR_HOST_UNKNOWN)
		hf_reply_put(request, &(struct hf_wire_reply){ .kind = HF_WIRE_MUST_ENROL }, response);
	else if (err)
		hf_reply_refused(request, NULL, err, fault.detail, response);
	else
		answer(request, &a, response);
}
