/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage appraise, and every judgement after it; and what the last look compares. */
#include "agent/gate.h"

#include <stdio.h>

#include "agent/platform.h"
#include "manifests/appraise_parts.h"
#include "manifests/report.h"

#define SCREEN_TREE_MAX 4096	/* bytes; a larger tree is shown one line a part */
#define SCREEN_FINDINGS_MAX 1536	/* bytes; serial lines are slow, the rest is in the evidence */
#define AUDIT_FINDINGS_MAX 512		/* of a large host: the whole screen of the first follows */
#define LARGE_PARTS 24
#define WOULD_HOLD_MAX 4096
#define REPORT_MAX ((size_t)4 << 20)

/* ---- judging ---- */

/* Parts, then what firmware ran before us once the image lists of the store are there. */
void hf_gate_judge(struct hf_gate *gate)
{
	struct hf_appraise_input input = {
		.claims = &gate->claims, .manifests = gate->manifests, .model = gate->model,
		.before_drivers = !gate->drivers_done, .devices = gate->devices.list,
		.now = hf_gate_now(gate),
	};
	struct hf_ak ak;

	if (hf_ak_parse(gate->evidence.ak, &ak) == HF_OK)
		input.ak_name = (struct hf_span){ ak.name, sizeof(ak.name) };
	gate->judge_arena.len = 0;
	hf_appraise(&input, &gate->judge_arena, &gate->verdict);
	gate->judged = true;
	hf_gate_apply_fences(gate);
}

bool hf_gate_admitted(const struct hf_gate *gate, const struct hf_part *part)
{
	const struct hf_part_verdict *v = gate->judged ? hf_verdict_for(&gate->verdict, part->path)
						       : NULL;

	/* In audit mode the host goes on, and it cannot without its drivers. */
	return v && (v->status == HF_STATUS_ACCEPTED || v->status == HF_STATUS_WARNED ||
		     hf_gate_audit(gate));
}

static bool is_update(enum hf_err cause)
{
	return hf_err_class(cause) == HF_CLASS_UPDATE;
}

/* Findings beyond those that are kept count as well, and nobody knows what they are. */
static bool only_updates(const struct hf_finding *list, bool boot)
{
	size_t count = 0;

	for (; list; list = list->next, count++)
		if ((boot || list->action == HF_ACTION_HOLD) && !is_update(list->cause))
			return false;
	return count < HF_FINDINGS_MAX;
}

bool hf_gate_only_updates(const struct hf_gate *gate)
{
	const struct hf_verdict *v = &gate->verdict;

	if (!gate->judged || v->status != HF_STATUS_HELD || !is_update(v->cause))
		return false;
	for (const struct hf_part_verdict *p = v->parts; p; p = p->next)
		if (!only_updates(p->findings, false))
			return false;
	return only_updates(v->boot, true);
}

/* Known, old firmware holds no host that has a controller to ask: he may release it to a service
 * image, and to nothing else. */
static bool controller_decides(struct hf_gate *gate)
{
	if (!hf_gate_by_controller(gate) || !hf_gate_only_updates(gate))
		return false;
	hf_screen_print(&gate->screen, "  %s at %.60s: a service image at most\n",
			hf_err_name(gate->verdict.cause),
			gate->verdict.cause_place ? gate->verdict.cause_place : "boot");
	return true;
}

/* One line; and the whole screen when a cause is met for the first time. */
void hf_gate_would_hold(struct hf_gate *gate, const struct hf_fault *why, const char *what)
{
	uint8_t buf[WOULD_HOLD_MAX];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	const bool shown = gate->would_hold_shown == why->err;

	gate->would_hold = true;
	hf_screen_print(&gate->screen, "WOULD %s (audit): %s at %s\n", what, hf_err_name(why->err), why->where);
	if (shown || strcmp(what, "HOLD") != 0)
		return;
	gate->would_hold_shown = why->err;
	hf_gate_held_screen(gate, why, true, &w);
	hf_screen_put(&gate->screen, hf_written(&w));
}

/* A part to be isolated passes here: the stage fence comes next and no driver is bound
 * before it; what it cannot isolate it turns into a refusal. */
enum hf_err hf_gate_verdict(struct hf_gate *gate, struct hf_fault *fault)
{
	const struct hf_verdict *v = &gate->verdict;
	enum hf_err cause = v->cause != HF_OK ? v->cause : HF_ERR_INTERNAL;

	if (!gate->judged)
		return hf_fail(fault, HF_ERR_INTERNAL, NULL, "%s", "nothing was judged");
	const bool audit = hf_gate_audit(gate);

	if (v->status != HF_STATUS_HELD && !(audit && v->status == HF_STATUS_ISOLATED))
		return HF_OK;
	if (!audit && controller_decides(gate))
		return HF_OK;
	(void)hf_fail(fault, cause, v->cause_place ? v->cause_place : "boot", "%s",
		      v->cause_mkey ? v->cause_mkey : "");
	if (!audit)
		return cause;
	hf_gate_would_hold(gate, fault, v->status == HF_STATUS_HELD ? "HOLD" : "ISOLATE");
	*fault = (struct hf_fault){ 0 };
	return HF_OK;
}

/* ---- the screen ---- */

static void put_compact(const struct hf_gate *gate, struct hf_writer *w)
{
	char line[HF_SCREEN_COLUMNS + 1];

	for (const struct hf_part *p = gate->claims.parts; p; p = p->next) {
		const struct hf_part_verdict *v = gate->judged ? hf_verdict_for(&gate->verdict, p->path)
							       : NULL;

		if (p->kind == HF_PART_HOST || hf_part_superseded(p))
			continue;
		snprintf(line, sizeof(line), "%-5s %-34.34s %3zu fn %-8s %-8s %s\n",
			 hf_part_kind_name(p->kind), p->path, p->function_count,
			 hf_method_name(hf_part_method(p)), v ? hf_status_name(v->status) : "-",
			 v && v->component ? v->component->name : "");
		hf_put(w, line, strlen(line));
		if (w->len && w->buf[w->len - 1] != '\n')
			hf_put(w, "\n", 1);
	}
}

/* What the kernel refused of the hold, and what a verdict made here is worth. */
static void show_host(const struct hf_gate *gate)
{
	for (const struct hf_measurement *m = gate->host_part->measurements; m; m = m->next)
		if (m->kind == HF_VALUE_FAILURE && strncmp(m->mkey, "hold/", 5) == 0)
			hf_screen_print(&gate->screen, "  not held  %s: %s\n", m->mkey + 5,
					hf_err_name(m->cause));
	hf_screen_print(&gate->screen, "  root-of-trust: %s, policy %s\n",
			hf_root_of_trust(gate->model, gate->firmware_log),
			hf_policy_name(gate->conf.policy));
}

static void show_report(struct hf_gate *gate)
{
	struct hf_claims parts = gate->claims;	/* the host's own facts are in the evidence */
	struct hf_arena arena;
	struct hf_writer w;

	parts.parts = gate->host_part->next;
	show_host(gate);

	if (hf_arena_make(REPORT_MAX, &arena) != HF_OK)
		return;
	w = (struct hf_writer){ .buf = arena.base, .cap = arena.cap };
	hf_report_tree(&parts, gate->judged ? &gate->verdict : NULL, &w);
	if (w.full || w.len > SCREEN_TREE_MAX) {
		w = (struct hf_writer){ .buf = arena.base, .cap = arena.cap };
		put_compact(gate, &w);
	}
	hf_report_coverage(&gate->claims, gate->judged ? &gate->verdict : NULL, &w);
	hf_screen_put(&gate->screen, hf_written(&w));
	hf_arena_drop(&arena);
}

/* Whole findings only: each begins at a line's start, its further lines are indented. */
static void cut_findings(struct hf_writer *w, size_t len)
{
	static const char rest[] = "... and more: see the evidence\n";

	if (w->len <= len)
		return;
	while (len > 0 && !(w->buf[len - 1] == '\n' && w->buf[len] != ' '))
		len--;
	w->len = len;
	hf_put(w, rest, sizeof(rest) - 1);
}

static void show_findings(struct hf_gate *gate)
{
	struct hf_arena arena;
	struct hf_writer w;

	if (!gate->judged || hf_arena_make(REPORT_MAX, &arena) != HF_OK)
		return;
	w = (struct hf_writer){ .buf = arena.base, .cap = arena.cap };
	hf_report_findings(&gate->verdict, &w);
	cut_findings(&w, hf_gate_audit(gate) && gate->claims.part_count > LARGE_PARTS ? AUDIT_FINDINGS_MAX
										     : SCREEN_FINDINGS_MAX);
	hf_screen_put(&gate->screen, hf_written(&w));
	hf_arena_drop(&arena);
}

/* ---- appraise ---- */

enum hf_err hf_gate_appraise(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err;

	/* Record before judging: whatever has no event is not looked at. */
	if (!gate->recorded || gate->recorded->next)
		return hf_fail(fault, HF_ERR_STAGE_ORDER, NULL, "%s", "a part has no event yet");
	if (gate->manifest_fault.err != HF_OK) {
		show_report(gate);
		*fault = gate->manifest_fault;
		return fault->err;
	}
	hf_gate_judge(gate);
	show_report(gate);
	show_findings(gate);
	err = hf_gate_verdict(gate, fault);
	hf_gate_note(gate, "%s%s: %s", gate->would_hold ? "WOULD HOLD " : "", gate->model->name,
		     hf_status_name(gate->verdict.status));
	return err;
}

/* ---- last look ---- */

static bool identity_same(const struct hf_identity *a, const struct hf_identity *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && a->class_code == b->class_code &&
	       a->revision == b->revision && a->header_type == b->header_type &&
	       a->has_serial == b->has_serial && (!a->has_serial || a->serial == b->serial);
}

static const struct hf_function *find_function(const struct hf_claims *claims,
					       const struct hf_part *like, const char *path)
{
	const struct hf_part *part = hf_claims_find_part(claims, like->path);

	for (const struct hf_function *f = part ? part->functions : NULL; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

const char *hf_gate_look(const struct hf_claims *before, const struct hf_claims *after,
			 const char **ret_path)
{
	for (const struct hf_part *p = before->parts; p; p = p->next) {
		if (p->kind == HF_PART_HOST || hf_part_superseded(p))
			continue;
		for (const struct hf_function *f = p->functions; f; f = f->next) {
			const struct hf_function *now = find_function(after, p, f->path);

			*ret_path = f->path;
			if (!now)
				return "gone";
			if (!identity_same(&f->identity, &now->identity))
				return "identity changed";
		}
	}
	for (const struct hf_part *p = after->parts; p; p = p->next) {
		for (const struct hf_function *f = p->functions; f; f = f->next) {
			*ret_path = f->path;
			if (!find_function(before, p, f->path))
				return "appeared";
		}
	}
	*ret_path = NULL;
	return NULL;
}
