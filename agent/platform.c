/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/platform.h"

#include "measure/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECURE_BOOT "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

struct platform {
	const struct hf_host *host;
	struct hf_claims *claims;
	struct hf_part *part;
	enum hf_err err;	/* the first; later steps do nothing */
};

static struct hf_measurement *add(struct platform *p, const char *mkey, enum hf_method method,
				  uint32_t flags)
{
	struct hf_measurement *m;

	if (p->err)
		return NULL;
	m = hf_claims_add_measurement(p->claims, p->part, NULL, mkey, method, flags);
	if (!m)
		p->err = HF_ERR_LIMIT;
	return m;
}

static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

static void put_text(struct platform *p, const char *mkey, uint32_t flags, const char *text)
{
	struct hf_measurement *m = add(p, mkey, HF_METHOD_IDENTITY, flags);
	size_t len = strlen(text);

	if (!m)
		return;
	if (is_printable(text, len))
		p->err = hf_measurement_set_text(p->claims, m, text);
	else
		p->err = hf_measurement_set_bytes(p->claims, m, hf_span_text(text));
}

/* A capture that lacks a fact never claimed to hold it; a live host that lacks it is odd. */
static void put_failure(struct platform *p, const char *mkey, uint32_t flags, enum hf_err cause)
{
	struct hf_measurement *m = add(p, mkey, HF_METHOD_NONE, flags);

	if (!m)
		return;
	if (!p->host->live)
		cause = HF_ERR_NOT_MEASURED;
	else if (cause != HF_ERR_KERNEL_REFUSED)
		cause = HF_ERR_READ_FAILED;
	hf_measurement_set_failure(m, cause);
}

static void put_file(struct platform *p, const char *mkey, uint32_t flags, const char *path)
{
	char text[HF_TEXT_MAX];
	enum hf_err err = hf_host_read_text(p->host, path, text, sizeof(text));

	if (err)
		put_failure(p, mkey, flags, err);
	else
		put_text(p, mkey, flags, text);
}

static void put_proc(struct platform *p, const char *mkey, uint32_t flags, const char *procfs,
		     const char *name)
{
	char path[512], text[HF_TEXT_MAX];
	struct hf_span bytes;
	enum hf_err err = HF_ERR_FILE_UNREADABLE;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", procfs, name) < sizeof(path))
		err = hf_file_read(AT_FDCWD, path, sizeof(text) - 1, p->claims->arena, &bytes, NULL);
	if (err) {
		put_failure(p, mkey, flags, err);
		return;
	}
	if (bytes.len && bytes.ptr[bytes.len - 1] == '\n')
		bytes.len--;
	if (is_printable((const char *)bytes.ptr, bytes.len)) {
		memcpy(text, bytes.ptr, bytes.len);
		text[bytes.len] = '\0';
		put_text(p, mkey, flags, text);
		return;
	}
	struct hf_measurement *m = add(p, mkey, HF_METHOD_IDENTITY, flags);

	if (m)
		p->err = hf_measurement_set_bytes(p->claims, m, bytes);
}

/* "none [integrity] confidentiality": the word in brackets is in force. */
static void put_lockdown(struct platform *p)
{
	char text[128];
	enum hf_err err = hf_host_read_text(p->host, "kernel/security/lockdown", text, sizeof(text));
	char *open = err ? NULL : strchr(text, '[');
	char *close = open ? strchr(open, ']') : NULL;

	if (!close) {
		put_failure(p, "lockdown", HF_MEASUREMENT_ADVISORY, err ? err : HF_ERR_READ_FAILED);
		return;
	}
	*close = '\0';
	put_text(p, "lockdown", HF_MEASUREMENT_ADVISORY, open + 1);
}

static bool exists(const struct hf_host *host, const char *path)
{
	return faccessat(host->sysfs, path, F_OK, 0) == 0;
}

/* 0: empty, 1: something is in it, -1: not readable. */
static int directory_state(const struct hf_host *host, const char *path)
{
	int fd = openat(host->sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int state = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			state = 1;
	closedir(dir);
	return state;
}

static void put_iommu(struct platform *p)
{
	int state = directory_state(p->host, "class/iommu");

	if (state < 0)
		put_failure(p, "iommu", HF_MEASUREMENT_ADVISORY, HF_ERR_READ_FAILED);
	else
		put_text(p, "iommu", HF_MEASUREMENT_ADVISORY, state ? "on" : "off");
}

/* efivarfs gives four bytes of attributes, then the value: UEFI 2.10 section 3.3. */
static void put_secure_boot(struct platform *p)
{
	struct hf_span bytes;
	enum hf_err err;

	if (exists(p->host, "firmware") && !exists(p->host, "firmware/efi")) {
		put_text(p, "secure-boot", HF_MEASUREMENT_ADVISORY, "no-uefi");
		return;
	}
	err = hf_host_read(p->host, SECURE_BOOT, 64, p->claims->arena, &bytes, NULL);
	if (err || bytes.len != 5 || bytes.ptr[4] > 1)
		put_failure(p, "secure-boot", HF_MEASUREMENT_ADVISORY, err ? err : HF_ERR_READ_FAILED);
	else
		put_text(p, "secure-boot", HF_MEASUREMENT_ADVISORY, bytes.ptr[4] ? "on" : "off");
}

static void put_tpm(struct platform *p)
{
	char version[16], text[32];
	enum hf_err err;

	if (!exists(p->host, "class/tpm/tpm0")) {
		if (p->host->live || exists(p->host, "class/tpm"))
			put_text(p, "tpm", 0, "absent");
		else
			put_failure(p, "tpm", 0, HF_ERR_NOT_MEASURED);
		return;
	}
	err = hf_host_read_text(p->host, "class/tpm/tpm0/tpm_version_major", version, sizeof(version));
	if (err) {
		put_failure(p, "tpm", 0, err);
		return;
	}
	snprintf(text, sizeof(text), "version %s", version);
	put_text(p, "tpm", 0, text);
}

static bool default_procfs(const struct hf_host *host, char *out, size_t cap)
{
	if (host->live)
		return (size_t)snprintf(out, cap, "/proc") < cap;
	return (size_t)snprintf(out, cap, "%s/../proc", host->root) < cap;
}

enum hf_err hf_platform_claims(const struct hf_host *host, const char *procfs,
			       struct hf_claims *claims, struct hf_part **ret_host_part)
{
	struct platform p = { .host = host, .claims = claims };
	char fallback[512];

	if (!procfs) {
		if (!default_procfs(host, fallback, sizeof(fallback)))
			return HF_ERR_LIMIT;
		procfs = fallback;
	}
	p.part = hf_claims_add_part(claims, HF_PART_HOST, "host");
	if (!p.part)
		return HF_ERR_LIMIT;
	put_file(&p, "smbios/vendor", 0, "class/dmi/id/sys_vendor");
	put_file(&p, "smbios/product", 0, "class/dmi/id/product_name");
	put_file(&p, "smbios/board", HF_MEASUREMENT_ADVISORY, "class/dmi/id/board_name");
	put_file(&p, "smbios/serial", HF_MEASUREMENT_ADVISORY, "class/dmi/id/product_serial");
	put_proc(&p, "command-line", 0, procfs, "cmdline");
	put_proc(&p, "kernel", 0, procfs, "sys/kernel/osrelease");
	put_file(&p, "cpus/online", HF_MEASUREMENT_ADVISORY, "devices/system/cpu/online");
	put_file(&p, "cpus/present", HF_MEASUREMENT_ADVISORY, "devices/system/cpu/present");
	put_lockdown(&p);
	put_iommu(&p);
	put_secure_boot(&p);
	put_tpm(&p);
	if (!p.err)
		*ret_host_part = p.part;
	return p.err;
}

const char *hf_platform_text(const struct hf_part *host_part, const char *mkey)
{
	const struct hf_measurement *m;

	m = host_part ? hf_measurement_find(host_part->measurements, mkey) : NULL;
	return m && m->kind == HF_VALUE_TEXT ? m->text : NULL;
}
