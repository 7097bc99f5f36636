/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl log: what an event log says, and the PCR values that it replays to. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/commands.h"
#include "controller/ctl.h"
#include "controller/log_json.h"
#include "controller/log_text.h"
#include "measure/file.h"

static const char usage[] =
	"usage: holdfastctl log show FILE [--json]\n"
	"       holdfastctl log replay FILE [--alg NAME] [--json]\n"
	"\n"
	"show    list the events of a TCG event log, with what their data say: the gate's\n"
	"        (holdfast.evlog), any firmware's, or a confidential guest's. 'bound'\n"
	"        says what an event's digest covers: only that may decide anything. For\n"
	"        the gate's own log it also says whether it reads BEGIN, parts, END, CAP\n"
	"        and nothing else; for a firmware's, what it says of Secure Boot.\n"
	"replay  print the PCR values to which the log leads, as tpm2_pcrread does.\n"
	"\n"
	"  --alg NAME   one bank: sha1, sha256, sha384, sha512 or sm3_256\n"
	"               (default: every bank of the log)\n"
	"  --json       the same facts as JSON\n"
	"\n"
	"exit codes: 0 read to its end, 3 the log is malformed, 2 usage\n";

struct log_args {
	bool json;
	const char *file, *alg_name;
	enum hf_alg alg;
};

/* ---- show ---- */

/* The gate's own log must read in one way; its PCR is that of its first event. */
static json_t *grammar_json(struct hf_span log, uint32_t pcr, bool capped)
{
	enum hf_err err = hf_log_walk(log, pcr, capped, NULL, NULL);
	json_t *json = json_object();

	json_object_set_new(json, "pcr", json_integer(pcr));
	json_object_set_new(json, "capped", json_boolean(capped));
	json_object_set_new(json, "cause", err ? json_string(hf_err_name(err)) : json_null());
	json_object_set_new(json, "sentence", json_string(err ? hf_err_sentence(err) :
		capped ? "the log reads BEGIN, parts, END, CAP and nothing else" :
			 "the log reads BEGIN, parts, END and nothing else"));
	return json;
}

static json_t *banks_json(const struct hf_log_reader *reader)
{
	json_t *banks = json_array();

	for (size_t i = 0; i < reader->declared_count; i++) {
		char unknown[16];
		enum hf_alg alg;

		snprintf(unknown, sizeof(unknown), "0x%04x", reader->declared[i].tpm_id);
		json_array_append_new(banks, json_string(
			hf_alg_from_tpm_id(reader->declared[i].tpm_id, &alg) ?
			hf_alg_name(alg) : unknown));
	}
	return banks;
}

/* By the strongest of the banks that a quote may select; absent where PCR 7 says nothing. */
static void set_secure_boot(json_t *doc, struct hf_span log, uint32_t alg_mask)
{
	static const enum hf_alg banks[] = { HF_ALG_SHA256, HF_ALG_SHA384, HF_ALG_SHA512,
					     HF_ALG_SM3, HF_ALG_SHA1 };
	struct hf_secure_boot boot;

	for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++) {
		if (!(alg_mask & HF_ALG_MASK(banks[i])))
			continue;
		if (hf_secure_boot_from_log(log, banks[i], &boot) == HF_OK &&
		    boot.state != HF_SECURE_BOOT_ABSENT)
			json_object_set_new(doc, "secure-boot",
					    hf_secure_boot_json(&boot, banks[i]));
		return;
	}
}

static enum hf_err collect(struct hf_span log, const char *file, json_t *doc,
			   struct hf_fault *fault)
{
	json_t *events = json_array();
	struct hf_log_reader reader;
	struct hf_event event;
	struct hf_span payload;
	enum hf_err err = hf_log_open_any(log, &reader);
	const char *tag = NULL;
	bool ours = false;
	uint32_t pcr = 0;

	json_object_set_new(doc, "events", events);
	if (err)
		return hf_fail(fault, err, file, "%zu bytes", log.len);
	json_object_set_new(doc, "form", json_string(reader.sha1_only ? "sha1" :
						     reader.registers ? "confidential-guest" :
						     "crypto-agile"));
	json_object_set_new(doc, "banks", banks_json(&reader));
	while (hf_log_next(&reader, &event)) {
		tag = hf_event_tag(&event, &payload);
		if (tag && !ours)
			pcr = event.pcr;
		ours |= tag != NULL;
		/* as tpm2_eventlog counts: the Spec ID event is number 0 */
		json_array_append_new(events, hf_event_json(&event,
			reader.index - reader.sha1_only));
	}
	if (ours)
		json_object_set_new(doc, "grammar",
				    grammar_json(log, pcr, tag && strcmp(tag, "CAP") == 0));
	else
		set_secure_boot(doc, log, reader.alg_mask);
	if (reader.err)
		return hf_fail(fault, reader.err, file, "event %zu, which begins before byte %zu",
			       reader.index + !reader.sha1_only, reader.cursor.pos);
	return HF_OK;
}

static int print_json(json_t *doc)
{
	int failed = json_dumpf(doc, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);

	putchar('\n');
	return failed;
}

static enum hf_err show(const struct log_args *args, struct hf_span log, struct hf_fault *fault)
{
	json_t *doc = json_object();
	enum hf_err err;

	if (!doc)
		return hf_fail(fault, HF_ERR_NO_MEMORY, args->file, "JSON");
	json_object_set_new(doc, "file", json_string(args->file));
	err = collect(log, args->file, doc, fault);
	json_object_set_new(doc, "error", err ? json_string(hf_err_name(err)) : json_null());
	if (!args->json)
		hf_log_print(doc);
	else if (print_json(doc) && !err)
		err = hf_fail(fault, HF_ERR_OUTPUT_FAILED, args->file, "JSON");
	json_decref(doc);
	return err;
}

/* ---- replay ---- */

static void print_bank(const struct hf_pcrs *pcrs, bool registers)
{
	printf("  %s:\n", hf_alg_name(pcrs->alg));
	for (unsigned pcr = registers; pcr < (registers ? HF_REGISTER_COUNT : HF_PCR_COUNT); pcr++) {
		if (registers)
			printf("    RTMR%u: 0x", pcr - 1);
		else
			printf("    %-2u: 0x", pcr);
		for (size_t i = 0; i < hf_alg_size(pcrs->alg); i++)
			printf("%02X", pcrs->value[pcr][i]);
		putchar('\n');
	}
}

static json_t *bank_json(const struct hf_pcrs *pcrs, bool registers)
{
	json_t *extended = json_array(), *bank = json_object();

	for (unsigned pcr = 0; pcr < HF_PCR_COUNT; pcr++)
		if (pcrs->extended >> pcr & 1)
			json_array_append_new(extended, json_integer(pcr));
	json_object_set_new(bank, "extended", extended);
	if (registers)
		json_object_set_new(bank, "registers", hf_pcrs_json(pcrs, HF_REGISTER_COUNT));
	else
		json_object_set_new(bank, "pcrs", hf_pcrs_json(pcrs, HF_PCR_COUNT));
	return bank;
}

static enum hf_err replay(const struct log_args *args, struct hf_span log, struct hf_fault *fault)
{
	json_t *doc = json_object(), *banks = json_object();
	struct hf_log_reader reader;
	enum hf_err err = hf_log_open_any(log, &reader);
	uint32_t wanted = args->alg_name ? HF_ALG_MASK(args->alg) : err ? 0 : reader.alg_mask;

	for (enum hf_alg alg = 0; !err && alg < HF_ALG_COUNT; alg++) {
		struct hf_pcrs pcrs;

		if (!(wanted & HF_ALG_MASK(alg)))
			continue;
		err = reader.registers ? hf_log_replay_registers(log, alg, &pcrs)
				       : hf_log_replay(log, alg, &pcrs);
		if (err)
			break;
		if (args->json)
			json_object_set_new(banks, hf_alg_name(alg),
					    bank_json(&pcrs, reader.registers));
		else
			print_bank(&pcrs, reader.registers);
	}
	if (err)
		hf_fail(fault, err, args->file, "%s", args->alg_name ? args->alg_name : "");
	json_object_set_new(doc, "file", json_string(args->file));
	json_object_set_new(doc, "banks", banks);
	json_object_set_new(doc, "error", err ? json_string(hf_err_name(err)) : json_null());
	if (args->json && print_json(doc) && !err)
		err = hf_fail(fault, HF_ERR_OUTPUT_FAILED, args->file, "JSON");
	json_decref(doc);
	return err;
}

/* ---- command line ---- */

/* False: *ret_exit is set. */
static bool parse(int argc, char **argv, struct log_args *args, int *ret_exit)
{
	*ret_exit = HF_EXIT_USAGE;
	for (int i = 2; i < argc; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--json") == 0 && !args->json) {
			args->json = true;
		} else if (strncmp(word, "--alg", 5) == 0 && (word[5] == 0 || word[5] == '=') &&
			   !args->alg_name) {
			args->alg_name = word[5] ? word + 6 : i + 1 < argc ? argv[++i] : "";
			if (!hf_alg_from_name(args->alg_name, &args->alg)) {
				hf_ctl_refuse("log", "no digest algorithm is named '%s'",
					      args->alg_name);
				return false;
			}
		} else if (word[0] == '-' || args->file) {
			hf_ctl_refuse("log", "'%s' is not understood", word);
			return false;
		} else {
			args->file = word;
		}
	}
	if (!args->file)
		hf_ctl_refuse("log", "which file?");
	return args->file != NULL;
}

int hf_cmd_log(int argc, char **argv)
{
	struct log_args args = { .file = NULL };
	struct hf_fault fault = { .err = HF_OK };
	struct hf_arena arena = { .base = NULL };
	struct hf_span log;
	enum hf_err err;
	int exit_code;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
	}
	bool is_show = argc > 1 && strcmp(argv[1], "show") == 0;

	if (!is_show && (argc < 2 || strcmp(argv[1], "replay") != 0))
		return hf_ctl_refuse("log", "say 'show' or 'replay'");
	if (!parse(argc, argv, &args, &exit_code))
		return exit_code;
	if (is_show && args.alg_name)
		return hf_ctl_refuse("log", "--alg belongs to 'replay'");
	if (hf_arena_make(HF_FIRMWARE_LOG_MAX + 4096, &arena))
		return hf_ctl_fault("log", &(struct hf_fault){ .err = HF_ERR_NO_MEMORY });
	err = hf_file_read(AT_FDCWD, args.file, HF_FIRMWARE_LOG_MAX, &arena, &log, &fault);
	if (!err)
		err = is_show ? show(&args, log, &fault) : replay(&args, log, &fault);
	hf_arena_drop(&arena);
	if (!err && fflush(stdout) != 0)
		err = hf_fail(&fault, HF_ERR_OUTPUT_FAILED, "standard output", "%s", args.file);
	return err ? hf_ctl_fault("log", &fault) : HF_EXIT_OK;
}
