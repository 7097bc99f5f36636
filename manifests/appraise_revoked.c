/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Code on an owner's list of revocations that a part shows, whether a release lists it or
 * not: the window that a release lists may hold a driver that was taken back alone. */
#include "manifests/appraise_parts.h"

static const struct hf_revoked **slot_of(const struct hf_revoked_set *set,
					 const struct hf_digest *digest)
{
	size_t at = (size_t)hf_le(digest->bytes, 8) & set->mask;

	while (set->slots[at] && !hf_digest_equal(&set->slots[at]->digest, digest))
		at = (at + 1) & set->mask;
	return &set->slots[at];
}

void hf_revoked_index(struct hf_appraisal *a, const struct hf_manifests *manifests,
		      struct hf_revoked_set *ret)
{
	size_t count = 0, size = 16;

	*ret = (struct hf_revoked_set){ .slots = NULL };
	for (const struct hf_revocations *r = manifests->revocations; r; r = r->next)
		for (const struct hf_revoked *e = r->entries; e; e = e->next)
			count += e->kind == HF_REVOKED_DIGEST;
	if (count == 0)
		return;
	while (size < 2 * count)
		size *= 2;
	ret->slots = hf_arena_take(a->arena, size * sizeof(*ret->slots));
	ret->mask = size - 1;
	if (!ret->slots) {
		a->full = true;
		return;
	}
	for (const struct hf_revocations *r = manifests->revocations; r; r = r->next)
		for (const struct hf_revoked *e = r->entries; e; e = e->next)
			if (e->kind == HF_REVOKED_DIGEST)
				*slot_of(ret, &e->digest) = e;
}

static const struct hf_revoked *revoked(const struct hf_revoked_set *set,
					const struct hf_measurement *m,
					const struct hf_digest **ret_digest)
{
	for (size_t i = 0; m->kind == HF_VALUE_DIGESTS && i < m->digest_count; i++) {
		const struct hf_revoked *entry = *slot_of(set, &m->digests[i]);

		*ret_digest = &m->digests[i];
		if (entry)
			return entry;
	}
	return NULL;
}

void hf_revoked_judge(struct hf_appraisal *a, const struct hf_revoked_set *set,
		      struct hf_part_verdict *part, enum hf_action action)
{
	const struct hf_function *f = set->slots ? part->part->functions : NULL;

	for (const struct hf_finding *x = part->findings; x; x = x->next)
		if (x->cause == HF_ERR_FIRMWARE_REVOKED)
			return;		/* by its release: said already */
	for (; f; f = f->next)
		for (const struct hf_measurement *m = f->measurements; m; m = m->next) {
			const struct hf_digest *digest;
			const struct hf_revoked *entry = revoked(set, m, &digest);
			struct hf_finding finding = {
				.cause = HF_ERR_FIRMWARE_REVOKED, .function = f, .mkey = m->mkey,
				.rule = part->rule ? part->rule->name : NULL, .action = action,
				.known_revoked = true,
			};

			if (!entry || m->flags & HF_MEASUREMENT_ADVISORY)
				continue;
			finding.found = hf_appraisal_digest(a, digest);
			finding.expected = entry->note;
			hf_appraisal_add(a, &part->findings, &part->status, &finding);
		}
}
