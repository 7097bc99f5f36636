/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small PE program, and Authenticode signatures over it made here with libcrypto. */
#ifndef HF_TEST_SIGNED_PE_FIXTURE_H
#define HF_TEST_SIGNED_PE_FIXTURE_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/pe.h"

#define SPE_LEN 0x400		/* bytes without signatures */
#define SPE_SECURITY (0x40 + 24 + 112 + 32)

struct spe {
	uint8_t bytes[1 << 17];
	size_t len;
};

static inline void spe_put(struct spe *pe, size_t at, uint32_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pe->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static inline struct hf_span spe_span(const struct spe *pe)
{
	return (struct hf_span){ pe->bytes, pe->len };
}

/* Headers of 0x200 bytes, one section of as much. */
static inline void spe_make(struct spe *pe)
{
	memset(pe, 0, sizeof(*pe));
	pe->len = SPE_LEN;
	spe_put(pe, 0, 0x5a4d, 2);
	spe_put(pe, 0x3c, 0x40, 4);
	spe_put(pe, 0x40, 0x4550, 4);
	spe_put(pe, 0x44, 0x8664, 2);
	spe_put(pe, 0x46, 1, 2);
	spe_put(pe, 0x54, 112 + 16 * 8, 2);
	spe_put(pe, 0x58, 0x20b, 2);
	spe_put(pe, 0x58 + 60, 0x200, 4);
	spe_put(pe, 0x58 + 108, 16, 4);
	spe_put(pe, 0x58 + 112 + 128 + 16, 0x200, 4);
	spe_put(pe, 0x58 + 112 + 128 + 20, 0x200, 4);
	for (size_t i = 0x200; i < SPE_LEN; i++)
		pe->bytes[i] = (uint8_t)(i * 7);
}

static inline EVP_PKEY *spe_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	return key;
}

static inline X509 *spe_certificate(EVP_PKEY *key, const char *subject, const char *issuer)
{
	X509 *cert = X509_new();

	assert_non_null(cert);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
				   (const unsigned char *)subject, -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_UTF8,
				   (const unsigned char *)issuer, -1, -1, 0);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

/* SpcIndirectDataContent: { { SPC_PE_IMAGE_DATAOBJ }, { digest algorithm, digest } } */
static inline size_t spe_indirect(uint8_t *out, int nid, const uint8_t *digest, int digest_len)
{
	static const uint8_t data[] = { 0x30, 0x0c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82,
					0x37, 0x02, 0x01, 0x0f };
	X509_SIG *info = X509_SIG_new();
	ASN1_OCTET_STRING *value;
	X509_ALGOR *algor;
	uint8_t *p = out + 2;

	X509_SIG_getm(info, &algor, &value);
	X509_ALGOR_set0(algor, OBJ_nid2obj(nid), V_ASN1_NULL, NULL);
	ASN1_OCTET_STRING_set(value, digest, digest_len);
	memcpy(p, data, sizeof(data));
	p += sizeof(data);
	i2d_X509_SIG(info, &p);
	X509_SIG_free(info);
	out[0] = 0x30;
	out[1] = (uint8_t)(p - out - 2);
	assert_true(p - out - 2 < 128);
	return (size_t)(p - out);
}

/* PKCS #7 over that content; out is to be freed with OPENSSL_free. */
static inline size_t spe_pkcs7(const uint8_t *content, size_t len, const char *oid, X509 *cert,
			       EVP_PKEY *key, uint8_t **out)
{
	PKCS7 *p7 = PKCS7_new(), *inner = PKCS7_new();
	ASN1_TYPE *type = ASN1_TYPE_new();
	PKCS7_SIGNER_INFO *si;
	BIO *bio;
	int n;

	assert_true(PKCS7_set_type(p7, NID_pkcs7_signed));
	si = PKCS7_add_signature(p7, cert, key, EVP_sha256());
	assert_non_null(si);
	assert_true(PKCS7_add_certificate(p7, cert));
	PKCS7_add_signed_attribute(si, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_txt2obj(oid, 1));
	assert_true(PKCS7_content_new(p7, NID_pkcs7_data));
	bio = PKCS7_dataInit(p7, NULL);
	assert_non_null(bio);
	BIO_write(bio, content + 2, (int)len - 2);
	assert_true(PKCS7_dataFinal(p7, bio));
	BIO_free_all(bio);
	type->type = V_ASN1_SEQUENCE;
	type->value.sequence = ASN1_STRING_new();
	ASN1_STRING_set(type->value.sequence, content, (int)len);
	inner->type = OBJ_txt2obj(oid, 1);
	inner->d.other = type;
	assert_true(PKCS7_set_content(p7, inner));
	*out = NULL;
	n = i2d_PKCS7(p7, out);
	assert_true(n > 0);
	PKCS7_free(p7);
	return (size_t)n;
}

/* One more entry of the certificate table, at the end of the file. */
static inline void spe_attach(struct spe *pe, uint16_t type, const uint8_t *body, size_t len)
{
	size_t entry = (8 + len + 7) / 8 * 8;

	if (pe->len == SPE_LEN)
		spe_put(pe, SPE_SECURITY, SPE_LEN, 4);
	spe_put(pe, pe->len, (uint32_t)(8 + len), 4);
	spe_put(pe, pe->len + 4, 0x200, 2);
	spe_put(pe, pe->len + 6, type, 2);
	memcpy(pe->bytes + pe->len + 8, body, len);
	pe->len += entry;
	spe_put(pe, SPE_SECURITY + 4, (uint32_t)(pe->len - SPE_LEN), 4);
}

#define SPE_OID "1.3.6.1.4.1.311.2.1.4"

/* Signed as it should be, with a digest of that kind. */
static inline void spe_sign(struct spe *pe, enum hf_alg alg, X509 *cert, EVP_PKEY *key)
{
	static const int nids[] = { [HF_ALG_SHA1] = NID_sha1, [HF_ALG_SHA256] = NID_sha256,
				    [HF_ALG_SHA384] = NID_sha384, [HF_ALG_SHA512] = NID_sha512,
				    [HF_ALG_SM3] = NID_sm3 };
	uint8_t content[160], *der;
	struct hf_digest digest;
	size_t len;

	assert_int_equal(hf_pe_digest(alg, spe_span(pe), &digest), HF_OK);
	len = spe_indirect(content, nids[alg], digest.bytes, (int)hf_alg_size(alg));
	len = spe_pkcs7(content, len, SPE_OID, cert, key, &der);
	spe_attach(pe, 2, der, len);
	OPENSSL_free(der);
}

#endif
