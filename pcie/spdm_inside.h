/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/spdm_inside.h: what the files of spdm.h share, and nobody else. */
#ifndef HF_PCIE_SPDM_INSIDE_H
#define HF_PCIE_SPDM_INSIDE_H

#include "pcie/device_chain.h"
#include "pcie/spdm.h"
#include "pcie/spdm_sign.h"

#define HF_SPDM_OPAQUE_MAX 1024
#define HF_SPDM_CONTEXT 8	/* bytes that 1.3 and later give back */
#define HF_SPDM_NEGOTIATION 6	/* messages: version, capabilities, algorithms */
#define HF_SPDM_HASH_MAX 64
#define HF_SPDM_ANSWER(code) ((uint8_t)((code) & 0x7f))

/* ---- messages: where what lies. Layout alone; what it means is the state's ---- */

struct hf_spdm_request {
	uint8_t version, code, p1, p2;
	struct hf_span message;	/* without padding */
	struct hf_span nonce, context;	/* empty: none */
	uint8_t slot;
	bool is_signed;		/* GET_MEASUREMENTS that asks for a signature */
	uint32_t flags;		/* GET_CAPABILITIES */
	uint8_t measurement_spec, other;	/* NEGOTIATE_ALGORITHMS */
	uint32_t asym, hash;
	uint32_t offset, length;	/* GET_CERTIFICATE */
	bool large;
	uint32_t chunk;		/* CHUNK_GET */
};
/* HF_ERR_TRANSCRIPT_SHAPE: nothing that a requester of ours sends. */
enum hf_err hf_spdm_request_parse(struct hf_span bytes, bool padded,
				  struct hf_spdm_request *ret) HF_MUST_USE;

struct hf_spdm_answer {		/* the header; c stands behind it */
	uint8_t version, code, p1, p2;
	struct hf_cursor c;
	bool padded;
};
bool hf_spdm_answer_parse(struct hf_span bytes, bool padded, struct hf_spdm_answer *ret);
/* Everything was read, but for padding; the message without it. */
bool hf_spdm_answer_ends(const struct hf_spdm_answer *a, struct hf_span *ret_message);

struct hf_spdm_capabilities {
	uint8_t ct_exponent;
	uint32_t flags, data_transfer_size, message_size_max;
	struct hf_span message;
};
bool hf_spdm_capabilities_parse(struct hf_spdm_answer *a, struct hf_spdm_capabilities *ret);

struct hf_spdm_algorithms {
	uint8_t measurement_spec, other;
	uint32_t measurement_hash, asym, hash, post_quantum;
	struct hf_span message;
};
bool hf_spdm_algorithms_parse(struct hf_spdm_answer *a, struct hf_spdm_algorithms *ret);

struct hf_spdm_portion {
	uint8_t slot;
	uint32_t remainder;
	struct hf_span data, message;
};
bool hf_spdm_portion_parse(struct hf_spdm_answer *a, bool large, struct hf_spdm_portion *ret);

struct hf_spdm_ending {		/* how both signed answers end */
	size_t opaque_len;
	struct hf_span context, signature;
	struct hf_span message, signed_part;	/* with and without the signature */
};
struct hf_spdm_challenge {
	struct hf_span chain_hash;
	struct hf_spdm_ending end;
};
bool hf_spdm_challenge_parse(struct hf_spdm_answer *a, size_t hash_len, bool summary,
			     size_t signature_len, struct hf_spdm_challenge *ret);

struct hf_spdm_measurements {
	uint8_t count;
	struct hf_span record;
	struct hf_spdm_ending end;
};
bool hf_spdm_measurements_parse(struct hf_spdm_answer *a, size_t signature_len,
				struct hf_spdm_measurements *ret);
struct hf_spdm_measured {
	uint8_t index, type;
	struct hf_span value;
};
/* The next block of a record. */
bool hf_spdm_measured_parse(struct hf_cursor *c, struct hf_spdm_measured *ret);

struct hf_spdm_chunk {
	bool last;
	uint8_t handle;
	uint32_t number, total;		/* total: of the first alone */
	struct hf_span data;
};
bool hf_spdm_chunk_parse(struct hf_spdm_answer *a, bool first, struct hf_spdm_chunk *ret);

/* ---- the state ---- */

enum hf_spdm_stage { HF_SPDM_NEW, HF_SPDM_HAS_VERSIONS, HF_SPDM_HAS_CAPABILITIES, HF_SPDM_NEGOTIATED };
enum hf_spdm_pending { HF_SPDM_NO_PENDING, HF_SPDM_PENDING_READY, HF_SPDM_PENDING_CHUNK };

struct hf_spdm_reading {	/* of one slot's chain */
	uint8_t *buf;		/* HF_SPDM_CHAIN_MAX, when first needed; kept over a reset */
	size_t total, have;
	bool whole;
};
struct hf_spdm_inside {
	struct hf_spdm_options options;
	enum hf_err failed;
	size_t exchanges, bytes;
	enum hf_spdm_stage stage;
	uint32_t asked_flags;	/* the requester's capabilities */
	uint8_t asked_other;
	bool multi_key, opaque;
	bool authenticated;	/* a CHALLENGE was answered since the negotiation */
	size_t measured;	/* signatures over measurements */
	bool report;		/* nothing was negotiated: which hash measured is not known */

	/* M1 and L1 as they are signed: both begin with the six messages of the negotiation. */
	struct hf_span *m1, *l1;
	size_t m1_count, l1_count;
	uint16_t l1_run;	/* counts how often L1 was emptied */
	uint16_t block_run[HF_SPDM_INDEX_MAX + 1];	/* when a block came */
	unsigned count_run;	/* 1 more than when it said how many it has; 0: it did not */
	struct hf_spdm_reading readings[HF_SPDM_SLOTS];

	uint8_t nonce[HF_SPDM_NONCE];
	bool has_nonce, nonce_spent;

	enum hf_spdm_pending pending;
	struct hf_span pending_request;	/* in the arena; empty: none */
	uint8_t *large;		/* HF_SPDM_MESSAGE_MAX, when first needed */
	size_t large_total, large_have;
};

/* Copies message into the arena, so that it outlives the caller's buffer. */
enum hf_err hf_spdm_keep(struct hf_spdm *s, struct hf_span message, struct hf_span *ret) HF_MUST_USE;
/* Both transcripts, while the negotiation lasts. */
enum hf_err hf_spdm_add_negotiation(struct hf_spdm *s, struct hf_span request,
				    struct hf_span answer) HF_MUST_USE;
enum hf_err hf_spdm_add_m1(struct hf_spdm *s, struct hf_span request, struct hf_span answer) HF_MUST_USE;
enum hf_err hf_spdm_add_l1(struct hf_spdm *s, struct hf_span request, struct hf_span answer) HF_MUST_USE;
void hf_spdm_empty_m1(struct hf_spdm *s);	/* back to the negotiation */
void hf_spdm_empty_l1(struct hf_spdm *s);

/* One answer that is no ERROR, to a request that fits the stage. */
enum hf_err hf_spdm_take_version(struct hf_spdm *s, const struct hf_spdm_request *r,
				 struct hf_spdm_answer *a) HF_MUST_USE;
enum hf_err hf_spdm_take_capabilities(struct hf_spdm *s, const struct hf_spdm_request *r,
				      struct hf_spdm_answer *a) HF_MUST_USE;
enum hf_err hf_spdm_take_algorithms(struct hf_spdm *s, const struct hf_spdm_request *r,
				    struct hf_spdm_answer *a) HF_MUST_USE;
enum hf_err hf_spdm_take_digests(struct hf_spdm *s, const struct hf_spdm_request *r,
				 struct hf_spdm_answer *a) HF_MUST_USE;
enum hf_err hf_spdm_take_certificate(struct hf_spdm *s, const struct hf_spdm_request *r,
				     struct hf_spdm_answer *a) HF_MUST_USE;
enum hf_err hf_spdm_take_challenge(struct hf_spdm *s, const struct hf_spdm_request *r,
				   struct hf_spdm_answer *a) HF_MUST_USE;
enum hf_err hf_spdm_take_measurements(struct hf_spdm *s, const struct hf_spdm_request *r,
				      struct hf_spdm_answer *a) HF_MUST_USE;
/* Every block of a record, into s->blocks. is_signed: and verified already. */
enum hf_err hf_spdm_take_record(struct hf_spdm *s, const struct hf_spdm_measurements *m,
				uint8_t operation, bool is_signed) HF_MUST_USE;
size_t hf_spdm_hash_len(const struct hf_spdm *s);
size_t hf_spdm_measurement_len(uint32_t measurement_hash);	/* 0: raw only or unknown */

#endif
