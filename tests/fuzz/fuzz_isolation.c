/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What isolates the functions of a lying bus: eight bytes each make address, kind, buses,
 * ACS and IOMMU group. Whatever is called isolated is alone by the rule it was called so. */
#include <stdlib.h>
#include <string.h>

#include "pcie/config.h"
#include "pcie/isolation.h"
#include "pcie/port.h"

#define COUNT 48
#define SIZE 0x108

static struct hf_bus_function functions[COUNT];
static struct hf_iommu_group groups[COUNT];
static uint8_t configs[COUNT][SIZE];
static uint8_t memory[4 << 20];

static int by_address(const void *a, const void *b)
{
	const struct hf_address *x = &((const struct hf_bus_function *)a)->address;
	const struct hf_address *y = &((const struct hf_bus_function *)b)->address;
	int64_t m = (int64_t)x->domain << 24 | x->bus << 16 | x->device << 8 | x->function;
	int64_t n = (int64_t)y->domain << 24 | y->bus << 16 | y->device << 8 | y->function;

	return m < n ? -1 : m > n;
}

/* The group is that of the configuration bytes, whatever the order. */
static void set_groups(size_t count)
{
	memset(groups, 0, sizeof(groups));
	for (size_t i = 0; i < count; i++) {
		uint8_t g = functions[i].config.ptr[0x3f];

		groups[i] = (struct hf_iommu_group){ g & 1, (g & 3) == 3, g >> 2 & 7u, "DMA" };
	}
}

static size_t make(const uint8_t *data, size_t size)
{
	static const uint8_t acs[4] = { 0x0d, 0, 1, 0 };
	size_t count = 0, kept = 0;

	memset(functions, 0, sizeof(functions));
	memset(configs, 0, sizeof(configs));
	for (; size >= 8 && count < COUNT; data += 8, size -= 8, count++) {
		struct hf_bus_function *f = &functions[count];
		uint8_t *c = configs[count];

		f->address = (struct hf_address){ data[0] >> 7, data[1] & 7, data[0] & 0x1f, data[2] & 7 };
		f->config = (struct hf_span){ c, data[2] & 0x80 ? SIZE - (data[7] & 0xfu) : SIZE };
		c[0] = 1;
		c[0x06] = 0x10;
		c[0x0e] = data[2] >> 3 & 1;
		c[0x19] = data[3] & 7;
		c[0x1a] = data[4] & 7;
		c[0x34] = 0x40;
		c[0x3f] = data[7];
		c[0x40] = 0x10;
		c[0x42] = data[5];
		c[0x43] = data[5] & 1;
		memcpy(c + 0x100, acs, 4);
		c[0x104] = data[6] | (data[6] & 0x80 ? 0x1d : 0);
		c[0x106] = data[6];
	}
	qsort(functions, count, sizeof(functions[0]), by_address);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || by_address(&functions[kept - 1], &functions[i]) != 0)
			functions[kept++] = functions[i];
	return kept;
}

/* Bus 7 was not admitted. */
static bool admitted(const void *self, const struct hf_address *address)
{
	(void)self;
	return address->bus != 7;
}

static void check_iommu(const struct hf_bus *bus, const struct hf_part *part,
			const struct hf_function *function, const struct hf_isolation *found)
{
	const struct hf_bus_function *me = hf_bus_find(bus, &function->address);
	const struct hf_iommu_group *g = &groups[me - bus->functions];

	if (!g->known || !g->translates || !found->type || found->no_iommu)
		abort();
	for (size_t i = 0; i < bus->count; i++)
		if (groups[i].known && groups[i].number == g->number &&
		    !hf_port_in_part(part, &bus->functions[i].address) &&
		    !hf_config_is_bridge(bus->functions[i].config))
			abort();
}

static void check_port(const struct hf_bus *bus, const struct hf_part *part,
		       const struct hf_isolation *found)
{
	const struct hf_bus_function *port = hf_bus_find(bus, &found->port);

	if (!port || part->kind != HF_PART_CARD || hf_port_in_part(part, &found->port) ||
	    found->control + 2u > port->config.len ||
	    (hf_le(port->config.ptr + found->control - 2, 2) & HF_ACS_NEEDED) != HF_ACS_NEEDED)
		abort();
	for (size_t i = 0; i < bus->count; i++) {
		const struct hf_address *a = &bus->functions[i].address;

		if (hf_port_covers(port, a->domain, a->bus) &&
		    (!hf_port_in_part(part, a) || !admitted(NULL, a)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_bus bus = { functions, make(data, size) };
	const struct hf_isolation_view view = { &bus, groups, admitted, NULL };
	struct hf_arena arena = { memory, sizeof(memory), 0 };
	struct hf_isolation found;
	struct hf_claims claims;

	set_groups(bus.count);
	hf_claims_init(&claims, &arena);
	if (hf_topology(&bus, &claims) != HF_OK)
		return 0;
	for (const struct hf_part *p = claims.parts; p; p = p->next) {
		for (const struct hf_function *f = p->functions; f; f = f->next) {
			memset(&found, 0xaa, sizeof(found));
			hf_isolation_find(&view, p, f, &found);
			if (found.method == HF_ISOLATION_IOMMU)
				check_iommu(&bus, p, f, &found);
			else if (found.method == HF_ISOLATION_PORT_ACS)
				check_port(&bus, p, &found);
			else if (!found.no_iommu || !found.no_port)
				abort();
		}
	}
	return 0;
}
