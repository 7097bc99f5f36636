/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/http_client.h: one request of an operator to the controller: HTTPS with TLS 1.3, the
 * controller's CA pinned (the system's CAs are not asked), no proxy, no redirect, no cookie.
 * [edge: libcurl, network, token file] */
#ifndef HF_CONTROLLER_HTTP_CLIENT_H
#define HF_CONTROLLER_HTTP_CLIENT_H

#include "measure/arena.h"

#define HF_HTTP_SECONDS 60u	/* of a whole request, where nothing else is said */
#define HF_HTTP_REPLY_MAX (64u << 20)
#define HF_HTTP_TOKEN_MAX 512

struct hf_http_server {
	const char *url;	/* "https://controller.example:8443" */
	const char *ca;		/* file with the CA's certificate, PEM */
	const char *token_file;	/* one line; NULL: none */
	const char *certificate, *key;	/* of the operator, PEM; NULL: none */
	unsigned seconds;	/* 0: HF_HTTP_SECONDS */
};
struct hf_http_request {
	const char *method, *path;	/* path with its query, as it goes out */
	const char *content_type, *accept;	/* or NULL */
	struct hf_span body;
};
struct hf_http_reply {
	unsigned status;
	const char *content_type;	/* bare and in lower case; "": none */
	struct hf_span body;		/* a NUL follows */
};
/* HF_OK: there is a reply, whatever its status. HF_ERR_CONTROLLER_UNREACHABLE, HF_ERR_CONTROLLER_TLS,
 * HF_ERR_CONTROLLER_REPLY (too long, broken off), HF_ERR_FILE_UNREADABLE (token, CA, certificate). */
enum hf_err hf_http_ask(const struct hf_http_server *server, const struct hf_http_request *request,
			struct hf_arena *arena, struct hf_http_reply *ret,
			struct hf_fault *fault) HF_MUST_USE;

#endif
