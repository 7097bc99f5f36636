/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "measure/digest.h"

/* FIPS 180-4 examples and GB/T 32905 for "abc". */
static const struct { enum hf_alg alg; const char *name; uint16_t id; const char *abc; } rows[] = {
	{ HF_ALG_SHA1, "sha1", 0x0004, "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ HF_ALG_SHA256, "sha256", 0x000b,
	  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ HF_ALG_SHA384, "sha384", 0x000c,
	  "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
	  "8086072ba1e7cc2358baeca134c825a7" },
	{ HF_ALG_SHA512, "sha512", 0x000d,
	  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	{ HF_ALG_SM3, "sm3", 0x0012,
	  "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void assert_abc(const struct hf_digest *digest, size_t row)
{
	char hex[2 * HF_DIGEST_MAX + 1];

	assert_int_equal(digest->alg, rows[row].alg);
	hf_digest_hex(digest, hex);
	assert_string_equal(hex, rows[row].abc);
}

static void known_answers(void **state)
{
	(void)state;
	for (int round = 0; round < 2; round++) {	/* the second uses contexts again */
		for (size_t i = 0; i < ROWS; i++) {
			struct hf_digest digest;

			memset(&digest, 0xaa, sizeof(digest));
			assert_int_equal(hf_digest(rows[i].alg, hf_span_text("abc"), &digest), HF_OK);
			assert_abc(&digest, i);
			memset(&digest, 0xaa, sizeof(digest));
			assert_int_equal(hf_digest2(rows[i].alg, hf_span_text("a"), hf_span_text("bc"),
						    &digest), HF_OK);
			assert_abc(&digest, i);
		}
	}
}

static void empty_input(void **state)
{
	struct hf_digest digest;
	char hex[2 * HF_DIGEST_MAX + 1];

	(void)state;
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ NULL, 0 }, &digest), HF_OK);
	hf_digest_hex(&digest, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void names_and_ids_round_trip(void **state)
{
	enum hf_alg alg = HF_ALG_SHA1;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		assert_string_equal(hf_alg_name(rows[i].alg), rows[i].name);
		assert_int_equal(hf_alg_tpm_id(rows[i].alg), rows[i].id);
		assert_int_equal(hf_alg_size(rows[i].alg), strlen(rows[i].abc) / 2);
		assert_true(hf_alg_from_tpm_id(rows[i].id, &alg));
		assert_int_equal(alg, rows[i].alg);
		assert_true(hf_alg_from_name(rows[i].name, &alg));
		assert_int_equal(alg, rows[i].alg);
	}
	alg = HF_ALG_SHA384;
	assert_false(hf_alg_from_tpm_id(0x0010, &alg));
	assert_false(hf_alg_from_tpm_id(0, &alg));
	assert_false(hf_alg_from_name("SHA256", &alg));
	assert_false(hf_alg_from_name("", &alg));
	assert_int_equal(alg, HF_ALG_SHA384);
	assert_int_equal(hf_alg_size((enum hf_alg)7), 0);
}

static void streaming_in_any_pieces(void **state)
{
	static uint8_t block[200001];
	struct hf_digest want256, want384, got[HF_ALG_COUNT];
	struct hf_hasher *hasher = NULL;
	size_t count = 99, step = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 7 + (i >> 8));
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ block, sizeof(block) }, &want256), HF_OK);
	assert_int_equal(hf_digest(HF_ALG_SHA384, (struct hf_span){ block, sizeof(block) }, &want384), HF_OK);
	assert_int_equal(hf_hasher_new(HF_CLAIM_ALGS, &hasher), HF_OK);
	for (int round = 0; round < 3; round++, step = step * 501 + 1) {
		for (size_t pos = 0; pos < sizeof(block); pos += step) {
			size_t n = sizeof(block) - pos < step ? sizeof(block) - pos : step;

			assert_int_equal(hf_hasher_update(hasher, (struct hf_span){ block + pos, n }), HF_OK);
		}
		memset(got, 0xaa, sizeof(got));
		assert_int_equal(hf_hasher_final(hasher, got, &count), HF_OK);
		assert_int_equal(count, 2);
		assert_true(hf_digest_equal(&got[0], &want256));
		assert_true(hf_digest_equal(&got[1], &want384));
		assert_int_equal(((uint8_t *)&got[2])[0], 0xaa);
	}
	hf_hasher_free(hasher);
	hf_hasher_free(NULL);
}

static void all_algorithms_at_once(void **state)
{
	struct hf_digest got[HF_ALG_COUNT];
	struct hf_hasher *hasher = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(hf_hasher_new((1u << HF_ALG_COUNT) - 1, &hasher), HF_OK);
	assert_int_equal(hf_hasher_update(hasher, hf_span_text("abc")), HF_OK);
	assert_int_equal(hf_hasher_final(hasher, got, &count), HF_OK);
	assert_int_equal(count, HF_ALG_COUNT);
	for (size_t i = 0; i < count; i++)
		assert_abc(&got[i], i);
	hf_hasher_free(hasher);
}

static void bad_masks_are_refused(void **state)
{
	struct hf_hasher *hasher = (struct hf_hasher *)0xaa;
	struct hf_digest digest;

	(void)state;
	assert_int_equal(hf_hasher_new(0, &hasher), HF_ERR_INTERNAL);
	assert_int_equal(hf_hasher_new(1u << HF_ALG_COUNT, &hasher), HF_ERR_INTERNAL);
	assert_ptr_equal(hasher, (struct hf_hasher *)0xaa);
	memset(&digest, 0xaa, sizeof(digest));
	assert_int_equal(hf_digest((enum hf_alg)HF_ALG_COUNT, hf_span_text("abc"), &digest), HF_ERR_INTERNAL);
	assert_int_equal(digest.bytes[0], 0xaa);
}

static void hex_in_and_out(void **state)
{
	struct hf_digest digest, again;

	(void)state;
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text("abc"), &digest), HF_OK);
	assert_true(hf_digest_from_hex(HF_ALG_SHA256, rows[1].abc, &again));
	assert_true(hf_digest_equal(&digest, &again));
	assert_false(hf_digest_from_hex(HF_ALG_SHA384, rows[1].abc, &again));
	assert_false(hf_digest_from_hex(HF_ALG_SHA256, rows[2].abc, &again));
	assert_false(hf_digest_from_hex(HF_ALG_SHA256, "", &again));
	assert_false(hf_digest_from_hex(HF_ALG_SHA256,
		"ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &again));
	assert_true(hf_digest_equal(&digest, &again));
}

static void equal_looks_at_algorithm_and_every_byte(void **state)
{
	struct hf_digest a, b;

	(void)state;
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text("abc"), &a), HF_OK);
	b = a;
	b.bytes[31] ^= 1;
	assert_false(hf_digest_equal(&a, &b));
	b = a;
	b.alg = HF_ALG_SM3;
	assert_false(hf_digest_equal(&a, &b));
	b = a;
	b.bytes[32] ^= 1;	/* beyond the digest's size */
	assert_true(hf_digest_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(empty_input),
		cmocka_unit_test(names_and_ids_round_trip),
		cmocka_unit_test(streaming_in_any_pieces),
		cmocka_unit_test(all_algorithms_at_once),
		cmocka_unit_test(bad_masks_are_refused),
		cmocka_unit_test(hex_in_and_out),
		cmocka_unit_test(equal_looks_at_algorithm_and_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
