/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/capped.h: the quote after CAP. It proves that this host's own key closed this
 * log, and with which words: a receipt, or why the host holds itself. [pure] */
#ifndef HF_CONTROLLER_SERVER_CAPPED_H
#define HF_CONTROLLER_SERVER_CAPPED_H

#include "manifests/verify.h"

struct hf_capped {
	struct hf_span firmware_log, log;	/* log: with CAP in it, or without and cap beside it */
	struct hf_span cap;			/* payload; empty: the one in the log */
	struct hf_span attest, signature;
	struct hf_span ak;			/* TPMT_PUBLIC, enrolled */
};
struct hf_capped_facts {
	struct hf_cap_event event;
	struct hf_span ticket;		/* SHA-256 of the ticket, as CAP names it; or empty */
	struct hf_span boot_key;	/* as BEGIN names it; or empty: there was no BEGIN */
	struct hf_quote quote;
};
/* Both logs replayed from zero, CAP extended upon them, and the quote answers SHA-256(CAP). */
enum hf_err hf_capped_verify(const struct hf_capped *in, struct hf_capped_facts *ret) HF_MUST_USE;

#endif
