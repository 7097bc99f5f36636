/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rings: list, show, put, remove. {id} of these routes is the ring's name. */
#include "controller/server/api_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "controller/log_json.h"
#include "controller/server/api_ring.h"
#include "controller/server/reply.h"

struct hf_by hf_api_by(const struct hf_request *request)
{
	return (struct hf_by){ .actor = request->actor, .now = request->now };
}

/* ---- as people see it ---- */

static json_t *ring_json(const struct hf_ring_record *r)
{
	json_t *models = json_loads(r->about, 0, NULL);

	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:o}", "name", r->name, "stage",
			 hf_ring_stage_name(r->stage), "digest", hf_hex_json(r->digest), "models",
			 models ? models : json_array(), "hosts", (json_int_t)r->hosts, "bytes",
			 (json_int_t)r->bytes, "at", (json_int_t)r->at, "by", hf_api_string(r->by));
}

static enum hf_err add(void *self, const struct hf_ring_record *r)
{
	return json_array_append_new(self, ring_json(r)) == 0 ? HF_OK : HF_ERR_NO_MEMORY;
}

void hf_api_rings(struct hf_request *request, struct hf_response *response)
{
	json_t *rows = json_array();
	struct hf_fault fault = { 0 };
	enum hf_err err = rows ? hf_store_rings(request->controller->store, add, rows, &fault) : HF_ERR_NO_MEMORY;

	if (err) {
		json_decref(rows);
		hf_api_fault(request, err, &fault, response);
		return;
	}
	hf_api_reply(request, json_pack("{s:o}", "rings", rows), response);
}

static int put_files(json_t *json, const struct hf_ring_files *files)
{
	json_t *list = json_array();
	int failed = 0;

	for (size_t i = 0; i < files->count; i++) {
		struct hf_digest d;

		if (hf_digest(HF_ALG_SHA256, files->list[i].bytes, &d) != HF_OK)
			failed = -1;
		else
			failed |= json_array_append_new(list, json_pack("{s:s, s:o}", "name", files->list[i].name, "sha256",
							hf_hex_json((struct hf_span){ d.bytes, 32 })));
	}
	return failed | json_object_set_new(json, "files", list);
}

void hf_api_ring_show(struct hf_request *request, struct hf_response *response)
{
	struct hf_ring_record ring;
	struct hf_ring_files files;
	struct hf_fault fault = { 0 };
	enum hf_err err = hf_store_ring(request->controller->store, request->host, HF_RING_WHOLE, request->arena, &ring,
					&fault);
	json_t *json;

	if (!err)
		err = hf_ring_unpack(ring.bundle, request->arena, &files, &fault);
	if (err) {
		hf_api_fault(request, err, &fault, response);
		return;
	}
	json = ring_json(&ring);
	if (json && put_files(json, &files) != 0) {
		json_decref(json);
		json = NULL;
	}
	hf_api_reply(request, json, response);
}

void hf_api_ring_remove(struct hf_request *request, struct hf_response *response)
{
	const struct hf_by by = hf_api_by(request);
	struct hf_fault fault = { 0 };
	enum hf_err err = hf_store_ring_remove(request->controller->store, request->host, &by, &fault);

	if (err) {
		hf_api_fault(request, err, &fault, response);
		return;
	}
	hf_log_event("info", "ring-removed", "actor", request->actor, "ring", request->host, NULL);
	hf_api_done(response);
}

/* ---- putting one ---- */

struct put {
	struct hf_request *request;
	struct hf_policy_set *policy;
	struct hf_ring_record ring, before;	/* before.version 0: it is new */
	struct hf_manifests *manifests;
	struct hf_arena arena;		/* theirs */
	struct hf_ring_tried tried;
	const char *why;
	struct hf_fault fault;
};

bool hf_api_why_good(const char *why, struct hf_fault *fault)
{
	if (!why || (*why && strlen(why) <= HF_API_WHY_MAX))
		return true;
	return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "accept-worse is a reason of 1 to %d bytes",
		       HF_API_WHY_MAX) == HF_OK;
}

static enum hf_err take_words(struct put *p)
{
	struct hf_request *r = p->request;
	const char *stage = r->query ? r->query(r, "stage") : NULL;

	p->why = r->query ? r->query(r, "accept-worse") : NULL;
	p->ring.name = r->host;
	if (strcmp(r->host, HF_RING_DEFAULT) == 0)
		return hf_fail(&p->fault, HF_ERR_API_REFUSED, NULL, "the default ring is the directory --manifests");
	if (!stage || !hf_ring_stage_from_name(stage, &p->ring.stage))
		return hf_fail(&p->fault, HF_ERR_API_REFUSED, NULL, "stage=%.40s: observe, audit or enforce",
			       stage ? stage : "");
	if (!hf_api_why_good(p->why, &p->fault))
		return HF_ERR_API_REFUSED;
	return r->content_type && hf_api_is_type(r, HF_RING_TYPE) ? HF_OK :
	       hf_fail(&p->fault, HF_ERR_API_REFUSED, NULL, "Content-Type is %.60s: send " HF_RING_TYPE,
		       r->content_type ? r->content_type : "not said");
}

static enum hf_err take_archive(struct put *p)
{
	struct hf_arena *arena = p->request->arena;
	struct hf_digest *digest = hf_arena_take(arena, sizeof(*digest));
	struct hf_ring_files files;
	enum hf_err err = hf_ring_unpack(p->request->body, arena, &files, &p->fault);

	p->manifests = hf_arena_take(&p->arena, sizeof(*p->manifests));
	if (!digest || !p->manifests)
		return HF_ERR_NO_MEMORY;
	p->manifests->arena = &p->arena;
	if (!err)
		err = hf_ring_verify(&files, p->policy, p->request->now, p->manifests, &p->fault);
	if (!err)
		err = hf_ring_stage_fits(p->manifests, p->ring.stage, &p->fault);
	if (!err)
		err = hf_ring_pack(&files, arena, &p->ring.bundle);
	if (!err)
		err = hf_digest(HF_ALG_SHA256, p->ring.bundle, digest);
	if (err)
		return err;
	p->ring.digest = (struct hf_span){ digest->bytes, 32 };
	p->ring.about = hf_ring_about(p->manifests, arena);
	return p->ring.about ? HF_OK : HF_ERR_NO_MEMORY;
}

static const struct hf_model *find(const struct hf_manifests *manifests, const char *name)
{
	const struct hf_model *m = manifests->models;

	while (m && strcmp(m->name, name) != 0)
		m = m->next;
	return m;
}

/* Each host keeps the greatest generation that it ever saw, and holds by an older one. */
static enum hf_err count_older(struct put *p, const struct hf_manifests *before, const struct hf_manifests *after)
{
	for (const struct hf_model *old = before->models; old; old = old->next) {
		const struct hf_model *new = find(after, old->name);
		json_t *json;

		if (!new || new->generation >= old->generation)
			continue;
		p->tried.worse++;
		json = json_pack("{s:s, s:s, s:I, s:I}", "model", new->name, "cause",
				 hf_err_name(HF_ERR_MANIFEST_GENERATION), "before", (json_int_t)old->generation, "after",
				 (json_int_t)new->generation);
		if (!json || json_array_append_new(p->tried.list, json) != 0)
			return HF_ERR_NO_MEMORY;
	}
	return HF_OK;
}

static enum hf_err try(struct put *p)
{
	struct hf_controller *c = p->request->controller;
	const struct hf_ring_choice choice = { .of = p->ring.name };
	const struct hf_ring_try in = { &choice, p->ring.stage == HF_RING_OBSERVE ? p->policy->manifests :
					p->manifests, p->policy };
	struct hf_ring_set *set = NULL;
	enum hf_err err = hf_store_ring(c->store, p->ring.name, HF_RING_ALONE, p->request->arena, &p->before, &p->fault);

	if (err == HF_ERR_RING_UNKNOWN)
		return (p->tried.list = json_array()) ? HF_OK : HF_ERR_NO_MEMORY;
	if (err)
		return err;
	p->ring.version = p->before.version;
	err = hf_ring_try(p->request, &in, &p->tried, &p->fault);
	if (err)
		return err;
	/* One that does not verify any more gates nobody, and says nothing of generations. */
	err = hf_ring_take(c, p->policy, p->ring.name, p->request->arena, &set, &p->fault);
	if (!err)
		err = count_older(p, hf_ring_gate(set, p->policy), in.after);
	else if (!hf_reply_own_trouble(err))
		err = HF_OK;
	hf_ring_drop(set);
	return err;
}

static json_t *counts(const struct hf_ring_tried *t)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "hosts", (json_int_t)t->hosts, "tried", (json_int_t)t->tried, "better",
			 (json_int_t)t->better, "worse", (json_int_t)t->worse);
}

void hf_api_worse(struct hf_request *request, const struct hf_ring_tried *t, struct hf_response *response)
{
	const enum hf_err err = HF_ERR_RING_WORSE;
	char detail[128];
	json_t *json;

	snprintf(detail, sizeof(detail), "%llu of %llu", (unsigned long long)t->worse, (unsigned long long)t->hosts);
	json = json_pack("{s:s, s:s, s:s, s:s, s:o, s:O}", "cause", hf_err_name(err), "detail", detail, "sentence",
			 hf_err_sentence(err), "next", hf_err_next_step(err), "tried", counts(t), "worse", t->list);
	hf_log_event("warning", "request-refused", "path", request->path, "actor", request->actor, "host", request->host,
		     "cause", hf_err_name(err), "detail", detail, NULL);
	hf_api_reply(request, json, response);
	response->status = response->status == 200 ? 409 : response->status;
}

void hf_api_tried(struct hf_request *request, const char *name, size_t moved, const struct hf_ring_tried *tried,
		  struct hf_response *response)
{
	struct hf_ring_record ring;
	struct hf_fault fault = { 0 };
	json_t *json;
	enum hf_err err = HF_OK;

	if (*name)
		err = hf_store_ring(request->controller->store, name, HF_RING_COUNTED, request->arena, &ring, &fault);
	if (err) {
		hf_api_fault(request, err, &fault, response);
		return;
	}
	json = json_pack("{s:o, s:I, s:o, s:O}", "ring", *name ? ring_json(&ring) : json_null(), "moved", (json_int_t)moved,
			 "tried", counts(tried), "worse", tried->list);
	hf_api_reply(request, json, response);
}

static enum hf_err put(struct put *p)
{
	const struct hf_by by = hf_api_by(p->request);
	enum hf_err err = take_words(p);

	if (!err)
		err = hf_arena_make(HF_HTTP_ARENA_OF_RING, &p->arena);
	if (!err)
		err = take_archive(p);
	if (!err)
		err = try(p);
	if (!err && p->tried.worse && !p->why)
		return HF_ERR_RING_WORSE;
	if (!err)
		err = hf_store_ring_put(p->request->controller->store, &p->ring, p->tried.worse,
					p->tried.worse ? p->why : NULL, &by, &p->fault);
	return err;
}

/* What a file's signature or shape is refused for is the fault of who sent it. */
static void refuse(struct put *p, enum hf_err err, struct hf_response *response)
{
	char text[sizeof(p->fault.where) + sizeof(p->fault.detail) + 4];

	if (err == HF_ERR_RING_WORSE) {
		hf_api_worse(p->request, &p->tried, response);
	} else if (hf_api_status(err) != 503 || hf_reply_own_trouble(err)) {
		hf_api_fault(p->request, err, &p->fault, response);
	} else {
		snprintf(text, sizeof(text), "%s: %s", p->fault.where, p->fault.detail);
		hf_api_refuse(p->request, 400, err, text, response);
	}
}

void hf_api_ring_put(struct hf_request *request, struct hf_response *response)
{
	struct put *p = hf_arena_take(request->arena, sizeof(*p));
	enum hf_err err;

	if (!p) {
		hf_api_fault(request, HF_ERR_NO_MEMORY, &(struct hf_fault){ 0 }, response);
		return;
	}
	p->request = request;
	p->policy = hf_policy_take(request->controller);
	err = p->policy ? put(p) : HF_ERR_INTERNAL;
	if (err) {
		refuse(p, err, response);
	} else {
		hf_log_event("info", "ring-put", "actor", request->actor, "ring", request->host, "stage",
			     hf_ring_stage_name(p->ring.stage), NULL);
		hf_api_tried(request, p->ring.name, 0, &p->tried, response);
	}
	json_decref(p->tried.list);
	if (p->arena.base)
		hf_arena_drop(&p->arena);
	hf_policy_drop(p->policy);
}
