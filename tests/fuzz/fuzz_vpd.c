/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Vital product data: fields lie inside and in order, no keyword twice; what parses still
 * parses when everything behind its end is cut off. */
#include <stdlib.h>

#include "pcie/vpd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_vpd vpd, again;
	const uint8_t *at = data;

	if (hf_vpd_parse((struct hf_span){ data, size }, &vpd) != HF_OK)
		return 0;
	if (vpd.len > size || vpd.count > HF_VPD_FIELDS_MAX)
		abort();
	for (size_t i = 0; i < vpd.count; i++) {
		const struct hf_vpd_field *f = &vpd.fields[i];

		if (f->data.ptr < at || f->data.ptr + f->data.len > data + vpd.len ||
		    f->data.len > 255 || hf_vpd_find(&vpd, f->keyword) != f)
			abort();
		at = f->data.ptr + f->data.len;
	}
	if (hf_vpd_parse((struct hf_span){ data, vpd.len }, &again) != HF_OK ||
	    again.count != vpd.count || again.len != vpd.len)
		abort();
	if (hf_vpd_parse((struct hf_span){ data, vpd.len - 1 }, &again) == HF_OK)
		abort();
	return 0;
}
