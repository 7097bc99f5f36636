/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The conversation, over a link that a list of replies stands in for: what is asked, in which
 * order, and which answers are believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/converse.h"
#include "measure/attest.h"
#include "tests/unit/sign_fixture.h"
#include "tests/unit/tpm_fixture.h"

#define TEST(name) static void name(void **state)
#define REPLIES_MAX 8
#define NOW INT64_C(1800000000)

struct world {
	struct fake_tpm tpm;
	struct hf_ak ak;
	struct hf_key *ticket, *other;
	struct hf_trust trust;
	struct hf_arena arena;
	struct hf_converse c;
	struct hf_challenge challenge;
	struct hf_result result;
	struct hf_evidence evidence;
	struct hf_digest quote;
	struct { const char *path; struct hf_span bytes; } replies[REPLIES_MAX];
	size_t count, asked;
	int64_t time_set;
	enum hf_err link_err, then_err, time_err, activate_err;	/* then: all but the first message */
	uint8_t activated;	/* number of the key, + 1 */
	struct hf_span sent;	/* the last body */
	struct hf_fault fault;
};
static struct world w;

static const uint8_t boot_key[32] = { 0xb0 }, nonce[32] = { 0x40 }, reclaim[16] = { 0x4e }, id[16] = { 0x1d };

static struct hf_span bytes(const uint8_t *b, size_t len)
{
	return (struct hf_span){ b, len };
}

/* ---- in place of the link and the TPM ---- */

enum hf_err hf_link_ask(struct hf_link *link, const char *path, const char *type, struct hf_span body,
			unsigned patience_ms, struct hf_arena *arena, struct hf_span *ret, struct hf_fault *fault)
{
	assert_ptr_equal(link, (struct hf_link *)&w);
	assert_true(patience_ms > 0 && patience_ms <= 1000 && body.len > 0);
	assert_ptr_equal(arena, &w.arena);
	if (w.then_err && w.asked)
		return hf_fail(fault, w.then_err, "controller", "%s", "as the test wants");
	if (w.link_err)
		return hf_fail(fault, w.link_err, "controller", "%s", "as the test wants");
	if (w.asked == w.count)
		fail_msg("nobody expected %s", path);
	assert_string_equal(path, w.replies[w.asked].path);
	assert_string_equal(type, strcmp(path, HF_WIRE_EVIDENCE) == 0 || strcmp(path, HF_WIRE_HELD) == 0 ?
			    HF_WIRE_EVIDENCE_TYPE : HF_WIRE_TYPE);
	w.sent = body;
	*ret = w.replies[w.asked++].bytes;
	return HF_OK;
}

enum hf_err hf_link_set_time(struct hf_link *link, int64_t now, struct hf_fault *fault)
{
	(void)link;
	w.time_set = now;
	return w.time_err ? hf_fail(fault, w.time_err, "controller", "%s", "dates") : HF_OK;
}

enum hf_err hf_tpm_eks(struct hf_tpm *tpm, struct hf_arena *arena, struct hf_tpm_ek ret[static HF_TPM_EKS_MAX],
		       size_t *ret_count, struct hf_fault *fault)
{
	(void)tpm, (void)arena, (void)fault;
	ret[0] = (struct hf_tpm_ek){ "L-1", hf_span_text("first"), hf_span_text("certificate") };
	ret[1] = (struct hf_tpm_ek){ "L-2", hf_span_text("second"), { NULL, 0 } };
	*ret_count = 2;
	return HF_OK;
}

enum hf_err hf_tpm_activate(struct hf_tpm *tpm, const struct hf_tpm_ek *ek, struct hf_span blob,
			    struct hf_span encrypted_secret, struct hf_writer *ret, struct hf_fault *fault)
{
	(void)tpm;
	assert_true(hf_span_equal(blob, hf_span_text("blob")));
	assert_true(hf_span_equal(encrypted_secret, hf_span_text("encrypted")));
	w.activated = (uint8_t)(1 + (strcmp(ek->name, "L-2") == 0));
	if (w.activate_err)
		return hf_fail(fault, w.activate_err, "TPM", "%s", "");
	hf_put(ret, "0123456789abcdef0123456789abcdef", 32);
	return HF_OK;
}

/* ---- a world ---- */

static void begin(void)
{
	struct pem pem;

	memset(&w, 0, sizeof(w));
	tpm_make(&w.tpm);
	assert_int_equal(hf_arena_make((size_t)4 << 20, &w.arena), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &w.ticket), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &w.other), HF_OK);
	pem_of(w.ticket, false, &pem);
	assert_int_equal(hf_trust_add(&w.trust, "ticket", HF_ANCHOR_TICKET, pem.span, &w.fault), HF_OK);
	pem_of(w.other, false, &pem);	/* everything but tickets */
	assert_int_equal(hf_trust_add(&w.trust, "owner", HF_ANCHOR_OWNER, pem.span, &w.fault), HF_OK);
	w.c = (struct hf_converse){
		.link = (struct hf_link *)&w, .tpm = (struct hf_tpm *)&w, .trust = &w.trust,
		.ak = w.tpm.ak, .boot_key = bytes(boot_key, 32),
		.serial = hf_span_text("S1"), .patience_ms = 1000, .arena = &w.arena,
	};
	assert_int_equal(hf_ak_parse(w.c.ak, &w.ak), HF_OK);
	w.evidence.quote = hf_span_text("a quote");
	w.evidence.log = hf_span_text("a log");
	assert_int_equal(hf_digest(HF_ALG_SHA256, w.evidence.quote, &w.quote), HF_OK);
	w.challenge = (struct hf_challenge){
		.nonce = bytes(nonce, 32), .time = NOW, .reclaim = bytes(reclaim, 16),
		.host = hf_span_text("host-1"), .ak_name = bytes(w.ak.name, 34), .boot_key = bytes(boot_key, 32),
		.seconds = 300,
	};
	w.result = (struct hf_result){
		.time = NOW + 1, .nonce = bytes(nonce, 32), .verifier = hf_span_text("holdfastd 0"),
		.status = HF_EAR_AFFIRMING, .kind = HF_EVIDENCE_GATE, .host = hf_span_text("host-1"),
		.reclaim = bytes(reclaim, 16), .ak_name = bytes(w.ak.name, 34), .boot_key = bytes(boot_key, 32),
		.quote = bytes(w.quote.bytes, 32), .mode = hf_span_text("enforce"), .generation = 1,
		.release = HF_RELEASE_TENANT, .seconds = 300, .image_count = 1,
		.images[0] = { hf_span_text("tenant"), { bytes(nonce, 32), bytes(nonce, 32), bytes(nonce, 32) }, 3 },
	};
}

static void end(void)
{
	if (w.asked != w.count)
		fail_msg("asked %zu times, not %zu", w.asked, w.count);
	hf_trust_drop(&w.trust);
	hf_key_free(w.ticket);
	hf_key_free(w.other);
	EVP_PKEY_free(w.tpm.key);
	hf_arena_drop(&w.arena);
}

static struct hf_writer writer(void)
{
	return (struct hf_writer){ .buf = hf_arena_take(&w.arena, 8192), .cap = 8192 };
}

static void will_reply(const char *path, const struct hf_wire_reply *reply)
{
	struct hf_writer out = writer();

	hf_wire_put_reply(&out, reply);
	assert_false(out.full);
	w.replies[w.count].path = path;
	w.replies[w.count++].bytes = hf_written(&out);
}

static struct hf_span signed_by(const struct hf_key *key, const char *type, struct hf_span payload)
{
	struct hf_writer out = writer();

	assert_int_equal(hf_statement_sign(key, type, payload, &out), HF_OK);
	return hf_written(&out);
}

static struct hf_span challenge_by(const struct hf_key *key, const char *type)
{
	struct hf_writer out = writer();

	hf_wire_put_challenge(&out, &w.challenge);
	return signed_by(key, type, hf_written(&out));
}

static void will_challenge(void)
{
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){
		.kind = HF_WIRE_CHALLENGED, .message = challenge_by(w.ticket, HF_WIRE_CHALLENGE_TYPE) });
}

static struct hf_span result_by(const struct hf_key *key)
{
	struct hf_writer out = writer();

	hf_result_encode(&w.result, &out);
	assert_false(out.full);
	return signed_by(key, HF_RESULT_TYPE, hf_written(&out));
}

static void refusal(const char *cause)
{
	w.result.release = HF_RELEASE_NOTHING;
	w.result.image_count = 0;
	w.result.seconds = 0;
	w.result.status = HF_EAR_CONTRAINDICATED;
	w.result.cause = hf_span_text(cause);
	w.result.place = hf_span_text("pci0000:00/1c.0");
	w.result.detail = hf_span_text("a detail");
}

static void will_refuse(const char *path)
{
	will_reply(path, &(struct hf_wire_reply){ .kind = HF_WIRE_REFUSED, .message = result_by(w.ticket) });
}

static enum hf_err challenged(struct hf_challenge *ret)
{
	memset(ret, 0xaa, sizeof(*ret));
	return hf_converse_challenge(&w.c, ret, &w.fault);
}

static void challenge_fails(enum hf_err err)
{
	struct hf_challenge got, poison;

	memset(&poison, 0xaa, sizeof(poison));
	if (challenged(&got) != err)
		fail_msg("%s: %s", hf_err_name(w.fault.err), w.fault.detail);
	assert_int_equal(w.fault.err, err);
	assert_memory_equal(&got, &poison, sizeof(got));
	end();
}

/* ---- challenges ---- */

TEST(a_challenge)
{
	struct hf_challenge got;

	(void)state;
	begin();
	will_challenge();
	assert_int_equal(challenged(&got), HF_OK);
	assert_memory_equal(got.nonce.ptr, nonce, 32);
	assert_int_equal(w.time_set, NOW);
	assert_false(w.c.enrolled);
	end();
}

TEST(challenges_that_are_none)
{
	uint8_t changed[34];

	(void)state;
	begin();
	memcpy(changed, w.ak.name, 34);
	changed[33] ^= 1;
	w.challenge.ak_name.ptr = changed;
	will_challenge();
	challenge_fails(HF_ERR_CHALLENGE_INVALID);

	begin();
	w.challenge.boot_key.ptr = nonce;
	will_challenge();
	challenge_fails(HF_ERR_CHALLENGE_INVALID);

	begin();
	w.challenge.time = 0;
	will_challenge();
	challenge_fails(HF_ERR_WIRE_SHAPE);

	begin();	/* an anchor, and not for this */
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){
		.kind = HF_WIRE_CHALLENGED, .message = challenge_by(w.other, HF_WIRE_CHALLENGE_TYPE) });
	challenge_fails(HF_ERR_TICKET_SIGNER);

	begin();	/* signed as something else */
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){
		.kind = HF_WIRE_CHALLENGED, .message = challenge_by(w.ticket, HF_RESULT_TYPE) });
	challenge_fails(HF_ERR_TICKET_SIGNER);

	begin();
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){ .kind = HF_WIRE_CHALLENGED,
							       .message = hf_span_text("garbage") });
	challenge_fails(HF_ERR_TICKET_SIGNER);

	begin();
	w.replies[0].path = HF_WIRE_CHALLENGE;
	w.replies[w.count++].bytes = hf_span_text("\xff garbage");
	w.asked = 0;
	{
		struct hf_challenge got;
		enum hf_err err = challenged(&got);

		assert_true(err != HF_OK && hf_err_class(err) == HF_CLASS_SUSPECT);
	}
	end();

	begin();
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){ .kind = HF_WIRE_DONE });
	challenge_fails(HF_ERR_CONTROLLER_REPLY);

	begin();
	w.link_err = HF_ERR_CONTROLLER_TLS;
	challenge_fails(HF_ERR_CONTROLLER_TLS);

	begin();	/* who signed the time has a certificate that ended before it */
	w.time_err = HF_ERR_CONTROLLER_TLS;
	will_challenge();
	challenge_fails(HF_ERR_CONTROLLER_TLS);
}

/* Without an anchor a diagnosis goes on, and the gate does not. */
TEST(only_a_diagnosis_goes_without_an_anchor)
{
	struct hf_challenge got;

	(void)state;
	begin();
	w.c.trust = NULL;
	will_challenge();
	challenge_fails(HF_ERR_TICKET_SIGNER);

	begin();
	w.c.trust = NULL;
	w.c.diagnosis = true;
	will_challenge();
	assert_int_equal(challenged(&got), HF_OK);
	assert_int_equal(w.time_set, 0);	/* nobody's word for the time */
	end();

	begin();	/* with one, it does not either */
	w.c.diagnosis = true;
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){
		.kind = HF_WIRE_CHALLENGED, .message = challenge_by(w.other, HF_WIRE_CHALLENGE_TYPE) });
	challenge_fails(HF_ERR_TICKET_SIGNER);
}

TEST(a_refusal_has_its_own_cause)
{
	(void)state;
	begin();
	refusal("host-in-use");
	will_refuse(HF_WIRE_CHALLENGE);
	challenge_fails(HF_ERR_HOST_IN_USE);
	assert_string_equal(w.fault.where, "pci0000:00/1c.0");
	assert_non_null(strstr(w.fault.detail, "a detail"));

	begin();
	refusal("of-a-later-version");
	will_refuse(HF_WIRE_CHALLENGE);
	challenge_fails(HF_ERR_CONTROLLER_REFUSED);
	assert_non_null(strstr(w.fault.detail, "of-a-later-version"));

	begin();	/* by nobody */
	refusal("host-in-use");
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){ .kind = HF_WIRE_REFUSED,
							       .message = result_by(w.other) });
	challenge_fails(HF_ERR_TICKET_SIGNER);
}

/* ---- enrolment ---- */

static void will_enrol(size_t ek)
{
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){ .kind = HF_WIRE_MUST_ENROL });
	will_reply(HF_WIRE_ENROL, &(struct hf_wire_reply){
		.kind = HF_WIRE_CREDENTIAL, .id = bytes(id, 16), .ek = ek, .credential = hf_span_text("blob"),
		.encrypted_secret = hf_span_text("encrypted") });
}

TEST(who_is_told_to_enrol_does)
{
	struct hf_challenge got;

	(void)state;
	begin();
	will_enrol(1);
	will_reply(HF_WIRE_ACTIVATE, &(struct hf_wire_reply){ .kind = HF_WIRE_DONE });
	will_challenge();
	assert_int_equal(challenged(&got), HF_OK);
	assert_int_equal(w.activated, 2);
	assert_true(w.c.enrolled);
	end();
}

/* The gate falls back to the owner's release where nobody answered, and here somebody did. */
TEST(who_answered_once_is_not_nobody)
{
	(void)state;
	begin();
	w.link_err = HF_ERR_CONTROLLER_UNREACHABLE;
	challenge_fails(HF_ERR_CONTROLLER_UNREACHABLE);
	assert_false(w.c.answered);

	begin();
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){ .kind = HF_WIRE_MUST_ENROL });
	w.then_err = HF_ERR_CONTROLLER_UNREACHABLE;
	challenge_fails(HF_ERR_CONTROLLER_UNREACHABLE);
	assert_true(w.c.answered);
}

TEST(enrolments_that_fail)
{
	(void)state;
	begin();
	will_enrol(2);	/* for a key that it was not shown */
	challenge_fails(HF_ERR_CONTROLLER_REPLY);
	assert_int_equal(w.activated, 0);

	begin();
	will_enrol(0);
	w.activate_err = HF_ERR_CREDENTIAL_REFUSED;
	challenge_fails(HF_ERR_CREDENTIAL_REFUSED);
	assert_false(w.c.enrolled);

	begin();
	will_enrol(0);
	refusal("ek-not-in-inventory");
	will_refuse(HF_WIRE_ACTIVATE);
	challenge_fails(HF_ERR_EK_INVENTORY);

	begin();	/* and never twice */
	will_enrol(0);
	will_reply(HF_WIRE_ACTIVATE, &(struct hf_wire_reply){ .kind = HF_WIRE_DONE });
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){ .kind = HF_WIRE_MUST_ENROL });
	challenge_fails(HF_ERR_CONTROLLER_REPLY);

	begin();
	w.c.tpm = NULL;
	will_reply(HF_WIRE_CHALLENGE, &(struct hf_wire_reply){ .kind = HF_WIRE_MUST_ENROL });
	challenge_fails(HF_ERR_TPM_MISSING);
}

/* ---- evidence ---- */

static enum hf_err sent(struct hf_answer *ret)
{
	memset(ret, 0xaa, sizeof(*ret));
	return hf_converse_evidence(&w.c, &w.challenge, &w.evidence, ret, &w.fault);
}

static void will_ticket(const struct hf_key *key)
{
	will_reply(HF_WIRE_EVIDENCE, &(struct hf_wire_reply){ .kind = HF_WIRE_TICKET, .message = result_by(key),
							      .secret = hf_span_text("secret") });
}

static void evidence_fails(enum hf_err err)
{
	struct hf_answer got, poison;

	memset(&poison, 0xaa, sizeof(poison));
	if (sent(&got) != err)
		fail_msg("%s: %s", hf_err_name(w.fault.err), w.fault.detail);
	assert_memory_equal(&got, &poison, sizeof(got));
	end();
}

TEST(a_ticket)
{
	struct hf_evidence arrived;
	struct hf_answer got;

	(void)state;
	begin();
	will_ticket(w.ticket);
	if (sent(&got) != HF_OK)
		fail_msg("%s: %s", hf_err_name(w.fault.err), w.fault.detail);
	assert_int_equal(got.result->release, HF_RELEASE_TENANT);
	assert_true(got.verified);
	assert_true(hf_span_equal(got.secret, hf_span_text("secret")));
	assert_int_equal(hf_evidence_from_cmw_cbor(w.sent, &arrived), HF_OK);
	assert_true(hf_span_equal(arrived.quote, w.evidence.quote));
	end();
}

TEST(a_refused_host_gets_its_result)
{
	struct hf_answer got;

	(void)state;
	begin();
	refusal("firmware-old");
	will_refuse(HF_WIRE_EVIDENCE);
	assert_int_equal(sent(&got), HF_OK);
	assert_int_equal(got.result->release, HF_RELEASE_NOTHING);
	assert_ptr_equal(w.c.refusal.result, got.result);
	end();

	begin();	/* no evidence was looked at */
	refusal("challenge-expired");
	w.result.nonce = w.result.quote = (struct hf_span){ NULL, 0 };
	w.result.status = HF_EAR_NONE;
	will_refuse(HF_WIRE_EVIDENCE);
	assert_int_equal(sent(&got), HF_OK);
	end();
}

TEST(results_that_are_not_about_this)
{
	(void)state;
	begin();
	will_ticket(w.other);
	evidence_fails(HF_ERR_TICKET_SIGNER);

	begin();
	w.result.quote = bytes(nonce, 32);
	will_ticket(w.ticket);
	evidence_fails(HF_ERR_TICKET_QUOTE);

	begin();
	w.result.nonce = bytes(boot_key, 32);
	will_ticket(w.ticket);
	evidence_fails(HF_ERR_TICKET_QUOTE);

	begin();
	w.result.ak_name = bytes(w.tpm.public_area, 34);
	will_ticket(w.ticket);
	evidence_fails(HF_ERR_TICKET_KEY);

	begin();
	w.result.boot_key = bytes(nonce, 32);
	will_ticket(w.ticket);
	evidence_fails(HF_ERR_TICKET_BOOT);

	begin();	/* a refusal of another quote is none of this one */
	refusal("firmware-old");
	w.result.quote = bytes(nonce, 32);
	will_refuse(HF_WIRE_EVIDENCE);
	evidence_fails(HF_ERR_TICKET_QUOTE);

	begin();	/* says refused, and is a ticket */
	will_refuse(HF_WIRE_EVIDENCE);
	evidence_fails(HF_ERR_CONTROLLER_REPLY);

	begin();
	refusal("firmware-old");
	will_reply(HF_WIRE_EVIDENCE, &(struct hf_wire_reply){ .kind = HF_WIRE_TICKET,
							      .message = result_by(w.ticket) });
	evidence_fails(HF_ERR_CONTROLLER_REPLY);

	begin();
	will_reply(HF_WIRE_EVIDENCE, &(struct hf_wire_reply){
		.kind = HF_WIRE_TICKET, .message = signed_by(w.ticket, HF_RESULT_TYPE, hf_span_text("\xa0")) });
	evidence_fails(HF_ERR_RESULT_SHAPE);

	begin();
	will_reply(HF_WIRE_EVIDENCE, &(struct hf_wire_reply){ .kind = HF_WIRE_DONE });
	evidence_fails(HF_ERR_CONTROLLER_REPLY);
}

TEST(evidence_has_a_limit)
{
	const size_t len = HF_WIRE_EVIDENCE_MAX;
	uint8_t *large = calloc(1, len);

	(void)state;
	assert_non_null(large);
	begin();
	w.evidence.claims = bytes(large, len);
	evidence_fails(HF_ERR_LIMIT);
	free(large);
}

/* ---- what is only told ---- */

TEST(receipts_and_held_hosts)
{
	const struct hf_wire_receipt_request receipt = {
		.ak = hf_span_text("ak"), .quote_digest = bytes(nonce, 32), .cap = hf_span_text("cap"),
		.attest = hf_span_text("attest"), .signature = hf_span_text("signature"),
	};

	(void)state;
	begin();
	will_reply(HF_WIRE_RECEIPT, &(struct hf_wire_reply){ .kind = HF_WIRE_DONE });
	assert_int_equal(hf_converse_receipt(&w.c, &receipt, &w.fault), HF_OK);
	will_reply(HF_WIRE_HELD, &(struct hf_wire_reply){ .kind = HF_WIRE_DONE });
	assert_int_equal(hf_converse_held(&w.c, &w.evidence, &w.fault), HF_OK);
	will_challenge();
	w.replies[w.count - 1].path = HF_WIRE_RECEIPT;
	assert_int_equal(hf_converse_receipt(&w.c, &receipt, &w.fault), HF_ERR_CONTROLLER_REPLY);
	refusal("quote-signature");
	will_refuse(HF_WIRE_HELD);
	assert_true(hf_converse_held(&w.c, &w.evidence, &w.fault) != HF_OK);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_challenge),
		cmocka_unit_test(challenges_that_are_none),
		cmocka_unit_test(only_a_diagnosis_goes_without_an_anchor),
		cmocka_unit_test(a_refusal_has_its_own_cause),
		cmocka_unit_test(who_is_told_to_enrol_does),
		cmocka_unit_test(who_answered_once_is_not_nobody),
		cmocka_unit_test(enrolments_that_fail),
		cmocka_unit_test(a_ticket),
		cmocka_unit_test(a_refused_host_gets_its_result),
		cmocka_unit_test(results_that_are_not_about_this),
		cmocka_unit_test(evidence_has_a_limit),
		cmocka_unit_test(receipts_and_held_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
