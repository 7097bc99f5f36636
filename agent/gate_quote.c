/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage quote, and the cap: the log is closed and the TPM signs what it replays to. */
#include "agent/gate.h"

#include <stdio.h>

#include "agent/events.h"

#define END_MAX ((size_t)HF_LOG_MAX)

/* ---- our own log, before anybody else has to believe it ---- */

static enum hf_err check_bank(const struct hf_gate *gate, enum hf_alg alg, struct hf_fault *fault)
{
	struct hf_digest now;
	struct hf_pcrs said;
	enum hf_err err = hf_log_replay(hf_written(&gate->log.out), alg, &said);

	if (err != HF_OK)
		return hf_fail(fault, err, "log", "bank %s", hf_alg_name(alg));
	err = hf_tpm_pcr_read(gate->tpm, gate->conf.pcr, alg, &now, fault);
	if (err != HF_OK)
		return err;
	if (memcmp(said.value[gate->conf.pcr], now.bytes, hf_alg_size(alg)) != 0)
		return hf_fail(fault, HF_ERR_LOG_REPLAY, "log", "PCR %u, bank %s", gate->conf.pcr,
			       hf_alg_name(alg));
	return HF_OK;
}

static enum hf_err check_replay(const struct hf_gate *gate, struct hf_fault *fault)
{
	for (enum hf_alg alg = 0; alg < HF_ALG_COUNT; alg++) {
		enum hf_err err;

		if (!(gate->banks & HF_ALG_MASK(alg)))
			continue;
		err = check_bank(gate, alg, fault);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

struct claims_check { struct hf_cbor reader; };

static enum hf_err check_event(void *self, enum hf_tag tag, struct hf_span payload,
			       const struct hf_event *event)
{
	struct claims_check *c = self;
	struct hf_digest logged, found;
	struct hf_span path, part;
	enum hf_err err;

	(void)event;
	if (tag != HF_TAG_PART)
		return HF_OK;
	err = hf_log_part_parse(payload, &path, &logged);
	if (err != HF_OK)
		return err;
	part = hf_cbor_bstr(&c->reader);
	if (c->reader.err != HF_OK)
		return HF_ERR_CLAIMS_MISSING;
	err = hf_digest(HF_ALG_SHA384, part, &found);
	if (err != HF_OK)
		return err;
	return hf_digest_equal(&logged, &found) ? HF_OK : HF_ERR_CLAIMS_DIGEST;
}

static enum hf_err check_claims(const struct hf_gate *gate, struct hf_fault *fault)
{
	struct claims_check c = { hf_cbor_at(hf_written(&gate->encoded)) };
	enum hf_err err = hf_log_walk(hf_written(&gate->log.out), gate->conf.pcr, false, check_event, &c);

	if (err == HF_OK && c.reader.pos != gate->encoded.len)
		err = HF_ERR_CLAIMS_DIGEST;
	return err == HF_OK ? HF_OK : hf_fail(fault, err, "log", "%s", "checked before the quote");
}

/* ---- END and quote ---- */

static enum hf_err record_end(struct hf_gate *gate, enum hf_err cause, struct hf_fault *fault)
{
	struct hf_writer w = { .buf = hf_arena_take(&gate->arena, END_MAX), .cap = END_MAX };
	const enum hf_mode mode = gate->model ? gate->model->mode : HF_MODE_ENFORCE;

	if (!w.buf)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "END");
	if (cause == HF_OK && !gate->would_hold && gate->judged && gate->verdict.status == HF_STATUS_HELD)
		cause = gate->verdict.cause;	/* known, old firmware: see hf_gate_verdict */
	if (cause == HF_OK && gate->would_hold)
		cause = gate->verdict.cause != HF_OK ? gate->verdict.cause : gate->would_hold_cause;
	hf_end_encode(gate->judged ? &gate->verdict : NULL, cause, mode, &w);
	if (w.full)
		return hf_fail(fault, HF_ERR_LOG_FULL, NULL, "%s", "END");
	return hf_gate_event(gate, HF_TAG_END, hf_written(&w), fault);
}

struct signed_quote { struct hf_writer attest, signature; };

static enum hf_err take_quote(struct hf_gate *gate, struct hf_span nonce, struct signed_quote *ret,
			      struct hf_fault *fault)
{
	const uint32_t pcrs = HF_QUOTE_PCRS | 1u << gate->conf.pcr;

	ret->attest = (struct hf_writer){ .buf = hf_arena_take(&gate->arena, HF_ATTEST_MAX),
					  .cap = HF_ATTEST_MAX };
	ret->signature = (struct hf_writer){ .buf = hf_arena_take(&gate->arena, HF_ATTEST_MAX),
					     .cap = HF_ATTEST_MAX };
	if (!ret->attest.buf || !ret->signature.buf)
		return hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "%s", "quote");
	return hf_tpm_quote(gate->tpm, pcrs, nonce, &ret->attest, &ret->signature, fault);
}

/* As a verifier would: a quote that does not verify here verifies nowhere. */
static enum hf_err verify_quote(struct hf_gate *gate, const struct signed_quote *q,
				struct hf_span nonce, struct hf_pcrs *ret_pcrs, struct hf_fault *fault)
{
	const uint32_t pcrs = HF_QUOTE_PCRS | 1u << gate->conf.pcr;
	struct hf_ak ak;
	enum hf_err err = hf_tpm_pcrs(gate->tpm, HF_ALG_SHA256, ret_pcrs, fault);

	if (err != HF_OK)
		return err;
	err = hf_ak_parse(gate->evidence.ak, &ak);
	if (err == HF_OK)
		err = hf_quote_verify(&ak, hf_written(&q->attest), hf_written(&q->signature), nonce,
				      pcrs, ret_pcrs, NULL);
	return err == HF_OK ? HF_OK : hf_fail(fault, err, "quote", "%s", "checked by the agent itself");
}

struct hf_span hf_gate_nonce(const struct hf_gate *gate)
{
	if (gate->talk.challenged)
		return gate->talk.challenge.nonce;
	return (struct hf_span){ gate->boot_id.bytes, hf_alg_size(HF_ALG_SHA256) };
}

static enum hf_err quote_end(struct hf_gate *gate, struct hf_fault *fault)
{
	struct signed_quote q;
	struct hf_pcrs pcrs;
	enum hf_err err = check_replay(gate, fault);

	if (err == HF_OK)
		err = check_claims(gate, fault);
	if (err == HF_OK)
		err = take_quote(gate, hf_gate_nonce(gate), &q, fault);
	if (err == HF_OK)
		err = verify_quote(gate, &q, hf_gate_nonce(gate), &pcrs, fault);
	if (err != HF_OK)
		return err;

	struct hf_writer tools = { .buf = hf_arena_take(&gate->arena, 4096), .cap = 4096 };

	if (tools.buf)
		hf_pcrs_tools_format(&pcrs, HF_QUOTE_PCRS | 1u << gate->conf.pcr, &tools);
	gate->evidence.quote = hf_written(&q.attest);
	gate->evidence.signature = hf_written(&q.signature);
	gate->evidence.nonce = hf_gate_nonce(gate);
	if (tools.buf && !tools.full)
		gate->evidence.quote_pcrs = hf_written(&tools);
	return HF_OK;
}

enum hf_err hf_gate_end_and_quote(struct hf_gate *gate, enum hf_err cause, struct hf_fault *fault)
{
	enum hf_err err = record_end(gate, cause, fault);

	if (err != HF_OK || !gate->tpm)
		return err;
	return quote_end(gate, fault);
}

enum hf_err hf_gate_quote(struct hf_gate *gate, struct hf_fault *fault)
{
	enum hf_err err;

	gate->talk.quoted_ms = hf_now_ms();	/* a ticket lives from here on, and not a second longer */
	err = hf_gate_end_and_quote(gate, HF_OK, fault);
	if (gate->tpm)
		hf_gate_note(gate, "PCRs 0-7 9 11 12 14 and %u, log %zu bytes", gate->conf.pcr,
			     gate->log.out.len);
	else
		hf_gate_note(gate, "NO TPM: no quote");
	return err;
}

enum hf_err hf_gate_reset_count(struct hf_gate *gate, uint32_t *ret, struct hf_fault *fault)
{
	const struct hf_span nobody = { gate->boot_id.bytes, hf_alg_size(HF_ALG_SHA256) };
	struct signed_quote q;
	struct hf_quote quote;
	enum hf_err err = take_quote(gate, nobody, &q, fault);

	if (err != HF_OK)
		return err;
	err = hf_quote_parse(hf_written(&q.attest), &quote);
	*ret = err == HF_OK ? quote.reset_count : 0;
	return err == HF_OK ? HF_OK : hf_fail(fault, err, "quote", "%s", "its count of resets");
}

/* ---- the cap ---- */

enum hf_err hf_gate_cap(struct hf_gate *gate, struct hf_span payload, struct hf_fault *fault)
{
	struct hf_digest nonce;
	struct hf_pcrs pcrs;
	struct signed_quote q;
	enum hf_err err = hf_gate_event(gate, HF_TAG_CAP, payload, fault);

	/* Whatever came of it: from here on nobody speaks for this boot any more. */
	hf_link_stop(&gate->talk.link);
	hf_boot_key_drop(&gate->boot_key);
	if (err != HF_OK || !gate->tpm || !gate->evidence.ak.len)
		return err;
	err = check_replay(gate, fault);	/* every allocated bank took the cap */
	if (err == HF_OK)
		err = hf_digest(HF_ALG_SHA256, payload, &nonce);
	if (err != HF_OK)
		return err;

	const struct hf_span span = { nonce.bytes, hf_alg_size(HF_ALG_SHA256) };

	err = take_quote(gate, span, &q, fault);
	if (err == HF_OK)
		err = verify_quote(gate, &q, span, &pcrs, fault);
	if (err != HF_OK)
		return err;
	gate->evidence.receipt = hf_written(&q.attest);
	gate->evidence.receipt_signature = hf_written(&q.signature);
	return HF_OK;
}
