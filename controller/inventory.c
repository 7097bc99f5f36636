/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inventories: what a field may hold, and that nothing is said twice. */
#include "controller/inventory_rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "manifests/manifest.h"

static const char *const column_names[HF_COLUMNS] = {
	[HF_COLUMN_ID] = "id", [HF_COLUMN_EK] = "ek-sha256", [HF_COLUMN_SERIAL] = "serial",
	[HF_COLUMN_MODEL] = "model", [HF_COLUMN_BANKS] = "banks", [HF_COLUMN_TENANT] = "tenant",
	[HF_COLUMN_FIRST_USE] = "first-use-until", [HF_COLUMN_ACCEPTED] = "ek-accepted",
	[HF_COLUMN_RING] = "ring",
};

const char *hf_column_name(enum hf_column column)
{
	return column_names[column];
}

bool hf_column_named(const char *name, size_t len, enum hf_column *ret)
{
	for (size_t i = 0; i < HF_COLUMNS; i++) {
		if (strlen(column_names[i]) == len && memcmp(column_names[i], name, len) == 0) {
			*ret = (enum hf_column)i;
			return true;
		}
	}
	return false;
}

static bool letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool hf_host_id_valid(const char *id)
{
	size_t len = 0;

	for (; id[len]; len++) {
		if (len == HF_HOST_ID_MAX)
			return false;
		if (!letter_or_digit(id[len]) && (len == 0 || !strchr("._:-", id[len])))
			return false;
	}
	return len > 0;
}

enum hf_err hf_rows_refuse(struct hf_rows *rows, size_t where, const char *column, const char *format, ...)
{
	char words[160];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	return hf_fail(rows->fault, HF_ERR_INVENTORY_SYNTAX, NULL, "%s %zu%s%s: %s", rows->unit, where,
		       column ? ", " : "", column ? column : "", words);
}

enum hf_err hf_rows_make(struct hf_rows *rows, size_t cap)
{
	rows->hosts = hf_arena_take(rows->arena, (cap ? cap : 1) * sizeof(*rows->hosts));
	rows->where = hf_arena_take(rows->arena, (cap ? cap : 1) * sizeof(*rows->where));
	rows->count = 0;
	rows->cap = cap;
	if (!rows->hosts || !rows->where)
		return hf_fail(rows->fault, HF_ERR_LIMIT, NULL, "%zu hosts", cap);
	return HF_OK;
}

/* ---- fields ---- */

/* As SMBIOS has it, which may be anything that prints; with spaces at its ends, if quoted. */
static enum hf_err take_serial(struct hf_rows *rows, const char *text, size_t where,
			       struct hf_inventory *host)
{
	const unsigned char *p = (const unsigned char *)text;

	if (strlen(text) > HF_HOST_ID_MAX)
		return hf_rows_refuse(rows, where, "serial", "more than %d bytes", HF_HOST_ID_MAX);
	for (; *p; p++) {
		if (*p < 0x20 || *p > 0x7e)
			return hf_rows_refuse(rows, where, "serial", "has bytes that do not print");
	}
	host->serial = text;
	return HF_OK;
}

static enum hf_err take_ek(struct hf_rows *rows, const char *text, size_t where, struct hf_inventory *host)
{
	struct hf_digest digest;
	uint8_t *bytes;

	if (!hf_digest_from_hex(HF_ALG_SHA256, text, &digest))
		return hf_rows_refuse(rows, where, "ek-sha256", "not 64 hexadecimal digits: \"%.70s\"", text);
	bytes = hf_arena_take(rows->arena, 32);
	if (!bytes)
		return hf_fail(rows->fault, HF_ERR_LIMIT, NULL, "inventory");
	memcpy(bytes, digest.bytes, 32);
	host->ek_id = (struct hf_span){ bytes, 32 };
	return HF_OK;
}

/* The gate quotes its SHA-256 bank: a host that may not have one could never be released. */
static enum hf_err take_banks(struct hf_rows *rows, const char *text, size_t where,
			      struct hf_inventory *host)
{
	for (const char *p = text; p;) {
		const char *end = strchr(p, '+');
		size_t len = end ? (size_t)(end - p) : strlen(p);
		enum hf_alg alg;
		char name[16];

		snprintf(name, sizeof(name), "%.*s", (int)(len < 15 ? len : 15), p);
		if (len >= sizeof(name) || !hf_alg_from_name(name, &alg))
			return hf_rows_refuse(rows, where, "banks", "no bank: \"%.40s\"", name);
		if (host->banks & HF_ALG_MASK(alg))
			return hf_rows_refuse(rows, where, "banks", "%s is there twice", name);
		host->banks |= HF_ALG_MASK(alg);
		p = end ? end + 1 : NULL;
	}
	if (!(host->banks & HF_ALG_MASK(HF_ALG_SHA256)))
		return hf_rows_refuse(rows, where, "banks", "sha256 is missing, which the gate needs");
	return HF_OK;
}

static enum hf_err take_name(struct hf_rows *rows, const char *text, size_t where,
			     enum hf_column column, const char **ret)
{
	if (!hf_name_valid(text))
		return hf_rows_refuse(rows, where, hf_column_name(column), "no name: \"%.70s\"", text);
	*ret = text;
	return HF_OK;
}

static enum hf_err take_date(struct hf_rows *rows, const char *text, size_t where,
			     struct hf_inventory *host)
{
	uint32_t day;

	if (!hf_date_parse(text, &day))
		return hf_rows_refuse(rows, where, "first-use-until", "not a date as 2026-12-31: \"%.40s\"",
				      text);
	host->first_use_until = ((int64_t)day + 1) * 86400 - 1;
	return HF_OK;
}

static enum hf_err take(struct hf_rows *rows, enum hf_column column, const char *text, size_t where,
			struct hf_inventory *host)
{
	switch (column) {
	case HF_COLUMN_ID:
		if (!hf_host_id_valid(text))
			return hf_rows_refuse(rows, where, "id",
					      "only letters, digits and . _ : - make an id: \"%.70s\"", text);
		host->id = text;
		return HF_OK;
	case HF_COLUMN_EK:
		return take_ek(rows, text, where, host);
	case HF_COLUMN_SERIAL:
		return take_serial(rows, text, where, host);
	case HF_COLUMN_MODEL:
		return take_name(rows, text, where, column, &host->model);
	case HF_COLUMN_BANKS:
		return take_banks(rows, text, where, host);
	case HF_COLUMN_TENANT:
		return take_name(rows, text, where, column, &host->tenant);
	case HF_COLUMN_FIRST_USE:
		return take_date(rows, text, where, host);
	case HF_COLUMN_ACCEPTED:
		if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
			return hf_rows_refuse(rows, where, "ek-accepted", "neither yes nor no: \"%.40s\"",
					      text);
		host->ek_accepted = text[0] == 'y';
		return HF_OK;
	case HF_COLUMN_RING:
		if (!hf_host_id_valid(text))
			return hf_rows_refuse(rows, where, "ring",
					      "only letters, digits and . _ : - make a name: \"%.70s\"", text);
		host->ring = text;
		return HF_OK;
	}
	return hf_fail(rows->fault, HF_ERR_INTERNAL, NULL, "column");
}

enum hf_err hf_rows_add(struct hf_rows *rows, const char *const fields[static HF_COLUMNS], size_t where)
{
	struct hf_inventory host = { .id = NULL };

	if (rows->count == rows->cap)
		return hf_fail(rows->fault, HF_ERR_LIMIT, NULL, "more than %zu hosts", rows->cap);
	if (!fields[HF_COLUMN_ID] || !*fields[HF_COLUMN_ID])
		return hf_rows_refuse(rows, where, "id", "is missing");
	for (size_t i = 0; i < HF_COLUMNS; i++) {
		enum hf_err err = fields[i] && *fields[i] ?
			take(rows, (enum hf_column)i, fields[i], where, &host) : HF_OK;

		if (err)
			return err;
	}
	/* To vouch for whatever key comes first would be to vouch for nothing. */
	if (host.ek_accepted && !host.ek_id.len)
		return hf_rows_refuse(rows, where, "ek-accepted", "ek-sha256 must say which key is accepted");
	rows->hosts[rows->count] = host;
	rows->where[rows->count++] = where;
	return HF_OK;
}

/* ---- nothing twice ---- */

static int by_id(const void *a, const void *b, void *rows)
{
	const struct hf_rows *r = rows;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int order = strcmp(r->hosts[x].id, r->hosts[y].id);

	return order ? order : (x > y) - (x < y);
}

/* Those without a key at the end. */
static int by_ek(const void *a, const void *b, void *rows)
{
	const struct hf_rows *r = rows;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	struct hf_span p = r->hosts[x].ek_id, q = r->hosts[y].ek_id;
	int order = p.len && q.len ? memcmp(p.ptr, q.ptr, 32) : (q.len > 0) - (p.len > 0);

	return order ? order : (x > y) - (x < y);
}

static enum hf_err no_duplicates(struct hf_rows *rows)
{
	size_t *order = hf_arena_take(rows->arena, (rows->count + 1) * sizeof(*order));

	if (!order)
		return hf_fail(rows->fault, HF_ERR_LIMIT, NULL, "%zu hosts", rows->count);
	for (size_t i = 0; i < rows->count; i++)
		order[i] = i;
	qsort_r(order, rows->count, sizeof(*order), by_id, rows);
	for (size_t i = 1; i < rows->count; i++) {
		if (strcmp(rows->hosts[order[i - 1]].id, rows->hosts[order[i]].id) == 0)
			return hf_rows_refuse(rows, rows->where[order[i]], "id",
					      "%s is already at %s %zu", rows->hosts[order[i]].id, rows->unit,
					      rows->where[order[i - 1]]);
	}
	qsort_r(order, rows->count, sizeof(*order), by_ek, rows);
	for (size_t i = 1; i < rows->count; i++) {
		const struct hf_inventory *a = &rows->hosts[order[i - 1]], *b = &rows->hosts[order[i]];

		if (b->ek_id.len && hf_span_equal(a->ek_id, b->ek_id))
			return hf_rows_refuse(rows, rows->where[order[i]], "ek-sha256",
					      "%s has the TPM of %s, %s %zu", b->id, a->id, rows->unit,
					      rows->where[order[i - 1]]);
	}
	return HF_OK;
}

/* ---- the whole ---- */

enum hf_err hf_inventory_parse(struct hf_span text, struct hf_arena *arena, struct hf_inventory **ret,
			       size_t *ret_count, struct hf_fault *fault)
{
	struct hf_rows rows = { .arena = arena, .fault = fault };
	size_t start = 0;
	enum hf_err err;

	if (text.len > HF_INVENTORY_BYTES_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, NULL, "%zu bytes of inventory", text.len);
	if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
		text = hf_span_part(text, 3, text.len - 3);
	while (start < text.len && strchr(" \t\r\n", text.ptr[start]) && text.ptr[start])
		start++;
	if (start < text.len && text.ptr[start] == '[') {
		rows.unit = "host";
		err = hf_inventory_json(&rows, text);
	} else {
		rows.unit = "line";
		err = hf_inventory_csv(&rows, text);
	}
	if (!err)
		err = no_duplicates(&rows);
	if (err)
		return err;
	*ret = rows.hosts;
	*ret_count = rows.count;
	return HF_OK;
}
