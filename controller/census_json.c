/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The census for machines: docs/json.md. [edge: jansson] */
#include "controller/census_report.h"

#include <jansson.h>
#include <stdlib.h>

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
	char *copy = value ? malloc(len + 1) : NULL;
	json_t *json;

	if (!value)
		return json_null();
	for (size_t i = 0; copy && i < len; i++)
		copy[i] = value[i] >= 0x20 && value[i] <= 0x7e ? value[i] : '?';
	json = copy ? json_stringn(copy, len) : NULL;
	free(copy);
	return json;
}

static json_t *number(size_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *outlier(struct out *o, const struct hf_census_outlier *f)
{
	json_t *object = json_object();

	set(o, object, "name", text(hf_census_odd_name(f->odd)));
	set(o, object, "class", text(hf_class_name(hf_census_odd_class(f->odd))));
	set(o, object, "sentence", text(hf_census_odd_sentence(f->odd)));
	set(o, object, "next_step", text(hf_census_odd_next_step(f->odd)));
	set(o, object, "host", text(f->host->name));
	set(o, object, "serial", text(f->host->serial));
	set(o, object, "model", text(f->host->model->name));
	set(o, object, "place", text(f->place ? f->place->path : NULL));
	set(o, object, "slot", text(f->label));
	set(o, object, "belongs", text(f->from ? f->from->path : NULL));
	set(o, object, "component", text(f->kind ? f->kind->component : NULL));
	set(o, object, "part", text(f->kind ? f->kind->what : NULL));
	set(o, object, "subject", text(f->subject));
	set(o, object, "found", text(f->found));
	set(o, object, "others", text(f->others));
	set(o, object, "versions", text(f->value ? f->value->versions : NULL));
	set(o, object, "found_hosts", number(f->found_hosts));
	set(o, object, "other_hosts", number(f->other_hosts));
	set(o, object, "of_hosts", number(f->of_hosts));
	return object;
}

static json_t *hosts_of(struct out *o, const struct hf_census_seat *seats)
{
	const struct hf_census_host *last = NULL;
	json_t *array = json_array();

	for (const struct hf_census_seat *s = seats; s; s = s->next_of_value) {
		if (s->host != last)
			append(o, array, text(s->host->name));
		last = s->host;
	}
	return array;
}

static json_t *measurements(struct out *o, const struct hf_census_value *v)
{
	char hex[2 * HF_DIGEST_MAX + 1];
	json_t *array = json_array();

	for (const struct hf_environment *e = v->release->environments; e; e = e->next)
		for (const struct hf_reference *ref = e->references; ref; ref = ref->next) {
			json_t *object = json_object();

			set(o, object, "mkey", text(ref->mkey));
			if (ref->digest_count) {
				hf_digest_hex(&ref->digests[0], hex);
				set(o, object, hf_alg_name(ref->digests[0].alg), text(hex));
			}
			if (ref->text)
				set(o, object, "text", text(ref->text));
			append(o, array, object);
		}
	return array;
}

static json_t *value(struct out *o, const struct hf_census_value *v)
{
	json_t *object = json_object();

	set(o, object, "state", text(hf_census_state_name(v->state)));
	set(o, object, "release", text(v->state == HF_CENSUS_DRAFTED ? v->release->name : NULL));
	set(o, object, "method", text(hf_method_name(v->method)));
	set(o, object, "versions", text(v->versions));
	set(o, object, "unread", json_boolean(v->unread));
	set(o, object, "host_count", number(v->hosts));
	set(o, object, "hosts", hosts_of(o, v->seats));
	set(o, object, "measurements", measurements(o, v));
	return object;
}

static json_t *kind(struct out *o, const struct hf_census_kind *k)
{
	json_t *object = json_object(), *values = json_array();

	for (const struct hf_census_value *v = k->values; v; v = v->next)
		append(o, values, value(o, v));
	set(o, object, "component", text(k->component));
	set(o, object, "part", text(k->what));
	set(o, object, "host_count", number(k->hosts));
	set(o, object, "values", values);
	return object;
}

static json_t *place(struct out *o, const struct hf_census_place *p)
{
	json_t *object = json_object(), *parts = json_array();

	for (const struct hf_census_occupant *q = p->occupants; q; q = q->next) {
		json_t *part = json_object();

		set(o, part, "component", text(q->kind->component));
		set(o, part, "host_count", number(q->hosts));
		set(o, part, "common", json_boolean(q->common));
		append(o, parts, part);
	}
	set(o, object, "place", text(p->path));
	set(o, object, "slot", text(p->label));
	set(o, object, "host_count", number(p->hosts));
	set(o, object, "parts", parts);
	return object;
}

static json_t *model(struct out *o, const struct hf_census_model *m)
{
	json_t *object = json_object(), *places = json_array();

	for (const struct hf_census_place *p = m->places; p; p = p->next)
		append(o, places, place(o, p));
	set(o, object, "model", text(m->name));
	set(o, object, "vendor", text(m->vendor));
	set(o, object, "product", text(m->product));
	set(o, object, "host_count", number(m->hosts));
	set(o, object, "places", places);
	return object;
}

static json_t *captures(struct out *o, const struct hf_census *census)
{
	json_t *array = json_array();

	for (const struct hf_census_capture *c = census->captures; c; c = c->next) {
		json_t *object = json_object();

		set(o, object, "file", text(c->name));
		set(o, object, "host", text(c->host->name));
		set(o, object, "serial", text(c->host->serial));
		set(o, object, "model", text(c->host->model->name));
		set(o, object, "again", json_boolean(c->again));
		set(o, object, "differs", json_boolean(c->differs));
		append(o, array, object);
	}
	return array;
}

static json_t *not_counted(struct out *o, const struct hf_census_skipped *skipped)
{
	json_t *array = json_array();

	for (; skipped; skipped = skipped->next) {
		json_t *object = json_object();

		set(o, object, "file", text(skipped->name));
		set(o, object, "cause", text(hf_err_name(skipped->err)));
		set(o, object, "detail", text(skipped->detail));
		append(o, array, object);
	}
	return array;
}

static json_t *coverage(struct out *o, const struct hf_census *census)
{
	json_t *object = json_object(), *by = json_object();

	for (enum hf_method m = HF_METHOD_NONE; m <= HF_METHOD_SIGNED; m++)
		set(o, by, hf_method_name(m), number(census->by_method[m]));
	set(o, object, "parts", number(census->part_count));
	set(o, object, "by_method", by);
	return object;
}

char *hf_census_json(const struct hf_census *census, const struct hf_census_skipped *skipped)
{
	struct out o = { .failed = false };
	json_t *root = json_object(), *outliers = json_array();
	json_t *models = json_array(), *components = json_array();
	char *dump = NULL;

	for (size_t i = 0; i < census->outlier_count; i++)
		append(&o, outliers, outlier(&o, &census->outliers[i]));
	for (const struct hf_census_model *m = census->models; m; m = m->next)
		append(&o, models, model(&o, m));
	for (const struct hf_census_kind *k = census->kinds; k; k = k->next)
		append(&o, components, kind(&o, k));
	set(&o, root, "format", json_integer(1));
	set(&o, root, "hosts", number(census->host_count));
	set(&o, root, "outliers", outliers);
	set(&o, root, "models", models);
	set(&o, root, "components", components);
	set(&o, root, "captures", captures(&o, census));
	set(&o, root, "skipped", not_counted(&o, skipped));
	set(&o, root, "coverage", coverage(&o, census));
	if (!o.failed)
		dump = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	return dump;
}
