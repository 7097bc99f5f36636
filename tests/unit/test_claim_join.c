/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One part measured without and with its driver becomes one entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "measure/claim.h"

#define PATH "pci0000:00/01.0/00"

struct fixture {
	struct hf_arena arena;
	struct hf_claims plain, driven, all;
	struct hf_part *part, *more;
};

static struct hf_function *function(struct hf_claims *claims, struct hf_part *part, const char *path)
{
	struct hf_function *f = hf_claims_add_function(claims, part, &(struct hf_address){ 0, 1, 0, 0 },
						       path);

	assert_non_null(f);
	f->identity.vendor = 0x1b36;
	return f;
}

static void text(struct hf_claims *claims, struct hf_part *part, struct hf_function *f,
		 const char *mkey, const char *value)
{
	struct hf_measurement *m = hf_claims_add_measurement(claims, part, f, mkey, HF_METHOD_VERSION, 0);

	assert_non_null(m);
	assert_int_equal(hf_measurement_set_text(claims, m, value), HF_OK);
}

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct hf_function *f;

	assert_int_equal(hf_arena_make(4 << 20, &x->arena), HF_OK);
	hf_claims_init(&x->plain, &x->arena);
	hf_claims_init(&x->driven, &x->arena);
	hf_claims_init(&x->all, &x->arena);
	x->part = hf_claims_add_part(&x->plain, HF_PART_CARD, PATH);
	text(&x->plain, x->part, NULL, "slot", "3");
	f = function(&x->plain, x->part, PATH ".0");
	text(&x->plain, x->part, f, "config", "c");
	text(&x->plain, x->part, f, "both", "old");
	function(&x->plain, x->part, PATH ".1");
	x->more = hf_claims_add_part(&x->driven, HF_PART_CARD, PATH);
	text(&x->driven, x->more, NULL, "slot", "3");
	f = function(&x->driven, x->more, PATH ".0");
	f->driver = "nvme";
	text(&x->driven, x->more, f, "nvme/firmware", "1.0");
	text(&x->driven, x->more, f, "both", "new");
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;

	hf_arena_drop(&x->arena);
	free(x);
	return 0;
}

static void says(struct hf_measurement *list, const char *mkey, const char *value)
{
	const struct hf_measurement *m = hf_measurement_find(list, mkey);

	assert_non_null(m);
	assert_string_equal(m->text, value);
}

static void both_are_there_and_the_driver_wins(void **state)
{
	struct fixture *x = *state;
	struct hf_part *joined = hf_part_join(&x->all, x->part, x->more);
	struct hf_function *f;

	assert_non_null(joined);
	assert_int_equal(x->all.part_count, 0);
	f = joined->functions;
	assert_int_equal(joined->function_count, 2);
	assert_string_equal(joined->path, PATH);
	assert_string_equal(f->driver, "nvme");
	assert_int_equal(f->identity.vendor, 0x1b36);
	says(f->measurements, "config", "c");
	says(f->measurements, "both", "new");
	says(f->measurements, "nvme/firmware", "1.0");
	says(joined->measurements, "slot", "3");
	assert_null(joined->measurements->next);
	assert_null(f->next->measurements);
	assert_null(f->next->driver);
	/* what they were made of is as it was */
	says(x->part->functions->measurements, "both", "old");
	assert_null(hf_measurement_find(x->part->functions->measurements, "nvme/firmware"));
	/* the ends are right: more can be added */
	text(&x->all, joined, f, "later", "1");
	says(f->measurements, "later", "1");
}

static void a_function_that_is_not_there(void **state)
{
	struct fixture *x = *state;

	function(&x->driven, x->more, PATH ".7");
	assert_null(hf_part_join(&x->all, x->part, x->more));
	assert_non_null(hf_part_join(&x->all, x->more, x->more));
}

static void a_later_entry_is_counted_and_counts(void **state)
{
	struct fixture *x = *state;
	struct hf_part *joined = hf_part_join(&x->plain, x->part, x->more);

	assert_int_equal(x->plain.measurement_count, 3);
	assert_int_equal(hf_claims_append_part(&x->plain, joined), HF_OK);
	assert_int_equal(x->plain.part_count, 2);
	assert_int_equal(x->plain.function_count, 4);
	assert_int_equal(x->plain.measurement_count, 7);
	assert_ptr_equal(hf_claims_find_part(&x->plain, PATH), joined);
	assert_true(hf_part_superseded(x->part));
	assert_false(hf_part_superseded(joined));
}

static void limits(void **state)
{
	struct fixture *x = *state;
	struct hf_part *joined = hf_part_join(&x->all, x->part, x->more);
	const struct hf_claims before = x->plain;

	x->plain.part_count = HF_PARTS_MAX;
	assert_int_equal(hf_claims_append_part(&x->plain, joined), HF_ERR_LIMIT);
	x->plain = before;
	x->plain.function_count = HF_FUNCTIONS_MAX - 1;
	assert_int_equal(hf_claims_append_part(&x->plain, joined), HF_ERR_LIMIT);
	x->plain = before;
	x->plain.measurement_count = HF_MEASUREMENTS_MAX - 3;
	assert_int_equal(hf_claims_append_part(&x->plain, joined), HF_ERR_LIMIT);
	x->plain.measurement_count = HF_MEASUREMENTS_MAX - 4;
	assert_int_equal(hf_claims_append_part(&x->plain, joined), HF_OK);
}

static void a_list_that_gets_too_long(void **state)
{
	struct fixture *x = *state;
	char mkey[32];

	for (int i = 0; i < HF_LIST_MAX - 1; i++) {
		snprintf(mkey, sizeof(mkey), "m%d", i);
		text(&x->driven, x->more, NULL, mkey, "1");
	}
	assert_non_null(hf_part_join(&x->all, x->part, x->more));
	text(&x->plain, x->part, NULL, "one-more", "1");
	assert_null(hf_part_join(&x->all, x->part, x->more));
}

static void an_arena_that_runs_out(void **state)
{
	struct fixture *x = *state;
	struct hf_arena small = { x->arena.base, x->arena.len + 200, x->arena.len };

	x->all.arena = &small;
	assert_null(hf_part_join(&x->all, x->part, x->more));
}

static void what_only_a_driver_measures(void **state)
{
	static const char *const yes[] = { "nvme/firmware", "net/fixed/asic.id", "drive/ata1/firmware",
					   "mtd/spi0", "gpu/vbios-version", "hba/firmware",
					   "cxl/firmware" };
	static const char *const no[] = { "option-rom/window", "nvme", "config", "rom-bar/rest", "network/x",
					  "firmware/pending", "vpd/part-number", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(hf_mkey_needs_driver(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(hf_mkey_needs_driver(no[i]));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_are_there_and_the_driver_wins), T(a_function_that_is_not_there),
		T(a_later_entry_is_counted_and_counts), T(limits), T(a_list_that_gets_too_long),
		T(an_arena_that_runs_out), T(what_only_a_driver_measures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
