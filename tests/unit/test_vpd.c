/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/vpd.h"

static uint8_t bytes[HF_VPD_MAX + 1];
static size_t len;
static struct hf_vpd vpd;

static void put(const void *p, size_t n)
{
	memcpy(bytes + len, p, n);
	len += n;
}

static size_t open_resource(uint8_t tag)
{
	bytes[len] = tag;
	len += 3;
	return len;
}

static void close_resource(size_t start)
{
	bytes[start - 2] = (uint8_t)(len - start);
	bytes[start - 1] = (uint8_t)((len - start) >> 8);
}

static void field(const char *keyword, const char *text)
{
	uint8_t n = (uint8_t)strlen(text);

	put(keyword, 2);
	put(&n, 1);
	put(text, n);
}

static size_t sum_at;	/* of the byte that makes it right */

static void checksum(void)
{
	uint8_t sum = 0;

	bytes[sum_at] = 0;
	for (size_t i = 0; i < sum_at; i++)
		sum = (uint8_t)(sum + bytes[i]);
	bytes[sum_at] = (uint8_t)-sum;
}

static int setup(void **state)
{
	size_t at;

	(void)state;
	len = 0;
	memset(bytes, 0, sizeof(bytes));
	at = open_resource(0x82);
	put("A card", 6);
	close_resource(at);
	at = open_resource(0x90);
	field("PN", "PART-1");
	field("SN", "0001");
	field("V1", "x y");
	field("RV", "???");	/* one byte of checksum, two that are reserved */
	sum_at = len - 3;
	close_resource(at);
	at = open_resource(0x91);
	field("YA", "asset");
	field("RW", "rest");
	close_resource(at);
	bytes[len++] = 0x78;
	checksum();
	memset(&vpd, 0xaa, sizeof(vpd));
	return 0;
}

static enum hf_err parse(void)
{
	return hf_vpd_parse((struct hf_span){ bytes, len }, &vpd);
}

static void is_field(const char *keyword, const char *want, bool writable)
{
	const struct hf_vpd_field *f = hf_vpd_find(&vpd, keyword);

	assert_non_null(f);
	assert_int_equal(f->data.len, strlen(want));
	assert_memory_equal(f->data.ptr, want, f->data.len);
	assert_int_equal(f->writable, writable);
}

static void test_list(void **state)
{
	(void)state;
	assert_int_equal(parse(), HF_OK);
	assert_int_equal(vpd.identifier.len, 6);
	assert_int_equal(vpd.count, 4);
	is_field("PN", "PART-1", false);
	is_field("SN", "0001", false);
	is_field("V1", "x y", false);
	is_field("YA", "asset", true);
	assert_null(hf_vpd_find(&vpd, "RV"));
	assert_int_equal(vpd.len, len);
	len += 100;	/* the window is larger than what is in it */
	assert_int_equal(parse(), HF_OK);
	assert_int_equal(vpd.len, len - 100);
}

static void test_checksum(void **state)
{
	(void)state;
	for (size_t i = 0; i <= sum_at; i++) {
		setup(state);
		bytes[i] ^= 0x01;
		assert_int_equal(parse(), HF_ERR_VPD_SHAPE);
	}
	setup(state);
	bytes[sum_at + 1] ^= 0x01;	/* reserved, behind it */
	assert_int_equal(parse(), HF_OK);
}

static void test_cut_anywhere(void **state)
{
	size_t whole;

	(void)state;
	for (whole = len; len > 0;) {
		struct hf_vpd before = vpd;

		len--;
		assert_int_equal(parse(), HF_ERR_VPD_SHAPE);
		assert_memory_equal(&before, &vpd, sizeof(vpd));
	}
	len = whole;
	assert_int_equal(parse(), HF_OK);
}

static void test_order_and_repetition(void **state)
{
	size_t at;

	(void)state;
	len = 0;	/* no read-only list, so nothing vouches for the rest */
	at = open_resource(0x82);
	close_resource(at);
	bytes[len++] = 0x78;
	assert_int_equal(parse(), HF_ERR_VPD_SHAPE);
	len = 0;	/* no identifier */
	at = open_resource(0x90);
	field("RV", "?");
	sum_at = len - 1;
	close_resource(at);
	bytes[len++] = 0x78;
	checksum();
	assert_int_equal(parse(), HF_ERR_VPD_SHAPE);
	len = 0;	/* the same keyword twice; something after RV */
	for (int variant = 0; variant < 3; variant++) {
		len = 0;
		at = open_resource(0x82);
		close_resource(at);
		at = open_resource(0x90);
		field("PN", "1");
		if (variant == 1)
			field("PN", "1");
		field("RV", "?");
		sum_at = len - 1;
		if (variant == 2)
			field("SN", "1");
		close_resource(at);
		bytes[len++] = 0x78;
		checksum();
		assert_int_equal(parse(), variant ? HF_ERR_VPD_SHAPE : HF_OK);
	}
	len = 0;	/* a keyword that is longer than its list */
	at = open_resource(0x82);
	close_resource(at);
	at = open_resource(0x90);
	field("RV", "??");
	sum_at = len - 2;
	close_resource(at);
	bytes[len++] = 0x78;
	checksum();
	assert_int_equal(parse(), HF_OK);
	bytes[at - 2]--;
	checksum();
	assert_int_equal(parse(), HF_ERR_VPD_SHAPE);
	setup(state);
	bytes[9] = 0x91;	/* the first list is called read-write: RV is no keyword there */
	checksum();
	assert_int_equal(parse(), HF_ERR_VPD_SHAPE);
}

static void test_limits(void **state)
{
	size_t at;

	(void)state;
	for (unsigned extra = 0; extra < 2; extra++) {
		len = 0;
		at = open_resource(0x82);
		close_resource(at);
		at = open_resource(0x90);
		for (unsigned i = 0; i < HF_VPD_FIELDS_MAX + extra; i++) {
			char keyword[3] = { (char)('A' + i / 26), (char)('A' + i % 26), 0 };

			field(keyword, "");
		}
		field("RV", "?");
		sum_at = len - 1;
		close_resource(at);
		bytes[len++] = 0x78;
		checksum();
		assert_int_equal(parse(), extra ? HF_ERR_VPD_SHAPE : HF_OK);
	}
	setup(state);
	assert_int_equal(hf_vpd_parse((struct hf_span){ bytes, HF_VPD_MAX }, &vpd), HF_OK);
	assert_int_equal(hf_vpd_parse((struct hf_span){ bytes, HF_VPD_MAX + 1 }, &vpd), HF_ERR_VPD_SHAPE);
	assert_int_equal(hf_vpd_parse((struct hf_span){ NULL, 0 }, &vpd), HF_ERR_VPD_SHAPE);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_list),
		T(test_checksum),
		T(test_cut_anywhere),
		T(test_order_and_repetition),
		T(test_limits),
	};

	return cmocka_run_group_tests_name("vpd", tests, NULL, NULL);
}
