/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/judge_internal.h: the checks that judge.c puts in order; nobody else
 * includes it. Each refuses by itself: false, and the judgement says why. [pure] */
#ifndef HF_CONTROLLER_SERVER_JUDGE_INTERNAL_H
#define HF_CONTROLLER_SERVER_JUDGE_INTERNAL_H

#include "controller/server/judge.h"

void hf_judge_say(struct hf_judgement *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Every failed check is about known, old firmware. */
bool hf_judge_is_update(const struct hf_verification *v);
/* Who speaks, and from where: before anything that was said is looked at. */
bool hf_judge_own_first(const struct hf_judge_input *in, struct hf_judgement *j);
/* What the controller knows and no manifest says; for evidence that verified. */
bool hf_judge_own(const struct hf_judge_input *in, struct hf_judgement *j);
bool hf_judge_own_tenant(const struct hf_judge_input *in, struct hf_judgement *j);

#endif
