/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The certificate table of a PE program, and who signed it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>

#include "pcie/pe_signer.h"
#include "tests/unit/signed_pe_fixture.h"

static struct spe pe, before;
static EVP_PKEY *key, *other;
static X509 *cert, *foreign;
static char text[1024];

static int make_keys(void **state)
{
	(void)state;
	key = spe_key();
	other = spe_key();
	cert = spe_certificate(key, "Example Option ROM Signing", "Example CA");
	foreign = spe_certificate(other, "Somebody", "Example CA");
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	X509_free(cert);
	X509_free(foreign);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	spe_make(&pe);
	memset(text, 0xaa, sizeof(text));
	return 0;
}

static void signer(enum hf_err want, const char *words)
{
	assert_int_equal(hf_pe_signer(spe_span(&pe), text, sizeof(text)), want);
	assert_non_null(memchr(text, 0, sizeof(text)));
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, text);
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_unsigned(void **state)
{
	(void)state;
	signer(HF_OK, "");
	assert_string_equal(text, "");
	spe_put(&pe, 0x58 + 108, 4, 4);		/* no certificate directory */
	signer(HF_OK, "");
	assert_string_equal(text, "");
	pe.len = 0x100;
	assert_int_equal(hf_pe_signer(spe_span(&pe), text, sizeof(text)), HF_ERR_PE_SHAPE);
	assert_string_equal(text, "");
}

static void test_signed(void **state)
{
	unsigned char *der = NULL;
	char want[512], hex[2 * HF_DIGEST_MAX + 1];
	struct hf_digest digest;
	int n = i2d_X509(cert, &der);

	(void)state;
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ der, (size_t)n }, &digest), HF_OK);
	OPENSSL_free(der);
	hf_digest_hex(&digest, hex);
	snprintf(want, sizeof(want), "CN=Example Option ROM Signing, issuer CN=Example CA, "
		 "certificate sha256:%s, signature fits", hex);
	for (enum hf_alg alg = HF_ALG_SHA1; alg <= HF_ALG_SHA512; alg++) {
		spe_make(&pe);
		spe_sign(&pe, alg, cert, key);
		signer(HF_OK, want);
		assert_string_equal(text, want);
	}
	spe_make(&pe);
	spe_sign(&pe, HF_ALG_SM3, cert, key);	/* firmware knows no such digest */
	signer(HF_ERR_IMAGE_SIGNATURE, "signature does not fit");
}

/* The digest leaves the table and its directory entry out, so a signature does not change it. */
static void test_two_signatures(void **state)
{
	(void)state;
	spe_sign(&pe, HF_ALG_SHA256, cert, key);
	spe_sign(&pe, HF_ALG_SHA256, foreign, other);
	signer(HF_OK, "signature fits; CN=Somebody");
	pe.bytes[0x300] ^= 1;
	signer(HF_ERR_IMAGE_SIGNATURE, "signature does not fit; CN=Somebody");
}

static void test_image_changed(void **state)
{
	(void)state;
	spe_sign(&pe, HF_ALG_SHA256, cert, key);
	before = pe;
	for (size_t at = 0x200; at < SPE_LEN; at += 97) {
		pe.bytes[at] ^= 0x20;
		signer(HF_ERR_IMAGE_SIGNATURE, "CN=Example Option ROM Signing");
		assert_non_null(strstr(text, "signature does not fit"));
		pe = before;
	}
	signer(HF_OK, "signature fits");
}

/* The digest in it is right, and it verifies under nothing. */
static void test_signature_changed(void **state)
{
	uint8_t content[160], wrong[160], *der;
	struct hf_digest digest;
	size_t len;

	(void)state;
	spe_sign(&pe, HF_ALG_SHA256, cert, key);
	len = pe.bytes[SPE_LEN] | (size_t)pe.bytes[SPE_LEN + 1] << 8;
	pe.bytes[SPE_LEN + len - 1] ^= 1;	/* the signature's own last byte */
	signer(HF_ERR_IMAGE_SIGNATURE, "signature does not fit");
	/* signed over another digest, which is then replaced by the right one */
	spe_make(&pe);
	assert_int_equal(hf_pe_digest(HF_ALG_SHA256, spe_span(&pe), &digest), HF_OK);
	size_t n = spe_indirect(content, NID_sha256, digest.bytes, 32);

	digest.bytes[0] ^= 1;
	spe_indirect(wrong, NID_sha256, digest.bytes, 32);
	len = spe_pkcs7(wrong, n, SPE_OID, cert, key, &der);
	uint8_t *find = memmem(der, len, wrong, n);

	assert_non_null(find);
	memcpy(find, content, n);
	spe_attach(&pe, 2, der, len);
	OPENSSL_free(der);
	signer(HF_ERR_IMAGE_SIGNATURE, "signature does not fit");
}

static void test_no_signature_of_that_kind(void **state)
{
	uint8_t content[160], *der;
	struct hf_digest digest;
	size_t len;

	(void)state;
	spe_attach(&pe, 2, (const uint8_t *)"nothing", 7);
	signer(HF_ERR_IMAGE_SIGNATURE, "not an Authenticode signature");
	spe_make(&pe);
	assert_int_equal(hf_pe_digest(HF_ALG_SHA256, spe_span(&pe), &digest), HF_OK);
	len = spe_indirect(content, NID_sha256, digest.bytes, 32);
	len = spe_pkcs7(content, len, "1.2.3.4", cert, key, &der);	/* signs something else */
	spe_attach(&pe, 2, der, len);
	OPENSSL_free(der);
	signer(HF_ERR_IMAGE_SIGNATURE, "not an Authenticode signature");
	spe_make(&pe);
	spe_sign(&pe, HF_ALG_SHA256, cert, key);
	spe_put(&pe, SPE_LEN + 6, 1, 2);	/* WIN_CERT_TYPE_X509 */
	signer(HF_ERR_IMAGE_SIGNATURE, "not an Authenticode signature");
	spe_make(&pe);
	memset(before.bytes, 0x30, HF_PE_SIGNATURE_MAX + 1);
	spe_attach(&pe, 2, before.bytes, HF_PE_SIGNATURE_MAX + 1);
	signer(HF_ERR_IMAGE_SIGNATURE, "not an Authenticode signature");
}

static void test_hostile_names(void **state)
{
	X509 *strange = spe_certificate(key, "evil\x1b[2J\n\xc3\xa9\xe2\x80\xae", "x");
	char small[40];

	(void)state;
	spe_sign(&pe, HF_ALG_SHA256, strange, key);
	signer(HF_OK, "signature fits");
	for (const char *c = text; *c; c++)
		assert_true(*c >= 0x20 && *c <= 0x7e);
	memset(small, 0xaa, sizeof(small));
	assert_int_equal(hf_pe_signer(spe_span(&pe), small, 20), HF_OK);
	assert_int_equal(strlen(small), 19);
	assert_int_equal((uint8_t)small[20], 0xaa);
	X509_free(strange);
	char lengthy[61];

	memset(lengthy, 'n', 60);
	lengthy[60] = 0;
	strange = spe_certificate(key, lengthy, lengthy);
	for (int i = 0; i < 3; i++)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(strange), "OU", MBSTRING_UTF8,
					   (const unsigned char *)lengthy, -1, -1, 0);
	X509_sign(strange, key, EVP_sha256());
	spe_make(&pe);
	spe_sign(&pe, HF_ALG_SHA256, strange, key);
	signer(HF_OK, "..., issuer CN=nnn");
	X509_free(strange);
}

static void certificates(enum hf_err want, size_t count)
{
	struct hf_pe_certificates found, poison;

	memset(&found, 0xaa, sizeof(found));
	poison = found;
	assert_int_equal(hf_pe_certificates(spe_span(&pe), &found), want);
	if (want)
		assert_memory_equal(&found, &poison, sizeof(found));
	else
		assert_int_equal(found.count, count);
}

static void test_table(void **state)
{
	struct hf_pe_certificates found;

	(void)state;
	certificates(HF_OK, 0);
	for (size_t i = 0; i < HF_PE_CERTIFICATES_MAX; i++) {
		spe_attach(&pe, (uint16_t)i, pe.bytes, i);
		certificates(HF_OK, i + 1);
	}
	assert_int_equal(hf_pe_certificates(spe_span(&pe), &found), HF_OK);
	for (size_t i = 0; i < HF_PE_CERTIFICATES_MAX; i++) {
		assert_int_equal(found.list[i].type, i);
		assert_int_equal(found.list[i].revision, 0x200);
		assert_int_equal(found.list[i].body.len, i);
		assert_memory_equal(found.list[i].body.ptr, pe.bytes, i);
	}
	spe_attach(&pe, 2, pe.bytes, 1);		/* one too many */
	certificates(HF_ERR_IMAGE_SIGNATURE, 0);
	spe_make(&pe);
	spe_attach(&pe, 2, pe.bytes, 5);
	before = pe;
#define WRONG(stmt) do { pe = before; stmt; certificates(HF_ERR_IMAGE_SIGNATURE, 0); } while (0)
	WRONG(spe_put(&pe, SPE_LEN, 7, 4));		/* shorter than its own header */
	WRONG(spe_put(&pe, SPE_LEN, 0, 4));
	WRONG(spe_put(&pe, SPE_LEN, 17, 4));		/* longer than the table */
	WRONG(spe_put(&pe, SPE_LEN, 0xffffffff, 4));
	WRONG(spe_put(&pe, SPE_SECURITY, SPE_LEN + 1, 4));	/* outside the file */
	WRONG(spe_put(&pe, SPE_SECURITY, 0xffffffff, 4));
	WRONG(spe_put(&pe, SPE_SECURITY, 0x1f0, 4));	/* inside the headers */
	WRONG(spe_put(&pe, SPE_SECURITY + 4, 4, 4));	/* no room for an entry */
#undef WRONG
	pe = before;
	spe_put(&pe, SPE_SECURITY + 4, 13, 4);	/* the last entry without its padding */
	certificates(HF_OK, 1);
}

/* A kernel of Debian, signed by Debian, if the lab has fetched one. */
static void test_real_kernel(void **state)
{
	static uint8_t kernel[32 << 20];
	glob_t found;
	FILE *file;
	size_t n;

	(void)state;
	if (glob("build/lab/kernel/boot/vmlinuz-*", 0, NULL, &found) != 0) {
		print_message("SKIP: the lab's kernel is not here\n");
		skip();
	}
	file = fopen(found.gl_pathv[0], "rb");
	assert_non_null(file);
	n = fread(kernel, 1, sizeof(kernel), file);
	fclose(file);
	globfree(&found);
	assert_int_equal(hf_pe_signer((struct hf_span){ kernel, n }, text, sizeof(text)), HF_OK);
	assert_non_null(strstr(text, "CN=Debian Secure Boot Signer"));
	assert_non_null(strstr(text, "signature fits"));
	kernel[n / 2] ^= 1;
	assert_int_equal(hf_pe_signer((struct hf_span){ kernel, n }, text, sizeof(text)),
			 HF_ERR_IMAGE_SIGNATURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_unsigned, setup),
		cmocka_unit_test_setup(test_signed, setup),
		cmocka_unit_test_setup(test_two_signatures, setup),
		cmocka_unit_test_setup(test_image_changed, setup),
		cmocka_unit_test_setup(test_signature_changed, setup),
		cmocka_unit_test_setup(test_no_signature_of_that_kind, setup),
		cmocka_unit_test_setup(test_hostile_names, setup),
		cmocka_unit_test_setup(test_table, setup),
		cmocka_unit_test_setup(test_real_kernel, setup),
	};

	return cmocka_run_group_tests_name("pe_signer", tests, make_keys, drop_keys);
}
