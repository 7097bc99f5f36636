/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random steps of four hosts against a model of a few lines: what each step says, and what the host
 * is after it. The same seeds every time. On SQLite, or on the PostgreSQL of HOLDFAST_TEST_STORE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/store_fixture.h"

#define KEY 8001u
#define HOSTS 4
#define STEPS 3000

struct model {	/* of one host */
	char id[32];
	enum hf_lease state;
	bool by_operator, ticketed, counted, has_nonce, gate;
	uint64_t nonce, old_nonce, reclaim;	/* old: the challenge before, or one that was used */
	bool old_used, old_open;	/* open: it still counts beside the newest */
	int64_t until, old_until;
	uint32_t count;
	unsigned tickets;
};
struct run {
	struct store_fixture *f;
	struct model hosts[HOSTS];
	uint64_t random, unique;
	unsigned seen[400];	/* how often each cause came */
};

static uint64_t next(struct run *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random * 0x2545f4914f6cdd1du >> 16;
}

static void expect(struct run *r, enum hf_err is, enum hf_err want, const char *what, const struct model *m)
{
	if (is != want)
		fail_msg("%s of %s (%s): %s, not %s (%s)", what, m->id, hf_lease_name(m->state), hf_err_name(is),
			 hf_err_name(want), r->f->fault.detail);
	r->seen[(unsigned)is % 400]++;
}

/* The state changed: no challenge is open. */
static void forget_nonce(struct model *m)
{
	m->old_open = false;
	if (!m->has_nonce)
		return;
	m->old_nonce = m->nonce;
	m->old_until = m->until;
	m->old_used = false;
	m->has_nonce = false;
}

static void reclaim(struct run *r, struct model *m)
{
	bool again = m->reclaim && next(r) % 4 == 0;	/* an id that was used before */
	uint64_t id = again ? m->reclaim : ++r->unique;
	enum hf_err err = store_reclaim(r->f, m->id, id);

	expect(r, err, again ? HF_ERR_STATE_CHANGED : HF_OK, "reclaim", m);
	if (err)
		return;
	forget_nonce(m);
	m->state = HF_LEASE_RECLAIMED;
	m->reclaim = id;
	m->ticketed = false;
}

static void hold(struct run *r, struct model *m)
{
	expect(r, hf_store_hold(r->f->store, m->id, "", store_by(r->f), &r->f->fault), HF_OK, "hold", m);
	forget_nonce(m);
	m->state = HF_LEASE_HELD;
	m->by_operator = true;
}

static void re_enrol(struct run *r, struct model *m)
{
	expect(r, hf_store_re_enrol(r->f->store, m->id, (struct hf_span){ NULL, 0 }, store_by(r->f), &r->f->fault), HF_OK,
	       "re-enrol", m);
	forget_nonce(m);
	m->state = HF_LEASE_HELD;
	m->by_operator = false;
	m->counted = false;
	m->count = 0;
}

static void challenge(struct run *r, struct model *m)
{
	uint64_t nonce = ++r->unique;
	enum hf_evidence_kind kind;
	bool another = m->has_nonce;
	enum hf_err want = m->state != HF_LEASE_HELD ? HF_OK : m->by_operator ? HF_ERR_HOST_HELD :
			   HF_ERR_HOST_NOT_RECLAIMED;

	expect(r, store_challenge(r->f, m->id, nonce, KEY, &kind), want, "challenge", m);
	if (want)
		return;
	assert_int_equal(kind, m->state == HF_LEASE_IN_USE ? HF_EVIDENCE_TENANT : HF_EVIDENCE_GATE);
	forget_nonce(m);
	m->old_open = another;	/* a newer one makes none void */
	m->has_nonce = true;
	m->nonce = nonce;
	m->gate = kind == HF_EVIDENCE_GATE;
	m->until = r->f->now + 600;
	if (m->gate)
		m->state = HF_LEASE_CHALLENGED;
}

/* In the order in which a reader of store.h would ask. */
static enum hf_err want_verdict(const struct run *r, const struct model *m, const struct hf_verdict_record *v, bool open)
{
	if (!open && m->old_used)
		return HF_ERR_NONCE_USED;
	if ((open ? m->until : m->old_until) < r->f->now)
		return HF_ERR_NONCE_EXPIRED;
	if (!open && !m->old_open)
		return HF_ERR_STATE_CHANGED;
	if (v->kind != HF_EVIDENCE_HELD && (v->kind == HF_EVIDENCE_GATE) != m->gate)
		return HF_ERR_STATE_CHANGED;
	if (v->kind == HF_EVIDENCE_HELD && m->gate && (!v->counted || (m->counted && v->reset_count <= m->count)))
		return HF_ERR_RESET_COUNT;
	if (v->release == HF_RELEASE_NOTHING)
		return HF_OK;
	if (!m->gate)
		return HF_ERR_HOST_IN_USE;
	return !v->counted || (m->counted && v->reset_count <= m->count) ? HF_ERR_RESET_COUNT : HF_OK;
}

/* A tenant's other challenge stays open. */
static void answered(struct model *m, bool newest)
{
	bool other = newest && m->old_open && !m->gate;
	uint64_t nonce = m->old_nonce;
	int64_t until = m->old_until;

	if (newest) {
		m->old_nonce = m->nonce;
		m->old_until = m->until;
	}
	m->old_used = true;
	m->old_open = false;
	if (other) {
		m->nonce = nonce;
		m->until = until;
	} else if (newest || m->gate) {
		m->has_nonce = false;
	}
}

static void verdict(struct run *r, struct model *m)
{
	bool open = m->has_nonce && next(r) % 6;
	struct hf_verdict_record v;
	enum hf_err want;

	if (!open && !m->old_nonce)
		return;
	v = store_verdict(r->f, m->id, open ? m->nonce : m->old_nonce, KEY, m->reclaim);
	v.kind = (enum hf_evidence_kind)(next(r) % 8 == 0 ? next(r) % 3 : m->gate ? HF_EVIDENCE_GATE : HF_EVIDENCE_TENANT);
	v.release = v.kind == HF_EVIDENCE_HELD || (!m->gate && next(r) % 4) || next(r) % 4 == 0 ? HF_RELEASE_NOTHING :
		    HF_RELEASE_TENANT;
	v.counted = next(r) % 8 != 0;
	v.reset_count = m->count + (uint32_t)(next(r) % 4) - (m->count && next(r) % 4 == 0);
	want = want_verdict(r, m, &v, open);
	expect(r, store_record(r->f, &v), want, "verdict", m);
	if (want)
		return;
	if (v.counted && (!m->counted || v.reset_count > m->count))
		m->count = v.reset_count;
	m->counted |= v.counted;
	answered(m, open);
	if (!m->gate)
		return;
	m->state = v.release ? HF_LEASE_IN_USE : HF_LEASE_HELD;
	m->by_operator = false;
	m->ticketed = v.release != HF_RELEASE_NOTHING;
	m->tickets += m->ticketed;
}

static void compare(struct run *r, const struct model *m)
{
	struct hf_host_record h = store_host(r->f, m->id);

	if (h.state != m->state)
		fail_msg("%s is %s, not %s", m->id, hf_lease_name(h.state), hf_lease_name(m->state));
	assert_int_equal(h.ticketed, m->ticketed);
	assert_int_equal(h.counted, m->counted);
	assert_int_equal(h.reset_count, m->count);
	if (m->reclaim)
		assert_true(hf_span_equal(h.reclaim, store_bytes(r->f, m->reclaim, 16)));
}

static void step(struct run *r)
{
	struct model *m = &r->hosts[next(r) % HOSTS];

	r->f->arena.len = 0;
	if (next(r) % 50 == 0)
		r->f->now += 400;
	switch (next(r) % 16) {
	case 0:
	case 1:
	case 2:
		reclaim(r, m);
		break;
	case 3:
		hold(r, m);
		break;
	case 4:
		if (next(r) % 4 == 0)
			re_enrol(r, m);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
	case 9:
		challenge(r, m);
		break;
	default:
		verdict(r, m);
	}
	compare(r, m);
}

static enum hf_err count_tickets(void *self, const struct hf_verdict_record *v)
{
	*(unsigned *)self += v->release != HF_RELEASE_NOTHING;
	return HF_OK;
}

static void random_steps_go_as_a_few_lines_say(void **state)
{
	static const enum hf_err all[] = { HF_OK, HF_ERR_STATE_CHANGED, HF_ERR_HOST_HELD, HF_ERR_HOST_NOT_RECLAIMED,
					   HF_ERR_NONCE_USED, HF_ERR_NONCE_EXPIRED, HF_ERR_HOST_IN_USE, HF_ERR_RESET_COUNT };
	struct run r = { .f = *state, .random = 20261125, .unique = 1u << 20 };
	struct hf_audit_count count;

	for (size_t i = 0; i < HOSTS; i++) {
		snprintf(r.hosts[i].id, sizeof(r.hosts[i].id), "model-%zu", i);
		r.hosts[i].state = HF_LEASE_HELD;
		assert_int_equal(store_import(r.f, r.hosts[i].id, 0), HF_OK);
	}
	for (int i = 0; i < STEPS; i++)
		step(&r);
	for (size_t i = 0; i < HOSTS; i++) {
		unsigned tickets = 0;

		assert_int_equal(hf_store_verdicts(r.f->store, r.hosts[i].id, 0, STEPS, count_tickets, &tickets, &r.f->fault),
				 HF_OK);
		assert_int_equal(tickets, r.hosts[i].tickets);
		assert_true(tickets > 5);
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)	/* else it says nothing of that one */
		if (!r.seen[(unsigned)all[i] % 400])
			fail_msg("%s never came", hf_err_name(all[i]));
	assert_int_equal(hf_store_audit_verify(r.f->store, NULL, &count, &r.f->fault), HF_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_steps_go_as_a_few_lines_say),
	};

	return cmocka_run_group_tests_name("store model", tests, store_set_up, store_tear_down);
}
