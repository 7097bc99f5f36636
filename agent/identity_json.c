/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/identity.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *hex(struct hf_span bytes)
{
	char *text = malloc(2 * bytes.len + 1);
	json_t *value;

	if (!text)
		return NULL;
	text[0] = '\0';
	for (size_t i = 0; i < bytes.len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes.ptr[i]);
	value = json_string(text);
	free(text);
	return value;
}

static json_t *keys(const struct hf_identity_view *view)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->count; i++) {
		const struct hf_tpm_ek *ek = &view->eks[i];
		json_t *certificate = ek->certificate.len ? hex(ek->certificate) : json_null();
		json_t *one = json_pack("{s:s,s:s,s:o,s:o,s:o}", "profile", ek->name, "kind",
					hf_ek_kind_name(view->ids[i].kind), "ek-sha256",
					hex((struct hf_span){ view->ids[i].id.bytes, 32 }), "public",
					hex(ek->public_area), "certificate", certificate);

		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

char *hf_identity_json(const struct hf_identity_view *view)
{
	char banks[64], *text;
	json_t *root;

	hf_identity_banks(view->banks, banks);
	root = json_pack("{s:i,s:{s:s,s:s,s:s},s:{s:s,s:s,s:s},s:s,s:{s:o,s:o},s:o}", "format", 1, "host", "vendor",
			 view->vendor, "product", view->product, "serial", view->serial, "tpm", "vendor",
			 view->tpm.vendor, "firmware", view->tpm.firmware, "specification",
			 view->tpm.specification, "banks", banks, "ak", "name",
			 hex((struct hf_span){ view->ak_key.name, sizeof(view->ak_key.name) }), "public",
			 hex(view->ak), "eks", keys(view));
	if (!root)
		return NULL;
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}
