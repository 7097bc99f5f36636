/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statements for PostgreSQL. Numbers and bytes go in binary, so nothing is quoted or parsed. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/server/db_postgres.h"

#define OID_BYTEA 17
#define OID_INT8 20
#define OID_INT4 23
#define OID_TEXT 25
#define OID_VARCHAR 1043

static struct postgres *self_of(struct hf_db *db)
{
	return (struct postgres *)(void *)db;
}

static void close_postgres(struct hf_db *db)
{
	struct postgres *p = self_of(db);

	hf_pg_disconnect(p);
	free(p->uri);
	free(p);
}

/* ---- statements ---- */

struct bound {
	const char *values[HF_DB_PARAMS_MAX];
	Oid types[HF_DB_PARAMS_MAX];
	int lengths[HF_DB_PARAMS_MAX], formats[HF_DB_PARAMS_MAX];
	uint64_t numbers[HF_DB_PARAMS_MAX];
};

static bool bind(const struct hf_db_value *params, size_t count, struct bound *ret)
{
	for (size_t i = 0; i < count; i++) {
		const struct hf_db_value *v = &params[i];

		ret->formats[i] = 1;
		ret->values[i] = NULL;
		ret->types[i] = 0;
		ret->lengths[i] = 0;
		if (v->type == HF_DB_NULL)
			continue;
		if (v->type == HF_DB_INT) {
			ret->numbers[i] = htobe64((uint64_t)v->number);
			ret->values[i] = (const char *)&ret->numbers[i];
			ret->lengths[i] = sizeof(ret->numbers[i]);
			ret->types[i] = OID_INT8;
			continue;
		}
		if (v->bytes.len > INT32_MAX)
			return false;
		ret->values[i] = v->bytes.len ? (const char *)v->bytes.ptr : "";
		ret->lengths[i] = (int)v->bytes.len;
		ret->types[i] = v->type == HF_DB_TEXT ? OID_TEXT : OID_BYTEA;
	}
	return true;
}

static enum hf_err prepare(struct postgres *p, const char *sql, const struct bound *bound, size_t count,
			   char name[16], struct hf_fault *fault)
{
	enum hf_err err;
	size_t at = 0;

	while (at < p->count && p->statements[at] != sql && strcmp(p->statements[at], sql) != 0)
		at++;
	if (at == HF_DB_STATEMENTS_MAX)
		return hf_fail(fault, HF_ERR_INTERNAL, "store", "more than %d statements", HF_DB_STATEMENTS_MAX);
	snprintf(name, 16, "s%zu", at);
	if (at < p->count)
		return HF_OK;
	if (!PQsendPrepare(p->conn, name, sql, (int)count, bound->types))
		return hf_pg_lost(p, "prepare", PQerrorMessage(p->conn), fault);
	err = hf_pg_finish(p, hf_pg_answer(p), "prepare", NULL, fault);
	if (!err)
		p->statements[p->count++] = sql;
	return err;
}

static bool value_at(const PGresult *result, int row, int column, struct hf_db_value *ret)
{
	const uint8_t *ptr = (const uint8_t *)PQgetvalue(result, row, column);
	size_t len = (size_t)PQgetlength(result, row, column);

	*ret = (struct hf_db_value){ 0 };
	if (PQgetisnull(result, row, column))
		return true;
	switch (PQftype(result, column)) {
	case OID_INT8:
	case OID_INT4:
		if (len != 8 && len != 4)
			return false;
		*ret = hf_db_int(len == 8 ? (int64_t)hf_be(ptr, 8) : (int32_t)hf_be(ptr, 4));
		return true;
	case OID_TEXT:
	case OID_VARCHAR:
		*ret = hf_db_span(HF_DB_TEXT, (struct hf_span){ ptr, len });
		return true;
	case OID_BYTEA:
		*ret = hf_db_span(HF_DB_BYTES, (struct hf_span){ ptr, len });
		return true;
	default:
		return false;
	}
}

static enum hf_err visit(const PGresult *result, hf_db_row row, void *self, struct hf_fault *fault)
{
	struct hf_db_value values[HF_DB_COLUMNS_MAX];
	int columns = PQnfields(result);

	if (columns > HF_DB_COLUMNS_MAX)
		return hf_fail(fault, HF_ERR_INTERNAL, "store", "%d columns", columns);
	for (int r = 0; row && r < PQntuples(result); r++) {
		enum hf_err err;

		for (int c = 0; c < columns; c++)
			if (!value_at(result, r, c, &values[c]))
				return hf_fail(fault, HF_ERR_INTERNAL, "store", "column %d is of type %u", c,
					       PQftype(result, c));
		err = row(self, values, (size_t)columns);
		if (err)
			return err;
	}
	return HF_OK;
}

static enum hf_err run(struct hf_db *db, const char *sql, const struct hf_db_value *params, size_t count,
		       hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault)
{
	struct postgres *p = self_of(db);
	struct bound bound;
	PGresult *result = NULL;
	char name[16];
	enum hf_err err = HF_OK;

	if (!bind(params, count, &bound))
		return hf_fail(fault, HF_ERR_LIMIT, "store", "a value is too large");
	if (!db->in_transaction)
		err = hf_pg_connect(p, fault);
	else if (!p->conn)
		err = hf_pg_lost(p, "database", "the connection was lost", fault);
	if (!err)
		err = prepare(p, sql, &bound, count, name, fault);
	if (err)
		return err;
	if (!PQsendQueryPrepared(p->conn, name, (int)count, bound.values, bound.lengths, bound.formats, 1))
		return hf_pg_lost(p, "statement", PQerrorMessage(p->conn), fault);
	err = hf_pg_finish(p, hf_pg_answer(p), "statement", &result, fault);
	if (err)
		return err;
	err = visit(result, row, self, fault);
	if (!err && ret_rows)
		*ret_rows = PQresultStatus(result) == PGRES_TUPLES_OK ? (size_t)PQntuples(result) :
			    (size_t)strtoul(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return err;
}

static enum hf_err script(struct hf_db *db, const char *sql, struct hf_fault *fault)
{
	struct postgres *p = self_of(db);

	if (!p->conn)
		return hf_pg_lost(p, "database", "the connection was lost", fault);
	return hf_pg_simple(p, sql, "statement", fault);
}

static enum hf_err begin(struct hf_db *db, struct hf_fault *fault)
{
	enum hf_err err = hf_pg_connect(self_of(db), fault);

	return err ? err : hf_pg_simple(self_of(db), "BEGIN", "begin", fault);
}

static enum hf_err commit(struct hf_db *db, struct hf_fault *fault)
{
	struct postgres *p = self_of(db);
	PGresult *result = NULL;
	enum hf_err err;

	if (!p->conn)
		return hf_pg_lost(p, "database", "the connection was lost", fault);
	if (!PQsendQuery(p->conn, "COMMIT"))
		err = hf_pg_lost(p, "commit", PQerrorMessage(p->conn), fault);
	else
		err = hf_pg_finish(p, hf_pg_answer(p), "commit", &result, fault);
	if (err) {
		db->trouble = HF_DB_UNKNOWN;
		return err;
	}
	/* COMMIT of a transaction that had failed says so in its tag alone. */
	if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
		db->trouble = HF_DB_OTHER;
		err = hf_fail(fault, HF_ERR_STORE_FAILED, "commit", "%s", PQcmdStatus(result));
	}
	PQclear(result);
	return err;
}

static void rollback(struct hf_db *db)
{
	struct postgres *p = self_of(db);
	enum hf_db_trouble trouble = db->trouble;

	if (p->conn && hf_pg_simple(p, "ROLLBACK", "rollback", NULL))
		hf_pg_disconnect(p);
	db->trouble = trouble;
}

static const struct hf_db_ops ops = {
	.dialect = { "postgresql", "BYTEA", "TEXT COLLATE \"C\"",
		     "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		     "SELECT 1 FROM (SELECT pg_advisory_xact_lock(7452010313817383792)) AS locked", true },
	.close = close_postgres, .run = run, .script = script,
	.begin = begin, .commit = commit, .rollback = rollback,
};

static enum hf_err check_uri(const char *uri, struct hf_fault *fault)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(uri, &why);
	/* Up to the colon: what follows may be the URI itself, with a password in it. */
	enum hf_err err = options ? HF_OK :
			  hf_fail(fault, HF_ERR_STORE_FAILED, "store", "%.*s", why ? (int)strcspn(why, ":\n") : 0,
				  why ? why : "");

	PQconninfoFree(options);
	PQfreemem(why);
	return err;
}

enum hf_err hf_db_postgres_open(const char *uri, struct hf_db **ret, struct hf_fault *fault)
{
	struct postgres *p = calloc(1, sizeof(*p));
	enum hf_err err;

	if (!p || !(p->uri = strdup(uri))) {
		free(p);
		return hf_fail(fault, HF_ERR_NO_MEMORY, "store", "a connection");
	}
	p->db.ops = &ops;
	err = check_uri(uri, fault);
	if (!err)
		err = hf_pg_connect(p, fault);
	if (err) {
		close_postgres(&p->db);
		return err;
	}
	*ret = &p->db;
	return HF_OK;
}
