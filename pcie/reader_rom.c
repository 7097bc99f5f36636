/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/reader_rom.c: the option ROM: the window as the kernel gives it, the rest of the BAR,
 * then every image, gap and tail in both, and the program in each EFI image. */
#include <stdio.h>

#include "pcie/config.h"
#include "pcie/efi_image.h"
#include "pcie/reader.h"

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

/* What was read, one behind the other: the kernel's window, then the rest of the BAR. */
struct view {
	const struct hf_read *read;
	struct hf_span all;
	size_t window_len;	/* 0: the window is no part of the BAR */
	struct hf_rom rom;
};

/* Where a piece of it belongs: what lies wholly in the window is derived from that. */
static void name(const struct view *v, const struct hf_rom_image *image, const char *what, size_t index,
		 char out[static HF_MKEY_MAX])
{
	bool inside = image->offset < v->window_len &&
		      image->bytes.len <= v->window_len - image->offset;

	snprintf(out, HF_MKEY_MAX, "%s%s/%zu", inside ? "option-rom" : "rom-bar", what, index);
}

static enum hf_err text(const struct view *v, const char *image, const char *what, enum hf_method method,
			const char *value)
{
	char mkey[HF_MKEY_MAX + 16];

	snprintf(mkey, sizeof(mkey), "%s/%s", image, what);
	return hf_sink_text(v->read->sink, mkey, method, HF_MEASUREMENT_ADVISORY, value);
}

static enum hf_err failure(const struct view *v, const char *image, const char *what, enum hf_err cause)
{
	char mkey[HF_MKEY_MAX + 16];

	snprintf(mkey, sizeof(mkey), "%s/%s", image, what);
	return hf_sink_failure(v->read->sink, mkey, cause);
}

static enum hf_err report_program(const struct view *v, const char *image, const struct hf_efi_findings *found)
{
	char mkey[HF_MKEY_MAX + 16];
	enum hf_err err;

	if (!found->has_program)
		return HF_OK;
	if (found->program_err)
		return failure(v, image, "authenticode", found->program_err);
	snprintf(mkey, sizeof(mkey), "%s/authenticode", image);
	err = hf_sink_digests(v->read->sink, mkey, HF_METHOD_BYTES, HF_MEASUREMENT_CODE,
			      found->authenticode, found->authenticode_count, found->program_size);
	if (err)
		return err;
	if (found->signer_err)
		return failure(v, image, "signer", found->signer_err);
	return found->signer[0] ? text(v, image, "signer", HF_METHOD_BYTES, found->signer) : HF_OK;
}

/* Digested first; what looks into it may be led astray by it. */
static enum hf_err report_image(const struct view *v, const struct hf_rom_image *image, size_t index)
{
	struct hf_efi_findings found;
	char mkey[HF_MKEY_MAX];
	enum hf_err err;

	name(v, image, "", index, mkey);
	err = hf_sink_part(v->read->sink, mkey, HF_METHOD_BYTES, HF_MEASUREMENT_CODE, image->bytes);
	if (err)
		return err;
	err = hf_sink_examine(v->read->sink, image->bytes, image, &found);
	if (err == HF_ERR_INTERNAL)
		return err;
	if (err)
		return failure(v, mkey, image->efi ? "authenticode" : "version", err);
	err = report_program(v, mkey, &found);
	if (!err && found.version[0])
		err = text(v, mkey, "version", HF_METHOD_VERSION, found.version);
	return err;
}

/* A span that is neither an image nor blank, as far as it lies in the window: the rest has a
 * digest of its own. */
static enum hf_err report_filling(const struct view *v, const char *mkey, struct hf_span span)
{
	size_t offset = (size_t)(span.ptr - v->all.ptr);

	if (offset >= v->window_len)
		return HF_OK;
	if (span.len > v->window_len - offset)
		span.len = v->window_len - offset;
	if (hf_rom_is_blank(span))
		return HF_OK;
	return hf_sink_part(v->read->sink, mkey, HF_METHOD_BYTES, HF_MEASUREMENT_CODE, span);
}

static enum hf_err report_fillings(const struct view *v)
{
	char mkey[HF_MKEY_MAX];
	enum hf_err err = HF_OK;

	for (size_t i = 0; !err && i < v->rom.gap_count; i++) {
		snprintf(mkey, sizeof(mkey), "option-rom/gap/%zu", i);
		err = report_filling(v, mkey, v->rom.gaps[i]);
	}
	if (!err && v->rom.image_count)
		err = report_filling(v, "option-rom/tail", v->rom.tail);
	for (size_t i = 0; !err && i < v->rom.unlisted_count; i++) {
		name(v, &v->rom.unlisted[i], "/unlisted", i, mkey);
		err = hf_sink_part(v->read->sink, mkey, HF_METHOD_BYTES, HF_MEASUREMENT_CODE,
				   v->rom.unlisted[i].bytes);
	}
	if (!err && v->rom.unlisted_more)
		err = hf_sink_failure(v->read->sink, v->window_len ? "option-rom/unlisted" :
						     "rom-bar/unlisted", HF_ERR_ROM_TOO_MANY_IMAGES);
	return err;
}

/* After hashing: a malformed ROM is evidence, the digests of what was read stand whatever it
 * holds. */
static enum hf_err report(struct view *v)
{
	const char *chain = v->window_len ? "option-rom/chain" : "rom-bar/chain";
	size_t end;
	enum hf_err err = HF_OK;

	if (hf_rom_is_blank(v->all))
		return hf_sink_failure(v->read->sink, chain, HF_ERR_ROM_EMPTY);
	hf_rom_parse(v->all, &v->rom);
	end = v->rom.chain_at + v->rom.chain_len;
	if (v->rom.err)
		err = hf_sink_failure(v->read->sink, chain, v->rom.err);
	else if (end <= v->window_len)
		err = hf_sink_part(v->read->sink, "option-rom", HF_METHOD_BYTES, HF_MEASUREMENT_CODE,
				   hf_span_part(v->all, v->rom.chain_at, v->rom.chain_len));
	for (size_t i = 0; !err && i < v->rom.image_count; i++)
		err = report_image(v, &v->rom.images[i], i);
	return err ? err : report_fillings(v);
}

/* *ret_rest lies behind the window in the sink's memory; it is empty where there is none. */
static enum hf_err read_rest(const struct hf_read *read, bool shadow, struct hf_span *ret_rest)
{
	static const char mkey[] = "rom-bar/rest";
	const struct hf_bus_function *f = read->function;
	size_t cap, len;
	uint8_t *room = hf_sink_room(read->sink, &cap);
	const struct hf_rom_rest rest = {
		.address = &f->address,
		.config = f->config,
		.from = shadow ? 0 : hf_sink_window(read->sink).len,
		.shadow = shadow,
		/* A driver would meet a device that does not answer, and behind a bridge every
		 * device that is read at the same time would show all ones. */
		.sizing = read->options->rom_sizing && !f->driver && !hf_config_is_bridge(f->config),
		.memory = read->options->memory,
	};
	enum hf_err err = hf_host_read_rom_rest(read->host, &rest, room, cap, &len);
	char words[64];

	if (err)
		return hf_sink_failure(read->sink, mkey, err);
	*ret_rest = (struct hf_span){ room, len };
	if (len == 0)
		return HF_OK;
	if (!hf_rom_is_blank(*ret_rest))
		return hf_sink_part(read->sink, mkey, HF_METHOD_BYTES, HF_MEASUREMENT_CODE, *ret_rest);
	snprintf(words, sizeof(words), "%zu bytes of 0x%02x", len, room[0]);
	return hf_sink_text(read->sink, mkey, HF_METHOD_BYTES, HF_MEASUREMENT_ADVISORY, words);
}

static enum hf_err read_bar(const struct hf_read *read, bool shadow, enum hf_err got)
{
	struct hf_span window = hf_sink_window(read->sink), rest = { NULL, 0 };
	struct view v = { .read = read };
	enum hf_err err;

	/* Refused, or more than a ROM can have: nothing behind it is worth a try. */
	if (got && got != HF_ERR_ROM_READ && got != HF_ERR_ROM_EMPTY)
		return HF_OK;
	err = read_rest(read, shadow, &rest);
	if (err || (got && window.len))	/* of a part of the window nothing is claimed */
		return err;
	v.window_len = shadow ? 0 : window.len;
	v.all = shadow ? rest : (struct hf_span){ window.ptr, window.len + rest.len };
	return v.all.len ? report(&v) : HF_OK;
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
		err = hf_sink_failure(read->sink, "option-rom/shadow", HF_ERR_ROM_SHADOW);
	return err ? err : read_bar(read, shadow, got);
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
	.touches = "writes 1 and 0 to rom and reads it; the ROM BAR and COMMAND bit 1 for that time; "
		   "/dev/mem where the BAR is larger",
	.proves = "Which bytes the option ROM shows now, and the digest that firmware logs of each "
		  "EFI program in it.",
	.mkey = window_key,
	.needs_driver = false,
	.method = HF_METHOD_BYTES,
	.matches = matches,
	.read = read_rom,
};
