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
#include "pcie/smbios.h"

#define EFIVARS "sys/firmware/efi/efivars/"
#define GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SECURITY "-d719b2cb-3d3a-4596-a3bc-dad00e67656f"
#define SECURE_BOOT EFIVARS "SecureBoot" GLOBAL
#define DMI "sys/firmware/dmi/tables/DMI"
#define ENTRY "sys/firmware/dmi/tables/smbios_entry_point"
#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct world {
	char dir[64];
	struct hf_arena arena;
	struct hf_host host;
	struct hf_claims claims;
	struct hf_part *part;
	enum hf_err err;
	struct hf_platform_sources sources;
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

	assert_int_equal(hf_arena_make(8 << 20, &w->arena), HF_OK);
	memset(w->arena.base, 0xaa, w->arena.cap);
	snprintf(path, sizeof(path), "%s/sys", w->dir);
	assert_int_equal(hf_host_open(path, &w->host, NULL), HF_OK);
	hf_claims_init(&w->claims, &w->arena);
	w->err = hf_platform_claims(&w->host, &w->sources, &w->claims, &w->part);
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

static void assert_digest(const struct world *w, const char *mkey, uint64_t size, const char *hex)
{
	const struct hf_measurement *m = find(w, mkey);
	char found[2 * HF_DIGEST_MAX + 1];

	assert_int_equal(m->kind, HF_VALUE_DIGESTS);
	assert_int_equal(m->method, HF_METHOD_BYTES);
	assert_int_equal(m->flags, HF_MEASUREMENT_ADVISORY);
	assert_int_equal(m->size, size);
	assert_int_equal(m->digest_count, 2);
	hf_digest_hex(&m->digests[0], found);
	assert_string_equal(found, hex);
}

static const char *const keys[] = {
	"smbios/table", "smbios/vendor", "smbios/product", "smbios/version", "smbios/sku",
	"smbios/family", "smbios/serial", "smbios/bios-vendor", "smbios/bios-version",
	"smbios/bios-date", "smbios/board-vendor", "smbios/board", "smbios/board-serial",
	"smbios/chassis-serial", "smbios/chassis-asset", "smbios/uuid", "command-line", "kernel",
	"kernel/tainted", "cpus/online", "cpus/present", "cpus/model", "microcode", "lockdown",
	"iommu", "iommu/units", "iommu/groups", "secure-boot", "secure-boot/PK", "secure-boot/KEK",
	"secure-boot/db", "secure-boot/dbx", "tpm", "tpm/vendor", "tpm/firmware",
	"tpm/specification", "tpm/banks", "acpi",
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

/* ---- SMBIOS ---- */

#define FIRST 1, 8, 1, 0, 1, 2, 0, 3, 'Q', 'E', 'M', 'U', 0, 'P', 'C', 0, 'S', '1', 0, 0
#define SLOT 9, 0x11, 2, 0, 1, 0xa5, 13, 4, 3, 0, 0, 0, 0, 0, 0, 0x3b, 0x08, 'P', '1', 0, 0
#define LAST 127, 4, 3, 0, 0, 0

static void put_tables(const struct world *w, const uint8_t *table, size_t len)
{
	uint8_t entry[24] = { '_', 'S', 'M', '3', '_', 0, 24, 3, 4, 0, 1, 0, (uint8_t)len,
			      (uint8_t)(len >> 8) };

	for (size_t i = 0; i < sizeof(entry); i++)
		if (i != 5)
			entry[5] = (uint8_t)(entry[5] - entry[i]);
	put(w, DMI, table, len);
	put(w, ENTRY, entry, sizeof(entry));
}

static void the_table_says_what_the_kernel_does_not_show(void **state)
{
	static const uint8_t table[] = { FIRST, SLOT, LAST };
	struct world *w = *state;

	put_tables(w, table, sizeof(table));
	put_text(w, "sys/class/dmi/id/sys_vendor", "QEMU\n");
	look(w);
	assert_text(w, "smbios/structures", "3, SMBIOS 3.4");
	assert_text(w, "smbios/vendor", "QEMU");
	assert_text(w, "smbios/serial", "S1");
	assert_text(w, "smbios/slot/0", "P1: type 0xa5, in use, 0000:3b:01.0");
	assert_text(w, "smbios/processors", "0 in 0 sockets");
	assert_text(w, "smbios/memory", "0 in 0 sockets, 0 MiB");
	assert_int_equal(find(w, "smbios/table")->size, sizeof(table));
	/* what chooses the model is the kernel's reading, never ours */
	assert_failure(w, "smbios/product", HF_ERR_NOT_MEASURED);
	assert_failure(w, "smbios/family", HF_ERR_NOT_MEASURED);
	assert_null(hf_measurement_find(w->part->measurements, "smbios/contradiction"));
}

static void a_table_that_the_kernel_did_not_read(void **state)
{
	static const uint8_t table[] = { FIRST, LAST };
	struct world *w = *state;

	put_tables(w, table, sizeof(table));
	put_text(w, "sys/class/dmi/id/sys_vendor", "Other\n");
	put_text(w, "sys/class/dmi/id/product_name", "PC\n");
	put_text(w, "sys/class/dmi/id/product_serial", "S2\n");
	put_text(w, "sys/class/dmi/id/board_name", "\n");	/* none in the table: the same */
	look(w);
	assert_text(w, "smbios/vendor", "Other");
	assert_text(w, "smbios/contradiction", "smbios/vendor smbios/serial");
}

static void a_table_of_another_shape_is_hashed_and_named(void **state)
{
	static const uint8_t table[] = { FIRST, LAST, 'a', 'b', 'c' };
	struct world *w = *state;

	put_tables(w, table, sizeof(table));
	look(w);
	assert_failure(w, "smbios/structures", HF_ERR_SMBIOS_SHAPE);
	assert_int_equal(find(w, "smbios/table")->kind, HF_VALUE_DIGESTS);
	assert_failure(w, "smbios/serial", HF_ERR_NOT_MEASURED);
}

static void a_table_without_its_entry_point(void **state)
{
	struct world *w = *state;

	put_text(w, DMI, "abc");
	look(w);
	assert_digest(w, "smbios/table", 3, ABC_SHA256);
	assert_failure(w, "smbios/structures", HF_ERR_NOT_MEASURED);
}

static void a_table_that_is_too_large(void **state)
{
	struct world *w = *state;
	uint8_t *big = calloc(1, HF_SMBIOS_TABLE_MAX + 1);

	assert_non_null(big);
	put(w, DMI, big, HF_SMBIOS_TABLE_MAX + 1);
	free(big);
	look(w);
	assert_failure(w, "smbios/table", HF_ERR_FILE_TOO_LARGE);
}

/* ---- ACPI, Secure Boot ---- */

static void acpi_tables_are_hashed(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/firmware/acpi/tables/DSDT", "abc");
	put_text(w, "sys/firmware/acpi/tables/SSDT1", "abcd");
	put_text(w, "sys/firmware/acpi/tables/dynamic/SSDT9", "abc");
	put_text(w, "sys/firmware/acpi/tables/data/BERT", "abc");
	look(w);
	assert_digest(w, "acpi/DSDT", 3, ABC_SHA256);
	assert_int_equal(find(w, "acpi/SSDT1")->size, 4);
	assert_digest(w, "acpi/dynamic/SSDT9", 3, ABC_SHA256);
	assert_null(hf_measurement_find(w->part->measurements, "acpi"));
	assert_null(hf_measurement_find(w->part->measurements, "acpi/data"));
	assert_null(hf_measurement_find(w->part->measurements, "acpi/BERT"));
}

/* A signature is firmware's word: it may not take a key that is no key, nor another's. */
static void acpi_tables_with_odd_names(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/firmware/acpi/tables/A B", "abc");
	put_text(w, "sys/firmware/acpi/tables/A\x1b" "B", "abcd");
	put_text(w, "sys/firmware/acpi/tables/" "0123456789012345678901234567890123456789", "abc");
	look(w);
	assert_int_equal(find(w, "acpi/A?B")->size + find(w, "acpi/A?B~2")->size, 7);
	assert_digest(w, "acpi/012345678901234567890123", 3, ABC_SHA256);
}

static void too_many_acpi_tables(void **state)
{
	struct world *w = *state;
	char path[80];

	for (int i = 0; i <= HF_ACPI_TABLES_MAX; i++) {
		snprintf(path, sizeof(path), "sys/firmware/acpi/tables/SSDT%03d", i);
		put_text(w, path, "abc");
	}
	look(w);
	assert_failure(w, "acpi", HF_ERR_LIMIT);
	assert_digest(w, "acpi/SSDT255", 3, ABC_SHA256);
	assert_null(hf_measurement_find(w->part->measurements, "acpi/SSDT256"));
}

static void an_acpi_table_that_is_too_large(void **state)
{
	struct world *w = *state;
	char path[512];

	put_text(w, "sys/firmware/acpi/tables/DSDT", "");
	snprintf(path, sizeof(path), "%s/sys/firmware/acpi/tables/DSDT", w->dir);
	assert_int_equal(truncate(path, HF_ACPI_TABLE_MAX + 1), 0);
	assert_int_equal(hf_arena_make(2 * HF_ACPI_TABLE_MAX, &w->arena), HF_OK);
	snprintf(path, sizeof(path), "%s/sys", w->dir);
	assert_int_equal(hf_host_open(path, &w->host, NULL), HF_OK);
	hf_claims_init(&w->claims, &w->arena);
	assert_int_equal(hf_platform_claims(&w->host, &w->sources, &w->claims, &w->part), HF_OK);
	assert_failure(w, "acpi/DSDT", HF_ERR_FILE_TOO_LARGE);
	assert_true(w->arena.len < 1 << 20);	/* what was read does not stay */
}

static void keys_are_hashed_without_their_attributes(void **state)
{
	struct world *w = *state;

	put(w, SECURE_BOOT, "\x06\0\0\0\x01", 5);
	put(w, EFIVARS "SetupMode" GLOBAL, "\x06\0\0\0\0", 5);
	put(w, EFIVARS "PK" GLOBAL, "\x27\0\0\0abc", 7);
	put(w, EFIVARS "db" SECURITY, "\x27\0\0\0", 4);
	put(w, EFIVARS "dbx" SECURITY, "\x27\0\0", 3);
	put(w, EFIVARS "KEK" SECURITY, "\x27\0\0\0abc", 7);	/* another's of that name */
	look(w);
	assert_text(w, "secure-boot", "on");
	assert_digest(w, "secure-boot/PK", 3, ABC_SHA256);
	assert_text(w, "secure-boot/KEK", "absent");
	assert_int_equal(find(w, "secure-boot/db")->size, 0);
	assert_failure(w, "secure-boot/dbx", HF_ERR_READ_FAILED);
}

static void setup_mode_is_neither_on_nor_off(void **state)
{
	struct world *w = *state;

	put(w, SECURE_BOOT, "\x06\0\0\0\x01", 5);
	put(w, EFIVARS "SetupMode" GLOBAL, "\x06\0\0\0\x01", 5);
	look(w);
	assert_text(w, "secure-boot", "setup-mode");
	assert_text(w, "secure-boot/PK", "absent");
}

static void efivarfs_that_is_not_mounted_is_not_measured(void **state)
{
	struct world *w = *state;
	char path[256];

	snprintf(path, sizeof(path), "%s/" EFIVARS, w->dir);
	make_parents(path);
	look(w);
	assert_failure(w, "secure-boot", HF_ERR_NOT_MEASURED);
	assert_failure(w, "secure-boot/PK", HF_ERR_NOT_MEASURED);
	assert_failure(w, "secure-boot/dbx", HF_ERR_NOT_MEASURED);
}

/* ---- processors, kernel, IOMMU, TPM ---- */

#define CPU(n, stepping, microcode) "processor\t: " n "\nvendor_id\t: GenuineIntel\n" \
	"cpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Xeon\nstepping\t: " stepping "\n" \
	"microcode\t: " microcode "\n\n"

static void processors_that_are_equal(void **state)
{
	struct world *w = *state;

	put_text(w, "proc/cpuinfo", CPU("0", "8", "0x2b") CPU("1", "8", "0x2b"));
	look(w);
	assert_text(w, "cpus/model", "GenuineIntel family 6 model 143 stepping 8: Xeon");
	assert_text(w, "microcode", "0x2b");
}

static void processors_that_are_not(void **state)
{
	struct world *w = *state;

	put_text(w, "proc/cpuinfo", CPU("0", "8", "0x2b") CPU("1", "7", "0x2b"));
	put_text(w, "sys/devices/system/cpu/cpu0/microcode/version", "0x2b\n");
	put_text(w, "sys/devices/system/cpu/cpu1/microcode/version", "0x2b\n");
	put_text(w, "sys/devices/system/cpu/cpu12/microcode/version", "0x2a\n");
	put_text(w, "sys/devices/system/cpu/cpufreq/microcode/version", "0x99\n");
	look(w);
	assert_text(w, "cpus/model", "not all equal: GenuineIntel family 6 model 143 stepping 8: "
		    "Xeon, processor 1 has GenuineIntel family 6 model 143 stepping 7: Xeon");
	assert_text(w, "microcode", "not all equal: 0x2b, processor 12 has 0x2a");
}

static void the_state_of_the_kernel(void **state)
{
	struct world *w = *state;

	put_text(w, "proc/sys/kernel/tainted", "12289\n");
	put_text(w, "sys/class/iommu/dmar0/x", "");
	put_text(w, "sys/class/iommu/dmar1/x", "");
	put_text(w, "sys/class/iommu/ivhd0/x", "");
	put_text(w, "sys/kernel/iommu_groups/0/type", "DMA-FQ\n");
	put_text(w, "sys/kernel/iommu_groups/1/type", "identity\n");
	put_text(w, "sys/kernel/iommu_groups/2/type", "DMA-FQ\n");
	put_text(w, "sys/kernel/iommu_groups/3/devices", "");
	look(w);
	assert_int_equal(find(w, "kernel/tainted")->kind, HF_VALUE_NUMBER);
	assert_int_equal(find(w, "kernel/tainted")->number, 12289);
	assert_text(w, "iommu", "on");
	assert_text(w, "iommu/units", "2 dmar, 1 ivhd");
	assert_text(w, "iommu/groups", "2 DMA-FQ, 1 identity, 1 unknown");
}

static void a_taint_that_is_no_number(void **state)
{
	struct world *w = *state;

	put_text(w, "proc/sys/kernel/tainted", "12x\n");
	look(w);
	assert_failure(w, "kernel/tainted", HF_ERR_NOT_MEASURED);
}

static void banks_by_the_kernels_word(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/class/tpm/tpm0/tpm_version_major", "2\n");
	put_text(w, "sys/class/tpm/tpm0/pcr-sha256/0", "");
	put_text(w, "sys/class/tpm/tpm0/pcr-sha1/0", "");
	look(w);
	assert_text(w, "tpm/banks", "sha1 sha256");
	assert_failure(w, "tpm/vendor", HF_ERR_NOT_MEASURED);
}

static void the_tpm_speaks_for_itself_where_it_was_asked(void **state)
{
	static const struct hf_tpm_words words = { "IFX SLB9670", "7.85.4555.0", "2.0 revision 1.38",
						   "sha256" };
	struct world *w = *state;

	put_text(w, "sys/class/tpm/tpm0/pcr-sha1/0", "");
	w->sources.tpm = &words;
	look(w);
	assert_text(w, "tpm/vendor", "IFX SLB9670");
	assert_text(w, "tpm/firmware", "7.85.4555.0");
	assert_text(w, "tpm/specification", "2.0 revision 1.38");
	assert_text(w, "tpm/banks", "sha256");
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
	assert_int_equal(hf_platform_claims(&w->host, &w->sources, &w->claims, &w->part), HF_ERR_LIMIT);
	assert_ptr_equal(w->part, poison);
}

static void serial_number_of_the_chassis(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/class/dmi/id/chassis_serial", "CN7792\n");
	put_text(w, "sys/class/dmi/id/product_serial", "SYS1\n");
	look(w);
	assert_string_equal(hf_platform_serial(w->part), "CN7792");
}

/* What many hosts say is nobody's name. */
static void serial_number_that_nobody_set(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/class/dmi/id/chassis_serial", "To be filled by O.E.M.\n");
	put_text(w, "sys/class/dmi/id/product_serial", "SYS1\n");
	look(w);
	assert_string_equal(hf_platform_serial(w->part), "SYS1");
}

static void serial_numbers_of_nobody(void **state)
{
	struct world *w = *state;

	put_text(w, "sys/class/dmi/id/chassis_serial", "  \n");
	put_text(w, "sys/class/dmi/id/product_serial", "00000000\n");
	look(w);
	assert_string_equal(hf_platform_serial(w->part), "");
	assert_string_equal(hf_platform_serial(NULL), "");
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
		TEST(the_table_says_what_the_kernel_does_not_show),
		TEST(a_table_that_the_kernel_did_not_read),
		TEST(a_table_of_another_shape_is_hashed_and_named),
		TEST(a_table_without_its_entry_point),
		TEST(a_table_that_is_too_large),
		TEST(acpi_tables_are_hashed),
		TEST(acpi_tables_with_odd_names),
		TEST(too_many_acpi_tables),
		TEST(an_acpi_table_that_is_too_large),
		TEST(keys_are_hashed_without_their_attributes),
		TEST(setup_mode_is_neither_on_nor_off),
		TEST(efivarfs_that_is_not_mounted_is_not_measured),
		TEST(processors_that_are_equal),
		TEST(processors_that_are_not),
		TEST(the_state_of_the_kernel),
		TEST(a_taint_that_is_no_number),
		TEST(banks_by_the_kernels_word),
		TEST(the_tpm_speaks_for_itself_where_it_was_asked),
		TEST(full_claims_are_an_error_and_leave_the_output),
		TEST(serial_number_of_the_chassis),
		TEST(serial_number_that_nobody_set),
		TEST(serial_numbers_of_nobody),
		cmocka_unit_test(text_of_nothing_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
