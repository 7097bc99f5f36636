/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lies inside events: variables, load options, partitions, device measurements; and
 * the names of kinds. */
#include "measure/event.h"

#define SPDM_PCI_CONTEXT 16	/* bytes of DEVICE_SECURITY_EVENT_DATA_PCI_CONTEXT */
#define SPDM_DEVICE_PCI 1

/* UEFI 2.10, 3.3 and 32.4.1, as they lie in memory. */
const uint8_t hf_guid_global[HF_GUID_SIZE] = {
	0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c
};
const uint8_t hf_guid_security[HF_GUID_SIZE] = {
	0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f
};

bool hf_event_variable_parse(struct hf_span data, struct hf_event_variable *ret,
			     struct hf_span *ret_value, struct hf_span *ret_trailing)
{
	struct hf_event_variable variable = { .guid = NULL };
	struct hf_cursor c = hf_cursor_at(data);

	variable.guid = hf_take(&c, HF_GUID_SIZE);
	uint64_t characters = hf_u64le(&c), size = hf_u64le(&c);

	if (c.bad || characters > hf_left(&c) / 2)
		return false;
	variable.name = hf_take_span(&c, 2 * (size_t)characters);
	if (size > hf_left(&c))
		return false;
	*ret_value = hf_take_span(&c, (size_t)size);
	*ret_trailing = hf_take_span(&c, hf_left(&c));
	*ret = variable;
	return true;
}

bool hf_event_variable_is(const struct hf_event_variable *variable,
			  const uint8_t guid[static HF_GUID_SIZE], const char *name)
{
	size_t len = strlen(name);

	if (memcmp(variable->guid, guid, HF_GUID_SIZE) != 0 || variable->name.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (variable->name.ptr[2 * i] != (uint8_t)name[i] || variable->name.ptr[2 * i + 1])
			return false;
	return true;
}

bool hf_event_is_boot_option(const struct hf_event_variable *variable)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	char name[9] = "";

	if (variable->name.len != 2 * (sizeof(name) - 1))
		return false;
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = (char)variable->name.ptr[2 * i];
	return hf_event_variable_is(variable, hf_guid_global, name) &&
	       memcmp(name, "Boot", 4) == 0 && strspn(name + 4, digits) == 4;
}

/* EFI_LOAD_OPTION: UEFI 2.10, section 3.1.3. */
enum hf_err hf_load_option_parse(struct hf_span value, struct hf_load_option *ret)
{
	struct hf_load_option option = { .attributes = 0 };
	struct hf_cursor c = hf_cursor_at(value);

	option.attributes = hf_u32le(&c);
	size_t path = hf_u16le(&c), start = c.pos;

	while (!c.bad && hf_u16le(&c) != 0)
		;
	if (c.bad)
		return HF_ERR_EVENT_SHAPE;
	option.description = hf_span_part(value, start, c.pos - start - 2);
	option.path = hf_take_span(&c, path);
	option.data = hf_take_span(&c, hf_left(&c));
	if (c.bad)
		return HF_ERR_EVENT_SHAPE;
	*ret = option;
	return HF_OK;
}

/* EFI_PARTITION_ENTRY: UEFI 2.10, table 5.6. */
void hf_gpt_partition_at(const struct hf_event_gpt *gpt, size_t index,
			 struct hf_gpt_partition *ret)
{
	struct hf_cursor c = hf_cursor_at(hf_span_part(gpt->entries, index * gpt->entry_size,
						       gpt->entry_size));

	*ret = (struct hf_gpt_partition){ .type = hf_take(&c, HF_GUID_SIZE) };
	ret->unique = hf_take(&c, HF_GUID_SIZE);
	ret->first = hf_u64le(&c);
	ret->last = hf_u64le(&c);
	ret->attributes = hf_u64le(&c);
	ret->name = hf_take_span(&c, 72);
}

/* ---- DEVICE_SECURITY_EVENT_DATA: PFP 1.06, section 10.2.7 ---- */

static bool take_context(struct hf_cursor *c, struct hf_event_spdm *spdm)
{
	if (spdm->device_type != SPDM_DEVICE_PCI) {
		hf_take(c, hf_left(c));
		return !c->bad;
	}
	hf_u16le(c);		/* version */
	uint16_t len = hf_u16le(c);

	spdm->vendor = hf_u16le(c);
	spdm->device = hf_u16le(c);
	spdm->revision = hf_u8(c);
	spdm->class_code = (uint32_t)hf_take_le(c, 3);
	spdm->subsystem_vendor = hf_u16le(c);
	spdm->subsystem = hf_u16le(c);
	spdm->has_pci = true;
	return len == SPDM_PCI_CONTEXT && hf_cursor_done(c);
}

static struct hf_span take_path(struct hf_cursor *c)
{
	uint64_t len = hf_u64le(c);

	c->bad |= len > hf_left(c);
	return hf_take_span(c, c->bad ? 0 : (size_t)len);
}

/* Header 2. Its total length is not used: edk2 and the specification count differently. */
static bool take_version2(struct hf_cursor *c, struct hf_event_spdm *spdm)
{
	spdm->auth_state = hf_u8(c);
	hf_take(c, 1 + 4);
	spdm->device_type = hf_u32le(c);
	spdm->sub_type = hf_u32le(c);
	uint32_t sub = hf_u32le(c);

	spdm->uid = hf_u64le(c);
	spdm->path = take_path(c);
	spdm->sub = hf_take_span(c, sub);
	return take_context(c, spdm);
}

/* The first header: an SPDM measurement block lies between it and the path. */
static bool take_version1(struct hf_cursor *c, struct hf_event_spdm *spdm)
{
	hf_take(c, 2 + 4);	/* length, hash algorithm */
	spdm->device_type = hf_u32le(c);
	struct hf_cursor block = *c;

	hf_take(&block, 2);
	spdm->sub = hf_take_span(c, 4 + (size_t)hf_u16le(&block));
	spdm->path = take_path(c);
	return take_context(c, spdm);
}

bool hf_event_spdm_parse(struct hf_span data, struct hf_event_spdm *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct hf_event_spdm spdm = { .version = 0 };
	const uint8_t *signature = hf_take(&c, 16);
	bool ok = false;

	spdm.version = hf_u16le(&c);
	if (c.bad)
		return false;
	if (memcmp(signature, "SPDM Device Sec2", 16) == 0 && spdm.version == 2)
		ok = take_version2(&c, &spdm);
	else if (memcmp(signature, "SPDM Device Sec\0", 16) == 0 && spdm.version == 1)
		ok = take_version1(&c, &spdm);
	if (ok)
		*ret = spdm;
	return ok;
}

const char *hf_spdm_auth_name(uint8_t auth_state)
{
	switch (auth_state) {
	case 0:
		return "success";
	case 1:
		return "no-authentication";
	case 2:
		return "no-binding";
	case 3:
		return "no-signature";
	case 4:
		return "invalid";
	case 0xff:
		return "no-spdm";
	default:
		return NULL;
	}
}

/* ---- names ---- */

const char *hf_event_kind_name(enum hf_event_kind kind)
{
	static const char *const names[HF_EVENT_KINDS] = {
		[HF_EVENT_RAW] = "raw",
		[HF_EVENT_TEXT] = "text",
		[HF_EVENT_GUID] = "guid",
		[HF_EVENT_SEPARATOR] = "separator",
		[HF_EVENT_VARIABLE] = "variable",
		[HF_EVENT_IMAGE] = "image",
		[HF_EVENT_TAGGED] = "tagged",
		[HF_EVENT_GPT] = "gpt",
		[HF_EVENT_TABLES] = "tables",
		[HF_EVENT_BLOB] = "blob",
		[HF_EVENT_SPDM] = "spdm",
		[HF_EVENT_SPEC_ID] = "spec-id",
		[HF_EVENT_LOCALITY] = "startup-locality",
		[HF_EVENT_RIM] = "reference-manifest",
		[HF_EVENT_NV_INSTANCE] = "nv-index-instance",
		[HF_EVENT_NV_DYNAMIC] = "nv-index-dynamic",
	};

	return (unsigned)kind < HF_EVENT_KINDS ? names[kind] : "raw";
}

const char *hf_event_use_name(enum hf_event_use use)
{
	switch (use) {
	case HF_EVENT_EXTENDS:
		return "extends";
	case HF_EVENT_NOTE:
		return "note";
	case HF_EVENT_NV_INDEX:
		return "nv-index";
	case HF_EVENT_NO_SUCH_PCR:
		break;
	}
	return "no-such-pcr";
}
