/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/revocation.h"

static bool same(const struct hf_digest *digest, const uint8_t id[static 32])
{
	return digest->alg == HF_ALG_SHA256 && memcmp(digest->bytes, id, 32) == 0;
}

static enum hf_err revoked_file(const struct hf_revoked *entry, const struct hf_manifest_file *file)
{
	switch (entry->kind) {
	case HF_REVOKED_KEY:
		return same(&entry->digest, file->anchor_id) || same(&entry->digest, file->signer_id)
			       ? HF_ERR_SIGNER_REVOKED : HF_OK;
	case HF_REVOKED_MANIFEST:
		return hf_digest_equal(&entry->digest, &file->sha256) ? HF_ERR_MANIFEST_REVOKED
								      : HF_OK;
	case HF_REVOKED_DIGEST:
	case HF_REVOKED_RELEASE:
		break;
	}
	return HF_OK;
}

static bool has_digest(const struct hf_release *release, const struct hf_digest *digest)
{
	for (const struct hf_environment *e = release->environments; e; e = e->next)
		for (const struct hf_reference *r = e->references; r; r = r->next)
			for (size_t i = 0; i < r->digest_count; i++)
				if (hf_digest_equal(&r->digests[i], digest))
					return true;
	return false;
}

static void revoke(struct hf_release *release, const char *note)
{
	release->state = HF_RELEASE_REVOKED;
	if (note)
		release->note = note;
}

static void revoke_releases(struct hf_manifests *out, const struct hf_revoked *entry)
{
	for (struct hf_component *c = out->components; c; c = c->next) {
		if (entry->kind == HF_REVOKED_RELEASE && strcmp(c->name, entry->component) != 0)
			continue;
		for (struct hf_release *r = c->releases; r; r = r->next)
			if (entry->kind == HF_REVOKED_RELEASE
				    ? strcmp(r->name, entry->release) == 0
				    : has_digest(r, &entry->digest))
				revoke(r, entry->note);
	}
}

/* An image of kind exit is no file: it is taken back by what tickets call it. */
static bool is_exit(const struct hf_image *image, const struct hf_digest *digest)
{
	struct hf_image_digests own;

	return image->role != HF_IMAGE_AGENT && image->kind == HF_TENANT_EXIT &&
	       (hf_image_digests(image, &own) != HF_OK || hf_digest_equal(&own.own, digest));
}

static bool image_has(const struct hf_image *image, const struct hf_digest *digest)
{
	return is_exit(image, digest) ||
	       (image->has_kernel && hf_digest_equal(&image->kernel, digest)) ||
	       (image->has_initrd && hf_digest_equal(&image->initrd, digest)) ||
	       (image->has_command_line && hf_digest_equal(&image->command_line, digest)) ||
	       (image->has_uki && hf_digest_equal(&image->uki, digest)) ||
	       (image->has_root && hf_digest_equal(&image->root, digest)) ||
	       (image->has_boot_entry && hf_digest_equal(&image->boot_entry, digest));
}

static void remove_code(struct hf_manifests *out, const struct hf_digest *digest)
{
	for (struct hf_image **at = &out->images; *at;) {
		if (image_has(*at, digest))
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	for (struct hf_model *m = out->models; m; m = m->next)
		for (struct hf_boot_code **at = &m->boot_code; *at;) {
			if (hf_digest_equal(&(*at)->sha256, digest))
				*at = (*at)->next;
			else
				at = &(*at)->next;
		}
}

/* ---- an owner's revoked release, and the same under a vendor's name ---- */

static bool same_value(const struct hf_reference *a, const struct hf_reference *b)
{
	size_t common = 0;

	if (strcmp(a->mkey, b->mkey) != 0)
		return false;
	if (a->text && b->text)
		return strcmp(a->text, b->text) == 0;
	if (a->svn_kind && b->svn_kind)
		return a->svn_kind == b->svn_kind && a->svn == b->svn;
	if (a->raw.len && b->raw.len)
		return hf_span_equal(a->raw, b->raw) && hf_span_equal(a->raw_mask, b->raw_mask);
	for (size_t i = 0; i < a->digest_count; i++) {
		for (size_t k = 0; k < b->digest_count; k++) {
			if (a->digests[i].alg != b->digests[k].alg)
				continue;
			if (!hf_digest_equal(&a->digests[i], &b->digests[k]))
				return false;
			common++;
		}
	}
	return common > 0;
}

static bool all_values_in(const struct hf_environment *deny, const struct hf_environment *env)
{
	const struct hf_reference *b;

	if (!deny->references || deny->match.vendor != env->match.vendor ||
	    deny->match.device != env->match.device)
		return false;
	for (const struct hf_reference *a = deny->references; a; a = a->next) {
		for (b = env->references; b && !same_value(a, b); b = b->next)
			;
		if (!b)
			return false;
	}
	return true;
}

static bool is_denied(const struct hf_release *deny, const struct hf_release *release)
{
	const struct hf_environment *b;

	for (const struct hf_environment *a = deny->environments; a; a = a->next) {
		for (b = release->environments; b && !all_values_in(a, b); b = b->next)
			;
		if (!b)
			return false;
	}
	return deny->environments != NULL;
}

/* What the owner has revoked in a component of his stays so, whoever else vouches for it. */
static void deny_vendors(struct hf_manifests *out, const struct hf_release *deny)
{
	for (struct hf_component *c = out->components; c; c = c->next) {
		if (!c->vendor)
			continue;
		for (struct hf_release *r = c->releases; r; r = r->next)
			if (is_denied(deny, r))
				revoke(r, deny->note);
	}
}

/* ---- together ---- */

static enum hf_err check_files(const struct hf_manifests *out, struct hf_fault *fault)
{
	for (const struct hf_revocations *l = out->revocations; l; l = l->next)
		for (const struct hf_revoked *e = l->entries; e; e = e->next)
			for (size_t i = 0; i < out->file_count; i++) {
				enum hf_err err = revoked_file(e, &out->files[i]);

				if (err)
					return hf_fail(fault, err, out->files[i].name,
						       "signer %s, revoked by %s: %s",
						       out->files[i].signer, l->name,
						       e->note ? e->note : "no reason given");
			}
	return HF_OK;
}

enum hf_err hf_revocations_settle(struct hf_manifests *out, struct hf_fault *fault)
{
	enum hf_err err = check_files(out, fault);
	bool vendors = false;

	if (err) {
		out->components = NULL;
		out->models = NULL;
		out->images = NULL;
		out->waivers = NULL;
		return err;
	}
	for (const struct hf_revocations *l = out->revocations; l; l = l->next)
		for (const struct hf_revoked *e = l->entries; e; e = e->next) {
			if (e->kind == HF_REVOKED_DIGEST || e->kind == HF_REVOKED_RELEASE)
				revoke_releases(out, e);
			if (e->kind == HF_REVOKED_DIGEST)
				remove_code(out, &e->digest);
		}
	for (const struct hf_component *c = out->components; c && !vendors; c = c->next)
		vendors = c->vendor;
	for (const struct hf_component *c = out->components; c && vendors; c = c->next)
		for (const struct hf_release *r = c->releases; r && !c->vendor; r = r->next)
			if (r->state == HF_RELEASE_REVOKED)
				deny_vendors(out, r);
	return HF_OK;
}

uint64_t hf_revocations_generation(const struct hf_manifests *manifests)
{
	uint64_t greatest = 0;

	for (const struct hf_revocations *l = manifests->revocations; l; l = l->next)
		if (l->generation > greatest)
			greatest = l->generation;
	return greatest;
}
