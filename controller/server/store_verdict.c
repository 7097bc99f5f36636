/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A verdict: the one place where a challenge is used up, a host goes into use, and a reclaim has
 * its ticket. */
#include <stdio.h>

#include "controller/server/store_internal.h"

#define PLACE_MAX 512	/* bytes of what evidence may have put into a text */

struct verdict {
	struct hf_verdict_record *in;
	struct hf_digest result;
	char place[PLACE_MAX], detail[PLACE_MAX], observed_why[PLACE_MAX];
	int64_t id;		/* 0: nothing new was recorded */
	char lease[HF_HOST_ID_MAX + 1];
};

/* ---- may it be? ---- */

/* Of no later boot than what is known of the host. */
static bool is_old(const struct hf_verdict_record *in, const struct hf_host_record *r)
{
	return !in->counted || (r->counted && in->reset_count <= r->reset_count);
}

/* What the challenge, the host's state and the counts have against it; HF_OK: nothing. */
static enum hf_err against(const struct hf_verdict_record *in, const struct hf_challenge_record *c,
			   const struct hf_host_row *host, int64_t now)
{
	const struct hf_host_record *r = &host->record;
	bool gate = c->kind == HF_EVIDENCE_GATE;

	if (strcmp(c->host, in->host) != 0)
		return HF_ERR_NONCE_UNKNOWN;
	if (c->used)
		return HF_ERR_NONCE_USED;
	if (c->until < now)
		return HF_ERR_NONCE_EXPIRED;
	if (!hf_span_equal(c->boot_key, in->boot_key))
		return HF_ERR_BOOT_KEY_OTHER;
	if (!c->open)
		return HF_ERR_STATE_CHANGED;
	if (r->state != (gate ? HF_LEASE_CHALLENGED : HF_LEASE_IN_USE) || (in->kind != c->kind &&
									  in->kind != HF_EVIDENCE_HELD))
		return HF_ERR_STATE_CHANGED;
	if (gate && (!hf_span_equal(c->reclaim, r->reclaim) || !hf_span_equal(in->reclaim, r->reclaim)))
		return HF_ERR_STATE_CHANGED;
	/* A report of an earlier boot that holds itself: who has a copy could hold the host with it. */
	if (in->kind == HF_EVIDENCE_HELD && gate && is_old(in, r))
		return HF_ERR_RESET_COUNT;
	if (in->release == HF_RELEASE_NOTHING)
		return HF_OK;
	if (in->kind != HF_EVIDENCE_GATE || !gate)
		return HF_ERR_HOST_IN_USE;
	if (r->ticketed)
		return HF_ERR_HOST_NOT_RECLAIMED;
	return is_old(in, r) ? HF_ERR_RESET_COUNT : HF_OK;
}

/* ---- writing it ---- */

static enum hf_err take_id(void *self, const struct hf_db_value *values, size_t count)
{
	(void)count;
	*(int64_t *)self = values[0].number;
	return HF_OK;
}

static enum hf_err insert(struct hf_tx *tx, struct verdict *v)
{
	const struct hf_verdict_record *in = v->in;

	return hf_tx_run(tx, "INSERT INTO verdicts (host, at, kind, nonce, reclaim, quote, boot_key, evidence_digest,"
			 " status, release, cause, class, place, detail, model, lease, counted, reset_count,"
			 " restart_count, firmware_version, result, report, ring, observed, observed_why) VALUES ($1, $2,"
			 " $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,"
			 " $23, $24, $25) RETURNING id",
			 HF_PARAMS(hf_db_text(in->host), hf_db_int(in->at), hf_db_int(in->kind),
				   hf_db_bytes(in->nonce), hf_db_bytes(in->reclaim), hf_db_bytes(in->quote),
				   hf_db_bytes(in->boot_key), hf_db_bytes(in->evidence_digest),
				   hf_db_int(in->status), hf_db_int(in->release), hf_db_words(in->cause),
				   hf_db_words(in->class_name), hf_db_text(v->place), hf_db_text(v->detail),
				   hf_db_words(in->model), hf_db_text(v->lease), hf_db_int(in->counted),
				   hf_db_int(in->reset_count), hf_db_int(in->restart_count),
				   hf_db_int((int64_t)in->firmware_version), hf_db_bytes(in->result),
				   hf_db_words(in->report), hf_db_words(in->ring), hf_db_words(in->observed),
				   hf_db_text(v->observed_why)), take_id, &v->id, NULL);
}

/* The last two of a kind, and the last that released: what drift is told against. */
static enum hf_err keep_evidence(struct hf_tx *tx, const struct verdict *v)
{
	const struct hf_verdict_record *in = v->in;
	enum hf_err err;

	if (!in->evidence.len)
		return HF_OK;
	err = hf_tx_run(tx, "INSERT INTO evidence (verdict, host, kind, released, bytes) VALUES ($1, $2, $3, $4, $5)",
			HF_PARAMS(hf_db_int(v->id), hf_db_text(in->host), hf_db_int(in->kind),
				  hf_db_int(in->release != HF_RELEASE_NOTHING), hf_db_bytes(in->evidence)), NULL,
			NULL, NULL);
	return err ? err :
	       hf_tx_run(tx, "DELETE FROM evidence WHERE host = $1 AND kind = $2 AND verdict NOT IN (SELECT e.verdict"
			 " FROM evidence e WHERE e.host = $1 AND e.kind = $2 ORDER BY e.verdict DESC LIMIT 2)"
			 " AND verdict <> COALESCE((SELECT MAX(e.verdict) FROM evidence e WHERE e.host = $1"
			 " AND e.kind = $2 AND e.released = 1), 0)",
			 HF_PARAMS(hf_db_text(in->host), hf_db_int(in->kind)), NULL, NULL, NULL);
}

static enum hf_err count(struct hf_tx *tx, const struct hf_verdict_record *in, const struct hf_host_record *host)
{
	/* A TPM that was cleared counts anew; we do not. Nor does old evidence bring old firmware back. */
	if (!in->counted || (host->counted && host->reset_count > in->reset_count))
		return HF_OK;
	return hf_tx_run(tx, "UPDATE hosts SET counted = 1, reset_count = $2, restart_count = $3,"
			 " firmware_version = $4 WHERE id = $1",
			 HF_PARAMS(hf_db_text(in->host), hf_db_int(in->reset_count), hf_db_int(in->restart_count),
				   hf_db_int((int64_t)in->firmware_version)), NULL, NULL, NULL);
}

/* The gate's: the state goes on. */
static enum hf_err go_on(struct hf_tx *tx, const struct verdict *v)
{
	const struct hf_verdict_record *in = v->in;
	bool released = in->release != HF_RELEASE_NOTHING;
	size_t rows = 0;
	enum hf_err err = hf_tx_run(tx, "UPDATE hosts SET state = $2, since = $3, held = $4, held_why = $5, held_by = $6,"
				    " ticketed = $7, last_verdict = $8, last_cause = $9, last_class = $10,"
				    " last_status = $11, last_verdict_id = $12, last_seen = $3"
				    " WHERE id = $1 AND state = $13 AND ticketed = 0",
				    HF_PARAMS(hf_db_text(in->host),
					      hf_db_int(released ? HF_LEASE_IN_USE : HF_LEASE_HELD),
					      hf_db_int(tx->by->now), hf_db_int(HF_HELD_REFUSED),
					      hf_db_words(released ? "" : in->cause),
					      hf_db_words(released ? "" : tx->by->actor), hf_db_int(released),
					      hf_db_int(in->at), hf_db_words(in->cause), hf_db_words(in->class_name),
					      hf_db_int(in->status), hf_db_int(v->id), hf_db_int(HF_LEASE_CHALLENGED)),
				    NULL, NULL, &rows);

	return err || rows == 1 ? err :
	       hf_fail(tx->fault, HF_ERR_STATE_CHANGED, in->host, "its state is not what it was a moment ago");
}

static void describe(struct hf_tx *tx, const struct verdict *v)
{
	const struct hf_verdict_record *in = v->in;

	hf_tx_say(tx, "kind", hf_evidence_kind_name(in->kind));
	hf_tx_say_bytes(tx, "nonce", in->nonce);
	hf_tx_say_bytes(tx, "reclaim", in->reclaim);
	hf_tx_say_bytes(tx, "quote", in->quote);
	hf_tx_say_bytes(tx, "evidence", in->evidence_digest);
	hf_tx_say(tx, "release", hf_release_kind_name(in->release));
	hf_tx_say(tx, "cause", in->cause);
	hf_tx_say(tx, "ring", in->ring);
	hf_tx_say(tx, "observed", in->observed);
}

static enum hf_err record(struct hf_tx *tx, struct verdict *v, const struct hf_host_row *host, bool gate)
{
	enum hf_err err;

	snprintf(v->lease, sizeof(v->lease), "%s", host->record.lease);
	err = insert(tx, v);
	if (!err)
		err = keep_evidence(tx, v);
	if (!err)
		err = count(tx, v->in, &host->record);
	if (!err && gate)
		err = go_on(tx, v);
	else if (!err && v->in->nonce.len)
		err = hf_tx_run(tx, "UPDATE hosts SET last_seen = $2 WHERE id = $1",
				HF_PARAMS(hf_db_text(v->in->host), hf_db_int(tx->by->now)), NULL, NULL, NULL);
	hf_tx_say_int(tx, "verdict", v->id);
	hf_tx_say_bytes(tx, "result", (struct hf_span){ v->result.bytes, 32 });
	return err;
}

/* ---- what anybody can bring about, or a tenant ---- */

/* Of hosts that hold themselves and were not asked the last few are kept. */
static enum hf_err few(struct hf_tx *tx, const char *host)
{
	return hf_tx_run(tx, "DELETE FROM verdicts WHERE host = $1 AND kind = $2 AND nonce IS NULL AND id NOT IN"
			 " (SELECT v.id FROM verdicts v WHERE v.host = $1 AND v.kind = $2 AND v.nonce IS NULL"
			 " ORDER BY v.id DESC LIMIT $3)",
			 HF_PARAMS(hf_db_text(host), hf_db_int(HF_EVIDENCE_HELD), hf_db_int(HF_STORE_UNASKED_MAX)),
			 NULL, NULL, NULL);
}

/* One report for a boot: a log is closed once, and what else comes of that boot, or of one before,
 * is a copy, whatever somebody put around it that nobody signed. */
static enum hf_err unasked(struct hf_tx *tx, struct verdict *v, const struct hf_host_row *host)
{
	const struct hf_verdict_record *in = v->in;
	size_t rows = 0;
	enum hf_err err = hf_tx_run(tx, "SELECT id FROM verdicts WHERE host = $1 AND kind = $2 AND (quote = $3 OR"
				    " (counted = 1 AND reset_count = $4 AND restart_count = $5 AND at >= $6))",
				    HF_PARAMS(hf_db_text(in->host), hf_db_int(HF_EVIDENCE_HELD),
					      hf_db_bytes(in->quote), hf_db_int(in->reset_count),
					      hf_db_int(in->restart_count), hf_db_int(host->record.enrolled)), NULL,
				    NULL, &rows);

	if (err || rows || (host->record.counted && in->reset_count < host->record.reset_count)) {
		tx->action = NULL;	/* nothing changes, and nothing is to be told */
		return err;
	}
	err = record(tx, v, host, false);
	return err ? err : few(tx, in->host);
}

/* A tenant asks and answers as often as he likes. The challenge goes with its verdict, or it could
 * be answered again. */
static enum hf_err of_tenant(struct hf_tx *tx, struct verdict *v, const struct hf_host_row *host)
{
	static const char old[] = " AND kind = $2 AND release = 0 AND id NOT IN (SELECT v.id FROM verdicts v"
				  " WHERE v.host = $1 AND v.kind = $2 AND v.release = 0 ORDER BY v.id DESC LIMIT $3)";
	char challenges[512], verdicts[512];
	enum hf_err err = record(tx, v, host, false);

	snprintf(challenges, sizeof(challenges), "DELETE FROM challenges WHERE host = $1 AND nonce IN"
		 " (SELECT nonce FROM verdicts WHERE host = $1%s)", old);
	snprintf(verdicts, sizeof(verdicts), "DELETE FROM verdicts WHERE host = $1%s", old);
	for (int i = 0; !err && i < 2; i++)
		err = hf_tx_run(tx, i ? verdicts : challenges,
				HF_PARAMS(hf_db_text(v->in->host), hf_db_int(HF_EVIDENCE_TENANT),
					  hf_db_int(HF_STORE_TENANT_MAX)), NULL, NULL, NULL);
	return err ? err : hf_tx_often(tx);
}

static enum hf_err do_verdict(struct hf_tx *tx, void *self)
{
	struct verdict *v = self;
	struct hf_verdict_record *in = v->in;
	struct hf_challenge_record challenge = { 0 };
	struct hf_host_row host;
	bool found = false;
	enum hf_err cause = HF_OK;
	enum hf_err err = hf_tx_host(tx, in->host, &host);

	v->id = 0;
	if (!err && in->nonce.len)
		err = hf_tx_challenge(tx, in->nonce, &challenge, &found);
	if (err)
		return err;
	tx->action = "verdict";
	tx->host = in->host;
	describe(tx, v);
	if (!in->nonce.len)
		return unasked(tx, v, &host);
	cause = found ? against(in, &challenge, &host, tx->by->now) : HF_ERR_NONCE_UNKNOWN;
	if (cause)
		return hf_tx_refuse(tx, cause, in->host, "nothing but this was recorded");
	return in->kind == HF_EVIDENCE_TENANT ? of_tenant(tx, v, &host) :
	       record(tx, v, &host, challenge.kind == HF_EVIDENCE_GATE);
}

/* Text of a host's making: what is not UTF-8 or printable becomes '?', so that it is recorded. */
static void clean(const char *text, char *out, size_t cap)
{
	size_t n = 0;

	for (; text && *text && n < cap - 1; text++)
		out[n++] = (unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e ? '?' : *text;
	out[n] = '\0';
}

enum hf_err hf_store_verdict(struct hf_store *store, struct hf_verdict_record *in, const struct hf_by *by,
			     struct hf_fault *fault)
{
	struct verdict v = { .in = in };
	bool held = in->kind == HF_EVIDENCE_HELD;
	enum hf_err err;

	if ((in->nonce.len != HF_WIRE_NONCE && !(held && !in->nonce.len)) ||
	    (held && in->release != HF_RELEASE_NOTHING) ||
	    (in->release != HF_RELEASE_NOTHING && (in->reclaim.len != HF_WIRE_ID || in->quote.len != 32)))
		return hf_fail(fault, HF_ERR_INTERNAL, in->host, "a verdict is not whole");
	clean(in->place, v.place, sizeof(v.place));
	clean(in->detail, v.detail, sizeof(v.detail));
	clean(in->observed_why, v.observed_why, sizeof(v.observed_why));
	err = hf_digest(HF_ALG_SHA256, in->result, &v.result);
	if (!err)
		err = hf_store_do(store, do_verdict, &v, by, NULL, fault);
	if (!err)
		in->id = v.id;
	return err;
}
