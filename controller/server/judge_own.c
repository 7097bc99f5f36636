/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The controller's own checks: a table, in their order. */
#include <stdio.h>

#include "controller/server/judge_internal.h"

typedef enum hf_err (*check)(const struct hf_judge_input *in, struct hf_judgement *j);

static int shown(struct hf_span text)
{
	return text.len < 64 ? (int)text.len : 64;
}

static bool said(const char *text)
{
	return text && *text;
}

/* 10 is IMA's, 16 and above anybody can reset: hf_verify_evidence says so too, but only where
 * nothing else is wrong. */
static enum hf_err check_pcr(const struct hf_judge_input *in, struct hf_judgement *j)
{
	uint32_t pcr = hf_log_pcr(in->evidence->log);

	if (pcr < HF_PCR_DIAGNOSIS && pcr != 10)
		return HF_OK;
	hf_judge_say(j, "the log is of PCR %u", pcr);
	return HF_ERR_PCR_REFUSED;
}

/* Who sent this has the boot key that was there when the challenge was asked for, and the one that
 * the log's first event names. */
static enum hf_err check_boot_key(const struct hf_judge_input *in, struct hf_judgement *j)
{
	if (!hf_span_equal(in->client_key, in->challenge->boot_key))
		return HF_ERR_BOOT_KEY_OTHER;
	if (hf_span_equal(in->client_key, j->v.begin.boot_key))
		return HF_OK;
	hf_judge_say(j, "the log names another boot key than the one that sends it");
	return HF_ERR_BOOT_KEY_OTHER;
}

/* holdfast attest on a live host makes a boot key only where it is told to. */
static enum hf_err check_tenant_key(const struct hf_judge_input *in, struct hf_judgement *j)
{
	return j->v.begin.boot_key.len ? check_boot_key(in, j) : HF_OK;
}

static enum hf_err check_policy(const struct hf_judge_input *in, struct hf_judgement *j)
{
	(void)in;
	if (hf_span_equal(j->v.begin.policy, hf_span_text("controller")))
		return HF_OK;
	hf_judge_say(j, "the host follows policy %.*s", shown(j->v.begin.policy),
		     j->v.begin.policy.len ? (const char *)j->v.begin.policy.ptr : "");
	return HF_ERR_AGENT_POLICY;
}

static const char *host_text(const struct hf_judgement *j, const char *mkey)
{
	const struct hf_part *host = hf_claims_find_part(&j->v.claims, "host");
	const struct hf_measurement *m = host ? hf_measurement_find(host->measurements, mkey) : NULL;

	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}

static uint32_t banks_in(const char *text)
{
	uint32_t mask = 0;

	while (text && *text) {
		size_t len = strcspn(text, " ");
		char name[16];
		enum hf_alg alg;

		snprintf(name, sizeof(name), "%.*s", (int)len, text);
		mask |= len < sizeof(name) && hf_alg_from_name(name, &alg) ? HF_ALG_MASK(alg) : 1u << 31;
		text += len + (text[len] == ' ');
	}
	return mask;
}

/* A bank that the gate leaves out stays open for whoever comes next. The log's head is in no PCR;
 * the claim is, and the two must agree. */
static enum hf_err check_banks(const struct hf_judge_input *in, struct hf_judgement *j)
{
	const char *claimed = host_text(j, "tpm/banks");
	struct hf_log_reader reader;
	uint32_t mask;
	enum hf_err err = hf_log_open(in->evidence->log, &reader);

	if (err)
		return err;
	mask = claimed ? banks_in(claimed) : reader.alg_mask;
	if (mask == reader.alg_mask && (!in->host->inventory.banks || mask == in->host->inventory.banks))
		return HF_OK;
	hf_judge_say(j, "the log has banks 0x%x, the host says \"%.60s\", the inventory 0x%x",
		     reader.alg_mask, claimed ? claimed : "", in->host->inventory.banks);
	return HF_ERR_BANKS_OTHER;
}

/* SMBIOS is the tenant's to write: it may agree with the inventory, and choose nothing. */
static enum hf_err check_model(const struct hf_judge_input *in, struct hf_judgement *j)
{
	const char *want = in->host->inventory.model;
	const char *is = j->v.model ? j->v.model->name : "none";

	if (said(want) && strcmp(want, is) == 0)
		return HF_OK;
	hf_judge_say(j, "it is %.60s, the inventory says %.60s", is, said(want) ? want : "nothing");
	return HF_ERR_MODEL_OTHER;
}

static enum hf_err check_serial(const struct hf_judge_input *in, struct hf_judgement *j)
{
	const char *want = in->host->inventory.serial;
	const char *chassis = host_text(j, "smbios/chassis-serial");
	const char *system = host_text(j, "smbios/serial");

	if (!said(want) || (chassis && strcmp(chassis, want) == 0) || (system && strcmp(system, want) == 0))
		return HF_OK;
	hf_judge_say(j, "it is %.50s, the inventory says %.50s",
		     said(chassis) ? chassis : said(system) ? system : "not said", want);
	return HF_ERR_SERIAL_OTHER;
}

static enum hf_err check_image(const struct hf_judge_input *in, struct hf_judgement *j)
{
	(void)in;
	return j->v.verdict.agent_image ? HF_OK : HF_ERR_AGENT_IMAGE_UNMEASURED;
}

/* The host judged by the same model, or its ticket would be for somebody else's policy: it would
 * be held with it, and nobody would know. Audit mode is what the controller's model says. */
static enum hf_err check_same_policy(const struct hf_judge_input *in, struct hf_judgement *j)
{
	const struct hf_begin_event *b = &j->v.begin;
	const struct hf_model *model = j->v.model;

	if (model && b->generation == model->generation && b->mode == model->mode &&
	    hf_span_equal(b->model, hf_span_text(model->name)))
		return HF_OK;
	hf_judge_say(j, "judged by model %.*s, generation %llu, mode %s; %s%.40s wants generation %llu, mode %s",
		     shown(b->model), b->model.len ? (const char *)b->model.ptr : "none",
		     (unsigned long long)b->generation, hf_mode_name(b->mode), in->ring ? "ring " : "the controller",
		     in->ring ? in->ring : "", (unsigned long long)(model ? model->generation : 0),
		     model ? hf_mode_name(model->mode) : "none");
	return HF_ERR_TICKET_POLICY;
}

static enum hf_err check_reset_count(const struct hf_judge_input *in, struct hf_judgement *j)
{
	if (!j->has_counts)
		return HF_ERR_INTERNAL;
	if (!in->host->counted || j->reset_count > in->host->reset_count)
		return HF_OK;
	hf_judge_say(j, "%u now, %u before", j->reset_count, in->host->reset_count);
	return HF_ERR_RESET_COUNT;
}

static bool pass(const struct hf_judge_input *in, struct hf_judgement *j, const check *checks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char detail[sizeof(j->detail)];
		enum hf_err err;

		j->detail[0] = '\0';
		err = checks[i](in, j);
		if (!err)
			continue;
		memcpy(detail, j->detail, sizeof(detail));
		hf_judge_refuse(j, err, detail);
		return false;
	}
	return true;
}

#define PASS(in, j, checks) pass(in, j, checks, sizeof(checks) / sizeof(checks[0]))

bool hf_judge_own_first(const struct hf_judge_input *in, struct hf_judgement *j)
{
	static const check checks[] = { check_pcr };

	return PASS(in, j, checks);
}

bool hf_judge_own(const struct hf_judge_input *in, struct hf_judgement *j)
{
	static const check checks[] = {
		check_boot_key, check_policy, check_banks, check_model, check_serial, check_image,
		check_same_policy, check_reset_count,
	};

	return PASS(in, j, checks);
}

bool hf_judge_own_tenant(const struct hf_judge_input *in, struct hf_judgement *j)
{
	static const check checks[] = { check_tenant_key };

	return PASS(in, j, checks);
}

/* ---- which images a host may start ---- */

static bool may_start(const struct hf_image *image, enum hf_release_kind release, const char *tenant)
{
	switch (release) {
	case HF_RELEASE_NOTHING:
		return false;
	case HF_RELEASE_TENANT:
		return image->role == HF_IMAGE_TENANT && (!said(tenant) || strcmp(image->name, tenant) == 0);
	case HF_RELEASE_SERVICE:
		return image->role == HF_IMAGE_SERVICE;
	}
	return false;
}

enum hf_err hf_judge_images(const struct hf_manifests *manifests, enum hf_release_kind release,
			    const char *tenant, const struct hf_image **ret, size_t *ret_count)
{
	size_t count = 0;

	for (const struct hf_image *i = manifests->images; i; i = i->next) {
		if (!may_start(i, release, tenant))
			continue;
		if (count == HF_RESULT_IMAGES_MAX)
			return HF_ERR_IMAGE_NOT_ALLOWED;
		ret[count++] = i;
	}
	*ret_count = count;
	return count ? HF_OK : HF_ERR_IMAGE_NOT_ALLOWED;
}
