/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By whose word a host was released: what the gate writes into CAP, and what a verifier makes of
 * it and of the ticket beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/events.h"
#include "manifests/verify_ticket.h"
#include "measure/result.h"

#define TEXT(t) hf_span_text(t)

static uint8_t pattern[128];
static struct hf_span some(size_t at, size_t len) { return (struct hf_span){ pattern + at, len }; }

struct world {
	struct hf_arena arena;
	struct hf_key *key, *other;
	struct hf_trust trust;
	struct hf_ak ak;
	struct hf_digest quote, ticket;
	struct hf_evidence evidence;
	struct hf_begin_event begin;
	struct hf_end_event end;
	struct hf_cap_event cap;
	struct hf_result result;
	struct hf_verify_ticket in;
	uint8_t message[4096];
};

static void write_ticket(struct world *w, const struct hf_key *key)
{
	uint8_t payload[2048];
	struct hf_writer p = { .buf = payload, .cap = sizeof(payload) };
	struct hf_writer m = { .buf = w->message, .cap = sizeof(w->message) };

	hf_result_encode(&w->result, &p);
	assert_int_equal(hf_statement_sign(key, HF_RESULT_TYPE, hf_written(&p), &m), HF_OK);
	w->evidence.ticket = hf_written(&m);
	assert_int_equal(hf_digest(HF_ALG_SHA256, w->evidence.ticket, &w->ticket), HF_OK);
	w->cap.ticket = (struct hf_span){ w->ticket.bytes, 32 };
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i + 1);
	assert_non_null(w);
	assert_int_equal(hf_arena_make(1 << 20, &w->arena), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &w->key), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &w->other), HF_OK);
	w->trust.anchors[0] = (struct hf_anchor){ .role = HF_ANCHOR_TICKET, .key = w->key };
	w->trust.count = 1;
	memcpy(w->ak.name, pattern + 40, sizeof(w->ak.name));
	w->evidence.quote = TEXT("a quote");
	w->evidence.nonce = some(0, 32);
	assert_int_equal(hf_digest(HF_ALG_SHA256, w->evidence.quote, &w->quote), HF_OK);
	w->begin = (struct hf_begin_event){ .policy = TEXT("controller"), .boot_key = some(3, 32),
					    .generation = 7, .mode = HF_MODE_ENFORCE };
	w->cap = (struct hf_cap_event){ .release = TEXT("kexec"), .reclaim = some(1, 16),
		.image = { .digests = { some(7, 32), some(8, 32), some(9, 32) }, .count = 3 } };
	w->result = (struct hf_result){
		.time = 1, .nonce = w->evidence.nonce, .verifier = TEXT("v"), .status = HF_EAR_AFFIRMING,
		.kind = HF_EVIDENCE_GATE, .host = TEXT("h"), .reclaim = some(1, 16),
		.ak_name = { w->ak.name, sizeof(w->ak.name) }, .boot_key = some(3, 32),
		.quote = { w->quote.bytes, 32 }, .generation = 7, .mode = TEXT("enforce"),
		.release = HF_RELEASE_TENANT, .seconds = 60, .image_count = 1,
		.images = { { TEXT("t"), { some(7, 32), some(8, 32), some(9, 32) }, 3 } },
	};
	w->in = (struct hf_verify_ticket){ &w->evidence, &w->trust, &w->begin, &w->end, &w->cap, &w->ak,
					   &w->arena };
	write_ticket(w, w->key);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	hf_key_free(w->key);
	hf_key_free(w->other);
	hf_arena_drop(&w->arena);
	free(w);
	return 0;
}

static void is(struct world *w, enum hf_err want)
{
	const char *how = NULL;

	assert_string_equal(hf_err_name(hf_verify_ticket(&w->in, &how)), hf_err_name(want));
	assert_non_null(how);
}

static void a_ticket(void **state)
{
	struct world *w = *state;

	is(w, HF_OK);
	w->trust.count = 0;	/* a verifier without that anchor says so, and compares all the rest */
	is(w, HF_OK);
	w->begin.generation = 8;
	is(w, HF_ERR_TICKET_POLICY);
}

static void a_ticket_of_something_else(void **state)
{
	struct world *w = *state;

	w->cap.image.digests[2] = some(20, 32);
	is(w, HF_ERR_TICKET_IMAGE);
	w->cap.image.digests[2] = some(9, 32);
	w->cap.reclaim = some(30, 16);
	is(w, HF_ERR_TICKET_RECLAIM);
	w->cap.reclaim = some(1, 16);
	w->evidence.quote = TEXT("another");
	is(w, HF_ERR_TICKET_QUOTE);
	w->evidence.quote = TEXT("a quote");
	w->begin.boot_key = some(4, 32);
	is(w, HF_ERR_TICKET_BOOT);
	w->begin.boot_key = some(3, 32);
	w->ak.name[5] ^= 1;
	is(w, HF_ERR_TICKET_KEY);
	w->ak.name[5] ^= 1;
	w->end.verdict = HF_STATUS_HELD;	/* the host itself refused, and the tenant started */
	is(w, HF_ERR_TICKET_POLICY);
	w->end.verdict = HF_STATUS_ACCEPTED;
	w->cap.service = true;	/* said to be a service image, by a ticket for the tenant */
	is(w, HF_ERR_TICKET_IMAGE);
	w->cap.service = false;
	is(w, HF_OK);
}

static void a_ticket_of_somebody_else(void **state)
{
	struct world *w = *state;

	write_ticket(w, w->other);
	is(w, HF_ERR_TICKET_SIGNER);
	write_ticket(w, w->key);
	w->message[300] ^= 1;
	is(w, HF_ERR_EVIDENCE_SHAPE);	/* not the one that CAP names */
	w->message[300] ^= 1;
	is(w, HF_OK);
	w->evidence.ticket.len = 0;
	is(w, HF_ERR_EVIDENCE_SHAPE);
}

static void no_ticket(void **state)
{
	struct world *w = *state;

	w->cap.ticket.len = 0;
	is(w, HF_ERR_EVIDENCE_SHAPE);
	w->cap.fallback = TEXT("site-7-move");
	is(w, HF_OK);	/* whether that holds is asked elsewhere */
	w->cap.service = true;
	is(w, HF_ERR_EVIDENCE_SHAPE);
	w->cap.service = false;
	w->cap.fallback.len = 0;
	w->begin.policy = TEXT("local");
	is(w, HF_OK);
}

/* ---- CAP both ways ---- */

static enum hf_err read_back(const struct hf_cap *cap, struct hf_cap_event *ret)
{
	static uint8_t bytes[512];
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };

	hf_cap_encode(cap, &w);
	assert_false(w.full);
	return hf_cap_parse(hf_written(&w), ret);
}

static void cap_says_what_was_started(void **state)
{
	struct hf_result_image kexec = { .digests = { some(7, 32), some(8, 32), some(9, 32) }, .count = 3 };
	struct hf_result_image root = { .digests = { some(7, 32) }, .count = 1 };
	struct hf_cap cap = { .image = &kexec, .release = "kexec" };
	struct hf_cap_event e;

	(void)state;
	assert_int_equal(read_back(&cap, &e), HF_OK);
	assert_int_equal(e.image.count, 3);
	assert_true(hf_span_equal(e.image.digests[1], some(8, 32)));
	assert_false(e.service);
	assert_int_equal(e.ticket.len + e.reclaim.len + e.fallback.len, 0);
	cap = (struct hf_cap){ .image = &root, .release = "switch-root", .service = true,
			       .ticket = some(0, 32), .reclaim = some(1, 16) };
	assert_int_equal(read_back(&cap, &e), HF_OK);
	assert_true(e.service && e.image.count == 1);
	assert_true(hf_span_equal(e.ticket, some(0, 32)) && hf_span_equal(e.reclaim, some(1, 16)));
	cap = (struct hf_cap){ .image = &root, .release = "kexec", .fallback = "w" };
	assert_int_equal(read_back(&cap, &e), HF_OK);
	assert_true(hf_span_equal(e.fallback, TEXT("w")));
	cap.ticket = some(0, 32);	/* by a ticket and by the owner at once */
	cap.reclaim = some(1, 16);
	assert_int_equal(read_back(&cap, &e), HF_ERR_EVENT_SHAPE);
	cap = (struct hf_cap){ .image = &kexec, .release = "kexec" };
	kexec.count = 2;
	assert_int_equal(read_back(&cap, &e), HF_ERR_EVENT_SHAPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ticket),
		TEST(a_ticket_of_something_else),
		TEST(a_ticket_of_somebody_else),
		TEST(no_ticket),
		TEST(cap_says_what_was_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
