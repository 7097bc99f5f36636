/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request of an agent to the controller's handlers and a SQLite store, with one call failing in
 * it and in nothing else (tests/fault/run.py chooses which).
 *
 *   controller_steps challenge|evidence|again|receipt|held|activate genuine|tampered
 *
 * Exit 0: the good answer, and the store has what it says. 3, 6: refused, or unavailable; the cause
 * in brackets. 5: an answer that the store does not bear out. */
#define main unit_main
int main(void);
#include "tests/unit/test_server_agent.c"	/* the host, its evidence, the requests */
#undef main

void hf_fault_count(_Bool on);

struct step {
	const char *name;
	void (*prepare)(struct server *s);
	hf_handler handle;
	bool (*recorded)(struct server *s);	/* does the store say what the answer says? */
	enum hf_wire_kind good;
};
static uint8_t request[1 << 18];
static struct hf_writer body = { .buf = request, .cap = sizeof(request) };

static struct hf_host_record host_of(struct server *s)
{
	struct hf_host_record host = { .state = HF_LEASE_HELD };

	if (hf_store_host(s->store->store, "host-17", &s->arena, &host, &s->store->fault))
		printf("the store does not answer afterwards\n");
	return host;
}

/* ---- a challenge ---- */

static void ask(struct server *s)
{
	struct hf_wire_challenge_request in = { s->m->tpm.ak, hf_span_text("0.4.0") };

	hf_wire_put_challenge_request(&body, &in);
}

static bool is_open(struct server *s)
{
	struct hf_challenge_record found;
	struct hf_challenge c;
	struct hf_span payload;

	return hf_statement_verify(s->controller.ticket_key, HF_WIRE_CHALLENGE_TYPE, s->reply.message, &payload) == HF_OK &&
	       hf_wire_get_challenge(payload, &c) == HF_OK &&
	       hf_store_challenge_get(s->store->store, c.nonce, &s->arena, &found, &s->store->fault) == HF_OK &&
	       found.open && hf_span_equal(found.boot_key, span(s->request.client_key.bytes, 32));
}

/* ---- evidence ---- */

static void show(struct server *s)
{
	challenge(s);
	boot(s, 8);
	hf_evidence_to_cmw_cbor(&s->m->e, &body);
}

static void show_again(struct server *s)
{
	ticket(s, 8);
	hf_evidence_to_cmw_cbor(&s->m->e, &body);
}

static bool is_released(struct server *s)
{
	struct hf_host_record host = host_of(s);
	struct hf_verdict_record v;

	return host.state == HF_LEASE_IN_USE && host.ticketed &&
	       hf_store_verdict_get(s->store->store, host.last_verdict_id, &s->arena, &v, &s->store->fault) == HF_OK &&
	       v.release != HF_RELEASE_NOTHING && hf_span_equal(v.result, s->reply.message);
}

/* ---- what a host says at the end ---- */

static void capped(struct server *s, struct hf_writer *cap)
{
	struct hf_digest id;

	event(s->m, HF_TAG_CAP, hf_written(cap));
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(cap), &id), HF_OK);
	s->m->tpm.nonce = span(id.bytes, 32);
	quote(s->m, s->m->receipt, sizeof(s->m->receipt), &s->m->e.receipt, s->m->rsig, sizeof(s->m->rsig),
	      &s->m->e.receipt_signature);
}

static void close_log(struct server *s)
{
	static uint8_t cap[128];
	struct hf_writer c = { .buf = cap, .cap = sizeof(cap) };
	struct hf_digest given, quoted;

	ticket(s, 8);
	assert_int_equal(hf_digest(HF_ALG_SHA256, s->reply.message, &given), HF_OK);
	assert_int_equal(hf_digest(HF_ALG_SHA256, s->m->e.quote, &quoted), HF_OK);
	hf_cbor_put_map(&c, 3);
	hf_cbor_put_text(&c, "ticket");
	hf_cbor_put_bstr(&c, span(given.bytes, 32));
	hf_cbor_put_text(&c, "reclaim");
	hf_cbor_put_bstr(&c, s->result.reclaim);
	hf_cbor_put_text(&c, "release");
	hf_cbor_put_text(&c, "kexec");
	capped(s, &c);
	struct hf_wire_receipt_request in = { s->m->tpm.ak, span(quoted.bytes, 32), hf_written(&c), s->m->e.receipt,
					      s->m->e.receipt_signature };

	hf_wire_put_receipt_request(&body, &in);
}

static bool has_receipt(struct server *s)
{
	struct hf_verdict_record v;

	return hf_store_verdict_get(s->store->store, host_of(s).last_verdict_id, &s->arena, &v,
				    &s->store->fault) == HF_OK && v.receipt_at;
}

static void hold_itself(struct server *s)
{
	uint8_t cap[128];
	struct hf_writer c = { .buf = cap, .cap = sizeof(cap) };

	challenge(s);
	boot(s, 8);
	hf_cbor_put_map(&c, 1);
	hf_cbor_put_text(&c, "held");
	hf_cbor_put_text(&c, "recheck-changed");
	capped(s, &c);
	s->m->e.log = hf_written(&s->m->log.out);
	hf_evidence_to_cmw_cbor(&s->m->e, &body);
}

/* A challenge that cannot be looked up is none: the report is kept then, and holds nobody here. */
static enum hf_err see_report(void *self, const struct hf_verdict_record *v)
{
	*(bool *)self |= v->kind == HF_EVIDENCE_HELD;
	return HF_OK;
}

static bool has_report(struct server *s)
{
	bool found = false;

	return hf_store_verdicts(s->store->store, "host-17", 0, 10, see_report, &found, &s->store->fault) == HF_OK && found;
}

/* ---- an attestation key ---- */

static void open_credential(struct server *s)
{
	static const uint8_t secret[32] = { 7 }, id[HF_WIRE_ID] = { 9 };
	struct hf_digest digest, ek = fx_digest("ek");
	struct hf_credential_record c = {
		.id = span(id, sizeof(id)), .ak_name = span(s->m->tpm.parsed.name, 34), .ak = s->m->tpm.ak,
		.ek = hf_span_text("ek"), .ek_id = span(ek.bytes, 32), .host = "host-17",
		.until = s->store->now + 100,
	};
	struct hf_wire_activate_request in = { .id = c.id, .ak = s->m->tpm.ak, .secret = span(secret, sizeof(secret)) };

	assert_int_equal(hf_store_re_enrol(s->store->store, "host-17", c.ek_id, by(s), &s->store->fault), HF_OK);
	reclaim(s, 4);
	assert_int_equal(hf_digest(HF_ALG_SHA256, in.secret, &digest), HF_OK);
	c.secret_digest = span(digest.bytes, 32);
	assert_int_equal(hf_store_credential_put(s->store->store, &c, by(s), &s->store->fault), HF_OK);
	hf_wire_put_activate_request(&body, &in);
}

static bool is_enrolled(struct server *s)
{
	return host_of(s).ak_name.len == 34;
}

static const struct step steps[] = {
	{ "challenge", ask, hf_agent_challenge, is_open, HF_WIRE_CHALLENGED },
	{ "evidence", show, hf_agent_evidence, is_released, HF_WIRE_TICKET },
	{ "again", show_again, hf_agent_evidence, is_released, HF_WIRE_TICKET },
	{ "receipt", close_log, hf_agent_receipt, has_receipt, HF_WIRE_DONE },
	{ "held", hold_itself, hf_agent_held, has_report, HF_WIRE_DONE },
	{ "activate", open_credential, hf_agent_activate, is_enrolled, HF_WIRE_DONE },
};

static int judge_answer(struct server *s, const struct step *step)
{
	if (s->response.status == 503) {
		printf("unavailable [%s]\n", logged_cause);
		return 6;
	}
	if (s->response.status != 200 || hf_wire_get_reply(s->response.body, &s->reply)) {
		printf("no reply\n");
		return 5;
	}
	if (s->reply.kind == HF_WIRE_REFUSED) {
		decode(s, s->reply.message);
		printf("refused [%.*s]\n", (int)s->result.cause.len, (const char *)s->result.cause.ptr);
		return s->result.release == HF_RELEASE_NOTHING ? 3 : 5;
	}
	if (s->reply.kind == step->good && step->recorded(s))
		return 0;
	printf("RELEASED, or something else that nobody recorded: reply %d\n", (int)s->reply.kind);
	return 5;
}

/* What was lost is not lost for ever: the same request again, with nothing failing. */
static int ask_again(struct server *s, const struct step *step, int code)
{
	if (code != 6 || step->handle != hf_agent_evidence)
		return code;
	step->handle(&s->request, &s->response);
	return judge_answer(s, step) == (s->m->fx->nic_rule->least_method == HF_METHOD_SIGNED ? 3 : 0) ? code : 5;
}

int main(int argc, char **argv)
{
	static struct server server;
	struct server *s = &server;
	const struct step *step = steps;
	void *state = NULL;
	int code;

	if (argc != 3 || store_set_up(&state))
		return 2;
	while (strcmp(step->name, argv[1]) != 0)
		if (++step == steps + sizeof(steps) / sizeof(steps[0]))
			return 2;
	set_up(s, &state);
	step->prepare(s);
	if (strcmp(argv[2], "tampered") == 0)
		s->m->fx->nic_rule->least_method = HF_METHOD_SIGNED;
	s->request.body = hf_written(&body);
	s->request.now = s->store->now;
	logged_cause[0] = '\0';
	hf_fault_count(true);
	step->handle(&s->request, &s->response);
	hf_fault_count(false);
	code = judge_answer(s, step);
	code = ask_again(s, step, code);
	tear_down(s);
	store_tear_down(&state);
	return code;
}
