/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/reply.h: what goes back to an agent; controller.h has the two that every
 * handler uses. */
#ifndef HF_CONTROLLER_SERVER_REPLY_H
#define HF_CONTROLLER_SERVER_REPLY_H

#include "controller/server/controller.h"

/* Encodes into the request's arena. wipe follows from the reply's secret. */
void hf_reply_put(struct hf_request *request, const struct hf_wire_reply *reply, struct hf_response *response);
/* Store, memory: no word about who asks. */
bool hf_reply_own_trouble(enum hf_err cause);
/* 503 without a body: to be tried again, here or at another controller. */
void hf_reply_unavailable(struct hf_request *request, enum hf_err cause, const char *detail,
			  struct hf_response *response);
/* A result that says why no evidence was judged, signed now. host may be NULL. */
enum hf_err hf_reply_sign_refusal(struct hf_request *request, const struct hf_host_record *host,
				  enum hf_err cause, const char *detail, struct hf_span *ret) HF_MUST_USE;

#endif
