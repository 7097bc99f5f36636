/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/slots.h: which slot a card sits in, and what a function is called, in the words of
 * the board. */
#ifndef HF_PCIE_SLOTS_H
#define HF_PCIE_SLOTS_H

#include "pcie/host.h"

#define HF_SLOTS_MAX 512	/* labels of slots, and as many of onboard devices */
#define HF_SLOT_TEXT 64
#define HF_MKEY_ONBOARD "onboard"	/* of a function: what the board calls it, advisory text */

struct hf_slot_label {
	struct hf_address address;
	char text[HF_SLOT_TEXT + 1];
};

/* Adds the measurement "slot" to every card that has a label: SMBIOS's designation (type 9),
 * else the kernel's name of the slot (bus/pci/slots). A card without one gets none. And
 * "onboard" to every function that SMBIOS names (type 41). */
enum hf_err hf_slots_claims(const struct hf_host *host, struct hf_claims *claims) HF_MUST_USE;

#endif
