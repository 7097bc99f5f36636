/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verdict over all parts; appraise_rules.c says which rule speaks of which part.
 * The cause of the whole is the first of the worst: parts in claims order, missing parts in
 * rule order, then what firmware ran. Within a part firmware comes before place. */
#include "manifests/appraise_parts.h"

#include <stdarg.h>
#include <stdio.h>

const char *hf_status_name(enum hf_status status)
{
	switch (status) {
	case HF_STATUS_ACCEPTED:
		return "accepted";
	case HF_STATUS_WARNED:
		return "warned";
	case HF_STATUS_ISOLATED:
		return "isolated";
	case HF_STATUS_HELD:
		return "held";
	}
	return "held";
}

/* ---- findings ---- */

const char *hf_appraisal_text(struct hf_appraisal *a, const char *format, ...)
{
	char text[201];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		return NULL;
	const char *copy = hf_arena_text(a->arena, text, strlen(text));

	a->full |= !copy;
	return copy;
}

const char *hf_appraisal_digest(struct hf_appraisal *a, const struct hf_digest *digest)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	hf_digest_hex(digest, hex);
	return hf_appraisal_text(a, "%s:%s", hf_alg_name(digest->alg), hex);
}

const char *hf_appraisal_identity(struct hf_appraisal *a, const struct hf_identity *identity)
{
	return hf_appraisal_text(a, "%04x:%04x class %06x subsystem %04x:%04x revision %02x",
				 identity->vendor, identity->device, identity->class_code,
				 identity->subsystem_vendor, identity->subsystem_device,
				 identity->revision);
}

/* "Isolated" is an order, not a fact: who cannot carry it out holds the host instead
 * (hf_fence_apply). */
static enum hf_status status_of(enum hf_action action)
{
	switch (action) {
	case HF_ACTION_WARN:
		return HF_STATUS_WARNED;
	case HF_ACTION_FENCE:
		return HF_STATUS_ISOLATED;
	case HF_ACTION_HOLD:
		return HF_STATUS_HELD;
	}
	return HF_STATUS_HELD;
}

/* Before the status is raised: a finding beyond those that are kept counts like any other. */
static void soften(struct hf_appraisal *a, struct hf_finding *finding)
{
	const struct hf_waiver *waiver;

	if (finding->action == HF_ACTION_WARN)
		return;
	waiver = hf_waiver_find(a, finding, &finding->waiver_why);
	if (waiver) {
		finding->waiver = waiver->name;
		finding->action = HF_ACTION_WARN;
	} else if (a->audit) {
		finding->would_hold = true;
		finding->action = HF_ACTION_WARN;
	}
}

void hf_appraisal_add(struct hf_appraisal *a, struct hf_finding **list, enum hf_status *status,
		      const struct hf_finding *finding)
{
	struct hf_finding softened = *finding, *copy;
	size_t count = 0;

	soften(a, &softened);
	if (status_of(softened.action) > *status)
		*status = status_of(softened.action);
	for (; *list; list = &(*list)->next)
		if (++count >= HF_FINDINGS_MAX)
			return;
	copy = hf_arena_take(a->arena, sizeof(*copy));
	if (!copy) {
		a->full = true;
		return;
	}
	*copy = softened;
	copy->next = NULL;
	*list = copy;
}

/* Code that no release knows of outranks known code that differs: an image added to a ROM
 * changes the digest of the whole ROM too, and says more. */
static const struct hf_finding *first_of(const struct hf_finding *list, enum hf_status status)
{
	const struct hf_finding *first = NULL;

	for (; list; list = list->next) {
		if (status_of(list->action) != status)
			continue;
		if (!first)
			first = list;
		else if (first->cause == HF_ERR_FIRMWARE_UNKNOWN && list->cause == HF_ERR_UNCOVERED)
			return list;
	}
	return first;
}

void hf_appraisal_finish(const struct hf_appraisal *a, struct hf_verdict *verdict)
{
	enum hf_status worst = HF_STATUS_ACCEPTED;
	const struct hf_finding *f;

	if (a->full || verdict->cause == HF_ERR_LIMIT) {
		verdict->status = HF_STATUS_HELD;
		verdict->cause = HF_ERR_LIMIT;
		return;
	}
	for (const struct hf_part_verdict *p = verdict->parts; p; p = p->next)
		if (p->status > worst)
			worst = p->status;
	for (f = verdict->boot; f; f = f->next)
		if (status_of(f->action) > worst)
			worst = status_of(f->action);
	verdict->status = worst;
	verdict->cause = HF_OK;
	verdict->cause_place = verdict->cause_mkey = NULL;
	if (worst == HF_STATUS_ACCEPTED)
		return;
	for (const struct hf_part_verdict *p = verdict->parts; p; p = p->next) {
		f = first_of(p->findings, worst);
		if (!f)
			continue;
		verdict->cause = f->cause;
		verdict->cause_place = p->place;
		verdict->cause_mkey = f->mkey;
		return;
	}
	f = first_of(verdict->boot, worst);
	verdict->cause = f ? f->cause : HF_ERR_INTERNAL;
	verdict->cause_mkey = f ? f->mkey : NULL;
}

/* ---- verdicts ---- */

static void *take(struct hf_assignment *s, size_t size)
{
	void *p = hf_arena_take(s->base.arena, size);

	s->base.full |= !p;
	return p;
}

/* waive_as: what a waiver gives as found; NULL: the same. */
static void add_as(struct hf_assignment *s, struct hf_part_verdict *pv, enum hf_err cause,
		   const char *found, const char *expected, const char *waive_as)
{
	struct hf_finding finding = {
		.cause = cause, .found = found, .expected = expected, .waive_as = waive_as,
		.rule = pv->rule ? pv->rule->name : NULL,
		.action = pv->rule ? pv->rule->action : s->model->unknown,
	};

	if (!pv->part && finding.action == HF_ACTION_FENCE)
		finding.action = HF_ACTION_HOLD;	/* what is missing cannot be isolated */
	hf_appraisal_add(&s->base, &pv->findings, &pv->status, &finding);
}

static void add(struct hf_assignment *s, struct hf_part_verdict *pv, enum hf_err cause,
		const char *found, const char *expected)
{
	add_as(s, pv, cause, found, expected, NULL);
}

/* Nobody can know what does not even say what it is: then that is what is wrong with it. */
static void note_unreadable(struct hf_finding *finding)
{
	const struct hf_measurement *m =
		finding->function ? hf_measurement_find(finding->function->measurements, "config") : NULL;

	if (!m || m->kind != HF_VALUE_FAILURE)
		return;
	finding->cause = HF_ERR_PART_UNREADABLE;
	finding->mkey = m->mkey;
	finding->found = hf_err_sentence(m->cause);
}

static void judge_unknown(struct hf_assignment *s, struct hf_part_verdict *pv)
{
	struct hf_finding finding = { .cause = HF_ERR_PART_UNKNOWN, .action = s->model->unknown };

	/* nobody has looked at its firmware: a waiver is for these bytes alone */
	finding.waive_as = hf_appraisal_bytes_of(&s->base, pv->part, NULL);

	/* name the function that is in no manifest, if there is one */
	for (const struct hf_function *f = pv->part->functions; f; f = f->next) {
		bool known = hf_path_is_virtual(f->path) || hf_function_known(s, &f->identity);

		if (!finding.function || !known) {
			finding.function = f;
			finding.found = hf_appraisal_identity(&s->base, &f->identity);
		}
		if (!known)
			break;
	}
	note_unreadable(&finding);
	hf_appraisal_add(&s->base, &pv->findings, &pv->status, &finding);
}

static const char *current_release(const struct hf_component *component)
{
	for (const struct hf_release *r = component->releases; r; r = r->next)
		if (r->state == HF_RELEASE_ALLOWED)
			return r->name;
	return NULL;
}

/* Without a clock a date decides nothing, and the report says so. */
static void judge_date(struct hf_assignment *s, struct hf_part_verdict *pv,
		       const struct hf_component *component, const struct hf_release *release)
{
	char text[HF_DATE_TEXT];
	const char *until;

	hf_date_format(release->until_day, text);
	until = hf_appraisal_text(&s->base, "%s, allowed until %s", release->name, text);
	if (hf_date_over(release->until_day, s->base.input->now)) {
		add_as(s, pv, HF_ERR_FIRMWARE_PAST_DATE, until, current_release(component),
		       release->name);
	} else if (s->base.input->now <= 0) {
		struct hf_finding finding = {
			.cause = HF_ERR_DATE_UNCHECKED, .found = until,
			.rule = pv->rule->name, .action = HF_ACTION_WARN,
		};

		hf_appraisal_add(&s->base, &pv->findings, &pv->status, &finding);
	}
}

static void judge_state(struct hf_assignment *s, struct hf_part_verdict *pv,
			const struct hf_component *component, const struct hf_release *release)
{
	switch (release->state) {
	case HF_RELEASE_ALLOWED:
		return;
	case HF_RELEASE_ALLOWED_UNTIL:
		judge_date(s, pv, component, release);
		return;
	case HF_RELEASE_UPDATE:
		add(s, pv, HF_ERR_FIRMWARE_OLD, release->name, current_release(component));
		return;
	case HF_RELEASE_REVOKED:
		break;
	}
	add(s, pv, HF_ERR_FIRMWARE_REVOKED, release->name, release->note);
}

static void judge_firmware(struct hf_assignment *s, struct hf_part_verdict *pv,
			   const struct hf_candidate *c)
{
	struct hf_finding weak = { .rule = pv->rule->name, .action = pv->rule->action };

	pv->component = c->component;
	if (!c->fit.exact) {
		hf_fit_explain(&s->base, pv, c->component, &c->fit);
		if (!pv->findings)	/* a refusal always has a reason */
			add(s, pv, HF_ERR_FIRMWARE_UNKNOWN, NULL, NULL);
		/* a method that is too weak is a consequence, but where that was waived */
		hf_signed_waived(&s->base, pv);
		return;
	}
	pv->release = c->fit.release;
	judge_state(s, pv, c->component, c->fit.release);
	s->verdict->awaited += c->fit.awaited;
	/* a driver adds versions, and no signature */
	if ((c->fit.awaited == 0 || pv->rule->least_method >= HF_METHOD_UNBOUND) &&
	    hf_signed_weak(&s->base, pv->part, pv->rule->least_method, &c->fit.method, &weak))
		hf_appraisal_add(&s->base, &pv->findings, &pv->status, &weak);
}

static void judge(struct hf_assignment *s, const struct hf_seat *seat, struct hf_part_verdict *pv)
{
	const struct hf_candidate *c = seat->candidate;

	s->base.place = pv->place;
	s->base.part = pv->part;
	if (seat->rule)
		pv->rule = seat->rule->rule;
	s->base.audit = pv->rule && pv->rule->audit;
	if (!c) {
		judge_unknown(s, pv);
		return;
	}
	if (seat->place_cause == HF_ERR_PART_FORBIDDEN) {
		pv->component = c->component;
		add(s, pv, HF_ERR_PART_FORBIDDEN, c->component->name, NULL);
		return;
	}
	judge_firmware(s, pv, c);
	if (seat->place_cause == HF_ERR_PART_MOVED)
		add_as(s, pv, HF_ERR_PART_MOVED, pv->place, seat->moved_from, c->component->name);
	else if (seat->place_cause == HF_ERR_PART_EXTRA)
		add(s, pv, HF_ERR_PART_EXTRA, c->component->name,
		    hf_appraisal_text(&s->base, "at most %u", pv->rule->count));
}

/* One word of a note's text. */
static bool has_word(const char *text, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = strstr(text, word); at; at = strstr(at + len, word))
		if ((at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

/* Which of the gate's own notes refuses the host, for what. */
static enum hf_err note_refuses(const struct hf_part *note, const struct hf_measurement *m)
{
	if (strcmp(note->path, "recheck") == 0)
		return HF_ERR_RECHECK_DIFFERENT;
	if (strcmp(note->path, HF_BIND_NOTE) == 0 &&
	    (m->kind != HF_VALUE_TEXT || has_word(m->text, HF_BIND_BARE)))
		return HF_ERR_BIND_NOT_ISOLATED;
	return HF_OK;
}

/* The host's own facts are no part that could be accepted or pulled out. What the second
 * look at the parts found different is a refusal that no model softens; so is, for who judges
 * the evidence, a driver that the gate bound in audit mode to what nothing isolated. */
static void judge_host(struct hf_assignment *s, struct hf_part_verdict *pv)
{
	const struct hf_part *part = pv->part;
	struct hf_finding finding = { .action = HF_ACTION_HOLD };

	s->base.place = NULL;	/* nobody waives these */
	s->base.audit = false;
	for (const struct hf_measurement *m = part->measurements; m; m = m->next) {
		finding.cause = note_refuses(part, m);
		finding.mkey = m->mkey;
		finding.found = m->kind == HF_VALUE_TEXT ? m->text : NULL;
		if (finding.cause != HF_OK)
			hf_appraisal_add(&s->base, &pv->findings, &pv->status, &finding);
	}
	if (part->functions) {	/* a device in disguise */
		finding.cause = HF_ERR_PART_UNKNOWN;
		finding.mkey = finding.found = NULL;
		hf_appraisal_add(&s->base, &pv->findings, &pv->status, &finding);
	}
}

/* Whatever it shows now, other firmware takes over at its next reset; no release that lists
 * the measurement excuses it. */
static void judge_pending(struct hf_assignment *s, struct hf_part_verdict *pv,
			  const struct hf_function *function,
			  struct hf_measurement *list)
{
	const struct hf_measurement *m = hf_measurement_find(list, HF_MKEY_PENDING);
	struct hf_finding finding = {
		.cause = HF_ERR_FIRMWARE_PENDING, .function = function, .mkey = HF_MKEY_PENDING,
		.rule = pv->rule ? pv->rule->name : NULL,
		.action = pv->rule ? pv->rule->action : s->model->unknown,
	};

	if (!m || m->kind == HF_VALUE_FAILURE)
		return;
	finding.found = m->kind == HF_VALUE_TEXT ? m->text : NULL;
	hf_appraisal_add(&s->base, &pv->findings, &pv->status, &finding);
}

static void judge_part(struct hf_assignment *s, const struct hf_seat *seat,
		       struct hf_part_verdict *pv)
{
	pv->method = hf_part_method_counts(s->base.input, pv->part);
	judge(s, seat, pv);
	hf_revoked_judge(&s->base, &s->revoked, pv, pv->rule ? pv->rule->action : s->model->unknown);
	hf_signed_revoked(&s->base, pv, pv->rule ? pv->rule->action : s->model->unknown);
	judge_pending(s, pv, NULL, pv->part->measurements);
	for (const struct hf_function *f = pv->part->functions; f; f = f->next)
		judge_pending(s, pv, f, f->measurements);
}

static struct hf_part_verdict *new_verdict(struct hf_assignment *s, struct hf_part_verdict ***end)
{
	struct hf_part_verdict *pv = take(s, sizeof(*pv));

	if (pv) {
		**end = pv;
		*end = &pv->next;
	}
	return pv;
}

static void count_coverage(struct hf_coverage *c, const struct hf_part_verdict *pv)
{
	const struct hf_function *last = NULL;

	c->parts++;
	c->by_method[pv->method]++;
	c->functions += pv->part->function_count;
	if (!pv->component)
		c->uncovered += pv->part->function_count;
	for (const struct hf_finding *f = pv->findings; pv->component && f; f = f->next) {
		if (!f->function || f->function == last)
			continue;
		last = f->function;
		c->uncovered++;
	}
}

static void judge_missing_at(struct hf_assignment *s, const struct hf_rule_state *state,
			     const char *place, struct hf_part_verdict *pv)
{
	const struct hf_rule *rule = state->rule;
	const char *what = rule->component[0] ? rule->component : "a known part";

	pv->rule = rule;
	pv->component = state->component;
	pv->place = place ? place : "(anywhere)";
	s->base.place = pv->place;
	s->base.part = NULL;
	s->base.audit = rule->audit;
	add_as(s, pv, HF_ERR_PART_MISSING,
	       hf_appraisal_text(&s->base, "%u present", state->filled),
	       hf_appraisal_text(&s->base, "%u of %s%s%s%s%s", rule->count, what,
				 rule->more_components ? " or others" : "",
				 rule->class_prefix ? ", class " : "",
				 rule->class_prefix ? rule->class_prefix : "",
				 state->component || !rule->component[0] ? "" :
				 ", which is in no manifest"),
	       hf_appraisal_text(&s->base, "rule %s: %u present", rule->name, state->filled));
}

/* Every empty place where all of them must be filled; one line where that is not known. */
static bool judge_missing(struct hf_assignment *s, const struct hf_rule_state *state,
			  struct hf_part_verdict ***end)
{
	const struct hf_spot *spot = state->rule->count >= state->spot_count ? state->spots : NULL;
	struct hf_part_verdict *pv = NULL;

	for (; spot; spot = spot->next) {
		if (spot->taken)
			continue;
		pv = new_verdict(s, end);
		if (!pv)
			return false;
		judge_missing_at(s, state, spot->slot ? hf_appraisal_text(&s->base, "slot %s",
								       spot->where)
						   : spot->where, pv);
	}
	if (pv)
		return true;
	pv = new_verdict(s, end);
	if (pv)
		judge_missing_at(s, state, NULL, pv);
	return pv != NULL;
}

/* Evidence of no part at all is no evidence, whatever the rules demand. */
static void judge_nothing(struct hf_assignment *s, struct hf_part_verdict ***end)
{
	struct hf_finding finding = { .cause = HF_ERR_PART_MISSING, .action = HF_ACTION_HOLD };
	struct hf_part_verdict *pv = new_verdict(s, end);

	if (!pv)
		return;
	pv->place = "(anywhere)";
	s->base.place = NULL;
	s->base.audit = false;
	hf_appraisal_add(&s->base, &pv->findings, &pv->status, &finding);
}

static void judge_all(struct hf_assignment *s)
{
	struct hf_part_verdict **end = &s->verdict->parts;

	for (const struct hf_seat *seat = s->seats; seat; seat = seat->next) {
		struct hf_part_verdict *pv = new_verdict(s, &end);

		if (!pv)
			return;
		pv->part = seat->part;
		pv->place = seat->part->path;
		if (seat->part->kind == HF_PART_HOST) {
			judge_host(s, pv);
			continue;
		}
		judge_part(s, seat, pv);
		if (seat->first ? seat->first->last == seat : !seat->last)
			count_coverage(&s->verdict->coverage, pv);
	}
	if (s->verdict->coverage.parts == 0)
		judge_nothing(s, &end);
	for (const struct hf_rule_state *r = s->rules; r; r = r->next) {
		if (r->rule->presence != HF_PRESENCE_REQUIRED || r->filled >= r->rule->count)
			continue;
		if (!judge_missing(s, r, &end))
			return;
	}
}

void hf_appraise(const struct hf_appraise_input *input, struct hf_arena *arena,
		 struct hf_verdict *ret)
{
	struct hf_appraisal bare = { .arena = arena };
	struct hf_assignment *s = hf_arena_take(arena, sizeof(*s));

	*ret = (struct hf_verdict){ .model = input->model, .manifests = input->manifests,
				    .status = HF_STATUS_HELD };
	if (!input->model) {
		ret->cause = HF_ERR_MODEL_NONE;
		return;
	}
	if (!s) {
		bare.full = true;
		hf_appraisal_finish(&bare, ret);
		return;
	}
	s->base.arena = arena;
	s->base.input = input;
	s->model = input->model;
	s->verdict = ret;
	hf_revoked_index(&s->base, input->manifests, &s->revoked);
	hf_assign(s, input->manifests, input->claims);
	if (!s->base.full)
		judge_all(s);
	hf_appraisal_finish(&s->base, ret);
}

enum hf_err hf_model_choose(const struct hf_manifests *manifests, const char *vendor,
			    const char *product, const struct hf_model **ret)
{
	const struct hf_model *found = NULL;

	for (const struct hf_model *m = manifests->models; m; m = m->next) {
		if (!vendor || !product || strcmp(m->vendor, vendor) != 0 ||
		    strcmp(m->product, product) != 0)
			continue;
		if (found)
			return HF_ERR_MODEL_AMBIGUOUS;
		found = m;
	}
	if (!found)
		return HF_ERR_MODEL_NONE;
	*ret = found;
	return HF_OK;
}

const struct hf_part_verdict *hf_verdict_for(const struct hf_verdict *verdict, const char *place)
{
	const struct hf_part_verdict *worst = NULL;

	for (const struct hf_part_verdict *p = verdict->parts; p; p = p->next)
		if (p->part && strcmp(p->place, place) == 0 && (!worst || p->status > worst->status))
			worst = p;
	return worst;
}
