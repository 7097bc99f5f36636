/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Releases against each other, against the calendar and against older agents. [pure] */
#include "controller/lint.h"

#include <stdio.h>

#define DAY 86400
#define SOON 30			/* days */

/* ---- the same bytes twice ---- */

static bool same_value(const struct hf_reference *a, const struct hf_reference *b)
{
	if (strcmp(a->mkey, b->mkey) != 0)
		return false;
	for (size_t i = 0; i < a->digest_count; i++)
		for (size_t k = 0; k < b->digest_count; k++)
			if (hf_digest_equal(&a->digests[i], &b->digests[k]))
				return true;
	return false;
}

static const struct hf_reference *shared_digest(const struct hf_release *a, const struct hf_release *b)
{
	for (const struct hf_environment *x = a->environments; x; x = x->next)
		for (const struct hf_environment *y = b->environments; y; y = y->next) {
			if (x->match.vendor != y->match.vendor || x->match.device != y->match.device)
				continue;
			for (const struct hf_reference *r = x->references; r; r = r->next)
				for (const struct hf_reference *s = y->references; s; s = s->next)
					if (same_value(r, s))
						return r;
		}
	return NULL;
}

void hf_lint_releases(struct hf_lint *l, const struct hf_component *component)
{
	for (const struct hf_release *a = component->releases; a; a = a->next)
		for (const struct hf_release *b = a->next; b; b = b->next) {
			const struct hf_reference *ref;
			bool revoked = a->state == HF_RELEASE_REVOKED || b->state == HF_RELEASE_REVOKED;

			if (a->state == b->state)
				continue;
			ref = shared_digest(a, b);
			if (ref)
				hf_lint_say(l, revoked, "%s: releases %s (%s) and %s (%s) have the same "
					    "digest of %s", component->name, a->name,
					    hf_release_state_name(a->state), b->name,
					    hf_release_state_name(b->state), ref->mkey);
		}
}

/* ---- the platform's firmware ---- */

/* The host that one of them describes is the host that the other describes. */
static bool same_platform(const struct hf_platform_firmware *a, const struct hf_platform_firmware *b)
{
	if (a->pcr_mask != b->pcr_mask || a->key_mask != b->key_mask ||
	    a->secure_boot != b->secure_boot)
		return false;
	for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++)
		if (a->pcr_mask >> i & 1 && !hf_digest_equal(&a->pcrs[i], &b->pcrs[i]))
			return false;
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		if (a->key_mask >> i & 1 && !hf_digest_equal(&a->keys[i], &b->keys[i]))
			return false;
	return true;
}

/* PC Client Platform Firmware Profile 1.05, section 3.3.4: what each PCR measures. */
static const char *why_it_varies(uint32_t pcr)
{
	static const char *const why[HF_FIRMWARE_PCRS] = {
		[1] = "set-up and boot variables", [3] = "the settings of option ROMs",
		[4] = "every program on the way to the gate", [5] = "the boot disk's partitions",
		[6] = "the host's own names",
	};

	return why[pcr];
}

void hf_lint_firmware(struct hf_lint *l, const struct hf_model *model)
{
	bool allowed = false;

	for (const struct hf_platform_firmware *f = model->firmware; f; f = f->next) {
		allowed |= f->state == HF_RELEASE_ALLOWED;
		if (f->state == HF_RELEASE_REVOKED && !f->note)
			hf_lint_say(l, false, "model %s, firmware %s: revoked without a note",
				    model->name, f->name);
		for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++)
			if (f->pcr_mask >> i & 1 && why_it_varies(i))
				hf_lint_say(l, false, "model %s, firmware %s: PCR %u also measures %s",
					    model->name, f->name, i, why_it_varies(i));
		for (const struct hf_platform_firmware *g = f->next; g; g = g->next)
			if (same_platform(f, g))
				hf_lint_say(l, f->state != g->state, "model %s: firmware %s (%s) and %s "
					    "(%s) say the same", model->name, f->name,
					    hf_release_state_name(f->state), g->name,
					    hf_release_state_name(g->state));
	}
	if (model->firmware && !allowed)
		hf_lint_say(l, false, "model %s: no firmware of its platform is allowed", model->name);
}

/* ---- dates ---- */

static void lint_day(struct hf_lint *l, const char *what, const char *name, uint32_t day, int64_t now)
{
	int64_t left = (int64_t)day - now / DAY;
	char date[HF_DATE_TEXT];

	hf_date_format(day, date);
	if (hf_date_over(day, now))
		hf_lint_say(l, false, "%s%s: its last day was %s", what, name, date);
	else if (left < SOON)
		hf_lint_say(l, false, "%s%s: its last day is %s, in %lld days", what, name, date,
			    (long long)left);
}

void hf_lint_dates(struct hf_lint *l, int64_t now)
{
	char what[HF_NAME_MAX + 16];

	for (const struct hf_component *c = l->manifests->components; c; c = c->next)
		for (const struct hf_release *r = c->releases; r; r = r->next) {
			if (r->state != HF_RELEASE_ALLOWED_UNTIL)
				continue;
			l->file = c->file;
			snprintf(what, sizeof(what), "%s, release ", c->name);
			lint_day(l, what, r->name, r->until_day, now);
		}
	for (const struct hf_waiver *w = l->manifests->waivers; w; w = w->next) {
		l->file = w->file;
		if (w->has_until)
			lint_day(l, "waiver ", w->name, w->until_day, now);
	}
}

/* ---- older agents ---- */

/* The first agent that reads each; a newer feature gets a row and a line below. */
enum feature {
	BASE, UNTIL, SVN, LISTS, CLASS, SLOTS, RULE_MODE, APPROVED, WAIVER, FIRMWARE, INDEX, VALUES,
	UNBOUND, SERVICE, BEARER,
};
static const struct { uint32_t since; const char *words; } features[] = {
	[BASE] = { HF_VERSION_OF(0, 1, 0), "manifests of format 1" },
	[UNTIL] = { HF_VERSION_OF(0, 1, 0), "releases that are allowed until a date" },
	[SVN] = { HF_VERSION_OF(0, 1, 0), "security version numbers" },
	[LISTS] = { HF_VERSION_OF(0, 1, 0), "lists of components or places in a rule" },
	[CLASS] = { HF_VERSION_OF(0, 1, 0), "rules for a class of devices" },
	[SLOTS] = { HF_VERSION_OF(0, 1, 0), "slots in a rule" },
	[RULE_MODE] = { HF_VERSION_OF(0, 1, 0), "a mode of a rule alone" },
	[APPROVED] = { HF_VERSION_OF(0, 1, 0), "rules that ask for the owner's word" },
	[WAIVER] = { HF_VERSION_OF(0, 1, 0), "waivers" },
	[FIRMWARE] = { HF_VERSION_OF(0, 2, 0), "platform firmware in a model" },
	[INDEX] = { HF_VERSION_OF(0, 3, 0), "measurements of devices that sign" },
	[VALUES] = { HF_VERSION_OF(0, 3, 0), "bytes or SHA-512 of a measurement" },
	[UNBOUND] = { HF_VERSION_OF(0, 3, 0), "the method signed-unbound" },
	[SERVICE] = { HF_VERSION_OF(0, 4, 0), "service images" },
	[BEARER] = { HF_VERSION_OF(0, 4, 0), "an owner's release for when no controller answers" },
};

static void use(struct hf_lint *l, enum feature feature, uint32_t version, const char *name)
{
	uint32_t since = features[feature].since;

	if (version < since)
		hf_lint_say(l, true, "%s: an agent of version %u.%u.%u does not know %s, which came "
			    "with %u.%u.%u", name, version >> 16, version >> 8 & 0xff,
			    version & 0xff, features[feature].words, since >> 16,
			    since >> 8 & 0xff, since & 0xff);
}

static bool has_sha512(const struct hf_reference *ref)
{
	for (size_t i = 0; i < ref->digest_count; i++)
		if (ref->digests[i].alg == HF_ALG_SHA512)
			return true;
	return false;
}

static void version_of_component(struct hf_lint *l, const struct hf_component *c, uint32_t version)
{
	bool svn = false, until = false, index = false, values = false;

	for (const struct hf_release *r = c->releases; r; r = r->next) {
		until |= r->state == HF_RELEASE_ALLOWED_UNTIL;
		for (const struct hf_environment *e = r->environments; e; e = e->next)
			for (const struct hf_reference *ref = e->references; ref; ref = ref->next) {
				svn |= ref->svn_kind != HF_SVN_NONE;
				index |= hf_spdm_index_of(ref->mkey) != 0;
				values |= ref->raw.len || has_sha512(ref);
			}
	}
	use(l, BASE, version, c->name);
	if (svn)
		use(l, SVN, version, c->name);
	if (until)
		use(l, UNTIL, version, c->name);
	if (index)
		use(l, INDEX, version, c->name);
	if (values)
		use(l, VALUES, version, c->name);
}

static void version_of_rule(struct hf_lint *l, const struct hf_rule *rule, uint32_t version)
{
	if (rule->more_components || rule->more_places)
		use(l, LISTS, version, rule->name);
	if (rule->class_prefix || !rule->component[0])
		use(l, CLASS, version, rule->name);
	if (rule->slots)
		use(l, SLOTS, version, rule->name);
	if (rule->audit)
		use(l, RULE_MODE, version, rule->name);
	if (rule->least_method == HF_METHOD_UNBOUND)
		use(l, UNBOUND, version, rule->name);
	if (rule->owner_approved)
		use(l, APPROVED, version, rule->name);
}

void hf_lint_version(struct hf_lint *l, uint32_t version)
{
	for (const struct hf_component *c = l->manifests->components; c; c = c->next) {
		l->file = c->file;
		version_of_component(l, c, version);
	}
	for (const struct hf_model *m = l->manifests->models; m; m = m->next) {
		l->file = m->file;
		use(l, BASE, version, m->name);
		if (m->firmware)
			use(l, FIRMWARE, version, m->name);
		for (const struct hf_rule *rule = m->rules; rule; rule = rule->next)
			version_of_rule(l, rule, version);
	}
	for (const struct hf_image *i = l->manifests->images; i; i = i->next) {
		l->file = i->file;
		use(l, i->role == HF_IMAGE_SERVICE ? SERVICE : BASE, version, i->name);
	}
	for (const struct hf_waiver *w = l->manifests->waivers; w; w = w->next) {
		l->file = w->file;
		use(l, w->bearer ? BEARER : WAIVER, version, w->name);
	}
}
