/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest create: from a directory of evidence to one JSON file per manifest. */
#include "controller/create.h"
#include "controller/ctl.h"
#include "controller/evidence_input.h"
#include "controller/manifest_cmds.h"
#include "controller/source_write.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define NOTES_MAX (256u << 10)

static const char usage[] =
	"usage: holdfastctl manifest create --from EVIDENCE --out DIR\n"
	"           [--generation N] [--mode enforce|audit] [--release NAME]\n"
	"           [--driver NAME]... [--application SHA256]...\n\n"
	"From the evidence of a host that you trust: model.json, with a rule for every\n"
	"part in its place, and one file per kind of part. Read and correct them, then\n"
	"sign. Existing files are replaced. EVIDENCE is a directory, a collection, or what\n"
	"holdfast scan --json printed, which has no firmware log.\n\n"
	"  --generation N        of the model (default 1)\n"
	"  --mode MODE           default enforce\n"
	"  --release NAME        of the firmware found (default as-found)\n"
	"  --driver NAME         a driver that the gate may bind, in order\n"
	"  --application SHA256  a program in PCR 4, beside the gate's own image\n";

static enum hf_err create(const struct hf_create *options, const char *from, const char *out,
			  struct hf_fault *fault)
{
	struct hf_manifests manifests = { 0 };
	struct hf_evidence evidence;
	struct hf_writer notes = { .cap = NOTES_MAX };
	struct hf_arena arena;
	enum hf_err err = hf_arena_make(HF_MANIFEST_ARENA, &arena);

	if (err)
		return hf_fail(fault, err, from, "arena");
	manifests.arena = &arena;
	err = hf_host_input(from, &arena, &evidence, fault);
	if (!err) {
		notes.buf = hf_arena_take(&arena, notes.cap);
		err = notes.buf ? hf_create(options, &evidence, &manifests, &notes, fault)
				: hf_fail(fault, HF_ERR_LIMIT, from, "notes");
	}
	if (!err)
		err = hf_sources_write(out, &manifests, false, stdout, fault);
	if (notes.buf)
		fwrite(notes.buf, 1, notes.len, stderr);
	hf_arena_drop(&arena);
	return err;
}

static bool parse_number(const char *text, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text < '0' || *text > '9' || value > INT64_MAX)
		return false;
	*ret = value;
	return true;
}

/* Whether the option's value is understood. */
static bool take_option(int c, const char *value, struct hf_create *options)
{
	switch (c) {
	case 'g':
		return parse_number(value, &options->generation);
	case 'm':
		return hf_mode_from_name(value, &options->mode);
	case 'r':
		options->release = value;
		return hf_name_valid(value);
	case 'd':
		if (options->driver_count == HF_CREATE_LIST_MAX || !hf_name_valid(value))
			return false;
		options->drivers[options->driver_count++] = value;
		return true;
	case 'a':
		return options->application_count < HF_CREATE_LIST_MAX &&
		       hf_digest_from_hex(HF_ALG_SHA256, value,
					  &options->applications[options->application_count++]);
	default:
		return false;
	}
}

int hf_manifest_create(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "from", required_argument, NULL, 'f' },
		{ "out", required_argument, NULL, 'o' },
		{ "generation", required_argument, NULL, 'g' },
		{ "mode", required_argument, NULL, 'm' },
		{ "release", required_argument, NULL, 'r' },
		{ "driver", required_argument, NULL, 'd' },
		{ "application", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct hf_create options = { .generation = 1, .mode = HF_MODE_ENFORCE };
	const char *from = NULL, *out = NULL;
	struct hf_fault fault;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (c == 'f')
			from = optarg;
		else if (c == 'o')
			out = optarg;
		else if (!take_option(c, optarg, &options))
			return hf_ctl_refuse("manifest create", "%s is not understood",
					     argv[optind - 1]);
	}
	if (optind < argc)
		return hf_ctl_refuse("manifest create", "%s is not understood", argv[optind]);
	if (!from || !out)
		return hf_ctl_refuse("manifest create", "--from and --out are needed");
	if (create(&options, from, out, &fault))
		return hf_ctl_fault("manifest create", &fault);
	return HF_EXIT_OK;
}
