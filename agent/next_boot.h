/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/next_boot.h: release by a reset into one boot entry of the firmware (BootNext, UEFI
 * 2.10, 3.3), for systems that kexec cannot start. What runs then is not in our hands: the
 * entry's bytes are what the owner listed, what it points to is for the platform's Secure
 * Boot to judge. [edge: efivarfs] */
#ifndef HF_AGENT_NEXT_BOOT_H
#define HF_AGENT_NEXT_BOOT_H

#include "measure/boot_entry.h"

/* The Boot#### of these very bytes among the variables in dirfd, or the lowest number that is
 * free. HF_ERR_BOOT_ENTRY: there is neither; HF_ERR_RELEASE_FAILED: they cannot be listed. */
enum hf_err hf_next_boot_find(int dirfd, struct hf_span entry, uint16_t *ret_number, bool *ret_new,
			      struct hf_fault *fault) HF_MUST_USE;
/* Of a host that is held after all: no reset starts the entry. Where efivarfs is still mounted for
 * reading nothing was written, and nothing is. */
void hf_next_boot_drop(int dirfd);
/* Writes the entry if it is not there, then BootNext, and reads both back.
 * HF_ERR_RELEASE_FAILED, and then BootNext is not left behind. */
enum hf_err hf_next_boot_set(int dirfd, struct hf_span entry, struct hf_fault *fault) HF_MUST_USE;

#endif
