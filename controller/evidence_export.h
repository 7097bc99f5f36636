/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/evidence_export.h: evidence as other verifiers take it (docs/evidence.md). Bytes are
 * put into other places and verified by nobody here: that is what the others are for. */
#ifndef HF_CONTROLLER_EVIDENCE_EXPORT_H
#define HF_CONTROLLER_EVIDENCE_EXPORT_H

#include "measure/evidence.h"

/* The firmware's events, then ours up to END: what the quote is over, as one log. Digests of banks
 * that the firmware's log does not declare are left out. Where the firmware's log is none of that
 * form (HF_ERR_LOG_HEADER) there is none. */
enum hf_err hf_evidence_merge_logs(const struct hf_evidence *evidence, struct hf_arena *arena,
				   struct hf_span *ret) HF_MUST_USE;
/* What tpm2_checkquote and tpm2_eventlog take, as files in dir. */
enum hf_err hf_evidence_export_tpm2_tools(const struct hf_evidence *evidence, const char *dir,
					  struct hf_arena *arena, struct hf_fault *fault) HF_MUST_USE;
/* The body of a POST to Keylime's /v2.x/verify/evidence, as a file in dir. ek: TPM2B_PUBLIC or
 * TPMT_PUBLIC. A nonce that is no UTF-8 can be no nonce to Keylime: HF_ERR_EVIDENCE_SHAPE. */
enum hf_err hf_evidence_export_keylime(const struct hf_evidence *evidence, struct hf_span ek, const char *dir,
				       struct hf_arena *arena, struct hf_fault *fault) HF_MUST_USE;

#endif
