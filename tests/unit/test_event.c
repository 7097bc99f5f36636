/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the data of events say: shapes, what digests bind, device paths, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/event_fixture.h"

#define BYTES(text) ((struct hf_span){ (const uint8_t *)(text), sizeof(text) - 1 })
#define ROOT_0 "\x02\x01\x0c\x00\xd0\x41\x03\x0a\x00\x00\x00\x00"
#define PCI_3_1 "\x01\x01\x06\x00\x01\x03"
#define END "\x7f\xff\x04\x00"

static struct hf_event_data decode(uint32_t type, struct hf_span data)
{
	struct hf_event e = make_event(1, type, data, NULL);
	struct hf_event_data d;

	memset(&d, 0xaa, sizeof(d));
	hf_event_decode(&e, &d);
	return d;
}

static void is_kind(uint32_t type, struct hf_span data, enum hf_event_kind kind, enum hf_err err)
{
	struct hf_event_data d = decode(type, data);

	if (d.kind != kind || d.err != err)
		print_error("type %x, %zu bytes: %s, %s\n", type, data.len, hf_event_kind_name(d.kind),
			    hf_err_name(d.err));
	assert_int_equal(d.kind, kind);
	assert_int_equal(d.err, err);
}

/* What is not of the shape of its type is raw, with the cause; nothing else is lost. */
static void no_shape(uint32_t type, struct hf_span data)
{
	is_kind(type, data, HF_EVENT_RAW, HF_ERR_EVENT_SHAPE);
}

/* Every byte cut off the end, and one more, is another shape. */
static void exact(uint32_t type, struct hf_span data, enum hf_event_kind kind)
{
	uint8_t longer[1024] = { 0 };

	is_kind(type, data, kind, HF_OK);
	for (size_t len = 0; len < data.len; len++)
		no_shape(type, hf_span_part(data, 0, len));
	assert_true(data.len < sizeof(longer));
	memcpy(longer, data.ptr, data.len);
	no_shape(type, (struct hf_span){ longer, data.len + 1 });
}

/* ---- text ---- */

static void assert_utf16(const char *utf16, size_t len, const char *want)
{
	char out[64];

	hf_utf16_text((struct hf_span){ (const uint8_t *)utf16, len }, out, sizeof(out));
	assert_string_equal(out, want);
}

static void text_is_printable_and_bounded(void **state)
{
	char out[16];

	(void)state;
	assert_utf16("a\0b\0\0\0c\0", 8, "ab");
	assert_utf16("\xe4\0\xac\x20", 4, "\xc3\xa4\xe2\x82\xac");
	assert_utf16("\x3d\xd8\x00\xde", 4, "\xf0\x9f\x98\x80");
	assert_utf16("\x3d\xd8" "a\0", 4, "?a");	/* half a pair */
	assert_utf16("\x00\xde\x3d\xd8", 4, "??");
	assert_utf16("\x1b\0[\0" "1\0m\0", 8, "?[1m");
	assert_utf16("\x2e\x20" "a\0", 4, "?a");	/* U+202E turns text around */
	assert_utf16("\x9b\0\x7f\0\xff\xfe\0\xe0", 8, "????");
	assert_utf16("\t\0a\0\n\0", 6, " a ");
	assert_utf16("a\0b", 3, "a");
	hf_bytes_text(BYTES("one\x1b[2J\xc3\xa4"), out, sizeof(out));
	assert_string_equal(out, "one?[2J??");
	memset(out, 0x55, sizeof(out));
	hf_bytes_text(BYTES("0123456789abcdefgh"), out, sizeof(out));
	assert_string_equal(out, "0123456789ab...");
	/* a character of three bytes is whole or not there */
	memset(out, 0x55, sizeof(out));
	hf_utf16_text(BYTES("\xac\x20\xac\x20\xac\x20\xac\x20\xac\x20"), out, 8);
	assert_string_equal(out, "\xe2\x82\xac...");
	assert_int_equal(out[8], 0x55);
}

static void guids(void **state)
{
	char text[HF_GUID_TEXT];

	(void)state;
	hf_guid_text(hf_guid_global, text);
	assert_string_equal(text, "8be4df61-93ca-11d2-aa0d-00e098032b8c");
	assert_string_equal(hf_guid_name(hf_guid_security), "EFI_IMAGE_SECURITY_DATABASE");
	assert_null(hf_guid_name((const uint8_t *)"0123456789abcdef"));
}

/* ---- shapes ---- */

static void simple_shapes(void **state)
{
	struct hf_event_data d;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint32_t action = i ? 0x5 : HF_EV_EFI_ACTION;

		is_kind(action, BYTES("Exit Boot Services Invocation"), HF_EVENT_TEXT, HF_OK);
		is_kind(action, BYTES("with a NUL\0"), HF_EVENT_TEXT, HF_OK);
		no_shape(action, BYTES(""));
		no_shape(action, BYTES("\x1b[2J"));
		no_shape(action, BYTES("\0"));
	}
	exact(HF_EV_SEPARATOR, BYTES("\0\0\0\0"), HF_EVENT_SEPARATOR);
	is_kind(HF_EV_SEPARATOR, BYTES("\xff\xff\xff\xff"), HF_EVENT_SEPARATOR, HF_OK);
	no_shape(HF_EV_SEPARATOR, BYTES("\2\0\0\0"));
	no_shape(HF_EV_SEPARATOR, BYTES("\0\0\0\1"));
	is_kind(HF_EV_SEPARATOR, BYTES("WBCL"), HF_EVENT_TEXT, HF_OK);
	assert_false(decode(HF_EV_SEPARATOR, BYTES("\0\0\0\0")).u.separator.failed);
	assert_true(decode(HF_EV_SEPARATOR, BYTES("\1\0\0\0")).u.separator.failed);

	exact(0x80000008u, BYTES("\x00\x10\0\0\0\0\0\0\x00\x20\0\0\0\0\0\0"), HF_EVENT_BLOB);
	exact(0x8000000au, BYTES("\3abc\x00\x10\0\0\0\0\0\0\x00\x20\0\0\0\0\0\0"), HF_EVENT_BLOB);
	d = decode(0x8000000au, BYTES("\3abc\x00\x10\0\0\0\0\0\0\x00\x20\0\0\0\0\0\0"));
	assert_int_equal(d.u.blob.base, 0x1000);
	assert_int_equal(d.u.blob.length, 0x2000);
	assert_memory_equal(d.u.blob.description.ptr, "abc", 3);
	is_kind(0x1, BYTES("ACPI DATA"), HF_EVENT_TEXT, HF_OK);
	is_kind(0x1, BYTES("\x00\x10\0\0\0\0\0\0\x00\x20\0\0\0\0\0\0"), HF_EVENT_BLOB, HF_OK);
	is_kind(0x7, BYTES("\1\2\3"), HF_EVENT_RAW, HF_OK);

	is_kind(0x8, BYTES("v\0001\0\0\0"), HF_EVENT_TEXT, HF_OK);
	is_kind(0x8, BYTES("1\0002\0003\0004\0005\0006\0007\0\0\0"), HF_EVENT_TEXT, HF_OK);
	is_kind(0x8, BYTES("\x1e\xfbkT\x0c\x1dU@\xa4\xadN\xf4\xbf\x17\xb8:"), HF_EVENT_GUID, HF_OK);
	is_kind(0x8, BYTES("\0\0"), HF_EVENT_TEXT, HF_OK);
	is_kind(0x8, BYTES("\1\2\3"), HF_EVENT_RAW, HF_OK);

	is_kind(0xa0000001u, BYTES("\1\2"), HF_EVENT_RAW, HF_OK);
	is_kind(0xa0000001u, BYTES("words"), HF_EVENT_TEXT, HF_OK);
	is_kind(0xa0000001u, BYTES("w\0\xe4\0\0"), HF_EVENT_TEXT, HF_OK);
	is_kind(0xa0000001u, BYTES("w\0\0\0x\0"), HF_EVENT_RAW, HF_OK);
	is_kind(0xf, BYTES(""), HF_EVENT_RAW, HF_OK);
}

static void tables_and_partitions(void **state)
{
	static struct made m;
	struct hf_event_data d;
	struct hf_gpt_partition p;
	char text[64];

	(void)state;
	made_start(&m);
	hf_put_le(&m.w, 1, 8);
	hf_put(&m.w, hf_guid_global, 16);
	hf_put_le(&m.w, 0x1234, 8);
	exact(HF_EV_EFI_HANDOFF_TABLES, hf_written(&m.w), HF_EVENT_TABLES);
	m.buf[0] = 2;
	no_shape(HF_EV_EFI_HANDOFF_TABLES, hf_written(&m.w));
	m.buf[0] = 1;
	m.buf[7] = 1;		/* 2^56 + 1 tables */
	no_shape(HF_EV_EFI_HANDOFF_TABLES, hf_written(&m.w));

	made_start(&m);
	hf_put(&m.w, "\2hi", 3);
	hf_put_le(&m.w, 0, 8);
	exact(0x8000000bu, hf_written(&m.w), HF_EVENT_TABLES);

	made_start(&m);
	hf_put(&m.w, "EFI PART", 8);
	for (size_t i = 0; i < 48; i++)
		hf_put_le(&m.w, 0, 1);
	hf_put(&m.w, hf_guid_security, 16);
	hf_put_le(&m.w, 2, 8);
	hf_put_le(&m.w, 128, 4);
	hf_put_le(&m.w, 128, 4);
	hf_put_le(&m.w, 0, 4);
	hf_put_le(&m.w, 1, 8);
	hf_put(&m.w, hf_guid_global, 16);
	hf_put(&m.w, hf_guid_security, 16);
	hf_put_le(&m.w, 0x800, 8);
	hf_put_le(&m.w, 0xfff, 8);
	hf_put_le(&m.w, 1, 8);
	put_utf16(&m.w, "EFI System");
	while (m.w.len < 100 + 128)
		hf_put_le(&m.w, 0, 1);
	exact(0x80000006u, hf_written(&m.w), HF_EVENT_GPT);
	d = decode(0x8000000du, hf_written(&m.w));
	assert_int_equal(d.u.gpt.count, 1);
	hf_gpt_partition_at(&d.u.gpt, 0, &p);
	assert_memory_equal(p.type, hf_guid_global, 16);
	assert_int_equal(p.last, 0xfff);
	hf_utf16_text(p.name, text, sizeof(text));
	assert_string_equal(text, "EFI System");
	m.buf[84] = 64;		/* entries shorter than UEFI has them */
	no_shape(0x80000006u, hf_written(&m.w));
	m.buf[84] = 0;
	no_shape(0x80000006u, hf_written(&m.w));
}

static void variables(void **state)
{
	static struct made m;
	struct hf_event_data d;
	char text[32];

	(void)state;
	made_start(&m);
	put_variable(&m.w, hf_guid_global, "BootOrder", BYTES("\1\0\2\0"));
	for (size_t len = 0; len < m.w.len; len++)
		no_shape(0x80000002u, hf_span_part(hf_written(&m.w), 0, len));
	d = decode(0x80000002u, hf_written(&m.w));
	assert_int_equal(d.kind, HF_EVENT_VARIABLE);
	assert_int_equal(d.value.len, 4);
	assert_int_equal(d.trailing.len, 0);
	assert_true(hf_event_variable_is(&d.u.variable, hf_guid_global, "BootOrder"));
	assert_false(hf_event_variable_is(&d.u.variable, hf_guid_security, "BootOrder"));
	assert_false(hf_event_variable_is(&d.u.variable, hf_guid_global, "BootOrde"));
	assert_false(hf_event_variable_is(&d.u.variable, hf_guid_global, "BootOrdes"));
	assert_false(hf_event_is_boot_option(&d.u.variable));
	hf_utf16_text(d.u.variable.name, text, sizeof(text));
	assert_string_equal(text, "BootOrder");
	hf_put_le(&m.w, 0, 2);		/* as some loaders log it */
	d = decode(0x80000002u, hf_written(&m.w));
	assert_int_equal(d.kind, HF_EVENT_VARIABLE);
	assert_int_equal(d.value.len, 4);
	assert_int_equal(d.trailing.len, 2);
	memset(m.buf + 16, 0xff, 8);	/* characters whose bytes overflow */
	no_shape(0x80000002u, hf_written(&m.w));
	memset(m.buf + 16, 0, 8);
	m.buf[23] = 0x80;
	no_shape(0x80000002u, hf_written(&m.w));
}

static void boot_options(void **state)
{
	static struct made m, v;
	struct hf_load_option option;
	struct hf_event_data d;
	char text[64];

	(void)state;
	made_start(&m);
	hf_put_le(&m.w, 1, 4);
	hf_put_le(&m.w, sizeof(ROOT_0 END) - 1, 2);
	put_utf16(&m.w, "UEFI Shell");
	hf_put_le(&m.w, 0, 2);
	hf_put(&m.w, ROOT_0 END, sizeof(ROOT_0 END) - 1);
	size_t whole = m.w.len;

	hf_put(&m.w, "data", 4);
	made_start(&v);
	put_variable(&v.w, hf_guid_global, "Boot00a1", hf_written(&m.w));
	d = decode(0x8000000cu, hf_written(&v.w));
	assert_true(hf_event_is_boot_option(&d.u.variable));
	assert_int_equal(hf_load_option_parse(d.value, &option), HF_OK);
	hf_utf16_text(option.description, text, sizeof(text));
	assert_string_equal(text, "UEFI Shell");
	assert_int_equal(option.path.len, 16);
	assert_int_equal(option.data.len, 4);
	for (size_t len = 0; len < whole; len++)
		assert_int_equal(hf_load_option_parse(hf_span_part(d.value, 0, len), &option),
				 HF_ERR_EVENT_SHAPE);
	made_start(&v);
	put_variable(&v.w, hf_guid_global, "Boot00g1", hf_written(&m.w));
	d = decode(0x80000002u, hf_written(&v.w));
	assert_false(hf_event_is_boot_option(&d.u.variable));
}

static void spdm_data(struct made *m, uint16_t version, bool nv)
{
	made_start(m);
	if (nv)
		hf_put(&m->w, "NvIndexInstance\0\1\0\0\0\0\0\0\0", 24);
	hf_put(&m->w, "SPDM Device Sec2", 16);
	hf_put_le(&m->w, version, 2);
	hf_put(&m->w, "\xff\0", 2);
	hf_put_le(&m->w, 0, 4);		/* total length: not used */
	hf_put_le(&m->w, 1, 4);
	hf_put_le(&m->w, 1, 4);
	hf_put_le(&m->w, 3, 4);
	hf_put_le(&m->w, 7, 8);
	hf_put_le(&m->w, sizeof(ROOT_0 PCI_3_1 END) - 1, 8);
	hf_put(&m->w, ROOT_0 PCI_3_1 END, sizeof(ROOT_0 PCI_3_1 END) - 1);
	hf_put(&m->w, "sub", 3);
	hf_put(&m->w, "\0\0\x10\0\xde\x10\x30\x23\xa1\0\2\3\xf4\x1a\0\x11", 16);
}

static void device_measurements(void **state)
{
	static struct made m;
	struct hf_event_data d;

	(void)state;
	spdm_data(&m, 2, false);
	exact(0x800000e1u, hf_written(&m.w), HF_EVENT_SPDM);
	d = decode(0x800000e2u, hf_written(&m.w));
	assert_int_equal(d.bound, HF_BOUND_DATA);
	assert_int_equal(d.u.spdm.vendor, 0x10de);
	assert_int_equal(d.u.spdm.device, 0x2330);
	assert_int_equal(d.u.spdm.revision, 0xa1);
	assert_int_equal(d.u.spdm.class_code, 0x030200);
	assert_int_equal(d.u.spdm.subsystem_vendor, 0x1af4);
	assert_int_equal(d.u.spdm.subsystem, 0x1100);
	assert_int_equal(d.u.spdm.uid, 7);
	assert_int_equal(d.u.spdm.sub_type, 1);
	assert_memory_equal(d.u.spdm.sub.ptr, "sub", 3);
	assert_string_equal(hf_spdm_auth_name(d.u.spdm.auth_state), "no-spdm");
	assert_null(hf_spdm_auth_name(9));
	is_kind(0x800000e4u, hf_written(&m.w), HF_EVENT_SPDM, HF_OK);
	memset(m.buf + 48, 0xff, 8);	/* the path's length */
	no_shape(0x800000e1u, hf_written(&m.w));
	spdm_data(&m, 1, false);
	no_shape(0x800000e1u, hf_written(&m.w));
	made_start(&m);
	put_variable(&m.w, hf_guid_security, "devdb", BYTES("x"));
	is_kind(0x800000e3u, hf_written(&m.w), HF_EVENT_VARIABLE, HF_OK);

	made_start(&m);		/* the first version has the block in front of the path */
	hf_put(&m.w, "SPDM Device Sec\0\1\0", 18);
	hf_put_le(&m.w, 0, 2 + 4);
	hf_put_le(&m.w, 0, 4);
	hf_put(&m.w, "\1\1\2\0ab", 6);
	hf_put_le(&m.w, 4, 8);
	hf_put(&m.w, END, 4);
	d = decode(0x800000e1u, hf_written(&m.w));
	assert_int_equal(d.kind, HF_EVENT_SPDM);
	assert_int_equal(d.u.spdm.sub.len, 6);
	assert_int_equal(d.u.spdm.path.len, 4);
	assert_false(d.u.spdm.has_pci);
}

static void notes(void **state)
{
	static struct made m;
	struct hf_event_data d;
	struct hf_event e;

	(void)state;
	d = decode(HF_EV_NO_ACTION, BYTES("StartupLocality\0\3"));
	assert_int_equal(d.kind, HF_EVENT_LOCALITY);
	assert_int_equal(d.u.locality.number, 3);
	assert_int_equal(d.bound, HF_BOUND_NONE);	/* it is in no PCR */
	no_shape(HF_EV_NO_ACTION, BYTES("StartupLocality\0"));
	no_shape(HF_EV_NO_ACTION, BYTES("StartupLocality\0\3\0"));
	is_kind(HF_EV_NO_ACTION, BYTES("SP800-155 Event\0\1\2\0\0" "0123456789abcdef"), HF_EVENT_RIM,
		HF_OK);
	no_shape(HF_EV_NO_ACTION, BYTES("SP800-155 Event\0\1\2\0\0" "0123456789abcdefg"));
	d = decode(HF_EV_NO_ACTION, BYTES("SP800-155 Event3\1\2\0\0" "0123456789abcdef" "\4more"));
	assert_int_equal(d.kind, HF_EVENT_RIM);
	assert_int_equal(d.u.rim.version, 3);
	assert_int_equal(d.u.rim.manufacturer, 0x201);
	assert_int_equal(d.u.rim.rest.len, 5);
	no_shape(HF_EV_NO_ACTION, BYTES("SP800-155 Event2\1\2\0\0" "0123456789abcde"));
	is_kind(HF_EV_NO_ACTION, BYTES("Spec ID Event03\0"), HF_EVENT_SPEC_ID, HF_OK);
	is_kind(HF_EV_NO_ACTION, BYTES("something else"), HF_EVENT_TEXT, HF_OK);
	is_kind(HF_EV_NO_ACTION, BYTES("\1"), HF_EVENT_RAW, HF_OK);

	spdm_data(&m, 2, true);
	is_kind(HF_EV_NO_ACTION, hf_written(&m.w), HF_EVENT_NV_INSTANCE, HF_OK);
	for (size_t len = 16; len < m.w.len; len++)
		no_shape(HF_EV_NO_ACTION, hf_span_part(hf_written(&m.w), 0, len));
	made_start(&m);
	hf_put(&m.w, "NvIndexDynamic\0\0\1\0\0\0\0\0\0\0", 24);
	hf_put_le(&m.w, 9, 8);
	hf_put(&m.w, "\5\0nonce\2\0\xab\xcd", 11);
	d = decode(HF_EV_NO_ACTION, hf_written(&m.w));
	assert_int_equal(d.kind, HF_EVENT_NV_DYNAMIC);
	assert_int_equal(d.u.dynamic.uid, 9);
	assert_int_equal(d.u.dynamic.data.len, 2);
	no_shape(HF_EV_NO_ACTION, hf_span_part(hf_written(&m.w), 0, m.w.len - 1));

	e = make_event(0x01c40200, HF_EV_NO_ACTION, BYTES("x"), NULL);
	assert_int_equal(hf_event_use(&e), HF_EVENT_NV_INDEX);
	e.type = HF_EV_IPL;
	assert_int_equal(hf_event_use(&e), HF_EVENT_NO_SUCH_PCR);
	e.pcr = 24;
	assert_int_equal(hf_event_use(&e), HF_EVENT_NO_SUCH_PCR);
	e.pcr = 23;
	assert_int_equal(hf_event_use(&e), HF_EVENT_EXTENDS);
	e.type = HF_EV_NO_ACTION;
	assert_int_equal(hf_event_use(&e), HF_EVENT_NOTE);
	assert_string_equal(hf_event_use_name(HF_EVENT_NO_SUCH_PCR), "no-such-pcr");
}

static void tagged_events(void **state)
{
	struct hf_event_data d = decode(HF_EV_EVENT_TAG, BYTES("\xed\x22\x3b\x8f\2\0\0\0ab"));

	(void)state;
	assert_string_equal(d.u.tagged.name, "linux-load-options");
	assert_int_equal(d.value.len, 2);
	exact(HF_EV_EVENT_TAG, BYTES("\1\0\0\0\2\0\0\0ab"), HF_EVENT_TAGGED);
	assert_null(decode(HF_EV_EVENT_TAG, BYTES("\1\0\0\0\2\0\0\0ab")).u.tagged.name);
}

/* ---- what is bound ---- */

static void digests_bind(void **state)
{
	static struct made m;
	struct hf_span value = BYTES("\1\0\2\0"), text = BYTES("grub_cmd: insmod gzio\0");
	struct hf_digest other, of_value;
	struct hf_event e;
	struct hf_event_data d;

	(void)state;
	made_start(&m);
	put_variable(&m.w, hf_guid_global, "BootOrder", value);
	assert_int_equal(hf_digest(HF_ALG_SHA256, value, &of_value), HF_OK);
	assert_int_equal(hf_digest(HF_ALG_SHA256, BYTES("no"), &other), HF_OK);

	e = make_event(1, 0x80000002u, hf_written(&m.w), NULL);
	hf_event_decode(&e, &d);
	assert_int_equal(d.bound, HF_BOUND_DATA);
	assert_int_equal(hf_event_bound(&e, HF_ALG_SHA256), HF_BOUND_DATA);
	assert_int_equal(hf_event_bound(&e, HF_ALG_SHA1), HF_BOUND_NONE);
	e.digests[0] = of_value;
	hf_event_decode(&e, &d);
	assert_int_equal(d.bound, HF_BOUND_VALUE);
	e.digests[0] = other;
	hf_event_decode(&e, &d);
	assert_int_equal(d.bound, HF_BOUND_NONE);

	/* a second bank that says something else: bound in one, and so in none */
	e = make_event(1, 0x80000002u, hf_written(&m.w), NULL);
	assert_int_equal(hf_digest(HF_ALG_SHA1, BYTES("no"), &e.digests[1]), HF_OK);
	e.digest_count = 2;
	hf_event_decode(&e, &d);
	assert_int_equal(d.bound, HF_BOUND_NONE);
	assert_int_equal(hf_event_bound(&e, HF_ALG_SHA256), HF_BOUND_DATA);
	assert_int_equal(hf_digest(HF_ALG_SHA1, value, &e.digests[1]), HF_OK);
	hf_event_decode(&e, &d);
	assert_int_equal(d.bound, HF_BOUND_NONE);	/* data here, value there */
	assert_int_equal(hf_digest(HF_ALG_SHA1, e.data, &e.digests[1]), HF_OK);
	hf_event_decode(&e, &d);
	assert_int_equal(d.bound, HF_BOUND_DATA);
	e.digest_count = 0;
	hf_event_decode(&e, &d);
	assert_int_equal(d.bound, HF_BOUND_NONE);

	assert_int_equal(hf_digest(HF_ALG_SHA256, BYTES("insmod gzio"), &of_value), HF_OK);
	e = make_event(8, HF_EV_IPL, text, &of_value);
	hf_event_decode(&e, &d);
	assert_int_equal(d.bound, HF_BOUND_VALUE);
}

/* The digest of an image is the program's; data made to fit it say nothing. */
static void images_are_never_bound(void **state)
{
	static const uint32_t types[] = { HF_EV_EFI_BOOT_SERVICES_APPLICATION,
					  HF_EV_EFI_BOOT_SERVICES_DRIVER,
					  HF_EV_EFI_RUNTIME_SERVICES_DRIVER, HF_EV_NO_ACTION };
	uint8_t data[32] = { 0 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct hf_event e = make_event(2, types[i], (struct hf_span){ data, 32 }, NULL);
		struct hf_event_data d;

		hf_event_decode(&e, &d);
		assert_int_equal(d.bound, HF_BOUND_NONE);
		assert_int_equal(hf_event_bound(&e, HF_ALG_SHA256), HF_BOUND_NONE);
	}
}

/* ---- device paths ---- */

static void assert_path(struct hf_span path, const char *want, enum hf_err err)
{
	char text[256];

	memset(text, 0x55, sizeof(text));
	assert_int_equal(hf_path_text(path, text, sizeof(text)), err);
	assert_string_equal(text, want);
}

static void paths_read_as_uefi_writes_them(void **state)
{
	static struct made m;
	uint8_t mac[33] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

	(void)state;
	assert_path(BYTES(""), "", HF_OK);
	assert_path(BYTES(END), "", HF_OK);
	assert_path(BYTES(ROOT_0 PCI_3_1 END), "PciRoot(0x0)/Pci(0x3,0x1)", HF_OK);
	assert_path(BYTES(ROOT_0 "\x7f\x01\x04\0" PCI_3_1 END), "PciRoot(0x0),Pci(0x3,0x1)", HF_OK);
	/* one node after another */
	assert_path(BYTES("\x03\x12\x0a\0\1\0\xff\xff\0\0" END), "Sata(0x1,0xFFFF,0x0)", HF_OK);
	assert_path(BYTES("\x03\x02\x08\0\1\0\2\0" END), "Scsi(0x1,0x2)", HF_OK);
	assert_path(BYTES("\x03\x05\x06\0\xb\0" END), "USB(0xB,0x0)", HF_OK);
	assert_path(BYTES("\x03\x01\x08\0\1\0\0\0" END), "Ata(Secondary,Master,0x0)", HF_OK);
	assert_path(BYTES("\x03\x17\x10\0\1\0\0\0\1\2\3\4\5\6\7\x8" END),
		    "NVMe(0x1,08-07-06-05-04-03-02-01)", HF_OK);
	assert_path(BYTES("\x04\x08\x18\0\0\0\0\0\x50\xf2\0\0\0\0\0\0\xff\1\2\0\0\0\0\0" END),
		    "Offset(0xF250,0x201FF)", HF_OK);
	assert_path(BYTES("\x04\x04\x0a\0a\0b\0\0\0" END), "ab", HF_OK);
	assert_path(BYTES("\x02\x01\x0c\0\xd0\x41\x08\x0a\2\0\0\0" END), "PcieRoot(0x2)", HF_OK);
	assert_path(BYTES("\x02\x01\x0c\0\xd0\x41\x01\x05\0\0\0\0" END), "Acpi(PNP0501,0x0)", HF_OK);
	assert_path(BYTES("\x03\x18\x08\0http" END), "Uri(http)", HF_OK);
	assert_path(BYTES("\x03\x14\x06\0\x64\0" END), "Vlan(100)", HF_OK);
	made_start(&m);
	put_node(&m.w, 3, 11, (struct hf_span){ mac, 33 });
	put_node(&m.w, 4, 7, (struct hf_span){ hf_guid_global, 16 });
	put_node(&m.w, 4, 6, (struct hf_span){ hf_guid_security, 16 });
	put_end(&m.w);
	assert_path(hf_written(&m.w), "MAC(525400123456,0x0)/Fv(8be4df61-93ca-11d2-aa0d-00e098032b8c)"
		    "/FvFile(d719b2cb-3d3a-4596-a3bc-dad00e67656f)", HF_OK);
	made_start(&m);
	hf_put(&m.w, "\x04\x01\x2a\0\1\0\0\0\0\x8\0\0\0\0\0\0\0\0\x10\0\0\0\0\0", 24);
	hf_put(&m.w, hf_guid_global, 16);
	hf_put(&m.w, "\2\2", 2);
	put_end(&m.w);
	assert_path(hf_written(&m.w), "HD(1,GPT,8be4df61-93ca-11d2-aa0d-00e098032b8c,0x800,0x100000)",
		    HF_OK);
}

static void odd_paths_are_bytes(void **state)
{
	static struct made m;
	char text[24];

	(void)state;
	assert_path(BYTES("\x01\x01\x07\0\1\3\0" END), "Path(1,1,010300)", HF_OK); /* too long */
	assert_path(BYTES("\x01\x01\x05\0\1" END), "Path(1,1,01)", HF_OK);
	assert_path(BYTES("\x09\x09\x06\0\xab\xcd" END), "Path(9,9,abcd)", HF_OK);
	assert_path(BYTES("\x04\x04\x08\0\x1b\0a\0" END), "?a", HF_OK);
	assert_path(BYTES(ROOT_0 PCI_3_1), "PciRoot(0x0)/Pci(0x3,0x1)", HF_ERR_EVENT_SHAPE);
	assert_path(BYTES(ROOT_0 "\x01\x01\x03\0"), "PciRoot(0x0)", HF_ERR_EVENT_SHAPE);
	assert_path(BYTES(ROOT_0 "\x01\x01\x07\0\1\3"), "PciRoot(0x0)", HF_ERR_EVENT_SHAPE);
	assert_path(BYTES(ROOT_0 END "\0"), "PciRoot(0x0)", HF_ERR_EVENT_SHAPE);
	assert_path(BYTES(ROOT_0 "\x7f\xff\x05\0\0"), "PciRoot(0x0)", HF_ERR_EVENT_SHAPE);
	memset(text, 0x55, sizeof(text));
	assert_int_equal(hf_path_text(BYTES(ROOT_0 PCI_3_1 END), text, 20), HF_OK);
	assert_string_equal(text, "PciRoot(0x0)/...");
	made_start(&m);
	for (size_t i = 0; i <= HF_PATH_NODES_MAX; i++)
		put_node(&m.w, 3, 17, BYTES("\1"));
	put_end(&m.w);
	static char long_text[2048];

	assert_int_equal(hf_path_text(hf_written(&m.w), long_text, sizeof(long_text)), HF_OK);
	assert_string_equal(long_text + strlen(long_text) - 13, "/Unit(0x1)...");
}

static enum hf_err pci_of(struct hf_span path, struct hf_event_pci_path *ret)
{
	static struct made m;
	struct hf_event e;

	made_start(&m);
	hf_put_le(&m.w, 1, 8);
	hf_put_le(&m.w, 2, 8);
	hf_put_le(&m.w, 0, 8);
	hf_put_le(&m.w, path.len, 8);
	hf_put_span(&m.w, path);
	e = make_event(2, HF_EV_EFI_BOOT_SERVICES_DRIVER, hf_written(&m.w), NULL);
	memset(ret, 0xaa, sizeof(*ret));
	return hf_event_device_path_pci(&e, ret);
}

static void paths_lead_through_pci(void **state)
{
	static struct made m;
	struct hf_event_pci_path pci;
	struct hf_event e = make_event(7, HF_EV_SEPARATOR, BYTES("\0\0\0\0"), NULL);

	(void)state;
	assert_int_equal(pci_of(BYTES("\x02\x01\x0c\0\xd0\x41\x03\x0a\7\0\0\0" PCI_3_1
				      "\x01\x01\x06\0\0\x1f"
				      "\x04\x08\x18\0\0\0\0\0\x50\xf2\0\0\0\0\0\0\xff\1\2\0\0\0\0\0" END),
				&pci), HF_OK);
	assert_true(pci.found && pci.has_range);
	assert_int_equal(pci.root_uid, 7);
	assert_int_equal(pci.count, 2);
	assert_int_equal(pci.hops[0].device, 3);
	assert_int_equal(pci.hops[0].function, 1);
	assert_int_equal(pci.hops[1].device, 0x1f);
	assert_int_equal(pci.hops[1].function, 0);
	assert_int_equal(pci.range_start, 0xf250);
	assert_int_equal(pci.range_end, 0x201ff);
	/* PCI Express roots, the long form, and a compatible id */
	assert_int_equal(pci_of(BYTES("\x02\x01\x0c\0\xd0\x41\x08\x0a\0\0\0\0" PCI_3_1 END), &pci), HF_OK);
	assert_true(pci.found);
	assert_int_equal(pci_of(BYTES("\x02\x02\x13\0\1\2\3\4\5\0\0\0\xd0\x41\x03\x0a\0\0\0" PCI_3_1 END),
				&pci), HF_OK);
	assert_true(pci.found && pci.root_uid == 5);
	/* a hop behind something that is no bridge is on another bus */
	assert_int_equal(pci_of(BYTES(ROOT_0 PCI_3_1 "\x03\x05\x06\0\xb\0" PCI_3_1 END), &pci), HF_OK);
	assert_int_equal(pci.count, 1);
	assert_int_equal(pci_of(BYTES("\x03\x05\x06\0\xb\0" ROOT_0 PCI_3_1 END), &pci), HF_OK);
	assert_false(pci.found);
	assert_int_equal(pci_of(BYTES(PCI_3_1 END), &pci), HF_OK);
	assert_false(pci.found);
	assert_int_equal(pci_of(BYTES(ROOT_0 END), &pci), HF_OK);
	assert_false(pci.found);
	assert_int_equal(pci_of(BYTES(""), &pci), HF_OK);
	assert_false(pci.found || pci.count);
	/* malformed, however late: nothing is said */
	assert_int_equal(pci_of(BYTES(ROOT_0 PCI_3_1), &pci), HF_ERR_EVENT_SHAPE);
	assert_int_equal(pci_of(BYTES(ROOT_0 "\x01\x01\x07\0\1\3\0" END), &pci), HF_ERR_EVENT_SHAPE);
	assert_int_equal(pci.count, (size_t)0xaaaaaaaaaaaaaaaa);	/* untouched */
	assert_int_equal(hf_event_device_path_pci(&e, &pci), HF_ERR_EVENT_SHAPE);
	made_start(&m);
	hf_put(&m.w, ROOT_0, 12);
	for (size_t i = 0; i < HF_EVENT_PCI_HOPS_MAX; i++)
		hf_put(&m.w, PCI_3_1, 6);
	size_t full = m.w.len;

	put_end(&m.w);
	assert_int_equal(pci_of(hf_written(&m.w), &pci), HF_OK);
	assert_int_equal(pci.count, HF_EVENT_PCI_HOPS_MAX);
	m.w.len = full;
	hf_put(&m.w, PCI_3_1, 6);
	put_end(&m.w);
	assert_int_equal(pci_of(hf_written(&m.w), &pci), HF_ERR_LIMIT);
}

static void images(void **state)
{
	struct hf_event_data d;

	(void)state;
	no_shape(HF_EV_EFI_BOOT_SERVICES_DRIVER, BYTES("abc"));
	d = decode(HF_EV_EFI_BOOT_SERVICES_DRIVER,
		   BYTES("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0" END "\0\0"));
	assert_int_equal(d.kind, HF_EVENT_IMAGE);
	assert_int_equal(d.u.image.address, 1);
	assert_int_equal(d.u.image.length, 2);
	assert_int_equal(d.u.image.link_address, 3);
	assert_int_equal(d.u.image.path.len, 4);
	assert_int_equal(d.trailing.len, 2);
	no_shape(HF_EV_EFI_BOOT_SERVICES_DRIVER,
		 BYTES("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0" END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_printable_and_bounded),
		cmocka_unit_test(guids),
		cmocka_unit_test(simple_shapes),
		cmocka_unit_test(tables_and_partitions),
		cmocka_unit_test(variables),
		cmocka_unit_test(boot_options),
		cmocka_unit_test(device_measurements),
		cmocka_unit_test(notes),
		cmocka_unit_test(tagged_events),
		cmocka_unit_test(digests_bind),
		cmocka_unit_test(images_are_never_bound),
		cmocka_unit_test(images),
		cmocka_unit_test(paths_read_as_uefi_writes_them),
		cmocka_unit_test(odd_paths_are_bytes),
		cmocka_unit_test(paths_lead_through_pci),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
