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
/* Who talks to the network: the parser's, and TCP connections to others. A superuser becomes
 * nobody first. */
bool hf_sandbox_link(void) HF_MUST_USE;
/* Before another program is started that asks the network for an address: nobody, with the
 * capabilities to set one and to send and receive raw packets, which it keeps. */
bool hf_sandbox_address_client(void) HF_MUST_USE;

#endif
