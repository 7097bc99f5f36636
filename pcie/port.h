/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/port.h: the ports above a part. On the bus as it was read; bus numbers are those of
 * this boot. [pure] */
#ifndef HF_PCIE_PORT_H
#define HF_PCIE_PORT_H

#include "pcie/enumerate.h"

/* Whether the address is one of the part's functions. */
bool hf_port_in_part(const struct hf_part *part, const struct hf_address *address);
/* Whether the bridge passes on what comes from this bus: secondary to subordinate. */
bool hf_port_covers(const struct hf_bus_function *bridge, uint32_t domain, uint8_t bus);
/* The bridge whose secondary bus this is; NULL: none. *ret_clash is set if two claim it. */
const struct hf_bus_function *hf_port_above(const struct hf_bus *bus, uint32_t domain,
					    uint8_t number, bool *ret_clash);
/* The one port above a card: a root port or a switch's downstream port that is no function
 * of the card, with nothing but the card below it. NULL: there is none, *ret_why says why
 * (static text). */
const struct hf_bus_function *hf_port_alone(const struct hf_bus *bus, const struct hf_part *part,
					    const char **ret_why);

#endif
