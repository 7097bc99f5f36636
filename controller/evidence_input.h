/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/evidence_input.h: evidence in any form in which an operator may hold it: a
 * directory, a CMW collection, or what a serial console or its log captured. */
#ifndef HF_CONTROLLER_EVIDENCE_INPUT_H
#define HF_CONTROLLER_EVIDENCE_INPUT_H

#include "measure/evidence.h"

#define HF_CAPTURE_MAX (256u << 20)	/* bytes of a file that holds a collection */

/* The JSON text in bytes: between the last BEGIN line that has an END line after it, or
 * all of it where there is no BEGIN line; carriage returns and newlines inside are
 * dropped, in place. No complete block: an empty span. [pure] */
struct hf_span hf_evidence_block(uint8_t *bytes, size_t len);

enum hf_err hf_evidence_load(const char *path, struct hf_arena *arena, struct hf_evidence *ret,
			     struct hf_fault *fault) HF_MUST_USE;
/* The same, or the output of `holdfast scan --json`: then there are claims alone. */
enum hf_err hf_host_input(const char *path, struct hf_arena *arena, struct hf_evidence *ret,
			  struct hf_fault *fault) HF_MUST_USE;

#endif
