/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/held_look.h: what a host that holds itself showed, by this controller's own
 * manifests, and what is different since its last boot that was released. For people: whatever comes
 * of it, the verdict is the host's own. [pure but for the store] */
#ifndef HF_CONTROLLER_SERVER_HELD_LOOK_H
#define HF_CONTROLLER_SERVER_HELD_LOOK_H

#include "controller/server/controller.h"
#include "controller/server/drift.h"
#include "measure/evidence.h"

struct hf_held_look {
	const char *place;	/* of the part that this cause is about, or "" */
	const char *model;	/* or "" */
	const char *report;	/* as hf_appraisal_json has it, or "{}" */
	struct hf_drift drift;
};
/* The log is the host's (hf_capped_verify); claims that it does not name say nothing, nor
 * does a ring whose manifests cannot be had. Everything in
 * ret lives in the request's arena, and nothing in it is borrowed from the manifests. */
void hf_held_look(struct hf_request *request, const struct hf_evidence *evidence,
		  const struct hf_host_record *host, enum hf_err cause, struct hf_held_look *ret);

#endif
