/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/readers_list.h"

#include <jansson.h>

char *hf_readers_json(void)
{
	json_t *list = json_array(), *root;
	char *text;

	for (const struct hf_reader *const *r = hf_readers; *r; r++) {
		json_t *one = json_pack("{s:s,s:s,s:b,s:s,s:s}", "name", (*r)->name,
					"method", hf_method_name((*r)->method),
					"needs_driver", (*r)->needs_driver,
					"touches", (*r)->touches, "proves", (*r)->proves);

		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	root = json_pack("{s:i,s:o}", "format", 1, "readers", list);
	if (!root)
		return NULL;	/* json_pack has taken list in any case */
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}
