/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/census_report.h: a finished census for people and for machines. Nothing that a
 * capture said reaches a terminal but as printable ASCII. [edge: stdio, jansson] */
#ifndef HF_CONTROLLER_CENSUS_REPORT_H
#define HF_CONTROLLER_CENSUS_REPORT_H

#include <stdio.h>

#include "controller/census.h"

struct hf_census_skipped {	/* a file that is no capture, or is beyond its limits */
	struct hf_census_skipped *next;
	const char *name, *detail;	/* detail may be "" */
	enum hf_err err;
};

/* Outliers first, then models, parts and what was not counted. */
void hf_census_print(FILE *out, const struct hf_census *census,
		     const struct hf_census_skipped *skipped, size_t skipped_count);
/* docs/json.md; the caller frees it with free(). NULL: memory ran out. */
char *hf_census_json(const struct hf_census *census, const struct hf_census_skipped *skipped);
/* Every host behind every value: the provenance of the drafts, in full. */
void hf_census_print_hosts(FILE *out, const struct hf_census *census);

#endif
