/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/key.h: what key.c, chain.c and cose.c share about keys, and who
 * looks into an anchor's certificate (pcie/device_chain_verify.c); nobody else includes it. */
#ifndef HF_MEASURE_KEY_H
#define HF_MEASURE_KEY_H

#include "measure/cose.h"

struct evp_pkey_st;	/* OpenSSL's EVP_PKEY */
struct x509_st;		/* and X509 */

struct hf_key {
	struct evp_pkey_st *pkey;
	enum hf_cose_alg alg;
	bool private_key;
	uint8_t id[HF_KEY_ID];
	struct x509_st *cert;	/* the certificate that it came from, or NULL */
	bool ca;
};

/* One PEM block and no second, which would be one that nobody looks at. */
bool hf_pem_single(struct hf_span pem);

/* Takes over pkey. */
enum hf_err hf_key_new(struct evp_pkey_st *pkey, bool private_key, struct hf_key **ret) HF_MUST_USE;

struct hf_scheme {
	enum hf_cose_alg alg;
	const char *type, *group;	/* group: of an EC key */
	const char *md;			/* NULL: the scheme hashes by itself */
	size_t half;			/* bytes of r and of s; 0: not ECDSA */
	bool pss;
};
const struct hf_scheme *hf_scheme_of(int64_t alg);	/* NULL: unknown */
bool hf_scheme_fits(const struct hf_scheme *scheme, const struct evp_pkey_st *pkey);


#define HF_TAG_SIGN1 18
#define HF_SIGNATURE_MAX 1024		/* bytes; RSA 8192 */

enum hf_label {	/* IANA COSE header parameters */
	HF_LABEL_ALG = 1, HF_LABEL_CRIT = 2, HF_LABEL_CONTENT_TYPE = 3, HF_LABEL_KID = 4,
	HF_LABEL_CORIM_META = 8, HF_LABEL_CWT = 15, HF_LABEL_HASH_ALG = 258,
	HF_LABEL_HASH_TYPE = 259, HF_LABEL_X5CHAIN = 33,
};

/* Sig_structure, RFC 9052 section 4.4. Caller frees ret->ptr. */
enum hf_err hf_cose_to_be_signed(struct hf_span protected_header, struct hf_span payload,
				 struct hf_span *ret) HF_MUST_USE;

#endif
