/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host's own description in the words of the manifests that it is compared with. */
#include "controller/diff.h"

#include <string.h>

#include "manifests/appraise.h"

/* Whether the reference speaks of the function that was found; revision and serial number
 * are found always and asked for rarely. */
static bool speaks_of(const struct hf_match *reference, const struct hf_match *found)
{
	return reference->vendor == found->vendor && reference->device == found->device &&
	       reference->class_code == found->class_code &&
	       (!reference->has_revision || reference->revision == found->revision) &&
	       (!reference->has_subsystem ||
		(found->has_subsystem && reference->subsystem_vendor == found->subsystem_vendor &&
		 reference->subsystem_device == found->subsystem_device));
}

static const struct hf_environment *environment_for(const struct hf_release *release,
						    const struct hf_match *found)
{
	for (const struct hf_environment *e = release->environments; e; e = e->next)
		if (speaks_of(&e->match, found))
			return e;
	return NULL;
}

static size_t score(const struct hf_release *reference, const struct hf_release *found)
{
	size_t points = 0;

	for (const struct hf_environment *f = found->environments; f; f = f->next) {
		const struct hf_environment *e = environment_for(reference, &f->match);

		points += e != NULL;
		for (const struct hf_reference *r = e ? e->references : NULL; r; r = r->next)
			for (const struct hf_reference *x = f->references; x; x = x->next)
				points += strcmp(r->mkey, x->mkey) == 0 && r->digest_count &&
					  x->digest_count && hf_digest_equal(r->digests, x->digests);
	}
	return points;
}

/* The component and its release that are nearest to what was found; NULL: none at all. */
static const struct hf_component *nearest(const struct hf_manifests *reference,
					  const struct hf_release *found,
					  const struct hf_release **ret_release)
{
	const struct hf_component *best = NULL;
	size_t most = 0;

	for (const struct hf_component *c = reference->components; c; c = c->next)
		for (const struct hf_release *r = c->releases; r; r = r->next)
			if (score(r, found) > most) {
				most = score(r, found);
				best = c;
				*ret_release = r;
			}
	return best;
}

/* A measurement inside another is covered by it: a manifest that lists the window alone
 * says enough of the images in it, and likewise with what lies behind the window. */
static bool covered(const struct hf_reference *found, const struct hf_environment *reference)
{
	bool window = false, rest = false;

	for (const struct hf_reference *r = reference->references; r; r = r->next) {
		if (strcmp(r->mkey, found->mkey) == 0)
			return false;
		window |= strcmp(r->mkey, "option-rom/window") == 0;
		rest |= strcmp(r->mkey, "rom-bar/rest") == 0;
	}
	return (window && strncmp(found->mkey, "option-rom", strlen("option-rom")) == 0) ||
	       (rest && strncmp(found->mkey, "rom-bar/", strlen("rom-bar/")) == 0);
}

static void take_words(struct hf_release *found, const struct hf_release *reference)
{
	found->name = reference->name;
	found->state = reference->state;
	found->until_day = reference->until_day;
	found->note = reference->note;
	for (struct hf_environment *f = found->environments; f; f = f->next) {
		const struct hf_environment *e = environment_for(reference, &f->match);
		struct hf_reference **end = &f->references;

		if (!e)
			continue;
		f->match = e->match;
		if (e->count == 0)
			f->count = 0;
		while (*end) {
			const struct hf_reference *known = e->references;

			while (known && strcmp(known->mkey, (*end)->mkey) != 0)
				known = known->next;
			if (known && known->digest_count == 1 && (*end)->digest_count == 2)
				(*end)->digest_count = 1;	/* SHA-256 comes first */
			if (covered(*end, e))
				*end = (*end)->next;
			else
				end = &(*end)->next;
		}
	}
}

static bool list_has(const char *first, const struct hf_name_list *more, const char *name)
{
	if (first && strcmp(first, name) == 0)
		return true;
	for (; more; more = more->next)
		if (strcmp(more->name, name) == 0)
			return true;
	return false;
}

/* The rule of the reference that would take this part. */
static const struct hf_rule *rule_for(const struct hf_model *reference, const struct hf_rule *found)
{
	const struct hf_rule *anywhere = NULL;

	for (const struct hf_rule *r = reference->rules; r; r = r->next) {
		bool component = !r->component[0] ||
				 list_has(r->component, r->more_components, found->component);

		if (!component)
			continue;
		if (found->place && list_has(r->place, r->more_places, found->place))
			return r;
		if (!r->place && !anywhere)
			anywhere = r;
	}
	return anywhere;
}

static const struct hf_rule *has_rule(const struct hf_rule *list, const char *name)
{
	while (list && strcmp(list->name, name) != 0)
		list = list->next;
	return list;
}

/* In the reference's order: its rules that a part answers or that need none, then the
 * host's own for parts that it does not speak of. */
static bool align_rules(struct hf_arena *arena, struct hf_model *found,
			const struct hf_model *reference)
{
	struct hf_rule *rules = NULL, **end = &rules, *next;

	for (const struct hf_rule *r = reference->rules; r; r = r->next) {
		bool answered = r->presence != HF_PRESENCE_REQUIRED;

		for (const struct hf_rule *f = found->rules; f && !answered; f = f->next)
			answered = rule_for(reference, f) == r;
		if (!answered)
			continue;
		*end = hf_arena_take(arena, sizeof(**end));
		if (!*end)
			return false;
		**end = *r;
		(*end)->next = NULL;
		end = &(*end)->next;
	}
	for (struct hf_rule *f = found->rules; f; f = next) {
		next = f->next;
		if (rule_for(reference, f))
			continue;
		if (has_rule(rules, f->name))
			f->name = f->place ? f->place : f->name;
		f->next = NULL;
		*end = f;
		end = &f->next;
	}
	found->rules = rules;
	return true;
}

/* Whether a ROM that was found carries this driver. */
static bool carried(const struct hf_manifests *found, const struct hf_digest *sha256)
{
	for (const struct hf_component *c = found->components; c; c = c->next)
		for (const struct hf_release *r = c->releases; r; r = r->next)
			for (const struct hf_environment *e = r->environments; e; e = e->next)
				for (const struct hf_reference *x = e->references; x; x = x->next)
					for (size_t i = 0; i < x->digest_count; i++)
						if (hf_mkey_is_driver(x->mkey) &&
						    hf_digest_equal(&x->digests[i], sha256))
							return true;
	return false;
}

/* The host ran these; the order in which firmware ran them means nothing. What a ROM carries
 * the host does not list, and a reference may. */
static bool align_boot_code(const struct hf_manifests *all, struct hf_model *found,
			    const struct hf_model *reference)
{
	for (const struct hf_boot_code *r = reference->boot_code; r; r = r->next) {
		struct hf_boot_code **f = &found->boot_code;

		while (*f && !hf_digest_equal(&(*f)->sha256, &r->sha256))
			f = &(*f)->next;
		if (!*f && carried(all, &r->sha256)) {
			*f = hf_arena_take(all->arena, sizeof(**f));
			if (!*f)
				return false;
			(*f)->sha256 = r->sha256;
		}
		if (*f)
			(*f)->name = r->name;
	}
	return true;
}

/* As far as both say something: a host says PCR 0 and 7 alone. */
static bool same_firmware(const struct hf_platform_firmware *found,
			  const struct hf_platform_firmware *reference)
{
	uint32_t common = found->pcr_mask & reference->pcr_mask;

	for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++)
		if (common >> i & 1 && !hf_digest_equal(&found->pcrs[i], &reference->pcrs[i]))
			return false;
	return common != 0;
}

/* The reference's list where the host has one of it; else the host's own stands in it, in
 * place of the one of the same name. */
static bool align_firmware(struct hf_arena *arena, struct hf_model *found,
			   const struct hf_model *reference)
{
	struct hf_platform_firmware *own = found->firmware, *list = NULL, **end = &list;

	for (const struct hf_platform_firmware *r = reference->firmware; r; r = r->next)
		if (!own || same_firmware(own, r)) {
			found->firmware = reference->firmware;
			return true;
		}
	if (!reference->firmware) {	/* which speaks of none */
		found->firmware = NULL;
		return true;
	}
	for (const struct hf_platform_firmware *r = reference->firmware; r; r = r->next) {
		if (strcmp(r->name, own->name) == 0)
			continue;
		*end = hf_arena_take(arena, sizeof(**end));
		if (!*end)
			return false;
		**end = *r;
		(*end)->next = NULL;
		end = &(*end)->next;
	}
	*end = own;
	found->firmware = list;
	return true;
}

static bool align_model(struct hf_manifests *all, struct hf_model *found,
			const struct hf_manifests *reference)
{
	const struct hf_model *model = reference->models;

	while (model && (strcmp(model->vendor, found->vendor) != 0 ||
			 strcmp(model->product, found->product) != 0))
		model = model->next;
	if (!model)
		return true;
	found->name = model->name;
	found->generation = model->generation;
	found->mode = model->mode;
	found->tpm_required = model->tpm_required;
	found->unknown = model->unknown;
	found->drivers = model->drivers;
	found->provenance = model->provenance;
	return align_boot_code(all, found, model) && align_firmware(all->arena, found, model) &&
	       align_rules(all->arena, found, model);
}

static struct hf_release *release_named(const struct hf_component *component, const char *name)
{
	struct hf_release *r = component ? component->releases : NULL;

	while (r && strcmp(r->name, name) != 0)
		r = r->next;
	return r;
}

static struct hf_component *component_named(const struct hf_manifests *m, const char *name)
{
	struct hf_component *c = m->components;

	while (c && strcmp(c->name, name) != 0)
		c = c->next;
	return c;
}

/* Releases that no part here has, and components of which no part is here: a host says
 * nothing about them. */
static bool add_the_rest(struct hf_manifests *found, const struct hf_manifests *reference)
{
	for (const struct hf_component *c = reference->components; c; c = c->next) {
		struct hf_component *mine = component_named(found, c->name), **end;

		if (!mine) {
			mine = hf_arena_take(found->arena, sizeof(*mine));
			if (!mine)
				return false;
			*mine = *c;
			mine->next = NULL;
			for (end = &found->components; *end;)
				end = &(*end)->next;
			*end = mine;
			continue;
		}
		for (const struct hf_release *r = c->releases; r; r = r->next) {
			struct hf_release *copy, **last = &mine->releases;

			if (release_named(mine, r->name))
				continue;
			copy = hf_arena_take(found->arena, sizeof(*copy));
			if (!copy)
				return false;
			*copy = *r;
			copy->next = NULL;
			while (*last)
				last = &(*last)->next;
			*last = copy;
		}
	}
	return true;
}

enum hf_err hf_diff_align(struct hf_manifests *found, const struct hf_manifests *reference)
{
	for (struct hf_component *c = found->components; c; c = c->next) {
		const struct hf_release *release = NULL;
		const struct hf_component *other = nearest(reference, c->releases, &release);
		const char *own = c->name;

		if (!other || component_named(found, other->name))
			continue;
		for (struct hf_release *r = c->releases; r; r = r->next)
			if (nearest(reference, r, &release) == other &&
			    !release_named(c, release->name))
				take_words(r, release);
		c->name = other->name;
		for (struct hf_model *m = found->models; m; m = m->next)
			for (struct hf_rule *r = m->rules; r; r = r->next)
				if (strcmp(r->component, own) == 0)
					r->component = other->name;
	}
	if (!reference->models)		/* components alone: of rules nothing is said */
		found->models = NULL;
	for (struct hf_model *m = found->models; m; m = m->next)
		if (!align_model(found, m, reference))
			return HF_ERR_LIMIT;
	found->images = reference->images;
	found->waivers = reference->waivers;
	found->revocations = reference->revocations;
	return add_the_rest(found, reference) ? HF_OK : HF_ERR_LIMIT;
}
