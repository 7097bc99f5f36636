/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Boot entries, and what is written into a directory laid out like efivarfs. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/next_boot.h"

#define GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"

struct fixture {
	char dir[64];
	int dirfd;
	struct hf_fault fault;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/next-boot-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY);
	*state = f;
	return f->dirfd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	close(f->dirfd);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	free(f);
	return system(command);
}

/* An entry "AB" with a device path of path bytes, of which there are there. */
static struct hf_span entry(uint8_t *buf, uint32_t attributes, uint16_t path, size_t there)
{
	struct hf_writer w = { .buf = buf, .cap = 8192 };

	hf_put_le(&w, attributes, 4);
	hf_put_le(&w, path, 2);
	hf_put_le(&w, 'A', 2);
	hf_put_le(&w, 'B', 2);
	hf_put_le(&w, 0, 2);
	for (size_t i = 0; i < there; i++)
		hf_put_le(&w, 0x7f, 1);
	assert_false(w.full);
	return hf_written(&w);
}

static void put(struct fixture *f, const char *name, struct hf_span value)
{
	static const uint8_t attributes[4] = { 7 };
	int fd = openat(f->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, attributes, 4), 4);
	assert_int_equal(write(fd, value.ptr, value.len), value.len);
	close(fd);
}

static size_t get(struct fixture *f, const char *name, uint8_t *buf)
{
	int fd = openat(f->dirfd, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, 8192);

	if (fd >= 0)
		close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static void an_entry_must_be_whole(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8192];
	struct hf_span good = entry(buf, 1, 4, 4);

	assert_int_equal(hf_boot_entry_check(good, &f->fault), HF_OK);
	for (size_t len = 0; len < good.len; len++)	/* cut anywhere */
		assert_int_equal(hf_boot_entry_check((struct hf_span){ buf, len }, &f->fault), HF_ERR_BOOT_ENTRY);
	assert_int_equal(hf_boot_entry_check(entry(buf, 1, 4, 100), &f->fault), HF_OK);	/* optional data */
	assert_int_equal(hf_boot_entry_check(entry(buf, 0, 4, 4), &f->fault), HF_ERR_BOOT_ENTRY);
	assert_int_equal(hf_boot_entry_check(entry(buf, 8, 4, 4), &f->fault), HF_ERR_BOOT_ENTRY);
	assert_int_equal(hf_boot_entry_check(entry(buf, 1, 3, 4), &f->fault), HF_ERR_BOOT_ENTRY);
	assert_int_equal(hf_boot_entry_check(entry(buf, 1, 5, 4), &f->fault), HF_ERR_BOOT_ENTRY);
	assert_int_equal(hf_boot_entry_check(entry(buf, 1, 4, HF_BOOT_ENTRY_MAX), &f->fault), HF_ERR_BOOT_ENTRY);
}

static void the_entry_of_these_bytes_is_found(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8192], other[8192];
	struct hf_span want = entry(buf, 1, 4, 8), not = entry(other, 1, 4, 9);
	uint16_t number = 99;
	bool is_new = true;

	put(f, "Boot0000" GLOBAL, not);
	put(f, "Boot00AB" GLOBAL, want);
	put(f, "Boot0001-00000000-0000-0000-0000-000000000000", want);	/* somebody else's variable */
	put(f, "Boot00ac" GLOBAL, want);	/* no boot entry: lower case */
	put(f, "BootOrder" GLOBAL, want);
	assert_int_equal(hf_next_boot_find(f->dirfd, want, &number, &is_new, &f->fault), HF_OK);
	assert_int_equal(number, 0xab);
	assert_false(is_new);
}

static void the_lowest_free_number_is_taken(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8192], other[8192], is[8192];
	struct hf_span want = entry(buf, 1, 4, 8), not = entry(other, 1, 4, 9);
	uint16_t number = 99;
	bool is_new = false;

	put(f, "Boot0000" GLOBAL, not);
	put(f, "Boot0002" GLOBAL, not);
	put(f, "BootNext" GLOBAL, (struct hf_span){ (const uint8_t *)"\x02", 2 });
	assert_int_equal(hf_next_boot_find(f->dirfd, want, &number, &is_new, &f->fault), HF_OK);
	assert_int_equal(number, 1);
	assert_true(is_new);
	assert_int_equal(hf_next_boot_set(f->dirfd, want, &f->fault), HF_OK);
	assert_int_equal(get(f, "BootNext" GLOBAL, is), 6);
	assert_memory_equal(is, "\x07\0\0\0\x01\0", 6);
	assert_int_equal(get(f, "Boot0001" GLOBAL, is), 4 + want.len);
	assert_memory_equal(is, "\x07\0\0\0", 4);
	assert_memory_equal(is + 4, want.ptr, want.len);
	assert_int_equal(get(f, "Boot0000" GLOBAL, is), 4 + not.len);	/* as it was */
	assert_int_equal(hf_next_boot_set(f->dirfd, want, &f->fault), HF_OK);	/* again: no second entry */
	assert_int_equal(get(f, "Boot0003" GLOBAL, is), 0);
}

static void nothing_is_written_for_a_broken_entry(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8192], is[8192];

	assert_int_equal(hf_next_boot_set(f->dirfd, entry(buf, 0, 4, 4), &f->fault), HF_ERR_BOOT_ENTRY);
	assert_int_equal(get(f, "BootNext" GLOBAL, is), 0);
	assert_int_equal(get(f, "Boot0000" GLOBAL, is), 0);
}

/* A host that is held after all must not start its tenant at the next reset. */
static void nothing_is_left_behind_by_a_failure(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8192], other[8192], is[8192];
	struct hf_span want = entry(buf, 1, 4, 8);

	assert_int_equal(hf_next_boot_set(f->dirfd, want, &f->fault), HF_OK);
	assert_int_equal(get(f, "BootNext" GLOBAL, is), 6);
	hf_next_boot_drop(f->dirfd);
	assert_int_equal(get(f, "BootNext" GLOBAL, is), 0);
	assert_int_equal(get(f, "Boot0000" GLOBAL, is), 4 + want.len);	/* starts nothing by itself */
	hf_next_boot_drop(f->dirfd);	/* twice is fine */
	assert_int_equal(hf_next_boot_set(f->dirfd, want, &f->fault), HF_OK);
	assert_int_equal(hf_next_boot_set(f->dirfd, entry(other, 0, 4, 4), &f->fault), HF_ERR_BOOT_ENTRY);
	assert_int_equal(get(f, "BootNext" GLOBAL, is), 0);
}

static void what_firmware_does_not_keep_is_noticed(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8192];
	char path[128];

	snprintf(path, sizeof(path), "%s/BootNext" GLOBAL, f->dir);
	assert_int_equal(mkdir(path, 0700), 0);		/* neither replaced nor read */
	assert_int_equal(hf_next_boot_set(f->dirfd, entry(buf, 1, 4, 4), &f->fault), HF_ERR_RELEASE_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_entry_must_be_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_entry_of_these_bytes_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_lowest_free_number_is_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_written_for_a_broken_entry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_left_behind_by_a_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_firmware_does_not_keep_is_noticed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
