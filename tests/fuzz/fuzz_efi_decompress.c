/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UEFI compression: nothing is written past the room, and a length comes with success alone. */
#include <stdlib.h>

#include "pcie/efi_decompress.h"

#define CAP (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* ends where the heap block does, so that one byte too many is seen */
	static uint8_t *out;
	size_t len = CAP + 1;

	if (!out)
		out = malloc(CAP);
	enum hf_err err = hf_efi_decompress((struct hf_span){ data, size }, out, CAP, &len);

	if (err == HF_OK ? len > CAP || len != hf_le(data + 4, 4) :
			   err != HF_ERR_ROM_COMPRESSION || len != CAP + 1)
		abort();
	return 0;
}
