/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/slots.h: which slot a card sits in, in the words of the board. */
#ifndef HF_PCIE_SLOTS_H
#define HF_PCIE_SLOTS_H

#include "pcie/host.h"

#define HF_SLOTS_MAX 512
#define HF_SLOT_TEXT 64

struct hf_slot_label {
	struct hf_address address;	/* function 0 */
	char text[HF_SLOT_TEXT + 1];
};
/* One SMBIOS type 9 structure with its strings (SMBIOS 3.6, 7.10); false: it names no
 * device, or is not of that shape. [pure] */
bool hf_slot_smbios(struct hf_span raw, struct hf_slot_label *ret);

/* Adds the measurement "slot" to every card that has a label: SMBIOS's designation, else
 * the kernel's name of the slot (bus/pci/slots). A card without one gets none. */
enum hf_err hf_slots_claims(const struct hf_host *host, struct hf_claims *claims) HF_MUST_USE;

#endif
