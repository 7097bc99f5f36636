/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/screen.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define ACTIVE "/sys/class/tty/console/active"

void hf_screen_open(struct hf_screen *screen, bool pid1)
{
	memset(screen, 0, sizeof(*screen));
	if (!pid1) {
		screen->fds[0] = STDOUT_FILENO;
		screen->count = 1;
	}
}

static void add_console(struct hf_screen *screen, const char *name)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/dev/%.64s", name);
	if (screen->count >= HF_SCREEN_CONSOLES_MAX)
		return;
	fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		screen->fds[screen->count++] = fd;
}

enum hf_err hf_screen_consoles(struct hf_screen *screen, struct hf_fault *fault)
{
	char names[256], *save = NULL;
	int fd = open(ACTIVE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, names, sizeof(names) - 1);

	if (fd >= 0)
		close(fd);
	names[n > 0 ? n : 0] = '\0';
	screen->owned = true;
	for (char *name = strtok_r(names, " \n", &save); name; name = strtok_r(NULL, " \n", &save))
		add_console(screen, name);
	if (screen->count == 0)
		add_console(screen, "console");
	if (screen->count == 0)
		return hf_fail(fault, HF_ERR_CONSOLE_FAILED, "/dev", "%s", "none could be opened");
	return HF_OK;
}

void hf_screen_close(struct hf_screen *screen)
{
	for (size_t i = 0; screen->owned && i < screen->count; i++)
		close(screen->fds[i]);
	screen->count = 0;
}

static void put_to(int fd, struct hf_span text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;	/* a dead console must not hold up the others */
		text.ptr += n;
		text.len -= (size_t)n;
	}
}

void hf_screen_put(const struct hf_screen *screen, struct hf_span text)
{
	for (size_t i = 0; i < screen->count; i++)
		put_to(screen->fds[i], text);
}

void hf_screen_print(const struct hf_screen *screen, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		hf_screen_put(screen, (struct hf_span){ (const uint8_t *)text,
			(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1 });
}

void hf_screen_drain(const struct hf_screen *screen)
{
	for (size_t i = 0; i < screen->count; i++)
		(void)tcdrain(screen->fds[i]);
}

/* One line of at most 80 columns; what is not printable becomes '?'. */
static void put_line(struct hf_writer *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void put_line(struct hf_writer *w, const char *format, ...)
{
	char line[HF_SCREEN_COLUMNS + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (char *c = line; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	hf_put(w, line, strlen(line));
	hf_put(w, "\n", 1);
}

void hf_screen_stage(const struct hf_screen *screen, uint64_t at_ms, const char *name,
		     uint64_t took_ms, enum hf_err err, const char *note)
{
	uint8_t buf[128];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	put_line(&w, "%7llu ms  %-9s %+6lld ms  %s%s%s", (unsigned long long)at_ms, name,
		 (long long)took_ms, err ? "REFUSED " : "", err ? hf_err_name(err) : "",
		 err ? "" : note);
	hf_screen_put(screen, hf_written(&w));
}

void hf_screen_value(const char *value, char *out, size_t cap)
{
	size_t n = 0;

	for (; value && *value && n + 1 < cap; value++)
		out[n++] = (*value > 0x20 && *value <= 0x7e && *value != '=') ? *value : '_';
	out[n] = '\0';
}

static bool given(const char *text)
{
	return text && text[0];
}

/* Up to lines lines of text behind a label, broken at blanks. */
static void put_wrapped(struct hf_writer *w, const char *label, const char *text, size_t lines)
{
	const size_t width = HF_SCREEN_COLUMNS - 13;

	for (size_t i = 0; i < lines && (*text || i == 0); i++) {
		size_t len = strlen(text), cut = len;

		if (len > width) {
			for (cut = width; cut > 0 && text[cut] != ' '; cut--)
				continue;
			cut = cut ? cut : width;
		}
		put_line(w, " %-10s  %.*s", i ? "" : label, (int)cut, text);
		text += cut;
		text += strspn(text, " ");
	}
}

static void put_field(struct hf_writer *w, const char *label, const char *text, size_t lines)
{
	if (given(text))
		put_wrapped(w, label, text, lines);
}

static void put_device(struct hf_writer *w, const struct hf_held_view *v)
{
	put_field(w, "slot", v->slot, 1);
	put_field(w, "part", v->part, 1);
	put_field(w, "serial", v->serial, 1);
	put_field(w, "address", v->address, 1);
	put_field(w, "place", v->place, 1);
	put_field(w, "concerns", v->what, 1);
	put_field(w, "found", v->found, 2);
	put_field(w, "expected", v->expected, 2);
	if (!given(v->found) && !given(v->expected))
		put_field(w, "detail", v->detail, 2);
}

/* What the sentences of measure/causes.def call the device at fault. */
static const char *const called[] = { "the named device or file", "the named device", "the extra part", "the part", "this part",
				      "the device", "the drive" };

/* The first of these words in step, unless they are about another thing ("the device's
 * firmware", "the device that carries it"); its length. */
static const char *find_called(const char *step, size_t *ret_len)
{
	for (size_t i = 0; i < sizeof(called) / sizeof(called[0]); i++) {
		const size_t len = strlen(called[i]);
		const char *at = strstr(step, called[i]);

		if (!at || isalpha((unsigned char)at[len]) || at[len] == '\'' ||
		    strncmp(at + len, " that ", 6) == 0)
			continue;
		*ret_len = len;
		return at;
	}
	return NULL;
}

void hf_screen_next_step(const struct hf_held_view *v, char *out, size_t cap)
{
	const char *step = hf_err_next_step(v->cause), *at;
	const char *name = given(v->name) ? v->name : "the part";
	size_t len;

	if (!given(v->name) && !given(v->where)) {
		snprintf(out, cap, "%s", step);
		return;
	}
	at = find_called(step, &len);
	if (at)
		snprintf(out, cap, "%.*s%s%s%s%s", (int)(at - step), step, name, given(v->where) ? " " : "",
			 given(v->where) ? v->where : "", at + len);
	else
		snprintf(out, cap, "%s: %s%s%s", step, name, given(v->where) ? " " : "",
			 given(v->where) ? v->where : "");
}

static void put_value(struct hf_writer *w, const char *key, const char *value)
{
	char text[128];

	if (!given(value))
		return;
	hf_screen_value(value, text, sizeof(text));
	/* A value cut off at the edge would be a wrong one: the line goes without it. */
	if (w->len + 2 + strlen(key) + strlen(text) > HF_SCREEN_COLUMNS)
		return;
	hf_put(w, " ", 1);
	hf_put(w, key, strlen(key));
	hf_put(w, "=", 1);
	hf_put(w, text, strlen(text));
}

/* One row: in this order, what still fits; docs/held.md. */
static void put_machine_line(struct hf_writer *w, const struct hf_held_view *v)
{
	uint8_t buf[512];
	struct hf_writer line = { .buf = buf, .cap = sizeof(buf) };

	hf_put_span(&line, hf_span_text("holdfast"));
	put_value(&line, "result", v->would_hold ? "would-hold" : "held");
	put_value(&line, "cause", hf_err_name(v->cause));
	put_value(&line, "class", hf_class_name(hf_err_class(v->cause)));
	put_value(&line, "stage", v->stage);
	put_value(&line, "slot", v->slot_key);
	put_value(&line, "address", v->bdf);
	put_value(&line, "place", v->place);
	hf_put_span(w, hf_written(&line));
	hf_put(w, "\n", 1);
}

static void put_others(struct hf_writer *w, const struct hf_held_view *v)
{
	if (v->others && v->parts_refused > 1)
		put_line(w, " %-10s  %zu more; %zu parts in all: see the list above and the evidence", "also",
			 v->others, v->parts_refused);
	else if (v->others)
		put_line(w, " %-10s  %zu more: see the list above and the evidence", "also", v->others);
}

void hf_screen_held(const struct hf_held_view *v, struct hf_writer *w)
{
	char evidence[80], next[512];

	hf_screen_next_step(v, next, sizeof(next));
	put_line(w, "%s", "");
	put_line(w, "==== %s %-18.18s ====",
		 v->would_hold ? "WOULD HOLD: in audit mode this host goes on ======"
			       : "HELD: this host is not released =================",
		 hf_class_name(hf_err_class(v->cause)));
	put_field(w, "host", v->host, 1);
	put_wrapped(w, "reason", hf_err_sentence(v->cause), 2);
	put_line(w, " %-10s  %s", "code", hf_err_name(v->cause));
	put_device(w, v);
	put_wrapped(w, "next step", next, 3);
	put_others(w, v);
	put_field(w, "controller", v->controller, 1);
	put_line(w, " %-10s  %s after %llu ms; mode %s; root-of-trust: %s", "stage",
		 given(v->stage) ? v->stage : "start", (unsigned long long)v->after_ms,
		 given(v->mode) ? v->mode : "enforce",
		 given(v->root_of_trust) ? v->root_of_trust : "none");
	snprintf(evidence, sizeof(evidence), "%s, %s", v->quoted ? "quoted" : "no quote",
		 v->capped ? "PCR capped" : "PCR not capped");
	if (!v->would_hold)	/* else log and TPM go on too */
		put_field(w, "TPM", evidence, 1);
	put_machine_line(w, v);
}
