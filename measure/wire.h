/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/wire.h: what agent and controller say to each other (docs/wire.md): the bodies of
 * HTTPS POST requests and their replies, as CBOR maps with integer keys in deterministic
 * encoding. Unknown keys are passed over; missing ones are HF_ERR_WIRE_SHAPE. [pure]
 *
 * Every reply is HTTP 200 with Content-Length and a bare media type: OpenSSL's client takes no
 * other (a refusal is a signed result). All spans borrow from the input.
 */
#ifndef HF_MEASURE_WIRE_H
#define HF_MEASURE_WIRE_H

#include "measure/cbor.h"
#include "measure/digest.h"

#define HF_WIRE_VERSION 1u
#define HF_WIRE_REPLY_MAX 65536u	/* bytes of any reply to an agent */
#define HF_WIRE_REQUEST_MAX 16384u	/* of any request but to enrol, and evidence */
#define HF_WIRE_ENROL_MAX 32768u	/* all keys with certificates of the largest size */
#define HF_WIRE_EVIDENCE_MAX (32u << 20)
#define HF_WIRE_TYPE "application/cbor"
#define HF_WIRE_EVIDENCE_TYPE "application/cmw+cbor"

#define HF_WIRE_CHALLENGE "/v1/agent/challenge"
#define HF_WIRE_ENROL "/v1/agent/enrol"
#define HF_WIRE_ACTIVATE "/v1/agent/activate"
#define HF_WIRE_EVIDENCE "/v1/agent/evidence"	/* the body is an evidence collection */
#define HF_WIRE_RECEIPT "/v1/agent/receipt"
#define HF_WIRE_HELD "/v1/agent/held"		/* likewise: of a host that holds itself */

#define HF_WIRE_NONCE 32	/* bytes */
#define HF_WIRE_ID 16		/* bytes of a reclaim id, of a credential's id */
#define HF_WIRE_EKS_MAX 4
#define HF_WIRE_CERT_MAX 4096	/* bytes of one certificate */
#define HF_WIRE_SECRET_MAX 4096	/* bytes of a tenant's secret */

/* ---- requests ---- */
struct hf_wire_challenge_request {	/* {1: version, 2: ak, 3: agent} */
	struct hf_span ak;		/* TPMT_PUBLIC */
	struct hf_span agent;		/* version of the agent, text */
};
struct hf_wire_ek {			/* [TPMT_PUBLIC, DER or h''] */
	struct hf_span public_area, certificate;	/* certificate empty: the TPM holds none */
};
struct hf_wire_enrol_request {		/* {1: version, 2: ak, 3: [+ ek], ? 4: serial} */
	struct hf_span ak;
	struct hf_wire_ek eks[HF_WIRE_EKS_MAX];
	size_t ek_count;
	struct hf_span serial;		/* of the chassis, as SMBIOS says it, text; empty: none. Only a
					 * host that is enrolled by first use is found by it */
};
struct hf_wire_activate_request {	/* {1: version, 2: ak, 3: id, 4: secret} */
	struct hf_span ak, id, secret;
};
struct hf_wire_receipt_request {	/* {1: version, 2: ak, 3: quote digest, 4: CAP payload, 5: attest, 6: signature} */
	struct hf_span ak;		/* TPMT_PUBLIC */
	struct hf_span quote_digest;	/* SHA-256 of the TPMS_ATTEST that the ticket answers */
	struct hf_span cap;		/* payload of the CAP event */
	struct hf_span attest, signature;	/* the quote after CAP; extraData is SHA-256(cap) */
};

/* ---- replies: {1: version, 2: kind, ...} ---- */
enum hf_wire_kind {
	HF_WIRE_DONE,		/* nothing more to say */
	HF_WIRE_REFUSED,	/* 3: a signed result that is no ticket */
	HF_WIRE_CHALLENGED,	/* 3: the signed challenge */
	HF_WIRE_MUST_ENROL,	/* the key is not known: enrol first */
	HF_WIRE_CREDENTIAL,	/* 4: id, 5: number of the EK, 6: TPM2B_ID_OBJECT, 7: TPM2B_ENCRYPTED_SECRET */
	HF_WIRE_TICKET,		/* 3: the ticket, 8: the tenant's secret if there is one */
};
struct hf_wire_reply {
	enum hf_wire_kind kind;
	struct hf_span message;		/* COSE_Sign1; empty where the kind has none */
	struct hf_span id;		/* HF_WIRE_ID bytes */
	size_t ek;
	struct hf_span credential, encrypted_secret;	/* with their size fields */
	struct hf_span secret;		/* of the tenant; empty: none */
};

/* ---- what the controller signs before it knows anything: COSE_Sign1 ---- */
#define HF_WIRE_CHALLENGE_TYPE "application/vnd.holdfast.challenge+cbor"
struct hf_challenge {
	struct hf_span nonce;		/* 1: HF_WIRE_NONCE bytes; the quote's extraData, verbatim */
	int64_t time;			/* 2: seconds since 1970, by the controller's clock */
	struct hf_span reclaim;		/* 3: HF_WIRE_ID bytes; empty: the host is let, no ticket will come */
	struct hf_span host;		/* 4: its name in the inventory, text */
	struct hf_span ak_name;		/* 5: 34 bytes */
	struct hf_span boot_key;	/* 6: SHA-256 of the TLS client key's SubjectPublicKeyInfo */
	uint64_t seconds;		/* 7: after which evidence comes too late */
};

void hf_wire_put_challenge_request(struct hf_writer *w, const struct hf_wire_challenge_request *in);
void hf_wire_put_enrol_request(struct hf_writer *w, const struct hf_wire_enrol_request *in);
void hf_wire_put_activate_request(struct hf_writer *w, const struct hf_wire_activate_request *in);
void hf_wire_put_receipt_request(struct hf_writer *w, const struct hf_wire_receipt_request *in);
void hf_wire_put_reply(struct hf_writer *w, const struct hf_wire_reply *in);
void hf_wire_put_challenge(struct hf_writer *w, const struct hf_challenge *in);
enum hf_err hf_wire_get_challenge_request(struct hf_span in, struct hf_wire_challenge_request *ret) HF_MUST_USE;
enum hf_err hf_wire_get_enrol_request(struct hf_span in, struct hf_wire_enrol_request *ret) HF_MUST_USE;
enum hf_err hf_wire_get_activate_request(struct hf_span in, struct hf_wire_activate_request *ret) HF_MUST_USE;
enum hf_err hf_wire_get_receipt_request(struct hf_span in, struct hf_wire_receipt_request *ret) HF_MUST_USE;
/* A kind without what it must have, or with what it may not: HF_ERR_WIRE_SHAPE. */
enum hf_err hf_wire_get_reply(struct hf_span in, struct hf_wire_reply *ret) HF_MUST_USE;
enum hf_err hf_wire_get_challenge(struct hf_span payload, struct hf_challenge *ret) HF_MUST_USE;

#endif
