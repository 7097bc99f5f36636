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
#include "controller/server/tokens.h"
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

static const char *header(const struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static const char *query(const struct hf_request *request, const char *name)
{
	const struct exchange *x = request->http;
	const char *raw = MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);
	char *out = raw && strlen(raw) < 1024 ? hf_arena_take(request->arena, strlen(raw) + 1) : NULL;

	return out && hf_percent_decode(raw, strlen(raw), out) ? out : NULL;
}

static void by_token(struct exchange *x, const char *authorization)
{
	const char *text = authorization + strlen("Bearer ");
	struct hf_policy_set *policy;
	const struct hf_token *token;
	struct hf_digest digest;
	char actor[sizeof(token->name) + 8];

	if (strncmp(authorization, "Bearer ", strlen("Bearer ")) != 0 || strlen(text) > HF_TOKEN_TEXT_MAX ||
	    hf_digest(HF_ALG_SHA256, hf_span_text(text), &digest) != HF_OK)
		return;
	policy = hf_policy_take(x->http->controller);
	token = policy ? hf_tokens_find(policy->tokens, false, &digest) : NULL;
	if (token && token->role > x->request.role) {
		snprintf(actor, sizeof(actor), "token:%s", token->name);
		x->request.role = token->role;
		x->request.actor = hf_arena_text(&x->arena, actor, strlen(actor));
	}
	if (policy)
		hf_policy_drop(policy);
}

/* Of each request, not of the connection: a key that was taken out of the file is nobody's any
 * more, however long its connection is kept open. */
static void by_key(struct exchange *x)
{
	struct hf_policy_set *policy = x->request.has_client_key ? hf_policy_take(x->http->controller) : NULL;
	const struct hf_token *token = policy ? hf_tokens_find(policy->tokens, true, &x->request.client_key) : NULL;
	char actor[sizeof(token->name) + 8];

	if (token) {
		snprintf(actor, sizeof(actor), "key:%s", token->name);
		x->request.role = token->role;
		x->request.actor = hf_arena_text(&x->arena, actor, strlen(actor));
	}
	if (policy)
		hf_policy_drop(policy);
}

static void find_client(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct hf_client *client = info ? info->socket_context : NULL, none = { .role = HF_ROLE_NOBODY };
	const char *authorization = header(x, "Authorization");

	if (client && !client->looked)
		hf_client_look(x->http, x->connection, client);
	client = client ? client : &none;
	x->request.has_client_key = client->has_key;
	x->request.client_key = client->key;
	x->request.role = client->role;
	x->request.actor = client->actor[0] ? hf_arena_text(&x->arena, client->actor, strlen(client->actor)) : "agent";
	by_key(x);
	if (authorization)
		by_token(x, authorization);
}

static bool allowed(const struct exchange *x)
{
	if (x->route->role == HF_ROLE_AGENT)
		return x->request.has_client_key;
	return x->request.role >= x->route->role;
}

/* ---- the head as a whole: whoever stands between must read in it what we do (RFC 9112) ---- */

#define NAME_MAX_BYTES 256
#define TOKEN_SIGNS "!#$%&'*+-.^_`|~0123456789"

struct head { unsigned counts[5]; bool bad; };

static bool is_name(const char *name, size_t len)
{
	if (len == 0 || len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr(TOKEN_SIGNS, c))))
			return false;
	}
	return true;
}

static bool is_value(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			return false;
	return true;
}

static enum MHD_Result look_at_header(void *self, enum MHD_ValueKind kind, const char *name, size_t name_len,
				      const char *value, size_t value_len)
{
	static const char *const once[] = {
		"Content-Length", "Transfer-Encoding", "Host", "Authorization", "Content-Type",
	};
	struct head *h = self;

	(void)kind;
	h->bad |= !is_name(name, name_len) || !is_value(value, value_len);
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]) && !h->bad; i++) {
		h->counts[i] += strcasecmp(name, once[i]) == 0;
		h->bad |= h->counts[i] > 1;
	}
	return MHD_YES;
}

static bool is_head_bad(const struct exchange *x)
{
	struct head h = { .bad = false };

	(void)MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, look_at_header, &h);
	return h.bad;
}

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
	size_t now;

	x->reserved = x->expected > HF_HTTP_SMALL_BODY ? x->expected : 0;
	now = atomic_fetch_add(&x->http->bodies, x->reserved) + x->reserved;
	if (x->reserved && now > HF_HTTP_BODIES)
		return false;
	x->body = hf_arena_take(&x->arena, x->expected);
	return x->body != NULL;
}

static bool too_many(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return x->route->role <= HF_ROLE_AGENT && x->route->method[0] == 'P' &&
	       !hf_rate_take(&x->http->rate, info ? info->client_addr : NULL, hf_now_ms());
}

static enum MHD_Result begin(struct exchange *x, const char *method, const char *url)
{
	enum hf_route_match match;

	if (atomic_load(&x->http->controller->stopping))
		return refuse(x, 503, HF_ERR_API_REFUSED, "the controller stops");
	if (is_head_bad(x))
		return refuse(x, 400, HF_ERR_API_REFUSED, "a header is malformed, or there twice");
	match = hf_route_find(method, url, &x->arena, &x->route, &x->request.host);
	if (match != HF_MATCH_YES)
		return refuse(x, match == HF_MATCH_METHOD ? 405 : 404, HF_ERR_API_REFUSED,
			      match == HF_MATCH_METHOD ? "no such method here" : "no such path");
	if (too_many(x))
		return refuse(x, 503, HF_ERR_RATE_LIMITED, "wait and try again");
	find_client(x);
	if (!allowed(x))
		return refuse(x, x->request.role == HF_ROLE_NOBODY ? 401 : 403, HF_ERR_API_REFUSED,
			      "your token or certificate does not permit this");
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

static enum MHD_Result finish(struct exchange *x)
{
	if (x->received != x->expected)
		return MHD_NO;
	x->request.body = (struct hf_span){ x->body, x->received };
	x->request.now = (int64_t)time(NULL);
	x->whole = true;
	atomic_fetch_add(&x->http->whole, 1);
	x->route->handle(&x->request, &x->response);
	if (x->response.status == 0)
		return refuse(x, 500, HF_ERR_INTERNAL, "no reply was made");
	return send_response(x);
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
	return x->refused ? MHD_YES : finish(x);
}

static void on_completed(void *self, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *context;
	struct hf_http *http = self;

	(void)connection;
	(void)code;
	if (!x)
		return;
	if (x->response.status)
		hf_metrics_request(http->controller, x->route ? x->route->pattern : "unknown", x->response.status,
				   hf_now_ms() - x->start_ms);
	atomic_fetch_sub(&http->bodies, x->reserved);
	atomic_fetch_sub(&http->requests, 1);
	if (x->whole)
		atomic_fetch_sub(&http->whole, 1);
	if (x->response.wipe && x->response.body.len)
		hf_seal_wipe((void *)(uintptr_t)x->response.body.ptr, x->response.body.len);
	hf_arenas_give(&http->arenas, &x->arena, x->response.wipe);
	free(x);
	*context = NULL;
}

static void on_connection(void *self, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	(void)self;
	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = calloc(1, sizeof(struct hf_client));
		return;
	}
	free(*socket_context);
	*socket_context = NULL;
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

	http->daemon = MHD_start_daemon(
		MHD_USE_TLS | MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, http,
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
