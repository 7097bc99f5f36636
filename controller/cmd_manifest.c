/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/commands.h"
#include "controller/ctl.h"
#include "controller/manifest_cmds.h"

#include <stdio.h>
#include <string.h>

static const struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} subcommands[] = {
	{ "create", hf_manifest_create, "sources from the evidence of a golden host" },
	{ "add-rom", hf_manifest_add_rom, "a release from a vendor's ROM file" },
	{ "build", hf_manifest_build, "a source to an unsigned CoRIM" },
	{ "sign", hf_manifest_sign, "a source or an unsigned CoRIM to a signed one" },
	{ "show", hf_manifest_show, "the source back from a CoRIM" },
	{ "check", hf_manifest_check, "load files together and look for mistakes" },
	{ "diff", hf_manifest_diff, "what two sets of manifests, or hosts, say differently" },
	{ "test", hf_manifest_test, "what new manifests would make of hosts measured before" },
	{ "accept", hf_manifest_accept, "a waiver, or a release more, from a held host's evidence" },
};
#define SUBCOMMAND_COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

static void print_usage(FILE *out)
{
	fputs("usage: holdfastctl manifest COMMAND [OPTION...]\n\n", out);
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		fprintf(out, "  %-7s %s\n", subcommands[i].name, subcommands[i].summary);
	fputs("\nholdfastctl manifest COMMAND --help   the options of one command\n", out);
}

int hf_cmd_manifest(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return HF_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return HF_EXIT_OK;
	}
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		if (strcmp(argv[1], subcommands[i].name) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	return hf_ctl_refuse("manifest", "there is no command %s", argv[1]);
}
