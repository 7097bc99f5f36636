/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "controller/server/store_internal.h"

#define ATTEMPTS 8	/* of one transaction that others are in the way of */

/* ---- connections ---- */

static enum hf_err conn_open(struct hf_store *store, struct hf_conn *conn, struct hf_fault *fault)
{
	enum hf_err err;

	if (conn->db)
		return HF_OK;
	if (!conn->scratch.base && hf_arena_make(HF_STORE_SCRATCH, &conn->scratch))
		return hf_fail(fault, HF_ERR_NO_MEMORY, "store", "a connection");
	err = hf_chain_new(&conn->chain);
	if (!err)
		err = hf_db_open(store->url, &conn->db, fault);
	/* Each one: a newer holdfastd may have migrated meanwhile. */
	if (!err)
		err = hf_schema_migrate(conn->db, hf_schema_newest(), fault);
	if (err && conn->db) {
		hf_db_close(conn->db);
		conn->db = NULL;
	}
	return err;
}

/* SQLite has one writer at a time. Those of one process wait for its first connection: each in turn,
 * where SQLite would let them sleep and try again, and with what that one has read still at hand. What
 * takes longer to read keeps off it. */
static struct hf_conn *free_one(struct hf_store *store, enum hf_store_use use)
{
	struct hf_conn *unopened = NULL;
	size_t i = store->one_writer && store->count > 1 && use == HF_STORE_WALK ? 1 : 0;

	if (store->one_writer && use == HF_STORE_WRITE)
		return store->conns[0].taken ? NULL : &store->conns[0];
	for (; i < store->count; i++) {
		if (store->conns[i].taken)
			continue;
		if (store->conns[i].db)
			return &store->conns[i];
		unopened = unopened ? unopened : &store->conns[i];
	}
	return unopened;
}

enum hf_err hf_store_take(struct hf_store *store, enum hf_store_use use, struct hf_conn **ret,
			  struct hf_fault *fault)
{
	struct hf_conn *conn;
	struct timespec until;
	enum hf_err err;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += HF_DB_WAIT_SECONDS;
	pthread_mutex_lock(&store->lock);
	while (!(conn = free_one(store, use)))
		if (pthread_cond_timedwait(&store->freed, &store->lock, &until) == ETIMEDOUT)
			break;
	if (conn)
		conn->taken = true;
	pthread_mutex_unlock(&store->lock);
	if (!conn)
		return hf_fail(fault, HF_ERR_STORE_FAILED, "store", "all %zu connections are in use for %d s",
			       store->count, HF_DB_WAIT_SECONDS);
	err = conn_open(store, conn, fault);
	if (err) {
		hf_store_give(store, conn);
		return err;
	}
	*ret = conn;
	return HF_OK;
}

void hf_store_give(struct hf_store *store, struct hf_conn *conn)
{
	pthread_mutex_lock(&store->lock);
	conn->taken = false;
	pthread_cond_broadcast(&store->freed);	/* not everybody takes each */
	pthread_mutex_unlock(&store->lock);
}

enum hf_err hf_store_open(const char *url, size_t connections, struct hf_store **ret, struct hf_fault *fault)
{
	struct hf_store *store = calloc(1, sizeof(*store));
	pthread_condattr_t attr;
	struct hf_conn *conn;
	enum hf_err err;

	if (!store || !(store->url = strdup(url))) {
		free(store);
		return hf_fail(fault, HF_ERR_NO_MEMORY, "store", "%zu bytes", sizeof(*store));
	}
	store->count = connections < 1 ? 1 : connections > HF_STORE_CONNECTIONS_MAX ?
		       HF_STORE_CONNECTIONS_MAX : connections;
	pthread_mutex_init(&store->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&store->freed, &attr);
	pthread_condattr_destroy(&attr);
	err = hf_store_take(store, HF_STORE_WRITE, &conn, fault);
	if (err) {
		hf_store_close(store);
		return err;
	}
	store->one_writer = !hf_db_dialect(conn->db)->postgres;
	hf_store_give(store, conn);
	*ret = store;
	return HF_OK;
}

void hf_store_close(struct hf_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < store->count; i++) {
		hf_db_close(store->conns[i].db);
		hf_arena_drop(&store->conns[i].scratch);
	}
	pthread_cond_destroy(&store->freed);
	pthread_mutex_destroy(&store->lock);
	free(store->url);
	free(store);
}

/* ---- reading ---- */

static enum hf_err read_on(struct hf_store *store, enum hf_store_use use, const char *sql,
			   const struct hf_db_value *params, size_t count, hf_db_row row, void *self,
			   size_t *ret_rows, struct hf_fault *fault)
{
	struct hf_conn *conn;
	enum hf_err err = hf_store_take(store, use, &conn, fault);

	if (err)
		return err;
	err = hf_db_run(conn->db, sql, params, count, row, self, ret_rows, fault);
	if (err && hf_db_trouble(conn->db) == HF_DB_AGAIN)	/* no row was visited */
		err = hf_db_run(conn->db, sql, params, count, row, self, ret_rows, fault);
	hf_store_give(store, conn);
	return err;
}

enum hf_err hf_store_read(struct hf_store *store, const char *sql, const struct hf_db_value *params, size_t count,
			  hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault)
{
	return read_on(store, HF_STORE_WALK, sql, params, count, row, self, ret_rows, fault);
}

enum hf_err hf_store_find(struct hf_store *store, const char *sql, const struct hf_db_value *params, size_t count,
			  hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault)
{
	return read_on(store, HF_STORE_FIND, sql, params, count, row, self, ret_rows, fault);
}

enum hf_err hf_store_ping(struct hf_store *store, struct hf_fault *fault)
{
	size_t rows = 0;
	enum hf_err err = hf_store_read(store, "SELECT version FROM schema_version", NULL, 0, NULL, NULL, &rows,
					fault);

	return err || rows ? err : hf_fail(fault, HF_ERR_STORE_FAILED, "store", "there is no schema");
}

/* ---- changing ---- */

/* False: too much time is gone. */
static bool nap(int attempt, time_t until)
{
	struct timespec t;

	/* Those that were in each other's way do not meet again. */
	clock_gettime(CLOCK_MONOTONIC, &t);
	t = (struct timespec){ 0, (t.tv_nsec / 1000 % 10 + 1) * (1000000L << (attempt < 5 ? attempt : 5)) / 4 };
	nanosleep(&t, NULL);
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec < until;
}

/* The connection broke during COMMIT. HF_OK: it is known now whether it was done. */
static enum hf_err resolve(struct hf_db *db, const struct hf_chain *after, bool *ret_done, struct hf_fault *fault)
{
	enum hf_err err = HF_ERR_INTERNAL;

	for (int attempt = 0; attempt < 3; attempt++) {
		err = hf_audit_is_there(db, after, ret_done, fault);
		if (!err || hf_db_trouble(db) == HF_DB_OTHER)
			return err;
	}
	return err;
}

static enum hf_err attempt(struct hf_conn *conn, struct hf_tx *tx, hf_tx_work work, void *self, bool *ret_again)
{
	struct hf_chain after = conn->chain;
	bool done = false;
	enum hf_err err = hf_db_begin(conn->db, tx->fault);

	*ret_again = true;	/* unless the following finds otherwise */
	if (!err)
		err = work(tx, self);
	if (!err && tx->action)
		err = hf_audit_append(tx, &conn->chain, &after);
	if (err) {
		*ret_again = hf_db_trouble(conn->db) == HF_DB_AGAIN;
		hf_db_rollback(conn->db);
		return err;
	}
	err = hf_db_commit(conn->db, tx->fault);
	if (err && hf_db_trouble(conn->db) == HF_DB_UNKNOWN && tx->action) {
		err = resolve(conn->db, &after, &done, tx->fault);
		if (err) {	/* nobody knows: this chain has perhaps one entry more */
			*ret_again = false;
			return hf_chain_new(&conn->chain) ? HF_ERR_INTERNAL : err;
		}
		err = done ? HF_OK : HF_ERR_STORE_FAILED;
	} else if (err) {
		*ret_again = hf_db_trouble(conn->db) != HF_DB_OTHER;
	}
	if (!err)
		conn->chain = after;
	return err;
}

enum hf_err hf_store_do(struct hf_store *store, hf_tx_work work, void *self, const struct hf_by *by,
			struct hf_arena *arena, struct hf_fault *fault)
{
	uint8_t detail[HF_AUDIT_DETAIL_MAX];
	size_t mark = arena ? arena->len : 0;
	struct hf_conn *conn;
	struct hf_tx tx;
	struct timespec now;
	bool again = true;
	enum hf_err err = hf_store_take(store, HF_STORE_WRITE, &conn, fault);

	if (err)
		return err;
	clock_gettime(CLOCK_MONOTONIC, &now);
	for (int i = 0; i < ATTEMPTS && again; i++) {
		if (i && !nap(i, now.tv_sec + HF_DB_WAIT_SECONDS))
			break;
		conn->scratch.len = 0;
		if (arena)
			arena->len = mark;
		tx = (struct hf_tx){ .db = conn->db, .arena = &conn->scratch, .by = by, .fault = fault,
				     .host = "", .detail = { .buf = detail, .cap = sizeof(detail) } };
		err = attempt(conn, &tx, work, self, &again);
		if (!err)
			break;
	}
	hf_store_give(store, conn);
	return err ? err : tx.refusal;
}

enum hf_err hf_tx_run(struct hf_tx *tx, const char *sql, const struct hf_db_value *params, size_t count,
		      hf_db_row row, void *self, size_t *ret_rows)
{
	return hf_db_run(tx->db, sql, params, count, row, self, ret_rows, tx->fault);
}
