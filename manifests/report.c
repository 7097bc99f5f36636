/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Claims and verdicts as text of at most 80 columns. What came from a device or a file
 * goes through clean(), and digests are cut to what a person compares. */
#include "manifests/report.h"

#include <stdarg.h>
#include <stdio.h>

#define COLUMNS 80
#define LINE_MAX 1024
#define HEX_KEPT 16	/* digits of a digest that people see */
#define HEX_LONG 40

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Printable, and every long run of hex digits cut; at most cap - 1 bytes. */
static void clean(const char *text, char *out, size_t cap)
{
	size_t n = 0;

	while (*text && n + HEX_KEPT + 4 < cap) {
		size_t run = 0;

		while (is_hex(text[run]))
			run++;
		if (run > HEX_LONG) {
			memcpy(out + n, text, HEX_KEPT);
			memcpy(out + n + HEX_KEPT, "...", 3);
			n += HEX_KEPT + 3;
			text += run;
			continue;
		}
		out[n++] = *text >= 0x20 && *text <= 0x7e ? *text : '?';
		text++;
	}
	out[n] = 0;
}

static void put_text(struct hf_writer *w, const char *text)
{
	hf_put(w, text, strlen(text));
}

static void put_spaces(struct hf_writer *w, size_t n)
{
	while (n--)
		put_text(w, " ");
}

/* One paragraph: words wrapped before column 80, further lines indented; spaces inside a
 * line stay, those at its end do not. A word that is longer than a line is broken. */
static void put_wrapped(struct hf_writer *w, size_t indent, const char *text)
{
	size_t column = 0, spaces = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (word == 0) {
			spaces += spaces < COLUMNS / 2;
			text++;
			continue;
		}
		if (column > indent && column + spaces + word > COLUMNS) {
			put_text(w, "\n");
			spaces = indent;
			column = 0;
		}
		if (word > COLUMNS - column - spaces)
			word = COLUMNS - column - spaces;
		put_spaces(w, spaces);
		hf_put(w, text, word);
		column += spaces + word;
		spaces = 0;
		text += word;
	}
	put_text(w, "\n");
}

static void put_line(struct hf_writer *w, size_t indent, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void put_line(struct hf_writer *w, size_t indent, const char *format, ...)
{
	char raw[LINE_MAX], text[LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	clean(raw, text, sizeof(text));
	put_wrapped(w, indent, text);
}

/* PCI Code and ID Assignment Specification, section 1.1. */
const char *hf_report_class_name(uint32_t class_code)
{
	static const struct { uint16_t code; const char *name; } exact[] = {
		{ 0x0101, "IDE controller" }, { 0x0104, "RAID controller" },
		{ 0x0106, "SATA controller" }, { 0x0107, "SAS controller" },
		{ 0x0108, "NVMe drive" }, { 0x0200, "Ethernet controller" },
		{ 0x0207, "InfiniBand controller" }, { 0x0300, "VGA controller" },
		{ 0x0302, "3D controller" }, { 0x0502, "CXL memory" },
		{ 0x0600, "host bridge" }, { 0x0601, "ISA bridge" }, { 0x0604, "PCI bridge" },
		{ 0x0700, "serial controller" }, { 0x0c03, "USB controller" },
		{ 0x0c05, "SMBus controller" },
	};
	static const char *const base[] = {
		"old device", "storage controller", "network controller", "display controller",
		"multimedia controller", "memory controller", "bridge", "communication controller",
		"system peripheral", "input device", "docking station", "processor",
		"serial bus controller", "wireless controller", "intelligent controller",
		"satellite controller", "encryption controller", "signal processing controller",
		"processing accelerator", "instrumentation",
	};

	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
		if (exact[i].code == class_code >> 8)
			return exact[i].name;
	if (class_code >> 16 < sizeof(base) / sizeof(base[0]))
		return base[class_code >> 16];
	return "device";
}

static void put_measurement(struct hf_writer *w, const struct hf_measurement *m)
{
	char hex[2 * HF_DIGEST_MAX + 1];
	const char *partial = "";
	char size[32] = "";	/* none: a device hashed, and does not say how much */

	if (m->size)
		snprintf(size, sizeof(size), " %llu bytes", (unsigned long long)m->size);
	if (m->kind != HF_VALUE_FAILURE && m->cause != HF_OK)
		partial = hf_err_name(m->cause);
	switch (m->kind) {
	case HF_VALUE_FAILURE:
		put_line(w, 8, "      %-26s not measured: %s (%s)", m->mkey,
			 hf_err_sentence(m->cause), hf_err_name(m->cause));
		break;
	case HF_VALUE_DIGESTS:
		if (!m->digest_count)
			break;
		hf_digest_hex(&m->digests[0], hex);
		put_line(w, 8, "      %-26s %s %.16s...%s %s", m->mkey,
			 hf_alg_name(m->digests[0].alg), hex, size, partial);
		break;
	case HF_VALUE_TEXT:
		put_line(w, 8, "      %-26s %s %s", m->mkey, m->text, partial);
		break;
	case HF_VALUE_NUMBER:
		put_line(w, 8, "      %-26s %llu %s", m->mkey, (unsigned long long)m->number,
			 partial);
		break;
	case HF_VALUE_BYTES:	/* never shown, only that they are there */
		put_line(w, 8, "      %-26s %zu bytes kept %s", m->mkey, m->bytes.len, partial);
		break;
	}
}

static bool worth_showing(const struct hf_measurement *m)
{
	if (m->kind == HF_VALUE_FAILURE)
		return m->cause != HF_ERR_NO_READER;
	return m->kind == HF_VALUE_TEXT || m->flags & HF_MEASUREMENT_CODE;
}

static bool is_quiet_failure(const struct hf_measurement *m)
{
	return m->kind == HF_VALUE_FAILURE && m->flags & HF_MEASUREMENT_ADVISORY;
}

/* Advisory facts that are not there, each cause's in one paragraph. */
static void put_absent(struct hf_writer *w, const struct hf_measurement *list)
{
	for (const struct hf_measurement *m = list; m; m = m->next) {
		const struct hf_measurement *o = list;
		char names[LINE_MAX - 128];
		size_t len = 0;

		while (o != m && !(is_quiet_failure(o) && o->cause == m->cause))
			o = o->next;
		if (!is_quiet_failure(m) || o != m)	/* said with an earlier one */
			continue;
		for (; o; o = o->next)
			if (is_quiet_failure(o) && o->cause == m->cause &&
			    len + strlen(o->mkey) + 2 < sizeof(names))
				len += (size_t)snprintf(names + len, sizeof(names) - len, " %s", o->mkey);
		put_line(w, 8, "      %-26s%s", hf_err_name(m->cause), names);
	}
}

/* Everything but digests, which nobody reads and the JSON has. */
static void put_host(struct hf_writer *w, const struct hf_part *host)
{
	for (const struct hf_measurement *m = host->measurements; m; m = m->next)
		if (m->kind != HF_VALUE_DIGESTS && !is_quiet_failure(m))
			put_measurement(w, m);
	put_absent(w, host->measurements);
}

static void put_function(struct hf_writer *w, const struct hf_function *f)
{
	const struct hf_identity *id = &f->identity;
	char address[HF_ADDRESS_TEXT];

	hf_address_format(&f->address, address);
	put_line(w, 6, "    %-14s %04x:%04x %s, revision %02x%s%s", address, id->vendor, id->device,
		 hf_report_class_name(id->class_code), id->revision, f->driver ? ", driver " : "",
		 f->driver ? f->driver : "");
	for (const struct hf_measurement *m = f->measurements; m; m = m->next)
		if (worth_showing(m))
			put_measurement(w, m);
}

static const struct hf_part_verdict *verdict_of(const struct hf_verdict *verdict,
						const struct hf_part *part)
{
	if (!verdict)
		return NULL;
	for (const struct hf_part_verdict *v = verdict->parts; v; v = v->next)
		if (v->part == part)
			return v;
	return NULL;
}

/* Sixty-four of them say nothing that their physical function does not. */
static bool is_folded(const struct hf_function *f)
{
	for (const struct hf_measurement *m = f->measurements; m; m = m->next)
		if (worth_showing(m))
			return false;
	return hf_path_is_virtual(f->path);
}

static void put_functions(struct hf_writer *w, const struct hf_part *part)
{
	const struct hf_function *f = part->functions;

	while (f) {
		size_t folded = 0;

		for (; f && is_folded(f); f = f->next)
			folded++;
		if (folded)
			put_line(w, 6, "    %-14s %zu virtual function%s of it", "", folded,
				 folded == 1 ? "" : "s");
		if (!f)
			return;
		put_function(w, f);
		f = f->next;
	}
}

static void put_part(struct hf_writer *w, const struct hf_part *part,
		     const struct hf_verdict *verdict, const struct hf_part_verdict *v)
{
	const char *word = verdict ? "not judged" : "";
	bool host = part->kind == HF_PART_HOST;

	if (v)
		word = host && v->status == HF_STATUS_ACCEPTED ? "" : hf_status_name(v->status);
	put_line(w, 4, "%-5s %-40s %-12s %s", hf_part_kind_name(part->kind), part->path,
		 host ? "" : hf_method_name(v ? v->method : hf_part_method(part)), word);
	if (v && v->component)
		put_line(w, 6, "    %s%s%s%s%s", v->component->name,
			 v->release ? ", release " : "", v->release ? v->release->name : "",
			 v->rule ? ", rule " : "", v->rule ? v->rule->name : "");
	if (host)
		put_host(w, part);
	for (const struct hf_measurement *m = part->measurements; m; m = m->next)
		if (!host && worth_showing(m))
			put_measurement(w, m);
	put_functions(w, part);
}

void hf_report_tree(const struct hf_claims *claims, const struct hf_verdict *verdict,
		    struct hf_writer *w)
{
	for (const struct hf_part *p = claims->parts; p; p = p->next)
		put_part(w, p, verdict, verdict_of(verdict, p));
	if (!verdict)
		return;
	for (const struct hf_part_verdict *v = verdict->parts; v; v = v->next)
		if (!v->part)
			put_line(w, 4, "%-5s %-40s %-12s %s",
				 hf_part_kind_name(strcmp(v->place, "board") ? HF_PART_CARD : HF_PART_BOARD),
				 v->place, "missing", hf_status_name(v->status));
}

static const struct uncovered {
	const char *mkey, *one, *many;
	bool functions;		/* each function is one; else: each part that has any */
} uncovered[] = {
	{ "not-covered/raid-drives", "RAID controller", "RAID controllers", true },
	{ "not-covered/vmd-drives", "VMD", "VMDs", true },
	{ "not-covered/dpu", "DPU", "DPUs", false },
	{ "not-covered/bmc", "BMC", "BMCs", false },
	{ "not-covered/nvlink", "part on NVLink", "parts on NVLink", false },
};
#define UNCOVERED (sizeof(uncovered) / sizeof(uncovered[0]))

static size_t count_uncovered(const struct hf_part *part, const struct uncovered *what)
{
	size_t count = 0;

	for (const struct hf_function *f = part->functions; f; f = f->next)
		count += hf_measurement_find(f->measurements, what->mkey) != NULL;
	return count && !what->functions ? 1 : count;
}

/* "; here: 2 RAID controllers, 1 BMC", or "" where nothing of the kind shows itself. */
static void seen_here(const struct hf_claims *claims, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < UNCOVERED; i++) {
		size_t count = 0;

		for (const struct hf_part *p = claims->parts; p; p = p->next)
			if (hf_claims_find_part(claims, p->path) == p)
				count += count_uncovered(p, &uncovered[i]);
		if (count)
			len += (size_t)snprintf(out + len, cap - len, "%s%zu %s",
						len ? ", " : "; here: ", count,
						count == 1 ? uncovered[i].one : uncovered[i].many);
	}
}

/* As it counts where somebody judged: a signature without an anchor is the device's word. Where
 * nobody did, the line says so. */
static enum hf_method method_of(const struct hf_verdict *verdict, const struct hf_part *part)
{
	const struct hf_part_verdict *v = verdict_of(verdict, part);

	return v ? v->method : hf_part_method(part);
}

void hf_report_coverage(const struct hf_claims *claims, const struct hf_verdict *verdict,
			struct hf_writer *w)
{
	size_t parts = 0, by[HF_METHODS] = { 0 };
	char version[40] = "", none[40] = "", unbound[48] = "", here[256];
	const char *keys = "";

	for (const struct hf_part *p = claims->parts; p; p = p->next) {
		if (p->kind == HF_PART_HOST || hf_claims_find_part(claims, p->path) != p)
			continue;
		parts++;
		by[method_of(verdict, p)]++;
	}
	if (by[HF_METHOD_VERSION])
		snprintf(version, sizeof(version), "%zu by version, ", by[HF_METHOD_VERSION]);
	if (by[HF_METHOD_NONE])
		snprintf(none, sizeof(none), ", %zu not at all", by[HF_METHOD_NONE]);
	if (by[HF_METHOD_UNBOUND])
		snprintf(unbound, sizeof(unbound), ", %zu signed but unbound", by[HF_METHOD_UNBOUND]);
	if (!verdict && by[HF_METHOD_SIGNED] + by[HF_METHOD_UNBOUND])
		keys = " by keys that no anchor was asked about";
	seen_here(claims, here, sizeof(here));
	put_line(w, 2, "%zu part%s: %zu by bytes, %s%zu by identity, %zu signed%s%s%s; not covered: "
		 "BMC, drives behind RAID or VMD, NVLink, CPLDs%s", parts, parts == 1 ? "" : "s", by[HF_METHOD_BYTES],
		 version, by[HF_METHOD_IDENTITY], by[HF_METHOD_SIGNED], unbound, keys, none, here);
}

/* audit: of the whole model; then nothing is refused. */
static const char *status_word(const struct hf_finding *f, bool audit)
{
	if (f->waiver)
		return "WAIVED";
	if (f->would_hold || (audit && f->action == HF_ACTION_HOLD))
		return "WOULD HOLD";
	switch (f->action) {
	case HF_ACTION_WARN:
		return "WARNED";
	case HF_ACTION_FENCE:
		return "ISOLATED";
	case HF_ACTION_HOLD:
		return "HELD";
	}
	return "HELD";
}

static const char *slot_of(const struct hf_part *part)
{
	const struct hf_measurement *m = part ? hf_measurement_find(part->measurements, HF_MKEY_SLOT)
					      : NULL;

	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}

static void put_where(struct hf_writer *w, const struct hf_part_verdict *p, const struct hf_finding *f)
{
	const char *slot = slot_of(p ? p->part : f->part);
	char address[HF_ADDRESS_TEXT];

	const char *word = slot && slot[strspn(slot, "0123456789")] == '\0' ? "PCIe slot " : "slot ";

	if (p && p->component)
		put_line(w, 12, "  part      %s%s%s%s", p->component->name, slot ? ", " : "",
			 slot ? word : "", slot ? slot : "");
	else if (slot)
		put_line(w, 12, "  part      in %s%s", word, slot);
	if (!f->function)
		return;
	hf_address_format(&f->function->address, address);
	put_line(w, 12, "  device    %s %04x:%04x %s", address, f->function->identity.vendor,
		 f->function->identity.device, hf_report_class_name(f->function->identity.class_code));
}

/* What else would be accepted, beside the value of the nearest release. */
static void put_allowed(struct hf_writer *w, const struct hf_finding *f)
{
	size_t shown = f->allowed_count < HF_ALLOWED_SHOWN ? f->allowed_count : HF_ALLOWED_SHOWN;

	for (size_t i = 0; i < shown; i++)
		if (!f->expected || strcmp(f->allowed[i].text, f->expected) != 0)
			put_line(w, 12, "  allowed   %s, release %s", f->allowed[i].text,
				 f->allowed[i].release);
	if (f->allowed_count > shown)
		put_line(w, 12, "  allowed   and %zu more", f->allowed_count - shown);
}

static void put_finding(struct hf_writer *w, const char *place, const struct hf_part_verdict *p,
			const struct hf_finding *f, bool audit)
{
	const struct hf_rule *rule = p ? p->rule : NULL;

	put_line(w, 6, "%s  %s%s%s", status_word(f, audit), place, rule ? "  rule " : "",
		 rule ? rule->name : "");
	put_line(w, 12, "  reason    %s (%s): %s", hf_err_name(f->cause),
		 hf_class_name(hf_err_class(f->cause)), hf_err_sentence(f->cause));
	put_where(w, p, f);
	if (f->mkey)
		put_line(w, 12, "  measured  %s", f->mkey);
	if (f->found)
		put_line(w, 12, "  found     %s", f->found);
	if (f->known)
		put_line(w, 12, "  known     the value found is that of %s", f->known);
	if (f->expected || f->release)
		put_line(w, 12, "  expected  %s%s%s%s", f->expected ? f->expected : "",
			 f->expected && f->release ? ", " : "", f->release ? "release " : "",
			 f->release ? f->release : "");
	put_allowed(w, f);
	if (f->waiver)
		put_line(w, 12, "  waived by %s", f->waiver);
	if (f->waiver_why)
		put_line(w, 12, "  waiver    the one for this host does not apply: %s", f->waiver_why);
	if (!f->waiver)
		put_line(w, 12, "  next      %s", hf_err_next_step(f->cause));
}

static void put_findings(struct hf_writer *w, const struct hf_verdict *verdict, bool warnings)
{
	const bool audit = verdict->model && verdict->model->mode == HF_MODE_AUDIT;

	for (const struct hf_part_verdict *p = verdict->parts; p; p = p->next)
		for (const struct hf_finding *f = p->findings; f; f = f->next)
			if ((f->action == HF_ACTION_WARN) == warnings)
				put_finding(w, p->place, p, f, audit);
	for (const struct hf_finding *f = verdict->boot; f; f = f->next)
		if ((f->action == HF_ACTION_WARN) == warnings)
			put_finding(w, "boot", NULL, f, audit);
}

void hf_report_findings(const struct hf_verdict *verdict, struct hf_writer *w)
{
	if (verdict->status == HF_STATUS_HELD && !verdict->parts && !verdict->boot)
		put_finding(w, "host", NULL, &(struct hf_finding){ .cause = verdict->cause }, false);
	put_findings(w, verdict, false);
	put_findings(w, verdict, true);
}
