/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/arena.h: bounded bump allocation in memory that the caller owns.
 * The pure core allocates nothing: an edge makes one arena with a fixed size (its
 * limit), everything decoded or measured lives in it, and it is dropped whole.
 */
#ifndef HF_MEASURE_ARENA_H
#define HF_MEASURE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "measure/bytes.h"
#include "measure/err.h"

struct hf_arena {
	uint8_t *base;
	size_t cap;	/* bytes */
	size_t len;	/* bytes in use, <= cap */
};

/* Memory aligned for any object, or NULL when the arena is full. It holds whatever it held: for a
 * writer, which knows how far it has come. */
static inline void *hf_arena_room(struct hf_arena *arena, size_t size)
{
	size_t start = (arena->len + 15) & ~(size_t)15;

	if (start > arena->cap || size > arena->cap - start)
		return NULL;
	arena->len = start + size;
	return arena->base + start;
}

/* The same, zeroed. */
static inline void *hf_arena_take(struct hf_arena *arena, size_t size)
{
	void *room = hf_arena_room(arena, size);

	return room ? memset(room, 0, size) : NULL;
}

/* A copy of bytes (ret->ptr may be NULL only when span.len is 0). */
static inline enum hf_err hf_arena_copy(struct hf_arena *arena, struct hf_span span,
					struct hf_span *ret)
{
	uint8_t *copy = hf_arena_take(arena, span.len ? span.len : 1);

	if (!copy)
		return HF_ERR_LIMIT;
	if (span.len)
		memcpy(copy, span.ptr, span.len);
	*ret = (struct hf_span){ copy, span.len };
	return HF_OK;
}

/* A NUL-terminated copy; NULL when the arena is full. Bytes may not hold a NUL. */
static inline const char *hf_arena_text(struct hf_arena *arena, const void *text, size_t len)
{
	char *copy = hf_arena_take(arena, len + 1);

	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

/* Edge: reserve cap bytes of lazily backed memory; free with hf_arena_drop. */
enum hf_err hf_arena_make(size_t cap, struct hf_arena *ret) HF_MUST_USE;
void hf_arena_drop(struct hf_arena *arena);
/* From now on children find zeros there: what is in it is no business of theirs. */
enum hf_err hf_arena_hide(const struct hf_arena *arena) HF_MUST_USE;

#endif
