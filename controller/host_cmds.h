/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/host_cmds.h: what the subcommands of holdfastctl host and audit share. */
#ifndef HF_CONTROLLER_HOST_CMDS_H
#define HF_CONTROLLER_HOST_CMDS_H

#include <jansson.h>

#include "controller/ctl.h"
#include "controller/http_client.h"

struct hf_host_args {
	const char *command;	/* "host" or "audit": whom errors speak for */
	struct hf_http_server server;
	const char *word;	/* ID or FILE; NULL: none */
	const char *second;	/* NAME of host ring */
	const char *stage, *manifests, *accept, *model;
	const char *lease, *tenant, *why, *file, *out, *format, *anchor, *ek, *state, *verdict, *host;
	bool power_cycled, verify, json;
};

/* ---- asking: host_ask.c ---- */
/* The reply, where its status is 2xx; else 0 in status, the controller's reason was printed and
 * *ret_code is the exit code: 3 refused, 6 the controller cannot be reached or cannot answer. */
struct hf_http_reply hf_host_ask(const struct hf_host_args *a, const struct hf_http_request *request,
				 struct hf_arena *arena, int *ret_code);
/* GET or POST of JSON under /v1/hosts/ID; NULL as above. The caller drops it. what: "", "/drift".
 * body NULL: GET. It is consumed. */
json_t *hf_host_ask_json(const struct hf_host_args *a, const char *method, const char *what, json_t *body,
			 struct hf_arena *arena, int *ret_code);
json_t *hf_host_get(const struct hf_host_args *a, const char *path, struct hf_arena *arena, int *ret_code);
/* "/v1/hosts/ID" and what; NULL: the arena is full. */
const char *hf_host_path(const struct hf_host_args *a, const char *what, struct hf_arena *arena);

/* ---- saying: host_text.c ---- */
const char *hf_member_text(const json_t *object, const char *name);	/* "": it is not there */
int64_t hf_member_number(const json_t *object, const char *name);	/* 0: likewise */
#define HF_TIME_TEXT 32
void hf_time_text(int64_t at, char out[static HF_TIME_TEXT]);	/* "2026-12-31 23:59:59 UTC", "never" */
void hf_ago_text(int64_t at, int64_t now, char out[static HF_TIME_TEXT]);	/* "3 h ago", "never" */
void hf_host_line(FILE *out, const json_t *host, int64_t now);
void hf_host_list_head(FILE *out);
void hf_host_print(FILE *out, const json_t *host, int64_t now);
void hf_verdict_print(FILE *out, const json_t *verdict, int64_t now);
/* "name: value", wrapped at 80 columns; nothing where value is empty. */
void hf_field_print(FILE *out, const char *name, const char *value);
/* Hosts that manifests make worse off, as the controller names them; nothing where it names none. */
void hf_worse_print(FILE *out, const json_t *worse);
int hf_json_print(const json_t *json);	/* the exit code */

/* ---- subcommands: exit codes ---- */
typedef int hf_host_command(const struct hf_host_args *a, struct hf_arena *arena);
hf_host_command hf_host_import, hf_host_list, hf_host_show, hf_host_reclaim, hf_host_hold, hf_host_re_enrol,
	hf_host_secret, hf_host_remove, hf_host_result, hf_host_verdicts, hf_host_evidence, hf_host_drift;
hf_host_command hf_audit_show, hf_audit_verify;
hf_host_command hf_host_ring, hf_ring_list, hf_ring_show, hf_ring_put, hf_ring_remove, hf_ring_assign,
	hf_ring_manifests;

/* One row of a table of subcommands; options: the letters that it takes beside those of all. */
struct hf_host_row {
	const char *name;
	const char *word;	/* what it is called on the command line, "ID NAME" are two; NULL: none is taken */
	const char *options;
	hf_host_command *run;
};
/* Which controller: the options of all, by their letters in host_args.c, then the environment. -1: it
 * can be asked; else the exit code. */
bool hf_host_server_option(struct hf_host_args *a, int letter, const char *value);
int hf_host_server_ready(struct hf_host_args *a);
/* Parses argv (argv[0] is the command's own name) and runs the row that argv[1] names. */
int hf_host_main(int argc, char **argv, const char *usage, const struct hf_host_row *rows, size_t count);

#endif
