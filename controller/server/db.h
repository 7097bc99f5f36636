/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/db.h: SQL on SQLite or PostgreSQL, the same text for both: parameters $1, $2,
 * ..., BIGINT, TEXT and bytes, INSERT ... ON CONFLICT, UPDATE ... RETURNING, partial indexes.
 * db_sqlite.c and db_postgres.c are the sole includers of their libraries. [edge: database]
 *
 * A connection belongs to one thread at a time. Whoever changes something does it in a
 * transaction; what must happen once is an UPDATE with the old state in its WHERE, or a key that is
 * unique. Texts of SQL are constants: statements are prepared once for each connection and text.
 */
#ifndef HF_CONTROLLER_SERVER_DB_H
#define HF_CONTROLLER_SERVER_DB_H

#include "measure/arena.h"
#include "measure/bytes.h"
#include "measure/err.h"

struct hf_db;
enum hf_db_type { HF_DB_NULL, HF_DB_INT, HF_DB_TEXT, HF_DB_BYTES };
struct hf_db_value {
	enum hf_db_type type;
	int64_t number;
	struct hf_span bytes;	/* TEXT (UTF-8, no NUL) and BYTES */
};
static inline struct hf_db_value hf_db_int(int64_t n) { return (struct hf_db_value){ HF_DB_INT, n, { NULL, 0 } }; }
static inline struct hf_db_value hf_db_text(const char *t)
{
	return t ? (struct hf_db_value){ HF_DB_TEXT, 0, hf_span_text(t) } : (struct hf_db_value){ HF_DB_NULL, 0, { NULL, 0 } };
}
static inline struct hf_db_value hf_db_span(enum hf_db_type type, struct hf_span s) { return (struct hf_db_value){ type, 0, s }; }

#define HF_DB_PARAMS_MAX 40
#define HF_DB_COLUMNS_MAX 48
#define HF_DB_STATEMENTS_MAX 96	/* prepared ones of one connection; beyond it the oldest goes */
#define HF_DB_WAIT_SECONDS 20	/* for one statement, for a lock, for a database that restarts */

/* Why the last call on this connection failed. */
enum hf_db_trouble {
	HF_DB_FINE,
	HF_DB_OTHER,	/* an error that would come again: no disk, a broken file, our own mistake */
	HF_DB_AGAIN,	/* nothing happened, and the same transaction may go well now: a deadlock, a
			 * key that somebody else took meanwhile, a connection lost before COMMIT */
	HF_DB_UNKNOWN,	/* the connection was lost, or an error came, during COMMIT */
};

/* url: a file name, "sqlite:FILE", or "postgresql://..." (any libpq URI). Makes the file; the
 * schema is hf_store_open's business. HF_ERR_STORE_FAILED. */
enum hf_err hf_db_open(const char *url, struct hf_db **ret, struct hf_fault *fault) HF_MUST_USE;
void hf_db_close(struct hf_db *db);	/* NULL is fine */
enum hf_db_trouble hf_db_trouble(const struct hf_db *db);
/* Values are valid during the call; an error stops the walk and is returned. */
typedef enum hf_err (*hf_db_row)(void *self, const struct hf_db_value *values, size_t count);
/* One statement; row may be NULL. *ret_rows (may be NULL): rows changed or returned. A lost
 * connection is made anew for the next transaction, or the next statement outside of one; this
 * one fails. */
enum hf_err hf_db_run(struct hf_db *db, const char *sql, const struct hf_db_value *params, size_t count,
		      hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_db_begin(struct hf_db *db, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_db_commit(struct hf_db *db, struct hf_fault *fault) HF_MUST_USE;
void hf_db_rollback(struct hf_db *db);
/* Several statements, without parameters or rows: the schema's. */
enum hf_err hf_db_script(struct hf_db *db, const char *sql, struct hf_fault *fault) HF_MUST_USE;

/* What differs in the text of a schema. */
struct hf_db_dialect {
	const char *name;	/* "sqlite", "postgresql": for people */
	const char *bytes;	/* "BLOB", "BYTEA" */
	const char *key_text;	/* a TEXT that is ordered by its bytes */
	const char *serial;	/* a primary key that counts up */
	const char *lock;	/* first statement of a transaction that one process at a time may do */
	bool postgres;
};
const struct hf_db_dialect *hf_db_dialect(const struct hf_db *db);

#endif
