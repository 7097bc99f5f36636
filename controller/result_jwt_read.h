/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/result_jwt_read.h: a result in the form of JWT, from its signer alone (docs/wire.md). */
#ifndef HF_CONTROLLER_RESULT_JWT_READ_H
#define HF_CONTROLLER_RESULT_JWT_READ_H

#include "measure/result.h"

#define HF_JWT_MAX (4u * HF_RESULT_MAX)

/* Verified with the key, whose id and algorithm its header must name; then time, verifier, host,
 * lease, status, cause, place and detail in *ret, texts in the arena, all else empty.
 * HF_ERR_RESULT_SHAPE, HF_ERR_COSE_ALGORITHM, HF_ERR_SIGNATURE_INVALID, HF_ERR_SIGNER_UNKNOWN. */
enum hf_err hf_result_from_jwt(struct hf_span jwt, const struct hf_key *key, struct hf_arena *arena,
			       struct hf_result *ret) HF_MUST_USE;

#endif
