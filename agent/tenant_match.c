/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which image of the lists the store's files are. [pure] */
#include "agent/tenant.h"

#include <stdio.h>

const char *hf_tenant_file_name(enum hf_image_role role, size_t index)
{
	static const char *const names[][HF_TENANT_FILES] = {
		[HF_IMAGE_TENANT] = { "kernel", "initrd", "root.squashfs", "boot-entry" },
		[HF_IMAGE_SERVICE] = { "service-kernel", "service-initrd", "service.squashfs",
				       "service-boot-entry" },
	};

	return names[role == HF_IMAGE_SERVICE ? HF_IMAGE_SERVICE : HF_IMAGE_TENANT][index];
}

struct hf_tenant_file *hf_tenant_file(struct hf_tenant *tenant, size_t index)
{
	struct hf_tenant_file *const files[HF_TENANT_FILES] = {
		&tenant->kernel, &tenant->initrd, &tenant->root, &tenant->boot_entry };

	return files[index];
}

static bool image_matches(const struct hf_tenant *t, const struct hf_image *image)
{
	if (image->role != t->role)
		return false;
	switch (image->kind) {
	case HF_TENANT_KEXEC:
		return t->kernel.fd >= 0 && image->has_kernel && image->has_initrd &&
		       image->command_line_text &&
		       hf_digest_equal(&image->kernel, &t->kernel.sha256) &&
		       hf_digest_equal(&image->initrd, &t->initrd.sha256);
	case HF_TENANT_ROOT:
		return t->root.fd >= 0 && image->has_root &&
		       hf_digest_equal(&image->root, &t->root.sha256);
	case HF_TENANT_NEXT_BOOT:
		return t->boot_entry.fd >= 0 && image->has_boot_entry &&
		       hf_digest_equal(&image->boot_entry, &t->boot_entry.sha256);
	case HF_TENANT_EXIT:	/* no file of a store is one: hf_tenant_exit */
		return false;
	}
	return false;
}

bool hf_tenant_any(const struct hf_tenant *tenant)
{
	return tenant->kernel.fd >= 0 || tenant->initrd.fd >= 0 || tenant->root.fd >= 0 ||
	       tenant->boot_entry.fd >= 0;
}

/* The names of what the store holds, in one line. */
static void list_names(struct hf_tenant *tenant, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < HF_TENANT_FILES && len < cap; i++)
		if (hf_tenant_file(tenant, i)->fd >= 0)
			len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? " " : "",
						hf_tenant_file_name(tenant->role, i));
}

enum hf_err hf_tenant_match(struct hf_tenant *tenant, const struct hf_image *images,
			    struct hf_fault *fault)
{
	const bool kernel = tenant->kernel.fd >= 0, initrd = tenant->initrd.fd >= 0;
	const int forms = kernel + (tenant->root.fd >= 0) + (tenant->boot_entry.fd >= 0);
	char hex[2 * HF_DIGEST_MAX + 1], names[128];
	size_t first = 0;

	tenant->image = NULL;
	if (!hf_tenant_any(tenant))
		return hf_fail(fault, HF_ERR_TENANT_MISSING, "store", "neither %s and %s nor %s nor %s",
			       hf_tenant_file_name(tenant->role, 0), hf_tenant_file_name(tenant->role, 1),
			       hf_tenant_file_name(tenant->role, 2), hf_tenant_file_name(tenant->role, 3));
	list_names(tenant, names, sizeof(names));
	if (kernel != initrd || forms != 1)
		return hf_fail(fault, HF_ERR_TENANT_UNVERIFIABLE, "store", "%s", names);
	for (const struct hf_image *i = images; i; i = i->next) {
		if (!image_matches(tenant, i))
			continue;
		tenant->image = i;
		return HF_OK;
	}
	while (hf_tenant_file(tenant, first)->fd < 0)
		first++;
	hf_digest_hex(&hf_tenant_file(tenant, first)->sha256, hex);
	return hf_fail(fault, HF_ERR_TENANT_UNKNOWN, "store", "%s sha256 %s",
		       hf_tenant_file_name(tenant->role, first), hex);
}

enum hf_err hf_tenant_exit(struct hf_tenant *tenant, const struct hf_image *images, struct hf_fault *fault)
{
	const struct hf_image *found = NULL;

	for (const struct hf_image *i = images; i; i = i->next) {
		if (i->role != tenant->role || i->kind != HF_TENANT_EXIT)
			continue;
		if (found)
			return hf_fail(fault, HF_ERR_TENANT_UNVERIFIABLE, "image lists",
				       "two images of kind exit: %s, %s", found->name, i->name);
		found = i;
	}
	tenant->image = found;
	return found ? HF_OK : hf_fail(fault, HF_ERR_RAN_AS_STEP, "image lists", "%s",
				       "no image of kind exit is listed");
}
