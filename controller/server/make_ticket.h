/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/make_ticket.h: a decision as a result that others read, and as the record that
 * the store keeps. [pure] */
#ifndef HF_CONTROLLER_SERVER_MAKE_TICKET_H
#define HF_CONTROLLER_SERVER_MAKE_TICKET_H

#include "controller/server/controller.h"
#include "controller/server/judge.h"

#define HF_VERIFIER_BUILD "holdfastd " HF_VERSION

/* Borrows from in, judgement and config; the arena holds the list of parts. HF_ERR_LIMIT. */
enum hf_err hf_result_make(const struct hf_judge_input *in, const struct hf_judgement *judgement,
			   const struct hf_config *config, struct hf_arena *arena,
			   struct hf_result *ret) HF_MUST_USE;
/* Encoded and signed, in the arena. */
enum hf_err hf_result_sign(const struct hf_result *result, const struct hf_key *key,
			   struct hf_arena *arena, struct hf_span *ret) HF_MUST_USE;
/* Without result, report and evidence. */
struct hf_verdict_record hf_verdict_of(const struct hf_judge_input *in, const struct hf_judgement *judgement);

#endif
