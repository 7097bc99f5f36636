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
/* Wipes the private key and sets *key to NULL. */
void hf_boot_key_drop(struct hf_boot_key **key);

#endif
