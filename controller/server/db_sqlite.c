/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Write-ahead log, and every commit on disk before it is told (synchronous=FULL). Writers of
 * several processes take turns: BEGIN IMMEDIATE waits for the one that is at it. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/server/db_internal.h"

struct sqlite {
	struct hf_db db;
	sqlite3 *handle;
	struct statement { const char *sql; sqlite3_stmt *stmt; } statements[HF_DB_STATEMENTS_MAX];
	size_t count, next;	/* next: the one that goes when all are taken */
};

static struct sqlite *self_of(struct hf_db *db)
{
	return (struct sqlite *)(void *)db;
}

static enum hf_err failed(struct sqlite *s, const char *where, struct hf_fault *fault)
{
	int code = sqlite3_extended_errcode(s->handle);

	/* A key that another process took since it was looked for: who looks again sees it. */
	s->db.trouble = (code & 0xff) == SQLITE_BUSY || code == SQLITE_CONSTRAINT_UNIQUE ||
			code == SQLITE_CONSTRAINT_PRIMARYKEY ? HF_DB_AGAIN : HF_DB_OTHER;
	return hf_fail(fault, HF_ERR_STORE_FAILED, where, "%s", sqlite3_errmsg(s->handle));
}

static void close_sqlite(struct hf_db *db)
{
	struct sqlite *s = self_of(db);

	for (size_t i = 0; i < s->count; i++)
		sqlite3_finalize(s->statements[i].stmt);
	sqlite3_close(s->handle);
	free(s);
}

static enum hf_err prepare(struct sqlite *s, const char *sql, sqlite3_stmt **ret, struct hf_fault *fault)
{
	sqlite3_stmt *stmt;
	struct statement *at;

	for (size_t i = 0; i < s->count; i++)
		if (s->statements[i].sql == sql || strcmp(s->statements[i].sql, sql) == 0) {
			*ret = s->statements[i].stmt;
			return HF_OK;
		}
	if (sqlite3_prepare_v3(s->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		return failed(s, "prepare", fault);
	at = &s->statements[s->count < HF_DB_STATEMENTS_MAX ? s->count++ : s->next++ % HF_DB_STATEMENTS_MAX];
	sqlite3_finalize(at->stmt);
	*at = (struct statement){ sqlite3_sql(stmt), stmt };
	*ret = stmt;
	return HF_OK;
}

static int bind(sqlite3_stmt *stmt, size_t number, const struct hf_db_value *value)
{
	const char *bytes = value->bytes.len ? (const char *)value->bytes.ptr : "";
	char name[24];
	int at;

	snprintf(name, sizeof(name), "$%zu", number);
	at = sqlite3_bind_parameter_index(stmt, name);
	if (!at)
		return SQLITE_OK;	/* not in this text */
	switch (value->type) {
	case HF_DB_NULL:
		return sqlite3_bind_null(stmt, at);
	case HF_DB_INT:
		return sqlite3_bind_int64(stmt, at, value->number);
	case HF_DB_TEXT:
		return sqlite3_bind_text64(stmt, at, bytes, value->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
	case HF_DB_BYTES:
		return sqlite3_bind_blob64(stmt, at, bytes, value->bytes.len, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

/* False: there was no memory for it. An empty text must not stand in for one that is there: empty
 * is a lease that may start any image. */
static bool value_at(sqlite3_stmt *stmt, int column, struct hf_db_value *ret)
{
	struct hf_db_value value = { 0 };

	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		*ret = hf_db_int(sqlite3_column_int64(stmt, column));
		return true;
	case SQLITE_TEXT:
		value.type = HF_DB_TEXT;
		value.bytes.ptr = sqlite3_column_text(stmt, column);
		break;
	case SQLITE_BLOB:
		value.type = HF_DB_BYTES;
		value.bytes.ptr = sqlite3_column_blob(stmt, column);
		break;
	default:
		*ret = value;
		return true;
	}
	value.bytes.len = (size_t)sqlite3_column_bytes(stmt, column);
	*ret = value;
	return value.bytes.ptr || (value.type == HF_DB_BYTES && !value.bytes.len);
}

static enum hf_err step(struct sqlite *s, sqlite3_stmt *stmt, hf_db_row row, void *self, size_t *rows,
			struct hf_fault *fault)
{
	struct hf_db_value values[HF_DB_COLUMNS_MAX];
	int columns = sqlite3_column_count(stmt), code;

	if (columns > HF_DB_COLUMNS_MAX)
		return hf_fail(fault, HF_ERR_INTERNAL, "store", "%d columns", columns);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		enum hf_err err;

		++*rows;
		for (int i = 0; i < columns; i++)
			if (!value_at(stmt, i, &values[i]))
				return hf_fail(fault, HF_ERR_NO_MEMORY, "store", "a column");
		err = row ? row(self, values, (size_t)columns) : HF_OK;
		if (err)
			return err;
	}
	return code == SQLITE_DONE ? HF_OK : failed(s, "statement", fault);
}

static enum hf_err run(struct hf_db *db, const char *sql, const struct hf_db_value *params, size_t count,
		       hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault)
{
	struct sqlite *s = self_of(db);
	sqlite3_stmt *stmt = NULL;
	size_t rows = 0;
	enum hf_err err = prepare(s, sql, &stmt, fault);

	for (size_t i = 0; !err && i < count; i++)
		if (bind(stmt, i + 1, &params[i]) != SQLITE_OK)
			err = failed(s, "parameter", fault);
	if (!err)
		err = step(s, stmt, row, self, &rows, fault);
	if (!err && !sqlite3_column_count(stmt))
		rows = (size_t)sqlite3_changes64(s->handle);
	sqlite3_reset(stmt);	/* NULL is fine */
	if (stmt)
		sqlite3_clear_bindings(stmt);
	if (!err && ret_rows)
		*ret_rows = rows;
	return err;
}

static enum hf_err script(struct hf_db *db, const char *sql, struct hf_fault *fault)
{
	struct sqlite *s = self_of(db);

	if (sqlite3_exec(s->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return failed(s, "statement", fault);
	return HF_OK;
}

static enum hf_err begin(struct hf_db *db, struct hf_fault *fault)
{
	enum hf_err err = script(db, "BEGIN IMMEDIATE", fault);

	if (err)
		db->trouble = HF_DB_OTHER;	/* it was waited for */
	return err;
}

static enum hf_err commit(struct hf_db *db, struct hf_fault *fault)
{
	enum hf_err err = script(db, "COMMIT", fault);

	if (err) {
		struct sqlite *s = self_of(db);

		/* Written to the log, perhaps, and not known to be on disk. */
		if (!sqlite3_get_autocommit(s->handle))
			sqlite3_exec(s->handle, "ROLLBACK", NULL, NULL, NULL);
		db->trouble = HF_DB_UNKNOWN;
	}
	return err;
}

static void rollback(struct hf_db *db)
{
	struct sqlite *s = self_of(db);

	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(s->handle))
		sqlite3_exec(s->handle, "ROLLBACK", NULL, NULL, NULL);
}

static const struct hf_db_ops ops = {
	.dialect = { "sqlite", "BLOB", "TEXT", "INTEGER PRIMARY KEY AUTOINCREMENT", "SELECT 1", false },
	.close = close_sqlite, .run = run, .script = script,
	.begin = begin, .commit = commit, .rollback = rollback,
};

/* Whoever turns a new file to this mode while another opens it is told "busy" at once. */
static enum hf_err set_modes(struct sqlite *s, struct hf_fault *fault)
{
	enum hf_err err = HF_OK;

	for (int i = 0; i < 100; i++) {
		err = script(&s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			     "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON;"
			     "PRAGMA journal_size_limit=67108864;", fault);
		if (!err || s->db.trouble != HF_DB_AGAIN)
			return err;
		sqlite3_sleep(20);
	}
	return err;
}

static enum hf_err set_up(struct sqlite *s, const char *file, struct hf_fault *fault)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	/* SQLite would make it readable for all; its log and index take the mode from it. One that is
	 * there is not opened: closing it would drop the locks of this process's other connections. */
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t rows = 0;
	enum hf_err err;

	if (fd < 0 && errno != EEXIST)
		return hf_fail_errno(fault, HF_ERR_STORE_FAILED, errno, file);
	if (fd >= 0)
		close(fd);
	if (sqlite3_open_v2(file, &s->handle, flags, NULL) != SQLITE_OK)
		return failed(s, file, fault);
	sqlite3_busy_timeout(s->handle, HF_DB_WAIT_SECONDS * 1000);
	err = set_modes(s, fault);
	if (!err)
		err = run(&s->db, "SELECT 1 FROM pragma_journal_mode WHERE journal_mode = 'wal'", NULL, 0,
			  NULL, NULL, &rows, fault);
	/* A file system without shared memory keeps another mode, in which others could not read. */
	if (!err && rows != 1)
		err = hf_fail(fault, HF_ERR_STORE_FAILED, file, "this file system keeps no write-ahead log");
	return err;
}

enum hf_err hf_db_sqlite_open(const char *file, struct hf_db **ret, struct hf_fault *fault)
{
	struct sqlite *s = calloc(1, sizeof(*s));
	enum hf_err err;

	if (!s)
		return hf_fail(fault, HF_ERR_NO_MEMORY, "store", "%zu bytes", sizeof(*s));
	s->db.ops = &ops;
	err = set_up(s, file, fault);
	if (err) {
		close_sqlite(&s->db);
		return err;
	}
	*ret = &s->db;
	return HF_OK;
}
