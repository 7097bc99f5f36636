/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of the stage begin: the claims of the host part. */
#include "agent/gate.h"

#include <stdio.h>

#include "agent/driver_firmware.h"
#include "agent/platform.h"

/* What the TPM knows about generations; where it does not count, that is a claim. */
static enum hf_err claim_generation(struct hf_gate *gate)
{
	const struct hf_generation *g = &gate->generation;
	static const char *const states[] = {
		[HF_INDEX_ABSENT] = "absent", [HF_INDEX_FOREIGN] = "another's",
		[HF_INDEX_UNWRITTEN] = "unwritten", [HF_INDEX_OURS] = "present" };
	char text[96];
	struct hf_measurement *m;
	enum hf_err err;

	m = hf_claims_add_measurement(&gate->claims, gate->host_part, NULL, "generation",
				      HF_METHOD_VERSION, HF_MEASUREMENT_ADVISORY);
	if (!m)
		return HF_ERR_LIMIT;
	if (hf_generation_counts(g))
		hf_measurement_set_number(m, g->value);
	else
		hf_measurement_set_failure(m, HF_ERR_GENERATION_ADVISORY);
	if (!gate->tpm)
		return HF_OK;
	snprintf(text, sizeof(text), "%s; owner value %s, lockout value %s, clear %s", states[g->index],
		 g->owner_auth ? "set" : "empty", g->lockout_auth ? "set" : "empty",
		 g->clear_disabled ? "disabled" : "possible");
	m = hf_claims_add_measurement(&gate->claims, gate->host_part, NULL, "tpm/generation-index",
				      HF_METHOD_VERSION, HF_MEASUREMENT_ADVISORY);
	err = m ? hf_measurement_set_text(&gate->claims, m, text) : HF_ERR_LIMIT;
	return err;
}

/* Whoever started us ran first, with devices that nobody had put on hold. */
static enum hf_err claim_step(struct hf_gate *gate)
{
	struct hf_measurement *m = hf_claims_add_measurement(&gate->claims, gate->host_part, NULL, HF_STEP_MKEY,
							     HF_METHOD_IDENTITY, 0);

	return m ? hf_measurement_set_text(&gate->claims, m, HF_STEP) : HF_ERR_LIMIT;
}

enum hf_err hf_gate_claim_host(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_platform_sources sources = { .procfs = gate->options.procfs };
	struct hf_tpm_words words;
	enum hf_err err = HF_OK;

	if (gate->tpm) {
		err = hf_tpm_describe(gate->tpm, gate->banks, &words, fault);
		sources.tpm = &words;
	}
	if (err != HF_OK)
		return err;
	err = hf_platform_claims(&gate->host, &sources, &gate->claims, &gate->host_part);
	if (err == HF_OK)
		err = hf_hold_claims(&gate->hold, hf_gate_live(gate), &gate->claims, gate->host_part);
	if (err == HF_OK && gate->options.step)
		err = claim_step(gate);
	if (err != HF_OK)
		return hf_fail(fault, err, "host", "%s", "facts about the host");
	if (gate->tpm)
		err = hf_tpm_generation(gate->tpm, &gate->generation, fault);
	if (err != HF_OK)
		return err;
	err = claim_generation(gate);
	return err == HF_OK ? HF_OK : hf_fail(fault, err, "host", "%s", "generation");
}

/* What the model's drivers would give to devices, out of this image; of a captured tree, out
 * of the system beside it. */
enum hf_err hf_gate_claim_driver_firmware(struct hf_gate *gate, struct hf_fault *fault)
{
	char root[sizeof(gate->host.root) + 4] = "", path[512] = "";
	struct hf_driver_firmware where = {
		.root = root,
		.release = hf_platform_text(gate->host_part, "kernel"),
		.path = path,
	};
	enum hf_err err;

	if (!gate->model || !where.release)
		return HF_OK;
	if (!gate->host.live)
		snprintf(root, sizeof(root), "%s/..", gate->host.root);
	else if (hf_host_read_text(&gate->host, "module/firmware_class/parameters/path", path,
				   sizeof(path)) != HF_OK)
		path[0] = '\0';
	err = hf_driver_firmware_claims(&where, gate->model->drivers, &gate->claims, gate->host_part);
	return err == HF_OK ? HF_OK : hf_fail(fault, err, "host", "%s", "firmware of drivers");
}
