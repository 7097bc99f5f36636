/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NVIDIA's report of a Hopper GPU: a question of SPDM 1.1 and its signed answer, with the
 * chain beside it in PEM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "measure/key.h"
#include "tests/unit/device_cert_fixture.h"
#include "tests/unit/spdm_corpus.h"

#define REPORT "nvidia-hopper/hopperAttestationReport.txt"
#define REPORT_BAD "nvidia-hopper/sample_attestation_data_gpu_hopperAttestationReportInvalidSignature.txt"
#define CHAIN "nvidia-hopper/hopperCertChain.txt"
#define ROOT "nvidia-hopper/nvtrust_verifier_device_root.pem"

static struct hf_arena arena, files;
static struct hf_spdm s;

static void need_corpus(void)
{
	char dir[512];

	if (spdm_corpus_dir(dir, sizeof(dir)))
		return;
	printf("SKIP no corpus: set HOLDFAST_CORPUS\n");
	skip();
}

static uint8_t nibble(uint8_t c)
{
	return (uint8_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

/* Hex in one line, of which the file may have an end of line. */
static struct hf_span load_report(const char *name)
{
	struct hf_span text = spdm_corpus_read(&files, name);
	uint8_t *bytes = hf_arena_take(&files, text.len / 2);

	assert_non_null(bytes);
	for (size_t i = 0; i < text.len / 2; i++)
		bytes[i] = (uint8_t)(nibble(text.ptr[2 * i]) << 4 | nibble(text.ptr[2 * i + 1]));
	return (struct hf_span){ bytes, text.len / 2 };
}

static struct hf_device_chain *load_chain(void)
{
	struct hf_device_chain *chain = NULL;
	const char *why = NULL;

	assert_int_equal(hf_device_chain_parse_pem(spdm_corpus_read(&files, CHAIN), &chain, &why), HF_OK);
	return chain;
}

static enum hf_err take(struct hf_span report, struct hf_device_chain *chain)
{
	struct hf_spdm_options options = { .arena = &arena };

	arena.len = 0;
	assert_int_equal(hf_spdm_open(&options, &s), HF_OK);
	return hf_spdm_take_report(&s, report, chain, 0);
}

static void a_report_verifies_to_the_device_root(void **state)
{
	struct hf_key *root = NULL;
	size_t blocks = 0;

	(void)state;
	need_corpus();
	files.len = 0;
	struct hf_span report = load_report(REPORT);

	assert_int_equal(take(report, load_chain()), HF_OK);
	assert_int_equal(s.version, 0x11);
	assert_int_equal(s.asym, 0x80);
	assert_int_equal(s.block_count, 64);
	assert_int_equal(s.signatures, 1);
	assert_int_equal(s.measured_slot, 0);
	assert_false(s.negotiation_signed);	/* 1.1 signs these two messages alone */
	for (unsigned i = 1; i <= HF_SPDM_INDEX_MAX; i++) {
		blocks += s.blocks[i].there;
		assert_int_equal(s.blocks[i].is_signed, s.blocks[i].there);
		assert_int_equal(s.blocks[i].value.len, s.blocks[i].there ? 48 : 0);
	}
	assert_int_equal(blocks, 64);
	assert_int_equal(hf_key_read_anchor(spdm_corpus_read(&files, ROOT), &root), HF_OK);
	assert_int_equal(hf_device_chain_verify(s.slots[0].parsed, root, (struct hf_span){ 0 },
						HF_ALG_SHA384, 0), HF_OK);
	hf_key_free(root);
	hf_spdm_close(&s);
}

static void a_report_with_a_bad_signature_is_refused(void **state)
{
	(void)state;
	need_corpus();
	files.len = 0;
	struct hf_device_chain *chain = load_chain();

	assert_int_equal(take(load_report(REPORT_BAD), chain), HF_ERR_SPDM_SIGNATURE);
	assert_int_equal(s.block_count, 0);
	assert_null(s.slots[0].parsed);	/* and the chain is still ours */
	hf_spdm_close(&s);
	hf_device_chain_free(chain);
}

static void no_byte_of_a_report_can_change(void **state)
{
	(void)state;
	need_corpus();
	files.len = 0;
	struct hf_device_chain *chain = load_chain();
	struct hf_span report = load_report(REPORT);
	uint8_t *bytes = (uint8_t *)(uintptr_t)report.ptr;

	for (size_t i = 0; i < report.len; i++) {
		uint8_t old = bytes[i];

		bytes[i] = (uint8_t)(old ^ 1u << (i * 5 % 8));
		enum hf_err err = take(report, chain);

		bytes[i] = old;
		assert_true(err == HF_ERR_SPDM_SIGNATURE || err == HF_ERR_SPDM_SHAPE ||
			    err == HF_ERR_TRANSCRIPT_SHAPE || err == HF_ERR_DEVICE_CHAIN);
		/* The nonces and the signature have no shape to break. */
		if ((i >= 4 && i < 36) || i >= report.len - 96)
			assert_int_equal(err, HF_ERR_SPDM_SIGNATURE);
		assert_int_equal(s.block_count, 0);
		hf_spdm_close(&s);
	}
	hf_device_chain_free(chain);
}

static void a_report_is_one_pair_no_more_and_no_less(void **state)
{
	(void)state;
	need_corpus();
	files.len = 0;
	struct hf_device_chain *chain = load_chain();
	struct hf_span report = load_report(REPORT);
	size_t whole = report.len;

	for (size_t len = 0; len < whole; len += len < 50 || len > whole - 110 ? 1 : 97) {
		report.len = len;
		enum hf_err err = take(report, chain);

		assert_true(err == HF_ERR_TRANSCRIPT_SHAPE || err == HF_ERR_SPDM_SHAPE);
		hf_spdm_close(&s);
	}
	uint8_t *longer = hf_arena_take(&files, whole + 1);

	memcpy(longer, report.ptr, whole);
	assert_int_equal(take((struct hf_span){ longer, whole + 1 }, chain), HF_ERR_SPDM_SHAPE);
	hf_spdm_close(&s);
	longer[0] = 0x12;	/* signs its negotiation, which is not here */
	assert_int_equal(take((struct hf_span){ longer, whole }, chain), HF_ERR_TRANSCRIPT_SHAPE);
	hf_spdm_close(&s);
	hf_device_chain_free(chain);
}

static struct hf_device_chain *make_chain(void)
{
	const struct device_spec root_spec = ROOT_SPEC, leaf_spec = LEAF_SPEC;
	struct device_cert root = device_make(&root_spec, device_key("P-256"), NULL);
	struct device_cert leaf = device_make(&leaf_spec, device_key("P-256"), &root);
	struct hf_device_chain *chain = NULL;
	uint8_t der[4096];
	struct hf_writer w = { .buf = der, .cap = sizeof(der) };

	device_put(&w, root.cert);
	device_put(&w, leaf.cert);
	assert_int_equal(hf_device_chain_parse(hf_written(&w), &chain, NULL), HF_OK);
	device_drop(&root);
	device_drop(&leaf);
	return chain;
}

/* Each of them, the one that makes everything void (43) above all, which would free the
 * chain that is not its own. */
static void an_error_is_no_report(void **state)
{
	struct hf_device_chain *chain = make_chain();
	uint8_t report[4 + HF_SPDM_NONCE + 1 + 8] = { 0x11, HF_SPDM_GET_MEASUREMENTS, 1, 0xff };
	uint8_t *answer = report + 4 + HF_SPDM_NONCE + 1;
	uint8_t id[32], before[32];

	(void)state;
	assert_int_equal(hf_device_chain_key_id(chain, 1, before), HF_OK);
	for (unsigned code = 0; code <= 0xff; code++) {
		memcpy(answer, (uint8_t[]){ 0x11, HF_SPDM_ERROR, (uint8_t)code, 0, 1,
					    HF_SPDM_GET_MEASUREMENTS, 0, 0 }, 8);
		assert_int_equal(take((struct hf_span){ report, sizeof(report) }, chain),
				 HF_ERR_SPDM_ERROR);
		assert_null(s.slots[0].parsed);
		hf_spdm_close(&s);
		/* and the chain is still ours */
		assert_int_equal(hf_device_chain_key_id(chain, 1, id), HF_OK);
		assert_memory_equal(id, before, sizeof(id));
	}
	hf_device_chain_free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_no_report),
		cmocka_unit_test(a_report_verifies_to_the_device_root),
		cmocka_unit_test(a_report_with_a_bad_signature_is_refused),
		cmocka_unit_test(no_byte_of_a_report_can_change),
		cmocka_unit_test(a_report_is_one_pair_no_more_and_no_less),
	};
	int failed;

	if (hf_arena_make(4 << 20, &arena) || hf_arena_make(SPDM_FILE_MAX, &files))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	hf_arena_drop(&arena);
	hf_arena_drop(&files);
	return failed;
}
