/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One part measured in two ways: the entry that says both. [pure] */
#include "measure/claim.h"

bool hf_mkey_needs_driver(const char *mkey)
{
	/* What each reader of THE TABLE that needs a driver calls its measurements. */
	static const char *const beginnings[] = { "nvme/", "net/", "drive/", "mtd/",
						  "gpu/", "hba/", "cxl/" };

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (strncmp(mkey, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}

bool hf_path_is_virtual(const char *path)
{
	const char *last = strrchr(path, '/');

	return last && last[1] == 'v' && last[2] == 'f' && last[3] >= '0' && last[3] <= '9';
}

static bool copy_to(struct hf_claims *claims, const struct hf_measurement *m,
		    struct hf_measurement ***end, size_t *count)
{
	struct hf_measurement *copy;

	if (*count == HF_LIST_MAX)
		return false;
	copy = hf_arena_take(claims->arena, sizeof(*copy));
	if (!copy)
		return false;
	*copy = *m;
	copy->next = NULL;
	**end = copy;
	*end = &copy->next;
	++*count;
	return true;
}

static bool join_lists(struct hf_claims *claims, struct hf_measurement *list,
		       struct hf_measurement *more, struct hf_measurement ***end)
{
	size_t count = 0;

	for (const struct hf_measurement *m = list; m; m = m->next) {
		const struct hf_measurement *later = hf_measurement_find(more, m->mkey);

		if (!copy_to(claims, later ? later : m, end, &count))
			return false;
	}
	for (const struct hf_measurement *m = more; m; m = m->next)
		if (!hf_measurement_find(list, m->mkey) && !copy_to(claims, m, end, &count))
			return false;
	return true;
}

static const struct hf_function *function_named(const struct hf_part *part, const char *path)
{
	const struct hf_function *f = part->functions;

	while (f && strcmp(f->path, path) != 0)
		f = f->next;
	return f;
}

static bool join_function(struct hf_claims *claims, struct hf_part *part,
			  const struct hf_function *function, const struct hf_function *more)
{
	struct hf_function *copy = hf_arena_take(claims->arena, sizeof(*copy));

	if (!copy)
		return false;
	*copy = *function;
	copy->next = NULL;
	copy->measurements = NULL;
	copy->measurements_end = &copy->measurements;
	if (more && more->driver)
		copy->driver = more->driver;
	*part->functions_end = copy;
	part->functions_end = &copy->next;
	return join_lists(claims, function->measurements, more ? more->measurements : NULL,
			  &copy->measurements_end);
}

struct hf_part *hf_part_join(struct hf_claims *claims, const struct hf_part *part,
			     const struct hf_part *more)
{
	struct hf_part *joined = hf_arena_take(claims->arena, sizeof(*joined));

	if (!joined)
		return NULL;
	for (const struct hf_function *f = more->functions; f; f = f->next)
		if (!function_named(part, f->path))
			return NULL;
	*joined = (struct hf_part){ .kind = part->kind, .path = part->path,
				    .function_count = part->function_count };
	joined->functions_end = &joined->functions;
	joined->measurements_end = &joined->measurements;
	if (!join_lists(claims, part->measurements, more->measurements, &joined->measurements_end))
		return NULL;
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (!join_function(claims, joined, f, function_named(more, f->path)))
			return NULL;
	return joined;
}

static size_t list_length(const struct hf_measurement *list)
{
	size_t count = 0;

	for (; list; list = list->next)
		count++;
	return count;
}

enum hf_err hf_claims_append_part(struct hf_claims *claims, struct hf_part *part)
{
	size_t measurements = list_length(part->measurements);

	for (const struct hf_function *f = part->functions; f; f = f->next)
		measurements += list_length(f->measurements);
	if (claims->part_count >= HF_PARTS_MAX ||
	    part->function_count > HF_FUNCTIONS_MAX - claims->function_count ||
	    measurements > HF_MEASUREMENTS_MAX - claims->measurement_count)
		return HF_ERR_LIMIT;
	part->next = NULL;
	*claims->parts_end = part;
	claims->parts_end = &part->next;
	claims->part_count++;
	claims->function_count += part->function_count;
	claims->measurement_count += measurements;
	return HF_OK;
}
