/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The load generator; fleet.h says what it is a double for. Modes:
 *
 *   prepare DIR        DIR/anchors, DIR/manifests, DIR/inventory.csv for HOSTS hosts
 *   seed DIR           DIR/inventory.csv into a store (--url), every host reclaimed: no API
 *   reclaim            every host, as an operator with a token
 *   run                every host enrols if it must, attests, checks its ticket, sends its receipt
 *   check DIR          one host's evidence against hf_verify_evidence and DIR's manifests
 *   speed              quotes verified per second, whole evidences per second
 *
 * Prints one JSON object. Exit 0: every host came to its end, and no ticket was two. */
#include "tests/fleet/fleet.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "manifests/corim.h"
#include "manifests/trust.h"
#include "measure/file.h"

#include <fcntl.h>

#include "tests/fleet/seed.h"

#define CAUSES 64
#define THREADS_MAX 256

struct tally { char cause[48]; unsigned long count; };
struct fleet {
	const char *mode, *dir, *ca, *seed, *lease, *token;
	char *urls[FLEET_URLS];
	size_t url_count;
	unsigned hosts, first, connections, boot, again, seconds;
	bool receipt;
	struct hf_key *ticket_key;
	const struct fleet_lie *lie;
	atomic_uint next;
	pthread_mutex_t lock;
	/* under the lock */
	unsigned long done, tickets, refused, lost, twice, enrolled, receipts, retries, handshakes, again_same,
		again_refused, bad_ticket;
	struct tally causes[CAUSES];
	double *latencies;	/* of each host */
};
struct worker {
	struct fleet *fleet;
	struct client client;
	struct maker *maker;
	struct hf_arena arena;
	struct soft_tpm tpm;
	struct boot_identity identity;
	uint8_t body[1 << 20], nonce[HF_WIRE_NONCE], ticket[HF_WIRE_REPLY_MAX];
	size_t ticket_len, url;
	unsigned host;
	bool enrolled;
	struct timespec until;
	pthread_t thread;
};

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As openssl speed counts: what others do on this machine meanwhile is not in it. */
static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void count(struct fleet *f, unsigned long *what)
{
	pthread_mutex_lock(&f->lock);
	(*what)++;
	pthread_mutex_unlock(&f->lock);
}

static void count_cause(struct fleet *f, struct hf_span cause)
{
	char name[48];

	snprintf(name, sizeof(name), "%.*s", (int)(cause.len < 47 ? cause.len : 47), cause.len ? (const char *)cause.ptr : "");
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < CAUSES; i++) {
		if (f->causes[i].count && strcmp(f->causes[i].cause, name) != 0)
			continue;
		snprintf(f->causes[i].cause, sizeof(f->causes[i].cause), "%s", name);
		f->causes[i].count++;
		break;
	}
	pthread_mutex_unlock(&f->lock);
}

/* ---- one host ---- */

enum step { STEP_DONE, STEP_AGAIN, STEP_REFUSED };

static const char *url_of(const struct worker *w)
{
	return w->fleet->urls[w->url % w->fleet->url_count];
}

/* A controller that does not answer: the next one, and slower each time round. */
static void move_on(struct worker *w)
{
	client_close(&w->client);
	w->url++;
	count(w->fleet, &w->fleet->retries);
	if (w->url % w->fleet->url_count == 0)
		usleep(100000);
}

static enum step ask(struct worker *w, const char *path, const char *type, struct hf_span body,
		     struct hf_wire_reply *ret)
{
	struct hf_span bytes;
	unsigned status;

	if (!w->client.ssl && !client_connect(&w->client, url_of(w), &w->identity))
		return STEP_AGAIN;
	status = client_ask(&w->client, "POST", path, type, NULL, body, &bytes);
	if (status == 0 || status == 503 || status == 429)
		return STEP_AGAIN;
	if (status != 200 || hf_wire_get_reply(bytes, ret) != HF_OK) {
		char text[24];

		snprintf(text, sizeof(text), "http-%u", status);
		count_cause(w->fleet, hf_span_text(text));
		return STEP_REFUSED;
	}
	return STEP_DONE;
}

static enum step refused(struct worker *w, const struct hf_wire_reply *reply, struct hf_result *r)
{
	struct hf_span payload;

	w->arena.len = 0;
	if (hf_statement_verify(w->fleet->ticket_key, HF_RESULT_TYPE, reply->message, &payload) != HF_OK ||
	    hf_result_decode(payload, &w->arena, r) != HF_OK) {
		count_cause(w->fleet, hf_span_text("result-invalid"));
		return STEP_REFUSED;
	}
	return STEP_REFUSED;
}

static enum step refuse(struct worker *w, const struct hf_wire_reply *reply)
{
	static _Thread_local struct hf_result r;

	r = (struct hf_result){ 0 };
	refused(w, reply, &r);
	if (r.cause.len)
		count_cause(w->fleet, r.cause);
	return STEP_REFUSED;
}

static enum step enrol(struct worker *w)
{
	struct hf_writer out = { .buf = w->body, .cap = sizeof(w->body) };
	char serial[32];
	struct hf_wire_enrol_request request = { .ak = w->tpm.tpm.ak, .ek_count = 1 };
	struct hf_wire_activate_request activate = { .ak = w->tpm.tpm.ak };
	uint8_t id[HF_WIRE_ID], secret[HF_CREDENTIAL_SECRET_MAX];
	struct hf_wire_reply reply;
	size_t len;
	enum step step;

	fleet_serial(w->host, serial);
	request.serial = hf_span_text(serial);
	request.eks[0].public_area = w->tpm.ek_public;
	hf_wire_put_enrol_request(&out, &request);
	step = ask(w, HF_WIRE_ENROL, HF_WIRE_TYPE, hf_written(&out), &reply);
	if (step)
		return step;
	if (reply.kind != HF_WIRE_CREDENTIAL)
		return refuse(w, &reply);
	if (!soft_tpm_activate(&w->tpm, reply.credential, reply.encrypted_secret, secret, &len)) {
		count_cause(w->fleet, hf_span_text("credential-not-for-this-tpm"));
		return STEP_REFUSED;
	}
	memcpy(id, reply.id.ptr, sizeof(id));
	activate.id = (struct hf_span){ id, sizeof(id) };
	activate.secret = (struct hf_span){ secret, len };
	out.len = 0;
	hf_wire_put_activate_request(&out, &activate);
	step = ask(w, HF_WIRE_ACTIVATE, HF_WIRE_TYPE, hf_written(&out), &reply);
	if (step)
		return step;
	if (reply.kind != HF_WIRE_DONE)
		return refuse(w, &reply);
	count(w->fleet, &w->fleet->enrolled);
	return STEP_DONE;
}

static enum step take_challenge(struct worker *w, const struct hf_wire_reply *reply)
{
	struct hf_challenge c;
	struct hf_span payload;

	if (hf_statement_verify(w->fleet->ticket_key, HF_WIRE_CHALLENGE_TYPE, reply->message, &payload) != HF_OK ||
	    hf_wire_get_challenge(payload, &c) != HF_OK || memcmp(c.boot_key.ptr, w->identity.id.bytes, 32) != 0 ||
	    memcmp(c.ak_name.ptr, w->tpm.tpm.parsed.name, 34) != 0) {
		count_cause(w->fleet, hf_span_text("challenge-invalid"));
		return STEP_REFUSED;
	}
	memcpy(w->nonce, c.nonce.ptr, sizeof(w->nonce));
	return STEP_DONE;
}

static enum step challenge(struct worker *w)
{
	const struct hf_wire_challenge_request request = { w->tpm.tpm.ak, hf_span_text("0.4.0") };
	struct hf_wire_reply reply;

	for (unsigned round = 0; round < 2; round++) {
		struct hf_writer out = { .buf = w->body, .cap = sizeof(w->body) };
		enum step step;

		hf_wire_put_challenge_request(&out, &request);
		step = ask(w, HF_WIRE_CHALLENGE, HF_WIRE_TYPE, hf_written(&out), &reply);
		if (step)
			return step;
		if (reply.kind == HF_WIRE_CHALLENGED)
			return take_challenge(w, &reply);
		if (reply.kind != HF_WIRE_MUST_ENROL || round)
			return refuse(w, &reply);
		step = enrol(w);
		if (step)
			return step;
	}
	return STEP_REFUSED;
}

static bool ticket_is_good(struct worker *w, struct hf_span message)
{
	static _Thread_local struct hf_result r;
	const struct made *m = &w->maker->m;
	struct hf_digest quote_id;
	struct hf_span payload;

	w->arena.len = 0;
	return hf_statement_verify(w->fleet->ticket_key, HF_RESULT_TYPE, message, &payload) == HF_OK &&
	       hf_result_decode(payload, &w->arena, &r) == HF_OK &&
	       hf_digest(HF_ALG_SHA256, m->e.quote, &quote_id) == HF_OK && r.release == HF_RELEASE_TENANT &&
	       hf_span_equal(r.nonce, (struct hf_span){ w->nonce, sizeof(w->nonce) }) &&
	       hf_span_equal(r.quote, (struct hf_span){ quote_id.bytes, 32 }) &&
	       hf_span_equal(r.boot_key, (struct hf_span){ w->identity.id.bytes, 32 }) &&
	       hf_span_equal(r.ak_name, (struct hf_span){ w->tpm.tpm.parsed.name, 34 });
}

/* The same evidence until somebody answers: it may have been judged and the reply lost. */
static enum step send_evidence(struct worker *w, struct hf_span body)
{
	struct fleet *f = w->fleet;
	struct hf_wire_reply reply;
	enum step step;

	while ((step = ask(w, HF_WIRE_EVIDENCE, HF_WIRE_EVIDENCE_TYPE, body, &reply)) == STEP_AGAIN) {
		if (now_seconds() > (double)w->until.tv_sec)
			return STEP_AGAIN;
		move_on(w);
	}
	if (step)
		return step;
	if (reply.kind != HF_WIRE_TICKET)
		return refuse(w, &reply);
	if (!ticket_is_good(w, reply.message)) {
		count(f, &f->bad_ticket);
		return STEP_REFUSED;
	}
	memcpy(w->ticket, reply.message.ptr, reply.message.len);
	w->ticket_len = reply.message.len;
	return STEP_DONE;
}

/* ---- what must give nothing more ---- */

static void send_again(struct worker *w, struct hf_span body)
{
	struct fleet *f = w->fleet;
	struct hf_wire_reply reply;

	move_on(w);
	if (ask(w, HF_WIRE_EVIDENCE, HF_WIRE_EVIDENCE_TYPE, body, &reply) != STEP_DONE)
		return;
	if (reply.kind == HF_WIRE_TICKET && reply.message.len == w->ticket_len &&
	    memcmp(reply.message.ptr, w->ticket, w->ticket_len) == 0)
		count(f, &f->again_same);
	else if (reply.kind == HF_WIRE_TICKET)
		count(f, &f->twice);
}

/* The tenant's own evidence, over a challenge of its own. */
static void ask_second_ticket(struct worker *w)
{
	struct fleet *f = w->fleet;
	struct hf_writer out = { .buf = w->body, .cap = sizeof(w->body) };
	struct hf_wire_reply reply;

	w->tpm.tpm.reset_count++;
	if (challenge(w) != STEP_DONE)
		return;
	maker_boot(w->maker, &w->tpm, w->host, w->identity.spki_span, (struct hf_span){ w->nonce, 32 });
	hf_evidence_to_cmw_cbor(&w->maker->m.e, &out);
	if (ask(w, HF_WIRE_EVIDENCE, HF_WIRE_EVIDENCE_TYPE, hf_written(&out), &reply) != STEP_DONE)
		return;
	count(f, reply.kind == HF_WIRE_TICKET ? &f->twice : &f->again_refused);
}

static void send_receipt(struct worker *w)
{
	uint8_t body[8192];
	struct hf_writer out = { .buf = body, .cap = sizeof(body) };
	struct hf_wire_reply reply;

	maker_receipt(w->maker, &w->tpm, (struct hf_span){ w->ticket, w->ticket_len }, &out);
	for (unsigned i = 0; i < 2 * w->fleet->url_count; i++) {
		if (ask(w, HF_WIRE_RECEIPT, HF_WIRE_TYPE, hf_written(&out), &reply) != STEP_AGAIN) {
			if (reply.kind == HF_WIRE_DONE)
				count(w->fleet, &w->fleet->receipts);
			return;
		}
		move_on(w);
	}
}

static enum step attest(struct worker *w)
{
	struct fleet *f = w->fleet;
	struct hf_writer out = { .buf = w->body, .cap = sizeof(w->body) };
	enum step step = challenge(w);

	if (step)
		return step;
	client_close(&w->client);	/* the recheck unbinds the network card */
	if (fleet_lie_is(f->lie, "relayed")) {	/* by somebody with a boot key of his own */
		struct boot_identity other;

		identity_make(&other);
		client_connect(&w->client, url_of(w), &other);
		identity_drop(&other);
	}
	maker_boot(w->maker, &w->tpm, w->host, w->identity.spki_span, (struct hf_span){ w->nonce, 32 });
	hf_evidence_to_cmw_cbor(&w->maker->m.e, &out);
	assert_false(out.full);
	step = send_evidence(w, hf_written(&out));
	if (step)
		return step;
	count(f, &f->tickets);
	if (f->again && w->host % f->again == 0)
		send_again(w, hf_written(&out));
	if (f->receipt)
		send_receipt(w);
	if (f->again && w->host % f->again == 1)
		ask_second_ticket(w);
	return STEP_DONE;
}

static void run_host(struct worker *w)
{
	struct fleet *f = w->fleet;
	const double start = now_seconds();
	enum step step;

	soft_tpm_make(&w->tpm, f->seed, w->host);
	lie_about_key(f->lie, &w->tpm);
	w->tpm.tpm.reset_count = f->boot;
	identity_make(&w->identity);
	w->url = w->host;
	w->until.tv_sec = (time_t)start + f->seconds;
	while ((step = attest(w)) == STEP_AGAIN && now_seconds() < start + f->seconds)
		move_on(w);
	pthread_mutex_lock(&f->lock);
	f->done++;
	f->refused += step == STEP_REFUSED;
	f->lost += step == STEP_AGAIN;
	f->latencies[w->host - f->first] = now_seconds() - start;
	pthread_mutex_unlock(&f->lock);
	client_close(&w->client);
	identity_drop(&w->identity);
	soft_tpm_drop(&w->tpm);
}

static void *run_worker(void *self)
{
	struct worker *w = self;
	struct fleet *f = w->fleet;
	unsigned n;

	client_make(&w->client, f->ca);
	w->maker = maker_new();
	w->maker->lie = f->lie;
	assert_int_equal(hf_arena_make(4u << 20, &w->arena), HF_OK);
	while ((n = atomic_fetch_add(&f->next, 1)) < f->hosts) {
		w->host = f->first + n;
		run_host(w);
	}
	pthread_mutex_lock(&f->lock);
	f->handshakes += w->client.handshakes;
	pthread_mutex_unlock(&f->lock);
	hf_arena_drop(&w->arena);
	maker_drop(w->maker);
	client_drop(&w->client);
	return NULL;
}

/* ---- the operator ---- */

static bool reclaim_one(struct worker *w, unsigned host)
{
	char path[64], body[96];
	struct hf_span reply;

	snprintf(path, sizeof(path), "/v1/hosts/host-%u/reclaim", host);
	snprintf(body, sizeof(body), "{\"lease\":\"%s\",\"power-cycled\":true}", w->fleet->lease);
	for (unsigned i = 0; i < 3 * w->fleet->url_count; i++) {
		unsigned status = 0;

		if (w->client.ssl || client_connect(&w->client, url_of(w), NULL))
			status = client_ask(&w->client, "POST", path, "application/json", w->fleet->token,
					    hf_span_text(body), &reply);
		if (status == 200)
			return true;
		if (status && status != 503 && status != 429) {
			char text[24];

			snprintf(text, sizeof(text), "http-%u", status);
			count_cause(w->fleet, hf_span_text(text));
			return false;
		}
		move_on(w);
	}
	return false;
}

static void *reclaim_worker(void *self)
{
	struct worker *w = self;
	struct fleet *f = w->fleet;
	unsigned n;

	client_make(&w->client, f->ca);
	while ((n = atomic_fetch_add(&f->next, 1)) < f->hosts) {
		bool taken = reclaim_one(w, f->first + n);

		count(f, taken ? &f->done : &f->lost);
	}
	client_drop(&w->client);
	return NULL;
}

/* ---- the output ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct fleet *f, double seconds)
{
	qsort(f->latencies, f->hosts, sizeof(*f->latencies), by_size);
	printf("{\"mode\":\"%s\",\"hosts\":%u,\"done\":%lu,\"tickets\":%lu,\"refused\":%lu,\"lost\":%lu,"
	       "\"twice\":%lu,\"bad-ticket\":%lu,\"enrolled\":%lu,\"receipts\":%lu,\"retries\":%lu,"
	       "\"handshakes\":%lu,\"again-same\":%lu,\"again-refused\":%lu,\"seconds\":%.3f,\"p50\":%.4f,"
	       "\"p99\":%.4f,\"causes\":{", f->mode, f->hosts, f->done, f->tickets, f->refused, f->lost, f->twice,
	       f->bad_ticket, f->enrolled, f->receipts, f->retries, f->handshakes, f->again_same, f->again_refused,
	       seconds, f->latencies[f->hosts / 2], f->latencies[(size_t)f->hosts * 99 / 100]);
	for (size_t i = 0; i < CAUSES && f->causes[i].count; i++)
		printf("%s\"%s\":%lu", i ? "," : "", f->causes[i].cause, f->causes[i].count);
	printf("}}\n");
}

static int side_by_side(struct fleet *f, void *(*work)(void *))
{
	struct worker *workers = calloc(f->connections, sizeof(*workers));
	const double start = now_seconds();

	assert_non_null(workers);
	for (unsigned i = 0; i < f->connections; i++) {
		workers[i].fleet = f;
		workers[i].url = i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < f->connections; i++)
		pthread_join(workers[i].thread, NULL);
	print(f, now_seconds() - start);
	free(workers);
	return f->done == f->hosts && !f->lost && !f->twice && !f->bad_ticket && !f->refused ? 0 : 1;
}

/* ---- files ---- */

static void write_file(const char *dir, const char *name, struct hf_span bytes)
{
	struct hf_fault fault;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(hf_file_write(AT_FDCWD, path, bytes, 0644, &fault), HF_OK);
}

static void write_manifests(const struct fleet *f, const struct maker *k)
{
	static uint8_t corim[1 << 20], cose[1 << 20], pem[4096];
	struct hf_writer c = { .buf = corim, .cap = sizeof(corim) }, s = { .buf = cose, .cap = sizeof(cose) };
	struct hf_writer p = { .buf = pem, .cap = sizeof(pem) };
	struct hf_key *key;

	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	assert_int_equal(hf_corim_encode(k->fx->manifests, "fleet", &c), HF_OK);
	assert_int_equal(hf_cose_sign(key, HF_CORIM_CONTENT_TYPE, "owner", hf_written(&c), &s), HF_OK);
	assert_int_equal(hf_key_write_pem(key, false, &p), HF_OK);
	write_file(f->dir, "manifests/fleet.corim", hf_written(&s));
	write_file(f->dir, "anchors/owner.pem", hf_written(&p));
	hf_key_free(key);
}

static int prepare(struct fleet *f)
{
	const size_t room = (size_t)f->hosts * 192 + 256;
	char *csv = malloc(room), path[4096];
	struct maker *k = maker_new();
	size_t len;

	assert_non_null(csv);
	for (const char *const *d = (const char *const[]){ "", "/anchors", "/manifests", NULL }; *d; d++) {
		snprintf(path, sizeof(path), "%s%s", f->dir, *d);
		mkdir(path, 0755);
	}
	write_manifests(f, k);
	len = (size_t)snprintf(csv, room, "id,ek-sha256,serial,model,banks,ek-accepted\n");
	for (unsigned i = f->first; i < f->first + f->hosts; i++) {
		static struct soft_tpm t;
		char serial[32];

		soft_tpm_make(&t, f->seed, i);
		fleet_serial(i, serial);
		len += (size_t)snprintf(csv + len, room - len, "host-%u,", i);
		for (size_t b = 0; b < 32; b++)
			len += (size_t)snprintf(csv + len, room - len, "%02x", t.ek_parsed.id.bytes[b]);
		len += (size_t)snprintf(csv + len, room - len, ",%s,%s,sha256+sha384,yes\n", serial, FLEET_MODEL);
		soft_tpm_drop(&t);
	}
	write_file(f->dir, "inventory.csv", (struct hf_span){ (uint8_t *)csv, len });
	printf("{\"mode\":\"prepare\",\"hosts\":%u}\n", f->hosts);
	free(csv);
	maker_drop(k);
	return 0;
}

/* ---- without a controller ---- */

static int check(struct fleet *f, double loop_seconds)
{
	static struct hf_verification v;
	static struct hf_manifests manifests;
	static struct soft_tpm t;
	struct hf_trust trust = { .count = 0 };
	struct boot_identity b;
	struct hf_fault fault = { 0 };
	struct hf_arena arena, files;
	struct maker *k = maker_new();
	uint8_t nonce[32] = { 7 };
	char path[4096];
	unsigned long quotes = 0, whole = 0;
	double start, quote_seconds, whole_seconds;
	struct hf_pcrs pcrs, ours;
	struct hf_verify_options options = { .manifests = &manifests, .trust = &trust, .nonce = { nonce, 32 },
					     .pcr = HF_PCR_DEFAULT, .now = (int64_t)time(NULL) };

	assert_int_equal(hf_arena_make(64u << 20, &arena), HF_OK);
	assert_int_equal(hf_arena_make(64u << 20, &files), HF_OK);
	manifests.arena = &files;
	snprintf(path, sizeof(path), "%s/anchors", f->dir);
	if (hf_trust_read(path, &trust, &fault) != HF_OK)
		return fprintf(stderr, "%s %s\n", hf_err_name(fault.err), fault.where), 1;
	snprintf(path, sizeof(path), "%s/manifests", f->dir);
	if (hf_manifests_read(&trust, path, options.now, &manifests, &fault) != HF_OK)
		return fprintf(stderr, "%s %s %s\n", hf_err_name(fault.err), fault.where, fault.detail), 1;
	soft_tpm_make(&t, f->seed, f->first);
	t.tpm.reset_count = f->boot;
	identity_make(&b);
	maker_boot(k, &t, f->first, b.spki_span, (struct hf_span){ nonce, 32 });
	hf_verify_evidence(&k->m.e, &options, &arena, &v);
	if (v.cause) {
		for (int i = 0; i < HF_CHECK_COUNT; i++)
			fprintf(stderr, "%s: %s %s %s\n", hf_check_name(i), hf_outcome_name(v.checks[i].outcome),
				v.checks[i].cause ? hf_err_name(v.checks[i].cause) : "", v.checks[i].detail);
		return 1;
	}
	assert_int_equal(hf_log_replay(k->m.e.firmware_log, HF_ALG_SHA256, &pcrs), HF_OK);
	assert_int_equal(hf_log_replay(k->m.e.log, HF_ALG_SHA256, &ours), HF_OK);
	memcpy(pcrs.value[13], ours.value[13], 32);
	for (start = cpu_now(); cpu_now() < start + loop_seconds; quotes++)
		assert_int_equal(hf_quote_verify(&v.ak, k->m.e.quote, k->m.e.signature, (struct hf_span){ nonce, 32 },
						 t.tpm.pcrs, &pcrs, NULL), HF_OK);
	quote_seconds = cpu_now() - start;
	for (start = cpu_now(); cpu_now() < start + loop_seconds; whole++) {
		arena.len = 0;
		hf_verify_evidence(&k->m.e, &options, &arena, &v);
		assert_int_equal(v.cause, HF_OK);
	}
	whole_seconds = cpu_now() - start;
	printf("{\"mode\":\"%s\",\"parts\":%zu,\"log\":%zu,\"claims\":%zu", f->mode, k->fx->claims.part_count,
	       k->m.e.log.len, k->m.e.claims.len);
	if (loop_seconds > 0)
		printf(",\"quotes-per-second\":%.1f,\"evidences-per-second\":%.1f", (double)quotes / quote_seconds,
		       (double)whole / whole_seconds);
	printf("}\n");
	identity_drop(&b);
	soft_tpm_drop(&t);
	hf_trust_drop(&trust);
	maker_drop(k);
	hf_arena_drop(&arena);
	hf_arena_drop(&files);
	return 0;
}

/* ---- the command line ---- */

static char *read_text(const char *path)
{
	static char text[8192];
	FILE *file = fopen(path, "rb");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	return text;
}

static void add_urls(struct fleet *f, const char *list)
{
	char *copy = strdup(list);

	for (char *url = strtok(copy, ","); url && f->url_count < FLEET_URLS; url = strtok(NULL, ","))
		f->urls[f->url_count++] = url;
}

static void parse(struct fleet *f, int argc, char **argv)
{
	static const struct option options[] = {
		{ "url", 1, NULL, 'u' }, { "ca", 1, NULL, 'c' }, { "seed", 1, NULL, 's' }, { "hosts", 1, NULL, 'n' },
		{ "first", 1, NULL, 'f' }, { "connections", 1, NULL, 'C' }, { "boot", 1, NULL, 'b' },
		{ "again", 1, NULL, 'a' }, { "seconds", 1, NULL, 'S' }, { "receipt", 0, NULL, 'r' },
		{ "ticket-key", 1, NULL, 'k' }, { "lease", 1, NULL, 'l' }, { "token-file", 1, NULL, 't' },
		{ "lie", 1, NULL, 'L' }, { 0 },
	};
	char *text;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'u': add_urls(f, optarg); break;
		case 'c': f->ca = optarg; break;
		case 's': f->seed = optarg; break;
		case 'n': f->hosts = (unsigned)atoi(optarg); break;
		case 'f': f->first = (unsigned)atoi(optarg); break;
		case 'C': f->connections = (unsigned)atoi(optarg); break;
		case 'b': f->boot = (unsigned)atoi(optarg); break;
		case 'a': f->again = (unsigned)atoi(optarg); break;
		case 'S': f->seconds = (unsigned)atoi(optarg); break;
		case 'r': f->receipt = true; break;
		case 'l': f->lease = optarg; break;
		case 'L':
			f->lie = fleet_lie_find(optarg);
			assert_non_null(f->lie);
			break;
		case 't':
			text = strdup(read_text(optarg));
			text[strcspn(text, "\r\n")] = '\0';
			f->token = text;
			break;
		case 'k':
			assert_int_equal(hf_key_read_pem(hf_span_text(read_text(optarg)), false, &f->ticket_key), HF_OK);
			break;
		default:
			exit(2);
		}
	if (optind < argc)
		f->dir = argv[optind];
}

int main(int argc, char **argv)
{
	struct fleet f = { .seed = "1", .hosts = 1, .connections = 4, .boot = 1, .seconds = 120, .lease = "L",
			   .dir = ".", .mode = argc > 1 ? argv[1] : "", .lock = PTHREAD_MUTEX_INITIALIZER };
	int code = 2;

	signal(SIGPIPE, SIG_IGN);	/* controllers are killed */
	if (argc > 1)
		parse(&f, argc - 1, argv + 1);
	f.latencies = calloc((size_t)f.hosts + 1, sizeof(*f.latencies));
	assert_in_range(f.connections, 1, THREADS_MAX);
	if (strcmp(f.mode, "prepare") == 0)
		code = prepare(&f);
	else if (strcmp(f.mode, "seed") == 0 && f.url_count)
		code = fleet_seed(f.urls[0], f.dir, f.lease);
	else if (strcmp(f.mode, "check") == 0)
		code = check(&f, 0);
	else if (strcmp(f.mode, "speed") == 0)
		code = check(&f, 3);
	else if (strcmp(f.mode, "run") == 0 && f.url_count && f.ca && f.ticket_key)
		code = side_by_side(&f, run_worker);
	else if (strcmp(f.mode, "reclaim") == 0 && f.url_count && f.ca)
		code = side_by_side(&f, reclaim_worker);
	else
		fputs("usage: see the head of tests/fleet/fleet.c\n", stderr);
	free(f.latencies);
	hf_key_free(f.ticket_key);
	return code;
}
