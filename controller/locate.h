/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/locate.h: on which line of a JSON text a member stands. The JSON library
 * keeps no lines; this reads the text once more, only to say where a mistake is. [pure] */
#ifndef HF_CONTROLLER_LOCATE_H
#define HF_CONTROLLER_LOCATE_H

#include "measure/bytes.h"

struct hf_json_step {
	const char *key;	/* NULL: the element index of a list */
	size_t index;
};
/* The line, from 1, of the deepest step that is there: a member's key, a list's element,
 * or where the value that lacks the next step begins. Total: text that is no JSON gives
 * the line reached so far. */
size_t hf_json_line(struct hf_span json, const struct hf_json_step *steps, size_t count);

#endif
