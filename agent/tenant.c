/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/tenant.h"
#include "agent/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "measure/cpio.h"
#include "measure/cose.h"
#include "measure/file.h"

#define BUFFER ((size_t)1 << 20)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void hf_tenant_init(struct hf_tenant *tenant, enum hf_image_role role)
{
	memset(tenant, 0, sizeof(*tenant));
	tenant->role = role;
	for (size_t i = 0; i < HF_TENANT_FILES; i++)
		hf_tenant_file(tenant, i)->fd = -1;
}

void hf_tenant_drop(struct hf_tenant *tenant)
{
	for (size_t i = 0; i < HF_TENANT_FILES; i++)
		if (hf_tenant_file(tenant, i)->fd >= 0)
			close(hf_tenant_file(tenant, i)->fd);
	hf_tenant_init(tenant, tenant->role);
}

static enum hf_err write_all(int fd, struct hf_span s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return errno == ENOSPC || errno == ENOMEM ? HF_ERR_NO_MEMORY
								  : HF_ERR_OUTPUT_FAILED;
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return HF_OK;
}

/* SHA-256 of the file's first size bytes, read where they lie. */
static enum hf_err digest_memory(const struct hf_tenant_file *file, struct hf_digest *ret)
{
	enum hf_err err;
	void *map;

	if (file->size == 0)
		return hf_digest(HF_ALG_SHA256, (struct hf_span){ NULL, 0 }, ret);
	map = mmap(NULL, file->size, PROT_READ, MAP_SHARED, file->fd, 0);
	if (map == MAP_FAILED)
		return HF_ERR_NO_MEMORY;
	err = hf_digest(HF_ALG_SHA256, (struct hf_span){ map, file->size }, ret);
	munmap(map, file->size);
	return err;
}

/* Image and what the kernel makes of it must fit beside each other. */
static bool fits_memory(uint64_t size)
{
	struct sysinfo info;

	if (sysinfo(&info) != 0)
		return false;
	return size <= ((uint64_t)info.freeram + info.bufferram) * info.mem_unit / 2;
}

struct store {
	struct hf_arena *arena;
	hf_store_manifest manifest;
	void *self;
	struct hf_tenant *tenant, *service;
	struct hf_fault *fault;
	const char *path;
};

static struct hf_tenant_file *file_of(struct hf_tenant *tenant, const char *name)
{
	for (size_t i = 0; i < HF_TENANT_FILES; i++)
		if (strcmp(name, hf_tenant_file_name(tenant->role, i)) == 0)
			return hf_tenant_file(tenant, i);
	return NULL;
}

static struct hf_tenant_file *tenant_file(const struct store *store, const char *name)
{
	struct hf_tenant_file *file = file_of(store->tenant, name);

	return !file && store->service ? file_of(store->service, name) : file;
}

static bool is_initrd(const struct store *store, const struct hf_tenant_file *file)
{
	return file == &store->tenant->initrd || (store->service && file == &store->service->initrd);
}

static bool is_manifest(const char *name)
{
	size_t len = strlen(name);

	return len > 6 && !strchr(name, '/') && strcmp(name + len - 6, ".corim") == 0;
}

static enum hf_err begin_file(const struct store *store, const char *name, uint64_t size,
			      struct hf_tenant_file *file)
{
	if (file->fd >= 0)
		return hf_fail(store->fault, HF_ERR_STORE_SHAPE, name, "%s", "is there twice");
	if (!fits_memory(size))
		return hf_fail(store->fault, HF_ERR_LIMIT, name,
			       "%llu bytes are more than half of the free memory",
			       (unsigned long long)size);
	file->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file->fd < 0)
		return hf_fail_errno(store->fault, HF_ERR_NO_MEMORY, errno, name);
	file->size = size;
	return HF_OK;
}

/* Sealed first, hashed then: what has this digest can no longer change. Only an initrd
 * stays open, because the hand-over goes behind it; hf_tenant_seal hashes it again. */
static enum hf_err end_file(const struct store *store, const char *name, struct hf_tenant_file *file)
{
	enum hf_err err;

	if (!is_initrd(store, file)) {
		if (fcntl(file->fd, F_ADD_SEALS, SEALS) != 0)
			return hf_fail_errno(store->fault, HF_ERR_INTERNAL, errno, name);
		file->sealed = true;
	}
	err = digest_memory(file, &file->sha256);
	return err == HF_OK ? HF_OK : hf_fail(store->fault, err, name, "%s", "while hashing");
}

/* ---- a cpio archive ---- */
struct source { int fd; int sys_errno; };

static enum hf_err fill(void *self, uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct source *source = self;
	ssize_t n;

	do {
		n = read(source->fd, buf, cap);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		source->sys_errno = errno;
		return HF_ERR_STORE_UNREADABLE;
	}
	*ret_len = (size_t)n;
	(void)hf_watch_kick();	/* a large store on a slow drive is no stall */
	return HF_OK;
}

static enum hf_err copy_entry(struct hf_cpio *cpio, struct hf_tenant_file *file)
{
	struct hf_span s;
	enum hf_err err;

	do {
		err = hf_cpio_data(cpio, &s);
		if (err == HF_OK)
			err = write_all(file->fd, s);
	} while (err == HF_OK && s.len > 0);
	return err;
}

static enum hf_err entry_manifest(const struct store *store, struct hf_cpio *cpio,
				  const struct hf_cpio_entry *entry)
{
	uint8_t *bytes;
	struct hf_span s;
	size_t len = 0;

	if (entry->size > HF_COSE_MAX)
		return hf_fail(store->fault, HF_ERR_FILE_TOO_LARGE, entry->name, "%u bytes", entry->size);
	bytes = hf_arena_take(store->arena, entry->size ? entry->size : 1);
	if (!bytes)
		return hf_fail(store->fault, HF_ERR_NO_MEMORY, entry->name, "%u bytes", entry->size);
	do {
		enum hf_err err = hf_cpio_data(cpio, &s);

		if (err != HF_OK)
			return hf_fail(store->fault, err, entry->name, "%s", "in the archive");
		memcpy(bytes + len, s.ptr, s.len);
		len += s.len;
	} while (s.len > 0);
	return store->manifest(store->self, entry->name, (struct hf_span){ bytes, len }, store->fault);
}

static enum hf_err take_entry(const struct store *store, struct hf_cpio *cpio,
			      const struct hf_cpio_entry *entry)
{
	struct hf_tenant_file *file = tenant_file(store, entry->name);
	enum hf_err err;

	if (!S_ISREG(entry->mode))
		return HF_OK;
	if (is_manifest(entry->name))
		return entry_manifest(store, cpio, entry);
	if (!file)
		return HF_OK;
	err = begin_file(store, entry->name, entry->size, file);
	if (err != HF_OK)
		return err;
	err = copy_entry(cpio, file);
	if (err != HF_OK)
		return hf_fail(store->fault, err, entry->name, "%s", "in the archive");
	return end_file(store, entry->name, file);
}

static enum hf_err read_archive(const struct store *store, int fd)
{
	struct source source = { .fd = fd };
	uint8_t *buf = malloc(BUFFER);
	struct hf_cpio_entry entry = { 0 };
	struct hf_cpio cpio;
	enum hf_err err = HF_OK;

	if (!buf)
		return hf_fail(store->fault, HF_ERR_NO_MEMORY, store->path, "%zu bytes", BUFFER);
	hf_cpio_open(&cpio, fill, &source, buf, BUFFER);
	while (err == HF_OK && !entry.trailer) {
		err = hf_cpio_next(&cpio, &entry);
		if (err != HF_OK)
			hf_fail(store->fault, err, store->path, "at byte %llu",
				(unsigned long long)cpio.offset);
		else if (!entry.trailer)
			err = take_entry(store, &cpio, &entry);
	}
	if (source.sys_errno)
		err = hf_fail_errno(store->fault, HF_ERR_STORE_UNREADABLE, source.sys_errno, store->path);
	free(buf);
	return err;
}

/* ---- a directory ---- */
static enum hf_err copy_file(const struct store *store, int dirfd, const char *name,
			     struct hf_tenant_file *file)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct source source = { .fd = fd };
	enum hf_err err = HF_OK;
	struct stat st;
	size_t n = 0;
	uint8_t *buf;

	if (fd < 0 || fstat(fd, &st) != 0) {
		if (fd >= 0)
			close(fd);
		return hf_fail_errno(store->fault, HF_ERR_STORE_UNREADABLE, errno, name);
	}
	buf = malloc(BUFFER);
	if (!buf)
		err = hf_fail(store->fault, HF_ERR_NO_MEMORY, name, "%zu bytes", BUFFER);
	if (err == HF_OK)
		err = begin_file(store, name, (uint64_t)st.st_size, file);
	file->size = 0;
	do {
		if (err == HF_OK)
			err = fill(&source, buf, BUFFER, &n);
		if (err == HF_OK)
			err = write_all(file->fd, (struct hf_span){ buf, n });
		if (err == HF_OK)
			file->size += n;
	} while (err == HF_OK && n > 0);
	free(buf);
	close(fd);
	if (err != HF_OK && (!store->fault || store->fault->err != err))
		return hf_fail(store->fault, err, name, "%s", "");
	return err != HF_OK ? err : end_file(store, name, file);
}

static enum hf_err read_name(const struct store *store, int dirfd, const char *name)
{
	struct hf_tenant_file *file = tenant_file(store, name);
	struct hf_span bytes;
	enum hf_err err;

	if (file)
		return copy_file(store, dirfd, name, file);
	if (!is_manifest(name))
		return HF_OK;
	err = hf_file_read(dirfd, name, HF_COSE_MAX, store->arena, &bytes, store->fault);
	return err != HF_OK ? err : store->manifest(store->self, name, bytes, store->fault);
}

static enum hf_err read_directory(const struct store *store, int dirfd)
{
	struct dirent **list = NULL;
	int count = scandirat(dirfd, ".", &list, NULL, alphasort);
	enum hf_err err = HF_OK;

	if (count < 0)
		return hf_fail_errno(store->fault, HF_ERR_STORE_UNREADABLE, errno, store->path);
	for (int i = 0; i < count; i++) {
		if (err == HF_OK)
			err = read_name(store, dirfd, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return err;
}

enum hf_err hf_store_read(const char *path, struct hf_arena *arena, hf_store_manifest manifest,
			  void *self, struct hf_tenant *ret, struct hf_tenant *ret_service,
			  struct hf_fault *fault)
{
	const struct store store = { arena, manifest, self, ret, ret_service, fault, path };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum hf_err err;
	struct stat st;

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_STORE_UNREADABLE, errno, path);
	if (fstat(fd, &st) != 0)
		err = hf_fail_errno(fault, HF_ERR_STORE_UNREADABLE, errno, path);
	else if (S_ISDIR(st.st_mode))
		err = read_directory(&store, fd);
	else if (S_ISBLK(st.st_mode) || S_ISREG(st.st_mode))
		err = read_archive(&store, fd);
	else
		err = hf_fail(fault, HF_ERR_STORE_SHAPE, path, "%s", "neither a block device, a file nor a directory");
	close(fd);
	return err;
}

enum hf_err hf_tenant_append(struct hf_tenant_file *file, struct hf_span bytes, struct hf_fault *fault)
{
	enum hf_err err;

	if (file->sealed || lseek(file->fd, 0, SEEK_END) < 0)
		return hf_fail(fault, HF_ERR_INTERNAL, "initrd", "%s", "cannot be appended to");
	err = write_all(file->fd, bytes);
	return err == HF_OK ? HF_OK : hf_fail(fault, err, "initrd", "%zu bytes", bytes.len);
}

enum hf_err hf_tenant_seal(struct hf_tenant_file *file, const struct hf_digest *want,
			   const char *name, struct hf_fault *fault)
{
	struct hf_digest now = file->sha256;
	enum hf_err err = HF_OK;
	char path[40];
	int fd;

	if (!file->sealed) {
		if (fcntl(file->fd, F_ADD_SEALS, SEALS) != 0)
			return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, name);
		file->sealed = true;
		err = digest_memory(file, &now);
	}
	if (err != HF_OK)
		return hf_fail(fault, err, name, "%s", "while hashing");
	if (fcntl(file->fd, F_GET_SEALS) != SEALS || !hf_digest_equal(&now, want))
		return hf_fail(fault, HF_ERR_TENANT_UNKNOWN, name, "%s",
			       "differs from what was read and judged");
	/* The kernel loads no file that somebody holds open for writing. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_RELEASE_FAILED, errno, path);
	close(file->fd);
	file->fd = fd;
	return HF_OK;
}
