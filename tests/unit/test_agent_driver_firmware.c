/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kernel modules ask for, and what an image holds of it. */
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

#include "agent/driver_firmware.h"
#include "agent/modinfo.h"

#define RELEASE "6.1.0-test"
#define EHDR 64
#define SHDR 64
#define NAMES "\0.modinfo\0.shstrtab"
#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

struct module {
	uint8_t bytes[65536];
	size_t len, sections;	/* where the section headers begin */
};

static void put_le(uint8_t *at, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static void section(uint8_t *at, uint32_t name, uint32_t type, size_t offset, size_t size)
{
	put_le(at, name, 4);
	put_le(at + 4, type, 4);
	put_le(at + 0x18, offset, 8);
	put_le(at + 0x20, size, 8);
}

/* Header, names, .modinfo, then three sections: none, .modinfo, the names. */
static void make_module(struct module *m, const char *info, size_t len)
{
	size_t at = EHDR;

	memset(m, 0, sizeof(*m));
	memcpy(m->bytes, "\x7f" "ELF\2\1\1", 7);
	memcpy(m->bytes + at, NAMES, sizeof(NAMES));
	at += sizeof(NAMES);
	memcpy(m->bytes + at, info, len);
	m->sections = at + len;
	section(m->bytes + m->sections + SHDR, 1, 1, at, len);
	section(m->bytes + m->sections + 2 * SHDR, 10, 3, EHDR, sizeof(NAMES));
	put_le(m->bytes + 0x28, m->sections, 8);
	put_le(m->bytes + 0x3a, SHDR, 2);
	put_le(m->bytes + 0x3c, 3, 2);
	put_le(m->bytes + 0x3e, 2, 2);
	m->len = m->sections + 3 * SHDR;
}

#define INFO "license=GPL\0firmware=a.bin\0firmwares=no\0xfirmware=no\0firmware=\0firmware=d/b.bin"

static struct hf_span whole(const struct module *m)
{
	return (struct hf_span){ m->bytes, m->len };
}

static void assert_value(struct hf_span value, const char *want)
{
	assert_int_equal(value.len, strlen(want));
	assert_memory_equal(value.ptr, want, value.len);
}

static void the_section_and_its_values(void **state)
{
	static struct module m;
	struct hf_span info, value = { NULL, 99 };
	size_t pos = 0;

	(void)state;
	make_module(&m, INFO, sizeof(INFO));
	assert_int_equal(hf_modinfo_find(whole(&m), &info), HF_OK);
	assert_int_equal(info.len, sizeof(INFO));
	assert_true(hf_modinfo_next(info, "firmware", &pos, &value));
	assert_value(value, "a.bin");
	assert_true(hf_modinfo_next(info, "firmware", &pos, &value));
	assert_value(value, "");
	assert_true(hf_modinfo_next(info, "firmware", &pos, &value));
	assert_value(value, "d/b.bin");
	assert_false(hf_modinfo_next(info, "firmware", &pos, &value));
	/* the last without its NUL is none */
	make_module(&m, INFO, sizeof(INFO) - 1);
	assert_int_equal(hf_modinfo_find(whole(&m), &info), HF_OK);
	for (pos = 0; hf_modinfo_next(info, "firmware", &pos, &value);)
		assert_true(value.len < 7);
}

/* Cut anywhere it is no module; nothing is read past the cut (ASan watches). */
static void a_module_cut_short(void **state)
{
	static struct module m;
	struct hf_span info = { NULL, 99 };

	(void)state;
	make_module(&m, INFO, sizeof(INFO));
	for (size_t len = 0; len < m.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, m.bytes, len);
		assert_int_equal(hf_modinfo_find((struct hf_span){ copy, len }, &info),
				 HF_ERR_BIND_FAILED);
		free(copy);
	}
	assert_int_equal(info.len, 99);
}

static void no_modules(void **state)
{
	static const struct { size_t at, n; uint64_t value; bool section; const char *what; } rows[] = {
		{ 4, 1, 1, false, "32 bits" },
		{ 5, 1, 2, false, "big-endian" },
		{ 0x28, 8, UINT64_MAX, false, "section headers nowhere" },
		{ 0x28, 8, UINT64_MAX - 100, false, "an offset that wraps" },
		{ 0x3a, 2, 63, false, "section headers of another size" },
		{ 0x3c, 2, 0, false, "no section" },
		{ 0x3c, 2, 0xffff, false, "more sections than there are" },
		{ 0x3e, 2, 3, false, "names in no section" },
		{ SHDR + 0x18, 8, UINT64_MAX, true, ".modinfo nowhere" },
		{ SHDR + 0x20, 8, UINT64_MAX, true, ".modinfo of any size" },
		{ SHDR + 4, 4, 8, true, ".modinfo without bytes" },
		{ SHDR, 4, 0xffffffff, true, "a name nowhere" },
		{ 2 * SHDR + 0x20, 8, 9, true, "a name that is not ended" },
		{ 2 * SHDR + 0x18, 8, UINT64_MAX, true, "names nowhere" },
	};
	static struct module m;
	struct hf_span info;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_module(&m, INFO, sizeof(INFO));
		put_le(m.bytes + (rows[i].section ? m.sections : 0) + rows[i].at, rows[i].value,
		       rows[i].n);
		if (hf_modinfo_find(whole(&m), &info) != HF_ERR_BIND_FAILED)
			fail_msg("%s", rows[i].what);
	}
}

/* ---- the claims ---- */

struct world {
	char dir[64];
	struct hf_arena arena;
	struct hf_claims claims;
	struct hf_part *part;
	struct hf_driver_firmware where;
};

static void put(const struct world *w, const char *name, const void *bytes, size_t len)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	for (char *c = path + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		mkdir(path, 0700);
		*c = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void put_module(const struct world *w, const char *name, const char *info, size_t len)
{
	static struct module m;
	char path[128];

	make_module(&m, info, len);
	snprintf(path, sizeof(path), "lib/modules/" RELEASE "/kernel/%s", name);
	put(w, path, m.bytes, m.len);
}

static void put_dep(const struct world *w, const char *text)
{
	put(w, "lib/modules/" RELEASE "/modules.dep", text, strlen(text));
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "/tmp/hf-firmware-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(hf_arena_make(8 << 20, &w->arena), HF_OK);
	hf_claims_init(&w->claims, &w->arena);
	w->part = hf_claims_add_part(&w->claims, HF_PART_HOST, "host");
	w->where = (struct hf_driver_firmware){ .root = w->dir, .release = RELEASE };
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	hf_arena_drop(&w->arena);
	free(w);
	return 0;
}

static void look(struct world *w, const char *driver)
{
	struct hf_name_list list = { .name = driver };

	assert_int_equal(hf_driver_firmware_claims(&w->where, &list, &w->claims, w->part), HF_OK);
}

static const struct hf_measurement *find(const struct world *w, const char *mkey)
{
	const struct hf_measurement *m = hf_measurement_find(w->part->measurements, mkey);

	if (!m)
		fail_msg("no %s", mkey);
	assert_int_equal(m->flags, HF_MEASUREMENT_ADVISORY);
	return m;
}

static void assert_abc(const struct world *w, const char *mkey)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	assert_int_equal(find(w, mkey)->kind, HF_VALUE_DIGESTS);
	hf_digest_hex(&find(w, mkey)->digests[0], hex);
	assert_string_equal(hex, ABC_SHA256);
}

static void files_of_a_driver_and_of_what_it_needs(void **state)
{
	static const char nic[] = "firmware=nic/a.bin\0firmware=nic/gone.bin\0firmware=shared.bin";
	static const char core[] = "firmware=shared.bin\0firmware=core/*.bin\0firmware=../../etc/x";
	struct world *w = *state;

	put_dep(w, "kernel/nic.ko: kernel/core.ko\nkernel/core.ko:\nkernel/other.ko:\n");
	put_module(w, "nic.ko", nic, sizeof(nic));
	put_module(w, "core.ko", core, sizeof(core));
	put(w, "lib/firmware/nic/a.bin", "abc", 3);
	put(w, "lib/firmware/shared.bin", "other", 5);
	put(w, "lib/firmware/updates/shared.bin", "abc", 3);	/* goes first */
	put(w, "lib/firmware/unasked.bin", "abc", 3);
	put(w, "etc/x", "abc", 3);
	look(w, "nic");
	assert_abc(w, "driver-firmware/nic/a.bin");
	assert_abc(w, "driver-firmware/shared.bin");
	assert_string_equal(find(w, "driver-firmware/nic/gone.bin")->text, "absent");
	assert_string_equal(find(w, "driver-firmware/core/*.bin")->text, "a pattern");
	assert_string_equal(find(w, "driver-firmware/../../etc/x")->text, "absent");
	assert_string_equal(find(w, "driver-firmware/nic.ko")->text, "asks for 6 files");
	assert_int_equal(w->claims.measurement_count, 6);
}

static void the_kernels_own_path_goes_first(void **state)
{
	static const char nic[] = "firmware=a.bin";
	struct world *w = *state;
	char path[128];

	put_dep(w, "kernel/nic.ko:\n");
	put_module(w, "nic.ko", nic, sizeof(nic));
	put(w, "lib/firmware/a.bin", "other", 5);
	put(w, "elsewhere/a.bin", "abc", 3);
	snprintf(path, sizeof(path), "%s/elsewhere", w->dir);
	w->where.path = path;
	look(w, "nic");
	assert_abc(w, "driver-firmware/a.bin");
}

static void packed_firmware_is_hashed_as_it_lies(void **state)
{
	static const char nic[] = "firmware=a.bin";
	struct world *w = *state;

	put_dep(w, "kernel/nic.ko:\n");
	put_module(w, "nic.ko", nic, sizeof(nic));
	put(w, "lib/firmware/a.bin.xz", "abc", 3);
	look(w, "nic");
	assert_abc(w, "driver-firmware/a.bin");
}

static void modules_that_cannot_be_read_are_named(void **state)
{
	struct world *w = *state;

	put_dep(w, "kernel/packed.ko.xz:\nkernel/gone.ko:\nkernel/bad.ko:\n");
	put(w, "lib/modules/" RELEASE "/kernel/packed.ko.xz", "x", 1);
	put(w, "lib/modules/" RELEASE "/kernel/bad.ko", "x", 1);
	look(w, "packed");
	look(w, "gone");
	look(w, "bad");
	look(w, "builtin");
	assert_int_equal(find(w, "driver-firmware/packed.ko")->cause, HF_ERR_NOT_MEASURED);
	assert_int_equal(find(w, "driver-firmware/gone.ko")->cause, HF_ERR_NOT_MEASURED);
	assert_int_equal(find(w, "driver-firmware/bad.ko")->cause, HF_ERR_BIND_FAILED);
	assert_int_equal(find(w, "driver-firmware/builtin.ko")->cause, HF_ERR_NOT_MEASURED);
}

static void without_modules_every_driver_is_named(void **state)
{
	struct world *w = *state;

	look(w, "nic");
	assert_int_equal(find(w, "driver-firmware/nic.ko")->cause, HF_ERR_NOT_MEASURED);
	w->where.release = "../../elsewhere";
	look(w, "other");
	assert_int_equal(find(w, "driver-firmware/other.ko")->cause, HF_ERR_NOT_MEASURED);
}

/* Two names that differ behind what fits into a key have two keys. */
static void long_and_odd_names(void **state)
{
	static const char nic[] =
		"firmware=vendor/a-name-of-more-than-forty-eight-characters-in-all-1.bin\0"
		"firmware=vendor/a-name-of-more-than-forty-eight-characters-in-all-2.bin\0"
		"firmware=with blank.bin";
	struct world *w = *state;

	put_dep(w, "kernel/nic.ko:\n");
	put_module(w, "nic.ko", nic, sizeof(nic));
	put(w, "lib/firmware/with blank.bin", "abc", 3);
	look(w, "nic");
	assert_int_equal(w->claims.measurement_count, 4);
	for (const struct hf_measurement *m = w->part->measurements; m->next; m = m->next)
		assert_non_null(strchr(m->mkey, '~'));
	assert_int_equal(strncmp(w->part->measurements->mkey, "driver-firmware/vendor/a-name-", 30), 0);
	assert_int_equal(w->part->measurements->next->next->kind, HF_VALUE_DIGESTS);
}

static void more_names_than_are_recorded(void **state)
{
	struct world *w = *state;
	static char info[16384];
	size_t len = 0;

	for (int i = 0; i <= HF_DRIVER_FIRMWARE_MAX + 1; i++)
		len += (size_t)snprintf(info + len, sizeof(info) - len, "firmware=%d.bin", i) + 1;
	put_dep(w, "kernel/nic.ko:\n");
	put_module(w, "nic.ko", info, len);
	look(w, "nic");
	assert_int_equal(w->claims.measurement_count, HF_DRIVER_FIRMWARE_MAX + 2);
	assert_int_equal(find(w, "driver-firmware")->cause, HF_ERR_LIMIT);
}

static void a_driver_that_asks_for_nothing(void **state)
{
	static const char nvme[] = "license=GPL";
	struct world *w = *state;

	put_dep(w, "kernel/nvme.ko:\n");
	put_module(w, "nvme.ko", nvme, sizeof(nvme));
	look(w, "nvme");
	look(w, "nvme");
	assert_string_equal(find(w, "driver-firmware/nvme.ko")->text, "asks for 0 files");
	assert_int_equal(w->claims.measurement_count, 1);
}

static void no_drivers_no_claims(void **state)
{
	struct world *w = *state;

	assert_int_equal(hf_driver_firmware_claims(&w->where, NULL, &w->claims, w->part), HF_OK);
	assert_int_equal(w->claims.measurement_count, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_section_and_its_values),
		cmocka_unit_test(a_module_cut_short),
		cmocka_unit_test(no_modules),
		TEST(files_of_a_driver_and_of_what_it_needs),
		TEST(the_kernels_own_path_goes_first),
		TEST(packed_firmware_is_hashed_as_it_lies),
		TEST(modules_that_cannot_be_read_are_named),
		TEST(without_modules_every_driver_is_named),
		TEST(long_and_odd_names),
		TEST(more_names_than_are_recorded),
		TEST(a_driver_that_asks_for_nothing),
		TEST(no_drivers_no_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
