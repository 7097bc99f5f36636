/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/adapters/adapters.h: vendors' ways of writing CoRIM, one file each and a line in
 * the table. An adapter belongs to one vendor's anchor (NAME.conf), sees a file that no
 * strict reader could take, and never one of our own signers'.
 *
 * open -> (trust.c verifies the signature over the received bytes) -> headers -> decode.
 * decode rewrites the payload into CoRIM, which the one decoder reads (map keys in any
 * order: vendors' encoders do not sort), and names the PCI function that is meant; trust.c then checks it against the anchor's scope.
 * What an adapter does not know, it refuses. [pure]
 */
#ifndef HF_MANIFESTS_ADAPTERS_H
#define HF_MANIFESTS_ADAPTERS_H

#include "manifests/corim_read.h"
#include "manifests/trust.h"

struct hf_dialect {	/* one file on its way into out */
	struct hf_manifests *out;
	size_t file;
	int64_t now;
	const char *anchor;
	const struct hf_scope *scope;
	struct hf_component **end;
};
struct hf_adapter {
	const char *name;	/* "dialect = NAME" */
	/* The envelope alone; key is the anchor's. HF_ERR_COSE_SHAPE: none of this vendor's. */
	enum hf_err (*open)(struct hf_span in, const struct hf_key *key, struct hf_cose *ret);
	enum hf_err (*headers)(const struct hf_cose *cose, int64_t now);
	enum hf_err (*decode)(struct hf_dialect *d, struct hf_span payload);
};
extern const struct hf_adapter hf_adapter_nvidia_nic, hf_adapter_altera, hf_adapter_ocp_safe;
const struct hf_adapter *hf_adapter_named(const char *name);	/* NULL: there is none */

/* After scope and everything else: releases of one component that one anchor signed in
 * several files become one component's. A release twice, or a component of somebody else's:
 * HF_ERR_DUPLICATE_NAME, and nothing is changed. */
enum hf_err hf_dialect_merge(struct hf_manifests *out, const struct hf_manifests_mark *mark) HF_MUST_USE;

/* ---- for adapters ---- */

/* Takes off #6.500 and #6.502, the outer tags of drafts before 7. */
struct hf_span hf_dialect_unwrap(struct hf_span in);

struct hf_dialect_corim { struct hf_span id, tags, profile, validity; };	/* encoded */
enum hf_err hf_dialect_corim(struct hf_span map, struct hf_dialect_corim *ret) HF_MUST_USE;
struct hf_dialect_comid { struct hf_span identity, references, endorsed, conditional; };
/* Linked tags and triples that no vendor may sign: HF_ERR_MANIFEST_UNKNOWN_CRITICAL. */
enum hf_err hf_dialect_comid(struct hf_span map, struct hf_dialect_comid *ret) HF_MUST_USE;
/* One strict CoRIM of one CoMID, opened. references: an encoded array of triples. */
enum hf_err hf_dialect_strict(struct hf_dialect *d, const struct hf_dialect_corim *corim,
			      struct hf_span identity, struct hf_span references,
			      struct hf_comid *ret) HF_MUST_USE;
/* The one element of tags that is read: #6.506(bstr .cbor map). */
enum hf_err hf_dialect_one_tag(struct hf_span tags, struct hf_span *ret_map) HF_MUST_USE;

/* Appends; names as given, made valid: '/' becomes '_', too long is HF_ERR_CORIM_SHAPE. */
enum hf_err hf_dialect_release(struct hf_dialect *d, const char *component, const char *release,
			       const struct hf_match *match, struct hf_environment **ret) HF_MUST_USE;
/* What measured says as a reference named mkey: digests, a version, or a raw value, under a
 * mask if there is one. None of these, or two: HF_ERR_MANIFEST_UNKNOWN_CRITICAL. */
enum hf_err hf_dialect_reference(struct hf_dialect *d, struct hf_environment *env, const char *mkey,
				 const struct hf_measured *measured) HF_MUST_USE;
/* Printable ASCII of at most cap - 1 bytes, or HF_ERR_CORIM_SHAPE. */
enum hf_err hf_dialect_text(struct hf_span text, char *out, size_t cap) HF_MUST_USE;

#endif
