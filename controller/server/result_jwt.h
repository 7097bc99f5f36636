/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/result_jwt.h: a result for whoever speaks JSON: EAR as JWT claims in a compact
 * JWS (docs/wire.md). No agent takes it for a ticket. */
#ifndef HF_CONTROLLER_RESULT_JWT_H
#define HF_CONTROLLER_RESULT_JWT_H

#include "measure/result.h"

#define HF_RESULT_JWT_TYPE "application/eat+jwt"
#define HF_RESULT_JWT_OWN "tag:holdfast.invalid,2026:result"	/* our own claims, of the host */
#define HF_RESULT_JWT_MAX (4 * HF_RESULT_MAX)	/* bytes */

/* With a private key for ES256, ES384, ES512 or EdDSA. HF_ERR_LIMIT: it does not fit into w. */
enum hf_err hf_result_to_jwt(const struct hf_result *result, const struct hf_key *key,
			     struct hf_writer *w) HF_MUST_USE;

#endif
