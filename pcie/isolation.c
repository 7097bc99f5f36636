/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/isolation.h"

#include "pcie/config.h"
#include "pcie/port.h"

/* PCIe base 6.0, 7.7.11: id, and offsets in the capability. */
#define ECAP_ACS 0x000d
#define ACS_CAPABILITY 0x04
#define ACS_CONTROL 0x06
#define BUSES 256

const char *hf_isolation_name(enum hf_isolation_method method)
{
	switch (method) {
	case HF_ISOLATION_NONE:
		return "none";
	case HF_ISOLATION_IOMMU:
		return "iommu";
	case HF_ISOLATION_PORT_ACS:
		return "port-acs";
	}
	return "none";
}

/* ---- behind an IOMMU ---- */

static bool above_part(const struct hf_bus_function *bridge, const struct hf_part *part)
{
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (hf_port_covers(bridge, f->address.domain, f->address.bus))
			return true;
	return false;
}

static const char *group_of(const struct hf_isolation_view *view, const struct hf_function *function,
			    const struct hf_iommu_group **ret)
{
	const struct hf_bus_function *known = hf_bus_find(view->bus, &function->address);
	const struct hf_iommu_group *group = known ? &view->groups[known - view->bus->functions] : NULL;

	if (!group || !group->known)
		return "it is in no IOMMU group";
	if (!group->translates)
		return "its IOMMU group does not translate";
	*ret = group;
	return NULL;
}

/* NULL: the IOMMU keeps this function and what shares its group. */
static const char *function_by_iommu(const struct hf_isolation_view *view, const struct hf_part *part,
				     const struct hf_function *function, struct hf_isolation *ret)
{
	const struct hf_iommu_group *group = NULL;
	const char *why = group_of(view, function, &group);

	if (why)
		return why;
	for (size_t i = 0; i < view->bus->count; i++) {
		const struct hf_bus_function *other = &view->bus->functions[i];

		if (!view->groups[i].known || view->groups[i].number != group->number ||
		    hf_port_in_part(part, &other->address) || above_part(other, part))
			continue;
		return "another part is in its IOMMU group";
	}
	ret->type = group->type;
	return NULL;
}

static const char *by_iommu(const struct hf_isolation_view *view, const struct hf_part *part,
			    const struct hf_function *function, struct hf_isolation *ret)
{
	const char *why = function_by_iommu(view, part, function, ret);

	if (part->kind == HF_PART_BOARD)
		return why;
	for (const struct hf_function *f = part->functions; f && !why; f = f->next)
		why = function_by_iommu(view, part, f, ret);
	return why;
}

/* ---- alone below a port with ACS ---- */

static bool admitted_below(const struct hf_isolation_view *view, const struct hf_bus_function *bridge)
{
	for (size_t i = 0; i < view->bus->count; i++) {
		const struct hf_address *a = &view->bus->functions[i].address;

		if (hf_port_covers(bridge, a->domain, a->bus) && !view->admitted(view->self, a))
			return false;
	}
	return true;
}

/* A driver that enables a device makes every bridge above it bus master, and with that the
 * way up for everything else below them (Linux: pci_enable_bridge). A bridge need not cover
 * what lies below the bridges below it: each is asked. */
static const char *all_admitted(const struct hf_isolation_view *view,
				const struct hf_bus_function *port)
{
	bool clash = false;

	for (int i = 0; port && i < BUSES; i++) {
		if (!admitted_below(view, port))
			return "a part below the same bridges was not admitted";
		port = hf_port_above(view->bus, port->address.domain, port->address.bus, &clash);
	}
	return clash || port ? "the bridges above it do not end at a root bus" : NULL;
}

static const char *by_port(const struct hf_isolation_view *view, const struct hf_part *part,
			   struct hf_isolation *ret)
{
	const char *why = NULL;
	const struct hf_bus_function *port = hf_port_alone(view->bus, part, &why);
	bool loop = false;
	size_t at;

	if (!port)
		return why;
	at = hf_config_extended_capability(port->config, ECAP_ACS, &loop);
	if (loop || at == 0 || at + ACS_CONTROL + 2 > port->config.len)
		return "its port has no ACS";
	if ((hf_le(port->config.ptr + at + ACS_CAPABILITY, 2) & HF_ACS_NEEDED) != HF_ACS_NEEDED)
		return "its port lacks a part of ACS";
	why = all_admitted(view, port);
	if (why)
		return why;
	ret->port = port->address;
	ret->control = (uint16_t)(at + ACS_CONTROL);
	ret->enabled = (hf_le(port->config.ptr + at + ACS_CONTROL, 2) & HF_ACS_NEEDED) == HF_ACS_NEEDED;
	return NULL;
}

void hf_isolation_find(const struct hf_isolation_view *view, const struct hf_part *part,
		       const struct hf_function *function, struct hf_isolation *ret)
{
	struct hf_isolation found = { .method = HF_ISOLATION_IOMMU };

	found.no_iommu = by_iommu(view, part, function, &found);
	if (found.no_iommu) {
		found.method = HF_ISOLATION_PORT_ACS;
		found.type = NULL;
		found.no_port = by_port(view, part, &found);
	}
	if (found.no_port)
		found.method = HF_ISOLATION_NONE;
	*ret = found;
}
