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

static uint8_t config[HF_CONFIG_MAX];
static const struct hf_span whole = { config, sizeof(config) };

static void put(size_t at, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		config[at + i] = (uint8_t)(value >> 8 * i);
}

static void ecap(size_t at, uint16_t id, size_t next)
{
	put(at, id | 1u << 16 | (uint32_t)next << 20, 4);
}

/* A NIC: power management 0x40 -> MSI 0x50 -> PCI Express 0x70; AER 0x100 -> DSN 0x140. */
static int setup(void **state)
{
	(void)state;
	memset(config, 0, sizeof(config));
	put(0x00, 0x10d38086, 4);
	put(0x06, 0x0010, 2);
	put(0x08, 0x02000003, 4);
	put(0x2c, 0xa01f8086, 4);
	put(0x34, 0x40, 1);
	put(0x40, 0x5001, 2);
	put(0x50, 0x7005, 2);
	put(0x70, 0x0010, 2);
	put(0x72, 0x0002, 2);
	ecap(0x100, 0x0001, 0x140);
	ecap(0x140, 0x0003, 0);
	put(0x144, 0x1122334455667788, 8);
	return 0;
}

static void test_identity(void **state)
{
	struct hf_identity id;

	(void)state;
	memset(&id, 0xaa, sizeof(id));
	assert_int_equal(hf_config_identity(whole, &id), HF_OK);
	assert_int_equal(id.vendor, 0x8086);
	assert_int_equal(id.device, 0x10d3);
	assert_int_equal(id.subsystem_vendor, 0x8086);
	assert_int_equal(id.subsystem_device, 0xa01f);
	assert_int_equal(id.class_code, 0x020000);
	assert_int_equal(id.revision, 3);
	assert_int_equal(id.header_type, 0);
	assert_true(id.has_serial);
	assert_true(id.serial == 0x1122334455667788);
	config[0x0e] = 0x80;	/* multi-function is no header type */
	assert_int_equal(hf_config_identity(whole, &id), HF_OK);
	assert_int_equal(id.header_type, 0);
}

static void test_identity_of_bridges(void **state)
{
	struct hf_identity id;
	uint8_t secondary, subordinate;

	(void)state;
	assert_false(hf_config_is_bridge(whole));
	hf_config_buses(whole, &secondary, &subordinate);
	assert_int_equal(secondary, 0);
	config[0x0e] = 1;
	put(0x18, 0x070500, 3);
	assert_true(hf_config_is_bridge(whole));
	hf_config_buses(whole, &secondary, &subordinate);
	assert_int_equal(secondary, 5);
	assert_int_equal(subordinate, 7);
	/* what is at 0x2c is a window there; subsystem ids come from their capability */
	assert_int_equal(hf_config_identity(whole, &id), HF_OK);
	assert_int_equal(id.subsystem_vendor, 0);
	put(0x40, 0x600d, 2);
	put(0x44, 0x12345678, 4);
	put(0x60, 0x7005, 2);
	assert_int_equal(hf_config_identity(whole, &id), HF_OK);
	assert_int_equal(id.subsystem_vendor, 0x5678);
	assert_int_equal(id.subsystem_device, 0x1234);
	config[0x0e] = 2;
	put(0x40, 0xbeef104c, 4);
	assert_int_equal(hf_config_identity(whole, &id), HF_OK);
	assert_int_equal(id.subsystem_vendor, 0x104c);
	assert_int_equal(id.subsystem_device, 0xbeef);
}

static void refused(struct hf_span in, enum hf_err want)
{
	struct hf_identity id, poison;

	memset(&id, 0xaa, sizeof(id));
	memset(&poison, 0xaa, sizeof(poison));
	assert_int_equal(hf_config_identity(in, &id), want);
	assert_memory_equal(&id, &poison, sizeof(id));
}

static void test_short_and_gone(void **state)
{
	struct hf_identity id;

	(void)state;
	refused((struct hf_span){ config, 0 }, HF_ERR_CONFIG_SHORT);
	refused((struct hf_span){ config, 63 }, HF_ERR_CONFIG_SHORT);
	/* the 64 bytes an unprivileged user sees: ids, and no capability */
	assert_int_equal(hf_config_identity((struct hf_span){ config, 64 }, &id), HF_OK);
	assert_int_equal(id.vendor, 0x8086);
	assert_false(id.has_serial);
	/* a serial number that is cut off is none */
	assert_int_equal(hf_config_identity((struct hf_span){ config, 0x14b }, &id), HF_OK);
	assert_false(id.has_serial);
	memset(config, 0xff, sizeof(config));
	refused(whole, HF_ERR_DEVICE_GONE);
}

static void test_capability_loops(void **state)
{
	struct hf_identity id;
	bool loop = false;

	(void)state;
	put(0x71, 0x50, 1);	/* back to MSI */
	refused(whole, HF_ERR_CAPABILITY_LOOP);
	assert_int_equal(hf_config_capability(whole, 0x42, &loop), 0);
	assert_true(loop);
	assert_int_equal(hf_config_header(whole, &id), HF_OK);
	put(0x71, 0x70, 1);	/* to itself */
	refused(whole, HF_ERR_CAPABILITY_LOOP);
	put(0x71, 0x10, 1);	/* into the header */
	refused(whole, HF_ERR_CAPABILITY_LOOP);
	put(0x70, 0x00ff, 2);	/* all ones in the list */
	refused(whole, HF_ERR_CAPABILITY_LOOP);
	put(0x70, 0x0010, 2);
	assert_int_equal(hf_config_identity(whole, &id), HF_OK);
	ecap(0x140, 3, 0x100);
	refused(whole, HF_ERR_CAPABILITY_LOOP);
	ecap(0x140, 3, 0x140);
	refused(whole, HF_ERR_CAPABILITY_LOOP);
	ecap(0x140, 3, 0x040);
	refused(whole, HF_ERR_CAPABILITY_LOOP);
	ecap(0x140, 3, 0x200);
	put(0x200, 0xffffffff, 4);
	refused(whole, HF_ERR_CAPABILITY_LOOP);
	put(0x200, 0, 4);	/* ends there, without an end mark */
	assert_int_equal(hf_config_identity(whole, &id), HF_OK);
}

static void test_find_capabilities(void **state)
{
	bool loop = false, slot;
	uint16_t device;
	uint8_t type;

	(void)state;
	assert_int_equal(hf_config_capability(whole, 0x01, &loop), 0x40);
	assert_int_equal(hf_config_capability(whole, 0x10, &loop), 0x70);
	assert_int_equal(hf_config_capability(whole, 0x11, &loop), 0);
	assert_int_equal(hf_config_extended_capability(whole, 3, &loop), 0x140);
	assert_int_equal(hf_config_extended_capability(whole, 0x2e, &loop), 0);
	assert_false(loop);
	put(0x72, 0x0162, 2);	/* downstream port, slot */
	assert_true(hf_config_port(whole, &type, &slot));
	assert_int_equal(type, HF_PORT_DOWNSTREAM);
	assert_true(slot);
	put(0x72, 0x0042, 2);
	assert_true(hf_config_port(whole, &type, &slot));
	assert_int_equal(type, HF_PORT_ROOT);
	assert_false(slot);
	assert_false(hf_config_virtual_device(whole, &device));
	ecap(0x140, 0x10, 0);
	put(0x140 + 0x1a, 0x154c, 2);
	assert_true(hf_config_virtual_device(whole, &device));
	assert_int_equal(device, 0x154c);
	put(0x06, 0, 2);	/* no list although there is a pointer */
	assert_int_equal(hf_config_capability(whole, 0x01, &loop), 0);
	assert_false(hf_config_port(whole, &type, &slot));
}

static void test_rom_register(void **state)
{
	(void)state;
	assert_false(hf_config_has_rom(whole));
	put(0x30, 0xfd000000, 4);
	assert_true(hf_config_has_rom(whole));
	config[0x0e] = 1;
	assert_false(hf_config_has_rom(whole));
	put(0x38, 0xfd000000, 4);
	assert_true(hf_config_has_rom(whole));
	config[0x0e] = 2;
	assert_false(hf_config_has_rom(whole));
	config[0x0e] = 0;
	assert_false(hf_config_has_rom((struct hf_span){ config, 32 }));
}

static bool masked_at(size_t at)
{
	uint8_t copy[HF_CONFIG_MAX];

	memcpy(copy, config, sizeof(copy));
	copy[at] = 0xff;
	hf_config_mask(copy, sizeof(copy));
	return copy[at] != 0xff;
}

static void test_mask_header(void **state)
{
	static const uint8_t endpoint[] = { 0x04, 0x07, 0x0c, 0x0d, 0x0f, 0x10, 0x27, 0x30, 0x3c };
	static const uint8_t kept[] = { 0x00, 0x02, 0x08, 0x0b, 0x2c, 0x2f, 0x34, 0x3d };

	(void)state;
	for (size_t i = 0; i < sizeof(endpoint); i++)
		assert_true(masked_at(endpoint[i]));
	for (size_t i = 0; i < sizeof(kept); i++)
		assert_false(masked_at(kept[i]));
	config[0x0e] = 1;
	assert_true(masked_at(0x18));
	assert_true(masked_at(0x1a));
	assert_true(masked_at(0x33));
	assert_true(masked_at(0x38));
	assert_true(masked_at(0x3e));
	assert_false(masked_at(0x3d));
}

static void test_mask_capabilities(void **state)
{
	(void)state;
	assert_true(masked_at(0x44));	/* power state */
	assert_false(masked_at(0x42));	/* power capabilities */
	assert_true(masked_at(0x54));	/* MSI address */
	assert_true(masked_at(0x67));	/* MSI pending bits */
	assert_false(masked_at(0x68));
	assert_true(masked_at(0x7a));	/* device status */
	assert_false(masked_at(0x74));	/* device capabilities */
	assert_true(masked_at(0x82));	/* link status */
	assert_false(masked_at(0x7c));	/* link capabilities */
	assert_true(masked_at(0x104));	/* AER status */
	assert_false(masked_at(0x100));
	assert_false(masked_at(0x144));	/* serial number */
	/* a bit field: only the bits named go */
	put(0x52, 0x01f1, 2);
	uint8_t copy[HF_CONFIG_MAX];

	memcpy(copy, config, sizeof(copy));
	hf_config_mask(copy, sizeof(copy));
	assert_int_equal(copy[0x52], 0x80);
	assert_int_equal(copy[0x53], 0x01);
}

static void test_mask_stops_at_next_capability(void **state)
{
	(void)state;
	put(0x51, 0x58, 1);	/* MSI, then something right behind it */
	put(0x58, 0x7009, 2);
	assert_true(masked_at(0x57));
	assert_false(masked_at(0x5a));
	assert_false(masked_at(0x5b));
}

static void test_mask_is_idempotent_and_bounded(void **state)
{
	uint8_t a[HF_CONFIG_MAX + 16], b[HF_CONFIG_MAX];

	(void)state;
	srand(7);
	for (int round = 0; round < 300; round++) {
		size_t len = (size_t)rand() % (HF_CONFIG_MAX + 1);

		for (size_t i = 0; i < sizeof(a); i++)
			a[i] = (uint8_t)rand();
		memset(a + len, 0x5a, sizeof(a) - len);
		hf_config_mask(a, len);
		for (size_t i = len; i < sizeof(a); i++)
			assert_int_equal(a[i], 0x5a);
		memcpy(b, a, len);
		hf_config_mask(b, len);
		if (len)
			assert_memory_equal(a, b, len);
	}
}

/* docs/config-mask.md lists exactly the rows of the table. */
static void test_mask_is_documented(void **state)
{
	static const char *const place[] = { "header", "capability", "extended" };
	static char text[65536];
	FILE *file = fopen("docs/config-mask.md", "r");
	size_t rows = 0;

	(void)state;
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	for (size_t i = 0; i < hf_mask_row_count; i++) {
		const struct hf_mask_row *r = &hf_mask_rows[i];
		char line[160], bits[16] = "all";

		if (r->bits)
			snprintf(bits, sizeof(bits), "0x%04x", r->bits);
		snprintf(line, sizeof(line), "| %s | 0x%02x | 0x%02x | %u | %s | %s |\n",
			 place[r->place], r->id, r->offset, r->len, bits, r->what);
		if (!strstr(text, line))
			print_error("docs/config-mask.md lacks: %s", line);
		assert_non_null(strstr(text, line));
	}
	for (const char *p = text; (p = strstr(p, "\n| ")) != NULL; p += 3)
		rows++;
	assert_int_equal(rows, hf_mask_row_count + 1);	/* and the table's head */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_identity, setup),
		cmocka_unit_test_setup(test_identity_of_bridges, setup),
		cmocka_unit_test_setup(test_short_and_gone, setup),
		cmocka_unit_test_setup(test_capability_loops, setup),
		cmocka_unit_test_setup(test_find_capabilities, setup),
		cmocka_unit_test_setup(test_rom_register, setup),
		cmocka_unit_test_setup(test_mask_header, setup),
		cmocka_unit_test_setup(test_mask_capabilities, setup),
		cmocka_unit_test_setup(test_mask_stops_at_next_capability, setup),
		cmocka_unit_test_setup(test_mask_is_idempotent_and_bounded, setup),
		cmocka_unit_test(test_mask_is_documented),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
