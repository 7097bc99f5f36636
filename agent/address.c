/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an interface's address is to be, as text. [pure] */
#include "agent/net.h"

#include <arpa/inet.h>

#define WORD "ip="
#define HOST_NAME_MAX_BYTES 64

enum field { CLIENT, SERVER, GATEWAY, NETMASK, HOSTNAME, DEVICE, AUTOCONF, DNS0, DNS1, NTP, FIELDS };

static bool is(struct hf_span s, const char *text)
{
	return hf_span_equal(s, hf_span_text(text));
}

static bool read_v4(struct hf_span s, uint8_t ret[4])
{
	char text[INET_ADDRSTRLEN];

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return memchr(s.ptr, '\0', s.len) == NULL && inet_pton(AF_INET, text, ret) == 1;
}

static uint32_t number(const uint8_t v4[4])
{
	return (uint32_t)hf_be(v4, 4);
}

/* Could be one host's: not this network, not loopback, no multicast. */
static bool is_host(const uint8_t v4[4])
{
	return v4[0] != 0 && v4[0] != 127 && v4[0] < 224;
}

static bool read_prefix(struct hf_span s, unsigned *ret)
{
	uint8_t mask[4];
	unsigned prefix = 0;

	if (!read_v4(s, mask))
		return false;
	while (prefix < 32 && (number(mask) & 0x80000000u >> prefix))
		prefix++;
	if (prefix == 0 || (prefix < 32 && number(mask) << prefix != 0))
		return false;
	*ret = prefix;
	return true;
}

static bool name_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
	       c == '_' || c == '-';
}

static bool is_name(struct hf_span s, size_t max)
{
	if (s.len > max || is(s, ".") || is(s, ".."))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!name_char(s.ptr[i]))
			return false;
	return true;
}

/* Into the network that the client is in, or it cannot be reached. */
static bool fits(const struct hf_address_plan *p)
{
	const uint32_t mask = p->prefix == 32 ? UINT32_MAX : ~(UINT32_MAX >> p->prefix);
	const uint32_t client = number(p->client), gateway = number(p->gateway);

	if (p->prefix < 31 && ((client & ~mask) == 0 || (client & ~mask) == ~mask))
		return false;	/* the network itself, or all of it */
	if (gateway == 0)
		return true;
	return is_host(p->gateway) && gateway != client && (gateway & mask) == (client & mask);
}

static bool split(struct hf_span text, struct hf_span fields[FIELDS], size_t *ret_count)
{
	size_t count = 0;

	for (;;) {
		const uint8_t *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
		const size_t len = colon ? (size_t)(colon - text.ptr) : text.len;

		if (count == FIELDS)
			return false;
		fields[count++] = hf_span_part(text, 0, len);
		if (!colon)
			break;
		text = hf_span_part(text, len + 1, text.len - len - 1);
	}
	*ret_count = count;
	return true;
}

/* What is not used must still be what it is said to be. */
static bool rest_is_well(const struct hf_span f[FIELDS])
{
	static const enum field addresses[] = { SERVER, DNS0, DNS1, NTP };
	uint8_t unused[4];

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (f[addresses[i]].len && !read_v4(f[addresses[i]], unused))
			return false;
	return is_name(f[HOSTNAME], HOST_NAME_MAX_BYTES) && is_name(f[DEVICE], HF_INTERFACE_MAX - 1);
}

static bool read_static(const struct hf_span f[FIELDS], struct hf_address_plan *p)
{
	p->kind = HF_ADDRESS_STATIC;
	return read_v4(f[CLIENT], p->client) && is_host(p->client) && read_prefix(f[NETMASK], &p->prefix) &&
	       (!f[GATEWAY].len || read_v4(f[GATEWAY], p->gateway)) && fits(p) &&
	       (!f[AUTOCONF].len || is(f[AUTOCONF], "off") || is(f[AUTOCONF], "none"));
}

static bool read_dhcp(const struct hf_span f[FIELDS], struct hf_address_plan *p)
{
	p->kind = HF_ADDRESS_DHCP;
	return is(f[AUTOCONF], "dhcp") && !f[CLIENT].len && !f[GATEWAY].len && !f[NETMASK].len;
}

static bool read_ip(struct hf_span text, struct hf_address_plan *p)
{
	struct hf_span f[FIELDS] = { { NULL, 0 } };
	size_t count;

	if (is(text, "dhcp")) {
		p->kind = HF_ADDRESS_DHCP;
		return true;
	}
	if (!split(text, f, &count) || count <= NETMASK || !rest_is_well(f))
		return false;
	memcpy(p->device, f[DEVICE].ptr ? f[DEVICE].ptr : (const uint8_t *)"", f[DEVICE].len);
	return f[CLIENT].len ? read_static(f, p) : read_dhcp(f, p);
}

enum hf_err hf_address_plan_parse(struct hf_span text, struct hf_address_plan *ret)
{
	const size_t word = strlen(WORD);
	struct hf_address_plan plan = { .kind = HF_ADDRESS_SLAAC };

	if (is(text, "dhcp"))
		plan.kind = HF_ADDRESS_DHCP;
	else if (!is(text, "slaac") && (text.len <= word || memcmp(text.ptr, WORD, word) != 0 ||
					!read_ip(hf_span_part(text, word, text.len - word), &plan)))
		return HF_ERR_IP_SYNTAX;
	*ret = plan;
	return HF_OK;
}

struct hf_span hf_address_of_command_line(const char *line)
{
	struct hf_span found = { NULL, 0 };

	while (*line) {
		const char *start = line;
		bool quoted = false;

		while (*line && (quoted || (*line != ' ' && *line != '\t' && *line != '\n')))
			quoted ^= *line++ == '"';
		if (strncmp(start, WORD, strlen(WORD)) == 0)
			found = (struct hf_span){ (const uint8_t *)start, (size_t)(line - start) };
		if (*line)
			line++;
	}
	return found;
}
