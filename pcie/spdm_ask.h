/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/spdm_ask.h: the requester: which question comes next, and the ways by which it goes
 * to a device. What the answers mean is spdm.h's alone. */
#ifndef HF_PCIE_SPDM_ASK_H
#define HF_PCIE_SPDM_ASK_H

#include "pcie/spdm.h"

struct hf_spdm_transport {
	void *self;
	/* Sends one message and gets its answer. May take for ever only where the whole process
	 * may (a worker). HF_ERR_TIMED_OUT: no answer in time, and the way is usable again. */
	enum hf_err (*exchange)(void *self, struct hf_span request, unsigned patience_ms,
				uint8_t *buf, size_t cap, size_t *ret_len);
	size_t message_max;	/* bytes that fit either way, at least 42 */
	bool padded;		/* answers may have up to 3 bytes behind their end */
};
struct hf_spdm_plan {
	const struct hf_spdm_seed *seed;	/* NULL: random nonces */
	const char *path;		/* of the function, for nonces */
	int slot;			/* whose key is to sign the measurements; -1: the lowest */
	unsigned patience_ms;		/* for one answer, beyond what the device asks for; 0: 1000 */
	unsigned total_ms;		/* for all of it; 0: 30 s */
	bool no_challenge;		/* measurements only (the recheck) */
	void (*progress)(void *self, const char *phase, uint64_t spent_us);	/* may be NULL; after each exchange */
	void *self;
};
/* Asks everything: versions, capabilities, algorithms, digests, the chain of every provisioned
 * slot, a challenge for each, measurements (all at once, then one by one; signed wherever the
 * device can). s: opened; holds what was learnt, also on failure. transcript: begun by the
 * caller; gets every message. HF_ERR_SPDM_CANNOT_SIGN: the device has nothing signed to show. */
enum hf_err hf_spdm_ask(const struct hf_spdm_transport *transport, const struct hf_spdm_plan *plan,
			struct hf_spdm *s, struct hf_writer *transcript) HF_MUST_USE;

/* What a conversation that went to its end shows, by its findings alone, so that whoever reads
 * the transcript says the same. HF_OK: it signed all that it has to show. HF_ERR_SPDM_CHANGED;
 * HF_ERR_SPDM_CANNOT_SIGN; what is wrong with its certificates; HF_ERR_SPDM_ERROR: it says that
 * it can sign, and refuses. [pure] */
enum hf_err hf_spdm_outcome(const struct hf_spdm *s) HF_MUST_USE;

/* ---- TCP (spdm-emu's framing) ---- */
enum hf_spdm_framing { HF_SPDM_FRAMING_DOE = 2, HF_SPDM_FRAMING_MCTP = 1 };
struct hf_spdm_tcp {
	int fd;
	enum hf_spdm_framing framing;
	struct hf_spdm_transport transport;
	uint8_t *frame;		/* owned */
	enum hf_err broken;	/* after a failure nothing more is asked: answers could be late ones */
};
/* "HOST:PORT", "[::1]:2323". HF_ERR_USAGE, HF_ERR_RESPONDER_UNREACHABLE. ret stays where
 * it is until it is closed. */
enum hf_err hf_spdm_tcp_open(const char *address, enum hf_spdm_framing framing, unsigned patience_ms,
			     struct hf_spdm_tcp *ret, struct hf_fault *fault) HF_MUST_USE;
void hf_spdm_tcp_close(struct hf_spdm_tcp *tcp);	/* says SHUTDOWN first */

#endif
