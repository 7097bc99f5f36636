/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/corim_read.h: what the files of the profile's decoder share; nobody else
 * includes it. [pure] */
#ifndef HF_MANIFESTS_CORIM_READ_H
#define HF_MANIFESTS_CORIM_READ_H

#include "manifests/corim_profile.h"

struct hf_decoder {
	struct hf_manifests *out;
	size_t file;
	struct hf_manifest_note **notes;	/* end of the list */
	size_t note_count;
};

static inline bool hf_span_is(struct hf_span span, const char *text)
{
	return hf_span_equal(span, hf_span_text(text));
}

static inline bool hf_span_prefix(struct hf_span span, const char *prefix, struct hf_span *ret_rest)
{
	size_t len = strlen(prefix);

	if (span.len < len || memcmp(span.ptr, prefix, len) != 0)
		return false;
	*ret_rest = (struct hf_span){ span.ptr + len, span.len - len };
	return true;
}

/* The value of one profile key, which is there, at most max. */
enum hf_err hf_own_uint(const struct hf_measured *m, enum hf_corim_key key, uint64_t max,
			uint64_t *ret) HF_MUST_USE;
/* Copies into the arena. Empty or longer than max: HF_ERR_CORIM_SHAPE. */
enum hf_err hf_keep_text(struct hf_arena *arena, struct hf_span text, size_t max,
			 const char **ret) HF_MUST_USE;
enum hf_err hf_keep_name(struct hf_arena *arena, struct hf_span text, const char **ret) HF_MUST_USE;
/* The text of one profile key; absent: *ret stays as it is. */
enum hf_err hf_own_text(struct hf_arena *arena, const struct hf_measured *m,
			enum hf_corim_key key, const char **ret) HF_MUST_USE;
/* Where the value comes from; absent: *ret stays as it is. */
enum hf_err hf_read_from(struct hf_arena *arena, const struct hf_measured *m,
			 const char **ret) HF_MUST_USE;
/* The date of one profile key, which is there. */
enum hf_err hf_own_date(const struct hf_measured *m, enum hf_corim_key key, uint32_t *ret) HF_MUST_USE;
/* The names of one profile key, one or more; absent: *ret stays as it is. */
enum hf_err hf_own_names(struct hf_arena *arena, const struct hf_measured *m,
			 enum hf_corim_key key, size_t max, struct hf_name_list **ret) HF_MUST_USE;
/* hf_triple_next, and a note of what may be passed over. */
enum hf_err hf_next_measured(struct hf_decoder *d, struct hf_reference_triple *triple,
			     struct hf_measured *ret) HF_MUST_USE;
/* Which profile keys must be there, which may; nothing else, and nothing of CoRIM's that
 * is not read: HF_ERR_CORIM_SHAPE or HF_ERR_MANIFEST_UNKNOWN_CRITICAL. */
enum hf_err hf_check_keys(const struct hf_measured *m, uint32_t required, uint32_t optional) HF_MUST_USE;

/* One CoMID each; rest: its tag id after the prefix. */
enum hf_err hf_decode_component(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
				struct hf_component ***end, struct hf_component **last) HF_MUST_USE;
enum hf_err hf_decode_model(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
			    struct hf_model ***end) HF_MUST_USE;
/* One measurement of a model. */
enum hf_err hf_decode_firmware(struct hf_decoder *d, const struct hf_measured *m,
			       struct hf_platform_firmware ***end) HF_MUST_USE;
enum hf_err hf_decode_waiver(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
			     struct hf_waiver ***end) HF_MUST_USE;
enum hf_err hf_decode_image(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
			    enum hf_image_role role, struct hf_image ***end) HF_MUST_USE;

enum hf_err hf_decode_revocations(struct hf_decoder *d, struct hf_comid *comid, struct hf_span rest,
				  struct hf_revocations ***end) HF_MUST_USE;

#endif
