/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/names.h: the files of a directory in one order, whatever the file system's. */
#ifndef HF_MANIFESTS_NAMES_H
#define HF_MANIFESTS_NAMES_H

#include "measure/err.h"

struct hf_names {
	char **list;
	size_t count;
};
/* Every name that ends in suffix and does not begin with a dot, sorted by bytes. dirfd is
 * consumed; dir is its name, for the fault. On failure *ret is untouched. */
enum hf_err hf_names_read(int dirfd, const char *dir, const char *suffix, struct hf_names *ret,
			  struct hf_fault *fault) HF_MUST_USE;
void hf_names_drop(struct hf_names *names);

#endif
