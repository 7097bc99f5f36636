/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Part and chapter numbers are those of the TPM 2.0 Library, revision 1.59. [edge: libcrypto] */
#include "measure/credential.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define TPM_ALG_RSA 0x0001
#define TPM_ALG_AES 0x0006
#define TPM_ALG_SHA256 0x000b
#define TPM_ALG_SHA384 0x000c
#define TPM_ALG_NULL 0x0010
#define TPM_ALG_ECC 0x0023
#define TPM_ALG_CFB 0x0043
#define TPM_ECC_P256 0x0003
#define TPM_ECC_P384 0x0004
/* TPMA_OBJECT, part 2, 8.3 */
#define FIXED_TPM (1u << 1)
#define FIXED_PARENT (1u << 4)
#define SENSITIVE_ORIGIN (1u << 5)
#define USER_WITH_AUTH (1u << 6)
#define ADMIN_WITH_POLICY (1u << 7)
#define NO_DA (1u << 10)
#define RESTRICTED (1u << 16)
#define DECRYPT (1u << 17)
#define MUST (FIXED_TPM | FIXED_PARENT | SENSITIVE_ORIGIN | RESTRICTED | DECRYPT)
#define MAY (MUST | USER_WITH_AUTH | ADMIN_WITH_POLICY | NO_DA)
#define RSA_EXPONENT 65537u
#define COORDINATE_MAX 48
#define RSA_MAX 512

const char *hf_ek_kind_name(enum hf_ek_kind kind)
{
	switch (kind) {
	case HF_EK_RSA2048:
		return "RSA 2048";
	case HF_EK_RSA3072:
		return "RSA 3072";
	case HF_EK_RSA4096:
		return "RSA 4096";
	case HF_EK_P256:
		return "ECC P-256";
	case HF_EK_P384:
		return "ECC P-384";
	}
	return "unknown";
}

/* ---- the public area ---- */

static bool take_rsa(struct hf_cursor *c, struct hf_ek *ek)
{
	unsigned bits = hf_u16be(c);
	uint32_t exponent = hf_u32be(c);

	ek->modulus = hf_take_span(c, hf_u16be(c));
	if (c->bad || (exponent != 0 && exponent != RSA_EXPONENT) || ek->modulus.len * 8 != bits || bits == 0 ||
	    !(ek->modulus.ptr[0] & 0x80) || !(ek->modulus.ptr[ek->modulus.len - 1] & 1))
		return false;	/* an even number is nobody's modulus, and nothing can be made for it */
	ek->kind = bits == 2048 ? HF_EK_RSA2048 : bits == 3072 ? HF_EK_RSA3072 : HF_EK_RSA4096;
	return bits == 2048 || bits == 3072 || bits == 4096;
}

static bool take_ecc(struct hf_cursor *c, struct hf_ek *ek)
{
	unsigned curve = hf_u16be(c), kdf = hf_u16be(c);
	size_t size = curve == TPM_ECC_P256 ? 32 : 48;

	ek->x = hf_take_span(c, hf_u16be(c));
	ek->y = hf_take_span(c, hf_u16be(c));
	ek->kind = curve == TPM_ECC_P256 ? HF_EK_P256 : HF_EK_P384;
	return !c->bad && (curve == TPM_ECC_P256 || curve == TPM_ECC_P384) && kdf == TPM_ALG_NULL &&
	       ek->x.len == size && ek->y.len == size;
}

/* Part 2, 12.2.4: type, nameAlg, attributes, policy, then parameters and unique by type. */
static bool take_public(struct hf_span public_area, struct hf_ek *ek)
{
	struct hf_cursor c = hf_cursor_at(public_area);
	unsigned type = hf_u16be(&c), name = hf_u16be(&c);
	uint32_t attributes = hf_u32be(&c);
	unsigned aes, mode, scheme;
	bool good;

	(void)hf_take(&c, hf_u16be(&c));	/* authPolicy: how its owner may use it */
	good = hf_u16be(&c) == TPM_ALG_AES;
	aes = hf_u16be(&c);
	mode = hf_u16be(&c);
	scheme = hf_u16be(&c);
	if (c.bad || !good || (aes != 128 && aes != 256) || mode != TPM_ALG_CFB ||
	    scheme != TPM_ALG_NULL || (name != TPM_ALG_SHA256 && name != TPM_ALG_SHA384) ||
	    (attributes & MUST) != MUST || (attributes & ~MAY))
		return false;
	ek->aes_bits = aes;
	ek->name_alg = name == TPM_ALG_SHA256 ? HF_ALG_SHA256 : HF_ALG_SHA384;
	good = type == TPM_ALG_RSA ? take_rsa(&c, ek) : type == TPM_ALG_ECC && take_ecc(&c, ek);
	return good && hf_cursor_done(&c);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *rsa_key(const struct hf_ek *ek, OSSL_PARAM_BLD *build)
{
	BIGNUM *n = BN_bin2bn(ek->modulus.ptr, (int)ek->modulus.len, NULL);
	EVP_PKEY *key = NULL;

	if (n && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_uint(build, OSSL_PKEY_PARAM_RSA_E, RSA_EXPONENT))
		key = from_params("RSA", build);
	BN_free(n);
	return key;
}

/* A point that is not on the curve makes no key. */
static EVP_PKEY *ecc_key(const struct hf_ek *ek, OSSL_PARAM_BLD *build)
{
	uint8_t point[1 + 2 * COORDINATE_MAX] = { 4 };
	const char *group = ek->kind == HF_EK_P256 ? "P-256" : "P-384";
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *check;

	memcpy(point + 1, ek->x.ptr, ek->x.len);
	memcpy(point + 1 + ek->x.len, ek->y.ptr, ek->y.len);
	if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * ek->x.len))
		key = from_params("EC", build);
	check = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
	if (key && (!check || EVP_PKEY_public_check(check) != 1)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(check);
	return key;
}

static EVP_PKEY *key_of(const struct hf_ek *ek)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (build)
		key = ek->modulus.len ? rsa_key(ek, build) : ecc_key(ek, build);
	OSSL_PARAM_BLD_free(build);
	ERR_clear_error();
	return key;
}

enum hf_err hf_ek_parse(struct hf_span public_area, struct hf_ek *ret)
{
	struct hf_ek ek = { 0 };
	unsigned char *out = ek.spki;
	EVP_PKEY *key;
	int len;

	if (!take_public(public_area, &ek))
		return HF_ERR_EK_UNUSABLE;
	key = key_of(&ek);
	len = key ? i2d_PUBKEY(key, NULL) : -1;
	if (len > 0 && len <= HF_EK_SPKI_MAX)
		len = i2d_PUBKEY(key, &out);
	EVP_PKEY_free(key);
	if (len <= 0 || len > HF_EK_SPKI_MAX)
		return HF_ERR_EK_UNUSABLE;
	ek.spki_len = (size_t)len;
	if (hf_digest(HF_ALG_SHA256, (struct hf_span){ ek.spki, ek.spki_len }, &ek.id) != HF_OK)
		return HF_ERR_INTERNAL;
	*ret = ek;
	return HF_OK;
}

/* ---- derivation, part 1, 11.4.10 ---- */

static const EVP_MD *md_of(enum hf_alg alg)
{
	return alg == HF_ALG_SHA256 ? EVP_sha256() : EVP_sha384();
}

/* KDFa: HMAC(key, [1] || label || 0 || context || [bits]); one round is enough for all of ours. */
static bool kdf_a(enum hf_alg alg, struct hf_span key, const char *label, struct hf_span context,
		  uint32_t bits, uint8_t *out)
{
	uint8_t message[256], full[HF_DIGEST_MAX];
	struct hf_writer w = { .buf = message, .cap = sizeof(message) };
	unsigned len = 0;

	hf_put_be(&w, 1, 4);
	hf_put(&w, label, strlen(label) + 1);
	hf_put_span(&w, context);
	hf_put_be(&w, bits, 4);
	if (w.full || bits / 8 > hf_alg_size(alg) ||
	    !HMAC(md_of(alg), key.ptr, (int)key.len, message, w.len, full, &len))
		return false;
	memcpy(out, full, bits / 8);
	OPENSSL_cleanse(full, sizeof(full));
	return true;
}

/* KDFe: H([1] || Z || label || 0 || U.x || V.x). */
static bool kdf_e(enum hf_alg alg, struct hf_span z, struct hf_span u, struct hf_span v, uint8_t *out)
{
	static const char label[] = "IDENTITY";
	uint8_t message[4 + 3 * COORDINATE_MAX + sizeof(label)];
	struct hf_writer w = { .buf = message, .cap = sizeof(message) };
	struct hf_digest digest;
	bool good;

	hf_put_be(&w, 1, 4);
	hf_put_span(&w, z);
	hf_put(&w, label, sizeof(label));
	hf_put_span(&w, u);
	hf_put_span(&w, v);
	good = !w.full && hf_digest(alg, hf_written(&w), &digest) == HF_OK;
	if (good)
		memcpy(out, digest.bytes, hf_alg_size(alg));
	OPENSSL_cleanse(message, sizeof(message));
	return good;
}

/* ---- the seed, and how it travels: annexes B.10.3 (RSA) and C.6.3 (ECC) ---- */

static bool rsa_seed(const struct hf_ek *ek, EVP_PKEY *key, const uint8_t *seed, struct hf_writer *ret)
{
	static const char label[] = "IDENTITY";	/* with its NUL */
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	void *label_copy = OPENSSL_memdup(label, sizeof(label));
	uint8_t out[RSA_MAX];
	size_t len = sizeof(out);
	bool good = ctx && label_copy && EVP_PKEY_encrypt_init(ctx) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md_of(ek->name_alg)) == 1 &&
		    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(ek->name_alg)) == 1;

	if (good && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label_copy, (int)sizeof(label)) == 1)
		label_copy = NULL;	/* the context's now */
	good = good && !label_copy &&
	       EVP_PKEY_encrypt(ctx, out, &len, seed, hf_alg_size(ek->name_alg)) == 1;
	OPENSSL_free(label_copy);
	EVP_PKEY_CTX_free(ctx);
	if (good) {
		hf_put_be(ret, len, 2);
		hf_put(ret, out, len);
	}
	return good;
}

static bool point_of(EVP_PKEY *key, size_t size, uint8_t x[COORDINATE_MAX], uint8_t y[COORDINATE_MAX])
{
	BIGNUM *bx = NULL, *by = NULL;
	bool good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &bx) == 1 &&
		    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &by) == 1 &&
		    BN_bn2binpad(bx, x, (int)size) == (int)size &&
		    BN_bn2binpad(by, y, (int)size) == (int)size;

	BN_free(bx);
	BN_free(by);
	return good;
}

static bool shared_x(EVP_PKEY *ours, EVP_PKEY *theirs, uint8_t z[COORDINATE_MAX], size_t size)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
	size_t len = COORDINATE_MAX;
	bool good = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
		    EVP_PKEY_derive(ctx, z, &len) == 1 && len == size;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

static bool ecc_seed(const struct hf_ek *ek, EVP_PKEY *key, uint8_t *seed, struct hf_writer *ret)
{
	const size_t size = ek->x.len;
	EVP_PKEY *ours = EVP_EC_gen(ek->kind == HF_EK_P256 ? "P-256" : "P-384");
	uint8_t x[COORDINATE_MAX], y[COORDINATE_MAX], z[COORDINATE_MAX];
	bool good = ours && point_of(ours, size, x, y) && shared_x(ours, key, z, size) &&
		    kdf_e(ek->name_alg, (struct hf_span){ z, size }, (struct hf_span){ x, size }, ek->x,
			  seed);

	OPENSSL_cleanse(z, sizeof(z));
	EVP_PKEY_free(ours);
	if (!good)
		return false;
	hf_put_be(ret, 2 * (size + 2), 2);	/* TPMS_ECC_POINT */
	hf_put_be(ret, size, 2);
	hf_put(ret, x, size);
	hf_put_be(ret, size, 2);
	hf_put(ret, y, size);
	return true;
}

static bool make_seed(const struct hf_ek *ek, uint8_t *seed, struct hf_writer *ret)
{
	EVP_PKEY *key = key_of(ek);
	bool good = false;

	if (key && ek->modulus.len)
		good = RAND_priv_bytes(seed, (int)hf_alg_size(ek->name_alg)) == 1 &&
		       rsa_seed(ek, key, seed, ret);
	else if (key)
		good = ecc_seed(ek, key, seed, ret);
	EVP_PKEY_free(key);
	return good;
}

/* ---- the blob, part 1, 24.4 ---- */

static bool encrypt_cfb(unsigned bits, const uint8_t *key, struct hf_span in, uint8_t *out)
{
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len = 0;
	bool good = ctx && EVP_EncryptInit_ex(ctx, bits == 128 ? EVP_aes_128_cfb128() : EVP_aes_256_cfb128(),
					      NULL, key, iv) == 1 &&
		    EVP_EncryptUpdate(ctx, out, &len, in.ptr, (int)in.len) == 1 && (size_t)len == in.len;

	EVP_CIPHER_CTX_free(ctx);
	return good;
}

static bool make_blob(const struct hf_ek *ek, struct hf_span seed, struct hf_span name,
		      struct hf_span secret, struct hf_writer *ret)
{
	const struct hf_span none = { NULL, 0 };
	const size_t size = hf_alg_size(ek->name_alg);
	uint8_t plain[2 + HF_CREDENTIAL_SECRET_MAX], sealed[sizeof(plain) + 64];
	uint8_t storage[32], integrity[HF_DIGEST_MAX], mac[HF_DIGEST_MAX];
	struct hf_writer p = { .buf = plain, .cap = sizeof(plain) };
	unsigned len = 0;
	bool good;

	hf_put_be(&p, secret.len, 2);
	hf_put_span(&p, secret);
	good = !p.full && name.len <= 64 &&
	       kdf_a(ek->name_alg, seed, "STORAGE", name, ek->aes_bits, storage) &&
	       encrypt_cfb(ek->aes_bits, storage, hf_written(&p), sealed) &&
	       kdf_a(ek->name_alg, seed, "INTEGRITY", none, (uint32_t)size * 8, integrity);
	if (good) {
		memcpy(sealed + p.len, name.ptr, name.len);
		good = HMAC(md_of(ek->name_alg), integrity, (int)size, sealed, p.len + name.len, mac,
			    &len) && len == size;
	}
	OPENSSL_cleanse(plain, sizeof(plain));
	OPENSSL_cleanse(storage, sizeof(storage));
	OPENSSL_cleanse(integrity, sizeof(integrity));
	if (!good)
		return false;
	hf_put_be(ret, 2 + size + p.len, 2);
	hf_put_be(ret, size, 2);
	hf_put(ret, mac, size);
	hf_put(ret, sealed, p.len);
	return true;
}

enum hf_err hf_credential_make(const struct hf_ek *ek, struct hf_span ak_name, struct hf_span secret,
			       struct hf_writer *ret_blob, struct hf_writer *ret_secret)
{
	uint8_t seed[HF_DIGEST_MAX];
	bool good;

	if (secret.len == 0 || secret.len > HF_CREDENTIAL_SECRET_MAX)
		return HF_ERR_INTERNAL;
	good = make_seed(ek, seed, ret_secret) &&
	       make_blob(ek, (struct hf_span){ seed, hf_alg_size(ek->name_alg) }, ak_name, secret, ret_blob);
	OPENSSL_cleanse(seed, sizeof(seed));
	ERR_clear_error();
	if (!good)
		return HF_ERR_INTERNAL;
	return ret_blob->full || ret_secret->full ? HF_ERR_LIMIT : HF_OK;
}
