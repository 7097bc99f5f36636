/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rule speaks of which part, and the verdict over all of them.
 *
 * Order, most specific first: a rule whose place is the part's path; one for its slot; a
 * rule without a place; a rule for another place that nothing fills (the part was moved); else the part
 * is surplus or unknown. Among rules of one step a forbidding one wins, then one whose
 * component's firmware matches. Parts take rules in claims order.
 */
#include "manifests/appraise_parts.h"

#include <stdio.h>

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

/* Appended, so that rules of one place keep the model's order. */
static void add_spot(struct hf_assignment *s, struct hf_rule_state *state, const char *where, bool slot)
{
	struct hf_spot *spot = take(s, sizeof(*spot));
	struct hf_spot **end = &state->spots, **bucket = &s->spots[text_bucket(where)];

	if (!spot)
		return;
	*spot = (struct hf_spot){ .state = state, .where = where, .slot = slot };
	while (*end)
		end = &(*end)->next;
	*end = spot;
	while (*bucket)
		bucket = &(*bucket)->next_in_bucket;
	*bucket = spot;
	state->spot_count++;
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
		if (r->place)
			add_spot(s, state, r->place, false);
		for (const struct hf_name_list *n = r->more_places; n; n = n->next)
			add_spot(s, state, n->name, false);
		for (const struct hf_name_list *n = r->slots; n; n = n->next)
			add_spot(s, state, n->name, true);
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

static const char *slot_of(const struct hf_part *part)
{
	const struct hf_measurement *m = hf_measurement_find(part->measurements, HF_MKEY_SLOT);

	return m && m->kind == HF_VALUE_TEXT && m->cause == HF_OK ? m->text : NULL;
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
		seat->slot = slot_of(p);
		*end = seat;
		end = &seat->next;
		if (p->kind == HF_PART_HOST)
			continue;
		find_candidates(s, seat);
		for (struct hf_seat *o = *at; o && !seat->first; o = o->next_at_path)
			if (strcmp(o->part->path, p->path) == 0)
				seat->first = o;
		if (seat->first) {
			seat->first->last = seat;
			continue;
		}
		seat->next_at_path = *at;
		*at = seat;
	}
}

/* ---- rules to parts ---- */

/* A vendor's word never suffices where the owner's is asked for; to forbid, it does. */
static bool rule_names(const struct hf_rule *rule, const struct hf_component *component)
{
	if (component->vendor && rule->owner_approved && rule->presence != HF_PRESENCE_FORBIDDEN)
		return false;
	if (!rule->component[0] || strcmp(rule->component, component->name) == 0)
		return true;
	for (const struct hf_name_list *n = rule->more_components; n; n = n->next)
		if (strcmp(n->name, component->name) == 0)
			return true;
	return false;
}

static bool of_class(const struct hf_part *part, const char *prefix)
{
	char text[7];

	if (!prefix)
		return true;
	if (!part->functions)
		return false;
	snprintf(text, sizeof(text), "%06x", part->functions->identity.class_code & 0xffffffu);
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* As what a rule takes the part: of the components that the rule names and the part could
 * be, the one whose firmware fits best. NULL: the rule does not speak of it. */
static const struct hf_candidate *candidate_for(const struct hf_seat *seat,
						const struct hf_rule *rule)
{
	const struct hf_candidate *best = NULL;

	if (!of_class(seat->part, rule->class_prefix))
		return NULL;
	for (const struct hf_candidate *c = seat->candidates; c; c = c->next)
		if (rule_names(rule, c->component) &&
		    (!best || hf_fit_better(&c->fit, &best->fit)))
			best = c;
	return best;
}

static bool forbids(const struct hf_rule_state *state)
{
	return state->rule->presence == HF_PRESENCE_FORBIDDEN;
}

struct choice {
	struct hf_rule_state *state;
	struct hf_spot *spot;
	const struct hf_candidate *candidate;
};

/* Whether the search is over: a rule that forbids outranks all others of its step. */
static bool consider(struct hf_seat *seat, struct hf_rule_state *state, struct hf_spot *spot,
		     struct choice *best)
{
	const struct hf_candidate *c = candidate_for(seat, state->rule);

	if (!c)
		return false;
	if (forbids(state)) {
		*best = (struct choice){ state, NULL, c };
		seat->place_cause = HF_ERR_PART_FORBIDDEN;
		return true;
	}
	if (state->filled >= state->rule->count || (spot && spot->taken) ||
	    (best->state && (best->candidate->fit.exact || !c->fit.exact)))
		return false;
	*best = (struct choice){ state, spot, c };
	return false;
}

static void settle(struct hf_seat *seat, const struct choice *choice)
{
	if (!choice->state)
		return;
	if (seat->place_cause != HF_ERR_PART_FORBIDDEN) {
		choice->state->filled++;
		if (choice->spot)
			choice->spot->taken = true;
	}
	seat->rule = choice->state;
	seat->candidate = choice->candidate;
}

/* A rule for the part's own path, then one for its slot. */
static void choose_placed(struct hf_assignment *s, struct hf_seat *seat)
{
	const char *const wheres[] = { seat->part->path, seat->slot };

	for (int slot = 0; slot <= 1 && !seat->rule; slot++) {
		struct choice best = { 0 };

		if (!wheres[slot])
			continue;
		for (struct hf_spot *spot = s->spots[text_bucket(wheres[slot])]; spot;
		     spot = spot->next_in_bucket)
			if (spot->slot == slot && strcmp(spot->where, wheres[slot]) == 0 &&
			    consider(seat, spot->state, spot, &best))
				break;
		settle(seat, &best);
	}
}

static void choose_anywhere(struct hf_assignment *s, struct hf_seat *seat)
{
	struct choice best = { 0 };

	for (struct hf_rule_state *r = s->rules; r; r = r->next)
		if (!r->spots && consider(seat, r, NULL, &best))
			break;
	settle(seat, &best);
}

static struct hf_spot *empty_spot(const struct hf_rule_state *state)
{
	struct hf_spot *spot = state->filled < state->rule->count ? state->spots : NULL;

	while (spot && spot->taken)
		spot = spot->next;
	return spot;
}

/* No rule for where it is: moved, surplus, or (rule stays NULL) unknown. */
static void choose_elsewhere(struct hf_assignment *s, struct hf_seat *seat)
{
	struct choice extra = { 0 };

	for (struct hf_rule_state *r = s->rules; r; r = r->next) {
		const struct hf_candidate *c = forbids(r) ? NULL : candidate_for(seat, r->rule);
		struct hf_spot *spot = c ? empty_spot(r) : NULL;

		if (!c)
			continue;
		if (spot) {
			settle(seat, &(struct choice){ r, spot, c });
			seat->moved_from = spot->where;
			seat->place_cause = HF_ERR_PART_MOVED;
			return;
		}
		if (!extra.state)
			extra = (struct choice){ r, NULL, c };
	}
	seat->rule = extra.state;
	seat->candidate = extra.candidate;
	seat->place_cause = extra.state ? HF_ERR_PART_EXTRA : HF_OK;
}

static bool ordinary(const struct hf_seat *seat)
{
	return seat->part->kind != HF_PART_HOST && !seat->first;
}

/* The record of a part made after its driver was bound: same rule, not counted. */
static void follow_first(struct hf_seat *seat)
{
	seat->rule = seat->first->rule;
	seat->place_cause = seat->first->place_cause;
	seat->moved_from = seat->first->moved_from;
	seat->candidate = seat->rule ? candidate_for(seat, seat->rule->rule) : NULL;
}

static void assign_rules(struct hf_assignment *s)
{
	struct hf_seat *seat;

	for (seat = s->seats; seat; seat = seat->next)
		if (ordinary(seat))
			choose_placed(s, seat);
	for (seat = s->seats; seat; seat = seat->next)
		if (ordinary(seat) && !seat->rule)
			choose_anywhere(s, seat);
	for (seat = s->seats; seat; seat = seat->next)
		if (ordinary(seat) && !seat->rule)
			choose_elsewhere(s, seat);
	for (seat = s->seats; seat; seat = seat->next)
		if (seat->first)
			follow_first(seat);
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
