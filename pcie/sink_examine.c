/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/efi_image.h"
#include "pcie/sink.h"

enum hf_err hf_sink_examine(struct hf_sink *sink, struct hf_span image,
			    const struct hf_rom_image *header, struct hf_efi_findings *ret)
{
	if (image.ptr < sink->window || image.ptr + image.len > sink->window + HF_ROM_MAX)
		return HF_ERR_INTERNAL;
	hf_efi_image_examine(image, header, ret);
	return HF_OK;
}
