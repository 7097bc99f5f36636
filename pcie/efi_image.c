/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/efi_image.h"

#include <stdio.h>

#include "pcie/efi_decompress.h"
#include "pcie/pe_signer.h"

static uint8_t unpacked[HF_EFI_PROGRAM_MAX];	/* no page of it exists until one is written */

enum hf_err hf_efi_program(struct hf_span image, const struct hf_rom_image *header, struct hf_span *ret)
{
	struct hf_span program = hf_rom_efi_program(image, header);
	enum hf_err err;
	size_t len;

	if (program.len == 0)
		return HF_ERR_PE_SHAPE;
	if (header->efi_compressed) {
		err = hf_efi_decompress(program, unpacked, sizeof(unpacked), &len);
		if (err)
			return err;
		program = (struct hf_span){ unpacked, len };
	}
	*ret = program;
	return HF_OK;
}

static enum hf_err update(void *self, struct hf_span bytes)
{
	return hf_hasher_update(self, bytes);
}

static enum hf_err digests(struct hf_span program, struct hf_efi_findings *ret)
{
	struct hf_digest found[HF_ALG_COUNT] = { 0 };	/* no byte of the stack goes out */
	struct hf_hasher *hasher = NULL;
	size_t count = 0;
	enum hf_err err = hf_hasher_new(HF_CLAIM_ALGS, &hasher);

	if (!err)
		err = hf_pe_authenticode(program, update, hasher);
	if (!err)
		err = hf_hasher_final(hasher, found, &count);
	if (!err && count != HF_EFI_DIGESTS)
		err = HF_ERR_INTERNAL;
	hf_hasher_free(hasher);
	if (err)
		return err;
	memcpy(ret->authenticode, found, sizeof(ret->authenticode));
	ret->authenticode_count = count;
	return HF_OK;
}

static void version(struct hf_span image, const struct hf_rom_image *header, struct hf_efi_findings *ret)
{
	char product[HF_EFI_VERSION_MAX - 32] = "";

	if (header->code_type == HF_ROM_CODE_PC_AT)
		hf_rom_pnp_product(image, product, sizeof(product));
	if (header->revision)
		snprintf(ret->version, sizeof(ret->version), "%s%srevision 0x%04x", product,
			 product[0] ? ", " : "", header->revision);
	else
		snprintf(ret->version, sizeof(ret->version), "%s", product);
}

void hf_efi_image_examine(struct hf_span image, const struct hf_rom_image *header,
			  struct hf_efi_findings *ret)
{
	struct hf_span program;

	memset(ret, 0, sizeof(*ret));
	version(image, header, ret);
	if (!header->efi)
		return;
	ret->has_program = true;
	ret->compressed = header->efi_compressed;
	ret->program_err = hf_efi_program(image, header, &program);
	if (ret->program_err)
		return;
	ret->program_size = program.len;
	ret->program_err = digests(program, ret);
	if (!ret->program_err)
		ret->signer_err = hf_pe_signer(program, ret->signer, sizeof(ret->signer));
}
