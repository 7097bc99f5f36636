/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transcripts and the claims that name them, of any bytes: what decodes encodes to the same
 * bytes, and what the check passes was signed. In the seed it was, by a device that is in
 * nobody's hands here, for the boot key "boot key". */
#include <stdlib.h>

#include "manifests/verify_transcripts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[1 << 20];

static void round_trip(struct hf_span in, struct hf_arena *arena)
{
	struct hf_writer w = { out, sizeof(out), 0, false };
	struct hf_attachment *list = NULL;
	const size_t before = arena->len;

	if (!in.len)
		return;
	if (hf_transcripts_decode(in, arena, &list)) {
		if (list || arena->len != before)
			abort();
		return;
	}
	hf_transcripts_encode(list, &w);
	if (w.full || !hf_span_equal(in, hf_written(&w)))
		abort();
}

static void note(struct hf_span text)
{
	char copy[256], path[HF_PATH_MAX + 1], again[HF_SPDM_NOTE_TEXT];
	size_t len = text.len < sizeof(copy) - 1 ? text.len : sizeof(copy) - 1;
	struct hf_digest digest;

	if (len)
		memcpy(copy, text.ptr, len);
	copy[len] = '\0';
	if (!hf_spdm_note_parse(copy, path, &digest))
		return;
	hf_spdm_note_text(path, &digest, again);
	if (strcmp(copy, again) != 0)
		abort();
}

/* A length of two bytes, the claims, the transcripts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_arena arena;
	struct hf_cursor c = hf_cursor_at((struct hf_span){ data, size });
	size_t len = hf_u16le(&c);
	struct hf_span cbor = hf_take_span(&c, len < hf_left(&c) ? len : hf_left(&c));
	struct hf_transcripts t = { .file = hf_take_span(&c, hf_left(&c)), .arena = &arena };
	struct hf_digest boot;
	struct hf_claims claims;

	if (!arena.base && hf_arena_make(256u << 20, &arena))
		abort();
	arena.len = 0;
	note(cbor);
	round_trip(t.file, &arena);
	hf_claims_init(&claims, &arena);
	if (hf_claims_decode(&claims, cbor) || hf_digest(HF_ALG_SHA256, hf_span_text("boot key"), &boot))
		return 0;
	t.claims = &claims;
	t.challenge = (struct hf_span){ boot.bytes, 32 };
	memcpy(t.boot_id, boot.bytes, 32);
	if (hf_transcripts_replay(&t) || hf_transcripts_complete(&t, NULL, false))
		return 0;
	for (const struct hf_signer *s = t.signers; s; s = s->next)
		if (!s->has_again || s->trust == HF_OK || (s->method >= HF_METHOD_UNBOUND && !s->signatures))
			abort();
	return 0;
}
