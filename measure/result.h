/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/result.h: the controller's result, and the ticket, which is a result that releases:
 * an EAR (draft-ietf-rats-ear) as CWT claims in COSE_Sign1. The agent reads it, the controller
 * makes it; whoever else relies on it (schedulers, switch controllers, image servers) reads the
 * same. docs/wire.md gives every key. [pure]
 *
 * Claims: 6 iat, 10 eat_nonce, 265 eat_profile, 266 submods {"host": appraisal, PATH: appraisal
 * ...}, 1004 ear.verifier-id {0: developer, 1: build}; an appraisal has 1000 ear.status, and that
 * of "host" has -70000: our own claims as a map (enum hf_result_key).
 */
#ifndef HF_MEASURE_RESULT_H
#define HF_MEASURE_RESULT_H

#include "measure/arena.h"
#include "measure/cose.h"
#include "measure/wire.h"

#define HF_RESULT_TYPE "application/eat+cwt"
#define HF_RESULT_PROFILE "tag:github.com,2023:veraison/ear"
#define HF_RESULT_MAX 49152u		/* bytes of a signed result; parts that do not fit are counted */
#define HF_RESULT_IMAGES_MAX 32
#define HF_RESULT_MANIFESTS_MAX 64

enum hf_ear_status { HF_EAR_NONE = 0, HF_EAR_AFFIRMING = 2, HF_EAR_WARNING = 32, HF_EAR_CONTRAINDICATED = 96 };
enum hf_evidence_kind { HF_EVIDENCE_GATE, HF_EVIDENCE_TENANT, HF_EVIDENCE_HELD };
const char *hf_evidence_kind_name(enum hf_evidence_kind kind);	/* "gate", "tenant", "held" */
enum hf_release_kind { HF_RELEASE_NOTHING, HF_RELEASE_TENANT, HF_RELEASE_SERVICE };
const char *hf_release_kind_name(enum hf_release_kind kind);	/* "nothing", "tenant", "service" */

enum hf_result_key {	/* of the map -70000 */
	HF_RESULT_HOST = 1, HF_RESULT_RECLAIM, HF_RESULT_AK_NAME, HF_RESULT_BOOT_KEY, HF_RESULT_QUOTE,
	HF_RESULT_AGENT_IMAGE, HF_RESULT_MANIFESTS, HF_RESULT_GENERATION, HF_RESULT_MODE,
	HF_RESULT_RELEASE, HF_RESULT_IMAGES, HF_RESULT_SECONDS, HF_RESULT_CAUSE, HF_RESULT_PLACE,
	HF_RESULT_DETAIL, HF_RESULT_KIND, HF_RESULT_LEASE, HF_RESULT_PARTS, HF_RESULT_OMITTED,
	HF_RESULT_FALLBACK,
};
struct hf_result_image {	/* one image that may be started */
	struct hf_span name;	/* text */
	struct hf_span digests[3];	/* SHA-256: kernel, initrd, command line; or root image alone */
	size_t count;		/* 3 or 1 */
};
struct hf_result_part { struct hf_span path; enum hf_ear_status status; };	/* a submod */
struct hf_result {
	int64_t time;			/* iat */
	struct hf_span nonce;		/* that the quote answered; empty: no evidence was looked at */
	struct hf_span verifier;	/* build, text: "holdfastd 0.4.0" */
	enum hf_ear_status status;	/* of the host as a whole */
	enum hf_evidence_kind kind;
	struct hf_span host;		/* name in the inventory, text; empty: none was found */
	struct hf_span lease;		/* the operator's name for it, text; empty: none */
	struct hf_span reclaim;		/* HF_WIRE_ID bytes, or empty */
	struct hf_span ak_name;		/* 34 bytes */
	struct hf_span boot_key;	/* SHA-256 */
	struct hf_span quote;		/* SHA-256 of the TPMS_ATTEST; empty: as nonce */
	struct hf_span agent_image;	/* name of the image that matched, text; empty: none did */
	struct hf_span manifests[HF_RESULT_MANIFESTS_MAX];	/* SHA-256 of each file judged by */
	size_t manifest_count;
	uint64_t generation;		/* of the model */
	struct hf_span mode;		/* "enforce", "audit" */
	enum hf_release_kind release;	/* HF_RELEASE_NOTHING: this is no ticket */
	struct hf_result_image images[HF_RESULT_IMAGES_MAX];
	size_t image_count;
	uint64_t seconds;		/* to live, on the agent's boot clock from its quote; 0: no ticket */
	struct hf_span cause, place, detail;	/* of a refusal, by hf_err_name; else empty */
	const struct hf_result_part *parts;
	size_t part_count, omitted;
	bool fallback;			/* the owner's own release stood in for the controller */
};
/* Writes the claims; parts that do not fit into what HF_RESULT_MAX leaves are counted in
 * `omitted`, those that are affirming first. */
void hf_result_encode(const struct hf_result *in, struct hf_writer *w);
/* Strict; parts into the arena. HF_ERR_RESULT_SHAPE or the CBOR cause. A ticket must have host,
 * reclaim, key names, quote, images and seconds; what is no ticket may release nothing. */
enum hf_err hf_result_decode(struct hf_span payload, struct hf_arena *arena, struct hf_result *ret) HF_MUST_USE;

/* Both kinds of signed message: type is the one content type that is taken
 * (HF_RESULT_TYPE, HF_WIRE_CHALLENGE_TYPE), or another: HF_ERR_COSE_CONTENT_TYPE. */
enum hf_err hf_statement_sign(const struct hf_key *key, const char *type, struct hf_span payload,
			      struct hf_writer *w) HF_MUST_USE;
enum hf_err hf_statement_verify(const struct hf_key *key, const char *type, struct hf_span message,
				struct hf_span *ret_payload) HF_MUST_USE;

/* ---- what a ticket must say to release this host: PID 1's own check ---- */
struct hf_ticket_want {
	struct hf_span ak_name, boot_key, quote, reclaim, nonce;
	uint64_t generation;
	struct hf_span mode;
	/* SHA-256 of what was loaded as tenant; service likewise, or count 0: there is none */
	struct hf_result_image tenant, service;
	uint64_t seconds_since_quote;	/* on CLOCK_BOOTTIME */
	bool refused_locally;		/* only for a known, old firmware: the service image alone */
};
/* HF_OK: released, *ret_release says which image. Each thing that differs has its own cause
 * (HF_ERR_TICKET_*); a result that is no ticket gives its own cause by name, or
 * HF_ERR_CONTROLLER_REFUSED where this version does not know it. */
enum hf_err hf_ticket_check(const struct hf_result *ticket, const struct hf_ticket_want *want,
			    enum hf_release_kind *ret_release) HF_MUST_USE;

#endif
