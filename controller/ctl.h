/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/ctl.h: how every subcommand of holdfastctl speaks. */
#ifndef HF_CONTROLLER_CTL_H
#define HF_CONTROLLER_CTL_H

#include <stdio.h>

#include "measure/err.h"

/* Text and a newline, wrapped at 80 columns. */
void hf_ctl_print(FILE *out, const char *text);
/* The fault on stderr: "holdfastctl COMMAND: where: sentence (detail) [name]", then the
 * next step. Returns its exit code. */
int hf_ctl_fault(const char *command, const struct hf_fault *fault);
/* A command line that is not understood: one sentence, then where help is. Returns
 * HF_EXIT_USAGE. */
int hf_ctl_refuse(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
