/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/unit/spdm_device.h: a device that signs (SPDM 1.2, P-256, SHA-256), with keys made on
 * the spot, asked by the real requester; and what the reader makes of that. */
#ifndef HF_TESTS_SPDM_DEVICE_H
#define HF_TESTS_SPDM_DEVICE_H

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pcie/spdm_ask.h"
#include "pcie/spdm_claims.h"

#define DEVICE_BLOCKS 2
#define DEVICE_KEPT 65536

struct signing_root {
	EVP_PKEY *key;
	X509 *cert;
};
struct signing_device {
	EVP_PKEY *key;
	uint8_t chain[4096];
	size_t chain_len;
	const char *firmware[DEVICE_BLOCKS];	/* raw values of its measurements */
	uint8_t m1[DEVICE_KEPT], l1[DEVICE_KEPT];	/* what it has said, to sign */
	size_t m1_len, l1_len, vca_len;
};

static inline void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static inline X509 *certificate(const char *subject, EVP_PKEY *key, const char *issuer,
				EVP_PKEY *issuer_key, bool ca, const char *san)
{
	X509 *cert = X509_new();

	assert_non_null(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ca ? 1 : 4711);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600L * 24 * 365 * 30);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)subject, -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)issuer, -1, -1, 0);
	add_extension(cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(cert, NID_key_usage, ca ? "critical,keyCertSign" : "critical,digitalSignature");
	if (san)
		add_extension(cert, NID_subject_alt_name, san);
	assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

static inline void root_make(struct signing_root *root, const char *name)
{
	root->key = EVP_EC_gen("P-256");
	assert_non_null(root->key);
	root->cert = certificate(name, root->key, name, root->key, true, NULL);
}

static inline void root_drop(struct signing_root *root)
{
	X509_free(root->cert);
	EVP_PKEY_free(root->key);
}

static inline size_t der_of(X509 *cert, uint8_t *out, size_t cap)
{
	int len = i2d_X509(cert, NULL);

	assert_true(len > 0 && (size_t)len <= cap);
	i2d_X509(cert, &out);
	return (size_t)len;
}

/* PEM of the root's certificate, as an anchor's file has it. */
static inline struct hf_span root_pem(const struct signing_root *root, char *buf, size_t cap)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_int_equal(PEM_write_bio_X509(bio, root->cert), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_true(len > 0 && (size_t)len <= cap);
	memcpy(buf, text, (size_t)len);
	BIO_free(bio);
	return (struct hf_span){ (const uint8_t *)buf, (size_t)len };
}

/* san: "otherName:2.23.147;UTF8:Vendor=...", or NULL: bound to no device. */
static inline void device_make(struct signing_device *d, const struct signing_root *root,
			       const char *name, const char *san)
{
	uint8_t root_der[2048];
	size_t root_len = der_of(root->cert, root_der, sizeof(root_der));
	char issuer[64];
	struct hf_digest hash;
	X509 *leaf;

	memset(d, 0, sizeof(*d));
	d->firmware[0] = "boot loader 7";
	d->firmware[1] = "firmware 9";
	d->key = EVP_EC_gen("P-256");
	assert_non_null(d->key);
	X509_NAME_get_text_by_NID(X509_get_subject_name(root->cert), NID_commonName, issuer,
				  sizeof(issuer));
	leaf = certificate(name, d->key, issuer, root->key, false, san);
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ root_der, root_len }, &hash), HF_OK);
	memcpy(d->chain + 4, hash.bytes, 32);
	memcpy(d->chain + 36, root_der, root_len);
	d->chain_len = 36 + root_len;
	d->chain_len += der_of(leaf, d->chain + d->chain_len, sizeof(d->chain) - d->chain_len);
	d->chain[0] = (uint8_t)d->chain_len;
	d->chain[1] = (uint8_t)(d->chain_len >> 8);
	X509_free(leaf);
}

static inline void device_drop(struct signing_device *d)
{
	EVP_PKEY_free(d->key);
}

static inline void keep(uint8_t *kept, size_t *len, struct hf_span bytes)
{
	assert_true(*len + bytes.len <= DEVICE_KEPT);
	memcpy(kept + *len, bytes.ptr, bytes.len);
	*len += bytes.len;
}

/* DSP0274 1.2: a text of 100 bytes before the transcript's hash, r and s behind each other. */
static inline void device_sign(const struct signing_device *d, const char *context,
			       struct hf_span said, struct hf_writer *w)
{
	uint8_t text[100 + 32] = { 0 }, der[128], raw[64];
	struct hf_digest hash;
	size_t len = sizeof(der);
	const unsigned char *p = der;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *sig;

	for (int i = 0; i < 4; i++)
		memcpy(text + 16 * i, "dmtf-spdm-v1.2.*", 16);
	memcpy(text + 100 - strlen(context), context, strlen(context));
	assert_int_equal(hf_digest(HF_ALG_SHA256, said, &hash), HF_OK);
	memcpy(text + 100, hash.bytes, 32);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, d->key), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &len, text, sizeof(text)), 1);
	EVP_MD_CTX_free(ctx);
	sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
	ECDSA_SIG_free(sig);
	hf_put(w, raw, sizeof(raw));
}

static inline void put_head(struct hf_writer *w, uint8_t version, uint8_t code, uint8_t p1, uint8_t p2)
{
	const uint8_t head[] = { version, code, p1, p2 };

	hf_put(w, head, sizeof(head));
}

static inline void answer_digests(struct signing_device *d, struct hf_writer *w)
{
	struct hf_digest hash;

	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ d->chain, d->chain_len }, &hash),
			 HF_OK);
	put_head(w, 0x12, 0x01, 0, 1);
	hf_put(w, hash.bytes, 32);
}

static inline void answer_certificate(struct signing_device *d, struct hf_span request,
				      struct hf_writer *w)
{
	size_t offset = hf_le(request.ptr + 4, 2), length = hf_le(request.ptr + 6, 2);

	assert_true(offset < d->chain_len);
	length = length < d->chain_len - offset ? length : d->chain_len - offset;
	put_head(w, 0x12, 0x02, 0, 0);
	hf_put_le(w, length, 2);
	hf_put_le(w, d->chain_len - offset - length, 2);
	hf_put(w, d->chain + offset, length);
}

static inline void answer_challenge(struct signing_device *d, struct hf_span request,
				    struct hf_writer *w)
{
	static const uint8_t nonce[32] = { 0xda };
	struct hf_digest hash;

	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ d->chain, d->chain_len }, &hash),
			 HF_OK);
	put_head(w, 0x12, 0x03, request.ptr[2], 1);
	hf_put(w, hash.bytes, 32);
	hf_put(w, nonce, 32);
	if (request.ptr[3])	/* of all measurements, or of the TCB's: not looked at */
		hf_put(w, nonce, 32);
	hf_put_le(w, 0, 2);
	keep(d->m1, &d->m1_len, request);
	keep(d->m1, &d->m1_len, hf_written(w));
	device_sign(d, "responder-challenge_auth signing", (struct hf_span){ d->m1, d->m1_len }, w);
	d->m1_len = d->vca_len;
}

static inline void put_blocks(const struct signing_device *d, uint8_t which, struct hf_writer *w)
{
	uint8_t record[1024];
	struct hf_writer r = { .buf = record, .cap = sizeof(record) };
	size_t count = 0;

	for (uint8_t i = 1; i <= DEVICE_BLOCKS; i++) {
		struct hf_digest hash;

		if (which != 0xff && which != i)
			continue;
		assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text(d->firmware[i - 1]), &hash), HF_OK);
		hf_put_le(&r, i, 1);
		hf_put_le(&r, 1, 1);
		hf_put_le(&r, 35, 2);
		hf_put_le(&r, HF_SPDM_TYPE_FIRMWARE, 1);
		hf_put_le(&r, 32, 2);
		hf_put(&r, hash.bytes, 32);
		count++;
	}
	hf_put_le(w, count, 1);
	hf_put_le(w, r.len, 3);
	hf_put(w, record, r.len);
}

static inline void answer_measurements(struct signing_device *d, struct hf_span request,
				       struct hf_writer *w)
{
	static const uint8_t nonce[32] = { 0xdb };
	bool is_signed = request.ptr[2] & 1;

	put_head(w, 0x12, 0x60, request.ptr[3] ? 0 : DEVICE_BLOCKS, is_signed ? 0x20 : 0);
	put_blocks(d, request.ptr[3], w);
	hf_put(w, nonce, 32);
	hf_put_le(w, 0, 2);
	if (!d->l1_len)
		keep(d->l1, &d->l1_len, (struct hf_span){ d->m1, d->vca_len });
	keep(d->l1, &d->l1_len, request);
	keep(d->l1, &d->l1_len, hf_written(w));
	if (!is_signed)
		return;
	device_sign(d, "responder-measurements signing", (struct hf_span){ d->l1, d->l1_len }, w);
	d->l1_len = 0;
}

static inline enum hf_err device_exchange(void *self, struct hf_span request, unsigned patience_ms,
					  uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct hf_writer w = { .buf = buf, .cap = cap };
	struct signing_device *d = self;

	(void)patience_ms;
	switch (request.ptr[1]) {
	case HF_SPDM_GET_VERSION:
		d->m1_len = d->l1_len = 0;
		put_head(&w, 0x10, 0x04, 0, 0);
		hf_put(&w, "\0\1\0\x12", 4);
		break;
	case HF_SPDM_GET_CAPABILITIES:
		put_head(&w, 0x12, 0x61, 0, 0);
		hf_put_le(&w, 0, 4);
		hf_put_le(&w, HF_SPDM_CAP_CERT | HF_SPDM_CAP_CHAL | HF_SPDM_CAP_MEAS_SIGNED, 4);
		hf_put_le(&w, 4096, 4);
		hf_put_le(&w, 4096, 4);
		break;
	case HF_SPDM_NEGOTIATE_ALGORITHMS:
		put_head(&w, 0x12, 0x63, 0, 0);
		hf_put_le(&w, 36, 2);
		hf_put_le(&w, 1, 1);		/* the DMTF's measurements */
		hf_put_le(&w, 2, 1);		/* opaque data of format 1 */
		hf_put_le(&w, 2, 4);		/* measured with SHA-256 */
		hf_put_le(&w, 0x10, 4);		/* ECDSA P-256 */
		hf_put_le(&w, 1, 4);		/* SHA-256 */
		hf_put(&w, (const uint8_t[16]){ 0 }, 16);
		break;
	case HF_SPDM_GET_DIGESTS:
		answer_digests(d, &w);
		break;
	case HF_SPDM_GET_CERTIFICATE:
		answer_certificate(d, request, &w);
		break;
	case HF_SPDM_CHALLENGE:
		answer_challenge(d, request, &w);
		break;
	case HF_SPDM_GET_MEASUREMENTS:
		answer_measurements(d, request, &w);
		break;
	default:
		put_head(&w, 0x12, HF_SPDM_ERROR, HF_SPDM_ERROR_UNSUPPORTED, request.ptr[1]);
	}
	if (request.ptr[1] != HF_SPDM_CHALLENGE && request.ptr[1] != HF_SPDM_GET_MEASUREMENTS) {
		keep(d->m1, &d->m1_len, request);
		keep(d->m1, &d->m1_len, hf_written(&w));
	}
	if (request.ptr[1] == HF_SPDM_NEGOTIATE_ALGORITHMS)
		d->vca_len = d->m1_len;
	*ret_len = w.len;
	return w.full ? HF_ERR_LIMIT : HF_OK;
}

/* What it shows, to the claims of f, the way of the reader. */
static inline void device_claim(const struct hf_spdm *s, enum hf_err result, const struct hf_writer *w,
				struct hf_claims *claims, struct hf_part *part, struct hf_function *f)
{
	struct hf_measurement *m;
	struct hf_digest digest;

	assert_int_equal(hf_spdm_claims(s, result, &f->identity, claims, part, f), HF_OK);
	m = hf_claims_add_measurement(claims, part, f, HF_MKEY_TRANSCRIPT, HF_METHOD_BYTES,
				      HF_MEASUREMENT_ADVISORY);
	assert_non_null(m);
	assert_int_equal(hf_digest(HF_ALG_SHA384, hf_written(w), &digest), HF_OK);
	assert_int_equal(hf_measurement_set_digests(m, &digest, 1, w->len), HF_OK);
}

/* A conversation with these nonces; the transcript into w, and what it shows to the claims of
 * f, the way of the reader. */
static inline void device_ask(struct signing_device *d, const struct hf_spdm_seed *seed,
			      const char *path, struct hf_writer *w, struct hf_claims *claims,
			      struct hf_part *part, struct hf_function *f)
{
	const struct hf_spdm_transport transport = { .self = d, .exchange = device_exchange,
						     .message_max = 4096 };
	const struct hf_spdm_plan plan = { .seed = seed, .path = path, .slot = -1 };
	struct hf_spdm *s = calloc(1, sizeof(*s));
	struct hf_arena arena;
	enum hf_err result;

	assert_non_null(s);
	assert_int_equal(hf_arena_make(16u << 20, &arena), HF_OK);
	const struct hf_spdm_options options = { .arena = &arena, .seed = seed, .path = path };

	assert_int_equal(hf_spdm_open(&options, s), HF_OK);
	hf_transcript_begin(w);
	result = hf_spdm_ask(&transport, &plan, s, w);
	assert_string_equal(hf_err_name(result), "ok");
	assert_false(w->full);
	if (claims)
		device_claim(s, result, w, claims, part, f);
	hf_spdm_close(s);
	free(s);
	hf_arena_drop(&arena);
}

#endif
