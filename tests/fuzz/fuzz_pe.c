/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever is hashed lies inside the image and is no more than the image. */
#include <stdlib.h>

#include "pcie/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct hf_span image;
	size_t total;
};

static enum hf_err feed(void *self, struct hf_span bytes)
{
	struct seen *s = self;

	if (bytes.len && (bytes.ptr < s->image.ptr ||
			  bytes.ptr + bytes.len > s->image.ptr + s->image.len))
		abort();
	s->total += bytes.len;
	return HF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = { { data, size }, 0 };
	enum hf_err err = hf_pe_authenticode(s.image, feed, &s);

	if (err == HF_OK ? s.total > size : err != HF_ERR_PE_SHAPE)
		abort();
	return 0;
}
