/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pcie/config.h"
#include "pcie/port.h"

/* PCIe base 6.0, 7.5.3: offsets in the PCI Express capability, and the bits used. */
#define CAP_PCIE 0x10
#define FLAGS_SLOT 0x0100
#define LINK_CAPABILITIES 0x0c
#define LINK_CAP_REPORTING (1u << 20)
#define LINK_CONTROL 0x10
#define LINK_DISABLE 0x0010
#define LINK_STATUS 0x12
#define LINK_ACTIVE 0x2000
#define SLOT_CAPABILITIES 0x14
#define SLOT_CAP_POWER (1u << 1)
#define SLOT_CAP_HOT_PLUG (1u << 6)
#define SLOT_CONTROL 0x18
#define SLOT_POWER_OFF 0x0400
#define SLOT_INDICATOR_OFF 0x0300	/* a person may pull the card out now */
#define POLL_MS 10

const char *hf_fence_method_name(enum hf_fence_method method)
{
	switch (method) {
	case HF_FENCE_NONE:
		return "none";
	case HF_FENCE_LINK:
		return "link-disable";
	case HF_FENCE_POWER:
		return "slot-power";
	}
	return "none";
}

static enum hf_err impossible(struct hf_fault *fault, const struct hf_part *part, const char *why)
{
	return hf_fail(fault, HF_ERR_FENCE_IMPOSSIBLE, part->path, "%s", why);
}

/* ---- which port ---- */

enum hf_err hf_fence_find_port(const struct hf_bus *bus, const struct hf_part *part,
			       struct hf_fence_port *ret, struct hf_fault *fault)
{
	const struct hf_bus_function *port;
	uint8_t type = 0, subordinate;
	bool slot = false, loop = false;
	const char *why = NULL;
	size_t cap;

	if (part->kind != HF_PART_CARD)
		return impossible(fault, part, "the board itself cannot be isolated");
	port = hf_port_alone(bus, part, &why);
	if (!port)
		return impossible(fault, part, why);
	(void)hf_config_port(port->config, &type, &slot);
	cap = hf_config_capability(port->config, CAP_PCIE, &loop);
	if (loop || cap == 0 || cap + SLOT_CONTROL + 2 > port->config.len)
		return impossible(fault, part, "the port's registers cannot be read");

	uint32_t link_cap = (uint32_t)hf_le(port->config.ptr + cap + LINK_CAPABILITIES, 4);
	uint32_t slot_cap = (uint32_t)hf_le(port->config.ptr + cap + SLOT_CAPABILITIES, 4);

	*ret = (struct hf_fence_port){
		.address = port->address, .capability = (uint16_t)cap,
		.link_reporting = link_cap & LINK_CAP_REPORTING,
		.power = slot && slot_cap & SLOT_CAP_POWER,
		.hot_plug = slot && slot_cap & SLOT_CAP_HOT_PLUG,
	};
	hf_config_buses(port->config, &ret->bus, &subordinate);
	return HF_OK;
}

/* ---- registers ---- */

static int open_config(const struct hf_host *host, const struct hf_address *address, int flags)
{
	char path[96];

	hf_host_device_path(address, "config", path, sizeof(path));
	return openat(host->sysfs, path, flags | O_CLOEXEC);
}

static bool read16(int fd, size_t offset, uint16_t *ret)
{
	uint8_t b[2];

	if (pread(fd, b, 2, (off_t)offset) != 2)
		return false;
	*ret = (uint16_t)hf_le(b, 2);
	return true;
}

/* Whether the bits read back as they were written. */
static bool set_bits(int fd, size_t offset, uint16_t bits)
{
	uint16_t value;

	if (!read16(fd, offset, &value))
		return false;
	value |= bits;
	uint8_t b[2] = { (uint8_t)value, (uint8_t)(value >> 8) };

	if (pwrite(fd, b, 2, (off_t)offset) != 2)
		return false;
	return read16(fd, offset, &value) && (value & bits) == bits;
}

static bool function_silent(const struct hf_host *host, const struct hf_address *address)
{
	uint8_t header[HF_CONFIG_HEADER], all = 0xff;
	int fd = open_config(host, address, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, header, sizeof(header), 0);
	close(fd);
	for (size_t i = 0; i < sizeof(header); i++)
		all &= header[i];
	return n == (ssize_t)sizeof(header) && all == 0xff;
}

static bool all_silent(const struct hf_host *host, const struct hf_part *part)
{
	for (const struct hf_function *f = part->functions; f; f = f->next)
		if (!function_silent(host, &f->address))
			return false;
	return part->functions != NULL;
}

static bool link_down(int fd, const struct hf_fence_port *port)
{
	uint16_t status;

	return read16(fd, port->capability + (size_t)LINK_STATUS, &status) &&
	       !(port->link_reporting && status & LINK_ACTIVE);
}

static bool wait_silent(const struct hf_host *host, int fd, const struct hf_part *part,
			const struct hf_fence_port *port)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };

	for (int waited = 0; waited <= HF_FENCE_WAIT_MS; waited += POLL_MS) {
		if (link_down(fd, port) && all_silent(host, part))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static enum hf_fence_method switch_off(const struct hf_host *host, int fd,
				       const struct hf_part *part, const struct hf_fence_port *port)
{
	const size_t at = port->capability;

	if (set_bits(fd, at + LINK_CONTROL, LINK_DISABLE) && wait_silent(host, fd, part, port))
		return HF_FENCE_LINK;
	/* Not every port has Link Disable that works; the slot's power is the other way. */
	if (port->power && set_bits(fd, at + SLOT_CONTROL, SLOT_POWER_OFF | SLOT_INDICATOR_OFF) &&
	    wait_silent(host, fd, part, port))
		return HF_FENCE_POWER;
	return HF_FENCE_NONE;
}

/* ---- the kernel's view ---- */

static bool known_to_kernel(const struct hf_host *host, const struct hf_part *part)
{
	char path[96];

	for (const struct hf_function *f = part->functions; f; f = f->next) {
		hf_host_device_path(&f->address, "config", path, sizeof(path));
		if (hf_host_exists(host, path))
			return true;
	}
	return false;
}

/* Whatever sits on the port's bus; what is below goes with it. */
static enum hf_err remove_from_kernel(const struct hf_host *host, const struct hf_part *part,
				      const struct hf_fence_port *port)
{
	char path[96];

	for (const struct hf_function *f = part->functions; f; f = f->next) {
		enum hf_err err;

		hf_host_device_path(&f->address, "remove", path, sizeof(path));
		if (f->address.bus != port->bus || !hf_host_exists(host, path))
			continue;
		err = hf_host_write(host, path, "1");
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_fence_part(const struct hf_host *host, const struct hf_part *part,
			  const struct hf_fence_port *port, enum hf_fence_method *ret,
			  struct hf_fault *fault)
{
	enum hf_fence_method method;
	bool down;
	int fd;

	if (!host->live)
		return impossible(fault, part, "a captured tree: nothing is written to it");
	fd = open_config(host, &port->address, O_RDWR);
	if (fd < 0)
		return impossible(fault, part, errno == EPERM || errno == EACCES ?
				  "the kernel refuses writes to the port" :
				  "the port cannot be opened");
	method = switch_off(host, fd, part, port);
	close(fd);
	if (method == HF_FENCE_NONE)
		return impossible(fault, part, "it still answers: the port switches neither link nor "
				  "slot power off, or the kernel refuses");
	if (remove_from_kernel(host, part, port) != HF_OK || known_to_kernel(host, part))
		return impossible(fault, part, "the kernel does not let go of it");
	if (hf_host_write(host, "bus/pci/rescan", "1") != HF_OK)
		return impossible(fault, part, "the kernel does not look for it again");
	fd = open_config(host, &port->address, O_RDONLY);
	down = fd >= 0 && link_down(fd, port);
	if (fd >= 0)
		close(fd);
	if (!down || known_to_kernel(host, part))
		return impossible(fault, part, "it came back when the kernel looked again");
	*ret = method;
	return HF_OK;
}
