/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices that sign: what a signature is worth here, and which of their failures and
 * differences have a name of their own. */
#include "manifests/appraise_parts.h"

#include <stdio.h>

#define SPDM "spdm"
#define SLOT "spdm/slot"

static bool has_prefix(const char *mkey, const char *prefix)
{
	return strncmp(mkey, prefix, strlen(prefix)) == 0;
}

static bool of_mailbox(const char *mkey)
{
	return strcmp(mkey, SPDM) == 0 || strcmp(mkey, "doe") == 0 || has_prefix(mkey, "doe/");
}

/* Why the keys of this function count for nothing; HF_OK: an anchor stands behind them. */
static enum hf_err distrust(const struct hf_appraise_input *input, const struct hf_function *function)
{
	const struct hf_device_trust *trust =
		input && function ? hf_device_trust_find(input->devices, function->path) : NULL;

	return trust ? trust->cause : HF_ERR_DEVICE_CHAIN_UNTRUSTED;
}

enum hf_method hf_method_counts(const struct hf_appraise_input *input,
				const struct hf_function *function, const struct hf_measurement *m)
{
	if (m->method < HF_METHOD_UNBOUND || distrust(input, function) == HF_OK)
		return m->method;
	return HF_METHOD_VERSION;	/* anybody can make a key */
}

/* As hf_part_method, by what counts. */
static enum hf_method strongest(const struct hf_appraise_input *input,
				const struct hf_function *function,
				const struct hf_measurement *list, enum hf_method method)
{
	for (const struct hf_measurement *m = list; m; m = m->next) {
		bool counts = (m->flags & HF_MEASUREMENT_CODE) ||
			      m->method == HF_METHOD_IDENTITY || m->method == HF_METHOD_VERSION;
		enum hf_method worth = hf_method_counts(input, function, m);

		if (m->kind != HF_VALUE_FAILURE && !m->cause && counts && worth > method)
			method = worth;
	}
	return method;
}

enum hf_method hf_part_method_counts(const struct hf_appraise_input *input,
				     const struct hf_part *part)
{
	enum hf_method method = strongest(input, NULL, part->measurements, HF_METHOD_NONE);

	for (const struct hf_function *f = part->functions; f; f = f->next)
		method = strongest(input, f, f->measurements, method);
	return method;
}

/* Nobody asked the device, or this host lets nobody ask, or it has nothing to sign with: none
 * of it is anything that the device did. What a rule demands it does not get by this. */
bool hf_signed_harmless(const struct hf_measurement *m)
{
	if (!of_mailbox(m->mkey) || m->flags & HF_MEASUREMENT_CODE)
		return false;
	switch ((int)m->cause) {
	case HF_ERR_NOT_MEASURED:
	case HF_ERR_CAPTURED_TREE:
	case HF_ERR_DOE_REFUSED:
	case HF_ERR_VFIO:
	case HF_ERR_SPDM_CANNOT_SIGN:
		return true;
	}
	return false;
}

/* What no honest device does is said as such, and is nothing that a waiver for what cannot be
 * read would admit. */
enum hf_err hf_failure_cause(const struct hf_measurement *m, enum hf_err otherwise)
{
	if (m->kind != HF_VALUE_FAILURE || !(has_prefix(m->mkey, SPDM) || of_mailbox(m->mkey)))
		return otherwise;
	switch ((int)m->cause) {
	case HF_ERR_DOE_SHAPE:
	case HF_ERR_SPDM_SHAPE:
	case HF_ERR_SPDM_ALGORITHM:
	case HF_ERR_SPDM_SIGNATURE:
	case HF_ERR_SPDM_CHANGED:
	case HF_ERR_SPDM_NONCE:
	case HF_ERR_DEVICE_CHAIN:
	case HF_ERR_DEVICE_IDENTITY:
	case HF_ERR_TRANSCRIPT_SHAPE:
	case HF_ERR_TRANSCRIPT_MISSING:
	case HF_ERR_TRANSCRIPT_DIFFERS:
		return m->cause;
	}
	return otherwise;
}

enum hf_err hf_signed_differs(const char *mkey, enum hf_err otherwise)
{
	if (has_prefix(mkey, SLOT) || strcmp(mkey, "spdm/identity") == 0)
		return HF_ERR_DEVICE_CHAIN_CHANGED;
	if (strcmp(mkey, "spdm/version") == 0 || strcmp(mkey, "spdm/algorithms") == 0)
		return HF_ERR_SPDM_DOWNGRADE;
	return otherwise;
}

const struct hf_measurement *hf_signed_absent(const struct hf_function *function, const char *mkey)
{
	return has_prefix(mkey, SPDM "/") ? hf_measurement_find(function->measurements, SPDM) : NULL;
}

/* ---- a rule's least method ---- */

void hf_signed_note(struct hf_fit_method *fit, const char *mkey, enum hf_method method)
{
	if (method > fit->strongest)
		fit->strongest = method;
	if (!hf_spdm_index_of(mkey) || (fit->weakest_block && method >= fit->block))
		return;
	fit->block = method;
	fit->weakest_block = mkey;
}

/* As the notes that a fit which is exact has taken, of all that the part shows: no release says
 * of which of it a waiver spoke. */
static void note_all(const struct hf_appraisal *a, const struct hf_part *part,
		     struct hf_fit_method *ret)
{
	*ret = (struct hf_fit_method){ .strongest = hf_part_method_counts(a->input, part) };
	for (const struct hf_function *f = part->functions; f; f = f->next)
		for (const struct hf_measurement *m = f->measurements; m; m = m->next)
			if (m->kind != HF_VALUE_FAILURE && !(m->flags & HF_MEASUREMENT_ADVISORY))
				hf_signed_note(ret, m->mkey, hf_method_counts(a->input, f, m));
}

/* The function that would satisfy the rule if somebody vouched for its key. */
static const struct hf_function *distrusted(const struct hf_appraise_input *input,
					    const struct hf_part *part, enum hf_method least,
					    enum hf_err *ret_cause)
{
	for (const struct hf_function *f = part->functions; f; f = f->next)
		for (const struct hf_measurement *m = f->measurements; m; m = m->next) {
			if (!(m->flags & HF_MEASUREMENT_CODE) || m->kind == HF_VALUE_FAILURE ||
			    m->method < HF_METHOD_UNBOUND || m->method < least)
				continue;
			*ret_cause = distrust(input, f);
			if (*ret_cause != HF_OK)
				return f;
		}
	return NULL;
}

/* Why there is no stronger method, for people; NULL: nothing says it. */
static const char *why_weak(const struct hf_part *part, const struct hf_function **ret_function)
{
	for (const struct hf_function *f = part->functions; f; f = f->next) {
		const struct hf_measurement *m = hf_measurement_find(f->measurements, SPDM);

		if (!m || m->kind != HF_VALUE_FAILURE)
			continue;
		*ret_function = f;
		return hf_err_name(m->cause);
	}
	return NULL;
}

bool hf_signed_weak(struct hf_appraisal *a, const struct hf_part *part, enum hf_method least,
		    const struct hf_fit_method *fit, struct hf_finding *ret)
{
	enum hf_method method = hf_part_method_counts(a->input, part);
	const char *why = NULL;
	enum hf_err cause = HF_OK;

	if (fit->strongest < method)
		method = fit->strongest;
	/* one block that is signed does not vouch for another that is not */
	if (least >= HF_METHOD_UNBOUND && fit->weakest_block && fit->block < method) {
		method = fit->block;
		ret->mkey = fit->weakest_block;
	}
	if (method >= least)
		return false;
	ret->cause = HF_ERR_METHOD_TOO_WEAK;
	ret->expected = hf_method_name(least);
	ret->function = distrusted(a->input, part, least, &cause);
	if (ret->function && least >= HF_METHOD_UNBOUND)
		ret->cause = cause;
	if (!ret->function)	/* an anchor alone would not be enough, and is missing too */
		ret->function = distrusted(a->input, part, HF_METHOD_UNBOUND, &cause);
	if (ret->function)
		why = hf_err_name(cause);
	else if (method == HF_METHOD_UNBOUND)
		why = "its certificate does not say which device it is of";
	else if (least >= HF_METHOD_UNBOUND)
		why = why_weak(part, &ret->function);
	ret->found = why ? hf_appraisal_text(a, "%s (%s)", hf_method_name(method), why)
			 : hf_method_name(method);
	return true;
}

/* A waiver for firmware says nothing of who signed it. */
void hf_signed_waived(struct hf_appraisal *a, struct hf_part_verdict *part)
{
	struct hf_finding weak = { .rule = part->rule->name, .action = part->rule->action };
	const struct hf_finding *x = part->findings;
	struct hf_fit_method method;

	while (x && !x->waiver)
		x = x->next;
	if (!x || part->rule->least_method < HF_METHOD_UNBOUND)
		return;
	note_all(a, part->part, &method);
	if (hf_signed_weak(a, part->part, part->rule->least_method, &method, &weak))
		hf_appraisal_add(a, &part->findings, &part->status, &weak);
}

/* An owner's deny wins over every rule that does not ask for signatures. */
void hf_signed_revoked(struct hf_appraisal *a, struct hf_part_verdict *part, enum hf_action action)
{
	const struct hf_appraise_input *input = a->input;

	for (const struct hf_finding *x = part->findings; x; x = x->next)
		if (x->cause == HF_ERR_DEVICE_KEY_REVOKED)
			return;		/* by its rule: said already */
	for (const struct hf_function *f = part->part->functions; f; f = f->next) {
		const struct hf_device_trust *trust =
			input ? hf_device_trust_find(input->devices, f->path) : NULL;
		struct hf_finding finding = {
			.cause = HF_ERR_DEVICE_KEY_REVOKED, .function = f, .mkey = "spdm",
			.rule = part->rule ? part->rule->name : NULL, .action = action,
			.known_revoked = true,
		};

		if (trust && trust->cause == HF_ERR_DEVICE_KEY_REVOKED)
			hf_appraisal_add(a, &part->findings, &part->status, &finding);
	}
}
