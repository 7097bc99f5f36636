/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/trial_report.h"

#include <jansson.h>
#include <string.h>

#include "controller/ctl.h"

bool hf_trial_is_worse(const struct hf_trial_host *h)
{
	return h->unjudged == HF_OK && h->compared && h->after.outcome > h->before.outcome;
}

static bool is_better(const struct hf_trial_host *h)
{
	return h->unjudged == HF_OK && h->compared && h->after.outcome < h->before.outcome;
}

void hf_trial_count(const struct hf_trial_host *hosts, struct hf_trial_count *ret)
{
	*ret = (struct hf_trial_count){ .hosts = 0 };
	for (const struct hf_trial_host *h = hosts; h; h = h->next) {
		ret->hosts++;
		if (h->unjudged != HF_OK) {
			ret->unjudged++;
			continue;
		}
		ret->after[h->after.outcome]++;
		ret->worse += hf_trial_is_worse(h);
		ret->better += is_better(h);
	}
}

/* ---- for people ---- */

/* Alike: one sentence says it for both. */
static bool alike(const struct hf_trial_host *a, const struct hf_trial_host *b)
{
	const struct hf_trial_verdict *v = &a->after, *w = &b->after;

	return v->outcome == w->outcome && v->cause == w->cause && strcmp(v->model, w->model) == 0 &&
	       strcmp(v->place, w->place) == 0 && strcmp(v->mkey, w->mkey) == 0 && strcmp(v->found, w->found) == 0 &&
	       a->compared == b->compared && (!a->compared || a->before.outcome == b->before.outcome);
}

typedef bool (*wanted)(const struct hf_trial_host *host);

static bool is_first(const struct hf_trial_host *hosts, const struct hf_trial_host *h, wanted want)
{
	for (const struct hf_trial_host *o = hosts; o != h; o = o->next)
		if (want(o) && alike(o, h))
			return false;
	return true;
}

static void print_names(FILE *out, const struct hf_trial_host *first, wanted want, size_t names)
{
	size_t count = 0;

	for (const struct hf_trial_host *h = first; h; h = h->next) {
		if (!want(h) || !alike(first, h))
			continue;
		if (names == 0 || count < names)
			fprintf(out, "    %.76s\n", h->name);
		count++;
	}
	if (names && count > names)
		fprintf(out, "    and %zu more: --all, or --json\n", count - names);
}

static size_t count_alike(const struct hf_trial_host *first, wanted want)
{
	size_t count = 0;

	for (const struct hf_trial_host *h = first; h; h = h->next)
		count += want(h) && alike(first, h);
	return count;
}

static void print_reason(FILE *out, const struct hf_trial_host *h, size_t count)
{
	const struct hf_trial_verdict *v = &h->after;
	char line[1024];

	fprintf(out, "  %zu host%s: %s%s%s\n", count, count == 1 ? "" : "s",
		h->compared ? hf_trial_outcome_name(h->before.outcome) : "", h->compared ? " -> " : "",
		hf_trial_outcome_name(v->outcome));
	if (v->cause == HF_OK)
		return;
	snprintf(line, sizeof(line), "    %s at %s%s%s: %s [%s]", v->mkey[0] ? v->mkey : "the part", v->place,
		 v->rule[0] ? ", rule " : "", v->rule, hf_err_sentence(v->cause), hf_err_name(v->cause));
	hf_ctl_print(out, line);
	if (v->found[0])
		fprintf(out, "      found    %.64s\n", v->found);
	if (v->expected[0])
		fprintf(out, "      expected %.64s\n", v->expected);
	fprintf(out, "      next     %.64s\n", hf_err_next_step(v->cause));
}

static size_t print_group(FILE *out, const struct hf_trial_host *hosts, const char *title, wanted want, size_t names)
{
	size_t printed = 0;

	for (const struct hf_trial_host *h = hosts; h; h = h->next) {
		if (!want(h) || !is_first(hosts, h, want))
			continue;
		if (!printed++)
			fprintf(out, "\n%s\n", title);
		print_reason(out, h, count_alike(h, want));
		print_names(out, h, want, names);
	}
	return printed;
}

static bool stays_refused(const struct hf_trial_host *h)
{
	return h->unjudged == HF_OK && !hf_trial_is_worse(h) && h->after.outcome >= HF_TRIAL_FENCE;
}

static void print_unjudged(FILE *out, const struct hf_trial_host *hosts)
{
	char line[1024];
	bool any = false;

	for (const struct hf_trial_host *h = hosts; h; h = h->next) {
		if (h->unjudged == HF_OK)
			continue;
		if (!any)
			fputs("\nNOT JUDGED: this is no evidence\n", out);
		any = true;
		snprintf(line, sizeof(line), "  %.76s: %s (%s) [%s]", h->name, hf_err_sentence(h->unjudged), h->why,
			 hf_err_name(h->unjudged));
		hf_ctl_print(out, line);
	}
}

void hf_trial_print(FILE *out, const struct hf_trial_host *hosts, const char *against, size_t names)
{
	struct hf_trial_count c;

	hf_trial_count(hosts, &c);
	print_group(out, hosts, "WORSE", hf_trial_is_worse, names);
	print_group(out, hosts, "better", is_better, names);
	print_group(out, hosts, "refused, as before", stays_refused, names);
	print_unjudged(out, hosts);
	fprintf(out, "\n%zu hosts: %zu admitted, %zu warned, %zu isolated, %zu would hold, %zu held",
		c.hosts, c.after[HF_TRIAL_ADMIT], c.after[HF_TRIAL_WARN], c.after[HF_TRIAL_FENCE],
		c.after[HF_TRIAL_WOULD_HOLD], c.after[HF_TRIAL_HOLD]);
	if (c.unjudged)
		fprintf(out, ",\n  %zu NOT JUDGED", c.unjudged);
	fprintf(out, "\n%zu worse, %zu better than %s\n", c.worse, c.better, against);
}

/* ---- for machines ---- */

static void put_text(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, text && *text ? json_string(text) : json_null());
}

static json_t *verdict_json(const struct hf_trial_verdict *v)
{
	json_t *object = json_object();

	put_text(object, "outcome", hf_trial_outcome_name(v->outcome));
	put_text(object, "cause", v->cause == HF_OK ? NULL : hf_err_name(v->cause));
	put_text(object, "class", v->cause == HF_OK ? NULL : hf_class_name(hf_err_class(v->cause)));
	put_text(object, "model", v->model);
	json_object_set_new(object, "generation", json_integer((json_int_t)v->generation));
	put_text(object, "place", v->place);
	put_text(object, "mkey", v->mkey);
	put_text(object, "rule", v->rule);
	put_text(object, "found", v->found);
	put_text(object, "expected", v->expected);
	return object;
}

static json_t *host_json(const struct hf_trial_host *h)
{
	json_t *object = json_object();

	put_text(object, "host", h->name);
	if (h->unjudged != HF_OK) {
		put_text(object, "not_judged", hf_err_name(h->unjudged));
		put_text(object, "detail", h->why);
		return object;
	}
	json_object_set_new(object, "before", h->compared ? verdict_json(&h->before) : json_null());
	json_object_set_new(object, "after", verdict_json(&h->after));
	json_object_set_new(object, "worse", json_boolean(hf_trial_is_worse(h)));
	return object;
}

int hf_trial_json(FILE *out, const struct hf_trial_host *hosts, const char *against)
{
	json_t *root = json_object(), *list = json_array(), *counts = json_object();
	struct hf_trial_count c;
	int code;

	hf_trial_count(hosts, &c);
	for (const struct hf_trial_host *h = hosts; h; h = h->next)
		json_array_append_new(list, host_json(h));
	json_object_set_new(counts, "hosts", json_integer((json_int_t)c.hosts));
	for (size_t i = 0; i < HF_TRIAL_OUTCOMES; i++)
		json_object_set_new(counts, hf_trial_outcome_name((enum hf_trial_outcome)i),
				    json_integer((json_int_t)c.after[i]));
	json_object_set_new(counts, "worse", json_integer((json_int_t)c.worse));
	json_object_set_new(counts, "better", json_integer((json_int_t)c.better));
	json_object_set_new(counts, "not_judged", json_integer((json_int_t)c.unjudged));
	json_object_set_new(root, "format", json_integer(1));
	put_text(root, "against", against);
	json_object_set_new(root, "counts", counts);
	json_object_set_new(root, "hosts", list);
	code = json_dumpf(root, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', out);
	json_decref(root);
	return code;
}
