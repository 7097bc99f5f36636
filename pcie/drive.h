/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/drive.h: vital product data pages of a drive behind a storage controller: SPC-4
 * 7.8.15 (unit serial number, 80h), SAT-3 12.4.2 (ATA information, 89h), and in that one
 * the ATA identify data (ACS-3 7.12.7). [pure] */
#ifndef HF_PCIE_DRIVE_H
#define HF_PCIE_DRIVE_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_DRIVE_PAGE_MAX 4096

struct hf_drive_ata {	/* NUL-terminated, bytes of each word in reading order, not trimmed */
	char serial[21], firmware[9], model[41];
};
/* HF_ERR_DRIVE_SHAPE: not that page, not whole, or identify data with a wrong checksum. */
enum hf_err hf_drive_ata_page(struct hf_span page, struct hf_drive_ata *ret) HF_MUST_USE;
/* *ret borrows. HF_ERR_DRIVE_SHAPE. */
enum hf_err hf_drive_serial_page(struct hf_span page, struct hf_span *ret) HF_MUST_USE;
/* "2:0:1:0": host, channel, target, unit. *ret_place: what comes after the host, which is a
 * counter of this boot. */
bool hf_drive_address(const char *name, const char **ret_place);

#endif
