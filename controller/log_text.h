/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/log_text.h: the document of `holdfastctl log show --json`, for people. */
#ifndef HF_CONTROLLER_LOG_TEXT_H
#define HF_CONTROLLER_LOG_TEXT_H

#include <jansson.h>

/* To standard output, no line wider than 80 columns. */
void hf_log_print(const json_t *doc);

#endif
