/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was judged, why, and on what evidence. */
#include "controller/server/api_json.h"

#include <stdio.h>

/* ---- lists ---- */

struct page {
	json_t *rows;
	size_t limit;
	int64_t last;
	bool more;
};

static enum hf_err add_verdict(void *self, const struct hf_verdict_record *verdict)
{
	struct page *page = self;

	if (json_array_size(page->rows) == page->limit) {
		page->more = true;
		return HF_OK;
	}
	page->last = verdict->id;
	return json_array_append_new(page->rows, hf_api_verdict(verdict)) ? HF_ERR_NO_MEMORY : HF_OK;
}

static enum hf_err list(const struct hf_request *request, struct page *page, struct hf_fault *fault)
{
	struct hf_store *store = request->controller->store;
	struct hf_host_record host;
	int64_t before, limit;
	enum hf_err err = hf_api_number(request, "before", 1, INT64_MAX, 0, &before, fault);

	if (!err)
		err = hf_api_number(request, "limit", 1, HF_API_PAGE_MAX, HF_API_PAGE, &limit, fault);
	if (!err && request->host)
		err = hf_store_host(store, request->host, request->arena, &host, fault);
	if (err)
		return err;
	page->limit = (size_t)limit;
	return hf_store_verdicts(store, request->host, before, page->limit + 1, add_verdict, page, fault);
}

void hf_api_verdicts(struct hf_request *request, struct hf_response *response)
{
	struct page page = { .rows = json_array() };
	struct hf_fault fault = { 0 };
	enum hf_err err = page.rows ? list(request, &page, &fault) : HF_ERR_NO_MEMORY;

	if (err) {
		json_decref(page.rows);
		hf_api_fault(request, err, &fault, response);
		return;
	}
	hf_api_reply(request, json_pack("{s:o, s:o}", "verdicts", page.rows, "next",
					page.more ? json_integer(page.last) : json_null()), response);
}

/* Of all hosts: the route has none. */
void hf_api_verdicts_all(struct hf_request *request, struct hf_response *response)
{
	hf_api_verdicts(request, response);
}

/* ---- one verdict ---- */

/* Of this host and of no other; without ?verdict=: the one that put it where it is. */
typedef enum hf_err (*getter)(struct hf_store *store, int64_t id, struct hf_arena *arena,
			      struct hf_verdict_record *ret, struct hf_fault *fault);

static enum hf_err take_verdict(struct hf_request *request, getter get, struct hf_verdict_record *ret,
				struct hf_fault *fault)
{
	struct hf_store *store = request->controller->store;
	struct hf_host_record host;
	int64_t id;
	enum hf_err err = hf_api_number(request, "verdict", 1, INT64_MAX, 0, &id, fault);

	if (!err)
		err = hf_store_host(store, request->host, request->arena, &host, fault);
	if (err)
		return err;
	id = id ? id : host.last_verdict_id;
	err = id ? get(store, id, request->arena, ret, fault) : HF_ERR_NONCE_UNKNOWN;
	if (!err && strcmp(ret->host, request->host) != 0)
		err = HF_ERR_NONCE_UNKNOWN;
	return err;
}

static void refuse(struct hf_request *request, enum hf_err err, const struct hf_fault *fault,
		   struct hf_response *response)
{
	if (err == HF_ERR_NONCE_UNKNOWN)
		hf_api_refuse(request, 404, HF_ERR_API_REFUSED, "the host has no such verdict", response);
	else
		hf_api_fault(request, err, fault, response);
}

/* The checks, the findings and the drift, as they were kept with the verdict. */
void hf_api_appraisal(struct hf_request *request, struct hf_response *response)
{
	struct hf_verdict_record verdict;
	struct hf_fault fault = { 0 };
	enum hf_err err = take_verdict(request, hf_store_verdict_get, &verdict, &fault);
	json_t *report;

	if (err) {
		refuse(request, err, &fault, response);
		return;
	}
	report = json_loads(verdict.report, 0, NULL);
	hf_api_reply(request, json_pack("{s:o, s:o}", "verdict", hf_api_verdict(&verdict), "appraisal",
					report ? report : json_null()), response);
}

void hf_api_evidence(struct hf_request *request, struct hf_response *response)
{
	struct hf_verdict_record verdict;
	struct hf_fault fault = { 0 };
	enum hf_err err = take_verdict(request, hf_store_verdict_evidence, &verdict, &fault);

	if (err)
		refuse(request, err, &fault, response);
	else if (!verdict.evidence.len)
		hf_api_refuse(request, 404, HF_ERR_API_REFUSED, "that evidence is not kept any more: the last two of each "
			      "kind are", response);
	else
		*response = (struct hf_response){ .status = 200, .content_type = HF_WIRE_EVIDENCE_TYPE,
						  .body = verdict.evidence };
}
