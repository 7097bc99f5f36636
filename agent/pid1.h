/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/pid1.h: what the first process of a host must do for itself: mounts, consoles'
 * descriptors, signals. [edge: kernel] */
#ifndef HF_AGENT_PID1_H
#define HF_AGENT_PID1_H

#include "measure/err.h"

#define HF_SECURITYFS "/sys/kernel/security"
#define HF_EFIVARS "/sys/firmware/efi/efivars"
#define HF_RUN "/run/holdfast"

/* Of a step of another initramfs: securityfs and efivarfs (read-only) where they are not mounted;
 * what then cannot be read is a claim later. True: efivarfs is ours. */
bool hf_pid1_step_mounts(void);
/* Descriptors 0-2, then /proc /sys /dev /run, and the same. */
enum hf_err hf_pid1_mounts(struct hf_fault *fault) HF_MUST_USE;
/* Every fatal signal from now on ends in HELD agent-crashed (agent/crash.h); the others
 * are ignored. */
enum hf_err hf_pid1_signals(const int *consoles, size_t count, struct hf_fault *fault) HF_MUST_USE;
/* Signals as a new program expects them. */
void hf_pid1_signals_default(void);
/* Never returns; calls again (may be NULL) every seconds. */
_Noreturn void hf_pid1_park(unsigned seconds, void (*again)(void *self), void *self);

#endif
