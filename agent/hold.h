/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/hold.h: put the host on hold as far as the kernel lets us, and give it back at
 * release. What the kernel refuses becomes a claim of the host part, never a silence.
 * Writes to the kernel only where the caller says the host is live. [edge: kernel files] */
#ifndef HF_AGENT_HOLD_H
#define HF_AGENT_HOLD_H

#include "measure/claim.h"
#include "pcie/host.h"

#define HF_HOLD_BOUND_MAX 256
#define HF_HOLD_LIST_MAX 65536	/* bytes of a list of functions that the hold found */

struct hf_hold {
	enum hf_err autoprobe, sysrq, panic, ctrl_alt_del;	/* HF_OK: off */
	enum hf_err bus_master;		/* HF_OK, or the first refusal */
	size_t functions, bridges;
	size_t masters_found;		/* without bridges; on when the hold began */
	size_t masters_off, masters_refused;
	size_t bound_found;		/* functions with a driver when the hold began */
	/* Addresses, resp. address=driver, one blank between; what does not fit is counted. */
	char masters[HF_HOLD_LIST_MAX], bound[HF_HOLD_LIST_MAX];
	struct hf_address give_back[HF_HOLD_BOUND_MAX];	/* master and bound: back on at release */
	size_t give_back_count;
	char sysrq_before[16];
};

/* The part of it that concerns devices: what is bound, what is bus master, and the latter
 * off, bridges excepted. HF_ERR_PCI_ACCESS: the bus cannot be listed. */
enum hf_err hf_hold_devices(const struct hf_host *host, struct hf_hold *hold) HF_MUST_USE;
/* Autoprobe first. HF_ERR_HOLD_FAILED only where no hold is possible at all: panic does
 * not read back 0, or the bus cannot be listed. */
enum hf_err hf_hold_take(const struct hf_host *host, struct hf_hold *ret, struct hf_fault *fault) HF_MUST_USE;
/* The claims "hold/..." on the host part. live: false gives one claim that says so. */
enum hf_err hf_hold_claims(const struct hf_hold *hold, bool live, struct hf_claims *claims,
			   struct hf_part *host_part) HF_MUST_USE;
/* Set or clear bus mastering of one function; HF_ERR_KERNEL_REFUSED or HF_ERR_READ_FAILED.
 * Reads it back. */
enum hf_err hf_hold_bus_master(const struct hf_host *host, const struct hf_address *address,
			       bool on) HF_MUST_USE;
/* For switch_root, whose tenant keeps this kernel: processors, bus masters of drivers that
 * were there before us, autoprobe, drivers for everything, SysRq as it was. */
enum hf_err hf_hold_give_back(const struct hf_host *host, const struct hf_hold *hold,
			      struct hf_fault *fault) HF_MUST_USE;

#endif
