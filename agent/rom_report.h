/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/rom_report.h: what `holdfast rom` says of one file, as text and as JSON. */
#ifndef HF_AGENT_ROM_REPORT_H
#define HF_AGENT_ROM_REPORT_H

#include "measure/digest.h"
#include "pcie/efi_image.h"

#define HF_ROM_REPORT_DIGESTS 2

struct hf_rom_digests {
	struct hf_digest list[HF_ROM_REPORT_DIGESTS];
};
struct hf_rom_report {
	const char *name;	/* of the file */
	struct hf_span window;
	struct hf_rom rom;
	size_t padding;		/* equal bytes 00 or ff at the end of the tail */
	struct hf_rom_digests whole, tail;
	struct hf_rom_digests images[HF_ROM_IMAGES_MAX], gaps[HF_ROM_IMAGES_MAX];
	struct hf_rom_digests unlisted[HF_ROM_UNLISTED_MAX];
	struct hf_efi_findings programs[HF_ROM_IMAGES_MAX];	/* one for each image */
};

/* NUL-terminated, to be freed with free(); NULL when memory runs out. */
char *hf_rom_report_json(const struct hf_rom_report *report);
/* On standard output, 80 columns wide. */
void hf_rom_report_print(const struct hf_rom_report *report);

#endif
