/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/converse.h"

#include <stdio.h>

#include "measure/attest.h"
#include "pcie/worker.h"

#define CONTROLLER "controller"
#define TEXT_SHOWN 96		/* bytes of what somebody else wrote */

/* ---- who signed ---- */

static bool signs_tickets(const struct hf_anchor *anchor)
{
	return anchor->role == HF_ANCHOR_TICKET && !hf_key_is_ca(anchor->key);
}

static bool has_anchor(const struct hf_converse *c)
{
	for (size_t i = 0; c->trust && i < c->trust->count; i++)
		if (signs_tickets(&c->trust->anchors[i]))
			return true;
	return false;
}

/* ret_anchor: who did; NULL: a diagnosis in which nobody can tell. */
static enum hf_err verify(const struct hf_converse *c, const char *type, struct hf_span message,
			  struct hf_span *ret, const struct hf_anchor **ret_anchor, struct hf_fault *fault)
{
	struct hf_cose cose;

	*ret_anchor = NULL;
	for (size_t i = 0; c->trust && i < c->trust->count; i++) {
		const struct hf_anchor *anchor = &c->trust->anchors[i];

		if (signs_tickets(anchor) && hf_statement_verify(anchor->key, type, message, ret) == HF_OK) {
			*ret_anchor = anchor;
			return HF_OK;
		}
	}
	if (!c->diagnosis || has_anchor(c))
		return hf_fail(fault, HF_ERR_TICKET_SIGNER, CONTROLLER, "%s, %zu bytes", type, message.len);
	if (hf_cose_parse(message, &cose) != HF_OK ||
	    !hf_span_equal(cose.content_type, hf_span_text(type)))
		return hf_fail(fault, HF_ERR_CONTROLLER_REPLY, CONTROLLER, "not a message of type %s", type);
	*ret = cose.payload;
	return HF_OK;
}

/* An anchor that is a certificate has dates; the time is that of the message that it signed. */
static enum hf_err check_anchor(const struct hf_anchor *anchor, int64_t time, struct hf_fault *fault)
{
	if (anchor && hf_key_valid_at(anchor->key, time) != HF_OK)
		return hf_fail(fault, HF_ERR_TICKET_SIGNER, CONTROLLER, "anchor %s was not valid when it signed",
			       anchor->name);
	return HF_OK;
}

static enum hf_err read_result(struct hf_converse *c, const struct hf_wire_reply *reply,
			       struct hf_answer *ret, struct hf_fault *fault)
{
	struct hf_result *result = hf_arena_take(c->arena, sizeof(*result));
	const struct hf_anchor *anchor;
	struct hf_span payload;
	enum hf_err err;

	if (!result)
		return hf_fail(fault, HF_ERR_NO_MEMORY, CONTROLLER, "result");
	err = verify(c, HF_RESULT_TYPE, reply->message, &payload, &anchor, fault);
	if (err)
		return err;
	err = hf_result_decode(payload, c->arena, result);
	if (err)
		return hf_fail(fault, err, CONTROLLER, "result, %zu bytes", payload.len);
	err = check_anchor(anchor, result->time, fault);
	if (!err)
		*ret = (struct hf_answer){ .message = reply->message, .result = result,
					   .secret = reply->secret, .verified = anchor != NULL };
	return err;
}

static bool known(const struct hf_result *result, enum hf_err *ret)
{
	char name[64];

	if (!result->cause.len || result->cause.len >= sizeof(name))
		return false;
	memcpy(name, result->cause.ptr, result->cause.len);
	name[result->cause.len] = '\0';
	*ret = hf_err_from_name(name);
	return *ret != HF_OK && strcmp(hf_err_name(*ret), name) == 0;
}

static int shown(struct hf_span s)
{
	return (int)(s.len < TEXT_SHOWN ? s.len : TEXT_SHOWN);
}

enum hf_err hf_converse_refusal(const struct hf_result *r, struct hf_fault *fault)
{
	enum hf_err err;
	char where[TEXT_SHOWN + 1];

	snprintf(where, sizeof(where), "%.*s", shown(r->place), (const char *)r->place.ptr);
	if (known(r, &err))
		return hf_fail(fault, err, where, "%.*s%ssays the controller", shown(r->detail),
			       (const char *)r->detail.ptr, r->detail.len ? ", " : "");
	return hf_fail(fault, HF_ERR_CONTROLLER_REFUSED, where, "%.*s%s%.*s", shown(r->cause),
		       (const char *)r->cause.ptr, r->detail.len ? ": " : "", shown(r->detail),
		       (const char *)r->detail.ptr);
}

/* ---- one message, one reply ---- */

struct turn { uint64_t end; };	/* of one call */

static struct turn begin(const struct hf_converse *c)
{
	return (struct turn){ hf_now_ms() + c->patience_ms };
}

static enum hf_err ask(struct hf_converse *c, const struct turn *turn, const char *path, const char *type,
		       struct hf_span body, struct hf_wire_reply *ret, struct hf_fault *fault)
{
	const uint64_t now = hf_now_ms();
	struct hf_span bytes;
	enum hf_err err;

	if (now >= turn->end)
		return hf_fail(fault, HF_ERR_CONTROLLER_UNREACHABLE, CONTROLLER, "no time left to ask %s", path);
	err = hf_link_ask(c->link, path, type, body, (unsigned)(turn->end - now), c->arena, &bytes, fault);
	if (err)
		return err;
	c->answered = true;
	err = hf_wire_get_reply(bytes, ret);
	return err ? hf_fail(fault, err, CONTROLLER, "the reply to %s, %zu bytes", path, bytes.len) : HF_OK;
}

/* A refusal is signed too: nobody else can make the host believe that it is refused. */
static enum hf_err refused(struct hf_converse *c, const struct hf_wire_reply *reply, struct hf_fault *fault)
{
	enum hf_err err = read_result(c, reply, &c->refusal, fault);

	return err ? err : hf_converse_refusal(c->refusal.result, fault);
}

/* What is neither wanted nor a refusal has no place here. */
static enum hf_err other(struct hf_converse *c, const char *path, const struct hf_wire_reply *reply,
			 struct hf_fault *fault)
{
	if (reply->kind == HF_WIRE_REFUSED)
		return refused(c, reply, fault);
	return hf_fail(fault, HF_ERR_CONTROLLER_REPLY, CONTROLLER, "kind %u in reply to %s",
		       (unsigned)reply->kind, path);
}

static struct hf_writer writer(struct hf_converse *c, size_t cap)
{
	uint8_t *buf = hf_arena_take(c->arena, cap);

	return (struct hf_writer){ .buf = buf, .cap = buf ? cap : 0 };
}

static enum hf_err request_full(const struct hf_writer *w, const char *path, struct hf_fault *fault)
{
	return w->full ? hf_fail(fault, HF_ERR_LIMIT, CONTROLLER, "the request to %s", path) : HF_OK;
}

/* ---- enrolment ---- */

static enum hf_err ask_credential(struct hf_converse *c, const struct turn *turn, const struct hf_tpm_ek *eks,
				  size_t count, struct hf_wire_reply *ret, struct hf_fault *fault)
{
	struct hf_wire_enrol_request request = { .ak = c->ak, .ek_count = count, .serial = c->serial };
	struct hf_writer w = writer(c, HF_WIRE_ENROL_MAX);
	enum hf_err err;

	if (count > HF_WIRE_EKS_MAX)
		return hf_fail(fault, HF_ERR_INTERNAL, CONTROLLER, "%zu endorsement keys", count);
	for (size_t i = 0; i < count; i++)
		request.eks[i] = (struct hf_wire_ek){ eks[i].public_area, eks[i].certificate };
	hf_wire_put_enrol_request(&w, &request);
	err = request_full(&w, HF_WIRE_ENROL, fault);
	if (!err)
		err = ask(c, turn, HF_WIRE_ENROL, HF_WIRE_TYPE, hf_written(&w), ret, fault);
	if (!err && ret->kind != HF_WIRE_CREDENTIAL)
		return other(c, HF_WIRE_ENROL, ret, fault);
	if (!err && ret->ek >= count)
		return hf_fail(fault, HF_ERR_CONTROLLER_REPLY, CONTROLLER, "a credential for key %zu of %zu",
			       ret->ek, count);
	return err;
}

static enum hf_err show_secret(struct hf_converse *c, const struct turn *turn, struct hf_span id,
			       struct hf_span secret, struct hf_fault *fault)
{
	const struct hf_wire_activate_request request = { .ak = c->ak, .id = id, .secret = secret };
	struct hf_writer w = writer(c, 1024);
	struct hf_wire_reply reply;
	enum hf_err err;

	hf_wire_put_activate_request(&w, &request);
	err = request_full(&w, HF_WIRE_ACTIVATE, fault);
	if (!err)
		err = ask(c, turn, HF_WIRE_ACTIVATE, HF_WIRE_TYPE, hf_written(&w), &reply, fault);
	if (w.buf)
		explicit_bzero(w.buf, w.cap);
	if (!err && reply.kind != HF_WIRE_DONE)
		return other(c, HF_WIRE_ACTIVATE, &reply, fault);
	return err;
}

static enum hf_err enrol(struct hf_converse *c, const struct turn *turn, struct hf_fault *fault)
{
	uint8_t secret_bytes[32];
	struct hf_writer secret = { .buf = secret_bytes, .cap = sizeof(secret_bytes) };
	struct hf_tpm_ek eks[HF_TPM_EKS_MAX];
	struct hf_wire_reply reply;
	size_t count;
	enum hf_err err;

	if (!c->tpm)
		return hf_fail(fault, HF_ERR_TPM_MISSING, CONTROLLER, "it asks this host to enrol");
	err = hf_tpm_eks(c->tpm, c->arena, eks, &count, fault);
	if (!err)
		err = ask_credential(c, turn, eks, count, &reply, fault);
	if (!err)
		err = hf_tpm_activate(c->tpm, &eks[reply.ek], reply.credential, reply.encrypted_secret, &secret,
				      fault);
	if (!err)
		err = show_secret(c, turn, reply.id, hf_written(&secret), fault);
	explicit_bzero(secret_bytes, sizeof(secret_bytes));
	c->enrolled |= !err;
	return err;
}

/* ---- the challenge ---- */

static enum hf_err ask_challenge(struct hf_converse *c, const struct turn *turn, struct hf_wire_reply *ret,
				 struct hf_fault *fault)
{
	const struct hf_wire_challenge_request request = { .ak = c->ak, .agent = hf_span_text(HF_VERSION) };
	struct hf_writer w = writer(c, HF_WIRE_REQUEST_MAX);
	enum hf_err err;

	hf_wire_put_challenge_request(&w, &request);
	err = request_full(&w, HF_WIRE_CHALLENGE, fault);
	return err ? err : ask(c, turn, HF_WIRE_CHALLENGE, HF_WIRE_TYPE, hf_written(&w), ret, fault);
}

static enum hf_err check_challenge(const struct hf_converse *c, const struct hf_challenge *in,
				   struct hf_fault *fault)
{
	struct hf_ak ak;
	enum hf_err err = hf_ak_parse(c->ak, &ak);

	if (err)
		return hf_fail(fault, err, CONTROLLER, "this host's own key");
	if (!hf_span_equal(in->ak_name, (struct hf_span){ ak.name, sizeof(ak.name) }))
		return hf_fail(fault, HF_ERR_CHALLENGE_INVALID, CONTROLLER, "it is for another attestation key");
	if (!hf_span_equal(in->boot_key, c->boot_key))
		return hf_fail(fault, HF_ERR_CHALLENGE_INVALID, CONTROLLER, "it is for another boot's key");
	if (in->nonce.len != HF_WIRE_NONCE || (in->reclaim.len && in->reclaim.len != HF_WIRE_ID) || in->time <= 0)
		return hf_fail(fault, HF_ERR_CHALLENGE_INVALID, CONTROLLER,
			       "nonce of %zu bytes, reclaim of %zu, time %lld", in->nonce.len, in->reclaim.len,
			       (long long)in->time);
	return HF_OK;
}

static enum hf_err take_challenge(struct hf_converse *c, struct hf_span message, struct hf_challenge *ret,
				  struct hf_fault *fault)
{
	const struct hf_anchor *anchor;
	struct hf_challenge challenge;
	struct hf_span payload;
	enum hf_err err = verify(c, HF_WIRE_CHALLENGE_TYPE, message, &payload, &anchor, fault);

	if (err)
		return err;
	err = hf_wire_get_challenge(payload, &challenge);
	if (err)
		return hf_fail(fault, err, CONTROLLER, "challenge, %zu bytes", payload.len);
	err = check_challenge(c, &challenge, fault);
	if (!err)
		err = check_anchor(anchor, challenge.time, fault);
	/* The one who says what time it is may be an impostor only until his own dates count. */
	if (!err && anchor)
		err = hf_link_set_time(c->link, challenge.time, fault);
	if (!err)
		*ret = challenge;
	return err;
}

enum hf_err hf_converse_challenge(struct hf_converse *c, struct hf_challenge *ret, struct hf_fault *fault)
{
	const struct turn turn = begin(c);
	struct hf_wire_reply reply;
	enum hf_err err = ask_challenge(c, &turn, &reply, fault);

	if (!err && reply.kind == HF_WIRE_MUST_ENROL) {
		err = enrol(c, &turn, fault);
		if (!err)
			err = ask_challenge(c, &turn, &reply, fault);
	}
	if (err)
		return err;
	if (reply.kind != HF_WIRE_CHALLENGED)
		return other(c, HF_WIRE_CHALLENGE, &reply, fault);
	return take_challenge(c, reply.message, ret, fault);
}

/* ---- evidence ---- */

static enum hf_err encode(struct hf_converse *c, const struct hf_evidence *evidence, struct hf_span *ret,
			  struct hf_fault *fault)
{
	const struct hf_span members[] = {
		evidence->firmware_log, evidence->log, evidence->claims, evidence->transcripts,
		evidence->quote, evidence->signature, evidence->ak, evidence->nonce, evidence->boot_key,
		evidence->verdict, evidence->ticket, evidence->receipt, evidence->receipt_signature, evidence->manifests,
		evidence->quote_pcrs, evidence->ak_pem,
	};
	size_t cap = HF_CMW_CBOR_OVERHEAD;
	struct hf_writer w;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		cap += members[i].len;
	if (cap > HF_WIRE_EVIDENCE_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, "evidence", "%zu bytes, at most %u may be sent", cap,
			       HF_WIRE_EVIDENCE_MAX);
	w = writer(c, cap);
	hf_evidence_to_cmw_cbor(evidence, &w);
	if (w.full)
		return hf_fail(fault, w.buf ? HF_ERR_INTERNAL : HF_ERR_NO_MEMORY, "evidence", "%zu bytes", cap);
	*ret = hf_written(&w);
	return HF_OK;
}

/* About the quote that was sent, and nothing else. Without a nonce it judges nothing, and is no
 * ticket: hf_result_decode saw to that. */
static enum hf_err check_result(const struct hf_converse *c, const struct hf_challenge *challenge,
				struct hf_span quote, const struct hf_result *r, struct hf_fault *fault)
{
	struct hf_digest digest;
	enum hf_err err = hf_digest(HF_ALG_SHA256, quote, &digest);

	if (err)
		return hf_fail(fault, err, CONTROLLER, "digest of the quote");
	if (!r->nonce.len && !r->quote.len)
		return HF_OK;
	if (!hf_span_equal(r->nonce, challenge->nonce) ||
	    !hf_span_equal(r->quote, (struct hf_span){ digest.bytes, 32 }))
		return hf_fail(fault, HF_ERR_TICKET_QUOTE, CONTROLLER, "%s", "its result is about another quote");
	if (!hf_span_equal(r->ak_name, challenge->ak_name))
		return hf_fail(fault, HF_ERR_TICKET_KEY, CONTROLLER, "%s", "its result is about another key");
	if (!hf_span_equal(r->boot_key, c->boot_key))
		return hf_fail(fault, HF_ERR_TICKET_BOOT, CONTROLLER, "%s", "its result is about another boot");
	return HF_OK;
}

enum hf_err hf_converse_evidence(struct hf_converse *c, const struct hf_challenge *challenge,
				 const struct hf_evidence *evidence, struct hf_answer *ret,
				 struct hf_fault *fault)
{
	const struct turn turn = begin(c);
	struct hf_wire_reply reply;
	struct hf_answer answer;
	struct hf_span body;
	enum hf_err err = encode(c, evidence, &body, fault);

	if (!err)
		err = ask(c, &turn, HF_WIRE_EVIDENCE, HF_WIRE_EVIDENCE_TYPE, body, &reply, fault);
	if (err)
		return err;
	if (reply.kind != HF_WIRE_TICKET && reply.kind != HF_WIRE_REFUSED)
		return other(c, HF_WIRE_EVIDENCE, &reply, fault);
	err = read_result(c, &reply, &answer, fault);
	if (!err && (reply.kind == HF_WIRE_TICKET) != (answer.result->release != HF_RELEASE_NOTHING))
		return hf_fail(fault, HF_ERR_CONTROLLER_REPLY, CONTROLLER, "a reply of kind %u with release %s",
			       (unsigned)reply.kind, hf_release_kind_name(answer.result->release));
	if (!err)
		err = check_result(c, challenge, evidence->quote, answer.result, fault);
	if (err)
		return err;
	if (reply.kind == HF_WIRE_REFUSED)
		c->refusal = answer;
	*ret = answer;
	return HF_OK;
}

/* ---- what is only told ---- */

static enum hf_err tell(struct hf_converse *c, const char *path, const char *type, struct hf_span body,
			struct hf_fault *fault)
{
	const struct turn turn = begin(c);
	struct hf_wire_reply reply;
	enum hf_err err = ask(c, &turn, path, type, body, &reply, fault);

	if (!err && reply.kind != HF_WIRE_DONE)
		return other(c, path, &reply, fault);
	return err;
}

enum hf_err hf_converse_receipt(struct hf_converse *c, const struct hf_wire_receipt_request *receipt,
				struct hf_fault *fault)
{
	struct hf_writer w = writer(c, HF_WIRE_REQUEST_MAX);
	enum hf_err err;

	hf_wire_put_receipt_request(&w, receipt);
	err = request_full(&w, HF_WIRE_RECEIPT, fault);
	return err ? err : tell(c, HF_WIRE_RECEIPT, HF_WIRE_TYPE, hf_written(&w), fault);
}

enum hf_err hf_converse_held(struct hf_converse *c, const struct hf_evidence *evidence, struct hf_fault *fault)
{
	struct hf_span body;
	enum hf_err err = encode(c, evidence, &body, fault);

	return err ? err : tell(c, HF_WIRE_HELD, HF_WIRE_EVIDENCE_TYPE, body, fault);
}
