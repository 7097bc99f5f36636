/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processors: what they are and which microcode runs in them. Of those that are online: the
 * gate keeps the others unstarted, and what they would load is for their start to say. */
#include "agent/platform_facts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define CPUINFO_MAX (16u << 20)	/* bytes: 1.5 KiB a processor */
#define FIELD_MAX 128

/* One value that should be the same everywhere, and the first that is not. */
struct agreed {
	char first[FIELD_MAX], other[FIELD_MAX];
	unsigned where;		/* of other */
	unsigned count;
};

static void agree(struct agreed *a, unsigned cpu, const char *text)
{
	if (a->count++ == 0) {
		snprintf(a->first, sizeof(a->first), "%.*s", FIELD_MAX - 1, text);
	} else if (!a->other[0] && strcmp(a->first, text) != 0) {
		snprintf(a->other, sizeof(a->other), "%.*s", FIELD_MAX - 1, text);
		a->where = cpu;
	}
}

static void put_agreed(struct hf_facts *f, const char *mkey, const struct agreed *a)
{
	if (a->count == 0)
		hf_facts_missing(f, mkey, HF_ADVISORY, HF_ERR_READ_FAILED);
	else if (a->other[0])
		hf_facts_format(f, mkey, HF_ADVISORY, "not all equal: %s, processor %u has %s",
				a->first, a->where, a->other);
	else
		hf_facts_text(f, mkey, HF_ADVISORY, hf_span_text(a->first));
}

/* The value of "name<tab>: value" where the line is that; *ret is cut at FIELD_MAX. */
static bool field(struct hf_span line, const char *name, char ret[static FIELD_MAX])
{
	size_t len = strlen(name), at = len, n;

	if (line.len < len || memcmp(line.ptr, name, len) != 0)
		return false;
	while (at < line.len && (line.ptr[at] == '\t' || line.ptr[at] == ' '))
		at++;
	if (at == line.len || line.ptr[at] != ':')
		return false;
	at++;
	while (at < line.len && line.ptr[at] == ' ')
		at++;
	n = line.len - at < FIELD_MAX - 1 ? line.len - at : FIELD_MAX - 1;
	if (n)
		memcpy(ret, line.ptr + at, n);
	ret[n] = '\0';
	return true;
}

struct cpu {
	char vendor[FIELD_MAX], family[FIELD_MAX], model[FIELD_MAX], name[FIELD_MAX];
	char stepping[FIELD_MAX], microcode[FIELD_MAX];
	bool any;
};

static void end_of_cpu(struct cpu *c, unsigned number, struct agreed *what, struct agreed *microcode)
{
	char text[FIELD_MAX];

	if (!c->any)
		return;
	snprintf(text, sizeof(text), "%.24s family %.8s model %.8s stepping %.8s: %.48s", c->vendor,
		 c->family, c->model, c->stepping, c->name);
	agree(what, number, text);
	if (c->microcode[0])
		agree(microcode, number, c->microcode);
	memset(c, 0, sizeof(*c));
}

/* /proc/cpuinfo as x86 writes it: a block of lines for each processor, an empty line behind. */
static void read_cpuinfo(struct hf_span text, struct agreed *what, struct agreed *microcode)
{
	struct cpu c = { .any = false };
	unsigned number = 0;

	for (size_t pos = 0; pos < text.len;) {
		const uint8_t *end = memchr(text.ptr + pos, '\n', text.len - pos);
		size_t len = end ? (size_t)(end - text.ptr) - pos : text.len - pos;
		struct hf_span line = { text.ptr + pos, len };
		char value[FIELD_MAX];

		if (len == 0)
			end_of_cpu(&c, number, what, microcode);
		else if (field(line, "processor", value))
			number = (unsigned)strtoul(value, NULL, 10);
		else
			c.any |= field(line, "vendor_id", c.vendor) ||
				 field(line, "cpu family", c.family) ||
				 field(line, "model name", c.name) ||
				 field(line, "model", c.model) ||
				 field(line, "stepping", c.stepping) ||
				 field(line, "microcode", c.microcode);
		pos += len + 1;
	}
	end_of_cpu(&c, number, what, microcode);
}

/* The driver's own word; a virtual machine has none. */
static void read_revisions(struct hf_facts *f, struct agreed *microcode)
{
	struct dirent **entries;
	int count = hf_facts_list(f, "devices/system/cpu", &entries);

	for (int i = 0; i < count; i++) {
		char path[320], text[FIELD_MAX];
		unsigned cpu;
		char after;

		snprintf(path, sizeof(path), "devices/system/cpu/%s/microcode/version",
			 entries[i]->d_name);
		if (sscanf(entries[i]->d_name, "cpu%u%c", &cpu, &after) == 1 &&
		    hf_host_read_text(f->host, path, text, sizeof(text)) == HF_OK)
			agree(microcode, cpu, text);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

void hf_facts_processors(struct hf_facts *f)
{
	struct hf_arena *arena = f->claims->arena;
	struct agreed what = { .count = 0 }, from_sysfs = { .count = 0 }, from_proc = { .count = 0 };
	size_t mark = arena->len;
	struct hf_span text;

	if (hf_facts_proc(f, "cpuinfo", CPUINFO_MAX, &text) == HF_OK)
		read_cpuinfo(text, &what, &from_proc);
	arena->len = mark;
	read_revisions(f, &from_sysfs);
	put_agreed(f, "cpus/model", &what);
	put_agreed(f, "microcode", from_sysfs.count ? &from_sysfs : &from_proc);
}
