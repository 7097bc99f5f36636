/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/device_chain_inside.h: what the files of device_chain share; nobody else includes it. */
#ifndef HF_PCIE_DEVICE_CHAIN_INSIDE_H
#define HF_PCIE_DEVICE_CHAIN_INSIDE_H

#include "pcie/device_chain.h"

#define HF_DEVICE_LEVEL 112	/* bits of security: RSA 2048, P-256, SHA-256 and more */

struct hf_device_chain {
	uint8_t *bytes;				/* own copy of all certificates */
	struct hf_span der[HF_DEVICE_CERTIFICATES_MAX];	/* in bytes */
	struct x509_st *certs[HF_DEVICE_CERTIFICATES_MAX];
	size_t count;				/* at least 1 once it is parsed */
	struct evp_pkey_st *leaf_key;
	bool has_root;
};

/* An extension by its identifier's bytes (DER, without tag and length): what its OCTET STRING
 * holds. False: certificate i has none. No certificate has one twice. */
bool hf_device_chain_extension(const struct hf_device_chain *chain, size_t i, struct hf_span oid,
			       struct hf_span *ret);

/* ---- rules of single links; NULL: kept, else a few words ---- */
const char *hf_device_cert_flaw(struct x509_st *cert, bool is_leaf);
/* Names, key identifiers and signature lead from issuer to cert. */
const char *hf_device_link_flaw(struct x509_st *issuer, struct x509_st *cert);
/* count certificates, the leaf last: does each allow what stands between it and the leaf? */
bool hf_device_path_fits(struct x509_st *const *certs, size_t count);
/* The issuer of certs[0], not one of them: the same for it alone. */
bool hf_device_path_fits_under(struct x509_st *issuer, struct x509_st *const *certs, size_t count);

#endif
