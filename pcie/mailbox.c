/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/mailbox.c: configuration space of one function, by the kernel's config file or by
 * vfio-pci, and nobody else meanwhile. [edge: kernel files]
 *
 * Two users of one mailbox take each other's answers, and its busy bit keeps neither out. We
 * lock the config file against ourselves. The kernel has its own lock, which nothing shows;
 * what it does with mailboxes, by its source:
 * - 6.1: nothing by itself. cxl_pci makes a mailbox of each when it is bound, for CDAT.
 * - from 6.4 on (6.12): it asks each for its protocols when the device is found, long before
 *   us, and keeps still. cxl_pci, cxl_port and cxl_mem read CDAT through them.
 * - from 6.15 on: the same, and doe_features lists the protocols; that it is there says
 *   nothing of use.
 * - from 6.19 on: a platform's security manager may hold a session over them (tsm/connect is
 *   then not empty). Patches that authenticate devices in the kernel (the file
 *   authenticated) ask at the same moments as discovery, or when somebody writes to it.
 * So in use is: bound to cxl_pci, or to vfio (a guest may have it), or connected to a TSM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "pcie/vfio.h"
#include "pcie/worker.h"

#define DWORD 4
#define GONE 0xffffffffu

static enum hf_err cause_of(ssize_t n, int sys_errno)
{
	if (n == DWORD)
		return HF_OK;
	if (n >= 0)		/* behind what the kernel shows */
		return HF_ERR_READ_FAILED;
	switch (sys_errno) {
	case EPERM:
	case EACCES:
		return HF_ERR_DOE_REFUSED;
	case ENODEV:
	case ENXIO:
		return HF_ERR_DEVICE_GONE;
	default:
		return HF_ERR_READ_FAILED;
	}
}

static enum hf_err read_dword(int fd, uint64_t at, uint32_t *ret)
{
	uint8_t bytes[DWORD];
	ssize_t n;
	enum hf_err err;

	do
		n = pread(fd, bytes, sizeof(bytes), (off_t)at);
	while (n < 0 && errno == EINTR);
	err = cause_of(n, errno);
	if (!err)
		*ret = (uint32_t)hf_le(bytes, sizeof(bytes));
	return err;
}

static enum hf_err write_dword(int fd, uint64_t at, uint32_t value)
{
	const uint8_t bytes[DWORD] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
				       (uint8_t)(value >> 24) };
	ssize_t n;

	do
		n = pwrite(fd, bytes, sizeof(bytes), (off_t)at);
	while (n < 0 && errno == EINTR);
	return cause_of(n, errno);
}

/* Nothing but whole dwords: there are mailboxes that take no other. Each access that comes
 * back is a sign of life; how long a mailbox may take is its state machine's to say. */
static enum hf_err mailbox_read(void *self, uint32_t offset, uint32_t *ret)
{
	const struct hf_mailbox *m = self;
	bool vfio = m->way == HF_MAILBOX_VFIO;

	if (offset % DWORD)
		return HF_ERR_INTERNAL;
	hf_worker_progress();
	return read_dword(vfio ? m->fd : m->lock, (vfio ? m->config_at : 0) + offset, ret);
}

static enum hf_err mailbox_write(void *self, uint32_t offset, uint32_t value)
{
	const struct hf_mailbox *m = self;
	bool vfio = m->way == HF_MAILBOX_VFIO;

	if (offset % DWORD)
		return HF_ERR_INTERNAL;
	hf_worker_progress();
	return write_dword(vfio ? m->fd : m->lock, (vfio ? m->config_at : 0) + offset, value);
}

static enum hf_err in_use(struct hf_mailbox *m)
{
	char path[96], text[64];

	if (hf_host_driver(m->host, &m->address, text, sizeof(text)) &&
	    (strcmp(text, "cxl_pci") == 0 || strstr(text, "vfio"))) {
		snprintf(m->detail, sizeof(m->detail), "driver %s has it", text);
		return HF_ERR_DOE_IN_USE;
	}
	hf_host_device_path(&m->address, "tsm/connect", path, sizeof(path));
	if (hf_host_read_text(m->host, path, text, sizeof(text)) == HF_OK && text[0]) {
		snprintf(m->detail, sizeof(m->detail), "%s is connected to it", text);
		return HF_ERR_DOE_IN_USE;
	}
	return HF_OK;
}

static enum hf_err lock(struct hf_mailbox *m)
{
	char path[96];

	hf_host_device_path(&m->address, "config", path, sizeof(path));
	m->lock = openat(m->host->sysfs, path, O_RDWR | O_CLOEXEC);
	if (m->lock < 0 && (errno == EPERM || errno == EACCES)) {
		snprintf(m->detail, sizeof(m->detail), "its config file may not be written by this user");
		return HF_ERR_DOE_REFUSED;
	}
	if (m->lock < 0)
		return errno == ENOENT ? HF_ERR_DEVICE_GONE : HF_ERR_READ_FAILED;
	if (flock(m->lock, LOCK_EX | LOCK_NB) == 0)
		return HF_OK;
	if (errno != EWOULDBLOCK)
		return HF_ERR_READ_FAILED;
	snprintf(m->detail, sizeof(m->detail), "another process has its config file locked");
	return HF_ERR_DOE_IN_USE;
}

/* Vendor and device id are read-only, and get what they are. The kernel asks whether it may
 * before it asks where. */
static enum hf_err try_write(int fd)
{
	uint32_t ids = 0;
	enum hf_err err = read_dword(fd, 0, &ids);

	if (err)
		return err;
	return ids == GONE ? HF_ERR_DEVICE_GONE : write_dword(fd, 0, ids);
}

static enum hf_err open_way(struct hf_mailbox *m, bool vfio)
{
	enum hf_err err = in_use(m);

	if (!err)
		err = lock(m);
	if (err)
		return err;
	err = try_write(m->lock);
	if (err != HF_ERR_DOE_REFUSED)
		return err;
	snprintf(m->detail, sizeof(m->detail), "the kernel refuses writes to config (lockdown)");
	return vfio ? hf_vfio_open(m) : err;
}

enum hf_err hf_mailbox_open(const struct hf_host *host, const struct hf_address *address, bool vfio,
			    struct hf_mailbox *ret)
{
	enum hf_err err;

	*ret = (struct hf_mailbox){
		.way = HF_MAILBOX_CONFIG, .lock = -1, .fd = -1, .group = -1, .container = -1,
		.address = *address, .host = host,
		.access = { .self = ret, .read = mailbox_read, .write = mailbox_write },
	};
	if (!host->live)
		return HF_ERR_CAPTURED_TREE;
	err = open_way(ret, vfio);
	if (err)
		hf_mailbox_close(ret);
	return err;
}

void hf_mailbox_close(struct hf_mailbox *mailbox)
{
	hf_vfio_close(mailbox);
	if (mailbox->lock >= 0)
		close(mailbox->lock);	/* and with it the lock */
	mailbox->lock = -1;
}

bool hf_mailbox_refused(const struct hf_host *host, const struct hf_address *address)
{
	char path[96];
	enum hf_err err;
	int fd;

	if (!host->live)
		return false;
	hf_host_device_path(address, "config", path, sizeof(path));
	fd = openat(host->sysfs, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	err = try_write(fd);
	close(fd);
	return err == HF_ERR_DOE_REFUSED;
}
