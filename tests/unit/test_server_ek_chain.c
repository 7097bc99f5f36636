/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EK certificates: each quirk that is tolerated, each lie that is not, and the CAs of all the
 * manufacturers in the corpus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "tests/unit/ek_cert_fixture.h"

static struct device_cert root, inter, leaf;
static struct hf_ek ek;
static struct hf_ek_roots *roots;
static struct hf_fault fault;
static char maker[64];
static size_t count;

static int setup(void **state)
{
	(void)state;
	ek_dir_make();
	roots = NULL;
	memset(maker, 0, sizeof(maker));
	memset(&fault, 0xaa, sizeof(fault));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hf_ek_roots_free(roots);
	device_drop(&root);
	device_drop(&inter);
	device_drop(&leaf);
	ek_dir_drop();
	return 0;
}

static const struct device_spec root_spec = { .subject = "Root", .extensions = { EK_CA_EXTENSIONS } };
static const struct device_spec inter_spec = { .subject = "Inter", .extensions = { EK_CA_EXTENSIONS } };
static const struct device_spec rsa_spec = { .subject = "", .extensions = {
	{ "keyUsage", "critical,keyEncipherment" }, { "basicConstraints", "critical,CA:FALSE" },
	{ "extendedKeyUsage", "2.23.133.8.1" } } };

static void cas(const struct device_spec *inter_of)
{
	root = device_make(&root_spec, device_key("P-256"), NULL);
	inter = device_make(inter_of, device_key("P-256"), &root);
	ek_write_cert("root.pem", root.cert);
	ek_write_cert("inter.cer", inter.cert);
}

static void read_roots(void)
{
	hf_ek_roots_free(roots);
	roots = NULL;
	assert_int_equal(hf_ek_roots_read(ek_dir, &roots, &count, &fault), HF_OK);
}

static enum hf_err verify_bytes(struct hf_span der, int64_t now)
{
	memset(&fault, 0, sizeof(fault));
	snprintf(maker, sizeof(maker), "before");
	enum hf_err err = hf_ek_chain_verify(roots, &ek, der, now, maker, sizeof(maker), &fault);

	if (err)
		assert_string_equal(maker, "before");
	return err;
}

static enum hf_err verify(void)
{
	uint8_t buf[8192];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	if (!roots)
		read_roots();
	device_put(&w, leaf.cert);
	return verify_bytes(hf_written(&w), EK_NOW);
}

static void make_leaf(const struct device_spec *spec, const char *kind, const struct device_cert *by)
{
	device_drop(&leaf);
	leaf = device_make(spec, device_key(kind), by);
	ek = ek_of(leaf.key);
}

static void holds(void)
{
	enum hf_err err = verify();

	if (err)
		fail_msg("%s: %s", hf_err_name(err), fault.detail);
}

static void refused(const char *words)
{
	assert_int_equal(verify(), HF_ERR_EK_CHAIN);
	if (!strstr(fault.detail, words))
		fail_msg("\"%s\" does not say: %s", fault.detail, words);
}

/* ---- what must pass ---- */

static void test_good(void **state)
{
	static const struct device_spec ecc = { .subject = "", .extensions = {
		{ "keyUsage", "critical,keyAgreement" } } };

	(void)state;
	cas(&inter_spec);
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	ek_add_san(leaf.cert, "id:49465800", "SLB9670", "id:00070055");
	ek_sign(leaf.cert, &inter);
	holds();
	assert_string_equal(maker, "IFX SLB9670 id:00070055");
	make_leaf(&ecc, "P-384", &inter);
	holds();
	assert_string_equal(maker, "CN=Inter");
	make_leaf(&ecc, "P-256", &root);	/* by the root itself */
	holds();
}

/* Whatever a certificate says of itself goes to logs. */
static void test_manufacturer_is_printable(void **state)
{
	(void)state;
	cas(&inter_spec);
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	ek_add_san(leaf.cert, "id:zz", "a\nb\x7f", "0123456789012345678901234567890123456789");
	ek_sign(leaf.cert, &inter);
	holds();
	assert_string_equal(maker, "id:zz a?b? 0123456789012345678901234567890");
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	ek_add_san(leaf.cert, "id:00000000", "x", "");
	ek_sign(leaf.cert, &inter);
	holds();
	assert_string_equal(maker, "id:00000000 x");
}

static void test_bytes_behind(void **state)
{
	uint8_t buf[8192];
	struct hf_writer w = { .buf = buf, .cap = 4096 };

	(void)state;
	cas(&inter_spec);
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	read_roots();
	device_put(&w, leaf.cert);
	memset(buf + w.len, 0xff, sizeof(buf) - w.len);
	assert_int_equal(verify_bytes((struct hf_span){ buf, w.len + 500 }, EK_NOW), HF_OK);
	for (size_t len = 0; len < w.len; len += 13)
		assert_int_equal(verify_bytes((struct hf_span){ buf, len }, EK_NOW), HF_ERR_EK_CHAIN);
	assert_int_equal(verify_bytes((struct hf_span){ buf, 4097 }, EK_NOW), HF_ERR_EK_CHAIN);
	for (size_t i = 4; i < w.len; i += 29) {	/* each byte counts */
		buf[i] ^= 1;
		assert_int_equal(verify_bytes((struct hf_span){ buf, w.len }, EK_NOW), HF_ERR_EK_CHAIN);
		buf[i] ^= 1;
	}
}

static void test_purpose(void **state)
{
	static const struct { const char *purpose; bool good; } cases[] = {
		{ NULL, true }, { "2.23.133.8.1", true }, { "critical,2.23.133.8.1", true },
		{ "serverAuth,2.23.133.8.1", true }, { "serverAuth", false }, { "2.23.133.8.3", false },
		{ "anyExtendedKeyUsage", false },
	};

	(void)state;
	cas(&inter_spec);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device_spec spec = { .subject = "EK", .extensions = {
			{ "keyUsage", "keyEncipherment" },
			{ cases[i].purpose ? "extendedKeyUsage" : NULL, cases[i].purpose } } };

		make_leaf(&spec, "RSA-2048", &inter);
		if (cases[i].good)
			holds();
		else
			refused("not made for an endorsement key");
	}
}

static void test_key_usage(void **state)
{
	static const struct { const char *usage, *kind; bool good; } cases[] = {
		{ "keyEncipherment", "RSA-2048", true }, { "keyAgreement", "P-256", true },
		{ "keyEncipherment", "P-256", true }, { "keyAgreement", "RSA-2048", true },
		{ NULL, "P-256", true }, { "digitalSignature,keyEncipherment", "RSA-2048", true },
		{ "digitalSignature", "P-256", false }, { "keyCertSign", "P-256", false },
	};

	(void)state;
	cas(&inter_spec);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device_spec spec = { .subject = "EK", .extensions = {
			{ cases[i].usage ? "keyUsage" : NULL, cases[i].usage } } };

		make_leaf(&spec, cases[i].kind, &inter);
		if (cases[i].good)
			holds();
		else
			refused("may only sign");
	}
}

static void test_dates(void **state)
{
	static const struct { const char *inter_from, *inter_to, *from, *to, *words; } cases[] = {
		{ "200101000000Z", "250101000000Z", "240101000000Z", "400101000000Z", NULL },
		{ "250101000000Z", "400101000000Z", "240101000000Z", "400101000000Z", NULL },
		{ "200101000000Z", "240101000000Z", "240101000000Z", "400101000000Z", NULL },
		{ "200101000000Z", "231231235959Z", "240101000000Z", "400101000000Z",
		  "CN=Inter had expired when it signed this" },
		{ "200101000000Z", "400101000000Z", "240101000000Z", "291231235959Z", "has expired" },
		{ "200101000000Z", "400101000000Z", "240101000000Z", "300101000000Z", NULL },
		{ "200101000000Z", "400101000000Z", "300101000001Z", "400101000000Z", "not valid yet" },
		{ "200101000000Z", "400101000000Z", "300101000000Z", "99991231235959Z", NULL },
	};

	(void)state;
	root = device_make(&root_spec, device_key("P-256"), NULL);
	ek_write_cert("root.pem", root.cert);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device_spec between = inter_spec, spec = rsa_spec;

		between.not_before = cases[i].inter_from;
		between.not_after = cases[i].inter_to;
		spec.not_before = cases[i].from;
		spec.not_after = cases[i].to;
		device_drop(&inter);
		inter = device_make(&between, device_key("P-256"), &root);
		ek_write_cert("inter.cer", inter.cert);
		make_leaf(&spec, "RSA-2048", &inter);
		read_roots();
		if (cases[i].words)
			refused(cases[i].words);
		else
			holds();
	}
}

/* The same key, marked as one for OAEP only. */
static void mark_oaep(X509 *cert)
{
	const unsigned char *bits;
	unsigned char *copy;
	int len;

	assert_int_equal(X509_PUBKEY_get0_param(NULL, &bits, &len, NULL, X509_get_X509_PUBKEY(cert)), 1);
	copy = OPENSSL_memdup(bits, (size_t)len);
	assert_int_equal(X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert), OBJ_nid2obj(NID_rsaesOaep),
						V_ASN1_NULL, NULL, copy, len), 1);
	ek_sign(cert, &inter);
}

static void test_oaep_key(void **state)
{
	EVP_PKEY *other = device_key("RSA-2048");

	(void)state;
	cas(&inter_spec);
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	mark_oaep(leaf.cert);
	holds();
	ASN1_INTEGER_set(X509_get_serialNumber(leaf.cert), 5);		/* no longer what was signed */
	refused("no CA here that is named CN=Inter has signed it");
	X509_sign(leaf.cert, leaf.key, EVP_sha256());
	refused("no CA here that is named CN=Inter has signed it");
	ek_sign(leaf.cert, &inter);
	holds();
	while (EVP_PKEY_eq(other, leaf.key) == 1) {
		EVP_PKEY_free(other);
		other = device_key("RSA-2048");
	}
	ek = ek_of(other);
	refused("for another key");
	EVP_PKEY_free(other);
}

static void test_serials_and_key_ids(void **state)
{
	static const uint8_t wrong[20] = { 1 };
	AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();

	(void)state;
	cas(&inter_spec);
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	ASN1_INTEGER_set(X509_get_serialNumber(leaf.cert), 0);
	ek_sign(leaf.cert, &inter);
	holds();
	ASN1_INTEGER_set(X509_get_serialNumber(leaf.cert), -77);
	ek_sign(leaf.cert, &inter);
	holds();
	id->keyid = ASN1_OCTET_STRING_new();
	ASN1_OCTET_STRING_set(id->keyid, wrong, sizeof(wrong));
	assert_int_equal(X509_add1_ext_i2d(leaf.cert, NID_authority_key_identifier, id, 0, 0), 1);
	AUTHORITY_KEYID_free(id);
	ek_sign(leaf.cert, &inter);
	holds();
}

static void test_old_digests(void **state)
{
	struct device_spec old = inter_spec, spec = rsa_spec;

	(void)state;
	old.md = "SHA1";
	cas(&old);
	spec.md = "SHA1";
	make_leaf(&spec, "RSA-2048", &inter);
	holds();
	device_drop(&inter);
	inter = device_make(&inter_spec, device_key("RSA-2048"), &root);
	ek_write_cert("inter.cer", inter.cert);
	read_roots();
	spec.md = "MD5";
	make_leaf(&spec, "RSA-2048", &inter);
	refused("a digest that is too weak");
}

static void test_directory_attributes(void **state)
{
	static const struct { const char *name, *value; bool good; } cases[] = {
		{ "2.5.29.9", "critical,DER:3000", true }, { "1.2.3.4", "critical,DER:0500", false },
		{ "1.2.3.4", "DER:0500", true },
	};

	(void)state;
	cas(&inter_spec);
	for (size_t i = 0; i < 3; i++) {
		struct device_spec spec = rsa_spec;

		spec.extensions[3].name = cases[i].name;
		spec.extensions[3].value = cases[i].value;
		make_leaf(&spec, "RSA-2048", &inter);
		if (cases[i].good)
			holds();
		else
			refused("unhandled critical extension");
	}
	struct device_spec both = rsa_spec;

	both.extensions[3].name = "2.5.29.9";
	both.extensions[3].value = "critical,DER:3000";
	both.extensions[4].name = "1.2.3.4";
	both.extensions[4].value = "critical,DER:0500";
	make_leaf(&both, "RSA-2048", &inter);
	refused("unhandled critical extension");
}

/* Five of one name, one of which it is; two roots of one name as well. */
static void test_same_names(void **state)
{
	struct device_cert others[5];
	char name[24];

	(void)state;
	cas(&inter_spec);
	for (int i = 0; i < 5; i++) {
		others[i] = device_make(i == 4 ? &root_spec : &inter_spec, device_key("P-256"), i == 4 ? NULL : &root);
		snprintf(name, sizeof(name), "o%d.der", i);
		ek_write_cert(name, others[i].cert);
	}
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	holds();
	assert_int_equal(count, 7);
	for (int i = 0; i < 4; i++) {
		make_leaf(&rsa_spec, "RSA-2048", &others[i]);
		holds();
	}
	make_leaf(&rsa_spec, "RSA-2048", &others[4]);
	holds();
	for (int i = 0; i < 5; i++)
		device_drop(&others[i]);
}

/* The same CA, certified by two roots, of which one is here. */
static void test_two_ways(void **state)
{
	struct device_cert unknown_root, twin;

	(void)state;
	cas(&inter_spec);
	unknown_root = device_make(&(struct device_spec){ .subject = "Elsewhere", .extensions = { EK_CA_EXTENSIONS } },
				   device_key("P-256"), NULL);
	EVP_PKEY_up_ref(inter.key);
	twin = device_make(&inter_spec, inter.key, &unknown_root);
	ek_write_cert("a.der", twin.cert);
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	holds();
	device_drop(&twin);
	device_drop(&unknown_root);
}

/* ---- what must not ---- */

static void test_not_its_key(void **state)
{
	EVP_PKEY *other = device_key("P-256");

	(void)state;
	cas(&inter_spec);
	make_leaf(&rsa_spec, "P-256", &inter);
	ek = ek_of(other);
	refused("for another key");
	EVP_PKEY_free(other);
}

static void test_nobody_signed_it(void **state)
{
	struct device_cert forger;

	(void)state;
	cas(&inter_spec);
	forger = device_make(&inter_spec, device_key("P-256"), NULL);
	make_leaf(&rsa_spec, "RSA-2048", &forger);
	refused("no CA here that is named CN=Inter has signed it");
	device_drop(&forger);
	forger = device_make(&(struct device_spec){ .subject = "Me" }, device_key("P-256"), NULL);
	make_leaf(&rsa_spec, "RSA-2048", &forger);
	refused("no CA here is named CN=Me");
	make_leaf(&rsa_spec, "RSA-2048", NULL);		/* by itself */
	refused("no CA here is named");
	device_drop(&forger);
}

static void test_no_root(void **state)
{
	char path[128];

	(void)state;
	cas(&inter_spec);
	snprintf(path, sizeof(path), "%s/root.pem", ek_dir);
	assert_int_equal(unlink(path), 0);
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	refused("no CA here is named CN=Root");
}

static void test_ca_as_ek(void **state)
{
	(void)state;
	cas(&inter_spec);
	make_leaf(&(struct device_spec){ .subject = "EK", .extensions = { { "basicConstraints", "CA:TRUE" } } },
		  "P-256", &inter);
	refused("is of a CA");
}

static void test_no_cas(void **state)
{
	static const struct { struct device_spec spec; const char *words; } cases[] = {
		{ { .subject = "Inter" }, "invalid CA certificate" },
		{ { .subject = "Inter", .extensions = { { "basicConstraints", "critical,CA:FALSE" } } },
		  "invalid CA certificate" },
		{ { .subject = "Inter", .extensions = { { "basicConstraints", "critical,CA:TRUE" },
			{ "keyUsage", "critical,digitalSignature" } } }, "invalid CA certificate" },
		{ { .subject = "Inter", .extensions = { EK_CA_EXTENSIONS, { "1.2.3.4", "critical,DER:0500" } } },
		  "unhandled critical extension" },
		{ { .subject = "Inter", .extensions = { EK_CA_EXTENSIONS, { "2.5.29.9", "critical,DER:3000" } } },
		  "unhandled critical extension" },
	};

	(void)state;
	root = device_make(&root_spec, device_key("P-256"), NULL);
	ek_write_cert("root.pem", root.cert);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		device_drop(&inter);
		inter = device_make(&cases[i].spec, device_key("P-256"), &root);
		ek_write_cert("inter.cer", inter.cert);
		make_leaf(&rsa_spec, "RSA-2048", &inter);
		read_roots();
		refused(cases[i].words);
	}
}

static void test_constraints(void **state)
{
	struct device_spec over = { .subject = "Over", .extensions = {
		{ "basicConstraints", "critical,CA:TRUE,pathlen:0" }, { "keyUsage", "critical,keyCertSign" } } };
	struct device_cert over_ca;

	(void)state;
	root = device_make(&root_spec, device_key("P-256"), NULL);
	over_ca = device_make(&over, device_key("P-256"), &root);
	inter = device_make(&inter_spec, device_key("P-256"), &over_ca);
	ek_write_cert("root.pem", root.cert);
	ek_write_cert("over.cer", over_ca.cert);
	ek_write_cert("inter.cer", inter.cert);
	make_leaf(&rsa_spec, "RSA-2048", &inter);
	refused("path length constraint exceeded");
	make_leaf(&rsa_spec, "RSA-2048", &over_ca);
	holds();
	device_drop(&over_ca);
	over.extensions[0].value = "critical,CA:TRUE";
	over.extensions[2].name = "nameConstraints";
	over.extensions[2].value = "critical,excluded;email:example.org";
	over_ca = device_make(&over, device_key("P-256"), &root);
	ek_write_cert("over.cer", over_ca.cert);
	read_roots();
	make_leaf(&rsa_spec, "RSA-2048", &over_ca);
	holds();
	struct device_spec named = rsa_spec;

	named.extensions[3].name = "subjectAltName";
	named.extensions[3].value = "email:ek@example.org";
	make_leaf(&named, "RSA-2048", &over_ca);
	refused("excluded subtree violation");
	device_drop(&over_ca);
}

static void test_weak_ca(void **state)
{
	(void)state;
	root = device_make(&root_spec, device_key("P-256"), NULL);
	inter = device_make(&inter_spec, device_key("RSA-1024"), &root);
	ek_write_cert("root.pem", root.cert);
	ek_write_cert("inter.cer", inter.cert);
	make_leaf(&rsa_spec, "P-256", &inter);
	refused("no CA here that is named CN=Inter");
}

/* CAs that certify each other, and a crowd of one name: an end is found, and soon. */
static void test_endless(void **state)
{
	struct device_cert a, b, c;
	char name[24];

	(void)state;
	cas(&inter_spec);
	a = device_make(&(struct device_spec){ .subject = "A", .issuer = "B", .extensions = { EK_CA_EXTENSIONS } },
			device_key("P-256"), &root);
	b = device_make(&(struct device_spec){ .subject = "B", .extensions = { EK_CA_EXTENSIONS } },
			device_key("P-256"), &a);
	ek_sign(a.cert, &b);
	ek_write_cert("a.der", a.cert);
	ek_write_cert("b.der", b.cert);
	make_leaf(&rsa_spec, "RSA-2048", &a);
	assert_int_equal(verify(), HF_ERR_EK_CHAIN);
	for (int i = 0; i < 70; i++) {
		c = device_make(&inter_spec, device_key("P-256"), &root);
		snprintf(name, sizeof(name), "c%d.der", i);
		ek_write_cert(name, c.cert);
		device_drop(&c);
	}
	read_roots();
	c = device_make(&inter_spec, device_key("P-256"), &root);
	make_leaf(&rsa_spec, "RSA-2048", &c);
	refused("too many CAs are named CN=Inter");
	device_drop(&a);
	device_drop(&b);
	device_drop(&c);
}

static void test_too_long(void **state)
{
	struct device_cert chain[9];
	char name[24];

	(void)state;
	for (int i = 0; i < 9; i++) {
		struct device_spec spec = { .subject = name, .extensions = { EK_CA_EXTENSIONS } };

		snprintf(name, sizeof(name), "l%d.der", i);
		chain[i] = device_make(&spec, device_key("P-256"), i ? &chain[i - 1] : NULL);
		ek_write_cert(name, chain[i].cert);
	}
	make_leaf(&rsa_spec, "P-256", &chain[6]);
	holds();
	make_leaf(&rsa_spec, "P-256", &chain[7]);
	refused("the chain is too long");
	for (int i = 0; i < 9; i++)
		device_drop(&chain[i]);
}

/* ---- folders ---- */

static char told[4096];

static void tell(void *self, const char *what, const char *why)
{
	size_t *n = self, len = strlen(told);

	(*n)++;
	snprintf(told + len, sizeof(told) - len, "%s: %s\n", what, why);
}

static void test_folder(void **state)
{
	uint8_t buf[8192];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	char path[128];
	size_t n = 0;

	(void)state;
	cas(&inter_spec);
	snprintf(path, sizeof(path), "%s/maker", ek_dir);
	assert_int_equal(mkdir(path, 0700), 0);
	ek_write_cert("maker/again.der", inter.cert);
	device_put_pem(&w, inter.cert);
	device_put_pem(&w, root.cert);
	hf_put(&w, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 58);
	ek_write("maker/all.pem", buf, w.len);
	ek_write("LICENSE", "words", 5);
	ek_write("empty.cer", "", 0);
	ek_write("cut.cer", buf, 0);
	ek_write("broken.der", "0\x82\x01\x00garbage", 11);
	ek_write("key.pem", "-----BEGIN X-----\nMAA=\n-----END X-----\n", 39);
	ek_write(".hidden", "0\x82\x01\x00garbage", 11);
	read_roots();
	assert_int_equal(count, 2);
	told[0] = '\0';
	assert_int_equal(hf_ek_roots_lint(roots, tell, &n), 3);
	assert_int_equal(n, 3);
	assert_non_null(strstr(told, "broken.der: "));
	assert_non_null(strstr(told, "all.pem: "));
	assert_non_null(strstr(told, "key.pem: "));
	make_leaf(&rsa_spec, "P-256", &inter);
	holds();
}

static void test_no_folder(void **state)
{
	char path[128];

	(void)state;
	count = 99;
	assert_int_equal(hf_ek_roots_read(ek_dir, &roots, &count, &fault), HF_ERR_FILE_UNREADABLE);
	assert_non_null(strstr(fault.detail, "no certificate"));
	snprintf(path, sizeof(path), "%s/none", ek_dir);
	assert_int_equal(hf_ek_roots_read(path, &roots, &count, &fault), HF_ERR_FILE_UNREADABLE);
	assert_int_equal(count, 99);
	assert_null(roots);
	snprintf(path, sizeof(path), "cd %s && ln -s . loop", ek_dir);
	assert_int_equal(system(path), 0);
	assert_int_equal(hf_ek_roots_read(ek_dir, &roots, &count, &fault), HF_ERR_LIMIT);
}

/* ---- real ones ---- */

/* Of all manufacturers that are in the corpus, each CA leads to its root, or its root is not there:
 * those were never published (Infineon's first, by VeriSign), or are not in these collections. */
static void only_missing_roots(void *self, const char *what, const char *why)
{
	static const char *const missing[] = {
		"no CA here is named CN=VeriSign Trusted Platform Module Root CA",
		"no CA here is named CN=AMD Root CA R4", "no CA here is named CN=Nationz TPM Root CA",
		"no CA here is named CN=Aliyun TPM Root CA",
	};
	size_t *counts = self;

	for (size_t i = 0; i < 4; i++) {
		if (strncmp(why, missing[i], strlen(missing[i])) == 0) {
			counts[i]++;
			return;
		}
	}
	fail_msg("%s: %s", what, why);
}

static void test_corpus(void **state)
{
	const char *corpus = getenv("HOLDFAST_CORPUS") ? getenv("HOLDFAST_CORPUS") : "../shared/data";
	size_t counts[4] = { 0 };
	char path[256];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/tpm-certs", corpus);
	if (stat(path, &st) != 0) {
		printf("SKIP no corpus: set HOLDFAST_CORPUS\n");
		skip();
	}
	assert_int_equal(hf_ek_roots_read(path, &roots, &count, &fault), HF_OK);
	assert_in_range(count, 190, HF_EK_ROOTS_MAX);
	hf_ek_roots_lint(roots, only_missing_roots, counts);
	assert_in_range(counts[0] + counts[1] + counts[2] + counts[3], 1, 40);
}

/* swtpm's maker, with its root and the CA under it. */
static void test_swtpm(void **state)
{
	static const char *const names[] = { "ek-rsa2048.crt", "ek-secp384r1.crt" };
	char command[1024];

	(void)state;
	snprintf(command, sizeof(command), "cd %s && mkdir .s .ca && : >.opts && printf 'statedir = %%s\\n"
		 "signingkey = %%s\\nissuercert = %%s\\ncertserial = %%s\\n' $PWD/.ca $PWD/.ca/k $PWD/inter.pem "
		 "$PWD/.ca/n >.ca.conf && printf 'create_certs_tool=/usr/bin/swtpm_localca\\n"
		 "create_certs_tool_config=%%s\\ncreate_certs_tool_options=%%s\\n' $PWD/.ca.conf $PWD/.opts >.conf &&"
		 "swtpm_setup --tpm2 --tpmstate $PWD/.s --create-ek-cert --config .conf --write-ek-cert-files "
		 "$PWD/.s >/dev/null 2>&1 && cp .ca/swtpm-localca-rootca-cert.pem root.pem", ek_dir);
	assert_int_equal(system(command), 0);
	read_roots();
	assert_int_equal(count, 2);
	for (int i = 0; i < 2; i++) {
		uint8_t der[4096];
		const unsigned char *p = der;
		FILE *file;
		size_t len;

		snprintf(command, sizeof(command), "%s/.s/%s", ek_dir, names[i]);
		file = fopen(command, "rb");
		assert_non_null(file);
		len = fread(der, 1, sizeof(der), file);
		fclose(file);
		device_drop(&leaf);
		leaf.cert = d2i_X509(NULL, &p, (long)len);
		ek = ek_of(X509_get0_pubkey(leaf.cert));
		/* swtpm dates them from now on, which is before EK_NOW as long as tests are run. */
		assert_int_equal(verify_bytes((struct hf_span){ der, len }, 4102444800), HF_OK);
		assert_string_equal(maker, i ? "id:00001014 swtpm id:20191023" : "id:00001014 swtpm id:20191023");
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_good), T(test_manufacturer_is_printable), T(test_bytes_behind), T(test_purpose),
		T(test_key_usage), T(test_dates), T(test_oaep_key), T(test_serials_and_key_ids),
		T(test_old_digests), T(test_directory_attributes), T(test_same_names), T(test_two_ways),
		T(test_not_its_key), T(test_nobody_signed_it), T(test_no_root), T(test_ca_as_ek),
		T(test_no_cas), T(test_constraints), T(test_weak_ca), T(test_endless), T(test_too_long),
		T(test_folder), T(test_no_folder), T(test_corpus), T(test_swtpm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
