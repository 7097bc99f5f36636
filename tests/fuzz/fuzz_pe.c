/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever is hashed lies inside the image and is no more than the image; certificates lie
 * inside it too, one behind the other. */
#include <stdlib.h>

#include "pcie/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct hf_span image;
	size_t total;
};

static void inside(struct hf_span image, struct hf_span bytes)
{
	if (bytes.len && (bytes.ptr < image.ptr || bytes.ptr + bytes.len > image.ptr + image.len))
		abort();
}

static enum hf_err feed(void *self, struct hf_span bytes)
{
	struct seen *s = self;

	inside(s->image, bytes);
	s->total += bytes.len;
	return HF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = { { data, size }, 0 };
	struct hf_pe_certificates found;
	enum hf_err err = hf_pe_authenticode(s.image, feed, &s);
	enum hf_err table = hf_pe_certificates(s.image, &found);
	const uint8_t *at = data;

	if (err == HF_OK ? s.total > size : err != HF_ERR_PE_SHAPE)
		abort();
	if (table != HF_OK && table != HF_ERR_PE_SHAPE && table != HF_ERR_IMAGE_SIGNATURE)
		abort();
	if (table == HF_OK && found.count > HF_PE_CERTIFICATES_MAX)
		abort();
	for (size_t i = 0; table == HF_OK && i < found.count; i++) {
		inside(s.image, found.list[i].body);
		if (found.list[i].body.ptr < at)
			abort();
		at = found.list[i].body.ptr + found.list[i].body.len;
	}
	return 0;
}
