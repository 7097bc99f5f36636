/* SPDX-License-Identifier: GPL-3.0-or-later */
/* controller/server/store_internal.h: what store*.c, audit*.c and schema.c share; nobody else
 * includes it. Everything that changes the store is a function that hf_store_do calls inside a
 * transaction, perhaps more than once: it works on what the database says now. */
#ifndef HF_CONTROLLER_SERVER_STORE_INTERNAL_H
#define HF_CONTROLLER_SERVER_STORE_INTERNAL_H

#include <pthread.h>

#include "controller/server/store.h"

#define HF_CHAIN_TEXT 33	/* 16 random bytes in hex, NUL */
#define HF_AUDIT_DETAIL_MAX 8192
#define HF_STORE_SCRATCH (1u << 20)	/* bytes for what one transaction reads */

struct hf_chain { char id[HF_CHAIN_TEXT]; int64_t seq; uint8_t hash[32]; };	/* seq 0: not begun */
struct hf_conn {
	struct hf_db *db;	/* NULL: not opened yet */
	bool taken;
	struct hf_chain chain;
	struct hf_arena scratch;
};
struct hf_store {
	char *url;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	size_t count;
	bool one_writer;	/* the first connection's */
	struct hf_conn conns[HF_STORE_CONNECTIONS_MAX];
};

/* What one transaction works with, and the audit entry that it ends with. */
struct hf_tx {
	struct hf_db *db;
	struct hf_arena *arena;		/* the connection's; emptied before each attempt */
	const struct hf_by *by;
	struct hf_fault *fault;
	const char *action, *host;	/* action NULL: no entry */
	enum hf_err refusal;		/* committed and returned */
	struct hf_writer detail;	/* JSON; see hf_tx_say */
};
typedef enum hf_err (*hf_tx_work)(struct hf_tx *tx, void *self);

/* arena: the caller's, set back before each attempt; or NULL. */
enum hf_err hf_store_do(struct hf_store *store, hf_tx_work work, void *self, const struct hf_by *by,
			struct hf_arena *arena, struct hf_fault *fault) HF_MUST_USE;
/* One SELECT outside a transaction, once more if the connection broke. */
enum hf_err hf_store_read(struct hf_store *store, const char *sql, const struct hf_db_value *params, size_t count,
			  hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault) HF_MUST_USE;
/* The same for one row that is found by its key, and whose visit does next to nothing. */
enum hf_err hf_store_find(struct hf_store *store, const char *sql, const struct hf_db_value *params, size_t count,
			  hf_db_row row, void *self, size_t *ret_rows, struct hf_fault *fault) HF_MUST_USE;
enum hf_store_use { HF_STORE_WALK, HF_STORE_FIND, HF_STORE_WRITE };
enum hf_err hf_store_take(struct hf_store *store, enum hf_store_use use, struct hf_conn **ret,
			  struct hf_fault *fault) HF_MUST_USE;
void hf_store_give(struct hf_store *store, struct hf_conn *conn);

enum hf_err hf_tx_run(struct hf_tx *tx, const char *sql, const struct hf_db_value *params, size_t count,
		      hf_db_row row, void *self, size_t *ret_rows) HF_MUST_USE;
/* A member of the entry's detail. Text is cut at 256 bytes, bytes are told in hex. */
void hf_tx_say(struct hf_tx *tx, const char *name, const char *text);
void hf_tx_say_bytes(struct hf_tx *tx, const char *name, struct hf_span bytes);
void hf_tx_say_int(struct hf_tx *tx, const char *name, int64_t number);
/* What the call returns; recorded in the entry; the transaction is committed. */
enum hf_err hf_tx_refuse(struct hf_tx *tx, enum hf_err cause, const char *where, const char *detail);
/* For what anybody may bring about, when all else of the transaction is done: its entry is written,
 * or only counted. tx->host is one that there is, and its row is this transaction's. What has no
 * entry may be done twice (a connection that breaks at COMMIT): the work must bear it. */
enum hf_err hf_tx_often(struct hf_tx *tx) HF_MUST_USE;

/* ---- rows ---- */
#define HF_PARAMS(...) (const struct hf_db_value[]){ __VA_ARGS__ }, \
	sizeof((const struct hf_db_value[]){ __VA_ARGS__ }) / sizeof(struct hf_db_value)
static inline struct hf_db_value hf_db_bytes(struct hf_span s)	/* empty: NULL */
{
	return s.len ? hf_db_span(HF_DB_BYTES, s) : (struct hf_db_value){ HF_DB_NULL, 0, { NULL, 0 } };
}
static inline struct hf_db_value hf_db_words(const char *text)	/* NULL: "" */
{
	return hf_db_text(text ? text : "");
}
struct hf_row {
	const struct hf_db_value *values;
	size_t count, at;
	struct hf_arena *arena;	/* NULL: text and bytes are borrowed */
	bool full;
};
int64_t hf_row_int(struct hf_row *row);
const char *hf_row_text(struct hf_row *row);	/* "" where it is NULL */
struct hf_span hf_row_bytes(struct hf_row *row);
enum hf_err hf_row_end(const struct hf_row *row) HF_MUST_USE;	/* HF_ERR_LIMIT: the arena is full */

/* ---- a host, as its row has it ---- */
enum hf_held { HF_HELD_NEW, HF_HELD_OPERATOR, HF_HELD_REFUSED, HF_HELD_RE_ENROL };
struct hf_host_row {
	struct hf_host_record record;
	enum hf_held held;
};
#define HF_HOST_COLUMNS "id, ek_id, first_use_until, serial, model, banks, tenant, ek_accepted, state, since, " \
	"lease, lease_tenant, held, held_why, held_by, reclaim, ticketed, ak_name, ak, ek, enrolled, last_seen, " \
	"last_verdict, counted, reset_count, restart_count, firmware_version, last_cause, last_class, " \
	"last_status, last_verdict_id, ring"
enum hf_err hf_host_from_row(const struct hf_db_value *values, size_t count, struct hf_arena *arena,
			     struct hf_host_row *ret) HF_MUST_USE;
/* The host, which nobody else changes until this transaction ends. HF_ERR_HOST_UNKNOWN. */
enum hf_err hf_tx_host(struct hf_tx *tx, const char *id, struct hf_host_row *ret) HF_MUST_USE;
/* As it is now, into the caller's arena. */
enum hf_err hf_tx_host_copy(struct hf_tx *tx, const char *id, struct hf_arena *arena,
			    struct hf_host_record *ret) HF_MUST_USE;
/* What hf_store_challenge_get says, inside a transaction. */
enum hf_err hf_tx_challenge(struct hf_tx *tx, struct hf_span nonce, struct hf_challenge_record *ret,
			    bool *ret_found) HF_MUST_USE;

/* ---- audit.c ---- */
enum hf_err hf_chain_new(struct hf_chain *ret) HF_MUST_USE;
/* Writes the entry (before it, the chain's first if it has none); *ret: the chain after it. */
enum hf_err hf_audit_append(struct hf_tx *tx, const struct hf_chain *chain, struct hf_chain *ret) HF_MUST_USE;
enum hf_err hf_audit_hash(const struct hf_audit_entry *entry, struct hf_digest *ret) HF_MUST_USE;
/* Is the last entry of that chain there? Waits for whoever is about to write it. */
enum hf_err hf_audit_is_there(struct hf_db *db, const struct hf_chain *chain, bool *ret,
			      struct hf_fault *fault) HF_MUST_USE;
#define HF_AUDIT_COLUMNS "chain, seq, at, actor, action, host, detail, prior, hash"
enum hf_err hf_audit_from_row(const struct hf_db_value *values, size_t count, struct hf_audit_entry *ret) HF_MUST_USE;
#define HF_CHAIN_FIRST "chain-start"

/* ---- schema.c ---- */
enum hf_err hf_schema_migrate(struct hf_db *db, int64_t target, struct hf_fault *fault) HF_MUST_USE;
int64_t hf_schema_newest(void);

#endif
