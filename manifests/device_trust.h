/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/device_trust.h: does what a device signed lead to an anchor that may speak for
 * it? The transcript is replayed and the chain walked again; in an agent this runs in a
 * process that can be abandoned. */
#ifndef HF_MANIFESTS_DEVICE_TRUST_H
#define HF_MANIFESTS_DEVICE_TRUST_H

#include "manifests/trust.h"
#include "pcie/device_chain.h"

struct hf_spdm;
struct hf_device_trust {	/* of one function that showed certificates */
	struct hf_device_trust *next;
	const char *path;	/* of the function */
	enum hf_err cause;	/* HF_OK: an anchor in scope stands behind the key that signed */
	const char *anchor;	/* its name, or NULL */
};
/* s: a conversation that was replayed to its end without a failure. Of the anchors of role
 * HF_ANCHOR_DEVICE whose scope holds for the function, one that the certificates lead to: those
 * of the slot that signed the measurements, or, where there are none, that answered a
 * challenge. manifests (may be NULL): no key that an owner's revocations name may be in the
 * chain or the anchor's: HF_ERR_DEVICE_KEY_REVOKED. Else HF_ERR_DEVICE_CHAIN_UNTRUSTED,
 * HF_ERR_CERTIFICATE_EXPIRED, or what is wrong with the slot. */
enum hf_err hf_device_trust_of(const struct hf_trust *trust, const struct hf_manifests *manifests,
			       const struct hf_identity *identity, const struct hf_spdm *s,
			       int64_t now, const struct hf_anchor **ret) HF_MUST_USE;
/* The same for a chain and the root hash of its header, by alg; empty: not known. */
enum hf_err hf_device_trust_chain(const struct hf_trust *trust, const struct hf_manifests *manifests,
				  const struct hf_identity *identity,
				  const struct hf_device_chain *chain, struct hf_span root_hash,
				  enum hf_alg alg, int64_t now, const struct hf_anchor **ret) HF_MUST_USE;
/* NULL: this function showed no certificates that anybody looked at. */
const struct hf_device_trust *hf_device_trust_find(const struct hf_device_trust *list,
						   const char *path);

#endif
