/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does the audit say what it said? Every chain from its first entry to its last, the ties between
 * chains, and the signed results that entries name by their digest. */
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>

#include "controller/server/store_internal.h"

#define PAGE 512	/* entries, or chains, at a time */

struct state {
	struct hf_store *store;
	struct hf_audit_count count;
	struct hf_fault *fault;
	const _Atomic bool *stop;	/* or NULL */
	struct hf_arena *arena;
	/* the chain that is walked */
	char chain[HF_CHAIN_TEXT];
	int64_t seq;
	uint8_t hash[32];
	size_t here;	/* entries of this page */
	/* what the entries of this page refer to; looked up after it, with the connection free */
	struct tie { char chain[HF_CHAIN_TEXT], hash[65]; int64_t seq, from; } *ties;
	size_t tie_count, tie_cap;
};

static enum hf_err broken(struct state *s, int64_t seq, const char *why)
{
	char where[80];

	snprintf(where, sizeof(where), "audit %s entry %lld", s->chain, (long long)seq);
	return hf_fail(s->fault, HF_ERR_AUDIT_BROKEN, where, "%s", why);
}

static void to_hex(struct hf_span in, char out[65])
{
	for (size_t i = 0; i < in.len && i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", in.ptr[i]);
}

/* ---- one entry ---- */

static enum hf_err keep_tie(struct state *s, const char *chain, int64_t seq, const char *hash, int64_t from)
{
	struct tie *tie;

	if (s->tie_count == s->tie_cap || strlen(hash) != 64 || strlen(chain) >= HF_CHAIN_TEXT)
		return broken(s, from, "what it refers to is not of the right shape");
	tie = &s->ties[s->tie_count++];
	*tie = (struct tie){ .seq = seq, .from = from };
	snprintf(tie->chain, sizeof(tie->chain), "%s", chain);
	snprintf(tie->hash, sizeof(tie->hash), "%s", hash);
	return HF_OK;
}

/* {"chains": [[chain, seq, hash], ...]} of a first entry; {"verdict": id, "result": hash}. */
static enum hf_err keep_ties(struct state *s, const struct hf_audit_entry *entry)
{
	json_t *root = json_loads(entry->detail, JSON_REJECT_DUPLICATES, NULL), *at;
	const char *chain, *hash;
	json_int_t seq;
	size_t i;
	enum hf_err err = root ? HF_OK : broken(s, entry->seq, "its detail is no JSON");

	if (!err && strcmp(entry->action, HF_CHAIN_FIRST) == 0)
		json_array_foreach(json_object_get(root, "chains"), i, at) {
			if (!err)
				err = json_unpack(at, "[s, I, s]", &chain, &seq, &hash) ?
				      broken(s, entry->seq, "it names a chain in no known way") :
				      keep_tie(s, chain, seq, hash, entry->seq);
		}
	if (!err && strcmp(entry->action, "verdict") == 0 &&
	    json_unpack(root, "{s: I, s: s}", "verdict", &seq, "result", &hash) == 0)
		err = keep_tie(s, "", seq, hash, entry->seq);
	json_decref(root);
	return err;
}

static enum hf_err check_entry(void *self, const struct hf_audit_entry *entry)
{
	struct state *s = self;
	struct hf_digest hash;
	bool first = strcmp(entry->action, HF_CHAIN_FIRST) == 0;
	enum hf_err err;

	s->here++;
	if (entry->seq != s->seq + 1)
		return broken(s, s->seq + 1, "it is missing");
	if (entry->before.len != 32 || entry->hash.len != 32 || memcmp(entry->before.ptr, s->hash, 32) != 0)
		return broken(s, entry->seq, "it does not follow the entry before it");
	err = hf_audit_hash(entry, &hash);
	if (err || memcmp(hash.bytes, entry->hash.ptr, 32) != 0)
		return broken(s, entry->seq, "its hash is not that of what it says");
	if (first != (entry->seq == 1))
		return broken(s, entry->seq, "the first entry of a chain, and no other, says how it started");
	s->seq = entry->seq;
	memcpy(s->hash, hash.bytes, sizeof(s->hash));
	s->count.entries++;
	return keep_ties(s, entry);
}

/* ---- what it refers to ---- */

static enum hf_err take_span(void *self, const struct hf_db_value *values, size_t count)
{
	struct state *s = self;
	struct hf_row row = { .values = values, .count = count };
	struct hf_digest digest;

	if (hf_digest(HF_ALG_SHA256, hf_row_bytes(&row), &digest))
		return HF_ERR_INTERNAL;
	memcpy(s->ties[0].hash, digest.bytes, 32);	/* see check_verdict */
	return HF_OK;
}

static enum hf_err check_verdict(struct state *s, const struct tie *tie)
{
	struct tie found = { .seq = 0 };
	struct state look = { .ties = &found };
	char hex[65] = "";
	size_t rows = 0;
	enum hf_err err = hf_store_read(s->store, "SELECT result FROM verdicts WHERE id = $1",
					HF_PARAMS(hf_db_int(tie->seq)), take_span, &look, &rows, s->fault);

	if (err || !rows)	/* pruned: an entry says so */
		return err;
	to_hex((struct hf_span){ (const uint8_t *)found.hash, 32 }, hex);
	if (strcmp(hex, tie->hash) != 0)
		return broken(s, tie->from, "the result that it tells of was changed");
	s->count.verdicts++;
	return HF_OK;
}

static enum hf_err take_hash(void *self, const struct hf_db_value *values, size_t count)
{
	struct hf_row row = { .values = values, .count = count };

	to_hex(hf_row_bytes(&row), self);
	return HF_OK;
}

static enum hf_err check_tie(struct state *s, const struct tie *tie)
{
	char hex[65] = "";
	enum hf_err err;

	if (!*tie->chain)
		return check_verdict(s, tie);
	err = hf_store_read(s->store, "SELECT hash FROM audit WHERE chain = $1 AND seq = $2",
			    HF_PARAMS(hf_db_text(tie->chain), hf_db_int(tie->seq)), take_hash, hex, NULL, s->fault);
	if (!err && strcmp(hex, tie->hash) != 0) {
		snprintf(s->chain, sizeof(s->chain), "%s", tie->chain);
		return broken(s, tie->seq, *hex ? "another chain saw it with another hash" :
			      "another chain saw it, and it is missing");
	}
	return err;
}

/* ---- all of them ---- */

static enum hf_err check_chain(struct state *s)
{
	enum hf_err err;

	s->seq = 0;
	memset(s->hash, 0, sizeof(s->hash));
	do {
		s->here = s->tie_count = 0;
		if (s->stop && atomic_load(s->stop))
			return hf_fail(s->fault, HF_ERR_STORE_FAILED, "audit", "the controller stops");
		err = hf_store_audit(s->store, s->chain, s->seq, PAGE, check_entry, s, s->fault);
		for (size_t i = 0; !err && i < s->tie_count; i++)
			err = check_tie(s, &s->ties[i]);
	} while (!err && s->here == PAGE);
	if (!err && s->seq == 0)
		err = broken(s, 1, "it is missing");
	s->count.chains++;
	return err;
}

struct chains { char ids[PAGE][HF_CHAIN_TEXT]; size_t count; };

static enum hf_err take_chain(void *self, const struct hf_db_value *values, size_t count)
{
	struct hf_row row = { .values = values, .count = count };
	struct chains *chains = self;

	snprintf(chains->ids[chains->count++], HF_CHAIN_TEXT, "%s", hf_row_text(&row));
	return HF_OK;
}

static enum hf_err check_all(struct state *s, struct chains *chains)
{
	char after[HF_CHAIN_TEXT] = "";
	enum hf_err err;

	/* From both tables: a chain whose row is gone is still walked, and one without entries told. */
	do {
		chains->count = 0;
		err = hf_store_read(s->store, "SELECT chain FROM chains WHERE chain > $1 UNION"
				    " SELECT chain FROM audit WHERE chain > $1 ORDER BY chain LIMIT $2",
				    HF_PARAMS(hf_db_text(after), hf_db_int(PAGE)), take_chain, chains, NULL, s->fault);
		for (size_t i = 0; !err && i < chains->count; i++) {
			snprintf(s->chain, sizeof(s->chain), "%s", chains->ids[i]);
			snprintf(after, sizeof(after), "%s", chains->ids[i]);
			err = check_chain(s);
		}
	} while (!err && chains->count == PAGE);
	return err;
}

enum hf_err hf_store_audit_verify(struct hf_store *store, const _Atomic bool *stop, struct hf_audit_count *ret,
				  struct hf_fault *fault)
{
	struct hf_arena arena;
	struct state s = { .store = store, .stop = stop, .fault = fault, .tie_cap = 64 * PAGE };
	struct chains *chains;
	enum hf_err err = hf_arena_make(s.tie_cap * sizeof(*s.ties) + sizeof(*chains) + 64, &arena);

	if (err)
		return hf_fail(fault, err, "audit", "not enough memory");
	s.ties = hf_arena_take(&arena, s.tie_cap * sizeof(*s.ties));
	chains = hf_arena_take(&arena, sizeof(*chains));
	err = s.ties && chains ? check_all(&s, chains) : hf_fail(fault, HF_ERR_NO_MEMORY, "audit", "no memory");
	hf_arena_drop(&arena);
	if (!err)
		*ret = s.count;
	return err;
}
