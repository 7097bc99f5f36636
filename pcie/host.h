/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/host.h: the host's sysfs, live or captured, by directory descriptor. Sole place
 * that opens files of /sys for reading devices. [edge: kernel files]
 *
 * A captured tree is a directory that looks like /sys. It is never written to: rom is
 * enabled by a write only where fstatfs says sysfs.
 */
#ifndef HF_PCIE_HOST_H
#define HF_PCIE_HOST_H

#include "measure/arena.h"
#include "measure/claim.h"

struct hf_host {
	int sysfs;		/* O_PATH directory */
	bool live;		/* a real sysfs: fstatfs says 0x62656572 */
	char root[256];		/* as given, for libpci's sysfs.path and for messages */
	unsigned device_ms;	/* patience with a device that hangs; 0: HF_DEVICE_SECONDS */
};

/* root NULL: "/sys". */
enum hf_err hf_host_open(const char *root, struct hf_host *ret, struct hf_fault *fault) HF_MUST_USE;
void hf_host_close(struct hf_host *host);

/* Path relative to the sysfs root; text files lose their trailing newline. */
enum hf_err hf_host_read_text(const struct hf_host *host, const char *path, char *out, size_t cap) HF_MUST_USE;
enum hf_err hf_host_read(const struct hf_host *host, const char *path, size_t limit,
			 struct hf_arena *arena, struct hf_span *ret, struct hf_fault *fault) HF_MUST_USE;
/* Only where live; a captured tree gives HF_ERR_CAPTURED_TREE. EPERM and EACCES become
 * HF_ERR_KERNEL_REFUSED. */
enum hf_err hf_host_write(const struct hf_host *host, const char *path, const char *text) HF_MUST_USE;

/* "bus/pci/devices/0000:03:00.0" and a file in it. */
void hf_host_device_path(const struct hf_address *address, const char *file, char *out, size_t cap);
bool hf_host_exists(const struct hf_host *host, const char *path);
/* Name of the driver that has the function, cut to fit; false: none has it. */
bool hf_host_driver(const struct hf_host *host, const struct hf_address *address, char *out, size_t cap);

/* May never return: for workers alone. The whole option ROM into buf: enable (live only), read to the end, disable on every
 * way out. Live and memory decoding off: decoding is switched on in the function's
 * COMMAND register for that time. *ret_len is what was read, set also on failure.
 * HF_ERR_ROM_EMPTY: no rom file. HF_ERR_KERNEL_REFUSED, HF_ERR_ROM_READ,
 * HF_ERR_ROM_TOO_LARGE (more than cap bytes). */
enum hf_err hf_host_read_rom(const struct hf_host *host, const struct hf_address *address,
			     uint8_t *buf, size_t cap, size_t *ret_len) HF_MUST_USE;

/* Does the kernel's record give memory from first to last to any PCI function, or can it not
 * be read? What a bridge lets through does not count. */
bool hf_host_memory_taken(const struct hf_host *host, uint64_t first, uint64_t last);

/* What the ROM BAR holds behind the bytes that the kernel gives: that one stops where PCIR
 * says that an image is the last. */
struct hf_rom_rest {
	const struct hf_address *address;
	struct hf_span config;	/* for its header type */
	size_t from;		/* bytes of the BAR that are known already, a multiple of 4 */
	bool shadow;		/* what the kernel gave is no part of the BAR */
	bool sizing;		/* live: the register may be asked for its size by writing to it */
	const char *memory;	/* physical memory; NULL: "/dev/mem" */
};
/* Live: address and size are those of line 7 of the resource file; where that speaks of a
 * copy in memory or is zero, the register's own, if sizing. Firmware may have left an address
 * in it that is another device's now: it has to be nobody's, and a ROM has to answer there.
 * The register gets the address and its enable bit, COMMAND bit 1 is set, memory is read, and
 * both are put back on every way out. A captured tree: from the file rom_bar beside rom, which holds the whole BAR.
 * *ret_len 0 and HF_OK: the BAR is no larger, or nothing says that there is one.
 * HF_ERR_ROM_REST: there is more and it could not be read. HF_ERR_ROM_TOO_LARGE: more than
 * cap bytes; a captured file's first cap bytes are then in buf. */
enum hf_err hf_host_read_rom_rest(const struct hf_host *host, const struct hf_rom_rest *rest,
				  uint8_t *buf, size_t cap, size_t *ret_len) HF_MUST_USE;

/* What a worker that was killed over a ROM may have left on: live, the ROM BAR becomes again
 * what config has (of before), and where memory decoding was off there, it goes off. Nothing
 * is written where a register does not differ, or where the function reads all ones. */
void hf_host_rom_put_back(const struct hf_host *host, const struct hf_address *address,
			  struct hf_span config);

#endif
