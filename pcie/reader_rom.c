/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_rom.c: the option ROM: the window as read, then every image in it. */
#include <stdio.h>

#include "pcie/config.h"
#include "pcie/reader.h"
#include "pcie/rom.h"

#define CLASS_VGA 0x0300

static const char window_key[] = "option-rom/window";

static bool matches(const struct hf_bus_function *function)
{
	struct hf_identity id;

	return !function->virtual_function &&
	       hf_config_header(function->config, &id) == HF_OK && id.header_type <= 1;
}

/* Code that is there and was not read. */
static enum hf_err unread(const struct hf_read *read, enum hf_err cause)
{
	enum hf_err err = hf_sink_begin(read->sink, window_key, HF_METHOD_BYTES,
					HF_MEASUREMENT_CODE);

	return err ? err : hf_sink_end(read->sink, cause);
}

/* The kernel gives a copy in memory instead of the ROM of the display that firmware used. */
static bool is_shadow(const struct hf_read *read)
{
	struct hf_identity id;
	char path[80], text[8];

	if (hf_config_header(read->function->config, &id) != HF_OK || id.class_code >> 8 != CLASS_VGA)
		return false;
	hf_host_device_path(&read->function->address, "boot_vga", path, sizeof(path));
	return hf_host_read_text(read->host, path, text, sizeof(text)) == HF_OK &&
	       strcmp(text, "1") == 0;
}

static bool is_blank(struct hf_span window)
{
	uint8_t first = window.ptr[0];

	return (first == 0xff || first == 0) &&
	       memcmp(window.ptr, window.ptr + 1, window.len - 1) == 0;
}

/* After hashing: a malformed ROM is evidence, the window's digest stands whatever it holds. */
static enum hf_err images(const struct hf_read *read, uint32_t flags)
{
	struct hf_span window = hf_sink_window(read->sink);
	struct hf_rom rom = { .err = HF_ERR_ROM_EMPTY };
	enum hf_err err;

	if (!is_blank(window))
		hf_rom_parse(window, &rom);
	if (rom.err) {
		err = hf_sink_failure(read->sink, "option-rom/chain", rom.err);
	} else {
		err = hf_sink_part(read->sink, "option-rom", HF_METHOD_BYTES, flags,
				   hf_span_part(window, 0, rom.chain_len));
	}
	for (size_t i = 0; !err && i < rom.image_count; i++) {
		char mkey[HF_MKEY_MAX];

		snprintf(mkey, sizeof(mkey), "option-rom/%zu", i);
		err = hf_sink_part(read->sink, mkey, HF_METHOD_BYTES, flags, rom.images[i].bytes);
	}
	return err;
}

static enum hf_err read_window(const struct hf_read *read)
{
	bool shadow = is_shadow(read);
	uint32_t flags = HF_MEASUREMENT_CODE | (shadow ? HF_MEASUREMENT_ADVISORY : 0);
	enum hf_err err, got;
	uint8_t *room;
	size_t cap, len;

	err = hf_sink_begin(read->sink, window_key, HF_METHOD_BYTES, flags);
	if (err)
		return err;
	room = hf_sink_room(read->sink, &cap);
	got = hf_host_read_rom(read->host, &read->function->address, room, cap, &len);
	if (got == HF_ERR_ROM_EMPTY)	/* no file, although there is a register */
		got = HF_ERR_ROM_READ;
	else if (!got && len == 0)
		got = HF_ERR_ROM_EMPTY;
	err = hf_sink_bytes(read->sink, (struct hf_span){ room, len });
	if (!err)
		err = hf_sink_end(read->sink, got);
	if (!err && shadow)
		return hf_sink_failure(read->sink, "option-rom/shadow", HF_ERR_ROM_SHADOW);
	return err || got ? err : images(read, flags);
}

static enum hf_err read_rom(const struct hf_read *read)
{
	const struct hf_bus_function *f = read->function;
	char path[80];

	/* A ROM register may read 0 although there is a ROM: the kernel knows its size. */
	if (!hf_config_has_rom(f->config)) {
		hf_host_device_path(&f->address, "rom", path, sizeof(path));
		if (!hf_host_exists(read->host, path))
			return HF_OK;
	}
	if (read->options->no_rom)
		return unread(read, HF_ERR_NOT_MEASURED);
	if (read->host->live && f->driver && !read->options->rom_bound)
		return unread(read, HF_ERR_ROM_DRIVER_BOUND);
	return read_window(read);
}

const struct hf_reader hf_reader_rom = {
	.name = "rom",
	.touches = "writes 1 and 0 to rom and reads it; COMMAND bit 1 for that time if it is off",
	.proves = "Which bytes the option ROM shows now: window, chain, every image.",
	.mkey = window_key,
	.needs_driver = false,
	.method = HF_METHOD_BYTES,
	.matches = matches,
	.read = read_rom,
};
