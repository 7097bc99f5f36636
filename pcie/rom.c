/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/rom.h"

#define ROM_LAST 0x80
#define ROM_MIN 26u		/* header up to and with the PCIR pointer */
#define ROM_PCIR_POINTER 0x18
#define ROM_PNP_POINTER 0x1a
#define PNP_PRODUCT 0x10	/* Plug and Play BIOS Specification 1.0a, section 3.2: offset of a text */
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
		*size = hf_le(npde.ptr + 8, 2) * HF_ROM_BLOCK;
	*last = npde.ptr[10] & ROM_LAST;
}

static void parse_efi(struct hf_rom_image *image)
{
	struct hf_cursor c = hf_cursor_at(image->bytes);

	hf_seek(&c, 2);
	image->efi_end = hf_u16le(&c) * HF_ROM_BLOCK;
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
	size_t size = hf_u16le(&c) * (size_t)HF_ROM_BLOCK;

	image.revision = hf_u16le(&c);
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

struct hf_span hf_rom_efi_program(struct hf_span image, const struct hf_rom_image *header)
{
	if (!header->efi || header->efi_end > image.len || header->efi_offset >= header->efi_end)
		return (struct hf_span){ image.ptr, 0 };
	return hf_span_part(image, header->efi_offset, header->efi_end - header->efi_offset);
}

/* The first image may begin late (NVIDIA's IFR header before it), and firmware steps over
 * blocks without a signature behind an image that is not the last. *at moves to the image. */
static enum hf_err next_image(struct hf_span window, size_t *at, bool first, struct hf_rom_image *ret)
{
	enum hf_err problem = HF_ERR_ROM_TRUNCATED;

	for (size_t i = *at; i == *at || i < window.len; i += HF_ROM_BLOCK) {
		enum hf_err err = hf_rom_image_parse(window, i, ret);

		/* a signature that only later images may have does not begin a chain */
		if (!err && first && memcmp(ret->bytes.ptr, "\x55\xaa", 2) != 0)
			err = HF_ERR_ROM_SIGNATURE;
		if (i == *at)
			problem = err;
		if (!err) {
			*at = i;
			return HF_OK;
		}
		if (i == *at && err != HF_ERR_ROM_SIGNATURE)
			return err;
	}
	return problem;
}

static void parse_chain(struct hf_span window, struct hf_rom *ret)
{
	size_t end = 0;

	do {
		struct hf_rom_image image;
		size_t at = end;

		if (ret->image_count == HF_ROM_IMAGES_MAX) {
			ret->err = HF_ERR_ROM_TOO_MANY_IMAGES;
			return;
		}
		ret->err = next_image(window, &at, ret->image_count == 0, &image);
		if (ret->err) {
			/* What follows an image that is not the last is no image at all. */
			if (ret->image_count && (end == window.len || ret->err == HF_ERR_ROM_SIGNATURE))
				ret->err = HF_ERR_ROM_NO_LAST_IMAGE;
			return;
		}
		if (at > end)
			ret->gaps[ret->gap_count++] = hf_span_part(window, end, at - end);
		if (ret->image_count == 0)
			ret->chain_at = at;
		end = at + image.bytes.len;
		ret->chain_len = end - ret->chain_at;
		ret->images[ret->image_count++] = image;
	} while (!ret->images[ret->image_count - 1].last);
}

static void find_unlisted(struct hf_span window, struct hf_rom *ret)
{
	size_t step = HF_ROM_BLOCK;

	for (size_t at = window.len - ret->tail.len; at < window.len; at += step) {
		struct hf_rom_image image;

		step = HF_ROM_BLOCK;
		if (hf_rom_image_parse(window, at, &image))
			continue;
		if (ret->unlisted_count == HF_ROM_UNLISTED_MAX) {
			ret->unlisted_more = true;
			return;
		}
		ret->unlisted[ret->unlisted_count++] = image;
		step = image.bytes.len;
	}
}

void hf_rom_parse(struct hf_span window, struct hf_rom *ret)
{
	size_t end;

	memset(ret, 0, sizeof(*ret));
	parse_chain(window, ret);
	end = ret->chain_at + ret->chain_len;
	ret->tail = hf_span_part(window, end, window.len - end);
	find_unlisted(window, ret);
}

bool hf_rom_is_blank(struct hf_span bytes)
{
	if (bytes.len == 0)
		return true;
	return (bytes.ptr[0] == 0x00 || bytes.ptr[0] == 0xff) &&
	       memcmp(bytes.ptr, bytes.ptr + 1, bytes.len - 1) == 0;
}

void hf_rom_pnp_product(struct hf_span image, char *ret, size_t cap)
{
	struct hf_cursor c = hf_cursor_at(image);
	size_t len = 0;

	hf_seek(&c, ROM_PNP_POINTER);
	size_t pnp = hf_u16le(&c);

	hf_seek(&c, pnp);
	const uint8_t *magic = hf_take(&c, 4);

	hf_seek(&c, pnp + PNP_PRODUCT);
	size_t text = hf_u16le(&c);

	ret[0] = '\0';
	if (c.bad || pnp < ROM_MIN || memcmp(magic, "$PnP", 4) != 0 || text == 0)
		return;
	for (; text < image.len && image.ptr[text] && len + 1 < cap; text++)
		if (image.ptr[text] >= 0x20 && image.ptr[text] <= 0x7e)
			ret[len++] = (char)image.ptr[text];
	ret[len] = '\0';
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
