/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/census_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/census_parts.h"
#include "controller/evidence_input.h"
#include "controller/scan.h"
#include "measure/file.h"

#define FILE_ARENA ((size_t)512 << 20)	/* bytes of one capture and its claims; reserved */
#define CLAIMS_FILE "claims.cbor"
#define CLAIMS_FILE_MAX (64u << 20)
#define NAME_TEXT 120

struct reading {
	struct hf_census_input *input;
	struct hf_census *census;
	struct hf_census_skipped **skipped_end;
	struct hf_arena scratch;	/* of one file: emptied for the next */
	int dirfd;
	const char **names;
	size_t count;
};

static enum hf_err skip(struct reading *r, const char *name, enum hf_err cause, const char *detail)
{
	struct hf_arena *arena = r->input->arena;
	struct hf_census_skipped *s = hf_arena_take(arena, sizeof(*s));

	if (!s)
		return HF_ERR_LIMIT;
	s->name = hf_census_text(arena, name, NAME_TEXT);
	s->detail = hf_census_text(arena, detail, NAME_TEXT);
	s->err = cause;
	if (!s->name || !s->detail)
		return HF_ERR_LIMIT;
	*r->skipped_end = s;
	r->skipped_end = &s->next;
	r->input->skipped_count++;
	return HF_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names first: the order in which a file system gives them is nobody's. */
static enum hf_err list(struct reading *r, const char *dir, struct hf_fault *fault)
{
	int fd = openat(r->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	enum hf_err err = HF_OK;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	}
	r->names = hf_arena_take(r->input->arena, HF_CENSUS_CAPTURES_MAX * sizeof(*r->names));
	while (!err && (entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!r->names || r->count == HF_CENSUS_CAPTURES_MAX) {
			err = hf_fail(fault, HF_ERR_LIMIT, dir, "more than %u files",
				      HF_CENSUS_CAPTURES_MAX);
			break;
		}
		r->names[r->count] = hf_arena_text(r->input->arena, entry->d_name, strlen(entry->d_name));
		if (!r->names[r->count++])
			err = hf_fail(fault, HF_ERR_LIMIT, dir, "names");
	}
	closedir(stream);
	if (!err)
		qsort(r->names, r->count, sizeof(*r->names), by_name);
	return err;
}

static enum hf_err from_claims(struct hf_span cbor, const char *name, struct hf_claims *claims,
			       struct hf_fault *fault)
{
	enum hf_err err = cbor.len ? hf_claims_decode(claims, cbor) : HF_ERR_CLAIMS_MISSING;

	return err ? hf_fail(fault, err, name, "claims of %zu bytes", cbor.len) : HF_OK;
}

static enum hf_err from_directory(struct reading *r, const char *name, struct hf_claims *claims,
				  struct hf_fault *fault)
{
	int fd = openat(r->dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hf_span cbor;
	struct stat st;
	enum hf_err err;

	if (fd < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, name);
	if (fstatat(fd, CLAIMS_FILE, &st, 0) != 0 || !S_ISREG(st.st_mode))
		err = hf_fail(fault, HF_ERR_CLAIMS_MISSING, name, "a directory without " CLAIMS_FILE);
	else
		err = hf_file_read(fd, CLAIMS_FILE, CLAIMS_FILE_MAX, &r->scratch, &cbor, fault);
	close(fd);
	return err ? err : from_claims(cbor, name, claims, fault);
}

static enum hf_err from_file(struct reading *r, const char *name, struct hf_claims *claims,
			     struct hf_fault *fault)
{
	struct hf_evidence evidence;
	struct hf_span bytes, json;
	enum hf_err err = hf_file_read(r->dirfd, name, HF_CENSUS_FILE_MAX, &r->scratch, &bytes, fault);

	if (err)
		return err;
	err = hf_scan_read(bytes, name, claims, fault);
	if (err != HF_ERR_SCAN_SHAPE)
		return err;
	json = hf_evidence_block((uint8_t *)(uintptr_t)bytes.ptr, bytes.len);
	if (!json.len || hf_evidence_from_cmw(json, &r->scratch, &evidence) != HF_OK)
		return err;	/* as scan's reader says it */
	hf_claims_init(claims, &r->scratch);
	return from_claims(evidence.claims, name, claims, fault);
}

/* An error ends the census; a file that is none is only skipped. */
static enum hf_err read_one(struct reading *r, const char *name, struct hf_fault *fault)
{
	struct hf_claims claims;
	struct hf_fault why = { 0 };
	struct stat st;
	enum hf_err err;

	r->scratch.len = 0;
	hf_claims_init(&claims, &r->scratch);
	if (fstatat(r->dirfd, name, &st, 0) != 0)
		err = hf_fail_errno(&why, HF_ERR_FILE_UNREADABLE, errno, name);
	else if (S_ISDIR(st.st_mode))
		err = from_directory(r, name, &claims, &why);
	else if (S_ISREG(st.st_mode))	/* whoever opens a pipe waits for somebody */
		err = from_file(r, name, &claims, &why);
	else
		err = hf_fail(&why, HF_ERR_FILE_UNREADABLE, name, "neither a file nor a directory");
	if (!err) {
		err = hf_census_add(r->census, name, &claims);
		if (err && err != HF_ERR_CLAIMS_MISSING)
			return hf_fail(fault, err, name, "no room to count it");
	}
	if (!err)
		return HF_OK;
	err = skip(r, name, err, why.detail);
	return err ? hf_fail(fault, err, name, "no room to name it") : HF_OK;
}

enum hf_err hf_census_read(const char *dir, struct hf_census_input *input, struct hf_census *census,
			   struct hf_fault *fault)
{
	struct reading r = { .input = input, .census = census, .skipped_end = &input->skipped };
	enum hf_err err = hf_arena_make(FILE_ARENA, &r.scratch);

	if (err)
		return hf_fail(fault, err, dir, "%zu bytes", FILE_ARENA);
	r.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = r.dirfd < 0 ? hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir)
			  : list(&r, dir, fault);
	for (size_t i = 0; i < r.count && !err; i++) {
		err = read_one(&r, r.names[i], fault);
		if (!err && input->progress)
			input->progress(i + 1, r.count);
	}
	if (r.dirfd >= 0)
		close(r.dirfd);
	hf_arena_drop(&r.scratch);
	return err;
}
