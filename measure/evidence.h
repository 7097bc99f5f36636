/* SPDX-License-Identifier: GPL-3.0-or-later */
/* measure/evidence.h: everything a verifier needs, as a directory of files or as one
 * CMW collection (draft-ietf-rats-msg-wrap, JSON) of the same. Bytes go in and out
 * untouched: this file interprets nothing. The table of members in evidence.c is the
 * only place that knows file names, media types and size limits.
 */
#ifndef HF_MEASURE_EVIDENCE_H
#define HF_MEASURE_EVIDENCE_H

#include "measure/arena.h"
#include "measure/err.h"

struct hf_evidence {		/* an empty span: not present */
	struct hf_span firmware_log;	/* firmware.evlog: untouched */
	struct hf_span log;		/* holdfast.evlog */
	struct hf_span claims;		/* claims.cbor */
	struct hf_span transcripts;	/* transcripts.cbor: what devices signed */
	struct hf_span quote;		/* quote.attest: TPMS_ATTEST */
	struct hf_span signature;	/* quote.sig: TPMT_SIGNATURE */
	struct hf_span ak;		/* ak.pub: TPMT_PUBLIC */
	struct hf_span nonce;		/* nonce.bin: the quote's extraData as asked for */
	struct hf_span boot_key;	/* boot-key.der: SubjectPublicKeyInfo */
	struct hf_span verdict;		/* verdict.json: the agent's own opinion: data, never trusted */
	struct hf_span ticket;		/* ticket.cose: the controller's signed result, if one came */
	struct hf_span receipt;		/* receipt.attest: quote after CAP */
	struct hf_span receipt_signature; /* receipt.sig */
	struct hf_span manifests;	/* manifests.txt: "sha256  name" per line */
	struct hf_span quote_pcrs;	/* quote.pcrs: for tpm2_checkquote; derived */
	struct hf_span ak_pem;		/* ak.pem: derived */
};

/* Makes dir if needed (not its parents); each file appears whole or not at all (temporary
 * name, fsync, rename). Files of members that are not present are removed, so that dir
 * never mixes two boots. Larger than its limit: HF_ERR_LIMIT. */
enum hf_err hf_evidence_write(const struct hf_evidence *evidence, const char *dir,
			      struct hf_fault *fault) HF_MUST_USE;
/* Files that are not there give empty spans; nothing at all is HF_ERR_FILE_UNREADABLE. */
enum hf_err hf_evidence_read(const char *dir, struct hf_arena *arena,
			     struct hf_evidence *ret, struct hf_fault *fault) HF_MUST_USE;
/* {"__cmwc_t": "...", "holdfast.evlog": ["media/type", "base64url", 4], ...}; NUL-terminated
 * text in the arena, on one line. */
enum hf_err hf_evidence_to_cmw(const struct hf_evidence *evidence, struct hf_arena *arena,
			       struct hf_span *ret) HF_MUST_USE;
/* Strict about our members (media type, base64url without padding, limits): HF_ERR_EVIDENCE_SHAPE
 * or HF_ERR_LIMIT; members it does not know are passed over. */
enum hf_err hf_evidence_from_cmw(struct hf_span json, struct hf_arena *arena,
				 struct hf_evidence *ret) HF_MUST_USE;

/* The same collection in CBOR, as it goes to a controller (docs/wire.md): a map from name to
 * [media type, bytes, 4], in deterministic order, "__cmwc_t" among them. Nothing is copied: the spans
 * of ret borrow from the input. HF_ERR_EVIDENCE_SHAPE, HF_ERR_LIMIT or the CBOR cause. */
#define HF_CMW_CBOR_OVERHEAD 2048	/* bytes beside the members themselves */
void hf_evidence_to_cmw_cbor(const struct hf_evidence *evidence, struct hf_writer *w);
enum hf_err hf_evidence_from_cmw_cbor(struct hf_span cbor, struct hf_evidence *ret) HF_MUST_USE;

#endif
