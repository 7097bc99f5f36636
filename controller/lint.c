/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is valid and still cannot mean what it says. The rules' order of precedence is
 * that of manifests/appraise_rules.c. [pure] */
#include "controller/lint.h"

#include <stdarg.h>
#include <stdio.h>

void hf_lint_say(struct hf_lint *l, bool error, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	l->errors += error;
	l->report(l->self, error, l->file, text);
}

static const struct hf_component *component_named(const struct hf_manifests *m, const char *name)
{
	for (const struct hf_component *c = m->components; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static enum hf_method best_for(const struct hf_reference *ref)
{
	if (!ref->digest_count && !ref->svn_kind && !ref->raw.len)
		return HF_METHOD_VERSION;
	return hf_spdm_index_of(ref->mkey) ? HF_METHOD_SIGNED : HF_METHOD_BYTES;
}

/* The strongest method by which a release that is not revoked could be matched. */
enum hf_method hf_lint_best_method(const struct hf_component *component)
{
	enum hf_method best = HF_METHOD_IDENTITY;

	for (const struct hf_release *r = component->releases; r; r = r->next) {
		if (r->state == HF_RELEASE_REVOKED)
			continue;
		for (const struct hf_environment *e = r->environments; e; e = e->next)
			for (const struct hf_reference *ref = e->references; ref; ref = ref->next)
				if (best_for(ref) > best)
					best = best_for(ref);
	}
	return best;
}

static bool names(const struct hf_rule *rule, const char *component)
{
	bool found = !rule->component[0] || strcmp(rule->component, component) == 0;

	for (const struct hf_name_list *n = rule->more_components; n && !found; n = n->next)
		found = strcmp(n->name, component) == 0;
	return found;
}

/* Certificates are of one device; a release without a serial number is of its kind. */
static void lint_device_alone(struct hf_lint *l, const struct hf_component *component,
			      const struct hf_release *release)
{
	for (const struct hf_environment *e = release->environments; e; e = e->next)
		for (const struct hf_reference *ref = e->references; ref && !e->match.has_serial;
		     ref = ref->next)
			if (strncmp(ref->mkey, "spdm/slot/", 10) == 0 && strstr(ref->mkey, "/chain"))
				hf_lint_say(l, false, "%s, release %s: %s is of one device alone, and "
					    "the function names no serial number", component->name,
					    release->name, ref->mkey);
}

static void lint_component(struct hf_lint *l, const struct hf_component *component)
{
	bool allowed = false, used = false;

	for (const struct hf_release *r = component->releases; r; r = r->next) {
		allowed |= r->state == HF_RELEASE_ALLOWED || r->state == HF_RELEASE_ALLOWED_UNTIL;
		if (!r->provenance)
			hf_lint_say(l, false, "%s, release %s: no provenance", component->name, r->name);
		if (r->state == HF_RELEASE_REVOKED && !r->note)
			hf_lint_say(l, false, "%s, release %s: revoked without a note", component->name,
			    r->name);
		lint_device_alone(l, component, r);
	}
	if (!allowed)
		hf_lint_say(l, false, "%s: no release of it is allowed", component->name);
	for (const struct hf_model *m = l->manifests->models; m; m = m->next)
		for (const struct hf_rule *rule = m->rules; rule; rule = rule->next)
			used |= names(rule, component->name);
	if (!used && l->manifests->models)
		hf_lint_say(l, false, "%s: no rule uses it", component->name);
}

static bool same_place(const struct hf_rule *a, const struct hf_rule *b)
{
	return a->place && b->place && !a->more_places && !b->more_places && !a->slots && !b->slots &&
	       strcmp(a->place, b->place) == 0;
}

/* b comes after a in the model. */
static void lint_pair(struct hf_lint *l, const struct hf_rule *a, const struct hf_rule *b)
{
	bool same = strcmp(a->component, b->component) == 0 && !a->more_components &&
		    !b->more_components && !a->class_prefix && !b->class_prefix;
	bool anywhere = !a->place && !b->place && !a->slots && !b->slots;

	if (same && same_place(a, b))
		hf_lint_say(l, true, "rule %s can never apply: rule %s has the same component and place",
		    b->name, a->name);
	else if (same_place(a, b) && a->presence == HF_PRESENCE_REQUIRED &&
		 b->presence == HF_PRESENCE_REQUIRED)
		hf_lint_say(l, true, "rules %s and %s both require a part at %s, which holds one", a->name,
		    b->name, a->place);
	else if (same && anywhere && a->presence == HF_PRESENCE_FORBIDDEN)
		hf_lint_say(l, true, "rule %s can never apply: rule %s forbids the component", b->name,
		    a->name);
	else if (same && anywhere && b->presence == HF_PRESENCE_FORBIDDEN)
		hf_lint_say(l, true, "rule %s can never apply: rule %s forbids the component", a->name,
		    b->name);
}

static void lint_rule_component(struct hf_lint *l, const struct hf_rule *rule, const char *name)
{
	const struct hf_component *component = component_named(l->manifests, name);

	if (!component)
		hf_lint_say(l, true, "rule %s: no file given here describes component %s", rule->name, name);
	else if (rule->presence != HF_PRESENCE_FORBIDDEN && rule->least_method > HF_METHOD_BYTES &&
		 hf_lint_best_method(component) < HF_METHOD_SIGNED)
		hf_lint_say(l, true, "rule %s: no release of %s lists what a device signs (spdm/N), and "
			    "the rule demands method %s", rule->name, name,
			    hf_method_name(rule->least_method));
	else if (rule->presence != HF_PRESENCE_FORBIDDEN &&
		 rule->least_method > hf_lint_best_method(component))
		hf_lint_say(l, true, "rule %s: no release of %s can be matched by method %s or better",
		    rule->name, name, hf_method_name(rule->least_method));
	else if (rule->presence != HF_PRESENCE_FORBIDDEN && rule->least_method < HF_METHOD_BYTES &&
		 hf_lint_best_method(component) > HF_METHOD_VERSION)
		hf_lint_say(l, false, "rule %s: releases of %s list digests, and method %s is enough "
			    "for it", rule->name, name, hf_method_name(rule->least_method));
	else if (rule->presence != HF_PRESENCE_FORBIDDEN && rule->least_method == HF_METHOD_BYTES &&
		 hf_lint_best_method(component) == HF_METHOD_SIGNED)
		hf_lint_say(l, false, "rule %s: releases of %s list what the device signs, and unsigned "
			    "it would be enough beside a ROM: demand signed or signed-unbound",
			    rule->name, name);
}

/* The board has no port of its own that could be shut. */
static void lint_fence(struct hf_lint *l, const struct hf_rule *rule)
{
	bool board = rule->place && strcmp(rule->place, "board") == 0;

	for (const struct hf_name_list *n = rule->more_places; n && !board; n = n->next)
		board = strcmp(n->name, "board") == 0;
	if (board && rule->action == HF_ACTION_FENCE)
		hf_lint_say(l, true, "rule %s: the board cannot be fenced: the host would be held",
			    rule->name);
}

/* 0: anywhere. */
static size_t place_count(const struct hf_rule *rule)
{
	size_t count = rule->place != NULL;

	for (const struct hf_name_list *n = rule->more_places; n; n = n->next)
		count++;
	for (const struct hf_name_list *n = rule->slots; n; n = n->next)
		count++;
	return count;
}

static void lint_rule(struct hf_lint *l, const struct hf_rule *rule)
{
	size_t places = place_count(rule);

	if (rule->component[0])
		lint_rule_component(l, rule, rule->component);
	for (const struct hf_name_list *n = rule->more_components; n; n = n->next)
		lint_rule_component(l, rule, n->name);
	if (places == 1 && rule->count > 1)
		hf_lint_say(l, true, "rule %s: one place holds one part, not %u", rule->name, rule->count);
	else if (places && rule->count > places)
		hf_lint_say(l, true, "rule %s: %zu places hold so many parts, not %u", rule->name, places,
		    rule->count);
	lint_fence(l, rule);
	if (rule->audit)
		hf_lint_say(l, false, "rule %s: audit mode refuses nothing", rule->name);
	for (const struct hf_rule *later = rule->next; later; later = later->next)
		lint_pair(l, rule, later);
}

static void lint_model(struct hf_lint *l, const struct hf_model *model)
{
	for (const struct hf_rule *rule = model->rules; rule; rule = rule->next)
		lint_rule(l, rule);
	hf_lint_firmware(l, model);
	if (model->mode == HF_MODE_AUDIT)
		hf_lint_say(l, false, "model %s: audit mode refuses nothing", model->name);
	for (const struct hf_model *m = l->manifests->models; m != model; m = m->next)
		if (strcmp(m->vendor, model->vendor) == 0 &&
		    strcmp(m->product, model->product) == 0)
			hf_lint_say(l, true, "models %s and %s are for the same vendor and product", m->name,
			    model->name);
}

size_t hf_lint(const struct hf_manifests *manifests, const struct hf_lint_context *context,
	       hf_lint_report report, void *self)
{
	struct hf_lint l = { .manifests = manifests, .report = report, .self = self };

	for (const struct hf_component *c = manifests->components; c; c = c->next) {
		l.file = c->file;
		lint_component(&l, c);
		hf_lint_releases(&l, c);
	}
	for (const struct hf_model *m = manifests->models; m; m = m->next) {
		l.file = m->file;
		lint_model(&l, m);
	}
	for (const struct hf_waiver *w = manifests->waivers; w; w = w->next) {
		l.file = w->file;
		if (!w->has_generation)
			hf_lint_say(&l, false, "waiver %s: without a generation it helps no host that has no "
			    "trusted clock, and a host that judges itself has none", w->name);
	}
	for (const struct hf_image *i = manifests->images; i; i = i->next) {
		l.file = i->file;
		for (const struct hf_image *j = manifests->images; j != i; j = j->next)
			if (i->role == j->role && strcmp(i->name, j->name) == 0)
				hf_lint_say(&l, true, "two images have the name %s", i->name);
	}
	if (context && context->now)
		hf_lint_dates(&l, context->now);
	if (context && context->agent_version)
		hf_lint_version(&l, context->agent_version);
	return l.errors;
}
