/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host, for somebody who was woken by it. What the controller sends is text of others: control
 * bytes never reach the terminal. */
#include <ctype.h>
#include <stdlib.h>
#include <time.h>

#include "controller/host_cmds.h"

#define ID_COLUMN 26

const char *hf_member_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

int64_t hf_member_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

void hf_time_text(int64_t at, char out[static HF_TIME_TEXT])
{
	struct tm tm;
	time_t t = (time_t)at;

	if (at <= 0 || !gmtime_r(&t, &tm) || !strftime(out, HF_TIME_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(out, HF_TIME_TEXT, "never");
}

void hf_ago_text(int64_t at, int64_t now, char out[static HF_TIME_TEXT])
{
	int64_t s = now - at;

	if (at <= 0)
		snprintf(out, HF_TIME_TEXT, "never");
	else if (s < 0)
		snprintf(out, HF_TIME_TEXT, "in the future");	/* one of two clocks is wrong */
	else if (s < 120)
		snprintf(out, HF_TIME_TEXT, "%d s ago", (int)s);
	else if (s < 7200)
		snprintf(out, HF_TIME_TEXT, "%d min ago", (int)(s / 60));
	else if (s < 172800)
		snprintf(out, HF_TIME_TEXT, "%d h ago", (int)(s / 3600));
	else
		snprintf(out, HF_TIME_TEXT, "%lld days ago", (long long)(s / 86400));
}

void hf_field_print(FILE *out, const char *name, const char *value)
{
	char line[1280];

	if (!*value)
		return;
	snprintf(line, sizeof(line), "  %-9s %s", name, value);
	hf_ctl_print(out, line);
}

static void field_at(FILE *out, const char *name, int64_t at, int64_t now, const char *more)
{
	char when[HF_TIME_TEXT], ago[HF_TIME_TEXT], line[256];

	hf_time_text(at, when);
	hf_ago_text(at, now, ago);
	if (at > 0)
		snprintf(line, sizeof(line), "%s (%s)%s", when, ago, more);
	else
		snprintf(line, sizeof(line), "never");
	hf_field_print(out, name, line);
}

/* Names of the catalogue that this holdfastctl knows; a newer controller sends its own sentence. */
static const char *words(const json_t *v, const char *name, const char *(*known)(enum hf_err))
{
	const char *said = hf_member_text(v, name), *cause = hf_member_text(v, "cause");
	enum hf_err err = hf_err_from_name(cause);

	if (*said || !*cause)
		return said;
	return strcmp(hf_err_name(err), cause) == 0 ? known(err) : cause;
}

/* What nothing followed from: the ring only looks. */
static void print_observed(FILE *out, const json_t *v)
{
	const char *observed = hf_member_text(v, "observed"), *why = hf_member_text(v, "observed-why");
	char line[1024];

	if (!*observed)
		return;
	snprintf(line, sizeof(line), "ring %s %s%s%s%s", hf_member_text(v, "ring"),
		 strcmp(observed, "held") == 0 || strcmp(observed, "would-hold") == 0 ? "WOULD HOLD it" : observed,
		 *why ? " (" : "", why, *why ? ")" : "");
	hf_field_print(out, "observed", line);
}

void hf_verdict_print(FILE *out, const json_t *v, int64_t now)
{
	const char *cause = hf_member_text(v, "cause"), *detail = hf_member_text(v, "detail");
	char line[1024], ago[HF_TIME_TEXT];

	hf_ago_text(hf_member_number(v, "at"), now, ago);
	snprintf(line, sizeof(line), "%s, by evidence of the %s, %s [number %lld]", hf_member_text(v, "status"),
		 hf_member_text(v, "kind"), ago, (long long)hf_member_number(v, "id"));
	hf_field_print(out, "verdict", line);
	if (*cause) {
		snprintf(line, sizeof(line), "%s%s%s%s [%s, %s]", words(v, "sentence", hf_err_sentence),
			 *detail ? " (" : "", detail, *detail ? ")" : "", cause, hf_member_text(v, "class"));
		hf_field_print(out, "reason", line);
		hf_field_print(out, "where", hf_member_text(v, "place"));
		hf_field_print(out, "next", words(v, "next", hf_err_next_step));
	}
	print_observed(out, v);
	if (strcmp(hf_member_text(v, "release"), "nothing") == 0 || !*hf_member_text(v, "release"))
		return;
	snprintf(line, sizeof(line), "given, for the %s image", hf_member_text(v, "release"));
	hf_field_print(out, "ticket", line);
	if (hf_member_number(v, "receipt-at"))
		field_at(out, "receipt", hf_member_number(v, "receipt-at"), now, "");
	else
		hf_field_print(out, "receipt", "has not come: whether it was released is not proven");
}

static void print_state(FILE *out, const json_t *host, int64_t now)
{
	char line[512], upper[32], ago[HF_TIME_TEXT], when[HF_TIME_TEXT];
	const char *state = hf_member_text(host, "state"), *why = hf_member_text(host, "held-why");

	snprintf(upper, sizeof(upper), "%s", state);
	for (char *c = upper; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	hf_time_text(hf_member_number(host, "since"), when);
	hf_ago_text(hf_member_number(host, "since"), now, ago);
	snprintf(line, sizeof(line), "%s is %s since %s (%s)", hf_member_text(host, "id"), upper, when, ago);
	hf_ctl_print(out, line);
	if (strcmp(state, "held") != 0)
		return;
	snprintf(line, sizeof(line), "%s%s%s", *why ? why : "nobody has reclaimed it yet",
		 *hf_member_text(host, "held-by") ? ", by " : "", hf_member_text(host, "held-by"));
	hf_field_print(out, "held", line);
}

/* A verdict of an earlier lease, or one that an operator overruled, is no word about now. */
static bool is_of_now(const json_t *host, const json_t *verdict)
{
	const char *state = hf_member_text(host, "state");

	if (strcmp(state, "in-use") == 0)
		return true;
	return strcmp(state, "held") == 0 && strncmp(hf_member_text(host, "held-by"), "host:", 5) == 0 &&
	       hf_member_number(verdict, "at") >= hf_member_number(host, "since");
}

static void print_earlier(FILE *out, const json_t *verdict, int64_t now)
{
	const char *cause = hf_member_text(verdict, "cause");
	char line[512], ago[HF_TIME_TEXT];

	hf_ago_text(hf_member_number(verdict, "at"), now, ago);
	snprintf(line, sizeof(line), "none yet; before: %s%s%s%s, lease %.64s, %s [number %lld]",
		 hf_member_text(verdict, "status"), *cause ? " [" : "", cause, *cause ? "]" : "",
		 hf_member_text(verdict, "lease"), ago, (long long)hf_member_number(verdict, "id"));
	hf_field_print(out, "verdict", line);
}

static void print_lease(FILE *out, const json_t *host)
{
	const char *reclaim = hf_member_text(host, "reclaim");
	char line[512];

	if (!*reclaim)
		return;
	snprintf(line, sizeof(line), "%s (reclaim %.8s), ticket %s", hf_member_text(host, "lease"), reclaim,
		 json_is_true(json_object_get(host, "ticketed")) ? "given" : "not given");
	hf_field_print(out, "lease", line);
}

static void print_enrolment(FILE *out, const json_t *host, int64_t now)
{
	char line[512];

	if (!*hf_member_text(host, "ak-name")) {
		hf_field_print(out, "enrolled", "not yet; the gate does it by itself at its next boot");
		return;
	}
	field_at(out, "enrolled", hf_member_number(host, "enrolled"), now, "");
	hf_field_print(out, "key", hf_member_text(host, "ak-name"));
	snprintf(line, sizeof(line), "reset %lld, restart %lld%s%s",
		 (long long)hf_member_number(host, "reset-count"), (long long)hf_member_number(host, "restart-count"),
		 *hf_member_text(host, "tpm-firmware") ? ", firmware " : "", hf_member_text(host, "tpm-firmware"));
	hf_field_print(out, "TPM", line);
}

void hf_host_print(FILE *out, const json_t *host, int64_t now)
{
	const json_t *verdict = json_object_get(host, "last-verdict");

	print_state(out, host, now);
	print_lease(out, host);
	if (json_is_object(verdict) && is_of_now(host, verdict))
		hf_verdict_print(out, verdict, now);
	else if (json_is_object(verdict))
		print_earlier(out, verdict, now);
	else
		hf_field_print(out, "verdict", "none yet");
	field_at(out, "last seen", hf_member_number(host, "last-seen"), now, "");
	print_enrolment(out, host, now);
	hf_field_print(out, "model", hf_member_text(host, "model"));
	hf_field_print(out, "ring", hf_member_text(host, "ring"));
	hf_field_print(out, "serial", hf_member_text(host, "serial"));
	hf_field_print(out, "banks", hf_member_text(host, "banks"));
	hf_field_print(out, "tenant", hf_member_text(host, "tenant"));
	hf_field_print(out, "EK", *hf_member_text(host, "ek-sha256") ? hf_member_text(host, "ek-sha256") :
		       "none in the inventory: first use decides");
}

/* Short, for a column: "30s", "12m", "5h", "40d", "-". */
static void short_age(int64_t at, int64_t now, char out[static 8])
{
	const int64_t s = now - at;

	if (at <= 0 || s < 0)
		snprintf(out, 8, "%s", at <= 0 ? "-" : "?");
	else if (s < 120)
		snprintf(out, 8, "%ds", (int)s);
	else if (s < 7200)
		snprintf(out, 8, "%dm", (int)(s / 60));
	else if (s < 172800)
		snprintf(out, 8, "%dh", (int)(s / 3600));
	else
		snprintf(out, 8, "%dd", (int)(s / 86400 % 100000));
}

void hf_host_list_head(FILE *out)
{
	fprintf(out, "%-*s %-10s %-6s %-6s %s\n", ID_COLUMN, "HOST", "STATE", "SINCE", "SEEN", "VERDICT");
}

/* A long name has a line of its own: it is never cut, as two may differ at their ends. */
void hf_host_line(FILE *out, const json_t *host, int64_t now)
{
	const json_t *v = json_object_get(host, "last-verdict");
	const char *cause = hf_member_text(v, "cause"), *status = hf_member_text(v, "status");
	char since[8], seen[8], line[256], id[160];

	short_age(hf_member_number(host, "since"), now, since);
	short_age(hf_member_number(host, "last-seen"), now, seen);
	snprintf(id, sizeof(id), "%s", hf_member_text(host, "id"));
	if (strlen(id) > ID_COLUMN) {
		hf_ctl_print(out, id);
		snprintf(id, sizeof(id), ".");
	}
	snprintf(line, sizeof(line), "%-*s %-10.10s %-6s %-6s %.28s", ID_COLUMN, id, hf_member_text(host, "state"),
		 since, seen, *cause ? cause : *status ? status : "-");
	hf_ctl_print(out, line);
}

int hf_json_print(const json_t *json)
{
	if (json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0)
		return HF_EXIT_INTERNAL;
	fputc('\n', stdout);
	return HF_EXIT_OK;
}
