/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/config.h: PCI configuration space as bytes: identity, capability walk, mask.
 * PCI Local Bus 3.0 chapter 6, PCIe base 6.0 chapter 7. [pure] */
#ifndef HF_PCIE_CONFIG_H
#define HF_PCIE_CONFIG_H

#include "measure/claim.h"

#define HF_CONFIG_MAX 4096
#define HF_CONFIG_HEADER 64

/* The header alone: ids, class, revision. Less than HF_CONFIG_HEADER bytes:
 * HF_ERR_CONFIG_SHORT; all ones: HF_ERR_DEVICE_GONE. */
enum hf_err hf_config_header(struct hf_span config, struct hf_identity *ret) HF_MUST_USE;
/* The header, and the capability lists for subsystem ids of bridges and for the serial
 * number; a loop in them: HF_ERR_CAPABILITY_LOOP. */
enum hf_err hf_config_identity(struct hf_span config, struct hf_identity *ret) HF_MUST_USE;

/* Offset of a capability, 0 when there is none. *ret_loop is set if the list is bad. */
size_t hf_config_capability(struct hf_span config, uint8_t id, bool *ret_loop);
size_t hf_config_extended_capability(struct hf_span config, uint16_t id, bool *ret_loop);

/* Header type 1 or 2 (CardBus): it has a secondary and a subordinate bus number. */
bool hf_config_is_bridge(struct hf_span config);
void hf_config_buses(struct hf_span config, uint8_t *ret_secondary, uint8_t *ret_subordinate);
/* PCI Express capability: device/port type (bits 7:4) and slot implemented (bit 8). */
#define HF_PORT_ROOT 4
#define HF_PORT_UPSTREAM 5
#define HF_PORT_DOWNSTREAM 6
bool hf_config_port(struct hf_span config, uint8_t *ret_type, bool *ret_slot);
/* Device id of the virtual functions (SR-IOV), whose own id fields read all ones. */
bool hf_config_virtual_device(struct hf_span config, uint16_t *ret_device);
/* The ROM BAR reads other than 0. One that reads 0 may be there and have no address. */
bool hf_config_has_rom(struct hf_span config);
bool hf_config_decodes_memory(struct hf_span config);	/* COMMAND bit 1 */

/* Zero every field (table below) that changes without anybody changing the device (status bits, link
 * and error state, assigned addresses, MSI, power state). The mask has a version, which
 * is part of the measurement's name: "config/masked-1". docs/config-mask.md lists it. */
#define HF_CONFIG_MASK_VERSION 1
void hf_config_mask(uint8_t *config, size_t len);

enum hf_mask_place { HF_MASK_HEADER, HF_MASK_CAPABILITY, HF_MASK_EXTENDED };
struct hf_mask_row {
	enum hf_mask_place place;
	uint16_t id;		/* header type, capability id or extended capability id */
	uint16_t offset;	/* from the start of the header or capability */
	uint16_t len;		/* bytes; cut off where the next capability begins */
	uint16_t bits;		/* of a 2-byte field: only these; 0: all of it */
	const char *what;
};
extern const struct hf_mask_row hf_mask_rows[];
extern const size_t hf_mask_row_count;

#endif
