/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/gate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/crash.h"
#include "agent/watch.h"

#define ROW(id, label, function, after) \
	[HF_STAGE_##id] = { HF_STAGE_##id, label, function, HF_STAGE_##after }
const struct hf_stage_row hf_gate_stages[HF_STAGE_COUNT] = {
	ROW(HOLD, "hold", hf_gate_hold, BEGIN),
	ROW(BEGIN, "begin", hf_gate_begin, ENUMERATE),
	ROW(ENUMERATE, "enumerate", hf_gate_enumerate, MEASURE),
	ROW(MEASURE, "measure", hf_gate_measure, RECORD),
	ROW(RECORD, "record", hf_gate_record, APPRAISE),
	ROW(APPRAISE, "appraise", hf_gate_appraise, FENCE),
	ROW(FENCE, "fence", hf_gate_fence, BIND),
	ROW(BIND, "bind", hf_gate_bind, STORE),
	ROW(STORE, "store", hf_gate_store, LINK),
	ROW(LINK, "link", hf_gate_link, CHALLENGE),
	ROW(CHALLENGE, "challenge", hf_gate_challenge, RECHECK),
	ROW(RECHECK, "recheck", hf_gate_recheck, QUOTE),
	ROW(QUOTE, "quote", hf_gate_quote, TICKET),
	ROW(TICKET, "ticket", hf_gate_ticket, LAST_LOOK),
	ROW(LAST_LOOK, "last-look", hf_gate_last_look, RELEASE),
	ROW(RELEASE, "release", hf_gate_release, RELEASE),
	ROW(HELD, "held", hf_gate_held, HELD),
};

void hf_gate_note(struct hf_gate *gate, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(gate->note, sizeof(gate->note), format, args);
	va_end(args);
}

static void enter(struct hf_gate *gate, const struct hf_stage_row *row)
{
	if (row->stage != HF_STAGE_HELD)
		gate->stage = row->name;
	gate->entered_ms = hf_now_ms();
	gate->note[0] = '\0';
	(void)hf_watch_kick();	/* too late: the next event fails */
}

static void leave(struct hf_gate *gate, const struct hf_stage_row *row, enum hf_err err)
{
	uint64_t now = hf_now_ms();

	gate->stage_ms[row->stage] = now - gate->entered_ms;
	(void)hf_workers_reap(0);
	if (row->stage != HF_STAGE_HELD)
		hf_screen_stage(&gate->screen, now - gate->start_ms, row->name,
				gate->stage_ms[row->stage], err, gate->note);
}

const struct hf_stage_watch hf_gate_watch = { enter, leave };

enum hf_err hf_gate_open(struct hf_gate *gate, const struct hf_gate_options *options,
			 struct hf_fault *fault)
{
	enum hf_err err;

	memset(gate, 0, sizeof(*gate));
	gate->options = *options;
	gate->start_ms = hf_now_ms();
	gate->host.sysfs = -1;
	gate->crash_tpm = -1;
	hf_tenant_init(&gate->tenant, HF_IMAGE_TENANT);
	hf_tenant_init(&gate->service, HF_IMAGE_SERVICE);
	hf_conf_default(&gate->conf);
	hf_screen_open(&gate->screen, options->pid1 || options->step);
	err = hf_arena_make(HF_GATE_CLAIMS_MAX, &gate->arena);
	if (err == HF_OK)
		err = hf_arena_make(HF_GATE_SCRATCH_MAX, &gate->judge_arena);
	if (err == HF_OK)
		err = hf_arena_make(HF_GATE_SCRATCH_MAX, &gate->encoded_arena);
	if (err != HF_OK)
		return hf_fail(fault, err, NULL, "at the start");
	gate->encoded = (struct hf_writer){ .buf = gate->encoded_arena.base,
					    .cap = gate->encoded_arena.cap };
	hf_claims_init(&gate->claims, &gate->arena);
	hf_claims_init(&gate->notes, &gate->arena);
	hf_claims_init(&gate->again, &gate->arena);
	gate->manifests = hf_arena_take(&gate->arena, sizeof(*gate->manifests));
	gate->lists = hf_arena_take(&gate->arena, sizeof(*gate->lists));
	if (!gate->manifests || !gate->lists)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "at the start");
	gate->manifests->arena = &gate->arena;
	gate->lists->arena = &gate->arena;
	return HF_OK;
}

void hf_gate_close(struct hf_gate *gate)
{
	hf_boot_key_drop(&gate->boot_key);
	hf_crash_cap(-1, (struct hf_span){ NULL, 0 });
	if (gate->crash_tpm >= 0)
		close(gate->crash_tpm);
	if (gate->tpm)
		hf_tpm_close(gate->tpm);
	hf_trust_drop(&gate->trust);
	hf_link_stop(&gate->talk.link);
	hf_gate_forget(gate);
	hf_tenant_drop(&gate->tenant);
	hf_tenant_drop(&gate->service);
	if (gate->host_open)
		hf_host_close(&gate->host);
	free(gate->verdict_json);
	hf_arena_drop(&gate->encoded_arena);
	hf_arena_drop(&gate->judge_arena);
	hf_arena_drop(&gate->arena);
	hf_screen_close(&gate->screen);
}

/* The whole of invariant 4: room is kept before the extend, which cannot be undone, and
 * the log grows only after it. hf_tpm_extend settles an unknown outcome by reading. */
enum hf_err hf_gate_event(struct hf_gate *gate, enum hf_tag tag, struct hf_span payload,
			  struct hf_fault *fault)
{
	struct hf_log_entry entry;
	enum hf_err err;

	/* A gate that was stuck for too long is HELD, although it goes on. */
	if (!hf_watch_kick())
		return hf_fail(fault, HF_ERR_TIMED_OUT, NULL, "%s", "the gate made no progress");
	err = hf_log_reserve(&gate->log, tag, payload, &entry);
	if (err != HF_OK)
		return hf_fail(fault, err, NULL, "%zu bytes of event", payload.len);
	if (gate->tpm)
		err = hf_tpm_extend(gate->tpm, gate->conf.pcr, &entry, fault);
	if (err != HF_OK) {
		hf_log_abandon(&gate->log);
		return err;
	}
	hf_log_commit(&gate->log);
	return HF_OK;
}
