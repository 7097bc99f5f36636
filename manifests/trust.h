/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/trust.h: anchors, and the only way from a file's bytes to manifests:
 * size -> COSE shape -> anchor -> signature over the received bytes -> decode -> scope. */
#ifndef HF_MANIFESTS_TRUST_H
#define HF_MANIFESTS_TRUST_H

#include "manifests/corim.h"
#include "measure/cose.h"

#define HF_ANCHORS_MAX 64

enum hf_anchor_role { HF_ANCHOR_OWNER, HF_ANCHOR_VENDOR, HF_ANCHOR_TICKET, HF_ANCHOR_WAIVER };
struct hf_anchor {
	char name[64];		/* file name without ".pem" */
	enum hf_anchor_role role;
	struct hf_key *key;
	uint8_t id[HF_KEY_ID];
};
struct hf_trust {
	struct hf_anchor anchors[HF_ANCHORS_MAX];
	size_t count;
};
/* dir holds NAME.pem public keys; role by subdirectory (owner/, vendor/, ticket/,
 * waiver/), files directly in dir are owner. None at all: HF_ERR_ANCHOR_MISSING. */
enum hf_err hf_trust_read(const char *dir, struct hf_trust *ret, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_trust_add(struct hf_trust *trust, const char *name, enum hf_anchor_role role,
			 struct hf_span pem, struct hf_fault *fault) HF_MUST_USE;
void hf_trust_drop(struct hf_trust *trust);

/* One signed file. On failure out is as before. */
enum hf_err hf_manifest_load(const struct hf_trust *trust, const char *name, struct hf_span bytes,
			     int64_t now, struct hf_manifests *out, struct hf_fault *fault) HF_MUST_USE;
/* Every *.corim in dir, in name order; the first failure stops it. */
enum hf_err hf_manifests_read(const struct hf_trust *trust, const char *dir, int64_t now,
			      struct hf_manifests *out, struct hf_fault *fault) HF_MUST_USE;

#endif
