/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/census_parts.h"

#define NAME_TEXT 120

static const char *label_of(const struct hf_part *part)
{
	struct hf_measurement *m = hf_measurement_find(part->measurements, HF_MKEY_SLOT);

	return m && m->kind == HF_VALUE_TEXT && m->text[0] ? m->text : NULL;
}

static enum hf_err place_of(struct hf_census *census, struct hf_census_model *model,
			    const struct hf_part *part, struct hf_census_place **ret)
{
	struct hf_census_place *place;
	struct hf_census_key key;
	enum hf_err err;

	hf_census_key_begin(census, 'p');
	hf_census_key_pointer(census, model);
	hf_census_key_text(census, part->path);
	err = hf_census_key_end(census, &key);
	if (err || (*ret = hf_census_find(census, &key)))
		return err;
	place = hf_arena_take(census->arena, sizeof(*place));
	if (!place)
		return HF_ERR_LIMIT;
	place->model = model;
	place->path = hf_arena_text(census->arena, part->path, strlen(part->path));
	place->occupants_end = &place->occupants;
	place->next = model->places;
	model->places = place;
	model->place_count++;
	*ret = place;
	return place->path ? hf_census_put(census, &key, place) : HF_ERR_LIMIT;
}

static enum hf_err occupant_of(struct hf_census *census, struct hf_census_place *place,
			       struct hf_census_kind *kind, struct hf_census_occupant **ret)
{
	struct hf_census_occupant *occupant;
	struct hf_census_key key;
	enum hf_err err;

	hf_census_key_begin(census, 'o');
	hf_census_key_pointer(census, place);
	hf_census_key_pointer(census, kind);
	err = hf_census_key_end(census, &key);
	if (err || (*ret = hf_census_find(census, &key)))
		return err;
	occupant = hf_arena_take(census->arena, sizeof(*occupant));
	if (!occupant)
		return HF_ERR_LIMIT;
	occupant->kind = kind;
	*place->occupants_end = occupant;
	place->occupants_end = &occupant->next;
	*ret = occupant;
	return hf_census_put(census, &key, occupant);
}

/* Once for each host: of one host's first capture all seats come in a row; a later capture asks
 * the host's own list. */
static bool counts_anew(const struct hf_census_host *host, const struct hf_census_host **last,
			bool seen_before)
{
	bool anew = *last != host && !seen_before;

	*last = host;
	return anew;
}

static const char *keep_label(struct hf_census *census, struct hf_census_place *place,
			      const char *label)
{
	const char *copy;

	if (place->label && strcmp(place->label, label) == 0)
		return place->label;
	copy = hf_census_text(census->arena, label, HF_SLOT_MAX);
	if (!place->label)
		place->label = copy;
	return copy;
}

struct seen { bool seat, place, occupant, value, kind; };

/* What an earlier capture of this host brought: a list of its own parts, a hundred or so. */
static struct seen look_back(const struct hf_census_host *host, const struct hf_census_place *place,
			     const struct hf_census_value *value)
{
	struct seen seen = { false, false, false, false, false };

	for (const struct hf_census_seat *s = host->seats; s; s = s->next) {
		seen.place |= s->place == place;
		seen.value |= s->value == value;
		seen.kind |= s->value->kind == value->kind;
		seen.occupant |= s->place == place && s->value->kind == value->kind;
		seen.seat |= s->place == place && s->value == value;
	}
	return seen;
}

static enum hf_err seat(struct hf_census *census, struct hf_census_host *host,
			const struct hf_part *part, bool again, bool *ret_new)
{
	struct seen seen = { false, false, false, false, false };
	const char *label = label_of(part);
	struct hf_census_occupant *occupant;
	struct hf_census_value *value;
	struct hf_census_place *place;
	struct hf_census_seat *s;
	enum hf_err err = hf_census_value_of(census, part, host->model, &value);

	if (!err)
		err = place_of(census, host->model, part, &place);
	if (!err)
		err = occupant_of(census, place, value->kind, &occupant);
	if (err)
		return err;
	if (again)
		seen = look_back(host, place, value);
	*ret_new = !seen.seat;
	if (seen.seat)
		return HF_OK;
	s = hf_arena_take(census->arena, sizeof(*s));
	if (!s)
		return HF_ERR_LIMIT;
	s->host = host;
	s->place = place;
	s->value = value;
	s->occupant = occupant;
	if (label && !(s->label = keep_label(census, place, label)))
		return HF_ERR_LIMIT;
	*value->seats_end = s;
	value->seats_end = &s->next_of_value;
	s->next_here = place->seats;
	place->seats = s;
	*host->seats_end = s;
	host->seats_end = &s->next;
	host->seat_count++;
	value->hosts += counts_anew(host, &value->last, seen.value);
	value->kind->hosts += counts_anew(host, &value->kind->last, seen.kind);
	place->hosts += counts_anew(host, &place->last, seen.place);
	occupant->hosts += counts_anew(host, &occupant->last, seen.occupant);
	return HF_OK;
}

static bool is_counted(const struct hf_part *part)
{
	return part->kind != HF_PART_HOST && part->functions && !hf_part_superseded(part);
}

static enum hf_err keep_capture(struct hf_census *census, const char *name,
				struct hf_census_host *host, bool again, bool differs)
{
	struct hf_census_capture *capture = hf_arena_take(census->arena, sizeof(*capture));

	if (!capture || !(capture->name = hf_census_text(census->arena, name, NAME_TEXT)))
		return HF_ERR_LIMIT;
	capture->host = host;
	capture->again = again;
	capture->differs = differs;
	*census->captures_end = capture;
	census->captures_end = &capture->next;
	census->capture_count++;
	census->again_count += again;
	return HF_OK;
}

enum hf_err hf_census_add(struct hf_census *census, const char *name, const struct hf_claims *claims)
{
	struct hf_census_host *host;
	bool again = false, differs = false, fresh;
	size_t parts = 0;
	enum hf_err err;

	for (const struct hf_part *p = claims->parts; p; p = p->next)
		parts += is_counted(p);
	if (parts == 0)
		return HF_ERR_CLAIMS_MISSING;
	if (census->capture_count == HF_CENSUS_CAPTURES_MAX)
		return HF_ERR_LIMIT;
	err = hf_census_host_of(census, name, claims, &host, &again);
	for (const struct hf_part *p = claims->parts; p && !err; p = p->next) {
		if (!is_counted(p))
			continue;
		census->by_method[hf_part_method(p)]++;
		census->part_count++;
		err = seat(census, host, p, again, &fresh);
		differs |= again && !err && fresh;
	}
	if (!err)
		err = keep_capture(census, name, host, again,
				   again && (differs || parts != host->seat_count));
	return err;
}
