/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Images are built here field by field; what is hashed is compared with what is written
 * down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pcie/pe.h"

#define LFANEW 0x40
#define OPTIONAL (LFANEW + 24)
#define HEADERS 0x200
#define CHECKSUM (OPTIONAL + 64)
#define DIRECTORIES(plus) (OPTIONAL + ((plus) ? 112u : 96u))
#define SECURITY(plus) (DIRECTORIES(plus) + 32)
#define TABLE(plus) (DIRECTORIES(plus) + 16 * 8)

struct image {
	uint8_t bytes[0x1000];
	size_t len;
	bool plus;
};

static void put(struct image *im, size_t at, uint32_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		im->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static void section(struct image *im, unsigned index, uint32_t offset, uint32_t len)
{
	put(im, TABLE(im->plus) + 40 * index + 16, len, 4);
	put(im, TABLE(im->plus) + 40 * index + 20, offset, 4);
}

/* Two sections, the second one first in the file; 0x20 bytes behind them; a certificate
 * of 0x40 bytes at the end. Every byte is different from its neighbours. */
static void make(struct image *im, bool plus)
{
	im->plus = plus;
	im->len = 0x200 + 0x300 + 0x100 + 0x20 + 0x40;
	for (size_t i = 0; i < sizeof(im->bytes); i++)
		im->bytes[i] = (uint8_t)(i * 31 + (i >> 8));
	put(im, 0, 0x5a4d, 2);
	put(im, 0x3c, LFANEW, 4);
	put(im, LFANEW, 0x4550, 4);
	put(im, LFANEW + 6, 2, 2);
	put(im, LFANEW + 20, TABLE(plus) - OPTIONAL, 2);
	put(im, OPTIONAL, plus ? 0x20b : 0x10b, 2);
	put(im, OPTIONAL + 60, HEADERS, 4);
	put(im, DIRECTORIES(plus) - 4, 16, 4);
	put(im, SECURITY(plus), 0x620, 4);
	put(im, SECURITY(plus) + 4, 0x40, 4);
	section(im, 0, 0x300, 0x300);
	section(im, 1, 0x200, 0x100);
}

static struct hf_digest digest(const struct image *im)
{
	struct hf_digest d;

	memset(&d, 0xaa, sizeof(d));
	assert_int_equal(hf_pe_digest(HF_ALG_SHA256, (struct hf_span){ im->bytes, im->len }, &d), HF_OK);
	return d;
}

static void refused(const struct image *im)
{
	struct hf_digest d, untouched;

	memset(&d, 0xaa, sizeof(d));
	untouched = d;
	assert_int_equal(hf_pe_digest(HF_ALG_SHA256, (struct hf_span){ im->bytes, im->len }, &d),
			 HF_ERR_PE_SHAPE);
	assert_memory_equal(&d, &untouched, sizeof(d));
}

/* What the specification says, put together by hand. */
static struct hf_digest by_hand(const struct image *im, bool certificate)
{
	uint8_t joined[sizeof(im->bytes)];
	struct hf_writer w = { .buf = joined, .cap = sizeof(joined) };
	const uint8_t *b = im->bytes;
	struct hf_digest d;

	hf_put(&w, b, CHECKSUM);
	if (certificate) {
		hf_put(&w, b + CHECKSUM + 4, SECURITY(im->plus) - CHECKSUM - 4);
		hf_put(&w, b + SECURITY(im->plus) + 8, HEADERS - SECURITY(im->plus) - 8);
	} else {
		hf_put(&w, b + CHECKSUM + 4, HEADERS - CHECKSUM - 4);
	}
	hf_put(&w, b + 0x200, 0x100);
	hf_put(&w, b + 0x300, 0x300);
	hf_put(&w, b + 0x600, im->len - 0x600 - (certificate ? 0x40 : 0));
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_written(&w), &d), HF_OK);
	return d;
}

static void as_specified(void **state)
{
	struct image im;

	(void)state;
	for (int plus = 0; plus < 2; plus++) {
		make(&im, plus);
		struct hf_digest got = digest(&im), want = by_hand(&im, true);

		assert_true(hf_digest_equal(&got, &want));
		put(&im, DIRECTORIES(plus) - 4, 4, 4);	/* no certificate directory */
		got = digest(&im);
		want = by_hand(&im, false);
		assert_true(hf_digest_equal(&got, &want));
	}
}

static void what_counts(void **state)
{
	struct image im;

	(void)state;
	make(&im, true);
	struct hf_digest d = digest(&im);

	for (size_t i = 0; i < im.len; i++) {
		struct hf_digest changed;
		bool skipped = (i >= CHECKSUM && i < CHECKSUM + 4) ||
			       (i >= SECURITY(true) && i < SECURITY(true) + 4) || i >= im.len - 0x40;

		im.bytes[i] ^= 0x80;
		if (hf_pe_digest(HF_ALG_SHA256, (struct hf_span){ im.bytes, im.len }, &changed) == HF_OK)
			assert_int_equal(hf_digest_equal(&d, &changed), skipped);
		else
			assert_false(skipped);
		im.bytes[i] ^= 0x80;
	}
}

static void refusals(void **state)
{
	struct image im;

	(void)state;
#define REFUSE(stmt) do { make(&im, true); stmt; refused(&im); } while (0)
	REFUSE(im.len = 0);
	REFUSE(im.len = 0x3f);
	REFUSE(im.len = CHECKSUM);
	REFUSE(im.len = HEADERS - 1);
	REFUSE(im.len -= 0x61);		/* ends inside a section */
	REFUSE(put(&im, 0x3c, 0xfffffff0u, 4));
	REFUSE(put(&im, LFANEW, 0x4551, 4));
	REFUSE(put(&im, OPTIONAL, 0x107, 2));
	REFUSE(put(&im, OPTIONAL + 60, (uint32_t)im.len + 1, 4));
	REFUSE(put(&im, OPTIONAL + 60, SECURITY(true) + 7, 4));
	REFUSE(put(&im, LFANEW + 6, 0xffff, 2));
	REFUSE(put(&im, LFANEW + 6, 12, 2));	/* the table leaves the headers */
	REFUSE(put(&im, LFANEW + 20, 0xffff, 2));
	REFUSE(section(&im, 0, (uint32_t)im.len, 1));
	REFUSE(section(&im, 0, 0xffffffffu, 0xffffffffu));
	REFUSE(section(&im, 1, 0x200, 0x400));	/* more than the file in sum */
	REFUSE(put(&im, SECURITY(true) + 4, 0x61, 4));
	REFUSE(put(&im, SECURITY(true) + 4, 0xffffffffu, 4));
#undef REFUSE
}

static void nothing_behind_the_sections(void **state)
{
	struct image im;

	(void)state;
	make(&im, true);
	im.len = 0x600;
	put(&im, SECURITY(true) + 4, 0, 4);
	digest(&im);
}

static enum hf_err fail_at(void *self, struct hf_span bytes)
{
	int *left = self;

	(void)bytes;
	return (*left)-- > 0 ? HF_OK : HF_ERR_INTERNAL;
}

static void errors_of_the_feed(void **state)
{
	struct image im;

	(void)state;
	make(&im, true);
	for (int n = 0; n < 6; n++) {
		int left = n;

		assert_int_equal(hf_pe_authenticode((struct hf_span){ im.bytes, im.len }, fail_at, &left),
				 HF_ERR_INTERNAL);
		assert_int_equal(left, -1);
	}
	int left = 6;

	assert_int_equal(hf_pe_authenticode((struct hf_span){ im.bytes, im.len }, fail_at, &left), HF_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_specified), cmocka_unit_test(what_counts),
		cmocka_unit_test(refusals), cmocka_unit_test(nothing_behind_the_sections),
		cmocka_unit_test(errors_of_the_feed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
