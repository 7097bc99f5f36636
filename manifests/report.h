/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/report.h: claims and verdicts for people and for machines; agent and
 * operator's tools print the same. Text never passes 80 columns; everything that came
 * from a device or file is made printable. report.c is pure, report_json.c is [edge: jansson]. */
#ifndef HF_MANIFESTS_REPORT_H
#define HF_MANIFESTS_REPORT_H

#include "manifests/appraise.h"

/* "Ethernet controller", of a class code. */
const char *hf_report_class_name(uint32_t class_code);
/* The readable tree of parts; verdict may be NULL (a scan). */
void hf_report_tree(const struct hf_claims *claims, const struct hf_verdict *verdict, struct hf_writer *w);
/* "8 parts: 5 by bytes, 3 by identity, 0 signed; not covered: BMC, drives behind RAID or VMD, NVLink, CPLDs".
 * verdict NULL: nobody judged, and each method is as the device has it. */
void hf_report_coverage(const struct hf_claims *claims, const struct hf_verdict *verdict,
			struct hf_writer *w);
/* Refusals, worst first: place, name, reason code, class, sentence, found, expected, next step. */
void hf_report_findings(const struct hf_verdict *verdict, struct hf_writer *w);

/* NUL-terminated JSON in memory the caller frees with free(); NULL when memory runs out.
 * schema: docs/json.md. indent: for people. claims or verdict may be NULL, and is null then. */
char *hf_report_json(const struct hf_claims *claims, const struct hf_verdict *verdict, bool indent);

#endif
