/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a leaf says of its device, and what DICE layers say of its firmware. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pcie/device_chain.h"
#include "tests/unit/device_cert_fixture.h"

static uint8_t bytes[1 << 16];
static struct device_cert root;

static int make_root(void **state)
{
	const struct device_spec spec = ROOT_SPEC;

	(void)state;
	root = device_make(&spec, device_key("P-256"), NULL);
	return 0;
}

static int drop_root(void **state)
{
	(void)state;
	device_drop(&root);
	return 0;
}

/* A leaf with these extensions under the root; NULL: without. */
static struct hf_device_chain *with(const char *oid, const char *value, const char *oid2,
				    const char *value2)
{
	const struct device_spec spec = { .subject = "Leaf", .extensions = {
		{ "keyUsage", "digitalSignature" }, { oid, value }, { oid2, value2 } } };
	struct device_cert leaf = device_make(&spec, device_key("P-256"), &root);
	struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
	struct hf_device_chain *chain = NULL;

	device_put(&w, root.cert);
	device_put(&w, leaf.cert);
	device_drop(&leaf);
	assert_int_equal(hf_device_chain_parse(hf_written(&w), &chain, NULL), HF_OK);
	return chain;
}

/* ---- which device ---- */

static const struct hf_identity nic = {
	.vendor = 0x15b3, .device = 0x1021, .subsystem_vendor = 0x15b3, .subsystem_device = 0x00a7,
	.class_code = 0x020000, .revision = 0x0a, .has_serial = true, .serial = 0x0123456789abcdef,
};
static const struct hf_identity plain = {	/* without a serial number */
	.vendor = 0x15b3, .device = 0x1021, .subsystem_vendor = 0x15b3, .subsystem_device = 0x00a7,
	.class_code = 0x020000, .revision = 0x0a,
};
static const struct hf_identity bridge = {
	.vendor = 0x15b3, .device = 0x1021, .class_code = 0x060400, .revision = 0x0a, .header_type = 1,
};

#define NAME(text) "otherName:2.23.147;UTF8:" text
#define IDS "Vendor=15b3:Device=1021:CC=020000:REV=0a"
#define SUB ":SSVID=15b3:SSID=00a7"
#define SN ":0123456789abcdef"

static const struct {
	const char *san;
	enum hf_device_binding of_nic, of_plain;
	const char *text;	/* NULL: not looked at */
} names[] = {
	{ NAME(IDS SUB SN), HF_DEVICE_BOUND, HF_DEVICE_OTHER, IDS SUB SN },
	{ NAME("Vendor=15B3:Device=1021:CC=020000:REV=0A:SSVID=15B3:SSID=00A7:0123456789ABCDEF"),
	  HF_DEVICE_BOUND, HF_DEVICE_OTHER, NULL },
	/* who has a serial number and is not named by it could be any of its kind */
	{ NAME(IDS SUB), HF_DEVICE_UNBOUND, HF_DEVICE_BOUND, IDS SUB },
	{ NAME(IDS SUB ":0123456789abcdee"), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS SUB ":0000000000000000"), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	/* each field */
	{ NAME("Vendor=15b4:Device=1021:CC=020000:REV=0a" SUB SN), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	{ NAME("Vendor=15b3:Device=1022:CC=020000:REV=0a" SUB SN), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	{ NAME("Vendor=15b3:Device=1021:CC=020001:REV=0a" SUB SN), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	{ NAME("Vendor=15b3:Device=1021:CC=020000:REV=0b" SUB SN), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS ":SSVID=15b4:SSID=00a7" SN), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS ":SSVID=15b3:SSID=00a8" SN), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	/* a field is missing */
	{ NAME("Device=1021:CC=020000:REV=0a" SUB SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME("Vendor=15b3:CC=020000:REV=0a" SUB SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME("Vendor=15b3:Device=1021:REV=0a" SUB SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME("Vendor=15b3:Device=1021:CC=020000" SUB SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS ":SSVID=15b3" SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	/* a field that is not understood */
	{ NAME(IDS SUB SN ":NEW=1"), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS SUB SN ":"), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS SUB SN SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS ":REV=0a" SUB SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS SN SUB), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS "::SSVID=15b3:SSID=00a7"), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME("vendor=15b3:Device=1021:CC=020000:REV=0a" SUB), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME("Vendor=5b3:Device=1021:CC=020000:REV=0a" SUB), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME("Vendor=015b3:Device=1021:CC=020000:REV=0a" SUB), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME("Vendor=0x15b3:Device=1021:CC=020000:REV=0a" SUB), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME("Vendor=15b3 :Device=1021:CC=020000:REV=0a" SUB), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME("Vendor=15bg:Device=1021:CC=020000:REV=0a" SUB), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME(IDS SUB ":SN=0123456789abcdef"), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME(IDS SUB ":123456789abcdef"), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, NULL },
	{ NAME("Vendor"), HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, "Vendor" },
	/* not understood in part, and of another for the rest: of another */
	{ NAME("Vendor=8086:What=1"), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	/* a name of another type, or in another string */
	{ "otherName:1.3.6.1.4.1.412.274.1;UTF8:" IDS SUB SN, HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, "" },
	{ "otherName:2.23.148;UTF8:" IDS SUB SN, HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, "" },
	{ "otherName:2.23.147;IA5:" IDS SUB SN, HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, "" },
	{ "DNS:" IDS SUB SN, HF_DEVICE_UNBOUND, HF_DEVICE_UNBOUND, "" },
	/* several: each has a say */
	{ "DNS:x,otherName:1.3.6.1.4.1.412.274.1;UTF8:ACME:WIDGET:1," NAME(IDS SUB SN),
	  HF_DEVICE_BOUND, HF_DEVICE_OTHER, IDS SUB SN },
	{ NAME(IDS SUB SN) "," NAME(IDS SUB SN), HF_DEVICE_BOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS SUB SN) "," NAME("Vendor=8086"), HF_DEVICE_OTHER, HF_DEVICE_OTHER, NULL },
	{ NAME("Vendor=8086") "," NAME(IDS SUB SN), HF_DEVICE_OTHER, HF_DEVICE_OTHER, "Vendor=8086" },
	{ NAME(IDS SUB SN) "," NAME(IDS SUB), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS SUB) "," NAME(IDS SUB SN), HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
	{ NAME(IDS SUB SN) ",otherName:2.23.147;IA5:x", HF_DEVICE_UNBOUND, HF_DEVICE_OTHER, NULL },
};

static void names_of_devices(void **state)
{
	char san[HF_SAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct hf_device_chain *chain = with("subjectAltName", names[i].san, NULL, NULL);

		print_message("%s\n", names[i].san);
		memset(san, 0xaa, sizeof(san));
		assert_int_equal(hf_device_chain_binding(chain, &nic, san), names[i].of_nic);
		if (names[i].text)
			assert_string_equal(san, names[i].text);
		assert_int_equal(hf_device_chain_binding(chain, &plain, san), names[i].of_plain);
		hf_device_chain_free(chain);
	}
}

static void no_name_at_all(void **state)
{
	struct hf_device_chain *chain = with(NULL, NULL, NULL, NULL);
	char san[HF_SAN_MAX] = "x";

	(void)state;
	assert_int_equal(hf_device_chain_binding(chain, &nic, san), HF_DEVICE_UNBOUND);
	assert_string_equal(san, "");
	hf_device_chain_free(chain);
}

/* Header type 1 has no subsystem ids in its name. */
static void bridges(void **state)
{
	static const struct { const char *san; enum hf_device_binding want; } rows[] = {
		{ NAME("Vendor=15b3:Device=1021:CC=060400:REV=0a"), HF_DEVICE_BOUND },
		{ NAME("Vendor=15b3:Device=1021:CC=060400:REV=0a:SSVID=15b3:SSID=00a7"), HF_DEVICE_OTHER },
		{ NAME("Vendor=15b3:Device=1021:CC=020000:REV=0a"), HF_DEVICE_OTHER },
	};
	char san[HF_SAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_device_chain *chain = with("subjectAltName", rows[i].san, NULL, NULL);

		assert_int_equal(hf_device_chain_binding(chain, &bridge, san), rows[i].want);
		hf_device_chain_free(chain);
	}
}

/* A name in the certificate of an authority above the leaf binds nothing; but a leaf that the
 * device makes itself cannot name another device than the one that its maker named. */
static void names_above_the_leaf(void **state)
{
	static const struct { const char *above, *leaf; enum hf_device_binding want; const char *san; } rows[] = {
		{ NAME(IDS SUB SN), "DNS:x", HF_DEVICE_UNBOUND, "" },
		{ NAME(IDS SUB SN), NAME(IDS SUB SN), HF_DEVICE_BOUND, IDS SUB SN },
		{ NAME(IDS SUB), NAME(IDS SUB SN), HF_DEVICE_BOUND, IDS SUB SN },
		{ NAME("What"), NAME(IDS SUB SN), HF_DEVICE_BOUND, IDS SUB SN },
		{ NAME(IDS SUB ":0123456789abcdee"), NAME(IDS SUB SN), HF_DEVICE_OTHER, IDS SUB ":0123456789abcdee" },
		{ NAME("Vendor=8086"), "DNS:x", HF_DEVICE_OTHER, "Vendor=8086" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct device_spec inter = { .subject = "Inter", .extensions = {
			{ "basicConstraints", "CA:TRUE" }, { "subjectAltName", rows[i].above } } };
		const struct device_spec leaf = { .subject = "Leaf", .extensions = {
			{ "keyUsage", "digitalSignature" }, { "subjectAltName", rows[i].leaf } } };
		struct device_cert made[2];
		struct hf_writer w = { .buf = bytes, .cap = sizeof(bytes) };
		struct hf_device_chain *chain = NULL;
		char san[HF_SAN_MAX];

		made[0] = device_make(&inter, device_key("P-256"), &root);
		made[1] = device_make(&leaf, device_key("P-256"), &made[0]);
		device_put(&w, root.cert);
		device_put(&w, made[0].cert);
		device_put(&w, made[1].cert);
		assert_int_equal(hf_device_chain_parse(hf_written(&w), &chain, NULL), HF_OK);
		assert_int_equal(hf_device_chain_binding(chain, &nic, san), rows[i].want);
		assert_string_equal(san, rows[i].san);
		hf_device_chain_free(chain);
		device_drop(&made[0]);
		device_drop(&made[1]);
	}
}

/* Long or unprintable text is cut and cleaned, never passed on. */
static void text_for_people(void **state)
{
	char value[1024], san[HF_SAN_MAX];
	struct hf_device_chain *chain;

	(void)state;
	snprintf(value, sizeof(value), "%s%0600d", NAME("A\x1b[2J"), 0);
	chain = with("subjectAltName", value, NULL, NULL);
	memset(san, 0xaa, sizeof(san));
	assert_int_equal(hf_device_chain_binding(chain, &nic, san), HF_DEVICE_UNBOUND);
	assert_int_equal(strlen(san), HF_SAN_MAX - 1);
	assert_memory_equal(san, "A?[2J0", 6);
	hf_device_chain_free(chain);
}

/* ---- DICE ---- */

#define FWID256 "302d" "0609608648016503040201" "0420" \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define E8 "3000300030003000" "3000300030003000"	/* eight empty ones */
#define TCB "2.23.133.5.4.1"
#define MULTI "2.23.133.5.4.5"

static void tcb_info(void **state)
{
	/* vendor, model, version, svn 7, layer 2, index 0, one digest, flags debug and not secure */
	struct hf_device_chain *chain = with(TCB, "DER:30" "4c" "8004" "41434d45" "8101" "4d" "8203"
		"312e32" "830107" "840102" "850100" "a62f" FWID256 "87020450", NULL, NULL);
	const struct hf_dice_layer *layer;
	struct hf_dice dice;

	(void)state;
	memset(&dice, 0xaa, sizeof(dice));
	hf_device_chain_dice(chain, &dice);
	assert_false(dice.malformed);
	assert_int_equal(dice.count, 1);
	layer = &dice.layers[0];
	assert_int_equal(layer->certificate, 1);
	assert_string_equal(layer->vendor, "ACME");
	assert_string_equal(layer->model, "M");
	assert_string_equal(layer->version, "1.2");
	assert_true(layer->has_svn && layer->has_layer && layer->has_index && layer->has_flags);
	assert_int_equal(layer->svn, 7);
	assert_int_equal(layer->layer, 2);
	assert_int_equal(layer->index, 0);
	assert_int_equal(layer->flags, 2 | 8);
	assert_int_equal(layer->fwid_count, 1);
	assert_int_equal(layer->fwids[0].alg, HF_ALG_SHA256);
	assert_int_equal(layer->fwids[0].bytes[31], 0x1f);
	hf_device_chain_free(chain);
}

static const struct {
	const char *oid, *value;
	size_t layers;
	bool malformed;
} shapes[] = {
	{ TCB, "DER:3000", 1, false },
	{ TCB, "DER:3003" "830100", 1, false },
	{ TCB, "DER:300b" "83090" "0ffffffffffffffff", 1, false },	/* 2^64 - 1 */
	{ TCB, "DER:300b" "830901" "ffffffffffffffff", 0, true },
	{ TCB, "DER:3003" "8301ff", 0, true },		/* negative */
	{ TCB, "DER:3004" "83020007", 0, true },	/* not shortest */
	{ TCB, "DER:3002" "8300", 0, true },
	{ TCB, "DER:3003" "830107" "00", 0, true },	/* bytes behind it */
	{ TCB, "DER:3006" "840100" "830100", 0, true },	/* order */
	{ TCB, "DER:3006" "830100" "830100", 0, true },	/* twice */
	{ TCB, "DER:3003" "8f0100", 0, true },		/* no such field */
	{ TCB, "DER:3003" "a30100", 0, true },		/* constructed where it is not */
	{ TCB, "DER:3003" "020100", 0, true },		/* the older form, cut short */
	{ TCB, "DER:3004" "87020450", 1, false },
	{ TCB, "DER:3004" "87020451", 0, true },	/* unused bits that are set */
	{ TCB, "DER:3004" "87020850", 0, true },
	{ TCB, "DER:3003" "870100", 1, false },
	{ TCB, "DER:3003" "870101", 0, true },
	{ TCB, "DER:3008" "870600" "0000000000", 0, true },
	{ TCB, "DER:3002" "a600", 1, false },
	{ TCB, "DER:3031" "a62f" FWID256, 1, false },
	{ TCB, "DER:3080" "0000", 0, true },		/* no length */
	{ TCB, "DER:308100", 0, true },			/* a length that is not shortest */
	{ TCB, "DER:0500", 0, true },
	{ TCB, "DER:3009" "a607" "3005" "0603" "2a0304", 0, true },		/* no digest */
	{ TCB, "DER:300d" "a60b" "3009" "0603" "2a0304" "04020102", 1, false },	/* not known here */
	{ TCB, "DER:3013" "a611" "300f" "0609608648016503040201" "04020102", 0, true },	/* its length */
	{ MULTI, "DER:3000", 0, true },
	{ MULTI, "DER:3004" "3000" "3000", 2, false },
	{ MULTI, "DER:3004" "3000" "0500", 1, true },
	{ MULTI, "DER:3022" E8 E8 "3000", 16, true },	/* 17 layers */
	{ MULTI, "DER:3020" E8 E8, 16, false },
	{ "2.23.133.5.4.4", "DER:3000", 0, false },		/* Ueid: not looked at */
};

static void shapes_of_dice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct hf_device_chain *chain = with(shapes[i].oid, shapes[i].value, NULL, NULL);
		struct hf_dice dice;

		print_message("%s %s\n", shapes[i].oid, shapes[i].value);
		hf_device_chain_dice(chain, &dice);
		assert_int_equal(dice.count, shapes[i].layers);
		assert_int_equal(dice.malformed, shapes[i].malformed);
		hf_device_chain_free(chain);
	}
}

static void both_kinds_and_too_many_digests(void **state)
{
	struct hf_device_chain *chain = with(TCB, "DER:3003" "830107", MULTI, "DER:3005" "3003" "830108");
	struct hf_dice dice;

	(void)state;
	hf_device_chain_dice(chain, &dice);
	assert_false(dice.malformed);
	assert_int_equal(dice.count, 2);
	assert_int_equal(dice.layers[0].svn, 7);
	assert_int_equal(dice.layers[1].svn, 8);
	hf_device_chain_free(chain);
	chain = with(TCB, "DER:3081bf" "a681bc" FWID256 FWID256 FWID256 FWID256, NULL, NULL);
	hf_device_chain_dice(chain, &dice);
	assert_int_equal(dice.count, 1);
	assert_int_equal(dice.layers[0].fwid_count, 4);
	hf_device_chain_free(chain);
	chain = with(TCB, "DER:3081ee" "a681eb" FWID256 FWID256 FWID256 FWID256 FWID256, NULL, NULL);
	hf_device_chain_dice(chain, &dice);
	assert_true(dice.malformed);
	hf_device_chain_free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_devices), cmocka_unit_test(no_name_at_all),
		cmocka_unit_test(bridges), cmocka_unit_test(names_above_the_leaf),
		cmocka_unit_test(text_for_people), cmocka_unit_test(tcb_info),
		cmocka_unit_test(shapes_of_dice), cmocka_unit_test(both_kinds_and_too_many_digests),
	};

	return cmocka_run_group_tests(tests, make_root, drop_root);
}
