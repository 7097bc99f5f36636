/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/verify_ticket.h: by whose word a host was released, out of its evidence: nobody's but
 * its own (policy local), a controller's, whose ticket is looked at as the host had to look at it,
 * or its owner's, by a release prepared beforehand. [pure] */
#ifndef HF_MANIFESTS_VERIFY_TICKET_H
#define HF_MANIFESTS_VERIFY_TICKET_H

#include "manifests/bearer.h"
#include "manifests/verify.h"

struct hf_verify_ticket {
	const struct hf_evidence *evidence;
	const struct hf_trust *trust;	/* NULL, or no anchor of role ticket: its signer is not known */
	const struct hf_begin_event *begin;
	const struct hf_end_event *end;
	const struct hf_cap_event *cap;	/* of a host that was released */
	const struct hf_ak *ak;
	struct hf_arena *arena;
};
/* Of a CAP that says released. ret_how: for people, or what is wrong. HF_ERR_EVIDENCE_SHAPE: the
 * policy demands a ticket and none is there, or another; HF_ERR_TICKET_*: as the gate has it. */
enum hf_err hf_verify_ticket(const struct hf_verify_ticket *in, const char **ret_how) HF_MUST_USE;

/* Sets v->fallback and its name. Only the owner's release may stand in for a controller: the
 * verifier's own copy of it, for this boot; what CAP says and what was noted before END has to be
 * one. detail is as it was where there is no fallback. */
enum hf_err hf_verify_fallback(const struct hf_verify_options *options, struct hf_verification *v,
			       char *detail, size_t cap) HF_MUST_USE;

#endif
