/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's side of pcie/isolation.h: IOMMU groups, and a port's ACS control register.
 * [edge: kernel files] */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pcie/isolation.h"

/* The link iommu_group ends in ".../iommu_groups/NUMBER". */
static bool group_number(const struct hf_host *host, const struct hf_address *address, uint32_t *ret)
{
	char path[96], target[256];
	uint32_t number = 0;
	const char *c;
	ssize_t n;

	hf_host_device_path(address, "iommu_group", path, sizeof(path));
	n = readlinkat(host->sysfs, path, target, sizeof(target) - 1);
	if (n <= 0 || n == (ssize_t)sizeof(target) - 1)
		return false;
	target[n] = '\0';
	c = strrchr(target, '/');
	c = c ? c + 1 : target;
	if (!*c || strlen(c) > 9)
		return false;
	for (; *c; c++) {
		if (*c < '0' || *c > '9')
			return false;
		number = number * 10 + (uint32_t)(*c - '0');
	}
	*ret = number;
	return true;
}

static void read_group(const struct hf_host *host, const struct hf_address *address,
		       struct hf_iommu_group *group)
{
	char path[64];

	group->known = group_number(host, address, &group->number);
	if (!group->known)
		return;
	snprintf(path, sizeof(path), "kernel/iommu_groups/%u/type", group->number);
	if (hf_host_read_text(host, path, group->type, sizeof(group->type)) != HF_OK)
		group->type[0] = '\0';
	group->translates = strcmp(group->type, "DMA") == 0 || strcmp(group->type, "DMA-FQ") == 0;
}

enum hf_err hf_iommu_read(const struct hf_host *host, const struct hf_bus *bus,
			  struct hf_arena *arena, const struct hf_iommu_group **ret)
{
	struct hf_iommu_group *groups = hf_arena_take(arena, (bus->count + 1) * sizeof(*groups));

	if (!groups)
		return HF_ERR_NO_MEMORY;
	for (size_t i = 0; i < bus->count; i++)
		read_group(host, &bus->functions[i].address, &groups[i]);
	*ret = groups;
	return HF_OK;
}

static enum hf_err set_and_read_back(int fd, off_t at)
{
	uint8_t b[2];

	if (pread(fd, b, 2, at) != 2)
		return HF_ERR_READ_FAILED;
	b[0] |= HF_ACS_NEEDED;
	if (pwrite(fd, b, 2, at) != 2)
		return errno == EPERM || errno == EACCES ? HF_ERR_KERNEL_REFUSED : HF_ERR_READ_FAILED;
	if (pread(fd, b, 2, at) != 2)
		return HF_ERR_READ_FAILED;
	/* All ones is a port that is gone. */
	return (b[0] & HF_ACS_NEEDED) == HF_ACS_NEEDED && (b[0] != 0xff || b[1] != 0xff)
		       ? HF_OK : HF_ERR_KERNEL_REFUSED;
}

enum hf_err hf_acs_enable(const struct hf_host *host, const struct hf_isolation *isolation)
{
	char path[96];
	enum hf_err err;
	int fd;

	if (!host->live)
		return HF_ERR_CAPTURED_TREE;
	hf_host_device_path(&isolation->port, "config", path, sizeof(path));
	fd = openat(host->sysfs, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == EPERM || errno == EACCES ? HF_ERR_KERNEL_REFUSED : HF_ERR_READ_FAILED;
	err = set_and_read_back(fd, isolation->control);
	close(fd);
	return err;
}
