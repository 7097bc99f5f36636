/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/cpio.h"

#include <stdio.h>
#include <sys/stat.h>

#define HEADER 110	/* "070701", then 13 fields of 8 hex digits */
#define TRAILER "TRAILER!!!"
enum field { INO, MODE, UID, GID, NLINK, MTIME, SIZE, DEV_MAJOR, DEV_MINOR, RDEV_MAJOR,
	     RDEV_MINOR, NAME_SIZE, CHECK, FIELDS };

void hf_cpio_open(struct hf_cpio *cpio, hf_cpio_fill fill, void *self, uint8_t *buf, size_t cap)
{
	*cpio = (struct hf_cpio){ .fill = fill, .self = self, .buf = buf, .cap = cap };
}

static enum hf_err refill(struct hf_cpio *cpio)
{
	size_t got = 0;
	enum hf_err err = cpio->fill(cpio->self, cpio->buf, cpio->cap, &got);

	if (err != HF_OK)
		return err;
	if (got == 0 || got > cpio->cap)
		return HF_ERR_STORE_SHAPE;	/* ends inside an entry or before the trailer */
	cpio->pos = 0;
	cpio->len = got;
	return HF_OK;
}

/* Up to max bytes that lie in the buffer; at least one. */
static enum hf_err take_some(struct hf_cpio *cpio, size_t max, struct hf_span *ret)
{
	size_t n;

	if (cpio->pos == cpio->len) {
		enum hf_err err = refill(cpio);

		if (err != HF_OK)
			return err;
	}
	n = cpio->len - cpio->pos < max ? cpio->len - cpio->pos : max;
	*ret = (struct hf_span){ cpio->buf + cpio->pos, n };
	cpio->pos += n;
	cpio->offset += n;
	return HF_OK;
}

/* Exactly n bytes, copied; out may be NULL to skip them. */
static enum hf_err take_exactly(struct hf_cpio *cpio, uint8_t *out, uint64_t n)
{
	while (n > 0) {
		struct hf_span s;
		enum hf_err err = take_some(cpio, n < SIZE_MAX ? (size_t)n : SIZE_MAX, &s);

		if (err != HF_OK)
			return err;
		if (out) {
			memcpy(out, s.ptr, s.len);
			out += s.len;
		}
		n -= s.len;
	}
	return HF_OK;
}

static enum hf_err align(struct hf_cpio *cpio)
{
	return take_exactly(cpio, NULL, -cpio->offset & 3);
}

static bool hex_field(const uint8_t *p, uint32_t *ret)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 8; i++) {
		uint8_t c = p[i];
		uint32_t d;

		if (c >= '0' && c <= '9')
			d = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			d = (uint32_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			d = (uint32_t)(c - 'A') + 10;
		else
			return false;
		v = v << 4 | d;
	}
	*ret = v;
	return true;
}

static bool name_good(const char *name, size_t size)
{
	if (name[size - 1] != '\0' || strlen(name) != size - 1)
		return false;
	for (const char *c = name; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			return false;
	return true;
}

static enum hf_err read_header(struct hf_cpio *cpio, uint32_t fields[static FIELDS])
{
	uint8_t header[HEADER];
	enum hf_err err = take_exactly(cpio, header, sizeof(header));

	if (err != HF_OK)
		return err;
	if (memcmp(header, "070701", 6) != 0)
		return HF_ERR_STORE_SHAPE;
	for (size_t i = 0; i < FIELDS; i++)
		if (!hex_field(header + 6 + 8 * i, &fields[i]))
			return HF_ERR_STORE_SHAPE;
	if (fields[NAME_SIZE] < 2 || fields[NAME_SIZE] > HF_CPIO_NAME_MAX + 1)
		return HF_ERR_STORE_SHAPE;
	return HF_OK;
}

enum hf_err hf_cpio_next(struct hf_cpio *cpio, struct hf_cpio_entry *ret)
{
	struct hf_cpio_entry entry = { 0 };
	uint32_t fields[FIELDS];
	enum hf_err err;

	if (cpio->ended || cpio->entries >= HF_CPIO_ENTRIES_MAX)
		return HF_ERR_STORE_SHAPE;
	err = take_exactly(cpio, NULL, cpio->left);
	cpio->left = 0;
	if (err == HF_OK)
		err = align(cpio);
	if (err == HF_OK)
		err = read_header(cpio, fields);
	if (err == HF_OK)
		err = take_exactly(cpio, (uint8_t *)entry.name, fields[NAME_SIZE]);
	if (err == HF_OK)
		err = align(cpio);
	if (err != HF_OK)
		return err;
	if (!name_good(entry.name, fields[NAME_SIZE]))
		return HF_ERR_STORE_SHAPE;
	if (strncmp(entry.name, "./", 2) == 0 && entry.name[2])
		memmove(entry.name, entry.name + 2, strlen(entry.name + 2) + 1);
	entry.mode = fields[MODE];
	entry.size = fields[SIZE];
	entry.trailer = strcmp(entry.name, TRAILER) == 0;
	if (entry.trailer && entry.size != 0)
		return HF_ERR_STORE_SHAPE;
	cpio->ended = entry.trailer;
	cpio->left = entry.size;
	cpio->entries++;
	*ret = entry;
	return HF_OK;
}

enum hf_err hf_cpio_data(struct hf_cpio *cpio, struct hf_span *ret)
{
	struct hf_span s = { cpio->buf, 0 };

	if (cpio->left > 0) {
		enum hf_err err = take_some(cpio, cpio->left, &s);

		if (err != HF_OK)
			return err;
		cpio->left -= (uint32_t)s.len;
	}
	*ret = s;
	return HF_OK;
}

static void put_padded(struct hf_writer *w, const void *bytes, size_t n)
{
	hf_put(w, bytes, n);
	hf_put_le(w, 0, -w->len & 3);
}

void hf_cpio_put(struct hf_writer *w, const char *name, uint32_t mode, struct hf_span data)
{
	char header[HEADER + 1];
	size_t name_size = strlen(name) + 1;

	if (name_size > HF_CPIO_NAME_MAX + 1 || data.len > UINT32_MAX) {
		w->full = true;
		return;
	}
	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 0u, mode, 0u, 0u, S_ISDIR(mode) ? 2u : 1u, 0u, (unsigned)data.len, 0u, 0u, 0u, 0u,
		 (unsigned)name_size, 0u);
	hf_put(w, header, HEADER);
	put_padded(w, name, name_size);
	put_padded(w, data.ptr, data.len);
}

void hf_cpio_put_trailer(struct hf_writer *w)
{
	hf_cpio_put(w, TRAILER, 0, (struct hf_span){ NULL, 0 });
}
