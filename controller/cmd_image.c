/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastctl image measure: what firmware will log for an agent image, and what the gate
 * demands of a tenant image, as the JSON source of an image list. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/commands.h"
#include "controller/ctl.h"
#include "controller/source.h"
#include "measure/file.h"
#include "pcie/pe.h"

#define ARENA ((size_t)1 << 30)	/* reserved, not used */
#define BLOCK (1u << 20)
#define COMMAND_LINE_MAX 4096

static const char usage[] =
	"usage: holdfastctl image measure --name NAME --out FILE.json\n"
	"         [--kernel F --initrd F (--command-line TEXT | --command-line-file F)]\n"
	"         [--tenant-kernel F --tenant-initrd F --tenant-command-line TEXT]\n"
	"         [--tenant-root F]\n"
	"         [--service-kernel F --service-initrd F --service-command-line TEXT]\n"
	"         [--service-root F]\n"
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
	"The tenant is NAME-kexec (kernel and initrd) or NAME-root (a squashfs image);\n"
	"the service image NAME-service-kexec or NAME-service-root.\n"
	"\n"
	"exit codes: 0 written, 2 usage or a file that cannot be measured\n";

struct started {	/* what the gate may start: of one role */
	const char *kernel, *initrd, *command_line, *root;
};
struct image_args {
	const char *name, *out, *kernel, *initrd, *command_line, *command_line_file;
	struct started tenant, service;
};

/* Whole files of any size, hashed as they are read. */
static enum hf_err digest_fd(int fd, struct hf_hasher *hasher)
{
	uint8_t *block = malloc(BLOCK);
	enum hf_err err = block ? HF_OK : HF_ERR_NO_MEMORY;

	while (!err) {
		ssize_t n = read(fd, block, BLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? HF_ERR_FILE_UNREADABLE : HF_OK;
			break;
		}
		err = hf_hasher_update(hasher, (struct hf_span){ block, (size_t)n });
	}
	free(block);
	return err;
}

static enum hf_err digest_file(const char *path, struct hf_digest *ret, struct hf_fault *fault)
{
	struct hf_digest digests[HF_ALG_COUNT];
	struct hf_hasher *hasher = NULL;
	size_t count;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum hf_err err;

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	err = hf_hasher_new(HF_ALG_MASK(HF_ALG_SHA256), &hasher);
	if (!err)
		err = digest_fd(fd, hasher);
	if (!err)
		err = hf_hasher_final(hasher, digests, &count);
	if (err)
		hf_fail_errno(fault, err, errno, path);
	else
		*ret = digests[0];
	hf_hasher_free(hasher);
	close(fd);
	return err;
}

static enum hf_err digest_kernel(const char *path, struct hf_arena *arena, struct hf_digest *ret,
				 struct hf_fault *fault)
{
	struct hf_span image;
	enum hf_err err = hf_file_read(AT_FDCWD, path, HF_PE_MAX, arena, &image, fault);

	if (err)
		return err;
	err = hf_pe_digest(HF_ALG_SHA256, image, ret);
	return err ? hf_fail(fault, err, path, "%zu bytes", image.len) : HF_OK;
}

/* The stub measures LoadOptions as they lie in memory: UTF-16LE with the final NUL
 * (linux/drivers/firmware/efi/libstub, efi_convert_cmdline). */
static enum hf_err digest_command_line(const char *text, struct hf_digest *ret,
				       struct hf_fault *fault)
{
	uint8_t wide[2 * (COMMAND_LINE_MAX + 1)];
	struct hf_writer w = { .buf = wide, .cap = sizeof(wide) };
	size_t len = strlen(text);
	enum hf_err err;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && (text[i] < 0x20 || text[i] > 0x7e))
			return hf_fail(fault, HF_ERR_USAGE, "--command-line",
				       "byte %zu is not printable ASCII", i + 1);
		hf_put_le(&w, (uint8_t)text[i], 2);
	}
	if (w.full || len == 0)
		return hf_fail(fault, HF_ERR_USAGE, "--command-line", "1 to %d characters",
			       COMMAND_LINE_MAX);
	err = hf_digest(HF_ALG_SHA256, hf_written(&w), ret);
	return err ? hf_fail(fault, err, "--command-line", "%s", "digest") : HF_OK;
}

static enum hf_err command_line_text(const struct image_args *a, struct hf_arena *arena,
				     const char **ret, struct hf_fault *fault)
{
	struct hf_span file;
	enum hf_err err;

	if (a->command_line) {
		*ret = a->command_line;
		return HF_OK;
	}
	err = hf_file_read(AT_FDCWD, a->command_line_file, COMMAND_LINE_MAX + 1, arena, &file, fault);
	if (err)
		return err;
	if (file.len && file.ptr[file.len - 1] == '\n')
		file.len--;
	if (memchr(file.ptr, 0, file.len))
		return hf_fail(fault, HF_ERR_USAGE, a->command_line_file, "it holds a NUL byte");
	*ret = hf_arena_text(arena, file.ptr, file.len);
	return *ret ? HF_OK : hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
}

static struct hf_image *new_image(struct hf_manifests *m, enum hf_image_role role,
				  const char *name, const char *suffix)
{
	struct hf_image *image = hf_arena_take(m->arena, sizeof(*image));
	struct hf_image **end = &m->images;
	char text[HF_NAME_MAX + 16];

	while (*end)
		end = &(*end)->next;
	snprintf(text, sizeof(text), "%s%s", name, suffix);
	if (!image)
		return NULL;
	image->role = role;
	image->name = hf_arena_text(m->arena, text, strlen(text));
	*end = image;
	return image->name ? image : NULL;
}

static enum hf_err measure_agent(const struct image_args *a, struct hf_manifests *m,
				 struct hf_fault *fault)
{
	struct hf_image *image = new_image(m, HF_IMAGE_AGENT, a->name, "");
	const char *text = NULL;
	enum hf_err err;

	if (!image)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
	image->has_kernel = image->has_initrd = image->has_command_line = true;
	err = digest_kernel(a->kernel, m->arena, &image->kernel, fault);
	if (!err)
		err = digest_file(a->initrd, &image->initrd, fault);
	if (!err)
		err = command_line_text(a, m->arena, &text, fault);
	return err ? err : digest_command_line(text, &image->command_line, fault);
}

static enum hf_err measure_kexec(const struct image_args *a, const struct started *from,
				 enum hf_image_role role, struct hf_manifests *m, struct hf_fault *fault)
{
	struct hf_image *image = new_image(m, role, a->name,
					   role == HF_IMAGE_SERVICE ? "-service-kexec" : "-kexec");
	enum hf_err err;

	if (!image)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
	image->kind = HF_TENANT_KEXEC;
	image->has_kernel = image->has_initrd = true;
	image->command_line_text = from->command_line;
	err = digest_file(from->kernel, &image->kernel, fault);
	return err ? err : digest_file(from->initrd, &image->initrd, fault);
}

static enum hf_err measure_root(const struct image_args *a, const struct started *from,
				enum hf_image_role role, struct hf_manifests *m, struct hf_fault *fault)
{
	struct hf_image *image = new_image(m, role, a->name,
					   role == HF_IMAGE_SERVICE ? "-service-root" : "-root");

	if (!image)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
	image->kind = HF_TENANT_ROOT;
	image->has_root = true;
	return digest_file(from->root, &image->root, fault);
}

static enum hf_err measure_started(const struct image_args *a, const struct started *from,
				   enum hf_image_role role, struct hf_manifests *m, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	if (from->kernel)
		err = measure_kexec(a, from, role, m, fault);
	if (!err && from->root)
		err = measure_root(a, from, role, m, fault);
	return err;
}

static enum hf_err measure(const struct image_args *a, struct hf_manifests *m,
			   struct hf_fault *fault)
{
	enum hf_err err = HF_OK;
	char *json;

	if (a->kernel)
		err = measure_agent(a, m, fault);
	if (!err)
		err = measure_started(a, &a->tenant, HF_IMAGE_TENANT, m, fault);
	if (!err)
		err = measure_started(a, &a->service, HF_IMAGE_SERVICE, m, fault);
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

static bool any(const struct started *s)
{
	return s->kernel || s->initrd || s->command_line;
}

static bool half(const struct started *s)
{
	return any(s) && !(s->kernel && s->initrd && s->command_line);
}

/* -1: go on; else the exit code. */
static int check(const struct image_args *a)
{
	bool line = a->command_line || a->command_line_file;
	bool agent = a->kernel || a->initrd || line;

	if (!a->name || !a->out)
		return hf_ctl_refuse("image", "measure needs --name and --out");
	if (!hf_name_valid(a->name) || strlen(a->name) > HF_NAME_MAX - 16)
		return hf_ctl_refuse("image", "%s cannot be a name", a->name);
	if (!agent && !any(&a->tenant) && !a->tenant.root && !any(&a->service) && !a->service.root)
		return hf_ctl_refuse("image", "there is nothing to measure");
	if (agent && !(a->kernel && a->initrd && line))
		return hf_ctl_refuse("image",
				     "an agent image is --kernel, --initrd and --command-line together");
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

static int parse(int argc, char **argv, struct image_args *a)
{
	struct { const char *name; const char **value; } table[] = {
		{ "name", &a->name }, { "out", &a->out }, { "kernel", &a->kernel },
		{ "initrd", &a->initrd }, { "command-line", &a->command_line },
		{ "command-line-file", &a->command_line_file },
		{ "tenant-kernel", &a->tenant.kernel }, { "tenant-initrd", &a->tenant.initrd },
		{ "tenant-command-line", &a->tenant.command_line },
		{ "tenant-root", &a->tenant.root },
		{ "service-kernel", &a->service.kernel }, { "service-initrd", &a->service.initrd },
		{ "service-command-line", &a->service.command_line },
		{ "service-root", &a->service.root },
	};
	enum { COUNT = sizeof(table) / sizeof(table[0]) };
	struct option options[COUNT + 2] = { { 0 } };
	int c;

	for (int i = 0; i < COUNT; i++)
		options[i] = (struct option){ table[i].name, required_argument, NULL, 256 + i };
	options[COUNT] = (struct option){ "help", no_argument, NULL, 'h' };
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return HF_EXIT_OK;
		}
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
	struct image_args args = { .name = NULL };
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
