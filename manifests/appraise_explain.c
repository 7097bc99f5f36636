/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What would have been accepted in place of what was found, and where that is known from. */
#include "manifests/appraise_parts.h"

const char *hf_appraisal_reference(struct hf_appraisal *a, const struct hf_reference *ref)
{
	if (ref->digest_count)
		return hf_appraisal_digest(a, &ref->digests[0]);
	if (ref->raw.len)
		return hf_appraisal_text(a, "%zu bytes%s", ref->raw.len,
					 ref->raw_mask.len ? " under a mask" : "");
	if (ref->svn_kind)
		return hf_appraisal_text(a, "%llu%s", (unsigned long long)ref->svn,
					 ref->svn_kind == HF_SVN_LEAST ? " or higher" : "");
	return ref->text;
}

/* Whether this state lets a part pass, today as far as anybody knows. */
static bool lets_pass(const struct hf_appraisal *a, const struct hf_release *release)
{
	switch (release->state) {
	case HF_RELEASE_ALLOWED:
		return true;
	case HF_RELEASE_ALLOWED_UNTIL:
		return !a->input || !hf_date_over(release->until_day, a->input->now);
	case HF_RELEASE_UPDATE:
	case HF_RELEASE_REVOKED:
		break;
	}
	return false;
}

static void add_allowed(struct hf_appraisal *a, struct hf_finding *finding,
			const struct hf_release *release, const struct hf_reference *ref)
{
	const char *text = hf_appraisal_reference(a, ref);
	size_t shown = finding->allowed_count < HF_ALLOWED_SHOWN ? finding->allowed_count
								 : HF_ALLOWED_SHOWN;

	for (size_t i = 0; text && i < shown; i++)
		if (strcmp(finding->allowed[i].text, text) == 0)
			return;
	if (text && shown < HF_ALLOWED_SHOWN)
		finding->allowed[shown] = (struct hf_allowed){ text, release->name };
	finding->allowed_count++;
}

static void explain_known(struct hf_appraisal *a, struct hf_finding *finding,
			  const struct hf_release *release)
{
	finding->known_revoked |= release->state == HF_RELEASE_REVOKED;
	if (strcmp(release->name, finding->release) == 0)
		return;
	finding->known = hf_appraisal_text(a, "release %s, %s%s%s", release->name,
					   hf_release_state_name(release->state),
					   release->note ? ": " : "",
					   release->note ? release->note : "");
}

void hf_explain_values(struct hf_appraisal *a, const struct hf_component *component,
		       struct hf_finding *finding)
{
	const struct hf_measurement *m = NULL;

	if (!component || !finding->function || !finding->mkey)
		return;
	m = hf_measurement_find(finding->function->measurements, finding->mkey);
	for (const struct hf_release *r = component->releases; r; r = r->next) {
		for (const struct hf_environment *e = r->environments; e; e = e->next) {
			const struct hf_reference *ref;

			if (!hf_match_function(&e->match, &finding->function->identity))
				continue;
			ref = hf_reference_named(e, finding->mkey);
			if (!ref)
				continue;
			if (lets_pass(a, r))
				add_allowed(a, finding, r, ref);
			/* a revoked release is the one worth naming */
			if (m && hf_reference_matches(ref, m) &&
			    (!finding->known || r->state == HF_RELEASE_REVOKED))
				explain_known(a, finding, r);
		}
	}
}
