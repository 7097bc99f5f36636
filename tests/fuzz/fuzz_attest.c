/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as quote, public area and signature: nothing may crash, and no made-up
 * signature may verify. */
#include "measure/attest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A point of P-256 (the base point), whose private key is 1 only by definition. */
	static const uint8_t gx[32] = {
		0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63,
		0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1,
		0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96 };
	static const uint8_t gy[32] = {
		0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c,
		0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6,
		0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5 };
	struct hf_pcrs pcrs = { .alg = HF_ALG_SHA256 };
	struct hf_span in = { data, size };
	struct hf_quote q;
	struct hf_ak ak = { .name = { 0, 0xb } };

	if (hf_quote_parse(in, &q) == HF_OK && (q.pcrs >> 24 || q.nonce.len > size))
		abort();
	(void)!hf_ak_parse(in, &ak);
	memcpy(ak.x, gx, 32);
	memcpy(ak.y, gy, 32);
	/* First byte: where the signature ends and the quote begins. */
	size_t cut = size ? data[0] % size : 0;
	struct hf_span rest = hf_span_part(in, 1, size ? size - 1 : 0);

	if (hf_quote_verify(&ak, hf_span_part(rest, cut, rest.len - cut),
			    hf_span_part(rest, 0, cut),
			    hf_span_text("nonce"), HF_QUOTE_PCRS, &pcrs, NULL) == HF_OK)
		abort();
	return 0;
}
