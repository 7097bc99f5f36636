/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON sources to manifests: the document, components, images, waivers, revocations.
 * [edge: jansson] */
#include "controller/locate.h"
#include "controller/source_fields.h"

#include <stdio.h>

/* ---- components ---- */

static void read_match(struct hf_source *s, json_t *function, const struct hf_place *at,
		       struct hf_match *match)
{
	const char *subsystem = hf_source_word(s, function, at, "subsystem", false);
	uint64_t value = 0;

	if (hf_source_hex(s, function, at, "vendor", true, 4, &value))
		match->vendor = (uint16_t)value;
	if (hf_source_hex(s, function, at, "device", true, 4, &value))
		match->device = (uint16_t)value;
	if (hf_source_hex(s, function, at, "class", true, 6, &value))
		match->class_code = (uint32_t)value;
	match->has_revision = hf_source_hex(s, function, at, "revision", false, 2, &value);
	if (match->has_revision)
		match->revision = (uint8_t)value;
	match->has_serial = hf_source_hex(s, function, at, "serial", false, 16, &match->serial);
	if (!subsystem)
		return;
	if (strlen(subsystem) != 9 || subsystem[4] != ':' || !hf_source_parse_hex(subsystem, 4, &value)) {
		hf_source_refuse(s, at, "subsystem", "must be written as vendor:device, 8086:a01f");
		return;
	}
	match->has_subsystem = true;
	match->subsystem_vendor = (uint16_t)value;
	if (!hf_source_parse_hex(subsystem + 5, 4, &value))
		hf_source_refuse(s, at, "subsystem", "must be written as vendor:device, 8086:a01f");
	match->subsystem_device = (uint16_t)value;
}

static void read_digests(struct hf_source *s, json_t *value, const struct hf_place *at,
			 struct hf_reference *ref)
{
	static const enum hf_alg algs[] = { HF_ALG_SHA256, HF_ALG_SHA384, HF_ALG_SHA512 };

	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		struct hf_digest digest;

		memset(&digest, 0, sizeof(digest));
		if (!hf_source_digest(s, value, at, hf_alg_name(algs[i]), algs[i], false, &digest))
			continue;
		if (ref->digest_count == HF_MEASUREMENT_DIGESTS)
			hf_source_refuse(s, at, NULL, "has more than two digests");
		else
			ref->digests[ref->digest_count++] = digest;
	}
}

static void read_bytes(struct hf_source *s, json_t *value, const struct hf_place *at,
		       struct hf_reference *ref)
{
	ref->raw = hf_source_bytes(s, value, at, "bytes");
	ref->raw_mask = hf_source_bytes(s, value, at, "mask");
	if (ref->raw_mask.len && ref->raw_mask.len != ref->raw.len)
		hf_source_refuse(s, at, "mask", "must be as long as bytes");
}

static void read_reference(struct hf_source *s, json_t *value, const struct hf_place *at,
			   struct hf_reference *ref)
{
	hf_source_members(s, value, at, "sha256 sha384 sha512 text bytes mask svn minimum_svn from ");
	if (s->err)
		return;
	ref->mkey = hf_arena_text(s->arena, at->key, strlen(at->key));
	if (!ref->mkey)
		s->err = hf_fail(s->fault, HF_ERR_LIMIT, s->file, "too large");
	if (strlen(at->key) == 0 || strlen(at->key) > HF_MKEY_MAX ||
	    !hf_text_valid(hf_span_text(at->key)))
		hf_source_refuse(s, at, NULL, "a measurement's name has 1 to 64 bytes");
	read_digests(s, value, at, ref);
	read_bytes(s, value, at, ref);
	ref->text = hf_source_text(s, value, at, "text", false);
	ref->from = hf_source_text(s, value, at, "from", false);
	if (hf_source_member(s, value, at, "minimum_svn", false))
		ref->svn_kind = HF_SVN_LEAST;
	else if (hf_source_member(s, value, at, "svn", false))
		ref->svn_kind = HF_SVN_EXACT;
	ref->svn = hf_source_number(s, value, at, ref->svn_kind == HF_SVN_EXACT ? "svn" : "minimum_svn",
			      false, 0, INT64_MAX);
	if ((ref->digest_count > 0) + (ref->text != NULL) + (ref->raw.len != 0) +
	    (json_object_get(value, "svn") != NULL) +
	    (json_object_get(value, "minimum_svn") != NULL) != 1)
		hf_source_refuse(s, at, NULL, "needs digests (sha256, sha384, sha512), a text, bytes, svn "
				    "or minimum_svn: one of them");
}

static void read_references(struct hf_source *s, json_t *function, const struct hf_place *at,
			    struct hf_environment *env)
{
	json_t *object = hf_source_member(s, function, at, "measurements", false), *value;
	struct hf_reference **end = &env->references;
	struct hf_place list = { .up = at, .key = "measurements" };
	const char *key;

	if (!object || s->err)
		return;
	if (!json_is_object(object)) {
		hf_source_refuse(s, &list, NULL, "must be an object");
		return;
	}
	if (json_object_size(object) >= HF_REFERENCES_MAX)
		hf_source_refuse(s, &list, NULL, "has too many members");
	json_object_foreach(object, key, value) {
		struct hf_place place = { .up = &list, .key = key };
		struct hf_reference *ref = hf_source_take(s, sizeof(*ref));

		if (!ref)
			return;
		read_reference(s, value, &place, ref);
		*end = ref;
		end = &ref->next;
	}
}

static void read_functions(struct hf_source *s, json_t *release, const struct hf_place *at,
			   struct hf_release *ret)
{
	json_t *list = hf_source_array(s, release, at, "functions", true), *function;
	struct hf_environment **end = &ret->environments;
	struct hf_place key = { .up = at, .key = "functions" };
	size_t i;

	json_array_foreach(list, i, function) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_environment *env = hf_source_take(s, sizeof(*env));

		if (!env)
			return;
		hf_source_members(s, function, &place, "vendor device class subsystem revision serial "
						   "count measurements ");
		if (s->err)
			return;
		read_match(s, function, &place, &env->match);
		env->count = (uint32_t)hf_source_number(s, function, &place, "count", false, 1, UINT32_MAX);
		read_references(s, function, &place, env);
		*end = env;
		end = &env->next;
	}
}

static void read_component(struct hf_source *s, json_t *root, struct hf_component **end)
{
	struct hf_component *component = hf_source_take(s, sizeof(*component));
	struct hf_release **releases;
	struct hf_place key = { .key = "releases" };
	json_t *list, *object;
	size_t i;

	hf_source_members(s, root, NULL, "format component releases ");
	if (s->err)
		return;
	releases = &component->releases;
	component->name = hf_source_name(s, root, NULL, "component");
	list = hf_source_array(s, root, NULL, "releases", true);
	if (json_array_size(list) > HF_RELEASES_MAX)
		hf_source_refuse(s, NULL, "releases", "has too many elements");
	json_array_foreach(list, i, object) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_release *release = hf_source_take(s, sizeof(*release));
		const char *state;

		hf_source_members(s, object, &place, "name state until note functions provenance ");
		if (s->err)
			return;
		release->name = hf_source_name(s, object, &place, "name");
		state = hf_source_word(s, object, &place, "state", true);
		if (state && !hf_release_state_from_name(state, &release->state))
			hf_source_refuse(s, &place, "state",
			       "must be allowed, allowed-until, update or revoked");
		if (release->state == HF_RELEASE_ALLOWED_UNTIL)
			hf_source_date(s, object, &place, "until", true, &release->until_day);
		else if (hf_source_member(s, object, &place, "until", false))
			hf_source_refuse(s, &place, "until", "is for the state allowed-until only");
		release->note = hf_source_text(s, object, &place, "note", false);
		release->provenance = hf_source_text(s, object, &place, "provenance", false);
		read_functions(s, object, &place, release);
		*releases = release;
		releases = &release->next;
	}
	*end = component;
}

/* ---- images ---- */

static void read_image(struct hf_source *s, json_t *object, const struct hf_place *at,
		       struct hf_image *image)
{
	static const char *const members[] = {
		[HF_TENANT_KEXEC] = "an image by kexec has kernel, initrd and command_line_text",
		[HF_TENANT_ROOT] = "an image of kind root has root alone",
		[HF_TENANT_NEXT_BOOT] = "an image of kind next-boot has boot_entry alone",
		[HF_TENANT_EXIT] = "an image of kind exit has a name and nothing else",
	};
	const char *role = hf_source_word(s, object, at, "role", true);
	const char *kind = hf_source_word(s, object, at, "kind", false);

	image->name = hf_source_name(s, object, at, "name");
	if (role && !hf_image_role_from_name(role, &image->role))
		hf_source_refuse(s, at, "role", "must be agent, tenant or service");
	if (image->role == HF_IMAGE_AGENT && kind)
		hf_source_refuse(s, at, "kind", "is for tenants and service images only");
	if (image->role != HF_IMAGE_AGENT && !kind)
		hf_source_refuse(s, at, "kind", "is missing");
	if (kind && !hf_tenant_kind_from_name(kind, &image->kind))
		hf_source_refuse(s, at, "kind", "must be kexec, root, next-boot or exit");
	image->has_kernel = hf_source_digest(s, object, at, "kernel", HF_ALG_SHA256, false, &image->kernel);
	image->has_initrd = hf_source_digest(s, object, at, "initrd", HF_ALG_SHA256, false, &image->initrd);
	image->has_command_line = hf_source_digest(s, object, at, "command_line", HF_ALG_SHA256, false,
					     &image->command_line);
	image->has_root = hf_source_digest(s, object, at, "root", HF_ALG_SHA256, false, &image->root);
	image->has_boot_entry = hf_source_digest(s, object, at, "boot_entry", HF_ALG_SHA256, false,
						 &image->boot_entry);
	image->has_uki = hf_source_digest(s, object, at, "uki", HF_ALG_SHA256, false, &image->uki);
	image->has_sections = hf_source_digest(s, object, at, "sections", HF_ALG_SHA256, false, &image->sections);
	image->command_line_text = hf_source_text(s, object, at, "command_line_text", false);
	image->provenance = hf_source_text(s, object, at, "provenance", false);
	if (hf_image_complete(image))
		return;
	hf_source_refuse(s, at, NULL, image->role == HF_IMAGE_AGENT ?
			 image->has_uki != image->has_sections ? "uki and sections belong together" :
			 "an agent has kernel, initrd and command_line" : members[image->kind]);
}

static void read_images(struct hf_source *s, json_t *root, struct hf_image **end)
{
	json_t *list, *object;
	struct hf_place key = { .key = "images" };
	size_t i;

	hf_source_members(s, root, NULL, "format images ");
	list = hf_source_array(s, root, NULL, "images", true);
	json_array_foreach(list, i, object) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_image *image = hf_source_take(s, sizeof(*image));

		hf_source_members(s, object, &place, "role kind name kernel initrd command_line root boot_entry "
						 "uki sections command_line_text provenance ");
		if (s->err)
			return;
		read_image(s, object, &place, image);
		*end = image;
		end = &image->next;
	}
}

/* ---- waivers ---- */

static void read_waiver_item(struct hf_source *s, json_t *object, const struct hf_place *at,
			     const struct hf_waiver *waiver, struct hf_waiver_item *item)
{
	const char *reason = hf_source_word(s, object, at, "reason", true);

	item->place = hf_source_text(s, object, at, "place", true);
	if (item->place && strlen(item->place) > HF_PATH_MAX)
		hf_source_refuse(s, at, "place", "must be the path of a part");
	item->cause = reason ? hf_err_from_name(reason) : HF_ERR_INTERNAL;
	if (reason && strcmp(hf_err_name(item->cause), reason) != 0)
		hf_source_refuse(s, at, "reason", "is no reason code (docs/reasons.md)");
	else if (reason && waiver->bearer && item->cause != HF_ERR_CONTROLLER_UNREACHABLE)
		hf_source_refuse(s, at, "reason", "must be controller-unreachable: there are boots");
	else if (reason && !waiver->bearer && item->cause == HF_ERR_CONTROLLER_UNREACHABLE)
		hf_source_refuse(s, at, "reason", "needs boots beside the findings");
	else if (reason && !waiver->bearer && !hf_cause_waivable(item->cause))
		hf_source_refuse(s, at, "reason", "cannot be waived");
	item->mkey = hf_source_text(s, object, at, "measurement", false);
	if (item->mkey && strlen(item->mkey) > HF_MKEY_MAX)
		hf_source_refuse(s, at, "measurement", "has 1 to 64 bytes");
	item->found = hf_source_text(s, object, at, "found", false);
}

static bool read_host(struct hf_source *s, json_t *root, uint8_t out[static HF_AK_NAME])
{
	const char *text = hf_source_word(s, root, NULL, "host", true);
	uint64_t byte;

	for (size_t i = 0; text && i < HF_AK_NAME; i++) {
		if (strlen(text) != 2 * HF_AK_NAME || !hf_source_parse_hex(text + 2 * i, 2, &byte)) {
			hf_source_refuse(s, NULL, "host",
			       "must be the name of an attestation key, 68 hexadecimal digits");
			return false;
		}
		out[i] = (uint8_t)byte;
	}
	return text != NULL;
}

/* For an owner's release: the counts of the TPM's resets, first and last. */
static void read_boots(struct hf_source *s, json_t *root, struct hf_waiver *waiver)
{
	const struct hf_place place = { .key = "boots" };
	json_t *object = hf_source_member(s, root, NULL, "boots", false);

	if (!object)
		return;
	hf_source_members(s, object, &place, "from to ");
	if (s->err)
		return;
	waiver->bearer = true;
	waiver->boots_from = (uint32_t)hf_source_number(s, object, &place, "from", true, 0, UINT32_MAX);
	waiver->boots_to = (uint32_t)hf_source_number(s, object, &place, "to", true, 0, UINT32_MAX);
	if (waiver->boots_to < waiver->boots_from)
		hf_source_refuse(s, &place, "to", "is before from");
	if (!waiver->has_generation)
		hf_source_refuse(s, NULL, "generation", "is missing: without it boots end nothing");
}

/* The one thing that an owner's release says. */
static void check_bearer(struct hf_source *s, const struct hf_waiver *waiver)
{
	const struct hf_waiver_item *item = waiver->items;

	if (!s->err && waiver->bearer && item && !hf_waiver_item_possible(waiver, item))
		hf_source_refuse(s, NULL, "findings", "beside boots must be the place controller with the "
				 "reason controller-unreachable, alone");
}

static void read_waiver(struct hf_source *s, json_t *root, struct hf_waiver **end)
{
	struct hf_waiver *waiver = hf_source_take(s, sizeof(*waiver));
	struct hf_waiver_item **items;
	struct hf_place key = { .key = "findings" };
	json_t *list, *object;
	size_t i;

	hf_source_members(s, root, NULL, "format waiver host generation until boots note findings ");
	if (s->err)
		return;
	items = &waiver->items;
	waiver->name = hf_source_name(s, root, NULL, "waiver");
	read_host(s, root, waiver->host);
	waiver->has_generation = hf_source_member(s, root, NULL, "generation", false) != NULL;
	waiver->generation = hf_source_number(s, root, NULL, "generation", false, 0, INT64_MAX);
	waiver->has_until = hf_source_date(s, root, NULL, "until", false, &waiver->until_day);
	if (!waiver->has_generation && !waiver->has_until)
		hf_source_refuse(s, NULL, "until", "is missing, and there is no generation in its place");
	read_boots(s, root, waiver);
	waiver->note = hf_source_text(s, root, NULL, "note", false);
	list = hf_source_array(s, root, NULL, "findings", true);
	if (json_array_size(list) > HF_WAIVER_ITEMS_MAX)
		hf_source_refuse(s, NULL, "findings", "has too many elements");
	json_array_foreach(list, i, object) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_waiver_item *item = hf_source_take(s, sizeof(*item));

		hf_source_members(s, object, &place, "place reason measurement found ");
		if (s->err)
			return;
		read_waiver_item(s, object, &place, waiver, item);
		*items = item;
		items = &item->next;
	}
	check_bearer(s, waiver);
	*end = waiver;
}

static void read_revocations(struct hf_source *s, json_t *root, struct hf_revocations **end)
{
	struct hf_revocations *list = hf_source_take(s, sizeof(*list));
	struct hf_place key = { .key = "revoke" };
	struct hf_revoked **entries;
	json_t *array, *object;
	size_t i;

	hf_source_members(s, root, NULL, "format revocations generation revoke provenance ");
	array = hf_source_array(s, root, NULL, "revoke", true);
	if (s->err)
		return;
	entries = &list->entries;
	list->name = hf_source_name(s, root, NULL, "revocations");
	list->generation = hf_source_number(s, root, NULL, "generation", true, 0, INT64_MAX);
	list->provenance = hf_source_text(s, root, NULL, "provenance", false);
	json_array_foreach(array, i, object) {
		struct hf_place place = { .up = &key, .index = i };
		struct hf_revoked *entry = hf_source_take(s, sizeof(*entry));
		const char *problem;

		if (s->err)
			return;
		problem = json_is_object(object) ? hf_source_revoked(object, s->arena, entry)
						 : "must be an object";
		if (problem)
			hf_source_refuse(s, &place, NULL, problem);
		*entries = entry;
		entries = &entry->next;
	}
	if (json_array_size(array) > HF_REVOKED_MAX)
		hf_source_refuse(s, NULL, "revoke", "must have at most 4096 elements");
	*end = list;
}

static void read_document(struct hf_source *s, json_t *root, const struct hf_manifests_mark *end)
{
	if (!json_is_object(root)) {
		hf_source_refuse(s, NULL, NULL, "must be an object");
		return;
	}
	if (hf_source_number(s, root, NULL, "format", true, 0, UINT32_MAX) != HF_SOURCE_FORMAT)
		hf_source_refuse(s, NULL, "format", "this version reads format 1");
	if (json_object_get(root, "component"))
		read_component(s, root, end->components);
	else if (json_object_get(root, "model"))
		hf_source_read_model(s, root, end->models);
	else if (json_object_get(root, "images"))
		read_images(s, root, end->images);
	else if (json_object_get(root, "waiver"))
		read_waiver(s, root, end->waivers);
	else if (json_object_get(root, "revocations"))
		read_revocations(s, root, end->revocations);
	else
		hf_source_refuse(s, NULL, NULL, "has no component, model, images, waiver or revocations");
}

/* The second of two elements with the same name; none in this document: its own name is
 * another's. */
static void name_duplicate(struct hf_source *s, json_t *root, enum hf_err err)
{
	static const char *const lists[] = { "releases", "rules" };
	char where[sizeof(s->fault->where)];
	size_t i, k;

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		json_t *list = json_object_get(root, lists[l]), *object;

		json_array_foreach(list, i, object) {
			struct hf_place key = { .key = lists[l] }, at = { .up = &key, .index = i };
			struct hf_place name = { .up = &at, .key = "name" };

			for (k = 0; k < i; k++)
				if (json_equal(json_object_get(json_array_get(list, k), "name"),
					       json_object_get(object, "name")))
					break;
			if (k == i)
				continue;
			hf_source_format_line(s->file, hf_source_line(s, &name), where, sizeof(where));
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
	struct hf_source s = { .arena = out->arena, .file = file, .json = json, .fault = fault };
	json_error_t error;
	json_t *root;
	enum hf_err err;

	if (json.len > HF_SOURCE_MAX)
		return hf_fail(fault, HF_ERR_FILE_TOO_LARGE, file, "%zu bytes", json.len);
	root = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		char where[sizeof(fault->where)];

		hf_source_format_line(file, error.line > 0 ? (size_t)error.line : 1, where, sizeof(where));
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
