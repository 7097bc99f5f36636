/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/smbios.h: the table in which firmware describes its machine (SMBIOS, DSP0134 3.7).
 * Firmware wrote it, and whoever can write firmware can write this: labels and names, never
 * proof. Pure; spans borrow from the table.
 *
 * hf_smbios_open -> hf_smbios_walk -> hf_smbios_next until false, then walk.err; or
 * hf_smbios_facts, which does all of that. What is not of the table's shape is
 * HF_ERR_SMBIOS_SHAPE. [pure]
 */
#ifndef HF_PCIE_SMBIOS_H
#define HF_PCIE_SMBIOS_H

#include "measure/claim.h"

#define HF_SMBIOS_ENTRY "firmware/dmi/tables/smbios_entry_point"	/* below /sys */
#define HF_SMBIOS_TABLE "firmware/dmi/tables/DMI"
#define HF_SMBIOS_ENTRY_MAX 64		/* bytes */
#define HF_SMBIOS_TABLE_MAX (1u << 20)	/* bytes */
#define HF_SMBIOS_STRUCTURES_MAX 8192
#define HF_SMBIOS_STRINGS_MAX 255	/* of one structure: their number is one byte */
#define HF_SMBIOS_STRING_MAX 1024	/* bytes */
#define HF_SMBIOS_PROCESSORS_MAX 16	/* whose text is kept */

struct hf_smbios {
	struct hf_span table;
	uint8_t major, minor;
	uint32_t structures;	/* how many the entry point announces; 0: it does not say */
};
/* Checksums, version, lengths. table may be shorter than the entry point says (the kernel
 * cuts it after the last structure), never longer. */
enum hf_err hf_smbios_open(struct hf_span entry, struct hf_span table, struct hf_smbios *ret) HF_MUST_USE;

struct hf_smbios_structure {
	uint8_t type;
	uint16_t handle;
	struct hf_span data;	/* header and formatted area: offsets as in the specification */
	struct hf_span strings;	/* each with its NUL; without the one that ends the set */
};
struct hf_smbios_walk {
	const struct hf_smbios *smbios;
	size_t pos;
	uint32_t seen;
	bool over;
	enum hf_err err;
};
struct hf_smbios_walk hf_smbios_walk(const struct hf_smbios *smbios);
/* False: the end was reached (walk->err HF_OK) or the table is bad from here on. */
bool hf_smbios_next(struct hf_smbios_walk *walk, struct hf_smbios_structure *ret);
/* The string whose number stands at this offset; ptr NULL: none. */
struct hf_span hf_smbios_string(const struct hf_smbios_structure *s, size_t offset);

/* Type 9 (7.10). */
enum hf_smbios_usage { HF_SMBIOS_AVAILABLE = 3, HF_SMBIOS_IN_USE = 4, HF_SMBIOS_UNAVAILABLE = 5 };
struct hf_smbios_slot {
	struct hf_span designation;	/* ptr NULL: none */
	uint8_t type, width, usage;	/* as coded there */
	bool has_address;		/* 2.6 and later, and of a PCI slot */
	struct hf_address address;
	uint8_t base_width, peers;	/* 3.2 and later; 0: not said */
	uint8_t information, physical_width;	/* 3.4 and later; 0: not said */
};
bool hf_smbios_slot(const struct hf_smbios_structure *s, struct hf_smbios_slot *ret);

/* Type 41 (7.42), enabled or not. */
struct hf_smbios_onboard {
	struct hf_span designation;
	bool enabled;
	struct hf_address address;
};
bool hf_smbios_onboard(const struct hf_smbios_structure *s, struct hf_smbios_onboard *ret);

enum hf_smbios_name {	/* text of the first structure that has it */
	HF_SMBIOS_BIOS_VENDOR, HF_SMBIOS_BIOS_VERSION, HF_SMBIOS_BIOS_DATE,
	HF_SMBIOS_VENDOR, HF_SMBIOS_PRODUCT, HF_SMBIOS_VERSION, HF_SMBIOS_SERIAL,
	HF_SMBIOS_SKU, HF_SMBIOS_FAMILY,
	HF_SMBIOS_BOARD_VENDOR, HF_SMBIOS_BOARD, HF_SMBIOS_BOARD_SERIAL,
	HF_SMBIOS_CHASSIS_SERIAL, HF_SMBIOS_CHASSIS_ASSET,
};
#define HF_SMBIOS_NAMES (HF_SMBIOS_CHASSIS_ASSET + 1)
#define HF_SMBIOS_UUID_TEXT 37

struct hf_smbios_facts {
	struct hf_span name[HF_SMBIOS_NAMES];	/* ptr NULL: none */
	char uuid[HF_SMBIOS_UUID_TEXT];		/* "" where there is none */
	uint32_t structures;
	uint32_t processor_sockets, processors;	/* and how many of them hold one */
	struct hf_span processor[HF_SMBIOS_PROCESSORS_MAX];	/* version text of those */
	uint32_t oem_strings;
	uint32_t memory_sockets, memory_devices;
	uint64_t memory_mib;
	uint32_t slots, onboard;
};
enum hf_err hf_smbios_facts(const struct hf_smbios *smbios, struct hf_smbios_facts *ret) HF_MUST_USE;

#endif
