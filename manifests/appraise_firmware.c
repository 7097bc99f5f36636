/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The platform's own firmware: PCRs 0-7 as the firmware's log leads to them, and what
 * Secure Boot trusts, against the releases that the model lists. */
#include "manifests/appraise_parts.h"

#include "measure/secure_boot.h"

#define PCR_SECURE_BOOT 7
#define CODE_PCRS (0xffu & ~(1u << PCR_SECURE_BOOT))
#define KEYS_OF_TRUST (1u << HF_FIRMWARE_PK | 1u << HF_FIRMWARE_KEK | 1u << HF_FIRMWARE_DB)

struct platform {		/* as the log shows it */
	struct hf_pcrs pcrs;
	struct hf_secure_boot secure_boot;
};

static const enum hf_secure_boot_key variables[HF_FIRMWARE_KEYS] = {
	[HF_FIRMWARE_PK] = HF_KEY_PK, [HF_FIRMWARE_KEK] = HF_KEY_KEK,
	[HF_FIRMWARE_DB] = HF_KEY_DB, [HF_FIRMWARE_DBX] = HF_KEY_DBX,
};

struct fit {		/* what of an entry is different */
	const struct hf_platform_firmware *entry;
	uint32_t pcrs, keys;	/* bits, as in the entry's masks */
	bool secure_boot;
};

static enum hf_err read_platform(struct hf_span log, struct platform *ret)
{
	enum hf_err err = hf_log_replay(log, HF_ALG_SHA256, &ret->pcrs);

	return err ? err : hf_secure_boot_from_log(log, HF_ALG_SHA256, &ret->secure_boot);
}

static bool secure_boot_is(const struct platform *p, enum hf_firmware_boot rule)
{
	switch (rule) {
	case HF_FIRMWARE_BOOT_OFF:
		return p->secure_boot.state == HF_SECURE_BOOT_OFF;
	case HF_FIRMWARE_BOOT_ON:
		return p->secure_boot.state == HF_SECURE_BOOT_ON;
	case HF_FIRMWARE_BOOT_ANY:
		break;
	}
	return true;
}

/* What the log says that a variable holds, NULL: nothing that may decide. */
static const struct hf_digest *key_of(const struct platform *p, uint32_t key)
{
	const struct hf_secure_boot_variable *v = &p->secure_boot.keys[variables[key]];

	return p->secure_boot.state != HF_SECURE_BOOT_AMBIGUOUS && v->measured ? &v->sha256 : NULL;
}

static struct fit fit_entry(const struct platform *p, const struct hf_platform_firmware *entry)
{
	struct fit fit = { .entry = entry };

	for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++)
		if (entry->pcr_mask >> i & 1 &&
		    memcmp(p->pcrs.value[i], entry->pcrs[i].bytes, hf_alg_size(HF_ALG_SHA256)) != 0)
			fit.pcrs |= 1u << i;
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		if (entry->key_mask >> i & 1 &&
		    !(key_of(p, i) && hf_digest_equal(key_of(p, i), &entry->keys[i])))
			fit.keys |= 1u << i;
	fit.secure_boot = !secure_boot_is(p, entry->secure_boot);
	return fit;
}

static bool exact(const struct fit *fit)
{
	return fit->entry && !fit->pcrs && !fit->keys && !fit->secure_boot;
}

static size_t bits(uint32_t mask)
{
	size_t count = 0;

	for (; mask; mask &= mask - 1)
		count++;
	return count;
}

/* Of entries that match, a deny wins, then what may pass without a word. */
static size_t state_rank(const struct fit *fit, bool matches)
{
	switch (fit->entry->state) {
	case HF_RELEASE_REVOKED:
		return matches ? 0 : 3;
	case HF_RELEASE_ALLOWED:
	case HF_RELEASE_ALLOWED_UNTIL:
		return 1;
	case HF_RELEASE_UPDATE:
		break;
	}
	return 2;
}

static bool nearer(const struct fit *a, const struct fit *b)
{
	size_t x, y;

	if (!b->entry || exact(a) != exact(b))
		return !b->entry || exact(a);
	if (exact(a))
		return state_rank(a, true) < state_rank(b, true);
	x = bits(a->pcrs & CODE_PCRS);
	y = bits(b->pcrs & CODE_PCRS);
	if (x != y)
		return x < y;
	x = bits(a->entry->pcr_mask & CODE_PCRS & ~a->pcrs);	/* code that is the same */
	y = bits(b->entry->pcr_mask & CODE_PCRS & ~b->pcrs);
	if (x != y)
		return x > y;
	x = bits(a->pcrs) + bits(a->keys) + a->secure_boot;
	y = bits(b->pcrs) + bits(b->keys) + b->secure_boot;
	return x != y ? x < y : state_rank(a, false) < state_rank(b, false);
}

static struct fit best_of(const struct platform *p, const struct hf_model *model)
{
	struct fit best = { 0 };

	for (const struct hf_platform_firmware *e = model->firmware; e; e = e->next) {
		struct fit fit = fit_entry(p, e);

		if (nearer(&fit, &best))
			best = fit;
	}
	return best;
}

/* ---- findings ---- */

static void add(struct hf_appraisal *a, struct hf_finding **list, enum hf_err cause,
		const char *mkey, const char *found, const char *expected, const char *release)
{
	struct hf_finding finding = { .cause = cause, .mkey = mkey, .found = found,
				      .expected = expected, .release = release,
				      .action = HF_ACTION_HOLD };
	enum hf_status status = HF_STATUS_ACCEPTED;

	hf_appraisal_add(a, list, &status, &finding);
}

static void explain_pcrs(struct hf_appraisal *a, const struct platform *p, const struct fit *fit,
			 struct hf_finding **list)
{
	for (uint32_t i = 0; i < HF_FIRMWARE_PCRS; i++) {
		struct hf_digest found = { .alg = HF_ALG_SHA256 };
		bool keys = i == PCR_SECURE_BOOT;

		if (!(fit->pcrs >> i & 1))
			continue;
		memcpy(found.bytes, p->pcrs.value[i], hf_alg_size(HF_ALG_SHA256));
		add(a, list, keys ? HF_ERR_SECURE_BOOT_CHANGED : HF_ERR_PLATFORM_FIRMWARE_UNKNOWN,
		    hf_appraisal_text(a, "pcr-%u", i),
		    p->pcrs.extended >> i & 1 ? hf_appraisal_digest(a, &found) : "never extended",
		    hf_appraisal_digest(a, &fit->entry->pcrs[i]), fit->entry->name);
	}
}

static void explain_secure_boot(struct hf_appraisal *a, const struct platform *p,
				const struct fit *fit, struct hf_finding **list)
{
	const struct hf_secure_boot *is = &p->secure_boot;
	const char *want = fit->entry->secure_boot == HF_FIRMWARE_BOOT_ANY ? NULL
			 : fit->entry->secure_boot == HF_FIRMWARE_BOOT_ON ? "on" : "off";

	if (is->state == HF_SECURE_BOOT_AMBIGUOUS && (fit->secure_boot || fit->keys)) {
		add(a, list, HF_ERR_SECURE_BOOT_CHANGED, "secure-boot",
		    hf_appraisal_text(a, "ambiguous (%s), event %zu", hf_err_name(is->cause), is->event),
		    want, fit->entry->name);
		return;
	}
	if (fit->secure_boot)
		add(a, list, HF_ERR_SECURE_BOOT_CHANGED, "secure-boot",
		    hf_secure_boot_state_name(is->state), want, fit->entry->name);
	for (uint32_t i = 0; i < HF_FIRMWARE_KEYS; i++)
		if (fit->keys >> i & 1)
			add(a, list, HF_ERR_SECURE_BOOT_CHANGED,
			    hf_appraisal_text(a, "secure-boot/%s",
					      hf_secure_boot_key_name(variables[i])),
			    key_of(p, i) ? hf_appraisal_digest(a, key_of(p, i))
					 : "not in the firmware's log",
			    hf_appraisal_digest(a, &fit->entry->keys[i]), fit->entry->name);
}

static const char *current(const struct hf_model *model)
{
	for (const struct hf_platform_firmware *e = model->firmware; e; e = e->next)
		if (e->state == HF_RELEASE_ALLOWED)
			return e->name;
	return NULL;
}

void hf_firmware_judge(struct hf_appraisal *a, const struct hf_model *model, struct hf_span log,
		       struct hf_verdict *verdict, struct hf_finding **list)
{
	struct platform p = { 0 };
	struct fit fit;
	enum hf_err err;

	if (!model->firmware)
		return;
	err = read_platform(log, &p);
	if (err) {
		add(a, list, err, NULL, NULL, NULL, NULL);
		return;
	}
	fit = best_of(&p, model);
	if (!exact(&fit)) {
		explain_pcrs(a, &p, &fit, list);
		explain_secure_boot(a, &p, &fit, list);
		return;
	}
	verdict->platform_firmware = fit.entry;
	switch (fit.entry->state) {
	case HF_RELEASE_ALLOWED:
		return;
	case HF_RELEASE_UPDATE:
		add(a, list, HF_ERR_PLATFORM_FIRMWARE_OLD, NULL, fit.entry->name, current(model), NULL);
		return;
	case HF_RELEASE_REVOKED:
	case HF_RELEASE_ALLOWED_UNTIL:	/* which no entry can be */
		break;
	}
	add(a, list, HF_ERR_PLATFORM_FIRMWARE_REVOKED, NULL, fit.entry->name, fit.entry->note, NULL);
}

/* Whoever changes the keys can start whatever he likes with Secure Boot on: the word is
 * worth something only where somebody compares them. */
const char *hf_root_of_trust(const struct hf_model *model, struct hf_span firmware_log)
{
	struct platform p = { 0 };
	struct fit fit;

	if (!model || !model->firmware || !firmware_log.len || read_platform(firmware_log, &p))
		return "none";
	fit = best_of(&p, model);
	if (!exact(&fit) || fit.entry->state == HF_RELEASE_REVOKED ||
	    p.secure_boot.state != HF_SECURE_BOOT_ON)
		return "none";
	if (fit.entry->pcr_mask >> PCR_SECURE_BOOT & 1 ||
	    (fit.entry->key_mask & KEYS_OF_TRUST) == KEYS_OF_TRUST)
		return "secure-boot";
	return "none";
}
