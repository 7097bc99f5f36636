/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/trial_report.h: many hosts' verdicts, before and after, for people (one paragraph for
 * each reason, not for each host) and for machines. [edge: jansson, the FILE given] */
#ifndef HF_CONTROLLER_TRIAL_REPORT_H
#define HF_CONTROLLER_TRIAL_REPORT_H

#include <stdio.h>

#include "controller/trial.h"

struct hf_trial_host {
	struct hf_trial_host *next;
	const char *name;		/* printable */
	bool compared;			/* before is set */
	struct hf_trial_verdict before, after;
	enum hf_err unjudged;		/* HF_OK: judged; else why the evidence is none */
	char why[HF_TRIAL_TEXT];
};
struct hf_trial_count {
	size_t hosts, after[HF_TRIAL_OUTCOMES], better, worse, unjudged;
};
void hf_trial_count(const struct hf_trial_host *hosts, struct hf_trial_count *ret);
bool hf_trial_is_worse(const struct hf_trial_host *host);
/* against: what the hosts are compared with, in words. At most so many names for each reason; 0: all. */
void hf_trial_print(FILE *out, const struct hf_trial_host *hosts, const char *against, size_t names);
int hf_trial_json(FILE *out, const struct hf_trial_host *hosts, const char *against);	/* 0, or -1: no memory */

#endif
