/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the controller itself does, and what it can be asked. */
#include "controller/server/api_json.h"

#include "controller/server/metrics.h"
#include "controller/server/openapi.h"

/* It answers: that is all. For who restarts what does not. */
void hf_api_health(struct hf_request *request, struct hf_response *response)
{
	hf_api_reply(request, json_pack("{s:s, s:s}", "status", "ok", "version", HF_VERSION), response);
}

/* Asked once a second at most, however many ask. */
static enum hf_err ping(struct hf_request *request, struct hf_fault *fault)
{
	struct hf_controller *controller = request->controller;
	enum hf_err err;

	if (atomic_load(&controller->ready_at) == request->now)
		return HF_OK;
	err = hf_store_ping(controller->store, fault);
	if (!err)
		atomic_store(&controller->ready_at, request->now);
	return err;
}

/* It can do its work: the store answers, manifests and anchors are there. For balancers. */
void hf_api_ready(struct hf_request *request, struct hf_response *response)
{
	struct hf_policy_set *policy = hf_policy_take(request->controller);
	struct hf_fault fault = { 0 };
	enum hf_err err = policy ? HF_OK : HF_ERR_MANIFEST_MISSING;

	if (policy)
		hf_policy_drop(policy);
	if (!err)
		err = ping(request, &fault);
	if (err)
		hf_api_fault(request, err, &fault, response);
	else
		hf_api_reply(request, json_pack("{s:s}", "status", "ready"), response);
}

void hf_api_metrics(struct hf_request *request, struct hf_response *response)
{
	struct hf_span text = { NULL, 0 };
	struct hf_fault fault = { 0 };
	enum hf_err err = hf_metrics_text(request->controller, request->arena, &text, &fault);

	if (err)
		hf_api_fault(request, err, &fault, response);
	else
		*response = (struct hf_response){ .status = 200, .body = text,
						  .content_type = "text/plain; version=0.0.4; charset=utf-8" };
}

void hf_api_openapi(struct hf_request *request, struct hf_response *response)
{
	(void)request;
	*response = (struct hf_response){ .status = 200, .content_type = HF_API_JSON,
					  .body = { hf_openapi, hf_openapi_size } };
}
