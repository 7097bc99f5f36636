/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/rom.h: an expansion ROM's chain of images (PCI Firmware Specification 3.3,
 * chapter 5; NVIDIA's NPDE extension). [pure]
 *
 * The caller has hashed the whole window before anything here looks at it: a malformed
 * ROM is evidence, not a skipped one.
 */
#ifndef HF_PCIE_ROM_H
#define HF_PCIE_ROM_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_ROM_MAX (16u << 20)	/* bytes of one window */
#define HF_ROM_IMAGES_MAX 32

enum hf_rom_code { HF_ROM_CODE_PC_AT = 0, HF_ROM_CODE_OPEN_FIRMWARE = 1, HF_ROM_CODE_PA_RISC = 2, HF_ROM_CODE_EFI = 3 };

struct hf_rom_image {
	struct hf_span bytes;	/* borrowed; lies inside the window whatever the header says */
	size_t offset;		/* in the window */
	uint16_t vendor, device;
	uint8_t code_type;
	bool last;
	bool efi;		/* EFI signature 0x0ef1 present */
	bool efi_compressed;
	uint16_t efi_subsystem, efi_machine;
	uint16_t efi_offset;	/* of the PE image inside bytes */
};

/* The image that begins at offset. On failure *ret is untouched. */
enum hf_err hf_rom_image_parse(struct hf_span window, size_t offset, struct hf_rom_image *ret) HF_MUST_USE;

struct hf_rom {
	struct hf_rom_image images[HF_ROM_IMAGES_MAX];
	size_t image_count;
	size_t chain_len;	/* bytes from 0 to the end of the last image */
	enum hf_err err;	/* why the chain stopped, HF_OK after a proper last image */
};
/* Total: whatever the bytes, ret holds the images found before the first problem. */
void hf_rom_parse(struct hf_span window, struct hf_rom *ret);
const char *hf_rom_code_name(uint8_t code_type);

#endif
