/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "measure/file.h"

#define MODULE_INIT_COMPRESSED_FILE 4	/* linux/module.h, since 5.17 */
#define MODULE_DEPENDENCIES_MAX 32

static bool same_name_char(uint8_t a, char b)
{
	return a == (uint8_t)b || ((a == '-' || a == '_') && (b == '-' || b == '_'));
}

/* "kernel/drivers/nvme/host/nvme-core.ko.xz" is module nvme_core. */
static bool path_names(struct hf_span path, const char *name)
{
	size_t start = path.len, len = strlen(name);

	while (start > 0 && path.ptr[start - 1] != '/')
		start--;
	if (path.len - start < len + 3 || memcmp(path.ptr + start + len, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!same_name_char(path.ptr[start + i], name[i]))
			return false;
	return path.len == start + len + 3 || path.ptr[start + len + 3] == '.';
}

bool hf_modules_path(struct hf_span *line, struct hf_span *ret_path)
{
	size_t len = 0;

	while (line->len && (line->ptr[0] == ' ' || line->ptr[0] == ':'))
		*line = hf_span_part(*line, 1, line->len - 1);
	while (len < line->len && line->ptr[len] != ' ' && line->ptr[len] != ':')
		len++;
	if (len == 0)
		return false;
	*ret_path = hf_span_part(*line, 0, len);
	*line = hf_span_part(*line, len, line->len - len);
	return true;
}

bool hf_modules_find(struct hf_span modules_dep, const char *name, struct hf_span *ret_line)
{
	for (size_t pos = 0; pos < modules_dep.len;) {
		const uint8_t *end = memchr(modules_dep.ptr + pos, '\n', modules_dep.len - pos);
		size_t len = end ? (size_t)(end - modules_dep.ptr) - pos : modules_dep.len - pos;
		struct hf_span line = { modules_dep.ptr + pos, len };
		struct hf_span rest = line, path;

		if (hf_modules_path(&rest, &path) && path_names(path, name)) {
			*ret_line = line;
			return true;
		}
		pos += len + 1;
	}
	return false;
}

static enum hf_err insert(int dirfd, struct hf_span path, struct hf_fault *fault)
{
	char name[256];
	long rc;
	int fd, flags;

	snprintf(name, sizeof(name), "%.*s", (int)path.len, (const char *)path.ptr);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_BIND_FAILED, errno, name);
	flags = path.len > 3 && memcmp(path.ptr + path.len - 3, ".ko", 3) == 0
			? 0 : MODULE_INIT_COMPRESSED_FILE;
	rc = syscall(SYS_finit_module, fd, "", flags);
	if (rc != 0 && errno != EEXIST) {
		rc = errno;
		close(fd);
		return hf_fail_errno(fault, HF_ERR_BIND_FAILED, (int)rc, name);
	}
	close(fd);
	return HF_OK;
}

static enum hf_err insert_line(int dirfd, struct hf_span line, struct hf_fault *fault)
{
	struct hf_span paths[MODULE_DEPENDENCIES_MAX];
	size_t count = 0;

	while (count < MODULE_DEPENDENCIES_MAX && hf_modules_path(&line, &paths[count]))
		count++;
	if (count == MODULE_DEPENDENCIES_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, "modules.dep", "%s", "too many dependencies");
	while (count-- > 0) {
		enum hf_err err = insert(dirfd, paths[count], fault);

		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

static bool built_in(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%.64s", name);
	for (char *c = path; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return access(path, F_OK) == 0;
}

enum hf_err hf_module_load(const char *name, struct hf_fault *fault)
{
	struct utsname uts;
	struct hf_arena arena;
	struct hf_span dep, line;
	char path[256];
	enum hf_err err;
	int dirfd;

	if (built_in(name))	/* or loaded before */
		return HF_OK;
	if (uname(&uts) != 0 || hf_arena_make(2 * HF_MODULES_DEP_MAX, &arena) != HF_OK)
		return hf_fail(fault, HF_ERR_NO_MEMORY, name, "%s", "modules.dep");
	snprintf(path, sizeof(path), "/lib/modules/%.128s", uts.release);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		hf_arena_drop(&arena);
		return hf_fail_errno(fault, HF_ERR_BIND_FAILED, errno, path);
	}
	err = hf_file_read(dirfd, "modules.dep", HF_MODULES_DEP_MAX, &arena, &dep, fault);
	if (err == HF_OK && !hf_modules_find(dep, name, &line))
		err = hf_fail(fault, HF_ERR_BIND_FAILED, name, "not in %s/modules.dep", path);
	if (err == HF_OK)
		err = insert_line(dirfd, line, fault);
	close(dirfd);
	hf_arena_drop(&arena);
	return err;
}

/* The directory below bus/pci/drivers; modules and drivers disagree about dashes. */
static bool driver_path(const struct hf_host *host, const char *driver, const char *file,
			char *out, size_t cap)
{
	char dir[128];

	for (int form = 0; form < 3; form++) {
		snprintf(dir, sizeof(dir), "bus/pci/drivers/%.64s", driver);
		for (char *c = dir; form && *c; c++)
			if (*c == '-' || *c == '_')
				*c = form == 1 ? '-' : '_';
		if (faccessat(host->sysfs, dir, F_OK, 0) != 0)
			continue;
		snprintf(out, cap, "%s/%s", dir, file);
		return true;
	}
	return false;
}

static int write_address(const struct hf_host *host, const char *path, const struct hf_address *address)
{
	char text[HF_ADDRESS_TEXT];
	int fd = openat(host->sysfs, path, O_WRONLY | O_CLOEXEC), sys_errno = 0;

	if (fd < 0)
		return errno;
	hf_address_format(address, text);
	if (write(fd, text, strlen(text)) < 0)
		sys_errno = errno;
	close(fd);
	return sys_errno;
}

enum hf_err hf_driver_bind(const struct hf_host *host, const char *driver,
			   const struct hf_address *address, bool *ret_bound, struct hf_fault *fault)
{
	char path[192], device[HF_ADDRESS_TEXT];
	int sys_errno;

	*ret_bound = false;
	if (!host->live)
		return hf_fail(fault, HF_ERR_CAPTURED_TREE, driver, "%s", "");
	if (!driver_path(host, driver, "bind", path, sizeof(path)))
		return HF_OK;
	sys_errno = write_address(host, path, address);
	if (sys_errno == ENODEV || sys_errno == EBUSY)	/* not its device; already bound */
		return HF_OK;
	hf_address_format(address, device);
	if (sys_errno != 0)
		return hf_fail(fault, HF_ERR_BIND_FAILED, device, "%s: %s", driver, strerror(sys_errno));
	*ret_bound = true;
	return HF_OK;
}

enum hf_err hf_driver_unbind(const struct hf_host *host, const char *driver,
			     const struct hf_address *address, struct hf_fault *fault)
{
	char path[192], device[HF_ADDRESS_TEXT];
	int sys_errno;

	if (!host->live)
		return hf_fail(fault, HF_ERR_CAPTURED_TREE, driver, "%s", "");
	hf_address_format(address, device);
	if (!driver_path(host, driver, "unbind", path, sizeof(path)))
		return hf_fail(fault, HF_ERR_BIND_FAILED, device, "%s is gone", driver);
	sys_errno = write_address(host, path, address);
	if (sys_errno != 0)
		return hf_fail(fault, HF_ERR_BIND_FAILED, device, "unbind %s: %s", driver,
			       strerror(sys_errno));
	return HF_OK;
}
