/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gate does with parts whose drivers it has bound: read them, take their claims,
 * and unbind them again. */
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
