/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/commands.h"
#include "measure/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "boot", hf_cmd_boot, "the gate: hold, measure, judge, release (first process only)" },
	{ "scan", hf_cmd_scan, "what is on this host; by default nothing is written" },
	{ "verify", hf_cmd_verify, "judge this host or a capture by signed manifests" },
	{ "attest", hf_cmd_attest, "measure and quote for diagnosis, on PCR 16" },
	{ "identity", hf_cmd_identity, "whose TPM this is: the keys that an inventory names" },
	{ "provision", hf_cmd_provision, "let the TPM keep old manifests out of this host" },
	{ "rom", hf_cmd_rom, "the images of an option ROM file" },
	{ "spdm", hf_cmd_spdm, "what a device signs of itself, and whether it verifies" },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	fputs("usage: holdfast COMMAND [OPTION...]\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "holdfast COMMAND --help   the options of one command\n"
	      "holdfast --version        the version\n\n"
	      "exit codes: 0 released or affirmed, 1 internal, 2 usage, 3 judged and\n"
	      "refused, 4 a device could not be read, 5 TPM, 6 controller\n", out);
}

static bool is_init(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0;

	return getpid() == 1 || (name && strcmp(name, "init") == 0);
}

/* Output that did not reach its reader must not look like success. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "holdfast: standard output: %s [%s]\n  next: %s\n",
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
	fprintf(stderr, "holdfast: there is no command %s [%s]\n  next: see holdfast --help\n", text,
		hf_err_name(HF_ERR_USAGE));
	return HF_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	/* The kernel hands unknown words of its command line to the first process as
	 * arguments and environment; nothing unsigned may reach the gate that way. */
	if (is_init(argc > 0 ? argv[0] : NULL)) {
		char name[] = "boot";
		char *boot_argv[] = { name, NULL };

		clearenv();
		return finish(hf_cmd_boot(1, boot_argv));
	}
	if (argc < 2) {
		print_usage(stderr);
		return HF_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("holdfast %s\n", HF_VERSION);
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
