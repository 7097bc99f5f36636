/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/device_trusts.h"

#include "agent/watch.h"
#include "manifests/verify_transcripts.h"
#include "pcie/spdm_claims.h"
#include "pcie/worker.h"

#define SCRATCH ((size_t)64 << 20)	/* bytes; only touched pages are real */
#define ANSWER 4			/* bytes: which anchor */

struct target {			/* one transcript, one job */
	const struct hf_attachment *transcript;
	const struct hf_function *function;
	size_t owner;		/* its part */
};

struct judging {
	const struct hf_claims *claims;
	const struct hf_device_trusts_options *options;
	struct target *targets;
	size_t count;
	struct hf_arena scratch;	/* a worker has its own copy */
	struct hf_device_trusts *trusts;
};

/* ---- in a worker ---- */

static enum hf_err judge(void *self, size_t index, struct hf_writer *w)
{
	struct judging *j = self;
	const struct target *t = &j->targets[index];
	struct hf_device_question q = { .trust = j->options->trust,
					.manifests = j->options->manifests, .now = j->options->now };
	enum hf_err err;

	j->scratch.len = 0;
	err = hf_transcript_check(t->function, t->transcript->bytes, j->options->seed, &j->scratch, &q,
				  NULL, NULL, 0);
	if (!err)
		err = q.cause;
	if (!err)
		hf_put_le(w, (uint64_t)(q.anchor - j->options->trust->anchors), ANSWER);
	return err;
}

/* ---- in the parent ---- */

static struct hf_device_trust *find(struct hf_device_trust *list, const char *path)
{
	while (list && strcmp(list->path, path) != 0)
		list = list->next;
	return list;
}

static enum hf_err note(struct judging *j, const struct target *t, enum hf_err cause,
			const char *anchor)
{
	struct hf_device_trust *entry = find(j->trusts->list, t->function->path);

	if (entry) {
		if (cause && !entry->cause)
			*entry = (struct hf_device_trust){ entry->next, entry->path, cause, NULL };
		return HF_OK;
	}
	entry = hf_arena_take(j->claims->arena, sizeof(*entry));
	if (!entry)
		return HF_ERR_NO_MEMORY;
	*entry = (struct hf_device_trust){ j->trusts->list, t->function->path, cause, anchor };
	j->trusts->list = entry;
	return HF_OK;
}

/* What a worker says of its own part is all that it can lie about. */
static enum hf_err take(void *self, const struct hf_pool_answer *answer)
{
	struct judging *j = self;
	const struct target *t = &j->targets[answer->index];
	uint64_t anchor = answer->bytes.len == ANSWER ? hf_le(answer->bytes.ptr, ANSWER) : UINT64_MAX;
	enum hf_err err;

	(void)hf_watch_kick();
	if (answer->err)
		return note(j, t, answer->err, NULL);
	if (anchor < j->options->trust->count && j->options->trust->anchors[anchor].role == HF_ANCHOR_DEVICE)
		return note(j, t, HF_OK, j->options->trust->anchors[anchor].name);
	err = note(j, t, HF_ERR_READER_DIED, NULL);
	return err ? err : HF_ERR_READER_DIED;
}

static size_t owner_of(const void *self, size_t index)
{
	const struct judging *j = self;

	return j->targets[index].owner;
}

static bool names(const struct hf_function *f, const struct hf_attachment *a)
{
	const struct hf_measurement *m = hf_measurement_find(f->measurements, HF_MKEY_TRANSCRIPT);

	return m && m->kind == HF_VALUE_DIGESTS && m->digest_count &&
	       hf_digest_equal(&m->digests[0], &a->sha384) && strcmp(f->path, a->path) == 0;
}

/* By the last claims that name it. */
static void aim(const struct hf_claims *claims, const struct hf_attachment *a, struct target *ret)
{
	size_t index = 0;

	*ret = (struct target){ .transcript = a };
	for (const struct hf_part *p = claims->parts; p; p = p->next, index++)
		for (const struct hf_function *f = p->functions; f; f = f->next)
			if (names(f, a))
				*ret = (struct target){ a, f, index };
}

static enum hf_err list_targets(struct judging *j)
{
	const struct hf_attachment *first = j->trusts->seen ? j->trusts->seen->next
							    : j->claims->attachments;
	size_t count = 0;

	for (const struct hf_attachment *a = first; a; a = a->next)
		count++;
	j->targets = hf_arena_take(j->claims->arena, count * sizeof(*j->targets));
	if (!j->targets)
		return HF_ERR_NO_MEMORY;
	for (const struct hf_attachment *a = first; a; a = a->next) {
		j->trusts->seen = a;
		aim(j->claims, a, &j->targets[j->count]);
		j->count += j->targets[j->count].function != NULL;
	}
	return HF_OK;
}

enum hf_err hf_device_trusts_take(const struct hf_claims *claims,
				  const struct hf_device_trusts_options *options,
				  struct hf_device_trusts *trusts)
{
	const struct hf_pool_options pool = { .device_ms = options->device_ms, .answer_max = ANSWER,
					      .owner = owner_of, .sandbox = HF_SANDBOX_PARSER };
	struct judging j = { .claims = claims, .options = options, .trusts = trusts };
	enum hf_err err = list_targets(&j);

	if (err || !j.count)
		return err;
	err = hf_digest_warm();	/* once, not in every child: none of them may open a file */
	if (!err)
		err = hf_arena_make(SCRATCH, &j.scratch);
	if (err)
		return err;
	err = hf_pool_run(&pool, j.count, judge, take, &j);
	hf_arena_drop(&j.scratch);
	return err;
}
