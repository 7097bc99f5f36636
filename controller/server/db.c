/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/server/db_internal.h"

static bool starts_with(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

enum hf_err hf_db_open(const char *url, struct hf_db **ret, struct hf_fault *fault)
{
	if (starts_with(url, "postgresql://") || starts_with(url, "postgres://"))
		return hf_db_postgres_open(url, ret, fault);
	if (starts_with(url, "sqlite:"))
		url += strlen("sqlite:");
	else if (strstr(url, "://"))
		return hf_fail(fault, HF_ERR_STORE_FAILED, "store", "'%.*s' is neither a file nor postgresql://",
			       (int)(strstr(url, "://") - url), url);	/* there may be a password in it */
	if (!*url)
		return hf_fail(fault, HF_ERR_STORE_FAILED, "store", "no file is named");
	if (*url == ':')	/* SQLite's word for memory: each connection would have a store of its own */
		return hf_fail(fault, HF_ERR_STORE_FAILED, "store", "'%s' is no file: give its path", url);
	return hf_db_sqlite_open(url, ret, fault);
}

void hf_db_close(struct hf_db *db)
{
	if (db)
		db->ops->close(db);
}

enum hf_db_trouble hf_db_trouble(const struct hf_db *db)
{
	return db->trouble;
}

const struct hf_db_dialect *hf_db_dialect(const struct hf_db *db)
{
	return &db->ops->dialect;
}

/* PostgreSQL takes no other text, SQLite would: what cannot be stored in both is in neither. RFC 3629,
 * without its surrogates and without NUL. */
static bool is_utf8(struct hf_span in)
{
	for (size_t i = 0; i < in.len;) {
		uint8_t c = in.ptr[i++];
		size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 9;
		uint32_t v = more == 0 ? c : more == 1 ? c & 0x1f : more == 2 ? c & 0xf : c & 7;

		if (c == 0 || more > in.len - i)
			return false;
		for (size_t k = 0; k < more; k++) {
			if ((in.ptr[i] & 0xc0) != 0x80)
				return false;
			v = v << 6 | (in.ptr[i++] & 0x3f);
		}
		if ((more == 2 && v < 0x800) || (more == 3 && v < 0x10000) || v > 0x10ffff ||
		    (v >= 0xd800 && v < 0xe000))
			return false;
	}
	return true;
}

enum hf_err hf_db_run(struct hf_db *db, const char *sql, const struct hf_db_value *params, size_t count,
		      hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault)
{
	db->trouble = HF_DB_FINE;
	if (count > HF_DB_PARAMS_MAX)
		return hf_fail(fault, HF_ERR_INTERNAL, "store", "%zu parameters", count);
	for (size_t i = 0; i < count; i++)
		if (params[i].type == HF_DB_TEXT && !is_utf8(params[i].bytes))
			return hf_fail(fault, HF_ERR_API_REFUSED, "store", "a text is not UTF-8");
	return db->ops->run(db, sql, params, count, row, self, ret_rows, fault);
}

enum hf_err hf_db_script(struct hf_db *db, const char *sql, struct hf_fault *fault)
{
	db->trouble = HF_DB_FINE;
	return db->ops->script(db, sql, fault);
}

enum hf_err hf_db_begin(struct hf_db *db, struct hf_fault *fault)
{
	enum hf_err err;

	db->trouble = HF_DB_FINE;
	if (db->in_transaction)
		return hf_fail(fault, HF_ERR_INTERNAL, "store", "a transaction in a transaction");
	err = db->ops->begin(db, fault);
	db->in_transaction = !err;
	return err;
}

enum hf_err hf_db_commit(struct hf_db *db, struct hf_fault *fault)
{
	enum hf_err err;

	db->trouble = HF_DB_FINE;
	if (!db->in_transaction)
		return hf_fail(fault, HF_ERR_INTERNAL, "store", "no transaction to commit");
	err = db->ops->commit(db, fault);
	db->in_transaction = false;
	return err;
}

void hf_db_rollback(struct hf_db *db)
{
	if (db->in_transaction)
		db->ops->rollback(db);
	db->in_transaction = false;
}
