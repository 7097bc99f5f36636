/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/create_part.h: one part's claims as a release of its kind: what `manifest create`
 * makes of one host, and `census` of many. [pure] */
#ifndef HF_CONTROLLER_CREATE_PART_H
#define HF_CONTROLLER_CREATE_PART_H

#include "controller/create_signed.h"

/* Lower-case letters, digits and single dashes: a name that is also a good file name. */
void hf_create_slug(const char *in, char *out, size_t cap);
/* Measured whole, and judged. */
bool hf_create_is_value(const struct hf_measurement *m);
/* A release without name and provenance; its texts are those of part. Virtual functions are
 * none of their own: how many there are is the host's choice. NULL: the arena is full. */
struct hf_release *hf_create_release(struct hf_arena *arena, const struct hf_part *part,
				     enum hf_method *ret_method);
/* By the identity of the first function; of a board by its model. NULL: the arena is full. */
const char *hf_create_component_name(struct hf_arena *arena, const struct hf_part *part,
				     const char *model);
/* Whether two releases list the same. */
bool hf_create_same(const struct hf_release *a, const struct hf_release *b);

#endif
