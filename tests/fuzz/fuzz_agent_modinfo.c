/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A kernel module's file: the section and every string of it lie inside. */
#include <stdlib.h>

#include "agent/modinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span elf = { data, size }, modinfo, value;
	size_t pos = 0;

	if (hf_modinfo_find(elf, &modinfo) != HF_OK)
		return 0;
	if (modinfo.ptr < data || modinfo.len > size ||
	    (size_t)(modinfo.ptr - data) > size - modinfo.len)
		abort();
	while (hf_modinfo_next(modinfo, "firmware", &pos, &value))
		if (value.ptr < modinfo.ptr || value.ptr + value.len >= modinfo.ptr + modinfo.len ||
		    value.ptr[value.len] != 0)
			abort();
	return 0;
}
