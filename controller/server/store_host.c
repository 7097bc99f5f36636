/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts: what the owner says of them, and how they are looked up. */
#include "controller/server/store_internal.h"

static const char *const lease_names[] = { "in-use", "reclaimed", "challenged", "held" };

const char *hf_lease_name(enum hf_lease lease)
{
	return (unsigned)lease <= HF_LEASE_HELD ? lease_names[lease] : "unknown";
}

/* ---- a row ---- */

static void take_inventory(struct hf_row *row, struct hf_inventory *ret)
{
	ret->id = hf_row_text(row);
	ret->ek_id = hf_row_bytes(row);
	ret->first_use_until = hf_row_int(row);
	ret->serial = hf_row_text(row);
	ret->model = hf_row_text(row);
	ret->banks = (uint32_t)hf_row_int(row);
	ret->tenant = hf_row_text(row);
	ret->ek_accepted = hf_row_int(row) != 0;
}

enum hf_err hf_host_from_row(const struct hf_db_value *values, size_t count, struct hf_arena *arena,
			     struct hf_host_row *ret)
{
	struct hf_row row = { .values = values, .count = count, .arena = arena };
	struct hf_host_record *r = &ret->record;
	int64_t state;

	*ret = (struct hf_host_row){ 0 };
	take_inventory(&row, &r->inventory);
	state = hf_row_int(&row);
	/* what we do not know is held */
	r->state = state >= HF_LEASE_IN_USE && state <= HF_LEASE_HELD ? (enum hf_lease)state : HF_LEASE_HELD;
	r->since = hf_row_int(&row);
	r->lease = hf_row_text(&row);
	r->tenant = hf_row_text(&row);
	ret->held = (enum hf_held)hf_row_int(&row);
	r->held_why = hf_row_text(&row);
	r->held_by = hf_row_text(&row);
	r->reclaim = hf_row_bytes(&row);
	r->ticketed = hf_row_int(&row) != 0;
	r->ak_name = hf_row_bytes(&row);
	r->ak = hf_row_bytes(&row);
	r->ek = hf_row_bytes(&row);
	r->enrolled = hf_row_int(&row);
	r->last_seen = hf_row_int(&row);
	r->last_verdict = hf_row_int(&row);
	r->counted = hf_row_int(&row) != 0;
	r->reset_count = (uint32_t)hf_row_int(&row);
	r->restart_count = (uint32_t)hf_row_int(&row);
	r->firmware_version = (uint64_t)hf_row_int(&row);
	r->last_cause = hf_row_text(&row);
	r->last_class = hf_row_text(&row);
	r->last_status = (enum hf_ear_status)hf_row_int(&row);
	r->last_verdict_id = hf_row_int(&row);
	r->inventory.ring = hf_row_text(&row);
	return hf_row_end(&row);
}

struct one { struct hf_arena *arena; struct hf_host_row row; };

static enum hf_err take_one(void *self, const struct hf_db_value *values, size_t count)
{
	struct one *one = self;

	return hf_host_from_row(values, count, one->arena, &one->row);
}

enum hf_err hf_tx_host(struct hf_tx *tx, const char *id, struct hf_host_row *ret)
{
	struct one one = { .arena = tx->arena };
	size_t rows = 0;
	enum hf_err err = hf_tx_run(tx, "UPDATE hosts SET version = version + 1 WHERE id = $1"
				    " RETURNING " HF_HOST_COLUMNS, HF_PARAMS(hf_db_text(id)), take_one, &one, &rows);

	if (err)
		return err;
	if (!rows)
		return hf_fail(tx->fault, HF_ERR_HOST_UNKNOWN, id, "no host has this name");
	*ret = one.row;
	return HF_OK;
}

enum hf_err hf_tx_host_copy(struct hf_tx *tx, const char *id, struct hf_arena *arena, struct hf_host_record *ret)
{
	struct one one = { .arena = arena };
	enum hf_err err = hf_tx_run(tx, "SELECT " HF_HOST_COLUMNS " FROM hosts WHERE id = $1",
				    HF_PARAMS(hf_db_text(id)), take_one, &one, NULL);

	if (!err)
		*ret = one.row.record;
	return err;
}

/* ---- looking up ---- */

static enum hf_err look_up(struct hf_store *store, const char *sql, struct hf_db_value key, struct hf_arena *arena,
			   struct hf_host_record *ret, struct hf_fault *fault)
{
	struct one one = { .arena = arena };
	size_t rows = 0;
	enum hf_err err = hf_store_find(store, sql, &key, 1, take_one, &one, &rows, fault);

	if (err)
		return err;
	if (!rows)
		return hf_fail(fault, HF_ERR_HOST_UNKNOWN, key.type == HF_DB_TEXT ? (const char *)key.bytes.ptr : NULL,
			       "%s", key.type == HF_DB_TEXT ? "no host has this name" : "no host has this key");
	*ret = one.row.record;
	return HF_OK;
}

enum hf_err hf_store_host(struct hf_store *store, const char *id, struct hf_arena *arena,
			  struct hf_host_record *ret, struct hf_fault *fault)
{
	return look_up(store, "SELECT " HF_HOST_COLUMNS " FROM hosts WHERE id = $1", hf_db_text(id), arena, ret,
		       fault);
}

enum hf_err hf_store_host_by_ak(struct hf_store *store, struct hf_span ak_name, struct hf_arena *arena,
				struct hf_host_record *ret, struct hf_fault *fault)
{
	return look_up(store, "SELECT " HF_HOST_COLUMNS " FROM hosts WHERE ak_name = $1",
		       hf_db_span(HF_DB_BYTES, ak_name), arena, ret, fault);
}

enum hf_err hf_store_host_by_ek(struct hf_store *store, struct hf_span ek_id, struct hf_arena *arena,
				struct hf_host_record *ret, struct hf_fault *fault)
{
	return look_up(store, "SELECT " HF_HOST_COLUMNS " FROM hosts WHERE ek_id = $1",
		       hf_db_span(HF_DB_BYTES, ek_id), arena, ret, fault);
}

enum hf_err hf_store_host_by_serial(struct hf_store *store, const char *serial, int64_t now, struct hf_arena *arena,
				    struct hf_host_record *ret, struct hf_fault *fault)
{
	struct hf_db_value keys[] = { hf_db_text(serial), hf_db_int(now) };
	struct one one = { .arena = arena };
	size_t rows = 0;
	enum hf_err err = hf_store_read(store, "SELECT " HF_HOST_COLUMNS " FROM hosts WHERE serial = $1 AND serial <> ''"
					" AND ek_id IS NULL AND first_use_until >= $2 LIMIT 2", keys, 2, take_one, &one,
					&rows, fault);

	if (err)
		return err;
	if (!rows)
		return hf_fail(fault, HF_ERR_HOST_UNKNOWN, NULL, "no host of this serial number may be enrolled by first use");
	if (rows > 1)
		return hf_fail(fault, HF_ERR_STATE_CHANGED, NULL, "several hosts have this serial number");
	*ret = one.row.record;
	return HF_OK;
}

struct walk { hf_store_visit_host visit; void *self; };

static enum hf_err visit_row(void *self, const struct hf_db_value *values, size_t count)
{
	const struct walk *walk = self;
	struct hf_host_row row;
	enum hf_err err = hf_host_from_row(values, count, NULL, &row);

	return err ? err : walk->visit(walk->self, &row.record);
}

enum hf_err hf_store_hosts(struct hf_store *store, const char *after, int state, size_t limit,
			   hf_store_visit_host visit, void *self, struct hf_fault *fault)
{
	struct walk walk = { visit, self };

	if (state < 0)
		return hf_store_read(store, "SELECT " HF_HOST_COLUMNS " FROM hosts WHERE id > $1"
				     " ORDER BY id LIMIT $2",
				     HF_PARAMS(hf_db_words(after), hf_db_int((int64_t)limit)), visit_row, &walk,
				     NULL, fault);
	return hf_store_read(store, "SELECT " HF_HOST_COLUMNS " FROM hosts WHERE id > $1 AND state = $2"
			     " ORDER BY id LIMIT $3",
			     HF_PARAMS(hf_db_words(after), hf_db_int(state), hf_db_int((int64_t)limit)), visit_row,
			     &walk, NULL, fault);
}

struct count_walk { hf_store_visit_count visit; void *self; };

static enum hf_err visit_count(void *self, const struct hf_db_value *values, size_t count)
{
	const struct count_walk *walk = self;
	struct hf_row row = { .values = values, .count = count };
	struct hf_store_count c;

	c.model = hf_row_text(&row);
	c.class_name = hf_row_text(&row);
	c.state = (enum hf_lease)hf_row_int(&row);
	c.status = (enum hf_ear_status)hf_row_int(&row);
	c.hosts = (uint64_t)hf_row_int(&row);
	c.oldest_seen = hf_row_int(&row);
	return walk->visit(walk->self, &c);
}

enum hf_err hf_store_counts(struct hf_store *store, hf_store_visit_count visit, void *self, struct hf_fault *fault)
{
	struct count_walk walk = { visit, self };

	return hf_store_read(store, "SELECT model, last_class, state, last_status, COUNT(*), MIN(last_seen)"
			     " FROM hosts GROUP BY model, last_class, state, last_status"
			     " ORDER BY model, last_class, state, last_status", NULL, 0, visit_count, &walk, NULL,
			     fault);
}

enum hf_err hf_store_seen(struct hf_store *store, const char *host, int64_t now, struct hf_fault *fault)
{
	return hf_store_find(store, "UPDATE hosts SET last_seen = $2 WHERE id = $1 AND last_seen < $3",
			     HF_PARAMS(hf_db_text(host), hf_db_int(now), hf_db_int(now - HF_STORE_SEEN_SECONDS + 1)),
			     NULL, NULL, NULL, fault);
}
