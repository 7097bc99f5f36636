/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/hold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#define DEVICES "bus/pci/devices"
#define COMMAND 0x04		/* PCI Local Bus 3.0, 6.2.2 */
#define COMMAND_BUS_MASTER 0x0004
#define HEADER_TYPE 0x0e

static enum hf_err refused(int sys_errno)
{
	return sys_errno == EPERM || sys_errno == EACCES ? HF_ERR_KERNEL_REFUSED
							  : HF_ERR_READ_FAILED;
}

static enum hf_err write_sysctl(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int sys_errno;

	if (fd < 0)
		return refused(errno);
	n = write(fd, text, strlen(text));
	sys_errno = errno;
	close(fd);
	return n == (ssize_t)strlen(text) ? HF_OK : refused(sys_errno);
}

static enum hf_err read_sysctl(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return refused(errno);
	n = read(fd, out, cap - 1);
	close(fd);
	if (n < 0)
		return HF_ERR_READ_FAILED;
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == ' '))
		n--;
	out[n] = '\0';
	return HF_OK;
}

static enum hf_err sysctl_off(const char *path)
{
	char now[16];
	enum hf_err wrote = write_sysctl(path, "0\n");
	enum hf_err err = read_sysctl(path, now, sizeof(now));

	if (err == HF_OK && strcmp(now, "0") == 0)
		return HF_OK;
	return wrote != HF_OK ? wrote : HF_ERR_READ_FAILED;
}

static int open_config(const struct hf_host *host, const struct hf_address *address, int flags)
{
	char path[96];

	hf_host_device_path(address, "config", path, sizeof(path));
	return openat(host->sysfs, path, flags | O_CLOEXEC);
}

static enum hf_err read_command(int fd, uint16_t *ret)
{
	uint8_t b[2];
	ssize_t n = pread(fd, b, 2, COMMAND);

	if (n != 2)
		return n < 0 ? refused(errno) : HF_ERR_READ_FAILED;
	*ret = (uint16_t)hf_le(b, 2);
	return HF_OK;
}

static enum hf_err set_bus_master(int fd, bool on)
{
	uint16_t command;
	enum hf_err err = read_command(fd, &command);

	if (err != HF_OK)
		return err;
	if (command == 0xffff)
		return HF_ERR_DEVICE_GONE;
	command = (uint16_t)(on ? command | COMMAND_BUS_MASTER : command & ~COMMAND_BUS_MASTER);
	uint8_t b[2] = { (uint8_t)command, (uint8_t)(command >> 8) };

	if (pwrite(fd, b, 2, COMMAND) != 2)
		return refused(errno);
	err = read_command(fd, &command);
	if (err != HF_OK)
		return err;
	return !!(command & COMMAND_BUS_MASTER) == on ? HF_OK : HF_ERR_KERNEL_REFUSED;
}

enum hf_err hf_hold_bus_master(const struct hf_host *host, const struct hf_address *address, bool on)
{
	int fd = open_config(host, address, O_RDWR);
	enum hf_err err;

	if (fd < 0)
		return refused(errno);
	err = set_bus_master(fd, on);
	close(fd);
	return err;
}

/* Words behind each other; the ones for which there is no room are only counted. */
static void list_add(char *list, size_t cap, const char *word)
{
	size_t len = strlen(list);

	if (len + strlen(word) + 2 < cap)
		snprintf(list + len, cap - len, "%s%s", len ? " " : "", word);
}

static void note_bound(const struct hf_address *address, const char *driver, struct hf_hold *hold)
{
	char text[HF_ADDRESS_TEXT], word[HF_ADDRESS_TEXT + 66];

	hf_address_format(address, text);
	snprintf(word, sizeof(word), "%s=%.64s", text, driver);
	list_add(hold->bound, sizeof(hold->bound), word);
	hold->bound_found++;
}

static void master_off(const struct hf_host *host, const struct hf_address *address, bool bound,
		       struct hf_hold *hold)
{
	char text[HF_ADDRESS_TEXT];
	enum hf_err err;

	hf_address_format(address, text);
	list_add(hold->masters, sizeof(hold->masters), text);
	hold->masters_found++;
	if (bound && hold->give_back_count < HF_HOLD_BOUND_MAX)
		hold->give_back[hold->give_back_count++] = *address;
	err = hf_hold_bus_master(host, address, false);
	if (err == HF_OK) {
		hold->masters_off++;
		return;
	}
	hold->masters_refused++;
	if (hold->bus_master == HF_OK)
		hold->bus_master = err;
}

static void hold_function(const struct hf_host *host, const struct hf_address *address,
			  struct hf_hold *hold)
{
	int fd = open_config(host, address, O_RDONLY);
	char driver[256];
	uint16_t command = 0;
	uint8_t header = 0;
	bool bound, readable;

	hold->functions++;
	bound = hf_host_driver(host, address, driver, sizeof(driver));
	if (bound)
		note_bound(address, driver, hold);
	readable = fd >= 0 && read_command(fd, &command) == HF_OK &&
		   pread(fd, &header, 1, HEADER_TYPE) == 1 && command != 0xffff;
	if (fd >= 0)
		close(fd);
	if (!readable)
		return;	/* enumerate makes the claim */
	/* A bridge that forwards nothing also cuts off what the gate must reach below it. */
	if ((header & 0x7f) == 1 || (header & 0x7f) == 2)
		hold->bridges++;
	else if (command & COMMAND_BUS_MASTER)
		master_off(host, address, bound, hold);
}

static enum hf_err each_function(const struct hf_host *host,
				 void (*visit)(const struct hf_host *, const struct hf_address *,
					       struct hf_hold *),
				 struct hf_hold *hold)
{
	int fd = openat(host->sysfs, DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct hf_address address;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return HF_ERR_PCI_ACCESS;
	}
	while ((entry = readdir(dir)))
		if (hf_address_parse(entry->d_name, &address))
			visit(host, &address, hold);
	closedir(dir);
	return HF_OK;
}

enum hf_err hf_hold_devices(const struct hf_host *host, struct hf_hold *hold)
{
	return each_function(host, hold_function, hold);
}

enum hf_err hf_hold_take(const struct hf_host *host, struct hf_hold *ret, struct hf_fault *fault)
{
	enum hf_err err;

	memset(ret, 0, sizeof(*ret));
	ret->autoprobe = hf_host_write(host, "bus/pci/drivers_autoprobe", "0");
	if (read_sysctl("/proc/sys/kernel/sysrq", ret->sysrq_before, sizeof(ret->sysrq_before)) != HF_OK)
		ret->sysrq_before[0] = '\0';
	ret->sysrq = sysctl_off("/proc/sys/kernel/sysrq");
	ret->ctrl_alt_del = reboot(RB_DISABLE_CAD) == 0 ? HF_OK : HF_ERR_KERNEL_REFUSED;
	ret->panic = sysctl_off("/proc/sys/kernel/panic");
	if (ret->panic != HF_OK)	/* a crash would restart the host and pass the gate by */
		return hf_fail(fault, HF_ERR_HOLD_FAILED, "/proc/sys/kernel/panic", "%s",
			       "does not stay 0");
	err = hf_hold_devices(host, ret);
	if (err != HF_OK)
		return hf_fail(fault, HF_ERR_HOLD_FAILED, "bus/pci/devices", "%s", hf_err_name(err));
	return HF_OK;
}

/* Processors that maxcpus= left unstarted. cpu0 has no "online" file. */
static enum hf_err start_processors(const struct hf_host *host, struct hf_fault *fault)
{
	char path[64], state[16];

	for (unsigned cpu = 1; cpu < 8192; cpu++) {
		snprintf(path, sizeof(path), "devices/system/cpu/cpu%u/online", cpu);
		if (faccessat(host->sysfs, path, F_OK, 0) != 0) {
			snprintf(path, sizeof(path), "devices/system/cpu/cpu%u", cpu);
			if (faccessat(host->sysfs, path, F_OK, 0) != 0)
				break;
			continue;
		}
		if (hf_host_read_text(host, path, state, sizeof(state)) == HF_OK &&
		    strcmp(state, "1") == 0)
			continue;
		enum hf_err err = hf_host_write(host, path, "1");

		if (err != HF_OK)
			return hf_fail(fault, HF_ERR_CPU_RELEASE, path, "%s", hf_err_name(err));
	}
	return HF_OK;
}

static void probe_function(const struct hf_host *host, const struct hf_address *address,
			   struct hf_hold *hold)
{
	char text[HF_ADDRESS_TEXT], driver[256];

	(void)hold;
	if (hf_host_driver(host, address, driver, sizeof(driver)))
		return;
	hf_address_format(address, text);
	/* A device that no loaded driver wants is not an error. */
	enum hf_err ignored = hf_host_write(host, "bus/pci/drivers_probe", text);

	(void)ignored;
}

/* An isolated part is gone, and nothing is given back to it. */
static bool is_there(const struct hf_host *host, const struct hf_address *address)
{
	char path[96];

	hf_host_device_path(address, "config", path, sizeof(path));
	return hf_host_exists(host, path);
}

enum hf_err hf_hold_give_back(const struct hf_host *host, const struct hf_hold *hold,
			      struct hf_fault *fault)
{
	enum hf_err err = start_processors(host, fault);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < hold->give_back_count; i++) {
		err = hf_hold_bus_master(host, &hold->give_back[i], true);
		if (err != HF_OK && err != HF_ERR_DEVICE_GONE && is_there(host, &hold->give_back[i]))
			return hf_fail(fault, HF_ERR_RELEASE_FAILED, "bus mastering", "%s",
				       hf_err_name(err));
	}
	err = hf_host_write(host, "bus/pci/drivers_autoprobe", "1");
	if (err != HF_OK)
		return hf_fail(fault, HF_ERR_RELEASE_FAILED, "drivers_autoprobe", "%s", hf_err_name(err));
	err = each_function(host, probe_function, NULL);
	if (err != HF_OK)
		return hf_fail(fault, err, "bus/pci/devices", "%s", "at release");
	if (hold->sysrq_before[0] &&
	    write_sysctl("/proc/sys/kernel/sysrq", hold->sysrq_before) != HF_OK)
		return hf_fail(fault, HF_ERR_RELEASE_FAILED, "/proc/sys/kernel/sysrq", "%s", "");
	return HF_OK;
}
