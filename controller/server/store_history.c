/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts as they were, their evidence, and the receipts that came for them. */
#include "controller/server/store_internal.h"

#define SHORT "v.id, v.host, v.at, v.kind, v.nonce, v.reclaim, v.quote, v.boot_key, v.evidence_digest, v.status," \
	" v.release, v.cause, v.class, v.place, v.detail, v.model, v.lease, v.counted, v.reset_count," \
	" v.restart_count, v.firmware_version, v.receipt_at, v.ring, v.observed, v.observed_why"

static enum hf_err take_verdict(const struct hf_db_value *values, size_t count, struct hf_arena *arena,
				struct hf_verdict_record *r)
{
	struct hf_row row = { .values = values, .count = count, .arena = arena };

	*r = (struct hf_verdict_record){ .id = hf_row_int(&row) };
	r->host = hf_row_text(&row);
	r->at = hf_row_int(&row);
	r->kind = (enum hf_evidence_kind)hf_row_int(&row);
	r->nonce = hf_row_bytes(&row);
	r->reclaim = hf_row_bytes(&row);
	r->quote = hf_row_bytes(&row);
	r->boot_key = hf_row_bytes(&row);
	r->evidence_digest = hf_row_bytes(&row);
	r->status = (enum hf_ear_status)hf_row_int(&row);
	r->release = (enum hf_release_kind)hf_row_int(&row);
	r->cause = hf_row_text(&row);
	r->class_name = hf_row_text(&row);
	r->place = hf_row_text(&row);
	r->detail = hf_row_text(&row);
	r->model = hf_row_text(&row);
	r->lease = hf_row_text(&row);
	r->counted = hf_row_int(&row) != 0;
	r->reset_count = (uint32_t)hf_row_int(&row);
	r->restart_count = (uint32_t)hf_row_int(&row);
	r->firmware_version = (uint64_t)hf_row_int(&row);
	r->receipt_at = hf_row_int(&row);
	r->ring = hf_row_text(&row);
	r->observed = hf_row_text(&row);
	r->observed_why = hf_row_text(&row);
	r->report = hf_row_text(&row);		/* these where they were asked for */
	r->result = hf_row_bytes(&row);
	r->evidence = hf_row_bytes(&row);
	return hf_row_end(&row);
}

struct one { struct hf_arena *arena; struct hf_verdict_record *ret; };

static enum hf_err take_one(void *self, const struct hf_db_value *values, size_t count)
{
	const struct one *one = self;

	return take_verdict(values, count, one->arena, one->ret);
}

static enum hf_err get(struct hf_store *store, const char *sql, int64_t id, struct hf_arena *arena,
		       struct hf_verdict_record *ret, struct hf_fault *fault)
{
	struct hf_verdict_record found;
	struct one one = { arena, &found };
	size_t rows = 0;
	enum hf_err err = hf_store_find(store, sql, HF_PARAMS(hf_db_int(id)), take_one, &one, &rows, fault);

	if (err)
		return err;
	if (!rows)
		return hf_fail(fault, HF_ERR_NONCE_UNKNOWN, NULL, "there is no verdict %lld", (long long)id);
	*ret = found;
	return HF_OK;
}

enum hf_err hf_store_verdict_get(struct hf_store *store, int64_t id, struct hf_arena *arena,
				 struct hf_verdict_record *ret, struct hf_fault *fault)
{
	return get(store, "SELECT " SHORT ", v.report, v.result FROM verdicts v WHERE v.id = $1", id, arena, ret,
		   fault);
}

enum hf_err hf_store_verdict_evidence(struct hf_store *store, int64_t id, struct hf_arena *arena,
				      struct hf_verdict_record *ret, struct hf_fault *fault)
{
	return get(store, "SELECT " SHORT ", v.report, v.result, e.bytes FROM verdicts v"
		   " LEFT JOIN evidence e ON e.verdict = v.id WHERE v.id = $1", id, arena, ret, fault);
}

struct walk { hf_store_visit_verdict visit; void *self; };

static enum hf_err visit_row(void *self, const struct hf_db_value *values, size_t count)
{
	const struct walk *walk = self;
	struct hf_verdict_record record;
	enum hf_err err = take_verdict(values, count, NULL, &record);

	return err ? err : walk->visit(walk->self, &record);
}

enum hf_err hf_store_verdicts(struct hf_store *store, const char *host, int64_t before, size_t limit,
			      hf_store_visit_verdict visit, void *self, struct hf_fault *fault)
{
	struct walk walk = { visit, self };
	int64_t until = before > 0 ? before : INT64_MAX;

	if (host)
		return hf_store_read(store, "SELECT " SHORT ", v.report FROM verdicts v WHERE v.host = $1 AND v.id < $2"
				     " ORDER BY v.id DESC LIMIT $3",
				     HF_PARAMS(hf_db_text(host), hf_db_int(until), hf_db_int((int64_t)limit)),
				     visit_row, &walk, NULL, fault);
	return hf_store_read(store, "SELECT " SHORT ", v.report FROM verdicts v WHERE v.id < $1"
			     " ORDER BY v.id DESC LIMIT $2",
			     HF_PARAMS(hf_db_int(until), hf_db_int((int64_t)limit)), visit_row, &walk, NULL, fault);
}

#define LAST "SELECT " SHORT ", v.report, v.result, e.bytes FROM evidence e JOIN verdicts v ON v.id = e.verdict" \
	" WHERE e.host = $1 AND e.kind = $2 AND e.released >= $3"
#define NEWEST " ORDER BY e.verdict DESC LIMIT 1"

enum hf_err hf_store_last_evidence(struct hf_store *store, const char *host, enum hf_evidence_kind kind, bool released,
				   struct hf_span quote, struct hf_arena *arena, struct hf_verdict_record *ret, struct hf_fault *fault)
{
	struct hf_verdict_record found;
	struct one one = { arena, &found };
	size_t rows = 0;
	const struct hf_db_value params[] = { hf_db_text(host), hf_db_int(kind), hf_db_int(released),
					      hf_db_bytes(quote) };
	enum hf_err err = hf_store_find(store, quote.len ? LAST " AND v.quote = $4" NEWEST : LAST NEWEST, params,
					quote.len ? 4 : 3, take_one, &one, &rows, fault);

	if (err)
		return err;
	if (!rows)
		return hf_fail(fault, HF_ERR_NONCE_UNKNOWN, host, "no evidence of this kind is kept");
	*ret = found;
	return HF_OK;
}

/* ---- receipts ---- */

struct receipt { const char *host; struct hf_span quote, receipt; };
struct ticket { struct hf_arena *arena; int64_t id; struct hf_span reclaim, receipt; };

static enum hf_err take_ticket(void *self, const struct hf_db_value *values, size_t count)
{
	struct ticket *ticket = self;
	struct hf_row row = { .values = values, .count = count, .arena = ticket->arena };

	ticket->id = hf_row_int(&row);
	ticket->reclaim = hf_row_bytes(&row);
	ticket->receipt = hf_row_bytes(&row);
	return hf_row_end(&row);
}

static enum hf_err do_receipt(struct hf_tx *tx, void *self)
{
	const struct receipt *want = self;
	struct ticket ticket = { .arena = tx->arena };
	struct hf_host_row host;
	size_t rows = 0;
	enum hf_err err = hf_tx_host(tx, want->host, &host);

	if (!err)
		err = hf_tx_run(tx, "SELECT id, reclaim, receipt FROM verdicts WHERE host = $1 AND quote = $2"
				" AND release <> 0", HF_PARAMS(hf_db_text(want->host), hf_db_bytes(want->quote)),
				take_ticket, &ticket, &rows);
	if (err)
		return err;
	if (!rows)
		return hf_fail(tx->fault, HF_ERR_NONCE_UNKNOWN, want->host, "no ticket answers this quote");
	if (ticket.receipt.len)
		return hf_span_equal(ticket.receipt, want->receipt) ? HF_OK :
		       hf_fail(tx->fault, HF_ERR_NONCE_USED, want->host, "another receipt came before");
	tx->action = "receipt";
	tx->host = want->host;
	hf_tx_say_int(tx, "verdict", ticket.id);
	hf_tx_say_bytes(tx, "quote", want->quote);
	err = hf_tx_run(tx, "UPDATE verdicts SET receipt = $2, receipt_at = $3 WHERE id = $1",
			HF_PARAMS(hf_db_int(ticket.id), hf_db_bytes(want->receipt), hf_db_int(tx->by->now)), NULL, NULL,
			NULL);
	return err ? err : hf_tx_run(tx, "DELETE FROM secrets WHERE host = $1 AND reclaim = $2",
				     HF_PARAMS(hf_db_text(want->host), hf_db_bytes(ticket.reclaim)), NULL, NULL, NULL);
}

enum hf_err hf_store_receipt(struct hf_store *store, const char *host, struct hf_span quote, struct hf_span receipt,
			     const struct hf_by *by, struct hf_fault *fault)
{
	struct receipt want = { host, quote, receipt };

	if (!quote.len || !receipt.len)
		return hf_fail(fault, HF_ERR_INTERNAL, host, "a receipt is not whole");
	return hf_store_do(store, do_receipt, &want, by, NULL, fault);
}

/* ---- pruning ---- */

#define DAY 86400

struct prune { int64_t before; size_t gone; };

/* A day: the challenge of whatever goes has expired long before, and nobody asks for it again. */
static enum hf_err do_prune(struct hf_tx *tx, void *self)
{
	struct prune *prune = self;
	enum hf_err err;

	tx->action = "prune";
	err = hf_tx_run(tx, "DELETE FROM verdicts WHERE at < $1 AND NOT EXISTS"
			" (SELECT 1 FROM evidence e WHERE e.verdict = verdicts.id) AND NOT EXISTS"
			" (SELECT 1 FROM hosts h WHERE h.last_verdict_id = verdicts.id OR h.reclaim = verdicts.reclaim)",
			HF_PARAMS(hf_db_int(prune->before)), NULL, NULL, &prune->gone);
	hf_tx_say_int(tx, "before", prune->before);
	hf_tx_say_int(tx, "verdicts", (int64_t)prune->gone);
	return err;
}

enum hf_err hf_store_prune(struct hf_store *store, int64_t before, const struct hf_by *by, size_t *ret_verdicts,
			   struct hf_fault *fault)
{
	struct prune prune = { before, 0 };
	enum hf_err err;

	if (before > by->now - DAY)
		return hf_fail(fault, HF_ERR_API_REFUSED, "prune", "verdicts are kept for a day at least");
	err = hf_store_do(store, do_prune, &prune, by, NULL, fault);
	if (!err && ret_verdicts)
		*ret_verdicts = prune.gone;
	return err;
}
