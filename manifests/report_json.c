/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The same facts for machines; docs/json.md is the schema. */
#include "manifests/report.h"

#include <stdio.h>

#include "manifests/json_out.h"

static void digests(struct hf_json_out *o, const struct hf_measurement *m)
{
	hf_json_key(o, "digests");
	hf_json_open(o, '{');
	for (size_t i = 0; i < m->digest_count; i++) {
		hf_json_key(o, hf_alg_name(m->digests[i].alg));
		hf_json_hex(o, m->digests[i].bytes, hf_alg_size(m->digests[i].alg));
	}
	hf_json_close(o, '}');
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

static void measurement(struct hf_json_out *o, const struct hf_measurement *m)
{
	hf_json_next(o);
	hf_json_open(o, '{');
	hf_json_say(o, "mkey", m->mkey);
	hf_json_say(o, "method", hf_method_name(m->method));
	hf_json_say(o, "kind", kind_name(m->kind));
	hf_json_say_bool(o, "code", m->flags & HF_MEASUREMENT_CODE);
	hf_json_say_bool(o, "advisory", m->flags & HF_MEASUREMENT_ADVISORY);
	if (m->kind == HF_VALUE_FAILURE || m->cause != HF_OK)
		hf_json_say(o, "cause", hf_err_name(m->cause));
	switch (m->kind) {
	case HF_VALUE_FAILURE:
		break;
	case HF_VALUE_DIGESTS:
		digests(o, m);
		hf_json_say_number(o, "size", m->size);
		break;
	case HF_VALUE_TEXT:
		hf_json_say(o, "text", m->text);
		break;
	case HF_VALUE_NUMBER:
		hf_json_say_number(o, "number", m->number);
		break;
	case HF_VALUE_BYTES:
		hf_json_key(o, "bytes");
		hf_json_hex(o, m->bytes.ptr, m->bytes.len);
		break;
	}
	hf_json_close(o, '}');
}

static void measurements(struct hf_json_out *o, const struct hf_measurement *list)
{
	hf_json_key(o, "measurements");
	hf_json_open(o, '[');
	for (; list; list = list->next)
		measurement(o, list);
	hf_json_close(o, ']');
}

static void function(struct hf_json_out *o, const struct hf_function *f)
{
	const struct hf_identity *id = &f->identity;
	char address[HF_ADDRESS_TEXT], t[24];

	hf_address_format(&f->address, address);
	hf_json_next(o);
	hf_json_open(o, '{');
	hf_json_say(o, "address", address);
	hf_json_say(o, "path", f->path);
	snprintf(t, sizeof(t), "%04x", id->vendor);
	hf_json_say(o, "vendor", t);
	snprintf(t, sizeof(t), "%04x", id->device);
	hf_json_say(o, "device", t);
	snprintf(t, sizeof(t), "%06x", id->class_code & 0xffffff);
	hf_json_say(o, "class", t);
	snprintf(t, sizeof(t), "%04x:%04x", id->subsystem_vendor, id->subsystem_device);
	hf_json_say(o, "subsystem", t);
	snprintf(t, sizeof(t), "%02x", id->revision);
	hf_json_say(o, "revision", t);
	snprintf(t, sizeof(t), "%016llx", (unsigned long long)id->serial);
	hf_json_say(o, "serial", id->has_serial ? t : NULL);
	hf_json_say(o, "driver", f->driver);
	hf_json_say_bool(o, "virtual", hf_path_is_virtual(f->path));
	measurements(o, f->measurements);
	hf_json_close(o, '}');
}

/* What the part as a whole says of itself, where it is a text. */
static const char *text_of(const struct hf_part *p, const char *mkey)
{
	const struct hf_measurement *m = p ? hf_measurement_find(p->measurements, mkey) : NULL;

	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}

static void part(struct hf_json_out *o, const struct hf_part *p)
{
	hf_json_next(o);
	hf_json_open(o, '{');
	hf_json_say(o, "kind", hf_part_kind_name(p->kind));
	hf_json_say(o, "path", p->path);
	hf_json_say(o, "slot", text_of(p, HF_MKEY_SLOT));
	hf_json_say(o, "method", hf_method_name(hf_part_method(p)));
	hf_json_key(o, "functions");
	hf_json_open(o, '[');
	for (const struct hf_function *f = p->functions; f; f = f->next)
		function(o, f);
	hf_json_close(o, ']');
	measurements(o, p->measurements);
	hf_json_close(o, '}');
}

static void allowed(struct hf_json_out *o, const struct hf_finding *f)
{
	hf_json_key(o, "allowed");
	hf_json_open(o, '[');
	for (size_t i = 0; i < f->allowed_count && i < HF_ALLOWED_SHOWN; i++) {
		hf_json_next(o);
		hf_json_open(o, '{');
		hf_json_say(o, "value", f->allowed[i].text);
		hf_json_say(o, "release", f->allowed[i].release);
		hf_json_close(o, '}');
	}
	hf_json_close(o, ']');
}

static void finding(struct hf_json_out *o, const struct hf_finding *f)
{
	hf_json_next(o);
	hf_json_open(o, '{');
	hf_json_say(o, "cause", hf_err_name(f->cause));
	hf_json_say(o, "class", hf_class_name(hf_err_class(f->cause)));
	hf_json_say(o, "sentence", hf_err_sentence(f->cause));
	hf_json_say(o, "next_step", hf_err_next_step(f->cause));
	hf_json_say(o, "action", hf_action_name(f->action));
	hf_json_say(o, "function", f->function ? f->function->path : NULL);
	hf_json_say(o, "mkey", f->mkey);
	hf_json_say(o, "found", f->found);
	hf_json_say(o, "expected", f->expected);
	hf_json_say(o, "rule", f->rule);
	hf_json_say(o, "release", f->release);
	hf_json_say(o, "known", f->known);
	allowed(o, f);
	hf_json_say_number(o, "allowed_count", f->allowed_count);
	hf_json_say_bool(o, "would_hold", f->would_hold);
	hf_json_say(o, "waived_by", f->waiver);
	hf_json_say(o, "waiver_not_applied", f->waiver_why);
	hf_json_say(o, "waive_as", f->waive_as);
	hf_json_close(o, '}');
}

static void findings(struct hf_json_out *o, const char *name, const struct hf_finding *list)
{
	hf_json_key(o, name);
	hf_json_open(o, '[');
	for (; list; list = list->next)
		finding(o, list);
	hf_json_close(o, ']');
}

static void part_verdict(struct hf_json_out *o, const struct hf_part_verdict *v)
{
	hf_json_next(o);
	hf_json_open(o, '{');
	hf_json_say(o, "place", v->place);
	hf_json_say_bool(o, "present", v->part != NULL);
	hf_json_say(o, "status", hf_status_name(v->status));
	hf_json_say(o, "rule", v->rule ? v->rule->name : NULL);
	hf_json_say(o, "component", v->component ? v->component->name : NULL);
	hf_json_say(o, "release", v->release ? v->release->name : NULL);
	hf_json_say(o, "method", v->part && v->part->kind != HF_PART_HOST ? hf_method_name(v->method) : NULL);
	findings(o, "findings", v->findings);
	hf_json_close(o, '}');
}

static void coverage(struct hf_json_out *o, const struct hf_coverage *c)
{
	hf_json_key(o, "coverage");
	hf_json_open(o, '{');
	hf_json_say_number(o, "parts", c->parts);
	hf_json_key(o, "by_method");
	hf_json_open(o, '{');
	for (enum hf_method m = HF_METHOD_NONE; m <= HF_METHOD_SIGNED; m++)
		hf_json_say_number(o, hf_method_name(m), c->by_method[m]);
	hf_json_close(o, '}');
	hf_json_say_number(o, "functions", c->functions);
	hf_json_say_number(o, "uncovered", c->uncovered);
	hf_json_close(o, '}');
}

static void verdict_json(struct hf_json_out *o, const struct hf_verdict *v)
{
	hf_json_open(o, '{');
	hf_json_say(o, "status", hf_status_name(v->status));
	hf_json_say(o, "cause", v->cause ? hf_err_name(v->cause) : NULL);
	hf_json_say(o, "class", v->cause ? hf_class_name(hf_err_class(v->cause)) : NULL);
	hf_json_say(o, "place", v->cause_place);
	hf_json_say(o, "mkey", v->cause_mkey);
	hf_json_say(o, "model", v->model ? v->model->name : NULL);
	hf_json_key(o, "generation");
	if (v->model)
		hf_json_number(o, v->model->generation);
	else
		hf_json_word(o, "null");
	hf_json_say(o, "mode", v->model ? hf_mode_name(v->model->mode) : NULL);
	hf_json_say(o, "agent_image", v->agent_image ? v->agent_image->name : NULL);
	hf_json_say(o, "platform_firmware", v->platform_firmware ? v->platform_firmware->name : NULL);
	hf_json_key(o, "parts");
	hf_json_open(o, '[');
	for (const struct hf_part_verdict *p = v->parts; p; p = p->next)
		part_verdict(o, p);
	hf_json_close(o, ']');
	findings(o, "boot", v->boot);
	coverage(o, &v->coverage);
	hf_json_close(o, '}');
}

static void parts_json(struct hf_json_out *o, const struct hf_claims *claims)
{
	hf_json_open(o, '[');
	for (const struct hf_part *p = claims->parts; p; p = p->next)
		part(o, p);
	hf_json_close(o, ']');
}

/* Who this is, without a search among a hundred facts. */
static void host(struct hf_json_out *o, const struct hf_claims *claims)
{
	const struct hf_part *p = hf_claims_find_part(claims, "host");

	hf_json_open(o, '{');
	hf_json_say(o, "vendor", text_of(p, "smbios/vendor"));
	hf_json_say(o, "product", text_of(p, "smbios/product"));
	hf_json_say(o, "serial", text_of(p, "smbios/serial"));
	hf_json_say(o, "uuid", text_of(p, "smbios/uuid"));
	hf_json_close(o, '}');
}

/* As each device has it: nobody asked an anchor. */
static void unjudged_coverage(struct hf_json_out *o, const struct hf_claims *claims)
{
	size_t parts = 0, by_method[HF_METHODS] = { 0 };

	for (const struct hf_part *p = claims->parts; p; p = p->next) {
		if (p->kind == HF_PART_HOST || hf_part_superseded(p))
			continue;
		parts++;
		by_method[hf_part_method(p)]++;
	}
	hf_json_open(o, '{');
	hf_json_say_number(o, "parts", parts);
	hf_json_key(o, "by_method");
	hf_json_open(o, '{');
	for (enum hf_method m = HF_METHOD_NONE; m <= HF_METHOD_SIGNED; m++)
		hf_json_say_number(o, hf_method_name(m), by_method[m]);
	hf_json_close(o, '}');
	hf_json_close(o, '}');
}

/* A member of the report about the claims: null where there are none. */
static void about(struct hf_json_out *o, const char *key, const struct hf_claims *claims,
		  void (*write)(struct hf_json_out *, const struct hf_claims *))
{
	hf_json_key(o, key);
	if (claims)
		write(o, claims);
	else
		hf_json_word(o, "null");
}

char *hf_report_json(const struct hf_claims *claims, const struct hf_verdict *verdict, bool indent)
{
	struct hf_json_out o = { .indent = indent };

	hf_json_open(&o, '{');
	hf_json_say_number(&o, "format", 1);
	about(&o, "host", claims, host);
	about(&o, "parts", claims, parts_json);
	about(&o, "coverage", claims, unjudged_coverage);
	hf_json_key(&o, "verdict");
	if (verdict)
		verdict_json(&o, verdict);
	else
		hf_json_word(&o, "null");
	hf_json_close(&o, '}');
	return hf_json_end(&o);
}
