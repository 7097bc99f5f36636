/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/inventory_rows.h: what both forms of an inventory go through; internal to
 * controller/inventory*.c. */
#ifndef HF_CONTROLLER_INVENTORY_ROWS_H
#define HF_CONTROLLER_INVENTORY_ROWS_H

#include "controller/inventory.h"

enum hf_column { HF_COLUMN_ID, HF_COLUMN_EK, HF_COLUMN_SERIAL, HF_COLUMN_MODEL, HF_COLUMN_BANKS,
		 HF_COLUMN_TENANT, HF_COLUMN_FIRST_USE, HF_COLUMN_ACCEPTED, HF_COLUMN_RING };
#define HF_COLUMNS 9
const char *hf_column_name(enum hf_column column);
bool hf_column_named(const char *name, size_t len, enum hf_column *ret);

struct hf_rows {
	struct hf_arena *arena;
	struct hf_fault *fault;
	const char *unit;	/* "line", "host": what where counts */
	struct hf_inventory *hosts;
	size_t *where;		/* of each host */
	size_t count, cap;
};
/* Room for at most cap hosts. */
enum hf_err hf_rows_make(struct hf_rows *rows, size_t cap) HF_MUST_USE;
/* Fields by column, NUL-terminated in the arena; NULL or "": not said. where: for complaints. */
enum hf_err hf_rows_add(struct hf_rows *rows, const char *const fields[static HF_COLUMNS],
			size_t where) HF_MUST_USE;
/* "line 7, ek-sha256: ..." */
enum hf_err hf_rows_refuse(struct hf_rows *rows, size_t where, const char *column, const char *format,
			   ...) __attribute__((format(printf, 4, 5)));

enum hf_err hf_inventory_csv(struct hf_rows *rows, struct hf_span text) HF_MUST_USE;
enum hf_err hf_inventory_json(struct hf_rows *rows, struct hf_span text) HF_MUST_USE;

#endif
