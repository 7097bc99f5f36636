/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every rule by which a device's certificates are read and led to an anchor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "measure/cose.h"
#include "pcie/der.h"
#include "pcie/device_chain.h"
#include "tests/unit/device_cert_fixture.h"

#define NOW 1800000000		/* 2027-01-15 */
#define LEAF 2

static const struct device_spec good[] = { ROOT_SPEC, INTER_SPEC, LEAF_SPEC };
static struct device_cert made[3];
static uint8_t bytes[1 << 16];
static struct hf_writer out;

static void drop(void)
{
	for (size_t i = 0; i < 3; i++)
		device_drop(&made[i]);
}

/* Root, intermediate, leaf; one of them made by another specification. */
static struct hf_span make_all(const char *kind, size_t odd, const struct device_spec *spec)
{
	drop();
	out = (struct hf_writer){ .buf = bytes, .cap = sizeof(bytes) };
	for (size_t i = 0; i < 3; i++) {
		made[i] = device_make(spec && i == odd ? spec : &good[i], device_key(kind),
				      i ? &made[i - 1] : NULL);
		device_put(&out, made[i].cert);
	}
	return hf_written(&out);
}

static struct hf_span join(size_t from, size_t to)
{
	out = (struct hf_writer){ .buf = bytes, .cap = sizeof(bytes) };
	for (size_t i = from; i < to; i++)
		device_put(&out, made[i].cert);
	return hf_written(&out);
}

static struct hf_device_chain *parse(struct hf_span certificates)
{
	struct hf_device_chain *chain = NULL;
	const char *why = "untouched";
	enum hf_err err = hf_device_chain_parse(certificates, &chain, &why);

	if (err)
		print_message("%s\n", why);
	assert_int_equal(err, HF_OK);
	return chain;
}

static void refuse(struct hf_span certificates, const char *want)
{
	struct hf_device_chain *chain = (void *)0x1;
	const char *why = NULL;

	assert_int_equal(hf_device_chain_parse(certificates, &chain, &why), HF_ERR_DEVICE_CHAIN);
	assert_ptr_equal(chain, (void *)0x1);
	assert_non_null(why);
	if (want)
		assert_string_equal(why, want);
	assert_int_equal(hf_device_chain_parse(certificates, &chain, NULL), HF_ERR_DEVICE_CHAIN);
}

static struct hf_key *anchor(X509 *cert)
{
	static uint8_t pem[8192];
	struct hf_writer w = { .buf = pem, .cap = sizeof(pem) };
	struct hf_key *key = NULL;

	device_put_pem(&w, cert);
	assert_int_equal(hf_key_read_device_root(hf_written(&w), &key), HF_OK);
	return key;
}

static enum hf_err verify_hash(const struct hf_device_chain *chain, X509 *cert,
			       struct hf_span root_hash, int64_t now)
{
	struct hf_key *key = anchor(cert);
	enum hf_err err = hf_device_chain_verify(chain, key, root_hash, HF_ALG_SHA384, now);

	hf_key_free(key);
	return err;
}

static enum hf_err verify(const struct hf_device_chain *chain, X509 *cert, int64_t now)
{
	return verify_hash(chain, cert, (struct hf_span){ 0 }, now);
}

static struct hf_digest hash_of(X509 *cert)
{
	static uint8_t der[8192];
	struct hf_writer w = { .buf = der, .cap = sizeof(der) };
	struct hf_digest digest;

	device_put(&w, cert);
	assert_int_equal(hf_digest(HF_ALG_SHA384, hf_written(&w), &digest), HF_OK);
	return digest;
}
#define HASH(digest) ((struct hf_span){ (digest).bytes, 48 })

/* ---- what is good ---- */

static const struct { const char *kind, *text; } families[] = {
	{ "P-256", "ecdsa-p256" }, { "P-384", "ecdsa-p384" }, { "P-521", "ecdsa-p521" },
	{ "ED25519", "ed25519" }, { "ED448", "ed448" }, { "RSA-2048", "rsa-2048" },
	{ "RSA-3072", "rsa-3072" },
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

static void every_family(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAMILIES; i++) {
		struct hf_device_chain *chain = parse(make_all(families[i].kind, 0, NULL));
		struct hf_device_certificate text;
		struct hf_digest root;

		assert_int_equal(hf_device_chain_count(chain), 3);
		assert_true(hf_device_chain_has_root(chain));
		assert_int_equal(EVP_PKEY_eq(hf_device_chain_leaf_key(chain), made[LEAF].key), 1);
		hf_device_certificate_describe(chain, LEAF, &text);
		assert_string_equal(text.key, families[i].text);
		if (strcmp(families[i].kind, "ED448") != 0) {	/* no anchor has such a key */
			root = hash_of(made[0].cert);
			assert_int_equal(verify(chain, made[0].cert, NOW), HF_OK);
			assert_int_equal(verify(chain, made[1].cert, NOW), HF_OK);
			assert_int_equal(verify_hash(chain, made[0].cert, HASH(root), NOW), HF_OK);
			assert_int_equal(verify_hash(chain, made[1].cert, HASH(root), NOW), HF_OK);
		}
		hf_device_chain_free(chain);
	}
}

static void descriptions(void **state)
{
	const struct device_spec odd = { .subject = "A\x1b[31m \xc3\xa9", .not_after = "300102030405Z",
		.extensions = { { "keyUsage", "digitalSignature" } } };
	struct hf_device_chain *chain = parse(make_all("P-256", LEAF, &odd));
	struct hf_device_certificate text;

	(void)state;
	memset(&text, 0xaa, sizeof(text));
	hf_device_certificate_describe(chain, 0, &text);
	assert_string_equal(text.subject, "CN=Root");
	assert_string_equal(text.issuer, "CN=Root");
	assert_string_equal(text.serial, "1234");
	assert_string_equal(text.not_before, "2020-01-01T00:00:00Z");
	assert_string_equal(text.not_after, "9999-12-31T23:59:59Z");
	assert_true(text.ca && text.self_signed);
	hf_device_certificate_describe(chain, LEAF, &text);
	assert_null(strchr(text.subject, 0x1b));
	assert_string_equal(text.not_after, "2030-01-02T03:04:05Z");
	assert_false(text.ca || text.self_signed);
	hf_device_certificate_describe(chain, 3, &text);	/* there is none */
	assert_string_equal(text.subject, "");
	assert_int_equal(hf_device_chain_certificate(chain, 3).len, 0);
	assert_int_equal(hf_device_chain_certificate(chain, 1).ptr[0], 0x30);
	hf_device_chain_free(chain);
	hf_device_chain_free(NULL);
}

/* ---- rules of parsing ---- */

static const char not_ca[] = "an issuer that is no certificate authority";
static const char is_ca[] = "a leaf that is a certificate authority";
static const char other_purpose[] = "a leaf that is for another purpose";
static const char no_signing[] = "a leaf that may not sign";
static const char critical[] = "a critical extension that is not understood";
static const char twice[] = "an extension that is there twice";
static const char other_shape[] = "an extension of a wrong shape";

#define CA { "basicConstraints", "critical,CA:TRUE" }
#define CERT_SIGN { "keyUsage", "critical,keyCertSign" }
#define SIGN { "keyUsage", "critical,digitalSignature" }
static const struct rule {
	size_t index;
	const char *why;	/* NULL: good */
	struct device_spec spec;
} rules[] = {
	{ 0, NULL, { .subject = "Root", .extensions = { CA } } },	/* as the DMTF's */
	{ 1, NULL, { .subject = "Inter", .extensions = { CA } } },
	{ 1, not_ca, { .subject = "Inter", .extensions = { CERT_SIGN } } },
	{ 0, not_ca, { .subject = "Root", .extensions = { CERT_SIGN } } },
	{ 1, not_ca, { .subject = "Inter", .extensions = { { "basicConstraints", "CA:FALSE" } } } },
	{ 1, "an issuer that may not sign certificates",
	  { .subject = "Inter", .extensions = { CA, SIGN } } },
	{ LEAF, NULL, { .subject = "Leaf", .extensions = { { "basicConstraints", "CA:FALSE" }, SIGN } } },
	{ LEAF, is_ca, { .subject = "Leaf", .extensions = { CA, SIGN } } },
	{ LEAF, is_ca, { .subject = "Leaf", .extensions = { CA, { "keyUsage", "digitalSignature,keyCertSign" } } } },
	{ LEAF, no_signing, { .subject = "Leaf", .extensions = { { "basicConstraints", "CA:FALSE" } } } },
	{ LEAF, no_signing, { .subject = "Leaf", .extensions = { { "keyUsage", "keyEncipherment" } } } },
	{ LEAF, no_signing, { .subject = "Leaf" } },
	/* purposes */
	{ LEAF, NULL, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "critical,serverAuth,clientAuth,OCSPSigning" } } } },
	{ LEAF, NULL, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "1.3.6.1.4.1.412.274.3" } } } },
	{ LEAF, NULL, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "1.3.6.1.4.1.412.274.4,1.3.6.1.4.1.412.274.3" } } } },
	{ LEAF, NULL, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "2.23.133.5.4.100.8" } } } },
	{ LEAF, other_purpose, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "1.3.6.1.4.1.412.274.4" } } } },
	{ LEAF, other_purpose, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "clientAuth,1.3.6.1.4.1.412.274.4" } } } },
	{ LEAF, other_purpose, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "codeSigning" } } } },
	{ LEAF, other_purpose, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "timeStamping,OCSPSigning" } } } },
	{ LEAF, other_shape, { .subject = "Leaf", .extensions = { SIGN, { "extendedKeyUsage", "DER:0500" } } } },
	/* extensions */
	{ LEAF, critical, { .subject = "Leaf", .extensions = { SIGN, { "1.2.3.4", "critical,DER:0500" } } } },
	{ LEAF, NULL, { .subject = "Leaf", .extensions = { SIGN, { "1.2.3.4", "DER:0500" } } } },
	{ LEAF, NULL, { .subject = "Leaf", .extensions = { SIGN, { "2.23.133.5.4.1", "critical,DER:3000" } } } },
	{ LEAF, NULL, { .subject = "Leaf", .extensions = { SIGN, { "1.3.6.1.4.1.412.274.6", "critical,DER:3000" } } } },
	{ LEAF, critical, { .subject = "Leaf", .extensions = { SIGN, { "1.3.6.1.4.1.412.275.6", "critical,DER:3000" } } } },
	{ 1, critical, { .subject = "Inter", .extensions = { CA, CERT_SIGN, { "1.2.3.4", "critical,DER:0500" } } } },
	{ 1, critical, { .subject = "Inter", .extensions = { CA, CERT_SIGN, { "nameConstraints", "critical,permitted;DNS:x" } } } },
	{ 1, critical, { .subject = "Inter", .extensions = { CA, CERT_SIGN, { "nameConstraints", "permitted;DNS:x" } } } },
	{ 1, critical, { .subject = "Inter", .extensions = { CA, CERT_SIGN, { "policyConstraints", "critical,requireExplicitPolicy:0" } } } },
	{ LEAF, twice, { .subject = "Leaf", .extensions = { SIGN }, .twice = true } },
	{ LEAF, twice, { .subject = "Leaf", .extensions = { { "1.2.3.4", "DER:0500" }, SIGN }, .twice = true } },
	{ LEAF, other_shape, { .subject = "Leaf", .extensions = { SIGN, { "subjectAltName", "DER:0500" } } } },
	{ 1, other_shape, { .subject = "Inter", .extensions = { { "basicConstraints", "DER:0500" }, CERT_SIGN } } },
	/* the rest */
	{ LEAF, "a certificate that is not of version 3", { .subject = "Leaf", .version = 2, .extensions = { SIGN } } },
	{ 0, "a certificate that is not of version 3", { .subject = "Root", .version = 1, .extensions = { CA } } },
	{ LEAF, "a signature that is too weak", { .subject = "Leaf", .md = "SHA1", .extensions = { SIGN } } },
	{ 1, "a signature that is too weak", { .subject = "Inter", .md = "SHA1", .extensions = { CA, CERT_SIGN } } },
	{ 0, NULL, { .subject = "Root", .md = "SHA1", .extensions = { CA, CERT_SIGN } } },
	{ LEAF, "a certificate that names another issuer", { .subject = "Leaf", .issuer = "Root", .extensions = { SIGN } } },
	/* how far down an authority may go */
	{ 0, NULL, { .subject = "Root", .extensions = { { "basicConstraints", "CA:TRUE,pathlen:1" } } } },
	{ 1, NULL, { .subject = "Inter", .extensions = { { "basicConstraints", "CA:TRUE,pathlen:0" } } } },
	{ 0, "a longer chain than one of its certificates allows",
	  { .subject = "Root", .extensions = { { "basicConstraints", "CA:TRUE,pathlen:0" } } } },
};

static void every_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct hf_span chain = make_all("P-256", rules[i].index, &rules[i].spec);

		if (rules[i].why)
			refuse(chain, rules[i].why);
		else
			hf_device_chain_free(parse(chain));
	}
}

/* The identifier of the issuer's key has to be that of the issuer, where it has one. */
static void key_identifiers(void **state)
{
	const struct device_spec inter = { .subject = "Inter", .extensions = { CA, CERT_SIGN,
		{ "subjectKeyIdentifier", "0102030405" } } };
	const struct device_spec leaf = { .subject = "Leaf", .extensions = { SIGN,
		{ "authorityKeyIdentifier", "DER:3006800401020304" } } };

	(void)state;
	make_all("P-256", 1, &inter);
	device_drop(&made[LEAF]);
	made[LEAF] = device_make(&leaf, device_key("P-256"), &made[1]);
	refuse(join(0, 3), "a certificate that names another issuer");
}

static void replace(size_t i, const char *kind)
{
	device_drop(&made[i]);
	made[i] = device_make(&good[i], device_key(kind), i ? &made[i - 1] : NULL);
}

static void weak_and_unknown_keys(void **state)
{
	static const struct { size_t index; const char *kind, *why; } rows[] = {
		{ LEAF, "RSA-1024", "a key that is too weak" },
		{ LEAF, "RSA-2040", "a key that is too weak" },
		{ LEAF, "secp256k1", "a key of an unknown kind" },
		{ LEAF, "secp224r1", "a key of an unknown kind" },
		{ LEAF, "brainpoolP256r1", "a key of an unknown kind" },
		{ 1, "RSA-1024", "a key that is too weak" },
		{ 0, "RSA-1024", "a key that is too weak" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_all("P-256", 0, NULL);
		for (size_t k = rows[i].index; k < 3; k++)
			replace(k, k == rows[i].index ? rows[i].kind : "P-256");
		refuse(join(0, 3), rows[i].why);
	}
}

/* A point written short would give the same key another id. */
static void compressed_points(void **state)
{
	EVP_PKEY *key = device_key("P-256");

	(void)state;
	make_all("P-256", 0, NULL);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", "compressed"), 1);
	device_drop(&made[LEAF]);
	made[LEAF] = device_make(&good[LEAF], key, &made[1]);
	refuse(join(0, 3), "a key of an unknown kind");
}

/* So would a curve that is spelled out, number by number, in place of its name. */
static void curves_without_a_name(void **state)
{
	static const char *const kinds[] = { "P-256", "P-384", "P-521" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t at = 0; at < 3; at++) {
			EVP_PKEY *key = device_key(kinds[i]);

			make_all(kinds[i], 0, NULL);
			assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
			device_drop(&made[at]);
			made[at] = device_make(&good[at], key, at ? &made[at - 1] : NULL);
			for (size_t k = at + 1; k < 3; k++)
				replace(k, kinds[i]);
			refuse(join(0, 3), "a key of an unknown kind");
		}
	}
}

static void order_and_signatures(void **state)
{
	struct device_cert other;

	(void)state;
	make_all("P-256", 0, NULL);
	refuse(join(0, 2), is_ca);			/* no leaf */
	refuse(join(0, 1), is_ca);
	hf_device_chain_free(parse(join(1, 3)));	/* no root */
	hf_device_chain_free(parse(join(2, 3)));	/* the leaf alone */
	out = (struct hf_writer){ .buf = bytes, .cap = sizeof(bytes) };
	for (size_t i = 3; i > 0; i--)
		device_put(&out, made[i - 1].cert);
	refuse(hf_written(&out), NULL);			/* the other way round */
	out.len = 0;
	device_put(&out, made[0].cert);
	device_put(&out, made[2].cert);
	refuse(hf_written(&out), "a certificate that names another issuer");
	/* the same name, another key */
	other = device_make(&good[1], device_key("P-256"), &made[0]);
	out.len = 0;
	device_put(&out, made[0].cert);
	device_put(&out, other.cert);
	device_put(&out, made[2].cert);
	refuse(hf_written(&out), "a certificate that is not signed by the one before");
	device_drop(&other);
	/* a root that another key signed in its name */
	other = device_make(&good[0], device_key("P-256"), &made[0]);
	device_drop(&made[1]);
	made[1] = device_make(&good[1], device_key("P-256"), &other);
	device_drop(&made[2]);
	made[2] = device_make(&good[2], device_key("P-256"), &made[1]);
	out.len = 0;
	device_put(&out, other.cert);
	device_put(&out, made[1].cert);
	device_put(&out, made[2].cert);
	refuse(hf_written(&out), "a root that does not sign itself");
	device_drop(&other);
}

/* ---- bytes ---- */

static void limits_and_trailing_bytes(void **state)
{
	static uint8_t many[1 << 18];
	struct hf_writer w = { .buf = many, .cap = sizeof(many) };
	struct hf_span chain = make_all("P-256", 0, NULL);

	(void)state;
	refuse((struct hf_span){ 0 }, "no certificate");
	refuse((struct hf_span){ (const uint8_t *)"", 0 }, "no certificate");
	for (size_t len = 1; len < chain.len; len++) {
		struct hf_device_chain *parsed = NULL;

		/* between two certificates a shorter chain ends, and its leaf is none */
		assert_int_equal(hf_device_chain_parse((struct hf_span){ bytes, len }, &parsed, NULL),
				 HF_ERR_DEVICE_CHAIN);
	}
	memcpy(many, bytes, chain.len);
	many[chain.len] = 0;
	refuse((struct hf_span){ many, chain.len + 1 }, "something that is no certificate");
	many[chain.len] = 0x30;
	refuse((struct hf_span){ many, chain.len + 1 }, "a certificate that ends too early");
	device_put(&w, made[0].cert);
	hf_put(&w, "\0", 1);
	device_put(&w, made[1].cert);
	device_put(&w, made[2].cert);
	refuse(hf_written(&w), "something that is no certificate");
	w.len = 0;
	for (size_t i = 0; i <= HF_DEVICE_CERTIFICATES_MAX; i++)
		device_put(&w, made[0].cert);
	refuse(hf_written(&w), "too many certificates");
	memcpy(many, "\x30\x82\x40\x00", 4);		/* four bytes more than one may have */
	memset(many + 4, 0, 0x4000);
	refuse((struct hf_span){ many, 0x4004 }, "a certificate that is too long");
	refuse((struct hf_span){ many, (size_t)HF_DEVICE_CERTIFICATES_MAX * HF_DEVICE_CERTIFICATE_MAX + 1 },
	       "too long");
}

/* 64 certificates are read, the leaf of 63 authorities. */
static void longest_chain(void **state)
{
	struct device_cert chain[HF_DEVICE_CERTIFICATES_MAX];
	static uint8_t many[1 << 18];
	struct hf_writer w = { .buf = many, .cap = sizeof(many) };
	struct hf_device_chain *parsed;

	(void)state;
	for (size_t i = 0; i < HF_DEVICE_CERTIFICATES_MAX; i++) {
		struct device_spec spec = i + 1 < HF_DEVICE_CERTIFICATES_MAX ? good[1] : good[2];
		char name[16];

		snprintf(name, sizeof(name), "%zu", i);
		spec.subject = name;
		chain[i] = device_make(&spec, device_key("P-256"), i ? &chain[i - 1] : NULL);
		device_put(&w, chain[i].cert);
	}
	parsed = parse(hf_written(&w));
	assert_int_equal(hf_device_chain_count(parsed), HF_DEVICE_CERTIFICATES_MAX);
	assert_int_equal(verify(parsed, chain[0].cert, NOW), HF_OK);
	assert_int_equal(verify(parsed, chain[40].cert, NOW), HF_OK);
	hf_device_chain_free(parsed);
	for (size_t i = 0; i < HF_DEVICE_CERTIFICATES_MAX; i++)
		device_drop(&chain[i]);
}

/* The same certificate in another encoding is not taken: lengths that are too long, a length
 * that is not given, bytes behind the signature. */
static void one_encoding(void **state)
{
	struct hf_span leaf;
	static uint8_t again[8192];
	struct hf_writer w = { .buf = again, .cap = sizeof(again) };
	struct hf_cursor c;
	size_t len;

	(void)state;
	make_all("P-384", 0, NULL);
	leaf = join(2, 3);
	len = leaf.len - 4;
	assert_int_equal(leaf.ptr[1], 0x82);
	hf_put(&w, "\x30\x83\x00", 3);
	hf_put(&w, leaf.ptr + 2, leaf.len - 2);
	refuse(hf_written(&w), "a certificate that ends too early");
	w.len = 0;
	hf_put(&w, "\x30\x80", 2);
	hf_put(&w, leaf.ptr + 4, len);
	hf_put(&w, "\0\0", 2);
	refuse(hf_written(&w), NULL);
	w.len = 0;
	hf_put(&w, "\x30\x82", 2);
	hf_put_be(&w, len + 2, 2);
	hf_put(&w, leaf.ptr + 4, len);
	hf_put(&w, "\x05\x00", 2);
	refuse(hf_written(&w), "a certificate that cannot be read");
	/* the algorithm beside the signature, which no signature covers, with a longer length */
	c = hf_cursor_at(leaf);
	hf_seek(&c, 4);
	hf_der_any(&c);
	len = c.pos;
	assert_memory_equal(leaf.ptr + len, "\x30\x0a", 2);
	w.len = 0;
	hf_put(&w, "\x30\x82", 2);
	hf_put_be(&w, leaf.len - 4 + 1, 2);
	hf_put(&w, leaf.ptr + 4, len - 4);
	hf_put(&w, "\x30\x81\x0a", 3);
	hf_put(&w, leaf.ptr + len + 2, leaf.len - len - 2);
	refuse(hf_written(&w), "a certificate that cannot be read");
}

/* No byte of a chain can change: signed ones, those around them, those of signatures. */
static void no_byte_may_change(void **state)
{
	static uint8_t copy[sizeof(bytes)];

	(void)state;
	for (size_t i = 0; i < FAMILIES; i++) {
		struct hf_span chain = make_all(families[i].kind, 0, NULL);
		struct hf_key *root;

		if (strcmp(families[i].kind, "ED448") == 0)
			continue;
		root = anchor(made[0].cert);
		memcpy(copy, chain.ptr, chain.len);
		for (size_t at = 0; at < chain.len * (i ? 1 : 2); at++) {
			struct hf_device_chain *parsed = NULL;
			uint8_t flip = (at + at / chain.len) % 2 ? 0x80 : 0x01;

			copy[at % chain.len] ^= flip;
			if (!hf_device_chain_parse((struct hf_span){ copy, chain.len }, &parsed, NULL)) {
				/* the first one's own name can change: then it is no root */
				assert_int_equal(hf_device_chain_verify(parsed, root,
					(struct hf_span){ 0 }, 0, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
				hf_device_chain_free(parsed);
			}
			copy[at % chain.len] ^= flip;
		}
		hf_key_free(root);
	}
}

/* The same where the root is absent: nothing of the first one is checked before an anchor is. */
static void no_byte_may_change_below_an_absent_root(void **state)
{
	static uint8_t copy[sizeof(bytes)];
	struct hf_digest hash;
	struct hf_key *anchors[2];
	struct hf_span chain;

	(void)state;
	make_all("P-256", 0, NULL);
	hash = hash_of(made[0].cert);
	chain = join(1, 3);
	for (size_t i = 0; i < 2; i++)
		anchors[i] = anchor(made[i].cert);
	memcpy(copy, chain.ptr, chain.len);
	for (size_t at = 0; at < chain.len * 2; at++) {
		struct hf_device_chain *parsed = NULL;

		copy[at / 2] ^= at % 2 ? 0x01 : 0x80;
		if (!hf_device_chain_parse((struct hf_span){ copy, chain.len }, &parsed, NULL)) {
			for (size_t i = 0; i < 2; i++)
				assert_int_not_equal(hf_device_chain_verify(parsed, anchors[i],
					HASH(hash), HF_ALG_SHA384, 0), HF_OK);
			hf_device_chain_free(parsed);
		}
		copy[at / 2] ^= at % 2 ? 0x01 : 0x80;
	}
	hf_key_free(anchors[0]);
	hf_key_free(anchors[1]);
}

/* ---- PEM ---- */

static void pem(void **state)
{
	static uint8_t text[1 << 16];
	struct hf_writer w = { .buf = text, .cap = sizeof(text) };
	struct hf_device_chain *chain = NULL;
	const char *why = NULL;

	(void)state;
	make_all("P-256", 0, NULL);
	for (size_t i = 0; i < 3; i++)
		device_put_pem(&w, made[i].cert);
	assert_int_equal(hf_device_chain_parse_pem(hf_written(&w), &chain, &why), HF_OK);
	assert_int_equal(verify(chain, made[0].cert, NOW), HF_OK);
	hf_device_chain_free(chain);
	w.len = 0;
	for (size_t i = 3; i > 0; i--)
		device_put_pem(&w, made[i - 1].cert);
	assert_int_equal(hf_device_chain_parse_pem(hf_written(&w), &chain, NULL), HF_OK);
	assert_int_equal(verify(chain, made[0].cert, NOW), HF_OK);
	assert_true(hf_device_chain_has_root(chain));
	hf_device_chain_free(chain);
	w.len = 0;
	device_put_pem(&w, made[2].cert);
	assert_int_equal(hf_device_chain_parse_pem(hf_written(&w), &chain, NULL), HF_OK);
	assert_int_equal(hf_device_chain_count(chain), 1);
	hf_device_chain_free(chain);
	hf_put(&w, "-----BEGIN PUBLIC KEY-----\n", 27);
	assert_int_equal(hf_device_chain_parse_pem(hf_written(&w), &chain, &why), HF_ERR_DEVICE_CHAIN);
	assert_string_equal(why, "a block that is no certificate");
	assert_int_equal(hf_device_chain_parse_pem((struct hf_span){ 0 }, &chain, &why), HF_ERR_DEVICE_CHAIN);
	assert_string_equal(why, "no certificate");
	w.len = 0;
	for (size_t i = 0; i <= HF_DEVICE_CERTIFICATES_MAX; i++)
		hf_put(&w, "-----BEGIN CERTIFICATE-----\n", 28);
	assert_int_equal(hf_device_chain_parse_pem(hf_written(&w), &chain, &why), HF_ERR_DEVICE_CHAIN);
	assert_string_equal(why, "too many certificates");
}

/* ---- to an anchor ---- */

static void anchors_and_root_hashes(void **state)
{
	struct hf_device_chain *chain, *rootless, *leaf;
	struct hf_digest root, inter, sha1;
	struct device_cert other;

	(void)state;
	chain = parse(make_all("P-384", 0, NULL));
	rootless = parse(join(1, 3));
	leaf = parse(join(2, 3));
	root = hash_of(made[0].cert);
	inter = hash_of(made[1].cert);
	/* the root's hash: of the chain's own root, or of the anchor above it */
	assert_int_equal(verify_hash(chain, made[0].cert, HASH(inter), 0), HF_ERR_DEVICE_CHAIN);
	assert_int_equal(verify_hash(chain, made[1].cert, HASH(inter), 0), HF_ERR_DEVICE_CHAIN);
	assert_int_equal(verify_hash(chain, made[0].cert, hf_span_part(HASH(root), 0, 32), 0), HF_ERR_DEVICE_CHAIN);
	{
		struct hf_key *key = anchor(made[0].cert);	/* no hash that SPDM has not */

		assert_int_equal(hf_digest(HF_ALG_SHA1, hf_device_chain_certificate(chain, 0), &sha1), HF_OK);
		assert_int_equal(hf_device_chain_verify(chain, key, (struct hf_span){ sha1.bytes, 20 },
							HF_ALG_SHA1, 0), HF_ERR_DEVICE_CHAIN);
		hf_key_free(key);
	}
	assert_false(hf_device_chain_has_root(rootless));
	assert_int_equal(verify(rootless, made[0].cert, 0), HF_OK);
	assert_int_equal(verify_hash(rootless, made[0].cert, HASH(root), 0), HF_OK);
	assert_int_equal(verify_hash(rootless, made[0].cert, HASH(inter), 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	assert_int_equal(verify_hash(rootless, made[1].cert, HASH(root), 0), HF_OK);
	assert_int_equal(verify_hash(leaf, made[1].cert, HASH(inter), 0), HF_OK);
	assert_int_equal(verify_hash(leaf, made[1].cert, HASH(root), 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	assert_int_equal(verify(leaf, made[0].cert, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	/* the same name, another key */
	other = device_make(&good[0], device_key("P-384"), NULL);
	assert_int_equal(verify(chain, other.cert, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	assert_int_equal(verify(rootless, other.cert, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	device_drop(&other);
	/* the same key, another name */
	EVP_PKEY_up_ref(made[0].key);
	other = device_make(&good[1], made[0].key, NULL);
	assert_int_equal(verify(chain, other.cert, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	device_drop(&other);
	hf_device_chain_free(chain);
	hf_device_chain_free(rootless);
	hf_device_chain_free(leaf);
}

/* An authority whose certificate was issued anew is the same one, where its place in the chain
 * is proven; a first one whose signature nobody has checked has to be the anchor itself. */
static void anchors_issued_anew(void **state)
{
	struct hf_device_chain *chain, *rootless;
	struct device_cert root, inter;
	struct device_spec spec = ROOT_SPEC, shallow = INTER_SPEC;

	(void)state;
	chain = parse(make_all("P-256", 0, NULL));
	rootless = parse(join(1, 3));
	spec.not_after = "400101000000Z";
	EVP_PKEY_up_ref(made[0].key);
	root = device_make(&spec, made[0].key, NULL);
	EVP_PKEY_up_ref(made[1].key);
	inter = device_make(&good[1], made[1].key, &root);	/* another signature at least */
	assert_int_equal(verify(chain, root.cert, 0), HF_OK);
	assert_int_equal(verify(chain, inter.cert, 0), HF_OK);
	assert_int_equal(verify(rootless, root.cert, 0), HF_OK);
	assert_int_equal(verify(rootless, made[1].cert, 0), HF_OK);
	assert_int_equal(verify(rootless, inter.cert, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	device_drop(&inter);
	device_drop(&root);
	/* its own path length holds, whatever the one in the chain says */
	spec.extensions[0].value = "critical,CA:TRUE,pathlen:0";
	EVP_PKEY_up_ref(made[0].key);
	root = device_make(&spec, made[0].key, NULL);
	assert_int_equal(verify(chain, root.cert, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	assert_int_equal(verify(rootless, root.cert, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	shallow.extensions[0].value = "critical,CA:TRUE,pathlen:0";
	EVP_PKEY_up_ref(made[1].key);
	inter = device_make(&shallow, made[1].key, &made[0]);
	assert_int_equal(verify(chain, inter.cert, 0), HF_OK);
	device_drop(&inter);
	device_drop(&root);
	hf_device_chain_free(chain);
	hf_device_chain_free(rootless);
}

static void anchors_that_are_none(void **state)
{
	static uint8_t text[8192];
	struct hf_writer w = { .buf = text, .cap = sizeof(text) };
	const struct device_spec self = { .subject = "Leaf", .extensions = { SIGN } };
	struct hf_device_chain *chain;
	struct hf_key *key = NULL;

	(void)state;
	chain = parse(make_all("P-256", 0, NULL));
	device_put_pem(&w, made[LEAF].cert);
	assert_int_equal(hf_key_read_device_root(hf_written(&w), &key), HF_ERR_KEY_INVALID);
	/* pinned as who signs manifests might be, it is no anchor of devices */
	assert_int_equal(hf_key_read_anchor(hf_written(&w), &key), HF_OK);
	assert_int_equal(hf_device_chain_verify(chain, key, (struct hf_span){ 0 }, 0, 0),
			 HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	hf_key_free(key);
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	assert_int_equal(hf_device_chain_verify(chain, key, (struct hf_span){ 0 }, 0, 0),
			 HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	hf_key_free(key);
	device_put_pem(&w, made[0].cert);
	assert_int_equal(hf_key_read_device_root(hf_written(&w), &key), HF_ERR_KEY_INVALID);	/* two */
	hf_device_chain_free(chain);
	/* one that signs itself and is no authority leads to nobody */
	device_drop(&made[2]);
	made[2] = device_make(&self, device_key("P-256"), NULL);
	chain = parse(join(2, 3));
	assert_true(hf_device_chain_has_root(chain));
	assert_int_equal(verify(chain, made[0].cert, 0), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	hf_device_chain_free(chain);
}

static void dates(void **state)
{
	static const struct { size_t index; const char *from, *to; enum hf_err at_root, at_inter; } rows[] = {
		{ LEAF, NULL, "250101000000Z", HF_ERR_CERTIFICATE_EXPIRED, HF_ERR_CERTIFICATE_EXPIRED },
		{ LEAF, "300101000000Z", NULL, HF_ERR_CERTIFICATE_EXPIRED, HF_ERR_CERTIFICATE_EXPIRED },
		{ 1, NULL, "250101000000Z", HF_ERR_CERTIFICATE_EXPIRED, HF_ERR_CERTIFICATE_EXPIRED },
		{ 0, NULL, "250101000000Z", HF_ERR_CERTIFICATE_EXPIRED, HF_OK },	/* above the anchor */
		{ 0, "300101000000Z", NULL, HF_ERR_CERTIFICATE_EXPIRED, HF_OK },
		{ LEAF, "250101000000Z", "20510101000000Z", HF_OK, HF_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct device_spec spec = good[rows[i].index];
		struct hf_device_chain *chain;

		spec.not_before = rows[i].from;
		spec.not_after = rows[i].to;
		chain = parse(make_all("P-256", rows[i].index, &spec));
		assert_int_equal(verify(chain, made[0].cert, NOW), rows[i].at_root);
		assert_int_equal(verify(chain, made[1].cert, NOW), rows[i].at_inter);
		assert_int_equal(verify(chain, made[0].cert, 0), HF_OK);	/* no clock */
		hf_device_chain_free(chain);
	}
}

/* To the second, over leap years and centuries: what libcrypto's own arithmetic says. */
static void ends_of_validity(void **state)
{
	static const struct { const char *text; int64_t seconds; } days[] = {
		{ "200229235959Z", 1583020799 }, { "240301000000Z", 1709251200 },
		{ "491231235959Z", 2524607999 }, { "20500101000000Z", 2524608000 },
		{ "21000228235959Z", 4107542399 }, { "21000301000000Z", 4107542400 },
		{ "700101000001Z", 1 }, { "99991231235959Z", 253402300799 },
		{ "20000229120000Z", 951825600 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		struct device_spec from = good[LEAF], to = good[LEAF];
		struct device_spec root = good[0], inter = good[1];
		struct hf_device_chain *chain;

		root.not_before = inter.not_before = "500101000000Z";
		from.not_before = days[i].text;
		to.not_before = "500101000000Z";	/* 1950 */
		to.not_after = days[i].text;
		drop();
		made[0] = device_make(&root, device_key("P-256"), NULL);
		made[1] = device_make(&inter, device_key("P-256"), &made[0]);
		made[2] = device_make(&from, device_key("P-256"), &made[1]);
		chain = parse(join(0, 3));
		if (days[i].seconds > 1)
			assert_int_equal(verify(chain, made[0].cert, days[i].seconds - 1), HF_ERR_CERTIFICATE_EXPIRED);
		assert_int_equal(verify(chain, made[0].cert, days[i].seconds), HF_OK);
		hf_device_chain_free(chain);
		device_drop(&made[2]);
		made[2] = device_make(&to, device_key("P-256"), &made[1]);
		chain = parse(join(0, 3));
		assert_int_equal(verify(chain, made[0].cert, days[i].seconds), HF_OK);
		assert_int_equal(verify(chain, made[0].cert, days[i].seconds + 1), HF_ERR_CERTIFICATE_EXPIRED);
		hf_device_chain_free(chain);
	}
}

/* ---- key ids ---- */

static void key_ids(void **state)
{
	struct hf_device_chain *chain;

	(void)state;
	for (size_t i = 0; i < FAMILIES; i++) {
		uint8_t id[32], want[32];
		struct hf_key *key;

		if (strcmp(families[i].kind, "ED448") == 0)
			continue;
		chain = parse(make_all(families[i].kind, 0, NULL));
		key = anchor(made[1].cert);
		hf_key_id(key, want);
		assert_int_equal(hf_device_chain_key_id(chain, 1, id), HF_OK);
		assert_memory_equal(id, want, sizeof(id));
		assert_int_equal(hf_device_chain_key_id(chain, 0, id), HF_OK);
		assert_memory_not_equal(id, want, sizeof(id));
		assert_int_equal(hf_device_chain_key_id(chain, 3, id), HF_ERR_DEVICE_CHAIN);
		hf_key_free(key);
		hf_device_chain_free(chain);
	}
}

static int drop_all(void **state)
{
	(void)state;
	drop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_family), cmocka_unit_test(descriptions),
		cmocka_unit_test(every_rule), cmocka_unit_test(key_identifiers),
		cmocka_unit_test(weak_and_unknown_keys), cmocka_unit_test(compressed_points),
		cmocka_unit_test(curves_without_a_name),
		cmocka_unit_test(order_and_signatures), cmocka_unit_test(limits_and_trailing_bytes),
		cmocka_unit_test(longest_chain), cmocka_unit_test(one_encoding),
		cmocka_unit_test(no_byte_may_change),
		cmocka_unit_test(no_byte_may_change_below_an_absent_root), cmocka_unit_test(pem),
		cmocka_unit_test(anchors_and_root_hashes), cmocka_unit_test(anchors_issued_anew),
		cmocka_unit_test(anchors_that_are_none), cmocka_unit_test(dates), cmocka_unit_test(ends_of_validity),
		cmocka_unit_test(key_ids),
	};

	return cmocka_run_group_tests(tests, NULL, drop_all);
}
