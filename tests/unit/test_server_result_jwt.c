/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A result as JWT: read by tests/independent_result.py, which shares no code with ours, and
 * compared there with the same result as CWT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/server/result_jwt.h"

#define TEXT(t) hf_span_text(t)

static uint8_t pattern[256], cose[HF_RESULT_MAX + 1024], payload[HF_RESULT_MAX];
static uint8_t jwt[HF_RESULT_JWT_MAX];
static char dir[64];

static struct hf_span some(size_t at, size_t len) { return (struct hf_span){ pattern + at, len }; }

static struct hf_result ticket(void)
{
	static const struct hf_result_part parts[] = {
		{ { (const uint8_t *)"slot \"33\" \\ \xc3\xa9", 14 }, HF_EAR_WARNING },
		{ { (const uint8_t *)"board", 5 }, HF_EAR_NONE },
		{ { (const uint8_t *)"slot 1", 6 }, HF_EAR_CONTRAINDICATED },
	};

	return (struct hf_result){
		.time = 1700000000, .nonce = some(0, 32), .verifier = TEXT("holdfastd 0.4.0"),
		.status = HF_EAR_AFFIRMING, .host = TEXT("host-17"), .lease = TEXT("L"), .reclaim = some(1, 16),
		.ak_name = some(2, 34), .boot_key = some(3, 32), .quote = some(4, 32),
		.agent_image = TEXT("gate 7"), .manifests = { some(5, 32), some(6, 32) }, .manifest_count = 2,
		.generation = 4, .mode = TEXT("enforce"), .release = HF_RELEASE_TENANT,
		.images = { { TEXT("debian"), { some(7, 32), some(8, 32), some(9, 32) }, 3 },
			    { TEXT("root"), { some(10, 32) }, 1 } },
		.image_count = 2, .seconds = 120, .parts = parts, .part_count = 3, .fallback = true,
	};
}

static void write_file(const char *name, struct hf_span bytes)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	fclose(file);
}

static int compare(void)
{
	char command[512];
	int status;

	snprintf(command, sizeof(command),
		 "python3 tests/independent_result.py %s/cose %s/jwt %s/key >>%s/out 2>&1", dir, dir, dir, dir);
	status = system(command);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct hf_span make(const struct hf_result *r, const struct hf_key *key)
{
	struct hf_writer p = { .buf = payload, .cap = sizeof(payload) }, c = { .buf = cose, .cap = sizeof(cose) };
	struct hf_writer j = { .buf = jwt, .cap = sizeof(jwt) };
	uint8_t pem[2048];
	struct hf_writer k = { .buf = pem, .cap = sizeof(pem) };

	hf_result_encode(r, &p);
	assert_false(p.full);
	assert_int_equal(hf_statement_sign(key, HF_RESULT_TYPE, hf_written(&p), &c), HF_OK);
	assert_int_equal(hf_result_to_jwt(r, key, &j), HF_OK);
	assert_int_equal(hf_key_write_pem(key, false, &k), HF_OK);
	write_file("cose", hf_written(&c));
	write_file("jwt", hf_written(&j));
	write_file("key", hf_written(&k));
	return hf_written(&j);
}

static void every_algorithm(void **state)
{
	static const enum hf_cose_alg algs[] = { HF_COSE_ES256, HF_COSE_ES384, HF_COSE_ES512, HF_COSE_EDDSA };
	const struct hf_result r = ticket();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct hf_key *key = NULL;

		assert_int_equal(hf_key_generate(algs[i], &key), HF_OK);
		make(&r, key);
		assert_int_equal(compare(), 0);
		hf_key_free(key);
	}
}

static void a_refusal(void **state)
{
	struct hf_result r = { .time = 5, .verifier = TEXT("v"), .status = HF_EAR_CONTRAINDICATED,
			       .kind = HF_EVIDENCE_HELD, .cause = TEXT("host-unknown"), .place = TEXT("slot 3"),
			       .detail = TEXT("why"), .omitted = 4, .mode = TEXT("audit") };
	struct hf_key *key = NULL;

	(void)state;
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	make(&r, key);
	assert_int_equal(compare(), 0);
	hf_key_free(key);
}

/* The comparison itself notices: another signature, and another result. */
static void what_differs_is_noticed(void **state)
{
	struct hf_result r = ticket();
	struct hf_key *key = NULL;
	struct hf_span token;
	uint8_t changed[4096];

	(void)state;
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	token = make(&r, key);
	assert_in_range(token.len, 100, sizeof(changed));
	memcpy(changed, token.ptr, token.len);
	changed[token.len - 20] = changed[token.len - 20] == 'A' ? 'B' : 'A';
	write_file("jwt", (struct hf_span){ changed, token.len });
	assert_int_equal(compare(), 1);
	memcpy(changed, token.ptr, token.len);
	r.seconds++;
	make(&r, key);
	write_file("jwt", (struct hf_span){ changed, token.len });
	assert_int_equal(compare(), 1);
	hf_key_free(key);
}

/* A part called "host" does not stand in the host's place. */
static void no_part_is_the_host(void **state)
{
	const struct hf_result_part parts[] = { { TEXT("host"), HF_EAR_AFFIRMING } };
	struct hf_result r = ticket();
	struct hf_key *key = NULL;

	(void)state;
	r.status = HF_EAR_WARNING;
	r.parts = parts;
	r.part_count = 1;
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	make(&r, key);
	assert_int_equal(compare(), 0);
	hf_key_free(key);
}

static void limits(void **state)
{
	const struct hf_result r = ticket();
	struct hf_key *key = NULL, *half = NULL;
	uint8_t pem[2048];
	struct hf_writer k = { .buf = pem, .cap = sizeof(pem) }, w = { .buf = jwt, .cap = sizeof(jwt) };
	size_t len;

	(void)state;
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &key), HF_OK);
	len = make(&r, key).len;
	for (size_t cap = 0; cap < len; cap += cap < len - 90 ? 37 : 1) {
		w = (struct hf_writer){ .buf = jwt, .cap = cap };
		assert_int_equal(hf_result_to_jwt(&r, key, &w), HF_ERR_LIMIT);
	}
	w = (struct hf_writer){ .buf = jwt, .cap = len };
	assert_int_equal(hf_result_to_jwt(&r, key, &w), HF_OK);
	assert_int_equal(hf_key_write_pem(key, false, &k), HF_OK);
	assert_int_equal(hf_key_read_pem(hf_written(&k), false, &half), HF_OK);
	w = (struct hf_writer){ .buf = jwt, .cap = sizeof(jwt) };
	assert_int_equal(hf_result_to_jwt(&r, half, &w), HF_ERR_KEY_INVALID);
	hf_key_free(key);
	hf_key_free(half);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/holdfast-jwt-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_algorithm, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(what_differs_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(no_part_is_the_host, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
	};

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
