/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/fence.h"
#include "manifests/appraise_parts.h"
#include "tests/unit/boot_fixture.h"

static struct hf_measurement *window(struct fixture *fx)
{
	return hf_measurement_find(fx->card->functions->measurements, "option-rom/window");
}

static void show_rom(struct fixture *fx, const char *content)
{
	struct hf_digest d = fx_digest(content);

	assert_int_equal(hf_measurement_set_digests(window(fx), &d, 1, strlen(content)), HF_OK);
}

static const struct hf_part_verdict *at(struct fixture *fx, const char *place)
{
	const struct hf_part_verdict *v = hf_verdict_for(&fx->verdict, place);

	assert_non_null(v);
	return v;
}

static size_t count(const struct hf_finding *f)
{
	size_t n = 0;

	for (; f; f = f->next)
		n++;
	return n;
}

/* The whole is held for cause, first seen at place. */
static void refused(struct fixture *fx, enum hf_err cause, const char *place)
{
	fx_judge(fx);
	assert_string_equal(hf_err_name(fx->verdict.cause), hf_err_name(cause));
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_string_equal(fx->verdict.cause_place, place);
}

static void accepted(struct fixture *fx)
{
	fx_judge(fx);
	assert_string_equal(hf_err_name(fx->verdict.cause), "ok");
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
}

#define TEST(name) static void name(void **state)
#define BEGIN struct fixture *fx = fx_new(); (void)state
#define END fx_free(fx)

TEST(genuine_host)
{
	BEGIN;
	accepted(fx);
	assert_ptr_equal(at(fx, NIC_PLACE)->component, fx->nic);
	assert_string_equal(at(fx, NIC_PLACE)->release->name, "1.0");
	assert_null(at(fx, NIC_PLACE)->findings);
	assert_int_equal(fx->verdict.coverage.parts, 3);
	assert_int_equal(fx->verdict.coverage.by_method[HF_METHOD_BYTES], 1);
	assert_int_equal(fx->verdict.coverage.by_method[HF_METHOD_IDENTITY], 2);
	assert_int_equal(fx->verdict.coverage.uncovered, 0);
	assert_null(hf_verdict_for(&fx->verdict, "pci0000:00/1f.0/00"));
	END;
}

TEST(flipped_rom)
{
	BEGIN;
	show_rom(fx, "rom evil");
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	assert_string_equal(fx->verdict.cause_mkey, "option-rom/window");
	const struct hf_finding *f = at(fx, NIC_PLACE)->findings;

	assert_int_equal(count(f), 1);
	assert_memory_equal(f->found, "sha256:", 7);
	assert_memory_equal(f->expected, "sha256:", 7);
	assert_string_not_equal(f->found, f->expected);
	assert_string_equal(f->release, "1.0");
	assert_string_equal(f->rule, "nic");
	assert_ptr_equal(f->function, fx->card->functions);
	assert_null(at(fx, NIC_PLACE)->release);
	assert_int_equal(at(fx, DISK_PLACE)->status, HF_STATUS_ACCEPTED);
	END;
}

TEST(added_code)
{
	BEGIN;
	fx_code(fx, fx->card, fx->card->functions, "flash/0", "more");
	refused(fx, HF_ERR_UNCOVERED, NIC_PLACE);
	assert_string_equal(fx->verdict.cause_mkey, "flash/0");
	assert_int_equal(fx->verdict.coverage.uncovered, 1);
	END;
}

/* Every byte of an image is a byte of the window. */
TEST(images_of_a_known_window)
{
	BEGIN;
	fx_code(fx, fx->card, fx->card->functions, "option-rom", "chain");
	fx_code(fx, fx->card, fx->card->functions, "option-rom/0", "image");
	accepted(fx);
	show_rom(fx, "rom evil");
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	assert_int_equal(count(at(fx, NIC_PLACE)->findings), 1);
	/* the window is not judged by its digest alone if it is advisory or partial */
	window(fx)->flags |= HF_MEASUREMENT_ADVISORY;
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	show_rom(fx, "rom 1.0");
	window(fx)->cause = HF_ERR_ROM_READ;
	refused(fx, HF_ERR_MEASUREMENT_MISSING, NIC_PLACE);
	END;
}

/* H5: the genuine images are all there, and one more. */
TEST(added_image)
{
	BEGIN;
	struct hf_reference *r = fx->nic->releases->environments->references;

	r->mkey = "option-rom/0";
	window(fx)->mkey = "option-rom/0";
	accepted(fx);
	fx_code(fx, fx->card, fx->card->functions, "option-rom/1", "evil");
	refused(fx, HF_ERR_UNCOVERED, NIC_PLACE);
	assert_string_equal(fx->verdict.cause_mkey, "option-rom/1");
	END;
}

/* As firmware leaves it: the image before the added one is no longer marked last, so that
 * window and image changed too; what nobody knows is the reason all the same. */
TEST(added_image_outranks_what_it_changed)
{
	BEGIN;
	fx_reference(fx, fx->nic->releases->environments, "option-rom/0", "image");
	fx_code(fx, fx->card, fx->card->functions, "option-rom/0", "image");
	accepted(fx);
	show_rom(fx, "rom evil");
	fx_code(fx, fx->card, fx->card->functions, "option-rom/1", "evil");
	refused(fx, HF_ERR_UNCOVERED, NIC_PLACE);
	assert_string_equal(fx->verdict.cause_mkey, "option-rom/1");
	END;
}

TEST(hidden_rom)
{
	BEGIN;
	fx->card->functions->measurements->next = NULL;
	fx->nic_rule->least_method = HF_METHOD_IDENTITY;
	refused(fx, HF_ERR_MEASUREMENT_MISSING, NIC_PLACE);
	assert_null(at(fx, NIC_PLACE)->findings->found);
	assert_memory_equal(at(fx, NIC_PLACE)->findings->expected, "sha256:", 7);
	END;
}

TEST(hidden_rom_names_the_cause)
{
	BEGIN;
	static const enum hf_err causes[] = { HF_ERR_ROM_EMPTY, HF_ERR_ROM_READ,
					      HF_ERR_NO_READER, HF_ERR_KERNEL_REFUSED };

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		hf_measurement_set_failure(window(fx), causes[i]);
		refused(fx, HF_ERR_MEASUREMENT_MISSING, NIC_PLACE);
		assert_non_null(strstr(at(fx, NIC_PLACE)->findings->found,
				       hf_err_name(causes[i])));
	}
	END;
}

TEST(partial_value_matches_nothing)
{
	BEGIN;
	window(fx)->cause = HF_ERR_ROM_READ;
	refused(fx, HF_ERR_MEASUREMENT_MISSING, NIC_PLACE);
	END;
}

/* A failure for which the release has no reference value. */
TEST(unreadable_without_reference)
{
	BEGIN;
	struct hf_function *f = fx->disk->functions;
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->disk, f,
							     "option-rom/window", HF_METHOD_BYTES,
							     HF_MEASUREMENT_CODE);
	static const struct { enum hf_err cause; bool held; } cases[] = {
		{ HF_ERR_ROM_READ, true }, { HF_ERR_ROM_TOO_LARGE, true },
		{ HF_ERR_KERNEL_REFUSED, true }, { HF_ERR_READ_FAILED, true },
		{ HF_ERR_TIMED_OUT, true }, { HF_ERR_NOT_MEASURED, true },
		{ HF_ERR_ROM_DRIVER_BOUND, true }, { HF_ERR_ROM_SIGNATURE, true },
		{ HF_ERR_ROM_EMPTY, false }, { HF_ERR_NO_READER, false },
		{ HF_ERR_NOT_COVERED, false }, { HF_ERR_ROM_SHADOW, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hf_measurement_set_failure(m, cases[i].cause);
		if (cases[i].held)
			refused(fx, HF_ERR_PART_UNREADABLE, DISK_PLACE);
		else
			accepted(fx);
	}
	m->flags = 0;	/* what could not be read may be code whatever its flags say */
	hf_measurement_set_failure(m, HF_ERR_CAPABILITY_LOOP);
	refused(fx, HF_ERR_PART_UNREADABLE, DISK_PLACE);
	m->flags = HF_MEASUREMENT_ADVISORY;
	accepted(fx);
	END;
}

TEST(malformed_chain_is_judged_by_its_window)
{
	BEGIN;
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->card,
							     fx->card->functions,
							     "option-rom/chain", HF_METHOD_BYTES, 0);

	hf_measurement_set_failure(m, HF_ERR_ROM_NO_LAST_IMAGE);
	accepted(fx);
	show_rom(fx, "rom evil");
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	/* without a window nothing judges it */
	hf_measurement_set_failure(window(fx), HF_ERR_ROM_EMPTY);
	fx->nic->releases->environments->references = NULL;
	fx->nic_rule->least_method = HF_METHOD_IDENTITY;
	refused(fx, HF_ERR_PART_UNREADABLE, NIC_PLACE);
	END;
}

TEST(advisory_never_holds)
{
	BEGIN;
	struct hf_measurement *m = fx_code(fx, fx->card, fx->card->functions, "vbios", "anything");

	m->flags |= HF_MEASUREMENT_ADVISORY;
	accepted(fx);
	END;
}

TEST(digest_comparison)
{
	BEGIN;
	struct hf_reference *r = fx->nic->releases->environments->references;
	struct hf_digest two[2] = { window(fx)->digests[0] };

	assert_int_equal(hf_digest(HF_ALG_SHA384, hf_span_text("rom 1.0"), &two[1]), HF_OK);
	assert_int_equal(hf_measurement_set_digests(window(fx), two, 2, 7), HF_OK);
	accepted(fx);			/* one common algorithm is enough */
	r->digests[1] = two[1];
	r->digest_count = 2;
	accepted(fx);
	r->digests[1].bytes[47] ^= 1;	/* all common ones must be equal */
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	r->digests[1] = r->digests[0];	/* an algorithm twice matches nothing */
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	r->digest_count = 1;
	r->digests[0].alg = HF_ALG_SHA512;	/* none in common */
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	r->digest_count = 0;		/* nothing to compare with */
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

TEST(weak_algorithms_match_nothing)
{
	BEGIN;
	struct hf_reference *r = fx->nic->releases->environments->references;
	struct hf_digest sha1;

	assert_int_equal(hf_digest(HF_ALG_SHA1, hf_span_text("rom 1.0"), &sha1), HF_OK);
	r->digests[0] = window(fx)->digests[0] = sha1;
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

TEST(text_reference)
{
	BEGIN;
	struct hf_environment *e = fx->nic->releases->environments;
	struct hf_reference *r = fx_reference(fx, e, "firmware/version", "");

	r->digest_count = 0;
	r->text = "2.1";
	refused(fx, HF_ERR_MEASUREMENT_MISSING, NIC_PLACE);
	fx_text(fx, fx->card, fx->card->functions, "firmware/version", HF_METHOD_VERSION, "2.1");
	accepted(fx);
	r->text = "2.2";
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	assert_string_equal(at(fx, NIC_PLACE)->findings->found, "2.1");
	assert_string_equal(at(fx, NIC_PLACE)->findings->expected, "2.2");
	END;
}

/* ROM of one release, version of another: no release has both. */
TEST(mixed_releases)
{
	BEGIN;
	static const char *const roms[] = { "rom 1.0", "rom 0.9" };
	struct hf_release *r = fx->nic->releases;

	for (size_t i = 0; i < 2; i++, r = r->next) {
		r->state = HF_RELEASE_ALLOWED;
		struct hf_reference *ref = fx_reference(fx, r->environments, "version", "");

		ref->digest_count = 0;
		ref->text = r->name;
	}
	fx_text(fx, fx->card, fx->card->functions, "version", HF_METHOD_VERSION, "0.9");
	show_rom(fx, roms[1]);
	accepted(fx);
	show_rom(fx, roms[0]);
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

TEST(release_states)
{
	BEGIN;
	show_rom(fx, "rom 0.9");
	refused(fx, HF_ERR_FIRMWARE_OLD, NIC_PLACE);
	assert_string_equal(at(fx, NIC_PLACE)->findings->found, "0.9");
	assert_string_equal(at(fx, NIC_PLACE)->findings->expected, "1.0");
	fx->nic->releases->next->next->note = "CVE";
	show_rom(fx, "rom 0.8");
	refused(fx, HF_ERR_FIRMWARE_REVOKED, NIC_PLACE);
	assert_string_equal(at(fx, NIC_PLACE)->findings->expected, "CVE");
	/* the same bytes revoked here and allowed there: the deny wins */
	fx_reference(fx, fx_environment(fx, fx_release(fx, fx->nic, "0.8b", HF_RELEASE_ALLOWED),
					0x8086, 0x10d3, 0x020000, 1),
		     "option-rom/window", "rom 0.8");
	refused(fx, HF_ERR_FIRMWARE_REVOKED, NIC_PLACE);
	END;
}

TEST(least_method)
{
	BEGIN;
	fx->nic_rule->least_method = HF_METHOD_SIGNED;
	refused(fx, HF_ERR_METHOD_TOO_WEAK, NIC_PLACE);
	assert_string_equal(at(fx, NIC_PLACE)->findings->found, "bytes");
	fx->nic_rule->least_method = HF_METHOD_BYTES;
	fx->disk_rule->least_method = HF_METHOD_VERSION;
	refused(fx, HF_ERR_METHOD_TOO_WEAK, DISK_PLACE);
	END;
}

/* A strong measurement that no reference value was compared with proves nothing. */
TEST(least_method_counts_what_was_compared)
{
	BEGIN;
	fx_text(fx, fx->disk, fx->disk->functions, "fw", HF_METHOD_VERSION, "1");
	fx->disk_rule->least_method = HF_METHOD_VERSION;
	refused(fx, HF_ERR_METHOD_TOO_WEAK, DISK_PLACE);
	struct hf_reference *r = fx_reference(fx, fx->drive->releases->environments, "fw", "");

	r->digest_count = 0;
	r->text = "1";
	accepted(fx);
	END;
}

TEST(actions)
{
	BEGIN;
	show_rom(fx, "rom evil");
	fx->nic_rule->action = HF_ACTION_FENCE;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_ISOLATED);
	assert_int_equal(fx->verdict.cause, HF_ERR_FIRMWARE_UNKNOWN);
	assert_int_equal(at(fx, NIC_PLACE)->status, HF_STATUS_ISOLATED);
	assert_int_equal(at(fx, NIC_PLACE)->findings->action, HF_ACTION_FENCE);
	fx->nic_rule->action = HF_ACTION_WARN;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	assert_int_equal(fx->verdict.cause, HF_ERR_FIRMWARE_UNKNOWN);
	assert_int_equal(at(fx, NIC_PLACE)->status, HF_STATUS_WARNED);
	/* a refusal elsewhere outranks an earlier warning */
	fx->disk_rule->least_method = HF_METHOD_SIGNED;
	refused(fx, HF_ERR_METHOD_TOO_WEAK, DISK_PLACE);
	END;
}

TEST(unknown_part)
{
	BEGIN;
	struct hf_part *p = fx_part(fx, HF_PART_CARD, "pci0000:00/03.0/00");

	fx_function(fx, p, 0xdead, 0xbeef, 0x020000);
	refused(fx, HF_ERR_PART_UNKNOWN, p->path);
	assert_memory_equal(at(fx, p->path)->findings->found, "dead:beef", 9);
	fx->model->unknown = HF_ACTION_WARN;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_WARNED);
	fx->model->unknown = HF_ACTION_FENCE;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_ISOLATED);
	assert_int_equal(at(fx, p->path)->status, HF_STATUS_ISOLATED);
	END;
}

/* What is not there cannot be taken off the bus. */
TEST(missing_part_is_held_whatever_its_rule_says)
{
	BEGIN;
	struct hf_rule *rule = fx->nic_rule;

	rule->action = HF_ACTION_FENCE;
	rule->count = 2;
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.cause, HF_ERR_PART_MISSING);
	END;
}

static bool only_nic(void *self, const char *path, const char **ret_why)
{
	*ret_why = "because";
	(*(size_t *)self)++;
	return strcmp(path, NIC_PLACE) == 0;
}

static bool nothing(void *self, const char *path, const char **ret_why)
{
	(void)path;
	(*(size_t *)self)++;
	*ret_why = "because";
	return false;
}

TEST(fence_that_succeeds_leaves_the_verdict)
{
	BEGIN;
	size_t asked = 0;

	show_rom(fx, "rom evil");
	fx->nic_rule->action = HF_ACTION_FENCE;
	fx_judge(fx);
	hf_fence_apply(&fx->verdict, &fx->arena, only_nic, &asked);
	assert_int_equal(asked, 1);	/* nobody asks for parts that are not to be isolated */
	assert_int_equal(fx->verdict.status, HF_STATUS_ISOLATED);
	assert_int_equal(fx->verdict.cause, HF_ERR_FIRMWARE_UNKNOWN);
	END;
}

TEST(fence_that_fails_holds)
{
	BEGIN;
	size_t asked = 0;

	show_rom(fx, "rom evil");
	fx->nic_rule->action = HF_ACTION_FENCE;
	fx_judge(fx);
	hf_fence_apply(&fx->verdict, &fx->arena, nothing, &asked);
	assert_int_equal(asked, 1);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.cause, HF_ERR_FENCE_IMPOSSIBLE);
	assert_string_equal(fx->verdict.cause_place, NIC_PLACE);
	assert_int_equal(at(fx, NIC_PLACE)->status, HF_STATUS_HELD);
	assert_int_equal(at(fx, NIC_PLACE)->findings->cause, HF_ERR_FENCE_IMPOSSIBLE);
	assert_string_equal(at(fx, NIC_PLACE)->findings->found, "because");
	assert_int_equal(at(fx, NIC_PLACE)->findings->next->cause, HF_ERR_FIRMWARE_UNKNOWN);
	END;
}

TEST(fence_heals_no_refusal)
{
	BEGIN;
	size_t asked = 0;

	fx_judge(fx);
	hf_fence_apply(&fx->verdict, &fx->arena, nothing, &asked);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	show_rom(fx, "rom evil");
	fx->disk_rule->least_method = HF_METHOD_SIGNED;
	fx->nic_rule->action = HF_ACTION_FENCE;
	fx_judge(fx);
	hf_fence_apply(&fx->verdict, &fx->arena, only_nic, &asked);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.cause, HF_ERR_METHOD_TOO_WEAK);
	END;
}

/* Only the gate's own note counts, and only for the part that it names in full. */
TEST(fence_as_recorded)
{
	BEGIN;
	const char *why = NULL;
	struct hf_part *card = fx_part(fx, HF_PART_CARD, "fence");
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, card, NULL, "isolated-1",
							     HF_METHOD_IDENTITY, 0);

	assert_int_equal(hf_measurement_set_text(&fx->claims, m, NIC_PLACE), HF_OK);
	assert_false(hf_fence_recorded(&fx->claims, NIC_PLACE, &why));
	assert_non_null(why);
	struct hf_part *note = hf_claims_add_part(&fx->claims, HF_PART_HOST, HF_FENCE_NOTE);
	static const char *const keys[] = { "refused-1", "isolated-1/by", "xisolated-1" };

	for (size_t i = 0; i < 3; i++) {
		m = hf_claims_add_measurement(&fx->claims, note, NULL, keys[i], HF_METHOD_IDENTITY, 0);
		assert_int_equal(hf_measurement_set_text(&fx->claims, m, NIC_PLACE), HF_OK);
	}
	m = hf_claims_add_measurement(&fx->claims, note, NULL, "isolated-2", HF_METHOD_IDENTITY, 0);
	assert_int_equal(hf_measurement_set_text(&fx->claims, m, NIC_PLACE "/x"), HF_OK);
	assert_false(hf_fence_recorded(&fx->claims, NIC_PLACE, &why));
	m = hf_claims_add_measurement(&fx->claims, note, NULL, "isolated-3", HF_METHOD_IDENTITY, 0);
	assert_int_equal(hf_measurement_set_text(&fx->claims, m, NIC_PLACE), HF_OK);
	assert_true(hf_fence_recorded(&fx->claims, NIC_PLACE, &why));
	END;
}

TEST(part_without_functions)
{
	BEGIN;
	fx_part(fx, HF_PART_CARD, "pci0000:00/03.0/00");
	refused(fx, HF_ERR_PART_UNKNOWN, "pci0000:00/03.0/00");
	END;
}

/* In a component that no rule speaks of. */
TEST(part_without_rule)
{
	BEGIN;
	fx->disk_rule->presence = HF_PRESENCE_FORBIDDEN;
	fx->disk_rule->place = "pci0000:00/09.0/00";
	refused(fx, HF_ERR_PART_UNKNOWN, DISK_PLACE);
	END;
}

TEST(identity_is_exact)
{
	BEGIN;
	struct hf_identity *id = &fx->disk->functions->identity, was = *id;
	struct hf_match *m = &fx->drive->releases->environments->match;

#define CHANGED(stmt) do { stmt; refused(fx, HF_ERR_PART_UNKNOWN, DISK_PLACE); *id = was; } while (0)
	CHANGED(id->vendor++);
	CHANGED(id->device++);
	CHANGED(id->class_code ^= 0x100);
	id->revision = 9;
	id->subsystem_device = 9;
	accepted(fx);
	*id = was;
	m->has_subsystem = m->has_revision = m->has_serial = true;
	m->serial = 5;
	CHANGED((void)0);	/* serial demanded, none shown */
	was.has_serial = true;
	was.serial = 5;
	*id = was;
	accepted(fx);
	CHANGED(id->serial++);
	CHANGED(id->subsystem_vendor++);
	CHANGED(id->subsystem_device++);
	CHANGED(id->revision++);
#undef CHANGED
	END;
}

TEST(stranger_function_on_a_known_card)
{
	BEGIN;
	fx_function(fx, fx->card, 0xdead, 0xbeef, 0x020000);
	refused(fx, HF_ERR_PART_UNKNOWN, NIC_PLACE);
	assert_ptr_equal(at(fx, NIC_PLACE)->findings->function, fx->card->functions->next);
	END;
}

TEST(one_function_too_many)
{
	BEGIN;
	struct hf_function *f = fx_function(fx, fx->card, 0x8086, 0x10d3, 0x020000);

	fx_code(fx, fx->card, f, "option-rom/window", "rom 1.0");
	refused(fx, HF_ERR_UNCOVERED, NIC_PLACE);
	fx->nic->releases->environments->count = 2;
	accepted(fx);
	fx->nic->releases->environments->count = 3;
	refused(fx, HF_ERR_MEASUREMENT_MISSING, NIC_PLACE);
	fx->nic->releases->environments->count = 0;	/* one or more */
	accepted(fx);
	END;
}

/* Two ports of one identity; only the first has a ROM. */
TEST(functions_of_one_identity)
{
	BEGIN;
	struct hf_release *r = fx->nic->releases;

	r->next = NULL;
	fx_environment(fx, r, 0x8086, 0x10d3, 0x020000, 1);
	fx_function(fx, fx->card, 0x8086, 0x10d3, 0x020000);
	accepted(fx);
	/* a ROM on the second port, too */
	fx_code(fx, fx->card, fx->card->functions->next, "option-rom/window", "rom 1.0");
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

TEST(missing_part)
{
	BEGIN;
	fx->card->next = NULL;
	fx->claims.parts_end = &fx->card->next;
	refused(fx, HF_ERR_PART_MISSING, "(anywhere)");
	fx->disk_rule->presence = HF_PRESENCE_OPTIONAL;
	accepted(fx);
	fx->disk_rule->presence = HF_PRESENCE_REQUIRED;
	fx->disk_rule->place = DISK_PLACE;
	refused(fx, HF_ERR_PART_MISSING, DISK_PLACE);
	const struct hf_part_verdict *v = fx->verdict.parts;

	while (v->next)
		v = v->next;
	assert_null(v->part);
	assert_ptr_equal(v->rule, fx->disk_rule);
	END;
}

TEST(rule_without_component)
{
	BEGIN;
	fx_rule(fx, "gpu", NULL, HF_PRESENCE_OPTIONAL);
	accepted(fx);
	fx_rule(fx, "fpga", NULL, HF_PRESENCE_REQUIRED);
	refused(fx, HF_ERR_PART_MISSING, "(anywhere)");
	END;
}

TEST(count_of_a_rule)
{
	BEGIN;
	fx->disk_rule->count = 2;
	refused(fx, HF_ERR_PART_MISSING, "(anywhere)");
	struct hf_part *p = fx_part(fx, HF_PART_CARD, "pci0000:00/03.0/00");

	fx_function(fx, p, 0x1b36, 0x0010, 0x010802);
	accepted(fx);
	fx->disk_rule->count = 1;
	refused(fx, HF_ERR_PART_EXTRA, p->path);
	assert_int_equal(at(fx, DISK_PLACE)->status, HF_STATUS_ACCEPTED);
	END;
}

TEST(moved_part)
{
	BEGIN;
	fx->card->path = "pci0000:00/05.0/00";
	refused(fx, HF_ERR_PART_MOVED, "pci0000:00/05.0/00");
	const struct hf_finding *f = at(fx, "pci0000:00/05.0/00")->findings;

	assert_string_equal(f->found, "pci0000:00/05.0/00");
	assert_string_equal(f->expected, NIC_PLACE);
	for (const struct hf_part_verdict *v = fx->verdict.parts; v; v = v->next)
		assert_non_null(v->part);	/* not also missing */
	show_rom(fx, "rom evil");	/* what it carries counts before where it is */
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, "pci0000:00/05.0/00");
	assert_int_equal(count(at(fx, "pci0000:00/05.0/00")->findings), 2);
	END;
}

TEST(swapped_parts)
{
	BEGIN;
	fx->disk_rule->place = DISK_PLACE;
	accepted(fx);
	fx->card->path = DISK_PLACE;
	fx->disk->path = NIC_PLACE;
	refused(fx, HF_ERR_PART_MOVED, DISK_PLACE);
	assert_int_equal(at(fx, NIC_PLACE)->findings->cause, HF_ERR_PART_MOVED);
	END;
}

TEST(second_part_where_the_place_is_taken)
{
	BEGIN;
	struct hf_part *p = fx_part(fx, HF_PART_CARD, "pci0000:00/05.0/00");

	fx_code(fx, p, fx_function(fx, p, 0x8086, 0x10d3, 0x020000), "option-rom/window", "rom 1.0");
	refused(fx, HF_ERR_PART_EXTRA, p->path);
	assert_int_equal(at(fx, NIC_PLACE)->status, HF_STATUS_ACCEPTED);
	END;
}

TEST(forbidden_part)
{
	BEGIN;
	struct hf_rule *deny = fx_rule(fx, "drive", NULL, HF_PRESENCE_FORBIDDEN);

	refused(fx, HF_ERR_PART_FORBIDDEN, DISK_PLACE);
	fx->disk_rule->place = DISK_PLACE;	/* the place is more specific */
	accepted(fx);
	deny->place = DISK_PLACE;
	refused(fx, HF_ERR_PART_FORBIDDEN, DISK_PLACE);
	END;
}

/* Two components of one identity: the one whose firmware matches is meant. */
TEST(twin_components)
{
	BEGIN;
	struct hf_component *oem = fx_component(fx, "oem-nic");

	fx_reference(fx, fx_environment(fx, fx_release(fx, oem, "5", HF_RELEASE_ALLOWED), 0x8086,
					0x10d3, 0x020000, 1),
		     "option-rom/window", "oem rom");
	fx->nic_rule->place = NULL;
	fx->nic_rule->presence = HF_PRESENCE_OPTIONAL;
	fx_rule(fx, "oem-nic", NULL, HF_PRESENCE_OPTIONAL);
	accepted(fx);
	show_rom(fx, "oem rom");
	accepted(fx);
	assert_ptr_equal(at(fx, NIC_PLACE)->component, oem);
	END;
}

/* The record made after a driver was bound is judged, and not counted as another part. */
TEST(part_recorded_again)
{
	BEGIN;
	struct hf_part *again = fx_part(fx, HF_PART_CARD, NIC_PLACE);
	struct hf_function *f = fx_function(fx, again, 0x8086, 0x10d3, 0x020000);
	struct hf_measurement *m = fx_code(fx, again, f, "option-rom/window", "rom 1.0");

	accepted(fx);
	assert_int_equal(fx->verdict.coverage.parts, 3);
	m->digests[0] = fx_digest("rom evil");
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	assert_int_equal(at(fx, NIC_PLACE)->status, HF_STATUS_HELD);
	m->digests[0] = fx_digest("rom 1.0");
	show_rom(fx, "rom evil");	/* nor does the second heal the first */
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	show_rom(fx, "rom 1.0");
	f->identity.device = 0xffff;
	refused(fx, HF_ERR_PART_UNKNOWN, NIC_PLACE);
	END;
}

TEST(host_notes)
{
	BEGIN;
	struct hf_part *p = fx_part(fx, HF_PART_HOST, "recheck");

	accepted(fx);
	fx_part(fx, HF_PART_HOST, "bind");
	accepted(fx);
	fx->disk_rule->action = fx->model->unknown = HF_ACTION_WARN;
	fx_text(fx, p, NULL, "card", HF_METHOD_IDENTITY, "option-rom differs");
	refused(fx, HF_ERR_RECHECK_DIFFERENT, "recheck");
	END;
}

/* The gate goes on in audit mode; who judges what it left behind does not. */
TEST(a_driver_that_nothing_isolated)
{
	BEGIN;
	struct hf_part *p = fx_part(fx, HF_PART_HOST, "bind");

	fx_text(fx, p, NULL, "driver-1", HF_METHOD_IDENTITY, DISK_PLACE ".0 nvme iommu DMA-FQ");
	fx_text(fx, p, NULL, "driver-2", HF_METHOD_IDENTITY, DISK_PLACE ".0 not-isolated-x port-acs a set");
	accepted(fx);
	fx->model->mode = HF_MODE_AUDIT;
	fx_text(fx, p, NULL, "driver-3", HF_METHOD_IDENTITY, DISK_PLACE ".0 nvme not-isolated");
	refused(fx, HF_ERR_BIND_NOT_ISOLATED, "bind");
	p->measurements_end = &p->measurements;
	p->measurements = NULL;
	fx_text(fx, p, NULL, "driver-1", HF_METHOD_IDENTITY, DISK_PLACE ".0 nvme not-isolated refused");
	refused(fx, HF_ERR_BIND_NOT_ISOLATED, "bind");
	END;
}

TEST(device_in_disguise)
{
	BEGIN;
	fx_function(fx, fx->host, 0xdead, 0xbeef, 0x020000);
	fx->model->unknown = HF_ACTION_WARN;
	refused(fx, HF_ERR_PART_UNKNOWN, "host");
	END;
}

TEST(code_of_the_part_as_a_whole)
{
	BEGIN;
	fx_code(fx, fx->disk, NULL, "blob", "code");
	refused(fx, HF_ERR_UNCOVERED, DISK_PLACE);
	END;
}

/* Where the owner's word is asked for a vendor's does not suffice, however well it fits. */
TEST(owner_approved)
{
	BEGIN;
	fx->nic_rule->owner_approved = true;
	accepted(fx);
	fx->nic->vendor = true;
	refused(fx, HF_ERR_PART_UNKNOWN, NIC_PLACE);
	fx->nic_rule->owner_approved = false;
	accepted(fx);
	fx->nic_rule->presence = HF_PRESENCE_FORBIDDEN;
	fx->nic_rule->owner_approved = true;
	refused(fx, HF_ERR_PART_FORBIDDEN, NIC_PLACE);
	END;
}

/* A vendor's raw value under its mask: every bit that counts, and nothing of another length. */
TEST(raw_values)
{
	BEGIN;
	struct hf_reference *ref = fx->nic->releases->environments->references;
	static const uint8_t value[] = { 0, 0, 0, 0, 3, 0 }, mask[] = { 0xff, 0xff, 0xff, 0xff, 0, 0xff };
	uint8_t found[7] = { 0, 0, 0, 0, 9, 0 };
	struct hf_function *f = fx->card->functions;
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->card, f, "tcb/flags", HF_METHOD_SIGNED, 0);
	struct hf_reference raw = { .mkey = "tcb/flags", .raw = { value, 6 }, .raw_mask = { mask, 6 } };

	assert_non_null(m);
	while (ref->next)
		ref = ref->next;
	ref->next = &raw;
	assert_int_equal(hf_measurement_set_bytes(&fx->claims, m, (struct hf_span){ found, 6 }), HF_OK);
	accepted(fx);
	raw.raw_mask.len = 0;
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	raw.raw_mask.len = 5;
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	raw.raw_mask.len = 6;
	found[5] = 1;
	assert_int_equal(hf_measurement_set_bytes(&fx->claims, m, (struct hf_span){ found, 6 }), HF_OK);
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	found[5] = 0;
	assert_int_equal(hf_measurement_set_bytes(&fx->claims, m, (struct hf_span){ found, 7 }), HF_OK);
	refused(fx, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

TEST(nothing_at_all)
{
	BEGIN;
	hf_claims_init(&fx->claims, &fx->arena);
	fx->model->rules = NULL;
	refused(fx, HF_ERR_PART_MISSING, "(anywhere)");
	fx_judge(fx);
	memset(&fx->verdict, 0xaa, sizeof(fx->verdict));
	hf_appraise(&(struct hf_appraise_input){ .claims = &fx->claims, .manifests = fx->manifests },
		    &fx->arena, &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.cause, HF_ERR_MODEL_NONE);
	assert_null(fx->verdict.parts);
	END;
}

/* Whatever allocation fails, the verdict is never better than HELD. */
TEST(full_arena)
{
	BEGIN;
	size_t before = (fx->arena.len + 15) & ~(size_t)15, need;	/* no padding at its end */

	fx->arena.len = before;
	accepted(fx);
	need = fx->arena.len - before;
	for (size_t room = 0; room < need; room += 16) {
		struct hf_arena small = { fx->arena.base + before, room, 0 };

		memset(&fx->verdict, 0xaa, sizeof(fx->verdict));
		hf_appraise(&(struct hf_appraise_input){ .claims = &fx->claims,
							 .manifests = fx->manifests,
							 .model = fx->model },
			    &small, &fx->verdict);
		assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
		assert_int_equal(fx->verdict.cause, HF_ERR_LIMIT);
	}
	END;
}

TEST(choice_of_model)
{
	BEGIN;
	const struct hf_model *none = (const void *)0xaa, *m = none;
	struct hf_model twin = *fx->model;

	assert_int_equal(hf_model_choose(fx->manifests, "ACME", "One", &m), HF_OK);
	assert_ptr_equal(m, fx->model);
	m = none;
	assert_int_equal(hf_model_choose(fx->manifests, "ACME", "Two", &m), HF_ERR_MODEL_NONE);
	assert_int_equal(hf_model_choose(fx->manifests, "acme", "One", &m), HF_ERR_MODEL_NONE);
	assert_int_equal(hf_model_choose(fx->manifests, NULL, "One", &m), HF_ERR_MODEL_NONE);
	fx->model->next = &twin;
	assert_int_equal(hf_model_choose(fx->manifests, "ACME", "One", &m),
			 HF_ERR_MODEL_AMBIGUOUS);
	assert_ptr_equal(m, none);
	END;
}

/* ---- what firmware ran ---- */

static struct fixture *fx_booted(void)
{
	struct fixture *fx = fx_new();

	fx_image(fx, "gate", "kernel", "initrd", "options");
	fx_boot_code(fx, "driver");
	return fx;
}

static void judge_boot(struct fixture *fx, const struct log *l)
{
	fx_judge(fx);
	hf_appraise_boot(hf_written(&l->w), fx->manifests, fx->model, &fx->arena, &fx->verdict);
}

static void boot_refused(struct fixture *fx, const struct log *l, enum hf_err cause, size_t findings)
{
	judge_boot(fx, l);
	assert_string_equal(hf_err_name(fx->verdict.cause), hf_err_name(cause));
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(count(fx->verdict.boot), findings);
	assert_null(fx->verdict.agent_image);
}

#define BOOT struct fixture *fx = fx_booted(); static struct log l; (void)state

TEST(genuine_boot)
{
	BOOT;
	log_boot(&l, "driver", "kernel", "initrd", "options");
	judge_boot(fx, &l);
	assert_string_equal(hf_err_name(fx->verdict.cause), "ok");
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	assert_ptr_equal(fx->verdict.agent_image, fx->manifests->images);
	log_boot(&l, NULL, "kernel", "initrd", "options");	/* no driver is no offence */
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	fx_boot_code(fx, "kernel");	/* nor is a kernel that is also in the list */
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	assert_non_null(fx->verdict.agent_image);
	END;
}

TEST(foreign_driver)
{
	BOOT;
	log_boot(&l, "evil", "kernel", "initrd", "options");
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.cause, HF_ERR_BOOT_DRIVER_UNKNOWN);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(count(fx->verdict.boot), 1);
	END;
}

/* The type of an event is not hashed: a driver's digest under another name. */
TEST(driver_under_another_name)
{
	static const uint32_t types[] = { HF_EV_SEPARATOR, HF_EV_EFI_ACTION, HF_EV_EVENT_TAG,
					  HF_EV_IPL, 0x12345 };
	static const uint8_t zero[4];
	BOOT;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		log_boot(&l, NULL, "kernel", "initrd", "options");
		log_event(&l, 2, types[i], "evil", (struct hf_span){ zero, 4 });
		judge_boot(fx, &l);
		assert_int_equal(fx->verdict.cause, HF_ERR_BOOT_DRIVER_UNKNOWN);
		log_boot(&l, NULL, "kernel", "initrd", "options");
		log_event(&l, 4, types[i], "evil", (struct hf_span){ zero, 4 });
		judge_boot(fx, &l);
		assert_int_equal(fx->verdict.cause, HF_ERR_BOOT_APPLICATION_UNKNOWN);
	}
	/* its own digest, but what it holds may be code */
	log_boot(&l, NULL, "kernel", "initrd", "options");
	log_self(&l, 2, HF_EV_EFI_ACTION, "MZ\x90\x01");
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.cause, HF_ERR_BOOT_DRIVER_UNKNOWN);
	END;
}

TEST(no_action_extends_nothing)
{
	BOOT;
	log_boot(&l, NULL, "kernel", "initrd", "options");
	log_event(&l, 2, HF_EV_NO_ACTION, "evil", hf_span_text("x"));
	log_event(&l, 9, HF_EV_NO_ACTION, "evil", hf_span_text("x"));
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	END;
}

TEST(device_measurements_are_no_code)
{
	BOOT;
	log_boot(&l, NULL, "kernel", "initrd", "options");
	log_self(&l, 2, 0x800000e1u, "SPDM Device Sec2\1\2");
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	END;
}

TEST(foreign_program)
{
	BOOT;
	log_boot(&l, "driver", "kernel", "initrd", "options");
	log_event(&l, 4, HF_EV_EFI_BOOT_SERVICES_APPLICATION, "shell", hf_span_text("p"));
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.cause, HF_ERR_BOOT_APPLICATION_UNKNOWN);
	fx_boot_code(fx, "shell");
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	END;
}

TEST(changed_image)
{
	BOOT;
	log_boot(&l, "driver", "other kernel", "initrd", "options");
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 1);
	log_boot(&l, "driver", "kernel", "other", "options");
	boot_refused(fx, &l, HF_ERR_AGENT_INITRD_CHANGED, 1);
	log_boot(&l, "driver", "kernel", "initrd", "options more");
	boot_refused(fx, &l, HF_ERR_AGENT_COMMAND_LINE_CHANGED, 1);
	assert_non_null(fx->verdict.boot->found);
	log_boot(&l, "driver", "kernel", NULL, "options");
	boot_refused(fx, &l, HF_ERR_AGENT_INITRD_CHANGED, 1);
	log_boot(&l, "driver", "kernel", "initrd", NULL);
	boot_refused(fx, &l, HF_ERR_AGENT_COMMAND_LINE_CHANGED, 1);
	log_boot(&l, "driver", NULL, "initrd", "options");
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 1);
	END;
}

TEST(something_more_in_the_stubs_pcr)
{
	BOOT;
	log_boot(&l, "driver", "kernel", "initrd", "options");
	log_event(&l, 9, HF_EV_EVENT_TAG, "overlay", INITRD_DATA);
	boot_refused(fx, &l, HF_ERR_AGENT_INITRD_CHANGED, 1);
	log_boot(&l, "driver", "kernel", "initrd", "options");
	log_event(&l, 9, HF_EV_EVENT_TAG, "more", OPTIONS_DATA);
	boot_refused(fx, &l, HF_ERR_AGENT_COMMAND_LINE_CHANGED, 1);
	log_boot(&l, "driver", "kernel", "initrd", "options");
	log_separator(&l, 9);	/* whatever it calls itself */
	boot_refused(fx, &l, HF_ERR_AGENT_INITRD_CHANGED, 1);
	END;
}

/* Kernel of one signed image, initrd of another. */
TEST(mixed_images)
{
	BOOT;
	fx_image(fx, "old gate", "old kernel", "old initrd", "options");
	log_boot(&l, "driver", "kernel", "old initrd", "options");
	boot_refused(fx, &l, HF_ERR_AGENT_INITRD_CHANGED, 1);
	log_boot(&l, "driver", "old kernel", "old initrd", "options");
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	assert_string_equal(fx->verdict.agent_image->name, "old gate");
	END;
}

TEST(unmeasured_image)
{
	BOOT;
	log_start(&l);		/* as SeaBIOS: separators and an action, nothing else */
	log_self(&l, 4, 5, "Calling INT 19h");
	for (uint32_t pcr = 0; pcr < 8; pcr++)
		log_separator(&l, pcr);
	boot_refused(fx, &l, HF_ERR_AGENT_IMAGE_UNMEASURED, 1);
	log_boot(&l, "driver", "kernel", NULL, NULL);	/* a kernel that measures nothing */
	boot_refused(fx, &l, HF_ERR_AGENT_IMAGE_UNMEASURED, 1);
	END;
}

/* Whoever lists no unified image has none: neither what a stub measures of it nor what it takes from
 * beside it. */
TEST(a_stub_before_a_kernel_that_has_none)
{
	BOOT;
	log_boot(&l, "driver", "kernel", "initrd", "options");
	log_event(&l, 11, HF_EV_IPL, ".linux", hf_span_text("x"));
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 1);
	assert_string_equal(fx->verdict.boot->mkey, "sections");
	log_boot(&l, "driver", "kernel", "initrd", "options");
	log_event(&l, 12, HF_EV_IPL, "add-on", hf_span_text("x"));
	boot_refused(fx, &l, HF_ERR_BOOT_APPLICATION_UNKNOWN, 1);
	END;
}

static void log_unified(struct log *l, const char *uki, const char *kernel, const char *last)
{
	log_boot(l, "driver", NULL, NULL, NULL);
	if (uki)
		log_event(l, 4, HF_EV_EFI_BOOT_SERVICES_APPLICATION, uki, hf_span_text("path"));
	log_event(l, 11, HF_EV_IPL, ".linux", hf_span_text("x"));
	if (last)
		log_event(l, 11, HF_EV_IPL, last, hf_span_text("x"));
	log_event(l, 4, HF_EV_EFI_BOOT_SERVICES_APPLICATION, kernel, hf_span_text("path"));
	log_event(l, 9, HF_EV_EVENT_TAG, "options", OPTIONS_DATA);
	log_event(l, 9, HF_EV_EVENT_TAG, "initrd", INITRD_DATA);
}

TEST(a_unified_image)
{
	BOOT;
	struct hf_image *plain = fx->manifests->images, *image = fx_image(fx, "uki", "kernel", "initrd", "options");
	struct hf_event event = { .digest_count = 1, .digests[0] = fx_digest(".linux") };

	image->has_uki = image->has_sections = true;
	image->uki = fx_digest("uki");
	image->sections = (struct hf_digest){ .alg = HF_ALG_SHA256 };
	assert_true(hf_event_extend(&image->sections, &event));
	event.digests[0] = fx_digest("kernel's");
	assert_true(hf_event_extend(&image->sections, &event));
	log_unified(&l, "uki", "kernel", "kernel's");
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	assert_ptr_equal(fx->verdict.agent_image, image);
	/* the plain one beside it is another image */
	log_boot(&l, "driver", "kernel", "initrd", "options");
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	assert_ptr_equal(fx->verdict.agent_image, plain);
	fx->manifests->images = image;
	image->next = NULL;
	/* without the stub, with another, with other or missing sections, with one more */
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 2);
	assert_null(fx->verdict.agent_image);
	log_unified(&l, "another", "kernel", "kernel's");
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 2);
	assert_string_equal(fx->verdict.boot->mkey, "uki");
	log_unified(&l, "uki", "kernel", "another's");
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 1);
	assert_string_equal(fx->verdict.boot->mkey, "sections");
	log_unified(&l, "uki", "kernel", NULL);
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 1);
	log_unified(&l, "uki", "kernel", "kernel's");
	log_event(&l, 11, HF_EV_IPL, "more", hf_span_text("x"));
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 1);
	/* another kernel behind it, and a command line or a file from beside it */
	log_unified(&l, "uki", "stranger", "kernel's");
	boot_refused(fx, &l, HF_ERR_AGENT_KERNEL_CHANGED, 2);
	log_unified(&l, "uki", "kernel", "kernel's");
	log_event(&l, 12, HF_EV_IPL, "add-on", hf_span_text("x"));
	boot_refused(fx, &l, HF_ERR_BOOT_APPLICATION_UNKNOWN, 1);
	END;
}

TEST(no_image_list)
{
	BOOT;
	log_boot(&l, "driver", "kernel", "initrd", "options");
	fx->manifests->images->role = HF_IMAGE_TENANT;
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.cause, HF_ERR_IMAGE_LIST_MISSING);
	assert_null(fx->verdict.agent_image);
	/* an agent image with a digest left out never matches */
	fx->manifests->images->role = HF_IMAGE_AGENT;
	fx->manifests->images->has_initrd = false;
	boot_refused(fx, &l, HF_ERR_AGENT_INITRD_CHANGED, 1);
	END;
}

TEST(missing_or_broken_firmware_log)
{
	BOOT;
	log_boot(&l, "driver", "kernel", "initrd", "options");
	l.w.len -= 3;
	boot_refused(fx, &l, HF_ERR_LOG_TRUNCATED, 1);
	l.w.len = 0;
	boot_refused(fx, &l, HF_ERR_FIRMWARE_LOG_MISSING, 1);
	END;
}

TEST(many_programs)
{
	BOOT;
	log_boot(&l, "driver", "kernel", "initrd", "options");
	for (int i = 0; i < 100; i++)
		log_event(&l, 4, HF_EV_EFI_BOOT_SERVICES_APPLICATION, "shell", hf_span_text("p"));
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.cause, HF_ERR_BOOT_APPLICATION_UNKNOWN);
	log_boot(&l, "driver", "kernel", "initrd", "options");
	for (int i = 0; i < 100; i++)
		log_event(&l, 2, HF_EV_EFI_BOOT_SERVICES_DRIVER, "evil", hf_span_text("p"));
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.cause, HF_ERR_BOOT_DRIVER_UNKNOWN);
	assert_true(count(fx->verdict.boot) <= 64);
	END;
}

TEST(boot_never_mends_a_verdict)
{
	BOOT;
	log_boot(&l, "driver", "kernel", "initrd", "options");
	show_rom(fx, "rom evil");
	judge_boot(fx, &l);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.cause, HF_ERR_FIRMWARE_UNKNOWN);
	fx_judge(fx);
	fx->verdict.cause = HF_ERR_LIMIT;
	hf_appraise_boot(hf_written(&l.w), fx->manifests, fx->model, &fx->arena, &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.cause, HF_ERR_LIMIT);
	struct hf_arena none = { fx->arena.base, 0, 0 };

	show_rom(fx, "rom 1.0");
	fx_judge(fx);
	hf_appraise_boot(hf_written(&l.w), fx->manifests, fx->model, &none, &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.cause, HF_ERR_LIMIT);
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(genuine_host), cmocka_unit_test(flipped_rom),
		cmocka_unit_test(added_code), cmocka_unit_test(images_of_a_known_window),
		cmocka_unit_test(added_image),
		cmocka_unit_test(added_image_outranks_what_it_changed),
		cmocka_unit_test(hidden_rom),
		cmocka_unit_test(hidden_rom_names_the_cause),
		cmocka_unit_test(partial_value_matches_nothing),
		cmocka_unit_test(unreadable_without_reference),
		cmocka_unit_test(malformed_chain_is_judged_by_its_window),
		cmocka_unit_test(advisory_never_holds), cmocka_unit_test(digest_comparison),
		cmocka_unit_test(weak_algorithms_match_nothing), cmocka_unit_test(text_reference),
		cmocka_unit_test(mixed_releases), cmocka_unit_test(release_states),
		cmocka_unit_test(least_method),
		cmocka_unit_test(least_method_counts_what_was_compared), cmocka_unit_test(actions),
		cmocka_unit_test(missing_part_is_held_whatever_its_rule_says),
		cmocka_unit_test(fence_that_succeeds_leaves_the_verdict),
		cmocka_unit_test(fence_that_fails_holds), cmocka_unit_test(fence_heals_no_refusal),
		cmocka_unit_test(fence_as_recorded),
		cmocka_unit_test(unknown_part), cmocka_unit_test(part_without_functions),
		cmocka_unit_test(part_without_rule), cmocka_unit_test(identity_is_exact),
		cmocka_unit_test(stranger_function_on_a_known_card),
		cmocka_unit_test(one_function_too_many),
		cmocka_unit_test(functions_of_one_identity), cmocka_unit_test(missing_part),
		cmocka_unit_test(rule_without_component), cmocka_unit_test(count_of_a_rule),
		cmocka_unit_test(moved_part), cmocka_unit_test(swapped_parts),
		cmocka_unit_test(second_part_where_the_place_is_taken),
		cmocka_unit_test(forbidden_part), cmocka_unit_test(twin_components),
		cmocka_unit_test(part_recorded_again), cmocka_unit_test(host_notes),
		cmocka_unit_test(a_driver_that_nothing_isolated),
		cmocka_unit_test(device_in_disguise),
		cmocka_unit_test(code_of_the_part_as_a_whole), cmocka_unit_test(owner_approved), cmocka_unit_test(raw_values),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(full_arena), cmocka_unit_test(choice_of_model),
		cmocka_unit_test(genuine_boot), cmocka_unit_test(foreign_driver),
		cmocka_unit_test(driver_under_another_name),
		cmocka_unit_test(no_action_extends_nothing),
		cmocka_unit_test(device_measurements_are_no_code),
		cmocka_unit_test(foreign_program), cmocka_unit_test(changed_image),
		cmocka_unit_test(something_more_in_the_stubs_pcr), cmocka_unit_test(mixed_images),
		cmocka_unit_test(unmeasured_image),
		cmocka_unit_test(a_stub_before_a_kernel_that_has_none), cmocka_unit_test(a_unified_image),
		cmocka_unit_test(no_image_list), cmocka_unit_test(missing_or_broken_firmware_log),
		cmocka_unit_test(many_programs), cmocka_unit_test(boot_never_mends_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
