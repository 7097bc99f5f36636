/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/device_trusts.h: which anchors stand behind the devices that signed. Certificates are
 * foreign bytes: each part's are looked at in a process of its own, which has no rights and can
 * be abandoned; one that is lost is a cause like any other. [edge: processes] */
#ifndef HF_AGENT_DEVICE_TRUSTS_H
#define HF_AGENT_DEVICE_TRUSTS_H

#include "manifests/device_trust.h"
#include "measure/claim.h"

struct hf_spdm_seed;
struct hf_device_trusts {
	struct hf_device_trust *list;	/* for the appraisal; lives in the claims' arena */
	const struct hf_attachment *seen;	/* the last one looked at; NULL: none yet */
};
/* Looks at every transcript that came to the claims since the last time: replays it, with
 * these nonces (NULL: any), against the claims that name it, and walks the chain. A function
 * with several transcripts has the worst of their causes. now: 0: no clock that counts. */
struct hf_device_trusts_options {
	const struct hf_trust *trust;
	const struct hf_manifests *manifests;	/* whose revocations take keys back; or NULL */
	const struct hf_spdm_seed *seed;
	int64_t now;
	unsigned device_ms;	/* until one is given up */
};
enum hf_err hf_device_trusts_take(const struct hf_claims *claims,
				  const struct hf_device_trusts_options *options,
				  struct hf_device_trusts *trusts) HF_MUST_USE;

#endif
