/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/boot_entry.h: a boot entry of the firmware, EFI_LOAD_OPTION (UEFI 2.10, 3.1.3). [pure] */
#ifndef HF_MEASURE_BOOT_ENTRY_H
#define HF_MEASURE_BOOT_ENTRY_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_BOOT_ENTRY_MAX 4096	/* bytes */

/* Active, a description that ends, a device path that lies inside of it. HF_ERR_BOOT_ENTRY. */
enum hf_err hf_boot_entry_check(struct hf_span entry, struct hf_fault *fault) HF_MUST_USE;

#endif
