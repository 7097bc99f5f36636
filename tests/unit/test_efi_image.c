/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything that is read out of one option ROM image: made here, and the installed ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <unistd.h>

#include "pcie/efi_image.h"
#include "tests/unit/signed_pe_fixture.h"

static char dir[64];
static struct spe pe;
static uint8_t rom[1 << 20], program[1 << 20];
static struct hf_efi_findings found;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/holdfast-efi-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static size_t load(const char *path, uint8_t *to, size_t cap)
{
	FILE *file = fopen(path, "rb");
	size_t n;

	assert_non_null(file);
	n = fread(to, 1, cap, file);
	fclose(file);
	return n;
}

/* One image around a program, compressed or as it is. */
static size_t rom_of(struct hf_span body, bool packed)
{
	char in[80], out[80], command[256];
	FILE *file;
	size_t len, blocks;

	snprintf(in, sizeof(in), "%s/in", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	file = fopen(in, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(body.ptr, 1, body.len, file), body.len);
	fclose(file);
	snprintf(command, sizeof(command), "python3 tests/efi_compress.py rom %s %s 8086 10d3", in, out);
	assert_int_equal(system(command), 0);
	len = load(out, rom, sizeof(rom));
	if (packed)
		return len;
	blocks = (0x34 + body.len + 511) / 512;
	memset(rom + 0x34, 0, sizeof(rom) - 0x34);
	memcpy(rom + 0x34, body.ptr, body.len);
	rom[2] = (uint8_t)blocks;
	rom[0x2c] = (uint8_t)blocks;
	rom[12] = 0;
	return blocks * 512;
}

static void examine(size_t len)
{
	struct hf_rom_image image;

	memset(&found, 0xaa, sizeof(found));
	assert_int_equal(hf_rom_image_parse((struct hf_span){ rom, len }, 0, &image), HF_OK);
	hf_efi_image_examine(image.bytes, &image, &found);
	assert_non_null(memchr(found.signer, 0, sizeof(found.signer)));
	assert_non_null(memchr(found.version, 0, sizeof(found.version)));
}

static void digests_are(struct hf_span of)
{
	struct hf_digest want;

	assert_true(found.has_program);
	assert_int_equal(found.program_err, HF_OK);
	assert_true(found.program_size == of.len);
	assert_int_equal(found.authenticode_count, 2);
	assert_int_equal(hf_pe_digest(HF_ALG_SHA256, of, &want), HF_OK);
	assert_true(hf_digest_equal(&found.authenticode[0], &want));
	assert_int_equal(hf_pe_digest(HF_ALG_SHA384, of, &want), HF_OK);
	assert_true(hf_digest_equal(&found.authenticode[1], &want));
}

static void failed(enum hf_err want)
{
	assert_true(found.has_program);
	assert_int_equal(found.program_err, want);
	assert_int_equal(found.authenticode_count, 0);
	assert_int_equal(found.signer_err, HF_OK);
	assert_string_equal(found.signer, "");
}

static void test_compressed(void **state)
{
	size_t len;

	(void)state;
	spe_make(&pe);
	len = rom_of(spe_span(&pe), true);
	examine(len);
	assert_true(found.compressed);
	digests_are(spe_span(&pe));
	assert_string_equal(found.signer, "");
	assert_string_equal(found.version, "");
	rom[0x34]++;			/* a compressed size that is too large is still inside */
	examine(len);
	digests_are(spe_span(&pe));
	rom[0x36]++;
	examine(len);
	failed(HF_ERR_ROM_COMPRESSION);
	assert_true(found.program_size == 0);
	rom[0x36]--;
	memset(rom + 0x38, 0xff, 4);	/* larger than any program may be */
	examine(len);
	failed(HF_ERR_ROM_COMPRESSION);
	len = rom_of((struct hf_span){ (const uint8_t *)"no program", 10 }, true);
	examine(len);
	failed(HF_ERR_PE_SHAPE);
	assert_true(found.program_size == 10);
}

static void test_not_compressed(void **state)
{
	size_t len;

	(void)state;
	spe_make(&pe);
	len = rom_of(spe_span(&pe), false);
	examine(len);
	assert_false(found.compressed);
	/* the padding up to the image's end is part of what firmware loads */
	digests_are((struct hf_span){ rom + 0x34, len - 0x34 });
	rom[2]++;			/* firmware finds no program in it */
	examine(len);
	failed(HF_ERR_PE_SHAPE);
	rom[2] = 0;
	examine(len);
	failed(HF_ERR_PE_SHAPE);
	len = rom_of(spe_span(&pe), false);
	rom[0x34 + 0x41] ^= 1;
	examine(len);
	failed(HF_ERR_PE_SHAPE);
	rom[4] = 0;			/* no EFI image at all */
	examine(len);
	assert_false(found.has_program);
	assert_int_equal(found.program_err, HF_OK);
}

static void test_signed(void **state)
{
	EVP_PKEY *key = spe_key();
	X509 *cert = spe_certificate(key, "Example Signing", "Example CA");

	(void)state;
	spe_make(&pe);
	spe_sign(&pe, HF_ALG_SHA256, cert, key);
	examine(rom_of(spe_span(&pe), true));
	digests_are(spe_span(&pe));
	assert_int_equal(found.signer_err, HF_OK);
	assert_non_null(strstr(found.signer, "CN=Example Signing"));
	assert_non_null(strstr(found.signer, "signature fits"));
	struct hf_digest signed_digest = found.authenticode[0];

	pe.bytes[0x210] ^= 1;		/* patched, and the old signature left in place */
	examine(rom_of(spe_span(&pe), true));
	digests_are(spe_span(&pe));
	assert_false(hf_digest_equal(&signed_digest, &found.authenticode[0]));
	assert_int_equal(found.signer_err, HF_ERR_IMAGE_SIGNATURE);
	assert_non_null(strstr(found.signer, "does not fit"));
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void test_version(void **state)
{
	static const uint8_t pnp[] = "$PnP\1\2\0\0\0\0\0\0\0\0\0\0\0\1";

	(void)state;
	memset(rom, 0, 1024);
	memcpy(rom, "\x55\xaa\2", 3);
	rom[0x18] = 0x1c;
	rom[0x1a] = 0x40;
	memcpy(rom + 0x1c, "PCIR\x86\x80\xd3\x10\0\0\x18\0\3\0\0\2\2\0\x34\x12\0\x80", 22);
	examine(1024);
	assert_false(found.has_program);
	assert_string_equal(found.version, "revision 0x1234");
	memcpy(rom + 0x40, pnp, sizeof(pnp));
	memcpy(rom + 0x100, "Boot Agent 1.5.2", 17);
	examine(1024);
	assert_string_equal(found.version, "Boot Agent 1.5.2, revision 0x1234");
	memset(rom + 0x2e, 0, 2);
	examine(1024);
	assert_string_equal(found.version, "Boot Agent 1.5.2");
	memset(rom + 0x100, 'v', 700);
	examine(1024);
	assert_true(strlen(found.version) < HF_EFI_VERSION_MAX);
}

/* Each installed option ROM: how many images, of what kind, and that each EFI program has a
 * digest; with an error only where one is due. */
static void test_real_roms(void **state)
{
	static const struct {
		const char *pattern;
		size_t images, programs;
		enum hf_err err;
	} rows[] = {
		{ "/usr/lib/ipxe/qemu/efi-*.rom", 2, 1, HF_OK },
		{ "/usr/lib/ipxe/qemu/pxe-*.rom", 1, 0, HF_OK },
		{ "/usr/share/seabios/vgabios-[bcqsv]*.bin", 1, 0, HF_OK },
		{ "/usr/share/seabios/vgabios-ati.bin", 1, 0, HF_OK },
		/* no PCI data structure: for buses without one */
		{ "/usr/share/seabios/vgabios-isavga.bin", 0, 0, HF_ERR_ROM_SIGNATURE },
		{ "/usr/share/seabios/vgabios-ramfb.bin", 0, 0, HF_ERR_ROM_SIGNATURE },
		{ "/usr/share/qemu/*boot*.bin", 0, 0, HF_ERR_ROM_SIGNATURE },
		{ "/usr/share/qemu/kvmvapic.bin", 0, 0, HF_ERR_ROM_TRUNCATED },
		{ "/usr/share/qemu/pvh.bin", 0, 0, HF_ERR_ROM_SIGNATURE },
		{ "/usr/share/qemu/sgabios.bin", 0, 0, HF_ERR_ROM_SIGNATURE },
		{ "/usr/share/qemu/qboot.rom", 0, 0, HF_ERR_ROM_SIGNATURE },
	};
	static struct hf_rom r;
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		glob_t files;

		if (glob(rows[i].pattern, 0, NULL, &files) != 0) {
			print_message("SKIP %s: none on this machine\n", rows[i].pattern);
			continue;
		}
		for (size_t k = 0; k < files.gl_pathc; k++, seen++) {
			size_t len = load(files.gl_pathv[k], program, sizeof(program)), programs = 0;

			hf_rom_parse((struct hf_span){ program, len }, &r);
			if (r.err != rows[i].err || r.image_count != rows[i].images)
				fail_msg("%s: %s, %zu images", files.gl_pathv[k], hf_err_name(r.err),
					 r.image_count);
			assert_int_equal(r.gap_count, 0);
			assert_int_equal(r.unlisted_count, 0);
			for (size_t n = 0; n < r.image_count; n++) {
				hf_efi_image_examine(r.images[n].bytes, &r.images[n], &found);
				if (!found.has_program)
					continue;
				programs++;
				assert_int_equal(found.signer_err, HF_OK);
				digests_are(hf_rom_efi_program(r.images[n].bytes, &r.images[n]));
				/* the same program compressed is the same to firmware */
				struct hf_efi_findings plain = found;
				struct hf_span p = hf_rom_efi_program(r.images[n].bytes, &r.images[n]);

				examine(rom_of(p, true));
				assert_memory_equal(plain.authenticode, found.authenticode,
						    sizeof(plain.authenticode));
			}
			assert_int_equal(programs, rows[i].programs);
		}
		globfree(&files);
	}
	if (!seen)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compressed), cmocka_unit_test(test_not_compressed),
		cmocka_unit_test(test_signed), cmocka_unit_test(test_version),
		cmocka_unit_test(test_real_roms),
	};

	return cmocka_run_group_tests_name("efi_image", tests, setup, teardown);
}
