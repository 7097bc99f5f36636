/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/args.h"
#include "agent/commands.h"
#include "agent/device_trusts.h"
#include "agent/measure_host.h"
#include "agent/platform.h"
#include "manifests/report.h"
#include "manifests/trust.h"
#include "measure/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define JUDGE_ARENA ((size_t)256 << 20)

static const char usage[] =
	"usage: holdfast verify (--manifests DIR | --manifest FILE...) --anchors DIR\n"
	"                       [--sysfs DIR] [--rom=auto|all|none] [--json]\n"
	"                       [--mailboxes] [--vfio] [--device-seconds N]\n"
	"                       [--initramfs-step NAME]\n"
	"\n"
	"Judge this host, or a captured tree, by signed manifests. The TPM is not used\n"
	"and what the firmware ran is not judged: such a result releases nothing.\n"
	"\n"
	"  --manifests DIR    every *.corim in DIR\n"
	"  --manifest FILE... these files\n"
	"  --anchors DIR      NAME.pem public keys; owner/, vendor/, device/ below it\n"
	"  --sysfs DIR        a captured tree in place of /sys\n"
	"  --rom=...          as for scan; a live host shows its ROMs with --rom=all\n"
	"  --mailboxes, --vfio  as for scan; devices sign, by anchors of device/\n"
	"  --device-seconds N  give up a device that keeps silent for so long (5)\n"
	"  --initramfs-step NAME  as for scan\n"
	"  --json             the verdict as JSON\n"
	"\n"
	"exit codes: 0 accepted, 3 refused, 4 a device could not be read\n";

struct verify {
	bool json, mailboxes, vfio;
	const char *sysfs, *rom, *patience, *step, *manifests_dir, *anchors;
	struct hf_args_list files;
	enum hf_rom_wish wish;
	unsigned device_ms;
	struct hf_survey survey;
	struct hf_arena arena;	/* manifests and verdict */
	struct hf_trust trust;
	struct hf_manifests manifests;
	struct hf_device_trusts devices;
	struct hf_verdict verdict;
};

static enum hf_err load_files(struct verify *v, struct hf_fault *fault)
{
	for (size_t i = 0; i < v->files.count; i++) {
		enum hf_err err = hf_manifest_load_file(&v->trust, AT_FDCWD, v->files.words[i], 0,
							&v->manifests, fault);

		if (err)
			return err;
	}
	return HF_OK;
}

static enum hf_err look(struct verify *v, struct hf_fault *fault)
{
	const struct hf_survey_options wanted = { .wish = v->wish, .device_ms = v->device_ms,
						  .mailbox = v->mailboxes || v->vfio,
						  .vfio = v->vfio, .step = v->step };
	enum hf_err err = hf_survey_read(v->sysfs, &wanted, &v->survey, fault);

	if (err)
		return err;
	const struct hf_device_trusts_options options = { .trust = &v->trust,
							  .manifests = &v->manifests,
							  .device_ms = v->device_ms };

	err = hf_device_trusts_take(&v->survey.claims, &options, &v->devices);
	return err ? hf_fail(fault, err, v->survey.host.root, "%s", "devices' certificates") : HF_OK;
}

static enum hf_err judge(struct verify *v, struct hf_fault *fault)
{
	const char *vendor, *product;
	const struct hf_model *model;
	enum hf_err err;

	err = hf_trust_read(v->anchors, &v->trust, fault);
	if (!err && v->manifests_dir)
		err = hf_manifests_read(&v->trust, v->manifests_dir, 0, &v->manifests, fault);
	else if (!err)
		err = load_files(v, fault);
	if (!err && v->manifests.file_count == 0)
		err = hf_fail(fault, HF_ERR_MANIFEST_MISSING, v->manifests_dir, "no *.corim there");
	if (!err)
		err = look(v, fault);
	if (err)
		return err;
	vendor = hf_platform_text(v->survey.host_part, "smbios/vendor");
	product = hf_platform_text(v->survey.host_part, "smbios/product");
	err = hf_model_choose(&v->manifests, vendor ? vendor : "", product ? product : "", &model);
	if (err)
		return hf_fail(fault, err, v->survey.host.root, "vendor \"%s\", product \"%s\"",
			       vendor ? vendor : "", product ? product : "");
	hf_appraise(&(struct hf_appraise_input){ .claims = &v->survey.claims,
						 .manifests = &v->manifests, .model = model,
						 .devices = v->devices.list },
		    &v->arena, &v->verdict);
	return HF_OK;
}

static void print_report(void *self, struct hf_writer *w)
{
	const struct verify *v = self;

	hf_report_tree(&v->survey.claims, &v->verdict, w);
	hf_report_findings(&v->verdict, w);
	hf_report_coverage(&v->survey.claims, &v->verdict, w);
}

static void print_step(void *self, struct hf_writer *w)
{
	hf_survey_step_print(((const struct verify *)self)->step, w);
}

static enum hf_err output(struct verify *v, struct hf_fault *fault)
{
	enum hf_err err;

	if (v->json) {
		char *text = hf_report_json(&v->survey.claims, &v->verdict, true);

		if (!text)
			return hf_fail(fault, HF_ERR_NO_MEMORY, "report", "JSON");
		printf("%s\n", text);
		free(text);
		return HF_OK;
	}
	err = hf_survey_output(print_report, v, fault);
	if (err)
		return err;
	printf("verdict: %s", hf_status_name(v->verdict.status));
	if (v->verdict.cause)
		printf(" [%s]", hf_err_name(v->verdict.cause));
	printf("\nmodel: %.40s, generation %llu\n", v->verdict.model->name,
	       (unsigned long long)v->verdict.model->generation);
	if (v->verdict.model->mode == HF_MODE_AUDIT)
		printf("mode: audit: the gate would say WOULD HOLD and go on\n");
	printf("not judged: the firmware's own log, the agent's image, the TPM\n");
	return hf_survey_output(print_step, v, fault);
}

/* Warned parts are admitted by the owner's own rule. An isolated part is refused here,
 * because nothing was isolated. */
static int exit_code(const struct hf_verdict *verdict)
{
	if (verdict->status == HF_STATUS_ACCEPTED || verdict->status == HF_STATUS_WARNED)
		return HF_EXIT_OK;
	if (!verdict->cause || hf_err_exit(verdict->cause) != HF_EXIT_DEVICE)
		return HF_EXIT_REFUSED;
	return HF_EXIT_DEVICE;
}

static int run(const char *command, struct verify *v)
{
	struct hf_fault fault = { 0 };
	enum hf_err err;
	int code;

	err = hf_arena_make(JUDGE_ARENA, &v->arena);
	if (err)
		(void)hf_fail(&fault, err, NULL, "%zu bytes", JUDGE_ARENA);
	v->manifests.arena = &v->arena;
	if (!err)
		err = judge(v, &fault);
	if (!err)
		err = output(v, &fault);
	if (!err)
		hf_survey_hint(&v->survey, command);
	code = err ? hf_args_fault(command, &fault) : exit_code(&v->verdict);
	hf_survey_drop(&v->survey);
	hf_trust_drop(&v->trust);
	if (v->arena.base)
		hf_arena_drop(&v->arena);
	return code;
}

int hf_cmd_verify(int argc, char **argv)
{
	static struct verify v;	/* holds a thousand manifest names: no thing for the stack */
	const struct hf_option options[] = {
		{ .name = "json", .flag = &v.json },
		{ .name = "mailboxes", .flag = &v.mailboxes },
		{ .name = "vfio", .flag = &v.vfio },
		{ .name = "sysfs", .value = &v.sysfs },
		{ .name = "rom", .value = &v.rom },
		{ .name = "device-seconds", .value = &v.patience },
		{ .name = "initramfs-step", .value = &v.step },
		{ .name = "manifests", .value = &v.manifests_dir },
		{ .name = "manifest", .list = &v.files },
		{ .name = "anchors", .value = &v.anchors },
		{ .name = NULL },
	};
	int code;

	v.survey.host.sysfs = -1;
	if (!hf_args_parse(argc, argv, options, NULL, usage, &code))
		return code;
	if (!hf_rom_wish_parse(v.rom, &v.wish))
		return hf_args_refuse(argv[0], "--rom is auto, all or none, not \"%s\"", v.rom);
	if (!hf_device_patience_parse(v.patience, &v.device_ms))
		return hf_args_refuse(argv[0], HF_DEVICE_PATIENCE_USAGE ", not \"%s\"", v.patience);
	if (v.step && !hf_platform_step_valid(v.step))
		return hf_args_refuse(argv[0], HF_STEP_USAGE ", not \"%s\"", v.step);
	if (!v.manifests_dir == !v.files.count)
		return hf_args_refuse(argv[0], "give --manifests DIR or --manifest FILE, one of them");
	if (!v.anchors)
		return hf_args_refuse(argv[0], "--anchors DIR is needed: the keys you trust");
	return run(argv[0], &v);
}
