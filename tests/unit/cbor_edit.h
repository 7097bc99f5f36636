/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/cbor_edit.h: maps with one pair changed. A map counts its pairs and not its bytes, so
 * what lies inside another is changed by putting other bytes in its place. */
#ifndef HF_TESTS_CBOR_EDIT_H
#define HF_TESTS_CBOR_EDIT_H

#include <stdlib.h>

#include "measure/cbor.h"

#define PAIRS_MAX 64
struct pair { int64_t key; struct hf_span key_bytes, value; };
struct pairs { struct pair at[PAIRS_MAX]; size_t count; };

/* Lives until edit_drop. */
static void **edit_buffers;
static inline struct hf_writer edit_buffer(size_t cap)
{
	void **block = malloc(sizeof(void *) + cap);

	assert_non_null(block);
	*block = edit_buffers;
	edit_buffers = block;
	return (struct hf_writer){ .buf = (uint8_t *)(block + 1), .cap = cap };
}

static int edit_drop(void **state)
{
	(void)state;
	while (edit_buffers) {
		void **next = *edit_buffers;

		free(edit_buffers);
		edit_buffers = next;
	}
	return 0;
}

static inline struct pairs pairs_of(struct hf_span map)
{
	struct pairs p = { .count = 0 };
	struct hf_cbor r = hf_cbor_at(map);

	p.count = hf_cbor_map(&r);
	assert_in_range(p.count, 1, PAIRS_MAX);
	for (size_t i = 0; i < p.count; i++) {
		size_t start = r.pos;

		p.at[i].key = hf_cbor_peek(&r) == HF_CBOR_TSTR ? (hf_cbor_skip(&r), INT64_MIN) : hf_cbor_int(&r);
		p.at[i].key_bytes = hf_span_part(map, start, r.pos - start);
		p.at[i].value = hf_cbor_skip(&r);
	}
	assert_int_equal(r.err, HF_OK);
	return p;
}

static inline struct hf_span joined(const struct pairs *p)
{
	struct hf_writer w;
	size_t size = 16;

	for (size_t i = 0; i < p->count; i++)
		size += p->at[i].key_bytes.len + p->at[i].value.len;
	w = edit_buffer(size);
	hf_cbor_put_map(&w, p->count);
	for (size_t i = 0; i < p->count; i++) {
		hf_put_span(&w, p->at[i].key_bytes);
		hf_put_span(&w, p->at[i].value);
	}
	assert_false(w.full);
	return hf_written(&w);
}

static inline struct hf_span without(struct hf_span map, size_t at)
{
	struct pairs p = pairs_of(map);

	p.count--;
	memmove(&p.at[at], &p.at[at + 1], (p.count - at) * sizeof(p.at[0]));
	return joined(&p);
}

static inline struct hf_span twice(struct hf_span map, size_t at)
{
	struct pairs p = pairs_of(map);

	memmove(&p.at[at + 1], &p.at[at], (p.count - at) * sizeof(p.at[0]));
	p.count++;
	return joined(&p);
}

static inline struct hf_span swapped(struct hf_span map, size_t at)
{
	struct pairs p = pairs_of(map);
	struct pair first = p.at[at];

	p.at[at] = p.at[at + 1];
	p.at[at + 1] = first;
	return joined(&p);
}

static inline struct hf_span valued(struct hf_span map, size_t at, struct hf_span value)
{
	struct pairs p = pairs_of(map);

	p.at[at].value = value;
	return joined(&p);
}

/* A pair more, after all others. */
static inline struct hf_span longer(struct hf_span map, struct hf_span key, struct hf_span value)
{
	struct pairs p = pairs_of(map);

	p.at[p.count++] = (struct pair){ .key_bytes = key, .value = value };
	return joined(&p);
}

static inline size_t index_of(struct hf_span map, int64_t key)
{
	struct pairs p = pairs_of(map);

	for (size_t i = 0; i < p.count; i++)
		if (p.at[i].key == key)
			return i;
	fail_msg("no key %lld", (long long)key);
	return 0;
}

static inline struct hf_span value_of(struct hf_span map, int64_t key)
{
	struct pairs p = pairs_of(map);

	return p.at[index_of(map, key)].value;
}

/* part lies in whole. */
static inline struct hf_span replaced(struct hf_span whole, struct hf_span part, struct hf_span by)
{
	struct hf_writer w = edit_buffer(whole.len + by.len);
	size_t before = (size_t)(part.ptr - whole.ptr);

	hf_put(&w, whole.ptr, before);
	hf_put_span(&w, by);
	hf_put(&w, part.ptr + part.len, whole.len - before - part.len);
	return hf_written(&w);
}

static inline struct hf_span some_bytes(size_t len)
{
	struct hf_writer w = edit_buffer(len + 16);

	hf_cbor_put_bstr_head(&w, len);
	for (size_t i = 0; i < len; i++)
		hf_put_be(&w, i & 0xff, 1);
	return hf_written(&w);
}

static inline struct hf_span some_text(size_t len)
{
	struct hf_writer w = edit_buffer(len + 16);
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\0';
	hf_cbor_put_text(&w, text);
	free(text);
	return hf_written(&w);
}

static inline struct hf_span some_number(uint64_t value)
{
	struct hf_writer w = edit_buffer(16);

	hf_cbor_put_uint(&w, value);
	return hf_written(&w);
}

#endif
