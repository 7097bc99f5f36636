/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate with a drive that signs: measured, recorded, asked again, and what the verifier makes
 * of that. The stages are the gate's own; the drive answers in hf_measure, made up here. */
#include "tests/unit/appraise_fixture.h"
#include "tests/unit/spdm_device.h"

#include <stdlib.h>

#include "agent/gate.h"
#include "manifests/verify_transcripts.h"

#define TEST(name) static void name(void **state)
#define FILE_MAX 16384

enum act { SIGNS, CHANGES, REPLAYS, FALLS_SILENT, OTHER_KEY, CLAIMS_ALONE };
static enum act act;
static unsigned passes;
static bool asked_for_vfio;
static struct signing_root root, other_root;
static struct signing_device device;
static struct hf_gate gate;
static uint8_t log_bytes[HF_LOG_MAX];
static char dir[64];

/* In place of pcie/readers.c. */
enum hf_err hf_measure(const struct hf_host *host, const struct hf_bus *bus,
		       const struct hf_read_options *options, struct hf_claims *claims,
		       hf_measure_progress progress, void *self)
{
	static uint8_t bytes[FILE_MAX];
	const struct hf_spdm_seed *seed = options->seed;
	struct hf_spdm_seed old;

	(void)host, (void)bus, (void)progress, (void)self;
	assert_true(options->mailbox);
	assert_non_null(seed);
	asked_for_vfio |= options->vfio;
	passes++;
	if (act == CHANGES && passes == 2)
		device.firmware[1] = "firmware 10";
	if (act == REPLAYS && passes == 2) {
		old = *seed;
		old.pass = HF_SPDM_PASS_MEASURE;
		old.challenge = (struct hf_span){ NULL, 0 };
		seed = &old;
	}
	if (act == FALLS_SILENT && passes == 2)
		return HF_OK;
	if (act == OTHER_KEY && passes == 2) {
		device_drop(&device);
		device_make(&device, &other_root, "drive 4711", NULL);
	}
	for (struct hf_part *p = claims->parts; p; p = p->next) {
		for (struct hf_function *f = p->functions; f; f = f->next) {
			struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
			struct hf_attachment *a;

			if (f->identity.vendor != 0x1b36)
				continue;
			device_ask(&device, seed, f->path, &w, claims, p, f);
			if (act != CLAIMS_ALONE || passes == 1)
				assert_int_equal(hf_claims_attach(claims, f->path, hf_written(&w), &a),
						 HF_OK);
		}
	}
	return HF_OK;
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void make_tree(void)
{
	char command[512];

	strcpy(dir, "/tmp/holdfast-gate-spdm-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command),
		 "echo '{\"dmi\": {\"vendor\": \"ACME\", \"product\": \"One\"}, \"roots\": [{\"devices\": ["
		 "{\"at\": \"01.0\", \"kind\": \"root-port\", \"slot\": true, \"below\": [{\"at\": \"00.0\", "
		 "\"vendor\": \"1b36\", \"device\": \"0010\"}]}]}]}' >%s/t.json && "
		 "python3 tests/trees/make_tree.py %s/t.json %s/t >/dev/null", dir, dir, dir);
	run(command);
}

static int set_up(void **state)
{
	struct hf_gate_options options = { .sysfs = dir };
	struct hf_fault fault = { 0 };
	char pem[4096], path[96];

	(void)state;
	act = SIGNS;
	passes = 0;
	asked_for_vfio = false;
	root_make(&root, "ACME root");
	root_make(&other_root, "ACME root");
	device_make(&device, &root, "drive 4711", NULL);
	make_tree();
	assert_int_equal(hf_gate_open(&gate, &options, &fault), HF_OK);
	snprintf(path, sizeof(path), "%s/t", dir);
	assert_int_equal(hf_host_open(path, &gate.host, &fault), HF_OK);
	gate.host_open = true;
	memset(gate.boot_id.bytes, 7, 32);
	gate.boot_id.alg = HF_ALG_SHA256;
	assert_int_equal(hf_trust_add(&gate.trust, "acme", HF_ANCHOR_DEVICE,
				      root_pem(&root, pem, sizeof(pem)), &fault), HF_OK);
	assert_int_equal(hf_trust_scope(&gate.trust, hf_span_text("vendor = 1b36\n"), &fault), HF_OK);
	assert_int_equal(hf_log_start(&gate.log, log_bytes, sizeof(log_bytes),
				      HF_ALG_MASK(HF_ALG_SHA256), 13), HF_OK);
	assert_int_equal(hf_gate_event(&gate, HF_TAG_BEGIN, hf_span_text("x"), &fault), HF_OK);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	hf_gate_close(&gate);
	device_drop(&device);
	root_drop(&root);
	root_drop(&other_root);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	run(command);
	return 0;
}

static void measured_and_recorded(void)
{
	struct hf_fault fault = { 0 };

	assert_int_equal(hf_gate_enumerate(&gate, &fault), HF_OK);
	assert_int_equal(hf_gate_measure(&gate, &fault), HF_OK);
	assert_int_equal(hf_gate_record(&gate, &fault), HF_OK);
}

/* What the evidence of this gate is to a verifier. */
static enum hf_err verified(struct hf_arena *arena, struct hf_transcripts *t, struct hf_claims *claims)
{
	struct hf_writer w = { .buf = hf_arena_take(arena, gate.encoded.len + 16),
			       .cap = gate.encoded.len + 16 };
	enum hf_err err;

	hf_cbor_put_array(&w, gate.encoded_count);
	hf_put_span(&w, hf_written(&gate.encoded));
	hf_claims_init(claims, arena);
	assert_int_equal(hf_claims_decode(claims, hf_written(&w)), HF_OK);
	*t = (struct hf_transcripts){ .claims = claims, .file = hf_gate_transcripts(&gate),
				      .challenge = hf_gate_nonce(&gate), .trust = &gate.trust,
				      .arena = arena };
	memcpy(t->boot_id, gate.boot_id.bytes, 32);
	err = hf_transcripts_replay(t);
	return err ? err : hf_transcripts_complete(t, NULL, false);
}

static size_t attached(void)
{
	struct hf_attachment *list = NULL;
	size_t count = 0;

	assert_int_equal(hf_transcripts_decode(hf_gate_transcripts(&gate), &gate.arena, &list), HF_OK);
	for (; list; list = list->next)
		count++;
	return count;
}

static void refused(const char *detail)
{
	struct hf_fault fault = { 0 };

	measured_and_recorded();
	assert_int_equal(hf_gate_recheck(&gate, &fault), HF_ERR_RECHECK_DIFFERENT);
	if (!strstr(fault.detail, detail))
		fail_msg("%s: %s", fault.where, fault.detail);
	assert_non_null(hf_claims_find_part(&gate.notes, "recheck"));
	assert_non_null(hf_claims_find_part(&gate.notes, "recheck")->measurements);
}

TEST(what_the_gate_collects_a_verifier_accepts)
{
	struct hf_fault fault = { 0 };
	struct hf_transcripts t;
	struct hf_claims claims;
	struct hf_arena arena;

	(void)state;
	measured_and_recorded();
	assert_non_null(gate.devices.list);
	assert_string_equal(hf_err_name(gate.devices.list->cause), "ok");
	assert_string_equal(gate.devices.list->anchor, "acme");
	assert_int_equal(hf_gate_recheck(&gate, &fault), HF_OK);
	assert_int_equal(attached(), 2);
	assert_null(hf_claims_find_part(&gate.notes, "recheck")->measurements);
	assert_false(asked_for_vfio);	/* never for a capture */
	assert_int_equal(hf_arena_make(64u << 20, &arena), HF_OK);
	assert_string_equal(hf_err_name(verified(&arena, &t, &claims)), "ok");
	assert_true(t.signers->has_again);
	assert_int_equal(t.devices->cause, HF_OK);
	t.challenge = hf_span_text("another challenge");
	t.signers = NULL;
	t.devices = NULL;
	assert_string_equal(hf_err_name(hf_transcripts_replay(&t)), "spdm-nonce");
	hf_arena_drop(&arena);
}

TEST(without_the_recheck_a_verifier_misses_it)
{
	struct hf_transcripts t;
	struct hf_claims claims;
	struct hf_arena arena;

	(void)state;
	measured_and_recorded();
	assert_int_equal(attached(), 1);
	assert_int_equal(hf_arena_make(64u << 20, &arena), HF_OK);
	assert_string_equal(hf_err_name(verified(&arena, &t, &claims)), "transcript-missing");
	hf_arena_drop(&arena);
}

/* Evidence of what it did then, too. */
TEST(firmware_that_changes_between_the_two)
{
	(void)state;
	act = CHANGES;
	refused("spdm/2");
	assert_int_equal(attached(), 2);
	assert_non_null(hf_claims_find_part(&gate.notes, HF_SPDM_NOTE));
}

/* The claims are the same to the letter: only the nonce tells. */
TEST(an_answer_of_the_first_pass_in_the_second)
{
	(void)state;
	act = REPLAYS;
	refused("spdm-nonce");
}

TEST(claims_of_a_reader_without_what_was_signed)
{
	(void)state;
	act = CLAIMS_ALONE;
	refused("signed nothing");
}

TEST(a_drive_that_falls_silent)
{
	(void)state;
	act = FALLS_SILENT;
	refused("");
	assert_int_equal(attached(), 1);
}

TEST(a_key_of_another_root)
{
	(void)state;
	act = OTHER_KEY;
	refused("");
}

TEST(a_drive_behind_no_anchor)
{
	(void)state;
	hf_trust_drop(&gate.trust);
	measured_and_recorded();
	assert_string_equal(hf_err_name(gate.devices.list->cause), "device-chain-untrusted");
}

/* Of a part that joins others, its own transcripts come along, once. */
TEST(transcripts_of_parts_that_appear)
{
	struct hf_claims fresh;
	struct hf_attachment *a, *b;
	struct hf_part *part;
	struct hf_measurement *m;

	(void)state;
	measured_and_recorded();
	hf_claims_init(&fresh, &gate.arena);
	part = hf_claims_add_part(&fresh, HF_PART_CARD, "pci0000:00/09.0/00");
	struct hf_function *f = hf_claims_add_function(&fresh, part, &(struct hf_address){ 0 },
						       "pci0000:00/09.0/00.0");

	m = hf_claims_add_measurement(&fresh, part, f, HF_MKEY_TRANSCRIPT, HF_METHOD_BYTES,
				      HF_MEASUREMENT_ADVISORY);
	assert_int_equal(hf_claims_attach(&fresh, f->path, hf_span_text("mine"), &a), HF_OK);
	assert_int_equal(hf_claims_attach(&fresh, "x", hf_span_text("another's"), &b), HF_OK);
	assert_int_equal(hf_measurement_set_digests(m, &a->sha384, 1, 4), HF_OK);
	assert_int_equal(hf_gate_take_transcripts(&gate, &fresh, part), HF_OK);
	assert_int_equal(hf_gate_take_transcripts(&gate, &fresh, part), HF_OK);
	assert_int_equal(attached(), 2);
	assert_non_null(hf_claims_attachment(&gate.claims, &a->sha384));
	assert_null(hf_claims_attachment(&gate.claims, &b->sha384));
}

TEST(no_two_conversations_have_a_nonce_in_common)
{
	uint8_t nonces[6][HF_SPDM_NONCE];
	struct hf_spdm_seed first, again, other;

	(void)state;
	hf_gate_seed(&gate, HF_SPDM_PASS_MEASURE, &first);
	hf_gate_seed(&gate, HF_SPDM_PASS_RECHECK, &again);
	assert_int_equal(first.challenge.len, 0);
	assert_int_equal(again.challenge.len, 32);
	other = again;
	other.boot_id[0] ^= 1;
	assert_int_equal(hf_spdm_nonce(&first, "a", 0, nonces[0]), HF_OK);
	assert_int_equal(hf_spdm_nonce(&again, "a", 0, nonces[1]), HF_OK);
	assert_int_equal(hf_spdm_nonce(&again, "a", 1, nonces[2]), HF_OK);
	assert_int_equal(hf_spdm_nonce(&again, "b", 0, nonces[3]), HF_OK);
	assert_int_equal(hf_spdm_nonce(&other, "a", 0, nonces[4]), HF_OK);
	again.challenge.len = 31;
	assert_int_equal(hf_spdm_nonce(&again, "a", 0, nonces[5]), HF_OK);
	for (int i = 0; i < 6; i++)
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(nonces[i], nonces[j], HF_SPDM_NONCE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_the_gate_collects_a_verifier_accepts), T(without_the_recheck_a_verifier_misses_it),
		T(firmware_that_changes_between_the_two), T(an_answer_of_the_first_pass_in_the_second),
		T(a_drive_that_falls_silent), T(claims_of_a_reader_without_what_was_signed), T(a_key_of_another_root), T(a_drive_behind_no_anchor),
		T(transcripts_of_parts_that_appear), T(no_two_conversations_have_a_nonce_in_common),
	};

	return cmocka_run_group_tests_name("agent_gate_spdm", tests, NULL, NULL);
}
