/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store from a hostile disk, in pieces of any size. */
#include "measure/cpio.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source { struct hf_cursor in; size_t step; };

static enum hf_err fill(void *self, uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct source *s = self;
	size_t n = hf_left(&s->in);

	n = n < cap ? n : cap;
	n = n < s->step ? n : s->step;
	if (n)
		memcpy(buf, hf_take(&s->in, n), n);
	*ret_len = n;
	return HF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buffer[HF_CPIO_BUFFER_MIN];
	struct hf_cpio_entry e = { 0 };
	struct source s;
	struct hf_cpio cpio;
	uint64_t given = 0;

	if (size < 1)
		return 0;
	s = (struct source){ hf_cursor_at((struct hf_span){ data + 1, size - 1 }), data[0] + 1u };
	hf_cpio_open(&cpio, fill, &s, buffer, sizeof(buffer));
	while (!e.trailer && hf_cpio_next(&cpio, &e) == HF_OK) {
		struct hf_span piece;

		if (strlen(e.name) > HF_CPIO_NAME_MAX)
			abort();
		do {
			if (hf_cpio_data(&cpio, &piece) != HF_OK)
				return 0;
			given += piece.len;
			if (piece.len && (piece.ptr < buffer || piece.ptr + piece.len > buffer + sizeof(buffer)))
				abort();
		} while (piece.len > 0);
	}
	if (given > size || cpio.offset > size)
		abort();
	return 0;
}
