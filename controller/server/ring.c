/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/ring.h"

#include <stdlib.h>

#include "manifests/revocation.h"

#define SET_ARENA ((size_t)512 << 20)	/* lazily backed */

/* ---- from files to manifests ---- */

static struct hf_span payload_of(const struct hf_ring_files *files, const char *corim)
{
	const size_t stem = strlen(corim) - strlen(".corim");

	for (size_t i = 0; i < files->count; i++) {
		const char *name = files->list[i].name;

		if (strncmp(name, corim, stem) == 0 && strcmp(name + stem, ".payload") == 0)
			return files->list[i].bytes;
	}
	return (struct hf_span){ NULL, 0 };
}

static bool is_corim(const char *name)
{
	const size_t len = strlen(name), end = strlen(".corim");

	return len > end && strcmp(name + len - end, ".corim") == 0;
}

/* The default ring's lists, behind the ring's own. */
static enum hf_err revoke(const struct hf_policy_set *policy, struct hf_manifests *out, struct hf_fault *fault)
{
	struct hf_revocations **end = &out->revocations;

	while (*end)
		end = &(*end)->next;
	for (const struct hf_revocations *l = policy->manifests->revocations; l; l = l->next) {
		struct hf_revocations *copy = hf_arena_take(out->arena, sizeof(*copy));

		if (!copy)
			return hf_fail(fault, HF_ERR_LIMIT, l->name, "%s", "memory");
		*copy = *l;
		copy->next = NULL;
		*end = copy;
		end = &copy->next;
	}
	return hf_revocations_settle(out, fault);
}

enum hf_err hf_ring_verify(const struct hf_ring_files *files, const struct hf_policy_set *policy, int64_t now,
			   struct hf_manifests *out, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < files->count && !err; i++)
		if (is_corim(files->list[i].name))
			err = hf_manifest_load_with(&policy->trust, files->list[i].name, files->list[i].bytes,
						    payload_of(files, files->list[i].name), now, out, fault);
	return err ? err : revoke(policy, out, fault);
}

enum hf_err hf_ring_stage_fits(const struct hf_manifests *manifests, enum hf_ring_stage stage,
			       struct hf_fault *fault)
{
	const enum hf_mode mode = stage == HF_RING_AUDIT ? HF_MODE_AUDIT : HF_MODE_ENFORCE;

	if (!manifests->models)
		return hf_fail(fault, HF_ERR_RING_STAGE, NULL, "no model is among its manifests");
	for (const struct hf_model *m = manifests->models; m; m = m->next)
		if (stage != HF_RING_OBSERVE && m->mode != mode)
			return hf_fail(fault, HF_ERR_RING_STAGE, NULL, "model %.100s has mode %s, the stage is %s",
				       m->name, hf_mode_name(m->mode), hf_ring_stage_name(stage));
	return HF_OK;
}

const char *hf_ring_about(const struct hf_manifests *manifests, struct hf_arena *arena)
{
	json_t *list = json_array();
	const char *kept = NULL;
	char *text;

	for (const struct hf_model *m = manifests->models; m; m = m->next)
		if (json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "name", m->name, "generation",
							  (json_int_t)m->generation, "mode",
							  hf_mode_name(m->mode))) != 0) {
			json_decref(list);
			return NULL;
		}
	text = json_dumps(list, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(list);
	if (text)
		kept = hf_arena_text(arena, text, strlen(text));
	free(text);
	return kept;
}

/* ---- those that are in use ---- */

static void free_set(struct hf_ring_set *set)
{
	if (set->arena.base)
		hf_arena_drop(&set->arena);
	hf_policy_drop(set->policy);
	free(set);
}

void hf_ring_drop(struct hf_ring_set *set)
{
	if (set && atomic_fetch_sub(&set->users, 1) == 1)
		free_set(set);
}

void hf_rings_free(struct hf_controller *controller)
{
	for (size_t i = 0; i < HF_RINGS_MAX; i++) {
		hf_ring_drop(controller->rings[i]);
		controller->rings[i] = NULL;
	}
}

static bool is_it(const struct hf_ring_set *set, const struct hf_ring_record *ring, const struct hf_policy_set *policy)
{
	return set && set->policy == policy && set->stage == ring->stage && strcmp(set->name, ring->name) == 0 &&
	       hf_span_equal(ring->digest, (struct hf_span){ set->digest, sizeof(set->digest) });
}

static struct hf_ring_set *kept(struct hf_controller *c, const struct hf_ring_record *ring,
				const struct hf_policy_set *policy)
{
	struct hf_ring_set *set = NULL;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < HF_RINGS_MAX && !set; i++)
		if (is_it(c->rings[i], ring, policy))
			set = c->rings[i];
	if (set)
		atomic_fetch_add(&set->users, 1);
	pthread_mutex_unlock(&c->lock);
	return set;
}

/* In the place of an older one of this name, of one by older anchors, or of none. */
static void keep(struct hf_controller *c, struct hf_ring_set *set)
{
	struct hf_ring_set *before;
	size_t at = HF_RINGS_MAX;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < HF_RINGS_MAX && at == HF_RINGS_MAX; i++)
		if (c->rings[i] && strcmp(c->rings[i]->name, set->name) == 0)
			at = i;
	for (size_t i = 0; i < HF_RINGS_MAX && at == HF_RINGS_MAX; i++)
		if (!c->rings[i] || c->rings[i]->policy != set->policy)
			at = i;
	at = at == HF_RINGS_MAX ? (size_t)set->digest[0] % HF_RINGS_MAX : at;
	before = c->rings[at];
	c->rings[at] = set;
	atomic_fetch_add(&set->users, 1);
	pthread_mutex_unlock(&c->lock);
	hf_ring_drop(before);
}

static enum hf_err fill(struct hf_ring_set *set, const struct hf_ring_record *ring, int64_t now,
			struct hf_arena *arena, struct hf_fault *fault)
{
	struct hf_ring_files files;
	struct hf_digest digest;
	enum hf_err err = hf_digest(HF_ALG_SHA256, ring->bundle, &digest);

	if (!err && !hf_span_equal(ring->digest, (struct hf_span){ digest.bytes, 32 }))
		err = hf_fail(fault, HF_ERR_STORE_FAILED, ring->name, "the ring's archive is not what was put");
	if (!err)
		err = hf_arena_make(SET_ARENA, &set->arena);
	set->manifests = err ? NULL : hf_arena_take(&set->arena, sizeof(*set->manifests));
	if (!err && !set->manifests)
		err = HF_ERR_NO_MEMORY;
	if (err)
		return err;
	set->manifests->arena = &set->arena;
	err = hf_ring_unpack(ring->bundle, arena, &files, fault);
	if (!err)
		err = hf_ring_verify(&files, set->policy, now, set->manifests, fault);
	if (!err)
		err = hf_ring_stage_fits(set->manifests, ring->stage, fault);
	if (err)
		return err;
	set->stage = ring->stage;
	memcpy(set->digest, digest.bytes, sizeof(set->digest));
	snprintf(set->name, sizeof(set->name), "%s", ring->name);
	return HF_OK;
}

enum hf_err hf_ring_take(struct hf_controller *controller, struct hf_policy_set *policy, const char *name,
			 struct hf_arena *arena, struct hf_ring_set **ret, struct hf_fault *fault)
{
	struct hf_ring_record ring;
	struct hf_ring_set *set;
	enum hf_err err = hf_store_ring(controller->store, name, HF_RING_ALONE, arena, &ring, fault);

	if (err)
		return err;
	*ret = kept(controller, &ring, policy);
	if (*ret)
		return HF_OK;
	err = hf_store_ring(controller->store, name, HF_RING_WHOLE, arena, &ring, fault);
	set = err ? NULL : calloc(1, sizeof(*set));
	if (!set)
		return err ? err : hf_fail(fault, HF_ERR_NO_MEMORY, name, "%s", "memory");
	set->users = 1;
	set->policy = policy;
	atomic_fetch_add(&policy->users, 1);
	err = fill(set, &ring, policy->loaded, arena, fault);
	if (err) {
		free_set(set);
		return err;
	}
	keep(controller, set);
	*ret = set;
	return HF_OK;
}

const struct hf_manifests *hf_ring_gate(const struct hf_ring_set *set, const struct hf_policy_set *policy)
{
	return set && set->stage != HF_RING_OBSERVE ? set->manifests : policy->manifests;
}
