/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/crash.h: HELD for a gate that can no longer run its own code. A fatal signal
 * ends in a handler on a stack of its own, which relies on nothing but system calls and
 * on what was prepared here beforehand: it caps the PCR by one prepared command, tells
 * every console, again every minute, and never returns. */
#ifndef HF_AGENT_CRASH_H
#define HF_AGENT_CRASH_H

#include "measure/bytes.h"
#include "measure/err.h"

#define HF_CRASH_COMMAND_MAX 512
#define HF_CRASH_DESCRIPTORS 9	/* consoles, TPM */

/* The consoles to tell, and the handler for every fatal signal. */
enum hf_err hf_crash_catch(const int *consoles, size_t count, struct hf_fault *fault) HF_MUST_USE;
/* TPM2_PCR_Extend (TPM 2.0 Library part 3, 22.2) of one PCR in all banks of the mask by
 * the digest of the reason's name; a log that ends here does not replay any more. */
enum hf_err hf_crash_cap_command(uint32_t pcr, uint32_t banks, struct hf_writer *w) HF_MUST_USE;
/* tpm: a descriptor that takes one raw command by write and gives its reply by read; it
 * stays the caller's, and -1 takes the cap back. command is copied. */
void hf_crash_cap(int tpm, struct hf_span command);

/* What the handler writes to, for a process that is to do the same; how many there are. */
size_t hf_crash_descriptors(int ret[static HF_CRASH_DESCRIPTORS]);
/* The same as a fatal signal, for another cause. */
_Noreturn void hf_crash_held(enum hf_err cause);

#endif
