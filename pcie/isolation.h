/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/isolation.h: what keeps a device to itself once its driver has made it, and every
 * bridge above it, bus master. One of two things, and neither is the other:
 *
 * iommu     the IOMMU translates what it asks for (group type DMA or DMA-FQ), and no function
 *           of another part is in its group, the bridges above it excepted. It reaches the
 *           memory that its driver maps for it and no more.
 * port-acs  it is alone below a root port or downstream port that has, and has switched on,
 *           Source Validation, P2P Request Redirect, P2P Completion Redirect and Upstream
 *           Forwarding (PCIe base 6.0, 6.12), and nothing that was not admitted sits below
 *           the bridges that its driver opens. It reaches no other device and cannot speak
 *           for one. It reaches all of the host's memory.
 *
 * Order: hf_iommu_read, then hf_isolation_find per function, then hf_acs_enable where
 * asked for. docs/profiles.md says what each is worth.
 */
#ifndef HF_PCIE_ISOLATION_H
#define HF_PCIE_ISOLATION_H

#include "pcie/enumerate.h"

#define HF_ACS_NEEDED 0x001du	/* SV, RR, CR, UF: same bits in capability and control */

struct hf_iommu_group {		/* of one function */
	bool known;		/* it is in a group */
	bool translates;	/* the group's type is DMA or DMA-FQ */
	uint32_t number;
	char type[16];		/* the kernel's word, or "" */
};
/* Edge: one per function of the bus, in its order, in arena. What cannot be read is not
 * known. HF_ERR_NO_MEMORY. */
enum hf_err hf_iommu_read(const struct hf_host *host, const struct hf_bus *bus,
			  struct hf_arena *arena, const struct hf_iommu_group **ret) HF_MUST_USE;

enum hf_isolation_method { HF_ISOLATION_NONE, HF_ISOLATION_IOMMU, HF_ISOLATION_PORT_ACS };
const char *hf_isolation_name(enum hf_isolation_method method);	/* "none", "iommu", "port-acs" */

struct hf_isolation_view {
	const struct hf_bus *bus;
	const struct hf_iommu_group *groups;	/* as bus->functions */
	/* Whether the function at this address belongs to a part that was admitted. */
	bool (*admitted)(const void *self, const struct hf_address *address);
	const void *self;
};
struct hf_isolation {
	enum hf_isolation_method method;
	const char *type;		/* iommu: of the group; borrowed */
	struct hf_address port;		/* port-acs */
	uint16_t control;		/* port-acs: offset of its ACS control register */
	bool enabled;			/* port-acs: it is on already */
	const char *no_iommu, *no_port;	/* none: why not; static text */
};

/* Of a function whose driver is to be bound. A card is isolated as a whole; of the board,
 * which is no thing of its own on the bus, only this function is asked about, and only an
 * IOMMU isolates it. [pure] */
void hf_isolation_find(const struct hf_isolation_view *view, const struct hf_part *part,
		       const struct hf_function *function, struct hf_isolation *ret);

/* Edge, live only: sets HF_ACS_NEEDED in the port's control register and reads it back.
 * HF_ERR_CAPTURED_TREE, HF_ERR_KERNEL_REFUSED, HF_ERR_READ_FAILED. */
enum hf_err hf_acs_enable(const struct hf_host *host, const struct hf_isolation *isolation) HF_MUST_USE;

#endif
