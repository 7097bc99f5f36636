/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage bind: drivers for admitted parts, one at a time; what then appears is measured,
 * recorded and judged too. And the way back. */
#include "agent/gate.h"

#include <stdio.h>

#include "agent/bind.h"

#define ROUNDS_MAX 8		/* drivers that make devices that need drivers ... */

static enum hf_err remember_bound(struct hf_gate *gate, const struct hf_function *function,
				  const char *driver)
{
	if (gate->bound_count == gate->bound_cap) {
		size_t cap = gate->bound_cap ? 2 * gate->bound_cap : 64;
		struct hf_bind_list *list = hf_arena_take(&gate->arena, cap * sizeof(*list));

		if (!list)
			return HF_ERR_NO_MEMORY;
		if (gate->bound_count)
			memcpy(list, gate->bound, gate->bound_count * sizeof(*list));
		gate->bound = list;
		gate->bound_cap = cap;
	}
	gate->bound[gate->bound_count++] =
		(struct hf_bind_list){ function->address, function->path, driver };
	return HF_OK;
}

static enum hf_err bind_part(struct hf_gate *gate, const struct hf_part *part, const char *driver,
			     struct hf_fault *fault)
{
	for (const struct hf_function *f = part->functions; f; f = f->next) {
		bool bound = false;
		enum hf_err err = hf_driver_bind(&gate->host, driver, &f->address, &bound, fault);

		if (err == HF_OK && bound)
			err = remember_bound(gate, f, driver);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

/* Allow-listed drivers, in the model's order, to admitted parts and nothing else. */
static enum hf_err bind_round(struct hf_gate *gate, struct hf_fault *fault)
{
	for (const struct hf_name_list *d = gate->model->drivers; d; d = d->next) {
		enum hf_err err = hf_module_load(d->name, fault);

		if (err != HF_OK)
			return err;
		for (const struct hf_part *p = gate->claims.parts; p; p = p->next) {
			if (p->kind == HF_PART_HOST || hf_part_superseded(p) ||
			    !hf_gate_admitted(gate, p))
				continue;
			err = bind_part(gate, p, d->name, fault);
			if (err != HF_OK)
				return err;
		}
	}
	return HF_OK;
}

static bool has_function(const struct hf_claims *claims, const struct hf_part *part, const char *path)
{
	const struct hf_part *known = hf_claims_find_part(claims, part->path);

	for (const struct hf_function *f = known ? known->functions : NULL; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return true;
	return false;
}

static bool is_new(const struct hf_claims *claims, const struct hf_part *part)
{
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (!has_function(claims, part, f->path))
			return true;
	return false;
}

/* Parts that are new, or have new functions, join the claims: a later entry takes the
 * place of an earlier one with the same path. */
static size_t take_new(struct hf_claims *claims, struct hf_claims *fresh)
{
	struct hf_part *next;
	size_t count = 0;

	for (struct hf_part *p = fresh->parts; p; p = next) {
		next = p->next;
		if (!is_new(claims, p))
			continue;
		p->next = NULL;
		*claims->parts_end = p;
		claims->parts_end = &p->next;
		claims->part_count++;
		claims->function_count += p->function_count;
		count++;
	}
	return count;
}

/* Enumerate again; what is new goes through measure, record and appraise. */
static enum hf_err look_for_new(struct hf_gate *gate, size_t *ret_count, struct hf_fault *fault)
{
	const struct hf_read_options options = { .rom_bound = true, .rom_sizing = true };
	const size_t mark = gate->arena.len;
	struct hf_claims fresh;
	struct hf_bus bus;
	enum hf_err err = hf_bus_read(&gate->host, &gate->arena, &bus, fault);
	bool any = false;

	*ret_count = 0;
	if (err != HF_OK)
		return err;
	hf_claims_init(&fresh, &gate->arena);
	err = hf_topology(&bus, &fresh);
	for (const struct hf_part *p = fresh.parts; err == HF_OK && p; p = p->next)
		any |= is_new(&gate->claims, p);
	if (err == HF_OK && any)
		err = hf_measure(&gate->host, &bus, &options, &fresh, NULL, NULL);
	if (err != HF_OK)
		return hf_fail(fault, err, gate->host.root, "%s", "after binding");
	if (!any) {
		gate->arena.len = mark;
		return HF_OK;
	}
	*ret_count = take_new(&gate->claims, &fresh);
	err = hf_gate_record(gate, fault);
	if (err != HF_OK)
		return err;
	hf_gate_judge(gate);
	return hf_gate_verdict(gate, fault);
}

static enum hf_err record_bound(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_part *note;
	char key[32], text[HF_PATH_MAX + HF_MODULE_NAME_MAX + 2];

	if (gate->bound_count == 0)
		return HF_OK;
	note = hf_gate_note_part(gate, "bind");
	for (size_t i = 0; i < gate->bound_count; i++) {
		snprintf(key, sizeof(key), "driver-%zu", i + 1);
		snprintf(text, sizeof(text), "%s %s", gate->bound[i].path, gate->bound[i].driver);
		if (hf_gate_note_text(gate, note, key, text) != HF_OK)
			return hf_fail(fault, HF_ERR_LIMIT, "bind", "%zu drivers", gate->bound_count);
	}
	return hf_gate_record_part(gate, note, fault);
}

enum hf_err hf_gate_bind(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;
	size_t appeared = 1, total = 0;

	if (!hf_gate_live(gate)) {
		hf_gate_note(gate, "nothing: no driver is bound in a rehearsal");
		return HF_OK;
	}
	for (int round = 0; err == HF_OK && appeared > 0; round++) {
		if (round == ROUNDS_MAX)
			return hf_fail(fault, HF_ERR_LIMIT, "bind", "devices keep appearing");
		err = bind_round(gate, fault);
		if (err == HF_OK)
			err = look_for_new(gate, &appeared, fault);
		total += appeared;
	}
	if (err == HF_OK)
		err = record_bound(gate, fault);
	hf_gate_note(gate, "%zu drivers bound, %zu parts appeared", gate->bound_count, total);
	return err;
}

/* Every one is tried, whatever becomes of the others; the first failure comes back. */
enum hf_err hf_gate_unbind(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err first = HF_OK;

	while (gate->bound_count > 0) {
		const struct hf_bind_list *b = &gate->bound[--gate->bound_count];
		struct hf_fault mine = { 0 };
		enum hf_err err = hf_driver_unbind(&gate->host, b->driver, &b->address, &mine);
		enum hf_err master = hf_hold_bus_master(&gate->host, &b->address, false);

		/* Where the kernel refused it at the start too, that is a claim already. */
		if (err == HF_OK && master != HF_OK && gate->hold.bus_master == HF_OK)
			err = hf_fail(&mine, HF_ERR_HOLD_FAILED, b->path, "bus master: %s",
				      hf_err_name(master));
		if (err == HF_OK || first != HF_OK)
			continue;
		first = err;
		*fault = mine;
	}
	return first;
}
