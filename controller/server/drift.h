/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/drift.h: what is different since the last boot of this host that was released.
 * Told to people, and never a reason to refuse. [pure] */
#ifndef HF_CONTROLLER_SERVER_DRIFT_H
#define HF_CONTROLLER_SERVER_DRIFT_H

#include "controller/server/store.h"
#include "measure/claim.h"

#define HF_DRIFT_LINES 64	/* kept; all are counted */
struct hf_drift {
	const char *lines[HF_DRIFT_LINES];	/* "PCIe slot 33 changed since the boot of ..." */
	size_t line_count, total;
};
/* before: a verdict with its evidence. What cannot be read says nothing. now_bytes: what now was
 * decoded from: the very same bytes are not looked at any further. */
void hf_drift_compare(const struct hf_verdict_record *before, const struct hf_claims *now,
		      struct hf_span now_bytes, struct hf_arena *arena, struct hf_drift *ret);

#endif
