/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage challenge: who the controller is shows in TLS and in what he signs; from then on it is
 * known what time it is, and what the quote has to answer. */
#include "agent/gate.h"

#include <stdio.h>

/* Borrowed spans lie in the conversation's arena, which does not last. */
static enum hf_err keep(struct hf_gate *gate, const struct hf_challenge *in, struct hf_fault *fault)
{
	struct hf_challenge *own = &gate->talk.challenge;
	struct hf_span *from[] = { &own->nonce, &own->reclaim, &own->host, &own->ak_name, &own->boot_key };

	*own = *in;
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		if (hf_arena_copy(&gate->arena, *from[i], from[i]) != HF_OK)
			return hf_fail(fault, HF_ERR_NO_MEMORY, "challenge", "%s", "");
	gate->talk.challenged_ms = hf_now_ms();
	gate->talk.challenged = true;
	return HF_OK;
}

static int shown(struct hf_span text, int max)
{
	return text.len < (size_t)max ? (int)text.len : max;
}

static void note_challenge(struct hf_gate *gate, bool enrolled)
{
	const struct hf_challenge *c = &gate->talk.challenge;
	char host[48], name[48];

	snprintf(host, sizeof(host), "%.*s", shown(c->host, 40), (const char *)c->host.ptr);
	hf_screen_value(host, name, sizeof(name));
	hf_gate_note(gate, "%s%s%s", name, enrolled ? ", enrolled" : "",
		     c->reclaim.len ? "" : "; LET: no ticket will come");
}

/* Nobody: no reply at all, however it was asked for. A refusal is an answer, and so is the order
 * to enrol, whatever came of the messages after it. */
static bool nobody(const struct hf_converse *c, enum hf_err err)
{
	return err == HF_ERR_CONTROLLER_UNREACHABLE && !c->answered;
}

static enum hf_err ask(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_converse c = hf_gate_converse(gate, gate->conf.controller_seconds * 1000);
	struct hf_challenge challenge;
	enum hf_err err = hf_converse_challenge(&c, &challenge, fault);

	gate->talk.refused = c.refusal.result != NULL;
	if (err != HF_OK) {
		if (nobody(&c, err))
			gate->talk.no_answer = *fault;
		return err;
	}
	err = keep(gate, &challenge, fault);
	if (err != HF_OK)
		return err;
	note_challenge(gate, c.enrolled);
	hf_gate_link_stop(gate);	/* what comes next takes the card's driver off */
	hf_gate_forget(gate);
	return hf_gate_judge_by_date(gate, fault);
}

enum hf_err hf_gate_challenge(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err;

	if (!hf_gate_by_controller(gate)) {
		hf_gate_note(gate, "none: policy local, nonce = boot key");
		return HF_OK;
	}
	if (!gate->talk.link && gate->talk.no_answer.err == HF_OK)
		return hf_fail(fault, HF_ERR_CONTROLLER_REQUIRED, NULL, "%s", "no link");
	err = gate->talk.no_answer.err;
	if (err == HF_OK)
		err = ask(gate, fault);
	if (err == HF_OK || gate->talk.no_answer.err == HF_OK)
		return err;
	hf_gate_link_stop(gate);
	return hf_gate_fall_back(gate, fault);
}
