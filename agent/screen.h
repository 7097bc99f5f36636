/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/screen.h: what a technician sees, on every active console. Text only, no line over
 * 80 columns, everything foreign made printable. The held screen fits 24 x 80 and ends with
 * one key=value line for machines. */
#ifndef HF_AGENT_SCREEN_H
#define HF_AGENT_SCREEN_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_SCREEN_CONSOLES_MAX 8
#define HF_SCREEN_ROWS 24
#define HF_SCREEN_COLUMNS 80

struct hf_screen {
	int fds[HF_SCREEN_CONSOLES_MAX];
	size_t count;
	bool owned;	/* opened here, to be closed here */
};
/* pid1: closed until hf_screen_consoles; else standard output. */
void hf_screen_open(struct hf_screen *screen, bool pid1);
/* Every console the kernel calls active, else /dev/console. HF_ERR_CONSOLE_FAILED. */
enum hf_err hf_screen_consoles(struct hf_screen *screen, struct hf_fault *fault) HF_MUST_USE;
void hf_screen_close(struct hf_screen *screen);

void hf_screen_put(const struct hf_screen *screen, struct hf_span text);
void hf_screen_print(const struct hf_screen *screen, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Until the last byte has left: what is still in a buffer dies with the kernel. */
void hf_screen_drain(const struct hf_screen *screen);
/* "   123 ms  measure       +45 ms  9 functions": one line, cut at 80 columns. */
void hf_screen_stage(const struct hf_screen *screen, uint64_t at_ms, const char *name,
		     uint64_t took_ms, enum hf_err err, const char *note);

struct hf_held_view {	/* NULL or empty: not known, its line is left out */
	enum hf_err cause;
	bool would_hold;	/* a signed audit mode: shown, and the host goes on */
	const char *stage, *host;
	const char *slot, *part, *serial, *address;	/* of the device at fault */
	const char *slot_key, *bdf;	/* the same, for the last line: the label and the address alone */
	const char *name, *where;	/* the same, for the next step: "e1000e", "in PCIe slot 3" */
	const char *place;	/* stable path, or file, or whatever the fault names */
	const char *what;	/* mkey or rule */
	const char *found, *expected, *detail;
	const char *controller;	/* whether it hears of this */
	const char *root_of_trust, *mode;
	size_t others;		/* further refusals */
	size_t parts_refused;	/* parts that have one */
	uint64_t after_ms;
	bool capped, quoted;
};
/* At most HF_SCREEN_ROWS lines. [pure] */
void hf_screen_held(const struct hf_held_view *view, struct hf_writer *w);
/* The cause's next step as a sentence that names the part and where it is: "replace e1000e in
 * PCIe slot 3; keep it for examination". [pure] */
void hf_screen_next_step(const struct hf_held_view *view, char *out, size_t cap);
/* "key=value" text: whatever would break the line becomes '_'. [pure] */
void hf_screen_value(const char *value, char *out, size_t cap);

#endif
