/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/transcripts.h: attachments in a row, as they travel from a worker and as they lie in
 * the evidence (transcripts.cbor): an array of byte strings, in the core deterministic
 * encoding. Whose each one is, is not said here: claims hold its digest. [pure] */
#ifndef HF_MEASURE_TRANSCRIPTS_H
#define HF_MEASURE_TRANSCRIPTS_H

#include "measure/claim.h"

#define HF_TRANSCRIPTS_MAX 4096		/* in one file */
/* Of one part's functions together, so that a part that floods takes nothing from others; and
 * of one pass over a host: both passes fit into the evidence. */
#define HF_TRANSCRIPTS_PART_BYTES HF_ATTACHMENT_MAX
#define HF_TRANSCRIPTS_PASS_BYTES (7u << 20)

void hf_transcripts_encode(const struct hf_attachment *list, struct hf_writer *w);
/* Hashes each. *ret lives in the arena, its bytes borrow from cbor, its paths are NULL.
 * HF_ERR_LIMIT; HF_ERR_CBOR_DUPLICATE_KEY: one is there twice; an empty one and all else that
 * is not of this shape: HF_ERR_CBOR_TYPE and its kin. Nothing at all is an empty list. */
enum hf_err hf_transcripts_decode(struct hf_span cbor, struct hf_arena *arena,
				  struct hf_attachment **ret) HF_MUST_USE;
/* NULL: there is none with this SHA-384. */
struct hf_attachment *hf_transcripts_find(struct hf_attachment *list, const struct hf_digest *sha384);

#endif
