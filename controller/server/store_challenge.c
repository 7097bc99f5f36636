/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Challenges: which host was asked what, and by which evidence it was answered. */
#include "controller/server/store_internal.h"

#define LATE 3600	/* seconds for which one that is over is still known as such */

struct challenge {
	const char *id;
	struct hf_span nonce, boot_key;
	int64_t until;
	enum hf_evidence_kind kind;
	struct hf_arena *arena;
	struct hf_span reclaim;		/* in the caller's arena */
	bool tried;			/* this very call recorded it, and nobody knows whether for good */
};

/* Whoever knows a host's key can ask in its name, with a boot key of his own. So no challenge
 * ends another: each that is in time counts, once, for whoever has its boot key. The oldest go where
 * somebody asks thousands of times; the host answers within seconds. */
static enum hf_err record(struct hf_tx *tx, struct challenge *want, struct hf_span reclaim)
{
	size_t rows = 0;
	enum hf_err err = hf_tx_run(tx, "INSERT INTO challenges (nonce, host, number, kind, boot_key, reclaim, until)"
				    " VALUES ($1, $2, (SELECT COALESCE(MAX(c.number), 0) + 1 FROM challenges c"
				    " WHERE c.host = $2), $3, $4, $5, $6) ON CONFLICT DO NOTHING",
				    HF_PARAMS(hf_db_bytes(want->nonce), hf_db_text(want->id), hf_db_int(want->kind),
					      hf_db_bytes(want->boot_key), hf_db_bytes(reclaim),
					      hf_db_int(want->until)), NULL, NULL, &rows);

	if (!err && !rows && !want->tried)
		err = hf_fail(tx->fault, HF_ERR_INTERNAL, want->id, "this nonce was given before");
	want->tried = true;
	return err ? err :
	       hf_tx_run(tx, "DELETE FROM challenges WHERE host = $1 AND (until < $2 OR number <="
			 " (SELECT MAX(c.number) FROM challenges c WHERE c.host = $1) - $3)",
			 HF_PARAMS(hf_db_text(want->id), hf_db_int(tx->by->now - LATE),
				   hf_db_int(HF_STORE_CHALLENGES_MAX)), NULL, NULL, NULL);
}

static enum hf_err do_challenge(struct hf_tx *tx, void *self)
{
	struct challenge *want = self;
	struct hf_host_row host;
	enum hf_lease state;
	enum hf_err err = hf_tx_host(tx, want->id, &host);

	if (err)
		return err;
	state = host.record.state;
	/* Why and by whom is no word for somebody who has proven nothing: host show has it. */
	if (state == HF_LEASE_HELD)
		return hf_fail(tx->fault, host.held == HF_HELD_OPERATOR ? HF_ERR_HOST_HELD :
			       HF_ERR_HOST_NOT_RECLAIMED, want->id, "holdfastctl host show says why");
	if (state != HF_LEASE_IN_USE && (host.record.ticketed || host.record.reclaim.len != HF_WIRE_ID))
		return hf_fail(tx->fault, HF_ERR_HOST_NOT_RECLAIMED, want->id, "this reclaim has had its ticket");
	want->kind = state == HF_LEASE_IN_USE ? HF_EVIDENCE_TENANT : HF_EVIDENCE_GATE;
	want->reclaim = (struct hf_span){ NULL, 0 };
	if (want->kind == HF_EVIDENCE_GATE)
		err = hf_arena_copy(want->arena, host.record.reclaim, &want->reclaim);
	tx->action = "challenge";
	tx->host = want->id;
	hf_tx_say(tx, "kind", hf_evidence_kind_name(want->kind));
	hf_tx_say_bytes(tx, "reclaim", want->reclaim);
	hf_tx_say_bytes(tx, "nonce", want->nonce);
	hf_tx_say_bytes(tx, "boot-key", want->boot_key);
	if (!err)	/* a tenant's too is of one lease: it ends with it */
		err = record(tx, want, host.record.reclaim);
	if (!err)
		err = hf_tx_run(tx, "UPDATE hosts SET last_seen = $2, state = $3, since = $4 WHERE id = $1",
				HF_PARAMS(hf_db_text(want->id), hf_db_int(tx->by->now),
					  hf_db_int(want->kind == HF_EVIDENCE_GATE ? HF_LEASE_CHALLENGED :
						    HF_LEASE_IN_USE),
					  hf_db_int(state == HF_LEASE_RECLAIMED ? tx->by->now : host.record.since)),
				NULL, NULL, NULL);
	return err || state == HF_LEASE_RECLAIMED ? err : hf_tx_often(tx);
}

enum hf_err hf_store_challenge(struct hf_store *store, const char *id, struct hf_span nonce, struct hf_span boot_key,
			       int64_t until, const struct hf_by *by, enum hf_evidence_kind *ret_kind,
			       struct hf_span *ret_reclaim, struct hf_arena *arena, struct hf_fault *fault)
{
	struct challenge want = { .id = id, .nonce = nonce, .boot_key = boot_key, .until = until, .arena = arena };
	enum hf_err err;

	if (nonce.len != HF_WIRE_NONCE || boot_key.len != 32)
		return hf_fail(fault, HF_ERR_INTERNAL, id, "a challenge is not whole");
	err = hf_store_do(store, do_challenge, &want, by, arena, fault);
	if (!err) {
		*ret_kind = want.kind;
		*ret_reclaim = want.reclaim;
	}
	return err;
}

/* ---- what became of it ---- */

struct found { struct hf_arena *arena; struct hf_challenge_record record; };

static enum hf_err take_challenge(void *self, const struct hf_db_value *values, size_t count)
{
	struct found *found = self;
	struct hf_row row = { .values = values, .count = count, .arena = found->arena };
	struct hf_challenge_record *r = &found->record;

	r->host = hf_row_text(&row);
	r->boot_key = hf_row_bytes(&row);
	r->reclaim = hf_row_bytes(&row);
	r->kind = (enum hf_evidence_kind)hf_row_int(&row);
	r->until = hf_row_int(&row);
	r->open = hf_row_int(&row) != 0;
	r->quote = hf_row_bytes(&row);
	r->verdict = hf_row_int(&row);
	r->used = r->verdict != 0;
	return hf_row_end(&row);
}

/* One statement, so that what it says is of one moment. Open: the host is in the lease and the state
 * that it was in then (0: in use, 2: challenged; kinds 0: the gate's, 1: a tenant's). A challenge
 * that was used is known by its verdict alone. */
static const char find[] =
	"SELECT c.host, c.boot_key, CASE WHEN c.kind = 0 THEN c.reclaim END, c.kind, c.until,"
	" CASE WHEN h.reclaim = c.reclaim AND h.state = CASE WHEN c.kind = 0 THEN 2 ELSE 0 END THEN 1 ELSE 0 END,"
	" v.quote, COALESCE(v.id, 0)"
	" FROM challenges c JOIN hosts h ON h.id = c.host LEFT JOIN verdicts v ON v.nonce = c.nonce"
	" WHERE c.nonce = $1 UNION ALL"
	" SELECT v.host, v.boot_key, v.reclaim, v.kind, v.at, 0, v.quote, v.id FROM verdicts v"
	" WHERE v.nonce = $1 AND NOT EXISTS (SELECT 1 FROM challenges c WHERE c.nonce = v.nonce)";

enum hf_err hf_store_challenge_get(struct hf_store *store, struct hf_span nonce, struct hf_arena *arena,
				   struct hf_challenge_record *ret, struct hf_fault *fault)
{
	struct found found = { .arena = arena };
	size_t rows = 0;
	enum hf_err err = hf_store_find(store, find, HF_PARAMS(hf_db_span(HF_DB_BYTES, nonce)), take_challenge,
					&found, &rows, fault);

	if (err)
		return err;
	if (!rows)
		return hf_fail(fault, HF_ERR_NONCE_UNKNOWN, NULL, "nobody gave this challenge, or it is long over");
	*ret = found.record;
	return HF_OK;
}

enum hf_err hf_tx_challenge(struct hf_tx *tx, struct hf_span nonce, struct hf_challenge_record *ret, bool *ret_found)
{
	struct found found = { .arena = tx->arena };
	size_t rows = 0;
	enum hf_err err = hf_tx_run(tx, find, HF_PARAMS(hf_db_span(HF_DB_BYTES, nonce)), take_challenge, &found,
				    &rows);

	if (err)
		return err;
	*ret = found.record;
	*ret_found = rows > 0;
	return HF_OK;
}
