/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage machine with stages made up here, and the gate's own table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/gate.h"

/* What the made-up stages do and saw. The machine hands the pointer on and no more. */
struct script {
	enum hf_stage fail_at;		/* HF_STAGE_COUNT: nowhere */
	enum hf_err fail_with;
	bool fill_fault;
	enum hf_stage seen[64];
	size_t seen_count;
	struct hf_fault held_with;
	struct hf_stage_row *rows;	/* to be changed while running, or NULL */
	enum hf_stage change_at, change_to;
	size_t entered, left;
};

static enum hf_err step(struct script *s, enum hf_stage stage, struct hf_fault *fault)
{
	assert_true(s->seen_count < 64);
	s->seen[s->seen_count++] = stage;
	if (s->rows && stage == s->change_at)
		s->rows[stage].next = s->change_to;
	if (stage != s->fail_at)
		return HF_OK;
	return s->fill_fault ? hf_fail(fault, s->fail_with, "here", "%s", "why") : s->fail_with;
}

static enum hf_err held(struct hf_gate *gate, struct hf_fault *fault)
{
	struct script *s = (struct script *)(void *)gate;

	s->seen[s->seen_count++] = HF_STAGE_HELD;
	s->held_with = *fault;
	return fault->err;
}

#define STEP(id) \
	static enum hf_err run_##id(struct hf_gate *gate, struct hf_fault *fault) \
	{ \
		return step((struct script *)(void *)gate, HF_STAGE_##id, fault); \
	}
STEP(HOLD) STEP(BEGIN) STEP(ENUMERATE) STEP(MEASURE) STEP(RECORD) STEP(APPRAISE) STEP(FENCE) STEP(BIND)
STEP(STORE) STEP(LINK) STEP(CHALLENGE) STEP(RECHECK) STEP(QUOTE) STEP(TICKET) STEP(LAST_LOOK)
STEP(RELEASE)

#define ROW(id, after) [HF_STAGE_##id] = { HF_STAGE_##id, #id, run_##id, HF_STAGE_##after }
static const struct hf_stage_row good[HF_STAGE_COUNT] = {
	ROW(HOLD, BEGIN), ROW(BEGIN, ENUMERATE), ROW(ENUMERATE, MEASURE), ROW(MEASURE, RECORD),
	ROW(RECORD, APPRAISE), ROW(APPRAISE, FENCE), ROW(FENCE, BIND), ROW(BIND, STORE), ROW(STORE, LINK),
	ROW(LINK, CHALLENGE), ROW(CHALLENGE, RECHECK), ROW(RECHECK, QUOTE), ROW(QUOTE, TICKET),
	ROW(TICKET, LAST_LOOK), ROW(LAST_LOOK, RELEASE), ROW(RELEASE, RELEASE),
	[HF_STAGE_HELD] = { HF_STAGE_HELD, "HELD", held, HF_STAGE_HELD },
};

static void on_enter(struct hf_gate *gate, const struct hf_stage_row *row)
{
	(void)row;
	((struct script *)(void *)gate)->entered++;
}

static void on_leave(struct hf_gate *gate, const struct hf_stage_row *row, enum hf_err err)
{
	(void)row;
	(void)err;
	((struct script *)(void *)gate)->left++;
}

static enum hf_stage run(const struct hf_stage_row *rows, struct script *s, struct hf_fault *fault)
{
	static const struct hf_stage_watch watch = { on_enter, on_leave };

	memset(fault, 0xaa, sizeof(*fault));
	return hf_stages_run(rows, (struct hf_gate *)(void *)s, &watch, fault);
}

static bool saw(const struct script *s, enum hf_stage stage)
{
	for (size_t i = 0; i < s->seen_count; i++)
		if (s->seen[i] == stage)
			return true;
	return false;
}

static void every_stage_runs_once_in_order(void **state)
{
	struct script s = { .fail_at = HF_STAGE_COUNT };
	struct hf_fault fault;

	(void)state;
	assert_int_equal(run(good, &s, &fault), HF_STAGE_RELEASE);
	assert_int_equal(s.seen_count, HF_STAGE_RELEASE + 1);
	for (size_t i = 0; i < s.seen_count; i++)
		assert_int_equal(s.seen[i], i);
	assert_int_equal(s.entered, s.seen_count);
	assert_int_equal(s.left, s.seen_count);
}

static void every_error_of_every_stage_is_held(void **state)
{
	enum hf_err err;

	(void)state;
	for (enum hf_stage at = HF_STAGE_HOLD; at <= HF_STAGE_RELEASE; at++) {
		for (size_t i = 0; hf_err_at(i, &err); i++) {
			struct script s = { .fail_at = at, .fail_with = err, .fill_fault = i & 1 };
			struct hf_fault fault;

			assert_int_equal(run(good, &s, &fault), HF_STAGE_HELD);
			assert_int_equal(s.seen_count, at + 2);
			assert_int_equal(s.seen[s.seen_count - 1], HF_STAGE_HELD);
			assert_int_equal(s.held_with.err, err);
			assert_int_equal(fault.err, err);
			assert_true(saw(&s, HF_STAGE_RELEASE) == (at == HF_STAGE_RELEASE));
			assert_string_equal(fault.where, i & 1 ? "here" : "");
		}
	}
}

static void a_wrong_table_never_begins(void **state)
{
	struct hf_stage_row rows[HF_STAGE_COUNT];
	struct hf_fault fault;
	size_t refused = 0;

	(void)state;
	assert_int_equal(hf_stages_check(good), HF_OK);
	for (enum hf_stage at = HF_STAGE_HOLD; at < HF_STAGE_COUNT; at++) {
		for (enum hf_stage to = HF_STAGE_HOLD; to <= HF_STAGE_COUNT; to++) {
			struct script s = { .fail_at = HF_STAGE_COUNT };

			memcpy(rows, good, sizeof(rows));
			if (rows[at].next == to)
				continue;
			rows[at].next = to;
			assert_int_equal(hf_stages_check(rows), HF_ERR_STAGE_ORDER);
			assert_int_equal(run(rows, &s, &fault), HF_STAGE_HELD);
			assert_int_equal(s.seen_count, 1);
			assert_int_equal(s.held_with.err, HF_ERR_STAGE_ORDER);
			refused++;
		}
	}
	assert_int_equal(refused, HF_STAGE_COUNT * HF_STAGE_COUNT);
}

static void a_table_with_a_hole_never_begins(void **state)
{
	struct hf_stage_row rows[HF_STAGE_COUNT];
	struct hf_fault fault;

	(void)state;
	for (enum hf_stage at = HF_STAGE_HOLD; at < HF_STAGE_HELD; at++) {
		struct script s = { .fail_at = HF_STAGE_COUNT };

		memcpy(rows, good, sizeof(rows));
		rows[at].run = NULL;
		assert_int_equal(run(rows, &s, &fault), HF_STAGE_HELD);
		assert_int_equal(fault.err, HF_ERR_STAGE_ORDER);
		assert_int_equal(s.seen_count, 1);

		memcpy(rows, good, sizeof(rows));
		rows[at].stage = at + 1;
		assert_int_equal(hf_stages_check(rows), HF_ERR_STAGE_ORDER);
	}
}

static void a_table_changed_while_running_is_held(void **state)
{
	struct hf_stage_row rows[HF_STAGE_COUNT];
	struct hf_fault fault;

	(void)state;
	for (enum hf_stage at = HF_STAGE_HOLD; at < HF_STAGE_LAST_LOOK; at++) {
		struct script s = { .fail_at = HF_STAGE_COUNT, .rows = rows, .change_at = at,
				    .change_to = HF_STAGE_RELEASE };

		memcpy(rows, good, sizeof(rows));
		assert_int_equal(run(rows, &s, &fault), HF_STAGE_HELD);
		assert_int_equal(fault.err, HF_ERR_STAGE_ORDER);
		assert_false(saw(&s, HF_STAGE_RELEASE));
	}
}

static void the_gate_has_the_permitted_table(void **state)
{
	(void)state;
	assert_int_equal(hf_stages_check(hf_gate_stages), HF_OK);
	assert_ptr_equal(hf_gate_stages[HF_STAGE_RELEASE].run, hf_gate_release);
	assert_ptr_equal(hf_gate_stages[HF_STAGE_HELD].run, hf_gate_held);
	assert_ptr_equal(hf_gate_stages[HF_STAGE_RECHECK].run, hf_gate_recheck);
	assert_ptr_equal(hf_gate_stages[HF_STAGE_LAST_LOOK].run, hf_gate_last_look);
}

static void policy_controller_stops_where_the_link_would_be(void **state)
{
	static enum hf_err (*const stages[])(struct hf_gate *, struct hf_fault *) = {
		hf_gate_link, hf_gate_challenge, hf_gate_ticket };
	static struct hf_gate gate;
	struct hf_fault fault;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		hf_conf_default(&gate.conf);
		assert_int_equal(stages[i](&gate, &fault), HF_ERR_CONTROLLER_REQUIRED);
		gate.conf.policy = HF_POLICY_LOCAL;
		assert_int_equal(stages[i](&gate, &fault), HF_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_stage_runs_once_in_order),
		cmocka_unit_test(every_error_of_every_stage_is_held),
		cmocka_unit_test(a_wrong_table_never_begins),
		cmocka_unit_test(a_table_with_a_hole_never_begins),
		cmocka_unit_test(a_table_changed_while_running_is_held),
		cmocka_unit_test(the_gate_has_the_permitted_table),
		cmocka_unit_test(policy_controller_stops_where_the_link_would_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
