/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/net_internal.h: what net.c and net_dhcp.c share. */
#ifndef HF_AGENT_NET_INTERNAL_H
#define HF_AGENT_NET_INTERNAL_H

#include "agent/net.h"

/* An image of ours has it where Debian puts it; it links against klibc's own shared object. */
#define HF_NET_DHCP_CLIENT "/usr/lib/klibc/bin/ipconfig"

enum hf_err hf_net_up_within(const char *interface, const struct hf_address_plan *plan, unsigned patience_ms,
			     struct hf_fault *fault) HF_MUST_USE;
/* Lets that program ask for an address and set it; killed where it takes longer. It is no part of
 * holdfast: it has nobody's rights but those to set an address. HF_ERR_LINK_ADDRESS. */
enum hf_err hf_net_dhcp(const char *interface, uint64_t end_ms, struct hf_fault *fault) HF_MUST_USE;
/* A slice of waiting. False: no more. */
bool hf_net_slice(uint64_t end_ms);

#endif
