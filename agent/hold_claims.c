/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the hold found and what the kernel refused of it, as claims of the host. [pure] */
#include <stdio.h>

#include "agent/hold.h"

static struct hf_measurement *claim(struct hf_claims *claims, struct hf_part *part,
				    const char *mkey, uint32_t flags)
{
	return hf_claims_add_measurement(claims, part, NULL, mkey, HF_METHOD_IDENTITY, flags);
}

static enum hf_err claim_text(struct hf_claims *claims, struct hf_part *part, const char *mkey,
			      uint32_t flags, const char *text)
{
	struct hf_measurement *m = claim(claims, part, mkey, flags);

	return m ? hf_measurement_set_text(claims, m, text) : HF_ERR_LIMIT;
}

static enum hf_err claim_off(struct hf_claims *claims, struct hf_part *part, const char *mkey,
			     enum hf_err result)
{
	struct hf_measurement *m;

	if (result == HF_OK)
		return claim_text(claims, part, mkey, 0, "off");
	m = hf_claims_add_measurement(claims, part, NULL, mkey, HF_METHOD_NONE, 0);
	if (!m)
		return HF_ERR_LIMIT;
	hf_measurement_set_failure(m, result);
	return HF_OK;
}

static enum hf_err claim_count(struct hf_claims *claims, struct hf_part *part, const char *mkey,
			       size_t count)
{
	struct hf_measurement *m = claim(claims, part, mkey, HF_MEASUREMENT_ADVISORY);

	if (!m)
		return HF_ERR_LIMIT;
	hf_measurement_set_number(m, count);
	return HF_OK;
}

/* All of the list, in as many claims as it takes: MKEY, MKEY/2, MKEY/3 ... and how many
 * functions had no room in it. */
static enum hf_err claim_list(struct hf_claims *claims, struct hf_part *part, const char *mkey,
			      const char *list, size_t found)
{
	char key[HF_MKEY_MAX], text[HF_TEXT_MAX + 1];
	enum hf_err err = HF_OK;
	size_t listed = 0;

	for (int n = 1; *list && err == HF_OK; n++) {
		size_t len = strnlen(list, HF_TEXT_MAX + 1);

		while (len > HF_TEXT_MAX || (list[len] != ' ' && list[len] != '\0'))
			len--;
		memcpy(text, list, len);
		text[len] = '\0';
		if (n == 1)
			snprintf(key, sizeof(key), "%s", mkey);
		else
			snprintf(key, sizeof(key), "%s/%d", mkey, n);
		err = claim_text(claims, part, key, HF_MEASUREMENT_ADVISORY, text);
		for (const char *c = text; *c; c++)
			listed += *c == ' ';
		listed++;
		list += len + (list[len] == ' ');
	}
	snprintf(key, sizeof(key), "%s/left-out", mkey);
	return err == HF_OK && listed < found ? claim_count(claims, part, key, found - listed) : err;
}

enum hf_err hf_hold_claims(const struct hf_hold *hold, bool live, struct hf_claims *claims,
			   struct hf_part *part)
{
	enum hf_err err;

	if (!live)
		return claim_text(claims, part, "hold", HF_MEASUREMENT_ADVISORY, "rehearsal");
	err = claim_off(claims, part, "hold/autoprobe", hold->autoprobe);
	if (err == HF_OK)
		err = claim_off(claims, part, "hold/sysrq", hold->sysrq);
	if (err == HF_OK)
		err = claim_off(claims, part, "hold/panic-reboot", hold->panic);
	if (err == HF_OK)
		err = claim_off(claims, part, "hold/ctrl-alt-del", hold->ctrl_alt_del);
	if (err == HF_OK)
		err = claim_off(claims, part, "hold/bus-master", hold->bus_master);
	if (err == HF_OK)
		err = claim_count(claims, part, "hold/bus-masters-found", hold->masters_found);
	if (err == HF_OK)
		err = claim_count(claims, part, "hold/bus-masters-refused", hold->masters_refused);
	if (err == HF_OK)
		err = claim_list(claims, part, "hold/found-bus-master", hold->masters,
				 hold->masters_found);
	if (err == HF_OK)
		err = claim_count(claims, part, "hold/drivers-found", hold->bound_found);
	if (err == HF_OK)
		err = claim_list(claims, part, "hold/found-bound", hold->bound, hold->bound_found);
	return err;
}
