/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PID 1's side of the link: orders out, news in; it waits in slices and believes no length. */
#include "agent/link_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/watch.h"
#include "pcie/worker.h"

#define SLICE_MS 100
#define START_MS 20000		/* for the child to load what it needs */
#define GRACE_MS 3000		/* beyond the patience that the child was given */
#define CONTROLLER "controller"

struct hf_link {
	struct hf_worker worker;
	bool dead;
	uint64_t end;		/* of the order under way */
};

static enum hf_err died(struct hf_link *link, struct hf_fault *fault, const char *how)
{
	link->dead = true;
	return hf_fail(fault, HF_ERR_LINK_DIED, CONTROLLER, "%s", how);
}

/* True: now. Every slice is progress of the gate, for as long as the order may take. */
static enum hf_err ready(struct hf_link *link, short events, struct hf_fault *fault)
{
	struct pollfd p = { .fd = link->worker.socket, .events = events };

	for (;;) {
		int n = poll(&p, 1, SLICE_MS);

		if (!hf_watch_kick()) {
			link->dead = true;	/* in the middle of something */
			return hf_fail(fault, HF_ERR_TIMED_OUT, CONTROLLER, "%s", "the gate is held already");
		}
		if (n < 0 && errno != EINTR)
			return died(link, fault, "its socket cannot be waited for");
		/* Also of one that goes on talking: each piece is progress, and there may be any number. */
		if (hf_now_ms() >= link->end)
			return died(link, fault, n > 0 ? "it comes to no end" : "it does not answer any more");
		if (n > 0)
			return HF_OK;
	}
}

static enum hf_err put(struct hf_link *link, struct hf_span bytes, struct hf_fault *fault)
{
	while (bytes.len) {
		enum hf_err err = ready(link, POLLOUT, fault);
		ssize_t n;

		if (err)
			return err;
		n = send(link->worker.socket, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return died(link, fault, "it takes no orders any more");
		bytes = (struct hf_span){ bytes.ptr + n, bytes.len - (size_t)n };
	}
	return HF_OK;
}

static enum hf_err get(struct hf_link *link, uint8_t *buf, size_t len, struct hf_fault *fault)
{
	for (size_t have = 0; have < len;) {
		enum hf_err err = ready(link, POLLIN, fault);
		ssize_t n;

		if (err)
			return err;
		n = recv(link->worker.socket, buf + have, len - have, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return died(link, fault, "it ended in the middle of its work");
		have += (size_t)n;
	}
	return HF_OK;
}

/* ---- news ---- */

static bool its_own(uint32_t err)
{
	return err == HF_ERR_CONTROLLER_UNREACHABLE || err == HF_ERR_CONTROLLER_BUSY || err == HF_ERR_CONTROLLER_TLS ||
	       err == HF_ERR_CONTROLLER_REPLY || err == HF_ERR_NO_MEMORY || err == HF_ERR_INTERNAL;
}

static enum hf_err take_failure(struct hf_link *link, const struct hf_link_news_head *news,
				struct hf_fault *fault)
{
	char words[HF_LINK_WORDS] = "";
	enum hf_err err;

	if (news->len >= sizeof(words) || !its_own(news->err))
		return died(link, fault, "it says something that it cannot mean");
	err = get(link, (uint8_t *)words, news->len, fault);
	return err ? err : hf_fail(fault, (enum hf_err)news->err, CONTROLLER, "%s", words);
}

static enum hf_err give_body(struct hf_link *link, const struct hf_link_news_head *news, struct hf_span body,
			     struct hf_fault *fault)
{
	if (!news->len || news->len > HF_LINK_PIECE || news->offset > body.len ||
	    news->len > body.len - news->offset)
		return died(link, fault, "it asks for more than there is to send");
	return put(link, hf_span_part(body, news->offset, news->len), fault);
}

/* Until the order is done: HF_LINK_DONE or HF_LINK_REPLIED, in *ret. */
static enum hf_err listen_to(struct hf_link *link, struct hf_span body, struct hf_link_news_head *ret,
			     struct hf_fault *fault)
{
	enum hf_err err;

	for (;;) {
		err = get(link, (uint8_t *)ret, sizeof(*ret), fault);
		if (err)
			return err;
		switch (ret->news) {
		case HF_LINK_DONE:
		case HF_LINK_REPLIED:
			return HF_OK;
		case HF_LINK_FAILED:
			return take_failure(link, ret, fault);
		case HF_LINK_BODY:
			err = give_body(link, ret, body, fault);
			break;
		default:
			err = died(link, fault, "it says something that it cannot mean");
		}
		if (err)
			return err;
	}
}

static enum hf_err expect_done(struct hf_link *link, struct hf_fault *fault)
{
	struct hf_link_news_head news;
	enum hf_err err = listen_to(link, (struct hf_span){ NULL, 0 }, &news, fault);

	if (!err && news.news != HF_LINK_DONE)
		return died(link, fault, "it answers what it was not asked");
	return err;
}

/* ---- orders ---- */

enum hf_err hf_link_ask(struct hf_link *link, const char *path, const char *content_type, struct hf_span body,
			unsigned patience_ms, struct hf_arena *arena, struct hf_span *ret, struct hf_fault *fault)
{
	const struct hf_link_order_head head = {
		.order = HF_LINK_ASK, .path_len = (uint32_t)strlen(path), .type_len = (uint32_t)strlen(content_type),
		.body_len = (uint32_t)body.len, .patience_ms = patience_ms,
	};
	struct hf_link_news_head news;
	uint8_t *reply;
	enum hf_err err;

	if (link->dead)
		return died(link, fault, "it ended before");
	if (!body.len || body.len > HF_WIRE_EVIDENCE_MAX || head.path_len >= HF_LINK_PATH_MAX ||
	    head.type_len >= HF_LINK_PATH_MAX)
		return hf_fail(fault, HF_ERR_INTERNAL, CONTROLLER, "a request of %zu bytes to %s", body.len, path);
	link->end = hf_now_ms() + patience_ms + GRACE_MS;
	err = put(link, (struct hf_span){ (const uint8_t *)&head, sizeof(head) }, fault);
	if (!err)
		err = put(link, hf_span_text(path), fault);
	if (!err)
		err = put(link, hf_span_text(content_type), fault);
	if (!err)
		err = listen_to(link, body, &news, fault);
	if (err)
		return err;
	if (news.news != HF_LINK_REPLIED || !news.len || news.len > HF_WIRE_REPLY_MAX)
		return died(link, fault, "it answers what it was not asked");
	reply = hf_arena_take(arena, news.len);
	if (!reply)
		return died(link, fault, "there is no memory for its answer");
	err = get(link, reply, news.len, fault);
	if (!err)
		*ret = (struct hf_span){ reply, news.len };
	return err;
}

enum hf_err hf_link_set_time(struct hf_link *link, int64_t now, struct hf_fault *fault)
{
	const struct hf_link_order_head head = { .order = HF_LINK_TIME, .now = now };
	enum hf_err err;

	if (link->dead)
		return died(link, fault, "it ended before");
	if (now <= 0)	/* 0 would be: no clock */
		return hf_fail(fault, HF_ERR_CONTROLLER_TLS, CONTROLLER, "the time %lld", (long long)now);
	link->end = hf_now_ms() + GRACE_MS;
	err = put(link, (struct hf_span){ (const uint8_t *)&head, sizeof(head) }, fault);
	return err ? err : expect_done(link, fault);
}

/* ---- its life ---- */

static enum hf_err check_plan(const struct hf_link_plan *plan, struct hf_link_child *child, struct hf_fault *fault)
{
	enum hf_err err = hf_link_urls_parse(plan->urls, child->urls, &child->url_count);

	if (err)
		return hf_fail(fault, err, CONTROLLER, "not https://ADDRESS:PORT with a literal address: %s",
			       plan->urls);
	if (!plan->ca.len || plan->ca.len > HF_LINK_CA_MAX)
		return hf_fail(fault, HF_ERR_CONTROLLER_TLS, CONTROLLER, "a CA of %zu bytes, at most %d",
			       plan->ca.len, HF_LINK_CA_MAX);
	return HF_OK;
}

enum hf_err hf_link_start(const struct hf_link_plan *plan, struct hf_link **ret, struct hf_fault *fault)
{
	struct hf_link_why why = { .err = HF_ERR_INTERNAL };
	struct hf_link_child child = { .plan = plan, .why = &why };
	const struct hf_worker_plan worker = { .run = hf_link_child_run, .self = &child, .sandbox = HF_SANDBOX_LINK,
					       .prepare = hf_link_child_prepare };
	struct hf_link *link;
	enum hf_err err = check_plan(plan, &child, fault);

	if (err)
		return err;
	link = calloc(1, sizeof(*link));
	err = link ? hf_digest_warm() : HF_ERR_NO_MEMORY;
	if (!err && plan->key)
		err = hf_boot_key_lend(plan->key);
	if (!err)
		err = hf_worker_start(&worker, &link->worker);
	if (plan->key)
		hf_boot_key_take_back(plan->key);
	if (err) {
		free(link);
		return hf_fail(fault, err, CONTROLLER, "%s", "starting the link");
	}
	link->end = hf_now_ms() + START_MS;
	err = expect_done(link, fault);
	if (err)
		hf_link_stop(&link);
	else
		*ret = link;
	return err;
}

void hf_link_stop(struct hf_link **link)
{
	if (!*link)
		return;
	hf_worker_abandon(&(*link)->worker);
	(void)hf_workers_reap(100);
	free(*link);
	*link = NULL;
}
