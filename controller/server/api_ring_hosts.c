/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which host is in which ring, and the manifests that it is to bring along. */
#include "controller/server/api_json.h"

#include <stdio.h>

#include "controller/inventory.h"
#include "controller/server/api_ring.h"

/* ---- moving hosts ---- */

struct move {
	struct hf_request *request;
	struct hf_ring_choice choice;
	const char *ring, *why;		/* ring: "" is the default one */
	struct hf_ring_record record;
	struct hf_ring_set *set;
	struct hf_ring_tried tried;
	size_t moved;
	struct hf_fault fault;
};

static enum hf_err is_there(struct move *m)
{
	struct hf_host_record host;

	return m->choice.id ? hf_store_host(m->request->controller->store, m->choice.id, m->request->arena, &host,
					    &m->fault) : HF_OK;
}

static enum hf_err go(struct move *m, struct hf_policy_set *policy)
{
	struct hf_controller *c = m->request->controller;
	const struct hf_by by = hf_api_by(m->request);
	struct hf_ring_try in = { .choice = &m->choice, .policy = policy };
	enum hf_err err = is_there(m);

	if (!err && *m->ring)	/* its version first: what is tried then is that one, or a newer */
		err = hf_store_ring(c->store, m->ring, HF_RING_ALONE, m->request->arena, &m->record, &m->fault);
	if (!err && *m->ring)
		err = hf_ring_take(c, policy, m->ring, m->request->arena, &m->set, &m->fault);
	if (err)
		return err;
	in.after = hf_ring_gate(m->set, policy);
	err = hf_ring_try(m->request, &in, &m->tried, &m->fault);
	if (!err && m->tried.worse && !m->why)
		return HF_ERR_RING_WORSE;
	return err ? err : hf_store_ring_move(c->store, &m->choice, m->ring, m->record.version, m->tried.worse,
					      m->tried.worse ? m->why : NULL, &by, &m->moved, &m->fault);
}

static void move(struct move *m, enum hf_err err, struct hf_response *response)
{
	struct hf_policy_set *policy = hf_policy_take(m->request->controller);
	char count[24];

	if (!err)
		err = policy ? go(m, policy) : HF_ERR_INTERNAL;
	if (err == HF_ERR_RING_WORSE) {
		hf_api_worse(m->request, &m->tried, response);
	} else if (err) {
		hf_api_fault(m->request, err, &m->fault, response);
	} else {
		snprintf(count, sizeof(count), "%zu", m->moved);
		hf_log_event("info", "ring-moved", "actor", m->request->actor, "ring",
			     *m->ring ? m->ring : HF_RING_DEFAULT, "hosts", count, NULL);
		hf_api_tried(m->request, m->ring, m->moved, &m->tried, response);
	}
	json_decref(m->tried.list);
	hf_ring_drop(m->set);
	hf_policy_drop(policy);
}

static const char *named(const char *ring)
{
	return strcmp(ring, HF_RING_DEFAULT) == 0 ? "" : ring;
}

void hf_api_host_ring(struct hf_request *request, struct hf_response *response)
{
	static const char *const names[] = { "ring", "accept-worse", NULL };
	struct move m = { .request = request, .choice = { .id = request->host }, .ring = "" };
	json_t *body = NULL;
	enum hf_err err = hf_api_body(request, names, &body, &m.fault);

	if (!err)
		err = hf_api_text(body, "ring", true, HF_HOST_ID_MAX, &m.ring, &m.fault);
	if (!err)
		err = hf_api_text(body, "accept-worse", false, HF_API_WHY_MAX, &m.why, &m.fault);
	if (!err && !hf_host_id_valid(m.ring))
		err = hf_fail(&m.fault, HF_ERR_API_REFUSED, NULL, "\"ring\" is no name of a ring");
	if (!err)
		m.ring = named(m.ring);
	move(&m, err, response);
	json_decref(body);
}

void hf_api_ring_assign(struct hf_request *request, struct hf_response *response)
{
	static const char *const names[] = { "model", "accept-worse", NULL };
	struct move m = { .request = request, .ring = named(request->host) };
	json_t *body = NULL;
	enum hf_err err = hf_api_body(request, names, &body, &m.fault);

	if (!err)
		err = hf_api_text(body, "model", true, HF_HOST_ID_MAX, &m.choice.model, &m.fault);
	if (!err)
		err = hf_api_text(body, "accept-worse", false, HF_API_WHY_MAX, &m.why, &m.fault);
	move(&m, err, response);
	json_decref(body);
}

/* ---- manifests for boot servers ---- */

static void reply(struct hf_request *request, struct hf_span archive, struct hf_span digest, struct hf_response *response)
{
	char etag[2 * 32 + 3] = "\"";
	struct hf_span copy;

	for (size_t i = 0; i < 32; i++)
		snprintf(etag + 1 + 2 * i, 3, "%02x", digest.ptr[i]);
	etag[65] = '"';
	if (request->if_none_match && strcmp(request->if_none_match, etag) == 0) {
		*response = (struct hf_response){ .status = 304, .content_type = HF_RING_TYPE };
		response->etag = hf_arena_text(request->arena, etag, strlen(etag));
		return;
	}
	if (hf_arena_copy(request->arena, archive, &copy) != HF_OK) {
		hf_api_refuse(request, 503, HF_ERR_NO_MEMORY, "an archive", response);
		return;
	}
	*response = (struct hf_response){ .status = 200, .content_type = HF_RING_TYPE, .body = copy,
					  .etag = hf_arena_text(request->arena, etag, strlen(etag)) };
}

static void of_default(struct hf_request *request, struct hf_response *response)
{
	struct hf_policy_set *policy = hf_policy_take(request->controller);

	if (policy && policy->archive.len)
		reply(request, policy->archive, (struct hf_span){ policy->archive_digest.bytes, 32 }, response);
	else
		hf_api_refuse(request, 413, HF_ERR_LIMIT, "the default ring is larger than a ring may be", response);
	hf_policy_drop(policy);
}

static void of_ring(struct hf_request *request, const char *name, bool gate, struct hf_response *response)
{
	struct hf_ring_record ring;
	struct hf_fault fault = { 0 };
	enum hf_err err;

	if (!*name) {
		of_default(request, response);
		return;
	}
	err = hf_store_ring(request->controller->store, name, HF_RING_WHOLE, request->arena, &ring, &fault);
	if (err)
		hf_api_fault(request, err, &fault, response);
	else if (gate && ring.stage == HF_RING_OBSERVE)
		of_default(request, response);
	else
		reply(request, ring.bundle, ring.digest, response);
}

void hf_api_ring_manifests(struct hf_request *request, struct hf_response *response)
{
	of_ring(request, named(request->host), false, response);
}

/* Those that it will be judged by: of a ring that observes, the default ring's. */
void hf_api_host_manifests(struct hf_request *request, struct hf_response *response)
{
	struct hf_host_record host;
	struct hf_fault fault = { 0 };
	enum hf_err err = hf_store_host(request->controller->store, request->host, request->arena, &host, &fault);

	if (err)
		hf_api_fault(request, err, &fault, response);
	else
		of_ring(request, host.inventory.ring, true, response);
}
