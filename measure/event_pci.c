/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PCI functions on the way to what an image-load event started. */
#include "measure/event_nodes.h"

static bool is_root(const struct hf_path_node *node, uint32_t *ret_uid)
{
	struct hf_cursor c = hf_cursor_at(node->data);
	uint32_t id = hf_u32le(&c), uid = hf_u32le(&c), compatible = id;

	if (node->type != ACPI || (node->subtype != 1 && node->subtype != 2))
		return false;
	if (node->subtype == 2)
		compatible = hf_u32le(&c);
	*ret_uid = uid;
	return !c.bad && (id == (PNP_PCI_ROOT << 16 | EISA_PNP) ||
			  id == (PNP_PCIE_ROOT << 16 | EISA_PNP) ||
			  compatible == (PNP_PCI_ROOT << 16 | EISA_PNP));
}

static enum hf_err take_hop(const struct hf_path_node *node, struct hf_event_pci_path *pci)
{
	if (node->data.len != 2)
		return HF_ERR_EVENT_SHAPE;
	if (pci->count == HF_EVENT_PCI_HOPS_MAX)
		return HF_ERR_LIMIT;
	pci->hops[pci->count].function = node->data.ptr[0];
	pci->hops[pci->count++].device = node->data.ptr[1];
	return HF_OK;
}

static void take_range(const struct hf_path_node *node, struct hf_event_pci_path *pci)
{
	struct hf_cursor c = hf_cursor_at(node->data);

	hf_u32le(&c);
	uint64_t start = hf_u64le(&c), end = hf_u64le(&c);

	if (!hf_cursor_done(&c))
		return;
	pci->has_range = true;
	pci->range_start = start;
	pci->range_end = end;
}

/* Hops count only while they follow the root without a break: a Pci node behind a USB or
 * a drive would be another bus. The walk goes on, so that the whole path is checked. */
static enum hf_err walk_pci(struct hf_span path, struct hf_event_pci_path *ret)
{
	struct hf_event_pci_path pci = { .found = false };
	struct hf_cursor c = hf_cursor_at(path);
	struct hf_path_node node;
	enum { BEFORE, ON_PCI, BEYOND } where = BEFORE;

	while (hf_path_next(&c, &node)) {
		if (where == BEFORE && is_root(&node, &pci.root_uid)) {
			where = ON_PCI;
			continue;
		}
		bool hop = where == ON_PCI && node.type == HARDWARE && node.subtype == 1;

		if (hop) {
			enum hf_err err = take_hop(&node, &pci);

			if (err)
				return err;
			continue;
		}
		if (where == ON_PCI && node.type == MEDIA && node.subtype == 8)
			take_range(&node, &pci);
		where = BEYOND;
	}
	if (c.bad)
		return HF_ERR_EVENT_SHAPE;
	pci.found = pci.count > 0;
	*ret = pci;
	return HF_OK;
}

enum hf_err hf_event_device_path_pci(const struct hf_event *event,
				     struct hf_event_pci_path *ret)
{
	struct hf_event_data data;

	hf_event_decode(event, &data);
	if (data.kind != HF_EVENT_IMAGE)
		return HF_ERR_EVENT_SHAPE;
	if (data.u.image.path.len == 0) {
		*ret = (struct hf_event_pci_path){ .found = false };
		return HF_OK;
	}
	return walk_pci(data.u.image.path, ret);
}
