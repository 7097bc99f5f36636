/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/sandbox.h: what a child gives up for good. [edge: kernel] */
#ifndef HF_PCIE_SANDBOX_H
#define HF_PCIE_SANDBOX_H

#include "measure/err.h"

/* A worker that reads devices: no new rights, no core file, nobody's debugger, and of a
 * superuser's capabilities those alone that reading devices takes. */
bool hf_sandbox_reader(void) HF_MUST_USE;
/* A parser: no capability, and no system call but those that memory, time and the one
 * socket take; any other kills the process. */
bool hf_sandbox_parser(void) HF_MUST_USE;
/* Who talks to a device and parses what it says: the same, and reads and writes at an offset
 * of a file that is open already, and sleep. */
bool hf_sandbox_conversation(void) HF_MUST_USE;

#endif
