/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an event's data say, as JSON. Addresses are texts, "0x1000": JSON has no 64 bits. */
#include <stdio.h>

#include "controller/log_json.h"
#include "measure/secure_boot.h"

#define TEXT 512
#define PATH 1024	/* bytes of a device path's text */

static void set_hex(json_t *json, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	json_object_set_new(json, key, json_string(text));
}

static void set_utf16(json_t *json, const char *key, struct hf_span utf16)
{
	char text[TEXT];

	hf_utf16_text(utf16, text, sizeof(text));
	json_object_set_new(json, key, json_string(text));
}

static void set_bytes(json_t *json, const char *key, struct hf_span bytes)
{
	char text[TEXT];

	hf_bytes_text(bytes, text, sizeof(text));
	json_object_set_new(json, key, json_string(text));
}

static void set_guid(json_t *json, const char *key, const uint8_t guid[static HF_GUID_SIZE])
{
	char text[HF_GUID_TEXT];

	hf_guid_text(guid, text);
	json_object_set_new(json, key, json_string(text));
}

/* A GUID, and the name that people know it by. */
static void set_named(json_t *json, const uint8_t guid[static HF_GUID_SIZE], const char *key)
{
	const char *name = hf_guid_name(guid);

	set_guid(json, "guid", guid);
	json_object_set_new(json, key, name ? json_string(name) : json_null());
}

static void set_path(json_t *json, struct hf_span path)
{
	char text[PATH];
	enum hf_err err = hf_path_text(path, text, sizeof(text));

	json_object_set_new(json, "device-path", json_string(text));
	if (err)
		json_object_set_new(json, "device-path-cause", json_string(hf_err_name(err)));
}

static void set_size(json_t *json, const char *key, uint64_t size)
{
	if (size > INT64_MAX)
		set_hex(json, key, size);
	else
		json_object_set_new(json, key, json_integer((json_int_t)size));
}

/* ---- variables ---- */

static json_t *signature_json(const struct hf_signature *signature)
{
	json_t *json = json_object();
	const char *type = hf_guid_name(signature->type);
	struct hf_digest digest;

	if (type)
		json_object_set_new(json, "type", json_string(type));
	else
		set_guid(json, "type", signature->type);
	set_guid(json, "owner", signature->owner);
	set_size(json, "size", signature->data.len);
	if (type && strncmp(type, "SHA", 3) == 0)	/* a digest by itself */
		json_object_set_new(json, "digest", hf_hex_json(signature->data));
	else if (hf_digest(HF_ALG_SHA256, signature->data, &digest) == HF_OK)
		json_object_set_new(json, "sha256", hf_digest_json(&digest));
	return json;
}

json_t *hf_signatures_json(struct hf_span content, enum hf_err *ret_err)
{
	struct hf_signature_reader reader = hf_signatures_at(content);
	struct hf_signature signature;
	json_t *list = json_array();

	while (hf_signature_next(&reader, &signature))
		json_array_append_new(list, signature_json(&signature));
	*ret_err = reader.err;
	return list;
}

static json_t *boot_order_json(struct hf_span value)
{
	struct hf_cursor c = hf_cursor_at(value);
	json_t *list = json_array();

	while (hf_left(&c) >= 2) {
		char name[16];

		snprintf(name, sizeof(name), "Boot%04X", hf_u16le(&c));
		json_array_append_new(list, json_string(name));
	}
	return list;
}

static json_t *boot_option_json(struct hf_span value)
{
	struct hf_load_option option;
	json_t *json = json_object();
	enum hf_err err = hf_load_option_parse(value, &option);

	if (err) {
		json_object_set_new(json, "cause", json_string(hf_err_name(err)));
		return json;
	}
	set_utf16(json, "description", option.description);
	json_object_set_new(json, "active", json_boolean(option.attributes & 1));
	set_hex(json, "attributes", option.attributes);
	set_path(json, option.path);
	set_size(json, "data-size", option.data.len);
	return json;
}

static bool holds_signatures(const struct hf_event_variable *variable)
{
	for (enum hf_secure_boot_key key = 0; key < HF_KEY_COUNT; key++)
		if (hf_event_variable_is(variable, key <= HF_KEY_KEK ? hf_guid_global
								     : hf_guid_security,
					 hf_secure_boot_key_name(key)))
			return true;
	return false;
}

static void set_variable(json_t *json, const struct hf_event *event,
			 const struct hf_event_data *data)
{
	const struct hf_event_variable *variable = &data->u.variable;
	struct hf_span value = data->value;
	struct hf_digest digest;
	enum hf_err err;

	set_named(json, variable->guid, "namespace");
	set_utf16(json, "name", variable->name);
	set_size(json, "value-size", value.len);
	if (hf_digest(HF_ALG_SHA256, value, &digest) == HF_OK)
		json_object_set_new(json, "value-sha256", hf_digest_json(&digest));
	if (hf_event_variable_is(variable, hf_guid_global, "SecureBoot"))
		json_object_set_new(json, "enabled", json_boolean(value.len == 1 && value.ptr[0]));
	else if (hf_event_variable_is(variable, hf_guid_global, "BootOrder"))
		json_object_set_new(json, "boot-order", boot_order_json(value));
	else if (hf_event_is_boot_option(variable))
		json_object_set_new(json, "boot-option", boot_option_json(value));
	else if (event->type != HF_EV_EFI_VARIABLE_AUTHORITY && holds_signatures(variable)) {
		json_object_set_new(json, "signatures", hf_signatures_json(value, &err));
		if (err)
			json_object_set_new(json, "signatures-cause",
					    json_string(hf_err_name(err)));
	}
}

/* ---- the rest ---- */

static void set_image(json_t *json, const struct hf_event *event,
		      const struct hf_event_image *image)
{
	struct hf_event_pci_path pci;
	json_t *hops;

	set_hex(json, "address", image->address);
	set_hex(json, "length", image->length);
	set_hex(json, "link-address", image->link_address);
	set_path(json, image->path);
	if (hf_event_device_path_pci(event, &pci) || !pci.found)
		return;
	hops = json_array();
	for (size_t i = 0; i < pci.count; i++) {
		char hop[16];

		snprintf(hop, sizeof(hop), "%02x.%x", pci.hops[i].device, pci.hops[i].function);
		json_array_append_new(hops, json_string(hop));
	}
	json_object_set_new(json, "pci-root", json_integer(pci.root_uid));
	json_object_set_new(json, "pci-hops", hops);
	if (!pci.has_range)
		return;
	set_hex(json, "rom-first-byte", pci.range_start);
	set_hex(json, "rom-last-byte", pci.range_end);
}

static void set_gpt(json_t *json, const struct hf_event_gpt *gpt)
{
	json_t *list = json_array();

	set_guid(json, "disk", gpt->disk);
	for (size_t i = 0; i < gpt->count; i++) {
		struct hf_gpt_partition partition;
		json_t *entry = json_object();

		hf_gpt_partition_at(gpt, i, &partition);
		set_utf16(entry, "name", partition.name);
		set_guid(entry, "type", partition.type);
		set_guid(entry, "guid", partition.unique);
		set_hex(entry, "first-block", partition.first);
		set_hex(entry, "last-block", partition.last);
		set_hex(entry, "attributes", partition.attributes);
		json_array_append_new(list, entry);
	}
	json_object_set_new(json, "partitions", list);
}

static void set_tables(json_t *json, const struct hf_event_tables *tables)
{
	struct hf_cursor c = hf_cursor_at(tables->entries);
	json_t *list = json_array();

	if (tables->description.ptr)
		set_bytes(json, "description", tables->description);
	for (size_t i = 0; i < tables->count; i++) {
		const uint8_t *guid = hf_take(&c, HF_GUID_SIZE);
		json_t *entry = json_object();

		if (guid)
			set_named(entry, guid, "name");
		set_hex(entry, "address", hf_u64le(&c));
		json_array_append_new(list, entry);
	}
	json_object_set_new(json, "tables", list);
}

static void set_spdm(json_t *json, const struct hf_event_spdm *spdm)
{
	const char *auth = hf_spdm_auth_name(spdm->auth_state);
	char text[32];

	json_object_set_new(json, "version", json_integer(spdm->version));
	if (spdm->version == 2) {
		json_object_set_new(json, "auth-state", json_integer(spdm->auth_state));
		json_object_set_new(json, "auth", auth ? json_string(auth) : json_null());
		json_object_set_new(json, "sub-type", json_integer(spdm->sub_type));
		set_hex(json, "uid", spdm->uid);
	}
	json_object_set_new(json, "device-type", json_integer(spdm->device_type));
	set_path(json, spdm->path);
	set_size(json, "sub-size", spdm->sub.len);
	if (!spdm->has_pci)
		return;
	snprintf(text, sizeof(text), "%04x:%04x", spdm->vendor, spdm->device);
	json_object_set_new(json, "pci-id", json_string(text));
	snprintf(text, sizeof(text), "%04x:%04x", spdm->subsystem_vendor, spdm->subsystem);
	json_object_set_new(json, "pci-subsystem", json_string(text));
	snprintf(text, sizeof(text), "%06x", spdm->class_code);
	json_object_set_new(json, "pci-class", json_string(text));
	snprintf(text, sizeof(text), "%02x", spdm->revision);
	json_object_set_new(json, "pci-revision", json_string(text));
}

static void set_tagged(json_t *json, const struct hf_event_data *data)
{
	const char *name = data->u.tagged.name;

	set_hex(json, "tag-id", data->u.tagged.id);
	json_object_set_new(json, "tag-name", name ? json_string(name) : json_null());
	set_size(json, "value-size", data->value.len);
}

static void set_text(json_t *json, struct hf_span bytes, bool utf16)
{
	if (utf16)
		set_utf16(json, "text", bytes);
	else
		set_bytes(json, "text", bytes);
}

/* Without the kinds that have their own functions above. */
static void set_small(json_t *json, const struct hf_event_data *data)
{
	if (data->kind == HF_EVENT_BLOB) {
		if (data->u.blob.description.ptr)
			set_bytes(json, "description", data->u.blob.description);
		set_hex(json, "base", data->u.blob.base);
		set_hex(json, "length", data->u.blob.length);
	} else if (data->kind == HF_EVENT_RIM) {
		json_object_set_new(json, "version", json_integer(data->u.rim.version));
		json_object_set_new(json, "manufacturer", json_integer(data->u.rim.manufacturer));
		set_guid(json, "guid", data->u.rim.guid);
	} else if (data->kind == HF_EVENT_NV_DYNAMIC) {
		set_hex(json, "uid", data->u.dynamic.uid);
		set_bytes(json, "description", data->u.dynamic.description);
		set_size(json, "value-size", data->u.dynamic.data.len);
	}
}

json_t *hf_event_decoded_json(const struct hf_event *event, const struct hf_event_data *data)
{
	json_t *json = json_object();

	switch (data->kind) {
	case HF_EVENT_RAW:
	case HF_EVENT_SPEC_ID:
		break;
	case HF_EVENT_TEXT:
		set_text(json, data->u.text.bytes, data->u.text.utf16);
		break;
	case HF_EVENT_GUID:
		set_guid(json, "guid", data->u.guid);
		break;
	case HF_EVENT_SEPARATOR:
		json_object_set_new(json, "failed", json_boolean(data->u.separator.failed));
		break;
	case HF_EVENT_VARIABLE:
		set_variable(json, event, data);
		break;
	case HF_EVENT_IMAGE:
		set_image(json, event, &data->u.image);
		break;
	case HF_EVENT_TAGGED:
		set_tagged(json, data);
		break;
	case HF_EVENT_GPT:
		set_gpt(json, &data->u.gpt);
		break;
	case HF_EVENT_TABLES:
		set_tables(json, &data->u.tables);
		break;
	case HF_EVENT_SPDM:
	case HF_EVENT_NV_INSTANCE:
		set_spdm(json, &data->u.spdm);
		break;
	case HF_EVENT_LOCALITY:
		json_object_set_new(json, "locality", json_integer(data->u.locality.number));
		break;
	case HF_EVENT_BLOB:
	case HF_EVENT_RIM:
	case HF_EVENT_NV_DYNAMIC:
		set_small(json, data);
		break;
	}
	if (data->trailing.len)
		set_size(json, "trailing-bytes", data->trailing.len);
	return json;
}
