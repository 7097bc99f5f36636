/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Identify and the slot log, one behind the other: whatever they hold, what is borrowed lies
 * inside, slots in use exist, and the two judgements never overlap. */
#include <stdlib.h>

#include "pcie/nvme.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct hf_span part, struct hf_span whole)
{
	if (part.len && (part.ptr < whole.ptr || part.ptr + part.len > whole.ptr + whole.len ||
			 part.ptr[0] == ' ' || part.ptr[part.len - 1] == ' '))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The mutator works on the few bytes that matter: the rest is zero. */
	static uint8_t identify_bytes[HF_NVME_IDENTIFY_LEN], log_bytes[HF_NVME_LOG_LEN];
	struct hf_span identify_span = { identify_bytes, sizeof(identify_bytes) };
	struct hf_span log_span = { log_bytes, sizeof(log_bytes) };
	struct hf_nvme_identify identify;
	struct hf_nvme_log log;

	if (size < 69 || size > 320)
		return 0;
	identify_bytes[260] = data[0];
	memcpy(identify_bytes + 4, data + 1, 68);
	memset(log_bytes, 0, sizeof(log_bytes));
	memcpy(log_bytes, data + 69, size - 69);
	if (hf_nvme_identify_parse(identify_span, &identify) != HF_OK)
		return 0;
	inside(identify.serial, identify_span);
	inside(identify.model, identify_span);
	inside(identify.firmware, identify_span);
	if (identify.slots == 0 || identify.slots > HF_NVME_SLOTS || identify.firmware.len == 0)
		abort();
	if (hf_nvme_log_parse(log_span, &identify, &log) != HF_OK)
		return 0;
	for (size_t i = 0; i <= HF_NVME_SLOTS; i++)
		inside(log.revisions[i], log_span);
	if (log.active == 0 || log.active > identify.slots || log.next > identify.slots ||
	    log.revisions[0].len)
		abort();
	if (hf_nvme_next(&identify, &log) != HF_NVME_SAME && log.next == 0)
		abort();
	if (hf_nvme_slot_differs(&identify, &log) && log.next == log.active)
		abort();
	return 0;
}
