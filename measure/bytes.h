/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/bytes.h: bounded cursor and writer over bytes we do not trust.
 * A read past the end yields 0 and spoils the cursor for good, so a parser reads like
 * the specification's layout table and asks once at the end (hf_cursor_done tells
 * "overran" from "bytes left over" from "well done").
 */
#ifndef HF_MEASURE_BYTES_H
#define HF_MEASURE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hf_span {	/* borrowed; len in bytes */
	const uint8_t *ptr;
	size_t len;
};

struct hf_cursor {
	struct hf_span in;
	size_t pos;	/* <= in.len */
	bool bad;
};

static inline struct hf_span hf_span_text(const char *text)
{
	return (struct hf_span){ (const uint8_t *)text, strlen(text) };
}

static inline bool hf_span_equal(struct hf_span a, struct hf_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* A part of a span; an empty one where it would reach past the end. */
static inline struct hf_span hf_span_part(struct hf_span in, size_t offset, size_t len)
{
	if (offset > in.len || len > in.len - offset)
		return (struct hf_span){ in.ptr, 0 };
	return (struct hf_span){ offset ? in.ptr + offset : in.ptr, len };
}

static inline struct hf_cursor hf_cursor_at(struct hf_span in)
{
	return (struct hf_cursor){ .in = in };
}

static inline const uint8_t *hf_take(struct hf_cursor *c, size_t n)
{
	if (c->bad || n > c->in.len - c->pos) {
		c->bad = true;
		return NULL;
	}
	c->pos += n;
	return c->pos > n ? c->in.ptr + (c->pos - n) : c->in.ptr;
}

static inline struct hf_span hf_take_span(struct hf_cursor *c, size_t n)
{
	const uint8_t *p = hf_take(c, n);

	return (struct hf_span){ p, p ? n : 0 };
}

static inline size_t hf_left(const struct hf_cursor *c)
{
	return c->bad ? 0 : c->in.len - c->pos;
}

static inline bool hf_cursor_done(const struct hf_cursor *c)
{
	return !c->bad && c->pos == c->in.len;
}

static inline void hf_seek(struct hf_cursor *c, size_t pos)
{
	c->bad |= pos > c->in.len;
	c->pos = c->bad ? c->pos : pos;
}

static inline uint64_t hf_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

static inline uint64_t hf_be(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint64_t hf_take_le(struct hf_cursor *c, size_t n)
{
	const uint8_t *p = hf_take(c, n);

	return p ? hf_le(p, n) : 0;
}

static inline uint64_t hf_take_be(struct hf_cursor *c, size_t n)
{
	const uint8_t *p = hf_take(c, n);

	return p ? hf_be(p, n) : 0;
}

static inline uint8_t hf_u8(struct hf_cursor *c) { return (uint8_t)hf_take_le(c, 1); }
static inline uint16_t hf_u16le(struct hf_cursor *c) { return (uint16_t)hf_take_le(c, 2); }
static inline uint32_t hf_u32le(struct hf_cursor *c) { return (uint32_t)hf_take_le(c, 4); }
static inline uint64_t hf_u64le(struct hf_cursor *c) { return hf_take_le(c, 8); }
static inline uint16_t hf_u16be(struct hf_cursor *c) { return (uint16_t)hf_take_be(c, 2); }
static inline uint32_t hf_u32be(struct hf_cursor *c) { return (uint32_t)hf_take_be(c, 4); }
static inline uint64_t hf_u64be(struct hf_cursor *c) { return hf_take_be(c, 8); }

/* A writer never writes past cap; once full it stays full and len stops growing. */
struct hf_writer {
	uint8_t *buf;
	size_t cap, len;	/* bytes */
	bool full;
};

static inline struct hf_span hf_written(const struct hf_writer *w)
{
	return (struct hf_span){ w->buf, w->len };
}

static inline void hf_put(struct hf_writer *w, const void *bytes, size_t n)
{
	if (w->full || n > w->cap - w->len) {
		w->full = true;
		return;
	}
	if (n)
		memcpy(w->buf + w->len, bytes, n);
	w->len += n;
}

static inline void hf_put_span(struct hf_writer *w, struct hf_span s) { hf_put(w, s.ptr, s.len); }

static inline void hf_put_le(struct hf_writer *w, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	hf_put(w, b, n);
}

static inline void hf_put_be(struct hf_writer *w, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	hf_put(w, b, n);
}

#endif
