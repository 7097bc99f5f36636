/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/verify.h"

#include "manifests/fence.h"
#include "manifests/verify_ticket.h"

#include <stdarg.h>
#include <stdio.h>

struct recorded {	/* a part event of our log */
	struct recorded *next;
	struct hf_span path;
	struct hf_digest claims;
};
struct work {
	const struct hf_evidence *in;
	const struct hf_verify_options *options;
	struct hf_arena *arena;
	struct hf_verification *ret;
	struct hf_span ended;	/* our log up to and with END */
	bool capped;		/* it goes on with CAP */
	struct hf_span begin, end, cap;	/* payloads */
	struct recorded *parts, **parts_end;
	struct hf_pcrs pcrs;	/* to which the firmware's log leads */
	struct hf_transcripts transcripts;
};

const char *hf_check_name(enum hf_check check)
{
	static const char *const names[HF_CHECK_COUNT] = {
		[HF_CHECK_FIRMWARE_LOG] = "firmware-log", [HF_CHECK_LOG] = "log",
		[HF_CHECK_BEGIN] = "begin", [HF_CHECK_CLAIMS] = "claims",
		[HF_CHECK_KEY] = "key", [HF_CHECK_QUOTE] = "quote", [HF_CHECK_END] = "end",
		[HF_CHECK_RECEIPT] = "receipt", [HF_CHECK_TRANSCRIPTS] = "transcripts",
		[HF_CHECK_MODEL] = "model",
		[HF_CHECK_PARTS] = "parts", [HF_CHECK_BOOT] = "boot",
	};

	return (unsigned)check < HF_CHECK_COUNT ? names[check] : "unknown";
}

const char *hf_outcome_name(enum hf_outcome outcome)
{
	switch (outcome) {
	case HF_OUTCOME_SKIPPED:
		return "skipped";
	case HF_OUTCOME_OK:
		return "ok";
	case HF_OUTCOME_FAILED:
		return "failed";
	}
	return "failed";
}

static void say(struct work *w, enum hf_check check, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct work *w, enum hf_check check, const char *format, ...)
{
	char *detail = w->ret->checks[check].detail;
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(w->ret->checks[check].detail), format, args);
	va_end(args);
	for (; *detail; detail++)
		if (*detail < 0x20 || *detail > 0x7e)
			*detail = '?';
}

/* The outcome of a check is set here alone; HF_OK after a failure does not heal it. */
static bool settle(struct work *w, enum hf_check check, enum hf_err err)
{
	struct hf_check_result *r = &w->ret->checks[check];

	if (r->outcome == HF_OUTCOME_FAILED)
		return false;
	r->outcome = err ? HF_OUTCOME_FAILED : HF_OUTCOME_OK;
	r->cause = err;
	return err == HF_OK;
}

static bool passed(const struct work *w, enum hf_check check)
{
	return w->ret->checks[check].outcome == HF_OUTCOME_OK;
}

static int shown(struct hf_span text, int max)
{
	return text.len < (size_t)max ? (int)text.len : max;
}

static enum hf_err cause_named(struct hf_span name)
{
	char text[64];

	if (name.len == 0 || name.len >= sizeof(text))
		return HF_ERR_INTERNAL;
	memcpy(text, name.ptr, name.len);
	text[name.len] = 0;
	return hf_err_from_name(text);
}

static void check_firmware_log(struct work *w)
{
	enum hf_err err = HF_ERR_FIRMWARE_LOG_MISSING;

	if (w->in->firmware_log.len)
		err = hf_log_replay(w->in->firmware_log, HF_ALG_SHA256, &w->pcrs);
	if (!err && w->pcrs.extended >> w->options->pcr & 1) {
		say(w, HF_CHECK_FIRMWARE_LOG, "firmware extended PCR %u", w->options->pcr);
		err = HF_ERR_PCR_NOT_ZERO;
	}
	settle(w, HF_CHECK_FIRMWARE_LOG, err);
}

/* ---- our log ---- */

static enum hf_err visit(void *self, enum hf_tag tag, struct hf_span payload,
			 const struct hf_event *event)
{
	struct work *w = self;
	struct recorded *part;
	enum hf_err err;

	(void)event;
	switch (tag) {
	case HF_TAG_BEGIN:
		w->begin = payload;
		return HF_OK;
	case HF_TAG_END:
		w->end = payload;
		return HF_OK;
	case HF_TAG_CAP:
		w->cap = payload;
		return HF_OK;
	case HF_TAG_PART:
		break;
	}
	part = hf_arena_take(w->arena, sizeof(*part));
	if (!part)
		return HF_ERR_LIMIT;
	err = hf_log_part_parse(payload, &part->path, &part->claims);
	if (err)
		return err;
	*w->parts_end = part;
	w->parts_end = &part->next;
	return HF_OK;
}

/* Only looks for where END is; hf_log_walk judges. A host that was held before END has
 * a CAP that says why: that names the refusal better than the grammar does. */
static enum hf_err find_end(struct work *w, size_t *ret_len)
{
	struct hf_log_reader reader;
	struct hf_event event;
	enum hf_err err = hf_log_open(w->in->log, &reader);

	if (err)
		return err;
	while (hf_log_next(&reader, &event)) {
		if (event.type != HF_EV_EVENT_TAG || event.data.len < 8)
			continue;
		uint64_t tag = hf_le(event.data.ptr, 4);

		if (tag == HF_TAG_END) {
			*ret_len = reader.cursor.pos;
			return HF_OK;
		}
		if (tag == HF_TAG_CAP &&
		    hf_cap_parse(hf_span_part(event.data, 8, event.data.len - 8), &w->ret->cap) == HF_OK &&
		    w->ret->cap.held.len) {
			say(w, HF_CHECK_LOG, "held before its verdict");
			return cause_named(w->ret->cap.held);
		}
	}
	return reader.err ? reader.err : HF_ERR_LOG_GRAMMAR;
}

static enum hf_err ignore(void *self, enum hf_tag tag, struct hf_span payload,
			  const struct hf_event *event)
{
	struct work *w = self;

	(void)event;
	if (tag == HF_TAG_CAP)
		w->cap = payload;
	return HF_OK;
}

static void check_log(struct work *w)
{
	struct hf_span log = w->in->log;
	size_t len = 0;
	enum hf_err err = log.len > HF_LOG_MAX ? HF_ERR_LIMIT : find_end(w, &len);

	if (!err) {
		w->ended = hf_span_part(log, 0, len);
		err = hf_log_walk(w->ended, w->options->pcr, false, visit, w);
	}
	w->capped = len < log.len;
	if (!err && w->capped)
		err = hf_log_walk(log, w->options->pcr, true, ignore, w);
	settle(w, HF_CHECK_LOG, err);
}

static size_t known_manifests(const struct work *w)
{
	struct hf_cbor r = hf_cbor_at(w->ret->begin.manifests);
	size_t count = hf_cbor_array(&r), known = 0;
	const struct hf_manifests *own = w->options->manifests;

	for (size_t i = 0; i < count && !r.err; i++) {
		hf_cbor_array(&r);
		hf_cbor_tstr(&r);
		struct hf_span id = hf_cbor_bstr(&r);

		for (size_t j = 0; j < own->file_count; j++) {
			if (id.len == 32 && memcmp(id.ptr, own->files[j].sha256.bytes, 32) == 0) {
				known++;
				break;
			}
		}
	}
	return known;
}

static void check_begin(struct work *w)
{
	struct hf_begin_event *begin = &w->ret->begin;
	struct hf_digest key;
	enum hf_err err = hf_begin_parse(w->begin, begin);

	if (!err && w->in->boot_key.len) {
		err = hf_digest(HF_ALG_SHA256, w->in->boot_key, &key);
		if (!err && !hf_span_equal(begin->boot_key, (struct hf_span){ key.bytes, 32 })) {
			say(w, HF_CHECK_BEGIN, "boot-key.der is not the key that the log recorded");
			err = HF_ERR_CLAIMS_DIGEST;
		}
	}
	if (!settle(w, HF_CHECK_BEGIN, err))
		return;
	say(w, HF_CHECK_BEGIN, "agent %.*s, policy %.*s, mode %s, %zu of %zu manifests known here",
	    shown(begin->agent, 24), begin->agent.ptr, shown(begin->policy, 24),
	    begin->policy.ptr, hf_mode_name(begin->mode), known_manifests(w),
	    begin->manifest_count);
}

/* ---- claims ---- */

static enum hf_err compare_claims(struct work *w, struct hf_span cbor)
{
	struct hf_cbor r = hf_cbor_at(cbor);
	size_t count = hf_cbor_array(&r);
	const struct hf_part *part = w->ret->claims.parts;
	const struct recorded *event = w->parts;

	for (size_t i = 0; i < count; i++, part = part->next, event = event->next) {
		struct hf_span bytes = hf_cbor_bstr(&r);
		struct hf_digest digest;
		enum hf_err err = r.err ? r.err : hf_digest(HF_ALG_SHA384, bytes, &digest);

		if (err)
			return err;
		if (!part || !event || !hf_span_equal(hf_span_text(part->path), event->path) ||
		    !hf_digest_equal(&digest, &event->claims)) {
			say(w, HF_CHECK_CLAIMS, "part %zu, %s", i + 1,
			    part ? part->path : "which is not there");
			return HF_ERR_CLAIMS_DIGEST;
		}
	}
	if (event) {
		say(w, HF_CHECK_CLAIMS, "%.*s", shown(event->path, 100), event->path.ptr);
		return HF_ERR_CLAIMS_MISSING;
	}
	return hf_cbor_end(&r);
}

static void check_claims(struct work *w)
{
	enum hf_err err = hf_claims_decode(&w->ret->claims, w->in->claims);

	if (err)	/* what was decoded before the failure is not looked at */
		hf_claims_init(&w->ret->claims, w->arena);
	if (!err)
		err = compare_claims(w, w->in->claims);
	if (settle(w, HF_CHECK_CLAIMS, err))
		say(w, HF_CHECK_CLAIMS, "%zu parts, %zu functions", w->ret->claims.part_count,
		    w->ret->claims.function_count);
}

/* ---- quotes ---- */

static uint32_t quoted_pcrs(const struct work *w)
{
	return HF_QUOTE_PCRS | 1u << w->options->pcr;
}

static enum hf_err with_our_pcr(const struct work *w, struct hf_span log, struct hf_pcrs *ret)
{
	struct hf_pcrs ours;
	enum hf_err err = hf_log_replay(log, HF_ALG_SHA256, &ours);

	if (err)
		return err;
	*ret = w->pcrs;
	memcpy(ret->value[w->options->pcr], ours.value[w->options->pcr], HF_DIGEST_MAX);
	return HF_OK;
}

/* What the quote has to answer; empty: there is nothing to answer. */
static struct hf_span challenge(const struct work *w)
{
	return w->options->nonce.len ? w->options->nonce : w->ret->begin.boot_key;
}

static void check_quote(struct work *w)
{
	struct hf_span nonce = challenge(w);
	struct hf_pcrs pcrs;
	enum hf_err err = with_our_pcr(w, w->ended, &pcrs);

	if (!err && nonce.len == 0) {
		say(w, HF_CHECK_QUOTE, "no nonce was given and the log records no boot key");
		err = HF_ERR_QUOTE_NONCE;
	}
	if (!err && w->options->quote_signed)
		err = hf_quote_check(&w->ret->ak, w->in->quote, nonce, quoted_pcrs(w), &pcrs,
				     &w->ret->quote);
	else if (!err)
		err = hf_quote_verify(&w->ret->ak, w->in->quote, w->in->signature, nonce,
				      quoted_pcrs(w), &pcrs, &w->ret->quote);
	if (!settle(w, HF_CHECK_QUOTE, err))
		return;
	if (w->options->nonce.len)
		say(w, HF_CHECK_QUOTE, "nonce as given; TPM reset count %u",
		    w->ret->quote.reset_count);
	else
		say(w, HF_CHECK_QUOTE, "nonce is the boot key's digest: it does not say when; "
		    "TPM reset count %u", w->ret->quote.reset_count);
}

static void check_end(struct work *w)
{
	struct hf_end_event *end = &w->ret->end;
	enum hf_err err = hf_end_parse(w->end, end);

	if (!err && end->mode != w->ret->begin.mode) {
		say(w, HF_CHECK_END, "END names another mode than BEGIN");
		err = HF_ERR_EVENT_SHAPE;
	}
	if (!err && end->verdict == HF_STATUS_HELD && end->mode != HF_MODE_AUDIT)
		err = cause_named(end->cause);
	if (settle(w, HF_CHECK_END, err))
		say(w, HF_CHECK_END, "the host's own verdict: %s%s",
		    end->verdict == HF_STATUS_HELD ? "WOULD HOLD, audit mode: " :
						     hf_status_name(end->verdict),
		    end->verdict == HF_STATUS_HELD ? hf_err_name(cause_named(end->cause)) : "");
	else if (!w->ret->checks[HF_CHECK_END].detail[0])
		say(w, HF_CHECK_END, "the host held itself");
}

/* The receipt is a second quote of the same boot, over the log with CAP; it answers what
 * CAP says. */
static enum hf_err verify_receipt(struct work *w)
{
	struct hf_quote receipt;
	struct hf_pcrs pcrs;
	struct hf_digest nonce;
	enum hf_err err = with_our_pcr(w, w->in->log, &pcrs);

	if (!err)
		err = hf_digest(HF_ALG_SHA256, w->cap, &nonce);
	if (!err)
		err = hf_quote_verify(&w->ret->ak, w->in->receipt, w->in->receipt_signature,
				      (struct hf_span){ nonce.bytes, 32 }, quoted_pcrs(w), &pcrs,
				      &receipt);
	if (err)
		return err;
	if (receipt.reset_count != w->ret->quote.reset_count ||
	    receipt.restart_count != w->ret->quote.restart_count) {
		say(w, HF_CHECK_RECEIPT, "quote and receipt are of different boots");
		return HF_ERR_QUOTE_NONCE;
	}
	return HF_OK;
}

/* By whose word it was released. What a host says by itself in policy local is as before. */
static enum hf_err check_word(struct work *w, const char **ret_how)
{
	const struct hf_verify_ticket in = {
		.evidence = w->in, .trust = w->options->trust, .begin = &w->ret->begin, .end = &w->ret->end,
		.cap = &w->ret->cap, .ak = &w->ret->ak, .arena = w->arena,
	};
	enum hf_err err = hf_verify_ticket(&in, ret_how);

	if (!err && !hf_span_equal(w->ret->begin.policy, hf_span_text("controller")))
		*ret_how = NULL;
	return err;
}

static void check_receipt(struct work *w)
{
	const char *how = NULL;
	bool receipt = w->in->receipt.len || w->in->receipt_signature.len;
	enum hf_err err = HF_OK;

	if (!w->capped && !receipt) {
		say(w, HF_CHECK_RECEIPT, "collected before the log was capped");
		return;
	}
	if (!w->capped || !receipt) {
		say(w, HF_CHECK_RECEIPT, w->capped ? "CAP without a receipt" :
						     "a receipt without CAP");
		err = HF_ERR_EVIDENCE_SHAPE;
	}
	if (!err && passed(w, HF_CHECK_QUOTE))
		err = verify_receipt(w);
	else if (!err)
		return;		/* nothing to compare it with */
	if (!err)
		err = hf_cap_parse(w->cap, &w->ret->cap);
	if (!err && w->ret->cap.held.len) {
		say(w, HF_CHECK_RECEIPT, "held after its verdict");
		err = cause_named(w->ret->cap.held);
	}
	else if (!err)
		err = check_word(w, &how);
	if (settle(w, HF_CHECK_RECEIPT, err))
		say(w, HF_CHECK_RECEIPT, "released by %.*s%s%s", shown(w->ret->cap.release, 32),
		    w->ret->cap.release.ptr, how ? ", " : "", how ? how : "");
	else if (how)
		say(w, HF_CHECK_RECEIPT, "%s", how);
}

/* ---- what devices signed ---- */

static void tell_transcripts(struct work *w, enum hf_err err)
{
	settle(w, HF_CHECK_TRANSCRIPTS, err);
	say(w, HF_CHECK_TRANSCRIPTS, "%s", w->transcripts.detail);
	w->ret->signers = w->transcripts.signers;
}

/* A diagnosis knows its challenge before it asks, and asks once. It stands for no boot: whoever
 * calls itself one elsewhere than in that PCR is held to what the gate does. */
static bool is_diagnosis(const struct work *w)
{
	return w->options->pcr == HF_PCR_DIAGNOSIS &&
	       hf_span_equal(w->ret->begin.policy, hf_span_text("diagnosis"));
}

static void check_transcripts(struct work *w)
{
	struct hf_transcripts *t = &w->transcripts;
	const struct hf_span boot = w->ret->begin.boot_key;
	enum hf_err err;

	*t = (struct hf_transcripts){
		.claims = &w->ret->claims, .file = w->in->transcripts, .challenge = challenge(w),
		.diagnosis = is_diagnosis(w), .trust = w->options->trust,
		.manifests = w->options->manifests, .now = w->options->now, .arena = w->arena,
	};
	if (boot.len == sizeof(t->boot_id))
		memcpy(t->boot_id, boot.ptr, boot.len);
	err = hf_transcripts_replay(t);
	if (err)
		tell_transcripts(w, err);
}

/* Once it is known what had to be isolated: that was not asked again. A host that was held
 * may have come to nothing of it. */
static void complete_transcripts(struct work *w)
{
	const struct hf_verdict *verdict = passed(w, HF_CHECK_MODEL) ? &w->ret->verdict : NULL;
	bool held = !passed(w, HF_CHECK_END);

	if (w->ret->checks[HF_CHECK_TRANSCRIPTS].outcome == HF_OUTCOME_SKIPPED)
		tell_transcripts(w, hf_transcripts_complete(&w->transcripts, verdict, held));
}

/* ---- appraisal ---- */

static const char *host_text(const struct work *w, const char *mkey)
{
	const struct hf_part *host = w->ret->claims.parts;
	const struct hf_measurement *m;

	if (!host || host->kind != HF_PART_HOST || strcmp(host->path, "host") != 0)
		return NULL;
	m = hf_measurement_find(host->measurements, mkey);
	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}

static void check_model(struct work *w)
{
	const char *vendor = host_text(w, "smbios/vendor");
	const char *product = host_text(w, "smbios/product");
	enum hf_err err = hf_model_choose(w->options->manifests, vendor, product, &w->ret->model);

	settle(w, HF_CHECK_MODEL, err);
	if (err)
		say(w, HF_CHECK_MODEL, "vendor \"%.40s\", product \"%.40s\"", vendor ? vendor : "",
		    product ? product : "");
	else
		say(w, HF_CHECK_MODEL, "%.60s, generation %llu", w->ret->model->name,
		    (unsigned long long)w->ret->model->generation);
}

static void check_appraisal(struct work *w)
{
	struct hf_verdict *v = &w->ret->verdict;

	struct hf_appraise_input input = {
		.claims = &w->ret->claims, .manifests = w->options->manifests,
		.model = w->ret->model, .now = w->options->now,
		.devices = w->transcripts.devices,
	};

	/* a waiver is for one host: the key that is named must be the one that quoted */
	if (passed(w, HF_CHECK_QUOTE))
		input.ak_name = (struct hf_span){ w->ret->ak.name, sizeof(w->ret->ak.name) };
	hf_appraise(&input, w->arena, v);
	hf_fence_apply(v, w->arena, hf_fence_recorded, &w->ret->claims);
	settle(w, HF_CHECK_PARTS, v->status == HF_STATUS_HELD ? v->cause : HF_OK);
	say(w, HF_CHECK_PARTS, "%s%s%.80s", hf_status_name(v->status), v->cause_place ? ", " : "",
	    v->cause_place ? v->cause_place : "");
	hf_appraise_boot(w->in->firmware_log, w->options->manifests, w->ret->model, w->arena, v);
	hf_appraise_step(&w->ret->claims, w->options->manifests, w->arena, v);
	if (v->cause == HF_ERR_LIMIT)
		settle(w, HF_CHECK_BOOT, HF_ERR_LIMIT);
	else if (!passed(w, HF_CHECK_FIRMWARE_LOG))
		say(w, HF_CHECK_BOOT, "there is no firmware log to judge");
	else if (v->boot)
		settle(w, HF_CHECK_BOOT, v->boot->cause);
	else
		settle(w, HF_CHECK_BOOT, v->agent_image ? HF_OK : HF_ERR_AGENT_IMAGE_UNMEASURED);
	if (v->agent_image)
		say(w, HF_CHECK_BOOT, "agent image %.80s", v->agent_image->name);
}

static void check_fallback(struct work *w)
{
	struct hf_check_result *end = &w->ret->checks[HF_CHECK_END];
	enum hf_err err = hf_verify_fallback(w->options, w->ret, end->detail, sizeof(end->detail));

	if (err)
		settle(w, HF_CHECK_END, err);
}

static void conclude(uint32_t pcr, struct hf_verification *ret)
{
	ret->cause = HF_OK;
	for (enum hf_check c = 0; c < HF_CHECK_COUNT && !ret->cause; c++)
		if (ret->checks[c].outcome == HF_OUTCOME_FAILED)
			ret->cause = ret->checks[c].cause ? ret->checks[c].cause : HF_ERR_INTERNAL;
	for (enum hf_check c = 0; c < HF_CHECK_COUNT && !ret->cause; c++)
		if (ret->checks[c].outcome == HF_OUTCOME_SKIPPED && c != HF_CHECK_RECEIPT)
			ret->cause = HF_ERR_INTERNAL;	/* nothing is affirmed unchecked */
	if (!ret->cause && ret->verdict.status > HF_STATUS_ISOLATED)
		ret->cause = HF_ERR_INTERNAL;
	if (!ret->cause && (pcr == 10 || pcr >= 16))	/* IMA's, or anybody can reset it */
		ret->cause = HF_ERR_PCR_REFUSED;
}

void hf_verify_evidence(const struct hf_evidence *evidence, const struct hf_verify_options *options,
			struct hf_arena *arena, struct hf_verification *ret)
{
	struct work w = { .in = evidence, .options = options, .arena = arena, .ret = ret };

	*ret = (struct hf_verification){ .cause = HF_ERR_INTERNAL };
	ret->verdict.status = HF_STATUS_HELD;
	w.parts_end = &w.parts;
	hf_claims_init(&ret->claims, arena);
	if (options->pcr >= HF_PCR_COUNT) {
		settle(&w, HF_CHECK_LOG, HF_ERR_PCR_REFUSED);
		conclude(options->pcr, ret);
		return;
	}
	check_firmware_log(&w);
	check_log(&w);
	if (passed(&w, HF_CHECK_LOG)) {
		check_begin(&w);
		check_claims(&w);
	}
	settle(&w, HF_CHECK_KEY, hf_ak_parse(evidence->ak, &ret->ak));
	if (passed(&w, HF_CHECK_KEY) && passed(&w, HF_CHECK_FIRMWARE_LOG) &&
	    passed(&w, HF_CHECK_BEGIN))
		check_quote(&w);
	if (passed(&w, HF_CHECK_BEGIN))
		check_end(&w);
	if (passed(&w, HF_CHECK_LOG))
		check_receipt(&w);
	if (passed(&w, HF_CHECK_CLAIMS) && passed(&w, HF_CHECK_BEGIN))
		check_transcripts(&w);
	if (passed(&w, HF_CHECK_CLAIMS))
		check_model(&w);
	if (passed(&w, HF_CHECK_MODEL))
		check_appraisal(&w);
	if (passed(&w, HF_CHECK_CLAIMS) && passed(&w, HF_CHECK_BEGIN))
		complete_transcripts(&w);
	check_fallback(&w);
	conclude(options->pcr, ret);
}
