/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What firmware left for the operating system: ACPI tables and the variables of Secure Boot.
 * Recorded, never judged here: PCR 0 to 7 are where they count. */
#include "agent/platform_facts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define ACPI "firmware/acpi/tables"
#define EFIVARS "firmware/efi/efivars"
#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"	/* UEFI 2.10, 3.3 */
#define SECURITY "d719b2cb-3d3a-4596-a3bc-dad00e67656f"	/* 32.6: image security database */
#define ATTRIBUTES 4	/* bytes that efivarfs puts before the value */

/* A file that was there and was not read: it was asked for, whatever the host. */
static void put_unread(struct hf_facts *f, const char *mkey, enum hf_err err)
{
	if (err == HF_ERR_FILE_TOO_LARGE)
		hf_facts_failure(f, mkey, HF_ADVISORY, err);
	else
		hf_facts_failure(f, mkey, HF_ADVISORY, HF_ERR_READ_FAILED);
}

/* ---- ACPI ---- */

/* The kernel makes the names of signatures, which are firmware's: whatever is in them. */
static void make_mkey(const struct hf_facts *f, const char *prefix, const char *name, int index,
		      char out[static HF_MKEY_MAX + 1])
{
	snprintf(out, HF_MKEY_MAX + 1, "%s/%.24s", prefix, name);
	for (char *c = out; *c; c++)
		if (*c <= 0x20 || *c > 0x7e)
			*c = '?';
	if (hf_measurement_find(f->part->measurements, out))
		snprintf(out + strlen(out), HF_MKEY_MAX + 1 - strlen(out), "~%d", index);
}

static void put_table(struct hf_facts *f, const char *directory, const char *name, const char *mkey)
{
	char path[384];
	enum hf_err err;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	err = hf_facts_digest_file(f, mkey, f->host->sysfs, path, HF_ACPI_TABLE_MAX, 0);
	if (err)
		put_unread(f, mkey, err);
}

/* Tables of one directory; *count is of both. Whatever keeps some of them out comes back. */
static enum hf_err put_tables(struct hf_facts *f, const char *directory, const char *prefix,
			      size_t *count)
{
	char mkey[HF_MKEY_MAX + 1];
	struct dirent **entries;
	int n = hf_facts_list(f, directory, &entries);

	if (n < 0)
		return HF_ERR_READ_FAILED;
	for (int i = 0; i < n; i++) {
		bool table = strcmp(entries[i]->d_name, "data") != 0 &&
			     strcmp(entries[i]->d_name, "dynamic") != 0;

		if (table && (*count)++ < HF_ACPI_TABLES_MAX) {
			make_mkey(f, prefix, entries[i]->d_name, i, mkey);
			put_table(f, directory, entries[i]->d_name, mkey);
		}
		free(entries[i]);
	}
	free(entries);
	return *count <= HF_ACPI_TABLES_MAX ? HF_OK : HF_ERR_LIMIT;
}

void hf_facts_acpi(struct hf_facts *f)
{
	size_t count = 0;
	enum hf_err err = put_tables(f, ACPI, "acpi", &count);
	enum hf_err later = HF_OK;

	if (hf_host_exists(f->host, ACPI "/dynamic"))
		later = put_tables(f, ACPI "/dynamic", "acpi/dynamic", &count);
	if (err == HF_ERR_LIMIT || later == HF_ERR_LIMIT)
		hf_facts_failure(f, "acpi", HF_ADVISORY, HF_ERR_LIMIT);
	else if (err || later || count == 0)
		hf_facts_missing(f, "acpi", HF_ADVISORY, HF_ERR_READ_FAILED);
}

/* ---- Secure Boot ---- */

/* 0 or 1; -1: not there, or not one byte of that kind. */
static int read_flag(struct hf_facts *f, const char *path, enum hf_err *ret_err)
{
	struct hf_arena *arena = f->claims->arena;
	size_t mark = arena->len;
	struct hf_span bytes;
	int flag = -1;

	*ret_err = hf_host_read(f->host, path, 64, arena, &bytes, NULL);
	if (!*ret_err && bytes.len == ATTRIBUTES + 1 && bytes.ptr[ATTRIBUTES] <= 1)
		flag = bytes.ptr[ATTRIBUTES];
	arena->len = mark;
	return flag;
}

/* In setup mode whoever comes first may write the keys, and nothing is enforced. */
static void put_state(struct hf_facts *f)
{
	enum hf_err err, unused;
	int on = read_flag(f, EFIVARS "/SecureBoot-" GLOBAL, &err);
	int setup = read_flag(f, EFIVARS "/SetupMode-" GLOBAL, &unused);

	if (setup == 1)
		hf_facts_text(f, "secure-boot", HF_ADVISORY, hf_span_text("setup-mode"));
	else if (on >= 0)
		hf_facts_text(f, "secure-boot", HF_ADVISORY, hf_span_text(on ? "on" : "off"));
	else
		hf_facts_missing(f, "secure-boot", HF_ADVISORY, err ? err : HF_ERR_READ_FAILED);
}

static void put_variable(struct hf_facts *f, const char *mkey, const char *path)
{
	enum hf_err err;

	if (!hf_host_exists(f->host, path)) {
		hf_facts_text(f, mkey, HF_ADVISORY, hf_span_text("absent"));
		return;
	}
	err = hf_facts_digest_file(f, mkey, f->host->sysfs, path, HF_EFI_VARIABLE_MAX, ATTRIBUTES);
	if (err)
		put_unread(f, mkey, err);
}

static bool is_empty(const struct hf_facts *f, const char *path)
{
	struct dirent **entries;
	int count = hf_facts_list(f, path, &entries);

	for (int i = 0; i < count; i++)
		free(entries[i]);
	if (count >= 0)
		free(entries);
	return count <= 0;
}

void hf_facts_secure_boot(struct hf_facts *f)
{
	static const struct { const char *mkey, *path; } keys[] = {
		{ "secure-boot/PK", EFIVARS "/PK-" GLOBAL },
		{ "secure-boot/KEK", EFIVARS "/KEK-" GLOBAL },
		{ "secure-boot/db", EFIVARS "/db-" SECURITY },
		{ "secure-boot/dbx", EFIVARS "/dbx-" SECURITY },
	};
	/* Without efivarfs in this kernel or image the directory is empty. */
	bool unmounted = is_empty(f, EFIVARS);

	if (hf_host_exists(f->host, "firmware") && !hf_host_exists(f->host, "firmware/efi")) {
		hf_facts_text(f, "secure-boot", HF_ADVISORY, hf_span_text("no-uefi"));
		return;
	}
	if (unmounted)
		hf_facts_failure(f, "secure-boot", HF_ADVISORY, HF_ERR_NOT_MEASURED);
	else
		put_state(f);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (unmounted)
			hf_facts_failure(f, keys[i].mkey, HF_ADVISORY, HF_ERR_NOT_MEASURED);
		else
			put_variable(f, keys[i].mkey, keys[i].path);
	}
}
