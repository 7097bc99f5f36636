/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/platform.h: facts about the host itself, as the pseudo part "host". [edge: kernel files]
 *
 * Measurements, all text by method identity unless they failed:
 *   smbios/vendor  smbios/product	choose the model
 *   smbios/board  smbios/serial	advisory
 *   command-line  kernel
 *   cpus/online  cpus/present		as the kernel lists them: "0-3"
 *   lockdown		"none", "integrity", "confidentiality"
 *   iommu		"on" or "off"
 *   secure-boot	"on", "off" or "no-uefi"
 *   tpm		"absent", "version 1", "version 2": what the kernel found
 * Text that is not printable ASCII is kept as bytes. A fact that could not be read is a
 * failure with its cause; one that a captured tree does not hold is not-measured.
 */
#ifndef HF_AGENT_PLATFORM_H
#define HF_AGENT_PLATFORM_H

#include "measure/claim.h"
#include "pcie/host.h"

/* Adds the part to claims. procfs NULL: /proc for a live host, TREE/../proc for a
 * captured tree. Fails only when claims are full: HF_ERR_LIMIT. */
enum hf_err hf_platform_claims(const struct hf_host *host, const char *procfs,
			       struct hf_claims *claims, struct hf_part **ret_host_part) HF_MUST_USE;
/* The text of a measurement of the host part, or NULL when it is a failure or not text. */
const char *hf_platform_text(const struct hf_part *host_part, const char *mkey);

#endif
