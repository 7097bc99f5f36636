/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/nvme.h: what an NVMe controller says of its firmware: Identify Controller and the
 * Firmware Slot Information log (NVM Express Base Specification 2.0c, 5.17.2.1 and
 * 5.16.1.4). [pure]
 *
 * Text is ASCII padded with blanks (there: 1.5, "ASCII string"); devices pad with NULs too.
 */
#ifndef HF_PCIE_NVME_H
#define HF_PCIE_NVME_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_NVME_IDENTIFY_LEN 4096
#define HF_NVME_LOG_LEN 512
#define HF_NVME_SLOTS 7		/* numbered from 1 */

struct hf_nvme_identify {	/* spans borrow from the bytes parsed */
	struct hf_span serial, model;	/* trimmed; may hold anything */
	struct hf_span firmware;	/* printable, not empty */
	uint8_t slots;			/* 1 to HF_NVME_SLOTS */
	bool slot1_read_only;
};
/* HF_ERR_NVME_SHAPE: another length, no firmware revision, or no slots. */
enum hf_err hf_nvme_identify_parse(struct hf_span data, struct hf_nvme_identify *ret) HF_MUST_USE;

struct hf_nvme_log {
	uint8_t active;		/* slot that the running firmware came from */
	uint8_t next;		/* slot of the next reset, 0: none named */
	struct hf_span revisions[HF_NVME_SLOTS + 1];	/* by slot, trimmed; empty: no firmware */
};
/* HF_ERR_NVME_SHAPE: another length, or a slot in use that the controller does not have. */
enum hf_err hf_nvme_log_parse(struct hf_span data, const struct hf_nvme_identify *identify,
			      struct hf_nvme_log *ret) HF_MUST_USE;

/* What takes over at the next reset. */
enum hf_nvme_next {
	HF_NVME_SAME,		/* the firmware that runs */
	HF_NVME_OTHER,		/* slot log->next holds another revision */
	HF_NVME_EMPTY,		/* slot log->next holds none */
};
enum hf_nvme_next hf_nvme_next(const struct hf_nvme_identify *identify,
			       const struct hf_nvme_log *log);
/* The active slot holds another revision than the one that runs, and the log does not say
 * that it takes over at the next reset: an image was put there, or the drive contradicts
 * itself. */
bool hf_nvme_slot_differs(const struct hf_nvme_identify *identify, const struct hf_nvme_log *log);

#endif
