/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stages hold and begin: the host stands still, and the log says who judges by what. */
#include "agent/gate.h"

#include <fcntl.h>
#include <stdio.h>

#include "agent/crash.h"
#include "agent/events.h"
#include "agent/pid1.h"
#include "agent/platform.h"
#include "agent/watch.h"
#include "manifests/revocation.h"
#include "measure/file.h"

#define COMMAND_LINE_MAX 4096
#define BEGIN_MAX 32768
#define TPM_RANDOM 32
#define FIRMWARE_LOG "kernel/security/tpm0/binary_bios_measurements"

/* ---- hold ---- */

static enum hf_err prepare_process(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	if (gate->options.pid1)
		err = hf_pid1_mounts(fault);
	else
		gate->efivars_ours = hf_pid1_step_mounts();

	if (err == HF_OK)
		err = hf_screen_consoles(&gate->screen, fault);
	if (err == HF_OK)
		err = hf_pid1_signals(gate->screen.fds, gate->screen.count, fault);
	if (err == HF_OK)	/* before anything is done to a device */
		err = hf_watch_start(HF_STAGE_SECONDS, fault);
	return err;
}

static void note_hold(struct hf_gate *gate)
{
	const struct hf_hold *h = &gate->hold;

	if (!hf_gate_live(gate)) {
		hf_gate_note(gate, "a captured tree: nothing is written to it");
		return;
	}
	hf_gate_note(gate, "%zu/%zu bus masters off, probe %s, %zu bound",
		     h->masters_off, h->masters_found, h->autoprobe == HF_OK ? "off" : "REFUSED",
		     h->bound_found);
}

enum hf_err hf_gate_hold(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	if (gate->options.pid1 || gate->options.step)
		err = prepare_process(gate, fault);
	if (err == HF_OK)
		err = hf_host_open(gate->options.sysfs, &gate->host, fault);
	if (err != HF_OK)
		return err;
	gate->host_open = true;
	if (gate->host.live && !hf_gate_live(gate))
		return hf_fail(fault, HF_ERR_NOT_PID1, gate->host.root, "%s",
			       "a rehearsal needs a captured tree");
	hf_screen_print(&gate->screen, "holdfast %s: %s\n", HF_VERSION,
			hf_gate_live(gate) ? "this host is held until it is judged" : "rehearsal");
	if (hf_gate_live(gate))
		err = hf_hold_take(&gate->host, &gate->hold, fault);
	note_hold(gate);
	return err;
}

/* ---- begin ---- */

static enum hf_err read_configuration(struct hf_gate *gate, struct hf_fault *fault)
{
	char path[512];
	struct hf_span text;
	enum hf_err err;

	if (gate->options.config)
		snprintf(path, sizeof(path), "%s", gate->options.config);
	else
		snprintf(path, sizeof(path), "%s/holdfast.conf", gate->options.etc);
	err = hf_file_read(AT_FDCWD, path, HF_CONF_MAX, &gate->arena, &text, fault);
	if (err != HF_OK)
		return err;
	return hf_conf_parse(text, path, &gate->conf, fault);
}

/* A rehearsal never takes the machine's own TPM by default. */
static enum hf_err open_tpm(struct hf_gate *gate, struct hf_fault *fault)
{
	const char *conf = gate->conf.tcti[0] ? gate->conf.tcti : NULL;
	enum hf_err err;

	if (!hf_gate_live(gate)) {
		conf = gate->options.tcti;
		if (!conf)
			return hf_fail(fault, HF_ERR_TPM_MISSING, NULL, "%s", "no --tcti given");
	}
	err = hf_tpm_open(conf, &gate->tpm, fault);
	if (err == HF_OK)
		err = hf_tpm_banks(gate->tpm, &gate->banks, fault);
	return err;
}

static enum hf_err start_log(struct hf_gate *gate, uint32_t banks, struct hf_fault *fault)
{
	uint8_t *buf = hf_arena_take(&gate->arena, HF_LOG_MAX);
	enum hf_err err = buf ? hf_log_start(&gate->log, buf, HF_LOG_MAX, banks, gate->conf.pcr)
			      : HF_ERR_NO_MEMORY;

	if (err != HF_OK)
		return hf_fail(fault, err, NULL, "%s", "starting the log");
	gate->log_started = true;
	return HF_OK;
}

/* Whoever extended our PCR before us in this boot could have put anything there, our own
 * golden log included. Every allocated bank, or it is no check. */
static enum hf_err check_pcr_zero(struct hf_gate *gate, struct hf_fault *fault)
{
	static const uint8_t zero[HF_DIGEST_MAX];
	char where[32];

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		struct hf_digest value;
		enum hf_err err;

		if (!(gate->banks & HF_ALG_MASK(alg)))
			continue;
		err = hf_tpm_pcr_read(gate->tpm, gate->conf.pcr, alg, &value, fault);
		if (err != HF_OK)
			return err;
		if (memcmp(value.bytes, zero, hf_alg_size(alg)) == 0)
			continue;
		snprintf(where, sizeof(where), "PCR %u, bank %s", gate->conf.pcr, hf_alg_name(alg));
		return hf_fail(fault, HF_ERR_PCR_NOT_ZERO, where, "it begins %02x%02x%02x%02x",
			       value.bytes[0], value.bytes[1], value.bytes[2], value.bytes[3]);
	}
	return HF_OK;
}

/* The attestation key now, so that a value somebody set in the TPM shows early. */
static enum hf_err make_keys(struct hf_gate *gate, struct hf_fault *fault)
{
	uint8_t random[TPM_RANDOM], *spki = hf_arena_take(&gate->arena, HF_BOOT_SPKI_MAX);
	uint8_t *ak = hf_arena_take(&gate->arena, HF_ATTEST_MAX);
	struct hf_writer spki_writer = { .buf = spki, .cap = HF_BOOT_SPKI_MAX };
	struct hf_writer ak_writer = { .buf = ak, .cap = HF_ATTEST_MAX };
	size_t random_len = 0;
	enum hf_err err = HF_OK;

	if (!spki || !ak)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "keys");
	if (gate->tpm) {
		err = hf_tpm_ak(gate->tpm, &ak_writer, fault);
		if (err == HF_OK)
			err = hf_tpm_random(gate->tpm, random, sizeof(random), fault);
		random_len = sizeof(random);
	}
	if (err != HF_OK)
		return err;
	err = hf_boot_key_make((struct hf_span){ random, random_len }, &gate->boot_key, &spki_writer);
	memset(random, 0, sizeof(random));
	if (err == HF_OK)
		err = hf_digest(HF_ALG_SHA256, hf_written(&spki_writer), &gate->boot_id);
	if (err != HF_OK)
		return hf_fail(fault, err, NULL, "%s", "making the boot key");
	gate->boot_spki = hf_written(&spki_writer);
	gate->evidence.ak = hf_written(&ak_writer);
	return HF_OK;
}

/* One that is not there, or cannot be read, is judged as missing. */
static void read_firmware_log(struct hf_gate *gate)
{
	struct hf_span log;

	if (hf_host_read(&gate->host, FIRMWARE_LOG, HF_FIRMWARE_LOG_MAX, &gate->arena, &log,
			 NULL) == HF_OK)
		gate->firmware_log = log;
}

/* ---- who judges: everything here may fail without stopping the measuring ---- */

static enum hf_err read_manifests(struct hf_gate *gate, struct hf_fault *fault)
{
	char path[512];
	enum hf_err err;

	snprintf(path, sizeof(path), "%s/anchors", gate->options.etc);
	err = hf_trust_read(path, &gate->trust, fault);
	if (err != HF_OK)
		return err;
	snprintf(path, sizeof(path), "%s/manifests.d", gate->options.etc);
	err = hf_manifests_read(&gate->trust, path, 0, gate->manifests, fault);
	if (err != HF_OK)
		return err;
	if (gate->manifests->file_count == 0)
		return hf_fail(fault, HF_ERR_MANIFEST_MISSING, path, "%s", "no *.corim there");
	/* whoever can leave a list out could otherwise take back what it took back */
	if (hf_revocations_generation(gate->manifests) < gate->conf.revocations)
		return hf_fail(fault, HF_ERR_MANIFEST_GENERATION, "revocations",
			       "generation %llu, wanted %llu",
			       (unsigned long long)hf_revocations_generation(gate->manifests),
			       (unsigned long long)gate->conf.revocations);
	return HF_OK;
}

static enum hf_err check_index(const struct hf_gate *gate, const struct hf_model *model,
			       struct hf_fault *fault)
{
	const struct hf_generation *g = &gate->generation;

	if (hf_generation_counts(g) && model->generation < g->value)
		return hf_fail(fault, HF_ERR_MANIFEST_GENERATION, model->name,
			       "generation %llu, the TPM holds %llu",
			       (unsigned long long)model->generation, (unsigned long long)g->value);
	if (gate->conf.generation_index && !hf_generation_counts(g))
		return hf_fail(fault, HF_ERR_GENERATION_MISSING, "TPM", "%s",
			       g->index == HF_INDEX_ABSENT ? "the index is absent" :
			       g->index == HF_INDEX_OURS ? "not protected: see the host's claims" :
			       "the index is not the one that provisioning makes");
	return HF_OK;
}

static enum hf_err choose_model(struct hf_gate *gate, struct hf_fault *fault)
{
	const char *vendor = hf_platform_text(gate->host_part, "smbios/vendor");
	const char *product = hf_platform_text(gate->host_part, "smbios/product");
	const struct hf_model *model = NULL;
	enum hf_err err = hf_model_choose(gate->manifests, vendor, product, &model);

	if (err != HF_OK)
		return hf_fail(fault, err, "host", "vendor \"%s\", product \"%s\"",
			       vendor ? vendor : "?", product ? product : "?");
	if (model->generation < gate->conf.generation)
		return hf_fail(fault, HF_ERR_MANIFEST_GENERATION, model->name,
			       "generation %llu, wanted %llu", (unsigned long long)model->generation,
			       (unsigned long long)gate->conf.generation);
	err = check_index(gate, model, fault);
	if (err == HF_OK)
		gate->model = model;
	return err;
}

static enum hf_err record_begin(struct hf_gate *gate, const char *command_line, struct hf_fault *fault)
{
	const struct hf_begin begin = {
		.boot_key = { gate->boot_id.bytes, hf_alg_size(HF_ALG_SHA256) },
		.trust = &gate->trust,
		.manifests = gate->manifests,
		.model = gate->model,
		.policy = hf_policy_name(gate->conf.policy),
		.manifest_error = gate->manifest_fault.err,
		.command_line = hf_span_text(command_line ? command_line : ""),
	};
	struct hf_writer w = { .buf = hf_arena_take(&gate->arena, BEGIN_MAX), .cap = BEGIN_MAX };

	if (!w.buf)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "BEGIN");
	hf_begin_encode(&begin, &w);
	if (w.full)
		return hf_fail(fault, HF_ERR_LOG_FULL, NULL, "%zu manifests are too many for BEGIN",
			       gate->manifests->file_count);
	return hf_gate_event(gate, HF_TAG_BEGIN, hf_written(&w), fault);
}

/* Nothing unsigned may loosen anything; there is no such word that we would obey, so one
 * that is there was put there by somebody who thinks otherwise. */
static enum hf_err check_command_line(const struct hf_gate *gate, const char *command_line,
				      struct hf_fault *fault)
{
	if (!command_line && hf_gate_live(gate))
		return hf_fail(fault, HF_ERR_HOLD_FAILED, "command line", "%s", "not readable as text");
	for (const char *c = command_line; c && *c; c++) {
		bool starts = c == command_line || c[-1] == ' ' || c[-1] == '"' || c[-1] == '\t';

		if (starts && strncmp(c, "holdfast.", 9) == 0)
			return hf_fail(fault, HF_ERR_COMMAND_LINE_REFUSED, "command line", "%.*s",
				       (int)strcspn(c, " \t"), c);
	}
	return HF_OK;
}

/* A crash must cap the PCR too. The kernel's plain TPM device takes a command of its own
 * beside the resource manager that the gate speaks through; where it is not to be had, a
 * crash leaves the PCR as it is, and says so. */
static enum hf_err prepare_crash(struct hf_gate *gate, struct hf_fault *fault)
{
	uint8_t command[HF_CRASH_COMMAND_MAX];
	struct hf_writer w = { .buf = command, .cap = sizeof(command) };

	if (!hf_gate_live(gate) || hf_crash_cap_command(gate->conf.pcr, gate->banks, &w) != HF_OK)
		return HF_OK;
	gate->crash_tpm = open("/dev/tpm0", O_RDWR | O_CLOEXEC);
	hf_crash_cap(gate->crash_tpm, hf_written(&w));
	return hf_watch_start(HF_STAGE_SECONDS, fault);	/* one that can cap, too */
}

/* The log exists from the first moment there is a TPM, whatever fails after: a host that
 * is held early is capped too. */
static enum hf_err begin_tpm(struct hf_gate *gate, struct hf_fault *missing, struct hf_fault *fault)
{
	struct hf_fault conf_fault = { 0 };
	enum hf_err conf_err = read_configuration(gate, &conf_fault);
	enum hf_err err = open_tpm(gate, missing);

	gate->host.device_ms = gate->conf.device_seconds * 1000;
	if (err != HF_OK && err != HF_ERR_TPM_MISSING) {
		*fault = *missing;
		return err;
	}
	err = start_log(gate, gate->tpm ? gate->banks : HF_ALG_MASK(HF_ALG_SHA256), fault);
	if (err == HF_OK && gate->tpm) {
		err = prepare_crash(gate, fault);
		if (err == HF_OK)
			err = check_pcr_zero(gate, fault);
	}
	if (err != HF_OK)
		return err;
	if (conf_err != HF_OK)
		*fault = conf_fault;
	return conf_err;
}

static void note_begin(struct hf_gate *gate)
{
	const char *tpm = gate->tpm ? "" : "; NO TPM";

	if (gate->model)
		hf_gate_note(gate, "%.24s generation %llu, %s%s", gate->model->name,
			     (unsigned long long)gate->model->generation,
			     gate->model->mode == HF_MODE_AUDIT ? "AUDIT" : "enforce", tpm);
	else
		hf_gate_note(gate, "no model: %s%s", hf_err_name(gate->manifest_fault.err), tpm);
}

enum hf_err hf_gate_begin(struct hf_gate *gate, struct hf_fault *fault)
{
	struct hf_fault missing = { 0 };
	const char *command_line;
	enum hf_err err = begin_tpm(gate, &missing, fault);

	if (err == HF_OK)
		err = hf_gate_claim_host(gate, fault);
	if (err == HF_OK)
		err = make_keys(gate, fault);
	if (err != HF_OK)
		return err;
	read_firmware_log(gate);
	err = read_manifests(gate, &gate->manifest_fault);
	if (err == HF_OK)
		err = choose_model(gate, &gate->manifest_fault);
	if (!gate->tpm && !(gate->model && !gate->model->tpm_required)) {
		*fault = missing;
		return HF_ERR_TPM_MISSING;
	}
	err = hf_gate_claim_driver_firmware(gate, fault);
	if (err != HF_OK)
		return err;
	command_line = hf_platform_text(gate->host_part, "command-line");
	err = record_begin(gate, command_line, fault);
	if (err == HF_OK)
		err = check_command_line(gate, command_line, fault);
	note_begin(gate);
	return err;
}
