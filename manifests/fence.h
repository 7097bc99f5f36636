/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/fence.h: what becomes of the verdict "isolated". The appraisal orders it; the
 * gate carries it out (agent/fence.h) and records the outcome in the pseudo part "fence":
 * "isolated-N" = a part's path, "isolated-N/by" = how and at which port. Whoever judges
 * the evidence accepts an isolated part only where that record names it. [pure] */
#ifndef HF_MANIFESTS_FENCE_H
#define HF_MANIFESTS_FENCE_H

#include "manifests/appraise.h"

#define HF_FENCE_NOTE "fence"		/* path of the pseudo part, kind host */
#define HF_FENCE_KEY "isolated-"	/* begins a measurement whose text is a part's path */

/* Whether the part is isolated; where not, *ret_why may say why (text that outlives the
 * verdict; NULL: nothing is known). */
typedef bool hf_fence_check(void *self, const char *path, const char **ret_why);

/* Every part that is to be isolated and is not becomes held, with HF_ERR_FENCE_IMPOSSIBLE
 * as its first finding; status and cause of the whole follow. */
void hf_fence_apply(struct hf_verdict *verdict, struct hf_arena *arena, hf_fence_check *check,
		    void *self);
/* The check on recorded claims; self: const struct hf_claims *. */
bool hf_fence_recorded(void *self, const char *path, const char **ret_why);

#endif
