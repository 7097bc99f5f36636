/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/trial.h: what manifests would make of a host that was measured before. The verdict
 * is hf_verify_evidence's, the one that the controller gives; of a scan, which has no quote and no
 * firmware log, it is hf_appraise's, the one that `holdfast verify` gives. [pure] */
#ifndef HF_CONTROLLER_TRIAL_H
#define HF_CONTROLLER_TRIAL_H

#include "manifests/manifest.h"
#include "manifests/trust.h"
#include "measure/evidence.h"

/* From good to bad: a host is worse off the later it stands here. */
enum hf_trial_outcome { HF_TRIAL_ADMIT, HF_TRIAL_WARN, HF_TRIAL_FENCE, HF_TRIAL_WOULD_HOLD, HF_TRIAL_HOLD };
#define HF_TRIAL_OUTCOMES (HF_TRIAL_HOLD + 1)
const char *hf_trial_outcome_name(enum hf_trial_outcome outcome);	/* "admitted", ..., "held" */

/* Texts are printable, cut to what a person needs, and the struct owns them: it outlives the arena
 * that was judged in. */
#define HF_TRIAL_TEXT 200
struct hf_trial_verdict {
	enum hf_trial_outcome outcome;
	enum hf_err cause;		/* HF_OK: admitted */
	char model[HF_NAME_MAX + 1];	/* empty: none fits, or several */
	uint64_t generation;
	char place[HF_TRIAL_TEXT], mkey[HF_TRIAL_TEXT], found[HF_TRIAL_TEXT], expected[HF_TRIAL_TEXT];
	char rule[HF_NAME_MAX + 1];
	bool has_recorded;		/* the host's own verdict, in END; a scan has none */
	enum hf_trial_outcome recorded;
	enum hf_err recorded_cause;
};
struct hf_trial_input {
	const struct hf_evidence *evidence;
	const struct hf_manifests *manifests;
	const struct hf_trust *trust;	/* anchors of devices; NULL: none */
	int64_t now;			/* for dates; 0: no clock */
};
/* HF_OK: ret is what these manifests make of it. Else the evidence itself is none: claims that
 * cannot be read, a log or a quote that does not verify; ret is not set. */
enum hf_err hf_trial_judge(const struct hf_trial_input *in, struct hf_arena *arena,
			   struct hf_trial_verdict *ret, struct hf_fault *fault) HF_MUST_USE;
/* The host's name by its evidence: SMBIOS serial numbers; empty: it has none. out: printable. */
void hf_trial_serial(const struct hf_evidence *evidence, struct hf_arena *arena, char out[static HF_TRIAL_TEXT]);

#endif
