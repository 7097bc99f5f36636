/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/fence.h: take one part off the bus: Link Disable, or else the slot's power, at the
 * downstream port that serves this part alone (PCIe base 6.0, 7.5.3.7 and 7.5.3.10).
 * Believed only when every function of the part reads all ones, the port reports no active
 * link, the kernel has let go of the part and does not find it again when it looks.
 * docs/fencing.md says what that is worth. [edge: kernel files] */
#ifndef HF_AGENT_FENCE_H
#define HF_AGENT_FENCE_H

#include "pcie/enumerate.h"

/* How long a link may take to go down. */
#define HF_FENCE_WAIT_MS 1000

enum hf_fence_method { HF_FENCE_NONE, HF_FENCE_LINK, HF_FENCE_POWER };
const char *hf_fence_method_name(enum hf_fence_method method);	/* "link-disable", ... */

struct hf_fence_port {
	struct hf_address address;
	uint16_t capability;	/* offset of its PCI Express capability */
	uint8_t bus;		/* its secondary bus: all of the part begins there */
	bool link_reporting;	/* Data Link Layer Link Active can be read */
	bool power;		/* the slot has a power controller */
	bool hot_plug;		/* a hot-plug driver would switch the slot on again */
};

/* The one port above the part: a root port or a switch's downstream port that is no
 * function of the part, with nothing but the part below it. HF_ERR_FENCE_IMPOSSIBLE with
 * the reason in the fault. Pure. */
enum hf_err hf_fence_find_port(const struct hf_bus *bus, const struct hf_part *part,
			       struct hf_fence_port *ret, struct hf_fault *fault) HF_MUST_USE;
/* Only on a live host. HF_ERR_FENCE_IMPOSSIBLE with the reason; the port then stays as the
 * attempt left it, for the host is held. */
enum hf_err hf_fence_part(const struct hf_host *host, const struct hf_part *part,
			  const struct hf_fence_port *port, enum hf_fence_method *ret,
			  struct hf_fault *fault) HF_MUST_USE;

#endif
