/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/log_json.h"
#include "measure/secure_boot.h"

static json_t *key_json(const struct hf_secure_boot_variable *variable)
{
	json_t *json = json_object();
	enum hf_err err;

	json_object_set_new(json, "size", json_integer((json_int_t)variable->content.len));
	json_object_set_new(json, "sha256", hf_digest_json(&variable->sha256));
	json_object_set_new(json, "signatures", hf_signatures_json(variable->content, &err));
	json_object_set_new(json, "cause", err ? json_string(hf_err_name(err)) : json_null());
	return json;
}

static json_t *authority_json(const struct hf_authority *authority)
{
	json_t *json = json_object();
	char name[128], guid[HF_GUID_TEXT];

	hf_utf16_text(authority->variable.name, name, sizeof(name));
	hf_guid_text(authority->variable.guid, guid);
	json_object_set_new(json, "event", json_integer((json_int_t)authority->event));
	json_object_set_new(json, "name", json_string(name));
	json_object_set_new(json, "guid", json_string(guid));
	json_object_set_new(json, "size", json_integer((json_int_t)authority->content.len));
	json_object_set_new(json, "sha256", hf_digest_json(&authority->sha256));
	return json;
}

json_t *hf_secure_boot_json(const struct hf_secure_boot *boot, enum hf_alg bank)
{
	json_t *json = json_object(), *keys = json_object(), *authorities = json_array();
	bool ambiguous = boot->state == HF_SECURE_BOOT_AMBIGUOUS;

	for (enum hf_secure_boot_key key = 0; key < HF_KEY_COUNT; key++)
		if (boot->keys[key].measured)
			json_object_set_new(keys, hf_secure_boot_key_name(key),
					    key_json(&boot->keys[key]));
	for (size_t i = 0; i < boot->authority_count; i++)
		json_array_append_new(authorities, authority_json(&boot->authorities[i]));
	json_object_set_new(json, "bank", json_string(hf_alg_name(bank)));
	json_object_set_new(json, "state", json_string(hf_secure_boot_state_name(boot->state)));
	json_object_set_new(json, "cause", ambiguous ? json_string(hf_err_name(boot->cause))
						     : json_null());
	json_object_set_new(json, "event", ambiguous ? json_integer((json_int_t)boot->event)
						     : json_null());
	json_object_set_new(json, "keys", keys);
	json_object_set_new(json, "authorities", authorities);
	json_object_set_new(json, "more-authorities", json_boolean(boot->more_authorities));
	json_object_set_new(json, "unbound-events",
			    json_integer((json_int_t)boot->unbound_count));
	json_object_set_new(json, "debug-mode", json_boolean(boot->debug_mode));
	json_object_set_new(json, "dma-protection-off", json_boolean(boot->dma_protection_off));
	return json;
}
