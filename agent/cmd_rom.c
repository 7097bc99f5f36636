/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/args.h"
#include "agent/commands.h"
#include "agent/rom_report.h"
#include "measure/arena.h"
#include "measure/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"usage: holdfast rom FILE [--json] [--extract DIR]\n"
	"\n"
	"The images of an option ROM file, what lies between and behind them, and the\n"
	"EFI program in each image, with the digests that reference values name.\n"
	"\n"
	"  --extract DIR  write image-N.bin and, unpacked, image-N.efi into DIR, which is\n"
	"                 made if it is not there; no file there is replaced\n"
	"\n"
	"exit codes: 0 well formed, 4 malformed (what could be read is printed)\n";

static enum hf_err digest_both(struct hf_span in, struct hf_rom_digests *ret)
{
	enum hf_err err = hf_digest(HF_ALG_SHA256, in, &ret->list[0]);

	return err ? err : hf_digest(HF_ALG_SHA384, in, &ret->list[1]);
}

static size_t padding_of(struct hf_span tail)
{
	size_t n = 0;

	for (size_t i = tail.len; i > 0; i--, n++)
		if (tail.ptr[i - 1] != tail.ptr[tail.len - 1] ||
		    (tail.ptr[i - 1] != 0x00 && tail.ptr[i - 1] != 0xff))
			break;
	return n;
}

static enum hf_err look(struct hf_rom_report *report, struct hf_fault *fault)
{
	struct hf_rom *rom = &report->rom;
	enum hf_err err = digest_both(report->window, &report->whole);

	if (!err) {
		hf_rom_parse(report->window, rom);
		err = digest_both(rom->tail, &report->tail);
	}
	for (size_t i = 0; !err && i < rom->gap_count; i++)
		err = digest_both(rom->gaps[i], &report->gaps[i]);
	for (size_t i = 0; !err && i < rom->unlisted_count; i++)
		err = digest_both(rom->unlisted[i].bytes, &report->unlisted[i]);
	for (size_t i = 0; !err && i < rom->image_count; i++) {
		err = digest_both(rom->images[i].bytes, &report->images[i]);
		hf_efi_image_examine(rom->images[i].bytes, &rom->images[i], &report->programs[i]);
	}
	if (err)
		return hf_fail(fault, err, report->name, "digest");
	report->padding = padding_of(rom->tail);
	return HF_OK;
}

/* O_EXCL: a name that is there already, a link among them, is never written through. */
static enum hf_err write_new(int dir, const char *path, const char *name, struct hf_span bytes,
			     struct hf_fault *fault)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char where[256];
	int why;

	snprintf(where, sizeof(where), "%s/%s", path, name);
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, where);
	while (bytes.len) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);

		if (n <= 0)
			break;
		bytes = hf_span_part(bytes, (size_t)n, bytes.len - (size_t)n);
	}
	why = errno;
	if (close(fd) != 0 || bytes.len)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, why, where);
	return HF_OK;
}

static enum hf_err extract(const struct hf_rom *rom, const char *path, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;
	char name[32];
	int dir;

	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, path);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, path);
	for (size_t i = 0; !err && i < rom->image_count; i++) {
		struct hf_span program;

		snprintf(name, sizeof(name), "image-%zu.bin", i);
		err = write_new(dir, path, name, rom->images[i].bytes, fault);
		snprintf(name, sizeof(name), "image-%zu.efi", i);
		if (!err && rom->images[i].efi &&
		    hf_efi_program(rom->images[i].bytes, &rom->images[i], &program) == HF_OK)
			err = write_new(dir, path, name, program, fault);
	}
	close(dir);
	return err;
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

/* What is wrong with the ROM itself, the chain first. */
static enum hf_err judge(const struct hf_rom_report *report, struct hf_fault *fault)
{
	const struct hf_rom *rom = &report->rom;

	if (rom->err)
		return hf_fail(fault, rom->err, report->name, "at offset 0x%zx",
			       rom->chain_at + rom->chain_len);
	for (size_t i = 0; i < rom->image_count; i++) {
		const struct hf_efi_findings *found = &report->programs[i];
		enum hf_err err = found->program_err ? found->program_err : found->signer_err;

		if (err)
			return hf_fail(fault, err, report->name, "image %zu", i);
	}
	return HF_OK;
}

static enum hf_err show(const char *name, bool json, const char *dir, struct hf_rom_report *report,
			struct hf_arena *arena, struct hf_fault *fault)
{
	enum hf_err err;

	report->name = name;
	err = hf_file_read(AT_FDCWD, name, HF_ROM_MAX, arena, &report->window, fault);
	if (err == HF_ERR_FILE_TOO_LARGE)
		err = hf_fail(fault, HF_ERR_ROM_TOO_LARGE, name, "limit %u bytes", HF_ROM_MAX);
	if (!err)
		err = look(report, fault);
	if (!err && json)
		err = print_json(report, fault);
	else if (!err)
		hf_rom_report_print(report);
	return !err && dir ? extract(&report->rom, dir, fault) : err;
}

static int run(const char *command, const char *name, bool json, const char *dir)
{
	static struct hf_rom_report report;
	struct hf_fault fault = { 0 };
	struct hf_arena arena;
	enum hf_err err = hf_arena_make(HF_ROM_MAX + 4096, &arena);
	int code;

	if (err) {
		hf_fail(&fault, err, name, "memory");
		return hf_args_fault(command, &fault);
	}
	err = show(name, json, dir, &report, &arena, &fault);
	if (err) {
		code = hf_args_fault(command, &fault);
	} else if (judge(&report, &fault)) {
		hf_args_fault(command, &fault);
		code = HF_EXIT_DEVICE;	/* whatever the cause says elsewhere */
	} else {
		code = HF_EXIT_OK;
	}
	hf_arena_drop(&arena);
	return code;
}

int hf_cmd_rom(int argc, char **argv)
{
	bool json = false;
	const char *dir = NULL;
	struct hf_args_list rest = { 0 };
	const struct hf_option options[] = {
		{ .name = "json", .flag = &json },
		{ .name = "extract", .value = &dir },
		{ .name = NULL },
	};
	int code;

	if (!hf_args_parse(argc, argv, options, &rest, usage, &code))
		return code;
	if (rest.count != 1)
		return hf_args_refuse(argv[0], "one FILE is needed, %zu given", rest.count);
	return run(argv[0], rest.words[0], json, dir);
}
