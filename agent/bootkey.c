/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/bootkey.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/random.h>

#include "measure/arena.h"

#define PAGE 4096
#define DER_MAX 256	/* of a P-256 private key */

/* Between uses the private key lies in one page that no child gets: those that read devices and
 * parse what strangers wrote have no use for it. */
struct hf_boot_key {
	struct hf_arena page;
	struct hf_span der;	/* in it */
	EVP_PKEY *pkey;		/* while it is lent; else NULL */
	uint8_t certificate[HF_BOOT_CERTIFICATE_MAX];
	size_t certificate_len;
};

EVP_PKEY *hf_boot_key_pkey(const struct hf_boot_key *key)
{
	return key->pkey;
}

enum hf_err hf_boot_key_lend(struct hf_boot_key *key)
{
	const unsigned char *der = key->der.ptr;

	if (!key->pkey)
		key->pkey = d2i_AutoPrivateKey(NULL, &der, (long)key->der.len);
	return key->pkey ? HF_OK : HF_ERR_INTERNAL;
}

/* EVP_PKEY_free clears the private number (BN_clear_free). */
void hf_boot_key_take_back(struct hf_boot_key *key)
{
	EVP_PKEY_free(key->pkey);
	key->pkey = NULL;
}

static enum hf_err hide(struct hf_boot_key *key)
{
	unsigned char *der = NULL;
	const int len = i2d_PrivateKey(key->pkey, &der);
	enum hf_err err = len > 0 && len <= DER_MAX ? hf_arena_make(PAGE, &key->page) : HF_ERR_INTERNAL;

	if (err == HF_OK)
		err = hf_arena_hide(&key->page);
	if (err == HF_OK)
		err = hf_arena_copy(&key->page, (struct hf_span){ der, (size_t)len }, &key->der);
	if (len > 0)
		OPENSSL_clear_free(der, (size_t)len);
	return err;
}

struct hf_span hf_boot_key_certificate(const struct hf_boot_key *key)
{
	return (struct hf_span){ key->certificate, key->certificate_len };
}

/* Dates that hold whatever any clock says. */
static bool fill(X509 *cert, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_set_version(cert, X509_VERSION_3) &&
	       ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
	       ASN1_TIME_set_string(X509_getm_notBefore(cert), "19700101000000Z") &&
	       ASN1_TIME_set_string(X509_getm_notAfter(cert), "99991231235959Z") &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"holdfast", -1, -1, 0) &&
	       X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool certify(struct hf_boot_key *key)
{
	X509 *cert = X509_new();
	unsigned char *out = key->certificate;
	int len = cert && fill(cert, key->pkey) ? i2d_X509(cert, NULL) : 0;

	if (len > 0 && len <= HF_BOOT_CERTIFICATE_MAX)
		key->certificate_len = (size_t)i2d_X509(cert, &out);
	X509_free(cert);
	return key->certificate_len > 0;
}

static bool put_spki(const struct hf_boot_key *key, struct hf_writer *w)
{
	unsigned char *der = NULL;
	const int len = i2d_PUBKEY(key->pkey, &der);
	const bool good = len > 0 && len <= HF_BOOT_SPKI_MAX;

	if (good)
		hf_put(w, der, (size_t)len);
	OPENSSL_free(der);
	return good;
}

enum hf_err hf_boot_key_make(struct hf_span extra, struct hf_boot_key **ret,
			     struct hf_writer *ret_spki)
{
	struct hf_boot_key *key;
	uint8_t seed[48];

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return HF_ERR_INTERNAL;
	RAND_add(seed, sizeof(seed), sizeof(seed));
	OPENSSL_cleanse(seed, sizeof(seed));
	if (extra.len)	/* credited with nothing: it can only add */
		RAND_add(extra.ptr, (int)extra.len, 0);
	key = calloc(1, sizeof(*key));
	if (!key)
		return HF_ERR_NO_MEMORY;
	key->pkey = EVP_EC_gen("P-256");
	if (!key->pkey || !certify(key) || !put_spki(key, ret_spki) || hide(key) != HF_OK) {
		hf_boot_key_drop(&key);
		return HF_ERR_INTERNAL;
	}
	hf_boot_key_take_back(key);
	*ret = key;
	return HF_OK;
}

void hf_boot_key_drop(struct hf_boot_key **key)
{
	if (!*key)
		return;
	hf_boot_key_take_back(*key);
	if ((*key)->page.base) {
		OPENSSL_cleanse((*key)->page.base, (*key)->page.len);
		hf_arena_drop(&(*key)->page);
	}
	free(*key);
	*key = NULL;
}
