/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/file.h: whole files in and out, with limits. [edge: files] */
#ifndef HF_MEASURE_FILE_H
#define HF_MEASURE_FILE_H

#include "measure/arena.h"
#include "measure/err.h"

/* Read all of path (relative to dirfd; AT_FDCWD is fine) into the arena, at most limit
 * bytes. Works on sysfs and securityfs files whose st_size lies. The byte after the
 * span is a NUL. HF_ERR_FILE_UNREADABLE, HF_ERR_FILE_TOO_LARGE. */
enum hf_err hf_file_read(int dirfd, const char *path, size_t limit, struct hf_arena *arena,
			 struct hf_span *ret, struct hf_fault *fault) HF_MUST_USE;
/* Whole or not at all: temporary name, fsync, rename. */
enum hf_err hf_file_write(int dirfd, const char *path, struct hf_span bytes, unsigned mode,
			  struct hf_fault *fault) HF_MUST_USE;

#endif
