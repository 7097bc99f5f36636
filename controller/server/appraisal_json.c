/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/appraisal_json.h"

#include <jansson.h>
#include <stdlib.h>

#include "manifests/report.h"

static json_t *lines(const struct hf_drift *drift)
{
	json_t *list = json_array();

	for (size_t i = 0; i < drift->line_count; i++)
		json_array_append_new(list, json_string(drift->lines[i]));
	return list;
}

static json_t *checks(const struct hf_verification *v)
{
	json_t *list = json_array();

	for (enum hf_check c = 0; c < HF_CHECK_COUNT; c++) {
		const struct hf_check_result *r = &v->checks[c];
		const char *cause = r->outcome == HF_OUTCOME_FAILED ? hf_err_name(r->cause) : NULL;

		json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s}", "check", hf_check_name(c),
						      "outcome", hf_outcome_name(r->outcome), "cause", cause,
						      "detail", r->detail));
	}
	return list;
}

static enum hf_err dump(json_t *root, struct hf_arena *arena, const char **ret)
{
	char *text = root ? json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(root);
	*ret = text ? hf_arena_text(arena, text, strlen(text)) : NULL;
	free(text);
	return *ret ? HF_OK : HF_ERR_NO_MEMORY;
}

/* The report is text already, and is set in as such: it would be parsed for nothing. */
enum hf_err hf_appraisal_json(const struct hf_judgement *j, const struct hf_drift *drift,
			      struct hf_arena *arena, const char **ret)
{
	bool judged = j->v.verdict.parts || j->v.verdict.boot;
	char *report = hf_report_json(NULL, judged ? &j->v.verdict : NULL, false);
	const char *head = NULL;
	enum hf_err err = report ? dump(json_pack("{s:i, s:o, s:I, s:o}", "format", 1, "checks", checks(&j->v),
						  "changes", (json_int_t)drift->total, "drift",
						  lines(drift)), arena, &head) : HF_ERR_NO_MEMORY;
	size_t len = err ? 0 : strlen(head), more = err ? 0 : strlen(report);
	char *text = err ? NULL : hf_arena_take(arena, len + more + 16);

	if (!err && !text)
		err = HF_ERR_NO_MEMORY;
	if (!err) {
		memcpy(text, head, len - 1);
		memcpy(text + len - 1, ",\"report\":", 10);
		memcpy(text + len + 9, report, more);
		text[len + 9 + more] = '}';
		*ret = text;
	}
	free(report);
	return err;
}

enum hf_err hf_drift_json(const char *host, const char *report, struct hf_arena *arena, const char **ret)
{
	json_t *root = report ? json_loads(report, 0, NULL) : NULL;
	json_t *list = json_object_get(root, "drift");
	json_int_t changes = json_integer_value(json_object_get(root, "changes"));
	enum hf_err err = dump(json_pack("{s:i, s:s, s:I, s:O?}", "format", 1, "host", host, "changes", changes,
					 "drift", list), arena, ret);

	json_decref(root);
	return err;
}
