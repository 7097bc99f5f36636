/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/rom.h"

#define ROM_BLOCK 512u
#define ROM_LAST 0x80
#define ROM_MIN 26u		/* header up to and with the PCIR pointer */
#define ROM_PCIR_POINTER 0x18
#define EFI_SIGNATURE 0x0ef1u
#define EFI_COMPRESSED 1
#define VENDOR_NVIDIA 0x10de

static bool header_signature(uint16_t sig, size_t offset)
{
	/* NVIDIA's second and later images may use signatures of their own. */
	return sig == 0xaa55 || (offset != 0 && (sig == 0xbb77 || sig == 0x4e56));
}

static bool data_signature(const uint8_t *magic)
{
	return memcmp(magic, "PCIR", 4) == 0 || memcmp(magic, "NPDS", 4) == 0 ||
	       memcmp(magic, "RGIS", 4) == 0;
}

/* NVIDIA's NPCI data extension follows the PCI data structure on a 16-byte boundary and
 * overrides its length and last-image bit (Linux, gpu/nova/core/vbios). Other vendors'
 * ROMs have no say in it: firmware would not honour it there. */
static void apply_npde(struct hf_span image, size_t at, size_t *size, bool *last)
{
	struct hf_span npde = hf_span_part(image, at, 11);

	if (npde.len == 0 || memcmp(npde.ptr, "NPDE", 4) != 0)
		return;
	if (hf_le(npde.ptr + 8, 2) != 0)
		*size = hf_le(npde.ptr + 8, 2) * ROM_BLOCK;
	*last = npde.ptr[10] & ROM_LAST;
}

static void parse_efi(struct hf_rom_image *image)
{
	struct hf_cursor c = hf_cursor_at(image->bytes);

	hf_seek(&c, 4);
	if (hf_u32le(&c) != EFI_SIGNATURE)
		return;
	image->efi_subsystem = hf_u16le(&c);
	image->efi_machine = hf_u16le(&c);
	image->efi_compressed = hf_u16le(&c) == EFI_COMPRESSED;
	hf_seek(&c, 0x16);
	image->efi_offset = hf_u16le(&c);
	image->efi = !c.bad;
}

enum hf_err hf_rom_image_parse(struct hf_span window, size_t offset, struct hf_rom_image *ret)
{
	struct hf_rom_image image = { .offset = offset };

	if (offset >= window.len)
		return HF_ERR_ROM_TRUNCATED;
	struct hf_span rom = hf_span_part(window, offset, window.len - offset);
	struct hf_cursor c = hf_cursor_at(rom);
	uint16_t sig = hf_u16le(&c);

	if (!c.bad && !header_signature(sig, offset))
		return HF_ERR_ROM_SIGNATURE;
	hf_seek(&c, ROM_PCIR_POINTER);
	size_t pcir = hf_u16le(&c);

	hf_seek(&c, pcir);
	const uint8_t *magic = hf_take(&c, 4);

	if (c.bad)
		return HF_ERR_ROM_TRUNCATED;
	if (pcir < ROM_MIN || !data_signature(magic))
		return HF_ERR_ROM_SIGNATURE;
	image.vendor = hf_u16le(&c);
	image.device = hf_u16le(&c);
	hf_take(&c, 2);		/* device list */
	size_t pcir_len = hf_u16le(&c);

	hf_take(&c, 4);		/* revision, class */
	size_t size = hf_u16le(&c) * (size_t)ROM_BLOCK;

	hf_take(&c, 2);		/* vendor's code revision */
	image.code_type = hf_u8(&c);
	image.last = hf_u8(&c) & ROM_LAST;
	if (c.bad)
		return HF_ERR_ROM_TRUNCATED;
	if (image.vendor == VENDOR_NVIDIA)
		apply_npde(rom, (pcir + pcir_len + 15) & ~(size_t)15, &size, &image.last);
	if (size < c.pos || size > rom.len)	/* also catches size == 0 */
		return HF_ERR_ROM_IMAGE_LENGTH;
	image.bytes = (struct hf_span){ rom.ptr, size };
	if (image.code_type == HF_ROM_CODE_EFI)
		parse_efi(&image);
	*ret = image;
	return HF_OK;
}

void hf_rom_parse(struct hf_span window, struct hf_rom *ret)
{
	memset(ret, 0, sizeof(*ret));
	do {
		struct hf_rom_image *image = &ret->images[ret->image_count];

		if (ret->image_count == HF_ROM_IMAGES_MAX) {
			ret->err = HF_ERR_ROM_TOO_MANY_IMAGES;
			return;
		}
		ret->err = hf_rom_image_parse(window, ret->chain_len, image);
		if (ret->err) {
			/* What follows an image that is not the last is no image at all. */
			if (ret->image_count && (ret->chain_len == window.len ||
						 ret->err == HF_ERR_ROM_SIGNATURE))
				ret->err = HF_ERR_ROM_NO_LAST_IMAGE;
			return;
		}
		ret->chain_len += image->bytes.len;
		ret->image_count++;
	} while (!ret->images[ret->image_count - 1].last);
}

const char *hf_rom_code_name(uint8_t code_type)
{
	switch (code_type) {
	case HF_ROM_CODE_PC_AT:
		return "PC-AT";
	case HF_ROM_CODE_OPEN_FIRMWARE:
		return "Open Firmware";
	case HF_ROM_CODE_PA_RISC:
		return "PA-RISC";
	case HF_ROM_CODE_EFI:
		return "EFI";
	default:
		return "unknown";
	}
}
