/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expansion ROMs: every image lies inside the window, the chain adds up. */
#include <stdlib.h>

#include "pcie/rom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_rom rom;
	size_t end = 0;

	hf_rom_parse((struct hf_span){ data, size }, &rom);
	if (rom.image_count > HF_ROM_IMAGES_MAX || rom.chain_len > size)
		abort();
	for (size_t i = 0; i < rom.image_count; i++) {
		const struct hf_rom_image *image = &rom.images[i];

		if (image->offset != end || image->bytes.ptr != data + end ||
		    image->bytes.len == 0 || image->bytes.len > size - end)
			abort();
		if (image->last != (i + 1 == rom.image_count && rom.err == HF_OK))
			abort();
		end += image->bytes.len;
	}
	if (end != rom.chain_len)
		abort();
	return 0;
}
