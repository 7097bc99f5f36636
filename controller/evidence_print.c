/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/evidence_cmds.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/ctl.h"
#include "manifests/report.h"

#define TEXT_MAX ((size_t)64 << 20)
#define HEX_MAX 128

void hf_evidence_own_words(const struct hf_evidence *evidence, char out[static 128])
{
	json_t *root = json_loadb((const char *)evidence->verdict.ptr, evidence->verdict.len, 0, NULL);
	const char *result = json_string_value(json_object_get(root, "result"));
	const char *cause = json_string_value(json_object_get(root, "cause"));

	snprintf(out, 128, "%.40s%s%.60s", result ? result : "", cause ? " " : "",
		 cause ? cause : "");
	for (; *out; out++)
		if (*out < 0x20 || *out > 0x7e)
			*out = '?';
	json_decref(root);
}

/* ---- text ---- */

static void put_report(void (*print)(const struct hf_claims *, const struct hf_verdict *,
				     struct hf_writer *),
		       const struct hf_claims *claims, const struct hf_verdict *verdict)
{
	struct hf_writer w = { .buf = malloc(TEXT_MAX), .cap = TEXT_MAX };

	if (!w.buf)
		return;
	print(claims, verdict, &w);
	fwrite(w.buf, 1, w.len, stdout);
	if (w.full)
		puts("... (more than can be shown)");
	free(w.buf);
}

static void print_tree(const struct hf_claims *claims, const struct hf_verdict *verdict,
		       struct hf_writer *w)
{
	hf_report_tree(claims, verdict, w);
	hf_report_coverage(claims, verdict, w);
}

static void print_findings(const struct hf_claims *claims, const struct hf_verdict *verdict,
			   struct hf_writer *w)
{
	(void)claims;
	hf_report_findings(verdict, w);
}

static void print_check(enum hf_check check, const struct hf_check_result *r)
{
	char line[512];

	if (r->outcome == HF_OUTCOME_FAILED)
		snprintf(line, sizeof(line), "  %-8s %-13s %s%s%s%s [%s]", hf_outcome_name(r->outcome),
			 hf_check_name(check), hf_err_sentence(r->cause), r->detail[0] ? " (" : "",
			 r->detail, r->detail[0] ? ")" : "", hf_err_name(r->cause));
	else if (r->detail[0])
		snprintf(line, sizeof(line), "  %-8s %-13s %s", hf_outcome_name(r->outcome),
			 hf_check_name(check), r->detail);
	else
		snprintf(line, sizeof(line), "  %-8s %s", hf_outcome_name(r->outcome),
			 hf_check_name(check));
	hf_ctl_print(stdout, line);
}

static void print_text(const struct hf_evidence *evidence, const struct hf_verification *v,
		       uint32_t pcr)
{
	char own[128], line[256];

	puts("checks");
	for (enum hf_check c = 0; c < HF_CHECK_COUNT; c++)
		print_check(c, &v->checks[c]);
	hf_evidence_print_devices(v, pcr == HF_PCR_DIAGNOSIS);
	if (v->verdict.parts || v->verdict.boot)
		put_report(print_findings, &v->claims, &v->verdict);
	hf_evidence_own_words(evidence, own);
	if (own[0]) {
		snprintf(line, sizeof(line), "the host said of itself (no evidence): %s", own);
		hf_ctl_print(stdout, line);
	}
	if (pcr == HF_PCR_DIAGNOSIS)
		puts("diagnosis: anybody can reset PCR 16, so this stands for no boot");
	if (!v->cause) {
		printf("verdict: %s\n", v->verdict.status == HF_STATUS_WARNED ? "affirmed, warned" :
										"affirmed");
		return;
	}
	snprintf(line, sizeof(line), "verdict: refused [%s]", hf_err_name(v->cause));
	puts(line);
	snprintf(line, sizeof(line), "  next: %s", hf_err_next_step(v->cause));
	hf_ctl_print(stdout, line);
}

/* ---- JSON ---- */

static json_t *text(struct hf_span s)
{
	char copy[1024];
	size_t n = s.len < sizeof(copy) ? s.len : sizeof(copy);

	if (!s.ptr)
		return json_null();
	for (size_t i = 0; i < n; i++)
		copy[i] = s.ptr[i] >= 0x20 && s.ptr[i] <= 0x7e ? (char)s.ptr[i] : '?';
	return json_stringn(copy, n);
}

static json_t *hex(struct hf_span s)
{
	char copy[2 * HEX_MAX + 1] = "";

	if (!s.ptr || s.len > HEX_MAX)
		return json_null();
	for (size_t i = 0; i < s.len; i++)
		snprintf(copy + 2 * i, 3, "%02x", s.ptr[i]);
	return json_string(copy);
}

static json_t *begin_json(const struct hf_begin_event *b)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:I, s:o, s:o}", "agent", text(b->agent), "policy",
			 text(b->policy), "mode", hf_mode_name(b->mode), "model", text(b->model),
			 "manifest_error", text(b->manifest_error), "generation",
			 (json_int_t)b->generation, "command_line", text(b->command_line), "boot_key",
			 hex(b->boot_key));
}

static json_t *end_json(const struct hf_end_event *e)
{
	return json_pack("{s:s, s:s, s:o}", "verdict", hf_status_name(e->verdict), "mode",
			 hf_mode_name(e->mode), "cause", text(e->cause));
}

static json_t *cap_json(const struct hf_cap_event *c)
{
	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o}", "held", text(c->held), "release", text(c->release),
			 "service", c->service, "ticket", hex(c->ticket), "reclaim", hex(c->reclaim),
			 "fallback", text(c->fallback));
}

static json_t *quote_json(const struct hf_verification *v)
{
	if (v->checks[HF_CHECK_QUOTE].outcome != HF_OUTCOME_OK)
		return json_null();
	return json_pack("{s:o, s:o, s:I, s:I, s:I}", "ak",
			 hex((struct hf_span){ v->ak.name, sizeof(v->ak.name) }), "nonce",
			 hex(v->quote.nonce), "reset_count", (json_int_t)v->quote.reset_count,
			 "restart_count", (json_int_t)v->quote.restart_count, "clock",
			 (json_int_t)v->quote.clock);
}

static json_t *checks_json(const struct hf_verification *v)
{
	json_t *list = json_array();

	for (enum hf_check c = 0; c < HF_CHECK_COUNT; c++) {
		const struct hf_check_result *r = &v->checks[c];
		bool failed = r->outcome == HF_OUTCOME_FAILED;

		json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s}", "check",
						      hf_check_name(c), "outcome",
						      hf_outcome_name(r->outcome), "cause",
						      failed ? hf_err_name(r->cause) : NULL,
						      "detail", r->detail));
	}
	return list;
}

static json_t *report_json(const struct hf_claims *claims, const struct hf_verdict *verdict)
{
	char *dump = hf_report_json(claims, verdict, false);
	json_t *report = dump ? json_loads(dump, 0, NULL) : NULL;

	free(dump);
	return report;
}

static void dump(json_t *root)
{
	char *out = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

	if (out)
		puts(out);
	else	/* never half a document */
		fputs("holdfastctl evidence: memory ran out [no-memory]\n", stderr);
	free(out);
	json_decref(root);
}

void hf_evidence_print_verification(const struct hf_evidence *evidence,
				    const struct hf_verification *v, uint32_t pcr, bool json)
{
	bool began = v->checks[HF_CHECK_BEGIN].outcome == HF_OUTCOME_OK;
	bool ended = v->checks[HF_CHECK_END].cause != HF_ERR_EVENT_SHAPE &&
		     v->checks[HF_CHECK_END].outcome != HF_OUTCOME_SKIPPED;
	bool judged = v->verdict.parts || v->verdict.boot;

	if (!json) {
		print_text(evidence, v, pcr);
		return;
	}
	dump(json_pack("{s:i, s:b, s:s?, s:b, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "format", 1, "affirmed",
		       v->cause == HF_OK, "cause", v->cause ? hf_err_name(v->cause) : NULL,
		       "diagnosis", pcr == HF_PCR_DIAGNOSIS, "fallback",
		       v->fallback ? v->fallback_name ? v->fallback_name : "?" : NULL, "checks", checks_json(v), "begin",
		       began ? begin_json(&v->begin) : json_null(), "end",
		       ended ? end_json(&v->end) : json_null(), "cap",
		       v->cap.held.ptr || v->cap.release.ptr ? cap_json(&v->cap) : json_null(),
		       "quote", quote_json(v), "devices",
		       hf_evidence_devices_json(v, pcr == HF_PCR_DIAGNOSIS), "report",
		       report_json(&v->claims, judged ? &v->verdict : NULL)));
}

/* ---- show ---- */

struct shown {
	struct hf_begin_event begin;
	struct hf_end_event end;
	struct hf_cap_event cap;
	bool has_begin, has_end, has_cap;
	size_t parts;
	enum hf_err err;
};

static void read_log(struct hf_span log, struct shown *s)
{
	struct hf_log_reader reader;
	struct hf_event event;

	*s = (struct shown){ .err = hf_log_open(log, &reader) };
	if (s->err)
		return;
	while (hf_log_next(&reader, &event)) {
		if (event.type != HF_EV_EVENT_TAG || event.data.len < 8)
			continue;
		struct hf_span payload = hf_span_part(event.data, 8, event.data.len - 8);
		uint64_t tag = hf_le(event.data.ptr, 4);

		if (tag == HF_TAG_BEGIN)
			s->has_begin = hf_begin_parse(payload, &s->begin) == HF_OK;
		else if (tag == HF_TAG_END)
			s->has_end = hf_end_parse(payload, &s->end) == HF_OK;
		else if (tag == HF_TAG_CAP)
			s->has_cap = hf_cap_parse(payload, &s->cap) == HF_OK;
		s->parts += tag == HF_TAG_PART;
	}
	s->err = reader.err;
}

static void line_of(const char *label, const char *before, struct hf_span a, const char *after)
{
	char line[512];
	int n = a.len < 200 ? (int)a.len : 200;

	snprintf(line, sizeof(line), "%-7s %s%.*s%s", label, before, n, n ? (const char *)a.ptr : "",
		 after);
	hf_ctl_print(stdout, line);
}

static void show_text(const struct hf_evidence *e, const struct shown *s,
		      const struct hf_claims *claims, struct hf_arena *arena)
{
	char own[128];

	puts("nothing is verified here; holdfastctl evidence verify does that");
	if (s->err)
		printf("log     %s [%s]\n", hf_err_sentence(s->err), hf_err_name(s->err));
	if (s->has_begin) {
		line_of("begin", "agent ", s->begin.agent, "");
		line_of("", "policy ", s->begin.policy, "");
		line_of("", "mode ", hf_span_text(hf_mode_name(s->begin.mode)), "");
		line_of("", "model ", s->begin.model, s->begin.model.len ? "" : "none");
		if (s->begin.manifest_error.len)
			line_of("", "manifests: ", s->begin.manifest_error, "");
		line_of("", "command line: ", s->begin.command_line, "");
	}
	printf("parts   %zu recorded\n", s->parts);
	if (s->has_end)
		line_of("end", hf_status_name(s->end.verdict), (struct hf_span){ NULL, 0 }, "");
	if (s->has_end && s->end.cause.len)
		line_of("", "cause ", s->end.cause, "");
	if (s->has_cap && s->cap.held.len)
		line_of("cap", "held ", s->cap.held, "");
	else if (s->has_cap)
		line_of("cap", "released by ", s->cap.release, "");
	printf("quote   %s; receipt %s; firmware log %zu bytes; log %zu bytes\n",
	       e->quote.len ? "there" : "none", e->receipt.len ? "there" : "none",
	       e->firmware_log.len, e->log.len);
	hf_evidence_own_words(e, own);
	if (own[0])
		printf("result  %s\n", own);
	hf_evidence_print_transcripts(e, claims, arena);
	put_report(print_tree, claims, NULL);
}

bool hf_evidence_print(const struct hf_evidence *evidence, struct hf_arena *arena, bool json)
{
	struct hf_claims claims;
	struct shown s;
	enum hf_err err;

	hf_claims_init(&claims, arena);
	err = hf_claims_decode(&claims, evidence->claims);
	read_log(evidence->log, &s);
	if (json)
		dump(json_pack("{s:i, s:o, s:o, s:o, s:s?, s:s?, s:o, s:o}", "format", 1, "begin",
			       s.has_begin ? begin_json(&s.begin) : json_null(), "end",
			       s.has_end ? end_json(&s.end) : json_null(), "cap",
			       s.has_cap ? cap_json(&s.cap) : json_null(), "log_error",
			       s.err ? hf_err_name(s.err) : NULL, "claims_error",
			       err ? hf_err_name(err) : NULL, "transcripts",
			       hf_evidence_transcripts_json(evidence, &claims, arena), "report",
			       report_json(&claims, NULL)));
	else
		show_text(evidence, &s, &claims, arena);
	if (err && !json)
		printf("claims  %s [%s]\n", hf_err_sentence(err), hf_err_name(err));
	return err == HF_OK;
}
