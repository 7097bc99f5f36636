/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A part or claims file that decodes encodes to the same bytes; one that does not leaves
 * no trace.
 */
#include <stdlib.h>

#include "measure/claim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[1 << 20];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_arena arena;
	struct hf_span in = { data, size };
	struct hf_writer w = { out, sizeof(out), 0, false };
	struct hf_claims claims;

	if (!arena.base && hf_arena_make(256u << 20, &arena))
		abort();
	for (int whole = 0; whole < 2; whole++) {
		arena.len = 0;
		w.len = 0;
		hf_claims_init(&claims, &arena);
		if (whole ? hf_claims_decode(&claims, in) : hf_part_decode(&claims, in)) {
			if (claims.parts || claims.part_count || claims.measurement_count || arena.len)
				abort();
			continue;
		}
		if (whole)
			hf_claims_encode(&claims, &w);
		else
			hf_part_encode(claims.parts, &w);
		if (w.full || !hf_span_equal(in, hf_written(&w)))
			abort();
		for (struct hf_part *part = claims.parts; part; part = part->next)
			(void)hf_part_method(part);
	}
	return 0;
}
