/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `host show` adds for whoever was woken: the host's own report, if it holds itself since its
 * last verdict, with what changed; and which waivers were used. */
#include <inttypes.h>

#include "controller/host_cmds.h"

#define CHANGES_SHOWN 4

static json_t *appraisal(const struct hf_host_args *a, int64_t verdict, struct hf_arena *arena, int *ret_code)
{
	char what[64];

	snprintf(what, sizeof(what), "/appraisal?verdict=%" PRId64, verdict);
	return hf_host_ask_json(a, "GET", what, NULL, arena, ret_code);
}

static void print_changes(const json_t *found)
{
	const json_t *lines = json_object_get(found, "drift");
	const json_t *line;
	char more[64];
	size_t i;

	json_array_foreach(lines, i, line) {
		if (i == CHANGES_SHOWN)
			break;
		hf_field_print(stdout, i ? "" : "changed", json_is_string(line) ? json_string_value(line) : "");
	}
	if (hf_member_number(found, "changes") <= CHANGES_SHOWN)
		return;
	snprintf(more, sizeof(more), "%lld changes in all",
		 (long long)hf_member_number(found, "changes"));
	hf_field_print(stdout, "", more);
}

static void print_waived(const json_t *found)
{
	const json_t *report = json_object_get(found, "report");
	const json_t *parts = json_object_get(json_object_get(report, "verdict"), "parts");
	const json_t *part, *finding;
	char line[1024];
	size_t i, k;

	json_array_foreach(parts, i, part)
		json_array_foreach(json_object_get(part, "findings"), k, finding) {
			if (!*hf_member_text(finding, "waived_by"))
				continue;
			snprintf(line, sizeof(line), "%s at %s, by waiver %s", hf_member_text(finding, "cause"),
				 hf_member_text(part, "place"), hf_member_text(finding, "waived_by"));
			hf_field_print(stdout, "WAIVED", line);
		}
}

/* Of this lease, and later than the last verdict: its report changes no state, and is no less true. */
static bool holds_itself(const json_t *host, const json_t *newest)
{
	return strcmp(hf_member_text(newest, "kind"), "held") == 0 &&
	       strcmp(hf_member_text(newest, "lease"), hf_member_text(host, "lease")) == 0 &&
	       hf_member_number(newest, "at") >= hf_member_number(host, "since") &&
	       hf_member_number(newest, "id") > hf_member_number(json_object_get(host, "last-verdict"), "id");
}

static int print_held(const struct hf_host_args *a, const json_t *newest, int64_t now, struct hf_arena *arena)
{
	int code = HF_EXIT_OK;
	const int64_t id = hf_member_number(newest, "id");
	json_t *said = appraisal(a, id, arena, &code);
	char line[256];

	hf_ctl_print(stdout, "it holds itself, and says so:");
	hf_verdict_print(stdout, newest, now);
	print_changes(json_object_get(said, "appraisal"));
	snprintf(line, sizeof(line), "holdfastctl host evidence %.128s --verdict %" PRId64 " --out DIR", a->word, id);
	hf_field_print(stdout, "look", line);
	json_decref(said);
	return code;
}

int hf_host_more(const struct hf_host_args *a, const json_t *host, int64_t now, struct hf_arena *arena)
{
	const json_t *last = json_object_get(host, "last-verdict");
	int code = HF_EXIT_OK;
	json_t *list = hf_host_ask_json(a, "GET", "/verdicts?limit=1", NULL, arena, &code), *said = NULL;
	const json_t *newest = json_array_get(json_object_get(list, "verdicts"), 0);

	if (newest && holds_itself(host, newest))
		code = print_held(a, newest, now, arena);
	if (newest && code == HF_EXIT_OK && strcmp(hf_member_text(host, "state"), "in-use") == 0 &&
	    strcmp(hf_member_text(last, "status"), "warning") == 0)
		said = appraisal(a, hf_member_number(last, "id"), arena, &code);
	if (said)
		print_waived(json_object_get(said, "appraisal"));
	json_decref(said);
	json_decref(list);
	return code;
}
