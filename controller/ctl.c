/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/ctl.h"

#include <stdarg.h>
#include <stdio.h>

int hf_ctl_fault(const char *command, const struct hf_fault *fault)
{
	char text[1024];

	hf_fault_format(fault, text, sizeof(text));
	fprintf(stderr, "holdfastctl %s: %s\n", command, text);
	return hf_err_exit(fault->err);
}

int hf_ctl_refuse(const char *command, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c; c++)	/* words come from whoever typed them */
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	fprintf(stderr, "holdfastctl %s: %s [%s]\n  next: see holdfastctl %s --help\n", command, text,
		hf_err_name(HF_ERR_USAGE), command);
	return HF_EXIT_USAGE;
}
