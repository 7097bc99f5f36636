/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/evidence_export.h"
#include "measure/log.h"

#define EVENT_HEAD 20u	/* bytes of an event beside its digests and data, at most */

static bool is_end(const struct hf_event *event)
{
	return event->type == HF_EV_EVENT_TAG && event->data.len >= 4 && hf_le(event->data.ptr, 4) == HF_TAG_END;
}

static enum hf_err put_event(struct hf_writer *w, const struct hf_event *event, uint32_t declared)
{
	size_t count = 0;

	for (size_t i = 0; i < event->digest_count; i++)
		count += (HF_ALG_MASK(event->digests[i].alg) & declared) != 0;
	if (!count)
		return HF_ERR_LOG_HEADER;
	hf_put_le(w, event->pcr, 4);
	hf_put_le(w, event->type, 4);
	hf_put_le(w, count, 4);
	for (size_t i = 0; i < event->digest_count; i++) {
		const struct hf_digest *d = &event->digests[i];

		if (!(HF_ALG_MASK(d->alg) & declared))
			continue;
		hf_put_le(w, hf_alg_tpm_id(d->alg), 2);
		hf_put(w, d->bytes, hf_alg_size(d->alg));
	}
	hf_put_le(w, event->data.len, 4);
	hf_put_span(w, event->data);
	return w->full ? HF_ERR_LIMIT : HF_OK;
}

/* How far the firmware's log reaches before what pads it. */
static enum hf_err firmware_end(struct hf_span log, uint32_t *ret_declared, size_t *ret_end)
{
	struct hf_log_reader reader;
	struct hf_event event;
	enum hf_err err = hf_log_open(log, &reader);

	if (err)
		return err;
	if (reader.sha1_only || !(reader.alg_mask & HF_ALG_MASK(HF_ALG_SHA256)))
		return HF_ERR_LOG_HEADER;
	*ret_end = reader.cursor.pos;
	while (hf_log_next(&reader, &event))
		*ret_end = reader.cursor.pos;
	*ret_declared = reader.alg_mask;
	return reader.err;
}

enum hf_err hf_evidence_merge_logs(const struct hf_evidence *evidence, struct hf_arena *arena, struct hf_span *ret)
{
	struct hf_writer w = { .cap = evidence->firmware_log.len + evidence->log.len + EVENT_HEAD };
	struct hf_log_reader reader;
	struct hf_event event;
	uint32_t declared = 0;
	size_t end = 0;
	enum hf_err err = firmware_end(evidence->firmware_log, &declared, &end);

	w.buf = hf_arena_take(arena, w.cap);
	if (!err && !w.buf)
		err = HF_ERR_LIMIT;
	if (!err)
		err = hf_log_open(evidence->log, &reader);
	if (err)
		return err;
	hf_put(&w, evidence->firmware_log.ptr, end);
	while (!err && hf_log_next(&reader, &event)) {
		err = put_event(&w, &event, declared);
		if (is_end(&event))
			break;
	}
	if (!err)
		err = reader.err;
	if (!err)
		*ret = hf_written(&w);
	return err;
}
