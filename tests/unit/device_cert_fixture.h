/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Device certificates made on the spot, good ones and ones that break one rule. */
#ifndef HF_TESTS_DEVICE_CERT_FIXTURE_H
#define HF_TESTS_DEVICE_CERT_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "measure/bytes.h"
#include "tests/unit/rsa_fixture.h"

#define DEVICE_EXTENSIONS 8

struct device_spec {
	const char *subject, *issuer;	/* common names; issuer NULL: the signer's subject */
	const char *md;			/* NULL: SHA256, or none for Ed25519 */
	const char *not_before, *not_after;	/* ASN.1; NULL: 2020 to 9999 */
	long version;			/* 0: X509_VERSION_3, else one more than the field */
	struct { const char *name, *value; } extensions[DEVICE_EXTENSIONS];
	bool twice;			/* the first extension once more at the end */
};
struct device_cert {
	EVP_PKEY *key;
	X509 *cert;
};

/* Those take long to make: three of each size, handed out in turn. */
static inline EVP_PKEY *device_rsa_key(size_t bits)
{
	static struct { size_t bits, next; EVP_PKEY *keys[3]; } kept[4];
	size_t i = 0;

	while (i < 3 && kept[i].bits && kept[i].bits != bits)
		i++;
	if (kept[i].bits != bits)
		kept[i].next = 0;
	kept[i].bits = bits;
	if (kept[i].next < 3)
		kept[i].keys[kept[i].next] = rsa_new((int)bits);
	assert_non_null(kept[i].keys[kept[i].next % 3]);
	EVP_PKEY_up_ref(kept[i].keys[kept[i].next % 3]);
	return kept[i].keys[kept[i].next++ % 3];
}

/* "P-256", "P-384", "P-521", "secp256k1", "ED25519", "RSA-2048" */
static inline EVP_PKEY *device_key(const char *kind)
{
	EVP_PKEY *key;

	if (strncmp(kind, "RSA-", 4) == 0)
		key = device_rsa_key((size_t)atoi(kind + 4));
	else if (strcmp(kind, "ED25519") == 0 || strcmp(kind, "ED448") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
	assert_non_null(key);
	return key;
}

static inline void device_name(X509_NAME *name, const char *text)
{
	if (!*text)		/* no name at all */
		return;
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)text,
						    -1, -1, 0), 1);
}

static inline void device_extension(X509 *cert, X509 *signer, const char *name, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, signer, cert, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	extension = X509V3_EXT_nconf(NULL, &ctx, name, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static inline const EVP_MD *device_md(const struct device_spec *spec, EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return NULL;
	return EVP_get_digestbyname(spec->md ? spec->md : "SHA256");
}

/* key: taken over. signer NULL: by itself. */
static inline struct device_cert device_make(const struct device_spec *spec, EVP_PKEY *key,
					     const struct device_cert *signer)
{
	struct device_cert made = { key, X509_new() };
	const struct device_cert *by = signer ? signer : &made;

	assert_int_equal(X509_set_version(made.cert, spec->version ? spec->version - 1 : X509_VERSION_3), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(made.cert), 0x1234);
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(made.cert),
		spec->not_before ? spec->not_before : "200101000000Z"), 1);
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(made.cert),
		spec->not_after ? spec->not_after : "99991231235959Z"), 1);
	device_name(X509_get_subject_name(made.cert), spec->subject);
	if (spec->issuer)
		device_name(X509_get_issuer_name(made.cert), spec->issuer);
	else
		assert_int_equal(X509_set_issuer_name(made.cert, X509_get_subject_name(by->cert)), 1);
	assert_int_equal(X509_set_pubkey(made.cert, key), 1);
	for (size_t i = 0; i < DEVICE_EXTENSIONS && spec->extensions[i].name; i++)
		device_extension(made.cert, by->cert, spec->extensions[i].name, spec->extensions[i].value);
	if (spec->twice)
		device_extension(made.cert, by->cert, spec->extensions[0].name, spec->extensions[0].value);
	assert_true(X509_sign(made.cert, by->key, device_md(spec, by->key)) > 0);
	return made;
}

static inline void device_drop(struct device_cert *made)
{
	X509_free(made->cert);
	EVP_PKEY_free(made->key);
	*made = (struct device_cert){ 0 };
}

static inline void device_put(struct hf_writer *w, X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	assert_true(len > 0);
	hf_put(w, der, (size_t)len);
	assert_false(w->full);
	OPENSSL_free(der);
}

static inline void device_put_pem(struct hf_writer *w, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	len = BIO_get_mem_data(bio, &text);
	hf_put(w, text, (size_t)len);
	assert_false(w->full);
	BIO_free(bio);
}

#define ROOT_SPEC { .subject = "Root", .extensions = { \
	{ "basicConstraints", "critical,CA:TRUE" }, { "keyUsage", "critical,keyCertSign" } } }
#define INTER_SPEC { .subject = "Inter", .extensions = { \
	{ "basicConstraints", "critical,CA:TRUE" }, { "keyUsage", "critical,keyCertSign" } } }
#define LEAF_SPEC { .subject = "Leaf", .extensions = { \
	{ "keyUsage", "critical,digitalSignature" } } }

#endif
