/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/seal.h: tenants' secrets at rest, and what a webhook is signed with. The key
 * lies in a file beside the database, never in it: a copy of the database gives no secret away.
 *
 * A sealed secret is 1 (version), 12 bytes of nonce, the ciphertext, 16 bytes of tag: AES-256-GCM
 * with a random nonce; host and reclaim are authenticated with it, so that one host's secret is
 * never given to another, nor to a later tenant. */
#ifndef HF_CONTROLLER_SERVER_SEAL_H
#define HF_CONTROLLER_SERVER_SEAL_H

#include "measure/digest.h"
#include "measure/err.h"

#define HF_SEAL_KEY 32			/* bytes */
#define HF_SEAL_OVERHEAD (1 + 12 + 16)	/* bytes more than the secret */

struct hf_seal_key { uint8_t bytes[HF_SEAL_KEY]; };
/* 64 hex digits or 32 raw bytes; only its owner may read the file. HF_ERR_FILE_UNREADABLE,
 * HF_ERR_KEY_INVALID. */
enum hf_err hf_seal_key_read(const char *path, struct hf_seal_key *ret, struct hf_fault *fault) HF_MUST_USE;
void hf_seal_wipe(void *bytes, size_t len);	/* is not optimised away */
enum hf_err hf_seal(const struct hf_seal_key *key, const char *host, struct hf_span reclaim, struct hf_span secret,
		    struct hf_writer *w) HF_MUST_USE;
/* HF_ERR_SIGNATURE_INVALID: another key, host or reclaim, or bytes that were changed. */
enum hf_err hf_seal_open(const struct hf_seal_key *key, const char *host, struct hf_span reclaim, struct hf_span sealed,
			 struct hf_writer *w) HF_MUST_USE;
/* HMAC-SHA-256. */
enum hf_err hf_seal_hmac(struct hf_span key, struct hf_span message, struct hf_digest *ret) HF_MUST_USE;

#endif
