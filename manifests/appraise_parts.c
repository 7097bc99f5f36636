/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One part against one component's releases: coverage and presence. */
#include "manifests/appraise_parts.h"

#include <stdio.h>

#define ROM_PREFIX "option-rom"
#define ROM_WINDOW "option-rom/window"
#define BAR_PREFIX "rom-bar/"
#define BAR_REST "rom-bar/rest"

static bool function_is(const struct hf_function *function, const struct hf_component *component)
{
	for (const struct hf_release *r = component->releases; r; r = r->next)
		for (const struct hf_environment *e = r->environments; e; e = e->next)
			if (hf_match_function(&e->match, &function->identity))
				return true;
	return false;
}

bool hf_part_is(const struct hf_part *part, const struct hf_component *component)
{
	bool any = false;

	for (const struct hf_function *f = part->functions; f; f = f->next) {
		if (hf_path_is_virtual(f->path))	/* its physical function is in this list */
			continue;
		if (!function_is(f, component))
			return false;
		any = true;
	}
	return any;
}

/* CoRIM's comparison of digest lists: all common algorithms equal, at least one common,
 * an algorithm named twice matches nothing. */
static bool digests_match(const struct hf_reference *ref, const struct hf_measurement *m)
{
	uint32_t seen = 0;
	size_t common = 0;

	for (size_t i = 0; i < ref->digest_count; i++) {
		const struct hf_digest *want = &ref->digests[i];

		if (seen & HF_ALG_MASK(want->alg))
			return false;
		seen |= HF_ALG_MASK(want->alg);
		if (want->alg == HF_ALG_SHA1 || want->alg == HF_ALG_SM3)
			return false;
		for (size_t j = 0; j < m->digest_count; j++) {
			if (m->digests[j].alg != want->alg)
				continue;
			if (!hf_digest_equal(&m->digests[j], want))
				return false;
			common++;
		}
	}
	return common > 0;
}

/* Bytes of a device that became a text or a number here: its maker wrote them as they came. */
static bool raw_matches(const struct hf_reference *ref, const struct hf_measurement *m)
{
	struct hf_span found = m->bytes, want = ref->raw;
	uint8_t number[8], differs = 0;

	if (m->kind == HF_VALUE_NUMBER) {
		for (size_t i = 0; i < sizeof(number); i++)
			number[i] = (uint8_t)(m->number >> 8 * i);
		found = (struct hf_span){ number, sizeof(number) };
	} else if (m->kind == HF_VALUE_TEXT) {
		while (!ref->raw_mask.len && want.len && want.ptr[want.len - 1] == 0)
			want.len--;
		return hf_span_equal(want, hf_span_text(m->text)) && !ref->raw_mask.len;
	} else if (m->kind != HF_VALUE_BYTES) {
		return false;
	}
	if (found.len != ref->raw.len || (ref->raw_mask.len && ref->raw_mask.len != found.len))
		return false;
	for (size_t i = 0; i < found.len; i++)
		differs |= (uint8_t)((found.ptr[i] ^ ref->raw.ptr[i]) &
				     (ref->raw_mask.len ? ref->raw_mask.ptr[i] : 0xff));
	return differs == 0;
}

/* A value that is partial matches nothing. */
bool hf_reference_matches(const struct hf_reference *ref, const struct hf_measurement *m)
{
	if (m->kind == HF_VALUE_FAILURE || m->cause != HF_OK || strcmp(ref->mkey, m->mkey) != 0)
		return false;
	if (ref->digest_count)
		return m->kind == HF_VALUE_DIGESTS && digests_match(ref, m);
	if (ref->raw.len)
		return raw_matches(ref, m);
	if (ref->svn_kind)
		return m->kind == HF_VALUE_NUMBER && (ref->svn_kind == HF_SVN_LEAST
			? m->number >= ref->svn : m->number == ref->svn);
	return ref->text && m->kind == HF_VALUE_TEXT && strcmp(ref->text, m->text) == 0;
}

const struct hf_reference *hf_reference_named(const struct hf_environment *env,
						  const char *mkey)
{
	for (const struct hf_reference *r = env->references; r; r = r->next)
		if (strcmp(r->mkey, mkey) == 0)
			return r;
	return NULL;
}

static bool covered_by(const struct hf_environment *env, const struct hf_measurement *m)
{
	for (const struct hf_reference *r = env->references; r; r = r->next)
		if (hf_reference_matches(r, m))
			return true;
	return false;
}

static bool has_prefix(const char *mkey, const char *prefix)
{
	return strncmp(mkey, prefix, strlen(prefix)) == 0;
}

/* What a measurement is a piece of, NULL: of nothing. The kernel's window and what lies
 * behind it in the ROM are read apart, and neither speaks for the other. */
static const char *whole_of(const char *mkey)
{
	if (strcmp(mkey, ROM_WINDOW) == 0 || strcmp(mkey, BAR_REST) == 0)
		return NULL;
	if (has_prefix(mkey, BAR_PREFIX))
		return BAR_REST;
	return has_prefix(mkey, ROM_PREFIX) ? ROM_WINDOW : NULL;
}

/* Versions that a driver was asked for. */
static bool is_version(const char *mkey)
{
	return has_prefix(mkey, "net/") || has_prefix(mkey, "nvme/") || has_prefix(mkey, "drive/");
}

/* What could not be measured may be code. */
static bool is_code(const struct hf_measurement *m)
{
	if (m->flags & HF_MEASUREMENT_ADVISORY)
		return false;
	return (m->flags & HF_MEASUREMENT_CODE) || m->kind == HF_VALUE_FAILURE;
}

/* Failures that say "there is nothing to read here" or "nobody may", not "it could not be
 * read"; what they leave unmeasured is what a rule's least method is for. That the host's
 * kernel lets nobody read the rest of a ROM, or a version, hides no code that firmware would
 * have run unseen: PCR 2 has its digest. A device that does not answer as it should is never
 * harmless. Where the release asks for the measurement, this is not asked. */
static bool harmless_failure(const struct hf_measurement *m)
{
	if (hf_signed_harmless(m))
		return true;
	switch ((int)m->cause) {
	case HF_ERR_ROM_EMPTY:
	case HF_ERR_ROM_SHADOW:
	case HF_ERR_NO_READER:
	case HF_ERR_NOT_COVERED:
		return true;
	case HF_ERR_ROM_REST:
		return strcmp(m->mkey, BAR_REST) == 0;
	case HF_ERR_KERNEL_REFUSED:
	case HF_ERR_NOT_MEASURED:
		return is_version(m->mkey) && !(m->flags & HF_MEASUREMENT_CODE);
	}
	return false;
}

static bool mkey_known(const struct hf_component *component, const struct hf_function *function,
		       const char *mkey)
{
	for (const struct hf_release *r = component->releases; r; r = r->next)
		for (const struct hf_environment *e = r->environments; e; e = e->next)
			if (hf_match_function(&e->match, &function->identity) &&
			    hf_reference_named(e, mkey))
				return true;
	return false;
}

struct examination {	/* out is NULL while counting only */
	struct hf_appraisal *a;
	struct hf_part_verdict *out;
	const struct hf_part *part;
	const struct hf_component *component;
	const struct hf_release *release;
	size_t matched, wrong, awaited;
	struct hf_fit_method method;
};

/* By their digest, for a waiver is for these bytes and not for as many others. */
static const char *bytes_text(struct hf_appraisal *a, struct hf_span bytes)
{
	char hex[2 * HF_DIGEST_MAX + 1];
	struct hf_digest digest;

	if (hf_digest(HF_ALG_SHA256, bytes, &digest) != HF_OK) {
		a->full = true;
		return NULL;
	}
	hf_digest_hex(&digest, hex);
	return hf_appraisal_text(a, "%zu bytes, %s:%s", bytes.len, hf_alg_name(digest.alg), hex);
}

static const char *value_text(struct examination *x, const struct hf_measurement *m)
{
	if (m->kind == HF_VALUE_FAILURE || m->cause != HF_OK)
		return hf_appraisal_text(x->a, "%s: %s", hf_err_name(m->cause),
					 hf_err_sentence(m->cause));
	if (m->kind == HF_VALUE_DIGESTS && m->digest_count)
		return hf_appraisal_digest(x->a, &m->digests[0]);
	if (m->kind == HF_VALUE_TEXT)
		return m->text;
	if (m->kind == HF_VALUE_NUMBER)
		return hf_appraisal_text(x->a, "%llu", (unsigned long long)m->number);
	return bytes_text(x->a, m->bytes);
}

static const char *reference_text(struct examination *x, const struct hf_reference *ref)
{
	return ref ? hf_appraisal_reference(x->a, ref) : NULL;
}

/* A number that is there and too low is old firmware, not unknown one. */
static enum hf_err differs(const struct hf_reference *ref, const struct hf_measurement *m)
{
	return ref && ref->svn_kind == HF_SVN_LEAST && m->kind == HF_VALUE_NUMBER &&
	       m->cause == HF_OK && m->number < ref->svn ? HF_ERR_SVN_TOO_LOW
			: hf_signed_differs(m->mkey, HF_ERR_FIRMWARE_UNKNOWN);
}

static void wrong(struct examination *x, enum hf_err cause, const struct hf_function *function,
		  const char *mkey, const char *found, const char *expected)
{
	x->wrong++;
	if (!x->out)
		return;
	const struct hf_rule *rule = x->out->rule;
	struct hf_finding finding = {
		.cause = cause, .function = function, .mkey = mkey, .found = found,
		.expected = expected, .rule = rule ? rule->name : NULL,
		.release = x->release->name, .action = rule ? rule->action : HF_ACTION_HOLD,
	};

	if (function && !mkey)	/* its firmware is compared with nothing */
		finding.waive_as = hf_appraisal_bytes_of(x->a, x->out->part, function);
	hf_explain_values(x->a, x->component, &finding);
	hf_appraisal_add(x->a, &x->out->findings, &x->out->status, &finding);
}

/* The release says what the whole holds and nothing of its pieces: the whole's own finding
 * is the one that counts. */
static bool only_whole_listed(const struct hf_environment *env, const char *whole)
{
	for (const struct hf_reference *r = env->references; r; r = r->next) {
		const char *of = whole_of(r->mkey);

		if (of && strcmp(of, whole) == 0)
			return false;
	}
	return hf_reference_named(env, whole) != NULL;
}

/* What the agent derived from a whole needs no reference value of its own where every byte
 * of the whole is one, and says nothing more where only the whole is listed. */
static bool judged_by_whole(const struct hf_function *function, const struct hf_environment *env,
			    const struct hf_measurement *m)
{
	const char *key = whole_of(m->mkey);
	const struct hf_measurement *whole = key ? hf_measurement_find(function->measurements, key)
						 : NULL;

	if (!whole)
		return false;
	if (m->kind == HF_VALUE_FAILURE)	/* a piece that bytes which are there do not give */
		return whole->kind == HF_VALUE_DIGESTS && whole->cause == HF_OK;
	return covered_by(env, whole) || only_whole_listed(env, key);
}

/* Coverage of one code-bearing measurement by the environment. */
static void examine_code(struct examination *x, const struct hf_function *function,
			 const struct hf_environment *env, const struct hf_measurement *m)
{
	const struct hf_reference *ref = hf_reference_named(env, m->mkey);

	if (m->kind == HF_VALUE_FAILURE || m->cause != HF_OK) {
		/* presence speaks of it where the release has a reference */
		if (ref || (m->kind == HF_VALUE_FAILURE &&
			    (harmless_failure(m) || judged_by_whole(function, env, m))))
			return;
		wrong(x, hf_failure_cause(m, HF_ERR_PART_UNREADABLE), function, m->mkey,
		      x->out ? value_text(x, m) : NULL, NULL);
		return;
	}
	if (covered_by(env, m) || (!ref && judged_by_whole(function, env, m)))
		return;
	bool known = ref || (x->out && mkey_known(x->component, function, m->mkey));

	wrong(x, known ? differs(ref, m) : HF_ERR_UNCOVERED, function, m->mkey,
	      x->out ? value_text(x, m) : NULL, x->out ? reference_text(x, ref) : NULL);
}

/* Only a driver measures it, and none is bound yet, or a later record says what it read. */
static bool awaited(const struct examination *x, const char *mkey)
{
	const struct hf_appraise_input *input = x->a->input;

	return hf_mkey_needs_driver(mkey) &&
	       ((input && input->before_drivers) || hf_part_superseded(x->part));
}

/* Presence of one reference in the function's measurements. */
static void examine_reference(struct examination *x, const struct hf_function *function,
			      const struct hf_reference *ref)
{
	const struct hf_measurement *m = hf_measurement_find(function->measurements, ref->mkey);

	if (m && hf_reference_matches(ref, m)) {
		x->matched++;
		hf_signed_note(&x->method, ref->mkey,
			       hf_method_counts(x->a->input, function, m));
		return;
	}
	if (!m && awaited(x, ref->mkey)) {
		x->awaited++;
		return;
	}
	if (!m || m->kind == HF_VALUE_FAILURE || m->cause != HF_OK) {
		const struct hf_measurement *why = m ? m : hf_signed_absent(function, ref->mkey);

		wrong(x, m ? hf_failure_cause(m, HF_ERR_MEASUREMENT_MISSING)
			   : HF_ERR_MEASUREMENT_MISSING, function, ref->mkey,
		      x->out && why ? value_text(x, why) : NULL,
		      x->out ? reference_text(x, ref) : NULL);
		return;
	}
	if (!is_code(m))	/* code that differs is coverage's finding */
		wrong(x, differs(ref, m), function, ref->mkey,
		      x->out ? value_text(x, m) : NULL,
		      x->out ? reference_text(x, ref) : NULL);
}

static void examine_function(struct examination *x, const struct hf_function *function,
			     const struct hf_environment *env)
{
	for (const struct hf_measurement *m = function->measurements; m; m = m->next)
		if (is_code(m))
			examine_code(x, function, env, m);
	for (const struct hf_reference *ref = env->references; ref; ref = ref->next)
		examine_reference(x, function, ref);
}

/* Which environment of the release each function is held against. Functions of one
 * identity may carry different firmware (only the first port of a card has a ROM), so
 * the exact ones take their places first. */
struct seating {
	const struct hf_environment **env_of;	/* per function, claims order */
	size_t *taken;				/* per environment, release order */
};

static size_t best_environment(const struct examination *outer, const struct hf_function *function,
			       const struct seating *s, bool exact_only,
			       const struct hf_environment **ret)
{
	size_t index = 0, best_index = 0, best_matched = 0;
	bool best_room = false;
	const struct hf_environment *best = NULL;

	for (const struct hf_environment *e = outer->release->environments; e; e = e->next, index++) {
		if (!hf_match_function(&e->match, &function->identity))
			continue;
		struct examination x = { .a = outer->a, .part = outer->part, .release = outer->release };
		bool room = e->count == 0 || s->taken[index] < e->count;

		examine_function(&x, function, e);
		if (exact_only && (x.wrong || !room))
			continue;
		if (!best || room > best_room || (room == best_room && x.matched > best_matched)) {
			best = e;
			best_index = index;
			best_room = room;
			best_matched = x.matched;
		}
	}
	*ret = best;
	return best_index;
}

static bool seat_functions(const struct examination *x, struct seating *s)
{
	const struct hf_part *part = x->part;
	struct hf_appraisal *a = x->a;
	size_t environments = 0;

	for (const struct hf_environment *e = x->release->environments; e; e = e->next)
		environments++;
	s->env_of = hf_arena_take(a->arena, part->function_count * sizeof(*s->env_of));
	s->taken = hf_arena_take(a->arena, environments * sizeof(*s->taken));
	if (!s->env_of || !s->taken) {
		a->full = true;
		return false;
	}
	/* Virtual functions last, and only where they are listed and nobody else sits. */
	for (int pass = 0; pass < 3; pass++) {
		bool exact = pass != 1;
		size_t i = 0;

		for (const struct hf_function *f = part->functions; f; f = f->next, i++) {
			if (s->env_of[i] || hf_path_is_virtual(f->path) != (pass == 2))
				continue;
			size_t at = best_environment(x, f, s, exact, &s->env_of[i]);

			if (s->env_of[i])
				s->taken[at]++;
		}
	}
	return true;
}

static void examine_counts(struct examination *x, const struct seating *s)
{
	size_t index = 0;

	for (const struct hf_environment *e = x->release->environments; e; e = e->next, index++) {
		size_t found = s->taken[index];

		if (e->count ? found == e->count : found > 0)
			continue;
		const struct hf_match *m = &e->match;
		const char *expected = NULL, *text = NULL;

		if (x->out) {
			expected = hf_appraisal_text(x->a, "%u function(s) %04x:%04x",
						     e->count ? e->count : 1, m->vendor, m->device);
			text = hf_appraisal_text(x->a, "%zu function(s)", found);
		}
		wrong(x, found > e->count ? HF_ERR_UNCOVERED : HF_ERR_MEASUREMENT_MISSING, NULL,
		      NULL, text, expected);
	}
}

/* A virtual function is its physical function's: how many of them a host has enabled is no
 * firmware. What shows code of its own is none of these. */
static bool is_folded(const struct hf_function *f)
{
	for (const struct hf_measurement *m = f->measurements; m; m = m->next)
		if (is_code(m) && !(m->kind == HF_VALUE_FAILURE && harmless_failure(m)))
			return false;
	return hf_path_is_virtual(f->path);
}

static void examine_part(struct examination *x, const struct hf_part *part)
{
	size_t mark = x->a->arena->len, i = 0;
	struct seating s;

	x->method = (struct hf_fit_method){ .strongest = HF_METHOD_IDENTITY };
	x->part = part;
	if (!seat_functions(x, &s)) {
		x->wrong++;
		return;
	}
	for (const struct hf_function *f = part->functions; f; f = f->next, i++) {
		if (s.env_of[i])
			examine_function(x, f, s.env_of[i]);
		else if (!is_folded(f))
			wrong(x, HF_ERR_FIRMWARE_UNKNOWN, f, NULL,
			      x->out ? hf_appraisal_identity(x->a, &f->identity) : NULL, NULL);
	}
	examine_counts(x, &s);
	for (const struct hf_measurement *m = part->measurements; m; m = m->next) {
		bool failed = m->kind == HF_VALUE_FAILURE;

		if (is_code(m) && !(failed && harmless_failure(m)))
			wrong(x, failed ? hf_failure_cause(m, HF_ERR_PART_UNREADABLE)
					: HF_ERR_UNCOVERED, NULL, m->mkey,
			      x->out ? value_text(x, m) : NULL, NULL);
	}
	if (!x->out)	/* nothing but scratch was taken */
		x->a->arena->len = mark;
}

/* A revoked release that only a driver can tell from another is not what was found yet. */
static int state_rank(enum hf_release_state state, bool undecided)
{
	switch (state) {
	case HF_RELEASE_REVOKED:	/* a deny wins over every other statement */
		return undecided ? 4 : 0;
	case HF_RELEASE_ALLOWED:
		return 1;
	case HF_RELEASE_ALLOWED_UNTIL:
		return 2;
	case HF_RELEASE_UPDATE:
		return 3;
	}
	return 0;
}

bool hf_fit_better(const struct hf_fit *a, const struct hf_fit *b)
{
	if (!b->release || a->exact != b->exact)
		return !b->release || a->exact;
	if (a->exact)
		return state_rank(a->release->state, a->awaited > 0) <
		       state_rank(b->release->state, b->awaited > 0);
	if (a->matched != b->matched)
		return a->matched > b->matched;
	return a->wrong < b->wrong;
}

void hf_fit_component(struct hf_appraisal *a, const struct hf_part *part,
		      const struct hf_component *component, struct hf_fit *ret)
{
	struct hf_fit best = { 0 };

	for (const struct hf_release *r = component->releases; r; r = r->next) {
		struct examination x = { .a = a, .component = component, .release = r };

		examine_part(&x, part);
		struct hf_fit fit = { r, x.wrong == 0, x.method, x.matched, x.wrong, x.awaited };

		if (hf_fit_better(&fit, &best))
			best = fit;
	}
	*ret = best;
}

void hf_fit_explain(struct hf_appraisal *a, struct hf_part_verdict *verdict,
		    const struct hf_component *component, const struct hf_fit *fit)
{
	struct examination x = { .a = a, .out = verdict, .component = component,
				 .release = fit->release };

	examine_part(&x, verdict->part);
}
