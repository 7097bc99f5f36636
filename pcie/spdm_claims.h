/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/spdm_claims.h: what a conversation shows of a function, as claims. The reader makes
 * them, and whoever verifies makes them again from the transcript: they have to be equal.
 * docs/readers.md lists the names. [pure] */
#ifndef HF_PCIE_SPDM_CLAIMS_H
#define HF_PCIE_SPDM_CLAIMS_H

#include "measure/claim.h"
#include "pcie/spdm.h"

#define HF_MKEY_SPDM "spdm"			/* a failure: why there is nothing of it */
#define HF_MKEY_TRANSCRIPT "spdm/transcript"	/* advisory: SHA-384 of it, which lies beside */
#define HF_MKEY_SPDM_WAY "spdm/way"		/* advisory: how it was asked */
#define HF_MKEY_SPDM_IDENTITY "spdm/identity"
#define HF_MKEY_SPDM_VERSION "spdm/version"
#define HF_MKEY_SPDM_ALGORITHMS "spdm/algorithms"
/* result: what the conversation ended with. Measurements that begin with "spdm" and are not
 * HF_MKEY_TRANSCRIPT or marked advisory follow from s, identity and result alone. HF_ERR_LIMIT.
 * Where result is a failure, HF_MKEY_SPDM says so and no signature counts. function may be NULL:
 * the claims of part as a whole (a reader's answer). */
enum hf_err hf_spdm_claims(const struct hf_spdm *s, enum hf_err result,
			   const struct hf_identity *identity, struct hf_claims *claims,
			   struct hf_part *part, struct hf_function *function) HF_MUST_USE;

#endif
