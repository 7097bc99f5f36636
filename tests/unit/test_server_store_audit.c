/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit only grows, and whoever changes it all the same is found out. On a file of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/store_fixture.h"

#define KEY 8001u
#define is(a, b) assert_string_equal(hf_err_name(a), hf_err_name(b))

/* What somebody does who can write to the file. */
static void tamper(struct store_fixture *f, const char *sql)
{
	struct hf_db *db;

	is(hf_db_open(f->url, &db, &f->fault), HF_OK);
	is(hf_db_script(db, "DROP TRIGGER audit_keep_1; DROP TRIGGER audit_keep_2; DROP TRIGGER chains_keep_1;"
			"DROP TRIGGER chains_keep_2;", &f->fault), HF_OK);
	is(hf_db_script(db, sql, &f->fault), HF_OK);
	hf_db_close(db);
}

static enum hf_err verify(struct store_fixture *f, struct hf_audit_count *ret)
{
	f->fault = (struct hf_fault){ 0 };
	return hf_store_audit_verify(f->store, NULL, ret, &f->fault);
}

/* One chain of nine entries (one connection is used at a time), then a second chain. */
static void history(struct store_fixture *f)
{
	struct hf_verdict_record v;
	enum hf_evidence_kind kind;
	struct hf_store *second;

	is(store_import(f, "h", 1), HF_OK);
	for (uint64_t i = 0; i < 2; i++) {
		is(store_reclaim(f, "h", 10 + i), HF_OK);
		is(store_challenge(f, "h", 20 + i, KEY, &kind), HF_OK);
		v = store_verdict(f, "h", 20 + i, KEY, 10 + i);
		v.reset_count = (uint32_t)i + 1;
		is(store_record(f, &v), HF_OK);
	}
	is(hf_store_note(f->store, "reload", NULL, "manifests: \"7\"\n\\", store_by(f), &f->fault), HF_OK);
	is(hf_store_open(f->url, 1, &second, &f->fault), HF_OK);
	is(hf_store_note(second, "reload", "h", NULL, store_by(f), &f->fault), HF_OK);
	hf_store_close(second);
}

static void chains_verify_as_they_were_written(void **state)
{
	struct store_fixture *f = *state;
	struct hf_audit_count count = { 0 };

	is(verify(f, &count), HF_OK);
	assert_int_equal(count.chains, 0);
	history(f);
	is(verify(f, &count), HF_OK);
	assert_int_equal(count.chains, 2);
	assert_int_equal(count.entries, 9 + 2);
	assert_int_equal(count.verdicts, 2);
}

static void verifying_ends_when_it_is_told(void **state)
{
	struct store_fixture *f = *state;
	struct hf_audit_count count = { .chains = 77 };
	_Atomic bool stop = true;

	history(f);
	is(hf_store_audit_verify(f->store, &stop, &count, &f->fault), HF_ERR_STORE_FAILED);
	assert_int_equal(count.chains, 77);
	atomic_store(&stop, false);
	is(hf_store_audit_verify(f->store, &stop, &count, &f->fault), HF_OK);
	assert_int_equal(count.chains, 2);
}

static enum hf_err look(void *self, const struct hf_audit_entry *entry)
{
	char *text = self;

	snprintf(text + strlen(text), 4096 - strlen(text), "%lld %s %s %s;", (long long)entry->seq, entry->action,
		 entry->host, entry->action[0] == 'r' ? entry->detail : "");
	return HF_OK;
}

static enum hf_err long_chain(void *self, const struct hf_audit_entry *entry)
{
	if (entry->seq == 9)
		snprintf(self, 33, "%s", entry->chain);
	return HF_OK;
}

static void entries_are_read_as_they_were_written(void **state)
{
	struct store_fixture *f = *state;
	char text[4096] = "", chain[33] = "";

	history(f);
	is(hf_store_audit_heads(f->store, 100, long_chain, chain, &f->fault), HF_OK);
	is(hf_store_audit(f->store, chain, 5, 2, look, text, &f->fault), HF_OK);
	assert_non_null(strstr(text, "6 reclaim h {"));
	assert_non_null(strstr(text, "};7 challenge h ;"));
	assert_null(strstr(text, ";8"));
	text[0] = '\0';
	is(hf_store_audit_newest(f->store, "h", 0, 2, look, text, &f->fault), HF_OK);
	assert_non_null(strstr(text, " h "));
	text[0] = '\0';
	is(hf_store_audit_newest(f->store, NULL, STORE_NOW, 100, look, text, &f->fault), HF_OK);
	assert_string_equal(text, "");
	is(hf_store_audit_newest(f->store, NULL, STORE_NOW + 1, 100, look, text, &f->fault), HF_OK);
	assert_non_null(strstr(text, "9 reload  {\"detail\": \"manifests: \\u00227\\u0022\\u000a\\u005c\"};"));
	assert_non_null(strstr(text, "3 reclaim h {\"from\": \"held\", \"lease\": \"lease-1\", \"reclaim\": \""));
}

static void what_was_written_cannot_be_changed(void **state)
{
	static const char *const tries[] = {
		"UPDATE audit SET actor = 'x'", "DELETE FROM audit", "UPDATE chains SET started = 0", "DELETE FROM chains",
	};
	struct store_fixture *f = *state;
	struct hf_audit_count count;
	struct hf_db *db;

	history(f);
	is(hf_db_open(f->url, &db, &f->fault), HF_OK);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		is(hf_db_script(db, tries[i], &f->fault), HF_ERR_STORE_FAILED);
		assert_string_equal(f->fault.detail, "the audit only grows");
	}
	hf_db_close(db);
	is(verify(f, &count), HF_OK);
}

/* Each field, a missing entry, a cut end, a chain that is gone, a result that was changed. */
static void whoever_changes_it_is_found_out(void **state)
{
	static const struct { const char *sql, *where, *why; } tries[] = {
		{ "UPDATE audit SET actor = 'token:other' WHERE seq = 4", "entry 4", "its hash" },
		{ "UPDATE audit SET action = 'hold' WHERE seq = 9", "entry 9", "its hash" },
		{ "UPDATE audit SET host = 'i' WHERE seq = 4", "entry 4", "its hash" },
		{ "UPDATE audit SET at = at + 1 WHERE seq = 4", "entry 4", "its hash" },
		{ "UPDATE audit SET detail = '{}' WHERE seq = 4", "entry 4", "its hash" },
		{ "UPDATE audit SET hash = zeroblob(32) WHERE seq = 4", "entry 4", "its hash" },
		{ "UPDATE audit SET prior = zeroblob(32) WHERE seq = 4", "entry 4", "does not follow" },
		{ "DELETE FROM audit WHERE seq = 4", "entry 4", "missing" },
		{ "DELETE FROM audit WHERE seq = 1", "entry 1", "missing" },
		{ "DELETE FROM audit WHERE seq = 9", "entry 9", "another chain saw it" },
		{ "DELETE FROM audit WHERE seq >= 6", "entry 9", "another chain saw it" },
		{ "DELETE FROM audit WHERE chain = (SELECT chain FROM audit WHERE seq = 9)", "entry ", "missing" },
		{ "DELETE FROM chains WHERE chain = (SELECT chain FROM audit WHERE seq = 9); DELETE FROM audit WHERE"
		  " chain = (SELECT chain FROM audit WHERE seq = 9)", "entry 9", "another chain saw it" },
		{ "UPDATE verdicts SET result = x'00' WHERE id = 2", "entry 8", "the result" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct hf_audit_count count;
		struct store_fixture *f;
		void *own = NULL;

		assert_int_equal(store_set_up(&own), 0);
		f = own;
		history(f);
		tamper(f, tries[i].sql);
		is(verify(f, &count), HF_ERR_AUDIT_BROKEN);
		if (!strstr(f->fault.where, tries[i].where) || !strstr(f->fault.detail, tries[i].why))
			fail_msg("%s: %s: %s", tries[i].sql, f->fault.where, f->fault.detail);
		store_tear_down(&own);
	}
}

static void a_refused_step_leaves_an_entry_or_nothing(void **state)
{
	struct store_fixture *f = *state;
	struct hf_verdict_record v;
	struct hf_audit_count before, after;
	enum hf_evidence_kind kind;

	history(f);
	is(verify(f, &before), HF_OK);
	is(store_reclaim(f, "h", 10), HF_ERR_STATE_CHANGED);
	is(store_reclaim(f, "no-such-host", 99), HF_ERR_HOST_UNKNOWN);
	is(verify(f, &after), HF_OK);
	assert_int_equal(after.entries, before.entries);
	v = store_verdict(f, "h", 20, KEY, 10);
	is(store_record(f, &v), HF_ERR_NONCE_USED);
	is(verify(f, &after), HF_OK);
	assert_int_equal(after.entries, before.entries + 1);
	assert_int_equal(after.verdicts, before.verdicts);
	is(store_challenge(f, "h", 30, KEY, &kind), HF_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chains_verify_as_they_were_written, store_set_up, store_tear_down),
		cmocka_unit_test_setup_teardown(verifying_ends_when_it_is_told, store_set_up, store_tear_down),
		cmocka_unit_test_setup_teardown(entries_are_read_as_they_were_written, store_set_up, store_tear_down),
		cmocka_unit_test_setup_teardown(what_was_written_cannot_be_changed, store_set_up, store_tear_down),
		cmocka_unit_test(whoever_changes_it_is_found_out),
		cmocka_unit_test_setup_teardown(a_refused_step_leaves_an_entry_or_nothing, store_set_up, store_tear_down),
	};

	unsetenv("HOLDFAST_TEST_STORE");	/* each needs an empty one */
	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
