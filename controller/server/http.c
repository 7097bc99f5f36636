/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request from its first byte to its reply. What is wrong with it is found as early as it can
 * be: route, role and size before the body comes. */
#include "controller/server/http_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "controller/server/metrics.h"
#include "controller/server/seal.h"
#include "pcie/worker.h"

#define JSON "application/json"

struct exchange {
	struct hf_http *http;
	struct hf_arena arena;
	struct hf_request request;
	struct hf_response response;
	const struct hf_route *route;
	struct MHD_Connection *connection;
	uint8_t *body;
	size_t expected, received, reserved;
	bool whole;		/* it came to its end; its reply is made, or sent */
	bool waiting;		/* a thread makes its reply: MHD comes back when there is one */
	bool refused;		/* the reply is made; a body that still comes is not kept */
	uint64_t start_ms;
};

/* ---- replies ---- */

static enum MHD_Result send_response(struct exchange *x)
{
	struct hf_response *r = &x->response;
	struct MHD_Response *out = MHD_create_response_from_buffer(r->body.len, (void *)(uintptr_t)r->body.ptr,
								   MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!out)
		return MHD_NO;
	MHD_add_response_header(out, "Content-Type", r->content_type ? r->content_type : JSON);
	MHD_add_response_header(out, "Cache-Control", "no-store");
	MHD_add_response_header(out, "X-Content-Type-Options", "nosniff");
	if (r->etag)
		MHD_add_response_header(out, "ETag", r->etag);
	if (r->status == 401)
		MHD_add_response_header(out, "WWW-Authenticate", "Bearer");
	if (x->refused)		/* whatever of the body is still to come is not read */
		MHD_add_response_header(out, "Connection", "close");
	result = MHD_queue_response(x->connection, r->status, out);
	MHD_destroy_response(out);
	return result;
}

/* Of what HTTP alone can tell; an agent reads no body of it. */
static enum MHD_Result refuse(struct exchange *x, unsigned status, enum hf_err cause, const char *detail)
{
	char *text = hf_arena_take(&x->arena, 512);
	int n = text ? snprintf(text, 512, "{\"cause\":\"%s\",\"detail\":\"%s\"}\n", hf_err_name(cause), detail) : 0;

	x->refused = true;
	x->response = (struct hf_response){ .status = status, .content_type = JSON,
					    .body = { (const uint8_t *)text, (size_t)n } };
	return send_response(x);
}

/* ---- what the request says ---- */

static const struct sockaddr *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info ? info->client_addr : NULL;
}

static const char *header(const struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static const char *query(const struct hf_request *request, const char *name)
{
	const struct exchange *x = request->http;
	const char *raw = MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);
	char *out = raw ? hf_arena_take(request->arena, strlen(raw) + 1) : NULL;

	/* begin() has refused what does not decode */
	return out && hf_percent_decode(raw, strlen(raw), out) ? out : NULL;
}

static struct hf_client *client_of(const struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static struct hf_peer *peer_held(const struct exchange *x)
{
	const struct hf_client *client = client_of(x);

	return client ? client->peer : NULL;
}

static bool allowed(const struct exchange *x)
{
	if (x->route->role == HF_ROLE_AGENT)
		return x->request.has_client_key;
	return x->request.role >= x->route->role;
}

/* ---- the body ---- */

/* Digits alone; what is not there is no body. */
static bool take_length(struct exchange *x)
{
	const char *text = header(x, "Content-Length");
	char *end;

	if (header(x, "Transfer-Encoding"))
		return false;
	if (!text)
		return true;
	if (!text[0] || strspn(text, "0123456789") != strlen(text) || strlen(text) > 12)
		return false;
	x->expected = strtoul(text, &end, 10);
	return true;
}

static bool reserve_body(struct exchange *x)
{
	const size_t bytes = x->expected > HF_HTTP_SMALL_BODY ? x->expected : 0;

	if (bytes && !hf_peer_body(&x->http->peers, peer_held(x), bytes))
		return false;
	x->reserved = bytes;
	x->body = hf_arena_take(&x->arena, x->expected);
	return x->body != NULL;
}

static bool too_many(struct exchange *x)
{
	return x->route->role <= HF_ROLE_AGENT && x->route->method[0] == 'P' &&
	       !hf_rate_take(&x->http->rate, peer_of(x->connection), hf_now_ms());
}

static enum MHD_Result begin(struct exchange *x, const char *method, const char *url)
{
	enum hf_route_match match;
	char why[HF_HTTP_WHY];

	if (atomic_load(&x->http->controller->stopping))
		return refuse(x, 503, HF_ERR_API_REFUSED, "the controller stops");
	if (hf_http_head_bad(x->connection))
		return refuse(x, 400, HF_ERR_API_REFUSED, "a header is malformed, or there twice");
	match = hf_route_find(method, url, &x->arena, &x->route, &x->request.host);
	if (match != HF_MATCH_YES)
		return refuse(x, match == HF_MATCH_METHOD ? 405 : 404, HF_ERR_API_REFUSED,
			      match == HF_MATCH_METHOD ? "no such method here" : "no such path");
	if (too_many(x))
		return refuse(x, 503, HF_ERR_RATE_LIMITED, "wait and try again");
	hf_client_find(x->http, x->connection, client_of(x), &x->request);
	if (!allowed(x))
		return refuse(x, x->request.role == HF_ROLE_NOBODY ? 401 : 403, HF_ERR_API_REFUSED,
			      "your token or certificate does not permit this");
	if (hf_http_query_bad(x->connection, x->route->query, why))
		return refuse(x, 400, HF_ERR_API_REFUSED, why);
	if (!take_length(x))
		return refuse(x, 411, HF_ERR_API_REFUSED, "send Content-Length, and the body as it is");
	if (x->expected > x->route->body_max)
		return refuse(x, 413, HF_ERR_LIMIT, "the body is larger than this path takes");
	if (x->expected && !reserve_body(x))
		return refuse(x, 503, HF_ERR_RATE_LIMITED, "too much is under way; try again");
	x->request.method = x->route->method;
	x->request.path = x->route->pattern;
	x->request.query = query;
	x->request.accept = header(x, "Accept");
	x->request.if_none_match = header(x, "If-None-Match");
	x->request.content_type = header(x, "Content-Type");
	return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t *size)
{
	if (!x->refused && *size > x->expected - x->received)
		return MHD_NO;
	/* A byte now and then is not silence, and would keep its reservation for ever. */
	if (hf_now_ms() - x->start_ms > HF_HTTP_BODY_SECONDS * 1000u)
		return MHD_NO;
	if (!x->refused) {
		memcpy(x->body + x->received, data, *size);
		x->received += *size;
	}
	*size = 0;
	return MHD_YES;
}

static enum MHD_Result reply(struct exchange *x)
{
	if (x->response.status == 0)
		return refuse(x, 500, HF_ERR_INTERNAL, "no reply was made");
	return send_response(x);
}

static void *run_slow(void *self)
{
	struct exchange *x = self;
	struct hf_http *http = x->http;	/* x ends with its reply */

	x->route->handle(&x->request, &x->response);
	atomic_store(&http->slow, false);	/* before its client can ask for the next one */
	MHD_resume_connection(x->connection);
	atomic_fetch_sub(&http->slow_threads, 1);
	return NULL;
}

/* The pool's threads are for requests that are short; the connection waits in none of them. */
static enum MHD_Result start_slow(struct exchange *x)
{
	pthread_t thread;

	if (atomic_exchange(&x->http->slow, true))
		return refuse(x, 429, HF_ERR_RATE_LIMITED, "one such request is under way; try again");
	atomic_fetch_add(&x->http->slow_threads, 1);
	if (atomic_load(&x->http->controller->stopping)) {	/* else hf_http_stop sees the thread */
		atomic_store(&x->http->slow, false);
		atomic_fetch_sub(&x->http->slow_threads, 1);
		return refuse(x, 503, HF_ERR_API_REFUSED, "the controller stops");
	}
	x->waiting = true;
	MHD_suspend_connection(x->connection);
	if (pthread_create(&thread, NULL, run_slow, x) == 0) {
		pthread_detach(thread);
		return MHD_YES;
	}
	MHD_resume_connection(x->connection);
	atomic_store(&x->http->slow, false);
	atomic_fetch_sub(&x->http->slow_threads, 1);
	return MHD_YES;
}

static enum MHD_Result finish(struct exchange *x)
{
	if (x->received != x->expected)
		return MHD_NO;
	x->request.body = (struct hf_span){ x->body, x->received };
	x->request.now = (int64_t)time(NULL);
	x->whole = true;
	atomic_fetch_add(&x->http->whole, 1);
	if (x->route->slow)
		return start_slow(x);
	x->route->handle(&x->request, &x->response);
	return reply(x);
}

/* ---- what MHD calls ---- */

static struct exchange *new_exchange(struct hf_http *http, struct MHD_Connection *connection)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x || !hf_arenas_take(&http->arenas, &x->arena)) {
		free(x);
		return NULL;
	}
	x->http = http;
	x->connection = connection;
	x->start_ms = hf_now_ms();
	x->request = (struct hf_request){ .controller = http->controller, .arena = &x->arena, .http = x,
					  .role = HF_ROLE_NOBODY };
	atomic_fetch_add(&http->requests, 1);
	return x;
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **context)
{
	struct exchange *x = *context;

	(void)version;
	if (!x) {
		x = *context = new_exchange(self, connection);
		return x ? begin(x, method, url) : MHD_NO;
	}
	if (*upload_size)
		return take_body(x, upload, upload_size);
	if (x->refused)
		return MHD_YES;
	return x->waiting ? reply(x) : finish(x);
}

static void on_completed(void *self, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *context;
	struct hf_http *http = self;

	(void)code;
	if (!x)
		return;
	if (x->response.status)
		hf_metrics_request(http->controller, x->route ? x->route->pattern : "unknown", x->response.status,
				   hf_now_ms() - x->start_ms);
	hf_peer_body_done(&http->peers, peer_held(x), x->reserved);
	atomic_fetch_sub(&http->requests, 1);
	if (x->whole)
		atomic_fetch_sub(&http->whole, 1);
	if (x->refused && !x->whole)
		hf_linger(&http->linger, connection);
	if (x->response.wipe && x->response.body.len)
		hf_seal_wipe((void *)(uintptr_t)x->response.body.ptr, x->response.body.len);
	hf_arenas_give(&http->arenas, &x->arena, x->response.wipe);
	free(x);
	*context = NULL;
}

static void on_connection(void *self, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct hf_client *client = *socket_context;
	struct hf_http *http = self;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = client = calloc(1, sizeof(*client));
		if (client)
			client->peer = hf_peer_take(&http->peers, peer_of(connection));
		return;
	}
	if (client)
		hf_peer_give(&http->peers, client->peer);
	free(client);
	*socket_context = NULL;
}

/* Before there is a connection, or any TLS. */
static enum MHD_Result may_connect(void *self, const struct sockaddr *from, socklen_t len)
{
	struct hf_http *http = self;

	(void)len;
	if (hf_peer_may(&http->peers, from))
		return MHD_YES;
	atomic_fetch_add(&http->controller->refused, 1);
	return MHD_NO;
}

/* We decode by ourselves, strictly. */
static size_t leave_escaped(void *self, struct MHD_Connection *connection, char *text)
{
	(void)self;
	(void)connection;
	return strlen(text);
}

#define TLS_ONLY_13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static unsigned threads_of(const struct hf_config *config)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->threads)
		return config->threads;
	return processors > 0 && processors < 64 ? (unsigned)processors * 2 : 4;
}

enum hf_err hf_http_daemon(struct hf_http *http, struct hf_fault *fault)
{
	const struct hf_config *config = &http->controller->config;

	/* Not by epoll: there libmicrohttpd 0.9.75 asks a connection without a pause while TLS waits for
	 * the client, so that whoever is slow to answer keeps a processor busy. */
	http->daemon = MHD_start_daemon(
		MHD_USE_TLS | MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, may_connect, http,
		on_request, http,
		MHD_OPTION_LISTEN_SOCKET, http->listening,
		MHD_OPTION_HTTPS_MEM_CERT, http->certificate, MHD_OPTION_HTTPS_MEM_KEY, http->key,
		MHD_OPTION_HTTPS_MEM_TRUST, http->trust, MHD_OPTION_HTTPS_PRIORITIES, TLS_ONLY_13,
		MHD_OPTION_THREAD_POOL_SIZE, threads_of(config),
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)HF_HTTP_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HF_HTTP_IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, HF_HTTP_HEADERS,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
	return http->daemon ? HF_OK : hf_fail(fault, HF_ERR_CONFIG_SYNTAX, config->certificate, "%s",
					      "TLS does not start with this certificate and key");
}
