/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one value of a kind has that another has not. */
#include "controller/census_parts.h"

#define VALUE_TEXT 96	/* of a text that a device gave */

static bool same_match(const struct hf_match *a, const struct hf_match *b, bool revision)
{
	return a->vendor == b->vendor && a->device == b->device && a->class_code == b->class_code &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && (!revision || a->revision == b->revision);
}

static const struct hf_reference *reference_of(const struct hf_environment *env, const char *mkey)
{
	for (const struct hf_reference *ref = env->references; ref; ref = ref->next)
		if (strcmp(ref->mkey, mkey) == 0)
			return ref;
	return NULL;
}

static bool same_reference(const struct hf_reference *a, const struct hf_reference *b)
{
	if (a->digest_count != b->digest_count || !a->text != !b->text ||
	    (a->text && strcmp(a->text, b->text) != 0) || a->svn_kind != b->svn_kind ||
	    a->svn != b->svn || !hf_span_equal(a->raw, b->raw))
		return false;
	for (size_t i = 0; i < a->digest_count; i++)
		if (!hf_digest_equal(&a->digests[i], &b->digests[i]))
			return false;
	return true;
}

static bool holds_all(const struct hf_environment *env, const struct hf_environment *of)
{
	for (const struct hf_reference *ref = of->references; ref; ref = ref->next) {
		const struct hf_reference *other = reference_of(env, ref->mkey);

		if (!other || !same_reference(ref, other))
			return false;
	}
	return true;
}

static const struct hf_environment *twin_of(const struct hf_release *release,
					    const struct hf_environment *env)
{
	const struct hf_environment *near = NULL;

	for (const struct hf_environment *e = release->environments; e; e = e->next) {
		if (!same_match(&e->match, &env->match, true))
			continue;
		if (holds_all(e, env) && holds_all(env, e))
			return e;
		if (!near)
			near = e;
	}
	return near;
}

size_t hf_census_functions(const struct hf_release *release)
{
	size_t count = 0;

	for (const struct hf_environment *e = release->environments; e; e = e->next)
		count += e->count;
	return count;
}

bool hf_census_is_part_of(const struct hf_census_value *partial, const struct hf_census_value *whole)
{
	if (hf_census_functions(partial->release) != hf_census_functions(whole->release))
		return false;
	for (const struct hf_environment *e = partial->release->environments; e; e = e->next) {
		bool found = false;

		for (const struct hf_environment *w = whole->release->environments; w && !found; w = w->next)
			found = same_match(&w->match, &e->match, true) && holds_all(w, e);
		if (!found)
			return false;
	}
	return true;
}

static const char *reference_text(struct hf_arena *arena, const struct hf_reference *ref)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	if (ref->digest_count) {
		hf_digest_hex(&ref->digests[0], hex);
		return hf_census_format(arena, "%s %s", hf_alg_name(ref->digests[0].alg), hex);
	}
	if (ref->text)
		return hf_census_format(arena, "\"%.*s\"", VALUE_TEXT, ref->text);
	if (ref->svn_kind)
		return hf_census_format(arena, "%llu", (unsigned long long)ref->svn);
	return hf_census_format(arena, "%zu bytes that the device gave", ref->raw.len);
}

static const char *failure_of(const struct hf_census_value *value, const char *mkey)
{
	for (const struct hf_census_failure *f = value->failures; f; f = f->next)
		if (strcmp(f->mkey, mkey) == 0)
			return hf_err_name(f->cause);
	return "none";
}

struct comparison {
	struct hf_arena *arena;
	const struct hf_census_value *found, *usual;
	struct hf_census_difference *ret;
	bool any, full;
};

/* The first one stays, unless it is no code and this one is. */
static void differs(struct comparison *c, const char *mkey, const struct hf_reference *found,
		    const struct hf_reference *other)
{
	bool bytes = (found ? found->digest_count : 0) + (other ? other->digest_count : 0) > 0;

	if (c->any && (c->ret->bytes || !bytes))
		return;
	c->any = true;
	*c->ret = (struct hf_census_difference){
		.subject = mkey,
		.bytes = bytes && found,	/* not read, or not there: no other bytes */
		.found = found ? reference_text(c->arena, found) : failure_of(c->found, mkey),
		.others = other ? reference_text(c->arena, other) : failure_of(c->usual, mkey),
	};
	c->full |= !c->ret->found || !c->ret->others;
}

static void compare_functions(struct comparison *c, const struct hf_environment *found,
			      const struct hf_environment *other)
{
	for (const struct hf_reference *ref = found->references; ref; ref = ref->next) {
		const struct hf_reference *twin = reference_of(other, ref->mkey);

		if (!twin || !same_reference(ref, twin))
			differs(c, ref->mkey, ref, twin);
	}
	for (const struct hf_reference *ref = other->references; ref; ref = ref->next)
		if (!reference_of(found, ref->mkey))
			differs(c, ref->mkey, NULL, ref);
}

static const char *functions_text(struct comparison *c, const struct hf_environment *env)
{
	const char *text = "none of these functions";

	if (env)
		text = hf_census_format(c->arena, "%u of %04x:%04x, revision %02x", env->count,
					env->match.vendor, env->match.device, env->match.revision);
	c->full |= !text;
	return text;
}

/* Another revision, or more or fewer of them. */
static void compare_identity(struct comparison *c, const struct hf_environment *found,
			     const struct hf_environment *other)
{
	if (c->any)
		return;
	c->any = true;
	for (const struct hf_environment *e = c->usual->release->environments; e && !other; e = e->next)
		if (found && same_match(&e->match, &found->match, false) &&
		    e->match.revision != found->match.revision)
			other = e;
	*c->ret = (struct hf_census_difference){ .subject = "function",
						 .found = functions_text(c, found),
						 .others = functions_text(c, other) };
}

static void compare_missing(struct comparison *c)
{
	for (const struct hf_environment *e = c->usual->release->environments; e && !c->any; e = e->next)
		if (!twin_of(c->found->release, e))
			compare_identity(c, NULL, e);
}

enum hf_err hf_census_compare(struct hf_arena *arena, const struct hf_census_value *found,
			      const struct hf_census_value *usual, struct hf_census_difference *ret)
{
	struct hf_census_difference difference = { .subject = "firmware", .found = "another",
						   .others = "another" };
	struct comparison c = { .arena = arena, .found = found, .usual = usual, .ret = &difference };

	for (const struct hf_environment *e = found->release->environments; e; e = e->next) {
		const struct hf_environment *twin = twin_of(usual->release, e);

		if (twin)
			compare_functions(&c, e, twin);
		if (!twin || twin->count != e->count)
			compare_identity(&c, e, twin);
	}
	compare_missing(&c);
	for (const struct hf_census_failure *f = found->failures; f && !c.any; f = f->next) {
		difference = (struct hf_census_difference){ .subject = f->mkey,
			.found = hf_err_name(f->cause), .others = failure_of(usual, f->mkey) };
		break;
	}
	if (!c.any && !found->failures)
		difference = (struct hf_census_difference){ .subject = "driver",
			.found = found->drivers ? found->drivers->name : "none",
			.others = usual->drivers ? usual->drivers->name : "none" };
	if (c.full)
		return HF_ERR_LIMIT;
	*ret = difference;
	return HF_OK;
}
