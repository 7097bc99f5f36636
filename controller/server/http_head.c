/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request's head says beside its path: headers and query, strictly. */
#include "controller/server/http_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include <microhttpd.h>

/* ---- the head as a whole: whoever stands between must read in it what we do (RFC 9112) ---- */

#define NAME_MAX_BYTES 256
#define TOKEN_SIGNS "!#$%&'*+-.^_`|~0123456789"

struct head { unsigned counts[5]; bool bad; };

static bool is_name(const char *name, size_t len)
{
	if (len == 0 || len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr(TOKEN_SIGNS, c))))
			return false;
	}
	return true;
}

static bool is_value(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			return false;
	return true;
}

static enum MHD_Result look_at_header(void *self, enum MHD_ValueKind kind, const char *name, size_t name_len,
				      const char *value, size_t value_len)
{
	static const char *const once[] = {
		"Content-Length", "Transfer-Encoding", "Host", "Authorization", "Content-Type",
	};
	struct head *h = self;

	(void)kind;
	h->bad |= !is_name(name, name_len) || !is_value(value, value_len);
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]) && !h->bad; i++) {
		h->counts[i] += strcasecmp(name, once[i]) == 0;
		h->bad |= h->counts[i] > 1;
	}
	return MHD_YES;
}

bool hf_http_head_bad(struct MHD_Connection *connection)
{
	struct head h = { .bad = false };

	(void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_at_header, &h);
	return h.bad;
}

/* ---- the query: what is half understood would answer another question than was asked ---- */

#define QUERY_NAMES 8	/* that one path takes; there is none with more */

struct asked { const char *names; unsigned counts[QUERY_NAMES]; bool bad; char *why; };

/* Which of the path's parameters it is; QUERY_NAMES: none of them. */
static size_t find_name(const char *names, const char *name, size_t len)
{
	size_t at = 0;

	for (; names && *names; at++) {
		const size_t n = strcspn(names, " ");

		if (n == len && memcmp(names, name, len) == 0)
			return at;
		names += n + (names[n] == ' ');
	}
	return QUERY_NAMES;
}

static bool decodes(const char *value, size_t len)
{
	char out[HF_HTTP_QUERY_MAX];

	return len < sizeof(out) && strlen(value) == len && hf_percent_decode(value, len, out);
}

static enum MHD_Result look_at_parameter(void *self, enum MHD_ValueKind kind, const char *name, size_t name_len,
					 const char *value, size_t value_len)
{
	struct asked *a = self;
	const size_t at = find_name(a->names, name, name_len);
	const char *what = NULL;

	(void)kind;
	if (at == QUERY_NAMES)
		what = "is not known here";
	else if (a->counts[at]++)
		what = "is there twice";
	else if (!value)
		what = "has no value";
	else if (!decodes(value, value_len))
		what = "is malformed";
	if (!what)
		return MHD_YES;
	/* it goes into JSON as it is */
	if (!is_name(name, name_len) || name_len > 40)
		name = "?";
	snprintf(a->why, HF_HTTP_WHY, "the parameter %.40s %s", name, what);
	a->bad = true;
	return MHD_NO;
}

bool hf_http_query_bad(struct MHD_Connection *connection, const char *names, char why[static HF_HTTP_WHY])
{
	struct asked a = { .names = names, .why = why };

	(void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, look_at_parameter, &a);
	return a.bad;
}
