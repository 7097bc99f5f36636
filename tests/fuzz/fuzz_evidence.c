/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A CMW collection that is accepted is written and read again to the same evidence, and
 * the text written for it is stable.
 */
#include <stdlib.h>

#include "measure/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_arena arena;
	struct hf_evidence evidence, again;
	struct hf_span json, json2;

	if (!arena.base && hf_arena_make(64u << 20, &arena))
		abort();
	arena.len = 0;
	if (hf_evidence_from_cmw((struct hf_span){ data, size }, &arena, &evidence)) {
		if (arena.len)
			abort();
		return 0;
	}
	if (hf_evidence_to_cmw(&evidence, &arena, &json) ||
	    hf_evidence_from_cmw(json, &arena, &again) ||
	    hf_evidence_to_cmw(&again, &arena, &json2) || !hf_span_equal(json, json2))
		abort();
	return 0;
}
