/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_mtd.c: flash memory that a driver shows as MTD: every byte of every region. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "pcie/attribute.h"
#include "pcie/config.h"
#include "pcie/reader.h"

#define READ_STEP 65536
#define REGIONS_MAX 32	/* of one function */
#define NAME_MAX_LEN 40

struct regions {
	const struct hf_read *read;
	size_t count;
	char names[REGIONS_MAX][NAME_MAX_LEN + 1];
};

static bool matches(const struct hf_bus_function *function)
{
	return !function->virtual_function;
}

/* mtd0, mtd12; the directory beside it for reading only (mtd0ro) is the same region. */
static bool is_region(const char *name)
{
	if (strncmp(name, "mtd", 3) != 0 || !name[3])
		return false;
	for (name += 3; *name; name++)
		if (*name < '0' || *name > '9')
			return false;
	return true;
}

/* The region's name, which the board's tables or the driver give it, as part of a mkey. */
static enum hf_err name_of(const struct regions *r, const char *path,
			   char out[static NAME_MAX_LEN + 1])
{
	char file[HF_ATTRIBUTE_PATH];

	if (!hf_path_join(file, path, "name") ||
	    hf_host_read_text(r->read->host, file, out, NAME_MAX_LEN + 1) != HF_OK || !out[0])
		return HF_ERR_READ_FAILED;
	for (char *c = out; *c; c++)
		if (*c <= 0x20 || *c > 0x7e || *c == '/')
			*c = '_';
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->names[i], out) == 0)
			return HF_ERR_READ_FAILED;
	return HF_OK;
}

static enum hf_err open_region(const struct regions *r, const char *path, const char *name,
			       int *ret_fd)
{
	char node[HF_ENTRY_MAX + 8], file[HF_ATTRIBUTE_PATH], below[HF_ATTRIBUTE_PATH];

	*ret_fd = -1;
	if (!r->read->host->live) {	/* whoever made the capture may have kept the bytes */
		if (!hf_path_join(file, path, "bytes"))
			return HF_ERR_READ_FAILED;
		*ret_fd = openat(r->read->host->sysfs, file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		return *ret_fd >= 0 ? HF_OK : errno == ENOENT ? HF_ERR_NOT_MEASURED :
								 hf_cause_of_errno(errno);
	}
	snprintf(node, sizeof(node), "/dev/%sro", name);
	/* Beside the region's directory: its twin for reading only, with its own number. */
	if (snprintf(below, sizeof(below), "%sro", path) >= (int)sizeof(below) ||
	    !hf_path_join(file, below, "dev"))
		return HF_ERR_READ_FAILED;
	return hf_node_open(r->read->host, node, file, ret_fd);
}

/* Whether the region gave as many bytes as it says it has. */
static bool is_whole(const struct regions *r, const char *path, uint64_t got)
{
	char file[HF_ATTRIBUTE_PATH], text[24], end;
	unsigned long long size;

	return hf_path_join(file, path, "size") &&
	       hf_host_read_text(r->read->host, file, text, sizeof(text)) == HF_OK &&
	       sscanf(text, "%llu%c", &size, &end) == 1 && size == got;
}

static enum hf_err found(void *self, const char *path, const char *name)
{
	struct regions *r = self;
	char mkey[HF_MKEY_MAX + 1], *region;
	enum hf_err err, partial;
	int fd = -1;

	if (r->count == REGIONS_MAX)
		return HF_ERR_DEVICE_FLOODED;
	region = r->names[r->count];
	partial = name_of(r, path, region);
	if (partial)	/* no name, or one that was there before: what no name is, and a number */
		snprintf(region, sizeof(r->names[0]), "region/%zu", r->count);
	snprintf(mkey, sizeof(mkey), "mtd/%s", region);
	r->count++;
	err = hf_sink_begin(r->read->sink, mkey, HF_METHOD_BYTES, HF_MEASUREMENT_CODE);
	if (!err)
		err = hf_sink_stream(r->read->sink);
	if (!err && !partial)
		partial = open_region(r, path, name, &fd);
	if (!err && fd >= 0)
		err = hf_attribute_stream(fd, HF_STREAM_MAX, READ_STEP, r->read->sink, &partial);
	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	if (!partial && !is_whole(r, path, hf_sink_streamed(r->read->sink)))
		partial = HF_ERR_READ_FAILED;
	return hf_sink_end(r->read->sink, partial);
}

static enum hf_err read_mtd(const struct hf_read *read)
{
	static const char *const through[] = { "mtd", "spi_master", "spi", NULL };
	struct regions r = { .read = read };
	struct hf_walk walk = { .host = read->host, .through = through, .wanted = is_region,
				.found = found, .self = &r };
	char base[80];

	hf_host_device_path(&read->function->address, "", base, sizeof(base));
	return hf_walk_claimed(&walk, base, read->sink, "mtd");
}

const struct hf_reader hf_reader_mtd = {
	.name = "mtd",
	.touches = "reads mtd/mtdN/{name,size} and /dev/mtdNro",
	.proves = "Which bytes the flash memory holds that a driver shows.",
	.mkey = "mtd",
	.needs_driver = true,
	.method = HF_METHOD_BYTES,
	.matches = matches,
	.read = read_mtd,
};
