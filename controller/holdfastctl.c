/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/commands.h"
#include "measure/err.h"

#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "keygen", hf_cmd_keygen, "make a signing key and its anchor" },
	{ "manifest", hf_cmd_manifest, "create, build, sign, show and check manifests" },
	{ "census", hf_cmd_census, "a fleet counted: what stands out, and drafts of its manifests" },
	{ "waiver", hf_cmd_waiver, "the owner's release of a host for when no controller answers" },
	{ "image", hf_cmd_image, "measure agent and tenant images for an image list" },
	{ "log", hf_cmd_log, "show an event log, or replay it to PCR values" },
	{ "evidence", hf_cmd_evidence, "verify, show and unpack what a host proved" },
	{ "host", hf_cmd_host, "enter, reclaim, hold and look up hosts at the controller" },
	{ "ring", hf_cmd_ring, "sets of manifests, from observe to enforce, and who is in them" },
	{ "audit", hf_cmd_audit, "what was done at the controller, and whether all of it is there" },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	fputs("usage: holdfastctl COMMAND [OPTION...]\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "holdfastctl COMMAND --help   the options of one command\n"
	      "holdfastctl --version        the version\n\n"
	      "exit codes: 0 done or affirmed, 1 internal, 2 usage, 3 judged and\n"
	      "refused, 6 the controller cannot be reached\n", out);
}

/* Output that did not reach its reader must not look like success. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "holdfastctl: standard output: %s [%s]\n  next: %s\n",
		hf_err_sentence(HF_ERR_OUTPUT_FAILED), hf_err_name(HF_ERR_OUTPUT_FAILED),
		hf_err_next_step(HF_ERR_OUTPUT_FAILED));
	return code == HF_EXIT_OK ? HF_EXIT_INTERNAL : code;
}

static int no_command(const char *word)
{
	char text[48];

	snprintf(text, sizeof(text), "%s", word);
	for (char *c = text; *c; c++)	/* whoever typed it may have sent control bytes */
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	fprintf(stderr, "holdfastctl: there is no command %s [%s]\n  next: see holdfastctl --help\n", text,
		hf_err_name(HF_ERR_USAGE));
	return HF_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return HF_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("holdfastctl %s\n", HF_VERSION);
		return finish(HF_EXIT_OK);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return finish(HF_EXIT_OK);
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return finish(commands[i].run(argc - 1, argv + 1));
	return no_command(argv[1]);
}
