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
#define HF_PE_CERTIFICATES_MAX 8

/* The parts of the image that are hashed, in order; an error of feed stops it and comes
 * back. Everything that firmware would not load: HF_ERR_PE_SHAPE; so are sections that
 * overlap to more than the file, so that no image costs more than its size. [pure] */
typedef enum hf_err (*hf_pe_feed)(void *self, struct hf_span bytes);
enum hf_err hf_pe_authenticode(struct hf_span image, hf_pe_feed feed, void *self) HF_MUST_USE;

/* The attribute certificate table (PE/COFF 8.3 section 5.7): signatures, which the digest
 * leaves out. */
#define HF_PE_CERTIFICATE_PKCS7 2	/* wCertificateType: Authenticode's SignedData */
struct hf_pe_certificate {
	uint16_t revision, type;
	struct hf_span body;	/* borrowed; lies inside the image */
};
struct hf_pe_certificates {
	struct hf_pe_certificate list[HF_PE_CERTIFICATES_MAX];
	size_t count;		/* 0: the image is not signed */
};
/* HF_ERR_PE_SHAPE as above; HF_ERR_IMAGE_SIGNATURE: the table lies outside the image or
 * inside its headers, an entry does not fit into it, or there are too many. */
enum hf_err hf_pe_certificates(struct hf_span image, struct hf_pe_certificates *ret) HF_MUST_USE;

/* The section of this name as it is loaded: VirtualSize bytes of it. ret->ptr is NULL where there is
 * none. HF_ERR_PE_SHAPE: there are two, or it is longer in memory than in the file. */
enum hf_err hf_pe_section(struct hf_span image, const char *name, struct hf_span *ret) HF_MUST_USE;

enum hf_err hf_pe_digest(enum hf_alg alg, struct hf_span image, struct hf_digest *ret) HF_MUST_USE;

#endif
