/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/driver_firmware.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/bind.h"
#include "agent/modinfo.h"
#include "agent/platform_facts.h"
#include "measure/file.h"

#define PREFIX "driver-firmware/"
#define NAME_ROOM (HF_MKEY_MAX - (sizeof(PREFIX) - 1))
#define HASH_DIGITS 16
#define PATH_ROOM 1024

struct work {
	struct hf_facts facts;
	const struct hf_driver_firmware *where;
	struct hf_arena scratch;	/* modules.dep, and one module at a time */
	size_t names;
	bool full;		/* said already that there are too many */
};

static bool is_plain(struct hf_span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= 0x20 || name.ptr[i] > 0x7e)
			return false;
	return true;
}

/* PREFIX and the name; of one that is too long or odd, its start and part of its digest. */
static enum hf_err make_mkey(struct hf_span name, char out[static HF_MKEY_MAX + 1])
{
	char hex[2 * HF_DIGEST_MAX + 1];
	size_t at = sizeof(PREFIX) - 1, kept = NAME_ROOM - HASH_DIGITS - 1;
	struct hf_digest digest;
	enum hf_err err;

	memcpy(out, PREFIX, at);
	if (name.len && name.len <= NAME_ROOM && is_plain(name)) {
		memcpy(out + at, name.ptr, name.len);
		out[at + name.len] = '\0';
		return HF_OK;
	}
	err = hf_digest(HF_ALG_SHA256, name, &digest);
	if (err)
		return err;
	hf_digest_hex(&digest, hex);
	for (size_t i = 0; i < kept && i < name.len; i++)
		out[at++] = name.ptr[i] > 0x20 && name.ptr[i] <= 0x7e ? (char)name.ptr[i] : '?';
	out[at++] = '~';
	memcpy(out + at, hex, HASH_DIGITS);
	out[at + HASH_DIGITS] = '\0';
	return HF_OK;
}

/* ---- one firmware file ---- */

/* As drivers/base/firmware_loader/main.c looks: every directory, then again packed. */
static bool find_file(const struct work *w, struct hf_span name, char out[static PATH_ROOM])
{
	const char *const root = w->where->root, *const release = w->where->release;
	static const char *const endings[] = { "", ".zst", ".xz" };
	char directory[5][PATH_ROOM / 2];

	snprintf(directory[0], sizeof(directory[0]), "%s", w->where->path ? w->where->path : "");
	snprintf(directory[1], sizeof(directory[1]), "%s/lib/firmware/updates/%s", root, release);
	snprintf(directory[2], sizeof(directory[2]), "%s/lib/firmware/updates", root);
	snprintf(directory[3], sizeof(directory[3]), "%s/lib/firmware/%s", root, release);
	snprintf(directory[4], sizeof(directory[4]), "%s/lib/firmware", root);
	for (size_t e = 0; e < sizeof(endings) / sizeof(endings[0]); e++) {
		for (size_t d = 0; d < sizeof(directory) / sizeof(directory[0]); d++) {
			int n = snprintf(out, PATH_ROOM, "%s/%.*s%s", directory[d], (int)name.len,
					 (const char *)name.ptr, endings[e]);

			if (directory[d][0] && n > 0 && n < PATH_ROOM && access(out, F_OK) == 0)
				return true;
		}
	}
	return false;
}

static bool leaves_directory(struct hf_span name)
{
	for (size_t i = 0; i + 1 < name.len; i++)
		if (name.ptr[i] == '.' && name.ptr[i + 1] == '.')
			return true;
	return false;
}

static void put_firmware(struct work *w, struct hf_span name)
{
	char mkey[HF_MKEY_MAX + 1], path[PATH_ROOM];
	enum hf_err err;

	err = name.len < PATH_ROOM / 2 ? make_mkey(name, mkey) : HF_ERR_LIMIT;
	if (err) {
		w->facts.err = w->facts.err ? w->facts.err : err;
		return;
	}
	if (hf_measurement_find(w->facts.part->measurements, mkey))
		return;		/* two modules ask for it */
	if (w->names++ >= HF_DRIVER_FIRMWARE_MAX) {
		if (!w->full)
			hf_facts_failure(&w->facts, "driver-firmware", HF_ADVISORY, HF_ERR_LIMIT);
		w->full = true;
	} else if (memchr(name.ptr, '*', name.len)) {
		hf_facts_text(&w->facts, mkey, HF_ADVISORY, hf_span_text("a pattern"));
	} else if (leaves_directory(name) || !find_file(w, name, path)) {
		hf_facts_text(&w->facts, mkey, HF_ADVISORY, hf_span_text("absent"));
	} else {
		err = hf_facts_digest_file(&w->facts, mkey, AT_FDCWD, path, HF_DRIVER_FIRMWARE_BYTES, 0);
		if (err)
			hf_facts_failure(&w->facts, mkey, HF_ADVISORY,
					 err == HF_ERR_FILE_TOO_LARGE ? err : HF_ERR_READ_FAILED);
	}
}

/* ---- modules ---- */

/* What became of one driver: how many files it asks for, or why nobody knows. */
static void put_result(struct work *w, const char *name, size_t asked, enum hf_err cause)
{
	char file[HF_MODULE_NAME_MAX + 8], mkey[HF_MKEY_MAX + 1];
	enum hf_err err;

	snprintf(file, sizeof(file), "%.*s.ko", HF_MODULE_NAME_MAX, name);
	err = make_mkey(hf_span_text(file), mkey);
	if (err)
		w->facts.err = w->facts.err ? w->facts.err : err;
	else if (hf_measurement_find(w->facts.part->measurements, mkey))
		return;		/* the model names it twice */
	else if (cause)
		hf_facts_failure(&w->facts, mkey, HF_ADVISORY, cause);
	else
		hf_facts_format(&w->facts, mkey, HF_ADVISORY, "asks for %zu files", asked);
}

/* A module that is packed would have to be unpacked by somebody: not here. */
static enum hf_err read_module(struct work *w, const char *path, size_t *asked)
{
	size_t mark = w->scratch.len, pos = 0, len = strlen(path);
	struct hf_span file, modinfo, name;
	enum hf_err err;

	if (len < 3 || strcmp(path + len - 3, ".ko") != 0)
		return HF_ERR_NOT_MEASURED;
	err = hf_file_read(AT_FDCWD, path, HF_DRIVER_FIRMWARE_BYTES, &w->scratch, &file, NULL);
	if (!err)
		err = hf_modinfo_find(file, &modinfo);
	while (!err && hf_modinfo_next(modinfo, "firmware", &pos, &name)) {
		put_firmware(w, name);
		(*asked)++;
	}
	w->scratch.len = mark;
	return err == HF_ERR_FILE_UNREADABLE ? HF_ERR_NOT_MEASURED : err;
}

/* A driver's own module and all that it needs; the first that cannot be read is its cause. */
static void put_driver(struct work *w, struct hf_span modules_dep, const char *driver)
{
	enum hf_err first = HF_OK;
	struct hf_span line, path;
	size_t asked = 0;

	if (!hf_modules_find(modules_dep, driver, &line)) {
		put_result(w, driver, 0, HF_ERR_NOT_MEASURED);	/* built in, or not in this image */
		return;
	}
	while (hf_modules_path(&line, &path)) {
		char full[PATH_ROOM];
		int n = snprintf(full, sizeof(full), "%s/lib/modules/%s/%.*s", w->where->root,
				 w->where->release, (int)path.len, (const char *)path.ptr);
		enum hf_err err = n > 0 && (size_t)n < sizeof(full) ? read_module(w, full, &asked)
								    : HF_ERR_LIMIT;

		first = first ? first : err;
	}
	put_result(w, driver, asked, first);
}

enum hf_err hf_driver_firmware_claims(const struct hf_driver_firmware *where,
				      const struct hf_name_list *drivers, struct hf_claims *claims,
				      struct hf_part *host_part)
{
	/* Not of a host's tree: what is missing is said here, never as a failure to read. */
	static const struct hf_host none = { .sysfs = -1 };
	struct work w = { .facts = { .host = &none, .claims = claims, .part = host_part },
			  .where = where };
	struct hf_span dep = { NULL, 0 };
	char path[PATH_ROOM];
	enum hf_err err;

	if (!drivers)
		return HF_OK;
	err = hf_arena_make(HF_MODULES_DEP_MAX + HF_DRIVER_FIRMWARE_BYTES + 4096, &w.scratch);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/lib/modules/%s/modules.dep", where->root, where->release);
	err = strchr(where->release, '/') ? HF_ERR_FILE_UNREADABLE :
	      hf_file_read(AT_FDCWD, path, HF_MODULES_DEP_MAX, &w.scratch, &dep, NULL);
	for (const struct hf_name_list *d = drivers; d; d = d->next)
		put_driver(&w, err ? (struct hf_span){ NULL, 0 } : dep, d->name);
	hf_arena_drop(&w.scratch);
	return w.facts.err;
}
