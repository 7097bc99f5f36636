/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/fence.h"

#include "manifests/appraise_parts.h"

static void refuse(struct hf_appraisal *a, struct hf_part_verdict *pv, const char *why)
{
	struct hf_finding *f = hf_arena_take(a->arena, sizeof(*f));

	pv->status = HF_STATUS_HELD;
	if (!f) {
		a->full = true;
		return;
	}
	*f = (struct hf_finding){
		.next = pv->findings, .cause = HF_ERR_FENCE_IMPOSSIBLE, .found = why,
		.rule = pv->rule ? pv->rule->name : NULL, .action = HF_ACTION_HOLD,
		.function = pv->part ? pv->part->functions : NULL,
	};
	pv->findings = f;
}

void hf_fence_apply(struct hf_verdict *verdict, struct hf_arena *arena, hf_fence_check *check,
		    void *self)
{
	struct hf_appraisal a = { .arena = arena };
	bool any = false;

	for (struct hf_part_verdict *p = verdict->parts; p; p = p->next) {
		const char *why = NULL;

		if (p->status != HF_STATUS_ISOLATED ||
		    (p->part && p->part->kind != HF_PART_HOST && check(self, p->place, &why)))
			continue;
		refuse(&a, p, why);
		any = true;
	}
	if (any)
		hf_appraisal_finish(&a, verdict);
}

bool hf_fence_recorded(void *self, const char *path, const char **ret_why)
{
	const struct hf_claims *claims = self;

	*ret_why = "the log does not say that it was isolated";
	for (const struct hf_part *p = claims->parts; p; p = p->next) {
		if (p->kind != HF_PART_HOST || strcmp(p->path, HF_FENCE_NOTE) != 0)
			continue;
		for (const struct hf_measurement *m = p->measurements; m; m = m->next)
			if (strncmp(m->mkey, HF_FENCE_KEY, strlen(HF_FENCE_KEY)) == 0 &&
			    !strchr(m->mkey, '/') && m->kind == HF_VALUE_TEXT &&
			    strcmp(m->text, path) == 0)
				return true;
	}
	return false;
}
