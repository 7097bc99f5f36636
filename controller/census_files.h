/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/census_files.h: a directory of captures into a census. [edge: files] */
#ifndef HF_CONTROLLER_CENSUS_FILES_H
#define HF_CONTROLLER_CENSUS_FILES_H

#include "controller/census_report.h"

#define HF_CENSUS_FILE_MAX (16u << 20)	/* bytes of one capture */

struct hf_census_input {
	struct hf_arena *arena;		/* names and what was skipped live there */
	void (*progress)(size_t done, size_t all);	/* may be NULL */
	struct hf_census_skipped *skipped;	/* in order; all of this is filled here */
	size_t skipped_count;
};
/* Every entry of dir, by name: what holdfast scan --json printed, a collection of evidence, or
 * a directory of evidence; what is none of these is kept as skipped. An error is one that
 * leaves nothing to count on: dir itself, or a limit. */
enum hf_err hf_census_read(const char *dir, struct hf_census_input *input, struct hf_census *census,
			   struct hf_fault *fault) HF_MUST_USE;

#endif
