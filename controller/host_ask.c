/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to the controller, and how its refusals are told. */
#include <stdlib.h>

#include "controller/host_cmds.h"

const char *hf_host_path(const struct hf_host_args *a, const char *what, struct hf_arena *arena)
{
	size_t room = sizeof("/v1/hosts/") + strlen(a->word) + strlen(what);
	char *path = hf_arena_take(arena, room);

	if (path)
		snprintf(path, room, "/v1/hosts/%s%s", a->word, what);
	return path;
}

static json_t *parse(struct hf_span body)
{
	return json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
}

/* The controller's own sentence and next step are preferred: it may be newer. */
static int refused(const struct hf_host_args *a, const struct hf_http_reply *reply)
{
	json_t *json = parse(reply->body);
	const char *cause = hf_member_text(json, "cause"), *detail = hf_member_text(json, "detail");
	const char *sentence = hf_member_text(json, "sentence"), *next = hf_member_text(json, "next");
	enum hf_err err = hf_err_from_name(cause);
	char text[1024];

	if (err == HF_ERR_INTERNAL && strcmp(cause, hf_err_name(err)) != 0)
		err = reply->status >= 500 ? HF_ERR_CONTROLLER_REPLY : HF_ERR_API_REFUSED;
	snprintf(text, sizeof(text), "holdfastctl %s: %s: %.200s%s%.200s%s [%.60s, HTTP %u]\n  next: %.200s", a->command,
		 a->word && a->word[0] ? a->word : a->server.url, *sentence ? sentence : hf_err_sentence(err),
		 *detail ? " (" : "", detail, *detail ? ")" : "", *cause ? cause : hf_err_name(err), reply->status,
		 *next ? next : hf_err_next_step(err));
	hf_ctl_print(stderr, text);
	hf_worse_print(stderr, json_object_get(json, "worse"));
	json_decref(json);
	return reply->status >= 500 || reply->status < 400 ? HF_EXIT_CONTROLLER : HF_EXIT_REFUSED;
}

struct hf_http_reply hf_host_ask(const struct hf_host_args *a, const struct hf_http_request *request,
				 struct hf_arena *arena, int *ret_code)
{
	struct hf_http_reply reply = { 0 };
	struct hf_fault fault = { 0 };

	if (hf_http_ask(&a->server, request, arena, &reply, &fault) != HF_OK) {
		*ret_code = hf_ctl_fault(a->command, &fault);
		return (struct hf_http_reply){ 0 };
	}
	if (reply.status >= 200 && reply.status <= 299)
		return reply;
	*ret_code = refused(a, &reply);
	return (struct hf_http_reply){ 0 };
}

static json_t *ask(const struct hf_host_args *a, const struct hf_http_request *request, struct hf_arena *arena,
		   int *ret_code)
{
	struct hf_http_reply reply = hf_host_ask(a, request, arena, ret_code);
	struct hf_fault fault;
	json_t *json;

	if (!reply.status)
		return NULL;
	json = parse(reply.body);
	if (json_is_object(json))
		return json;
	json_decref(json);
	hf_fail(&fault, HF_ERR_CONTROLLER_REPLY, a->server.url, "no JSON object from %s", request->path);
	*ret_code = hf_ctl_fault(a->command, &fault);
	return NULL;
}

json_t *hf_host_get(const struct hf_host_args *a, const char *path, struct hf_arena *arena, int *ret_code)
{
	return ask(a, &(struct hf_http_request){ .method = "GET", .path = path }, arena, ret_code);
}

json_t *hf_host_ask_json(const struct hf_host_args *a, const char *method, const char *what, json_t *body,
			 struct hf_arena *arena, int *ret_code)
{
	const char *path = hf_host_path(a, what, arena);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_t *json = NULL;

	if (path && (text || !body))
		json = ask(a, &(struct hf_http_request){ .method = method, .path = path,
			   .body = text ? hf_span_text(text) : (struct hf_span){ NULL, 0 } }, arena, ret_code);
	else
		*ret_code = HF_EXIT_INTERNAL;
	json_decref(body);
	free(text);
	return json;
}
