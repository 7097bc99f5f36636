/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One way to speak to two databases, the schema's steps, and secrets at rest. On SQLite, or on the
 * PostgreSQL that HOLDFAST_TEST_STORE names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "controller/server/seal.h"
#include "controller/server/store_internal.h"
#include "tests/unit/store_fixture.h"

#define is(a, b) assert_string_equal(hf_err_name(a), hf_err_name(b))

static int open_db(void **state)
{
	struct store_fixture *f;
	struct hf_db *db;

	if (store_set_up(state))
		return 1;
	f = *state;
	if (hf_db_open(f->url, &db, &f->fault) ||
	    hf_db_script(db, "DROP TABLE IF EXISTS probe; CREATE TABLE probe (n BIGINT PRIMARY KEY, t TEXT)", &f->fault))
		return 1;
	hf_db_close(db);
	return 0;
}

struct got { int64_t n[8]; size_t rows; enum hf_db_type type; uint8_t bytes[64]; size_t len; };

static enum hf_err take(void *self, const struct hf_db_value *values, size_t count)
{
	struct got *got = self;

	got->n[got->rows++ % 8] = values[0].number;
	if (count < 2)
		return HF_OK;
	got->type = values[1].type;
	got->len = values[1].bytes.len;
	if (got->len <= sizeof(got->bytes) && got->len)
		memcpy(got->bytes, values[1].bytes.ptr, got->len);
	return HF_OK;
}

static void values_come_back_as_they_went(void **state)
{
	static const int64_t numbers[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 1800000000 };
	static const char zero[] = "a\0b\xff";
	struct store_fixture *f = *state;
	struct got got = { 0 };
	struct hf_db *db;
	size_t rows = 99;

	is(hf_db_open(f->url, &db, &f->fault), HF_OK);
	for (size_t i = 0; i < 6; i++) {
		is(hf_db_run(db, "INSERT INTO probe (n, t) VALUES ($1, $2)",
			     HF_PARAMS(hf_db_int(numbers[i]), hf_db_text(i == 1 ? "" : i == 2 ? NULL : "\xc3\xa4'\";--")),
			     NULL, NULL, &rows, &f->fault), HF_OK);
		assert_int_equal(rows, 1);
		got.rows = 0;
		is(hf_db_run(db, "SELECT n, t FROM probe WHERE n = $1", HF_PARAMS(hf_db_int(numbers[i])), take, &got,
			     &rows, &f->fault), HF_OK);
		assert_int_equal(rows, 1);
		assert_true(got.n[0] == numbers[i]);
		assert_int_equal(got.type, i == 2 ? HF_DB_NULL : HF_DB_TEXT);
		assert_int_equal(got.len, i == 1 || i == 2 ? 0 : 7);
	}
	is(hf_db_run(db, "SELECT n, t FROM probe WHERE n = $1", HF_PARAMS(hf_db_int(77)), take, &got, &rows, &f->fault),
	   HF_OK);
	assert_int_equal(rows, 0);
	is(hf_db_run(db, "UPDATE probe SET t = $1 WHERE n >= $2 RETURNING n", HF_PARAMS(hf_db_text("x"), hf_db_int(0)), take,
		     &got, &rows, &f->fault), HF_OK);
	assert_int_equal(rows, 4);
	is(hf_db_run(db, "INSERT INTO reclaims (reclaim, host, lease, at) VALUES ($1, $2, '', 0)",
		     HF_PARAMS(hf_db_span(HF_DB_BYTES, (struct hf_span){ (const uint8_t *)zero, 4 }), hf_db_text("h")),
		     NULL, NULL, NULL, &f->fault), HF_OK);
	is(hf_db_run(db, "SELECT at, reclaim FROM reclaims WHERE host = 'h'", NULL, 0, take, &got, &rows, &f->fault), HF_OK);
	assert_int_equal(got.type, HF_DB_BYTES);
	assert_int_equal(got.len, 4);
	assert_memory_equal(got.bytes, zero, 4);
	is(hf_db_run(db, "DELETE FROM reclaims WHERE host = 'h'", NULL, 0, NULL, NULL, &rows, &f->fault), HF_OK);
	assert_int_equal(rows, 1);
	hf_db_close(db);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	static const char *const bad[] = { "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
					   "\xff", "a\xe2\x82" };
	static const char *const good[] = { "", "\x7f", "\xc2\x80", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x94\x92",
					    "\xf4\x8f\xbf\xbf" };
	struct store_fixture *f = *state;
	struct hf_db *db;

	is(hf_db_open(f->url, &db, &f->fault), HF_OK);
	for (size_t i = 0; i < 8; i++)
		is(hf_db_run(db, "SELECT n FROM probe WHERE t = $1", HF_PARAMS(hf_db_text(bad[i])), NULL, NULL, NULL,
			     &f->fault), HF_ERR_API_REFUSED);
	for (size_t i = 0; i < 7; i++)
		is(hf_db_run(db, "SELECT n FROM probe WHERE t = $1", HF_PARAMS(hf_db_text(good[i])), NULL, NULL, NULL,
			     &f->fault), HF_OK);
	is(hf_db_run(db, "SELECT n FROM probe WHERE t = $1",
		     HF_PARAMS(hf_db_span(HF_DB_TEXT, (struct hf_span){ (const uint8_t *)"a\0b", 3 })), NULL, NULL, NULL,
		     &f->fault), HF_ERR_API_REFUSED);
	hf_db_close(db);
}

static int64_t rows_of(struct store_fixture *f, struct hf_db *db)
{
	struct got got = { 0 };

	is(hf_db_run(db, "SELECT COUNT(*) FROM probe", NULL, 0, take, &got, NULL, &f->fault), HF_OK);
	return got.n[0];
}

static enum hf_err stop(void *self, const struct hf_db_value *values, size_t count)
{
	(void)self;
	(void)values;
	(void)count;
	return HF_ERR_LIMIT;
}

static void a_transaction_is_whole_or_nothing(void **state)
{
	static const char insert[] = "INSERT INTO probe (n) VALUES ($1)";
	struct store_fixture *f = *state;
	struct hf_db *db, *other;

	is(hf_db_open(f->url, &db, &f->fault), HF_OK);
	is(hf_db_open(f->url, &other, &f->fault), HF_OK);
	is(hf_db_commit(db, &f->fault), HF_ERR_INTERNAL);
	is(hf_db_begin(db, &f->fault), HF_OK);
	is(hf_db_begin(db, &f->fault), HF_ERR_INTERNAL);
	is(hf_db_run(db, insert, HF_PARAMS(hf_db_int(1)), NULL, NULL, NULL, &f->fault), HF_OK);
	assert_int_equal(rows_of(f, db), 1);
	assert_int_equal(rows_of(f, other), 0);
	hf_db_rollback(db);
	hf_db_rollback(db);
	assert_int_equal(rows_of(f, db), 0);
	is(hf_db_begin(db, &f->fault), HF_OK);
	is(hf_db_run(db, insert, HF_PARAMS(hf_db_int(1)), NULL, NULL, NULL, &f->fault), HF_OK);
	is(hf_db_run(db, insert, HF_PARAMS(hf_db_int(1)), NULL, NULL, NULL, &f->fault), HF_ERR_STORE_FAILED);
	assert_int_equal(hf_db_trouble(db), HF_DB_AGAIN);
	hf_db_rollback(db);
	assert_int_equal(rows_of(f, other), 0);
	is(hf_db_begin(db, &f->fault), HF_OK);
	is(hf_db_run(db, insert, HF_PARAMS(hf_db_int(1)), NULL, NULL, NULL, &f->fault), HF_OK);
	is(hf_db_run(db, "SELECT n FROM probe", NULL, 0, stop, NULL, NULL, &f->fault), HF_ERR_LIMIT);
	assert_int_equal(hf_db_trouble(db), HF_DB_FINE);
	is(hf_db_commit(db, &f->fault), HF_OK);
	assert_int_equal(rows_of(f, other), 1);
	is(hf_db_run(db, "SELECT nothing FROM nowhere", NULL, 0, NULL, NULL, NULL, &f->fault), HF_ERR_STORE_FAILED);
	assert_int_equal(hf_db_trouble(db), HF_DB_OTHER);
	hf_db_close(db);
	hf_db_close(other);
	hf_db_close(NULL);
}

static void a_store_that_cannot_be_opened_says_why(void **state)
{
	static const char *const bad[] = { "mysql://user:secret@host/db", "sqlite:", "", "/no/such/folder/file",
					   "sqlite:/dev/null", "postgresql:///x?nonsense=1" };
	struct store_fixture *f = *state;
	struct hf_db *db;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is(hf_db_open(bad[i], &db, &f->fault), HF_ERR_STORE_FAILED);
		assert_true(*f->fault.detail || f->fault.sys_errno);
		assert_null(strstr(f->fault.detail, "secret"));
	}
}

static void others_cannot_read_the_file(void **state)
{
	char name[] = "/tmp/hf-store-new-XXXXXX", wal[64];
	struct store_fixture *f = *state;
	struct hf_store *store;
	struct stat st;

	close(mkstemp(name));
	unlink(name);
	is(hf_store_open(name, 1, &store, &f->fault), HF_OK);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(wal, sizeof(wal), "%s-wal", name);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	hf_store_close(store);
	unlink(name);
}

/* ---- the schema ---- */

static void a_newer_schema_is_left_alone(void **state)
{
	struct store_fixture *f = *state;
	struct hf_store *store;
	struct hf_db *db;

	is(hf_db_open(f->url, &db, &f->fault), HF_OK);
	is(hf_db_script(db, "INSERT INTO schema_version (version) VALUES (999)", &f->fault), HF_OK);
	is(hf_store_open(f->url, 1, &store, &f->fault), HF_ERR_STORE_SCHEMA);
	assert_non_null(strstr(f->fault.detail, "999"));
	/* a connection that a running one opens now */
	is(hf_db_script(db, "DELETE FROM schema_version WHERE version = 999", &f->fault), HF_OK);
	is(hf_store_open(f->url, 1, &store, &f->fault), HF_OK);
	is(hf_store_ping(store, &f->fault), HF_OK);
	hf_store_close(store);
	hf_db_close(db);
}

/* On PostgreSQL this needs an empty database of its own: tests/server/cases_store.py. */
static void several_that_start_at_once_make_one_schema(void **state)
{
	char name[] = "/tmp/hf-store-once-XXXXXX", more[64];
	struct hf_fault fault = { 0 };
	struct hf_store *store;
	pid_t children[6];
	int status;

	(void)state;
	for (int round = 0; round < 5; round++) {
		close(mkstemp(name));
		unlink(name);
		for (int i = 0; i < 6; i++) {
			children[i] = fork();
			if (children[i] == 0)
				_exit(hf_store_open(name, 1, &store, &fault) ? 1 : 0);
		}
		for (int i = 0; i < 6; i++) {
			waitpid(children[i], &status, 0);
			assert_int_equal(status, 0);
		}
		for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", NULL }; *end; end++) {
			snprintf(more, sizeof(more), "%s%s", name, *end);
			unlink(more);
		}
		memcpy(name + strlen(name) - 6, "XXXXXX", 6);
	}
}

/* ---- secrets at rest ---- */

static void a_secret_is_opened_by_its_key_for_its_host_and_reclaim(void **state)
{
	struct hf_seal_key key = { "0123456789abcdef0123456789abcde" }, other = key;
	uint8_t reclaim[16] = "reclaim", buf[256], out[256];
	struct hf_span secret = hf_span_text("disk key"), r = { reclaim, 16 }, half = { reclaim, 15 }, sealed;
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) }, back = { .buf = out, .cap = sizeof(out) };

	(void)state;
	other.bytes[31] ^= 1;
	is(hf_seal(&key, "h1", r, secret, &w), HF_OK);
	sealed = hf_written(&w);
	assert_int_equal(sealed.len, secret.len + HF_SEAL_OVERHEAD);
	assert_null(memmem(sealed.ptr, sealed.len, secret.ptr, secret.len));
	is(hf_seal_open(&key, "h1", r, sealed, &back), HF_OK);
	assert_true(hf_span_equal(hf_written(&back), secret));
	is(hf_seal_open(&other, "h1", r, sealed, &back), HF_ERR_SIGNATURE_INVALID);
	is(hf_seal_open(&key, "h2", r, sealed, &back), HF_ERR_SIGNATURE_INVALID);
	is(hf_seal_open(&key, "h1r", half, sealed, &back), HF_ERR_SIGNATURE_INVALID);
	is(hf_seal_open(&key, "h1", half, sealed, &back), HF_ERR_SIGNATURE_INVALID);
	for (size_t i = 0; i < sealed.len; i++) {
		buf[i] ^= 0x40;
		memset(out, 0xaa, sizeof(out));
		is(hf_seal_open(&key, "h1", r, sealed, &back), HF_ERR_SIGNATURE_INVALID);
		assert_null(memmem(out, sizeof(out), "disk", 4));	/* nothing of it, not even wrong */
		buf[i] ^= 0x40;
		is(hf_seal_open(&key, "h1", r, (struct hf_span){ buf, i }, &back), HF_ERR_SIGNATURE_INVALID);
	}
	assert_int_equal(back.len, secret.len);
	back.cap = back.len + secret.len - 1;
	is(hf_seal_open(&key, "h1", r, sealed, &back), HF_ERR_LIMIT);
	w.len = 0;
	w.cap = secret.len + HF_SEAL_OVERHEAD - 1;
	is(hf_seal(&key, "h1", r, secret, &w), HF_ERR_LIMIT);
}

static enum hf_err key_file(const char *text, size_t len, mode_t mode, struct hf_seal_key *ret)
{
	char name[] = "/tmp/hf-seal-XXXXXX";
	struct hf_fault fault;
	int fd = mkstemp(name);
	enum hf_err err;

	assert_int_equal(write(fd, text, len), (ssize_t)len);
	fchmod(fd, mode);
	close(fd);
	err = hf_seal_key_read(name, ret, &fault);
	unlink(name);
	return err;
}

static void a_key_file_is_hex_or_raw_and_private(void **state)
{
	static const char hex[] = "000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	struct hf_seal_key key = { { 0 } };
	struct hf_digest mac;
	struct hf_fault fault;

	(void)state;
	is(key_file(hex, 65, 0600, &key), HF_OK);
	for (uint8_t i = 0; i < 32; i++)
		assert_int_equal(key.bytes[i], i);
	is(key_file(hex, 64, 0400, &key), HF_OK);
	is(key_file(hex, 32, 0600, &key), HF_OK);	/* any 32 bytes */
	is(key_file(hex, 63, 0600, &key), HF_ERR_KEY_INVALID);
	is(key_file("", 0, 0600, &key), HF_ERR_KEY_INVALID);
	is(key_file(hex, 64, 0640, &key), HF_ERR_KEY_INVALID);
	is(key_file(hex, 64, 0604, &key), HF_ERR_KEY_INVALID);
	is(key_file("g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 64, 0600, &key), HF_ERR_KEY_INVALID);
	is(hf_seal_key_read("/no/such/file", &key, &fault), HF_ERR_FILE_UNREADABLE);
	/* RFC 4231, test case 2 */
	is(hf_seal_hmac(hf_span_text("Jefe"), hf_span_text("what do ya want for nothing?"), &mac), HF_OK);
	assert_memory_equal(mac.bytes, "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7\x5a\x00\x3f\x08"
			    "\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43", 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_come_back_as_they_went, open_db, store_tear_down),
		cmocka_unit_test_setup_teardown(text_that_is_not_utf8_is_refused, open_db, store_tear_down),
		cmocka_unit_test_setup_teardown(a_transaction_is_whole_or_nothing, open_db, store_tear_down),
		cmocka_unit_test_setup_teardown(a_store_that_cannot_be_opened_says_why, open_db, store_tear_down),
		cmocka_unit_test_setup_teardown(others_cannot_read_the_file, open_db, store_tear_down),
		cmocka_unit_test_setup_teardown(a_newer_schema_is_left_alone, open_db, store_tear_down),
		cmocka_unit_test(several_that_start_at_once_make_one_schema),
		cmocka_unit_test(a_secret_is_opened_by_its_key_for_its_host_and_reclaim),
		cmocka_unit_test(a_key_file_is_hex_or_raw_and_private),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
