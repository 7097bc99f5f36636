/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/scan.h"

#include <jansson.h>
#include <stdlib.h>

#include "manifests/manifest.h"

#define CLAIMS_MAX (64u << 20)

/* What jansson may be made to keep: about 300 bytes for a container of 3, 60 for a value of 2. */
#define CONTAINERS_MAX 400000u
#define VALUES_MAX 2000000u

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool parse_hex(const char *text, size_t digits, uint64_t *ret)
{
	char *end;

	if (strlen(text) != digits || strspn(text, "0123456789abcdef") != digits)
		return false;
	*ret = strtoull(text, &end, 16);
	return true;
}

static bool read_identity(json_t *function, struct hf_identity *id)
{
	const char *subsystem = text_of(function, "subsystem");
	uint64_t vendor, device, class, revision, value;
	char half[5] = "";

	if (!parse_hex(text_of(function, "vendor"), 4, &vendor) ||
	    !parse_hex(text_of(function, "device"), 4, &device) ||
	    !parse_hex(text_of(function, "class"), 6, &class) ||
	    !parse_hex(text_of(function, "revision"), 2, &revision))
		return false;
	*id = (struct hf_identity){ .vendor = (uint16_t)vendor, .device = (uint16_t)device,
		.class_code = (uint32_t)class, .revision = (uint8_t)revision };
	if (strlen(subsystem) == 9 && subsystem[4] == ':') {
		memcpy(half, subsystem, 4);
		if (!parse_hex(half, 4, &vendor) || !parse_hex(subsystem + 5, 4, &device))
			return false;
		id->subsystem_vendor = (uint16_t)vendor;
		id->subsystem_device = (uint16_t)device;
	}
	id->has_serial = parse_hex(text_of(function, "serial"), 16, &value);
	if (id->has_serial)
		id->serial = value;
	return true;
}

static enum hf_method method_named(const char *name)
{
	for (int m = HF_METHOD_IDENTITY; m <= HF_METHOD_SIGNED; m++)
		if (strcmp(name, hf_method_name((enum hf_method)m)) == 0)
			return (enum hf_method)m;
	return HF_METHOD_NONE;
}

static bool set_digests(struct hf_measurement *m, json_t *value)
{
	struct hf_digest digests[HF_MEASUREMENT_DIGESTS];
	static const enum hf_alg algs[] = { HF_ALG_SHA256, HF_ALG_SHA384, HF_ALG_SHA512 };
	json_t *object = json_object_get(value, "digests");
	size_t count = 0;

	memset(digests, 0, sizeof(digests));
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		const char *hex = text_of(object, hf_alg_name(algs[i]));

		if (hex[0] && (count == HF_MEASUREMENT_DIGESTS ||
			       !hf_digest_from_hex(algs[i], hex, &digests[count++])))
			return false;
	}
	return hf_measurement_set_digests(m, digests, count,
		(uint64_t)json_integer_value(json_object_get(value, "size"))) == HF_OK;
}

static bool set_bytes(struct hf_claims *claims, struct hf_measurement *m, const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = hf_arena_take(claims->arena, len + 1);
	uint64_t byte;
	char two[3] = "";

	if (!bytes || strlen(hex) % 2)
		return false;
	for (size_t i = 0; i < len; i++) {
		memcpy(two, hex + 2 * i, 2);
		if (!parse_hex(two, 2, &byte))
			return false;
		bytes[i] = (uint8_t)byte;
	}
	return hf_measurement_set_bytes(claims, m, (struct hf_span){ bytes, len }) == HF_OK;
}

static bool set_value(struct hf_claims *claims, struct hf_measurement *m, json_t *value)
{
	const char *kind = text_of(value, "kind"), *cause = text_of(value, "cause");
	bool ok = true;

	if (strcmp(kind, "digests") == 0)
		ok = set_digests(m, value);
	else if (strcmp(kind, "text") == 0)
		ok = hf_measurement_set_text(claims, m, text_of(value, "text")) == HF_OK;
	else if (strcmp(kind, "bytes") == 0)
		ok = set_bytes(claims, m, text_of(value, "bytes"));
	else if (strcmp(kind, "number") == 0 && json_is_integer(json_object_get(value, "number")))
		hf_measurement_set_number(m, (uint64_t)json_integer_value(json_object_get(value, "number")));
	if (ok && cause[0] && m->kind != HF_VALUE_FAILURE)
		m->cause = hf_err_from_name(cause);
	else if (cause[0])
		hf_measurement_set_failure(m, hf_err_from_name(cause));
	return ok;
}

static bool read_measurements(struct hf_claims *claims, struct hf_part *part,
			      struct hf_function *function, json_t *list)
{
	json_t *value;
	size_t i;

	json_array_foreach(list, i, value) {
		uint32_t flags =
			(json_is_true(json_object_get(value, "code")) ? HF_MEASUREMENT_CODE : 0) |
			(json_is_true(json_object_get(value, "advisory")) ? HF_MEASUREMENT_ADVISORY : 0);
		enum hf_method method = method_named(text_of(value, "method"));
		struct hf_measurement *m;

		/* configuration is not judged, what a device signs may be */
		if (strcmp(text_of(value, "kind"), "bytes") == 0 &&
		    !hf_spdm_index_of(text_of(value, "mkey")))
			continue;
		m = hf_claims_add_measurement(claims, part, function, text_of(value, "mkey"),
					      method, flags);
		if (!m || !set_value(claims, m, value))
			return false;
	}
	return true;
}

static bool read_part(struct hf_claims *claims, json_t *object)
{
	const char *kind = text_of(object, "kind");
	json_t *list = json_object_get(object, "functions"), *value;
	struct hf_part *part = NULL;
	size_t i;

	for (int k = HF_PART_HOST; k <= HF_PART_CARD && !part; k++)
		if (strcmp(kind, hf_part_kind_name((enum hf_part_kind)k)) == 0)
			part = hf_claims_add_part(claims, (enum hf_part_kind)k, text_of(object, "path"));
	if (!part)
		return false;
	json_array_foreach(list, i, value) {
		struct hf_address address;
		struct hf_function *function;

		if (!hf_address_parse(text_of(value, "address"), &address))
			return false;
		function = hf_claims_add_function(claims, part, &address, text_of(value, "path"));
		if (function && hf_name_valid(text_of(value, "driver")))
			function->driver = hf_arena_text(claims->arena, text_of(value, "driver"),
							 strlen(text_of(value, "driver")));
		if (!function || !read_identity(value, &function->identity) ||
		    !read_measurements(claims, part, function, json_object_get(value, "measurements")))
			return false;
	}
	return read_measurements(claims, part, NULL, json_object_get(object, "measurements"));
}

bool hf_scan_is(struct hf_span json)
{
	json_t *root = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
	bool is = json_is_integer(json_object_get(root, "format")) &&
		  json_is_array(json_object_get(root, "parts"));

	json_decref(root);
	return is;
}

/* Counted before anything is made of it. Strings are skipped as JSON ends them. [pure] */
static bool within_limits(struct hf_span json)
{
	size_t containers = 0, values = 0;
	bool inside = false;

	for (size_t i = 0; i < json.len; i++) {
		uint8_t c = json.ptr[i];

		if (inside && c == '\\')
			i++;
		else if (c == '"')
			inside = !inside;
		else if (!inside && (c == '{' || c == '['))
			containers++;
		else if (!inside && (c == ',' || c == ':'))
			values++;
	}
	return containers <= CONTAINERS_MAX && values <= VALUES_MAX;
}

static enum hf_err load(struct hf_span json, const char *path, json_t **ret, struct hf_fault *fault)
{
	json_error_t error;
	json_t *root;

	if (!within_limits(json))
		return hf_fail(fault, HF_ERR_LIMIT, path, "more than %u objects and lists or %u members",
			       CONTAINERS_MAX, VALUES_MAX);
	root = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return hf_fail(fault, HF_ERR_SCAN_SHAPE, path, "line %d: %.100s", error.line, error.text);
	if (json_integer_value(json_object_get(root, "format")) != HF_SCAN_FORMAT ||
	    !json_is_array(json_object_get(root, "parts"))) {
		json_decref(root);
		return hf_fail(fault, HF_ERR_SCAN_SHAPE, path, "no \"format\": %d and list of parts",
			       HF_SCAN_FORMAT);
	}
	*ret = root;
	return HF_OK;
}

enum hf_err hf_scan_read(struct hf_span json, const char *path, struct hf_claims *claims,
			 struct hf_fault *fault)
{
	json_t *root, *part;
	enum hf_err err = load(json, path, &root, fault);
	size_t i;

	if (err)
		return err;
	json_array_foreach(json_object_get(root, "parts"), i, part) {
		if (read_part(claims, part))
			continue;
		json_decref(root);
		return hf_fail(fault, HF_ERR_SCAN_SHAPE, path,
			       "parts[%zu] is none, or is beyond its limits", i);
	}
	json_decref(root);
	return HF_OK;
}

enum hf_err hf_scan_claims(struct hf_span json, const char *path, struct hf_arena *arena,
			   struct hf_span *ret, struct hf_fault *fault)
{
	struct hf_writer w = { .cap = CLAIMS_MAX };
	struct hf_claims claims;
	enum hf_err err;

	hf_claims_init(&claims, arena);
	err = hf_scan_read(json, path, &claims, fault);
	if (err)
		return err;
	w.buf = hf_arena_take(arena, w.cap);
	if (w.buf)
		hf_claims_encode(&claims, &w);
	if (!w.buf || w.full)
		return hf_fail(fault, HF_ERR_LIMIT, path, "too large");
	*ret = hf_written(&w);
	return HF_OK;
}
