/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/log_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "measure/cbor.h"
#include "measure/event_text.h"

json_t *hf_hex_json(struct hf_span bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * bytes.len + 1);
	json_t *json;

	if (!text)
		return NULL;
	for (size_t i = 0; i < bytes.len; i++) {
		text[2 * i] = digits[bytes.ptr[i] >> 4];
		text[2 * i + 1] = digits[bytes.ptr[i] & 15];
	}
	json = json_stringn(text, 2 * bytes.len);
	free(text);
	return json;
}

json_t *hf_digest_json(const struct hf_digest *digest)
{
	return hf_hex_json((struct hf_span){ digest->bytes, hf_alg_size(digest->alg) });
}

/* ---- CBOR ---- */

static json_t *item_json(struct hf_cbor *r);

static json_t *array_json(struct hf_cbor *r)
{
	json_t *array = json_array();

	for (size_t n = hf_cbor_array(r); n > 0 && !r->err; n--)
		json_array_append_new(array, item_json(r));
	return array;
}

/* Keys are texts in what we write; others are shown by their encoding. */
static json_t *map_json(struct hf_cbor *r)
{
	json_t *map = json_object();

	for (size_t n = hf_cbor_map(r); n > 0 && !r->err; n--) {
		bool is_text = hf_cbor_peek(r) == HF_CBOR_TSTR;
		struct hf_span key = is_text ? hf_cbor_tstr(r) : hf_cbor_skip(r);
		json_t *name = is_text ? json_stringn((const char *)key.ptr, key.len) :
				hf_hex_json(key);

		json_object_set_new(map, name ? json_string_value(name) : "", item_json(r));
		json_decref(name);
	}
	return map;
}

static json_t *item_json(struct hf_cbor *r)
{
	struct hf_span s;

	switch (hf_cbor_peek(r)) {
	case HF_CBOR_UINT:
	case HF_CBOR_NINT:
		return json_integer(hf_cbor_int(r));
	case HF_CBOR_BSTR:
		return hf_hex_json(hf_cbor_bstr(r));
	case HF_CBOR_TSTR:
		s = hf_cbor_tstr(r);
		return json_stringn(s.ptr ? (const char *)s.ptr : "", s.len);
	case HF_CBOR_ARRAY:
		return array_json(r);
	case HF_CBOR_MAP:
		return map_json(r);
	case HF_CBOR_TAG:
		hf_cbor_tag(r);
		return item_json(r);
	case HF_CBOR_BOOL:
		return json_boolean(hf_cbor_bool(r));
	case HF_CBOR_NULL:
		hf_cbor_null(r);
		return json_null();
	case HF_CBOR_OTHER:
		return hf_hex_json(hf_cbor_skip(r));
	case HF_CBOR_NONE:
		break;
	}
	hf_cbor_fail(r, HF_ERR_CBOR_TRUNCATED);
	return json_null();
}

json_t *hf_payload_json(struct hf_span payload)
{
	struct hf_cbor r = hf_cbor_at(payload);
	json_t *json = item_json(&r);
	enum hf_err err = hf_cbor_end(&r);

	if (!err)
		return json;
	json_decref(json);
	return json_pack("{s:s}", "error", hf_err_name(err));
}

/* ---- events ---- */

const char *hf_event_tag(const struct hf_event *event, struct hf_span *ret_payload)
{
	struct hf_cursor c = hf_cursor_at(event->data);
	uint32_t tag = hf_u32le(&c);
	struct hf_span payload = hf_take_span(&c, hf_u32le(&c));

	if (event->type != HF_EV_EVENT_TAG || !hf_cursor_done(&c))
		return NULL;
	*ret_payload = payload;
	switch ((enum hf_tag)tag) {
	case HF_TAG_BEGIN:
		return "BEGIN";
	case HF_TAG_PART:
		return "PART";
	case HF_TAG_END:
		return "END";
	case HF_TAG_CAP:
		return "CAP";
	}
	return NULL;
}

static json_t *tag_payload_json(const char *tag, struct hf_span payload)
{
	struct hf_digest claims;
	struct hf_span path;

	if (strcmp(tag, "PART") == 0 && hf_log_part_parse(payload, &path, &claims) == HF_OK)
		return json_pack("{s:s%, s:o}", "path", path.ptr, path.len, "claims-sha384",
				 hf_digest_json(&claims));
	return hf_payload_json(payload);
}

/* Of ours the payload; of any other what `kind` says, and the one text that tells it from
 * its like. */
static void set_meaning(json_t *json, const struct hf_event *event,
			const struct hf_event_data *data)
{
	json_t *decoded = hf_event_decoded_json(event, data);
	const json_t *text = json_object_get(decoded, "text");
	struct hf_span payload;
	const char *tag = hf_event_tag(event, &payload);

	if (tag) {
		json_object_set_new(json, "tag", json_string(tag));
		json_object_set_new(json, "payload", tag_payload_json(tag, payload));
	}
	text = text ? text : json_object_get(decoded, "name");
	if (text) {
		json_object_set(json, "text", (json_t *)(uintptr_t)text);
	} else if (data->err && hf_is_ascii(event->data)) {	/* not its shape, yet words */
		char words[256];

		hf_bytes_text(event->data, words, sizeof(words));
		json_object_set_new(json, "text", json_string(words));
	}
	json_object_set_new(json, "decoded", decoded);
}

static const char *bound_name(enum hf_event_bound bound)
{
	switch (bound) {
	case HF_BOUND_NONE:
		return "none";
	case HF_BOUND_VALUE:
		return "value";
	case HF_BOUND_DATA:
		break;
	}
	return "data";
}

json_t *hf_event_json(const struct hf_event *event, size_t number)
{
	json_t *json = json_object(), *digests = json_object();
	const char *name = hf_event_type_name(event->type);
	struct hf_event_data data;

	hf_event_decode(event, &data);
	json_object_set_new(json, "number", json_integer((json_int_t)number));
	json_object_set_new(json, "offset", json_integer((json_int_t)event->offset));
	json_object_set_new(json, "pcr", json_integer(event->pcr));
	json_object_set_new(json, "use", json_string(hf_event_use_name(hf_event_use(event))));
	json_object_set_new(json, "type", json_integer(event->type));
	json_object_set_new(json, "type-name", name ? json_string(name) : json_null());
	for (size_t i = 0; i < event->digest_count; i++)
		json_object_set_new(digests, hf_alg_name(event->digests[i].alg),
				    hf_digest_json(&event->digests[i]));
	json_object_set_new(json, "digests", digests);
	json_object_set_new(json, "size", json_integer((json_int_t)event->data.len));
	json_object_set_new(json, "bound", json_string(bound_name(data.bound)));
	json_object_set_new(json, "kind", json_string(hf_event_kind_name(data.kind)));
	json_object_set_new(json, "cause", data.err ? json_string(hf_err_name(data.err))
						    : json_null());
	set_meaning(json, event, &data);
	json_object_set_new(json, "data", hf_hex_json(event->data));
	return json;
}

json_t *hf_pcrs_json(const struct hf_pcrs *pcrs, unsigned count)
{
	json_t *json = json_object();

	for (unsigned pcr = 0; pcr < count; pcr++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", pcr);
		json_object_set_new(json, name,
				    hf_hex_json((struct hf_span){ pcrs->value[pcr],
							       hf_alg_size(pcrs->alg) }));
	}
	return json;
}
