/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/source_parts.h: what the files that read and write sources share; nobody else
 * includes it. */
#ifndef HF_CONTROLLER_SOURCE_PARTS_H
#define HF_CONTROLLER_SOURCE_PARTS_H

#include "controller/source.h"

#include <jansson.h>

/* One element of "revoke", an object. NULL, or what is wrong with it; *ret is then untouched. */
const char *hf_source_revoked(const json_t *object, struct hf_arena *arena, struct hf_revoked *ret);
json_t *hf_source_format_revocations(const struct hf_revocations *list);

#endif
