/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage recheck: what was recorded is compared with what the host shows when it is asked
 * again, by its drivers and without them. */
#include "agent/gate.h"

#include <stdio.h>

#define DIFFERENCES_MAX 64	/* written down one by one; the count is always right */

struct differences {
	struct hf_gate *gate;
	struct hf_part *note;
	size_t count;
	enum hf_err err;
	struct hf_fault *fault;
};

static void difference(void *self, const struct hf_part *part, const struct hf_function *function,
		       const struct hf_measurement *before, const struct hf_measurement *after,
		       const char *what)
{
	struct differences *d = self;
	const char *path = function ? function->path : part->path;
	const char *mkey = before ? before->mkey : after ? after->mkey : "";
	char key[32], text[2 * HF_PATH_MAX + HF_MKEY_MAX];

	d->count++;
	if (d->count == 1)
		hf_fail(d->fault, HF_ERR_RECHECK_DIFFERENT, path, "%s%s%s", mkey, mkey[0] ? ": " : "",
			what);
	if (d->count > DIFFERENCES_MAX || d->err != HF_OK)
		return;
	snprintf(key, sizeof(key), "difference-%zu", d->count);
	snprintf(text, sizeof(text), "%s %s %s", path, mkey, what);
	d->err = hf_gate_note_text(d->gate, d->note, key, text);
}

static bool appeared(const struct hf_gate *gate, const struct hf_part *part)
{
	const struct hf_part *p = gate->inventory ? gate->claims.parts : NULL;

	for (; p && p != gate->inventory->next; p = p->next)
		if (strcmp(p->path, part->path) == 0)
			return false;
	return p != NULL;
}

enum hf_err hf_gate_parts_view(const struct hf_gate *gate, struct hf_arena *arena,
			       struct hf_claims *ret)
{
	hf_claims_init(ret, arena);
	for (const struct hf_part *p = gate->claims.parts; p; p = p->next) {
		struct hf_part *copy;

		if (p->kind == HF_PART_HOST || hf_part_superseded(p) || hf_gate_away(gate, p) ||
		    (gate->all_unbound && appeared(gate, p)))
			continue;
		copy = hf_arena_take(arena, sizeof(*copy));
		if (!copy)
			return HF_ERR_NO_MEMORY;
		*copy = *p;
		copy->next = NULL;
		*ret->parts_end = copy;
		ret->parts_end = &copy->next;
		ret->part_count++;
		ret->function_count += p->function_count;
	}
	return HF_OK;
}

/* Without its driver and with it, as the first time. */
static enum hf_err join_bound(struct hf_claims *plain, const struct hf_claims *bound,
			      struct hf_claims *ret)
{
	enum hf_err err = HF_OK;
	struct hf_part *next;

	for (struct hf_part *p = plain->parts; p && err == HF_OK; p = next) {
		const struct hf_part *more = hf_claims_find_part(bound, p->path);
		struct hf_part *joined = more ? hf_part_join(ret, p, more) : p;

		next = p->next;
		/* A function that is gone: the part without it, which is a difference. */
		err = hf_claims_append_part(ret, joined ? joined : p);
	}
	return err;
}

static enum hf_err measure_plain(struct hf_gate *gate, struct hf_arena *arena,
				 struct hf_claims *ret, struct hf_fault *fault)
{
	struct hf_spdm_seed seed;
	const struct hf_read_options options = { .rom_bound = true, .rom_sizing = true,
						 .mailbox = true, .seed = &seed,
						 .vfio = gate->all_unbound && hf_gate_vfio(gate) };
	struct hf_bus bus;
	enum hf_err err = hf_bus_read(&gate->host, arena, &bus, fault);

	if (err != HF_OK)
		return err;
	hf_gate_seed(gate, HF_SPDM_PASS_RECHECK, &seed);
	hf_claims_init(ret, arena);
	err = hf_topology(&bus, ret);
	if (err == HF_OK)
		err = hf_measure(&gate->host, &bus, &options, ret, hf_gate_progress, NULL);
	return err == HF_OK ? HF_OK : hf_fail(fault, err, gate->host.root, "%s", "measuring again");
}

static bool any_appeared(const struct hf_gate *gate)
{
	for (const struct hf_part *p = gate->claims.parts; p; p = p->next)
		if (appeared(gate, p))
			return true;
	return false;
}

/* First by the drivers that are bound; then, in the conditions of the first time, without
 * any, for nothing needs them any more. What appeared behind a driver goes with it: then
 * everything is measured before they go. */
static enum hf_err measure_again(struct hf_gate *gate, struct hf_arena *arena,
				 struct hf_claims *ret, struct hf_fault *fault)
{
	const bool first = any_appeared(gate);
	struct hf_claims bound, plain;
	enum hf_err err = hf_gate_read_bound(gate, NULL, &bound, fault);

	if (err == HF_OK && first)
		err = measure_plain(gate, arena, &plain, fault);
	if (err == HF_OK)
		err = hf_gate_unbind(gate, NULL, fault);
	if (err == HF_OK && !first)
		err = measure_plain(gate, arena, &plain, fault);
	if (err != HF_OK)
		return err;
	hf_claims_init(ret, arena);
	err = join_bound(&plain, &bound, ret);
	ret->attachments = plain.attachments;	/* no driver adds one */
	return err == HF_OK ? HF_OK : hf_fail(fault, err, gate->host.root, "%s", "measuring again");
}

/* What devices signed this time: noted, whoever signed it, then judged as before. */
static enum hf_err look_at_signed(struct hf_gate *gate, const struct hf_claims *after,
				  struct differences *d, struct hf_fault *fault)
{
	struct hf_spdm_seed seed;
	enum hf_err err = hf_gate_note_transcripts(gate, after, fault);

	hf_gate_seed(gate, HF_SPDM_PASS_RECHECK, &seed);
	if (err != HF_OK)
		return err;
	return hf_gate_compare_signed(gate, after, &seed, difference, d, fault);
}

static enum hf_err recheck(struct hf_gate *gate, struct hf_arena *arena, struct hf_fault *fault)
{
	struct differences d = { .gate = gate, .fault = fault };
	struct hf_claims before, after;
	struct hf_fault mine = { 0 };
	enum hf_err err = hf_gate_parts_view(gate, arena, &before);

	d.note = hf_gate_note_part(gate, "recheck");
	if (err != HF_OK || !d.note)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "recheck", "%s", "");
	err = measure_again(gate, arena, &after, fault);
	if (err != HF_OK)
		return err;
	(void)hf_claims_compare(&before, &after, difference, &d);
	err = look_at_signed(gate, &after, &d, &mine);
	if (err != HF_OK) {
		*fault = mine;
		return err;
	}
	if (d.err != HF_OK)
		return hf_fail(fault, d.err, "recheck", "%zu differences", d.count);
	hf_gate_note(gate, "%zu functions again, %zu differences", after.function_count, d.count);
	/* Recorded whatever came of it; then judged. */
	struct hf_fault difference_fault = *fault;

	err = hf_gate_record_part(gate, d.note, fault);
	if (err != HF_OK)
		return err;
	if (d.count == 0)
		return HF_OK;
	*fault = difference_fault;
	return HF_ERR_RECHECK_DIFFERENT;
}

enum hf_err hf_gate_recheck(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_arena arena;
	enum hf_err err = hf_arena_make(HF_GATE_SCRATCH_MAX, &arena);

	if (err != HF_OK)
		return hf_fail(fault, err, "recheck", "%s", "");
	err = recheck(gate, &arena, fault);
	hf_arena_drop(&arena);
	return err;
}
