/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/attest_link.h: the controller's part in `holdfast attest --controller`: who asks, and what
 * came of the answer. A diagnosis: it lies on PCR 16, and no ticket comes of it. */
#ifndef HF_AGENT_ATTEST_LINK_H
#define HF_AGENT_ATTEST_LINK_H

#include "agent/bootkey.h"
#include "agent/converse.h"

struct hf_attest_link {
	/* as given */
	const char *urls, *name, *ca, *anchor, *seconds;	/* urls NULL: no controller */
	/* as found */
	struct hf_arena arena;
	struct hf_trust trust;
	struct hf_boot_key *key;
	uint8_t spki_bytes[HF_BOOT_SPKI_MAX];
	struct hf_span spki;
	struct hf_digest key_id;	/* SHA-256 of spki */
	struct hf_link *link;
	struct hf_converse talk;
	struct hf_challenge challenge;
	struct hf_answer answer;
};
/* Connects, and has the host challenged, which enrols it where the controller says so: a nonce in
 * challenge. sysfs: where the chassis's serial number is; NULL: /sys. */
enum hf_err hf_attest_link_begin(struct hf_attest_link *a, struct hf_tpm *tpm, const char *sysfs,
				 struct hf_fault *fault) HF_MUST_USE;
/* HF_OK: there is an answer. */
enum hf_err hf_attest_link_send(struct hf_attest_link *a, const struct hf_evidence *evidence,
				struct hf_fault *fault) HF_MUST_USE;
void hf_attest_link_drop(struct hf_attest_link *a);

void hf_attest_link_print(void *self, struct hf_writer *w);	/* self: struct hf_attest_link */
char *hf_attest_link_json(const struct hf_attest_link *a);	/* to be freed; NULL: no memory */
const char *hf_ear_status_name(enum hf_ear_status status);	/* "affirming", ... */

#endif
