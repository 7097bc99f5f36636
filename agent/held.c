/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HELD: it has no successor. The PCR is capped in every bank, the log finished, the evidence
 * sent, the reason shown on every console; then a controller hears of it, and nothing else
 * happens any more. No step here may stop the next one. */
#include "agent/gate.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/pid1.h"
#include "agent/release.h"
#include "agent/watch.h"
#include "pcie/worker.h"

#define REPEAT_S 60
#define HELD_MAX 4096

struct held {
	uint8_t text[HELD_MAX];
	struct hf_writer screen;
	struct hf_gate *gate;
};

/* A refusal is evidence too: END and a quote over it, if the log got as far as BEGIN. */
static void close_log(struct hf_gate *gate, const struct hf_fault *why)
{
	uint8_t payload[128];
	struct hf_writer w = { .buf = payload, .cap = sizeof(payload) };
	struct hf_fault fault = { 0 };
	char text[512];

	if (!gate->log_started)
		return;
	if (gate->log.state == HF_LOG_OPEN && why->err != HF_ERR_EXTEND_UNKNOWN &&
	    hf_gate_end_and_quote(gate, why->err, &fault) != HF_OK) {
		hf_fault_format(&fault, text, sizeof(text));
		hf_screen_print(&gate->screen, "no quote: %s\n", text);
	}
	if (gate->log.state == HF_LOG_CAPPED)
		return;
	hf_cbor_put_map(&w, 1);
	hf_cbor_put_text(&w, "held");
	hf_cbor_put_text(&w, hf_err_name(why->err));
	if (hf_gate_cap(gate, hf_written(&w), &fault) != HF_OK) {
		hf_fault_format(&fault, text, sizeof(text));
		hf_screen_print(&gate->screen, "capping the PCR: %s\n", text);
	}
}

/* Drivers that the gate bound must not go on serving a host that nobody accepted. */
static void stop_devices(struct hf_gate *gate)
{
	struct hf_fault fault = { 0 };
	char text[512];

	hf_gate_link_stop(gate);
	if (!hf_gate_live(gate) || hf_gate_unbind(gate, NULL, &fault) == HF_OK)
		return;
	hf_fault_format(&fault, text, sizeof(text));
	hf_screen_print(&gate->screen, "holding again: %s\n", text);
}

/* What was for a tenant is for nobody now; its image may hold the secret already. */
static void forget_tenant(struct hf_gate *gate)
{
	hf_gate_forget(gate);
	hf_tenant_drop(&gate->tenant);
	hf_tenant_drop(&gate->service);
	gate->started = NULL;
	if (gate->options.pid1 && getpid() == 1)
		hf_release_never();
}

static void send_evidence(struct hf_gate *gate, const struct hf_fault *why)
{
	struct hf_fault fault = { 0 };
	char text[512];

	if (hf_gate_collect(gate, why, &fault) == HF_OK && hf_gate_deliver(gate, &fault) == HF_OK)
		return;
	hf_fault_format(&fault, text, sizeof(text));
	hf_screen_print(&gate->screen, "evidence: %s\n", text);
}

static void render(struct held *held, const struct hf_fault *why)
{
	held->screen = (struct hf_writer){ .buf = held->text, .cap = sizeof(held->text) };
	hf_gate_held_screen(held->gate, why, false, &held->screen);
}

static void show(void *self)
{
	const struct held *held = self;

	hf_screen_put(&held->gate->screen, hf_written(&held->screen));
	(void)hf_workers_reap(0);
}

/* On a host in a process of its own, so that nothing keeps the screen from being shown again; a
 * rehearsal does it here, once, and not where nobody answered before. */
static void tell_controller(struct hf_gate *gate)
{
	struct hf_fault fault = { 0 };

	if (hf_gate_tells_nobody(gate))	/* and the screen says why */
		return;
	if (gate->options.pid1) {
		hf_gate_report_beside(gate);
		return;
	}
	if (gate->talk.no_answer.err == HF_OK && hf_gate_report_held(gate, &fault) != HF_OK)
		hf_gate_show_fault(gate, "the controller was not told", &fault);
}

enum hf_err hf_gate_held(struct hf_gate *gate, struct hf_fault *why)
{
	static struct held held;
	struct hf_fault fault;

	held.gate = gate;
	if ((gate->options.pid1 || gate->options.step) && gate->screen.count == 0 &&
	    hf_screen_consoles(&gate->screen, &fault) != HF_OK)
		gate->screen.count = 0;	/* nobody to tell; held all the same */
	forget_tenant(gate);
	stop_devices(gate);
	close_log(gate, why);
	send_evidence(gate, why);
	gate->talk.suspect = why->where;
	render(&held, why);
	if (!hf_watch_stop())	/* it came first, and goes on saying so */
		hf_screen_print(&gate->screen, "the gate had made no progress: HELD before\n");
	show(&held);
	tell_controller(gate);
	if (gate->options.pid1)
		hf_pid1_park(REPEAT_S, show, &held);
	return why->err;
}
