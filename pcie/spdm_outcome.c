/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/spdm_ask.h"

static bool is_good(const struct hf_spdm_slot *slot)
{
	return slot->parsed && !slot->cause;
}

static bool any_good_chain(const struct hf_spdm *s)
{
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		if (is_good(&s->slots[i]))
			return true;
	return false;
}

static enum hf_err first_slot_cause(const struct hf_spdm *s)
{
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		if (s->slots[i].provisioned && s->slots[i].cause)
			return s->slots[i].cause;
	return HF_ERR_SPDM_CANNOT_SIGN;
}

enum hf_err hf_spdm_outcome(const struct hf_spdm *s)
{
	bool signs = (s->capabilities & HF_SPDM_CAP_MEAS) == HF_SPDM_CAP_MEAS_SIGNED;

	/* it refused before anything was agreed on */
	if (s->event == HF_SPDM_SAID_ERROR && !s->asym && !s->measurement_hash)
		return HF_ERR_SPDM_ERROR;
	if (!s->version)
		return HF_ERR_SPDM_VERSION;
	if (s->content == HF_SPDM_CONTENT_CHANGED)
		return HF_ERR_SPDM_CHANGED;
	if (s->measured_slot >= 0)
		return HF_OK;
	if (!(s->capabilities & HF_SPDM_CAP_CERT) || !s->slot_mask)
		return HF_ERR_SPDM_CANNOT_SIGN;
	if (!any_good_chain(s))
		return first_slot_cause(s);
	if (signs && s->version < 0x11 && !is_good(&s->slots[0]))	/* 1.0 signs by that one alone */
		return s->slots[0].cause ? s->slots[0].cause : HF_ERR_SPDM_CANNOT_SIGN;
	if (signs)	/* it can, and did not */
		return HF_ERR_SPDM_ERROR;
	return s->signatures && !(s->capabilities & HF_SPDM_CAP_MEAS) ? HF_OK : HF_ERR_SPDM_CANNOT_SIGN;
}
