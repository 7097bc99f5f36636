/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every step of the lease that is allowed and every one that is not, with its cause; what a verdict
 * needs; what happens once. On SQLite, or on the PostgreSQL that HOLDFAST_TEST_STORE names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "tests/unit/store_fixture.h"

#define KEY 8001u
#define is(a, b) assert_string_equal(hf_err_name(a), hf_err_name(b))

/* Numbers that no other test of this program uses: one database may serve all. */
static uint64_t fresh(void)
{
	static uint64_t last = 1u << 20;

	return last += 64;
}

static const char *new_host(struct store_fixture *f)
{
	char *id = hf_arena_take(&f->arena, 32);

	snprintf(id, 32, "host-%llu", (unsigned long long)fresh());
	is(store_import(f, id, fresh()), HF_OK);
	return id;
}

/* ---- every state, every step ---- */

enum at { AT_IMPORTED, AT_HELD, AT_REFUSED, AT_RE_ENROL, AT_RECLAIMED, AT_CHALLENGED, AT_IN_USE, AT_COUNT };

struct step { const char *id; uint64_t reclaim, nonce; };

static struct step bring(struct store_fixture *f, enum at at)
{
	struct step s = { new_host(f), fresh(), fresh() };
	enum hf_evidence_kind kind;
	struct hf_verdict_record v;

	if (at == AT_IMPORTED)
		return s;
	is(store_reclaim(f, s.id, s.reclaim), HF_OK);
	if (at == AT_HELD)
		is(hf_store_hold(f->store, s.id, "looked at", store_by(f), &f->fault), HF_OK);
	if (at == AT_RE_ENROL)
		is(hf_store_re_enrol(f->store, s.id, (struct hf_span){ NULL, 0 }, store_by(f), &f->fault), HF_OK);
	if (at == AT_RECLAIMED || at == AT_HELD || at == AT_RE_ENROL)
		return s;
	is(store_challenge(f, s.id, s.nonce, KEY, &kind), HF_OK);
	assert_int_equal(kind, HF_EVIDENCE_GATE);
	if (at == AT_CHALLENGED)
		return s;
	v = store_verdict(f, s.id, s.nonce, KEY, s.reclaim);
	if (at == AT_REFUSED) {
		v.release = HF_RELEASE_NOTHING;
		v.cause = "rom-unknown";
	}
	is(store_record(f, &v), HF_OK);
	return s;
}

static void every_state_answers_a_challenge_in_its_own_way(void **state)
{
	static const struct { enum hf_err err; enum hf_evidence_kind kind; enum hf_lease after; } want[AT_COUNT] = {
		[AT_IMPORTED] = { HF_ERR_HOST_NOT_RECLAIMED, 0, HF_LEASE_HELD },
		[AT_HELD] = { HF_ERR_HOST_HELD, 0, HF_LEASE_HELD },
		[AT_REFUSED] = { HF_ERR_HOST_NOT_RECLAIMED, 0, HF_LEASE_HELD },
		[AT_RE_ENROL] = { HF_ERR_HOST_NOT_RECLAIMED, 0, HF_LEASE_HELD },
		[AT_RECLAIMED] = { HF_OK, HF_EVIDENCE_GATE, HF_LEASE_CHALLENGED },
		[AT_CHALLENGED] = { HF_OK, HF_EVIDENCE_GATE, HF_LEASE_CHALLENGED },
		[AT_IN_USE] = { HF_OK, HF_EVIDENCE_TENANT, HF_LEASE_IN_USE },
	};
	struct store_fixture *f = *state;

	for (enum at at = 0; at < AT_COUNT; at++) {
		struct step s = bring(f, at);
		enum hf_evidence_kind kind = (enum hf_evidence_kind)77;
		struct hf_span reclaim = { NULL, 1 };
		enum hf_err err = hf_store_challenge(f->store, s.id, store_bytes(f, fresh(), 32), store_bytes(f, KEY, 32),
						     f->now + 600, store_by(f), &kind, &reclaim, &f->arena, &f->fault);

		is(err, want[at].err);
		assert_int_equal(store_host(f, s.id).state, want[at].after);
		if (err)
			continue;
		assert_int_equal(kind, want[at].kind);
		assert_int_equal(reclaim.len, kind == HF_EVIDENCE_GATE ? 16 : 0);
		if (reclaim.len)
			assert_true(hf_span_equal(reclaim, store_bytes(f, s.reclaim, 16)));
	}
}

static void every_state_is_reclaimed_and_held_by_the_operator(void **state)
{
	struct store_fixture *f = *state;

	for (enum at at = 0; at < AT_COUNT; at++) {
		struct step s = bring(f, at);
		uint64_t again = fresh();
		struct hf_host_record r;

		is(store_reclaim(f, s.id, again), HF_OK);
		r = store_host(f, s.id);
		assert_int_equal(r.state, HF_LEASE_RECLAIMED);
		assert_false(r.ticketed);
		assert_true(hf_span_equal(r.reclaim, store_bytes(f, again, 16)));
		assert_string_equal(r.lease, "lease-1");
		assert_string_equal(r.tenant, "image");	/* of the inventory: reclaim named none */
		is(hf_store_reclaim(f->store, s.id, "lease-2", "other", store_bytes(f, fresh(), 16), store_by(f),
				    &f->fault), HF_OK);
		r = store_host(f, s.id);
		assert_string_equal(r.tenant, "other");
		assert_string_equal(r.inventory.tenant, "image");
		is(store_reclaim(f, s.id, fresh()), HF_OK);
		r = store_host(f, s.id);
		assert_string_equal(r.tenant, "image");	/* and not the last lease's */
		s = bring(f, at);
		is(hf_store_hold(f->store, s.id, "why so", store_by(f), &f->fault), HF_OK);
		r = store_host(f, s.id);
		assert_int_equal(r.state, HF_LEASE_HELD);
		assert_string_equal(r.held_why, "why so");
		assert_string_equal(r.held_by, "token:test");
	}
	is(store_reclaim(f, "no-such-host", fresh()), HF_ERR_HOST_UNKNOWN);
	is(hf_store_hold(f->store, "no-such-host", "", store_by(f), &f->fault), HF_ERR_HOST_UNKNOWN);
}

/* A verdict is for a CHALLENGED host alone: whatever came after its challenge makes it void. */
static void every_state_but_challenged_refuses_a_verdict(void **state)
{
	struct store_fixture *f = *state;

	for (enum at at = 0; at < AT_COUNT; at++) {
		struct step s = bring(f, AT_CHALLENGED);
		struct hf_verdict_record v = store_verdict(f, s.id, s.nonce, KEY, s.reclaim), first = v;
		enum hf_lease after = HF_LEASE_HELD;
		enum hf_err want = HF_ERR_STATE_CHANGED;
		enum hf_evidence_kind kind;

		if (at == AT_IMPORTED) {
			is(hf_store_remove(f->store, s.id, store_by(f), &f->fault), HF_OK);
			is(store_import(f, s.id, fresh()), HF_OK);
			want = HF_ERR_NONCE_UNKNOWN;
		}
		if (at == AT_HELD)
			is(hf_store_hold(f->store, s.id, "", store_by(f), &f->fault), HF_OK);
		if (at == AT_RE_ENROL)
			is(hf_store_re_enrol(f->store, s.id, (struct hf_span){ NULL, 0 }, store_by(f), &f->fault), HF_OK);
		if (at == AT_RECLAIMED) {
			is(store_reclaim(f, s.id, fresh()), HF_OK);
			after = HF_LEASE_RECLAIMED;
		}
		if (at == AT_REFUSED || at == AT_IN_USE) {
			first.release = at == AT_REFUSED ? HF_RELEASE_NOTHING : HF_RELEASE_TENANT;
			is(store_record(f, &first), HF_OK);
			after = at == AT_REFUSED ? HF_LEASE_HELD : HF_LEASE_IN_USE;
			want = HF_ERR_NONCE_USED;
		}
		if (at == AT_CHALLENGED) {	/* reclaimed, and asked anew */
			is(store_reclaim(f, s.id, fresh()), HF_OK);
			is(store_challenge(f, s.id, fresh(), KEY, &kind), HF_OK);
			after = HF_LEASE_CHALLENGED;
		}
		is(store_record(f, &v), want);
		assert_int_equal(store_host(f, s.id).state, after);
		v.release = HF_RELEASE_NOTHING;
		is(store_record(f, &v), want);
		assert_int_equal(store_host(f, s.id).state, after);
	}
}

/* ---- what a verdict needs ---- */

static void a_ticket_puts_the_host_into_use_and_is_remembered(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_CHALLENGED);
	struct hf_verdict_record v = store_verdict(f, s.id, s.nonce, KEY, s.reclaim), got;
	struct hf_challenge_record c;
	struct hf_host_record r;

	v.firmware_version = 0xfedcba9876543210u;
	v.reset_count = 0xffffffff;
	v.release = HF_RELEASE_SERVICE;
	v.place = "pcie slot \xff\n33";
	v.detail = "";
	is(store_record(f, &v), HF_OK);
	r = store_host(f, s.id);
	assert_int_equal(r.state, HF_LEASE_IN_USE);
	assert_true(r.ticketed && r.counted);
	assert_int_equal(r.reset_count, 0xffffffff);
	assert_true(r.firmware_version == 0xfedcba9876543210u);
	assert_int_equal(r.last_verdict_id, v.id);
	assert_int_equal(r.last_status, HF_EAR_AFFIRMING);
	is(hf_store_verdict_get(f->store, v.id, &f->arena, &got, &f->fault), HF_OK);
	assert_string_equal(got.host, s.id);
	assert_string_equal(got.lease, "lease-1");
	assert_string_equal(got.place, "pcie slot ??33");
	assert_string_equal(got.report, "{}");
	assert_int_equal(got.release, HF_RELEASE_SERVICE);
	assert_true(hf_span_equal(got.result, v.result));
	assert_int_equal(got.evidence.len, 0);	/* megabytes, for who asks for them */
	is(hf_store_verdict_evidence(f->store, v.id, &f->arena, &got, &f->fault), HF_OK);
	assert_true(hf_span_equal(got.result, v.result) && hf_span_equal(got.evidence, v.evidence));
	assert_true(hf_span_equal(got.quote, v.quote) && hf_span_equal(got.nonce, v.nonce));
	assert_true(got.firmware_version == v.firmware_version);
	/* a lost reply: the same evidence finds what was said */
	is(hf_store_challenge_get(f->store, v.nonce, &f->arena, &c, &f->fault), HF_OK);
	assert_true(c.used && !c.open);
	assert_int_equal(c.verdict, v.id);
	assert_true(hf_span_equal(c.quote, v.quote) && hf_span_equal(c.boot_key, v.boot_key));
	is(hf_store_verdict_get(f->store, v.id + 1000000, &f->arena, &got, &f->fault), HF_ERR_NONCE_UNKNOWN);
}

static void a_verdict_needs_its_own_challenge_in_time(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_CHALLENGED), other = bring(f, AT_CHALLENGED);
	struct hf_verdict_record v = store_verdict(f, s.id, fresh(), KEY, s.reclaim);

	is(store_record(f, &v), HF_ERR_NONCE_UNKNOWN);
	v = store_verdict(f, s.id, other.nonce, KEY, s.reclaim);
	is(store_record(f, &v), HF_ERR_NONCE_UNKNOWN);
	v = store_verdict(f, s.id, s.nonce, KEY + 1, s.reclaim);
	is(store_record(f, &v), HF_ERR_BOOT_KEY_OTHER);
	v = store_verdict(f, s.id, s.nonce, KEY, other.reclaim);
	is(store_record(f, &v), HF_ERR_STATE_CHANGED);
	v = store_verdict(f, s.id, s.nonce, KEY, s.reclaim);
	v.kind = HF_EVIDENCE_TENANT;
	v.release = HF_RELEASE_NOTHING;
	is(store_record(f, &v), HF_ERR_STATE_CHANGED);
	v = store_verdict(f, "no-such-host", s.nonce, KEY, s.reclaim);
	is(store_record(f, &v), HF_ERR_HOST_UNKNOWN);
	v = store_verdict(f, s.id, 0, KEY, s.reclaim);
	is(store_record(f, &v), HF_ERR_INTERNAL);
	v = store_verdict(f, s.id, s.nonce, KEY, s.reclaim);
	f->now += 601;
	is(store_record(f, &v), HF_ERR_NONCE_EXPIRED);
	f->now--;
	is(store_record(f, &v), HF_OK);
	f->now = STORE_NOW;
}

static void a_nonce_or_a_reclaim_is_used_once_for_ever(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_IN_USE), other = bring(f, AT_IMPORTED);
	enum hf_evidence_kind kind;

	is(store_reclaim(f, s.id, s.reclaim), HF_ERR_STATE_CHANGED);
	is(store_reclaim(f, other.id, s.reclaim), HF_ERR_STATE_CHANGED);
	assert_int_equal(store_host(f, s.id).state, HF_LEASE_IN_USE);
	assert_int_equal(store_host(f, other.id).state, HF_LEASE_HELD);
	is(store_challenge(f, s.id, s.nonce, KEY, &kind), HF_ERR_INTERNAL);
	is(hf_store_remove(f->store, s.id, store_by(f), &f->fault), HF_OK);
	is(store_import(f, s.id, fresh()), HF_OK);
	is(store_reclaim(f, s.id, s.reclaim), HF_ERR_STATE_CHANGED);
}

static enum hf_err boot(struct store_fixture *f, const char *id, uint32_t count, bool counted, bool release)
{
	uint64_t reclaim = fresh(), nonce = fresh();
	struct hf_verdict_record v;
	enum hf_evidence_kind kind;
	enum hf_err err;

	is(store_reclaim(f, id, reclaim), HF_OK);
	is(store_challenge(f, id, nonce, KEY, &kind), HF_OK);
	v = store_verdict(f, id, nonce, KEY, reclaim);
	v.reset_count = count;
	v.counted = counted;
	v.release = release ? HF_RELEASE_TENANT : HF_RELEASE_NOTHING;
	err = store_record(f, &v);
	assert_int_equal(store_host(f, id).state, err ? HF_LEASE_CHALLENGED : release ? HF_LEASE_IN_USE : HF_LEASE_HELD);
	return err;
}

static void the_reset_count_must_have_risen(void **state)
{
	struct store_fixture *f = *state;
	const char *id = new_host(f);

	is(boot(f, id, 10, false, true), HF_ERR_RESET_COUNT);	/* nobody knows it */
	is(boot(f, id, 10, true, true), HF_OK);
	is(boot(f, id, 10, true, true), HF_ERR_RESET_COUNT);
	is(boot(f, id, 9, true, true), HF_ERR_RESET_COUNT);
	is(boot(f, id, 0, true, true), HF_ERR_RESET_COUNT);
	is(boot(f, id, 11, true, true), HF_OK);
	is(boot(f, id, 20, true, false), HF_OK);	/* a refusal counts too */
	is(boot(f, id, 20, true, true), HF_ERR_RESET_COUNT);
	is(boot(f, id, 3, true, false), HF_OK);		/* a TPM that was cleared: refused, and */
	assert_int_equal(store_host(f, id).reset_count, 20);	/* nothing is forgotten by it */
	is(boot(f, id, 15, true, true), HF_ERR_RESET_COUNT);
	is(boot(f, id, 0x90000000u, true, true), HF_OK);
	is(hf_store_re_enrol(f->store, id, (struct hf_span){ NULL, 0 }, store_by(f), &f->fault), HF_OK);
	is(boot(f, id, 1, true, true), HF_OK);
}

/* ---- tenants, and hosts that hold themselves ---- */

static void a_tenants_evidence_is_kept_and_releases_nothing(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_IN_USE);
	uint64_t nonce = fresh();
	struct hf_host_record before = store_host(f, s.id), after;
	struct hf_verdict_record v;
	enum hf_evidence_kind kind;

	is(store_challenge(f, s.id, nonce, KEY, &kind), HF_OK);
	v = store_verdict(f, s.id, nonce, KEY, 0);
	v.kind = kind;
	v.reset_count = 77;
	v.reclaim = store_bytes(f, fresh(), 16);
	is(store_record(f, &v), HF_ERR_HOST_IN_USE);
	v.kind = HF_EVIDENCE_GATE;
	is(store_record(f, &v), HF_ERR_STATE_CHANGED);
	v.kind = kind;
	v.release = HF_RELEASE_NOTHING;
	v.cause = "rom-unknown";
	is(store_record(f, &v), HF_OK);
	after = store_host(f, s.id);
	assert_int_equal(after.state, HF_LEASE_IN_USE);
	assert_int_equal(after.last_verdict_id, before.last_verdict_id);
	assert_string_equal(after.last_cause, before.last_cause);
	assert_int_equal(after.reset_count, 77);
	is(store_record(f, &v), HF_ERR_NONCE_USED);
	is(boot(f, s.id, 77, true, true), HF_ERR_RESET_COUNT);
	is(boot(f, s.id, 78, true, true), HF_OK);
}

static enum hf_err count_verdict(void *self, const struct hf_verdict_record *v)
{
	int64_t *last = self;

	assert_true(last[1] == 0 || v->id < last[0]);
	last[0] = v->id;
	last[1]++;
	return HF_OK;
}

struct told { const char *action; int count; bool untold; };

static enum hf_err see_entry(void *self, const struct hf_audit_entry *entry)
{
	struct told *told = self;

	told->count += strcmp(entry->action, told->action) == 0;
	told->untold |= strstr(entry->detail, "\"untold\": 32,") != NULL;
	return HF_OK;
}

static struct told told_of(struct store_fixture *f, const char *id, const char *action)
{
	struct told told = { .action = action };

	is(hf_store_audit_newest(f->store, id, 0, 1000, see_entry, &told, &f->fault), HF_OK);
	return told;
}

static struct hf_verdict_record held_report(struct store_fixture *f, const struct step *s, uint32_t count)
{
	struct hf_verdict_record v = store_verdict(f, s->id, 0, KEY, 0);

	v.kind = HF_EVIDENCE_HELD;
	v.release = HF_RELEASE_NOTHING;
	v.cause = "rom-unknown";
	v.reset_count = count;
	v.quote = store_bytes(f, fresh(), 32);
	return v;
}

static void who_holds_itself_is_held_only_if_it_was_asked(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_CHALLENGED);
	struct hf_verdict_record v = held_report(f, &s, 1);
	enum hf_evidence_kind kind;
	uint64_t nonce = fresh();
	int64_t walk[2] = { 0, 0 };

	v.release = HF_RELEASE_TENANT;
	is(store_record(f, &v), HF_ERR_INTERNAL);
	for (uint32_t i = 1; i <= HF_STORE_UNASKED_MAX + 4; i++) {
		v = held_report(f, &s, i);
		is(store_record(f, &v), HF_OK);
		assert_true(v.id > 0);
	}
	is(hf_store_verdicts(f->store, s.id, 0, 100, count_verdict, walk, &f->fault), HF_OK);
	assert_int_equal(walk[1], HF_STORE_UNASKED_MAX);
	assert_int_equal(store_host(f, s.id).state, HF_LEASE_CHALLENGED);
	assert_int_equal(store_host(f, s.id).last_verdict_id, 0);
	v = held_report(f, &s, HF_STORE_UNASKED_MAX + 5);
	v.nonce = store_bytes(f, s.nonce, 32);
	v.reclaim = store_bytes(f, s.reclaim, 16);
	is(store_record(f, &v), HF_OK);
	assert_int_equal(store_host(f, s.id).state, HF_LEASE_HELD);
	assert_string_equal(store_host(f, s.id).last_cause, "rom-unknown");
	s = bring(f, AT_IN_USE);
	is(store_challenge(f, s.id, nonce, KEY, &kind), HF_OK);
	v.host = s.id;
	v.nonce = store_bytes(f, nonce, 32);
	is(store_record(f, &v), HF_OK);
	assert_int_equal(store_host(f, s.id).state, HF_LEASE_IN_USE);
}

/* What holds itself signs once. Who has a copy can put other words around it, or wait until it is
 * forgotten: it is a copy. */
static void a_copy_of_a_report_is_no_verdict(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_CHALLENGED);
	struct hf_verdict_record first = held_report(f, &s, 5), v = first;
	int64_t walk[2] = { 0, 0 };
	int entries;

	is(store_record(f, &first), HF_OK);
	entries = told_of(f, s.id, "verdict").count;
	v.evidence_digest = store_bytes(f, fresh(), 32);	/* in another wrapping */
	is(store_record(f, &v), HF_OK);
	assert_int_equal(v.id, 0);
	v = held_report(f, &s, 5);	/* quoted again, in the same boot */
	is(store_record(f, &v), HF_OK);
	assert_int_equal(v.id, 0);
	v = held_report(f, &s, 4);	/* of an earlier boot */
	is(store_record(f, &v), HF_OK);
	assert_int_equal(v.id, 0);
	is(hf_store_verdicts(f->store, s.id, 0, 100, count_verdict, walk, &f->fault), HF_OK);
	assert_int_equal(walk[1], 1);
	assert_int_equal(told_of(f, s.id, "verdict").count, entries);
	v = first;	/* and it holds nobody who is asked */
	v.nonce = store_bytes(f, s.nonce, 32);
	v.reclaim = store_bytes(f, s.reclaim, 16);
	is(store_record(f, &v), HF_ERR_RESET_COUNT);
	assert_int_equal(store_host(f, s.id).state, HF_LEASE_CHALLENGED);
}

/* Another TPM counts anew, and may come to the same numbers. */
static void a_report_of_another_tpm_is_no_copy(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_RECLAIMED);
	struct hf_verdict_record first = held_report(f, &s, 5), v = first;
	struct hf_host_record host;
	uint64_t seed = fresh(), ek = fresh();

	is(store_record(f, &first), HF_OK);
	f->now += 10;
	is(hf_store_re_enrol(f->store, s.id, store_bytes(f, ek, 32), store_by(f), &f->fault), HF_OK);
	is(store_reclaim(f, s.id, fresh()), HF_OK);
	is(store_put(f, s.id, seed, ek), HF_OK);
	is(store_activate(f, seed, &host), HF_OK);
	v.evidence_digest = store_bytes(f, fresh(), 32);
	is(store_record(f, &v), HF_OK);
	assert_int_equal(v.id, 0);	/* signed before: a copy all the same */
	v = held_report(f, &s, 5);
	is(store_record(f, &v), HF_OK);
	assert_true(v.id > 0);
	f->now = STORE_NOW;
}

/* ---- what is kept ---- */

static void the_last_two_and_the_last_released_evidence_is_kept(void **state)
{
	struct store_fixture *f = *state;
	const char *id = new_host(f);
	struct hf_verdict_record v;
	int64_t ids[6], walk[2] = { 0, 0 };
	const struct hf_span none = { NULL, 0 };

	is(hf_store_last_evidence(f->store, id, HF_EVIDENCE_GATE, false, none, &f->arena, &v, &f->fault), HF_ERR_NONCE_UNKNOWN);
	for (uint32_t i = 0; i < 6; i++) {
		is(boot(f, id, i + 1, true, i < 2), HF_OK);
		ids[i] = store_host(f, id).last_verdict_id;
	}
	for (int i = 0; i < 6; i++) {
		is(hf_store_verdict_evidence(f->store, ids[i], &f->arena, &v, &f->fault), HF_OK);
		assert_int_equal(v.evidence.len > 0, i == 1 || i >= 4);
		assert_int_equal(v.result.len, 300);
	}
	is(hf_store_last_evidence(f->store, id, HF_EVIDENCE_GATE, false, none, &f->arena, &v, &f->fault), HF_OK);
	assert_int_equal(v.id, ids[5]);
	is(hf_store_last_evidence(f->store, id, HF_EVIDENCE_GATE, true, none, &f->arena, &v, &f->fault), HF_OK);
	assert_int_equal(v.id, ids[1]);
	assert_int_equal(v.evidence.len, 500);
	is(hf_store_last_evidence(f->store, id, HF_EVIDENCE_GATE, true, v.quote, &f->arena, &v, &f->fault), HF_OK);
	assert_int_equal(v.id, ids[1]);
	is(hf_store_last_evidence(f->store, id, HF_EVIDENCE_GATE, true, store_bytes(f, 1, 32), &f->arena, &v, &f->fault),
	   HF_ERR_NONCE_UNKNOWN);
	is(hf_store_verdicts(f->store, id, 0, 100, count_verdict, walk, &f->fault), HF_OK);
	assert_int_equal(walk[1], 6);
	walk[1] = 0;
	is(hf_store_verdicts(f->store, id, ids[3], 2, count_verdict, walk, &f->fault), HF_OK);
	assert_int_equal(walk[1], 2);
	assert_int_equal(walk[0], ids[1]);
}

static void old_verdicts_go_but_for_the_last_ones(void **state)
{
	struct store_fixture *f = *state;
	const char *id = new_host(f);
	struct hf_verdict_record v;
	int64_t ids[5];
	size_t gone = 0;

	f->now = 1000000;	/* nothing else is as old */
	for (uint32_t i = 0; i < 5; i++) {
		is(boot(f, id, i + 1, true, i == 0), HF_OK);
		ids[i] = store_host(f, id).last_verdict_id;
	}
	is(hf_store_prune(f->store, f->now, store_by(f), &gone, &f->fault), HF_ERR_API_REFUSED);
	f->now += 86400 + 10;
	is(hf_store_prune(f->store, 1000000, store_by(f), &gone, &f->fault), HF_OK);
	assert_int_equal(gone, 0);
	is(hf_store_prune(f->store, 1000001, store_by(f), &gone, &f->fault), HF_OK);
	assert_int_equal(gone, 2);
	is(hf_store_verdict_get(f->store, ids[0], &f->arena, &v, &f->fault), HF_OK);
	is(hf_store_verdict_get(f->store, ids[1], &f->arena, &v, &f->fault), HF_ERR_NONCE_UNKNOWN);
	is(hf_store_verdict_get(f->store, ids[4], &f->arena, &v, &f->fault), HF_OK);
	f->now = STORE_NOW;
}

/* Whoever has seen a host's key can ask in its name as often as he likes: the host's own challenge
 * is answered all the same, each one once, and only in the lease that it was given in. */
static void a_newer_challenge_makes_none_void(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_CHALLENGED);
	struct hf_verdict_record v;
	struct hf_challenge_record c;
	enum hf_evidence_kind kind;
	uint64_t strange = 0;

	for (int i = 0; i < 40; i++) {
		strange = fresh();
		is(store_challenge(f, s.id, strange, KEY + 1, &kind), HF_OK);
	}
	is(hf_store_challenge_get(f->store, store_bytes(f, s.nonce, 32), &f->arena, &c, &f->fault), HF_OK);
	assert_true(c.open && !c.used);
	v = store_verdict(f, s.id, strange, KEY, s.reclaim);
	is(store_record(f, &v), HF_ERR_BOOT_KEY_OTHER);
	v = store_verdict(f, s.id, s.nonce, KEY, s.reclaim);
	is(store_record(f, &v), HF_OK);
	is(store_record(f, &v), HF_ERR_NONCE_USED);
	v = store_verdict(f, s.id, strange, KEY + 1, s.reclaim);	/* of this reclaim, which has its ticket */
	v.reset_count = 9;
	is(store_record(f, &v), HF_ERR_STATE_CHANGED);
	is(store_reclaim(f, s.id, fresh()), HF_OK);
	is(store_challenge(f, s.id, fresh(), KEY, &kind), HF_OK);	/* challenged again, and not by that one */
	is(store_record(f, &v), HF_ERR_STATE_CHANGED);
	is(hf_store_challenge_get(f->store, v.nonce, &f->arena, &c, &f->fault), HF_OK);
	assert_false(c.open);
}

/* In use again, for somebody else. */
static void a_tenants_challenge_ends_with_its_lease(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_IN_USE);
	uint64_t first = fresh(), second = fresh(), nonce = fresh(), reclaim = fresh();
	struct hf_verdict_record v, gate;
	struct hf_challenge_record c;
	enum hf_evidence_kind kind;

	is(store_challenge(f, s.id, first, KEY, &kind), HF_OK);
	is(store_challenge(f, s.id, second, KEY, &kind), HF_OK);
	v = store_verdict(f, s.id, first, KEY, 0);
	v.kind = HF_EVIDENCE_TENANT;
	v.release = HF_RELEASE_NOTHING;
	is(store_record(f, &v), HF_OK);
	is(store_record(f, &v), HF_ERR_NONCE_USED);
	is(store_reclaim(f, s.id, reclaim), HF_OK);
	is(store_challenge(f, s.id, nonce, KEY, &kind), HF_OK);
	gate = store_verdict(f, s.id, nonce, KEY, reclaim);
	gate.reset_count = 2;
	is(store_record(f, &gate), HF_OK);
	is(hf_store_challenge_get(f->store, store_bytes(f, second, 32), &f->arena, &c, &f->fault), HF_OK);
	assert_false(c.open);
	assert_int_equal(c.reclaim.len, 0);
	v.nonce = store_bytes(f, second, 32);
	is(store_record(f, &v), HF_ERR_STATE_CHANGED);
}

static void challenges_that_are_over_go(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_CHALLENGED);
	struct hf_challenge_record c;
	enum hf_evidence_kind kind;

	f->now += 4000;	/* late, and known as such */
	is(store_challenge(f, s.id, fresh(), KEY, &kind), HF_OK);
	is(hf_store_challenge_get(f->store, store_bytes(f, s.nonce, 32), &f->arena, &c, &f->fault), HF_OK);
	f->now += 4000;
	is(store_challenge(f, s.id, fresh(), KEY, &kind), HF_OK);
	is(hf_store_challenge_get(f->store, store_bytes(f, s.nonce, 32), &f->arena, &c, &f->fault),
	   HF_ERR_NONCE_UNKNOWN);
	f->now = STORE_NOW;
}

static void a_host_has_so_many_challenges(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_CHALLENGED);
	struct hf_challenge_record c;
	enum hf_evidence_kind kind;
	uint64_t second = fresh(), base = (uint64_t)1 << 40;
	size_t mark = f->arena.len;

	is(store_challenge(f, s.id, second, KEY, &kind), HF_OK);
	for (int i = 1; i < HF_STORE_CHALLENGES_MAX; i++) {
		f->arena.len = mark;
		is(store_challenge(f, s.id, base + fresh(), KEY + 1, &kind), HF_OK);
	}
	is(hf_store_challenge_get(f->store, store_bytes(f, second, 32), &f->arena, &c, &f->fault), HF_OK);
	assert_true(c.open);
	is(hf_store_challenge_get(f->store, store_bytes(f, s.nonce, 32), &f->arena, &c, &f->fault),
	   HF_ERR_NONCE_UNKNOWN);
}

/* ---- what anybody can do as often as he likes ---- */

static void nobody_fills_the_audit_by_asking(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_CHALLENGED), other = bring(f, AT_CHALLENGED);
	struct hf_audit_count count;
	enum hf_evidence_kind kind;

	for (int i = 0; i < HF_STORE_OFTEN_MAX + 32; i++) {
		is(store_challenge(f, s.id, fresh(), KEY, &kind), HF_OK);
		is(hf_store_note_often(f->store, "evidence-refused", s.id, "why", store_by(f), &f->fault), HF_OK);
	}
	assert_int_equal(told_of(f, s.id, "challenge").count, HF_STORE_OFTEN_MAX + 1);	/* and the first */
	assert_int_equal(told_of(f, s.id, "evidence-refused").count, HF_STORE_OFTEN_MAX);
	is(store_challenge(f, other.id, fresh(), KEY, &kind), HF_OK);	/* of another: told */
	assert_int_equal(told_of(f, other.id, "challenge").count, 2);
	f->now += HF_STORE_OFTEN_SECONDS;
	is(hf_store_note_often(f->store, "evidence-refused", s.id, "why", store_by(f), &f->fault), HF_OK);
	assert_int_equal(told_of(f, s.id, "evidence-refused").count, HF_STORE_OFTEN_MAX + 1);
	assert_true(told_of(f, s.id, "evidence-refused").untold);
	f->now = STORE_NOW - 1;	/* a clock that goes back */
	is(hf_store_note_often(f->store, "evidence-refused", s.id, "why", store_by(f), &f->fault), HF_OK);
	assert_int_equal(told_of(f, s.id, "evidence-refused").count, HF_STORE_OFTEN_MAX + 2);
	f->now = STORE_NOW;
	is(hf_store_note_often(f->store, "x", "no-such-host", "", store_by(f), &f->fault), HF_ERR_HOST_UNKNOWN);
	is(hf_store_audit_verify(f->store, NULL, &count, &f->fault), HF_OK);
}

static void the_last_verdicts_of_a_tenant_are_kept(void **state)
{
	struct store_fixture *f = *state;
	struct step s = bring(f, AT_IN_USE);
	struct hf_host_record host = store_host(f, s.id);
	struct hf_verdict_record v, first = { .id = 0 };
	struct hf_challenge_record c;
	enum hf_evidence_kind kind;
	int64_t walk[2] = { 0, 0 };

	for (int i = 0; i < HF_STORE_TENANT_MAX + 9; i++) {
		uint64_t nonce = fresh();

		is(store_challenge(f, s.id, nonce, KEY, &kind), HF_OK);
		v = store_verdict(f, s.id, nonce, KEY, 0);
		v.kind = HF_EVIDENCE_TENANT;
		v.release = HF_RELEASE_NOTHING;
		is(store_record(f, &v), HF_OK);
		first = i ? first : v;
	}
	is(hf_store_verdicts(f->store, s.id, 0, 1000, count_verdict, walk, &f->fault), HF_OK);
	assert_int_equal(walk[1], HF_STORE_TENANT_MAX + 1);
	is(hf_store_verdict_get(f->store, host.last_verdict_id, &f->arena, &v, &f->fault), HF_OK);	/* the ticket */
	is(hf_store_verdict_get(f->store, first.id, &f->arena, &v, &f->fault), HF_ERR_NONCE_UNKNOWN);
	/* its challenge is not open again */
	is(hf_store_challenge_get(f->store, first.nonce, &f->arena, &c, &f->fault), HF_ERR_NONCE_UNKNOWN);
	is(store_record(f, &first), HF_ERR_NONCE_UNKNOWN);
	assert_true(told_of(f, s.id, "verdict").count <= HF_STORE_OFTEN_MAX + 2);
}

/* ---- several at once ---- */

struct racer { struct store_fixture *f; struct step s; uint64_t seed; enum hf_err err; pthread_t thread; };

static void *race(void *arg)
{
	struct racer *r = arg;
	struct store_fixture f = { .store = r->f->store, .now = STORE_NOW };
	struct hf_by by = { "token:racer", STORE_NOW };
	struct hf_verdict_record v;

	if (hf_arena_make(1u << 20, &f.arena))
		return NULL;
	v = store_verdict(&f, r->s.id, r->s.nonce, KEY, r->s.reclaim);
	v.quote = store_bytes(&f, r->seed, 32);
	r->err = hf_store_verdict(f.store, &v, &by, &f.fault);
	hf_arena_drop(&f.arena);
	return NULL;
}

static void of_many_that_answer_one_challenge_one_is_recorded(void **state)
{
	struct store_fixture *f = *state;

	for (int round = 0; round < 10; round++) {
		struct step s = bring(f, AT_CHALLENGED);
		struct racer racers[8];
		int won = 0;

		for (size_t i = 0; i < 8; i++) {
			racers[i] = (struct racer){ .f = f, .s = s, .seed = fresh(), .err = HF_ERR_INTERNAL };
			assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
		}
		for (size_t i = 0; i < 8; i++) {
			pthread_join(racers[i].thread, NULL);
			won += racers[i].err == HF_OK;
			if (racers[i].err)
				is(racers[i].err, HF_ERR_NONCE_USED);
		}
		assert_int_equal(won, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_answers_a_challenge_in_its_own_way),
		cmocka_unit_test(every_state_is_reclaimed_and_held_by_the_operator),
		cmocka_unit_test(every_state_but_challenged_refuses_a_verdict),
		cmocka_unit_test(a_ticket_puts_the_host_into_use_and_is_remembered),
		cmocka_unit_test(a_verdict_needs_its_own_challenge_in_time),
		cmocka_unit_test(a_nonce_or_a_reclaim_is_used_once_for_ever),
		cmocka_unit_test(the_reset_count_must_have_risen),
		cmocka_unit_test(a_tenants_evidence_is_kept_and_releases_nothing),
		cmocka_unit_test(who_holds_itself_is_held_only_if_it_was_asked),
		cmocka_unit_test(a_copy_of_a_report_is_no_verdict),
		cmocka_unit_test(a_report_of_another_tpm_is_no_copy),
		cmocka_unit_test(the_last_two_and_the_last_released_evidence_is_kept),
		cmocka_unit_test(old_verdicts_go_but_for_the_last_ones),
		cmocka_unit_test(a_newer_challenge_makes_none_void),
		cmocka_unit_test(a_tenants_challenge_ends_with_its_lease),
		cmocka_unit_test(challenges_that_are_over_go),
		cmocka_unit_test(a_host_has_so_many_challenges),
		cmocka_unit_test(nobody_fills_the_audit_by_asking),
		cmocka_unit_test(the_last_verdicts_of_a_tenant_are_kept),
		cmocka_unit_test(of_many_that_answer_one_challenge_one_is_recorded),
	};

	return cmocka_run_group_tests_name("store", tests, store_set_up, store_tear_down);
}
