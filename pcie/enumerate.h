/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/enumerate.h: every function in every domain, grouped into parts. enumerate.c is
 * the sole includer of <pci/pci.h>; topology.c is the pure half.
 *
 * Identity comes from configuration bytes, never from sysfs's text files. A part is:
 * "board" = every function on a root bus (root ports, integrated endpoints); a card =
 * what sits below a root port, or below a switch's downstream port that has a slot;
 * what sits below a downstream port without a slot belongs to the switch's part.
 */
#ifndef HF_PCIE_ENUMERATE_H
#define HF_PCIE_ENUMERATE_H

#include "measure/claim.h"
#include "pcie/host.h"

struct hf_bus_function {	/* one function as the bus shows it */
	struct hf_address address;
	struct hf_span config;		/* 64, 256 or 4096 bytes as readable; in the arena */
	enum hf_err config_err;		/* HF_OK, or why config is short or empty */
	const char *driver;		/* bound driver or NULL */
	bool virtual_function;		/* has a physfn: folded into its physical function */
};
struct hf_bus {
	struct hf_bus_function *functions;	/* ascending address */
	size_t count;
};

/* Edge: list and read configuration space of everything. */
enum hf_err hf_bus_read(const struct hf_host *host, struct hf_arena *arena,
			struct hf_bus *ret, struct hf_fault *fault) HF_MUST_USE;
/* Pure: paths, parts and identities into claims, board first, then cards by path. A
 * function that cannot be placed (a bridge that lies about its buses) still gets a part
 * of its own. bus_index maps each claim function, in claims order, to bus->functions. */
enum hf_err hf_topology(const struct hf_bus *bus, struct hf_claims *claims) HF_MUST_USE;
const struct hf_bus_function *hf_bus_find(const struct hf_bus *bus, const struct hf_address *address);

#endif
