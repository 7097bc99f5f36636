/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Quotes are made here with a key of our own, so that each check can be the only one
 * that fails. A quote of a real TPM stack comes from the corpus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure/attest.h"
#include "measure/file.h"

#define PCRS (HF_QUOTE_PCRS | 1u << 13)

static EVP_PKEY *key, *other_key;
static uint8_t public_buf[HF_ATTEST_MAX], attest_buf[HF_ATTEST_MAX], sig_buf[HF_ATTEST_MAX];
static const uint8_t nonce_bytes[32] = { 0xaa, 0xbb, 0xcc };
static const struct hf_span nonce = { nonce_bytes, sizeof(nonce_bytes) };
static struct hf_pcrs pcrs = { .alg = HF_ALG_SHA256 };
static struct hf_ak ak;

static void coordinates(EVP_PKEY *pkey, uint8_t x[32], uint8_t y[32])
{
	BIGNUM *bx = NULL, *by = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &bx), 1);
	assert_int_equal(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &by), 1);
	assert_int_equal(BN_bn2binpad(bx, x, 32), 32);
	assert_int_equal(BN_bn2binpad(by, y, 32), 32);
	BN_free(bx);
	BN_free(by);
}

/* TPMT_PUBLIC of the template with this key's point. */
static struct hf_span make_public(EVP_PKEY *pkey)
{
	struct hf_writer w = { .buf = public_buf, .cap = sizeof(public_buf) };
	struct hf_span template = hf_ak_template();
	uint8_t x[32], y[32];

	coordinates(pkey, x, y);
	hf_put(&w, template.ptr, template.len - 4);
	hf_put_be(&w, 32, 2);
	hf_put(&w, x, 32);
	hf_put_be(&w, 32, 2);
	hf_put(&w, y, 32);
	return hf_written(&w);
}

static void put_number(struct hf_writer *w, const BIGNUM *n)
{
	uint8_t bytes[32];

	assert_int_equal(BN_bn2binpad(n, bytes, 32), 32);
	hf_put_be(w, 32, 2);
	hf_put(w, bytes, 32);
}

/* TPMT_SIGNATURE */
static struct hf_span sign(EVP_PKEY *pkey, struct hf_span message)
{
	struct hf_writer w = { .buf = sig_buf, .cap = sizeof(sig_buf) };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[128];
	const uint8_t *p = der;
	size_t len = sizeof(der);

	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, pkey, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &len, message.ptr, message.len), 1);
	EVP_MD_CTX_free(ctx);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);

	assert_non_null(sig);
	hf_put_be(&w, 0x0018, 2);
	hf_put_be(&w, 0x000b, 2);
	put_number(&w, ECDSA_SIG_get0_r(sig));
	put_number(&w, ECDSA_SIG_get0_s(sig));
	ECDSA_SIG_free(sig);
	return hf_written(&w);
}

struct attest {		/* what a quote says; a test changes one thing */
	uint32_t magic, hierarchy, selections, pcrs;
	uint16_t type, bank;
	uint8_t safe, select_size;
	struct hf_span nonce;
	struct hf_span extra;
	bool wrong_digest, short_digest;
};

static const struct attest good = {
	.magic = HF_TPM_GENERATED, .hierarchy = HF_RH_ENDORSEMENT, .selections = 1, .pcrs = PCRS,
	.type = 0x8018, .bank = 0xb, .safe = 1, .select_size = 3,
	.nonce = { nonce_bytes, sizeof(nonce_bytes) },
};

static struct hf_span make_attest(const struct attest *a)
{
	struct hf_writer w = { .buf = attest_buf, .cap = sizeof(attest_buf) };
	uint8_t handle[4], values[24 * 32];
	struct hf_writer h = { .buf = handle, .cap = 4 }, v = { .buf = values, .cap = sizeof(values) };
	struct hf_digest digest;

	hf_put_be(&h, a->hierarchy, 4);
	assert_int_equal(hf_digest2(HF_ALG_SHA256, hf_written(&h), (struct hf_span){ ak.name, 34 },
				    &digest), HF_OK);
	hf_put_be(&w, a->magic, 4);
	hf_put_be(&w, a->type, 2);
	hf_put_be(&w, 34, 2);
	hf_put_be(&w, 0xb, 2);
	hf_put(&w, digest.bytes, 32);
	hf_put_be(&w, a->nonce.len, 2);
	hf_put_span(&w, a->nonce);
	hf_put_be(&w, 123456, 8);
	hf_put_be(&w, 7, 4);
	hf_put_be(&w, 9, 4);
	hf_put_be(&w, a->safe, 1);
	hf_put_be(&w, 0x2019102300163636u, 8);
	hf_put_be(&w, a->selections, 4);
	for (uint32_t i = 0; i < a->selections; i++) {
		hf_put_be(&w, a->bank, 2);
		hf_put_be(&w, a->select_size, 1);
		hf_put_le(&w, a->pcrs, a->select_size);
	}
	for (size_t i = 0; i < 24; i++)
		if (a->pcrs >> i & 1)
			hf_put(&v, pcrs.value[i], 32);
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&v), &digest), HF_OK);
	digest.bytes[31] ^= a->wrong_digest;
	hf_put_be(&w, a->short_digest ? 31 : 32, 2);
	hf_put(&w, digest.bytes, a->short_digest ? 31 : 32);
	hf_put_span(&w, a->extra);
	assert_false(w.full);
	return hf_written(&w);
}

static enum hf_err verify(const struct attest *a)
{
	struct hf_span attest = make_attest(a);

	return hf_quote_verify(&ak, attest, sign(key, attest), nonce, PCRS, &pcrs, NULL);
}

static void verifies(void **state)
{
	struct hf_span attest = make_attest(&good);
	struct hf_quote q;

	(void)state;
	memset(&q, 0xaa, sizeof(q));
	assert_int_equal(hf_quote_verify(&ak, attest, sign(key, attest), nonce, PCRS, &pcrs, &q),
			 HF_OK);
	assert_true(hf_span_equal(q.nonce, nonce));
	assert_true(q.clock == 123456 && q.reset_count == 7 && q.restart_count == 9 && q.safe);
	assert_true(q.firmware_version == 0x2019102300163636u);
	assert_true(q.bank == HF_ALG_SHA256 && q.pcrs == PCRS && q.pcr_digest.len == 32);
}

#define GIVES(cause, change) do { \
	struct attest a = good; \
	a.change; \
	assert_int_equal(verify(&a), cause); \
} while (0)

static void each_check_alone_refuses(void **state)
{
	static const uint8_t other[32] = { 0xaa, 0xbb, 0xcd };

	(void)state;
	GIVES(HF_OK, magic = HF_TPM_GENERATED);
	GIVES(HF_OK, safe = 0);		/* for the verifier's policy to judge */
	GIVES(HF_ERR_QUOTE_SHAPE, magic = 0xff544348);
	GIVES(HF_ERR_QUOTE_SHAPE, type = 0x8017);
	GIVES(HF_ERR_QUOTE_SHAPE, safe = 2);
	GIVES(HF_ERR_QUOTE_SHAPE, select_size = 4);
	GIVES(HF_ERR_QUOTE_SHAPE, select_size = 2);
	GIVES(HF_ERR_QUOTE_SHAPE, extra = hf_span_text("x"));
	GIVES(HF_ERR_QUOTE_SELECTION, selections = 2);
	GIVES(HF_ERR_QUOTE_SELECTION, selections = 0);
	GIVES(HF_ERR_QUOTE_SELECTION, bank = 4);
	GIVES(HF_ERR_QUOTE_SELECTION, bank = 0xc);
	GIVES(HF_ERR_QUOTE_SELECTION, bank = 0x27);
	GIVES(HF_ERR_QUOTE_SELECTION, pcrs = PCRS & ~1u);
	GIVES(HF_ERR_QUOTE_SELECTION, pcrs = PCRS | 1u << 16);
	GIVES(HF_ERR_AK_HIERARCHY, hierarchy = 0x40000001);
	GIVES(HF_ERR_AK_HIERARCHY, hierarchy = 0x40000007);
	GIVES(HF_ERR_QUOTE_NONCE, nonce.len = 31);
	GIVES(HF_ERR_QUOTE_NONCE, nonce.len = 0);
	GIVES(HF_ERR_QUOTE_NONCE, nonce.ptr = other);
	GIVES(HF_ERR_QUOTE_PCR_DIGEST, wrong_digest = true);
	GIVES(HF_ERR_QUOTE_PCR_DIGEST, short_digest = true);
}

static void every_pcr_counts(void **state)
{
	struct hf_span attest = make_attest(&good);
	struct hf_span sig = sign(key, attest);

	(void)state;
	for (uint32_t pcr = 0; pcr < 24; pcr++) {
		pcrs.value[pcr][31] ^= 1;
		assert_int_equal(hf_quote_verify(&ak, attest, sig, nonce, PCRS, &pcrs, NULL),
				 PCRS >> pcr & 1 ? HF_ERR_QUOTE_PCR_DIGEST : HF_OK);
		pcrs.value[pcr][31] ^= 1;
	}
	pcrs.alg = HF_ALG_SHA384;
	assert_int_equal(hf_quote_verify(&ak, attest, sig, nonce, PCRS, &pcrs, NULL),
			 HF_ERR_QUOTE_SELECTION);
	pcrs.alg = HF_ALG_SHA256;
	assert_int_equal(hf_quote_verify(&ak, attest, sig, nonce, PCRS | 1u << 15, &pcrs, NULL),
			 HF_ERR_QUOTE_SELECTION);
}

/* An empty nonce or an empty selection is never what was asked for. */
static void nothing_is_no_answer(void **state)
{
	struct attest a = good;
	struct hf_span attest;

	(void)state;
	a.nonce.len = 0;
	attest = make_attest(&a);
	assert_int_equal(hf_quote_verify(&ak, attest, sign(key, attest), a.nonce, PCRS, &pcrs, NULL),
			 HF_ERR_QUOTE_NONCE);
	a = good;
	a.pcrs = 0;
	attest = make_attest(&a);
	assert_int_equal(hf_quote_verify(&ak, attest, sign(key, attest), nonce, 0, &pcrs, NULL),
			 HF_ERR_QUOTE_SELECTION);
}

static enum hf_err with_sig(struct hf_span attest, struct hf_span sig)
{
	struct hf_quote q, poison;
	enum hf_err err;

	memset(&poison, 0xaa, sizeof(poison));
	q = poison;
	err = hf_quote_verify(&ak, attest, sig, nonce, PCRS, &pcrs, &q);
	if (err)
		assert_memory_equal(&q, &poison, sizeof(q));
	return err;
}

static void signature_covers_all(void **state)
{
	struct hf_span attest = make_attest(&good);
	struct hf_span sig = sign(key, attest);

	(void)state;
	for (size_t i = 0; i < attest.len; i++) {
		attest_buf[i] ^= 1;
		assert_int_equal(with_sig(attest, sig), HF_ERR_QUOTE_SIGNATURE);
		attest_buf[i] ^= 1;
	}
	for (size_t i = 0; i < sig.len; i++) {
		sig_buf[i] ^= 1;
		assert_int_equal(with_sig(attest, sig), HF_ERR_QUOTE_SIGNATURE);
		sig_buf[i] ^= 1;
	}
	for (size_t len = 0; len < sig.len; len++)
		assert_int_equal(with_sig(attest, (struct hf_span){ sig.ptr, len }),
				 HF_ERR_QUOTE_SIGNATURE);
	sig_buf[sig.len] = 0;
	assert_int_equal(with_sig(attest, (struct hf_span){ sig.ptr, sig.len + 1 }),
			 HF_ERR_QUOTE_SIGNATURE);
	assert_int_equal(with_sig(attest, sig), HF_OK);
	assert_int_equal(with_sig(attest, sign(other_key, attest)), HF_ERR_QUOTE_SIGNATURE);
	memset(sig_buf + 6, 0, 32);	/* r = 0 */
	assert_int_equal(with_sig(attest, sig), HF_ERR_QUOTE_SIGNATURE);
}

/* Numbers of 32 bytes, or shortest: a third form would be a second name for a signature. */
static void numbers_have_few_forms(void **state)
{
	struct hf_span attest = make_attest(&good), sig;
	uint8_t buf[128];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	int tries = 0;

	(void)state;
	do {		/* until r begins with one zero byte: 1 in 256 */
		sig = sign(key, attest);
	} while ((sig_buf[6] != 0 || sig_buf[7] == 0) && ++tries < 20000);
	assert_true(tries < 20000);
	assert_int_equal(with_sig(attest, sig), HF_OK);
	hf_put(&w, sig.ptr, 4);
	hf_put_be(&w, 31, 2);
	hf_put(&w, sig.ptr + 7, 31 + 34);
	assert_int_equal(with_sig(attest, hf_written(&w)), HF_OK);
	w.len = 0;
	hf_put(&w, sig.ptr, 4);
	hf_put_be(&w, 33, 2);
	hf_put_be(&w, 0, 1);
	hf_put(&w, sig.ptr + 6, 32 + 34);
	assert_int_equal(with_sig(attest, hf_written(&w)), HF_ERR_QUOTE_SIGNATURE);
	w.len = 0;
	hf_put(&w, sig.ptr, 4);
	hf_put_be(&w, 0, 2);
	hf_put(&w, sig.ptr + 38, 34);
	assert_int_equal(with_sig(attest, hf_written(&w)), HF_ERR_QUOTE_SIGNATURE);
}

/* The bytes are frozen: this test may never be changed to fit them. */
static void template_is_frozen(void **state)
{
	static const uint8_t want[] = {
		0x00, 0x23, 0x00, 0x0b, 0x00, 0x05, 0x04, 0x72, 0x00, 0x00, 0x00, 0x10,
		0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00,
	};
	struct hf_span template = hf_ak_template();

	(void)state;
	assert_int_equal(template.len, sizeof(want));
	assert_memory_equal(template.ptr, want, sizeof(want));
}

static void every_bit_of_the_key_counts(void **state)
{
	struct hf_span public_area = make_public(key);
	struct hf_ak got, poison;

	(void)state;
	memset(&poison, 0xaa, sizeof(poison));
	assert_int_equal(hf_ak_parse(public_area, &got), HF_OK);
	assert_memory_equal(&got, &ak, sizeof(got));
	got = poison;
	for (size_t i = 0; i < public_area.len; i++) {	/* the template, sizes, or off the curve */
		for (int bit = 0; bit < 8; bit++) {
			public_buf[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(hf_ak_parse(public_area, &got), HF_ERR_AK_TEMPLATE);
			public_buf[i] ^= (uint8_t)(1 << bit);
		}
	}
	for (size_t len = 0; len < public_area.len; len++)
		assert_int_equal(hf_ak_parse((struct hf_span){ public_buf, len }, &got),
				 HF_ERR_AK_TEMPLATE);
	public_buf[public_area.len] = 0;
	assert_int_equal(hf_ak_parse((struct hf_span){ public_buf, public_area.len + 1 }, &got),
			 HF_ERR_AK_TEMPLATE);
	assert_int_equal(hf_ak_parse(hf_ak_template(), &got), HF_ERR_AK_TEMPLATE);
	assert_memory_equal(&got, &poison, sizeof(got));
}

static void name_and_pem(void **state)
{
	struct hf_span public_area = make_public(key);
	struct hf_digest digest;
	uint8_t pem[512];
	struct hf_writer w = { .buf = pem, .cap = sizeof(pem) }, small = { .buf = pem, .cap = 10 };
	struct hf_ak off_curve = ak;

	(void)state;
	assert_int_equal(hf_digest(HF_ALG_SHA256, public_area, &digest), HF_OK);
	assert_memory_equal(ak.name, "\x00\x0b", 2);
	assert_memory_equal(ak.name + 2, digest.bytes, 32);
	assert_int_equal(hf_ak_pem(&ak, &w), HF_OK);
	BIO *bio = BIO_new_mem_buf(pem, (int)w.len);
	EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

	assert_non_null(pkey);
	assert_int_equal(EVP_PKEY_eq(pkey, key), 1);
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	assert_int_equal(hf_ak_pem(&ak, &small), HF_ERR_LIMIT);
	off_curve.y[31] ^= 1;
	assert_int_equal(hf_ak_pem(&off_curve, &w), HF_ERR_AK_TEMPLATE);
	struct hf_span attest = make_attest(&good);

	assert_int_equal(hf_quote_verify(&off_curve, attest, sign(key, attest), nonce, PCRS, &pcrs,
					 NULL), HF_ERR_AK_TEMPLATE);
}

static void parse_reads_only_whole_quotes(void **state)
{
	struct hf_span attest = make_attest(&good);
	struct hf_quote q, poison;

	(void)state;
	memset(&poison, 0xaa, sizeof(poison));
	q = poison;
	for (size_t len = 0; len < attest.len; len++)
		assert_int_not_equal(hf_quote_parse((struct hf_span){ attest.ptr, len }, &q), HF_OK);
	assert_memory_equal(&q, &poison, sizeof(q));
}

static void quote_of_a_real_stack(void **state)
{
	const char *corpus = getenv("HOLDFAST_CORPUS");
	static uint8_t ours[1024];
	struct hf_writer w = { .buf = ours, .cap = sizeof(ours) };
	char dir[512], path[600];
	struct hf_arena arena;
	struct hf_span msg, sig, values, log;
	struct hf_quote q;
	struct hf_pcrs replayed;
	struct hf_ak other;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/eventlogs/swtpm-quote", corpus ? corpus : "../shared/data");
	if (access(dir, R_OK) != 0) {
		printf("SKIP no corpus: set HOLDFAST_CORPUS\n");
		skip();
	}
	assert_int_equal(hf_arena_make(1 << 20, &arena), HF_OK);
#define LOAD(name, ret) \
	snprintf(path, sizeof(path), "%s/%s", dir, name); \
	assert_int_equal(hf_file_read(AT_FDCWD, path, 65536, &arena, ret, NULL), HF_OK)
	LOAD("q.msg", &msg);
	LOAD("q.sig", &sig);
	LOAD("q.pcrs", &values);
	LOAD("t16.bin", &log);
	assert_int_equal(hf_quote_parse(msg, &q), HF_OK);
	assert_true(q.nonce.len == 4 && memcmp(q.nonce.ptr, "\xaa\xbb\xcc\xdd", 4) == 0);
	assert_true(q.bank == HF_ALG_SHA256 && q.pcrs == 1u << 16 && !q.safe == 0);
	assert_int_equal(hf_log_replay(log, HF_ALG_SHA256, &replayed), HF_OK);
	hf_pcrs_tools_format(&replayed, 1u << 16, &w);
	assert_true(hf_span_equal(hf_written(&w), values));

	/* Its key: the signature verifies, but the key lies in the owner hierarchy. */
	snprintf(path, sizeof(path), "%s/ak.pem", dir);
	FILE *f = fopen(path, "r");
	EVP_PKEY *pkey = f ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;

	assert_non_null(pkey);
	fclose(f);
	memset(&other, 0, sizeof(other));
	coordinates(pkey, other.x, other.y);
	assert_int_equal(hf_quote_verify(&other, msg, sig, q.nonce, 1u << 16, &replayed, NULL),
			 HF_ERR_AK_HIERARCHY);
	other.x[0] ^= 1;
	assert_int_equal(hf_quote_verify(&other, msg, sig, q.nonce, 1u << 16, &replayed, NULL),
			 HF_ERR_AK_TEMPLATE);
	assert_int_equal(hf_quote_verify(&ak, msg, sig, q.nonce, 1u << 16, &replayed, NULL),
			 HF_ERR_QUOTE_SIGNATURE);
	EVP_PKEY_free(pkey);
	hf_arena_drop(&arena);
}

/* 132 bytes of selection, a count, and lists of eight digests. */
static void tools_format(void **state)
{
	static uint8_t buf[4096];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	(void)state;
	hf_pcrs_tools_format(&pcrs, PCRS, &w);
	assert_int_equal(w.len, 132 + 4 + 2 * 532);	/* 13 PCRs */
	assert_memory_equal(buf, "\1\0\0\0\xb\0\3\xff\x7a\0\0\0", 12);
	assert_memory_equal(buf + 132, "\2\0\0\0\x8\0\0\0\x20\0", 10);
	assert_memory_equal(buf + 136 + 532, "\5\0\0\0\x20\0", 6);
	assert_memory_equal(buf + 136 + 532 + 6, pcrs.value[9], 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies),
		cmocka_unit_test(each_check_alone_refuses),
		cmocka_unit_test(every_pcr_counts),
		cmocka_unit_test(nothing_is_no_answer),
		cmocka_unit_test(signature_covers_all),
		cmocka_unit_test(numbers_have_few_forms),
		cmocka_unit_test(template_is_frozen),
		cmocka_unit_test(every_bit_of_the_key_counts),
		cmocka_unit_test(name_and_pem),
		cmocka_unit_test(parse_reads_only_whole_quotes),
		cmocka_unit_test(quote_of_a_real_stack),
		cmocka_unit_test(tools_format),
	};

	key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
	if (!key || !other_key || hf_ak_parse(make_public(key), &ak))
		return 1;
	for (size_t i = 0; i < 24; i++)
		memset(pcrs.value[i], (int)i + 1, 32);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
	return failed;
}
