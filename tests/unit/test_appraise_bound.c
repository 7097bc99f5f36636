/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judging before, while and after drivers are bound: what only a driver can measure. */
#include "tests/unit/appraise_fixture.h"

#define FIRMWARE "nvme/firmware"

static void list_firmware(struct fixture *fx, struct hf_release *release, const char *version)
{
	struct hf_reference *r = fx_take(fx, sizeof(*r));

	*r = (struct hf_reference){ .mkey = FIRMWARE, .text = version,
				    .next = release->environments->references };
	release->environments->references = r;
}

static struct hf_release *drive_release(struct fixture *fx, const char *name,
					enum hf_release_state state, const char *version)
{
	struct hf_release *r = fx_release(fx, fx->drive, name, state);

	fx_environment(fx, r, 0x1b36, 0x0010, 0x010802, 1);
	list_firmware(fx, r, version);
	return r;
}

static struct fixture *host(void)
{
	struct fixture *fx = fx_new();

	fx->drive->releases = NULL;
	drive_release(fx, "2.0", HF_RELEASE_ALLOWED, "2.0");
	return fx;
}

/* The drive's entry with what its driver said; NULL: it said nothing of that. */
static struct hf_part *bind(struct fixture *fx, const char *version)
{
	struct hf_part *joined = hf_part_join(&fx->claims, fx->disk, fx->disk);

	assert_non_null(joined);
	assert_int_equal(hf_claims_append_part(&fx->claims, joined), HF_OK);
	if (version)
		fx_text(fx, joined, joined->functions, FIRMWARE, HF_METHOD_VERSION, version);
	return joined;
}

static void judge(struct fixture *fx, bool before_drivers)
{
	memset(&fx->verdict, 0xaa, sizeof(fx->verdict));
	hf_appraise(&(struct hf_appraise_input){ .claims = &fx->claims, .manifests = fx->manifests,
						 .model = fx->model,
						 .before_drivers = before_drivers },
		    &fx->arena, &fx->verdict);
}

static void is(struct fixture *fx, enum hf_err cause)
{
	assert_string_equal(hf_err_name(fx->verdict.cause), hf_err_name(cause));
	assert_int_equal(fx->verdict.status, cause == HF_OK ? HF_STATUS_ACCEPTED : HF_STATUS_HELD);
	if (cause != HF_OK)
		assert_string_equal(fx->verdict.cause_place, DISK_PLACE);
}

static void nothing_is_missing_before_drivers(void **state)
{
	struct fixture *fx = host();

	(void)state;
	judge(fx, true);
	is(fx, HF_OK);
	assert_int_equal(fx->verdict.awaited, 1);
	judge(fx, false);
	is(fx, HF_ERR_MEASUREMENT_MISSING);
	assert_string_equal(fx->verdict.cause_mkey, FIRMWARE);
	assert_int_equal(fx->verdict.awaited, 0);
	fx_free(fx);
}

/* No driver adds a signature: who has to sign and does not never gets one. Bytes may still come. */
static void a_signature_is_not_awaited(void **state)
{
	static const struct { enum hf_method least; enum hf_err cause; } cases[] = {
		{ HF_METHOD_BYTES, HF_OK },
		{ HF_METHOD_UNBOUND, HF_ERR_METHOD_TOO_WEAK },
		{ HF_METHOD_SIGNED, HF_ERR_METHOD_TOO_WEAK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *fx = host();

		fx->disk_rule->least_method = cases[i].least;
		judge(fx, true);
		is(fx, cases[i].cause);
		fx_free(fx);
	}
}

static void other_measurements_are_missing_at_once(void **state)
{
	struct fixture *fx = host();
	struct hf_environment *e = fx->drive->releases->environments;

	(void)state;
	fx_reference(fx, e, "option-rom/window", "rom");
	judge(fx, true);
	is(fx, HF_ERR_MEASUREMENT_MISSING);
	assert_string_equal(fx->verdict.cause_mkey, "option-rom/window");
	fx_free(fx);
}

static void the_later_entry_says_what_the_driver_read(void **state)
{
	struct fixture *fx = host();

	(void)state;
	bind(fx, "2.0");
	for (int before = 0; before < 2; before++) {
		judge(fx, before);
		is(fx, HF_OK);
		assert_int_equal(fx->verdict.coverage.parts, 3);
		assert_int_equal(fx->verdict.coverage.by_method[HF_METHOD_VERSION], 1);
		assert_int_equal(fx->verdict.coverage.by_method[HF_METHOD_IDENTITY], 1);
	}
	fx_free(fx);
}

static void another_version_is_refused_at_once(void **state)
{
	struct fixture *fx = host();

	(void)state;
	bind(fx, "9.9");
	for (int before = 0; before < 2; before++) {
		judge(fx, before);
		is(fx, HF_ERR_FIRMWARE_UNKNOWN);
		assert_string_equal(fx->verdict.cause_mkey, FIRMWARE);
	}
	assert_int_equal(hf_verdict_for(&fx->verdict, DISK_PLACE)->status, HF_STATUS_HELD);
	fx_free(fx);
}

/* A reading that failed is no reading that is still to come. */
static void a_reader_that_failed(void **state)
{
	struct fixture *fx = host();
	struct hf_part *part = bind(fx, NULL);
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, part, part->functions, FIRMWARE,
							     HF_METHOD_NONE, 0);

	(void)state;
	hf_measurement_set_failure(m, HF_ERR_TIMED_OUT);
	judge(fx, true);
	is(fx, HF_ERR_MEASUREMENT_MISSING);
	fx_free(fx);
}

static void a_driver_that_said_nothing(void **state)
{
	struct fixture *fx = host();

	(void)state;
	bind(fx, NULL);
	judge(fx, true);
	is(fx, HF_OK);
	assert_int_equal(fx->verdict.awaited, 2);
	judge(fx, false);
	is(fx, HF_ERR_MEASUREMENT_MISSING);
	fx_free(fx);
}

/* Two releases that only the driver can tell apart: the deny waits for it, and then wins. */
static void a_revoked_release_that_only_a_driver_knows(void **state)
{
	struct fixture *fx = host();

	(void)state;
	drive_release(fx, "1.0", HF_RELEASE_REVOKED, "1.0");
	judge(fx, true);
	is(fx, HF_OK);
	bind(fx, "1.0");
	judge(fx, true);
	is(fx, HF_ERR_FIRMWARE_REVOKED);
	judge(fx, false);
	is(fx, HF_ERR_FIRMWARE_REVOKED);
	fx_free(fx);
}

/* One version, both allowed and revoked: the deny wins as soon as the version is known. */
static void a_version_that_is_revoked_as_well(void **state)
{
	struct fixture *fx = host();

	(void)state;
	drive_release(fx, "2.0-recalled", HF_RELEASE_REVOKED, "2.0");
	judge(fx, true);
	is(fx, HF_OK);
	bind(fx, "2.0");
	judge(fx, true);
	is(fx, HF_ERR_FIRMWARE_REVOKED);
	fx_free(fx);
}

static void nothing_but_revoked_releases(void **state)
{
	struct fixture *fx = fx_new();

	(void)state;
	fx->drive->releases = NULL;
	drive_release(fx, "1.0", HF_RELEASE_REVOKED, "1.0");
	judge(fx, true);
	is(fx, HF_ERR_FIRMWARE_REVOKED);
	fx_free(fx);
}

static void an_old_release_that_only_a_driver_knows(void **state)
{
	struct fixture *fx = host();

	(void)state;
	drive_release(fx, "1.0", HF_RELEASE_UPDATE, "1.0");
	judge(fx, true);
	is(fx, HF_OK);
	bind(fx, "1.0");
	judge(fx, true);
	is(fx, HF_ERR_FIRMWARE_OLD);
	fx_free(fx);
}

/* The method that a rule asks for may be the driver's. */
static void a_least_method_that_needs_the_driver(void **state)
{
	struct fixture *fx = host();

	(void)state;
	fx->disk_rule->least_method = HF_METHOD_VERSION;
	judge(fx, true);
	is(fx, HF_OK);
	bind(fx, "2.0");
	judge(fx, false);
	is(fx, HF_OK);
	fx->disk_rule->least_method = HF_METHOD_BYTES;
	judge(fx, false);
	is(fx, HF_ERR_METHOD_TOO_WEAK);
	fx_free(fx);
}

static void a_least_method_that_no_driver_is_listed_for(void **state)
{
	struct fixture *fx = fx_new();

	(void)state;
	fx->disk_rule->least_method = HF_METHOD_VERSION;
	judge(fx, true);
	is(fx, HF_ERR_METHOD_TOO_WEAK);
	fx_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_missing_before_drivers),
		cmocka_unit_test(a_signature_is_not_awaited),
		cmocka_unit_test(other_measurements_are_missing_at_once),
		cmocka_unit_test(the_later_entry_says_what_the_driver_read),
		cmocka_unit_test(another_version_is_refused_at_once),
		cmocka_unit_test(a_reader_that_failed),
		cmocka_unit_test(a_driver_that_said_nothing),
		cmocka_unit_test(a_revoked_release_that_only_a_driver_knows),
		cmocka_unit_test(a_version_that_is_revoked_as_well),
		cmocka_unit_test(nothing_but_revoked_releases),
		cmocka_unit_test(an_old_release_that_only_a_driver_knows),
		cmocka_unit_test(a_least_method_that_needs_the_driver),
		cmocka_unit_test(a_least_method_that_no_driver_is_listed_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
