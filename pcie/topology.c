/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/topology.c: from a flat list of functions to parts with stable paths. [pure]
 *
 * Bridges are believed only where they cannot do harm: a bridge owns a bus if the number
 * is greater than that of the bus it sits on (so parents always come first and nothing
 * can loop) and if no other bridge of the domain claims it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pcie/config.h"
#include "pcie/enumerate.h"

#define NONE UINT32_MAX
#define BUSES 256
#define PART_BOARD 0u	/* key of the board's part; other keys count from 1 */

enum bus_state { BUS_ROOT, BUS_CHILD, BUS_CONTESTED, BUS_ORPHAN };

struct place {
	const struct hf_bus_function *function;
	const char *path;
	uint32_t key;		/* which part */
	uint32_t below;		/* bridge: part of what sits below, NONE: one per device */
	uint32_t order;		/* of the part, then of the function in it */
};

struct domain {
	enum bus_state state[BUSES];
	uint32_t parent[BUSES];		/* place of the bridge that owns the bus */
	uint32_t device_key[32];	/* parts of the current bus where each device is one */
	unsigned device_bus;
};

struct topology {
	const struct hf_bus *bus;
	struct hf_arena *arena;
	struct place *places;	/* one per function, ascending address, then sorted by path */
	uint32_t keys;		/* parts handed out */
	struct domain domain;
};

static int address_compare(const struct hf_address *a, const struct hf_address *b)
{
	uint64_t x = (uint64_t)a->domain << 24 | (uint64_t)a->bus << 16 |
		     (uint64_t)a->device << 8 | a->function;
	uint64_t y = (uint64_t)b->domain << 24 | (uint64_t)b->bus << 16 |
		     (uint64_t)b->device << 8 | b->function;

	return x < y ? -1 : x > y;
}

const struct hf_bus_function *hf_bus_find(const struct hf_bus *bus,
					  const struct hf_address *address)
{
	size_t low = 0, high = bus->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = address_compare(&bus->functions[middle].address, address);

		if (order == 0)
			return &bus->functions[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void map_buses(struct topology *t, size_t first, size_t end)
{
	struct domain *d = &t->domain;

	memset(d, 0, sizeof(*d));
	d->device_bus = BUSES;
	for (size_t i = first; i < end; i++) {
		const struct hf_bus_function *f = &t->bus->functions[i];
		uint8_t secondary, subordinate;

		if (f->virtual_function)
			continue;
		hf_config_buses(f->config, &secondary, &subordinate);
		if (secondary <= f->address.bus || subordinate < secondary)
			continue;
		if (d->state[secondary] == BUS_CHILD || d->state[secondary] == BUS_CONTESTED)
			d->state[secondary] = BUS_CONTESTED;
		else
			d->state[secondary] = BUS_CHILD;
		d->parent[secondary] = (uint32_t)i;
		for (unsigned b = secondary + 1u; b <= subordinate; b++)
			if (d->state[b] == BUS_ROOT)
				d->state[b] = BUS_ORPHAN;
	}
}

static const char *child_path(struct topology *t, const char *parent,
			      const struct hf_address *address)
{
	char path[HF_PATH_MAX + 32];
	int len = snprintf(path, sizeof(path), "%s/%02x.%x", parent, address->device & 0x1fu,
			   address->function & 7u);

	if (len < 0 || len > HF_PATH_MAX)
		return "";
	return hf_arena_text(t->arena, path, (size_t)len);
}

static const char *root_path(struct topology *t, const struct hf_address *address)
{
	char root[32];

	snprintf(root, sizeof(root), "pci%04x:%02x", (unsigned)address->domain, address->bus);
	return child_path(t, root, address);
}

static uint32_t device_key(struct topology *t, const struct hf_address *address)
{
	struct domain *d = &t->domain;

	if (d->device_bus != address->bus) {
		memset(d->device_key, 0, sizeof(d->device_key));
		d->device_bus = address->bus;
	}
	if (d->device_key[address->device & 0x1f] == 0)
		d->device_key[address->device & 0x1f] = ++t->keys;
	return d->device_key[address->device & 0x1f];
}

/* What sits below a bridge: the key of its part, 0 to open a new one. */
static uint32_t key_below(struct topology *t, const struct place *p)
{
	uint8_t type = 0;
	bool slot = false, port = hf_config_port(p->function->config, &type, &slot);

	if (port && type == HF_PORT_ROOT)
		return ++t->keys;
	if (port && type == HF_PORT_DOWNSTREAM && slot)
		return ++t->keys;
	if (p->key == PART_BOARD)
		return NONE;
	return p->key;
}

static enum hf_err place_function(struct topology *t, size_t index)
{
	struct place *p = &t->places[index];
	const struct hf_address *address = &p->function->address;
	enum bus_state state = t->domain.state[address->bus];
	const struct place *parent = &t->places[t->domain.parent[address->bus]];

	p->path = "";
	if (state == BUS_CHILD) {
		p->path = child_path(t, parent->path, address);
		if (parent->below != NONE)
			p->key = parent->below;
		else
			p->key = device_key(t, address);
	} else if (state == BUS_ROOT) {
		p->path = root_path(t, address);
		p->key = PART_BOARD;
	}
	if (p->path && !p->path[0]) {	/* nowhere, or too deep for a path */
		p->path = root_path(t, address);
		p->key = ++t->keys;
	}
	if (!p->path)
		return HF_ERR_LIMIT;
	if (hf_config_is_bridge(p->function->config))
		p->below = key_below(t, p);
	return HF_OK;
}

static struct place *find_place(struct topology *t, const struct hf_address *address)
{
	const struct hf_bus_function *f = hf_bus_find(t->bus, address);

	return f ? &t->places[f - t->bus->functions] : NULL;
}

/* A virtual function has no place of its own: it goes where its physical function is. */
static enum hf_err place_virtual(struct topology *t, size_t index)
{
	struct place *p = &t->places[index];
	const struct hf_address *a = &p->function->address, *pa = &p->function->physical;
	const struct place *physical = find_place(t, pa);
	char path[HF_PATH_MAX + 32];
	int distance = (a->bus << 8 | a->device << 3 | a->function) -
		       (pa->bus << 8 | pa->device << 3 | pa->function);
	int len;

	if (!physical || physical->function->virtual_function || a->domain != pa->domain) {
		p->path = root_path(t, a);
		p->key = ++t->keys;
		return p->path ? HF_OK : HF_ERR_LIMIT;
	}
	len = snprintf(path, sizeof(path), "%s/vf%d", physical->path, distance);
	p->key = physical->key;
	if (len < 0 || len > HF_PATH_MAX)
		p->path = root_path(t, a);
	else
		p->path = hf_arena_text(t->arena, path, (size_t)len);
	return p->path ? HF_OK : HF_ERR_LIMIT;
}

static enum hf_err place_all(struct topology *t)
{
	const struct hf_bus_function *f = t->bus->functions;
	enum hf_err err;
	size_t end;

	for (size_t first = 0; first < t->bus->count; first = end) {
		for (end = first + 1; end < t->bus->count; end++)
			if (f[end].address.domain != f[first].address.domain)
				break;
		map_buses(t, first, end);
		for (size_t i = first; i < end; i++)
			if (!f[i].virtual_function && (err = place_function(t, i)) != HF_OK)
				return err;
	}
	for (size_t i = 0; i < t->bus->count; i++)
		if (f[i].virtual_function && (err = place_virtual(t, i)) != HF_OK)
			return err;
	return HF_OK;
}

static int by_path(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int by_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* The board first, then parts in the order of their first function's path. */
static enum hf_err sort_places(struct topology *t)
{
	uint32_t *order = hf_arena_take(t->arena, (t->keys + 1) * sizeof(*order));
	uint32_t next = 1;

	if (!order)
		return HF_ERR_LIMIT;
	qsort(t->places, t->bus->count, sizeof(*t->places), by_path);
	for (size_t i = 0; i < t->bus->count; i++) {
		struct place *p = &t->places[i];

		if (p->key != PART_BOARD && order[p->key] == 0)
			order[p->key] = next++;
		p->order = order[p->key];
	}
	qsort(t->places, t->bus->count, sizeof(*t->places), by_order);
	return HF_OK;
}

static struct hf_part *add_part(struct hf_claims *claims, const struct place *p)
{
	char path[HF_PATH_MAX + 1];
	char *dot;

	if (p->key == PART_BOARD)
		return hf_claims_add_part(claims, HF_PART_BOARD, "board");
	snprintf(path, sizeof(path), "%s", p->path);
	dot = strrchr(path, '.');
	if (dot && !strchr(dot, '/'))
		*dot = '\0';
	/* Two functions that could not be placed may share a device number. */
	return hf_claims_add_part(claims, HF_PART_CARD,
				  hf_claims_find_part(claims, path) ? p->path : path);
}

static void identify(const struct hf_bus *bus, const struct hf_bus_function *f,
		     struct hf_identity *id)
{
	const struct hf_bus_function *pf;
	enum hf_err err;

	if (f->virtual_function) {
		/* SR-IOV 1.1, 3.4: ids of a virtual function read all ones. */
		pf = hf_bus_find(bus, &f->physical);
		if (pf && hf_config_header(pf->config, id) == HF_OK)
			hf_config_virtual_device(pf->config, &id->device);
		return;
	}
	err = hf_config_identity(f->config, id);
	if (err == HF_ERR_CAPABILITY_LOOP)
		err = hf_config_header(f->config, id);
	(void)err;	/* no identity: all zero, and the reader says why */
}

static enum hf_err add_places(struct topology *t, struct hf_claims *claims)
{
	struct hf_part *part = NULL;

	for (size_t i = 0; i < t->bus->count; i++) {
		const struct place *p = &t->places[i];
		const struct hf_bus_function *f = p->function;
		struct hf_function *out;

		if (i == 0 || p->order != t->places[i - 1].order)
			part = add_part(claims, p);
		if (!part)
			return HF_ERR_LIMIT;
		out = hf_claims_add_function(claims, part, &f->address, p->path);
		if (!out)
			return HF_ERR_LIMIT;
		identify(t->bus, f, &out->identity);
		if (f->driver && !(out->driver = hf_arena_text(t->arena, f->driver,
							       strlen(f->driver))))
			return HF_ERR_LIMIT;
	}
	return HF_OK;
}

enum hf_err hf_topology(const struct hf_bus *bus, struct hf_claims *claims)
{
	struct topology *t = hf_arena_take(claims->arena, sizeof(*t));
	enum hf_err err;

	if (!t || bus->count > HF_FUNCTIONS_MAX)
		return HF_ERR_LIMIT;
	t->bus = bus;
	t->arena = claims->arena;
	t->places = hf_arena_take(t->arena, bus->count * sizeof(*t->places));
	if (!t->places)
		return HF_ERR_LIMIT;
	for (size_t i = 0; i < bus->count; i++) {
		t->places[i].function = &bus->functions[i];
		if (i && address_compare(&bus->functions[i - 1].address,
					 &bus->functions[i].address) >= 0)
			return HF_ERR_INTERNAL;
	}
	err = place_all(t);
	if (!err)
		err = sort_places(t);
	return err ? err : add_places(t, claims);
}
