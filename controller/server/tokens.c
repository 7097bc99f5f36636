/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/tokens.h"

#include <stdio.h>

#define LINE_MAX_BYTES 256
#define DIGEST_HEX 64

const char *hf_role_name(enum hf_role role)
{
	switch (role) {
	case HF_ROLE_NOBODY:
		return "nobody";
	case HF_ROLE_AGENT:
		return "agent";
	case HF_ROLE_RELYING_PARTY:
		return "relying-party";
	case HF_ROLE_VIEWER:
		return "viewer";
	case HF_ROLE_OPERATOR:
		return "operator";
	case HF_ROLE_ADMIN:
		return "admin";
	}
	return "nobody";
}

static bool take_digest(const char *hex, struct hf_digest *ret)
{
	unsigned value;

	if (strlen(hex) != DIGEST_HEX || strspn(hex, "0123456789abcdef") != DIGEST_HEX)
		return false;
	*ret = (struct hf_digest){ .alg = HF_ALG_SHA256 };
	for (size_t i = 0; i < DIGEST_HEX / 2; i++) {
		if (sscanf(hex + 2 * i, "%2x", &value) != 1)
			return false;
		ret->bytes[i] = (uint8_t)value;
	}
	return true;
}

static bool take_line(const char *line, struct hf_token *ret)
{
	char name[64], role[32], digest[80], rest;

	if (sscanf(line, "%63s %31s %79s %c", name, role, digest, &rest) != 3)
		return false;
	memcpy(ret->name, name, sizeof(name));
	ret->key = strncmp(digest, "key:", 4) == 0;
	if (!ret->key && strncmp(digest, "token:", 6) != 0)
		return false;
	for (enum hf_role r = HF_ROLE_RELYING_PARTY; r <= HF_ROLE_ADMIN; r++)
		if (strcmp(hf_role_name(r), role) == 0)
			ret->role = r;
	return ret->role != HF_ROLE_NOBODY && take_digest(strchr(digest, ':') + 1, &ret->digest);
}

enum hf_err hf_tokens_parse(struct hf_span text, const char *name, struct hf_tokens *ret,
			    struct hf_fault *fault)
{
	size_t number = 0;

	ret->count = 0;
	for (size_t pos = 0; pos < text.len;) {
		const uint8_t *end = memchr(text.ptr + pos, '\n', text.len - pos);
		size_t len = end ? (size_t)(end - text.ptr) - pos : text.len - pos;
		struct hf_token token = { .role = HF_ROLE_NOBODY };
		char line[LINE_MAX_BYTES];

		number++;
		if (len >= sizeof(line) || memchr(text.ptr + pos, '\0', len))
			return hf_fail(fault, HF_ERR_CONFIG_SYNTAX, name, "line %zu", number);
		memcpy(line, text.ptr + pos, len);
		line[len] = '\0';
		pos += len + 1;
		if (line[strspn(line, " \t\r")] == '\0' || line[0] == '#')
			continue;
		if (!take_line(line, &token))
			return hf_fail(fault, HF_ERR_CONFIG_SYNTAX, name, "line %zu: NAME ROLE token:SHA256", number);
		if (ret->count == HF_TOKENS_MAX)
			return hf_fail(fault, HF_ERR_LIMIT, name, "more than %d lines", HF_TOKENS_MAX);
		ret->list[ret->count++] = token;
	}
	return HF_OK;
}

const struct hf_token *hf_tokens_find(const struct hf_tokens *tokens, bool key, const struct hf_digest *digest)
{
	const struct hf_token *found = NULL;

	for (size_t i = 0; tokens && i < tokens->count; i++) {
		const struct hf_token *t = &tokens->list[i];
		uint8_t differs = 0;

		for (size_t k = 0; k < 32; k++)
			differs |= (uint8_t)(t->digest.bytes[k] ^ digest->bytes[k]);
		if (differs == 0 && t->key == key)
			found = t;
	}
	return found;
}
