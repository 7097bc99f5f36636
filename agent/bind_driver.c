/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drivers to devices by sysfs, in children that may be given up. [edge: kernel files] */
#include "agent/bind.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "pcie/worker.h"

#define DRIVER_NAME 65
#define REAP_MS 50

/* A module's PCI driver may have another name: /sys/module/xhci_pci/drivers/pci:xhci_hcd. */
static bool driver_of_module(const struct hf_host *host, const char *module, char out[DRIVER_NAME])
{
	char path[128];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "module/%.64s", module);
	for (char *c = path + strlen("module/"); *c; c++)
		*c = *c == '-' ? '_' : *c;
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/drivers");
	fd = openat(host->sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(dir))) {
		found = strncmp(entry->d_name, "pci:", 4) == 0 && strlen(entry->d_name) < DRIVER_NAME;
		if (found)
			snprintf(out, DRIVER_NAME, "%.64s", entry->d_name + 4);
	}
	closedir(dir);
	return found;
}

/* The directory below bus/pci/drivers; modules and drivers disagree about dashes too. */
static bool driver_name(const struct hf_host *host, const char *driver, char out[DRIVER_NAME])
{
	char path[128];

	if (driver_of_module(host, driver, out))
		return true;
	for (int form = 0; form < 3; form++) {
		snprintf(out, DRIVER_NAME, "%.64s", driver);
		for (char *c = out; form && *c; c++)
			if (*c == '-' || *c == '_')
				*c = form == 1 ? '-' : '_';
		snprintf(path, sizeof(path), "bus/pci/drivers/%.64s", out);
		if (faccessat(host->sysfs, path, F_OK, 0) == 0)
			return true;
	}
	return false;
}

/* ---- the write, which returns when the driver's probe or remove does ---- */

static int write_text(int sysfs, const char *path, const char *text)
{
	int fd = openat(sysfs, path, O_WRONLY | O_CLOEXEC), sys_errno = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		sys_errno = errno;
	close(fd);
	return sys_errno;
}

struct order {
	int sysfs;
	const char *path, *text;
};

static void carry_out(void *self, int socket)
{
	const struct order *o = self;
	int sys_errno = write_text(o->sysfs, o->path, o->text);
	ssize_t n = write(socket, &sys_errno, sizeof(sys_errno));

	(void)n;	/* without a word the parent says EIO */
}

/* What the child says; ETIME if it says nothing in time, EIO if it ends without a word. */
static int hear(int fd, uint64_t deadline_ms)
{
	const uint64_t end = hf_now_ms() + deadline_ms;
	int sys_errno = 0;

	for (;;) {
		uint64_t now = hf_now_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int rc = now >= end ? 0 : poll(&p, 1, (int)(end - now));

		if (rc == 0)
			return ETIME;
		if (rc > 0)
			break;
		if (errno != EINTR)
			return errno;
	}
	return read(fd, &sys_errno, sizeof(sys_errno)) == (ssize_t)sizeof(sys_errno) ? sys_errno : EIO;
}

/* A child inside the kernel does not die before the driver lets it: it is not waited for, and
 * a host that is held has one sleeper more. */
static int write_in_child(const struct hf_host *host, const char *path, const char *text,
			  uint64_t deadline_ms)
{
	struct order order = { host->sysfs, path, text };
	const struct hf_worker_plan plan = { .run = carry_out, .self = &order,
					     .keep = &host->sysfs, .keep_count = 1 };
	struct hf_worker worker;
	int sys_errno;

	if (hf_worker_start(&plan, &worker) != HF_OK)
		return EAGAIN;
	sys_errno = hear(worker.socket, deadline_ms);
	hf_worker_abandon(&worker);
	(void)hf_workers_reap(REAP_MS);
	return sys_errno;
}

static enum hf_err write_address(const struct hf_host *host, const char *name, const char *file,
				 const struct hf_address *address, uint64_t deadline_ms,
				 struct hf_fault *fault)
{
	char text[HF_ADDRESS_TEXT], path[128];
	int sys_errno;

	hf_address_format(address, text);
	snprintf(path, sizeof(path), "bus/pci/drivers/%.64s/%s", name, file);
	sys_errno = write_in_child(host, path, text, deadline_ms);
	if (sys_errno == ETIME)
		return hf_fail(fault, HF_ERR_TIMED_OUT, text, "%s %s: not back after %llu ms", file, name,
			       (unsigned long long)deadline_ms);
	if (sys_errno != 0)
		return hf_fail(fault, HF_ERR_BIND_FAILED, text, "%s %s: %s", file, name,
			       strerror(sys_errno));
	return HF_OK;
}

enum hf_err hf_driver_bind(const struct hf_host *host, const char *driver,
			   const struct hf_address *address, uint64_t deadline_ms,
			   struct hf_fault *fault)
{
	char name[DRIVER_NAME], now[DRIVER_NAME], device[HF_ADDRESS_TEXT];
	enum hf_err err;

	hf_address_format(address, device);
	if (!host->live)
		return hf_fail(fault, HF_ERR_CAPTURED_TREE, driver, "%s", "");
	if (!driver_name(host, driver, name))
		return hf_fail(fault, HF_ERR_BIND_FAILED, device, "the kernel has no driver %s", driver);
	if (hf_host_driver(host, address, now, sizeof(now)))
		return hf_fail(fault, HF_ERR_BIND_FAILED, device, "%s has it already", now);
	err = write_address(host, name, "bind", address, deadline_ms, fault);
	if (err == HF_OK && (!hf_host_driver(host, address, now, sizeof(now)) || strcmp(now, name) != 0))
		return hf_fail(fault, HF_ERR_BIND_FAILED, device, "%s did not take it", name);
	return err;
}

enum hf_err hf_driver_unbind(const struct hf_host *host, const char *driver,
			     const struct hf_address *address, uint64_t deadline_ms,
			     struct hf_fault *fault)
{
	char name[DRIVER_NAME], now[DRIVER_NAME], device[HF_ADDRESS_TEXT];

	hf_address_format(address, device);
	if (!host->live)
		return hf_fail(fault, HF_ERR_CAPTURED_TREE, driver, "%s", "");
	if (!hf_host_driver(host, address, now, sizeof(now)))
		return HF_OK;
	if (!driver_name(host, driver, name) || strcmp(name, now) != 0)
		return hf_fail(fault, HF_ERR_BIND_FAILED, device, "%s has it, not %s", now, driver);
	return write_address(host, name, "unbind", address, deadline_ms, fault);
}

enum hf_err hf_bus_grown(const struct hf_host *host, const struct hf_bus *bus, bool *ret,
			 struct hf_fault *fault)
{
	int fd = openat(host->sysfs, "bus/pci/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct hf_address address;
	bool grown = false;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return hf_fail(fault, HF_ERR_PCI_ACCESS, "bus/pci/devices", "%s", "after binding");
	}
	while ((entry = readdir(dir)))
		grown |= hf_address_parse(entry->d_name, &address) && !hf_bus_find(bus, &address);
	closedir(dir);
	*ret = grown;
	return HF_OK;
}
