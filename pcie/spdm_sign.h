/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/spdm_sign.h: signatures of SPDM (DSP0274, signature generation): which algorithm a
 * BaseAsymSel bit is, and whether a signature over a transcript holds. [edge: libcrypto] */
#ifndef HF_PCIE_SPDM_SIGN_H
#define HF_PCIE_SPDM_SIGN_H

#include "pcie/device_chain.h"
#include "pcie/spdm.h"

enum hf_spdm_context { HF_SPDM_SIGNS_CHALLENGE, HF_SPDM_SIGNS_MEASUREMENTS };
/* Bytes of a signature, 0: an algorithm that is not known here. */
size_t hf_spdm_signature_len(uint32_t asym);
/* Over the transcript's parts, one behind the other, by the leaf of chain. Key and algorithm do
 * not fit, or it does not verify: HF_ERR_SPDM_SIGNATURE. */
enum hf_err hf_spdm_signature_verify(uint8_t version, uint32_t asym, uint32_t hash,
				     enum hf_spdm_context context,
				     const struct hf_span *parts, size_t count,
				     const struct hf_device_chain *chain,
				     struct hf_span signature) HF_MUST_USE;
/* What the leaf's key can be used for, as one bit; of an RSA key the older padding. 0: none. */
uint32_t hf_spdm_key_asym(const struct hf_device_chain *chain);

#endif
