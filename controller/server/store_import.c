/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inventory: hosts come, change and go by the owner's word alone. */
#include "controller/server/store_internal.h"

struct import { const struct hf_inventory *hosts; size_t count, added; };

static bool short_text(const char *text)
{
	return !text || strlen(text) <= HF_HOST_ID_MAX;
}

static enum hf_err check(const struct hf_inventory *in, struct hf_fault *fault)
{
	if (!in->id || !*in->id)
		return hf_fail(fault, HF_ERR_API_REFUSED, "host", "it has no name");
	if (!short_text(in->id) || !short_text(in->serial) || !short_text(in->model) || !short_text(in->tenant) ||
	    !short_text(in->ring))
		return hf_fail(fault, HF_ERR_LIMIT, in->id, "a text is longer than %d bytes", HF_HOST_ID_MAX);
	if (in->ek_id.len && in->ek_id.len != 32)
		return hf_fail(fault, HF_ERR_API_REFUSED, in->id, "the endorsement key's digest has %zu bytes, not 32",
			       in->ek_id.len);
	return HF_OK;
}

static enum hf_err take_text(void *self, const struct hf_db_value *values, size_t count)
{
	struct hf_row row = { .values = values, .count = count };
	char *text = self;
	const char *found = hf_row_text(&row);
	size_t len = strlen(found);

	memcpy(text, found, len < HF_HOST_ID_MAX ? len : HF_HOST_ID_MAX);
	text[len < HF_HOST_ID_MAX ? len : HF_HOST_ID_MAX] = '\0';
	return HF_OK;
}

/* An EK that is another host's would be refused by a unique key; this says whose it is. */
static enum hf_err ek_is_free(struct hf_tx *tx, const char *id, struct hf_span ek_id)
{
	char other[HF_HOST_ID_MAX + 1] = "";
	enum hf_err err;

	if (!ek_id.len)
		return HF_OK;
	err = hf_tx_run(tx, "SELECT id FROM hosts WHERE ek_id = $1 AND id <> $2",
			HF_PARAMS(hf_db_bytes(ek_id), hf_db_text(id)), take_text, other, NULL);
	if (!err && *other)
		return hf_fail(tx->fault, HF_ERR_EK_INVENTORY, id, "host %s has this endorsement key", other);
	return err;
}

static struct hf_db_value ring_of(const struct hf_inventory *in)
{
	const bool none = !in->ring || !*in->ring || strcmp(in->ring, HF_RING_DEFAULT) == 0;

	return hf_db_text(none ? NULL : in->ring);
}

static enum hf_err ring_is_there(struct hf_tx *tx, const struct hf_inventory *in)
{
	const struct hf_db_value ring = ring_of(in);
	size_t rows = 0;
	enum hf_err err = ring.type == HF_DB_NULL ? HF_OK :
			  hf_tx_run(tx, "SELECT version FROM rings WHERE name = $1", &ring, 1, NULL, NULL, &rows);

	return err || rows || ring.type == HF_DB_NULL ? err :
	       hf_fail(tx->fault, HF_ERR_RING_UNKNOWN, in->id, "no ring is named %.100s", in->ring);
}

/* What judges a host is changed by one door, which tries it first. */
static enum hf_err ring_is_same(struct hf_tx *tx, const struct hf_inventory *in, const struct hf_host_row *host)
{
	const char *is = host->record.inventory.ring;

	if (!in->ring || !*in->ring || strcmp(in->ring, *is ? is : HF_RING_DEFAULT) == 0)
		return HF_OK;
	return hf_fail(tx->fault, HF_ERR_STATE_CHANGED, in->id, "it is in ring %.100s: holdfastctl host ring",
		       *is ? is : HF_RING_DEFAULT);
}

static enum hf_err add(struct hf_tx *tx, const struct hf_inventory *in, size_t *ret_added)
{
	return hf_tx_run(tx, "INSERT INTO hosts (id, ek_id, first_use_until, serial, model, banks, tenant, ek_accepted,"
			 " state, since, held, held_why, held_by, ring) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
			 " $11, 'imported', $12, $13) ON CONFLICT (id) DO NOTHING",
			 HF_PARAMS(hf_db_text(in->id), hf_db_bytes(in->ek_id), hf_db_int(in->first_use_until),
				   hf_db_words(in->serial), hf_db_words(in->model), hf_db_int(in->banks),
				   hf_db_words(in->tenant), hf_db_int(in->ek_accepted), hf_db_int(HF_LEASE_HELD),
				   hf_db_int(tx->by->now), hf_db_int(HF_HELD_NEW), hf_db_text(tx->by->actor),
				   ring_of(in)),
			 NULL, NULL, ret_added);
}

static enum hf_err replace(struct hf_tx *tx, const struct hf_inventory *in)
{
	struct hf_host_row host;
	struct hf_span ek_id = in->ek_id;
	enum hf_err err = hf_tx_host(tx, in->id, &host);

	if (!err)
		err = ring_is_same(tx, in, &host);
	if (err)
		return err;
	if (host.record.ak_name.len) {
		if (ek_id.len && !hf_span_equal(ek_id, host.record.inventory.ek_id))
			return hf_fail(tx->fault, HF_ERR_STATE_CHANGED, in->id,
				       "another endorsement key is enrolled: holdfastctl host re-enrol");
		ek_id = host.record.inventory.ek_id;
	}
	return hf_tx_run(tx, "UPDATE hosts SET ek_id = $2, first_use_until = $3, serial = $4, model = $5, banks = $6,"
			 " tenant = $7, ek_accepted = $8 WHERE id = $1",
			 HF_PARAMS(hf_db_text(in->id), hf_db_bytes(ek_id), hf_db_int(in->first_use_until),
				   hf_db_words(in->serial), hf_db_words(in->model), hf_db_int(in->banks),
				   hf_db_words(in->tenant), hf_db_int(in->ek_accepted)), NULL, NULL, NULL);
}

static enum hf_err do_import(struct hf_tx *tx, void *self)
{
	struct import *import = self;

	tx->action = "import";
	import->added = 0;
	for (size_t i = 0; i < import->count; i++) {
		const struct hf_inventory *in = &import->hosts[i];
		size_t added = 0;
		enum hf_err err = check(in, tx->fault);

		tx->arena->len = 0;	/* one host at a time */
		if (!err)
			err = ek_is_free(tx, in->id, in->ek_id);
		if (!err)
			err = ring_is_there(tx, in);
		if (!err)
			err = add(tx, in, &added);
		if (!err && !added)
			err = replace(tx, in);
		if (err)
			return err;
		import->added += added;
	}
	if (import->count == 1)
		tx->host = import->hosts[0].id;
	hf_tx_say_int(tx, "hosts", (int64_t)import->count);
	hf_tx_say_int(tx, "new", (int64_t)import->added);
	return HF_OK;
}

enum hf_err hf_store_import(struct hf_store *store, const struct hf_inventory *hosts, size_t count,
			    const struct hf_by *by, size_t *ret_new, struct hf_fault *fault)
{
	struct import import = { hosts, count, 0 };
	enum hf_err err = hf_store_do(store, do_import, &import, by, NULL, fault);

	if (!err && ret_new)
		*ret_new = import.added;
	return err;
}

static enum hf_err do_remove(struct hf_tx *tx, void *self)
{
	const char *id = self;
	struct hf_host_row host;
	enum hf_err err = hf_tx_host(tx, id, &host);

	if (err)
		return err;
	tx->action = "remove";
	tx->host = id;
	hf_tx_say(tx, "state", hf_lease_name(host.record.state));
	hf_tx_say_bytes(tx, "ek", host.record.inventory.ek_id);
	err = hf_tx_run(tx, "DELETE FROM evidence WHERE host = $1", HF_PARAMS(hf_db_text(id)), NULL, NULL, NULL);
	return err ? err : hf_tx_run(tx, "DELETE FROM hosts WHERE id = $1", HF_PARAMS(hf_db_text(id)), NULL, NULL,
				     NULL);
}

enum hf_err hf_store_remove(struct hf_store *store, const char *id, const struct hf_by *by, struct hf_fault *fault)
{
	return hf_store_do(store, do_remove, (void *)(uintptr_t)id, by, NULL, fault);
}

/* ---- new keys for a host ---- */

struct re_enrol { const char *id; struct hf_span ek_id; };

static enum hf_err do_re_enrol(struct hf_tx *tx, void *self)
{
	const struct re_enrol *want = self;
	struct hf_host_row host;
	struct hf_span ek_id;
	enum hf_err err = hf_tx_host(tx, want->id, &host);

	if (!err)
		err = ek_is_free(tx, want->id, want->ek_id);
	if (err)
		return err;
	ek_id = want->ek_id.len ? want->ek_id : host.record.inventory.ek_id;
	tx->action = "re-enrol";
	tx->host = want->id;
	hf_tx_say_bytes(tx, "ek-before", host.record.inventory.ek_id);
	hf_tx_say_bytes(tx, "ek", ek_id);
	hf_tx_say_bytes(tx, "ak-before", host.record.ak_name);
	err = hf_tx_run(tx, "UPDATE hosts SET ek_id = $2, state = $3, since = $4, held = $5, held_why = 'to be enrolled"
			" again', held_by = $6, ak_name = NULL, ak = NULL, ek = NULL, enrolled = 0,"
			" counted = 0, reset_count = 0, restart_count = 0, firmware_version = 0 WHERE id = $1",
			HF_PARAMS(hf_db_text(want->id), hf_db_bytes(ek_id), hf_db_int(HF_LEASE_HELD),
				  hf_db_int(tx->by->now), hf_db_int(HF_HELD_RE_ENROL), hf_db_text(tx->by->actor)),
			NULL, NULL, NULL);
	if (!err)
		err = hf_tx_run(tx, "DELETE FROM credentials WHERE host = $1", HF_PARAMS(hf_db_text(want->id)), NULL,
				NULL, NULL);
	return err ? err : hf_tx_run(tx, "DELETE FROM secrets WHERE host = $1", HF_PARAMS(hf_db_text(want->id)), NULL,
				     NULL, NULL);
}

enum hf_err hf_store_re_enrol(struct hf_store *store, const char *id, struct hf_span ek_id, const struct hf_by *by,
			      struct hf_fault *fault)
{
	struct re_enrol want = { id, ek_id };

	if (ek_id.len && ek_id.len != 32)
		return hf_fail(fault, HF_ERR_API_REFUSED, id, "the endorsement key's digest has %zu bytes, not 32",
			       ek_id.len);
	return hf_store_do(store, do_re_enrol, &want, by, NULL, fault);
}
