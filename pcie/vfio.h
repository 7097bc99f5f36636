/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/vfio.h: configuration space through vfio-pci, which the kernel still lets write under
 * lockdown, for an IOMMU keeps the device from memory. For mailbox.c. [edge: kernel] */
#ifndef HF_PCIE_VFIO_H
#define HF_PCIE_VFIO_H

#include "pcie/doe.h"

#define HF_VFIO_DRIVER "vfio-pci"

/* mailbox has host and address. Binds vfio-pci and opens the function: HF_ERR_VFIO, with the
 * reason in detail; then nothing is left bound. */
enum hf_err hf_vfio_open(struct hf_mailbox *mailbox) HF_MUST_USE;
void hf_vfio_close(struct hf_mailbox *mailbox);	/* also of a half-open one */

#endif
