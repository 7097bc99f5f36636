/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manifests/names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIR_ENTRIES_MAX 65536

void hf_names_drop(struct hf_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct hf_names){ 0 };
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);

	return len > end && name[0] != '.' && strcmp(name + len - end, suffix) == 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum hf_err names_add(struct hf_names *names, const char *name)
{
	char **list;

	if (names->count >= DIR_ENTRIES_MAX)
		return HF_ERR_LIMIT;
	if ((names->count & (names->count - 1)) == 0) {	/* room doubles at powers of two */
		list = realloc(names->list, (names->count ? 2 * names->count : 1) * sizeof(*list));
		if (!list)
			return HF_ERR_NO_MEMORY;
		names->list = list;
	}
	names->list[names->count] = strdup(name);
	return names->list[names->count++] ? HF_OK : HF_ERR_NO_MEMORY;
}

enum hf_err hf_names_read(int dirfd, const char *dir, const char *suffix, struct hf_names *ret,
			  struct hf_fault *fault)
{
	struct hf_names names = { 0 };
	enum hf_err err = HF_OK;
	struct dirent *entry;
	DIR *stream = fdopendir(dirfd);

	if (!stream) {
		close(dirfd);
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	}
	while (!err && (errno = 0, entry = readdir(stream)) != NULL)
		if (has_suffix(entry->d_name, suffix))
			err = names_add(&names, entry->d_name);
	if (err)
		hf_fail(fault, err, dir, "too many entries");
	else if (errno)
		err = hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	closedir(stream);
	if (err) {
		hf_names_drop(&names);
		return err;
	}
	if (names.count)
		qsort(names.list, names.count, sizeof(*names.list), by_bytes);
	*ret = names;
	return HF_OK;
}
