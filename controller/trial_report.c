/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/trial_report.h"

#include <jansson.h>
#include <stdlib.h>
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

typedef bool (*wanted)(const struct hf_trial_host *host);

/* Hosts of which one sentence says it all stand together. */
static int compare_reasons(const struct hf_trial_host *a, const struct hf_trial_host *b)
{
	const struct hf_trial_verdict *v = &a->after, *w = &b->after;
	const char *const texts[][2] = { { v->model, w->model }, { v->place, w->place }, { v->mkey, w->mkey },
					 { v->found, w->found } };
	int order = (int)w->outcome - (int)v->outcome;

	if (!order)
		order = (int)v->cause - (int)w->cause;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && !order; i++)
		order = strcmp(texts[i][0], texts[i][1]);
	if (!order)
		order = a->compared - b->compared;
	if (!order && a->compared)
		order = (int)a->before.outcome - (int)b->before.outcome;
	return order;
}

static int by_reason(const void *a, const void *b)
{
	const struct hf_trial_host *const *x = a, *const *y = b;
	const int order = compare_reasons(*x, *y);

	return order ? order : strcmp((*x)->name, (*y)->name);
}

struct group { size_t first, count; };

/* The most hosts first. */
static int by_count(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->first < y->first ? -1 : x->first > y->first;
}

#define NAME_COLUMNS 76

/* What tells hosts apart stands at the end of a path. */
static const char *name_tail(const struct hf_trial_host *h)
{
	const size_t len = strlen(h->name);

	return len > NAME_COLUMNS ? h->name + len - (NAME_COLUMNS - 3) : h->name;
}

static void print_names(FILE *out, const struct hf_trial_host *const *hosts, size_t count, size_t names)
{
	for (size_t i = 0; i < count && (names == 0 || i < names); i++)
		fprintf(out, "    %s%s\n", name_tail(hosts[i]) == hosts[i]->name ? "" : "...", name_tail(hosts[i]));
	if (names && count > names)
		fprintf(out, "    and %zu more: --all, or --json\n", count - names);
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

static size_t make_groups(const struct hf_trial_host *const *hosts, size_t count, struct group *ret)
{
	size_t groups = 0;

	for (size_t i = 0; i < count; i++) {
		if (i == 0 || compare_reasons(hosts[i - 1], hosts[i]) != 0)
			ret[groups++] = (struct group){ i, 0 };
		ret[groups - 1].count++;
	}
	qsort(ret, groups, sizeof(*ret), by_count);
	return groups;
}

static void print_groups(FILE *out, const struct hf_trial_host *list, const char *title, wanted want, size_t names)
{
	const struct hf_trial_host **hosts;
	struct group *groups;
	size_t count = 0, n = 0;

	for (const struct hf_trial_host *h = list; h; h = h->next)
		count += want(h);
	if (!count)
		return;
	fprintf(out, "\n%s\n", title);
	hosts = calloc(count, sizeof(*hosts));
	groups = calloc(count, sizeof(*groups));
	for (const struct hf_trial_host *h = list; h && hosts; h = h->next)
		if (want(h))
			hosts[n++] = h;
	if (hosts && groups) {
		qsort(hosts, count, sizeof(*hosts), by_reason);
		n = make_groups(hosts, count, groups);
	} else {
		fprintf(out, "  %zu hosts, and no memory to sort them: --json\n", count);
		n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		print_reason(out, hosts[groups[i].first], groups[i].count);
		print_names(out, hosts + groups[i].first, groups[i].count, names);
	}
	free(groups);
	free(hosts);
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
		snprintf(line, sizeof(line), "  %s%s: %s (%s) [%s]", name_tail(h) == h->name ? "" : "...",
			 name_tail(h), hf_err_sentence(h->unjudged), h->why, hf_err_name(h->unjudged));
		hf_ctl_print(out, line);
	}
}

void hf_trial_print(FILE *out, const struct hf_trial_host *hosts, const char *against, size_t names)
{
	struct hf_trial_count c;

	hf_trial_count(hosts, &c);
	print_groups(out, hosts, "WORSE", hf_trial_is_worse, names);
	print_groups(out, hosts, "better", is_better, names);
	print_groups(out, hosts, "refused, as before", stays_refused, names);
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
