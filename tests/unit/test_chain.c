/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates as anchors and in files, and content beside a signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "manifests/trust.h"
#include "tests/unit/cert_fixture.h"
#include "tests/unit/manifest_fixture.h"

#define NOW 1800000000	/* 2027-01-15 */
#define YEAR 31536000

static uint8_t memory[1 << 20];
static struct hf_arena arena;
static struct hf_manifests out;
static struct hf_fault fault;

struct party { struct hf_key *key; EVP_PKEY *pkey; X509 *cert; };
static struct party root, middle, leaf, stranger;

static EVP_PKEY *pkey_of(const struct hf_key *key)
{
	struct pem pem;
	EVP_PKEY *pkey;
	BIO *bio;

	pem_of(key, true, &pem);
	bio = BIO_new_mem_buf(pem.span.ptr, (int)pem.span.len);
	pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(pkey);
	return pkey;
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* From a year before NOW for two years. */
static X509 *issue(struct party *subject, const char *name, struct party *issuer, const char *basic,
		   const char *usage, int64_t end)
{
	X509 *cert = X509_new();
	X509 *by = issuer->cert ? issuer->cert : cert;

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW - YEAR);
	ASN1_TIME_set(X509_getm_notAfter(cert), end);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(by));
	X509_set_pubkey(cert, subject->pkey);
	if (basic)
		extend(cert, by, NID_basic_constraints, basic);
	if (usage)
		extend(cert, by, NID_key_usage, usage);
	extend(cert, by, NID_subject_key_identifier, "hash");
	extend(cert, by, NID_authority_key_identifier, "keyid");
	assert_true(X509_sign(cert, issuer->pkey, NULL) > 0);
	return cert;
}

static void party(struct party *p)
{
	assert_int_equal(hf_key_generate(HF_COSE_EDDSA, &p->key), HF_OK);
	p->pkey = pkey_of(p->key);
}

static int make_parties(void **state)
{
	(void)state;
	party(&root);
	party(&middle);
	party(&leaf);
	party(&stranger);
	root.cert = issue(&root, "root", &root, "critical,CA:TRUE", "critical,keyCertSign", NOW + YEAR);
	middle.cert = issue(&middle, "middle", &root, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign", NOW + YEAR);
	leaf.cert = issue(&leaf, "leaf", &middle, "critical,CA:FALSE", "critical,digitalSignature", NOW + YEAR);
	return 0;
}

static int drop_parties(void **state)
{
	struct party *all[] = { &root, &middle, &leaf, &stranger };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		hf_key_free(all[i]->key);
		EVP_PKEY_free(all[i]->pkey);
		X509_free(all[i]->cert);
	}
	return 0;
}

static void put_der(struct hf_writer *w, X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	assert_true(len > 0);
	hf_cbor_put_bstr(w, (struct hf_span){ der, (size_t)len });
	OPENSSL_free(der);
}

static struct hf_span corim(void)
{
	static uint8_t buf[16384];
	struct sample s;

	return (struct hf_span){ buf, sample_encode(sample_make(&s), COMPONENTS, buf, sizeof(buf)) };
}

/* Signed by leaf, with certificates; hash_alg not 0: an envelope around payload. */
static struct hf_span message(X509 **certs, size_t count, int64_t hash_alg, struct hf_span payload)
{
	static uint8_t buf[32768];
	uint8_t header[8192];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_writer h = { .buf = header, .cap = sizeof(header) };

	hf_cbor_put_map(&h, 2u + (hash_alg ? 2 : 1) + (count != 0));
	hf_cbor_put_int(&h, 1);
	hf_cbor_put_int(&h, HF_COSE_EDDSA);
	if (!hash_alg) {
		hf_cbor_put_int(&h, 3);
		hf_cbor_put_text(&h, HF_CORIM_CONTENT_TYPE);
	}
	hf_cbor_put_int(&h, 8);
	hf_cbor_put_bstr(&h, BYTES(0xa1, 0, 0xa1, 0, 0x62, 'm', 'e'));
	if (count) {
		hf_cbor_put_int(&h, 33);
		if (count > 1)
			hf_cbor_put_array(&h, count);
		for (size_t i = 0; i < count; i++)
			put_der(&h, certs[i]);
	}
	if (hash_alg) {
		hf_cbor_put_int(&h, 258);
		hf_cbor_put_int(&h, hash_alg);
		hf_cbor_put_int(&h, 259);
		hf_cbor_put_text(&h, HF_CORIM_CONTENT_TYPE);
	}
	assert_false(h.full);
	sign_raw(leaf.key, hf_written(&h), BYTES(0xa0), payload, &w);
	return hf_written(&w);
}

static enum hf_err anchor(struct hf_trust *trust, X509 *cert)
{
	struct pem pem;

	*trust = (struct hf_trust){ 0 };
	cert_pem(cert, &pem);
	return hf_trust_add(trust, "anchor", HF_ANCHOR_OWNER, pem.span, &fault);
}

static enum hf_err load(X509 *cert, struct hf_span bytes, struct hf_span content, int64_t now)
{
	struct hf_trust trust;
	enum hf_err err;

	assert_int_equal(anchor(&trust, cert), HF_OK);
	arena = (struct hf_arena){ .base = memory, .cap = sizeof(memory) };
	out = (struct hf_manifests){ .arena = &arena };
	err = hf_manifest_load_with(&trust, "m.corim", bytes, content, now, &out, &fault);
	hf_trust_drop(&trust);
	return err;
}

static enum hf_err chain(X509 *anchored, X509 *a, X509 *b, int64_t now)
{
	X509 *certs[] = { a, b };

	return load(anchored, message(certs, (a != NULL) + (b != NULL), 0, corim()), (struct hf_span){ 0 }, now);
}

static void a_chain_leads_to_an_anchor(void **state)
{
	uint8_t id[HF_KEY_ID];

	(void)state;
	assert_int_equal(chain(root.cert, leaf.cert, middle.cert, NOW), HF_OK);
	assert_string_equal(out.files[0].signer, "anchor");
	hf_key_id(leaf.key, id);
	assert_memory_equal(out.files[0].signer_id, id, sizeof(id));
	hf_key_id(root.key, id);
	assert_memory_equal(out.files[0].anchor_id, id, sizeof(id));
	assert_int_equal(chain(middle.cert, leaf.cert, NULL, NOW), HF_OK);	/* an authority below the root */
	assert_int_equal(chain(leaf.cert, NULL, NULL, NOW), HF_OK);		/* the signer's own: pinned */
	assert_int_equal(chain(root.cert, leaf.cert, NULL, NOW), HF_ERR_CERTIFICATE_CHAIN);
	assert_int_equal(chain(root.cert, NULL, NULL, NOW), HF_ERR_SIGNER_UNKNOWN);
	assert_int_equal(chain(stranger.cert ? stranger.cert : root.cert, middle.cert, leaf.cert, NOW), HF_ERR_CERTIFICATE_CHAIN);
}

static void time_counts_when_there_is_a_clock(void **state)
{
	X509 *old = issue(&leaf, "old", &middle, "critical,CA:FALSE", "critical,digitalSignature", NOW - 10);

	(void)state;
	assert_int_equal(chain(root.cert, old, middle.cert, NOW), HF_ERR_CERTIFICATE_EXPIRED);
	assert_int_equal(chain(root.cert, old, middle.cert, 0), HF_OK);
	assert_int_equal(chain(root.cert, old, middle.cert, NOW - 20), HF_OK);
	assert_int_equal(chain(root.cert, leaf.cert, middle.cert, NOW - 2 * YEAR), HF_ERR_CERTIFICATE_EXPIRED);
	assert_int_equal(chain(old, NULL, NULL, NOW), HF_ERR_CERTIFICATE_EXPIRED);
	assert_int_equal(chain(old, NULL, NULL, 0), HF_OK);
	X509_free(old);
}

static void certificates_that_may_not(void **state)
{
	static const struct { const char *basic, *usage; } leaves[] = {
		{ "critical,CA:TRUE", "critical,keyCertSign,digitalSignature" },
		{ "critical,CA:FALSE", "critical,keyEncipherment" },
		{ "critical,CA:FALSE", NULL },
	};
	struct party no_ca = middle;
	struct hf_trust trust;
	X509 *cert;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		cert = issue(&leaf, "leaf", &middle, leaves[i].basic, leaves[i].usage, NOW + YEAR);
		assert_int_equal(chain(root.cert, cert, middle.cert, NOW), HF_ERR_CERTIFICATE_CHAIN);
		if (i > 0)	/* nor is it an anchor */
			assert_int_equal(anchor(&trust, cert), HF_ERR_KEY_INVALID);
		X509_free(cert);
	}
	/* an intermediate that is no authority signs nobody */
	no_ca.cert = issue(&middle, "middle", &root, "critical,CA:FALSE", "critical,digitalSignature", NOW + YEAR);
	cert = issue(&leaf, "leaf", &no_ca, "critical,CA:FALSE", "critical,digitalSignature", NOW + YEAR);
	assert_int_equal(chain(root.cert, cert, no_ca.cert, NOW), HF_ERR_CERTIFICATE_CHAIN);
	X509_free(cert);
	X509_free(no_ca.cert);
	/* a leaf with the right name and a stranger's signature */
	no_ca = (struct party){ stranger.key, stranger.pkey, middle.cert };
	cert = issue(&leaf, "leaf", &no_ca, "critical,CA:FALSE", "critical,digitalSignature", NOW + YEAR);
	assert_int_equal(chain(root.cert, cert, middle.cert, NOW), HF_ERR_CERTIFICATE_CHAIN);
	X509_free(cert);
	/* a good chain, and another key under the message */
	cert = issue(&stranger, "leaf", &middle, "critical,CA:FALSE", "critical,digitalSignature", NOW + YEAR);
	assert_int_equal(chain(root.cert, cert, middle.cert, NOW), HF_ERR_SIGNATURE_INVALID);
	X509_free(cert);
}

/* An authority's key is for certificates: with it alone nobody signs a manifest. */
static void an_authority_signs_no_message(void **state)
{
	static uint8_t buf[16384];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	(void)state;
	assert_int_equal(hf_cose_sign(root.key, HF_CORIM_CONTENT_TYPE, "me", corim(), &w), HF_OK);
	assert_int_equal(load(root.cert, hf_written(&w), (struct hf_span){ 0 }, NOW), HF_ERR_SIGNER_UNKNOWN);
}

static void a_hash_envelope_needs_its_content(void **state)
{
	static const struct { int64_t number; enum hf_alg alg; } algs[] = {
		{ -16, HF_ALG_SHA256 }, { -43, HF_ALG_SHA384 }, { -44, HF_ALG_SHA512 },
	};
	struct hf_span content = corim(), bytes;
	struct hf_digest digest;
	uint8_t other[4096];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(hf_digest(algs[i].alg, content, &digest), HF_OK);
		bytes = message(NULL, 0, algs[i].number, (struct hf_span){ digest.bytes, hf_alg_size(algs[i].alg) });
		assert_int_equal(load(leaf.cert, bytes, content, NOW), HF_OK);
		assert_string_equal(out.components->name, "nic");
		assert_int_equal(load(leaf.cert, bytes, (struct hf_span){ 0 }, NOW), HF_ERR_COSE_HASH_ENVELOPE);
		memcpy(other, content.ptr, content.len);
		other[content.len - 1] ^= 1;
		assert_int_equal(load(leaf.cert, bytes, (struct hf_span){ other, content.len }, NOW), HF_ERR_COSE_CONTENT);
		assert_int_equal(load(leaf.cert, bytes, (struct hf_span){ content.ptr, content.len - 1 }, NOW), HF_ERR_COSE_CONTENT);
	}
	bytes = message(NULL, 0, -18, (struct hf_span){ digest.bytes, 32 });
	assert_int_equal(load(leaf.cert, bytes, content, NOW), HF_ERR_COSE_ALGORITHM);
	/* beside a file that holds its manifest it is nobody's */
	assert_int_equal(load(leaf.cert, message(NULL, 0, 0, content), (struct hf_span){ other, 10 }, NOW), HF_OK);
}

static void put_file(const char *path, struct hf_span bytes)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
	fclose(f);
}

static void content_lies_beside_the_file(void **state)
{
	char dir[] = "/tmp/holdfast-chain-XXXXXX", path[128];
	struct hf_digest digest;
	struct hf_trust trust;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(hf_digest(HF_ALG_SHA256, corim(), &digest), HF_OK);
	snprintf(path, sizeof(path), "%s/a.corim", dir);
	put_file(path, message(NULL, 0, -16, (struct hf_span){ digest.bytes, 32 }));
	assert_int_equal(anchor(&trust, leaf.cert), HF_OK);
	for (int with = 0; with < 2; with++) {
		arena = (struct hf_arena){ .base = memory, .cap = sizeof(memory) };
		out = (struct hf_manifests){ .arena = &arena };
		assert_int_equal(hf_manifests_read(&trust, dir, NOW, &out, &fault),
				 with ? HF_OK : HF_ERR_COSE_HASH_ENVELOPE);
		assert_int_equal(hf_manifest_load_file(&trust, AT_FDCWD, path, NOW, &out, &fault),
				 with ? HF_ERR_DUPLICATE_NAME : HF_ERR_COSE_HASH_ENVELOPE);
		snprintf(path, sizeof(path), "%s/a.payload", dir);
		put_file(path, corim());
		snprintf(path, sizeof(path), "%s/a.corim", dir);
	}
	hf_trust_drop(&trust);
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_leads_to_an_anchor),
		cmocka_unit_test(time_counts_when_there_is_a_clock),
		cmocka_unit_test(certificates_that_may_not),
		cmocka_unit_test(an_authority_signs_no_message),
		cmocka_unit_test(a_hash_envelope_needs_its_content),
		cmocka_unit_test(content_lies_beside_the_file),
	};

	return cmocka_run_group_tests(tests, make_parties, drop_parties);
}
