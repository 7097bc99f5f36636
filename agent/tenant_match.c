/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which image of the lists the store's files are. [pure] */
#include "agent/tenant.h"

const char *hf_tenant_file_name(enum hf_image_role role, size_t index)
{
	static const char *const names[][3] = {
		[HF_IMAGE_TENANT] = { "kernel", "initrd", "root.squashfs" },
		[HF_IMAGE_SERVICE] = { "service-kernel", "service-initrd", "service.squashfs" },
	};

	return names[role == HF_IMAGE_SERVICE ? HF_IMAGE_SERVICE : HF_IMAGE_TENANT][index];
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
	}
	return false;
}

bool hf_tenant_any(const struct hf_tenant *tenant)
{
	return tenant->kernel.fd >= 0 || tenant->initrd.fd >= 0 || tenant->root.fd >= 0;
}

enum hf_err hf_tenant_match(struct hf_tenant *tenant, const struct hf_image *images,
			    struct hf_fault *fault)
{
	const bool kernel = tenant->kernel.fd >= 0, initrd = tenant->initrd.fd >= 0;
	const bool root = tenant->root.fd >= 0;
	const char *const names[] = { hf_tenant_file_name(tenant->role, 0),
				      hf_tenant_file_name(tenant->role, 1),
				      hf_tenant_file_name(tenant->role, 2) };
	char hex[2 * HF_DIGEST_MAX + 1];

	tenant->image = NULL;
	if (!hf_tenant_any(tenant))
		return hf_fail(fault, HF_ERR_TENANT_MISSING, "store", "neither %s and %s nor %s",
			       names[0], names[1], names[2]);
	if (kernel != initrd || kernel == root)
		return hf_fail(fault, HF_ERR_TENANT_UNVERIFIABLE, "store", "%s%s%s%s%s",
			       kernel ? names[0] : "", kernel && (initrd || root) ? " " : "",
			       initrd ? names[1] : "", initrd && root ? " " : "",
			       root ? names[2] : "");
	for (const struct hf_image *i = images; i; i = i->next) {
		if (!image_matches(tenant, i))
			continue;
		tenant->image = i;
		return HF_OK;
	}
	hf_digest_hex(root ? &tenant->root.sha256 : &tenant->kernel.sha256, hex);
	return hf_fail(fault, HF_ERR_TENANT_UNKNOWN, "store", "%s sha256 %s",
		       root ? names[2] : names[0], hex);
}
