/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rule speaks of which part, and the verdict over all of them.
 *
 * Order, most specific first: a rule whose place is the part's path; a rule without a
 * place; a rule for another place that nothing fills (the part was moved); else the part
 * is surplus or unknown. Among rules of one step a forbidding one wins, then one whose
 * component's firmware matches. Parts take rules in claims order.
 */
#include "manifests/appraise_parts.h"

static uint32_t text_bucket(const char *text)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h % HF_BUCKETS;
}

static uint32_t device_bucket(uint16_t vendor, uint16_t device)
{
	return ((uint32_t)vendor * 40503u ^ device) % HF_BUCKETS;
}

static void *take(struct hf_assignment *s, size_t size)
{
	void *p = hf_arena_take(s->base.arena, size);

	s->base.full |= !p;
	return p;
}

static const struct hf_component *component_named(const struct hf_assignment *s, const char *name)
{
	for (struct hf_known_component *k = s->components[text_bucket(name)]; k; k = k->next)
		if (strcmp(k->component->name, name) == 0)
			return k->component;
	return NULL;
}

static void index_component(struct hf_assignment *s, const struct hf_component *component)
{
	uint32_t b = text_bucket(component->name);
	struct hf_known_component *k = take(s, sizeof(*k));

	if (!k || component_named(s, component->name))
		return;	/* a second one of the same name never applies */
	*k = (struct hf_known_component){ s->components[b], component };
	s->components[b] = k;
	for (const struct hf_release *r = component->releases; r; r = r->next) {
		for (const struct hf_environment *e = r->environments; e; e = e->next) {
			struct hf_known_function *f = take(s, sizeof(*f));

			if (!f)
				return;
			b = device_bucket(e->match.vendor, e->match.device);
			*f = (struct hf_known_function){ s->functions[b], e, component };
			s->functions[b] = f;
		}
	}
}

static void index_rules(struct hf_assignment *s)
{
	struct hf_rule_state **end = &s->rules;

	for (const struct hf_rule *r = s->model->rules; r; r = r->next) {
		struct hf_rule_state *state = take(s, sizeof(*state));

		if (!state)
			return;
		state->rule = r;
		state->component = component_named(s, r->component);
		*end = state;
		end = &state->next;
		if (!r->place)
			continue;
		/* appended, so that rules of one place keep the model's order */
		struct hf_rule_state **at = &s->places[text_bucket(r->place)];

		while (*at)
			at = &(*at)->next_at_place;
		*at = state;
	}
}

static void find_candidates(struct hf_assignment *s, struct hf_seat *seat)
{
	const struct hf_part *part = seat->part;

	if (!part->functions)
		return;
	const struct hf_identity *id = &part->functions->identity;
	struct hf_known_function *k = s->functions[device_bucket(id->vendor, id->device)];

	for (; k; k = k->next) {
		struct hf_candidate *c = seat->candidates;

		if (!hf_match_function(&k->env->match, id))
			continue;
		while (c && c->component != k->component)
			c = c->next;
		if (c || !hf_part_is(part, k->component))
			continue;
		c = take(s, sizeof(*c));
		if (!c)
			return;
		c->component = k->component;
		hf_fit_component(&s->base, part, c->component, &c->fit);
		c->next = seat->candidates;
		seat->candidates = c;
	}
}

static void index_parts(struct hf_assignment *s, const struct hf_claims *claims)
{
	struct hf_seat **end = &s->seats;

	for (const struct hf_part *p = claims->parts; p; p = p->next) {
		struct hf_seat *seat = take(s, sizeof(*seat));
		struct hf_seat **at = &s->paths[text_bucket(p->path)];

		if (!seat)
			return;
		seat->part = p;
		*end = seat;
		end = &seat->next;
		if (p->kind == HF_PART_HOST)
			continue;
		find_candidates(s, seat);
		for (struct hf_seat *o = *at; o && !seat->first; o = o->next_at_path)
			if (strcmp(o->part->path, p->path) == 0)
				seat->first = o;
		if (seat->first)
			continue;
		seat->next_at_path = *at;
		*at = seat;
	}
}

/* ---- rules to parts ---- */

const struct hf_candidate *hf_candidate_for(const struct hf_seat *seat,
					     const struct hf_component *component)
{
	const struct hf_candidate *c = component ? seat->candidates : NULL;

	while (c && c->component != component)
		c = c->next;
	return c;
}

static bool forbids(const struct hf_rule_state *state)
{
	return state->rule->presence == HF_PRESENCE_FORBIDDEN;
}

static void choose(struct hf_seat *seat, struct hf_rule_state *rules, bool placed)
{
	struct hf_rule_state *best = NULL;
	bool best_exact = false;

	for (struct hf_rule_state *r = rules; r; r = placed ? r->next_at_place : r->next) {
		const struct hf_candidate *c = hf_candidate_for(seat, r->component);

		if (placed ? strcmp(r->rule->place, seat->part->path) != 0 : r->rule->place != NULL)
			continue;
		if (!c)
			continue;
		if (forbids(r)) {
			seat->rule = r;
			seat->place_cause = HF_ERR_PART_FORBIDDEN;
			return;
		}
		if (r->filled >= r->rule->count || (best && (best_exact || !c->fit.exact)))
			continue;
		best = r;
		best_exact = c->fit.exact;
	}
	if (best)
		best->filled++;
	seat->rule = best;
}

/* No rule for where it is: moved, surplus, or (rule stays NULL) unknown. */
static void choose_elsewhere(struct hf_seat *seat, struct hf_rule_state *rules)
{
	struct hf_rule_state *extra = NULL;

	for (struct hf_rule_state *r = rules; r; r = r->next) {
		if (forbids(r) || !hf_candidate_for(seat, r->component))
			continue;
		if (r->rule->place && r->filled == 0) {
			r->filled++;
			seat->rule = r;
			seat->place_cause = HF_ERR_PART_MOVED;
			return;
		}
		extra = extra ? extra : r;
	}
	seat->rule = extra;
	seat->place_cause = extra ? HF_ERR_PART_EXTRA : HF_OK;
}

static bool ordinary(const struct hf_seat *seat)
{
	return seat->part->kind != HF_PART_HOST && !seat->first;
}

static void assign_rules(struct hf_assignment *s)
{
	struct hf_seat *seat;

	for (seat = s->seats; seat; seat = seat->next)
		if (ordinary(seat))
			choose(seat, s->places[text_bucket(seat->part->path)], true);
	for (seat = s->seats; seat; seat = seat->next)
		if (ordinary(seat) && !seat->rule)
			choose(seat, s->rules, false);
	for (seat = s->seats; seat; seat = seat->next)
		if (ordinary(seat) && !seat->rule)
			choose_elsewhere(seat, s->rules);
	/* the record of a part made after its driver was bound: same rule, not counted */
	for (seat = s->seats; seat; seat = seat->next)
		if (seat->first) {
			seat->rule = seat->first->rule;
			seat->place_cause = seat->first->place_cause;
		}
}

bool hf_function_known(const struct hf_assignment *s, const struct hf_identity *identity)
{
	struct hf_known_function *k = s->functions[device_bucket(identity->vendor, identity->device)];

	while (k && !hf_match_function(&k->env->match, identity))
		k = k->next;
	return k != NULL;
}

void hf_assign(struct hf_assignment *s, const struct hf_manifests *manifests,
	       const struct hf_claims *claims)
{
	for (const struct hf_component *c = manifests->components; c; c = c->next)
		index_component(s, c);
	index_rules(s);
	index_parts(s, claims);
	if (!s->base.full)
		assign_rules(s);
}
