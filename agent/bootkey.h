/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/bootkey.h: the ephemeral P-256 key of one boot. Its SPKI digest is in BEGIN; it
 * dies at CAP. Includes libcrypto's key interface, alone in this folder. */
#ifndef HF_AGENT_BOOTKEY_H
#define HF_AGENT_BOOTKEY_H

#include "measure/bytes.h"
#include "measure/err.h"

struct hf_boot_key;
#define HF_BOOT_SPKI_MAX 128	/* bytes of a P-256 SubjectPublicKeyInfo */
/* extra: the TPM's random bytes, mixed with the kernel's; may be empty. */
enum hf_err hf_boot_key_make(struct hf_span extra, struct hf_boot_key **ret,
			     struct hf_writer *ret_spki) HF_MUST_USE;
/* A certificate for it that it signed itself, in DER: TLS wants one around a key. It names nobody
 * and never ends; the key is all that counts. */
#define HF_BOOT_CERTIFICATE_MAX 512
struct hf_span hf_boot_key_certificate(const struct hf_boot_key *key);
/* Between these two calls, and only then, children that are started have the private key in their
 * memory: the link's is, nobody else's. HF_ERR_INTERNAL: libcrypto cannot read it again. */
enum hf_err hf_boot_key_lend(struct hf_boot_key *key) HF_MUST_USE;
void hf_boot_key_take_back(struct hf_boot_key *key);
/* For agent/link_tls.c, in the link's child: OpenSSL's EVP_PKEY, still the key's own; NULL: not lent. */
struct evp_pkey_st;
struct evp_pkey_st *hf_boot_key_pkey(const struct hf_boot_key *key);
/* Wipes the private key and sets *key to NULL; one that is NULL is fine. */
void hf_boot_key_drop(struct hf_boot_key **key);

#endif
