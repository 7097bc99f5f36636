/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure/file.h"

static struct hf_arena arena;
static char dir[64];
static int dirfd_of_test = -1;

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/holdfast-file-XXXXXX");
	if (hf_arena_make(1 << 20, &arena) || !mkdtemp(dir))
		return -1;
	dirfd_of_test = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_of_test < 0 ? -1 : 0;
}

static size_t count_files(void)
{
	DIR *d = opendir(dir);
	size_t count = 0;

	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));)
		count += entry->d_name[0] != '.';
	closedir(d);
	return count;
}

static int teardown(void **state)
{
	DIR *d = opendir(dir);

	(void)state;
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (entry->d_name[0] != '.' && unlinkat(dirfd(d), entry->d_name, 0) < 0)
			unlinkat(dirfd(d), entry->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
	close(dirfd_of_test);
	rmdir(dir);
	hf_arena_drop(&arena);
	return 0;
}

static void what_is_written_is_read(void **state)
{
	struct hf_fault fault = { 0 };
	struct hf_span got = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(hf_file_write(dirfd_of_test, "a", hf_span_text("first"), 0646, &fault), HF_OK);
	assert_int_equal(fstatat(dirfd_of_test, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0646);	/* whatever the umask */
	assert_int_equal(hf_file_write(dirfd_of_test, "a", hf_span_text("second"), 0600, &fault), HF_OK);
	assert_int_equal(count_files(), 1);
	assert_int_equal(fstatat(dirfd_of_test, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	memset(arena.base, 0xaa, 64);
	assert_int_equal(hf_file_read(dirfd_of_test, "a", 100, &arena, &got, &fault), HF_OK);
	assert_true(hf_span_equal(got, hf_span_text("second")));
	assert_int_equal(got.ptr[got.len], '\0');
	/* a second read does not touch the first */
	struct hf_span again;
	assert_int_equal(hf_file_read(dirfd_of_test, "a", 6, &arena, &again, &fault), HF_OK);
	assert_true(again.ptr > got.ptr + got.len);
	assert_true(hf_span_equal(got, again));
}

static void the_limit_is_exact(void **state)
{
	struct hf_fault fault = { 0 };
	struct hf_span got = { (const uint8_t *)"kept", 4 };
	size_t len = arena.len;

	(void)state;
	assert_int_equal(hf_file_write(dirfd_of_test, "a", hf_span_text("12345678"), 0644, &fault), HF_OK);
	assert_int_equal(hf_file_read(dirfd_of_test, "a", 7, &arena, &got, &fault), HF_ERR_FILE_TOO_LARGE);
	assert_string_equal(fault.where, "a");
	assert_int_equal(got.len, 4);
	assert_int_equal(arena.len, len);
	assert_int_equal(hf_file_read(dirfd_of_test, "a", 0, &arena, &got, &fault), HF_ERR_FILE_TOO_LARGE);
	assert_int_equal(hf_file_read(dirfd_of_test, "a", 8, &arena, &got, &fault), HF_OK);
	assert_int_equal(got.len, 8);
}

static void a_full_arena_is_named(void **state)
{
	struct hf_fault fault = { 0 };
	struct hf_span got = { (const uint8_t *)"kept", 4 };

	(void)state;
	assert_int_equal(hf_file_write(dirfd_of_test, "a", hf_span_text("12345678"), 0644, &fault), HF_OK);
	arena.cap = 8;		/* no room for the NUL */
	assert_int_equal(hf_file_read(dirfd_of_test, "a", 100, &arena, &got, &fault), HF_ERR_LIMIT);
	arena.cap = 0;
	assert_int_equal(hf_file_read(dirfd_of_test, "a", 100, &arena, &got, &fault), HF_ERR_LIMIT);
	assert_int_equal(got.len, 4);
	assert_int_equal(arena.len, 0);
	arena.cap = 9;
	assert_int_equal(hf_file_read(dirfd_of_test, "a", 100, &arena, &got, &fault), HF_OK);
	assert_int_equal(got.len, 8);
	arena.cap = 1 << 20;
}

static void files_whose_size_lies_are_read_whole(void **state)
{
	struct hf_fault fault = { 0 };
	struct hf_span got;
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/status", &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(hf_file_read(AT_FDCWD, "/proc/self/status", 65536, &arena, &got, &fault), HF_OK);
	assert_true(got.len > 100);
	assert_memory_equal(got.ptr, "Name:", 5);
	assert_int_equal(hf_file_read(AT_FDCWD, "/dev/zero", 1000, &arena, &got, &fault), HF_ERR_FILE_TOO_LARGE);
	assert_int_equal(hf_file_read(AT_FDCWD, "/dev/null", 1000, &arena, &got, &fault), HF_OK);
	assert_int_equal(got.len, 0);
	assert_int_equal(got.ptr[0], '\0');
}

static void what_cannot_be_read_is_named(void **state)
{
	struct hf_fault fault = { 0 };
	struct hf_span got = { (const uint8_t *)"kept", 4 };

	(void)state;
	assert_int_equal(hf_file_read(dirfd_of_test, "none", 10, &arena, &got, &fault), HF_ERR_FILE_UNREADABLE);
	assert_string_equal(fault.where, "none");
	assert_int_equal(fault.sys_errno, ENOENT);
	assert_int_equal(hf_file_read(AT_FDCWD, dir, 10, &arena, &got, &fault), HF_ERR_FILE_UNREADABLE);
	assert_int_equal(fault.sys_errno, EISDIR);
	assert_int_equal(hf_file_read(-1, "none", 10, &arena, &got, NULL), HF_ERR_FILE_UNREADABLE);
	assert_int_equal(hf_file_read(dirfd_of_test, "none", SIZE_MAX, &arena, &got, &fault), HF_ERR_INTERNAL);
	assert_int_equal(got.len, 4);
}

static void a_failed_write_leaves_the_old_file_and_no_litter(void **state)
{
	struct hf_fault fault = { 0 };
	char path[128];

	(void)state;
	assert_int_equal(hf_file_write(dirfd_of_test, "none/a", hf_span_text("x"), 0644, &fault), HF_ERR_OUTPUT_FAILED);
	assert_string_equal(fault.where, "none/a");
	assert_int_equal(fault.sys_errno, ENOENT);
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(hf_file_write(dirfd_of_test, "a", hf_span_text("x"), 0644, &fault), HF_ERR_OUTPUT_FAILED);
	assert_int_equal(fault.sys_errno, EISDIR);
	assert_int_equal(count_files(), 1);
	assert_int_equal(hf_file_write(AT_FDCWD, "/dev/full/x", hf_span_text("x"), 0644, NULL), HF_ERR_OUTPUT_FAILED);
}

static void a_link_in_the_way_is_replaced_not_followed(void **state)
{
	struct hf_fault fault = { 0 };
	struct hf_span got;
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(hf_file_write(dirfd_of_test, "target", hf_span_text("kept"), 0644, &fault), HF_OK);
	assert_int_equal(symlinkat("target", dirfd_of_test, "link"), 0);
	assert_int_equal(hf_file_write(dirfd_of_test, "link", hf_span_text("new"), 0644, &fault), HF_OK);
	assert_int_equal(hf_file_read(dirfd_of_test, "target", 10, &arena, &got, &fault), HF_OK);
	assert_true(hf_span_equal(got, hf_span_text("kept")));
	/* nor a link that waits under the temporary name */
	snprintf(path, sizeof(path), "b.%ld-0.tmp", (long)getpid());
	assert_int_equal(symlinkat("target", dirfd_of_test, path), 0);
	assert_int_equal(hf_file_write(dirfd_of_test, "b", hf_span_text("new"), 0644, &fault), HF_OK);
	assert_int_equal(hf_file_read(dirfd_of_test, "target", 10, &arena, &got, &fault), HF_OK);
	assert_true(hf_span_equal(got, hf_span_text("kept")));
	assert_int_equal(hf_file_read(dirfd_of_test, "b", 10, &arena, &got, &fault), HF_OK);
	assert_true(hf_span_equal(got, hf_span_text("new")));
}

static void absolute_and_large(void **state)
{
	struct hf_fault fault = { 0 };
	static uint8_t large[300000];
	struct hf_span got;
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i ^ i >> 8);
	snprintf(path, sizeof(path), "%s/large", dir);
	assert_int_equal(hf_file_write(AT_FDCWD, path, (struct hf_span){ large, sizeof(large) }, 0644, &fault), HF_OK);
	assert_int_equal(hf_file_read(AT_FDCWD, path, sizeof(large), &arena, &got, &fault), HF_OK);
	assert_true(hf_span_equal(got, (struct hf_span){ large, sizeof(large) }));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(the_limit_is_exact),
		TEST(a_full_arena_is_named),
		TEST(files_whose_size_lies_are_read_whole),
		TEST(what_cannot_be_read_is_named),
		TEST(a_failed_write_leaves_the_old_file_and_no_litter),
		TEST(a_link_in_the_way_is_replaced_not_followed),
		TEST(absolute_and_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
