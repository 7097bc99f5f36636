/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/event_text.h: bounded printable text from bytes that we do not trust; shared by
 * the files of measure/event.h. [pure] hf_text_at, hf_text_put*, hf_text_end.
 */
#ifndef HF_MEASURE_EVENT_TEXT_H
#define HF_MEASURE_EVENT_TEXT_H

#include "measure/bytes.h"

struct hf_text {	/* what does not fit sets cut; from then on nothing is written */
	char *out;
	size_t cap, len;	/* bytes; len <= cap - 4, which "..." and NUL need */
	bool cut;
};
struct hf_text hf_text_at(char *out, size_t cap);	/* cap is at least 8 */
/* Up to 127 bytes of our own words and numbers. */
void hf_text_put(struct hf_text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void hf_text_put_utf16(struct hf_text *t, struct hf_span utf16);	/* up to its NUL */
void hf_text_put_bytes(struct hf_text *t, struct hf_span bytes);	/* up to its NUL */
void hf_text_back(struct hf_text *t, const struct hf_text *before);
void hf_text_end(struct hf_text *t);	/* NUL, after "..." if cut */

/* Data that is text and nothing else: printable, at least one character, NULs behind it.
 * Of UTF-16 half must be ASCII: any two bytes make some character. */
bool hf_is_ascii(struct hf_span data);
bool hf_is_utf16(struct hf_span data);

#endif
