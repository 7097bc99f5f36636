/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every CoRIM of the corpus, as the gate takes it: accepted, or refused by name. The table is
 * printed; what a file's name says and what we know of the others is expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <ftw.h>

#include "manifests/trust.h"
#include "tests/unit/cert_fixture.h"

#define FILES_MAX 512

static uint8_t memory[4 << 20];
static struct hf_trust trust;
static char *files[FILES_MAX];
static size_t file_count;
static size_t root_len;

static bool ends(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);

	return len >= end && strcmp(name + len - end, suffix) == 0;
}

static int note(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb, (void)ftw;
	if (type == FTW_F && (ends(path, ".corim") || ends(path, ".rim") || ends(path, ".cbor"))) {
		assert_true(file_count < FILES_MAX);
		files[file_count++] = strdup(path);
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum hf_err take(struct hf_span bytes, struct hf_manifests *out)
{
	static struct hf_arena arena;
	struct hf_fault fault;

	arena = (struct hf_arena){ .base = memory, .cap = sizeof(memory) };
	*out = (struct hf_manifests){ .arena = &arena };
	return hf_manifest_load(&trust, "file.corim", bytes, 0, out, &fault);
}

/* The CoRIM level: the shape that every CoRIM has, whoever signed it and whatever it means. */
static enum hf_err shape_of(struct hf_span bytes)
{
	struct hf_corim corim;
	struct hf_cose cose;
	enum hf_err err;

	if (bytes.len && bytes.ptr[0] == 0xd2) {
		err = hf_cose_parse(bytes, &cose);
		if (err)
			return err;
		bytes = cose.payload;
	}
	err = hf_corim_open_lenient(bytes, &corim);
	return err ? err : hf_corim_walk(&corim, NULL, NULL);
}

static const struct { const char *file; enum hf_err taken, shape; } known[] = {
	{ "authored-sample/bad-alg-es256-label.corim", HF_ERR_COSE_ALGORITHM, HF_OK },
	{ "authored-sample/bad-content-type.corim", HF_ERR_COSE_CONTENT_TYPE, HF_OK },
	{ "authored-sample/bad-duplicate-digest-alg.corim", HF_ERR_CORIM_DUPLICATE_DIGEST, HF_ERR_CORIM_DUPLICATE_DIGEST },
	/* without a clock its time is not looked at; its profile is not ours */
	{ "authored-sample/bad-expired-rim-validity.corim", HF_ERR_CORIM_PROFILE, HF_OK },
	{ "authored-sample/bad-no-meta.corim", HF_ERR_COSE_META, HF_OK },
	{ "authored-sample/bad-outer-tag17.corim", HF_ERR_COSE_SHAPE, HF_ERR_CORIM_SHAPE },
	{ "authored-sample/bad-signature.corim", HF_ERR_SIGNATURE_INVALID, HF_OK },
	{ "authored-sample/bad-trailing.corim", HF_ERR_CBOR_TRAILING, HF_ERR_CBOR_TRAILING },
	{ "authored-sample/bad-truncated.corim", HF_ERR_CBOR_TRUNCATED, HF_ERR_CBOR_TRUNCATED },
	{ "authored-sample/good-cwt.corim", HF_ERR_CORIM_PROFILE, HF_OK },
	{ "authored-sample/good-hash-envelope.corim", HF_ERR_COSE_HASH_ENVELOPE, HF_ERR_CORIM_SHAPE },
	{ "authored-sample/good-meta.corim", HF_ERR_CORIM_PROFILE, HF_OK },
	{ "authored-sample/legacy-bare-bstr-tag.corim", HF_ERR_CORIM_SHAPE, HF_ERR_CORIM_SHAPE },
	{ "authored-sample/unsigned.corim", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
	{ "altera/testfiles_fw_rim_signed.rim", HF_OK, HF_ERR_CORIM_SHAPE },
	{ "altera/testfiles_fw_rim_unsigned.rim", HF_ERR_MANIFEST_UNSIGNED, HF_ERR_CORIM_SHAPE },
	/* signed by a key that is not in the corpus */
	{ "altera/testfiles_design_rim_signed.rim", HF_ERR_SIGNATURE_INVALID, HF_ERR_CORIM_SHAPE },
	{ "altera/testfiles_design_rim_unsigned.rim", HF_ERR_MANIFEST_UNSIGNED, HF_ERR_CORIM_SHAPE },
	{ "veraison/corim_testcases_signed-good-corim.cbor", HF_ERR_SIGNER_UNKNOWN, HF_OK },
	{ "veraison/corim_testcases_signed-example-corim.cbor", HF_ERR_SIGNER_UNKNOWN, HF_OK },
	{ "veraison/corim_testcases_signed-corim-with-extensions.cbor", HF_ERR_SIGNER_UNKNOWN, HF_OK },
	{ "veraison/corim_testcases_unsigned-good-corim.cbor", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
	{ "veraison/corim_testcases_unsigned-example-corim.cbor", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
	{ "veraison/corim_testcases_unsigned-corim-with-extensions.cbor", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
	{ "veraison/corim_testcases_corim-1.cbor", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
	{ "veraison/corim_testcases_corim-2.cbor", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
	{ "veraison/corim_testcases_corim-design-cd.cbor", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
	{ "veraison/corim_testcases_corim-firmware-cd.cbor", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
	{ "veraison/corim_testcases_corim-roles.cbor", HF_ERR_MANIFEST_UNSIGNED, HF_OK },
};

static size_t expect(const char *name, enum hf_err taken, enum hf_err shape)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i].file) != 0)
			continue;
		if (taken != known[i].taken || shape != known[i].shape)
			fail_msg("%s: %s, shape %s; expected %s, %s", name, hf_err_name(taken),
				 hf_err_name(shape), hf_err_name(known[i].taken),
				 hf_err_name(known[i].shape));
		return 1;
	}
	/* CoMIDs, concise evidence and JSON are no signed CoRIM */
	if (taken == HF_OK || (shape == HF_OK && strstr(name, "comid_testcases")))
		fail_msg("%s: accepted, and nobody said that it should be", name);
	return 0;
}

static int read_corpus(void **state)
{
	char path[512];
	struct hf_fault fault;
	size_t len = 0;
	uint8_t *pem;

	(void)state;
	corpus_path("corim", path, sizeof(path));
	root_len = strlen(path) + 1;
	if (nftw(path, note, 16, FTW_PHYS) != 0) {
		printf("SKIP %s is not there\n", path);
		return 0;
	}
	qsort(files, file_count, sizeof(files[0]), by_name);
	pem = corpus_read("corim/authored-sample/signer.pub.pem", &len);
	assert_non_null(pem);
	assert_int_equal(hf_trust_add(&trust, "sample", HF_ANCHOR_OWNER, (struct hf_span){ pem, len }, &fault), HF_OK);
	free(pem);
	add_altera(&trust, "altera", "vendor = 8086\ndevice = 0b2b\ndialect = altera\n");
	return 0;
}

static int drop_corpus(void **state)
{
	(void)state;
	hf_trust_drop(&trust);
	while (file_count)
		free(files[--file_count]);
	return 0;
}

static void every_file_is_accepted_or_refused_by_name(void **state)
{
	size_t met = 0, accepted = 0;
	static struct hf_manifests out;

	(void)state;
	if (file_count == 0)
		skip();
	printf("%-62s %-26s %s\n", "file", "gate", "CoRIM level");
	for (size_t i = 0; i < file_count; i++) {
		uint8_t *bytes;
		size_t len = 0;
		char name[256];
		enum hf_err taken, shape;

		snprintf(name, sizeof(name), "corim/%.200s", files[i] + root_len);
		bytes = corpus_read(name, &len);
		assert_non_null(bytes);
		taken = take((struct hf_span){ bytes, len }, &out);
		shape = shape_of((struct hf_span){ bytes, len });
		printf("%-62s %-26s %s\n", files[i] + root_len, taken ? hf_err_name(taken) : "accepted",
		       shape ? hf_err_name(shape) : "decodes");
		met += expect(files[i] + root_len, taken, shape);
		accepted += taken == HF_OK;
		free(bytes);
	}
	printf("%zu files, %zu accepted\n", file_count, accepted);
	assert_int_equal(met, sizeof(known) / sizeof(known[0]));
}

/* Cut and flipped everywhere: refused by some name, and nothing of it stays. */
static void broken_files_are_refused(void **state)
{
	static struct hf_manifests out;

	(void)state;
	if (file_count == 0)
		skip();
	for (size_t i = 0; i < file_count; i++) {
		char name[256];
		uint8_t *bytes;
		size_t len = 0;

		snprintf(name, sizeof(name), "corim/%.200s", files[i] + root_len);
		bytes = corpus_read(name, &len);
		for (size_t k = 0; k < len; k += 7) {
			bytes[k] ^= 0x21;
			assert_int_not_equal(take((struct hf_span){ bytes, len }, &out), HF_OK);
			assert_null(out.components);
			(void)!shape_of((struct hf_span){ bytes, len });
			bytes[k] ^= 0x21;
			assert_int_not_equal(take((struct hf_span){ bytes, k }, &out), HF_OK);
			(void)!shape_of((struct hf_span){ bytes, k });
		}
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_is_accepted_or_refused_by_name),
		cmocka_unit_test(broken_files_are_refused),
	};

	return cmocka_run_group_tests(tests, read_corpus, drop_corpus);
}
