/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a conversation with a device that signs costs, beside the bare signatures in it.
 *
 * usage: spdm ask HOST:PORT TRANSCRIPT      one conversation with a responder, kept in TRANSCRIPT
 *        spdm play TRANSCRIPT ROUNDS        the same again, answers out of the file: no device
 *        spdm replay TRANSCRIPT SIGNATURES ROUNDS     verify the file, and the bare signatures
 *        spdm pool TRANSCRIPT DEVICES LATENCY_US      so many mailboxes that answer that late
 *
 * Nonces follow from a fixed seed here, so a recorded answer fits the next run's question: that
 * is what a benchmark wants, and what the real seed is there to prevent.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "pcie/device_chain.h"
#include "pcie/doe.h"
#include "pcie/worker.h"

#define ARENA ((size_t)32 << 20)
#define ROUNDS_MAX 1000
#define PAIRS_MAX HF_SPDM_EXCHANGES_MAX
#define SIGNATURES_MAX 256
#define PCAP_HEADER 24
#define PACKET_HEADER 16
#define DOE_HEADER 8
#define MESSAGE_MAX 4096	/* bytes, by whatever way: it is in the questions */
#define AT 0x100	/* of the mailbox made up here */

enum phase { NEGOTIATE, CERTIFICATES, CHALLENGE, MEASUREMENTS, PHASES };
static const char *const phase_names[] = { "version..algorithms", "certificates", "challenge", "measurements" };

static uint8_t file[HF_SPDM_TRANSCRIPT_MAX * 2], written[HF_SPDM_TRANSCRIPT_MAX * 2];
static struct pair { struct hf_span request, answer; } pairs[PAIRS_MAX];
static size_t pair_count;
static struct hf_arena arena;

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s failed\n", what);
		exit(1);
	}
}

static void must_err(enum hf_err err, const char *what)
{
	if (err) {
		fprintf(stderr, "%s: %s\n", what, hf_err_name(err));
		exit(1);
	}
}

static double clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double now(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

/* What nobody else on this machine can add to. */
static double busy(void)
{
	return clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), by_value);
	return values[count / 2];
}

/* ---- what was recorded ---- */

static struct hf_span load(const char *path, uint8_t *room, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, room, cap);

	must(len > 0, path);
	close(fd);
	return (struct hf_span){ room, (size_t)len };
}

static void load_pairs(struct hf_span transcript)
{
	size_t at = PCAP_HEADER, packets = 0;

	while (at + PACKET_HEADER <= transcript.len) {
		size_t len = (size_t)hf_le(transcript.ptr + at + 8, 4);
		struct hf_span message = { transcript.ptr + at + PACKET_HEADER + DOE_HEADER, len - DOE_HEADER };

		must(packets / 2 < PAIRS_MAX && len >= DOE_HEADER && len <= transcript.len - at - PACKET_HEADER,
		     "reading the transcript");
		*(packets % 2 ? &pairs[packets / 2].answer : &pairs[packets / 2].request) = message;
		packets++;
		at += PACKET_HEADER + len;
	}
	pair_count = packets / 2;
}

/* ---- the way to a device, and a clock on it ---- */

struct timed {
	struct hf_spdm_transport inner;
	enum phase phase;
	double left;	/* processor time when the last answer came */
	double waited[PHASES], own[PHASES];
	size_t exchanges[PHASES];
};

static enum phase phase_of(uint8_t code, enum phase last)
{
	switch (code) {
	case HF_SPDM_GET_VERSION:
	case HF_SPDM_GET_CAPABILITIES:
	case HF_SPDM_NEGOTIATE_ALGORITHMS:
		return NEGOTIATE;
	case HF_SPDM_GET_DIGESTS:
	case HF_SPDM_GET_CERTIFICATE:
		return CERTIFICATES;
	case HF_SPDM_CHALLENGE:
		return CHALLENGE;
	case HF_SPDM_GET_MEASUREMENTS:
		return MEASUREMENTS;
	}
	return last;	/* once more for the same */
}

static enum hf_err timed_exchange(void *self, struct hf_span request, unsigned patience_ms,
				  uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct timed *t = self;
	double begin = now();
	enum hf_err err;

	t->own[t->phase] += busy() - t->left;
	t->phase = phase_of(request.ptr[1], t->phase);
	err = t->inner.exchange(t->inner.self, request, patience_ms, buf, cap, ret_len);
	t->left = busy();
	t->waited[t->phase] += now() - begin;
	t->exchanges[t->phase]++;
	return err;
}

/* Answers from the file, in its order, to the very same questions. */
struct canned { size_t next; };

static bool answer_of(struct canned *c, struct hf_span request, struct hf_span *ret)
{
	const struct pair *pair = &pairs[c->next];

	/* what lies in the file may have up to 3 bytes of padding behind it */
	if (c->next >= pair_count || pair->request.len < request.len ||
	    memcmp(pair->request.ptr, request.ptr, request.len) != 0)
		return false;
	c->next++;
	*ret = pair->answer;
	return true;
}

static enum hf_err canned_exchange(void *self, struct hf_span request, unsigned patience_ms,
				   uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct hf_span answer;

	(void)patience_ms;
	if (!answer_of(self, request, &answer) || answer.len > cap)
		return HF_ERR_RESPONDER_UNREACHABLE;
	memcpy(buf, answer.ptr, answer.len);
	*ret_len = answer.len;
	return HF_OK;
}

static void converse(struct hf_spdm_transport *transport, struct hf_spdm *s, struct hf_writer *w)
{
	static const uint8_t challenge[32] = "a benchmark's, always the same";
	const struct hf_spdm_seed seed = { .challenge = { challenge, sizeof(challenge) }, .boot_id = { 1 },
					   .pass = HF_SPDM_PASS_MEASURE };
	const struct hf_spdm_options options = { .arena = &arena, .padded = true, .seed = &seed, .path = "bench" };
	const struct hf_spdm_plan plan = { .seed = &seed, .path = "bench", .slot = -1, .patience_ms = 10000,
					   .total_ms = 60000 };

	transport->message_max = MESSAGE_MAX;
	*w = (struct hf_writer){ .buf = written, .cap = sizeof(written) };
	must_err(hf_spdm_open(&options, s), "open");
	hf_transcript_begin(w);
	must_err(hf_spdm_ask(transport, &plan, s, w), "the conversation");
}

static void print_phases(const struct timed *t, double scale)
{
	for (size_t i = 0; i < PHASES; i++)
		printf("phase \"%s\" %zu %.1f %.1f\n", phase_names[i], t->exchanges[i], t->waited[i] * scale,
		       t->own[i] * scale);
}

static void run_timed(const struct hf_spdm_transport *inner, struct timed *t, struct hf_writer *w,
		      size_t *ret_signatures)
{
	struct hf_spdm_transport transport = *inner;
	struct hf_spdm s;

	*t = (struct timed){ .inner = *inner, .left = busy() };
	transport.self = t;
	transport.exchange = timed_exchange;
	converse(&transport, &s, w);
	t->own[t->phase] += busy() - t->left;
	*ret_signatures = s.signatures;
	hf_spdm_close(&s);
}

static void mode_ask(const char *address, const char *path)
{
	struct hf_spdm_tcp tcp;
	struct hf_fault fault;
	struct hf_writer w;
	struct timed t;
	size_t signatures;
	int fd;

	must_err(hf_spdm_tcp_open(address, HF_SPDM_FRAMING_DOE, 10000, &tcp, &fault), address);
	run_timed(&tcp.transport, &t, &w, &signatures);
	hf_spdm_tcp_close(&tcp);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	must(fd >= 0 && write(fd, w.buf, w.len) == (ssize_t)w.len && close(fd) == 0, path);
	print_phases(&t, 1);
	printf("signatures %zu\nbytes %zu\n", signatures, w.len);
}

static void mode_play(size_t rounds)
{
	static double own[PHASES][ROUNDS_MAX], total[ROUNDS_MAX];
	struct timed t;
	struct hf_writer w;
	size_t signatures = 0;

	for (size_t i = 0; i <= rounds; i++) {	/* the first one warms up */
		struct canned c = { 0 };
		struct hf_spdm_transport transport = { &c, canned_exchange, MESSAGE_MAX, true };
		size_t at = i ? i - 1 : 0;
		double begin = busy();

		arena.len = 0;
		run_timed(&transport, &t, &w, &signatures);
		total[at] = busy() - begin;
		for (size_t p = 0; p < PHASES; p++)
			own[p][at] = t.own[p];
	}
	for (size_t p = 0; p < PHASES; p++)
		t.own[p] = median(own[p], rounds);
	memset(t.waited, 0, sizeof(t.waited));
	print_phases(&t, 1);
	printf("total %.1f\nsignatures %zu\n", median(total, rounds), signatures);
}

/* ---- the floor: the same signatures, and nothing else ---- */

struct signature {	/* one line of the other file: 'a' or 'c', sizes, then the bytes */
	bool of_certificate, pss;
	EVP_PKEY *key;
	const EVP_MD *md;
	struct hf_span data, signature;
};
static struct signature signatures[SIGNATURES_MAX];
static size_t signature_count;

static struct hf_span take(struct hf_span *in)
{
	size_t len;
	struct hf_span out;

	must(in->len >= 4, "reading the signatures");
	len = (size_t)hf_le(in->ptr, 4);
	must(len <= in->len - 4, "reading the signatures");
	out = (struct hf_span){ in->ptr + 4, len };
	*in = (struct hf_span){ in->ptr + 4 + len, in->len - 4 - len };
	return out;
}

static void load_signatures(const char *path)
{
	static uint8_t room[4u << 20];
	struct hf_span in = load(path, room, sizeof(room));

	while (in.len) {
		struct signature *s = &signatures[signature_count++];
		struct hf_span head, key;
		char name[16] = "";

		must(signature_count <= SIGNATURES_MAX, "so many signatures");
		head = take(&in);	/* "c-" or "ap", then the digest's name */
		must(head.len > 2 && head.len < sizeof(name) + 2, "reading the signatures");
		memcpy(name, head.ptr + 2, head.len - 2);
		key = take(&in);
		s->of_certificate = head.ptr[0] == 'c';
		s->pss = head.ptr[1] == 'p';
		s->md = strcmp(name, "none") == 0 ? NULL : EVP_get_digestbyname(name);
		s->key = d2i_PUBKEY(NULL, &key.ptr, (long)key.len);
		must(s->key != NULL, "reading a key");
		s->data = take(&in);
		s->signature = take(&in);
	}
}

static void verify_raw(const struct signature *s)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key = NULL;

	must(ctx && EVP_DigestVerifyInit(ctx, &key, s->md, NULL, s->key) == 1, "verify");
	if (s->pss)
		must(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1, "padding");
	must(EVP_DigestVerify(ctx, s->signature.ptr, s->signature.len, s->data.ptr, s->data.len) == 1,
	     "a signature");
	EVP_MD_CTX_free(ctx);
}

static double floor_us(bool of_certificate)
{
	double begin = busy();

	for (size_t i = 0; i < signature_count; i++)
		if (signatures[i].of_certificate == of_certificate)
			verify_raw(&signatures[i]);
	return busy() - begin;
}

/* And with what has to be read first: each certificate and the key in it. */
static double reading_us(struct hf_span transcript)
{
	static const uint8_t *der[SIGNATURES_MAX];
	static long sizes[SIGNATURES_MAX];
	const struct hf_spdm_options options = { .arena = &arena, .padded = true };
	size_t count = 0;
	struct hf_spdm s;
	double begin, spent;

	arena.len = 0;
	must_err(hf_spdm_open(&options, &s), "open");
	must_err(hf_transcript_replay(transcript, &s), "replay");
	for (size_t slot = 0; slot < HF_SPDM_SLOTS; slot++)
		for (size_t i = 0; s.slots[slot].parsed && i < hf_device_chain_count(s.slots[slot].parsed); i++) {
			struct hf_span each = hf_device_chain_certificate(s.slots[slot].parsed, i);

			must(count < SIGNATURES_MAX, "so many certificates");
			der[count] = each.ptr;
			sizes[count++] = (long)each.len;
		}
	begin = busy();
	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = der[i];
		X509 *certificate = d2i_X509(NULL, &at, sizes[i]);

		must(certificate && X509_get0_pubkey(certificate), "reading a certificate");
		X509_free(certificate);
	}
	spent = busy() - begin;
	hf_spdm_close(&s);
	return spent;
}

static void mode_replay(struct hf_span transcript, const char *path, size_t rounds)
{
	static double answers[ROUNDS_MAX], certificates[ROUNDS_MAX], reading[ROUNDS_MAX], ours[ROUNDS_MAX];
	const struct hf_spdm_options options = { .arena = &arena, .padded = true };
	size_t verified = 0, of_certificates = 0;

	load_signatures(path);
	for (size_t i = 0; i <= rounds; i++) {
		size_t at = i ? i - 1 : 0;
		struct hf_spdm s;
		double begin;

		answers[at] = floor_us(false);
		certificates[at] = floor_us(true);
		reading[at] = reading_us(transcript);
		arena.len = 0;
		begin = busy();
		must_err(hf_spdm_open(&options, &s), "open");
		must_err(hf_transcript_replay(transcript, &s), "replay");
		verified = s.signatures;
		hf_spdm_close(&s);
		ours[at] = busy() - begin;
	}
	for (size_t i = 0; i < signature_count; i++)
		of_certificates += signatures[i].of_certificate;
	printf("floor-answers %.1f\nfloor-certificates %.1f\nfloor-reading %.1f\nreplay %.1f\n",
	       median(answers, rounds), median(certificates, rounds), median(reading, rounds), median(ours, rounds));
	printf("signatures %zu\ncertificates %zu\nbytes %zu\n", verified, of_certificates, transcript.len);
}

/* ---- mailboxes that answer late, through the agent's own pool ---- */

struct box {
	struct hf_config_access access;
	struct canned canned;
	uint32_t in[HF_SPDM_MESSAGE_MAX / 4], out[HF_SPDM_MESSAGE_MAX / 4];
	size_t in_len, out_len, out_at;
	double ready_at, latency_us;
	bool wrong;
};
static struct box box;	/* each worker has its own copy */

static void box_go(struct box *b)
{
	struct hf_span request = { (const uint8_t *)(b->in + 2), 4 * (b->in_len - 2) }, answer;

	/* compared without the padding of either */
	while (b->canned.next < pair_count && request.len > pairs[b->canned.next].request.len)
		request.len--;
	b->wrong = !answer_of(&b->canned, request, &answer);
	if (b->wrong)
		return;
	b->out_len = 2 + (answer.len + 3) / 4;
	b->out[0] = HF_DOE_VENDOR_PCISIG | HF_DOE_SPDM << 16;
	b->out[1] = (uint32_t)b->out_len;
	memset(b->out + 2, 0, 4 * (b->out_len - 2));
	memcpy(b->out + 2, answer.ptr, answer.len);
	b->in_len = b->out_at = 0;
	b->ready_at = now() + b->latency_us;
}

static enum hf_err box_read(void *self, uint32_t offset, uint32_t *ret)
{
	struct box *b = self;

	*ret = 0;
	if (offset == AT)
		*ret = HF_DOE_CAPABILITY | 1 << 16;
	if (offset == AT + 0xc)
		*ret = b->wrong ? 4 : b->out_at < b->out_len ? (now() >= b->ready_at ? 0x80000000u : 1u) : 0;
	if (offset == AT + 0x14 && b->out_at < b->out_len)
		*ret = b->out[b->out_at];
	return HF_OK;
}

static enum hf_err box_write(void *self, uint32_t offset, uint32_t value)
{
	struct box *b = self;

	if (offset == AT + 8 && value & 1)
		b->in_len = b->out_len = b->out_at = 0;
	else if (offset == AT + 8 && value & 0x80000000u)
		box_go(b);
	else if (offset == AT + 0x10 && b->in_len < sizeof(b->in) / 4)
		b->in[b->in_len++] = value;
	else if (offset == AT + 0x14)
		b->out_at++;
	return HF_OK;
}

static enum hf_err pool_job(void *self, size_t index, struct hf_writer *w)
{
	const struct hf_spdm_transport *none = self;
	struct hf_spdm_transport transport;
	struct hf_writer transcript;
	struct hf_spdm s;
	struct hf_doe doe = { &box.access, AT };

	(void)none, (void)index;
	box.canned = (struct canned){ 0 };
	arena.len = 0;
	hf_doe_transport(&doe, &transport);
	converse(&transport, &s, &transcript);
	hf_put_le(w, (uint32_t)s.signatures, 4);
	hf_spdm_close(&s);
	return HF_OK;
}

static enum hf_err pool_done(void *self, const struct hf_pool_answer *answer)
{
	size_t *verified = self;

	must(!answer->lost && !answer->err && answer->bytes.len == 4, "a device");
	*verified += (size_t)hf_le(answer->bytes.ptr, 4);
	return HF_OK;
}

static size_t owner_of(const void *self, size_t index)
{
	(void)self;
	return index;
}

static void mode_pool(size_t devices, double latency_us)
{
	const struct hf_pool_options options = { .answer_max = 64, .owner = owner_of };
	double begin;
	size_t verified = 0;

	box.access = (struct hf_config_access){ &box, box_read, box_write, NULL, NULL };
	box.latency_us = latency_us;
	begin = now();
	must_err(hf_pool_run(&options, devices, pool_job, pool_done, &verified), "the pool");
	printf("wall %.1f\nsignatures %zu\n", now() - begin, verified);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	struct hf_span transcript = { NULL, 0 };
	size_t rounds = argc > 3 ? strtoul(argv[argc - 1], NULL, 10) : 0;

	must(!hf_arena_make(ARENA, &arena), "arena");
	if (strcmp(mode, "ask") == 0 && argc == 4) {
		mode_ask(argv[2], argv[3]);
		return 0;
	}
	must(argc > 3, "usage: spdm ask|play|replay|pool, see the file's head: this");
	transcript = load(argv[2], file, sizeof(file));
	load_pairs(transcript);
	if (strcmp(mode, "pool") == 0 && argc == 5) {
		mode_pool(strtoul(argv[3], NULL, 10), strtod(argv[4], NULL));
		return 0;
	}
	must(rounds > 0 && rounds <= ROUNDS_MAX, "ROUNDS: this");
	if (strcmp(mode, "play") == 0 && argc == 4)
		mode_play(rounds);
	else if (strcmp(mode, "replay") == 0 && argc == 5)
		mode_replay(transcript, argv[3], rounds);
	else
		must(0, "usage: this");
	return 0;
}
