/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sources of both sides, member by member: whatever a source can say is compared, also
 * what a later version adds. [edge: jansson] */
#include "controller/diff.h"
#include "controller/source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SUBJECT_MAX 320
#define VALUE_MAX 96
#define HEX_SHOWN 12	/* digits of a digest in a sentence; all of it in the member */

struct diff {
	json_t *changes;
	bool origins, failed;
};

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool is_hex(const char *text)
{
	return strlen(text) >= 40 && strspn(text, "0123456789abcdef") == strlen(text);
}

/* One value for a sentence. */
static void show(const json_t *value, char *out, size_t cap)
{
	size_t len = 0, i;
	json_t *element;

	out[0] = '\0';
	if (json_is_string(value)) {
		const char *text = json_string_value(value);

		if (is_hex(text))
			snprintf(out, cap, "%.*s...", HEX_SHOWN, text);
		else if (strlen(text) >= cap)
			snprintf(out, cap, "%.*s...", (int)cap - 4, text);
		else
			snprintf(out, cap, "%s", text);
	} else if (json_is_integer(value)) {
		snprintf(out, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, element) {
			const char *text = json_string_value(element);

			if (len < cap)
				len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? ", " : "",
							text ? text : "...");
		}
	}
	if (!out[0])
		snprintf(out, cap, "nothing");
}

static void add(struct diff *d, const char *kind, const char *subject, const char *member,
		const json_t *from, const json_t *to, const char *text)
{
	json_t *change = json_pack("{s:s, s:s}", "kind", kind, "subject", subject);

	if (!change) {
		d->failed = true;
		return;
	}
	if (member)
		json_object_set_new(change, "member", json_string(member));
	if (from)
		json_object_set_new(change, "from", json_deep_copy(from));
	if (to)
		json_object_set_new(change, "to", json_deep_copy(to));
	json_object_set_new(change, "text", json_string(text));
	d->failed |= json_array_append_new(d->changes, change) != 0;
}

/* Something with a name of its own that only one side has. */
static void one_sided(struct diff *d, bool added, const char *subject, json_t *value)
{
	const char *state = text_of(value, "state"), *component = text_of(value, "component");
	char text[SUBJECT_MAX + 160];

	if (added)
		snprintf(text, sizeof(text), "new %s%s%s%s%s", subject, state[0] ? ": " : "", state,
			 component[0] && json_object_get(value, "least_method") ? ": " : "",
			 component[0] && json_object_get(value, "least_method") ? component : "");
	else
		snprintf(text, sizeof(text), "%s is gone", subject);
	add(d, added ? "added" : "removed", subject, NULL, added ? NULL : value,
	    added ? value : NULL, text);
}

static void changed(struct diff *d, const char *subject, const char *member, const json_t *from,
		    const json_t *to)
{
	bool place = strcmp(member, "place") == 0 || strcmp(member, "slot") == 0;
	bool many = member[strlen(member) - 1] == 's';
	char a[VALUE_MAX], b[VALUE_MAX], text[SUBJECT_MAX + 3 * VALUE_MAX];

	show(from, a, sizeof(a));
	show(to, b, sizeof(b));
	if (!from)
		snprintf(text, sizeof(text), "%s: %s is now %s", subject, member, b);
	else if (!to)
		snprintf(text, sizeof(text), "%s: %s was %s and is left out", subject, member, a);
	else
		snprintf(text, sizeof(text), "%s: %s %s from %s to %s", subject, member,
			 place ? "moves" : many ? "change" : "changes", a, b);
	add(d, "changed", subject, member, from, to, text);
}

static bool ignored(const struct diff *d, const char *key)
{
	return !d->origins && (strcmp(key, "provenance") == 0 || strcmp(key, "from") == 0);
}

static void compare(struct diff *d, const char *subject, const char *prefix, json_t *a, json_t *b);

/* ---- lists whose elements have a name ---- */

/* An entry of a list of revocations is what it revokes. */
static void name_by_values(json_t *element, char *out, size_t cap)
{
	size_t len = (size_t)snprintf(out, cap, "entry");
	const char *key;
	json_t *value;

	json_object_foreach(element, key, value)
		if (json_is_string(value) && strcmp(key, "note") != 0 && len < cap)
			len += (size_t)snprintf(out + len, cap - len, " %s %s", key,
						json_string_value(value));
}

/* What an element is called: "rule nic0", "function 8086:10d3". Elements of the same name
 * are compared with each other. */
static void name_element(const char *list, json_t *element, bool exact, char *out, size_t cap)
{
	if (strcmp(list, "functions") == 0)
		snprintf(out, cap, "function %s:%s%s%s%s%s%s%s", text_of(element, "vendor"),
			 text_of(element, "device"), exact ? " " : "",
			 exact ? text_of(element, "class") : "", exact ? " " : "",
			 exact ? text_of(element, "subsystem") : "",
			 exact ? text_of(element, "revision") : "",
			 exact ? text_of(element, "serial") : "");
	else if (strcmp(list, "images") == 0)
		snprintf(out, cap, "%s image %s", text_of(element, "role"), text_of(element, "name"));
	else if (strcmp(list, "findings") == 0)
		snprintf(out, cap, "finding %s %s at %s", text_of(element, "reason"),
			 text_of(element, "measurement"), text_of(element, "place"));
	else if (!json_object_get(element, "name"))
		name_by_values(element, out, cap);
	else
		snprintf(out, cap, "%.*s %s",
			 strcmp(list, "boot_code") == 0 ? 9 :
			 strcmp(list, "firmware") == 0 ? 8 : (int)strlen(list) - 1, list,
			 text_of(element, "name"));
}

/* The element of list with this name that is not taken yet; taken ones become null. */
static json_t *take_named(const char *kind, json_t *list, bool exact, const char *name)
{
	char other[SUBJECT_MAX];
	json_t *element;
	size_t i;

	json_array_foreach(list, i, element) {
		if (!json_is_object(element))
			continue;
		name_element(kind, element, exact, other, sizeof(other));
		if (strcmp(name, other) == 0) {
			json_incref(element);
			json_array_set_new(list, i, json_null());
			return element;
		}
	}
	return NULL;
}

static void element_subject(const char *subject, const char *name, char out[SUBJECT_MAX])
{
	if (strncmp(subject, "component ", 10) == 0)	/* its releases alone stand below it */
		subject += 10;
	if (subject[0])
		snprintf(out, SUBJECT_MAX, "%.150s of %.150s", name, subject);
	else
		snprintf(out, SUBJECT_MAX, "%.300s", name);
}

/* Elements of a pass that find their like are compared and become null on both sides. */
static void compare_pass(struct diff *d, const char *subject, const char *kind, json_t *a, json_t *b,
			 bool exact)
{
	char name[SUBJECT_MAX], where[SUBJECT_MAX];
	json_t *element;
	size_t i;

	json_array_foreach(a, i, element) {
		json_t *other;

		if (!json_is_object(element))
			continue;
		name_element(kind, element, exact, name, sizeof(name));
		other = take_named(kind, b, exact, name);
		if (!other)
			continue;
		name_element(kind, element, false, name, sizeof(name));
		element_subject(subject, name, where);
		compare(d, where, "", element, other);
		json_decref(other);
		json_array_set_new(a, i, json_null());
	}
}

static void name_rest(struct diff *d, const char *subject, const char *kind, json_t *list, bool added)
{
	char name[SUBJECT_MAX], where[SUBJECT_MAX];
	json_t *element;
	size_t i;

	json_array_foreach(list, i, element) {
		if (!json_is_object(element))
			continue;
		name_element(kind, element, false, name, sizeof(name));
		element_subject(subject, name, where);
		one_sided(d, added, where, element);
	}
}

/* Rules apply in their order; whether those that both sides have are in the same one. */
static bool same_order(const char *kind, json_t *a, json_t *b)
{
	json_t *element;
	char name[SUBJECT_MAX], other[SUBJECT_MAX];
	size_t i, last = 0, k;
	bool same = true;

	json_array_foreach(a, i, element) {
		json_t *candidate;

		name_element(kind, element, false, name, sizeof(name));
		json_array_foreach(b, k, candidate) {
			name_element(kind, candidate, false, other, sizeof(other));
			if (strcmp(name, other) == 0) {
				same &= k >= last;
				last = k;
				break;
			}
		}
	}
	return same;
}

static void compare_named(struct diff *d, const char *subject, const char *kind, json_t *a, json_t *b)
{
	json_t *left = a ? json_copy(a) : json_array(), *right = b ? json_copy(b) : json_array();
	char text[SUBJECT_MAX + 48];

	if (!left || !right) {
		d->failed = true;
	} else {
		if (strcmp(kind, "rules") == 0 && !same_order(kind, a, b)) {
			snprintf(text, sizeof(text), "%s: the order of its rules changes", subject);
			add(d, "changed", subject, kind, NULL, NULL, text);
		}
		compare_pass(d, subject, kind, left, right, true);
		compare_pass(d, subject, kind, left, right, false);
		name_rest(d, subject, kind, left, false);
		name_rest(d, subject, kind, right, true);
	}
	json_decref(left);
	json_decref(right);
}

/* ---- members ---- */

static bool has_objects(json_t *list)
{
	return json_is_object(json_array_get(list, 0));
}

static void compare_member(struct diff *d, const char *subject, const char *member, const char *key,
			   json_t *a, json_t *b)
{
	if ((!a || json_is_array(a)) && (!b || json_is_array(b)) &&
	    (has_objects(a) || has_objects(b)))
		compare_named(d, subject, key, a, b);
	else if (json_is_object(a) && json_is_object(b))
		compare(d, subject, strcmp(key, "measurements") == 0 ? "" : member, a, b);
	else if (!a || !b || !json_equal(a, b))
		changed(d, subject, member, a, b);
}

/* An object that only one side has is shown member by member: a measurement's digests. */
static void compare_half(struct diff *d, const char *subject, const char *member, json_t *value,
			 bool added)
{
	char text[SUBJECT_MAX + VALUE_MAX + 32];

	snprintf(text, sizeof(text), added ? "%s: %s is new" : "%s: %s is gone", subject, member);
	add(d, added ? "added" : "removed", subject, member, added ? NULL : value,
	    added ? value : NULL, text);
}

static void compare(struct diff *d, const char *subject, const char *prefix, json_t *a, json_t *b)
{
	json_t *left, *right;
	const char *key;
	char member[VALUE_MAX];

	json_object_foreach(a, key, left) {
		right = json_object_get(b, key);
		snprintf(member, sizeof(member), "%s%s%s", prefix, prefix[0] ? " " : "", key);
		if (ignored(d, key))
			continue;
		if (json_is_object(left) && !right)
			compare_half(d, subject, member, left, false);
		else
			compare_member(d, subject, member, key, left, right);
	}
	json_object_foreach(b, key, right) {
		snprintf(member, sizeof(member), "%s%s%s", prefix, prefix[0] ? " " : "", key);
		if (json_object_get(a, key) || ignored(d, key))
			continue;
		if (json_is_object(right))
			compare_half(d, subject, member, right, true);
		else
			compare_member(d, subject, member, key, NULL, right);
	}
}

/* ---- documents ---- */

/* {"components": [...], "models": [...], ...}, each element with its name also under
 * "name". */
static json_t *documents_of(const struct hf_manifests *manifests)
{
	static const char *const kinds[][2] = {
		{ "component", "components" }, { "model", "models" }, { "waiver", "waivers" },
		{ "revocations", "revocation lists" },
	};
	json_t *all = json_pack("{s:[], s:[], s:[], s:[], s:[]}", "components", "models", "images",
				"waivers", "revocation lists");
	char *text = hf_source_format(manifests), *at = text;
	json_error_t error;
	json_t *document;

	while (at && (document = json_loads(at, JSON_DISABLE_EOF_CHECK, &error))) {
		json_object_del(document, "format");
		json_array_extend(json_object_get(all, "images"), json_object_get(document, "images"));
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			json_t *name = json_object_get(document, kinds[i][0]);

			if (!name)
				continue;
			json_object_set(document, "name", name);
			json_object_del(document, kinds[i][0]);
			json_array_append(json_object_get(all, kinds[i][1]), document);
		}
		json_decref(document);
		at += error.position;
	}
	free(text);
	if (!text) {
		json_decref(all);
		return NULL;
	}
	return all;
}

json_t *hf_diff(const struct hf_manifests *a, const struct hf_manifests *b, bool origins)
{
	static const char *const kinds[] = {
		"components", "models", "images", "waivers", "revocation lists",
	};
	struct diff d = { .changes = json_array(), .origins = origins };
	json_t *left = documents_of(a), *right = documents_of(b);

	d.failed |= !left || !right || !d.changes;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !d.failed; i++)
		compare_named(&d, "", kinds[i], json_object_get(left, kinds[i]),
			      json_object_get(right, kinds[i]));
	json_decref(left);
	json_decref(right);
	if (d.failed) {
		json_decref(d.changes);
		return NULL;
	}
	return d.changes;
}
