/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/drive.h"

#define PAGE_SERIAL 0x80
#define PAGE_ATA 0x89
#define PAGE_HEADER 4
#define ATA_IDENTIFY 60		/* bytes from the start of the page */
#define ATA_IDENTIFY_LEN 512
/* words */
#define SERIAL_WORD 10
#define FIRMWARE_WORD 23
#define MODEL_WORD 27
#define INTEGRITY_WORD 255
#define INTEGRITY_SIGNATURE 0xa5

/* The page's own length counts from byte 4; what a file holds beyond it is no part of it. */
static enum hf_err open_page(struct hf_span page, uint8_t code, struct hf_span *ret)
{
	size_t len;

	if (page.len < PAGE_HEADER || page.ptr[1] != code)
		return HF_ERR_DRIVE_SHAPE;
	len = (size_t)hf_be(page.ptr + 2, 2);
	if (len > page.len - PAGE_HEADER)
		return HF_ERR_DRIVE_SHAPE;
	*ret = hf_span_part(page, 0, PAGE_HEADER + len);
	return HF_OK;
}

/* ACS-3 3.3.10: the first character of a word is in its upper byte. */
static void ata_string(const uint8_t *identify, size_t word, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (char)identify[2 * word + (i ^ 1)];
	out[len] = '\0';
}

enum hf_err hf_drive_ata_page(struct hf_span page, struct hf_drive_ata *ret)
{
	struct hf_span whole;
	const uint8_t *identify;
	enum hf_err err = open_page(page, PAGE_ATA, &whole);
	uint8_t sum = 0;

	if (err || whole.len < ATA_IDENTIFY + ATA_IDENTIFY_LEN)
		return HF_ERR_DRIVE_SHAPE;
	identify = whole.ptr + ATA_IDENTIFY;
	for (size_t i = 0; i < ATA_IDENTIFY_LEN; i++)
		sum = (uint8_t)(sum + identify[i]);
	if (identify[2 * INTEGRITY_WORD] == INTEGRITY_SIGNATURE && sum != 0)
		return HF_ERR_DRIVE_SHAPE;
	ata_string(identify, SERIAL_WORD, sizeof(ret->serial) - 1, ret->serial);
	ata_string(identify, FIRMWARE_WORD, sizeof(ret->firmware) - 1, ret->firmware);
	ata_string(identify, MODEL_WORD, sizeof(ret->model) - 1, ret->model);
	return HF_OK;
}

enum hf_err hf_drive_serial_page(struct hf_span page, struct hf_span *ret)
{
	struct hf_span whole;
	enum hf_err err = open_page(page, PAGE_SERIAL, &whole);

	if (err)
		return err;
	*ret = hf_span_part(whole, PAGE_HEADER, whole.len - PAGE_HEADER);
	return HF_OK;
}

bool hf_drive_address(const char *name, const char **ret_place)
{
	const char *place = NULL;
	size_t colons = 0, digits = 0;

	for (; *name; name++) {
		if (*name == ':') {
			if (digits == 0 || ++colons > 3)
				return false;
			place = place ? place : name + 1;
			digits = 0;
		} else if (*name < '0' || *name > '9' || ++digits > 20) {
			return false;
		}
	}
	if (colons != 3 || digits == 0)
		return false;
	*ret_place = place;
	return true;
}
