/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/spdm_child.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pcie/spdm_claims.h"
#include "pcie/worker.h"

#define ARENA ((size_t)32 << 20)	/* bytes of the child; touched ones are real */
#define TICK_MS 20

struct answer {			/* then the claims, then the transcript */
	uint32_t err;
	uint32_t part_len, transcript_len;
};

/* ---- in the child ---- */

static bool put_all(int socket, struct hf_span bytes)
{
	while (bytes.len) {
		ssize_t n = write(socket, bytes.ptr, bytes.len);

		if (n <= 0)
			return false;
		bytes = (struct hf_span){ bytes.ptr + n, bytes.len - (size_t)n };
	}
	return true;
}

static void progress(void *self, const char *phase, uint64_t spent_us)
{
	(void)self, (void)phase, (void)spent_us;
	hf_worker_progress();
}

static enum hf_err take_writer(struct hf_arena *arena, size_t cap, struct hf_writer *ret)
{
	uint8_t *buf = hf_arena_take(arena, cap);

	*ret = (struct hf_writer){ .buf = buf, .cap = cap };
	return buf ? HF_OK : HF_ERR_NO_MEMORY;
}

static enum hf_err encode(const struct hf_spdm_talk *talk, const struct hf_spdm *s,
			  enum hf_err result, struct hf_arena *arena, struct hf_writer *part)
{
	struct hf_claims claims;
	struct hf_part *p;
	enum hf_err err;

	hf_claims_init(&claims, arena);
	p = hf_claims_add_part(&claims, HF_PART_CARD, talk->plan->path);
	if (!p)
		return HF_ERR_NO_MEMORY;
	err = hf_spdm_claims(s, result, talk->identity, &claims, p, NULL);
	if (!err)
		hf_part_encode(p, part);
	return err ? err : part->full ? HF_ERR_LIMIT : HF_OK;
}

static enum hf_err converse(const struct hf_spdm_talk *talk, struct hf_arena *arena,
			    struct hf_writer *part, struct hf_writer *transcript)
{
	const struct hf_spdm_options options = { .arena = arena, .padded = true,
						 .seed = talk->plan->seed,
						 .path = talk->plan->path };
	struct hf_spdm_plan plan = *talk->plan;
	struct hf_doe doe = talk->doe;
	struct hf_spdm_transport transport;
	struct hf_spdm *s = hf_arena_take(arena, sizeof(*s));	/* large */
	enum hf_err err = s ? hf_spdm_open(&options, s) : HF_ERR_NO_MEMORY, result;

	plan.progress = progress;
	if (err)
		return err;
	hf_doe_transport(&doe, &transport);
	hf_transcript_begin(transcript);
	result = hf_spdm_ask(&transport, &plan, s, transcript);
	if (result == HF_ERR_NO_MEMORY || result == HF_ERR_INTERNAL)
		return result;
	if (transcript->full)
		result = HF_ERR_LIMIT;	/* nobody could look at it again */
	return encode(talk, s, result, arena, part);
}

static void run(void *self, int socket)
{
	const struct hf_spdm_talk *talk = self;
	struct hf_writer part = { 0 }, transcript = { 0 };
	struct answer head = { 0 };
	struct hf_arena arena;
	enum hf_err err = hf_arena_make(ARENA, &arena);

	if (!err)
		err = take_writer(&arena, HF_PART_CBOR_MAX, &part);
	if (!err)
		err = take_writer(&arena, HF_ATTACHMENT_MAX, &transcript);
	if (!err)
		err = converse(talk, &arena, &part, &transcript);
	head.err = (uint32_t)err;
	if (!err) {
		head.part_len = (uint32_t)part.len;
		head.transcript_len = transcript.full ? 0 : (uint32_t)transcript.len;
	}
	if (put_all(socket, (struct hf_span){ (const uint8_t *)&head, sizeof(head) }) &&
	    put_all(socket, (struct hf_span){ part.buf, head.part_len }))
		(void)put_all(socket, (struct hf_span){ transcript.buf, head.transcript_len });
}

/* ---- in the worker ---- */

struct listening {
	struct hf_worker worker;
	uint64_t end, progress;
};

static void forward(struct listening *l)
{
	uint64_t now = hf_worker_progress_of(&l->worker);

	if (now != l->progress)
		hf_worker_progress();
	l->progress = now;
}

static enum hf_err get_all(struct listening *l, uint8_t *buf, size_t len)
{
	struct pollfd fd = { .fd = l->worker.socket, .events = POLLIN };

	for (size_t have = 0; have < len;) {
		ssize_t n;

		forward(l);
		if (hf_now_ms() >= l->end)
			return HF_ERR_TIMED_OUT;
		if (poll(&fd, 1, TICK_MS) <= 0)
			continue;
		n = recv(fd.fd, buf + have, len - have, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return HF_ERR_READER_DIED;
		have += (size_t)n;
	}
	return HF_OK;
}

static enum hf_err get_span(struct listening *l, struct hf_arena *arena, size_t len,
			    struct hf_span *ret)
{
	uint8_t *buf = hf_arena_take(arena, len + 1);
	enum hf_err err = buf ? get_all(l, buf, len) : HF_ERR_NO_MEMORY;

	if (!err)
		*ret = (struct hf_span){ buf, len };
	return err;
}

/* Of this part alone, and of nothing but its signatures. */
static bool plausible(const struct hf_claims *claims, const char *path)
{
	const struct hf_part *part = claims->parts;

	if (!part || part->next || part->kind != HF_PART_CARD || part->functions ||
	    strcmp(part->path, path) != 0)
		return false;
	for (const struct hf_measurement *m = part->measurements; m; m = m->next)
		if ((strcmp(m->mkey, HF_MKEY_SPDM) != 0 && strncmp(m->mkey, "spdm/", 5) != 0) ||
		    strcmp(m->mkey, HF_MKEY_TRANSCRIPT) == 0 || strcmp(m->mkey, HF_MKEY_SPDM_WAY) == 0)
			return false;
	return true;
}

static enum hf_err listen_to(struct listening *l, const char *path, struct hf_claims *claims,
			     struct hf_span *ret_transcript)
{
	struct hf_span part, transcript;
	struct answer head;
	enum hf_err err = get_all(l, (uint8_t *)&head, sizeof(head));

	if (err)
		return err;
	if (head.err)
		return head.err == HF_ERR_NO_MEMORY || head.err == HF_ERR_INTERNAL ||
		       head.err == HF_ERR_LIMIT ? (enum hf_err)head.err : HF_ERR_READER_DIED;
	if (head.part_len > HF_PART_CBOR_MAX || head.transcript_len > HF_ATTACHMENT_MAX)
		return HF_ERR_READER_DIED;
	err = get_span(l, claims->arena, head.part_len, &part);
	if (!err)
		err = get_span(l, claims->arena, head.transcript_len, &transcript);
	if (err)
		return err;
	if (hf_part_decode(claims, part) != HF_OK || !plausible(claims, path))
		return HF_ERR_READER_DIED;
	*ret_transcript = transcript;
	return HF_OK;
}

enum hf_err hf_spdm_talk(const struct hf_spdm_talk *talk, struct hf_claims *claims,
			 struct hf_span *ret_transcript)
{
	const struct hf_mailbox *m = talk->mailbox;
	const int keep = m->way == HF_MAILBOX_VFIO ? m->fd : m->lock;
	const struct hf_worker_plan plan = { .run = run, .self = (void *)(uintptr_t)talk, .keep = &keep,
					     .keep_count = 1, .sandbox = HF_SANDBOX_CONVERSATION };
	struct listening l = { .end = hf_now_ms() + HF_SPDM_CHILD_SECONDS * 1000 };
	enum hf_err err = hf_digest_warm();	/* what libcrypto loads, while files can be opened */

	if (!err)
		err = hf_worker_start(&plan, &l.worker);
	if (err)
		return err;
	err = listen_to(&l, talk->plan->path, claims, ret_transcript);
	hf_worker_abandon(&l.worker);
	return err;
}
