/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/attest.h: TPM 2.0 attestation structures (TPM 2.0 Library part 2) without a
 * TPM stack: parse, encode again and compare, verify. What does not re-encode to the
 * bytes received is refused. Used by agent and verifiers alike.
 */
#ifndef HF_MEASURE_ATTEST_H
#define HF_MEASURE_ATTEST_H

#include "measure/digest.h"
#include "measure/log.h"

#define HF_TPM_GENERATED 0xff544347u
#define HF_RH_ENDORSEMENT 0x4000000bu
#define HF_ATTEST_MAX 1024	/* bytes of TPMS_ATTEST, TPM2B_PUBLIC, TPMT_SIGNATURE */

/* PCRs that every quote of ours selects beside the gate's own PCR. */
#define HF_QUOTE_PCRS 0x5affu	/* 0-7, 9, 11, 12, 14 */

struct hf_quote {	/* TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE */
	struct hf_span qualified_signer;	/* TPM2B_NAME's content */
	struct hf_span nonce;			/* extraData */
	uint64_t clock;				/* ms */
	uint32_t reset_count, restart_count;
	bool safe;
	uint64_t firmware_version;
	enum hf_alg bank;			/* exactly one selection */
	uint32_t pcrs;				/* bit per PCR */
	struct hf_span pcr_digest;
};
/* Exactly the canonical encoding, nothing before or after. */
enum hf_err hf_quote_parse(struct hf_span attest, struct hf_quote *ret) HF_MUST_USE;

/* The frozen AK template: the TPMT_PUBLIC with an empty unique point, as bytes. Restricted
 * ECC P-256 signing key, ECDSA SHA-256, fixedTPM|fixedParent|sensitiveDataOrigin|
 * userWithAuth|noDA|restricted|sign, empty policy. One changed bit re-enrols every fleet. */
struct hf_span hf_ak_template(void);
/* public_area: TPMT_PUBLIC. Everything except the point must equal the template:
 * HF_ERR_AK_TEMPLATE. name: 0x000b || SHA-256(TPMT_PUBLIC), 34 bytes. */
struct hf_ak {
	uint8_t x[32], y[32];
	uint8_t name[34];
};
enum hf_err hf_ak_parse(struct hf_span public_area, struct hf_ak *ret) HF_MUST_USE;

/* All of: signature over attest by ak (TPMT_SIGNATURE, ECDSA, SHA-256, canonical),
 * canonical attest, qualifiedSigner == name in the endorsement hierarchy, nonce equal,
 * SHA-256 bank, exactly the PCRs in want_pcrs, and SHA-256 over the given values in PCR
 * order == pcr_digest. Each failure has its own cause. ret may be NULL. */
enum hf_err hf_quote_verify(const struct hf_ak *ak, struct hf_span attest,
			    struct hf_span signature, struct hf_span nonce, uint32_t want_pcrs,
			    const struct hf_pcrs *pcrs, struct hf_quote *ret) HF_MUST_USE;
/* All of it but the signature, which the caller has verified. */
enum hf_err hf_quote_check(const struct hf_ak *ak, struct hf_span attest, struct hf_span nonce,
			   uint32_t want_pcrs, const struct hf_pcrs *pcrs,
			   struct hf_quote *ret) HF_MUST_USE;

/* What tpm2_checkquote -f takes: the host structure of tpm2-tools 5.4, little-endian. */
void hf_pcrs_tools_format(const struct hf_pcrs *pcrs, uint32_t selection, struct hf_writer *w);
/* SubjectPublicKeyInfo PEM of the AK. */
enum hf_err hf_ak_pem(const struct hf_ak *ak, struct hf_writer *w) HF_MUST_USE;

#endif
