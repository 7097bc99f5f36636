/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Roots of devices among the anchors: who may be one, for which devices it speaks, and that
 * it speaks for nothing else. Recorded conversations lead to their roots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manifests/device_trust.h"
#include "pcie/spdm.h"
#include "measure/key.h"
#include "tests/unit/device_cert_fixture.h"
#include "tests/unit/sign_fixture.h"

#define NOW 1800000000

static struct hf_trust trust;
static struct hf_fault fault;
static struct device_cert made[3];
static struct hf_device_chain *chain;
static struct hf_digest root_hash;
static const struct hf_identity nic = { .vendor = 0x15b3, .device = 0x1021, .subsystem_vendor = 0x1028 };

static struct hf_span pem_of_cert(X509 *cert)
{
	static uint8_t text[8192];
	struct hf_writer w = { .buf = text, .cap = sizeof(text) };

	device_put_pem(&w, cert);
	return hf_written(&w);
}

static int make(void **state)
{
	static const struct device_spec specs[] = { ROOT_SPEC, INTER_SPEC, LEAF_SPEC };
	static uint8_t bytes[1 << 14];
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		made[i] = device_make(&specs[i], device_key("P-384"), i ? &made[i - 1] : NULL);
		device_put(&w, made[i].cert);
		if (i == 0 && hf_digest(HF_ALG_SHA384, hf_written(&w), &root_hash))
			return 1;
	}
	return hf_device_chain_parse(hf_written(&w), &chain, NULL);
}

static int drop(void **state)
{
	(void)state;
	hf_device_chain_free(chain);
	for (size_t i = 0; i < 3; i++)
		device_drop(&made[i]);
	return 0;
}

static void start(void)
{
	hf_trust_drop(&trust);
	memset(&trust, 0xaa, sizeof(trust));
	trust.count = 0;
	memset(&fault, 0xaa, sizeof(fault));
}

static enum hf_err add(const char *name, X509 *cert, const char *conf)
{
	enum hf_err err = hf_trust_add(&trust, name, HF_ANCHOR_DEVICE, pem_of_cert(cert), &fault);

	if (!err && conf)
		err = hf_trust_scope(&trust, hf_span_text(conf), &fault);
	return err;
}

static enum hf_err judge_by(const struct hf_manifests *manifests, const struct hf_identity *identity,
			    int64_t now, const char *want)
{
	const struct hf_anchor *anchor = (void *)0x1;
	enum hf_err err = hf_device_trust_chain(&trust, manifests, identity, chain,
						(struct hf_span){ root_hash.bytes, 48 }, HF_ALG_SHA384,
						now, &anchor);

	if (err)
		assert_ptr_equal(anchor, (void *)0x1);
	else
		assert_string_equal(anchor->name, want);
	return err;
}

static enum hf_err judge(const struct hf_identity *identity, const char *want)
{
	return judge_by(NULL, identity, NOW, want);
}

/* ---- scopes ---- */

static void scopes(void **state)
{
	static const struct { const char *conf; enum hf_err want; } rows[] = {
		{ "vendor = 15b3\n", HF_OK },
		{ "vendor = 15b3\nsubsystem-vendor = 1028\ndevice = 1021\n", HF_OK },
		{ "vendor = 10de\n", HF_ERR_DEVICE_CHAIN_UNTRUSTED },
		{ "vendor = 15b3\ndevice = 1022\n", HF_ERR_DEVICE_CHAIN_UNTRUSTED },
		{ "vendor = 15b3\nsubsystem-vendor = 15b3\n", HF_ERR_DEVICE_CHAIN_UNTRUSTED },
		{ NULL, HF_ERR_DEVICE_CHAIN_UNTRUSTED },	/* none: speaks for nothing */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start();
		assert_int_equal(add("root", made[0].cert, rows[i].conf), HF_OK);
		if (!rows[i].conf)
			trust.anchors[0].scope = (struct hf_scope){ .set = false };
		assert_int_equal(judge(&nic, "root"), rows[i].want);
	}
	start();
	assert_int_equal(judge(&nic, NULL), HF_ERR_DEVICE_CHAIN_UNTRUSTED);	/* no anchor at all */
}

/* One root for the devices of two PCI vendors: once for each. No other two anchors share a key. */
static void one_root_in_two_scopes(void **state)
{
	const struct hf_identity gpu = { .vendor = 0x10de, .device = 0x2330 };

	(void)state;
	start();
	assert_int_equal(add("nics", made[0].cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(add("gpus", made[0].cert, "vendor = 10de\n"), HF_OK);
	assert_int_equal(judge(&nic, "nics"), HF_OK);
	assert_int_equal(judge(&gpu, "gpus"), HF_OK);
	assert_int_equal(hf_trust_add(&trust, "v", HF_ANCHOR_VENDOR, pem_of_cert(made[0].cert), &fault),
			 HF_ERR_KEY_INVALID);
	start();
	assert_int_equal(hf_trust_add(&trust, "v", HF_ANCHOR_OWNER, pem_of_cert(made[0].cert), &fault), HF_OK);
	assert_int_equal(add("nics", made[0].cert, NULL), HF_ERR_KEY_INVALID);
	start();
	assert_int_equal(hf_trust_add(&trust, "a", HF_ANCHOR_OWNER, pem_of_cert(made[0].cert), &fault), HF_OK);
	assert_int_equal(hf_trust_add(&trust, "b", HF_ANCHOR_OWNER, pem_of_cert(made[0].cert), &fault),
			 HF_ERR_KEY_INVALID);
}

/* The anchors of other roles stand behind no device. */
static void other_roles(void **state)
{
	static const enum hf_anchor_role roles[] = { HF_ANCHOR_OWNER, HF_ANCHOR_VENDOR,
						     HF_ANCHOR_TICKET, HF_ANCHOR_WAIVER };

	(void)state;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		start();
		assert_int_equal(hf_trust_add(&trust, "x", roles[i], pem_of_cert(made[0].cert), &fault), HF_OK);
		assert_int_equal(hf_trust_scope(&trust, hf_span_text("vendor = 15b3\n"), &fault), HF_OK);
		assert_int_equal(judge(&nic, NULL), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	}
}

/* Of several the one that the chain leads to; of none, the nearest says why. */
static void several(void **state)
{
	const struct device_spec spec = { .subject = "Root", .not_after = "250101000000Z",
		.extensions = { { "basicConstraints", "CA:TRUE" } } };
	const struct device_spec other = ROOT_SPEC;
	struct device_cert stranger = device_make(&other, device_key("P-384"), NULL), old;

	(void)state;
	EVP_PKEY_up_ref(made[0].key);
	old = device_make(&spec, made[0].key, NULL);
	start();
	assert_int_equal(add("stranger", stranger.cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(judge(&nic, NULL), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	assert_int_equal(add("old", old.cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(judge(&nic, NULL), HF_ERR_CERTIFICATE_EXPIRED);
	assert_int_equal(judge_by(NULL, &nic, 0, "old"), HF_OK);
	assert_int_equal(add("inter", made[1].cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(judge(&nic, "inter"), HF_OK);
	device_drop(&stranger);
	device_drop(&old);
}

/* What could never stand behind a chain is refused where it is put, and says why. */
static void roots_that_are_none(void **state)
{
	const struct device_spec limited = { .subject = "Root", .extensions = {
		{ "basicConstraints", "CA:TRUE" }, { "nameConstraints", "permitted;DNS:x" } } };
	const struct device_spec old = { .subject = "Root", .version = 1 };
	static const char locked[] = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END CERTIFICATE-----\n";
	struct device_cert root = device_make(&limited, device_key("P-256"), NULL);

	(void)state;
	start();
	assert_int_equal(add("root", root.cert, NULL), HF_ERR_KEY_INVALID);
	assert_non_null(strstr(fault.detail, "critical"));
	assert_int_equal(trust.count, 0);
	device_drop(&root);
	root = device_make(&old, device_key("P-256"), NULL);
	assert_int_equal(add("root", root.cert, NULL), HF_ERR_KEY_INVALID);
	device_drop(&root);
	root = device_make(&(const struct device_spec)ROOT_SPEC, device_key("ED448"), NULL);
	assert_int_equal(add("root", root.cert, NULL), HF_ERR_KEY_INVALID);
	device_drop(&root);
	/* nobody is asked for a passphrase */
	assert_int_equal(hf_trust_add(&trust, "root", HF_ANCHOR_DEVICE, hf_span_text(locked), &fault),
			 HF_ERR_KEY_INVALID);
	assert_int_equal(hf_trust_add(&trust, "root", HF_ANCHOR_OWNER, hf_span_text(locked), &fault),
			 HF_ERR_KEY_INVALID);
}

/* ---- revocation ---- */

static void take_back(struct hf_manifests *m, struct hf_revoked *entry, struct hf_revocations *list, X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(X509_get0_pubkey(cert), &der);

	*m = (struct hf_manifests){ .revocations = list };
	*list = (struct hf_revocations){ .name = "list", .entries = entry };
	*entry = (struct hf_revoked){ .kind = HF_REVOKED_KEY };
	assert_int_equal(hf_digest(HF_ALG_SHA256, (struct hf_span){ der, (size_t)len }, &entry->digest), HF_OK);
	OPENSSL_free(der);
}

static void revoked_keys(void **state)
{
	static struct hf_manifests m;
	struct hf_revocations list;
	struct hf_revoked entry, first = { .kind = HF_REVOKED_KEY, .next = &entry };

	(void)state;
	for (size_t anchor = 0; anchor < 2; anchor++) {
		start();
		assert_int_equal(add("a", made[anchor].cert, "vendor = 15b3\n"), HF_OK);
		for (size_t i = 0; i < 3; i++) {	/* root, intermediate, the device itself */
			take_back(&m, &entry, &list, made[i].cert);
			assert_int_equal(judge_by(&m, &nic, NOW, "a"), HF_ERR_DEVICE_KEY_REVOKED);
			list.entries = &first;		/* not the first of its list */
			assert_int_equal(judge_by(&m, &nic, NOW, "a"), HF_ERR_DEVICE_KEY_REVOKED);
			entry.kind = HF_REVOKED_DIGEST;	/* a digest of code, not a key */
			assert_int_equal(judge_by(&m, &nic, NOW, "a"), HF_OK);
			entry.kind = HF_REVOKED_KEY;
			entry.digest.bytes[31] ^= 1;
			assert_int_equal(judge_by(&m, &nic, NOW, "a"), HF_OK);
		}
	}
}

/* The anchor is revoked and not in the chain. */
static void revoked_anchor_above(void **state)
{
	static uint8_t bytes[1 << 14];
	static struct hf_manifests m;
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
	struct hf_device_chain *whole = chain;
	struct hf_revocations list;
	struct hf_revoked entry;

	(void)state;
	device_put(&w, made[1].cert);
	device_put(&w, made[2].cert);
	assert_int_equal(hf_device_chain_parse(hf_written(&w), &chain, NULL), HF_OK);
	start();
	assert_int_equal(add("root", made[0].cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(judge(&nic, "root"), HF_OK);
	take_back(&m, &entry, &list, made[0].cert);
	assert_int_equal(judge_by(&m, &nic, NOW, NULL), HF_ERR_DEVICE_KEY_REVOKED);
	/* whatever stands behind it besides, before or after */
	assert_int_equal(add("inter", made[1].cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(judge_by(&m, &nic, NOW, NULL), HF_ERR_DEVICE_KEY_REVOKED);
	start();
	assert_int_equal(add("inter", made[1].cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(judge_by(&m, &nic, NOW, "inter"), HF_OK);
	assert_int_equal(add("root", made[0].cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(judge_by(&m, &nic, NOW, NULL), HF_ERR_DEVICE_KEY_REVOKED);
	start();
	assert_int_equal(add("root", made[0].cert, "vendor = 15b3\n"), HF_OK);
	root_hash.bytes[0] ^= 1;
	assert_int_equal(judge(&nic, NULL), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	root_hash.bytes[0] ^= 1;
	hf_device_chain_free(chain);
	chain = whole;
}

/* ---- files ---- */

static char base[64];

static void put_file(const char *dir, const char *name, struct hf_span text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", base, dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/%s", base, dir, name);
	out = fopen(path, "wb");
	assert_non_null(out);
	assert_int_equal(fwrite(text.ptr, 1, text.len, out), text.len);
	fclose(out);
}

static void remove_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	unlink(path);
	rmdir(path);
}

static void anchors_of_devices_from_a_directory(void **state)
{
	(void)state;
	strcpy(base, "/tmp/hf-device-XXXXXX");
	assert_non_null(mkdtemp(base));
	start();
	put_file("device", "maker.pem", pem_of_cert(made[0].cert));
	assert_int_equal(hf_trust_read(base, &trust, &fault), HF_ERR_ANCHOR_SCOPE);	/* whose? */
	assert_string_equal(fault.where, "device/maker.pem");
	put_file("device", "maker.conf", hf_span_text("vendor = 15b3\ndialect = nvidia-nic\n"));
	assert_int_equal(hf_trust_read(base, &trust, &fault), HF_ERR_ANCHOR_SCOPE);	/* signs no manifest */
	put_file("device", "maker.conf", hf_span_text("vendor = 15b3\n"));
	assert_int_equal(hf_trust_read(base, &trust, &fault), HF_OK);
	assert_int_equal(trust.count, 1);
	assert_int_equal(trust.anchors[0].role, HF_ANCHOR_DEVICE);
	assert_int_equal(trust.anchors[0].scope.vendor, 0x15b3);
	assert_int_equal(judge(&nic, "maker"), HF_OK);
	hf_trust_drop(&trust);
	put_file("device", "leaf.pem", pem_of_cert(made[2].cert));
	put_file("device", "leaf.conf", hf_span_text("vendor = 15b3\n"));
	assert_int_equal(hf_trust_read(base, &trust, &fault), HF_ERR_KEY_INVALID);
	assert_string_equal(fault.where, "device/leaf.pem");
	remove_file("device/leaf.pem");
	remove_file("device/leaf.conf");
	remove_file("device/maker.pem");
	remove_file("device/maker.conf");
	remove_file("device");
	rmdir(base);
}

/* What a root of devices signs is no manifest. */
static void signs_no_manifest(void **state)
{
	static uint8_t signed_bytes[4096], memory[1 << 16];
	struct hf_arena arena = { .base = memory, .cap = sizeof(memory) };
	static struct hf_manifests out;
	struct hf_writer w = { .buf = signed_bytes, .cap = sizeof(signed_bytes) };
	BIO *bio = BIO_new(BIO_s_mem());
	struct hf_key *key = NULL;
	char *text;
	long len;

	(void)state;
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, made[0].key, NULL, NULL, 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(hf_key_read_pem((struct hf_span){ (uint8_t *)text, (size_t)len }, true, &key), HF_OK);
	BIO_free(bio);
	assert_int_equal(hf_cose_sign(key, HF_CORIM_CONTENT_TYPE, "root", hf_span_text("x"), &w), HF_OK);
	hf_key_free(key);
	start();
	out.arena = &arena;
	assert_int_equal(add("root", made[0].cert, "vendor = 15b3\n"), HF_OK);
	assert_int_equal(hf_manifest_load(&trust, "x", hf_written(&w), NOW, &out, &fault), HF_ERR_SIGNER_UNKNOWN);
	/* the same file by the same key, were it an owner's */
	trust.anchors[0].role = HF_ANCHOR_OWNER;
	trust.anchors[0].key->ca = false;
	assert_int_not_equal(hf_manifest_load(&trust, "x", hf_written(&w), NOW, &out, &fault), HF_ERR_SIGNER_UNKNOWN);
}

/* ---- recorded conversations ---- */

static bool add_root(const char *file, const char *name)
{
	uint8_t *der;
	size_t len = 0;
	const unsigned char *p;
	char path[128];
	X509 *cert;

	snprintf(path, sizeof(path), "spdm/roots/%s.der", file);
	der = corpus_read(path, &len);
	if (!der)
		return false;
	p = der;
	cert = d2i_X509(NULL, &p, (long)len);
	assert_non_null(cert);
	assert_int_equal(add(name, cert, "vendor = 15b3\n"), HF_OK);
	X509_free(cert);
	free(der);
	return true;
}

static const struct recorded { const char *part, *root; } recorded[] = {
	{ "x_slot1_v12", "ecp384.root1" }, { "x_alias", "ecp384.root" },
	{ "x_n", "ecp384.root" },
	{ "_p256_", "ecp256.root" }, { "_p384_", "ecp384.root" }, { "_p521_", "ecp521.root" },
	{ "_rsapss3072_", "rsa3072.root" }, { "_rsassa3072_", "rsa3072.root" },
	{ "_ed25519_", "ed25519.root" },
};

static const char *root_of(const char *file)
{
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++)
		if (strstr(file, recorded[i].part))
			return recorded[i].root;
	return NULL;
}

static enum hf_err trust_of(const struct hf_identity *identity, struct hf_span file, int64_t now,
			    struct hf_arena *arena, const struct hf_anchor **ret)
{
	const struct hf_spdm_options options = { .arena = arena, .padded = true };
	struct hf_spdm s;
	enum hf_err err;

	arena->len = 0;
	assert_int_equal(hf_spdm_open(&options, &s), HF_OK);
	err = hf_transcript_replay(file, &s);
	if (!err)
		err = hf_device_trust_of(&trust, NULL, identity, &s, now, ret);
	hf_spdm_close(&s);
	return err;
}

static void check_recorded(const char *file, struct hf_arena *arena)
{
	const char *want = strstr(file, "nosig") ? NULL : root_of(file);	/* nobody signed */
	const struct hf_identity gpu = { .vendor = 0x10de };
	const struct hf_anchor *anchor = NULL;
	char path[320];
	size_t len = 0;
	uint8_t *bytes;
	struct hf_span span;
	enum hf_err err;

	snprintf(path, sizeof(path), "spdm/pcap/%s", file);
	bytes = corpus_read(path, &len);
	assert_non_null(bytes);
	span = (struct hf_span){ bytes, len };
	err = trust_of(&nic, span, NOW, arena, &anchor);
	print_message("%s: %s %s\n", file, err ? hf_err_name(err) : "ok", anchor ? anchor->name : "");
	assert_int_equal(err, want ? HF_OK : HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	if (want)
		assert_string_equal(anchor->name, want);
	assert_int_equal(trust_of(&gpu, span, NOW, arena, &anchor), HF_ERR_DEVICE_CHAIN_UNTRUSTED);
	if (want)	/* 2039 */
		assert_int_equal(trust_of(&nic, span, 2200000000, arena, &anchor),
				 HF_ERR_CERTIFICATE_EXPIRED);
	assert_int_equal(trust_of(&nic, hf_span_part(span, 0, len - 1), NOW, arena, &anchor),
			 HF_ERR_TRANSCRIPT_SHAPE);
	free(bytes);
}

static void recorded_conversations(void **state)
{
	char dir[512];
	struct hf_arena arena;
	struct dirent *entry;
	DIR *list;
	size_t count = 0;

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen |= strcmp(recorded[k].root, recorded[i].root) == 0;
		if (!seen && !add_root(recorded[i].root, recorded[i].root))
			return;
	}
	assert_int_equal(hf_arena_make(8 << 20, &arena), HF_OK);
	list = opendir(corpus_path("spdm/pcap", dir, sizeof(dir)));
	assert_non_null(list);
	while ((entry = readdir(list)) != NULL)
		if (strstr(entry->d_name, ".pcap")) {
			check_recorded(entry->d_name, &arena);
			count++;
		}
	closedir(list);
	assert_true(count > 50);
	hf_arena_drop(&arena);
}

static void finding(void **state)
{
	const struct hf_device_trust second = { .path = "b" }, first = { .path = "a", .next = (void *)&second };

	(void)state;
	assert_ptr_equal(hf_device_trust_find(&first, "b"), &second);
	assert_ptr_equal(hf_device_trust_find(&first, "a"), &first);
	assert_null(hf_device_trust_find(&first, "c"));
	assert_null(hf_device_trust_find(NULL, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scopes), cmocka_unit_test(one_root_in_two_scopes),
		cmocka_unit_test(other_roles), cmocka_unit_test(several),
		cmocka_unit_test(roots_that_are_none), cmocka_unit_test(revoked_keys), cmocka_unit_test(revoked_anchor_above),
		cmocka_unit_test(anchors_of_devices_from_a_directory),
		cmocka_unit_test(signs_no_manifest), cmocka_unit_test(recorded_conversations),
		cmocka_unit_test(finding),
	};
	int failed = cmocka_run_group_tests(tests, make, drop);

	hf_trust_drop(&trust);
	return failed;
}
