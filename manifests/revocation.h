/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/revocation.h: what an owner takes back. An owner's deny always wins. [pure] */
#ifndef HF_MANIFESTS_REVOCATION_H
#define HF_MANIFESTS_REVOCATION_H

#include "manifests/manifest.h"

/* Holds every list in out against everything in out, in whatever order it came. A file that
 * was revoked, or whose key was: HF_ERR_MANIFEST_REVOKED or HF_ERR_SIGNER_REVOKED, and out
 * says nothing any more but which files there were. Else revoked releases become so, images
 * and boot code with a revoked digest leave their lists; that cannot fail. */
enum hf_err hf_revocations_settle(struct hf_manifests *out, struct hf_fault *fault) HF_MUST_USE;

/* The greatest generation of a list; 0: there is none. */
uint64_t hf_revocations_generation(const struct hf_manifests *manifests);

#endif
