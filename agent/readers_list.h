/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/readers_list.h: THE TABLE of readers for people and programs (`scan --readers`). */
#ifndef HF_AGENT_READERS_LIST_H
#define HF_AGENT_READERS_LIST_H

#include "measure/bytes.h"
#include "pcie/readers.h"

void hf_readers_text(struct hf_writer *w);	/* no line is wider than 80 columns */
/* NUL-terminated, to be freed with free(); NULL when memory runs out. */
char *hf_readers_json(void);

#endif
