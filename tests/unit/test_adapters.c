/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Vendors' dialects. NVIDIA's and OCP SAFE's files are made here in their published layout;
 * Altera's are the signed ones of the corpus. HOLDFAST_VENDOR_FILES may name a directory with
 * real files of the other two: docs/manifests.md says which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

#include "manifests/adapters/adapters.h"
#include "manifests/appraise.h"
#include "tests/unit/cert_fixture.h"
#include "tests/unit/dialect_fixture.h"

#define NOW 1800000000

static uint8_t memory[1 << 20];
static struct hf_arena arena;
static struct hf_manifests out;
static struct hf_key *key, *other;
static struct hf_trust trust;
static const struct vendor_file genuine = {
	.tag_id = "15b3102115b3003300-28.39.4082", .class_vendor = "NVIDIA", .fill = 0x10,
	.model = "Root of trust (layer 0)", .version = "3.4.2.4",
};

static void reset(void)
{
	memset(memory, 0xaa, sizeof(memory));
	arena = (struct hf_arena){ .base = memory, .cap = sizeof(memory) };
	out = (struct hf_manifests){ .arena = &arena };
}

static void trust_vendor(const struct hf_key *signer, const char *conf)
{
	struct hf_fault fault;
	struct pem pem;

	hf_trust_drop(&trust);
	trust = (struct hf_trust){ 0 };
	pem_of(signer, false, &pem);
	assert_int_equal(hf_trust_add(&trust, "maker", HF_ANCHOR_VENDOR, pem.span, &fault), HF_OK);
	if (conf)
		assert_int_equal(hf_trust_scope(&trust, hf_span_text(conf), &fault), HF_OK);
}

static enum hf_err more(struct hf_span bytes, int64_t now)
{
	struct hf_fault fault;

	return hf_manifest_load(&trust, "v.corim", bytes, now, &out, &fault);
}

static enum hf_err load(struct hf_span bytes)
{
	enum hf_err err;

	reset();
	err = more(bytes, 0);
	if (err) {
		assert_null(out.components);
		assert_int_equal(out.file_count, 0);
		assert_int_equal(arena.len, 0);
	}
	return err;
}

static int make_keys(void **state)
{
	(void)state;
	assert_int_equal(hf_key_generate(HF_COSE_EDDSA, &key), HF_OK);
	return hf_key_generate(HF_COSE_EDDSA, &other);
}

static int drop_keys(void **state)
{
	(void)state;
	hf_trust_drop(&trust);
	hf_key_free(key);
	hf_key_free(other);
	return 0;
}

#define NVIDIA "vendor = 15b3\ndialect = nvidia-nic\n"
#define OCP "vendor = 1414\ndevice = 0042\ndialect = ocp-safe\n"

static void check_nvidia(const char *component)
{
	const struct hf_environment *env;
	const struct hf_reference *ref;

	assert_non_null(out.components);
	assert_null(out.components->next);
	assert_string_equal(out.components->name, component);
	assert_true(out.components->vendor);
	assert_string_equal(out.components->releases->name, "28.39.4082");
	assert_int_equal(out.components->releases->state, HF_RELEASE_ALLOWED);
	env = out.components->releases->environments;
	assert_null(env->next);
	assert_int_equal(env->match.vendor, 0x15b3);
	assert_int_equal(env->match.device, 0x1021);
	assert_true(env->match.has_subsystem && env->match.has_revision && env->match.any_class);
	assert_int_equal(env->match.subsystem_vendor, 0x15b3);
	assert_int_equal(env->match.subsystem_device, 0x0033);
	assert_int_equal(env->match.revision, 0);
	ref = env->references;
	assert_string_equal(ref->mkey, "spdm/1");
	assert_int_equal(ref->raw.len, 4);
	assert_int_equal(ref->raw.ptr[3], 1);
	assert_int_equal(ref->digest_count, 0);
	ref = ref->next;
	assert_string_equal(ref->mkey, "spdm/2");
	assert_int_equal(ref->digest_count, 1);
	assert_int_equal(ref->digests[0].alg, HF_ALG_SHA512);
}

static void nvidia_becomes_a_component(void **state)
{
	struct vendor_file v = genuine;

	(void)state;
	trust_vendor(key, NVIDIA);
	assert_int_equal(load(nvidia_file(&v, key)), HF_OK);
	check_nvidia("maker 15b3:1021 15b3:0033 00");
	assert_string_equal(out.files[0].signer, "maker");
	v.no_wrap = true;	/* as the draft has it since 7 */
	assert_int_equal(load(nvidia_file(&v, key)), HF_OK);
	check_nvidia("maker 15b3:1021 15b3:0033 00");
}

static void nvidia_refusals(void **state)
{
	static const struct { struct vendor_file file; enum hf_err err; } rows[] = {
		{ { .tag_id = "15b3102115b3003300", .class_vendor = "NVIDIA" }, HF_ERR_CORIM_SHAPE },
		{ { .tag_id = "15b3102115b3003300-", .class_vendor = "NVIDIA" }, HF_ERR_CORIM_SHAPE },
		{ { .tag_id = "15B3102115b3003300-1", .class_vendor = "NVIDIA" }, HF_ERR_CORIM_SHAPE },
		{ { .tag_id = "15b3102115b3003300-1", .class_vendor = "Mellanox" }, HF_ERR_CORIM_SHAPE },
		{ { .tag_id = "15b3102115b3003300-1", .class_vendor = "NVIDIA", .tag_outside = true }, HF_ERR_CORIM_SHAPE },
		{ { .tag_id = "15b3102115b3003300-1", .class_vendor = "NVIDIA", .text_mkey = true }, HF_ERR_CORIM_SHAPE },
		{ { .tag_id = "15b3102115b3003300-1", .class_vendor = "NVIDIA", .other_triple = true }, HF_ERR_MANIFEST_UNKNOWN_CRITICAL },
		/* another vendor's device: understood, and out of scope */
		{ { .tag_id = "808610d38086a01f00-1", .class_vendor = "NVIDIA" }, HF_ERR_SIGNER_SCOPE },
	};
	struct hf_span bytes;

	(void)state;
	trust_vendor(key, NVIDIA);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum hf_err err = load(nvidia_file(&rows[i].file, key));

		if (err != rows[i].err)
			fail_msg("row %zu: %s instead of %s", i, hf_err_name(err), hf_err_name(rows[i].err));
	}
	assert_int_equal(load(nvidia_file(&genuine, other)), HF_ERR_SIGNATURE_INVALID);
	/* the signature is of the received bytes: the first of the payload that is changed */
	bytes = nvidia_file(&genuine, key);
	((uint8_t *)bytes.ptr)[bytes.len - 120] ^= 1;
	assert_int_equal(load(bytes), HF_ERR_SIGNATURE_INVALID);
}

/* No leniency where no dialect was granted, whoever signs. */
static void a_dialect_is_granted_to_its_anchor_only(void **state)
{
	struct hf_fault fault;
	struct pem pem;

	(void)state;
	trust_vendor(key, "vendor = 15b3\n");
	assert_int_equal(load(nvidia_file(&genuine, key)), HF_ERR_COSE_SHAPE);
	trust_vendor(key, "vendor = 15b3\ndevice = 1021\ndialect = altera\n");
	assert_int_not_equal(load(nvidia_file(&genuine, key)), HF_OK);
	trust_vendor(key, "vendor = 15b3\ndevice = 1021\ndialect = ocp-safe\n");
	assert_int_equal(load(nvidia_file(&genuine, key)), HF_ERR_COSE_SHAPE);
	/* the owner's key on a file in a vendor's dialect, a vendor of that dialect beside it */
	trust_vendor(other, NVIDIA);
	pem_of(key, false, &pem);
	assert_int_equal(hf_trust_add(&trust, "owner", HF_ANCHOR_OWNER, pem.span, &fault), HF_OK);
	assert_int_equal(load(nvidia_file(&genuine, key)), HF_ERR_SIGNATURE_INVALID);
}

static void the_scope_is_checked_after_the_adapter(void **state)
{
	(void)state;
	trust_vendor(key, "vendor = 15b3\ndialect = nvidia-nic\nsubsystem-vendor = 15b3\n");
	assert_int_equal(load(nvidia_file(&genuine, key)), HF_OK);
	/* an OEM's card: its subsystem vendor speaks, not the maker of the chip */
	trust_vendor(key, "vendor = 15b3\ndialect = nvidia-nic\nsubsystem-vendor = 1028\n");
	assert_int_equal(load(nvidia_file(&genuine, key)), HF_ERR_SIGNER_SCOPE);
	trust_vendor(key, "vendor = 15b3\ndialect = nvidia-nic\ndevice = 1021\n");
	assert_int_equal(load(nvidia_file(&genuine, key)), HF_OK);
	trust_vendor(key, "vendor = 15b3\ndialect = nvidia-nic\ndevice = a2dc\n");
	assert_int_equal(load(nvidia_file(&genuine, key)), HF_ERR_SIGNER_SCOPE);
}

static void scopes_are_read_strictly(void **state)
{
	static const char *const bad[] = {
		"", "dialect = nvidia-nic\n", "vendor = 15B3\n", "vendor = 15b\n", "vendor = 15b3 15b4\n",
		"vendor = 15b3\nvendor = 15b3\n", "vendor = 15b3\ndialect = nvidia\n", "vendor\n",
		"vendor = 15b3\nlenient = yes\n", "vendor = 15b3\ndialect =\n", "vendor = 15b3\n= 1\n",
	};
	struct hf_scope scope, poison;
	size_t line;

	(void)state;
	memset(&poison, 0xaa, sizeof(poison));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		scope = poison;
		if (hf_scope_parse(hf_span_text(bad[i]), &scope, &line) != HF_ERR_ANCHOR_SCOPE)
			fail_msg("accepted: %s", bad[i]);
		assert_memory_equal(&scope, &poison, sizeof(scope));
	}
	assert_int_equal(hf_scope_parse(hf_span_text("# a\n\nvendor = 15b3 # b\r\n"), &scope, &line), HF_OK);
	assert_int_equal(scope.vendor, 0x15b3);
	assert_false(scope.has_device || scope.has_subsystem_vendor);
	assert_null(scope.adapter);
}

static void files_of_one_vendor_join(void **state)
{
	struct vendor_file second = genuine;

	(void)state;
	trust_vendor(key, NVIDIA);
	assert_int_equal(load(nvidia_file(&genuine, key)), HF_OK);
	second.tag_id = "15b3102115b3003300-28.40.1000";
	second.fill = 0x30;
	assert_int_equal(more(nvidia_file(&second, key), 0), HF_OK);
	assert_null(out.components->next);
	assert_string_equal(out.components->releases->name, "28.39.4082");
	assert_string_equal(out.components->releases->next->name, "28.40.1000");
	assert_int_equal(out.file_count, 2);
	/* the same release again, whatever it says now */
	second.fill = 0x50;
	assert_int_equal(more(nvidia_file(&second, key), 0), HF_ERR_DUPLICATE_NAME);
	assert_null(out.components->releases->next->next);
	assert_int_equal(out.file_count, 2);
}

static void ocp_becomes_a_component(void **state)
{
	struct vendor_file v = genuine;
	const struct hf_reference *ref;

	(void)state;
	trust_vendor(key, OCP);
	for (int i = 0; i < 2; i++, v.bare_oid = true) {
		assert_int_equal(load(ocp_file(&v, key)), HF_OK);
		assert_string_equal(out.components->name, "maker Root of trust (layer 0)");
		assert_string_equal(out.components->releases->name, "3.4.2.4");
		ref = out.components->releases->environments->references;
		assert_string_equal(ref->mkey, "firmware");
		assert_int_equal(ref->digests[0].alg, HF_ALG_SHA512);
		assert_int_equal(ref->digests[0].bytes[0], v.fill);
		assert_null(ref->next);
	}
	assert_int_equal(load(ocp_file(&genuine, other)), HF_ERR_SIGNATURE_INVALID);
	v.protects = true;
	assert_int_equal(load(ocp_file(&v, key)), HF_ERR_COSE_SHAPE);
	v = genuine;
	v.reference_triple = true;
	assert_int_equal(load(ocp_file(&v, key)), HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
	v = genuine;
	v.model = "";
	assert_int_equal(load(ocp_file(&v, key)), HF_ERR_CORIM_SHAPE);
	/* the file names no PCI device: without one in the scope it is of nothing */
	trust_vendor(key, "vendor = 1414\ndialect = ocp-safe\n");
	assert_int_equal(load(ocp_file(&genuine, key)), HF_ERR_SIGNER_SCOPE);
}

#define ALTERA "vendor = 8086\ndevice = 0b2b\ndialect = altera\n"

static void trust_altera(const char *conf)
{
	hf_trust_drop(&trust);
	trust = (struct hf_trust){ 0 };
	add_altera(&trust, "altera", conf);
}

static void altera_signed_by_altera(void **state)
{
	size_t len = 0;
	uint8_t *rim = corpus_read("corim/altera/testfiles_fw_rim_signed.rim", &len);
	struct hf_span bytes = { rim, len };
	const struct hf_reference *ref;

	(void)state;
	if (!rim)
		skip();
	trust_altera(ALTERA);
	assert_int_equal(load(bytes), HF_OK);
	assert_string_equal(out.components->name, "altera 8086:0b2b firmware");
	assert_string_equal(out.components->releases->name, "release-2023.28.1.1 4714d26d");
	ref = out.components->releases->environments->references;
	assert_string_equal(ref->mkey, "tcb/Agilex/0/0");
	assert_int_equal(ref->digests[0].alg, HF_ALG_SHA384);
	assert_int_equal(ref->digests[0].bytes[0], 0x30);
	assert_string_equal(ref->next->mkey, "tcb/Agilex/1/0");
	assert_null(ref->next->next);
	reset();
	assert_int_equal(more(bytes, NOW), HF_OK);	/* until 9999 */
	reset();
	assert_int_equal(more(bytes, 1500000000), HF_ERR_CERTIFICATE_EXPIRED);	/* not yet */
	rim[len - 200] ^= 1;
	assert_int_equal(load(bytes), HF_ERR_SIGNATURE_INVALID);
	rim[len - 200] ^= 1;
	trust_altera("vendor = 8086\ndialect = altera\n");	/* which device? */
	assert_int_equal(load(bytes), HF_ERR_SIGNER_SCOPE);
	trust_altera("vendor = 8086\ndevice = 0b2b\ndialect = nvidia-nic\n");
	assert_int_not_equal(load(bytes), HF_OK);
	free(rim);
}

/* Not signed by the certificate that we have: decoded as if it were, past the signature. */
static enum hf_err decode_altera(const char *name, const char *conf, int64_t now, enum hf_err *ret_headers)
{
	size_t len = 0;
	uint8_t *rim = corpus_read(name, &len);
	struct hf_dialect d = { .out = &out, .now = now, .anchor = "altera" };
	struct hf_scope scope;
	struct hf_cose cose;
	size_t line;
	enum hf_err err;

	assert_non_null(rim);
	reset();
	assert_int_equal(hf_scope_parse(hf_span_text(conf), &scope, &line), HF_OK);
	d.scope = &scope;
	d.end = &out.components;
	assert_int_equal(hf_adapter_altera.open((struct hf_span){ rim, len }, key, &cose), HF_OK);
	*ret_headers = hf_adapter_altera.headers(&cose, now);
	err = hf_adapter_altera.decode(&d, cose.payload);
	free(rim);
	return err;
}

static void altera_designs_and_times(void **state)
{
	static const char design[] = "corim/altera/testfiles_design_rim_signed.rim";
	const struct hf_reference *ref;
	enum hf_err headers;
	char path[512];

	(void)state;
	if (access(corpus_path(design, path, sizeof(path)), R_OK) != 0)
		skip();
	assert_int_equal(decode_altera(design, ALTERA, 0, &headers), HF_OK);
	assert_int_equal(headers, HF_OK);
	assert_string_equal(out.components->name, "altera 8086:0b2b design");
	ref = out.components->releases->environments->references;
	assert_string_equal(ref->mkey, "tcb/2.16.840.1.113741.1.15.4.1/2");
	assert_int_equal(ref->raw.len, 8);	/* flags, under a mask */
	assert_int_equal(ref->raw_mask.len, 8);
	assert_int_equal(ref->raw_mask.ptr[4], 0);
	assert_string_equal(ref->next->mkey, "tcb/2.16.840.1.113741.1.15.4.2/2");
	/* signed until 2023-09-30T23:59:59Z */
	assert_int_not_equal(decode_altera(design, ALTERA, 1696118399, &headers), HF_ERR_CORIM_EXPIRED);
	assert_int_equal(headers, HF_OK);
	assert_int_not_equal(decode_altera(design, ALTERA, 1696118400, &headers), HF_ERR_CORIM_EXPIRED);
	assert_int_equal(headers, HF_ERR_CORIM_EXPIRED);
}

/* ---- real files, fetched by whoever wants to ---- */

static uint8_t *vendor_read(const char *name, size_t *ret_len)
{
	const char *dir = getenv("HOLDFAST_VENDOR_FILES");
	uint8_t *bytes = malloc(1 << 16);
	char path[512];
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "/nonexistent", name);
	in = fopen(path, "rb");
	if (!in) {
		printf("SKIP %s: set HOLDFAST_VENDOR_FILES\n", name);
		free(bytes);
		return NULL;
	}
	*ret_len = fread(bytes, 1, 1 << 16, in);
	fclose(in);
	return bytes;
}

static uint8_t *real_file(const char *name, const char *pem_name, const char *conf, size_t *ret_len)
{
	struct hf_fault fault;
	size_t pem_len = 0;
	uint8_t *bytes = vendor_read(name, ret_len);
	uint8_t *pem = bytes ? vendor_read(pem_name, &pem_len) : NULL;

	if (!pem) {
		free(bytes);
		return NULL;
	}
	hf_trust_drop(&trust);
	trust = (struct hf_trust){ 0 };
	assert_int_equal(hf_trust_add(&trust, "real", HF_ANCHOR_VENDOR, (struct hf_span){ pem, pem_len }, &fault), HF_OK);
	assert_int_equal(hf_trust_scope(&trust, hf_span_text(conf), &fault), HF_OK);
	free(pem);
	return bytes;
}

static void nvidia_signed_by_nvidia(void **state)
{
	size_t len = 0;
	uint8_t *bytes = real_file("nvidia-cx7-28.39.4082.corim", "nvidia-cx7.pem", NVIDIA, &len);

	(void)state;
	if (!bytes)
		skip();
	assert_int_equal(load((struct hf_span){ bytes, len }), HF_OK);
	check_nvidia("real 15b3:1021 15b3:0033 00");
	bytes[len - 300] ^= 1;
	assert_int_equal(load((struct hf_span){ bytes, len }), HF_ERR_SIGNATURE_INVALID);
	free(bytes);
}

static void ocp_signed_by_a_review_provider(void **state)
{
	size_t len = 0;
	uint8_t *bytes = real_file("ocp-safe-microsoft-hsm-1.corim", "tetrel.pem", OCP, &len);

	(void)state;
	if (!bytes)
		skip();
	assert_int_equal(load((struct hf_span){ bytes, len }), HF_OK);
	assert_string_equal(out.components->name, "real Microsoft HSM Cryptographic Module (Layer 0 RoT)");
	assert_string_equal(out.components->releases->name, "3.4.2.4-50922174");
	assert_int_equal(out.components->releases->environments->references->digests[0].alg, HF_ALG_SHA384);
	bytes[len - 300] ^= 1;
	assert_int_equal(load((struct hf_span){ bytes, len }), HF_ERR_SIGNATURE_INVALID);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nvidia_becomes_a_component),
		cmocka_unit_test(nvidia_refusals),
		cmocka_unit_test(a_dialect_is_granted_to_its_anchor_only),
		cmocka_unit_test(the_scope_is_checked_after_the_adapter),
		cmocka_unit_test(scopes_are_read_strictly),
		cmocka_unit_test(files_of_one_vendor_join),
		cmocka_unit_test(ocp_becomes_a_component),
		cmocka_unit_test(altera_signed_by_altera),
		cmocka_unit_test(altera_designs_and_times),
		cmocka_unit_test(nvidia_signed_by_nvidia),
		cmocka_unit_test(ocp_signed_by_a_review_provider),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
