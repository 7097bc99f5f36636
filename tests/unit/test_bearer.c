/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The owner's release for when no controller answers: each thing that it has to say, alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "manifests/bearer.h"

struct fixture {
	struct hf_manifests manifests;
	struct hf_model model;
	struct hf_verdict verdict;
	struct hf_waiver waiver, other;
	struct hf_waiver_item item;
	struct hf_finding finding;
	uint8_t host[HF_AK_NAME];
	struct hf_bearer_input in;
};

static void make(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	memset(f->host, 0x5a, sizeof(f->host));
	f->item = (struct hf_waiver_item){ .place = HF_BEARER_PLACE, .cause = HF_ERR_CONTROLLER_UNREACHABLE };
	f->waiver = (struct hf_waiver){ .name = "w", .has_generation = true, .generation = 7, .bearer = true,
					.boots_from = 41, .boots_to = 43, .items = &f->item };
	memcpy(f->waiver.host, f->host, sizeof(f->host));
	f->manifests.waivers = &f->waiver;
	f->model = (struct hf_model){ .generation = 7, .mode = HF_MODE_ENFORCE };
	f->in = (struct hf_bearer_input){ .manifests = &f->manifests, .ak_name = { f->host, HF_AK_NAME },
					  .model = &f->model, .verdict = &f->verdict, .reset_count = 42 };
}

static void is(struct fixture *f, enum hf_err want, const char *why)
{
	const struct hf_waiver *found = NULL;
	const char *said = "unset";

	assert_int_equal(hf_bearer_find(&f->in, &found, &said), want);
	if (want == HF_OK)
		assert_non_null(found);
	if (why)
		assert_string_equal(said, why);
	else
		assert_null(said);
}

static void it_holds(void **state)
{
	struct fixture f;

	(void)state;
	make(&f);
	assert_true(hf_waiver_valid(&f.waiver));
	is(&f, HF_OK, NULL);
	f.in.reset_count = 41;
	is(&f, HF_OK, NULL);
	f.in.reset_count = 43;
	is(&f, HF_OK, NULL);
}

static void of_another_host_or_none(void **state)
{
	struct fixture f;

	(void)state;
	make(&f);
	f.host[33] ^= 1;
	is(&f, HF_ERR_BEARER_REFUSED, NULL);
	make(&f);
	f.in.ak_name.len = 0;
	is(&f, HF_ERR_BEARER_REFUSED, NULL);
	make(&f);
	f.waiver.bearer = false;	/* an ordinary waiver is none */
	is(&f, HF_ERR_BEARER_REFUSED, NULL);
	make(&f);
	f.in.model = NULL;
	is(&f, HF_ERR_BEARER_REFUSED, NULL);
}

static void at_another_time(void **state)
{
	struct fixture f;

	(void)state;
	make(&f);
	f.in.reset_count = 40;
	is(&f, HF_ERR_BEARER_REFUSED, "its boots have not begun");
	f.in.reset_count = 44;
	is(&f, HF_ERR_BEARER_REFUSED, "its boots are over");
	make(&f);
	f.model.generation = 8;
	is(&f, HF_ERR_BEARER_REFUSED, "it is for another generation of the model");
	f.model.generation = 6;
	is(&f, HF_ERR_BEARER_REFUSED, "it is for another generation of the model");
	make(&f);
	f.waiver.has_until = true;
	f.waiver.until_day = 1;
	is(&f, HF_OK, NULL);	/* no clock: its boots end it */
	f.in.now = 3 * 86400;
	is(&f, HF_ERR_BEARER_REFUSED, "its time is over");
}

static void where_the_host_is_not_as_it_should_be(void **state)
{
	static const char why[] = "not everything is accepted without a warning or waiver";
	struct fixture f;

	(void)state;
	for (enum hf_status s = HF_STATUS_WARNED; s <= HF_STATUS_HELD; s++) {
		make(&f);
		f.verdict.status = s;
		is(&f, HF_ERR_BEARER_REFUSED, why);
	}
	make(&f);
	f.verdict.boot = &f.finding;
	is(&f, HF_ERR_BEARER_REFUSED, why);
	make(&f);
	f.verdict.cause = HF_ERR_FIRMWARE_OLD;
	is(&f, HF_ERR_BEARER_REFUSED, why);
	make(&f);
	f.model.mode = HF_MODE_AUDIT;
	is(&f, HF_ERR_BEARER_REFUSED, "the model is in audit mode");
}

static void the_second_may_hold(void **state)
{
	struct fixture f;

	(void)state;
	make(&f);
	f.other = f.waiver;
	f.waiver.boots_to = 41;
	f.waiver.next = &f.other;
	is(&f, HF_OK, NULL);
}

static void what_is_none(void **state)
{
	struct fixture f;
	struct hf_waiver_item more = { .place = "board", .cause = HF_ERR_FIRMWARE_UNKNOWN };

	(void)state;
	make(&f);
	f.waiver.boots_from = 44;
	assert_false(hf_waiver_valid(&f.waiver));
	make(&f);
	f.waiver.has_generation = false;
	f.waiver.has_until = true;
	assert_false(hf_waiver_valid(&f.waiver));
	make(&f);
	f.item.next = &more;
	assert_false(hf_waiver_valid(&f.waiver));
	make(&f);
	f.item.place = "board";
	assert_false(hf_waiver_valid(&f.waiver));
	make(&f);
	f.item.found = "x";
	assert_false(hf_waiver_valid(&f.waiver));
	make(&f);
	f.item.mkey = "x";
	assert_false(hf_waiver_valid(&f.waiver));
	make(&f);
	f.waiver.bearer = false;	/* without boots nobody may say it */
	assert_false(hf_waiver_valid(&f.waiver));
	make(&f);
	f.item.cause = HF_ERR_FIRMWARE_UNKNOWN;
	assert_false(hf_waiver_valid(&f.waiver));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds),
		cmocka_unit_test(of_another_host_or_none),
		cmocka_unit_test(at_another_time),
		cmocka_unit_test(where_the_host_is_not_as_it_should_be),
		cmocka_unit_test(the_second_may_hold),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
