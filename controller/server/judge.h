/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/judge.h: evidence, what the store knows of the host, the challenge and the
 * controller's own manifests -> a decision. docs/appraisal.md has every check in its order. [pure]
 *
 * What the agent thought of itself (verdict.json) is read nowhere. */
#ifndef HF_CONTROLLER_SERVER_JUDGE_H
#define HF_CONTROLLER_SERVER_JUDGE_H

#include "controller/server/store.h"
#include "manifests/verify.h"
#include "measure/result.h"

struct hf_judge_input {		/* borrowed; nothing may be NULL but trust */
	const struct hf_evidence *evidence;
	const struct hf_host_record *host;
	const struct hf_challenge_record *challenge;
	const struct hf_manifests *manifests;
	const struct hf_trust *trust;
	struct hf_span client_key;	/* SHA-256 of the TLS client key: who sent it */
	uint64_t least_tpm_firmware;	/* 0: any */
	const char *ring;		/* whose manifests these are, for people; NULL: of no ring */
	int64_t now;
};
struct hf_judgement {
	enum hf_evidence_kind kind;	/* as the challenge was */
	/* Whether the enrolled key signed over this challenge. What it did not sign says nothing
	 * about the host: anybody could have sent it. */
	bool authentic;
	enum hf_err cause;		/* HF_OK: the host is what it should be */
	const char *place;		/* of the cause, or "" */
	char detail[192];
	enum hf_ear_status status;
	enum hf_release_kind release;
	const struct hf_image *images[HF_RESULT_IMAGES_MAX];	/* that may be started */
	size_t image_count;
	bool audit;			/* by the model: refusals of parts are WOULD HOLD only */
	bool has_counts;		/* of an authentic quote: */
	uint32_t reset_count, restart_count;
	uint64_t firmware_version;
	struct hf_digest quote;		/* SHA-256 of the TPMS_ATTEST */
	struct hf_verification v;
};
/* Total. Everything in ret lives in the arena or borrows from the input. */
void hf_judge(const struct hf_judge_input *in, struct hf_arena *arena, struct hf_judgement *ret);

/* The refusal that another one came to be: for a release that the store did not let through. */
void hf_judge_refuse(struct hf_judgement *j, enum hf_err cause, const char *detail);

/* ---- which images a host may start ---- */
/* Those of the role that release stands for; tenant: the one of that name, NULL or "": any.
 * HF_ERR_IMAGE_NOT_ALLOWED: none, or more than a ticket can name. */
enum hf_err hf_judge_images(const struct hf_manifests *manifests, enum hf_release_kind release,
			    const char *tenant, const struct hf_image **ret, size_t *ret_count) HF_MUST_USE;

#endif
