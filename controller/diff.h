/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/diff.h: what differs between two sets of manifests, in a reviewer's words. */
#ifndef HF_CONTROLLER_DIFF_H
#define HF_CONTROLLER_DIFF_H

#include <jansson.h>

#include "manifests/manifest.h"

/* A list of {"kind": "added" | "removed" | "changed", "subject", "member"?, "from"?, "to"?,
 * "text"}; empty where both mean the same; NULL when memory runs out. Order of files,
 * spelling, defaults and signatures are no difference. origins: whether to compare where
 * values come from, too. The caller drops it. */
json_t *hf_diff(const struct hf_manifests *a, const struct hf_manifests *b, bool origins);

/* found, made from a host by hf_create, in the words of reference: parts that a component of
 * reference describes take its names, and what a host cannot say (other releases, modes,
 * images) is taken from reference, so that what is left is a difference. Borrows from
 * reference. Out of memory: HF_ERR_LIMIT. */
enum hf_err hf_diff_align(struct hf_manifests *found, const struct hf_manifests *reference) HF_MUST_USE;

#endif
