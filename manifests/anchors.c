/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anchors from a directory: public keys or certificates, by role. */
#include "manifests/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "manifests/names.h"
#include "measure/file.h"
#include "pcie/device_chain.h"

#define ANCHOR_FILE_MAX (64u << 10)
#define ANCHOR_SUFFIX ".pem"
#define SCOPE_SUFFIX ".conf"

static const struct {
	const char *dir;
	enum hf_anchor_role role;
} role_dirs[] = {
	{ ".", HF_ANCHOR_OWNER },
	{ "owner", HF_ANCHOR_OWNER },
	{ "vendor", HF_ANCHOR_VENDOR },
	{ "ticket", HF_ANCHOR_TICKET },
	{ "waiver", HF_ANCHOR_WAIVER },
	{ "device", HF_ANCHOR_DEVICE },
	{ "controller", HF_ANCHOR_CONTROLLER },
};

static enum hf_err read_key(struct hf_anchor *anchor, struct hf_span pem, struct hf_fault *fault)
{
	bool device = anchor->role == HF_ANCHOR_DEVICE;
	/* Whoever makes a CA by hand says nothing of its key's usage. */
	bool root = device || anchor->role == HF_ANCHOR_CONTROLLER;
	enum hf_err err = root ? hf_key_read_device_root(pem, &anchor->key)
			       : hf_key_read_anchor(pem, &anchor->key);

	if (err)
		return hf_fail(fault, err, anchor->name, root ?
			       "want one PEM block CERTIFICATE that may sign others" :
			       "want one PEM block PUBLIC KEY or CERTIFICATE");
	if (device && hf_device_root_flaw(anchor->key)) {
		hf_fail(fault, HF_ERR_KEY_INVALID, anchor->name, "no root of devices: %s",
			hf_device_root_flaw(anchor->key));
		hf_key_free(anchor->key);
		return HF_ERR_KEY_INVALID;
	}
	hf_key_id(anchor->key, anchor->id);
	return HF_OK;
}

/* One key in two roles would make the role a matter of luck. A maker's one root may stand
 * behind devices of several PCI vendors: then it is there once for each scope. */
static bool excludes(const struct hf_anchor *a, const struct hf_anchor *b)
{
	return memcmp(a->id, b->id, HF_KEY_ID) == 0 &&
	       !(a->role == HF_ANCHOR_DEVICE && b->role == HF_ANCHOR_DEVICE);
}

static bool has_scope(enum hf_anchor_role role)
{
	return role == HF_ANCHOR_VENDOR || role == HF_ANCHOR_DEVICE;
}

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
	err = read_key(&anchor, pem, fault);
	if (err)
		return err;
	for (size_t i = 0; i < trust->count; i++) {
		if (excludes(&trust->anchors[i], &anchor)) {
			hf_key_free(anchor.key);
			return hf_fail(fault, HF_ERR_KEY_INVALID, name, "the same key as anchor %s",
				       trust->anchors[i].name);
		}
	}
	trust->anchors[trust->count++] = anchor;
	return HF_OK;
}

/* NAME.conf beside the NAME.pem of a vendor or of devices, and beside no other: nothing may
 * make our own signers' files be read less strictly. */
static enum hf_err add_scope(struct hf_trust *trust, int dirfd, const char *name,
			     enum hf_anchor_role role, struct hf_arena *arena,
			     struct hf_fault *fault)
{
	char file[256 + sizeof(SCOPE_SUFFIX)];
	struct hf_span conf;
	enum hf_err err;

	snprintf(file, sizeof(file), "%s%s", name, SCOPE_SUFFIX);
	if (faccessat(dirfd, file, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT)
			return hf_fail_errno(fault, HF_ERR_FILE_UNREADABLE, errno, file);
		return !has_scope(role) ? HF_OK :
		       hf_fail(fault, HF_ERR_ANCHOR_SCOPE, name, "%s is not there", file);
	}
	if (!has_scope(role))
		return hf_fail(fault, HF_ERR_ANCHOR_SCOPE, name,
			       "%s: only a vendor and a root of devices have a scope", file);
	err = hf_file_read(dirfd, file, ANCHOR_FILE_MAX, arena, &conf, fault);
	return err ? err : hf_trust_scope(trust, conf, fault);
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
	err = hf_trust_add(trust, name, role, pem, fault);
	return err ? err : add_scope(trust, dirfd, name, role, arena, fault);
}

/* Whoever put a wrong file there looks for it: by its folder and its whole name. */
static void name_file(struct hf_fault *fault, const char *folder, const char *file)
{
	char where[sizeof(fault->where)];

	snprintf(where, sizeof(where), "%s/%.*s", folder, (int)(sizeof(where) - 16), file);
	memcpy(fault->where, where, sizeof(where));
}

/* A role's directory that is not there holds no anchors. */
static enum hf_err add_role_dir(struct hf_trust *trust, int base, size_t row, const char *dir,
				struct hf_fault *fault)
{
	struct hf_names names = { 0 };
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
	err = hf_arena_make(2 * (HF_ANCHORS_MAX + 1) * (ANCHOR_FILE_MAX + 64), &arena);
	if (err) {
		close(list_fd);
		hf_fail(fault, err, dir, "anchors");
		goto out;
	}
	err = hf_names_read(list_fd, dir, ANCHOR_SUFFIX, &names, fault);
	for (size_t i = 0; i < names.count && !err; i++) {
		err = add_file(trust, fd, names.list[i], role_dirs[row].role, &arena, fault);
		if (err)
			name_file(fault, role_dirs[row].dir, names.list[i]);
	}
	hf_names_drop(&names);
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
