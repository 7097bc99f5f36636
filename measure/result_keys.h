/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/result_keys.h: claim numbers of EAT (RFC 9711) and EAR, for result.c and result_read.c. */
#ifndef HF_MEASURE_RESULT_KEYS_H
#define HF_MEASURE_RESULT_KEYS_H

#include "measure/result.h"

enum { CLAIM_IAT = 6, CLAIM_NONCE = 10, CLAIM_PROFILE = 265, CLAIM_SUBMODS = 266, CLAIM_VERIFIER = 1004 };
enum { VERIFIER_DEVELOPER = 0, VERIFIER_BUILD = 1 };
enum { EAR_STATUS = 1000, EAR_OWN = -70000 };

/* The host's own entry among the submodules. */
static inline bool hf_result_is_host(struct hf_span path)
{
	return hf_span_equal(path, hf_span_text("host"));
}

#endif
