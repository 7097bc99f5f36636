/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/api_json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- replies ---- */

static void put(struct hf_request *request, unsigned status, json_t *root, struct hf_response *response)
{
	/* ASCII: whoever asks with a terminal is steered by no host's text */
	char *text = root ? json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	const char *kept = text ? hf_arena_text(request->arena, text, strlen(text)) : NULL;

	json_decref(root);
	free(text);
	*response = (struct hf_response){ .status = kept ? status : 503, .content_type = HF_API_JSON,
					  .body = hf_span_text(kept ? kept : "{\"cause\":\"no-memory\"}") };
}

void hf_api_reply(struct hf_request *request, json_t *root, struct hf_response *response)
{
	put(request, 200, root, response);
}

void hf_api_done(struct hf_response *response)
{
	*response = (struct hf_response){ .status = 204, .content_type = HF_API_JSON };
}

void hf_api_refuse(struct hf_request *request, unsigned status, enum hf_err cause, const char *detail,
		   struct hf_response *response)
{
	hf_log_event(status >= 500 ? "error" : "warning", "request-refused", "path", request->path, "actor",
		     request->actor ? request->actor : "", "host", request->host ? request->host : "", "cause",
		     hf_err_name(cause), "detail", detail, NULL);
	if (status >= 500)
		detail = "the log of holdfastd says more";
	put(request, status, json_pack("{s:s, s:o, s:s, s:s}", "cause", hf_err_name(cause), "detail",
				       hf_api_string(detail), "sentence", hf_err_sentence(cause), "next",
				       hf_err_next_step(cause)), response);
}

unsigned hf_api_status(enum hf_err err)
{
	switch (err) {	/* those that a store or a parser gives; all others are no fault of the client */
	case HF_ERR_HOST_UNKNOWN:
	case HF_ERR_RING_UNKNOWN:
		return 404;
	case HF_ERR_STATE_CHANGED:
	case HF_ERR_EK_INVENTORY:
	case HF_ERR_HOST_NOT_RECLAIMED:
	case HF_ERR_HOST_IN_USE:
	case HF_ERR_HOST_HELD:
	case HF_ERR_RING_IN_USE:
	case HF_ERR_RING_WORSE:
		return 409;
	case HF_ERR_LIMIT:
		return 413;
	case HF_ERR_API_REFUSED:
	case HF_ERR_INVENTORY_SYNTAX:
	case HF_ERR_RING_STAGE:
		return 400;
	default:
		return 503;
	}
}

void hf_api_fault(struct hf_request *request, enum hf_err err, const struct hf_fault *fault,
		  struct hf_response *response)
{
	char text[sizeof(fault->where) + sizeof(fault->detail) + 4] = "";
	const bool where = fault->err == err && fault->where[0] && (!request->host || strcmp(fault->where, request->host));

	if (fault->err == err)
		snprintf(text, sizeof(text), "%s%s%s", where ? fault->where : "",
			 where && fault->detail[0] ? ": " : "", fault->detail);
	hf_api_refuse(request, hf_api_status(err), err, text, response);
}

/* ---- requests ---- */

bool hf_api_is_type(const struct hf_request *request, const char *type)
{
	const char *said = request->content_type;
	size_t len = said ? strcspn(said, "; \t") : 0;

	return len == strlen(type) && strncasecmp(said, type, len) == 0;
}

static bool is_known(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

enum hf_err hf_api_body(const struct hf_request *request, const char *const *names, json_t **ret,
			struct hf_fault *fault)
{
	const json_t *value;
	json_error_t error;
	const char *name;
	json_t *body;

	if (request->content_type && !hf_api_is_type(request, HF_API_JSON))
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "Content-Type is %.60s: send application/json",
			       request->content_type);
	body = json_loadb((const char *)request->body.ptr, request->body.len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(body)) {
		json_decref(body);
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "the body is no JSON object%s%.80s", body ? "" : ": ",
			       body ? "" : error.text);
	}
	json_object_foreach((json_t *)(uintptr_t)body, name, value) {
		if (is_known(name, names))
			continue;
		hf_fail(fault, HF_ERR_API_REFUSED, NULL, "\"%.40s\" is not known here", name);
		json_decref(body);
		return HF_ERR_API_REFUSED;
	}
	*ret = body;
	return HF_OK;
}

/* Of what is UTF-8: control characters, C1 (U+0080 to 9F) too, which some terminals obey; ends of
 * lines (U+2028, 2029); marks that turn the order in which a line is read (U+061C, 200E, 200F, 202A
 * to 202E, 2066 to 2069). */
static bool steers(const char *text)
{
	for (const uint8_t *c = (const uint8_t *)text; *c; c++) {
		if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xd8 && c[1] == 0x9c))
			return true;
		if (c[0] == 0xe2 && c[1] == 0x80 &&
		    (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae)))
			return true;
		if (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)
			return true;
	}
	return false;
}

enum hf_err hf_api_text(const json_t *body, const char *name, bool needed, size_t max, const char **ret,
			struct hf_fault *fault)
{
	const json_t *value = json_object_get(body, name);
	const char *text = json_string_value(value);

	if (!value && !needed) {
		*ret = NULL;
		return HF_OK;
	}
	if (!text || !*text)
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "\"%s\" must be a text", name);
	if (json_string_length(value) > max)
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "\"%s\" is longer than %zu bytes", name, max);
	if (steers(text))
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "\"%s\" holds a control character", name);
	*ret = text;
	return HF_OK;
}

enum hf_err hf_api_number(const struct hf_request *request, const char *name, int64_t least, int64_t most,
			  int64_t otherwise, int64_t *ret, struct hf_fault *fault)
{
	const char *text = request->query ? request->query(request, name) : NULL;
	int64_t n = otherwise;

	if (text) {
		const bool digits = *text && strlen(text) <= 18 && strspn(text, "0123456789") == strlen(text);

		n = digits ? strtoll(text, NULL, 10) : -1;
		if (!digits || n < least || n > most)
			return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "%s=%.40s: a number from %lld to %lld", name,
				       text, (long long)least, (long long)most);
	}
	*ret = n;
	return HF_OK;
}
