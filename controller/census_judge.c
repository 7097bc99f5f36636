/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which values are common enough to be what a maker delivers. */
#include "controller/census_parts.h"

#include <stdlib.h>

size_t hf_census_least(const struct hf_census *census, size_t population)
{
	size_t share = (population + HF_CENSUS_SHARE - 1) / HF_CENSUS_SHARE;

	if (census->options.min_hosts)
		return census->options.min_hosts;
	return share > HF_CENSUS_LEAST ? share : HF_CENSUS_LEAST;
}

/* Most hosts first; of equals the one that was seen first: qsort is not stable, so by place. */
struct ranked { struct hf_census_value *value; size_t seen; };

static int by_hosts(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->value->hosts != y->value->hosts)
		return x->value->hosts > y->value->hosts ? -1 : 1;
	return x->seen < y->seen ? -1 : 1;
}

static enum hf_err rank(struct hf_census *census, struct hf_census_kind *kind)
{
	size_t mark = census->arena->len, count = 0;
	struct ranked *all = hf_arena_take(census->arena, kind->value_count * sizeof(*all));

	if (!all)
		return HF_ERR_LIMIT;
	for (struct hf_census_value *v = kind->values; v; v = v->next)
		all[count] = (struct ranked){ v, count }, count++;
	qsort(all, count, sizeof(*all), by_hosts);
	kind->values = all[0].value;
	for (size_t i = 0; i < count; i++)
		all[i].value->next = i + 1 < count ? all[i + 1].value : NULL;
	census->arena->len = mark;
	return HF_OK;
}

static void by_count(const struct hf_census *census, struct hf_census_kind *kind)
{
	size_t least = hf_census_least(census, kind->hosts), drafted = 0;

	for (struct hf_census_value *v = kind->values; v; v = v->next) {
		if (kind->hosts < least)
			v->state = HF_CENSUS_FEW;
		else if (v->hosts < least || drafted == HF_RELEASES_MAX)
			v->state = HF_CENSUS_RARE;
		else
			v->state = HF_CENSUS_DRAFTED, drafted++;
	}
}

/* A value that was not read whole is none of its own where another, read whole, says the same. */
static void find_partial(struct hf_census_kind *kind)
{
	for (struct hf_census_value *v = kind->values; v; v = v->next) {
		if (!v->unread || v->state == HF_CENSUS_FEW)
			continue;
		for (struct hf_census_value *w = kind->values; w && w->state != HF_CENSUS_RARE; w = w->next)
			if (w->state == HF_CENSUS_DRAFTED && !w->unread && hf_census_is_part_of(v, w)) {
				v->state = HF_CENSUS_PARTIAL;
				break;
			}
	}
}

static bool same_version(const struct hf_census_value *a, const struct hf_census_value *b)
{
	return a != b && a->version && b->version && strcmp(a->versions, b->versions) == 0;
}

/* Two values with one version: at most one of them is what its maker delivered under it. Where
 * hosts do not outvote the other, none is taken. */
static enum hf_err find_same_version(struct hf_census *census, struct hf_census_kind *kind)
{
	struct hf_census_difference d;
	enum hf_err err;

	/* what is common comes first */
	for (struct hf_census_value *v = kind->values; v && v->state != HF_CENSUS_RARE; v = v->next)
		for (const struct hf_census_value *w = kind->values; w && w->state != HF_CENSUS_RARE;
		     w = w->next) {
			size_t mark = census->arena->len;

			if (v->state != HF_CENSUS_DRAFTED || w->hosts < v->hosts || !same_version(v, w) ||
			    (w->state != HF_CENSUS_DRAFTED && w->state != HF_CENSUS_SAME_VERSION))
				continue;
			err = hf_census_compare(census->arena, v, w, &d);
			if (err)
				return err;
			census->arena->len = mark;
			if (d.bytes)
				v->state = HF_CENSUS_SAME_VERSION;
		}
	return HF_OK;
}

enum hf_err hf_census_judge_values(struct hf_census *census)
{
	enum hf_err err = HF_OK;

	for (struct hf_census_kind *k = census->kinds; k && !err; k = k->next) {
		err = rank(census, k);
		if (err)
			break;
		by_count(census, k);
		find_partial(k);
		if (!census->options.same_version)
			err = find_same_version(census, k);
	}
	return err;
}

static int by_path(const void *a, const void *b)
{
	const struct hf_census_place *const *x = a, *const *y = b;
	bool board_x = strcmp((*x)->path, "board") == 0, board_y = strcmp((*y)->path, "board") == 0;

	return board_x != board_y ? board_y - board_x : strcmp((*x)->path, (*y)->path);
}

static enum hf_err sort_places(struct hf_census *census, struct hf_census_model *model)
{
	size_t mark = census->arena->len, count = 0;
	struct hf_census_place **all = hf_arena_take(census->arena, model->place_count * sizeof(*all));

	if (!all)
		return HF_ERR_LIMIT;
	for (struct hf_census_place *p = model->places; p; p = p->next)
		all[count++] = p;
	qsort(all, count, sizeof(*all), by_path);
	model->places = all[0];
	for (size_t i = 0; i < count; i++)
		all[i]->next = i + 1 < count ? all[i + 1] : NULL;
	census->arena->len = mark;
	return HF_OK;
}

static void find_common(const struct hf_census *census, struct hf_census_model *model)
{
	size_t least = hf_census_least(census, model->hosts);

	for (struct hf_census_place *p = model->places; p; p = p->next) {
		p->common = p->hosts >= least;
		for (struct hf_census_occupant *o = p->occupants; o; o = o->next)
			o->common = o->hosts >= least;
	}
}

enum hf_err hf_census_finish(struct hf_census *census)
{
	enum hf_err err = hf_census_judge_values(census);

	for (struct hf_census_model *m = census->models; m && !err; m = m->next) {
		err = sort_places(census, m);
		if (!err)
			find_common(census, m);
	}
	return err ? err : hf_census_list(census);
}
