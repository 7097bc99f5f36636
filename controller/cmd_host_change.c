/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator changes: import, reclaim, hold, re-enrol, secret, remove. */
#include <fcntl.h>
#include <time.h>

#include "controller/host_cmds.h"
#include "controller/inventory.h"
#include "measure/file.h"
#include "measure/wire.h"

#define EK_HEX 64

static int internal(const struct hf_host_args *a)
{
	struct hf_fault fault;

	hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "%s", a->command);
	return hf_ctl_fault(a->command, &fault);
}

static const char *media_type(struct hf_span text)
{
	size_t i = 0;

	while (i < text.len && strchr(" \t\r\n", text.ptr[i]) && text.ptr[i])
		i++;
	return i < text.len && text.ptr[i] == '[' ? "application/json" : "text/csv";
}

/* Read here first: the line at fault is named without a controller, and nothing half understood
 * goes out. */
int hf_host_import(const struct hf_host_args *a, struct hf_arena *arena)
{
	struct hf_host_args plain = *a;
	struct hf_inventory *hosts;
	struct hf_http_reply reply;
	struct hf_fault fault = { 0 };
	struct hf_span text;
	size_t count;
	int code = HF_EXIT_OK;
	json_t *json;

	if (hf_file_read(AT_FDCWD, a->word, HF_INVENTORY_BYTES_MAX, arena, &text, &fault) != HF_OK ||
	    hf_inventory_parse(text, arena, &hosts, &count, &fault) != HF_OK) {
		if (!fault.where[0])
			snprintf(fault.where, sizeof(fault.where), "%s", a->word);
		return hf_ctl_fault(a->command, &fault);
	}
	plain.word = NULL;	/* errors speak of the controller, not of the file */
	reply = hf_host_ask(&plain, &(struct hf_http_request){ .method = "POST", .path = "/v1/hosts",
			    .content_type = media_type(text), .body = text }, arena, &code);
	if (!reply.status)
		return code;
	json = json_loadb((const char *)reply.body.ptr, reply.body.len, 0, NULL);
	if (a->json)
		code = hf_json_print(json ? json : json_null());
	else
		printf("%zu hosts, %lld of them new\n", count, (long long)hf_member_number(json, "new"));
	json_decref(json);
	return code;
}

/* The host as it is now; NULL: it was refused. */
static int show(const struct hf_host_args *a, json_t *host, int code)
{
	if (!host)
		return code;
	if (a->json)
		code = hf_json_print(host);
	else
		hf_host_print(stdout, host, (int64_t)time(NULL));
	json_decref(host);
	return code;
}

static int post(const struct hf_host_args *a, const char *what, json_t *body, struct hf_arena *arena)
{
	int code = HF_EXIT_OK;
	json_t *host;

	if (!body)
		return internal(a);
	host = hf_host_ask_json(a, "POST", what, body, arena, &code);
	return show(a, host, code);
}

int hf_host_reclaim(const struct hf_host_args *a, struct hf_arena *arena)
{
	json_t *body;

	if (!a->lease || !*a->lease)
		return hf_ctl_refuse(a->command, "reclaim: --lease NAME is missing");
	if (!a->power_cycled)
		return hf_ctl_refuse(a->command, "reclaim: power-cycle %s by its BMC, then say --power-cycled: a "
				     "tenant that still runs can answer in the gate's place", a->word);
	body = json_pack("{s:s, s:b}", "lease", a->lease, "power-cycled", 1);
	if (body && a->tenant && json_object_set_new(body, "tenant", json_string(a->tenant)) != 0) {
		json_decref(body);
		return hf_ctl_refuse(a->command, "%s is no name of an image", a->tenant);
	}
	if (!body)
		return hf_ctl_refuse(a->command, "%s is no name of a lease", a->lease);
	return post(a, "/reclaim", body, arena);
}

int hf_host_hold(const struct hf_host_args *a, struct hf_arena *arena)
{
	json_t *body;

	if (!a->why || !*a->why)
		return hf_ctl_refuse(a->command, "hold: --why TEXT is missing");
	body = json_pack("{s:s}", "why", a->why);
	if (!body)
		return hf_ctl_refuse(a->command, "hold: --why is not UTF-8");
	return post(a, "/hold", body, arena);
}

int hf_host_re_enrol(const struct hf_host_args *a, struct hf_arena *arena)
{
	if (a->ek && (strlen(a->ek) != EK_HEX || strspn(a->ek, "0123456789abcdefABCDEF") != EK_HEX))
		return hf_ctl_refuse(a->command, "re-enrol: --ek-sha256 %s is no SHA-256 in hex", a->ek);
	return post(a, "/re-enrol", a->ek ? json_pack("{s:s}", "ek-sha256", a->ek) : json_object(), arena);
}

static int done(const struct hf_host_args *a, const struct hf_http_request *request, const char *text,
		struct hf_arena *arena)
{
	int code = HF_EXIT_OK;

	if (!request->path)
		return internal(a);
	if (!hf_host_ask(a, request, arena, &code).status)
		return code;
	if (a->json)
		printf("{}\n");
	else
		printf("%s: %s\n", a->word, text);
	return HF_EXIT_OK;
}

int hf_host_secret(const struct hf_host_args *a, struct hf_arena *arena)
{
	struct hf_http_request request = { .method = "PUT", .path = hf_host_path(a, "/secret", arena),
					   .content_type = "application/octet-stream" };
	struct hf_fault fault = { 0 };
	int code;

	if (!a->file)
		return hf_ctl_refuse(a->command, "secret: --file FILE is missing");
	if (hf_file_read(AT_FDCWD, a->file, HF_WIRE_SECRET_MAX, arena, &request.body, &fault) != HF_OK)
		return hf_ctl_fault(a->command, &fault);
	if (!request.body.len)
		return hf_ctl_refuse(a->command, "secret: %s is empty", a->file);
	code = done(a, &request, "the secret is kept, sealed, until its ticket", arena);
	explicit_bzero((void *)(uintptr_t)request.body.ptr, request.body.len);
	return code;
}

int hf_host_remove(const struct hf_host_args *a, struct hf_arena *arena)
{
	return done(a, &(struct hf_http_request){ .method = "DELETE", .path = hf_host_path(a, "", arena) },
		    "removed", arena);
}
