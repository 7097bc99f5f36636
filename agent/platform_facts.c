/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/platform_facts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure/file.h"

static struct hf_measurement *add(struct hf_facts *f, const char *mkey, enum hf_method method,
				  uint32_t flags)
{
	struct hf_measurement *m;

	if (f->err)
		return NULL;
	m = hf_claims_add_measurement(f->claims, f->part, NULL, mkey, method, flags);
	if (!m)
		f->err = HF_ERR_LIMIT;
	return m;
}

static bool is_printable(struct hf_span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return false;
	return text.len <= HF_TEXT_MAX;
}

void hf_facts_text(struct hf_facts *f, const char *mkey, uint32_t flags, struct hf_span text)
{
	struct hf_measurement *m = add(f, mkey, HF_METHOD_IDENTITY, flags);
	char copy[HF_TEXT_MAX + 1];

	if (!m)
		return;
	if (!is_printable(text)) {
		text.len = text.len < HF_BYTES_MAX ? text.len : HF_BYTES_MAX;
		f->err = hf_measurement_set_bytes(f->claims, m, text);
		return;
	}
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	f->err = hf_measurement_set_text(f->claims, m, copy);
}

void hf_facts_format(struct hf_facts *f, const char *mkey, uint32_t flags, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hf_facts_text(f, mkey, flags, hf_span_text(text));
}

void hf_facts_number(struct hf_facts *f, const char *mkey, uint32_t flags, uint64_t number)
{
	struct hf_measurement *m = add(f, mkey, HF_METHOD_IDENTITY, flags);

	if (m)
		hf_measurement_set_number(m, number);
}

static enum hf_err digest_both(struct hf_span bytes, struct hf_digest ret[2])
{
	enum hf_err err = hf_digest(HF_ALG_SHA256, bytes, &ret[0]);

	return err ? err : hf_digest(HF_ALG_SHA384, bytes, &ret[1]);
}

static void put_digests(struct hf_facts *f, const char *mkey, const struct hf_digest digests[2],
			uint64_t size)
{
	struct hf_measurement *m = add(f, mkey, HF_METHOD_BYTES, HF_ADVISORY);

	if (m)
		f->err = hf_measurement_set_digests(m, digests, 2, size);
}

void hf_facts_digest(struct hf_facts *f, const char *mkey, struct hf_span bytes)
{
	struct hf_digest digests[2];
	enum hf_err err = digest_both(bytes, digests);

	if (!err)
		put_digests(f, mkey, digests, bytes.len);
	else if (!f->err)
		f->err = err;
}

enum hf_err hf_facts_digest_file(struct hf_facts *f, const char *mkey, int dirfd, const char *path,
				 size_t limit, size_t skip)
{
	struct hf_arena *arena = f->claims->arena;
	size_t mark = arena->len;
	struct hf_digest digests[2];
	struct hf_span bytes;
	enum hf_err err = hf_file_read(dirfd, path, limit, arena, &bytes, NULL);

	if (!err && bytes.len < skip)
		err = HF_ERR_READ_FAILED;
	if (!err)
		err = digest_both(hf_span_part(bytes, skip, bytes.len - skip), digests);
	arena->len = mark;
	if (!err)
		put_digests(f, mkey, digests, bytes.len - skip);
	return err;
}

void hf_facts_failure(struct hf_facts *f, const char *mkey, uint32_t flags, enum hf_err cause)
{
	struct hf_measurement *m = add(f, mkey, HF_METHOD_NONE, flags);

	if (m)
		hf_measurement_set_failure(m, cause);
}

void hf_facts_missing(struct hf_facts *f, const char *mkey, uint32_t flags, enum hf_err cause)
{
	if (!f->host->live)
		cause = HF_ERR_NOT_MEASURED;
	else if (cause != HF_ERR_KERNEL_REFUSED)
		cause = HF_ERR_READ_FAILED;
	hf_facts_failure(f, mkey, flags, cause);
}

void hf_facts_file(struct hf_facts *f, const char *mkey, uint32_t flags, const char *path)
{
	char text[HF_TEXT_MAX];
	enum hf_err err = hf_host_read_text(f->host, path, text, sizeof(text));

	if (err)
		hf_facts_missing(f, mkey, flags, err);
	else
		hf_facts_text(f, mkey, flags, hf_span_text(text));
}

enum hf_err hf_facts_proc(struct hf_facts *f, const char *name, size_t limit, struct hf_span *ret)
{
	char path[512];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", f->procfs, name) >= sizeof(path))
		return HF_ERR_FILE_UNREADABLE;
	return hf_file_read(AT_FDCWD, path, limit, f->claims->arena, ret, NULL);
}

static int is_entry(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int hf_facts_list(const struct hf_facts *f, const char *path, struct dirent ***ret)
{
	int fd = openat(f->host->sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count;

	if (fd < 0)
		return -1;
	count = scandirat(fd, ".", ret, is_entry, alphasort);
	close(fd);
	return count;
}
