/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "measure/file.h"

#define SYSFS_MAGIC 0x62656572

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

bool hf_host_driver(const struct hf_host *host, const struct hf_address *address, char *out, size_t cap)
{
	char path[96], target[256];
	const char *slash;
	ssize_t n;

	hf_host_device_path(address, "driver", path, sizeof(path));
	n = readlinkat(host->sysfs, path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, cap, "%s", slash ? slash + 1 : target);
	return true;
}
