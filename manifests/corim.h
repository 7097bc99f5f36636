/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/corim.h: CoRIM (draft-ietf-rats-corim-11) to manifests and back. [pure]
 * Decoding is strict; docs/manifests.md describes our profile. Encoding is
 * deterministic: the same manifests give the same bytes. */
#ifndef HF_MANIFESTS_CORIM_H
#define HF_MANIFESTS_CORIM_H

#include "manifests/manifest.h"

#define HF_CORIM_MAX (8u << 20)
#define HF_CORIM_CONTENT_TYPE "application/rim+cbor"

/* payload: #6.501. Appends to out; on failure out is as before. file: index of the
 * manifest file it came from. now: seconds since 1970 for validity, 0: no clock yet, not checked. */
enum hf_err hf_corim_decode(struct hf_span payload, size_t file, int64_t now,
			    struct hf_manifests *out) HF_MUST_USE;
/* Encodes everything in manifests as one CoRIM with the given id. */
enum hf_err hf_corim_encode(const struct hf_manifests *manifests, const char *id,
			    struct hf_writer *w) HF_MUST_USE;

#endif
