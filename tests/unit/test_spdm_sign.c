/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every algorithm that a device may sign with, each against its own key and against the
 * others': nothing but the right key, hash, version and purpose verifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "pcie/spdm_sign.h"
#include "tests/unit/device_cert_fixture.h"

static const struct row {
	const char *key;
	uint32_t asym;
	size_t len;
	bool pss;
} rows[] = {
	{ "RSA-2048", 0x001, 256, false }, { "RSA-2048", 0x002, 256, true },
	{ "RSA-3072", 0x004, 384, false }, { "RSA-3072", 0x008, 384, true },
	{ "P-256", 0x010, 64, false }, { "RSA-4096", 0x020, 512, false },
	{ "RSA-4096", 0x040, 512, true }, { "P-384", 0x080, 96, false },
	{ "P-521", 0x100, 132, false }, { "ED25519", 0x400, 64, false },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct { uint32_t bit; const char *md; } hashes[] = {
	{ 1, "SHA256" }, { 2, "SHA384" }, { 4, "SHA512" },
};
static const char *const contexts[] = {
	"responder-challenge_auth signing", "responder-measurements signing",
};

static const char *const kinds[] = { "RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384", "P-521", "ED25519" };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
static EVP_PKEY *keys[KINDS];
static struct hf_device_chain *chains[KINDS];

static int make_chains(void **state)
{
	const struct device_spec root_spec = ROOT_SPEC, leaf_spec = LEAF_SPEC;

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct device_cert root = device_make(&root_spec, device_key("P-384"), NULL);
		struct device_cert leaf = device_make(&leaf_spec, device_key(kinds[i]), &root);
		uint8_t der[8192];
		struct hf_writer w = { .buf = der, .cap = sizeof(der) };

		device_put(&w, root.cert);
		device_put(&w, leaf.cert);
		assert_int_equal(hf_device_chain_parse(hf_written(&w), &chains[i], NULL), HF_OK);
		keys[i] = leaf.key;
		EVP_PKEY_up_ref(leaf.key);
		device_drop(&root);
		device_drop(&leaf);
	}
	return 0;
}

static int drop_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		hf_device_chain_free(chains[i]);
		EVP_PKEY_free(keys[i]);
	}
	return 0;
}

static size_t kind_of(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i], name) == 0)
			return i;
	fail();
	return 0;
}

static size_t raw_of(const uint8_t *der, size_t der_len, size_t half, uint8_t *out)
{
	const unsigned char *p = der;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der_len);

	BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half);
	ECDSA_SIG_free(sig);
	return 2 * half;
}

/* salt: of PSS, -1 the digest's. */
static void sign(const struct row *row, uint8_t version, size_t hash, size_t context, struct hf_span m,
		 int salt, uint8_t out[static 512])
{
	EVP_PKEY *key = keys[kind_of(row->key)];
	const EVP_MD *md = EVP_get_digestbyname(hashes[hash].md);
	uint8_t message[200] = { 0 }, made[600];
	size_t len = sizeof(made);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	unsigned digest_len;

	if (version >= 0x12) {
		for (size_t i = 0; i < 4; i++) {
			memcpy(message + 16 * i, "dmtf-spdm-v1.x.*", 16);
			message[16 * i + 13] = (uint8_t)('0' + version % 16);
		}
		memcpy(message + 100 - strlen(contexts[context]), contexts[context], strlen(contexts[context]));
		EVP_Digest(m.ptr, m.len, message + 100, &digest_len, md, NULL);
		m = (struct hf_span){ message, 100 + digest_len };
	}
	assert_int_equal(EVP_DigestSignInit(ctx, &how, row->asym == 0x400 ? NULL : md, NULL, key), 1);
	if (row->pss) {
		EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(how, salt);
	}
	assert_int_equal(EVP_DigestSign(ctx, made, &len, m.ptr, m.len), 1);
	EVP_MD_CTX_free(ctx);
	if (row->asym & 0x190)
		len = raw_of(made, len, row->len / 2, out);
	else
		memcpy(out, made, len);
	assert_int_equal(len, row->len);
}

static const uint8_t text[] = "what was said, in several messages";

static enum hf_err verify(uint8_t version, uint32_t asym, size_t hash, size_t context, size_t kind,
			  const uint8_t *signature, size_t len)
{
	/* As the transcripts come: in parts. */
	const struct hf_span parts[] = { { text, 10 }, { text + 10, 0 }, { text + 10, sizeof(text) - 10 } };

	return hf_spdm_signature_verify(version, asym, hashes[hash].bit, (enum hf_spdm_context)context,
					parts, 3, chains[kind], (struct hf_span){ signature, len });
}

static void each_algorithm_verifies_its_own(void **state)
{
	static const uint8_t versions[] = { 0x10, 0x11, 0x12, 0x13, 0x14 };
	uint8_t signature[512];

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
	for (size_t v = 0; v < sizeof(versions); v++)
	for (size_t hash = 0; hash < 3; hash++) {
		const struct row *row = &rows[i];
		size_t kind = kind_of(row->key), context = (v + hash) % 2;
		bool known = row->asym != 0x400 || versions[v] >= 0x12;

		assert_int_equal(hf_spdm_signature_len(row->asym), row->len);
		sign(row, versions[v], hash, context, (struct hf_span){ text, sizeof(text) }, -1, signature);
		assert_int_equal(verify(versions[v], row->asym, hash, context, kind, signature, row->len),
				 known ? HF_OK : HF_ERR_SPDM_SIGNATURE);
		/* Another hash, purpose, version. */
		assert_int_equal(verify(versions[v], row->asym, (hash + 1) % 3, context, kind, signature,
					row->len), HF_ERR_SPDM_SIGNATURE);
		assert_int_equal(verify(versions[v], row->asym, hash, !context, kind, signature, row->len),
				 versions[v] >= 0x12 || !known ? HF_ERR_SPDM_SIGNATURE : HF_OK);
		assert_int_equal(verify((uint8_t)(versions[v] == 0x14 ? 0x13 : 0x14), row->asym, hash, context,
					kind, signature, row->len), HF_ERR_SPDM_SIGNATURE);
	}
}

static void no_algorithm_verifies_anothers(void **state)
{
	uint8_t signature[512];

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		sign(&rows[i], 0x12, 1, 0, (struct hf_span){ text, sizeof(text) }, -1, signature);
		for (size_t k = 0; k < ROWS; k++)
			for (size_t kind = 0; kind < KINDS; kind++)
				if (k != i || kind != kind_of(rows[i].key))
					assert_int_equal(verify(0x12, rows[k].asym, 1, 0, kind, signature,
								rows[k].len), HF_ERR_SPDM_SIGNATURE);
	}
}

static void a_signature_is_as_long_as_its_algorithm_says(void **state)
{
	uint8_t signature[513] = { 0 };

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		size_t kind = kind_of(rows[i].key), len = rows[i].len;

		sign(&rows[i], 0x12, 1, 0, (struct hf_span){ text, sizeof(text) }, -1, signature);
		assert_int_equal(verify(0x12, rows[i].asym, 1, 0, kind, signature, len), HF_OK);
		assert_int_equal(verify(0x12, rows[i].asym, 1, 0, kind, signature, len - 1), HF_ERR_SPDM_SIGNATURE);
		assert_int_equal(verify(0x12, rows[i].asym, 1, 0, kind, signature, len + 1), HF_ERR_SPDM_SIGNATURE);
		assert_int_equal(verify(0x12, rows[i].asym, 1, 0, kind, signature, 0), HF_ERR_SPDM_SIGNATURE);
		memset(signature, 0, sizeof(signature));
		assert_int_equal(verify(0x12, rows[i].asym, 1, 0, kind, signature, len), HF_ERR_SPDM_SIGNATURE);
		memset(signature, 0xff, sizeof(signature));
		assert_int_equal(verify(0x12, rows[i].asym, 1, 0, kind, signature, len), HF_ERR_SPDM_SIGNATURE);
	}
}

/* A key of another curve whose numbers are padded to the length that was agreed on. */
static void a_weaker_key_does_not_sign_for_a_stronger_one(void **state)
{
	uint8_t signature[512], padded[132] = { 0 };

	(void)state;
	sign(&rows[4], 0x12, 1, 0, (struct hf_span){ text, sizeof(text) }, -1, signature);
	for (size_t half = 48; half <= 66; half += 18) {
		memset(padded, 0, sizeof(padded));
		memcpy(padded + half - 32, signature, 32);
		memcpy(padded + 2 * half - 32, signature + 32, 32);
		assert_int_equal(verify(0x12, half == 48 ? 0x80 : 0x100, 1, 0, kind_of("P-256"), padded, 2 * half),
				 HF_ERR_SPDM_SIGNATURE);
	}
}

/* DSP0274: the salt is as long as the digest. */
static void pss_has_one_length_of_salt(void **state)
{
	uint8_t signature[512];

	(void)state;
	sign(&rows[1], 0x12, 1, 0, (struct hf_span){ text, sizeof(text) }, 20, signature);
	assert_int_equal(verify(0x12, 2, 1, 0, kind_of("RSA-2048"), signature, 256), HF_ERR_SPDM_SIGNATURE);
}

static void unknown_algorithms_have_no_length(void **state)
{
	static const uint32_t unknown[] = { 0, 3, 0x200, 0x800, 0x1000, 0x80000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(hf_spdm_signature_len(unknown[i]), 0);
}

static void a_key_says_what_it_signs_with(void **state)
{
	static const uint32_t expected[KINDS] = { 0x01, 0x04, 0x20, 0x10, 0x80, 0x100, 0x400 };

	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		assert_int_equal(hf_spdm_key_asym(chains[i]), expected[i]);
}

static void numbers_have_names(void **state)
{
	char text_of[8];

	(void)state;
	hf_spdm_version_text(0x13, text_of);
	assert_string_equal(text_of, "1.3");
	hf_spdm_version_text(0xff, text_of);
	assert_string_equal(text_of, "15.15");
	assert_string_equal(hf_spdm_asym_name(0x80), "ecdsa-p384");
	assert_string_equal(hf_spdm_asym_name(0x04), "rsassa-3072");
	assert_string_equal(hf_spdm_asym_name(0x02), "rsapss-2048");
	assert_string_equal(hf_spdm_asym_name(0x400), "ed25519");
	assert_string_equal(hf_spdm_asym_name(0x81), "unknown");
	assert_string_equal(hf_spdm_asym_name(0), "unknown");
	assert_string_equal(hf_spdm_hash_name(2), "sha-384");
	assert_string_equal(hf_spdm_hash_name(0x80000000), "unknown");
	assert_string_equal(hf_spdm_measurement_hash_name(1), "raw");
	assert_string_equal(hf_spdm_measurement_hash_name(4), "sha-384");
	assert_string_equal(hf_spdm_type_name(0x81), "mutable firmware");
	assert_string_equal(hf_spdm_type_name(0), "immutable ROM");
	assert_string_equal(hf_spdm_type_name(11), "unknown");
	assert_string_equal(hf_spdm_type_name(0x7f), "unknown");
	assert_string_equal(hf_spdm_error_name(3), "busy");
	assert_string_equal(hf_spdm_error_name(4), "unexpected request");
	assert_string_equal(hf_spdm_error_name(0x99), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_algorithm_verifies_its_own),
		cmocka_unit_test(no_algorithm_verifies_anothers),
		cmocka_unit_test(a_signature_is_as_long_as_its_algorithm_says),
		cmocka_unit_test(a_weaker_key_does_not_sign_for_a_stronger_one),
		cmocka_unit_test(pss_has_one_length_of_salt),
		cmocka_unit_test(unknown_algorithms_have_no_length),
		cmocka_unit_test(a_key_says_what_it_signs_with),
		cmocka_unit_test(numbers_have_names),
	};

	return cmocka_run_group_tests(tests, make_chains, drop_chains);
}
