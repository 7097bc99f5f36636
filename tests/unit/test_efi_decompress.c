/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UEFI compression: what tests/efi_compress.py packed comes back, and what no compressor made
 * is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pcie/efi_decompress.h"

#define CAP (1u << 20)

static char dir[64];
static uint8_t plain[CAP], packed[CAP + 64], out[CAP + 16];

static size_t load(const char *path, uint8_t *to, size_t cap)
{
	FILE *file = fopen(path, "rb");
	size_t n;

	assert_non_null(file);
	n = fread(to, 1, cap, file);
	fclose(file);
	return n;
}

static void store(const char *path, const uint8_t *from, size_t n)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(from, 1, n, file), n);
	fclose(file);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/holdfast-decompress-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static size_t compress(size_t n)
{
	char in[80], to[80], command[256];

	snprintf(in, sizeof(in), "%s/in", dir);
	snprintf(to, sizeof(to), "%s/out", dir);
	store(in, plain, n);
	snprintf(command, sizeof(command), "python3 tests/efi_compress.py compress %s %s", in, to);
	assert_int_equal(system(command), 0);
	return load(to, packed, sizeof(packed));
}

static void refused(size_t len, size_t cap)
{
	size_t got = 0x5aa5;

	memset(out + cap, 0xaa, 16);
	assert_int_equal(hf_efi_decompress((struct hf_span){ packed, len }, out, cap, &got),
			 HF_ERR_ROM_COMPRESSION);
	assert_int_equal(got, 0x5aa5);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(out[cap + i], 0xaa);	/* not a byte past the end */
}

static void round_trip(size_t n)
{
	size_t len = compress(n), got = 0;

	memset(out, 0xaa, n + 16);
	assert_int_equal(hf_efi_decompress((struct hf_span){ packed, len }, out, n, &got), HF_OK);
	assert_int_equal(got, n);
	assert_memory_equal(out, plain, n);
	assert_int_equal(out[n], 0xaa);
	/* what lies behind it (a ROM image is padded) changes nothing */
	memset(packed + len, 0x5a, 64);
	assert_int_equal(hf_efi_decompress((struct hf_span){ packed, len + 64 }, out, CAP, &got), HF_OK);
	assert_memory_equal(out, plain, n);
	/* one byte less: of room, of input */
	if (n)
		refused(len, n - 1);
	refused(len - 1, n);
}

static void test_round_trips(void **state)
{
	(void)state;
	memset(plain, 'a', sizeof(plain));
	round_trip(0);
	round_trip(1);
	round_trip(2);
	round_trip(5000);		/* one character, one length, one distance */
	round_trip(300000);
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)i;
	round_trip(256);
	round_trip(20000);
	srand(3);
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)rand();
	round_trip(100);
	round_trip(100000);		/* several blocks, no match */
	for (size_t i = 0; i < sizeof(plain); i++)	/* rare symbols: codes of 16 bits */
		plain[i] = (uint8_t)(__builtin_ctz((unsigned)rand() | 1u << 20) * 7 + (rand() % 64 == 0));
	round_trip(200000);
	for (size_t i = 9000; i < 300000; i++)	/* matches from the far end of the window */
		plain[i] = plain[i - 8100 - i / 3000];
	round_trip(300000);
}

static void test_real_programs(void **state)
{
	glob_t found;

	(void)state;
	if (glob("/usr/lib/ipxe/qemu/efi-*.rom", 0, NULL, &found) != 0) {
		print_message("SKIP: no ROMs of ipxe-qemu on this machine\n");
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		round_trip(load(found.gl_pathv[i], plain, sizeof(plain)));
	globfree(&found);
}

static void test_headers(void **state)
{
	size_t len, got;

	(void)state;
	memset(plain, 'a', 100);
	len = compress(100);
	for (size_t i = 0; i < 8; i++)
		refused(i, 0);
	packed[0]++;			/* longer than what is there */
	refused(len, CAP);
	memset(packed, 0xff, 4);
	refused(len, CAP);
	len = compress(100);
	memset(packed + 4, 0xff, 4);
	refused(len, CAP);
	len = compress(100);
	packed[4] = 0;			/* nothing to make: nothing is read */
	assert_int_equal(hf_efi_decompress((struct hf_span){ packed, len }, out, CAP, &got), HF_OK);
	assert_int_equal(got, 0);
	packed[4] = 99;			/* a match that goes past the end */
	refused(len, CAP);
}

/* Bits, most significant first, behind a header that asks for n bytes. */
struct bits {
	size_t at;
};

static void begin(struct bits *b, uint32_t n)
{
	memset(packed, 0, 600);
	packed[0] = 200;
	memcpy(packed + 4, &n, 4);
	b->at = 64;
}

static void put(struct bits *b, unsigned value, unsigned count)
{
	for (; count; count--, b->at++)
		packed[b->at / 8] |= (uint8_t)((value >> (count - 1) & 1) << (7 - b->at % 8));
}

static enum hf_err got_err(size_t cap)
{
	size_t got;

	return hf_efi_decompress((struct hf_span){ packed, 208 }, out, cap, &got);
}

/* A block of symbols times one character, no table but of one symbol each. */
static void single(struct bits *b, unsigned symbols, unsigned extra, unsigned c, unsigned position)
{
	put(b, symbols, 16);
	put(b, 0, 5);
	put(b, extra, 5);
	put(b, 0, 9);
	put(b, c, 9);
	put(b, 0, 4);
	put(b, position, 4);
}

static void test_single_symbols(void **state)
{
	struct bits b;

	(void)state;
	begin(&b, 1000);
	single(&b, 1000, 0, 'x', 0);
	assert_int_equal(got_err(CAP), HF_OK);
	assert_int_equal(out[999], 'x');
	begin(&b, 1000);		/* two blocks */
	single(&b, 600, 0, 'x', 0);
	single(&b, 400, 0, 'y', 0);
	assert_int_equal(got_err(CAP), HF_OK);
	assert_int_equal(out[599], 'x');
	assert_int_equal(out[600], 'y');
	begin(&b, 1000);		/* a block of no symbol would go on for ever */
	single(&b, 0, 0, 'x', 0);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 1000);		/* symbols that their alphabets do not have */
	single(&b, 1000, 19, 'x', 0);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 1000);
	single(&b, 1000, 0, 510, 0);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 1000);
	single(&b, 1000, 0, 'x', 14);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 100);			/* a match before the first byte */
	single(&b, 1, 0, 300, 0);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 103);			/* one byte back, 100 times */
	single(&b, 3, 0, 'x', 0);
	single(&b, 1, 0, 256 + 97, 0);
	assert_int_equal(got_err(CAP), HF_OK);
	assert_int_equal(out[102], 'x');
	begin(&b, 103);			/* the fourth byte back: there are three */
	single(&b, 3, 0, 'x', 0);
	single(&b, 1, 0, 256 + 97, 3);
	put(&b, 0, 2);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 103);			/* the input ends inside a header */
	single(&b, 3, 0, 'x', 0);
	packed[0] = 6;
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
}

static void test_tables(void **state)
{
	struct bits b;

	(void)state;
	begin(&b, 4);			/* two characters: codes 0 and 1 */
	put(&b, 4, 16);
	put(&b, 3, 5);			/* extras: lengths 0, 0, 0, then skip one: none left */
	put(&b, 1, 3);
	put(&b, 0, 3);
	put(&b, 1, 3);
	put(&b, 3, 2);			/* may skip past the count */
	put(&b, 102, 9);
	put(&b, 1, 1);			/* extra 2: zeros, 20 and 80 more */
	put(&b, 80, 9);
	put(&b, 0, 1);			/* extra 0: one zero */
	put(&b, 0, 1);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);	/* no character has a code */
	begin(&b, 4);
	put(&b, 4, 16);
	put(&b, 4, 5);			/* extras 2 and 3: one bit each */
	put(&b, 0, 3);
	put(&b, 0, 3);
	put(&b, 1, 3);
	put(&b, 0, 2);
	put(&b, 1, 3);
	put(&b, 102, 9);
	put(&b, 0, 1);			/* 100 zeros */
	put(&b, 80, 9);
	put(&b, 1, 1);			/* characters 100 and 101 have codes of one bit */
	put(&b, 1, 1);
	put(&b, 0, 4);
	put(&b, 0, 4);
	put(&b, 5, 4);			/* 0 1 0 1 */
	assert_int_equal(got_err(CAP), HF_OK);
	assert_memory_equal(out, "\144\145\144\145", 4);
	for (unsigned zeros = 81; zeros < 512; zeros += 430) {	/* a run past the count */
		begin(&b, 4);
		put(&b, 4, 16);
		put(&b, 4, 5);
		put(&b, 0, 6);
		put(&b, 1, 3);
		put(&b, 0, 2);
		put(&b, 1, 3);
		put(&b, 100, 9);
		put(&b, 0, 1);
		put(&b, zeros, 9);
		put(&b, 3, 2);
		assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	}
	begin(&b, 4);			/* more extras than there are */
	put(&b, 4, 16);
	put(&b, 20, 5);
	put(&b, 0x3ffff, 18);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 4);			/* codes that do not fill their tree */
	put(&b, 4, 16);
	put(&b, 3, 5);
	put(&b, 1, 3);
	put(&b, 2, 3);
	put(&b, 0, 3);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 4);			/* and that fill it twice */
	put(&b, 4, 16);
	put(&b, 3, 5);
	put(&b, 1, 3);
	put(&b, 1, 3);
	put(&b, 1, 3);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
	begin(&b, 4);			/* a code of more than 16 bits */
	put(&b, 4, 16);
	put(&b, 2, 5);
	for (int i = 0; i < 100; i++)
		put(&b, 1, 1);
	assert_int_equal(got_err(CAP), HF_ERR_ROM_COMPRESSION);
}

/* Whatever is flipped: an end, and nothing past the room. */
static void test_flipped_bits(void **state)
{
	size_t len, got, good = 0;

	(void)state;
	for (size_t i = 0; i < 3000; i++)
		plain[i] = (uint8_t)(i * i / 7);
	len = compress(3000);
	for (size_t bit = 64; bit < 8 * len; bit++) {
		packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memset(out + 3000, 0xaa, 16);
		good += hf_efi_decompress((struct hf_span){ packed, len }, out, 3000, &got) == HF_OK;
		for (size_t i = 0; i < 16; i++)
			assert_int_equal(out[3000 + i], 0xaa);
		packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(good < 8 * len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips), cmocka_unit_test(test_real_programs),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_single_symbols),
		cmocka_unit_test(test_tables), cmocka_unit_test(test_flipped_bits),
	};

	return cmocka_run_group_tests_name("efi_decompress", tests, setup, teardown);
}
