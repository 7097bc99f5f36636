/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/image_measure.h: entries of an image list from the files themselves. */
#ifndef HF_CONTROLLER_IMAGE_MEASURE_H
#define HF_CONTROLLER_IMAGE_MEASURE_H

#include "manifests/manifest.h"

struct hf_image_started {	/* what the gate may start: of one role */
	const char *kernel, *initrd, *command_line, *root, *boot_entry;
};
struct hf_image_args {
	const char *name, *out, *kernel, *initrd, *command_line, *command_line_file;
	struct hf_image_started tenant, service;
	bool exits;
};
/* Appends what is given (paths and texts; NULL: not) to m->images. HF_ERR_FILE_UNREADABLE,
 * HF_ERR_USAGE, HF_ERR_BOOT_ENTRY, HF_ERR_PE_SHAPE and the like, with the file in the fault. */
enum hf_err hf_image_measure(const struct hf_image_args *a, struct hf_manifests *m,
			     struct hf_fault *fault) HF_MUST_USE;

#endif
