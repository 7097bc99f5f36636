/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/drive.h"

static uint8_t page[60 + 512 + 100];
#define PAGE_LEN (60 + 512)

static void ata_text(size_t word, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		page[60 + 2 * word + (i ^ 1)] = i < strlen(text) ? (uint8_t)text[i] : ' ';
}

static void checksum(void)
{
	uint8_t sum = 0;

	page[60 + 511] = 0;
	for (size_t i = 0; i < 512; i++)
		sum = (uint8_t)(sum + page[60 + i]);
	page[60 + 511] = (uint8_t)-sum;
}

static int setup(void **state)
{
	(void)state;
	memset(page, 0, sizeof(page));
	page[1] = 0x89;
	page[2] = 568 >> 8;
	page[3] = 568 & 255;
	ata_text(10, "SERIAL", 20);
	ata_text(23, "FW123456", 8);
	ata_text(27, "An odd model name of forty characters..", 40);
	page[60 + 510] = 0xa5;
	checksum();
	return 0;
}

static enum hf_err parse(size_t len, struct hf_drive_ata *ret)
{
	return hf_drive_ata_page((struct hf_span){ page, len }, ret);
}

static void test_ata(void **state)
{
	struct hf_drive_ata ata, before;

	(void)state;
	assert_int_equal(parse(PAGE_LEN, &ata), HF_OK);
	assert_string_equal(ata.serial, "SERIAL              ");
	assert_string_equal(ata.firmware, "FW123456");
	assert_string_equal(ata.model, "An odd model name of forty characters.. ");
	assert_int_equal(parse(sizeof(page), &ata), HF_OK);	/* more in the file than in the page */
	memset(&ata, 0xaa, sizeof(ata));
	before = ata;
	for (size_t len = 0; len < PAGE_LEN; len++)
		assert_int_equal(parse(len, &ata), HF_ERR_DRIVE_SHAPE);
	page[3]--;	/* the page says that it is shorter */
	assert_int_equal(parse(sizeof(page), &ata), HF_ERR_DRIVE_SHAPE);
	setup(state);
	page[1] = 0x80;
	assert_int_equal(parse(PAGE_LEN, &ata), HF_ERR_DRIVE_SHAPE);
	setup(state);
	page[60 + 47] ^= 1;	/* a firmware digit */
	assert_int_equal(parse(PAGE_LEN, &ata), HF_ERR_DRIVE_SHAPE);
	assert_memory_equal(&before, &ata, sizeof(ata));
	page[60 + 510] = 0;	/* without a signature there is no checksum */
	assert_int_equal(parse(PAGE_LEN, &ata), HF_OK);
}

static void test_serial(void **state)
{
	uint8_t raw[] = { 0, 0x80, 0, 4, 'A', 'B', 'C', 'D', 'E' };
	struct hf_span serial = { NULL, 0 };

	(void)state;
	assert_int_equal(hf_drive_serial_page((struct hf_span){ raw, sizeof(raw) }, &serial), HF_OK);
	assert_int_equal(serial.len, 4);
	assert_memory_equal(serial.ptr, "ABCD", 4);
	for (size_t len = 0; len < 8; len++)
		assert_int_equal(hf_drive_serial_page((struct hf_span){ raw, len }, &serial),
				 HF_ERR_DRIVE_SHAPE);
	raw[2] = 0xff;
	assert_int_equal(hf_drive_serial_page((struct hf_span){ raw, sizeof(raw) }, &serial),
			 HF_ERR_DRIVE_SHAPE);
	raw[2] = 0;
	raw[1] = 0x83;
	assert_int_equal(hf_drive_serial_page((struct hf_span){ raw, sizeof(raw) }, &serial),
			 HF_ERR_DRIVE_SHAPE);
}

static void test_address(void **state)
{
	static const char *const wrong[] = { "", ":", "0:0:0", "0:0:0:", ":0:0:0", "0:0:0:0:0", "0::0:0",
					     "a:0:0:0", "0:0:0:0 ", "target0:0:0", "0:0:-1:0",
					     "0:0:0:123456789012345678901" };
	const char *place = NULL;

	(void)state;
	assert_true(hf_drive_address("12:0:3:1", &place));
	assert_string_equal(place, "0:3:1");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		place = "before";
		assert_false(hf_drive_address(wrong[i], &place));
		assert_string_equal(place, "before");
	}
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ata),
		T(test_serial),
		T(test_address),
	};

	return cmocka_run_group_tests_name("drive", tests, NULL, NULL);
}
