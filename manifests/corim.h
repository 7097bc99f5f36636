/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/corim.h: CoRIM (draft-ietf-rats-corim-11) to manifests and back. [pure]
 * Two levels. The CoRIM level reads the shape that every CoRIM has, whatever its
 * profile; the profile level knows what our own mean. Decoding is strict;
 * docs/manifests.md describes our profile. Encoding is deterministic: the same manifests
 * give the same bytes. */
#ifndef HF_MANIFESTS_CORIM_H
#define HF_MANIFESTS_CORIM_H

#include "manifests/manifest.h"

#define HF_CORIM_MAX (8u << 20)
#define HF_CORIM_CONTENT_TYPE "application/rim+cbor"

/* payload: #6.501. Appends to out; on failure out is as before. file: index of the
 * manifest file it came from. now: seconds since 1970 for validity, 0: no clock yet, not checked.
 * Another profile: HF_ERR_CORIM_PROFILE; something our profile does not know and may not
 * overlook: HF_ERR_MANIFEST_UNKNOWN_CRITICAL; any other shape: HF_ERR_CORIM_SHAPE or the
 * CBOR cause. */
enum hf_err hf_corim_decode(struct hf_span payload, size_t file, int64_t now,
			    struct hf_manifests *out) HF_MUST_USE;
/* Encodes everything in manifests as one CoRIM with the given id. A writer that is too
 * small: HF_ERR_LIMIT; names that are not valid: HF_ERR_CORIM_SHAPE. */
enum hf_err hf_corim_encode(const struct hf_manifests *manifests, const char *id,
			    struct hf_writer *w) HF_MUST_USE;

/* ---- the CoRIM level: open -> tags -> reference triples -> measurements ----
 * Each _next reads one of the count that its parent announced. All spans borrow. */

#define HF_CORIM_OWN_MAX 30	/* profile keys -1 .. -30 of measurement-values-map */
#define HF_CORIM_DIGESTS_MAX 8

struct hf_corim {
	struct hf_span id;		/* text, or 16 bytes of UUID */
	struct hf_span profile;		/* content of #6.111; empty: none, or a URI */
	bool has_validity, has_not_before;
	int64_t not_before, not_after;	/* seconds since 1970 */
	struct hf_cbor tags;
	size_t tag_count;
};
enum hf_err hf_corim_open(struct hf_span payload, struct hf_corim *ret) HF_MUST_USE;
/* For others' encoders: map keys in any order (hf_cbor's lenient), the same shapes. */
enum hf_err hf_corim_open_lenient(struct hf_span payload, struct hf_corim *ret) HF_MUST_USE;
/* Outside its validity: HF_ERR_CORIM_EXPIRED. now 0: not checked. */
enum hf_err hf_corim_valid_at(const struct hf_corim *corim, int64_t now) HF_MUST_USE;

struct hf_comid {
	bool is_comid;			/* false: CoSWID, CoTL: nothing below is set */
	struct hf_span tag_id;		/* text, or 16 bytes of UUID */
	bool linked;			/* linked tags: supplements or replaces another */
	bool other_triples;		/* triples that are not reference triples */
	struct hf_cbor references;
	size_t reference_count;
};
enum hf_err hf_corim_next(struct hf_corim *corim, struct hf_comid *ret) HF_MUST_USE;

struct hf_reference_triple {
	struct hf_span class_id;	/* content of #6.560; empty: absent or another type */
	struct hf_span vendor, model;	/* text; empty: absent */
	struct hf_span instance;	/* content of #6.560; empty: absent or another type */
	struct hf_span class_oid;	/* content of #6.111, as class id */
	bool has_layer, has_index;
	uint64_t layer, index;
	bool other;			/* there is an OID, a layer, an index, a group, another id */
	struct hf_cbor measurements;
	size_t measurement_count;
};
enum hf_err hf_comid_next(struct hf_comid *comid, struct hf_reference_triple *ret) HF_MUST_USE;

struct hf_measured {
	enum hf_cbor_type mkey_type;	/* HF_CBOR_NONE: no mkey; TAG: #6.111 or #6.37 */
	struct hf_span mkey;		/* HF_CBOR_TSTR */
	uint64_t mkey_number;		/* HF_CBOR_UINT */
	struct hf_span version, name;	/* text; empty: absent */
	struct hf_digest digests[HF_CORIM_DIGESTS_MAX];
	size_t digest_count;
	bool other_digests;		/* algorithms that we do not compute */
	bool has_svn, svn_is_least;	/* security version: exactly it (also without a tag); at least */
	uint64_t svn;
	bool other;			/* values that are not read here: flags, ... */
	int64_t passed_over;		/* a key below -255, which may be overlooked; 0: none */
	struct hf_span raw, raw_mask;	/* content of #6.560, or of #6.563; of key 5: other is set */
	struct hf_span registers;	/* encoded integrity-registers; other is not set for them */
	bool critical;			/* a profile key beyond OWN_MAX that may not be overlooked */
	struct hf_span own[HF_CORIM_OWN_MAX + 1];	/* encoded value of profile key -i */
	struct hf_span from;		/* encoded value of profile key -256 */
};
enum hf_err hf_triple_next(struct hf_reference_triple *triple, struct hf_measured *ret) HF_MUST_USE;

/* All of them in order: one call per measurement of a reference triple; its error stops
 * the walk. visit may be NULL: only the shape is checked. */
typedef enum hf_err (*hf_corim_visit)(void *self, const struct hf_comid *comid,
				      const struct hf_reference_triple *triple,
				      const struct hf_measured *measured);
enum hf_err hf_corim_walk(struct hf_corim *corim, hf_corim_visit visit, void *self) HF_MUST_USE;

/* Lower-case hexadecimal digits off the front of *in. */
bool hf_hex_take(struct hf_span *in, size_t digits, uint32_t *ret);

#endif
