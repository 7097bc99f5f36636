/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/image_measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure/boot_entry.h"
#include "measure/file.h"
#include "pcie/pe.h"

#define BLOCK (1u << 20)
#define COMMAND_LINE_MAX 4096
#define EFIVARS_ATTRIBUTES 4	/* bytes that efivarfs puts before the value */

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
enum hf_err hf_command_line_digest(const char *what, struct hf_span text, struct hf_digest *ret,
				   struct hf_fault *fault)
{
	uint8_t wide[2 * (COMMAND_LINE_MAX + 1)];
	struct hf_writer w = { .buf = wide, .cap = sizeof(wide) };
	enum hf_err err;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return hf_fail(fault, HF_ERR_USAGE, what, "byte %zu is not printable ASCII", i + 1);
		hf_put_le(&w, text.ptr[i], 2);
	}
	hf_put_le(&w, 0, 2);
	if (w.full || text.len == 0)
		return hf_fail(fault, HF_ERR_USAGE, what, "1 to %d characters", COMMAND_LINE_MAX);
	err = hf_digest(HF_ALG_SHA256, hf_written(&w), ret);
	return err ? hf_fail(fault, err, what, "%s", "digest") : HF_OK;
}

static enum hf_err command_line_text(const struct hf_image_args *a, struct hf_arena *arena,
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

static enum hf_err measure_agent(const struct hf_image_args *a, struct hf_manifests *m,
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
	return err ? err : hf_command_line_digest("--command-line", hf_span_text(text), &image->command_line,
						  fault);
}

static enum hf_err measure_uki(const struct hf_image_args *a, struct hf_manifests *m, struct hf_fault *fault)
{
	struct hf_image *image = new_image(m, HF_IMAGE_AGENT, a->name, "");

	return image ? hf_uki_measure(a->uki, m->arena, image, fault) :
	       hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
}

static enum hf_err measure_kexec(const struct hf_image_args *a, const struct hf_image_started *from,
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

static enum hf_err measure_root(const struct hf_image_args *a, const struct hf_image_started *from,
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

static enum hf_err measure_boot_entry(const struct hf_image_args *a, const struct hf_image_started *from,
				      enum hf_image_role role, struct hf_manifests *m, struct hf_fault *fault)
{
	struct hf_image *image = new_image(m, role, a->name, role == HF_IMAGE_SERVICE ? "-service-next-boot" :
							     "-next-boot");
	struct hf_span entry;
	enum hf_err err;

	if (!image)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
	image->kind = HF_TENANT_NEXT_BOOT;
	image->has_boot_entry = true;
	err = hf_file_read(AT_FDCWD, from->boot_entry, HF_BOOT_ENTRY_MAX, m->arena, &entry, fault);
	if (err)
		return err;
	if (strstr(from->boot_entry, "-8be4df61-93ca-11d2-aa0d-00e098032b8c") &&
	    entry.len >= EFIVARS_ATTRIBUTES)	/* a copy out of efivarfs */
		entry = hf_span_part(entry, EFIVARS_ATTRIBUTES, entry.len - EFIVARS_ATTRIBUTES);
	err = hf_boot_entry_check(entry, fault);
	return err ? err : hf_digest(HF_ALG_SHA256, entry, &image->boot_entry);
}

static enum hf_err measure_started(const struct hf_image_args *a, const struct hf_image_started *from,
				   enum hf_image_role role, struct hf_manifests *m, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	if (from->kernel)
		err = measure_kexec(a, from, role, m, fault);
	if (!err && from->root)
		err = measure_root(a, from, role, m, fault);
	if (!err && from->boot_entry)
		err = measure_boot_entry(a, from, role, m, fault);
	return err;
}

static enum hf_err allow_exit(const struct hf_image_args *a, struct hf_manifests *m, struct hf_fault *fault)
{
	struct hf_image *image = new_image(m, HF_IMAGE_TENANT, a->name, "-exit");

	if (!image)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "image");
	image->kind = HF_TENANT_EXIT;
	return HF_OK;
}

enum hf_err hf_image_measure(const struct hf_image_args *a, struct hf_manifests *m, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	if (a->kernel)
		err = measure_agent(a, m, fault);
	if (!err && a->uki)
		err = measure_uki(a, m, fault);
	if (!err)
		err = measure_started(a, &a->tenant, HF_IMAGE_TENANT, m, fault);
	if (!err)
		err = measure_started(a, &a->service, HF_IMAGE_SERVICE, m, fault);
	if (!err && a->exits)
		err = allow_exit(a, m, fault);
	return err;
}
