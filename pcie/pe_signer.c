/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/pe_signer.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdio.h>

#define OID_INDIRECT_DATA "1.3.6.1.4.1.311.2.1.4"	/* SPC_INDIRECT_DATA_OBJID */
#define NAME_SHOWN 120		/* bytes of a subject or issuer */

struct text {
	char *out;
	size_t cap, len;
};

static void add(struct text *t, const char *s)
{
	for (; *s && t->len + 1 < t->cap; s++)
		t->out[t->len++] = *s < 0x20 || *s > 0x7e ? '?' : *s;
	t->out[t->len] = '\0';
}

static void add_name(struct text *t, const char *label, const X509_NAME *name)
{
	char shown[NAME_SHOWN + 1] = "";
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	/* RFC 2253: what is no printable ASCII comes escaped */
	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_read(bio, shown, NAME_SHOWN);
	shown[len > 0 ? len : 0] = '\0';
	add(t, label);
	add(t, shown[0] ? shown : "without a name");
	if (bio && BIO_pending(bio) > 0)
		add(t, "...");
	BIO_free(bio);
}

/* DigestInfo out of SpcIndirectDataContent; *content becomes what the signature covers: its
 * bytes without the outer tag and length. */
static X509_SIG *indirect_data(const PKCS7 *p7, struct hf_span *content)
{
	const PKCS7 *inner = p7->d.sign->contents;
	const unsigned char *p, *end;
	char oid[32] = "";
	int tag, class;
	long len;

	if (!inner || OBJ_obj2txt(oid, sizeof(oid), inner->type, 1) <= 0 ||
	    strcmp(oid, OID_INDIRECT_DATA) != 0 || !inner->d.other ||
	    inner->d.other->type != V_ASN1_SEQUENCE)
		return NULL;
	p = inner->d.other->value.sequence->data;
	len = inner->d.other->value.sequence->length;
	end = p + len;
	if (ASN1_get_object(&p, &len, &tag, &class, len) != V_ASN1_CONSTRUCTED ||
	    tag != V_ASN1_SEQUENCE || p + len != end)
		return NULL;
	*content = (struct hf_span){ p, (size_t)len };
	/* data: SpcAttributeTypeAndOptionalValue, says "a PE image" and nothing of it */
	if (ASN1_get_object(&p, &len, &tag, &class, len) != V_ASN1_CONSTRUCTED ||
	    tag != V_ASN1_SEQUENCE || len > end - p)
		return NULL;
	p += len;
	X509_SIG *info = d2i_X509_SIG(NULL, &p, end - p);

	if (info && p == end)
		return info;
	X509_SIG_free(info);
	return NULL;
}

static bool digest_fits(const X509_SIG *info, struct hf_span image)
{
	const ASN1_OCTET_STRING *value;
	const X509_ALGOR *algor;
	const ASN1_OBJECT *oid;
	struct hf_digest digest;
	enum hf_alg alg;

	X509_SIG_get0(info, &algor, &value);
	X509_ALGOR_get0(&oid, NULL, NULL, algor);
	switch (OBJ_obj2nid(oid)) {
	case NID_sha1: alg = HF_ALG_SHA1; break;
	case NID_sha256: alg = HF_ALG_SHA256; break;
	case NID_sha384: alg = HF_ALG_SHA384; break;
	case NID_sha512: alg = HF_ALG_SHA512; break;
	default: return false;
	}
	return (size_t)ASN1_STRING_length(value) == hf_alg_size(alg) &&
	       hf_pe_digest(alg, image, &digest) == HF_OK &&
	       memcmp(ASN1_STRING_get0_data(value), digest.bytes, hf_alg_size(alg)) == 0;
}

static bool verifies(PKCS7 *p7, struct hf_span content)
{
	BIO *bio = BIO_new_mem_buf(content.ptr, (int)content.len);
	bool ok = bio && PKCS7_verify(p7, NULL, NULL, bio, NULL,
				      PKCS7_NOVERIFY | PKCS7_BINARY) == 1;

	BIO_free(bio);
	return ok;
}

/* The first signer's certificate; Authenticode has one signer. */
static void describe(PKCS7 *p7, struct text *t)
{
	STACK_OF(X509) *signers = PKCS7_get0_signers(p7, NULL, 0);
	X509 *leaf = signers ? sk_X509_value(signers, 0) : NULL;
	char hex[2 * HF_DIGEST_MAX + 1];
	struct hf_digest digest;
	unsigned char *der = NULL;
	int len = leaf ? i2d_X509(leaf, &der) : 0;

	if (len <= 0 || hf_digest(HF_ALG_SHA256, (struct hf_span){ der, (size_t)len }, &digest)) {
		add(t, "a signer without a certificate");
	} else {
		add_name(t, "", X509_get_subject_name(leaf));
		add_name(t, ", issuer ", X509_get_issuer_name(leaf));
		hf_digest_hex(&digest, hex);
		add(t, ", certificate sha256:");
		add(t, hex);
	}
	OPENSSL_free(der);
	sk_X509_free(signers);
}

static bool signature(struct hf_span image, const struct hf_pe_certificate *certificate, struct text *t)
{
	const unsigned char *p = certificate->body.ptr;
	struct hf_span content;
	X509_SIG *info = NULL;
	PKCS7 *p7 = NULL;
	bool fits = false;

	if (certificate->type == HF_PE_CERTIFICATE_PKCS7 && certificate->body.len <= HF_PE_SIGNATURE_MAX)
		p7 = d2i_PKCS7(NULL, &p, (long)certificate->body.len);
	if (p7 && PKCS7_type_is_signed(p7) && p7->d.sign)
		info = indirect_data(p7, &content);
	if (info) {
		describe(p7, t);
		fits = digest_fits(info, image) && verifies(p7, content);
		add(t, fits ? ", signature fits" : ", signature does not fit");
	} else {
		add(t, "not an Authenticode signature");
	}
	X509_SIG_free(info);
	PKCS7_free(p7);
	ERR_clear_error();
	return fits;
}

enum hf_err hf_pe_signer(struct hf_span image, char *text, size_t cap)
{
	struct text t = { text, cap, 0 };
	struct hf_pe_certificates found;
	enum hf_err err;

	add(&t, "");
	err = hf_pe_certificates(image, &found);
	if (err)
		return err;
	for (size_t i = 0; i < found.count; i++) {
		if (i)
			add(&t, "; ");
		if (!signature(image, &found.list[i], &t))
			err = HF_ERR_IMAGE_SIGNATURE;
	}
	return err;
}
