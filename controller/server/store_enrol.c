/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Enrolment: a credential that only the right TPM can open, and what comes of it. */
#include "controller/server/store_internal.h"

struct put {
	const struct hf_credential_record *in;
	bool tried;	/* as of a challenge: see there */
};

/* Endorsement and attestation keys are no secrets: anybody may have a credential made that he cannot
 * open. None pushes out the host's own, unless there are thousands of them while the TPM opens it. */
static enum hf_err do_put(struct hf_tx *tx, void *self)
{
	struct put *put = self;
	const struct hf_credential_record *in = put->in;
	struct hf_host_row host;
	size_t rows = 0;
	enum hf_err err = hf_tx_host(tx, in->host, &host);

	if (err)
		return err;
	tx->action = "credential";
	tx->host = in->host;
	hf_tx_say_bytes(tx, "ak", in->ak_name);
	hf_tx_say_bytes(tx, "ek", in->ek_id);
	err = hf_tx_run(tx, "INSERT INTO credentials (id, host, number, ak_name, ak, ek, ek_id, secret_digest, until)"
			" VALUES ($1, $2, (SELECT COALESCE(MAX(c.number), 0) + 1 FROM credentials c WHERE c.host = $2),"
			" $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
			HF_PARAMS(hf_db_bytes(in->id), hf_db_text(in->host), hf_db_bytes(in->ak_name),
				  hf_db_bytes(in->ak), hf_db_bytes(in->ek), hf_db_bytes(in->ek_id),
				  hf_db_bytes(in->secret_digest), hf_db_int(in->until)), NULL, NULL, &rows);
	if (!err && !rows && !put->tried)
		err = hf_fail(tx->fault, HF_ERR_INTERNAL, in->host, "this credential was given before");
	put->tried = true;
	if (!err)
		err = hf_tx_run(tx, "DELETE FROM credentials WHERE host = $1 AND (until < $2 OR number <="
				" (SELECT MAX(c.number) FROM credentials c WHERE c.host = $1) - $3)",
				HF_PARAMS(hf_db_text(in->host), hf_db_int(tx->by->now),
					  hf_db_int(HF_STORE_CHALLENGES_MAX)), NULL, NULL, NULL);
	return err ? err : hf_tx_often(tx);
}

enum hf_err hf_store_credential_put(struct hf_store *store, const struct hf_credential_record *in,
				    const struct hf_by *by, struct hf_fault *fault)
{
	if (in->id.len != HF_WIRE_ID || in->ek_id.len != 32 || !in->ak_name.len || !in->ak.len || !in->ek.len ||
	    in->secret_digest.len != 32)
		return hf_fail(fault, HF_ERR_INTERNAL, in->host, "a credential is not whole");
	return hf_store_do(store, do_put, &(struct put){ .in = in }, by, NULL, fault);
}

/* ---- activation ---- */

struct enrol {
	struct hf_span id, ak_name, secret_digest;
	struct hf_arena *arena;
	struct hf_host_record *ret;
};
struct taken { struct hf_arena *arena; struct hf_credential_record record; };

static enum hf_err take_credential(void *self, const struct hf_db_value *values, size_t count)
{
	struct taken *taken = self;
	struct hf_row row = { .values = values, .count = count, .arena = taken->arena };

	taken->record.host = hf_row_text(&row);
	taken->record.ak_name = hf_row_bytes(&row);
	taken->record.ak = hf_row_bytes(&row);
	taken->record.ek = hf_row_bytes(&row);
	taken->record.ek_id = hf_row_bytes(&row);
	taken->record.secret_digest = hf_row_bytes(&row);
	taken->record.until = hf_row_int(&row);
	return hf_row_end(&row);
}

/* Whoever has the digest of the secret could find it only by opening the credential; still, no
 * comparison here tells by its time how much of a guess was right. */
static bool same_secret(struct hf_span a, struct hf_span b)
{
	uint8_t differ = a.len != b.len || a.len == 0;

	for (size_t i = 0; i < a.len && i < b.len; i++)
		differ |= a.ptr[i] ^ b.ptr[i];
	return !differ;
}

static enum hf_err count_hosts(struct hf_tx *tx, const struct hf_credential_record *c, bool ek, size_t *ret)
{
	if (ek)
		return hf_tx_run(tx, "SELECT id FROM hosts WHERE ek_id = $1 AND id <> $2",
				 HF_PARAMS(hf_db_bytes(c->ek_id), hf_db_text(c->host)), NULL, NULL, ret);
	return hf_tx_run(tx, "SELECT id FROM hosts WHERE ak_name = $1 AND id <> $2",
			 HF_PARAMS(hf_db_bytes(c->ak_name), hf_db_text(c->host)), NULL, NULL, ret);
}

/* HF_OK: it may have these keys; else the cause of a refusal. */
static enum hf_err may_enrol(struct hf_tx *tx, const struct enrol *want, const struct hf_credential_record *c,
			     const struct hf_host_record *host, enum hf_err *ret_cause)
{
	size_t with_ak = 0, with_ek = 0;
	enum hf_err err = count_hosts(tx, c, false, &with_ak);

	if (!err)
		err = count_hosts(tx, c, true, &with_ek);
	if (err)
		return err;
	*ret_cause = HF_OK;
	if (c->until < tx->by->now)
		*ret_cause = HF_ERR_NONCE_EXPIRED;
	else if (!same_secret(c->secret_digest, want->secret_digest) || !hf_span_equal(c->ak_name, want->ak_name))
		*ret_cause = HF_ERR_AK_OTHER;
	/* Since it was made an operator or a ticket may have come, and with it a tenant. */
	else if (host->state == HF_LEASE_IN_USE)
		*ret_cause = HF_ERR_HOST_IN_USE;
	else if (host->state != HF_LEASE_RECLAIMED && host->state != HF_LEASE_CHALLENGED)
		*ret_cause = HF_ERR_HOST_NOT_RECLAIMED;
	else if (host->inventory.ek_id.len ? !hf_span_equal(host->inventory.ek_id, c->ek_id) :
		 tx->by->now > host->inventory.first_use_until || with_ek)
		*ret_cause = HF_ERR_EK_INVENTORY;
	else if (with_ak || (host->ak_name.len && !hf_span_equal(host->ak_name, c->ak_name)))
		*ret_cause = HF_ERR_AK_OTHER;
	return HF_OK;
}

static enum hf_err take_host(void *self, const struct hf_db_value *values, size_t count)
{
	struct taken *taken = self;
	struct hf_row row = { .values = values, .count = count, .arena = taken->arena };

	taken->record.host = hf_row_text(&row);
	return hf_row_end(&row);
}

/* The host's row first, as everybody does: who takes rows in another order may wait in a ring. */
static enum hf_err take_out(struct hf_tx *tx, struct hf_span id, struct taken *ret, struct hf_host_row *ret_host)
{
	size_t rows = 0;
	enum hf_err err = hf_tx_run(tx, "SELECT host FROM credentials WHERE id = $1", HF_PARAMS(hf_db_bytes(id)),
				    take_host, ret, &rows);

	if (!err && rows)
		err = hf_tx_host(tx, ret->record.host, ret_host);
	if (!err && rows)
		err = hf_tx_run(tx, "DELETE FROM credentials WHERE id = $1 RETURNING host, ak_name, ak, ek, ek_id,"
				" secret_digest, until", HF_PARAMS(hf_db_bytes(id)), take_credential, ret, &rows);
	return err || rows ? err :
	       hf_fail(tx->fault, HF_ERR_NONCE_UNKNOWN, NULL, "there is no such credential, or it was used");
}

static enum hf_err do_enrol(struct hf_tx *tx, void *self)
{
	struct enrol *want = self;
	struct taken c = { .arena = tx->arena };
	struct hf_host_row host;
	enum hf_err cause = HF_OK;
	enum hf_err err = take_out(tx, want->id, &c, &host);

	if (!err)
		err = may_enrol(tx, want, &c.record, &host.record, &cause);
	if (err)
		return err;
	tx->action = "enrol";
	tx->host = c.record.host;
	hf_tx_say_bytes(tx, "ak", c.record.ak_name);
	hf_tx_say_bytes(tx, "ek", c.record.ek_id);
	if (cause) {
		err = hf_tx_refuse(tx, cause, c.record.host, "its credential is used up");
		tx->action = "enrol-refused";
		return err ? err : hf_tx_often(tx);
	}
	err = hf_tx_run(tx, "UPDATE hosts SET ak_name = $2, ak = $3, ek = $4, ek_id = $5, enrolled = $6,"
			" last_seen = $6 WHERE id = $1",
			HF_PARAMS(hf_db_text(c.record.host), hf_db_bytes(c.record.ak_name), hf_db_bytes(c.record.ak),
				  hf_db_bytes(c.record.ek), hf_db_bytes(c.record.ek_id), hf_db_int(tx->by->now)),
			NULL, NULL, NULL);
	return err ? err : hf_tx_host_copy(tx, c.record.host, want->arena, want->ret);
}

enum hf_err hf_store_enrol(struct hf_store *store, struct hf_span id, struct hf_span ak_name,
			   struct hf_span secret_digest, const struct hf_by *by, struct hf_arena *arena,
			   struct hf_host_record *ret, struct hf_fault *fault)
{
	struct hf_host_record record;
	struct enrol want = { id, ak_name, secret_digest, arena, &record };
	enum hf_err err = hf_store_do(store, do_enrol, &want, by, arena, fault);

	if (!err)
		*ret = record;
	return err;
}
