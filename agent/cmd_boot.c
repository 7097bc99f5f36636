/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `holdfast boot`: the gate as the first process of a host, or its rehearsal. */
#include "agent/args.h"
#include "agent/commands.h"
#include "agent/gate.h"
#include "agent/pid1.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
	"usage: holdfast boot --sysfs DIR --tcti CONF [--etc DIR] [--config FILE]\n"
	"                     [--procfs DIR] [--evidence DIR]\n"
	"       holdfast boot --exit [--etc DIR] [--config FILE]\n"
	"\n"
	"The gate. As the first process of a host it takes no options, measures and\n"
	"judges the host and releases it or holds it for ever. Otherwise it rehearses\n"
	"on a captured tree, which it never writes to and can never release.\n"
	"\n"
	"  --exit          as a step of another initramfs, before its drivers: 0 says\n"
	"                  that it may go on, anything else that it must not; only\n"
	"                  where the owner has listed an image of kind exit\n"
	"  --sysfs DIR     the captured tree, laid out like /sys\n"
	"  --tcti CONF     the TPM to use, as tpm2-tools name it; it is extended\n"
	"  --etc DIR       holdfast.conf, anchors/, manifests.d/ (/etc/holdfast)\n"
	"  --config FILE   in place of DIR/holdfast.conf\n"
	"  --procfs DIR    in place of the proc beside the captured tree\n"
	"  --evidence DIR  where the evidence goes\n"
	"\n"
	"exit codes: 0 released (--exit), 1 internal, 2 usage, 3 judged and refused\n"
	"(a rehearsal that went through: captured-tree), 4 a device could not be read,\n"
	"5 TPM, 6 controller\n";

static int run(const struct hf_gate_options *options)
{
	struct hf_gate *gate = calloc(1, sizeof(*gate));
	struct hf_fault fault = { 0 };
	enum hf_stage stage = HF_STAGE_HELD;
	enum hf_err err;
	bool left;

	if (!gate) {
		hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "%zu bytes", sizeof(*gate));
		return hf_args_fault("boot", &fault);
	}
	err = hf_gate_open(gate, options, &fault);
	if (err == HF_OK)
		stage = hf_stages_run(hf_gate_stages, gate, &hf_gate_watch, &fault);
	else
		fault.err = hf_gate_held(gate, &fault);
	left = options->step && stage == HF_STAGE_RELEASE && fault.err == HF_OK;
	hf_gate_close(gate);
	free(gate);
	if (left)
		return HF_EXIT_OK;
	return fault.err == HF_OK ? HF_EXIT_INTERNAL : (int)hf_err_exit(fault.err);
}

/* The kernel panics when its first process ends, and every other way on is a way around
 * the gate. */
static _Noreturn void first_process(void)
{
	const struct hf_gate_options options = { .pid1 = true, .etc = "/etc/holdfast" };

	clearenv();
	setenv("TSS2_LOG", "all+NONE", 1);
	(void)run(&options);
	hf_pid1_park(60, NULL, NULL);
}

int hf_cmd_boot(int argc, char **argv)
{
	struct hf_gate_options options = { 0 };
	const struct hf_option table[] = {
		{ .name = "sysfs", .value = &options.sysfs },
		{ .name = "procfs", .value = &options.procfs },
		{ .name = "etc", .value = &options.etc },
		{ .name = "config", .value = &options.config },
		{ .name = "tcti", .value = &options.tcti },
		{ .name = "evidence", .value = &options.evidence },
		{ .name = "exit", .flag = &options.step },
		{ .name = NULL },
	};
	struct hf_fault fault;
	int code;

	if (getpid() == 1)
		first_process();
	if (!hf_args_parse(argc, argv, table, NULL, usage, &code))
		return code;
	if (options.step && (options.sysfs || options.procfs || options.tcti || options.evidence)) {
		hf_fail(&fault, HF_ERR_USAGE, "--exit", "%s", "is for a live host, with --etc and --config alone");
		return hf_args_fault("boot", &fault);
	}
	if (!options.sysfs && !options.step) {
		hf_fail(&fault, HF_ERR_NOT_PID1, NULL, "process %d", (int)getpid());
		return hf_args_fault("boot", &fault);
	}
	if (!options.etc)
		options.etc = "/etc/holdfast";
	setenv("TSS2_LOG", "all+NONE", 0);
	return run(&options);
}
