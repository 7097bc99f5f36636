/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/config.h"
#include "pcie/enumerate.h"
#include "pcie/readers.h"

#define MAX 12000

static struct hf_bus_function functions[MAX];
static uint8_t configs[MAX][256 + 128];
static struct hf_bus bus;
static struct hf_arena arena;
static struct hf_claims claims;

static int setup(void **state)
{
	(void)state;
	memset(functions, 0, sizeof(functions));
	memset(configs, 0, sizeof(configs));
	bus = (struct hf_bus){ functions, 0 };
	if (hf_arena_make(64u << 20, &arena))
		return -1;
	hf_claims_init(&claims, &arena);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hf_arena_drop(&arena);
	return 0;
}

/* An endpoint; device id = its index, so that it can be recognized in the claims. */
static uint8_t *add(uint32_t domain, uint8_t b, uint8_t d, uint8_t f)
{
	uint8_t *c = configs[bus.count];
	struct hf_bus_function *out = &functions[bus.count];

	c[0] = 0x86;
	c[1] = 0x80;
	c[2] = (uint8_t)bus.count;
	c[3] = (uint8_t)(bus.count >> 8);
	out->address = (struct hf_address){ domain, b, d, f };
	out->config = (struct hf_span){ c, sizeof(configs[0]) };
	bus.count++;
	return c;
}

/* type -1: a conventional bridge */
static uint8_t *add_bridge(uint32_t domain, uint8_t b, uint8_t d, uint8_t f, uint8_t secondary,
			   uint8_t subordinate, int type, bool slot)
{
	uint8_t *c = add(domain, b, d, f);

	c[0x0e] = 1;
	c[0x18] = b;
	c[0x19] = secondary;
	c[0x1a] = subordinate;
	if (type < 0)
		return c;
	c[0x06] = 0x10;
	c[0x34] = 0x40;
	c[0x40] = 0x10;
	c[0x42] = (uint8_t)(2 | type << 4);
	c[0x43] = slot;
	return c;
}

static void place(void)
{
	size_t seen = 0;

	assert_int_equal(hf_topology(&bus, &claims), HF_OK);
	assert_int_equal(claims.function_count, bus.count);
	/* every function once, in a part, paths unique within it and in order */
	for (const struct hf_part *p = claims.parts; p; p = p->next) {
		assert_non_null(p->functions);
		for (const struct hf_function *f = p->functions; f; f = f->next, seen++) {
			assert_non_null(hf_bus_find(&bus, &f->address));
			if (f->next)
				assert_true(strcmp(f->path, f->next->path) < 0);
		}
		assert_ptr_equal(hf_claims_find_part(&claims, p->path), p);
	}
	assert_int_equal(seen, bus.count);
}

static void expect(size_t index, const char *part, const char *path)
{
	for (const struct hf_part *p = claims.parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (hf_bus_find(&bus, &f->address) == &functions[index]) {
				assert_string_equal(f->path, path);
				assert_string_equal(p->path, part);
				return;
			}
	fail_msg("function %zu is nowhere", index);
}

/* Root port with a two-function card; a switch with one slotted and one fixed port. */
static void machine(uint8_t gap)
{
	uint8_t b1 = (uint8_t)(1 + gap), b2 = (uint8_t)(2 + 2 * gap), b3 = (uint8_t)(3 + 3 * gap),
		b4 = (uint8_t)(4 + 4 * gap), b5 = (uint8_t)(5 + 5 * gap);

	add(0, 0, 0, 0);
	add_bridge(0, 0, 0x1c, 0, b1, b1, HF_PORT_ROOT, true);
	add_bridge(0, 0, 0x1c, 4, b2, b5, HF_PORT_ROOT, false);
	add(0, 0, 0x1f, 3);
	add(0, b1, 0, 0);
	add(0, b1, 0, 1);
	add_bridge(0, b2, 0, 0, b3, b5, HF_PORT_UPSTREAM, false);
	add(0, b2, 0, 1);
	add_bridge(0, b3, 0, 0, b4, b4, HF_PORT_DOWNSTREAM, true);
	add_bridge(0, b3, 1, 0, b5, b5, HF_PORT_DOWNSTREAM, false);
	add(0, b4, 0, 0);
	add(0, b5, 0, 0);
	add(1, 0x80, 0, 0);
}

static void test_parts_and_paths(void **state)
{
	(void)state;
	machine(0);
	functions[4].driver = "igb";
	place();
	assert_int_equal(claims.part_count, 4);
	assert_string_equal(claims.parts->path, "board");
	assert_int_equal(claims.parts->kind, HF_PART_BOARD);
	assert_int_equal(claims.parts->next->kind, HF_PART_CARD);
	expect(0, "board", "pci0000:00/00.0");
	expect(1, "board", "pci0000:00/1c.0");
	expect(2, "board", "pci0000:00/1c.4");
	expect(3, "board", "pci0000:00/1f.3");
	expect(4, "pci0000:00/1c.0/00", "pci0000:00/1c.0/00.0");
	expect(5, "pci0000:00/1c.0/00", "pci0000:00/1c.0/00.1");
	expect(6, "pci0000:00/1c.4/00", "pci0000:00/1c.4/00.0");
	expect(7, "pci0000:00/1c.4/00", "pci0000:00/1c.4/00.1");
	expect(8, "pci0000:00/1c.4/00", "pci0000:00/1c.4/00.0/00.0");
	expect(9, "pci0000:00/1c.4/00", "pci0000:00/1c.4/00.0/01.0");
	expect(10, "pci0000:00/1c.4/00.0/00.0/00", "pci0000:00/1c.4/00.0/00.0/00.0");
	expect(11, "pci0000:00/1c.4/00", "pci0000:00/1c.4/00.0/01.0/00.0");
	expect(12, "board", "pci0001:80/00.0");
	assert_string_equal(claims.parts->next->functions->driver, "igb");
	assert_null(claims.parts->next->functions->next->driver);
	assert_int_equal(claims.parts->next->functions->identity.vendor, 0x8086);
	assert_int_equal(claims.parts->next->functions->identity.device, 4);
}

static void test_bus_numbers_leave_no_trace(void **state)
{
	static struct hf_arena other;
	struct hf_claims first;

	(void)state;
	hf_claims_init(&first, &arena);
	machine(0);
	assert_int_equal(hf_topology(&bus, &first), HF_OK);
	assert_int_equal(hf_arena_make(1u << 20, &other), HF_OK);
	for (uint8_t gap = 1; gap < 50; gap += 7) {
		bus.count = 0;
		memset(configs, 0, sizeof(configs));
		machine(gap);
		other.len = 0;
		hf_claims_init(&claims, &other);
		place();
		assert_int_equal(hf_claims_compare(&first, &claims, NULL, NULL), 0);
	}
	hf_arena_drop(&other);
}

/* Slots behind a conventional bridge hold a card each; a bridge on a card does not. */
static void test_conventional_bridges(void **state)
{
	(void)state;
	add_bridge(0, 0, 0x1e, 0, 1, 2, -1, false);
	add(0, 1, 5, 0);
	add(0, 1, 5, 1);
	add_bridge(0, 1, 6, 0, 2, 2, -1, false);
	add(0, 2, 0, 0);
	add(0, 2, 1, 0);
	place();
	assert_int_equal(claims.part_count, 3);
	expect(1, "pci0000:00/1e.0/05", "pci0000:00/1e.0/05.0");
	expect(2, "pci0000:00/1e.0/05", "pci0000:00/1e.0/05.1");
	expect(4, "pci0000:00/1e.0/06", "pci0000:00/1e.0/06.0/00.0");
	expect(5, "pci0000:00/1e.0/06", "pci0000:00/1e.0/06.0/01.0");
}

static void test_more_root_buses(void **state)
{
	(void)state;
	add(0, 0, 0, 0);
	add_bridge(0, 0x80, 1, 0, 0x81, 0x81, HF_PORT_ROOT, true);
	add(0, 0x81, 0, 0);
	add_bridge(0x10000, 0, 2, 0, 1, 1, HF_PORT_ROOT, true);
	add(0x10000, 1, 0, 0);
	add(0xffffffff, 0xff, 0x1f, 7);
	place();
	expect(2, "pci0000:80/01.0/00", "pci0000:80/01.0/00.0");
	expect(3, "board", "pci10000:00/02.0");
	expect(4, "pci10000:00/02.0/00", "pci10000:00/02.0/00.0");
	expect(5, "board", "pciffffffff:ff/1f.7");
}

static void test_bus_claimed_twice(void **state)
{
	(void)state;
	add_bridge(0, 0, 1, 0, 2, 2, HF_PORT_ROOT, true);
	add_bridge(0, 0, 2, 0, 2, 2, HF_PORT_ROOT, true);
	add(0, 2, 0, 0);
	add(0, 2, 0, 1);
	place();
	/* neither bridge is believed: parts of their own, by address */
	assert_int_equal(claims.part_count, 3);
	expect(2, "pci0000:02/00", "pci0000:02/00.0");
	expect(3, "pci0000:02/00.1", "pci0000:02/00.1");
	assert_int_equal(claims.parts->next->kind, HF_PART_CARD);
}

static void test_bridges_that_lie(void **state)
{
	(void)state;
	add_bridge(0, 0, 1, 0, 0, 255, HF_PORT_ROOT, true);	/* its own bus */
	add_bridge(0, 0, 2, 0, 3, 1, HF_PORT_ROOT, true);	/* ends before it begins */
	add_bridge(0, 0, 3, 0, 5, 9, HF_PORT_ROOT, true);
	add_bridge(0, 5, 0, 0, 5, 5, HF_PORT_UPSTREAM, false);	/* itself again */
	add_bridge(0, 5, 1, 0, 0, 9, HF_PORT_UPSTREAM, false);	/* a loop through the root */
	add(0, 7, 0, 0);	/* inside 5-9, and nobody owns it */
	add(0, 12, 0, 0);	/* a root bus */
	place();
	expect(3, "pci0000:00/03.0/00", "pci0000:00/03.0/00.0");
	expect(4, "pci0000:00/03.0/00", "pci0000:00/03.0/01.0");
	expect(5, "pci0000:07/00", "pci0000:07/00.0");
	expect(6, "board", "pci0000:0c/00.0");
}

/* A card cannot slip onto the board by what it says about buses. */
static void test_orphan_is_not_on_the_board(void **state)
{
	(void)state;
	add_bridge(0, 0, 1, 0, 1, 3, HF_PORT_ROOT, true);
	add_bridge(0, 1, 0, 0, 0, 0, HF_PORT_UPSTREAM, false);	/* hides bus 2 */
	add(0, 2, 0, 0);
	place();
	expect(2, "pci0000:02/00", "pci0000:02/00.0");
}

static void test_chain_as_deep_as_numbers_go(void **state)
{
	(void)state;
	for (unsigned b = 0; b < 255; b++)
		add_bridge(0, (uint8_t)b, 0, 0, (uint8_t)(b + 1), 255,
			   b ? HF_PORT_UPSTREAM : HF_PORT_ROOT, false);
	add(0, 255, 0, 0);
	place();
	for (const struct hf_part *p = claims.parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			assert_true(strlen(f->path) <= HF_PATH_MAX);
}

static void test_virtual_functions(void **state)
{
	uint8_t *c;

	(void)state;
	add_bridge(0, 0, 1, 0, 1, 2, HF_PORT_ROOT, true);
	c = add(0, 1, 0, 0);
	memcpy(c + 0x100, "\x10\x00\x01\x00", 4);
	memcpy(c + 0x11a, "\x4c\x15", 2);
	memset(add(0, 1, 0x10, 0), 0xff, 4);	/* ids of virtual functions read all ones */
	memset(add(0, 2, 0x10, 1), 0xff, 4);	/* on a bus that no bridge has */
	memset(add(0, 2, 0x10, 2), 0xff, 4);	/* its physical function is not there */
	for (size_t i = 2; i < 5; i++) {
		functions[i].virtual_function = true;
		functions[i].physical = functions[1].address;
	}
	functions[4].physical.device = 9;
	place();
	expect(1, "pci0000:00/01.0/00", "pci0000:00/01.0/00.0");
	expect(2, "pci0000:00/01.0/00", "pci0000:00/01.0/00.0/vf128");
	expect(3, "pci0000:00/01.0/00", "pci0000:00/01.0/00.0/vf385");
	expect(4, "pci0000:02/10", "pci0000:02/10.2");
	const struct hf_function *vf = hf_claims_find_part(&claims, "pci0000:00/01.0/00")
					       ->functions->next;

	assert_int_equal(vf->identity.vendor, 0x8086);
	assert_int_equal(vf->identity.device, 0x154c);
}

static void test_gone_and_looping_functions_stay(void **state)
{
	const struct hf_function *f;
	uint8_t *c;

	(void)state;
	c = add(0, 0, 1, 0);
	c[0x06] = 0x10;
	c[0x34] = 0x40;
	c[0x40] = 9;
	c[0x41] = 0x40;
	memset(add(0, 0, 2, 0), 0xff, sizeof(configs[0]));
	add(0, 0, 3, 0);
	functions[2].config.len = 0;
	place();
	assert_int_equal(claims.part_count, 1);
	f = claims.parts->functions;
	assert_int_equal(f->identity.vendor, 0x8086);	/* the header is believed */
	f = f->next;
	assert_int_equal(f->identity.vendor, 0);
	f = f->next;
	assert_int_equal(f->identity.vendor, 0);
}

static void test_unsorted_or_double_addresses(void **state)
{
	(void)state;
	add(0, 1, 0, 0);
	add(0, 0, 0, 0);
	assert_int_equal(hf_topology(&bus, &claims), HF_ERR_INTERNAL);
	functions[1].address = functions[0].address;
	assert_int_equal(hf_topology(&bus, &claims), HF_ERR_INTERNAL);
}

static void test_empty_and_full(void **state)
{
	struct hf_arena small = { arena.base, 200, 0 };

	(void)state;
	assert_int_equal(hf_topology(&bus, &claims), HF_OK);
	assert_int_equal(claims.part_count, 0);
	add(0, 0, 0, 0);
	hf_claims_init(&claims, &small);
	assert_int_equal(hf_topology(&bus, &claims), HF_ERR_LIMIT);
}

static void test_ten_thousand_functions(void **state)
{
	(void)state;
	for (uint8_t b = 0; b < 44; b++)
		add_bridge(0, 0, (uint8_t)(b / 8), b % 8, (uint8_t)(b + 1), (uint8_t)(b + 1), -1,
			   false);
	for (uint8_t b = 0; b < 44; b++)
		for (unsigned df = 0; df < 248; df++)
			add(0, (uint8_t)(b + 1), (uint8_t)(df / 8), df % 8);
	place();
	assert_int_equal(bus.count, 10956);
	assert_int_equal(claims.part_count, 1 + 44 * 31);
}

static void test_random_bridges(void **state)
{
	(void)state;
	srand(3);
	for (int round = 0; round < 300; round++) {
		bus.count = 0;
		arena.len = 0;
		hf_claims_init(&claims, &arena);
		for (unsigned b = 0; b < 24; b++)
			for (unsigned d = 0; d < 3; d++) {
				uint8_t *c = add_bridge((uint32_t)b / 12, (uint8_t)(b % 12),
							(uint8_t)d, 0, (uint8_t)(rand() % 14),
							(uint8_t)(rand() % 14), rand() % 9 - 1,
							rand() & 1);
				if (rand() % 4 == 0)
					c[0x0e] = 0;
			}
		place();
	}
}

static void test_find(void **state)
{
	struct hf_address nowhere = { 0, 9, 9, 0 };

	(void)state;
	assert_null(hf_bus_find(&bus, &nowhere));
	machine(0);
	for (size_t i = 0; i < bus.count; i++)
		assert_ptr_equal(hf_bus_find(&bus, &functions[i].address), &functions[i]);
	assert_null(hf_bus_find(&bus, &nowhere));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_parts_and_paths),
		T(test_bus_numbers_leave_no_trace),
		T(test_conventional_bridges),
		T(test_more_root_buses),
		T(test_bus_claimed_twice),
		T(test_bridges_that_lie),
		T(test_orphan_is_not_on_the_board),
		T(test_chain_as_deep_as_numbers_go),
		T(test_virtual_functions),
		T(test_gone_and_looping_functions_stay),
		T(test_unsorted_or_double_addresses),
		T(test_empty_and_full),
		T(test_ten_thousand_functions),
		T(test_random_bridges),
		T(test_find),
	};

	return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
