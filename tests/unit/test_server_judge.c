/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the controller decides: a good boot gets its tenant image, and each thing that is wrong
 * refuses alone, by its own name. */
#include "tests/unit/judge_fixture.h"

static void released(struct judged *t, enum hf_ear_status status)
{
	judge(t);
	assert_string_equal(hf_err_name(t->j.cause), "ok");
	assert_true(t->j.authentic);
	assert_int_equal(t->j.status, status);
	assert_int_equal(t->j.release, HF_RELEASE_TENANT);
	assert_int_equal(t->j.image_count, 1);
	assert_string_equal(t->j.images[0]->name, "debian");
}

static void refused(struct judged *t, enum hf_err cause, bool authentic)
{
	judge(t);
	assert_string_equal(hf_err_name(t->j.cause), hf_err_name(cause));
	assert_int_equal(t->j.authentic, authentic);
	assert_int_equal(t->j.status, HF_EAR_CONTRAINDICATED);
	assert_int_equal(t->j.release, HF_RELEASE_NOTHING);
	assert_int_equal(t->j.image_count, 0);
}

static void case_refused(const struct boot_case *c, enum hf_err cause)
{
	struct judged t;

	judge_make(&t, c);
	refused(&t, cause, true);
	judge_drop(&t);
}

#define TEST(name) static void name(void **state)
#define BEGIN struct boot_case c = controller_case(); struct judged t; (void)state; judge_make(&t, &c)

TEST(a_good_boot_is_released)
{
	BEGIN;
	released(&t, HF_EAR_AFFIRMING);
	assert_true(t.j.has_counts);
	assert_int_equal(t.j.reset_count, 7);
	judge_drop(&t);
}

TEST(forged_nonce)
{
	BEGIN;
	uint8_t other[HF_WIRE_NONCE] = "a nonce that nobody quoted, 32 b";

	t.m->e.nonce = (struct hf_span){ other, sizeof(other) };
	refused(&t, HF_ERR_QUOTE_NONCE, false);
	judge_drop(&t);
}

TEST(forged_signature)
{
	BEGIN;
	t.m->sig[20] ^= 1;
	refused(&t, HF_ERR_QUOTE_SIGNATURE, false);
	for (size_t i = 0; i < HF_CHECK_COUNT; i++)	/* and nothing else was looked at, however long it is */
		assert_int_equal(t.j.v.checks[i].outcome, HF_OUTCOME_SKIPPED);
	assert_int_equal(t.j.v.claims.part_count, 0);
	judge_drop(&t);
}

TEST(other_boot_key)
{
	BEGIN;
	uint8_t other[32] = { 1 };

	t.in.client_key = (struct hf_span){ other, 32 };
	refused(&t, HF_ERR_BOOT_KEY_OTHER, true);
	t.in.client_key = (struct hf_span){ t.m->boot_id.bytes, 32 };
	t.challenge.boot_key = (struct hf_span){ other, 32 };	/* the challenge was another's */
	refused(&t, HF_ERR_BOOT_KEY_OTHER, true);
	t.in.client_key = t.challenge.boot_key;	/* he asked for the challenge himself */
	refused(&t, HF_ERR_BOOT_KEY_OTHER, true);
	judge_drop(&t);
}

TEST(no_boot_key_in_the_log)
{
	struct boot_case c = controller_case();
	struct judged t;

	(void)state;
	c.no_boot_key = true;
	judge_make(&t, &c);
	t.m->e.boot_key.len = 0;
	refused(&t, HF_ERR_BOOT_KEY_OTHER, true);
	judge_drop(&t);
}

TEST(other_attestation_key)
{
	BEGIN;
	uint8_t name[34] = { 0, 0xb, 1 };

	t.host.ak_name = (struct hf_span){ name, 34 };
	refused(&t, HF_ERR_AK_OTHER, false);
	t.host.ak_name.len = 0;
	refused(&t, HF_ERR_AK_OTHER, false);
	judge_drop(&t);
}

TEST(unrestricted_attestation_key)
{
	BEGIN;
	t.m->tpm.public_area[5] ^= 1;	/* restricted: bit 16 of the attributes, big-endian */
	refused(&t, HF_ERR_AK_TEMPLATE, false);
	judge_drop(&t);
}

TEST(other_banks)
{
	BEGIN;
	t.host.inventory.banks = HF_ALG_MASK(HF_ALG_SHA256);
	refused(&t, HF_ERR_BANKS_OTHER, true);
	t.host.inventory.banks |= HF_ALG_MASK(HF_ALG_SHA384) | HF_ALG_MASK(HF_ALG_SHA1);
	refused(&t, HF_ERR_BANKS_OTHER, true);
	t.host.inventory.banks = 0;
	released(&t, HF_EAR_AFFIRMING);
	judge_drop(&t);
}

static void host_says(struct judged *t, const char *mkey, const char *text)
{
	struct boot_case c = controller_case();
	struct fixture *fx = fx_new();
	struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, fx->host, NULL, mkey,
							     HF_METHOD_IDENTITY, HF_MEASUREMENT_ADVISORY);

	assert_int_equal(hf_measurement_set_text(&fx->claims, m, text), HF_OK);
	judged_of(t, make_of(&c, fx));
}

TEST(claimed_banks)
{
	struct judged t;

	(void)state;
	host_says(&t, "tpm/banks", "sha256 sha384");
	released(&t, HF_EAR_AFFIRMING);
	judge_drop(&t);
	host_says(&t, "tpm/banks", "sha1 sha256 sha384");
	refused(&t, HF_ERR_BANKS_OTHER, true);
	judge_drop(&t);
	host_says(&t, "tpm/banks", "sha256 sha384 sha3");
	refused(&t, HF_ERR_BANKS_OTHER, true);
	t.host.inventory.banks = 0;	/* whatever the host has, its log must speak of all of it */
	refused(&t, HF_ERR_BANKS_OTHER, true);
	judge_drop(&t);
	host_says(&t, "tpm/banks", "sha1 sha256 sha384");
	t.host.inventory.banks = 0;
	refused(&t, HF_ERR_BANKS_OTHER, true);
	judge_drop(&t);
	host_says(&t, "tpm/banks", "sha256 sha384");
	t.host.inventory.banks = 0;
	released(&t, HF_EAR_AFFIRMING);
	judge_drop(&t);
}

TEST(other_serial)
{
	struct judged t;

	(void)state;
	host_says(&t, "smbios/chassis-serial", "C1");
	t.host.inventory.serial = "C1";
	released(&t, HF_EAR_AFFIRMING);
	t.host.inventory.serial = "C2";
	refused(&t, HF_ERR_SERIAL_OTHER, true);
	judge_drop(&t);
	host_says(&t, "smbios/serial", "S1");
	t.host.inventory.serial = "S1";
	released(&t, HF_EAR_AFFIRMING);
	judge_drop(&t);
}

TEST(serial_that_is_not_said)
{
	BEGIN;
	t.host.inventory.serial = "C1";
	refused(&t, HF_ERR_SERIAL_OTHER, true);
	judge_drop(&t);
}

TEST(other_model)
{
	BEGIN;
	t.host.inventory.model = "acme-two";
	refused(&t, HF_ERR_MODEL_OTHER, true);
	t.host.inventory.model = NULL;
	refused(&t, HF_ERR_MODEL_OTHER, true);
	judge_drop(&t);
}

TEST(policy_local)
{
	struct boot_case c = controller_case();

	(void)state;
	c.policy = "local";
	case_refused(&c, HF_ERR_AGENT_POLICY);
}

TEST(diagnosis_in_pcr_16)
{
	struct boot_case c = controller_case();

	(void)state;
	c.our_pcr = 16;
	c.quoted = HF_QUOTE_PCRS | 1u << 16;
	case_refused(&c, HF_ERR_PCR_REFUSED);
	c.driver = "not listed";	/* where anything else is wrong, too */
	case_refused(&c, HF_ERR_PCR_REFUSED);
}

TEST(log_after_end)
{
	struct boot_case c = controller_case();
	struct judged t;

	(void)state;
	c.cap_release = "kexec";
	judge_make(&t, &c);
	refused(&t, HF_ERR_EVIDENCE_SHAPE, true);
	judge_drop(&t);
}

TEST(tampered_claims)
{
	BEGIN;
	t.m->claims[t.m->e.claims.len - 1] ^= 1;
	judge(&t);
	assert_int_not_equal(t.j.cause, HF_OK);
	assert_true(t.j.authentic);
	assert_int_equal(t.j.release, HF_RELEASE_NOTHING);
	judge_drop(&t);
}

TEST(missing_part)
{
	BEGIN;
	fx_rule(t.m->fx, "nic", "pci0000:00/05.0/00", HF_PRESENCE_REQUIRED);
	refused(&t, HF_ERR_PART_MISSING, true);
	judge_drop(&t);
}

TEST(unknown_agent_image)
{
	struct boot_case c = controller_case();
	struct judged t;

	(void)state;
	c.initrd = "another initrd";
	case_refused(&c, HF_ERR_AGENT_INITRD_CHANGED);
	c = controller_case();
	c.initrd = NULL;
	c.options = NULL;
	judge_make(&t, &c);
	judge(&t);
	assert_int_equal(t.j.release, HF_RELEASE_NOTHING);
	judge_drop(&t);
}

TEST(reset_count_must_rise)
{
	BEGIN;
	t.host.reset_count = 7;
	refused(&t, HF_ERR_RESET_COUNT, true);
	t.host.reset_count = 8;
	refused(&t, HF_ERR_RESET_COUNT, true);
	t.host.counted = false;
	released(&t, HF_EAR_AFFIRMING);
	judge_drop(&t);
}

TEST(other_generation_or_mode_than_the_host)
{
	BEGIN;
	t.m->fx->model->generation = 8;
	refused(&t, HF_ERR_TICKET_POLICY, true);
	t.m->fx->model->generation = 7;
	t.m->fx->model->mode = HF_MODE_AUDIT;
	refused(&t, HF_ERR_TICKET_POLICY, true);
	judge_drop(&t);
	c.mode = c.end_mode = "audit";	/* the host's own idea */
	judge_make(&t, &c);
	refused(&t, HF_ERR_TICKET_POLICY, true);
	t.m->fx->model->mode = HF_MODE_AUDIT;
	released(&t, HF_EAR_WARNING);
	assert_true(t.j.audit);
	judge_drop(&t);
}

/* What the agent says of itself decides nothing for it, and everything against it. */
TEST(verdict_of_the_agent)
{
	BEGIN;
	t.m->fx->nic_rule->least_method = HF_METHOD_SIGNED;	/* it says accepted, and is not */
	t.m->e.verdict = hf_span_text("{\"result\":\"accepted\"}");
	refused(&t, HF_ERR_METHOD_TOO_WEAK, true);
	t.m->fx->nic_rule->least_method = HF_METHOD_BYTES;
	t.m->e.verdict = hf_span_text("{\"result\":\"held\"}");	/* a file: nobody reads it */
	released(&t, HF_EAR_AFFIRMING);
	judge_drop(&t);
	c.verdict = "held";
	c.cause = "firmware-unknown";
	case_refused(&c, HF_ERR_FIRMWARE_UNKNOWN);
}

TEST(waived_or_warned_is_a_warning)
{
	BEGIN;
	t.m->fx->nic_rule->least_method = HF_METHOD_SIGNED;
	t.m->fx->nic_rule->action = HF_ACTION_WARN;
	released(&t, HF_EAR_WARNING);
	judge_drop(&t);
}

TEST(no_image_for_this_lease)
{
	BEGIN;
	t.host.tenant = "windows";
	refused(&t, HF_ERR_IMAGE_NOT_ALLOWED, true);
	fx_tenant(t.m->fx, "windows");
	judge(&t);
	assert_int_equal(t.j.image_count, 1);
	assert_string_equal(t.j.images[0]->name, "windows");
	t.host.tenant = "";
	judge(&t);
	assert_int_equal(t.j.image_count, 2);
	for (size_t i = 0; i < HF_RESULT_IMAGES_MAX; i++)
		fx_tenant(t.m->fx, "more");
	refused(&t, HF_ERR_IMAGE_NOT_ALLOWED, true);
	t.m->fx->manifests->images = NULL;
	judge(&t);
	assert_int_equal(t.j.release, HF_RELEASE_NOTHING);
	judge_drop(&t);
}

TEST(tenants_evidence)
{
	BEGIN;
	t.challenge.kind = HF_EVIDENCE_TENANT;
	judge(&t);
	assert_int_equal(t.j.cause, HF_ERR_HOST_IN_USE);
	assert_int_equal(t.j.status, HF_EAR_WARNING);
	assert_int_equal(t.j.release, HF_RELEASE_NOTHING);
	assert_int_equal(t.j.kind, HF_EVIDENCE_TENANT);
	t.m->fx->nic_rule->least_method = HF_METHOD_SIGNED;
	refused(&t, HF_ERR_METHOD_TOO_WEAK, true);
	judge_drop(&t);
}

TEST(old_firmware_of_the_tpm)
{
	BEGIN;
	t.in.least_tpm_firmware = 2;
	refused(&t, HF_ERR_TPM_FIRMWARE_OLD, true);
	t.in.least_tpm_firmware = 1;
	released(&t, HF_EAR_AFFIRMING);
	judge_drop(&t);
}

/* Without a service image in the lists, known, old firmware is refused by its name. */
TEST(old_firmware)
{
	BEGIN;
	t.m->fx->nic->releases->state = HF_RELEASE_UPDATE;
	refused(&t, HF_ERR_FIRMWARE_OLD, true);
	assert_true(t.j.place[0] != '\0');
	judge_drop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_boot_is_released), cmocka_unit_test(forged_nonce),
		cmocka_unit_test(forged_signature), cmocka_unit_test(other_boot_key),
		cmocka_unit_test(no_boot_key_in_the_log), cmocka_unit_test(other_attestation_key),
		cmocka_unit_test(unrestricted_attestation_key), cmocka_unit_test(other_banks),
		cmocka_unit_test(claimed_banks), cmocka_unit_test(other_serial),
		cmocka_unit_test(serial_that_is_not_said), cmocka_unit_test(other_model),
		cmocka_unit_test(policy_local), cmocka_unit_test(diagnosis_in_pcr_16),
		cmocka_unit_test(log_after_end), cmocka_unit_test(tampered_claims),
		cmocka_unit_test(missing_part), cmocka_unit_test(unknown_agent_image),
		cmocka_unit_test(reset_count_must_rise),
		cmocka_unit_test(other_generation_or_mode_than_the_host),
		cmocka_unit_test(verdict_of_the_agent), cmocka_unit_test(waived_or_warned_is_a_warning),
		cmocka_unit_test(no_image_for_this_lease), cmocka_unit_test(tenants_evidence),
		cmocka_unit_test(old_firmware_of_the_tpm), cmocka_unit_test(old_firmware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
