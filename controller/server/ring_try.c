/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What other manifests would make of hosts, by the newest evidence of each. Nobody hears of it but who
 * asked. */
#include "controller/server/ring.h"

#include <stdio.h>

#include "controller/server/api_json.h"
#include "controller/server/reply.h"
#include "controller/trial.h"
#include "measure/wire.h"

#define PAGE 500
#define JUDGE_ARENA ((size_t)512 << 20)	/* of one host at a time; lazily backed */

struct host { char id[HF_HOST_ID_MAX + 1], ring[HF_HOST_ID_MAX + 1]; };
struct trial {
	struct hf_request *request;
	const struct hf_ring_try *in;
	struct hf_ring_tried *out;
	struct hf_arena arena;		/* of the host that is tried */
	struct hf_ring_set *now;	/* the ring of the host before, if it is in one */
	struct host page[PAGE];
	size_t count;
	struct hf_fault *fault;
};

static enum hf_err add(void *self, const struct hf_host_record *host)
{
	struct trial *t = self;
	struct host *h = &t->page[t->count++];

	snprintf(h->id, sizeof(h->id), "%s", host->inventory.id);
	snprintf(h->ring, sizeof(h->ring), "%s", host->inventory.ring);
	return HF_OK;
}

/* The gate's; of a host that never came so far, what it said as it held itself. */
static enum hf_err newest(struct trial *t, const char *id, struct hf_evidence *ret)
{
	static const enum hf_evidence_kind kinds[] = { HF_EVIDENCE_GATE, HF_EVIDENCE_HELD };
	struct hf_verdict_record verdict;
	enum hf_err err = HF_ERR_NONCE_UNKNOWN;

	for (size_t i = 0; i < 2 && err == HF_ERR_NONCE_UNKNOWN; i++)
		err = hf_store_last_evidence(t->request->controller->store, id, kinds[i], false,
					     (struct hf_span){ NULL, 0 }, &t->arena, &verdict, t->fault);
	return err ? err : hf_evidence_from_cmw_cbor(verdict.evidence, ret);
}

static enum hf_err judge(struct trial *t, const struct hf_evidence *evidence, const struct hf_manifests *manifests,
			 struct hf_trial_verdict *ret)
{
	const struct hf_trial_input in = { .evidence = evidence, .manifests = manifests,
					   .trust = &t->in->policy->trust, .now = t->request->now };
	const size_t mark = t->arena.len;
	enum hf_err err = hf_trial_judge(&in, &t->arena, ret, t->fault);

	t->arena.len = mark;
	return err;
}

/* The host remembers the greatest generation that it saw of a model, and holds by an older one. */
static void go_back(const struct hf_trial_verdict *before, struct hf_trial_verdict *after)
{
	if (!after->model[0] || strcmp(before->model, after->model) != 0 || after->generation >= before->generation)
		return;
	after->outcome = HF_TRIAL_HOLD;
	after->cause = HF_ERR_MANIFEST_GENERATION;
	snprintf(after->place, sizeof(after->place), "host");
	snprintf(after->found, sizeof(after->found), "generation %llu, now %llu", (unsigned long long)after->generation,
		 (unsigned long long)before->generation);
}

/* What gates that host today; NULL: a ring that does not verify any more, which lets nobody through. */
static enum hf_err present(struct trial *t, const struct host *h, const struct hf_manifests **ret)
{
	enum hf_err err = HF_OK;

	if (*h->ring && (!t->now || strcmp(t->now->name, h->ring) != 0)) {
		hf_ring_drop(t->now);
		t->now = NULL;
		err = hf_ring_take(t->request->controller, t->in->policy, h->ring, &t->arena, &t->now, t->fault);
	}
	if (err && hf_reply_own_trouble(err))
		return err;
	*ret = err ? NULL : hf_ring_gate(*h->ring ? t->now : NULL, t->in->policy);
	return HF_OK;
}

static enum hf_err name(struct trial *t, const struct host *h, const struct hf_trial_verdict *before,
			const struct hf_trial_verdict *after)
{
	json_t *json;

	if (t->out->worse > HF_RING_WORSE_MAX)
		return HF_OK;
	json = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "host", h->id, "before",
			 hf_trial_outcome_name(before->outcome), "after", hf_trial_outcome_name(after->outcome), "cause",
			 hf_err_name(after->cause), "place", hf_api_string(after->place), "found",
			 hf_api_string(after->found), "model", hf_api_string(after->model));
	return json && json_array_append_new(t->out->list, json) == 0 ? HF_OK : HF_ERR_NO_MEMORY;
}

static enum hf_err try_host(struct trial *t, const struct host *h)
{
	const struct hf_manifests *manifests;
	struct hf_trial_verdict before = { .outcome = HF_TRIAL_HOLD }, after;
	struct hf_evidence evidence;
	enum hf_err err;

	t->arena.len = 0;
	t->out->hosts++;
	err = newest(t, h->id, &evidence);
	/* It never showed any, or what it showed is none: there is nothing to lose. This controller's own
	 * trouble is no such word: a trial that missed hosts for it would let through what it is to keep back. */
	if (err)
		return err == HF_ERR_LIMIT || hf_reply_own_trouble(err) ? err : HF_OK;
	err = present(t, h, &manifests);
	if (err)
		return err;
	err = manifests ? judge(t, &evidence, manifests, &before) : HF_OK;
	if (err)
		return hf_reply_own_trouble(err) ? err : HF_OK;
	err = judge(t, &evidence, t->in->after, &after);
	if (err)	/* the same evidence was fine a moment ago */
		return manifests || hf_reply_own_trouble(err) ? hf_fail(t->fault, err, h->id, "%s", "its evidence cannot be tried") :
		       HF_OK;
	if (!t->in->choice->of)		/* a ring's own hosts: told once for each model (api_ring.c) */
		go_back(&before, &after);
	t->out->tried++;
	t->out->better += after.outcome < before.outcome;
	if (after.outcome <= before.outcome)
		return HF_OK;
	t->out->worse++;
	return name(t, h, &before, &after);
}

static enum hf_err try_all(struct trial *t)
{
	char after[HF_HOST_ID_MAX + 1] = "";
	enum hf_err err;

	do {
		t->count = 0;
		err = hf_store_ring_hosts(t->request->controller->store, t->in->choice, after, PAGE, add, t, t->fault);
		for (size_t i = 0; i < t->count && !err; i++)
			err = try_host(t, &t->page[i]);
		if (t->count)
			snprintf(after, sizeof(after), "%s", t->page[t->count - 1].id);
		if (atomic_load(&t->request->controller->stopping))
			err = hf_fail(t->fault, HF_ERR_STORE_FAILED, NULL, "the controller stops");
	} while (!err && t->count == PAGE);
	return err;
}

enum hf_err hf_ring_try(struct hf_request *request, const struct hf_ring_try *in, struct hf_ring_tried *ret,
			struct hf_fault *fault)
{
	struct trial *t = hf_arena_take(request->arena, sizeof(*t));
	enum hf_err err = HF_ERR_NO_MEMORY;

	*ret = (struct hf_ring_tried){ .list = json_array() };
	if (!t || !ret->list)
		return hf_fail(fault, err, NULL, "a trial of hosts");
	t->request = request;
	t->in = in;
	t->out = ret;
	t->fault = fault;
	err = hf_arena_make(JUDGE_ARENA, &t->arena);
	if (!err) {
		err = try_all(t);
		hf_arena_drop(&t->arena);
	}
	hf_ring_drop(t->now);
	return err;
}
