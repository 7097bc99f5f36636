/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/platform_facts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUPS_MAX 8192		/* of the IOMMU: one a device at most */

static void put_proc(struct hf_facts *f, const char *mkey, uint32_t flags, const char *name)
{
	struct hf_span text;
	enum hf_err err = hf_facts_proc(f, name, HF_TEXT_MAX - 1, &text);

	if (err) {
		hf_facts_missing(f, mkey, flags, err);
		return;
	}
	if (text.len && text.ptr[text.len - 1] == '\n')
		text.len--;
	hf_facts_text(f, mkey, flags, text);
}

/* "none [integrity] confidentiality": the word in brackets is in force. */
static void put_lockdown(struct hf_facts *f)
{
	char text[128];
	enum hf_err err = hf_host_read_text(f->host, "kernel/security/lockdown", text, sizeof(text));
	char *open = err ? NULL : strchr(text, '[');
	char *close = open ? strchr(open, ']') : NULL;

	if (!close) {
		hf_facts_missing(f, "lockdown", HF_ADVISORY, err ? err : HF_ERR_READ_FAILED);
		return;
	}
	*close = '\0';
	hf_facts_text(f, "lockdown", HF_ADVISORY, hf_span_text(open + 1));
}

/* Why the kernel trusts itself less: Documentation/admin-guide/tainted-kernels.rst. */
static void put_taint(struct hf_facts *f)
{
	struct hf_arena *arena = f->claims->arena;
	size_t mark = arena->len;
	unsigned long long number = 0;
	struct hf_span text;
	enum hf_err err = hf_facts_proc(f, "sys/kernel/tainted", 32, &text);
	char *end = NULL;

	if (!err)	/* the byte behind it is a NUL */
		number = strtoull((const char *)text.ptr, &end, 10);
	arena->len = mark;
	if (!err && end != (const char *)text.ptr && (*end == '\n' || *end == '\0'))
		hf_facts_number(f, "kernel/tainted", HF_ADVISORY, number);
	else
		hf_facts_missing(f, "kernel/tainted", HF_ADVISORY, err ? err : HF_ERR_READ_FAILED);
}

/* ---- IOMMU ---- */

struct tally {	/* few different words, and how often each was seen */
	struct { char word[24]; unsigned count; } row[8];
	size_t rows;
	unsigned others;
};

static void count_word(struct tally *t, const char *word)
{
	for (size_t i = 0; i < t->rows; i++) {
		if (strcmp(t->row[i].word, word) == 0) {
			t->row[i].count++;
			return;
		}
	}
	if (t->rows == sizeof(t->row) / sizeof(t->row[0]) || strlen(word) >= sizeof(t->row[0].word)) {
		t->others++;
		return;
	}
	memcpy(t->row[t->rows].word, word, strlen(word) + 1);
	t->row[t->rows++].count = 1;
}

/* "2 dmar", "55 DMA-FQ, 2 identity"; "" where nothing was counted. */
static void tally_text(const struct tally *t, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < t->rows; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%u %s", i ? ", " : "",
					t->row[i].count, t->row[i].word);
	if (t->others)
		snprintf(out + len, cap - len, "%s%u of other kinds", len ? ", " : "", t->others);
}

/* What the kernel gives the devices of each group by default. */
static void put_groups(struct hf_facts *f)
{
	struct tally types = { .rows = 0 };
	struct dirent **entries;
	char text[320], path[320], type[32];
	int count = hf_facts_list(f, "kernel/iommu_groups", &entries);

	if (count < 0) {
		hf_facts_missing(f, "iommu/groups", HF_ADVISORY, HF_ERR_READ_FAILED);
		return;
	}
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "kernel/iommu_groups/%s/type", entries[i]->d_name);
		if (i < GROUPS_MAX)
			count_word(&types, hf_host_read_text(f->host, path, type, sizeof(type))
						   ? "unknown" : type);
		free(entries[i]);
	}
	free(entries);
	tally_text(&types, text, sizeof(text));
	if (count > GROUPS_MAX)
		hf_facts_failure(f, "iommu/groups", HF_ADVISORY, HF_ERR_LIMIT);
	else
		hf_facts_format(f, "iommu/groups", HF_ADVISORY, "%s", count ? text : "none");
}

/* Units are named by kind and number: "dmar0", "ivhd1", "smmu3.0x000000002b400000". */
static void put_iommu(struct hf_facts *f)
{
	struct tally kinds = { .rows = 0 };
	struct dirent **entries;
	char text[320];
	int count = hf_facts_list(f, "class/iommu", &entries);

	if (count < 0) {
		hf_facts_missing(f, "iommu", HF_ADVISORY, HF_ERR_READ_FAILED);
		hf_facts_missing(f, "iommu/units", HF_ADVISORY, HF_ERR_READ_FAILED);
	} else {
		for (int i = 0; i < count; i++) {
			char *name = entries[i]->d_name;

			name[strcspn(name, "0123456789.-")] = '\0';
			count_word(&kinds, name[0] ? name : "unknown");
			free(entries[i]);
		}
		free(entries);
		tally_text(&kinds, text, sizeof(text));
		hf_facts_text(f, "iommu", HF_ADVISORY, hf_span_text(count ? "on" : "off"));
		hf_facts_text(f, "iommu/units", HF_ADVISORY, hf_span_text(count ? text : "none"));
	}
	put_groups(f);
}

/* ---- TPM ---- */

static void put_tpm_version(struct hf_facts *f)
{
	char version[16];
	enum hf_err err;

	if (!hf_host_exists(f->host, "class/tpm/tpm0")) {
		if (f->host->live || hf_host_exists(f->host, "class/tpm"))
			hf_facts_text(f, "tpm", 0, hf_span_text("absent"));
		else
			hf_facts_failure(f, "tpm", 0, HF_ERR_NOT_MEASURED);
		return;
	}
	err = hf_host_read_text(f->host, "class/tpm/tpm0/tpm_version_major", version, sizeof(version));
	if (err)
		hf_facts_missing(f, "tpm", 0, err);
	else
		hf_facts_format(f, "tpm", 0, "version %s", version);
}

/* "pcr-sha256" and the like: one directory for each allocated bank. */
static void put_banks(struct hf_facts *f)
{
	struct dirent **entries;
	char text[160];
	size_t len = 0;
	int count = hf_facts_list(f, "class/tpm/tpm0", &entries);

	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (strncmp(name, "pcr-", 4) == 0 && strlen(name) < 20 && len < sizeof(text) - 20)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? " " : "", name + 4);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (len)
		hf_facts_text(f, "tpm/banks", HF_ADVISORY, hf_span_text(text));
	else
		hf_facts_failure(f, "tpm/banks", HF_ADVISORY, HF_ERR_NOT_MEASURED);
}

/* The TPM's own word where it was asked; the kernel's files know the banks alone. */
static void put_tpm(struct hf_facts *f, const struct hf_tpm_words *tpm)
{
	put_tpm_version(f);
	if (!tpm) {
		hf_facts_failure(f, "tpm/vendor", HF_ADVISORY, HF_ERR_NOT_MEASURED);
		hf_facts_failure(f, "tpm/firmware", HF_ADVISORY, HF_ERR_NOT_MEASURED);
		hf_facts_failure(f, "tpm/specification", HF_ADVISORY, HF_ERR_NOT_MEASURED);
		put_banks(f);
		return;
	}
	hf_facts_text(f, "tpm/vendor", HF_ADVISORY, hf_span_text(tpm->vendor));
	hf_facts_text(f, "tpm/firmware", HF_ADVISORY, hf_span_text(tpm->firmware));
	hf_facts_text(f, "tpm/specification", HF_ADVISORY, hf_span_text(tpm->specification));
	hf_facts_text(f, "tpm/banks", HF_ADVISORY, hf_span_text(tpm->banks));
}

static bool default_procfs(const struct hf_host *host, char *out, size_t cap)
{
	if (host->live)
		return (size_t)snprintf(out, cap, "/proc") < cap;
	return (size_t)snprintf(out, cap, "%s/../proc", host->root) < cap;
}

enum hf_err hf_platform_claims(const struct hf_host *host, const struct hf_platform_sources *sources,
			       struct hf_claims *claims, struct hf_part **ret_host_part)
{
	struct hf_facts f = { .host = host, .claims = claims, .procfs = sources->procfs };
	char fallback[512];

	if (!f.procfs) {
		if (!default_procfs(host, fallback, sizeof(fallback)))
			return HF_ERR_LIMIT;
		f.procfs = fallback;
	}
	f.part = hf_claims_add_part(claims, HF_PART_HOST, "host");
	if (!f.part)
		return HF_ERR_LIMIT;
	hf_facts_smbios(&f);
	put_proc(&f, "command-line", 0, "cmdline");
	put_proc(&f, "kernel", 0, "sys/kernel/osrelease");
	put_taint(&f);
	hf_facts_file(&f, "cpus/online", HF_ADVISORY, "devices/system/cpu/online");
	hf_facts_file(&f, "cpus/present", HF_ADVISORY, "devices/system/cpu/present");
	hf_facts_processors(&f);
	put_lockdown(&f);
	put_iommu(&f);
	hf_facts_secure_boot(&f);
	put_tpm(&f, sources->tpm);
	hf_facts_acpi(&f);
	if (!f.err)
		*ret_host_part = f.part;
	return f.err;
}

const char *hf_platform_text(const struct hf_part *host_part, const char *mkey)
{
	const struct hf_measurement *m;

	m = host_part ? hf_measurement_find(host_part->measurements, mkey) : NULL;
	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}

/* What firmware says whose owner never set it: many hosts have it. */
static bool placeholder(const char *text)
{
	static const char *const words[] = { "To be filled by O.E.M.", "To Be Filled By O.E.M.", "Default string",
		"Not Specified", "Not Applicable", "None", "N/A", "Chassis Serial Number", "System Serial Number",
		"Serial Number", "0123456789", "........." };
	size_t same = strspn(text, "0"), blank = strspn(text, " ");

	if (text[same] == '\0' || text[blank] == '\0')	/* empty ones too */
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0)
			return true;
	}
	return false;
}

const char *hf_platform_serial(const struct hf_part *host_part)
{
	static const char *const mkeys[] = { "smbios/chassis-serial", "smbios/serial" };

	for (size_t i = 0; i < 2; i++) {
		const char *text = hf_platform_text(host_part, mkeys[i]);

		if (text && !placeholder(text))
			return text;
	}
	return "";
}
