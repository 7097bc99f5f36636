/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others are told: a line of JSON on stderr, counts, the webhook. Only fields that are named
 * here or by the caller go out: none is a secret, and none is longer than FIELD_MAX. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "controller/server/drift.h"
#include "controller/server/metrics.h"
#include "controller/server/webhook.h"

#define FIELD_MAX 1024		/* bytes of one text in a line */
#define DRIFT_LINES 16		/* of a drift; all are counted, and kept with the verdict */

/* Hosts and clients choose some of these bytes; a line must stay a line, and UTF-8. */
static json_t *text_of(const char *text)
{
	char plain[FIELD_MAX + 1];
	size_t len = strnlen(text, FIELD_MAX);
	json_t *exact = json_stringn(text, len);

	if (exact)
		return exact;
	for (size_t i = 0; i < len; i++)
		plain[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	return json_stringn(plain, len);
}

/* What is not said is not there, as in the API. */
static void put(json_t *object, const char *name, const char *text)
{
	if (text && text[0])
		(void)json_object_set_new(object, name, text_of(text));
}

static void put_number(json_t *object, const char *name, int64_t number)
{
	(void)json_object_set_new(object, name, json_integer(number));
}

/* One write for one line: lines of several threads do not mix. ASCII: logs are read in terminals,
 * and no text of others is to steer one. */
static void print(const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);

	flockfile(stderr);
	fputs(text ? text : "{\"level\":\"error\",\"event\":\"no-memory\"}", stderr);
	fputc('\n', stderr);
	funlockfile(stderr);
	free(text);
}

static json_t *new_event(const char *level, const char *event)
{
	json_t *object = json_object();

	put_number(object, "time", (int64_t)time(NULL));
	put(object, "level", level);
	put(object, "event", event);
	return object;
}

void hf_log_event(const char *level, const char *event, ...)
{
	json_t *object = new_event(level, event);
	va_list fields;

	va_start(fields, event);
	for (const char *name = va_arg(fields, const char *); name; name = va_arg(fields, const char *)) {
		const char *text = va_arg(fields, const char *);

		(void)json_object_set_new(object, name, text_of(text ? text : ""));
	}
	va_end(fields);
	print(object);
	json_decref(object);
}

/* The log has a level, the webhook has who sent it. */
static void tell(struct hf_controller *controller, json_t *object)
{
	char *text;

	print(object);
	(void)json_object_del(object, "level");
	put(object, "controller", controller->config.name);
	text = controller->webhook ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	if (text)
		hf_webhook_post(controller, text);
	free(text);
	json_decref(object);
}

const char *hf_ear_status_name(enum hf_ear_status status)
{
	switch (status) {
	case HF_EAR_NONE:
		return "none";
	case HF_EAR_AFFIRMING:
		return "affirming";
	case HF_EAR_WARNING:
		return "warning";
	case HF_EAR_CONTRAINDICATED:
		return "contraindicated";
	}
	return "none";
}

static void put_cause(json_t *object, const char *cause)
{
	const enum hf_err err = cause && cause[0] ? hf_err_from_name(cause) : HF_OK;

	put(object, "cause", cause);
	/* a host that holds itself names its cause: a newer agent may know more of them */
	if (err == HF_OK || strcmp(hf_err_name(err), cause) != 0)
		return;
	put(object, "sentence", hf_err_sentence(err));
	put(object, "next", hf_err_next_step(err));
}

void hf_tell_verdict(struct hf_controller *controller, const struct hf_verdict_record *verdict)
{
	json_t *object = new_event(verdict->release == HF_RELEASE_TENANT ? "info" : "warning", "verdict");

	put_number(object, "id", verdict->id);
	put_number(object, "at", verdict->at);
	put(object, "host", verdict->host);
	put(object, "lease", verdict->lease);
	put(object, "model", verdict->model);
	put(object, "kind", hf_evidence_kind_name(verdict->kind));
	put(object, "status", hf_ear_status_name(verdict->status));
	put(object, "release", hf_release_kind_name(verdict->release));
	put_cause(object, verdict->cause);
	put(object, "class", verdict->class_name);
	put(object, "place", verdict->place);
	put(object, "detail", verdict->detail);
	if (verdict->ring && *verdict->ring)
		put(object, "ring", verdict->ring);
	if (verdict->observed && *verdict->observed) {
		put(object, "observed", verdict->observed);
		put(object, "observed-why", verdict->observed_why);
	}
	hf_metrics_verdict(controller, verdict);
	tell(controller, object);
}

void hf_tell_drift(struct hf_controller *controller, const struct hf_verdict_record *verdict,
		   const struct hf_drift *drift)
{
	json_t *object, *lines;

	if (drift->total == 0)
		return;
	object = new_event("warning", "drift");
	lines = json_array();
	for (size_t i = 0; i < drift->line_count && i < DRIFT_LINES; i++)
		(void)json_array_append_new(lines, text_of(drift->lines[i]));
	put_number(object, "id", verdict->id);
	put(object, "host", verdict->host);
	put(object, "lease", verdict->lease);
	put(object, "release", hf_release_kind_name(verdict->release));
	put_number(object, "changes", (int64_t)drift->total);
	(void)json_object_set_new(object, "lines", lines);
	tell(controller, object);
}

void hf_tell_state(struct hf_controller *controller, const char *host, enum hf_lease state, const char *actor,
		   const char *why)
{
	json_t *object = new_event("info", "state");

	put(object, "host", host);
	put(object, "state", hf_lease_name(state));
	put(object, "actor", actor);
	put(object, "why", why);
	tell(controller, object);
}
