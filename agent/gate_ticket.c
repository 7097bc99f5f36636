/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage ticket: the evidence goes to the controller, and what he signed comes back. Whatever
 * it says, it releases nothing that was not checked here against what lies here. And what is said
 * after the host was released or held. */
#include "agent/gate.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/pid1.h"

#define REPORT_PAUSE_S 60	/* of a held host, until the controller took its evidence */
#define REPORT_PAUSE_MAX_S 300
#define HELD_MS 30000
#define RECEIPT_MS 10000	/* the tenant waits for it, and for nobody who does not answer */

/* What failed and holds nothing up: two lines, cut rather than wide. */
void hf_gate_show_fault(struct hf_gate *gate, const char *what, const struct hf_fault *fault)
{
	hf_screen_print(&gate->screen, "%.50s: %s\n    %.76s\n", what, hf_err_name(fault->err), fault->detail);
}

enum hf_err hf_gate_image(const struct hf_tenant *tenant, struct hf_image_digests *digests,
			  struct hf_result_image *ret)
{
	enum hf_err err;

	*ret = (struct hf_result_image){ .count = 0 };
	if (!tenant->image)
		return HF_OK;
	err = hf_image_digests(tenant->image, digests);
	if (err != HF_OK)
		return err;
	ret->name = hf_span_text(tenant->image->name);
	ret->count = digests->count;
	for (size_t i = 0; i < digests->count; i++)
		ret->digests[i] = (struct hf_span){ digests->digest[i]->bytes, 32 };
	return HF_OK;
}

/* ---- what it has to say ---- */

struct asked {	/* what the spans of want are of */
	struct hf_ak ak;
	struct hf_digest quote;
	struct hf_image_digests tenant, service;
};

static enum hf_err want_of(const struct hf_gate *gate, struct asked *a, struct hf_ticket_want *ret)
{
	const uint64_t since = hf_now_ms() - gate->talk.quoted_ms;
	enum hf_err err = hf_ak_parse(gate->evidence.ak, &a->ak);

	*ret = (struct hf_ticket_want){
		.ak_name = { a->ak.name, sizeof(a->ak.name) },
		.boot_key = { gate->boot_id.bytes, 32 },
		.quote = { a->quote.bytes, 32 },
		.reclaim = gate->talk.challenge.reclaim, .nonce = gate->talk.challenge.nonce,
		.generation = gate->model->generation,
		.mode = hf_span_text(hf_mode_name(gate->model->mode)),
		.seconds_since_quote = since / 1000,
		.refused_locally = gate->verdict.status == HF_STATUS_HELD && !hf_gate_audit(gate),
	};
	if (err == HF_OK)
		err = hf_digest(HF_ALG_SHA256, gate->evidence.quote, &a->quote);
	if (err == HF_OK)
		err = hf_gate_image(&gate->tenant, &a->tenant, &ret->tenant);
	if (err == HF_OK)
		err = hf_gate_image(&gate->service, &a->service, &ret->service);
	return err;
}

static enum hf_err check(struct hf_gate *gate, const struct hf_answer *answer, struct hf_fault *fault)
{
	struct hf_gate_talk *t = &gate->talk;
	enum hf_release_kind release = HF_RELEASE_NOTHING;
	struct hf_ticket_want want;
	struct asked asked;
	enum hf_err err = want_of(gate, &asked, &want);

	if (err != HF_OK)
		return hf_fail(fault, err, "ticket", "%s", "");
	if (answer->result->release == HF_RELEASE_NOTHING) {
		t->refused = true;
		return hf_converse_refusal(answer->result, fault);
	}
	err = hf_ticket_check(answer->result, &want, &release);
	if (err != HF_OK)
		return hf_fail(fault, err, "ticket", "release %s, %llu s after the quote",
			       hf_release_kind_name(answer->result->release),
			       (unsigned long long)want.seconds_since_quote);
	t->release = release;
	if (release == HF_RELEASE_TENANT)	/* of a service image it would be no business */
		t->secret = answer->secret;
	return HF_OK;
}

/* ---- the stage ---- */

static enum hf_err ask(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_converse c = hf_gate_converse(gate, gate->conf.controller_seconds * 1000);
	struct hf_answer answer = { .result = NULL };
	enum hf_err err = hf_gate_collect(gate, NULL, fault);

	if (err == HF_OK)
		err = hf_converse_evidence(&c, &gate->talk.challenge, &gate->evidence, &answer, fault);
	gate->talk.refused |= c.refusal.result != NULL;
	if (err != HF_OK)
		return err;
	/* Whatever it says goes to whoever reads the evidence. */
	if (hf_arena_copy(&gate->arena, answer.message, &gate->evidence.ticket) != HF_OK)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "ticket", "%zu bytes", answer.message.len);
	return check(gate, &answer, fault);
}

static enum hf_err take_release(struct hf_gate *gate, struct hf_fault *fault)
{
	const bool service = gate->talk.release == HF_RELEASE_SERVICE;
	enum hf_err err = hf_gate_start_with(gate, service ? &gate->service : &gate->tenant, fault);

	if (err == HF_OK)
		hf_gate_note(gate, "%s %.48s%s", service ? "SERVICE IMAGE" : "tenant",
			     gate->started->image->name, gate->talk.secret.len ? ", with its secret" : "");
	return err;
}

static enum hf_err fall_back(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = hf_gate_check_fallback(gate, fault);

	if (err == HF_OK)
		err = hf_gate_start_with(gate, &gate->tenant, fault);
	if (err != HF_OK)
		return err;
	gate->talk.release = HF_RELEASE_TENANT;
	hf_gate_note(gate, "FALLBACK: the owner's release %.40s", gate->talk.bearer->name);
	return HF_OK;
}

enum hf_err hf_gate_ticket(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err;

	if (!hf_gate_by_controller(gate)) {
		hf_gate_note(gate, "none: policy local");
		return HF_OK;
	}
	if (gate->talk.bearer)
		return fall_back(gate, fault);
	if (!gate->talk.challenged)
		return hf_fail(fault, HF_ERR_CONTROLLER_REQUIRED, NULL, "%s", "no challenge");
	err = hf_gate_link_up(gate, true, fault);
	if (err == HF_OK)
		err = ask(gate, fault);
	return err == HF_OK ? take_release(gate, fault) : err;
}

/* ---- afterwards ---- */

static enum hf_err send_receipt(struct hf_gate *gate, struct hf_span cap, struct hf_fault *fault)
{
	struct hf_wire_receipt_request receipt = {
		.ak = gate->evidence.ak, .cap = cap, .attest = gate->evidence.receipt,
		.signature = gate->evidence.receipt_signature,
	};
	struct hf_converse c;
	struct hf_digest quote;
	enum hf_err err = hf_digest(HF_ALG_SHA256, gate->evidence.quote, &quote);

	receipt.quote_digest = (struct hf_span){ quote.bytes, 32 };
	if (err != HF_OK)
		return hf_fail(fault, err, "receipt", "%s", "");
	err = hf_gate_link_up(gate, false, fault);
	c = hf_gate_converse(gate, RECEIPT_MS);
	return err == HF_OK ? hf_converse_receipt(&c, &receipt, fault) : err;
}

void hf_gate_send_receipt(struct hf_gate *gate, struct hf_span cap)
{
	struct hf_fault fault = { 0 };

	if (gate->evidence.ticket.len && send_receipt(gate, cap, &fault) != HF_OK)
		hf_gate_show_fault(gate, "the receipt was not delivered", &fault);
}

/* ---- of a host that is held ---- */

/* The boot key died with CAP: what the host's key signed speaks for itself. */
enum hf_err hf_gate_report_held(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_fault down = { 0 };
	struct hf_converse c;
	enum hf_err err = hf_gate_link_up(gate, false, fault);

	c = hf_gate_converse(gate, HELD_MS);
	if (err == HF_OK)
		err = hf_converse_held(&c, &gate->evidence, fault);
	if (hf_gate_link_down(gate, &down) != HF_OK && err == HF_OK)
		err = hf_fail(fault, down.err, down.where, "%s", down.detail);
	hf_gate_forget(gate);
	return err;
}

/* A process for each attempt: what it took is gone with it, and what it crashes on ends it alone. */
static bool report_once(struct hf_gate *gate, bool first)
{
	struct hf_fault fault = { 0 };
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		if (hf_gate_report_held(gate, &fault) == HF_OK)
			_exit(0);
		if (first)
			hf_gate_show_fault(gate, "the controller was not told yet", &fault);
		_exit(1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* It sees what the gate saw, and can change none of it: PCR and log are closed. What it does not
 * come back from holds up nobody. */
void hf_gate_report_beside(struct hf_gate *gate)
{
	pid_t pid = fork();

	if (pid < 0)
		hf_screen_print(&gate->screen, "controller: not told, no process for it\n");
	if (pid != 0)
		return;
	hf_pid1_signals_default();	/* above all the handler of crashes, which would cap again */
	for (unsigned pause = REPORT_PAUSE_S; !report_once(gate, pause == REPORT_PAUSE_S);) {
		sleep(pause);
		pause = pause < REPORT_PAUSE_MAX_S / 2 ? 2 * pause : REPORT_PAUSE_MAX_S;
	}
	_exit(0);
}
