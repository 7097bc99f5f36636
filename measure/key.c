/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing keys and anchors: PEM in and out, and which algorithm a key is for.
 * [edge: libcrypto] */
#include "measure/key.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define PEM_MAX (64u << 10)

static const struct hf_scheme schemes[] = {
	{ HF_COSE_ES256, "EC", "prime256v1", "SHA256", 32, false },
	{ HF_COSE_ES384, "EC", "secp384r1", "SHA384", 48, false },
	{ HF_COSE_ES512, "EC", "secp521r1", "SHA512", 66, false },
	{ HF_COSE_EDDSA, "ED25519", NULL, NULL, 0, false },
	{ HF_COSE_PS256, "RSA", NULL, "SHA256", 0, true },
	{ HF_COSE_PS384, "RSA", NULL, "SHA384", 0, true },
};
#define SCHEME_COUNT (sizeof(schemes) / sizeof(schemes[0]))

const struct hf_scheme *hf_scheme_of(int64_t alg)
{
	for (size_t i = 0; i < SCHEME_COUNT; i++)
		if (schemes[i].alg == alg)
			return &schemes[i];
	return NULL;
}

bool hf_scheme_fits(const struct hf_scheme *scheme, const struct evp_pkey_st *pkey)
{
	char group[64];
	size_t len;

	if (!EVP_PKEY_is_a(pkey, scheme->type))
		return false;
	if (scheme->pss) {
		int bits = EVP_PKEY_get_bits(pkey);

		return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
	}
	if (!scheme->group)
		return true;
	return EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group,
					      sizeof(group), &len) == 1 &&
	       strcmp(group, scheme->group) == 0;
}

enum hf_err hf_key_new(struct evp_pkey_st *pkey, bool private_key, struct hf_key **ret)
{
	const struct hf_scheme *scheme = NULL;
	struct hf_key *key = calloc(1, sizeof(*key));
	struct hf_digest id;
	unsigned char *der = NULL;
	int der_len;
	enum hf_err err = HF_ERR_KEY_INVALID;

	if (!key) {
		EVP_PKEY_free(pkey);
		return HF_ERR_NO_MEMORY;
	}
	key->pkey = pkey;
	key->private_key = private_key;
	for (size_t i = 0; i < SCHEME_COUNT && !scheme; i++)
		if (hf_scheme_fits(&schemes[i], pkey))
			scheme = &schemes[i];
	der_len = i2d_PUBKEY(pkey, &der);
	if (!scheme || der_len <= 0)
		goto out;
	err = hf_digest(HF_ALG_SHA256, (struct hf_span){ der, (size_t)der_len }, &id);
	if (err)
		goto out;
	key->alg = scheme->alg;
	memcpy(key->id, id.bytes, HF_KEY_ID);
	*ret = key;
	key = NULL;
out:
	OPENSSL_free(der);
	hf_key_free(key);
	return err;
}

/* OpenSSL's own callback would ask on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *self)
{
	(void)buf, (void)size, (void)writing, (void)self;
	return -1;
}

bool hf_pem_single(struct hf_span pem)
{
	static const char mark[] = "-----BEGIN ";
	const uint8_t *first;

	if (pem.len == 0 || pem.len > PEM_MAX)
		return false;
	first = memmem(pem.ptr, pem.len, mark, sizeof(mark) - 1);
	if (!first)
		return false;
	first += sizeof(mark) - 1;
	return !memmem(first, pem.len - (size_t)(first - pem.ptr), mark, sizeof(mark) - 1);
}

enum hf_err hf_key_read_pem(struct hf_span pem, bool private_key, struct hf_key **ret)
{
	EVP_PKEY *pkey;
	BIO *bio;

	if (!hf_pem_single(pem))
		return HF_ERR_KEY_INVALID;
	bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	if (!bio)
		return HF_ERR_NO_MEMORY;
	pkey = private_key ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
			   : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (!pkey)
		return HF_ERR_KEY_INVALID;
	return hf_key_new(pkey, private_key, ret);
}

enum hf_err hf_key_generate(enum hf_cose_alg alg, struct hf_key **ret)
{
	const struct hf_scheme *scheme = hf_scheme_of(alg);
	EVP_PKEY *pkey;

	if (!scheme || scheme->pss)
		return HF_ERR_COSE_ALGORITHM;
	pkey = scheme->group ? EVP_PKEY_Q_keygen(NULL, NULL, scheme->type, scheme->group)
			     : EVP_PKEY_Q_keygen(NULL, NULL, scheme->type);
	if (!pkey)
		return HF_ERR_INTERNAL;
	return hf_key_new(pkey, true, ret);
}

enum hf_err hf_key_write_pem(const struct hf_key *key, bool private_key, struct hf_writer *w)
{
	BIO *bio;
	char *text;
	long len;
	int ok;
	enum hf_err err = HF_ERR_INTERNAL;

	if (private_key && !key->private_key)
		return HF_ERR_KEY_INVALID;
	bio = BIO_new(BIO_s_secmem());
	if (!bio)
		return HF_ERR_NO_MEMORY;
	ok = private_key ? PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL)
			 : PEM_write_bio_PUBKEY(bio, key->pkey);
	len = BIO_get_mem_data(bio, &text);
	if (ok == 1 && len > 0) {
		hf_put(w, text, (size_t)len);
		err = w->full ? HF_ERR_LIMIT : HF_OK;
	}
	BIO_free(bio);
	return err;
}

void hf_key_free(struct hf_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	X509_free(key->cert);
	free(key);
}

void hf_key_id(const struct hf_key *key, uint8_t ret[static HF_KEY_ID])
{
	memcpy(ret, key->id, HF_KEY_ID);
}

enum hf_cose_alg hf_key_alg(const struct hf_key *key)
{
	return key->alg;
}

bool hf_key_fits(const struct hf_key *key, enum hf_cose_alg alg)
{
	const struct hf_scheme *scheme = hf_scheme_of(alg);

	return scheme && hf_scheme_fits(scheme, key->pkey);
}
