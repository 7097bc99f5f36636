/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/next_boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"	/* UEFI 2.10, 3.3 */
#define BOOT_NEXT "BootNext-" GLOBAL
#define ATTRIBUTES 7u		/* non-volatile, at boot, at run time */
#define VALUE_AT 4		/* efivarfs puts the attributes before the value */
#define NUMBERS_TRIED 0x1000u	/* firmware has room for far fewer */

/* The value of a variable without its attributes; false: not there, or larger than cap. */
static bool read_value(int dirfd, const char *name, uint8_t *buf, size_t cap, struct hf_span *ret)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, cap);

	if (fd >= 0)
		close(fd);
	if (n < VALUE_AT || (size_t)n == cap)
		return false;
	*ret = (struct hf_span){ buf + VALUE_AT, (size_t)n - VALUE_AT };
	return true;
}

static bool holds(int dirfd, const char *name, struct hf_span value)
{
	uint8_t buf[VALUE_AT + HF_BOOT_ENTRY_MAX + 1];
	struct hf_span is;

	return read_value(dirfd, name, buf, sizeof(buf), &is) && hf_span_equal(is, value);
}

static void entry_name(uint16_t number, char out[static 64])
{
	snprintf(out, 64, "Boot%04X-" GLOBAL, number);
}

/* Boot and four upper-case digits (3.1.1); what is named otherwise is no boot entry. */
static bool entry_number(const char *name, uint16_t *ret)
{
	char again[64];
	unsigned number;

	if (sscanf(name, "Boot%4X-", &number) != 1)
		return false;
	*ret = (uint16_t)number;
	entry_name(*ret, again);
	return strcmp(name, again) == 0;
}

enum hf_err hf_next_boot_find(int dirfd, struct hf_span entry, uint16_t *ret_number, bool *ret_new,
			      struct hf_fault *fault)
{
	uint8_t taken[NUMBERS_TRIED / 8] = { 0 };
	struct dirent **list = NULL;
	int count = scandirat(dirfd, ".", &list, NULL, alphasort);
	bool found = false;
	uint16_t number;

	if (count < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, "the firmware's variables");
	for (int i = 0; i < count; i++) {
		if (!found && entry_number(list[i]->d_name, &number)) {
			if (number < NUMBERS_TRIED)
				taken[number / 8] |= (uint8_t)(1u << number % 8);
			found = holds(dirfd, list[i]->d_name, entry);
			*ret_number = number;
		}
		free(list[i]);
	}
	free(list);
	*ret_new = !found;
	if (found)
		return HF_OK;
	for (unsigned n = 0; n < NUMBERS_TRIED; n++)
		if (!(taken[n / 8] & 1u << n % 8)) {
			*ret_number = (uint16_t)n;
			return HF_OK;
		}
	return hf_fail(fault, HF_ERR_BOOT_ENTRY, "boot-entry", "%s", "no number is free");
}

/* One write for the whole variable, and read back: some firmware says yes and keeps nothing. */
static enum hf_err put_variable(int dirfd, const char *name, struct hf_span value, struct hf_fault *fault)
{
	uint8_t buf[VALUE_AT + HF_BOOT_ENTRY_MAX];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	ssize_t n;
	int fd, sys_errno;

	if (holds(dirfd, name, value))
		return HF_OK;
	hf_put_le(&w, ATTRIBUTES, VALUE_AT);
	hf_put_span(&w, value);
	if (w.full)
		return hf_fail(fault, HF_ERR_LIMIT, name, "%zu bytes", value.len);
	if (unlinkat(dirfd, name, 0) != 0 && errno != ENOENT)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, name);
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, name);
	n = write(fd, buf, w.len);
	sys_errno = errno;
	close(fd);
	if (n != (ssize_t)w.len)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, n < 0 ? sys_errno : EIO, name);
	if (!holds(dirfd, name, value))
		return hf_fail(fault, HF_ERR_RELEASE_FAILED, name, "%s", "firmware did not keep what was written");
	return HF_OK;
}

void hf_next_boot_drop(int dirfd)
{
	(void)unlinkat(dirfd, BOOT_NEXT, 0);	/* it is hardly ever there */
}

enum hf_err hf_next_boot_set(int dirfd, struct hf_span entry, struct hf_fault *fault)
{
	uint8_t next[2];
	char name[64];
	uint16_t number = 0;
	bool is_new = false;
	enum hf_err err = hf_boot_entry_check(entry, fault);

	if (err == HF_OK)
		err = hf_next_boot_find(dirfd, entry, &number, &is_new, fault);
	if (err == HF_OK) {
		entry_name(number, name);
		err = put_variable(dirfd, name, entry, fault);
	}
	next[0] = (uint8_t)number;
	next[1] = (uint8_t)(number >> 8);
	if (err == HF_OK)
		err = put_variable(dirfd, BOOT_NEXT, (struct hf_span){ next, 2 }, fault);
	if (err != HF_OK)
		hf_next_boot_drop(dirfd);
	return err;
}
