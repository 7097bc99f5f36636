/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waivers: an exception for one host, one place, one reason and one value, for a time.
 * Whatever does not say exactly the same does not apply. */
#include "manifests/appraise_parts.h"

#include <stdio.h>

static bool same(const char *a, const char *b)
{
	return !a == !b && (!a || strcmp(a, b) == 0);
}

static const struct hf_waiver_item *item_for(const struct hf_waiver *waiver, const char *place,
					     const struct hf_finding *finding, bool *ret_close)
{
	const char *found = finding->waive_as ? finding->waive_as : finding->found;

	for (const struct hf_waiver_item *i = waiver->items; i; i = i->next) {
		if (strcmp(i->place, place) != 0 || i->cause != finding->cause ||
		    !same(i->mkey, finding->mkey))
			continue;
		*ret_close = true;
		if (same(i->found, found))
			return i;
	}
	return NULL;
}

/* Without a clock only the model's generation can end a waiver. */
static const char *over(const struct hf_appraise_input *input, const struct hf_waiver *waiver)
{
	if (waiver->has_generation && waiver->generation != input->model->generation)
		return "it is for another generation of the model";
	if (waiver->has_until && hf_date_over(waiver->until_day, input->now))
		return "its time is over";
	if (!waiver->has_generation && input->now <= 0)
		return "it ends by date alone, and no clock here can be trusted";
	return NULL;
}

static bool digest_revoked(const struct hf_manifests *manifests, const struct hf_digest *digest)
{
	for (const struct hf_revocations *r = manifests->revocations; r; r = r->next)
		for (const struct hf_revoked *e = r->entries; e; e = e->next)
			if (e->kind == HF_REVOKED_DIGEST && hf_digest_equal(&e->digest, digest))
				return true;
	return false;
}

/* Whether anything that the part shows is on an owner's list, in a release or not. */
static bool shows_revoked(const struct hf_appraisal *a)
{
	const struct hf_function *f = a->part && a->input->manifests->revocations
					      ? a->part->functions : NULL;

	for (; f; f = f->next)
		for (const struct hf_measurement *m = f->measurements; m; m = m->next)
			for (size_t i = 0; i < m->digest_count; i++)
				if (digest_revoked(a->input->manifests, &m->digests[i]))
					return true;
	return false;
}

const struct hf_waiver *hf_waiver_find(const struct hf_appraisal *a, const struct hf_finding *finding,
				       const char **ret_why)
{
	const struct hf_appraise_input *input = a->input;
	const char *why = NULL;

	if (!input || !a->place || !hf_cause_waivable(finding->cause) ||
	    finding->known_revoked)
		return NULL;
	for (const struct hf_waiver *w = input->manifests->waivers; w; w = w->next) {
		bool close = false;
		const struct hf_waiver_item *item = item_for(w, a->place, finding, &close);

		if (!close)
			continue;
		if (input->ak_name.len != HF_AK_NAME ||
		    memcmp(input->ak_name.ptr, w->host, HF_AK_NAME) != 0)
			continue;	/* many hosts may share a place and a reason */
		why = item ? over(input, w) : "it is for another value";
		if (!why && shows_revoked(a))
			why = "the part shows code that an owner revoked";
		if (!why)
			return w;
	}
	*ret_why = why;
	return NULL;
}

/* Chained, each step SHA-256 over the value so far and some bytes. */
struct mixed {
	struct hf_digest value;
	bool failed;
};

static void mix(struct mixed *m, struct hf_span bytes)
{
	struct hf_span before = { m->value.bytes, hf_alg_size(HF_ALG_SHA256) };
	struct hf_digest next;

	m->failed |= hf_digest2(HF_ALG_SHA256, before, bytes, &next) != HF_OK;
	if (!m->failed)
		m->value = next;
}

static void mix_measurements(struct mixed *mixed, const struct hf_measurement *list)
{
	char text[HF_MKEY_MAX + 160];

	for (const struct hf_measurement *m = list; m; m = m->next) {
		if (m->flags & HF_MEASUREMENT_ADVISORY)
			continue;
		snprintf(text, sizeof(text), "%s %d %s %llu", m->mkey, (int)m->kind,
			 hf_err_name(m->cause), (unsigned long long)m->number);
		mix(mixed, hf_span_text(text));
		for (size_t i = 0; i < m->digest_count; i++)
			mix(mixed, (struct hf_span){ m->digests[i].bytes,
						     hf_alg_size(m->digests[i].alg) });
		mix(mixed, hf_span_text(m->text ? m->text : ""));
		mix(mixed, m->bytes);
	}
}

static void mix_function(struct mixed *mixed, const struct hf_function *function)
{
	const struct hf_identity *id = &function->identity;
	char text[HF_PATH_MAX + 64];

	snprintf(text, sizeof(text), "%s %04x:%04x %06x %04x:%04x %02x", function->path, id->vendor,
		 id->device, id->class_code, id->subsystem_vendor, id->subsystem_device,
		 id->revision);
	mix(mixed, hf_span_text(text));
	mix_measurements(mixed, function->measurements);
}

const char *hf_appraisal_bytes_of(struct hf_appraisal *a, const struct hf_part *part,
				  const struct hf_function *only)
{
	struct mixed mixed = { .value = { .alg = HF_ALG_SHA256 } };

	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (!only || f == only)
			mix_function(&mixed, f);
	if (!only)
		mix_measurements(&mixed, part->measurements);
	a->full |= mixed.failed;	/* no value to waive it by: refuse all */
	return hf_appraisal_digest(a, &mixed.value);
}
