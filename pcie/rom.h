/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/rom.h: an expansion ROM as spans: its chain of images (PCI Firmware Specification
 * 3.3, chapter 5; NVIDIA's NPDE extension), what lies before, between and behind them, and
 * images that the chain does not announce. [pure]
 *
 * The caller has hashed the whole window before anything here looks at it: a malformed
 * ROM is evidence, not a skipped one. Every byte of the window is in exactly one of the
 * images, the gaps and the tail; unlisted images lie inside the tail.
 */
#ifndef HF_PCIE_ROM_H
#define HF_PCIE_ROM_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_ROM_MAX (16u << 20)	/* bytes of one window, and of the whole BAR */
#define HF_ROM_IMAGES_MAX 32
#define HF_ROM_UNLISTED_MAX 16
#define HF_ROM_BLOCK 512u	/* an image begins at a multiple of it */

enum hf_rom_code { HF_ROM_CODE_PC_AT = 0, HF_ROM_CODE_OPEN_FIRMWARE = 1, HF_ROM_CODE_PA_RISC = 2, HF_ROM_CODE_EFI = 3 };

struct hf_rom_image {
	struct hf_span bytes;	/* borrowed; lies inside the window whatever the header says */
	size_t offset;		/* in the window */
	uint16_t vendor, device;
	uint16_t revision;	/* the vendor's, of its code */
	uint8_t code_type;
	bool last;
	bool efi;		/* EFI signature 0x0ef1 present */
	bool efi_compressed;
	uint16_t efi_subsystem, efi_machine;
	uint16_t efi_offset;	/* of the PE image inside bytes */
	uint32_t efi_end;	/* where firmware takes it to end; may be wrong: see hf_rom_efi_program */
};

/* The image that begins at offset. On failure *ret is untouched. */
enum hf_err hf_rom_image_parse(struct hf_span window, size_t offset, struct hf_rom_image *ret) HF_MUST_USE;
/* The bytes that firmware loads from an EFI image, still compressed where they are; empty
 * where it would load none (edk2, PciOptionRomSupport.c). image: the bytes of that image. */
struct hf_span hf_rom_efi_program(struct hf_span image, const struct hf_rom_image *header);

struct hf_rom {
	struct hf_rom_image images[HF_ROM_IMAGES_MAX];
	size_t image_count;
	size_t chain_at;	/* where the first image begins; 0 without one */
	size_t chain_len;	/* from there to the end of the last image, gaps included */
	enum hf_err err;	/* why the chain stopped, HF_OK after a proper last image */
	struct hf_span gaps[HF_ROM_IMAGES_MAX];	/* before the first image, between images */
	size_t gap_count;
	struct hf_span tail;	/* behind the chain; without an image: the whole window */
	/* Well-formed images in the tail, at its multiples of HF_ROM_BLOCK. More than the limit:
	 * unlisted_more, the tail holds them all the same. */
	struct hf_rom_image unlisted[HF_ROM_UNLISTED_MAX];
	size_t unlisted_count;
	bool unlisted_more;
};
/* Total: whatever the bytes, ret holds the images found before the first problem. Each
 * block of the window is looked at twice at most as the possible begin of an image. */
void hf_rom_parse(struct hf_span window, struct hf_rom *ret);
/* All bytes 0x00 or all 0xff, or none at all. */
bool hf_rom_is_blank(struct hf_span bytes);
const char *hf_rom_code_name(uint8_t code_type);
/* The product string of a legacy image's PnP expansion header, empty where there is none.
 * What does not print is left out; at most cap - 1 bytes and a NUL. */
void hf_rom_pnp_product(struct hf_span image, char *ret, size_t cap);

#endif
