/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/pe.h: the Authenticode digest of a PE/COFF image, exactly as UEFI firmware logs it
 * for EV_EFI_BOOT_SERVICES_APPLICATION and _DRIVER (Windows Authenticode Portable
 * Executable Signature Format 1.0, "Calculating the PE Image Hash"; PFP 1.05, 10.2.3).
 */
#ifndef HF_PCIE_PE_H
#define HF_PCIE_PE_H

#include "measure/digest.h"

#define HF_PE_MAX (512u << 20)	/* bytes of one image */
#define HF_PE_SECTIONS_MAX 128

/* The parts of the image that are hashed, in order; an error of feed stops it and comes
 * back. Everything that firmware would not load: HF_ERR_PE_SHAPE. [pure] */
typedef enum hf_err (*hf_pe_feed)(void *self, struct hf_span bytes);
enum hf_err hf_pe_authenticode(struct hf_span image, hf_pe_feed feed, void *self) HF_MUST_USE;

enum hf_err hf_pe_digest(enum hf_alg alg, struct hf_span image, struct hf_digest *ret) HF_MUST_USE;

#endif
