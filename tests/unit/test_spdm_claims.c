/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a conversation becomes as claims: the conversation is made by hand, its certificates
 * are real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "pcie/device_chain.h"
#include "pcie/spdm_claims.h"

#define TEST(name) static void name(void **state)
#define BEGIN struct world *w = begin(); (void)state
#define END end(w)
#define CODE HF_MEASUREMENT_CODE
#define ADVISORY HF_MEASUREMENT_ADVISORY

#define SAN "otherName:2.23.147;UTF8:Vendor=1b36:Device=0010:CC=010802:REV=02:SSVID=1af4:SSID=1100"

static const struct hf_identity identity = {
	.vendor = 0x1b36, .device = 0x0010, .subsystem_vendor = 0x1af4,
	.subsystem_device = 0x1100, .class_code = 0x010802, .revision = 2,
};

struct world {
	struct hf_arena arena;
	struct hf_claims claims;
	struct hf_part *part;
	struct hf_function *function;
	struct hf_spdm s;
	uint8_t der[8192];
	size_t der_len;
	struct hf_span root;
};

/* ---- certificates ---- */

static void extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* Version "1.2", svn 7, layer 1, a SHA-256 of ones in hexadecimal. */
static void add_dice(X509 *cert)
{
	static const uint8_t head[] = {
		0x30, 0x3c, 0x82, 0x03, '1', '.', '2', 0x83, 0x01, 0x07, 0x84, 0x01, 0x01,
		0xa6, 0x2f, 0x30, 0x2d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
		0x01, 0x04, 0x20,
	};
	uint8_t tcb[sizeof(head) + 32];
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj("2.23.133.5.4.1", 1);
	X509_EXTENSION *ext;

	memset(tcb, 0x11, sizeof(tcb));
	memcpy(tcb, head, sizeof(head));
	assert_int_equal(ASN1_OCTET_STRING_set(value, tcb, sizeof(tcb)), 1);
	ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
	ASN1_OBJECT_free(oid);
	ASN1_OCTET_STRING_free(value);
}

static void put_certificate(struct world *w, const char *name, EVP_PKEY *key, const char *issuer,
			    EVP_PKEY *signer, const char *san)
{
	X509 *cert = X509_new();
	unsigned char *p = w->der + w->der_len;
	int len;

	assert_int_equal(X509_set_version(cert, 2), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)w->der_len + 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)issuer, -1, -1, 0);
	X509_set_pubkey(cert, key);
	extend(cert, NID_basic_constraints, key == signer ? "critical,CA:TRUE" : "critical,CA:FALSE");
	extend(cert, NID_key_usage, key == signer ? "critical,keyCertSign" : "critical,digitalSignature");
	if (key != signer)
		add_dice(cert);
	if (san)
		extend(cert, NID_subject_alt_name, san);
	assert_true(X509_sign(cert, signer, EVP_sha384()) > 0);
	len = i2d_X509(cert, &p);
	assert_true(len > 0 && w->der_len + (size_t)len <= sizeof(w->der));
	w->der_len += (size_t)len;
	X509_free(cert);
}

/* One slot: a root and a leaf that says of which device it is. */
static void put_slot(struct world *w, int slot, const char *san)
{
	EVP_PKEY *root = EVP_EC_gen("P-384"), *leaf = EVP_EC_gen("P-384");
	struct hf_spdm_slot *k = &w->s.slots[slot];
	size_t start = w->der_len;
	const char *why = NULL;

	hf_device_chain_free(k->parsed);
	k->parsed = NULL;
	put_certificate(w, "root", root, "root", root, NULL);
	w->root = (struct hf_span){ w->der + start, w->der_len - start };
	put_certificate(w, "leaf", leaf, "root", root, san);
	k->certificates = (struct hf_span){ w->der + start, w->der_len - start };
	assert_int_equal(hf_device_chain_parse(k->certificates, &k->parsed, &why), HF_OK);
	k->provisioned = true;
	EVP_PKEY_free(root);
	EVP_PKEY_free(leaf);
}

/* ---- a conversation in which all went well ---- */

static void put_block(struct world *w, unsigned index, uint8_t type, const void *value, size_t len)
{
	w->s.blocks[index] = (struct hf_spdm_block){ .there = true, .type = type,
						     .value = { value, len }, .is_signed = true };
	w->s.block_count++;
	w->s.total++;
}

static const uint8_t zeros[64], mode[16] = { 0x3f, 0, 0, 0, 0x04, 0, 0, 0, 0x1f, 0, 0, 0, 0x12 };

static struct world *begin(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct hf_address address = { 0 };

	assert_non_null(w);
	assert_int_equal(hf_arena_make((size_t)4 << 20, &w->arena), HF_OK);
	hf_claims_init(&w->claims, &w->arena);
	w->part = hf_claims_add_part(&w->claims, HF_PART_CARD, "pci0000:00/01.0/00");
	w->function = hf_claims_add_function(&w->claims, w->part, &address, "pci0000:00/01.0/00.0");
	assert_non_null(w->function);
	w->s.version = 0x12;
	w->s.capabilities = HF_SPDM_CAP_CERT | HF_SPDM_CAP_CHAL | HF_SPDM_CAP_MEAS_SIGNED;
	w->s.asym = 0x80;
	w->s.hash = 2;
	w->s.measurement_hash = 4;
	w->s.hash_alg = w->s.measurement_alg = HF_ALG_SHA384;
	w->s.slot_mask = 1;
	w->s.signatures = 2;
	w->s.negotiation_signed = true;
	put_slot(w, 0, SAN);
	w->s.slots[0].challenged = true;
	w->s.content = HF_SPDM_CONTENT_SAME;
	w->s.counted = true;
	put_block(w, 1, HF_SPDM_TYPE_FIRMWARE, "firmware firmware firmware firmware firmware 12", 48);
	return w;
}

static void end(struct world *w)
{
	for (size_t i = 0; i < HF_SPDM_SLOTS; i++)
		hf_device_chain_free(w->s.slots[i].parsed);
	hf_arena_drop(&w->arena);
	free(w);
}

static void claim(struct world *w, enum hf_err result)
{
	uint8_t *buf;
	struct hf_writer out = { .cap = HF_PART_CBOR_MAX };
	struct hf_claims again;
	struct hf_arena arena;

	w->function->measurements = NULL;
	w->function->measurements_end = &w->function->measurements;
	assert_int_equal(hf_spdm_claims(&w->s, result, &identity, &w->claims, w->part, w->function),
			 HF_OK);
	/* whatever it is, it is something that evidence can carry */
	buf = malloc(out.cap);
	out.buf = buf;
	hf_part_encode(w->part, &out);
	assert_false(out.full);
	assert_int_equal(hf_arena_make((size_t)4 << 20, &arena), HF_OK);
	hf_claims_init(&again, &arena);
	assert_int_equal(hf_part_decode(&again, hf_written(&out)), HF_OK);
	hf_arena_drop(&arena);
	free(buf);
}

static const struct hf_measurement *find(struct world *w, const char *mkey)
{
	return hf_measurement_find(w->function->measurements, mkey);
}

static const struct hf_measurement *at(struct world *w, const char *mkey)
{
	const struct hf_measurement *m = find(w, mkey);

	if (!m)
		print_error("no %s\n", mkey);
	assert_non_null(m);
	return m;
}

static void text_is(struct world *w, const char *mkey, enum hf_method method, uint32_t flags,
		    const char *text)
{
	const struct hf_measurement *m = at(w, mkey);

	assert_int_equal(m->kind, HF_VALUE_TEXT);
	assert_int_equal(m->method, method);
	assert_int_equal(m->flags, flags);
	assert_string_equal(m->text, text);
}

static void failed(struct world *w, const char *mkey, enum hf_err cause, uint32_t flags)
{
	const struct hf_measurement *m = at(w, mkey);

	assert_int_equal(m->kind, HF_VALUE_FAILURE);
	assert_string_equal(hf_err_name(m->cause), hf_err_name(cause));
	assert_int_equal(m->flags, flags);
}

/* No claim says more than that the device said so. */
static void nothing_counts(struct world *w)
{
	for (const struct hf_measurement *m = w->function->measurements; m; m = m->next)
		assert_true(m->method <= HF_METHOD_VERSION);
}

TEST(a_device_that_signs)
{
	BEGIN;
	struct hf_digest d;

	claim(w, HF_OK);
	assert_null(find(w, "spdm"));
	text_is(w, "spdm/version", HF_METHOD_SIGNED, 0, "1.2");
	text_is(w, "spdm/algorithms", HF_METHOD_SIGNED, 0, "ecdsa-p384 sha-384 measurements-sha-384");
	text_is(w, "spdm/identity", HF_METHOD_SIGNED, 0, "bound");
	text_is(w, "spdm/content", HF_METHOD_SIGNED, 0, "unchanged");
	text_is(w, "spdm/capabilities", HF_METHOD_VERSION, ADVISORY,
		"certificates challenge signed measurements (00000016)");
	assert_int_equal(at(w, "spdm/slot")->number, 0);
	assert_int_equal(at(w, "spdm/1")->method, HF_METHOD_SIGNED);
	assert_int_equal(at(w, "spdm/1")->flags, CODE);
	assert_int_equal(at(w, "spdm/1")->digest_count, 1);
	assert_int_equal(at(w, "spdm/1")->digests[0].alg, HF_ALG_SHA384);
	assert_memory_equal(at(w, "spdm/1")->digests[0].bytes, "firmware firmware", 17);
	assert_int_equal(at(w, "spdm/slot/0/chain")->digest_count, 2);
	assert_int_equal(at(w, "spdm/slot/0/chain")->size, w->s.slots[0].certificates.len);
	assert_int_equal(at(w, "spdm/slot/0/chain")->flags, 0);
	assert_int_equal(hf_digest(HF_ALG_SHA384, w->root, &d), HF_OK);
	assert_true(hf_digest_equal(&at(w, "spdm/slot/0/root")->digests[1], &d));
	assert_int_equal(at(w, "spdm/slot/0/root")->method, HF_METHOD_SIGNED);
	assert_int_equal(at(w, "spdm/dice/0/svn")->number, 7);
	assert_int_equal(at(w, "spdm/dice/0/layer")->number, 1);
	assert_int_equal(at(w, "spdm/dice/0/fwid")->digests[0].bytes[31], 0x11);
	text_is(w, "spdm/dice/0/version", HF_METHOD_SIGNED, 0, "1.2");
	END;
}

TEST(only_what_a_signature_covers_is_signed)
{
	BEGIN;
	put_block(w, 2, HF_SPDM_TYPE_ROM, zeros, 48);
	put_block(w, 3, HF_SPDM_TYPE_ROM, zeros, 48);
	w->s.blocks[2].is_signed = w->s.blocks[3].is_signed = false;
	w->s.blocks[3].is_covered = true;
	w->s.negotiation_signed = false;
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/1")->method, HF_METHOD_SIGNED);
	assert_int_equal(at(w, "spdm/2")->method, HF_METHOD_VERSION);
	assert_int_equal(at(w, "spdm/3")->method, HF_METHOD_SIGNED);
	assert_int_equal(at(w, "spdm/version")->method, HF_METHOD_VERSION);
	assert_int_equal(at(w, "spdm/algorithms")->method, HF_METHOD_VERSION);
	END;
}

TEST(a_certificate_that_names_no_device)
{
	BEGIN;
	put_slot(w, 0, NULL);
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/1")->method, HF_METHOD_UNBOUND);
	assert_int_equal(at(w, "spdm/version")->method, HF_METHOD_UNBOUND);
	assert_int_equal(at(w, "spdm/slot/0/root")->method, HF_METHOD_UNBOUND);
	assert_memory_equal(at(w, "spdm/identity")->text, "unbound: ", 9);
	assert_null(find(w, "spdm/names"));
	END;
}

TEST(a_certificate_of_another_device)
{
	BEGIN;
	put_slot(w, 0, "otherName:2.23.147;UTF8:Vendor=1b36:Device=0011:CC=010802:REV=02:SSVID=1af4:"
		       "SSID=1100");
	claim(w, HF_OK);
	failed(w, "spdm/identity", HF_ERR_DEVICE_IDENTITY, CODE);
	nothing_counts(w);
	assert_memory_equal(at(w, "spdm/names")->text, "Vendor=1b36:Device=0011", 23);
	assert_int_equal(at(w, "spdm/names")->flags, ADVISORY);
	END;
}

TEST(a_conversation_that_failed)
{
	static const enum hf_err causes[] = { HF_ERR_SPDM_SIGNATURE, HF_ERR_TIMED_OUT,
					      HF_ERR_SPDM_RESET, HF_ERR_SPDM_CHANGED, HF_ERR_LIMIT };

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		BEGIN;
		claim(w, causes[i]);
		failed(w, "spdm", causes[i], CODE);
		nothing_counts(w);
		at(w, "spdm/1");	/* what was learnt is there all the same */
		END;
	}
}

TEST(an_end_without_a_signature)
{
	BEGIN;
	w->s.signatures = 0;
	w->s.measured_slot = -1;
	w->s.slots[0].challenged = w->s.blocks[1].is_signed = w->s.negotiation_signed = false;
	claim(w, HF_OK);
	failed(w, "spdm", HF_ERR_SPDM_CANNOT_SIGN, 0);
	nothing_counts(w);
	assert_null(find(w, "spdm/slot"));
	assert_null(find(w, "spdm/identity"));
	at(w, "spdm/1");
	END;
}

/* A challenge says who answers, and nothing of the firmware. */
TEST(a_device_without_measurements)
{
	BEGIN;
	w->s.measured_slot = -1;
	w->s.blocks[1].there = false;
	w->s.block_count = w->s.total = 0;
	w->s.measurement_hash = 0;
	claim(w, HF_OK);
	assert_null(find(w, "spdm"));
	text_is(w, "spdm/algorithms", HF_METHOD_SIGNED, 0, "ecdsa-p384 sha-384");
	text_is(w, "spdm/identity", HF_METHOD_SIGNED, 0, "bound");
	assert_null(find(w, "spdm/slot"));
	END;
}

TEST(every_slot_for_itself)
{
	BEGIN;
	put_slot(w, 1, NULL);		/* nobody's, and it proved nothing */
	w->s.slots[1].challenge_cause = HF_ERR_SPDM_ERROR;
	w->s.slots[2] = (struct hf_spdm_slot){ .provisioned = true, .cause = HF_ERR_DEVICE_CHAIN };
	w->s.slots[3] = (struct hf_spdm_slot){ .provisioned = true };
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/slot/0/chain")->method, HF_METHOD_SIGNED);
	assert_int_equal(at(w, "spdm/slot/1/chain")->method, HF_METHOD_VERSION);
	failed(w, "spdm/slot/1/challenge", HF_ERR_SPDM_ERROR, ADVISORY);
	failed(w, "spdm/slot/2/chain", HF_ERR_DEVICE_CHAIN, 0);
	failed(w, "spdm/slot/3/chain", HF_ERR_NOT_MEASURED, 0);
	assert_null(find(w, "spdm/slot/4/chain"));
	/* a chain that is bad signs nothing */
	w->s.slots[0].cause = HF_ERR_DEVICE_CHAIN;
	claim(w, HF_OK);
	nothing_counts(w);
	END;
}

/* The key of slot 1 signed: what slot 0 says of the device is nothing to it. */
TEST(the_slot_that_signed)
{
	BEGIN;
	put_slot(w, 1, NULL);
	w->s.measured_slot = 1;
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/slot")->number, 1);
	assert_int_equal(at(w, "spdm/1")->method, HF_METHOD_UNBOUND);
	assert_int_equal(at(w, "spdm/slot/1/chain")->method, HF_METHOD_UNBOUND);
	assert_int_equal(at(w, "spdm/slot/0/chain")->method, HF_METHOD_VERSION);
	assert_int_equal(at(w, "spdm/slot/0/root")->method, HF_METHOD_VERSION);
	END;
}

/* Before 1.2 measurements sign no negotiation, and a challenge of another slot may have been
 * answered by somebody in between. */
TEST(a_negotiation_that_another_slot_signed)
{
	BEGIN;
	put_slot(w, 1, SAN);
	w->s.slots[1].challenged = true;
	w->s.slots[0].challenged = false;
	w->s.version = 0x11;
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/1")->method, HF_METHOD_SIGNED);
	assert_int_equal(at(w, "spdm/version")->method, HF_METHOD_VERSION);
	assert_int_equal(at(w, "spdm/algorithms")->method, HF_METHOD_VERSION);
	w->s.slots[0].challenged = true;
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/version")->method, HF_METHOD_SIGNED);
	w->s.slots[0].challenged = false;
	w->s.version = 0x12;	/* measurements sign it there */
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/version")->method, HF_METHOD_SIGNED);
	END;
}

TEST(a_root_that_is_not_in_the_chain)
{
	BEGIN;
	struct hf_spdm_slot *k = &w->s.slots[0];
	const char *why;

	hf_device_chain_free(k->parsed);
	k->certificates = hf_span_part(k->certificates, w->root.len, k->certificates.len - w->root.len);
	assert_int_equal(hf_device_chain_parse(k->certificates, &k->parsed, &why), HF_OK);
	k->root_hash = (struct hf_span){ zeros, 48 };
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/slot/0/root")->digest_count, 1);
	assert_int_equal(at(w, "spdm/slot/0/root")->digests[0].alg, HF_ALG_SHA384);
	k->root_hash.len = 47;
	claim(w, HF_OK);
	assert_null(find(w, "spdm/slot/0/root"));
	END;
}

TEST(blocks_by_type)
{
	static const struct { uint8_t type; uint32_t flags; } rows[] = {
		{ HF_SPDM_TYPE_ROM, CODE }, { HF_SPDM_TYPE_FIRMWARE, CODE },
		{ HF_SPDM_TYPE_HARDWARE_CONFIG, 0 }, { HF_SPDM_TYPE_FIRMWARE_CONFIG, 0 },
		{ HF_SPDM_TYPE_MANIFEST, 0 }, { HF_SPDM_TYPE_DEVICE_MODE, 0 },
		{ HF_SPDM_TYPE_VERSION, 0 }, { HF_SPDM_TYPE_SVN, 0 },
		{ HF_SPDM_TYPE_HASH_EXTEND, CODE }, { HF_SPDM_TYPE_INFORMATION, ADVISORY },
		{ HF_SPDM_TYPE_STRUCTURED_MANIFEST, 0 }, { 11, CODE }, { 0x7f, CODE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		BEGIN;
		put_block(w, 0x10, rows[i].type, zeros, 48);	/* all zero is a value like any */
		put_block(w, 0xfe, rows[i].type | HF_SPDM_TYPE_RAW, "\x01", 1);
		claim(w, HF_OK);
		assert_int_equal(at(w, "spdm/16")->flags, rows[i].flags);
		assert_int_equal(at(w, "spdm/16")->kind, HF_VALUE_DIGESTS);
		assert_int_equal(at(w, "spdm/254")->flags, rows[i].flags);
		assert_int_equal(at(w, "spdm/254")->kind, HF_VALUE_BYTES);
		assert_int_equal(at(w, "spdm/254")->bytes.len, 1);
		END;
	}
}

TEST(raw_values_that_mean_something)
{
	BEGIN;
	static const uint8_t svn[8] = { 2, 1 };

	put_block(w, 5, HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_SVN, svn, 8);
	put_block(w, 6, HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_SVN, svn, 7);
	put_block(w, 7, HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_VERSION, "28.39.4082\0\0", 12);
	put_block(w, 8, HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_VERSION, "28\0" "39", 5);
	put_block(w, 9, HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_VERSION, zeros, 8);
	put_block(w, 0xfe, HF_SPDM_TYPE_RAW | HF_SPDM_TYPE_DEVICE_MODE, mode, sizeof(mode));
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/5")->kind, HF_VALUE_NUMBER);
	assert_int_equal(at(w, "spdm/5")->number, 0x102);
	assert_int_equal(at(w, "spdm/6")->kind, HF_VALUE_BYTES);
	text_is(w, "spdm/7", HF_METHOD_SIGNED, 0, "28.39.4082");
	assert_int_equal(at(w, "spdm/8")->kind, HF_VALUE_BYTES);
	assert_int_equal(at(w, "spdm/9")->kind, HF_VALUE_BYTES);
	assert_int_equal(at(w, "spdm/9")->bytes.len, 8);
	assert_int_equal(at(w, "spdm/254")->bytes.len, 16);
	text_is(w, "spdm/device-mode", HF_METHOD_VERSION, ADVISORY,
		"normal operation; invasive debug is on, invasive debug was on since manufacture");
	END;
}

/* A digest of an algorithm that claims cannot say is kept as it came. */
TEST(a_digest_without_a_name)
{
	BEGIN;
	w->s.measurement_alg = 0;
	w->s.measurement_hash = 16;
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/1")->kind, HF_VALUE_BYTES);
	assert_int_equal(at(w, "spdm/1")->flags, CODE);
	w->s.measurement_alg = HF_ALG_SHA512;	/* and 48 bytes are none of SHA-512 */
	claim(w, HF_OK);
	assert_int_equal(at(w, "spdm/1")->kind, HF_VALUE_BYTES);
	END;
}

TEST(blocks_that_are_counted_and_not_shown)
{
	BEGIN;
	w->s.total = 2;
	claim(w, HF_OK);
	failed(w, "spdm/total", HF_ERR_SPDM_SHAPE, CODE);
	w->s.total = 0;		/* all came at once */
	claim(w, HF_OK);
	assert_null(find(w, "spdm/total"));
	w->s.counted = false;	/* nobody signed how many there are */
	claim(w, HF_OK);
	failed(w, "spdm/total", HF_ERR_SPDM_SHAPE, CODE);
	w->s.measured_slot = -1;
	claim(w, HF_OK);
	assert_null(find(w, "spdm/total"));
	END;
}

TEST(firmware_that_changed_meanwhile)
{
	BEGIN;
	w->s.content = HF_SPDM_CONTENT_CHANGED;
	claim(w, HF_OK);
	failed(w, "spdm/content", HF_ERR_SPDM_CHANGED, CODE);
	w->s.content = HF_SPDM_CONTENT_UNKNOWN;
	claim(w, HF_OK);
	assert_null(find(w, "spdm/content"));
	END;
}

TEST(nothing_at_all)
{
	BEGIN;
	hf_device_chain_free(w->s.slots[0].parsed);
	w->s = (struct hf_spdm){ .measured_slot = -1 };
	claim(w, HF_ERR_SPDM_VERSION);
	failed(w, "spdm", HF_ERR_SPDM_VERSION, CODE);
	assert_null(w->function->measurements->next);
	END;
}

/* A reader's answer is of the part as a whole; a name that is there already is a limit. */
TEST(into_the_part)
{
	BEGIN;
	assert_int_equal(hf_spdm_claims(&w->s, HF_OK, &identity, &w->claims, w->part, NULL), HF_OK);
	assert_non_null(hf_measurement_find(w->part->measurements, "spdm/1"));
	assert_int_equal(hf_spdm_claims(&w->s, HF_OK, &identity, &w->claims, w->part, NULL),
			 HF_ERR_LIMIT);
	END;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_signs),
		cmocka_unit_test(only_what_a_signature_covers_is_signed),
		cmocka_unit_test(a_certificate_that_names_no_device),
		cmocka_unit_test(a_certificate_of_another_device),
		cmocka_unit_test(a_conversation_that_failed),
		cmocka_unit_test(an_end_without_a_signature),
		cmocka_unit_test(a_device_without_measurements),
		cmocka_unit_test(every_slot_for_itself),
		cmocka_unit_test(the_slot_that_signed),
		cmocka_unit_test(a_negotiation_that_another_slot_signed),
		cmocka_unit_test(a_root_that_is_not_in_the_chain),
		cmocka_unit_test(blocks_by_type),
		cmocka_unit_test(raw_values_that_mean_something),
		cmocka_unit_test(a_digest_without_a_name),
		cmocka_unit_test(blocks_that_are_counted_and_not_shown),
		cmocka_unit_test(firmware_that_changed_meanwhile),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(into_the_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
