/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is common, as manifests: of values and places that enough hosts share, and of no other. */
#include "controller/census_parts.h"

#include <stdio.h>

#define EXAMPLES 3	/* hosts that a provenance names; hosts.txt has all */

/* "402 of 1000 hosts: a, b, c, ..." */
static const char *behind(struct hf_arena *arena, size_t hosts, size_t of,
			  const struct hf_census_seat *seats)
{
	const struct hf_census_host *last = NULL;
	char names[420] = "";
	size_t shown = 0, len = 0;

	for (const struct hf_census_seat *s = seats; s && shown < EXAMPLES; s = s->next_of_value) {
		if (s->host == last)
			continue;
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%.120s", shown ? ", " : "",
					s->host->name);
		last = s->host;
		shown++;
	}
	return hf_census_format(arena, "census: %zu of %zu host%s with this kind: %s%s", hosts, of,
				of == 1 ? "" : "s", names, shown < hosts ? ", ..." : "");
}

/* The version, where it is one and can be a name; else by number. */
static const char *release_name(struct hf_arena *arena, const struct hf_census_value *value,
				const struct hf_component *component, size_t number)
{
	char name[HF_NAME_MAX + 1];
	bool wanted = value->version && strlen(value->version) <= HF_NAME_MAX - 8;

	snprintf(name, sizeof(name), "%s", wanted ? value->version : "as-found");
	for (char *c = name; *c; c++)
		if (*c == '/' || *c < 0x20 || *c > 0x7e)
			*c = '-';
	if (!wanted && number > 1)
		return hf_census_format(arena, "%s-%zu", name, number);
	for (const struct hf_release *r = component->releases; r; r = r->next)
		if (strcmp(r->name, name) == 0)
			return hf_census_format(arena, "%s-%zu", name, number);
	return hf_census_text(arena, name, sizeof(name));
}

static enum hf_err draft_component(struct hf_census_kind *kind, struct hf_manifests *out,
				   struct hf_component ***end)
{
	struct hf_component *component = NULL;
	struct hf_release **releases = NULL;
	size_t number = 0;

	for (struct hf_census_value *v = kind->values; v; v = v->next) {
		if (v->state != HF_CENSUS_DRAFTED)
			continue;
		if (!component) {
			component = hf_arena_take(out->arena, sizeof(*component));
			if (!component)
				return HF_ERR_LIMIT;
			component->name = kind->component;
			releases = &component->releases;
			**end = component;
			*end = &component->next;
		}
		v->release->name = release_name(out->arena, v, component, ++number);
		v->release->provenance = behind(out->arena, v->hosts, kind->hosts, v->seats);
		if (!v->release->name || !v->release->provenance)
			return HF_ERR_LIMIT;
		for (struct hf_environment *e = v->release->environments; e; e = e->next)
			for (struct hf_reference *ref = e->references; ref; ref = ref->next)
				ref->from = hf_census_format(out->arena, "%zu of %zu hosts", v->hosts,
							     kind->hosts);
		*releases = v->release;
		releases = &v->release->next;
	}
	return HF_OK;
}

static bool is_drafted(const struct hf_census_kind *kind, enum hf_method *least)
{
	bool any = false;

	for (const struct hf_census_value *v = kind->values; v; v = v->next) {
		if (v->state != HF_CENSUS_DRAFTED)
			continue;
		if (!any || v->least < *least)
			*least = v->least;
		any = true;
	}
	return any;
}

static enum hf_err add_component(struct hf_arena *arena, struct hf_rule *rule, const char *name)
{
	struct hf_name_list **end = &rule->more_components;

	if (!rule->component) {
		rule->component = name;
		return HF_OK;
	}
	while (*end)
		end = &(*end)->next;
	*end = hf_arena_take(arena, sizeof(**end));
	if (!*end)
		return HF_ERR_LIMIT;
	(*end)->name = name;
	return HF_OK;
}

static enum hf_err draft_rule(struct hf_census *census, const struct hf_census_place *place,
			      struct hf_manifests *out, struct hf_rule ***end, size_t number)
{
	struct hf_rule rule = { .place = place->path, .count = 1, .action = HF_ACTION_HOLD };
	size_t without = place->model->hosts - place->hosts;
	enum hf_method least = HF_METHOD_NONE;
	enum hf_err err = HF_OK;

	for (const struct hf_census_occupant *o = place->occupants; o && !err; o = o->next) {
		if (!o->common || !is_drafted(o->kind, &least))
			continue;
		if (!rule.component || least < rule.least_method)
			rule.least_method = least;
		err = add_component(out->arena, &rule, o->kind->component);
	}
	if (err || !rule.component)
		return err;
	rule.presence = without < hf_census_least(census, place->model->hosts)
		? HF_PRESENCE_REQUIRED : HF_PRESENCE_OPTIONAL;
	rule.name = strcmp(place->path, "board") == 0 ? "board"
		: place->label ? hf_census_format(out->arena, "%zu: slot %.60s", number, place->label)
		: hf_census_format(out->arena, "%zu: %.60s", number, rule.component);
	if (!rule.name)
		return HF_ERR_LIMIT;
	for (char *c = (char *)(uintptr_t)rule.name; *c; c++)
		if (*c == '/')
			*c = '-';
	**end = hf_arena_take(out->arena, sizeof(***end));
	if (!**end)
		return HF_ERR_LIMIT;
	***end = rule;
	*end = &(**end)->next;
	return HF_OK;
}

static enum hf_err add_driver(struct hf_arena *arena, struct hf_model *model, const char *name)
{
	struct hf_name_list **end = &model->drivers;

	for (; *end; end = &(*end)->next)
		if (strcmp((*end)->name, name) == 0)
			return HF_OK;
	*end = hf_arena_take(arena, sizeof(**end));
	if (!*end)
		return HF_ERR_LIMIT;
	(*end)->name = name;
	return HF_OK;
}

/* What releases list and only a driver shows would be missing in a gate that binds none. */
static enum hf_err draft_drivers(struct hf_arena *arena, const struct hf_census_place *place,
				 struct hf_model *model)
{
	enum hf_err err = HF_OK;

	for (const struct hf_census_occupant *o = place->occupants; o; o = o->next)
		for (const struct hf_census_value *v = o->common ? o->kind->values : NULL; v && !err;
		     v = v->next)
			for (const struct hf_name_list *d = v->drivers; d && !err; d = d->next)
				if (v->state == HF_CENSUS_DRAFTED)
					err = add_driver(arena, model, d->name);
	return err;
}

static enum hf_err draft_model(struct hf_census *census, const struct hf_census_model *from,
			       const struct hf_census_drafts *drafts, struct hf_manifests *out,
			       struct hf_model ***end)
{
	struct hf_model *model = hf_arena_take(out->arena, sizeof(*model));
	struct hf_rule **rules;
	size_t number = 0;
	enum hf_err err = HF_OK;

	if (!model)
		return HF_ERR_LIMIT;
	model->name = from->name;
	model->vendor = from->vendor;
	model->product = from->product;
	model->generation = drafts->generation;
	model->mode = drafts->mode;
	model->tpm_required = true;
	model->unknown = HF_ACTION_HOLD;
	model->provenance = hf_census_format(out->arena, "census of %zu hosts of this model; no firmware "
					     "log was read: neither platform firmware nor boot code is "
					     "listed", from->hosts);
	rules = &model->rules;
	for (const struct hf_census_place *p = from->places; p && !err; p = p->next) {
		if (!p->common || number == HF_RULES_MAX)
			continue;
		err = draft_rule(census, p, out, &rules, ++number);
		if (!err)
			err = draft_drivers(out->arena, p, model);
	}
	if (err || !model->provenance)
		return err ? err : HF_ERR_LIMIT;
	if (!model->rules)
		return HF_OK;
	**end = model;
	*end = &model->next;
	return HF_OK;
}

enum hf_err hf_census_draft(struct hf_census *census, const struct hf_census_drafts *drafts,
			    struct hf_manifests *out)
{
	struct hf_component **components = &out->components;
	struct hf_model **models = &out->models;
	enum hf_err err = HF_OK;

	for (struct hf_census_kind *k = census->kinds; k && !err; k = k->next)
		err = draft_component(k, out, &components);
	/* of a model with too few hosts no place is common: it gets no rule, and no draft */
	for (const struct hf_census_model *m = census->models; m && !err; m = m->next)
		if (m->vendor[0] && m->product[0])
			err = draft_model(census, m, drafts, out, &models);
	return err;
}
