/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a signed message, and as a key: nothing may crash, every span lies inside
 * the input, and no made-up signature may verify. */
#include "measure/cose.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct hf_span part, const uint8_t *data, size_t size)
{
	return part.len == 0 || (part.ptr >= data && part.len <= size &&
				 (size_t)(part.ptr - data) <= size - part.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum hf_cose_alg algs[] = { HF_COSE_ES256, HF_COSE_ES384, HF_COSE_EDDSA };
	static struct hf_key *keys[3];
	struct hf_span in = { data, size };
	struct hf_key *key = NULL;
	struct hf_cose cose;

	for (size_t i = 0; i < 3; i++)
		if (!keys[i] && hf_key_generate(algs[i], &keys[i]))
			abort();
	if (hf_key_read_pem(in, size % 2, &key) == HF_OK)
		hf_key_free(key);
	if (hf_cose_parse(in, &cose))
		return 0;
	if (!inside(cose.protected_header, data, size) || !inside(cose.payload, data, size) ||
	    !inside(cose.signature, data, size) || !inside(cose.kid, data, size) ||
	    !inside(cose.meta, data, size) || !inside(cose.cwt, data, size) ||
	    !inside(cose.content_type, data, size))
		abort();
	for (size_t i = 0; i < 3; i++)
		if (hf_cose_verify(&cose, keys[i]) == HF_OK)
			abort();
	return 0;
}
