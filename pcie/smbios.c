/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/smbios.h"

#include <stdio.h>

#define HEADER 4		/* type, length, handle */
#define ENTRY_2 0x1f		/* 5.2.1 */
#define ENTRY_2_OLD 0x1e	/* what 2.1 wrote by mistake; the specification says so */
#define ENTRY_3 0x18		/* 5.2.2 */
#define ENTRY_DMI 15		/* the inner half of 5.2.1, alone, before 2.1 */

enum type {
	TYPE_BIOS = 0, TYPE_SYSTEM = 1, TYPE_BOARD = 2, TYPE_CHASSIS = 3, TYPE_PROCESSOR = 4,
	TYPE_SLOT = 9, TYPE_OEM_STRINGS = 11, TYPE_MEMORY = 17, TYPE_ONBOARD = 41, TYPE_END = 127,
};

static uint8_t sum(struct hf_span s)
{
	uint8_t total = 0;

	for (size_t i = 0; i < s.len; i++)
		total = (uint8_t)(total + s.ptr[i]);
	return total;
}

static bool starts(struct hf_span s, const char *anchor)
{
	size_t len = strlen(anchor);

	return s.len >= len && memcmp(s.ptr, anchor, len) == 0;
}

/* Length, number of structures and version of the inner half of a 2.x entry point. */
static bool open_dmi(struct hf_span dmi, struct hf_smbios *ret, size_t *ret_max)
{
	struct hf_cursor c = hf_cursor_at(dmi);

	if (dmi.len < ENTRY_DMI || !starts(dmi, "_DMI_") ||
	    sum(hf_span_part(dmi, 0, ENTRY_DMI)) != 0)
		return false;
	hf_seek(&c, 6);
	*ret_max = hf_u16le(&c);
	hf_seek(&c, 12);
	ret->structures = hf_u16le(&c);
	ret->major = dmi.ptr[14] >> 4;
	ret->minor = dmi.ptr[14] & 0xf;
	return !c.bad && ret->structures != 0;
}

static bool open_2(struct hf_span entry, struct hf_smbios *ret, size_t *ret_max)
{
	size_t len = entry.len > 5 ? entry.ptr[5] : 0;

	if (entry.len < ENTRY_2 || (len != ENTRY_2 && len != ENTRY_2_OLD) ||
	    sum(hf_span_part(entry, 0, ENTRY_2)) != 0 ||
	    !open_dmi(hf_span_part(entry, 0x10, ENTRY_DMI), ret, ret_max))
		return false;
	ret->major = entry.ptr[6];
	ret->minor = entry.ptr[7];
	return true;
}

static bool open_3(struct hf_span entry, struct hf_smbios *ret, size_t *ret_max)
{
	size_t len = entry.len > 6 ? entry.ptr[6] : 0;

	if (len < ENTRY_3 || len > entry.len || sum(hf_span_part(entry, 0, len)) != 0)
		return false;
	ret->major = entry.ptr[7];
	ret->minor = entry.ptr[8];
	*ret_max = (size_t)hf_le(entry.ptr + 0xc, 4);
	return true;
}

enum hf_err hf_smbios_open(struct hf_span entry, struct hf_span table, struct hf_smbios *ret)
{
	struct hf_smbios smbios = { .table = table };
	size_t max = 0;
	bool good;

	if (starts(entry, "_SM3_"))
		good = open_3(entry, &smbios, &max);
	else if (starts(entry, "_SM_"))
		good = open_2(entry, &smbios, &max);
	else
		good = open_dmi(entry, &smbios, &max);
	if (!good || table.len == 0 || table.len > max || table.len > HF_SMBIOS_TABLE_MAX)
		return HF_ERR_SMBIOS_SHAPE;
	*ret = smbios;
	return HF_OK;
}

struct hf_smbios_walk hf_smbios_walk(const struct hf_smbios *smbios)
{
	return (struct hf_smbios_walk){ .smbios = smbios };
}

/* 6.1.3: strings, each ended by a NUL, and one NUL more; two NULs where there is none.
 * Returns what all of it takes up; 0: it does not end inside the table, or is too much. */
static size_t string_set(struct hf_span in, struct hf_span *ret)
{
	size_t at = 0, count = 0;

	if (in.len >= 2 && in.ptr[0] == 0 && in.ptr[1] == 0) {
		*ret = (struct hf_span){ in.ptr, 0 };
		return 2;
	}
	while (at < in.len && in.ptr[at] != 0) {
		const uint8_t *end = memchr(in.ptr + at, 0, in.len - at);
		size_t len = end ? (size_t)(end - in.ptr) - at : 0;

		if (!end || len > HF_SMBIOS_STRING_MAX || ++count > HF_SMBIOS_STRINGS_MAX)
			return 0;
		at += len + 1;
	}
	if (count == 0 || at >= in.len)
		return 0;
	*ret = (struct hf_span){ in.ptr, at };
	return at + 1;
}

static bool stop(struct hf_smbios_walk *walk, enum hf_err err)
{
	walk->over = true;
	walk->err = err;
	return false;
}

/* 2.x says how many there are; 3.x ends with a structure of type 127. Bytes behind the end
 * belong to nothing: they are as bad as a structure that is cut. */
static bool at_end(const struct hf_smbios_walk *walk, uint8_t last_type)
{
	if (walk->smbios->structures)
		return walk->seen == walk->smbios->structures;
	return last_type == TYPE_END;
}

bool hf_smbios_next(struct hf_smbios_walk *walk, struct hf_smbios_structure *ret)
{
	struct hf_span table = walk->smbios->table, left, strings;
	size_t len, set;

	if (walk->over)
		return false;
	left = hf_span_part(table, walk->pos, table.len - walk->pos);
	len = left.len > 1 ? left.ptr[1] : 0;
	if (left.len < HEADER || len < HEADER || len > left.len ||
	    walk->seen >= HF_SMBIOS_STRUCTURES_MAX)
		return stop(walk, HF_ERR_SMBIOS_SHAPE);
	set = string_set(hf_span_part(left, len, left.len - len), &strings);
	if (set == 0)
		return stop(walk, HF_ERR_SMBIOS_SHAPE);
	walk->pos += len + set;
	walk->seen++;
	if (at_end(walk, left.ptr[0])) {
		walk->over = true;
		walk->err = walk->pos == table.len ? HF_OK : HF_ERR_SMBIOS_SHAPE;
	}
	*ret = (struct hf_smbios_structure){ .type = left.ptr[0],
		.handle = (uint16_t)hf_le(left.ptr + 2, 2),
		.data = hf_span_part(left, 0, len), .strings = strings };
	return true;
}

static uint64_t field(const struct hf_smbios_structure *s, size_t offset, size_t len)
{
	struct hf_span bytes = hf_span_part(s->data, offset, len);

	return hf_le(bytes.ptr, bytes.len);	/* of an older version: 0 */
}

struct hf_span hf_smbios_string(const struct hf_smbios_structure *s, size_t offset)
{
	uint64_t number = field(s, offset, 1);
	size_t at = 0;

	if (number == 0)
		return (struct hf_span){ NULL, 0 };
	while (at < s->strings.len) {
		const uint8_t *text = s->strings.ptr + at;
		size_t len = strnlen((const char *)text, s->strings.len - at);

		if (--number == 0)
			return (struct hf_span){ text, len };
		at += len + 1;
	}
	return (struct hf_span){ NULL, 0 };
}

static bool address_at(const struct hf_smbios_structure *s, size_t offset, struct hf_address *ret)
{
	uint64_t devfn = field(s, offset + 3, 1);
	struct hf_address a = { .domain = (uint32_t)field(s, offset, 2),
				.bus = (uint8_t)field(s, offset + 2, 1),
				.device = (uint8_t)(devfn >> 3), .function = devfn & 7 };

	if (s->data.len < offset + 4 || (a.domain == 0xffff && a.bus == 0xff))
		return false;
	*ret = a;
	return true;
}

bool hf_smbios_slot(const struct hf_smbios_structure *s, struct hf_smbios_slot *ret)
{
	struct hf_smbios_slot slot = { 0 };
	size_t behind;

	if (s->type != TYPE_SLOT || s->data.len < 0xc)
		return false;
	slot.designation = hf_smbios_string(s, 4);
	slot.type = (uint8_t)field(s, 5, 1);
	slot.width = (uint8_t)field(s, 6, 1);
	slot.usage = (uint8_t)field(s, 7, 1);
	slot.has_address = address_at(s, 0xd, &slot.address);
	slot.base_width = (uint8_t)field(s, 0x11, 1);
	slot.peers = (uint8_t)field(s, 0x12, 1);
	behind = 0x13 + (size_t)5 * slot.peers;
	slot.information = (uint8_t)field(s, behind, 1);
	slot.physical_width = (uint8_t)field(s, behind + 1, 1);
	*ret = slot;
	return true;
}

bool hf_smbios_onboard(const struct hf_smbios_structure *s, struct hf_smbios_onboard *ret)
{
	struct hf_smbios_onboard onboard = { 0 };

	if (s->type != TYPE_ONBOARD || !address_at(s, 7, &onboard.address))
		return false;
	onboard.designation = hf_smbios_string(s, 4);
	onboard.enabled = field(s, 5, 1) >> 7;
	*ret = onboard;
	return true;
}

/* ---- facts ---- */

static const struct { uint8_t type, offset; } places[HF_SMBIOS_NAMES] = {
	[HF_SMBIOS_BIOS_VENDOR] = { TYPE_BIOS, 0x04 },
	[HF_SMBIOS_BIOS_VERSION] = { TYPE_BIOS, 0x05 },
	[HF_SMBIOS_BIOS_DATE] = { TYPE_BIOS, 0x08 },
	[HF_SMBIOS_VENDOR] = { TYPE_SYSTEM, 0x04 },
	[HF_SMBIOS_PRODUCT] = { TYPE_SYSTEM, 0x05 },
	[HF_SMBIOS_VERSION] = { TYPE_SYSTEM, 0x06 },
	[HF_SMBIOS_SERIAL] = { TYPE_SYSTEM, 0x07 },
	[HF_SMBIOS_SKU] = { TYPE_SYSTEM, 0x19 },
	[HF_SMBIOS_FAMILY] = { TYPE_SYSTEM, 0x1a },
	[HF_SMBIOS_BOARD_VENDOR] = { TYPE_BOARD, 0x04 },
	[HF_SMBIOS_BOARD] = { TYPE_BOARD, 0x05 },
	[HF_SMBIOS_BOARD_SERIAL] = { TYPE_BOARD, 0x07 },
	[HF_SMBIOS_CHASSIS_SERIAL] = { TYPE_CHASSIS, 0x07 },
	[HF_SMBIOS_CHASSIS_ASSET] = { TYPE_CHASSIS, 0x08 },
};

static void take_names(const struct hf_smbios_structure *s, struct hf_smbios_facts *facts)
{
	for (size_t i = 0; i < HF_SMBIOS_NAMES; i++)
		if (s->type == places[i].type && !facts->name[i].ptr)
			facts->name[i] = hf_smbios_string(s, places[i].offset);
}

/* 7.2.1: from 2.6 on the first three fields are little-endian; all zeros or ones: none. */
static void take_uuid(const struct hf_smbios *smbios, const struct hf_smbios_structure *s,
		      struct hf_smbios_facts *facts)
{
	static const uint8_t little[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct hf_span uuid = hf_span_part(s->data, 8, 16);
	bool swap = smbios->major > 2 || (smbios->major == 2 && smbios->minor >= 6);
	size_t len = 0, ones = 0, zeros = 0;

	if (facts->uuid[0] || uuid.len == 0)
		return;
	for (size_t i = 0; i < 16; i++) {
		ones += uuid.ptr[i] == 0xff;
		zeros += uuid.ptr[i] == 0;
	}
	if (ones == 16 || zeros == 16)
		return;
	for (size_t i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		len += (size_t)snprintf(facts->uuid + len, sizeof(facts->uuid) - len, "%s%02x",
					dash ? "-" : "", uuid.ptr[swap ? little[i] : i]);
	}
}

static void take_processor(const struct hf_smbios_structure *s, struct hf_smbios_facts *facts)
{
	facts->processor_sockets++;
	if (!(field(s, 0x18, 1) & 0x40))	/* 7.5: socket populated */
		return;
	if (facts->processors < HF_SMBIOS_PROCESSORS_MAX)
		facts->processor[facts->processors] = hf_smbios_string(s, 0x10);
	facts->processors++;
}

/* 7.18.5: in MiB, in KiB where bit 15 is set, or in a field of its own. */
static void take_memory(const struct hf_smbios_structure *s, struct hf_smbios_facts *facts)
{
	uint64_t size = field(s, 0xc, 2);

	facts->memory_sockets++;
	if (size == 0)
		return;
	facts->memory_devices++;
	if (size == 0xffff)	/* not known */
		return;
	if (size == 0x7fff)
		size = field(s, 0x1c, 4) & 0x7fffffff;
	else if (size & 0x8000)
		size = (size & 0x7fff) / 1024;
	facts->memory_mib += size;
}

enum hf_err hf_smbios_facts(const struct hf_smbios *smbios, struct hf_smbios_facts *ret)
{
	struct hf_smbios_walk walk = hf_smbios_walk(smbios);
	struct hf_smbios_facts facts = { 0 };
	struct hf_smbios_structure s;

	while (hf_smbios_next(&walk, &s)) {
		struct hf_smbios_onboard onboard;

		take_names(&s, &facts);
		if (s.type == TYPE_SYSTEM)
			take_uuid(smbios, &s, &facts);
		else if (s.type == TYPE_PROCESSOR)
			take_processor(&s, &facts);
		else if (s.type == TYPE_SLOT)
			facts.slots++;
		else if (s.type == TYPE_OEM_STRINGS)
			facts.oem_strings += (uint32_t)field(&s, 4, 1);
		else if (s.type == TYPE_MEMORY)
			take_memory(&s, &facts);
		else if (hf_smbios_onboard(&s, &onboard))
			facts.onboard++;
	}
	if (walk.err)
		return walk.err;
	facts.structures = walk.seen;
	*ret = facts;
	return HF_OK;
}
