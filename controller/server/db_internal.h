/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/db_internal.h: what a database must be able to do; db.c and the two that do it
 * alone include this. */
#ifndef HF_CONTROLLER_SERVER_DB_INTERNAL_H
#define HF_CONTROLLER_SERVER_DB_INTERNAL_H

#include "controller/server/db.h"

struct hf_db_ops {
	struct hf_db_dialect dialect;
	void (*close)(struct hf_db *db);
	enum hf_err (*run)(struct hf_db *db, const char *sql, const struct hf_db_value *params, size_t count,
			   hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault);
	enum hf_err (*script)(struct hf_db *db, const char *sql, struct hf_fault *fault);
	enum hf_err (*begin)(struct hf_db *db, struct hf_fault *fault);
	enum hf_err (*commit)(struct hf_db *db, struct hf_fault *fault);
	void (*rollback)(struct hf_db *db);
};
struct hf_db {	/* the first member of each one's own */
	const struct hf_db_ops *ops;
	enum hf_db_trouble trouble;
	bool in_transaction;
};

enum hf_err hf_db_sqlite_open(const char *file, struct hf_db **ret, struct hf_fault *fault) HF_MUST_USE;
enum hf_err hf_db_postgres_open(const char *uri, struct hf_db **ret, struct hf_fault *fault) HF_MUST_USE;

#endif
