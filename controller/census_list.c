/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands out, loudest first. */
#include "controller/census_parts.h"

#include <stdlib.h>

/* One list that grows behind itself: nothing else is taken from the arena meanwhile but texts,
 * so the entries lie in a chain until all are there. */
struct found {
	struct found *next;
	struct hf_census_outlier o;
	bool joined;		/* told with another one */
};
struct listing {
	struct hf_census *census;
	struct found *first, **end;
	size_t count;
	enum hf_err err;
};

static struct hf_census_outlier *add(struct listing *l, enum hf_census_odd odd,
				     const struct hf_census_host *host)
{
	struct found *f = hf_arena_take(l->census->arena, sizeof(*f));

	if (!f) {
		l->err = HF_ERR_LIMIT;
		return NULL;
	}
	f->o.odd = odd;
	f->o.host = host;
	*l->end = f;
	l->end = &f->next;
	l->count++;
	return &f->o;
}

/* ---- values */

static unsigned likeness(const struct hf_census_value *a, const struct hf_census_value *b)
{
	bool version = a->versions[0] && strcmp(a->versions, b->versions) == 0;

	return 2u * version + (hf_census_functions(a->release) == hf_census_functions(b->release));
}

/* What to hold a value against: of what is common, one of the same version and with as many
 * functions, if there is one; of equals what most hosts have. In a draw of one version neither
 * is drafted, and each is held against the other. */
static const struct hf_census_value *usual_of(const struct hf_census_value *value)
{
	const struct hf_census_value *best = NULL;
	bool draw = value->state == HF_CENSUS_SAME_VERSION;

	for (const struct hf_census_value *v = value->kind->values; v && v->state != HF_CENSUS_RARE;
	     v = v->next) {
		if (v == value || v->unread > value->unread ||
		    (v->state != HF_CENSUS_DRAFTED && !(draw && v->state == HF_CENSUS_SAME_VERSION)))
			continue;
		if (!best || likeness(value, v) > likeness(value, best))
			best = v;
	}
	return best;
}

static enum hf_census_odd odd_of(const struct hf_census_value *value,
				 const struct hf_census_value *usual,
				 const struct hf_census_difference *d)
{
	if (value->trouble && !d->bytes)
		return HF_CENSUS_ODD_UNREAD;
	if (d->bytes && value->versions[0] && strcmp(value->versions, usual->versions) == 0)
		return HF_CENSUS_ODD_SAME_VERSION;
	return d->bytes ? HF_CENSUS_ODD_BYTES : HF_CENSUS_ODD_VALUE;
}

static bool stands_out(const struct hf_census *census, const struct hf_census_value *value)
{
	switch (value->state) {
	case HF_CENSUS_RARE:
	case HF_CENSUS_SAME_VERSION:
		return true;
	case HF_CENSUS_PARTIAL:
		return value->trouble && value->hosts < hf_census_least(census, value->kind->hosts);
	case HF_CENSUS_DRAFTED:
	case HF_CENSUS_FEW:
		return false;
	}
	return false;
}

static void list_value(struct listing *l, const struct hf_census_value *value)
{
	const struct hf_census_value *usual = usual_of(value);
	struct hf_census_difference d;

	if (!usual)	/* every host has another: there is no "others" */
		return;
	l->err = hf_census_compare(l->census->arena, value, usual, &d);
	for (const struct hf_census_seat *s = value->seats; s && !l->err; s = s->next_of_value) {
		struct hf_census_outlier *o = add(l, odd_of(value, usual, &d), s->host);

		if (!o)
			return;
		o->place = s->place;
		o->kind = value->kind;
		o->value = value;
		o->usual = usual;
		o->label = s->label;
		o->subject = d.subject;
		o->found = d.found;
		o->others = d.others;
		o->found_hosts = value->hosts;
		o->other_hosts = usual->hosts;
		o->of_hosts = value->kind->hosts;
	}
}

/* ---- places */

static const struct hf_census_occupant *most_common(const struct hf_census_place *place)
{
	const struct hf_census_occupant *most = NULL;

	for (const struct hf_census_occupant *o = place->occupants; o; o = o->next)
		if (o->common && (!most || o->hosts > most->hosts))
			most = o;
	return most;
}

static void list_strangers(struct listing *l, const struct hf_census_place *place)
{
	const struct hf_census_occupant *usual = most_common(place);

	for (const struct hf_census_seat *s = place->seats; s && !l->err; s = s->next_here) {
		struct hf_census_outlier *o;

		if (s->occupant->common)
			continue;
		o = add(l, usual ? HF_CENSUS_ODD_OTHER : HF_CENSUS_ODD_EXTRA, s->host);
		if (!o)
			return;
		o->place = place;
		o->kind = s->value->kind;
		o->value = s->value;
		o->label = s->label;
		o->found = s->value->kind->what;
		o->others = usual ? usual->kind->what : "nothing";
		o->found_hosts = s->occupant->hosts;
		o->other_hosts = usual ? usual->hosts : place->model->hosts - place->hosts;
		o->of_hosts = place->model->hosts;
	}
}

static void list_missing(struct listing *l, const struct hf_census_place *place)
{
	const struct hf_census_occupant *usual = most_common(place);
	size_t missing = place->model->hosts - place->hosts;

	if (!usual || missing == 0 || missing >= hf_census_least(l->census, place->model->hosts))
		return;
	for (struct hf_census_seat *s = place->seats; s; s = s->next_here)
		s->host->seen_at = place;
	for (const struct hf_census_host *h = l->census->hosts; h && !l->err; h = h->next) {
		struct hf_census_outlier *o;

		if (h->model != place->model || h->seen_at == place)
			continue;
		o = add(l, HF_CENSUS_ODD_MISSING, h);
		if (!o)
			return;
		o->place = place;
		o->kind = usual->kind;
		o->label = place->label;
		o->found = "nothing";
		o->others = usual->kind->what;
		o->found_hosts = missing;
		o->other_hosts = usual->hosts;
		o->of_hosts = place->model->hosts;
	}
}

static void list_places(struct listing *l, const struct hf_census_model *model)
{
	if (model->hosts < hf_census_least(l->census, model->hosts))
		return;
	for (const struct hf_census_place *p = model->places; p && !l->err; p = p->next) {
		list_strangers(l, p);
		list_missing(l, p);
	}
}

static void list_contradictions(struct listing *l)
{
	for (const struct hf_census_capture *c = l->census->captures; c && !l->err; c = c->next) {
		struct hf_census_outlier *o;

		if (!c->differs)
			continue;
		o = add(l, HF_CENSUS_ODD_CONTRADICTS, c->host);
		if (!o)
			return;
		o->subject = "captures";
		o->found = c->name;
		o->others = c->host->name;
		o->found_hosts = o->other_hosts = o->of_hosts = 1;
	}
}

/* ---- in order */

static int by_host(const void *a, const void *b)
{
	const struct found *const *x = a, *const *y = b;

	return x[0]->o.host->number < y[0]->o.host->number ? -1
	     : x[0]->o.host->number > y[0]->o.host->number;
}

/* A card that is missing in one place and one too many in another was moved: one line. */
static void join(struct found **all, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		if (all[i]->o.odd != HF_CENSUS_ODD_EXTRA)
			continue;
		for (size_t j = first; j < end; j++) {
			if (all[j]->o.odd != HF_CENSUS_ODD_MISSING || all[j]->joined ||
			    all[j]->o.kind != all[i]->o.kind)
				continue;
			all[j]->joined = true;
			all[i]->o.odd = HF_CENSUS_ODD_MOVED;
			all[i]->o.from = all[j]->o.place;
			all[i]->o.other_hosts = all[j]->o.other_hosts;
			break;
		}
	}
}

static int loudest_first(const void *a, const void *b)
{
	const struct hf_census_outlier *x = a, *y = b;
	int order;

	if (x->odd != y->odd)
		return x->odd < y->odd ? -1 : 1;
	if (x->found_hosts != y->found_hosts)
		return x->found_hosts < y->found_hosts ? -1 : 1;
	order = strcmp(x->host->name, y->host->name);
	if (order == 0 && x->place && y->place)
		order = strcmp(x->place->path, y->place->path);
	return order ? order : (x->host->number > y->host->number) - (x->host->number < y->host->number);
}

static enum hf_err in_order(struct listing *l)
{
	struct hf_census *census = l->census;
	struct found **all = hf_arena_take(census->arena, (l->count + 1) * sizeof(*all));
	size_t n = 0, end;

	census->outliers = hf_arena_take(census->arena, (l->count + 1) * sizeof(*census->outliers));
	if (!all || !census->outliers)
		return HF_ERR_LIMIT;
	for (struct found *f = l->first; f; f = f->next)
		all[n++] = f;
	qsort(all, n, sizeof(struct found *), by_host);
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && all[end]->o.host == all[i]->o.host; end++)
			;
		join(all, i, end);
	}
	for (size_t i = 0; i < n; i++)
		if (!all[i]->joined)
			census->outliers[census->outlier_count++] = all[i]->o;
	qsort(census->outliers, census->outlier_count, sizeof(*census->outliers), loudest_first);
	return HF_OK;
}

enum hf_err hf_census_list(struct hf_census *census)
{
	struct listing l = { .census = census };

	l.end = &l.first;
	for (const struct hf_census_kind *k = census->kinds; k && !l.err; k = k->next)
		for (const struct hf_census_value *v = k->values; v && !l.err; v = v->next)
			if (stands_out(census, v))
				list_value(&l, v);
	for (const struct hf_census_model *m = census->models; m && !l.err; m = m->next)
		list_places(&l, m);
	if (!l.err)
		list_contradictions(&l);
	return l.err ? l.err : in_order(&l);
}
