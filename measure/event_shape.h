/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/event_shape.h: shared by the files that decode events; nobody else includes it. */
#ifndef HF_MEASURE_EVENT_SHAPE_H
#define HF_MEASURE_EVENT_SHAPE_H

#include "measure/event.h"

/* Sets what it finds; false: the data are not of this shape. */
typedef bool (*take_shape)(struct hf_span data, struct hf_event_data *ret);

/* Where no other shape is laid down: text if it is text, else raw. Always true. */
bool hf_event_take_words(struct hf_span data, struct hf_event_data *ret);
bool hf_event_take_note(struct hf_span data, struct hf_event_data *ret);	/* EV_NO_ACTION */

static inline bool hf_event_begins(struct hf_span data, const char *text, size_t len)
{
	return data.len >= len && memcmp(data.ptr, text, len) == 0;
}

#endif
