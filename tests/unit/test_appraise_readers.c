/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What readers bring beside good values: firmware that waits for a reset, ROMs beyond the
 * kernel's window, pieces of a ROM, and everything that could not be read. */
#include "tests/unit/appraise_fixture.h"

#define TEST(name) static void name(void **state)
#define BEGIN struct fixture *fx = fx_new(); (void)state
#define END fx_free(fx)

static void accepted(struct fixture *fx)
{
	fx_judge(fx);
	assert_string_equal(hf_err_name(fx->verdict.cause), "ok");
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
}

static void refused(struct fixture *fx, enum hf_err cause, const char *mkey)
{
	fx_judge(fx);
	assert_string_equal(hf_err_name(fx->verdict.cause), hf_err_name(cause));
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(!fx->verdict.cause_mkey, !mkey);
	if (mkey)
		assert_string_equal(fx->verdict.cause_mkey, mkey);
}

static struct hf_measurement *fails(struct fixture *fx, struct hf_part *part, const char *mkey,
				    uint32_t flags, enum hf_err cause)
{
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, part, part->functions, mkey,
							     HF_METHOD_NONE, flags);

	assert_non_null(m);
	hf_measurement_set_failure(m, cause);
	return m;
}

static struct hf_environment *nic_of(struct fixture *fx)
{
	return fx->nic->releases->environments;
}

/* ---- firmware that waits for a reset ---- */

static void pending(struct fixture *fx, struct hf_part *part)
{
	fx_text(fx, part, part->functions, HF_MKEY_PENDING, HF_METHOD_VERSION, "2.0 in slot 2");
}

TEST(pending_firmware_refuses_a_part_that_is_in_order)
{
	BEGIN;
	pending(fx, fx->disk);
	refused(fx, HF_ERR_FIRMWARE_PENDING, HF_MKEY_PENDING);
	const struct hf_part_verdict *v = hf_verdict_for(&fx->verdict, DISK_PLACE);

	assert_string_equal(v->findings->found, "2.0 in slot 2");
	assert_ptr_equal(v->findings->function, fx->disk->functions);
	assert_string_equal(v->findings->rule, "drive");
	assert_null(v->findings->next);
	assert_non_null(v->release);	/* what it shows now is known */
	assert_int_equal(hf_err_class(v->findings->cause), HF_CLASS_UPDATE);
	END;
}

TEST(pending_firmware_does_as_its_rule_says)
{
	BEGIN;
	pending(fx, fx->disk);
	fx->disk_rule->action = HF_ACTION_WARN;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	fx->disk_rule->action = HF_ACTION_FENCE;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_ISOLATED);
	fx->disk_rule->action = HF_ACTION_HOLD;
	fx->disk_rule->audit = true;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	assert_true(hf_verdict_for(&fx->verdict, DISK_PLACE)->findings->would_hold);
	END;
}

TEST(no_release_excuses_pending_firmware)
{
	BEGIN;
	struct hf_reference *r = fx_reference(fx, fx->drive->releases->environments, HF_MKEY_PENDING,
					      "x");

	r->digest_count = 0;
	r->text = "2.0 in slot 2";
	pending(fx, fx->disk);
	refused(fx, HF_ERR_FIRMWARE_PENDING, HF_MKEY_PENDING);
	assert_false(hf_cause_waivable(HF_ERR_FIRMWARE_PENDING));
	END;
}

/* Whatever flags the claim has, on a function or on the part. */
TEST(pending_firmware_wherever_it_stands)
{
	BEGIN;
	pending(fx, fx->disk);
	fx->disk->functions->measurements->next->flags = HF_MEASUREMENT_ADVISORY;
	refused(fx, HF_ERR_FIRMWARE_PENDING, HF_MKEY_PENDING);
	END;
	fx = fx_new();
	fx_text(fx, fx->disk, NULL, HF_MKEY_PENDING, HF_METHOD_VERSION, "2.0");
	refused(fx, HF_ERR_FIRMWARE_PENDING, HF_MKEY_PENDING);
	END;
}

/* An unknown part that the model would only warn of: the word is said all the same. */
TEST(pending_firmware_of_an_unknown_part)
{
	BEGIN;
	struct hf_part *part = fx_part(fx, HF_PART_CARD, "pci0000:00/07.0/00");
	const struct hf_part_verdict *v;

	fx_function(fx, part, 0x1234, 0x5678, 0x010802);
	pending(fx, part);
	fx->model->unknown = HF_ACTION_WARN;
	fx_judge(fx);
	v = hf_verdict_for(&fx->verdict, part->path);
	assert_int_equal(v->findings->cause, HF_ERR_PART_UNKNOWN);
	assert_int_equal(v->findings->next->cause, HF_ERR_FIRMWARE_PENDING);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	fx->model->unknown = HF_ACTION_HOLD;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	END;
}

/* That nobody could say whether firmware waits is a reading that failed. */
TEST(pending_firmware_that_could_not_be_asked_for)
{
	BEGIN;
	fails(fx, fx->disk, HF_MKEY_PENDING, 0, HF_ERR_TIMED_OUT);
	refused(fx, HF_ERR_PART_UNREADABLE, HF_MKEY_PENDING);
	END;
}

/* ---- the ROM beyond the window ---- */

TEST(the_window_says_nothing_of_the_rest)
{
	BEGIN;
	fx_code(fx, fx->card, fx->card->functions, "rom-bar/rest", "rest");
	refused(fx, HF_ERR_UNCOVERED, "rom-bar/rest");
	fx_code(fx, fx->card, fx->card->functions, "rom-bar/1", "image behind the window");
	fx_reference(fx, nic_of(fx), "rom-bar/rest", "rest");
	accepted(fx);
	END;
}

TEST(an_image_behind_the_window_needs_the_rest)
{
	BEGIN;
	fx_code(fx, fx->card, fx->card->functions, "rom-bar/1", "image behind the window");
	refused(fx, HF_ERR_UNCOVERED, "rom-bar/1");
	fx_reference(fx, nic_of(fx), "rom-bar/1", "image behind the window");
	accepted(fx);
	END;
}

/* One finding for the rest that differs, not one more for every image in it. */
TEST(a_changed_rest_says_it_once)
{
	BEGIN;
	fx_reference(fx, nic_of(fx), "rom-bar/rest", "rest");
	fx_code(fx, fx->card, fx->card->functions, "rom-bar/rest", "evil rest");
	fx_code(fx, fx->card, fx->card->functions, "rom-bar/1", "evil image");
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, "rom-bar/rest");
	assert_null(hf_verdict_for(&fx->verdict, NIC_PLACE)->findings->next);
	END;
}

TEST(an_unread_rest_is_missed_by_who_lists_it)
{
	BEGIN;
	fails(fx, fx->card, "rom-bar/rest", 0, HF_ERR_ROM_REST);
	accepted(fx);
	fx_reference(fx, nic_of(fx), "rom-bar/rest", "rest");
	refused(fx, HF_ERR_MEASUREMENT_MISSING, "rom-bar/rest");
	END;
	fx = fx_new();
	fails(fx, fx->card, "rom-bar/rest", HF_MEASUREMENT_CODE, HF_ERR_ROM_REST);
	accepted(fx);
	fx_reference(fx, nic_of(fx), "rom-bar/1", "image behind the window");
	refused(fx, HF_ERR_MEASUREMENT_MISSING, "rom-bar/1");
	END;
	fx = fx_new();		/* the word is for the rest alone */
	fails(fx, fx->disk, "option-rom/window", HF_MEASUREMENT_CODE, HF_ERR_ROM_REST);
	refused(fx, HF_ERR_PART_UNREADABLE, "option-rom/window");
	END;
}

/* ---- pieces of the window ---- */

static const char *const pieces[] = {
	"option-rom", "option-rom/0", "option-rom/1/authenticode", "option-rom/tail",
	"option-rom/gap/0", "option-rom/unlisted/0",
};

TEST(pieces_are_judged_by_the_window)
{
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		BEGIN;
		fx_code(fx, fx->card, fx->card->functions, pieces[i], "a piece of it");
		accepted(fx);
		/* the same where the ROM gave no window at all */
		fx_code(fx, fx->disk, fx->disk->functions, pieces[i], "a piece of nothing");
		refused(fx, HF_ERR_UNCOVERED, pieces[i]);
		END;
	}
}

TEST(a_piece_that_cannot_be_made_is_judged_by_the_window)
{
	static const struct { const char *mkey; enum hf_err cause; } rows[] = {
		{ "option-rom/1/authenticode", HF_ERR_PE_SHAPE },
		{ "option-rom/1/authenticode", HF_ERR_ROM_COMPRESSION },
		{ "option-rom/chain", HF_ERR_ROM_SIGNATURE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		BEGIN;
		struct hf_measurement *window =
			hf_measurement_find(fx->card->functions->measurements, "option-rom/window");

		fails(fx, fx->card, rows[i].mkey, 0, rows[i].cause);
		accepted(fx);
		/* who lists it misses it */
		fx_reference(fx, nic_of(fx), rows[i].mkey, "x");
		refused(fx, HF_ERR_MEASUREMENT_MISSING, rows[i].mkey);
		nic_of(fx)->references->next = NULL;
		/* a window that is not there whole speaks for nothing */
		window->cause = HF_ERR_ROM_READ;
		fx_judge(fx);
		bool found = false;

		for (const struct hf_finding *f = hf_verdict_for(&fx->verdict, NIC_PLACE)->findings;
		     f; f = f->next)
			found |= f->cause == HF_ERR_PART_UNREADABLE &&
				 strcmp(f->mkey, rows[i].mkey) == 0;
		assert_true(found);
		END;
	}
}

TEST(a_piece_of_the_rest_is_not_judged_by_the_window)
{
	BEGIN;
	fails(fx, fx->card, "rom-bar/1/authenticode", 0, HF_ERR_PE_SHAPE);
	refused(fx, HF_ERR_PART_UNREADABLE, "rom-bar/1/authenticode");
	fx_code(fx, fx->card, fx->card->functions, "rom-bar/rest", "rest");
	fx_reference(fx, nic_of(fx), "rom-bar/rest", "rest");
	accepted(fx);
	END;
}

/* ---- what could not be read ---- */

/* A drive whose release lists nothing: whatever fails there, nobody asked for. */
TEST(every_failure_of_a_device_refuses)
{
	static const enum hf_err causes[] = {
		HF_ERR_TIMED_OUT, HF_ERR_READER_DIED, HF_ERR_DEVICE_FLOODED, HF_ERR_DEVICE_GONE,
		HF_ERR_NVME_SHAPE, HF_ERR_READ_FAILED, HF_ERR_VPD_SHAPE, HF_ERR_ROM_READ,
		HF_ERR_ROM_COMPRESSION, HF_ERR_PE_SHAPE, HF_ERR_IMAGE_SIGNATURE,
		HF_ERR_ROM_DRIVER_BOUND, HF_ERR_LIMIT, HF_ERR_BIND_FAILED,
	};
	static const char *const mkeys[] = {
		"firmware", "option-rom/window", "mtd/bios", "nvme/firmware", "net/firmware",
		"net/running/fw", "drive/ata1/firmware", "firmware/pending",
	};

	for (size_t c = 0; c < sizeof(causes) / sizeof(causes[0]); c++)
		for (size_t k = 0; k < sizeof(mkeys) / sizeof(mkeys[0]); k++)
			for (uint32_t flags = 0; flags <= HF_MEASUREMENT_CODE; flags++) {
				BEGIN;
				fails(fx, fx->disk, mkeys[k], flags, causes[c]);
				refused(fx, HF_ERR_PART_UNREADABLE, mkeys[k]);
				END;
			}
}

TEST(what_the_host_keeps_from_us_refuses_where_it_hides_code)
{
	static const enum hf_err causes[] = { HF_ERR_KERNEL_REFUSED, HF_ERR_NOT_MEASURED };
	static const char *const versions[] = {
		"net/firmware", "net/running/fw", "nvme/firmware", "drive/ata1/firmware",
	};
	static const char *const code[] = {
		"option-rom/window", "rom-bar/rest", "mtd/bios", "firmware", "network",
	};

	for (size_t c = 0; c < sizeof(causes) / sizeof(causes[0]); c++) {
		for (size_t k = 0; k < sizeof(versions) / sizeof(versions[0]); k++) {
			BEGIN;
			struct hf_measurement *m = fails(fx, fx->disk, versions[k], 0, causes[c]);
			struct hf_reference *r;

			accepted(fx);
			m->flags = HF_MEASUREMENT_CODE;
			refused(fx, HF_ERR_PART_UNREADABLE, versions[k]);
			m->flags = 0;
			r = fx_reference(fx, fx->drive->releases->environments, versions[k], "");
			r->digest_count = 0;	/* a release that asks for it */
			r->text = "1.0";
			refused(fx, HF_ERR_MEASUREMENT_MISSING, versions[k]);
			END;
		}
		for (size_t k = 0; k < sizeof(code) / sizeof(code[0]); k++) {
			BEGIN;
			fails(fx, fx->disk, code[k], 0, causes[c]);
			refused(fx, HF_ERR_PART_UNREADABLE, code[k]);
			END;
		}
	}
}

TEST(what_is_not_covered_is_said_and_holds_nobody)
{
	static const char *const mkeys[] = {
		"not-covered/raid-drives", "not-covered/vmd-drives", "not-covered/dpu",
		"not-covered/bmc", "not-covered/nvlink",
	};
	BEGIN;

	for (size_t i = 0; i < sizeof(mkeys) / sizeof(mkeys[0]); i++)
		fails(fx, fx->disk, mkeys[i], 0, HF_ERR_NOT_COVERED);
	accepted(fx);
	END;
	fx = fx_new();		/* the cause says so, not the name */
	fails(fx, fx->disk, mkeys[0], 0, HF_ERR_TIMED_OUT);
	refused(fx, HF_ERR_PART_UNREADABLE, mkeys[0]);
	END;
}

TEST(an_advisory_failure_holds_nobody)
{
	BEGIN;
	fails(fx, fx->disk, "vpd", HF_MEASUREMENT_ADVISORY, HF_ERR_VPD_SHAPE);
	fails(fx, fx->disk, "nvme/slot/1", HF_MEASUREMENT_ADVISORY, HF_ERR_TIMED_OUT);
	accepted(fx);
	END;
}

/* ---- what an owner took back ---- */

TEST(a_revoked_piece_of_a_listed_window)
{
	BEGIN;
	struct hf_revoked entry = { .kind = HF_REVOKED_DIGEST, .digest = fx_digest("driver"),
				    .note = "leaks keys" };
	struct hf_revocations list = { .name = "list", .generation = 1, .entries = &entry };
	struct hf_measurement *m = fx_code(fx, fx->card, fx->card->functions,
					   "option-rom/1/authenticode", "driver");
	const struct hf_finding *f;

	accepted(fx);
	fx->manifests->revocations = &list;
	refused(fx, HF_ERR_FIRMWARE_REVOKED, "option-rom/1/authenticode");
	f = hf_verdict_for(&fx->verdict, NIC_PLACE)->findings;
	assert_string_equal(f->expected, "leaks keys");
	assert_true(f->known_revoked);
	assert_null(f->next);
	m->flags |= HF_MEASUREMENT_ADVISORY;	/* nobody says that these bytes run */
	accepted(fx);
	m->flags = HF_MEASUREMENT_CODE;
	entry.kind = HF_REVOKED_KEY;	/* no digest of code */
	accepted(fx);
	fx->nic->releases->state = HF_RELEASE_REVOKED;	/* said once */
	entry.kind = HF_REVOKED_DIGEST;
	refused(fx, HF_ERR_FIRMWARE_REVOKED, NULL);
	assert_null(hf_verdict_for(&fx->verdict, NIC_PLACE)->findings->next);
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pending_firmware_refuses_a_part_that_is_in_order),
		cmocka_unit_test(pending_firmware_does_as_its_rule_says),
		cmocka_unit_test(no_release_excuses_pending_firmware),
		cmocka_unit_test(pending_firmware_wherever_it_stands),
		cmocka_unit_test(pending_firmware_of_an_unknown_part),
		cmocka_unit_test(pending_firmware_that_could_not_be_asked_for),
		cmocka_unit_test(the_window_says_nothing_of_the_rest),
		cmocka_unit_test(an_image_behind_the_window_needs_the_rest),
		cmocka_unit_test(a_changed_rest_says_it_once),
		cmocka_unit_test(an_unread_rest_is_missed_by_who_lists_it),
		cmocka_unit_test(pieces_are_judged_by_the_window),
		cmocka_unit_test(a_piece_that_cannot_be_made_is_judged_by_the_window),
		cmocka_unit_test(a_piece_of_the_rest_is_not_judged_by_the_window),
		cmocka_unit_test(every_failure_of_a_device_refuses),
		cmocka_unit_test(what_the_host_keeps_from_us_refuses_where_it_hides_code),
		cmocka_unit_test(what_is_not_covered_is_said_and_holds_nobody),
		cmocka_unit_test(an_advisory_failure_holds_nobody),
		cmocka_unit_test(a_revoked_piece_of_a_listed_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
