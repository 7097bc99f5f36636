/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expansion ROMs: images, gaps and tail are the window, each byte once and in order; what the
 * chain does not announce lies in the tail. */
#include <stdlib.h>

#include "pcie/rom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void in_chain(const struct hf_rom *rom, const uint8_t *data, size_t size)
{
	size_t at = 0, gap = 0;

	for (size_t i = 0; i < rom->image_count; i++) {
		const struct hf_rom_image *image = &rom->images[i];

		if (image->offset > at) {
			if (gap == rom->gap_count || rom->gaps[gap].ptr != data + at ||
			    rom->gaps[gap].len != image->offset - at)
				abort();
			gap++;
		}
		if (i == 0 && (image->offset != rom->chain_at ||
			       memcmp(image->bytes.ptr, "\x55\xaa", 2) != 0))
			abort();
		if (image->offset < at || image->bytes.ptr != data + image->offset ||
		    image->bytes.len == 0 || image->bytes.len > size - image->offset)
			abort();
		if (image->last != (i + 1 == rom->image_count && rom->err == HF_OK))
			abort();
		at = image->offset + image->bytes.len;
	}
	if (gap != rom->gap_count || at != rom->chain_at + rom->chain_len)
		abort();
	if (rom->tail.len != size - at || (rom->tail.len && rom->tail.ptr != data + at))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_rom rom;
	char product[64];

	hf_rom_parse((struct hf_span){ data, size }, &rom);
	if (rom.image_count > HF_ROM_IMAGES_MAX || rom.unlisted_count > HF_ROM_UNLISTED_MAX)
		abort();
	in_chain(&rom, data, size);
	size_t at = size - rom.tail.len;

	for (size_t i = 0; i < rom.unlisted_count; i++) {
		const struct hf_rom_image *image = &rom.unlisted[i];

		if (image->offset < at || image->bytes.ptr != data + image->offset ||
		    image->bytes.len == 0 || image->bytes.len > size - image->offset)
			abort();
		at = image->offset + image->bytes.len;
	}
	for (size_t i = 0; i < rom.image_count; i++) {
		struct hf_span image = rom.images[i].bytes;
		struct hf_span program = hf_rom_efi_program(image, &rom.images[i]);

		if (program.len && (program.ptr < image.ptr ||
				    program.ptr + program.len > image.ptr + image.len))
			abort();
		hf_rom_pnp_product(image, product, sizeof(product));
		if (strlen(product) >= sizeof(product))
			abort();
	}
	return 0;
}
