/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/tenant.h: the store: signed image lists and the tenant's image. Everything is
 * read exactly once, into memory files (memfd) that are hashed where they lie; the same
 * memory is what release loads. [edge: files, block devices] */
#ifndef HF_AGENT_TENANT_H
#define HF_AGENT_TENANT_H

#include "manifests/manifest.h"

struct hf_tenant_file {
	int fd;			/* memfd; -1: the store has no such file */
	uint64_t size;		/* bytes that came from the store */
	struct hf_digest sha256;	/* of them, as they lie in the memfd */
	bool sealed;
};
struct hf_tenant {		/* what the gate may start: the tenant's, or the service image */
	enum hf_image_role role;	/* HF_IMAGE_TENANT or HF_IMAGE_SERVICE */
	struct hf_tenant_file kernel, initrd, root, boot_entry;
	const struct hf_image *image;	/* the list entry that matched, or NULL */
};
void hf_tenant_init(struct hf_tenant *tenant, enum hf_image_role role);
void hf_tenant_drop(struct hf_tenant *tenant);

/* Called for every *.corim in the store, in store order. */
typedef enum hf_err (*hf_store_manifest)(void *self, const char *name, struct hf_span bytes,
					 struct hf_fault *fault);
/* path: a block device or regular file that holds a newc cpio archive, or a directory.
 * Image lists go to manifest; kernel, initrd, root.squashfs and boot-entry into ret; service-kernel,
 * service-initrd, service.squashfs and service-boot-entry into ret_service (NULL: not looked at);
 * other names are not looked at. HF_ERR_STORE_SHAPE, _STORE_UNREADABLE, HF_ERR_LIMIT. */
enum hf_err hf_store_read(const char *path, struct hf_arena *arena, hf_store_manifest manifest,
			  void *self, struct hf_tenant *ret, struct hf_tenant *ret_service,
			  struct hf_fault *fault) HF_MUST_USE;
/* Names in the store: 0 kernel, 1 initrd, 2 root image, 3 boot entry. */
#define HF_TENANT_FILES 4
const char *hf_tenant_file_name(enum hf_image_role role, size_t index);
/* Whether the store held anything of it at all. */
bool hf_tenant_any(const struct hf_tenant *tenant);
struct hf_tenant_file *hf_tenant_file(struct hf_tenant *tenant, size_t index);
/* Sets tenant->image, by entries of its role. No form: HF_ERR_TENANT_MISSING; two, or half of one:
 * HF_ERR_TENANT_UNVERIFIABLE; no list entry with these digests: HF_ERR_TENANT_UNKNOWN. */
enum hf_err hf_tenant_match(struct hf_tenant *tenant, const struct hf_image *images,
			    struct hf_fault *fault) HF_MUST_USE;
/* Sets tenant->image to the one image of kind exit that the lists hold: what goes on is the initramfs
 * that the gate is a step of. HF_ERR_RAN_AS_STEP: none; HF_ERR_TENANT_UNVERIFIABLE: two. */
enum hf_err hf_tenant_exit(struct hf_tenant *tenant, const struct hf_image *images,
			   struct hf_fault *fault) HF_MUST_USE;
/* Append to a file that is not sealed yet (the hand-over, behind the initrd). */
enum hf_err hf_tenant_append(struct hf_tenant_file *file, struct hf_span bytes,
			     struct hf_fault *fault) HF_MUST_USE;
/* No more writing by anybody, then: the first size bytes must still have the digest that
 * want names. Ends with a read-only descriptor: nothing can be loaded that was not checked. */
enum hf_err hf_tenant_seal(struct hf_tenant_file *file, const struct hf_digest *want,
			   const char *name, struct hf_fault *fault) HF_MUST_USE;

#endif
