/* SPDX-License-Identifier: GPL-3.0-or-later */
/* COSE_Sign1 messages made: with a key at hand, or with a signature made elsewhere.
 * [edge: libcrypto] */
#include "measure/key.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#define HEADER_MAX 4096			/* bytes of the protected header that we write */

static bool ecdsa_from_der(const unsigned char *der, size_t len, size_t half, uint8_t *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half) == (int)half &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half) == (int)half;

	ECDSA_SIG_free(sig);
	return ok;
}

static enum hf_err sign_message(const struct hf_scheme *scheme, EVP_PKEY *pkey,
				struct hf_span message, uint8_t *out, size_t *ret_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char raw[HF_SIGNATURE_MAX];
	size_t len = sizeof(raw);
	bool ok;

	if (!ctx)
		return HF_ERR_NO_MEMORY;
	ok = EVP_DigestSignInit_ex(ctx, NULL, scheme->md, NULL, NULL, pkey, NULL) == 1 &&
	     EVP_DigestSign(ctx, raw, &len, message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return HF_ERR_INTERNAL;
	if (!scheme->half) {
		memcpy(out, raw, len);
		*ret_len = len;
		return HF_OK;
	}
	*ret_len = 2 * scheme->half;
	return ecdsa_from_der(raw, len, scheme->half, out) ? HF_OK : HF_ERR_INTERNAL;
}

enum hf_err hf_key_sign(const struct hf_key *key, struct hf_span message, struct hf_writer *w)
{
	const struct hf_scheme *scheme = hf_scheme_of(key->alg);
	uint8_t signature[HF_SIGNATURE_MAX];
	size_t len;
	enum hf_err err;

	if (!key->private_key)
		return HF_ERR_KEY_INVALID;
	if (!scheme || scheme->pss)
		return HF_ERR_COSE_ALGORITHM;
	err = sign_message(scheme, key->pkey, message, signature, &len);
	if (err)
		return err;
	hf_put(w, signature, len);
	return w->full ? HF_ERR_LIMIT : HF_OK;
}

static void put_protected(const struct hf_key *key, const char *content_type, const char *signer,
			  struct hf_writer *w)
{
	uint8_t meta[512];
	struct hf_writer m = { .buf = meta, .cap = sizeof(meta) };

	hf_cbor_put_map(w, 2 + (content_type != NULL) + (signer != NULL));
	hf_cbor_put_int(w, HF_LABEL_ALG);
	hf_cbor_put_int(w, key->alg);
	if (content_type) {
		hf_cbor_put_int(w, HF_LABEL_CONTENT_TYPE);
		hf_cbor_put_text(w, content_type);
	}
	hf_cbor_put_int(w, HF_LABEL_KID);
	hf_cbor_put_bstr(w, (struct hf_span){ key->id, HF_KEY_ID });
	if (!signer)
		return;
	hf_cbor_put_map(&m, 1);		/* corim-meta-map { signer: { name } } */
	hf_cbor_put_int(&m, 0);
	hf_cbor_put_map(&m, 1);
	hf_cbor_put_int(&m, 0);
	hf_cbor_put_text(&m, signer);
	hf_cbor_put_int(w, HF_LABEL_CORIM_META);
	hf_cbor_put_bstr(w, hf_written(&m));
	w->full |= m.full;
}

/* The tagged message; its size is checked. */
static enum hf_err put_message(struct hf_span header, struct hf_span payload,
			       struct hf_span signature, struct hf_writer *w)
{
	size_t start = w->len;

	hf_cbor_put_tag(w, HF_TAG_SIGN1);
	hf_cbor_put_array(w, 4);
	hf_cbor_put_bstr(w, header);
	hf_cbor_put_map(w, 0);
	hf_cbor_put_bstr(w, payload);
	hf_cbor_put_bstr(w, signature);
	return w->full || w->len - start > HF_COSE_MAX ? HF_ERR_LIMIT : HF_OK;
}

enum hf_err hf_cose_sign(const struct hf_key *key, const char *content_type, const char *signer,
			 struct hf_span payload, struct hf_writer *w)
{
	const struct hf_scheme *scheme = hf_scheme_of(key->alg);
	uint8_t header[HEADER_MAX], signature[HF_SIGNATURE_MAX];
	struct hf_writer h = { .buf = header, .cap = sizeof(header) };
	struct hf_span message;
	size_t len;
	enum hf_err err;

	if (!key->private_key)
		return HF_ERR_KEY_INVALID;
	if (!scheme || scheme->pss)
		return HF_ERR_COSE_ALGORITHM;
	put_protected(key, content_type, signer, &h);
	if (h.full)
		return HF_ERR_LIMIT;
	err = hf_cose_to_be_signed(hf_written(&h), payload, &message);
	if (err)
		return err;
	err = sign_message(scheme, key->pkey, message, signature, &len);
	free((void *)message.ptr);
	if (err)
		return err;
	return put_message(hf_written(&h), payload, (struct hf_span){ signature, len }, w);
}

/* ---- a signature made elsewhere ---- */

enum hf_err hf_cose_prepare(const struct hf_key *key, const char *content_type,
			    const char *signer, struct hf_span payload, struct hf_writer *w)
{
	uint8_t header[HEADER_MAX];
	struct hf_writer h = { .buf = header, .cap = sizeof(header) };
	struct hf_span message;
	enum hf_err err;

	put_protected(key, content_type, signer, &h);
	if (h.full)
		return HF_ERR_LIMIT;
	err = hf_cose_to_be_signed(hf_written(&h), payload, &message);
	if (err)
		return err;
	hf_put_span(w, message);
	free((void *)message.ptr);
	return w->full ? HF_ERR_LIMIT : HF_OK;
}

const char *hf_cose_hash_name(const struct hf_key *key)
{
	const struct hf_scheme *scheme = hf_scheme_of(key->alg);

	return scheme ? scheme->md : NULL;
}

/* The message with this signature, and whether it verifies. w is as before if not. */
static enum hf_err attach(const struct hf_key *key, struct hf_span header, struct hf_span payload,
			  struct hf_span signature, struct hf_writer *w)
{
	struct hf_writer before = *w;
	struct hf_cose cose;
	enum hf_err err = put_message(header, payload, signature, w);

	if (!err)
		err = hf_cose_parse((struct hf_span){ w->buf + before.len, w->len - before.len }, &cose);
	if (!err)
		err = hf_cose_verify(&cose, key);
	if (err)
		*w = before;
	return err;
}

enum hf_err hf_cose_attach(const struct hf_key *key, const char *content_type, const char *signer,
			   struct hf_span payload, struct hf_span signature, struct hf_writer *w)
{
	const struct hf_scheme *scheme = hf_scheme_of(key->alg);
	uint8_t header[HEADER_MAX], raw[HF_SIGNATURE_MAX];
	struct hf_writer h = { .buf = header, .cap = sizeof(header) };
	enum hf_err err;

	if (!scheme)
		return HF_ERR_COSE_ALGORITHM;
	if (signature.len == 0 || signature.len > HF_SIGNATURE_MAX)
		return HF_ERR_SIGNATURE_INVALID;
	put_protected(key, content_type, signer, &h);
	if (h.full)
		return HF_ERR_LIMIT;
	err = attach(key, hf_written(&h), payload, signature, w);
	if (err != HF_ERR_SIGNATURE_INVALID || !scheme->half ||
	    !ecdsa_from_der(signature.ptr, signature.len, scheme->half, raw))
		return err;
	return attach(key, hf_written(&h), payload, (struct hf_span){ raw, 2 * scheme->half }, w);
}
