/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/driver_firmware.h: the firmware files that allow-listed drivers may hand to devices:
 * what the drivers' modules ask for, and what the image holds of it. [edge: files] */
#ifndef HF_AGENT_DRIVER_FIRMWARE_H
#define HF_AGENT_DRIVER_FIRMWARE_H

#include "manifests/manifest.h"
#include "measure/claim.h"

#define HF_DRIVER_FIRMWARE_MAX 384	/* names, of all drivers together */
#define HF_DRIVER_FIRMWARE_BYTES ((size_t)64 << 20)	/* of one file, and of one module */

struct hf_driver_firmware {
	const char *root;	/* "" for the running system; a capture: the directory that holds lib */
	const char *release;	/* of the kernel: /lib/modules/RELEASE */
	const char *path;	/* firmware_class.path, which goes first; NULL or "": none */
};
/* Adds to the host part, all advisory, "driver-firmware/NAME" for each file that a module of
 * these drivers, or one that it needs, names: digests, or the text "absent". Of each driver
 * "driver-firmware/DRIVER.ko": how many files that are, or a failure where a module cannot be
 * read (not-measured where it is packed or not there). HF_ERR_LIMIT when claims are full. */
enum hf_err hf_driver_firmware_claims(const struct hf_driver_firmware *where,
				      const struct hf_name_list *drivers, struct hf_claims *claims,
				      struct hf_part *host_part) HF_MUST_USE;

#endif
