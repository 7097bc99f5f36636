/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/json_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hf_json_put(struct hf_json_out *o, const char *bytes, size_t len)
{
	if (!o->failed && o->cap - o->len < len) {
		size_t cap = 2 * (o->cap + len);
		char *more = realloc(o->text, cap);

		o->failed = !more;
		o->text = more ? more : o->text;
		o->cap = more ? cap : o->cap;
	}
	if (o->failed)
		return;
	memcpy(o->text + o->len, bytes, len);
	o->len += len;
}

static void line(struct hf_json_out *o)
{
	if (!o->indent)
		return;
	hf_json_put(o, "\n", 1);
	for (size_t i = 0; i < o->depth; i++)
		hf_json_put(o, "  ", 2);
}

void hf_json_next(struct hf_json_out *o)
{
	if (o->filled[o->depth])
		hf_json_put(o, ",", 1);
	o->filled[o->depth] = true;
	line(o);
}

void hf_json_open(struct hf_json_out *o, char bracket)
{
	hf_json_put(o, &bracket, 1);
	if (++o->depth == HF_JSON_DEPTH) {	/* no schema of ours is that deep */
		o->failed = true;
		o->depth = 0;
	}
	o->filled[o->depth] = false;
}

void hf_json_close(struct hf_json_out *o, char bracket)
{
	bool filled = o->filled[o->depth];

	if (o->depth)
		o->depth--;
	if (filled)
		line(o);
	hf_json_put(o, &bracket, 1);
}

void hf_json_key(struct hf_json_out *o, const char *name)
{
	hf_json_next(o);
	hf_json_put(o, "\"", 1);
	hf_json_put(o, name, strlen(name));
	hf_json_put(o, "\": ", o->indent ? 3 : 2);
}

void hf_json_word(struct hf_json_out *o, const char *value)
{
	hf_json_put(o, value, strlen(value));
}

void hf_json_text(struct hf_json_out *o, const char *value)
{
	if (!value) {
		hf_json_word(o, "null");
		return;
	}
	hf_json_put(o, "\"", 1);
	while (*value) {
		size_t plain = 0;

		while (value[plain] >= 0x20 && value[plain] <= 0x7e && value[plain] != '"' && value[plain] != '\\')
			plain++;
		hf_json_put(o, value, plain);
		value += plain;
		if (!*value)
			break;
		hf_json_word(o, *value == '"' ? "\\\"" : *value == '\\' ? "\\\\" : "?");
		value++;
	}
	hf_json_put(o, "\"", 1);
}

void hf_json_hex(struct hf_json_out *o, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	hf_json_put(o, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		const char two[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		hf_json_put(o, two, 2);
	}
	hf_json_put(o, "\"", 1);
}

void hf_json_number(struct hf_json_out *o, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), value <= INT64_MAX ? "%llu" : "\"%llu\"", (unsigned long long)value);
	hf_json_word(o, digits);
}

void hf_json_say(struct hf_json_out *o, const char *name, const char *value)
{
	hf_json_key(o, name);
	hf_json_text(o, value);
}

void hf_json_say_number(struct hf_json_out *o, const char *name, uint64_t value)
{
	hf_json_key(o, name);
	hf_json_number(o, value);
}

void hf_json_say_bool(struct hf_json_out *o, const char *name, bool value)
{
	hf_json_key(o, name);
	hf_json_word(o, value ? "true" : "false");
}

char *hf_json_end(struct hf_json_out *o)
{
	hf_json_put(o, "", 1);
	if (!o->failed)
		return o->text;
	free(o->text);
	return NULL;
}
