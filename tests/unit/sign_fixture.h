/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed messages that our own signer would never make: any protected header, any
 * unprotected one, correctly signed with Ed25519. */
#ifndef HF_TESTS_SIGN_FIXTURE_H
#define HF_TESTS_SIGN_FIXTURE_H

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "measure/cose.h"

#define BYTES(...) ((struct hf_span){ (const uint8_t[]){ __VA_ARGS__ }, \
				      sizeof((const uint8_t[]){ __VA_ARGS__ }) })

struct pem { uint8_t bytes[4096]; struct hf_span span; };

static inline void pem_of(const struct hf_key *key, bool private_key, struct pem *ret)
{
	struct hf_writer w = { .buf = ret->bytes, .cap = sizeof(ret->bytes) };

	assert_int_equal(hf_key_write_pem(key, private_key, &w), HF_OK);
	ret->span = hf_written(&w);
}

/* header: the protected map, encoded; unprotected: a whole encoded map. */
static inline void sign_raw(const struct hf_key *key, struct hf_span header,
			    struct hf_span unprotected, struct hf_span payload,
			    struct hf_writer *w)
{
	static uint8_t tbs[1 << 20];
	struct hf_writer t = { .buf = tbs, .cap = sizeof(tbs) };
	uint8_t signature[64];
	size_t len = sizeof(signature);
	struct pem pem;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *pkey;
	BIO *bio;

	pem_of(key, true, &pem);
	bio = BIO_new_mem_buf(pem.span.ptr, (int)pem.span.len);
	pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(pkey);
	hf_cbor_put_array(&t, 4);
	hf_cbor_put_text(&t, "Signature1");
	hf_cbor_put_bstr(&t, header);
	hf_cbor_put_bstr(&t, (struct hf_span){ 0 });
	hf_cbor_put_bstr(&t, payload);
	assert_false(t.full);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, tbs, t.len), 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	hf_cbor_put_tag(w, 18);
	hf_cbor_put_array(w, 4);
	hf_cbor_put_bstr(w, header);
	hf_put_span(w, unprotected);
	hf_cbor_put_bstr(w, payload);
	hf_cbor_put_bstr(w, (struct hf_span){ signature, len });
	assert_false(w->full);
}

static inline const char *corpus_path(const char *name, char *buf, size_t cap)
{
	const char *root = getenv("HOLDFAST_CORPUS");

	snprintf(buf, cap, "%s/%s", root ? root : "../shared/data", name);
	return buf;
}

/* NULL when the corpus is not there; the caller frees. */
static inline uint8_t *corpus_read(const char *name, size_t *ret_len)
{
	char path[512];
	FILE *in = fopen(corpus_path(name, path, sizeof(path)), "rb");
	uint8_t *bytes;

	if (!in) {
		printf("SKIP %s is not there\n", path);
		return NULL;
	}
	bytes = malloc(1 << 20);
	assert_non_null(bytes);
	*ret_len = fread(bytes, 1, 1 << 20, in);
	fclose(in);
	return bytes;
}

#endif
