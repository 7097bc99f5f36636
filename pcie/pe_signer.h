/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/pe_signer.h: who signed a PE/COFF image, and does the signature fit it (Windows
 * Authenticode Portable Executable Signature Format 1.0; PKCS #7, RFC 2315). Sole reader of
 * foreign signatures through libcrypto. [edge: libcrypto]
 *
 * It judges no trust: a signature fits where the digest in it is the image's and it verifies
 * under the certificate that lies beside it, whoever made that.
 */
#ifndef HF_PCIE_PE_SIGNER_H
#define HF_PCIE_PE_SIGNER_H

#include "pcie/pe.h"

#define HF_PE_SIGNATURE_MAX 65536	/* bytes of one certificate table entry that is looked at */

/* One signature after the other into text, printable, cut at cap: "CN=..., issuer CN=...,
 * certificate sha256:..., signature fits". Empty where the image is not signed.
 * HF_ERR_IMAGE_SIGNATURE: one does not fit, is no Authenticode signature, or the table is
 * malformed; text then says what could be read. HF_ERR_PE_SHAPE as hf_pe_authenticode. */
enum hf_err hf_pe_signer(struct hf_span image, char *text, size_t cap) HF_MUST_USE;

#endif
