/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator does with a host: reclaim, hold, re-enrol, leave a secret for its next tenant. */
#include "controller/server/api_json.h"

#include <sys/random.h>

#include "controller/server/seal.h"

#define WHY_MAX 1024

static struct hf_by by_of(const struct hf_request *request)
{
	return (struct hf_by){ .actor = request->actor, .now = request->now };
}

/* Tells of the change, and shows the host; why may be NULL. */
static void changed(struct hf_request *request, enum hf_lease state, const char *why, struct hf_response *response)
{
	hf_tell_state(request->controller, request->host, state, request->actor, why ? why : "");
	hf_api_host_show(request, response);
}

/* ---- reclaim ---- */

/* A tenant that still runs could answer in the gate's place, until the power was off: whoever
 * reclaims says that it was. */
static enum hf_err take_reclaim(const json_t *body, const char **ret_lease, const char **ret_tenant,
				struct hf_fault *fault)
{
	enum hf_err err = hf_api_text(body, "lease", true, HF_HOST_ID_MAX, ret_lease, fault);

	if (!err)
		err = hf_api_text(body, "tenant", false, HF_HOST_ID_MAX, ret_tenant, fault);
	if (!err && !json_is_true(json_object_get(body, "power-cycled")))
		err = hf_fail(fault, HF_ERR_API_REFUSED, NULL, "power-cycle the host by its BMC, then say "
			      "\"power-cycled\": true");
	return err;
}

static enum hf_err reclaim(struct hf_request *request, json_t *body, const char **ret_lease, struct hf_fault *fault)
{
	const struct hf_by by = by_of(request);
	uint8_t id[HF_WIRE_ID];
	const char *tenant;
	enum hf_err err = take_reclaim(body, ret_lease, &tenant, fault);

	if (err)
		return err;
	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return hf_fail(fault, HF_ERR_INTERNAL, NULL, "no random bytes");
	return hf_store_reclaim(request->controller->store, request->host, *ret_lease, tenant,
				(struct hf_span){ id, sizeof(id) }, &by, fault);
}

void hf_api_reclaim(struct hf_request *request, struct hf_response *response)
{
	static const char *const names[] = { "lease", "tenant", "power-cycled", NULL };
	struct hf_fault fault = { 0 };
	const char *lease = NULL;
	json_t *body = NULL;
	enum hf_err err = hf_api_body(request, names, &body, &fault);

	if (!err)
		err = reclaim(request, body, &lease, &fault);
	if (err)
		hf_api_fault(request, err, &fault, response);
	else
		changed(request, HF_LEASE_RECLAIMED, lease, response);
	json_decref(body);
}

/* ---- hold ---- */

void hf_api_hold(struct hf_request *request, struct hf_response *response)
{
	static const char *const names[] = { "why", NULL };
	const struct hf_by by = by_of(request);
	struct hf_fault fault = { 0 };
	const char *why = NULL;
	json_t *body = NULL;
	enum hf_err err = hf_api_body(request, names, &body, &fault);

	if (!err)
		err = hf_api_text(body, "why", true, WHY_MAX, &why, &fault);
	if (!err)
		err = hf_store_hold(request->controller->store, request->host, why, &by, &fault);
	if (err)
		hf_api_fault(request, err, &fault, response);
	else
		changed(request, HF_LEASE_HELD, why, response);
	json_decref(body);
}

/* ---- re-enrol ---- */

static enum hf_err re_enrol(struct hf_request *request, const json_t *body, struct hf_fault *fault)
{
	const struct hf_by by = by_of(request);
	struct hf_digest ek = { 0 };
	const char *hex = NULL;
	enum hf_err err = hf_api_text(body, "ek-sha256", false, 64, &hex, fault);

	if (!err && hex && !hf_digest_from_hex(HF_ALG_SHA256, hex, &ek))
		err = hf_fail(fault, HF_ERR_API_REFUSED, NULL, "\"ek-sha256\" must be 64 hex digits");
	return err ? err : hf_store_re_enrol(request->controller->store, request->host,
					     (struct hf_span){ ek.bytes, hex ? 32 : 0 }, &by, fault);
}

void hf_api_re_enrol(struct hf_request *request, struct hf_response *response)
{
	static const char *const names[] = { "ek-sha256", NULL };
	struct hf_fault fault = { 0 };
	json_t *body = NULL;
	enum hf_err err = hf_api_body(request, names, &body, &fault);

	if (!err)
		err = re_enrol(request, body, &fault);
	if (err)
		hf_api_fault(request, err, &fault, response);
	else
		changed(request, HF_LEASE_HELD, "to be enrolled again", response);
	json_decref(body);
}

/* ---- the tenant's secret ---- */

static enum hf_err seal(struct hf_request *request, const struct hf_host_record *host, struct hf_span *ret,
			struct hf_fault *fault)
{
	uint8_t *bytes = hf_arena_take(request->arena, HF_WIRE_SECRET_MAX + HF_SEAL_OVERHEAD);
	struct hf_writer w = { .buf = bytes, .cap = HF_WIRE_SECRET_MAX + HF_SEAL_OVERHEAD };
	enum hf_err err = bytes ? hf_seal(request->controller->seal_key, request->host, host->reclaim, request->body, &w) :
				  HF_ERR_NO_MEMORY;

	if (!err && w.full)
		err = HF_ERR_LIMIT;
	*ret = hf_written(&w);
	return err ? hf_fail(fault, err, NULL, "the secret cannot be sealed") : HF_OK;
}

/* It is sealed for the reclaim that was read; had another begun meanwhile, it could be opened for
 * none, and whoever left it must know. */
static enum hf_err put_secret(struct hf_request *request, struct hf_fault *fault)
{
	struct hf_store *store = request->controller->store;
	const struct hf_by by = by_of(request);
	struct hf_host_record host, after;
	struct hf_span sealed;
	enum hf_err err;

	if (!request->controller->seal_key)
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "this controller keeps no secrets: start it with --secret-key");
	if (request->content_type && !hf_api_is_type(request, "application/octet-stream"))
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "Content-Type is %.60s: send application/octet-stream",
			       request->content_type);
	if (!request->body.len || request->body.len > HF_WIRE_SECRET_MAX)
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "a secret has 1 to %u bytes", (unsigned)HF_WIRE_SECRET_MAX);
	err = hf_store_host(store, request->host, request->arena, &host, fault);
	if (!err && host.reclaim.len != HF_WIRE_ID)	/* never reclaimed; all else the store knows */
		err = hf_fail(fault, HF_ERR_HOST_NOT_RECLAIMED, NULL, "it is %s: a secret is for one reclaim",
			      hf_lease_name(host.state));
	if (!err)
		err = seal(request, &host, &sealed, fault);
	if (!err)
		err = hf_store_secret_put(store, request->host, sealed, &by, fault);
	if (!err)
		err = hf_store_host(store, request->host, request->arena, &after, fault);
	if (!err && !hf_span_equal(host.reclaim, after.reclaim))
		err = hf_fail(fault, HF_ERR_STATE_CHANGED, NULL, "it was reclaimed meanwhile: the secret is lost");
	return err;
}

void hf_api_secret(struct hf_request *request, struct hf_response *response)
{
	struct hf_fault fault = { 0 };
	enum hf_err err = put_secret(request, &fault);

	if (request->body.len)
		hf_seal_wipe((void *)(uintptr_t)request->body.ptr, request->body.len);
	if (err)
		hf_api_fault(request, err, &fault, response);
	else
		hf_api_done(response);
	if (!err)
		hf_log_event("info", "secret-kept", "actor", request->actor, "host", request->host, NULL);
}
