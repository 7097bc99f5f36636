/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inventory, what enrolment takes and refuses, secrets and receipts. On SQLite, or on the
 * PostgreSQL that HOLDFAST_TEST_STORE names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/store_fixture.h"

#define KEY 8001u
#define is(a, b) assert_string_equal(hf_err_name(a), hf_err_name(b))

static uint64_t fresh(void)
{
	static uint64_t last = 1u << 28;

	return last += 64;
}

static const char *new_id(struct store_fixture *f)
{
	char *id = hf_arena_take(&f->arena, 32);

	snprintf(id, 32, "enrol-%llu", (unsigned long long)fresh());
	return id;
}

static struct hf_inventory inventory(struct store_fixture *f, uint64_t ek)
{
	struct hf_inventory in = { .id = new_id(f), .model = "r740", .serial = "CN123", .banks = 6 };

	if (ek)
		in.ek_id = store_bytes(f, ek, 32);
	return in;
}

static enum hf_err import_all(struct store_fixture *f, const struct hf_inventory *in, size_t count, size_t *added)
{
	return hf_store_import(f->store, in, count, store_by(f), added, &f->fault);
}

/* ---- inventory ---- */

static void what_is_imported_is_what_is_shown(void **state)
{
	struct store_fixture *f = *state;
	struct hf_inventory in = inventory(f, fresh());
	struct hf_host_record r;
	size_t added = 9;

	in.tenant = "B\xc3\xbchne \"1\"";
	in.first_use_until = -5;
	in.ek_accepted = true;
	is(import_all(f, &in, 1, &added), HF_OK);
	assert_int_equal(added, 1);
	r = store_host(f, in.id);
	assert_string_equal(r.inventory.tenant, in.tenant);
	assert_string_equal(r.inventory.model, "r740");
	assert_string_equal(r.inventory.serial, "CN123");
	assert_int_equal(r.inventory.banks, 6);
	assert_int_equal(r.inventory.first_use_until, -5);
	assert_true(r.inventory.ek_accepted);
	assert_true(hf_span_equal(r.inventory.ek_id, in.ek_id));
	assert_int_equal(r.state, HF_LEASE_HELD);
	assert_int_equal(r.since, STORE_NOW);
	assert_string_equal(r.held_by, "token:test");
	in.model = NULL;
	in.tenant = NULL;
	is(import_all(f, &in, 1, &added), HF_OK);
	assert_int_equal(added, 0);
	assert_string_equal(store_host(f, in.id).inventory.model, "");
	is(hf_store_host_by_ek(f->store, in.ek_id, &f->arena, &r, &f->fault), HF_OK);
	assert_string_equal(r.inventory.id, in.id);
	is(hf_store_host_by_ek(f->store, store_bytes(f, 1, 32), &f->arena, &r, &f->fault), HF_ERR_HOST_UNKNOWN);
	is(hf_store_host_by_ek(f->store, (struct hf_span){ NULL, 0 }, &f->arena, &r, &f->fault), HF_ERR_HOST_UNKNOWN);
	is(hf_store_host_by_ak(f->store, (struct hf_span){ NULL, 0 }, &f->arena, &r, &f->fault), HF_ERR_HOST_UNKNOWN);
}

static void an_import_is_all_or_nothing(void **state)
{
	struct store_fixture *f = *state;
	static char long_text[HF_HOST_ID_MAX + 2];
	struct hf_host_record r;
	size_t added;

	memset(long_text, 'x', HF_HOST_ID_MAX + 1);
	for (int bad = 0; bad < 6; bad++) {
		struct hf_inventory in[3] = { inventory(f, fresh()), inventory(f, fresh()), inventory(f, fresh()) };
		static const enum hf_err want[] = { HF_ERR_API_REFUSED, HF_ERR_LIMIT, HF_ERR_API_REFUSED,
						    HF_ERR_EK_INVENTORY, HF_ERR_LIMIT, HF_ERR_API_REFUSED };

		if (bad == 0)
			in[2].id = "";
		if (bad == 1)
			in[2].id = long_text;
		if (bad == 2)
			in[2].id = "caf\xe9";	/* not UTF-8 */
		if (bad == 3)
			in[2].ek_id = in[0].ek_id;
		if (bad == 4)
			in[2].serial = long_text;
		if (bad == 5)
			in[2].ek_id.len = 31;
		is(import_all(f, in, 3, &added), want[bad]);
		is(hf_store_host(f->store, in[0].id, &f->arena, &r, &f->fault), HF_ERR_HOST_UNKNOWN);
		is(hf_store_host(f->store, in[1].id, &f->arena, &r, &f->fault), HF_ERR_HOST_UNKNOWN);
	}
}

static void a_host_that_goes_takes_all_but_its_history(void **state)
{
	struct store_fixture *f = *state;
	struct hf_inventory in = inventory(f, fresh());
	struct hf_verdict_record v;
	struct hf_challenge_record c;
	struct hf_host_record r;
	enum hf_evidence_kind kind;
	uint64_t reclaim = fresh(), nonce = fresh(), open = fresh();
	size_t added;

	is(import_all(f, &in, 1, &added), HF_OK);
	is(store_put(f, in.id, fresh(), fresh()), HF_OK);
	is(store_reclaim(f, in.id, reclaim), HF_OK);
	is(hf_store_secret_put(f->store, in.id, store_bytes(f, 1, 60), store_by(f), &f->fault), HF_OK);
	is(store_challenge(f, in.id, nonce, KEY, &kind), HF_OK);
	v = store_verdict(f, in.id, nonce, KEY, reclaim);
	is(store_record(f, &v), HF_OK);
	is(store_challenge(f, in.id, open, KEY, &kind), HF_OK);
	is(hf_store_remove(f->store, in.id, store_by(f), &f->fault), HF_OK);
	is(hf_store_remove(f->store, in.id, store_by(f), &f->fault), HF_ERR_HOST_UNKNOWN);
	is(hf_store_host(f->store, in.id, &f->arena, &r, &f->fault), HF_ERR_HOST_UNKNOWN);
	is(hf_store_verdict_get(f->store, v.id, &f->arena, &v, &f->fault), HF_OK);
	assert_int_equal(v.evidence.len, 0);
	is(hf_store_challenge_get(f->store, store_bytes(f, nonce, 32), &f->arena, &c, &f->fault), HF_OK);
	assert_true(c.used);
	assert_int_equal(c.verdict, v.id);
	is(hf_store_challenge_get(f->store, store_bytes(f, open, 32), &f->arena, &c, &f->fault), HF_ERR_NONCE_UNKNOWN);
}

struct seen { const char *last, *prefix; char ids[64][32]; size_t count; };

static enum hf_err see(void *self, const struct hf_host_record *host)
{
	struct seen *seen = self;

	if (strncmp(host->inventory.id, seen->prefix, strlen(seen->prefix)) == 0)
		snprintf(seen->ids[seen->count++], 32, "%s", host->inventory.id);
	return HF_OK;
}

/* By bytes, whatever the database's language: who pages by the last name misses none. */
static void hosts_are_listed_in_the_order_of_their_bytes(void **state)
{
	static const char *const names[] = { "~l-A", "~l-B", "~l-Z", "~l-_", "~l-a", "~l-b", "~l-\xc3\xa4" };
	struct store_fixture *f = *state;
	struct seen all = { .prefix = "~l-" }, part = all;

	for (size_t i = 7; i > 0; i--)
		is(store_import(f, names[i - 1], 0), HF_OK);
	is(store_reclaim(f, "~l-b", fresh()), HF_OK);
	is(hf_store_hosts(f->store, NULL, -1, 10000, see, &all, &f->fault), HF_OK);
	assert_int_equal(all.count, 7);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(all.ids[i], names[i]);
	is(hf_store_hosts(f->store, "~l-Z", -1, 2, see, &part, &f->fault), HF_OK);
	assert_int_equal(part.count, 2);
	assert_string_equal(part.ids[0], "~l-_");
	part.count = 0;
	is(hf_store_hosts(f->store, "~l-", HF_LEASE_RECLAIMED, 100, see, &part, &f->fault), HF_OK);
	assert_int_equal(part.count, 1);
	assert_string_equal(part.ids[0], "~l-b");
}

struct counted { uint64_t hosts; int64_t oldest; };

static enum hf_err count(void *self, const struct hf_store_count *c)
{
	struct counted *counted = self;

	if (strcmp(c->model, "counted") == 0 && c->state == HF_LEASE_HELD && !*c->class_name && c->status == 0) {
		counted->hosts += c->hosts;
		counted->oldest = c->oldest_seen;
	}
	return HF_OK;
}

static void hosts_are_counted_and_seen(void **state)
{
	struct store_fixture *f = *state;
	struct hf_inventory in[3] = { inventory(f, 0), inventory(f, 0), inventory(f, 0) };
	struct counted counted = { 0 };
	size_t added;

	for (int i = 0; i < 3; i++)
		in[i].model = "counted";
	is(import_all(f, in, 3, &added), HF_OK);
	for (int i = 0; i < 3; i++)
		is(hf_store_seen(f->store, in[i].id, 5000 + i, &f->fault), HF_OK);
	is(hf_store_seen(f->store, in[0].id, 5000 + HF_STORE_SEEN_SECONDS - 1, &f->fault), HF_OK);	/* too soon to write */
	assert_int_equal(store_host(f, in[0].id).last_seen, 5000);
	is(hf_store_counts(f->store, count, &counted, &f->fault), HF_OK);
	assert_int_equal(counted.hosts, 3);
	assert_int_equal(counted.oldest, 5000);
	is(hf_store_seen(f->store, in[0].id, 5000 + HF_STORE_SEEN_SECONDS, &f->fault), HF_OK);
	assert_int_equal(store_host(f, in[0].id).last_seen, 5000 + HF_STORE_SEEN_SECONDS);
	is(hf_store_seen(f->store, in[0].id, 100, &f->fault), HF_OK);	/* a clock that goes back */
	assert_int_equal(store_host(f, in[0].id).last_seen, 5000 + HF_STORE_SEEN_SECONDS);
}

/* ---- enrolment ---- */

static void a_credential_opens_once(void **state)
{
	struct store_fixture *f = *state;
	struct hf_inventory in = inventory(f, 0);
	struct hf_host_record r, by_ak;
	uint64_t ek = fresh(), seed = fresh();
	size_t added;

	in.ek_id = store_bytes(f, ek, 32);
	is(import_all(f, &in, 1, &added), HF_OK);
	is(store_reclaim(f, in.id, fresh()), HF_OK);
	is(store_put(f, in.id, seed, ek), HF_OK);
	is(store_activate(f, seed, &r), HF_OK);
	assert_string_equal(r.inventory.id, in.id);
	assert_true(hf_span_equal(r.ak_name, store_bytes(f, seed + 1, 34)));
	assert_true(hf_span_equal(r.ak, store_bytes(f, seed + 2, 90)));
	assert_true(hf_span_equal(r.ek, store_bytes(f, ek + 2, 120)));
	assert_int_equal(r.enrolled, STORE_NOW);
	assert_int_equal(r.state, HF_LEASE_RECLAIMED);
	is(store_activate(f, seed, &r), HF_ERR_NONCE_UNKNOWN);
	is(hf_store_host_by_ak(f->store, r.ak_name, &f->arena, &by_ak, &f->fault), HF_OK);
	assert_string_equal(by_ak.inventory.id, in.id);
	is(store_put(f, "no-such-host", fresh(), ek), HF_ERR_HOST_UNKNOWN);
	/* the same keys again are no change */
	is(store_put(f, in.id, seed, ek), HF_OK);
	is(store_activate(f, seed, &r), HF_OK);
}

static void a_wrong_answer_uses_the_credential_up(void **state)
{
	struct store_fixture *f = *state;
	struct hf_inventory in = inventory(f, 0);
	struct hf_host_record r = { 0 };
	uint64_t ek = fresh();
	size_t added;

	in.ek_id = store_bytes(f, ek, 32);
	is(import_all(f, &in, 1, &added), HF_OK);
	for (int bad = 0; bad < 3; bad++) {
		uint64_t seed = fresh();
		struct hf_span ak = store_bytes(f, seed + (bad == 0 ? 5 : 1), 34);
		struct hf_span secret = store_bytes(f, seed + (bad == 1 ? 5 : 3), bad == 2 ? 31 : 32);

		is(store_put(f, in.id, seed, ek), HF_OK);
		is(hf_store_enrol(f->store, store_bytes(f, seed, 16), ak, secret, store_by(f), &f->arena, &r, &f->fault),
		   HF_ERR_AK_OTHER);
		is(store_activate(f, seed, &r), HF_ERR_NONCE_UNKNOWN);
		assert_int_equal(store_host(f, in.id).ak_name.len, 0);
	}
}

static void a_credential_opens_in_time_and_others_push_none_out(void **state)
{
	struct store_fixture *f = *state;
	struct hf_inventory in = inventory(f, 0);
	struct hf_host_record r;
	uint64_t ek = fresh(), seed = fresh();
	size_t added;

	in.ek_id = store_bytes(f, ek, 32);
	is(import_all(f, &in, 1, &added), HF_OK);
	is(store_reclaim(f, in.id, fresh()), HF_OK);
	is(store_put(f, in.id, seed, ek), HF_OK);
	f->now += 61;
	is(store_activate(f, seed, &r), HF_ERR_NONCE_EXPIRED);
	is(store_put(f, in.id, seed, ek), HF_OK);
	for (int i = 0; i < 40; i++)
		is(store_put(f, in.id, fresh(), ek), HF_OK);
	is(store_activate(f, seed, &r), HF_OK);
	f->now = STORE_NOW;
}

/* Since the credential was made, somebody may have got the host. */
static void a_key_is_enrolled_for_a_host_that_was_reset_alone(void **state)
{
	static const struct { bool reclaimed, challenged, used, held; enum hf_err want; } rows[] = {
		{ false, false, false, false, HF_ERR_HOST_NOT_RECLAIMED },
		{ true, false, false, false, HF_OK }, { true, true, false, false, HF_OK },
		{ true, true, true, false, HF_ERR_HOST_IN_USE }, { true, true, false, true, HF_ERR_HOST_NOT_RECLAIMED },
	};
	struct store_fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *id = new_id(f);
		uint64_t ek = fresh(), seed = fresh(), reclaim = fresh(), nonce = fresh();
		struct hf_verdict_record v;
		struct hf_host_record r;
		enum hf_evidence_kind kind;

		is(store_import(f, id, ek), HF_OK);
		is(store_put(f, id, seed, ek), HF_OK);
		if (rows[i].reclaimed)
			is(store_reclaim(f, id, reclaim), HF_OK);
		if (rows[i].challenged)
			is(store_challenge(f, id, nonce, KEY, &kind), HF_OK);
		v = store_verdict(f, id, nonce, KEY, reclaim);
		if (rows[i].used)
			is(store_record(f, &v), HF_OK);
		if (rows[i].held)
			is(hf_store_hold(f->store, id, "", store_by(f), &f->fault), HF_OK);
		is(store_activate(f, seed, &r), rows[i].want);
		assert_int_equal(store_host(f, id).ak_name.len, rows[i].want ? 0 : 34);
	}
}

static void a_host_has_the_keys_of_its_inventory_or_of_its_first_use(void **state)
{
	struct store_fixture *f = *state;
	struct hf_inventory in = inventory(f, 0), known = inventory(f, 0), late = inventory(f, 0);
	struct hf_host_record r;
	uint64_t ek = fresh(), seed = fresh(), other = fresh(), again;
	size_t added;

	in.first_use_until = STORE_NOW;
	late.first_use_until = STORE_NOW - 1;
	known.ek_id = store_bytes(f, ek + 1, 32);
	is(import_all(f, (struct hf_inventory[]){ in, known, late }, 3, &added), HF_OK);
	is(store_reclaim(f, in.id, fresh()), HF_OK);
	is(store_reclaim(f, known.id, fresh()), HF_OK);
	is(store_reclaim(f, late.id, fresh()), HF_OK);
	is(store_put(f, known.id, other, ek), HF_OK);		/* not the one of the inventory */
	is(store_activate(f, other, &r), HF_ERR_EK_INVENTORY);
	is(store_put(f, late.id, other, ek), HF_OK);
	is(store_activate(f, other, &r), HF_ERR_EK_INVENTORY);
	is(store_put(f, in.id, other, ek + 1), HF_OK);		/* another host's */
	is(store_activate(f, other, &r), HF_ERR_EK_INVENTORY);
	is(store_put(f, in.id, seed, ek), HF_OK);
	is(store_activate(f, seed, &r), HF_OK);
	assert_true(hf_span_equal(r.inventory.ek_id, store_bytes(f, ek, 32)));
	again = fresh();
	is(store_put(f, in.id, again, ek), HF_OK);		/* another AK of the same TPM */
	is(store_activate(f, again, &r), HF_ERR_AK_OTHER);
	assert_true(hf_span_equal(store_host(f, in.id).ak_name, store_bytes(f, seed + 1, 34)));
	is(store_put(f, known.id, seed, ek + 1), HF_OK);	/* another host's AK */
	is(store_activate(f, seed, &r), HF_ERR_AK_OTHER);
	in.ek_id = store_bytes(f, fresh(), 32);
	is(import_all(f, &in, 1, &added), HF_ERR_STATE_CHANGED);
	in.ek_id = (struct hf_span){ NULL, 0 };
	is(import_all(f, &in, 1, &added), HF_OK);
	assert_true(hf_span_equal(store_host(f, in.id).inventory.ek_id, store_bytes(f, ek, 32)));
	/* a repair */
	is(hf_store_re_enrol(f->store, in.id, known.ek_id, store_by(f), &f->fault), HF_ERR_EK_INVENTORY);
	is(hf_store_re_enrol(f->store, in.id, store_bytes(f, ek + 9, 32), store_by(f), &f->fault), HF_OK);
	r = store_host(f, in.id);
	assert_int_equal(r.ak_name.len + r.ak.len + r.ek.len, 0);
	assert_true(hf_span_equal(r.inventory.ek_id, store_bytes(f, ek + 9, 32)));
	is(store_reclaim(f, in.id, fresh()), HF_OK);
	is(store_put(f, in.id, again, ek + 9), HF_OK);
	is(store_activate(f, again, &r), HF_OK);
}

/* ---- secrets and receipts ---- */

static struct hf_span secret_of(struct store_fixture *f, const char *id, uint64_t reclaim)
{
	struct hf_span got = { NULL, 99 };

	is(hf_store_secret_get(f->store, id, store_bytes(f, reclaim, 16), &f->arena, &got, &f->fault), HF_OK);
	return got;
}

static enum hf_err put_secret(struct store_fixture *f, const char *id, uint64_t seed)
{
	return hf_store_secret_put(f->store, id, store_bytes(f, seed, 60), store_by(f), &f->fault);
}

static void a_secret_is_for_one_reclaim(void **state)
{
	struct store_fixture *f = *state;
	const char *id = new_id(f);
	uint64_t first = fresh(), second = fresh();

	is(store_import(f, id, 0), HF_OK);
	is(put_secret(f, id, 1), HF_ERR_HOST_NOT_RECLAIMED);
	is(put_secret(f, "no-such-host", 1), HF_ERR_HOST_UNKNOWN);
	is(store_reclaim(f, id, first), HF_OK);
	assert_int_equal(secret_of(f, id, first).len, 0);
	is(put_secret(f, id, 1), HF_OK);
	is(put_secret(f, id, 2), HF_OK);
	assert_true(hf_span_equal(secret_of(f, id, first), store_bytes(f, 2, 60)));
	assert_int_equal(secret_of(f, id, second).len, 0);
	is(store_reclaim(f, id, second), HF_OK);
	assert_int_equal(secret_of(f, id, first).len + secret_of(f, id, second).len, 0);
	is(put_secret(f, id, 3), HF_OK);
	is(hf_store_hold(f->store, id, "", store_by(f), &f->fault), HF_OK);
	assert_int_equal(secret_of(f, id, second).len, 0);
}

static void a_receipt_comes_once_and_takes_the_secret(void **state)
{
	struct store_fixture *f = *state;
	const char *id = new_id(f), *other = new_id(f);
	uint64_t reclaim = fresh(), nonce = fresh();
	struct hf_span receipt = store_bytes(f, 5, 200), differs = store_bytes(f, 6, 200);
	struct hf_verdict_record v;
	enum hf_evidence_kind kind;

	is(store_import(f, id, 0), HF_OK);
	is(store_import(f, other, 0), HF_OK);
	is(store_reclaim(f, id, reclaim), HF_OK);
	is(put_secret(f, id, 1), HF_OK);
	is(store_challenge(f, id, nonce, KEY, &kind), HF_OK);
	v = store_verdict(f, id, nonce, KEY, reclaim);
	is(hf_store_receipt(f->store, id, v.quote, receipt, store_by(f), &f->fault), HF_ERR_NONCE_UNKNOWN);
	is(store_record(f, &v), HF_OK);
	assert_int_equal(secret_of(f, id, reclaim).len, 60);	/* until it is known to have come */
	is(put_secret(f, id, 1), HF_ERR_HOST_NOT_RECLAIMED);
	is(hf_store_receipt(f->store, other, v.quote, receipt, store_by(f), &f->fault), HF_ERR_NONCE_UNKNOWN);
	is(hf_store_receipt(f->store, id, store_bytes(f, 1, 32), receipt, store_by(f), &f->fault), HF_ERR_NONCE_UNKNOWN);
	f->now += 9;
	is(hf_store_receipt(f->store, id, v.quote, receipt, store_by(f), &f->fault), HF_OK);
	f->now += 9;
	is(hf_store_receipt(f->store, id, v.quote, receipt, store_by(f), &f->fault), HF_OK);
	is(hf_store_receipt(f->store, id, v.quote, differs, store_by(f), &f->fault), HF_ERR_NONCE_USED);
	f->now = STORE_NOW;
	is(hf_store_verdict_get(f->store, v.id, &f->arena, &v, &f->fault), HF_OK);
	assert_int_equal(v.receipt_at, STORE_NOW + 9);
	assert_int_equal(secret_of(f, id, reclaim).len, 0);
}

/* A late receipt of a former lease is kept, and takes nothing of the present one. */
static void a_late_receipt_leaves_the_next_secret_alone(void **state)
{
	struct store_fixture *f = *state;
	const char *id = new_id(f);
	uint64_t reclaim = fresh(), nonce = fresh(), next = fresh();
	struct hf_verdict_record v;
	enum hf_evidence_kind kind;

	is(store_import(f, id, 0), HF_OK);
	is(store_reclaim(f, id, reclaim), HF_OK);
	is(store_challenge(f, id, nonce, KEY, &kind), HF_OK);
	v = store_verdict(f, id, nonce, KEY, reclaim);
	is(store_record(f, &v), HF_OK);
	is(store_reclaim(f, id, next), HF_OK);
	is(put_secret(f, id, 3), HF_OK);
	is(hf_store_receipt(f->store, id, v.quote, store_bytes(f, 5, 200), store_by(f), &f->fault), HF_OK);
	assert_true(hf_span_equal(secret_of(f, id, next), store_bytes(f, 3, 60)));
	assert_int_equal(store_host(f, id).state, HF_LEASE_RECLAIMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_imported_is_what_is_shown),
		cmocka_unit_test(an_import_is_all_or_nothing),
		cmocka_unit_test(a_host_that_goes_takes_all_but_its_history),
		cmocka_unit_test(hosts_are_listed_in_the_order_of_their_bytes),
		cmocka_unit_test(hosts_are_counted_and_seen),
		cmocka_unit_test(a_credential_opens_once),
		cmocka_unit_test(a_wrong_answer_uses_the_credential_up),
		cmocka_unit_test(a_credential_opens_in_time_and_others_push_none_out),
		cmocka_unit_test(a_key_is_enrolled_for_a_host_that_was_reset_alone),
		cmocka_unit_test(a_host_has_the_keys_of_its_inventory_or_of_its_first_use),
		cmocka_unit_test(a_secret_is_for_one_reclaim),
		cmocka_unit_test(a_receipt_comes_once_and_takes_the_secret),
		cmocka_unit_test(a_late_receipt_leaves_the_next_secret_alone),
	};

	return cmocka_run_group_tests_name("enrolment", tests, store_set_up, store_tear_down);
}
