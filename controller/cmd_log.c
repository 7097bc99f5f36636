/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl log: what an event log says, and the PCR values that it replays to. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/commands.h"
#include "controller/ctl.h"
#include "controller/log_json.h"
#include "measure/file.h"

#define COLUMNS 80
#define INDENT 5

static const char usage[] =
	"usage: holdfastctl log show FILE [--json]\n"
	"       holdfastctl log replay FILE [--alg NAME] [--json]\n"
	"\n"
	"show    list the events of a TCG event log: the gate's (holdfast.evlog) or any\n"
	"        firmware's. For the gate's own it also says whether it reads BEGIN,\n"
	"        parts, END, CAP and nothing else.\n"
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

/* ---- text ---- */

/* One fact, broken at blanks where it can be, at the column where it cannot. */
static void put_wrapped(const char *text)
{
	size_t indent = INDENT;

	for (;;) {
		size_t room = COLUMNS - indent, len = strlen(text), cut = room;

		if (len <= room) {
			printf("%*s%s\n", (int)indent, "", text);
			return;
		}
		while (cut > room / 2 && text[cut] != ' ')
			cut--;
		if (text[cut] != ' ')
			for (cut = room; cut > 1 && ((unsigned char)text[cut] & 0xc0) == 0x80; )
				cut--;
		printf("%*s%.*s\n", (int)indent, "", (int)cut, text);
		text += cut + (text[cut] == ' ');
		indent = INDENT + 2;
	}
}

static void put_value(FILE *out, const json_t *value)
{
	const json_t *member;
	const char *key;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		json_object_foreach((json_t *)(uintptr_t)value, key, member) {
			fprintf(out, "%s=", key);
			put_value(out, member);
			fputc(' ', out);
		}
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, member) {
			if (i)
				fputc(' ', out);
			put_value(out, member);
		}
		break;
	case JSON_STRING:
		fputs(json_string_value(value), out);
		break;
	case JSON_INTEGER:
		fprintf(out, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(out, "%g", json_real_value(value));
		break;
	case JSON_TRUE:
		fputs("yes", out);
		break;
	case JSON_FALSE:
		fputs("no", out);
		break;
	case JSON_NULL:
		fputs("none", out);
		break;
	}
}

static void put_fact(const char *name, const json_t *value)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	fprintf(out, "%s%s", name, strcmp(name, "-") == 0 ? " " : ": ");
	put_value(out, value);
	fclose(out);
	put_wrapped(text);
	free(text);
}

/* A list of lists (parts, manifests, anchors) takes a line for each. */
static void put_member(const char *name, const json_t *value)
{
	const json_t *first = json_array_get(value, 0), *row;
	size_t i;

	if (!json_is_array(first)) {
		put_fact(name, value);
		return;
	}
	printf("%*s%s:\n", INDENT, "", name);
	json_array_foreach(value, i, row)
		put_fact("-", row);
}

static void put_event(const json_t *event)
{
	const json_t *payload = json_object_get(event, "payload"), *member;
	const json_t *digests = json_object_get(event, "digests");
	const char *type = json_string_value(json_object_get(event, "type-name"));
	const char *tag = json_string_value(json_object_get(event, "tag"));
	const char *key = "sha256";
	unsigned long long pcr = (unsigned long long)json_integer_value(json_object_get(event, "pcr"));
	char line[160], unknown[24];

	snprintf(unknown, sizeof(unknown), "type 0x%08llx", (unsigned long long)
		 json_integer_value(json_object_get(event, "type")));
	printf("%3lld  PCR %-2llu  %s%s%s\n",
	       (long long)json_integer_value(json_object_get(event, "number")), pcr,
	       type ? type : unknown, tag ? "  holdfast " : "", tag ? tag : "");
	if (!json_object_get(digests, key)) {
		void *any = json_object_iter((json_t *)(uintptr_t)digests);

		key = any ? json_object_iter_key(any) : NULL;
	}
	if (key) {
		snprintf(line, sizeof(line), "%s %s", key,
			 json_string_value(json_object_get(digests, key)));
		put_wrapped(line);
	}
	if (json_is_object(payload))
		json_object_foreach((json_t *)(uintptr_t)payload, key, member)
			put_member(key, member);
	else if (payload)
		put_fact("payload", payload);
	else if (json_object_get(event, "text"))
		put_fact("text", json_object_get(event, "text"));
	else
		put_fact("bytes", json_object_get(event, "size"));
}

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

static enum hf_err collect(struct hf_span log, const char *file, json_t *doc,
			   struct hf_fault *fault)
{
	json_t *events = json_array();
	struct hf_log_reader reader;
	struct hf_event event;
	struct hf_span payload;
	enum hf_err err = hf_log_open(log, &reader);
	const char *tag = NULL;
	bool ours = false;
	uint32_t pcr = 0;

	json_object_set_new(doc, "events", events);
	if (err)
		return hf_fail(fault, err, file, "%zu bytes", log.len);
	json_object_set_new(doc, "form", json_string(reader.sha1_only ? "sha1" : "crypto-agile"));
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

static void print_show(const json_t *doc)
{
	const json_t *grammar = json_object_get(doc, "grammar"), *event;
	const json_t *banks = json_object_get(doc, "banks");
	size_t i;

	if (banks) {
		printf("%s log, ",
		       json_string_value(json_object_get(doc, "form")));
		put_value(stdout, banks);
		putchar('\n');
	}
	json_array_foreach(json_object_get(doc, "events"), i, event)
		put_event(event);
	if (!grammar)
		return;
	const json_t *cause = json_object_get(grammar, "cause");

	printf("grammar: %s%s%s%s\n", json_string_value(json_object_get(grammar, "sentence")),
	       json_is_null(cause) ? "" : " [", json_is_null(cause) ? "" : json_string_value(cause),
	       json_is_null(cause) ? "" : "]");
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
		print_show(doc);
	else if (print_json(doc) && !err)
		err = hf_fail(fault, HF_ERR_OUTPUT_FAILED, args->file, "JSON");
	json_decref(doc);
	return err;
}

/* ---- replay ---- */

static void print_bank(const struct hf_pcrs *pcrs)
{
	printf("  %s:\n", hf_alg_name(pcrs->alg));
	for (unsigned pcr = 0; pcr < HF_PCR_COUNT; pcr++) {
		printf("    %-2u: 0x", pcr);
		for (size_t i = 0; i < hf_alg_size(pcrs->alg); i++)
			printf("%02X", pcrs->value[pcr][i]);
		putchar('\n');
	}
}

static json_t *bank_json(const struct hf_pcrs *pcrs)
{
	json_t *extended = json_array(), *bank = json_object();

	for (unsigned pcr = 0; pcr < HF_PCR_COUNT; pcr++)
		if (pcrs->extended >> pcr & 1)
			json_array_append_new(extended, json_integer(pcr));
	json_object_set_new(bank, "extended", extended);
	json_object_set_new(bank, "pcrs", hf_pcrs_json(pcrs));
	return bank;
}

static enum hf_err replay(const struct log_args *args, struct hf_span log, struct hf_fault *fault)
{
	json_t *doc = json_object(), *banks = json_object();
	struct hf_log_reader reader;
	enum hf_err err = hf_log_open(log, &reader);
	uint32_t wanted = args->alg_name ? HF_ALG_MASK(args->alg) : err ? 0 : reader.alg_mask;

	for (enum hf_alg alg = 0; !err && alg < HF_ALG_COUNT; alg++) {
		struct hf_pcrs pcrs;

		if (!(wanted & HF_ALG_MASK(alg)))
			continue;
		err = hf_log_replay(log, alg, &pcrs);
		if (err)
			break;
		if (args->json)
			json_object_set_new(banks, hf_alg_name(alg), bank_json(&pcrs));
		else
			print_bank(&pcrs);
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
	for (int i = 2; i < argc; i++) {
		const char *word = argv[i];

		*ret_exit = HF_EXIT_USAGE;
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
