/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/devlink.h: devlink's "info get" over generic netlink: requests and replies as bytes
 * (linux/netlink.h, linux/genetlink.h, linux/devlink.h). [pure]
 *
 * Netlink is in the host's byte order. The kernel is trusted to frame it; what the frame
 * carries comes from the device, and a capture may hold anything.
 */
#ifndef HF_PCIE_DEVLINK_H
#define HF_PCIE_DEVLINK_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_DEVLINK_REPLY_MAX 32768
#define HF_DEVLINK_VERSIONS_MAX 128
#define HF_DEVLINK_NAME_MAX 50		/* bytes; with what goes before it, a mkey */
#define HF_DEVLINK_VALUE_MAX 255

enum hf_devlink_kind { HF_DEVLINK_FIXED, HF_DEVLINK_RUNNING, HF_DEVLINK_STORED };

struct hf_devlink_version {
	enum hf_devlink_kind kind;
	struct hf_span name;	/* 1 to HF_DEVLINK_NAME_MAX printable characters without blanks */
	struct hf_span value;	/* 0 to HF_DEVLINK_VALUE_MAX bytes, may hold anything but NUL */
};
struct hf_devlink_info {	/* spans borrow from the reply */
	struct hf_devlink_version versions[HF_DEVLINK_VERSIONS_MAX];	/* in the reply's order */
	size_t count;
	struct hf_span serial;	/* may be empty */
};

/* The id of the family "devlink"; then the info of "pci/ADDRESS". */
void hf_devlink_put_family(struct hf_writer *w, uint32_t sequence);
void hf_devlink_put_info(struct hf_writer *w, uint32_t sequence, uint16_t family,
			 const char *address);

/* One datagram that answers the request with this sequence number. *ret_errno: the kernel's
 * "no" as a positive errno, then the rest is untouched; 0 otherwise.
 * HF_ERR_READ_FAILED: no such answer. HF_ERR_DEVICE_FLOODED: more versions than there may be. */
enum hf_err hf_devlink_family(struct hf_span reply, uint32_t sequence, uint16_t *ret_family,
			      int *ret_errno) HF_MUST_USE;
enum hf_err hf_devlink_info(struct hf_span reply, uint32_t sequence, uint16_t family,
			    struct hf_devlink_info *ret, int *ret_errno) HF_MUST_USE;

const struct hf_devlink_version *hf_devlink_find(const struct hf_devlink_info *info,
						 enum hf_devlink_kind kind, struct hf_span name);
/* Every name whose stored version is not the running one: "fw: running A, stored B; ...".
 * False: none. What does not fit is cut off. */
bool hf_devlink_pending(const struct hf_devlink_info *info, char *out, size_t cap);

#endif
