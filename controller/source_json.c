/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON sources to manifests. [edge: jansson] */
#include "controller/locate.h"
#include "controller/source_parts.h"

#include <jansson.h>
#include <stdio.h>

#define DEPTH_MAX 16	/* of the places that have a name here */

/* Where in the document we are, innermost first, for messages. */
struct place {
	const struct place *up;
	const char *key;	/* NULL: an element */
	size_t index;
};

struct source {
	struct hf_arena *arena;
	const char *file;
	struct hf_span json;
	struct hf_fault *fault;
	enum hf_err err;	/* sticky: the first failure stays */
};

static size_t format_place(const struct place *place, char *out, size_t cap)
{
	size_t len;
	int n;

	if (!place)
		return 0;
	len = format_place(place->up, out, cap);
	if (place->key)
		n = snprintf(out + len, cap - len, "%s%s", len ? "." : "", place->key);
	else
		n = snprintf(out + len, cap - len, "[%zu]", place->index);
	if (n < 0)
		return len;
	return len + (size_t)n < cap ? len + (size_t)n : cap - 1;
}

/* "FILE:LINE"; of a path that is too long its end. */
static void format_line(const char *file, size_t line, char *out, size_t cap)
{
	char number[24];
	size_t len = strlen(file), room;

	snprintf(number, sizeof(number), ":%zu", line);
	room = cap - 1 - strlen(number);
	snprintf(out, cap, "%s%s", file + (len > room ? len - room : 0), number);
}

static size_t line_of(const struct source *s, const struct place *place)
{
	struct hf_json_step steps[DEPTH_MAX];
	size_t depth = 0;

	for (const struct place *p = place; p; p = p->up)
		depth++;
	if (depth > DEPTH_MAX)
		return 1;
	for (size_t i = depth; i-- > 0; place = place->up)
		steps[i] = (struct hf_json_step){ place->key, place->index };
	return hf_json_line(s->json, steps, depth);
}

static void refuse(struct source *s, const struct place *at, const char *key, const char *problem)
{
	struct place place = { .up = at, .key = key };
	char text[128] = "", where[sizeof(s->fault->where)];

	if (s->err)
		return;
	format_place(key ? &place : at, text, sizeof(text));
	format_line(s->file, line_of(s, key ? &place : at), where, sizeof(where));
	s->err = hf_fail(s->fault, HF_ERR_MANIFEST_SOURCE, where, "%s: %s",
			 text[0] ? text : "document", problem);
}

/* Every member must be named in known, a list of words with a space after each. */
static void check_members(struct source *s, json_t *object, const struct place *at,
			  const char *known)
{
	const char *key;
	json_t *value;

	if (s->err)
		return;
	if (!json_is_object(object)) {
		refuse(s, at, NULL, "must be an object");
		return;
	}
	json_object_foreach(object, key, value) {
		size_t len = strlen(key);
		bool found = false;

		for (const char *word = known; *word && !found; word = strchr(word, ' ') + 1)
			found = strncmp(word, key, len) == 0 && word[len] == ' ';
		if (!found)
			refuse(s, at, key, "there is no such member");
	}
}

static json_t *member(struct source *s, json_t *object, const struct place *at, const char *key,
		      bool required)
{
	json_t *value = s->err ? NULL : json_object_get(object, key);

	if (!value && required)
		refuse(s, at, key, "is missing");
	return value;
}

static const char *get_text(struct source *s, json_t *object, const struct place *at,
			    const char *key, bool required)
{
	json_t *value = member(s, object, at, key, required);
	struct hf_span text;
	const char *copy;

	if (!value)
		return NULL;
	if (!json_is_string(value)) {
		refuse(s, at, key, "must be a text");
		return NULL;
	}
	text = hf_span_text(json_string_value(value));
	if (text.len == 0 || text.len > HF_TEXT_MAX || !hf_text_valid(text)) {
		refuse(s, at, key, "must be 1 to 4096 bytes without control characters");
		return NULL;
	}
	copy = hf_arena_text(s->arena, text.ptr, text.len);
	if (!copy)
		s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
	return copy;
}

static const char *get_name(struct source *s, json_t *object, const struct place *at,
			    const char *key)
{
	const char *name = get_text(s, object, at, key, true);

	if (name && !hf_name_valid(name))
		refuse(s, at, key, "must be 1 to 96 plain characters without a slash");
	return name;
}

static uint64_t get_number(struct source *s, json_t *object, const struct place *at,
			   const char *key, bool required, uint64_t preset, uint64_t max)
{
	json_t *value = member(s, object, at, key, required);

	if (!value)
		return preset;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		refuse(s, at, key, "must be a whole number in range");
		return preset;
	}
	return (uint64_t)json_integer_value(value);
}

/* One of a member's words, or NULL. */
static const char *get_word(struct source *s, json_t *object, const struct place *at,
			    const char *key, bool required)
{
	json_t *value = member(s, object, at, key, required);

	if (value && !json_is_string(value))
		refuse(s, at, key, "must be a text");
	return value && json_is_string(value) ? json_string_value(value) : NULL;
}

static json_t *get_array(struct source *s, json_t *object, const struct place *at,
			 const char *key, bool required)
{
	json_t *value = member(s, object, at, key, required);

	if (value && !json_is_array(value)) {
		refuse(s, at, key, "must be a list");
		return NULL;
	}
	if (value && required && json_array_size(value) == 0) {
		refuse(s, at, key, "must not be empty");
		return NULL;
	}
	return value;
}

static void *take(struct source *s, size_t size)
{
	void *p = s->err ? NULL : hf_arena_take(s->arena, size);

	if (!p && !s->err)
		s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
	return p;
}

/* A date; false when it is absent or bad, and bad is an error. */
static bool get_date(struct source *s, json_t *object, const struct place *at, const char *key,
		     bool required, uint32_t *ret)
{
	const char *text = get_word(s, object, at, key, required);

	if (!text)
		return false;
	if (hf_date_parse(text, ret))
		return true;
	refuse(s, at, key, "must be a date such as 2026-12-31");
	return false;
}

/* Exactly `digits` hex digits. */
static bool parse_hex(const char *text, size_t digits, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < digits; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (uint64_t)(c - 'A' + 10);
		else
			return false;
	}
	*ret = value;
	return true;
}

/* False when the member is absent or bad; bad is an error. */
static bool get_hex(struct source *s, json_t *object, const struct place *at, const char *key,
		    bool required, size_t digits, uint64_t *ret)
{
	const char *text = get_word(s, object, at, key, required);
	char problem[48];

	if (!text)
		return false;
	if (strlen(text) == digits && parse_hex(text, digits, ret))
		return true;
	snprintf(problem, sizeof(problem), "must be %zu hexadecimal digits", digits);
	refuse(s, at, key, problem);
	return false;
}

static bool get_digest(struct source *s, json_t *object, const struct place *at, const char *key,
		       enum hf_alg alg, bool required, struct hf_digest *ret)
{
	const char *text = get_word(s, object, at, key, required);
	char problem[64];

	if (!text)
		return false;
	if (hf_digest_from_hex(alg, text, ret))
		return true;
	snprintf(problem, sizeof(problem), "must be %zu hexadecimal digits (%s)",
		 2 * hf_alg_size(alg), hf_alg_name(alg));
	refuse(s, at, key, problem);
	return false;
}

/* ---- components ---- */

static void read_match(struct source *s, json_t *function, const struct place *at,
		       struct hf_match *match)
{
	const char *subsystem = get_word(s, function, at, "subsystem", false);
	uint64_t value = 0;

	if (get_hex(s, function, at, "vendor", true, 4, &value))
		match->vendor = (uint16_t)value;
	if (get_hex(s, function, at, "device", true, 4, &value))
		match->device = (uint16_t)value;
	if (get_hex(s, function, at, "class", true, 6, &value))
		match->class_code = (uint32_t)value;
	match->has_revision = get_hex(s, function, at, "revision", false, 2, &value);
	if (match->has_revision)
		match->revision = (uint8_t)value;
	match->has_serial = get_hex(s, function, at, "serial", false, 16, &match->serial);
	if (!subsystem)
		return;
	if (strlen(subsystem) != 9 || subsystem[4] != ':' || !parse_hex(subsystem, 4, &value)) {
		refuse(s, at, "subsystem", "must be written as vendor:device, 8086:a01f");
		return;
	}
	match->has_subsystem = true;
	match->subsystem_vendor = (uint16_t)value;
	if (!parse_hex(subsystem + 5, 4, &value))
		refuse(s, at, "subsystem", "must be written as vendor:device, 8086:a01f");
	match->subsystem_device = (uint16_t)value;
}

static void read_reference(struct source *s, json_t *value, const struct place *at,
			   struct hf_reference *ref)
{
	struct hf_digest digest;

	check_members(s, value, at, "sha256 sha384 text svn minimum_svn from ");
	if (s->err)
		return;
	ref->mkey = hf_arena_text(s->arena, at->key, strlen(at->key));
	if (!ref->mkey)
		s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
	if (strlen(at->key) == 0 || strlen(at->key) > HF_MKEY_MAX ||
	    !hf_text_valid(hf_span_text(at->key)))
		refuse(s, at, NULL, "a measurement's name has 1 to 64 bytes");
	memset(&digest, 0, sizeof(digest));
	if (get_digest(s, value, at, "sha256", HF_ALG_SHA256, false, &digest))
		ref->digests[ref->digest_count++] = digest;
	memset(&digest, 0, sizeof(digest));
	if (get_digest(s, value, at, "sha384", HF_ALG_SHA384, false, &digest))
		ref->digests[ref->digest_count++] = digest;
	ref->text = get_text(s, value, at, "text", false);
	ref->from = get_text(s, value, at, "from", false);
	if (member(s, value, at, "minimum_svn", false))
		ref->svn_kind = HF_SVN_LEAST;
	else if (member(s, value, at, "svn", false))
		ref->svn_kind = HF_SVN_EXACT;
	ref->svn = get_number(s, value, at, ref->svn_kind == HF_SVN_EXACT ? "svn" : "minimum_svn",
			      false, 0, INT64_MAX);
	if ((ref->digest_count > 0) + (ref->text != NULL) + (json_object_get(value, "svn") != NULL) +
	    (json_object_get(value, "minimum_svn") != NULL) != 1)
		refuse(s, at, NULL, "needs digests (sha256, sha384), a text, svn or minimum_svn: "
				    "one of them");
}

static void read_references(struct source *s, json_t *function, const struct place *at,
			    struct hf_environment *env)
{
	json_t *object = member(s, function, at, "measurements", false), *value;
	struct hf_reference **end = &env->references;
	struct place list = { .up = at, .key = "measurements" };
	const char *key;

	if (!object || s->err)
		return;
	if (!json_is_object(object)) {
		refuse(s, &list, NULL, "must be an object");
		return;
	}
	if (json_object_size(object) >= HF_REFERENCES_MAX)
		refuse(s, &list, NULL, "has too many members");
	json_object_foreach(object, key, value) {
		struct place place = { .up = &list, .key = key };
		struct hf_reference *ref = take(s, sizeof(*ref));

		if (!ref)
			return;
		read_reference(s, value, &place, ref);
		*end = ref;
		end = &ref->next;
	}
}

static void read_functions(struct source *s, json_t *release, const struct place *at,
			   struct hf_release *ret)
{
	json_t *list = get_array(s, release, at, "functions", true), *function;
	struct hf_environment **end = &ret->environments;
	struct place key = { .up = at, .key = "functions" };
	size_t i;

	json_array_foreach(list, i, function) {
		struct place place = { .up = &key, .index = i };
		struct hf_environment *env = take(s, sizeof(*env));

		if (!env)
			return;
		check_members(s, function, &place, "vendor device class subsystem revision serial "
						   "count measurements ");
		if (s->err)
			return;
		read_match(s, function, &place, &env->match);
		env->count = (uint32_t)get_number(s, function, &place, "count", false, 1, UINT32_MAX);
		read_references(s, function, &place, env);
		*end = env;
		end = &env->next;
	}
}

static void read_component(struct source *s, json_t *root, struct hf_component **end)
{
	struct hf_component *component = take(s, sizeof(*component));
	struct hf_release **releases;
	struct place key = { .key = "releases" };
	json_t *list, *object;
	size_t i;

	check_members(s, root, NULL, "format component releases ");
	if (s->err)
		return;
	releases = &component->releases;
	component->name = get_name(s, root, NULL, "component");
	list = get_array(s, root, NULL, "releases", true);
	if (json_array_size(list) > HF_RELEASES_MAX)
		refuse(s, NULL, "releases", "has too many elements");
	json_array_foreach(list, i, object) {
		struct place place = { .up = &key, .index = i };
		struct hf_release *release = take(s, sizeof(*release));
		const char *state;

		check_members(s, object, &place, "name state until note functions provenance ");
		if (s->err)
			return;
		release->name = get_name(s, object, &place, "name");
		state = get_word(s, object, &place, "state", true);
		if (state && !hf_release_state_from_name(state, &release->state))
			refuse(s, &place, "state",
			       "must be allowed, allowed-until, update or revoked");
		if (release->state == HF_RELEASE_ALLOWED_UNTIL)
			get_date(s, object, &place, "until", true, &release->until_day);
		else if (member(s, object, &place, "until", false))
			refuse(s, &place, "until", "is for the state allowed-until only");
		release->note = get_text(s, object, &place, "note", false);
		release->provenance = get_text(s, object, &place, "provenance", false);
		read_functions(s, object, &place, release);
		*releases = release;
		releases = &release->next;
	}
	*end = component;
}

/* ---- models ---- */

static void read_drivers(struct source *s, json_t *root, struct hf_model *model)
{
	json_t *list = get_array(s, root, NULL, "drivers", false), *value;
	struct hf_name_list **end = &model->drivers;
	struct place key = { .key = "drivers" };
	size_t i;

	json_array_foreach(list, i, value) {
		struct place place = { .up = &key, .index = i };
		struct hf_name_list *driver = take(s, sizeof(*driver));
		const char *name = json_string_value(value);

		if (!driver)
			return;
		if (!name || !hf_name_valid(name)) {
			refuse(s, &place, NULL, "must be the name of a driver");
			return;
		}
		driver->name = hf_arena_text(s->arena, name, strlen(name));
		if (!driver->name)
			s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
		*end = driver;
		end = &driver->next;
	}
}

static void read_boot_code(struct source *s, json_t *root, struct hf_model *model)
{
	json_t *list = get_array(s, root, NULL, "boot_code", false), *object;
	struct hf_boot_code **end = &model->boot_code;
	struct place key = { .key = "boot_code" };
	size_t i;

	json_array_foreach(list, i, object) {
		struct place place = { .up = &key, .index = i };
		struct hf_boot_code *code = take(s, sizeof(*code));

		check_members(s, object, &place, "name sha256 from ");
		if (s->err)
			return;
		code->name = get_name(s, object, &place, "name");
		get_digest(s, object, &place, "sha256", HF_ALG_SHA256, true, &code->sha256);
		code->from = get_text(s, object, &place, "from", false);
		*end = code;
		end = &code->next;
	}
}

/* One text as `one`, or several as the list `many`; the texts come back as a list. */
static struct hf_name_list *get_names(struct source *s, json_t *object, const struct place *at,
				      const char *one, const char *many)
{
	json_t *list = get_array(s, object, at, many, false), *value;
	struct hf_name_list *names = NULL, **end = &names;
	const char *single = get_text(s, object, at, one, false);
	struct place key = { .up = at, .key = many };
	size_t i;

	if (single) {
		if (list)
			refuse(s, at, many, "stands in place of the single one, not beside it");
		names = take(s, sizeof(*names));
		if (names)
			names->name = single;
		return names;
	}
	if (list && json_array_size(list) == 0)
		refuse(s, at, many, "must not be empty");
	json_array_foreach(list, i, value) {
		struct place place = { .up = &key, .index = i };
		const char *text = json_string_value(value);
		struct hf_name_list *name = take(s, sizeof(*name));

		if (!name)
			return NULL;
		if (!text || !text[0] || !hf_text_valid(hf_span_text(text))) {
			refuse(s, &place, NULL, "must be a text");
			return NULL;
		}
		for (const struct hf_name_list *n = names; n; n = n->next)
			if (strcmp(n->name, text) == 0)
				refuse(s, &place, NULL, "is there twice");
		name->name = hf_arena_text(s->arena, text, strlen(text));
		if (!name->name)
			s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
		*end = name;
		end = &name->next;
	}
	return names;
}

static size_t count_names(const struct hf_name_list *list)
{
	size_t count = 0;

	for (; list; list = list->next)
		count++;
	return count;
}

/* Which parts a rule is for and where they sit; how many places there are comes back. */
static size_t read_rule_parts(struct source *s, json_t *object, const struct place *at,
			      struct hf_rule *rule)
{
	struct hf_name_list *components = get_names(s, object, at, "component", "components");
	struct hf_name_list *places = get_names(s, object, at, "place", "places");

	rule->class_prefix = get_text(s, object, at, "class", false);
	rule->slots = get_names(s, object, at, "slot", "slots");
	rule->component = components ? components->name : "";
	rule->more_components = components ? components->next : NULL;
	rule->place = places ? places->name : NULL;
	rule->more_places = places ? places->next : NULL;
	for (const struct hf_name_list *n = components; n; n = n->next)
		if (!hf_name_valid(n->name))
			refuse(s, at, components->next ? "components" : "component",
			       "must be 1 to 96 plain characters without a slash");
	if (!components && !rule->class_prefix)
		refuse(s, at, "component", "is missing, and there is no class in its place");
	if (rule->class_prefix && !hf_class_prefix_valid(rule->class_prefix))
		refuse(s, at, "class", "must be 2, 4 or 6 hexadecimal digits in lower case");
	for (const struct hf_name_list *n = places; n; n = n->next)
		if (strlen(n->name) > HF_PATH_MAX)
			refuse(s, at, places->next ? "places" : "place", "must be the path of a part");
	for (const struct hf_name_list *n = rule->slots; n; n = n->next)
		if (!hf_slot_valid(n->name))
			refuse(s, at, "slot", "must be the label of a slot");
	return count_names(places) + count_names(rule->slots);
}

static void read_rule(struct source *s, json_t *object, const struct place *at,
		      struct hf_rule *rule)
{
	const char *word;
	size_t places;

	rule->name = get_name(s, object, at, "name");
	places = read_rule_parts(s, object, at, rule);
	word = get_word(s, object, at, "mode", false);
	rule->audit = word && strcmp(word, "audit") == 0;
	if (word && !rule->audit)
		refuse(s, at, "mode", "of a rule can be audit alone; without it the model's holds");
	word = get_word(s, object, at, "approved", false);
	rule->owner_approved = word && strcmp(word, "owner") == 0;
	if (word && !rule->owner_approved)
		refuse(s, at, "approved", "can be owner alone; without it a vendor's word counts too");
	word = get_word(s, object, at, "presence", false);
	rule->presence = HF_PRESENCE_REQUIRED;
	if (word && !hf_presence_from_name(word, &rule->presence))
		refuse(s, at, "presence", "must be required, optional or forbidden");
	rule->count = (uint32_t)get_number(s, object, at, "count", false, places ? places : 1,
					   UINT32_MAX);
	if (rule->count == 0)
		refuse(s, at, "count", "must be 1 or more");
	word = get_word(s, object, at, "least_method", true);
	if (word && !hf_method_from_name(word, &rule->least_method))
		refuse(s, at, "least_method", "must be identity, version, bytes or signed");
	word = get_word(s, object, at, "action", false);
	rule->action = HF_ACTION_HOLD;
	if (word && !hf_action_from_name(word, &rule->action))
		refuse(s, at, "action", "must be hold, fence or warn");
}

static void read_rules(struct source *s, json_t *root, struct hf_model *model)
{
	json_t *list = get_array(s, root, NULL, "rules", true), *object;
	struct hf_rule **end = &model->rules;
	struct place key = { .key = "rules" };
	size_t i;

	if (json_array_size(list) > HF_RULES_MAX)
		refuse(s, NULL, "rules", "has too many elements");
	json_array_foreach(list, i, object) {
		struct place place = { .up = &key, .index = i };
		struct hf_rule *rule = take(s, sizeof(*rule));

		check_members(s, object, &place,
			      "name component components class place places slot slots presence "
			      "count least_method action mode approved ");
		if (s->err)
			return;
		read_rule(s, object, &place, rule);
		*end = rule;
		end = &rule->next;
	}
}

/* What is left out has its strictest value; mode and generation are said aloud. */
static void read_model(struct source *s, json_t *root, struct hf_model **end)
{
	struct hf_model *model = take(s, sizeof(*model));
	const char *word;

	check_members(s, root, NULL, "format model vendor product generation mode tpm unknown "
				     "drivers boot_code rules provenance ");
	if (s->err)
		return;
	model->name = get_name(s, root, NULL, "model");
	model->vendor = get_text(s, root, NULL, "vendor", true);
	model->product = get_text(s, root, NULL, "product", true);
	model->generation = get_number(s, root, NULL, "generation", true, 0, INT64_MAX);
	word = get_word(s, root, NULL, "mode", true);
	if (word && !hf_mode_from_name(word, &model->mode))
		refuse(s, NULL, "mode", "must be enforce or audit");
	word = get_word(s, root, NULL, "tpm", false);
	model->tpm_required = !word || strcmp(word, "required") == 0;
	if (word && !model->tpm_required && strcmp(word, "optional") != 0)
		refuse(s, NULL, "tpm", "must be required or optional");
	word = get_word(s, root, NULL, "unknown", false);
	model->unknown = HF_ACTION_HOLD;
	if (word && !hf_action_from_name(word, &model->unknown))
		refuse(s, NULL, "unknown", "must be hold, fence or warn");
	model->provenance = get_text(s, root, NULL, "provenance", false);
	read_drivers(s, root, model);
	read_boot_code(s, root, model);
	read_rules(s, root, model);
	*end = model;
}

/* ---- images ---- */

static void read_image(struct source *s, json_t *object, const struct place *at,
		       struct hf_image *image)
{
	const char *role = get_word(s, object, at, "role", true);
	const char *kind = get_word(s, object, at, "kind", false);

	image->name = get_name(s, object, at, "name");
	if (role && strcmp(role, "tenant") == 0)
		image->role = HF_IMAGE_TENANT;
	else if (role && strcmp(role, "agent") != 0)
		refuse(s, at, "role", "must be agent or tenant");
	if (image->role == HF_IMAGE_AGENT && kind)
		refuse(s, at, "kind", "is for tenants only");
	if (image->role == HF_IMAGE_TENANT && !kind)
		refuse(s, at, "kind", "is missing");
	if (kind && strcmp(kind, "root") == 0)
		image->kind = HF_TENANT_ROOT;
	else if (kind && strcmp(kind, "kexec") != 0)
		refuse(s, at, "kind", "must be kexec or root");
	image->has_kernel = get_digest(s, object, at, "kernel", HF_ALG_SHA256, false, &image->kernel);
	image->has_initrd = get_digest(s, object, at, "initrd", HF_ALG_SHA256, false, &image->initrd);
	image->has_command_line = get_digest(s, object, at, "command_line", HF_ALG_SHA256, false,
					     &image->command_line);
	image->has_root = get_digest(s, object, at, "root", HF_ALG_SHA256, false, &image->root);
	image->command_line_text = get_text(s, object, at, "command_line_text", false);
	image->provenance = get_text(s, object, at, "provenance", false);
	if (hf_image_complete(image))
		return;
	if (image->role == HF_IMAGE_AGENT)
		refuse(s, at, NULL, "an agent has kernel, initrd and command_line");
	else if (image->kind == HF_TENANT_ROOT)
		refuse(s, at, NULL, "a tenant of kind root has root alone");
	else
		refuse(s, at, NULL, "a kexec tenant has kernel, initrd and command_line_text");
}

static void read_images(struct source *s, json_t *root, struct hf_image **end)
{
	json_t *list, *object;
	struct place key = { .key = "images" };
	size_t i;

	check_members(s, root, NULL, "format images ");
	list = get_array(s, root, NULL, "images", true);
	json_array_foreach(list, i, object) {
		struct place place = { .up = &key, .index = i };
		struct hf_image *image = take(s, sizeof(*image));

		check_members(s, object, &place, "role kind name kernel initrd command_line root "
						 "command_line_text provenance ");
		if (s->err)
			return;
		read_image(s, object, &place, image);
		*end = image;
		end = &image->next;
	}
}

/* ---- waivers ---- */

static void read_waiver_item(struct source *s, json_t *object, const struct place *at,
			     struct hf_waiver_item *item)
{
	const char *reason = get_word(s, object, at, "reason", true);

	item->place = get_text(s, object, at, "place", true);
	if (item->place && strlen(item->place) > HF_PATH_MAX)
		refuse(s, at, "place", "must be the path of a part");
	item->cause = reason ? hf_err_from_name(reason) : HF_ERR_INTERNAL;
	if (reason && strcmp(hf_err_name(item->cause), reason) != 0)
		refuse(s, at, "reason", "is no reason code (docs/reasons.md)");
	else if (reason && !hf_cause_waivable(item->cause))
		refuse(s, at, "reason", "cannot be waived");
	item->mkey = get_text(s, object, at, "measurement", false);
	if (item->mkey && strlen(item->mkey) > HF_MKEY_MAX)
		refuse(s, at, "measurement", "has 1 to 64 bytes");
	item->found = get_text(s, object, at, "found", false);
}

static bool read_host(struct source *s, json_t *root, uint8_t out[static HF_AK_NAME])
{
	const char *text = get_word(s, root, NULL, "host", true);
	uint64_t byte;

	for (size_t i = 0; text && i < HF_AK_NAME; i++) {
		if (strlen(text) != 2 * HF_AK_NAME || !parse_hex(text + 2 * i, 2, &byte)) {
			refuse(s, NULL, "host",
			       "must be the name of an attestation key, 68 hexadecimal digits");
			return false;
		}
		out[i] = (uint8_t)byte;
	}
	return text != NULL;
}

static void read_waiver(struct source *s, json_t *root, struct hf_waiver **end)
{
	struct hf_waiver *waiver = take(s, sizeof(*waiver));
	struct hf_waiver_item **items;
	struct place key = { .key = "findings" };
	json_t *list, *object;
	size_t i;

	check_members(s, root, NULL, "format waiver host generation until note findings ");
	if (s->err)
		return;
	items = &waiver->items;
	waiver->name = get_name(s, root, NULL, "waiver");
	read_host(s, root, waiver->host);
	waiver->has_generation = member(s, root, NULL, "generation", false) != NULL;
	waiver->generation = get_number(s, root, NULL, "generation", false, 0, INT64_MAX);
	waiver->has_until = get_date(s, root, NULL, "until", false, &waiver->until_day);
	if (!waiver->has_generation && !waiver->has_until)
		refuse(s, NULL, "until", "is missing, and there is no generation in its place");
	waiver->note = get_text(s, root, NULL, "note", false);
	list = get_array(s, root, NULL, "findings", true);
	if (json_array_size(list) > HF_WAIVER_ITEMS_MAX)
		refuse(s, NULL, "findings", "has too many elements");
	json_array_foreach(list, i, object) {
		struct place place = { .up = &key, .index = i };
		struct hf_waiver_item *item = take(s, sizeof(*item));

		check_members(s, object, &place, "place reason measurement found ");
		if (s->err)
			return;
		read_waiver_item(s, object, &place, item);
		*items = item;
		items = &item->next;
	}
	*end = waiver;
}

static void read_revocations(struct source *s, json_t *root, struct hf_revocations **end)
{
	struct hf_revocations *list = take(s, sizeof(*list));
	struct place key = { .key = "revoke" };
	struct hf_revoked **entries;
	json_t *array, *object;
	size_t i;

	check_members(s, root, NULL, "format revocations generation revoke provenance ");
	array = get_array(s, root, NULL, "revoke", true);
	if (s->err)
		return;
	entries = &list->entries;
	list->name = get_name(s, root, NULL, "revocations");
	list->generation = get_number(s, root, NULL, "generation", true, 0, INT64_MAX);
	list->provenance = get_text(s, root, NULL, "provenance", false);
	json_array_foreach(array, i, object) {
		struct place place = { .up = &key, .index = i };
		struct hf_revoked *entry = take(s, sizeof(*entry));
		const char *problem;

		if (s->err)
			return;
		problem = json_is_object(object) ? hf_source_revoked(object, s->arena, entry)
						 : "must be an object";
		if (problem)
			refuse(s, &place, NULL, problem);
		*entries = entry;
		entries = &entry->next;
	}
	if (json_array_size(array) > HF_REVOKED_MAX)
		refuse(s, NULL, "revoke", "must have at most 4096 elements");
	*end = list;
}

static void read_document(struct source *s, json_t *root, const struct hf_manifests_mark *end)
{
	if (!json_is_object(root)) {
		refuse(s, NULL, NULL, "must be an object");
		return;
	}
	if (get_number(s, root, NULL, "format", true, 0, UINT32_MAX) != HF_SOURCE_FORMAT)
		refuse(s, NULL, "format", "this version reads format 1");
	if (json_object_get(root, "component"))
		read_component(s, root, end->components);
	else if (json_object_get(root, "model"))
		read_model(s, root, end->models);
	else if (json_object_get(root, "images"))
		read_images(s, root, end->images);
	else if (json_object_get(root, "waiver"))
		read_waiver(s, root, end->waivers);
	else if (json_object_get(root, "revocations"))
		read_revocations(s, root, end->revocations);
	else
		refuse(s, NULL, NULL, "has no component, model, images, waiver or revocations");
}

/* The second of two elements with the same name; none in this document: its own name is
 * another's. */
static void name_duplicate(struct source *s, json_t *root, enum hf_err err)
{
	static const char *const lists[] = { "releases", "rules" };
	char where[sizeof(s->fault->where)];
	size_t i, k;

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		json_t *list = json_object_get(root, lists[l]), *object;

		json_array_foreach(list, i, object) {
			struct place key = { .key = lists[l] }, at = { .up = &key, .index = i };
			struct place name = { .up = &at, .key = "name" };

			for (k = 0; k < i; k++)
				if (json_equal(json_object_get(json_array_get(list, k), "name"),
					       json_object_get(object, "name")))
					break;
			if (k == i)
				continue;
			format_line(s->file, line_of(s, &name), where, sizeof(where));
			hf_fail(s->fault, err, where, "%s[%zu].name: %s[%zu] has it, too", lists[l], i,
				lists[l], k);
			return;
		}
	}
	hf_fail(s->fault, err, s->file, "another file describes something of this name");
}

enum hf_err hf_source_parse(struct hf_span json, const char *file, struct hf_manifests *out,
			    struct hf_fault *fault)
{
	struct hf_manifests_mark mark = hf_manifests_mark(out);
	struct source s = { .arena = out->arena, .file = file, .json = json, .fault = fault };
	json_error_t error;
	json_t *root;
	enum hf_err err;

	if (json.len > HF_SOURCE_MAX)
		return hf_fail(fault, HF_ERR_FILE_TOO_LARGE, file, "%zu bytes", json.len);
	root = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		char where[sizeof(fault->where)];

		format_line(file, error.line > 0 ? (size_t)error.line : 1, where, sizeof(where));
		return hf_fail(fault, HF_ERR_MANIFEST_SOURCE, where, "%s", error.text);
	}
	read_document(&s, root, &mark);
	err = s.err;
	if (!err) {
		err = hf_manifests_check_names(out, &mark);
		if (err)
			name_duplicate(&s, root, err);
	}
	json_decref(root);
	if (err)
		hf_manifests_rollback(out, &mark);
	return err;
}
