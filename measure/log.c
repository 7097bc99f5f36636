/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's own log: written event by event, read back with nothing to spare. */
#include "measure/log.h"

#include "measure/cbor.h"
#include "measure/claim.h"

#define ALL_ALGS ((1u << HF_ALG_COUNT) - 1)
#define CAP_ROOM 768		/* one CAP event in five banks, with room to spare */
#define END_ROOM 512		/* END without its list of parts */
#define TAG_HEADER 8		/* taggedEventID, taggedEventDataSize */
#define SPEC_ID_MAX 128

/* TCG_EfiSpecIDEvent, section 10.4.5.1; errata 105 as in PFP 1.05. */
static void put_spec_id(struct hf_writer *w, uint32_t alg_mask)
{
	static const uint8_t zero[20];
	uint32_t count = 0;

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++)
		count += alg_mask >> alg & 1;
	hf_put_le(w, 0, 4);
	hf_put_le(w, HF_EV_NO_ACTION, 4);
	hf_put(w, zero, sizeof(zero));
	hf_put_le(w, 16 + 4 + 4 + 4 + 4 * count + 1, 4);
	hf_put(w, "Spec ID Event03", 16);
	hf_put_le(w, 0, 4);		/* platform class */
	hf_put_le(w, 0, 1);		/* minor version */
	hf_put_le(w, 2, 1);		/* major version */
	hf_put_le(w, 105, 1);
	hf_put_le(w, 2, 1);		/* UINTN has 64 bits */
	hf_put_le(w, count, 4);
	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		if (!(alg_mask & HF_ALG_MASK(alg)))
			continue;
		hf_put_le(w, hf_alg_tpm_id(alg), 2);
		hf_put_le(w, hf_alg_size(alg), 2);
	}
	hf_put_le(w, 0, 1);		/* no vendor information */
}

enum hf_err hf_log_start(struct hf_log *log, uint8_t *buf, size_t cap, uint32_t alg_mask,
			 uint32_t pcr)
{
	struct hf_log start = { .alg_mask = alg_mask, .pcr = pcr, .end_room = END_ROOM };

	if (alg_mask == 0 || alg_mask & ~ALL_ALGS)
		return HF_ERR_LOG_ALGORITHM;
	if (pcr >= HF_PCR_COUNT)
		return HF_ERR_LOG_PCR_RANGE;
	start.out = (struct hf_writer){ .buf = buf, .cap = cap < HF_LOG_MAX ? cap : HF_LOG_MAX };
	put_spec_id(&start.out, alg_mask);
	if (start.out.full || start.out.cap - start.out.len < END_ROOM + CAP_ROOM)
		return HF_ERR_LOG_FULL;
	*log = start;
	return HF_OK;
}

static enum hf_err may_follow(const struct hf_log *log, enum hf_tag tag)
{
	bool ok = false;

	switch (tag) {
	case HF_TAG_BEGIN:
		ok = log->state == HF_LOG_EMPTY;
		break;
	case HF_TAG_PART:
	case HF_TAG_END:
		ok = log->state == HF_LOG_OPEN;
		break;
	case HF_TAG_CAP:
		ok = log->state != HF_LOG_CAPPED;
		break;
	}
	return ok ? HF_OK : HF_ERR_LOG_GRAMMAR;
}

/* What must stay free once this event is in. END lists every part by its path, which is
 * what a part's payload mostly is, so that length is a fair bound for its line in END. */
static size_t kept_back(const struct hf_log *log, enum hf_tag tag, size_t payload_len)
{
	switch (tag) {
	case HF_TAG_BEGIN:
		return CAP_ROOM + log->end_room;
	case HF_TAG_PART:
		return CAP_ROOM + log->end_room + payload_len;
	case HF_TAG_END:
		return CAP_ROOM;
	case HF_TAG_CAP:
		return 0;
	}
	return CAP_ROOM;
}

static enum hf_err digest_all(uint32_t alg_mask, struct hf_span data, struct hf_log_entry *ret)
{
	struct hf_log_entry entry = { .digest_count = 0 };

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		if (!(alg_mask & HF_ALG_MASK(alg)))
			continue;
		enum hf_err err = hf_digest(alg, data, &entry.digests[entry.digest_count++]);

		if (err)
			return err;
	}
	*ret = entry;
	return HF_OK;
}

static size_t digests_size(uint32_t alg_mask)
{
	size_t size = 0;

	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++)
		if (alg_mask & HF_ALG_MASK(alg))
			size += 2 + hf_alg_size(alg);
	return size;
}

static void put_event_head(struct hf_writer *w, const struct hf_log *log,
			   const struct hf_log_entry *entry, size_t data_len)
{
	hf_put_le(w, log->pcr, 4);
	hf_put_le(w, HF_EV_EVENT_TAG, 4);
	hf_put_le(w, entry->digest_count, 4);
	for (size_t i = 0; i < entry->digest_count; i++) {
		hf_put_le(w, hf_alg_tpm_id(entry->digests[i].alg), 2);
		hf_put(w, entry->digests[i].bytes, hf_alg_size(entry->digests[i].alg));
	}
	hf_put_le(w, data_len, 4);
}

enum hf_err hf_log_reserve(struct hf_log *log, enum hf_tag tag, struct hf_span payload,
			   struct hf_log_entry *ret)
{
	size_t room = log->out.cap - log->out.len;
	size_t head = 4 + 4 + 4 + digests_size(log->alg_mask) + 4;
	size_t kept = kept_back(log, tag, payload.len);
	struct hf_log_entry entry;
	enum hf_err err;

	if (log->reserved)
		return HF_ERR_INTERNAL;
	err = may_follow(log, tag);
	if (err)
		return err;
	if (payload.len > room || kept > room ||
	    head + TAG_HEADER + payload.len > room - kept)
		return HF_ERR_LOG_FULL;

	/* The data first, in its place, so that what is digested is what is logged. */
	struct hf_writer data = { .buf = log->out.buf + log->out.len + head,
				  .cap = TAG_HEADER + payload.len };
	hf_put_le(&data, tag, 4);
	hf_put_le(&data, payload.len, 4);
	hf_put_span(&data, payload);
	err = digest_all(log->alg_mask, hf_written(&data), &entry);
	if (err)
		return err;
	struct hf_writer w = { .buf = log->out.buf + log->out.len, .cap = head };
	put_event_head(&w, log, &entry, data.len);
	if (w.full || w.len != head)
		return HF_ERR_INTERNAL;
	log->reserved = head + data.len;
	log->pending = tag;
	*ret = entry;
	return HF_OK;
}

void hf_log_commit(struct hf_log *log)
{
	if (!log->reserved)
		return;
	switch (log->pending) {
	case HF_TAG_BEGIN:
		log->state = HF_LOG_OPEN;
		break;
	case HF_TAG_PART:
		log->end_room += log->reserved - digests_size(log->alg_mask) - 16 - TAG_HEADER;
		break;
	case HF_TAG_END:
		log->state = HF_LOG_ENDED;
		break;
	case HF_TAG_CAP:
		log->state = HF_LOG_CAPPED;
		break;
	}
	log->out.len += log->reserved;
	log->reserved = 0;
}

void hf_log_abandon(struct hf_log *log)
{
	memset(log->out.buf + log->out.len, 0, log->reserved);
	log->reserved = 0;
}

/* ---- reading ours ---- */

/* The Spec ID event is built again and compared: nothing in it is ours to interpret. */
static enum hf_err check_spec_id(struct hf_span log, const struct hf_log_reader *reader)
{
	uint8_t buf[SPEC_ID_MAX];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	if (reader->sha1_only)
		return HF_ERR_LOG_HEADER;
	if (!(reader->alg_mask & HF_ALG_MASK(HF_ALG_SHA256)))
		return HF_ERR_LOG_ALGORITHM;
	put_spec_id(&w, reader->alg_mask);
	if (w.full || !hf_span_equal(hf_written(&w), hf_span_part(log, 0, reader->cursor.pos)))
		return HF_ERR_LOG_HEADER;
	return HF_OK;
}

static enum hf_err check_digests(uint32_t alg_mask, const struct hf_event *event)
{
	struct hf_log_entry want;
	enum hf_err err = digest_all(alg_mask, event->data, &want);

	if (err)
		return err;
	if (event->digest_count != want.digest_count)
		return HF_ERR_LOG_ALGORITHM;
	for (size_t i = 0; i < want.digest_count; i++) {
		if (event->digests[i].alg != want.digests[i].alg)
			return HF_ERR_LOG_ALGORITHM;
		if (!hf_digest_equal(&event->digests[i], &want.digests[i]))
			return HF_ERR_LOG_DIGEST;
	}
	return HF_OK;
}

static enum hf_err check_event(uint32_t alg_mask, uint32_t pcr, const struct hf_event *event,
			       enum hf_tag *ret_tag, struct hf_span *ret_payload)
{
	struct hf_cursor c = hf_cursor_at(event->data);

	if (event->pcr >= HF_PCR_COUNT)
		return HF_ERR_LOG_PCR_RANGE;
	if (event->pcr != pcr)
		return HF_ERR_LOG_PCR;
	if (event->type != HF_EV_EVENT_TAG)
		return HF_ERR_LOG_GRAMMAR;
	uint32_t tag = hf_u32le(&c);
	struct hf_span payload = hf_take_span(&c, hf_u32le(&c));

	if (!hf_cursor_done(&c))
		return HF_ERR_EVENT_SHAPE;
	enum hf_err err = check_digests(alg_mask, event);

	if (err)
		return err;
	*ret_tag = (enum hf_tag)tag;
	*ret_payload = payload;
	return HF_OK;
}

/* BEGIN part* END [CAP], and nothing else: every other pair of state and tag refuses. */
static enum hf_err step(struct hf_log *state, enum hf_tag tag)
{
	if (state->state == HF_LOG_ENDED && tag != HF_TAG_CAP)
		return HF_ERR_LOG_AFTER_END;
	if (tag == HF_TAG_CAP && state->state != HF_LOG_ENDED)
		return HF_ERR_LOG_GRAMMAR;
	enum hf_err err = may_follow(state, tag);

	if (err)
		return err;
	if (tag == HF_TAG_BEGIN)
		state->state = HF_LOG_OPEN;
	if (tag == HF_TAG_END)
		state->state = HF_LOG_ENDED;
	if (tag == HF_TAG_CAP)
		state->state = HF_LOG_CAPPED;
	return HF_OK;
}

enum hf_err hf_log_walk(struct hf_span log, uint32_t pcr, bool want_cap, hf_log_visit visit,
			void *self)
{
	struct hf_log state = { .state = HF_LOG_EMPTY };
	struct hf_log_reader reader;
	struct hf_event event;
	enum hf_err err;

	if (log.len > HF_LOG_MAX)
		return HF_ERR_LIMIT;
	err = hf_log_open(log, &reader);
	if (err)
		return err;
	err = check_spec_id(log, &reader);
	if (err)
		return err;
	for (;;) {
		enum hf_tag tag = HF_TAG_CAP;
		struct hf_span payload = { NULL, 0 };
		bool over = state.state == HF_LOG_CAPPED ||
			    (state.state == HF_LOG_ENDED && !want_cap);

		if (over)
			return reader.cursor.pos == log.len ? HF_OK : HF_ERR_LOG_AFTER_END;
		if (!hf_log_next(&reader, &event))
			return reader.err ? reader.err : HF_ERR_LOG_GRAMMAR;
		err = check_event(reader.alg_mask, pcr, &event, &tag, &payload);
		if (!err)
			err = step(&state, tag);
		if (!err && visit)
			err = visit(self, tag, payload, &event);
		if (err)
			return err;
	}
}

/* ---- payloads ---- */

void hf_log_part_payload(struct hf_writer *w, const char *path, const struct hf_digest *claims)
{
	hf_cbor_put_array(w, 2);
	hf_cbor_put_text(w, path);
	hf_cbor_put_bstr(w, (struct hf_span){ claims->bytes, hf_alg_size(HF_ALG_SHA384) });
}

enum hf_err hf_log_part_parse(struct hf_span payload, struct hf_span *ret_path,
			      struct hf_digest *ret_claims)
{
	struct hf_cbor r = hf_cbor_at(payload);
	struct hf_digest digest = { .alg = HF_ALG_SHA384 };
	size_t count = hf_cbor_array(&r);

	if (!r.err && count != 2)
		return HF_ERR_EVENT_SHAPE;
	struct hf_span path = hf_cbor_tstr(&r);
	struct hf_span bytes = hf_cbor_bstr(&r);
	enum hf_err err = hf_cbor_end(&r);

	if (err)
		return err;
	if (path.len == 0 || path.len > HF_PATH_MAX || bytes.len != hf_alg_size(HF_ALG_SHA384))
		return HF_ERR_EVENT_SHAPE;
	memcpy(digest.bytes, bytes.ptr, bytes.len);
	*ret_path = path;
	*ret_claims = digest;
	return HF_OK;
}
