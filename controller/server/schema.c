/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema, step by step. A step that was ever released is never changed: the next one corrects
 * it. Words in braces differ between databases. */
#include <stdio.h>

#include "controller/server/store_internal.h"

#define STEP_MAX 16384	/* bytes of one step's text */

/* reclaims: every id that was ever used. verdicts: nonce and ticket are unique for good; they and
 * the audit outlive their host. hosts.version: what an UPDATE changes that only takes the row. */
static const char step_1[] =
"CREATE TABLE hosts (id {KEY} PRIMARY KEY, version BIGINT NOT NULL DEFAULT 0,"
" ek_id {BYTES} UNIQUE, first_use_until BIGINT NOT NULL, serial TEXT NOT NULL, model TEXT NOT NULL,"
" banks BIGINT NOT NULL, tenant TEXT NOT NULL, ek_accepted BIGINT NOT NULL,"
" state BIGINT NOT NULL, since BIGINT NOT NULL, lease TEXT NOT NULL DEFAULT '', lease_tenant TEXT NOT NULL DEFAULT '',"
" held BIGINT NOT NULL DEFAULT 0, held_why TEXT NOT NULL DEFAULT '', held_by TEXT NOT NULL DEFAULT '',"
" reclaim {BYTES}, ticketed BIGINT NOT NULL DEFAULT 0, nonce {BYTES},"
" ak_name {BYTES} UNIQUE, ak {BYTES}, ek {BYTES}, enrolled BIGINT NOT NULL DEFAULT 0,"
" last_seen BIGINT NOT NULL DEFAULT 0, last_verdict BIGINT NOT NULL DEFAULT 0,"
" counted BIGINT NOT NULL DEFAULT 0, reset_count BIGINT NOT NULL DEFAULT 0,"
" restart_count BIGINT NOT NULL DEFAULT 0, firmware_version BIGINT NOT NULL DEFAULT 0,"
" last_cause TEXT NOT NULL DEFAULT '', last_class TEXT NOT NULL DEFAULT '',"
" last_status BIGINT NOT NULL DEFAULT 0, last_verdict_id BIGINT NOT NULL DEFAULT 0);"
"CREATE INDEX hosts_serial ON hosts (serial);"
"CREATE TABLE reclaims (reclaim {BYTES} PRIMARY KEY, host {KEY} NOT NULL, lease TEXT NOT NULL,"
" at BIGINT NOT NULL);"
"CREATE TABLE secrets (host {KEY} PRIMARY KEY REFERENCES hosts ON DELETE CASCADE,"
" reclaim {BYTES} NOT NULL, sealed {BYTES} NOT NULL);"
"CREATE TABLE credentials (id {BYTES} PRIMARY KEY, host {KEY} NOT NULL REFERENCES hosts ON DELETE CASCADE,"
" number BIGINT NOT NULL, ak_name {BYTES} NOT NULL, ak {BYTES} NOT NULL, ek {BYTES} NOT NULL,"
" ek_id {BYTES} NOT NULL, secret_digest {BYTES} NOT NULL, until BIGINT NOT NULL);"
"CREATE INDEX credentials_host ON credentials (host, number);"
"CREATE TABLE challenges (nonce {BYTES} PRIMARY KEY, host {KEY} NOT NULL REFERENCES hosts ON DELETE CASCADE,"
" number BIGINT NOT NULL, kind BIGINT NOT NULL, boot_key {BYTES} NOT NULL, reclaim {BYTES},"
" until BIGINT NOT NULL);"
"CREATE INDEX challenges_host ON challenges (host, number);"
"CREATE TABLE verdicts (id {SERIAL}, host {KEY} NOT NULL, at BIGINT NOT NULL, kind BIGINT NOT NULL,"
" nonce {BYTES} UNIQUE, reclaim {BYTES}, quote {BYTES}, boot_key {BYTES}, evidence_digest {BYTES},"
" status BIGINT NOT NULL, release BIGINT NOT NULL, cause TEXT NOT NULL, class TEXT NOT NULL,"
" place TEXT NOT NULL, detail TEXT NOT NULL, model TEXT NOT NULL, lease TEXT NOT NULL,"
" counted BIGINT NOT NULL, reset_count BIGINT NOT NULL, restart_count BIGINT NOT NULL,"
" firmware_version BIGINT NOT NULL, result {BYTES}, report TEXT NOT NULL,"
" receipt {BYTES}, receipt_at BIGINT NOT NULL DEFAULT 0);"
"CREATE UNIQUE INDEX verdicts_ticket ON verdicts (reclaim) WHERE release <> 0;"
"CREATE INDEX verdicts_host ON verdicts (host, id);"
"CREATE INDEX verdicts_at ON verdicts (at);"
"CREATE TABLE evidence (verdict BIGINT PRIMARY KEY REFERENCES verdicts ON DELETE CASCADE,"
" host {KEY} NOT NULL, kind BIGINT NOT NULL, released BIGINT NOT NULL, bytes {BYTES} NOT NULL);"
"CREATE INDEX evidence_host ON evidence (host, kind, verdict);"
"CREATE TABLE chains (chain {KEY} PRIMARY KEY, started BIGINT NOT NULL);"
"CREATE INDEX chains_started ON chains (started);"
"CREATE TABLE audit (chain {KEY} NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, actor TEXT NOT NULL,"
" action TEXT NOT NULL, host {KEY} NOT NULL, detail TEXT NOT NULL, prior {BYTES} NOT NULL,"
" hash {BYTES} NOT NULL, PRIMARY KEY (chain, seq));"
"CREATE INDEX audit_at ON audit (at);"
"CREATE INDEX audit_host ON audit (host, at);";

/* The audit only grows. Who owns the tables can drop these: the chains tell. */
static const char append_only_sqlite[] =
"CREATE TRIGGER audit_keep_1 BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;"
"CREATE TRIGGER audit_keep_2 BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;"
"CREATE TRIGGER chains_keep_1 BEFORE UPDATE ON chains BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;"
"CREATE TRIGGER chains_keep_2 BEFORE DELETE ON chains BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;";
static const char append_only_postgres[] =
"CREATE FUNCTION holdfast_audit_keep() RETURNS trigger LANGUAGE plpgsql AS"
" $$ BEGIN RAISE EXCEPTION 'the audit only grows'; END $$;"
"CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
" FOR EACH STATEMENT EXECUTE FUNCTION holdfast_audit_keep();"
"CREATE TRIGGER chains_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON chains"
" FOR EACH STATEMENT EXECUTE FUNCTION holdfast_audit_keep();";

/* hosts.nonce was the newest challenge, and whoever asked for another one voided it. often: what
 * anybody can bring about is told in the audit so many times, then counted (store_often.c). */
static const char step_2[] =
"ALTER TABLE hosts DROP COLUMN nonce;"
"CREATE TABLE often (host {KEY} NOT NULL REFERENCES hosts ON DELETE CASCADE, action {KEY} NOT NULL,"
" since BIGINT NOT NULL, told BIGINT NOT NULL, untold BIGINT NOT NULL, PRIMARY KEY (host, action));";

/* A ring's manifests are one archive, as the boot server takes it; about: their models, in JSON.
 * rings.version rises with every change of a ring, and of who is in it: what was tried against the
 * one is not put upon the other. hosts.ring NULL: the manifests that every controller reads itself. */
static const char step_3[] =
"CREATE TABLE rings (name {KEY} PRIMARY KEY, version BIGINT NOT NULL, stage BIGINT NOT NULL,"
" digest {BYTES} NOT NULL, about TEXT NOT NULL, at BIGINT NOT NULL, put_by TEXT NOT NULL,"
" bytes BIGINT NOT NULL, bundle {BYTES} NOT NULL);"
"ALTER TABLE hosts ADD COLUMN ring {KEY} REFERENCES rings;"
"CREATE INDEX hosts_ring ON hosts (ring);"
"ALTER TABLE verdicts ADD COLUMN ring TEXT NOT NULL DEFAULT '';"
"ALTER TABLE verdicts ADD COLUMN observed TEXT NOT NULL DEFAULT '';"
"ALTER TABLE verdicts ADD COLUMN observed_why TEXT NOT NULL DEFAULT '';";

static const struct step {
	const char *both, *sqlite, *postgres;	/* the last two: NULL where nothing differs */
} steps[] = {
	{ step_1, append_only_sqlite, append_only_postgres },
	{ step_2, NULL, NULL },
	{ step_3, NULL, NULL },
};
#define STEPS (int64_t)(sizeof(steps) / sizeof(steps[0]))

int64_t hf_schema_newest(void)
{
	return STEPS;
}

static void expand(const char *text, const struct hf_db_dialect *dialect, struct hf_writer *w)
{
	const char *words[][2] = {
		{ "{KEY}", dialect->key_text }, { "{BYTES}", dialect->bytes }, { "{SERIAL}", dialect->serial },
	};

	while (*text) {
		const char *put = NULL;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strncmp(text, words[i][0], strlen(words[i][0])) == 0) {
				put = words[i][1];
				text += strlen(words[i][0]);
				break;
			}
		if (put)
			hf_put_span(w, hf_span_text(put));
		else
			hf_put(w, text++, 1);
	}
}

static enum hf_err do_step(struct hf_db *db, const struct step *step, struct hf_fault *fault)
{
	const struct hf_db_dialect *dialect = hf_db_dialect(db);
	const char *own = dialect->postgres ? step->postgres : step->sqlite;
	char text[STEP_MAX];
	struct hf_writer w = { .buf = (uint8_t *)text, .cap = sizeof(text) };
	enum hf_err err;

	expand(step->both, dialect, &w);
	hf_put(&w, "", 1);
	if (w.full)
		return hf_fail(fault, HF_ERR_INTERNAL, "schema", "a step is too long");
	err = hf_db_script(db, text, fault);
	return err || !own ? err : hf_db_script(db, own, fault);
}

static enum hf_err read_version(void *self, const struct hf_db_value *values, size_t count)
{
	(void)count;
	*(int64_t *)self = values[0].number;
	return HF_OK;
}

static enum hf_err steps_from(struct hf_db *db, int64_t target, struct hf_fault *fault)
{
	int64_t version = 0;
	enum hf_err err = hf_db_run(db, hf_db_dialect(db)->lock, NULL, 0, NULL, NULL, NULL, fault);

	if (!err)
		err = hf_db_script(db, "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)", fault);
	if (!err)
		err = hf_db_run(db, "SELECT version FROM schema_version ORDER BY version", NULL, 0, read_version,
				&version, NULL, fault);
	if (!err && version > target)
		return hf_fail(fault, HF_ERR_STORE_SCHEMA, "store", "schema %lld, and this version knows %lld",
			       (long long)version, (long long)target);
	for (; !err && version < target; version++) {
		const struct hf_db_value next = hf_db_int(version + 1);

		err = do_step(db, &steps[version], fault);
		if (!err)
			err = hf_db_run(db, "INSERT INTO schema_version (version) VALUES ($1)", &next, 1, NULL,
					NULL, NULL, fault);
	}
	return err;
}

/* Several that start at once take turns; those that come later find it done. */
enum hf_err hf_schema_migrate(struct hf_db *db, int64_t target, struct hf_fault *fault)
{
	enum hf_err err = HF_ERR_INTERNAL;

	for (int attempt = 0; attempt < 5; attempt++) {
		err = hf_db_begin(db, fault);
		if (!err)
			err = steps_from(db, target, fault);
		if (!err)
			err = hf_db_commit(db, fault);
		else
			hf_db_rollback(db);
		if (!err || hf_db_trouble(db) == HF_DB_FINE || hf_db_trouble(db) == HF_DB_OTHER)
			return err;
	}
	return err;
}
