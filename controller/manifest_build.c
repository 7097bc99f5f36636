/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest build, and the encoding that build and sign share */
#include "controller/ctl.h"
#include "controller/manifest_cmds.h"
#include "measure/file.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

static const char usage[] =
	"usage: holdfastctl manifest build SOURCE.json --out FILE\n\n"
	"Writes the CoRIM of a source, unsigned. The same source gives the same bytes.\n";

enum hf_err hf_input_to_corim(const char *path, struct hf_manifests *manifests,
			      enum hf_input_kind *ret_kind, struct hf_span *ret,
			      struct hf_fault *fault)
{
	struct hf_span bytes;
	enum hf_err err = hf_input_read(path, NULL, 0, manifests, ret_kind, &bytes, fault);

	if (err)
		return err;
	if (*ret_kind == HF_INPUT_UNVERIFIED)
		return hf_fail(fault, HF_ERR_USAGE, path, "the file is signed already");
	if (*ret_kind == HF_INPUT_UNSIGNED) {	/* its bytes are kept: they may name another id */
		*ret = bytes;
		return HF_OK;
	}
	return hf_input_encode(manifests, path, ret, fault);
}

int hf_manifest_build(int argc, char **argv)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct hf_manifests manifests = { 0 };
	const char *out = NULL;
	enum hf_input_kind kind;
	struct hf_arena arena;
	struct hf_fault fault;
	struct hf_span corim;
	enum hf_err err;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		if (c != 'o')
			return hf_ctl_refuse("manifest build", "%s is not understood",
					     argv[optind - 1]);
		out = optarg;
	}
	if (!out || argc - optind != 1)
		return hf_ctl_refuse("manifest build", "one SOURCE.json and --out are needed");
	err = hf_arena_make(HF_MANIFEST_ARENA, &arena);
	if (err) {
		hf_fail(&fault, err, NULL, "arena");
		return hf_ctl_fault("manifest build", &fault);
	}
	manifests.arena = &arena;
	err = hf_input_to_corim(argv[optind], &manifests, &kind, &corim, &fault);
	if (!err)
		err = hf_file_write(AT_FDCWD, out, corim, 0644, &fault);
	hf_arena_drop(&arena);
	return err ? hf_ctl_fault("manifest build", &fault) : HF_EXIT_OK;
}
