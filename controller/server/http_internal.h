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
	struct hf_rate_slot { uint8_t address[8]; uint64_t at_ms; double left; } slots[HF_RATE_SLOTS];
};
bool hf_rate_take(struct hf_rate *rate, const struct sockaddr *from, uint64_t now_ms);

struct hf_http {
	struct hf_controller *controller;
	struct MHD_Daemon *daemon;
	int listening;
	char *certificate, *key, *trust;	/* PEM as MHD wants it: it keeps the pointers */
	struct hf_arenas arenas;
	struct hf_rate rate;
	_Atomic size_t bodies;		/* bytes under way */
	_Atomic size_t requests;	/* under way */
	_Atomic size_t whole;		/* of these, those that came to their end */
};

/* ---- who asks (http_client.c) ---- */
struct hf_client {	/* of a connection; found once */
	bool looked, has_key;
	struct hf_digest key;	/* SHA-256 of the client certificate's SubjectPublicKeyInfo */
	enum hf_role role;	/* by that certificate; NOBODY: by none */
	char actor[HF_HOST_ID_MAX + 8];
};
void hf_client_look(const struct hf_http *http, struct MHD_Connection *connection, struct hf_client *ret);

/* ---- routes (http_route.c) [pure] ---- */
enum hf_route_match { HF_MATCH_NONE, HF_MATCH_METHOD, HF_MATCH_YES };	/* METHOD: the path only */
/* {id} is decoded into the arena; what does not decode, or is no host's name, matches nothing. */
enum hf_route_match hf_route_find(const char *method, const char *path, struct hf_arena *arena,
			    const struct hf_route **ret, const char **ret_host);
/* %xx, strictly; false: malformed, or a NUL or control character. out: as long as in. */
enum hf_err hf_http_daemon(struct hf_http *http, struct hf_fault *fault) HF_MUST_USE;

bool hf_percent_decode(const char *in, size_t len, char *out);

#endif
