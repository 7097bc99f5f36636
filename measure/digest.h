/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/digest.h: streaming digests, several at once. Sole includer of libcrypto's
 * digest interface. SHA-1 and SM3 exist for PCR banks only, never for reference values.
 */
#ifndef HF_MEASURE_DIGEST_H
#define HF_MEASURE_DIGEST_H

#include "measure/bytes.h"
#include "measure/err.h"

enum hf_alg { HF_ALG_SHA1, HF_ALG_SHA256, HF_ALG_SHA384, HF_ALG_SHA512, HF_ALG_SM3 };
#define HF_ALG_COUNT 5
#define HF_ALG_MASK(alg) (1u << (alg))
#define HF_DIGEST_MAX 64	/* bytes */
/* What claims and reference values carry. */
#define HF_CLAIM_ALGS (HF_ALG_MASK(HF_ALG_SHA256) | HF_ALG_MASK(HF_ALG_SHA384))

struct hf_digest {
	enum hf_alg alg;
	uint8_t bytes[HF_DIGEST_MAX];	/* hf_alg_size(alg) of them count */
};

size_t hf_alg_size(enum hf_alg alg);		/* bytes */
const char *hf_alg_name(enum hf_alg alg);	/* "sha256" */
uint16_t hf_alg_tpm_id(enum hf_alg alg);	/* TCG algorithm registry: 4, 0xb, 0xc, 0xd, 0x12 */
bool hf_alg_from_tpm_id(uint16_t id, enum hf_alg *ret);
bool hf_alg_from_name(const char *name, enum hf_alg *ret);

bool hf_digest_equal(const struct hf_digest *a, const struct hf_digest *b);
/* Lower-case hex, NUL-terminated; out holds 2 * HF_DIGEST_MAX + 1. */
void hf_digest_hex(const struct hf_digest *digest, char out[static 2 * HF_DIGEST_MAX + 1]);
/* Exactly hf_alg_size(alg) hex bytes, else false. */
bool hf_digest_from_hex(enum hf_alg alg, const char *hex, struct hf_digest *ret);

/* One span, one algorithm. */
enum hf_err hf_digest(enum hf_alg alg, struct hf_span in, struct hf_digest *ret) HF_MUST_USE;
/* Each algorithm once, so that what libcrypto makes at first use is there: for who forks, or
 * will have few system calls left. */
enum hf_err hf_digest_warm(void) HF_MUST_USE;
/* Two spans as if joined (PCR extend: old value, then digest). */
enum hf_err hf_digest2(enum hf_alg alg, struct hf_span a, struct hf_span b,
		       struct hf_digest *ret) HF_MUST_USE;

/* Streaming: new -> update* -> final (which resets it for the next use) -> free. */
struct hf_hasher;
enum hf_err hf_hasher_new(uint32_t alg_mask, struct hf_hasher **ret) HF_MUST_USE;
enum hf_err hf_hasher_update(struct hf_hasher *hasher, struct hf_span in) HF_MUST_USE;
/* ret has room for HF_ALG_COUNT; filled in ascending alg order. */
enum hf_err hf_hasher_final(struct hf_hasher *hasher, struct hf_digest *ret, size_t *ret_count) HF_MUST_USE;
void hf_hasher_free(struct hf_hasher *hasher);	/* NULL is fine */

#endif
