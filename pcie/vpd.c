/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/vpd.h"

#define TAG_IDENTIFIER 0x82	/* large resource: two bytes of length follow */
#define TAG_READ_ONLY 0x90
#define TAG_READ_WRITE 0x91
#define TAG_END 0x78		/* small resource without data */

static bool is_keyword(const uint8_t *p)
{
	for (size_t i = 0; i < 2; i++)
		if (!((p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9')))
			return false;
	return true;
}

const struct hf_vpd_field *hf_vpd_find(const struct hf_vpd *vpd, const char *keyword)
{
	for (size_t i = 0; i < vpd->count; i++)
		if (strcmp(vpd->fields[i].keyword, keyword) == 0)
			return &vpd->fields[i];
	return NULL;
}

static enum hf_err add_field(struct hf_vpd *vpd, const char keyword[static 3], bool writable,
			     struct hf_span data)
{
	if (vpd->count == HF_VPD_FIELDS_MAX || hf_vpd_find(vpd, keyword))
		return HF_ERR_VPD_SHAPE;
	vpd->fields[vpd->count] = (struct hf_vpd_field){ .writable = writable, .data = data };
	memcpy(vpd->fields[vpd->count++].keyword, keyword, 3);
	return HF_OK;
}

/* Everything up to the first byte of RV and with it adds up to zero. */
static bool sums_to_zero(struct hf_span vpd, size_t end)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < end; i++)
		sum = (uint8_t)(sum + vpd.ptr[i]);
	return sum == 0;
}

/* The keywords of one list: c stands at its first, end is where it ends. *ret_checked: RV
 * was there, right, and the last. */
static enum hf_err parse_list(struct hf_cursor *c, size_t end, bool writable, struct hf_vpd *vpd,
			      bool *ret_checked)
{
	bool last = false;

	while (c->pos < end) {
		const uint8_t *name = hf_take(c, 2);
		size_t len = hf_u8(c);
		struct hf_span data = hf_take_span(c, len);
		enum hf_err err = HF_OK;

		if (c->bad || c->pos > end || last || !is_keyword(name))
			return HF_ERR_VPD_SHAPE;
		const char keyword[3] = { (char)name[0], (char)name[1], '\0' };

		if (!writable && strcmp(keyword, "RV") == 0) {
			if (len == 0 || !sums_to_zero(c->in, c->pos - len + 1))
				return HF_ERR_VPD_SHAPE;
			last = *ret_checked = true;
		} else if (writable && strcmp(keyword, "RW") == 0) {
			last = true;	/* room that is left */
		} else {
			err = add_field(vpd, keyword, writable, data);
		}
		if (err)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_vpd_parse(struct hf_span bytes, struct hf_vpd *ret)
{
	struct hf_cursor c = hf_cursor_at(bytes);
	struct hf_vpd vpd = { .count = 0 };
	uint8_t tag, before = 0;
	bool checked = false;
	enum hf_err err = HF_OK;

	if (bytes.len > HF_VPD_MAX)
		return HF_ERR_VPD_SHAPE;
	/* Ascending, each at most once: identifier, read-only, read-write. */
	while ((tag = hf_u8(&c)) != TAG_END) {
		size_t len = hf_u16le(&c), end = c.pos + len;

		if (c.bad || len > hf_left(&c) || tag <= before ||
		    (before == 0 && tag != TAG_IDENTIFIER))
			return HF_ERR_VPD_SHAPE;
		before = tag;
		if (tag == TAG_IDENTIFIER)
			vpd.identifier = hf_take_span(&c, len);
		else if (tag == TAG_READ_ONLY || tag == TAG_READ_WRITE)
			err = parse_list(&c, end, tag == TAG_READ_WRITE, &vpd, &checked);
		else
			return HF_ERR_VPD_SHAPE;
		if (err)
			return err;
	}
	if (c.bad || !checked)
		return HF_ERR_VPD_SHAPE;
	vpd.len = c.pos;
	*ret = vpd;
	return HF_OK;
}
