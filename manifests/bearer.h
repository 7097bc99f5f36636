/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/bearer.h: the owner's release of one host, prepared beforehand, for when no
 * controller answers. Gate and verifiers ask the same question by it. [pure] */
#ifndef HF_MANIFESTS_BEARER_H
#define HF_MANIFESTS_BEARER_H

#include "manifests/appraise.h"

#define HF_FALLBACK_NOTE "fallback"	/* the gate's note that it stood in, before END */
#define HF_FALLBACK_MKEY "release"	/* its name there */

struct hf_bearer_input {
	const struct hf_manifests *manifests;
	struct hf_span ak_name;		/* HF_AK_NAME bytes */
	const struct hf_model *model;
	const struct hf_verdict *verdict;	/* of everything: parts, and what firmware ran */
	uint32_t reset_count;		/* of a quote over this boot */
	int64_t now;			/* by a trusted clock; 0: there is none */
};
/* HF_OK: *ret stands in for the controller. HF_ERR_BEARER_REFUSED: there is none, or *ret_why
 * (else NULL: none is for this host) it does not hold here. */
enum hf_err hf_bearer_find(const struct hf_bearer_input *in, const struct hf_waiver **ret,
			   const char **ret_why) HF_MUST_USE;

#endif
