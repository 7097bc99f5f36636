/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/spdm_ask_inside.h"

#include "pcie/spdm_request.h"
#include "pcie/worker.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define PATIENCE_MS 1000
#define TOTAL_MS 30000
#define BUSY_FIRST_MS 10
#define BUSY_LAST_MS 500
#define BUSY_TRIES 10		/* of one request; 3 s in all */
#define NOT_READY_TRIES 16	/* of one request */
#define RESTARTS 2		/* after RequestResynch */
#define MESSAGE_MAX 65536	/* at once; longer ones come in chunks */
#define MESSAGE_MIN 42		/* DataTransferSize, 1.2 */
#define PORTION_SMALL 256	/* what a device gives that refuses larger portions */
#define PORTION_MAX 4096	/* mailboxes that forward have buffers not much larger */
#define CAP_LARGE (1u << 31)	/* LARGE_RESP_CAP, 1.4: chains by 32-bit offsets */
#define OWN_CAPS (HF_SPDM_CAP_CERT | HF_SPDM_CAP_CHAL)

static void pause_ms(uint64_t ms)
{
	while (ms) {	/* a wait that the device asked for is no silence */
		uint64_t part = ms < 500 ? ms : 500;
		struct timespec wait = { 0, (long)(part * 1000000) };

		nanosleep(&wait, NULL);
		hf_worker_progress();
		ms -= part;
	}
}

static uint64_t time_left(const struct hf_spdm_asking *a)
{
	uint64_t now = hf_now_ms();

	return now < a->end_ms ? a->end_ms - now : 0;
}

/* The device says how long its signatures take: CTExponent, in powers of two. */
static unsigned patience(const struct hf_spdm_asking *a, uint8_t code)
{
	uint64_t left = time_left(a), ms = a->plan->patience_ms ? a->plan->patience_ms : PATIENCE_MS;

	if (code == HF_SPDM_CHALLENGE || code == HF_SPDM_GET_MEASUREMENTS ||
	    code == HF_SPDM_RESPOND_IF_READY)
		ms += ((uint64_t)1 << (a->s->ct_exponent & 31)) / 1000;
	return (unsigned)(ms < left ? ms : left);
}

/* One message each way: into the transcript, and to whoever judges. */
static enum hf_err exchange(struct hf_spdm_asking *a, struct hf_span request)
{
	uint64_t begun = hf_now_ms();
	struct hf_span answer = { a->buf, 0 };
	enum hf_err err;

	if (a->exchanges++ >= HF_SPDM_EXCHANGES_MAX)
		return HF_ERR_LIMIT;
	if (!time_left(a))
		return HF_ERR_TIMED_OUT;
	err = a->transport->exchange(a->transport->self, request, patience(a, request.ptr[1]),
				     a->buf, a->cap, &answer.len);
	hf_worker_progress();
	if (a->plan->progress)
		a->plan->progress(a->plan->self, a->phase, (hf_now_ms() - begun) * 1000);
	if (err)
		return err;
	hf_transcript_add(a->transcript, request);
	hf_transcript_add(a->transcript, answer);
	if (a->transcript->full)
		return HF_ERR_LIMIT;
	return hf_spdm_take(a->s, request, answer);
}

enum hf_err hf_spdm_ask_one(struct hf_spdm_asking *a, struct hf_span request)
{
	uint8_t follow[HF_SPDM_REQUEST_MAX];
	unsigned busy = 0, not_ready = 0, wait_ms = BUSY_FIRST_MS;
	struct hf_spdm *s = a->s;
	enum hf_err err = exchange(a, request);

	while (!err) {
		struct hf_writer w = { .buf = follow, .cap = sizeof(follow) };
		uint64_t ms = 0;

		switch (s->event) {
		case HF_SPDM_ANSWERED:
		case HF_SPDM_SAID_ERROR:
			return HF_OK;
		case HF_SPDM_SAID_RESYNCH:
			return HF_ERR_SPDM_RESET;
		case HF_SPDM_NOTHING:
			return HF_ERR_SPDM_SHAPE;
		case HF_SPDM_SAID_BUSY:
			a->disturbed = true;
			if (busy++ >= BUSY_TRIES)
				return HF_ERR_SPDM_BUSY;
			ms = wait_ms;
			wait_ms = 2 * wait_ms < BUSY_LAST_MS ? 2 * wait_ms : BUSY_LAST_MS;
			break;
		case HF_SPDM_SAID_NOT_READY:
			if (not_ready++ >= NOT_READY_TRIES)
				return HF_ERR_SPDM_BUSY;
			ms = s->not_ready_us / 1000 + 1;
			hf_spdm_request_if_ready(&w, s->version, s->not_ready_code, s->not_ready_token);
			request = hf_written(&w);
			break;
		case HF_SPDM_SAID_LARGE:
			hf_spdm_request_chunk(&w, s->version, s->chunk_handle, s->chunk_number);
			request = hf_written(&w);
			break;
		}
		if (ms >= time_left(a))
			return ms ? HF_ERR_SPDM_BUSY : HF_ERR_TIMED_OUT;
		pause_ms(ms);
		err = exchange(a, request);
	}
	return err;
}

bool hf_spdm_refused(const struct hf_spdm_asking *a)
{
	return a->s->event == HF_SPDM_SAID_ERROR;
}

enum hf_err hf_spdm_new_nonce(const struct hf_spdm_asking *a, uint8_t ret[static HF_SPDM_NONCE])
{
	if (a->plan->seed)
		return hf_spdm_nonce(a->plan->seed, a->plan->path, a->s->nonces, ret);
	return getrandom(ret, HF_SPDM_NONCE, 0) == HF_SPDM_NONCE ? HF_OK : HF_ERR_INTERNAL;
}

/* ---- what is spoken ---- */

static enum hf_err ask_version(struct hf_spdm_asking *a, uint8_t *ret)
{
	uint8_t room[HF_SPDM_REQUEST_MAX], best = 0;
	struct hf_writer w = { .buf = room, .cap = sizeof(room) };
	enum hf_err err;

	a->phase = "version";
	hf_spdm_request_version(&w);
	err = hf_spdm_ask_one(a, hf_written(&w));
	if (err || hf_spdm_refused(a))
		return err ? err : HF_ERR_SPDM_ERROR;
	for (size_t i = 0; i < a->s->version_count; i++) {
		uint8_t version = (uint8_t)(a->s->versions[i] >> 8);

		if (version >= 0x10 && version <= a->version_max && version > best)
			best = version;
	}
	*ret = best;
	return best ? HF_OK : HF_ERR_SPDM_VERSION;
}

/* Without chunks a message is no longer than what is taken at once. */
static struct hf_spdm_own own(const struct hf_spdm_asking *a)
{
	uint32_t size = (uint32_t)a->message_max;

	if (a->plain)
		return (struct hf_spdm_own){ 0, size, size };
	return (struct hf_spdm_own){ OWN_CAPS, size, size };
}

static enum hf_err ask_capabilities(struct hf_spdm_asking *a, uint8_t version)
{
	uint8_t room[HF_SPDM_REQUEST_MAX];
	struct hf_writer w = { .buf = room, .cap = sizeof(room) };
	struct hf_spdm_own mine = own(a);
	enum hf_err err;

	a->phase = "capabilities";
	if (!a->plain && version >= 0x12) {
		mine.flags |= HF_SPDM_CAP_CHUNK;
		mine.message_size_max = HF_SPDM_MESSAGE_MAX;
	}
	hf_spdm_request_capabilities(&w, version, &mine);
	err = hf_spdm_ask_one(a, hf_written(&w));
	return err || !hf_spdm_refused(a) ? err : HF_ERR_SPDM_ERROR;
}

static enum hf_err ask_algorithms(struct hf_spdm_asking *a)
{
	uint8_t room[HF_SPDM_REQUEST_MAX];
	struct hf_writer w = { .buf = room, .cap = sizeof(room) };
	struct hf_spdm *s = a->s;
	enum hf_err err;

	a->phase = "algorithms";
	hf_spdm_request_algorithms(&w, s->version);
	err = hf_spdm_ask_one(a, hf_written(&w));
	if (err || hf_spdm_refused(a))
		return err ? err : HF_ERR_SPDM_ERROR;
	if ((s->asym & ~hf_spdm_offered_asym(s->version)) || (s->hash & ~HF_SPDM_OFFERED_HASH))
		return HF_ERR_SPDM_ALGORITHM;
	return HF_OK;
}

/* A device that refuses a version that it listed, or our flags, is asked again for less: what
 * it then speaks is in the claims, and a rule may refuse it. */
static bool may_ask_for_less(struct hf_spdm_asking *a, uint8_t version)
{
	if (a->s->error_code == HF_SPDM_ERROR_VERSION_MISMATCH && version > 0x10) {
		a->version_max = (uint8_t)(version - 1);
		return true;
	}
	if (a->plain)
		return false;
	a->plain = true;
	return true;
}

static enum hf_err negotiate(struct hf_spdm_asking *a)
{
	for (;;) {
		uint8_t version;
		enum hf_err err = ask_version(a, &version);

		if (!err) {
			err = ask_capabilities(a, version);
			if (err == HF_ERR_SPDM_ERROR && may_ask_for_less(a, version))
				continue;
		}
		return err ? err : ask_algorithms(a);
	}
}

/* ---- who it is ---- */

enum hf_err hf_spdm_ask_digests(struct hf_spdm_asking *a)
{
	uint8_t room[HF_SPDM_REQUEST_MAX];
	struct hf_writer w = { .buf = room, .cap = sizeof(room) };

	a->phase = "digests";
	hf_spdm_request_digests(&w, a->s->version);
	return hf_spdm_ask_one(a, hf_written(&w));
}

static uint32_t portion_that_fits(const struct hf_spdm_asking *a, bool large)
{
	size_t head = large ? 16 : 8, fits = a->message_max - head;

	return (uint32_t)(fits < PORTION_MAX ? fits : PORTION_MAX);
}

static enum hf_err ask_certificate(struct hf_spdm_asking *a, uint8_t slot)
{
	bool large = a->s->version >= 0x14 && a->s->capabilities & CAP_LARGE;
	uint32_t portion = portion_that_fits(a, large), at = 0;

	a->phase = "certificates";
	for (;;) {
		uint8_t room[HF_SPDM_REQUEST_MAX];
		struct hf_writer w = { .buf = room, .cap = sizeof(room) };
		uint32_t room_left = HF_SPDM_CHAIN_MAX - at;
		enum hf_err err;

		hf_spdm_request_certificate(&w, a->s->version, slot, at,
					    portion < room_left ? portion : room_left, large);
		err = hf_spdm_ask_one(a, hf_written(&w));
		if (err)
			return err;
		if (hf_spdm_refused(a) && (at || portion <= PORTION_SMALL))
			return HF_OK;	/* the slot has its cause */
		if (hf_spdm_refused(a)) {
			portion = PORTION_SMALL;
			continue;
		}
		if (!a->s->certificate_left)
			return HF_OK;
		if (a->s->certificate_next <= at || a->s->certificate_next > HF_SPDM_CHAIN_MAX)
			return HF_ERR_SPDM_SHAPE;
		at = a->s->certificate_next;
	}
}

static bool is_wanted(const struct hf_spdm_asking *a, uint8_t slot)
{
	if (!(a->s->slot_mask & 1u << slot))
		return false;
	return !a->plan->no_challenge || a->plan->slot < 0 || a->plan->slot == slot;
}

bool hf_spdm_slot_good(const struct hf_spdm_asking *a, uint8_t slot)
{
	const struct hf_spdm_slot *found = &a->s->slots[slot];

	return found->parsed && !found->cause;
}

static enum hf_err ask_challenge(struct hf_spdm_asking *a, uint8_t slot)
{
	uint8_t room[HF_SPDM_REQUEST_MAX], nonce[HF_SPDM_NONCE];
	struct hf_writer w = { .buf = room, .cap = sizeof(room) };
	enum hf_err err = hf_spdm_new_nonce(a, nonce);

	a->phase = "challenge";
	if (err)
		return err;
	hf_spdm_request_challenge(&w, a->s->version, slot, nonce);
	return hf_spdm_ask_one(a, hf_written(&w));
}

static enum hf_err identify(struct hf_spdm_asking *a)
{
	enum hf_err err;

	if (!(a->s->capabilities & HF_SPDM_CAP_CERT))
		return HF_OK;
	err = hf_spdm_ask_digests(a);
	for (uint8_t slot = 0; !err && slot < HF_SPDM_SLOTS; slot++)
		if (is_wanted(a, slot))
			err = ask_certificate(a, slot);
	if (!(a->s->capabilities & HF_SPDM_CAP_CHAL) || a->plan->no_challenge)
		return err;
	for (uint8_t slot = 0; !err && slot < HF_SPDM_SLOTS; slot++)
		if (is_wanted(a, slot) && hf_spdm_slot_good(a, slot))
			err = ask_challenge(a, slot);
	return err;
}

/* ---- */

static enum hf_err converse(struct hf_spdm_asking *a)
{
	enum hf_err err = negotiate(a);

	if (!err)
		err = identify(a);
	if (!err)
		err = hf_spdm_ask_measurements(a);
	return err ? err : hf_spdm_outcome(a->s);
}

enum hf_err hf_spdm_ask(const struct hf_spdm_transport *transport, const struct hf_spdm_plan *plan,
			struct hf_spdm *s, struct hf_writer *transcript)
{
	struct hf_spdm_asking a = { .transport = transport, .plan = plan, .s = s, .transcript = transcript,
			 .phase = "version", .version_max = 0x14 };
	enum hf_err err = HF_ERR_SPDM_RESET;

	if (transport->message_max < MESSAGE_MIN)
		return HF_ERR_INTERNAL;
	a.message_max = transport->message_max < MESSAGE_MAX ? transport->message_max : MESSAGE_MAX;
	a.cap = a.message_max + (transport->padded ? 3 : 0);
	a.buf = malloc(a.cap);
	if (!a.buf)
		return HF_ERR_NO_MEMORY;
	a.end_ms = hf_now_ms() + (plan->total_ms ? plan->total_ms : TOTAL_MS);
	for (unsigned i = 0; err == HF_ERR_SPDM_RESET && i <= RESTARTS; i++)
		err = converse(&a);
	free(a.buf);
	return err;
}
