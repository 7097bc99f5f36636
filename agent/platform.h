/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/platform.h: facts about the host itself, as the pseudo part "host". [edge: kernel files]
 *
 * docs/evidence.md lists the measurements. Two choose the model (smbios/vendor,
 * smbios/product); four more are not advisory (those two, command-line, kernel, tpm). Text
 * that is not printable ASCII is kept as bytes. A fact that could not be read is a failure
 * with its cause; one that a captured tree does not hold is not-measured.
 */
#ifndef HF_AGENT_PLATFORM_H
#define HF_AGENT_PLATFORM_H

#include "agent/tpm.h"
#include "measure/claim.h"
#include "pcie/host.h"

#define HF_ACPI_TABLES_MAX 256
#define HF_ACPI_TABLE_MAX (16u << 20)	/* bytes of one */
#define HF_EFI_VARIABLE_MAX (1u << 20)	/* bytes, with the four of its attributes */

struct hf_platform_sources {
	const char *procfs;	/* NULL: /proc for a live host, TREE/../proc for a captured tree */
	const struct hf_tpm_words *tpm;	/* what the TPM says of itself; NULL: it was not asked */
};
/* Adds the part to claims. Fails only when claims are full: HF_ERR_LIMIT. */
enum hf_err hf_platform_claims(const struct hf_host *host, const struct hf_platform_sources *sources,
			       struct hf_claims *claims, struct hf_part **ret_host_part) HF_MUST_USE;
/* That a step of an initramfs runs this command, and how many modules are loaded: for the live
 * commands, which then say so in what they report. A name is 1 to 32 of a-z, 0-9 and '-'. */
bool hf_platform_step_valid(const char *name) HF_MUST_USE;
enum hf_err hf_platform_step(const struct hf_host *host, const char *name,
			     struct hf_claims *claims, struct hf_part *part) HF_MUST_USE;
/* The text of a measurement of the host part, or NULL when it is a failure or not text. */
const char *hf_platform_text(const struct hf_part *host_part, const char *mkey);
/* The serial number by which an inventory names the host: the chassis's, or the system's where
 * the chassis has none but what its maker was to fill in. "" where there is neither. */
const char *hf_platform_serial(const struct hf_part *host_part);

#endif
