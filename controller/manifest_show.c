/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest show */
#include "controller/ctl.h"
#include "controller/manifest_cmds.h"
#include "controller/source.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char show_usage[] =
	"usage: holdfastctl manifest show FILE [--anchors DIR]\n\n"
	"Prints the JSON source of a signed or unsigned CoRIM on standard output and on\n"
	"standard error whether its signature was verified. With --anchors a file that\n"
	"does not verify is refused; without, nothing is checked and it says so.\n";

const char *hf_input_kind_text(enum hf_input_kind kind)
{
	switch (kind) {
	case HF_INPUT_SOURCE:
		return "a JSON source, not signed";
	case HF_INPUT_UNSIGNED:
		return "not signed";
	case HF_INPUT_UNVERIFIED:
		return "signed, signature NOT CHECKED (give --anchors DIR)";
	case HF_INPUT_VERIFIED:
		return "signature verified";
	}
	return "";
}

int hf_manifest_show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "anchors", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct hf_manifests manifests = { 0 };
	struct hf_trust trust = { 0 };
	struct hf_arena arena = { 0 };
	enum hf_input_kind kind;
	struct hf_fault fault;
	const char *anchors = NULL, *file;
	char *text = NULL;
	enum hf_err err;
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(show_usage, stdout);
			return HF_EXIT_OK;
		}
		if (c != 'a')
			return hf_ctl_refuse("manifest show", "%s is not understood",
					     argv[optind - 1]);
		anchors = optarg;
	}
	if (argc - optind != 1)
		return hf_ctl_refuse("manifest show", "one FILE at a time");
	file = argv[optind];
	err = anchors ? hf_trust_read(anchors, &trust, &fault) : HF_OK;
	if (!err && hf_arena_make(HF_MANIFEST_ARENA, &arena))
		err = hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "arena");
	manifests.arena = &arena;
	if (!err)
		err = hf_input_read(file, anchors ? &trust : NULL, 0, &manifests,
				    &kind, NULL, &fault);
	if (!err && anchors && kind == HF_INPUT_UNSIGNED)
		err = hf_fail(&fault, HF_ERR_MANIFEST_UNSIGNED, file, "a bare CoRIM");
	if (!err) {
		text = hf_source_format(&manifests);
		if (!text)
			err = hf_fail(&fault, HF_ERR_NO_MEMORY, file, "text");
	}
	if (!err) {
		fputs(text, stdout);
		fprintf(stderr, "%s: %s%s%s\n", file, hf_input_kind_text(kind),
			kind == HF_INPUT_VERIFIED ? ", signed by " : "",
			kind == HF_INPUT_VERIFIED ? manifests.files[0].signer : "");
		for (const struct hf_manifest_note *n = manifests.notes; n; n = n->next)
			fprintf(stderr, "%s: note: %.180s\n", file, n->text);
	}
	free(text);
	hf_arena_drop(&arena);
	hf_trust_drop(&trust);
	return err ? hf_ctl_fault("manifest show", &fault) : HF_EXIT_OK;
}
