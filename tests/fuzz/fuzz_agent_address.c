/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ip=, and the controller's addresses. */
#include "agent/link_url.h"
#include "agent/net.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plan(const struct hf_address_plan *p)
{
	if (strnlen(p->device, sizeof(p->device)) == sizeof(p->device))
		abort();
	if (p->kind == HF_ADDRESS_STATIC &&
	    (p->prefix < 1 || p->prefix > 32 || p->client[0] == 0 || p->client[0] == 127 || p->client[0] >= 224))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hf_span in = { data, size };
	struct hf_link_url urls[HF_LINK_URLS_MAX], again[HF_LINK_URLS_MAX];
	struct hf_address_plan plan;
	struct hf_span word;
	size_t count, count_again;
	char *text = malloc(size + 1), url[80];

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (hf_address_plan_parse(in, &plan) == HF_OK)
		check_plan(&plan);
	word = hf_address_of_command_line(text);
	if (word.len && (word.ptr < (uint8_t *)text || word.ptr + word.len > (uint8_t *)text + size ||
			 memcmp(word.ptr, "ip=", 3) != 0))
		abort();
	/* What was understood is understood the same when it is written down. */
	if (hf_link_urls_parse(text, urls, &count) == HF_OK) {
		if (count < 1 || count > HF_LINK_URLS_MAX)
			abort();
		for (size_t i = 0; i < count; i++) {
			snprintf(url, sizeof(url), "https://%s", urls[i].text);
			if (hf_link_urls_parse(url, again, &count_again) != HF_OK || count_again != 1 ||
			    again[0].port != urls[i].port || memcmp(again[0].address, urls[i].address, 16) != 0)
				abort();
		}
	}
	free(text);
	return 0;
}
