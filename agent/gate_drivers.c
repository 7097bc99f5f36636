/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gate does with parts whose drivers it has bound: read them, take their claims and
 * what appears behind them, and unbind them again. */
#include "agent/gate.h"

#include "agent/bind.h"
#include "agent/watch.h"

static bool bound_part(const struct hf_gate *gate, const char *path)
{
	for (size_t i = 0; i < gate->bound_count; i++)
		if (gate->bound[i].on && strcmp(gate->bound[i].part, path) == 0)
			return true;
	return false;
}

/* The part with its functions, and nothing measured yet. */
static enum hf_err add_bare(struct hf_gate *gate, const struct hf_part *part, struct hf_claims *claims)
{
	struct hf_part *bare = hf_claims_add_part(claims, part->kind, part->path);

	for (const struct hf_function *f = part->functions; bare && f; f = f->next) {
		const struct hf_bus_function *now = hf_bus_find(&gate->bus, &f->address);
		struct hf_function *copy = hf_claims_add_function(claims, bare, &f->address, f->path);

		if (!copy)
			return HF_ERR_LIMIT;
		copy->identity = f->identity;
		copy->driver = now ? now->driver : NULL;
	}
	return bare ? HF_OK : HF_ERR_LIMIT;
}

enum hf_err hf_gate_read_bound(struct hf_gate *gate, const char *part, struct hf_claims *claims,
			       struct hf_fault *fault)
{
	const struct hf_read_options options = { .rom_bound = true, .drivers_only = true };
	enum hf_err err = HF_OK;

	hf_claims_init(claims, &gate->arena);
	for (const struct hf_part *p = gate->claims.parts; p && err == HF_OK; p = p->next)
		if (p->kind != HF_PART_HOST && !hf_part_superseded(p) && bound_part(gate, p->path) &&
		    (!part || strcmp(part, p->path) == 0))
			err = add_bare(gate, p, claims);
	if (err == HF_OK && claims->parts)
		err = hf_measure(&gate->host, &gate->bus, &options, claims, hf_gate_progress, NULL);
	return err == HF_OK ? HF_OK : hf_fail(fault, err, part ? part : gate->host.root, "%s",
					      "reading with drivers");
}

enum hf_err hf_gate_take_bound(struct hf_gate *gate, const struct hf_part *measured,
			       struct hf_fault *fault)
{
	const struct hf_part *known = hf_claims_find_part(&gate->claims, measured->path);
	struct hf_part *joined = known ? hf_part_join(&gate->claims, known, measured) : NULL;
	enum hf_err err = joined ? hf_claims_append_part(&gate->claims, joined) : HF_ERR_LIMIT;
	struct hf_fault mine = { 0 };

	if (err != HF_OK)
		return hf_fail(fault, err, measured->path, "%s", "claims with its driver");
	err = hf_gate_record(gate, fault);
	if (err != HF_OK)
		return err;
	hf_gate_judge(gate);
	err = hf_gate_verdict(gate, fault);
	if (hf_gate_admitted(gate, joined))
		return err;
	/* Refused for what its driver showed: it loses the driver before anything else is done. */
	for (size_t i = 0; i < gate->bound_count; i++)
		gate->bound[i].refused |= strcmp(gate->bound[i].part, joined->path) == 0;
	if (hf_gate_unbind(gate, joined->path, &mine) == HF_OK || err != HF_OK)
		return err;
	*fault = mine;
	return mine.err;
}

/* ---- what appears behind a driver ---- */

static const struct hf_function *function_in(const struct hf_claims *claims, const struct hf_part *part,
					     const char *path)
{
	const struct hf_part *known = hf_claims_find_part(claims, part->path);

	for (const struct hf_function *f = known ? known->functions : NULL; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

static bool is_new(const struct hf_claims *claims, const struct hf_part *part)
{
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (!function_in(claims, part, f->path))
			return true;
	return false;
}

/* What a driver read of the part before one of its functions appeared stays. */
static enum hf_err take_new(struct hf_gate *gate, struct hf_claims *fresh, size_t *count)
{
	struct hf_part *next, *joined;
	enum hf_err err = HF_OK;

	for (struct hf_part *p = fresh->parts; p && err == HF_OK; p = next) {
		const struct hf_part *known = hf_claims_find_part(&gate->claims, p->path);

		next = p->next;
		if (!is_new(&gate->claims, p))
			continue;
		joined = known ? hf_part_join(&gate->claims, p, known) : p;
		err = joined ? hf_claims_append_part(&gate->claims, joined) : HF_ERR_RECHECK_DIFFERENT;
		if (err == HF_OK)
			err = hf_gate_take_transcripts(gate, fresh, joined);
		++*count;
	}
	return err;
}

enum hf_err hf_gate_take_new(struct hf_gate *gate, size_t *count, struct hf_fault *fault)
{
	struct hf_spdm_seed seed;
	/* No vfio-pci among drivers that are bound. */
	const struct hf_read_options options = { .rom_bound = true, .rom_sizing = true,
						 .mailbox = true, .seed = &seed };
	struct hf_claims fresh;
	struct hf_bus bus;
	bool grown = false;
	enum hf_err err = hf_bus_grown(&gate->host, &gate->bus, &grown, fault);

	if (err != HF_OK || !grown)
		return err;
	err = hf_bus_read(&gate->host, &gate->arena, &bus, fault);
	if (err != HF_OK)
		return err;
	hf_gate_seed(gate, HF_SPDM_PASS_MEASURE, &seed);
	hf_claims_init(&fresh, &gate->arena);
	err = hf_topology(&bus, &fresh);
	if (err == HF_OK)
		err = hf_measure(&gate->host, &bus, &options, &fresh, hf_gate_progress, NULL);
	if (err == HF_OK)
		err = take_new(gate, &fresh, count);
	if (err != HF_OK)
		return hf_fail(fault, err, gate->host.root, "%s", "after binding");
	gate->bus = bus;
	err = hf_gate_record(gate, fault);
	if (err != HF_OK)
		return err;
	hf_gate_judge(gate);
	return hf_gate_verdict(gate, fault);
}

/* ---- and off again ---- */

static void set_unbound(struct hf_gate *gate, const struct hf_address *address)
{
	for (size_t i = 0; i < gate->bus.count; i++)
		if (hf_address_equal(&gate->bus.functions[i].address, address))
			gate->bus.functions[i].driver = NULL;
}

static enum hf_err unbind_one(struct hf_gate *gate, const struct hf_bind_list *b,
			      struct hf_fault *fault)
{
	enum hf_err err = hf_driver_unbind(&gate->host, b->driver, &b->address, HF_BIND_DEADLINE_MS, fault);
	enum hf_err master = hf_hold_bus_master(&gate->host, &b->address, false);

	set_unbound(gate, &b->address);
	/* Where the kernel refused it at the start too, that is a claim already. */
	if (err == HF_OK && master != HF_OK && gate->hold.bus_master == HF_OK)
		err = hf_fail(fault, HF_ERR_HOLD_FAILED, b->path, "bus master: %s", hf_err_name(master));
	return err;
}

/* Every one is tried, the last first, whatever becomes of the others; the first failure
 * comes back. */
enum hf_err hf_gate_unbind(struct hf_gate *gate, const char *part, struct hf_fault *fault)
{
	enum hf_err first = HF_OK;

	gate->all_unbound |= part == NULL;
	for (size_t i = gate->bound_count; i-- > 0;) {
		struct hf_bind_list *b = &gate->bound[i];
		struct hf_fault mine = { 0 };
		enum hf_err err;

		if (!b->on || (part && strcmp(part, b->part) != 0))
			continue;
		b->on = false;
		(void)hf_watch_kick();
		err = unbind_one(gate, b, &mine);
		if (err == HF_OK || first != HF_OK)
			continue;
		first = err;
		*fault = mine;
	}
	return first;
}
