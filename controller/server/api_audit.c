/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit: who did what, the heads to keep elsewhere, and whether it is whole. */
#include "controller/server/api_json.h"

#include <stdio.h>

#include "controller/inventory.h"

#define CHAIN_HEX 32

struct page {
	json_t *rows;
	size_t limit;
	int64_t seq, at;	/* of the last */
	bool more;
};

static enum hf_err add_entry(void *self, const struct hf_audit_entry *entry)
{
	struct page *page = self;

	if (json_array_size(page->rows) == page->limit) {
		page->more = true;
		return HF_OK;
	}
	page->seq = entry->seq;
	page->at = entry->at;
	return json_array_append_new(page->rows, hf_api_audit_entry(entry)) ? HF_ERR_NO_MEMORY : HF_OK;
}

static const char *query(const struct hf_request *request, const char *name)
{
	return request->query ? request->query(request, name) : NULL;
}

static enum hf_err take_page(const struct hf_request *request, struct page *page, struct hf_fault *fault)
{
	int64_t limit;
	enum hf_err err = hf_api_number(request, "limit", 1, HF_API_PAGE_MAX, HF_API_PAGE, &limit, fault);

	page->limit = err ? 0 : (size_t)limit;
	return err;
}

static enum hf_err one_chain(const struct hf_request *request, const char *chain, struct page *page,
			     struct hf_fault *fault)
{
	int64_t after;
	enum hf_err err = hf_api_number(request, "after", 0, INT64_MAX, 0, &after, fault);

	if (!err && (strlen(chain) != CHAIN_HEX || strspn(chain, "0123456789abcdef") != CHAIN_HEX))
		err = hf_fail(fault, HF_ERR_API_REFUSED, NULL, "chain=%.40s: 32 hex digits", chain);
	return err ? err : hf_store_audit(request->controller->store, chain, after, page->limit + 1, add_entry, page,
					  fault);
}

/* Entries of one second have no order of their own, so that a page begins with the second that
 * the last one ended with; a second that fills a whole page ends the list. */
static enum hf_err newest(const struct hf_request *request, struct page *page, struct hf_fault *fault)
{
	const char *host = query(request, "host");
	int64_t before;
	enum hf_err err = hf_api_number(request, "before", 1, INT64_MAX, 0, &before, fault);

	if (!err && host && !hf_host_id_valid(host))
		err = hf_fail(fault, HF_ERR_API_REFUSED, NULL, "host=%.40s is no name of a host", host);
	if (!err)
		err = hf_store_audit_newest(request->controller->store, host, before, page->limit + 1, add_entry, page,
					    fault);
	page->more = page->more && (!before || page->at + 1 < before);
	return err;
}

static void reply(struct hf_request *request, enum hf_err err, const struct hf_fault *fault, struct page *page,
		  int64_t next, struct hf_response *response)
{
	if (err) {
		json_decref(page->rows);
		hf_api_fault(request, err, fault, response);
		return;
	}
	hf_api_reply(request, json_pack("{s:o, s:o}", "entries", page->rows, "next",
					page->more ? json_integer(next) : json_null()), response);
}

void hf_api_audit(struct hf_request *request, struct hf_response *response)
{
	struct page page = { .rows = json_array() };
	struct hf_fault fault = { 0 };
	const char *chain = query(request, "chain");
	enum hf_err err = page.rows ? take_page(request, &page, &fault) : HF_ERR_NO_MEMORY;

	if (!err && (chain ? query(request, "host") || query(request, "before") : query(request, "after") != NULL))
		err = hf_fail(&fault, HF_ERR_API_REFUSED, NULL, "ask with chain and after, or with host and before");
	if (!err)
		err = chain ? one_chain(request, chain, &page, &fault) : newest(request, &page, &fault);
	reply(request, err, &fault, &page, chain ? page.seq : page.at + 1, response);
}

void hf_api_audit_heads(struct hf_request *request, struct hf_response *response)
{
	struct page page = { .rows = json_array() };
	struct hf_fault fault = { 0 };
	enum hf_err err = page.rows ? take_page(request, &page, &fault) : HF_ERR_NO_MEMORY;

	if (!err)
		err = hf_store_audit_heads(request->controller->store, page.limit, add_entry, &page, &fault);
	page.more = false;	/* there is no way to ask for those after it */
	reply(request, err, &fault, &page, 0, response);
}

static void tell_verified(struct hf_request *request, enum hf_err err, const struct hf_audit_count *count,
			  const struct hf_fault *fault, struct hf_response *response)
{
	char detail[sizeof(fault->where) + sizeof(fault->detail) + 4];

	if (!err) {
		hf_api_reply(request, json_pack("{s:b, s:I, s:I, s:I}", "intact", 1, "entries",
						(json_int_t)count->entries, "chains", (json_int_t)count->chains,
						"verdicts", (json_int_t)count->verdicts), response);
		return;
	}
	snprintf(detail, sizeof(detail), "%s: %s", fault->where, fault->detail);
	hf_log_event("error", "audit-broken", "detail", detail, NULL);
	hf_api_reply(request, json_pack("{s:b, s:s, s:o}", "intact", 0, "cause", hf_err_name(err), "detail",
					hf_api_string(detail)), response);
}

/* It reads everything: the table of routes says that this is slow. */
void hf_api_audit_verify(struct hf_request *request, struct hf_response *response)
{
	struct hf_controller *controller = request->controller;
	struct hf_audit_count count = { 0 };
	struct hf_fault fault = { 0 };
	enum hf_err err;

	err = hf_store_audit_verify(controller->store, &controller->stopping, &count, &fault);
	if (err && err != HF_ERR_AUDIT_BROKEN)
		hf_api_fault(request, err, &fault, response);
	else
		tell_verified(request, err, &count, &fault, response);
}
