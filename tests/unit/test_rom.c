/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcie/rom.h"

static uint8_t rom[1 << 20];

static struct hf_span window(size_t len)
{
	return (struct hf_span){ rom, len };
}

static void put(size_t at, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rom[at + i] = (uint8_t)(value >> 8 * i);
}

static void image(size_t at, uint8_t code, uint16_t blocks, bool last)
{
	put(at, 0xaa55, 2);
	put(at + 0x18, 0x1c, 2);
	memcpy(rom + at + 0x1c, "PCIR", 4);
	put(at + 0x20, 0x10d38086, 4);
	put(at + 0x26, 0x18, 2);
	put(at + 0x2c, blocks, 2);
	rom[at + 0x30] = code;
	rom[at + 0x31] = last ? 0x80 : 0;
	if (code == HF_ROM_CODE_EFI) {
		put(at + 4, 0x0ef1, 4);
		put(at + 8, 0x000b, 2);
		put(at + 10, 0x8664, 2);
		put(at + 12, 1, 2);
		put(at + 0x16, 0x60, 2);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(rom, 0, sizeof(rom));
	image(0, HF_ROM_CODE_PC_AT, 2, false);
	image(1024, HF_ROM_CODE_EFI, 4, true);
	return 0;
}

static void test_two_images(void **state)
{
	struct hf_rom r;

	(void)state;
	memset(&r, 0xaa, sizeof(r));
	hf_rom_parse(window(4096), &r);
	assert_int_equal(r.err, HF_OK);
	assert_int_equal(r.image_count, 2);
	assert_int_equal(r.chain_len, 3072);
	assert_int_equal(r.images[0].vendor, 0x8086);
	assert_int_equal(r.images[0].device, 0x10d3);
	assert_false(r.images[0].last);
	assert_false(r.images[0].efi);
	assert_int_equal(r.images[1].offset, 1024);
	assert_ptr_equal(r.images[1].bytes.ptr, rom + 1024);
	assert_int_equal(r.images[1].bytes.len, 2048);
	assert_true(r.images[1].last);
	assert_true(r.images[1].efi);
	assert_true(r.images[1].efi_compressed);
	assert_int_equal(r.images[1].efi_subsystem, 0x0b);
	assert_int_equal(r.images[1].efi_machine, 0x8664);
	assert_int_equal(r.images[1].efi_offset, 0x60);
	assert_string_equal(hf_rom_code_name(r.images[1].code_type), "EFI");
	assert_string_equal(hf_rom_code_name(0xe0), "unknown");
	hf_rom_parse(window(3072), &r);	/* no byte behind the last image */
	assert_int_equal(r.err, HF_OK);
}

static void refused(size_t len, size_t images, enum hf_err want)
{
	struct hf_rom_image one, poison;
	struct hf_rom r;

	memset(&r, 0xaa, sizeof(r));
	hf_rom_parse(window(len), &r);
	assert_int_equal(r.err, want);
	assert_int_equal(r.image_count, images);
	if (images)
		return;
	assert_int_equal(r.chain_len, 0);
	memset(&one, 0xaa, sizeof(one));
	memset(&poison, 0xaa, sizeof(poison));
	assert_int_equal(hf_rom_image_parse(window(len), 0, &one), want);
	assert_memory_equal(&one, &poison, sizeof(one));
}

static void test_not_a_rom(void **state)
{
	(void)state;
	refused(0, 0, HF_ERR_ROM_TRUNCATED);
	refused(1, 0, HF_ERR_ROM_TRUNCATED);
	memset(rom + 1024, 0, 3072);
	rom[0] = 0x31;		/* what a careless "1" makes of it */
	refused(4096, 0, HF_ERR_ROM_SIGNATURE);
	put(0, 0xbb77, 2);	/* only later images may begin like this */
	refused(4096, 0, HF_ERR_ROM_SIGNATURE);
	put(0, 0xaa55, 2);
	memcpy(rom + 0x1c, "PCIX", 4);
	refused(4096, 0, HF_ERR_ROM_SIGNATURE);
	put(0x18, 0, 2);	/* an ISA ROM: no PCI data structure */
	refused(4096, 0, HF_ERR_ROM_SIGNATURE);
}

static void test_truncated(void **state)
{
	(void)state;
	refused(0x19, 0, HF_ERR_ROM_TRUNCATED);
	refused(0x31, 0, HF_ERR_ROM_TRUNCATED);
	put(0x18, 0xfffc, 2);	/* PCIR outside the window */
	refused(4096, 0, HF_ERR_ROM_TRUNCATED);
	put(0x18, 4096 - 4, 2);	/* PCIR cut off by the end */
	memcpy(rom + 4092, "PCIR", 4);
	refused(4096, 0, HF_ERR_ROM_TRUNCATED);
}

static void test_image_length(void **state)
{
	(void)state;
	put(0x2c, 0, 2);
	refused(4096, 0, HF_ERR_ROM_IMAGE_LENGTH);
	put(0x2c, 0xffff, 2);
	refused(4096, 0, HF_ERR_ROM_IMAGE_LENGTH);
	put(0x2c, 9, 2);
	refused(4096, 0, HF_ERR_ROM_IMAGE_LENGTH);
	/* an image that ends before its own PCI data structure does */
	put(0x18, 0x3f0, 2);
	memcpy(rom + 0x3f0, "PCIR", 4);
	put(0x3f0 + 0x10, 1, 2);
	refused(4096, 0, HF_ERR_ROM_IMAGE_LENGTH);
}

static void test_second_image_wrong(void **state)
{
	(void)state;
	put(1024 + 0x2c, 0, 2);
	refused(4096, 1, HF_ERR_ROM_IMAGE_LENGTH);
	put(1024 + 0x2c, 5, 2);
	refused(3072, 1, HF_ERR_ROM_IMAGE_LENGTH);
	refused(1024 + 0x20, 1, HF_ERR_ROM_TRUNCATED);
}

static void test_no_last_image(void **state)
{
	(void)state;
	refused(1024, 1, HF_ERR_ROM_NO_LAST_IMAGE);
	rom[1024 + 0x31] = 0;
	refused(3072, 2, HF_ERR_ROM_NO_LAST_IMAGE);
	refused(4096, 2, HF_ERR_ROM_NO_LAST_IMAGE);	/* zeros follow */
	memset(rom + 3072, 0xff, 1024);
	refused(4096, 2, HF_ERR_ROM_NO_LAST_IMAGE);
}

static void test_too_many_images(void **state)
{
	struct hf_rom r;

	(void)state;
	for (size_t i = 0; i <= HF_ROM_IMAGES_MAX; i++)
		image(i * 512, HF_ROM_CODE_PC_AT, 1, false);
	refused(sizeof(rom), HF_ROM_IMAGES_MAX, HF_ERR_ROM_TOO_MANY_IMAGES);
	image((HF_ROM_IMAGES_MAX - 1) * 512, HF_ROM_CODE_PC_AT, 1, true);
	hf_rom_parse(window(sizeof(rom)), &r);
	assert_int_equal(r.err, HF_OK);
	assert_int_equal(r.image_count, HF_ROM_IMAGES_MAX);
}

static void test_efi_header_missing(void **state)
{
	struct hf_rom r;

	(void)state;
	put(1024 + 4, 0, 4);
	hf_rom_parse(window(4096), &r);
	assert_int_equal(r.err, HF_OK);
	assert_false(r.images[1].efi);
	assert_int_equal(r.images[1].efi_machine, 0);
}

static void npde(size_t at, uint16_t blocks, bool last)
{
	memcpy(rom + at, "NPDE", 4);
	put(at + 8, blocks, 2);
	rom[at + 10] = last ? 0x80 : 0;
}

/* GA102: PCIR says last, NPDE behind it says there is more; later images have signatures
 * and structures of NVIDIA's own. */
static void test_nvidia(void **state)
{
	struct hf_rom r;

	(void)state;
	image(0, HF_ROM_CODE_PC_AT, 2, true);
	put(0x20, 0x10de, 2);
	npde(0x40, 2, false);	/* 0x1c + 0x18 = 0x34, on a 16-byte boundary */
	image(1024, HF_ROM_CODE_EFI, 2, true);
	put(1024 + 0x20, 0x10de, 2);
	npde(1024 + 0x40, 2, false);
	image(2048, 0xe0, 1, true);
	put(2048, 0x4e56, 2);
	put(2048 + 0x20, 0x10de, 2);
	memcpy(rom + 2048 + 0x1c, "NPDS", 4);
	npde(2048 + 0x40, 2, false);	/* longer than PCIR says */
	image(3072, 0xe0, 2, true);
	put(3072, 0xbb77, 2);
	memcpy(rom + 3072 + 0x1c, "RGIS", 4);
	hf_rom_parse(window(8192), &r);
	assert_int_equal(r.err, HF_OK);
	assert_int_equal(r.image_count, 4);
	assert_int_equal(r.chain_len, 4096);
	assert_int_equal(r.images[2].bytes.len, 1024);
	assert_int_equal(r.images[2].code_type, 0xe0);
	/* NPDE at a length that points outside is no NPDE */
	put(0x26, 0xffff, 2);
	hf_rom_parse(window(8192), &r);
	assert_int_equal(r.err, HF_OK);
	assert_int_equal(r.image_count, 1);
}

static void test_npde_of_others_is_ignored(void **state)
{
	struct hf_rom r;

	(void)state;
	image(0, HF_ROM_CODE_PC_AT, 2, true);
	npde(0x40, 1, false);
	hf_rom_parse(window(4096), &r);
	assert_int_equal(r.err, HF_OK);
	assert_int_equal(r.image_count, 1);
	assert_int_equal(r.chain_len, 1024);
}

static void test_images_lie_inside(void **state)
{
	struct hf_rom r;

	(void)state;
	srand(11);
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rand() % 4097;

		setup(state);
		for (int i = 0; i < 4; i++)
			rom[(rand() & 1) * 1024 + rand() % 0x50] = (uint8_t)rand();
		hf_rom_parse(window(len), &r);
		assert_true(r.image_count <= HF_ROM_IMAGES_MAX);
		assert_true(r.chain_len <= len);
		for (size_t i = 0; i < r.image_count; i++)
			assert_true(r.images[i].offset + r.images[i].bytes.len <=
				    r.chain_at + r.chain_len);
		assert_true(r.chain_at + r.chain_len + r.tail.len == len);
		assert_true(r.err || (r.image_count && r.images[r.image_count - 1].last));
	}
}

static void covers(const struct hf_rom *r, size_t len)
{
	size_t sum = r->tail.len;

	for (size_t i = 0; i < r->image_count; i++)
		sum += r->images[i].bytes.len;
	for (size_t i = 0; i < r->gap_count; i++)
		sum += r->gaps[i].len;
	assert_int_equal(sum, len);	/* each byte once */
}

static void test_gap_before_the_first(void **state)
{
	struct hf_rom r;

	(void)state;
	memmove(rom + 1536, rom, 3072);
	memset(rom, 0, 1536);
	memcpy(rom, "NVGI", 4);
	put(512, 0xbb77, 2);	/* well formed but for a signature that begins no chain */
	put(512 + 0x18, 0x1c, 2);
	memcpy(rom + 512, rom + 1536, 1024);
	put(512, 0xbb77, 2);
	hf_rom_parse(window(8192), &r);
	assert_int_equal(r.err, HF_OK);
	assert_int_equal(r.image_count, 2);
	assert_int_equal(r.chain_at, 1536);
	assert_int_equal(r.chain_len, 3072);
	assert_int_equal(r.gap_count, 1);
	assert_ptr_equal(r.gaps[0].ptr, rom);
	assert_int_equal(r.gaps[0].len, 1536);
	assert_int_equal(r.tail.len, 8192 - 4608);
	assert_true(hf_rom_is_blank(r.tail));
	covers(&r, 8192);
}

/* edk2 steps over blocks without a signature behind an image that is not the last. */
static void test_gap_between(void **state)
{
	struct hf_rom r;

	(void)state;
	memmove(rom + 2048, rom + 1024, 2048);
	memset(rom + 1024, 0, 1024);
	rom[1500] = 0x90;
	hf_rom_parse(window(4096), &r);
	assert_int_equal(r.err, HF_OK);
	assert_int_equal(r.image_count, 2);
	assert_int_equal(r.chain_at, 0);
	assert_int_equal(r.chain_len, 4096);
	assert_int_equal(r.images[1].offset, 2048);
	assert_int_equal(r.gap_count, 1);
	assert_ptr_equal(r.gaps[0].ptr, rom + 1024);
	assert_int_equal(r.gaps[0].len, 1024);
	assert_false(hf_rom_is_blank(r.gaps[0]));
	assert_int_equal(r.tail.len, 0);
	covers(&r, 4096);
}

static void test_unlisted(void **state)
{
	struct hf_rom r;

	(void)state;
	image(4096, HF_ROM_CODE_EFI, 2, true);	/* after the last image, with a hole before it */
	image(4096 + 512, HF_ROM_CODE_PC_AT, 1, true);	/* inside that one: part of it */
	put(8192, 0xbb77, 2);			/* no PCI data structure */
	image(8704, HF_ROM_CODE_PC_AT, 40, true);	/* reaches past the window */
	hf_rom_parse(window(16384), &r);
	assert_int_equal(r.err, HF_OK);
	assert_int_equal(r.image_count, 2);
	assert_int_equal(r.unlisted_count, 1);
	assert_int_equal(r.unlisted[0].offset, 4096);
	assert_int_equal(r.unlisted[0].bytes.len, 1024);
	assert_true(r.unlisted[0].efi);
	assert_false(r.unlisted_more);
	assert_int_equal(r.tail.len, 16384 - 3072);
	/* also behind a chain that breaks, and without any chain */
	put(1024 + 0x2c, 0, 2);
	hf_rom_parse(window(16384), &r);
	assert_int_equal(r.err, HF_ERR_ROM_IMAGE_LENGTH);
	assert_int_equal(r.unlisted_count, 1);
	put(0x2c, 0, 2);
	hf_rom_parse(window(16384), &r);
	assert_int_equal(r.image_count, 0);
	assert_int_equal(r.tail.len, 16384);
	assert_int_equal(r.unlisted_count, 1);
	covers(&r, 16384);
}

static void test_too_many_unlisted(void **state)
{
	struct hf_rom r;

	(void)state;
	for (size_t i = 0; i <= HF_ROM_UNLISTED_MAX; i++)
		image(3072 + i * 512, HF_ROM_CODE_PC_AT, 1, true);
	hf_rom_parse(window(3072 + HF_ROM_UNLISTED_MAX * 512), &r);
	assert_int_equal(r.unlisted_count, HF_ROM_UNLISTED_MAX);
	assert_false(r.unlisted_more);
	hf_rom_parse(window(sizeof(rom)), &r);
	assert_int_equal(r.unlisted_count, HF_ROM_UNLISTED_MAX);
	assert_true(r.unlisted_more);
	assert_int_equal(r.err, HF_OK);
}

static void test_blank(void **state)
{
	(void)state;
	memset(rom, 0xff, 512);
	assert_true(hf_rom_is_blank(window(0)));
	assert_true(hf_rom_is_blank(window(1)));
	assert_true(hf_rom_is_blank(window(512)));
	assert_false(hf_rom_is_blank((struct hf_span){ rom + 511, 2 }));
	memset(rom, 0, 512);
	assert_true(hf_rom_is_blank(window(512)));
	rom[511] = 1;
	assert_false(hf_rom_is_blank(window(512)));
	memset(rom, 0x55, 512);
	assert_false(hf_rom_is_blank(window(512)));
}

/* What edk2's LocalLoadFile2 takes as the program. */
static void test_efi_program(void **state)
{
	struct hf_rom_image im;
	struct hf_span p;

	(void)state;
#define PROGRAM(blocks) do { put(1024 + 2, blocks, 2); \
	assert_int_equal(hf_rom_image_parse(window(4096), 1024, &im), HF_OK); \
	p = hf_rom_efi_program(im.bytes, &im); } while (0)
	PROGRAM(4);
	assert_ptr_equal(p.ptr, rom + 1024 + 0x60);
	assert_int_equal(p.len, 2048 - 0x60);
	PROGRAM(3);	/* firmware goes by the header's size, not by PCIR's */
	assert_int_equal(p.len, 1536 - 0x60);
	PROGRAM(5);
	assert_int_equal(p.len, 0);
	PROGRAM(0);
	assert_int_equal(p.len, 0);
	put(1024 + 0x16, 512, 2);
	PROGRAM(1);
	assert_int_equal(p.len, 0);
	PROGRAM(2);
	assert_int_equal(p.len, 512);
	put(1024 + 4, 0, 4);	/* no EFI signature */
	PROGRAM(2);
	assert_int_equal(p.len, 0);
#undef PROGRAM
}

static void test_pnp_product(void **state)
{
	char text[16];

	(void)state;
	hf_rom_pnp_product(window(1024), text, sizeof(text));
	assert_string_equal(text, "");
	put(0x1a, 0x80, 2);
	memcpy(rom + 0x80, "$PnP", 4);
	put(0x90, 0x100, 2);
	memcpy(rom + 0x100, "UNDI\x01 \xff" "2.3", 11);
	hf_rom_pnp_product(window(1024), text, sizeof(text));
	assert_string_equal(text, "UNDI 2.3");
	memset(rom + 0x100, 'x', 100);
	hf_rom_pnp_product(window(1024), text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	hf_rom_pnp_product(window(0x104), text, sizeof(text));	/* no end in the image */
	assert_string_equal(text, "xxxx");
	put(0x90, 0xffff, 2);
	hf_rom_pnp_product(window(1024), text, sizeof(text));
	assert_string_equal(text, "");
	hf_rom_pnp_product(window(0x91), text, sizeof(text));
	assert_string_equal(text, "");
	put(0x1a, 0xfff0, 2);
	hf_rom_pnp_product(window(1024), text, sizeof(text));
	assert_string_equal(text, "");
}

static size_t load(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t len;

	assert_non_null(file);
	len = fread(rom, 1, sizeof(rom), file);
	fclose(file);
	return len;
}

static void real(const char *pattern, size_t images, bool last_is_efi)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found) != 0) {
		print_message("SKIP %s: none on this machine\n", pattern);
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t len = load(found.gl_pathv[i]);
		struct hf_rom r;

		hf_rom_parse(window(len), &r);
		if (r.err || r.image_count != images)
			print_error("%s: %s, %zu images\n", found.gl_pathv[i], hf_err_name(r.err),
				    r.image_count);
		assert_int_equal(r.err, HF_OK);
		assert_int_equal(r.image_count, images);
		assert_int_equal(r.chain_len, len);
		assert_int_equal(r.images[images - 1].efi, last_is_efi);
	}
	globfree(&found);
}

static void test_real_efi_roms(void **state)
{
	(void)state;
	real("/usr/lib/ipxe/qemu/efi-*.rom", 2, true);
}

static void test_real_legacy_roms(void **state)
{
	(void)state;
	real("/usr/lib/ipxe/qemu/pxe-*.rom", 1, false);
}

static void test_real_display_roms(void **state)
{
	static const char *const plain[] = { "ati", "bochs-display", "cirrus", "qxl", "stdvga",
					     "virtio", "vmware" };
	static const char *const isa[] = { "isavga", "ramfb" };
	char path[80];

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		snprintf(path, sizeof(path), "/usr/share/seabios/vgabios-%s.bin", plain[i]);
		real(path, 1, false);
	}
	for (size_t i = 0; i < sizeof(isa) / sizeof(isa[0]); i++) {
		snprintf(path, sizeof(path), "/usr/share/seabios/vgabios-%s.bin", isa[i]);
		refused(load(path), 0, HF_ERR_ROM_SIGNATURE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_two_images, setup),
		cmocka_unit_test_setup(test_not_a_rom, setup),
		cmocka_unit_test_setup(test_truncated, setup),
		cmocka_unit_test_setup(test_image_length, setup),
		cmocka_unit_test_setup(test_second_image_wrong, setup),
		cmocka_unit_test_setup(test_no_last_image, setup),
		cmocka_unit_test_setup(test_too_many_images, setup),
		cmocka_unit_test_setup(test_efi_header_missing, setup),
		cmocka_unit_test_setup(test_nvidia, setup),
		cmocka_unit_test_setup(test_npde_of_others_is_ignored, setup),
		cmocka_unit_test_setup(test_images_lie_inside, setup),
		cmocka_unit_test_setup(test_gap_before_the_first, setup),
		cmocka_unit_test_setup(test_gap_between, setup),
		cmocka_unit_test_setup(test_unlisted, setup),
		cmocka_unit_test_setup(test_too_many_unlisted, setup),
		cmocka_unit_test_setup(test_blank, setup),
		cmocka_unit_test_setup(test_efi_program, setup),
		cmocka_unit_test_setup(test_pnp_product, setup),
		cmocka_unit_test_setup(test_real_efi_roms, setup),
		cmocka_unit_test_setup(test_real_legacy_roms, setup),
		cmocka_unit_test_setup(test_real_display_roms, setup),
	};

	return cmocka_run_group_tests_name("rom", tests, NULL, NULL);
}
