/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/http.h: HTTPS on libmicrohttpd: TLS 1.3 alone, limits, routes, roles. http*.c
 * are the sole includers of <microhttpd.h> and <gnutls/...>. Everything that a client sizes has a
 * limit here; handlers see whole requests only. [edge: network] */
#ifndef HF_CONTROLLER_SERVER_HTTP_H
#define HF_CONTROLLER_SERVER_HTTP_H

#include "controller/server/controller.h"

#define HF_HTTP_CONNECTIONS 2048
#define HF_HTTP_IDLE_SECONDS 30		/* without a byte either way, the connection ends */
#define HF_HTTP_HEADERS ((size_t)32 << 10)	/* bytes of one request's head, and of TLS buffers */
#define HF_HTTP_BODIES ((size_t)512 << 20)	/* bytes of all large bodies under way */
#define HF_HTTP_ADDRESS_BODIES ((size_t)128 << 20)	/* of these, what one address may have */
#define HF_HTTP_SMALL_BODY ((size_t)64 << 10)	/* up to here none is counted: an operator always gets through */
#define HF_HTTP_BODY_SECONDS 120	/* for a whole body, however it drips */
#define HF_HTTP_ARENA ((size_t)256 << 20)	/* of one request; only touched pages are real */
#define HF_HTTP_STOP_SECONDS 20		/* for what is under way when the server is stopped */
#define HF_HTTP_STOP_PART_SECONDS 2	/* for requests that are still to come in part */

struct hf_http;
/* Listens where the configuration says; *ret_port is what came of port 0. */
enum hf_err hf_http_start(struct hf_controller *controller, struct hf_http **ret, uint16_t *ret_port,
			  struct hf_fault *fault) HF_MUST_USE;
/* Certificate, key and operators' CA can be read and fit together. HF_ERR_FILE_UNREADABLE,
 * HF_ERR_CONFIG_SYNTAX. */
enum hf_err hf_http_check(const struct hf_config *config, struct hf_fault *fault) HF_MUST_USE;
/* When the first of a PEM file's certificates ends; 0: none can be read. */
int64_t hf_http_until(const char *path);
/* Once a second or so. */
void hf_http_tick(struct hf_http *http);
/* No new connection; what is under way ends, or is ended. */
void hf_http_stop(struct hf_http *http);

#endif
