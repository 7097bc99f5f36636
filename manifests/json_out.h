/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/json_out.h: JSON text, to the letter as jansson writes it, without its tree of objects:
 * for the report of 64 parts that took a controller longer than to judge them. */
#ifndef HF_MANIFESTS_JSON_OUT_H
#define HF_MANIFESTS_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_JSON_DEPTH 16

struct hf_json_out {
	char *text;
	size_t len, cap;
	bool indent, failed;	/* failed: no memory; looked at once, by hf_json_end */
	size_t depth;
	bool filled[HF_JSON_DEPTH];	/* whether a member is there already */
};
void hf_json_put(struct hf_json_out *o, const char *bytes, size_t len);
void hf_json_word(struct hf_json_out *o, const char *value);	/* as it is */
void hf_json_open(struct hf_json_out *o, char bracket);
void hf_json_close(struct hf_json_out *o, char bracket);
void hf_json_next(struct hf_json_out *o);	/* before each element of an array */
void hf_json_key(struct hf_json_out *o, const char *name);	/* before each value of an object */
void hf_json_text(struct hf_json_out *o, const char *value);	/* ASCII, others are '?'; NULL: null */
void hf_json_hex(struct hf_json_out *o, const uint8_t *bytes, size_t len);
/* Beyond 63 bits a JSON integer is not safe: decimal text then. */
void hf_json_number(struct hf_json_out *o, uint64_t value);
void hf_json_say(struct hf_json_out *o, const char *name, const char *value);
void hf_json_say_number(struct hf_json_out *o, const char *name, uint64_t value);
void hf_json_say_bool(struct hf_json_out *o, const char *name, bool value);
/* The text, to be freed; NULL: no memory. */
char *hf_json_end(struct hf_json_out *o);

#endif
