/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manifests to JSON sources: the members in the order in which a person reads them.
 * [edge: jansson] */
#include "controller/source_parts.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(text));
}

static void set_number(json_t *object, const char *key, uint64_t number)
{
	json_object_set_new(object, key, json_integer((json_int_t)number));
}

static void set_digest(json_t *object, const char *key, const struct hf_digest *digest)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	hf_digest_hex(digest, hex);
	set_text(object, key, hex);
}

static void set_date(json_t *object, const char *key, uint32_t day)
{
	char text[HF_DATE_TEXT];

	hf_date_format(day, text);
	set_text(object, key, text);
}

/* `first` alone as `one`; with more, all of them as the list `many`. */
static void set_names(json_t *object, const char *one, const char *many, const char *first,
		      const struct hf_name_list *more)
{
	json_t *list;

	if (!more) {
		set_text(object, one, first);
		return;
	}
	list = json_array();
	json_array_append_new(list, json_string(first));
	for (; more; more = more->next)
		json_array_append_new(list, json_string(more->name));
	json_object_set_new(object, many, list);
}

static void set_bytes(json_t *object, const char *key, struct hf_span bytes)
{
	char *hex = bytes.len ? malloc(2 * bytes.len + 1) : NULL;

	if (!hex)
		return;
	for (size_t i = 0; i < bytes.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes.ptr[i]);
	set_text(object, key, hex);
	free(hex);
}

static json_t *begin(void)
{
	json_t *object = json_object();

	set_number(object, "format", HF_SOURCE_FORMAT);
	return object;
}

static json_t *format_references(const struct hf_environment *env)
{
	json_t *object = json_object();

	for (const struct hf_reference *ref = env->references; ref; ref = ref->next) {
		json_t *value = json_object();

		for (size_t i = 0; i < ref->digest_count; i++)
			set_digest(value, hf_alg_name(ref->digests[i].alg), &ref->digests[i]);
		set_text(value, "text", ref->text);
		set_bytes(value, "bytes", ref->raw);
		set_bytes(value, "mask", ref->raw_mask);
		if (ref->svn_kind)
			set_number(value, ref->svn_kind == HF_SVN_LEAST ? "minimum_svn" : "svn",
				   ref->svn);
		set_text(value, "from", ref->from);
		json_object_set_new(object, ref->mkey, value);
	}
	return object;
}

static json_t *format_function(const struct hf_environment *env)
{
	const struct hf_match *match = &env->match;
	json_t *object = json_object();
	char text[24];

	snprintf(text, sizeof(text), "%04x", match->vendor);
	set_text(object, "vendor", text);
	snprintf(text, sizeof(text), "%04x", match->device);
	set_text(object, "device", text);
	snprintf(text, sizeof(text), "%06x", match->class_code);
	set_text(object, "class", match->any_class ? NULL : text);
	if (match->has_subsystem) {
		snprintf(text, sizeof(text), "%04x:%04x", match->subsystem_vendor,
			 match->subsystem_device);
		set_text(object, "subsystem", text);
	}
	if (match->has_revision) {
		snprintf(text, sizeof(text), "%02x", match->revision);
		set_text(object, "revision", text);
	}
	if (match->has_serial) {
		snprintf(text, sizeof(text), "%016llx", (unsigned long long)match->serial);
		set_text(object, "serial", text);
	}
	set_number(object, "count", env->count);
	json_object_set_new(object, "measurements", format_references(env));
	return object;
}

static json_t *format_component(const struct hf_component *component)
{
	json_t *root = begin(), *releases = json_array();

	set_text(root, "component", component->name);
	for (const struct hf_release *r = component->releases; r; r = r->next) {
		json_t *release = json_object(), *functions = json_array();

		set_text(release, "name", r->name);
		set_text(release, "state", hf_release_state_name(r->state));
		if (r->state == HF_RELEASE_ALLOWED_UNTIL)
			set_date(release, "until", r->until_day);
		set_text(release, "note", r->note);
		for (const struct hf_environment *env = r->environments; env; env = env->next)
			json_array_append_new(functions, format_function(env));
		json_object_set_new(release, "functions", functions);
		set_text(release, "provenance", r->provenance);
		json_array_append_new(releases, release);
	}
	json_object_set_new(root, "releases", releases);
	return root;
}

static json_t *format_rule(const struct hf_rule *rule)
{
	json_t *object = json_object();

	set_text(object, "name", rule->name);
	if (rule->component[0])
		set_names(object, "component", "components", rule->component,
			  rule->more_components);
	set_text(object, "class", rule->class_prefix);
	set_names(object, "place", "places", rule->place, rule->more_places);
	if (rule->slots)
		set_names(object, "slot", "slots", rule->slots->name, rule->slots->next);
	set_text(object, "presence", hf_presence_name(rule->presence));
	set_number(object, "count", rule->count);
	set_text(object, "least_method", hf_method_name(rule->least_method));
	set_text(object, "action", hf_action_name(rule->action));
	if (rule->audit)
		set_text(object, "mode", hf_mode_name(HF_MODE_AUDIT));
	set_text(object, "approved", rule->owner_approved ? "owner" : NULL);
	return object;
}

static json_t *format_firmware(const struct hf_platform_firmware *firmware)
{
	static const char *const keys[HF_FIRMWARE_KEYS] = { "pk", "kek", "db", "dbx" };
	json_t *object = json_object(), *pcrs = json_object();

	set_text(object, "name", firmware->name);
	set_text(object, "state", hf_release_state_name(firmware->state));
	set_text(object, "note", firmware->note);
	for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++)
		if (firmware->pcr_mask >> i & 1)
			set_digest(pcrs, (const char[]){ (char)('0' + i), 0 }, &firmware->pcrs[i]);
	json_object_set_new(object, "pcrs", pcrs);
	if (firmware->secure_boot != HF_FIRMWARE_BOOT_ANY)
		set_text(object, "secure_boot",
			 firmware->secure_boot == HF_FIRMWARE_BOOT_ON ? "on" : "off");
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		if (firmware->key_mask >> i & 1)
			set_digest(object, keys[i], &firmware->keys[i]);
	set_text(object, "from", firmware->from);
	return object;
}

static json_t *format_model(const struct hf_model *model)
{
	json_t *root = begin(), *drivers = json_array(), *codes = json_array(),
	       *rules = json_array(), *firmware = json_array();

	set_text(root, "model", model->name);
	set_text(root, "vendor", model->vendor);
	set_text(root, "product", model->product);
	set_number(root, "generation", model->generation);
	set_text(root, "mode", hf_mode_name(model->mode));
	set_text(root, "tpm", model->tpm_required ? "required" : "optional");
	set_text(root, "unknown", hf_action_name(model->unknown));
	for (const struct hf_name_list *d = model->drivers; d; d = d->next)
		json_array_append_new(drivers, json_string(d->name));
	json_object_set_new(root, "drivers", drivers);
	for (const struct hf_boot_code *b = model->boot_code; b; b = b->next) {
		json_t *code = json_object();

		set_text(code, "name", b->name);
		set_digest(code, "sha256", &b->sha256);
		set_text(code, "from", b->from);
		json_array_append_new(codes, code);
	}
	json_object_set_new(root, "boot_code", codes);
	for (const struct hf_platform_firmware *f = model->firmware; f; f = f->next)
		json_array_append_new(firmware, format_firmware(f));
	if (model->firmware)	/* a list that is there and empty would say the same */
		json_object_set(root, "firmware", firmware);
	json_decref(firmware);
	for (const struct hf_rule *r = model->rules; r; r = r->next)
		json_array_append_new(rules, format_rule(r));
	json_object_set_new(root, "rules", rules);
	set_text(root, "provenance", model->provenance);
	return root;
}

static json_t *format_images(const struct hf_image *images)
{
	json_t *root = begin(), *list = json_array();

	for (const struct hf_image *image = images; image; image = image->next) {
		json_t *object = json_object();
		bool tenant = image->role != HF_IMAGE_AGENT;

		set_text(object, "role", hf_image_role_name(image->role));
		if (tenant)
			set_text(object, "kind", hf_tenant_kind_name(image->kind));
		set_text(object, "name", image->name);
		if (image->has_kernel)
			set_digest(object, "kernel", &image->kernel);
		if (image->has_initrd)
			set_digest(object, "initrd", &image->initrd);
		if (image->has_command_line)
			set_digest(object, "command_line", &image->command_line);
		if (image->has_root)
			set_digest(object, "root", &image->root);
		if (image->has_boot_entry)
			set_digest(object, "boot_entry", &image->boot_entry);
		if (image->has_uki)
			set_digest(object, "uki", &image->uki);
		if (image->has_sections)
			set_digest(object, "sections", &image->sections);
		set_text(object, "command_line_text", image->command_line_text);
		set_text(object, "provenance", image->provenance);
		json_array_append_new(list, object);
	}
	json_object_set_new(root, "images", list);
	return root;
}

static json_t *format_waiver(const struct hf_waiver *waiver)
{
	json_t *root = begin(), *list = json_array();
	char host[2 * HF_AK_NAME + 1];

	for (size_t i = 0; i < HF_AK_NAME; i++)
		snprintf(host + 2 * i, 3, "%02x", waiver->host[i]);
	set_text(root, "waiver", waiver->name);
	set_text(root, "host", host);
	if (waiver->has_generation)
		set_number(root, "generation", waiver->generation);
	if (waiver->has_until)
		set_date(root, "until", waiver->until_day);
	if (waiver->bearer)
		json_object_set_new(root, "boots", json_pack("{s:I,s:I}", "from", (json_int_t)waiver->boots_from,
							     "to", (json_int_t)waiver->boots_to));
	set_text(root, "note", waiver->note);
	for (const struct hf_waiver_item *i = waiver->items; i; i = i->next) {
		json_t *item = json_object();

		set_text(item, "place", i->place);
		set_text(item, "reason", hf_err_name(i->cause));
		set_text(item, "measurement", i->mkey);
		set_text(item, "found", i->found);
		json_array_append_new(list, item);
	}
	json_object_set_new(root, "findings", list);
	return root;
}

/* Takes over root. False when memory runs out. */
static bool dump(json_t *root, FILE *out)
{
	bool ok = root && json_dumpf(root, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF;

	json_decref(root);
	return ok;
}

char *hf_source_format(const struct hf_manifests *manifests)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool ok = true;

	if (!out)
		return NULL;
	for (const struct hf_component *c = manifests->components; c && ok; c = c->next)
		ok = dump(format_component(c), out);
	for (const struct hf_model *m = manifests->models; m && ok; m = m->next)
		ok = dump(format_model(m), out);
	if (manifests->images && ok)
		ok = dump(format_images(manifests->images), out);
	for (const struct hf_waiver *w = manifests->waivers; w && ok; w = w->next)
		ok = dump(format_waiver(w), out);
	for (const struct hf_revocations *r = manifests->revocations; r && ok; r = r->next)
		ok = dump(hf_source_format_revocations(r), out);
	if (fclose(out) != 0 || !ok) {
		free(text);
		return NULL;
	}
	return text;
}

void hf_source_id(const struct hf_manifests *manifests, char out[static HF_SOURCE_ID_MAX])
{
	if (manifests->components)
		snprintf(out, HF_SOURCE_ID_MAX, "component/%s", manifests->components->name);
	else if (manifests->models)
		snprintf(out, HF_SOURCE_ID_MAX, "model/%s", manifests->models->name);
	else if (manifests->images)
		snprintf(out, HF_SOURCE_ID_MAX, "images/%s", manifests->images->name);
	else if (manifests->waivers)
		snprintf(out, HF_SOURCE_ID_MAX, "waiver/%s", manifests->waivers->name);
	else
		snprintf(out, HF_SOURCE_ID_MAX, "revocations/%s",
			 manifests->revocations ? manifests->revocations->name : "none");
}
