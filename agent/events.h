/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/events.h: payloads of the log's BEGIN, END and CAP events: CBOR maps with text
 * keys in deterministic order (docs/evidence.md has the CDDL). [pure] */
#ifndef HF_AGENT_EVENTS_H
#define HF_AGENT_EVENTS_H

#include "manifests/appraise.h"
#include "manifests/trust.h"
#include "measure/result.h"

struct hf_begin {
	struct hf_span boot_key;	/* SHA-256 of the SPKI DER; empty: there is none */
	const struct hf_trust *trust;		/* NULL: no anchors */
	const struct hf_manifests *manifests;	/* NULL: none */
	const struct hf_model *model;		/* NULL: none chosen; then mode is enforce */
	const char *policy;
	enum hf_err manifest_error;	/* HF_OK: none */
	struct hf_span command_line;	/* printable text */
};
void hf_begin_encode(const struct hf_begin *begin, struct hf_writer *w);

/* verdict NULL: nothing was judged: held for cause, with no list of parts. */
void hf_end_encode(const struct hf_verdict *verdict, enum hf_err cause, enum hf_mode mode,
		   struct hf_writer *w);

/* Of a host that is released: to what, and by whose word. */
struct hf_cap {
	const struct hf_result_image *image;
	bool service;			/* it is a service image */
	const char *release;		/* "kexec", "switch-root" */
	struct hf_span ticket, reclaim;	/* SHA-256 of the ticket, its reclaim; empty: policy local */
	const char *fallback;		/* name of the owner's release; NULL: none was needed */
};
void hf_cap_encode(const struct hf_cap *cap, struct hf_writer *w);

#endif
