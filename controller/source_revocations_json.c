/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of revocations, both ways. [edge: jansson] */
#include "controller/source_parts.h"

#include <stdlib.h>

static const char *const members[] = {
	[HF_REVOKED_KEY] = "key",
	[HF_REVOKED_MANIFEST] = "manifest",
	[HF_REVOKED_DIGEST] = "digest",
	[HF_REVOKED_RELEASE] = "component",
};

/* Of a digest of code the length says which algorithm. */
static bool digest_from_hex(enum hf_revoked_kind kind, const char *hex, struct hf_digest *ret)
{
	static const enum hf_alg algs[] = { HF_ALG_SHA256, HF_ALG_SHA384, HF_ALG_SHA512 };

	for (size_t i = 0; i < (kind == HF_REVOKED_DIGEST ? 3u : 1u); i++)
		if (strlen(hex) == 2 * hf_alg_size(algs[i]))
			return hf_digest_from_hex(algs[i], hex, ret);
	return false;
}

const char *hf_source_revoked(const json_t *object, struct hf_arena *arena, struct hf_revoked *ret)
{
	struct hf_revoked entry = { .note = NULL };
	const char *text = NULL, *key;
	size_t found = 0;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		bool known = strcmp(key, "note") == 0 || strcmp(key, "release") == 0;

		if (!json_is_string(value))
			return "has members of text only";
		for (size_t k = 0; k < sizeof(members) / sizeof(members[0]); k++) {
			if (strcmp(key, members[k]) != 0)
				continue;
			entry.kind = (enum hf_revoked_kind)k;
			text = json_string_value(value);
			found++;
			known = true;
		}
		if (!known)
			return "has a member other than key, manifest, digest, component, release, note";
	}
	value = json_object_get(object, "release");
	if (found != 1)
		return "needs exactly one of key, manifest, digest, component";
	if ((value != NULL) != (entry.kind == HF_REVOKED_RELEASE))
		return "needs component and release together, or neither";
	if (entry.kind != HF_REVOKED_RELEASE) {
		if (!digest_from_hex(entry.kind, text, &entry.digest))
			return "key and manifest are 64 hexadecimal digits, digest 64, 96 or 128";
	} else {
		entry.component = hf_arena_text(arena, text, strlen(text));
		entry.release = hf_arena_text(arena, json_string_value(value),
					      json_string_length(value));
		if (!entry.component || !entry.release || !hf_name_valid(entry.component) ||
		    !hf_name_valid(entry.release))
			return "component and release are names: 1 to 96 plain characters";
	}
	value = json_object_get(object, "note");
	if (value) {
		struct hf_span note = { (const uint8_t *)json_string_value(value),
					json_string_length(value) };

		if (note.len == 0 || note.len > HF_TEXT_MAX || !hf_text_valid(note))
			return "note must be 1 to 4096 bytes without control characters";
		entry.note = hf_arena_text(arena, note.ptr, note.len);
		if (!entry.note)
			return "is too large";
	}
	*ret = entry;
	return NULL;
}

static json_t *format_entry(const struct hf_revoked *entry)
{
	char hex[2 * HF_DIGEST_MAX + 1];
	json_t *object = json_object();

	if (entry->kind == HF_REVOKED_RELEASE) {
		json_object_set_new(object, "component", json_string(entry->component));
		json_object_set_new(object, "release", json_string(entry->release));
	} else {
		hf_digest_hex(&entry->digest, hex);
		json_object_set_new(object, members[entry->kind], json_string(hex));
	}
	if (entry->note)
		json_object_set_new(object, "note", json_string(entry->note));
	return object;
}

json_t *hf_source_format_revocations(const struct hf_revocations *list)
{
	json_t *root = json_object(), *entries = json_array();

	json_object_set_new(root, "format", json_integer(HF_SOURCE_FORMAT));
	json_object_set_new(root, "revocations", json_string(list->name));
	json_object_set_new(root, "generation", json_integer((json_int_t)list->generation));
	for (const struct hf_revoked *e = list->entries; e; e = e->next)
		json_array_append_new(entries, format_entry(e));
	json_object_set_new(root, "revoke", entries);
	if (list->provenance)
		json_object_set_new(root, "provenance", json_string(list->provenance));
	return root;
}
