/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/lint.h: what the files of the lint share; nobody else includes it. [pure] */
#ifndef HF_CONTROLLER_LINT_H
#define HF_CONTROLLER_LINT_H

#include "controller/manifest_cmds.h"

struct hf_lint {
	const struct hf_manifests *manifests;
	hf_lint_report report;
	void *self;
	size_t file, errors;
};
void hf_lint_say(struct hf_lint *l, bool error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The strongest method by which a release that is not revoked could be matched. */
enum hf_method hf_lint_best_method(const struct hf_component *component);

/* The same bytes under releases of different states. */
void hf_lint_releases(struct hf_lint *l, const struct hf_component *component);
/* The platform's firmware that a model lists. */
void hf_lint_firmware(struct hf_lint *l, const struct hf_model *model);
/* What has ended or ends soon after now, seconds since 1970. */
void hf_lint_dates(struct hf_lint *l, int64_t now);
/* What an agent of this version does not know. */
void hf_lint_version(struct hf_lint *l, uint32_t version);

#endif
