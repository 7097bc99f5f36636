/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anchors, and from a file's bytes to manifests. The order of hf_manifest_load is the
 * security argument: nothing in the payload is looked at before the signature over the
 * received bytes has verified, and what it says is checked against who said it. */
#include "manifests/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure/file.h"

#define ANCHOR_FILE_MAX (64u << 10)
#define ANCHOR_SUFFIX ".pem"
#define MANIFEST_SUFFIX ".corim"
#define DIR_ENTRIES_MAX 65536

/* ---- names in a directory, sorted ---- */

struct names {
	char **list;
	size_t count;
};

static void names_drop(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct names){ 0 };
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

static enum hf_err names_add(struct names *names, const char *name)
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

/* dirfd is consumed. On failure *ret is empty. */
static enum hf_err names_read(int dirfd, const char *dir, const char *suffix, struct names *ret,
			      struct hf_fault *fault)
{
	struct names names = { 0 };
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
		names_drop(&names);
		return err;
	}
	if (names.count)
		qsort(names.list, names.count, sizeof(*names.list), by_bytes);
	*ret = names;
	return HF_OK;
}

/* ---- anchors ---- */

static const struct {
	const char *dir;
	enum hf_anchor_role role;
} role_dirs[] = {
	{ ".", HF_ANCHOR_OWNER },
	{ "owner", HF_ANCHOR_OWNER },
	{ "vendor", HF_ANCHOR_VENDOR },
	{ "ticket", HF_ANCHOR_TICKET },
	{ "waiver", HF_ANCHOR_WAIVER },
};

enum hf_err hf_trust_add(struct hf_trust *trust, const char *name, enum hf_anchor_role role,
			 struct hf_span pem, struct hf_fault *fault)
{
	struct hf_anchor anchor = { .role = role };
	enum hf_err err;

	if (trust->count == HF_ANCHORS_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, name, "more than %d anchors", HF_ANCHORS_MAX);
	if (strlen(name) >= sizeof(anchor.name) || !hf_name_valid(name))
		return hf_fail(fault, HF_ERR_KEY_INVALID, name,
			       "an anchor's file name is at most %zu plain characters",
			       sizeof(anchor.name) - 1);
	strcpy(anchor.name, name);
	err = hf_key_read_pem(pem, false, &anchor.key);
	if (err)
		return hf_fail(fault, err, name, "want one PEM block PUBLIC KEY");
	hf_key_id(anchor.key, anchor.id);
	for (size_t i = 0; i < trust->count; i++) {
		/* one key in two roles would make the role a matter of luck */
		if (memcmp(trust->anchors[i].id, anchor.id, HF_KEY_ID) == 0) {
			hf_key_free(anchor.key);
			return hf_fail(fault, HF_ERR_KEY_INVALID, name, "the same key as anchor %s",
				       trust->anchors[i].name);
		}
	}
	trust->anchors[trust->count++] = anchor;
	return HF_OK;
}

static enum hf_err add_file(struct hf_trust *trust, int dirfd, const char *file,
			    enum hf_anchor_role role, struct hf_arena *arena,
			    struct hf_fault *fault)
{
	char name[256];
	struct hf_span pem;
	size_t len = strlen(file) - strlen(ANCHOR_SUFFIX);
	enum hf_err err = hf_file_read(dirfd, file, ANCHOR_FILE_MAX, arena, &pem, fault);

	if (err)
		return err;
	memcpy(name, file, len);	/* d_name holds at most 255 bytes */
	name[len] = '\0';
	return hf_trust_add(trust, name, role, pem, fault);
}

/* A role's directory that is not there holds no anchors. */
static enum hf_err add_role_dir(struct hf_trust *trust, int base, size_t row, const char *dir,
				struct hf_fault *fault)
{
	struct names names = { 0 };
	struct hf_arena arena;
	enum hf_err err;
	int fd, list_fd;

	fd = openat(base, role_dirs[row].dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return HF_OK;
	list_fd = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list_fd < 0) {
		err = hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
		goto out;
	}
	err = hf_arena_make((HF_ANCHORS_MAX + 1) * (ANCHOR_FILE_MAX + 64), &arena);
	if (err) {
		close(list_fd);
		hf_fail(fault, err, dir, "anchors");
		goto out;
	}
	err = names_read(list_fd, dir, ANCHOR_SUFFIX, &names, fault);
	for (size_t i = 0; i < names.count && !err; i++)
		err = add_file(trust, fd, names.list[i], role_dirs[row].role, &arena, fault);
	names_drop(&names);
	hf_arena_drop(&arena);
out:
	if (fd >= 0)
		close(fd);
	return err;
}

enum hf_err hf_trust_read(const char *dir, struct hf_trust *ret, struct hf_fault *fault)
{
	struct hf_trust trust = { 0 };
	enum hf_err err = HF_OK;
	int base = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (base < 0)
		return errno == ENOENT ? hf_fail(fault, HF_ERR_ANCHOR_MISSING, dir, "no such directory")
				       : hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	for (size_t i = 0; i < sizeof(role_dirs) / sizeof(role_dirs[0]) && !err; i++)
		err = add_role_dir(&trust, base, i, dir, fault);
	close(base);
	if (!err && trust.count == 0)
		err = hf_fail(fault, HF_ERR_ANCHOR_MISSING, dir, "no NAME.pem in it");
	if (err) {
		hf_trust_drop(&trust);
		return err;
	}
	*ret = trust;
	return HF_OK;
}

void hf_trust_drop(struct hf_trust *trust)
{
	for (size_t i = 0; i < trust->count; i++)
		hf_key_free(trust->anchors[i].key);
	trust->count = 0;
}

/* ---- one signed file ---- */

/* With a key id there is one candidate; without, every anchor whose key fits. */
static enum hf_err find_signer(const struct hf_trust *trust, const struct hf_cose *cose,
			       const struct hf_anchor **ret)
{
	enum hf_err err = HF_ERR_SIGNER_UNKNOWN;

	for (size_t i = 0; i < trust->count; i++) {
		const struct hf_anchor *anchor = &trust->anchors[i];
		struct hf_span id = { anchor->id, HF_KEY_ID };

		if (cose->kid.len ? !hf_span_equal(cose->kid, id)
				  : !hf_key_fits(anchor->key, cose->alg))
			continue;
		err = hf_cose_verify(cose, anchor->key);
		if (!err) {
			*ret = anchor;
			return HF_OK;
		}
		if (err != HF_ERR_SIGNATURE_INVALID || cose->kid.len)
			return err;
	}
	return err;
}

static int64_t take_time(struct hf_cbor *r, bool tagged)
{
	if (tagged && hf_cbor_tag(r) != 1)
		hf_cbor_fail(r, HF_ERR_COSE_META);
	return hf_cbor_int(r);
}

/* corim-meta-map { 0: { 0: name, ?1: uri }, ?1: { ?0: not-before, 1: not-after } } */
static enum hf_err check_meta(struct hf_span meta, int64_t now, struct hf_span *ret_name)
{
	struct hf_cbor r = hf_cbor_at(meta);
	struct hf_corim validity = { 0 };
	struct hf_span name = { 0 };
	size_t inner, count = hf_cbor_map(&r);

	for (size_t i = 0; i < count && !r.err; i++) {
		int64_t key = hf_cbor_int(&r);

		if (key != 0 && key != 1) {
			hf_cbor_skip(&r);
			continue;
		}
		inner = hf_cbor_map(&r);
		for (size_t k = 0; k < inner && !r.err; k++) {
			int64_t field = hf_cbor_int(&r);

			if (key == 0 && field == 0) {
				name = hf_cbor_tstr(&r);
			} else if (key == 1 && field == 0) {
				validity.has_not_before = true;
				validity.not_before = take_time(&r, true);
			} else if (key == 1 && field == 1) {
				validity.has_validity = true;
				validity.not_after = take_time(&r, true);
			} else {
				hf_cbor_skip(&r);
			}
		}
	}
	if (hf_cbor_end(&r) || name.len == 0 ||
	    (validity.has_not_before && !validity.has_validity))
		return HF_ERR_COSE_META;
	*ret_name = name;
	return hf_corim_valid_at(&validity, now);
}

/* CWT claims beside corim-meta must name the same signer (draft 11, section 4.2.3);
 * exp and nbf hold like the other validity. */
static enum hf_err check_cwt(struct hf_span cwt, int64_t now, struct hf_span name)
{
	struct hf_cbor r = hf_cbor_at(cwt);
	struct hf_corim validity = { 0 };
	size_t count;
	bool same = false;

	if (cwt.len == 0)
		return HF_OK;
	count = hf_cbor_map(&r);
	for (size_t i = 0; i < count && !r.err; i++) {
		if (hf_cbor_peek(&r) == HF_CBOR_TSTR) {
			hf_cbor_skip(&r);
			hf_cbor_skip(&r);
			continue;
		}
		switch (hf_cbor_int(&r)) {
		case 1:
			same = hf_span_equal(hf_cbor_tstr(&r), name);
			break;
		case 4:
			validity.has_validity = true;
			validity.not_after = take_time(&r, false);
			break;
		case 5:
			validity.has_not_before = true;
			validity.not_before = take_time(&r, false);
			break;
		default:
			hf_cbor_skip(&r);
		}
	}
	if (hf_cbor_end(&r) || !same)
		return HF_ERR_COSE_META;
	if (validity.has_not_before && !validity.has_validity) {
		validity.has_validity = true;
		validity.not_after = INT64_MAX;
	}
	return hf_corim_valid_at(&validity, now);
}

static enum hf_err check_headers(const struct hf_cose *cose, int64_t now)
{
	struct hf_span name;
	enum hf_err err;

	if (cose->meta.len == 0)	/* CWT claims alone are not taken yet */
		return HF_ERR_COSE_META;
	err = check_meta(cose->meta, now, &name);
	return err ? err : check_cwt(cose->cwt, now, name);
}

/* A vendor speaks of components only, a waiver's signer of waivers only; tickets are no
 * manifests. */
static enum hf_err check_scope(const struct hf_anchor *signer,
			       const struct hf_manifests_mark *appended)
{
	switch (signer->role) {
	case HF_ANCHOR_OWNER:
		return HF_OK;
	case HF_ANCHOR_VENDOR:
		return *appended->models || *appended->images || *appended->waivers
			       ? HF_ERR_SIGNER_SCOPE : HF_OK;
	case HF_ANCHOR_WAIVER:
		return *appended->components || *appended->models || *appended->images
			       ? HF_ERR_SIGNER_SCOPE : HF_OK;
	case HF_ANCHOR_TICKET:
		break;
	}
	return HF_ERR_SIGNER_SCOPE;
}

static enum hf_err describe_file(const struct hf_anchor *signer, const char *name,
				 struct hf_span bytes, const struct hf_manifests_mark *appended,
				 struct hf_manifests *out)
{
	struct hf_manifest_file file = { 0 };
	enum hf_err err = hf_digest(HF_ALG_SHA256, bytes, &file.sha256);

	if (err)
		return err;
	file.name = hf_arena_text(out->arena, name, strlen(name));
	file.signer = hf_arena_text(out->arena, signer->name, strlen(signer->name));
	if (!file.name || !file.signer)
		return HF_ERR_LIMIT;
	for (const struct hf_model *m = *appended->models; m; m = m->next)
		if (m->generation > file.generation)
			file.generation = m->generation;
	out->files[out->file_count++] = file;
	return HF_OK;
}

static bool is_unsigned(struct hf_span bytes)
{
	struct hf_cbor r = hf_cbor_at(bytes);

	return hf_cbor_peek(&r) == HF_CBOR_TAG && hf_cbor_tag(&r) == 501;
}

enum hf_err hf_manifest_load(const struct hf_trust *trust, const char *name, struct hf_span bytes,
			     int64_t now, struct hf_manifests *out, struct hf_fault *fault)
{
	struct hf_manifests_mark mark = hf_manifests_mark(out);
	const struct hf_anchor *signer = NULL;
	struct hf_cose cose;
	enum hf_err err;

	if (bytes.len > HF_COSE_MAX)
		return hf_fail(fault, HF_ERR_FILE_TOO_LARGE, name, "%zu bytes", bytes.len);
	if (out->file_count == HF_MANIFEST_FILES_MAX)
		return hf_fail(fault, HF_ERR_LIMIT, name, "more than %d manifests",
			       HF_MANIFEST_FILES_MAX);
	if (is_unsigned(bytes))
		return hf_fail(fault, HF_ERR_MANIFEST_UNSIGNED, name, "a bare CoRIM");
	err = hf_cose_parse(bytes, &cose);
	if (!err && cose.hash_envelope)
		err = HF_ERR_COSE_HASH_ENVELOPE;
	if (!err && !hf_span_equal(cose.content_type, hf_span_text(HF_CORIM_CONTENT_TYPE)))
		err = HF_ERR_COSE_CONTENT_TYPE;
	if (!err)
		err = find_signer(trust, &cose, &signer);
	if (!err)
		err = check_headers(&cose, now);
	if (err)
		return hf_fail(fault, err, name, "signer %s", signer ? signer->name : "not verified");
	err = hf_corim_decode(cose.payload, out->file_count, now, out);
	if (!err)
		err = check_scope(signer, &mark);
	if (!err)
		err = describe_file(signer, name, bytes, &mark, out);
	if (err) {
		hf_manifests_rollback(out, &mark);
		return hf_fail(fault, err, name, "signed by %s", signer->name);
	}
	return HF_OK;
}

enum hf_err hf_manifests_read(const struct hf_trust *trust, const char *dir, int64_t now,
			      struct hf_manifests *out, struct hf_fault *fault)
{
	struct names names = { 0 };
	enum hf_err err;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), list_fd;

	if (fd < 0)
		return errno == ENOENT ? hf_fail(fault, HF_ERR_MANIFEST_MISSING, dir, "no such directory")
				       : hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir);
	list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = list_fd < 0 ? hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, dir)
			  : names_read(list_fd, dir, MANIFEST_SUFFIX, &names, fault);
	if (!err && names.count == 0)
		err = hf_fail(fault, HF_ERR_MANIFEST_MISSING, dir, "no *.corim in it");
	for (size_t i = 0; i < names.count && !err; i++) {
		struct hf_span bytes;

		err = hf_file_read(fd, names.list[i], HF_COSE_MAX, out->arena, &bytes, fault);
		if (!err)
			err = hf_manifest_load(trust, names.list[i], bytes, now, out, fault);
	}
	names_drop(&names);
	close(fd);
	return err;
}
