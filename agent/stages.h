/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/stages.h: the machine that takes a host from hold to release. One value, one
 * direction: each stage has exactly one successor, every error leads to HELD, and HELD
 * has none. The machine knows nothing of what a stage does. [pure] */
#ifndef HF_AGENT_STAGES_H
#define HF_AGENT_STAGES_H

#include "measure/err.h"

enum hf_stage {
	HF_STAGE_HOLD,
	HF_STAGE_BEGIN,
	HF_STAGE_ENUMERATE,
	HF_STAGE_MEASURE,
	HF_STAGE_RECORD,
	HF_STAGE_APPRAISE,
	HF_STAGE_FENCE,
	HF_STAGE_BIND,
	HF_STAGE_STORE,
	HF_STAGE_LINK,
	HF_STAGE_CHALLENGE,
	HF_STAGE_RECHECK,
	HF_STAGE_QUOTE,
	HF_STAGE_TICKET,
	HF_STAGE_LAST_LOOK,
	HF_STAGE_RELEASE,
	HF_STAGE_HELD,
};
#define HF_STAGE_COUNT (HF_STAGE_HELD + 1)

struct hf_gate;
struct hf_stage_row {
	enum hf_stage stage;	/* its own index */
	const char *name;
	/* HELD's run gets the fault that led there; the others fill it when they fail. */
	enum hf_err (*run)(struct hf_gate *gate, struct hf_fault *fault);
	enum hf_stage next;	/* RELEASE and HELD name themselves: nothing follows */
};

/* Called around every stage; either may be NULL. */
struct hf_stage_watch {
	void (*enter)(struct hf_gate *gate, const struct hf_stage_row *row);
	void (*leave)(struct hf_gate *gate, const struct hf_stage_row *row, enum hf_err err);
};

/* HF_ERR_STAGE_ORDER unless rows is the one permitted order: every row at its own index
 * and complete, each next the following stage, RELEASE entered from LAST_LOOK alone, HELD
 * named by nobody but itself. */
enum hf_err hf_stages_check(const struct hf_stage_row rows[static HF_STAGE_COUNT]) HF_MUST_USE;

/* Runs from HOLD to the end. Returns HF_STAGE_RELEASE only when every stage before it and
 * RELEASE itself returned HF_OK; otherwise HELD has run and *ret_fault says why. */
enum hf_stage hf_stages_run(const struct hf_stage_row rows[static HF_STAGE_COUNT],
			    struct hf_gate *gate, const struct hf_stage_watch *watch,
			    struct hf_fault *ret_fault);

#endif
