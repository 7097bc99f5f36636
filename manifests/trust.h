/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifests/trust.h: anchors, and the only way from a file's bytes to manifests:
 * size -> COSE shape -> anchor -> signature over the received bytes -> decode -> scope. */
#ifndef HF_MANIFESTS_TRUST_H
#define HF_MANIFESTS_TRUST_H

#include "manifests/corim.h"
#include "measure/cose.h"

#define HF_ANCHORS_MAX 128	/* each takes up to 200 bytes of the gate's log */

enum hf_anchor_role {
	HF_ANCHOR_OWNER, HF_ANCHOR_VENDOR, HF_ANCHOR_TICKET, HF_ANCHOR_WAIVER,
	HF_ANCHOR_DEVICE,	/* a root of devices' certificates (SPDM); signs no manifest */
	HF_ANCHOR_CONTROLLER,	/* a CA of the controller's TLS certificate; signs no manifest */
};

/* A vendor speaks for the devices of one PCI vendor and in reference values only; the
 * scope is checked on every environment, after the dialect was understood. A root of devices
 * stands behind the certificates of those devices only. */
struct hf_adapter;
struct hf_scope {
	bool set, has_subsystem_vendor, has_device;
	uint16_t vendor, subsystem_vendor, device;
	const struct hf_adapter *adapter;	/* NULL: the holdfast profile, read strictly */
	struct hf_digest sha256;		/* of NAME.conf */
};
/* Lines "vendor = 15b3", "subsystem-vendor = 1028", "device = 1021", "dialect = nvidia-nic";
 * vendor must be there. Else HF_ERR_ANCHOR_SCOPE, and the line at fault. */
enum hf_err hf_scope_parse(struct hf_span conf, struct hf_scope *ret, size_t *ret_line) HF_MUST_USE;
bool hf_scope_holds(const struct hf_scope *scope, const struct hf_match *match);
bool hf_scope_holds_for(const struct hf_scope *scope, const struct hf_identity *identity);

struct hf_anchor {
	char name[64];		/* file name without ".pem" */
	enum hf_anchor_role role;
	struct hf_key *key;
	uint8_t id[HF_KEY_ID];
	struct hf_scope scope;	/* vendor and device only; not set: speaks for nothing */
};
struct hf_trust {
	struct hf_anchor anchors[HF_ANCHORS_MAX];
	size_t count;
};
/* dir holds NAME.pem, public keys or certificates; role by subdirectory (owner/, vendor/,
 * ticket/, waiver/, device/, controller/), files directly in dir are owner. Those of vendor/ and device/
 * have NAME.conf beside them, no other has: HF_ERR_ANCHOR_SCOPE. None at all:
 * HF_ERR_ANCHOR_MISSING. */
enum hf_err hf_trust_read(const char *dir, struct hf_trust *ret, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_trust_add(struct hf_trust *trust, const char *name, enum hf_anchor_role role,
			 struct hf_span pem, struct hf_fault *fault) HF_MUST_USE;
/* The scope of the anchor that was added last. */
enum hf_err hf_trust_scope(struct hf_trust *trust, struct hf_span conf,
			   struct hf_fault *fault) HF_MUST_USE;
void hf_trust_drop(struct hf_trust *trust);

/* One signed file. content: what a hash envelope is of, else empty. On failure out is as
 * before. What is in out already is judged again by the revocations of this one. */
enum hf_err hf_manifest_load(const struct hf_trust *trust, const char *name, struct hf_span bytes,
			     int64_t now, struct hf_manifests *out, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_manifest_load_with(const struct hf_trust *trust, const char *name,
				  struct hf_span bytes, struct hf_span content, int64_t now,
				  struct hf_manifests *out, struct hf_fault *fault) HF_MUST_USE;
/* NAME.payload beside NAME.corim; empty when it is not there or file is no *.corim. */
enum hf_err hf_manifest_content(int dirfd, const char *file, struct hf_arena *arena,
				struct hf_span *ret, struct hf_fault *fault) HF_MUST_USE;
/* dirfd, file: NAME.corim. NAME.payload beside it is the content, if it is there. */
enum hf_err hf_manifest_load_file(const struct hf_trust *trust, int dirfd, const char *file,
				  int64_t now, struct hf_manifests *out,
				  struct hf_fault *fault) HF_MUST_USE;
/* The payload of a message that verified: the message's own, or content if that is what the
 * hash envelope is of. HF_ERR_COSE_HASH_ENVELOPE: there is none; HF_ERR_COSE_CONTENT: another. */
enum hf_err hf_manifest_payload(const struct hf_cose *cose, struct hf_span content,
				struct hf_span *ret) HF_MUST_USE;
/* Headers 8 and 15: at least one, the same signer, in time. HF_ERR_COSE_META or
 * HF_ERR_CORIM_EXPIRED. */
enum hf_err hf_manifest_headers(const struct hf_cose *cose, int64_t now) HF_MUST_USE;
/* Until when both hold, of a message that was loaded; 0: not said. */
int64_t hf_manifest_until(const struct hf_cose *cose, struct hf_span content);
/* Every *.corim in dir, in name order, with revocations of any of them holding for all;
 * the first failure stops it. */
enum hf_err hf_manifests_read(const struct hf_trust *trust, const char *dir, int64_t now,
			      struct hf_manifests *out, struct hf_fault *fault) HF_MUST_USE;

#endif
