/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endorsement keys as the TCG EK Credential Profile for TPM Family 2.0 (2.x) names them:
 * templates B.3 (low range) and B.4 to B.7 (high range), NV indices 2.2.1.4. */
#include "agent/tpm_internal.h"

#include <tss2/tss2_mu.h>

/* fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt */
#define LOW_ATTRIBUTES 0x000300b2u
#define HIGH_ATTRIBUTES (LOW_ATTRIBUTES | TPMA_OBJECT_USERWITHAUTH)

/* P-521 (H-4) and SM2 (H-5) are left out: no credential is made for them. A P-256 key takes a
 * TPM a fraction of a second; an RSA key takes one seconds, of which a larger one is made of. */
const struct hf_ek_profile hf_ek_profiles[] = {
	{ "L-2", 0x01c0000a, 0x01c0000b, 0x01c0000c, TPM2_ALG_ECC, TPM2_ECC_NIST_P256,
	  HF_ALG_SHA256, 128, false },
	{ "H-2", 0x01c00014, 0, 0x01c00015, TPM2_ALG_ECC, TPM2_ECC_NIST_P256, HF_ALG_SHA256, 128,
	  true },
	{ "H-3", 0x01c00016, 0, 0x01c00017, TPM2_ALG_ECC, TPM2_ECC_NIST_P384, HF_ALG_SHA384, 256,
	  true },
	{ "L-1", 0x01c00002, 0x01c00003, 0x01c00004, TPM2_ALG_RSA, 2048, HF_ALG_SHA256, 128, false },
	{ "H-1", 0x01c00012, 0, 0x01c00013, TPM2_ALG_RSA, 2048, HF_ALG_SHA256, 128, true },
	{ "H-6", 0x01c0001c, 0, 0x01c0001d, TPM2_ALG_RSA, 3072, HF_ALG_SHA384, 256, true },
	{ "H-7", 0x01c0001e, 0, 0x01c0001f, TPM2_ALG_RSA, 4096, HF_ALG_SHA384, 256, true },
	{ .name = NULL },
};

const struct hf_ek_profile *hf_ek_profile_named(const char *name)
{
	for (const struct hf_ek_profile *p = hf_ek_profiles; p->name; p++) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

/* ---- policies ---- */

/* B.6.2: PolicyA, TPM2_PolicySecret(TPM_RH_ENDORSEMENT). B.6.4: PolicyC, TPM2_PolicyAuthorizeNV
 * over indices that the TPM's maker may have put there. */
static const uint8_t policy_a_sha256[] = {
	0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
	0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};
static const uint8_t policy_c_sha256[] = {
	0x37, 0x67, 0xe2, 0xed, 0xd4, 0x3f, 0xf4, 0x5a, 0x3a, 0x7e, 0x1e, 0xae, 0xfc, 0xef, 0x78, 0x64,
	0x3d, 0xca, 0x96, 0x46, 0x32, 0xe7, 0xaa, 0xd8, 0x2c, 0x67, 0x3a, 0x30, 0xd8, 0x63, 0x3f, 0xde,
};
static const uint8_t policy_a_sha384[] = {
	0x8b, 0xbf, 0x22, 0x66, 0x53, 0x7c, 0x17, 0x1c, 0xb5, 0x6e, 0x40, 0x3c, 0x4d, 0xc1, 0xd4, 0xb6,
	0x4f, 0x43, 0x26, 0x11, 0xdc, 0x38, 0x6e, 0x6f, 0x53, 0x20, 0x50, 0xc3, 0x27, 0x8c, 0x93, 0x0e,
	0x14, 0x3e, 0x8b, 0xb1, 0x13, 0x38, 0x24, 0xcc, 0xb4, 0x31, 0x05, 0x38, 0x71, 0xc6, 0xdb, 0x53,
};
static const uint8_t policy_c_sha384[] = {
	0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6, 0xa3, 0x32, 0x37, 0xef,
	0x2b, 0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4, 0x55, 0xe2, 0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5,
	0xb4, 0x94, 0x7c, 0x2d, 0x73, 0xe6, 0x30, 0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65,
};

enum hf_err hf_ek_policies(enum hf_alg alg, TPML_DIGEST *ret)
{
	size_t size = hf_alg_size(alg);
	bool is384 = alg == HF_ALG_SHA384;

	if (!is384 && alg != HF_ALG_SHA256)
		return HF_ERR_INTERNAL;
	*ret = (TPML_DIGEST){ .count = 2 };
	ret->digests[0].size = ret->digests[1].size = (UINT16)size;
	memcpy(ret->digests[0].buffer, is384 ? policy_a_sha384 : policy_a_sha256, size);
	memcpy(ret->digests[1].buffer, is384 ? policy_c_sha384 : policy_c_sha256, size);
	return HF_OK;
}

/* B.6.5: PolicyB, TPM2_PolicyOR(PolicyA, PolicyC) (part 3, 23.6). */
static enum hf_err policy_b(enum hf_alg alg, const TPML_DIGEST *either, struct hf_digest *ret)
{
	uint8_t buf[HF_DIGEST_MAX * 3 + 4] = { 0 };
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf), .len = hf_alg_size(alg) };

	hf_put_be(&w, TPM2_CC_PolicyOR, 4);
	hf_put(&w, either->digests[0].buffer, either->digests[0].size);
	hf_put(&w, either->digests[1].buffer, either->digests[1].size);
	return w.full ? HF_ERR_INTERNAL : hf_digest(alg, hf_written(&w), ret);
}

static enum hf_err put_policy(const struct hf_ek_profile *profile, TPM2B_DIGEST *ret)
{
	struct hf_digest digest;
	TPML_DIGEST either;
	enum hf_err err = hf_ek_policies(profile->alg, &either);

	if (err)
		return err;
	*ret = either.digests[0];
	if (!profile->high)
		return HF_OK;
	err = policy_b(profile->alg, &either, &digest);
	if (!err)
		memcpy(ret->buffer, digest.bytes, hf_alg_size(profile->alg));
	return err;
}

/* ---- templates ---- */

void hf_ek_put_nonce(const struct hf_ek_profile *profile, struct hf_span nonce, TPMT_PUBLIC *area)
{
	size_t size = profile->type == TPM2_ALG_RSA ? profile->curve_or_bits / 8u : 32;
	uint8_t *first;

	if (profile->high)
		return;
	if (profile->type == TPM2_ALG_RSA) {
		area->unique.rsa.size = (UINT16)size;
		first = area->unique.rsa.buffer;
	} else {
		area->unique.ecc.x.size = area->unique.ecc.y.size = (UINT16)size;
		first = area->unique.ecc.x.buffer;
	}
	if (nonce.len)
		memcpy(first, nonce.ptr, nonce.len < size ? nonce.len : size);
}

enum hf_err hf_ek_template(const struct hf_ek_profile *profile, struct hf_span nonce, TPM2B_PUBLIC *ret)
{
	TPM2B_PUBLIC made = { .size = 0 };
	TPMT_PUBLIC *area = &made.publicArea;
	TPMT_SYM_DEF_OBJECT aes = { .algorithm = TPM2_ALG_AES };
	enum hf_err err;

	aes.keyBits.aes = profile->aes_bits;
	aes.mode.aes = TPM2_ALG_CFB;
	area->type = profile->type;
	area->nameAlg = hf_alg_tpm_id(profile->alg);
	area->objectAttributes = profile->high ? HIGH_ATTRIBUTES : LOW_ATTRIBUTES;
	err = put_policy(profile, &area->authPolicy);
	if (err)
		return err;
	if (profile->type == TPM2_ALG_RSA) {
		area->parameters.rsaDetail.symmetric = aes;
		area->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
		area->parameters.rsaDetail.keyBits = profile->curve_or_bits;
	} else {
		area->parameters.eccDetail.symmetric = aes;
		area->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
		area->parameters.eccDetail.curveID = profile->curve_or_bits;
		area->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
	}
	hf_ek_put_nonce(profile, nonce, area);
	*ret = made;
	return HF_OK;
}

static bool without_unique(const TPMT_PUBLIC *area, uint8_t *buf, size_t cap, size_t *ret_len)
{
	TPMT_PUBLIC copy = *area;

	memset(&copy.unique, 0, sizeof(copy.unique));
	*ret_len = 0;
	return Tss2_MU_TPMT_PUBLIC_Marshal(&copy, buf, cap, ret_len) == TSS2_RC_SUCCESS;
}

bool hf_ek_of_template(const TPMT_PUBLIC *area, const TPMT_PUBLIC *template)
{
	uint8_t a[sizeof(TPMT_PUBLIC)], b[sizeof(TPMT_PUBLIC)];
	size_t a_len, b_len;

	return without_unique(area, a, sizeof(a), &a_len) &&
	       without_unique(template, b, sizeof(b), &b_len) && a_len == b_len &&
	       memcmp(a, b, a_len) == 0;
}
