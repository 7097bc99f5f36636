/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates: as anchors, and chains of them in a signed file (RFC 9360), verified offline:
 * nothing is fetched, revocation is the owner's list. [edge: libcrypto] */
#include "measure/key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CHAIN_MAX 6
#define CERTIFICATE_MAX 16384
#define LEVEL 2		/* 112 bits: RSA 2048, P-256, SHA-256 and more */

static bool may(X509 *cert, uint32_t usage)
{
	uint32_t have = X509_get_key_usage(cert);	/* all bits when there is no extension */

	return (X509_get_extension_flags(cert) & EXFLAG_KUSAGE) && (have & usage);
}

static bool is_ca(X509 *cert)
{
	return X509_check_ca(cert) == 1 && may(cert, KU_KEY_CERT_SIGN);
}

static bool is_signer(X509 *cert)
{
	return X509_check_ca(cert) == 0 && may(cert, KU_DIGITAL_SIGNATURE);
}

/* Takes over cert. */
static enum hf_err key_of(X509 *cert, struct hf_key **ret)
{
	EVP_PKEY *pkey = X509_get_pubkey(cert);
	struct hf_key *key = NULL;
	enum hf_err err = pkey ? hf_key_new(pkey, false, &key) : HF_ERR_KEY_INVALID;

	if (err) {
		X509_free(cert);
		return err;
	}
	key->cert = cert;
	key->ca = is_ca(cert);
	*ret = key;
	return HF_OK;
}

/* OpenSSL's own callback would ask on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *self)
{
	(void)buf, (void)size, (void)writing, (void)self;
	return -1;
}

/* Caller frees. NULL: not one block with a certificate that makes sense. */
static X509 *read_pem(struct hf_span pem)
{
	BIO *bio = hf_pem_single(pem) ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	if (cert && !(X509_get_extension_flags(cert) & EXFLAG_INVALID))
		return cert;
	X509_free(cert);
	return NULL;
}

enum hf_err hf_key_read_anchor(struct hf_span pem, struct hf_key **ret)
{
	static const char mark[] = "-----BEGIN CERTIFICATE-----";
	X509 *cert;

	if (!hf_pem_single(pem))
		return HF_ERR_KEY_INVALID;
	if (!memmem(pem.ptr, pem.len, mark, sizeof(mark) - 1))
		return hf_key_read_pem(pem, false, ret);
	cert = read_pem(pem);
	if (cert && (is_ca(cert) || is_signer(cert)))
		return key_of(cert, ret);
	X509_free(cert);
	return HF_ERR_KEY_INVALID;
}

enum hf_err hf_key_read_device_root(struct hf_span pem, struct hf_key **ret)
{
	X509 *cert = read_pem(pem);
	enum hf_err err;

	/* X509_check_ca looks at key usage too, where there is one */
	if (!cert || X509_check_ca(cert) != 1) {
		X509_free(cert);
		return HF_ERR_KEY_INVALID;
	}
	err = key_of(cert, ret);
	if (!err)
		(*ret)->ca = true;
	return err;
}

bool hf_key_is_ca(const struct hf_key *key)
{
	return key->ca;
}

enum hf_err hf_key_valid_at(const struct hf_key *key, int64_t now)
{
	time_t when = (time_t)now;

	if (!key->cert || now == 0)
		return HF_OK;
	/* -1: not later than when; 0: an error */
	if (X509_cmp_time(X509_get0_notBefore(key->cert), &when) != -1 ||
	    X509_cmp_time(X509_get0_notAfter(key->cert), &when) != 1)
		return HF_ERR_CERTIFICATE_EXPIRED;
	return HF_OK;
}

int64_t hf_key_until(const struct hf_key *key)
{
	struct tm end = { 0 };

	if (!key->cert || ASN1_TIME_to_tm(X509_get0_notAfter(key->cert), &end) != 1)
		return 0;
	return (int64_t)timegm(&end);
}

static bool add_der(STACK_OF(X509) *chain, struct hf_span der)
{
	const unsigned char *p = der.ptr;
	X509 *cert = der.len && der.len <= CERTIFICATE_MAX ? d2i_X509(NULL, &p, (long)der.len) : NULL;

	if (cert && p == der.ptr + der.len && sk_X509_push(chain, cert) > 0)
		return true;
	X509_free(cert);
	return false;
}

/* COSE_X509 = bstr / [ 2*certs: bstr ] */
static enum hf_err read_chain(struct hf_span x5chain, STACK_OF(X509) *chain)
{
	struct hf_cbor r = hf_cbor_at(x5chain);
	size_t count = 1;

	if (hf_cbor_peek(&r) == HF_CBOR_ARRAY) {
		count = hf_cbor_array(&r);
		if (count < 2)
			return HF_ERR_CERTIFICATE_CHAIN;
	}
	if (count > CHAIN_MAX)
		return HF_ERR_CERTIFICATE_CHAIN;
	for (size_t i = 0; i < count; i++) {
		struct hf_span der = hf_cbor_bstr(&r);

		if (r.err || !add_der(chain, der))
			return HF_ERR_CERTIFICATE_CHAIN;
	}
	return hf_cbor_end(&r) ? HF_ERR_CERTIFICATE_CHAIN : HF_OK;
}

static enum hf_err walk(X509_STORE_CTX *ctx, X509_STORE *store, STACK_OF(X509) *chain, int64_t now)
{
	X509_VERIFY_PARAM *param;
	int why;

	if (X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0), chain) != 1)
		return HF_ERR_NO_MEMORY;
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, LEVEL);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT |
						   (now ? 0 : X509_V_FLAG_NO_CHECK_TIME));
	if (now)
		X509_VERIFY_PARAM_set_time(param, (time_t)now);
	if (X509_verify_cert(ctx) == 1)
		return HF_OK;
	why = X509_STORE_CTX_get_error(ctx);
	return why == X509_V_ERR_CERT_HAS_EXPIRED || why == X509_V_ERR_CERT_NOT_YET_VALID
		       ? HF_ERR_CERTIFICATE_EXPIRED : HF_ERR_CERTIFICATE_CHAIN;
}

enum hf_err hf_chain_verify(const struct hf_key *anchor, struct hf_span x5chain, int64_t now,
			    struct hf_key **ret)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = X509_STORE_new();
	X509 *leaf = NULL;
	enum hf_err err = HF_ERR_NO_MEMORY;

	if (!chain || !ctx || !store || !anchor->ca ||
	    X509_STORE_add_cert(store, anchor->cert) != 1)
		goto out;
	err = read_chain(x5chain, chain);
	if (!err)
		err = walk(ctx, store, chain, now);
	if (!err && !is_signer(sk_X509_value(chain, 0)))
		err = HF_ERR_CERTIFICATE_CHAIN;
	if (!err)
		leaf = sk_X509_shift(chain);
	if (leaf)
		err = key_of(leaf, ret);
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_pop_free(chain, X509_free);
	return err;
}
