/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/args.h"
#include "agent/commands.h"
#include "agent/measure_host.h"
#include "agent/platform.h"
#include "agent/readers_list.h"
#include "manifests/report.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"usage: holdfast scan [--json] [--sysfs DIR] [--rom=auto|all|none]\n"
	"                     [--mailboxes] [--vfio] [--device-seconds N]\n"
	"                     [--initramfs-step NAME]\n"
	"       holdfast scan --readers [--json]\n"
	"\n"
	"What is on this host: every PCIe part, its firmware and how it was measured.\n"
	"Nothing is judged and, by default, nothing is written.\n"
	"\n"
	"  --json        the same facts as JSON\n"
	"  --sysfs DIR   a captured tree in place of /sys\n"
	"  --rom=auto    option ROMs of a captured tree, none of a live host (default)\n"
	"  --rom=all     option ROMs of every device; on a live host this enables each\n"
	"                ROM for a moment, also under a driver that is using the device,\n"
	"                and reads vital product data too, which nothing else does there\n"
	"  --rom=none    no option ROMs\n"
	"  --mailboxes   ask the DOE mailboxes of a live host what they speak, and what\n"
	"                the device signs (SPDM): that writes to them\n"
	"  --vfio        and through vfio-pci, bound for that time, where the kernel lets\n"
	"                nobody write to them (lockdown): that resets the device\n"
	"  --device-seconds N  give up a device that keeps silent for so long (5)\n"
	"  --initramfs-step NAME  an initramfs runs this before its drivers: the report\n"
	"                says so, and what that is worth\n"
	"  --readers     no host: what each reader touches, needs and proves\n"
	"\n"
	"exit codes: 0 everything answered, 4 a device could not be read\n";

static void print_report(void *self, struct hf_writer *w)
{
	const struct hf_survey *survey = self;

	hf_report_tree(&survey->claims, NULL, w);
	hf_report_coverage(&survey->claims, NULL, w);
	hf_survey_step_print(hf_platform_text(survey->host_part, "initramfs-step"), w);
}

static enum hf_err output(struct hf_survey *survey, bool json, struct hf_fault *fault)
{
	if (!json)
		return hf_survey_output(print_report, survey, fault);

	char *text = hf_report_json(&survey->claims, NULL, true);

	if (!text)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "report", "JSON");
	printf("%s\n", text);
	free(text);
	return HF_OK;
}

static void print_readers(void *self, struct hf_writer *w)
{
	(void)self;
	hf_readers_text(w);
}

static int list_readers(const char *command, bool json)
{
	struct hf_fault fault = { 0 };
	enum hf_err err = HF_OK;
	char *text;

	if (!json) {
		err = hf_survey_output(print_readers, NULL, &fault);
		return err ? hf_args_fault(command, &fault) : HF_EXIT_OK;
	}
	text = hf_readers_json();
	if (!text) {
		(void)hf_fail(&fault, HF_ERR_NO_MEMORY, "readers", "JSON");
		return hf_args_fault(command, &fault);
	}
	printf("%s\n", text);
	free(text);
	return HF_EXIT_OK;
}

int hf_cmd_scan(int argc, char **argv)
{
	bool json = false, readers = false, mailboxes = false, vfio = false;
	const char *sysfs = NULL, *rom = NULL, *patience = NULL, *step = NULL, *path = "";
	const struct hf_option options[] = {
		{ .name = "json", .flag = &json },
		{ .name = "sysfs", .value = &sysfs },
		{ .name = "rom", .value = &rom },
		{ .name = "device-seconds", .value = &patience },
		{ .name = "initramfs-step", .value = &step },
		{ .name = "readers", .flag = &readers },
		{ .name = "mailboxes", .flag = &mailboxes },
		{ .name = "vfio", .flag = &vfio },
		{ .name = NULL },
	};
	struct hf_survey_options wanted = { 0 };
	struct hf_survey survey;
	struct hf_fault fault = { 0 };
	enum hf_err err;
	int code;

	if (!hf_args_parse(argc, argv, options, NULL, usage, &code))
		return code;
	if (readers && (sysfs || rom || patience || mailboxes || vfio || step))
		return hf_args_refuse(argv[0], "--readers reads no host: it goes with --json alone");
	if (readers)
		return list_readers(argv[0], json);
	if (!hf_rom_wish_parse(rom, &wanted.wish))
		return hf_args_refuse(argv[0], "--rom is auto, all or none, not \"%s\"", rom);
	if (!hf_device_patience_parse(patience, &wanted.device_ms))
		return hf_args_refuse(argv[0], HF_DEVICE_PATIENCE_USAGE ", not \"%s\"", patience);
	if (step && !hf_platform_step_valid(step))
		return hf_args_refuse(argv[0], HF_STEP_USAGE ", not \"%s\"", step);
	wanted.step = step;
	wanted.mailbox = mailboxes || vfio;
	wanted.vfio = vfio;
	wanted.tell = argv[0];
	err = hf_survey_read(sysfs, &wanted, &survey, &fault);
	if (!err)
		err = output(&survey, json, &fault);
	if (err) {
		hf_survey_drop(&survey);
		return hf_args_fault(argv[0], &fault);
	}
	hf_survey_hint(&survey, argv[0]);
	err = hf_survey_unread(&survey.claims, &path);
	if (err)
		(void)hf_fail(&fault, err, path, "%s", "");
	hf_survey_drop(&survey);
	return err ? (hf_args_fault(argv[0], &fault), HF_EXIT_DEVICE) : HF_EXIT_OK;
}
