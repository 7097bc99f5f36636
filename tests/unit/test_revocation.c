/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "manifests/revocation.h"
#include "manifests/trust.h"
#include "tests/unit/manifest_fixture.h"
#include "tests/unit/dialect_fixture.h"

static uint8_t memory[1 << 20];
static struct hf_arena arena;
static struct hf_manifests out;
static struct hf_key *owner, *next_owner, *vendor;
static struct hf_trust trust;
static struct hf_fault fault;

static void add(const char *name, enum hf_anchor_role role, const struct hf_key *key)
{
	struct pem pem;

	pem_of(key, false, &pem);
	assert_int_equal(hf_trust_add(&trust, name, role, pem.span, &fault), HF_OK);
}

static int make_keys(void **state)
{
	(void)state;
	assert_int_equal(hf_key_generate(HF_COSE_EDDSA, &owner), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES384, &next_owner), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_EDDSA, &vendor), HF_OK);
	add("owner-1", HF_ANCHOR_OWNER, owner);
	add("owner-2", HF_ANCHOR_OWNER, next_owner);
	add("vendor", HF_ANCHOR_VENDOR, vendor);
	return hf_trust_scope(&trust, hf_span_text("vendor = 15b3\ndialect = nvidia-nic\n"), &fault);
}

static int drop_keys(void **state)
{
	(void)state;
	hf_trust_drop(&trust);
	hf_key_free(owner);
	hf_key_free(next_owner);
	hf_key_free(vendor);
	return 0;
}

static void reset(void)
{
	memset(memory, 0xaa, sizeof(memory));
	arena = (struct hf_arena){ .base = memory, .cap = sizeof(memory) };
	out = (struct hf_manifests){ .arena = &arena };
	memset(&fault, 0xaa, sizeof(fault));
}

static struct hf_span encode(const struct hf_manifests *m)
{
	static uint8_t buf[16384];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	assert_int_equal(hf_corim_encode(m, "id", &w), HF_OK);
	return hf_written(&w);
}

static struct hf_span sign(const struct hf_key *key, struct hf_span payload)
{
	static uint8_t buf[32][16384];
	static unsigned turn;
	struct hf_writer w = { .buf = buf[turn % 32], .cap = sizeof(buf[0]) };

	turn++;
	assert_int_equal(hf_cose_sign(key, HF_CORIM_CONTENT_TYPE, "me", payload, &w), HF_OK);
	return hf_written(&w);
}

static struct hf_span sample(const struct hf_key *key, unsigned what)
{
	static uint8_t buf[16384];
	struct sample s;

	return sign(key, (struct hf_span){ buf, sample_encode(sample_make(&s), what, buf, sizeof(buf)) });
}

static struct hf_span list_of(const struct hf_key *key, struct hf_revoked *entries, uint64_t generation)
{
	struct hf_revocations list = { .name = "taken back", .generation = generation, .entries = entries };

	return sign(key, encode(&(struct hf_manifests){ .revocations = &list }));
}

static enum hf_err load(const char *name, struct hf_span bytes)
{
	return hf_manifest_load(&trust, name, bytes, 0, &out, &fault);
}

static struct hf_digest id_of(const struct hf_key *key)
{
	struct hf_digest digest = { .alg = HF_ALG_SHA256 };

	hf_key_id(key, digest.bytes);
	return digest;
}

/* The list before and after what it takes back: the same end. */
static enum hf_err both_orders(struct hf_span list, struct hf_span file, struct hf_span third, bool first)
{
	enum hf_err err;

	reset();
	err = load(first ? "list" : "file", first ? list : file);
	if (!err && third.len)
		err = load("third", third);
	if (!err)
		err = load(first ? "file" : "list", first ? file : list);
	return err;
}

static void a_list_survives_its_encoding(void **state)
{
	struct hf_revoked entries[] = {
		{ &entries[1], HF_REVOKED_KEY, digest_of(HF_ALG_SHA256, 1), NULL, NULL, "lost laptop" },
		{ &entries[2], HF_REVOKED_MANIFEST, digest_of(HF_ALG_SHA256, 2), NULL, NULL, NULL },
		{ &entries[3], HF_REVOKED_DIGEST, digest_of(HF_ALG_SHA384, 3), NULL, NULL, NULL },
		{ &entries[4], HF_REVOKED_DIGEST, digest_of(HF_ALG_SHA512, 3), NULL, NULL, "CVE" },
		{ NULL, HF_REVOKED_RELEASE, { 0 }, "nic", "1.0", "CVE" },
	};
	struct hf_revocations list = { NULL, "a", 7, "ticket 12", entries, 0 };
	uint8_t first[4096];
	struct hf_span bytes = encode(&(struct hf_manifests){ .revocations = &list });
	size_t len = bytes.len;

	(void)state;
	memcpy(first, bytes.ptr, len);
	reset();
	assert_int_equal(hf_corim_decode((struct hf_span){ first, len }, 0, 0, &out), HF_OK);
	assert_int_equal(out.revocations->generation, 7);
	assert_string_equal(out.revocations->provenance, "ticket 12");
	assert_string_equal(out.revocations->entries->note, "lost laptop");
	bytes = encode(&out);
	assert_int_equal(bytes.len, len);
	assert_memory_equal(bytes.ptr, first, len);
	/* a second list of the same name */
	assert_int_equal(hf_corim_decode((struct hf_span){ first, len }, 1, 0, &out), HF_ERR_DUPLICATE_NAME);
	assert_null(out.revocations->next);
	/* an entry of a kind from the future denies something: it may not be overlooked */
	for (size_t i = 0; i + 5 < len; i++)
		if (memcmp(first + i, "key/0", 5) == 0)
			memcpy(first + i, "kex/0", 5);
	reset();
	assert_int_equal(hf_corim_decode((struct hf_span){ first, len }, 0, 0, &out), HF_ERR_MANIFEST_UNKNOWN_CRITICAL);
	assert_null(out.revocations);
}

static void only_an_owner_revokes(void **state)
{
	struct hf_revoked entry = { .kind = HF_REVOKED_KEY, .digest = digest_of(HF_ALG_SHA256, 1) };

	(void)state;
	hf_trust_drop(&trust);
	trust = (struct hf_trust){ 0 };
	add("v", HF_ANCHOR_VENDOR, vendor);
	assert_int_equal(hf_trust_scope(&trust, hf_span_text("vendor = 15b3\n"), &fault), HF_OK);
	add("w", HF_ANCHOR_WAIVER, owner);
	reset();
	assert_int_equal(load("l", list_of(vendor, &entry, 1)), HF_ERR_SIGNER_SCOPE);
	assert_int_equal(load("l", list_of(owner, &entry, 1)), HF_ERR_SIGNER_SCOPE);
	hf_trust_drop(&trust);
	trust = (struct hf_trust){ 0 };
	add("owner-1", HF_ANCHOR_OWNER, owner);
	add("owner-2", HF_ANCHOR_OWNER, next_owner);
	add("vendor", HF_ANCHOR_VENDOR, vendor);
	assert_int_equal(hf_trust_scope(&trust, hf_span_text("vendor = 15b3\ndialect = nvidia-nic\n"), &fault), HF_OK);
}

/* Rotation: both keys among the anchors, files of both, then the old one is revoked. */
static void old_and_new_key_overlap(void **state)
{
	struct hf_revoked entry = { .kind = HF_REVOKED_KEY, .digest = id_of(owner), .note = "rotated" };
	struct hf_span old_model = sample(owner, MODELS);

	(void)state;
	reset();
	assert_int_equal(load("old", old_model), HF_OK);
	assert_int_equal(load("new", sample(next_owner, COMPONENTS)), HF_OK);
	assert_int_equal(out.file_count, 2);
	assert_string_equal(out.files[0].signer, "owner-1");
	assert_string_equal(out.files[1].signer, "owner-2");
	for (int first = 0; first < 2; first++) {
		assert_int_equal(both_orders(list_of(next_owner, &entry, 1), old_model,
					     (struct hf_span){ 0 }, first), HF_ERR_SIGNER_REVOKED);
		assert_string_equal(fault.where, "file");
		assert_non_null(strstr(fault.detail, "rotated"));
		/* nothing is judged by what is left */
		assert_null(out.models);
		assert_null(out.components);
		assert_null(out.images);
	}
	/* signed again with the new key */
	reset();
	assert_int_equal(load("list", list_of(next_owner, &entry, 1)), HF_OK);
	assert_int_equal(load("model", sample(next_owner, MODELS)), HF_OK);
	assert_non_null(out.models);
	/* a key cannot speak for itself once it was taken back */
	reset();
	assert_int_equal(load("list", list_of(owner, &entry, 1)), HF_ERR_SIGNER_REVOKED);
}

static void a_manifest_is_taken_back(void **state)
{
	struct hf_revoked entry = { .kind = HF_REVOKED_MANIFEST };
	struct hf_span model = sample(owner, MODELS);

	(void)state;
	assert_int_equal(hf_digest(HF_ALG_SHA256, model, &entry.digest), HF_OK);
	for (int first = 0; first < 2; first++) {
		assert_int_equal(both_orders(list_of(owner, &entry, 1), model,
					     (struct hf_span){ 0 }, first), HF_ERR_MANIFEST_REVOKED);
		assert_null(out.models);
	}
	entry.digest.bytes[0] ^= 1;
	assert_int_equal(both_orders(list_of(owner, &entry, 1), model, (struct hf_span){ 0 }, true), HF_OK);
	assert_non_null(out.models);
}

static const struct hf_release *release(const char *name)
{
	for (const struct hf_release *r = out.components->releases; r; r = r->next)
		if (strcmp(r->name, name) == 0)
			return r;
	fail();
	return NULL;
}

static void releases_and_digests_are_taken_back(void **state)
{
	struct hf_revoked by_name = { .kind = HF_REVOKED_RELEASE, .component = "nic", .release = "2.0", .note = "CVE-1" };
	struct hf_revoked by_digest = { .kind = HF_REVOKED_DIGEST, .digest = digest_of(HF_ALG_SHA384, 0x12), .note = "CVE-2" };
	struct hf_revoked elsewhere = { .kind = HF_REVOKED_RELEASE, .component = "other", .release = "2.0" };
	struct hf_span file = sample(owner, COMPONENTS);

	(void)state;
	for (int first = 0; first < 2; first++) {
		assert_int_equal(both_orders(list_of(owner, &by_name, 1), file, (struct hf_span){ 0 }, first), HF_OK);
		assert_int_equal(release("2.0")->state, HF_RELEASE_REVOKED);
		assert_string_equal(release("2.0")->note, "CVE-1");
		assert_int_equal(both_orders(list_of(owner, &by_digest, 1), file, (struct hf_span){ 0 }, first), HF_OK);
		assert_int_equal(release("2.0")->state, HF_RELEASE_REVOKED);
		assert_string_equal(release("2.0")->note, "CVE-2");
		assert_int_equal(both_orders(list_of(owner, &elsewhere, 1), file, (struct hf_span){ 0 }, first), HF_OK);
		assert_int_equal(release("2.0")->state, HF_RELEASE_ALLOWED);
	}
}

static void images_and_boot_code_are_taken_back(void **state)
{
	struct hf_revoked entries[] = {
		{ .next = &entries[1], .kind = HF_REVOKED_DIGEST, .digest = digest_of(HF_ALG_SHA256, 0x44) },
		{ .kind = HF_REVOKED_DIGEST, .digest = digest_of(HF_ALG_SHA256, 0x31) },
	};

	(void)state;
	for (int first = 0; first < 2; first++) {
		assert_int_equal(both_orders(list_of(owner, entries, 3), sample(owner, MODELS | IMAGES),
					     (struct hf_span){ 0 }, first), HF_OK);
		assert_string_equal(out.images->name, "gate");
		assert_string_equal(out.images->next->name, "service");	/* debian is gone */
		assert_null(out.images->next->next);
		assert_string_equal(out.models->boot_code->name, "driver-1");
		assert_null(out.models->boot_code->next);
		assert_int_equal(hf_revocations_generation(&out), 3);
	}
}

/* An image of kind exit is no file: what tickets call it takes it back. */
static void an_exit_is_taken_back(void **state)
{
	struct hf_image other = { .role = HF_IMAGE_TENANT, .kind = HF_TENANT_EXIT, .name = "ironic" };
	struct hf_image image = { .next = &other, .role = HF_IMAGE_TENANT, .kind = HF_TENANT_EXIT, .name = "maas" };
	struct hf_revoked entry = { .kind = HF_REVOKED_DIGEST };
	struct hf_revocations list = { .name = "list", .entries = &entry };
	struct hf_manifests m = { .images = &image, .revocations = &list };

	(void)state;
	assert_int_equal(hf_digest(HF_ALG_SHA256, hf_span_text("exit:maas"), &entry.digest), HF_OK);
	assert_int_equal(hf_revocations_settle(&m, &fault), HF_OK);
	assert_ptr_equal(m.images, &other);
	assert_null(other.next);
}

/* A vendor goes on vouching for what the owner revoked in a component of his own. */
static void the_owner_outranks_the_vendor(void **state)
{
	struct vendor_file v = { .tag_id = "15b3102115b3003300-28.39.4082", .class_vendor = "NVIDIA" };
	struct hf_reference ref = { .mkey = "option-rom/window", .digests = { digest_of(HF_ALG_SHA256, 9) }, .digest_count = 1 };
	struct hf_environment env = { .references = &ref,
		.match = { .vendor = 0x15b3, .device = 0x1021, .class_code = 0x020000 } };
	struct hf_release deny = { .name = "bad", .state = HF_RELEASE_REVOKED, .note = "our own test", .environments = &env };
	struct hf_component mine = { .name = "cx7", .releases = &deny };
	struct hf_release *theirs;

	(void)state;
	reset();
	assert_int_equal(load("v", nvidia_file(&v, vendor)), HF_OK);
	theirs = out.components->releases;
	/* the owner's source has no SHA-512: put the deny beside by hand */
	ref.mkey = "spdm/2";
	ref.digests[0] = digest_of(HF_ALG_SHA512, 2);
	out.components->next = &mine;
	assert_int_equal(hf_revocations_settle(&out, &fault), HF_OK);
	assert_int_equal(theirs->state, HF_RELEASE_REVOKED);
	assert_string_equal(theirs->note, "our own test");
	theirs->state = HF_RELEASE_ALLOWED;
	ref.digests[0].bytes[5] ^= 1;	/* other firmware: not what was revoked */
	assert_int_equal(hf_revocations_settle(&out, &fault), HF_OK);
	assert_int_equal(theirs->state, HF_RELEASE_ALLOWED);
	ref.digests[0].bytes[5] ^= 1;
	env.match.device = 0x1023;
	assert_int_equal(hf_revocations_settle(&out, &fault), HF_OK);
	assert_int_equal(theirs->state, HF_RELEASE_ALLOWED);
}

/* So of values that are no digests: a security version, bytes under a mask. */
static void the_owner_outranks_the_vendor_in_numbers_and_bytes(void **state)
{
	static const uint8_t bytes[2] = { 1, 2 }, mask[2] = { 0xff, 0xf0 };
	struct hf_reference mine_ref = { .mkey = "spdm/2", .svn_kind = HF_SVN_EXACT, .svn = 4 };
	struct hf_reference ref = mine_ref;
	struct hf_environment mine_env = { .references = &mine_ref, .match = { .vendor = 0x1172, .device = 1 } };
	struct hf_environment env = { .references = &ref, .match = { .vendor = 0x1172, .device = 1 } };
	struct hf_release deny = { .name = "bad", .state = HF_RELEASE_REVOKED, .environments = &mine_env };
	struct hf_release theirs = { .name = "good", .environments = &env };
	struct hf_component mine = { .name = "a", .releases = &deny };
	struct hf_component vendors = { .name = "b", .vendor = true, .releases = &theirs, .next = &mine };

	(void)state;
	reset();
	out.components = &vendors;
	for (int i = 0; i < 4; i++) {	/* a number, another; bytes, others */
		if (i == 1)
			ref.svn++;
		if (i == 2) {
			mine_ref.svn_kind = 0;
			mine_ref.raw = (struct hf_span){ bytes, 2 };
			mine_ref.raw_mask = (struct hf_span){ mask, 2 };
			ref = mine_ref;
		}
		if (i == 3)
			ref.raw_mask = (struct hf_span){ NULL, 0 };
		theirs.state = HF_RELEASE_ALLOWED;
		assert_int_equal(hf_revocations_settle(&out, &fault), HF_OK);
		assert_int_equal(theirs.state, i % 2 ? HF_RELEASE_ALLOWED : HF_RELEASE_REVOKED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_survives_its_encoding),
		cmocka_unit_test(only_an_owner_revokes),
		cmocka_unit_test(old_and_new_key_overlap),
		cmocka_unit_test(a_manifest_is_taken_back),
		cmocka_unit_test(releases_and_digests_are_taken_back),
		cmocka_unit_test(images_and_boot_code_are_taken_back),
		cmocka_unit_test(an_exit_is_taken_back),
		cmocka_unit_test(the_owner_outranks_the_vendor),
		cmocka_unit_test(the_owner_outranks_the_vendor_in_numbers_and_bytes),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
