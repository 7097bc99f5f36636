/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When no controller answers: the owner's release of this host, prepared beforehand, or HELD.
 * Whoever can keep packets away gets here, and no further than the owner said. */
#include "agent/gate.h"

#include <stdio.h>

static enum hf_err find(struct hf_gate *gate, uint32_t reset_count, const struct hf_waiver **ret,
			const char **ret_why)
{
	struct hf_bearer_input input = {
		.manifests = gate->manifests, .model = gate->model, .verdict = &gate->verdict,
		.reset_count = reset_count, .now = hf_gate_now(gate),
	};
	struct hf_ak ak;
	enum hf_err err;

	if (hf_ak_parse(gate->evidence.ak, &ak) == HF_OK)
		input.ak_name = (struct hf_span){ ak.name, sizeof(ak.name) };
	if (gate->would_hold) {
		*ret_why = "the host would be held";
		return HF_ERR_BEARER_REFUSED;
	}
	err = hf_bearer_find(&input, ret, ret_why);
	/* Who can clear the TPM counts its boots anew: the tenant, where nobody has kept him from it. */
	if (err == HF_OK && !gate->generation.clear_disabled) {
		*ret = NULL;
		*ret_why = "TPM2_Clear is not disabled: boots could be counted again (holdfast provision)";
		return HF_ERR_BEARER_REFUSED;
	}
	return err;
}

/* For whoever reads the log, and before END: afterwards nothing could be added any more. */
static enum hf_err record(struct hf_gate *gate, struct hf_fault *fault)
{
	const struct hf_waiver *w = gate->talk.bearer;
	struct hf_part *note = hf_gate_note_part(gate, HF_FALLBACK_NOTE);
	char boots[32];
	enum hf_err err = hf_gate_note_text(gate, note, HF_FALLBACK_MKEY, w->name);

	snprintf(boots, sizeof(boots), "%u-%u", w->boots_from, w->boots_to);
	if (err == HF_OK)
		err = hf_gate_note_text(gate, note, "boots", boots);
	if (err == HF_OK)
		err = hf_gate_note_text(gate, note, "cause", hf_err_name(gate->talk.no_answer.err));
	if (err == HF_OK)
		err = hf_gate_note_digest(gate, note, "file", &gate->manifests->files[w->file].sha256, 0);
	if (err != HF_OK)
		return hf_fail(fault, err, HF_FALLBACK_NOTE, "%s", w->name);
	return hf_gate_record_part(gate, note, fault);
}

enum hf_err hf_gate_fall_back(struct hf_gate *gate, struct hf_fault *fault)
{
	uint32_t reset_count;
	const char *why = NULL;
	enum hf_err err = hf_gate_reset_count(gate, &reset_count, fault);

	if (err != HF_OK)
		return err;
	if (find(gate, reset_count, &gate->talk.bearer, &why) != HF_OK) {
		if (why)
			return hf_fail(fault, HF_ERR_BEARER_REFUSED, HF_BEARER_PLACE, "%s; boot %u", why,
				       reset_count);
		*fault = gate->talk.no_answer;
		return fault->err;
	}
	hf_screen_print(&gate->screen, "  NO CONTROLLER (%s): the owner's release %.40s\n",
			hf_err_name(gate->talk.no_answer.err), gate->talk.bearer->name);
	hf_gate_note(gate, "FALLBACK: the owner's release %.40s", gate->talk.bearer->name);
	return record(gate, fault);
}

enum hf_err hf_gate_check_fallback(struct hf_gate *gate, struct hf_fault *fault)
{
	const struct hf_waiver *now = NULL;
	const char *why = NULL;
	struct hf_quote quote;
	enum hf_err err = hf_quote_parse(gate->evidence.quote, &quote);

	if (err == HF_OK)
		err = find(gate, quote.reset_count, &now, &why);
	if (err == HF_OK && now != gate->talk.bearer)
		err = HF_ERR_BEARER_REFUSED;
	return err == HF_OK ? HF_OK : hf_fail(fault, err, HF_BEARER_PLACE, "%s",
					      why ? why : "not the one that was recorded");
}
