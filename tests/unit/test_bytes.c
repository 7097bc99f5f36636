/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure/arena.h"
#include "measure/bytes.h"

static const uint8_t count_up[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
/* Sizes that the compiler may not reason about. */
static volatile size_t huge = SIZE_MAX, too_much = 999;
#define SIXTEEN ((struct hf_span){ count_up, sizeof(count_up) })

static void integers_of_both_orders(void **state)
{
	struct hf_cursor c = hf_cursor_at(SIXTEEN);

	(void)state;
	assert_int_equal(hf_u8(&c), 0);
	assert_int_equal(hf_u16le(&c), 0x0201);
	assert_int_equal(hf_u32le(&c), 0x06050403);
	assert_true(hf_u64le(&c) == 0x0e0d0c0b0a090807);
	assert_int_equal(hf_left(&c), 1);
	assert_false(hf_cursor_done(&c));
	hf_seek(&c, 1);
	assert_int_equal(hf_u16be(&c), 0x0102);
	assert_int_equal(hf_u32be(&c), 0x03040506);
	assert_true(hf_u64be(&c) == 0x0708090a0b0c0d0e);
	assert_int_equal(hf_take_le(&c, 1), 15);
	assert_true(hf_cursor_done(&c));
	hf_seek(&c, 0);
	assert_int_equal(hf_take_be(&c, 3), 0x000102);
	assert_int_equal(hf_take_le(&c, 3), 0x050403);
}

static void an_overrun_spoils_the_cursor_for_good(void **state)
{
	struct hf_cursor c = hf_cursor_at(SIXTEEN);

	(void)state;
	hf_seek(&c, 13);
	assert_int_equal(hf_u32le(&c), 0);
	assert_true(c.bad);
	assert_int_equal(c.pos, 13);
	assert_int_equal(hf_u8(&c), 0);		/* one byte would have been there */
	assert_int_equal(hf_left(&c), 0);
	assert_false(hf_cursor_done(&c));
	hf_seek(&c, 1);
	assert_int_equal(c.pos, 13);
	assert_int_equal(hf_u8(&c), 0);
	assert_null(hf_take(&c, 0));
}

static void sizes_that_wrap_around_are_refused(void **state)
{
	struct hf_cursor c = hf_cursor_at(SIXTEEN);
	struct hf_span span;

	(void)state;
	hf_seek(&c, 8);
	span = hf_take_span(&c, SIZE_MAX);
	assert_null(span.ptr);
	assert_int_equal(span.len, 0);
	assert_true(c.bad);
	c = hf_cursor_at(SIXTEEN);
	hf_seek(&c, 17);
	assert_true(c.bad);
	c = hf_cursor_at(SIXTEEN);
	hf_seek(&c, 16);
	assert_true(hf_cursor_done(&c));
	assert_int_equal(hf_span_part(SIXTEEN, 8, SIZE_MAX - 4).len, 0);
	assert_int_equal(hf_span_part(SIXTEEN, SIZE_MAX, 2).len, 0);
	assert_int_equal(hf_span_part(SIXTEEN, 17, 0).len, 0);
	assert_int_equal(hf_span_part(SIXTEEN, 15, 2).len, 0);
	span = hf_span_part(SIXTEEN, 14, 2);
	assert_int_equal(span.len, 2);
	assert_ptr_equal(span.ptr, count_up + 14);
}

static void an_empty_cursor(void **state)
{
	struct hf_cursor c = hf_cursor_at((struct hf_span){ NULL, 0 });

	(void)state;
	assert_true(hf_cursor_done(&c));
	assert_int_equal(hf_u8(&c), 0);
	assert_true(c.bad);
}

static void spans_compare_by_content(void **state)
{
	(void)state;
	assert_true(hf_span_equal((struct hf_span){ NULL, 0 }, (struct hf_span){ count_up, 0 }));
	assert_true(hf_span_equal(hf_span_text("abc"), hf_span_text("abc")));
	assert_false(hf_span_equal(hf_span_text("abc"), hf_span_text("abd")));
	assert_false(hf_span_equal(hf_span_text("abc"), hf_span_text("abcd")));
}

static void a_writer_never_passes_its_end(void **state)
{
	uint8_t buf[8];
	struct hf_writer w = { buf, 7, 0, false };

	(void)state;
	memset(buf, 0xaa, sizeof(buf));
	hf_put_le(&w, 0x0102, 2);
	hf_put_be(&w, 0x0304, 2);
	assert_memory_equal(buf, "\x02\x01\x03\x04\xaa", 5);
	hf_put(&w, "wxyz", 4);		/* one byte too many: nothing of it goes in */
	assert_true(w.full);
	assert_int_equal(w.len, 4);
	hf_put(&w, "z", 1);		/* it would fit, but the writer stays full */
	assert_int_equal(w.len, 4);
	assert_memory_equal(buf + 4, "\xaa\xaa\xaa\xaa", 4);
	assert_int_equal(hf_written(&w).len, 4);

	w = (struct hf_writer){ buf, 4, 0, false };
	hf_put(&w, "wxyz", 4);		/* filled to the last byte is not full */
	assert_false(w.full);
	hf_put(&w, NULL, 0);
	assert_false(w.full);
	hf_put_span(&w, hf_span_text("!"));
	assert_true(w.full);
	assert_int_equal(buf[4], 0xaa);
	w = (struct hf_writer){ buf, 4, 2, false };
	hf_put(&w, buf, huge);
	assert_true(w.full);
}

static void an_arena_gives_zeroed_aligned_memory_until_it_is_full(void **state)
{
	struct hf_arena arena;
	uint8_t *a, *b;

	(void)state;
	assert_int_equal(hf_arena_make(4096, &arena), HF_OK);
	a = hf_arena_take(&arena, 1);
	b = hf_arena_take(&arena, 100);
	assert_non_null(a);
	assert_int_equal((uintptr_t)b % 16, 0);
	assert_true(b >= a + 1);
	memset(arena.base + arena.len, 0xaa, arena.cap - arena.len);
	b = hf_arena_take(&arena, 64);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(b[i], 0);
	size_t len = arena.len;
	assert_null(hf_arena_take(&arena, 4096));
	assert_null(hf_arena_take(&arena, huge));
	assert_null(hf_arena_take(&arena, huge - 8));
	assert_int_equal(arena.len, len);
	assert_non_null(hf_arena_take(&arena, arena.cap - ((len + 15) & ~(size_t)15)));
	assert_null(hf_arena_take(&arena, 1));
	hf_arena_drop(&arena);
	assert_null(arena.base);
	hf_arena_drop(&arena);
}

static void an_arena_copies(void **state)
{
	struct hf_arena arena;
	struct hf_span copy = { (const uint8_t *)"kept", 4 };
	const char *text;

	(void)state;
	assert_int_equal(hf_arena_make(64, &arena), HF_OK);
	assert_int_equal(hf_arena_copy(&arena, SIXTEEN, &copy), HF_OK);
	assert_true(hf_span_equal(copy, SIXTEEN));
	assert_ptr_not_equal(copy.ptr, count_up);
	text = hf_arena_text(&arena, "abcdef", 3);
	assert_string_equal(text, "abc");
	assert_int_equal(hf_arena_copy(&arena, (struct hf_span){ NULL, 0 }, &copy), HF_OK);
	assert_int_equal(copy.len, 0);
	copy = SIXTEEN;
	assert_int_equal(hf_arena_copy(&arena, (struct hf_span){ count_up, too_much }, &copy), HF_ERR_LIMIT);
	assert_ptr_equal(copy.ptr, count_up);
	assert_null(hf_arena_text(&arena, "abc", too_much));
	hf_arena_drop(&arena);
	assert_int_equal(hf_arena_make(huge / 2, &arena), HF_ERR_NO_MEMORY);
	assert_int_equal(hf_arena_make(0, &arena), HF_ERR_NO_MEMORY);
}

static void a_large_arena_costs_nothing_until_used(void **state)
{
	struct hf_arena arena;

	(void)state;
	assert_int_equal(hf_arena_make((size_t)1 << 34, &arena), HF_OK);
	assert_non_null(hf_arena_take(&arena, 4096));
	hf_arena_drop(&arena);
}

/* A secret that PID 1 has was not given to its children. */
static void what_is_hidden_is_zero_for_children(void **state)
{
	struct hf_arena arena;
	uint8_t *secret;
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(hf_arena_make(1 << 20, &arena), HF_OK);
	assert_int_equal(hf_arena_hide(&arena), HF_OK);
	secret = hf_arena_take(&arena, 4096);
	assert_non_null(secret);
	memset(secret, 's', 4096);
	pid = fork();
	if (pid == 0)
		_exit(secret[0] || secret[4095] ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(secret[4095], 's');
	hf_arena_drop(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_of_both_orders),
		cmocka_unit_test(an_overrun_spoils_the_cursor_for_good),
		cmocka_unit_test(sizes_that_wrap_around_are_refused),
		cmocka_unit_test(an_empty_cursor),
		cmocka_unit_test(spans_compare_by_content),
		cmocka_unit_test(a_writer_never_passes_its_end),
		cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_until_it_is_full),
		cmocka_unit_test(an_arena_copies),
		cmocka_unit_test(what_is_hidden_is_zero_for_children),
		cmocka_unit_test(a_large_arena_costs_nothing_until_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
