/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/spdm_view.h"

#include <jansson.h>
#include <stdlib.h>

/* Takes value in any case; a failure leaves *ok false. */
static void set(json_t *object, const char *key, json_t *value, bool *ok)
{
	if (!object)
		json_decref(value);
	else if (json_object_set_new(object, key, value) == 0)
		return;
	*ok = false;
}

static void append(json_t *array, json_t *value, bool *ok)
{
	if (!array)
		json_decref(value);
	else if (json_array_append_new(array, value) == 0)
		return;
	*ok = false;
}

static json_t *cause_json(enum hf_err cause)
{
	return cause ? json_string(hf_err_name(cause)) : json_null();
}

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *hex_json(struct hf_span bytes)
{
	char *text = malloc(2 * bytes.len + 1);
	json_t *value;

	if (!text)
		return NULL;
	for (size_t i = 0; i < bytes.len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes.ptr[i]);
	text[2 * bytes.len] = '\0';
	value = json_string(text);
	free(text);
	return value;
}

static json_t *version_json(uint8_t version)
{
	char text[8];

	if (!version)
		return json_null();
	hf_spdm_version_text(version, text);
	return json_string(text);
}

static json_t *versions_json(const struct hf_spdm *s, bool *ok)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->version_count; i++)
		append(array, version_json((uint8_t)(s->versions[i] >> 8)), ok);
	return array;
}

static json_t *capabilities_json(const struct hf_spdm *s, bool *ok)
{
	json_t *array = json_array();
	uint32_t mask, value;
	const char *words;

	for (size_t i = 0; (words = hf_spdm_capability(i, &mask, &value)); i++)
		if ((s->capabilities & mask) == value)
			append(array, json_string(words), ok);
	return array;
}

/* ---- slots ---- */

static json_t *certificate_json(const struct hf_device_chain *chain, size_t i, bool *ok)
{
	struct hf_span der = hf_device_chain_certificate(chain, i);
	struct hf_device_certificate c;
	struct hf_digest digest;
	json_t *object;

	hf_device_certificate_describe(chain, i, &c);
	object = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b,s:b}", "subject", c.subject, "issuer", c.issuer,
			   "serial", c.serial, "not_before", c.not_before, "not_after", c.not_after,
			   "key", c.key, "self_signed", c.self_signed, "ca", c.ca);
	if (hf_digest(HF_ALG_SHA256, der, &digest) != HF_OK)
		*ok = false;
	else
		set(object, "sha256", hex_json((struct hf_span){ digest.bytes, 32 }), ok);
	return object;
}

static json_t *number_or_null(bool there, uint64_t number)
{
	return there ? json_integer((json_int_t)number) : json_null();
}

static json_t *layer_json(const struct hf_dice_layer *layer, bool *ok)
{
	json_t *object = json_pack("{s:I}", "certificate", (json_int_t)layer->certificate);
	json_t *fwids = json_array();

	set(object, "vendor", text_or_null(layer->vendor), ok);
	set(object, "model", text_or_null(layer->model), ok);
	set(object, "version", text_or_null(layer->version), ok);
	set(object, "svn", number_or_null(layer->has_svn, layer->svn), ok);
	set(object, "layer", number_or_null(layer->has_layer, layer->layer), ok);
	set(object, "index", number_or_null(layer->has_index, layer->index), ok);
	set(object, "flags", number_or_null(layer->has_flags, layer->flags), ok);
	for (size_t i = 0; i < layer->fwid_count; i++) {
		const struct hf_digest *d = &layer->fwids[i];
		json_t *one = json_object();

		set(one, hf_alg_name(d->alg), hex_json((struct hf_span){ d->bytes, hf_alg_size(d->alg) }), ok);
		append(fwids, one, ok);
	}
	set(object, "fwids", fwids, ok);
	return object;
}

static const char *binding_name(const struct hf_spdm_view *view, const struct hf_spdm_slot_view *slot)
{
	if (!slot->san[0])
		return "unbound";
	if (!view->identity)
		return "not-compared";
	return slot->binding == HF_DEVICE_BOUND ? "bound" :
	       slot->binding == HF_DEVICE_OTHER ? "other" : "unbound";
}

static void add_chain(json_t *object, const struct hf_spdm_view *view, size_t slot, bool *ok)
{
	const struct hf_device_chain *chain = view->s->slots[slot].parsed;
	const struct hf_spdm_slot_view *seen = &view->slots[slot];
	json_t *certificates = json_array(), *layers = json_array();

	for (size_t i = 0; i < seen->certificates; i++)
		append(certificates, certificate_json(chain, i, ok), ok);
	for (size_t i = 0; i < seen->dice.count; i++)
		append(layers, layer_json(&seen->dice.layers[i], ok), ok);
	set(object, "certificates", certificates, ok);
	set(object, "has_root", json_boolean(seen->has_root), ok);
	set(object, "root_hash", hex_json(view->s->slots[slot].root_hash), ok);
	set(object, "names_device", text_or_null(seen->san), ok);
	set(object, "binding", json_string(binding_name(view, seen)), ok);
	set(object, "dice", layers, ok);
	set(object, "dice_malformed", json_boolean(seen->dice.malformed), ok);
	set(object, "anchor", text_or_null(seen->anchor), ok);
	set(object, "trust_problem", cause_json(seen->trust), ok);
}

static json_t *slots_json(const struct hf_spdm_view *view, bool *ok)
{
	json_t *array = json_array();

	for (size_t i = 0; i < HF_SPDM_SLOTS; i++) {
		const struct hf_spdm_slot *slot = &view->s->slots[i];
		json_t *object;

		if (!slot->provisioned && !slot->parsed)
			continue;
		object = json_pack("{s:I,s:b}", "slot", (json_int_t)i, "challenged", slot->challenged);
		set(object, "digest", slot->digest.len ? hex_json(slot->digest) : json_null(), ok);
		set(object, "problem", cause_json(slot->cause), ok);
		set(object, "challenge_problem", cause_json(slot->challenge_cause), ok);
		if (slot->parsed)
			add_chain(object, view, i, ok);
		append(array, object, ok);
	}
	return array;
}

/* ---- measurements ---- */

static json_t *measurements_json(const struct hf_spdm *s, bool *ok)
{
	json_t *array = json_array();

	for (size_t i = 0; i <= HF_SPDM_INDEX_MAX; i++) {
		const struct hf_spdm_block *block = &s->blocks[i];
		json_t *object;

		if (!block->there)
			continue;
		object = json_pack("{s:I,s:i,s:s,s:b,s:I,s:b}", "index", (json_int_t)i, "type",
				   block->type & 0x7f, "type_name", hf_spdm_type_name(block->type), "raw",
				   (block->type & HF_SPDM_TYPE_RAW) != 0, "size",
				   (json_int_t)block->value.len, "signed",
				   block->is_signed || block->is_covered);
		set(object, "value", hex_json(block->value), ok);
		append(array, object, ok);
	}
	return array;
}

static void add_negotiation(json_t *root, const struct hf_spdm *s, bool *ok)
{
	set(root, "version", version_json(s->version), ok);
	set(root, "versions", versions_json(s, ok), ok);
	set(root, "capability_flags", json_integer(s->capabilities), ok);
	set(root, "capabilities", capabilities_json(s, ok), ok);
	set(root, "signature_algorithm", s->asym ? json_string(hf_spdm_asym_name(s->asym)) : json_null(), ok);
	set(root, "hash_algorithm", s->hash ? json_string(hf_spdm_hash_name(s->hash)) : json_null(), ok);
	set(root, "measurement_hash", s->measurement_hash ?
	    json_string(hf_spdm_measurement_hash_name(s->measurement_hash)) : json_null(), ok);
	set(root, "negotiation_signed", json_boolean(s->negotiation_signed), ok);
}

enum hf_err hf_spdm_json_warm(void)
{
	json_t *empty = json_pack("{s:i}", "format", 1);

	json_decref(empty);
	return empty ? HF_OK : HF_ERR_NO_MEMORY;
}

char *hf_spdm_json(const struct hf_spdm_view *view)
{
	const struct hf_spdm *s = view->s;
	bool ok = true;
	json_t *root = json_pack("{s:i,s:s,s:s,s:b}", "format", 1, "source", view->source,
				 "way", view->way, "fresh", view->fresh);
	char *text;

	add_negotiation(root, s, &ok);
	set(root, "slots", slots_json(view, &ok), &ok);
	set(root, "measurements", measurements_json(s, &ok), &ok);
	set(root, "measured_slot", s->measured_slot < 0 ? json_null() : json_integer(s->measured_slot), &ok);
	set(root, "content", json_string(hf_spdm_content_name(s->content)), &ok);
	set(root, "signatures", json_integer((json_int_t)s->signatures), &ok);
	set(root, "anchors_given", json_boolean(view->trust != NULL), &ok);
	set(root, "result", cause_json(view->result), &ok);
	set(root, "problem", cause_json(view->cause), &ok);
	text = root && ok ? json_dumps(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	return text;
}
