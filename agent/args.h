/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/args.h: long options of a subcommand: `--name VALUE`, `--name=VALUE`, `--flag`.
 * Messages name the word at fault and go to stderr; an option given twice is an error,
 * so that nothing on a command line is ever silently overruled. */
#ifndef HF_AGENT_ARGS_H
#define HF_AGENT_ARGS_H

#include "measure/err.h"

#define HF_ARGS_MAX 256	/* words of one list */

struct hf_args_list {
	const char *words[HF_ARGS_MAX];
	size_t count;
};
struct hf_option {	/* exactly one of flag, value and list is set */
	const char *name;	/* without "--"; NULL ends the table */
	bool *flag;
	const char **value;
	struct hf_args_list *list;	/* takes every word up to the next option; may repeat */
};

/* usage: the whole help text of the command. rest (may be NULL: none allowed) takes the
 * words that belong to no option. ret_exit is set when false comes back: HF_EXIT_OK after
 * --help, else HF_EXIT_USAGE. */
bool hf_args_parse(int argc, char **argv, const struct hf_option *options,
		   struct hf_args_list *rest, const char *usage, int *ret_exit) HF_MUST_USE;
/* "holdfast NAME: text" and where help is; returns HF_EXIT_USAGE. */
int hf_args_refuse(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The fault on stderr as every command words it; returns its exit code. */
int hf_args_fault(const char *command, const struct hf_fault *fault);

#endif
