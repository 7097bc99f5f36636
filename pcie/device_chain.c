/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificate chains of devices, from bytes to certificates of which each signed the next.
 * [edge: libcrypto] */
#include "pcie/device_chain_inside.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pcie/der.h"

#define CHAIN_BYTES_MAX (HF_DEVICE_CERTIFICATES_MAX * HF_DEVICE_CERTIFICATE_MAX)

void hf_device_chain_free(struct hf_device_chain *chain)
{
	if (!chain)
		return;
	for (size_t i = 0; i < HF_DEVICE_CERTIFICATES_MAX; i++)
		X509_free(chain->certs[i]);
	EVP_PKEY_free(chain->leaf_key);
	free(chain->bytes);
	free(chain);
}

size_t hf_device_chain_count(const struct hf_device_chain *chain)
{
	return chain->count;
}

struct hf_span hf_device_chain_certificate(const struct hf_device_chain *chain, size_t i)
{
	return i < chain->count ? chain->der[i] : (struct hf_span){ 0 };
}

/* Of the key written anew, as an anchor's id is made: there is one form of each. */
enum hf_err hf_device_chain_key_id(const struct hf_device_chain *chain, size_t i,
				   uint8_t ret[static 32])
{
	EVP_PKEY *key = i < chain->count ? X509_get0_pubkey(chain->certs[i]) : NULL;
	unsigned char *der = NULL;
	int len = key ? i2d_PUBKEY(key, &der) : -1;
	struct hf_digest id;
	enum hf_err err = len > 0 ? hf_digest(HF_ALG_SHA256, (struct hf_span){ der, (size_t)len }, &id)
				  : HF_ERR_DEVICE_CHAIN;

	if (!err)
		memcpy(ret, id.bytes, 32);
	OPENSSL_free(der);
	return err;
}

bool hf_device_chain_has_root(const struct hf_device_chain *chain)
{
	return chain->has_root;
}

const struct evp_pkey_st *hf_device_chain_leaf_key(const struct hf_device_chain *chain)
{
	return chain->leaf_key;
}

bool hf_device_chain_extension(const struct hf_device_chain *chain, size_t i, struct hf_span oid,
			       struct hf_span *ret)
{
	const X509 *cert = i < chain->count ? chain->certs[i] : NULL;

	for (int k = 0; cert && k < X509_get_ext_count(cert); k++) {
		X509_EXTENSION *extension = X509_get_ext(cert, k);
		const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);
		const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(extension);

		if (!hf_span_equal(oid, (struct hf_span){ OBJ_get0_data(object), OBJ_length(object) }))
			continue;
		*ret = (struct hf_span){ ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data) };
		return true;
	}
	return false;
}

/* ---- bytes ---- */

static const char *split(struct hf_span bytes, struct hf_device_chain *chain)
{
	struct hf_cursor c = hf_cursor_at(bytes);

	if (bytes.len == 0)
		return "no certificate";
	while (hf_left(&c)) {
		struct hf_span der;

		if (hf_der_peek(&c) != HF_DER_SEQUENCE)
			return "something that is no certificate";
		der = hf_der_any(&c);
		if (c.bad)
			return "a certificate that ends too early";
		if (der.len > HF_DEVICE_CERTIFICATE_MAX)
			return "a certificate that is too long";
		if (chain->count == HF_DEVICE_CERTIFICATES_MAX)
			return "too many certificates";
		chain->der[chain->count++] = der;
	}
	return NULL;
}

/* The signature covers the inner bytes as they came; writing it again shows that what is
 * around them has its one form too. */
static X509 *read_certificate(struct hf_span der)
{
	const unsigned char *p = der.ptr;
	unsigned char *again = NULL;
	X509 *cert = d2i_X509(NULL, &p, (long)der.len);
	int len = cert && p == der.ptr + der.len ? i2d_X509(cert, &again) : -1;

	if (len < 0 || !hf_span_equal(der, (struct hf_span){ again, (size_t)len })) {
		X509_free(cert);
		cert = NULL;
	}
	OPENSSL_free(again);
	return cert;
}

/* ---- the walk ---- */

static const char *read_all(struct hf_device_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		chain->certs[i] = read_certificate(chain->der[i]);
		if (!chain->certs[i])
			return "a certificate that cannot be read";
	}
	chain->leaf_key = X509_get_pubkey(chain->certs[chain->count - 1]);
	return chain->leaf_key ? NULL : "a key of an unknown kind";
}

/* One that names itself as its issuer has to be signed by its own key. */
static const char *look_at_root(struct hf_device_chain *chain)
{
	X509 *first = chain->certs[0];

	if (X509_NAME_cmp(X509_get_subject_name(first), X509_get_issuer_name(first)) != 0)
		return NULL;
	if (X509_verify(first, X509_get0_pubkey(first)) != 1)
		return "a root that does not sign itself";
	chain->has_root = true;
	return NULL;
}

static const char *check_all(struct hf_device_chain *chain)
{
	const char *why = NULL;

	for (size_t i = 0; i < chain->count && !why; i++)
		why = hf_device_cert_flaw(chain->certs[i], i + 1 == chain->count);
	if (!why)
		why = look_at_root(chain);
	for (size_t i = 1; i < chain->count && !why; i++)
		why = hf_device_link_flaw(chain->certs[i - 1], chain->certs[i]);
	if (!why && !hf_device_path_fits(chain->certs, chain->count))
		why = "a longer chain than one of its certificates allows";
	return why;
}

static enum hf_err parse(struct hf_device_chain *chain, struct hf_span certificates,
			 const char **ret_why)
{
	chain->bytes = malloc(certificates.len ? certificates.len : 1);
	if (!chain->bytes) {
		*ret_why = "memory ran out";
		return HF_ERR_NO_MEMORY;
	}
	if (certificates.len)
		memcpy(chain->bytes, certificates.ptr, certificates.len);
	*ret_why = split((struct hf_span){ chain->bytes, certificates.len }, chain);
	if (!*ret_why)
		*ret_why = read_all(chain);
	if (!*ret_why)
		*ret_why = check_all(chain);
	return *ret_why ? HF_ERR_DEVICE_CHAIN : HF_OK;
}

enum hf_err hf_device_chain_parse(struct hf_span certificates, struct hf_device_chain **ret,
				  const char **ret_why)
{
	struct hf_device_chain *chain = NULL;
	const char *why = "too long";
	enum hf_err err = HF_ERR_DEVICE_CHAIN;

	if (certificates.len <= CHAIN_BYTES_MAX) {
		why = "memory ran out";
		err = HF_ERR_NO_MEMORY;
		chain = calloc(1, sizeof(*chain));
	}
	if (chain)
		err = parse(chain, certificates, &why);
	if (ret_why)
		*ret_why = why;
	if (err) {
		hf_device_chain_free(chain);
		return err;
	}
	*ret = chain;
	return HF_OK;
}

/* ---- PEM ---- */

struct pem {
	X509 *certs[HF_DEVICE_CERTIFICATES_MAX];
	size_t count;
};

static size_t count_marks(struct hf_span pem)
{
	static const char mark[] = "-----BEGIN ";
	size_t count = 0;

	while (pem.len) {
		const uint8_t *at = memmem(pem.ptr, pem.len, mark, sizeof(mark) - 1);

		if (!at)
			break;
		count++;
		at += sizeof(mark) - 1;
		pem = (struct hf_span){ at, pem.len - (size_t)(at - pem.ptr) };
	}
	return count;
}

/* OpenSSL's own callback would ask on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *self)
{
	(void)buf, (void)size, (void)writing, (void)self;
	return -1;
}

/* Every block is a certificate: none that nobody looks at. */
static const char *read_pem(struct hf_span text, struct pem *ret)
{
	size_t marks = text.len <= 2 * CHAIN_BYTES_MAX ? count_marks(text) : 0;
	const char *why = NULL;
	BIO *bio;

	if (marks == 0 || marks > HF_DEVICE_CERTIFICATES_MAX)
		return marks ? "too many certificates" : "no certificate";
	bio = BIO_new_mem_buf(text.ptr, (int)text.len);
	if (!bio)
		return "memory ran out";
	while (ret->count < marks && !why) {
		X509 *cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

		if (cert)
			ret->certs[ret->count++] = cert;
		else
			why = "a block that is no certificate";
	}
	BIO_free(bio);
	return why;
}

/* Leaf first: the first one is issued by the second, and not the other way round. */
static bool is_leaf_first(const struct pem *pem)
{
	X509 *first = pem->certs[0], *second = pem->certs[1];

	return pem->count > 1 && X509_check_issued(second, first) == X509_V_OK &&
	       X509_check_issued(first, second) != X509_V_OK;
}

static enum hf_err join_der(const struct pem *pem, struct hf_writer *w)
{
	bool turned = is_leaf_first(pem);

	for (size_t i = 0; i < pem->count; i++) {
		unsigned char *der = NULL;
		int len = i2d_X509(pem->certs[turned ? pem->count - 1 - i : i], &der);

		if (len <= 0)
			return HF_ERR_DEVICE_CHAIN;
		hf_put(w, der, (size_t)len);
		OPENSSL_free(der);
	}
	return w->full ? HF_ERR_DEVICE_CHAIN : HF_OK;
}

enum hf_err hf_device_chain_parse_pem(struct hf_span text, struct hf_device_chain **ret,
				      const char **ret_why)
{
	struct pem pem = { .count = 0 };
	const char *why = read_pem(text, &pem);
	struct hf_writer w = { .buf = malloc(text.len ? text.len : 1), .cap = text.len };
	enum hf_err err = why ? HF_ERR_DEVICE_CHAIN : w.buf ? HF_OK : HF_ERR_NO_MEMORY;

	if (!err)
		err = join_der(&pem, &w);
	if (err && ret_why)
		*ret_why = why ? why : "a certificate that cannot be read";
	if (!err)
		err = hf_device_chain_parse(hf_written(&w), ret, ret_why);
	for (size_t i = 0; i < pem.count; i++)
		X509_free(pem.certs[i]);
	free(w.buf);
	return err;
}
