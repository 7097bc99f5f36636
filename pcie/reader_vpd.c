/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_vpd.c: vital product data: what the maker says the card is. For people, so
 * nothing here holds a host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "pcie/attribute.h"
#include "pcie/config.h"
#include "pcie/reader.h"
#include "pcie/vpd.h"

#define CAPABILITY_VPD 0x03
#define READ_STEP 64	/* four bytes at a time over the bus, up to 125 ms each: each step is progress */
#define ADVISORY HF_MEASUREMENT_ADVISORY

static bool matches(const struct hf_bus_function *function)
{
	bool loop = false;

	return !function->virtual_function &&
	       hf_config_capability(function->config, CAPABILITY_VPD, &loop) != 0;
}

static enum hf_err fields(const struct hf_read *read, const struct hf_vpd *vpd)
{
	static const struct {
		const char *keyword, *mkey;
	} named[] = {
		{ "PN", "vpd/part-number" },
		{ "SN", "vpd/serial" },
		{ "EC", "vpd/engineering-level" },
		{ "MN", "vpd/manufacturer" },
	};
	enum hf_err err = hf_sink_device_text(read->sink, "vpd/identifier", ADVISORY,
					      vpd->identifier);

	for (size_t i = 0; !err && i < vpd->count; i++) {
		const struct hf_vpd_field *f = &vpd->fields[i];
		char mkey[HF_MKEY_MAX] = "";

		for (size_t n = 0; n < sizeof(named) / sizeof(named[0]); n++)
			if (!f->writable && strcmp(f->keyword, named[n].keyword) == 0)
				snprintf(mkey, sizeof(mkey), "%s", named[n].mkey);
		if (!f->writable && f->keyword[0] == 'V')	/* the vendor's own: V0 to VZ */
			snprintf(mkey, sizeof(mkey), "vpd/%s", f->keyword);
		if (mkey[0])
			err = hf_sink_device_text(read->sink, mkey, ADVISORY, f->data);
	}
	return err;
}

static enum hf_err read_file(const struct hf_read *read, const char *path)
{
	enum hf_err err, partial;
	struct hf_vpd vpd;
	int fd = openat(read->host->sysfs, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return hf_sink_advisory_failure(read->sink, "vpd",
						errno == ENOENT ? HF_ERR_NOT_MEASURED :
								  hf_cause_of_errno(errno));
	err = hf_sink_begin(read->sink, "vpd", HF_METHOD_BYTES, ADVISORY);
	if (!err)
		err = hf_attribute_stream(fd, HF_VPD_MAX, READ_STEP, read->sink, &partial);
	close(fd);
	if (!err)
		err = hf_sink_end(read->sink, partial);
	if (err || partial)
		return err;
	/* After hashing. */
	if (hf_vpd_parse(hf_sink_window(read->sink), &vpd) != HF_OK)
		return hf_sink_advisory_failure(read->sink, "vpd/list", HF_ERR_VPD_SHAPE);
	return fields(read, &vpd);
}

/* Each read writes to the device's address register, and there are devices that hang on it:
 * on a live host it is asked for in the same way as reading ROMs. */
static enum hf_err read_vpd(const struct hf_read *read)
{
	const struct hf_bus_function *f = read->function;
	char path[80];

	if (read->host->live &&
	    (read->options->no_rom || (f->driver && !read->options->rom_bound)))
		return hf_sink_advisory_failure(read->sink, "vpd", HF_ERR_NOT_MEASURED);
	hf_host_device_path(&f->address, "vpd", path, sizeof(path));
	return read_file(read, path);
}

const struct hf_reader hf_reader_vpd = {
	.name = "vpd",
	.touches = "reads vpd; the kernel writes the VPD address register for each 4 bytes",
	.proves = "What the maker says the card is: part number, serial, level.",
	.mkey = "vpd",
	.needs_driver = false,
	.method = HF_METHOD_BYTES,
	.matches = matches,
	.read = read_vpd,
};
