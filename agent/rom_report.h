/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent/rom_report.h: what `holdfast rom` says of one file, as text and as JSON. */
#ifndef HF_AGENT_ROM_REPORT_H
#define HF_AGENT_ROM_REPORT_H

#include "measure/digest.h"
#include "pcie/rom.h"

#define HF_ROM_REPORT_DIGESTS 2

struct hf_rom_report {
	const char *name;	/* of the file */
	size_t size;		/* bytes of the window */
	struct hf_digest window[HF_ROM_REPORT_DIGESTS];
	struct hf_rom rom;
	struct hf_digest images[HF_ROM_IMAGES_MAX][HF_ROM_REPORT_DIGESTS];
	size_t padding;		/* equal bytes 00 or ff after the chain, to the end */
};

/* NUL-terminated, to be freed with free(); NULL when memory runs out. */
char *hf_rom_report_json(const struct hf_rom_report *report);

#endif
