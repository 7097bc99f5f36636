/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports of scan as anybody may write them, several in one input with a NUL between: what is
 * taken is claims like any other, and the census of it can be drafted, or says that it cannot. */
#include "controller/census.h"
#include "controller/scan.h"

#include <stdlib.h>

#define ARENA ((size_t)96 << 20)
#define SCRATCH ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is what can be encoded, and decodes to the same. */
static void check_claims(const struct hf_claims *claims, struct hf_arena *arena)
{
	struct hf_writer w = { .cap = 4u << 20 };
	struct hf_claims again;

	w.buf = hf_arena_take(arena, w.cap);
	if (!w.buf)
		return;
	hf_claims_encode(claims, &w);
	hf_claims_init(&again, arena);
	if (!w.full && hf_claims_decode(&again, hf_written(&w)) != HF_OK &&
	    arena->cap - arena->len > 1u << 20)
		abort();
}

static void check_census(const struct hf_census *census)
{
	for (size_t i = 0; i < census->outlier_count; i++)
		if (!census->outliers[i].host || !hf_census_odd_name(census->outliers[i].odd))
			abort();
	for (const struct hf_census_kind *k = census->kinds; k; k = k->next)
		for (const struct hf_census_value *v = k->values; v; v = v->next)
			if (v->hosts == 0 || v->hosts > k->hosts || k->hosts > census->host_count ||
			    (v->state == HF_CENSUS_DRAFTED && v->hosts < hf_census_least(census, k->hosts)))
				abort();
	for (const struct hf_census_host *h = census->hosts; h; h = h->next)
		for (const char *c = h->name; *c; c++)
			if (*c < 0x20 || *c > 0x7e)
				abort();
}

static void check_drafts(struct hf_census *census, struct hf_manifests *out)
{
	const struct hf_census_drafts drafts = { HF_MODE_ENFORCE, 1 };

	if (hf_census_draft(census, &drafts, out) != HF_OK)
		return;
	for (const struct hf_component *c = out->components; c; c = c->next)
		for (const struct hf_release *r = c->releases; r; r = r->next)
			if (!hf_name_valid(r->name) || !hf_name_valid(c->name))
				abort();
	for (const struct hf_model *m = out->models; m; m = m->next) {
		if (!hf_name_valid(m->name) || !m->rules)
			abort();
		for (const struct hf_rule *r = m->rules; r; r = r->next)
			if (!hf_rule_valid(r))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_arena arena, scratch;
	static struct hf_manifests out;
	static struct hf_census census;
	const struct hf_census_options options = { size && data[size - 1] & 1 ? 1 : 2, false };

	if (!arena.base && (hf_arena_make(ARENA, &arena) || hf_arena_make(SCRATCH, &scratch)))
		abort();
	arena.len = 0;
	if (hf_census_init(&census, &options, &arena))
		abort();
	for (size_t at = 0, len; at <= size; at += len + 1) {
		struct hf_fault fault;
		struct hf_claims claims;
		const uint8_t *end = at < size ? memchr(data + at, 0, size - at) : NULL;

		len = end ? (size_t)(end - data) - at : size - at;
		scratch.len = 0;
		hf_claims_init(&claims, &scratch);
		if (hf_scan_read((struct hf_span){ data + at, len }, "scan", &claims, &fault) != HF_OK)
			continue;
		if (hf_census_add(&census, "a\x1b", &claims) == HF_ERR_LIMIT)
			return 0;
		check_claims(&claims, &scratch);
	}
	if (census.capture_count == 0 || hf_census_finish(&census) != HF_OK)
		return 0;
	check_census(&census);
	out = (struct hf_manifests){ .arena = &arena };
	check_drafts(&census, &out);
	return 0;
}
