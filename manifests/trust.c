/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a file's bytes to manifests. The order of load is the security argument: nothing in
 * the payload is looked at before the signature over the received bytes has verified, and
 * what it says is checked against who said it. */
#include "manifests/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "manifests/adapters/adapters.h"
#include "manifests/names.h"
#include "manifests/revocation.h"
#include "measure/file.h"

#define MANIFEST_SUFFIX ".corim"
#define CONTENT_SUFFIX ".payload"

/* ---- who signed ---- */

struct signer {
	const struct hf_anchor *anchor;
	uint8_t key[HF_KEY_ID];
};

static enum hf_err verify_by(const struct hf_anchor *anchor, const struct hf_cose *cose,
			     int64_t now, struct signer *ret)
{
	struct hf_key *leaf = NULL;
	enum hf_err err = hf_key_valid_at(anchor->key, now);

	if (!err && hf_key_is_ca(anchor->key))
		err = hf_chain_verify(anchor->key, cose->x5chain, now, &leaf);
	if (!err)
		err = hf_cose_verify(cose, leaf ? leaf : anchor->key);
	if (!err) {
		ret->anchor = anchor;
		hf_key_id(leaf ? leaf : anchor->key, ret->key);
	}
	hf_key_free(leaf);
	return err;
}

/* With a key id there is one candidate; without, every anchor whose key fits. Certificates
 * are tried at every authority among the anchors. */
static bool candidate(const struct hf_anchor *anchor, const struct hf_cose *cose)
{
	if (anchor->role == HF_ANCHOR_DEVICE || anchor->role == HF_ANCHOR_CONTROLLER)
		return false;
	if (hf_key_is_ca(anchor->key))
		return cose->x5chain.len > 0;
	if (cose->kid.len)
		return hf_span_equal(cose->kid, (struct hf_span){ anchor->id, HF_KEY_ID });
	return hf_key_fits(anchor->key, cose->alg);
}

static enum hf_err find_signer(const struct hf_trust *trust, const struct hf_cose *cose,
			       int64_t now, struct signer *ret)
{
	enum hf_err err = HF_ERR_SIGNER_UNKNOWN;

	for (size_t i = 0; i < trust->count; i++) {
		const struct hf_anchor *anchor = &trust->anchors[i];

		if (anchor->scope.adapter || !candidate(anchor, cose))
			continue;
		err = verify_by(anchor, cose, now, ret);
		if (!err || (err != HF_ERR_SIGNATURE_INVALID && err != HF_ERR_CERTIFICATE_CHAIN))
			return err;
	}
	return err;
}

/* An envelope in a vendor's dialect: every anchor of that dialect is tried, its key id is
 * whatever the vendor put there. HF_ERR_COSE_SHAPE: in nobody's dialect. */
static enum hf_err find_dialect(const struct hf_trust *trust, struct hf_span bytes, int64_t now,
				struct hf_cose *ret_cose, struct signer *ret)
{
	enum hf_err err = HF_ERR_COSE_SHAPE;

	for (size_t i = 0; i < trust->count; i++) {
		const struct hf_anchor *anchor = &trust->anchors[i];
		struct hf_cose cose;

		if (!anchor->scope.adapter || anchor->scope.adapter->open(bytes, anchor->key, &cose))
			continue;
		err = verify_by(anchor, &cose, now, ret);
		if (!err) {
			*ret_cose = cose;
			return HF_OK;
		}
	}
	return err;
}

static enum hf_err strict_signer(const struct hf_trust *trust, struct hf_span bytes, int64_t now,
				 struct hf_cose *cose, struct signer *ret)
{
	enum hf_err err = hf_cose_parse(bytes, cose);

	if (!err && !hf_span_equal(cose->content_type, hf_span_text(HF_CORIM_CONTENT_TYPE)))
		err = HF_ERR_COSE_CONTENT_TYPE;
	return err ? err : find_signer(trust, cose, now, ret);
}

/* A dialect's word is heard only where the strict reader has none. */
static enum hf_err signer_of(const struct hf_trust *trust, struct hf_span bytes, int64_t now,
			     struct hf_cose *cose, struct signer *ret)
{
	enum hf_err err = strict_signer(trust, bytes, now, cose, ret), other;

	if (!err)
		return HF_OK;
	other = find_dialect(trust, bytes, now, cose, ret);
	return !other || (err == HF_ERR_COSE_SHAPE && other) ? other : err;
}

/* ---- what may be said ---- */

/* A vendor speaks of components of its own devices only. */
static enum hf_err check_vendor(const struct hf_scope *scope,
				const struct hf_manifests_mark *appended)
{
	if (*appended->models || *appended->images || *appended->waivers || *appended->revocations)
		return HF_ERR_SIGNER_SCOPE;
	for (struct hf_component *c = *appended->components; c; c = c->next) {
		c->vendor = true;
		for (const struct hf_release *r = c->releases; r; r = r->next)
			for (const struct hf_environment *e = r->environments; e; e = e->next)
				if (!hf_scope_holds(scope, &e->match))
					return HF_ERR_SIGNER_SCOPE;
	}
	return HF_OK;
}

/* To stand in for the controller is the owner's alone. */
static bool any_bearer(const struct hf_manifests_mark *appended)
{
	for (const struct hf_waiver *w = *appended->waivers; w; w = w->next)
		if (w->bearer)
			return true;
	return false;
}

/* A waiver's signer speaks of waivers only; tickets are no manifests. */
static enum hf_err check_scope(const struct hf_anchor *signer,
			       const struct hf_manifests_mark *appended)
{
	switch (signer->role) {
	case HF_ANCHOR_OWNER:
		return HF_OK;
	case HF_ANCHOR_VENDOR:
		return check_vendor(&signer->scope, appended);
	case HF_ANCHOR_WAIVER:
		return *appended->components || *appended->models || *appended->images ||
		       *appended->revocations || any_bearer(appended) ? HF_ERR_SIGNER_SCOPE : HF_OK;
	case HF_ANCHOR_TICKET:
	case HF_ANCHOR_DEVICE:
	case HF_ANCHOR_CONTROLLER:
		break;
	}
	return HF_ERR_SIGNER_SCOPE;
}

/* ---- one signed file ---- */

static bool cose_hash(int64_t number, enum hf_alg *ret)
{
	switch (number) {
	case HF_COSE_SHA256:
		*ret = HF_ALG_SHA256;
		return true;
	case HF_COSE_SHA384:
		*ret = HF_ALG_SHA384;
		return true;
	case HF_COSE_SHA512:
		*ret = HF_ALG_SHA512;
		return true;
	}
	return false;
}

enum hf_err hf_manifest_payload(const struct hf_cose *cose, struct hf_span content,
				struct hf_span *ret)
{
	struct hf_digest digest;
	enum hf_alg alg;
	enum hf_err err;

	if (!cose->hash_envelope) {
		*ret = cose->payload;
		return HF_OK;
	}
	if (!cose_hash(cose->hash_alg, &alg))
		return HF_ERR_COSE_ALGORITHM;
	if (content.len == 0)
		return HF_ERR_COSE_HASH_ENVELOPE;
	err = hf_digest(alg, content, &digest);
	if (err)
		return err;
	if (!hf_span_equal(cose->payload, (struct hf_span){ digest.bytes, hf_alg_size(alg) }))
		return HF_ERR_COSE_CONTENT;
	*ret = content;
	return HF_OK;
}

static enum hf_err describe_file(const struct signer *signer, const char *name,
				 struct hf_span bytes, const struct hf_manifests_mark *appended,
				 struct hf_manifests *out)
{
	struct hf_manifest_file file = { 0 };
	enum hf_err err = hf_digest(HF_ALG_SHA256, bytes, &file.sha256);

	if (err)
		return err;
	file.name = hf_arena_text(out->arena, name, strlen(name));
	file.signer = hf_arena_text(out->arena, signer->anchor->name, strlen(signer->anchor->name));
	if (!file.name || !file.signer)
		return HF_ERR_LIMIT;
	memcpy(file.anchor_id, signer->anchor->id, sizeof(file.anchor_id));
	memcpy(file.signer_id, signer->key, sizeof(file.signer_id));
	for (const struct hf_model *m = *appended->models; m; m = m->next)
		if (m->generation > file.generation)
			file.generation = m->generation;
	for (const struct hf_revocations *r = *appended->revocations; r; r = r->next)
		if (r->generation > file.generation)
			file.generation = r->generation;
	out->files[out->file_count] = file;
	return HF_OK;
}

static bool is_unsigned(struct hf_span bytes)
{
	struct hf_cbor r = hf_cbor_at(bytes);
	uint64_t tag = hf_cbor_peek(&r) == HF_CBOR_TAG ? hf_cbor_tag(&r) : 0;

	if (tag == 500 && hf_cbor_peek(&r) == HF_CBOR_TAG)	/* around every CoRIM of old drafts */
		tag = hf_cbor_tag(&r);
	return tag == HF_TAG_CORIM;
}

static enum hf_err decode(const struct signer *signer, const struct hf_cose *cose,
			  struct hf_span content, int64_t now, struct hf_manifests *out,
			  const struct hf_manifests_mark *mark)
{
	const struct hf_adapter *adapter = signer->anchor->scope.adapter;
	struct hf_dialect dialect = {
		.out = out, .file = out->file_count, .now = now, .anchor = signer->anchor->name,
		.scope = &signer->anchor->scope, .end = mark->components,
	};
	struct hf_span payload;
	enum hf_err err;

	if (adapter) {
		err = adapter->headers(cose, now);
		return err ? err : adapter->decode(&dialect, cose->payload);
	}
	err = hf_manifest_headers(cose, now);
	if (!err)
		err = hf_manifest_payload(cose, content, &payload);
	return err ? err : hf_corim_decode(payload, out->file_count, now, out);
}

static enum hf_err load(const struct hf_trust *trust, const char *name, struct hf_span bytes,
			struct hf_span content, int64_t now, struct hf_manifests *out,
			struct hf_fault *fault)
{
	struct hf_manifests_mark mark = hf_manifests_mark(out);
	struct signer signer = { .anchor = NULL };
	struct hf_cose cose;
	enum hf_err err;

	if (bytes.len > HF_COSE_MAX || content.len > HF_COSE_MAX)
		return hf_fail(fault, HF_ERR_FILE_TOO_LARGE, name, "%zu bytes",
			       bytes.len > content.len ? bytes.len : content.len);
	if (out->file_count == HF_MANIFEST_FILES_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, name, "more than %d manifests",
			       HF_MANIFEST_FILES_MAX);
	if (is_unsigned(bytes))
		return hf_fail(fault, HF_ERR_MANIFEST_UNSIGNED, name, "a bare CoRIM");
	err = signer_of(trust, bytes, now, &cose, &signer);
	if (err)
		return hf_fail(fault, err, name, "signer not verified");
	err = decode(&signer, &cose, content, now, out, &mark);
	if (!err)
		err = check_scope(signer.anchor, &mark);
	if (!err)
		err = describe_file(&signer, name, bytes, &mark, out);
	if (!err)
		out->files[out->file_count].until = hf_manifest_until(&cose, content);
	if (!err && signer.anchor->scope.adapter)
		err = hf_dialect_merge(out, &mark);
	if (err) {
		hf_manifests_rollback(out, &mark);
		return hf_fail(fault, err, name, "signed by %s", signer.anchor->name);
	}
	out->file_count++;
	return HF_OK;
}

enum hf_err hf_manifest_load_with(const struct hf_trust *trust, const char *name,
				  struct hf_span bytes, struct hf_span content, int64_t now,
				  struct hf_manifests *out, struct hf_fault *fault)
{
	enum hf_err err = load(trust, name, bytes, content, now, out, fault);

	return err ? err : hf_revocations_settle(out, fault);
}

enum hf_err hf_manifest_load(const struct hf_trust *trust, const char *name, struct hf_span bytes,
			     int64_t now, struct hf_manifests *out, struct hf_fault *fault)
{
	return hf_manifest_load_with(trust, name, bytes, (struct hf_span){ 0 }, now, out, fault);
}

/* ---- files ---- */

enum hf_err hf_manifest_content(int dirfd, const char *file, struct hf_arena *arena,
				struct hf_span *ret, struct hf_fault *fault)
{
	char path[4096];
	size_t len = strlen(file), suffix = sizeof(MANIFEST_SUFFIX) - 1;

	*ret = (struct hf_span){ 0 };
	if (len <= suffix || strcmp(file + len - suffix, MANIFEST_SUFFIX) != 0 ||
	    len + sizeof(CONTENT_SUFFIX) > sizeof(path))
		return HF_OK;
	snprintf(path, sizeof(path), "%.*s%s", (int)(len - suffix), file, CONTENT_SUFFIX);
	if (faccessat(dirfd, path, F_OK, 0) != 0)
		return errno == ENOENT ? HF_OK
				       : hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	return hf_file_read(dirfd, path, HF_COSE_MAX, arena, ret, fault);
}

static enum hf_err load_file(const struct hf_trust *trust, int dirfd, const char *file, int64_t now,
			     struct hf_manifests *out, struct hf_fault *fault)
{
	const char *slash = strrchr(file, '/');
	struct hf_span bytes, content;
	enum hf_err err = hf_file_read(dirfd, file, HF_COSE_MAX, out->arena, &bytes, fault);

	if (!err)
		err = hf_manifest_content(dirfd, file, out->arena, &content, fault);
	if (!err)
		err = load(trust, slash ? slash + 1 : file, bytes, content, now, out, fault);
	return err;
}

enum hf_err hf_manifest_load_file(const struct hf_trust *trust, int dirfd, const char *file,
				  int64_t now, struct hf_manifests *out, struct hf_fault *fault)
{
	enum hf_err err = load_file(trust, dirfd, file, now, out, fault);

	return err ? err : hf_revocations_settle(out, fault);
}

enum hf_err hf_manifests_read(const struct hf_trust *trust, const char *dir, int64_t now,
			      struct hf_manifests *out, struct hf_fault *fault)
{
	struct hf_names names = { 0 };
	enum hf_err err;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), list_fd;

	if (fd < 0)
		return errno == ENOENT ? hf_fail(fault, HF_ERR_MANIFEST_MISSING, dir, "no such directory")
				       : hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = list_fd < 0 ? hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir)
			  : hf_names_read(list_fd, dir, MANIFEST_SUFFIX, &names, fault);
	if (!err && names.count == 0)
		err = hf_fail(fault, HF_ERR_MANIFEST_MISSING, dir, "no *.corim in it");
	for (size_t i = 0; i < names.count && !err; i++)
		err = load_file(trust, fd, names.list[i], now, out, fault);
	if (!err)
		err = hf_revocations_settle(out, fault);
	hf_names_drop(&names);
	close(fd);
	return err;
}
