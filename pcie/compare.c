/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/compare.c: two passes over the same host, compared as claims. [pure] */
#include "pcie/readers.h"

struct compare {
	hf_claims_differ differ;
	void *self;
	size_t count;
	const struct hf_part *part;
	const struct hf_function *function;
};

static void differs(struct compare *c, const struct hf_measurement *before,
		    const struct hf_measurement *after, const char *what)
{
	c->count++;
	if (c->differ)
		c->differ(c->self, c->part, c->function, before, after, what);
}

static const struct hf_measurement *find(const struct hf_measurement *list, const char *mkey)
{
	for (; list; list = list->next)
		if (strcmp(list->mkey, mkey) == 0)
			return list;
	return NULL;
}

static bool is_advisory(const struct hf_measurement *m)
{
	return !m || m->flags & HF_MEASUREMENT_ADVISORY;
}

static void measurements(struct compare *c, const struct hf_measurement *before,
			 const struct hf_measurement *after)
{
	for (const struct hf_measurement *b = before; b; b = b->next) {
		const struct hf_measurement *a = find(after, b->mkey);

		if (is_advisory(b) && is_advisory(a))
			continue;
		if (!a)
			differs(c, b, NULL, "measurement gone");
		else if (!hf_measurement_equal(b, a))
			differs(c, b, a, "measurement changed");
	}
	for (const struct hf_measurement *a = after; a; a = a->next)
		if (!is_advisory(a) && !find(before, a->mkey))
			differs(c, NULL, a, "measurement appeared");
}

static bool identity_equal(const struct hf_identity *a, const struct hf_identity *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && a->class_code == b->class_code &&
	       a->revision == b->revision && a->header_type == b->header_type &&
	       a->has_serial == b->has_serial && a->serial == b->serial;
}

/* Both passes list in the same order: try the next one before searching. */
static const struct hf_function *match_function(const struct hf_part *part, const char *path,
						const struct hf_function *next)
{
	if (next && strcmp(next->path, path) == 0)
		return next;
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

static const struct hf_part *match_part(const struct hf_claims *claims, const char *path,
					const struct hf_part *next)
{
	if (next && strcmp(next->path, path) == 0)
		return next;
	return hf_claims_find_part(claims, path);
}

static void functions(struct compare *c, const struct hf_part *before, const struct hf_part *after)
{
	const struct hf_function *next = after->functions, *f;

	for (const struct hf_function *b = before->functions; b; b = b->next) {
		f = match_function(after, b->path, next);
		c->function = b;
		if (!f) {
			differs(c, NULL, NULL, "function gone");
			continue;
		}
		next = f->next;
		if (!identity_equal(&b->identity, &f->identity))
			differs(c, NULL, NULL, "identity changed");
		measurements(c, b->measurements, f->measurements);
	}
	next = before->functions;
	for (const struct hf_function *a = after->functions; a; a = a->next) {
		f = match_function(before, a->path, next);
		c->function = a;
		if (!f)
			differs(c, NULL, NULL, "function appeared");
		else
			next = f->next;
	}
	c->function = NULL;
}

size_t hf_claims_compare(const struct hf_claims *before, const struct hf_claims *after,
			 hf_claims_differ differ, void *self)
{
	struct compare c = { .differ = differ, .self = self };
	const struct hf_part *next = after->parts, *p;

	for (const struct hf_part *b = before->parts; b; b = b->next) {
		c.part = b;
		p = match_part(after, b->path, next);
		if (!p) {
			differs(&c, NULL, NULL, "part gone");
			continue;
		}
		next = p->next;
		if (p->kind != b->kind)
			differs(&c, NULL, NULL, "kind of part changed");
		measurements(&c, b->measurements, p->measurements);
		functions(&c, b, p);
	}
	next = before->parts;
	for (const struct hf_part *a = after->parts; a; a = a->next) {
		c.part = a;
		p = match_part(before, a->path, next);
		if (!p)
			differs(&c, NULL, NULL, "part appeared");
		else
			next = p->next;
	}
	return c.count;
}
