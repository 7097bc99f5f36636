/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Things are found again by the SHA-256 of what they are: whoever writes captures can neither
 * make two of them one nor make the table slow. */
#include "controller/census_parts.h"

#include <stdarg.h>
#include <stdio.h>

#define TABLE_FIRST 1024	/* entries; a power of two */
#define SCRATCH_MAX (16u << 20)	/* bytes: more than a capture's file may hold */

struct hf_census_entry {
	struct hf_census_key key;
	void *value;
};

enum hf_err hf_census_init(struct hf_census *census, const struct hf_census_options *options,
			   struct hf_arena *arena)
{
	*census = (struct hf_census){ .arena = arena, .options = *options };
	census->models_end = &census->models;
	census->kinds_end = &census->kinds;
	census->hosts_end = &census->hosts;
	census->captures_end = &census->captures;
	census->scratch.cap = SCRATCH_MAX;
	census->scratch.buf = hf_arena_take(arena, SCRATCH_MAX);
	census->table_cap = TABLE_FIRST;
	census->table = hf_arena_take(arena, TABLE_FIRST * sizeof(*census->table));
	return census->scratch.buf && census->table ? HF_OK : HF_ERR_LIMIT;
}

void hf_census_key_begin(struct hf_census *census, char kind)
{
	census->scratch.len = 0;
	census->scratch.full = false;
	hf_put(&census->scratch, &kind, 1);
}

void hf_census_key_text(struct hf_census *census, const char *text)
{
	hf_put(&census->scratch, text, strlen(text) + 1);
}

void hf_census_key_pointer(struct hf_census *census, const void *pointer)
{
	hf_put(&census->scratch, &pointer, sizeof(pointer));
}

enum hf_err hf_census_key_end(struct hf_census *census, struct hf_census_key *ret)
{
	struct hf_digest digest;
	enum hf_err err;

	if (census->scratch.full)
		return HF_ERR_LIMIT;
	err = hf_digest(HF_ALG_SHA256, hf_written(&census->scratch), &digest);
	if (err)
		return err;
	memcpy(ret->bytes, digest.bytes, sizeof(ret->bytes));
	return HF_OK;
}

/* The entry of this key, or the free one where it would go: half of them are always free. */
static struct hf_census_entry *entry_of(struct hf_census_entry *table, size_t cap,
					const struct hf_census_key *key)
{
	size_t at;

	memcpy(&at, key->bytes, sizeof(at));
	for (at &= cap - 1; table[at].value; at = (at + 1) & (cap - 1))
		if (memcmp(table[at].key.bytes, key->bytes, sizeof(key->bytes)) == 0)
			break;
	return &table[at];
}

void *hf_census_find(const struct hf_census *census, const struct hf_census_key *key)
{
	return entry_of(census->table, census->table_cap, key)->value;
}

static enum hf_err grow(struct hf_census *census)
{
	size_t cap = 2 * census->table_cap;
	struct hf_census_entry *table = hf_arena_take(census->arena, cap * sizeof(*table));

	if (!table)
		return HF_ERR_LIMIT;
	for (size_t i = 0; i < census->table_cap; i++)
		if (census->table[i].value)
			*entry_of(table, cap, &census->table[i].key) = census->table[i];
	census->table = table;
	census->table_cap = cap;
	return HF_OK;
}

enum hf_err hf_census_put(struct hf_census *census, const struct hf_census_key *key, void *value)
{
	enum hf_err err = HF_OK;

	if (2 * (census->table_count + 1) > census->table_cap)
		err = grow(census);
	if (err)
		return err;
	*entry_of(census->table, census->table_cap, key) = (struct hf_census_entry){ *key, value };
	census->table_count++;
	return HF_OK;
}

const char *hf_census_text(struct hf_arena *arena, const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	char *copy = hf_arena_take(arena, len + 1);

	for (size_t i = 0; copy && i < len; i++)
		copy[i] = text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?';
	return copy;
}

const char *hf_census_format(struct hf_arena *arena, const char *format, ...)
{
	char buf[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	return hf_census_text(arena, buf, sizeof(buf));
}
