/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/modinfo.h: what a kernel module says of itself: the section .modinfo of its ELF file,
 * "name=value" strings, each with a NUL behind it. [pure] */
#ifndef HF_AGENT_MODINFO_H
#define HF_AGENT_MODINFO_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_MODINFO_SECTIONS_MAX 65535	/* e_shnum is two bytes; more are refused */

/* The section in a little-endian ELF64 file (gABI, chapter 4), inside elf. Anything else, or
 * a file without that section: HF_ERR_BIND_FAILED, for such a file is no module. */
enum hf_err hf_modinfo_find(struct hf_span elf, struct hf_span *ret) HF_MUST_USE;
/* The next value of name in the section, from *pos on, which moves. False: no more. A string
 * that is not ended before the section is does not count. */
bool hf_modinfo_next(struct hf_span modinfo, const char *name, size_t *pos, struct hf_span *ret);

#endif
