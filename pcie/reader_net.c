/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_net.c: firmware versions of a network card as its driver tells them: ethtool,
 * devlink, and where there is neither, the InfiniBand device. No interface is brought up. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "pcie/attribute.h"
#include "pcie/config.h"
#include "pcie/devlink.h"
#include "pcie/reader.h"

#define CLASS_NETWORK 0x02
#define SEQUENCE_FAMILY 1
#define SEQUENCE_INFO 2
#define NETLINK_SECONDS 3
/* In a capture nobody asked for a family; whoever kept the reply kept its id with it. */
#define TYPE_OFFSET 4

static const char firmware_key[] = "net/firmware";

static bool matches(const struct hf_bus_function *function)
{
	struct hf_identity id;

	return hf_config_header(function->config, &id) == HF_OK &&
	       id.class_code >> 16 == CLASS_NETWORK;
}

/* ---- ethtool ---- */

static enum hf_err ask_ethtool(const char *interface, struct ethtool_drvinfo *info)
{
	struct ifreq request = { .ifr_data = (void *)info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), why, rc;

	if (fd < 0)
		return hf_cause_of_errno(errno);
	/* The caller checked that it fits. */
	memcpy(request.ifr_name, interface, strlen(interface));
	info->cmd = ETHTOOL_GDRVINFO;
	rc = ioctl(fd, SIOCETHTOOL, &request);
	why = errno;
	close(fd);
	if (rc != 0 && why == EOPNOTSUPP)
		return HF_ERR_FILE_UNREADABLE;
	return rc == 0 ? HF_OK : hf_cause_of_errno(why);
}

/* HF_ERR_FILE_UNREADABLE: no answer there, of a driver without ethtool or in a capture. */
static enum hf_err driver_info(const struct hf_read *read, const char *directory,
			       const char *interface, struct ethtool_drvinfo *info)
{
	char below[HF_ATTRIBUTE_PATH], path[HF_ATTRIBUTE_PATH];
	enum hf_err err;
	size_t len;

	memset(info, 0, sizeof(*info));
	if (strlen(interface) >= IFNAMSIZ)
		return HF_ERR_READ_FAILED;
	if (read->host->live)
		return ask_ethtool(interface, info);
	if (!hf_path_join(below, directory, interface) || !hf_path_join(path, below, "drvinfo"))
		return HF_ERR_READ_FAILED;
	err = hf_attribute_read(read->host, path, (uint8_t *)info, sizeof(*info), &len);
	return err ? err : len == sizeof(*info) ? HF_OK : HF_ERR_READ_FAILED;
}

static struct hf_span field(const char *text, size_t size)
{
	return hf_trim((struct hf_span){ (const uint8_t *)text, strnlen(text, size) });
}
#define FIELD(text) field(text, sizeof(text))

struct versions {	/* of all interfaces of one function */
	struct ethtool_drvinfo first;
	bool any;
	enum hf_err err;
};

static void take_interface(const struct hf_read *read, const char *directory,
			   const char *interface, struct versions *v)
{
	struct ethtool_drvinfo info;
	char address[HF_ADDRESS_TEXT];
	enum hf_err err = driver_info(read, directory, interface, &info);

	if (err == HF_ERR_FILE_UNREADABLE)
		return;
	hf_address_format(&read->function->address, address);
	/* The interface could have been given another name since its directory was read. */
	if (!err && !hf_span_equal(FIELD(info.bus_info), hf_span_text(address)))
		err = HF_ERR_READ_FAILED;
	/* A driver may leave it empty for some of its interfaces, but it has one firmware. */
	if (!err && v->any && FIELD(info.fw_version).len && FIELD(v->first.fw_version).len &&
	    !hf_span_equal(FIELD(info.fw_version), FIELD(v->first.fw_version)))
		err = HF_ERR_READ_FAILED;
	if (err)
		v->err = err;
	else if (!v->any || FIELD(v->first.fw_version).len == 0)
		v->first = info;
	v->any = true;
}

static enum hf_err interfaces(const struct hf_read *read, const char *directory, struct versions *v)
{
	struct hf_entries entries;
	char net[HF_ATTRIBUTE_PATH];
	enum hf_err err;

	if (!hf_path_join(net, directory, "net"))
		return HF_ERR_READ_FAILED;
	err = hf_entries_read(read->host, net, "", &entries);
	for (size_t i = 0; !err && i < entries.count; i++)
		take_interface(read, net, entries.names[i], v);
	return err;
}

/* The interfaces lie below the function, or below the virtio device that it carries. */
static enum hf_err ethtool(const struct hf_read *read, const char *base, bool *ret_said)
{
	struct versions v = { .any = false };
	char below[HF_ATTRIBUTE_PATH];
	struct hf_entries virtio;
	enum hf_err err = interfaces(read, base, &v);

	*ret_said = true;
	if (!err && !v.any) {
		err = hf_entries_read(read->host, base, "virtio", &virtio);
		if (!err && virtio.count == 1 && hf_path_join(below, base, virtio.names[0]))
			err = interfaces(read, below, &v);
	}
	if (!err)
		err = v.err;
	if (err)
		return hf_sink_failure(read->sink, firmware_key, err);
	*ret_said = v.any && FIELD(v.first.fw_version).len > 0;
	if (!v.any)
		return HF_OK;
	err = hf_sink_device_text(read->sink, firmware_key, 0, FIELD(v.first.fw_version));
	if (err)
		return err;
	return hf_sink_device_text(read->sink, "net/option-rom-version", HF_MEASUREMENT_ADVISORY,
				   FIELD(v.first.erom_version));
}

static enum hf_err infiniband(const struct hf_read *read, const char *base)
{
	char below[HF_ATTRIBUTE_PATH], device[HF_ATTRIBUTE_PATH];
	struct hf_entries entries;
	enum hf_err err;

	if (!hf_path_join(below, base, "infiniband"))
		return HF_OK;
	err = hf_entries_read(read->host, below, "", &entries);
	if (err)
		return hf_sink_failure(read->sink, firmware_key, err);
	if (entries.count == 0 || !hf_path_join(device, below, entries.names[0]))
		return HF_OK;
	return hf_sink_attribute(read, firmware_key, 0, device, "fw_ver");
}

/* ---- devlink ---- */

static enum hf_err exchange(int fd, struct hf_writer *request, uint8_t *reply, size_t *ret_len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK }, from = { 0 };
	struct iovec part = { .iov_base = reply, .iov_len = HF_DEVLINK_REPLY_MAX };
	struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part,
				  .msg_iovlen = 1 };
	ssize_t n;

	if (request->full)
		return HF_ERR_INTERNAL;
	if (sendto(fd, request->buf, request->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) !=
	    (ssize_t)request->len)
		return hf_cause_of_errno(errno);
	n = recvmsg(fd, &message, 0);
	if (n < 0)
		return errno == EAGAIN ? HF_ERR_TIMED_OUT : hf_cause_of_errno(errno);
	if (message.msg_flags & MSG_TRUNC)
		return HF_ERR_DEVICE_FLOODED;
	if (from.nl_pid != 0)	/* another process */
		return HF_ERR_READ_FAILED;
	*ret_len = (size_t)n;
	return HF_OK;
}

struct conversation {
	struct hf_devlink_info info;
	bool none;	/* there is no devlink for this function */
	uint8_t reply[HF_DEVLINK_REPLY_MAX];
};

/* No such family, no such device, nothing to say: the card has no devlink. */
static enum hf_err refusal(int sys_errno, struct conversation *c)
{
	c->none = sys_errno == ENOENT || sys_errno == ENODEV || sys_errno == EOPNOTSUPP ||
		  sys_errno == EINVAL;
	return c->none ? HF_OK : hf_cause_of_errno(sys_errno);
}

static enum hf_err converse(int fd, const char *address, struct conversation *c)
{
	uint8_t buf[256];
	struct hf_writer request = { .buf = buf, .cap = sizeof(buf) };
	uint16_t family = 0;
	int sys_errno = 0;
	size_t len = 0;
	enum hf_err err;

	hf_devlink_put_family(&request, SEQUENCE_FAMILY);
	err = exchange(fd, &request, c->reply, &len);
	if (!err)
		err = hf_devlink_family((struct hf_span){ c->reply, len }, SEQUENCE_FAMILY, &family,
					&sys_errno);
	if (err || sys_errno)
		return err ? err : refusal(sys_errno, c);
	request.len = 0;
	hf_devlink_put_info(&request, SEQUENCE_INFO, family, address);
	err = exchange(fd, &request, c->reply, &len);
	if (!err)
		err = hf_devlink_info((struct hf_span){ c->reply, len }, SEQUENCE_INFO, family,
				      &c->info, &sys_errno);
	return err || !sys_errno ? err : refusal(sys_errno, c);
}

static enum hf_err converse_live(const char *address, struct conversation *c)
{
	struct timeval patience = { .tv_sec = NETLINK_SECONDS };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	enum hf_err err;

	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT))
		return refusal(ENOENT, c);
	if (fd < 0)
		return refusal(errno, c);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		err = hf_cause_of_errno(errno);
	else
		err = converse(fd, address, c);
	close(fd);
	return err;
}

/* The reply as the kernel gave it, in the file devlink_info beside config. */
static enum hf_err reply_of_capture(const struct hf_read *read, const char *base,
				    struct conversation *c)
{
	char path[HF_ATTRIBUTE_PATH];
	uint16_t family = 0;
	int sys_errno = 0;
	enum hf_err err;
	size_t len;

	if (!hf_path_join(path, base, "devlink_info"))
		return HF_ERR_READ_FAILED;
	err = hf_attribute_read(read->host, path, c->reply, sizeof(c->reply), &len);
	c->none = err == HF_ERR_FILE_UNREADABLE;
	if (err)
		return c->none ? HF_OK : err;
	if (len >= TYPE_OFFSET + sizeof(family))
		memcpy(&family, c->reply + TYPE_OFFSET, sizeof(family));
	err = hf_devlink_info((struct hf_span){ c->reply, len }, SEQUENCE_INFO, family, &c->info,
			      &sys_errno);
	return err || !sys_errno ? err : refusal(sys_errno, c);
}

static enum hf_err put_versions(const struct hf_read *read, const struct hf_devlink_info *info)
{
	static const char *const prefixes[] = {
		[HF_DEVLINK_FIXED] = "net/fixed/",
		[HF_DEVLINK_RUNNING] = "net/running/",
		[HF_DEVLINK_STORED] = "net/stored/",
	};
	char waiting[HF_TEXT_MAX];
	enum hf_err err = HF_OK;

	for (size_t i = 0; !err && i < info->count; i++) {
		const struct hf_devlink_version *v = &info->versions[i];
		uint32_t flags = v->kind == HF_DEVLINK_STORED ? HF_MEASUREMENT_ADVISORY : 0;
		char mkey[HF_MKEY_MAX + 1];

		snprintf(mkey, sizeof(mkey), "%s%.*s", prefixes[v->kind], (int)v->name.len,
			 (const char *)v->name.ptr);
		err = hf_sink_device_text(read->sink, mkey, flags, v->value);
	}
	if (err || !hf_devlink_pending(info, waiting, sizeof(waiting)))
		return err;
	return hf_sink_text(read->sink, HF_MKEY_PENDING, HF_METHOD_VERSION, 0, waiting);
}

static enum hf_err devlink(const struct hf_read *read, const char *base)
{
	static _Thread_local struct conversation c;	/* too large for a stack */
	char address[HF_ADDRESS_TEXT];
	enum hf_err got;

	c.none = false;
	hf_address_format(&read->function->address, address);
	got = read->host->live ? converse_live(address, &c) : reply_of_capture(read, base, &c);
	if (got)
		return hf_sink_failure(read->sink, "net/devlink", got);
	return c.none ? HF_OK : put_versions(read, &c.info);
}

static enum hf_err read_net(const struct hf_read *read)
{
	char base[80];
	bool said;
	enum hf_err err;

	hf_host_device_path(&read->function->address, "", base, sizeof(base));
	err = ethtool(read, base, &said);
	if (!err && !said)
		err = infiniband(read, base);
	return err ? err : devlink(read, base);
}

const struct hf_reader hf_reader_net = {
	.name = "net",
	.touches = "ioctl SIOCETHTOOL (GDRVINFO); netlink devlink INFO_GET; reads fw_ver",
	.proves = "Which firmware the card says runs, and whether other firmware waits.",
	.mkey = "net/firmware",
	.needs_driver = true,
	.method = HF_METHOD_VERSION,
	.matches = matches,
	.read = read_net,
};
