/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/net.h: one network interface, up and with an address, and down again. Runs in PID 1: it
 * only says to the kernel what the measured configuration says; the kernel reads router
 * advertisements, and for DHCP an existing client does in a process of its own. [edge: kernel] */
#ifndef HF_AGENT_NET_H
#define HF_AGENT_NET_H

#include "measure/bytes.h"
#include "measure/err.h"
#include "pcie/host.h"

#define HF_INTERFACE_MAX 16	/* IFNAMSIZ */
#define HF_LINK_PATIENCE_MS 30000	/* for carrier and address together, each time */

enum hf_address_kind { HF_ADDRESS_SLAAC, HF_ADDRESS_STATIC, HF_ADDRESS_DHCP };
struct hf_address_plan {
	enum hf_address_kind kind;
	uint8_t client[4], gateway[4];	/* HF_ADDRESS_STATIC; gateway 0.0.0.0: none */
	unsigned prefix;		/* bits of the netmask, 1 to 32 */
	char device[HF_INTERFACE_MAX];	/* as ip= names it, or empty: whichever is used */
};
/* "slaac", "dhcp" or the kernel's ip= syntax (Documentation/admin-guide/nfs/nfsroot.rst):
 * "ip=CLIENT:[SERVER]:[GATEWAY]:NETMASK:[HOSTNAME]:[DEVICE]:[off][:[DNS]:[DNS]:[NTP]]", "ip=dhcp",
 * "ip=:::::[DEVICE]:dhcp". Server, host name and what follows "off" are looked at and not used.
 * Whatever is no address of a host, or a gateway outside its network: HF_ERR_IP_SYNTAX. [pure] */
enum hf_err hf_address_plan_parse(struct hf_span text, struct hf_address_plan *ret) HF_MUST_USE;
/* The last word of a command line that begins with ip=, as hf_address_plan_parse takes it; empty:
 * there is none. Quotes hold words together as for the kernel. [pure] */
struct hf_span hf_address_of_command_line(const char *command_line);

/* The interface that a function's driver made; waits for it. HF_ERR_LINK_NO_NIC. */
enum hf_err hf_net_interface(const struct hf_host *host, const struct hf_address *function,
			     char ret[static HF_INTERFACE_MAX], struct hf_fault *fault) HF_MUST_USE;
/* Up, carrier, address that can be used (duplicate detection is over); with SLAAC a default route
 * too. IPv6 goes off on every other interface, and on this one without SLAAC. Kicks the watch as it
 * goes. HF_ERR_LINK_DOWN, HF_ERR_LINK_ADDRESS. */
enum hf_err hf_net_up(const char *interface, const struct hf_address_plan *plan,
		      struct hf_fault *fault) HF_MUST_USE;
/* Addresses off, interface down; what fails here does not matter: its driver goes next. */
void hf_net_down(const char *interface);

#endif
