/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/tpm_internal.h: what the files agent/tpm*.c share; nobody else includes it. */
#ifndef HF_AGENT_TPM_INTERNAL_H
#define HF_AGENT_TPM_INTERNAL_H

#include <tss2/tss2_esys.h>

#include "agent/tpm.h"

#define HF_TPM_CONF_MAX 256

struct hf_tpm {
	char conf[HF_TPM_CONF_MAX];
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;	/* NULL: connect before the next command */
	ESYS_TR ak;		/* ESYS_TR_NONE: not made yet */
	/* Last known values of the one PCR that is being extended. */
	uint32_t known_pcr, known_mask;
	struct hf_digest known[HF_ALG_COUNT];
};

/* A connection, made anew where the last one broke. */
enum hf_err hf_tpm_ready(struct hf_tpm *tpm, struct hf_fault *fault) HF_MUST_USE;
/* Fills the fault, drops a connection that failed otherwise than by the TPM's own word,
 * and returns err. */
enum hf_err hf_tpm_failed(struct hf_tpm *tpm, struct hf_fault *fault, enum hf_err err,
			  TSS2_RC rc, const char *command);
/* A reply that is well-formed and yet not an answer to what was asked. */
enum hf_err hf_tpm_strange(struct hf_fault *fault, const char *command);
bool hf_tpm_is_auth_error(TSS2_RC rc);
/* Values of consecutive properties; those that the TPM does not name stay 0. */
enum hf_err hf_tpm_properties(struct hf_tpm *tpm, uint32_t first, uint32_t count,
			      uint32_t *ret, struct hf_fault *fault) HF_MUST_USE;
/* tpm->ak is made if it is not there. */
enum hf_err hf_tpm_have_ak(struct hf_tpm *tpm, struct hf_fault *fault) HF_MUST_USE;

/* ---- endorsement keys (tpm_ek_template.c, tpm_ek_nv.c) ---- */
struct hf_ek_profile {		/* a line of the TCG EK Credential Profile's tables */
	const char *name;
	uint32_t certificate, nonce, template;	/* NV indices; 0: the profile has none */
	uint16_t type, curve_or_bits;
	enum hf_alg alg;	/* of the name, and of the policy */
	uint16_t aes_bits;
	bool high;		/* high range: userWithAuth, policy B, empty unique field */
};
/* Ends with name NULL. In the order in which they are looked for: the quick ones first. */
extern const struct hf_ek_profile hf_ek_profiles[];
const struct hf_ek_profile *hf_ek_profile_named(const char *name);
/* What CreatePrimary is given. nonce: as the profile has it in the unique field; may be empty. */
enum hf_err hf_ek_template(const struct hf_ek_profile *profile, struct hf_span nonce,
			   TPM2B_PUBLIC *ret) HF_MUST_USE;
/* In front of what is in the unique field, which is then of full length. */
void hf_ek_put_nonce(const struct hf_ek_profile *profile, struct hf_span nonce, TPMT_PUBLIC *area);
/* Whether a public area is of the template in all but its unique field. */
bool hf_ek_of_template(const TPMT_PUBLIC *area, const TPMT_PUBLIC *template);
/* PolicySecret(endorsement), and for keys of the high range the OR with what updates them. */
enum hf_err hf_ek_policies(enum hf_alg alg, TPML_DIGEST *ret) HF_MUST_USE;

/* Bytes of an NV index that may be read without a value; empty where there is no such index,
 * it was never written, or it asks for a value. Longer than cap: HF_ERR_LIMIT. */
enum hf_err hf_tpm_nv_read(struct hf_tpm *tpm, uint32_t index, struct hf_writer *ret,
			   struct hf_fault *fault) HF_MUST_USE;
/* Handles there are, from first on, at most TPM2_MAX_CAP_HANDLES. */
enum hf_err hf_tpm_handles(struct hf_tpm *tpm, uint32_t first, TPML_HANDLE *ret,
			   struct hf_fault *fault) HF_MUST_USE;

#endif
