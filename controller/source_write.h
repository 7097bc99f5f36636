/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/source_write.h: manifests as one JSON source a file. [edge: files] */
#ifndef HF_CONTROLLER_SOURCE_WRITE_H
#define HF_CONTROLLER_SOURCE_WRITE_H

#include <stdio.h>

#include "controller/source.h"

/* NAME.json of each component, and model.json, or model-NAME.json of each model, in dir, which
 * is made. Names of the files go to told, a line each; NULL: to nobody. */
enum hf_err hf_sources_write(const char *dir, const struct hf_manifests *manifests, bool many_models,
			     FILE *told, struct hf_fault *fault) HF_MUST_USE;

#endif
