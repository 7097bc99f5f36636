/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/readers_list.h"

#include <stdio.h>

#define WIDTH 80
#define LABEL "  touches "	/* all labels are as wide */

static void put(struct hf_writer *w, const char *text)
{
	hf_put_span(w, hf_span_text(text));
}

/* Words up to the width, further lines below the first one. */
static void put_wrapped(struct hf_writer *w, const char *label, const char *text)
{
	size_t column = strlen(label);
	bool first = true;

	put(w, label);
	while (*text) {
		size_t len = strcspn(text, " ");

		if (!first && column + 1 + len > WIDTH) {
			put(w, "\n          ");
			column = sizeof(LABEL) - 1;
		} else if (!first) {
			put(w, " ");
			column++;
		}
		hf_put(w, text, len);
		column += len;
		first = false;
		text += len + (text[len] == ' ');
	}
	put(w, "\n");
}

void hf_readers_text(struct hf_writer *w)
{
	for (const struct hf_reader *const *r = hf_readers; *r; r++) {
		char line[WIDTH + 1];

		snprintf(line, sizeof(line), "%-10.32s%s, %s\n", (*r)->name,
			 hf_method_name((*r)->method),
			 (*r)->needs_driver ? "needs a bound driver" : "without a driver");
		put(w, line);
		put_wrapped(w, LABEL, (*r)->touches);
		put_wrapped(w, "  proves  ", (*r)->proves);
	}
	put(w, "Firmware that no reader gets at: docs/readers.md, "
	       "\"Not covered by any reader\".\n");
}
