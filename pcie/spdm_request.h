/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/spdm_request.h: the requests of SPDM 1.0 to 1.4 (DSP0274), as bytes. [pure]
 *
 * Each of them writes one whole message; version is the negotiated one, as in a message's
 * first byte. Nothing is checked: who asks decides what fits the device.
 */
#ifndef HF_PCIE_SPDM_REQUEST_H
#define HF_PCIE_SPDM_REQUEST_H

#include "pcie/spdm.h"

#define HF_SPDM_REQUEST_MAX 64	/* bytes of the longest of them */

/* What is offered (BaseAsymAlgo, BaseHashAlgo): nothing below 112 bits of strength. */
#define HF_SPDM_OFFERED_RSA 0x6fu	/* RSASSA and RSAPSS of 2048, 3072, 4096 */
#define HF_SPDM_OFFERED_ECDSA 0x190u	/* P-256, P-384, P-521 */
#define HF_SPDM_OFFERED_ED25519 0x400u	/* 1.2 */
#define HF_SPDM_OFFERED_HASH 0x7u	/* SHA-256, SHA-384, SHA-512 */
uint32_t hf_spdm_offered_asym(uint8_t version);

void hf_spdm_request_version(struct hf_writer *w);
struct hf_spdm_own {	/* what the requester says of itself; no flag asks for its certificates */
	uint32_t flags;		/* 1.1 */
	uint32_t data_transfer_size, message_size_max;	/* 1.2 */
};
void hf_spdm_request_capabilities(struct hf_writer *w, uint8_t version,
				  const struct hf_spdm_own *own);
void hf_spdm_request_algorithms(struct hf_writer *w, uint8_t version);
void hf_spdm_request_digests(struct hf_writer *w, uint8_t version);
/* large: 1.4 alone, where the device says that it has it (LARGE_RESP_CAP). */
void hf_spdm_request_certificate(struct hf_writer *w, uint8_t version, uint8_t slot,
				 uint32_t offset, uint32_t length, bool large);
void hf_spdm_request_challenge(struct hf_writer *w, uint8_t version, uint8_t slot,
			       const uint8_t nonce[static HF_SPDM_NONCE]);
/* index: 0 their number, 0xff all. nonce NULL: not signed, slot does not count. */
void hf_spdm_request_measurements(struct hf_writer *w, uint8_t version, uint8_t index,
				  const uint8_t *nonce, uint8_t slot);
void hf_spdm_request_if_ready(struct hf_writer *w, uint8_t version, uint8_t code, uint8_t token);
void hf_spdm_request_chunk(struct hf_writer *w, uint8_t version, uint8_t handle, uint32_t number);

#endif
