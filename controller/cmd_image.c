/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl image measure: what firmware will log for an agent image, and what the gate
 * demands of a tenant image, as the JSON source of an image list. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/commands.h"
#include "controller/ctl.h"
#include "controller/image_measure.h"
#include "controller/source.h"
#include "measure/file.h"
#include "pcie/pe.h"

#define ARENA ((size_t)1 << 30)	/* reserved, not used */

static const char usage[] =
	"usage: holdfastctl image measure --name NAME --out FILE.json\n"
	"         [--kernel F --initrd F (--command-line TEXT | --command-line-file F) |\n"
	"          --uki F]\n"
	"         [--tenant-kernel F --tenant-initrd F --tenant-command-line TEXT]\n"
	"         [--tenant-root F] [--tenant-boot-entry F] [--tenant-exit]\n"
	"         [--service-kernel F --service-initrd F --service-command-line TEXT]\n"
	"         [--service-root F] [--service-boot-entry F]\n"
	"\n"
	"Writes an image list to be signed with holdfastctl manifest sign: the digests\n"
	"that UEFI firmware and the kernel's EFI stub log for the agent's kernel (PCR 4),\n"
	"initrd and command line (PCR 9), and those of the tenant's files and of the\n"
	"service image's, which a host with old firmware starts to be updated.\n"
	"\n"
	"  --command-line TEXT   exactly as the firmware hands it to the kernel: boot\n"
	"                        loaders may add words (QEMU's -kernel with UEFI adds\n"
	"                        \" initrd=initrd\")\n"
	"  --kernel F            exactly as the firmware loads it (QEMU's -kernel fills\n"
	"                        in the setup header first)\n"
	"\n"
	"  --uki F               kernel, initrd and command line in one file with\n"
	"                        systemd's EFI stub (252): its digest (PCR 4) and what the\n"
	"                        stub measures of its sections (PCR 11) besides\n"
	"  --tenant-boot-entry F a boot entry of the firmware (an EFI_LOAD_OPTION, or a\n"
	"                        file Boot#### of efivarfs), to be started by a reset\n"
	"  --tenant-exit         the initramfs of which the gate is a step may go on\n"
	"\n"
	"The tenant is NAME-kexec (kernel and initrd), NAME-root (a squashfs image),\n"
	"NAME-next-boot or NAME-exit; the service image NAME-service-kexec and so on.\n"
	"What goes into the store as boot-entry is the entry without the four bytes that\n"
	"efivarfs puts before it: tail -c +5 Boot0003-... > boot-entry\n"
	"\n"
	"exit codes: 0 written, 2 usage or a file that cannot be measured\n";

static enum hf_err measure(const struct hf_image_args *a, struct hf_manifests *m,
			   struct hf_fault *fault)
{
	enum hf_err err = hf_image_measure(a, m, fault);
	char *json;

	if (err)
		return err;
	json = hf_source_format(m);
	if (!json)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
	err = hf_file_write(AT_FDCWD, a->out, hf_span_text(json), 0644, fault);
	free(json);
	if (!err)
		printf("%s\n", a->out);
	return err;
}

static bool any(const struct hf_image_started *s)
{
	return s->kernel || s->initrd || s->command_line || s->root || s->boot_entry;
}

static bool half(const struct hf_image_started *s)
{
	return (s->kernel || s->initrd || s->command_line) && !(s->kernel && s->initrd && s->command_line);
}

/* -1: go on; else the exit code. */
static int check(const struct hf_image_args *a)
{
	bool line = a->command_line || a->command_line_file;
	bool agent = a->kernel || a->initrd || line;

	if (!a->name || !a->out)
		return hf_ctl_refuse("image", "measure needs --name and --out");
	if (!hf_name_valid(a->name) || strlen(a->name) > HF_NAME_MAX - 16)
		return hf_ctl_refuse("image", "%s cannot be a name", a->name);
	if (!agent && !a->uki && !any(&a->tenant) && !any(&a->service) && !a->exits)
		return hf_ctl_refuse("image", "there is nothing to measure");
	if (agent && !(a->kernel && a->initrd && line))
		return hf_ctl_refuse("image",
				     "an agent image is --kernel, --initrd and --command-line together");
	if (agent && a->uki)
		return hf_ctl_refuse("image", "--uki holds kernel, initrd and command line: not beside these");
	if (a->command_line && a->command_line_file)
		return hf_ctl_refuse("image", "--command-line or --command-line-file, not both");
	if (half(&a->tenant))
		return hf_ctl_refuse("image", "a tenant by kexec is --tenant-kernel, --tenant-initrd and "
				     "--tenant-command-line together");
	if (half(&a->service))
		return hf_ctl_refuse("image", "a service image by kexec is --service-kernel, "
				     "--service-initrd and --service-command-line together");
	return -1;
}

static int parse(int argc, char **argv, struct hf_image_args *a)
{
	struct { const char *name; const char **value; } table[] = {
		{ "name", &a->name }, { "out", &a->out }, { "kernel", &a->kernel },
		{ "initrd", &a->initrd }, { "uki", &a->uki }, { "command-line", &a->command_line },
		{ "command-line-file", &a->command_line_file },
		{ "tenant-kernel", &a->tenant.kernel }, { "tenant-initrd", &a->tenant.initrd },
		{ "tenant-command-line", &a->tenant.command_line },
		{ "tenant-root", &a->tenant.root }, { "tenant-boot-entry", &a->tenant.boot_entry },
		{ "service-kernel", &a->service.kernel }, { "service-initrd", &a->service.initrd },
		{ "service-command-line", &a->service.command_line },
		{ "service-root", &a->service.root }, { "service-boot-entry", &a->service.boot_entry },
	};
	enum { COUNT = sizeof(table) / sizeof(table[0]) };
	struct option options[COUNT + 3] = { { 0 } };
	int c;

	for (int i = 0; i < COUNT; i++)
		options[i] = (struct option){ table[i].name, required_argument, NULL, 256 + i };
	options[COUNT] = (struct option){ "help", no_argument, NULL, 'h' };
	options[COUNT + 1] = (struct option){ "tenant-exit", no_argument, NULL, 'x' };
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
		a->exits |= c == 'x';
		if (c == 'x')
			continue;
		if (c < 256)
			return hf_ctl_refuse("image", "%s is not understood", argv[optind - 1]);
		if (*table[c - 256].value)
			return hf_ctl_refuse("image", "--%s is given twice", table[c - 256].name);
		*table[c - 256].value = optarg;
	}
	if (optind < argc)
		return hf_ctl_refuse("image", "%s is one word too many", argv[optind]);
	return check(a);
}

int hf_cmd_image(int argc, char **argv)
{
	struct hf_image_args args = { .name = NULL };
	struct hf_fault fault = { 0 };
	struct hf_manifests *manifests;
	struct hf_arena arena;
	int code;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return HF_EXIT_OK;
	}
	if (argc < 2 || strcmp(argv[1], "measure") != 0)
		return hf_ctl_refuse("image", "what: measure?");
	code = parse(argc - 1, argv + 1, &args);
	if (code >= 0)
		return code;
	manifests = calloc(1, sizeof(*manifests));
	if (!manifests || hf_arena_make(ARENA, &arena) != HF_OK) {
		free(manifests);
		hf_fail(&fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
		return hf_ctl_fault("image", &fault);
	}
	manifests->arena = &arena;
	code = measure(&args, manifests, &fault) ? hf_ctl_fault("image", &fault) : HF_EXIT_OK;
	hf_arena_drop(&arena);
	free(manifests);
	return code;
}
