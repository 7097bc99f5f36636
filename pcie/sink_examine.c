/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/sink.h"

enum hf_err hf_sink_examine(struct hf_sink *sink, struct hf_span image,
			    const struct hf_rom_image *header, struct hf_efi_findings *ret)
{
	sink->parser.window = (struct hf_span){ sink->window, HF_ROM_MAX };
	sink->parser.examine = hf_efi_image_examine;
	return hf_parser_examine(&sink->parser, image, header, ret);
}
