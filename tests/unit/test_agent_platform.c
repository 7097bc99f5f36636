/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/platform.h"

#define SECURE_BOOT "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

struct world {
	char dir[64];
	struct hf_arena arena;
	struct hf_host host;
	struct hf_claims claims;
	struct hf_part *part;
	enum hf_err err;
};

static void make_parents(const char *path)
{
	char part[512];

	snprintf(part, sizeof(part), "%s", path);
	for (char *c = part + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		mkdir(part, 0700);
		*c = '/';
	}
}

static void put(const struct world *w, const char *name, const void *bytes, size_t len)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	make_parents(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void put_text(const struct world *w, const char *name, const char *text)
{
	put(w, name, text, strlen(text));
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char path[128];

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/hf-platform-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(path, sizeof(path), "%s/sys/", w->dir);
	make_parents(path);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	if (w->arena.base) {
		hf_host_close(&w->host);
		hf_arena_drop(&w->arena);
	}
	free(w);
	return 0;
}

static void look(struct world *w)
{
	char path[128];

	assert_int_equal(hf_arena_make(1 << 20, &w->arena), HF_OK);
	memset(w->arena.base, 0xaa, w->arena.cap);
	snprintf(path, sizeof(path), "%s/sys", w->dir);
	assert_int_equal(hf_host_open(path, &w->host, NULL), HF_OK);
	hf_claims_init(&w->claims, &w->arena);
	w->err = hf_platform_claims(&w->host, NULL, &w->claims, &w->part);
	assert_int_equal(w->err, HF_OK);
}

static const struct hf_measurement *find(const struct world *w, const char *mkey)
{
	const struct hf_measurement *m = hf_measurement_find(w->part->measurements, mkey);

	assert_non_null(m);
	return m;
}

static void assert_text(const struct world *w, const char *mkey, const char *want)
{
	const char *text = hf_platform_text(w->part, mkey);

	assert_non_null(text);
	assert_string_equal(text, want);
	assert_int_equal(find(w, mkey)->method, HF_METHOD_IDENTITY);
}

static void assert_failure(const struct world *w, const char *mkey, enum hf_err cause)
{
	assert_null(hf_platform_text(w->part, mkey));
	assert_int_equal(find(w, mkey)->kind, HF_VALUE_FAILURE);
	assert_int_equal(find(w, mkey)->cause, cause);
	assert_int_equal(find(w, mkey)->method, HF_METHOD_NONE);
}

static const char *const keys[] = {
	"smbios/vendor", "smbios/product", "smbios/board", "smbios/serial", "command-line",
	"kernel", "cpus/online", "cpus/present", "lockdown", "iommu", "secure-boot", "tpm",
};

static void an_empty_capture_has_every_key_as_a_failure(void **state)
{
	struct world *w = *state;

	look(w);
	assert_int_equal(w->part->kind, HF_PART_HOST);
	assert_string_equal(w->part->path, "host");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_failure(w, keys[i], HF_ERR_NOT_MEASURED);
	assert_int_equal(w->claims.measurement_count, sizeof(keys) / sizeof(keys[0]));
}

static void a_full_capture_is_read(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/class/dmi/id/sys_vendor", "QEMU\n");
	put_text(w, "sys/class/dmi/id/product_name", "Standard PC \n");
	put_text(w, "sys/class/dmi/id/product_serial", "S1\n");
	put_text(w, "proc/cmdline", "console=ttyS0 quiet\n");
	put_text(w, "proc/sys/kernel/osrelease", "6.1.0\n");
	put_text(w, "sys/devices/system/cpu/online", "0-1\n");
	put_text(w, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	put_text(w, "sys/class/iommu/dmar0/x", "");
	put(w, SECURE_BOOT, "\x06\0\0\0\x01", 5);
	put_text(w, "sys/class/tpm/tpm0/tpm_version_major", "2\n");
	look(w);
	assert_text(w, "smbios/vendor", "QEMU");
	assert_text(w, "smbios/product", "Standard PC ");	/* exact, to the blank */
	assert_text(w, "smbios/serial", "S1");
	assert_text(w, "command-line", "console=ttyS0 quiet");
	assert_text(w, "kernel", "6.1.0");
	assert_text(w, "cpus/online", "0-1");
	assert_text(w, "lockdown", "integrity");
	assert_text(w, "iommu", "on");
	assert_text(w, "secure-boot", "on");
	assert_text(w, "tpm", "version 2");
	assert_int_equal(find(w, "smbios/vendor")->flags, 0);
	assert_int_equal(find(w, "smbios/serial")->flags, HF_MEASUREMENT_ADVISORY);
}

static void what_is_off_says_so(void **state)
{
	struct world *w = *state;

	put(w, SECURE_BOOT, "\x06\0\0\0\0", 5);
	put_text(w, "sys/class/iommu/x", "");
	put_text(w, "sys/class/tpm/x", "");
	put_text(w, "sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	look(w);
	assert_text(w, "secure-boot", "off");
	assert_text(w, "tpm", "absent");
	assert_text(w, "lockdown", "none");
}

static void a_host_without_uefi_says_so(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/firmware/acpi/x", "");
	look(w);
	assert_text(w, "secure-boot", "no-uefi");
}

static void malformed_facts_are_failures(void **state)
{
	struct world *w = *state;

	put(w, SECURE_BOOT, "\x06\0\0\0\x02", 5);
	put_text(w, "sys/kernel/security/lockdown", "none integrity\n");
	look(w);
	assert_failure(w, "secure-boot", HF_ERR_NOT_MEASURED);
	assert_failure(w, "lockdown", HF_ERR_NOT_MEASURED);
}

static void secure_boot_of_another_length_is_a_failure(void **state)
{
	struct world *w = *state;

	put(w, SECURE_BOOT, "\x06\0\0\0\x01\x01", 6);
	look(w);
	assert_failure(w, "secure-boot", HF_ERR_NOT_MEASURED);
}

static void unprintable_text_is_kept_as_bytes(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/class/dmi/id/sys_vendor", "QE\x1b[31mMU\n");
	put(w, "proc/cmdline", "a\xff" "b", 3);
	put_text(w, "sys/class/dmi/id/board_name", "Gr\xc3\xb6\xc3\x9f" "e\n");
	look(w);
	assert_int_equal(find(w, "smbios/board")->kind, HF_VALUE_BYTES);	/* a font may lack it */
	assert_null(hf_platform_text(w->part, "smbios/vendor"));
	assert_int_equal(find(w, "smbios/vendor")->kind, HF_VALUE_BYTES);
	assert_int_equal(find(w, "smbios/vendor")->bytes.len, 9);
	assert_int_equal(find(w, "command-line")->kind, HF_VALUE_BYTES);
	assert_memory_equal(find(w, "command-line")->bytes.ptr, "a\xff" "b", 3);
}

static void text_that_is_too_long_is_no_text(void **state)
{
	struct world *w = *state;
	char *text = malloc(HF_TEXT_MAX + 2);

	assert_non_null(text);
	memset(text, 'a', HF_TEXT_MAX + 1);
	text[HF_TEXT_MAX + 1] = '\0';
	put_text(w, "proc/cmdline", text);
	put_text(w, "sys/class/dmi/id/sys_vendor", text);
	free(text);
	look(w);
	assert_failure(w, "command-line", HF_ERR_NOT_MEASURED);
	assert_failure(w, "smbios/vendor", HF_ERR_NOT_MEASURED);
}

static void full_claims_are_an_error_and_leave_the_output(void **state)
{
	struct world *w = *state;
	struct hf_part *poison = (struct hf_part *)w;
	char path[128];

	snprintf(path, sizeof(path), "%s/sys", w->dir);
	put_text(w, "sys/class/dmi/id/sys_vendor", "QEMU\n");
	assert_int_equal(hf_arena_make(4096, &w->arena), HF_OK);
	w->arena.len = w->arena.cap - 512;
	assert_int_equal(hf_host_open(path, &w->host, NULL), HF_OK);
	hf_claims_init(&w->claims, &w->arena);
	w->part = poison;
	assert_int_equal(hf_platform_claims(&w->host, NULL, &w->claims, &w->part), HF_ERR_LIMIT);
	assert_ptr_equal(w->part, poison);
}

static void text_of_nothing_is_null(void **state)
{
	(void)state;
	assert_null(hf_platform_text(NULL, "kernel"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_capture_has_every_key_as_a_failure),
		TEST(a_full_capture_is_read),
		TEST(what_is_off_says_so),
		TEST(a_host_without_uefi_says_so),
		TEST(malformed_facts_are_failures),
		TEST(secure_boot_of_another_length_is_a_failure),
		TEST(unprintable_text_is_kept_as_bytes),
		TEST(text_that_is_too_long_is_no_text),
		TEST(full_claims_are_an_error_and_leave_the_output),
		cmocka_unit_test(text_of_nothing_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
