/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/stages.h"

#include <string.h>

/* The only steps there are. A row's next is compared with this on every step, so that a
 * wrong table, or a table changed while running, ends in HELD and not in RELEASE. */
static bool step_allowed(enum hf_stage from, enum hf_stage to)
{
	if (to >= HF_STAGE_HELD || from >= HF_STAGE_RELEASE)
		return false;
	if (to == HF_STAGE_RELEASE && from != HF_STAGE_LAST_LOOK)
		return false;
	return to == from + 1;
}

static bool row_complete(const struct hf_stage_row *row, enum hf_stage stage)
{
	return row->stage == stage && row->name && row->run;
}

enum hf_err hf_stages_check(const struct hf_stage_row rows[static HF_STAGE_COUNT])
{
	for (enum hf_stage s = HF_STAGE_HOLD; s < HF_STAGE_COUNT; s++)
		if (!row_complete(&rows[s], s))
			return HF_ERR_STAGE_ORDER;
	for (enum hf_stage s = HF_STAGE_HOLD; s < HF_STAGE_RELEASE; s++)
		if (!step_allowed(s, rows[s].next))
			return HF_ERR_STAGE_ORDER;
	if (rows[HF_STAGE_RELEASE].next != HF_STAGE_RELEASE ||
	    rows[HF_STAGE_HELD].next != HF_STAGE_HELD)
		return HF_ERR_STAGE_ORDER;
	return HF_OK;
}

static enum hf_err run_row(const struct hf_stage_row *row, struct hf_gate *gate,
			   const struct hf_stage_watch *watch, struct hf_fault *fault)
{
	enum hf_err err;

	if (watch && watch->enter)
		watch->enter(gate, row);
	err = row->run(gate, fault);
	if (watch && watch->leave)
		watch->leave(gate, row, err);
	return err;
}

/* RELEASE's result, or the first error on the way there. */
static enum hf_err run_to_release(const struct hf_stage_row rows[static HF_STAGE_COUNT],
				  struct hf_gate *gate, const struct hf_stage_watch *watch,
				  struct hf_fault *fault)
{
	enum hf_stage at = HF_STAGE_HOLD;
	enum hf_err err = hf_stages_check(rows);

	while (err == HF_OK) {
		err = run_row(&rows[at], gate, watch, fault);
		if (err != HF_OK || at == HF_STAGE_RELEASE)
			return err;
		if (!step_allowed(at, rows[at].next))
			return hf_fail(fault, HF_ERR_STAGE_ORDER, NULL, "after stage %d", at);
		at = rows[at].next;
	}
	return err;
}

enum hf_stage hf_stages_run(const struct hf_stage_row rows[static HF_STAGE_COUNT],
			    struct hf_gate *gate, const struct hf_stage_watch *watch,
			    struct hf_fault *ret_fault)
{
	struct hf_fault fault = { 0 };
	enum hf_err err = run_to_release(rows, gate, watch, &fault);

	if (err == HF_OK)
		return HF_STAGE_RELEASE;
	if (fault.err != err)	/* a stage that failed without saying where */
		hf_fail(&fault, err, NULL, "%s", "");
	if (rows[HF_STAGE_HELD].run)
		(void)run_row(&rows[HF_STAGE_HELD], gate, watch, &fault);
	*ret_fault = fault;
	return HF_STAGE_HELD;
}
