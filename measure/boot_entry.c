/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/boot_entry.h"

#define ACTIVE 1u	/* LOAD_OPTION_ACTIVE */
#define PATH_MIN 4	/* bytes of a device path: its end */

enum hf_err hf_boot_entry_check(struct hf_span entry, struct hf_fault *fault)
{
	struct hf_cursor c = hf_cursor_at(entry);
	const uint32_t attributes = hf_u32le(&c);
	const size_t path = hf_u16le(&c);
	uint16_t character = 1;

	if (entry.len > HF_BOOT_ENTRY_MAX)
		return hf_fail(fault, HF_ERR_BOOT_ENTRY, "boot-entry", "%zu bytes, at most %d", entry.len,
			       HF_BOOT_ENTRY_MAX);
	while (!c.bad && character)
		character = hf_u16le(&c);
	if (c.bad)
		return hf_fail(fault, HF_ERR_BOOT_ENTRY, "boot-entry", "%s", "its description has no end");
	if (!(attributes & ACTIVE))
		return hf_fail(fault, HF_ERR_BOOT_ENTRY, "boot-entry", "%s", "it is not active");
	if (path < PATH_MIN || path > hf_left(&c))
		return hf_fail(fault, HF_ERR_BOOT_ENTRY, "boot-entry", "device path of %zu bytes in %zu",
			       path, hf_left(&c));
	return HF_OK;
}
