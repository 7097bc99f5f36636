/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files as vendors write them, made on the spot in the layout of the published ones, with
 * keys of ours. Each part of a file can be replaced by another encoding. */
#ifndef HF_TESTS_DIALECT_FIXTURE_H
#define HF_TESTS_DIALECT_FIXTURE_H

#include "manifests/corim_profile.h"
#include "tests/unit/sign_fixture.h"

struct vendor_file {
	/* NVIDIA */
	const char *tag_id;	/* "15b3102115b3003300-28.39.4082" */
	const char *class_vendor;
	bool no_wrap;		/* without 500 and 502 */
	bool tag_outside;	/* 506(bstr) as in the draft */
	bool other_triple;	/* a dependency triple beside */
	bool text_mkey;
	uint8_t fill;		/* of the digests */
	/* OCP SAFE */
	const char *model;
	bool protects;		/* an algorithm in the signature's protected header */
	bool bare_oid;
	bool reference_triple;
	const char *version;
};

static inline void put_map_head(struct hf_writer *w, size_t count, int64_t key)
{
	hf_cbor_put_map(w, count);
	hf_cbor_put_int(w, key);
}

static inline void put_sha512(struct hf_writer *w, uint8_t fill)
{
	uint8_t digest[64];

	memset(digest, fill, sizeof(digest));
	put_map_head(w, 1, 2);
	hf_cbor_put_array(w, 1);
	hf_cbor_put_array(w, 2);
	hf_cbor_put_int(w, 8);	/* Named Information, not COSE */
	hf_cbor_put_bstr(w, (struct hf_span){ digest, sizeof(digest) });
}

static inline void put_nvidia_comid(struct hf_writer *w, const struct vendor_file *v)
{
	put_map_head(w, 2, 1);
	put_map_head(w, 1, 0);
	hf_cbor_put_text(w, v->tag_id);
	hf_cbor_put_int(w, 4);
	put_map_head(w, v->other_triple ? 2 : 1, 0);
	hf_cbor_put_array(w, 1);
	hf_cbor_put_array(w, 2);
	put_map_head(w, 1, 0);
	put_map_head(w, 1, 1);
	hf_cbor_put_text(w, v->class_vendor);
	hf_cbor_put_array(w, 3);
	put_map_head(w, 2, 0);
	hf_cbor_put_int(w, 1);
	hf_cbor_put_int(w, 1);
	put_map_head(w, 1, 4);
	hf_cbor_put_tag(w, 560);
	hf_cbor_put_bstr(w, BYTES(0, 0, 0, 1));
	for (int i = 2; i < 4; i++) {
		put_map_head(w, 2, 0);
		if (v->text_mkey)
			hf_cbor_put_text(w, "fw");
		else
			hf_cbor_put_int(w, i);
		hf_cbor_put_int(w, 1);
		put_sha512(w, (uint8_t)(v->fill + i));
	}
	if (v->other_triple) {
		hf_cbor_put_int(w, 4);
		hf_cbor_put_array(w, 0);
	}
}

static inline void put_nvidia_payload(struct hf_writer *w, const struct vendor_file *v)
{
	uint8_t buf[2048];
	struct hf_writer c = { .buf = buf, .cap = sizeof(buf) };

	if (!v->tag_outside)
		hf_cbor_put_tag(&c, 506);
	put_nvidia_comid(&c, v);
	put_map_head(w, 3, 0);
	hf_cbor_put_text(w, "ConnectX-7_28.39.4082");
	hf_cbor_put_int(w, 1);
	hf_cbor_put_array(w, 1);
	if (v->tag_outside)
		hf_cbor_put_tag(w, 506);
	hf_cbor_put_bstr(w, hf_written(&c));
	hf_cbor_put_int(w, 2);
	hf_cbor_put_array(w, 1);
	put_map_head(w, 1, 0);
	hf_cbor_put_tag(w, 32);
	hf_cbor_put_text(w, "https://vendor.example/signer.pem");
	assert_false(c.full || w->full);
}

/* key: Ed25519, where NVIDIA uses P-384. */
static inline struct hf_span nvidia_file(const struct vendor_file *v, const struct hf_key *key)
{
	static uint8_t file[8192];
	uint8_t header[256], payload[4096];
	struct hf_writer w = { .buf = file, .cap = sizeof(file) };
	struct hf_writer h = { .buf = header, .cap = sizeof(header) };
	struct hf_writer p = { .buf = payload, .cap = sizeof(payload) };

	put_map_head(&h, 3, 1);
	hf_cbor_put_int(&h, HF_COSE_EDDSA);
	hf_cbor_put_int(&h, 3);
	hf_cbor_put_text(&h, "application/rim+cbor");
	hf_cbor_put_int(&h, 8);
	hf_cbor_put_bstr(&h, BYTES(0xa1, 0, 0xa1, 0, 0x66, 'N', 'V', 'I', 'D', 'I', 'A'));
	put_nvidia_payload(&p, v);
	if (!v->no_wrap) {
		hf_cbor_put_tag(&w, 500);
		hf_cbor_put_tag(&w, 502);
	}
	sign_raw(key, hf_written(&h), BYTES(0xa0), hf_written(&p), &w);
	return hf_written(&w);
}

/* ---- OCP SAFE ---- */

static inline void put_ocp_condition(struct hf_writer *w, const struct vendor_file *v)
{
	hf_cbor_put_array(w, 2);
	put_map_head(w, 1, 0);
	put_map_head(w, 2, 1);
	hf_cbor_put_text(w, "Maker");
	hf_cbor_put_int(w, 2);
	hf_cbor_put_text(w, v->model);
	hf_cbor_put_array(w, 1);
	put_map_head(w, 1, 1);
	put_sha512(w, v->fill);
}

static inline void put_ocp_review(struct hf_writer *w, const struct vendor_file *v)
{
	hf_cbor_put_array(w, 2);
	put_map_head(w, 1, 0);
	put_map_head(w, 1, 1);
	hf_cbor_put_text(w, "Maker");
	hf_cbor_put_array(w, 1);
	put_map_head(w, 1, 1);
	put_map_head(w, 1, -1);
	put_map_head(w, 2, 0);
	hf_cbor_put_text(w, "2.0");
	hf_cbor_put_int(w, 4);
	hf_cbor_put_array(w, 1);
	put_map_head(w, 1, 0);
	put_map_head(w, 1, 0);
	hf_cbor_put_text(w, v->version);
}

static inline void put_ocp_payload(struct hf_writer *w, const struct vendor_file *v)
{
	static const uint8_t oid[] = { 0x06, 0x0a, 0x2b, 6, 1, 4, 1, 0x82, 0xf4, 0x17, 1, 1 };
	uint8_t buf[2048];
	struct hf_writer c = { .buf = buf, .cap = sizeof(buf) };

	put_map_head(&c, 2, 1);
	put_map_head(&c, 1, 0);
	hf_cbor_put_text(&c, "review-comid-001");
	hf_cbor_put_int(&c, 4);
	put_map_head(&c, 1, v->reference_triple ? 0 : 10);
	hf_cbor_put_array(&c, 1);
	hf_cbor_put_array(&c, 2);
	hf_cbor_put_array(&c, 1);
	put_ocp_condition(&c, v);
	hf_cbor_put_array(&c, 1);
	put_ocp_review(&c, v);
	hf_cbor_put_tag(w, 501);
	put_map_head(w, 3, 0);
	hf_cbor_put_text(w, "sfr-corim-1");
	hf_cbor_put_int(w, 1);
	hf_cbor_put_array(w, 1);
	hf_cbor_put_tag(w, 506);
	hf_cbor_put_bstr(w, hf_written(&c));
	hf_cbor_put_int(w, 3);
	hf_cbor_put_tag(w, 111);
	hf_cbor_put_bstr(w, (struct hf_span){ oid + (v->bare_oid ? 2 : 0), sizeof(oid) - (v->bare_oid ? 2 : 0) });
	assert_false(c.full || w->full);
}

/* 98([h'', {}, payload, [[h'', {4: key id}, signature]]]) */
static inline struct hf_span ocp_file(const struct vendor_file *v, const struct hf_key *key)
{
	static uint8_t file[8192];
	uint8_t payload[4096], tbs[8192], signature[64];
	struct hf_span protects = v->protects ? BYTES(0xa1, 1, 0x27) : (struct hf_span){ 0 };
	struct hf_writer p = { .buf = payload, .cap = sizeof(payload) };
	struct hf_writer t = { .buf = tbs, .cap = sizeof(tbs) };
	struct hf_writer w = { .buf = file, .cap = sizeof(file) };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = sizeof(signature);
	struct pem pem;
	EVP_PKEY *pkey;
	BIO *bio;

	put_ocp_payload(&p, v);
	hf_cbor_put_array(&t, 5);
	hf_cbor_put_text(&t, "Signature");
	hf_cbor_put_bstr(&t, (struct hf_span){ 0 });
	hf_cbor_put_bstr(&t, protects);
	hf_cbor_put_bstr(&t, (struct hf_span){ 0 });
	hf_cbor_put_bstr(&t, hf_written(&p));
	pem_of(key, true, &pem);
	bio = BIO_new_mem_buf(pem.span.ptr, (int)pem.span.len);
	pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, tbs, t.len), 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	hf_cbor_put_tag(&w, 98);
	hf_cbor_put_array(&w, 4);
	hf_cbor_put_bstr(&w, (struct hf_span){ 0 });
	hf_cbor_put_map(&w, 0);
	hf_cbor_put_bstr(&w, hf_written(&p));
	hf_cbor_put_array(&w, 1);
	hf_cbor_put_array(&w, 3);
	hf_cbor_put_bstr(&w, protects);
	put_map_head(&w, 1, 4);
	hf_cbor_put_bstr(&w, hf_span_text("provider"));
	hf_cbor_put_bstr(&w, (struct hf_span){ signature, len });
	return hf_written(&w);
}

#endif
