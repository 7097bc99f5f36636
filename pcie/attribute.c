/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcie/attribute.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ATTRIBUTE_MAX 4096	/* sysfs gives a page */

enum hf_err hf_cause_of_errno(int sys_errno)
{
	switch (sys_errno) {
	case EPERM:
	case EACCES:
		return HF_ERR_KERNEL_REFUSED;
	case ENODEV:
	case ENXIO:
		return HF_ERR_DEVICE_GONE;
	case ETIMEDOUT:
	case ETIME:
		return HF_ERR_TIMED_OUT;
	default:
		return HF_ERR_READ_FAILED;
	}
}

bool hf_path_join(char path[static HF_ATTRIBUTE_PATH], const char *directory, const char *name)
{
	int n = snprintf(path, HF_ATTRIBUTE_PATH, "%s/%s", directory, name);

	if (n > 0 && n < HF_ATTRIBUTE_PATH)
		return true;
	path[0] = '\0';
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ata2 before ata10: numbers count by value. Leading zeros do not occur in the kernel's
 * names; where they do, the rest of the name decides. */
static int by_name(const void *a, const void *b)
{
	const char *x = a, *y = b;

	while (*x && *y) {
		size_t m = 0, n = 0;

		while (is_digit(x[m]))
			m++;
		while (is_digit(y[n]))
			n++;
		if (m && n && m != n)
			return m < n ? -1 : 1;
		if (*x != *y)
			return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
		x++;
		y++;
	}
	return *x ? 1 : *y ? -1 : 0;
}

static bool is_plain(const char *name)
{
	for (; *name; name++)
		if (!(is_digit(*name) || (*name >= 'a' && *name <= 'z') ||
		      (*name >= 'A' && *name <= 'Z') || strchr("._:-", *name)))
			return false;
	return true;
}

/* Whose names matter: others are not even looked at. */
struct choice {
	const char *prefix;
	const struct hf_walk *walk;	/* or NULL */
};

static bool chosen(const struct choice *choice, const char *name)
{
	if (!choice->walk)
		return strncmp(name, choice->prefix, strlen(choice->prefix)) == 0;
	if (choice->walk->wanted(name))
		return true;
	for (const char *const *prefix = choice->walk->through; *prefix; prefix++)
		if (strncmp(name, *prefix, strlen(*prefix)) == 0)
			return true;
	return false;
}

static enum hf_err take_entry(DIR *dir, const char *name, const struct choice *choice,
			      struct hf_entries *ret)
{
	struct stat st;

	if (name[0] == '.' || !chosen(choice, name))
		return HF_OK;
	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? HF_OK : hf_cause_of_errno(errno);
	if (!S_ISDIR(st.st_mode))
		return HF_OK;
	if (strlen(name) > HF_ENTRY_MAX || !is_plain(name))
		return HF_ERR_READ_FAILED;
	if (ret->count == HF_ENTRIES_MAX)
		return HF_ERR_DEVICE_FLOODED;
	memcpy(ret->names[ret->count++], name, strlen(name) + 1);
	return HF_OK;
}

static enum hf_err list(const struct hf_host *host, const char *path, const struct choice *choice,
			struct hf_entries *ret)
{
	int fd = openat(host->sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum hf_err err = HF_OK;
	struct dirent *entry;

	ret->count = 0;
	if (!dir) {
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			return HF_OK;
		if (fd < 0)
			return hf_cause_of_errno(errno);
		close(fd);
		return HF_ERR_READ_FAILED;
	}
	errno = 0;
	while (!err && (entry = readdir(dir)) != NULL) {
		err = take_entry(dir, entry->d_name, choice, ret);
		errno = 0;
	}
	if (!err && errno)
		err = HF_ERR_READ_FAILED;
	closedir(dir);
	if (!err)
		qsort(ret->names, ret->count, sizeof(ret->names[0]), by_name);
	return err;
}

enum hf_err hf_entries_read(const struct hf_host *host, const char *path, const char *prefix,
			    struct hf_entries *ret)
{
	return list(host, path, &(struct choice){ .prefix = prefix }, ret);
}

static enum hf_err walk_below(struct hf_walk *walk, const char *base, size_t depth)
{
	struct hf_entries entries;
	char path[HF_ATTRIBUTE_PATH];
	enum hf_err err;

	if (depth == HF_WALK_DEPTH || ++walk->visits > HF_WALK_VISITS)
		return HF_ERR_DEVICE_FLOODED;
	err = list(walk->host, base, &(struct choice){ .walk = walk }, &entries);
	for (size_t i = 0; !err && i < entries.count; i++) {
		if (!hf_path_join(path, base, entries.names[i]))
			return HF_ERR_DEVICE_FLOODED;
		err = walk->wanted(entries.names[i]) ?
			      walk->found(walk->self, path, entries.names[i]) :
			      walk_below(walk, path, depth + 1);
	}
	return err;
}

enum hf_err hf_walk(struct hf_walk *walk, const char *base)
{
	walk->visits = 0;
	return walk_below(walk, base, 0);
}

enum hf_err hf_walk_claimed(struct hf_walk *walk, const char *base, struct hf_sink *sink,
			    const char *mkey)
{
	enum hf_err err = hf_walk(walk, base);

	switch ((int)err) {
	case HF_ERR_DEVICE_FLOODED:
	case HF_ERR_READ_FAILED:
	case HF_ERR_KERNEL_REFUSED:
	case HF_ERR_DEVICE_GONE:
	case HF_ERR_TIMED_OUT:
		return hf_sink_failure(sink, mkey, err);
	default:
		return err;
	}
}

static ssize_t read_some(int fd, void *buf, size_t n)
{
	ssize_t got;

	do
		got = read(fd, buf, n);
	while (got < 0 && errno == EINTR);
	return got;
}

static int open_file(const struct hf_host *host, const char *path)
{
	return openat(host->sysfs, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

enum hf_err hf_attribute_read(const struct hf_host *host, const char *path, uint8_t *buf,
			      size_t cap, size_t *ret_len)
{
	int fd = open_file(host, path), why = 0;
	uint8_t extra;
	ssize_t n = 0;

	*ret_len = 0;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? HF_ERR_FILE_UNREADABLE :
							     hf_cause_of_errno(errno);
	while (*ret_len < cap && (n = read_some(fd, buf + *ret_len, cap - *ret_len)) > 0)
		*ret_len += (size_t)n;
	if (*ret_len == cap)
		n = read_some(fd, &extra, 1);
	why = errno;
	close(fd);
	if (n < 0)
		return hf_cause_of_errno(why);
	return n > 0 ? HF_ERR_DEVICE_FLOODED : HF_OK;
}

enum hf_err hf_attribute_stream(int fd, size_t limit, size_t step, struct hf_sink *sink,
				enum hf_err *ret_partial)
{
	size_t total = 0;

	for (;;) {
		size_t cap, want = limit - total < step ? limit - total : step;
		uint8_t *room = hf_sink_room(sink, &cap), extra;
		enum hf_err err;
		ssize_t n;

		if (want > cap)
			want = cap;
		n = want ? read_some(fd, room, want) : read_some(fd, &extra, 1);
		if (n <= 0 || !want) {
			*ret_partial = n < 0 ? hf_cause_of_errno(errno) :
				       n > 0 ? HF_ERR_DEVICE_FLOODED : HF_OK;
			return HF_OK;
		}
		err = hf_sink_bytes(sink, (struct hf_span){ room, (size_t)n });
		if (err)
			return err;
		total += (size_t)n;
	}
}

enum hf_err hf_node_open(const struct hf_host *host, const char *node, const char *dev_file,
			 int *ret_fd)
{
	unsigned major_number, minor_number;
	char text[32], end;
	struct stat st;
	int fd;

	*ret_fd = -1;
	if (hf_host_read_text(host, dev_file, text, sizeof(text)) != HF_OK ||
	    sscanf(text, "%u:%u%c", &major_number, &minor_number, &end) != 2)
		return HF_ERR_READ_FAILED;
	fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		return hf_cause_of_errno(errno);
	if (fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(major_number, minor_number)) {
		close(fd);
		return HF_ERR_READ_FAILED;
	}
	*ret_fd = fd;
	return HF_OK;
}

static bool is_padding(uint8_t c)
{
	return c == ' ' || c == '\0' || c == '\n' || c == '\t';
}

struct hf_span hf_trim(struct hf_span text)
{
	while (text.len && is_padding(text.ptr[text.len - 1]))
		text.len--;
	while (text.len && is_padding(text.ptr[0])) {
		text.ptr++;
		text.len--;
	}
	return text;
}

bool hf_is_printable(struct hf_span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return false;
	return true;
}

enum hf_err hf_sink_device_text(struct hf_sink *sink, const char *mkey, uint32_t flags,
				struct hf_span text)
{
	char copy[HF_TEXT_MAX + 1];

	text = hf_trim(text);
	if (text.len == 0)
		return HF_OK;
	if (text.len > HF_TEXT_MAX || !hf_is_printable(text))
		return hf_sink_keep(sink, mkey, HF_METHOD_VERSION, flags, text);
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return hf_sink_text(sink, mkey, HF_METHOD_VERSION, flags, copy);
}

enum hf_err hf_sink_attribute(const struct hf_read *read, const char *mkey, uint32_t flags,
			      const char *directory, const char *name)
{
	uint8_t text[ATTRIBUTE_MAX];
	char path[HF_ATTRIBUTE_PATH];
	enum hf_err err;
	size_t len;

	if (!hf_path_join(path, directory, name))
		return HF_OK;
	err = hf_attribute_read(read->host, path, text, sizeof(text), &len);
	if (err == HF_ERR_FILE_UNREADABLE)
		return HF_OK;
	if (err)
		return flags & HF_MEASUREMENT_ADVISORY ?
			       hf_sink_advisory_failure(read->sink, mkey, err) :
			       hf_sink_failure(read->sink, mkey, err);
	return hf_sink_device_text(read->sink, mkey, flags, (struct hf_span){ text, len });
}

enum hf_err hf_sink_advisory_failure(struct hf_sink *sink, const char *mkey, enum hf_err cause)
{
	enum hf_err err = hf_sink_begin(sink, mkey, HF_METHOD_NONE, HF_MEASUREMENT_ADVISORY);

	return err ? err : hf_sink_end(sink, cause);
}
