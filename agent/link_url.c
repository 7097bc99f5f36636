/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/link_url.h"

#include <arpa/inet.h>
#include <stdio.h>

#define SCHEME "https://"
#define PORT_DEFAULT 443

/* "", ":1" to ":65535", no leading zero. */
static bool take_port(struct hf_span s, uint16_t *ret)
{
	uint32_t port = 0;

	if (s.len == 0) {
		*ret = PORT_DEFAULT;
		return true;
	}
	if (s.ptr[0] != ':' || s.len < 2 || s.len > 6 || s.ptr[1] == '0')
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		port = port * 10 + (uint32_t)(s.ptr[i] - '0');
	}
	*ret = (uint16_t)port;
	return port <= UINT16_MAX;
}

/* fe80::/10 means nothing without an interface; ::, 0.0.0.0 and multicast are nobody's. */
static bool usable(const struct hf_link_url *u)
{
	static const uint8_t zero[16];

	if (!u->v6)
		return u->address[0] != 0 && u->address[0] < 224;
	return memcmp(u->address, zero, 16) != 0 && u->address[0] != 0xff &&
	       !(u->address[0] == 0xfe && (u->address[1] & 0xc0) == 0x80);
}

static bool take_host(struct hf_span s, struct hf_link_url *u)
{
	char text[INET6_ADDRSTRLEN];

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return inet_pton(u->v6 ? AF_INET6 : AF_INET, text, u->address) == 1 && usable(u) &&
	       inet_ntop(u->v6 ? AF_INET6 : AF_INET, u->address, u->host, sizeof(u->host));
}

static bool parse_one(struct hf_span s, struct hf_link_url *ret)
{
	const size_t scheme = strlen(SCHEME);
	struct hf_link_url u = { .v6 = false };
	struct hf_span host;
	const uint8_t *end;

	if (s.len <= scheme || memcmp(s.ptr, SCHEME, scheme) != 0)
		return false;
	s = hf_span_part(s, scheme, s.len - scheme);
	if (s.ptr[s.len - 1] == '/')
		s.len--;
	u.v6 = s.len && s.ptr[0] == '[';
	if (u.v6)
		s = hf_span_part(s, 1, s.len - 1);
	end = s.len ? memchr(s.ptr, u.v6 ? ']' : ':', s.len) : NULL;
	if (u.v6 && !end)
		return false;
	host = hf_span_part(s, 0, end ? (size_t)(end - s.ptr) : s.len);
	s = hf_span_part(s, host.len + u.v6, s.len - host.len - u.v6);
	if (!take_host(host, &u) || !take_port(s, &u.port))
		return false;
	snprintf(u.text, sizeof(u.text), u.v6 ? "[%s]:%u" : "%s:%u", u.host, u.port);
	*ret = u;
	return true;
}

enum hf_err hf_link_urls_parse(const char *urls, struct hf_link_url ret[static HF_LINK_URLS_MAX],
			       size_t *ret_count)
{
	struct hf_link_url list[HF_LINK_URLS_MAX];
	size_t count = 0;

	for (;;) {
		struct hf_span word;

		urls += strspn(urls, " ");
		word = (struct hf_span){ (const uint8_t *)urls, strcspn(urls, " ") };
		if (word.len == 0)
			break;
		if (count == HF_LINK_URLS_MAX || !parse_one(word, &list[count]))
			return HF_ERR_CONFIG_SYNTAX;
		count++;
		urls += word.len;
	}
	if (count == 0)
		return HF_ERR_CONFIG_SYNTAX;
	memcpy(ret, list, count * sizeof(list[0]));
	*ret_count = count;
	return HF_OK;
}
