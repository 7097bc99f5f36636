/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/api_json.h: what the handlers of operators share: JSON in and out. Bodies are
 * taken strictly: an unknown member, a member that is there twice, a wrong type are refused, for
 * what is half understood would change the wrong thing. docs/openapi.json has every shape.
 * [edge: jansson] */
#ifndef HF_CONTROLLER_SERVER_API_JSON_H
#define HF_CONTROLLER_SERVER_API_JSON_H

#include <jansson.h>

#include "controller/server/controller.h"

#define HF_API_JSON "application/json"
#define HF_API_BODY_MAX 8192u	/* bytes of a request that is no inventory */
#define HF_API_PAGE 100		/* rows where nobody says how many */
#define HF_API_PAGE_MAX 1000

/* ---- replies ---- */
/* root is consumed; NULL (memory) is answered as such. */
void hf_api_reply(struct hf_request *request, json_t *root, struct hf_response *response);
void hf_api_done(struct hf_response *response);	/* 204 */
/* {"cause", "detail", "sentence", "next"}, logged. Of the controller's own trouble the log alone
 * says more: it may speak of the database's address. */
void hf_api_refuse(struct hf_request *request, unsigned status, enum hf_err cause, const char *detail,
		   struct hf_response *response);
/* The same, with the status that goes with err; fault's detail where it is err's. */
void hf_api_fault(struct hf_request *request, enum hf_err err, const struct hf_fault *fault,
		  struct hf_response *response);
unsigned hf_api_status(enum hf_err err);	/* HTTP */

/* ---- requests: HF_ERR_API_REFUSED names the member or the parameter ---- */
/* names end with NULL. The caller drops *ret. */
enum hf_err hf_api_body(const struct hf_request *request, const char *const *names, json_t **ret,
			struct hf_fault *fault) HF_MUST_USE;
/* 1 to max bytes without control characters; NULL where it is not there and may be absent. */
enum hf_err hf_api_text(const json_t *body, const char *name, bool needed, size_t max, const char **ret,
			struct hf_fault *fault) HF_MUST_USE;
/* A number of the query, least to most; otherwise: it is not there. */
enum hf_err hf_api_number(const struct hf_request *request, const char *name, int64_t least, int64_t most,
			  int64_t otherwise, int64_t *ret, struct hf_fault *fault) HF_MUST_USE;
/* The media type of the body, without parameters, is this one. */
bool hf_api_is_type(const struct hf_request *request, const char *type);

/* ---- objects; NULL: no memory ---- */
/* verdict: the host's last one in full; NULL: what the host's row says of it. */
json_t *hf_api_host(const struct hf_host_record *host, const struct hf_verdict_record *verdict);
json_t *hf_api_verdict(const struct hf_verdict_record *verdict);
json_t *hf_api_audit_entry(const struct hf_audit_entry *entry);
json_t *hf_api_string(const char *text);	/* never fails on what is no UTF-8 */

/* Replies with the host as it is now, as GET does. */
void hf_api_host_show(struct hf_request *request, struct hf_response *response);

/* ---- the handlers ---- */
void hf_api_hosts_import(struct hf_request *request, struct hf_response *response);
void hf_api_hosts_list(struct hf_request *request, struct hf_response *response);
void hf_api_host_remove(struct hf_request *request, struct hf_response *response);
void hf_api_reclaim(struct hf_request *request, struct hf_response *response);
void hf_api_hold(struct hf_request *request, struct hf_response *response);
void hf_api_re_enrol(struct hf_request *request, struct hf_response *response);
void hf_api_secret(struct hf_request *request, struct hf_response *response);
void hf_api_verdicts(struct hf_request *request, struct hf_response *response);
void hf_api_verdicts_all(struct hf_request *request, struct hf_response *response);
void hf_api_appraisal(struct hf_request *request, struct hf_response *response);
void hf_api_evidence(struct hf_request *request, struct hf_response *response);
void hf_api_audit(struct hf_request *request, struct hf_response *response);
void hf_api_audit_heads(struct hf_request *request, struct hf_response *response);
void hf_api_audit_verify(struct hf_request *request, struct hf_response *response);
void hf_api_rings(struct hf_request *request, struct hf_response *response);
void hf_api_ring_show(struct hf_request *request, struct hf_response *response);
void hf_api_ring_put(struct hf_request *request, struct hf_response *response);
void hf_api_ring_remove(struct hf_request *request, struct hf_response *response);
void hf_api_ring_assign(struct hf_request *request, struct hf_response *response);
void hf_api_ring_manifests(struct hf_request *request, struct hf_response *response);
void hf_api_host_ring(struct hf_request *request, struct hf_response *response);
void hf_api_host_manifests(struct hf_request *request, struct hf_response *response);
void hf_api_health(struct hf_request *request, struct hf_response *response);
void hf_api_ready(struct hf_request *request, struct hf_response *response);
void hf_api_metrics(struct hf_request *request, struct hf_response *response);
void hf_api_openapi(struct hf_request *request, struct hf_response *response);

#endif
