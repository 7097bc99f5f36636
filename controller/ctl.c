/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SCREEN 80	/* columns */

/* Broken at blanks so that no line passes the screen; control bytes become '?'. */
void hf_ctl_print(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t gap = strspn(text, " "), word = strcspn(text + gap, " \n");

		if (column && gap && column + gap + word > SCREEN) {
			fputs("\n  ", out);
			column = 2;
		} else {
			fprintf(out, "%*s", (int)gap, "");
			column += gap;
		}
		text += gap;
		for (size_t i = 0; i < word; i++)
			fputc(text[i] < 0x20 || text[i] > 0x7e ? '?' : text[i], out);
		column += word;
		text += word;
		if (*text == '\n') {
			fputc('\n', out);
			text++;
			column = 0;
		}
	}
	fputc('\n', out);
}

int hf_ctl_fault(const char *command, const struct hf_fault *fault)
{
	char text[1024], line[1280];

	hf_fault_format(fault, text, sizeof(text));
	snprintf(line, sizeof(line), "holdfastctl %s: %s", command, text);
	hf_ctl_print(stderr, line);
	return hf_err_exit(fault->err);
}

int hf_ctl_refuse(const char *command, const char *format, ...)
{
	char text[512], line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c; c++)	/* words come from whoever typed them */
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	snprintf(line, sizeof(line), "holdfastctl %s: %s [%s]\n  next: see holdfastctl %s --help",
		 command, text, hf_err_name(HF_ERR_USAGE), command);
	hf_ctl_print(stderr, line);
	return HF_EXIT_USAGE;
}
