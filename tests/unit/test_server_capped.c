/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The quote after CAP: a receipt beside the log that a ticket was for, and the log of a host that
 * holds itself. */
#include "tests/unit/judge_fixture.h"

#include "controller/server/capped.h"

struct capped {
	struct made *m;
	struct hf_capped in;
	struct hf_capped_facts facts;
	uint8_t cap[256];
};

static void make_capped(struct capped *t, const char *key, const char *word, const char *ticket)
{
	struct boot_case c = controller_case();
	struct hf_writer w = { .buf = t->cap, .cap = sizeof(t->cap) };
	struct hf_digest id;
	size_t len;

	t->m = make(&c);
	len = t->m->e.log.len;
	hf_cbor_put_map(&w, 1 + (ticket != NULL));
	if (ticket) {
		struct hf_digest d = fx_digest(ticket);

		hf_cbor_put_text(&w, "ticket");
		hf_cbor_put_bstr(&w, (struct hf_span){ d.bytes, 32 });
	}
	hf_cbor_put_text(&w, key);
	hf_cbor_put_text(&w, word);
	event(t->m, HF_TAG_CAP, hf_written(&w));
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&w), &id), HF_OK);
	t->m->tpm.nonce = (struct hf_span){ id.bytes, 32 };
	quote(t->m, t->m->receipt, sizeof(t->m->receipt), &t->m->e.receipt, t->m->rsig, sizeof(t->m->rsig),
	      &t->m->e.receipt_signature);
	t->m->e.log = hf_written(&t->m->log.out);
	t->in = (struct hf_capped){
		.firmware_log = t->m->e.firmware_log, .log = hf_span_part(t->m->e.log, 0, len),
		.cap = hf_written(&w), .attest = t->m->e.receipt, .signature = t->m->e.receipt_signature,
		.ak = t->m->tpm.ak,
	};
}

static void fails(struct capped *t, enum hf_err cause)
{
	assert_string_equal(hf_err_name(hf_capped_verify(&t->in, &t->facts)), hf_err_name(cause));
}

static void a_receipt(void **state)
{
	struct hf_digest ticket = fx_digest("ticket");
	struct capped t;

	(void)state;
	make_capped(&t, "release", "kexec", "ticket");
	fails(&t, HF_OK);
	assert_true(hf_span_equal(t.facts.event.release, hf_span_text("kexec")));
	assert_true(hf_span_equal(t.facts.ticket, (struct hf_span){ ticket.bytes, 32 }));
	assert_true(hf_span_equal(t.facts.boot_key, (struct hf_span){ t.m->boot_id.bytes, 32 }));
	assert_int_equal(t.facts.quote.reset_count, 7);
	drop(t.m);
}

static void a_host_that_holds_itself(void **state)
{
	struct capped t;

	(void)state;
	make_capped(&t, "held", "firmware-unknown", NULL);
	t.in.log = t.m->e.log;
	t.in.cap.len = 0;
	fails(&t, HF_OK);
	assert_true(hf_span_equal(t.facts.event.held, hf_span_text("firmware-unknown")));
	assert_int_equal(t.facts.ticket.len, 0);
	drop(t.m);
}

static void lies(void **state)
{
	uint8_t other[256];
	struct capped t;

	(void)state;
	make_capped(&t, "release", "kexec", "ticket");
	memcpy(other, t.cap, sizeof(other));
	other[12] ^= 1;		/* another ticket */
	t.in.cap.ptr = other;
	fails(&t, HF_ERR_QUOTE_NONCE);
	t.in.cap.ptr = t.cap;
	t.in.log.len = 0;
	assert_int_not_equal(hf_capped_verify(&t.in, &t.facts), HF_OK);
	t.in.log = t.m->e.log;	/* CAP in the log and beside it */
	fails(&t, HF_ERR_LOG_GRAMMAR);
	drop(t.m);
}

static void other_logs_keys_and_quotes(void **state)
{
	struct capped t, u;

	(void)state;
	make_capped(&t, "release", "kexec", "ticket");
	make_capped(&u, "release", "kexec", "ticket");
	t.in.ak = u.in.ak;
	fails(&t, HF_ERR_QUOTE_SIGNATURE);
	struct hf_span log = t.in.log;

	t.in.log = hf_span_text("no log at all");	/* which is not even looked at */
	fails(&t, HF_ERR_QUOTE_SIGNATURE);
	t.in.log = log;
	t.in.ak = t.m->tpm.ak;
	t.in.attest = t.m->e.quote;	/* the quote before CAP */
	t.in.signature = t.m->e.signature;
	fails(&t, HF_ERR_QUOTE_NONCE);
	t.in.attest = t.m->e.receipt;
	t.in.signature = t.m->e.receipt_signature;
	t.in.firmware_log.len = 0;
	fails(&t, HF_ERR_FIRMWARE_LOG_MISSING);
	drop(t.m);
	drop(u.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receipt), cmocka_unit_test(a_host_that_holds_itself), cmocka_unit_test(lies),
		cmocka_unit_test(other_logs_keys_and_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
