/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file with a conversation: it shows the same whenever it is read, and what it signs is no
 * more than it says. */
#include <stdlib.h>

#include "pcie/spdm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum hf_err replay(struct hf_span file, struct hf_spdm *s)
{
	static uint8_t room[HF_SPDM_ARENA];
	struct hf_arena arena = { .base = room, .cap = sizeof(room) };
	struct hf_spdm_options options = { .arena = &arena };
	enum hf_err err;

	if (hf_spdm_open(&options, s) != HF_OK)
		abort();
	err = hf_transcript_replay(file, s);
	hf_spdm_close(s);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hf_spdm s, again;
	struct hf_span file = { data, size };
	enum hf_err err = replay(file, &s);

	if (replay(file, &again) != err || again.block_count != s.block_count ||
	    again.signatures != s.signatures || again.version != s.version ||
	    again.nonces != s.nonces || again.slot_mask != s.slot_mask)
		abort();
	if (size < 24 && err != HF_ERR_TRANSCRIPT_SHAPE)
		abort();
	return 0;
}
