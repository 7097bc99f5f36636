/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/source.h: manifests as operators write them: one short JSON document per
 * component, model or list of images (docs/manifests.md). Whatever is not understood is
 * refused by name; nothing is guessed. */
#ifndef HF_CONTROLLER_SOURCE_H
#define HF_CONTROLLER_SOURCE_H

#include "manifests/manifest.h"

#define HF_SOURCE_MAX (8u << 20)
#define HF_SOURCE_FORMAT 1
#define HF_SOURCE_ID_MAX (HF_NAME_MAX + 16)

/* Appends what the document says to out; on failure out is as before, and fault names
 * file:line for bad JSON or the member at fault ("releases[0].state"). */
enum hf_err hf_source_parse(struct hf_span json, const char *file, struct hf_manifests *out,
			    struct hf_fault *fault) HF_MUST_USE;
/* One JSON document per component and model and one for all images, as text that the
 * caller frees with free(); NULL when memory runs out. Parsing it gives the same again. */
char *hf_source_format(const struct hf_manifests *manifests);
/* "component/NAME", "model/NAME" or "images/NAME of the first": the CoRIM's id. */
void hf_source_id(const struct hf_manifests *manifests, char out[static HF_SOURCE_ID_MAX]);

#endif
