/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A device of ours for the state's tests: it keeps its own transcripts and signs them by
 * itself, so that what is verified was not made by the code that verifies. Every message can
 * be bent before it is signed (lie) or after (garble). */
#ifndef HF_TESTS_SPDM_TALK_H
#define HF_TESTS_SPDM_TALK_H

#include "pcie/device_chain.h"
#include "pcie/spdm.h"
#include "tests/unit/device_cert_fixture.h"

#define TALK_CHAIN_MAX 8192
#define TALK_MESSAGE_MAX 70000

struct talk {
	struct hf_spdm s;
	uint8_t version;
	uint32_t flags, asked_flags, asym, hash, measurement_hash, offered_asym, offered_hash;
	uint8_t other, asked_other;
	size_t hash_len;
	const char *md;
	uint8_t slot_mask;
	struct device_cert root, leaf;
	uint8_t chain[2][TALK_CHAIN_MAX];	/* slots 0 and 1 */
	size_t chain_len[2];
	uint8_t nonce;			/* counts: every request has another */
	const struct hf_spdm_seed *seed;
	bool padded, wrong_context;

	uint8_t a_buf[4096], b_buf[1 << 17], l_buf[1 << 17];
	struct hf_writer a, b, l;
	uint8_t q_buf[512], r_buf[TALK_MESSAGE_MAX];
	struct hf_writer q, r;		/* the pair that is being made */
	void (*lie)(struct talk *t);
	void (*garble)(struct talk *t);
};

static struct hf_arena talk_arena;

#define TALK_BLOCK_LEN 32	/* SHA-256 of measurements */

static inline void talk_begin(struct talk *t, uint8_t code, uint8_t p1, uint8_t p2)
{
	t->q.len = t->r.len = 0;
	hf_put(&t->q, (uint8_t[]){ code == 0x84 ? 0x10 : t->version, code, p1, p2 }, 4);
}

static inline void talk_answer(struct talk *t, uint8_t p1, uint8_t p2)
{
	hf_put(&t->r, (uint8_t[]){ t->q_buf[0], t->q_buf[1] & 0x7f, p1, p2 }, 4);
}

/* What was built goes to the state. */
static inline enum hf_err talk_take(struct talk *t)
{
	struct hf_span answer;

	if (t->garble)
		t->garble(t);
	t->garble = NULL;
	if (t->padded)
		hf_put_le(&t->r, 0, (4 - t->r.len % 4) % 4);
	answer = hf_written(&t->r);
	return hf_spdm_take(&t->s, hf_written(&t->q), answer);
}

static inline void talk_lie(struct talk *t)
{
	if (t->lie)
		t->lie(t);
	t->lie = NULL;
}

static inline void talk_add(struct talk *t, struct hf_writer *transcript)
{
	hf_put_span(transcript, hf_written(&t->q));
	hf_put_span(transcript, hf_written(&t->r));
	assert_false(transcript->full);
}

/* ---- keys and chains ---- */

static inline void talk_chain(struct talk *t, size_t slot, const struct device_cert *certs, size_t count)
{
	struct hf_writer w = { .buf = t->chain[slot], .cap = TALK_CHAIN_MAX };
	unsigned char *der = NULL;
	uint8_t hash[64];
	int len = i2d_X509(t->root.cert, &der);

	assert_int_equal(EVP_Digest(der, (size_t)len, hash, NULL, EVP_get_digestbyname(t->md), NULL), 1);
	OPENSSL_free(der);
	hf_put_le(&w, 0, 4);
	hf_put(&w, hash, t->hash_len);
	for (size_t i = 0; i < count; i++)
		device_put(&w, certs[i].cert);
	t->chain_len[slot] = w.len;
	hf_put_le(&(struct hf_writer){ .buf = t->chain[slot], .cap = 4 }, w.len, 4);
}

static inline void talk_renew(struct talk *t)
{
	struct hf_spdm_options options = { .arena = &talk_arena, .padded = t->padded,
					   .seed = t->seed, .path = "pci:0000:01/00.0" };

	talk_arena.len = 0;
	memset(talk_arena.base, 0xaa, 1 << 16);
	memset(&t->s, 0xaa, sizeof(t->s));
	assert_int_equal(hf_spdm_open(&options, &t->s), HF_OK);
	t->a = (struct hf_writer){ .buf = t->a_buf, .cap = sizeof(t->a_buf) };
	t->b = (struct hf_writer){ .buf = t->b_buf, .cap = sizeof(t->b_buf) };
	t->l = (struct hf_writer){ .buf = t->l_buf, .cap = sizeof(t->l_buf) };
	t->q = (struct hf_writer){ .buf = t->q_buf, .cap = sizeof(t->q_buf) };
	t->r = (struct hf_writer){ .buf = t->r_buf, .cap = sizeof(t->r_buf) };
}

static inline struct talk *talk_new(uint8_t version)
{
	static struct talk t;
	static struct device_cert root, leaf;
	const struct device_spec root_spec = ROOT_SPEC, leaf_spec = LEAF_SPEC;

	if (!root.cert) {
		root = device_make(&root_spec, device_key("P-256"), NULL);
		leaf = device_make(&leaf_spec, device_key("P-256"), &root);
	}
	memset(&t, 0, sizeof(t));
	t.version = version;
	t.flags = 0x36;		/* certificates, challenge, signed measurements, fresh */
	t.asked_flags = 6;
	t.asym = t.offered_asym = 0x10;
	t.hash = t.offered_hash = 1;
	t.measurement_hash = 2;
	t.other = t.asked_other = version >= 0x12 ? 2 : 0;
	t.hash_len = 32;
	t.md = "SHA256";
	t.slot_mask = 1;
	t.root = root;
	t.leaf = leaf;
	talk_chain(&t, 0, (struct device_cert[]){ root, leaf }, 2);
	talk_chain(&t, 1, (struct device_cert[]){ leaf }, 1);	/* without its root */
	talk_renew(&t);
	return &t;
}

static inline void talk_end(struct talk *t)
{
	hf_spdm_close(&t->s);
}

/* ---- signatures, by libcrypto and DSP0274 alone ---- */

static inline void talk_sign(struct talk *t, const char *context, struct hf_span m)
{
	uint8_t message[200] = { 0 }, der[256], raw[64];
	struct hf_span what = m;
	unsigned digest_len = 0;
	size_t der_len = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const unsigned char *p = der;
	ECDSA_SIG *sig;

	if (t->version >= 0x12) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "dmtf-spdm-v1.%d.*", t->version & 15);
		for (size_t i = 0; i < 4; i++)
			memcpy(message + 16 * i, prefix, 16);
		memcpy(message + 100 - strlen(context), context, strlen(context));
		assert_int_equal(EVP_Digest(m.ptr, m.len, message + 100, &digest_len,
					    EVP_get_digestbyname(t->md), NULL), 1);
		what = (struct hf_span){ message, 100 + digest_len };
	}
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_get_digestbyname(t->md), NULL, t->leaf.key), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &der_len, what.ptr, what.len), 1);
	EVP_MD_CTX_free(ctx);
	sig = d2i_ECDSA_SIG(NULL, &p, (long)der_len);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
	ECDSA_SIG_free(sig);
	hf_put(&t->r, raw, sizeof(raw));
}

/* ---- the conversation's steps, each a pair ---- */

static inline enum hf_err talk_version(struct talk *t)
{
	t->a.len = t->b.len = t->l.len = 0;
	talk_begin(t, 0x84, 0, 0);
	talk_answer(t, 0, 0);
	hf_put(&t->r, (uint8_t[]){ 0, 2, 0, 0x10, 0, t->version }, 6);
	talk_lie(t);
	talk_add(t, &t->a);
	return talk_take(t);
}

static inline enum hf_err talk_capabilities(struct talk *t)
{
	talk_begin(t, 0xe1, 0, 0);
	talk_answer(t, 0, 0);
	if (t->version >= 0x11) {
		hf_put_le(&t->q, 0, 4);
		hf_put_le(&t->q, t->asked_flags, 4);
	}
	hf_put_le(&t->r, 0, 4);
	hf_put_le(&t->r, t->flags, 4);
	if (t->version >= 0x12)
		for (size_t i = 0; i < 2; i++) {
			hf_put_le(&t->q, 0x1200, 4);
			hf_put_le(&t->r, 0x1200, 4);
		}
	talk_lie(t);
	talk_add(t, &t->a);
	return talk_take(t);
}

static inline enum hf_err talk_algorithms(struct talk *t)
{
	talk_begin(t, 0xe3, 0, 0);
	talk_answer(t, 0, 0);
	hf_put(&t->q, (uint8_t[]){ 32, 0, 1, t->asked_other }, 4);
	hf_put_le(&t->q, t->offered_asym, 4);
	hf_put_le(&t->q, t->offered_hash, 4);
	hf_put(&t->q, (uint8_t[16]){ 0 }, 16);
	hf_put(&t->r, (uint8_t[]){ 36, 0, t->flags & 0x18 ? 1 : 0, t->other }, 4);
	hf_put_le(&t->r, t->measurement_hash, 4);
	hf_put_le(&t->r, t->asym, 4);
	hf_put_le(&t->r, t->hash, 4);
	hf_put(&t->r, (uint8_t[16]){ 0 }, 16);
	talk_lie(t);
	talk_add(t, &t->a);
	return talk_take(t);
}

static inline enum hf_err talk_negotiate(struct talk *t)
{
	enum hf_err err = talk_version(t);

	if (!err)
		err = talk_capabilities(t);
	return err ? err : talk_algorithms(t);
}

static inline void talk_hash(const struct talk *t, size_t slot, uint8_t out[static 64])
{
	assert_int_equal(EVP_Digest(t->chain[slot], t->chain_len[slot], out, NULL,
				    EVP_get_digestbyname(t->md), NULL), 1);
}

static inline enum hf_err talk_digests(struct talk *t)
{
	uint8_t hash[64];

	t->b.len = t->l.len = 0;
	talk_begin(t, 0x81, 0, 0);
	talk_answer(t, t->version >= 0x13 ? t->slot_mask : 0, t->slot_mask);
	for (size_t i = 0; i < 2; i++) {
		talk_hash(t, i, hash);
		if (t->slot_mask >> i & 1)
			hf_put(&t->r, hash, t->hash_len);
	}
	talk_lie(t);
	talk_add(t, &t->b);
	return talk_take(t);
}

static inline enum hf_err talk_portion(struct talk *t, uint8_t slot, size_t offset, size_t len)
{
	size_t left = t->chain_len[slot] - offset, portion = len < left ? len : left;

	t->l.len = 0;
	talk_begin(t, 0x82, slot, 0);
	hf_put_le(&t->q, offset, 2);
	hf_put_le(&t->q, len, 2);
	talk_answer(t, slot, 0);
	hf_put_le(&t->r, portion, 2);
	hf_put_le(&t->r, left - portion, 2);
	hf_put(&t->r, t->chain[slot] + offset, portion);
	talk_lie(t);
	talk_add(t, &t->b);
	return talk_take(t);
}

static inline enum hf_err talk_certificate(struct talk *t, uint8_t slot, size_t portion)
{
	enum hf_err err = HF_OK;

	for (size_t at = 0; at < t->chain_len[slot] && !err; at += portion)
		err = talk_portion(t, slot, at, portion);
	return err;
}

static inline void talk_nonce(struct talk *t, uint8_t out[static 32])
{
	if (t->seed)
		assert_int_equal(hf_spdm_nonce(t->seed, "pci:0000:01/00.0", t->nonce++, out), HF_OK);
	else
		memset(out, ++t->nonce, 32);
}

static inline void talk_challenge_build(struct talk *t, uint8_t slot, uint8_t summary)
{
	uint8_t nonce[32], hash[64];

	talk_nonce(t, nonce);
	talk_hash(t, slot, hash);
	talk_begin(t, 0x83, slot, summary);
	hf_put(&t->q, nonce, 32);
	talk_answer(t, slot, t->slot_mask);
	hf_put(&t->r, hash, t->hash_len);
	hf_put(&t->r, (uint8_t[32]){ 0x77 }, 32);
	if (summary)
		hf_put(&t->r, (uint8_t[32]){ 0x66 }, 32);
	hf_put_le(&t->r, 0, 2);
	if (t->version >= 0x13) {
		hf_put_le(&t->q, 0x1122334455667788, 8);
		hf_put_le(&t->r, 0x1122334455667788, 8);
	}
	talk_lie(t);
}

static inline enum hf_err talk_challenge(struct talk *t, uint8_t slot)
{
	static uint8_t m1[1 << 18];
	struct hf_writer w = { .buf = m1, .cap = sizeof(m1) };

	t->l.len = 0;
	talk_challenge_build(t, slot, 0);
	hf_put_span(&w, hf_written(&t->a));
	hf_put_span(&w, hf_written(&t->b));
	talk_add(t, &w);
	talk_sign(t, t->wrong_context ? "responder-measurements signing" : "responder-challenge_auth signing",
		  hf_written(&w));
	t->b.len = 0;		/* M1 begins anew */
	return talk_take(t);
}

static inline void talk_block(struct talk *t, uint8_t index)
{
	hf_put(&t->r, (uint8_t[]){ index, 1, TALK_BLOCK_LEN + 3, 0, 1, TALK_BLOCK_LEN, 0 }, 7);
	for (size_t i = 0; i < TALK_BLOCK_LEN; i++)
		hf_put_le(&t->r, index, 1);
}

/* The device has indices 1, 2 and 0x10. operation 0, an index, 0xff; -1: unsigned. */
static inline void talk_measure_build(struct talk *t, uint8_t operation, int slot)
{
	static const uint8_t indices[] = { 1, 2, 0x10 };
	size_t count = operation == 0 ? 0 : operation == 0xff ? 3 : 1;
	uint8_t nonce[32];

	talk_begin(t, 0xe0, slot >= 0, operation);
	if (slot >= 0) {
		talk_nonce(t, nonce);
		hf_put(&t->q, nonce, 32);
		if (t->version >= 0x11)
			hf_put_le(&t->q, (uint8_t)slot, 1);
	}
	talk_answer(t, operation == 0 ? 3 : 0, slot > 0 ? (uint8_t)slot : 0);
	hf_put_le(&t->r, count, 1);
	hf_put_le(&t->r, count * (7 + TALK_BLOCK_LEN), 3);
	for (size_t i = 0; i < count; i++)
		talk_block(t, operation == 0xff ? indices[i] : operation);
	hf_put(&t->r, (uint8_t[32]){ 0x55 }, 32);
	hf_put_le(&t->r, 0, 2);
	if (t->version >= 0x13) {
		hf_put_le(&t->q, 0x1122334455667788, 8);
		hf_put_le(&t->r, 0x1122334455667788, 8);
	}
	talk_lie(t);
}

/* Signs what was built, and begins a new L1. */
static inline void talk_measure_sign(struct talk *t)
{
	static uint8_t l1[1 << 18];
	struct hf_writer w = { .buf = l1, .cap = sizeof(l1) };

	if (t->version >= 0x12)
		hf_put_span(&w, hf_written(&t->a));
	hf_put_span(&w, hf_written(&t->l));
	talk_sign(t, t->wrong_context ? "responder-challenge_auth signing" : "responder-measurements signing",
		  hf_written(&w));
	t->l.len = 0;
}

static inline enum hf_err talk_measure(struct talk *t, uint8_t operation, int slot)
{
	talk_measure_build(t, operation, slot);
	talk_add(t, &t->l);
	if (slot >= 0)
		talk_measure_sign(t);
	return talk_take(t);
}

/* The pair that was built is answered by ERROR instead. */
static inline enum hf_err talk_error(struct talk *t, uint8_t code, uint8_t data,
				     const uint8_t *extended, size_t len)
{
	t->r.len = 0;
	hf_put(&t->r, (uint8_t[]){ t->q_buf[0], 0x7f, code, data }, 4);
	hf_put(&t->r, extended, len);
	return talk_take(t);
}

/* Up to where measurements can be signed by slot 0. */
static inline void talk_identify(struct talk *t)
{
	assert_int_equal(talk_negotiate(t), HF_OK);
	assert_int_equal(talk_digests(t), HF_OK);
	assert_int_equal(talk_certificate(t, 0, 500), HF_OK);
}

#endif
