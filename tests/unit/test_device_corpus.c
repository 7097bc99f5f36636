/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains that others made: the DMTF's samples, and a GPU's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pcie/device_chain.h"
#include "tests/unit/device_cert_fixture.h"
#include "tests/unit/sign_fixture.h"

#define NOW 1800000000		/* 2027-01-15: the samples are of 2026 to 2036 */

/* A file of certificates; empty where the corpus is not there. Until the next call. */
static struct hf_span read_der(const char *before, const char *family, const char *after,
			       const char *rest)
{
	static uint8_t *kept;
	char name[128];
	size_t len = 0;

	snprintf(name, sizeof(name), "spdm/%s%s%s%s", before, family, after, rest);
	free(kept);
	kept = corpus_read(name, &len);
	return (struct hf_span){ kept, kept ? len : 0 };
}

static struct hf_key *read_anchor(const char *before, const char *family, const char *after)
{
	static uint8_t pem[8192];
	struct hf_writer w = { .buf = pem, .cap = sizeof(pem) };
	struct hf_span der = read_der(before, family, after, "");
	const unsigned char *p = der.ptr;
	X509 *cert = d2i_X509(NULL, &p, (long)der.len);
	struct hf_key *key = NULL;

	assert_non_null(cert);
	device_put_pem(&w, cert);
	X509_free(cert);
	assert_int_equal(hf_key_read_device_root(hf_written(&w), &key), HF_OK);
	return key;
}

static enum hf_err verify(const struct hf_device_chain *chain, const struct hf_key *key, int64_t now)
{
	return hf_device_chain_verify(chain, key, (struct hf_span){ 0 }, 0, now);
}

static const char *const families[] = { "ecp256", "ecp384", "ecp521", "rsa2048", "rsa3072" };
#define FAMILIES (sizeof(families) / sizeof(families[0]))
#define BUNDLE "_bundle_responder.certchain"

static bool missing(void)
{
	return read_der("certs/", "ecp256", BUNDLE, ".der").len == 0;	/* which says SKIP */
}

static void bundles(void **state)
{
	static const struct {
		const char *rest;
		size_t count;
		const char *why;
		enum hf_err at_ca;
	} rows[] = {
		{ ".der", 3, NULL, HF_OK },
		{ "4.der", 3, NULL, HF_OK },
		{ "1.der", 3, NULL, HF_ERR_DEVICE_CHAIN_UNTRUSTED },	/* another root, the same name */
		{ "_alias.der", 4, NULL, HF_OK },
		/* what a device keeps of an alias chain: it makes the last certificate itself */
		{ "_alias_cert_partial_set.der", 0, "a leaf that is a certificate authority", HF_OK },
	};

	(void)state;
	for (size_t f = 0; f < FAMILIES && !missing(); f++) {
		struct hf_key *ca = read_anchor("certs/", families[f], "_ca.cert.der");
		struct hf_key *inter = read_anchor("certs/", families[f], "_inter.cert.der");

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct hf_device_chain *chain = NULL;
			const char *why = NULL;
			enum hf_err err = hf_device_chain_parse(read_der("certs/", families[f], BUNDLE, rows[i].rest),
								&chain, &why);

			print_message("%s%s\n", families[f], rows[i].rest);
			assert_int_equal(err, rows[i].why ? HF_ERR_DEVICE_CHAIN : HF_OK);
			if (err) {
				assert_string_equal(why, rows[i].why);
				continue;
			}
			assert_int_equal(hf_device_chain_count(chain), rows[i].count);
			assert_true(hf_device_chain_has_root(chain));
			assert_int_equal(verify(chain, ca, NOW), rows[i].at_ca);
			/* one key, certified by both roots */
			assert_int_equal(verify(chain, inter, NOW), HF_OK);
			assert_int_equal(verify(chain, ca, 2200000000), rows[i].at_ca ? rows[i].at_ca
				: HF_ERR_CERTIFICATE_EXPIRED);		/* 2039 */
			assert_int_equal(verify(chain, ca, 1700000000), rows[i].at_ca ? rows[i].at_ca
				: HF_ERR_CERTIFICATE_EXPIRED);		/* 2023 */
			hf_device_chain_free(chain);
		}
		hf_key_free(ca);
		hf_key_free(inter);
	}
}

/* Leaves alone: below the one that issued them, and below no other. */
static void leaves(void **state)
{
	(void)state;
	for (size_t f = 0; f < FAMILIES && !missing(); f++) {
		struct hf_key *ca = read_anchor("certs/", families[f], "_ca.cert.der");
		struct hf_key *inter = read_anchor("certs/", families[f], "_inter.cert.der");
		struct hf_key *device = read_anchor("certs/", families[f], "_end_responder_alias_cert_partial_set.cert.der");
		struct hf_device_chain *chain = NULL;

		assert_int_equal(hf_device_chain_parse(read_der("certs/", families[f], "_end_responder", ".cert.der"), &chain, NULL), HF_OK);
		assert_false(hf_device_chain_has_root(chain));
		assert_int_equal(verify(chain, inter, NOW), HF_OK);
		assert_int_equal(verify(chain, ca, NOW), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
		assert_int_equal(verify(chain, device, NOW), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
		hf_device_chain_free(chain);
		assert_int_equal(hf_device_chain_parse(read_der("certs/", families[f], "_end_responder", "_alias.cert.der"), &chain, NULL), HF_OK);
		assert_int_equal(verify(chain, device, NOW), HF_OK);
		assert_int_equal(verify(chain, inter, NOW), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
		hf_device_chain_free(chain);
		hf_key_free(ca);
		hf_key_free(inter);
		hf_key_free(device);
	}
}

static void long_chains(void **state)
{
	static const struct { const char *name, *bundle; size_t count; } rows[] = {
		{ "Shorter1024B", "_bundle_responder", 2 }, { "ShorterMAXINT16", "_bundle_responder", 24 },
		{ "ShorterMAXINT16", "_bundle_requester", 24 },	/* says nothing of being a requester's */
		{ "ShorterMAXUINT16", "_bundle_responder", 49 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !missing(); i++) {
		struct hf_key *ca = read_anchor("certs/long_chains_", rows[i].name, "_ca.cert.der");
		struct hf_device_chain *chain = NULL;
		struct hf_dice dice;

		assert_int_equal(hf_device_chain_parse(read_der("certs/long_chains_", rows[i].name, rows[i].bundle,
			".certchain.der"), &chain, NULL), HF_OK);
		assert_int_equal(hf_device_chain_count(chain), rows[i].count);
		assert_int_equal(verify(chain, ca, NOW), HF_OK);
		hf_device_chain_dice(chain, &dice);
		assert_true(dice.count == 0 && !dice.malformed);
		hf_device_chain_free(chain);
		hf_key_free(ca);
	}
}

/* The DMTF's name in a subjectAltName is for people: it binds no device. */
static void the_dmtf_name_binds_nothing(void **state)
{
	const struct hf_identity identity = { .vendor = 0x1b36, .device = 0x10 };
	struct hf_device_chain *chain = NULL;
	char san[HF_SAN_MAX];

	(void)state;
	if (missing())
		return;
	assert_int_equal(hf_device_chain_parse(read_der("certs/", "ecp384", BUNDLE, ".der"), &chain, NULL), HF_OK);
	assert_int_equal(hf_device_chain_binding(chain, &identity, san), HF_DEVICE_UNBOUND);
	assert_string_equal(san, "");
	hf_device_chain_free(chain);
}

static void no_byte_of_an_alias_chain(void **state)
{
	static uint8_t copy[8192];
	struct hf_span chain = read_der("certs/", "ecp256", BUNDLE, "_alias.der");
	struct hf_key *ca;

	(void)state;
	if (!chain.len)
		return;
	memcpy(copy, chain.ptr, chain.len);
	ca = read_anchor("certs/", "ecp256", "_ca.cert.der");
	for (size_t at = 0; at < 2 * chain.len; at++) {
		struct hf_device_chain *parsed = NULL;

		copy[at / 2] ^= at % 2 ? 0x10 : 0x01;
		if (!hf_device_chain_parse((struct hf_span){ copy, chain.len }, &parsed, NULL)) {
			assert_int_equal(verify(parsed, ca, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
			hf_device_chain_free(parsed);
		}
		copy[at / 2] ^= at % 2 ? 0x10 : 0x01;
	}
	hf_key_free(ca);
}

/* An H100: leaf first, without an end, DICE in the older form, no name of PCI's. */
static void hopper(void **state)
{
	const struct hf_identity gpu = { .vendor = 0x10de, .device = 0x2330 };
	struct hf_span pem = read_der("nvidia-hopper/", "hopperCertChain.txt", "", "");
	struct hf_device_chain *chain = NULL;
	struct hf_device_certificate text;
	struct hf_key *root = NULL;
	char san[HF_SAN_MAX], hex[2 * HF_DIGEST_MAX + 1];
	struct hf_dice dice;

	(void)state;
	if (!pem.len)
		return;
	assert_int_equal(hf_device_chain_parse_pem(pem, &chain, NULL), HF_OK);
	pem = read_der("nvidia-hopper/", "nvtrust_verifier_device_root.pem", "", "");
	assert_int_equal(hf_key_read_device_root(pem, &root), HF_OK);
	assert_int_equal(hf_device_chain_count(chain), 5);
	assert_true(hf_device_chain_has_root(chain));
	assert_int_equal(verify(chain, root, NOW), HF_OK);
	assert_int_equal(verify(chain, root, 1600000000), HF_ERR_CERTIFICATE_EXPIRED);	/* 2020-09 */
	assert_int_equal(hf_device_chain_binding(chain, &gpu, san), HF_DEVICE_UNBOUND);
	assert_string_equal(san, "");
	hf_device_certificate_describe(chain, 4, &text);
	assert_string_equal(text.serial, "592ca97dbe569cf105a2af7787c854b504ddcfc4");
	assert_string_equal(text.key, "ecdsa-p384");
	hf_device_chain_dice(chain, &dice);
	assert_false(dice.malformed);
	assert_int_equal(dice.count, 1);
	assert_int_equal(dice.layers[0].certificate, 4);
	assert_int_equal(dice.layers[0].fwid_count, 1);
	hf_digest_hex(&dice.layers[0].fwids[0], hex);
	assert_memory_equal(hex, "f1ae7d0093a3f5689cced58045c9744f", 32);
	hf_key_free(root);
	hf_device_chain_free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundles), cmocka_unit_test(leaves), cmocka_unit_test(long_chains),
		cmocka_unit_test(the_dmtf_name_binds_nothing),
		cmocka_unit_test(no_byte_of_an_alias_chain), cmocka_unit_test(hopper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
