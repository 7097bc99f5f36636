/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a TPM does for an enrolment and a quote, with keys in memory. Written from part 1 of the TPM
 * 2.0 Library, not from measure/credential.c, which it answers. */
#include "tests/fleet/fleet.h"

#include <openssl/hmac.h>
#include <openssl/param_build.h>

/* As good as random, and the same for everybody who knows the seed. */
static void scalar_of(const char *seed, unsigned host, const char *what, uint8_t out[static 32])
{
	char text[256];
	struct hf_digest d;

	snprintf(text, sizeof(text), "holdfast fleet|%s|%u|%s", seed, host, what);
	d = fx_digest(text);
	memcpy(out, d.bytes, 32);
	out[0] &= 0x7f;		/* below the order of P-256 */
}

static EVP_PKEY *key_of(const uint8_t scalar[static 32])
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *d = BN_bin2bn(scalar, 32, NULL);
	EC_POINT *point = EC_POINT_new(group);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	uint8_t bytes[65];
	OSSL_PARAM *params;

	assert_int_equal(EC_POINT_mul(group, point, d, NULL, NULL, NULL), 1);
	assert_int_equal(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, bytes, 65, NULL), 65);
	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
	OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof(bytes));
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	BN_free(d);
	return key;
}

static void put_coordinate(struct hf_writer *w, EVP_PKEY *key, const char *name)
{
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
	tpm_number(w, n);
	BN_free(n);
}

/* EK Credential Profile 2.x, template L-2: ECC P-256, PolicySecret of the endorsement hierarchy. */
static void make_ek(struct soft_tpm *t)
{
	static const uint8_t policy[32] = {
		0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
		0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
	};
	struct hf_writer w = { .buf = t->ek_area, .cap = sizeof(t->ek_area) };

	hf_put_be(&w, 0x0023, 2);
	hf_put_be(&w, 0x000b, 2);
	hf_put_be(&w, 0x000300b2, 4);
	hf_put_be(&w, sizeof(policy), 2);
	hf_put(&w, policy, sizeof(policy));
	hf_put_be(&w, 0x0006, 2);	/* AES 128 CFB */
	hf_put_be(&w, 128, 2);
	hf_put_be(&w, 0x0043, 2);
	hf_put_be(&w, 0x0010, 2);
	hf_put_be(&w, 0x0003, 2);
	hf_put_be(&w, 0x0010, 2);
	put_coordinate(&w, t->ek, OSSL_PKEY_PARAM_EC_PUB_X);
	put_coordinate(&w, t->ek, OSSL_PKEY_PARAM_EC_PUB_Y);
	t->ek_public = hf_written(&w);
	assert_int_equal(hf_ek_parse(t->ek_public, &t->ek_parsed), HF_OK);
}

void soft_tpm_make(struct soft_tpm *t, const char *seed, unsigned host)
{
	struct hf_span template = hf_ak_template();
	struct fake_tpm *f = &t->tpm;
	struct hf_writer w = { .buf = f->public_area, .cap = sizeof(f->public_area) };
	uint8_t scalar[32];

	scalar_of(seed, host, "ak", scalar);
	f->key = key_of(scalar);
	hf_put(&w, template.ptr, template.len - 4);
	put_coordinate(&w, f->key, OSSL_PKEY_PARAM_EC_PUB_X);
	put_coordinate(&w, f->key, OSSL_PKEY_PARAM_EC_PUB_Y);
	f->ak = hf_written(&w);
	assert_int_equal(hf_ak_parse(f->ak, &f->parsed), HF_OK);
	f->pcrs = HF_QUOTE_PCRS | 1u << HF_PCR_DEFAULT;
	scalar_of(seed, host, "ek", scalar);
	t->ek = key_of(scalar);
	make_ek(t);
}

void soft_tpm_drop(struct soft_tpm *t)
{
	EVP_PKEY_free(t->tpm.key);
	EVP_PKEY_free(t->ek);
}

/* KDFa, part 1, 11.4.10.2, for at most one digest of output. */
static void kdf_a(const uint8_t key[static 32], const char *label, struct hf_span context, uint32_t bits,
		  uint8_t out[static 32])
{
	uint8_t text[128];
	struct hf_writer w = { .buf = text, .cap = sizeof(text) };
	unsigned len = 32;

	hf_put_be(&w, 1, 4);
	hf_put(&w, label, strlen(label) + 1);
	hf_put_span(&w, context);
	hf_put_be(&w, bits, 4);
	assert_false(w.full);
	assert_non_null(HMAC(EVP_sha256(), key, 32, text, w.len, out, &len));
}

static EVP_PKEY *peer_of(struct hf_span x, struct hf_span y)
{
	uint8_t point[65] = { 4 };
	OSSL_PARAM params[3];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	char group[] = "P-256";

	memcpy(point + 1, x.ptr, 32);
	memcpy(point + 33, y.ptr, 32);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
	params[2] = OSSL_PARAM_construct_end();
	if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The seed: KDFe(Z, "IDENTITY", x of theirs, x of ours), part 1, C.6.3. */
static bool seed_of(const struct soft_tpm *t, struct hf_span encrypted, uint8_t seed[static 32])
{
	struct hf_cursor c = hf_cursor_at(encrypted);
	uint8_t z[32], text[4 + 32 + 9 + 64];
	struct hf_writer w = { .buf = text, .cap = sizeof(text) };
	struct hf_digest d;
	struct hf_span x, y;
	size_t len = sizeof(z);
	EVP_PKEY *peer;
	EVP_PKEY_CTX *ctx;
	bool valid;

	if (hf_u16be(&c) + 2u != encrypted.len)
		return false;
	x = hf_take_span(&c, hf_u16be(&c));
	y = hf_take_span(&c, hf_u16be(&c));
	if (!hf_cursor_done(&c) || x.len != 32 || y.len != 32)
		return false;
	peer = peer_of(x, y);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, t->ek, NULL);
	valid = peer && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
	       EVP_PKEY_derive(ctx, z, &len) == 1 && len == 32;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	hf_put_be(&w, 1, 4);
	hf_put(&w, z, 32);
	hf_put(&w, "IDENTITY", 9);
	hf_put_span(&w, x);
	hf_put_span(&w, t->ek_parsed.x);
	valid = valid && !w.full && hf_digest(HF_ALG_SHA256, hf_written(&w), &d) == HF_OK;
	if (valid)
		memcpy(seed, d.bytes, 32);
	return valid;
}

static bool open_blob(struct hf_span sealed, const uint8_t key[static 32], uint8_t *secret, size_t *ret_len)
{
	static const uint8_t iv[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t plain[2 + HF_CREDENTIAL_SECRET_MAX];
	int n = 0;
	bool valid = sealed.len >= 2 && sealed.len <= sizeof(plain) &&
		    EVP_DecryptInit_ex(ctx, EVP_aes_128_cfb128(), NULL, key, iv) == 1 &&
		    EVP_DecryptUpdate(ctx, plain, &n, sealed.ptr, (int)sealed.len) == 1;
	size_t len = valid ? (size_t)plain[0] << 8 | plain[1] : 0;

	EVP_CIPHER_CTX_free(ctx);
	if (!valid || len + 2 != sealed.len)
		return false;
	memcpy(secret, plain + 2, len);
	*ret_len = len;
	return true;
}

bool soft_tpm_activate(const struct soft_tpm *t, struct hf_span credential, struct hf_span encrypted,
		       uint8_t secret[static HF_CREDENTIAL_SECRET_MAX], size_t *ret_len)
{
	const struct hf_span name = { t->tpm.parsed.name, sizeof(t->tpm.parsed.name) }, none = { NULL, 0 };
	struct hf_cursor c = hf_cursor_at(credential);
	uint8_t seed[32], key[32], storage[32], mac[32], text[256];
	struct hf_writer w = { .buf = text, .cap = sizeof(text) };
	struct hf_span given, sealed;
	unsigned len = 32;

	if (!seed_of(t, encrypted, seed) || hf_u16be(&c) + 2u != credential.len)
		return false;
	given = hf_take_span(&c, hf_u16be(&c));
	if (c.bad || given.len != 32)
		return false;
	sealed = hf_span_part(credential, c.pos, credential.len - c.pos);
	kdf_a(seed, "INTEGRITY", none, 256, key);
	hf_put_span(&w, sealed);
	hf_put_span(&w, name);
	if (w.full || !HMAC(EVP_sha256(), key, 32, text, w.len, mac, &len) || memcmp(mac, given.ptr, 32) != 0)
		return false;
	kdf_a(seed, "STORAGE", name, 128, storage);
	return open_blob(sealed, storage, secret, ret_len);
}
