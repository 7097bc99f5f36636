/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/efi_decompress.h: UEFI compression (UEFI 2.10 section 19): LZ77 over a window of 8 KiB,
 * Huffman codes in blocks. [pure]
 *
 * Two little-endian lengths (compressed, original), then the bits. What firmware would have to
 * guess at is refused: codes that do not fill their tree, a match that reaches before the first
 * byte or past the last one, bits beyond the compressed length. Work is bounded by the input's
 * and the output's length: whatever a symbol's code costs, it writes a byte or fails.
 */
#ifndef HF_PCIE_EFI_DECOMPRESS_H
#define HF_PCIE_EFI_DECOMPRESS_H

#include "measure/bytes.h"
#include "measure/err.h"

/* Bytes behind the compressed length are not looked at (a ROM image is padded). Nothing is
 * written past cap; *ret_len is the original length. HF_ERR_ROM_COMPRESSION: it does not
 * unpack, or is longer than cap; then out holds rubbish and *ret_len is untouched. */
enum hf_err hf_efi_decompress(struct hf_span in, uint8_t *out, size_t cap, size_t *ret_len) HF_MUST_USE;

#endif
