/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/link_internal.h: what link.c (PID 1), link_child.c (its child) and link_tls.c (OpenSSL, in
 * the child) share. Nobody else includes it. */
#ifndef HF_AGENT_LINK_INTERNAL_H
#define HF_AGENT_LINK_INTERNAL_H

#include "agent/link.h"
#include "agent/link_url.h"
#include "measure/wire.h"

/* ---- between PID 1 and the child: fixed heads, then bytes ---- */
#define HF_LINK_PIECE 16384u	/* bytes of a body, at once */
#define HF_LINK_WORDS 160	/* bytes of what went wrong */

enum hf_link_order { HF_LINK_ASK = 1, HF_LINK_TIME };
struct hf_link_order_head {	/* PID 1 to child; after ASK the path and the type, without NUL */
	uint32_t order;
	uint32_t path_len, type_len, body_len, patience_ms;
	int64_t now;
};
#define HF_LINK_PATH_MAX 128u	/* of path and of type, with a NUL */

enum hf_link_news { HF_LINK_DONE = 1, HF_LINK_REPLIED, HF_LINK_FAILED, HF_LINK_BODY };
struct hf_link_news_head {	/* child to PID 1 */
	uint32_t news;
	uint32_t err;		/* FAILED: HF_ERR_CONTROLLER_*, or _INTERNAL */
	uint32_t len;		/* REPLIED: then so many bytes; FAILED: of words; BODY: wanted */
	uint32_t offset;	/* BODY */
};

/* The child's whole life; self is a struct hf_link_child. */
struct hf_link_child {
	const struct hf_link_plan *plan;
	struct hf_link_url urls[HF_LINK_URLS_MAX];
	size_t url_count;
	struct hf_tls *tls;	/* made before the sandbox closes */
	struct hf_link_why *why;
};
void hf_link_child_prepare(void *self);
void hf_link_child_run(void *self, int socket);

/* ---- within the child ---- */
struct hf_link_why {		/* the last thing that went wrong */
	enum hf_err err;
	bool passing;		/* another attempt may do better */
	char words[HF_LINK_WORDS];
};
/* Always false. */
bool hf_link_because(struct hf_link_why *why, enum hf_err err, bool passing, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* False: the time is over first. */
bool hf_link_wait(int fd, short events, uint64_t end_ms);

struct hf_link_request {
	const char *path, *type;
	size_t body_len;
	/* False: PID 1 is gone. */
	bool (*body)(void *self, size_t offset, uint8_t *buf, size_t len);
	void *self;
};
struct hf_tls;
bool hf_tls_make(const struct hf_link_plan *plan, struct hf_tls **ret, struct hf_link_why *why);
/* Takes the connected descriptor over, whatever comes of it. */
bool hf_tls_connect(struct hf_tls *tls, int fd, const struct hf_link_url *url, uint64_t end_ms,
		    struct hf_link_why *why);
bool hf_tls_is_open(struct hf_tls *tls);	/* and nothing came that was not asked for */
void hf_tls_close(struct hf_tls *tls);
/* reply has room for HF_WIRE_REPLY_MAX bytes. ret_silent: not one byte came back. */
bool hf_tls_post(struct hf_tls *tls, const struct hf_link_request *request, uint64_t end_ms,
		 uint8_t *reply, size_t *ret_len, bool *ret_silent, struct hf_link_why *why);
bool hf_tls_set_time(struct hf_tls *tls, int64_t now, struct hf_link_why *why);

#endif
