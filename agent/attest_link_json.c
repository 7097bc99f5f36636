/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/attest_link.h"

#include <jansson.h>

/* Others' words: ASCII without control characters, anything else becomes '?'. */
static json_t *words(struct hf_span text)
{
	char out[256];
	size_t len = text.len < sizeof(out) ? text.len : sizeof(out) - 1;

	if (!text.len)
		return json_null();
	for (size_t i = 0; i < len; i++)
		out[i] = text.ptr[i] < 0x20 || text.ptr[i] > 0x7e ? '?' : (char)text.ptr[i];
	return json_stringn(out, len);
}

static void set(json_t *o, const char *key, json_t *value)
{
	(void)json_object_set_new(o, key, value);
}

static json_t *parts(const struct hf_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->part_count; i++) {
		json_t *o = json_object();

		set(o, "path", words(r->parts[i].path));
		set(o, "status", json_string(hf_ear_status_name(r->parts[i].status)));
		(void)json_array_append_new(list, o);
	}
	return list;
}

char *hf_attest_link_json(const struct hf_attest_link *a)
{
	const struct hf_result *r = a->answer.result;
	json_t *o = json_object();
	char *text;

	set(o, "format", json_integer(1));
	set(o, "host", words(r->host));
	set(o, "status", json_string(hf_ear_status_name(r->status)));
	set(o, "evidence", json_string(hf_evidence_kind_name(r->kind)));
	set(o, "cause", words(r->cause));
	set(o, "place", words(r->place));
	set(o, "detail", words(r->detail));
	set(o, "lease", words(r->lease));
	set(o, "verifier", words(r->verifier));
	set(o, "time", json_integer(r->time));
	set(o, "parts", parts(r));
	set(o, "omitted", json_integer((json_int_t)r->omitted));
	set(o, "enrolled", json_boolean(a->talk.enrolled));
	set(o, "verified", json_boolean(a->answer.verified));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}
