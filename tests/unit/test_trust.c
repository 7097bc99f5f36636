/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manifests/trust.h"
#include "tests/unit/manifest_fixture.h"
#include "tests/unit/sign_fixture.h"

#define NOW 1800000000

static uint8_t memory[1 << 20];
static struct hf_arena arena;
static struct hf_manifests out;
static struct hf_key *owner, *vendor, *ticket, *stranger;
static struct hf_trust trust;

static void add(struct hf_trust *to, const char *name, enum hf_anchor_role role, const struct hf_key *key)
{
	struct hf_fault fault;
	struct pem pem;

	pem_of(key, false, &pem);
	assert_int_equal(hf_trust_add(to, name, role, pem.span, &fault), HF_OK);
}

static int make_keys(void **state)
{
	struct hf_fault fault;

	(void)state;
	assert_int_equal(hf_key_generate(HF_COSE_EDDSA, &owner), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES256, &vendor), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_ES384, &ticket), HF_OK);
	assert_int_equal(hf_key_generate(HF_COSE_EDDSA, &stranger), HF_OK);
	add(&trust, "owner", HF_ANCHOR_OWNER, owner);
	add(&trust, "vendor", HF_ANCHOR_VENDOR, vendor);
	assert_int_equal(hf_trust_scope(&trust, hf_span_text("vendor = 8086\n"), &fault), HF_OK);
	add(&trust, "ticket", HF_ANCHOR_TICKET, ticket);
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	hf_trust_drop(&trust);
	hf_key_free(owner);
	hf_key_free(vendor);
	hf_key_free(ticket);
	hf_key_free(stranger);
	return 0;
}

static void reset(void)
{
	memset(memory, 0xaa, sizeof(memory));
	arena = (struct hf_arena){ .base = memory, .cap = sizeof(memory) };
	memset(&out, 0xaa, sizeof(out));
	out.arena = &arena;
	out.components = NULL;
	out.models = NULL;
	out.images = NULL;
	out.waivers = NULL;
	out.revocations = NULL;
	out.notes = NULL;
	out.file_count = 0;
}

/* After a refusal out is as before, and the fault names file and cause. */
static enum hf_err load(struct hf_span bytes, int64_t now)
{
	struct hf_fault fault;
	enum hf_err err;

	reset();
	memset(&fault, 0xaa, sizeof(fault));
	err = hf_manifest_load(&trust, "m.corim", bytes, now, &out, &fault);
	if (!err) {
		assert_int_equal(out.file_count, 1);
		return err;
	}
	assert_int_equal(fault.err, err);
	assert_string_equal(fault.where, "m.corim");
	assert_null(out.components);
	assert_null(out.models);
	assert_null(out.images);
	assert_null(out.revocations);
	assert_int_equal(out.file_count, 0);
	assert_int_equal(arena.len, 0);
	return err;
}

static struct hf_span corim_of(unsigned what)
{
	static uint8_t buf[8192];
	struct sample s;

	return (struct hf_span){ buf, sample_encode(sample_make(&s), what, buf, sizeof(buf)) };
}

static struct hf_span signed_by(const struct hf_key *key, unsigned what, const char *type,
				const char *signer)
{
	static uint8_t buf[16384];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	assert_int_equal(hf_cose_sign(key, type, signer, corim_of(what), &w), HF_OK);
	return hf_written(&w);
}

static void an_owner_speaks_of_everything(void **state)
{
	struct hf_span bytes = signed_by(owner, COMPONENTS | MODELS | IMAGES, HF_CORIM_CONTENT_TYPE, "me");
	struct hf_digest digest;

	(void)state;
	assert_int_equal(load(bytes, NOW), HF_OK);
	assert_non_null(out.components);
	assert_non_null(out.models);
	assert_non_null(out.images);
	assert_string_equal(out.files[0].name, "m.corim");
	assert_string_equal(out.files[0].signer, "owner");	/* the anchor's, not the file's own word */
	assert_true(out.files[0].generation == 7);
	assert_int_equal(hf_digest(HF_ALG_SHA256, bytes, &digest), HF_OK);
	assert_true(hf_digest_equal(&out.files[0].sha256, &digest));
}

static void a_vendor_speaks_of_components_only(void **state)
{
	(void)state;
	assert_int_equal(load(signed_by(vendor, COMPONENTS, HF_CORIM_CONTENT_TYPE, "v"), NOW), HF_OK);
	assert_string_equal(out.files[0].signer, "vendor");
	assert_int_equal(load(signed_by(vendor, MODELS, HF_CORIM_CONTENT_TYPE, "v"), NOW), HF_ERR_SIGNER_SCOPE);
	assert_int_equal(load(signed_by(vendor, IMAGES, HF_CORIM_CONTENT_TYPE, "v"), NOW), HF_ERR_SIGNER_SCOPE);
	assert_int_equal(load(signed_by(vendor, COMPONENTS | MODELS, HF_CORIM_CONTENT_TYPE, "v"), NOW), HF_ERR_SIGNER_SCOPE);
	assert_int_equal(load(signed_by(vendor, COMPONENTS | IMAGES, HF_CORIM_CONTENT_TYPE, "owner"), NOW), HF_ERR_SIGNER_SCOPE);
}

static void a_ticket_key_signs_no_manifest(void **state)
{
	(void)state;
	assert_int_equal(load(signed_by(ticket, COMPONENTS, HF_CORIM_CONTENT_TYPE, "t"), NOW), HF_ERR_SIGNER_SCOPE);
}

static void strangers_and_altered_files(void **state)
{
	struct hf_span bytes = signed_by(owner, COMPONENTS, HF_CORIM_CONTENT_TYPE, "me");
	uint8_t copy[16384];

	(void)state;
	assert_int_equal(load(signed_by(stranger, COMPONENTS, HF_CORIM_CONTENT_TYPE, "owner"), NOW), HF_ERR_SIGNER_UNKNOWN);
	bytes = signed_by(owner, COMPONENTS, HF_CORIM_CONTENT_TYPE, "me");
	for (size_t i = 0; i < bytes.len; i++) {
		enum hf_err err;

		memcpy(copy, bytes.ptr, bytes.len);
		copy[i] ^= 0x10;
		err = load((struct hf_span){ copy, bytes.len }, NOW);
		assert_int_not_equal(err, HF_OK);
	}
	memcpy(copy, bytes.ptr, bytes.len);
	copy[bytes.len - 1] ^= 1;
	assert_int_equal(load((struct hf_span){ copy, bytes.len }, NOW), HF_ERR_SIGNATURE_INVALID);
	copy[bytes.len - 1] ^= 1;
	copy[bytes.len - 100] ^= 1;	/* in the payload: not looked at */
	assert_int_equal(load((struct hf_span){ copy, bytes.len }, NOW), HF_ERR_SIGNATURE_INVALID);
	assert_int_equal(load(corim_of(COMPONENTS), NOW), HF_ERR_MANIFEST_UNSIGNED);
	assert_int_equal(load((struct hf_span){ 0 }, NOW), HF_ERR_CBOR_TRUNCATED);
	assert_int_equal(load(hf_span_text("{}"), NOW), HF_ERR_COSE_SHAPE);
	assert_int_equal(load(signed_by(owner, COMPONENTS, "application/cbor", "me"), NOW), HF_ERR_COSE_CONTENT_TYPE);
	assert_int_equal(load(signed_by(owner, COMPONENTS, NULL, "me"), NOW), HF_ERR_COSE_CONTENT_TYPE);
	assert_int_equal(load(signed_by(owner, COMPONENTS, HF_CORIM_CONTENT_TYPE, NULL), NOW), HF_ERR_COSE_META);
}

/* A payload that is no CoRIM, from nobody we know: the signer is the answer. */
static void the_signature_comes_first(void **state)
{
	static uint8_t buf[1024];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };

	(void)state;
	assert_int_equal(hf_cose_sign(stranger, HF_CORIM_CONTENT_TYPE, "x", hf_span_text("junk"), &w), HF_OK);
	assert_int_equal(load(hf_written(&w), NOW), HF_ERR_SIGNER_UNKNOWN);
	w.len = 0;
	assert_int_equal(hf_cose_sign(owner, HF_CORIM_CONTENT_TYPE, "x", hf_span_text("junk"), &w), HF_OK);
	assert_int_equal(load(hf_written(&w), NOW), HF_ERR_CORIM_SHAPE);
}

/* ---- headers that our signer does not make ---- */

enum { KID = 1, META = 2, CWT = 4, HASH = 8, VALID = 16 };

struct header { unsigned what; const char *iss; int64_t meta_nbf, meta_naf, cwt_nbf, cwt_exp; };

static void put_time(struct hf_writer *w, int64_t time, bool tagged)
{
	if (tagged)
		hf_cbor_put_tag(w, 1);
	hf_cbor_put_int(w, time);
}

static struct hf_span crafted(const struct header *h, const struct hf_key *key)
{
	static uint8_t message[16384];
	uint8_t buf[512], meta[256], id[HF_KEY_ID];
	struct hf_writer w = { .buf = buf, .cap = sizeof(buf) };
	struct hf_writer m = { .buf = meta, .cap = sizeof(meta) };
	struct hf_writer out_w = { .buf = message, .cap = sizeof(message) };
	unsigned hash = h->what & HASH ? 1 : 0;

	hf_key_id(key, id);
	hf_cbor_put_map(&w, 2 + !!(h->what & KID) + !!(h->what & META) + !!(h->what & CWT) + hash);
	hf_cbor_put_int(&w, 1);
	hf_cbor_put_int(&w, HF_COSE_EDDSA);
	hf_cbor_put_int(&w, 3);
	hf_cbor_put_text(&w, HF_CORIM_CONTENT_TYPE);
	if (h->what & KID) {
		hf_cbor_put_int(&w, 4);
		hf_cbor_put_bstr(&w, (struct hf_span){ id, sizeof(id) });
	}
	if (h->what & META) {
		hf_cbor_put_map(&m, h->meta_naf || h->meta_nbf ? 2 : 1);
		hf_cbor_put_int(&m, 0);
		hf_cbor_put_map(&m, 1);
		hf_cbor_put_int(&m, 0);
		hf_cbor_put_text(&m, "me");
		if (h->meta_naf || h->meta_nbf) {
			hf_cbor_put_int(&m, 1);
			hf_cbor_put_map(&m, !!h->meta_nbf + !!h->meta_naf);
			if (h->meta_nbf) {
				hf_cbor_put_int(&m, 0);
				put_time(&m, h->meta_nbf, true);
			}
			if (h->meta_naf) {
				hf_cbor_put_int(&m, 1);
				put_time(&m, h->meta_naf, true);
			}
		}
		hf_cbor_put_int(&w, 8);
		hf_cbor_put_bstr(&w, hf_written(&m));
	}
	if (h->what & CWT) {
		hf_cbor_put_int(&w, 15);
		hf_cbor_put_map(&w, 1 + !!h->cwt_exp + !!h->cwt_nbf);
		hf_cbor_put_int(&w, 1);
		hf_cbor_put_text(&w, h->iss);
		if (h->cwt_exp) {
			hf_cbor_put_int(&w, 4);
			put_time(&w, h->cwt_exp, false);
		}
		if (h->cwt_nbf) {
			hf_cbor_put_int(&w, 5);
			put_time(&w, h->cwt_nbf, false);
		}
	}
	if (hash) {
		hf_cbor_put_int(&w, 258);
		hf_cbor_put_int(&w, -16);
	}
	sign_raw(key, hf_written(&w), BYTES(0xa0), corim_of(COMPONENTS), &out_w);
	return hf_written(&out_w);
}

static void other_headers(void **state)
{
	static const struct { const char *name; struct header header; int64_t now; enum hf_err err; } rows[] = {
		{ "plain", { KID | META, NULL, 0, 0, 0, 0 }, NOW, HF_OK },
		{ "no kid: tried", { META, NULL, 0, 0, 0, 0 }, NOW, HF_OK },
		{ "no meta", { KID, NULL, 0, 0, 0, 0 }, NOW, HF_ERR_COSE_META },
		{ "claims alone", { KID | CWT, "me", 0, 0, 0, 0 }, NOW, HF_OK },
		{ "claims alone, of nobody", { KID | CWT, "", 0, 0, 0, 0 }, NOW, HF_ERR_COSE_META },
		{ "claims alone, too late", { KID | CWT, "me", 0, 0, 0, NOW - 1 }, NOW, HF_ERR_CORIM_EXPIRED },
		{ "claims alone, too early", { KID | CWT, "me", 0, 0, NOW + 1, 0 }, NOW, HF_ERR_CORIM_EXPIRED },
		{ "both agree", { KID | META | CWT, "me", 0, 0, 0, 0 }, NOW, HF_OK },
		{ "both disagree", { KID | META | CWT, "you", 0, 0, 0, 0 }, NOW, HF_ERR_COSE_META },
		{ "hash envelope", { KID | META | HASH, NULL, 0, 0, 0, 0 }, NOW, HF_ERR_COSE_HASH_ENVELOPE },
		{ "in time", { KID | META, NULL, NOW - 1, NOW + 1, 0, 0 }, NOW, HF_OK },
		{ "too late", { KID | META, NULL, 0, NOW - 1, 0, 0 }, NOW, HF_ERR_CORIM_EXPIRED },
		{ "too early", { KID | META, NULL, NOW + 1, NOW + 9, 0, 0 }, NOW, HF_ERR_CORIM_EXPIRED },
		{ "no clock", { KID | META, NULL, 0, NOW - 1, 0, 0 }, 0, HF_OK },
		{ "begins and never ends", { KID | META, NULL, NOW - 1, 0, 0, 0 }, NOW, HF_ERR_COSE_META },
		{ "claims too late", { KID | META | CWT, "me", 0, 0, 0, NOW - 1 }, NOW, HF_ERR_CORIM_EXPIRED },
		{ "claims too early", { KID | META | CWT, "me", 0, 0, NOW + 1, 0 }, NOW, HF_ERR_CORIM_EXPIRED },
		{ "claims in time", { KID | META | CWT, "me", 0, 0, NOW - 1, NOW + 1 }, NOW, HF_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum hf_err err = load(crafted(&rows[i].header, owner), rows[i].now);

		if (err != rows[i].err)
			fail_msg("%s: %s instead of %s", rows[i].name, hf_err_name(err), hf_err_name(rows[i].err));
	}
	/* without a key id a stranger's signature is one that no anchor verifies */
	assert_int_equal(load(crafted(&rows[1].header, stranger), NOW), HF_ERR_SIGNATURE_INVALID);
	assert_int_equal(load(crafted(&rows[0].header, stranger), NOW), HF_ERR_SIGNER_UNKNOWN);
}

static void names_across_files(void **state)
{
	struct hf_fault fault;
	struct hf_span bytes;

	(void)state;
	assert_int_equal(load(signed_by(owner, COMPONENTS, HF_CORIM_CONTENT_TYPE, "me"), NOW), HF_OK);
	bytes = signed_by(vendor, COMPONENTS, HF_CORIM_CONTENT_TYPE, "v");
	assert_int_equal(hf_manifest_load(&trust, "two.corim", bytes, NOW, &out, &fault), HF_ERR_DUPLICATE_NAME);
	assert_int_equal(out.file_count, 1);
	bytes = signed_by(owner, MODELS, HF_CORIM_CONTENT_TYPE, "me");
	assert_int_equal(hf_manifest_load(&trust, "two.corim", bytes, NOW, &out, &fault), HF_OK);
	assert_int_equal(out.file_count, 2);
	assert_int_equal(out.models->file, 1);
	assert_int_equal(out.components->file, 0);
	out.file_count = HF_MANIFEST_FILES_MAX;
	assert_int_equal(hf_manifest_load(&trust, "n.corim", bytes, NOW, &out, &fault), HF_ERR_LIMIT);
}

static void one_key_has_one_role(void **state)
{
	struct hf_trust t = { 0 };
	struct hf_fault fault;
	struct pem pem;

	(void)state;
	add(&t, "a", HF_ANCHOR_VENDOR, owner);
	pem_of(owner, false, &pem);
	assert_int_equal(hf_trust_add(&t, "b", HF_ANCHOR_OWNER, pem.span, &fault), HF_ERR_KEY_INVALID);
	assert_int_equal(t.count, 1);
	pem_of(vendor, true, &pem);	/* a private key is no anchor */
	assert_int_equal(hf_trust_add(&t, "b", HF_ANCHOR_OWNER, pem.span, &fault), HF_ERR_KEY_INVALID);
	pem_of(vendor, false, &pem);
	assert_int_equal(hf_trust_add(&t, "a/b", HF_ANCHOR_OWNER, pem.span, &fault), HF_ERR_KEY_INVALID);
	assert_int_equal(hf_trust_add(&t, "", HF_ANCHOR_OWNER, pem.span, &fault), HF_ERR_KEY_INVALID);
	t.count = HF_ANCHORS_MAX;
	assert_int_equal(hf_trust_add(&t, "c", HF_ANCHOR_OWNER, pem.span, &fault), HF_ERR_LIMIT);
	t.count = 1;
	hf_trust_drop(&t);
	assert_int_equal(t.count, 0);
}

/* ---- directories ---- */

static char base[64];

static void put_file(const char *name, struct hf_span bytes)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
	fclose(f);
}

static void remove_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	assert_int_equal(unlink(path), 0);
}

static void put_anchor(const char *name, const struct hf_key *key)
{
	struct pem pem;

	pem_of(key, false, &pem);
	put_file(name, pem.span);
}

static int make_base(void **state)
{
	char path[128];

	(void)state;
	strcpy(base, "/tmp/holdfast-trust-XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/owner", base);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/vendor", base);
	assert_int_equal(mkdir(path, 0700), 0);
	return 0;
}

static int drop_base(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

static void anchors_from_a_directory(void **state)
{
	struct hf_trust t, poison;
	struct hf_fault fault;

	(void)state;
	memset(&t, 0xaa, sizeof(t));
	poison = t;
	assert_int_equal(hf_trust_read(base, &t, &fault), HF_ERR_ANCHOR_MISSING);
	assert_int_equal(hf_trust_read("/nonexistent/anchors", &t, &fault), HF_ERR_ANCHOR_MISSING);
	put_file("owner/README", hf_span_text("not a key"));
	put_file("owner/.hidden.pem", hf_span_text("not a key"));
	assert_int_equal(hf_trust_read(base, &t, &fault), HF_ERR_ANCHOR_MISSING);
	assert_memory_equal(&t, &poison, sizeof(t));
	put_anchor("direct.pem", stranger);
	put_anchor("owner/first.pem", owner);
	put_anchor("vendor/maker.pem", vendor);
	assert_int_equal(hf_trust_read(base, &t, &fault), HF_ERR_ANCHOR_SCOPE);	/* whose devices? */
	assert_string_equal(fault.where, "vendor/maker.pem");
	put_file("vendor/maker.conf", hf_span_text("# ours\nvendor = 15b3\ndialect = nvidia-nic\n"));
	put_file("owner/first.conf", hf_span_text("vendor = 15b3\n"));
	assert_int_equal(hf_trust_read(base, &t, &fault), HF_ERR_ANCHOR_SCOPE);	/* never for an owner */
	assert_string_equal(fault.where, "owner/first.pem");
	remove_file("owner/first.conf");
	assert_memory_equal(&t, &poison, sizeof(t));
	assert_int_equal(hf_trust_read(base, &t, &fault), HF_OK);
	assert_int_equal(t.count, 3);
	assert_string_equal(t.anchors[0].name, "direct");
	assert_int_equal(t.anchors[0].role, HF_ANCHOR_OWNER);
	assert_string_equal(t.anchors[1].name, "first");
	assert_int_equal(t.anchors[1].role, HF_ANCHOR_OWNER);
	assert_string_equal(t.anchors[2].name, "maker");
	assert_int_equal(t.anchors[2].role, HF_ANCHOR_VENDOR);
	assert_true(t.anchors[2].scope.set);
	assert_int_equal(t.anchors[2].scope.vendor, 0x15b3);
	assert_non_null(t.anchors[2].scope.adapter);
	assert_false(t.anchors[0].scope.set || t.anchors[1].scope.set);
	hf_trust_drop(&t);
	put_file("vendor/bad.pem", hf_span_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
	memcpy(&t, &poison, sizeof(t));
	assert_int_equal(hf_trust_read(base, &t, &fault), HF_ERR_KEY_INVALID);
	assert_string_equal(fault.where, "vendor/bad.pem");
	assert_memory_equal(&t, &poison, sizeof(t));
}

static void manifests_from_a_directory(void **state)
{
	struct hf_fault fault;

	(void)state;
	reset();
	assert_int_equal(hf_manifests_read(&trust, base, NOW, &out, &fault), HF_ERR_MANIFEST_MISSING);
	assert_int_equal(hf_manifests_read(&trust, "/nonexistent", NOW, &out, &fault), HF_ERR_MANIFEST_MISSING);
	put_file("b.corim", signed_by(owner, MODELS, HF_CORIM_CONTENT_TYPE, "me"));
	put_file("a.corim", signed_by(vendor, COMPONENTS, HF_CORIM_CONTENT_TYPE, "v"));
	put_file("ignored.json", hf_span_text("{}"));
	assert_int_equal(hf_manifests_read(&trust, base, NOW, &out, &fault), HF_OK);
	assert_int_equal(out.file_count, 2);
	assert_string_equal(out.files[0].name, "a.corim");
	assert_string_equal(out.files[1].name, "b.corim");
	put_file("c.corim", hf_span_text("{}"));
	reset();
	assert_int_equal(hf_manifests_read(&trust, base, NOW, &out, &fault), HF_ERR_COSE_SHAPE);
	assert_string_equal(fault.where, "c.corim");
}

/* ---- the authored samples ---- */

static void samples_are_refused_for_what_is_wrong_with_them(void **state)
{
	static const struct { const char *file; enum hf_err err; } rows[] = {
		{ "bad-alg-es256-label", HF_ERR_COSE_ALGORITHM },
		{ "bad-content-type", HF_ERR_COSE_CONTENT_TYPE },
		{ "bad-duplicate-digest-alg", HF_ERR_CORIM_DUPLICATE_DIGEST },
		{ "bad-expired-rim-validity", HF_ERR_CORIM_EXPIRED },
		{ "bad-no-meta", HF_ERR_COSE_META },
		{ "bad-outer-tag17", HF_ERR_COSE_SHAPE },
		{ "bad-signature", HF_ERR_SIGNATURE_INVALID },
		{ "bad-trailing", HF_ERR_CBOR_TRAILING },
		{ "bad-truncated", HF_ERR_CBOR_TRUNCATED },
		{ "legacy-bare-bstr-tag", HF_ERR_CORIM_SHAPE },
		{ "unsigned", HF_ERR_MANIFEST_UNSIGNED },
		/* good, signed as they should be, and of a profile that is not ours */
		{ "good-meta", HF_ERR_CORIM_PROFILE },
		{ "good-cwt", HF_ERR_CORIM_PROFILE },
		{ "good-hash-envelope", HF_ERR_COSE_HASH_ENVELOPE },
	};
	struct hf_trust ours = trust;
	struct hf_fault fault;
	size_t len = 0;
	uint8_t *pem = corpus_read("corim/authored-sample/signer.pub.pem", &len);

	(void)state;
	if (!pem)
		skip();
	trust = (struct hf_trust){ 0 };
	assert_int_equal(hf_trust_add(&trust, "sample", HF_ANCHOR_OWNER, (struct hf_span){ pem, len }, &fault), HF_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[128];
		uint8_t *bytes;
		enum hf_err err;

		snprintf(name, sizeof(name), "corim/authored-sample/%s.corim", rows[i].file);
		bytes = corpus_read(name, &len);
		assert_non_null(bytes);
		err = load((struct hf_span){ bytes, len }, NOW);
		if (err != rows[i].err)
			fail_msg("%s: %s instead of %s", rows[i].file, hf_err_name(err), hf_err_name(rows[i].err));
		free(bytes);
	}
	hf_trust_drop(&trust);
	trust = ours;
	free(pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owner_speaks_of_everything),
		cmocka_unit_test(a_vendor_speaks_of_components_only),
		cmocka_unit_test(a_ticket_key_signs_no_manifest),
		cmocka_unit_test(strangers_and_altered_files),
		cmocka_unit_test(the_signature_comes_first),
		cmocka_unit_test(other_headers),
		cmocka_unit_test(names_across_files),
		cmocka_unit_test(one_key_has_one_role),
		cmocka_unit_test_setup_teardown(anchors_from_a_directory, make_base, drop_base),
		cmocka_unit_test_setup_teardown(manifests_from_a_directory, make_base, drop_base),
		cmocka_unit_test(samples_are_refused_for_what_is_wrong_with_them),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
