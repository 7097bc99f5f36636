/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/tpm.h: the host's TPM. The files agent/tpm*.c are the sole includers of
 * <tss2/...>. [edge: TPM]
 * All commands go out at locality 0. Nothing here decides; it does one thing and says
 * what came of it. */
#ifndef HF_AGENT_TPM_H
#define HF_AGENT_TPM_H

#include "measure/arena.h"
#include "measure/attest.h"
#include "measure/err.h"
#include "measure/log.h"

/* After a transport error the connection is made anew by the next command, so that a
 * host that is held can still be capped. TPM errors carry their code in fault->tpm_rc. */
struct hf_tpm;
/* conf: a TCTI configuration ("device:/dev/tpmrm0", "swtpm:path=..."); NULL: the first of
 * /dev/tpmrm0, /dev/tpm0. No TPM: HF_ERR_TPM_MISSING. */
enum hf_err hf_tpm_open(const char *conf, struct hf_tpm **ret, struct hf_fault *fault) HF_MUST_USE;
void hf_tpm_close(struct hf_tpm *tpm);

/* Allocated banks as a mask; one we cannot extend: HF_ERR_BANK_UNSUPPORTED; no SHA-256: HF_ERR_BANK_MISSING. */
enum hf_err hf_tpm_banks(struct hf_tpm *tpm, uint32_t *ret_mask, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_tpm_pcr_read(struct hf_tpm *tpm, uint32_t pcr, enum hf_alg bank,
			    struct hf_digest *ret, struct hf_fault *fault) HF_MUST_USE;
/* All 24 PCRs of one bank. */
enum hf_err hf_tpm_pcrs(struct hf_tpm *tpm, enum hf_alg bank, struct hf_pcrs *ret, struct hf_fault *fault) HF_MUST_USE;
/* One command for all banks; the caller names every allocated one. A refusal by the TPM
 * (HF_ERR_TPM_FAILED) means that nothing was extended. An outcome that is unknown (transport error, timeout) is
 * settled by reading the PCR back: next value: done; old value: once more; anything
 * else: HF_ERR_EXTEND_UNKNOWN. Reading the PCR's banks beforehand with hf_tpm_pcr_read
 * spares the first extend the reading of the old value. */
enum hf_err hf_tpm_extend(struct hf_tpm *tpm, uint32_t pcr, const struct hf_log_entry *entry,
			  struct hf_fault *fault) HF_MUST_USE;
/* PCR 16 alone can be reset at locality 0; never the gate's. */
enum hf_err hf_tpm_pcr_reset(struct hf_tpm *tpm, uint32_t pcr, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_tpm_random(struct hf_tpm *tpm, uint8_t *out, size_t len, struct hf_fault *fault) HF_MUST_USE;

/* The frozen AK as a primary in the endorsement hierarchy; a foreign authorisation
 * value there: HF_ERR_TPM_AUTH_SET. ret_public: TPMT_PUBLIC, at most HF_ATTEST_MAX. */
enum hf_err hf_tpm_ak(struct hf_tpm *tpm, struct hf_writer *ret_public, struct hf_fault *fault) HF_MUST_USE;
/* SHA-256 bank, the given PCRs. attest: TPMS_ATTEST; signature: TPMT_SIGNATURE. */
enum hf_err hf_tpm_quote(struct hf_tpm *tpm, uint32_t pcrs, struct hf_span nonce,
			 struct hf_writer *ret_attest, struct hf_writer *ret_signature,
			 struct hf_fault *fault) HF_MUST_USE;

/* ---- enrolment (tpm_ek.c) ---- */
#define HF_TPM_EKS_MAX 4
struct hf_tpm_ek {		/* an endorsement key as the TCG's profile names them */
	const char *name;	/* "L-1" (RSA 2048), "L-2" (P-256), "H-2", "H-3", "H-6" */
	struct hf_span public_area;	/* TPMT_PUBLIC */
	struct hf_span certificate;	/* DER from the TPM's NV storage; empty: none there */
};
/* Those that the TPM holds a certificate for; if none, the ones it can make, P-256 and RSA 2048.
 * Into the arena. HF_ERR_EK_UNUSABLE: not one. */
enum hf_err hf_tpm_eks(struct hf_tpm *tpm, struct hf_arena *arena,
		       struct hf_tpm_ek ret[static HF_TPM_EKS_MAX], size_t *ret_count,
		       struct hf_fault *fault) HF_MUST_USE;
/* TPM2_ActivateCredential with the AK and that EK: blob and secret with their size fields. ret:
 * at most 32 bytes. HF_ERR_CREDENTIAL_REFUSED: the TPM says that it is not for it. */
enum hf_err hf_tpm_activate(struct hf_tpm *tpm, const struct hf_tpm_ek *ek, struct hf_span blob,
			    struct hf_span encrypted_secret, struct hf_writer *ret,
			    struct hf_fault *fault) HF_MUST_USE;

/* TPM2_HierarchyControl(endorsement, off) until the next TPM reset. */
enum hf_err hf_tpm_endorsement_off(struct hf_tpm *tpm, struct hf_fault *fault) HF_MUST_USE;
/* Which hierarchies somebody gave an authorisation value: text for the host's claims. */
enum hf_err hf_tpm_auths(struct hf_tpm *tpm, bool *ret_owner, bool *ret_endorsement,
			 bool *ret_lockout, struct hf_fault *fault) HF_MUST_USE;
/* What the TPM says of itself, as text for the host's claims (tpm_describe.c). Its word:
 * whose it is shows in the certificate of its endorsement key. */
struct hf_tpm_words {
	char vendor[32];	/* manufacturer and vendor's text: "IBM SW TPM" */
	char firmware[48];	/* "1.2.3.4" */
	char specification[48];	/* "2.0 revision 1.64" */
	char banks[64];		/* allocated: "sha1 sha256" */
};
enum hf_err hf_tpm_describe(struct hf_tpm *tpm, uint32_t banks, struct hf_tpm_words *ret,
			    struct hf_fault *fault) HF_MUST_USE;

/* ---- the local generation (tpm_nv.c, docs/provisioning.md) ----
 * An ordinary NV index, written with the owner's value, read without any. It counts only
 * where nobody but the operator can undo it: the index has exactly our public area, owner
 * and lockout values are set, and TPM2_Clear is disabled. */
#define HF_GENERATION_INDEX 0x01d10300u
enum hf_index_state { HF_INDEX_ABSENT, HF_INDEX_FOREIGN, HF_INDEX_UNWRITTEN, HF_INDEX_OURS };
struct hf_generation {
	enum hf_index_state index;
	bool owner_auth, lockout_auth, clear_disabled;
	uint64_t value;		/* where index is HF_INDEX_OURS; else 0 */
};
enum hf_err hf_tpm_generation(struct hf_tpm *tpm, struct hf_generation *ret, struct hf_fault *fault) HF_MUST_USE;
/* All of it together; everything else is advisory. */
bool hf_generation_counts(const struct hf_generation *g);

/* The operator's acts; the gate never calls them. Owner and lockout values 1 to
 * HF_TPM_AUTH_MAX bytes, not ending in 0, which a TPM drops. */
#define HF_TPM_AUTH_MAX 32
/* Sets the owner's and the lockout value, disables TPM2_Clear, defines and writes the
 * index. What an interrupted attempt with the same values did is taken as done. Values set
 * by others: HF_ERR_TPM_AUTH_SET; an index that is not ours, or ours already written:
 * HF_ERR_PROVISIONED. */
enum hf_err hf_tpm_provision(struct hf_tpm *tpm, struct hf_span owner, struct hf_span lockout,
			     uint64_t generation, struct hf_fault *fault) HF_MUST_USE;
/* Only upwards: else HF_ERR_GENERATION_LOWER. */
enum hf_err hf_tpm_generation_raise(struct hf_tpm *tpm, struct hf_span owner, uint64_t generation,
				    struct hf_fault *fault) HF_MUST_USE;

#endif
