/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/args.h"

struct parsed {
	bool flag;
	const char *value;
	struct hf_args_list list, rest;
	int exit;
	char errors[4096];
};

/* What the parser says goes to stderr: caught, to look at it. */
static bool parse(struct parsed *p, bool with_rest, char **argv)
{
	const struct hf_option options[] = {
		{ .name = "json", .flag = &p->flag },
		{ .name = "sysfs", .value = &p->value },
		{ .name = "manifest", .list = &p->list },
		{ .name = NULL },
	};
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO), argc = 0;
	bool ok;

	assert_non_null(file);
	memset(p, 0, sizeof(*p));
	p->exit = 0xaa;
	while (argv[argc])
		argc++;
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	ok = hf_args_parse(argc, argv, options, with_rest ? &p->rest : NULL, "", &p->exit);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	p->errors[fread(p->errors, 1, sizeof(p->errors) - 1, file)] = '\0';
	fclose(file);
	return ok;
}

#define ARGV(...) (char *[]){ (char *)"scan", __VA_ARGS__ __VA_OPT__(,) NULL }

static void takes_both_spellings(void **state)
{
	struct parsed p;

	(void)state;
	assert_true(parse(&p, false, ARGV((char *)"--json", (char *)"--sysfs", (char *)"a")));
	assert_true(p.flag);
	assert_string_equal(p.value, "a");
	assert_true(parse(&p, false, ARGV((char *)"--sysfs=b=c")));
	assert_false(p.flag);
	assert_string_equal(p.value, "b=c");
}

static void list_takes_words_up_to_the_next_option(void **state)
{
	struct parsed p;

	(void)state;
	assert_true(parse(&p, false, ARGV((char *)"--manifest", (char *)"a", (char *)"b",
					  (char *)"--json", (char *)"--manifest=c")));
	assert_int_equal(p.list.count, 3);
	assert_string_equal(p.list.words[1], "b");
	assert_string_equal(p.list.words[2], "c");
	assert_true(p.flag);
}

static void one_word_too_many_is_refused(void **state)
{
	static char *argv[HF_ARGS_MAX + 4];
	struct parsed p;

	(void)state;
	argv[0] = (char *)"scan";
	argv[1] = (char *)"--manifest";
	for (size_t i = 0; i < HF_ARGS_MAX; i++)
		argv[2 + i] = (char *)"x";
	assert_true(parse(&p, false, argv));
	assert_int_equal(p.list.count, HF_ARGS_MAX);
	argv[2 + HF_ARGS_MAX] = (char *)"x";
	assert_false(parse(&p, false, argv));
	assert_int_equal(p.exit, HF_EXIT_USAGE);
}

static void refuses_by_name(void **state)
{
	static const struct {
		const char *argv[4], *word;
		bool rest;
	} cases[] = {
		{ { "scan", "--frob" }, "--frob", false },
		{ { "scan", "--json", "--json" }, "--json", false },
		{ { "scan", "--json=1" }, "--json", false },
		{ { "scan", "--sysfs" }, "--sysfs", false },
		{ { "scan", "--sysfs=" }, "--sysfs", false },
		{ { "scan", "--sysfs", "--json" }, "--sysfs", false },
		{ { "scan", "--sysfs=a", "--sysfs=a" }, "--sysfs", false },
		{ { "scan", "--manifest" }, "--manifest", false },
		{ { "scan", "word" }, "word", false },
		{ { "scan", "--sysf", "x" }, "--sysf", false },
		{ { "scan", "-x" }, "-x", true },
		{ { "scan", "--" }, "--", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		assert_false(parse(&p, cases[i].rest, (char **)cases[i].argv));
		assert_int_equal(p.exit, HF_EXIT_USAGE);
		assert_non_null(strstr(p.errors, cases[i].word));
		assert_non_null(strstr(p.errors, "[usage]"));
		assert_non_null(strstr(p.errors, "next:"));
	}
}

static void rest_takes_words_that_belong_nowhere(void **state)
{
	struct parsed p;

	(void)state;
	assert_true(parse(&p, true, ARGV((char *)"a", (char *)"--json", (char *)"b")));
	assert_int_equal(p.rest.count, 2);
	assert_string_equal(p.rest.words[1], "b");
}

static void help_wins_and_is_no_error(void **state)
{
	struct parsed p;

	(void)state;
	assert_false(parse(&p, false, ARGV((char *)"--frob", (char *)"--help")));
	assert_int_equal(p.exit, HF_EXIT_OK);
	assert_string_equal(p.errors, "");
}

static void messages_are_narrow_and_printable(void **state)
{
	char word[600];
	struct parsed p;
	size_t column = 0, widest = 0;

	(void)state;
	memset(word, 'a', sizeof(word));
	for (size_t i = 9; i < sizeof(word); i += 10)
		word[i] = ' ';
	memcpy(word, "--\x1b[31m\n", 8);
	word[sizeof(word) - 1] = '\0';
	assert_false(parse(&p, false, ARGV(word)));
	assert_null(strchr(p.errors, 0x1b));
	for (const char *c = p.errors; *c; c++) {
		column = *c == '\n' ? 0 : column + 1;
		widest = column > widest ? column : widest;
	}
	assert_in_range(widest, 20, 80);
}

static void faults_give_their_exit_code(void **state)
{
	static const struct { enum hf_err err; int exit; } cases[] = {
		{ HF_ERR_TPM_MISSING, HF_EXIT_TPM }, { HF_ERR_DEVICE_GONE, HF_EXIT_DEVICE },
		{ HF_ERR_SIGNER_UNKNOWN, HF_EXIT_REFUSED }, { HF_ERR_NO_MEMORY, HF_EXIT_INTERNAL },
		{ HF_ERR_CONTROLLER_REQUIRED, HF_EXIT_CONTROLLER }, { HF_ERR_USAGE, HF_EXIT_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hf_fault fault = { .err = cases[i].err };

		assert_int_equal(hf_args_fault("scan", &fault), cases[i].exit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_both_spellings),
		cmocka_unit_test(list_takes_words_up_to_the_next_option),
		cmocka_unit_test(one_word_too_many_is_refused),
		cmocka_unit_test(refuses_by_name),
		cmocka_unit_test(rest_takes_words_that_belong_nowhere),
		cmocka_unit_test(help_wins_and_is_no_error),
		cmocka_unit_test(messages_are_narrow_and_printable),
		cmocka_unit_test(faults_give_their_exit_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
