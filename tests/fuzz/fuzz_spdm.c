/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A conversation of any bytes: how many there are is said before each message. What is found
 * hangs together, lies in the arena, and stays as it is once the conversation has failed. */
#include <stdlib.h>

#include "pcie/spdm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t room[HF_SPDM_ARENA];

static void inside(const struct hf_arena *arena, struct hf_span span)
{
	if (span.len && (span.ptr < arena->base || span.ptr + span.len > arena->base + arena->len))
		abort();
}

static void check(const struct hf_arena *arena, const struct hf_spdm *s)
{
	size_t blocks = 0, challenged = 0;
	bool is_signed = false;

	for (size_t i = 0; i < HF_SPDM_SLOTS; i++) {
		const struct hf_spdm_slot *slot = &s->slots[i];

		inside(arena, slot->chain);
		inside(arena, slot->digest);
		inside(arena, slot->certificates);
		challenged += slot->challenged;
		if (slot->challenged && (!slot->parsed || slot->cause))
			abort();
		if ((slot->parsed && slot->cause) || (slot->parsed && !slot->chain.len))
			abort();
	}
	for (size_t i = 0; i <= HF_SPDM_INDEX_MAX; i++) {
		const struct hf_spdm_block *block = &s->blocks[i];

		inside(arena, block->value);
		blocks += block->there;
		is_signed |= block->is_signed || block->is_covered;
		if ((block->is_signed && block->is_covered) ||
		    (!block->there && (block->is_signed || block->is_covered || block->value.len)))
			abort();
	}
	if (blocks != s->block_count || (s->total && blocks > s->total) || s->blocks[0].there)
		abort();
	if (is_signed && (!s->signatures || s->measured_slot < 0 || !s->slots[s->measured_slot].parsed))
		abort();
	if (s->signatures < challenged || (s->negotiation_signed && !s->signatures))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_arena arena = { .base = room, .cap = sizeof(room) };
	struct hf_cursor c = hf_cursor_at((struct hf_span){ data, size });
	struct hf_spdm_options options = { .arena = &arena, .padded = hf_u8(&c) & 1 };
	static struct hf_spdm s;
	enum hf_err err = HF_OK;

	if (hf_spdm_open(&options, &s) != HF_OK)
		abort();
	while (hf_left(&c) && !err) {
		size_t len = hf_u16le(&c);
		struct hf_span request = hf_take_span(&c, len);

		len = hf_u16le(&c);
		struct hf_span response = hf_take_span(&c, len);

		if (c.bad)
			break;
		err = hf_spdm_take(&s, request, response);
		if ((err != HF_OK) != (s.event == HF_SPDM_NOTHING))
			abort();
		check(&arena, &s);
	}
	if (err && hf_spdm_take(&s, (struct hf_span){ (const uint8_t *)"\x10\x84\0\0", 4 },
				(struct hf_span){ (const uint8_t *)"\x10\4\0\0\0\1\0\x12", 8 }) != err)
		abort();
	hf_spdm_close(&s);
	return 0;
}
