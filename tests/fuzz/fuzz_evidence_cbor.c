/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A collection in CBOR that is accepted is written and read again to the same evidence. */
#include <stdlib.h>

#include "measure/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[2u << 20], second[2u << 20];
	struct hf_writer a = { .buf = first, .cap = sizeof(first) }, b = { .buf = second, .cap = sizeof(second) };
	struct hf_evidence evidence, again;

	if (size > sizeof(first) - HF_CMW_CBOR_OVERHEAD ||
	    hf_evidence_from_cmw_cbor((struct hf_span){ data, size }, &evidence))
		return 0;
	hf_evidence_to_cmw_cbor(&evidence, &a);
	if (a.full || a.len > size || hf_evidence_from_cmw_cbor(hf_written(&a), &again))
		abort();
	hf_evidence_to_cmw_cbor(&again, &b);
	if (!hf_span_equal(hf_written(&a), hf_written(&b)))
		abort();
	return 0;
}
