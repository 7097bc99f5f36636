/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/source_fields.h: reading one member of a JSON source: every refusal names
 * file:line and the member, and the first one stays. For the files that read sources. */
#ifndef HF_CONTROLLER_SOURCE_FIELDS_H
#define HF_CONTROLLER_SOURCE_FIELDS_H

#include "controller/source_parts.h"

/* Where in the document we are, innermost first, for messages. */
struct hf_place {
	const struct hf_place *up;
	const char *key;	/* NULL: an element */
	size_t index;
};

struct hf_source {
	struct hf_arena *arena;
	const char *file;
	struct hf_span json;
	struct hf_fault *fault;
	enum hf_err err;	/* sticky: the first failure stays */
};

void hf_source_format_line(const char *file, size_t line, char *out, size_t cap);
size_t hf_source_line(const struct hf_source *s, const struct hf_place *place);
void hf_source_refuse(struct hf_source *s, const struct hf_place *at, const char *key,
		      const char *problem);
void hf_source_members(struct hf_source *s, json_t *object, const struct hf_place *at,
			  const char *known);
json_t *hf_source_member(struct hf_source *s, json_t *object, const struct hf_place *at,
			 const char *key, bool required);
const char *hf_source_text(struct hf_source *s, json_t *object, const struct hf_place *at,
			    const char *key, bool required);
const char *hf_source_name(struct hf_source *s, json_t *object, const struct hf_place *at,
			    const char *key);
uint64_t hf_source_number(struct hf_source *s, json_t *object, const struct hf_place *at,
			   const char *key, bool required, uint64_t preset, uint64_t max);
const char *hf_source_word(struct hf_source *s, json_t *object, const struct hf_place *at,
			    const char *key, bool required);
json_t *hf_source_array(struct hf_source *s, json_t *object, const struct hf_place *at,
			 const char *key, bool required);
void *hf_source_take(struct hf_source *s, size_t size);
bool hf_source_date(struct hf_source *s, json_t *object, const struct hf_place *at, const char *key,
		     bool required, uint32_t *ret);
bool hf_source_parse_hex(const char *text, size_t digits, uint64_t *ret);
bool hf_source_hex(struct hf_source *s, json_t *object, const struct hf_place *at, const char *key,
		    bool required, size_t digits, uint64_t *ret);
/* Hexadecimal of any length; empty when absent or bad, and bad is an error. */
struct hf_span hf_source_bytes(struct hf_source *s, json_t *object, const struct hf_place *at,
			       const char *key);
bool hf_source_digest(struct hf_source *s, json_t *object, const struct hf_place *at,
		      const char *key, enum hf_alg alg, bool required, struct hf_digest *ret);
void hf_source_read_model(struct hf_source *s, json_t *root, struct hf_model **end);

#endif
