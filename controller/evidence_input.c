/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/evidence_input.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "controller/scan.h"
#include "measure/file.h"

static const char begin_line[] = "-----BEGIN HOLDFAST EVIDENCE-----";
static const char end_line[] = "-----END HOLDFAST EVIDENCE-----";

struct hf_span hf_evidence_block(uint8_t *bytes, size_t len)
{
	const size_t begin_len = sizeof(begin_line) - 1, end_len = sizeof(end_line) - 1;
	uint8_t *at = bytes, *open = NULL, *start = NULL, *stop = NULL;
	uint8_t *last = bytes + len;
	bool any = false;

	for (; (at = memmem(at, (size_t)(last - at), "-----", 5)) != NULL; at++) {
		size_t left = (size_t)(last - at);

		if (left >= begin_len && memcmp(at, begin_line, begin_len) == 0) {
			open = at + begin_len;
			any = true;
		} else if (open && left >= end_len && memcmp(at, end_line, end_len) == 0) {
			start = open;
			stop = at;
			open = NULL;
		}
	}
	if (!any)
		return (struct hf_span){ bytes, len };
	if (!start)
		return (struct hf_span){ bytes, 0 };

	size_t kept = 0;

	for (at = start; at < stop; at++)
		if (*at != '\r' && *at != '\n')
			start[kept++] = *at;
	return (struct hf_span){ start, kept };
}

enum hf_err hf_evidence_load(const char *path, struct hf_arena *arena, struct hf_evidence *ret,
			     struct hf_fault *fault)
{
	struct hf_span file, json;
	struct stat st;
	enum hf_err err;

	if (stat(path, &st) != 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	if (S_ISDIR(st.st_mode))
		return hf_evidence_read(path, arena, ret, fault);
	err = hf_file_read(AT_FDCWD, path, HF_CAPTURE_MAX, arena, &file, fault);
	if (err)
		return err;
	json = hf_evidence_block((uint8_t *)(uintptr_t)file.ptr, file.len);
	if (json.len == 0)
		return hf_fail(fault, HF_ERR_EVIDENCE_SHAPE, path, "no complete block of evidence");
	err = hf_evidence_from_cmw(json, arena, ret);
	return err ? hf_fail(fault, err, path, "collection of %zu bytes", json.len) : HF_OK;
}

enum hf_err hf_host_input(const char *path, struct hf_arena *arena, struct hf_evidence *ret,
			  struct hf_fault *fault)
{
	size_t mark = arena->len;
	struct hf_fault other;
	struct hf_span bytes;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    hf_file_read(AT_FDCWD, path, HF_SCAN_MAX, arena, &bytes, &other) == HF_OK &&
	    hf_scan_is(bytes)) {
		*ret = (struct hf_evidence){ 0 };
		return hf_scan_claims(bytes, path, arena, &ret->claims, fault);
	}
	arena->len = mark;
	return hf_evidence_load(path, arena, ret, fault);
}
