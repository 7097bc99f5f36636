/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/ek_chain.h: does a TPM's manufacturer stand behind its endorsement key? Their
 * certificates have quirks; each that is tolerated is named in ek_chain.c (docs/enrolment.md says
 * them to operators). Sole includers of libcrypto here: controller/server/ek_*.c. */
#ifndef HF_CONTROLLER_SERVER_EK_CHAIN_H
#define HF_CONTROLLER_SERVER_EK_CHAIN_H

#include "measure/credential.h"
#include "measure/err.h"

#define HF_EK_ROOTS_MAX 50000u	/* certificates */

struct hf_ek_roots;
/* Every certificate in the files of dir (and its folders; names that begin with a dot are passed
 * over), PEM or DER; self-signed ones are roots, others may stand between. What is no certificate
 * is passed over: see hf_ek_roots_lint. Not one: HF_ERR_FILE_UNREADABLE. */
enum hf_err hf_ek_roots_read(const char *dir, struct hf_ek_roots **ret, size_t *ret_count,
			     struct hf_fault *fault) HF_MUST_USE;
void hf_ek_roots_free(struct hf_ek_roots *roots);	/* NULL is fine */
/* What is of no use among them: files with PEM or DER in them that cannot be read, and CAs that
 * lead to no root; what: file or subject. Returns how many. */
typedef void (*hf_ek_lint)(void *self, const char *what, const char *why);
size_t hf_ek_roots_lint(const struct hf_ek_roots *roots, hf_ek_lint tell, void *self);

/* certificate: DER as the TPM gave it (bytes after it are passed over). Is it for this key, for an
 * EK, in time, and does it lead to a root? ret_manufacturer: what it says, for people, printable:
 * "IFX SLB9670 id:000700ff"; untouched on failure. HF_ERR_EK_CHAIN, the reason in the fault. */
enum hf_err hf_ek_chain_verify(const struct hf_ek_roots *roots, const struct hf_ek *ek, struct hf_span certificate,
			       int64_t now, char *ret_manufacturer, size_t cap, struct hf_fault *fault) HF_MUST_USE;

#endif
