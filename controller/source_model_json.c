/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON sources of models: rules, drivers, boot code, platform firmware. [edge: jansson] */
#include "controller/source_fields.h"

#include <stdio.h>

static void read_drivers(struct hf_source *s, json_t *root, struct hf_model *model)
{
	json_t *list = hf_source_array(s, root, NULL, "drivers", false), *value;
	struct hf_name_list **end = &model->drivers;
	struct hf_place key = { .key = "drivers" };
	size_t i;

	json_array_foreach(list, i, value) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_name_list *driver = hf_source_take(s, sizeof(*driver));
		const char *name = json_string_value(value);

		if (!driver)
			return;
		if (!name || !hf_name_valid(name)) {
			hf_source_refuse(s, &place, NULL, "must be the name of a driver");
			return;
		}
		driver->name = hf_arena_text(s->arena, name, strlen(name));
		if (!driver->name)
			s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
		*end = driver;
		end = &driver->next;
	}
}

static void read_boot_code(struct hf_source *s, json_t *root, struct hf_model *model)
{
	json_t *list = hf_source_array(s, root, NULL, "boot_code", false), *object;
	struct hf_boot_code **end = &model->boot_code;
	struct hf_place key = { .key = "boot_code" };
	size_t i;

	json_array_foreach(list, i, object) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_boot_code *code = hf_source_take(s, sizeof(*code));

		hf_source_members(s, object, &place, "name sha256 from ");
		if (s->err)
			return;
		code->name = hf_source_name(s, object, &place, "name");
		hf_source_digest(s, object, &place, "sha256", HF_ALG_SHA256, true, &code->sha256);
		code->from = hf_source_text(s, object, &place, "from", false);
		*end = code;
		end = &code->next;
	}
}

/* {"0": SHA-256, "7": SHA-256}: one PCR at least. */
static void read_pcrs(struct hf_source *s, json_t *object, const struct hf_place *at,
		      struct hf_platform_firmware *firmware)
{
	json_t *pcrs = hf_source_member(s, object, at, "pcrs", true), *value;
	struct hf_place place = { .up = at, .key = "pcrs" };
	const char *key;

	if (!pcrs)
		return;
	if (!json_is_object(pcrs) || json_object_size(pcrs) == 0) {
		hf_source_refuse(s, &place, NULL, "must name one PCR or more");
		return;
	}
	json_object_foreach(pcrs, key, value) {
		if (key[0] < '0' || key[0] >= '0' + HF_FIRMWARE_PCRS || key[1]) {
			hf_source_refuse(s, &place, key, "is none of the PCRs 0 to 7");
			return;
		}
		if (hf_source_digest(s, pcrs, &place, key, HF_ALG_SHA256, true,
				     &firmware->pcrs[key[0] - '0']))
			firmware->pcr_mask |= 1u << (key[0] - '0');
	}
}

static void read_one_firmware(struct hf_source *s, json_t *object, const struct hf_place *at,
			      struct hf_platform_firmware *firmware)
{
	static const char *const keys[HF_FIRMWARE_KEYS] = { "pk", "kek", "db", "dbx" };
	const char *word;

	firmware->name = hf_source_name(s, object, at, "name");
	word = hf_source_word(s, object, at, "state", true);
	if (word && (!hf_release_state_from_name(word, &firmware->state) ||
		     firmware->state == HF_RELEASE_ALLOWED_UNTIL))
		hf_source_refuse(s, at, "state", "must be allowed, update or revoked");
	firmware->note = hf_source_text(s, object, at, "note", false);
	read_pcrs(s, object, at, firmware);
	word = hf_source_word(s, object, at, "secure_boot", false);
	if (word && strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
		hf_source_refuse(s, at, "secure_boot", "must be on or off");
	if (word)
		firmware->secure_boot = strcmp(word, "on") == 0 ? HF_FIRMWARE_BOOT_ON
								: HF_FIRMWARE_BOOT_OFF;
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		if (hf_source_digest(s, object, at, keys[i], HF_ALG_SHA256, false, &firmware->keys[i]))
			firmware->key_mask |= 1u << i;
	firmware->from = hf_source_text(s, object, at, "from", false);
}

static void read_firmware(struct hf_source *s, json_t *root, struct hf_model *model)
{
	json_t *list = hf_source_array(s, root, NULL, "firmware", false), *object;
	struct hf_platform_firmware **end = &model->firmware;
	struct hf_place key = { .key = "firmware" };
	size_t i;

	if (list && json_array_size(list) == 0)
		hf_source_refuse(s, NULL, "firmware", "must not be empty: left out, any is admitted");
	if (json_array_size(list) > HF_FIRMWARE_MAX)
		hf_source_refuse(s, NULL, "firmware", "has too many elements");
	json_array_foreach(list, i, object) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_platform_firmware *firmware = hf_source_take(s, sizeof(*firmware));

		hf_source_members(s, object, &place,
				  "name state note pcrs secure_boot pk kek db dbx from ");
		if (s->err)
			return;
		read_one_firmware(s, object, &place, firmware);
		*end = firmware;
		end = &firmware->next;
	}
}

/* One text as `one`, or several as the list `many`; the texts come back as a list. */
static struct hf_name_list *get_names(struct hf_source *s, json_t *object, const struct hf_place *at,
				      const char *one, const char *many)
{
	json_t *list = hf_source_array(s, object, at, many, false), *value;
	struct hf_name_list *names = NULL, **end = &names;
	const char *single = hf_source_text(s, object, at, one, false);
	struct hf_place key = { .up = at, .key = many };
	size_t i;

	if (single) {
		if (list)
			hf_source_refuse(s, at, many, "stands in place of the single one, not beside it");
		names = hf_source_take(s, sizeof(*names));
		if (names)
			names->name = single;
		return names;
	}
	if (list && json_array_size(list) == 0)
		hf_source_refuse(s, at, many, "must not be empty");
	json_array_foreach(list, i, value) {
		struct hf_place place = { .up = &key, .index = i };
		const char *text = json_string_value(value);
		struct hf_name_list *name = hf_source_take(s, sizeof(*name));

		if (!name)
			return NULL;
		if (!text || !text[0] || !hf_text_valid(hf_span_text(text))) {
			hf_source_refuse(s, &place, NULL, "must be a text");
			return NULL;
		}
		for (const struct hf_name_list *n = names; n; n = n->next)
			if (strcmp(n->name, text) == 0)
				hf_source_refuse(s, &place, NULL, "is there twice");
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
static size_t read_rule_parts(struct hf_source *s, json_t *object, const struct hf_place *at,
			      struct hf_rule *rule)
{
	struct hf_name_list *components = get_names(s, object, at, "component", "components");
	struct hf_name_list *places = get_names(s, object, at, "place", "places");

	rule->class_prefix = hf_source_text(s, object, at, "class", false);
	rule->slots = get_names(s, object, at, "slot", "slots");
	rule->component = components ? components->name : "";
	rule->more_components = components ? components->next : NULL;
	rule->place = places ? places->name : NULL;
	rule->more_places = places ? places->next : NULL;
	for (const struct hf_name_list *n = components; n; n = n->next)
		if (!hf_name_valid(n->name))
			hf_source_refuse(s, at, components->next ? "components" : "component",
			       "must be 1 to 96 plain characters without a slash");
	if (!components && !rule->class_prefix)
		hf_source_refuse(s, at, "component", "is missing, and there is no class in its place");
	if (rule->class_prefix && !hf_class_prefix_valid(rule->class_prefix))
		hf_source_refuse(s, at, "class", "must be 2, 4 or 6 hexadecimal digits in lower case");
	for (const struct hf_name_list *n = places; n; n = n->next)
		if (strlen(n->name) > HF_PATH_MAX)
			hf_source_refuse(s, at, places->next ? "places" : "place", "must be the path of a part");
	for (const struct hf_name_list *n = rule->slots; n; n = n->next)
		if (!hf_slot_valid(n->name))
			hf_source_refuse(s, at, "slot", "must be the label of a slot");
	return count_names(places) + count_names(rule->slots);
}

static void read_rule(struct hf_source *s, json_t *object, const struct hf_place *at,
		      struct hf_rule *rule)
{
	const char *word;
	size_t places;

	rule->name = hf_source_name(s, object, at, "name");
	places = read_rule_parts(s, object, at, rule);
	word = hf_source_word(s, object, at, "mode", false);
	rule->audit = word && strcmp(word, "audit") == 0;
	if (word && !rule->audit)
		hf_source_refuse(s, at, "mode", "of a rule can be audit alone; without it the model's holds");
	word = hf_source_word(s, object, at, "approved", false);
	rule->owner_approved = word && strcmp(word, "owner") == 0;
	if (word && !rule->owner_approved)
		hf_source_refuse(s, at, "approved", "can be owner alone; without it a vendor's word counts too");
	word = hf_source_word(s, object, at, "presence", false);
	rule->presence = HF_PRESENCE_REQUIRED;
	if (word && !hf_presence_from_name(word, &rule->presence))
		hf_source_refuse(s, at, "presence", "must be required, optional or forbidden");
	rule->count = (uint32_t)hf_source_number(s, object, at, "count", false, places ? places : 1,
					   UINT32_MAX);
	if (rule->count == 0)
		hf_source_refuse(s, at, "count", "must be 1 or more");
	word = hf_source_word(s, object, at, "least_method", true);
	if (word && !hf_method_from_name(word, &rule->least_method))
		hf_source_refuse(s, at, "least_method", "must be identity, version, bytes, signed-unbound or signed");
	word = hf_source_word(s, object, at, "action", false);
	rule->action = HF_ACTION_HOLD;
	if (word && !hf_action_from_name(word, &rule->action))
		hf_source_refuse(s, at, "action", "must be hold, fence or warn");
}

static void read_rules(struct hf_source *s, json_t *root, struct hf_model *model)
{
	json_t *list = hf_source_array(s, root, NULL, "rules", true), *object;
	struct hf_rule **end = &model->rules;
	struct hf_place key = { .key = "rules" };
	size_t i;

	if (json_array_size(list) > HF_RULES_MAX)
		hf_source_refuse(s, NULL, "rules", "has too many elements");
	json_array_foreach(list, i, object) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_rule *rule = hf_source_take(s, sizeof(*rule));

		hf_source_members(s, object, &place,
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
void hf_source_read_model(struct hf_source *s, json_t *root, struct hf_model **end)
{
	struct hf_model *model = hf_source_take(s, sizeof(*model));
	const char *word;

	hf_source_members(s, root, NULL, "format model vendor product generation mode tpm unknown "
				     "drivers boot_code firmware rules provenance ");
	if (s->err)
		return;
	model->name = hf_source_name(s, root, NULL, "model");
	model->vendor = hf_source_text(s, root, NULL, "vendor", true);
	model->product = hf_source_text(s, root, NULL, "product", true);
	model->generation = hf_source_number(s, root, NULL, "generation", true, 0, INT64_MAX);
	word = hf_source_word(s, root, NULL, "mode", true);
	if (word && !hf_mode_from_name(word, &model->mode))
		hf_source_refuse(s, NULL, "mode", "must be enforce or audit");
	word = hf_source_word(s, root, NULL, "tpm", false);
	model->tpm_required = !word || strcmp(word, "required") == 0;
	if (word && !model->tpm_required && strcmp(word, "optional") != 0)
		hf_source_refuse(s, NULL, "tpm", "must be required or optional");
	word = hf_source_word(s, root, NULL, "unknown", false);
	model->unknown = HF_ACTION_HOLD;
	if (word && !hf_action_from_name(word, &model->unknown))
		hf_source_refuse(s, NULL, "unknown", "must be hold, fence or warn");
	model->provenance = hf_source_text(s, root, NULL, "provenance", false);
	read_drivers(s, root, model);
	read_boot_code(s, root, model);
	read_firmware(s, root, model);
	read_rules(s, root, model);
	*end = model;
}
