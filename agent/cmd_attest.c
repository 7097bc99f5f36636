/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnosis: the gate's measurements and a quote, on the debug PCR. Any program may reset
 * that PCR, so nothing made here can stand for a boot. */
#include "agent/args.h"
#include "agent/attest_link.h"
#include "agent/commands.h"
#include "agent/events.h"
#include "agent/link_url.h"
#include "agent/measure_host.h"
#include "agent/platform.h"
#include "agent/tpm.h"
#include "manifests/report.h"
#include "measure/evidence.h"
#include "measure/transcripts.h"
#include "pcie/spdm.h"

#include <stdio.h>
#include <stdlib.h>

#define DIAGNOSIS_PCR 16u
#define NONCE_MIN 8
#define NONCE_MAX 64
#define FIRMWARE_LOG "kernel/security/tpm0/binary_bios_measurements"

static const char usage[] =
	"usage: holdfast attest --nonce HEX --out DIR [OPTION...]\n"
	"       holdfast attest --controller URL --ca FILE [--ticket-anchor FILE]\n"
	"                       [--controller-name NAME] [--controller-seconds N]\n"
	"                       [--out DIR] [OPTION...]\n"
	"options: [--tcti CONF] [--sysfs DIR] [--rom=auto|all|none] [--json]\n"
	"         [--mailboxes] [--vfio] [--device-seconds N] [--initramfs-step NAME]\n"
	"\n"
	"Measure this host, record it in PCR 16 and quote it: a diagnosis. PCR 16 is\n"
	"reset first. Evidence made here never earns a release: only the gate's does.\n"
	"\n"
	"  --nonce HEX   8 to 64 bytes, quoted as they are\n"
	"  --controller URL  https://ADDRESS:PORT of a holdfastd: it gives the nonce,\n"
	"                judges the evidence, and its signed result is shown; a host\n"
	"                that it asks to enrol is enrolled\n"
	"  --ca FILE     who its certificate is by: PEM, and nobody else is believed\n"
	"  --ticket-anchor FILE  who signs its results; without, nobody checks that\n"
	"  --controller-name NAME  in its certificate, in place of the address\n"
	"  --controller-seconds N  then nobody answers (60)\n"
	"  --out DIR     the evidence: logs, claims, quote, attestation key\n"
	"  --tcti CONF   the TPM, as tpm2-tools name it (default: /dev/tpmrm0)\n"
	"  --sysfs DIR   a captured tree in place of /sys\n"
	"  --rom=...     as for scan\n"
	"  --mailboxes, --vfio  as for scan; devices sign for the nonce\n"
	"  --device-seconds N  give up a device that keeps silent for so long (5)\n"
	"  --initramfs-step NAME  as for scan\n"
	"  --json        the claims as JSON; with --controller its result\n"
	"\n"
	"exit codes: 0 written, or affirmed by the controller; 3 refused by it;\n"
	"            4 written but a device could not be read; 5 TPM; 6 controller\n";

struct attest {
	bool json, mailboxes, vfio;
	const char *nonce_hex, *out, *tcti, *sysfs, *rom, *patience, *step;
	enum hf_rom_wish wish;
	unsigned device_ms;
	uint8_t nonce_bytes[NONCE_MAX];
	struct hf_span nonce;
	struct hf_survey survey;
	struct hf_tpm *tpm;
	struct hf_log log;
	struct hf_evidence evidence;
	struct hf_attest_link controller;
	struct hf_fault *fault;
};

static struct hf_writer writer(struct attest *a, size_t cap)
{
	uint8_t *buf = hf_arena_take(&a->survey.arena, cap);

	return (struct hf_writer){ .buf = buf, .cap = buf ? cap : 0 };
}

static bool parse_nonce(struct attest *a)
{
	size_t len = strlen(a->nonce_hex);
	unsigned value;

	if (len % 2 || len < 2 * NONCE_MIN || len > 2 * NONCE_MAX ||
	    strspn(a->nonce_hex, "0123456789abcdefABCDEF") != len)
		return false;
	for (size_t i = 0; i < len / 2; i++) {
		if (sscanf(a->nonce_hex + 2 * i, "%2x", &value) != 1)
			return false;
		a->nonce_bytes[i] = (uint8_t)value;
	}
	a->nonce = (struct hf_span){ a->nonce_bytes, len / 2 };
	return true;
}

static enum hf_err record(struct attest *a, enum hf_tag tag, const struct hf_writer *payload)
{
	struct hf_log_entry entry;
	enum hf_err err = payload->full ? HF_ERR_LIMIT : HF_OK;

	if (!err)
		err = hf_log_reserve(&a->log, tag, hf_written(payload), &entry);
	if (err)
		return hf_fail(a->fault, err, "log", "%zu bytes so far", a->log.out.len);
	err = hf_tpm_extend(a->tpm, DIAGNOSIS_PCR, &entry, a->fault);
	if (!err)
		hf_log_commit(&a->log);
	return err;
}

static enum hf_err start(struct attest *a)
{
	static uint8_t log_bytes[HF_LOG_MAX];
	struct hf_digest value;
	uint32_t banks;
	enum hf_err err;

	err = a->tpm ? HF_OK : hf_tpm_open(a->tcti, &a->tpm, a->fault);
	if (!err)
		err = hf_tpm_banks(a->tpm, &banks, a->fault);
	if (!err)
		err = hf_tpm_pcr_reset(a->tpm, DIAGNOSIS_PCR, a->fault);
	for (enum hf_alg alg = 0; !err && alg < HF_ALG_COUNT; alg++) {
		if (!(banks & HF_ALG_MASK(alg)))
			continue;
		err = hf_tpm_pcr_read(a->tpm, DIAGNOSIS_PCR, alg, &value, a->fault);
		for (size_t i = 0; !err && i < hf_alg_size(alg); i++)
			if (value.bytes[i])
				err = hf_fail(a->fault, HF_ERR_PCR_NOT_ZERO, "PCR 16", "bank %s",
					      hf_alg_name(alg));
	}
	if (err)
		return err;
	err = hf_log_start(&a->log, log_bytes, sizeof(log_bytes), banks, DIAGNOSIS_PCR);
	return err ? hf_fail(a->fault, err, "log", "banks 0x%x", banks) : HF_OK;
}

static enum hf_err record_begin(struct attest *a)
{
	const char *command_line = hf_platform_text(a->survey.host_part, "command-line");
	struct hf_begin begin = {
		.policy = "diagnosis",
		.manifest_error = HF_ERR_MANIFEST_MISSING,
		.command_line = hf_span_text(command_line ? command_line : ""),
	};
	struct hf_writer w = writer(a, 8192);

	if (a->controller.urls)
		begin.boot_key = (struct hf_span){ a->controller.key_id.bytes, 32 };
	hf_begin_encode(&begin, &w);
	return record(a, HF_TAG_BEGIN, &w);
}

static enum hf_err record_parts(struct attest *a)
{
	struct hf_writer claims = writer(a, HF_PART_CBOR_MAX);
	uint8_t payload_bytes[HF_PATH_MAX + 128];

	for (const struct hf_part *part = a->survey.claims.parts; part; part = part->next) {
		struct hf_writer payload = { .buf = payload_bytes, .cap = sizeof(payload_bytes) };
		struct hf_digest digest;
		enum hf_err err;

		claims.len = 0;
		hf_part_encode(part, &claims);
		if (claims.full)
			return hf_fail(a->fault, HF_ERR_LIMIT, part->path, "claims of one part");
		err = hf_digest(HF_ALG_SHA384, hf_written(&claims), &digest);
		if (err)
			return hf_fail(a->fault, err, part->path, "digest");
		hf_log_part_payload(&payload, part->path, &digest);
		err = record(a, HF_TAG_PART, &payload);
		if (err)
			return err;
	}
	return HF_OK;
}

static enum hf_err record_end(struct attest *a)
{
	struct hf_writer w = writer(a, 1024);

	hf_end_encode(NULL, HF_ERR_MANIFEST_MISSING, HF_MODE_ENFORCE, &w);
	return record(a, HF_TAG_END, &w);
}

/* A log that does not replay, or a quote that we cannot verify, is our own fault or the
 * TPM's: better to say so here than at the verifier. */
static enum hf_err check_own(struct attest *a, const struct hf_ak *ak, const struct hf_pcrs *pcrs)
{
	const uint32_t selection = HF_QUOTE_PCRS | 1u << DIAGNOSIS_PCR;
	struct hf_pcrs replayed;
	enum hf_err err;

	err = hf_log_replay(a->evidence.log, HF_ALG_SHA256, &replayed);
	if (!err && memcmp(replayed.value[DIAGNOSIS_PCR], pcrs->value[DIAGNOSIS_PCR], 32) != 0)
		err = HF_ERR_LOG_REPLAY;
	if (!err)
		err = hf_quote_verify(ak, a->evidence.quote, a->evidence.signature, a->nonce,
				      selection, pcrs, NULL);
	return err ? hf_fail(a->fault, err, "own evidence", "PCR 16") : HF_OK;
}

static enum hf_err quote(struct attest *a)
{
	const uint32_t selection = HF_QUOTE_PCRS | 1u << DIAGNOSIS_PCR;
	struct hf_writer public_area = writer(a, HF_ATTEST_MAX), attest = writer(a, HF_ATTEST_MAX);
	struct hf_writer signature = writer(a, HF_ATTEST_MAX), pem = writer(a, 1024);
	struct hf_writer values = writer(a, 16384);
	struct hf_pcrs pcrs;
	struct hf_ak ak;
	enum hf_err err;

	err = hf_tpm_ak(a->tpm, &public_area, a->fault);
	if (!err)
		err = hf_tpm_quote(a->tpm, selection, a->nonce, &attest, &signature, a->fault);
	if (!err)
		err = hf_tpm_pcrs(a->tpm, HF_ALG_SHA256, &pcrs, a->fault);
	if (err)
		return err;
	err = hf_ak_parse(hf_written(&public_area), &ak);
	if (!err)
		err = hf_ak_pem(&ak, &pem);
	if (err)
		return hf_fail(a->fault, err, "attestation key", "%zu bytes", public_area.len);
	hf_pcrs_tools_format(&pcrs, selection, &values);
	a->evidence.log = hf_written(&a->log.out);
	a->evidence.ak = hf_written(&public_area);
	a->evidence.ak_pem = hf_written(&pem);
	a->evidence.quote = hf_written(&attest);
	a->evidence.signature = hf_written(&signature);
	a->evidence.quote_pcrs = hf_written(&values);
	return check_own(a, &ak, &pcrs);
}

/* What devices signed, as it lies beside the claims. */
static enum hf_err add_transcripts(struct attest *a)
{
	const struct hf_attachment *list = a->survey.claims.attachments;
	struct hf_writer w;
	size_t cap = 16;

	if (!list)
		return HF_OK;
	for (const struct hf_attachment *one = list; one; one = one->next)
		cap += one->bytes.len + 9;
	w = writer(a, cap);
	hf_transcripts_encode(list, &w);
	if (w.full)
		return hf_fail(a->fault, HF_ERR_LIMIT, "transcripts", "%zu bytes", cap);
	a->evidence.transcripts = hf_written(&w);
	return HF_OK;
}

static enum hf_err collect_evidence(struct attest *a, char *json)
{
	struct hf_writer claims = writer(a, (size_t)64 << 20);
	struct hf_span firmware_log;
	enum hf_err err;

	hf_claims_encode(&a->survey.claims, &claims);
	if (claims.full)
		return hf_fail(a->fault, HF_ERR_LIMIT, "claims", "more than 64 MiB");
	err = add_transcripts(a);
	if (err)
		return err;
	a->evidence.claims = hf_written(&claims);
	a->evidence.nonce = a->nonce;
	a->evidence.verdict = hf_span_text(json);
	err = hf_host_read(&a->survey.host, FIRMWARE_LOG, HF_FIRMWARE_LOG_MAX, &a->survey.arena,
			   &firmware_log, NULL);
	if (!err)
		a->evidence.firmware_log = firmware_log;
	a->evidence.boot_key = a->controller.spki;
	return a->out ? hf_evidence_write(&a->evidence, a->out, a->fault) : HF_OK;
}

/* The controller's nonce has to be there before any device is asked for a signature. */
static enum hf_err ask_controller(struct attest *a)
{
	enum hf_err err = hf_tpm_open(a->tcti, &a->tpm, a->fault);

	if (!err)
		err = hf_attest_link_begin(&a->controller, a->tpm, a->sysfs, a->fault);
	a->nonce = a->controller.challenge.nonce;
	return err;
}

static enum hf_err show_json(struct attest *a, char *claims)
{
	char *text = a->controller.urls ? hf_attest_link_json(&a->controller) : claims;

	if (!text)
		return hf_fail(a->fault, HF_ERR_NO_MEMORY, "result", "JSON");
	printf("%s\n", text);
	if (text != claims)
		free(text);
	return HF_OK;
}

static enum hf_err measure(struct attest *a)
{
	/* No boot key: the nonce alone says when, and it is here before anybody is asked. */
	const struct hf_spdm_seed seed = { .challenge = a->nonce, .pass = HF_SPDM_PASS_MEASURE };
	const struct hf_survey_options wanted = { .wish = a->wish, .device_ms = a->device_ms,
						  .mailbox = a->mailboxes || a->vfio,
						  .vfio = a->vfio, .step = a->step, .seed = &seed };
	enum hf_err err = hf_survey_read(a->sysfs, &wanted, &a->survey, a->fault);
	char *json;

	if (!err)
		err = start(a);
	if (!err)
		err = record_begin(a);
	if (!err)
		err = record_parts(a);
	if (!err)
		err = record_end(a);
	if (!err)
		err = quote(a);
	if (err)
		return err;
	json = hf_report_json(&a->survey.claims, NULL, true);
	if (!json)
		return hf_fail(a->fault, HF_ERR_NO_MEMORY, "report", "JSON");
	err = collect_evidence(a, json);
	if (!err && a->controller.urls)
		err = hf_attest_link_send(&a->controller, &a->evidence, a->fault);
	if (!err && a->json)
		err = show_json(a, json);
	free(json);
	return err;
}

static enum hf_err run(struct attest *a)
{
	enum hf_err err = a->controller.urls ? ask_controller(a) : HF_OK;

	return err ? err : measure(a);
}

static void print_summary(void *self, struct hf_writer *w)
{
	const struct attest *a = self;

	hf_report_coverage(&a->survey.claims, NULL, w);
	hf_survey_step_print(a->step, w);
}

static int report(const char *command, struct attest *a)
{
	const char *path = "";
	enum hf_err err;

	if (!a->json) {
		if (hf_survey_output(print_summary, a, a->fault))
			return hf_args_fault(command, a->fault);
		if (a->out)
			printf("quoted with PCR 16; %s evidence is in %s\n",
			       a->evidence.firmware_log.len ? "all" : "all but a firmware log", a->out);
		if (a->controller.urls &&
		    hf_survey_output(hf_attest_link_print, &a->controller, a->fault))
			return hf_args_fault(command, a->fault);
		printf("This is a diagnosis: it never earns a release. Only the gate's own\n"
		       "evidence, made before any tenant ran, does.\n");
	}
	hf_survey_hint(&a->survey, command);
	if (a->controller.urls && a->controller.answer.result->status != HF_EAR_AFFIRMING)
		return HF_EXIT_REFUSED;
	err = hf_survey_unread(&a->survey.claims, &path);
	if (!err)
		return HF_EXIT_OK;
	(void)hf_fail(a->fault, err, path, "%s", "");
	hf_args_fault(command, a->fault);
	return HF_EXIT_DEVICE;
}

/* A nonce and a place for the evidence, or a controller and who it is. */
static bool check_words(const struct attest *a, const char *command)
{
	const struct hf_attest_link *c = &a->controller;
	struct hf_link_url urls[HF_LINK_URLS_MAX];
	size_t count;
	const char *wrong = NULL;

	if (!c->urls && (c->ca || c->anchor || c->name || c->seconds))
		wrong = "--ca, --ticket-anchor and --controller-... are for --controller";
	else if (!c->urls && (!a->nonce_hex || !a->out))
		wrong = "--nonce HEX and --out DIR are needed, or --controller URL and --ca FILE";
	else if (c->urls && (a->nonce_hex || !c->ca))
		wrong = "--controller URL needs --ca FILE and gives the nonce itself";
	else if (c->seconds && (strspn(c->seconds, "0123456789") != strlen(c->seconds) || strlen(c->seconds) > 4 ||
				atoi(c->seconds) < 1 || atoi(c->seconds) > 3600))
		wrong = "--controller-seconds is 1 to 3600";
	else if (c->urls && hf_link_urls_parse(c->urls, urls, &count) != HF_OK)
		wrong = "--controller is https://ADDRESS:PORT with a literal address: no names";
	if (wrong)
		hf_args_refuse(command, "%s", wrong);
	return !wrong;
}

int hf_cmd_attest(int argc, char **argv)
{
	struct hf_fault fault = { 0 };
	struct attest a = { .fault = &fault };
	const struct hf_option options[] = {
		{ .name = "json", .flag = &a.json },
		{ .name = "mailboxes", .flag = &a.mailboxes },
		{ .name = "vfio", .flag = &a.vfio },
		{ .name = "nonce", .value = &a.nonce_hex },
		{ .name = "controller", .value = &a.controller.urls },
		{ .name = "ca", .value = &a.controller.ca },
		{ .name = "ticket-anchor", .value = &a.controller.anchor },
		{ .name = "controller-name", .value = &a.controller.name },
		{ .name = "controller-seconds", .value = &a.controller.seconds },
		{ .name = "out", .value = &a.out },
		{ .name = "tcti", .value = &a.tcti },
		{ .name = "sysfs", .value = &a.sysfs },
		{ .name = "rom", .value = &a.rom },
		{ .name = "device-seconds", .value = &a.patience },
		{ .name = "initramfs-step", .value = &a.step },
		{ .name = NULL },
	};
	int code;

	a.survey.host.sysfs = -1;
	if (!hf_args_parse(argc, argv, options, NULL, usage, &code))
		return code;
	if (!hf_rom_wish_parse(a.rom, &a.wish))
		return hf_args_refuse(argv[0], "--rom is auto, all or none, not \"%s\"", a.rom);
	if (!hf_device_patience_parse(a.patience, &a.device_ms))
		return hf_args_refuse(argv[0], HF_DEVICE_PATIENCE_USAGE ", not \"%s\"", a.patience);
	if (a.step && !hf_platform_step_valid(a.step))
		return hf_args_refuse(argv[0], HF_STEP_USAGE ", not \"%s\"", a.step);
	if (!check_words(&a, argv[0]))
		return HF_EXIT_USAGE;
	if (a.nonce_hex && !parse_nonce(&a))
		return hf_args_refuse(argv[0], "--nonce is 8 to 64 bytes in hex: not \"%.24s%s\"",
				      a.nonce_hex, strlen(a.nonce_hex) > 24 ? "..." : "");
	code = run(&a) ? hf_args_fault(argv[0], &fault) : report(argv[0], &a);
	hf_attest_link_drop(&a.controller);
	if (a.tpm)
		hf_tpm_close(a.tpm);
	hf_survey_drop(&a.survey);
	return code;
}
