/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/config.h"

/* PCI Local Bus Specification 3.0, chapter 6; PCI Express Base 6.0, chapter 7. */
enum {
	CFG_VENDOR = 0x00,
	CFG_COMMAND = 0x04,
	CFG_STATUS = 0x06,
	CFG_REVISION = 0x08,
	CFG_CLASS = 0x09,
	CFG_HEADER_TYPE = 0x0e,
	CFG_SECONDARY = 0x19,
	CFG_SUBORDINATE = 0x1a,
	CFG_SUBSYSTEM = 0x2c,
	CFG_ROM = 0x30,
	CFG_CAPABILITIES = 0x34,
	CFG_BRIDGE_ROM = 0x38,
	CFG_CARDBUS_CAPABILITIES = 0x14,
	CFG_CARDBUS_SUBSYSTEM = 0x40,
	CFG_CONVENTIONAL_SIZE = 256,
};
#define STATUS_CAPABILITIES 0x10
#define COMMAND_MEMORY 0x02
#define CAP_SUBSYSTEM 0x0d
#define CAP_EXPRESS 0x10
#define ECAP_SERIAL 0x0003
#define ECAP_SRIOV 0x0010
#define SRIOV_VF_DEVICE 0x1a

static bool has(struct hf_span config, size_t offset, size_t n)
{
	return offset <= config.len && n <= config.len - offset;
}

static uint32_t field(struct hf_span config, size_t offset, size_t n)
{
	return has(config, offset, n) ? (uint32_t)hf_le(config.ptr + offset, n) : 0;
}

static uint8_t header_type(struct hf_span config)
{
	return (uint8_t)(field(config, CFG_HEADER_TYPE, 1) & 0x7f);
}

size_t hf_config_capability(struct hf_span config, uint8_t id, bool *ret_loop)
{
	uint64_t seen = 0;	/* one bit per dword of the 256 bytes */
	size_t at;

	if (!(field(config, CFG_STATUS, 2) & STATUS_CAPABILITIES))
		return 0;
	at = field(config, header_type(config) == 2 ? CFG_CARDBUS_CAPABILITIES : CFG_CAPABILITIES,
		   1) & 0xfc;
	while (at != 0) {
		if (at < HF_CONFIG_HEADER || seen & 1ull << at / 4) {
			*ret_loop = true;
			return 0;
		}
		seen |= 1ull << at / 4;
		if (!has(config, at, 2))	/* beyond what was readable */
			return 0;
		if (config.ptr[at] == 0xff) {
			*ret_loop = true;
			return 0;
		}
		if (config.ptr[at] == id)
			return at;
		at = config.ptr[at + 1] & 0xfc;
	}
	return 0;
}

size_t hf_config_extended_capability(struct hf_span config, uint16_t id, bool *ret_loop)
{
	uint8_t seen[HF_CONFIG_MAX / 4 / 8] = { 0 };
	size_t at = CFG_CONVENTIONAL_SIZE;

	while (has(config, at, 4)) {
		uint32_t header = field(config, at, 4);

		if (header == 0 && at == CFG_CONVENTIONAL_SIZE)
			return 0;
		if (header == 0xffffffff) {
			*ret_loop |= at != CFG_CONVENTIONAL_SIZE;
			return 0;
		}
		seen[at / 32] |= (uint8_t)(1u << at / 4 % 8);
		if ((header & 0xffff) == id)
			return at;
		at = header >> 20 & 0xffc;
		if (at == 0)
			return 0;
		if (at < CFG_CONVENTIONAL_SIZE || seen[at / 32] & 1u << at / 4 % 8) {
			*ret_loop = true;
			return 0;
		}
	}
	return 0;
}

enum hf_err hf_config_header(struct hf_span config, struct hf_identity *ret)
{
	struct hf_identity id = { 0 };

	if (config.len < HF_CONFIG_HEADER)
		return HF_ERR_CONFIG_SHORT;
	id.vendor = (uint16_t)field(config, CFG_VENDOR, 2);
	id.device = (uint16_t)field(config, CFG_VENDOR + 2, 2);
	if (id.vendor == 0xffff)
		return HF_ERR_DEVICE_GONE;
	id.revision = config.ptr[CFG_REVISION];
	id.class_code = field(config, CFG_CLASS, 3);
	id.header_type = header_type(config);
	if (id.header_type == 0) {
		id.subsystem_vendor = (uint16_t)field(config, CFG_SUBSYSTEM, 2);
		id.subsystem_device = (uint16_t)field(config, CFG_SUBSYSTEM + 2, 2);
	}
	*ret = id;
	return HF_OK;
}

enum hf_err hf_config_identity(struct hf_span config, struct hf_identity *ret)
{
	struct hf_identity id;
	bool loop = false;
	enum hf_err err = hf_config_header(config, &id);
	size_t at = 0;

	if (err)
		return err;
	if (id.header_type == 1 && (at = hf_config_capability(config, CAP_SUBSYSTEM, &loop)) != 0)
		at += 4;
	else if (id.header_type == 2)
		at = CFG_CARDBUS_SUBSYSTEM;
	if (at) {
		id.subsystem_vendor = (uint16_t)field(config, at, 2);
		id.subsystem_device = (uint16_t)field(config, at + 2, 2);
	}
	/* Ids that no list ends with: walks both lists to their ends. */
	hf_config_capability(config, 0xff, &loop);
	at = hf_config_extended_capability(config, ECAP_SERIAL, &loop);
	if (at && has(config, at + 4, 8)) {
		id.has_serial = true;
		id.serial = hf_le(config.ptr + at + 4, 8);
	}
	hf_config_extended_capability(config, 0xffff, &loop);
	if (loop)
		return HF_ERR_CAPABILITY_LOOP;
	*ret = id;
	return HF_OK;
}

bool hf_config_is_bridge(struct hf_span config)
{
	uint8_t type = header_type(config);

	return config.len >= HF_CONFIG_HEADER && (type == 1 || type == 2);
}

void hf_config_buses(struct hf_span config, uint8_t *ret_secondary, uint8_t *ret_subordinate)
{
	bool bridge = hf_config_is_bridge(config);

	*ret_secondary = bridge ? config.ptr[CFG_SECONDARY] : 0;
	*ret_subordinate = bridge ? config.ptr[CFG_SUBORDINATE] : 0;
}

bool hf_config_port(struct hf_span config, uint8_t *ret_type, bool *ret_slot)
{
	bool loop = false;
	size_t at = hf_config_capability(config, CAP_EXPRESS, &loop);
	uint32_t flags;

	if (!at || !has(config, at, 4))
		return false;
	flags = field(config, at + 2, 2);
	*ret_type = (uint8_t)(flags >> 4 & 0xf);
	*ret_slot = flags & 0x100;
	return true;
}

bool hf_config_virtual_device(struct hf_span config, uint16_t *ret_device)
{
	bool loop = false;
	size_t at = hf_config_extended_capability(config, ECAP_SRIOV, &loop);

	if (!at || !has(config, at + SRIOV_VF_DEVICE, 2))
		return false;
	*ret_device = (uint16_t)field(config, at + SRIOV_VF_DEVICE, 2);
	return true;
}

bool hf_config_has_rom(struct hf_span config)
{
	if (config.len < HF_CONFIG_HEADER)
		return false;
	switch (header_type(config)) {
	case 0:
		return field(config, CFG_ROM, 4) != 0;
	case 1:
		return field(config, CFG_BRIDGE_ROM, 4) != 0;
	default:
		return false;
	}
}

bool hf_config_decodes_memory(struct hf_span config)
{
	return field(config, CFG_COMMAND, 2) & COMMAND_MEMORY;
}
