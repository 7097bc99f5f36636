/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A part's firmware as one value: the release that `manifest create` would make of it, and what
 * of it could not be read. */
#include "controller/census_parts.h"
#include "controller/create_part.h"
#include "manifests/report.h"

#include <stdio.h>

#define WHAT_TEXT 96
#define VERSIONS_TEXT 160

static bool is_version(const struct hf_measurement *m)
{
	return m->kind == HF_VALUE_TEXT && m->method == HF_METHOD_VERSION && m->text[0] &&
	       strcmp(m->mkey, HF_MKEY_PENDING) != 0 && !strstr(m->mkey, "serial") &&
	       (strstr(m->mkey, "version") || strstr(m->mkey, "firmware") ||
		strncmp(m->mkey, "net/devlink", 11) == 0);
}

/* Whether a maker would count it up: it has a number beside the revision of a ROM's header,
 * which many never change. */
static bool is_telling(const char *text)
{
	const char *tail = strstr(text, "revision 0x");

	for (const char *c = text; *c && c != tail; c++)
		if (*c >= '0' && *c <= '9')
			return true;
	return false;
}

/* Each text once, in the order of the functions. */
static bool take_versions(struct hf_arena *arena, const struct hf_part *part,
			  struct hf_census_value *value)
{
	char all[VERSIONS_TEXT + 1] = "";
	size_t len = 0;

	for (const struct hf_function *f = part->functions; f; f = f->next) {
		for (const struct hf_measurement *m = f->measurements; m; m = m->next) {
			size_t more = is_version(m) ? strlen(m->text) : 0;

			if (!more || strstr(all, m->text))
				continue;
			if (!value->version && is_telling(m->text))
				value->version = hf_census_text(arena, m->text, VERSIONS_TEXT);
			if (len + more + 2 < sizeof(all))
				len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s",
							len ? "; " : "", m->text);
		}
	}
	value->versions = hf_census_text(arena, all, sizeof(all));
	return value->versions;
}

/* What nobody asked for, or no one can be asked, says nothing of this part against its like. */
static bool is_failure(const struct hf_measurement *m)
{
	return m->cause != HF_OK && !(m->flags & HF_MEASUREMENT_ADVISORY);
}

static bool hides_code(const struct hf_measurement *m)
{
	switch ((int)m->cause) {
	case HF_ERR_ROM_EMPTY:
	case HF_ERR_ROM_SHADOW:
	case HF_ERR_NO_READER:
	case HF_ERR_NOT_COVERED:
		return false;
	default:
		return m->flags & HF_MEASUREMENT_CODE;
	}
}

/* Nobody asked the device: that says nothing of it. */
static bool was_asked(const struct hf_measurement *m)
{
	switch ((int)m->cause) {
	case HF_ERR_NOT_MEASURED:
	case HF_ERR_ROM_DRIVER_BOUND:
	case HF_ERR_CAPTURED_TREE:
	case HF_ERR_KERNEL_REFUSED:
		return false;
	default:
		return true;
	}
}

static enum hf_err take_failures(struct hf_census *census, const struct hf_part *part,
				 struct hf_census_value *value)
{
	struct hf_census_failure **end = &value->failures;

	for (const struct hf_function *f = part->functions; f; f = f->next) {
		if (hf_path_is_virtual(f->path))
			continue;
		for (const struct hf_measurement *m = f->measurements; m; m = m->next) {
			if (!is_failure(m))
				continue;
			*end = hf_arena_take(census->arena, sizeof(**end));
			if (!*end)
				return HF_ERR_LIMIT;
			(*end)->cause = m->cause;
			(*end)->mkey = m->mkey;
			value->unread |= hides_code(m);
			if (!value->trouble && hides_code(m) && was_asked(m))
				value->trouble = m->cause;
			end = &(*end)->next;
		}
	}
	return HF_OK;
}

static bool has_name(const struct hf_name_list *list, const char *name)
{
	for (; list; list = list->next)
		if (strcmp(list->name, name) == 0)
			return true;
	return false;
}

/* The gate has to bind the same to find the same. */
static enum hf_err take_drivers(struct hf_census *census, const struct hf_part *part,
				struct hf_census_value *value)
{
	struct hf_name_list **end = &value->drivers;

	for (const struct hf_function *f = part->functions; f; f = f->next) {
		bool needed = false;

		for (const struct hf_measurement *m = f->measurements; m; m = m->next)
			needed |= hf_create_is_value(m) && hf_mkey_needs_driver(m->mkey);
		if (!needed || !f->driver || hf_path_is_virtual(f->path) ||
		    has_name(value->drivers, f->driver))
			continue;
		*end = hf_arena_take(census->arena, sizeof(**end));
		if (!*end)
			return HF_ERR_LIMIT;
		(*end)->name = f->driver;
		end = &(*end)->next;
	}
	return HF_OK;
}

static void put_reference(struct hf_writer *w, const struct hf_reference *ref)
{
	hf_put(w, ref->mkey, strlen(ref->mkey) + 1);
	hf_put_be(w, ref->digest_count, 1);
	for (size_t i = 0; i < ref->digest_count; i++) {
		hf_put_be(w, ref->digests[i].alg, 1);
		hf_put(w, ref->digests[i].bytes, hf_alg_size(ref->digests[i].alg));
	}
	hf_put(w, ref->text ? ref->text : "", ref->text ? strlen(ref->text) + 1 : 1);
	hf_put_be(w, ref->svn_kind, 1);
	hf_put_be(w, ref->svn, 8);
	hf_put_be(w, ref->raw.len, 8);
	hf_put_span(w, ref->raw);
}

static void put_release(struct hf_writer *w, const struct hf_release *release)
{
	for (const struct hf_environment *e = release->environments; e; e = e->next) {
		hf_put_be(w, e->match.vendor, 2);
		hf_put_be(w, e->match.device, 2);
		hf_put_be(w, e->match.class_code, 4);
		hf_put_be(w, e->match.revision, 1);
		hf_put_be(w, (uint32_t)e->match.subsystem_vendor << 16 | e->match.subsystem_device, 4);
		hf_put_be(w, e->count, 4);
		for (const struct hf_reference *ref = e->references; ref; ref = ref->next)
			put_reference(w, ref);
		hf_put(w, "", 1);	/* no measurement has an empty name */
	}
}

static enum hf_err key_of(struct hf_census *census, const struct hf_census_kind *kind,
			  const struct hf_census_value *value, struct hf_census_key *ret)
{
	hf_census_key_begin(census, 'v');
	hf_census_key_pointer(census, kind);
	put_release(&census->scratch, value->release);
	for (const struct hf_census_failure *f = value->failures; f; f = f->next) {
		hf_census_key_text(census, f->mkey);
		hf_put_be(&census->scratch, (uint64_t)f->cause, 4);
	}
	hf_census_key_text(census, "");
	for (const struct hf_name_list *d = value->drivers; d; d = d->next)
		hf_census_key_text(census, d->name);
	return hf_census_key_end(census, ret);
}

/* Its texts still lie where the claims are. */
static enum hf_err adopt(struct hf_arena *arena, struct hf_census_value *value)
{
	enum hf_err err = HF_OK;

	for (struct hf_name_list *d = value->drivers; d; d = d->next)
		if (!(d->name = hf_arena_text(arena, d->name, strlen(d->name))))
			return HF_ERR_LIMIT;
	for (struct hf_census_failure *f = value->failures; f; f = f->next)
		if (!(f->mkey = hf_arena_text(arena, f->mkey, strlen(f->mkey))))
			return HF_ERR_LIMIT;
	for (struct hf_environment *e = value->release->environments; e; e = e->next)
		for (struct hf_reference *ref = e->references; ref && !err; ref = ref->next) {
			ref->mkey = hf_arena_text(arena, ref->mkey, strlen(ref->mkey));
			if (ref->text)
				ref->text = hf_arena_text(arena, ref->text, strlen(ref->text));
			if (ref->raw.len)
				err = hf_arena_copy(arena, ref->raw, &ref->raw);
			if (!ref->mkey)
				err = HF_ERR_LIMIT;
		}
	return err;
}

static enum hf_err kind_of(struct hf_census *census, const struct hf_part *part,
			   const struct hf_census_model *model, struct hf_census_kind **ret)
{
	const struct hf_identity *id = &part->functions->identity;
	size_t mark = census->arena->len;
	const char *name = hf_create_component_name(census->arena, part, model->name);
	struct hf_census_kind *kind;
	struct hf_census_key key;
	enum hf_err err;

	if (!name)
		return HF_ERR_LIMIT;
	hf_census_key_begin(census, 'k');
	hf_census_key_text(census, name);
	err = hf_census_key_end(census, &key);
	if (err)
		return err;
	*ret = hf_census_find(census, &key);
	if (*ret) {
		census->arena->len = mark;
		return HF_OK;
	}
	kind = hf_arena_take(census->arena, sizeof(*kind));
	if (!kind)
		return HF_ERR_LIMIT;
	kind->component = name;
	kind->values_end = &kind->values;
	kind->what = part->kind == HF_PART_BOARD
		? hf_census_format(census->arena, "board of %s", model->name)
		: hf_census_format(census->arena, "%s %04x:%04x", hf_report_class_name(id->class_code),
				   id->vendor, id->device);
	*census->kinds_end = kind;
	census->kinds_end = &kind->next;
	census->kind_count++;
	*ret = kind;
	return kind->what ? hf_census_put(census, &key, kind) : HF_ERR_LIMIT;
}

enum hf_err hf_census_value_of(struct hf_census *census, const struct hf_part *part,
			       const struct hf_census_model *model, struct hf_census_value **ret)
{
	struct hf_census_kind *kind;
	struct hf_census_value *value;
	struct hf_census_key key;
	enum hf_err err = kind_of(census, part, model, &kind);
	size_t mark = census->arena->len;

	if (err)
		return err;
	value = hf_arena_take(census->arena, sizeof(*value));
	if (!value)
		return HF_ERR_LIMIT;
	value->release = hf_create_release(census->arena, part, &value->least);
	err = value->release ? take_failures(census, part, value) : HF_ERR_LIMIT;
	if (!err)
		err = take_drivers(census, part, value);
	if (!err)
		err = key_of(census, kind, value, &key);
	if (err)
		return err;
	*ret = hf_census_find(census, &key);
	if (*ret) {
		census->arena->len = mark;	/* somebody had it before */
		return HF_OK;
	}
	value->kind = kind;
	value->method = hf_part_method(part);
	value->seats_end = &value->seats;
	err = take_versions(census->arena, part, value) ? adopt(census->arena, value) : HF_ERR_LIMIT;
	if (err)
		return err;
	*kind->values_end = value;
	kind->values_end = &value->next;
	kind->value_count++;
	*ret = value;
	return hf_census_put(census, &key, value);
}
