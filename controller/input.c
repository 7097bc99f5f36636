/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/manifest_cmds.h"
#include "controller/source.h"
#include "measure/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_json(struct hf_span bytes)
{
	size_t i = 0;

	while (i < bytes.len && strchr(" \t\r\n", bytes.ptr[i]) && bytes.ptr[i])
		i++;
	return i < bytes.len && bytes.ptr[i] == '{';
}

static bool is_bare_corim(struct hf_span bytes)
{
	struct hf_cbor r = hf_cbor_at(bytes);

	return hf_cbor_peek(&r) == HF_CBOR_TAG && hf_cbor_tag(&r) == 501;
}

static enum hf_err read_unverified(struct hf_span bytes, struct hf_span content, int64_t now,
				   struct hf_manifests *out)
{
	struct hf_span payload;
	struct hf_cose cose;
	enum hf_err err = hf_cose_parse(bytes, &cose);

	if (!err && !hf_span_equal(cose.content_type, hf_span_text(HF_CORIM_CONTENT_TYPE)))
		err = HF_ERR_COSE_CONTENT_TYPE;
	if (!err)
		err = hf_manifest_payload(&cose, content, &payload);
	return err ? err : hf_corim_decode(payload, out->file_count, now, out);
}

enum hf_err hf_input_read(const char *path, const struct hf_trust *trust, int64_t now,
			  struct hf_manifests *out, enum hf_input_kind *ret_kind,
			  struct hf_span *ret_bytes, struct hf_fault *fault)
{
	enum hf_input_kind kind;
	struct hf_span bytes, content;
	enum hf_err err = hf_file_read(AT_FDCWD, path, HF_COSE_MAX, out->arena, &bytes, fault);

	if (!err)
		err = hf_manifest_content(AT_FDCWD, path, out->arena, &content, fault);

	if (err)
		return err;
	if (is_json(bytes)) {
		kind = HF_INPUT_SOURCE;
		err = hf_source_parse(bytes, path, out, fault);
	} else if (is_bare_corim(bytes)) {
		kind = HF_INPUT_UNSIGNED;
		err = hf_corim_decode(bytes, out->file_count, now, out);
		if (err)
			hf_fail(fault, err, path, "unsigned");
	} else if (trust) {
		kind = HF_INPUT_VERIFIED;
		err = hf_manifest_load_with(trust, path, bytes, content, now, out, fault);
	} else {
		kind = HF_INPUT_UNVERIFIED;
		err = read_unverified(bytes, content, now, out);
		if (err)
			hf_fail(fault, err, path, "signature not checked");
	}
	if (err)
		return err;
	*ret_kind = kind;
	if (ret_bytes)
		*ret_bytes = bytes;
	return HF_OK;
}

static bool ends_with(const char *name, const char *suffix)
{
	const size_t len = strlen(name), end = strlen(suffix);

	return len > end && strcmp(name + len - end, suffix) == 0;
}

static int is_manifest(const struct dirent *entry)
{
	return ends_with(entry->d_name, ".json") || ends_with(entry->d_name, ".corim") ||
	       ends_with(entry->d_name, ".cbor");
}

static enum hf_err read_one(const char *path, const struct hf_trust *trust, bool signed_only, int64_t now,
			    struct hf_manifests *out, struct hf_fault *fault)
{
	enum hf_input_kind kind;
	enum hf_err err = hf_input_read(path, trust, now, out, &kind, NULL, fault);

	if (!err && signed_only && kind != HF_INPUT_VERIFIED)
		err = hf_fail(fault, HF_ERR_MANIFEST_UNSIGNED, path, "%s", hf_input_kind_text(kind));
	return err;
}

enum hf_err hf_input_folder(const char *path, const struct hf_trust *trust, bool signed_only, int64_t now,
			    struct hf_manifests *out, struct hf_fault *fault)
{
	struct dirent **names;
	char file[PATH_MAX];
	enum hf_err err = HF_OK;
	struct stat st;
	int count;

	if (stat(path, &st) != 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	if (!S_ISDIR(st.st_mode))
		return read_one(path, trust, signed_only, now, out, fault);
	count = scandir(path, &names, is_manifest, alphasort);
	if (count < 0)
		return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, path);
	if (count == 0)
		err = hf_fail(fault, HF_ERR_MANIFEST_MISSING, path, "%s", "no *.json, *.corim or *.cbor");
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (!err)
			err = read_one(file, trust, signed_only, now, out, fault);
		free(names[i]);
	}
	free(names);
	return err;
}

enum hf_err hf_input_encode(struct hf_manifests *manifests, const char *path,
			    struct hf_span *ret, struct hf_fault *fault)
{
	struct hf_manifests again = { .arena = manifests->arena };
	struct hf_writer w = { .cap = HF_CORIM_MAX }, second = { .cap = HF_CORIM_MAX };
	char id[HF_SOURCE_ID_MAX];
	enum hf_err err;

	w.buf = hf_arena_take(manifests->arena, w.cap);
	second.buf = hf_arena_take(manifests->arena, second.cap);
	if (!w.buf || !second.buf)
		return hf_fail(fault, HF_ERR_LIMIT, path, "too large");
	hf_source_id(manifests, id);
	err = hf_corim_encode(manifests, id, &w);
	if (!err)
		err = hf_corim_decode(hf_written(&w), 0, 0, &again);
	if (!err)
		err = hf_corim_encode(&again, id, &second);
	if (!err && !hf_span_equal(hf_written(&w), hf_written(&second)))
		err = HF_ERR_INTERNAL;
	if (err)
		return hf_fail(fault, err, path, "cannot be encoded");
	*ret = hf_written(&w);
	return HF_OK;
}

bool hf_ak_name_parse(const char *text, uint8_t out[static HF_AK_NAME])
{
	if (strlen(text) != 2 * HF_AK_NAME || strspn(text, "0123456789abcdefABCDEF") != 2 * HF_AK_NAME)
		return false;
	for (size_t i = 0; i < HF_AK_NAME; i++) {
		unsigned value;

		sscanf(text + 2 * i, "%2x", &value);
		out[i] = (uint8_t)value;
	}
	return true;
}
