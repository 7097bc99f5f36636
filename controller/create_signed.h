/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/create_signed.h: what of a device that signs belongs into the release of its kind,
 * and which method its rule may demand; for create.c alone. [pure] */
#ifndef HF_CONTROLLER_CREATE_SIGNED_H
#define HF_CONTROLLER_CREATE_SIGNED_H

#include "manifests/manifest.h"

enum hf_create_choice {
	HF_CREATE_LISTED,
	HF_CREATE_OF_DEVICE,	/* its own, or its host's: certificates, what its mailbox speaks */
	HF_CREATE_REVIEW,	/* may be of its kind or of the device: for the operator to say */
};
/* Of measurements of mailbox and SPDM; every other is listed. */
enum hf_create_choice hf_create_choose(const struct hf_measurement *m);

struct hf_create_methods {	/* of what a release lists; zeroed before */
	enum hf_method strongest, strongest_unsigned;
	enum hf_method block;	/* the weakest of the blocks by SPDM index */
	bool has_block;
};
void hf_create_note_method(struct hf_create_methods *methods, const struct hf_measurement *m);
/* What the part that was measured so satisfies. */
enum hf_method hf_create_least_method(const struct hf_create_methods *methods);

#endif
