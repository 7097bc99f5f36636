/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of a model beyond one part in one place, dates, SVNs, audit rules and waivers. Each
 * test starts from a host that is accepted and changes one thing. */
#include "tests/unit/appraise_fixture.h"

#define TEST(name) static void name(void **state)
#define BEGIN struct fixture *fx = fx_new(); (void)state
#define END fx_free(fx)

static const struct hf_part_verdict *at(const struct fixture *fx, const char *place)
{
	for (const struct hf_part_verdict *p = fx->verdict.parts; p; p = p->next)
		if (strcmp(p->place, place) == 0)
			return p;
	fail_msg("no verdict for %s", place);
	return NULL;
}

static void accepted(struct fixture *fx)
{
	fx_judge(fx);
	if (fx->verdict.status != HF_STATUS_ACCEPTED)
		fail_msg("%s at %s", hf_err_name(fx->verdict.cause),
			 fx->verdict.cause_place ? fx->verdict.cause_place : "-");
}

static const struct hf_finding *refused(struct fixture *fx, enum hf_status status,
					enum hf_err cause, const char *place)
{
	fx_judge(fx);
	if (fx->verdict.status != status || fx->verdict.cause != cause)
		fail_msg("%s, %s at %s", hf_status_name(fx->verdict.status),
			 hf_err_name(fx->verdict.cause),
			 fx->verdict.cause_place ? fx->verdict.cause_place : "-");
	assert_string_equal(fx->verdict.cause_place, place);
	for (const struct hf_finding *f = at(fx, place)->findings; f; f = f->next)
		if (f->cause == cause)
			return f;
	fail_msg("no finding %s", hf_err_name(cause));
	return NULL;
}

static struct hf_name_list *name(struct fixture *fx, const char *text, struct hf_name_list *next)
{
	struct hf_name_list *n = fx_take(fx, sizeof(*n));

	*n = (struct hf_name_list){ next, text };
	return n;
}

static struct hf_part *second_nic(struct fixture *fx, const char *path, const char *rom)
{
	struct hf_part *part = fx_part(fx, HF_PART_CARD, path);

	fx_code(fx, part, fx_function(fx, part, 0x8086, 0x10d3, 0x020000), "option-rom/window", rom);
	return part;
}

static void change_rom(struct fixture *fx, const char *content)
{
	fx->card->functions->measurements->next->digests[0] = fx_digest(content);
}

/* ---- what a rule speaks of ---- */

TEST(one_of_several_components)
{
	BEGIN;

	fx->nic_rule->component = "other nic";
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, NIC_PLACE);
	fx->nic_rule->more_components = name(fx, "third nic", name(fx, "nic", NULL));
	accepted(fx);
	assert_string_equal(at(fx, NIC_PLACE)->component->name, "nic");
	change_rom(fx, "rom 0.8");	/* every one of them brings its own releases */
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_REVOKED, NIC_PLACE);
	END;
}

/* A deny of one component outranks the leave of another one. */
TEST(revoked_in_one_of_several_components)
{
	BEGIN;
	struct hf_component *oem = fx_component(fx, "oem");

	fx_reference(fx, fx_environment(fx, fx_release(fx, oem, "5", HF_RELEASE_REVOKED), 0x8086,
					0x10d3, 0x020000, 1), "option-rom/window", "rom 1.0");
	accepted(fx);
	fx->nic_rule->more_components = name(fx, "oem", NULL);
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_REVOKED, NIC_PLACE);
	END;
}

TEST(any_known_part_of_a_class)
{
	BEGIN;

	fx->nic_rule->component = "";
	fx->nic_rule->class_prefix = "0200";
	accepted(fx);
	assert_string_equal(at(fx, NIC_PLACE)->component->name, "nic");
	fx->nic_rule->class_prefix = "02";
	accepted(fx);
	fx->nic_rule->class_prefix = "0300";
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, NIC_PLACE);
	fx->nic_rule->class_prefix = "020000";
	change_rom(fx, "hostile");
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

/* Of the class, and in no manifest: nothing is known of it, whatever the rule says. */
TEST(a_class_admits_no_unknown_part)
{
	BEGIN;

	fx->nic_rule->component = "";
	fx->nic_rule->class_prefix = "0200";
	fx->card->functions->identity.device = 0x1111;
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, NIC_PLACE);
	END;
}

TEST(class_and_component_both_count)
{
	BEGIN;

	fx->nic_rule->class_prefix = "0200";
	accepted(fx);
	fx->nic_rule->class_prefix = "0280";
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, NIC_PLACE);
	END;
}

TEST(identical_parts_in_many_places)
{
	BEGIN;
	const char *other = "pci0000:00/03.0/00";
	struct hf_part *second;

	fx->nic_rule->more_places = name(fx, other, NULL);
	fx->nic_rule->count = 2;
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_MISSING, other);
	second = second_nic(fx, other, "rom 1.0");
	accepted(fx);
	second->functions->measurements->next->digests[0] = fx_digest("rom 0.9");
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_OLD, other);
	END;
}

TEST(a_part_moved_from_one_of_many_places)
{
	BEGIN;
	const char *other = "pci0000:00/03.0/00", *wrong = "pci0000:00/04.0/00";
	const struct hf_finding *f;

	fx->nic_rule->more_places = name(fx, other, NULL);
	fx->nic_rule->count = 2;
	second_nic(fx, wrong, "rom 1.0");
	f = refused(fx, HF_STATUS_HELD, HF_ERR_PART_MOVED, wrong);
	assert_string_equal(f->expected, other);
	END;
}

TEST(fewer_parts_than_places)
{
	BEGIN;

	fx->nic_rule->more_places = name(fx, "pci0000:00/03.0/00", NULL);
	accepted(fx);		/* count 1: either place will do */
	second_nic(fx, "pci0000:00/03.0/00", "rom 1.0");
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_EXTRA, "pci0000:00/03.0/00");
	END;
}

TEST(a_slot_by_its_label)
{
	BEGIN;

	fx->nic_rule->place = NULL;
	fx->nic_rule->slots = name(fx, "3", NULL);
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_MOVED, NIC_PLACE);	/* nobody says that it is there */
	fx_text(fx, fx->card, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, "3");
	accepted(fx);
	fx->nic_rule->slots = name(fx, "PCIe slot 4", NULL);
	assert_string_equal(refused(fx, HF_STATUS_HELD, HF_ERR_PART_MOVED, NIC_PLACE)->expected,
			    "PCIe slot 4");
	fx->nic_rule->slots->next = name(fx, "3", NULL);	/* count 1 in two slots */
	accepted(fx);
	END;
}

TEST(a_slot_holds_one_part)
{
	BEGIN;
	struct hf_part *second = second_nic(fx, "pci0000:00/03.0/00", "rom 1.0");

	fx->nic_rule->place = NULL;
	fx->nic_rule->slots = name(fx, "3", NULL);
	fx->nic_rule->count = 2;
	fx->nic_rule->presence = HF_PRESENCE_OPTIONAL;
	fx_text(fx, fx->card, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, "3");
	fx_text(fx, second, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, "3");
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_EXTRA, "pci0000:00/03.0/00");
	END;
}

TEST(an_empty_slot_is_named)
{
	BEGIN;

	fx_text(fx, fx->card, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, "3");
	fx_rule(fx, "nic", NULL, HF_PRESENCE_REQUIRED)->slots = name(fx, "9", NULL);
	fx->model->rules->next->next->next->name = "second nic";
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_MISSING, "slot 9");
	END;
}

TEST(forbidden_in_a_slot)
{
	BEGIN;
	struct hf_rule *rule = fx_rule(fx, "nic", NULL, HF_PRESENCE_FORBIDDEN);

	rule->slots = name(fx, "3", NULL);
	accepted(fx);
	fx->nic_rule->place = "pci0000:00/05.0/00";
	fx->nic_rule->presence = HF_PRESENCE_OPTIONAL;
	fx_text(fx, fx->card, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, "3");
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_FORBIDDEN, NIC_PLACE);
	END;
}

/* ---- dates and numbers ---- */

TEST(allowed_until_a_date)
{
	BEGIN;
	struct hf_release *r = fx->nic->releases;
	const struct hf_finding *f;

	r->state = HF_RELEASE_ALLOWED_UNTIL;
	assert_true(hf_date_parse("2027-01-31", &r->until_day));
	f = refused(fx, HF_STATUS_WARNED, HF_ERR_DATE_UNCHECKED, NIC_PLACE);
	assert_non_null(strstr(f->found, "2027-01-31"));
	fx->now = 1801439999;	/* 2027-01-31 23:59:59 UTC */
	accepted(fx);
	fx->now++;
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_PAST_DATE, NIC_PLACE);
	END;
}

/* A firmware that is allowed without a date needs no clock, whatever else matches it. */
TEST(allowed_outranks_allowed_until)
{
	BEGIN;
	struct hf_release *r = fx_release(fx, fx->nic, "1.0 again", HF_RELEASE_ALLOWED_UNTIL);

	r->until_day = 1;
	fx_reference(fx, fx_environment(fx, r, 0x8086, 0x10d3, 0x020000, 1), "option-rom/window",
		     "rom 1.0");
	accepted(fx);
	END;
}

static struct hf_measurement *svn(struct fixture *fx, uint64_t number)
{
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->card,
							     fx->card->functions, "svn",
							     HF_METHOD_SIGNED, 0);

	assert_non_null(m);
	hf_measurement_set_number(m, number);
	return m;
}

TEST(least_security_version)
{
	BEGIN;
	struct hf_reference *ref = fx_take(fx, sizeof(*ref));
	struct hf_measurement *m;
	const struct hf_finding *f;

	*ref = (struct hf_reference){ .mkey = "svn", .svn_kind = HF_SVN_LEAST, .svn = 7 };
	for (struct hf_release *r = fx->nic->releases; r; r = r->next) {
		struct hf_reference *copy = fx_take(fx, sizeof(*copy));

		*copy = *ref;
		r->environments->references->next = copy;
	}
	refused(fx, HF_STATUS_HELD, HF_ERR_MEASUREMENT_MISSING, NIC_PLACE);
	m = svn(fx, 7);
	accepted(fx);
	m->number = 8;
	accepted(fx);
	m->number = 6;
	f = refused(fx, HF_STATUS_HELD, HF_ERR_SVN_TOO_LOW, NIC_PLACE);
	assert_string_equal(f->found, "6");
	assert_string_equal(f->expected, "7 or higher");
	m->number = 8;
	for (struct hf_release *r = fx->nic->releases; r; r = r->next)
		r->environments->references->next->svn_kind = HF_SVN_EXACT;
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	m->number = 7;
	accepted(fx);
	assert_int_equal(hf_measurement_set_text(&fx->claims, m, "7"), HF_OK);	/* no number */
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

/* ---- audit rules ---- */

TEST(an_audit_rule_refuses_nothing)
{
	BEGIN;
	const struct hf_finding *f;

	fx->nic_rule->audit = true;
	accepted(fx);
	change_rom(fx, "hostile");
	f = refused(fx, HF_STATUS_WARNED, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	assert_true(f->would_hold);
	assert_null(f->waiver);
	END;
}

TEST(an_audit_rule_speaks_for_its_parts_alone)
{
	BEGIN;

	fx->nic_rule->audit = true;
	change_rom(fx, "hostile");
	fx->disk->functions->identity.device = 0x1111;
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, DISK_PLACE);
	END;
}

TEST(a_missing_part_of_an_audit_rule)
{
	BEGIN;

	fx_rule(fx, "nic", "pci0000:00/07.0/00", HF_PRESENCE_REQUIRED)->audit = true;
	assert_true(refused(fx, HF_STATUS_WARNED, HF_ERR_PART_MISSING,
			    "pci0000:00/07.0/00")->would_hold);
	END;
}

TEST(no_audit_rule_softens_the_recheck)
{
	BEGIN;
	struct hf_part *note;

	fx->nic_rule->audit = true;
	note = fx_part(fx, HF_PART_HOST, "recheck");
	fx_text(fx, note, NULL, "difference-1", HF_METHOD_IDENTITY, "x");
	refused(fx, HF_STATUS_HELD, HF_ERR_RECHECK_DIFFERENT, "recheck");
	END;
}

/* ---- waivers ---- */

static const uint8_t this_host[HF_AK_NAME] = { 0, 0x0b, 1, 2, 3 };
static const uint8_t that_host[HF_AK_NAME] = { 0, 0x0b, 1, 2, 4 };

/* A NIC with changed firmware and a waiver for exactly that. */
static struct hf_waiver *waived(struct fixture *fx)
{
	struct hf_waiver *w = fx_take(fx, sizeof(*w));
	struct hf_waiver_item *i = fx_take(fx, sizeof(*i));
	const struct hf_finding *f;

	fx->ak_name = (struct hf_span){ this_host, sizeof(this_host) };
	change_rom(fx, "hostile");
	f = refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	*i = (struct hf_waiver_item){ .place = NIC_PLACE, .cause = f->cause, .mkey = f->mkey,
				      .found = f->found };
	*w = (struct hf_waiver){ .name = "spare", .has_generation = true, .generation = 7,
				 .items = i };
	memcpy(w->host, this_host, HF_AK_NAME);
	fx->manifests->waivers = w;
	return w;
}

static void still_held(struct fixture *fx, const char *why)
{
	const struct hf_finding *f = refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);

	assert_null(f->waiver);
	if (!why) {
		assert_null(f->waiver_why);
		return;
	}
	assert_non_null(f->waiver_why);
	assert_non_null(strstr(f->waiver_why, why));
}

TEST(a_waiver_admits_with_a_warning)
{
	BEGIN;
	const struct hf_finding *f;

	waived(fx);
	f = refused(fx, HF_STATUS_WARNED, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	assert_string_equal(f->waiver, "spare");
	assert_false(f->would_hold);
	END;
}

TEST(a_waiver_is_for_one_host)
{
	BEGIN;
	struct hf_waiver *w = waived(fx);

	memcpy(w->host, that_host, HF_AK_NAME);
	still_held(fx, NULL);
	memcpy(w->host, this_host, HF_AK_NAME);
	fx->ak_name = (struct hf_span){ NULL, 0 };	/* a host without a TPM is nobody's */
	still_held(fx, NULL);
	fx->ak_name = (struct hf_span){ this_host, HF_AK_NAME - 1 };
	still_held(fx, NULL);
	END;
}

TEST(a_waiver_is_for_one_finding)
{
	BEGIN;
	struct hf_waiver_item *i = waived(fx)->items, good = *i;

	i->found = "sha256:00";
	still_held(fx, "another value");
	i->found = NULL;
	still_held(fx, "another value");
	*i = good;
	i->place = DISK_PLACE;
	still_held(fx, NULL);
	*i = good;
	i->cause = HF_ERR_UNCOVERED;
	still_held(fx, NULL);
	*i = good;
	i->mkey = "option-rom/0";
	still_held(fx, NULL);
	i->mkey = NULL;
	still_held(fx, NULL);
	*i = good;
	change_rom(fx, "changed again");
	still_held(fx, "another value");
	END;
}

TEST(a_waiver_ends)
{
	BEGIN;
	struct hf_waiver *w = waived(fx);

	w->generation = 6;
	still_held(fx, "another generation");
	w->generation = 8;
	still_held(fx, "another generation");
	w->generation = 7;
	w->has_until = true;
	w->until_day = 20000;
	refused(fx, HF_STATUS_WARNED, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);	/* no clock */
	fx->now = (int64_t)20001 * 86400 - 1;
	refused(fx, HF_STATUS_WARNED, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	fx->now++;
	still_held(fx, "time is over");
	END;
}

TEST(a_date_alone_needs_a_clock)
{
	BEGIN;
	struct hf_waiver *w = waived(fx);

	w->has_generation = false;
	w->has_until = true;
	w->until_day = 20000;
	still_held(fx, "no clock");
	fx->now = (int64_t)20000 * 86400;
	refused(fx, HF_STATUS_WARNED, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

/* Even if a file of such a waiver could be loaded. */
TEST(a_deny_is_never_waived)
{
	BEGIN;
	struct hf_waiver_item *i = waived(fx)->items;

	change_rom(fx, "rom 0.8");
	*i = (struct hf_waiver_item){ .place = NIC_PLACE, .cause = HF_ERR_FIRMWARE_REVOKED,
				      .found = "0.8" };
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_REVOKED, NIC_PLACE);
	change_rom(fx, "rom 1.0");
	fx->nic_rule->presence = HF_PRESENCE_FORBIDDEN;
	*i = (struct hf_waiver_item){ .place = NIC_PLACE, .cause = HF_ERR_PART_FORBIDDEN,
				      .found = "nic" };
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_FORBIDDEN, NIC_PLACE);
	END;
}

TEST(the_recheck_and_boot_code_are_never_waived)
{
	BEGIN;
	struct hf_waiver_item *i = waived(fx)->items;
	struct hf_part *note = fx_part(fx, HF_PART_HOST, "recheck");

	change_rom(fx, "rom 1.0");
	fx_text(fx, note, NULL, "difference-1", HF_METHOD_IDENTITY, "x");
	*i = (struct hf_waiver_item){ .place = "recheck", .cause = HF_ERR_RECHECK_DIFFERENT,
				      .mkey = "difference-1", .found = "x" };
	refused(fx, HF_STATUS_HELD, HF_ERR_RECHECK_DIFFERENT, "recheck");
	*i = (struct hf_waiver_item){ .place = "boot", .cause = HF_ERR_FIRMWARE_LOG_MISSING };
	hf_appraise_boot((struct hf_span){ NULL, 0 }, fx->manifests, fx->model, &fx->arena,
			 &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.boot->cause, HF_ERR_FIRMWARE_LOG_MISSING);
	assert_null(fx->verdict.boot->waiver);
	END;
}

/* Whoever started the gate ran first; only the owner's list says that this may be. */
TEST(a_step_of_another_initramfs_must_be_listed)
{
	BEGIN;
	struct hf_part *host = hf_claims_find_part(&fx->claims, "host");
	struct hf_image other = { .role = HF_IMAGE_TENANT, .kind = HF_TENANT_ROOT, .name = "r", .has_root = true };
	struct hf_image leave = { .role = HF_IMAGE_SERVICE, .kind = HF_TENANT_EXIT, .name = "e" };

	if (!host)
		host = fx_part(fx, HF_PART_HOST, "host");
	change_rom(fx, "rom 1.0");
	fx_judge(fx);
	hf_appraise_step(&fx->claims, fx->manifests, &fx->arena, &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	fx_text(fx, host, NULL, HF_STEP_MKEY, HF_METHOD_IDENTITY, HF_STEP);
	fx->manifests->images = &other;
	other.next = &leave;	/* a service image is no such word */
	fx_judge(fx);
	hf_appraise_step(&fx->claims, fx->manifests, &fx->arena, &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	assert_int_equal(fx->verdict.boot->cause, HF_ERR_RAN_AS_STEP);
	leave.role = HF_IMAGE_TENANT;
	fx_judge(fx);
	hf_appraise_step(&fx->claims, fx->manifests, &fx->arena, &fx->verdict);
	assert_int_equal(fx->verdict.status, HF_STATUS_ACCEPTED);
	END;
}

/* Half of a revoked release is not unknown firmware like any other. */
TEST(a_value_of_a_revoked_release_is_never_waived)
{
	BEGIN;
	struct hf_waiver_item *i = waived(fx)->items;
	const struct hf_finding *f;

	for (struct hf_release *r = fx->nic->releases; r; r = r->next)
		fx_reference(fx, r->environments, "firmware", r->name);
	fx_code(fx, fx->card, fx->card->functions, "firmware", "1.0");
	change_rom(fx, "rom 0.9");
	f = refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	i->found = f->found;
	refused(fx, HF_STATUS_WARNED, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	change_rom(fx, "rom 0.8");
	f = refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	i->found = f->found;
	refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

TEST(code_on_a_revocation_list_is_never_waived)
{
	BEGIN;
	struct hf_revoked entry = { .kind = HF_REVOKED_DIGEST, .digest = fx_digest("hostile") };
	struct hf_revocations list = { .entries = &entry };

	waived(fx);
	fx->manifests->revocations = &list;
	still_held(fx, "revoked");
	entry.digest = fx_digest("something else");
	refused(fx, HF_STATUS_WARNED, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	END;
}

/* A part that no manifest knows: the waiver is for these bytes, not for its name. */
TEST(an_unknown_part_is_waived_with_its_bytes)
{
	BEGIN;
	struct hf_waiver *w = waived(fx);
	struct hf_part *part = fx_part(fx, HF_PART_CARD, "pci0000:00/06.0/00");
	struct hf_measurement *m = fx_code(fx, part, fx_function(fx, part, 0x1af4, 0x1041, 0x020000),
					   "option-rom/window", "its rom");
	const struct hf_finding *f;

	change_rom(fx, "rom 1.0");
	f = refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, part->path);
	assert_non_null(f->waive_as);
	*w->items = (struct hf_waiver_item){ .place = part->path, .cause = f->cause,
					     .found = f->found };
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, part->path);	/* its name alone */
	w->items->found = f->waive_as;
	refused(fx, HF_STATUS_WARNED, HF_ERR_PART_UNKNOWN, part->path);
	m->digests[0] = fx_digest("another rom");
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, part->path);
	m->digests[0] = fx_digest("its rom");
	part->functions->identity.revision++;
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_UNKNOWN, part->path);
	END;
}

/* Two parts are gone: a waiver for one says nothing of the other. */
TEST(a_missing_part_is_waived_by_its_rule)
{
	BEGIN;
	struct hf_waiver *w = waived(fx);
	struct hf_rule *rule = fx_rule(fx, "nic", NULL, HF_PRESENCE_REQUIRED);
	const struct hf_finding *f;

	change_rom(fx, "rom 1.0");
	rule->name = "second nic";
	f = refused(fx, HF_STATUS_HELD, HF_ERR_PART_MISSING, "(anywhere)");
	*w->items = (struct hf_waiver_item){ .place = "(anywhere)", .cause = f->cause,
					     .found = f->waive_as };
	refused(fx, HF_STATUS_WARNED, HF_ERR_PART_MISSING, "(anywhere)");
	fx_rule(fx, "drive", NULL, HF_PRESENCE_REQUIRED)->name = "second drive";
	refused(fx, HF_STATUS_HELD, HF_ERR_PART_MISSING, "(anywhere)");
	END;
}

/* Findings beyond those that are kept count: a waiver for those that are shown is not one
 * for all of them. */
TEST(findings_beyond_the_limit_are_not_waived)
{
	BEGIN;
	struct hf_waiver *w = waived(fx);
	struct hf_waiver_item **end = &w->items;
	char mkey[32];

	for (int i = 0; i < 70; i++) {
		snprintf(mkey, sizeof(mkey), "code-%d", i);
		fx_code(fx, fx->card, fx->card->functions, mkey, mkey);
	}
	fx_judge(fx);
	*end = NULL;
	for (const struct hf_finding *f = at(fx, NIC_PLACE)->findings; f; f = f->next) {
		struct hf_waiver_item *item = fx_take(fx, sizeof(*item));

		*item = (struct hf_waiver_item){ .place = NIC_PLACE, .cause = f->cause,
						 .mkey = f->mkey, .found = f->found };
		*end = item;
		end = &item->next;
	}
	fx_judge(fx);
	assert_int_equal(fx->verdict.status, HF_STATUS_HELD);
	END;
}

/* ---- refusals explain ---- */

TEST(allowed_values_are_named)
{
	BEGIN;
	static const char *const names[] = { "1.1", "1.2", "1.3", "1.4" };
	const struct hf_finding *f;

	for (size_t i = 0; i < 4; i++)
		fx_reference(fx, fx_environment(fx, fx_release(fx, fx->nic, names[i],
							      HF_RELEASE_ALLOWED),
						0x8086, 0x10d3, 0x020000, 1),
			     "option-rom/window", names[i]);
	change_rom(fx, "hostile");
	f = refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	assert_int_equal(f->allowed_count, 5);	/* not those to update or revoked */
	assert_string_equal(f->allowed[0].release, "1.0");
	assert_string_equal(f->allowed[2].release, "1.2");
	assert_non_null(f->allowed[2].text);
	assert_null(f->known);
	END;
}

TEST(a_value_of_a_revoked_release_is_named)
{
	BEGIN;
	struct hf_release *r;
	const struct hf_finding *f;

	for (r = fx->nic->releases; r; r = r->next) {
		fx_reference(fx, r->environments, "firmware", r->name);
		if (r->state == HF_RELEASE_REVOKED)
			r->note = "CVE-2026-1";
	}
	fx_code(fx, fx->card, fx->card->functions, "firmware", "1.0");
	accepted(fx);
	change_rom(fx, "rom 0.8");	/* half of one release, half of another */
	f = refused(fx, HF_STATUS_HELD, HF_ERR_FIRMWARE_UNKNOWN, NIC_PLACE);
	assert_string_equal(f->release, "1.0");
	assert_string_equal(f->known, "release 0.8, revoked: CVE-2026-1");
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_several_components),
		cmocka_unit_test(revoked_in_one_of_several_components),
		cmocka_unit_test(any_known_part_of_a_class),
		cmocka_unit_test(a_class_admits_no_unknown_part),
		cmocka_unit_test(class_and_component_both_count),
		cmocka_unit_test(identical_parts_in_many_places),
		cmocka_unit_test(a_part_moved_from_one_of_many_places),
		cmocka_unit_test(fewer_parts_than_places), cmocka_unit_test(a_slot_by_its_label),
		cmocka_unit_test(a_slot_holds_one_part), cmocka_unit_test(an_empty_slot_is_named),
		cmocka_unit_test(forbidden_in_a_slot), cmocka_unit_test(allowed_until_a_date),
		cmocka_unit_test(allowed_outranks_allowed_until),
		cmocka_unit_test(least_security_version),
		cmocka_unit_test(an_audit_rule_refuses_nothing),
		cmocka_unit_test(an_audit_rule_speaks_for_its_parts_alone),
		cmocka_unit_test(a_missing_part_of_an_audit_rule),
		cmocka_unit_test(no_audit_rule_softens_the_recheck),
		cmocka_unit_test(a_waiver_admits_with_a_warning),
		cmocka_unit_test(a_waiver_is_for_one_host),
		cmocka_unit_test(a_waiver_is_for_one_finding), cmocka_unit_test(a_waiver_ends),
		cmocka_unit_test(a_date_alone_needs_a_clock),
		cmocka_unit_test(a_deny_is_never_waived),
		cmocka_unit_test(the_recheck_and_boot_code_are_never_waived),
		cmocka_unit_test(an_unknown_part_is_waived_with_its_bytes),
		cmocka_unit_test(a_missing_part_is_waived_by_its_rule),
		cmocka_unit_test(findings_beyond_the_limit_are_not_waived),
		cmocka_unit_test(a_step_of_another_initramfs_must_be_listed),
		cmocka_unit_test(a_value_of_a_revoked_release_is_never_waived),
		cmocka_unit_test(code_on_a_revocation_list_is_never_waived),
		cmocka_unit_test(allowed_values_are_named),
		cmocka_unit_test(a_value_of_a_revoked_release_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
