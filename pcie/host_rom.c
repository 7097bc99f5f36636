/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The option ROM, as the kernel's rom file gives it, and the rest of the BAR behind it. */
#include "pcie/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pcie/config.h"
#include "pcie/worker.h"

#define SYSFS_MAGIC 0x62656572
#define COMMAND_OFFSET 4
#define COMMAND_MEMORY 2
#define READ_STEP (1u << 20)
#define ROM_ENABLE 1u
#define ROM_ADDRESS 0xfffff800u		/* PCI Local Bus 3.0, 6.2.5.2 */
#define RESOURCE_ROM 6			/* line of the resource file, from 0 */
#define RESOURCE_SHADOW 2u		/* linux/ioport.h: IORESOURCE_ROM_SHADOW, _UNSET */
#define RESOURCE_UNSET 0x20000000u

static ssize_t read_retry(int fd, void *buf, size_t n)
{
	ssize_t got;

	do
		got = read(fd, buf, n);
	while (got < 0 && errno == EINTR);
	return got;
}

static enum hf_err read_all(int fd, uint8_t *buf, size_t cap, size_t *ret_len)
{
	uint8_t extra;
	ssize_t n;

	while (*ret_len < cap) {
		size_t step = cap - *ret_len < READ_STEP ? cap - *ret_len : READ_STEP;

		n = read_retry(fd, buf + *ret_len, step);
		if (n < 0)
			return HF_ERR_ROM_READ;
		if (n == 0)
			return HF_OK;
		*ret_len += (size_t)n;
		hf_worker_progress();
	}
	n = read_retry(fd, &extra, 1);
	if (n < 0)
		return HF_ERR_ROM_READ;
	return n == 0 ? HF_OK : HF_ERR_ROM_TOO_LARGE;
}

static bool is_sysfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == SYSFS_MAGIC;
}

static enum hf_err refused(enum hf_err otherwise)
{
	return errno == EPERM || errno == EACCES ? HF_ERR_KERNEL_REFUSED : otherwise;
}

/* A ROM answers only while its function decodes memory. *ret_fd stays open (for
 * decode_restore) where the register had to be changed, else it is -1. */
static enum hf_err decode_on(const struct hf_host *host, const struct hf_address *address,
			     int *ret_fd, uint8_t old[2])
{
	uint8_t new[2];
	char path[80];
	int fd;

	hf_host_device_path(address, "config", path, sizeof(path));
	fd = openat(host->sysfs, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return refused(HF_ERR_ROM_READ);
	if (pread(fd, old, 2, COMMAND_OFFSET) != 2 || old[0] & COMMAND_MEMORY) {
		close(fd);
		return HF_OK;
	}
	new[0] = old[0] | COMMAND_MEMORY;
	new[1] = old[1];
	if (pwrite(fd, new, 2, COMMAND_OFFSET) != 2) {
		enum hf_err err = refused(HF_ERR_ROM_READ);

		close(fd);
		return err;
	}
	*ret_fd = fd;
	return HF_OK;
}

static enum hf_err decode_restore(int fd, const uint8_t old[2])
{
	ssize_t n = pwrite(fd, old, 2, COMMAND_OFFSET);

	close(fd);
	return n == 2 ? HF_OK : HF_ERR_ROM_READ;
}

/* The kernel takes exactly these two bytes for off, and any others for on. */
static bool rom_file_off(int fd)
{
	return pwrite(fd, "0\n", 2, 0) == 2;
}

static enum hf_err read_live(const struct hf_host *host, const struct hf_address *address, int fd,
			     uint8_t *buf, size_t cap, size_t *ret_len)
{
	uint8_t command[2];
	int config = -1;
	enum hf_err err = decode_on(host, address, &config, command);

	if (err)
		return err;
	if (pwrite(fd, "1", 1, 0) != 1) {
		err = refused(HF_ERR_ROM_READ);
	} else {
		err = read_all(fd, buf, cap, ret_len);
		if (!rom_file_off(fd) && !err)
			err = HF_ERR_ROM_READ;
	}
	if (config >= 0) {
		enum hf_err restored = decode_restore(config, command);

		err = err ? err : restored;
	}
	return err;
}

enum hf_err hf_host_read_rom(const struct hf_host *host, const struct hf_address *address,
			     uint8_t *buf, size_t cap, size_t *ret_len)
{
	char path[80];
	enum hf_err err;
	int fd;

	*ret_len = 0;
	hf_host_device_path(address, "rom", path, sizeof(path));
	fd = openat(host->sysfs, path, (host->live ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? HF_ERR_ROM_EMPTY : refused(HF_ERR_ROM_READ);
	/* Writing "1" to a plain file would change the capture. */
	if (host->live && is_sysfs(fd))
		err = read_live(host, address, fd, buf, cap, ret_len);
	else
		err = read_all(fd, buf, cap, ret_len);
	close(fd);
	return err;
}

/* ---- the rest of the BAR ---- */

struct bar {
	uint64_t address;	/* 0: it has none */
	uint64_t size;		/* bytes; 0: nothing is known of one */
	bool unsure;		/* the register's own word, not the kernel's */
};
struct registers {	/* as they were, to be put back */
	int config;
	size_t bar_at;
	uint8_t command[2], bar[4];
};

static enum hf_err registers_open(const struct hf_host *host, const struct hf_rom_rest *rest,
				  struct registers *ret)
{
	struct registers r = { .bar_at = hf_config_is_bridge(rest->config) ? 0x38 : 0x30 };
	char path[80];

	hf_host_device_path(rest->address, "config", path, sizeof(path));
	r.config = openat(host->sysfs, path, O_RDWR | O_CLOEXEC);
	if (r.config < 0)
		return HF_ERR_ROM_REST;
	if (pread(r.config, r.command, sizeof(r.command), COMMAND_OFFSET) != sizeof(r.command) ||
	    pread(r.config, r.bar, sizeof(r.bar), (off_t)r.bar_at) != sizeof(r.bar)) {
		close(r.config);
		return HF_ERR_ROM_REST;
	}
	*ret = r;
	return HF_OK;
}

static bool set_command(const struct registers *r, bool memory)
{
	uint8_t command[2] = { r->command[0], r->command[1] };

	command[0] = (uint8_t)((command[0] & ~COMMAND_MEMORY) | (memory ? COMMAND_MEMORY : 0));
	return pwrite(r->config, command, sizeof(command), COMMAND_OFFSET) == sizeof(command);
}

static bool set_bar(const struct registers *r, uint32_t value)
{
	uint8_t bar[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			   (uint8_t)(value >> 24) };

	return pwrite(r->config, bar, sizeof(bar), (off_t)r->bar_at) == sizeof(bar);
}

static bool registers_restore(const struct registers *r)
{
	bool ok = pwrite(r->config, r->bar, sizeof(r->bar), (off_t)r->bar_at) == sizeof(r->bar);

	/* both, whatever became of the first */
	ok &= pwrite(r->config, r->command, sizeof(r->command), COMMAND_OFFSET) == sizeof(r->command);
	close(r->config);
	return ok;
}

/* The kernel's own record; false where it has none, or one of the copy in memory. */
static bool bar_from_resource(const struct hf_host *host, const struct hf_rom_rest *rest, struct bar *ret)
{
	char path[80], text[2048];
	char *line = text, *end;

	hf_host_device_path(rest->address, "resource", path, sizeof(path));
	if (hf_host_read_text(host, path, text, sizeof(text)))
		return false;
	for (int i = 0; i < RESOURCE_ROM; i++) {
		line = strchr(line, '\n');
		if (!line++)
			return false;
	}
	uint64_t first = strtoull(line, &end, 16), last = strtoull(end, &end, 16);
	uint64_t flags = strtoull(end, NULL, 16);

	if (last <= first || last - first == UINT64_MAX || flags & RESOURCE_SHADOW)
		return false;
	*ret = (struct bar){ flags & RESOURCE_UNSET ? 0 : first, last - first + 1, false };
	return true;
}

/* What the register itself says: all ones written to it come back as its size. Nothing must
 * reach the device at what is then its address, so memory decoding is off for that time. */
static enum hf_err bar_from_register(const struct hf_host *host, const struct hf_rom_rest *rest,
				     struct bar *ret)
{
	uint8_t sized[4] = { 0 };
	struct registers r;
	enum hf_err err = registers_open(host, rest, &r);
	bool ok;

	if (err)
		return err;
	ok = set_command(&r, false) && set_bar(&r, ROM_ADDRESS) &&
	     pread(r.config, sized, sizeof(sized), (off_t)r.bar_at) == sizeof(sized);
	ok &= registers_restore(&r);
	if (!ok)
		return HF_ERR_ROM_REST;
	uint32_t mask = (uint32_t)hf_le(sized, 4) & ROM_ADDRESS;

	*ret = (struct bar){ hf_le(r.bar, 4) & ROM_ADDRESS, mask ? (uint64_t)(~mask) + 1 : 0, true };
	return HF_OK;
}

static enum hf_err find_bar(const struct hf_host *host, const struct hf_rom_rest *rest, struct bar *ret)
{
	if (bar_from_resource(host, rest, ret))
		return HF_OK;
	if (host->live && rest->sizing)
		return bar_from_register(host, rest, ret);
	/* a copy in memory says that there is a ROM behind it */
	return host->live && rest->shadow ? HF_ERR_ROM_REST : HF_OK;
}

/* Words of 32 bits, in order: some devices answer no other. */
static enum hf_err copy_memory(const char *path, uint64_t address, uint8_t *buf, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), before = address & (page - 1);
	int fd = open(path, O_RDONLY | O_SYNC | O_CLOEXEC);
	uint8_t *map;

	if (fd < 0)
		return HF_ERR_ROM_REST;
	map = mmap(NULL, before + len, PROT_READ, MAP_SHARED, fd, (off_t)(address - before));
	close(fd);
	if (map == MAP_FAILED)
		return HF_ERR_ROM_REST;
	for (size_t i = 0; i + 4 <= len; i += 4) {
		uint32_t word = *(const volatile uint32_t *)(const void *)(map + before + i);

		memcpy(buf + i, &word, 4);
		if (i % page == 0)
			hf_worker_progress();
	}
	munmap(map, before + len);
	return HF_OK;
}

static enum hf_err read_bar(const struct hf_host *host, const struct hf_rom_rest *rest,
			    const struct bar *bar, uint8_t *buf, size_t len)
{
	struct registers r;
	enum hf_err err;

	/* where firmware gave a ROM no place it can leave the register as sizing did, and what
	 * is at that address is something else: the flash below 4 GiB */
	if (bar->address + bar->size > UINT32_MAX)
		return HF_ERR_ROM_REST;
	/* a register of 32 bits, words of four bytes */
	if (bar->address == 0 || bar->address > UINT32_MAX || bar->address & ~(uint64_t)ROM_ADDRESS ||
	    rest->from % 4 || len % 4)
		return HF_ERR_ROM_REST;
	if (bar->unsure && hf_host_memory_taken(host, bar->address, bar->address + bar->size - 1))
		return HF_ERR_ROM_REST;
	err = registers_open(host, rest, &r);
	if (err)
		return err;
	if (!set_bar(&r, (uint32_t)bar->address | ROM_ENABLE) || !set_command(&r, true))
		err = HF_ERR_ROM_REST;
	else
		err = copy_memory(rest->memory ? rest->memory : "/dev/mem",
				  bar->address + rest->from, buf, len);
	if (!registers_restore(&r))
		err = HF_ERR_ROM_REST;
	if (!err && bar->unsure && rest->from == 0 && (buf[0] != 0x55 || buf[1] != 0xaa))
		err = HF_ERR_ROM_REST;	/* something else answers there */
	return err;
}

/* A capture has the whole BAR beside rom, or nothing. */
static enum hf_err read_captured(const struct hf_rom_rest *rest, int fd, uint8_t *buf, size_t cap,
				 size_t *ret_len)
{
	enum hf_err err = HF_OK;

	if (lseek(fd, (off_t)rest->from, SEEK_SET) < 0)
		err = HF_ERR_ROM_REST;
	if (!err)
		err = read_all(fd, buf, cap, ret_len);
	close(fd);
	return err == HF_ERR_ROM_READ ? HF_ERR_ROM_REST : err;
}

enum hf_err hf_host_read_rom_rest(const struct hf_host *host, const struct hf_rom_rest *rest,
				  uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct bar bar = { 0 };
	char path[80];
	enum hf_err err;
	int fd;

	*ret_len = 0;
	hf_host_device_path(rest->address, "rom_bar", path, sizeof(path));
	fd = host->live ? -1 : openat(host->sysfs, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return read_captured(rest, fd, buf, cap, ret_len);
	err = find_bar(host, rest, &bar);
	if (err || bar.size <= rest->from)
		return err;
	if (!host->live)
		return HF_ERR_ROM_REST;
	if (bar.size - rest->from > cap)
		return HF_ERR_ROM_TOO_LARGE;
	err = read_bar(host, rest, &bar, buf, (size_t)bar.size - rest->from);
	if (!err)
		*ret_len = (size_t)bar.size - rest->from;
	return err;
}

/* ---- after a worker that could not put back itself ---- */

static void rom_file_put_back(const struct hf_host *host, const struct hf_address *address)
{
	char path[80];
	int fd;

	hf_host_device_path(address, "rom", path, sizeof(path));
	fd = openat(host->sysfs, path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && is_sysfs(fd))
		(void)rom_file_off(fd);
	if (fd >= 0)
		close(fd);
}

void hf_host_rom_put_back(const struct hf_host *host, const struct hf_address *address,
			  struct hf_span config)
{
	const struct hf_rom_rest function = { .address = address, .config = config };
	struct registers r;

	if (!host->live || config.len < HF_CONFIG_HEADER)
		return;
	rom_file_put_back(host, address);
	if (registers_open(host, &function, &r))
		return;
	if (hf_le(r.command, 2) != 0xffff) {
		const uint8_t *bar = config.ptr + r.bar_at;

		if (memcmp(r.bar, bar, sizeof(r.bar)) != 0)
			(void)set_bar(&r, (uint32_t)hf_le(bar, sizeof(r.bar)));
		if (r.command[0] & COMMAND_MEMORY && !hf_config_decodes_memory(config))
			(void)set_command(&r, false);
	}
	close(r.config);
}
