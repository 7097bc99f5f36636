/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 4180, and what spreadsheets make of it. */
#include "controller/inventory_rows.h"

#define FIELD_MAX 1024		/* bytes */

struct reader {
	struct hf_rows *rows;
	struct hf_cursor c;
	size_t line;		/* of the record that is read, from 1 */
	size_t lines;		/* seen so far: a quoted field may hold some */
	bool end_of_record;
};

static bool peek(const struct reader *r, uint8_t *ret)
{
	if (r->c.pos == r->c.in.len)
		return false;
	*ret = r->c.in.ptr[r->c.pos];
	return true;
}

/* After a field: a comma, an end of line or the end. */
static enum hf_err take_end(struct reader *r)
{
	uint8_t byte, next;

	r->end_of_record = true;
	if (!peek(r, &byte))
		return HF_OK;
	r->c.pos++;
	if (byte == ',') {
		r->end_of_record = false;
		return HF_OK;
	}
	if (byte == '\r' && peek(r, &next) && next == '\n') {
		r->c.pos++;
		byte = '\n';
	}
	if (byte != '\n')
		return hf_rows_refuse(r->rows, r->line, NULL, "something follows a closing quote");
	r->lines++;
	return HF_OK;
}

static enum hf_err take_quoted(struct reader *r, char *buf, size_t *ret_len)
{
	uint8_t byte;
	size_t len = 0;

	for (;;) {
		if (!peek(r, &byte))
			return hf_rows_refuse(r->rows, r->line, NULL, "a quote is not closed");
		r->c.pos++;
		if (byte == '"') {
			if (!peek(r, &byte) || byte != '"')
				break;
			r->c.pos++;
		}
		r->lines += byte == '\n';
		if (len == FIELD_MAX)
			return hf_rows_refuse(r->rows, r->line, NULL, "a field is too long");
		buf[len++] = (char)byte;
	}
	*ret_len = len;
	return HF_OK;
}

static enum hf_err take_plain(struct reader *r, char *buf, size_t *ret_len)
{
	uint8_t byte;
	size_t len = 0;

	while (peek(r, &byte) && byte != ',' && byte != '\n' && byte != '\r') {
		if (byte == '"')
			return hf_rows_refuse(r->rows, r->line, NULL, "a quote inside of a field");
		if (len == FIELD_MAX)
			return hf_rows_refuse(r->rows, r->line, NULL, "a field is too long");
		buf[len++] = (char)byte;
		r->c.pos++;
	}
	if (len && (buf[0] == ' ' || buf[len - 1] == ' ' || buf[0] == '\t' || buf[len - 1] == '\t'))
		return hf_rows_refuse(r->rows, r->line, NULL, "spaces around \"%.*s\"",
				      (int)(len < 60 ? len : 60), buf);
	*ret_len = len;
	return HF_OK;
}

static enum hf_err take_field(struct reader *r, char *buf, size_t *ret_len)
{
	uint8_t byte;
	enum hf_err err;

	if (peek(r, &byte) && byte == '"') {
		r->c.pos++;
		err = take_quoted(r, buf, ret_len);
	} else {
		err = take_plain(r, buf, ret_len);
	}
	if (!err && memchr(buf, 0, *ret_len))
		err = hf_rows_refuse(r->rows, r->line, NULL, "a NUL byte");
	return err ? err : take_end(r);
}

/* The header line: which column is which. */
static enum hf_err take_header(struct reader *r, enum hf_column columns[static HF_COLUMNS], size_t *ret)
{
	char buf[FIELD_MAX];
	uint32_t seen = 0;
	size_t count = 0, len = 0;

	r->line = r->lines = 1;
	do {
		enum hf_err err = take_field(r, buf, &len);
		enum hf_column column;

		if (err)
			return err;
		if (memchr(buf, ';', len))
			return hf_rows_refuse(r->rows, 1, NULL, "columns are parted by commas, not semicolons");
		if (!hf_column_named(buf, len, &column))
			return hf_rows_refuse(r->rows, 1, NULL, "no such column: \"%.*s\"",
					      (int)(len < 60 ? len : 60), buf);
		if (seen >> column & 1)
			return hf_rows_refuse(r->rows, 1, hf_column_name(column), "is there twice");
		seen |= 1u << column;
		columns[count++] = column;
	} while (!r->end_of_record);
	if (!(seen >> HF_COLUMN_ID & 1))
		return hf_rows_refuse(r->rows, 1, NULL, "the first line must name the columns, id among them");
	*ret = count;
	return HF_OK;
}

static bool blank(const char *const fields[static HF_COLUMNS])
{
	for (size_t i = 0; i < HF_COLUMNS; i++) {
		if (fields[i] && *fields[i])
			return false;
	}
	return true;
}

static enum hf_err take_record(struct reader *r, const enum hf_column columns[static HF_COLUMNS],
			       size_t count)
{
	const char *fields[HF_COLUMNS] = { NULL };
	char buf[FIELD_MAX];
	size_t i = 0, len = 0;

	r->line = r->lines;
	do {
		enum hf_err err = take_field(r, buf, &len);

		if (err)
			return err;
		if (i == count)
			return hf_rows_refuse(r->rows, r->line, NULL, "more fields than columns");
		if (len) {
			fields[columns[i]] = hf_arena_text(r->rows->arena, buf, len);
			if (!fields[columns[i]])
				return hf_fail(r->rows->fault, HF_ERR_LIMIT, NULL, "inventory");
		}
		i++;
	} while (!r->end_of_record);
	/* An empty line, or one that a spreadsheet made of empty cells, says nothing of any host. */
	if (blank(fields) && (i == 1 || i == count))
		return HF_OK;
	if (i != count)
		return hf_rows_refuse(r->rows, r->line, NULL, "%zu fields for %zu columns", i, count);
	return hf_rows_add(r->rows, fields, r->line);
}

enum hf_err hf_inventory_csv(struct hf_rows *rows, struct hf_span text)
{
	struct reader r = { .rows = rows, .c = hf_cursor_at(text) };
	enum hf_column columns[HF_COLUMNS];
	size_t count = 0, lines = 1;
	enum hf_err err = take_header(&r, columns, &count);

	if (err)
		return err;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	err = hf_rows_make(rows, lines < HF_INVENTORY_HOSTS_MAX ? lines : HF_INVENTORY_HOSTS_MAX);
	while (!err && r.c.pos < text.len)
		err = take_record(&r, columns, count);
	return err;
}
