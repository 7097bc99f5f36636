/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PID 1's side of the link, with a child that somebody has taken over: this file brings its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "agent/link_internal.h"
#include "pcie/worker.h"

#define TEST(name) static void name(void **state)

static struct {			/* before the fork: what the child is to say once it is asked */
	struct hf_link_news_head heads[4];
	size_t count, bytes;	/* and so many bytes behind the last head */
	bool silent_start, honest_time, hangs, ends, talks;
	uint32_t first_news;
} plan;

static void put(int socket, const void *bytes, size_t len)
{
	(void)!write(socket, bytes, len);
}

static void put_head(int socket, const struct hf_link_news_head *head)
{
	put(socket, head, sizeof(*head));
}

void hf_link_child_prepare(void *self)
{
	(void)self;
}

void hf_link_child_run(void *self, int socket)
{
	static uint8_t block[4096], order[4096];

	(void)self;
	if (plan.silent_start)
		return;
	put_head(socket, &(struct hf_link_news_head){ .news = plan.first_news });
	if (read(socket, order, sizeof(struct hf_link_order_head)) <= 0)
		return;
	for (size_t i = 0; i < plan.count; i++)
		put_head(socket, &plan.heads[i]);
	while (plan.talks) {	/* asks for the body again and again, until it is stopped */
		put_head(socket, &(struct hf_link_news_head){ .news = HF_LINK_BODY, .len = 1 });
		if (read(socket, order, sizeof(order)) <= 0)
			return;
	}
	memset(block, 0x5a, sizeof(block));
	for (size_t left = plan.bytes; left;) {
		const size_t n = left < sizeof(block) ? left : sizeof(block);

		put(socket, block, n);
		left -= n;
	}
	if (plan.ends)
		return;
	while (read(socket, order, sizeof(order)) > 0)
		continue;
}

static const struct hf_link_plan good = { .urls = "https://192.0.2.1:1", .ca = { (const uint8_t *)"x", 1 } };

struct outcome { enum hf_err err, again; struct hf_fault fault; size_t reply; };

static struct outcome ask(void)
{
	uint8_t body[100] = { 1 };
	struct hf_fault fault = { .err = HF_OK };
	struct hf_link *link = NULL;
	struct outcome o = { .err = HF_OK };
	struct hf_span reply = { NULL, 0 };
	struct hf_arena arena;

	plan.first_news = plan.first_news ? plan.first_news : HF_LINK_DONE;
	assert_int_equal(hf_arena_make(200000, &arena), HF_OK);
	o.err = hf_link_start(&good, &link, &o.fault);
	if (!o.err) {
		o.err = hf_link_ask(link, "/p", "t", (struct hf_span){ body, sizeof(body) }, 300, &arena, &reply,
				    &o.fault);
		o.again = hf_link_ask(link, "/p", "t", (struct hf_span){ body, sizeof(body) }, 300, &arena,
				      &reply, &fault);
	}
	o.reply = reply.len;
	hf_link_stop(&link);
	hf_arena_drop(&arena);
	memset(&plan, 0, sizeof(plan));
	return o;
}

static void dies(const char *words)
{
	const struct outcome o = ask();

	if (o.err != HF_ERR_LINK_DIED || !strstr(o.fault.detail, words))
		fail_msg("%s: %s", hf_err_name(o.err), o.fault.detail);
	assert_int_equal(o.again, HF_ERR_LINK_DIED);	/* it is not asked anything any more */
	assert_int_equal(o.reply, 0);
}

#define SAYS(...) do { \
	const struct hf_link_news_head said[] = { __VA_ARGS__ }; \
	memcpy(plan.heads, said, sizeof(said)); \
	plan.count = sizeof(said) / sizeof(said[0]); \
} while (0)

TEST(lengths_that_it_cannot_mean)
{
	(void)state;
	SAYS({ .news = HF_LINK_REPLIED, .len = 0 });
	dies("not asked");
	SAYS({ .news = HF_LINK_REPLIED, .len = HF_WIRE_REPLY_MAX + 1 });
	plan.bytes = HF_WIRE_REPLY_MAX + 1;
	dies("not asked");
	SAYS({ .news = HF_LINK_REPLIED, .len = UINT32_MAX });
	dies("not asked");
	SAYS({ .news = HF_LINK_FAILED, .err = HF_ERR_CONTROLLER_TLS, .len = HF_LINK_WORDS });
	plan.bytes = HF_LINK_WORDS;
	dies("cannot mean");
	SAYS({ .news = HF_LINK_FAILED, .err = HF_OK, .len = 1 });
	plan.bytes = 1;
	dies("cannot mean");
	SAYS({ .news = HF_LINK_FAILED, .err = HF_ERR_TENANT_UNKNOWN, .len = 1 });
	plan.bytes = 1;
	dies("cannot mean");
	SAYS({ .news = 99 });
	dies("cannot mean");
	SAYS({ .news = 0 });
	dies("cannot mean");
	SAYS({ .news = HF_LINK_DONE });
	dies("not asked");
}

/* Of the body alone, of a hundred bytes: nothing of what lies around it. */
TEST(bytes_that_are_not_its_own)
{
	(void)state;
	SAYS({ .news = HF_LINK_BODY, .offset = 0, .len = 101 });
	dies("more than there is");
	SAYS({ .news = HF_LINK_BODY, .offset = 100, .len = 1 });
	dies("more than there is");
	SAYS({ .news = HF_LINK_BODY, .offset = 50, .len = 51 });
	dies("more than there is");
	SAYS({ .news = HF_LINK_BODY, .offset = UINT32_MAX, .len = 2 });
	dies("more than there is");
	SAYS({ .news = HF_LINK_BODY, .offset = 0, .len = UINT32_MAX });
	dies("more than there is");
	SAYS({ .news = HF_LINK_BODY, .offset = 0, .len = 0 });
	dies("more than there is");
	SAYS({ .news = HF_LINK_BODY, .offset = 0, .len = 100 }, { .news = HF_LINK_BODY, .offset = 0, .len = 1u << 20 });
	dies("more than there is");
}

TEST(silence_and_ends)
{
	(void)state;
	plan.silent_start = true;
	assert_int_equal(ask().err, HF_ERR_LINK_DIED);
	plan.first_news = HF_LINK_REPLIED;
	assert_int_equal(ask().err, HF_ERR_LINK_DIED);
	plan.ends = true;
	dies("ended");
	plan.ends = true;
	SAYS({ .news = HF_LINK_REPLIED, .len = 1000 });
	plan.bytes = 999;
	dies("ended");
	dies("does not answer any more");	/* it hangs */
}

/* Every piece counts as progress for the watch: only the order's own time ends this. */
TEST(pieces_without_end)
{
	(void)state;
	plan.talks = true;
	dies("comes to no end");
}

TEST(what_it_may_say)
{
	struct outcome o;

	(void)state;
	SAYS({ .news = HF_LINK_REPLIED, .len = HF_WIRE_REPLY_MAX });
	plan.bytes = HF_WIRE_REPLY_MAX;
	o = ask();
	assert_int_equal(o.err, HF_OK);
	assert_int_equal(o.reply, HF_WIRE_REPLY_MAX);
	SAYS({ .news = HF_LINK_FAILED, .err = HF_ERR_CONTROLLER_REPLY, .len = 3 });
	plan.bytes = 3;
	o = ask();
	assert_int_equal(o.err, HF_ERR_CONTROLLER_REPLY);
	assert_string_equal(o.fault.detail, "ZZZ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_that_it_cannot_mean),
		cmocka_unit_test(bytes_that_are_not_its_own),
		cmocka_unit_test(silence_and_ends),
		cmocka_unit_test(pieces_without_end),
		cmocka_unit_test(what_it_may_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
