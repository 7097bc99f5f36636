/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inventory: import, list, show, remove. */
#include "controller/server/api_json.h"

#include <stdio.h>

#include "controller/inventory.h"

static struct hf_by by_of(const struct hf_request *request)
{
	return (struct hf_by){ .actor = request->actor, .now = request->now };
}

/* ---- import ---- */

struct import { size_t count, added; };

static enum hf_err import(struct hf_request *request, struct hf_arena *arena, struct import *ret,
			  struct hf_fault *fault)
{
	const struct hf_by by = by_of(request);
	struct hf_inventory *hosts;
	enum hf_err err;

	if (request->content_type && !hf_api_is_type(request, HF_API_JSON) && !hf_api_is_type(request, "text/csv"))
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "Content-Type is %.60s: send text/csv or application/json",
			       request->content_type);
	err = hf_inventory_parse(request->body, arena, &hosts, &ret->count, fault);
	return err ? err : hf_store_import(request->controller->store, hosts, ret->count, &by, &ret->added, fault);
}

/* The largest inventory takes more than a request's arena holds beside its body. */
void hf_api_hosts_import(struct hf_request *request, struct hf_response *response)
{
	struct import done = { 0 };
	struct hf_fault fault = { 0 };
	struct hf_arena arena;
	enum hf_err err = hf_arena_make(HF_INVENTORY_ARENA, &arena);
	char count[24], added[24];

	if (!err) {
		err = import(request, &arena, &done, &fault);
		hf_arena_drop(&arena);
	}
	if (err) {
		hf_api_fault(request, err, &fault, response);
		return;
	}
	snprintf(count, sizeof(count), "%zu", done.count);
	snprintf(added, sizeof(added), "%zu", done.added);
	hf_log_event("info", "hosts-imported", "actor", request->actor, "hosts", count, "new", added, NULL);
	hf_api_reply(request, json_pack("{s:I, s:I}", "new", (json_int_t)done.added, "hosts", (json_int_t)done.count),
		     response);
}

/* ---- list ---- */

struct page {
	json_t *rows;
	size_t limit;
	char last[HF_HOST_ID_MAX + 1];
	bool more;
};

static enum hf_err add_host(void *self, const struct hf_host_record *host)
{
	struct page *page = self;

	if (json_array_size(page->rows) == page->limit) {	/* one more was asked for, to know this */
		page->more = true;
		return HF_OK;
	}
	snprintf(page->last, sizeof(page->last), "%s", host->inventory.id);
	return json_array_append_new(page->rows, hf_api_host(host, NULL)) ? HF_ERR_NO_MEMORY : HF_OK;
}

static enum hf_err take_state(const struct hf_request *request, int *ret, struct hf_fault *fault)
{
	const char *text = request->query ? request->query(request, "state") : NULL;

	*ret = -1;
	for (enum hf_lease s = HF_LEASE_IN_USE; text && s <= HF_LEASE_HELD; s++)
		if (strcmp(text, hf_lease_name(s)) == 0)
			*ret = (int)s;
	return !text || *ret >= 0 ? HF_OK :
	       hf_fail(fault, HF_ERR_API_REFUSED, NULL, "state=%.40s: in-use, reclaimed, challenged or held", text);
}

static enum hf_err list(const struct hf_request *request, struct page *page, struct hf_fault *fault)
{
	const char *after = request->query ? request->query(request, "after") : NULL;
	int64_t limit;
	int state;
	enum hf_err err = take_state(request, &state, fault);

	if (!err)
		err = hf_api_number(request, "limit", 1, HF_API_PAGE_MAX, HF_API_PAGE, &limit, fault);
	if (err)
		return err;
	if (after && !hf_host_id_valid(after))
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "after=%.40s is no name of a host", after);
	page->limit = (size_t)limit;
	return hf_store_hosts(request->controller->store, after, state, page->limit + 1, add_host, page, fault);
}

void hf_api_hosts_list(struct hf_request *request, struct hf_response *response)
{
	struct page page = { .rows = json_array() };
	struct hf_fault fault = { 0 };
	enum hf_err err = page.rows ? list(request, &page, &fault) : HF_ERR_NO_MEMORY;

	if (err) {
		json_decref(page.rows);
		hf_api_fault(request, err, &fault, response);
		return;
	}
	hf_api_reply(request, json_pack("{s:o, s:s?}", "hosts", page.rows, "next", page.more ? page.last : NULL),
		     response);
}

/* ---- one host ---- */

/* A verdict that was pruned meanwhile is no reason to show no host. */
void hf_api_host_show(struct hf_request *request, struct hf_response *response)
{
	struct hf_store *store = request->controller->store;
	struct hf_verdict_record verdict;
	struct hf_host_record host;
	struct hf_fault fault = { 0 };
	bool judged = false;
	enum hf_err err = hf_store_host(store, request->host, request->arena, &host, &fault);

	if (!err && host.last_verdict_id) {
		err = hf_store_verdict_get(store, host.last_verdict_id, request->arena, &verdict, &fault);
		judged = err == HF_OK;
		err = err == HF_ERR_NONCE_UNKNOWN ? HF_OK : err;
	}
	if (err)
		hf_api_fault(request, err, &fault, response);
	else
		hf_api_reply(request, hf_api_host(&host, judged ? &verdict : NULL), response);
}

void hf_api_host_remove(struct hf_request *request, struct hf_response *response)
{
	const struct hf_by by = by_of(request);
	struct hf_fault fault = { 0 };
	enum hf_err err = hf_store_remove(request->controller->store, request->host, &by, &fault);

	if (err) {
		hf_api_fault(request, err, &fault, response);
		return;
	}
	hf_log_event("info", "host-removed", "actor", request->actor, "host", request->host, NULL);
	hf_api_done(response);
}
