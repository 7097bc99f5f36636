/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/efi_image.h: everything that is read out of one option ROM image after it was hashed:
 * the EFI program in it (unpacked where it is compressed), that program's Authenticode
 * digests as firmware logs them, who signed it, and what it says of its version.
 *
 * One function, so that it can run in a process of its own that may do nothing else: no file
 * is opened, what is written is *ret alone, and the struct holds no pointer. It uses static
 * memory of HF_EFI_PROGRAM_MAX bytes for the unpacked program: not for two threads at once.
 * UEFI 2.10 sections 14.4.21 (EFI images in option ROMs) and 19 (compression).
 */
#ifndef HF_PCIE_EFI_IMAGE_H
#define HF_PCIE_EFI_IMAGE_H

#include "measure/digest.h"
#include "pcie/rom.h"

#define HF_EFI_PROGRAM_MAX (16u << 20)	/* bytes of one unpacked program */
#define HF_EFI_SIGNER_MAX 512		/* bytes of text with the NUL */
#define HF_EFI_VERSION_MAX 160
#define HF_EFI_DIGESTS 2

struct hf_efi_findings {
	bool has_program;	/* an EFI image: all below but version speaks of its program */
	/* HF_OK: digests are there. HF_ERR_ROM_COMPRESSION: it does not unpack. HF_ERR_PE_SHAPE:
	 * firmware would not load it. Others (memory ran out): not the image's fault. */
	enum hf_err program_err;
	bool compressed;
	uint64_t program_size;		/* bytes, unpacked; 0 after HF_ERR_ROM_COMPRESSION */
	struct hf_digest authenticode[HF_EFI_DIGESTS];	/* SHA-256, SHA-384 */
	size_t authenticode_count;	/* HF_EFI_DIGESTS where program_err is HF_OK, else 0 */
	/* A signature that does not fit the program, or none that can be read where the program
	 * says that there is one: HF_ERR_IMAGE_SIGNATURE. signer may say more beside it. */
	enum hf_err signer_err;
	char signer[HF_EFI_SIGNER_MAX];		/* printable; empty: not signed */
	char version[HF_EFI_VERSION_MAX];	/* printable; empty: it says nothing */
};

/* image: the bytes that header describes (header->bytes is not looked at). Total: whatever
 * the bytes, ret says what was found. */
void hf_efi_image_examine(struct hf_span image, const struct hf_rom_image *header,
			  struct hf_efi_findings *ret);

/* The program alone, unpacked where it is compressed, for `holdfast rom --extract`. It lies in
 * image or in the static memory, until the next call of either function. */
enum hf_err hf_efi_program(struct hf_span image, const struct hf_rom_image *header,
			   struct hf_span *ret) HF_MUST_USE;

#endif
