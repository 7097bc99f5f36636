/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/appraise_parts.h: what the files of the appraisal share; nobody else
 * includes it. [pure] */
#ifndef HF_MANIFESTS_APPRAISE_PARTS_H
#define HF_MANIFESTS_APPRAISE_PARTS_H

#include "manifests/appraise.h"

#define HF_FINDINGS_MAX 64	/* kept per part; the status counts those beyond too */

struct hf_appraisal {
	struct hf_arena *arena;
	bool full;	/* the arena ran out: the verdict is HELD, limit-exceeded */
	/* For waivers and dates; NULL: nothing is waived here. */
	const struct hf_appraise_input *input;
	const char *place;	/* of the part whose findings are added now, or NULL */
	const struct hf_part *part;	/* that part, or NULL: it is missing */
	bool audit;		/* its rule refuses nothing */
};

/* Text for a finding, at most 200 bytes; NULL (and full) when the arena ran out. */
const char *hf_appraisal_text(struct hf_appraisal *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *hf_appraisal_digest(struct hf_appraisal *a, const struct hf_digest *digest);
const char *hf_appraisal_identity(struct hf_appraisal *a, const struct hf_identity *identity);
/* Appends a copy of finding and raises *status by its action; a waiver for it, or the
 * part's rule in audit mode, makes that action a warning. */
void hf_appraisal_add(struct hf_appraisal *a, struct hf_finding **list, enum hf_status *status,
		      const struct hf_finding *finding);
/* Status and cause of the whole from the findings that are there. */
void hf_appraisal_finish(const struct hf_appraisal *a, struct hf_verdict *verdict);

/* ---- appraise_waivers.c ---- */
/* The waiver that names exactly this finding at a->place, or NULL; then *ret_why may say
 * why one that comes close does not apply. */
const struct hf_waiver *hf_waiver_find(const struct hf_appraisal *a, const struct hf_finding *finding,
				       const char **ret_why);
/* A short text of what a part or function is and all its code measured, for waivers of
 * findings that have no value of their own: other bytes give another text. */
const char *hf_appraisal_bytes_of(struct hf_appraisal *a, const struct hf_part *part,
				  const struct hf_function *only);

/* By which methods what was compared was measured, as they count here. */
struct hf_fit_method {
	enum hf_method strongest;
	enum hf_method block;		/* the weakest of the blocks that SPDM names by index */
	const char *weakest_block;	/* that one; NULL: none was compared */
};
/* How well a part fits a component: its one matching release, or the nearest. */
struct hf_fit {
	const struct hf_release *release;
	bool exact;
	struct hf_fit_method method;	/* exact only */
	size_t matched, wrong;
	size_t awaited;		/* references that a driver has yet to measure */
};
bool hf_reference_matches(const struct hf_reference *ref, const struct hf_measurement *m);
const struct hf_reference *hf_reference_named(const struct hf_environment *env, const char *mkey);
const char *hf_appraisal_reference(struct hf_appraisal *a, const struct hf_reference *ref);
/* appraise_explain.c: fills allowed and known from the component's other releases. */
void hf_explain_values(struct hf_appraisal *a, const struct hf_component *component,
		       struct hf_finding *finding);
/* Whether a is the better of two; b->release may be NULL. */
bool hf_fit_better(const struct hf_fit *a, const struct hf_fit *b);
/* Whether every function of the part is one of the component's. */
bool hf_part_is(const struct hf_part *part, const struct hf_component *component);
void hf_fit_component(struct hf_appraisal *a, const struct hf_part *part,
		      const struct hf_component *component, struct hf_fit *ret);
/* Findings for everything in which the part differs from fit->release. */
void hf_fit_explain(struct hf_appraisal *a, struct hf_part_verdict *verdict,
		    const struct hf_component *component, const struct hf_fit *fit);

/* ---- appraise_signed.c: devices that sign ---- */
/* The method of a measurement: where no anchor stands behind the function's keys, a signature
 * is the device's word and no more. function NULL: of the part as a whole. */
enum hf_method hf_method_counts(const struct hf_appraise_input *input,
				const struct hf_function *function, const struct hf_measurement *m);
enum hf_method hf_part_method_counts(const struct hf_appraise_input *input,
				     const struct hf_part *part);
/* A failure of the mailbox or of SPDM that says nothing against the device. */
bool hf_signed_harmless(const struct hf_measurement *m);
/* The finding's cause for a failure, resp. for a value that differs from its reference. */
enum hf_err hf_failure_cause(const struct hf_measurement *m, enum hf_err otherwise);
enum hf_err hf_signed_differs(const char *mkey, enum hf_err otherwise);
/* The failure because of which this function does not show mkey, or NULL. */
const struct hf_measurement *hf_signed_absent(const struct hf_function *function, const char *mkey);
void hf_signed_note(struct hf_fit_method *fit, const char *mkey, enum hf_method method);
/* Whether the part was measured by less than `least`; then cause, function, mkey, found and
 * expected of the finding are set. */
bool hf_signed_weak(struct hf_appraisal *a, const struct hf_part *part, enum hf_method least,
		    const struct hf_fit_method *fit, struct hf_finding *ret);

/* Where a waiver admits firmware that no release lists: the finding by the rule's method. */
void hf_signed_waived(struct hf_appraisal *a, struct hf_part_verdict *part);
/* Findings for functions whose keys an owner took back, whatever the rule demands. */
void hf_signed_revoked(struct hf_appraisal *a, struct hf_part_verdict *part, enum hf_action action);

/* ---- appraise_revoked.c: what an owner took back, whoever shows it ---- */
struct hf_revoked_set {
	const struct hf_revoked **slots;	/* by digest; NULL: nothing is revoked so */
	size_t mask;
};
void hf_revoked_index(struct hf_appraisal *a, const struct hf_manifests *manifests,
		      struct hf_revoked_set *ret);
void hf_revoked_judge(struct hf_appraisal *a, const struct hf_revoked_set *set,
		      struct hf_part_verdict *part, enum hf_action action);

/* ---- appraise_drivers.c: whose the drivers are that firmware ran ---- */
struct hf_drivers;
/* From the parts as they were judged; NULL and a->full when the arena ran out. */
struct hf_drivers *hf_drivers_index(struct hf_appraisal *a, const struct hf_model *model,
				    const struct hf_verdict *verdict);
/* An event of PCR 2 that is no mere data: nothing where it is accounted for, else a finding. */
void hf_drivers_judge(struct hf_appraisal *a, struct hf_drivers *d, const struct hf_event *event,
		      struct hf_finding **list);
/* appraise_boot.c. NULL: the bank that counts is not there. */
const struct hf_digest *hf_event_sha256(const struct hf_event *event);
/* pcr, a SHA-256 one, after this event; false: the event has no such digest. */
bool hf_event_extend(struct hf_digest *pcr, const struct hf_event *event) HF_MUST_USE;

/* ---- appraise_firmware.c: PCRs 0-7 by the model's own list ---- */
/* Sets verdict->platform_firmware where an entry matches; nothing where the model lists none. */
void hf_firmware_judge(struct hf_appraisal *a, const struct hf_model *model, struct hf_span log,
		       struct hf_verdict *verdict, struct hf_finding **list);

/* ---- appraise_rules.c: which rule speaks of which part ---- */
#define HF_BUCKETS 1024u

struct hf_candidate {	/* a component that this part could be */
	struct hf_candidate *next;
	const struct hf_component *component;
	struct hf_fit fit;
};
struct hf_rule_state {
	struct hf_rule_state *next;
	const struct hf_rule *rule;
	const struct hf_component *component;	/* the first; NULL: no manifest describes it */
	struct hf_spot *spots;			/* NULL: anywhere */
	uint32_t filled, spot_count;
};
struct hf_spot {	/* one place of a rule: a path or a slot's label */
	struct hf_spot *next, *next_in_bucket;	/* of the rule; both in the model's order */
	struct hf_rule_state *state;
	const char *where;
	bool slot, taken;
};
struct hf_seat {		/* one part of the claims */
	struct hf_seat *next, *next_at_path;
	const struct hf_part *part;
	struct hf_seat *first;	/* the first record of the same part, if this is a later one */
	struct hf_seat *last;	/* of a first record: the last later one, or NULL */
	struct hf_candidate *candidates;
	const char *slot;		/* label, or NULL */
	struct hf_rule_state *rule;
	const struct hf_candidate *candidate;	/* as what the rule takes it; NULL: no rule */
	const char *moved_from;		/* where the rule wants it */
	enum hf_err place_cause;	/* moved, extra, forbidden; HF_OK: where it should be */
};
struct hf_known_function {	/* an environment, found by vendor and device */
	struct hf_known_function *next;
	const struct hf_environment *env;
	const struct hf_component *component;
};
struct hf_known_component {
	struct hf_known_component *next;
	const struct hf_component *component;
};
struct hf_assignment {
	struct hf_appraisal base;
	const struct hf_model *model;
	struct hf_verdict *verdict;
	struct hf_seat *seats;
	struct hf_rule_state *rules;
	struct hf_revoked_set revoked;
	struct hf_known_function *functions[HF_BUCKETS];
	struct hf_known_component *components[HF_BUCKETS];
	struct hf_spot *spots[HF_BUCKETS];
	struct hf_seat *paths[HF_BUCKETS];
};

/* Indexes, candidates and rules for every part; base.full on exhaustion. */
void hf_assign(struct hf_assignment *s, const struct hf_manifests *manifests,
	       const struct hf_claims *claims);
bool hf_function_known(const struct hf_assignment *s, const struct hf_identity *identity);

#endif
