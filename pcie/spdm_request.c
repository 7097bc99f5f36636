/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/spdm_request.h"

#define ALGORITHMS_LEN 32	/* without tables */
#define SPEC_DMTF 1		/* MeasurementSpecification */
#define OPAQUE_FORMAT_1 2	/* OtherParamsSupport, 1.2 */
#define SIGNED 1		/* GET_MEASUREMENTS, param1 */
#define LARGE 0x80		/* GET_CERTIFICATE, param1, 1.4 */
#define CONTEXT_LEN 8		/* RequesterContext, 1.3 */

static const uint8_t zeros[32];

static void head(struct hf_writer *w, uint8_t version, enum hf_spdm_code code, uint8_t param1,
		 uint8_t param2)
{
	hf_put(w, (uint8_t[]){ version, (uint8_t)code, param1, param2 }, 4);
}

/* The device answers with it, and the signature covers it; there is nothing to tell apart. */
static void context(struct hf_writer *w, uint8_t version)
{
	if (version >= 0x13)
		hf_put(w, zeros, CONTEXT_LEN);
}

uint32_t hf_spdm_offered_asym(uint8_t version)
{
	return HF_SPDM_OFFERED_RSA | HF_SPDM_OFFERED_ECDSA |
	       (version >= 0x12 ? HF_SPDM_OFFERED_ED25519 : 0);
}

void hf_spdm_request_version(struct hf_writer *w)
{
	head(w, 0x10, HF_SPDM_GET_VERSION, 0, 0);	/* 1.0, whatever comes after */
}

void hf_spdm_request_capabilities(struct hf_writer *w, uint8_t version,
				  const struct hf_spdm_own *own)
{
	head(w, version, HF_SPDM_GET_CAPABILITIES, 0, 0);
	if (version < 0x11)
		return;
	hf_put(w, zeros, 4);	/* no CTExponent: nothing is asked back */
	hf_put_le(w, own->flags, 4);
	if (version < 0x12)
		return;
	hf_put_le(w, own->data_transfer_size, 4);
	hf_put_le(w, own->message_size_max, 4);
}

void hf_spdm_request_algorithms(struct hf_writer *w, uint8_t version)
{
	head(w, version, HF_SPDM_NEGOTIATE_ALGORITHMS, 0, 0);
	hf_put_le(w, ALGORITHMS_LEN, 2);
	hf_put(w, (uint8_t[]){ SPEC_DMTF, version >= 0x12 ? OPAQUE_FORMAT_1 : 0 }, 2);
	hf_put_le(w, hf_spdm_offered_asym(version), 4);
	hf_put_le(w, HF_SPDM_OFFERED_HASH, 4);
	hf_put(w, zeros, 12);	/* 1.4: its first 4 are the post-quantum ones, none offered */
	hf_put(w, zeros, 4);	/* no extended algorithms; 1.3: no measurement log */
}

void hf_spdm_request_digests(struct hf_writer *w, uint8_t version)
{
	head(w, version, HF_SPDM_GET_DIGESTS, 0, 0);
}

void hf_spdm_request_certificate(struct hf_writer *w, uint8_t version, uint8_t slot,
				 uint32_t offset, uint32_t length, bool large)
{
	head(w, version, HF_SPDM_GET_CERTIFICATE, (uint8_t)(slot | (large ? LARGE : 0)), 0);
	hf_put_le(w, large ? 0 : offset, 2);
	hf_put_le(w, large ? 0 : length, 2);
	if (!large)
		return;
	hf_put_le(w, offset, 4);
	hf_put_le(w, length, 4);
}

void hf_spdm_request_challenge(struct hf_writer *w, uint8_t version, uint8_t slot,
			       const uint8_t nonce[static HF_SPDM_NONCE])
{
	head(w, version, HF_SPDM_CHALLENGE, slot, 0);	/* no summary: measurements follow */
	hf_put(w, nonce, HF_SPDM_NONCE);
	context(w, version);
}

void hf_spdm_request_measurements(struct hf_writer *w, uint8_t version, uint8_t index,
				  const uint8_t *nonce, uint8_t slot)
{
	head(w, version, HF_SPDM_GET_MEASUREMENTS, nonce ? SIGNED : 0, index);
	if (nonce)
		hf_put(w, nonce, HF_SPDM_NONCE);
	if (nonce && version >= 0x11)
		hf_put_le(w, slot, 1);
	context(w, version);
}

void hf_spdm_request_if_ready(struct hf_writer *w, uint8_t version, uint8_t code, uint8_t token)
{
	head(w, version, HF_SPDM_RESPOND_IF_READY, code, token);
}

/* Sequence numbers have 2 bytes before 1.4, and 4 since. */
void hf_spdm_request_chunk(struct hf_writer *w, uint8_t version, uint8_t handle, uint32_t number)
{
	head(w, version, HF_SPDM_CHUNK_GET, 0, handle);
	hf_put_le(w, number, version >= 0x14 ? 4 : 2);
}
