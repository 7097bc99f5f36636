/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the controller judges by, read whole and replaced whole. */
#include "controller/server/controller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "controller/server/ek_chain.h"
#include "controller/server/ring.h"
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

/* Each file once more, and the very bytes that were verified: what boot servers get is what judges. */
static enum hf_err read_file(const char *dir, int fd, const struct hf_manifest_file *from, struct hf_policy_set *set,
			     struct hf_ring_files *files, struct hf_fault *fault)
{
	struct hf_ring_file *f = &files->list[files->count];
	struct hf_digest digest;
	char name[256];
	enum hf_err err = hf_file_read(fd, from->name, HF_COSE_MAX, &set->arena, &f->bytes, fault);

	if (!err)
		err = hf_digest(HF_ALG_SHA256, f->bytes, &digest);
	if (!err && !hf_digest_equal(&digest, &from->sha256))
		err = hf_fail(fault, HF_ERR_FILE_UNREADABLE, dir, "%.100s changed while it was read", from->name);
	f->name = from->name;
	files->count += !err;
	f = &files->list[files->count];
	if (!err)
		err = hf_manifest_content(fd, from->name, &set->arena, &f->bytes, fault);
	if (err || !f->bytes.len)
		return err;
	snprintf(name, sizeof(name), "%.*s.payload", (int)(strlen(from->name) - strlen(".corim")), from->name);
	f->name = hf_arena_text(&set->arena, name, strlen(name));
	files->count += f->name != NULL;
	return f->name ? HF_OK : HF_ERR_LIMIT;
}

static enum hf_err read_archive(const struct hf_config *config, struct hf_policy_set *set, struct hf_fault *fault)
{
	const struct hf_manifests *m = set->manifests;
	struct hf_ring_files files = { hf_arena_take(&set->arena, (2 * m->file_count + 1) * sizeof(*files.list)), 0 };
	int fd = open(config->manifests, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum hf_err err = files.list ? HF_OK : hf_fail(fault, HF_ERR_LIMIT, config->manifests, "%s", "memory");

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, config->manifests);
	for (size_t i = 0; i < m->file_count && !err; i++)
		err = read_file(config->manifests, fd, &m->files[i], set, &files, fault);
	close(fd);
	if (err)
		return err;
	/* More than a ring may hold judges all the same; boot servers have it from elsewhere. */
	if (hf_ring_pack(&files, &set->arena, &set->archive) != HF_OK)
		set->archive = (struct hf_span){ NULL, 0 };
	return hf_digest(HF_ALG_SHA256, set->archive, &set->archive_digest);
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
	if (!err)
		err = read_archive(config, set, fault);
	if (!err && config->ek_roots)
		err = hf_ek_roots_read(config->ek_roots, &set->ek_roots, &certificates, fault);
	if (!err && set->ek_roots)
		hf_ek_roots_lint(set->ek_roots, tell_unused, NULL);
	return err ? err : read_tokens(config, set, fault);
}

enum hf_err hf_policy_load(struct hf_controller *controller, struct hf_fault *fault)
{
	struct hf_policy_set *set = calloc(1, sizeof(*set)), *before;
	struct hf_ring_set *rings[HF_RINGS_MAX];
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
	memcpy(rings, controller->rings, sizeof(rings));
	memset(controller->rings, 0, sizeof(controller->rings));
	pthread_mutex_unlock(&controller->lock);
	for (size_t i = 0; i < HF_RINGS_MAX; i++)	/* they were verified by the anchors of before */
		hf_ring_drop(rings[i]);
	hf_policy_drop(before);
	return HF_OK;
}
