/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An agent's request end to end, with a host that the store knows: enrolled, reclaimed, challenged
 * or released before it, as the input says (agent_world.h; the seeds are recorded requests of a
 * host that would have been released). Here no manifest covers any host, so that no body may get a
 * ticket or put the host in use; only the secret that a credential holds enrols; and every refusal
 * is signed and releases nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/server/controller.h"
#include "controller/server/db.h"
#include "controller/server/drift.h"
#include "controller/server/enrol.h"
#include "controller/server/seal.h"
#include "measure/attest.h"
#include "tests/fuzz/agent_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1800000000

/* ---- what tell.c and policy.c do for holdfastd ---- */
void hf_log_event(const char *level, const char *event, ...)
{
	(void)level;
	(void)event;
}

void hf_tell_verdict(struct hf_controller *controller, const struct hf_verdict_record *verdict)
{
	(void)controller;
	if (verdict->release != HF_RELEASE_NOTHING || verdict->status == HF_EAR_AFFIRMING)
		abort();
}

void hf_tell_drift(struct hf_controller *controller, const struct hf_verdict_record *verdict,
		   const struct hf_drift *drift)
{
	(void)controller;
	(void)verdict;
	if (drift->line_count > drift->total || drift->line_count > HF_DRIFT_LINES)
		abort();
}

void hf_tell_state(struct hf_controller *controller, const char *host, enum hf_lease state, const char *actor,
		   const char *why)
{
	(void)controller;
	(void)host;
	(void)state;
	(void)actor;
	(void)why;
	abort();	/* that is for operators */
}

struct hf_policy_set *hf_policy_take(struct hf_controller *controller)
{
	return controller->policy;
}

void hf_policy_drop(struct hf_policy_set *set)
{
	(void)set;
}

/* ---- the store: in memory where there is a file system for that ---- */

static char store_file[64];
static struct hf_db *db;	/* beside the store's own connection, to empty it */

static void remove_store(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char name[sizeof(store_file) + 8];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", store_file, ends[i]);
		unlink(name);
	}
}

static void set_up(struct hf_controller *c)
{
	static struct hf_policy_set policy;
	static struct hf_manifests manifests;
	static struct hf_seal_key seal_key;
	struct hf_fault fault;
	int fd;

	snprintf(store_file, sizeof(store_file), "%s/hf-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	fd = mkstemp(store_file);
	if (fd < 0 || atexit(remove_store))
		abort();
	close(fd);
	policy.users = 1;
	policy.manifests = &manifests;
	c->policy = &policy;
	c->seal_key = &seal_key;
	c->config = (struct hf_config){ .name = "fuzz", .ticket_seconds = 300, .challenge_seconds = 600 };
	if (hf_store_open(store_file, 1, &c->store, &fault) || hf_key_generate(HF_COSE_ES256, &c->ticket_key) ||
	    hf_db_open(store_file, &db, &fault))
		abort();
}

/* ---- what was before the request ---- */

struct place {
	struct hf_controller *c;
	struct hf_arena *arena;
	struct agent_world world;
	struct hf_ak ak;
	struct hf_digest secret;
	struct hf_host_record before;
};

static const struct hf_by by = { "token:fuzz", NOW };
static const uint8_t the_reclaim[HF_WIRE_ID] = AGENT_RECLAIM;

static struct hf_span span(const uint8_t *p, size_t n)
{
	return (struct hf_span){ p, n };
}

static bool put_credential(struct place *p, const uint8_t id[16])
{
	const struct hf_credential_record credential = {
		.id = span(id, 16), .ak_name = span(p->ak.name, sizeof(p->ak.name)), .ak = p->world.ak,
		.ek = hf_span_text("ek"), .ek_id = p->world.ek_id, .host = AGENT_HOST, .until = NOW + 100,
		.secret_digest = span(p->secret.bytes, 32),
	};
	struct hf_fault fault;

	return hf_store_credential_put(p->c->store, &credential, &by, &fault) == HF_OK;
}

static bool enrol(struct place *p)
{
	static const uint8_t id[16] = { 0xe0 };
	struct hf_host_record host;
	struct hf_fault fault;

	/* in a lease of before: a host is enrolled while it is reclaimed, and then held again */
	return hf_store_reclaim(p->c->store, AGENT_HOST, "", NULL, span(id, 16), &by, &fault) == HF_OK &&
	       put_credential(p, id) &&
	       hf_store_enrol(p->c->store, span(id, 16), span(p->ak.name, sizeof(p->ak.name)),
			      span(p->secret.bytes, 32), &by, p->arena, &host, &fault) == HF_OK &&
	       hf_store_hold(p->c->store, AGENT_HOST, "", &by, &fault) == HF_OK;
}

static bool challenge(struct place *p)
{
	enum hf_evidence_kind kind;
	struct hf_span reclaim;
	struct hf_fault fault;

	return hf_store_challenge(p->c->store, AGENT_HOST, p->world.nonce, p->world.boot_key, NOW + 600, &by, &kind,
				  &reclaim, p->arena, &fault) == HF_OK;
}

/* As if it had been released with this quote. */
static bool release(struct place *p)
{
	const struct agent_world *w = &p->world;
	struct hf_verdict_record v = {
		.host = AGENT_HOST, .at = NOW, .kind = HF_EVIDENCE_GATE, .nonce = w->nonce, .quote = w->quote,
		.reclaim = span(the_reclaim, sizeof(the_reclaim)), .boot_key = w->boot_key,
		.evidence_digest = w->quote, .status = HF_EAR_AFFIRMING, .release = HF_RELEASE_TENANT, .cause = "",
		.class_name = "", .place = "", .detail = "", .model = "", .lease = "L", .counted = true,
		.reset_count = w->reset_count, .restart_count = w->restart_count, .result = w->ticket,
		.report = "{}", .evidence = w->evidence,
	};
	struct hf_fault fault;

	return hf_store_verdict(p->c->store, &v, &by, &fault) == HF_OK;
}

/* false: there can be no such host. */
static bool put_host(struct place *p)
{
	const struct hf_inventory host = { .id = AGENT_HOST, .model = "acme-one", .ek_id = p->world.ek_id,
					   .ek_accepted = true, .first_use_until = NOW + 1000 };
	const uint8_t flags = p->world.flags;
	struct hf_fault fault;
	size_t count;

	if (hf_db_script(db, "DELETE FROM evidence; DELETE FROM verdicts; DELETE FROM challenges; DELETE FROM secrets;"
			 "DELETE FROM credentials; DELETE FROM reclaims; DELETE FROM hosts;", &fault) ||
	    hf_store_import(p->c->store, &host, 1, &by, &count, &fault))
		abort();
	return !((flags & AGENT_ENROLLED && !enrol(p)) ||
		 (flags & AGENT_RECLAIMED && hf_store_reclaim(p->c->store, AGENT_HOST, "L", NULL,
							      span(the_reclaim, sizeof(the_reclaim)), &by, &fault)) ||
		 (flags & AGENT_CHALLENGED && !challenge(p)) || (flags & AGENT_TICKETED && !release(p)) ||
		 (flags & AGENT_CREDENTIAL && !put_credential(p, p->world.credential.ptr)) ||
		 hf_store_host(p->c->store, AGENT_HOST, p->arena, &p->before, &fault));
}

/* ---- what came of it ---- */

static void check_reply(const struct place *p, const struct hf_response *response)
{
	struct hf_result *result = hf_arena_take(p->arena, sizeof(*result));
	struct hf_wire_reply reply;
	struct hf_span payload;

	if (response->status == 503 && !response->body.len)
		return;
	if (response->status != 200 || hf_wire_get_reply(response->body, &reply) || reply.kind == HF_WIRE_TICKET ||
	    reply.secret.len || !result)
		abort();
	if (reply.kind == HF_WIRE_REFUSED &&
	    (hf_statement_verify(p->c->ticket_key, HF_RESULT_TYPE, reply.message, &payload) ||
	     hf_result_decode(payload, p->arena, result) || result->release != HF_RELEASE_NOTHING))
		abort();
}

static void check_host(const struct place *p)
{
	struct hf_host_record host;
	struct hf_fault fault;

	if (hf_store_host(p->c->store, AGENT_HOST, p->arena, &host, &fault))
		abort();
	if ((host.state == HF_LEASE_IN_USE) != (p->before.state == HF_LEASE_IN_USE) &&
	    host.state == HF_LEASE_IN_USE)
		abort();
	if (host.ak_name.len && !p->before.ak_name.len &&
	    !memmem(p->world.body.ptr, p->world.body.len, p->world.secret.ptr, 32))
		abort();
	if (p->before.ak_name.len && !hf_span_equal(host.ak_name, p->before.ak_name))
		abort();
}

static void ask(struct place *p)
{
	size_t count = 0;
	struct hf_request request = { .controller = p->c, .arena = p->arena, .actor = "agent", .now = NOW + 1,
				      .role = HF_ROLE_AGENT, .client_key.alg = HF_ALG_SHA256 };
	struct hf_response response = { 0 };
	uint8_t *body = hf_arena_take(p->arena, p->world.body.len + 1);

	while (hf_agent_routes[count].method)
		count++;

	const struct hf_route *route = &hf_agent_routes[p->world.route % count];

	if (!body || p->world.body.len > route->body_max)
		return;
	if (p->world.body.len)
		memcpy(body, p->world.body.ptr, p->world.body.len);
	request.body = span(body, p->world.body.len);
	request.method = route->method;
	request.path = route->pattern;
	request.has_client_key = route->role == HF_ROLE_AGENT;
	if (p->world.flags & AGENT_KEY)
		memcpy(request.client_key.bytes, p->world.boot_key.ptr, 32);
	route->handle(&request, &response);
	check_reply(p, &response);
	check_host(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_controller controller;
	static struct hf_arena arena;
	struct place p = { .c = &controller, .arena = &arena };

	if (!controller.store) {
		set_up(&controller);
		if (hf_arena_make(256u << 20, &arena))
			abort();
	}
	arena.len = 0;
	if (!agent_world_read(span(data, size), &p.world) || hf_ak_parse(p.world.ak, &p.ak) ||
	    hf_digest(HF_ALG_SHA256, p.world.secret, &p.secret))
		return 0;
	if (put_host(&p))
		ask(&p);
	return 0;
}
