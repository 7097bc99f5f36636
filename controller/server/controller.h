/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/controller.h: what every request works with. */
#ifndef HF_CONTROLLER_SERVER_CONTROLLER_H
#define HF_CONTROLLER_SERVER_CONTROLLER_H

#include <pthread.h>
#include <stdatomic.h>

#include "controller/server/store.h"
#include "manifests/trust.h"
#include "measure/cose.h"

/* Manifests, anchors and EK certificates as they were read together; replaced whole on SIGHUP,
 * dropped when the last request that works with it is over. */
struct hf_ek_roots;
struct hf_tokens;
struct hf_policy_set {
	_Atomic unsigned users;		/* requests, and the controller itself while it is the present one */
	struct hf_arena arena;
	struct hf_trust trust;
	struct hf_manifests *manifests;
	struct hf_ek_roots *ek_roots;	/* NULL: none are configured */
	struct hf_tokens *tokens;	/* who may ask for what; NULL: nobody by token */
	struct hf_span archive;		/* the manifests' files, as a ring's are kept (ring.h) */
	struct hf_digest archive_digest;
	int64_t loaded;			/* seconds since 1970 */
};
struct hf_config {		/* holdfastd's options; docs/controller.md */
	const char *listen;	/* "[::]:8443" */
	const char *store, *certificate, *key, *operator_ca, *tokens, *ticket_key, *anchors, *manifests;
	const char *ek_roots, *secret_key, *webhook, *webhook_key, *name;
	unsigned threads, ticket_seconds, challenge_seconds;	/* 0: by processors; 300; 600 */
	unsigned agent_rate;	/* requests a second that one address's agents may send; 0: no limit */
	unsigned address_connections;	/* at a time of one address; 0, or no agent_rate: no limit */
	unsigned connections;	/* of the store; 0: as many as threads */
	uint64_t least_tpm_firmware;	/* 0: any */
};
struct hf_metrics;
struct hf_webhook;
struct hf_ring_set;
struct hf_seal_key;
struct hf_controller {
	struct hf_config config;
	struct hf_store *store;
	struct hf_key *ticket_key;
	struct hf_seal_key *seal_key;	/* NULL: tenants' secrets are not kept here */
	pthread_mutex_t lock;		/* of policy and rings */
	struct hf_policy_set *policy;	/* take and drop by the functions below */
	struct hf_ring_set *rings[HF_RINGS_MAX];	/* those in use, under lock (ring.h); NULL: free */
	struct hf_metrics *metrics;
	struct hf_webhook *webhook;
	_Atomic bool stopping;
	_Atomic uint64_t refused;	/* connections of addresses that had enough of them */
	_Atomic int64_t ready_at;	/* when the store last answered GET /v1/ready, which anybody may ask */
};
/* NULL: nothing was ever loaded. */
struct hf_policy_set *hf_policy_take(struct hf_controller *controller);
void hf_policy_drop(struct hf_policy_set *set);
/* Reads everything anew; on failure the old set stays. */
enum hf_err hf_policy_load(struct hf_controller *controller, struct hf_fault *fault) HF_MUST_USE;

/* One request, whole; one response, whole. Handlers are called by any of the server's threads. */
enum hf_role { HF_ROLE_NOBODY, HF_ROLE_AGENT, HF_ROLE_RELYING_PARTY, HF_ROLE_VIEWER, HF_ROLE_OPERATOR, HF_ROLE_ADMIN };
struct hf_request {
	struct hf_controller *controller;
	struct hf_arena *arena;		/* for everything that lives as long as the request */
	const char *method, *path;	/* path as matched: no query */
	const char *host;		/* {id} of the route, decoded; NULL: the route has none */
	const char *(*query)(const struct hf_request *request, const char *name);	/* or NULL */
	const char *accept;		/* media type, or NULL */
	const char *if_none_match;	/* ETag that the client has, or NULL */
	const char *content_type;
	struct hf_span body;
	bool has_client_key;		/* a TLS client certificate whose key was proven */
	struct hf_digest client_key;	/* SHA-256 of its SubjectPublicKeyInfo */
	enum hf_role role;
	const char *actor;		/* "token:NAME", "cert:NAME", "host:ID", "agent" */
	int64_t now;
	void *http;			/* the HTTP side's own */
};
struct hf_response {
	unsigned status;		/* HTTP */
	const char *content_type;	/* bare media type */
	struct hf_span body;		/* in the request's arena */
	bool wipe;			/* the body holds a secret */
	const char *etag;		/* with its quotes; NULL: none */
};
/* Never fails: what goes wrong is a response. For agents: 200 and a signed refusal. */
typedef void (*hf_handler)(struct hf_request *request, struct hf_response *response);
struct hf_route {
	const char *method, *pattern;	/* "/v1/hosts/{id}/result" */
	enum hf_role role;		/* least; HF_ROLE_AGENT: anybody with a client key */
	size_t body_max;
	hf_handler handle;
	const char *query;		/* "state after limit": what may be asked of it; NULL: nothing */
	bool slow;			/* in a thread of its own, one at a time; 429 for the others */
};
extern const struct hf_route hf_agent_routes[];	/* agent_routes.c; ends with method NULL */
extern const struct hf_route hf_api_routes[];	/* api_routes.c; likewise */

/* ---- what the handlers of agents stand on ---- */
/* Both make a reply: a signed refusal for cause, or what kind says. What is no refusal but the
 * controller's own trouble (store, memory) is HTTP 503 without a body: to be tried again. */
void hf_reply_refused(struct hf_request *request, const struct hf_host_record *host, enum hf_err cause,
		      const char *detail, struct hf_response *response);
void hf_reply_done(struct hf_request *request, struct hf_response *response);
void hf_agent_challenge(struct hf_request *request, struct hf_response *response);
void hf_agent_enrol(struct hf_request *request, struct hf_response *response);
void hf_agent_activate(struct hf_request *request, struct hf_response *response);
void hf_agent_evidence(struct hf_request *request, struct hf_response *response);
void hf_agent_receipt(struct hf_request *request, struct hf_response *response);
void hf_agent_held(struct hf_request *request, struct hf_response *response);
/* GET /v1/hosts/{id}/result: signed now, 200 always; GET /v1/hosts/{id}/drift: JSON. */
void hf_api_result(struct hf_request *request, struct hf_response *response);
void hf_api_drift(struct hf_request *request, struct hf_response *response);

/* ---- what others are told (tell.c) ---- */
const char *hf_ear_status_name(enum hf_ear_status status);	/* "none", "affirming", ... */
/* A verdict was recorded, or an operator changed a state: metrics, JSON log line, webhook. */
void hf_tell_verdict(struct hf_controller *controller, const struct hf_verdict_record *verdict);
/* What is different since the last boot that was released, if anything; after its verdict. */
struct hf_drift;
void hf_tell_drift(struct hf_controller *controller, const struct hf_verdict_record *verdict,
		   const struct hf_drift *drift);
void hf_tell_state(struct hf_controller *controller, const char *host, enum hf_lease state, const char *actor,
		   const char *why);
/* One JSON line on stderr: {"time":..., "level":..., "event":..., ...}; fields are pairs of name and
 * text, ended by NULL. */
void hf_log_event(const char *level, const char *event, ...) __attribute__((sentinel));

#endif
