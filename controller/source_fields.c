/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One member of a JSON source at a time. [edge: jansson] */
#include "controller/source_fields.h"

#include <stdio.h>

#include "controller/locate.h"

#define DEPTH_MAX 16	/* of the places that have a name here */

static size_t format_place(const struct hf_place *place, char *out, size_t cap)
{
	size_t len;
	int n;

	if (!place)
		return 0;
	len = format_place(place->up, out, cap);
	if (place->key)
		n = snprintf(out + len, cap - len, "%s%s", len ? "." : "", place->key);
	else
		n = snprintf(out + len, cap - len, "[%zu]", place->index);
	if (n < 0)
		return len;
	return len + (size_t)n < cap ? len + (size_t)n : cap - 1;
}

/* "FILE:LINE"; of a path that is too long its end. */
void hf_source_format_line(const char *file, size_t line, char *out, size_t cap)
{
	char number[24];
	size_t len = strlen(file), room;

	snprintf(number, sizeof(number), ":%zu", line);
	room = cap - 1 - strlen(number);
	snprintf(out, cap, "%s%s", file + (len > room ? len - room : 0), number);
}

size_t hf_source_line(const struct hf_source *s, const struct hf_place *place)
{
	struct hf_json_step steps[DEPTH_MAX];
	size_t depth = 0;

	for (const struct hf_place *p = place; p; p = p->up)
		depth++;
	if (depth > DEPTH_MAX)
		return 1;
	for (size_t i = depth; i-- > 0; place = place->up)
		steps[i] = (struct hf_json_step){ place->key, place->index };
	return hf_json_line(s->json, steps, depth);
}

void hf_source_refuse(struct hf_source *s, const struct hf_place *at, const char *key,
		      const char *problem)
{
	struct hf_place place = { .up = at, .key = key };
	char text[128] = "", where[sizeof(s->fault->where)];

	if (s->err)
		return;
	format_place(key ? &place : at, text, sizeof(text));
	hf_source_format_line(s->file, hf_source_line(s, key ? &place : at), where, sizeof(where));
	s->err = hf_fail(s->fault, HF_ERR_MANIFEST_SOURCE, where, "%s: %s",
			 text[0] ? text : "document", problem);
}

/* Every member must be named in known, a list of words with a space after each. */
void hf_source_members(struct hf_source *s, json_t *object, const struct hf_place *at,
			  const char *known)
{
	const char *key;
	json_t *value;

	if (s->err)
		return;
	if (!json_is_object(object)) {
		hf_source_refuse(s, at, NULL, "must be an object");
		return;
	}
	json_object_foreach(object, key, value) {
		size_t len = strlen(key);
		bool found = false;

		for (const char *word = known; *word && !found; word = strchr(word, ' ') + 1)
			found = strncmp(word, key, len) == 0 && word[len] == ' ';
		if (!found)
			hf_source_refuse(s, at, key, "there is no such member");
	}
}

json_t *hf_source_member(struct hf_source *s, json_t *object, const struct hf_place *at,
			 const char *key, bool required)
{
	json_t *value = s->err ? NULL : json_object_get(object, key);

	if (!value && required)
		hf_source_refuse(s, at, key, "is missing");
	return value;
}

const char *hf_source_text(struct hf_source *s, json_t *object, const struct hf_place *at,
			    const char *key, bool required)
{
	json_t *value = hf_source_member(s, object, at, key, required);
	struct hf_span text;
	const char *copy;

	if (!value)
		return NULL;
	if (!json_is_string(value)) {
		hf_source_refuse(s, at, key, "must be a text");
		return NULL;
	}
	text = hf_span_text(json_string_value(value));
	if (text.len == 0 || text.len > HF_TEXT_MAX || !hf_text_valid(text)) {
		hf_source_refuse(s, at, key, "must be 1 to 4096 bytes without control characters");
		return NULL;
	}
	copy = hf_arena_text(s->arena, text.ptr, text.len);
	if (!copy)
		s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
	return copy;
}

const char *hf_source_name(struct hf_source *s, json_t *object, const struct hf_place *at,
			    const char *key)
{
	const char *name = hf_source_text(s, object, at, key, true);

	if (name && !hf_name_valid(name))
		hf_source_refuse(s, at, key, "must be 1 to 96 plain characters without a slash");
	return name;
}

uint64_t hf_source_number(struct hf_source *s, json_t *object, const struct hf_place *at,
			   const char *key, bool required, uint64_t preset, uint64_t max)
{
	json_t *value = hf_source_member(s, object, at, key, required);

	if (!value)
		return preset;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		hf_source_refuse(s, at, key, "must be a whole number in range");
		return preset;
	}
	return (uint64_t)json_integer_value(value);
}

/* One of a member's words, or NULL. */
const char *hf_source_word(struct hf_source *s, json_t *object, const struct hf_place *at,
			    const char *key, bool required)
{
	json_t *value = hf_source_member(s, object, at, key, required);

	if (value && !json_is_string(value))
		hf_source_refuse(s, at, key, "must be a text");
	return value && json_is_string(value) ? json_string_value(value) : NULL;
}

json_t *hf_source_array(struct hf_source *s, json_t *object, const struct hf_place *at,
			 const char *key, bool required)
{
	json_t *value = hf_source_member(s, object, at, key, required);

	if (value && !json_is_array(value)) {
		hf_source_refuse(s, at, key, "must be a list");
		return NULL;
	}
	if (value && required && json_array_size(value) == 0) {
		hf_source_refuse(s, at, key, "must not be empty");
		return NULL;
	}
	return value;
}

void *hf_source_take(struct hf_source *s, size_t size)
{
	void *p = s->err ? NULL : hf_arena_take(s->arena, size);

	if (!p && !s->err)
		s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
	return p;
}

/* A date; false when it is absent or bad, and bad is an error. */
bool hf_source_date(struct hf_source *s, json_t *object, const struct hf_place *at, const char *key,
		     bool required, uint32_t *ret)
{
	const char *text = hf_source_word(s, object, at, key, required);

	if (!text)
		return false;
	if (hf_date_parse(text, ret))
		return true;
	hf_source_refuse(s, at, key, "must be a date such as 2026-12-31");
	return false;
}

/* Exactly `digits` hex digits. */
bool hf_source_parse_hex(const char *text, size_t digits, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < digits; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (uint64_t)(c - 'A' + 10);
		else
			return false;
	}
	*ret = value;
	return true;
}

/* False when the member is absent or bad; bad is an error. */
bool hf_source_hex(struct hf_source *s, json_t *object, const struct hf_place *at, const char *key,
		    bool required, size_t digits, uint64_t *ret)
{
	const char *text = hf_source_word(s, object, at, key, required);
	char problem[48];

	if (!text)
		return false;
	if (strlen(text) == digits && hf_source_parse_hex(text, digits, ret))
		return true;
	snprintf(problem, sizeof(problem), "must be %zu hexadecimal digits", digits);
	hf_source_refuse(s, at, key, problem);
	return false;
}

/* Hexadecimal of any length; empty when the member is absent or bad, and bad is an error. */
struct hf_span hf_source_bytes(struct hf_source *s, json_t *object, const struct hf_place *at,
			       const char *key)
{
	const char *text = hf_source_word(s, object, at, key, false);
	size_t len = text ? strlen(text) / 2 : 0;
	uint64_t byte = 0;
	uint8_t *bytes;

	if (!text)
		return (struct hf_span){ 0 };
	if (len == 0 || strlen(text) % 2 || len > HF_BYTES_MAX) {
		hf_source_refuse(s, at, key, "must be hexadecimal digits, two for each byte");
		return (struct hf_span){ 0 };
	}
	bytes = hf_source_take(s, len);
	for (size_t i = 0; bytes && i < len; i++) {
		if (!hf_source_parse_hex(text + 2 * i, 2, &byte)) {
			hf_source_refuse(s, at, key, "must be hexadecimal digits, two for each byte");
			return (struct hf_span){ 0 };
		}
		bytes[i] = (uint8_t)byte;
	}
	return (struct hf_span){ bytes, bytes ? len : 0 };
}

bool hf_source_digest(struct hf_source *s, json_t *object, const struct hf_place *at,
		      const char *key, enum hf_alg alg, bool required, struct hf_digest *ret)
{
	const char *text = hf_source_word(s, object, at, key, required);
	char problem[64];

	if (!text)
		return false;
	if (hf_digest_from_hex(alg, text, ret))
		return true;
	snprintf(problem, sizeof(problem), "must be %zu hexadecimal digits (%s)",
		 2 * hf_alg_size(alg), hf_alg_name(alg));
	hf_source_refuse(s, at, key, problem);
	return false;
}
