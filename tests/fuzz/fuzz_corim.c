/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a CoRIM: what is refused leaves nothing behind, what is accepted encodes,
 * and the encoding means the same. */
#include "manifests/corim.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum hf_err touch(void *self, const struct hf_comid *comid,
			 const struct hf_reference_triple *triple, const struct hf_measured *m)
{
	size_t *sum = self;

	for (size_t i = 0; i < triple->vendor.len; i++)
		*sum += triple->vendor.ptr[i];
	for (size_t i = 0; i < m->mkey.len; i++)
		*sum += m->mkey.ptr[i];
	for (size_t i = 0; i <= HF_CORIM_OWN_MAX; i++)
		*sum += m->own[i].len ? m->own[i].ptr[m->own[i].len - 1] : 0;
	for (size_t i = 0; i < m->registers.len; i++)
		*sum += m->registers.ptr[i];
	*sum += comid->tag_id.len + m->digest_count;
	return HF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[8u << 20], first[1u << 20], second[1u << 20];
	struct hf_arena arena = { .base = memory, .cap = sizeof(memory) };
	static struct hf_manifests out, again;
	struct hf_writer a = { .buf = first, .cap = sizeof(first) };
	struct hf_writer b = { .buf = second, .cap = sizeof(second) };
	struct hf_span in = { data, size };
	struct hf_corim corim;
	size_t sum = 0;

	if (hf_corim_open(in, &corim) == HF_OK)
		(void)!hf_corim_walk(&corim, touch, &sum);
	out = again = (struct hf_manifests){ .arena = &arena };
	if (hf_corim_decode(in, 0, 1800000000, &out)) {
		if (out.components || out.models || out.images || arena.len)
			abort();
		return 0;
	}
	if (hf_corim_encode(&out, "id", &a) || hf_corim_decode(hf_written(&a), 0, 0, &again) ||
	    hf_corim_encode(&again, "id", &b) || !hf_span_equal(hf_written(&a), hf_written(&b)))
		abort();
	return 0;
}
