/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/spdm_ask.h"

#include "pcie/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_HEAD 12		/* command, transport, size; each big-endian */
#define COMMAND_NORMAL 1u
#define COMMAND_SHUTDOWN 0xfffeu
#define DOE_HEAD 8
#define DOE_VENDOR 0x0001	/* PCI-SIG */
#define DOE_TYPE_SPDM 1
#define MCTP_TYPE_SPDM 0x05
#define MESSAGE_MAX 4096	/* what a responder is told that fits */
#define OVERHEAD (SOCKET_HEAD + DOE_HEAD + 3)
#define SHUTDOWN_MS 200
#define WAIT_US 50000		/* one call's, at most */

static enum hf_err wait_for(int fd, short events, uint64_t end_ms)
{
	for (;;) {
		uint64_t now = hf_now_ms();
		struct pollfd p = { .fd = fd, .events = events };
		int n = poll(&p, 1, now < end_ms ? (int)(end_ms - now) : 0);

		if (n > 0)
			return HF_OK;
		if (n == 0)
			return HF_ERR_TIMED_OUT;
		if (errno != EINTR)
			return HF_ERR_RESPONDER_UNREACHABLE;
	}
}

/* The socket blocks, and not for long (patient): in a sandbox there is no waiting for it in
 * any other way. */
static enum hf_err stalled(ssize_t n, uint64_t end_ms)
{
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		return HF_ERR_RESPONDER_UNREACHABLE;	/* it hung up */
	return hf_now_ms() < end_ms ? HF_OK : HF_ERR_TIMED_OUT;
}

static enum hf_err send_all(int fd, struct hf_span bytes, uint64_t end_ms)
{
	while (bytes.len) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		enum hf_err err = n > 0 ? HF_OK : stalled(n, end_ms);

		if (err)
			return err;
		if (n > 0)
			bytes = hf_span_part(bytes, (size_t)n, bytes.len - (size_t)n);
	}
	return HF_OK;
}

/* Also for one who sends byte by byte there is an end. */
static enum hf_err receive_all(int fd, uint8_t *to, size_t len, uint64_t end_ms)
{
	while (len) {
		ssize_t n = recv(fd, to, len, 0);
		enum hf_err err = n > 0 ? HF_OK : stalled(n, end_ms);

		if (err)
			return err;
		if (n > 0) {
			to += n;
			len -= (size_t)n;
		}
		if (len && hf_now_ms() >= end_ms)
			return HF_ERR_TIMED_OUT;
	}
	return HF_OK;
}

/* With DOE what is sent is the whole object, header and padding with it. */
static void wrap(struct hf_writer *w, enum hf_spdm_framing framing, struct hf_span message)
{
	size_t padding = -message.len & 3, dwords = (DOE_HEAD + message.len + padding) / 4;
	bool doe = framing == HF_SPDM_FRAMING_DOE;

	hf_put_be(w, COMMAND_NORMAL, 4);
	hf_put_be(w, framing, 4);
	hf_put_be(w, doe ? 4 * dwords : 1 + message.len, 4);
	if (doe) {
		hf_put_le(w, DOE_VENDOR, 2);
		hf_put_le(w, DOE_TYPE_SPDM, 2);
		hf_put_le(w, dwords, 4);
	} else {
		hf_put_le(w, MCTP_TYPE_SPDM, 1);
	}
	hf_put_span(w, message);
	if (doe)
		hf_put(w, (const uint8_t[3]){ 0 }, padding);
}

static enum hf_err unwrap(struct hf_span payload, enum hf_spdm_framing framing,
			  struct hf_span *ret)
{
	struct hf_cursor c = hf_cursor_at(payload);

	if (framing == HF_SPDM_FRAMING_MCTP) {
		if (hf_u8(&c) != MCTP_TYPE_SPDM)
			return HF_ERR_SPDM_SHAPE;
	} else {
		uint16_t vendor = hf_u16le(&c), type = hf_u16le(&c);
		uint32_t dwords = hf_u32le(&c);

		if (vendor != DOE_VENDOR || type != DOE_TYPE_SPDM || (uint64_t)dwords * 4 != payload.len)
			return HF_ERR_SPDM_SHAPE;
	}
	if (c.bad)
		return HF_ERR_SPDM_SHAPE;
	*ret = hf_take_span(&c, hf_left(&c));
	return HF_OK;
}

static enum hf_err receive(struct hf_spdm_tcp *tcp, uint64_t end_ms, struct hf_span *ret)
{
	uint8_t head[SOCKET_HEAD];
	struct hf_cursor c = hf_cursor_at((struct hf_span){ head, sizeof(head) });
	enum hf_err err = receive_all(tcp->fd, head, sizeof(head), end_ms);
	uint32_t command, framing, size;

	if (err)
		return err;
	command = hf_u32be(&c);
	framing = hf_u32be(&c);
	size = hf_u32be(&c);
	if (command == COMMAND_SHUTDOWN)
		return HF_ERR_RESPONDER_UNREACHABLE;
	if (command != COMMAND_NORMAL || framing != tcp->framing)
		return HF_ERR_SPDM_SHAPE;
	if (size > MESSAGE_MAX + OVERHEAD - SOCKET_HEAD)
		return HF_ERR_LIMIT;
	err = receive_all(tcp->fd, tcp->frame, size, end_ms);
	return err ? err : unwrap((struct hf_span){ tcp->frame, size }, tcp->framing, ret);
}

static enum hf_err exchange(void *self, struct hf_span request, unsigned patience_ms, uint8_t *buf,
			    size_t cap, size_t *ret_len)
{
	struct hf_spdm_tcp *tcp = self;
	struct hf_writer w = { .buf = tcp->frame, .cap = MESSAGE_MAX + OVERHEAD };
	uint64_t end_ms = hf_now_ms() + patience_ms;
	struct hf_span answer;
	enum hf_err err;

	if (tcp->broken)
		return tcp->broken;
	wrap(&w, tcp->framing, request);
	if (w.full)
		return HF_ERR_LIMIT;
	err = send_all(tcp->fd, hf_written(&w), end_ms);
	if (!err)
		err = receive(tcp, end_ms, &answer);
	if (!err && answer.len > cap)
		err = HF_ERR_LIMIT;
	if (err) {	/* what comes late would pass for the next one's answer */
		tcp->broken = err;
		return err;
	}
	memcpy(buf, answer.ptr, answer.len);
	*ret_len = answer.len;
	return HF_OK;
}

/* ---- reaching it ---- */

static bool split(const char *address, char host[static 256], const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	const char *from = address, *end = colon;

	if (!colon || !colon[1])
		return false;
	if (*address == '[') {
		if (colon == address || colon[-1] != ']')
			return false;
		from++;
		end--;
	} else if (memchr(address, ':', (size_t)(colon - address))) {
		return false;	/* an IPv6 address without brackets */
	}
	if (end <= from || (size_t)(end - from) >= 256 || memchr(from, ']', (size_t)(end - from)))
		return false;
	memcpy(host, from, (size_t)(end - from));
	host[end - from] = '\0';
	*ret_port = colon + 1;
	return true;
}

static bool patient(int fd)
{
	const struct timeval wait = { 0, WAIT_US };
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fcntl(fd, F_SETFL, 0) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0;
}

static int connect_one(const struct addrinfo *to, uint64_t end_ms, int *ret_errno)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	int why = 0;
	socklen_t len = sizeof(why);

	if (fd < 0) {
		*ret_errno = errno;
		return -1;
	}
	if (connect(fd, to->ai_addr, to->ai_addrlen) != 0)
		why = errno;
	if (why == EINPROGRESS) {
		why = ETIMEDOUT;
		if (wait_for(fd, POLLOUT, end_ms) == HF_OK)
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len);
	}
	if (why == 0 && patient(fd))
		return fd;
	close(fd);
	*ret_errno = why;
	return -1;
}

static int reach(const char *host, const char *port, uint64_t end_ms, int *ret_errno,
		 const char **ret_why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list;
	int fd = -1, no = getaddrinfo(host, port, &hints, &list);

	if (no == EAI_NONAME || no == EAI_ADDRFAMILY || no == EAI_NODATA) {
		hints.ai_flags = 0;	/* a host with a loopback alone has no address configured */
		no = getaddrinfo(host, port, &hints, &list);
	}
	if (no) {
		*ret_why = gai_strerror(no);
		return -1;
	}
	for (const struct addrinfo *to = list; to && fd < 0; to = to->ai_next)
		fd = connect_one(to, end_ms, ret_errno);
	freeaddrinfo(list);
	return fd;
}

enum hf_err hf_spdm_tcp_open(const char *address, enum hf_spdm_framing framing,
			     unsigned patience_ms, struct hf_spdm_tcp *ret, struct hf_fault *fault)
{
	char host[256];
	const char *port, *why = "no address";
	int no = 0, fd;
	uint8_t *frame;

	if (!split(address, host, &port))
		return hf_fail(fault, HF_ERR_USAGE, address, "HOST:PORT or [ADDRESS]:PORT");
	fd = reach(host, port, hf_now_ms() + patience_ms, &no, &why);
	if (fd < 0 && no)
		return hf_fail_errno(fault, HF_ERR_RESPONDER_UNREACHABLE, no, address);
	if (fd < 0)
		return hf_fail(fault, HF_ERR_RESPONDER_UNREACHABLE, address, "%s", why);
	frame = malloc(MESSAGE_MAX + OVERHEAD);
	if (!frame) {
		close(fd);
		return hf_fail(fault, HF_ERR_NO_MEMORY, address, "a frame");
	}
	*ret = (struct hf_spdm_tcp){ .fd = fd, .framing = framing, .frame = frame };
	ret->transport = (struct hf_spdm_transport){
		.self = ret, .exchange = exchange, .message_max = MESSAGE_MAX,
		.padded = framing == HF_SPDM_FRAMING_DOE,
	};
	return HF_OK;
}

void hf_spdm_tcp_close(struct hf_spdm_tcp *tcp)
{
	uint8_t head[SOCKET_HEAD];
	struct hf_writer w = { .buf = head, .cap = sizeof(head) };

	if (tcp->fd < 0)
		return;
	hf_put_be(&w, COMMAND_SHUTDOWN, 4);
	hf_put_be(&w, tcp->framing, 4);
	hf_put_be(&w, 0, 4);
	if (!tcp->broken)
		(void)!send_all(tcp->fd, hf_written(&w), hf_now_ms() + SHUTDOWN_MS);
	close(tcp->fd);
	free(tcp->frame);
	tcp->fd = -1;
	tcp->frame = NULL;
}
