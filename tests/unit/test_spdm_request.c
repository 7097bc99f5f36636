/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every request as the bytes that the specification gives it (DSP0274). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "pcie/spdm_request.h"

static uint8_t room[HF_SPDM_REQUEST_MAX + 1];
static struct hf_writer w;
static uint8_t nonce[HF_SPDM_NONCE];

static int setup(void **state)
{
	(void)state;
	memset(room, 0xaa, sizeof(room));
	w = (struct hf_writer){ .buf = room, .cap = HF_SPDM_REQUEST_MAX };
	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)(0x40 + i);
	return 0;
}

/* hex with blanks; N stands for the nonce. */
static void wrote(const char *hex)
{
	uint8_t expected[HF_SPDM_REQUEST_MAX];
	size_t len = 0;

	for (; *hex; hex++) {
		unsigned byte;

		if (*hex == ' ')
			continue;
		if (*hex == 'N') {
			memcpy(expected + len, nonce, sizeof(nonce));
			len += sizeof(nonce);
			continue;
		}
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		expected[len++] = (uint8_t)byte;
		hex++;
	}
	assert_false(w.full);
	assert_int_equal(w.len, len);
	assert_memory_equal(room, expected, len);
	assert_int_equal(room[HF_SPDM_REQUEST_MAX], 0xaa);
	w.len = 0;
}

static void version_is_always_asked_in_1_0(void **state)
{
	(void)state;
	hf_spdm_request_version(&w);
	wrote("10 84 00 00");
}

static void capabilities_grow_with_the_version(void **state)
{
	const struct hf_spdm_own own = { 0x20006, 0x1000, 0x20000 };

	(void)state;
	hf_spdm_request_capabilities(&w, 0x10, &own);
	wrote("10 e1 00 00");
	hf_spdm_request_capabilities(&w, 0x11, &own);
	wrote("11 e1 00 00 00 00 0000 06000200");
	hf_spdm_request_capabilities(&w, 0x12, &own);
	wrote("12 e1 00 00 00 00 0000 06000200 00100000 00000200");
	hf_spdm_request_capabilities(&w, 0x14, &own);
	wrote("14 e1 00 00 00 00 0000 06000200 00100000 00000200");
}

static void nothing_weak_is_offered(void **state)
{
	(void)state;
	hf_spdm_request_algorithms(&w, 0x10);
	wrote("10 e3 00 00 2000 01 00 ff010000 07000000 000000000000000000000000 00 00 0000");
	hf_spdm_request_algorithms(&w, 0x11);
	wrote("11 e3 00 00 2000 01 00 ff010000 07000000 000000000000000000000000 00 00 0000");
	/* Since 1.2: Ed25519, and one format of opaque data. */
	hf_spdm_request_algorithms(&w, 0x12);
	wrote("12 e3 00 00 2000 01 02 ff050000 07000000 000000000000000000000000 00 00 0000");
	hf_spdm_request_algorithms(&w, 0x14);
	wrote("14 e3 00 00 2000 01 02 ff050000 07000000 000000000000000000000000 00 00 0000");
	assert_int_equal(hf_spdm_offered_asym(0x11), 0x1ff);
	assert_int_equal(hf_spdm_offered_asym(0x12), 0x5ff);	/* no SM2, no Ed448 */
}

static void certificates_by_portions(void **state)
{
	(void)state;
	hf_spdm_request_digests(&w, 0x13);
	wrote("13 81 00 00");
	hf_spdm_request_certificate(&w, 0x11, 3, 0x1234, 0x5678, false);
	wrote("11 82 03 00 3412 7856");
	hf_spdm_request_certificate(&w, 0x14, 3, 0x1234, 0x5678, false);
	wrote("14 82 03 00 3412 7856");
	hf_spdm_request_certificate(&w, 0x14, 7, 0x123456, 0x789abc, true);
	wrote("14 82 87 00 0000 0000 56341200 bc9a7800");
}

static void challenges(void **state)
{
	(void)state;
	hf_spdm_request_challenge(&w, 0x10, 0, nonce);
	wrote("10 83 00 00 N");
	hf_spdm_request_challenge(&w, 0x12, 5, nonce);
	wrote("12 83 05 00 N");
	hf_spdm_request_challenge(&w, 0x13, 5, nonce);
	wrote("13 83 05 00 N 0000000000000000");
}

static void measurements(void **state)
{
	(void)state;
	hf_spdm_request_measurements(&w, 0x10, 0xff, nonce, 2);
	wrote("10 e0 01 ff N");		/* 1.0 has no slot */
	hf_spdm_request_measurements(&w, 0x11, 0xff, nonce, 2);
	wrote("11 e0 01 ff N 02");
	hf_spdm_request_measurements(&w, 0x13, 0xff, nonce, 2);
	wrote("13 e0 01 ff N 02 0000000000000000");
	hf_spdm_request_measurements(&w, 0x12, 0, NULL, 2);
	wrote("12 e0 00 00");
	/* The context is there in an unsigned one too. */
	hf_spdm_request_measurements(&w, 0x13, 0xfe, NULL, 0);
	wrote("13 e0 00 fe 0000000000000000");
}

static void follow_ups(void **state)
{
	(void)state;
	hf_spdm_request_if_ready(&w, 0x11, 0xe0, 0x99);
	wrote("11 ff e0 99");
	hf_spdm_request_chunk(&w, 0x12, 7, 0x0102);
	wrote("12 86 00 07 0201");
	hf_spdm_request_chunk(&w, 0x14, 7, 0x01020304);
	wrote("14 86 00 07 04030201");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(version_is_always_asked_in_1_0, setup),
		cmocka_unit_test_setup(capabilities_grow_with_the_version, setup),
		cmocka_unit_test_setup(nothing_weak_is_offered, setup),
		cmocka_unit_test_setup(certificates_by_portions, setup),
		cmocka_unit_test_setup(challenges, setup),
		cmocka_unit_test_setup(measurements, setup),
		cmocka_unit_test_setup(follow_ups, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
