/* SPDX-License-Identifier: GPL-3.0-or-later */
/* COSE_Sign1 (RFC 9052 section 4.2, RFC 9053, RFC 8230 for PS*). [edge: libcrypto] */
#include "measure/key.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

/* ---- headers ---- */

/* An algorithm may be text in COSE; none that we know is. */
static void read_alg(struct hf_cbor *r, struct hf_cose *cose)
{
	enum hf_cbor_type type = hf_cbor_peek(r);
	const struct hf_scheme *scheme;

	if (type != HF_CBOR_UINT && type != HF_CBOR_NINT) {
		hf_cbor_fail(r, HF_ERR_COSE_ALGORITHM);
		return;
	}
	scheme = hf_scheme_of(hf_cbor_int(r));
	if (!scheme) {
		hf_cbor_fail(r, HF_ERR_COSE_ALGORITHM);
		return;
	}
	cose->alg = scheme->alg;
}

static void read_content_type(struct hf_cbor *r, struct hf_cose *cose)
{
	if (hf_cbor_peek(r) != HF_CBOR_TSTR)	/* a CoAP number is allowed, but not ours */
		hf_cbor_fail(r, HF_ERR_COSE_CONTENT_TYPE);
	cose->content_type = hf_cbor_tstr(r);
}

static void read_protected(struct hf_cbor *r, struct hf_cose *cose, bool *ret_alg)
{
	size_t count = hf_cbor_map(r);

	for (size_t i = 0; i < count && !r->err; i++) {
		if (hf_cbor_peek(r) == HF_CBOR_TSTR) {	/* private labels */
			hf_cbor_skip(r);
			hf_cbor_skip(r);
			continue;
		}
		switch (hf_cbor_int(r)) {
		case HF_LABEL_ALG:
			read_alg(r, cose);
			*ret_alg = true;
			break;
		case HF_LABEL_CRIT:
			hf_cbor_fail(r, HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
			break;
		case HF_LABEL_CONTENT_TYPE:
			read_content_type(r, cose);
			break;
		case HF_LABEL_KID:
			cose->kid = hf_cbor_bstr(r);
			break;
		case HF_LABEL_CORIM_META:
			cose->meta = hf_cbor_bstr(r);
			break;
		case HF_LABEL_CWT:
			cose->cwt = hf_cbor_skip(r);
			break;
		case HF_LABEL_X5CHAIN:
			cose->x5chain = hf_cbor_skip(r);
			break;
		case HF_LABEL_HASH_ALG:
			cose->hash_envelope = true;
			cose->hash_alg = hf_cbor_int(r);
			break;
		case HF_LABEL_HASH_TYPE:
			if (cose->content_type.len)	/* of a digest it would be the wrong one */
				hf_cbor_fail(r, HF_ERR_COSE_CONTENT_TYPE);
			read_content_type(r, cose);
			break;
		default:
			hf_cbor_skip(r);
		}
	}
}

/* Unprotected parameters are anybody's: only a key id is taken, as a hint. What must be
 * protected and lies here instead is refused, not overlooked. */
static void read_unprotected(struct hf_cbor *r, struct hf_cose *cose)
{
	size_t count = hf_cbor_map(r);

	for (size_t i = 0; i < count && !r->err; i++) {
		if (hf_cbor_peek(r) == HF_CBOR_TSTR) {
			hf_cbor_skip(r);
			hf_cbor_skip(r);
			continue;
		}
		switch (hf_cbor_int(r)) {
		case HF_LABEL_ALG:
			hf_cbor_fail(r, HF_ERR_COSE_ALGORITHM);
			break;
		case HF_LABEL_CRIT:
		case HF_LABEL_CONTENT_TYPE:
		case HF_LABEL_CORIM_META:
		case HF_LABEL_CWT:
		case HF_LABEL_HASH_ALG:
		case HF_LABEL_HASH_TYPE:
			hf_cbor_fail(r, HF_ERR_COSE_SHAPE);
			break;
		case HF_LABEL_KID:
			if (cose->kid.len)	/* RFC 9052 section 3: not in both */
				hf_cbor_fail(r, HF_ERR_COSE_SHAPE);
			cose->kid = hf_cbor_bstr(r);
			break;
		default:
			hf_cbor_skip(r);
		}
	}
}

static enum hf_err shape(enum hf_err err)
{
	return err == HF_ERR_CBOR_TYPE ? HF_ERR_COSE_SHAPE : err;
}

enum hf_err hf_cose_parse(struct hf_span in, struct hf_cose *ret)
{
	struct hf_cbor r = hf_cbor_at(in), header;
	struct hf_cose cose = { 0 };
	bool has_alg = false;
	enum hf_err err;

	if (in.len > HF_COSE_MAX)
		return HF_ERR_FILE_TOO_LARGE;
	/* anything may be offered as a signed file: say so before calling it bad CBOR */
	if (in.len && in.ptr[0] != (0xc0 | HF_TAG_SIGN1))
		return HF_ERR_COSE_SHAPE;
	hf_cbor_tag(&r);
	if (hf_cbor_array(&r) != 4 && !r.err)
		return HF_ERR_COSE_SHAPE;
	cose.protected_header = hf_cbor_bstr(&r);
	header = hf_cbor_at(cose.protected_header);
	if (cose.protected_header.len)
		read_protected(&header, &cose, &has_alg);
	read_unprotected(&r, &cose);
	cose.payload = hf_cbor_bstr(&r);	/* null, a detached payload, is refused */
	cose.signature = hf_cbor_bstr(&r);
	err = hf_cbor_end(&r);
	if (!err)
		err = hf_cbor_end(&header);
	if (err)
		return shape(err);
	if (!has_alg)
		return HF_ERR_COSE_ALGORITHM;
	*ret = cose;
	return HF_OK;
}

/* ---- signatures ---- */

enum hf_err hf_cose_to_be_signed(struct hf_span protected_header, struct hf_span payload,
				 struct hf_span *ret)
{
	struct hf_writer w = { .cap = protected_header.len + payload.len + 64 };

	w.buf = malloc(w.cap);
	if (!w.buf)
		return HF_ERR_NO_MEMORY;
	hf_cbor_put_array(&w, 4);
	hf_cbor_put_text(&w, "Signature1");
	hf_cbor_put_bstr(&w, protected_header);
	hf_cbor_put_bstr(&w, (struct hf_span){ 0 });
	hf_cbor_put_bstr(&w, payload);
	*ret = hf_written(&w);
	return HF_OK;
}

/* Sig_structure of one signature of a COSE_Sign, which has a header of its own. */
static enum hf_err to_be_signed(const struct hf_cose *cose, struct hf_span *ret)
{
	struct hf_writer w = { .cap = cose->protected_header.len + cose->sign_protected.len +
				      cose->payload.len + 64 };

	if (!cose->multi)
		return hf_cose_to_be_signed(cose->protected_header, cose->payload, ret);
	w.buf = malloc(w.cap);
	if (!w.buf)
		return HF_ERR_NO_MEMORY;
	hf_cbor_put_array(&w, 5);
	hf_cbor_put_text(&w, "Signature");
	hf_cbor_put_bstr(&w, cose->protected_header);
	hf_cbor_put_bstr(&w, cose->sign_protected);
	hf_cbor_put_bstr(&w, (struct hf_span){ 0 });
	hf_cbor_put_bstr(&w, cose->payload);
	*ret = hf_written(&w);
	return HF_OK;
}

static bool use_pss(EVP_PKEY_CTX *ctx)
{
	/* RFC 8230 section 2: salt as long as the digest */
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

/* Raw r || s to what OpenSSL takes. Caller frees with OPENSSL_free. */
static unsigned char *ecdsa_to_der(struct hf_span raw, size_t half, int *ret_len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.ptr, (int)half, NULL);
	BIGNUM *s = BN_bin2bn(raw.ptr + half, (int)half, NULL);
	unsigned char *der = NULL;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return NULL;
	}
	*ret_len = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	return *ret_len > 0 ? der : NULL;
}

static enum hf_err verify_message(const struct hf_scheme *scheme, EVP_PKEY *pkey,
				  struct hf_span message, struct hf_span signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;	/* belongs to ctx */
	int ok;

	if (!ctx)
		return HF_ERR_NO_MEMORY;
	ok = EVP_DigestVerifyInit_ex(ctx, &pctx, scheme->md, NULL, NULL, pkey, NULL) == 1 &&
	     (!scheme->pss || use_pss(pctx)) &&
	     EVP_DigestVerify(ctx, signature.ptr, signature.len, message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? HF_OK : HF_ERR_SIGNATURE_INVALID;
}

static enum hf_err verify_as(enum hf_cose_alg alg, const struct hf_key *key, struct hf_span message,
			     struct hf_span signature)
{
	const struct hf_scheme *scheme = hf_scheme_of(alg);
	unsigned char *der = NULL;
	int der_len = 0;
	enum hf_err err;

	if (key->ca)	/* it signs certificates */
		return HF_ERR_SIGNER_UNKNOWN;
	if (!scheme || !hf_scheme_fits(scheme, key->pkey))
		return HF_ERR_COSE_ALGORITHM;
	if (scheme->half) {
		if (signature.len != 2 * scheme->half)
			return HF_ERR_SIGNATURE_INVALID;
		der = ecdsa_to_der(signature, scheme->half, &der_len);
		if (!der)
			return HF_ERR_NO_MEMORY;
		signature = (struct hf_span){ der, (size_t)der_len };
	}
	err = verify_message(scheme, key->pkey, message, signature);
	OPENSSL_free(der);
	return err;
}

enum hf_err hf_cose_verify(const struct hf_cose *cose, const struct hf_key *key)
{
	struct hf_span message;
	enum hf_err err = to_be_signed(cose, &message);

	if (err)
		return err;
	err = verify_as(cose->alg, key, message, cose->signature);
	free((void *)message.ptr);
	return err;
}

enum hf_err hf_key_verify(const struct hf_key *key, struct hf_span message, struct hf_span signature)
{
	return verify_as(key->alg, key, message, signature);
}

const char *hf_cose_jws_name(enum hf_cose_alg alg)
{
	switch (alg) {
	case HF_COSE_ES256:
		return "ES256";
	case HF_COSE_ES384:
		return "ES384";
	case HF_COSE_ES512:
		return "ES512";
	case HF_COSE_EDDSA:
		return "EdDSA";
	case HF_COSE_PS256:
	case HF_COSE_PS384:
		return NULL;
	}
	return NULL;
}
