/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One option ROM image whole: decompression, PE, certificate table, PKCS #7. The input is an
 * image; where its first byte is not that of one, it is a program, which gets a header. */
#include <stdlib.h>

#include "pcie/efi_image.h"

#define OFFSET 0x34u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void printable(const char *text, size_t cap)
{
	const char *end = memchr(text, 0, cap);

	if (!end)
		abort();
	for (; text < end; text++)
		if (*text < 0x20 || *text > 0x7e)
			abort();
}

static void examine(struct hf_span image, const struct hf_rom_image *header)
{
	struct hf_efi_findings found;

	memset(&found, 0xaa, sizeof(found));
	hf_efi_image_examine(image, header, &found);
	printable(found.signer, sizeof(found.signer));
	printable(found.version, sizeof(found.version));
	if (found.authenticode_count != (found.has_program && !found.program_err ? HF_EFI_DIGESTS : 0))
		abort();
	if (found.program_err && found.program_err != HF_ERR_ROM_COMPRESSION &&
	    found.program_err != HF_ERR_PE_SHAPE)
		abort();
	if (found.signer_err && found.signer_err != HF_ERR_IMAGE_SIGNATURE)
		abort();
	if (found.program_err && (found.signer_err || found.signer[0]))
		abort();
	if (found.program_size > HF_EFI_PROGRAM_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_rom_image header;

	if (size && data[0] == 0x55) {
		if (hf_rom_image_parse((struct hf_span){ data, size }, 0, &header) == HF_OK)
			examine(header.bytes, &header);
		return 0;
	}
	uint8_t *image = malloc(OFFSET + size);

	if (!image)
		return 0;
	memset(image, 0, OFFSET);
	if (size)
		memcpy(image + OFFSET, data, size);
	header = (struct hf_rom_image){ .code_type = HF_ROM_CODE_EFI, .efi = true,
		.efi_offset = OFFSET, .efi_end = (uint32_t)(OFFSET + size) };
	examine((struct hf_span){ image, OFFSET + size }, &header);
	header.efi_compressed = true;
	examine((struct hf_span){ image, OFFSET + size }, &header);
	free(image);
	return 0;
}
