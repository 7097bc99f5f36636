/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage bind: drivers for admitted parts that something isolates, one at a time. After
 * each, what only that driver can read is measured, recorded and judged before the next is
 * bound, and so is whatever appeared. */
#include "agent/gate.h"

#include <stdio.h>
#include <time.h>

#include "agent/bind.h"
#include "agent/watch.h"
#include "pcie/isolation.h"

#define CLASS_STORAGE 0x01
#define ROUNDS_MAX 8		/* drivers that make devices that need drivers ... */

struct candidate {	/* a function, and the driver of the model that takes it */
	struct candidate *next;
	const struct hf_part *part;
	const struct hf_function *function;
	const char *driver;
	const char *how;	/* what isolates it */
};

struct round {
	struct hf_gate *gate;
	const struct hf_iommu_group *groups;
	struct hf_aliases aliases;
	const char *only;	/* path of the one function; NULL: all */
	struct candidate *list, **end;
	size_t appeared;
};

/* ---- who is to be bound ---- */

static const struct hf_bus_function *shown(const struct hf_gate *gate, const struct hf_function *f)
{
	return hf_bus_find(&gate->bus, &f->address);
}

static bool chosen(const struct round *r, const struct hf_function *function)
{
	for (const struct candidate *c = r->list; c; c = c->next)
		if (c->function == function)
			return true;
	return false;
}

static enum hf_err choose_function(struct round *r, const struct hf_part *part,
				   const struct hf_function *function, const char *driver)
{
	const struct hf_bus_function *now = shown(r->gate, function);
	char modalias[HF_MODALIAS_TEXT];
	struct candidate *c;

	hf_modalias_format(&function->identity, modalias);
	if (r->only && strcmp(r->only, function->path) != 0)
		return HF_OK;
	if (!now || now->driver || chosen(r, function) ||
	    !hf_aliases_take(&r->aliases, driver, modalias))
		return HF_OK;
	c = hf_arena_take(&r->gate->arena, sizeof(*c));
	if (!c)
		return HF_ERR_NO_MEMORY;
	*c = (struct candidate){ .part = part, .function = function, .driver = driver };
	*r->end = c;
	r->end = &c->next;
	return HF_OK;
}

/* Allow-listed drivers, in the model's order; admitted parts, and nothing else. */
static enum hf_err choose(struct round *r, struct hf_fault *fault)
{
	struct hf_gate *gate = r->gate;
	enum hf_err err = HF_OK;

	for (const struct hf_name_list *d = gate->model->drivers; d; d = d->next) {
		err = hf_module_load(d->name, fault);
		if (err != HF_OK)
			return err;
		for (const struct hf_part *p = gate->claims.parts; p; p = p->next) {
			if (p->kind == HF_PART_HOST || hf_part_superseded(p) || hf_gate_away(gate, p) ||
			    !hf_gate_admitted(gate, p))
				continue;
			for (const struct hf_function *f = p->functions; f && err == HF_OK; f = f->next)
				err = choose_function(r, p, f, d->name);
			if (err != HF_OK)
				return hf_fail(fault, err, p->path, "%s", d->name);
		}
	}
	return HF_OK;
}

/* ---- what isolates them ---- */

static bool address_admitted(const void *self, const struct hf_address *address)
{
	const struct hf_gate *gate = self;

	for (const struct hf_part *p = gate->claims.parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (hf_address_equal(&f->address, address) &&
			    !hf_part_superseded(p))
				return hf_gate_admitted(gate, p) && !hf_gate_away(gate, p);
	return false;
}

static const char *path_of(const struct hf_gate *gate, const struct hf_address *address)
{
	for (const struct hf_part *p = gate->claims.parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (hf_address_equal(&f->address, address))
				return f->path;
	return "?";
}

/* No two words of this describe the same strength: the one who judges reads which it was. */
static enum hf_err describe(struct round *r, struct candidate *c, const struct hf_isolation *found)
{
	char text[HF_PATH_MAX + 64];

	if (found->method == HF_ISOLATION_NONE)
		snprintf(text, sizeof(text), "%s", HF_BIND_BARE);
	else if (found->method == HF_ISOLATION_IOMMU)
		snprintf(text, sizeof(text), "%s %s", hf_isolation_name(found->method), found->type);
	else
		snprintf(text, sizeof(text), "%s %s %s", hf_isolation_name(found->method),
			 path_of(r->gate, &found->port), found->enabled ? "found" : "set");
	c->how = hf_arena_text(&r->gate->arena, text, strlen(text));
	return c->how ? HF_OK : HF_ERR_NO_MEMORY;
}

/* A signed audit mode goes on here too, and says so. */
static enum hf_err not_isolated(struct round *r, const struct candidate *c,
				const struct hf_isolation *found, struct hf_fault *fault)
{
	(void)hf_fail(fault, HF_ERR_BIND_NOT_ISOLATED, c->part->path, "%s: %s; %s", c->driver,
		      found->no_iommu, found->no_port);
	if (!hf_gate_audit(r->gate))
		return fault->err;
	r->gate->would_hold_cause = HF_ERR_BIND_NOT_ISOLATED;
	hf_gate_would_hold(r->gate, fault, "HOLD");
	*fault = (struct hf_fault){ 0 };
	return HF_OK;
}

static enum hf_err isolate(struct round *r, struct candidate *c, struct hf_fault *fault)
{
	const struct hf_isolation_view view = { &r->gate->bus, r->groups, address_admitted, r->gate };
	struct hf_isolation found;
	enum hf_err err = HF_OK;

	hf_isolation_find(&view, c->part, c->function, &found);
	if (found.method == HF_ISOLATION_PORT_ACS && !found.enabled &&
	    hf_acs_enable(&r->gate->host, &found) != HF_OK) {
		found.method = HF_ISOLATION_NONE;
		found.no_port = "its port's ACS cannot be switched on";
	}
	if (found.method == HF_ISOLATION_NONE)
		err = not_isolated(r, c, &found, fault);
	if (err != HF_OK)
		return err;
	err = describe(r, c, &found);
	return err == HF_OK ? HF_OK : hf_fail(fault, err, c->part->path, "%s", c->driver);
}

/* Of all, before any is bound. */
static enum hf_err prepare(struct round *r, struct hf_fault *fault)
{
	struct hf_gate *gate = r->gate;
	enum hf_err err;

	r->list = NULL;
	r->end = &r->list;
	r->appeared = 0;
	err = choose(r, fault);
	if (err != HF_OK || !r->list)
		return err;
	err = hf_iommu_read(&gate->host, &gate->bus, &gate->arena, &r->groups);
	if (err != HF_OK)
		return hf_fail(fault, err, "iommu_groups", "%zu functions", gate->bus.count);
	for (struct candidate *c = r->list; c && err == HF_OK; c = c->next)
		err = isolate(r, c, fault);
	return err;
}

/* ---- one after the other ---- */

static enum hf_err remember(struct hf_gate *gate, const struct candidate *c, struct hf_fault *fault)
{
	if (gate->bound_count == gate->bound_cap) {
		size_t cap = gate->bound_cap ? 2 * gate->bound_cap : 64;
		struct hf_bind_list *list = hf_arena_take(&gate->arena, cap * sizeof(*list));

		if (!list)
			return hf_fail(fault, HF_ERR_NO_MEMORY, c->part->path, "%s", c->driver);
		if (gate->bound_count)
			memcpy(list, gate->bound, gate->bound_count * sizeof(*list));
		gate->bound = list;
		gate->bound_cap = cap;
	}
	gate->bound[gate->bound_count++] = (struct hf_bind_list){
		c->function->address, c->function->path, c->driver, c->part->path, c->how, true, false };
	return HF_OK;
}

/* The bus as it was read, with what is bound now. */
static void set_driver(struct hf_gate *gate, const struct hf_address *address, const char *driver)
{
	for (size_t i = 0; i < gate->bus.count; i++)
		if (hf_address_equal(&gate->bus.functions[i].address, address))
			gate->bus.functions[i].driver = driver;
}

static bool says_anything(const struct hf_claims *measured)
{
	for (const struct hf_part *p = measured->parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (f->measurements)
				return true;
	return false;
}

/* A driver's probe returns before it knows its device: NVMe controllers are asked for their
 * identity afterwards, drives behind other controllers are looked for. */
static bool settled(const struct hf_claims *measured, const struct candidate *c)
{
	for (const struct hf_part *p = measured->parts; p; p = p->next)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			for (const struct hf_measurement *m = f->measurements; m; m = m->next)
				if (m->kind == HF_VALUE_FAILURE)
					return false;
	return says_anything(measured) ||
	       c->function->identity.class_code >> 16 != CLASS_STORAGE;
}

static enum hf_err read_settled(struct hf_gate *gate, const struct candidate *c,
				struct hf_claims *measured, struct hf_fault *fault)
{
	const struct timespec pause = { 0, 200 * 1000000L };
	const uint64_t end = hf_now_ms() + HF_GATE_SETTLE_MS;

	for (;;) {
		const size_t mark = gate->arena.len;
		enum hf_err err = hf_gate_read_bound(gate, c->part->path, measured, fault);

		if (err != HF_OK || settled(measured, c) || hf_now_ms() >= end)
			return err;
		gate->arena.len = mark;
		nanosleep(&pause, NULL);
	}
}

static enum hf_err bind_one(struct hf_gate *gate, const struct candidate *c, struct hf_fault *fault)
{
	struct hf_claims measured;
	enum hf_err err = remember(gate, c, fault);

	(void)hf_watch_kick();	/* too late: the next event fails */
	if (err == HF_OK)
		err = hf_driver_bind(&gate->host, c->driver, &c->function->address,
				     HF_BIND_DEADLINE_MS, fault);
	if (err != HF_OK)
		return err;	/* it is remembered: HELD takes off whatever came of it */
	set_driver(gate, &c->function->address, c->driver);
	err = read_settled(gate, c, &measured, fault);
	/* A driver that adds nothing to what is known needs no second event: the note has it. */
	if (err == HF_OK && says_anything(&measured))
		err = hf_gate_take_bound(gate, measured.parts, fault);
	return err;
}

/* A part that was refused since the round began gets no driver any more. */
static enum hf_err bind_round(struct round *r, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	for (const struct candidate *c = r->list; c && err == HF_OK; c = c->next) {
		if (!hf_gate_admitted(r->gate, c->part))
			continue;
		err = bind_one(r->gate, c, fault);
		if (err == HF_OK)
			err = hf_gate_take_new(r->gate, &r->appeared, fault);
	}
	return err;
}

/* ---- the stage ---- */

static enum hf_err record_bound(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_part *note;
	char key[32], text[2 * HF_PATH_MAX + HF_MODULE_NAME_MAX + 96];

	if (gate->bound_count == 0)
		return HF_OK;
	note = hf_gate_note_part(gate, HF_BIND_NOTE);
	for (size_t i = 0; i < gate->bound_count; i++) {
		const struct hf_bind_list *b = &gate->bound[i];

		snprintf(key, sizeof(key), "driver-%zu", i + 1);
		snprintf(text, sizeof(text), "%s %s %s%s", b->path, b->driver, b->how,
			 b->refused ? " refused" : "");
		if (hf_gate_note_text(gate, note, key, text) != HF_OK)
			return hf_fail(fault, HF_ERR_LIMIT, "bind", "%zu drivers", gate->bound_count);
	}
	return hf_gate_record_part(gate, note, fault);
}

/* All that only a driver could measure must be there now. */
static enum hf_err judge_whole(struct hf_gate *gate, struct hf_fault *fault)
{
	gate->drivers_done = true;
	if (!gate->verdict.awaited)
		return HF_OK;
	hf_gate_judge(gate);
	return hf_gate_verdict(gate, fault);
}

static enum hf_err bind_all(struct round *r, size_t *appeared, struct hf_fault *fault)
{
	for (int n = 0; n < ROUNDS_MAX; n++) {
		enum hf_err err = prepare(r, fault);

		if (err == HF_OK)
			err = bind_round(r, fault);
		if (err != HF_OK)
			return err;
		*appeared += r->appeared;
		if (r->appeared == 0)
			return HF_OK;
	}
	return hf_fail(fault, HF_ERR_LIMIT, "bind", "%s", "devices keep appearing");
}

enum hf_err hf_gate_bind(struct hf_gate *gate, struct hf_fault *fault)
{
	struct round round = { .gate = gate };
	enum hf_err err = HF_OK, recorded;
	struct hf_fault mine = { 0 };
	size_t appeared = 0;

	if (!hf_gate_live(gate)) {
		hf_gate_note(gate, "nothing: no driver is bound in a rehearsal");
		return judge_whole(gate, fault);
	}
	/* A module that is loaded would take whatever it likes, isolated or not. */
	if (gate->model->drivers && gate->hold.autoprobe != HF_OK)
		return hf_fail(fault, HF_ERR_HOLD_FAILED, "drivers_autoprobe", "%s",
			       hf_err_name(gate->hold.autoprobe));
	if (gate->model->drivers)
		err = hf_aliases_read(&gate->arena, &round.aliases, fault);
	if (err == HF_OK)
		err = bind_all(&round, &appeared, fault);
	/* What was bound is evidence whatever came of it. */
	recorded = record_bound(gate, &mine);
	if (err == HF_OK && recorded != HF_OK)
		*fault = mine;
	err = err == HF_OK ? recorded : err;
	hf_gate_note(gate, "%zu drivers bound, %zu parts appeared", gate->bound_count, appeared);
	return err == HF_OK ? judge_whole(gate, fault) : err;
}

/* ---- one function, for the link ---- */

static bool is_bound(const struct hf_gate *gate, const char *path)
{
	for (size_t i = 0; i < gate->bound_count; i++)
		if (gate->bound[i].on && strcmp(gate->bound[i].path, path) == 0)
			return true;
	return false;
}

enum hf_err hf_gate_bind_function(struct hf_gate *gate, const char *path, struct hf_fault *fault)
{
	struct round round = { .gate = gate, .only = path };
	enum hf_err err;

	if (is_bound(gate, path))
		return HF_OK;
	if (gate->hold.autoprobe != HF_OK)
		return hf_fail(fault, HF_ERR_HOLD_FAILED, "drivers_autoprobe", "%s",
			       hf_err_name(gate->hold.autoprobe));
	err = hf_aliases_read(&gate->arena, &round.aliases, fault);
	if (err == HF_OK)
		err = prepare(&round, fault);
	if (err != HF_OK)
		return err;
	if (!round.list)
		return hf_fail(fault, HF_ERR_LINK_NO_NIC, path, "%s",
			       "it is not accepted, or no driver of the model takes it");
	err = remember(gate, round.list, fault);
	if (err == HF_OK)
		err = hf_driver_bind(&gate->host, round.list->driver, &round.list->function->address,
				     HF_BIND_DEADLINE_MS, fault);
	if (err == HF_OK)
		set_driver(gate, &round.list->function->address, round.list->driver);
	return err;
}
