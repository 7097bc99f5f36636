/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/doe.h: data object exchange, the mailbox in extended configuration space (PCIe base
 * 6.0, 6.30 and 7.9.24). The state machine knows registers only; how they are reached is a
 * small struct. */
#ifndef HF_PCIE_DOE_H
#define HF_PCIE_DOE_H

#include "pcie/host.h"
#include "pcie/spdm_ask.h"

#define HF_DOE_CAPABILITY 0x2e
#define HF_DOE_MAILBOXES_MAX 16		/* of one function */
#define HF_DOE_PROTOCOLS_MAX 64		/* of one mailbox */
#define HF_DOE_OBJECT_MAX (1u << 18)	/* bytes that are taken; the format allows 1 MiB */
#define HF_DOE_MESSAGE_MAX (0x1200u - 8)	/* SPDM: with its header what is usual; QEMU cuts longer ones */
#define HF_DOE_TIMEOUT_MS 1000		/* 6.30.2 */
#define HF_DOE_VENDOR_PCISIG 0x0001
#define HF_DOE_DISCOVERY 0
#define HF_DOE_SPDM 1
#define HF_DOE_SECURED_SPDM 2
#define HF_DOE_VENDOR_CXL 0x1e98
#define HF_DOE_CXL_TABLE 2		/* CDAT */

/* 32-bit accesses to configuration space at offsets that are multiples of 4. */
struct hf_config_access {
	void *self;
	enum hf_err (*read)(void *self, uint32_t offset, uint32_t *ret);
	enum hf_err (*write)(void *self, uint32_t offset, uint32_t value);
	void (*pause)(void *self, unsigned us);	/* NULL: sleeps */
	uint64_t (*now_ms)(void *self);		/* NULL: hf_now_ms */
};
struct hf_doe {
	const struct hf_config_access *access;
	uint32_t at;		/* offset of the capability */
};
/* Offsets of every mailbox; *ret_loop: the list of capabilities is bad. */
size_t hf_doe_find(struct hf_span config, uint32_t at[static HF_DOE_MAILBOXES_MAX], bool *ret_loop);
/* One object: header and body go out, an answer of the same type comes back into buf (body
 * only, whole dwords). HF_ERR_DOE_BUSY, _ERROR, _SHAPE, HF_ERR_TIMED_OUT, HF_ERR_LIMIT,
 * HF_ERR_DEVICE_GONE (all ones); after each the mailbox was aborted. Aborts first where it finds
 * an old answer or error. */
enum hf_err hf_doe_exchange(const struct hf_doe *doe, uint16_t vendor, uint8_t type,
			    struct hf_span body, unsigned patience_ms, uint8_t *buf, size_t cap,
			    size_t *ret_len) HF_MUST_USE;
struct hf_doe_protocol { uint16_t vendor; uint8_t type; };
/* Whatever the device says, it ends: at most HF_DOE_PROTOCOLS_MAX. Aborts first: whoever
 * asks a mailbox anything begins with this. HF_ERR_DOE_SHAPE also for indexes that go round. */
enum hf_err hf_doe_discover(const struct hf_doe *doe, struct hf_doe_protocol *out, size_t cap,
			    size_t *ret_count) HF_MUST_USE;
/* CXL 3.0, 8.1.11: the whole table (CDAT), entry by entry; *ret_len is what came, set also on
 * failure. HF_ERR_DOE_SHAPE: entries without end, or another length than the table says. */
#define HF_DOE_CDAT_MAX (1u << 20)
#define HF_DOE_CDAT_ENTRIES_MAX 4096
enum hf_err hf_doe_read_cdat(const struct hf_doe *doe, uint8_t *buf, size_t cap,
			     size_t *ret_len) HF_MUST_USE;
/* SPDM through it. doe has to outlive transport. */
void hf_doe_transport(struct hf_doe *doe, struct hf_spdm_transport *ret);

/* ---- ways to configuration space; for workers alone: any access may never return ---- */

enum hf_mailbox_way { HF_MAILBOX_CONFIG, HF_MAILBOX_VFIO };
struct hf_mailbox {		/* of one function: it is its only user until close */
	enum hf_mailbox_way way;
	struct hf_config_access access;	/* points to the struct itself: it must not move */
	int lock;		/* the config file, whose lock is held */
	int fd, group, container;	/* of vfio-pci; -1: none */
	uint64_t config_at;	/* offset of configuration space in fd */
	struct hf_address address;
	const struct hf_host *host;
	bool bound;		/* to vfio-pci, by us */
	char override[64];	/* what driver_override was before, to be put back */
	char detail[160];	/* why not, for people; also on failure */
};
/* Locks the function (flock on its config file: ours among ourselves; the kernel's users show
 * otherwise, see mailbox.c): HF_ERR_DOE_IN_USE.
 * Live hosts only: HF_ERR_CAPTURED_TREE. Tries a write that changes nothing; refused
 * (lockdown) and vfio set: by vfio-pci, which the caller allows to be bound for that time,
 * where an IOMMU stands behind (HF_ERR_VFIO); vfio not set: HF_ERR_DOE_REFUSED. A function that
 * has a driver keeps it: HF_ERR_VFIO. The modules are loaded by the caller. vfio-pci resets a
 * function that can be reset, when it is opened and again when it is closed. */
enum hf_err hf_mailbox_open(const struct hf_host *host, const struct hf_address *address, bool vfio,
			    struct hf_mailbox *ret) HF_MUST_USE;
void hf_mailbox_close(struct hf_mailbox *mailbox);	/* unbinds vfio-pci again */
/* What a worker that was killed between open and close may have left: a function that had no
 * driver before is unbound from vfio-pci, and its driver_override is emptied. In a worker. */
void hf_mailbox_put_back(const struct hf_host *host, const struct hf_address *address);
/* Whether the kernel refuses writes to configuration space where it lets us read it
 * (lockdown): tried on one function, and changes nothing. False also where nobody can say. */
bool hf_mailbox_refused(const struct hf_host *host, const struct hf_address *address);

#endif
