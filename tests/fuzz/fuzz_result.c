/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A result that is read is written again and read to the same, and never releases a host of which
 * it does not speak. */
#include <stdlib.h>
#include <string.h>

#include "measure/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[2 * HF_RESULT_MAX], second[2 * HF_RESULT_MAX];
	static struct hf_arena arena;
	static struct hf_result a, b;
	struct hf_writer w = { .buf = first, .cap = sizeof(first) }, v = { .buf = second, .cap = sizeof(second) };
	struct hf_ticket_want want;
	uint8_t other[34];	/* never the name in the result: a fuzzer finds any that is fixed */
	enum hf_release_kind kind;

	if (!arena.base && hf_arena_make(32u << 20, &arena))
		abort();
	arena.len = 0;
	if (hf_result_decode((struct hf_span){ data, size }, &arena, &a))
		return 0;
	hf_result_encode(&a, &w);
	if (w.full)
		abort();
	if (w.len > HF_RESULT_MAX)	/* what came in was larger than we write */
		return 0;
	if (hf_result_decode(hf_written(&w), &arena, &b))
		abort();
	hf_result_encode(&b, &v);
	if (!hf_span_equal(hf_written(&w), hf_written(&v)))
		abort();
	memset(other, 0, sizeof(other));
	other[0] = a.ak_name.len ? (uint8_t)~a.ak_name.ptr[0] : 0;
	want = (struct hf_ticket_want){ .ak_name = { other, sizeof(other) }, .boot_key = a.boot_key, .quote = a.quote,
					.reclaim = a.reclaim, .nonce = a.nonce, .generation = a.generation,
					.mode = a.mode, .tenant = a.images[0], .service = a.images[0] };
	if (hf_ticket_check(&a, &want, &kind) == HF_OK)
		abort();
	return 0;
}
