/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/spdm_work.h"

#include "pcie/config.h"
#include "pcie/doe.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARENA ((size_t)16 << 20)
#define CONNECT_MS 3000
#define TICK_MS 20
#define GRACE_MS 2000		/* after the conversation's own end */

struct talk {
	const struct hf_spdm_work *work;
	struct hf_arena arena;
	struct hf_spdm_talked answer;
};

static void say(struct talk *t, const char *detail)
{
	snprintf(t->answer.detail, sizeof(t->answer.detail), "%s", detail);
}

/* ---- in a child that can do nothing but talk: answers are hostile bytes ---- */

struct speaking {
	const struct hf_spdm_work *work;
	const struct hf_spdm_transport *transport;
	struct hf_writer transcript;
};

/* After each exchange what there is so far is the parent's too. */
static void progress(void *self, const char *phase, uint64_t spent_us)
{
	struct speaking *s = self;

	(void)phase, (void)spent_us;
	atomic_store(&s->work->shared->len, (uint32_t)s->transcript.len);
}

static enum hf_err converse(struct speaking *speaking, struct hf_arena *arena)
{
	const struct hf_spdm_plan plan = { .path = "", .slot = speaking->work->slot,
					   .total_ms = speaking->work->total_ms,
					   .progress = progress, .self = speaking };
	const struct hf_spdm_options options = { .arena = arena, .path = "",
						 .padded = speaking->transport->padded };
	struct hf_spdm *s = hf_arena_take(arena, sizeof(*s));
	enum hf_err err = s ? hf_spdm_open(&options, s) : HF_ERR_NO_MEMORY;

	if (err)
		return err;
	hf_transcript_begin(&speaking->transcript);
	err = hf_spdm_ask(speaking->transport, &plan, s, &speaking->transcript);
	progress(speaking, NULL, 0);
	return err;
}

static void speak(void *self, int socket)
{
	struct speaking *s = self;
	struct hf_arena arena;
	enum hf_err err = hf_arena_make(ARENA, &arena);
	uint32_t cause;

	if (!err)
		err = converse(s, &arena);
	cause = (uint32_t)err;
	(void)!write(socket, &cause, sizeof(cause));
}

/* ---- in the worker ---- */

static enum hf_err listen_to(const struct hf_worker *child, unsigned total_ms)
{
	struct pollfd fd = { .fd = child->socket, .events = POLLIN };
	uint64_t end = hf_now_ms() + total_ms + GRACE_MS, seen = 0;
	uint32_t cause;

	while (poll(&fd, 1, TICK_MS) <= 0) {
		uint64_t now = hf_worker_progress_of(child);

		if (now != seen)
			hf_worker_progress();
		seen = now;
		if (hf_now_ms() >= end)
			return HF_ERR_TIMED_OUT;
	}
	if (recv(fd.fd, &cause, sizeof(cause), MSG_DONTWAIT) != sizeof(cause))
		return HF_ERR_READER_DIED;
	return cause ? hf_err_from_name(hf_err_name((enum hf_err)cause)) : HF_OK;
}

/* fd: the one descriptor that the way to the device takes. */
static enum hf_err ask(struct talk *t, const struct hf_spdm_transport *transport, int fd)
{
	struct speaking speaking = {
		.work = t->work, .transport = transport,
		.transcript = { .buf = t->work->shared->bytes, .cap = sizeof(t->work->shared->bytes) },
	};
	const struct hf_worker_plan plan = { .run = speak, .self = &speaking, .keep = &fd,
					     .keep_count = 1, .sandbox = HF_SANDBOX_CONVERSATION };
	struct hf_worker child;
	enum hf_err err = hf_digest_warm();	/* while libraries may still open files */

	if (!err)
		err = hf_worker_start(&plan, &child);
	if (err)
		return err;
	err = listen_to(&child, t->work->total_ms);
	hf_worker_abandon(&child);
	return err;
}

static enum hf_err by_tcp(struct talk *t)
{
	struct hf_fault fault = { 0 };
	struct hf_spdm_tcp tcp;
	enum hf_err err = hf_spdm_tcp_open(t->work->address, t->work->framing, CONNECT_MS, &tcp, &fault);

	if (err) {
		say(t, fault.sys_errno ? strerror(fault.sys_errno) : fault.detail);
		return err;
	}
	err = ask(t, &tcp.transport, tcp.fd);
	if (err == HF_ERR_RESPONDER_UNREACHABLE)
		say(t, "it hung up");
	hf_spdm_tcp_close(&tcp);
	return err;
}

/* ---- a device of this host ---- */

static enum hf_err read_config(const struct hf_spdm_work *work, struct hf_arena *arena,
			       struct hf_span *ret)
{
	char path[96];
	struct hf_fault fault = { 0 };

	hf_host_device_path(&work->function, "config", path, sizeof(path));
	return hf_host_read(&work->host, path, HF_CONFIG_MAX, arena, ret, &fault);
}

enum hf_err hf_spdm_probe(void *self, size_t index, struct hf_writer *w)
{
	const struct hf_spdm_work *work = self;
	struct hf_identity id = { 0 };
	struct hf_arena arena;
	struct hf_span config;
	enum hf_err err = hf_arena_make(2 * HF_CONFIG_MAX, &arena);

	(void)index;
	if (err)
		return err;
	err = read_config(work, &arena, &config);
	if (!err) {
		err = hf_config_identity(config, &id);
		if (err == HF_ERR_CAPABILITY_LOOP)
			err = hf_config_header(config, &id);
	}
	hf_put(w, &id, sizeof(id));
	hf_arena_drop(&arena);
	return err;
}

static bool speaks_spdm(const struct hf_doe *doe, enum hf_err *ret_err)
{
	struct hf_doe_protocol protocols[HF_DOE_PROTOCOLS_MAX];
	size_t count = 0;

	*ret_err = hf_doe_discover(doe, protocols, HF_DOE_PROTOCOLS_MAX, &count);
	hf_worker_progress();
	for (size_t i = 0; !*ret_err && i < count; i++)
		if (protocols[i].vendor == HF_DOE_VENDOR_PCISIG && protocols[i].type == HF_DOE_SPDM)
			return true;
	return false;
}

static enum hf_err ask_mailboxes(struct talk *t, struct hf_mailbox *mailbox, struct hf_span config)
{
	uint32_t at[HF_DOE_MAILBOXES_MAX];
	enum hf_err first = HF_OK;
	bool loop = false;
	size_t count = hf_doe_find(config, at, &loop);

	for (size_t i = 0; i < count; i++) {
		struct hf_doe doe = { .access = &mailbox->access, .at = at[i] };
		struct hf_spdm_transport transport;
		enum hf_err err;

		if (speaks_spdm(&doe, &err)) {
			hf_doe_transport(&doe, &transport);
			return ask(t, &transport,
				   mailbox->way == HF_MAILBOX_VFIO ? mailbox->fd : mailbox->lock);
		}
		first = first ? first : err;
	}
	say(t, first ? "while it was asked what it is for" :
	    count ? "none of its mailboxes is for SPDM" : "it has no mailbox (DOE)");
	return first ? first : HF_ERR_SPDM_CANNOT_SIGN;
}

static enum hf_err by_mailbox(struct talk *t)
{
	struct hf_mailbox mailbox;
	struct hf_span config;
	enum hf_err err = read_config(t->work, &t->arena, &config);

	if (err)
		return err;
	err = hf_mailbox_open(&t->work->host, &t->work->function, t->work->vfio, &mailbox);
	if (err) {
		say(t, mailbox.detail);
		return err;
	}
	t->answer.vfio = mailbox.way == HF_MAILBOX_VFIO;
	err = ask_mailboxes(t, &mailbox, config);
	hf_mailbox_close(&mailbox);
	return err;
}

enum hf_err hf_spdm_speak(void *self, size_t index, struct hf_writer *w)
{
	struct talk t = { .work = self };
	enum hf_err err = hf_arena_make(ARENA, &t.arena);

	(void)index;
	if (err)
		return err;
	err = t.work->way == HF_SPDM_BY_TCP ? by_tcp(&t) : by_mailbox(&t);
	hf_arena_drop(&t.arena);
	t.answer.cause = err;
	hf_put(w, &t.answer, sizeof(t.answer));
	return HF_OK;
}
