/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/capped.h"

#include "controller/server/judge.h"

static struct hf_span bytes(const struct hf_digest *d)
{
	return (struct hf_span){ d->bytes, 32 };
}

/* The log's own events: BEGIN's boot key, and CAP with nothing after it. */
static enum hf_err look(const struct hf_capped *in, struct hf_span *ret_cap, struct hf_span *ret_boot_key)
{
	struct hf_log_reader reader;
	struct hf_event event;
	struct hf_begin_event begin;
	enum hf_err err = hf_log_open(in->log, &reader);

	if (err)
		return err;
	while (hf_log_next(&reader, &event)) {
		if (event.type != HF_EV_EVENT_TAG || event.data.len < 8)
			return HF_ERR_LOG_GRAMMAR;
		uint64_t tag = hf_le(event.data.ptr, 4);
		struct hf_span payload = hf_span_part(event.data, 8, event.data.len - 8);

		if (ret_cap->len)
			return HF_ERR_LOG_AFTER_END;
		if (tag == HF_TAG_BEGIN && hf_begin_parse(payload, &begin) == HF_OK)
			*ret_boot_key = begin.boot_key;
		if (tag == HF_TAG_CAP)
			*ret_cap = payload;
	}
	return reader.err;
}

/* EV_EVENT_TAG: tag and length, then the payload; the digest is that of all of it. */
static enum hf_err extend_cap(struct hf_span cap, uint8_t *value)
{
	uint8_t data[4096];
	struct hf_writer w = { .buf = data, .cap = sizeof(data) };
	struct hf_digest event, next;
	enum hf_err err;

	hf_put_le(&w, HF_TAG_CAP, 4);
	hf_put_le(&w, cap.len, 4);
	hf_put_span(&w, cap);
	err = w.full ? HF_ERR_LIMIT : hf_digest(HF_ALG_SHA256, hf_written(&w), &event);
	if (!err)
		err = hf_digest2(HF_ALG_SHA256, (struct hf_span){ value, 32 }, bytes(&event), &next);
	if (!err)
		memcpy(value, next.bytes, 32);
	return err;
}

static enum hf_err replay(const struct hf_capped *in, bool cap_in_log, uint32_t pcr, struct hf_span cap,
			  struct hf_pcrs *ret)
{
	struct hf_pcrs ours;
	enum hf_err err = in->firmware_log.len ? hf_log_replay(in->firmware_log, HF_ALG_SHA256, ret) :
			  HF_ERR_FIRMWARE_LOG_MISSING;

	if (!err && (pcr >= HF_PCR_DIAGNOSIS || ret->extended >> pcr & 1))
		err = HF_ERR_PCR_REFUSED;
	if (!err)
		err = hf_log_replay(in->log, HF_ALG_SHA256, &ours);
	if (err)
		return err;
	memcpy(ret->value[pcr], ours.value[pcr], 32);
	return cap_in_log ? HF_OK : extend_cap(cap, ret->value[pcr]);
}

static struct hf_span ticket_of(struct hf_span cap)
{
	struct hf_cbor r = hf_cbor_at(cap);
	struct hf_span ticket = { NULL, 0 };
	size_t count = hf_cbor_map(&r);

	for (size_t i = 0; i < count && !r.err; i++) {
		if (hf_span_equal(hf_cbor_tstr(&r), hf_span_text("ticket")) && hf_cbor_peek(&r) == HF_CBOR_BSTR)
			ticket = hf_cbor_bstr(&r);
		else
			hf_cbor_skip(&r);
	}
	return r.err ? (struct hf_span){ NULL, 0 } : ticket;
}

/* Whose word it is, before megabytes of log are read. Without a nonce nothing else is asked. */
static enum hf_err is_signed(const struct hf_capped *in, struct hf_ak *ret)
{
	const struct hf_span no_nonce = { NULL, 0 };
	struct hf_pcrs none = { .alg = HF_ALG_SHA256 };
	enum hf_err err = hf_ak_parse(in->ak, ret);

	if (!err)
		err = hf_quote_verify(ret, in->attest, in->signature, no_nonce, HF_QUOTE_PCRS, &none, NULL);
	return err == HF_ERR_QUOTE_NONCE ? HF_OK : err;
}

enum hf_err hf_capped_verify(const struct hf_capped *in, struct hf_capped_facts *ret)
{
	struct hf_capped_facts facts = { .ticket = { NULL, 0 } };
	struct hf_span cap = { NULL, 0 };
	struct hf_digest nonce;
	struct hf_pcrs pcrs;
	struct hf_ak ak;
	uint32_t pcr;
	bool in_log;
	enum hf_err err = is_signed(in, &ak);

	if (err)
		return err;
	pcr = hf_log_pcr(in->log);
	err = look(in, &cap, &facts.boot_key);
	in_log = cap.len != 0;
	if (!err && in_log == (in->cap.len != 0))	/* twice, or nowhere */
		err = HF_ERR_LOG_GRAMMAR;
	if (!in_log)
		cap = in->cap;
	if (!err)
		err = hf_cap_parse(cap, &facts.event);
	if (!err)
		err = replay(in, in_log, pcr, cap, &pcrs);
	if (!err)
		err = hf_digest(HF_ALG_SHA256, cap, &nonce);
	if (!err)
		err = hf_quote_verify(&ak, in->attest, in->signature, bytes(&nonce), HF_QUOTE_PCRS | 1u << pcr,
				      &pcrs, &facts.quote);
	if (err)
		return err;
	facts.ticket = ticket_of(cap);
	*ret = facts;
	return HF_OK;
}
