/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The same facts for machines; docs/json.md is the schema. */
#include "manifests/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Any failure of jansson is lack of memory: one flag, looked at once. */
struct out {
	bool failed;
};

static void set(struct out *o, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		o->failed = true;
}

static void append(struct out *o, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		o->failed = true;
}

/* ASCII without control characters; NULL becomes null. */
static json_t *text(const char *value)
{
	size_t len = value ? strlen(value) : 0;
	char *copy;
	json_t *json;

	if (!value)
		return json_null();
	copy = malloc(len + 1);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < len; i++)
		copy[i] = value[i] >= 0x20 && value[i] <= 0x7e ? value[i] : '?';
	json = json_stringn(copy, len);
	free(copy);
	return json;
}

static json_t *hex(const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *copy = malloc(2 * len + 1);
	json_t *json;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		copy[2 * i] = digits[bytes[i] >> 4];
		copy[2 * i + 1] = digits[bytes[i] & 15];
	}
	json = json_stringn(copy, 2 * len);
	free(copy);
	return json;
}

/* Beyond 63 bits a JSON integer is not safe: decimal text then. */
static json_t *number(uint64_t value)
{
	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	return json_sprintf("%llu", (unsigned long long)value);
}

static json_t *digests(struct out *o, const struct hf_measurement *m)
{
	json_t *object = json_object();

	for (size_t i = 0; i < m->digest_count; i++)
		set(o, object, hf_alg_name(m->digests[i].alg),
		    hex(m->digests[i].bytes, hf_alg_size(m->digests[i].alg)));
	return object;
}

static const char *kind_name(enum hf_value_kind kind)
{
	switch (kind) {
	case HF_VALUE_FAILURE:
		return "failure";
	case HF_VALUE_DIGESTS:
		return "digests";
	case HF_VALUE_TEXT:
		return "text";
	case HF_VALUE_NUMBER:
		return "number";
	case HF_VALUE_BYTES:
		return "bytes";
	}
	return "failure";
}

static json_t *measurement(struct out *o, const struct hf_measurement *m)
{
	json_t *object = json_object();

	set(o, object, "mkey", text(m->mkey));
	set(o, object, "method", text(hf_method_name(m->method)));
	set(o, object, "kind", text(kind_name(m->kind)));
	set(o, object, "code", json_boolean(m->flags & HF_MEASUREMENT_CODE));
	set(o, object, "advisory", json_boolean(m->flags & HF_MEASUREMENT_ADVISORY));
	if (m->kind == HF_VALUE_FAILURE || m->cause != HF_OK)
		set(o, object, "cause", text(hf_err_name(m->cause)));
	switch (m->kind) {
	case HF_VALUE_FAILURE:
		break;
	case HF_VALUE_DIGESTS:
		set(o, object, "digests", digests(o, m));
		set(o, object, "size", number(m->size));
		break;
	case HF_VALUE_TEXT:
		set(o, object, "text", text(m->text));
		break;
	case HF_VALUE_NUMBER:
		set(o, object, "number", number(m->number));
		break;
	case HF_VALUE_BYTES:
		set(o, object, "bytes", hex(m->bytes.ptr, m->bytes.len));
		break;
	}
	return object;
}

static json_t *measurements(struct out *o, const struct hf_measurement *list)
{
	json_t *array = json_array();

	for (; list; list = list->next)
		append(o, array, measurement(o, list));
	return array;
}

static json_t *function(struct out *o, const struct hf_function *f)
{
	const struct hf_identity *id = &f->identity;
	char address[HF_ADDRESS_TEXT];
	json_t *object = json_object();

	hf_address_format(&f->address, address);
	set(o, object, "address", text(address));
	set(o, object, "path", text(f->path));
	set(o, object, "vendor", json_sprintf("%04x", id->vendor));
	set(o, object, "device", json_sprintf("%04x", id->device));
	set(o, object, "class", json_sprintf("%06x", id->class_code & 0xffffff));
	set(o, object, "subsystem",
	    json_sprintf("%04x:%04x", id->subsystem_vendor, id->subsystem_device));
	set(o, object, "revision", json_sprintf("%02x", id->revision));
	set(o, object, "serial", id->has_serial ? json_sprintf("%016llx", (unsigned long long)id->serial)
						: json_null());
	set(o, object, "driver", text(f->driver));
	set(o, object, "virtual", json_boolean(hf_path_is_virtual(f->path)));
	set(o, object, "measurements", measurements(o, f->measurements));
	return object;
}

/* What the part as a whole says of itself, where it is a text. */
static json_t *text_of(const struct hf_part *p, const char *mkey)
{
	const struct hf_measurement *m = p ? hf_measurement_find(p->measurements, mkey) : NULL;

	return text(m && m->kind == HF_VALUE_TEXT ? m->text : NULL);
}

static json_t *part(struct out *o, const struct hf_part *p)
{
	json_t *object = json_object(), *functions = json_array();

	for (const struct hf_function *f = p->functions; f; f = f->next)
		append(o, functions, function(o, f));
	set(o, object, "kind", text(hf_part_kind_name(p->kind)));
	set(o, object, "path", text(p->path));
	set(o, object, "slot", text_of(p, HF_MKEY_SLOT));
	set(o, object, "method", text(hf_method_name(hf_part_method(p))));
	set(o, object, "functions", functions);
	set(o, object, "measurements", measurements(o, p->measurements));
	return object;
}

static json_t *allowed(struct out *o, const struct hf_finding *f)
{
	json_t *array = json_array();

	for (size_t i = 0; i < f->allowed_count && i < HF_ALLOWED_SHOWN; i++) {
		json_t *object = json_object();

		set(o, object, "value", text(f->allowed[i].text));
		set(o, object, "release", text(f->allowed[i].release));
		append(o, array, object);
	}
	return array;
}

static json_t *findings(struct out *o, const struct hf_finding *list)
{
	json_t *array = json_array();

	for (const struct hf_finding *f = list; f; f = f->next) {
		json_t *object = json_object();

		set(o, object, "cause", text(hf_err_name(f->cause)));
		set(o, object, "class", text(hf_class_name(hf_err_class(f->cause))));
		set(o, object, "sentence", text(hf_err_sentence(f->cause)));
		set(o, object, "next_step", text(hf_err_next_step(f->cause)));
		set(o, object, "action", text(hf_action_name(f->action)));
		set(o, object, "function", text(f->function ? f->function->path : NULL));
		set(o, object, "mkey", text(f->mkey));
		set(o, object, "found", text(f->found));
		set(o, object, "expected", text(f->expected));
		set(o, object, "rule", text(f->rule));
		set(o, object, "release", text(f->release));
		set(o, object, "known", text(f->known));
		set(o, object, "allowed", allowed(o, f));
		set(o, object, "allowed_count", number(f->allowed_count));
		set(o, object, "would_hold", json_boolean(f->would_hold));
		set(o, object, "waived_by", text(f->waiver));
		set(o, object, "waiver_not_applied", text(f->waiver_why));
		set(o, object, "waive_as", text(f->waive_as));
		append(o, array, object);
	}
	return array;
}

static json_t *part_verdict(struct out *o, const struct hf_part_verdict *v)
{
	json_t *object = json_object();

	set(o, object, "place", text(v->place));
	set(o, object, "present", json_boolean(v->part != NULL));
	set(o, object, "status", text(hf_status_name(v->status)));
	set(o, object, "rule", text(v->rule ? v->rule->name : NULL));
	set(o, object, "component", text(v->component ? v->component->name : NULL));
	set(o, object, "release", text(v->release ? v->release->name : NULL));
	set(o, object, "method", v->part && v->part->kind != HF_PART_HOST
				 ? text(hf_method_name(v->method)) : json_null());
	set(o, object, "findings", findings(o, v->findings));
	return object;
}

static json_t *coverage(struct out *o, const struct hf_coverage *c)
{
	json_t *object = json_object(), *by = json_object();

	for (enum hf_method m = HF_METHOD_NONE; m <= HF_METHOD_SIGNED; m++)
		set(o, by, hf_method_name(m), number(c->by_method[m]));
	set(o, object, "parts", number(c->parts));
	set(o, object, "by_method", by);
	set(o, object, "functions", number(c->functions));
	set(o, object, "uncovered", number(c->uncovered));
	return object;
}

static json_t *verdict_json(struct out *o, const struct hf_verdict *v)
{
	json_t *object = json_object(), *parts = json_array();

	for (const struct hf_part_verdict *p = v->parts; p; p = p->next)
		append(o, parts, part_verdict(o, p));
	set(o, object, "status", text(hf_status_name(v->status)));
	set(o, object, "cause", text(v->cause ? hf_err_name(v->cause) : NULL));
	set(o, object, "class", text(v->cause ? hf_class_name(hf_err_class(v->cause)) : NULL));
	set(o, object, "place", text(v->cause_place));
	set(o, object, "mkey", text(v->cause_mkey));
	set(o, object, "model", text(v->model ? v->model->name : NULL));
	set(o, object, "generation", v->model ? number(v->model->generation) : json_null());
	set(o, object, "mode", text(v->model ? hf_mode_name(v->model->mode) : NULL));
	set(o, object, "agent_image", text(v->agent_image ? v->agent_image->name : NULL));
	set(o, object, "platform_firmware",
	    text(v->platform_firmware ? v->platform_firmware->name : NULL));
	set(o, object, "parts", parts);
	set(o, object, "boot", findings(o, v->boot));
	set(o, object, "coverage", coverage(o, &v->coverage));
	return object;
}

/* Who this is, without a search among a hundred facts. */
static json_t *host(struct out *o, const struct hf_claims *claims)
{
	const struct hf_part *p = hf_claims_find_part(claims, "host");
	json_t *object = json_object();

	set(o, object, "vendor", text_of(p, "smbios/vendor"));
	set(o, object, "product", text_of(p, "smbios/product"));
	set(o, object, "serial", text_of(p, "smbios/serial"));
	set(o, object, "uuid", text_of(p, "smbios/uuid"));
	return object;
}

/* As each device has it: nobody asked an anchor. */
static json_t *unjudged_coverage(struct out *o, const struct hf_claims *claims)
{
	json_t *object = json_object(), *by = json_object();
	size_t parts = 0, by_method[HF_METHODS] = { 0 };

	for (const struct hf_part *p = claims->parts; p; p = p->next) {
		if (p->kind == HF_PART_HOST || hf_part_superseded(p))
			continue;
		parts++;
		by_method[hf_part_method(p)]++;
	}
	for (enum hf_method m = HF_METHOD_NONE; m <= HF_METHOD_SIGNED; m++)
		set(o, by, hf_method_name(m), number(by_method[m]));
	set(o, object, "parts", number(parts));
	set(o, object, "by_method", by);
	return object;
}

char *hf_report_json(const struct hf_claims *claims, const struct hf_verdict *verdict, bool indent)
{
	struct out o = { .failed = false };
	json_t *root = json_object(), *parts = claims ? json_array() : json_null();
	char *dump = NULL;

	for (const struct hf_part *p = claims ? claims->parts : NULL; p; p = p->next)
		append(&o, parts, part(&o, p));
	set(&o, root, "format", json_integer(1));
	set(&o, root, "host", claims ? host(&o, claims) : json_null());
	set(&o, root, "parts", parts);
	set(&o, root, "coverage", claims ? unjudged_coverage(&o, claims) : json_null());
	set(&o, root, "verdict", verdict ? verdict_json(&o, verdict) : json_null());
	if (!o.failed)
		dump = json_dumps(root, indent ? JSON_INDENT(2) : JSON_COMPACT);
	json_decref(root);
	return dump;
}
