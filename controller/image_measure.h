/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/image_measure.h: entries of an image list from the files themselves. */
#ifndef HF_CONTROLLER_IMAGE_MEASURE_H
#define HF_CONTROLLER_IMAGE_MEASURE_H

#include "manifests/manifest.h"
#include "measure/digest.h"

struct hf_image_started {	/* what the gate may start: of one role */
	const char *kernel, *initrd, *command_line, *root, *boot_entry;
};
struct hf_image_args {
	const char *name, *out, *kernel, *initrd, *command_line, *command_line_file, *uki;
	struct hf_image_started tenant, service;
	bool exits;
};
/* Appends what is given (paths and texts; NULL: not) to m->images. HF_ERR_FILE_UNREADABLE,
 * HF_ERR_USAGE, HF_ERR_BOOT_ENTRY, HF_ERR_PE_SHAPE and the like, with the file in the fault. */
enum hf_err hf_image_measure(const struct hf_image_args *a, struct hf_manifests *m,
			     struct hf_fault *fault) HF_MUST_USE;

/* LoadOptions as the kernel's stub measures them (PCR 9). what names it in the fault. */
enum hf_err hf_command_line_digest(const char *what, struct hf_span text, struct hf_digest *ret,
				   struct hf_fault *fault) HF_MUST_USE;
/* All five digests of an agent in one file with systemd's EFI stub: image's uki, sections, kernel, initrd
 * and command_line, as this boot's log will have them. HF_ERR_UKI_SHAPE: not a file of a stub whose
 * measuring is known, or a section is missing. [controller/image_uki.c] */
enum hf_err hf_uki_measure(const char *path, struct hf_arena *arena, struct hf_image *image,
			   struct hf_fault *fault) HF_MUST_USE;

#endif
