/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl evidence: what a host proved, verified away from it. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "controller/commands.h"
#include "controller/ctl.h"
#include "controller/evidence_cmds.h"
#include "controller/evidence_export.h"
#include "controller/evidence_input.h"
#include "manifests/trust.h"
#include "measure/file.h"

#define ARENA ((size_t)2 << 30)	/* reserved, not used */
#define NONCE_MAX 64
#define EK_MAX 1024	/* bytes */

static const char usage[] =
	"usage: holdfastctl evidence verify EVIDENCE --anchors DIR --manifests DIR\n"
	"                                   [--nonce HEX] [--pcr N] [--json]\n"
	"       holdfastctl evidence show EVIDENCE [--transcripts DIR] [--json]\n"
	"       holdfastctl evidence unpack FILE DIR\n"
	"       holdfastctl evidence export EVIDENCE --format tpm2-tools --out DIR\n"
	"       holdfastctl evidence export EVIDENCE --format keylime --ek FILE --out DIR\n"
	"\n"
	"EVIDENCE is a directory, a CMW collection (one JSON file), or the capture of a\n"
	"serial console in which the gate sent one; the last complete one counts.\n"
	"\n"
	"verify  check logs, claims, quote, receipt and what devices signed, and judge\n"
	"        parts, firmware's drivers and the gate's own image by your manifests,\n"
	"        not the host's\n"
	"show    print what it says; verifies nothing\n"
	"unpack  write a collection as a directory of files\n"
	"export  write what another verifier takes: tpm2_checkquote and tpm2_eventlog,\n"
	"        or Keylime's /v2.x/verify/evidence\n"
	"\n"
	"  --anchors DIR    NAME.pem public keys; owner/, vendor/ and device/ below it\n"
	"  --manifests DIR  every *.corim in DIR: components, model, image list\n"
	"  --nonce HEX      the challenge that the quote must answer; without it the\n"
	"                   quote must name the boot key, and may be of any time\n"
	"  --pcr N          the gate's PCR (default 13); 16, where `holdfast attest`\n"
	"                   writes, is checked and never affirmed\n"
	"  --transcripts DIR  write what devices signed, one capture (pcap) for each\n"
	"                   conversation, as other tools read it too\n"
	"  --ek FILE        the TPM's endorsement key, TPM2B_PUBLIC, which Keylime asks for\n"
	"\n"
	"exit codes: 0 affirmed, 3 refused, 2 usage\n";

struct evidence_args {
	const char *anchors, *manifests, *transcripts, *format, *out, *ek, *words[2];
	size_t word_count;
	uint8_t nonce[NONCE_MAX];
	size_t nonce_len;
	uint32_t pcr;
	bool json;
};

static bool parse_hex(const char *text, uint8_t *out, size_t cap, size_t *ret_len)
{
	size_t len = strlen(text);

	if (len == 0 || len % 2 || len / 2 > cap ||
	    strspn(text, "0123456789abcdefABCDEF") != len)
		return false;
	for (size_t i = 0; i < len / 2; i++) {
		unsigned value = 0;

		sscanf(text + 2 * i, "%2x", &value);
		out[i] = (uint8_t)value;
	}
	*ret_len = len / 2;
	return true;
}

static bool parse_pcr(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || value >= HF_PCR_COUNT)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct evidence_args *a)
{
	static const struct option options[] = {
		{ "anchors", required_argument, NULL, 'a' }, { "manifests", required_argument, NULL, 'm' },
		{ "nonce", required_argument, NULL, 'n' }, { "pcr", required_argument, NULL, 'p' },
		{ "transcripts", required_argument, NULL, 't' }, { "format", required_argument, NULL, 'f' },
		{ "out", required_argument, NULL, 'o' }, { "ek", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			a->anchors = optarg;
			break;
		case 'm':
			a->manifests = optarg;
			break;
		case 't':
			a->transcripts = optarg;
			break;
		case 'f':
			a->format = optarg;
			break;
		case 'o':
			a->out = optarg;
			break;
		case 'e':
			a->ek = optarg;
			break;
		case 'n':
			if (!parse_hex(optarg, a->nonce, sizeof(a->nonce), &a->nonce_len))
				return hf_ctl_refuse("evidence", "%s is not 1 to %d bytes in hex", optarg,
						     NONCE_MAX);
			break;
		case 'p':
			if (!parse_pcr(optarg, &a->pcr))
				return hf_ctl_refuse("evidence", "%s is not a PCR", optarg);
			break;
		case 'j':
			a->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return HF_EXIT_OK;
		default:
			return hf_ctl_refuse("evidence", "%s is not understood", argv[optind - 1]);
		}
	}
	for (; optind < argc; optind++) {
		if (a->word_count == 2)
			return hf_ctl_refuse("evidence", "%s is one word too many", argv[optind]);
		a->words[a->word_count++] = argv[optind];
	}
	return -1;
}

static int verify(const struct evidence_args *a, struct hf_arena *arena, struct hf_fault *fault)
{
	struct hf_manifests *manifests = calloc(1, sizeof(*manifests));
	struct hf_verification *v = calloc(1, sizeof(*v));
	struct hf_trust trust = { .count = 0 };
	struct hf_evidence evidence;
	int code = HF_EXIT_REFUSED;
	enum hf_err err = manifests && v ? HF_OK
					 : hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "evidence");

	if (!err) {
		manifests->arena = arena;
		err = hf_evidence_load(a->words[0], arena, &evidence, fault);
	}
	if (!err)
		err = hf_trust_read(a->anchors, &trust, fault);
	if (!err)
		err = hf_manifests_read(&trust, a->manifests, (int64_t)time(NULL), manifests, fault);
	if (err) {
		code = hf_ctl_fault("evidence", fault);
	} else {
		struct hf_verify_options options = {
			.manifests = manifests, .trust = &trust, .nonce = { a->nonce, a->nonce_len },
			.now = (int64_t)time(NULL), .pcr = a->pcr,
		};

		hf_verify_evidence(&evidence, &options, arena, v);
		hf_evidence_print_verification(&evidence, v, a->pcr, a->json);
		code = v->cause ? HF_EXIT_REFUSED : HF_EXIT_OK;
	}
	hf_trust_drop(&trust);
	free(manifests);
	free(v);
	return code;
}

static int show(const struct evidence_args *a, struct hf_arena *arena, struct hf_fault *fault)
{
	struct hf_evidence evidence;

	if (hf_evidence_load(a->words[0], arena, &evidence, fault) != HF_OK)
		return hf_ctl_fault("evidence", fault);
	if (a->transcripts &&
	    hf_evidence_write_transcripts(&evidence, a->transcripts, arena, fault) != HF_OK)
		return hf_ctl_fault("evidence", fault);
	return hf_evidence_print(&evidence, arena, a->json) ? HF_EXIT_OK : HF_EXIT_REFUSED;
}

static int unpack(const struct evidence_args *a, struct hf_arena *arena, struct hf_fault *fault)
{
	struct hf_evidence evidence;

	if (hf_evidence_load(a->words[0], arena, &evidence, fault) != HF_OK ||
	    hf_evidence_write(&evidence, a->words[1], fault) != HF_OK)
		return hf_ctl_fault("evidence", fault);
	printf("%s\n", a->words[1]);
	return HF_EXIT_OK;
}

static int export(const struct evidence_args *a, struct hf_arena *arena, struct hf_fault *fault)
{
	struct hf_evidence evidence;
	struct hf_span ek;
	enum hf_err err = hf_evidence_load(a->words[0], arena, &evidence, fault);

	if (!err && a->ek)
		err = hf_file_read(AT_FDCWD, a->ek, EK_MAX, arena, &ek, fault);
	if (!err)
		err = a->ek ? hf_evidence_export_keylime(&evidence, ek, a->out, arena, fault) :
			      hf_evidence_export_tpm2_tools(&evidence, a->out, arena, fault);
	if (err)
		return hf_ctl_fault("evidence", fault);
	printf("%s\n", a->out);
	return HF_EXIT_OK;
}

/* -1: good. */
static int check_export(const struct evidence_args *a, bool exports)
{
	bool keylime;

	if (!exports)
		return a->format || a->out || a->ek ?
		       hf_ctl_refuse("evidence", "--format, --out and --ek go with export") : -1;
	if (!a->format || !a->out)
		return hf_ctl_refuse("evidence", "export needs --format and --out");
	keylime = strcmp(a->format, "keylime") == 0;
	if (!keylime && strcmp(a->format, "tpm2-tools") != 0)
		return hf_ctl_refuse("evidence", "%s is no format: tpm2-tools or keylime", a->format);
	if (keylime != (a->ek != NULL))
		return hf_ctl_refuse("evidence", keylime ? "keylime needs --ek" : "--ek goes with keylime");
	return -1;
}

int hf_cmd_evidence(int argc, char **argv)
{
	static const struct {
		const char *name;
		size_t words;
		int (*run)(const struct evidence_args *, struct hf_arena *, struct hf_fault *);
	} table[] = { { "verify", 1, verify }, { "show", 1, show }, { "unpack", 2, unpack }, { "export", 1, export } };
	const size_t count = sizeof(table) / sizeof(table[0]);
	struct evidence_args args = { .pcr = HF_PCR_DEFAULT };
	struct hf_fault fault = { 0 };
	struct hf_arena arena;
	size_t i = 0;
	int code;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return HF_EXIT_OK;
	}
	while (i < count && (argc < 2 || strcmp(argv[1], table[i].name) != 0))
		i++;
	if (i == count)
		return hf_ctl_refuse("evidence", "what: verify, show, unpack or export?");
	code = parse(argc - 1, argv + 1, &args);
	if (code >= 0)
		return code;
	if (args.word_count != table[i].words)
		return hf_ctl_refuse("evidence", "%s takes %zu name(s)", table[i].name, table[i].words);
	if (args.transcripts && table[i].run != show)
		return hf_ctl_refuse("evidence", "--transcripts goes with show");
	if (table[i].run == verify && (!args.anchors || !args.manifests))
		return hf_ctl_refuse("evidence", "verify needs --anchors and --manifests");
	code = check_export(&args, table[i].run == export);
	if (code >= 0)
		return code;
	if (hf_arena_make(ARENA, &arena) != HF_OK) {
		hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "%s", "evidence");
		return hf_ctl_fault("evidence", &fault);
	}
	code = table[i].run(&args, &arena, &fault);
	hf_arena_drop(&arena);
	return code;
}
