/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/tpm_fixture.h: quotes made with a key of our own. */
#ifndef HF_TESTS_TPM_FIXTURE_H
#define HF_TESTS_TPM_FIXTURE_H

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "measure/attest.h"

struct fake_tpm {
	EVP_PKEY *key;
	uint8_t public_area[HF_ATTEST_MAX];
	struct hf_span ak;
	struct hf_ak parsed;
	uint32_t reset_count, pcrs;
	struct hf_span nonce;
};

static inline void tpm_number(struct hf_writer *w, const BIGNUM *n)
{
	uint8_t bytes[32];

	assert_int_equal(BN_bn2binpad(n, bytes, 32), 32);
	hf_put_be(w, 32, 2);
	hf_put(w, bytes, 32);
}

static inline void tpm_coordinate(struct fake_tpm *t, struct hf_writer *w, const char *name)
{
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(t->key, name, &n), 1);
	tpm_number(w, n);
	BN_free(n);
}

static inline void tpm_make(struct fake_tpm *t)
{
	struct hf_writer w = { .buf = t->public_area, .cap = sizeof(t->public_area) };
	struct hf_span template = hf_ak_template();

	t->key = EVP_EC_gen("P-256");
	assert_non_null(t->key);
	hf_put(&w, template.ptr, template.len - 4);
	tpm_coordinate(t, &w, OSSL_PKEY_PARAM_EC_PUB_X);
	tpm_coordinate(t, &w, OSSL_PKEY_PARAM_EC_PUB_Y);
	t->ak = hf_written(&w);
	assert_int_equal(hf_ak_parse(t->ak, &t->parsed), HF_OK);
	t->reset_count = 7;
	t->pcrs = HF_QUOTE_PCRS | 1u << HF_PCR_DEFAULT;
}

static inline void tpm_attest(const struct fake_tpm *t, const struct hf_pcrs *pcrs,
			      struct hf_writer *w)
{
	static const uint8_t endorsement[4] = { 0x40, 0, 0, 0x0b };
	uint8_t values[24 * 32];
	struct hf_writer v = { .buf = values, .cap = sizeof(values) };
	struct hf_digest signer, digest;

	assert_int_equal(hf_digest2(HF_ALG_SHA256, (struct hf_span){ endorsement, 4 },
				    (struct hf_span){ t->parsed.name, 34 }, &signer), HF_OK);
	hf_put_be(w, HF_TPM_GENERATED, 4);
	hf_put_be(w, 0x8018, 2);
	hf_put_be(w, 34, 2);
	hf_put_be(w, 0xb, 2);
	hf_put(w, signer.bytes, 32);
	hf_put_be(w, t->nonce.len, 2);
	hf_put_span(w, t->nonce);
	hf_put_be(w, 123456, 8);
	hf_put_be(w, t->reset_count, 4);
	hf_put_be(w, 0, 4);
	hf_put_be(w, 1, 1);
	hf_put_be(w, 1, 8);
	hf_put_be(w, 1, 4);
	hf_put_be(w, 0xb, 2);
	hf_put_be(w, 3, 1);
	hf_put_le(w, t->pcrs, 3);
	for (size_t i = 0; i < 24; i++)
		if (t->pcrs >> i & 1)
			hf_put(&v, pcrs->value[i], 32);
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&v), &digest), HF_OK);
	hf_put_be(w, 32, 2);
	hf_put(w, digest.bytes, 32);
}

static inline void tpm_sign(const struct fake_tpm *t, struct hf_span message, struct hf_writer *w)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[128];
	const uint8_t *p = der;
	size_t len = sizeof(der);

	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, t->key, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &len, message.ptr, message.len), 1);
	EVP_MD_CTX_free(ctx);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);

	assert_non_null(sig);
	hf_put_be(w, 0x0018, 2);
	hf_put_be(w, 0x000b, 2);
	tpm_number(w, ECDSA_SIG_get0_r(sig));
	tpm_number(w, ECDSA_SIG_get0_s(sig));
	ECDSA_SIG_free(sig);
}

#endif
