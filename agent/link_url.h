/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/link_url.h: where a controller is: "https://ADDRESS[:PORT]", the address a literal one,
 * because nobody here asks a name server. [pure] */
#ifndef HF_AGENT_LINK_URL_H
#define HF_AGENT_LINK_URL_H

#include "agent/link.h"

struct hf_link_url {
	bool v6;
	uint8_t address[16];	/* the first 4 bytes without v6 */
	uint16_t port;		/* 443 where none is given */
	char host[46];		/* the address as text, without brackets */
	char text[56];		/* "192.0.2.1:8443", "[2001:db8::1]:8443" */
};
/* One to HF_LINK_URLS_MAX of them, separated by spaces; a "/" may end each. Anything else,
 * host names and link-local addresses too: HF_ERR_CONFIG_SYNTAX, and ret untouched. */
enum hf_err hf_link_urls_parse(const char *urls, struct hf_link_url ret[static HF_LINK_URLS_MAX],
			       size_t *ret_count) HF_MUST_USE;

#endif
