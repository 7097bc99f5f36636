/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator looks up: list, show, verdicts, drift, evidence, the audit. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "controller/host_cmds.h"
#include "controller/inventory.h"
#include "measure/evidence.h"

#define PAGE 500
#define PAGES_MAX 2000	/* a controller that never ends is cut off */

static int64_t now_of(void)
{
	return (int64_t)time(NULL);
}

static int misunderstood(const struct hf_host_args *a, const char *what)
{
	struct hf_fault fault;

	hf_fail(&fault, HF_ERR_CONTROLLER_REPLY, a->server.url, "%s", what);
	return hf_ctl_fault(a->command, &fault);
}

/* ---- pages ---- */

struct pages {
	const struct hf_host_args *a;
	const char *list;	/* the member that holds the rows */
	json_t *all;		/* with --json */
	void (*print)(const json_t *row);
	size_t rows;
};

static int take_page(struct pages *p, const json_t *page)
{
	const json_t *rows = json_object_get(page, p->list);
	json_t *row;
	size_t i;

	if (!json_is_array(rows))
		return misunderstood(p->a, p->list);
	json_array_foreach(rows, i, row) {
		if (p->a->json)
			json_array_append(p->all, row);
		else
			p->print(row);
		p->rows++;
	}
	return HF_EXIT_OK;
}

static int finish(struct pages *p, int code)
{
	json_t *json = p->a->json && code == HF_EXIT_OK ? json_pack("{s:O}", p->list, p->all) : NULL;

	if (json)
		code = hf_json_print(json);
	json_decref(json);
	json_decref(p->all);
	return code;
}

/* ---- list ---- */

static void print_host(const json_t *host)
{
	hf_host_line(stdout, host, now_of());
}

/* The path of the page after that host; names need no quoting (hf_host_id_valid). */
static bool page_path(const struct hf_host_args *a, const char *after, char *out, size_t cap)
{
	int n;

	if (*after && !hf_host_id_valid(after))
		return false;
	n = snprintf(out, cap, "/v1/hosts?limit=%d%s%s%s%s", PAGE, a->state ? "&state=" : "",
		     a->state ? a->state : "", *after ? "&after=" : "", after);
	return n > 0 && (size_t)n < cap;
}

int hf_host_list(const struct hf_host_args *a, struct hf_arena *arena)
{
	static const char *const states[] = { "in-use", "reclaimed", "challenged", "held" };
	struct pages p = { .a = a, .list = "hosts", .all = json_array(), .print = print_host };
	char path[256], after[160] = "";
	size_t i = 0;
	int code = HF_EXIT_OK;

	while (a->state && i < 4 && strcmp(a->state, states[i]) != 0)
		i++;
	if (i == 4) {
		json_decref(p.all);
		return hf_ctl_refuse(a->command, "%s is no state: in-use, reclaimed, challenged, held", a->state);
	}
	if (!a->json)
		hf_host_list_head(stdout);
	for (size_t n = 0; n < PAGES_MAX && code == HF_EXIT_OK; n++) {
		const size_t mark = arena->len;
		json_t *page;

		if (!page_path(a, after, path, sizeof(path))) {
			code = misunderstood(a, "next");
			break;
		}
		page = hf_host_get(a, path, arena, &code);
		if (page)
			code = take_page(&p, page);
		snprintf(after, sizeof(after), "%s", hf_member_text(page, "next"));
		json_decref(page);
		arena->len = mark;
		if (!*after)
			break;
	}
	return finish(&p, code);
}

/* ---- one host ---- */

int hf_host_show(const struct hf_host_args *a, struct hf_arena *arena)
{
	int code = HF_EXIT_OK;
	json_t *host = hf_host_ask_json(a, "GET", "", NULL, arena, &code);

	if (!host)
		return code;
	if (a->json) {
		code = hf_json_print(host);
	} else {
		hf_host_print(stdout, host, now_of());
		code = hf_host_more(a, host, now_of(), arena);
	}
	json_decref(host);
	return code;
}

static void print_verdict(const json_t *verdict)
{
	char when[HF_TIME_TEXT], line[256];

	hf_time_text(hf_member_number(verdict, "at"), when);
	snprintf(line, sizeof(line), "%s  lease %s", when, hf_member_text(verdict, "lease"));
	hf_ctl_print(stdout, line);
	hf_verdict_print(stdout, verdict, now_of());
}

int hf_host_verdicts(const struct hf_host_args *a, struct hf_arena *arena)
{
	struct pages p = { .a = a, .list = "verdicts", .all = json_array(), .print = print_verdict };
	int64_t before = 0;
	int code = HF_EXIT_OK;

	for (size_t n = 0; n < PAGES_MAX && code == HF_EXIT_OK; n++) {
		const size_t mark = arena->len, rows = p.rows;
		const json_t *list;
		char what[64];
		json_t *page;

		snprintf(what, sizeof(what), before ? "/verdicts?limit=%d&before=%" PRId64 : "/verdicts?limit=%d",
			 PAGE, before);
		page = hf_host_ask_json(a, "GET", what, NULL, arena, &code);
		if (page)
			code = take_page(&p, page);
		list = json_object_get(page, p.list);
		before = json_array_size(list) ?
			 hf_member_number(json_array_get(list, json_array_size(list) - 1), "id") : 0;
		json_decref(page);
		arena->len = mark;
		if (p.rows - rows < PAGE || before <= 1)
			break;
	}
	if (!a->json && code == HF_EXIT_OK && !p.rows)
		printf("%s: no verdict yet\n", a->word);
	return finish(&p, code);
}

int hf_host_drift(const struct hf_host_args *a, struct hf_arena *arena)
{
	int code = HF_EXIT_OK;
	json_t *json = hf_host_ask_json(a, "GET", "/drift", NULL, arena, &code), *line;
	size_t i;

	if (!json)
		return code;
	if (a->json) {
		code = hf_json_print(json);
	} else {
		json_array_foreach(json_object_get(json, "drift"), i, line)
			hf_ctl_print(stdout, json_is_string(line) ? json_string_value(line) : "");
		printf("%s: %lld changes\n", a->word, (long long)hf_member_number(json, "changes"));
	}
	json_decref(json);
	return code;
}

int hf_host_evidence(const struct hf_host_args *a, struct hf_arena *arena)
{
	struct hf_evidence evidence;
	struct hf_http_reply reply;
	struct hf_fault fault = { 0 };
	char what[64] = "/evidence";
	int code = HF_EXIT_OK;
	enum hf_err err;

	if (!a->out)
		return hf_ctl_refuse(a->command, "evidence: --out DIR is missing");
	if (a->verdict && (strspn(a->verdict, "0123456789") != strlen(a->verdict) || strlen(a->verdict) > 18 ||
			   !*a->verdict))
		return hf_ctl_refuse(a->command, "evidence: %s is no number of a verdict", a->verdict);
	if (a->verdict)
		snprintf(what, sizeof(what), "/evidence?verdict=%s", a->verdict);
	reply = hf_host_ask(a, &(struct hf_http_request){ .method = "GET", .path = hf_host_path(a, what, arena),
			    .accept = "application/cmw+cbor" }, arena, &code);
	if (!reply.status)
		return code;
	err = hf_evidence_from_cmw_cbor(reply.body, &evidence);
	if (err)
		return hf_fail(&fault, err, a->server.url, "evidence"), hf_ctl_fault(a->command, &fault);
	if (hf_evidence_write(&evidence, a->out, &fault) != HF_OK)
		return hf_ctl_fault(a->command, &fault);
	printf("%s\n", a->out);
	if (evidence.nonce.len && !a->json) {	/* without it the quote answers nobody's question */
		printf("  verify it: holdfastctl evidence verify %s --anchors DIR\n    --manifests DIR --nonce ", a->out);
		for (size_t i = 0; i < evidence.nonce.len; i++)
			printf("%02x", evidence.nonce.ptr[i]);
		printf("\n");
	}
	return HF_EXIT_OK;
}

/* ---- the audit ---- */

static void print_entry(const json_t *e)
{
	const json_t *said = json_object_get(e, "detail");
	char when[HF_TIME_TEXT], line[1024];
	char *detail = json_is_string(said) ? NULL : json_dumps(said, JSON_COMPACT | JSON_ENCODE_ANY);
	const char *text = json_is_string(said) ? json_string_value(said) : detail ? detail : "";

	hf_time_text(hf_member_number(e, "at"), when);
	snprintf(line, sizeof(line), "%s %s %s%s%s%s%s", when, hf_member_text(e, "actor"), hf_member_text(e, "action"),
		 *hf_member_text(e, "host") ? " " : "", hf_member_text(e, "host"),
		 *text && strcmp(text, "{}") != 0 && strcmp(text, "null") != 0 ? " " : "", text);
	hf_ctl_print(stdout, line);
	free(detail);
}

int hf_audit_show(const struct hf_host_args *a, struct hf_arena *arena)
{
	struct pages p = { .a = a, .list = "entries", .all = json_array(), .print = print_entry };
	char path[256];
	int code = HF_EXIT_OK;
	json_t *page;

	snprintf(path, sizeof(path), "/v1/audit?limit=%d%s%s", PAGE, a->host ? "&host=" : "", a->host ? a->host : "");
	page = hf_host_get(a, path, arena, &code);
	if (page)
		code = take_page(&p, page);
	json_decref(page);
	return finish(&p, code);
}

int hf_audit_verify(const struct hf_host_args *a, struct hf_arena *arena)
{
	int code = HF_EXIT_OK;
	json_t *json = hf_host_get(a, "/v1/audit/verify", arena, &code);
	bool intact = json_is_true(json_object_get(json, "intact"));
	struct hf_fault fault;

	if (!json)
		return code;
	if (a->json)
		code = hf_json_print(json);
	else if (intact)
		printf("the audit is whole: %lld entries in %lld chains, %lld verdicts\n",
		       (long long)hf_member_number(json, "entries"), (long long)hf_member_number(json, "chains"),
		       (long long)hf_member_number(json, "verdicts"));
	if (!intact) {
		hf_fail(&fault, HF_ERR_AUDIT_BROKEN, a->server.url, "%s", hf_member_text(json, "detail"));
		hf_ctl_fault(a->command, &fault);
		code = HF_EXIT_REFUSED;
	}
	json_decref(json);
	return code;
}
