/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates: those of the corpus, and some made on the spot. */
#ifndef HF_TESTS_CERT_FIXTURE_H
#define HF_TESTS_CERT_FIXTURE_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "manifests/trust.h"
#include "tests/unit/sign_fixture.h"

static inline void cert_pem(X509 *cert, struct pem *ret)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_true(len > 0 && (size_t)len <= sizeof(ret->bytes));
	memcpy(ret->bytes, text, (size_t)len);
	ret->span = (struct hf_span){ ret->bytes, (size_t)len };
	BIO_free(bio);
}

/* The vendor's certificate as it is published: DER. */
static inline void add_altera(struct hf_trust *trust, const char *name, const char *conf)
{
	size_t len = 0;
	uint8_t *der = corpus_read("corim/altera/integration_RIM_Signing_agilex_5WL28Ty-Nta3Si1dR3ralQ7jFHw.cer", &len);
	const unsigned char *p = der;
	struct hf_fault fault;
	struct pem pem;
	X509 *cert;

	assert_non_null(der);
	cert = d2i_X509(NULL, &p, (long)len);
	assert_non_null(cert);
	cert_pem(cert, &pem);
	assert_int_equal(hf_trust_add(trust, name, HF_ANCHOR_VENDOR, pem.span, &fault), HF_OK);
	assert_int_equal(hf_trust_scope(trust, hf_span_text(conf), &fault), HF_OK);
	X509_free(cert);
	free(der);
}

#endif
