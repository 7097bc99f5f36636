/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "measure/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_TRIES 16

/* read(2) until the end or until cap bytes are there; -1 with errno on failure. */
static ssize_t read_up_to(int fd, uint8_t *buf, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

enum hf_err hf_file_read(int dirfd, const char *path, size_t limit, struct hf_arena *arena,
			 struct hf_span *ret, struct hf_fault *fault)
{
	/* Straight into the arena's free end: st_size lies on sysfs, and zeroing limit
	 * bytes first would touch memory for nothing. */
	size_t start = (arena->len + 15) & ~(size_t)15;
	size_t room = start < arena->cap ? arena->cap - start : 0;
	size_t want = limit < room ? limit + 1 : room;	/* one more: the NUL, or too large */
	ssize_t n;
	int fd, saved;

	if (limit >= SSIZE_MAX)
		return hf_fail(fault, HF_ERR_INTERNAL, path, "limit");
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	n = want ? read_up_to(fd, arena->base + start, want) : 0;
	saved = errno;
	close(fd);
	if (n < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, saved, path);
	if ((size_t)n > limit)
		return hf_fail(fault, HF_ERR_FILE_TOO_LARGE, path, "more than %zu bytes", limit);
	if ((size_t)n >= room)
		return hf_fail(fault, HF_ERR_LIMIT, path, "no room for %zu bytes", limit);
	arena->base[start + (size_t)n] = '\0';
	arena->len = start + (size_t)n + 1;
	*ret = (struct hf_span){ arena->base + start, (size_t)n };
	return HF_OK;
}

static int write_all(int fd, struct hf_span bytes)
{
	for (size_t pos = 0; pos < bytes.len;) {
		ssize_t n = write(fd, bytes.ptr + pos, bytes.len - pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		pos += (size_t)n;
	}
	return 0;
}

/* A rename survives a power cut only when its directory is synced too. */
static int sync_directory_of(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";
	int fd, rc;

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	/* Some file systems cannot sync a directory; there the rename is all there is. */
	if (rc < 0 && (errno == EINVAL || errno == ENOTSUP))
		rc = 0;
	close(fd);
	return rc;
}

static int open_temporary(int dirfd, const char *path, char temporary[static PATH_MAX])
{
	for (unsigned i = 0; i < TEMPORARY_TRIES; i++) {
		int n = snprintf(temporary, PATH_MAX, "%s.%ld-%u.tmp", path, (long)getpid(), i);
		int fd;

		if (n < 0 || n >= PATH_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

enum hf_err hf_file_write(int dirfd, const char *path, struct hf_span bytes, unsigned mode,
			  struct hf_fault *fault)
{
	char temporary[PATH_MAX];
	int fd = open_temporary(dirfd, path, temporary);
	int rc, saved;

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, path);
	rc = write_all(fd, bytes);
	if (rc == 0)
		rc = fchmod(fd, mode);
	if (rc == 0)
		rc = fsync(fd);
	saved = errno;
	if (close(fd) < 0 && rc == 0) {
		rc = -1;
		saved = errno;
	}
	if (rc == 0 && renameat(dirfd, temporary, dirfd, path) < 0) {
		rc = -1;
		saved = errno;
	}
	if (rc < 0) {
		unlinkat(dirfd, temporary, 0);
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, saved, path);
	}
	if (sync_directory_of(dirfd, path) < 0)
		return hf_fail_errno(fault, HF_ERR_OUTPUT_FAILED, errno, path);
	return HF_OK;
}
