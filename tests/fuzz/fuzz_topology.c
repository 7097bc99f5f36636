/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bus of lying functions: six bytes each make address, kind, buses. None may be lost. */
#include <stdlib.h>
#include <string.h>

#include "pcie/enumerate.h"

#define COUNT 512

static struct hf_bus_function functions[COUNT];
static uint8_t configs[COUNT][0x80];
static uint8_t memory[4 << 20];

static int by_address(const void *a, const void *b)
{
	const struct hf_address *x = &((const struct hf_bus_function *)a)->address;
	const struct hf_address *y = &((const struct hf_bus_function *)b)->address;
	int64_t m = (int64_t)x->domain << 24 | x->bus << 16 | x->device << 8 | x->function;
	int64_t n = (int64_t)y->domain << 24 | y->bus << 16 | y->device << 8 | y->function;

	return m < n ? -1 : m > n;
}

static size_t make(const uint8_t *data, size_t size)
{
	size_t count = 0, kept = 0;

	memset(functions, 0, sizeof(functions));
	memset(configs, 0, sizeof(configs));
	for (; size >= 6 && count < COUNT; data += 6, size -= 6, count++) {
		struct hf_bus_function *f = &functions[count];
		uint8_t *c = configs[count];

		f->address = (struct hf_address){ data[0] >> 6, data[1], data[0] & 0x1f,
						  data[2] & 7 };
		f->config = (struct hf_span){ c, data[2] & 0x80 ? 0 : sizeof(configs[0]) };
		f->virtual_function = (data[2] & 0x60) == 0x60;
		f->physical = (struct hf_address){ data[0] >> 6, data[3], data[4] & 0x1f, 0 };
		c[0] = 1;
		c[0x06] = 0x10;
		c[0x0e] = (uint8_t)(data[2] >> 3 & 3);
		c[0x19] = data[3];
		c[0x1a] = data[4];
		c[0x34] = 0x40;
		c[0x40] = 0x10;
		c[0x42] = data[5];
		c[0x43] = data[5] & 1;
	}
	qsort(functions, count, sizeof(functions[0]), by_address);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || by_address(&functions[kept - 1], &functions[i]) != 0)
			functions[kept++] = functions[i];
	return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_bus bus = { functions, make(data, size) };
	struct hf_arena arena = { memory, sizeof(memory), 0 };
	struct hf_claims claims;
	size_t seen = 0;

	hf_claims_init(&claims, &arena);
	if (hf_topology(&bus, &claims) != HF_OK)
		abort();
	for (const struct hf_part *p = claims.parts; p; p = p->next) {
		if (!p->functions || hf_claims_find_part(&claims, p->path) != p)
			abort();
		for (const struct hf_function *f = p->functions; f; f = f->next, seen++)
			if (!hf_bus_find(&bus, &f->address) ||
			    (f->next && strcmp(f->path, f->next->path) >= 0))
				abort();
	}
	if (seen != bus.count)
		abort();
	return 0;
}
