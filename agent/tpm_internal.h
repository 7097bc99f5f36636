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

#endif
