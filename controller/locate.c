/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/locate.h"

struct scan {
	struct hf_span in;
	size_t pos, line;
};

static int peek(const struct scan *s)
{
	return s->pos < s->in.len ? s->in.ptr[s->pos] : -1;
}

static void next(struct scan *s)
{
	s->line += peek(s) == '\n';
	s->pos += s->pos < s->in.len;
}

static void skip_blanks(struct scan *s)
{
	while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\r' || peek(s) == '\n')
		next(s);
}

/* The text between the quotes as it stands there: escapes are not undone, so a key that
 * has some is not found and its object is named instead. */
static struct hf_span skip_string(struct scan *s)
{
	size_t start;

	next(s);
	start = s->pos;
	while (peek(s) >= 0 && peek(s) != '"') {
		if (peek(s) == '\\')
			next(s);
		next(s);
	}
	next(s);
	return hf_span_part(s->in, start, s->pos > start ? s->pos - start - 1 : 0);
}

/* Past one value; brackets are counted, so depth costs no stack. */
static void skip_value(struct scan *s)
{
	size_t depth = 0;

	skip_blanks(s);
	do {
		int c = peek(s);

		if (c == '"') {
			skip_string(s);
			continue;
		}
		if (depth == 0 && (c == ',' || c == ']' || c == '}'))
			return;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		next(s);
	} while (peek(s) >= 0 && (depth || (peek(s) != ',' && peek(s) != ']' && peek(s) != '}' &&
					    peek(s) != '\n')));
}

/* From an object's '{' to the value of key; false when it is not there. */
static bool enter_member(struct scan *s, const char *key, size_t *line)
{
	if (peek(s) != '{')
		return false;
	next(s);
	for (;;) {
		size_t key_line;
		struct hf_span found;

		skip_blanks(s);
		if (peek(s) != '"')
			return false;
		key_line = s->line;
		found = skip_string(s);
		skip_blanks(s);
		next(s);	/* ':' */
		skip_blanks(s);
		if (hf_span_equal(found, hf_span_text(key))) {
			*line = key_line;
			return true;
		}
		skip_value(s);
		skip_blanks(s);
		if (peek(s) != ',')
			return false;
		next(s);
	}
}

static bool enter_element(struct scan *s, size_t index, size_t *line)
{
	if (peek(s) != '[')
		return false;
	next(s);
	for (size_t i = 0;; i++) {
		skip_blanks(s);
		if (peek(s) < 0 || peek(s) == ']')
			return false;
		if (i == index) {
			*line = s->line;
			return true;
		}
		skip_value(s);
		skip_blanks(s);
		if (peek(s) != ',')
			return false;
		next(s);
	}
}

size_t hf_json_line(struct hf_span json, const struct hf_json_step *steps, size_t count)
{
	struct scan s = { .in = json, .line = 1 };
	size_t line;

	skip_blanks(&s);
	line = s.line;
	for (size_t i = 0; i < count; i++) {
		bool there = steps[i].key ? enter_member(&s, steps[i].key, &line)
					  : enter_element(&s, steps[i].index, &line);

		if (!there)
			break;
	}
	return line;
}
