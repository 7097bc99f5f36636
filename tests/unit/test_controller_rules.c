/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a model, a firmware list and a waiver can say, from JSON to CoRIM and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controller/source.h"
#include "manifests/corim.h"

#define HOST "000b000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct hf_arena arena;
static uint8_t encoded[65536];

static int set_up(void **state)
{
	(void)state;
	return hf_arena_make((size_t)64 << 20, &arena) == HF_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	hf_arena_drop(&arena);
	return 0;
}

static struct hf_manifests *parse(const char *json)
{
	struct hf_manifests *m = calloc(1, sizeof(*m));
	struct hf_fault fault = { 0 };

	assert_non_null(m);
	m->arena = &arena;
	if (hf_source_parse(hf_span_text(json), "a.json", m, &fault) != HF_OK)
		fail_msg("%s: %s", fault.where, fault.detail);
	return m;
}

/* JSON -> CoRIM -> manifests, whose JSON is that of the first. */
static struct hf_manifests *round_trip(const char *json)
{
	struct hf_manifests *m = parse(json), *again = calloc(1, sizeof(*again));
	struct hf_writer w = { .buf = encoded, .cap = sizeof(encoded) };
	char *before, *after;

	assert_non_null(again);
	again->arena = &arena;
	assert_int_equal(hf_corim_encode(m, "id", &w), HF_OK);
	assert_int_equal(hf_corim_decode(hf_written(&w), 0, 0, again), HF_OK);
	assert_null(again->notes);
	before = hf_source_format(m);
	after = hf_source_format(again);
	assert_non_null(before);
	assert_non_null(after);
	assert_string_equal(before, after);
	free(before);
	free(after);
	free(m);
	return again;
}

#define MODEL(rules) "{\"format\":1,\"model\":\"m\",\"vendor\":\"V\",\"product\":\"P\"," \
	"\"generation\":3,\"mode\":\"enforce\",\"rules\":[" rules "]}"
#define RULE(more) "{\"name\":\"r\",\"least_method\":\"bytes\"," more "}"

static void rules_with_everything(void **state)
{
	struct hf_manifests *m = round_trip(MODEL(
		RULE("\"components\":[\"a\",\"b\",\"c\"],\"places\":[\"p1\",\"p2\"],"
		     "\"slots\":[\"3\",\"PCIe slot 4\"],\"class\":\"0200\",\"mode\":\"audit\"")));
	const struct hf_rule *r = m->models->rules;

	(void)state;
	assert_string_equal(r->component, "a");
	assert_string_equal(r->more_components->name, "b");
	assert_string_equal(r->more_components->next->name, "c");
	assert_null(r->more_components->next->next);
	assert_string_equal(r->place, "p1");
	assert_string_equal(r->more_places->name, "p2");
	assert_null(r->more_places->next);
	assert_string_equal(r->slots->name, "3");
	assert_string_equal(r->slots->next->name, "PCIe slot 4");
	assert_string_equal(r->class_prefix, "0200");
	assert_true(r->audit);
	assert_int_equal(r->count, 4);	/* as many as places */
	free(m);
	m = round_trip(MODEL(RULE("\"class\":\"03\",\"count\":8,\"presence\":\"optional\"")));
	r = m->models->rules;
	assert_string_equal(r->component, "");
	assert_null(r->place);
	assert_null(r->slots);
	assert_false(r->audit);
	assert_int_equal(r->count, 8);
	free(m);
	m = round_trip(MODEL(RULE("\"component\":\"a\",\"slot\":\"7\"")));
	assert_string_equal(m->models->rules->slots->name, "7");
	assert_int_equal(m->models->rules->count, 1);
	free(m);
}

#define COMPONENT(release) "{\"format\":1,\"component\":\"c\",\"releases\":[" release "]}"
#define RELEASE(more, values) "{\"name\":\"1\"," more ",\"functions\":[{\"vendor\":\"8086\"," \
	"\"device\":\"10d3\",\"class\":\"020000\",\"measurements\":{" values "}}]}"

static void releases_with_everything(void **state)
{
	struct hf_manifests *m = round_trip(COMPONENT(
		RELEASE("\"state\":\"allowed-until\",\"until\":\"2028-02-29\"",
			"\"svn/0\":{\"minimum_svn\":7},\"svn/1\":{\"svn\":0}")));
	const struct hf_release *r = m->components->releases;
	const struct hf_reference *ref = r->environments->references;

	(void)state;
	assert_int_equal(r->state, HF_RELEASE_ALLOWED_UNTIL);
	assert_int_equal(r->until_day, 21243);
	assert_int_equal(ref->svn_kind, HF_SVN_LEAST);
	assert_int_equal(ref->svn, 7);
	assert_null(ref->text);
	assert_int_equal(ref->digest_count, 0);
	assert_int_equal(ref->next->svn_kind, HF_SVN_EXACT);
	assert_int_equal(ref->next->svn, 0);
	free(m);
}

#define WAIVER(more) "{\"format\":1,\"waiver\":\"w\",\"host\":\"" HOST "\"," more "}"
#define ITEM "{\"place\":\"pci0000:00/01.0/00\",\"reason\":\"firmware-unknown\"," \
	"\"measurement\":\"option-rom/window\",\"found\":\"sha256:00\"}"

static void waivers_with_everything(void **state)
{
	struct hf_manifests *m = round_trip(WAIVER(
		"\"generation\":3,\"until\":\"2027-01-31\",\"note\":\"spare part\",\"findings\":["
		ITEM ",{\"place\":\"board\",\"reason\":\"part-missing\"}]"));
	const struct hf_waiver *w = m->waivers;

	(void)state;
	assert_string_equal(w->name, "w");
	assert_int_equal(w->host[0], 0x00);
	assert_int_equal(w->host[1], 0x0b);
	assert_int_equal(w->host[33], 0x1f);
	assert_true(w->has_generation && w->has_until);
	assert_int_equal(w->generation, 3);
	assert_int_equal(w->until_day, 20849);
	assert_string_equal(w->note, "spare part");
	assert_int_equal(w->items->cause, HF_ERR_FIRMWARE_UNKNOWN);
	assert_string_equal(w->items->mkey, "option-rom/window");
	assert_string_equal(w->items->found, "sha256:00");
	assert_int_equal(w->items->next->cause, HF_ERR_PART_MISSING);
	assert_null(w->items->next->mkey);
	assert_null(w->items->next->found);
	free(m);
	m = round_trip(WAIVER("\"until\":\"2027-01-31\",\"findings\":[" ITEM "]"));
	assert_false(m->waivers->has_generation);
	free(m);
}

static void mistakes_are_named(void **state)
{
	static const struct { const char *json, *word; } rows[] = {
		{ MODEL(RULE("\"place\":\"p\"")), "component" },
		{ MODEL(RULE("\"components\":[]")), "components" },
		{ MODEL(RULE("\"component\":\"a\",\"components\":[\"b\"]")), "components" },
		{ MODEL(RULE("\"components\":[\"a\",\"a\"]")), "components[1]" },
		{ MODEL(RULE("\"components\":[\"a\",\"b/c\"]")), "components" },
		{ MODEL(RULE("\"components\":[\"a\",7]")), "components[1]" },
		{ MODEL(RULE("\"component\":\"a\",\"place\":\"p\",\"places\":[\"q\"]")), "places" },
		{ MODEL(RULE("\"component\":\"a\",\"slot\":\"\"")), "slot" },
		{ MODEL(RULE("\"component\":\"a\",\"class\":\"020\"")), "class" },
		{ MODEL(RULE("\"component\":\"a\",\"class\":\"0G\"")), "class" },
		{ MODEL(RULE("\"component\":\"a\",\"mode\":\"enforce\"")), "mode" },
		{ MODEL(RULE("\"component\":\"a\",\"mode\":\"off\"")), "mode" },
		{ COMPONENT(RELEASE("\"state\":\"allowed-until\"", "")), "until" },
		{ COMPONENT(RELEASE("\"state\":\"allowed\",\"until\":\"2027-01-31\"", "")), "until" },
		{ COMPONENT(RELEASE("\"state\":\"allowed-until\",\"until\":\"2027-02-29\"", "")), "until" },
		{ COMPONENT(RELEASE("\"state\":\"allowed-until\",\"until\":\"2027-1-1\"", "")), "until" },
		{ COMPONENT(RELEASE("\"state\":\"allowed\"", "\"v\":{\"svn\":1,\"minimum_svn\":1}")), "v" },
		{ COMPONENT(RELEASE("\"state\":\"allowed\"", "\"v\":{\"svn\":1,\"text\":\"1\"}")), "v" },
		{ COMPONENT(RELEASE("\"state\":\"allowed\"", "\"v\":{\"minimum_svn\":-1}")), "minimum_svn" },
		{ WAIVER("\"findings\":[" ITEM "]"), "until" },
		{ WAIVER("\"generation\":1,\"findings\":[]"), "findings" },
		{ WAIVER("\"generation\":1,\"findings\":[{\"reason\":\"part-missing\"}]"), "place" },
		{ WAIVER("\"generation\":1,\"findings\":[{\"place\":\"p\",\"reason\":\"wrong\"}]"), "reason" },
		{ WAIVER("\"generation\":1,\"findings\":[{\"place\":\"p\",\"reason\":\"firmware-revoked\"}]"),
		  "reason" },
		{ WAIVER("\"generation\":1,\"findings\":[{\"place\":\"p\",\"reason\":\"part-forbidden\"}]"),
		  "reason" },
		{ WAIVER("\"generation\":1,\"findings\":[{\"place\":\"p\",\"reason\":\"signature-invalid\"}]"),
		  "reason" },
		{ WAIVER("\"generation\":1,\"findings\":[{\"place\":\"p\",\"reason\":\"boot-driver-unknown\"}]"),
		  "reason" },
		{ WAIVER("\"generation\":1,\"findings\":[{\"place\":\"p\",\"reason\":\"recheck-different\"}]"),
		  "reason" },
		{ WAIVER("\"generation\":1,\"findings\":[{\"place\":\"p\",\"reason\":\"tpm-missing\"}]"),
		  "reason" },
		{ "{\"format\":1,\"waiver\":\"w\",\"host\":\"00\",\"generation\":1,\"findings\":[" ITEM "]}",
		  "host" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_manifests *m = calloc(1, sizeof(*m));
		struct hf_fault fault = { 0 };

		assert_non_null(m);
		m->arena = &arena;
		if (hf_source_parse(hf_span_text(rows[i].json), "a.json", m, &fault) !=
		    HF_ERR_MANIFEST_SOURCE || !strstr(fault.detail, rows[i].word))
			fail_msg("%s\n%s: %s", rows[i].json, hf_err_name(fault.err), fault.detail);
		assert_null(m->models);
		assert_null(m->components);
		assert_null(m->waivers);
		free(m);
	}
}

/* What a file holds counts, whoever wrote it: the decoder refuses what the source would. */
static void files_are_held_to_the_same(void **state)
{
	struct hf_manifests *m = parse(WAIVER("\"generation\":1,\"findings\":[" ITEM "]")), out = { 0 };
	struct hf_writer w = { .buf = encoded, .cap = sizeof(encoded) };
	uint8_t *at;

	(void)state;
	out.arena = &arena;
	assert_int_equal(hf_corim_encode(m, "id", &w), HF_OK);
	at = memmem(encoded, w.len, "firmware-unknown", 16);
	assert_non_null(at);
	memcpy(at, "firmware-revoked", 16);
	assert_int_equal(hf_corim_decode(hf_written(&w), 0, 0, &out), HF_ERR_WAIVER_SCOPE);
	memcpy(at, "firmware-unknawn", 16);
	assert_int_equal(hf_corim_decode(hf_written(&w), 0, 0, &out),
			 HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
	assert_null(out.waivers);
	m->waivers->items->cause = HF_ERR_FIRMWARE_REVOKED;
	w.len = 0;
	assert_int_equal(hf_corim_encode(m, "id", &w), HF_ERR_CORIM_SHAPE);
	m->waivers->items->cause = HF_ERR_FIRMWARE_UNKNOWN;
	m->waivers->has_generation = false;
	w.len = 0;
	assert_int_equal(hf_corim_encode(m, "id", &w), HF_ERR_CORIM_SHAPE);
	free(m);
}

#define LONG "................................................................................"

/* A file of a later version: one more key in the only reference. */
static struct hf_span with_key(const char *key, size_t key_len)
{
	static const char value[] = "\x62" "fw\x01\xa1\x01\xd9\x02\x29\x07";
	struct hf_manifests *m = parse(COMPONENT(
		RELEASE("\"state\":\"allowed\",\"provenance\":\"" LONG LONG LONG LONG "\"",
			"\"fw\":{\"minimum_svn\":7}")));
	struct hf_writer w = { .buf = encoded, .cap = sizeof(encoded) - 16 };
	uint8_t *at, *head;
	size_t len;

	assert_int_equal(hf_corim_encode(m, "id", &w), HF_OK);
	at = memmem(encoded, w.len, value, sizeof(value) - 1);
	head = memmem(encoded, w.len, "\xd9\x01\xfa\x59", 4);
	assert_non_null(at);
	assert_non_null(head);
	at[4] = 0xa2;
	at += sizeof(value) - 1;
	memmove(at + key_len, at, (size_t)(encoded + w.len - at));
	memcpy(at, key, key_len);
	len = (size_t)(head[4] << 8 | head[5]) + key_len;
	head[4] = (uint8_t)(len >> 8);
	head[5] = (uint8_t)len;
	free(m);
	return (struct hf_span){ encoded, w.len + key_len };
}

static void a_later_version_is_noted_or_refused(void **state)
{
	struct hf_manifests out = { .arena = &arena };

	(void)state;
	assert_int_equal(hf_corim_decode(with_key("\x38\x1d\x00", 3), 0, 0, &out),	/* -30 */
			 HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
	assert_int_equal(hf_corim_decode(with_key("\x38\xfe\x00", 3), 0, 0, &out),	/* -255 */
			 HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
	assert_null(out.components);
	assert_null(out.notes);
	assert_int_equal(hf_corim_decode(with_key("\x39\x01\x2b\x00", 4), 5, 0, &out), HF_OK);
	assert_non_null(out.components);
	assert_non_null(out.notes);
	assert_int_equal(out.notes->file, 5);
	assert_string_equal(out.notes->text,
			    "key -300 of fw is newer than this version and passed over");
	assert_null(out.notes->next);
	assert_int_equal(out.components->releases->environments->references->svn, 7);
}

static void dates(void **state)
{
	static const struct { const char *text; uint32_t day; } good[] = {
		{ "1970-01-01", 0 }, { "1970-12-31", 364 }, { "2000-02-29", 11016 },
		{ "2000-03-01", 11017 }, { "2026-11-22", 20779 }, { "2100-02-28", 47540 },
		{ "2100-03-01", 47541 }, { "9999-12-31", 2932896 },
	};
	static const char *const bad[] = {
		"", "2026", "2026-13-01", "2026-00-01", "2026-01-00", "2026-01-32", "2100-02-29",
		"2026-04-31", "1969-12-31", "2026-1-1", "2026-01-01 ", "2026/01/01", "-026-01-01",
		"20260101",
	};
	char text[HF_DATE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint32_t day = 0xaaaaaaaa;

		assert_true(hf_date_parse(good[i].text, &day));
		assert_int_equal(day, good[i].day);
		hf_date_format(day, text);
		assert_string_equal(text, good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t day = 0xaaaaaaaa;

		assert_false(hf_date_parse(bad[i], &day));
		assert_int_equal(day, 0xaaaaaaaa);
	}
	hf_date_format(UINT32_MAX, text);	/* no such date; no harm either */
	assert_false(hf_date_over(1, 0));	/* no clock, nothing is over */
	assert_false(hf_date_over(1, 2 * 86400 - 1));
	assert_true(hf_date_over(1, 2 * 86400));
}

#define SIGNING(values) "{\"format\":1,\"component\":\"c\",\"releases\":[{\"name\":\"1\"," \
	"\"state\":\"allowed\",\"functions\":[{\"vendor\":\"10de\",\"device\":\"2330\"," \
	"\"class\":\"030200\",\"count\":1,\"measurements\":{" values "}}]}]}"
#define HEX8 "00112233445566778899aabbccddeeff"
#define HEX64 HEX8 HEX8 HEX8 HEX8

/* What a device signs, as its blocks are numbered, in each kind of value. */
static void blocks_of_a_device_that_signs(void **state)
{
	struct hf_manifests *m = round_trip(SIGNING(
		"\"spdm/1\":{\"sha512\":\"" HEX64 "\"},\"spdm/7\":{\"minimum_svn\":4},"
		"\"spdm/253\":{\"bytes\":\"" HEX8 "\"},"
		"\"spdm/254\":{\"bytes\":\"0102\",\"mask\":\"ff00\",\"from\":\"x\"},"
		"\"spdm/version\":{\"text\":\"1.2\"},\"spdm/07\":{\"text\":\"no index\"}"));
	const struct hf_reference *r = m->components->releases->environments->references;

	(void)state;
	assert_string_equal(r->mkey, "spdm/1");
	assert_int_equal(r->digests[0].alg, HF_ALG_SHA512);
	r = r->next;
	assert_int_equal(r->svn_kind, HF_SVN_LEAST);
	r = r->next;
	assert_int_equal(r->raw.len, 16);
	assert_int_equal(r->raw_mask.len, 0);
	r = r->next;
	assert_string_equal(r->mkey, "spdm/254");
	assert_memory_equal(r->raw.ptr, "\x01\x02", 2);
	assert_memory_equal(r->raw_mask.ptr, "\xff\x00", 2);
	assert_string_equal(r->from, "x");
	assert_string_equal(r->next->next->mkey, "spdm/07");
	free(m);
}

/* The file that `json` becomes, with `from` exchanged for `to`, which is as long. */
static enum hf_err patched(const char *json, const char *from, const char *to, size_t len,
			   struct hf_manifests *out)
{
	struct hf_manifests *m = parse(json);
	struct hf_writer w = { .buf = encoded, .cap = sizeof(encoded) };
	uint8_t *at;

	out->arena = &arena;
	assert_int_equal(hf_corim_encode(m, "id", &w), HF_OK);
	free(m);
	at = memmem(encoded, w.len, from, len);
	assert_non_null(at);
	memcpy(at, to, len);
	return hf_corim_decode(hf_written(&w), 0, 0, out);
}

/* The index is a number in the file; the name, which files of 0.2 could have, is read too. */
static void an_index_is_a_number(void **state)
{
	static const char seven[] = SIGNING("\"spdm/7\":{\"text\":\"x\"}");
	static const char last[] = SIGNING("\"spdm/254\":{\"text\":\"x\"}");
	struct hf_manifests out[4];

	(void)state;
	memset(out, 0, sizeof(out));
	assert_int_equal(patched(seven, "\xa2\x00\x07\x01", "\xa2\x00\x08\x01", 4, &out[0]), HF_OK);
	assert_string_equal(out[0].components->releases->environments->references->mkey, "spdm/8");
	assert_int_equal(patched(seven, "\xa2\x00\x07\x01", "\xa2\x00\x00\x01", 4, &out[1]),
			 HF_ERR_CORIM_SHAPE);
	assert_int_equal(patched(last, "\xa2\x00\x18\xfe\x01", "\xa2\x00\x18\xff\x01", 5, &out[2]),
			 HF_ERR_CORIM_SHAPE);
	assert_int_equal(patched(SIGNING("\"spdx/7\":{\"text\":\"x\"}"), "\x66spdx/7", "\x66spdm/7", 7,
				 &out[3]), HF_OK);
	assert_string_equal(out[3].components->releases->environments->references->mkey, "spdm/7");
}

/* A mask of another length; bytes of a kind that is not known. */
static void bytes_that_are_refused(void **state)
{
	static const char masked[] = SIGNING("\"a\":{\"bytes\":\"0102\",\"mask\":\"ff00\"}");
	struct hf_manifests out[2];

	(void)state;
	memset(out, 0, sizeof(out));
	assert_int_equal(patched(masked, "\x82\x42\x01\x02\x42\xff\x00", "\x82\x41\x01\x43\x42\xff\x00", 7,
				 &out[0]), HF_ERR_CORIM_SHAPE);
	/* a tag of bytes that is not known here */
	assert_int_equal(patched(SIGNING("\"a\":{\"bytes\":\"01\"}"), "\x04\xd9\x02\x30\x41",
				 "\x04\xd9\x02\x31\x41", 5, &out[1]), HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_with_everything),
		cmocka_unit_test(releases_with_everything),
		cmocka_unit_test(waivers_with_everything),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(files_are_held_to_the_same),
		cmocka_unit_test(a_later_version_is_noted_or_refused),
		cmocka_unit_test(dates),
		cmocka_unit_test(blocks_of_a_device_that_signs),
		cmocka_unit_test(an_index_is_a_number),
		cmocka_unit_test(bytes_that_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
