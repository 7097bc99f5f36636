/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure/err.h"

#define LINE 78

static size_t count_causes(void)
{
	enum hf_err err;
	size_t count = 0;

	while (hf_err_at(count, &err))
		count++;
	return count;
}

static void the_table_can_be_walked(void **state)
{
	enum hf_err err = HF_ERR_USAGE;

	(void)state;
	assert_true(count_causes() > 100);
	assert_false(hf_err_at(count_causes(), &err));
	assert_false(hf_err_at(SIZE_MAX, &err));
	assert_int_equal(err, HF_ERR_USAGE);
}

static void numbers_and_names_are_unique_and_round_trip(void **state)
{
	size_t count = count_causes();
	enum hf_err a, b;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_true(hf_err_at(i, &a));
		assert_true(a > 0 && a < 350);
		assert_int_equal(hf_err_from_name(hf_err_name(a)), a);
		for (size_t k = 0; k < i; k++) {
			assert_true(hf_err_at(k, &b));
			assert_int_not_equal(a, b);
			assert_string_not_equal(hf_err_name(a), hf_err_name(b));
		}
	}
	assert_int_equal(hf_err_from_name("no-such-cause"), HF_ERR_INTERNAL);
	assert_int_equal(hf_err_from_name(""), HF_ERR_INTERNAL);
}

static void numbers_ascend_so_that_none_is_used_again(void **state)
{
	enum hf_err err, last = HF_OK;

	(void)state;
	for (size_t i = 0; hf_err_at(i, &err); i++) {
		if (err <= last)
			print_message("%s stands after a greater number\n", hf_err_name(err));
		assert_true(err > last);
		last = err;
	}
}

static bool kebab(const char *name)
{
	for (size_t i = 0; name[i]; i++) {
		bool word = islower((unsigned char)name[i]) || isdigit((unsigned char)name[i]);

		if (!word && (name[i] != '-' || i == 0 || name[i - 1] == '-' || !name[i + 1]))
			return false;
	}
	return name[0] != '\0' && strlen(name) <= 40;
}

static bool plain(const char *text)
{
	size_t len = strlen(text);

	if (len < 4 || text[0] == ' ' || text[len - 1] == ' ' || text[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e || strchr("<>", text[i]))
			return false;
	return true;
}

static void every_cause_reads_well(void **state)
{
	enum hf_err err;
	bool good = true;

	(void)state;
	for (size_t i = 0; hf_err_at(i, &err); i++) {
		const char *sentence = hf_err_sentence(err), *next = hf_err_next_step(err);
		bool row = kebab(hf_err_name(err)) && plain(sentence) && plain(next) &&
			   !isupper((unsigned char)next[0]) &&
			   strlen(sentence) + strlen(" []") <= LINE &&
			   strlen("  next: ") + strlen(next) <= LINE;

		if (!row)
			print_message("%s: %s (%zu), next: %s (%zu)\n", hf_err_name(err), sentence,
				      strlen(sentence), next, strlen(next));
		good &= row;
	}
	assert_true(good);
}

static void every_cause_has_a_class_and_an_exit_code(void **state)
{
	static const char *const classes[] = { "suspect", "update", "parts", "unreadable", "setup" };
	enum hf_err err;

	(void)state;
	for (size_t i = 0; hf_err_at(i, &err); i++) {
		assert_true((unsigned)hf_err_class(err) <= HF_CLASS_SETUP);
		assert_string_equal(hf_class_name(hf_err_class(err)), classes[hf_err_class(err)]);
		assert_true(hf_err_exit(err) >= HF_EXIT_INTERNAL && hf_err_exit(err) <= HF_EXIT_CONTROLLER);
	}
}

/* Other programs keep these: a change here breaks them. */
static void what_is_frozen_stays(void **state)
{
	static const struct { enum hf_err err; int number; const char *name; } rows[] = {
		{ HF_ERR_NO_MEMORY, 1, "no-memory" }, { HF_ERR_INTERNAL, 2, "internal-error" },
		{ HF_ERR_LIMIT, 8, "limit-exceeded" }, { HF_ERR_LOG_AFTER_END, 46, "log-after-end" },
		{ HF_ERR_QUOTE_NONCE, 81, "quote-nonce" }, { HF_ERR_NOT_MEASURED, 144, "not-measured" },
		{ HF_ERR_MANIFEST_MISSING, 160, "manifest-missing" }, { HF_ERR_UNCOVERED, 201, "uncovered" },
		{ HF_ERR_PCR_NOT_ZERO, 242, "pcr-not-zero" }, { HF_ERR_TENANT_UNKNOWN, 291, "tenant-image-unknown" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(rows[i].err, rows[i].number);
		assert_string_equal(hf_err_name(rows[i].err), rows[i].name);
	}
	assert_int_equal(HF_EXIT_OK, 0);
	assert_int_equal(hf_err_exit(HF_ERR_INTERNAL), 1);
	assert_int_equal(hf_err_exit(HF_ERR_USAGE), 2);
	assert_int_equal(hf_err_exit(HF_ERR_UNCOVERED), 3);
	assert_int_equal(hf_err_exit(HF_ERR_READ_FAILED), 4);
	assert_int_equal(hf_err_exit(HF_ERR_TPM_MISSING), 5);
	assert_int_equal(hf_err_exit(HF_ERR_CONTROLLER_REQUIRED), 6);
}

static void unknown_codes_are_an_internal_error(void **state)
{
	enum hf_err unknown = (enum hf_err)9999;

	(void)state;
	assert_string_equal(hf_err_name(unknown), "internal-error");
	assert_string_equal(hf_err_sentence(unknown), hf_err_sentence(HF_ERR_INTERNAL));
	assert_int_equal(hf_err_exit(unknown), HF_EXIT_INTERNAL);
	assert_int_equal(hf_err_exit(HF_OK), HF_EXIT_OK);
	assert_string_equal(hf_err_name(HF_OK), "ok");
}

static void a_fault_is_filled_and_made_printable(void **state)
{
	struct hf_fault fault;
	char out[512];

	(void)state;
	memset(&fault, 0xaa, sizeof(fault));
	assert_int_equal(hf_fail(&fault, HF_ERR_ROM_READ, "0000:03:00.0", "offset %d\x1b[2J\nx\xff", 5),
			 HF_ERR_ROM_READ);
	assert_string_equal(fault.where, "0000:03:00.0");
	assert_string_equal(fault.detail, "offset 5?[2J?x?");
	assert_int_equal(fault.sys_errno, 0);
	assert_int_equal(fault.tpm_rc, 0);
	hf_fault_format(&fault, out, sizeof(out));
	assert_string_equal(out, "0000:03:00.0: the option ROM could not be read (offset 5?[2J?x?)"
				 " [rom-read-failed]\n  next: reseat the device; look for a driver that holds it");

	memset(&fault, 0xaa, sizeof(fault));
	assert_int_equal(hf_fail_errno(&fault, HF_ERR_FILE_UNREADABLE, ENOENT, NULL), HF_ERR_FILE_UNREADABLE);
	assert_int_equal(fault.sys_errno, ENOENT);
	assert_string_equal(fault.where, "");
	assert_string_equal(fault.detail, strerror(ENOENT));
	fault.tpm_rc = 0x907;
	hf_fault_format(&fault, out, sizeof(out));
	assert_non_null(strstr(out, " TPM 0x907 [file-unreadable]\n"));
	assert_int_equal(hf_fail(NULL, HF_ERR_LIMIT, "x", "y"), HF_ERR_LIMIT);
	assert_int_equal(hf_fail_errno(NULL, HF_ERR_LIMIT, EIO, "x"), HF_ERR_LIMIT);
}

static void long_text_is_cut(void **state)
{
	char text[1024], out[32];
	struct hf_fault fault;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)hf_fail(&fault, HF_ERR_LIMIT, text, "%s", text);
	assert_int_equal(strlen(fault.where), sizeof(fault.where) - 1);
	assert_int_equal(strlen(fault.detail), sizeof(fault.detail) - 1);
	memset(out, 0xaa, sizeof(out));
	hf_fault_format(&fault, out, 16);
	assert_int_equal(strlen(out), 15);
	assert_int_equal((uint8_t)out[16], 0xaa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_can_be_walked),
		cmocka_unit_test(numbers_and_names_are_unique_and_round_trip),
		cmocka_unit_test(numbers_ascend_so_that_none_is_used_again),
		cmocka_unit_test(every_cause_reads_well),
		cmocka_unit_test(every_cause_has_a_class_and_an_exit_code),
		cmocka_unit_test(what_is_frozen_stays),
		cmocka_unit_test(unknown_codes_are_an_internal_error),
		cmocka_unit_test(a_fault_is_filled_and_made_printable),
		cmocka_unit_test(long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
