/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Virtual functions: their number is the host's choice, their code would be nobody's. */
#include "tests/unit/boot_fixture.h"

#define VIRTUAL NIC_PLACE ".0/vf1"

static struct hf_function *add(struct fixture *fx, const char *path)
{
	struct hf_function *f = hf_claims_add_function(&fx->claims, fx->card,
						       &(struct hf_address){ 0, 9, 2, 0 }, path);

	assert_non_null(f);
	f->identity = (struct hf_identity){ .vendor = 0x15b3, .device = 0x101e, .class_code = 0x20000 };
	return f;
}

static void judge(struct fixture *fx, enum hf_err cause)
{
	fx_judge(fx);
	assert_string_equal(hf_err_name(fx->verdict.cause), hf_err_name(cause));
	assert_int_equal(fx->verdict.status == HF_STATUS_ACCEPTED, cause == HF_OK);
}

#define TEST(name) static void name(void **state)
#define BEGIN struct fixture *fx = fx_new(); (void)state
#define END fx_free(fx)

TEST(they_belong_to_their_physical_function)
{
	BEGIN;
	add(fx, VIRTUAL);
	add(fx, NIC_PLACE ".0/vf2");
	judge(fx, HF_OK);
	END;
}

TEST(one_that_shows_code_is_refused)
{
	BEGIN;
	fx_code(fx, fx->card, add(fx, VIRTUAL), "option-rom/window", "surprise");
	judge(fx, HF_ERR_FIRMWARE_UNKNOWN);
	END;
}

TEST(one_that_could_not_be_read_is_refused)
{
	BEGIN;
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->card, add(fx, VIRTUAL),
							     "firmware", HF_METHOD_NONE, 0);

	hf_measurement_set_failure(m, HF_ERR_TIMED_OUT);
	judge(fx, HF_ERR_FIRMWARE_UNKNOWN);
	END;
}

TEST(what_is_only_named_like_one_is_none)
{
	BEGIN;
	add(fx, NIC_PLACE ".7/vfx");
	judge(fx, HF_ERR_PART_UNKNOWN);
	END;
}

TEST(a_part_of_nothing_else_is_unknown)
{
	BEGIN;
	fx->card->functions = NULL;
	fx->card->functions_end = &fx->card->functions;
	fx->card->function_count = 0;
	add(fx, VIRTUAL);
	judge(fx, HF_ERR_PART_UNKNOWN);
	END;
}

TEST(they_may_be_listed_as_before)
{
	BEGIN;
	struct hf_environment *e = fx_take(fx, sizeof(*e)), **end;

	e->match = (struct hf_match){ .vendor = 0x15b3, .device = 0x101e, .class_code = 0x20000 };
	e->count = 1;
	for (end = &fx->nic->releases->environments; *end; end = &(*end)->next)
		;
	*end = e;
	add(fx, VIRTUAL);
	judge(fx, HF_OK);
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_belong_to_their_physical_function),
		cmocka_unit_test(one_that_shows_code_is_refused),
		cmocka_unit_test(one_that_could_not_be_read_is_refused),
		cmocka_unit_test(what_is_only_named_like_one_is_none),
		cmocka_unit_test(a_part_of_nothing_else_is_unknown),
		cmocka_unit_test(they_may_be_listed_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
