/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/ek_internal.h: what the files ek_*.c share; nobody else includes it. */
#ifndef HF_CONTROLLER_SERVER_EK_INTERNAL_H
#define HF_CONTROLLER_SERVER_EK_INTERNAL_H

#include <openssl/x509.h>

#include "controller/server/ek_chain.h"

#define HF_EK_UNREAD_MAX 64

struct hf_ek_ca {
	X509 *cert;
	unsigned long subject;	/* hash of its name, by which they are sorted */
	bool root;		/* it signed itself */
};
struct hf_ek_roots {
	struct hf_ek_ca *cas;
	size_t count, cap;
	char *unread[HF_EK_UNREAD_MAX];	/* files */
	size_t unread_count;
};
/* The first whose subject may be that of the issuer of cert, and how many there are. */
size_t hf_ek_issuers(const struct hf_ek_roots *roots, X509 *cert, const struct hf_ek_ca **ret);
/* Whether cert leads to a root; why: a reason, with the names that matter. copy: NULL, or what has
 * the same in it and a key that libcrypto can read. */
bool hf_ek_leads_to_root(const struct hf_ek_roots *roots, X509 *cert, X509 *copy, char *why, size_t cap);
/* "CN=...,O=..." (RFC 2253), printable. */
void hf_ek_name(const X509_NAME *name, char *out, size_t cap);
/* TPM manufacturer, model and version from the subjectAltName, or the issuer. */
void hf_ek_manufacturer(X509 *cert, char *out, size_t cap);

#endif
