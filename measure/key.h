/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/key.h: what key.c and cose.c share about keys; nobody else includes it. */
#ifndef HF_MEASURE_KEY_H
#define HF_MEASURE_KEY_H

#include "measure/cose.h"

struct evp_pkey_st;	/* OpenSSL's EVP_PKEY */

struct hf_key {
	struct evp_pkey_st *pkey;
	enum hf_cose_alg alg;
	bool private_key;
	uint8_t id[HF_KEY_ID];
};

struct hf_scheme {
	enum hf_cose_alg alg;
	const char *type, *group;	/* group: of an EC key */
	const char *md;			/* NULL: the scheme hashes by itself */
	size_t half;			/* bytes of r and of s; 0: not ECDSA */
	bool pss;
};
const struct hf_scheme *hf_scheme_of(int64_t alg);	/* NULL: unknown */
bool hf_scheme_fits(const struct hf_scheme *scheme, const struct evp_pkey_st *pkey);

#endif
