/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a census counts, what it says stands out, and what it drafts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "controller/census.h"

#define SLOT1 "pci0000:00/01.0/00"
#define SLOT2 "pci0000:00/02.0/00"

static struct hf_arena arena, scratch;
static struct hf_census census;

static int set_up(void **state)
{
	(void)state;
	return hf_arena_make((size_t)256 << 20, &arena) || hf_arena_make((size_t)64 << 20, &scratch);
}

static int tear_down(void **state)
{
	(void)state;
	hf_arena_drop(&arena);
	hf_arena_drop(&scratch);
	return 0;
}

static void begin(size_t min_hosts, bool same_version)
{
	const struct hf_census_options options = { min_hosts, same_version };

	memset(arena.base, 0xaa, arena.len);
	arena.len = 0;
	assert_int_equal(hf_census_init(&census, &options, &arena), HF_OK);
}

/* A host with one card: its place, the first byte of its ROM, its version. */
struct shape {
	const char *place, *version, *uuid, *product, *driver;
	unsigned rom, serial;
	enum hf_err failure;	/* in place of the ROM */
	bool no_parts;
};

static void text(struct hf_claims *claims, struct hf_part *part, struct hf_function *function,
		 const char *mkey, enum hf_method method, const char *value)
{
	struct hf_measurement *m = hf_claims_add_measurement(claims, part, function, mkey, method, 0);

	assert_non_null(m);
	assert_int_equal(hf_measurement_set_text(claims, m, value), HF_OK);
}

static void add_card(struct hf_claims *claims, const struct shape *s)
{
	struct hf_part *part = hf_claims_add_part(claims, HF_PART_CARD, s->place);
	char path[HF_PATH_MAX];
	struct hf_function *f;
	struct hf_measurement *m;
	struct hf_digest digest = { .alg = HF_ALG_SHA256, .bytes = { (uint8_t)s->rom } };

	snprintf(path, sizeof(path), "%s.0", s->place);
	f = hf_claims_add_function(claims, part, &(struct hf_address){ 0, 1, 0, 0 }, path);
	f->identity = (struct hf_identity){ .vendor = 0x15b3, .device = 0x101b, .class_code = 0x20000,
					    .has_serial = s->serial != 0, .serial = s->serial };
	f->driver = s->driver;
	m = hf_claims_add_measurement(claims, part, f, "option-rom/window", HF_METHOD_BYTES,
				      HF_MEASUREMENT_CODE);
	if (s->failure)
		hf_measurement_set_failure(m, s->failure);
	else
		assert_int_equal(hf_measurement_set_digests(m, &digest, 1, 512), HF_OK);
	if (s->version)
		text(claims, part, f, "net/firmware", HF_METHOD_VERSION, s->version);
}

static enum hf_err add(const char *name, const struct shape *s)
{
	struct hf_claims claims;
	struct hf_part *host;

	memset(scratch.base, 0xaa, scratch.len);	/* nothing of an earlier capture is needed */
	scratch.len = 0;
	hf_claims_init(&claims, &scratch);
	host = hf_claims_add_part(&claims, HF_PART_HOST, "host");
	text(&claims, host, NULL, "smbios/vendor", HF_METHOD_IDENTITY, "Example");
	text(&claims, host, NULL, "smbios/product", HF_METHOD_IDENTITY, s->product ? s->product : "One");
	if (s->uuid)
		text(&claims, host, NULL, "smbios/uuid", HF_METHOD_IDENTITY, s->uuid);
	if (!s->no_parts)
		add_card(&claims, s);
	return hf_census_add(&census, name, &claims);
}

/* `count` hosts alike but for their serial numbers. */
static void add_many(const char *prefix, size_t count, struct shape s)
{
	char name[32];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%03zu", prefix, i);
		s.serial++;
		assert_int_equal(add(name, &s), HF_OK);
	}
}

static struct shape card(unsigned rom, unsigned serial, const char *version)
{
	return (struct shape){ .place = SLOT1, .rom = rom, .serial = serial, .version = version };
}

static void finish(void)
{
	assert_int_equal(hf_census_finish(&census), HF_OK);
}

static const struct hf_census_value *value_of(unsigned rom)
{
	for (const struct hf_census_value *v = census.kinds->values; v; v = v->next) {
		const struct hf_reference *ref = v->release->environments->references;

		if (ref && ref->digest_count && ref->digests[0].bytes[0] == rom)
			return v;
	}
	fail_msg("no value with ROM %02x", rom);
	return NULL;
}

static struct hf_manifests *draft(void)
{
	static struct hf_manifests out;
	const struct hf_census_drafts wanted = { HF_MODE_ENFORCE, 7 };

	out = (struct hf_manifests){ .arena = &arena };
	assert_int_equal(hf_census_draft(&census, &wanted, &out), HF_OK);
	return &out;
}

static size_t releases(const struct hf_manifests *m)
{
	size_t count = 0;

	for (const struct hf_release *r = m->components ? m->components->releases : NULL; r; r = r->next)
		count++;
	return count;
}

#define TEST(name) static void name(void **state)
#define BEGIN(min_hosts) (void)state; begin(min_hosts, false)

TEST(a_rare_value_stands_out_and_is_not_drafted)
{
	BEGIN(3);
	add_many("a", 10, card(0x11, 100, "1.0"));
	add_many("b", 5, card(0x22, 200, "2.0"));
	assert_int_equal(add("odd", &(struct shape){ .place = SLOT1, .rom = 0x33, .serial = 9,
						     .version = "2.0" }), HF_OK);
	finish();
	assert_int_equal(census.outlier_count, 1);
	assert_int_equal(census.outliers[0].odd, HF_CENSUS_ODD_SAME_VERSION);
	assert_string_equal(census.outliers[0].host->name, "odd");
	assert_ptr_equal(census.outliers[0].usual, value_of(0x22));
	assert_int_equal(census.outliers[0].other_hosts, 5);
	assert_int_equal(releases(draft()), 2);
}

TEST(min_hosts_is_the_least_number)
{
	BEGIN(5);
	add_many("a", 10, card(0x11, 100, "1.0"));
	add_many("b", 5, card(0x22, 200, "2.0"));
	add_many("c", 4, card(0x33, 300, "3.0"));
	finish();
	assert_int_equal(value_of(0x22)->state, HF_CENSUS_DRAFTED);
	assert_int_equal(value_of(0x33)->state, HF_CENSUS_RARE);
	assert_int_equal(census.outlier_count, 4);
	assert_int_equal(census.outliers[0].odd, HF_CENSUS_ODD_BYTES);
}

TEST(without_min_hosts_one_in_a_hundred_is_common)
{
	BEGIN(0);
	assert_int_equal(hf_census_least(&census, 1), 3);
	assert_int_equal(hf_census_least(&census, 300), 3);
	assert_int_equal(hf_census_least(&census, 301), 4);
	assert_int_equal(hf_census_least(&census, 20000), 200);
}

TEST(other_bytes_under_one_version_are_never_drafted)
{
	BEGIN(3);
	add_many("a", 30, card(0x11, 100, "fw 1.0"));
	add_many("b", 29, card(0x22, 200, "fw 1.0"));
	finish();
	assert_int_equal(value_of(0x11)->state, HF_CENSUS_DRAFTED);
	assert_int_equal(value_of(0x22)->state, HF_CENSUS_SAME_VERSION);
	assert_int_equal(census.outlier_count, 29);
	assert_int_equal(releases(draft()), 1);
}

TEST(in_a_draw_neither_is_drafted)
{
	BEGIN(3);
	add_many("a", 10, card(0x11, 100, "fw 1.0"));
	add_many("b", 10, card(0x22, 200, "fw 1.0"));
	finish();
	assert_int_equal(census.outlier_count, 20);
	assert_null(draft()->components);
	assert_null(draft()->models);	/* a rule with nothing in it would be no rule */
}

TEST(a_person_may_draft_both)
{
	(void)state;
	begin(3, true);
	add_many("a", 10, card(0x11, 100, "fw 1.0"));
	add_many("b", 9, card(0x22, 200, "fw 1.0"));
	finish();
	assert_int_equal(census.outlier_count, 0);
	assert_int_equal(releases(draft()), 2);
	assert_string_equal(draft()->components->releases->name, "fw 1.0");
	assert_string_not_equal(draft()->components->releases->next->name, "fw 1.0");
}

TEST(a_header_revision_is_no_version_that_counts)
{
	BEGIN(3);
	add_many("a", 10, card(0x11, 100, "boot agent, revision 0x0001"));
	add_many("b", 9, card(0x22, 200, "boot agent, revision 0x0001"));
	finish();
	assert_int_equal(value_of(0x22)->state, HF_CENSUS_DRAFTED);
	assert_int_equal(census.outlier_count, 0);
}

TEST(hosts_are_counted_and_not_captures)
{
	struct shape odd = card(0x33, 9, "3.0");

	BEGIN(3);
	odd.uuid = "4c4c4544-0001-4810-8034-b4c04f313233";
	add_many("a", 10, card(0x11, 100, "1.0"));
	for (size_t i = 0; i < 5; i++)	/* whoever scans himself again and again is still one */
		assert_int_equal(add("odd", &odd), HF_OK);
	finish();
	assert_int_equal(census.host_count, 11);
	assert_int_equal(census.again_count, 4);
	assert_int_equal(value_of(0x33)->hosts, 1);
	assert_int_equal(value_of(0x33)->state, HF_CENSUS_RARE);
	assert_int_equal(census.outlier_count, 1);
}

TEST(a_second_capture_that_differs_is_not_hidden)
{
	struct shape first = card(0x11, 9, "1.0"), second = card(0x33, 9, "1.0");

	BEGIN(3);
	first.uuid = second.uuid = "4c4c4544-0001-4810-8034-b4c04f313233";
	add_many("a", 10, card(0x11, 100, "1.0"));
	assert_int_equal(add("first", &first), HF_OK);
	assert_int_equal(add("second", &second), HF_OK);
	finish();
	assert_int_equal(census.host_count, 11);
	assert_int_equal(value_of(0x11)->hosts, 11);
	assert_int_equal(census.outlier_count, 2);
	assert_int_equal(census.outliers[0].odd, HF_CENSUS_ODD_SAME_VERSION);
	assert_int_equal(census.outliers[1].odd, HF_CENSUS_ODD_CONTRADICTS);
	assert_string_equal(census.outliers[1].found, "second");
}

TEST(one_uuid_on_hosts_with_other_devices_is_two_hosts)
{
	struct shape s = card(0x11, 100, "1.0");

	BEGIN(3);
	s.uuid = "4c4c4544-0001-4810-8034-b4c04f313233";
	add_many("a", 10, s);
	finish();
	assert_int_equal(census.host_count, 10);
	begin(3, false);
	s.uuid = "03000200-0400-0500-0006-000700080009";	/* and this one is nobody's */
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(add("a", &s), HF_OK);
	assert_int_equal(census.host_count, 4);
}

TEST(a_moved_card_is_one_finding)
{
	struct shape moved = card(0x11, 9, "1.0");

	BEGIN(3);
	moved.place = SLOT2;
	add_many("a", 10, card(0x11, 100, "1.0"));
	assert_int_equal(add("odd", &moved), HF_OK);
	finish();
	assert_int_equal(census.outlier_count, 1);
	assert_int_equal(census.outliers[0].odd, HF_CENSUS_ODD_MOVED);
	assert_string_equal(census.outliers[0].place->path, SLOT2);
	assert_string_equal(census.outliers[0].from->path, SLOT1);
	assert_null(draft()->models->rules->next);
	assert_int_equal(draft()->models->rules->presence, HF_PRESENCE_REQUIRED);
}

TEST(what_many_hosts_lack_is_optional)
{
	struct shape other = card(0x11, 300, "1.0");

	BEGIN(3);
	other.place = SLOT2;
	add_many("a", 10, card(0x11, 100, "1.0"));
	add_many("b", 10, other);
	finish();
	assert_int_equal(census.outlier_count, 0);
	assert_int_equal(draft()->models->rules->presence, HF_PRESENCE_OPTIONAL);
}

TEST(what_nobody_read_is_no_value_of_its_own)
{
	struct shape unread = card(0, 300, "1.0");

	BEGIN(3);
	unread.failure = HF_ERR_NOT_MEASURED;
	add_many("a", 10, card(0x11, 100, "1.0"));
	add_many("b", 5, unread);
	finish();
	assert_int_equal(census.outlier_count, 0);
	assert_int_equal(releases(draft()), 1);
	assert_int_equal(census.kinds->values->next->state, HF_CENSUS_PARTIAL);
}

TEST(a_device_that_does_not_answer_stands_out)
{
	struct shape silent = card(0, 300, "1.0");

	BEGIN(3);
	silent.failure = HF_ERR_TIMED_OUT;
	add_many("a", 10, card(0x11, 100, "1.0"));
	add_many("b", 2, silent);
	finish();
	assert_int_equal(census.outlier_count, 2);
	assert_int_equal(census.outliers[0].odd, HF_CENSUS_ODD_UNREAD);
	assert_string_equal(census.outliers[0].found, "timed-out");
}

TEST(a_rare_model_has_no_draft)
{
	struct shape other = card(0x11, 300, "1.0");

	BEGIN(3);
	other.product = "Two";
	add_many("a", 10, card(0x11, 100, "1.0"));
	add_many("b", 2, other);
	finish();
	assert_int_equal(census.outlier_count, 0);
	assert_non_null(draft()->models);
	assert_string_equal(draft()->models->product, "One");
	assert_null(draft()->models->next);
	assert_int_equal(draft()->models->generation, 7);
}

TEST(drivers_come_with_what_they_show)
{
	struct shape s = card(0x11, 100, "1.0"), evil = card(0x11, 300, "1.0"), bound = card(0x22, 400, NULL);

	BEGIN(3);
	s.driver = "mlx5_core";
	evil.driver = "evil";
	bound.driver = "not-needed";
	add_many("a", 10, s);
	add_many("b", 4, bound);
	assert_int_equal(add("odd", &evil), HF_OK);
	finish();
	assert_string_equal(draft()->models->drivers->name, "mlx5_core");
	assert_null(draft()->models->drivers->next);
	assert_int_equal(census.outlier_count, 1);
	assert_string_equal(census.outliers[0].subject, "driver");
	assert_string_equal(census.outliers[0].found, "evil");
}

TEST(names_reach_no_terminal_as_they_are)
{
	BEGIN(1);
	add_many("\x1b[31m\xff", 1, card(0x11, 100, "1.0"));
	finish();
	assert_string_equal(census.hosts->name, "?[31m?000");
	assert_string_equal(census.captures->name, "?[31m?000");
}

TEST(a_capture_without_parts_adds_nothing)
{
	BEGIN(3);
	assert_int_equal(add("empty", &(struct shape){ .no_parts = true }), HF_ERR_CLAIMS_MISSING);
	assert_int_equal(census.host_count, 0);
	assert_int_equal(census.capture_count, 0);
	assert_null(census.models);
}

TEST(room_that_is_too_small_is_an_error)
{
	struct hf_arena small = { .base = arena.base, .cap = (17u << 20) + 4096 };
	const struct hf_census_options options = { 3, false };
	enum hf_err err = HF_OK;
	struct shape s = card(0x11, 100, "1.0");

	(void)state;
	assert_int_equal(hf_census_init(&census, &options, &small), HF_OK);
	for (size_t i = 0; i < 100000 && !err; i++) {
		s.rom = (unsigned)i & 0xff;
		s.serial++;
		err = add("a", &s);
	}
	assert_int_equal(err, HF_ERR_LIMIT);
	small.cap = 4096;
	small.len = 0;
	assert_int_equal(hf_census_init(&census, &options, &small), HF_ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rare_value_stands_out_and_is_not_drafted),
		cmocka_unit_test(min_hosts_is_the_least_number),
		cmocka_unit_test(without_min_hosts_one_in_a_hundred_is_common),
		cmocka_unit_test(other_bytes_under_one_version_are_never_drafted),
		cmocka_unit_test(in_a_draw_neither_is_drafted),
		cmocka_unit_test(a_person_may_draft_both),
		cmocka_unit_test(a_header_revision_is_no_version_that_counts),
		cmocka_unit_test(hosts_are_counted_and_not_captures),
		cmocka_unit_test(a_second_capture_that_differs_is_not_hidden),
		cmocka_unit_test(one_uuid_on_hosts_with_other_devices_is_two_hosts),
		cmocka_unit_test(a_moved_card_is_one_finding),
		cmocka_unit_test(what_many_hosts_lack_is_optional),
		cmocka_unit_test(what_nobody_read_is_no_value_of_its_own),
		cmocka_unit_test(a_device_that_does_not_answer_stands_out),
		cmocka_unit_test(a_rare_model_has_no_draft),
		cmocka_unit_test(drivers_come_with_what_they_show),
		cmocka_unit_test(names_reach_no_terminal_as_they_are),
		cmocka_unit_test(a_capture_without_parts_adds_nothing),
		cmocka_unit_test(room_that_is_too_small_is_an_error),
	};

	return cmocka_run_group_tests_name("census", tests, set_up, tear_down);
}
