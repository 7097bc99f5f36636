/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/appraise.h: claims + reference values + policy -> a verdict per part with
 * reasons. Total: it cannot fail, only refuse (a full arena refuses too). [pure]
 */
#ifndef HF_MANIFESTS_APPRAISE_H
#define HF_MANIFESTS_APPRAISE_H

#include "manifests/manifest.h"
#include "manifests/device_trust.h"
#include "measure/log.h"

enum hf_status { HF_STATUS_ACCEPTED, HF_STATUS_WARNED, HF_STATUS_ISOLATED, HF_STATUS_HELD };
const char *hf_status_name(enum hf_status status);	/* "accepted", ... */

#define HF_ALLOWED_SHOWN 3
struct hf_allowed {		/* a value that would have been accepted */
	const char *text, *release;
};
struct hf_finding {
	struct hf_finding *next;
	enum hf_err cause;
	const struct hf_function *function;	/* may be NULL */
	const struct hf_part *part;	/* of that function, in findings about what firmware ran */
	const char *mkey;	/* may be NULL */
	const char *found;	/* text for a person; may be NULL */
	const char *expected;	/* text for a person; may be NULL */
	const char *rule;	/* rule name, or NULL */
	const char *release;	/* the release compared with, or NULL */
	enum hf_action action;	/* as it counts: a waiver or audit mode makes it a warning */
	bool would_hold;	/* audit mode of the rule: without it, it would be refused */
	const char *waiver;	/* its name, or NULL: not waived */
	const char *waiver_why;	/* why a waiver that comes close does not apply, or NULL */
	const char *waive_as;	/* what a waiver gives as found, where that is not `found` */
	bool known_revoked;	/* the found value is that of a revoked release: never waived */
	const char *known;	/* where else the found value is known from, or NULL */
	struct hf_allowed allowed[HF_ALLOWED_SHOWN];
	size_t allowed_count;	/* of all; at most HF_ALLOWED_SHOWN are there */
};
struct hf_part_verdict {
	struct hf_part_verdict *next;
	const struct hf_part *part;	/* NULL for a part that is missing */
	const char *place;	/* path, also where part is NULL */
	const struct hf_rule *rule;
	const struct hf_component *component;
	const struct hf_release *release;
	enum hf_method method;	/* the strongest that counts: no anchor, no signature */
	enum hf_status status;
	struct hf_finding *findings;
};
struct hf_coverage {	/* parts by strongest method with which they were checked */
	size_t parts, by_method[HF_METHODS];
	size_t functions, uncovered;
};
struct hf_verdict {
	const struct hf_model *model;
	const struct hf_manifests *manifests;	/* as the parts were judged by */
	const struct hf_image *agent_image;	/* the one that matched, or NULL */
	const struct hf_platform_firmware *platform_firmware;	/* likewise; NULL: none is listed */
	struct hf_part_verdict *parts;		/* claims order, then missing ones */
	struct hf_finding *boot;		/* firmware log and image conditions */
	struct hf_coverage coverage;
	size_t awaited;		/* listed measurements that wait for a driver to be bound */
	enum hf_status status;			/* worst of all */
	enum hf_err cause;			/* of the worst, first found; HF_OK if accepted */
	const char *cause_place;		/* part path of that finding, or NULL */
	const char *cause_mkey;
};

/* The gate's note of the drivers that it bound: a text for each, path, driver, and what
 * isolated it. The word where nothing did, which only audit mode lets pass. */
#define HF_BIND_NOTE "bind"
#define HF_BIND_BARE "not-isolated"

/* The model for this host by SMBIOS vendor and product: exactly one. */
enum hf_err hf_model_choose(const struct hf_manifests *manifests, const char *vendor,
			    const char *product, const struct hf_model **ret) HF_MUST_USE;

struct hf_appraise_input {
	const struct hf_claims *claims;
	const struct hf_manifests *manifests;
	const struct hf_model *model;	/* NULL: HELD, model-none */
	struct hf_span ak_name;	/* of this host, HF_AK_NAME bytes; empty: no waiver is its own */
	int64_t now;	/* seconds since 1970 by a trusted clock; 0: there is none */
	const struct hf_device_trust *devices;	/* what stands behind those that sign */
	bool before_drivers;	/* what only a bound driver can measure is not missing yet */
};
void hf_appraise(const struct hf_appraise_input *input, struct hf_arena *arena,
		 struct hf_verdict *ret);

/* Conditions 1 and 2 of "what the evidence rests on", from the firmware's log whose
 * replay the caller has compared with the PCRs: adds findings to verdict->boot and
 * raises status. verdict is what hf_appraise made of the parts, whose ROMs account for the
 * drivers in PCR 2; manifests has the agent's images. firmware_log empty:
 * HF_ERR_FIRMWARE_LOG_MISSING. */
void hf_appraise_boot(struct hf_span firmware_log, const struct hf_manifests *manifests,
		      const struct hf_model *model, struct hf_arena *arena,
		      struct hf_verdict *verdict);

/* A gate that says it ran as a step of another initramfs (HF_STEP_MKEY on the host) is refused,
 * HF_ERR_RAN_AS_STEP, where the image lists hold no tenant of kind exit. After hf_appraise_boot. */
#define HF_STEP_MKEY "hold/process"
#define HF_STEP "a step of another initramfs"
void hf_appraise_step(const struct hf_claims *claims, const struct hf_manifests *manifests,
		      struct hf_arena *arena, struct hf_verdict *verdict);

/* What a verdict that nobody else checks stands on: "secure-boot" where this log says that
 * Secure Boot is on and an entry of the model's firmware that is not revoked matches it and
 * names PCR 7, or PK, KEK and db; else "none". model may be NULL, the log empty. */
const char *hf_root_of_trust(const struct hf_model *model, struct hf_span firmware_log);

/* Whether a measurement is named as the Authenticode digest of a driver in a ROM
 * ("option-rom/1/authenticode"); its SHA-256, or NULL where there is none in full. */
bool hf_mkey_is_driver(const char *mkey);
const struct hf_digest *hf_driver_digest(const struct hf_measurement *measurement);

/* Whether an event's own digest proves that it measured mere data: a separator, an
 * action's text, a device's SPDM answer. Everything else in PCR 2 and 4 counts as code. */
bool hf_event_is_data(const struct hf_event *event);

/* Whether a part's drivers may be bound. */
const struct hf_part_verdict *hf_verdict_for(const struct hf_verdict *verdict, const char *place);

#endif
