/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMBIOS: entry points, the structure table, and real machines' against dmidecode's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/file.h"
#include "pcie/smbios.h"

#define END 127, 4, 0xff, 0xfe, 0, 0

static uint8_t table_bytes[4096];

static uint8_t negated_sum(const uint8_t *bytes, size_t len)
{
	uint8_t total = 0;

	for (size_t i = 0; i < len; i++)
		total = (uint8_t)(total + bytes[i]);
	return (uint8_t)-total;
}

static struct hf_span entry_3(uint32_t max, uint8_t out[static 24])
{
	static const uint8_t start[24] = { '_', 'S', 'M', '3', '_', 0, 24, 3, 4, 0, 1, 0 };

	memcpy(out, start, 24);
	for (int i = 0; i < 4; i++)
		out[12 + i] = (uint8_t)(max >> (8 * i));
	out[5] = negated_sum(out, 24);
	return (struct hf_span){ out, 24 };
}

static struct hf_span entry_2(uint16_t len, uint16_t count, uint8_t out[static 31])
{
	static const uint8_t start[31] = { '_', 'S', 'M', '_', 0, 31, 2, 7 };

	memcpy(out, start, 31);
	memcpy(out + 16, "_DMI_", 5);
	out[22] = (uint8_t)len;
	out[23] = (uint8_t)(len >> 8);
	out[28] = (uint8_t)count;
	out[29] = (uint8_t)(count >> 8);
	out[30] = 0x27;
	out[21] = negated_sum(out + 16, 15);
	out[4] = negated_sum(out, 31);
	return (struct hf_span){ out, 31 };
}

static struct hf_smbios open_3(const uint8_t *bytes, size_t len)
{
	struct hf_smbios smbios;
	uint8_t entry[24];

	assert_true(len <= sizeof(table_bytes));
	memcpy(table_bytes, bytes, len);
	assert_int_equal(hf_smbios_open(entry_3((uint32_t)len, entry),
					(struct hf_span){ table_bytes, len }, &smbios), HF_OK);
	return smbios;
}

static void assert_span(struct hf_span s, const char *want)
{
	assert_non_null(s.ptr);
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.ptr, want, s.len);
}

/* ---- entry points ---- */

static void an_entry_point_of_every_kind(void **state)
{
	static const uint8_t table[] = { END };
	struct hf_span t = { table, sizeof(table) };
	struct hf_smbios s;
	uint8_t two[31], three[24];

	(void)state;
	assert_int_equal(hf_smbios_open(entry_3(4096, three), t, &s), HF_OK);
	assert_int_equal(s.major, 3);
	assert_int_equal(s.minor, 4);
	assert_int_equal(s.structures, 0);
	assert_int_equal(hf_smbios_open(entry_2(6, 1, two), t, &s), HF_OK);
	assert_int_equal(s.major, 2);
	assert_int_equal(s.minor, 7);
	assert_int_equal(s.structures, 1);
	/* 2.0: the inner half alone, version in BCD */
	assert_int_equal(hf_smbios_open((struct hf_span){ two + 16, 15 }, t, &s), HF_OK);
	assert_int_equal(s.major, 2);
	assert_int_equal(s.minor, 7);
	two[5] = 0x1e;	/* the length that 2.1 gave by mistake */
	two[4] = (uint8_t)(two[4] + 1);
	assert_int_equal(hf_smbios_open((struct hf_span){ two, 31 }, t, &s), HF_OK);
}

/* Any bit of it that is changed shows in a checksum, and any byte that is gone. */
static void an_entry_point_that_was_changed(void **state)
{
	static const uint8_t table[] = { END };
	struct hf_span t = { table, sizeof(table) };
	struct hf_smbios s = { .major = 0xaa };
	uint8_t two[31], three[24];

	(void)state;
	entry_2(6, 1, two);
	entry_3(6, three);
	for (size_t bit = 0; bit < 8 * sizeof(two); bit++) {
		two[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(hf_smbios_open((struct hf_span){ two, 31 }, t, &s), HF_ERR_SMBIOS_SHAPE);
		two[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(three); bit++) {
		three[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(hf_smbios_open((struct hf_span){ three, 24 }, t, &s), HF_ERR_SMBIOS_SHAPE);
		three[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < 31; len++)
		assert_int_equal(hf_smbios_open((struct hf_span){ two, len }, t, &s), HF_ERR_SMBIOS_SHAPE);
	for (size_t len = 0; len < 24; len++)
		assert_int_equal(hf_smbios_open((struct hf_span){ three, len }, t, &s), HF_ERR_SMBIOS_SHAPE);
	assert_int_equal(s.major, 0xaa);
}

static void a_table_of_another_length_than_announced(void **state)
{
	static const uint8_t table[] = { END, 0 };
	struct hf_span t = { table, sizeof(table) };
	struct hf_smbios s;
	uint8_t two[31], three[24];

	(void)state;
	assert_int_equal(hf_smbios_open(entry_3(6, three), t, &s), HF_ERR_SMBIOS_SHAPE);
	assert_int_equal(hf_smbios_open(entry_2(6, 1, two), t, &s), HF_ERR_SMBIOS_SHAPE);
	assert_int_equal(hf_smbios_open(entry_2(7, 0, two), t, &s), HF_ERR_SMBIOS_SHAPE);
	assert_int_equal(hf_smbios_open(entry_3(6, three), (struct hf_span){ table, 0 }, &s),
			 HF_ERR_SMBIOS_SHAPE);
}

/* ---- the table ---- */

static void structures_one_by_one(void **state)
{
	static const uint8_t table[] = { 11, 5, 1, 0, 2, 'a', 0, 'b', 'c', 0, 0,
					 126, 4, 2, 0, 0, 0, END };
	struct hf_smbios smbios = open_3(table, sizeof(table));
	struct hf_smbios_walk walk = hf_smbios_walk(&smbios);
	struct hf_smbios_structure s;

	(void)state;
	assert_true(hf_smbios_next(&walk, &s));
	assert_int_equal(s.type, 11);
	assert_int_equal(s.handle, 1);
	assert_int_equal(s.data.len, 5);
	assert_span(hf_smbios_string(&s, 4), "bc");
	assert_null(hf_smbios_string(&s, 1).ptr);	/* string 5 of 2 */
	assert_null(hf_smbios_string(&s, 200).ptr);	/* beyond the formatted area */
	assert_true(hf_smbios_next(&walk, &s));
	assert_int_equal(s.type, 126);
	assert_int_equal(s.strings.len, 0);
	assert_true(hf_smbios_next(&walk, &s));
	assert_false(hf_smbios_next(&walk, &s));
	assert_int_equal(walk.err, HF_OK);
	assert_int_equal(walk.seen, 3);
}

static enum hf_err walk_all(struct hf_smbios smbios)
{
	struct hf_smbios_facts facts;

	memset(&facts, 0xaa, sizeof(facts));
	enum hf_err err = hf_smbios_facts(&smbios, &facts);

	if (err)
		assert_int_equal(facts.structures, 0xaaaaaaaa);
	return err;
}

/* Cut anywhere it is refused, and nothing is read past the cut (ASan watches). */
static void a_table_cut_short(void **state)
{
	static const uint8_t table[] = { 1, 8, 1, 0, 1, 2, 0, 0, 'a', 0, 'b', 'c', 0, 0, END };

	(void)state;
	for (size_t len = 1; len < sizeof(table); len++) {
		uint8_t *copy = malloc(len), entry[24];
		struct hf_smbios smbios;

		assert_non_null(copy);
		memcpy(copy, table, len);
		assert_int_equal(hf_smbios_open(entry_3(4096, entry), (struct hf_span){ copy, len },
						&smbios), HF_OK);
		assert_int_equal(walk_all(smbios), HF_ERR_SMBIOS_SHAPE);
		free(copy);
	}
	assert_int_equal(walk_all(open_3(table, sizeof(table))), HF_OK);
}

static void tables_of_another_shape(void **state)
{
	static const struct { uint8_t bytes[16]; size_t len; const char *what; } rows[] = {
		{ { 1, 3, 0, 0, 0, 0, END }, 12, "a structure shorter than its header" },
		{ { 1, 0, 0, 0, 0, 0, END }, 12, "a structure of no length" },
		{ { 1, 99, 0, 0, 0, 0, END }, 12, "a structure longer than the table" },
		{ { 1, 4, 0, 0, 'a', 0 }, 6, "a set of strings without an end" },
		{ { 1, 4, 0, 0, 0, 'a', 0, 0, END }, 14, "a set that begins with its end" },
		{ { END, 7 }, 7, "a byte behind the end" },
		{ { 126, 4, 0, 0, 0, 0 }, 6, "no end of the table" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (walk_all(open_3(rows[i].bytes, rows[i].len)) != HF_ERR_SMBIOS_SHAPE)
			fail_msg("%s", rows[i].what);
}

/* 2.x says how many there are: a table with more or fewer is another one. */
static void a_number_of_structures_that_is_not_so(void **state)
{
	static const uint8_t table[] = { 126, 4, 2, 0, 0, 0, END };
	struct hf_span t = { table, sizeof(table) };
	struct hf_smbios smbios;
	uint8_t entry[31];

	(void)state;
	for (uint16_t count = 1; count <= 3; count++) {
		assert_int_equal(hf_smbios_open(entry_2(12, count, entry), t, &smbios), HF_OK);
		assert_int_equal(walk_all(smbios), count == 2 ? HF_OK : HF_ERR_SMBIOS_SHAPE);
	}
}

static void too_much_of_everything(void **state)
{
	size_t len = 6 * (HF_SMBIOS_STRUCTURES_MAX + 1), at = 0;
	uint8_t *big = calloc(1, len), entry[24];
	struct hf_smbios smbios;

	(void)state;
	assert_non_null(big);
	for (size_t i = 0; i < HF_SMBIOS_STRUCTURES_MAX + 1; i++) {
		big[6 * i] = i == HF_SMBIOS_STRUCTURES_MAX ? 127 : 126;
		big[6 * i + 1] = 4;
	}
	assert_int_equal(hf_smbios_open(entry_3((uint32_t)len, entry), (struct hf_span){ big, len },
					&smbios), HF_OK);
	assert_int_equal(walk_all(smbios), HF_ERR_SMBIOS_SHAPE);
	smbios.table.ptr += 6;	/* one fewer is not too many */
	smbios.table.len -= 6;
	assert_int_equal(walk_all(smbios), HF_OK);

	for (size_t text = HF_SMBIOS_STRING_MAX; text <= HF_SMBIOS_STRING_MAX + 1; text++) {
		static const uint8_t end[] = { END };

		memset(big, 'x', 4 + text);
		memcpy(big, ((const uint8_t[]){ 126, 4, 0, 0 }), 4);
		big[4 + text] = big[5 + text] = 0;
		memcpy(big + 6 + text, end, sizeof(end));
		assert_int_equal(walk_all(open_3(big, 12 + text)),
				 text > HF_SMBIOS_STRING_MAX ? HF_ERR_SMBIOS_SHAPE : HF_OK);
	}
	for (size_t count = HF_SMBIOS_STRINGS_MAX; count <= HF_SMBIOS_STRINGS_MAX + 1; count++) {
		static const uint8_t end[] = { 0, END };

		memcpy(big, ((const uint8_t[]){ 126, 4, 0, 0 }), 4);
		at = 4;
		for (size_t i = 0; i < count; i++) {
			big[at++] = 'x';
			big[at++] = 0;
		}
		memcpy(big + at, end, sizeof(end));
		assert_int_equal(walk_all(open_3(big, at + sizeof(end))),
				 count > HF_SMBIOS_STRINGS_MAX ? HF_ERR_SMBIOS_SHAPE : HF_OK);
	}
	free(big);
}

/* ---- slots and onboard devices ---- */

static struct hf_smbios_structure structure(const uint8_t *bytes, size_t len)
{
	static struct hf_smbios smbios;
	struct hf_smbios_walk walk;
	struct hf_smbios_structure s;
	uint8_t whole[128];
	static const uint8_t end[] = { END };

	memcpy(whole, bytes, len);
	memcpy(whole + len, end, sizeof(end));
	smbios = open_3(whole, len + sizeof(end));
	walk = hf_smbios_walk(&smbios);
	assert_true(hf_smbios_next(&walk, &s));
	assert_int_equal(s.data.len + s.strings.len + 1 + (s.strings.len == 0), len);
	return s;
}

static void a_slot(void **state)
{
	static const uint8_t raw[] = { 9, 0x11, 0, 9, 2, 0xa5, 13, 4, 3, 0, 0, 0, 0, 0x02, 0x01,
				       0x3b, 0x12, 'x', 0, 'P', 'C', 'I', 'e', 0, 0 };
	struct hf_smbios_structure s = structure(raw, sizeof(raw));
	struct hf_smbios_slot slot;

	(void)state;
	assert_true(hf_smbios_slot(&s, &slot));
	assert_span(slot.designation, "PCIe");
	assert_int_equal(slot.type, 0xa5);
	assert_int_equal(slot.width, 13);
	assert_int_equal(slot.usage, HF_SMBIOS_IN_USE);
	assert_true(slot.has_address);
	assert_int_equal(slot.address.domain, 0x0102);
	assert_int_equal(slot.address.bus, 0x3b);
	assert_int_equal(slot.address.device, 2);
	assert_int_equal(slot.address.function, 2);
	assert_int_equal(slot.base_width, 0);
}

/* 3.2 and 3.4 put more behind it, after as many peers as it says. */
static void a_slot_of_today(void **state)
{
	static const uint8_t raw[] = { 9, 0x1c, 0, 9, 1, 0xb6, 13, 3, 3, 0, 0, 0, 0, 0, 0, 0x3b, 0,
				       16, 1, 0, 0, 1, 0, 8, 5, 16, 0x57, 0x01, 'A', 0, 0 };
	struct hf_smbios_structure s = structure(raw, sizeof(raw));
	struct hf_smbios_slot slot;

	(void)state;
	assert_true(hf_smbios_slot(&s, &slot));
	assert_int_equal(slot.usage, HF_SMBIOS_AVAILABLE);
	assert_int_equal(slot.base_width, 16);
	assert_int_equal(slot.peers, 1);
	assert_int_equal(slot.information, 5);
	assert_int_equal(slot.physical_width, 16);
}

static void no_slot(void **state)
{
	static const uint8_t other[] = { 8, 0x11, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
					 'A', 0, 0 };
	static const uint8_t old[] = { 9, 0x0d, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 'A', 0, 0 };
	static const uint8_t nowhere[] = { 9, 0x11, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
					   0xff, 0xff, 'A', 0, 0 };
	static const uint8_t many_peers[] = { 9, 0x13, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
					      4, 0xff, 'A', 0, 0 };
	struct hf_smbios_structure s = structure(other, sizeof(other));
	struct hf_smbios_slot slot;

	(void)state;
	assert_false(hf_smbios_slot(&s, &slot));
	s = structure(old, sizeof(old));
	assert_true(hf_smbios_slot(&s, &slot));
	assert_false(slot.has_address);
	s = structure(nowhere, sizeof(nowhere));
	assert_true(hf_smbios_slot(&s, &slot));
	assert_false(slot.has_address);
	s = structure(many_peers, sizeof(many_peers));
	assert_true(hf_smbios_slot(&s, &slot));
	assert_int_equal(slot.information, 0);
}

static void an_onboard_device(void **state)
{
	static const uint8_t raw[] = { 41, 11, 0, 9, 1, 0x85, 1, 0, 0, 0x02, 0x09, 'L', 'A', 'N', 0, 0 };
	static const uint8_t cut[] = { 41, 10, 0, 9, 1, 0x85, 1, 0, 0, 0x02, 'L', 'A', 'N', 0, 0 };
	struct hf_smbios_structure s = structure(raw, sizeof(raw));
	struct hf_smbios_onboard onboard;

	(void)state;
	assert_true(hf_smbios_onboard(&s, &onboard));
	assert_span(onboard.designation, "LAN");
	assert_true(onboard.enabled);
	assert_int_equal(onboard.address.bus, 2);
	assert_int_equal(onboard.address.device, 1);
	assert_int_equal(onboard.address.function, 1);
	s = structure(cut, sizeof(cut));
	assert_false(hf_smbios_onboard(&s, &onboard));
}

/* ---- facts ---- */

static void sizes_of_memory(void **state)
{
#define MEMORY(len, lo, hi, x0, x1) 17, len, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, lo, hi, 0, 0, 0, 0, 0, \
	0, 0, 0, 0, 0, 0, 0, 0, 0, x0, x1, 0, 0, 0, 0
	static const uint8_t table[] = {
		MEMORY(0x20, 0, 0, 0, 0),		/* empty */
		MEMORY(0x20, 0x00, 0x40, 0, 0),		/* 16 GiB */
		MEMORY(0x20, 0xff, 0x7f, 0x00, 0x80),	/* 32 GiB in the field for it */
		MEMORY(0x20, 0x00, 0x88, 0, 0),		/* 2 MiB, in KiB */
		MEMORY(0x20, 0xff, 0xff, 0, 0),		/* not known */
		END };
	struct hf_smbios smbios = open_3(table, sizeof(table));
	struct hf_smbios_facts facts;

	(void)state;
	assert_int_equal(hf_smbios_facts(&smbios, &facts), HF_OK);
	assert_int_equal(facts.memory_sockets, 5);
	assert_int_equal(facts.memory_devices, 4);
	assert_int_equal(facts.memory_mib, 16384 + 32768 + 2);
}

static void a_uuid_of_all_ones_is_none(void **state)
{
	uint8_t table[] = { 1, 0x19, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
			    15, 16, 0, 0, 0, END };
	struct hf_smbios smbios = open_3(table, sizeof(table));
	struct hf_smbios_facts facts;

	(void)state;
	assert_int_equal(hf_smbios_facts(&smbios, &facts), HF_OK);
	assert_string_equal(facts.uuid, "04030201-0605-0807-090a-0b0c0d0e0f10");
	smbios.major = 2;
	smbios.minor = 5;	/* in the order it is written */
	assert_int_equal(hf_smbios_facts(&smbios, &facts), HF_OK);
	assert_string_equal(facts.uuid, "01020304-0506-0708-090a-0b0c0d0e0f10");
	memset(table + 8, 0xff, 16);
	smbios = open_3(table, sizeof(table));
	assert_int_equal(hf_smbios_facts(&smbios, &facts), HF_OK);
	assert_string_equal(facts.uuid, "");
}

/* The first structure of a type speaks: a second cannot take its word back. */
static void the_first_of_two_counts(void **state)
{
	static const uint8_t table[] = { 1, 8, 0, 0, 1, 2, 0, 0, 'A', 0, 'B', 0, 0,
					 1, 8, 1, 0, 1, 2, 0, 0, 'C', 0, 'D', 0, 0, END };
	struct hf_smbios smbios = open_3(table, sizeof(table));
	struct hf_smbios_facts facts;

	(void)state;
	assert_int_equal(hf_smbios_facts(&smbios, &facts), HF_OK);
	assert_span(facts.name[HF_SMBIOS_VENDOR], "A");
	assert_span(facts.name[HF_SMBIOS_PRODUCT], "B");
	assert_null(facts.name[HF_SMBIOS_BIOS_VENDOR].ptr);
}

/* ---- real machines ---- */

static char reference[1 << 17];

/* In dmidecode's text, the value of "\tLABEL: " in the first block under a title. */
static const char *told(const char *title, const char *label)
{
	static char value[256];
	const char *block = strstr(reference, title), *line, *end;
	char want[64];

	assert_non_null(block);
	end = strstr(block, "\n\n");
	snprintf(want, sizeof(want), "\n\t%s: ", label);
	line = strstr(block, want);
	assert_true(line && (!end || line < end));
	line += strlen(want);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\n"), line);
	return value;
}

static size_t count_blocks(const char *title)
{
	size_t count = 0;

	for (const char *at = reference; (at = strstr(at, title)); at++)
		count++;
	return count;
}

static uint64_t told_memory_mib(void)
{
	uint64_t total = 0;

	for (const char *at = reference; (at = strstr(at, "\n\tSize: ")); at++) {
		unsigned long long size;
		char unit[8];

		if (sscanf(at, "\n\tSize: %llu %7s", &size, unit) == 2)
			total += size * (strcmp(unit, "GB") == 0 ? 1024 : 1);
	}
	return total;
}

/* udev's words, of the memory alone. */
static void compare_memory(const struct hf_smbios_facts *f)
{
	uint64_t total = 0;
	const char *sockets = strstr(reference, "\nMEMORY_ARRAY_NUM_DEVICES=");

	for (const char *at = reference; (at = strstr(at, "\nMEMORY_DEVICE_")); at++) {
		unsigned long long size;
		unsigned number;
		char end;

		if (sscanf(at, "\nMEMORY_DEVICE_%u_SIZE=%llu%c", &number, &size, &end) == 3)
			total += size;
	}
	assert_non_null(sockets);
	assert_int_equal(f->memory_sockets, strtoul(strchr(sockets, '=') + 1, NULL, 10));
	assert_int_equal(f->memory_sockets - f->memory_devices, count_blocks("_PRESENT=0"));
	assert_true(total > 0);
	assert_int_equal(f->memory_mib, total >> 20);
	assert_span(f->name[HF_SMBIOS_PRODUCT], "HP Z600 Workstation");
	assert_span(f->name[HF_SMBIOS_BIOS_VERSION], "786G4 v03.54");
	assert_int_equal(f->processors, 2);
}

static void compare(const struct hf_smbios *smbios, const struct hf_smbios_facts *f)
{
	static const struct { enum hf_smbios_name name; const char *title, *label; } rows[] = {
		{ HF_SMBIOS_BIOS_VENDOR, "\nBIOS Information", "Vendor" },
		{ HF_SMBIOS_BIOS_VERSION, "\nBIOS Information", "Version" },
		{ HF_SMBIOS_BIOS_DATE, "\nBIOS Information", "Release Date" },
		{ HF_SMBIOS_VENDOR, "\nSystem Information", "Manufacturer" },
		{ HF_SMBIOS_PRODUCT, "\nSystem Information", "Product Name" },
		{ HF_SMBIOS_VERSION, "\nSystem Information", "Version" },
		{ HF_SMBIOS_SERIAL, "\nSystem Information", "Serial Number" },
		{ HF_SMBIOS_SKU, "\nSystem Information", "SKU Number" },
		{ HF_SMBIOS_FAMILY, "\nSystem Information", "Family" },
		{ HF_SMBIOS_BOARD_VENDOR, "\nBase Board Information", "Manufacturer" },
		{ HF_SMBIOS_BOARD, "\nBase Board Information", "Product Name" },
		{ HF_SMBIOS_BOARD_SERIAL, "\nBase Board Information", "Serial Number" },
		{ HF_SMBIOS_CHASSIS_SERIAL, "\nChassis Information", "Serial Number" },
		{ HF_SMBIOS_CHASSIS_ASSET, "\nChassis Information", "Asset Tag" },
	};
	struct hf_smbios_walk walk = hf_smbios_walk(smbios);
	struct hf_smbios_structure s;
	size_t addresses = 0;
	char text[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_span found = f->name[rows[i].name];
		const char *want = told(rows[i].title, rows[i].label);

		if (strcmp(want, "Not Specified") == 0) {
			assert_null(found.ptr);
			continue;
		}
		assert_span(found, want);
	}
	assert_string_equal(f->uuid, told("\nSystem Information", "UUID"));
	assert_int_equal(f->slots, count_blocks("\nSystem Slot Information"));
	assert_int_equal(f->onboard, count_blocks("\nOnboard Device\n"));
	assert_int_equal(f->memory_sockets, count_blocks("\nMemory Device\n"));
	assert_int_equal(f->processor_sockets, count_blocks("\nProcessor Information"));
	assert_int_equal(f->processors, count_blocks("\tStatus: Populated"));
	if (f->processors)
		assert_span(f->processor[0], told("\nProcessor Information", "Version"));
	assert_int_equal(f->structures, count_blocks("\nHandle 0x"));
	assert_true(f->memory_mib > 0);
	assert_int_equal(f->memory_mib, told_memory_mib());
	/* Every address in the order they are told. */
	const char *at = reference;

	while (hf_smbios_next(&walk, &s)) {
		struct hf_smbios_onboard onboard;
		struct hf_smbios_slot slot;
		struct hf_address a;

		if (hf_smbios_slot(&s, &slot) && slot.has_address)
			a = slot.address;
		else if (hf_smbios_onboard(&s, &onboard))
			a = onboard.address;
		else
			continue;
		hf_address_format(&a, text);
		at = strstr(at, "\tBus Address: ");
		assert_non_null(at);
		at += strlen("\tBus Address: ");
		assert_memory_equal(at, text, strlen(text));
		addresses++;
	}
	assert_int_equal(addresses, count_blocks("\tBus Address: "));
}

static void real_tables_say_what_dmidecode_says(void **state)
{
	static const struct {
		const char *bin, *text;
		void (*memory)(const struct hf_smbios_facts *f);
	} files[] = {
		{ "HP-Z600.bin", "HP-Z600.bin.txt", compare_memory },
		{ "uroot_GigaByte-X399.bin", "uroot_GigaByte-X399.orig.txt", NULL },
		{ "uroot_SuperMicro-X9DBL.bin", "uroot_SuperMicro-X9DBL.orig.txt", NULL },
	};
	const char *corpus = getenv("HOLDFAST_CORPUS");

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct hf_smbios_facts facts;
		struct hf_arena arena;
		struct hf_smbios smbios;
		struct hf_span bin, text;
		char path[512];

		assert_int_equal(hf_arena_make(1 << 20, &arena), HF_OK);
		snprintf(path, sizeof(path), "%s/inventory/smbios/%s",
			 corpus ? corpus : "../shared/data", files[i].bin);
		if (hf_file_read(AT_FDCWD, path, 1 << 16, &arena, &bin, NULL) != HF_OK) {
			hf_arena_drop(&arena);
			skip();
		}
		snprintf(path, sizeof(path), "%s/inventory/smbios/%s",
			 corpus ? corpus : "../shared/data", files[i].text);
		assert_int_equal(hf_file_read(AT_FDCWD, path, sizeof(reference) - 1, &arena, &text,
					      NULL), HF_OK);
		memcpy(reference, text.ptr, text.len);
		reference[text.len] = '\0';
		/* dmidecode --dump-bin: the entry point in the first 32 bytes, then the table,
		 * as long as the entry point of 2.x says; of 3.x as long as the rest. */
		assert_int_equal(hf_smbios_open(hf_span_part(bin, 0, bin.ptr[3] == '3' ? 24 : 31),
						hf_span_part(bin, 32, bin.len - 32), &smbios), HF_OK);
		if (hf_smbios_facts(&smbios, &facts) != HF_OK)
			fail_msg("%s: not of the shape", files[i].bin);
		if (files[i].memory)
			files[i].memory(&facts);
		else
			compare(&smbios, &facts);
		hf_arena_drop(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_point_of_every_kind),
		cmocka_unit_test(an_entry_point_that_was_changed),
		cmocka_unit_test(a_table_of_another_length_than_announced),
		cmocka_unit_test(structures_one_by_one),
		cmocka_unit_test(a_table_cut_short),
		cmocka_unit_test(tables_of_another_shape),
		cmocka_unit_test(a_number_of_structures_that_is_not_so),
		cmocka_unit_test(too_much_of_everything),
		cmocka_unit_test(a_slot),
		cmocka_unit_test(a_slot_of_today),
		cmocka_unit_test(no_slot),
		cmocka_unit_test(an_onboard_device),
		cmocka_unit_test(sizes_of_memory),
		cmocka_unit_test(a_uuid_of_all_ones_is_none),
		cmocka_unit_test(the_first_of_two_counts),
		cmocka_unit_test(real_tables_say_what_dmidecode_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
