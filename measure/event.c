/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shape of each event type's data: PC Client PFP 1.06, sections 10.2.3 to 10.4. */
#include "measure/event.h"

#include "measure/event_shape.h"
#include "measure/event_text.h"

#define NV_HANDLE 0x01u		/* TPM 2.0 Part 2, 7.2: high byte of an NV index */
#define SEPARATOR_ERROR 1u

/* ---- text ---- */

/* Where no other shape is laid down: text if it is text, else raw. */
bool hf_event_take_words(struct hf_span data, struct hf_event_data *ret)
{
	bool ascii = hf_is_ascii(data);

	if (!ascii && !hf_is_utf16(data))
		return true;
	ret->kind = HF_EVENT_TEXT;
	ret->u.text.bytes = data;
	ret->u.text.utf16 = !ascii;
	return true;
}

static bool take_action(struct hf_span data, struct hf_event_data *ret)
{
	return hf_is_ascii(data) && hf_event_take_words(data, ret);
}

/* GRUB and others measure a text without the words in front of it and without its NUL. */
static bool take_ipl(struct hf_span data, struct hf_event_data *ret)
{
	static const char *const prefixes[] = { "grub_cmd: ", "kernel_cmdline: ",
						"module_cmdline: " };
	size_t skip = 0, len = data.len;

	if (!hf_is_ascii(data))
		return hf_event_take_words(data, ret);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (hf_event_begins(data, prefixes[i], strlen(prefixes[i])))
			skip = strlen(prefixes[i]);
	while (len > skip && data.ptr[len - 1] == 0)
		len--;
	ret->value = hf_span_part(data, skip, len - skip);
	return hf_event_take_words(data, ret);
}

/* ---- addresses ---- */

static bool take_base(struct hf_cursor *c, struct hf_span description, struct hf_event_data *ret)
{
	struct hf_event_blob blob = { .description = description };

	blob.base = hf_u64le(c);
	blob.length = hf_u64le(c);
	if (!hf_cursor_done(c))
		return false;
	ret->kind = HF_EVENT_BLOB;
	ret->u.blob = blob;
	return true;
}

static bool take_blob(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);

	return take_base(&c, (struct hf_span){ NULL, 0 }, ret);
}

static bool take_blob2(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct hf_span description = hf_take_span(&c, hf_u8(&c));

	return take_base(&c, description, ret);
}

/* A text such as "ACPI DATA", or where in memory the code was; makers do both. */
static bool take_code(struct hf_span data, struct hf_event_data *ret)
{
	if (!hf_is_ascii(data) && (take_blob(data, ret) || take_blob2(data, ret)))
		return true;
	return hf_event_take_words(data, ret);
}

/* PFP 10.4.1, EV_S_CRTM_VERSION: a UTF-16 text or a GUID. A text of 16 bytes is told by
 * the zero in every second byte. */
static bool take_version(struct hf_span data, struct hf_event_data *ret)
{
	bool wide = true;

	for (size_t i = 1; i < data.len; i += 2)
		wide &= data.ptr[i] == 0;
	if (data.len == HF_GUID_SIZE && !wide && !hf_is_ascii(data)) {
		ret->kind = HF_EVENT_GUID;
		ret->u.guid = data.ptr;
		return true;
	}
	if (data.len == 2 && data.ptr[0] == 0 && data.ptr[1] == 0) {	/* edk2's own: none */
		ret->kind = HF_EVENT_TEXT;
		ret->u.text.bytes = data;
		ret->u.text.utf16 = true;
		return true;
	}
	return hf_event_take_words(data, ret);
}

static bool take_tables_at(struct hf_cursor *c, struct hf_span description,
			   struct hf_event_data *ret)
{
	uint64_t count = hf_u64le(c);

	if (c->bad || hf_left(c) % HF_TABLE_ENTRY || count != hf_left(c) / HF_TABLE_ENTRY)
		return false;
	ret->kind = HF_EVENT_TABLES;
	ret->u.tables.description = description;
	ret->u.tables.count = (size_t)count;
	ret->u.tables.entries = hf_take_span(c, hf_left(c));
	return true;
}

static bool take_tables(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);

	return take_tables_at(&c, (struct hf_span){ NULL, 0 }, ret);
}

static bool take_tables2(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct hf_span description = hf_take_span(&c, hf_u8(&c));

	return take_tables_at(&c, description, ret);
}

/* ---- the rest of UEFI ---- */

/* Windows starts its own PCRs, 12 to 14, with "WBCL". */
static bool take_separator(struct hf_span data, struct hf_event_data *ret)
{
	if (data.len == 4 && hf_event_begins(data, "WBCL", 4))
		return hf_event_take_words(data, ret);

	uint32_t value = data.len == 4 ? (uint32_t)hf_le(data.ptr, 4) : 2;

	if (value != 0 && value != 0xffffffffu && value != SEPARATOR_ERROR)
		return false;
	ret->kind = HF_EVENT_SEPARATOR;
	ret->u.separator.failed = value == SEPARATOR_ERROR;
	return true;
}

static bool take_variable(struct hf_span data, struct hf_event_data *ret)
{
	if (!hf_event_variable_parse(data, &ret->u.variable, &ret->value, &ret->trailing))
		return false;
	ret->kind = HF_EVENT_VARIABLE;
	return true;
}

static bool take_image(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct hf_event_image image = { .address = 0 };

	image.address = hf_u64le(&c);
	image.length = hf_u64le(&c);
	image.link_address = hf_u64le(&c);
	uint64_t path = hf_u64le(&c);

	if (c.bad || path > hf_left(&c))
		return false;
	image.path = hf_take_span(&c, (size_t)path);
	ret->trailing = hf_take_span(&c, hf_left(&c));
	ret->kind = HF_EVENT_IMAGE;
	ret->u.image = image;
	return true;
}

static bool take_spdm(struct hf_span data, struct hf_event_data *ret)
{
	if (!hf_event_spdm_parse(data, &ret->u.spdm))
		return false;
	ret->kind = HF_EVENT_SPDM;
	return true;
}

/* edk2 measures the variable "devdb" and its entries here, others the device itself. */
static bool take_device_key(struct hf_span data, struct hf_event_data *ret)
{
	return take_variable(data, ret) || take_spdm(data, ret);
}

/* EFI_PARTITION_TABLE_HEADER (UEFI 2.10, table 5.5), then the entries in use. */
static bool take_gpt(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct hf_event_gpt gpt = { .disk = NULL };
	const uint8_t *signature = hf_take(&c, 8);

	hf_take(&c, 4 + 4 + 4 + 4 + 4 * 8);	/* revision to the last usable block */
	gpt.disk = hf_take(&c, HF_GUID_SIZE);
	hf_take(&c, 8 + 4);			/* where the entries are, how many */
	gpt.entry_size = hf_u32le(&c);
	hf_take(&c, 4);
	uint64_t count = hf_u64le(&c);

	if (c.bad || memcmp(signature, "EFI PART", 8) != 0 || gpt.entry_size < HF_GPT_ENTRY ||
	    hf_left(&c) % gpt.entry_size || count != hf_left(&c) / gpt.entry_size)
		return false;
	gpt.count = (size_t)count;
	gpt.entries = hf_take_span(&c, hf_left(&c));
	ret->kind = HF_EVENT_GPT;
	ret->u.gpt = gpt;
	return true;
}

/* drivers/firmware/efi/libstub of Linux; src/fundamental/tpm2-pcr.h of systemd. */
static const struct { uint32_t id; const char *name; } tags[] = {
	{ HF_TAG_BEGIN, "holdfast-begin" },
	{ HF_TAG_PART, "holdfast-part" },
	{ HF_TAG_END, "holdfast-end" },
	{ HF_TAG_CAP, "holdfast-cap" },
	{ 0x8f3b22ecu, "linux-initrd" },
	{ 0x8f3b22edu, "linux-load-options" },
	{ 0xf5bc582au, "systemd-loader-conf" },
	{ 0x6c46f751u, "systemd-devicetree-addon" },
	{ 0x49dffe0fu, "systemd-initrd-addon" },
	{ 0xdac08e1au, "systemd-ucode-addon" },
	{ 0x13aed6dbu, "systemd-uki-profile" },
	{ 0xd5cb7cbcu, "systemd-smbios-type1" },
	{ 0xe0d47bc8u, "systemd-smbios-type2" },
	{ 0xc0b3bd23u, "systemd-smbios-type11" },
};

static bool take_tagged(struct hf_span data, struct hf_event_data *ret)
{
	struct hf_cursor c = hf_cursor_at(data);
	struct hf_event_tagged tagged = { .name = NULL };

	tagged.id = hf_u32le(&c);
	struct hf_span value = hf_take_span(&c, hf_u32le(&c));

	if (!hf_cursor_done(&c))
		return false;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (tags[i].id == tagged.id)
			tagged.name = tags[i].name;
	ret->kind = HF_EVENT_TAGGED;
	ret->u.tagged = tagged;
	ret->value = value;
	return true;
}

/* ---- the table ---- */

/* Types that are not here have no shape of their own: hf_event_take_words. */
static const struct { uint32_t type; take_shape take; } shapes[] = {
	{ 0x1, take_code },			/* EV_POST_CODE */
	{ HF_EV_NO_ACTION, hf_event_take_note },
	{ HF_EV_SEPARATOR, take_separator },
	{ 0x5, take_action },			/* EV_ACTION */
	{ HF_EV_EVENT_TAG, take_tagged },
	{ 0x7, take_code },			/* EV_S_CRTM_CONTENTS */
	{ 0x8, take_version },
	{ HF_EV_IPL, take_ipl },
	{ 0x13, take_code },			/* EV_POST_CODE2 */
	{ HF_EV_EFI_VARIABLE_DRIVER_CONFIG, take_variable },
	{ 0x80000002u, take_variable },		/* EV_EFI_VARIABLE_BOOT */
	{ HF_EV_EFI_BOOT_SERVICES_APPLICATION, take_image },
	{ HF_EV_EFI_BOOT_SERVICES_DRIVER, take_image },
	{ HF_EV_EFI_RUNTIME_SERVICES_DRIVER, take_image },
	{ 0x80000006u, take_gpt },
	{ HF_EV_EFI_ACTION, take_action },
	{ 0x80000008u, take_blob },
	{ HF_EV_EFI_HANDOFF_TABLES, take_tables },
	{ 0x8000000au, take_blob2 },
	{ 0x8000000bu, take_tables2 },
	{ 0x8000000cu, take_variable },		/* EV_EFI_VARIABLE_BOOT2 */
	{ 0x8000000du, take_gpt },
	{ 0x80000010u, take_action },		/* EV_EFI_HCRTM_EVENT */
	{ 0x800000e0u, take_variable },		/* EV_EFI_VARIABLE_AUTHORITY */
	{ 0x800000e1u, take_spdm },
	{ 0x800000e2u, take_spdm },
	{ 0x800000e3u, take_device_key },	/* EV_EFI_SPDM_DEVICE_POLICY */
	{ 0x800000e4u, take_device_key },	/* EV_EFI_SPDM_DEVICE_AUTHORITY */
};

static struct hf_event_data shape_of(const struct hf_event *event)
{
	struct hf_event_data data = { .kind = HF_EVENT_RAW };
	take_shape take = hf_event_take_words;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].type == event->type)
			take = shapes[i].take;
	if (take(event->data, &data))
		return data;
	return (struct hf_event_data){ .kind = HF_EVENT_RAW, .err = HF_ERR_EVENT_SHAPE };
}

/* ---- what the digest covers ---- */

static bool digest_is(const struct hf_digest *digest, struct hf_span bytes)
{
	struct hf_digest own;

	return hf_digest(digest->alg, bytes, &own) == HF_OK && hf_digest_equal(digest, &own);
}

static enum hf_event_bound bound_by(const struct hf_digest *digest, const struct hf_event *event,
				    const struct hf_event_data *data)
{
	if (digest_is(digest, event->data))
		return HF_BOUND_DATA;
	return data->value.ptr && digest_is(digest, data->value) ? HF_BOUND_VALUE : HF_BOUND_NONE;
}

/* The digest of EV_NO_ACTION is in no PCR; that of an image is the program's. */
static bool can_bind(const struct hf_event *event)
{
	return event->type != HF_EV_NO_ACTION &&
	       event->type != HF_EV_EFI_BOOT_SERVICES_APPLICATION &&
	       event->type != HF_EV_EFI_BOOT_SERVICES_DRIVER &&
	       event->type != HF_EV_EFI_RUNTIME_SERVICES_DRIVER;
}

void hf_event_decode(const struct hf_event *event, struct hf_event_data *ret)
{
	struct hf_event_data data = shape_of(event);
	bool can = can_bind(event) && event->digest_count > 0;
	enum hf_event_bound bound = can ? HF_BOUND_DATA : HF_BOUND_NONE;

	for (size_t i = 0; i < event->digest_count && bound != HF_BOUND_NONE; i++) {
		enum hf_event_bound here = bound_by(&event->digests[i], event, &data);

		if (i > 0 && here != bound)	/* banks that disagree bind nothing */
			here = HF_BOUND_NONE;
		bound = here;
	}
	data.bound = bound;
	*ret = data;
}

enum hf_event_bound hf_event_bound(const struct hf_event *event, enum hf_alg alg)
{
	struct hf_event_data data = shape_of(event);

	for (size_t i = 0; i < event->digest_count && can_bind(event); i++)
		if (event->digests[i].alg == alg)
			return bound_by(&event->digests[i], event, &data);
	return HF_BOUND_NONE;
}

enum hf_event_use hf_event_use(const struct hf_event *event)
{
	if (event->type == HF_EV_NO_ACTION)
		return event->pcr >> 24 == NV_HANDLE ? HF_EVENT_NV_INDEX : HF_EVENT_NOTE;
	return event->pcr < HF_PCR_COUNT ? HF_EVENT_EXTENDS : HF_EVENT_NO_SUCH_PCR;
}
