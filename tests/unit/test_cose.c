/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include <openssl/rsa.h>

#include "tests/unit/sign_fixture.h"

#define PAYLOAD hf_span_text("payload")

static struct hf_key *key_of(enum hf_cose_alg alg)
{
	struct hf_key *key = NULL;

	assert_int_equal(hf_key_generate(alg, &key), HF_OK);
	assert_int_equal(hf_key_alg(key), alg);
	return key;
}

static struct hf_key *public_half(const struct hf_key *key)
{
	struct hf_key *half = NULL;
	uint8_t a[HF_KEY_ID], b[HF_KEY_ID];
	struct pem pem;

	pem_of(key, false, &pem);
	assert_int_equal(hf_key_read_pem(pem.span, false, &half), HF_OK);
	hf_key_id(key, a);
	hf_key_id(half, b);
	assert_memory_equal(a, b, HF_KEY_ID);
	return half;
}

/* *ret must be as it was after a refusal. */
static enum hf_err parse(struct hf_span in)
{
	struct hf_cose cose, poison;
	enum hf_err err;

	memset(&cose, 0xaa, sizeof(cose));
	memcpy(&poison, &cose, sizeof(cose));
	err = hf_cose_parse(in, &cose);
	if (err)
		assert_memory_equal(&cose, &poison, sizeof(cose));
	return err;
}

static void every_algorithm_round_trips(void **state)
{
	static const enum hf_cose_alg algs[] = { HF_COSE_ES256, HF_COSE_ES384, HF_COSE_ES512,
						 HF_COSE_EDDSA };
	static const size_t signature_len[] = { 64, 96, 132, 64 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t buf[1024];
		struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
		struct hf_key *key = key_of(algs[i]), *half = public_half(key);
		struct hf_cose cose;
		uint8_t id[HF_KEY_ID];

		assert_int_equal(hf_cose_sign(key, "text/plain", "owner", PAYLOAD, &w), HF_OK);
		assert_int_equal(hf_cose_parse(hf_written(&w), &cose), HF_OK);
		assert_int_equal(cose.alg, algs[i]);
		assert_int_equal(cose.signature.len, signature_len[i]);
		assert_true(hf_span_equal(cose.payload, PAYLOAD));
		assert_true(hf_span_equal(cose.content_type, hf_span_text("text/plain")));
		hf_key_id(key, id);
		assert_true(hf_span_equal(cose.kid, (struct hf_span){ id, sizeof(id) }));
		assert_true(hf_span_equal(cose.meta, BYTES(0xa1, 0, 0xa1, 0, 0x65, 'o', 'w', 'n', 'e', 'r')));
		assert_false(cose.hash_envelope);
		assert_int_equal(hf_cose_verify(&cose, half), HF_OK);
		hf_key_free(key);
		hf_key_free(half);
	}
}

static void every_byte_is_covered(void **state)
{
	uint8_t buf[1024];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_key *key = key_of(HF_COSE_ES256);
	struct hf_cose cose;

	(void)state;
	assert_int_equal(hf_cose_sign(key, "text/plain", "owner", PAYLOAD, &w), HF_OK);
	for (size_t i = 0; i < w.len; i++) {
		buf[i] ^= 0x01;
		if (hf_cose_parse(hf_written(&w), &cose) == HF_OK)
			assert_int_not_equal(hf_cose_verify(&cose, key), HF_OK);
		buf[i] ^= 0x01;
	}
	for (size_t len = 0; len < w.len; len++)
		assert_int_equal(parse((struct hf_span){ buf, len }), HF_ERR_CBOR_TRUNCATED);
	buf[w.len] = 0;
	assert_int_equal(parse((struct hf_span){ buf, w.len + 1 }), HF_ERR_CBOR_TRAILING);
	hf_key_free(key);
}

static void other_keys_do_not_verify(void **state)
{
	uint8_t buf[1024];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_key *key = key_of(HF_COSE_ES256), *other = key_of(HF_COSE_ES256);
	struct hf_key *p384 = key_of(HF_COSE_ES384), *ed = key_of(HF_COSE_EDDSA);
	struct hf_cose cose;

	(void)state;
	assert_int_equal(hf_cose_sign(key, NULL, NULL, PAYLOAD, &w), HF_OK);
	assert_int_equal(hf_cose_parse(hf_written(&w), &cose), HF_OK);
	assert_int_equal(cose.content_type.len, 0);
	assert_int_equal(cose.meta.len, 0);
	assert_int_equal(hf_cose_verify(&cose, other), HF_ERR_SIGNATURE_INVALID);
	assert_int_equal(hf_cose_verify(&cose, p384), HF_ERR_COSE_ALGORITHM);
	assert_int_equal(hf_cose_verify(&cose, ed), HF_ERR_COSE_ALGORITHM);
	cose.alg = HF_COSE_ES384;	/* the key decides, not the label */
	assert_int_equal(hf_cose_verify(&cose, key), HF_ERR_COSE_ALGORITHM);
	cose.alg = HF_COSE_ES256;
	cose.signature.len--;
	assert_int_equal(hf_cose_verify(&cose, key), HF_ERR_SIGNATURE_INVALID);
	cose.signature.len = 0;
	assert_int_equal(hf_cose_verify(&cose, key), HF_ERR_SIGNATURE_INVALID);
	hf_key_free(key);
	hf_key_free(other);
	hf_key_free(p384);
	hf_key_free(ed);
}

/* RFC 8152 appendix C.2.1, key "11" of appendix C.7.1 */
static void published_example_verifies(void **state)
{
	static const char pem[] =
		"-----BEGIN PUBLIC KEY-----\n"
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEusWxHK2PmfnHKwXPS54m0kTcGJ90\n"
		"UiglWiGahtagnv8gE4v4LcG21WK+D6VKt4BKOmS21yzP7Wtvtu0ou/wRfg==\n"
		"-----END PUBLIC KEY-----\n";
	static const uint8_t message[] = {
		0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa1, 0x04, 0x42, 0x31, 0x31, 0x54,
		'T', 'h', 'i', 's', ' ', 'i', 's', ' ', 't', 'h', 'e', ' ', 'c', 'o', 'n', 't', 'e',
		'n', 't', '.', 0x58, 0x40, 0x8e, 0xb3, 0x3e, 0x4c, 0xa3, 0x1d, 0x1c, 0x46, 0x5a,
		0xb0, 0x5a, 0xac, 0x34, 0xcc, 0x6b, 0x23, 0xd5, 0x8f, 0xef, 0x5c, 0x08, 0x31, 0x06,
		0xc4, 0xd2, 0x5a, 0x91, 0xae, 0xf0, 0xb0, 0x11, 0x7e, 0x2a, 0xf9, 0xa2, 0x91, 0xaa,
		0x32, 0xe1, 0x4a, 0xb8, 0x34, 0xdc, 0x56, 0xed, 0x2a, 0x22, 0x34, 0x44, 0x54, 0x7e,
		0x01, 0xf1, 0x1d, 0x3b, 0x09, 0x16, 0xe5, 0xa4, 0xc3, 0x45, 0xca, 0xcb, 0x36 };
	struct hf_key *key = NULL;
	struct hf_cose cose;

	(void)state;
	assert_int_equal(hf_key_read_pem(hf_span_text(pem), false, &key), HF_OK);
	assert_int_equal(hf_cose_parse((struct hf_span){ message, sizeof(message) }, &cose), HF_OK);
	assert_true(hf_span_equal(cose.kid, hf_span_text("11")));
	assert_int_equal(hf_cose_verify(&cose, key), HF_OK);
	hf_key_free(key);
}

static void pss_verifies_and_does_not_sign(void **state)
{
	static const struct { enum hf_cose_alg alg; const char *md; uint8_t label; } rows[] = {
		{ HF_COSE_PS256, "SHA256", 0x24 }, { HF_COSE_PS384, "SHA384", 0x25 },
	};
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	BIO *bio = BIO_new(BIO_s_mem());
	struct hf_key *key = NULL, *none = NULL;
	struct hf_cose cose;
	char *text;
	long len;

	(void)state;
	assert_int_equal(PEM_write_bio_PUBKEY(bio, rsa), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(hf_key_read_pem((struct hf_span){ (uint8_t *)text, (size_t)len }, false, &key), HF_OK);
	assert_int_equal(hf_key_alg(key), HF_COSE_PS256);
	for (size_t i = 0; i < 2; i++) {
		uint8_t header[] = { 0xa1, 0x01, 0x38, rows[i].label };
		uint8_t tbs[64], signature[256], buf[512];
		struct hf_writer t = { .buf = tbs, .cap = sizeof(tbs) };
		struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		size_t signature_len = sizeof(signature);
		EVP_PKEY_CTX *pctx;

		hf_cbor_put_array(&t, 4);
		hf_cbor_put_text(&t, "Signature1");
		hf_cbor_put_bstr(&t, (struct hf_span){ header, 4 });
		hf_cbor_put_bstr(&t, (struct hf_span){ 0 });
		hf_cbor_put_bstr(&t, PAYLOAD);
		assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, rows[i].md, NULL, NULL, rsa, NULL), 1);
		assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0);
		assert_int_equal(EVP_DigestSign(ctx, signature, &signature_len, tbs, t.len), 1);
		EVP_MD_CTX_free(ctx);
		hf_cbor_put_tag(&w, 18);
		hf_cbor_put_array(&w, 4);
		hf_cbor_put_bstr(&w, (struct hf_span){ header, 4 });
		hf_cbor_put_map(&w, 0);
		hf_cbor_put_bstr(&w, PAYLOAD);
		hf_cbor_put_bstr(&w, (struct hf_span){ signature, signature_len });
		assert_int_equal(hf_cose_parse(hf_written(&w), &cose), HF_OK);
		assert_int_equal(cose.alg, rows[i].alg);
		assert_int_equal(hf_cose_verify(&cose, key), HF_OK);
		signature[9] ^= 1;
		cose.signature = (struct hf_span){ signature, signature_len };
		assert_int_equal(hf_cose_verify(&cose, key), HF_ERR_SIGNATURE_INVALID);
	}
	assert_int_equal(hf_key_generate(HF_COSE_PS256, &none), HF_ERR_COSE_ALGORITHM);
	assert_null(none);
	hf_key_free(key);
	BIO_free(bio);
	EVP_PKEY_free(rsa);
}

#define NONE BYTES(0xa0)

static void headers_are_strict(void **state)
{
	const struct {
		const char *name;
		struct hf_span header, unprotected;
		enum hf_err err;
	} rows[] = {
		{ "plain", BYTES(0xa1, 1, 0x27), NONE, HF_OK },
		{ "kid outside", BYTES(0xa1, 1, 0x27), BYTES(0xa1, 4, 0x41, 1), HF_OK },
		{ "unknown labels", BYTES(0xa3, 1, 0x27, 0x18, 99, 1, 0x61, 'x', 2), BYTES(0xa1, 0x61, 'x', 0), HF_OK },
		{ "no header", { 0 }, NONE, HF_ERR_COSE_ALGORITHM },
		{ "empty header", NONE, NONE, HF_ERR_COSE_ALGORITHM },
		{ "alg outside only", NONE, BYTES(0xa1, 1, 0x27), HF_ERR_COSE_ALGORITHM },
		{ "alg in both", BYTES(0xa1, 1, 0x27), BYTES(0xa1, 1, 0x27), HF_ERR_COSE_ALGORITHM },
		{ "alg unknown", BYTES(0xa1, 1, 0x28), NONE, HF_ERR_COSE_ALGORITHM },
		{ "alg text", BYTES(0xa1, 1, 0x61, 'a'), NONE, HF_ERR_COSE_ALGORITHM },
		{ "alg twice", BYTES(0xa2, 1, 0x27, 1, 0x27), NONE, HF_ERR_CBOR_DUPLICATE_KEY },
		{ "critical", BYTES(0xa2, 1, 0x27, 2, 0x81, 9), NONE, HF_ERR_MANIFEST_UNKNOWN_CRITICAL },
		{ "content type number", BYTES(0xa2, 1, 0x27, 3, 0x18, 60), NONE, HF_ERR_COSE_CONTENT_TYPE },
		{ "content type outside", BYTES(0xa1, 1, 0x27), BYTES(0xa1, 3, 0x61, 'a'), HF_ERR_COSE_SHAPE },
		{ "kid in both", BYTES(0xa2, 1, 0x27, 4, 0x41, 1), BYTES(0xa1, 4, 0x41, 1), HF_ERR_COSE_SHAPE },
		{ "kid no bytes", BYTES(0xa2, 1, 0x27, 4, 1), NONE, HF_ERR_COSE_SHAPE },
		{ "header trailing", BYTES(0xa1, 1, 0x27, 0), NONE, HF_ERR_CBOR_TRAILING },
		{ "header no map", BYTES(0x80), NONE, HF_ERR_COSE_SHAPE },
		{ "unsorted", BYTES(0xa2, 4, 0x41, 1, 1, 0x27), NONE, HF_ERR_CBOR_NOT_CANONICAL },
	};
	struct hf_key *key = key_of(HF_COSE_EDDSA);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t buf[512];
		struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
		struct hf_cose cose;
		enum hf_err err;

		sign_raw(key, rows[i].header, rows[i].unprotected, PAYLOAD, &w);
		err = parse(hf_written(&w));
		if (err != rows[i].err)
			fail_msg("%s: %s instead of %s", rows[i].name, hf_err_name(err),
				 hf_err_name(rows[i].err));
		if (!err) {
			assert_int_equal(hf_cose_parse(hf_written(&w), &cose), HF_OK);
			assert_int_equal(hf_cose_verify(&cose, key), HF_OK);
		}
	}
	hf_key_free(key);
}

static void shapes_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse((struct hf_span){ 0 }), HF_ERR_CBOR_TRUNCATED);
	assert_int_equal(parse(BYTES(0x84, 0x43, 0xa1, 1, 0x27, 0xa0, 0x40, 0x40)), HF_ERR_COSE_SHAPE);
	assert_int_equal(parse(BYTES(0xd1, 0x84, 0x43, 0xa1, 1, 0x27, 0xa0, 0x40, 0x40)), HF_ERR_COSE_SHAPE);
	assert_int_equal(parse(BYTES(0xd2, 0x83, 0x43, 0xa1, 1, 0x27, 0xa0, 0x40)), HF_ERR_COSE_SHAPE);
	assert_int_equal(parse(BYTES(0xd2, 0xa0)), HF_ERR_COSE_SHAPE);
	/* a detached payload */
	assert_int_equal(parse(BYTES(0xd2, 0x84, 0x43, 0xa1, 1, 0x27, 0xa0, 0xf6, 0x40)), HF_ERR_COSE_SHAPE);
	assert_int_equal(parse(BYTES(0xd2, 0x84, 0x43, 0xa1, 1, 0x27, 0xa0, 0x40, 0x40)), HF_OK);
	assert_int_equal(parse((struct hf_span){ (const uint8_t *)"", HF_COSE_MAX + 1 }), HF_ERR_FILE_TOO_LARGE);
}

static void pem_files(void **state)
{
	struct hf_key *key = key_of(HF_COSE_ES384), *ret = NULL;
	static uint8_t big[(64 << 10) + 1];
	struct pem public_pem, private_pem;
	uint8_t two[8192];
	struct hf_writer w = { .buf = two, .cap = sizeof(two) }, small = { .buf = big, .cap = 8 };

	(void)state;
	pem_of(key, false, &public_pem);
	pem_of(key, true, &private_pem);
	assert_int_equal(hf_key_read_pem(private_pem.span, false, &ret), HF_ERR_KEY_INVALID);
	assert_int_equal(hf_key_read_pem(public_pem.span, true, &ret), HF_ERR_KEY_INVALID);
	assert_int_equal(hf_key_read_pem((struct hf_span){ 0 }, false, &ret), HF_ERR_KEY_INVALID);
	assert_int_equal(hf_key_read_pem(hf_span_text("no key"), false, &ret), HF_ERR_KEY_INVALID);
	memset(big, '\n', sizeof(big));
	assert_int_equal(hf_key_read_pem((struct hf_span){ big, sizeof(big) }, false, &ret), HF_ERR_KEY_INVALID);
	hf_put_span(&w, public_pem.span);
	hf_put_span(&w, public_pem.span);
	assert_int_equal(hf_key_read_pem(hf_written(&w), false, &ret), HF_ERR_KEY_INVALID);
	assert_null(ret);
	assert_int_equal(hf_key_write_pem(key, false, &small), HF_ERR_LIMIT);
	assert_int_equal(hf_key_read_pem(public_pem.span, false, &ret), HF_OK);
	assert_int_equal(hf_key_write_pem(ret, true, &w), HF_ERR_KEY_INVALID);
	assert_int_equal(hf_cose_sign(ret, "a", "b", PAYLOAD, &w), HF_ERR_KEY_INVALID);
	hf_key_free(ret);
	hf_key_free(key);
	hf_key_free(NULL);
}

/* With a terminal, OpenSSL's own callback would wait for a passphrase here. */
static void encrypted_keys_are_refused(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	struct hf_key *ret = NULL;
	char pass[] = "x", *text;
	long len;

	(void)state;
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_128_cbc(), pass, 1, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(hf_key_read_pem((struct hf_span){ (uint8_t *)text, (size_t)len }, true, &ret), HF_ERR_KEY_INVALID);
	assert_null(ret);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

static void unfit_keys_are_refused(void **state)
{
	EVP_PKEY *pkeys[] = { EVP_RSA_gen(1024), EVP_EC_gen("secp256k1"),
			      EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
			      EVP_PKEY_Q_keygen(NULL, NULL, "ED448") };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		BIO *bio = BIO_new(BIO_s_mem());
		struct hf_key *ret = NULL;
		char *text;
		long len;

		assert_non_null(pkeys[i]);
		assert_int_equal(PEM_write_bio_PUBKEY(bio, pkeys[i]), 1);
		len = BIO_get_mem_data(bio, &text);
		assert_int_equal(hf_key_read_pem((struct hf_span){ (uint8_t *)text, (size_t)len }, false, &ret), HF_ERR_KEY_INVALID);
		assert_null(ret);
		BIO_free(bio);
		EVP_PKEY_free(pkeys[i]);
	}
}

/* A signature that was made elsewhere gives the file that signing here would have given. */
static void a_signature_made_elsewhere(void **state)
{
	static const enum hf_cose_alg algs[] = { HF_COSE_ES256, HF_COSE_ES384, HF_COSE_ES512, HF_COSE_EDDSA };
	static const char *const hashes[] = { "SHA256", "SHA384", "SHA512", NULL };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t a[1024], b[1024], c[1024], bad[256];
		struct hf_writer here = { .buf = a, .cap = sizeof(a) }, there = { .buf = b, .cap = sizeof(b) };
		struct hf_writer tbs = { .buf = c, .cap = sizeof(c) }, tiny = { .buf = c, .cap = 40 };
		struct hf_key *key = key_of(algs[i]), *half = public_half(key);
		struct hf_cose cose;

		assert_int_equal(hf_cose_sign(key, "a/b", "owner", PAYLOAD, &here), HF_OK);
		assert_int_equal(hf_cose_parse(hf_written(&here), &cose), HF_OK);
		assert_int_equal(hf_cose_prepare(half, "a/b", "owner", PAYLOAD, &tbs), HF_OK);
		assert_memory_equal(c, "\x84\x6aSignature1", 12);
		assert_memory_equal(c + tbs.len - 7, "payload", 7);
		assert_int_equal(hf_cose_prepare(half, "a/b", "owner", PAYLOAD, &tiny), HF_ERR_LIMIT);
		if (hashes[i])
			assert_string_equal(hf_cose_hash_name(half), hashes[i]);
		else
			assert_null(hf_cose_hash_name(half));
		hf_put(&there, "x", 1);	/* what was there before stays */
		memcpy(bad, cose.signature.ptr, cose.signature.len);
		bad[9] ^= 1;
		assert_int_equal(hf_cose_attach(half, "a/b", "owner", PAYLOAD,
			(struct hf_span){ bad, cose.signature.len }, &there), HF_ERR_SIGNATURE_INVALID);
		assert_int_equal(hf_cose_attach(half, "a/b", "other", PAYLOAD, cose.signature, &there),
				 HF_ERR_SIGNATURE_INVALID);
		assert_int_equal(hf_cose_attach(half, "a/b", "owner", hf_span_text("pay1oad"), cose.signature, &there),
				 HF_ERR_SIGNATURE_INVALID);
		assert_int_equal(hf_cose_attach(half, "a/b", "owner", PAYLOAD, (struct hf_span){ 0 }, &there),
				 HF_ERR_SIGNATURE_INVALID);
		assert_int_equal(there.len, 1);
		assert_int_equal(hf_cose_attach(half, "a/b", "owner", PAYLOAD, cose.signature, &there), HF_OK);
		assert_int_equal(there.len, here.len + 1);
		assert_memory_equal(b + 1, a, here.len);
		hf_key_free(half);
		hf_key_free(key);
	}
}

/* Whether or not there is a PKCS#11 module: a refusal by name, and nothing is returned. In
 * a process of its own: such modules never free what they allocate when they are loaded. */
static void tokens_that_are_not_there(void **state)
{
	struct hf_key *key = (struct hf_key *)(uintptr_t)0xaa;
	char detail[128] = "";
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		enum hf_err err = hf_key_read_token("pkcs11:token=nobody;object=nothing", &key, detail,
						    sizeof(detail));

		_exit(err == HF_ERR_KEY_TOKEN && key == (struct hf_key *)(uintptr_t)0xaa && detail[0] ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_full_writer_is_an_error(void **state)
{
	uint8_t buf[100];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_key *key = key_of(HF_COSE_ES256);

	(void)state;
	assert_int_equal(hf_cose_sign(key, "a", "b", PAYLOAD, &w), HF_ERR_LIMIT);
	hf_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_algorithm_round_trips),
		cmocka_unit_test(every_byte_is_covered),
		cmocka_unit_test(other_keys_do_not_verify),
		cmocka_unit_test(published_example_verifies),
		cmocka_unit_test(pss_verifies_and_does_not_sign),
		cmocka_unit_test(headers_are_strict),
		cmocka_unit_test(shapes_are_refused),
		cmocka_unit_test(pem_files),
		cmocka_unit_test(encrypted_keys_are_refused),
		cmocka_unit_test(unfit_keys_are_refused),
		cmocka_unit_test(a_full_writer_is_an_error),
		cmocka_unit_test(a_signature_made_elsewhere),
		cmocka_unit_test(tokens_that_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
