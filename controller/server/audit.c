/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of the audit: each holds the hash of the one before it in its chain, and is written in
 * the transaction that it tells of. The hash is SHA-256 over "holdfast-audit-1", NUL, then the 32
 * bytes of the hash before, sequence number and time (8 bytes each, big-endian), then chain, actor,
 * action, host and detail, each after its length (4 bytes, big-endian). */
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "controller/server/store_internal.h"

#define HEADS_MAX 32	/* other chains that the first entry of one names */

enum hf_err hf_chain_new(struct hf_chain *ret)
{
	uint8_t random[16];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return HF_ERR_INTERNAL;
	*ret = (struct hf_chain){ 0 };
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(ret->id + 2 * i, 3, "%02x", random[i]);
	return HF_OK;
}

static enum hf_err add(struct hf_hasher *hasher, const char *text)
{
	const struct hf_span span = hf_span_text(text);
	uint8_t len[4];
	struct hf_writer w = { .buf = len, .cap = sizeof(len) };
	enum hf_err err;

	hf_put_be(&w, span.len, 4);
	err = hf_hasher_update(hasher, hf_written(&w));
	return err ? err : hf_hasher_update(hasher, span);
}

static enum hf_err add_all(struct hf_hasher *hasher, const struct hf_audit_entry *entry)
{
	const char *texts[] = { entry->chain, entry->actor, entry->action, entry->host, entry->detail };
	uint8_t head[17 + 32 + 16];
	struct hf_writer w = { .buf = head, .cap = sizeof(head) };
	enum hf_err err;

	hf_put(&w, "holdfast-audit-1", 17);
	hf_put_span(&w, entry->before);
	hf_put_be(&w, (uint64_t)entry->seq, 8);
	hf_put_be(&w, (uint64_t)entry->at, 8);
	if (w.full || w.len != sizeof(head))
		return HF_ERR_AUDIT_BROKEN;
	err = hf_hasher_update(hasher, hf_written(&w));
	for (size_t i = 0; !err && i < sizeof(texts) / sizeof(texts[0]); i++)
		err = add(hasher, texts[i]);
	return err;
}

enum hf_err hf_audit_hash(const struct hf_audit_entry *entry, struct hf_digest *ret)
{
	struct hf_hasher *hasher;
	size_t count;
	enum hf_err err = hf_hasher_new(HF_ALG_MASK(HF_ALG_SHA256), &hasher);

	if (err)
		return err;
	err = add_all(hasher, entry);
	if (!err)
		err = hf_hasher_final(hasher, ret, &count);
	hf_hasher_free(hasher);
	return err;
}

static enum hf_err insert(struct hf_tx *tx, const struct hf_chain *chain, const char *action, const char *host,
			  const char *detail, struct hf_chain *ret)
{
	struct hf_audit_entry entry = {
		.chain = chain->id, .seq = chain->seq + 1, .at = tx->by->now, .actor = tx->by->actor,
		.action = action, .host = host, .detail = detail, .before = { chain->hash, sizeof(chain->hash) },
	};
	struct hf_digest hash;
	enum hf_err err = hf_audit_hash(&entry, &hash);

	if (err)
		return hf_fail(tx->fault, err, "audit", "the entry cannot be hashed");
	err = hf_tx_run(tx, "INSERT INTO audit (" HF_AUDIT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			HF_PARAMS(hf_db_text(entry.chain), hf_db_int(entry.seq), hf_db_int(entry.at),
				  hf_db_text(entry.actor), hf_db_text(action), hf_db_text(host),
				  hf_db_text(detail), hf_db_bytes(entry.before),
				  hf_db_bytes((struct hf_span){ hash.bytes, 32 })), NULL, NULL, NULL);
	if (!err) {
		struct hf_chain after = *chain;

		after.seq = entry.seq;
		memcpy(after.hash, hash.bytes, sizeof(after.hash));
		*ret = after;
	}
	return err;
}

/* ---- the first entry ---- */

static enum hf_err put_head(void *self, const struct hf_db_value *values, size_t count)
{
	struct hf_writer *w = self;
	struct hf_row row = { .values = values, .count = count };
	const char *chain = hf_row_text(&row);
	long long seq = (long long)hf_row_int(&row);
	struct hf_span hash = hf_row_bytes(&row);
	char text[160];

	if (hash.len != 32)
		return HF_ERR_AUDIT_BROKEN;
	snprintf(text, sizeof(text), "%s[\"%.32s\", %lld, \"", w->buf[w->len - 1] == '[' ? "" : ", ", chain, seq);
	hf_put_span(w, hf_span_text(text));
	for (size_t i = 0; i < hash.len; i++) {
		snprintf(text, sizeof(text), "%02x", hash.ptr[i]);
		hf_put(w, text, 2);
	}
	hf_put(w, "\"]", 2);
	return HF_OK;
}

static void put_host_name(char *out, size_t cap)
{
	if (gethostname(out, cap) != 0)
		*out = '\0';
	out[cap - 1] = '\0';
	for (char *c = out; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", *c))
			*c = '_';
}

/* Who writes this chain, and how far the youngest others have come: each is tied to those that it
 * saw, and an end that was cut off one of them shows. */
static enum hf_err start(struct hf_tx *tx, const struct hf_chain *chain, struct hf_chain *ret)
{
	char detail[HF_AUDIT_DETAIL_MAX], name[65];
	struct hf_writer w = { .buf = (uint8_t *)detail, .cap = sizeof(detail) - 1 };
	enum hf_err err;

	put_host_name(name, sizeof(name));
	snprintf(detail, sizeof(detail), "{\"version\": \"" HF_VERSION "\", \"machine\": \"%s\", \"process\": %ld, "
		 "\"chains\": [", name, (long)getpid());
	w.len = strlen(detail);
	err = hf_tx_run(tx, "SELECT a.chain, a.seq, a.hash FROM (SELECT chain FROM chains ORDER BY started DESC"
			" LIMIT $1) AS c JOIN audit a ON a.chain = c.chain WHERE a.seq ="
			" (SELECT MAX(b.seq) FROM audit b WHERE b.chain = c.chain)",
			HF_PARAMS(hf_db_int(HEADS_MAX)), put_head, &w, NULL);
	hf_put(&w, "]}", 2);
	if (!err && w.full)
		err = HF_ERR_LIMIT;
	if (err)
		return err;
	detail[w.len] = '\0';
	err = hf_tx_run(tx, "INSERT INTO chains (chain, started) VALUES ($1, $2)",
			HF_PARAMS(hf_db_text(chain->id), hf_db_int(tx->by->now)), NULL, NULL, NULL);
	return err ? err : insert(tx, chain, HF_CHAIN_FIRST, "", detail, ret);
}

enum hf_err hf_audit_append(struct hf_tx *tx, const struct hf_chain *chain, struct hf_chain *ret)
{
	struct hf_chain after = *chain;
	char detail[HF_AUDIT_DETAIL_MAX];
	enum hf_err err = HF_OK;

	if (tx->detail.len == 0)
		hf_put(&tx->detail, "{", 1);
	hf_put(&tx->detail, "}", 1);
	if (tx->detail.full || tx->detail.len >= sizeof(detail))
		return hf_fail(tx->fault, HF_ERR_INTERNAL, "audit", "the detail of '%s' is too long", tx->action);
	memcpy(detail, tx->detail.buf, tx->detail.len);
	detail[tx->detail.len] = '\0';
	if (after.seq == 0)
		err = start(tx, &after, &after);
	if (!err)
		err = insert(tx, &after, tx->action, tx->host, detail, &after);
	if (!err)
		*ret = after;
	return err;
}

/* ---- was it committed? ---- */

/* The same key once more: the database lets that wait for a transaction that is still at it, and
 * says then which of the two came first. */
enum hf_err hf_audit_is_there(struct hf_db *db, const struct hf_chain *chain, bool *ret, struct hf_fault *fault)
{
	static const uint8_t nothing[1];
	size_t rows = 0;
	enum hf_err err = hf_db_begin(db, fault);

	if (err)
		return err;
	err = hf_db_run(db, "INSERT INTO audit (" HF_AUDIT_COLUMNS ") VALUES ($1, $2, 0, '', '', '', '', $3, $3)"
			" ON CONFLICT DO NOTHING RETURNING seq",
			HF_PARAMS(hf_db_text(chain->id), hf_db_int(chain->seq),
				  hf_db_bytes((struct hf_span){ nothing, 1 })), NULL, NULL, &rows, fault);
	hf_db_rollback(db);
	if (!err)
		*ret = rows == 0;
	return err;
}

/* ---- reading ---- */

enum hf_err hf_audit_from_row(const struct hf_db_value *values, size_t count, struct hf_audit_entry *ret)
{
	struct hf_row row = { .values = values, .count = count };

	ret->chain = hf_row_text(&row);
	ret->seq = hf_row_int(&row);
	ret->at = hf_row_int(&row);
	ret->actor = hf_row_text(&row);
	ret->action = hf_row_text(&row);
	ret->host = hf_row_text(&row);
	ret->detail = hf_row_text(&row);
	ret->before = hf_row_bytes(&row);
	ret->hash = hf_row_bytes(&row);
	return hf_row_end(&row);
}

struct walk { hf_store_visit_audit visit; void *self; };

static enum hf_err visit_row(void *self, const struct hf_db_value *values, size_t count)
{
	const struct walk *walk = self;
	struct hf_audit_entry entry;
	enum hf_err err = hf_audit_from_row(values, count, &entry);

	return err ? err : walk->visit(walk->self, &entry);
}

enum hf_err hf_store_audit(struct hf_store *store, const char *chain, int64_t after, size_t limit,
			   hf_store_visit_audit visit, void *self, struct hf_fault *fault)
{
	struct walk walk = { visit, self };

	return hf_store_read(store, "SELECT " HF_AUDIT_COLUMNS " FROM audit WHERE chain = $1 AND seq > $2"
			     " ORDER BY seq LIMIT $3",
			     HF_PARAMS(hf_db_text(chain), hf_db_int(after), hf_db_int((int64_t)limit)),
			     visit_row, &walk, NULL, fault);
}

enum hf_err hf_store_audit_newest(struct hf_store *store, const char *host, int64_t before, size_t limit,
				  hf_store_visit_audit visit, void *self, struct hf_fault *fault)
{
	struct walk walk = { visit, self };
	int64_t until = before > 0 ? before : INT64_MAX;

	if (host)
		return hf_store_read(store, "SELECT " HF_AUDIT_COLUMNS " FROM audit WHERE host = $1 AND at < $2"
				     " ORDER BY at DESC, chain, seq DESC LIMIT $3",
				     HF_PARAMS(hf_db_text(host), hf_db_int(until), hf_db_int((int64_t)limit)),
				     visit_row, &walk, NULL, fault);
	return hf_store_read(store, "SELECT " HF_AUDIT_COLUMNS " FROM audit WHERE at < $1"
			     " ORDER BY at DESC, chain, seq DESC LIMIT $2",
			     HF_PARAMS(hf_db_int(until), hf_db_int((int64_t)limit)), visit_row, &walk, NULL, fault);
}

enum hf_err hf_store_audit_heads(struct hf_store *store, size_t limit, hf_store_visit_audit visit, void *self,
				 struct hf_fault *fault)
{
	struct walk walk = { visit, self };

	return hf_store_read(store, "SELECT a.chain, a.seq, a.at, a.actor, a.action, a.host, a.detail, a.prior, a.hash"
			     " FROM chains c JOIN audit a ON a.chain = c.chain WHERE a.seq ="
			     " (SELECT MAX(b.seq) FROM audit b WHERE b.chain = c.chain)"
			     " ORDER BY c.started DESC, a.chain LIMIT $1",
			     HF_PARAMS(hf_db_int((int64_t)limit)), visit_row, &walk, NULL, fault);
}

struct note { const char *action, *host, *detail; };

static enum hf_err do_note(struct hf_tx *tx, void *self)
{
	const struct note *note = self;

	tx->action = note->action;
	tx->host = note->host ? note->host : "";
	hf_tx_say(tx, "detail", note->detail);
	return HF_OK;
}

static enum hf_err do_note_often(struct hf_tx *tx, void *self)
{
	const struct note *note = self;
	struct hf_host_row host;
	enum hf_err err = hf_tx_host(tx, note->host, &host);

	if (!err)
		err = do_note(tx, self);
	return err ? err : hf_tx_often(tx);
}

enum hf_err hf_store_note(struct hf_store *store, const char *action, const char *host, const char *detail,
			  const struct hf_by *by, struct hf_fault *fault)
{
	struct note note = { action, host, detail };

	return hf_store_do(store, do_note, &note, by, NULL, fault);
}

enum hf_err hf_store_note_often(struct hf_store *store, const char *action, const char *host, const char *detail,
				const struct hf_by *by, struct hf_fault *fault)
{
	struct note note = { action, host, detail };

	return hf_store_do(store, do_note_often, &note, by, NULL, fault);
}
