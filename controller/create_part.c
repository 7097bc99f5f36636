/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/create_part.h"

#include <stdio.h>

/* Lower-case letters, digits and single dashes: a name that is also a good file name. */
void hf_create_slug(const char *in, char *out, size_t cap)
{
	size_t len = 0;

	for (; *in && len + 1 < cap; in++) {
		char ch = *in >= 'A' && *in <= 'Z' ? (char)(*in - 'A' + 'a') : *in;
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');

		if (plain)
			out[len++] = ch;
		else if (len && out[len - 1] != '-')
			out[len++] = '-';
	}
	while (len && out[len - 1] == '-')
		len--;
	out[len] = '\0';
}

static struct hf_match match_of(const struct hf_identity *id)
{
	struct hf_match match = {
		.vendor = id->vendor,
		.device = id->device,
		.class_code = id->class_code,
		.has_revision = true,
		.revision = id->revision,
		.has_subsystem = id->subsystem_vendor || id->subsystem_device,
	};

	if (match.has_subsystem) {
		match.subsystem_vendor = id->subsystem_vendor;
		match.subsystem_device = id->subsystem_device;
	}
	return match;
}

static bool match_equal(const struct hf_match *a, const struct hf_match *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->class_code == b->class_code && a->revision == b->revision &&
	       a->has_subsystem == b->has_subsystem &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device;
}

static bool reference_equal(const struct hf_reference *a, const struct hf_reference *b)
{
	if (strcmp(a->mkey, b->mkey) != 0 || a->digest_count != b->digest_count ||
	    !a->text != !b->text || (a->text && strcmp(a->text, b->text) != 0) ||
	    a->svn_kind != b->svn_kind || a->svn != b->svn || !hf_span_equal(a->raw, b->raw))
		return false;
	for (size_t i = 0; i < a->digest_count; i++)
		if (!hf_digest_equal(&a->digests[i], &b->digests[i]))
			return false;
	return true;
}

static bool references_equal(const struct hf_reference *a, const struct hf_reference *b)
{
	for (; a && b; a = a->next, b = b->next)
		if (!reference_equal(a, b))
			return false;
	return !a && !b;
}

bool hf_create_same(const struct hf_release *a, const struct hf_release *b)
{
	const struct hf_environment *x = a->environments, *y = b->environments;

	for (; x && y; x = x->next, y = y->next)
		if (!match_equal(&x->match, &y->match) || x->count != y->count ||
		    !references_equal(x->references, y->references))
			return false;
	return !x && !y;
}

/* Measured whole, and judged. Bytes and numbers are values where SPDM gives them. */
bool hf_create_is_value(const struct hf_measurement *m)
{
	if (m->flags & HF_MEASUREMENT_ADVISORY || m->cause != HF_OK ||
	    strcmp(m->mkey, HF_MKEY_PENDING) == 0)
		return false;
	switch (m->kind) {
	case HF_VALUE_FAILURE:
		return false;
	case HF_VALUE_DIGESTS:
		return true;
	case HF_VALUE_TEXT:
		return m->text[0] != '\0';
	case HF_VALUE_NUMBER:
		return hf_spdm_index_of(m->mkey) != 0 && m->number <= INT64_MAX;
	case HF_VALUE_BYTES:
		return hf_spdm_index_of(m->mkey) != 0 && m->bytes.len;
	}
	return false;
}

/* A reference for what was measured whole and is judged; false when memory runs out. */
static bool add_reference(struct hf_arena *arena, const struct hf_measurement *m, const char *from,
			  struct hf_reference ***end, struct hf_create_methods *methods)
{
	struct hf_reference *ref;

	if (!hf_create_is_value(m) || hf_create_choose(m) != HF_CREATE_LISTED)
		return true;
	ref = hf_arena_take(arena, sizeof(*ref));
	if (!ref)
		return false;
	ref->mkey = m->mkey;
	ref->from = from;
	if (m->kind == HF_VALUE_TEXT)
		ref->text = m->text;
	if (m->kind == HF_VALUE_BYTES)
		ref->raw = m->bytes;
	if (m->kind == HF_VALUE_NUMBER) {	/* newer firmware has a higher one */
		ref->svn_kind = HF_SVN_LEAST;
		ref->svn = m->number;
	}
	for (size_t i = 0; m->kind == HF_VALUE_DIGESTS && i < m->digest_count; i++)
		ref->digests[ref->digest_count++] = m->digests[i];
	hf_create_note_method(methods, m);
	**end = ref;
	*end = &ref->next;
	return true;
}

static bool add_function(struct hf_arena *arena, const struct hf_function *function,
			 struct hf_release *release, struct hf_create_methods *methods)
{
	struct hf_environment *env = hf_arena_take(arena, sizeof(*env)), **end;
	struct hf_reference **references;
	char from[HF_PATH_MAX + 32];

	if (!env)
		return false;
	env->match = match_of(&function->identity);
	env->count = 1;
	references = &env->references;
	for (const struct hf_measurement *m = function->measurements; m; m = m->next) {
		snprintf(from, sizeof(from), "%s at %s", hf_method_name(m->method), function->path);
		if (!add_reference(arena, m, hf_arena_text(arena, from, strlen(from)), &references,
				   methods))
			return false;
	}
	for (end = &release->environments; *end; end = &(*end)->next) {
		if (match_equal(&(*end)->match, &env->match) &&
		    references_equal((*end)->references, env->references)) {
			(*end)->count++;
			return true;
		}
	}
	*end = env;
	return true;
}

struct hf_release *hf_create_release(struct hf_arena *arena, const struct hf_part *part,
				     enum hf_method *ret_method)
{
	struct hf_release *release = hf_arena_take(arena, sizeof(*release));
	struct hf_create_methods methods = { 0 };

	if (!release)
		return NULL;
	release->state = HF_RELEASE_ALLOWED;
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (!hf_path_is_virtual(f->path) && !add_function(arena, f, release, &methods))
			return NULL;
	*ret_method = hf_create_least_method(&methods);
	return release;
}

const char *hf_create_component_name(struct hf_arena *arena, const struct hf_part *part,
				     const char *model)
{
	const struct hf_identity *id = &part->functions->identity;
	char name[HF_NAME_MAX + 1];

	if (part->kind == HF_PART_BOARD)
		snprintf(name, sizeof(name), "board-%s", model);
	else if (id->subsystem_vendor || id->subsystem_device)
		snprintf(name, sizeof(name), "card-%04x-%04x-%04x-%04x", id->vendor, id->device,
			 id->subsystem_vendor, id->subsystem_device);
	else
		snprintf(name, sizeof(name), "card-%04x-%04x", id->vendor, id->device);
	return hf_arena_text(arena, name, strlen(name));
}
