/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TPM 2.0 Library part 2: TPMS_ATTEST (10.12.8), TPMT_PUBLIC (12.2.4), TPMT_SIGNATURE
 * (11.3.4). All numbers big-endian. */
#include "measure/attest.h"

#include <threads.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define ST_ATTEST_QUOTE 0x8018
#define TPM_ALG_ECDSA 0x0018
#define NAME_MAX_LEN 66		/* TPM2B_NAME: algorithm and the largest digest */
#define DATA_MAX_LEN 66		/* TPM2B_DATA: sizeof(TPMT_HA) */
#define SELECT_SIZE 3		/* 24 PCRs: what a PC Client TPM answers with */
#define COORDINATE 32		/* P-256 */
#define DIGEST_SIZE 32		/* SHA-256 */

/* ---- TPMS_ATTEST ---- */

static struct hf_span take_sized(struct hf_cursor *c)
{
	return hf_take_span(c, hf_u16be(c));
}

static void put_sized(struct hf_writer *w, struct hf_span s)
{
	hf_put_be(w, s.len, 2);
	hf_put_span(w, s);
}

static void put_attest(struct hf_writer *w, const struct hf_quote *q)
{
	hf_put_be(w, HF_TPM_GENERATED, 4);
	hf_put_be(w, ST_ATTEST_QUOTE, 2);
	put_sized(w, q->qualified_signer);
	put_sized(w, q->nonce);
	hf_put_be(w, q->clock, 8);
	hf_put_be(w, q->reset_count, 4);
	hf_put_be(w, q->restart_count, 4);
	hf_put_be(w, q->safe, 1);
	hf_put_be(w, q->firmware_version, 8);
	hf_put_be(w, 1, 4);		/* one selection */
	hf_put_be(w, hf_alg_tpm_id(q->bank), 2);
	hf_put_be(w, SELECT_SIZE, 1);
	hf_put_le(w, q->pcrs, SELECT_SIZE);	/* PCR 0 is bit 0 of the first byte */
	put_sized(w, q->pcr_digest);
}

enum hf_err hf_quote_parse(struct hf_span attest, struct hf_quote *ret)
{
	uint8_t buf[HF_ATTEST_MAX];
	struct hf_writer again = { .buf = buf, .cap = sizeof(buf) };
	struct hf_cursor c = hf_cursor_at(attest);
	struct hf_quote q = { .pcrs = 0 };
	uint32_t magic = hf_u32be(&c);
	uint16_t type = hf_u16be(&c);

	if (magic != HF_TPM_GENERATED || type != ST_ATTEST_QUOTE)
		return HF_ERR_QUOTE_SHAPE;
	q.qualified_signer = take_sized(&c);
	q.nonce = take_sized(&c);
	q.clock = hf_u64be(&c);
	q.reset_count = hf_u32be(&c);
	q.restart_count = hf_u32be(&c);
	q.safe = hf_u8(&c) != 0;
	q.firmware_version = hf_u64be(&c);
	uint32_t selections = hf_u32be(&c);
	uint16_t bank = hf_u16be(&c);
	size_t select_size = hf_u8(&c);

	if (c.bad || q.qualified_signer.len > NAME_MAX_LEN || q.nonce.len > DATA_MAX_LEN)
		return HF_ERR_QUOTE_SHAPE;
	if (selections != 1 || !hf_alg_from_tpm_id(bank, &q.bank))
		return HF_ERR_QUOTE_SELECTION;
	if (select_size != SELECT_SIZE)
		return HF_ERR_QUOTE_SHAPE;
	q.pcrs = (uint32_t)hf_take_le(&c, SELECT_SIZE);
	q.pcr_digest = take_sized(&c);
	if (!hf_cursor_done(&c) || q.pcr_digest.len > HF_DIGEST_MAX)
		return HF_ERR_QUOTE_SHAPE;
	put_attest(&again, &q);
	if (again.full || !hf_span_equal(hf_written(&again), attest))
		return HF_ERR_QUOTE_SHAPE;
	*ret = q;
	return HF_OK;
}

/* ---- the attestation key ---- */

static const uint8_t ak_template[] = {
	0x00, 0x23,			/* type: TPM_ALG_ECC */
	0x00, 0x0b,			/* nameAlg: SHA-256 */
	0x00, 0x05, 0x04, 0x72,		/* fixedTPM, fixedParent, sensitiveDataOrigin,
					 * userWithAuth, noDA, restricted, sign */
	0x00, 0x00,			/* authPolicy: empty */
	0x00, 0x10,			/* symmetric: TPM_ALG_NULL */
	0x00, 0x18, 0x00, 0x0b,		/* scheme: ECDSA with SHA-256 */
	0x00, 0x03,			/* curve: NIST P-256 */
	0x00, 0x10,			/* kdf: TPM_ALG_NULL */
	0x00, 0x00, 0x00, 0x00,		/* unique: x and y empty */
};
#define AK_PREFIX (sizeof(ak_template) - 4)

struct hf_span hf_ak_template(void)
{
	return (struct hf_span){ ak_template, sizeof(ak_template) };
}

/* TPM2B_ECC_PARAMETER of P-256: 32 bytes, or, from TPMs older than part 1 annex C.8,
 * the same number without its leading zeros. No other form. */
static bool take_number(struct hf_cursor *c, uint8_t out[static COORDINATE])
{
	struct hf_span s = take_sized(c);

	if (c->bad || s.len == 0 || s.len > COORDINATE)
		return false;
	if (s.len < COORDINATE && s.ptr[0] == 0)
		return false;
	memset(out, 0, COORDINATE);
	memcpy(out + COORDINATE - s.len, s.ptr, s.len);
	return true;
}

/* ---- the key, as libcrypto wants it ---- */

/* A verifier of a fleet sees another key with every quote, and making one costs a quarter of what
 * verifying costs; giving one that is there another point costs nothing. Each thread has its own. */
static _Thread_local EVP_PKEY *own_key;
static tss_t own_key_end;
static once_flag own_key_once = ONCE_FLAG_INIT;
static bool own_key_ends;

static void free_own_key(void *key)
{
	EVP_PKEY_free(key);
	own_key = NULL;
}

static void prepare_own_key(void)
{
	own_key_ends = tss_create(&own_key_end, free_own_key) == thrd_success;
}

/* What a point can be given to. The generator stands in for it. */
static EVP_PKEY *make_key(void)
{
	static const uint8_t generator[1 + 2 * COORDINATE] = {
		POINT_CONVERSION_UNCOMPRESSED,
		0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
		0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
		0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
		0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)generator,
						  sizeof(generator)),
		OSSL_PARAM_construct_end(),
	};

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* The public key, if the point is on the curve; it is this until this thread asks for another. */
static EVP_PKEY *ak_pkey(const struct hf_ak *ak)
{
	uint8_t point[1 + 2 * COORDINATE] = { POINT_CONVERSION_UNCOMPRESSED };

	if (!own_key) {
		call_once(&own_key_once, prepare_own_key);
		own_key = make_key();
		if (own_key && own_key_ends)
			tss_set(own_key_end, own_key);
	}
	memcpy(point + 1, ak->x, COORDINATE);
	memcpy(point + 1 + COORDINATE, ak->y, COORDINATE);
	if (!own_key || EVP_PKEY_set1_encoded_public_key(own_key, point, sizeof(point)) != 1)
		return NULL;	/* the point before is still in it: nobody may use that */
	return own_key;
}

enum hf_err hf_ak_parse(struct hf_span public_area, struct hf_ak *ret)
{
	struct hf_cursor c = hf_cursor_at(public_area);
	struct hf_span prefix = hf_take_span(&c, AK_PREFIX);
	struct hf_digest digest;
	struct hf_ak ak;
	enum hf_err err;

	if (!hf_span_equal(prefix, (struct hf_span){ ak_template, AK_PREFIX }) ||
	    !take_number(&c, ak.x) || !take_number(&c, ak.y) || !hf_cursor_done(&c))
		return HF_ERR_AK_TEMPLATE;
	if (!ak_pkey(&ak))
		return HF_ERR_AK_TEMPLATE;
	err = hf_digest(HF_ALG_SHA256, public_area, &digest);
	if (err)
		return err;
	ak.name[0] = 0x00;
	ak.name[1] = 0x0b;
	memcpy(ak.name + 2, digest.bytes, DIGEST_SIZE);
	*ret = ak;
	return HF_OK;
}

enum hf_err hf_ak_pem(const struct hf_ak *ak, struct hf_writer *w)
{
	EVP_PKEY *pkey = ak_pkey(ak);
	BIO *bio = BIO_new(BIO_s_mem());
	enum hf_err err = HF_ERR_AK_TEMPLATE;
	char *text;
	long len;

	if (!pkey)
		goto out;
	err = HF_ERR_NO_MEMORY;
	if (!bio || PEM_write_bio_PUBKEY(bio, pkey) != 1)
		goto out;
	len = BIO_get_mem_data(bio, &text);
	if (len <= 0)
		goto out;
	hf_put(w, text, (size_t)len);
	err = w->full ? HF_ERR_LIMIT : HF_OK;
out:
	BIO_free(bio);
	return err;
}

/* ---- the signature ---- */

/* TPMT_SIGNATURE as the DER that libcrypto takes; 0 if it is not of the one kind. */
static int signature_der(struct hf_span signature, uint8_t **ret)
{
	struct hf_cursor c = hf_cursor_at(signature);
	uint16_t alg = hf_u16be(&c), hash = hf_u16be(&c);
	uint8_t r[COORDINATE], s[COORDINATE];
	BIGNUM *bn_r, *bn_s;
	ECDSA_SIG *sig;
	int len = 0;

	if (alg != TPM_ALG_ECDSA || hash != hf_alg_tpm_id(HF_ALG_SHA256) ||
	    !take_number(&c, r) || !take_number(&c, s) || !hf_cursor_done(&c))
		return 0;
	sig = ECDSA_SIG_new();
	bn_r = BN_bin2bn(r, sizeof(r), NULL);
	bn_s = BN_bin2bn(s, sizeof(s), NULL);
	if (sig && bn_r && bn_s && ECDSA_SIG_set0(sig, bn_r, bn_s) == 1) {
		bn_r = bn_s = NULL;	/* sig owns them now */
		len = i2d_ECDSA_SIG(sig, ret);
	}
	BN_free(bn_r);
	BN_free(bn_s);
	ECDSA_SIG_free(sig);
	return len;
}

static enum hf_err verify_signature(const struct hf_ak *ak, struct hf_span attest,
				    struct hf_span signature)
{
	uint8_t *der = NULL;
	int der_len = signature_der(signature, &der);
	EVP_PKEY *pkey = der_len > 0 ? ak_pkey(ak) : NULL;
	EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
	struct hf_digest digest;
	enum hf_err err = HF_ERR_QUOTE_SIGNATURE;

	if (der_len > 0 && !pkey)
		err = HF_ERR_AK_TEMPLATE;
	if (ctx && hf_digest(HF_ALG_SHA256, attest, &digest) == HF_OK && EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_verify(ctx, der, (size_t)der_len, digest.bytes, DIGEST_SIZE) == 1)
		err = HF_OK;
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_free(der);
	return err;
}

/* ---- the whole ---- */

/* Part 1, 16: a primary's qualified name is H(the hierarchy's handle || its name). */
static enum hf_err check_hierarchy(const struct hf_ak *ak, const struct hf_quote *q)
{
	uint8_t handle[4], want[2 + DIGEST_SIZE] = { 0x00, 0x0b };
	struct hf_writer w = { .buf = handle, .cap = sizeof(handle) };
	struct hf_digest digest;
	enum hf_err err;

	hf_put_be(&w, HF_RH_ENDORSEMENT, sizeof(handle));
	err = hf_digest2(HF_ALG_SHA256, hf_written(&w),
			 (struct hf_span){ ak->name, sizeof(ak->name) }, &digest);
	if (err)
		return err;
	memcpy(want + 2, digest.bytes, DIGEST_SIZE);
	if (!hf_span_equal(q->qualified_signer, (struct hf_span){ want, sizeof(want) }))
		return HF_ERR_AK_HIERARCHY;
	return HF_OK;
}

static enum hf_err check_pcr_digest(const struct hf_quote *q, const struct hf_pcrs *pcrs)
{
	uint8_t values[HF_PCR_COUNT * DIGEST_SIZE];
	struct hf_writer w = { .buf = values, .cap = sizeof(values) };
	struct hf_digest digest;
	enum hf_err err;

	for (size_t pcr = 0; pcr < HF_PCR_COUNT; pcr++)
		if (q->pcrs >> pcr & 1)
			hf_put(&w, pcrs->value[pcr], DIGEST_SIZE);
	err = hf_digest(HF_ALG_SHA256, hf_written(&w), &digest);
	if (err)
		return err;
	if (q->pcr_digest.len != DIGEST_SIZE ||
	    CRYPTO_memcmp(q->pcr_digest.ptr, digest.bytes, DIGEST_SIZE) != 0)
		return HF_ERR_QUOTE_PCR_DIGEST;
	return HF_OK;
}

enum hf_err hf_quote_verify(const struct hf_ak *ak, struct hf_span attest,
			    struct hf_span signature, struct hf_span nonce, uint32_t want_pcrs,
			    const struct hf_pcrs *pcrs, struct hf_quote *ret)
{
	enum hf_err err = verify_signature(ak, attest, signature);

	return err ? err : hf_quote_check(ak, attest, nonce, want_pcrs, pcrs, ret);
}

enum hf_err hf_quote_check(const struct hf_ak *ak, struct hf_span attest, struct hf_span nonce,
			   uint32_t want_pcrs, const struct hf_pcrs *pcrs, struct hf_quote *ret)
{
	struct hf_quote q;
	enum hf_err err = hf_quote_parse(attest, &q);

	if (!err)
		err = check_hierarchy(ak, &q);
	if (err)
		return err;
	if (q.nonce.len != nonce.len || nonce.len == 0 ||
	    CRYPTO_memcmp(q.nonce.ptr, nonce.ptr, nonce.len) != 0)
		return HF_ERR_QUOTE_NONCE;
	if (q.bank != HF_ALG_SHA256 || pcrs->alg != HF_ALG_SHA256 || q.pcrs != want_pcrs ||
	    want_pcrs == 0)
		return HF_ERR_QUOTE_SELECTION;
	err = check_pcr_digest(&q, pcrs);
	if (err)
		return err;
	if (ret)
		*ret = q;
	return HF_OK;
}

/* The C structures of tpm2-tss as tpm2_quote writes them on a little-endian host:
 * TPML_PCR_SELECTION with 16 entries of 8 bytes, a count of lists, and as many
 * TPML_DIGEST with 8 digests of 66 bytes as the PCRs need. */
#define TOOLS_SELECTIONS 16
#define TOOLS_DIGESTS 8

static void put_zeros(struct hf_writer *w, size_t n)
{
	static const uint8_t zeros[TOOLS_SELECTIONS * 8];

	hf_put(w, zeros, n);
}

void hf_pcrs_tools_format(const struct hf_pcrs *pcrs, uint32_t selection, struct hf_writer *w)
{
	size_t size = hf_alg_size(pcrs->alg);
	size_t count = 0, done = 0;

	for (size_t pcr = 0; pcr < HF_PCR_COUNT; pcr++)
		count += selection >> pcr & 1;
	hf_put_le(w, 1, 4);
	hf_put_le(w, hf_alg_tpm_id(pcrs->alg), 2);
	hf_put_le(w, SELECT_SIZE, 1);
	hf_put_le(w, selection, SELECT_SIZE);
	put_zeros(w, 2 + (TOOLS_SELECTIONS - 1) * 8);
	hf_put_le(w, (count + TOOLS_DIGESTS - 1) / TOOLS_DIGESTS, 4);
	for (size_t pcr = 0; pcr < HF_PCR_COUNT; pcr++) {
		if (!(selection >> pcr & 1))
			continue;
		if (done % TOOLS_DIGESTS == 0) {
			size_t left = count - done;

			hf_put_le(w, left < TOOLS_DIGESTS ? left : TOOLS_DIGESTS, 4);
		}
		hf_put_le(w, size, 2);
		hf_put(w, pcrs->value[pcr], size);
		put_zeros(w, HF_DIGEST_MAX - size);
		done++;
	}
	while (done++ % TOOLS_DIGESTS != 0)
		put_zeros(w, 2 + HF_DIGEST_MAX);
}
