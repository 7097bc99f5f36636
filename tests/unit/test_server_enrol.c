/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Enrolment from end to end: real TPMs, the agent's side, the handlers, a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/tpm.h"
#include "controller/server/controller.h"
#include "controller/server/ek_chain.h"
#include "controller/server/enrol.h"
#include "measure/key.h"
#include "measure/wire.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/swtpm_fixture.h"

struct host {			/* one machine */
	struct swtpm swtpm;
	struct hf_tpm *tpm;
	struct hf_tpm_ek eks[HF_TPM_EKS_MAX];
	struct hf_ek ids[HF_TPM_EKS_MAX];
	size_t count;
	uint8_t ak_buf[HF_ATTEST_MAX];
	struct hf_span ak;
};

static struct store_fixture *store;
static struct hf_controller controller;
static struct hf_policy_set policy;
static struct hf_arena arena;
static struct hf_request request;
static struct hf_response response;
static struct hf_wire_reply reply;
static struct hf_result result;
static struct hf_fault fault;
static struct host a, b;
static char last_detail[256];

/* ---- what the rest of holdfastd does ---- */
struct hf_policy_set *hf_policy_take(struct hf_controller *c)
{
	return c->policy;
}

void hf_policy_drop(struct hf_policy_set *set)
{
	assert_ptr_equal(set, &policy);
}

void hf_log_event(const char *level, const char *event_name, ...)
{
	assert_non_null(level);
	assert_non_null(event_name);
}

/* ---- machines ---- */

static void boot(struct host *h)
{
	struct hf_writer w = { .buf = h->ak_buf, .cap = sizeof(h->ak_buf) };

	assert_int_equal(hf_tpm_open(h->swtpm.conf, &h->tpm, &fault), HF_OK);
	assert_int_equal(hf_tpm_eks(h->tpm, &arena, h->eks, &h->count, &fault), HF_OK);
	assert_int_equal(hf_tpm_ak(h->tpm, &w, &fault), HF_OK);
	h->ak = hf_written(&w);
	for (size_t i = 0; i < h->count; i++)
		assert_int_equal(hf_ek_parse(h->eks[i].public_area, &h->ids[i]), HF_OK);
}

static void read_roots(const struct host *h)
{
	char path[128];
	size_t count;

	snprintf(path, sizeof(path), "%s/ca/roots", h->swtpm.dir);
	hf_ek_roots_free(policy.ek_roots);
	policy.ek_roots = NULL;
	assert_int_equal(hf_ek_roots_read(path, &policy.ek_roots, &count, &fault), HF_OK);
	assert_int_equal(count, 2);
}

static int start(void **state)
{
	setenv("TSS2_LOG", "all+NONE", 1);
	memset(&controller, 0, sizeof(controller));
	memset(&policy, 0, sizeof(policy));
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (store_set_up(state) || hf_arena_make(64u << 20, &arena))
		return -1;
	store = *state;
	/* swtpm's maker dates certificates from now on. */
	store->now = (int64_t)time(NULL) + 86400;
	controller.store = store->store;
	controller.policy = &policy;
	controller.config.challenge_seconds = 600;
	request = (struct hf_request){ .controller = &controller, .arena = &arena, .path = "/", .has_client_key = true,
				       .role = HF_ROLE_AGENT, .actor = "agent" };
	return hf_key_generate(HF_COSE_ES256, &controller.ticket_key) ? -1 : 0;
}

static int delivered(void **state)
{
	if (start(state))
		return -1;
	swtpm_delivered(&a.swtpm, 0);
	boot(&a);
	read_roots(&a);
	return 0;
}

static int bare(void **state)
{
	if (start(state))
		return -1;
	swtpm_bare(&a.swtpm);
	boot(&a);
	return 0;
}

static int stop(void **state)
{
	hf_tpm_close(a.tpm);
	hf_tpm_close(b.tpm);
	swtpm_drop(&a.swtpm);
	swtpm_drop(&b.swtpm);
	hf_ek_roots_free(policy.ek_roots);
	hf_key_free(controller.ticket_key);
	hf_arena_drop(&arena);
	return store_tear_down(state);
}

/* ---- the inventory ---- */

static void import(struct hf_inventory in)
{
	size_t added;

	assert_int_equal(hf_store_import(store->store, &in, 1, store_by(store), &added, &fault), HF_OK);
}

static struct hf_span id_of(const struct host *h, size_t i)
{
	return (struct hf_span){ h->ids[i].id.bytes, 32 };
}

static void reclaim(const char *id)
{
	static uint8_t number;
	uint8_t bytes[HF_WIRE_ID] = { ++number };

	assert_int_equal(hf_store_reclaim(store->store, id, "L", NULL, (struct hf_span){ bytes, sizeof(bytes) },
					  store_by(store), &fault), HF_OK);
}

static void ours(const struct host *h, size_t i)
{
	import((struct hf_inventory){ .id = "host-1", .ek_id = id_of(h, i), .model = "m" });
	reclaim("host-1");
}

/* ---- the conversation ---- */

static void ask(hf_handler handle, struct hf_span body)
{
	request.body = body;
	request.now = store->now;
	memset(&response, 0xaa, sizeof(response));
	handle(&request, &response);
	assert_int_equal(response.status, 200);
	assert_string_equal(response.content_type, HF_WIRE_TYPE);
	assert_int_equal(hf_wire_get_reply(response.body, &reply), HF_OK);
}

static void was_refused(enum hf_err cause, const char *words)
{
	struct hf_span payload;

	assert_int_equal(reply.kind, HF_WIRE_REFUSED);
	assert_int_equal(hf_statement_verify(controller.ticket_key, HF_RESULT_TYPE, reply.message, &payload), HF_OK);
	assert_int_equal(hf_result_decode(payload, &arena, &result), HF_OK);
	snprintf(last_detail, sizeof(last_detail), "%.*s", (int)result.detail.len, (const char *)result.detail.ptr);
	if (!hf_span_equal(result.cause, hf_span_text(hf_err_name(cause))))
		fail_msg("%.*s: %s", (int)result.cause.len, (const char *)result.cause.ptr, last_detail);
	if (!strstr(last_detail, words))
		fail_msg("\"%s\" does not say: %s", last_detail, words);
	assert_int_equal(result.release, HF_RELEASE_NOTHING);
	assert_int_equal(result.host.len, 0);		/* who asks has proven nothing */
}

static struct hf_wire_enrol_request request_of(const struct host *h)
{
	struct hf_wire_enrol_request in = { .ak = h->ak, .ek_count = h->count };

	for (size_t i = 0; i < h->count; i++)
		in.eks[i] = (struct hf_wire_ek){ h->eks[i].public_area, h->eks[i].certificate };
	return in;
}

static void send_enrol(const struct hf_wire_enrol_request *in)
{
	struct hf_writer w = { .buf = hf_arena_take(&arena, HF_WIRE_REQUEST_MAX), .cap = HF_WIRE_REQUEST_MAX };

	hf_wire_put_enrol_request(&w, in);
	assert_false(w.full);
	ask(hf_agent_enrol, hf_written(&w));
}

static void enrol(const struct host *h, const char *serial)
{
	struct hf_wire_enrol_request in = request_of(h);

	if (serial)
		in.serial = hf_span_text(serial);
	send_enrol(&in);
}

static void send_secret(struct hf_span ak, struct hf_span id, struct hf_span secret)
{
	struct hf_wire_activate_request in = { ak, id, secret };
	struct hf_writer w = { .buf = hf_arena_take(&arena, HF_WIRE_REQUEST_MAX), .cap = HF_WIRE_REQUEST_MAX };

	hf_wire_put_activate_request(&w, &in);
	ask(hf_agent_activate, hf_written(&w));
}

/* Opens what the last reply has, in that TPM. */
static enum hf_err open_with(struct host *h, uint8_t secret[static 32])
{
	struct hf_writer w = { .buf = secret, .cap = 32 };
	enum hf_err err = hf_tpm_activate(h->tpm, &h->eks[reply.ek], reply.credential, reply.encrypted_secret, &w,
					  &fault);

	if (!err)
		assert_int_equal(w.len, 32);
	return err;
}

static void activates(struct host *h, size_t ek)
{
	uint8_t secret[32];
	struct hf_span id;

	assert_int_equal(reply.kind, HF_WIRE_CREDENTIAL);
	assert_int_equal(reply.ek, ek);
	assert_int_equal(reply.id.len, HF_WIRE_ID);
	assert_int_equal(hf_arena_copy(&arena, reply.id, &id), HF_OK);
	assert_int_equal(open_with(h, secret), HF_OK);
	send_secret(h->ak, id, (struct hf_span){ secret, 32 });
	assert_int_equal(reply.kind, HF_WIRE_DONE);
	send_secret(h->ak, id, (struct hf_span){ secret, 32 });		/* once */
	was_refused(HF_ERR_NONCE_UNKNOWN, "");
}

static struct hf_host_record record(const char *id)
{
	struct hf_host_record r;

	assert_int_equal(hf_store_host(store->store, id, &arena, &r, &fault), HF_OK);
	return r;
}

static void not_enrolled(const char *id)
{
	assert_int_equal(record(id).ak_name.len, 0);
}

static void enrolled_as(const struct host *h, const char *id, size_t ek)
{
	struct hf_host_record r = record(id);
	struct hf_ak ak;

	assert_int_equal(hf_ak_parse(h->ak, &ak), HF_OK);
	assert_true(hf_span_equal(r.ak_name, (struct hf_span){ ak.name, 34 }));
	assert_true(hf_span_equal(r.ak, h->ak));
	assert_true(hf_span_equal(r.ek, h->eks[ek].public_area));
	assert_true(hf_span_equal(r.inventory.ek_id, id_of(h, ek)));
	assert_int_equal(r.enrolled, store->now);
}

/* ---- what must work ---- */

static void test_rsa(void **state)
{
	(void)state;
	assert_string_equal(a.eks[1].name, "L-1");
	ours(&a, 1);
	enrol(&a, NULL);
	activates(&a, 1);
	enrolled_as(&a, "host-1", 1);
	enrol(&a, NULL);		/* the reply was lost: again, the same key */
	activates(&a, 1);
}

static void test_ecc(void **state)
{
	(void)state;
	assert_string_equal(a.eks[0].name, "H-3");
	ours(&a, 0);
	enrol(&a, NULL);
	activates(&a, 0);
	enrolled_as(&a, "host-1", 0);
}

static void test_no_certificates(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		import((struct hf_inventory){ .id = "host-1", .ek_id = id_of(&a, i), .model = "m" });
		reclaim("host-1");
		enrol(&a, NULL);
		was_refused(HF_ERR_EK_CHAIN, "no manufacturers' certificates are configured");
		import((struct hf_inventory){ .id = "host-1", .ek_id = id_of(&a, i), .model = "m", .ek_accepted = true });
		enrol(&a, NULL);
		activates(&a, i);
		enrolled_as(&a, "host-1", i);
		assert_int_equal(hf_store_remove(store->store, "host-1", store_by(store), &fault), HF_OK);
	}
}

static void test_first_use(void **state)
{
	(void)state;
	import((struct hf_inventory){ .id = "host-1", .serial = "SN1", .model = "m", .first_use_until = store->now });
	import((struct hf_inventory){ .id = "host-2", .serial = "SN2", .model = "m", .first_use_until = store->now - 1 });
	import((struct hf_inventory){ .id = "host-3", .model = "m", .first_use_until = store->now });
	enrol(&a, "SN1");
	was_refused(HF_ERR_HOST_NOT_RECLAIMED, "host reclaim");
	reclaim("host-1");
	reclaim("host-2");
	reclaim("host-3");
	enrol(&a, "SN2");
	was_refused(HF_ERR_HOST_UNKNOWN, "no host has an endorsement key of SHA-256 ");
	enrol(&a, "");
	was_refused(HF_ERR_HOST_UNKNOWN, "");
	enrol(&a, "SN1\nSN2");
	was_refused(HF_ERR_CBOR_TEXT, "");
	enrol(&a, "SN1");
	activates(&a, 0);		/* the first that its maker stands behind */
	enrolled_as(&a, "host-1", 0);
	assert_string_equal(record("host-1").inventory.serial, "SN1");
}

/* The inventory names no key, so nobody can have vouched for it. */
static void test_first_use_needs_a_maker(void **state)
{
	(void)state;
	import((struct hf_inventory){ .id = "host-1", .serial = "SN1", .model = "m", .first_use_until = store->now,
				      .ek_accepted = true });
	reclaim("host-1");
	enrol(&a, "SN1");
	was_refused(HF_ERR_EK_CHAIN, "");
	swtpm_delivered(&b.swtpm, 1);
	read_roots(&b);
	enrol(&a, "SN1");
	was_refused(HF_ERR_EK_CHAIN, "the TPM holds no certificate");
	not_enrolled("host-1");
}

static void test_two_of_one_serial(void **state)
{
	(void)state;
	import((struct hf_inventory){ .id = "host-1", .serial = "SN", .model = "m", .first_use_until = store->now });
	import((struct hf_inventory){ .id = "host-2", .serial = "SN", .model = "m", .first_use_until = store->now });
	reclaim("host-1");
	reclaim("host-2");
	enrol(&a, "SN");
	was_refused(HF_ERR_STATE_CHANGED, "several hosts");
}

/* ---- what must not ---- */

/* A genuine TPM that nobody knows, and one of ours with certificates of another maker. */
static void test_foreign(void **state)
{
	struct hf_wire_enrol_request in;

	(void)state;
	ours(&a, 1);
	swtpm_delivered(&b.swtpm, 1);
	boot(&b);
	enrol(&b, "");
	was_refused(HF_ERR_HOST_UNKNOWN, "no host has an endorsement key");
	read_roots(&b);
	enrol(&a, NULL);
	was_refused(HF_ERR_EK_CHAIN, "has signed it");
	read_roots(&a);
	in = request_of(&a);
	in.eks[1].certificate = b.eks[1].certificate;
	send_enrol(&in);
	was_refused(HF_ERR_EK_CHAIN, "for another key");
	in.eks[1].certificate = (struct hf_span){ NULL, 0 };
	send_enrol(&in);
	was_refused(HF_ERR_EK_CHAIN, "the TPM holds no certificate");
	not_enrolled("host-1");
	enrol(&a, NULL);
	activates(&a, 1);
}

/* The certificate of one EK is no word for another, whatever else is offered. */
static void test_other_ek_of_same_tpm(void **state)
{
	struct hf_wire_enrol_request in = request_of(&a);

	(void)state;
	ours(&a, 1);
	in.eks[1].certificate = (struct hf_span){ NULL, 0 };	/* H-3 has one, L-1 is in the inventory */
	send_enrol(&in);
	was_refused(HF_ERR_EK_CHAIN, "the TPM holds no certificate");
}

/* The attestation key of one, the endorsement key of another: nobody has both. */
static void test_stolen_ek(void **state)
{
	struct hf_wire_enrol_request in;
	uint8_t secret[32];

	(void)state;
	swtpm_delivered(&b.swtpm, 1);
	boot(&b);
	ours(&a, 1);
	in = request_of(&a);
	in.ak = b.ak;
	send_enrol(&in);
	assert_int_equal(reply.kind, HF_WIRE_CREDENTIAL);
	assert_int_equal(open_with(&b, secret), HF_ERR_CREDENTIAL_REFUSED);
	assert_int_equal(open_with(&a, secret), HF_ERR_CREDENTIAL_REFUSED);
	not_enrolled("host-1");
	enrol(&a, NULL);		/* both TPMs go on working */
	activates(&a, 1);
	import((struct hf_inventory){ .id = "host-2", .ek_id = id_of(&b, 0), .model = "m" });
	reclaim("host-2");
	read_roots(&b);
	in = request_of(&b);
	in.ak = a.ak;			/* by ECC */
	send_enrol(&in);
	was_refused(HF_ERR_AK_OTHER, "enrolled for another host");
	enrol(&b, NULL);
	activates(&b, 0);
}

static void refused_ak(struct hf_span area, const char *words)
{
	struct hf_wire_enrol_request in = request_of(&a);

	in.ak = area;
	send_enrol(&in);
	was_refused(HF_ERR_AK_TEMPLATE, words);
	send_secret(area, (struct hf_span){ a.ak_buf, HF_WIRE_ID }, (struct hf_span){ a.ak_buf, 32 });
	was_refused(HF_ERR_AK_TEMPLATE, words);
}

static void test_ak_template(void **state)
{
	/* TPMA_OBJECT is the second half of the first eight bytes */
	static const struct { size_t at; uint8_t bit; const char *words; } cases[] = {
		{ 5, 1, "is not restricted" }, { 5, 4, "is no signing key" }, { 7, 2, "can be moved" },
		{ 7, 16, "can be moved" }, { 7, 32, "made outside of the TPM" }, { 7, 64, "not of our template" },
		{ 6, 4, "not of our template" }, { 1, 1, "no P-256 key" }, { 3, 1, "no P-256 key" },
		{ 17, 1, "not of our template" },
	};

	(void)state;
	ours(&a, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t area[HF_ATTEST_MAX];

		memcpy(area, a.ak.ptr, a.ak.len);
		area[cases[i].at] ^= cases[i].bit;
		refused_ak((struct hf_span){ area, a.ak.len }, cases[i].words);
	}
	refused_ak((struct hf_span){ a.ak.ptr, 7 }, "malformed");
	refused_ak((struct hf_span){ a.ak.ptr, a.ak.len - 1 }, "not of our template");
	not_enrolled("host-1");
}

/* A real unrestricted key in that very TPM: it would open any credential. */
static void test_unrestricted_ak(void **state)
{
	struct hf_wire_enrol_request in = request_of(&a);
	uint8_t area[1024];
	char path[128];
	FILE *file;
	size_t len;

	(void)state;
	ours(&a, 1);
	hf_tpm_close(a.tpm);
	a.tpm = NULL;
	setenv("TPM2TOOLS_TCTI", a.swtpm.conf, 1);
	assert_int_equal(swtpm_sh(&a.swtpm, "tpm2_createprimary -C e -G ecc256:ecdsa-sha256:null -g sha256 -c u.ctx "
		"-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign' && "
		"tpm2_readpublic -c u.ctx -o u.pub && tpm2_flushcontext -t"), 0);
	snprintf(path, sizeof(path), "%s/u.pub", a.swtpm.dir);
	file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(area, 1, sizeof(area), file);
	fclose(file);
	in.ak = (struct hf_span){ area + 2, len - 2 };
	send_enrol(&in);
	was_refused(HF_ERR_AK_TEMPLATE, "is not restricted");
}

static void test_no_endorsement_keys(void **state)
{
	struct hf_wire_enrol_request in = request_of(&a);

	(void)state;
	ours(&a, 1);
	in.eks[0].public_area = in.eks[1].public_area = a.ak;	/* a signing key */
	send_enrol(&in);
	was_refused(HF_ERR_EK_UNUSABLE, "not one of the keys");
	in = request_of(&a);
	in.eks[0].public_area = a.ak;	/* one that is none does not spoil the other */
	send_enrol(&in);
	activates(&a, 1);
}

static void test_another_ak(void **state)
{
	(void)state;
	ours(&a, 1);
	enrol(&a, NULL);
	activates(&a, 1);
	/* The inventory is told that host-2 has the same TPM's other key. */
	import((struct hf_inventory){ .id = "host-2", .ek_id = id_of(&a, 0), .model = "m" });
	reclaim("host-2");
	struct hf_wire_enrol_request in = request_of(&a);

	in.ek_count = 1;
	send_enrol(&in);
	was_refused(HF_ERR_AK_OTHER, "enrolled for another host");
	swtpm_delivered(&b.swtpm, 1);
	boot(&b);
	in.ak = b.ak;
	in.eks[0] = (struct hf_wire_ek){ a.eks[1].public_area, a.eks[1].certificate };
	send_enrol(&in);
	was_refused(HF_ERR_AK_OTHER, "another key is enrolled");
	not_enrolled("host-2");
}

static void test_secrets(void **state)
{
	uint8_t secret[32];
	struct hf_span id, s = { secret, 32 };

	(void)state;
	ours(&a, 1);
	enrol(&a, NULL);
	assert_int_equal(hf_arena_copy(&arena, reply.id, &id), HF_OK);
	assert_int_equal(open_with(&a, secret), HF_OK);
	send_secret(a.ak, id, (struct hf_span){ secret, 31 });
	was_refused(HF_ERR_WIRE_SHAPE, "");
	secret[31] ^= 1;
	send_secret(a.ak, id, s);
	was_refused(HF_ERR_AK_OTHER, "");
	secret[31] ^= 1;
	send_secret(a.ak, id, s);	/* one guess */
	was_refused(HF_ERR_NONCE_UNKNOWN, "");
	not_enrolled("host-1");
	enrol(&a, NULL);
	assert_int_equal(hf_arena_copy(&arena, reply.id, &id), HF_OK);
	assert_int_equal(open_with(&a, secret), HF_OK);
	store->now += 601;
	send_secret(a.ak, id, s);
	was_refused(HF_ERR_NONCE_EXPIRED, "");
	not_enrolled("host-1");
	enrol(&a, NULL);
	activates(&a, 1);
}

/* Credentials of one host are few at a time. */
static void test_outstanding(void **state)
{
	struct hf_span ids[6];
	uint8_t secrets[6][32];

	(void)state;
	ours(&a, 1);
	for (int i = 0; i < 6; i++) {
		enrol(&a, NULL);
		assert_int_equal(hf_arena_copy(&arena, reply.id, &ids[i]), HF_OK);
		assert_int_equal(open_with(&a, secrets[i]), HF_OK);
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(secrets[i], secrets[j], 32);
	}
	/* whoever asks later pushes nobody's out */
	send_secret(a.ak, ids[0], (struct hf_span){ secrets[0], 32 });
	assert_int_equal(reply.kind, HF_WIRE_DONE);
	send_secret(a.ak, ids[0], (struct hf_span){ secrets[0], 32 });
	was_refused(HF_ERR_NONCE_UNKNOWN, "");
}

static void test_states(void **state)
{
	(void)state;
	import((struct hf_inventory){ .id = "host-1", .ek_id = id_of(&a, 1), .model = "m" });
	enrol(&a, NULL);
	was_refused(HF_ERR_HOST_NOT_RECLAIMED, "host reclaim");
	reclaim("host-1");
	assert_int_equal(hf_store_hold(store->store, "host-1", "why", store_by(store), &fault), HF_OK);
	enrol(&a, NULL);
	was_refused(HF_ERR_HOST_NOT_RECLAIMED, "host reclaim");
	not_enrolled("host-1");
}

static size_t notes;

static enum hf_err count_notes(void *self, const struct hf_audit_entry *entry)
{
	notes += strcmp(entry->action, self) == 0;
	return HF_OK;
}

static void test_audit(void **state)
{
	(void)state;
	enrol(&a, NULL);		/* nobody's: the audit does not grow by strangers */
	import((struct hf_inventory){ .id = "host-1", .ek_id = id_of(&a, 1), .model = "m" });
	enrol(&a, NULL);
	notes = 0;
	assert_int_equal(hf_store_audit_newest(store->store, NULL, 0, 100, count_notes, "enrol-refused", &fault), HF_OK);
	assert_int_equal(notes, 1);
	reclaim("host-1");
	enrol(&a, NULL);
	activates(&a, 1);
	notes = 0;
	assert_int_equal(hf_store_audit_newest(store->store, NULL, 0, 100, count_notes, "enrol", &fault), HF_OK);
	assert_int_equal(notes, 1);
}

static void test_malformed(void **state)
{
	uint8_t body[HF_WIRE_REQUEST_MAX];
	struct hf_writer w = { .buf = body, .cap = sizeof(body) };
	struct hf_wire_enrol_request in = request_of(&a);

	(void)state;
	ours(&a, 1);
	hf_wire_put_enrol_request(&w, &in);
	for (size_t len = 0; len < w.len; len += 41) {
		ask(hf_agent_enrol, (struct hf_span){ body, len });
		assert_int_equal(reply.kind, HF_WIRE_REFUSED);
		ask(hf_agent_activate, (struct hf_span){ body, len });
		assert_int_equal(reply.kind, HF_WIRE_REFUSED);
	}
	not_enrolled("host-1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rsa, delivered, stop),
		cmocka_unit_test_setup_teardown(test_ecc, delivered, stop),
		cmocka_unit_test_setup_teardown(test_no_certificates, bare, stop),
		cmocka_unit_test_setup_teardown(test_first_use, delivered, stop),
		cmocka_unit_test_setup_teardown(test_first_use_needs_a_maker, bare, stop),
		cmocka_unit_test_setup_teardown(test_two_of_one_serial, delivered, stop),
		cmocka_unit_test_setup_teardown(test_foreign, delivered, stop),
		cmocka_unit_test_setup_teardown(test_other_ek_of_same_tpm, delivered, stop),
		cmocka_unit_test_setup_teardown(test_stolen_ek, delivered, stop),
		cmocka_unit_test_setup_teardown(test_ak_template, delivered, stop),
		cmocka_unit_test_setup_teardown(test_unrestricted_ak, delivered, stop),
		cmocka_unit_test_setup_teardown(test_no_endorsement_keys, delivered, stop),
		cmocka_unit_test_setup_teardown(test_another_ak, delivered, stop),
		cmocka_unit_test_setup_teardown(test_secrets, delivered, stop),
		cmocka_unit_test_setup_teardown(test_outstanding, delivered, stop),
		cmocka_unit_test_setup_teardown(test_states, delivered, stop),
		cmocka_unit_test_setup_teardown(test_audit, delivered, stop),
		cmocka_unit_test_setup_teardown(test_malformed, delivered, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
