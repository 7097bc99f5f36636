/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recorded SPDM conversations of the corpus, as pairs. */
#ifndef HF_TESTS_SPDM_CORPUS_H
#define HF_TESTS_SPDM_CORPUS_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/file.h"
#include "pcie/device_chain.h"
#include "pcie/spdm.h"

#define SPDM_FILE_MAX (4u << 20)
#define SPDM_PAIRS_MAX 1024

struct spdm_pair {
	struct hf_span request, response;
};
struct spdm_pairs {
	struct spdm_pair at[SPDM_PAIRS_MAX];
	size_t count;
};

static inline bool spdm_corpus_dir(char *out, size_t cap)
{
	const char *corpus = getenv("HOLDFAST_CORPUS");

	snprintf(out, cap, "%s/spdm", corpus ? corpus : "../shared/data");
	return access(out, R_OK) == 0;
}

static inline struct hf_span spdm_corpus_read(struct hf_arena *arena, const char *name)
{
	struct hf_span bytes = { 0 };
	char path[1024], dir[512];

	spdm_corpus_dir(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/%.300s", dir, name);
	assert_int_equal(hf_file_read(AT_FDCWD, path, SPDM_FILE_MAX, arena, &bytes, NULL), HF_OK);
	return bytes;
}

/* By rules of its own: the corpus' files are all little-endian and well-formed. */
static inline void spdm_pairs_of(struct hf_span file, struct spdm_pairs *ret)
{
	struct hf_cursor c = hf_cursor_at(file);
	struct hf_span request = { 0 };

	ret->count = 0;
	hf_take(&c, 24);
	while (hf_left(&c)) {
		hf_take(&c, 8);
		size_t len = hf_u32le(&c);

		hf_u32le(&c);
		struct hf_span object = hf_take_span(&c, len);

		assert_true(object.len >= 8);
		if (object.ptr[2] != 1)
			continue;
		struct hf_span message = hf_span_part(object, 8, object.len - 8);

		if (!request.ptr) {
			request = message;
			continue;
		}
		assert_true(ret->count < SPDM_PAIRS_MAX);
		ret->at[ret->count++] = (struct spdm_pair){ request, message };
		request = (struct hf_span){ 0 };
	}
	assert_false(c.bad);
}

#endif
