/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/vpd.h: vital product data (PCI Local Bus 3.0, appendix I). [pure]
 *
 * A list of resources: the identifier string, the read-only list VPD-R, whose last keyword
 * RV holds a checksum over everything up to it, the read-write list VPD-W, the end tag.
 */
#ifndef HF_PCIE_VPD_H
#define HF_PCIE_VPD_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_VPD_MAX 32768	/* the address register has 15 bits */
#define HF_VPD_FIELDS_MAX 64

struct hf_vpd_field {
	char keyword[3];	/* two letters or digits: "PN", "V1" */
	bool writable;		/* of VPD-W */
	struct hf_span data;	/* borrowed, at most 255 bytes, may hold anything */
};
struct hf_vpd {
	struct hf_span identifier;
	struct hf_vpd_field fields[HF_VPD_FIELDS_MAX];	/* in order, without RV and RW */
	size_t count;
	size_t len;		/* to the end tag and with it */
};
/* HF_ERR_VPD_SHAPE: not that list, a wrong checksum, a keyword twice, or too many of them.
 * Bytes after the end tag do not matter. */
enum hf_err hf_vpd_parse(struct hf_span vpd, struct hf_vpd *ret) HF_MUST_USE;
/* NULL: there is none. */
const struct hf_vpd_field *hf_vpd_find(const struct hf_vpd *vpd, const char *keyword);

#endif
