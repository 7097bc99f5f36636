/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration space: both lists, identity, mask. */
#include <stdlib.h>
#include <string.h>

#include "pcie/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span config = { data, size > HF_CONFIG_MAX ? HF_CONFIG_MAX : size };
	uint8_t *copy = malloc(config.len + 1), *again = malloc(config.len + 1);
	struct hf_identity id = { .vendor = 0xaaaa };
	uint8_t secondary, subordinate, type;
	uint16_t device;
	bool loop = false, slot;

	if (!copy || !again)
		abort();
	if (hf_config_identity(config, &id) != HF_OK && id.vendor != 0xaaaa)
		abort();
	for (unsigned cap = 0; cap < 0x16; cap++)
		if (hf_config_capability(config, (uint8_t)cap, &loop) >= config.len && config.len)
			abort();
	for (unsigned cap = 1; cap < 0x34; cap++)
		if (hf_config_extended_capability(config, (uint16_t)cap, &loop) >= config.len &&
		    config.len)
			abort();
	hf_config_buses(config, &secondary, &subordinate);
	hf_config_port(config, &type, &slot);
	hf_config_virtual_device(config, &device);
	hf_config_has_rom(config);
	hf_config_decodes_memory(config);
	if (config.len)
		memcpy(copy, data, config.len);
	copy[config.len] = 0x5a;
	hf_config_mask(copy, config.len);
	if (copy[config.len] != 0x5a)
		abort();
	memcpy(again, copy, config.len + 1);
	hf_config_mask(again, config.len);
	if (memcmp(again, copy, config.len + 1) != 0)
		abort();
	free(copy);
	free(again);
	return 0;
}
