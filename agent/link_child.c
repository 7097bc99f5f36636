/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The link's child: takes PID 1's orders one after the other, and goes through the controller's
 * addresses until one of them answers or the order's time is over. */
#include "agent/link_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pcie/worker.h"

#define CONNECT_MS 5000		/* for one address to take a connection */
#define HANDSHAKE_MS 10000	/* and to have shown who it is */
#define PAUSE_MS 250		/* after the first round of all addresses without an answer */
#define PAUSE_MAX_MS 8000

struct order {
	struct hf_link_order_head head;
	char path[HF_LINK_PATH_MAX], type[HF_LINK_PATH_MAX];
	uint64_t end;
};
struct talk {
	struct hf_link_child *child;
	int socket;		/* to PID 1 */
	struct hf_link_why *why;
	struct hf_link_why busy;	/* of this order: who was there and had no time; err 0: nobody */
	uint8_t reply[HF_WIRE_REPLY_MAX];
};

bool hf_link_because(struct hf_link_why *why, enum hf_err err, bool passing, const char *format, ...)
{
	va_list args;

	why->err = err;
	why->passing = passing;
	va_start(args, format);
	vsnprintf(why->words, sizeof(why->words), format, args);
	va_end(args);
	return false;
}

bool hf_link_wait(int fd, short events, uint64_t end_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		const uint64_t now = hf_now_ms();
		int n;

		if (now >= end_ms)
			return false;
		n = poll(&p, 1, end_ms - now > 60000 ? 60000 : (int)(end_ms - now));
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

/* ---- PID 1 ---- */

static bool put_all(int socket, const void *bytes, size_t len)
{
	for (size_t put = 0; put < len;) {
		ssize_t n = write(socket, (const uint8_t *)bytes + put, len - put);

		if (n <= 0)
			return false;
		put += (size_t)n;
	}
	return true;
}

static bool get_all(int socket, void *bytes, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = read(socket, (uint8_t *)bytes + have, len - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

/* What PID 1 has is not kept here twice: it is fetched as it is sent. */
static bool fetch_body(void *self, size_t offset, uint8_t *buf, size_t len)
{
	const struct talk *t = self;
	const struct hf_link_news_head head = { .news = HF_LINK_BODY, .len = (uint32_t)len,
						.offset = (uint32_t)offset };

	return put_all(t->socket, &head, sizeof(head)) && get_all(t->socket, buf, len);
}

static bool say(const struct talk *t, enum hf_link_news news, const void *bytes, size_t len)
{
	const struct hf_link_news_head head = { .news = news, .len = (uint32_t)len,
						.err = news == HF_LINK_FAILED ? (uint32_t)t->why->err : 0 };

	return put_all(t->socket, &head, sizeof(head)) && put_all(t->socket, bytes, len);
}

static bool say_failed(const struct talk *t)
{
	return say(t, HF_LINK_FAILED, t->why->words, strlen(t->why->words));
}

/* ---- a connection ---- */

static int start_connecting(const struct hf_link_url *u)
{
	const int fd = socket(u->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(u->port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(u->port) };
	const int one = 1;
	int n;

	if (fd < 0)
		return -1;
	memcpy(&v6.sin6_addr, u->address, 16);
	memcpy(&v4.sin_addr, u->address, 4);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));	/* header and body apart */
	n = u->v6 ? connect(fd, (struct sockaddr *)&v6, sizeof(v6)) :
		    connect(fd, (struct sockaddr *)&v4, sizeof(v4));
	if (n == 0 || errno == EINPROGRESS)
		return fd;
	n = errno;
	close(fd);
	errno = n;
	return -1;
}

static bool unreachable(struct hf_link_why *why, const struct hf_link_url *u, int error)
{
	if (error == ECONNREFUSED)
		return hf_link_because(why, HF_ERR_CONTROLLER_UNREACHABLE, true, "connection refused by %s", u->text);
	return hf_link_because(why, HF_ERR_CONTROLLER_UNREACHABLE, true, "%s: %s", u->text, strerror(error));
}

static bool open_connection(struct talk *t, const struct hf_link_url *u, uint64_t end)
{
	const uint64_t now = hf_now_ms(), connected = now + CONNECT_MS;
	const int fd = start_connecting(u);
	socklen_t len = sizeof(int);
	int error = 0;

	if (fd < 0)
		return unreachable(t->why, u, errno);
	if (!hf_link_wait(fd, POLLOUT, connected < end ? connected : end)) {
		close(fd);
		return hf_link_because(t->why, HF_ERR_CONTROLLER_UNREACHABLE, true, "%s does not answer", u->text);
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error) {
		close(fd);
		return unreachable(t->why, u, error ? error : errno);
	}
	return hf_tls_connect(t->child->tls, fd, u,
			      hf_now_ms() + HANDSHAKE_MS < end ? hf_now_ms() + HANDSHAKE_MS : end, t->why);
}

/* ---- an order ---- */

static bool post(struct talk *t, const struct order *o, size_t *ret_len, bool *ret_silent)
{
	const struct hf_link_request request = { .path = o->path, .type = o->type, .body_len = o->head.body_len,
						 .body = fetch_body, .self = t };

	if (hf_tls_post(t->child->tls, &request, o->end, t->reply, ret_len, ret_silent, t->why))
		return true;
	if (t->why->err == HF_ERR_CONTROLLER_BUSY)
		t->busy = *t->why;
	return false;
}

/* Over the connection that is there. It may have ended meanwhile, and that is nobody's fault. */
static bool post_again(struct talk *t, const struct order *o, size_t *ret_len, bool *ret_over)
{
	bool silent = false;

	*ret_over = false;
	if (!hf_tls_is_open(t->child->tls))
		return false;
	if (post(t, o, ret_len, &silent))
		return true;
	*ret_over = !silent && !t->why->passing;
	return false;
}

/* Growing, and never the same for two hosts that were switched on together. */
static void pause_between(unsigned round, uint64_t end)
{
	uint64_t ms = PAUSE_MS;
	uint32_t random = 0;

	for (unsigned i = 0; i < round && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)hf_now_ms();
	ms = ms / 2 + random % (ms / 2 + 1);
	ms += hf_now_ms();
	(void)poll(NULL, 0, (int)((ms < end ? ms : end) - hf_now_ms()));
}

/* Every address once. What is wrong for good with all of them is final. */
static bool one_round(struct talk *t, const struct order *o, size_t *ret_len, bool *ret_final)
{
	bool silent;

	*ret_final = true;
	for (size_t i = 0; i < t->child->url_count && hf_now_ms() < o->end; i++) {
		if (open_connection(t, &t->child->urls[i], o->end) && post(t, o, ret_len, &silent))
			return true;
		*ret_final &= !t->why->passing;
	}
	return false;
}

static bool ask(struct talk *t, const struct order *o, size_t *ret_len)
{
	struct hf_link_why before;
	bool final;

	t->busy = (struct hf_link_why){ .err = HF_OK };
	(void)hf_link_because(t->why, HF_ERR_CONTROLLER_UNREACHABLE, true, "no time to ask");
	if (post_again(t, o, ret_len, &final))
		return true;
	for (unsigned round = 0; !final && hf_now_ms() < o->end; round++) {
		before = *t->why;
		if (one_round(t, o, ret_len, &final))
			return true;
		/* A round that the end cut short says less than the whole one before it. */
		if (round > 0 && t->why->passing && hf_now_ms() >= o->end)
			*t->why = before;
		if (!final && hf_now_ms() < o->end)
			pause_between(round, o->end);
	}
	/* Whoever answered was no silence, though others were silent, or he himself later. */
	if (t->why->err == HF_ERR_CONTROLLER_UNREACHABLE && t->busy.err != HF_OK)
		*t->why = t->busy;
	return false;
}

static bool obey(struct talk *t, struct order *o)
{
	size_t len = 0;

	switch (o->head.order) {
	case HF_LINK_TIME:
		if (!hf_tls_set_time(t->child->tls, o->head.now, t->why))
			return say_failed(t);
		return say(t, HF_LINK_DONE, NULL, 0);
	case HF_LINK_ASK:
		if (o->head.path_len >= HF_LINK_PATH_MAX || o->head.type_len >= HF_LINK_PATH_MAX ||
		    !get_all(t->socket, o->path, o->head.path_len) || !get_all(t->socket, o->type, o->head.type_len))
			return false;
		o->end = hf_now_ms() + o->head.patience_ms;
		return ask(t, o, &len) ? say(t, HF_LINK_REPLIED, t->reply, len) : say_failed(t);
	default:
		return false;
	}
}

void hf_link_child_prepare(void *self)
{
	struct hf_link_child *c = self;

	signal(SIGPIPE, SIG_IGN);	/* whoever closes early is told of by an error */
	(void)hf_tls_make(c->plan, &c->tls, c->why);
}

void hf_link_child_run(void *self, int socket)
{
	struct hf_link_child *c = self;
	static struct talk t;	/* the child's own: large for a stack */
	struct order o;

	t = (struct talk){ .child = c, .socket = socket, .why = c->why };
	if (!c->tls) {
		(void)say_failed(&t);
		return;
	}
	if (!say(&t, HF_LINK_DONE, NULL, 0))
		return;
	for (;;) {
		memset(&o, 0, sizeof(o));
		if (!get_all(socket, &o.head, sizeof(o.head)) || !obey(&t, &o))
			return;
	}
}
