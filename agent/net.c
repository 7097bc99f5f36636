/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/net_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/watch.h"
#include "pcie/worker.h"

#define SLICE_NS 50000000L
#define DRIVER_MS 10000		/* for a driver to make its interface */
#define CONF6 "/proc/sys/net/ipv6/conf"
#define CONF4 "/proc/sys/net/ipv4/conf"
#define SCOPE_HOST 0x10u	/* of /proc/net/if_inet6 */
#define SCOPE_LINK 0x20u
#define NOT_USABLE (0x40u | 0x20u | 0x08u)	/* tentative, deprecated, duplicate */

bool hf_net_slice(uint64_t end_ms)
{
	const struct timespec pause = { .tv_nsec = SLICE_NS };

	if (!hf_watch_kick() || hf_now_ms() >= end_ms)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

/* ---- the interface of a function ---- */

/* The first name in a directory that begins so. */
static bool first_entry(int dir, const char *path, const char *begins, char out[static HF_INTERFACE_MAX])
{
	const int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	char best[HF_INTERFACE_MAX] = "";

	if (!list) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((entry = readdir(list)))
		if (entry->d_name[0] != '.' && strncmp(entry->d_name, begins, strlen(begins)) == 0 &&
		    strlen(entry->d_name) < HF_INTERFACE_MAX && (!best[0] || strcmp(entry->d_name, best) < 0))
			memcpy(best, entry->d_name, strlen(entry->d_name) + 1);
	closedir(list);
	if (best[0])
		memcpy(out, best, sizeof(best));
	return best[0] != '\0';
}

/* Beside the function itself, or beside the virtio device that it carries. */
static bool find_interface(const struct hf_host *host, const struct hf_address *function,
			   char ret[static HF_INTERFACE_MAX])
{
	char path[256], virtio[HF_INTERFACE_MAX];
	size_t len;

	hf_host_device_path(function, "net", path, sizeof(path));
	if (first_entry(host->sysfs, path, "", ret))
		return true;
	hf_host_device_path(function, "", path, sizeof(path));
	if (!first_entry(host->sysfs, path, "virtio", virtio))
		return false;
	len = strlen(path);
	snprintf(path + len, sizeof(path) - len, "/%s/net", virtio);
	return first_entry(host->sysfs, path, "", ret);
}

enum hf_err hf_net_interface(const struct hf_host *host, const struct hf_address *function,
			     char ret[static HF_INTERFACE_MAX], struct hf_fault *fault)
{
	const uint64_t end = host->live ? hf_now_ms() + DRIVER_MS : 0;
	char path[256];

	do
		if (find_interface(host, function, ret))
			return HF_OK;
	while (hf_net_slice(end));
	hf_host_device_path(function, "", path, sizeof(path));
	return hf_fail(fault, HF_ERR_LINK_NO_NIC, path, "%s", "its driver made no interface");
}

/* ---- the kernel's settings ---- */

static bool set(const char *conf, const char *interface, const char *name, const char *value)
{
	char path[160];
	int fd;
	bool good;

	snprintf(path, sizeof(path), "%s/%s/%s", conf, interface, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	good = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return good;
}

/* Router advertisements are read by the kernel, on this interface and no other. */
static void silence_others(const char *interface)
{
	DIR *list = opendir(CONF6);
	const struct dirent *entry;

	while (list && (entry = readdir(list)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, interface) != 0 &&
		    strcmp(entry->d_name, "all") != 0)
			(void)set(CONF6, entry->d_name, "disable_ipv6", "1");
	if (list)
		closedir(list);
}

static enum hf_err configure(const char *interface, bool slaac, struct hf_fault *fault)
{
	silence_others(interface);
	(void)set(CONF4, interface, "accept_redirects", "0");
	(void)set(CONF4, interface, "accept_source_route", "0");
	if (!slaac) {	/* where the kernel has no IPv6 there is nothing to switch off */
		(void)set(CONF6, interface, "disable_ipv6", "1");
		return HF_OK;
	}
	(void)set(CONF6, interface, "accept_redirects", "0");
	(void)set(CONF6, interface, "use_tempaddr", "0");	/* the same address in every boot */
	(void)set(CONF6, interface, "addr_gen_mode", "0");
	if (!set(CONF6, interface, "accept_ra", "1") || !set(CONF6, interface, "autoconf", "1") ||
	    !set(CONF6, interface, "disable_ipv6", "0"))
		return hf_fail(fault, HF_ERR_LINK_ADDRESS, interface, "%s",
			       "the kernel does no IPv6: give address = ip=... or dhcp");
	return HF_OK;
}

static struct ifreq request(const char *interface)
{
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface);
	return r;
}

static bool flags(int fd, const char *interface, short on, short off)
{
	struct ifreq r = request(interface);

	if (ioctl(fd, SIOCGIFFLAGS, &r) != 0)
		return false;
	r.ifr_flags = (short)((r.ifr_flags | on) & ~off);
	return ioctl(fd, SIOCSIFFLAGS, &r) == 0;
}

/* The flag RUNNING comes true before anybody has looked at the cable: the driver is asked too. */
static bool has_carrier(int fd, const char *interface)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq r = request(interface);

	if (ioctl(fd, SIOCGIFFLAGS, &r) != 0 || !(r.ifr_flags & IFF_UP) || !(r.ifr_flags & IFF_RUNNING))
		return false;
	r.ifr_data = (char *)&link;
	return ioctl(fd, SIOCETHTOOL, &r) != 0 ? errno == EOPNOTSUPP : link.data != 0;
}

static enum hf_err wait_for_carrier(int fd, const char *interface, uint64_t end, struct hf_fault *fault)
{
	do
		if (has_carrier(fd, interface))
			return HF_OK;
	while (hf_net_slice(end));
	return hf_fail(fault, HF_ERR_LINK_DOWN, interface, "%s", "no carrier");
}

/* ---- IPv4 by hand ---- */

static void put_v4(struct sockaddr *to, const uint8_t v4[4])
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	memcpy(&in.sin_addr, v4, 4);
	memcpy(to, &in, sizeof(in));
}

static bool set_v4(int fd, const char *interface, const struct hf_address_plan *plan)
{
	const uint32_t bits = plan->prefix == 32 ? UINT32_MAX : ~(UINT32_MAX >> plan->prefix);
	uint8_t mask[4] = { (uint8_t)(bits >> 24), (uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits };
	struct ifreq r = request(interface);

	put_v4(&r.ifr_addr, plan->client);
	if (ioctl(fd, SIOCSIFADDR, &r) != 0)
		return false;
	put_v4(&r.ifr_netmask, mask);
	return ioctl(fd, SIOCSIFNETMASK, &r) == 0;
}

static bool set_gateway(int fd, const char *interface, const uint8_t gateway[4])
{
	static const uint8_t any[4];
	char device[HF_INTERFACE_MAX];
	struct rtentry route;

	if (memcmp(gateway, any, 4) == 0)
		return true;
	memset(&route, 0, sizeof(route));
	snprintf(device, sizeof(device), "%s", interface);
	put_v4(&route.rt_dst, any);
	put_v4(&route.rt_genmask, any);
	put_v4(&route.rt_gateway, gateway);
	route.rt_flags = RTF_UP | RTF_GATEWAY;
	route.rt_dev = device;
	return ioctl(fd, SIOCADDRT, &route) == 0 || errno == EEXIST;
}

static enum hf_err take_static(int fd, const char *interface, const struct hf_address_plan *plan,
			       struct hf_fault *fault)
{
	if (!set_v4(fd, interface, plan) || !set_gateway(fd, interface, plan->gateway))
		return hf_fail_errno(fault, HF_ERR_LINK_ADDRESS, errno, interface);
	return HF_OK;
}

static enum hf_err take_dhcp(int fd, const char *interface, uint64_t end, struct hf_fault *fault)
{
	struct ifreq r = request(interface);
	enum hf_err err = hf_net_dhcp(interface, end, fault);

	if (!err && ioctl(fd, SIOCGIFADDR, &r) != 0)
		return hf_fail(fault, HF_ERR_LINK_ADDRESS, interface, "%s", HF_NET_DHCP_CLIENT " set none");
	return err;
}

/* ---- IPv6 by the kernel ---- */

static bool has_address6(const char *interface)
{
	FILE *file = fopen("/proc/net/if_inet6", "re");
	char line[128], name[32];
	unsigned scope, state;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*32s %*x %*x %x %x %31s", &scope, &state, name) == 3 &&
			strcmp(name, interface) == 0 && scope != SCOPE_LINK && scope != SCOPE_HOST &&
			!(state & NOT_USABLE);
	if (file)
		fclose(file);
	return found;
}

static bool has_router6(const char *interface)
{
	static const char any[] = "00000000000000000000000000000000";
	FILE *file = fopen("/proc/net/ipv6_route", "re");
	char line[256], to[33], by[33], name[32];
	unsigned length, how;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%32s %x %*s %*s %32s %*s %*s %*s %x %31s", to, &length, by, &how, name) == 5 &&
			strcmp(name, interface) == 0 && strcmp(to, any) == 0 && length == 0 &&
			strcmp(by, any) != 0 && (how & RTF_GATEWAY) && (how & RTF_UP);
	if (file)
		fclose(file);
	return found;
}

static enum hf_err wait_for_slaac(const char *interface, uint64_t end, struct hf_fault *fault)
{
	bool address, router;

	do {
		address = has_address6(interface);
		router = has_router6(interface);
		if (address && router)
			return HF_OK;
	} while (hf_net_slice(end));
	return hf_fail(fault, HF_ERR_LINK_ADDRESS, interface, "no router advertised %s",
		       address ? "itself" : router ? "a prefix with an address that is free" : "anything");
}

/* ---- up and down ---- */

static enum hf_err go_up(int fd, const char *interface, const struct hf_address_plan *plan, uint64_t end,
			 struct hf_fault *fault)
{
	enum hf_err err = configure(interface, plan->kind == HF_ADDRESS_SLAAC, fault);

	if (err)
		return err;
	if (!flags(fd, interface, IFF_UP, 0))
		return hf_fail_errno(fault, HF_ERR_LINK_DOWN, errno, interface);
	err = wait_for_carrier(fd, interface, end, fault);
	if (err)
		return err;
	switch (plan->kind) {
	case HF_ADDRESS_SLAAC:
		return wait_for_slaac(interface, end, fault);
	case HF_ADDRESS_STATIC:
		return take_static(fd, interface, plan, fault);
	case HF_ADDRESS_DHCP:
		return take_dhcp(fd, interface, end, fault);
	}
	return hf_fail(fault, HF_ERR_INTERNAL, interface, "%s", "kind of address");
}

enum hf_err hf_net_up_within(const char *interface, const struct hf_address_plan *plan, unsigned patience_ms,
			     struct hf_fault *fault)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	enum hf_err err;

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_LINK_DOWN, errno, interface);
	if (plan->device[0] && strcmp(plan->device, interface) != 0)
		err = hf_fail(fault, HF_ERR_LINK_ADDRESS, interface, "ip= is for %s", plan->device);
	else
		err = go_up(fd, interface, plan, hf_now_ms() + patience_ms, fault);
	close(fd);
	return err;
}

enum hf_err hf_net_up(const char *interface, const struct hf_address_plan *plan, struct hf_fault *fault)
{
	return hf_net_up_within(interface, plan, HF_LINK_PATIENCE_MS, fault);
}

void hf_net_down(const char *interface)
{
	static const uint8_t any[4];
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = request(interface);

	if (fd < 0)
		return;
	put_v4(&r.ifr_addr, any);
	(void)ioctl(fd, SIOCSIFADDR, &r);	/* IPv4 addresses outlive going down */
	(void)flags(fd, interface, 0, IFF_UP);
	(void)set(CONF6, interface, "disable_ipv6", "1");
	close(fd);
}
