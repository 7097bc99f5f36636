/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the judging reads out of single events of the firmware's log. */
#include "manifests/appraise_parts.h"

#define PCR_SECURE_BOOT 7

/* ---- device paths: UEFI 2.10, section 10.3 ---- */

enum {
	NODE_HARDWARE = 1, NODE_ACPI = 2, NODE_MEDIA = 4, NODE_END = 0x7f,
	HARDWARE_PCI = 1, ACPI_SHORT = 1, MEDIA_RANGE = 8, END_ENTIRE = 0xff,
};
#define HID_PCI_ROOT 0x0a0341d0u	/* PNP0A03 */
#define HID_PCIE_ROOT 0x0a0841d0u	/* PNP0A08 */

static bool is_root(struct hf_span body)
{
	uint64_t hid = body.len == 8 ? hf_le(body.ptr, 4) : 0;

	return hid == HID_PCI_ROOT || hid == HID_PCIE_ROOT;
}

/* The hops follow the root without anything between, and after them comes at most a range in
 * the function's ROM. Anything else (a port, a volume, a file) is on a disk or a network that
 * the function only leads to: its ROM has no part in that. */
static bool read_hops(struct hf_cursor *c, struct hf_pci_hops *ret)
{
	struct hf_pci_hops hops = { 0 };
	bool root = false, past = false;

	for (;;) {
		uint8_t type = hf_u8(c), subtype = hf_u8(c);
		uint16_t len = hf_u16le(c);
		struct hf_span body;

		if (c->bad || len < 4)
			return false;
		body = hf_take_span(c, len - 4u);
		if (c->bad)
			return false;
		if (type == NODE_END && subtype == END_ENTIRE)
			break;
		if (type == NODE_ACPI && subtype == ACPI_SHORT && !root) {
			root = is_root(body);
		} else if (type == NODE_HARDWARE && subtype == HARDWARE_PCI && root && !past) {
			if (body.len != 2 || hops.count == HF_HOPS_MAX || body.ptr[1] > 31 ||
			    body.ptr[0] > 7)
				return false;
			hops.hops[hops.count].function = body.ptr[0];
			hops.hops[hops.count++].device = body.ptr[1];
		} else if (root && (type != NODE_MEDIA || subtype != MEDIA_RANGE)) {
			return false;
		} else {
			past |= root;
		}
	}
	*ret = hops;
	return hops.count > 0;
}

/* UEFI_IMAGE_LOAD_EVENT: PC Client Platform Firmware Profile 1.05, section 10.2.3. */
bool hf_event_pci_hops(const struct hf_event *event, struct hf_pci_hops *ret)
{
	struct hf_cursor c = hf_cursor_at(event->data), path;
	uint64_t len;

	hf_take(&c, 24);	/* where it was loaded, how long it is, its link time address */
	len = hf_take_le(&c, 8);
	if (c.bad || len > hf_left(&c))
		return false;
	path = hf_cursor_at(hf_take_span(&c, (size_t)len));
	return read_hops(&path, ret);
}

/* ---- Secure Boot ---- */

static const uint8_t global_variable[16] = {	/* 8be4df61-93ca-11d2-aa0d-00e098032b8c */
	0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c,
};
static const uint8_t security_database[16] = {	/* d719b2cb-3d3a-4596-a3bc-dad00e67656f */
	0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f,
};

struct variable {
	struct hf_span vendor, name, content;	/* name in UTF-16 */
};

/* UEFI_VARIABLE_DATA, section 10.2.6; the name's length is in characters. */
static bool read_variable(struct hf_span data, struct variable *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct variable v = { .vendor = hf_take_span(&c, 16) };
	uint64_t name = hf_take_le(&c, 8), content = hf_take_le(&c, 8);

	if (c.bad || name > hf_left(&c) / 2)
		return false;
	v.name = hf_take_span(&c, (size_t)name * 2);
	if (c.bad || content != hf_left(&c))
		return false;
	v.content = hf_take_span(&c, (size_t)content);
	*ret = v;
	return true;
}

static bool is_named(const struct variable *v, const uint8_t vendor[static 16], const char *name)
{
	size_t len = strlen(name);

	if (memcmp(v->vendor.ptr, vendor, 16) != 0 || v->name.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (v->name.ptr[2 * i] != (uint8_t)name[i] || v->name.ptr[2 * i + 1] != 0)
			return false;
	return true;
}

/* The first word counts: whatever is measured after it cannot make it better. */
static enum hf_err take_variable(const struct variable *v, struct hf_platform_keys *ret)
{
	if (is_named(v, global_variable, "SecureBoot") && !ret->known) {
		ret->known = true;
		ret->on = v->content.len == 1 && v->content.ptr[0] == 1;
		return HF_OK;
	}
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++) {
		bool database = i == HF_FIRMWARE_DB || i == HF_FIRMWARE_DBX;
		const char *name = hf_firmware_key_name((enum hf_firmware_key)i);
		enum hf_err err;

		if (ret->found >> i & 1 ||
		    !is_named(v, database ? security_database : global_variable, name))
			continue;
		err = hf_digest(HF_ALG_SHA256, v->content, &ret->keys[i]);
		if (err)
			return err;
		ret->found |= 1u << i;
	}
	return HF_OK;
}

/* What PCR 7 measured before its separator, from events whose digest is that of their data;
 * an event's type is not hashed and is not asked. */
enum hf_err hf_platform_keys_read(struct hf_span log, struct hf_platform_keys *ret)
{
	struct hf_platform_keys keys = { 0 };
	struct hf_log_reader reader;
	struct hf_event event;
	enum hf_err err = hf_log_open(log, &reader);

	while (!err && hf_log_next(&reader, &event)) {
		const struct hf_digest *sha256 = hf_event_sha256(&event);
		struct variable variable;
		struct hf_digest own;

		if (event.pcr != PCR_SECURE_BOOT || event.type == HF_EV_NO_ACTION || !sha256)
			continue;
		err = hf_digest(HF_ALG_SHA256, event.data, &own);
		if (err || !hf_digest_equal(sha256, &own))
			continue;
		if (event.data.len == 4)
			break;		/* the separator, of zeros or of an error */
		if (read_variable(event.data, &variable))
			err = take_variable(&variable, &keys);
	}
	if (!err)
		err = reader.err;
	if (!err)
		*ret = keys;
	return err;
}
