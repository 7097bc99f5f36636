/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/nvme.h"

static uint8_t identify_bytes[HF_NVME_IDENTIFY_LEN], log_bytes[HF_NVME_LOG_LEN];
static struct hf_nvme_identify identify;
static struct hf_nvme_log slots;

static struct hf_span identify_span(void)
{
	return (struct hf_span){ identify_bytes, sizeof(identify_bytes) };
}

static struct hf_span log_span(void)
{
	return (struct hf_span){ log_bytes, sizeof(log_bytes) };
}

static void is_text(struct hf_span found, const char *want)
{
	assert_int_equal(found.len, strlen(want));
	assert_memory_equal(found.ptr, want, found.len);
}

/* A drive of three slots: slot 1 cannot be written and holds 1.0, slot 2 runs 2.0. */
static int setup(void **state)
{
	(void)state;
	memset(identify_bytes, 0, sizeof(identify_bytes));
	memcpy(identify_bytes + 4, "SERIAL 1            ", 20);
	memcpy(identify_bytes + 24, "Model                                   ", 40);
	memcpy(identify_bytes + 64, "2.0     ", 8);
	identify_bytes[260] = 3 << 1 | 1;
	memset(log_bytes, 0, sizeof(log_bytes));
	log_bytes[0] = 2;
	memcpy(log_bytes + 8, "1.0     ", 8);
	memcpy(log_bytes + 16, "2.0     ", 8);
	memset(&identify, 0xaa, sizeof(identify));
	memset(&slots, 0xaa, sizeof(slots));
	return 0;
}

static void parse(void)
{
	assert_int_equal(hf_nvme_identify_parse(identify_span(), &identify), HF_OK);
	assert_int_equal(hf_nvme_log_parse(log_span(), &identify, &slots), HF_OK);
}

static void test_fields(void **state)
{
	(void)state;
	parse();
	is_text(identify.serial, "SERIAL 1");
	is_text(identify.model, "Model");
	is_text(identify.firmware, "2.0");
	assert_int_equal(identify.slots, 3);
	assert_true(identify.slot1_read_only);
	assert_int_equal(slots.active, 2);
	assert_int_equal(slots.next, 0);
	is_text(slots.revisions[1], "1.0");
	is_text(slots.revisions[2], "2.0");
	for (size_t i = 3; i <= HF_NVME_SLOTS; i++)
		assert_int_equal(slots.revisions[i].len, 0);
	assert_int_equal(hf_nvme_next(&identify, &slots), HF_NVME_SAME);
	assert_false(hf_nvme_slot_differs(&identify, &slots));
}

static void test_padding(void **state)
{
	(void)state;
	memcpy(identify_bytes + 64, "2.0\0\0\0\0\0", 8);	/* NULs instead of blanks */
	memcpy(log_bytes + 16, " 2.0 \0  ", 8);
	parse();
	is_text(identify.firmware, "2.0");
	assert_false(hf_nvme_slot_differs(&identify, &slots));
	memcpy(identify_bytes + 64, "12345678", 8);	/* fills its field */
	assert_int_equal(hf_nvme_identify_parse(identify_span(), &identify), HF_OK);
	is_text(identify.firmware, "12345678");
}

static void refuse_identify(void)
{
	struct hf_nvme_identify before;

	memset(&identify, 0xaa, sizeof(identify));
	before = identify;
	assert_int_equal(hf_nvme_identify_parse(identify_span(), &identify), HF_ERR_NVME_SHAPE);
	assert_memory_equal(&before, &identify, sizeof(before));
}

static void test_impossible_identify(void **state)
{
	(void)state;
	memset(identify_bytes + 64, ' ', 8);
	refuse_identify();
	memset(identify_bytes + 64, 0, 8);
	refuse_identify();
	memcpy(identify_bytes + 64, "2.\x1b[31m", 8);
	refuse_identify();
	setup(state);
	identify_bytes[260] = 1;	/* no slot at all */
	refuse_identify();
	setup(state);
	assert_int_equal(hf_nvme_identify_parse((struct hf_span){ identify_bytes, 4095 }, &identify),
			 HF_ERR_NVME_SHAPE);
}

static void refuse_log(uint8_t afi)
{
	struct hf_nvme_log before;

	memset(&slots, 0xaa, sizeof(slots));
	before = slots;
	log_bytes[0] = afi;
	assert_int_equal(hf_nvme_log_parse(log_span(), &identify, &slots), HF_ERR_NVME_SHAPE);
	assert_memory_equal(&before, &slots, sizeof(before));
}

static void test_impossible_log(void **state)
{
	(void)state;
	parse();
	refuse_log(0x00);	/* nothing is active */
	refuse_log(0x20);
	refuse_log(0x04);	/* a fourth slot of three */
	refuse_log(0x07);
	refuse_log(0x42);	/* a fourth slot is next */
	refuse_log(0x72);
	log_bytes[0] = 2;
	assert_int_equal(hf_nvme_log_parse((struct hf_span){ log_bytes, 511 }, &identify, &slots),
			 HF_ERR_NVME_SHAPE);
	log_bytes[0] = 2 | 0x88;	/* reserved bits */
	assert_int_equal(hf_nvme_log_parse(log_span(), &identify, &slots), HF_OK);
	assert_int_equal(slots.active, 2);
	assert_int_equal(slots.next, 0);
}

static enum hf_nvme_next next(uint8_t afi)
{
	log_bytes[0] = afi;
	parse();
	return hf_nvme_next(&identify, &slots);
}

static void test_what_waits(void **state)
{
	(void)state;
	assert_int_equal(next(0x02), HF_NVME_SAME);
	assert_int_equal(next(0x12), HF_NVME_OTHER);	/* back to 1.0 */
	assert_int_equal(next(0x22), HF_NVME_SAME);	/* itself */
	assert_int_equal(next(0x32), HF_NVME_EMPTY);
	memcpy(log_bytes + 24, "2.0     ", 8);		/* the same revision in another slot */
	assert_int_equal(next(0x32), HF_NVME_SAME);
	memcpy(log_bytes + 16, "3.0     ", 8);		/* put into the active slot, for the next reset */
	assert_int_equal(next(0x22), HF_NVME_OTHER);
	assert_false(hf_nvme_slot_differs(&identify, &slots));
}

static void test_active_slot_holds_something_else(void **state)
{
	(void)state;
	memcpy(log_bytes + 16, "3.0     ", 8);
	assert_int_equal(next(0x02), HF_NVME_SAME);
	assert_true(hf_nvme_slot_differs(&identify, &slots));
	assert_int_equal(next(0x12), HF_NVME_OTHER);	/* both */
	assert_true(hf_nvme_slot_differs(&identify, &slots));
	memset(log_bytes + 16, 0, 8);
	assert_int_equal(next(0x02), HF_NVME_SAME);
	assert_true(hf_nvme_slot_differs(&identify, &slots));
}

/* The Identify of a real drive. */
static void test_real_drive(void **state)
{
	const char *corpus = getenv("HOLDFAST_CORPUS");
	char path[512];
	FILE *in;
	size_t n;

	(void)state;
	snprintf(path, sizeof(path), "%s/inventory/TOSHIBA_THNSN5512GPU7.identify.bin",
		 corpus ? corpus : "../shared/data");
	in = fopen(path, "rb");
	if (!in)
		skip();
	n = fread(identify_bytes, 1, sizeof(identify_bytes), in);
	fclose(in);
	assert_int_equal(n, sizeof(identify_bytes));
	assert_int_equal(hf_nvme_identify_parse(identify_span(), &identify), HF_OK);
	is_text(identify.firmware, "410557LA");
	is_text(identify.model, "THNSN5512GPU7 TOSHIBA");
	assert_int_equal(identify.slots, 1);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fields),
		T(test_padding),
		T(test_impossible_identify),
		T(test_impossible_log),
		T(test_what_waits),
		T(test_active_slot_holds_something_else),
		T(test_real_drive),
	};

	return cmocka_run_group_tests_name("nvme", tests, NULL, NULL);
}
