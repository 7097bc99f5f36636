/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/http_internal.h"

#include "controller/inventory.h"

#define ID "{id}"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hf_percent_decode(const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = in[i];

		if (c == '%') {
			if (i + 2 >= len || hex(in[i + 1]) < 0 || hex(in[i + 2]) < 0)
				return false;
			c = (char)(hex(in[i + 1]) << 4 | hex(in[i + 2]));
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

static const char *take_id(const char *path, size_t len, struct hf_arena *arena)
{
	char *id = len && len <= 3 * HF_HOST_ID_MAX ? hf_arena_take(arena, len + 1) : NULL;

	return id && hf_percent_decode(path, len, id) && hf_host_id_valid(id) ? id : NULL;
}

static bool matches(const char *pattern, const char *path, struct hf_arena *arena, const char **ret_host)
{
	const char *id = strstr(pattern, ID);
	size_t before = id ? (size_t)(id - pattern) : 0, len;

	*ret_host = NULL;
	if (!id)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, before) != 0)
		return false;
	len = strcspn(path + before, "/");
	if (strcmp(path + before + len, id + strlen(ID)) != 0)
		return false;
	*ret_host = take_id(path + before, len, arena);
	return *ret_host != NULL;
}

enum hf_route_match hf_route_find(const char *method, const char *path, struct hf_arena *arena,
			    const struct hf_route **ret, const char **ret_host)
{
	const struct hf_route *const tables[] = { hf_agent_routes, hf_api_routes };
	enum hf_route_match best = HF_MATCH_NONE;

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (const struct hf_route *r = tables[t]; r->method; r++) {
			if (!matches(r->pattern, path, arena, ret_host))
				continue;
			if (strcmp(r->method, method) == 0) {
				*ret = r;
				return HF_MATCH_YES;
			}
			best = HF_MATCH_METHOD;
		}
	}
	return best;
}
