/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/watch.h: HELD for a gate that is stuck. What the gate itself does to devices (hold,
 * isolate, bind) may never return, and a process that is stuck in the kernel takes no
 * signal either. So another process watches: where the gate shows no progress for so long,
 * it does as for a crash (agent/crash.h), by the cause timed-out, and the gate can do
 * nothing any more should it ever come back. [edge: processes] */
#ifndef HF_AGENT_WATCH_H
#define HF_AGENT_WATCH_H

#include "measure/err.h"

#define HF_STAGE_SECONDS 120	/* of a stage without progress */

/* In place of the one there is: what hf_crash_catch and hf_crash_cap prepared so far is what
 * it can do. HF_ERR_HOLD_FAILED. */
enum hf_err hf_watch_start(unsigned seconds, struct hf_fault *fault) HF_MUST_USE;
/* Progress. False: too late, the host is HELD already. Without a watch: true. */
bool hf_watch_kick(void);
/* No watch any more. False: as above. */
bool hf_watch_stop(void) HF_MUST_USE;

#endif
