/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/vfio_modules.h: what a mailbox takes where the kernel lets nobody write to
 * configuration space. [edge: kernel] */
#ifndef HF_AGENT_VFIO_MODULES_H
#define HF_AGENT_VFIO_MODULES_H

#include "pcie/enumerate.h"

/* Whether a function of the bus has a mailbox, and the kernel refuses writes to it (lockdown).
 * Tried in a child, on the first one that does not hang: each that does costs deadline_ms. */
bool hf_vfio_wanted(const struct hf_host *host, const struct hf_bus *bus, unsigned deadline_ms);
/* vfio-pci and vfio_iommu_type1, and what they need, from /lib/modules/RELEASE: they bind to
 * nothing by themselves. Once, by the agent: its workers may load no module.
 * HF_ERR_VFIO: the image has them not, or the kernel would not; the readers then say so. */
enum hf_err hf_vfio_modules_load(struct hf_fault *fault) HF_MUST_USE;

#endif
