/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/converse.h: what is said to the controller, and what its answers have to be before anybody
 * acts on them. The gate's stages and `holdfast attest --controller` both talk through this.
 *
 * Order: hf_converse_challenge (enrols where it is told to, and asks again), then the quote over
 * the challenge's nonce, then hf_converse_evidence. Afterwards, over the same link or a new one:
 * hf_converse_receipt; of a host that holds itself: hf_converse_held. */
#ifndef HF_AGENT_CONVERSE_H
#define HF_AGENT_CONVERSE_H

#include "agent/link.h"
#include "agent/tpm.h"
#include "manifests/trust.h"
#include "measure/evidence.h"
#include "measure/result.h"
#include "measure/wire.h"

/* A signed result. Everything lies in the arena of the conversation. */
struct hf_answer {
	struct hf_span message;		/* COSE_Sign1, as it came */
	const struct hf_result *result;	/* NULL: none came */
	struct hf_span secret;		/* of the tenant; empty: none. Whoever takes it wipes it */
	bool verified;			/* by an anchor: false only for a diagnosis without one */
};
struct hf_converse {
	struct hf_link *link;
	struct hf_tpm *tpm;		/* to enrol with; NULL: HF_ERR_TPM_MISSING where it is needed */
	const struct hf_trust *trust;	/* its anchors of role ticket sign challenges and results */
	bool diagnosis;			/* nothing is released by what comes of it: where trust has no
					 * ticket anchor, signatures are not checked, and answers say so */
	struct hf_span ak;		/* TPMT_PUBLIC */
	struct hf_span boot_key;	/* SHA-256 of the link key's SubjectPublicKeyInfo */
	struct hf_span serial;		/* of the chassis, text; empty: none */
	unsigned patience_ms;		/* for each of the calls below, all their messages together */
	struct hf_arena *arena;		/* replies, and the evidence as it is sent: up to 32 MiB */
	bool enrolled;			/* set: this conversation enrolled the key */
	bool answered;			/* set: whoever has the controller's certificate said anything */
	struct hf_answer refusal;	/* set: the result by which one of them was refused */
};

/* The signed challenge: signer, shape, this key, this boot key. From then on certificates' dates
 * count, by its time. A refusal gives its own cause (hf_converse_refusal). HF_ERR_TICKET_SIGNER,
 * HF_ERR_CHALLENGE_INVALID, HF_ERR_CONTROLLER_REPLY, the link's and the TPM's causes. */
enum hf_err hf_converse_challenge(struct hf_converse *c, struct hf_challenge *ret,
				  struct hf_fault *fault) HF_MUST_USE;
/* Sends the collection. HF_OK: a result that is signed and is about this quote, or says why no
 * evidence was looked at; whether it is a ticket, and for what, is for hf_ticket_check to say.
 * HF_ERR_TICKET_SIGNER, HF_ERR_TICKET_QUOTE, _KEY, _BOOT, HF_ERR_LIMIT (evidence), as above. */
enum hf_err hf_converse_evidence(struct hf_converse *c, const struct hf_challenge *challenge,
				 const struct hf_evidence *evidence, struct hf_answer *ret,
				 struct hf_fault *fault) HF_MUST_USE;
/* HF_OK: it was taken. A refusal gives its own cause. */
enum hf_err hf_converse_receipt(struct hf_converse *c, const struct hf_wire_receipt_request *receipt,
				struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_converse_held(struct hf_converse *c, const struct hf_evidence *evidence,
			     struct hf_fault *fault) HF_MUST_USE;

/* A result's cause, place and detail as a fault; a cause that this version does not know, or
 * none: HF_ERR_CONTROLLER_REFUSED, and what it said. Returns the cause: never HF_OK. */
enum hf_err hf_converse_refusal(const struct hf_result *result, struct hf_fault *fault) HF_MUST_USE;

#endif
