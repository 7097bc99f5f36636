/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/vfio.c: the function is bound to vfio-pci for as long as its mailbox is open, by
 * driver_override, so that no other function can come to it. The kernel clears its bus
 * mastering on opening; no memory is mapped for it. [edge: kernel] */
#include "pcie/vfio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "pcie/worker.h"

#define NO_OVERRIDE "(null)"	/* how the kernel writes that there is none */
#define DRIVER_DIR "bus/pci/drivers/" HF_VFIO_DRIVER
#define GROUP_TEXT 16
#define GROUP_TRIES 100		/* another worker may have the group: its functions share it */
#define GROUP_PAUSE_MS 100

static enum hf_err unusable(struct hf_mailbox *m, const char *what, int sys_errno)
{
	snprintf(m->detail, sizeof(m->detail), "%s%s%s", what, sys_errno ? ": " : "",
		 sys_errno ? strerror(sys_errno) : "");
	return HF_ERR_VFIO;
}

/* ---- the driver ---- */

static enum hf_err write_device(const struct hf_mailbox *m, const char *file, const char *text)
{
	char path[96];

	hf_host_device_path(&m->address, file, path, sizeof(path));
	return hf_host_write(m->host, path, text);
}

static bool has_vfio(const struct hf_mailbox *m)
{
	char driver[32];

	return hf_host_driver(m->host, &m->address, driver, sizeof(driver)) &&
	       strcmp(driver, HF_VFIO_DRIVER) == 0;
}

/* The override first: unbinding waits until the function is reset and closed, and whoever
 * loses patience with that and is killed has nothing left to do behind it. */
static void unbind(const struct hf_mailbox *m)
{
	char text[HF_ADDRESS_TEXT];

	hf_address_format(&m->address, text);
	(void)(write_device(m, "driver_override", m->override[0] ? m->override : "\n") == HF_OK);
	if (has_vfio(m))
		(void)(hf_host_write(m->host, DRIVER_DIR "/unbind", text) == HF_OK);
}

static enum hf_err bind(struct hf_mailbox *m)
{
	char text[HF_ADDRESS_TEXT], path[96], before[sizeof(m->override)];
	enum hf_err err;

	if (!hf_host_exists(m->host, DRIVER_DIR))
		return unusable(m, "the kernel has no driver vfio-pci: load its modules", 0);
	hf_host_device_path(&m->address, "driver_override", path, sizeof(path));
	if (hf_host_read_text(m->host, path, before, sizeof(before)) != HF_OK)
		return unusable(m, "driver_override cannot be read", 0);
	snprintf(m->override, sizeof(m->override), "%s", strcmp(before, NO_OVERRIDE) ? before : "");
	m->bound = true;	/* from here on it has to be put back */
	hf_address_format(&m->address, text);
	err = write_device(m, "driver_override", HF_VFIO_DRIVER);
	if (!err)
		err = hf_host_write(m->host, "bus/pci/drivers_probe", text);
	if (err)
		return unusable(m, "the kernel does not let vfio-pci have it", 0);
	return has_vfio(m) ? HF_OK : unusable(m, "vfio-pci did not take it", 0);
}

/* ---- its IOMMU group ---- */

static bool group_of(const struct hf_mailbox *m, char out[static GROUP_TEXT])
{
	char path[96], target[256];
	const char *name;
	ssize_t n;

	hf_host_device_path(&m->address, "iommu_group", path, sizeof(path));
	n = readlinkat(m->host->sysfs, path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (!*name || strlen(name) >= GROUP_TEXT || strspn(name, "0123456789") != strlen(name))
		return false;
	snprintf(out, GROUP_TEXT, "%.15s", name);
	return true;
}

/* Who else is in it and has a driver: that one is what makes the group unusable. */
static void name_neighbour(struct hf_mailbox *m, const char *group)
{
	char path[64], driver[32];
	const struct dirent *entry;
	struct hf_address other;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "kernel/iommu_groups/%.15s/devices", group);
	fd = openat(m->host->sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	snprintf(m->detail, sizeof(m->detail), "a driver has another device of IOMMU group %.15s", group);
	while (dir && (entry = readdir(dir)))
		if (hf_address_parse(entry->d_name, &other) &&
		    !hf_address_equal(&other, &m->address) &&
		    hf_host_driver(m->host, &other, driver, sizeof(driver)) &&
		    strcmp(driver, HF_VFIO_DRIVER) != 0 && strcmp(driver, "pcieport") != 0)
			snprintf(m->detail, sizeof(m->detail), "%s has %.16s of the same IOMMU group %.15s",
				 driver, entry->d_name, group);
	if (dir)
		closedir(dir);
}

static int open_group(const char *group)
{
	const struct timespec pause = { .tv_nsec = GROUP_PAUSE_MS * 1000000L };
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%.15s", group);
	for (int i = 0;; i++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		/* udev, or whoever makes the node, may be behind */
		if (fd >= 0 || i == GROUP_TRIES || (errno != EBUSY && errno != ENOENT) ||
		    (errno == ENOENT && i * GROUP_PAUSE_MS >= 1000))
			return fd;
		hf_worker_progress();
		nanosleep(&pause, NULL);
	}
}

static enum hf_err open_container(struct hf_mailbox *m, const char *group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	m->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (m->container < 0)
		return unusable(m, "/dev/vfio/vfio", errno);
	if (ioctl(m->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    ioctl(m->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		return unusable(m, "the kernel lacks vfio_iommu_type1", 0);
	m->group = open_group(group);
	if (m->group < 0)
		return unusable(m, "its group in /dev/vfio", errno);
	if (ioctl(m->group, VFIO_GROUP_GET_STATUS, &status) != 0)
		return unusable(m, "status of its group", errno);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		name_neighbour(m, group);
		return HF_ERR_VFIO;
	}
	if (ioctl(m->group, VFIO_GROUP_SET_CONTAINER, &m->container) == 0 &&
	    ioctl(m->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0)
		return HF_OK;
	if (errno == EPERM)	/* the kernel's log has the same */
		return unusable(m, "the IOMMU does not remap interrupts (intremap), which vfio asks for", 0);
	return unusable(m, "the IOMMU does not take its group", errno);
}

static enum hf_err open_device(struct hf_mailbox *m)
{
	struct vfio_region_info region = { .argsz = sizeof(region),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	char text[HF_ADDRESS_TEXT];

	hf_address_format(&m->address, text);
	m->fd = ioctl(m->group, VFIO_GROUP_GET_DEVICE_FD, text);
	if (m->fd < 0)
		return unusable(m, "opening it through vfio-pci", errno);
	if (ioctl(m->fd, VFIO_DEVICE_GET_REGION_INFO, &region) != 0)
		return unusable(m, "its configuration space through vfio-pci", errno);
	m->config_at = region.offset;
	return HF_OK;
}

enum hf_err hf_vfio_open(struct hf_mailbox *m)
{
	char group[GROUP_TEXT], driver[32];
	enum hf_err err;

	if (hf_host_driver(m->host, &m->address, driver, sizeof(driver))) {
		snprintf(m->detail, sizeof(m->detail), "driver %s has it: unbind that first", driver);
		return HF_ERR_VFIO;
	}
	if (!group_of(m, group))
		return unusable(m, "no IOMMU group: switch the IOMMU on (intel_iommu=on)", 0);
	err = bind(m);
	if (!err)
		err = open_container(m, group);
	if (!err)
		err = open_device(m);
	if (err)
		hf_vfio_close(m);
	else
		m->way = HF_MAILBOX_VFIO;
	return err;
}

void hf_vfio_close(struct hf_mailbox *m)
{
	int *const fds[] = { &m->fd, &m->group, &m->container };

	/* The kernel lets go of the function only when the last of them is closed. */
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	if (m->bound)
		unbind(m);
	m->bound = false;
}

void hf_mailbox_put_back(const struct hf_host *host, const struct hf_address *address)
{
	const struct hf_mailbox m = { .host = host, .address = *address };
	char path[96], text[sizeof(m.override)];

	if (!host->live)
		return;
	hf_host_device_path(address, "driver_override", path, sizeof(path));
	if (has_vfio(&m) || (hf_host_read_text(host, path, text, sizeof(text)) == HF_OK &&
			     strcmp(text, HF_VFIO_DRIVER) == 0))
		unbind(&m);
}
