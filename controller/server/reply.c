/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/reply.h"

#include "controller/server/make_ticket.h"

void hf_reply_unavailable(struct hf_request *request, enum hf_err cause, const char *detail,
			  struct hf_response *response)
{
	hf_log_event("error", "request-failed", "path", request->path, "cause", hf_err_name(cause), "detail",
		     detail ? detail : "", NULL);
	*response = (struct hf_response){ .status = 503, .content_type = HF_WIRE_TYPE };
}

void hf_reply_put(struct hf_request *request, const struct hf_wire_reply *reply, struct hf_response *response)
{
	struct hf_writer w = { .buf = hf_arena_room(request->arena, HF_WIRE_REPLY_MAX),
			       .cap = HF_WIRE_REPLY_MAX };

	if (w.buf)
		hf_wire_put_reply(&w, reply);
	if (!w.buf || w.full) {
		hf_reply_unavailable(request, HF_ERR_LIMIT, "a reply does not fit", response);
		return;
	}
	*response = (struct hf_response){ .status = 200, .content_type = HF_WIRE_TYPE, .body = hf_written(&w),
					  .wipe = reply->secret.len != 0 };
}

static struct hf_span text(const char *t)
{
	return t ? hf_span_text(t) : (struct hf_span){ NULL, 0 };
}

enum hf_err hf_reply_sign_refusal(struct hf_request *request, const struct hf_host_record *host,
				  enum hf_err cause, const char *detail, struct hf_span *ret)
{
	struct hf_result r = {
		.time = request->now, .verifier = hf_span_text(HF_VERIFIER_BUILD), .status = HF_EAR_NONE,
		.kind = HF_EVIDENCE_GATE, .cause = hf_span_text(hf_err_name(cause)), .detail = text(detail),
		.mode = hf_span_text(hf_mode_name(HF_MODE_ENFORCE)),
	};

	if (host) {
		r.host = text(host->inventory.id);	/* and no word of its lease: nobody has shown who he is */
		r.ak_name = host->ak_name;
	}
	return hf_result_sign(&r, request->controller->ticket_key, request->arena, ret);
}

/* What is wrong with this controller is no word about the host. */
bool hf_reply_own_trouble(enum hf_err cause)
{
	return cause == HF_ERR_STORE_FAILED || cause == HF_ERR_STORE_SCHEMA || cause == HF_ERR_NO_MEMORY ||
	       cause == HF_ERR_INTERNAL;
}

void hf_reply_refused(struct hf_request *request, const struct hf_host_record *host, enum hf_err cause,
		      const char *detail, struct hf_response *response)
{
	struct hf_wire_reply reply = { .kind = HF_WIRE_REFUSED };
	enum hf_err err = hf_reply_own_trouble(cause) ? cause :
			  hf_reply_sign_refusal(request, host, cause, detail, &reply.message);

	if (err) {
		hf_reply_unavailable(request, err, detail, response);
		return;
	}
	hf_log_event("warning", "request-refused", "path", request->path, "host",
		     host ? host->inventory.id : "", "cause", hf_err_name(cause), "detail",
		     detail ? detail : "", NULL);
	hf_reply_put(request, &reply, response);
}

void hf_reply_done(struct hf_request *request, struct hf_response *response)
{
	hf_reply_put(request, &(struct hf_wire_reply){ .kind = HF_WIRE_DONE }, response);
}
