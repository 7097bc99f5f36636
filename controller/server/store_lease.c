/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the operator does with a host, and the tenant's secret. */
#include "controller/server/store_internal.h"

static enum hf_err drop_secret(struct hf_tx *tx, const char *id)
{
	return hf_tx_run(tx, "DELETE FROM secrets WHERE host = $1", HF_PARAMS(hf_db_text(id)), NULL, NULL, NULL);
}

/* ---- reclaim ---- */

struct reclaim { const char *id, *lease, *tenant; struct hf_span reclaim; };

static enum hf_err do_reclaim(struct hf_tx *tx, void *self)
{
	const struct reclaim *want = self;
	struct hf_host_row host;
	size_t rows = 0;
	enum hf_err err = hf_tx_host(tx, want->id, &host);

	if (!err)
		err = hf_tx_run(tx, "INSERT INTO reclaims (reclaim, host, lease, at) VALUES ($1, $2, $3, $4)"
				" ON CONFLICT DO NOTHING",
				HF_PARAMS(hf_db_bytes(want->reclaim), hf_db_text(want->id), hf_db_words(want->lease),
					  hf_db_int(tx->by->now)), NULL, NULL, &rows);
	if (!err && !rows)
		err = hf_fail(tx->fault, HF_ERR_STATE_CHANGED, want->id, "this reclaim id was used before");
	if (err)
		return err;
	tx->action = "reclaim";
	tx->host = want->id;
	hf_tx_say(tx, "from", hf_lease_name(host.record.state));
	hf_tx_say(tx, "lease", want->lease);
	hf_tx_say(tx, "tenant", want->tenant);
	hf_tx_say_bytes(tx, "reclaim", want->reclaim);
	err = drop_secret(tx, want->id);
	return err ? err :
	       hf_tx_run(tx, "UPDATE hosts SET state = $2, since = $3, lease = $4, lease_tenant = $5, reclaim = $6,"
			 " ticketed = 0, held_why = '', held_by = '' WHERE id = $1",
			 HF_PARAMS(hf_db_text(want->id), hf_db_int(HF_LEASE_RECLAIMED), hf_db_int(tx->by->now),
				   hf_db_words(want->lease),
				   hf_db_words(want->tenant ? want->tenant : host.record.inventory.tenant),
				   hf_db_bytes(want->reclaim)), NULL, NULL, NULL);
}

enum hf_err hf_store_reclaim(struct hf_store *store, const char *id, const char *lease, const char *tenant,
			     struct hf_span reclaim, const struct hf_by *by, struct hf_fault *fault)
{
	struct reclaim want = { id, lease, tenant, reclaim };

	if (reclaim.len != HF_WIRE_ID)
		return hf_fail(fault, HF_ERR_INTERNAL, id, "a reclaim id of %zu bytes", reclaim.len);
	if ((lease && strlen(lease) > HF_HOST_ID_MAX) || (tenant && strlen(tenant) > HF_HOST_ID_MAX))
		return hf_fail(fault, HF_ERR_LIMIT, id, "a text is longer than %d bytes", HF_HOST_ID_MAX);
	return hf_store_do(store, do_reclaim, &want, by, NULL, fault);
}

/* ---- hold ---- */

struct hold { const char *id, *why; };

static enum hf_err do_hold(struct hf_tx *tx, void *self)
{
	const struct hold *want = self;
	struct hf_host_row host;
	enum hf_err err = hf_tx_host(tx, want->id, &host);

	if (err)
		return err;
	tx->action = "hold";
	tx->host = want->id;
	hf_tx_say(tx, "from", hf_lease_name(host.record.state));
	hf_tx_say(tx, "why", want->why);
	err = drop_secret(tx, want->id);
	return err ? err :
	       hf_tx_run(tx, "UPDATE hosts SET state = $2, since = $3, held = $4, held_why = $5, held_by = $6"
			 " WHERE id = $1",
			 HF_PARAMS(hf_db_text(want->id), hf_db_int(HF_LEASE_HELD), hf_db_int(tx->by->now),
				   hf_db_int(HF_HELD_OPERATOR), hf_db_words(want->why), hf_db_text(tx->by->actor)),
			 NULL, NULL, NULL);
}

enum hf_err hf_store_hold(struct hf_store *store, const char *id, const char *why, const struct hf_by *by,
			  struct hf_fault *fault)
{
	struct hold want = { id, why };

	if (why && strlen(why) > 1024)
		return hf_fail(fault, HF_ERR_LIMIT, id, "the reason is longer than 1024 bytes");
	return hf_store_do(store, do_hold, &want, by, NULL, fault);
}

/* ---- the tenant's secret ---- */

struct secret { const char *id; struct hf_span sealed; };

static enum hf_err do_secret_put(struct hf_tx *tx, void *self)
{
	const struct secret *want = self;
	struct hf_host_row host;
	enum hf_err err = hf_tx_host(tx, want->id, &host);

	if (err)
		return err;
	if (host.record.state != HF_LEASE_RECLAIMED && host.record.state != HF_LEASE_CHALLENGED)
		return hf_fail(tx->fault, HF_ERR_HOST_NOT_RECLAIMED, want->id, "it is %s: a secret is for one reclaim",
			       hf_lease_name(host.record.state));
	tx->action = "secret";
	tx->host = want->id;
	hf_tx_say_bytes(tx, "reclaim", host.record.reclaim);
	return hf_tx_run(tx, "INSERT INTO secrets (host, reclaim, sealed) VALUES ($1, $2, $3)"
			 " ON CONFLICT (host) DO UPDATE SET reclaim = excluded.reclaim, sealed = excluded.sealed",
			 HF_PARAMS(hf_db_text(want->id), hf_db_bytes(host.record.reclaim), hf_db_bytes(want->sealed)),
			 NULL, NULL, NULL);
}

enum hf_err hf_store_secret_put(struct hf_store *store, const char *id, struct hf_span sealed, const struct hf_by *by,
				struct hf_fault *fault)
{
	struct secret want = { id, sealed };

	return hf_store_do(store, do_secret_put, &want, by, NULL, fault);
}

struct bytes { struct hf_arena *arena; struct hf_span span; };

static enum hf_err take_bytes(void *self, const struct hf_db_value *values, size_t count)
{
	struct bytes *bytes = self;
	struct hf_row row = { .values = values, .count = count, .arena = bytes->arena };

	bytes->span = hf_row_bytes(&row);
	return hf_row_end(&row);
}

enum hf_err hf_store_secret_get(struct hf_store *store, const char *id, struct hf_span reclaim, struct hf_arena *arena,
				struct hf_span *ret, struct hf_fault *fault)
{
	struct bytes bytes = { arena, { NULL, 0 } };
	enum hf_err err = hf_store_find(store, "SELECT sealed FROM secrets WHERE host = $1 AND reclaim = $2",
					HF_PARAMS(hf_db_text(id), hf_db_bytes(reclaim)), take_bytes, &bytes, NULL, fault);

	if (!err)
		*ret = bytes.span;
	return err;
}
