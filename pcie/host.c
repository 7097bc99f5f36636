/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "measure/file.h"
#include "pcie/worker.h"

#define SYSFS_MAGIC 0x62656572
#define COMMAND_OFFSET 4
#define COMMAND_MEMORY 2
#define READ_STEP (1u << 20)

enum hf_err hf_host_open(const char *root, struct hf_host *ret, struct hf_fault *fault)
{
	struct hf_host host = { .sysfs = -1 };
	struct statfs fs;
	size_t len;

	root = root ? root : "/sys";
	len = strlen(root);
	while (len > 1 && root[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(host.root) - sizeof("/bus/pci"))
		return hf_fail(fault, HF_ERR_FILE_UNREADABLE, root, "path empty or too long");
	memcpy(host.root, root, len);
	host.sysfs = open(host.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host.sysfs < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, root);
	if (fstatfs(host.sysfs, &fs) != 0) {
		hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, root);
		close(host.sysfs);
		return HF_ERR_FILE_UNREADABLE;
	}
	host.live = fs.f_type == SYSFS_MAGIC;
	*ret = host;
	return HF_OK;
}

void hf_host_close(struct hf_host *host)
{
	if (host->sysfs >= 0)
		close(host->sysfs);
	host->sysfs = -1;
}

static ssize_t read_retry(int fd, void *buf, size_t n)
{
	ssize_t got;

	do
		got = read(fd, buf, n);
	while (got < 0 && errno == EINTR);
	return got;
}

enum hf_err hf_host_read_text(const struct hf_host *host, const char *path, char *out, size_t cap)
{
	int fd = openat(host->sysfs, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return HF_ERR_FILE_UNREADABLE;
	char text[4096];

	while (len < sizeof(text) && (n = read_retry(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	close(fd);
	if (n < 0)
		return HF_ERR_FILE_UNREADABLE;
	while (len && text[len - 1] == '\n')
		len--;
	if (len >= cap)
		return HF_ERR_FILE_TOO_LARGE;
	memcpy(out, text, len);
	out[len] = '\0';
	return HF_OK;
}

enum hf_err hf_host_read(const struct hf_host *host, const char *path, size_t limit,
			 struct hf_arena *arena, struct hf_span *ret, struct hf_fault *fault)
{
	return hf_file_read(host->sysfs, path, limit, arena, ret, fault);
}

enum hf_err hf_host_write(const struct hf_host *host, const char *path, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;
	int fd, why;

	if (!host->live)
		return HF_ERR_CAPTURED_TREE;
	fd = openat(host->sysfs, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == EPERM || errno == EACCES ? HF_ERR_KERNEL_REFUSED :
							   HF_ERR_FILE_UNREADABLE;
	n = write(fd, text, len);
	why = n < 0 ? errno : 0;
	close(fd);
	if (why == EPERM || why == EACCES)
		return HF_ERR_KERNEL_REFUSED;
	return n == (ssize_t)len ? HF_OK : HF_ERR_OUTPUT_FAILED;
}

void hf_host_device_path(const struct hf_address *address, const char *file, char *out, size_t cap)
{
	snprintf(out, cap, "bus/pci/devices/%04x:%02x:%02x.%x%s%s", (unsigned)address->domain,
		 address->bus, address->device, address->function, file[0] ? "/" : "", file);
}

bool hf_host_exists(const struct hf_host *host, const char *path)
{
	return faccessat(host->sysfs, path, F_OK, 0) == 0;
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
		if (pwrite(fd, "0", 1, 0) != 1 && !err)
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
