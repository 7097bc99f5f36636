/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rings: sets of manifests that all controllers on one store have, and which hosts are in them. */
#include "controller/server/store_internal.h"

static const char *const stages[] = { "observe", "audit", "enforce" };

const char *hf_ring_stage_name(enum hf_ring_stage stage)
{
	return (unsigned)stage <= HF_RING_ENFORCE ? stages[stage] : "unknown";
}

bool hf_ring_stage_from_name(const char *name, enum hf_ring_stage *ret)
{
	for (enum hf_ring_stage s = HF_RING_OBSERVE; s <= HF_RING_ENFORCE; s++) {
		if (strcmp(name, stages[s]) != 0)
			continue;
		*ret = s;
		return true;
	}
	return false;
}

/* ---- looking up ---- */

#define ALONE "SELECT r.name, r.stage, r.version, r.digest, r.about, r.at, r.put_by, r.bytes"
#define COUNTED ALONE ", (SELECT COUNT(*) FROM hosts h WHERE h.ring = r.name)"

struct found { struct hf_arena *arena; struct hf_ring_record ring; hf_store_visit_ring visit; void *self; };

static enum hf_err take_ring(void *self, const struct hf_db_value *values, size_t count)
{
	struct found *f = self;
	struct hf_row row = { .values = values, .count = count, .arena = f->arena };
	struct hf_ring_record *r = &f->ring;

	*r = (struct hf_ring_record){ .name = hf_row_text(&row) };
	r->stage = (enum hf_ring_stage)hf_row_int(&row);
	r->version = hf_row_int(&row);
	r->digest = hf_row_bytes(&row);
	r->about = hf_row_text(&row);
	r->at = hf_row_int(&row);
	r->by = hf_row_text(&row);
	r->bytes = (uint64_t)hf_row_int(&row);
	r->hosts = (uint64_t)hf_row_int(&row);
	r->bundle = hf_row_bytes(&row);
	if (hf_row_end(&row) != HF_OK)
		return hf_row_end(&row);
	if ((unsigned)r->stage > HF_RING_ENFORCE)	/* a newer controller's: nothing is guessed */
		return HF_ERR_STORE_SCHEMA;
	return f->visit ? f->visit(f->self, r) : HF_OK;
}

enum hf_err hf_store_ring(struct hf_store *store, const char *name, enum hf_ring_with with, struct hf_arena *arena,
			  struct hf_ring_record *ret, struct hf_fault *fault)
{
	static const char *const sql[] = {
		[HF_RING_ALONE] = ALONE " FROM rings r WHERE r.name = $1",
		[HF_RING_COUNTED] = COUNTED " FROM rings r WHERE r.name = $1",
		[HF_RING_WHOLE] = COUNTED ", r.bundle FROM rings r WHERE r.name = $1",
	};
	struct found f = { .arena = arena };
	size_t rows = 0;
	enum hf_err err = hf_store_find(store, sql[with], HF_PARAMS(hf_db_text(name)), take_ring, &f, &rows, fault);

	if (err)
		return err;
	if (!rows)
		return hf_fail(fault, HF_ERR_RING_UNKNOWN, NULL, "no ring is named %.100s", name);
	*ret = f.ring;
	return HF_OK;
}

enum hf_err hf_store_rings(struct hf_store *store, hf_store_visit_ring visit, void *self, struct hf_fault *fault)
{
	struct found f = { .visit = visit, .self = self };

	return hf_store_read(store, COUNTED " FROM rings r ORDER BY r.name", NULL, 0, take_ring, &f, NULL,
			     fault);
}

/* ---- putting and removing ---- */

struct put { const struct hf_ring_record *ring; uint64_t worse; const char *why; };

static enum hf_err take_count(void *self, const struct hf_db_value *values, size_t count)
{
	(void)count;
	*(int64_t *)self = values[0].number;
	return HF_OK;
}

static enum hf_err insert(struct hf_tx *tx, const struct hf_ring_record *r, size_t *ret_rows)
{
	int64_t there = 0;
	enum hf_err err = hf_tx_run(tx, "SELECT COUNT(*) FROM rings", NULL, 0, take_count, &there, NULL);

	if (!err && there >= HF_RINGS_MAX)
		return hf_fail(tx->fault, HF_ERR_LIMIT, r->name, "there are %d rings already", HF_RINGS_MAX);
	return err ? err :
	       hf_tx_run(tx, "INSERT INTO rings (name, version, stage, digest, about, at, put_by, bytes, bundle)"
			 " VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING",
			 HF_PARAMS(hf_db_text(r->name), hf_db_int(r->stage), hf_db_bytes(r->digest),
				   hf_db_words(r->about), hf_db_int(tx->by->now), hf_db_text(tx->by->actor),
				   hf_db_int((int64_t)r->bundle.len), hf_db_bytes(r->bundle)), NULL, NULL, ret_rows);
}

static enum hf_err update(struct hf_tx *tx, const struct hf_ring_record *r, size_t *ret_rows)
{
	return hf_tx_run(tx, "UPDATE rings SET version = version + 1, stage = $2, digest = $3, about = $4, at = $5,"
			 " put_by = $6, bytes = $7, bundle = $8 WHERE name = $1 AND version = $9",
			 HF_PARAMS(hf_db_text(r->name), hf_db_int(r->stage), hf_db_bytes(r->digest),
				   hf_db_words(r->about), hf_db_int(tx->by->now), hf_db_text(tx->by->actor),
				   hf_db_int((int64_t)r->bundle.len), hf_db_bytes(r->bundle), hf_db_int(r->version)),
			 NULL, NULL, ret_rows);
}

static void describe(struct hf_tx *tx, const char *ring, uint64_t worse, const char *why)
{
	hf_tx_say(tx, "ring", *ring ? ring : HF_RING_DEFAULT);
	if (worse)
		hf_tx_say_int(tx, "worse", (int64_t)worse);
	hf_tx_say(tx, "accept-worse", why);
}

static enum hf_err changed(struct hf_tx *tx, const char *ring)
{
	return hf_fail(tx->fault, HF_ERR_STATE_CHANGED, NULL, "ring %.100s, or who is in it, changed meanwhile",
		       *ring ? ring : HF_RING_DEFAULT);
}

static enum hf_err do_put(struct hf_tx *tx, void *self)
{
	const struct put *put = self;
	const struct hf_ring_record *r = put->ring;
	size_t rows = 0;
	enum hf_err err = r->version ? update(tx, r, &rows) : insert(tx, r, &rows);

	if (err || !rows)
		return err ? err : changed(tx, r->name);
	tx->action = "ring-put";
	describe(tx, r->name, put->worse, put->why);
	hf_tx_say(tx, "stage", hf_ring_stage_name(r->stage));
	hf_tx_say_bytes(tx, "digest", r->digest);
	return HF_OK;
}

enum hf_err hf_store_ring_put(struct hf_store *store, const struct hf_ring_record *ring, uint64_t worse, const char *why,
			      const struct hf_by *by, struct hf_fault *fault)
{
	struct put put = { ring, worse, why };

	if (!ring->bundle.len || ring->bundle.len > HF_RING_BYTES_MAX || ring->digest.len != 32)
		return hf_fail(fault, HF_ERR_LIMIT, ring->name, "%zu bytes of manifests", ring->bundle.len);
	return hf_store_do(store, do_put, &put, by, NULL, fault);
}

static enum hf_err do_remove(struct hf_tx *tx, void *self)
{
	const char *name = self;
	int64_t hosts = 0;
	size_t rows = 0;
	/* The row first: whoever moves a host here waits for it, and finds it gone. */
	enum hf_err err = hf_tx_run(tx, "UPDATE rings SET version = version + 1 WHERE name = $1",
				    HF_PARAMS(hf_db_text(name)), NULL, NULL, &rows);

	if (!err && !rows)
		return hf_fail(tx->fault, HF_ERR_RING_UNKNOWN, NULL, "no ring is named %.100s", name);
	if (!err)
		err = hf_tx_run(tx, "SELECT COUNT(*) FROM hosts WHERE ring = $1", HF_PARAMS(hf_db_text(name)),
				take_count, &hosts, NULL);
	if (!err && hosts)
		return hf_fail(tx->fault, HF_ERR_RING_IN_USE, NULL, "%lld hosts", (long long)hosts);
	tx->action = "ring-remove";
	describe(tx, name, 0, NULL);
	return err ? err : hf_tx_run(tx, "DELETE FROM rings WHERE name = $1", HF_PARAMS(hf_db_text(name)), NULL, NULL,
				     NULL);
}

enum hf_err hf_store_ring_remove(struct hf_store *store, const char *name, const struct hf_by *by,
				 struct hf_fault *fault)
{
	return hf_store_do(store, do_remove, (void *)(uintptr_t)name, by, NULL, fault);
}

/* ---- who is in them ---- */

struct move {
	const struct hf_ring_choice *choice;
	const char *ring;
	int64_t version;
	uint64_t worse;
	const char *why;
	size_t moved;
};

/* The rings that hosts leave change too: a trial that counted them is of no use any more. */
static enum hf_err leave(struct hf_tx *tx, const struct move *m)
{
	return m->choice->id ?
	       hf_tx_run(tx, "UPDATE rings SET version = version + 1 WHERE name IN (SELECT ring FROM hosts"
			 " WHERE id = $1) AND name <> $2",
			 HF_PARAMS(hf_db_text(m->choice->id), hf_db_text(m->ring)), NULL, NULL, NULL) :
	       hf_tx_run(tx, "UPDATE rings SET version = version + 1 WHERE name IN (SELECT ring FROM hosts"
			 " WHERE model = $1) AND name <> $2",
			 HF_PARAMS(hf_db_text(m->choice->model), hf_db_text(m->ring)), NULL, NULL, NULL);
}

static enum hf_err do_move(struct hf_tx *tx, void *self)
{
	struct move *m = self;
	const struct hf_db_value ring = hf_db_text(*m->ring ? m->ring : NULL);
	size_t rows = 1;
	enum hf_err err = HF_OK;

	if (*m->ring)
		err = hf_tx_run(tx, "UPDATE rings SET version = version + 1 WHERE name = $1 AND version = $2",
				HF_PARAMS(ring, hf_db_int(m->version)), NULL, NULL, &rows);
	if (!err && !rows)
		return changed(tx, m->ring);
	if (!err)
		err = leave(tx, m);
	if (!err && m->choice->id)
		err = hf_tx_run(tx, "UPDATE hosts SET ring = $2, version = version + 1 WHERE id = $1",
				HF_PARAMS(hf_db_text(m->choice->id), ring), NULL, NULL, &m->moved);
	else if (!err)
		err = hf_tx_run(tx, "UPDATE hosts SET ring = $2, version = version + 1 WHERE model = $1",
				HF_PARAMS(hf_db_text(m->choice->model), ring), NULL, NULL, &m->moved);
	if (err)
		return err;
	if (m->choice->id && !m->moved)
		return hf_fail(tx->fault, HF_ERR_HOST_UNKNOWN, m->choice->id, "no host has this name");
	tx->action = "ring-move";
	tx->host = m->choice->id ? m->choice->id : "";
	describe(tx, m->ring, m->worse, m->why);
	hf_tx_say(tx, "model", m->choice->model);
	hf_tx_say_int(tx, "hosts", (int64_t)m->moved);
	return HF_OK;
}

enum hf_err hf_store_ring_move(struct hf_store *store, const struct hf_ring_choice *choice, const char *ring,
			       int64_t version, uint64_t worse, const char *why, const struct hf_by *by,
			       size_t *ret_moved, struct hf_fault *fault)
{
	struct move move = { choice, ring, version, worse, why, 0 };
	enum hf_err err = hf_store_do(store, do_move, &move, by, NULL, fault);

	if (!err)
		*ret_moved = move.moved;
	return err;
}

struct walk { hf_store_visit_host visit; void *self; };

static enum hf_err visit_host(void *self, const struct hf_db_value *values, size_t count)
{
	const struct walk *walk = self;
	struct hf_host_row row;
	enum hf_err err = hf_host_from_row(values, count, NULL, &row);

	return err ? err : walk->visit(walk->self, &row.record);
}

enum hf_err hf_store_ring_hosts(struct hf_store *store, const struct hf_ring_choice *choice, const char *after,
				size_t limit, hf_store_visit_host visit, void *self, struct hf_fault *fault)
{
#define OF(what) "SELECT " HF_HOST_COLUMNS " FROM hosts WHERE id > $1 AND " what " = $2 ORDER BY id LIMIT $3"
	struct walk walk = { visit, self };
	const char *sql = choice->id ? OF("id") : choice->model ? OF("model") : OF("COALESCE(ring, '')");
	const char *key = choice->id ? choice->id : choice->model ? choice->model : choice->of;

	return hf_store_read(store, sql, HF_PARAMS(hf_db_words(after), hf_db_words(key), hf_db_int((int64_t)limit)),
			     visit_host, &walk, NULL, fault);
#undef OF
}

struct tally { hf_store_visit_ring_count visit; void *self; };

static enum hf_err visit_count(void *self, const struct hf_db_value *values, size_t count)
{
	const struct tally *t = self;
	struct hf_row row = { .values = values, .count = count };
	const char *ring = hf_row_text(&row), *observed = hf_row_text(&row);

	return t->visit(t->self, ring, observed, (uint64_t)hf_row_int(&row));
}

enum hf_err hf_store_ring_counts(struct hf_store *store, hf_store_visit_ring_count visit, void *self,
				 struct hf_fault *fault)
{
	struct tally t = { visit, self };

	return hf_store_read(store, "SELECT h.ring, COALESCE(v.observed, ''), COUNT(*) FROM hosts h LEFT JOIN verdicts v"
			     " ON v.id = h.last_verdict_id AND v.ring = h.ring WHERE h.ring IS NOT NULL"
			     " GROUP BY h.ring, COALESCE(v.observed, '') ORDER BY h.ring", NULL, 0, visit_count, &t,
			     NULL, fault);
}
