/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/config.h: PCI configuration space as bytes: identity, capability walk, mask.
 * PCI Local Bus 3.0 chapter 6, PCIe base 6.0 chapter 7. [pure] */
#ifndef HF_PCIE_CONFIG_H
#define HF_PCIE_CONFIG_H

#include "measure/claim.h"

#define HF_CONFIG_MAX 4096
#define HF_CONFIG_HEADER 64

/* At least HF_CONFIG_HEADER bytes; all ones: HF_ERR_DEVICE_GONE. Follows the capability
 * lists for subsystem ids of bridges and for the serial number; a loop in them:
 * HF_ERR_CAPABILITY_LOOP. */
enum hf_err hf_config_identity(struct hf_span config, struct hf_identity *ret) HF_MUST_USE;

/* Offset of a capability, 0 when there is none. *ret_loop is set if the list is bad. */
size_t hf_config_capability(struct hf_span config, uint8_t id, bool *ret_loop);
size_t hf_config_extended_capability(struct hf_span config, uint16_t id, bool *ret_loop);

bool hf_config_is_bridge(struct hf_span config);
/* PCI Express capability: device/port type (bits 7:4) and slot implemented (bit 8). */
bool hf_config_port(struct hf_span config, uint8_t *ret_type, bool *ret_slot);
bool hf_config_has_rom(struct hf_span config);	/* a ROM BAR that is not hard-wired to zero may read 0 */

/* Zero every field that changes without anybody changing the device (status bits, link
 * and error state, assigned addresses, MSI, power state). The mask has a version, which
 * is part of the measurement's name: "config/masked-1". docs/config-mask.md lists it. */
#define HF_CONFIG_MASK_VERSION 1
void hf_config_mask(uint8_t *config, size_t len);

#endif
