/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever is taken as an endorsement key: a credential can be made for it. */
#include <stdlib.h>

#include "measure/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t name[34] = { 0, 0xb };
	static uint8_t blob[HF_CREDENTIAL_MAX], sealed[HF_CREDENTIAL_MAX];
	struct hf_writer b = { .buf = blob, .cap = sizeof(blob) }, s = { .buf = sealed, .cap = sizeof(sealed) };
	struct hf_ek ek;
	enum hf_err err = hf_ek_parse((struct hf_span){ data, size }, &ek);

	if (err) {
		if (err != HF_ERR_EK_UNUSABLE)
			abort();
		return 0;
	}
	if (ek.spki_len == 0 || ek.spki_len > HF_EK_SPKI_MAX)
		abort();
	if (hf_credential_make(&ek, (struct hf_span){ name, 34 }, hf_span_text("secret"), &b, &s))
		abort();
	return 0;
}
