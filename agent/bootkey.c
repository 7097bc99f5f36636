/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/bootkey.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <sys/random.h>

/* struct hf_boot_key is an EVP_PKEY under a name that says what it is. */
static EVP_PKEY *pkey(struct hf_boot_key *key)
{
	return (EVP_PKEY *)key;
}

enum hf_err hf_boot_key_make(struct hf_span extra, struct hf_boot_key **ret,
			     struct hf_writer *ret_spki)
{
	uint8_t seed[48];
	unsigned char *der = NULL;
	EVP_PKEY *key;
	int len;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return HF_ERR_INTERNAL;
	RAND_add(seed, sizeof(seed), sizeof(seed));
	OPENSSL_cleanse(seed, sizeof(seed));
	if (extra.len)	/* credited with nothing: it can only add */
		RAND_add(extra.ptr, (int)extra.len, 0);
	key = EVP_EC_gen("P-256");
	if (!key)
		return HF_ERR_INTERNAL;
	len = i2d_PUBKEY(key, &der);
	if (len <= 0 || len > HF_BOOT_SPKI_MAX) {
		OPENSSL_free(der);
		EVP_PKEY_free(key);
		return HF_ERR_INTERNAL;
	}
	hf_put(ret_spki, der, (size_t)len);
	OPENSSL_free(der);
	*ret = (struct hf_boot_key *)key;
	return HF_OK;
}

void hf_boot_key_drop(struct hf_boot_key **key)
{
	/* EVP_PKEY_free clears the private number (BN_clear_free). */
	EVP_PKEY_free(pkey(*key));
	*key = NULL;
}
