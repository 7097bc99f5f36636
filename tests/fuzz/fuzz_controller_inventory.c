/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/inventory.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken is what may be stored, and nothing of it is there twice. */
static void check(const struct hf_inventory *hosts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct hf_inventory *h = &hosts[i];

		if (!hf_host_id_valid(h->id) || (h->ek_id.len != 0 && h->ek_id.len != 32) ||
		    (h->ek_accepted && !h->ek_id.len) ||
		    (h->banks && !(h->banks & HF_ALG_MASK(HF_ALG_SHA256))) ||
		    (h->serial && strlen(h->serial) > HF_HOST_ID_MAX))
			abort();
		for (size_t j = i > 100 ? i - 100 : 0; j < i; j++) {
			if (strcmp(h->id, hosts[j].id) == 0 ||
			    (h->ek_id.len && hf_span_equal(h->ek_id, hosts[j].ek_id)))
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t room[1 << 20];
	struct hf_arena arena = { .base = room, .cap = sizeof(room) };
	struct hf_inventory *hosts = NULL;
	struct hf_fault fault;
	size_t count = 0;

	if (hf_inventory_parse((struct hf_span){ data, size }, &arena, &hosts, &count, &fault) == HF_OK)
		check(hosts, count);
	return 0;
}
