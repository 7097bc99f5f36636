/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/census_report.h"
#include "controller/ctl.h"

#include <stdarg.h>
#include <stdlib.h>

#define SCREEN 80
#define FIELD 11	/* columns of a label and what is before it */
#define OUTLIERS_SHOWN 50
#define VALUES_SHOWN 6
#define NAMES_SHOWN 20
#define DIGEST_SHOWN 16

static void say(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(FILE *out, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hf_ctl_print(out, text);
}

/* "   found   text", wrapped at blanks below itself; a word that is too long is broken. */
static void field(FILE *out, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void field(FILE *out, const char *label, const char *format, ...)
{
	char text[1024];
	size_t column = FIELD;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(out, "   %-*s", FIELD - 3, label);
	for (const char *at = text; *at;) {
		size_t word = strcspn(at, " "), room = SCREEN - FIELD;

		if (word > room)
			word = room;
		if (column > FIELD && column + 1 + word > SCREEN) {
			fprintf(out, "\n%*s", FIELD, "");
			column = FIELD;
		} else if (column > FIELD) {
			fputc(' ', out);
			column++;
		}
		for (size_t i = 0; i < word; i++)
			fputc(at[i] < 0x20 || at[i] > 0x7e ? '?' : at[i], out);
		column += word;
		at += word;
		while (*at == ' ')
			at++;
	}
	fputc('\n', out);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* The beginning of a digest is enough for a person, and what fits. */
static const char *shortened(const char *value, char out[static 256])
{
	const char *hex = strrchr(value, ' ');

	hex = hex ? hex + 1 : value;
	if (strlen(hex) >= 64 && strspn(hex, "0123456789abcdef") == strlen(hex))
		snprintf(out, 256, "%.*s%.*s...", (int)(hex - value), value, DIGEST_SHOWN, hex);
	else
		snprintf(out, 256, "%.200s", value);
	return out;
}

static void put_where(FILE *out, const struct hf_census_outlier *o)
{
	if (!o->place)
		return;
	if (o->label)
		field(out, "where", "slot %s, place %s", o->label, o->place->path);
	else
		field(out, "where", "place %s (no slot label)", o->place->path);
	if (o->from && o->from->label)
		field(out, "belongs", "slot %s, place %s", o->from->label, o->from->path);
	else if (o->from)
		field(out, "belongs", "place %s", o->from->path);
	if (o->kind)
		field(out, "part", "%s (%s)", o->kind->what, o->kind->component);
}

static void put_values(FILE *out, const struct hf_census_outlier *o)
{
	char text[256];

	if (o->odd == HF_CENSUS_ODD_SAME_VERSION)
		field(out, "version", "%s on both", o->value->versions);
	else if (o->value && o->usual && o->value->versions[0])
		field(out, "version", "%s; others: %s", o->value->versions,
		      o->usual->versions[0] ? o->usual->versions : "none");
	if (o->subject)
		field(out, "what", "%s", o->subject);
	if (o->odd == HF_CENSUS_ODD_CONTRADICTS) {
		field(out, "found", "%s, and before it %s", o->found, o->others);
		return;
	}
	if (o->odd == HF_CENSUS_ODD_MOVED) {
		field(out, "others", "%zu of %zu hosts have it where it belongs", o->other_hosts,
		      o->of_hosts);
		return;
	}
	if (o->found)
		field(out, "found", "%s (%zu host%s)", shortened(o->found, text), o->found_hosts,
		      plural(o->found_hosts));
	if (o->others)
		field(out, "others", "%s (%zu of %zu hosts)", shortened(o->others, text), o->other_hosts,
		      o->of_hosts);
}

static void put_outlier(FILE *out, size_t number, const struct hf_census_outlier *o)
{
	say(out, "%zu. %s [%s, class %s]", number, hf_census_odd_sentence(o->odd),
	    hf_census_odd_name(o->odd), hf_class_name(hf_census_odd_class(o->odd)));
	if (o->host->serial)
		field(out, "host", "%s, serial %s", o->host->name, o->host->serial);
	else
		field(out, "host", "%s", o->host->name);
	field(out, "model", "%s %s", o->host->model->vendor, o->host->model->product);
	put_where(out, o);
	put_values(out, o);
	field(out, "next", "%s", hf_census_odd_next_step(o->odd));
	fputc('\n', out);
}

static void put_outliers(FILE *out, const struct hf_census *census)
{
	size_t shown = census->outlier_count < OUTLIERS_SHOWN ? census->outlier_count : OUTLIERS_SHOWN;

	if (census->outlier_count == 0) {
		fputs("OUTLIERS: none: whatever was found is shared by enough hosts\n\n", out);
		return;
	}
	fprintf(out, "OUTLIERS: %zu, loudest first\n\n", census->outlier_count);
	for (size_t i = 0; i < shown; i++)
		put_outlier(out, i + 1, &census->outliers[i]);
	if (shown < census->outlier_count)
		say(out, "%zu more: --json lists all\n", census->outlier_count - shown);
}

static void put_place(FILE *out, const struct hf_census_place *place)
{
	char text[160];

	for (const struct hf_census_occupant *o = place->occupants; o; o = o->next) {
		if (!o->common)
			continue;
		snprintf(text, sizeof(text), "%s%s%s", place->label ? "slot " : "",
			 place->label ? place->label : "", place->label ? "" : place->path);
		fprintf(out, "  %-30.30s %-36.36s %5zu\n", text, o->kind->what, o->hosts);
	}
}

static void put_models(FILE *out, const struct hf_census *census)
{
	fputs("MODELS                                                             hosts\n", out);
	for (const struct hf_census_model *m = census->models; m; m = m->next) {
		char text[256];

		snprintf(text, sizeof(text), "%.80s %.80s", m->vendor, m->product);
		for (char *c = text; *c; c++)
			*c = *c < 0x20 || *c > 0x7e ? '?' : *c;
		fprintf(out, "%-66.66s %5zu\n", m->vendor[0] || m->product[0] ? text
			: "no SMBIOS vendor and product: not drafted", m->hosts);
		if (m->hosts < hf_census_least(census, m->hosts))
			fprintf(out, "  fewer hosts than --min-hosts %zu: not drafted\n",
				hf_census_least(census, m->hosts));
		else
			for (const struct hf_census_place *p = m->places; p; p = p->next)
				put_place(out, p);
	}
	fputc('\n', out);
}

static const char *state_text(const struct hf_census_value *v)
{
	switch (v->state) {
	case HF_CENSUS_DRAFTED:
		return v->unread ? "drafted, with no ROM read" : "drafted";
	case HF_CENSUS_RARE:
		return "NOT drafted: too few hosts";
	case HF_CENSUS_SAME_VERSION:
		return "NOT drafted: same version";
	case HF_CENSUS_PARTIAL:
		return "not read whole";
	case HF_CENSUS_FEW:
		return "not drafted: a rare kind";
	}
	return "";
}

/* What tells a value: its first code, else its first text. */
static void first_code(const struct hf_census_value *v, char out[static 80])
{
	char hex[2 * HF_DIGEST_MAX + 1];

	snprintf(out, 80, "%s", v->versions[0] ? "" : "identity alone");
	for (const struct hf_environment *e = v->release->environments; e; e = e->next)
		for (const struct hf_reference *ref = e->references; ref; ref = ref->next)
			if (ref->digest_count) {
				hf_digest_hex(&ref->digests[0], hex);
				snprintf(out, 80, "%s %.*s...", hf_alg_name(ref->digests[0].alg),
					 DIGEST_SHOWN, hex);
				return;
			}
}

static void put_kind(FILE *out, const struct hf_census_kind *kind)
{
	size_t shown = 0;

	fprintf(out, "%-66.66s %5zu\n", kind->what, kind->hosts);
	for (const struct hf_census_value *v = kind->values; v; v = v->next, shown++) {
		char code[80];

		if (shown == VALUES_SHOWN) {
			fprintf(out, "  %zu more values: --json lists all\n", kind->value_count - shown);
			return;
		}
		first_code(v, code);
		fprintf(out, "  %-35.35s %-28.28s %5zu\n", code[0] ? code : v->versions, state_text(v),
			v->hosts);
		if (code[0] && v->versions[0])
			fprintf(out, "    %.74s\n", v->versions);
	}
}

static void put_kinds(FILE *out, const struct hf_census *census)
{
	fputs("PARTS, each value by how many hosts have it                        hosts\n", out);
	for (const struct hf_census_kind *k = census->kinds; k; k = k->next)
		put_kind(out, k);
	fputc('\n', out);
}

static void put_not_counted(FILE *out, const struct hf_census *census,
			    const struct hf_census_skipped *skipped, size_t count)
{
	size_t shown = 0;

	if (count)
		fprintf(out, "SKIPPED: %zu file%s, not counted\n", count, plural(count));
	for (const struct hf_census_skipped *s = skipped; s; s = s->next) {
		if (shown++ == NAMES_SHOWN) {
			say(out, "  %zu more: --json lists all", count - NAMES_SHOWN);
			break;
		}
		say(out, "  %s: %s%s%s [%s]", s->name, hf_err_sentence(s->err), s->detail[0] ? ": " : "",
		    s->detail, hf_err_name(s->err));
	}
	if (census->again_count)
		fprintf(out, "CAPTURED AGAIN: %zu; each host counts once\n", census->again_count);
	shown = 0;
	for (const struct hf_census_capture *c = census->captures; c; c = c->next) {
		if (!c->again)
			continue;
		if (shown++ == NAMES_SHOWN) {
			say(out, "  %zu more: --json lists all", census->again_count - NAMES_SHOWN);
			break;
		}
		say(out, "  %s: the same host as %s%s", c->name, c->host->name,
		    c->differs ? ", and it says something else" : "");
	}
	if (count || census->again_count)
		fputc('\n', out);
}

static size_t unread_parts(const struct hf_census *census)
{
	size_t count = 0;

	for (const struct hf_census_kind *k = census->kinds; k; k = k->next)
		for (const struct hf_census_value *v = k->values; v; v = v->next)
			count += v->unread ? v->hosts : 0;
	return count;
}

static void put_coverage(FILE *out, const struct hf_census *census)
{
	size_t unread = unread_parts(census);

	say(out, "COVERAGE: %zu parts: %zu by bytes, %zu by version, %zu by identity, %zu signed, %zu not "
	    "at all; not covered: BMC, drives behind RAID or VMD, NVLink, CPLDs", census->part_count,
	    census->by_method[HF_METHOD_BYTES], census->by_method[HF_METHOD_VERSION],
	    census->by_method[HF_METHOD_IDENTITY],
	    census->by_method[HF_METHOD_SIGNED] + census->by_method[HF_METHOD_UNBOUND],
	    census->by_method[HF_METHOD_NONE]);
	if (unread)
		say(out, "Code of %zu part%s was not read: the gate will read it, find it in no draft and "
		    "hold.\n  next: holdfast scan --rom=all --json, on hosts that may be disturbed", unread,
		    plural(unread));
}

void hf_census_print(FILE *out, const struct hf_census *census,
		     const struct hf_census_skipped *skipped, size_t skipped_count)
{
	fprintf(out, "%zu capture%s of %zu host%s: %zu model%s, %zu kind%s of parts\n\n",
		census->capture_count, plural(census->capture_count), census->host_count,
		plural(census->host_count), census->model_count, plural(census->model_count),
		census->kind_count, plural(census->kind_count));
	put_outliers(out, census);
	put_not_counted(out, census, skipped, skipped_count);
	put_models(out, census);
	put_kinds(out, census);
	put_coverage(out, census);
}

void hf_census_print_hosts(FILE *out, const struct hf_census *census)
{
	for (const struct hf_census_kind *k = census->kinds; k; k = k->next)
		for (const struct hf_census_value *v = k->values; v; v = v->next) {
			const struct hf_census_host *last = NULL;

			fprintf(out, "%s, %s: %zu of %zu hosts\n", k->component,
				v->state == HF_CENSUS_DRAFTED ? v->release->name
							      : hf_census_state_name(v->state),
				v->hosts, k->hosts);
			for (const struct hf_census_seat *s = v->seats; s; s = s->next_of_value) {
				if (s->host != last)
					fprintf(out, "  %s\n", s->host->name);
				last = s->host;
			}
		}
}
