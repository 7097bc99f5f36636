/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/http_internal.h: what http*.c share. */
#ifndef HF_CONTROLLER_SERVER_HTTP_INTERNAL_H
#define HF_CONTROLLER_SERVER_HTTP_INTERNAL_H

#include <netinet/in.h>
#include <pthread.h>

#include "controller/server/http.h"

struct MHD_Connection;
struct MHD_Daemon;

#define HF_HTTP_ARENAS 64	/* kept for the next request */
struct hf_arenas {		/* lent to one request each */
	pthread_mutex_t lock;
	struct hf_arena free[HF_HTTP_ARENAS];
	size_t count;
};
bool hf_arenas_take(struct hf_arenas *arenas, struct hf_arena *ret) HF_MUST_USE;
/* wipe: what it held was secret. */
void hf_arenas_give(struct hf_arenas *arenas, struct hf_arena *arena, bool wipe);
void hf_arenas_drop(struct hf_arenas *arenas);

#define HF_RATE_SLOTS 8192
struct hf_rate {		/* requests of agents, by address: a bucket each, the oldest gives way */
	pthread_mutex_t lock;
	unsigned per_second;	/* 0: no limit; five seconds' worth may come at once */
	uint8_t secret[32];	/* which slot is whose */
	struct hf_rate_slot { uint8_t address[8]; uint64_t at_ms; double left; } slots[HF_RATE_SLOTS];
};
bool hf_rate_make(struct hf_rate *rate, unsigned per_second) HF_MUST_USE;	/* false: no randomness */
bool hf_rate_take(struct hf_rate *rate, const struct sockaddr *from, uint64_t now_ms);

struct hf_peer { uint8_t key[8]; unsigned connections; size_t bodies; };
struct hf_peers {		/* what each holds at this moment */
	pthread_mutex_t lock;
	unsigned connections_max;	/* of one; 0: one may hold everything */
	size_t bodies;			/* bytes of all of them that are under way */
	struct hf_peer list[HF_HTTP_CONNECTIONS];
};
/* Asked before a connection is made; taken when it is. Threads that do both at once may be one too
 * many each. NULL: there is no room for another address. */
bool hf_peer_may(struct hf_peers *peers, const struct sockaddr *from);
struct hf_peer *hf_peer_take(struct hf_peers *peers, const struct sockaddr *from);
void hf_peer_give(struct hf_peers *peers, struct hf_peer *peer);
/* Bytes of a body, out of the share of that address and out of what is there for all. */
bool hf_peer_body(struct hf_peers *peers, struct hf_peer *peer, size_t bytes);
void hf_peer_body_done(struct hf_peers *peers, struct hf_peer *peer, size_t bytes);

/* Connections that were refused before their body came: closed at once, with bytes unread, the client
 * would hear of a reset while it still writes, and never read why. The oldest gives way. */
#define HF_LINGERS 64
struct hf_linger {
	pthread_mutex_t lock;
	struct hf_linger_slot { int fd; uint64_t until_ms; } slots[HF_LINGERS];	/* fd: a duplicate; 0: none */
	size_t next;
};
void hf_linger(struct hf_linger *linger, struct MHD_Connection *connection);
/* Closes those whose time is over. */
void hf_linger_end(struct hf_linger *linger, uint64_t now_ms);

struct hf_http {
	struct hf_controller *controller;
	struct MHD_Daemon *daemon;
	int listening;
	char *certificate, *key, *trust;	/* PEM as MHD wants it: it keeps the pointers */
	struct hf_arenas arenas;
	struct hf_linger linger;
	struct hf_rate rate;
	struct hf_peers peers;
	_Atomic bool slow;		/* a slow route is at work */
	_Atomic unsigned slow_threads;	/* that have not ended */
	_Atomic size_t requests;	/* under way */
	_Atomic size_t whole;		/* of these, those that came to their end */
};

/* ---- who asks (http_client.c) ---- */
struct hf_client {	/* of a connection; found once */
	struct hf_peer *peer;
	bool looked, has_key;
	struct hf_digest key;	/* SHA-256 of the client certificate's SubjectPublicKeyInfo */
	enum hf_role role;	/* by that certificate; NOBODY: by none */
	char actor[HF_HOST_ID_MAX + 8];
};
/* The request's role and actor. client: of its connection, looked at once; NULL: no memory. */
void hf_client_find(const struct hf_http *http, struct MHD_Connection *connection, struct hf_client *client,
		    struct hf_request *request);

/* ---- the head (http_head.c) ---- */
#define HF_HTTP_QUERY_MAX 1024	/* bytes of one parameter, escaped */
#define HF_HTTP_WHY 96
/* A header that another reader of it may read in another way (RFC 9112). */
bool hf_http_head_bad(struct MHD_Connection *connection);
/* names: the route's. A parameter that is not among them, is there twice, or does not decode; why
 * names it and fits between quotes. */
bool hf_http_query_bad(struct MHD_Connection *connection, const char *names, char why[static HF_HTTP_WHY]);

/* ---- routes (http_route.c) [pure] ---- */
enum hf_route_match { HF_MATCH_NONE, HF_MATCH_METHOD, HF_MATCH_YES };	/* METHOD: the path only */
/* {id} is decoded into the arena; what does not decode, or is no host's name, matches nothing. */
enum hf_route_match hf_route_find(const char *method, const char *path, struct hf_arena *arena,
			    const struct hf_route **ret, const char **ret_host);
/* %xx, strictly; false: malformed, or a NUL or control character. out: as long as in. */
enum hf_err hf_http_daemon(struct hf_http *http, struct hf_fault *fault) HF_MUST_USE;

bool hf_percent_decode(const char *in, size_t len, char *out);

#endif
