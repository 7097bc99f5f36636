/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/corim_write.h: what the files of the profile's encoder share; nobody else
 * includes it. [pure] */
#ifndef HF_MANIFESTS_CORIM_WRITE_H
#define HF_MANIFESTS_CORIM_WRITE_H

#include "manifests/corim_profile.h"

#define HF_TAG_ID_MAX (2 * HF_NAME_MAX + 24)

void hf_put_key(struct hf_writer *w, enum hf_corim_key key);
void hf_put_key_uint(struct hf_writer *w, enum hf_corim_key key, uint64_t value);
/* text NULL: nothing. */
void hf_put_key_text(struct hf_writer *w, enum hf_corim_key key, const char *text);
void hf_put_key_date(struct hf_writer *w, enum hf_corim_key key, uint32_t day);
/* Last in its map: the key that comes latest in the deterministic order. NULL: nothing. */
void hf_put_from(struct hf_writer *w, const char *from);
/* measurement-map up to the head of its mval, which takes `values` pairs; mkey may be NULL. */
void hf_begin_measurement(struct hf_writer *w, const char *mkey, size_t values);
/* A CoMID up to the head of its reference triples; what follows becomes one byte string
 * with hf_wrap_bstr(w, what this returned). */
size_t hf_begin_comid(struct hf_writer *w, const char *tag_id, size_t triples);
void hf_wrap_bstr(struct hf_writer *w, size_t start);

void hf_put_firmware(struct hf_writer *w, const struct hf_platform_firmware *f, size_t index);
enum hf_err hf_put_revocations(struct hf_writer *w, const struct hf_revocations *list) HF_MUST_USE;
enum hf_err hf_put_waiver(struct hf_writer *w, const struct hf_waiver *waiver) HF_MUST_USE;

#endif
