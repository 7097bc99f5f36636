/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `holdfastctl log show` prints, made from its JSON, within 80 columns. */
#include "controller/log_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/log.h"

#define COLUMNS 80
#define INDENT 5

static void put_line(size_t indent, const char *text, size_t len)
{
	while (len && text[len - 1] == ' ')
		len--;
	printf("%*s%.*s\n", (int)indent, "", (int)len, text);
}

/* One fact, broken at blanks where it can be, at the column where it cannot. */
static void put_wrapped(const char *text)
{
	size_t indent = INDENT;

	for (;;) {
		size_t room = COLUMNS - indent, len = strlen(text), cut = room;

		if (len <= room) {
			put_line(indent, text, len);
			return;
		}
		while (cut > room / 2 && text[cut] != ' ')
			cut--;
		if (text[cut] != ' ')
			for (cut = room; cut > 1 && ((unsigned char)text[cut] & 0xc0) == 0x80; )
				cut--;
		put_line(indent, text, cut);
		text += cut + (text[cut] == ' ');
		indent = INDENT + 2;
	}
}

static void put_value(FILE *out, const json_t *value)
{
	const json_t *member;
	const char *key, *between = "";
	size_t i;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		json_object_foreach((json_t *)(uintptr_t)value, key, member) {
			fprintf(out, "%s%s=", between, key);
			put_value(out, member);
			between = " ";
		}
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, member) {
			if (i)
				fputc(' ', out);
			put_value(out, member);
		}
		break;
	case JSON_STRING:
		fputs(json_string_value(value), out);
		break;
	case JSON_INTEGER:
		fprintf(out, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(out, "%g", json_real_value(value));
		break;
	case JSON_TRUE:
		fputs("yes", out);
		break;
	case JSON_FALSE:
		fputs("no", out);
		break;
	case JSON_NULL:
		fputs("none", out);
		break;
	}
}

static void put_fact(const char *name, const json_t *value)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	fprintf(out, "%s%s", name, strcmp(name, "-") == 0 ? " " : ": ");
	put_value(out, value);
	fclose(out);
	put_wrapped(text);
	free(text);
}

/* A list of lists or objects (parts, partitions) takes a line for each; so does an object. */
static void put_member(const char *name, const json_t *value)
{
	const json_t *first = json_array_get(value, 0), *row;
	size_t i;

	if (!json_is_array(first) && !json_is_object(first)) {
		put_fact(name, value);
		return;
	}
	printf("%*s%s:\n", INDENT, "", name);
	json_array_foreach(value, i, row)
		put_fact("-", row);
}

/* Lists of objects that a screen shows as a count. */
static bool is_long(const char *name)
{
	return strcmp(name, "signatures") == 0;
}

/* What only programs want. */
static bool is_hidden(const char *name)
{
	return strcmp(name, "value-sha256") == 0;
}

/* NULL: there is none, or it is null. */
static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* What is always there, unless memory ran out. */
static const char *word_of(const json_t *object, const char *key)
{
	const char *text = text_of(object, key);

	return text ? text : "?";
}

static void put_head(const json_t *event, bool registers)
{
	const char *type = text_of(event, "type-name"), *tag = text_of(event, "tag");
	const char *use = word_of(event, "use");
	unsigned long long pcr = (unsigned long long)json_integer_value(json_object_get(event, "pcr"));
	char unknown[24], place[24];

	snprintf(unknown, sizeof(unknown), "type 0x%08llx", (unsigned long long)
		 json_integer_value(json_object_get(event, "type")));
	if (strcmp(use, "nv-index") == 0)
		snprintf(place, sizeof(place), "NV 0x%08llx", pcr);
	else if (registers)
		snprintf(place, sizeof(place), "register %llu", pcr);
	else
		snprintf(place, sizeof(place), pcr < HF_PCR_COUNT ? "PCR %-2llu" : "PCR 0x%llx", pcr);
	printf("%3lld  %s  %s%s%s\n",
	       (long long)json_integer_value(json_object_get(event, "number")), place,
	       type ? type : unknown, tag ? "  holdfast " : "", tag ? tag : "");
}

static void put_digest(const json_t *event)
{
	const json_t *digests = json_object_get(event, "digests");
	const char *key = "sha256", *use = word_of(event, "use"), *bound = word_of(event, "bound");
	char line[256];

	if (!json_object_get(digests, key)) {
		void *any = json_object_iter((json_t *)(uintptr_t)digests);

		key = any ? json_object_iter_key(any) : NULL;
	}
	if (strcmp(use, "extends") != 0) {
		snprintf(line, sizeof(line), "extends nothing: %s", use);
		put_wrapped(line);
		return;
	}
	if (key) {
		snprintf(line, sizeof(line), "%s %s", key, word_of(digests, key));
		put_wrapped(line);
	}
	snprintf(line, sizeof(line), "bound: %s", bound);
	put_wrapped(line);
}

static void put_members(const json_t *object)
{
	const json_t *member;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)object, key, member) {
		if (is_long(key))
			printf("%*s%s: %zu\n", INDENT, "", key, json_array_size(member));
		else if (!json_is_null(member) && !is_hidden(key))
			put_member(key, member);
	}
}

static void put_event(const json_t *event, bool registers)
{
	const json_t *payload = json_object_get(event, "payload");
	const json_t *decoded = json_object_get(event, "decoded");

	put_head(event, registers);
	put_digest(event);
	if (json_is_object(payload))
		put_members(payload);
	else if (payload)
		put_fact("payload", payload);
	else if (json_object_size(decoded))
		put_members(decoded);
	else if (text_of(event, "text"))
		put_fact("text", json_object_get(event, "text"));
	else
		put_fact("bytes", json_object_get(event, "size"));
	if (text_of(event, "cause"))
		put_fact("cause", json_object_get(event, "cause"));
}

static void put_key(const char *name, const json_t *key)
{
	char line[160];

	snprintf(line, sizeof(line), "%s: %zu entries, sha256 %.16s...", name,
		 json_array_size(json_object_get(key, "signatures")), word_of(key, "sha256"));
	put_wrapped(line);
}

static void put_secure_boot(const json_t *boot)
{
	const json_t *authorities = json_object_get(boot, "authorities"), *member;
	const char *name, *cause = text_of(boot, "cause");
	long long unbound = json_integer_value(json_object_get(boot, "unbound-events"));
	size_t i;

	printf("secure boot: %s%s%s%s, by %s\n", word_of(boot, "state"), cause ? " [" : "",
	       cause ? cause : "", cause ? "]" : "", word_of(boot, "bank"));
	json_object_foreach((json_t *)(uintptr_t)json_object_get(boot, "keys"), name, member)
		put_key(name, member);
	json_array_foreach(authorities, i, member) {
		char line[256];

		snprintf(line, sizeof(line), "authority: event %lld, %s, sha256 %.16s...",
			 (long long)json_integer_value(json_object_get(member, "event")),
			 word_of(member, "name"), word_of(member, "sha256"));
		put_wrapped(line);
	}
	if (json_is_true(json_object_get(boot, "more-authorities")))
		put_wrapped("authority: there are more");
	if (unbound > 0) {
		char line[80];

		snprintf(line, sizeof(line), "not bound by their digests: %lld events behind the separator",
			 unbound);
		put_wrapped(line);
	}
	if (json_is_true(json_object_get(boot, "debug-mode")))
		put_wrapped("firmware says: UEFI Debug Mode");
	if (json_is_true(json_object_get(boot, "dma-protection-off")))
		put_wrapped("firmware says: DMA Protection Disabled");
}

static void put_grammar(const json_t *grammar)
{
	const char *cause = text_of(grammar, "cause");

	printf("grammar: %s%s%s%s\n", word_of(grammar, "sentence"), cause ? " [" : "",
	       cause ? cause : "", cause ? "]" : "");
}

void hf_log_print(const json_t *doc)
{
	const json_t *grammar = json_object_get(doc, "grammar"), *event;
	const json_t *banks = json_object_get(doc, "banks"), *boot;
	const char *form = word_of(doc, "form");
	size_t i;

	if (banks) {
		printf("%s log, ", form);
		put_value(stdout, banks);
		putchar('\n');
	}
	json_array_foreach(json_object_get(doc, "events"), i, event)
		put_event(event, strcmp(form, "confidential-guest") == 0);
	boot = json_object_get(doc, "secure-boot");
	if (boot)
		put_secure_boot(boot);
	if (grammar)
		put_grammar(grammar);
}
