/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RSA keys for tests: of as many primes as may be, which are found in a fraction of the time. A
 * public key does not show it. */
#ifndef HF_TESTS_RSA_FIXTURE_H
#define HF_TESTS_RSA_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/rsa.h>

static inline EVP_PKEY *rsa_new(int bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	assert_non_null(ctx);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, bits < 1024 ? 2 : bits < 4096 ? 3 : 4), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

#endif
