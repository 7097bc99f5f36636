/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as an event log: read, replayed, walked. What is walked must also read and
 * replay, and a walked log rebuilt with hf_log_reserve is the same bytes. */
#include "measure/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct again {
	struct hf_log log;
	uint8_t buf[HF_LOG_MAX];
};

static enum hf_err add(void *self, enum hf_tag tag, struct hf_span payload,
		       const struct hf_event *event)
{
	struct again *again = self;
	struct hf_log_entry entry;
	struct hf_span path;
	struct hf_digest claims;

	(void)event;
	if (tag == HF_TAG_PART && hf_log_part_parse(payload, &path, &claims) == HF_OK &&
	    path.len == 0)
		abort();
	enum hf_err err = hf_log_reserve(&again->log, tag, payload, &entry);

	if (err && err != HF_ERR_LOG_FULL)
		abort();
	if (!err)
		hf_log_commit(&again->log);
	return err;
}

static void check_walk(struct hf_span log, bool want_cap)
{
	static struct again again;
	struct hf_log_reader reader;
	struct hf_pcrs pcrs;

	if (hf_log_open(log, &reader) ||
	    hf_log_start(&again.log, again.buf, sizeof(again.buf), reader.alg_mask, 13))
		return;
	if (hf_log_walk(log, 13, want_cap, add, &again))
		return;
	if (!hf_span_equal(hf_written(&again.log.out), log))
		abort();
	if (hf_log_replay(log, HF_ALG_SHA256, &pcrs) || pcrs.extended != 1u << 13)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span log = { data, size };
	struct hf_log_reader reader;
	struct hf_event event;
	struct hf_pcrs pcrs;
	size_t end = 0;

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++)
		(void)!hf_log_replay(log, alg, &pcrs);
	if (hf_log_open(log, &reader) == HF_OK) {
		while (hf_log_next(&reader, &event)) {
			if (event.offset < end || event.digest_count > HF_ALG_COUNT ||
			    event.data.len > size ||
			    (event.data.len && event.data.ptr + event.data.len > data + size))
				abort();
			end = reader.cursor.pos;
		}
	}
	check_walk(log, false);
	check_walk(log, true);
	return 0;
}
