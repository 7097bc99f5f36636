/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Enrolment: whose TPM it is says the inventory, that it is a TPM says its maker, and that the
 * attestation key is in that TPM says the TPM itself: only it can open what is made here, and it
 * does so only while it holds a key of exactly that name. */
#include "controller/server/enrol.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "controller/server/ek_chain.h"
#include "controller/server/reply.h"
#include "measure/attest.h"
#include "measure/wire.h"

#define SECRET 32	/* bytes */

struct candidate {		/* an endorsement key that the agent offers */
	struct hf_ek ek;
	struct hf_span certificate, public_area;
	size_t index;		/* in the request */
	bool usable;
};
struct enrolment {
	struct hf_request *request;
	struct hf_response *response;
	struct hf_wire_enrol_request in;
	struct hf_ak ak;
	struct candidate *candidates;	/* as many as in.ek_count */
	struct hf_host_record host;
	bool known;		/* host is */
	bool first_use;
};

static struct hf_by by_of(const struct hf_request *request)
{
	return (struct hf_by){ .actor = request->actor, .now = request->now };
}

static struct hf_span name_of(const struct hf_ak *ak)
{
	return (struct hf_span){ ak->name, sizeof(ak->name) };
}

/* ---- refusals ---- */

/* What concerns a host of ours stands in the audit. Whoever asks has proven nothing yet: he is not
 * told whose key it is that he named. */
static void refuse(struct hf_request *request, const struct hf_host_record *host, enum hf_err cause,
		   const char *detail, struct hf_response *response)
{
	struct hf_by by = by_of(request);

	if (host) {
		char json[96];

		snprintf(json, sizeof(json), "{\"cause\":\"%s\"}", hf_err_name(cause));
		hf_log_event("warning", "enrol-refused", "host", host->inventory.id, "cause",
			     hf_err_name(cause), NULL);
		/* Refused either way: a database that does not work has said so elsewhere. */
		if (hf_store_note_often(request->controller->store, "enrol-refused", host->inventory.id, json,
					&by, NULL))
			hf_log_event("error", "audit-failed", "host", host->inventory.id, NULL);
	}
	hf_reply_refused(request, NULL, cause, detail, response);
}

static enum hf_err refuse_enrolment(struct enrolment *e, enum hf_err cause, const char *detail)
{
	refuse(e->request, e->known ? &e->host : NULL, cause, detail, e->response);
	return cause;
}

/* By what it is, for the log of whoever made it: a key that signs whatever it is given signs
 * quotes of PCRs that never were. */
const char *hf_enrol_ak_words(struct hf_span public_area)
{
	struct hf_cursor c = hf_cursor_at(public_area);
	uint16_t type = hf_u16be(&c), alg = hf_u16be(&c);
	uint32_t attributes = hf_u32be(&c);

	if (c.bad)
		return "the attestation key is malformed";
	if (type != 0x0023 || alg != 0x000b)
		return "the attestation key is not of our template: no P-256 key with SHA-256";
	if (!(attributes & 1u << 18))
		return "the attestation key is no signing key";
	if (!(attributes & 1u << 16))
		return "the attestation key is not restricted: it would sign quotes that no TPM made";
	if (!(attributes & 1u << 1) || !(attributes & 1u << 4))
		return "the attestation key can be moved to another TPM";
	if (!(attributes & 1u << 5))
		return "the attestation key was made outside of the TPM";
	return "the attestation key is not of our template";
}

/* ---- whose it is ---- */

static enum hf_err read_request(struct enrolment *e)
{
	enum hf_err err = hf_wire_get_enrol_request(e->request->body, &e->in);
	size_t usable = 0;

	if (err)
		return refuse_enrolment(e, err, "enrol");
	if (hf_ak_parse(e->in.ak, &e->ak))
		return refuse_enrolment(e, HF_ERR_AK_TEMPLATE, hf_enrol_ak_words(e->in.ak));
	e->candidates = hf_arena_take(e->request->arena, (e->in.ek_count + 1) * sizeof(*e->candidates));
	if (!e->candidates)
		return refuse_enrolment(e, HF_ERR_LIMIT, "endorsement keys");
	for (size_t i = 0; i < e->in.ek_count; i++) {
		struct candidate *c = &e->candidates[i];

		*c = (struct candidate){ .certificate = e->in.eks[i].certificate, .index = i,
					 .public_area = e->in.eks[i].public_area };
		c->usable = hf_ek_parse(c->public_area, &c->ek) == HF_OK;
		usable += c->usable;
	}
	return usable ? HF_OK : refuse_enrolment(e, HF_ERR_EK_UNUSABLE, "not one of the keys is an endorsement key");
}

static enum hf_err unknown(struct enrolment *e)
{
	char hex[2 * HF_DIGEST_MAX + 1], words[192];
	size_t i = 0;

	while (!e->candidates[i].usable)
		i++;
	hf_digest_hex(&e->candidates[i].ek.id, hex);
	snprintf(words, sizeof(words), "no host has an endorsement key of SHA-256 %s", hex);
	return refuse_enrolment(e, HF_ERR_HOST_UNKNOWN, words);
}

/* The serial number is the agent's word, before anything was judged: what the host then shows of
 * itself is measured, with this number. */
static enum hf_err find_first_use(struct enrolment *e)
{
	struct hf_fault fault;
	const char *serial;
	enum hf_err err;

	if (e->in.serial.len == 0 || e->in.serial.len > HF_HOST_ID_MAX ||
	    memchr(e->in.serial.ptr, 0, e->in.serial.len))
		return unknown(e);
	serial = hf_arena_text(e->request->arena, e->in.serial.ptr, e->in.serial.len);
	if (!serial)
		return refuse_enrolment(e, HF_ERR_LIMIT, "serial number");
	err = hf_store_host_by_serial(e->request->controller->store, serial, e->request->now,
				      e->request->arena, &e->host, &fault);
	if (err == HF_ERR_HOST_UNKNOWN)
		return unknown(e);
	if (err)
		return refuse_enrolment(e, err, fault.detail);
	e->known = e->first_use = true;
	return HF_OK;
}

static enum hf_err find_host(struct enrolment *e)
{
	struct hf_fault fault;

	for (size_t i = 0; i < e->in.ek_count; i++) {
		struct candidate *c = &e->candidates[i];
		enum hf_err err;

		if (!c->usable)
			continue;
		err = hf_store_host_by_ek(e->request->controller->store,
					  (struct hf_span){ c->ek.id.bytes, 32 }, e->request->arena, &e->host,
					  &fault);
		if (err && err != HF_ERR_HOST_UNKNOWN)
			return refuse_enrolment(e, err, fault.detail);
		if (err)
			continue;
		e->known = true;
		/* The others are not the inventory's. */
		for (size_t j = 0; j < e->in.ek_count; j++)
			e->candidates[j].usable &= j == i;
		return HF_OK;
	}
	return find_first_use(e);
}

/* Only while an operator has just reset the host does nobody but the gate run there: a tenant could
 * have another key of the same template enrolled, for whose quotes nothing would ever be given. */
static enum hf_err is_reclaimed(struct enrolment *e)
{
	switch (e->host.state) {
	case HF_LEASE_RECLAIMED:
	case HF_LEASE_CHALLENGED:
		return HF_OK;
	case HF_LEASE_IN_USE:
		return refuse_enrolment(e, HF_ERR_HOST_IN_USE, "a tenant has it");
	case HF_LEASE_HELD:
		return refuse_enrolment(e, HF_ERR_HOST_NOT_RECLAIMED, "enrolment begins with host reclaim");
	}
	return refuse_enrolment(e, HF_ERR_INTERNAL, "state");
}

/* A key that another host has, or a host that has another key: what store and TPM would refuse
 * in the end is said at the beginning. */
static enum hf_err ak_is_free(struct enrolment *e)
{
	struct hf_host_record other;
	struct hf_fault fault;
	enum hf_err err;

	if (e->host.ak_name.len && !hf_span_equal(e->host.ak_name, name_of(&e->ak)))
		return refuse_enrolment(e, HF_ERR_AK_OTHER, "another key is enrolled for this host");
	err = hf_store_host_by_ak(e->request->controller->store, name_of(&e->ak), e->request->arena, &other,
				  &fault);
	if (err && err != HF_ERR_HOST_UNKNOWN)
		return refuse_enrolment(e, err, fault.detail);
	if (!err && strcmp(other.inventory.id, e->host.inventory.id) != 0)
		return refuse_enrolment(e, HF_ERR_AK_OTHER, "the key is enrolled for another host");
	return HF_OK;
}

/* ---- that it is a TPM ---- */

static enum hf_err verify_chain(struct enrolment *e, const struct hf_ek_roots *roots,
				const struct candidate *c, struct hf_fault *fault)
{
	char maker[64] = "";
	enum hf_err err;

	if (!roots)
		return hf_fail(fault, HF_ERR_EK_CHAIN, NULL, "no manufacturers' certificates are configured");
	if (!c->certificate.len)
		return hf_fail(fault, HF_ERR_EK_CHAIN, NULL, "the TPM holds no certificate for it");
	err = hf_ek_chain_verify(roots, &c->ek, c->certificate, e->request->now, maker, sizeof(maker), fault);
	if (!err)
		hf_log_event("info", "ek-verified", "host", e->host.inventory.id, "manufacturer", maker, NULL);
	return err;
}

static enum hf_err choose(struct enrolment *e, const struct candidate **ret)
{
	struct hf_policy_set *policy = hf_policy_take(e->request->controller);
	struct hf_fault fault = { .err = HF_OK };
	enum hf_err err = HF_ERR_EK_CHAIN;

	for (size_t i = 0; i < e->in.ek_count && err; i++) {
		const struct candidate *c = &e->candidates[i];

		if (!c->usable)
			continue;
		/* The owner vouches for the key that the inventory names, and for no other. */
		err = e->host.inventory.ek_accepted && !e->first_use ? HF_OK :
			verify_chain(e, policy->ek_roots, c, &fault);
		if (!err)
			*ret = c;
	}
	hf_policy_drop(policy);
	return err ? refuse_enrolment(e, HF_ERR_EK_CHAIN, fault.detail) : HF_OK;
}

/* ---- what only it can open ---- */

static bool random_bytes(uint8_t *out, size_t len)
{
	return getrandom(out, len, 0) == (ssize_t)len;
}

static enum hf_err remember(struct enrolment *e, const struct candidate *c, struct hf_span id,
			    struct hf_span secret)
{
	struct hf_credential_record record = { .id = id, .ak_name = name_of(&e->ak), .ak = e->in.ak,
		.ek = c->public_area, .ek_id = { c->ek.id.bytes, 32 }, .host = e->host.inventory.id,
		.until = e->request->now + e->request->controller->config.challenge_seconds };
	struct hf_by by = by_of(e->request);
	struct hf_digest digest;
	struct hf_fault fault;
	enum hf_err err = hf_digest(HF_ALG_SHA256, secret, &digest);

	if (err)
		return refuse_enrolment(e, err, "credential");
	record.secret_digest = (struct hf_span){ digest.bytes, 32 };
	err = hf_store_credential_put(e->request->controller->store, &record, &by, &fault);
	return err ? refuse_enrolment(e, err, fault.detail) : HF_OK;
}

static enum hf_err reply(struct enrolment *e, const struct candidate *c, struct hf_span id,
			 struct hf_span secret)
{
	uint8_t blob_buf[HF_CREDENTIAL_MAX], sealed_buf[HF_CREDENTIAL_MAX];
	struct hf_writer blob = { .buf = blob_buf, .cap = sizeof(blob_buf) };
	struct hf_writer sealed = { .buf = sealed_buf, .cap = sizeof(sealed_buf) };
	enum hf_err err = hf_credential_make(&c->ek, name_of(&e->ak), secret, &blob, &sealed);

	if (err)
		return refuse_enrolment(e, err, "credential");
	err = remember(e, c, id, secret);
	if (err)
		return err;
	struct hf_wire_reply message = { .kind = HF_WIRE_CREDENTIAL, .id = id, .ek = c->index,
		.credential = hf_written(&blob), .encrypted_secret = hf_written(&sealed) };

	hf_reply_put(e->request, &message, e->response);
	return HF_OK;
}

void hf_agent_enrol(struct hf_request *request, struct hf_response *response)
{
	struct enrolment e = { .request = request, .response = response };
	uint8_t secret[SECRET], id[HF_WIRE_ID];
	const struct candidate *candidate = NULL;
	enum hf_err err = read_request(&e);

	if (!err)
		err = find_host(&e);
	if (!err)
		err = is_reclaimed(&e);
	if (!err)
		err = ak_is_free(&e);
	if (!err)
		err = choose(&e, &candidate);
	if (err)
		return;
	if (!random_bytes(secret, sizeof(secret)) || !random_bytes(id, sizeof(id))) {
		refuse(request, &e.host, HF_ERR_INTERNAL, "random bytes", response);
		return;
	}
	/* A refusal is already in the response. */
	err = reply(&e, candidate, (struct hf_span){ id, sizeof(id) }, (struct hf_span){ secret, sizeof(secret) });
	explicit_bzero(secret, sizeof(secret));
	if (!err)
		hf_log_event("info", "credential-made", "host", e.host.inventory.id, "ek",
			     hf_ek_kind_name(candidate->ek.kind), NULL);
}

/* ---- and did ---- */

void hf_agent_activate(struct hf_request *request, struct hf_response *response)
{
	struct hf_wire_activate_request in;
	struct hf_host_record host;
	struct hf_by by = by_of(request);
	struct hf_digest digest;
	struct hf_fault fault = { .err = HF_OK };
	struct hf_ak ak;
	enum hf_err err = hf_wire_get_activate_request(request->body, &in);

	if (!err && (in.id.len != HF_WIRE_ID || in.secret.len != SECRET))
		err = HF_ERR_WIRE_SHAPE;
	if (err) {
		refuse(request, NULL, err, "activate", response);
		return;
	}
	if (hf_ak_parse(in.ak, &ak)) {
		refuse(request, NULL, HF_ERR_AK_TEMPLATE, hf_enrol_ak_words(in.ak), response);
		return;
	}
	err = hf_digest(HF_ALG_SHA256, in.secret, &digest);
	if (!err)
		err = hf_store_enrol(request->controller->store, in.id, name_of(&ak),
				     (struct hf_span){ digest.bytes, 32 }, &by, request->arena, &host, &fault);
	if (err) {	/* the store has put it into the audit, with the credential's host */
		refuse(request, NULL, err, fault.detail, response);
		return;
	}
	hf_log_event("info", "enrolled", "host", host.inventory.id, NULL);
	hf_reply_done(request, response);
}
