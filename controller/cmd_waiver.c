/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl waiver create: the owner's release of one host for when no controller answers, as a
 * source for review and signature. Waivers of findings come from `manifest accept`. */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controller/commands.h"
#include "controller/evidence_input.h"
#include "controller/host_cmds.h"
#include "controller/inventory.h"
#include "controller/manifest_cmds.h"
#include "controller/source.h"
#include "manifests/bearer.h"
#include "measure/attest.h"
#include "measure/file.h"

#define ARENA ((size_t)1 << 30)	/* reserved, not used */
#define BOOTS_MAX 1000		/* a release for longer is none for an emergency */

static const char usage[] =
	"usage: holdfastctl waiver create --name NAME (--id HOST | --from EVIDENCE)\n"
	"           --generation N --boots (N | FROM-TO) [--until DATE] [--note TEXT]\n"
	"           [--out FILE.json] [--json]\n"
	"           [--url URL] [--ca FILE] [--token-file FILE] [--timeout SECONDS]\n"
	"           [--certificate FILE --key FILE]\n"
	"\n"
	"Writes the owner's release of one host: it stands in for the ticket where no\n"
	"controller answers, in these boots alone, and only where everything on the host\n"
	"is accepted. Review it, sign it with the owner's key (holdfastctl manifest sign)\n"
	"and put it into the host's etc/holdfast/manifests.d.\n"
	"\n"
	"  --id HOST        its key and its last boot from the controller (host show)\n"
	"  --from EVIDENCE  the same from evidence that the host gave\n"
	"  --boots N        the next N boots after that one; FROM-TO: these, as the TPM\n"
	"                   counts its resets\n"
	"  --generation N   of the model that the host boots with, exactly\n"
	"  --until DATE     ends it earlier where the date is known, as 2026-12-31\n"
	"\n"
	"A waiver of what a host was held for: holdfastctl manifest accept --waiver\n"
	"\n"
	"exit codes: 0 written, 2 usage, 3 refused, 6 the controller is not to be reached\n";

struct create {
	struct hf_host_args host;	/* word: --id */
	const char *from, *boots, *out;
	bool json;
	struct hf_waiver waiver;
	struct hf_waiver_item item;
	uint64_t last_boot;
	bool last_known;
	struct hf_arena arena;
};

/* ---- the host: its key, and the boot that was its last ---- */

/* A count that no TPM can have would begin the release at a boot that nobody asked for. */
static int take_host(struct create *c, const json_t *host)
{
	const int64_t count = hf_member_number(host, "reset-count");
	struct hf_fault fault;

	if (!hf_ak_name_parse(hf_member_text(host, "ak-name"), c->waiver.host))
		return hf_ctl_refuse("waiver", "%s is not enrolled yet: it has no key that a release could name",
				     c->host.word);
	if (count < 0 || count > UINT32_MAX) {
		hf_fail(&fault, HF_ERR_CONTROLLER_REPLY, c->host.server.url, "reset-count %" PRId64, count);
		return hf_ctl_fault("waiver", &fault);
	}
	c->last_boot = (uint64_t)count;
	c->last_known = count > 0;	/* it says 0 of a host that never gave evidence */
	return HF_EXIT_OK;
}

static int from_controller(struct create *c)
{
	int code = HF_EXIT_CONTROLLER;
	json_t *host = hf_host_ask_json(&c->host, "GET", "", NULL, &c->arena, &code);

	if (!host)
		return code;
	code = take_host(c, host);
	json_decref(host);
	return code;
}

/* The count must be the TPM's word: whoever hands over evidence with a later one would get a release
 * for boots that nobody meant. */
static enum hf_err read_quote(const struct hf_evidence *evidence, struct hf_ak *ak, struct hf_quote *ret)
{
	struct hf_pcrs none = { .alg = HF_ALG_SHA256 };
	enum hf_err err = hf_ak_parse(evidence->ak, ak);

	if (!err)
		err = hf_quote_verify(ak, evidence->quote, evidence->signature, (struct hf_span){ NULL, 0 },
				      HF_QUOTE_PCRS, &none, NULL);
	/* signed, and not yet asked for a nonce: whose challenge it answers is no question here */
	return err == HF_ERR_QUOTE_NONCE ? hf_quote_parse(evidence->quote, ret) : err ? err : HF_ERR_INTERNAL;
}

static int from_evidence(struct create *c)
{
	struct hf_evidence evidence;
	struct hf_fault fault = { 0 };
	struct hf_quote quote;
	struct hf_ak ak;
	enum hf_err err = hf_evidence_load(c->from, &c->arena, &evidence, &fault);

	if (!err) {
		err = read_quote(&evidence, &ak, &quote);
		if (err)
			hf_fail(&fault, err, c->from, "%s", "its key, or its quote");
	}
	if (err)
		return hf_ctl_fault("waiver", &fault);
	memcpy(c->waiver.host, ak.name, HF_AK_NAME);
	c->last_boot = quote.reset_count;
	c->last_known = true;
	return HF_EXIT_OK;
}

/* ---- its boots ---- */

static bool number(const char *text, const char **end, uint64_t max, uint64_t *ret)
{
	char *stop;

	if (text[0] < '0' || text[0] > '9')
		return false;
	*ret = strtoull(text, &stop, 10);
	*end = stop;
	return *ret <= max;
}

static int set_boots(struct create *c)
{
	const char *rest;
	uint64_t first, last;
	bool good = number(c->boots, &rest, UINT32_MAX, &first);

	if (good && *rest == '-') {
		good = number(rest + 1, &rest, UINT32_MAX, &last);
	} else if (good && !c->last_known) {
		return hf_ctl_refuse("waiver", "--boots %s: no boot of %s is known to count from; say FROM-TO",
				     c->boots, c->host.word);
	} else if (good) {
		good = first > 0;
		last = c->last_boot + first;
		first = c->last_boot + 1;
	}
	if (!good || *rest || last < first || last > UINT32_MAX || last - first >= BOOTS_MAX)
		return hf_ctl_refuse("waiver", "--boots %s: a number, or FROM-TO, of at most %d boots", c->boots,
				     BOOTS_MAX);
	c->waiver.boots_from = (uint32_t)first;
	c->waiver.boots_to = (uint32_t)last;
	return HF_EXIT_OK;
}

/* ---- the source ---- */

static void tell(const struct create *c)
{
	const struct hf_waiver *w = &c->waiver;

	fprintf(stderr, "the owner's release %s\n", w->name);
	if (c->last_known)
		fprintf(stderr, "  for boots %" PRIu32 " to %" PRIu32 " (the last one was %" PRIu64 "), generation %"
			PRIu64 "\n", w->boots_from, w->boots_to, c->last_boot, w->generation);
	else
		fprintf(stderr, "  for boots %" PRIu32 " to %" PRIu32 ", generation %" PRIu64 "\n", w->boots_from,
			w->boots_to, w->generation);
	fputs("  next: review it; holdfastctl manifest sign with the owner's key; into manifests.d\n", stderr);
}

static int write_source(struct create *c)
{
	struct hf_manifests out = { .arena = &c->arena, .waivers = &c->waiver };
	struct hf_fault fault = { 0 };
	enum hf_err err = HF_OK;
	char *json;

	c->item = (struct hf_waiver_item){ .place = HF_BEARER_PLACE, .cause = HF_ERR_CONTROLLER_UNREACHABLE };
	c->waiver.items = &c->item;
	c->waiver.bearer = true;
	if (!hf_waiver_valid(&c->waiver))
		return hf_ctl_refuse("waiver", "%s: it would be no valid release", c->waiver.name);
	json = hf_source_format(&out);
	if (!json)
		err = hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "%s", "text");
	else if (c->out)
		err = hf_file_write(AT_FDCWD, c->out, hf_span_text(json), 0644, &fault);
	if (json && (!c->out || c->json))
		fputs(json, stdout);
	free(json);
	if (err)
		return hf_ctl_fault("waiver", &fault);
	tell(c);
	return HF_EXIT_OK;
}

/* ---- the command line ---- */

static bool take_option(struct create *c, int letter, const char *value)
{
	const char *rest = "";

	switch (letter) {
	case 'N':
		c->waiver.name = value;
		return hf_name_valid(value);
	case 'i':
		c->host.word = value;
		return hf_host_id_valid(value);
	case 'f':
		c->from = value;
		return true;
	case 'b':
		c->boots = value;
		return true;
	case 'g':
		c->waiver.has_generation = true;
		return number(value, &rest, INT64_MAX, &c->waiver.generation) && !*rest;
	case 'U':
		c->waiver.has_until = true;
		return hf_date_parse(value, &c->waiver.until_day) && c->waiver.until_day;
	case 'n':
		c->waiver.note = value;
		return value[0] != '\0';
	case 'o':
		c->out = value;
		return true;
	case 'j':
		c->json = true;
		return true;
	default:
		return hf_host_server_option(&c->host, letter, value);
	}
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct create *c)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'N' }, { "id", required_argument, NULL, 'i' },
		{ "from", required_argument, NULL, 'f' }, { "boots", required_argument, NULL, 'b' },
		{ "generation", required_argument, NULL, 'g' }, { "until", required_argument, NULL, 'U' },
		{ "note", required_argument, NULL, 'n' }, { "out", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ "url", required_argument, NULL, 'u' }, { "ca", required_argument, NULL, 'c' },
		{ "token-file", required_argument, NULL, 't' }, { "certificate", required_argument, NULL, 'C' },
		{ "key", required_argument, NULL, 'K' }, { "timeout", required_argument, NULL, 'T' }, { 0 },
	};
	int letter;

	opterr = 0;
	optind = 0;
	while ((letter = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (letter == '?' || letter == ':' || !take_option(c, letter, optarg))
			return hf_ctl_refuse("waiver", "%s is not understood", argv[optind - 1]);
	}
	if (optind < argc)
		return hf_ctl_refuse("waiver", "%s is one word too many", argv[optind]);
	if (!c->waiver.name || !c->boots || !c->waiver.has_generation)
		return hf_ctl_refuse("waiver", "create needs --name, --boots and --generation");
	if (!c->host.word == !c->from)
		return hf_ctl_refuse("waiver", "which host: --id or --from, one of them");
	return c->host.word ? hf_host_server_ready(&c->host) : -1;
}

int hf_cmd_waiver(int argc, char **argv)
{
	struct create c = { .host = { .command = "waiver" } };
	int code;

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return HF_EXIT_OK;
	}
	if (argc < 2 || strcmp(argv[1], "create") != 0)
		return hf_ctl_refuse("waiver", "it is: waiver create");
	code = parse(argc - 1, argv + 1, &c);
	if (code >= 0)
		return code;
	if (hf_arena_make(ARENA, &c.arena) != HF_OK) {
		struct hf_fault fault;

		hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "%s", "");
		return hf_ctl_fault("waiver", &fault);
	}
	code = c.from ? from_evidence(&c) : from_controller(&c);
	if (code == HF_EXIT_OK)
		code = set_boots(&c);
	if (code == HF_EXIT_OK)
		code = write_source(&c);
	hf_arena_drop(&c.arena);
	return code;
}
