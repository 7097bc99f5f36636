/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/args.h"
#include "agent/commands.h"
#include "agent/rom_report.h"
#include "measure/arena.h"
#include "measure/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"usage: holdfast rom FILE [--json]\n"
	"\n"
	"The images of an option ROM file, with the digests that reference values name.\n"
	"\n"
	"exit codes: 0 well formed, 4 malformed (what could be read is printed)\n";

static enum hf_err digest_both(struct hf_span in, struct hf_digest ret[static HF_ROM_REPORT_DIGESTS])
{
	enum hf_err err = hf_digest(HF_ALG_SHA256, in, &ret[0]);

	return err ? err : hf_digest(HF_ALG_SHA384, in, &ret[1]);
}

static size_t padding_after(struct hf_span window, size_t chain_len)
{
	size_t n = 0;

	for (size_t i = window.len; i > chain_len; i--, n++)
		if (window.ptr[i - 1] != window.ptr[window.len - 1] ||
		    (window.ptr[i - 1] != 0x00 && window.ptr[i - 1] != 0xff))
			break;
	return n;
}

static enum hf_err look(struct hf_span window, struct hf_rom_report *report, struct hf_fault *fault)
{
	enum hf_err err = digest_both(window, report->window);

	report->size = window.len;
	if (!err)
		hf_rom_parse(window, &report->rom);
	for (size_t i = 0; !err && i < report->rom.image_count; i++)
		err = digest_both(report->rom.images[i].bytes, report->images[i]);
	if (err)
		return hf_fail(fault, err, report->name, "digest");
	report->padding = padding_after(window, report->rom.chain_len);
	return HF_OK;
}

/* SHA-384 takes two lines to stay within 80 columns. */
static void print_digests(const struct hf_digest digests[static HF_ROM_REPORT_DIGESTS])
{
	char hex[2 * HF_DIGEST_MAX + 1];

	for (size_t i = 0; i < HF_ROM_REPORT_DIGESTS; i++) {
		hf_digest_hex(&digests[i], hex);
		printf("    %s %.64s\n", hf_alg_name(digests[i].alg), hex);
		if (strlen(hex) > 64)
			printf("           %s\n", hex + 64);
	}
}

static void print_name(const char *name)
{
	for (; *name; name++)
		putchar(*name < 0x20 || *name > 0x7e ? '?' : *name);
}

static void print_text(const struct hf_rom_report *report)
{
	size_t rest = report->size - report->rom.chain_len - report->padding;

	print_name(report->name);
	printf(":\n  window: %zu bytes\n", report->size);
	print_digests(report->window);
	for (size_t i = 0; i < report->rom.image_count; i++) {
		const struct hf_rom_image *image = &report->rom.images[i];

		printf("  image %zu: offset 0x%zx, %zu bytes, %s, %04x:%04x%s\n", i, image->offset,
		       image->bytes.len, hf_rom_code_name(image->code_type), image->vendor,
		       image->device, image->last ? ", last" : "");
		if (image->efi)
			printf("    EFI: subsystem 0x%x, machine 0x%04x, %s, at 0x%x\n",
			       image->efi_subsystem, image->efi_machine,
			       image->efi_compressed ? "compressed" : "not compressed",
			       image->efi_offset);
		print_digests(report->images[i]);
	}
	printf("  chain: %zu images, %zu bytes; after it %zu other bytes, %zu of padding\n",
	       report->rom.image_count, report->rom.chain_len, rest, report->padding);
}

static enum hf_err print_json(const struct hf_rom_report *report, struct hf_fault *fault)
{
	char *text = hf_rom_report_json(report);

	if (!text)
		return hf_fail(fault, HF_ERR_NO_MEMORY, report->name, "JSON");
	printf("%s\n", text);
	free(text);
	return HF_OK;
}

static enum hf_err run(const char *name, bool json, struct hf_fault *fault)
{
	static struct hf_rom_report report;
	struct hf_arena arena;
	struct hf_span window;
	enum hf_err err = hf_arena_make(HF_ROM_MAX + 4096, &arena);

	if (err)
		return hf_fail(fault, err, name, "memory");
	report.name = name;
	err = hf_file_read(AT_FDCWD, name, HF_ROM_MAX, &arena, &window, fault);
	if (err == HF_ERR_FILE_TOO_LARGE)
		err = hf_fail(fault, HF_ERR_ROM_TOO_LARGE, name, "limit %u bytes", HF_ROM_MAX);
	if (!err)
		err = look(window, &report, fault);
	if (!err && json)
		err = print_json(&report, fault);
	else if (!err)
		print_text(&report);
	if (!err && report.rom.err)
		err = hf_fail(fault, report.rom.err, name, "at offset 0x%zx", report.rom.chain_len);
	hf_arena_drop(&arena);
	return err;
}

int hf_cmd_rom(int argc, char **argv)
{
	bool json = false;
	struct hf_args_list rest = { 0 };
	const struct hf_option options[] = {
		{ .name = "json", .flag = &json },
		{ .name = NULL },
	};
	struct hf_fault fault = { 0 };
	int code;

	if (!hf_args_parse(argc, argv, options, &rest, usage, &code))
		return code;
	if (rest.count != 1)
		return hf_args_refuse(argv[0], "one FILE is needed, %zu given", rest.count);
	return run(rest.words[0], json, &fault) ? hf_args_fault(argv[0], &fault) : HF_EXIT_OK;
}
