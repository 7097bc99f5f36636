/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/spdm_ask_inside.h: what the files of the requester share; nobody else includes it. */
#ifndef HF_PCIE_SPDM_ASK_INSIDE_H
#define HF_PCIE_SPDM_ASK_INSIDE_H

#include "pcie/spdm_ask.h"

struct hf_spdm_asking {
	const struct hf_spdm_transport *transport;
	const struct hf_spdm_plan *plan;
	struct hf_spdm *s;
	struct hf_writer *transcript;
	const char *phase;
	uint8_t *buf;
	size_t cap, message_max;
	uint64_t end_ms;
	size_t exchanges;
	uint8_t version_max;	/* falls where the device refuses what it listed */
	bool disturbed;		/* since what the next signature covers was empty */
	bool plain;		/* no flags: the device refused ours */
};

/* Until the request has its answer, or never will. HF_OK: answered, or refused
 * (HF_SPDM_SAID_ERROR). HF_ERR_SPDM_RESET: the device has forgotten everything. */
enum hf_err hf_spdm_ask_one(struct hf_spdm_asking *a, struct hf_span request) HF_MUST_USE;
bool hf_spdm_refused(const struct hf_spdm_asking *a);	/* by an ERROR: the last request */
enum hf_err hf_spdm_new_nonce(const struct hf_spdm_asking *a,
			      uint8_t ret[static HF_SPDM_NONCE]) HF_MUST_USE;
enum hf_err hf_spdm_ask_digests(struct hf_spdm_asking *a) HF_MUST_USE;
bool hf_spdm_slot_good(const struct hf_spdm_asking *a, uint8_t slot);	/* its chain is one */
/* Whatever the device measures. A changed one is asked once more. */
enum hf_err hf_spdm_ask_measurements(struct hf_spdm_asking *a) HF_MUST_USE;

#endif
