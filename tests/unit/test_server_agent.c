/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Handlers with a store: one ticket for one reclaim, a lost reply, replays, a tenant's evidence,
 * receipts, hosts that hold themselves, and what others are told. */
#include "tests/unit/judge_fixture.h"
#include "tests/unit/record_fixture.h"
#include "tests/unit/store_fixture.h"

#include "controller/server/controller.h"
#include "controller/server/drift.h"
#include "controller/server/result_jwt.h"
#include "measure/credential.h"

struct server {
	struct store_fixture *store;
	struct hf_controller controller;
	struct hf_policy_set policy;
	struct made *m;
	struct hf_arena arena;
	struct hf_request request;
	struct hf_response response;
	struct hf_wire_reply reply;
	struct hf_result result;
	const char *slot;	/* what is different from now on: a label, and a fact in it */
	uint8_t nonce[HF_WIRE_NONCE], body[1 << 18];
};

/* ---- what the rest of holdfastd does ---- */
static void (*meanwhile)(void);	/* what happens elsewhere while this controller judges; once */

struct hf_policy_set *hf_policy_take(struct hf_controller *controller)
{
	void (*now)(void) = meanwhile;

	meanwhile = NULL;
	if (now)
		now();
	return controller->policy;
}

void hf_policy_drop(struct hf_policy_set *set)
{
	(void)set;
}

static int reports;	/* of hosts that hold themselves */

void hf_tell_verdict(struct hf_controller *controller, const struct hf_verdict_record *verdict)
{
	(void)controller;
	assert_true(verdict->id > 0);	/* recorded before anybody is told */
	reports += verdict->kind == HF_EVIDENCE_HELD;
}

static char logged_cause[64];	/* of the last line that has one */

static struct { int64_t verdict; size_t total; char first[256]; } told;

void hf_tell_drift(struct hf_controller *controller, const struct hf_verdict_record *verdict,
		   const struct hf_drift *drift)
{
	(void)controller;
	told.verdict = verdict->id;
	told.total = drift->total;
	snprintf(told.first, sizeof(told.first), "%s", drift->total ? drift->lines[0] : "");
}

void hf_log_event(const char *level, const char *event_name, ...)
{
	va_list args;
	const char *name;

	(void)level;
	(void)event_name;
	va_start(args, event_name);
	while ((name = va_arg(args, const char *))) {
		const char *value = va_arg(args, const char *);

		if (strcmp(name, "cause") == 0)
			snprintf(logged_cause, sizeof(logged_cause), "%s", value);
	}
	va_end(args);
}

/* ---- a host in the store ---- */

static const struct hf_by *by(struct server *s)
{
	return store_by(s->store);
}

static struct hf_span span(const uint8_t *p, size_t n)
{
	return (struct hf_span){ p, n };
}

static void reclaim(struct server *s, uint8_t number)
{
	uint8_t id[HF_WIRE_ID] = { number };

	assert_int_equal(hf_store_reclaim(s->store->store, "host-17", "L", NULL, span(id, 16), by(s),
					  &s->store->fault), HF_OK);
}

static void enrol(struct server *s)
{
	const struct hf_inventory inventory = { .id = "host-17", .model = "acme-one",
						.first_use_until = s->store->now + 1000 };
	struct hf_digest secret = fx_digest("secret"), ek = fx_digest("ek");
	const struct hf_credential_record credential = {
		.id = span(the_reclaim, 16), .ak_name = span(s->m->tpm.parsed.name, 34), .ak = s->m->tpm.ak,
		.ek = hf_span_text("ek"), .secret_digest = span(secret.bytes, 32), .ek_id = span(ek.bytes, 32),
		.host = "host-17", .until = s->store->now + 100,
	};
	struct hf_host_record host;
	size_t count;

	assert_int_equal(hf_store_import(s->store->store, &inventory, 1, by(s), &count, &s->store->fault), HF_OK);
	reclaim(s, 1);
	assert_int_equal(hf_store_credential_put(s->store->store, &credential, by(s), &s->store->fault), HF_OK);
	assert_int_equal(hf_store_enrol(s->store->store, credential.id, credential.ak_name,
					credential.secret_digest, by(s), &s->store->arena, &host,
					&s->store->fault), HF_OK);
}

/* ---- requests ---- */

/* What fuzz_server_agent begins with; routes as in hf_agent_routes. */
static struct agent_world world_of(struct server *s, enum agent_flag flags, uint8_t route, struct hf_span body)
{
	return (struct agent_world){
		.route = route, .flags = (uint8_t)(AGENT_ENROLLED | AGENT_RECLAIMED | AGENT_KEY | flags),
		.nonce = span(s->nonce, sizeof(s->nonce)), .boot_key = span(s->m->boot_id.bytes, 32), .ak = s->m->tpm.ak,
		.body = body,
	};
}

static void send(struct server *s, hf_handler handle, struct hf_span body)
{
	s->request.body = body;
	s->request.now = s->store->now;
	memset(&s->response, 0xaa, sizeof(s->response));
	handle(&s->request, &s->response);
	assert_int_equal(s->response.status, 200);
	assert_int_equal(hf_wire_get_reply(s->response.body, &s->reply), HF_OK);
}

static void decode(struct server *s, struct hf_span message)
{
	struct hf_span payload;

	assert_int_equal(hf_statement_verify(s->controller.ticket_key, HF_RESULT_TYPE, message, &payload), HF_OK);
	assert_int_equal(hf_result_decode(payload, &s->arena, &s->result), HF_OK);
}

static void challenge(struct server *s)
{
	uint8_t bytes[1024];
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
	struct hf_wire_challenge_request in = { s->m->tpm.ak, hf_span_text("0.4.0") };
	struct hf_challenge c;
	struct hf_span payload;

	hf_wire_put_challenge_request(&w, &in);
	record_request("challenge", world_of(s, 0, 0, hf_written(&w)));
	send(s, hf_agent_challenge, hf_written(&w));
	assert_int_equal(s->reply.kind, HF_WIRE_CHALLENGED);
	assert_int_equal(hf_statement_verify(s->controller.ticket_key, HF_WIRE_CHALLENGE_TYPE, s->reply.message,
					     &payload), HF_OK);
	assert_int_equal(hf_wire_get_challenge(payload, &c), HF_OK);
	memcpy(s->nonce, c.nonce.ptr, sizeof(s->nonce));
}

/* The same host boots with this nonce: the key stays. */
static void boot(struct server *s, uint32_t reset_count)
{
	struct boot_case c = controller_case();
	struct made *old = s->m, *m;
	struct fixture *fx = fx_new();

	c.nonce = span(s->nonce, sizeof(s->nonce));
	if (s->slot) {
		fx_text(fx, fx->card, NULL, HF_MKEY_SLOT, HF_METHOD_IDENTITY, s->slot);
		fx_text(fx, fx->card, fx->card->functions, "vpd/part", HF_METHOD_IDENTITY, "another");
	}
	m = make_of(&c, fx);
	fx_tenant(m->fx, "debian");
	if (old) {
		EVP_PKEY_free(m->tpm.key);
		m->tpm = old->tpm;
		EVP_PKEY_up_ref(m->tpm.key);
		m->tpm.ak.ptr = m->tpm.public_area;
		m->e.ak = m->tpm.ak;
		drop(old);
	}
	m->tpm.reset_count = reset_count;
	m->tpm.nonce = c.nonce;
	quote(m, m->quote, sizeof(m->quote), &m->e.quote, m->sig, sizeof(m->sig), &m->e.signature);
	assert_int_equal(hf_arena_copy(&m->fx->arena, c.nonce, &m->e.nonce), HF_OK);
	m->tpm.nonce = m->e.nonce;
	s->m = m;
	s->policy.manifests = m->fx->manifests;
	memcpy(s->request.client_key.bytes, m->boot_id.bytes, 32);
}

static void evidence(struct server *s, enum hf_wire_kind kind)
{
	struct hf_writer w = { .buf = s->body, .cap = sizeof(s->body) };

	hf_evidence_to_cmw_cbor(&s->m->e, &w);
	assert_false(w.full);
	record_request("evidence", world_of(s, AGENT_CHALLENGED, 3, hf_written(&w)));
	send(s, hf_agent_evidence, hf_written(&w));
	assert_int_equal(s->reply.kind, kind);
	decode(s, s->reply.message);
}

static void refused(struct server *s, enum hf_err cause)
{
	evidence(s, HF_WIRE_REFUSED);
	assert_true(hf_span_equal(s->result.cause, hf_span_text(hf_err_name(cause))));
	assert_int_equal(s->result.release, HF_RELEASE_NOTHING);
}

static enum hf_lease state(struct server *s)
{
	struct hf_host_record host;

	assert_int_equal(hf_store_host(s->store->store, "host-17", &s->arena, &host, &s->store->fault), HF_OK);
	return host.state;
}

static void set_up(struct server *s, void **state_)
{
	memset(s, 0, sizeof(*s));
	s->store = *state_;
	assert_int_equal(hf_arena_make(256u << 20, &s->arena), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &s->controller.ticket_key), HF_OK);
	s->controller.store = s->store->store;
	s->controller.policy = &s->policy;
	s->controller.config.ticket_seconds = 300;
	s->controller.config.challenge_seconds = 600;
	s->request = (struct hf_request){ .controller = &s->controller, .arena = &s->arena, .path = "/",
					  .host = "host-17", .has_client_key = true, .role = HF_ROLE_AGENT,
					  .client_key = { .alg = HF_ALG_SHA256 } };
	s->request.actor = "agent";
	boot(s, 7);
	enrol(s);
}

static void tear_down(struct server *s)
{
	drop(s->m);
	hf_key_free(s->controller.ticket_key);
	hf_arena_drop(&s->arena);
}

static void ticket(struct server *s, uint32_t reset_count)
{
	challenge(s);
	boot(s, reset_count);
	evidence(s, HF_WIRE_TICKET);
}

#define TEST(name) static void name(void **state_)
#define BEGIN static struct server server; struct server *s = &server; set_up(s, state_)

/* An EK as of a TPM, and the secret that its credential would hold. */
static void record_enrolment(struct server *s)
{
	static const char secret[] = "the secret that was in a box ...";
	uint8_t ek[512], body[2048];
	FILE *f = getenv("HOLDFAST_RECORD") ? fopen("tests/fuzz/seeds/fuzz_ek/ecc", "rb") : NULL;
	struct hf_writer w = { .buf = body, .cap = sizeof(body) };
	struct hf_wire_enrol_request in = { .ak = s->m->tpm.ak, .ek_count = 1, .serial = hf_span_text("S1") };
	struct hf_wire_activate_request open = { s->m->tpm.ak, span(the_reclaim, 16), hf_span_text(secret) };
	struct agent_world world;
	struct hf_ek parsed;

	if (!f)
		return;
	in.eks[0].public_area = span(ek, fread(ek, 1, sizeof(ek), f));
	fclose(f);
	assert_int_equal(hf_ek_parse(in.eks[0].public_area, &parsed), HF_OK);
	hf_wire_put_enrol_request(&w, &in);
	world = world_of(s, 0, 1, hf_written(&w));
	world.flags &= (uint8_t)~AGENT_ENROLLED;
	world.ek_id = span(parsed.id.bytes, 32);
	record_request("enrol", world);
	w.len = 0;
	hf_wire_put_activate_request(&w, &open);
	world.flags |= AGENT_CREDENTIAL;
	world.route = 2;
	world.credential = open.id;
	world.secret = open.secret;
	world.body = hf_written(&w);
	record_request("activate", world);
}

TEST(a_ticket)
{
	BEGIN;
	record_enrolment(s);
	ticket(s, 8);
	assert_int_equal(s->result.status, HF_EAR_AFFIRMING);
	assert_int_equal(s->result.release, HF_RELEASE_TENANT);
	assert_int_equal(s->result.image_count, 1);
	assert_true(hf_span_equal(s->result.images[0].name, hf_span_text("debian")));
	assert_int_equal(s->result.seconds, 300);
	assert_int_equal(s->result.generation, 7);
	assert_int_equal(state(s), HF_LEASE_IN_USE);
	tear_down(s);
}

TEST(a_lost_reply_is_sent_again)
{
	BEGIN;
	uint8_t first[HF_WIRE_REPLY_MAX];
	size_t len;

	ticket(s, 8);
	len = s->response.body.len;
	memcpy(first, s->response.body.ptr, len);
	s->store->now += 5000;		/* whenever */
	evidence(s, HF_WIRE_TICKET);
	assert_true(hf_span_equal(span(first, len), s->response.body));
	s->request.client_key.bytes[0] ^= 1;	/* to him alone */
	refused(s, HF_ERR_BOOT_KEY_OTHER);
	tear_down(s);
}

/* What an operator did since counts, whatever was answered before. */
TEST(a_lost_reply_is_not_sent_again_after_a_hold_or_a_reclaim)
{
	BEGIN;
	ticket(s, 8);
	assert_int_equal(hf_store_hold(s->store->store, "host-17", "smoke", by(s), &s->store->fault), HF_OK);
	refused(s, HF_ERR_STATE_CHANGED);
	assert_int_equal(state(s), HF_LEASE_HELD);
	reclaim(s, 2);
	refused(s, HF_ERR_STATE_CHANGED);	/* the ticket of the lease before */
	assert_int_equal(state(s), HF_LEASE_RECLAIMED);
	tear_down(s);
}

TEST(another_quote_under_the_same_nonce)
{
	BEGIN;
	ticket(s, 8);
	boot(s, 9);
	refused(s, HF_ERR_NONCE_USED);
	tear_down(s);
}

TEST(late_and_unknown_and_older_challenges)
{
	BEGIN;
	challenge(s);
	boot(s, 8);
	s->store->now += 601;
	refused(s, HF_ERR_NONCE_EXPIRED);
	s->store->now -= 601;
	memset(s->nonce, 1, sizeof(s->nonce));
	boot(s, 8);
	refused(s, HF_ERR_NONCE_UNKNOWN);
	challenge(s);
	boot(s, 8);
	challenge(s);
	reclaim(s, 2);	/* the evidence at hand answers a challenge of the former lease */
	challenge(s);
	refused(s, HF_ERR_STATE_CHANGED);
	assert_int_equal(state(s), HF_LEASE_CHALLENGED);
	tear_down(s);
}

/* Its key is no secret: whoever has seen it asks in its name, with a boot key of his own. */
TEST(a_stranger_who_asks_is_in_nobodys_way)
{
	BEGIN;
	uint8_t first[HF_WIRE_REPLY_MAX];
	struct hf_digest key;
	size_t len;

	challenge(s);
	boot(s, 8);
	key = s->request.client_key;
	for (int i = 0; i < 40; i++) {
		s->request.client_key.bytes[0] ^= 0x55;
		challenge(s);
		s->request.client_key = key;
	}
	evidence(s, HF_WIRE_TICKET);
	len = s->response.body.len;
	memcpy(first, s->response.body.ptr, len);
	evidence(s, HF_WIRE_TICKET);	/* and a lost reply is sent again */
	assert_true(hf_span_equal(span(first, len), s->response.body));
	tear_down(s);
}

struct entries { const char *action, *actor; int count; };

static enum hf_err see_entry(void *self, const struct hf_audit_entry *entry)
{
	struct entries *e = self;

	e->count += strcmp(entry->action, e->action) == 0 && strcmp(entry->actor, e->actor) == 0;
	return HF_OK;
}

static int entries(struct server *s, const char *action, const char *actor)
{
	struct entries e = { action, actor, 0 };

	assert_int_equal(hf_store_audit_newest(s->store->store, "host-17", 0, 1000, see_entry, &e, &s->store->fault),
			 HF_OK);
	return e.count;
}

/* It is in the audit, of an agent and not of the host, and not once for each time. */
TEST(unsigned_evidence_does_not_fill_the_audit)
{
	BEGIN;
	challenge(s);
	boot(s, 8);
	s->m->sig[20] ^= 1;
	for (int i = 0; i < HF_STORE_OFTEN_MAX + 5; i++)
		refused(s, HF_ERR_QUOTE_SIGNATURE);
	assert_int_equal(entries(s, "evidence-refused", "agent"), HF_STORE_OFTEN_MAX);
	assert_int_equal(entries(s, "evidence-refused", "host:host-17"), 0);
	assert_int_equal(entries(s, "challenge", "agent"), 1);
	tear_down(s);
}

/* Who shows a key has shown nothing: what the operator said and for whom the host is, is not for him. */
TEST(refusals_tell_a_stranger_nothing)
{
	BEGIN;
	uint8_t bytes[1024];
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
	struct hf_wire_challenge_request in = { .agent = hf_span_text("0.4.0") };

	challenge(s);
	boot(s, 8);
	s->m->sig[20] ^= 1;
	refused(s, HF_ERR_QUOTE_SIGNATURE);
	assert_int_equal(s->result.lease.len, 0);
	assert_int_equal(hf_store_hold(s->store->store, "host-17", "the tenant is a suspect", by(s), &s->store->fault),
			 HF_OK);
	in.ak = s->m->tpm.ak;	/* of the boot that there is now */
	hf_wire_put_challenge_request(&w, &in);
	send(s, hf_agent_challenge, hf_written(&w));
	assert_int_equal(s->reply.kind, HF_WIRE_REFUSED);
	decode(s, s->reply.message);
	assert_true(hf_span_equal(s->result.cause, hf_span_text("held-by-operator")));
	assert_int_equal(s->result.lease.len, 0);
	assert_null(memmem(s->response.body.ptr, s->response.body.len, "suspect", 7));
	assert_null(memmem(s->response.body.ptr, s->response.body.len, "token:", 6));
	tear_down(s);
}

/* ---- two controllers, one database: the other one works while this one judges ---- */

static struct server *racing;
static struct hf_store *other_store;
static uint8_t other_reply[HF_WIRE_REPLY_MAX];
static size_t other_len;

static void same_evidence(void)
{
	struct hf_controller there = racing->controller;
	struct hf_request request = racing->request;
	struct hf_response response;

	there.store = other_store;
	request.controller = &there;
	hf_agent_evidence(&request, &response);
	other_len = response.body.len;
	memcpy(other_reply, response.body.ptr, other_len);
}

static void report_of_this_boot(void)
{
	struct hf_verdict_record v = store_verdict(racing->store, "host-17", 0, 1, 0);
	struct hf_fault fault;

	v.kind = HF_EVIDENCE_HELD;
	v.release = HF_RELEASE_NOTHING;
	v.reset_count = 8;
	assert_int_equal(hf_store_verdict(other_store, &v, by(racing), &fault), HF_OK);
}

static void race_with(struct server *s, void (*what)(void))
{
	racing = s;
	assert_int_equal(hf_store_open(s->store->url, 1, &other_store, &s->store->fault), HF_OK);
	challenge(s);
	boot(s, 8);
	meanwhile = what;
}

static enum hf_err count_ticket(void *self, const struct hf_verdict_record *v)
{
	*(int *)self += v->release != HF_RELEASE_NOTHING;
	return HF_OK;
}

static int tickets(struct server *s)
{
	int count = 0;

	assert_int_equal(hf_store_verdicts(s->store->store, "host-17", 0, 100, count_ticket, &count, &s->store->fault),
			 HF_OK);
	return count;
}

TEST(the_same_evidence_at_two_controllers_at_once)
{
	BEGIN;
	int before = tickets(s);

	race_with(s, same_evidence);
	evidence(s, HF_WIRE_TICKET);
	assert_true(hf_span_equal(span(other_reply, other_len), s->response.body));	/* the very same ticket */
	assert_int_equal(tickets(s) - before, 1);
	assert_int_equal(state(s), HF_LEASE_IN_USE);
	hf_store_close(other_store);
	tear_down(s);
}

TEST(other_evidence_of_this_boot_comes_first)
{
	BEGIN;
	int before = tickets(s);

	race_with(s, report_of_this_boot);
	refused(s, HF_ERR_RESET_COUNT);
	assert_int_equal(tickets(s) - before, 0);
	assert_int_equal(state(s), HF_LEASE_HELD);	/* it is a verdict: recorded */
	refused(s, HF_ERR_RESET_COUNT);			/* and said again */
	hf_store_close(other_store);
	tear_down(s);
}

static void the_operator_holds_it(void)
{
	struct hf_fault fault;

	assert_int_equal(hf_store_hold(other_store, "host-17", "", by(racing), &fault), HF_OK);
}

TEST(the_operator_comes_first)
{
	BEGIN;
	race_with(s, the_operator_holds_it);
	refused(s, HF_ERR_STATE_CHANGED);
	assert_int_equal(state(s), HF_LEASE_HELD);
	hf_store_close(other_store);
	tear_down(s);
}

TEST(a_refusal_holds_the_host)
{
	BEGIN;
	challenge(s);
	boot(s, 8);
	s->m->fx->nic_rule->least_method = HF_METHOD_SIGNED;
	refused(s, HF_ERR_METHOD_TOO_WEAK);
	assert_int_equal(state(s), HF_LEASE_HELD);
	refused(s, HF_ERR_METHOD_TOO_WEAK);	/* asked again: the same */
	tear_down(s);
}

/* Anybody could have sent it: it is refused, and the host is as before. */
TEST(unsigned_evidence_changes_nothing)
{
	BEGIN;
	challenge(s);
	boot(s, 8);
	s->m->sig[20] ^= 1;
	refused(s, HF_ERR_QUOTE_SIGNATURE);
	assert_int_equal(state(s), HF_LEASE_CHALLENGED);
	s->m->sig[20] ^= 1;
	evidence(s, HF_WIRE_TICKET);
	tear_down(s);
}

TEST(reset_count_over_reclaims)
{
	BEGIN;
	ticket(s, 8);
	reclaim(s, 2);
	challenge(s);
	boot(s, 8);
	refused(s, HF_ERR_RESET_COUNT);
	reclaim(s, 3);
	ticket(s, 9);
	tear_down(s);
}

TEST(evidence_of_a_tenant)
{
	BEGIN;
	ticket(s, 8);
	challenge(s);
	boot(s, 8);
	refused(s, HF_ERR_HOST_IN_USE);
	assert_int_equal(s->result.kind, HF_EVIDENCE_TENANT);
	assert_int_equal(state(s), HF_LEASE_IN_USE);
	tear_down(s);
}

/* Whoever asks for JSON gets the same, signed by the same key. */
static void ask_jwt(struct server *s)
{
	uint8_t *again = hf_arena_take(&s->arena, HF_RESULT_JWT_MAX);
	struct hf_writer w = { .buf = again, .cap = HF_RESULT_JWT_MAX };
	size_t signed_len = 0;

	s->request.accept = HF_RESULT_JWT_TYPE;
	hf_api_result(&s->request, &s->response);
	s->request.accept = NULL;
	assert_int_equal(s->response.status, 200);
	assert_string_equal(s->response.content_type, HF_RESULT_JWT_TYPE);
	assert_int_equal(hf_result_to_jwt(&s->result, s->controller.ticket_key, &w), HF_OK);
	for (size_t i = 0; i < w.len; i++)
		if (again[i] == '.')
			signed_len = i;		/* what follows is the signature, made anew */
	assert_int_equal(s->response.body.len, w.len);
	assert_memory_equal(s->response.body.ptr, again, signed_len);
}

static void ask_result(struct server *s)
{
	s->request.accept = "application/json";	/* not known: as without */
	hf_api_result(&s->request, &s->response);
	assert_int_equal(s->response.status, 200);
	assert_string_equal(s->response.content_type, HF_RESULT_TYPE);
	decode(s, s->response.body);
	assert_int_equal(s->result.release, HF_RELEASE_NOTHING);	/* never a ticket */
	ask_jwt(s);
}

TEST(what_others_are_told)
{
	BEGIN;
	ask_result(s);
	assert_int_equal(s->result.status, HF_EAR_NONE);
	ticket(s, 8);
	ask_result(s);
	assert_int_equal(s->result.status, HF_EAR_AFFIRMING);
	reclaim(s, 2);
	ask_result(s);
	assert_int_equal(s->result.status, HF_EAR_NONE);
	challenge(s);
	boot(s, 9);
	s->m->fx->nic_rule->least_method = HF_METHOD_SIGNED;
	refused(s, HF_ERR_METHOD_TOO_WEAK);
	ask_result(s);
	assert_int_equal(s->result.status, HF_EAR_CONTRAINDICATED);
	assert_true(hf_span_equal(s->result.cause, hf_span_text("method-too-weak")));
	assert_int_equal(hf_store_hold(s->store->store, "host-17", "why", by(s), &s->store->fault), HF_OK);
	ask_result(s);
	assert_int_equal(s->result.status, HF_EAR_CONTRAINDICATED);
	assert_true(hf_span_equal(s->result.cause, hf_span_text("held-by-operator")));
	s->request.host = "nobody";
	ask_result(s);
	assert_int_equal(s->result.status, HF_EAR_NONE);
	assert_true(hf_span_equal(s->result.cause, hf_span_text("host-unknown")));
	tear_down(s);
}

TEST(a_receipt)
{
	BEGIN;
	struct hf_digest given, quoted, cap_id;
	struct agent_world world;
	uint8_t cap[128], body[4096];
	struct hf_writer c = { .buf = cap, .cap = sizeof(cap) }, w = { .buf = body, .cap = sizeof(body) };

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
	event(s->m, HF_TAG_CAP, hf_written(&c));
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&c), &cap_id), HF_OK);
	s->m->tpm.nonce = span(cap_id.bytes, 32);
	quote(s->m, s->m->receipt, sizeof(s->m->receipt), &s->m->e.receipt, s->m->rsig, sizeof(s->m->rsig),
	      &s->m->e.receipt_signature);
	struct hf_wire_receipt_request in = { s->m->tpm.ak, span(quoted.bytes, 32), hf_written(&c),
					      s->m->e.receipt, s->m->e.receipt_signature };

	hf_wire_put_receipt_request(&w, &in);
	world = world_of(s, AGENT_CHALLENGED | AGENT_TICKETED, 4, hf_written(&w));
	world.quote = span(quoted.bytes, 32);
	world.ticket = s->reply.message;
	world.evidence = s->request.body;	/* what the ticket was for */
	world.reset_count = 8;
	world.restart_count = 0;	/* tpm_fixture.h */
	record_request("receipt", world);
	w.len = 0;

	s->request.has_client_key = false;	/* it died with CAP */
	s->m->rsig[20] ^= 1;
	hf_wire_put_receipt_request(&w, &in);
	send(s, hf_agent_receipt, hf_written(&w));
	assert_int_equal(s->reply.kind, HF_WIRE_REFUSED);
	s->m->rsig[20] ^= 1;
	w.len = 0;
	hf_wire_put_receipt_request(&w, &in);
	send(s, hf_agent_receipt, hf_written(&w));
	assert_int_equal(s->reply.kind, HF_WIRE_DONE);
	ask_result(s);
	assert_true(hf_span_equal(s->result.detail, hf_span_text("released, receipt came")));
	tear_down(s);
}

/* Told, and no reason to refuse. */
TEST(drift)
{
	BEGIN;
	ticket(s, 8);
	reclaim(s, 2);
	assert_int_equal(told.total, 0);
	s->slot = "33";
	ticket(s, 9);
	assert_true(told.total > 0 && told.verdict > 0);
	assert_memory_equal(told.first, "PCIe slot 33 changed since the boot of ", 39);
	hf_api_drift(&s->request, &s->response);
	assert_int_equal(s->response.status, 200);
	const char *text = (const char *)s->response.body.ptr;

	assert_non_null(strstr(text, "PCIe slot 33 changed since the boot of 2027-01-15, lease L: vpd/part: "
			       "measurement appeared"));
	tear_down(s);
}

static void held_report(struct server *s)
{
	reports = 0;
	uint8_t cap[128];
	struct hf_writer c = { .buf = cap, .cap = sizeof(cap) };
	struct hf_writer w = { .buf = s->body, .cap = sizeof(s->body) };
	struct hf_digest id;

	hf_cbor_put_map(&c, 1);
	hf_cbor_put_text(&c, "held");
	hf_cbor_put_text(&c, "recheck-changed");
	event(s->m, HF_TAG_CAP, hf_written(&c));
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&c), &id), HF_OK);
	s->m->tpm.nonce = span(id.bytes, 32);
	quote(s->m, s->m->receipt, sizeof(s->m->receipt), &s->m->e.receipt, s->m->rsig, sizeof(s->m->rsig),
	      &s->m->e.receipt_signature);
	s->m->e.log = hf_written(&s->m->log.out);
	hf_evidence_to_cmw_cbor(&s->m->e, &w);
	record_request("held", world_of(s, AGENT_CHALLENGED, 5, hf_written(&w)));
	s->request.has_client_key = false;
	send(s, hf_agent_held, hf_written(&w));
	assert_int_equal(s->reply.kind, HF_WIRE_DONE);
	for (int i = 0; i < 3; i++) {	/* again, and in other wrappings: nothing new, and nobody is told */
		s->m->e.verdict = hf_span_text(i ? "{}" : "");
		s->m->e.nonce.len = i == 2 ? 0 : s->m->e.nonce.len;
		w.len = 0;
		hf_evidence_to_cmw_cbor(&s->m->e, &w);
		send(s, hf_agent_held, hf_written(&w));
		assert_int_equal(s->reply.kind, HF_WIRE_DONE);
	}
	assert_int_equal(reports, 1);
}

TEST(a_host_that_holds_itself_after_its_challenge)
{
	BEGIN;
	challenge(s);
	boot(s, 8);
	held_report(s);
	assert_int_equal(state(s), HF_LEASE_HELD);
	tear_down(s);
}

/* A tenant of an earlier lease has the boot key and a report of a boot of his: asking with that key
 * and answering with that report, he would hold the host. */
TEST(a_report_of_an_earlier_boot_answers_no_challenge)
{
	BEGIN;
	ticket(s, 8);
	held_report(s);
	reclaim(s, 2);
	s->request.has_client_key = true;
	challenge(s);
	assert_int_equal(hf_arena_copy(&s->m->fx->arena, span(s->nonce, sizeof(s->nonce)), &s->m->e.nonce), HF_OK);
	struct hf_writer w = { .buf = s->body, .cap = sizeof(s->body) };

	hf_evidence_to_cmw_cbor(&s->m->e, &w);
	send(s, hf_agent_held, hf_written(&w));
	assert_int_equal(s->reply.kind, HF_WIRE_DONE);
	assert_int_equal(state(s), HF_LEASE_CHALLENGED);
	tear_down(s);
}

TEST(a_host_that_holds_itself_after_its_ticket)
{
	BEGIN;
	ticket(s, 8);
	held_report(s);
	assert_int_equal(state(s), HF_LEASE_IN_USE);
	tear_down(s);
}

#define STORED(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORED(a_ticket), STORED(a_lost_reply_is_sent_again),
		STORED(a_lost_reply_is_not_sent_again_after_a_hold_or_a_reclaim), STORED(another_quote_under_the_same_nonce),
		STORED(late_and_unknown_and_older_challenges), STORED(a_refusal_holds_the_host),
		STORED(a_stranger_who_asks_is_in_nobodys_way), STORED(unsigned_evidence_does_not_fill_the_audit),
		STORED(refusals_tell_a_stranger_nothing), STORED(the_same_evidence_at_two_controllers_at_once),
		STORED(other_evidence_of_this_boot_comes_first), STORED(the_operator_comes_first),
		STORED(unsigned_evidence_changes_nothing), STORED(reset_count_over_reclaims),
		STORED(evidence_of_a_tenant), STORED(what_others_are_told), STORED(drift), STORED(a_receipt),
		STORED(a_host_that_holds_itself_after_its_challenge),
		STORED(a_report_of_an_earlier_boot_answers_no_challenge),
		STORED(a_host_that_holds_itself_after_its_ticket),
	};

	cmocka_set_test_filter(getenv("HOLDFAST_TEST_ONLY"));	/* each has a host of the same name */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
