/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/verify.h: a whole evidence set against the verifier's own manifests, offline.
 * Every check has a name and an outcome of its own, and each one alone refuses. What the
 * agent thought of itself (verdict.json) is never read. [pure]
 */
#ifndef HF_MANIFESTS_VERIFY_H
#define HF_MANIFESTS_VERIFY_H

#include "manifests/appraise.h"
#include "manifests/verify_transcripts.h"
#include "measure/attest.h"
#include "measure/evidence.h"
#include "measure/result.h"

enum hf_check {
	HF_CHECK_FIRMWARE_LOG,	/* there, replays, does not touch the gate's PCR */
	HF_CHECK_LOG,		/* BEGIN, parts, END (CAP): grammar and digests */
	HF_CHECK_BEGIN,		/* its fields; the boot key is the one recorded */
	HF_CHECK_CLAIMS,	/* one set of claims per recorded part, digests equal */
	HF_CHECK_KEY,		/* the attestation key is of the frozen kind */
	HF_CHECK_QUOTE,		/* signature, nonce, selection, both logs from zero */
	HF_CHECK_END,		/* the host itself did not refuse */
	HF_CHECK_RECEIPT,	/* with CAP: its quote, same boot; without: not there */
	HF_CHECK_TRANSCRIPTS,	/* what devices signed: there, of this boot, and what the claims say */
	HF_CHECK_MODEL,		/* exactly one model for this vendor and product */
	HF_CHECK_PARTS,		/* the appraisal of the claims */
	HF_CHECK_BOOT,		/* the appraisal of what firmware ran */
};
#define HF_CHECK_COUNT (HF_CHECK_BOOT + 1)
#define HF_PCR_DIAGNOSIS 16u	/* holdfast attest writes there: anybody can reset it */
const char *hf_check_name(enum hf_check check);	/* "firmware-log", ... */

enum hf_outcome { HF_OUTCOME_SKIPPED, HF_OUTCOME_OK, HF_OUTCOME_FAILED };
const char *hf_outcome_name(enum hf_outcome outcome);	/* "skipped", "ok", "failed" */

struct hf_check_result {
	enum hf_outcome outcome;
	enum hf_err cause;	/* HF_OUTCOME_FAILED only */
	char detail[120];	/* printable; may be empty */
};

/* Payloads of our log (docs/evidence.md); spans borrow from the log. Unknown keys are
 * passed over, missing ones are HF_ERR_EVENT_SHAPE. */
struct hf_begin_event {
	struct hf_span agent, policy, command_line;
	struct hf_span boot_key;	/* 32 bytes, or empty: null */
	struct hf_span model, manifest_error;	/* text, or empty: null */
	struct hf_span manifests;	/* encoded [[name, sha256]...] */
	enum hf_mode mode;
	uint64_t generation;
	size_t anchor_count, manifest_count;
};
enum hf_err hf_begin_parse(struct hf_span payload, struct hf_begin_event *ret) HF_MUST_USE;
struct hf_end_event {
	enum hf_status verdict;
	enum hf_mode mode;
	struct hf_span cause;	/* text, or empty: null */
	size_t part_count;
};
enum hf_err hf_end_parse(struct hf_span payload, struct hf_end_event *ret) HF_MUST_USE;
struct hf_cap_event {
	struct hf_span held;	/* cause name; empty: released */
	struct hf_span release;	/* "kexec", "switch-root"; empty: held */
	struct hf_span ticket;	/* SHA-256 of the controller's; empty: none */
	struct hf_span reclaim;	/* of that ticket */
	struct hf_span fallback;	/* name of the owner's release that stood in; empty: none */
	bool service;		/* what was started is a service image, not the tenant's */
	struct hf_result_image image;	/* its digests; count 0: held */
};
enum hf_err hf_cap_parse(struct hf_span payload, struct hf_cap_event *ret) HF_MUST_USE;

struct hf_verify_options {
	const struct hf_manifests *manifests;	/* the verifier's */
	const struct hf_trust *trust;	/* the verifier's anchors of devices; NULL: none */
	struct hf_span nonce;	/* empty: the digest of the boot key, which says nothing about when */
	uint32_t pcr;		/* HF_PCR_DEFAULT; 10, 16 and above are checked and never affirmed */
	int64_t now;		/* for dates in manifests and waivers; 0: no clock */
	bool quote_signed;	/* the caller found this quote's signature to be by this evidence's key */
};
struct hf_verification {
	struct hf_check_result checks[HF_CHECK_COUNT];
	struct hf_begin_event begin;	/* zero where the check did not get so far */
	struct hf_end_event end;
	struct hf_cap_event cap;
	struct hf_quote quote;
	struct hf_ak ak;
	struct hf_claims claims;
	struct hf_signer *signers;	/* functions that signed, as far as the check got */
	const struct hf_model *model;
	struct hf_verdict verdict;	/* parts NULL where nothing was judged */
	bool fallback;			/* no controller released this host: its owner had, beforehand */
	const char *fallback_name;	/* as the host says; NULL: it does not */
	enum hf_err cause;		/* of the first check that failed; HF_OK: affirmed */
};
/* Total: whatever the bytes, ret says what came of every check. Everything in ret lives
 * in the arena or borrows from the evidence. */
void hf_verify_evidence(const struct hf_evidence *evidence, const struct hf_verify_options *options,
			struct hf_arena *arena, struct hf_verification *ret);

#endif
