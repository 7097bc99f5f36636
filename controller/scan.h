/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/scan.h: what `holdfast scan --json` printed, back as claims: for comparing and
 * for reading, never as evidence. */
#ifndef HF_CONTROLLER_SCAN_H
#define HF_CONTROLLER_SCAN_H

#include "measure/claim.h"

#define HF_SCAN_MAX (64u << 20)
#define HF_SCAN_FORMAT 1

bool hf_scan_is(struct hf_span json);
/* Appends its parts to claims. Only what is judged is read: identity, digests, texts, numbers,
 * and bytes of SPDM. HF_ERR_SCAN_SHAPE, naming the line or the part; HF_ERR_LIMIT. */
enum hf_err hf_scan_read(struct hf_span json, const char *path, struct hf_claims *claims,
			 struct hf_fault *fault) HF_MUST_USE;
/* The same as claims.cbor, in the arena. */
enum hf_err hf_scan_claims(struct hf_span json, const char *path, struct hf_arena *arena,
			   struct hf_span *ret, struct hf_fault *fault) HF_MUST_USE;

#endif
