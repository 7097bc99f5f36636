/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/db_postgres.h: what db_postgres.c (statements) and db_postgres_link.c (the
 * connection) share; nobody else includes it. */
#ifndef HF_CONTROLLER_SERVER_DB_POSTGRES_H
#define HF_CONTROLLER_SERVER_DB_POSTGRES_H

#include <libpq-fe.h>

#include "controller/server/db_internal.h"

struct postgres {
	struct hf_db db;
	char *uri;
	PGconn *conn;		/* NULL: none at present */
	const char *statements[HF_DB_STATEMENTS_MAX];	/* prepared as "s0", "s1", ... */
	size_t count;
};

/* There is a connection, or there is again: tries for HF_DB_WAIT_SECONDS. */
enum hf_err hf_pg_connect(struct postgres *p, struct hf_fault *fault) HF_MUST_USE;
void hf_pg_disconnect(struct postgres *p);
/* One command without values. */
enum hf_err hf_pg_simple(struct postgres *p, const char *sql, const char *where, struct hf_fault *fault) HF_MUST_USE;
/* The last result of the command that was sent; NULL: the connection is of no use any more. */
PGresult *hf_pg_answer(struct postgres *p);
/* Takes over result: *ret has it if it is good and ret is not NULL; else trouble is set. */
enum hf_err hf_pg_finish(struct postgres *p, PGresult *result, const char *where, PGresult **ret,
			 struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_pg_lost(struct postgres *p, const char *where, const char *message, struct hf_fault *fault) HF_MUST_USE;

#endif
