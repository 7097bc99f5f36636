/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcie/parser.h: hf_efi_image_examine in a child that can do nothing else: no descriptor but
 * its socket, no capability, hardly a system call, the window read-only (pcie/sandbox.h).
 * It lives from the first image on, for all of a worker's. */
#ifndef HF_PCIE_PARSER_H
#define HF_PCIE_PARSER_H

#include "pcie/efi_image.h"
#include "pcie/worker.h"

#define HF_PARSER_SECONDS 4	/* for one image; less than a device may keep silent */

typedef void (*hf_examine)(struct hf_span image, const struct hf_rom_image *header,
			   struct hf_efi_findings *ret);
struct hf_parser {
	struct hf_span window;	/* memory that it shares: MAP_SHARED, whole pages */
	hf_examine examine;	/* hf_efi_image_examine, but for tests */
	struct hf_worker worker;
	bool live;
};
/* image lies inside the window. HF_ERR_TIMED_OUT; HF_ERR_READER_DIED: it ended, or gave what
 * is no findings; the next call then has a new child. On failure *ret is untouched. */
enum hf_err hf_parser_examine(struct hf_parser *parser, struct hf_span image,
			      const struct hf_rom_image *header,
			      struct hf_efi_findings *ret) HF_MUST_USE;
void hf_parser_drop(struct hf_parser *parser);

#endif
