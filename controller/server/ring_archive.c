/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archive of a ring's manifests. What comes is unpacked and packed anew, so that what goes out has
 * nothing in it but files that an anchor stands behind. [pure] */
#include "controller/server/ring.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "measure/cpio.h"

#define BUFFER ((size_t)64 << 10)

struct source { struct hf_span left; };

static enum hf_err fill(void *self, uint8_t *buf, size_t cap, size_t *ret_len)
{
	struct source *s = self;
	const size_t n = s->left.len < cap ? s->left.len : cap;

	if (n)
		memcpy(buf, s->left.ptr, n);
	s->left = hf_span_part(s->left, n, s->left.len - n);
	*ret_len = n;
	return HF_OK;
}

static bool ends_with(const char *name, const char *suffix)
{
	const size_t len = strlen(name), end = strlen(suffix);

	return len > end && strcmp(name + len - end, suffix) == 0;
}

/* The file's own name; NULL: it is none that the gate would read. */
static const char *own_name(const char *path)
{
	const size_t folder = strlen(HF_RING_FOLDER);
	const char *name = strncmp(path, HF_RING_FOLDER, folder) == 0 ? path + folder : "";

	if (!*name || *name == '.' || strchr(name, '/'))
		return NULL;
	return ends_with(name, ".corim") || ends_with(name, ".payload") ? name : NULL;
}

static enum hf_err take_file(struct hf_cpio *cpio, const struct hf_cpio_entry *e, const char *name,
			     struct hf_arena *arena, struct hf_ring_file *ret, struct hf_fault *fault)
{
	uint8_t *bytes = hf_arena_take(arena, e->size ? e->size : 1);
	struct hf_span piece;
	size_t len = 0;

	ret->name = hf_arena_text(arena, name, strlen(name));
	if (!bytes || !ret->name)
		return hf_fail(fault, HF_ERR_LIMIT, NULL, "%.100s is too large", name);
	do {
		if (hf_cpio_data(cpio, &piece) != HF_OK)
			return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "the archive ends inside of %.100s", name);
		memcpy(bytes + len, piece.ptr, piece.len);
		len += piece.len;
	} while (piece.len);
	ret->bytes = (struct hf_span){ bytes, len };
	return HF_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct hf_ring_file *)a)->name, ((const struct hf_ring_file *)b)->name);
}

static enum hf_err sort(struct hf_ring_files *files, struct hf_fault *fault)
{
	qsort(files->list, files->count, sizeof(*files->list), by_name);
	for (size_t i = 1; i < files->count; i++)
		if (strcmp(files->list[i - 1].name, files->list[i].name) == 0)
			return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "%.100s is there twice", files->list[i].name);
	return files->count ? HF_OK : hf_fail(fault, HF_ERR_API_REFUSED, NULL, "no manifest is in the archive");
}

static enum hf_err take_entry(struct hf_cpio *cpio, const struct hf_cpio_entry *e, size_t most,
			      struct hf_arena *arena, struct hf_ring_files *files, struct hf_fault *fault)
{
	const char *name = own_name(e->name);
	enum hf_err err;

	if (S_ISDIR(e->mode))
		return HF_OK;
	if (!S_ISREG(e->mode) || !name)
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "%.100s is no file %s*.corim or *.payload", e->name,
			       HF_RING_FOLDER);
	if (e->size > most)	/* of the whole: no room is made for what cannot be there */
		return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "the archive ends inside of %.100s", name);
	err = take_file(cpio, e, name, arena, &files->list[files->count], fault);
	files->count += !err;
	return err;
}

enum hf_err hf_ring_unpack(struct hf_span archive, struct hf_arena *arena, struct hf_ring_files *ret,
			   struct hf_fault *fault)
{
	struct source source = { archive };
	struct hf_ring_files files = { hf_arena_take(arena, HF_CPIO_ENTRIES_MAX * sizeof(*files.list)), 0 };
	uint8_t *buffer = hf_arena_take(arena, BUFFER);
	struct hf_cpio_entry e = { .trailer = false };
	struct hf_cpio cpio;
	enum hf_err err = files.list && buffer ? HF_OK : hf_fail(fault, HF_ERR_NO_MEMORY, NULL, "archive");

	if (!err && archive.len > HF_RING_BYTES_MAX)
		err = hf_fail(fault, HF_ERR_LIMIT, NULL, "%zu bytes of manifests", archive.len);
	if (err)
		return err;
	hf_cpio_open(&cpio, fill, &source, buffer, BUFFER);
	while (!err) {
		if (hf_cpio_next(&cpio, &e) != HF_OK)
			return hf_fail(fault, HF_ERR_API_REFUSED, NULL, "the body is no newc archive of at most %d "
				       "entries that ends with TRAILER!!!", HF_CPIO_ENTRIES_MAX);
		if (e.trailer)
			break;
		err = take_entry(&cpio, &e, archive.len, arena, &files, fault);
	}
	if (!err)
		err = sort(&files, fault);
	if (!err)
		*ret = files;
	return err;
}

enum hf_err hf_ring_pack(const struct hf_ring_files *files, struct hf_arena *arena, struct hf_span *ret)
{
	static const char *const folders[] = { "etc", "etc/holdfast", "etc/holdfast/manifests.d" };
	const struct hf_span none = { NULL, 0 };
	char name[HF_CPIO_NAME_MAX + 1];
	struct hf_writer w = { .cap = HF_RING_BYTES_MAX };
	size_t room = 4096;

	for (size_t i = 0; i < files->count; i++)
		room += files->list[i].bytes.len + 512;
	w.cap = room < HF_RING_BYTES_MAX ? room : HF_RING_BYTES_MAX;
	w.buf = hf_arena_room(arena, w.cap);
	if (!w.buf)
		return HF_ERR_NO_MEMORY;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		hf_cpio_put(&w, folders[i], S_IFDIR | 0755, none);
	for (size_t i = 0; i < files->count; i++) {
		w.full |= (size_t)snprintf(name, sizeof(name), HF_RING_FOLDER "%s", files->list[i].name) >=
			  sizeof(name);
		hf_cpio_put(&w, name, S_IFREG | 0644, files->list[i].bytes);
	}
	hf_cpio_put_trailer(&w);
	if (w.full)
		return HF_ERR_LIMIT;
	*ret = hf_written(&w);
	return HF_OK;
}
