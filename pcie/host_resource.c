/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEVICES "bus/pci/devices"
#define RESOURCE_MEMORY 0x200u	/* linux/ioport.h: IORESOURCE_MEM */
#define BRIDGE_WINDOWS 7	/* lines from here on are what a bridge lets through */

/* Of one device: does any of its memory overlap? */
static bool overlaps(char *text, bool bridge, uint64_t first, uint64_t last)
{
	char *line = text;

	for (int i = 0; line && *line && !(bridge && i >= BRIDGE_WINDOWS); i++) {
		char *end, *next = strchr(line, '\n');
		uint64_t from = strtoull(line, &end, 16), to = strtoull(end, &end, 16);
		uint64_t flags = strtoull(end, NULL, 16);

		if (flags & RESOURCE_MEMORY && from <= last && to >= first)
			return true;
		line = next ? next + 1 : NULL;
	}
	return false;
}

static bool device_overlaps(const struct hf_host *host, const char *name, uint64_t first, uint64_t last)
{
	char path[80], text[4096], class[16];

	if (snprintf(path, sizeof(path), DEVICES "/%s/resource", name) >= (int)sizeof(path))
		return true;
	if (hf_host_read_text(host, path, text, sizeof(text)))
		return true;	/* nobody knows */
	snprintf(path, sizeof(path), DEVICES "/%s/class", name);
	if (hf_host_read_text(host, path, class, sizeof(class)))
		return true;
	return overlaps(text, strncmp(class, "0x06", 4) == 0, first, last);
}

bool hf_host_memory_taken(const struct hf_host *host, uint64_t first, uint64_t last)
{
	int fd = openat(host->sysfs, DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool taken = false;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	while (!taken && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			taken = device_overlaps(host, entry->d_name, first, last);
	closedir(dir);
	return taken;
}
