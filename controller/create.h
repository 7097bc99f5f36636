/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/create.h: the evidence of a golden host as manifest sources. */
#ifndef HF_CONTROLLER_CREATE_H
#define HF_CONTROLLER_CREATE_H

#include "manifests/manifest.h"
#include "measure/evidence.h"

#define HF_CREATE_LIST_MAX 64

struct hf_create {
	uint64_t generation;
	enum hf_mode mode;
	const char *release;		/* name of the releases; NULL: "as-found" */
	const char *drivers[HF_CREATE_LIST_MAX];
	size_t driver_count;
	struct hf_digest applications[HF_CREATE_LIST_MAX];	/* of PCR 4, SHA-256 */
	size_t application_count;
	bool parts_alone;		/* the model is not used: nothing is said of it */
};
/* One component per kind of part, one model with a rule per part, the drivers that
 * firmware ran. Advisory measurements stay out. notes gets lines for the operator. out is
 * empty before; its texts live in its arena. */
enum hf_err hf_create(const struct hf_create *options, const struct hf_evidence *evidence,
		      struct hf_manifests *out, struct hf_writer *notes,
		      struct hf_fault *fault) HF_MUST_USE;


#endif
