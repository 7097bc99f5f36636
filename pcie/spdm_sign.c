/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/spdm_sign.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#define PREFIX_LEN 100		/* DSP0274 1.2, clause 15: version four times, zeros, context */
#define PREFIXED_MAX (PREFIX_LEN + HF_DIGEST_MAX)

enum scheme { ECDSA, RSASSA, RSAPSS, EDDSA };
static const struct algorithm {
	uint32_t bit;
	enum scheme scheme;
	int bits;		/* of the key */
	size_t signature_len;
	const char *group;
} algorithms[] = {
	{ 0x001, RSASSA, 2048, 256, NULL },
	{ 0x002, RSAPSS, 2048, 256, NULL },
	{ 0x004, RSASSA, 3072, 384, NULL },
	{ 0x008, RSAPSS, 3072, 384, NULL },
	{ 0x010, ECDSA, 256, 64, "prime256v1" },
	{ 0x020, RSASSA, 4096, 512, NULL },
	{ 0x040, RSAPSS, 4096, 512, NULL },
	{ 0x080, ECDSA, 384, 96, "secp384r1" },
	{ 0x100, ECDSA, 521, 132, "secp521r1" },
	{ 0x400, EDDSA, 253, 64, NULL },	/* Ed25519 */
};

static const struct algorithm *algorithm_of(uint32_t asym)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (algorithms[i].bit == asym)
			return &algorithms[i];
	return NULL;
}

size_t hf_spdm_signature_len(uint32_t asym)
{
	const struct algorithm *algorithm = algorithm_of(asym);

	return algorithm ? algorithm->signature_len : 0;
}

static bool key_fits(EVP_PKEY *key, const struct algorithm *algorithm)
{
	char group[32] = "";

	switch (algorithm->scheme) {
	case ECDSA:
		return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
		       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
		       strcmp(group, algorithm->group) == 0;
	case RSASSA:
	case RSAPSS:
		return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
		       EVP_PKEY_get_bits(key) == algorithm->bits;
	case EDDSA:
		return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
	}
	return false;
}

static EVP_PKEY *key_of(const struct hf_device_chain *chain)
{
	/* libcrypto takes no key as const, and changes none here. */
	return (EVP_PKEY *)(uintptr_t)hf_device_chain_leaf_key(chain);
}

uint32_t hf_spdm_key_asym(const struct hf_device_chain *chain)
{
	EVP_PKEY *key = key_of(chain);

	for (size_t i = 0; key && i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (key_fits(key, &algorithms[i]))
			return algorithms[i].bit;
	return 0;
}

static bool hash_of(uint32_t hash, enum hf_alg *ret_alg, const EVP_MD **ret_md)
{
	switch (hash) {
	case 1:
		*ret_alg = HF_ALG_SHA256;
		*ret_md = EVP_sha256();
		return true;
	case 2:
		*ret_alg = HF_ALG_SHA384;
		*ret_md = EVP_sha384();
		return true;
	case 4:
		*ret_alg = HF_ALG_SHA512;
		*ret_md = EVP_sha512();
		return true;
	}
	return false;
}

/* r and s behind each other, big-endian, as libcrypto wants them. *ret_der: OPENSSL_free. */
static enum hf_err ecdsa_der(struct hf_span raw, uint8_t **ret_der, size_t *ret_len)
{
	int half = (int)(raw.len / 2), len;
	BIGNUM *r = BN_bin2bn(raw.ptr, half, NULL), *s = BN_bin2bn(raw.ptr + half, half, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	uint8_t *der = NULL;

	if (!r || !s || !sig || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(sig);
		return HF_ERR_NO_MEMORY;
	}
	len = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	if (len <= 0)
		return HF_ERR_SPDM_SIGNATURE;
	*ret_der = der;
	*ret_len = (size_t)len;
	return HF_OK;
}

static bool begin(EVP_MD_CTX *ctx, EVP_PKEY *key, const struct algorithm *algorithm, const EVP_MD *md)
{
	EVP_PKEY_CTX *how = NULL;

	if (EVP_DigestVerifyInit(ctx, &how, algorithm->scheme == EDDSA ? NULL : md, NULL, key) != 1)
		return false;
	if (algorithm->scheme == RSASSA)
		return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PADDING) == 1;
	if (algorithm->scheme == RSAPSS)
		return EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
	return true;
}

static enum hf_err verify(EVP_PKEY *key, const struct algorithm *algorithm, const EVP_MD *md,
			  const struct hf_span *parts, size_t count, struct hf_span signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum hf_err err = HF_ERR_SPDM_SIGNATURE;
	bool fed = true;

	if (!ctx)
		return HF_ERR_NO_MEMORY;
	if (!begin(ctx, key, algorithm, md))
		goto out;
	if (algorithm->scheme == EDDSA) {	/* one part: always prefixed */
		if (count == 1 && EVP_DigestVerify(ctx, signature.ptr, signature.len, parts[0].ptr,
						   parts[0].len) == 1)
			err = HF_OK;
		goto out;
	}
	for (size_t i = 0; i < count && fed; i++)
		fed = EVP_DigestVerifyUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
	if (fed && EVP_DigestVerifyFinal(ctx, signature.ptr, signature.len) == 1)
		err = HF_OK;
out:
	EVP_MD_CTX_free(ctx);
	return err;
}

static enum hf_err digest_of(enum hf_alg alg, const struct hf_span *parts, size_t count,
			     struct hf_digest *ret)
{
	struct hf_digest digests[HF_ALG_COUNT];
	struct hf_hasher *hasher;
	size_t made;
	enum hf_err err = hf_hasher_new(HF_ALG_MASK(alg), &hasher);

	if (err)
		return err;
	for (size_t i = 0; i < count && !err; i++)
		err = hf_hasher_update(hasher, parts[i]);
	if (!err)
		err = hf_hasher_final(hasher, digests, &made);
	hf_hasher_free(hasher);
	if (!err)
		*ret = digests[0];
	return err;
}

/* What 1.2 and later sign: who speaks of what in which version, then the digest. */
static size_t prefix(uint8_t version, enum hf_spdm_context context, const struct hf_digest *digest,
		     uint8_t out[static PREFIXED_MAX])
{
	static const char *const contexts[] = {
		[HF_SPDM_SIGNS_CHALLENGE] = "responder-challenge_auth signing",
		[HF_SPDM_SIGNS_MEASUREMENTS] = "responder-measurements signing",
	};
	size_t len = strlen(contexts[context]), size = hf_alg_size(digest->alg);
	char text[] = "dmtf-spdm-v1.?.*";

	text[13] = (char)('0' + (version & 15));
	memset(out, 0, PREFIX_LEN);
	for (size_t i = 0; i < 4; i++)
		memcpy(out + 16 * i, text, 16);
	memcpy(out + PREFIX_LEN - len, contexts[context], len);
	memcpy(out + PREFIX_LEN, digest->bytes, size);
	return PREFIX_LEN + size;
}

static enum hf_err verify_raw(EVP_PKEY *key, const struct algorithm *algorithm, const EVP_MD *md,
			      const struct hf_span *parts, size_t count, struct hf_span signature)
{
	uint8_t *der = NULL;
	size_t len = 0;
	enum hf_err err;

	if (algorithm->scheme != ECDSA)
		return verify(key, algorithm, md, parts, count, signature);
	err = ecdsa_der(signature, &der, &len);
	if (!err)
		err = verify(key, algorithm, md, parts, count, (struct hf_span){ der, len });
	OPENSSL_free(der);
	return err;
}

enum hf_err hf_spdm_signature_verify(uint8_t version, uint32_t asym, uint32_t hash,
				     enum hf_spdm_context context,
				     const struct hf_span *parts, size_t count,
				     const struct hf_device_chain *chain,
				     struct hf_span signature)
{
	const struct algorithm *algorithm = algorithm_of(asym);
	EVP_PKEY *key = key_of(chain);
	uint8_t prefixed[PREFIXED_MAX];
	struct hf_span whole = { prefixed, 0 };
	struct hf_digest digest;
	const EVP_MD *md;
	enum hf_alg alg;
	enum hf_err err;

	if (!algorithm || !key || !key_fits(key, algorithm) || !hash_of(hash, &alg, &md) ||
	    signature.len != algorithm->signature_len)
		return HF_ERR_SPDM_SIGNATURE;
	if (version < 0x12)
		return algorithm->scheme == EDDSA ? HF_ERR_SPDM_SIGNATURE
			: verify_raw(key, algorithm, md, parts, count, signature);
	err = digest_of(alg, parts, count, &digest);
	if (err)
		return err;
	whole.len = prefix(version, context, &digest, prefixed);
	return verify_raw(key, algorithm, md, &whole, 1, signature);
}
