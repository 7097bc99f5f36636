/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole evidence set of an accepted boot; each test changes one thing, and exactly the
 * check that is about it must refuse. */
#include "tests/unit/evidence_fixture.h"

static void verify(struct made *m)
{
	memset(&m->v, 0xaa, sizeof(m->v));
	hf_verify_evidence(&m->e, &m->options, &m->fx->arena, &m->v);
}

static void affirmed(struct made *m)
{
	verify(m);
	for (enum hf_check c = 0; c < HF_CHECK_COUNT; c++)
		if (m->v.checks[c].outcome == HF_OUTCOME_FAILED)
			print_message("%s: %s %s\n", hf_check_name(c),
				      hf_err_name(m->v.checks[c].cause), m->v.checks[c].detail);
	assert_string_equal(hf_err_name(m->v.cause), "ok");
	for (enum hf_check c = 0; c < HF_CHECK_COUNT; c++)
		if (c != HF_CHECK_RECEIPT)
			assert_int_equal(m->v.checks[c].outcome, HF_OUTCOME_OK);
}

/* check refuses for cause, and it alone. */
static void refused(struct made *m, enum hf_check check, enum hf_err cause)
{
	verify(m);
	assert_string_equal(hf_err_name(m->v.cause), hf_err_name(cause));
	assert_int_equal(m->v.checks[check].outcome, HF_OUTCOME_FAILED);
	assert_string_equal(hf_err_name(m->v.checks[check].cause), hf_err_name(cause));
	for (enum hf_check c = 0; c < HF_CHECK_COUNT; c++)
		if (c != check)
			assert_int_not_equal(m->v.checks[c].outcome, HF_OUTCOME_FAILED);
}

static void case_refused(const struct boot_case *c, enum hf_check check, enum hf_err cause)
{
	struct made *m = make(c);

	refused(m, check, cause);
	drop(m);
}

#define TEST(name) static void name(void **state)
#define CASE struct boot_case c = good; (void)state

TEST(accepted_boot)
{
	CASE;
	struct made *m = make(&c);

	affirmed(m);
	assert_int_equal(m->v.checks[HF_CHECK_RECEIPT].outcome, HF_OUTCOME_SKIPPED);
	assert_int_equal(m->v.claims.part_count, 4);
	assert_ptr_equal(m->v.model, m->fx->model);
	assert_string_equal(m->v.verdict.agent_image->name, "gate");
	assert_int_equal(m->v.quote.reset_count, 7);
	assert_int_equal(m->v.begin.generation, 7);
	drop(m);
}

TEST(accepted_boot_with_receipt)
{
	CASE;
	c.cap_release = "kexec";
	c.receipt = true;
	struct made *m = make(&c);

	affirmed(m);
	assert_int_equal(m->v.checks[HF_CHECK_RECEIPT].outcome, HF_OUTCOME_OK);
	assert_true(hf_span_equal(m->v.cap.release, hf_span_text("kexec")));
	drop(m);
}

/* A host whose NIC was to be isolated. note: the part that the log says was, or NULL. */
static struct made *isolated(const struct boot_case *c, enum hf_part_kind kind, const char *key,
			     const char *note)
{
	struct fixture *fx = fx_new();

	fx->nic_rule->action = HF_ACTION_FENCE;
	fx->nic_rule->least_method = HF_METHOD_SIGNED;
	if (note) {
		struct hf_part *part = hf_claims_add_part(&fx->claims, kind, "fence");
		struct hf_measurement *m = hf_claims_add_measurement(&fx->claims, part, NULL, key,
								     HF_METHOD_IDENTITY, 0);

		assert_int_equal(hf_measurement_set_text(&fx->claims, m, note), HF_OK);
	}
	return make_of(c, fx);
}

TEST(isolated_as_recorded)
{
	CASE;
	c.verdict = "isolated";
	c.cause = "method-too-weak";
	c.cap_release = "kexec";
	c.receipt = true;
	struct made *m = isolated(&c, HF_PART_HOST, "isolated-1", NIC_PLACE);

	affirmed(m);
	assert_int_equal(m->v.verdict.status, HF_STATUS_ISOLATED);
	assert_non_null(strstr(m->v.checks[HF_CHECK_PARTS].detail, "isolated"));
	drop(m);
}

TEST(isolated_without_a_record)
{
	CASE;
	c.verdict = "isolated";
	c.cause = "method-too-weak";
	struct made *m = isolated(&c, HF_PART_HOST, NULL, NULL);

	refused(m, HF_CHECK_PARTS, HF_ERR_FENCE_IMPOSSIBLE);
	drop(m);
	m = isolated(&c, HF_PART_HOST, "isolated-1", DISK_PLACE);
	refused(m, HF_CHECK_PARTS, HF_ERR_FENCE_IMPOSSIBLE);
	drop(m);
	m = isolated(&c, HF_PART_HOST, "refused-1", NIC_PLACE);
	refused(m, HF_CHECK_PARTS, HF_ERR_FENCE_IMPOSSIBLE);
	drop(m);
}

TEST(nonce_given)
{
	CASE;
	c.nonce = hf_span_text("the controller's nonce");
	struct made *m = make(&c);

	m->options.nonce = c.nonce;
	affirmed(m);
	m->options.nonce.len--;
	refused(m, HF_CHECK_QUOTE, HF_ERR_QUOTE_NONCE);
	m->options.nonce.len = 0;
	refused(m, HF_CHECK_QUOTE, HF_ERR_QUOTE_NONCE);
	drop(m);
	c.nonce.len = 0;
	c.no_boot_key = true;
	m = make(&c);
	m->e.boot_key.len = 0;
	refused(m, HF_CHECK_QUOTE, HF_ERR_QUOTE_NONCE);
	drop(m);
}

TEST(firmware_log)
{
	CASE;
	struct made *m = make(&c);

	m->e.firmware_log.len = 0;
	refused(m, HF_CHECK_FIRMWARE_LOG, HF_ERR_FIRMWARE_LOG_MISSING);
	drop(m);
	c.firmware_extends_13 = true;
	case_refused(&c, HF_CHECK_FIRMWARE_LOG, HF_ERR_PCR_NOT_ZERO);
}

/* An event less in the firmware's log: what is left is flawless, but not what was quoted. */
TEST(firmware_log_without_its_last_event)
{
	CASE;
	struct made *m = make(&c);

	log_boot(&m->firmware, NULL, c.kernel, c.initrd, c.options);
	m->e.firmware_log = hf_written(&m->firmware.w);
	refused(m, HF_CHECK_QUOTE, HF_ERR_QUOTE_PCR_DIGEST);
	drop(m);
}

/* One log of the gate put in another's place. */
TEST(log_of_another_boot)
{
	CASE;
	struct made *m = make(&c), *other;

	c.cause = "limit-exceeded";
	other = make(&c);
	m->e.log = other->e.log;
	refused(m, HF_CHECK_QUOTE, HF_ERR_QUOTE_PCR_DIGEST);
	drop(m);
	drop(other);
}

TEST(log_grammar)
{
	CASE;
	struct made *m = make(&c);
	struct hf_span log = m->e.log;

	m->e.log.len -= 1;
	verify(m);
	assert_int_equal(m->v.checks[HF_CHECK_LOG].outcome, HF_OUTCOME_FAILED);
	m->e.log.len = 0;
	verify(m);
	assert_int_equal(m->v.checks[HF_CHECK_LOG].outcome, HF_OUTCOME_FAILED);
	m->e.log = log;
	m->log_buf[log.len - 2] ^= 1;	/* inside END's data */
	refused(m, HF_CHECK_LOG, HF_ERR_LOG_DIGEST);
	drop(m);
	c.no_end = true;
	case_refused(&c, HF_CHECK_LOG, HF_ERR_LOG_GRAMMAR);
	c = good;
	c.our_pcr = 14;		/* a gate's log, in another PCR */
	m = make(&c);
	verify(m);
	assert_int_equal(m->v.checks[HF_CHECK_LOG].outcome, HF_OUTCOME_FAILED);
	drop(m);
}

TEST(log_goes_on_after_end)
{
	CASE;
	struct made *m = make(&c), *tail;
	uint8_t *joined = calloc(1, HF_LOG_MAX);
	size_t spec = 32 + 37, n = m->e.log.len;

	c.no_end = true;
	tail = make(&c);
	memcpy(joined, m->e.log.ptr, n);
	memcpy(joined + n, tail->e.log.ptr + spec, tail->e.log.len - spec);
	m->e.log = (struct hf_span){ joined, n + tail->e.log.len - spec };
	verify(m);
	assert_int_equal(m->v.checks[HF_CHECK_LOG].outcome, HF_OUTCOME_FAILED);
	drop(m);
	drop(tail);
	free(joined);
}

TEST(begin_fields)
{
	CASE;
	struct made *m = make(&c);

	m->e.boot_key = hf_span_text("another key");
	refused(m, HF_CHECK_BEGIN, HF_ERR_CLAIMS_DIGEST);
	drop(m);
	c.mode = "lenient";
	case_refused(&c, HF_CHECK_BEGIN, HF_ERR_EVENT_SHAPE);
}

TEST(claims)
{
	CASE;
	struct made *m = make(&c);
	struct hf_writer w = { .buf = m->claims, .cap = sizeof(m->claims) };

	m->fx->card->functions->identity.revision = 1;	/* one bit of one claim */
	hf_claims_encode(&m->fx->claims, &w);
	refused(m, HF_CHECK_CLAIMS, HF_ERR_CLAIMS_DIGEST);

	m->fx->card->functions->identity.revision = 0;
	m->fx->card->next = NULL;			/* one part less */
	w.len = 0;
	hf_claims_encode(&m->fx->claims, &w);
	m->fx->claims.part_count--;
	w.len = 0;
	hf_claims_encode(&m->fx->claims, &w);
	m->e.claims = hf_written(&w);
	refused(m, HF_CHECK_CLAIMS, HF_ERR_CLAIMS_MISSING);

	m->fx->card->next = m->fx->disk;
	m->fx->claims.part_count++;
	struct hf_part *more = fx_part(m->fx, HF_PART_CARD, "pci0000:00/03.0/00");

	fx_function(m->fx, more, 0x1b36, 0x0010, 0x010802);
	w.len = 0;
	hf_claims_encode(&m->fx->claims, &w);
	m->e.claims = hf_written(&w);
	refused(m, HF_CHECK_CLAIMS, HF_ERR_CLAIMS_DIGEST);
	m->e.claims.len = 0;
	verify(m);
	assert_int_equal(m->v.checks[HF_CHECK_CLAIMS].outcome, HF_OUTCOME_FAILED);
	drop(m);
}

TEST(key_and_quote)
{
	CASE;
	struct made *m = make(&c), *other = make(&c);

	m->e.ak = other->e.ak;		/* a good key, not the one that signed */
	refused(m, HF_CHECK_QUOTE, HF_ERR_QUOTE_SIGNATURE);
	m->e.ak = m->tpm.ak;
	m->tpm.public_area[7] ^= 1;
	refused(m, HF_CHECK_KEY, HF_ERR_AK_TEMPLATE);
	m->tpm.public_area[7] ^= 1;
	affirmed(m);
	m->quote[m->e.quote.len - 1] ^= 1;
	refused(m, HF_CHECK_QUOTE, HF_ERR_QUOTE_SIGNATURE);
	m->quote[m->e.quote.len - 1] ^= 1;
	m->e.signature.len--;
	verify(m);
	assert_int_equal(m->v.checks[HF_CHECK_QUOTE].outcome, HF_OUTCOME_FAILED);
	drop(m);
	drop(other);
	c.quoted = 1u << HF_PCR_DEFAULT;	/* ours alone says nothing of who measured */
	case_refused(&c, HF_CHECK_QUOTE, HF_ERR_QUOTE_SELECTION);
}

TEST(the_hosts_own_verdict)
{
	CASE;
	c.verdict = "held";
	c.cause = "firmware-unknown";
	case_refused(&c, HF_CHECK_END, HF_ERR_FIRMWARE_UNKNOWN);
	c.cause = "no-such-cause";
	case_refused(&c, HF_CHECK_END, HF_ERR_INTERNAL);
	c.cause = "manifest-missing";
	c.manifest_error = "manifest-missing";
	case_refused(&c, HF_CHECK_END, HF_ERR_MANIFEST_MISSING);
	c = good;
	c.end_mode = "audit";
	case_refused(&c, HF_CHECK_END, HF_ERR_EVENT_SHAPE);
	c.mode = "audit";
	c.verdict = "held";
	c.cause = "firmware-unknown";	/* would hold: what we think of it decides */
	struct made *m = make(&c);

	affirmed(m);
	drop(m);
	c = good;
	c.verdict = "warned";
	m = make(&c);
	affirmed(m);
	drop(m);
}

TEST(receipt)
{
	CASE;
	c.receipt = true;
	case_refused(&c, HF_CHECK_RECEIPT, HF_ERR_EVIDENCE_SHAPE);	/* without CAP */
	c.cap_release = "kexec";
	c.receipt = false;
	case_refused(&c, HF_CHECK_RECEIPT, HF_ERR_EVIDENCE_SHAPE);	/* CAP without it */
	c.receipt = true;
	c.receipt_reset = 8;
	case_refused(&c, HF_CHECK_RECEIPT, HF_ERR_QUOTE_NONCE);	/* another boot */
	c.receipt_reset = 0;
	c.cap_release = NULL;
	c.cap_held = "last-look-different";
	case_refused(&c, HF_CHECK_RECEIPT, HF_ERR_LAST_LOOK_DIFFERENT);
	c.cap_release = "kexec";	/* held and released at once */
	case_refused(&c, HF_CHECK_RECEIPT, HF_ERR_EVENT_SHAPE);
	c.cap_held = NULL;
	struct made *m = make(&c);

	m->e.receipt = m->e.quote;	/* the first quote again */
	m->e.receipt_signature = m->e.signature;
	refused(m, HF_CHECK_RECEIPT, HF_ERR_QUOTE_NONCE);
	drop(m);
	c.receipt_nonce = hf_span_text("something else");
	case_refused(&c, HF_CHECK_RECEIPT, HF_ERR_QUOTE_NONCE);
	/* the gate's PCR moved on since: the receipt shows more than the log */
	c.receipt_nonce.len = 0;
	m = make(&c);
	struct made *other;

	c.cap_release = "switch-root";
	other = make(&c);
	m->e.log = other->e.log;
	refused(m, HF_CHECK_RECEIPT, HF_ERR_QUOTE_NONCE);
	drop(other);
	drop(m);
}

/* A host that was held before it came to a verdict says why in CAP. */
TEST(held_early)
{
	CASE;
	c.no_end = true;
	c.cap_held = "recheck-different";
	case_refused(&c, HF_CHECK_LOG, HF_ERR_RECHECK_DIFFERENT);
	c.cap_held = "no-such-cause";
	case_refused(&c, HF_CHECK_LOG, HF_ERR_INTERNAL);
	c.cap_held = NULL;
	c.cap_release = "kexec";
	case_refused(&c, HF_CHECK_LOG, HF_ERR_LOG_GRAMMAR);
}

TEST(model)
{
	CASE;
	struct made *m = make(&c);

	m->fx->model->product = "Two";
	refused(m, HF_CHECK_MODEL, HF_ERR_MODEL_NONE);
	m->fx->manifests->models = NULL;
	refused(m, HF_CHECK_MODEL, HF_ERR_MODEL_NONE);
	drop(m);
}

TEST(appraisal)
{
	CASE;
	struct fixture *fx = fx_new();
	struct hf_digest evil = fx_digest("rom evil");
	struct hf_measurement *rom = hf_measurement_find(fx->card->functions->measurements,
							 "option-rom/window");

	assert_int_equal(hf_measurement_set_digests(rom, &evil, 1, 8), HF_OK);
	struct made *m = make_of(&c, fx);	/* an agent that says accepted none the less */

	refused(m, HF_CHECK_PARTS, HF_ERR_FIRMWARE_UNKNOWN);
	m->fx->nic_rule->action = HF_ACTION_WARN;
	affirmed(m);
	assert_int_equal(m->v.verdict.status, HF_STATUS_WARNED);
	drop(m);
}

TEST(what_firmware_ran)
{
	CASE;
	c.driver = "evil";
	case_refused(&c, HF_CHECK_BOOT, HF_ERR_BOOT_DRIVER_UNKNOWN);
	c = good;
	c.initrd = "evil";
	case_refused(&c, HF_CHECK_BOOT, HF_ERR_AGENT_INITRD_CHANGED);
	c = good;
	c.options = "evil";
	case_refused(&c, HF_CHECK_BOOT, HF_ERR_AGENT_COMMAND_LINE_CHANGED);
	c = good;
	c.kernel = "evil";
	case_refused(&c, HF_CHECK_BOOT, HF_ERR_AGENT_KERNEL_CHANGED);
	c.kernel = c.initrd = c.options = NULL;
	case_refused(&c, HF_CHECK_BOOT, HF_ERR_AGENT_IMAGE_UNMEASURED);
	c = good;
	struct made *m = make(&c);

	m->fx->manifests->images = NULL;
	refused(m, HF_CHECK_BOOT, HF_ERR_IMAGE_LIST_MISSING);
	drop(m);
}

TEST(nothing)
{
	CASE;
	struct made *m = make(&c);

	m->e = (struct hf_evidence){ .log = { NULL, 0 } };
	verify(m);
	assert_int_equal(m->v.cause, HF_ERR_FIRMWARE_LOG_MISSING);
	assert_int_equal(m->v.verdict.status, HF_STATUS_HELD);
	m->options.pcr = 24;
	refused(m, HF_CHECK_LOG, HF_ERR_PCR_REFUSED);
	drop(m);
}

/* All in order, in a PCR that anybody can reset. */
TEST(diagnosis)
{
	static const uint32_t refused_pcrs[] = { 10, 16, 23 };
	CASE;

	for (size_t i = 0; i < 3; i++) {
		c.our_pcr = refused_pcrs[i];
		c.quoted = HF_QUOTE_PCRS | 1u << c.our_pcr;
		struct made *m = make(&c);

		m->options.pcr = c.our_pcr;
		verify(m);
		assert_string_equal(hf_err_name(m->v.cause), "pcr-refused");
		for (enum hf_check k = 0; k < HF_CHECK_COUNT; k++)
			assert_int_not_equal(m->v.checks[k].outcome, HF_OUTCOME_FAILED);
		drop(m);
	}
}

/* Whatever allocation fails, evidence is not affirmed. */
TEST(full_arena)
{
	CASE;
	struct made *m = make(&c);
	size_t before = m->fx->arena.len, need;

	affirmed(m);
	need = m->fx->arena.len - before;
	for (size_t room = 0; room < need; room += 64) {
		struct hf_arena small = { m->fx->arena.base + before, room, 0 };

		memset(&m->v, 0xaa, sizeof(m->v));
		hf_verify_evidence(&m->e, &m->options, &small, &m->v);
		assert_int_not_equal(m->v.cause, HF_OK);
	}
	drop(m);
}

TEST(words)
{
	(void)state;
	for (enum hf_check c = 0; c < HF_CHECK_COUNT; c++)
		assert_string_not_equal(hf_check_name(c), "unknown");
	assert_string_equal(hf_outcome_name(HF_OUTCOME_OK), "ok");
	assert_string_equal(hf_outcome_name(HF_OUTCOME_FAILED), "failed");
	assert_string_equal(hf_outcome_name(HF_OUTCOME_SKIPPED), "skipped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_boot), cmocka_unit_test(accepted_boot_with_receipt),
		cmocka_unit_test(isolated_as_recorded),
		cmocka_unit_test(isolated_without_a_record), cmocka_unit_test(nonce_given), cmocka_unit_test(firmware_log),
		cmocka_unit_test(firmware_log_without_its_last_event),
		cmocka_unit_test(log_of_another_boot), cmocka_unit_test(log_grammar),
		cmocka_unit_test(log_goes_on_after_end), cmocka_unit_test(begin_fields),
		cmocka_unit_test(claims), cmocka_unit_test(key_and_quote),
		cmocka_unit_test(the_hosts_own_verdict), cmocka_unit_test(receipt), cmocka_unit_test(held_early),
		cmocka_unit_test(model), cmocka_unit_test(appraisal),
		cmocka_unit_test(what_firmware_ran), cmocka_unit_test(nothing),
		cmocka_unit_test(diagnosis),
		cmocka_unit_test(full_arena), cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
