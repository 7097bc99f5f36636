/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/appraisal_json.h: what is kept of a verdict for people. [edge: jansson] */
#ifndef HF_CONTROLLER_SERVER_APPRAISAL_JSON_H
#define HF_CONTROLLER_SERVER_APPRAISAL_JSON_H

#include "controller/server/drift.h"
#include "controller/server/judge.h"

/* {"format", "checks", "drift", "report"}; NUL-terminated in the arena. HF_ERR_NO_MEMORY. */
enum hf_err hf_appraisal_json(const struct hf_judgement *judgement, const struct hf_drift *drift,
			      struct hf_arena *arena, const char **ret) HF_MUST_USE;
/* {"format", "host", "changes", "drift"} out of such a report; NULL: nothing was told. */
enum hf_err hf_drift_json(const char *host, const char *report, struct hf_arena *arena,
			  const char **ret) HF_MUST_USE;

#endif
