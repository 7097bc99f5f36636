/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/credential.h: endorsement keys, and TPM2_MakeCredential without a TPM (TPM 2.0 Library
 * part 1, chapter 24 and annexes B.10 and C.6): what only the TPM that holds the EK can open, and
 * only while it also holds the key of the given name. */
#ifndef HF_MEASURE_CREDENTIAL_H
#define HF_MEASURE_CREDENTIAL_H

#include "measure/digest.h"

#define HF_EK_SPKI_MAX 800	/* bytes; RSA 4096 */
#define HF_CREDENTIAL_SECRET_MAX 32
#define HF_CREDENTIAL_MAX 1024	/* bytes of each half */

enum hf_ek_kind { HF_EK_RSA2048, HF_EK_RSA3072, HF_EK_RSA4096, HF_EK_P256, HF_EK_P384 };
const char *hf_ek_kind_name(enum hf_ek_kind kind);	/* "RSA 2048", ... */
struct hf_ek {
	enum hf_ek_kind kind;
	enum hf_alg name_alg;		/* SHA-256 or SHA-384 */
	unsigned aes_bits;		/* 128 or 256, CFB */
	struct hf_span modulus;		/* RSA; the exponent is 65537 */
	struct hf_span x, y;		/* ECC, full length */
	struct hf_digest id;		/* SHA-256 of the SubjectPublicKeyInfo in DER */
	uint8_t spki[HF_EK_SPKI_MAX];
	size_t spki_len;
};
/* public_area: TPMT_PUBLIC of a storage key as the TCG's EK Credential Profile 2.x has it:
 * restricted, decrypt, not sign, fixedTPM, fixedParent, sensitiveDataOrigin; canonical encoding.
 * Anything else: HF_ERR_EK_UNUSABLE. Spans borrow. */
enum hf_err hf_ek_parse(struct hf_span public_area, struct hf_ek *ret) HF_MUST_USE;
/* ret_blob: TPM2B_ID_OBJECT, ret_secret: TPM2B_ENCRYPTED_SECRET, sizes included. */
enum hf_err hf_credential_make(const struct hf_ek *ek, struct hf_span ak_name, struct hf_span secret,
			       struct hf_writer *ret_blob, struct hf_writer *ret_secret) HF_MUST_USE;

#endif
