/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/doe.c: the mailbox's state machine, over registers that somebody else reaches. Every
 * loop ends by what was counted here, whatever the device or the clock say. [pure]
 *
 * PCI Express Base 6.0: 6.30 (operation), 7.9.24 (registers). */
#include "pcie/doe.h"

#include <time.h>

#include "pcie/config.h"
#include "pcie/worker.h"

enum {			/* from the capability's start */
	DOE_CONTROL = 0x08,
	DOE_STATUS = 0x0c,
	DOE_WRITE = 0x10,
	DOE_READ = 0x14,
	DOE_END = 0x18,
};
#define CONTROL_ABORT 1u
#define CONTROL_GO (1u << 31)
#define STATUS_BUSY 1u
#define STATUS_ERROR (1u << 2)
#define STATUS_READY (1u << 31)
#define GONE 0xffffffffu	/* what a function that is not there reads as */

#define DWORD 4u
#define HEADER_DWORDS 2u
#define LENGTH_MASK 0x3ffffu	/* of the header's second dword; 0: all 2^18 */
#define LENGTH_ZERO (1u << 18)
#define PAUSE_LEAST_US 50u
#define PAUSE_MOST_US 1000u
#define TRANSFER_MS 10000u	/* one object over registers: what is slower than that hangs */
#define DISCOVERY_MS 10000u	/* all of one mailbox's protocols */
#define SETTLE_MS 10u		/* from the last dword's taking to the ready bit's end */

/* ---- capabilities ---- */

size_t hf_doe_find(struct hf_span config, uint32_t at[static HF_DOE_MAILBOXES_MAX], bool *ret_loop)
{
	uint8_t seen[HF_CONFIG_MAX / DWORD / 8] = { 0 };
	size_t offset = 256, count = 0;

	if (config.len > HF_CONFIG_MAX)
		config.len = HF_CONFIG_MAX;
	while (offset + DWORD <= config.len) {
		uint32_t header = (uint32_t)hf_le(config.ptr + offset, DWORD);

		if (header == 0 || header == GONE) {
			*ret_loop |= header == GONE && offset != 256;
			return count;
		}
		seen[offset / 32] |= (uint8_t)(1u << offset / DWORD % 8);
		if ((header & 0xffff) == HF_DOE_CAPABILITY) {
			if (count == HF_DOE_MAILBOXES_MAX || offset + DOE_END > config.len) {
				*ret_loop = true;
				return count;
			}
			at[count++] = (uint32_t)offset;
		}
		offset = header >> 20 & 0xffc;
		if (offset == 0)
			return count;
		if (offset < 256 || seen[offset / 32] & 1u << offset / DWORD % 8) {
			*ret_loop = true;
			return count;
		}
	}
	return count;
}

/* ---- registers ---- */

static uint64_t now_ms(const struct hf_doe *doe)
{
	return doe->access->now_ms ? doe->access->now_ms(doe->access->self) : hf_now_ms();
}

static void pause_us(const struct hf_doe *doe, unsigned us)
{
	const struct timespec ts = { .tv_nsec = (long)us * 1000 };

	if (doe->access->pause)
		doe->access->pause(doe->access->self, us);
	else
		nanosleep(&ts, NULL);
}

static enum hf_err get(const struct hf_doe *doe, uint32_t reg, uint32_t *ret)
{
	return doe->access->read(doe->access->self, doe->at + reg, ret);
}

static enum hf_err put(const struct hf_doe *doe, uint32_t reg, uint32_t value)
{
	return doe->access->write(doe->access->self, doe->at + reg, value);
}

static enum hf_err get_status(const struct hf_doe *doe, uint32_t *ret)
{
	enum hf_err err = get(doe, DOE_STATUS, ret);

	return !err && *ret == GONE ? HF_ERR_DEVICE_GONE : err;
}

/* A deadline by the clock, and by what was slept: a clock that stands still ends it too. */
struct wait {
	uint64_t end_ms, left_us;
	unsigned pause;
};

static struct wait wait_for(const struct hf_doe *doe, unsigned ms)
{
	return (struct wait){ now_ms(doe) + ms, (uint64_t)ms * 1000, PAUSE_LEAST_US };
}

static bool go_on(const struct hf_doe *doe, struct wait *w)
{
	if (w->left_us == 0 || now_ms(doe) >= w->end_ms)
		return false;
	if (w->pause > w->left_us)
		w->pause = (unsigned)w->left_us;
	pause_us(doe, w->pause);
	w->left_us -= w->pause;
	w->pause = w->pause * 2 < PAUSE_MOST_US ? w->pause * 2 : PAUSE_MOST_US;
	return true;
}

/* Until none of these bits is set. *ret: the last status. HF_ERR_TIMED_OUT. */
static enum hf_err wait_clear(const struct hf_doe *doe, uint32_t bits, unsigned ms, uint32_t *ret)
{
	struct wait w = wait_for(doe, ms);

	for (;;) {
		enum hf_err err = get_status(doe, ret);

		if (err || !(*ret & bits))
			return err;
		if (!go_on(doe, &w))
			return HF_ERR_TIMED_OUT;
	}
}

/* 6.30.2: it may take a second, and clears answer and error; a device that does not come
 * back from it says nothing any more. */
static enum hf_err abort_exchange(const struct hf_doe *doe)
{
	uint32_t status = 0;
	enum hf_err err = put(doe, DOE_CONTROL, CONTROL_ABORT);

	if (!err)
		err = wait_clear(doe, STATUS_BUSY | STATUS_ERROR | STATUS_READY, HF_DOE_TIMEOUT_MS,
				 &status);
	if (err != HF_ERR_TIMED_OUT)
		return err;
	return status & STATUS_ERROR ? HF_ERR_DOE_ERROR : HF_ERR_DOE_BUSY;
}

/* Whatever was on its way is given up; what it was given up for stays the cause, unless
 * there is nobody any more. */
static enum hf_err give_up(const struct hf_doe *doe, enum hf_err cause)
{
	enum hf_err err = abort_exchange(doe);

	return err == HF_ERR_DEVICE_GONE ? err : cause;
}

/* ---- one exchange ---- */

/* Firmware, or a process that was killed, may have left an answer that nobody took, or one
 * that is only now made. */
static enum hf_err make_idle(const struct hf_doe *doe)
{
	uint32_t status = 0;
	enum hf_err err = get_status(doe, &status);

	if (!err && !(status & (STATUS_READY | STATUS_ERROR)))
		err = wait_clear(doe, STATUS_BUSY, HF_DOE_TIMEOUT_MS, &status);
	if (err == HF_ERR_TIMED_OUT || (!err && status & (STATUS_READY | STATUS_ERROR)))
		return abort_exchange(doe);
	return err;
}

static enum hf_err send(const struct hf_doe *doe, uint16_t vendor, uint8_t type, struct hf_span body)
{
	uint32_t dwords = HEADER_DWORDS + (uint32_t)((body.len + DWORD - 1) / DWORD);
	enum hf_err err = put(doe, DOE_WRITE, vendor | (uint32_t)type << 16);

	if (!err)
		err = put(doe, DOE_WRITE, dwords & LENGTH_MASK);
	for (size_t i = 0; !err && i < body.len; i += DWORD) {
		size_t n = body.len - i < DWORD ? body.len - i : DWORD;

		err = put(doe, DOE_WRITE, (uint32_t)hf_le(body.ptr + i, n));
	}
	return err ? err : put(doe, DOE_CONTROL, CONTROL_GO);
}

static enum hf_err await_answer(const struct hf_doe *doe, unsigned patience_ms)
{
	struct wait w = wait_for(doe, patience_ms);

	for (;;) {
		uint32_t status = 0;
		enum hf_err err = get_status(doe, &status);

		if (err)
			return err;
		if (status & STATUS_ERROR)
			return HF_ERR_DOE_ERROR;
		if (status & STATUS_READY)
			return HF_OK;
		if (!go_on(doe, &w))
			return HF_ERR_TIMED_OUT;
	}
}

/* Why a dword is not what it should be: the status tells a device that went, or was reset,
 * from one that says something else. */
static enum hf_err still_ready(const struct hf_doe *doe)
{
	uint32_t status = 0;
	enum hf_err err = get_status(doe, &status);

	if (err)
		return err;
	if (status & STATUS_ERROR)
		return HF_ERR_DOE_ERROR;
	return status & STATUS_READY ? HF_OK : HF_ERR_DOE_SHAPE;
}

/* The dword at hand. All ones may be an answer's, and may be nobody's. */
static enum hf_err peek(const struct hf_doe *doe, uint32_t *ret)
{
	enum hf_err err = get(doe, DOE_READ, ret);

	return !err && *ret == GONE ? still_ready(doe) : err;
}

/* The next one takes its place. */
static enum hf_err pop(const struct hf_doe *doe)
{
	return put(doe, DOE_READ, 0);
}

/* The length is not taken yet: where it is all that there is, it is the last dword. */
static enum hf_err read_header(const struct hf_doe *doe, uint16_t vendor, uint8_t type, size_t *ret_len)
{
	uint32_t what = 0, length = 0;
	enum hf_err err = peek(doe, &what);

	if (!err && (what & 0xffffff) != (vendor | (uint32_t)type << 16))
		err = HF_ERR_DOE_SHAPE;
	if (!err)
		err = pop(doe);
	if (!err)
		err = get(doe, DOE_READ, &length);
	if (!err)		/* no length is also what a device that was reset reads as */
		err = still_ready(doe);
	if (err)
		return err;
	length = length & LENGTH_MASK ? length & LENGTH_MASK : LENGTH_ZERO;
	if (length < HEADER_DWORDS)
		return HF_ERR_DOE_SHAPE;
	*ret_len = (size_t)(length - HEADER_DWORDS) * DWORD;
	return HF_OK;
}

static enum hf_err read_body(const struct hf_doe *doe, uint8_t *buf, size_t len)
{
	const uint64_t end = now_ms(doe) + TRANSFER_MS;

	for (size_t i = 0; i < len; i += DWORD) {
		uint32_t dword = 0;
		enum hf_err err = pop(doe);	/* the one before: at first the length */

		if (!err)
			err = peek(doe, &dword);
		if (err)
			return err;
		for (size_t b = 0; b < DWORD; b++)
			buf[i + b] = (uint8_t)(dword >> 8 * b);
		if (now_ms(doe) > end)
			return HF_ERR_TIMED_OUT;
	}
	return HF_OK;
}

/* The last dword is there and not taken: until then the object has to be ready, or it was
 * not this one that was read. */
static enum hf_err take_last(const struct hf_doe *doe)
{
	enum hf_err err = still_ready(doe);

	return err ? err : pop(doe);
}

/* An object that goes on behind its own length is none. */
static enum hf_err at_end(const struct hf_doe *doe)
{
	uint32_t status = 0;
	enum hf_err err = wait_clear(doe, STATUS_READY, SETTLE_MS, &status);

	if (err == HF_ERR_TIMED_OUT)
		return HF_ERR_DOE_SHAPE;
	return !err && status & STATUS_ERROR ? HF_ERR_DOE_ERROR : err;
}

static enum hf_err receive(const struct hf_doe *doe, uint16_t vendor, uint8_t type, uint8_t *buf,
			   size_t cap, size_t *ret_len)
{
	size_t len = 0;
	enum hf_err err = read_header(doe, vendor, type, &len);

	if (!err && (len > cap || len > HF_DOE_OBJECT_MAX))
		err = HF_ERR_LIMIT;
	if (!err)
		err = read_body(doe, buf, len);
	if (!err)
		err = take_last(doe);
	if (!err)
		err = at_end(doe);
	if (!err)
		*ret_len = len;
	return err;
}

enum hf_err hf_doe_exchange(const struct hf_doe *doe, uint16_t vendor, uint8_t type,
			    struct hf_span body, unsigned patience_ms, uint8_t *buf, size_t cap,
			    size_t *ret_len)
{
	enum hf_err err;

	if (body.len > HF_DOE_OBJECT_MAX)
		return HF_ERR_LIMIT;
	err = make_idle(doe);
	if (err)
		return err;
	err = send(doe, vendor, type, body);
	if (!err)
		err = await_answer(doe, patience_ms);
	if (!err)
		err = receive(doe, vendor, type, buf, cap, ret_len);
	/* Where nobody may write, nobody can abort. */
	if (err && err != HF_ERR_DEVICE_GONE && err != HF_ERR_DOE_REFUSED)
		err = give_up(doe, err);
	return err;
}

/* ---- discovery ---- */

/* 6.30.1.1 of base 6.1: from capability version 2 on the request says so. vfio-pci may hide
 * the capability's header; the first form is understood by all. */
static uint32_t discovery_version(const struct hf_doe *doe)
{
	uint32_t header = 0;

	if (get(doe, 0, &header) != HF_OK || (header & 0xffff) != HF_DOE_CAPABILITY)
		return 0;
	return (header >> 16 & 0xf) >= 2 ? 2 : 0;
}

enum hf_err hf_doe_discover(const struct hf_doe *doe, struct hf_doe_protocol *out, size_t cap,
			    size_t *ret_count)
{
	const uint8_t version = (uint8_t)discovery_version(doe);
	const uint64_t end = now_ms(doe) + DISCOVERY_MS;
	uint8_t asked[256] = { 0 };
	size_t count = 0;
	uint8_t index = 0;
	/* What another asked before, and was killed over, may show nowhere in the status: its
	 * answer would come to us. */
	enum hf_err err = abort_exchange(doe);

	if (err)
		return err;
	do {
		uint8_t request[DWORD] = { index, version }, answer[DWORD];
		size_t len = 0;

		err = hf_doe_exchange(doe, HF_DOE_VENDOR_PCISIG, HF_DOE_DISCOVERY,
				      (struct hf_span){ request, sizeof(request) },
				      HF_DOE_TIMEOUT_MS, answer, sizeof(answer), &len);
		if (err == HF_ERR_LIMIT || (!err && len != sizeof(answer)))
			return HF_ERR_DOE_SHAPE;
		if (err)
			return err;
		asked[index] = 1;
		uint16_t vendor = (uint16_t)hf_le(answer, 2);

		if (vendor == 0xffff)	/* behind the last: some say next = index + 1 there */
			break;
		if (count == cap || count == HF_DOE_PROTOCOLS_MAX)
			return HF_ERR_LIMIT;
		out[count++] = (struct hf_doe_protocol){ vendor, answer[2] };
		index = answer[3];
		if (index && asked[index])
			return HF_ERR_DOE_SHAPE;
		if (now_ms(doe) > end)
			return HF_ERR_TIMED_OUT;
	} while (index);
	*ret_count = count;
	return HF_OK;
}

/* ---- SPDM ---- */

static enum hf_err exchange_message(void *self, struct hf_span request, unsigned patience_ms,
				    uint8_t *buf, size_t cap, size_t *ret_len)
{
	const struct hf_doe *doe = self;

	return hf_doe_exchange(doe, HF_DOE_VENDOR_PCISIG, HF_DOE_SPDM, request,
			       patience_ms ? patience_ms : HF_DOE_TIMEOUT_MS, buf, cap, ret_len);
}

void hf_doe_transport(struct hf_doe *doe, struct hf_spdm_transport *ret)
{
	*ret = (struct hf_spdm_transport){ .self = doe, .exchange = exchange_message,
					   .message_max = HF_DOE_MESSAGE_MAX, .padded = true };
}
