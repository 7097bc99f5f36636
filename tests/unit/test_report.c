/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/appraise_fixture.h"

#include <jansson.h>

#include "manifests/json_out.h"
#include "manifests/report.h"

static char text[1 << 20];

static struct hf_writer writer(void)
{
	memset(text, 0, sizeof(text));
	return (struct hf_writer){ .buf = (uint8_t *)text, .cap = sizeof(text) - 1 };
}

/* Printable ASCII, at most 80 columns, nothing behind the last newline. */
static void well_formed(const struct hf_writer *w)
{
	size_t column = 0;

	assert_false(w->full);
	for (size_t i = 0; i < w->len; i++) {
		if (text[i] == '\n') {
			assert_true(i == 0 || text[i - 1] != ' ');
			column = 0;
			continue;
		}
		assert_in_range((unsigned char)text[i], 0x20, 0x7e);
		assert_true(++column <= 80);
	}
	assert_int_equal(column, 0);
}

static void has(const char *words)
{
	if (!strstr(text, words))
		print_message("not there: %s\nin:\n%s", words, text);
	assert_non_null(strstr(text, words));
}

#define TEST(name) static void name(void **state)
#define BEGIN struct fixture *fx = fx_new(); struct hf_writer w = writer(); (void)state
#define END fx_free(fx)

TEST(coverage_line)
{
	BEGIN;
	hf_report_coverage(&fx->claims, NULL, &w);
	well_formed(&w);
	assert_string_equal(text, "3 parts: 1 by bytes, 2 by identity, 0 signed; not covered: BMC, drives "
				  "behind\n  RAID or VMD, NVLink, CPLDs\n");
	/* measured again: still the same part */
	fx_function(fx, fx_part(fx, HF_PART_CARD, NIC_PLACE), 0x8086, 0x10d3, 0x020000);
	fx_part(fx, HF_PART_CARD, "pci0000:00/09.0/00");
	w = writer();
	hf_report_coverage(&fx->claims, NULL, &w);
	well_formed(&w);
	has("4 parts: ");
	has(", 1 not at all;");
	END;
}

/* Anybody can make a key: who shows what was measured does not say that it was trusted. */
TEST(coverage_line_of_what_nobody_judged)
{
	BEGIN;
	fx_code(fx, fx->disk, fx->disk->functions, "spdm/1", "firmware 9")->method = HF_METHOD_SIGNED;
	hf_report_coverage(&fx->claims, NULL, &w);
	well_formed(&w);
	has("1 signed by keys that no anchor was asked\n  about; not covered: BMC");
	fx_judge(fx);
	w = writer();
	hf_report_coverage(&fx->claims, &fx->verdict, &w);
	well_formed(&w);
	has("1 by version, 1 by identity, 0 signed; not covered: BMC");
	END;
}

static void uncovered(struct fixture *fx, struct hf_function *f, const char *mkey)
{
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->card, f, mkey,
							     HF_METHOD_NONE, 0);

	assert_non_null(m);
	hf_measurement_set_failure(m, HF_ERR_NOT_COVERED);
}

/* Controllers are counted by function, what is one thing with several functions by part. */
TEST(coverage_line_says_what_was_seen)
{
	BEGIN;
	struct hf_part *board = fx_part(fx, HF_PART_CARD, "pci0000:00/09.0/00");

	for (int i = 0; i < 2; i++) {
		struct hf_function *f = fx_function(fx, board, 0x1a03, 0x2000, 0x030000);

		uncovered(fx, f, "not-covered/bmc");
		uncovered(fx, f, "not-covered/raid-drives");
	}
	uncovered(fx, fx->card->functions, "not-covered/vmd-drives");
	hf_report_coverage(&fx->claims, NULL, &w);
	well_formed(&w);
	has("VMD, NVLink, CPLDs; here: 2 RAID controllers, 1 VMD, 1 BMC\n");
	END;
}

/* Of the host: facts in a line each, what is not there in one for each cause, no digests. */
TEST(host_part)
{
	BEGIN;
	struct hf_part *host = fx_part(fx, HF_PART_HOST, "host");
	static const struct { const char *mkey; uint32_t flags; enum hf_err cause; } rows[] = {
		{ "smbios/vendor", 0, HF_ERR_NOT_MEASURED },
		{ "microcode", HF_MEASUREMENT_ADVISORY, HF_ERR_NOT_MEASURED },
		{ "lockdown", HF_MEASUREMENT_ADVISORY, HF_ERR_READ_FAILED },
		{ "acpi", HF_MEASUREMENT_ADVISORY, HF_ERR_NOT_MEASURED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, host, NULL,
			rows[i].mkey, HF_METHOD_NONE, rows[i].flags);

		assert_non_null(m);
		hf_measurement_set_failure(m, rows[i].cause);
	}
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, host, NULL, "acpi/DSDT",
							     HF_METHOD_BYTES, HF_MEASUREMENT_ADVISORY);
	struct hf_digest digest = { .alg = HF_ALG_SHA256 };

	assert_int_equal(hf_measurement_set_digests(m, &digest, 1, 3), HF_OK);
	hf_report_tree(&fx->claims, NULL, &w);
	well_formed(&w);
	has("      smbios/vendor              not measured: ");
	has("      not-measured               microcode acpi\n");
	has("      read-failed                lockdown\n");
	assert_null(strstr(text, "acpi/DSDT"));
	END;
}

TEST(tree)
{
	BEGIN;
	fx->card->functions->driver = "e1000e";
	hf_report_tree(&fx->claims, NULL, &w);
	well_formed(&w);
	has("board");
	has("card  pci0000:00/01.0/00                       bytes");
	has("8086:10d3 Ethernet controller, revision 00, driver e1000e");
	has("option-rom/window          sha256 ");
	has("... 7 bytes");
	has("1b36:0010 NVMe drive");
	assert_null(strstr(text, "cfg"));	/* configuration bytes are not for people */
	fx_judge(fx);
	w = writer();
	hf_report_tree(&fx->claims, &fx->verdict, &w);
	well_formed(&w);
	has("accepted");
	has("nic, release 1.0, rule nic");
	fx->card->next = NULL;
	fx_judge(fx);
	w = writer();
	hf_report_tree(&fx->claims, &fx->verdict, &w);
	has("missing      held");
	for (struct hf_part_verdict *v = fx->verdict.parts; v; v = v->next)
		v->place = v->part ? v->place : "board";	/* no card is missing there */
	w = writer();
	hf_report_tree(&fx->claims, &fx->verdict, &w);
	has("board board                                    missing      held");
	END;
}

TEST(findings)
{
	BEGIN;
	struct hf_measurement *m = hf_measurement_find(fx->card->functions->measurements,
						       "option-rom/window");
	char hex[2 * HF_DIGEST_MAX + 1], cut[32];

	m->digests[0] = fx_digest("evil");
	fx->disk_rule->least_method = HF_METHOD_SIGNED;
	fx_judge(fx);
	hf_report_findings(&fx->verdict, &w);
	well_formed(&w);
	has("HELD  " NIC_PLACE "  rule nic\n");
	has("firmware-unknown (suspect): the firmware matches no known release");
	hf_digest_hex(&m->digests[0], hex);
	snprintf(cut, sizeof(cut), "sha256:%.16s...\n", hex);
	has(cut);
	assert_null(strstr(text, hex));
	has("release 1.0");
	has("next      replace the part; keep it for examination\n");
	has("found     identity\n");
	/* warnings come last, whatever the order of parts */
	fx->nic_rule->action = HF_ACTION_WARN;
	fx_judge(fx);
	w = writer();
	hf_report_findings(&fx->verdict, &w);
	assert_true(strstr(text, "HELD  " DISK_PLACE) < strstr(text, "WARNED  " NIC_PLACE));
	END;
}

TEST(refusal_without_parts)
{
	BEGIN;
	hf_appraise(&(struct hf_appraise_input){ .claims = &fx->claims, .manifests = fx->manifests },
		    &fx->arena, &fx->verdict);
	hf_report_findings(&fx->verdict, &w);
	well_formed(&w);
	has("model-none (setup)");
	END;
}

TEST(hostile_text)
{
	BEGIN;
	static char evil[4000];

	for (size_t i = 0; i + 1 < sizeof(evil); i++)
		evil[i] = (char)(i % 3 ? 1 + i % 255 : ' ');
	memset(evil + 2000, ' ', 1000);
	fx_text(fx, fx->disk, fx->disk->functions, "fw", HF_METHOD_VERSION, "1");
	hf_measurement_find(fx->disk->functions->measurements, "fw")->text = evil;
	fx_text(fx, fx->host, NULL, "escape", HF_METHOD_VERSION, "x");
	hf_measurement_find(fx->host->measurements, "escape")->text = "\x1b[2J\r\n\t";
	hf_report_tree(&fx->claims, NULL, &w);
	well_formed(&w);
	has("?[2J???");
	END;
}

TEST(long_words)
{
	BEGIN;
	static char path[HF_PATH_MAX + 1];

	memset(path, 'g', HF_PATH_MAX);
	fx->card->path = path;
	fx_judge(fx);
	hf_report_tree(&fx->claims, &fx->verdict, &w);
	hf_report_findings(&fx->verdict, &w);
	well_formed(&w);
	END;
}

TEST(full_writer)
{
	BEGIN;
	fx_judge(fx);
	for (size_t cap = 0; cap < 600; cap += 7) {
		struct hf_writer small = { .buf = (uint8_t *)text, .cap = cap };

		memset(text, 0x55, sizeof(text));
		hf_report_tree(&fx->claims, &fx->verdict, &small);
		assert_true(small.full);
		assert_int_equal((uint8_t)text[cap], 0x55);
	}
	(void)w;
	END;
}

/* ---- JSON ---- */

/* To the letter what jansson would write. */
static void check_text(struct fixture *fx, bool verdict, bool indent, json_t *root)
{
	char *dump = hf_report_json(&fx->claims, verdict ? &fx->verdict : NULL, indent);
	char *again = json_dumps(root, indent ? JSON_INDENT(2) : JSON_COMPACT);

	assert_non_null(dump);
	assert_non_null(again);
	assert_string_equal(dump, again);
	free(dump);
	free(again);
}

static json_t *load(struct fixture *fx, bool verdict)
{
	char *dump = hf_report_json(&fx->claims, verdict ? &fx->verdict : NULL, false);

	assert_non_null(dump);
	json_t *root = json_loads(dump, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(root);
	free(dump);
	check_text(fx, verdict, false, root);
	check_text(fx, verdict, true, root);
	return root;
}

static void json_of_odd_text(void **state)
{
	struct hf_json_out o = { .indent = false };
	char *said;

	(void)state;

	hf_json_open(&o, '[');
	hf_json_next(&o);
	hf_json_text(&o, "a\"b\\c/d\n\x7f\xc3\xa9");
	hf_json_next(&o);
	hf_json_number(&o, UINT64_MAX);
	hf_json_next(&o);
	hf_json_number(&o, INT64_MAX);
	hf_json_next(&o);
	hf_json_open(&o, '{');
	hf_json_close(&o, '}');
	hf_json_close(&o, ']');
	said = hf_json_end(&o);
	assert_string_equal(said, "[\"a\\\"b\\\\c/d????\",\"18446744073709551615\",9223372036854775807,{}]");
	free(said);
	o = (struct hf_json_out){ .indent = true };
	for (int i = 0; i < 100; i++)
		hf_json_open(&o, '[');
	for (int i = 0; i < 100; i++)
		hf_json_close(&o, ']');
	assert_null(hf_json_end(&o));
}

static const char *get(json_t *root, size_t part, const char *key)
{
	json_t *parts = json_object_get(root, "parts");

	return json_string_value(json_object_get(json_array_get(parts, part), key));
}

TEST(json_of_claims)
{
	BEGIN;
	json_t *root = load(fx, false), *nic, *m, *cfg;

	(void)w;
	assert_int_equal(json_integer_value(json_object_get(root, "format")), 1);
	assert_true(json_is_null(json_object_get(root, "verdict")));
	assert_int_equal(json_array_size(json_object_get(root, "parts")), 4);
	assert_string_equal(get(root, 2, "path"), NIC_PLACE);
	assert_string_equal(get(root, 2, "kind"), "card");
	assert_string_equal(get(root, 2, "method"), "bytes");
	nic = json_array_get(json_object_get(json_array_get(json_object_get(root, "parts"), 2),
					     "functions"), 0);
	assert_string_equal(json_string_value(json_object_get(nic, "vendor")), "8086");
	assert_string_equal(json_string_value(json_object_get(nic, "class")), "020000");
	assert_true(json_is_null(json_object_get(nic, "serial")));
	cfg = json_array_get(json_object_get(nic, "measurements"), 0);
	assert_string_equal(json_string_value(json_object_get(cfg, "bytes")), "636667");
	assert_true(json_is_true(json_object_get(cfg, "advisory")));
	m = json_array_get(json_object_get(nic, "measurements"), 1);
	assert_true(json_is_true(json_object_get(m, "code")));
	assert_int_equal(json_integer_value(json_object_get(m, "size")), 7);
	assert_int_equal(strlen(json_string_value(json_object_get(json_object_get(m, "digests"),
								  "sha256"))), 64);
	json_decref(root);
	END;
}

TEST(json_of_every_kind)
{
	BEGIN;
	struct hf_function *f = fx->disk->functions;
	struct hf_measurement *m;

	(void)w;
	m = hf_claims_add_measurement(&fx->claims, fx->disk, f, "n", HF_METHOD_VERSION, 0);
	hf_measurement_set_number(m, UINT64_MAX);
	m = hf_claims_add_measurement(&fx->claims, fx->disk, f, "x", HF_METHOD_BYTES, 0);
	hf_measurement_set_failure(m, HF_ERR_ROM_READ);
	fx_text(fx, fx->disk, f, "t", HF_METHOD_VERSION, "1");
	hf_measurement_find(f->measurements, "t")->text = "\xff\x1b";
	f->identity.has_serial = true;
	f->identity.serial = 0x1234;

	json_t *root = load(fx, false), *list;

	f = NULL;
	list = json_array_get(json_object_get(json_array_get(json_object_get(root, "parts"), 3),
					      "functions"), 0);
	assert_string_equal(json_string_value(json_object_get(list, "serial")), "0000000000001234");
	list = json_object_get(list, "measurements");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "number")),
			    "18446744073709551615");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 2), "cause")),
			    "rom-read-failed");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 3), "text")), "??");
	json_decref(root);
	END;
}

TEST(json_of_a_verdict)
{
	BEGIN;
	(void)w;
	hf_measurement_find(fx->card->functions->measurements, "option-rom/window")->digests[0] =
		fx_digest("evil");
	fx_judge(fx);
	json_t *root = load(fx, true), *v = json_object_get(root, "verdict"), *p, *f;

	assert_string_equal(json_string_value(json_object_get(v, "status")), "held");
	assert_string_equal(json_string_value(json_object_get(v, "cause")), "firmware-unknown");
	assert_string_equal(json_string_value(json_object_get(v, "class")), "suspect");
	assert_string_equal(json_string_value(json_object_get(v, "place")), NIC_PLACE);
	assert_string_equal(json_string_value(json_object_get(v, "model")), "acme-one");
	assert_string_equal(json_string_value(json_object_get(v, "mode")), "enforce");
	assert_int_equal(json_array_size(json_object_get(v, "parts")), 4);
	p = json_array_get(json_object_get(v, "parts"), 2);
	assert_string_equal(json_string_value(json_object_get(p, "component")), "nic");
	assert_true(json_is_null(json_object_get(p, "release")));
	f = json_array_get(json_object_get(p, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(f, "next_step")),
			    "replace the part; keep it for examination");
	assert_string_equal(json_string_value(json_object_get(f, "function")), NIC_PLACE ".0");
	assert_string_equal(json_string_value(json_object_get(f, "action")), "hold");
	json_decref(root);
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coverage_line), cmocka_unit_test(coverage_line_of_what_nobody_judged),
		cmocka_unit_test(coverage_line_says_what_was_seen),
		cmocka_unit_test(host_part), cmocka_unit_test(tree), cmocka_unit_test(findings),
		cmocka_unit_test(refusal_without_parts), cmocka_unit_test(hostile_text),
		cmocka_unit_test(long_words), cmocka_unit_test(full_writer),
		cmocka_unit_test(json_of_claims), cmocka_unit_test(json_of_every_kind),
		cmocka_unit_test(json_of_a_verdict), cmocka_unit_test(json_of_odd_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
