/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows in, and the details of audit entries out. */
#include <stdio.h>

#include "controller/server/store_internal.h"

#define SAY_MAX 256	/* bytes of one text in a detail */

static const struct hf_db_value *next(struct hf_row *row)
{
	static const struct hf_db_value none;

	return row->at < row->count ? &row->values[row->at++] : &none;
}

int64_t hf_row_int(struct hf_row *row)
{
	return next(row)->number;
}

const char *hf_row_text(struct hf_row *row)
{
	const struct hf_db_value *v = next(row);
	const char *copy;

	if (v->type != HF_DB_TEXT)
		return "";
	if (!row->arena)	/* both libraries end it with a NUL */
		return (const char *)v->bytes.ptr;
	copy = hf_arena_text(row->arena, v->bytes.ptr, v->bytes.len);
	row->full |= !copy;
	return copy ? copy : "";
}

struct hf_span hf_row_bytes(struct hf_row *row)
{
	const struct hf_db_value *v = next(row);
	struct hf_span copy = { NULL, 0 };

	if (v->type != HF_DB_BYTES || !v->bytes.len)
		return copy;
	if (!row->arena)
		return v->bytes;
	row->full |= hf_arena_copy(row->arena, v->bytes, &copy) != HF_OK;
	return copy;
}

enum hf_err hf_row_end(const struct hf_row *row)
{
	return row->full ? HF_ERR_LIMIT : HF_OK;
}

/* ---- details: one JSON object ---- */

static void put(struct hf_writer *w, const char *text)
{
	hf_put_span(w, hf_span_text(text));
}

/* The length, at most max, that ends with a whole character. */
static size_t whole(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len <= max)
		return len;
	for (len = max; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

static void put_string(struct hf_writer *w, const char *text)
{
	size_t len = whole(text, SAY_MAX);

	put(w, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		char escape[8];

		if (c == '"' || c == '\\' || c < 0x20 || c == 0x7f) {
			snprintf(escape, sizeof(escape), "\\u%04x", c);
			put(w, escape);
		} else {
			hf_put(w, &c, 1);
		}
	}
	put(w, "\"");
}

static void put_name(struct hf_writer *w, const char *name)
{
	put(w, w->len ? ", " : "{");
	put_string(w, name);
	put(w, ": ");
}

void hf_tx_say(struct hf_tx *tx, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	put_name(&tx->detail, name);
	put_string(&tx->detail, text);
}

void hf_tx_say_bytes(struct hf_tx *tx, const char *name, struct hf_span bytes)
{
	char hex[2 * 64 + 1];

	if (!bytes.len || bytes.len > 64)
		return;
	for (size_t i = 0; i < bytes.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes.ptr[i]);
	hf_tx_say(tx, name, hex);
}

void hf_tx_say_int(struct hf_tx *tx, const char *name, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	put_name(&tx->detail, name);
	put(&tx->detail, text);
}

enum hf_err hf_tx_refuse(struct hf_tx *tx, enum hf_err cause, const char *where, const char *detail)
{
	hf_tx_say(tx, "refused", hf_err_name(cause));
	tx->refusal = hf_fail(tx->fault, cause, where, "%s", detail);
	return HF_OK;
}
