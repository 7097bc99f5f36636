/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SCREEN 80	/* columns */

static void print_bytes(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fputc(text[i] < 0x20 || text[i] > 0x7e ? '?' : text[i], stderr);
}

/* Wrapped at words; words come from whoever typed them and may hold control bytes. */
static void print_wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t gap = strspn(text, " "), word = strcspn(text + gap, " \n");

		if (text[gap] == '\n') {
			fputc('\n', stderr);
			text += gap + 1;
			column = 0;
			continue;
		}
		if (column && column + gap + word > SCREEN) {
			fputs("\n ", stderr);
			gap = gap ? 1 : 0;
			column = 1;
		}
		fprintf(stderr, "%*s", (int)gap, "");
		text += strspn(text, " ");
		print_bytes(text, word);
		text += word;
		column += gap + word;
	}
	fputc('\n', stderr);
}

int hf_args_refuse(const char *command, const char *format, ...)
{
	char text[512], line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	snprintf(line, sizeof(line), "holdfast %s: %s [%s]\n  next: see holdfast %s --help", command,
		 text, hf_err_name(HF_ERR_USAGE), command);
	print_wrapped(line);
	return HF_EXIT_USAGE;
}

int hf_args_fault(const char *command, const struct hf_fault *fault)
{
	char text[1024], line[1280];

	hf_fault_format(fault, text, sizeof(text));
	snprintf(line, sizeof(line), "holdfast %s: %s", command, text);
	print_wrapped(line);
	return hf_err_exit(fault->err);
}

static const struct hf_option *find(const struct hf_option *options, const char *word, size_t len)
{
	for (; options->name; options++)
		if (strlen(options->name) == len && memcmp(options->name, word, len) == 0)
			return options;
	return NULL;
}

static bool append(struct hf_args_list *list, const char *word)
{
	if (list->count == HF_ARGS_MAX)
		return false;
	list->words[list->count++] = word;
	return true;
}

/* One option at argv[*at]; leaves *at on the last word it used. */
static bool take_option(int argc, char **argv, int *at, const struct hf_option *options)
{
	const char *word = argv[*at] + 2;
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct hf_option *option = find(options, word, len);
	const char *value = equals ? equals + 1 : NULL;
	bool is_set;

	if (!option) {
		hf_args_refuse(argv[0], "there is no option %s", argv[*at]);
		return false;
	}
	is_set = option->flag ? *option->flag : option->value && *option->value;
	if (is_set) {
		hf_args_refuse(argv[0], "option --%s is given twice", option->name);
		return false;
	}
	if (option->flag) {
		if (value)
			hf_args_refuse(argv[0], "option --%s takes no value", option->name);
		*option->flag = true;
		return !value;
	}
	if (!value && *at + 1 < argc && strncmp(argv[*at + 1], "--", 2) != 0)
		value = argv[++*at];
	if (!value || !*value) {
		hf_args_refuse(argv[0], "option --%s needs a value", option->name);
		return false;
	}
	if (option->value) {
		*option->value = value;
		return true;
	}
	for (;;) {
		if (!append(option->list, value)) {
			hf_args_refuse(argv[0], "more than %d values for --%s", HF_ARGS_MAX, option->name);
			return false;
		}
		if (equals || *at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
			return true;
		value = argv[++*at];
	}
}

bool hf_args_parse(int argc, char **argv, const struct hf_option *options,
		   struct hf_args_list *rest, const char *usage, int *ret_exit)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(usage, stdout);
			*ret_exit = HF_EXIT_OK;
			return false;
		}
	}
	*ret_exit = HF_EXIT_USAGE;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
			if (!take_option(argc, argv, &i, options))
				return false;
			continue;
		}
		if (!rest || argv[i][0] == '-' || !append(rest, argv[i])) {
			hf_args_refuse(argv[0], "the word \"%s\" has no place here", argv[i]);
			return false;
		}
	}
	return true;
}
