/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/event_nodes.h: numbers of device paths (UEFI 2.10, section 10.3), for the two files
 * that read them. */
#ifndef HF_MEASURE_EVENT_NODES_H
#define HF_MEASURE_EVENT_NODES_H

#include "measure/event.h"

enum { HARDWARE = 1, ACPI = 2, MESSAGING = 3, MEDIA = 4, BBS = 5, END = 0x7f };
#define EISA_PNP 0x41d0		/* "PNP", as the low half of an EISA id */
#define PNP_PCI_ROOT 0x0a03
#define PNP_PCIE_ROOT 0x0a08

#endif
