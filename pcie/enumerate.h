/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/enumerate.h: every function in every domain, grouped into parts. enumerate.c is
 * the sole includer of <pci/pci.h>; topology.c is the pure half.
 *
 * Identity comes from configuration bytes, never from sysfs's text files. A part is:
 * "board" = every function on a root bus (root ports, integrated endpoints); a card =
 * what sits below a root port, below a switch's downstream port that has a slot, or with
 * one device number behind a conventional bridge on a root bus; what sits below a
 * downstream port without a slot belongs to the switch's part. Virtual functions belong
 * to their physical function's part: path "PHYSICAL/vfN", N = distance in routing id.
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
	struct hf_address physical;	/* of that function, where virtual_function */
};
struct hf_bus {
	struct hf_bus_function *functions;	/* ascending address */
	size_t count;
};

/* Edge: list and read configuration space of everything, by workers: a function that does
 * not answer has HF_ERR_TIMED_OUT in place of bytes, and the others theirs. */
enum hf_err hf_bus_read(const struct hf_host *host, struct hf_arena *arena,
			struct hf_bus *ret, struct hf_fault *fault) HF_MUST_USE;
/* Pure: paths, parts and identities into claims, board first, then cards by path. Bus
 * numbers that the host hands out leave no trace in it, those of root buses do. A
 * function that cannot be placed (a bus that two bridges claim, or none although it lies
 * inside a bridge's range) gets a part of its own, with its bus number in the path. */
enum hf_err hf_topology(const struct hf_bus *bus, struct hf_claims *claims) HF_MUST_USE;
const struct hf_bus_function *hf_bus_find(const struct hf_bus *bus,
					  const struct hf_address *address);

#endif
