/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the controller judges by, read whole and replaced whole. */
#include "controller/server/controller.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include "controller/server/ek_chain.h"
#include "controller/server/tokens.h"
#include "measure/file.h"

#define POLICY_ARENA ((size_t)512 << 20)	/* lazily backed */
#define TOKENS_MAX ((size_t)256 << 10)		/* bytes */

static void free_set(struct hf_policy_set *set)
{
	hf_ek_roots_free(set->ek_roots);
	hf_trust_drop(&set->trust);
	if (set->arena.base)
		hf_arena_drop(&set->arena);
	free(set);
}

struct hf_policy_set *hf_policy_take(struct hf_controller *controller)
{
	struct hf_policy_set *set;

	pthread_mutex_lock(&controller->lock);
	set = controller->policy;
	if (set)
		atomic_fetch_add(&set->users, 1);
	pthread_mutex_unlock(&controller->lock);
	return set;
}

void hf_policy_drop(struct hf_policy_set *set)
{
	if (set && atomic_fetch_sub(&set->users, 1) == 1)
		free_set(set);
}

static enum hf_err read_tokens(const struct hf_config *config, struct hf_policy_set *set, struct hf_fault *fault)
{
	struct hf_span text;
	enum hf_err err;

	if (!config->tokens)
		return HF_OK;
	set->tokens = hf_arena_take(&set->arena, sizeof(*set->tokens));
	if (!set->tokens)
		return hf_fail(fault, HF_ERR_NO_MEMORY, config->tokens, "%s", "");
	err = hf_file_read(AT_FDCWD, config->tokens, TOKENS_MAX, &set->arena, &text, fault);
	return err ? err : hf_tokens_parse(text, config->tokens, set->tokens, fault);
}

/* What in that folder vouches for nobody: an operator who misses a manufacturer finds it here. */
static void tell_unused(void *self, const char *what, const char *why)
{
	(void)self;
	hf_log_event("warning", "ek-root-unused", "what", what, "why", why, NULL);
}

static enum hf_err read_set(const struct hf_config *config, struct hf_policy_set *set, struct hf_fault *fault)
{
	enum hf_err err = hf_arena_make(POLICY_ARENA, &set->arena);
	size_t certificates;

	if (err)
		return hf_fail(fault, err, "manifests", "%s", "memory");
	set->manifests = hf_arena_take(&set->arena, sizeof(*set->manifests));
	if (!set->manifests)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "manifests", "%s", "memory");
	set->manifests->arena = &set->arena;
	err = hf_trust_read(config->anchors, &set->trust, fault);
	if (!err)
		err = hf_manifests_read(&set->trust, config->manifests, set->loaded, set->manifests, fault);
	if (!err && config->ek_roots)
		err = hf_ek_roots_read(config->ek_roots, &set->ek_roots, &certificates, fault);
	if (!err && set->ek_roots)
		hf_ek_roots_lint(set->ek_roots, tell_unused, NULL);
	return err ? err : read_tokens(config, set, fault);
}

enum hf_err hf_policy_load(struct hf_controller *controller, struct hf_fault *fault)
{
	struct hf_policy_set *set = calloc(1, sizeof(*set)), *before;
	enum hf_err err;

	if (!set)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "manifests", "%s", "");
	set->users = 1;
	set->loaded = (int64_t)time(NULL);
	err = read_set(&controller->config, set, fault);
	if (err) {
		free_set(set);
		return err;
	}
	pthread_mutex_lock(&controller->lock);
	before = controller->policy;
	controller->policy = set;
	pthread_mutex_unlock(&controller->lock);
	hf_policy_drop(before);
	return HF_OK;
}
