/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/port.h"

#include "pcie/config.h"

bool hf_port_in_part(const struct hf_part *part, const struct hf_address *address)
{
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (hf_address_equal(&f->address, address))
			return true;
	return false;
}

bool hf_port_covers(const struct hf_bus_function *bridge, uint32_t domain, uint8_t bus)
{
	uint8_t secondary, subordinate;

	if (bridge->address.domain != domain || bridge->config.len < HF_CONFIG_HEADER ||
	    !hf_config_is_bridge(bridge->config))
		return false;
	hf_config_buses(bridge->config, &secondary, &subordinate);
	return secondary != 0 && bus >= secondary && bus <= subordinate;
}

const struct hf_bus_function *hf_port_above(const struct hf_bus *bus, uint32_t domain,
					    uint8_t number, bool *ret_clash)
{
	const struct hf_bus_function *found = NULL;
	uint8_t secondary, subordinate;

	for (size_t i = 0; i < bus->count; i++) {
		const struct hf_bus_function *f = &bus->functions[i];

		if (f->address.domain != domain || f->config.len < HF_CONFIG_HEADER ||
		    !hf_config_is_bridge(f->config))
			continue;
		hf_config_buses(f->config, &secondary, &subordinate);
		if (secondary != number || secondary == 0)
			continue;
		*ret_clash |= found != NULL;
		found = f;
	}
	return found;
}

/* The bridge above the part's topmost functions: there must be one, and only one. */
static const struct hf_bus_function *top_bridge(const struct hf_bus *bus, const struct hf_part *part,
						const char **ret_why)
{
	const struct hf_bus_function *top = NULL;

	*ret_why = "it has no functions";
	for (const struct hf_function *f = part->functions; f; f = f->next) {
		const struct hf_bus_function *known = hf_bus_find(bus, &f->address);
		bool clash = false;
		const struct hf_bus_function *above;

		if (known && known->virtual_function)
			continue;	/* it goes with its physical function */
		above = hf_port_above(bus, f->address.domain, f->address.bus, &clash);
		if (clash || !above) {
			*ret_why = clash ? "two bridges claim its bus" :
					   "it sits on a root bus, with no port above it";
			return NULL;
		}
		if (hf_port_in_part(part, &above->address))
			continue;
		if (top && top != above) {
			*ret_why = "it sits below more than one port";
			return NULL;
		}
		top = above;
	}
	return top;
}

static bool alone_below(const struct hf_bus *bus, const struct hf_part *part,
			const struct hf_bus_function *port)
{
	for (size_t i = 0; i < bus->count; i++) {
		const struct hf_address *a = &bus->functions[i].address;

		if (hf_port_covers(port, a->domain, a->bus) && !hf_port_in_part(part, a))
			return false;
	}
	return true;
}

const struct hf_bus_function *hf_port_alone(const struct hf_bus *bus, const struct hf_part *part,
					    const char **ret_why)
{
	const struct hf_bus_function *port;
	uint8_t type = 0;
	bool slot = false;

	if (part->kind != HF_PART_CARD) {
		*ret_why = "the board itself has no port";
		return NULL;
	}
	port = top_bridge(bus, part, ret_why);
	if (!port)
		return NULL;
	if (!hf_config_port(port->config, &type, &slot) ||
	    (type != HF_PORT_ROOT && type != HF_PORT_DOWNSTREAM)) {
		*ret_why = "the bridge above it is no PCIe port";
		return NULL;
	}
	if (!alone_below(bus, part, port)) {
		*ret_why = "other parts share its port";
		return NULL;
	}
	return port;
}
