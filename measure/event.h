/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/event.h: what the data of a firmware's event says. PC Client PFP 1.06, section
 * 10.4; UEFI 2.10, chapters 3 (load options), 5 (GPT) and 10 (device paths). [pure]
 *
 * hf_event_decode is total: data that has not the shape of its event's type is raw bytes
 * with a cause, never a refusal of the whole log. Every span borrows from the log.
 *
 * An event's type is not hashed, and of most types the data are not either. `bound` says
 * what the digest covers, and only what it covers may ever decide anything; the rest are
 * words for people. An image-load event is never bound: its digest is the program's.
 */
#ifndef HF_MEASURE_EVENT_H
#define HF_MEASURE_EVENT_H

#include "measure/log.h"

#define HF_GUID_SIZE 16
#define HF_GUID_TEXT 37			/* bytes, with NUL */
#define HF_EVENT_PCI_HOPS_MAX 16	/* functions between a root and a device */
#define HF_PATH_NODES_MAX 64		/* nodes of a device path that are read */

/* ---- device paths ---- */
struct hf_path_node {
	uint8_t type, subtype;	/* UEFI 2.10, table 10.1 */
	struct hf_span data;	/* without the node's header */
};
/* Walk: false at the end of the path, or where it is malformed: then cursor->bad is set.
 * A path ends with its End Entire node and has nothing behind that. */
bool hf_path_next(struct hf_cursor *cursor, struct hf_path_node *ret);
/* As UEFI writes it, "PciRoot(0x0)/Pci(0x1F,0x2)/\EFI\BOOT\BOOTX64.EFI"; a node that we
 * do not know as Path(type,subtype,hex). Printable UTF-8 with NUL; what does not fit ends
 * in "...". A malformed path is written as far as it reads, then HF_ERR_EVENT_SHAPE. */
enum hf_err hf_path_text(struct hf_span path, char *out, size_t cap);

/* The functions that lead to what an image-load event started, from the root bridge on. */
struct hf_event_pci_path {
	bool found;		/* a root bridge and at least one hop */
	uint32_t root_uid;	/* ACPI _UID of the root bridge: no bus number */
	struct { uint8_t device, function; } hops[HF_EVENT_PCI_HOPS_MAX];
	size_t count;
	bool has_range;		/* from an option ROM: where in the ROM the image lay */
	uint64_t range_start, range_end;	/* bytes, both inclusive */
};
/* Device paths are not hashed: this labels a driver, it never decides. HF_OK with !found
 * where the path leads through no PCI function; HF_ERR_EVENT_SHAPE: no image-load event, or
 * a malformed one; HF_ERR_LIMIT: more than HF_EVENT_PCI_HOPS_MAX hops. */
enum hf_err hf_event_device_path_pci(const struct hf_event *event,
				     struct hf_event_pci_path *ret) HF_MUST_USE;

/* ---- text ---- */
/* Lower-case, as UEFI writes it: the first three fields are little-endian. */
void hf_guid_text(const uint8_t guid[static HF_GUID_SIZE], char out[static HF_GUID_TEXT]);
const char *hf_guid_name(const uint8_t guid[static HF_GUID_SIZE]);	/* or NULL */
/* UTF-16LE up to its NUL, and bytes, as printable UTF-8 with NUL. Tabs and line ends become
 * blanks; other controls, unpaired surrogates and what would hide or reorder text, '?'; what
 * does not fit ends in "...". cap is at least 8. */
void hf_utf16_text(struct hf_span utf16, char *out, size_t cap);
void hf_bytes_text(struct hf_span bytes, char *out, size_t cap);

/* ---- events ---- */
enum hf_event_kind {
	HF_EVENT_RAW,		/* nothing is known of these bytes */
	HF_EVENT_TEXT,		/* u.text */
	HF_EVENT_GUID,		/* u.guid: of an S-CRTM version */
	HF_EVENT_SEPARATOR,	/* u.separator */
	HF_EVENT_VARIABLE,	/* u.variable */
	HF_EVENT_IMAGE,		/* u.image */
	HF_EVENT_TAGGED,	/* u.tagged */
	HF_EVENT_GPT,		/* u.gpt */
	HF_EVENT_TABLES,	/* u.tables */
	HF_EVENT_BLOB,		/* u.blob */
	HF_EVENT_SPDM,		/* u.spdm */
	HF_EVENT_SPEC_ID,	/* a second one */
	HF_EVENT_LOCALITY,	/* u.locality */
	HF_EVENT_RIM,		/* u.rim: SP800-155 */
	HF_EVENT_NV_INSTANCE,	/* u.spdm: what an NV index was extended with */
	HF_EVENT_NV_DYNAMIC,	/* u.dynamic */
};
#define HF_EVENT_KINDS 16
const char *hf_event_kind_name(enum hf_event_kind kind);	/* "variable", never NULL */

enum hf_event_bound {
	HF_BOUND_NONE,		/* the digest says nothing of these data */
	HF_BOUND_VALUE,		/* digest == H(value) */
	HF_BOUND_DATA,		/* digest == H(data) */
};

struct hf_event_variable {	/* UEFI_VARIABLE_DATA; value is its content */
	const uint8_t *guid;
	struct hf_span name;		/* UTF-16LE, as counted */
};
struct hf_event_image {		/* UEFI_IMAGE_LOAD_EVENT */
	uint64_t address, length, link_address;
	struct hf_span path;
};
struct hf_event_tagged {	/* TCG_PCClientTaggedEvent; value is its data */
	uint32_t id;
	const char *name;		/* of ids that we know, else NULL */
};
struct hf_event_gpt {		/* UEFI_GPT_DATA */
	const uint8_t *disk;		/* GUID */
	size_t count, entry_size;	/* entry_size >= HF_GPT_ENTRY */
	struct hf_span entries;
};
struct hf_event_tables {	/* UEFI_HANDOFF_TABLE_POINTERS(2) */
	struct hf_span description;
	size_t count;
	struct hf_span entries;		/* HF_TABLE_ENTRY bytes each: GUID, address */
};
struct hf_event_blob {		/* UEFI_PLATFORM_FIRMWARE_BLOB(2) */
	struct hf_span description;
	uint64_t base, length;
};
struct hf_event_spdm {		/* DEVICE_SECURITY_EVENT_DATA2 */
	uint16_t version;		/* 1 or 2; of version 1 only device_type is read */
	uint8_t auth_state;		/* hf_spdm_auth_name */
	uint32_t device_type;		/* 0 none, 1 PCI, 2 USB */
	uint32_t sub_type;		/* 0 measurement block, 1 certificate chain */
	uint64_t uid;
	struct hf_span path, sub;	/* sub: measurement block or chain, with its header */
	bool has_pci;
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code;
	uint8_t revision;
};
struct hf_event_rim {		/* SP800-155: where a reference manifest is */
	unsigned version;		/* 1, 2 or 3 */
	uint32_t manufacturer;		/* IANA enterprise number of the platform's maker */
	const uint8_t *guid;
	struct hf_span rest;		/* versions 2 and 3: names, versions, locators */
};
struct hf_event_dynamic {	/* NV_INDEX_DYNAMIC_EVENT_LOG_DATA */
	uint64_t uid;
	struct hf_span description, data;
};

struct hf_event_data {
	enum hf_event_kind kind;
	enum hf_err err;	/* HF_ERR_EVENT_SHAPE: not as its type says; kind is RAW */
	enum hf_event_bound bound;	/* in every bank of the log */
	struct hf_span value;	/* variables, tagged events, grub's text; else empty */
	struct hf_span trailing;	/* behind variables and images: some loaders log it */
	union {
		struct { struct hf_span bytes; bool utf16; } text;
		const uint8_t *guid;
		struct { bool failed; } separator;	/* PFP: value 1, an error */
		struct hf_event_variable variable;
		struct hf_event_image image;
		struct hf_event_tagged tagged;
		struct hf_event_gpt gpt;
		struct hf_event_tables tables;
		struct hf_event_blob blob;
		struct hf_event_spdm spdm;
		struct { uint8_t number; } locality;
		struct hf_event_rim rim;
		struct hf_event_dynamic dynamic;
	} u;
};
/* Total. ret is always set. */
void hf_event_decode(const struct hf_event *event, struct hf_event_data *ret);
/* What the digest of one bank covers; NONE if the event has none of that bank. */
enum hf_event_bound hf_event_bound(const struct hf_event *event, enum hf_alg alg);
const char *hf_spdm_auth_name(uint8_t auth_state);	/* or NULL */

/* Why an event extends no PCR; it is in no replay. */
enum hf_event_use {
	HF_EVENT_EXTENDS,
	HF_EVENT_NOTE,		/* EV_NO_ACTION */
	HF_EVENT_NV_INDEX,	/* EV_NO_ACTION whose PCR field is an NV index */
	HF_EVENT_NO_SUCH_PCR,	/* 24 and above; firmware pads with 0xffffffff */
};
enum hf_event_use hf_event_use(const struct hf_event *event);
const char *hf_event_use_name(enum hf_event_use use);	/* "nv-index"; never NULL */

/* UEFI_VARIABLE_DATA whatever the event's type says. */
bool hf_event_variable_parse(struct hf_span data, struct hf_event_variable *ret,
			     struct hf_span *ret_value, struct hf_span *ret_trailing);
bool hf_event_variable_is(const struct hf_event_variable *variable,
			  const uint8_t guid[static HF_GUID_SIZE], const char *name);
extern const uint8_t hf_guid_global[HF_GUID_SIZE];	/* EFI_GLOBAL_VARIABLE */
extern const uint8_t hf_guid_security[HF_GUID_SIZE];	/* EFI_IMAGE_SECURITY_DATABASE */

/* DEVICE_SECURITY_EVENT_DATA(2), whatever the event's type says. */
bool hf_event_spdm_parse(struct hf_span data, struct hf_event_spdm *ret);

/* The value of a Boot#### variable: EFI_LOAD_OPTION. */
struct hf_load_option {
	uint32_t attributes;
	struct hf_span description;	/* UTF-16LE */
	struct hf_span path, data;
};
enum hf_err hf_load_option_parse(struct hf_span value, struct hf_load_option *ret) HF_MUST_USE;
/* "Boot" and four hexadecimal digits, of the global namespace. */
bool hf_event_is_boot_option(const struct hf_event_variable *variable);

#define HF_TABLE_ENTRY 24	/* bytes: GUID, address */
#define HF_GPT_ENTRY 128
struct hf_gpt_partition {
	const uint8_t *type, *unique;	/* GUIDs */
	uint64_t first, last, attributes;
	struct hf_span name;		/* UTF-16LE */
};
/* index < gpt->count. */
void hf_gpt_partition_at(const struct hf_event_gpt *gpt, size_t index,
			 struct hf_gpt_partition *ret);

#endif
