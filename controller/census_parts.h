/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/census_parts.h: what the files of the census share; nobody else includes it. */
#ifndef HF_CONTROLLER_CENSUS_PARTS_H
#define HF_CONTROLLER_CENSUS_PARTS_H

#include "controller/census.h"

/* ---- keys: things by what they are, whoever sized it */
struct hf_census_key { uint8_t bytes[32]; };
/* Begin, put, end: the SHA-256 of what was put. Texts are put with their end. */
void hf_census_key_begin(struct hf_census *census, char kind);
void hf_census_key_text(struct hf_census *census, const char *text);
void hf_census_key_pointer(struct hf_census *census, const void *pointer);
enum hf_err hf_census_key_end(struct hf_census *census, struct hf_census_key *ret) HF_MUST_USE;
void *hf_census_find(const struct hf_census *census, const struct hf_census_key *key);
enum hf_err hf_census_put(struct hf_census *census, const struct hf_census_key *key,
			  void *value) HF_MUST_USE;

/* Printable ASCII, anything else becomes '?', at most max bytes. NULL: no room. */
const char *hf_census_text(struct hf_arena *arena, const char *text, size_t max);
const char *hf_census_format(struct hf_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The value of this part's firmware, made if nobody had it before. */
enum hf_err hf_census_value_of(struct hf_census *census, const struct hf_part *part,
			       const struct hf_census_model *model,
			       struct hf_census_value **ret) HF_MUST_USE;
/* The host of these claims, found again or made. again: it was captured before. */
enum hf_err hf_census_host_of(struct hf_census *census, const char *name,
			      const struct hf_claims *claims, struct hf_census_host **ret,
			      bool *ret_again) HF_MUST_USE;

struct hf_census_difference {
	const char *subject;		/* "option-rom/window", "revision", ... */
	const char *found, *others;
	bool bytes;			/* digests, of code for all we know */
};
/* The first thing in which two values of one kind differ. HF_ERR_LIMIT: no room. */
enum hf_err hf_census_compare(struct hf_arena *arena, const struct hf_census_value *found,
			      const struct hf_census_value *usual,
			      struct hf_census_difference *ret) HF_MUST_USE;
size_t hf_census_functions(const struct hf_release *release);
/* Whether everything that was read of one is in the other, which was read further. */
bool hf_census_is_part_of(const struct hf_census_value *partial, const struct hf_census_value *whole);

/* States of values, then what stands out in census->outliers. */
enum hf_err hf_census_judge_values(struct hf_census *census) HF_MUST_USE;
enum hf_err hf_census_list(struct hf_census *census) HF_MUST_USE;

#endif
