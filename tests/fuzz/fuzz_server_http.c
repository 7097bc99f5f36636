/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any request at any route, with a real store behind it:
 *
 *   METHOD PATH[?QUERY]
 *   FLAGS CONTENT-TYPE          flags: k: a client key; r: the host is reclaimed before
 *   BODY ...
 *
 * Every handler replies, with a status that it may use; agents get replies that can be read, and
 * no request of theirs changes the state of the one host that is there: none has its keys. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/server/http_internal.h"
#include "controller/server/metrics.h"
#include "controller/server/seal.h"

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
	if (verdict->release != HF_RELEASE_NOTHING)
		abort();
}

void hf_tell_drift(struct hf_controller *controller, const struct hf_verdict_record *verdict,
		   const struct hf_drift *drift)
{
	(void)controller;
	(void)verdict;
	(void)drift;
}

void hf_tell_state(struct hf_controller *controller, const char *host, enum hf_lease state, const char *actor,
		   const char *why)
{
	(void)controller;
	(void)host;
	(void)actor;
	(void)why;
	if (state == HF_LEASE_IN_USE)
		abort();
}

const char *hf_ear_status_name(enum hf_ear_status status)
{
	return status == HF_EAR_AFFIRMING ? "affirming" : "none";
}

struct hf_policy_set *hf_policy_take(struct hf_controller *controller)
{
	return controller->policy;
}

void hf_policy_drop(struct hf_policy_set *set)
{
	(void)set;
}

/* ---- the request ---- */

static const char *query(const struct hf_request *request, const char *name)
{
	const char *text = request->http;
	const size_t len = strlen(name);

	for (; text && *text; text = strchr(text, '&')) {
		text += *text == '&';
		if (strncmp(text, name, len) == 0 && text[len] == '=') {
			const char *value = text + len + 1;
			const size_t n = strcspn(value, "&");
			char *out = hf_arena_take(request->arena, n + 1);

			return out && hf_percent_decode(value, n, out) ? out : NULL;
		}
	}
	return NULL;
}

static char *take_line(struct hf_span *in, struct hf_arena *arena, char end)
{
	const uint8_t *at = in->len ? memchr(in->ptr, end, in->len) : NULL;
	const size_t n = at ? (size_t)(at - in->ptr) : in->len;
	char *out = hf_arena_take(arena, n + 1);

	if (out && n)
		memcpy(out, in->ptr, n);
	in->ptr += at ? n + 1 : n;
	in->len -= at ? n + 1 : n;
	return out;
}

static char store_file[64];	/* in memory where there is a file system for that */

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
	const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	int fd;

	static struct hf_policy_set policy;
	static struct hf_manifests manifests;
	static struct hf_seal_key seal_key;
	struct hf_fault fault;

	snprintf(store_file, sizeof(store_file), "%s/hf-fuzz-XXXXXX", folder);
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
	    hf_metrics_make(c, &fault))
		abort();
}

/* The same host for every input. */
static void put_host(struct hf_controller *c, bool reclaimed, uint64_t number)
{
	const struct hf_inventory host = { .id = "h", .serial = "S", .model = "m", .first_use_until = NOW + 1000 };
	const struct hf_by by = { "token:fuzz", NOW };
	uint8_t id[HF_WIRE_ID] = { 1 };
	struct hf_fault fault;
	size_t count;

	(void)!hf_store_remove(c->store, "h", &by, &fault);
	memcpy(id + 8, &number, sizeof(number));
	if (hf_store_import(c->store, &host, 1, &by, &count, &fault) ||
	    (reclaimed && hf_store_reclaim(c->store, "h", "lease", NULL, (struct hf_span){ id, sizeof(id) }, &by, &fault)))
		abort();
}

static void check_agent(const struct hf_controller *c, const struct hf_response *response, struct hf_arena *arena,
			bool reclaimed)
{
	struct hf_wire_reply reply;
	struct hf_host_record host;
	struct hf_fault fault;

	if (response->status == 503)
		return;
	if (response->status != 200 || hf_wire_get_reply(response->body, &reply) != HF_OK ||
	    reply.kind == HF_WIRE_TICKET || reply.kind == HF_WIRE_CHALLENGED)
		abort();
	if (hf_store_host(c->store, "h", arena, &host, &fault) != HF_OK || host.enrolled ||
	    host.state != (reclaimed ? HF_LEASE_RECLAIMED : HF_LEASE_HELD))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_controller controller;
	static struct hf_arena arena;
	static uint64_t number;
	struct hf_span in = { data, size };
	struct hf_response response = { 0 };
	const struct hf_route *route;
	char *method, *path, *flags, *type;

	if (!controller.store) {
		set_up(&controller);
		if (hf_arena_make(256u << 20, &arena))
			abort();
	}
	arena.len = 0;
	method = take_line(&in, &arena, ' ');
	path = take_line(&in, &arena, '\n');
	flags = take_line(&in, &arena, ' ');
	type = take_line(&in, &arena, '\n');

	struct hf_request request = { .controller = &controller, .arena = &arena, .query = query, .content_type = type,
				      .accept = type, .body = in, .actor = "token:fuzz", .now = NOW };
	char *mark = strchr(path, '?');
	uint8_t *body = hf_arena_take(&arena, in.len + 1);	/* handlers wipe secrets in it */

	if (in.len)
		memcpy(body, in.ptr, in.len);
	request.body.ptr = body;
	const bool reclaimed = strchr(flags, 'r') != NULL;

	if (mark) {
		*mark = '\0';
		request.http = mark + 1;
	}
	if (hf_route_find(method, path, &arena, &route, &request.host) != HF_MATCH_YES || in.len > route->body_max)
		return 0;
	request.method = route->method;
	request.path = route->pattern;
	request.role = route->role;
	request.has_client_key = strchr(flags, 'k') != NULL || route->role == HF_ROLE_AGENT;
	request.client_key.alg = HF_ALG_SHA256;
	put_host(&controller, reclaimed, number++);
	route->handle(&request, &response);
	if (response.status < 200 || response.status > 599 || (response.body.len && !response.body.ptr))
		abort();
	if (route->role <= HF_ROLE_AGENT && strcmp(route->method, "POST") == 0)
		check_agent(&controller, &response, &arena, reclaimed);
	return 0;
}
